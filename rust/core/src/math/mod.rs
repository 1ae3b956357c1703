//! Exponentials, softmax and sums over the rows of logits.

pub mod logits;
pub(crate) mod wide;
