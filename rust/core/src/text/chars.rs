//! Characters of a text and the bytes that they start at.

use crate::text::script::is_space;
use std::sync::OnceLock;

/// Where the characters of a text start; nothing is stored for ASCII.
#[derive(Debug)]
pub struct CharIndex<'a> {
    text: &'a str,
    chars: usize,
    /// Byte position of each character, and one more for the end; made when a character is first asked for, unless the
    /// text is ASCII.
    starts: OnceLock<Vec<usize>>,
}

impl<'a> CharIndex<'a> {
    /// For a text whose characters are still to be counted.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self::counted(text, text.chars().count())
    }

    /// For a text of `chars` characters.
    #[must_use]
    pub fn counted(text: &'a str, chars: usize) -> Self {
        Self { text, chars, starts: OnceLock::new() }
    }

    /// Number of characters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chars
    }

    /// The characters, where each is ASCII.
    #[must_use]
    pub fn ascii(&self) -> Option<&'a [u8]> {
        (self.chars == self.text.len()).then_some(self.text.as_bytes())
    }

    /// The byte at which the character `at` starts.
    fn byte(&self, at: usize) -> usize {
        if self.chars == self.text.len() {
            return at;
        }
        let starts = self.starts.get_or_init(|| {
            let mut starts = Vec::with_capacity(self.chars + 1);
            for (number, block) in self.text.as_bytes().chunks(16).enumerate() {
                let places = 16 * number..;
                if block.is_ascii() {
                    starts.extend(places.take(block.len()));
                } else {
                    // Bytes 10xxxxxx continue a character.
                    let leads = places.zip(block).filter(|(_, byte)| **byte & 0xC0 != 0x80);
                    starts.extend(leads.map(|(at, _)| at));
                }
            }
            starts
        });
        starts.get(at).copied().unwrap_or(self.text.len())
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The characters `start..end`, cut at the end of the text; empty if `end <= start`.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> &'a str {
        let end = end.min(self.len());
        if end <= start {
            return "";
        }
        &self.text[self.byte(start)..self.byte(end)]
    }

    /// `start..end` without the white space ([`is_space`]) at its ends; `start` moves first.
    #[must_use]
    pub fn trim(&self, start: usize, end: usize) -> (usize, usize) {
        let slice = self.slice(start, end);
        let space = |c: &char| is_space(*c);
        let end = end.min(self.len());
        let before = slice.chars().take_while(space).count();
        let behind = slice.chars().rev().take_while(space).count();
        if start + before >= end { (end.max(start), end.max(start)) } else { (start + before, end - behind) }
    }
}

/// The byte at which the character `chars` places after the one at byte `from` starts; at most the end of `text`.
///
/// `from` is where a character starts. It stores nothing, so it suits a few places in rising order.
#[must_use]
pub fn byte_after(text: &str, from: usize, chars: usize) -> usize {
    const BLOCK: usize = 32;
    let starts = |byte: &&u8| (**byte as i8) >= -0x40;
    let (bytes, mut at, mut left) = (text.as_bytes(), from, chars);
    while let Some(block) = bytes.get(at..at + BLOCK) {
        let here = block.iter().filter(starts).count();
        if here > left {
            break;
        }
        left -= here;
        at += BLOCK;
    }
    let rest = bytes[at.min(bytes.len())..].iter().enumerate().filter(|(_, byte)| starts(byte));
    rest.map(|(place, _)| at + place).nth(left).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_counted_as_by_an_index(text in ".{0,200}", first in 0_usize..150, chars in 0_usize..300) {
            let index: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let byte = |at: usize| index.get(at).copied().unwrap_or(text.len());
            let from = first.min(index.len());
            prop_assert_eq!(byte_after(&text, byte(from), chars), byte(from + chars));
        }
    }

    #[test]
    fn what_is_white_space_alone_is_trimmed_to_its_end() {
        for (text, start, end, want) in [
            (" \u{a0}é ", 0, 4, (2, 3)),
            (" é  b", 2, 4, (4, 4)),
            ("é  ", 1, 3, (3, 3)),
            ("é  ", 1, 9, (3, 3)),
            ("é", 1, 1, (1, 1)),
            ("é", 4, 2, (4, 4)),
        ] {
            assert_eq!(CharIndex::new(text).trim(start, end), want, "{text:?} {start} {end}");
        }
    }

    #[test]
    fn slices_are_in_characters() {
        for (text, start, end, want) in [
            ("plain", 1, 3, "la"),
            ("a🤗é中", 1, 2, "🤗"),
            ("a🤗é中", 2, 9, "é中"),
            ("a🤗é中", 3, 2, ""),
            ("a🤗é中", 9, 12, ""),
            ("", 0, 1, ""),
        ] {
            assert_eq!(CharIndex::new(text).slice(start, end), want);
        }
    }
}
