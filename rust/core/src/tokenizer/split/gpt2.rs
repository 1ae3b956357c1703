//! The words of GPT-2's expression.

use super::ascii;
use super::scan::{LETTER, class, run_of, run_without, white_space};
use crate::tokenizer::classes::{NUMBER, SPACE};
use std::ops::Range;

/// The words of GPT-2's expression: those of ASCII by the window, others one by one.
pub(super) fn words(text: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let mut starts = text[start..].first_chunk().and_then(ascii::starts).unwrap_or(0);
        if starts == 0 {
            // The end of the text, other scripts, or a word longer than the window.
            let stop = end(text, start);
            emit(text, start..stop);
            start = stop;
            continue;
        }
        let window = start;
        while starts != 0 {
            let stop = window + starts.trailing_zeros() as usize;
            emit(text, start..stop);
            start = stop;
            starts &= starts - 1;
        }
    }
}

/// End of GPT-2's expression at `at`.
fn end(text: &[u8], at: usize) -> usize {
    let (found, next) = class(text, at);
    if found & LETTER != 0 {
        return run_of(text, next, LETTER);
    }
    if found & NUMBER != 0 {
        return run_of(text, next, NUMBER);
    }
    if found & SPACE == 0 {
        if text[at] == b'\'' {
            let after = |offset: usize| text.get(at + offset).copied().unwrap_or(0);
            let length = ascii::contraction(after(1), after(2));
            if length > 0 {
                return at + length;
            }
        }
        return run_without(text, next, SPACE | LETTER | NUMBER);
    }
    if text[at] == b' ' && next < text.len() {
        let (found, after) = class(text, next);
        if found & LETTER != 0 {
            return run_of(text, after, LETTER);
        }
        if found & NUMBER != 0 {
            return run_of(text, after, NUMBER);
        }
        if found & SPACE == 0 {
            return run_without(text, after, SPACE | LETTER | NUMBER);
        }
    }
    white_space(text, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The twin of the windows is the expression character by character.
        #[test]
        fn windows_change_no_word(text in "[a-z0-9é' \t\n\u{a0}(=]{0,300}|('(s|t|re|ve|m|ll|d|l|r)| {0,70}|self|9|\n|==){0,90}") {
            let (mut fast, mut plain) = (Vec::new(), Vec::new());
            words(text.as_bytes(), &mut |_, word| fast.push(word));
            crate::tokenizer::split::words(text.as_bytes(), end, &mut |_, word| plain.push(word));
            prop_assert_eq!(fast, plain);
        }
    }
}
