//! Words and units of a text by UAX #29, and where a span edge would cut one.
//!
//! The plain line is `text.split_word_bounds()`. It gives byte positions one after the other, and a decoder asks for
//! character positions in any order, several for each entity; here the edges are a set of bits, read once a text.

mod read;
#[cfg(test)]
mod tests;

use crate::text::addresses::{Addresses, addresses};
use crate::text::bits::Bits;

/// The units of a text: words, and what stands between them. Positions are in characters.
///
/// The text is cut at the word boundaries of UAX #29 (default rules, Unicode 17). A segment that holds a letter or a
/// digit (`char::is_alphanumeric`) is one unit, a *word*: `don't`, `U.S`, `example.com`, `3.14`, `foo_bar`, `서울에서`.
/// A segment that holds none is one unit for each of its grapheme clusters: two spaces are two units, `\r\n` and an
/// emoji made of several characters are one.
///
/// Scripts that put no spaces between words (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar, Tai, Ahom, Javanese,
/// Balinese) are split into single letters: each of their letters, with its marks, is a word of its own, and letters
/// of other scripts in the same segment (`アab`) are a unit by themselves. So any edge between two of their letters is
/// as good as any other; only a mark is never torn off its letter.
///
/// No edge lies inside a grapheme cluster, though some word boundaries do: before a Thai sara am, behind the sign that
/// stacks two Khmer letters. Between two spaces there is always an edge.
///
/// UAX #29 joins letters over an apostrophe, a colon or a full stop, so that `Anna's`, `Anna.Berlin` and
/// `Name:Anna` are one word each. [`Self::cut`] cuts words there, too, and at the comma of `10115,718-555-0199`, where a
/// number in groups begins or ends.
///
/// Building is one pass; a query takes constant time, `widen` logarithmic time in a word of more than 64 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordEdges {
    /// Number of characters.
    len: usize,
    /// The characters at which a unit starts, and the end.
    edges: Bits,
    /// The characters that are in a word.
    words: Bits,
    /// Whether words are cut at soft joints.
    cut: bool,
    /// The e-mail and web addresses, where words are cut: whole units, in order.
    addresses: Vec<(usize, usize)>,
}

/// Whether `before | behind` is an edge of units wherever the two stand side by side, and no address reaches over it:
/// the text on one side then has no say in the units on the other. False if it depends on more, or may.
#[must_use]
pub fn parted(before: char, behind: char) -> bool {
    let blank = |c: char| matches!(c, ' ' | '\n');
    match (before, behind) {
        ('\r', '\n') => false,
        (before, behind) if blank(before) => leads(behind),
        (before, behind) if blank(behind) => leads(before),
        ('\u{4e00}'..='\u{9fff}', '\u{4e00}'..='\u{9fff}') => true,
        _ => false,
    }
}

/// Whether `c` is ASCII, or a letter or sign of punctuation known not to join a space before or behind it. Not all
/// that there are.
fn leads(c: char) -> bool {
    c.is_ascii()
        || matches!(c as u32, 0xA1..=0xAC | 0xAE..=0x2FF | 0x370..=0x377 | 0x37B..=0x481 | 0x48A..=0x52F // to Cyrillic
            | 0x531..=0x556 | 0x561..=0x586 | 0x5D0..=0x5EA | 0x620..=0x64A | 0x904..=0x939 // Armenian to Devanagari
            | 0x10D0..=0x10F0 | 0x1E00..=0x1EFF | 0x2010..=0x2027 | 0x20A0..=0x20BF // Georgian, Latin, dashes, currencies
            | 0x3041..=0x3096 | 0x30A1..=0x30FA | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0xFF01..=0xFF5E) // East Asia
}

/// Reads `text` once.
#[must_use]
pub fn word_edges(text: &str) -> WordEdges {
    WordEdges::new(text)
}

impl WordEdges {
    /// Reads `text` once: the words of UAX #29.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::read(text, false)
    }

    /// Reads `text` once: the words of UAX #29, cut where a name touches text that is not part of it.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        Self::read(text, true)
    }

    pub(super) fn read(text: &str, cut: bool) -> Self {
        let mut new = Self::with_room(text.len(), cut);
        new.append(text);
        new.counted()
    }

    /// Without text yet; `append` will take `bytes` in all.
    pub(super) fn with_room(bytes: usize, cut: bool) -> Self {
        Self { len: 0, edges: Bits::new(bytes), words: Bits::new(bytes), cut, addresses: Vec::new() }
    }

    /// Reads `text`, which begins at an edge.
    pub(super) fn append(&mut self, text: &str) {
        let from = self.len;
        self.read_stretches(text);
        if self.cut {
            let Addresses { whole, between } = addresses(text);
            self.addresses.extend(whole.into_iter().map(|(start, end)| (from + start, from + end)));
            for sign in between.into_iter().map(|sign| from + sign) {
                self.edges.set(sign);
                self.edges.set(sign + 1);
                self.words.unset(sign);
            }
        }
    }

    /// The same once all is read: it now answers questions.
    pub(super) fn counted(mut self) -> Self {
        self.edges.set(self.len);
        let (edges, words) = (self.edges.counted(self.len), self.words.counted(self.len));
        let mut whole: Vec<(usize, usize)> = Vec::with_capacity(self.addresses.len());
        for (start, end) in self.addresses {
            let (start, end) = (edges.at_or_before(start), edges.at_or_after(end));
            match whole.last_mut() {
                Some(last) if start < last.1 => last.1 = end,
                _ => whole.push((start, end)),
            }
        }
        Self { edges, words, addresses: whole, ..self }
    }

    /// Number of characters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.edges.before(self.len)
    }

    /// Whether an edge before the character `at` would cut a unit: it lies strictly inside a word, or a cluster.
    ///
    /// False at both ends of the text and past its end.
    #[must_use]
    pub fn inside(&self, at: usize) -> bool {
        at < self.len && !self.edges.has(at)
    }

    /// Whether the character `at` is one of a word. False past the end.
    #[must_use]
    pub fn is_word(&self, at: usize) -> bool {
        at < self.len && self.words.has(at)
    }

    /// The number of the unit that the character `at` is in, counted from 0; [`Self::units`] from the end on.
    ///
    /// Two characters are in one word exactly if they have one number and [`Self::is_word`].
    #[must_use]
    pub fn unit(&self, at: usize) -> usize {
        if at >= self.len { self.units() } else { self.edges.before(at + 1) - 1 }
    }

    /// The address that the character `at` is one of (see [`Self::cut`]).
    #[must_use]
    pub fn address(&self, at: usize) -> Option<(usize, usize)> {
        let next = self.addresses.partition_point(|address| address.0 <= at);
        next.checked_sub(1).map(|last| self.addresses[last]).filter(|address| at < address.1)
    }

    /// The smallest span of whole units that covers the characters `start..end`.
    ///
    /// `start` goes back to the edge at or before it, `end` on to the edge at or after it; so an empty span stays
    /// empty at an edge and takes the whole word inside a word. Positions past the end of the text count as its end,
    /// and an `end` before `start` as `start`. With [`Self::cut`], an address that it covers in part is covered whole.
    #[must_use]
    pub fn widen(&self, start: usize, end: usize) -> (usize, usize) {
        let start = start.min(self.len);
        let end = end.clamp(start, self.len);
        let (start, end) = (self.edges.at_or_before(start), self.edges.at_or_after(end));
        let first = self.addresses.partition_point(|address| address.1 <= start);
        let behind = self.addresses.partition_point(|address| address.0 < end);
        match self.addresses.get(first..behind) {
            _ if start == end => (start, end),
            Some([first, .., last]) => (start.min(first.0), end.max(last.1)),
            Some([one]) => (start.min(one.0), end.max(one.1)),
            _ => (start, end),
        }
    }
}
