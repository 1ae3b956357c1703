//! Logits -> answers: an exact search for the best spans, and both behaviours on top of it.

mod decode;
mod fold;
mod input;
mod nbest;
pub mod search;
mod softmax;

pub use decode::{Answer, Answers, Dedupe, Mode, Normalize, Options, Widen, decode};
pub use input::{Floats, Ints, Text, Window};
pub use nbest::{Example, Feature, NBest, Position, Ranked, Ranking, list, positions, rank};
pub use search::*;
