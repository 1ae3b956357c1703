//! What a caller sets: how tokens become entities, and the names of the options' values.

use super::join::Join;
use super::stitch::Merge;
use super::words::Source;
use crate::entities::Strategy;
use crate::entities::chunks::Repair;
use crate::entities::strategy::Decides;
use crate::entities::transformers::words::Boundary;
use crate::entities::viterbi::Grammar;
use crate::error::named;

named! {
    /// What the score of an entity is. Tokens are words where the strategy joins them.
    pub enum Score of "score" {
        /// Mean of its tokens' probabilities.
        Mean = "mean",
        /// Smallest of its tokens' probabilities.
        Min = "min",
        /// Probability of its first token.
        First = "first",
        /// Largest of its tokens' probabilities.
        Max = "max",
        /// Probability, among all legal sequences, that exactly its tokens are an entity of its type; of a token by itself,
        /// that it has its label.
        Path = "path",
    }
}

named! {
    /// How labels are decided.
    pub enum Decide of "decode" {
        /// The most probable label of each token.
        Argmax = "argmax",
        /// The most probable sequence of labels that the scheme allows.
        Viterbi = "viterbi",
    }
}

named! {
    /// Whether entities are widened to whole words.
    pub enum Snap of "snap" {
        /// Where something tells words apart.
        Auto = "auto",
        /// Always; it is an error where nothing tells words apart.
        Word = "word",
        /// Never.
        Never = None,
    }
}

named! {
    /// The characters that are left out at both ends of an entity.
    pub enum Trim of "trim" {
        /// White space.
        Whitespace = "whitespace",
        /// Nothing.
        Nothing = None,
    }
}

/// How tokens become entities.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Settings {
    /// Tokens alone, in runs, or by words.
    pub strategy: Strategy,
    /// Whether the best legal sequence is taken, rather than the best label of each token.
    pub viterbi: bool,
    /// What becomes of illegal labels.
    pub repair: Repair,
    /// What the score is.
    pub score: Score,
    /// Where words come from.
    pub words: Source,
    /// Whether each token is a word if nothing tells words apart; otherwise strategies over words then raise an error.
    pub lenient: bool,
    /// Whether entities grow to whole words.
    pub snap: Snap,
    /// Which pieces become one entity.
    pub join: Join,
    /// Whether white space at the ends of an entity is left out of it.
    pub trim: bool,
    /// Subtracted from the logits of labels outside, before anything is decided.
    pub outside_bias: f32,
    /// How windows become one.
    pub merge: Merge,
    /// Whether to give the distribution over names for each entity.
    pub probs: bool,
    /// How transformers tells words apart for this tokenizer.
    pub boundary: Boundary,
    /// By name (see [`Decoder::names`]): whether entities of that name are left out.
    pub ignored: Vec<bool>,
    /// By name: entities with a lower score are left out. 64 bits, as scores have when they are handed out, so that a
    /// caller who compares them gets the same result.
    pub thresholds: Vec<f64>,
}

impl Settings {
    /// Whether words of several tokens get rows of their own that say where an entity begins and ends. If the scheme
    /// marks neither ends nor entities of one token, the first token's row says all of it.
    pub(super) fn lays_out_words(&self, grammar: &Grammar) -> bool {
        match self.strategy.decides() {
            None => false,
            Some(Decides::First) => {
                let scheme = grammar.tagging().scheme;
                scheme.marks_ends() || scheme.marks_singles()
            }
            Some(Decides::Wins(_) | Decides::Mean) => true,
        }
    }
}
