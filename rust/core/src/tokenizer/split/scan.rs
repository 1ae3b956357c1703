//! The class of the character at a position, and runs of classes: what the expressions are made of.

use crate::tokenizer::classes::{LOWER, NUMBER, RANGES, SIGN, SPACE, UPPER};
use std::sync::LazyLock;

/// Letters of any kind.
pub(super) const LETTER: u8 = UPPER | LOWER;

/// Class of each character, in pages of 256; most pages are shared.
struct Classes {
    page: Vec<u8>,
    cells: Vec<[u8; 256]>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(|| {
    let mut flat = vec![0_u8; 0x11_0000];
    for &(first, last, class) in RANGES {
        flat[first as usize..=last as usize].fill(class);
    }
    let mut cells: Vec<[u8; 256]> = Vec::new();
    let page = flat.as_chunks::<256>().0.iter().map(|cell| {
        let known = cells.iter().position(|other| other == cell);
        known.unwrap_or_else(|| {
            cells.push(*cell);
            cells.len() - 1
        }) as u8
    });
    let page = page.collect();
    Classes { page, cells }
});

/// Classes of ASCII, which need no decoding.
static ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => NUMBER,
            b'\t'..=b'\r' | b' ' => SPACE,
            byte if byte.is_ascii_punctuation() => SIGN,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Code point at `at` and its length in bytes. `text` is UTF-8 and `at` a boundary; (0, 1) past the end.
#[inline]
pub(super) fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let byte = |offset: usize| u32::from(text.get(at + offset).copied().unwrap_or(0));
    let first = byte(0);
    match first {
        0..0x80 => (first, 1),
        0x80..0xE0 => (((first & 0x1F) << 6) | (byte(1) & 0x3F), 2),
        0xE0..0xF0 => (((first & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3),
        _ => {
            let low = ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
            (((first & 0x07) << 18) | low, 4)
        }
    }
}

/// Class of the character at `at` and the position after it; past the end there is white space of no length.
#[inline]
pub(super) fn class(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (SPACE, at),
        Some(&byte) if byte < 128 => (ASCII[byte as usize], at + 1),
        Some(_) => {
            let (code, length) = decode(text, at);
            let page = CLASSES.page.get((code >> 8) as usize).copied().unwrap_or(0);
            (CLASSES.cells[page as usize][(code & 255) as usize], (at + length).min(text.len()))
        }
    }
}

/// End of the run of characters from `at` whose class is in `wanted`.
#[inline]
pub(super) fn run_of(text: &[u8], mut at: usize, wanted: u8) -> usize {
    while at < text.len() {
        let (found, next) = class(text, at);
        if found & wanted == 0 {
            break;
        }
        at = next;
    }
    at
}

/// End of the run of characters from `at` whose class is not in `barred`.
#[inline]
pub(super) fn run_without(text: &[u8], mut at: usize, barred: u8) -> usize {
    while at < text.len() {
        let (found, next) = class(text, at);
        if found & barred != 0 {
            break;
        }
        at = next;
    }
    at
}

/// End of the run of characters from `at` whose class is in `wanted`, at most `most` of them.
pub(super) fn few_of(text: &[u8], mut at: usize, wanted: u8, most: usize) -> usize {
    for _ in 0..most {
        let (found, next) = class(text, at);
        if at >= text.len() || found & wanted == 0 {
            break;
        }
        at = next;
    }
    at
}

/// Whether one of `bytes` stands at `at`.
#[inline]
pub(super) fn any_at(text: &[u8], at: usize, bytes: &[u8]) -> bool {
    text.get(at).is_some_and(|byte| bytes.contains(byte))
}

/// End of `\s+(?!\S)|\s+` at the white space at `at`: a run leaves its last character to the word after it.
pub(super) fn white_space(text: &[u8], at: usize) -> usize {
    let mut last = at;
    let mut end = class(text, at).1;
    while end < text.len() {
        let (found, next) = class(text, end);
        if found & SPACE == 0 {
            return if last == at { end } else { last };
        }
        (last, end) = (end, next);
    }
    end
}

/// End of `\s*[\r\n]+` at the white space at `at`, which is the last line end of the run, or else [`white_space`].
pub(super) fn lines(text: &[u8], at: usize) -> usize {
    let end = run_of(text, at, SPACE);
    let run = &text[at..end];
    match memchr::memrchr2(b'\r', b'\n', run) {
        Some(last) => at + last + 1,
        None => white_space(text, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_classes_says_what_the_ranges_say() {
        assert!(CLASSES.cells.len() <= 256);
        for pair in RANGES.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0);
        }
        for &(first, last, expected) in RANGES {
            for code in [first, last] {
                let text = char::from_u32(code).map(String::from).unwrap_or_default();
                assert_eq!(class(text.as_bytes(), 0), (expected, text.len()));
            }
        }
    }
}
