//! Scores of tag sequences and of entity spans, read as seqeval 1.2.2 reads them.
//!
//! The plain way: make a tuple of each entity, a set of them for each type, and count what two sets share, ten times
//! for each report. Here distinct tags are parsed once into a prefix and a type, one pass over the tags gives the
//! spans through a table of steps, and one merge of two sorted lists counts them. `tests.rs` keeps the plain way.

mod errors;
mod lenient;
mod names;
mod spans;
mod strict;
mod tags;
#[cfg(test)]
mod tests;

pub use errors::{Kind, Pair};
pub use names::Names;
pub use spans::{Counts, Span, SpanPairs};
pub use strict::Scheme;
pub use tags::{Agreement, Reading, TagPairs, entities, odd};
