//! Exponentials, softmax and sums over the rows of logits.

pub mod exps;
pub mod logits;
mod unsure;
pub(crate) mod wide;
