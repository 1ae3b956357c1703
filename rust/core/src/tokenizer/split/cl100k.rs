//! The words of the expressions of cl100k, Llama-3, Qwen2 and Qwen3.5.

use super::scan::{any_at, class, few_of, lines, run_of, run_without};
use crate::tokenizer::classes::{NUMBER, SPACE};

/// What distinguishes the cl100k-like expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cl100k {
    /// Classes that make up a word: letters, or letters and marks.
    pub(super) word: u8,
    /// Longest run of digits.
    pub(super) digits: usize,
}

/// Length of `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at `at`, 0 if it is not there. The long s is an s without case, too.
pub(super) fn contraction(text: &[u8], at: usize) -> usize {
    if text.get(at) != Some(&b'\'') {
        return 0;
    }
    let lower = |offset: usize| text.get(at + offset).map_or(0, u8::to_ascii_lowercase);
    match (lower(1), lower(2)) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'r' | b'v', b'e') | (b'l', b'l') | (0xC5, 0xBF) => 3,
        _ => 0,
    }
}

/// End of a cl100k-like expression at `at`.
pub(super) fn end(text: &[u8], at: usize, options: Cl100k) -> usize {
    let Cl100k { word, digits } = options;
    let (found, next) = class(text, at);
    if found & word != 0 {
        return run_of(text, next, word);
    }
    if found & NUMBER != 0 {
        return few_of(text, next, NUMBER, digits - 1);
    }
    let contraction = contraction(text, at);
    if contraction > 0 {
        return at + contraction;
    }
    let (second, after) = class(text, next);
    if second & word != 0 && !any_at(text, at, b"\r\n") {
        return run_of(text, after, word);
    }
    if found & SPACE == 0 || (text[at] == b' ' && second & (SPACE | word | NUMBER) == 0) {
        let mut end = run_without(text, next, SPACE | word | NUMBER);
        while any_at(text, end, b"\r\n") {
            end += 1;
        }
        return end;
    }
    lines(text, at)
}
