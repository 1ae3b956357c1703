//! Logits -> answers: an exact search for the best spans, and both behaviours on top of it.

mod decode;
mod fold;
mod input;
mod nbest;
mod options;
mod own;
mod runs;
pub mod search;
mod softmax;
mod transformers;

pub use decode::{Answer, Answers, decode};
pub use input::{Floats, Ints, Text, Window};
pub use nbest::{Example, Feature, NBest, Position, Ranked, Ranking, list, positions, rank};
pub use options::{Dedupe, Mode, Normalize, Options, Widen};
pub use search::*;
