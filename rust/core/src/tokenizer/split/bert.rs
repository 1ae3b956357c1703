//! The words of `BertPreTokenizer`.

use super::scan::decode;
use std::ops::Range;
use unicode_categories::UnicodeCategories;

/// White space goes, punctuation stands alone, the rest are words.
pub(super) fn words(text: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let (code, length) = decode(text, at);
        let next = (at + length).min(text.len());
        let c = char::from_u32(code).unwrap_or_default();
        let blank = c.is_whitespace();
        if blank || c.is_ascii_punctuation() || (!c.is_ascii() && c.is_punctuation()) {
            if start < at {
                emit(text, start..at);
            }
            if !blank {
                emit(text, at..next);
            }
            start = next;
        }
        at = next;
    }
    if start < at {
        emit(text, start..at);
    }
}
