//! The characters of a text that are not white space.

use crate::text::bits::Bits;
use crate::text::script::is_space;

/// The characters of a text that are not white space, read once for all questions about them.
#[derive(Debug, Clone)]
pub struct Solid {
    bits: Bits,
    chars: i64,
}

impl Solid {
    /// Of a text of `chars` characters.
    #[must_use]
    pub fn new(text: &str, chars: usize) -> Self {
        let mut bits = Bits::new(chars);
        for (at, c) in text.chars().enumerate() {
            if !is_space(c) {
                bits.set(at);
            }
        }
        bits.set(chars);
        Self { bits: bits.counted(chars), chars: chars as i64 }
    }

    /// `start..end` without the white space at its edges; unchanged if it holds only white space or is no span of the
    /// text.
    #[must_use]
    pub fn trim(&self, start: i64, end: i64) -> (i64, i64) {
        if start < 0 || end <= start || end > self.chars {
            return (start, end);
        }
        let first = self.bits.at_or_after(start as usize) as i64;
        if first >= end {
            return (start, end);
        }
        (first, self.bits.at_or_before(end as usize - 1) as i64 + 1)
    }

    /// Cuts white space off the edges of tokens: byte-level tokenizers count the space before a word into its first
    /// token.
    pub fn trim_all(&self, offsets: &mut [i64]) {
        for pair in offsets.chunks_exact_mut(2) {
            (pair[0], pair[1]) = self.trim(pair[0], pair[1]);
        }
    }
}
