//! Training of byte-pair tokenizers: text -> words ([`pattern`]) -> counts ([`counts`]) -> merges ([`merges`]).
//!
//! A file of texts never has to become strings of another language: [`counts::WordCounts::count`] takes whatever
//! hands it batches of UTF-8 texts laid end to end ([`counts::Texts`]), and counts them on all threads.

mod classes;
pub mod counts;
pub mod merges;
mod normalize;
pub mod pattern;

pub use counts::{Texts, WordCounts};
pub use merges::{TrainOptions, Trained};
pub use pattern::Splitter;
