//! One text and its positions: characters, bytes, words, normal forms. Knows no model.

pub mod addresses;
pub mod bits;
pub mod normal;
pub mod script;
pub mod units;
pub mod words;
