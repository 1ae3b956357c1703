//! Logits -> entities: [`transformers`] equals transformers' pipeline, [`own`] is right where that is wrong.

pub(crate) mod certain;
pub mod chunks;
pub mod cut;
pub mod lattice;
pub mod own;
mod places;
pub mod strategy;
pub mod transformers;
pub mod viterbi;
mod weights;

pub use strategy::Strategy;
pub use transformers::decode::*;
