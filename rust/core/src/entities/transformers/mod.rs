//! Entities as transformers groups them.

pub mod decode;
pub mod overlaps;
pub mod words;
