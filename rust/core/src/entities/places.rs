//! What the label of an entity counts at least where a path is searched.
//!
//! A model that is sure of a type may be wrong about the place: an `I-LOC` behind an `O` may not stand there, and noise
//! would decide between `O`, `B-LOC` and `B-PER`. So each label has some of the weight of the others of its type.

use crate::entities::viterbi::Grammar;
use crate::labels::Role;

const BARRED: f32 = f32::NEG_INFINITY;

/// By how much the logit of an entity's label may fall short of another one of its type that says otherwise whether the
/// entity begins: a twentieth of its probability. Never enough to take the first place, so that a legal sequence of most
/// probable labels stays the best.
const BEGINS: f32 = 3.0;
/// The same if the other label says otherwise whether the entity ends. Not equal, so that no two paths weigh the same.
const ENDS: f32 = 3.25;
/// The same if it says both otherwise: more than twice each, so that two names are not taken for one.
const BOTH: f32 = 6.75;

/// By how much a label with the place `role` may fall short of one of its type with the place `other`.
fn shortfall(role: Role, other: Role) -> f32 {
    let begins = |role| matches!(role, Role::Begin | Role::Single);
    let ends = |role| matches!(role, Role::End | Role::Single);
    match (begins(role) != begins(other), ends(role) != ends(other)) {
        (true, true) => BOTH,
        (true, false) => BEGINS,
        (false, true) => ENDS,
        (false, false) => f32::INFINITY,
    }
}

/// For each label of an entity and each other one of its type: both, and by how much the first may fall short of the other.
pub(super) fn pairs(kinds: &[Vec<(u32, Role)>]) -> Vec<(u32, u32, f32)> {
    let entities = |kind: &[(u32, Role)]| {
        kind.iter().copied().filter(|(_, role)| *role != Role::Outside).collect::<Vec<_>>()
    };
    let mut pairs = Vec::new();
    for kind in kinds.iter().map(|kind| entities(kind)) {
        for (&(label, role), &(other, place)) in
            kind.iter().flat_map(|one| kind.iter().map(move |other| (one, other)))
        {
            let shortfall = shortfall(role, place);
            if shortfall.is_finite() {
                pairs.push((label, other, shortfall));
            }
        }
    }
    pairs
}

impl Grammar {
    /// Whether the row gives an entity's label less than it counts, so that it stands for another one of its type.
    pub(crate) fn stands_in(&self, row: &[f32], label: u32) -> bool {
        let mut pairs = self.pairs.iter();
        pairs.any(|&(one, other, shortfall)| {
            one == label && row[label as usize] < row[other as usize] - shortfall
        })
    }

    /// Writes the row that is searched into `out`: no label of an entity is too far below the others of its type, unless it
    /// is barred. With weights of the caller, which go with the logits as they are, it is `row`.
    pub(crate) fn write_searched(&self, row: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(row);
        for &(label, other, shortfall) in &self.pairs {
            let (value, least) = (&mut out[label as usize], row[other as usize] - shortfall);
            *value = if *value > BARRED && least > *value { least } else { *value };
        }
    }
}
