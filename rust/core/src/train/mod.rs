//! Training of byte-pair tokenizers: text -> words ([`crate::tokenizer::split`]) -> counts ([`counts`]) -> merges ([`merges`]).
//!
//! A file of texts never has to become strings of another language: the threads that read it
//! ([`crate::corpus::each`]) count the words of each block, and [`counts::WordCounts::sum`] adds their counts up.

pub mod counts;
pub mod merges;
mod short;
mod spell;

pub use counts::WordCounts;
pub use merges::{TrainOptions, Trained};
