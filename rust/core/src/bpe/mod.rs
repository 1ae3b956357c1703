//! Training of byte-pair tokenizers: text -> words ([`pattern`]) -> counts ([`counts`]) -> merges ([`merges`]).
//!
//! A file of texts never has to become strings of another language: the threads that read it
//! ([`crate::corpus::each`]) count the words of each block, and [`counts::WordCounts::sum`] adds their counts up.

mod ascii;
mod classes;
pub mod counts;
pub mod merges;
pub(crate) mod normalize;
pub mod pattern;
mod short;

pub use counts::WordCounts;
pub use merges::{TrainOptions, Trained};
pub use pattern::Splitter;
