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

#[cfg(test)]
mod tests {
    use super::*;

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
