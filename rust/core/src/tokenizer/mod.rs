//! What is read out of a `tokenizer.json`: normalisers, splitters, decoders.

pub(crate) mod classes;
pub mod decoder;
pub(crate) mod fields;
pub(crate) mod normalize;
pub mod split;
