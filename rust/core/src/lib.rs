//! The algorithms of fastpost. This crate knows neither Python nor NumPy.

pub mod answers;
pub mod bpe;
pub mod corpus;
pub mod entities;
mod error;
pub mod labels;
pub mod logits;
pub mod metrics;
pub mod offsets;
pub mod parallel;
pub mod token_text;
pub mod windows;
pub mod words;

pub use error::{Error, Result};
