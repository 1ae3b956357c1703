//! Character positions of one text, found in its UTF-8 bytes.

/// Where the characters of a text start; nothing is stored for ASCII.
#[derive(Debug)]
pub struct CharIndex<'a> {
    text: &'a str,
    /// Byte position of each character, and one more for the end; `None` if byte and character agree.
    starts: Option<Vec<usize>>,
}

impl<'a> CharIndex<'a> {
    /// Reads `text` once.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let starts = (!text.is_ascii()).then(|| {
            let starts = text.char_indices().map(|(at, _)| at);
            starts.chain([text.len()]).collect()
        });
        Self { text, starts }
    }

    /// Number of characters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.as_ref().map_or(self.text.len(), |starts| starts.len() - 1)
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
        let byte = |at: usize| self.starts.as_ref().map_or(at, |starts| starts[at]);
        &self.text[byte(start)..byte(end)]
    }
}

/// The byte at which the character `chars` places after the one at byte `from` starts; at most the end of `text`.
///
/// `from` is where a character starts. Nothing is stored, so it suits few places in rising order.
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
