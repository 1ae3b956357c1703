//! What is fixed over many calls, and the names that values have.

use crate::error::named;
use std::num::NonZeroUsize;

named! {
    /// Whether an answer that begins or ends inside a word is widened.
    pub enum Widen of "align" {
        /// Never.
        No = "no",
        /// Always, to the word of the tokenizer.
        Word = "word",
        /// To the word, but not across a character of a script that is written without spaces.
        Auto = "auto",
    }
}

named! {
    /// When two answers of one question are the same.
    pub enum Dedupe of "dedupe" {
        /// Same place.
        Span = "span",
        /// Same text, ignoring case.
        Text = "text",
        /// Places that share a character.
        Overlap = "overlap",
    }
}

named! {
    /// What scores are shares of.
    pub enum Normalize of "normalize" {
        /// All legal spans of all windows of a question, and its null answer where that is allowed.
        Global = "global",
        /// The start and end tokens of a window, each for itself.
        Window = "window",
    }
}

/// Which behaviour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// The right answer.
    Right {
        /// What scores are shares of.
        normalize: Normalize,
        /// When two answers are the same.
        dedupe: Dedupe,
        /// If the null score is above this, "no answer" comes first; otherwise it is not listed.
        null_threshold: Option<f64>,
    },
    /// `QuestionAnsweringPipeline.postprocess` of transformers 4.57.6.
    Transformers,
}

/// What is fixed over many calls.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Answers of a question, at most.
    pub top_k: NonZeroUsize,
    /// Tokens of an answer, at most.
    pub max_answer_len: NonZeroUsize,
    /// Whether "no answer" is an answer.
    pub null_allowed: bool,
    /// Whether answers are widened to words.
    pub widen: Widen,
    /// Which sequence of a window is the context: 1, or 0 where the context comes first.
    pub context_sequence: i64,
    /// Which behaviour.
    pub mode: Mode,
}
