//! fastpost._fastpost: borrow, check, compute with the interpreter released, hand over.

#![allow(clippy::needless_pass_by_value, reason = "arguments of Python functions arrive by value")]

mod align;
mod answers;
mod batch;
mod columns;
mod corpus;
mod door;
mod encode;
mod entities;
mod live;
mod metrics;
mod options;
mod text;
mod threads;
mod train;

use pyo3::prelude::*;

/// The Rust core; users import `fastpost`.
#[pymodule(gil_used = false)]
mod _fastpost {
    use pyo3::prelude::pyfunction;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// What the vector code runs on: see `fastpost_core::math::logits::simd`.
    #[pyfunction]
    fn simd() -> String {
        fastpost_core::math::logits::simd()
    }

    #[pymodule_export]
    use super::align::{LabelSet, TokenSpans, align_labels, align_tokens};
    #[pymodule_export]
    use super::answers::{
        AnswerKernel, AnswerTable, answer_columns, answer_json, answer_kind, answer_lists, answer_table,
        answer_words, nbest,
    };
    #[pymodule_export]
    use super::batch::encodings::{expand, flatten, flatten_pairs};
    #[pymodule_export]
    use super::columns::ArrowColumns;
    #[pymodule_export]
    use super::corpus::{TextReader, file_kind};
    #[pymodule_export]
    use super::encode::{TextCount, TokenEncoder, WindowShapes, check_windows};
    #[pymodule_export]
    use super::entities::{
        EntityKernel, EntityTable, RightColumns, TokenTable, entity_columns, entity_json, entity_kind,
        entity_lines, entity_lists, entity_table, entity_texts, entity_words,
    };
    #[pymodule_export]
    use super::live::TokenizerState;
    #[pymodule_export]
    use super::metrics::{SpanPairs, TagPairs, tag_entities};
    #[pymodule_export]
    use super::options::option_names;
    #[pymodule_export]
    use super::text::{NormalTable, OffsetTable, offset_faults, plan_windows, unit_starts};
    #[pymodule_export]
    use super::train::{Splitter, WordTable};
}
