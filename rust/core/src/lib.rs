//! The algorithms of fastpost. This crate knows neither Python nor NumPy.

mod error;
pub mod parallel;

pub use error::{Error, Result};
