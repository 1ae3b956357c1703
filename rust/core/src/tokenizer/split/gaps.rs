//! The words of expressions that do not match everywhere: BLOOM's, and the three of DeepSeek-V3, one after the other.
//! What lies between two matches is a word, too.

use std::ops::Range;

use super::scan::{LETTER, any_at, class, decode, few_of, lines, run_of};
use crate::tokenizer::classes::{MARK, NUMBER, SIGN, SPACE};

/// One of the expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expression {
    /// ` ?[^(\s|[.,!?…。，、।۔،])]+`
    Bloom,
    /// `\p{N}{1,3}`
    Numbers,
    /// `[一-龥぀-ゟ゠-ヿ]+`
    Chinese,
    /// DeepSeek's expression for the rest.
    DeepSeek,
}

impl Expression {
    /// Where the match that starts at `at` ends.
    fn end(self, text: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Bloom => {
                let start = at + usize::from(text[at] == b' ');
                let end = run(text, start, is_bloom);
                (end > start).then_some(end)
            }
            Self::Numbers => (class(text, at).0 & NUMBER != 0).then(|| few_of(text, at, NUMBER, 3)),
            Self::Chinese => {
                let end =
                    run(text, at, |text, at| matches!(decode(text, at).0, 0x4E00..=0x9FA5 | 0x3040..=0x30FF));
                (end > at).then_some(end)
            }
            Self::DeepSeek => deep_seek(text, at),
        }
    }

    /// Calls `emit` with each word of `text`.
    pub(super) fn words(self, text: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
        let mut start = 0;
        let mut at = 0;
        while at < text.len() {
            let Some(end) = self.end(text, at) else {
                at = after(text, at);
                continue;
            };
            if start < at {
                emit(text, start..at);
            }
            emit(text, at..end);
            (start, at) = (end, end);
        }
        if start < at {
            emit(text, start..at);
        }
    }
}

/// Position after the character at `at`.
fn after(text: &[u8], at: usize) -> usize {
    (at + decode(text, at).1).min(text.len())
}

/// End of the run of characters from `at` that `wanted` holds for.
fn run(text: &[u8], mut at: usize, wanted: impl Fn(&[u8], usize) -> bool) -> usize {
    while at < text.len() && wanted(text, at) {
        at = after(text, at);
    }
    at
}

fn is_bloom(text: &[u8], at: usize) -> bool {
    const PARTS: [u32; 7] = [0x2026, 0x3002, 0xFF0C, 0x3001, 0x964, 0x6D4, 0x60C];
    let (code, _) = decode(text, at);
    class(text, at).0 & SPACE == 0 && !any_at(text, at, b"(|.,!?)") && !PARTS.contains(&code)
}

/// End of the match of
/// ``[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*``,
/// or else of white space as [`lines`] has it.
fn deep_seek(text: &[u8], at: usize) -> Option<usize> {
    let (found, next) = class(text, at);
    if text[at].is_ascii_punctuation() {
        let letters = text[next..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters > 0 {
            return Some(next + letters);
        }
    }
    if found & (LETTER | MARK) != 0 {
        return Some(run_of(text, next, LETTER | MARK));
    }
    let (second, _) = class(text, next);
    let leads = found & SIGN == 0 && !any_at(text, at, b"\r\n");
    if leads && next < text.len() && second & (LETTER | MARK) != 0 {
        return Some(run_of(text, next, LETTER | MARK));
    }
    if found & SIGN != 0 || (text[at] == b' ' && second & SIGN != 0) {
        let end = run_of(text, next, SIGN);
        return Some(run(text, end, |text, at| any_at(text, at, b"\r\n")));
    }
    (found & SPACE != 0).then(|| lines(text, at))
}
