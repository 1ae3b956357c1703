//! The algorithms of fastpost. This crate knows neither Python nor NumPy.

pub mod addresses;
pub mod align;
pub mod align_tokens;
pub mod answers;
pub mod bits;
pub mod bpe;
pub mod chunks;
pub mod corpus;
pub mod encode;
pub mod entities;
mod error;
pub mod labels;
pub mod lattice;
pub mod logits;
pub mod metrics;
pub mod normalized;
pub mod offset_faults;
pub mod offsets;
pub mod overlaps;
pub mod parallel;
pub mod plan;
pub mod right;
pub mod segment;
pub mod space;
pub mod token_text;
pub mod viterbi;
pub mod window;
pub mod words;

pub use error::{Error, Result};
