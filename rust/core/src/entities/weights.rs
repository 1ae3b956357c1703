//! What the steps between labels weigh, beside the logits.

use crate::labels::Role;

/// Transition weights that openai/privacy-filter publishes in `viterbi_calibration.json`, for schemes in which each
/// entity has its end marked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Biases {
    /// From outside to outside.
    pub background_stay: f32,
    /// From outside to the first token of an entity.
    pub background_to_start: f32,
    /// From a token of an entity to one that is not its last.
    pub inside_to_continue: f32,
    /// From a token of an entity to its last one.
    pub inside_to_end: f32,
    /// From an entity's last token to outside.
    pub end_to_background: f32,
    /// From an entity's last token to the first one of the next.
    pub end_to_start: f32,
}

/// The weights that are added to the logits at a step to the next token.
#[derive(Debug, Clone, PartialEq)]
pub enum Weights {
    /// One weight for each kind of step.
    Biases(Biases),
    /// One weight for each pair of labels (rows: the earlier label), and for the first and the last label.
    Matrix {
        /// Labels x labels.
        steps: Vec<f32>,
        /// Labels.
        start: Vec<f32>,
        /// Labels.
        end: Vec<f32>,
    },
}

impl Default for Weights {
    fn default() -> Self {
        Self::Biases(Biases::default())
    }
}

/// What a step between two roles weighs.
pub(super) fn bias(biases: &Biases, last: Role, next: Role) -> f32 {
    match (last, next) {
        (Role::Outside, Role::Outside) => biases.background_stay,
        (Role::Outside, _) => biases.background_to_start,
        (Role::Begin | Role::Inside, Role::Inside) => biases.inside_to_continue,
        (Role::Begin | Role::Inside, Role::End) => biases.inside_to_end,
        (Role::End | Role::Single, Role::Outside) => biases.end_to_background,
        (Role::End | Role::Single, _) => biases.end_to_start,
        (Role::Begin | Role::Inside, _) => 0.0,
    }
}
