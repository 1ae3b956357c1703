//! The algorithms of fastpost. This crate knows neither Python nor NumPy.

pub mod align;
pub mod answers;
pub mod batch;
pub mod corpus;
pub mod encode;
pub mod entities;
mod error;
pub mod labels;
pub mod math;
pub mod metrics;
pub mod parallel;
pub mod text;
pub mod tokenizer;
pub mod train;

pub use error::{Error, Result};
