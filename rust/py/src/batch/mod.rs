//! What callers hand in, borrowed as core wants it: arrays, encodings, texts.

pub(crate) mod arrays;
pub(crate) mod encodings;
pub(crate) mod texts;
