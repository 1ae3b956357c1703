//! Arguments of callers, borrowed in the form that core wants: arrays, encodings, texts.

pub(crate) mod arrays;
pub(crate) mod encodings;
pub(crate) mod texts;
