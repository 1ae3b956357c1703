//! One text and its positions: characters, bytes, words, normal forms. Knows no model.

pub mod addresses;
pub mod bits;
pub mod chars;
pub(crate) mod joints;
pub mod normal;
pub mod script;
pub mod stretches;
pub mod units;
pub mod words;
