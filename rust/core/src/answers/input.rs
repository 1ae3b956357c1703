//! What goes in: one window as the model saw it, in whatever widths its arrays come.

use half::{bf16, f16};

pub use crate::batch::ints::Ints;

/// Logits of one window in any of the widths they come in.
#[derive(Debug, Clone, Copy)]
pub enum Floats<'a> {
    /// 32 bits.
    F32(&'a [f32]),
    /// 64 bits, used in 32.
    F64(&'a [f64]),
    /// IEEE half precision.
    F16(&'a [f16]),
    /// The upper half of 32 bits.
    Bf16(&'a [bf16]),
}

impl Floats<'_> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
        }
    }

    pub(super) fn get(self, token: usize) -> f32 {
        match self {
            Self::F32(v) => v[token],
            Self::F64(v) => v[token] as f32,
            Self::F16(v) => v[token].to_f32(),
            Self::Bf16(v) => v[token].to_f32(),
        }
    }

    /// All values, as float32.
    #[must_use]
    pub fn to_f32(self) -> Vec<f32> {
        match self {
            Self::F32(v) => v.to_vec(),
            Self::F64(v) => v.iter().map(|&v| v as f32).collect(),
            Self::F16(v) => v.iter().map(|v| v.to_f32()).collect(),
            Self::Bf16(v) => v.iter().map(|v| v.to_f32()).collect(),
        }
    }
}

/// One window of a text, as the model saw it.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Start logits, one a token.
    pub start: Floats<'a>,
    /// End logits, one a token.
    pub end: Floats<'a>,
    /// Characters of the text that each token covers, end excluded: two values a token.
    pub offsets: Ints<'a>,
    /// Which of the two texts a token belongs to; negative for a special token or padding.
    pub sequence_ids: Ints<'a>,
    /// Word of each token, negative for none.
    pub word_ids: Option<Ints<'a>>,
    /// Token ids, to find CLS by.
    pub input_ids: Option<Ints<'a>>,
    /// 0 where a token is padding.
    pub attention_mask: Option<Ints<'a>>,
    /// The text the window was cut from.
    pub text: usize,
}

/// A context and its length in characters.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The context.
    pub utf8: &'a str,
    /// Its characters.
    pub chars: usize,
}
