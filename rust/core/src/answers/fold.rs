//! Texts of answers: cut out by characters, compared without case, widened up to scripts without spaces.

use crate::answers::input::Text;
use crate::{Error, Result};
use hashbrown::DefaultHashBuilder;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::hash::{Hash, Hasher};

/// A text that is compared without case; ASCII is folded during the comparison.
pub(super) struct Folded<'a>(Cow<'a, str>);

impl<'a> Folded<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) })
    }
}

impl PartialEq for Folded<'_> {
    fn eq(&self, other: &Self) -> bool {
        // What is lower-cased already has no ASCII capitals left.
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Folded<'_> {}

impl Hash for Folded<'_> {
    /// The hash covers the whole text. If it covered a part, the writer of a context could fill it with answers of one
    /// hash, and those take quadratic time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (words, rest) = self.0.as_bytes().as_chunks::<8>();
        let mut add =
            |bytes: [u8; 8]| state.write_u64(u64::from_le_bytes(bytes.map(|b| b.to_ascii_lowercase())));
        words.iter().copied().for_each(&mut add);
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        add(last);
        state.write_usize(self.0.len());
    }
}

/// The hasher of texts. Each process seeds it anew, so that nobody can choose texts of one hash; setting it up costs
/// next to nothing, as a call hashes only a dozen short texts.
pub(super) type Seeded = DefaultHashBuilder;

/// Characters of a text by number.
pub(super) struct Chars<'a> {
    text: Text<'a>,
    /// Characters before each block of bytes; made when first asked for, never for ASCII.
    before: OnceCell<Vec<u32>>,
    /// The characters of scripts without spaces, in order; made when first asked for.
    spaceless: OnceCell<Vec<u32>>,
}

impl<'a> Chars<'a> {
    const BLOCK: usize = 64;

    pub(super) fn new(text: Text<'a>) -> Self {
        Self { text, before: OnceCell::new(), spaceless: OnceCell::new() }
    }

    /// The byte at which a character begins; the end of the text for the character after the last.
    fn byte(&self, char: usize) -> usize {
        if self.text.utf8.len() == self.text.chars {
            return char;
        }
        let bytes = self.text.utf8.as_bytes();
        let begins = |&byte: &u8| (byte & 0xC0) != 0x80;
        let before = self.before.get_or_init(|| {
            let mut count = 0;
            let counted = bytes.chunks(Self::BLOCK).map(|block| {
                let before = count;
                count += block.iter().filter(|byte| begins(byte)).count() as u32;
                before
            });
            counted.collect()
        });
        let block = before.partition_point(|&before| before as usize <= char).saturating_sub(1);
        let (from, skip) =
            (block * Self::BLOCK, char - before.get(block).map_or(0, |&before| before as usize));
        let mut starts = (from..bytes.len()).filter(|&at| begins(&bytes[at]));
        starts.nth(skip).unwrap_or(bytes.len())
    }

    /// `text[from..to]`; empty if `to` is before `from`.
    pub(super) fn slice(&self, window: usize, token: usize, from: i64, to: i64) -> Result<&'a str> {
        let chars = self.text.chars;
        if from < 0 || to < 0 || from as usize > chars || to as usize > chars {
            return Err(Error::BadOffset { window, token, start: from, end: to, limit: Some(chars) });
        }
        Ok(if from < to { &self.text.utf8[self.byte(from as usize)..self.byte(to as usize)] } else { "" })
    }

    /// From `own` towards `edge`, until a character of a script without spaces.
    pub(super) fn widen_left(&self, own: i64, edge: i64) -> i64 {
        let (Some(own_at), Some(edge_at)) = (self.place(own, own.saturating_add(1)), self.place(edge, own))
        else {
            return own;
        };
        let spaceless = self.spaceless();
        let before = spaceless.partition_point(|&at| at < own_at);
        if spaceless.get(before) == Some(&own_at) {
            return own;
        }
        spaceless[..before].last().map_or(edge, |&last| i64::from(edge_at.max(last + 1)))
    }

    pub(super) fn widen_right(&self, own: i64, edge: i64) -> i64 {
        let (Some(last), Some(_)) = (self.place(own.saturating_sub(1), own), self.place(own, edge)) else {
            return own;
        };
        let spaceless = self.spaceless();
        let until = spaceless.partition_point(|&at| at < last);
        match spaceless.get(until) {
            Some(&at) if at == last => own,
            Some(&at) => edge.min(at.into()),
            None => edge,
        }
    }

    /// The character `from`, if `from..to` is a part of the text.
    fn place(&self, from: i64, to: i64) -> Option<u32> {
        let inside = 0 <= from && from <= to && usize::try_from(to).is_ok_and(|to| to <= self.text.chars);
        inside.then_some(from as u32)
    }

    fn spaceless(&self) -> &[u32] {
        self.spaceless.get_or_init(|| {
            if self.text.utf8.len() == self.text.chars {
                return Vec::new();
            }
            let chars = (0..).zip(self.text.utf8.chars());
            chars.filter(|&(_, char)| spaceless(char)).map(|(at, _)| at).collect()
        })
    }
}

/// Whether a character belongs to a script that is written without spaces: Chinese, Japanese, Thai, Lao, Khmer,
/// Burmese and their relatives.
fn spaceless(char: char) -> bool {
    matches!(char,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' | '\u{AA60}'..='\u{AA7F}' | '\u{A9E0}'..='\u{A9FF}' // Myanmar
        | '\u{1780}'..='\u{17FF}' | '\u{19E0}'..='\u{19FF}' // Khmer
        | '\u{1950}'..='\u{19DF}' | '\u{1A20}'..='\u{1AAF}' // Tai Le, New Tai Lue, Tai Tham
        | '\u{2E80}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' // radicals, CJK punctuation, Kana
        | '\u{3100}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' // Bopomofo
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' // ideographs
        | '\u{FF66}'..='\u{FF9F}' // half-width Kana
        | '\u{1B000}'..='\u{1B16F}' | '\u{20000}'..='\u{323AF}' // rare Kana and ideographs
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn characters_are_found_in_texts_of_any_script() {
        for text in [
            "",
            "plain",
            "a\u{1F917}é中",
            &"é中\u{1F917}x".repeat(100),
            &("a".repeat(64) + "é"),
            &"é".repeat(32),
        ] {
            let chars = Chars::new(Text { utf8: text, chars: text.chars().count() });
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for (char, want) in starts.enumerate() {
                assert_eq!(chars.byte(char), want, "{text} {char}");
            }
        }
    }

    #[test]
    fn widening_stops_at_scripts_without_spaces() {
        let parts = |text: &'static str| {
            let chars: Vec<char> = text.chars().collect();
            let made = Chars::new(Text { utf8: text, chars: chars.len() });
            (chars, made)
        };
        for text in ["", "abc", "ab中c", "中", "é中\u{1F917}x日本y", "ééé"] {
            let (chars, made) = parts(text);
            let len = chars.len() as i64;
            for own in -2..=len + 2 {
                for edge in -2..=len + 2 {
                    // The plain twin: character by character.
                    let valid = |from: i64, to: i64| 0 <= from && from <= to && to <= len;
                    let at = |place: i64| spaceless(chars[place as usize]);
                    let mut left = own;
                    if valid(own, own + 1) && valid(edge, own) && !at(own) {
                        while left > edge && !at(left - 1) {
                            left -= 1;
                        }
                    }
                    assert_eq!(made.widen_left(own, edge), left, "{text} {own} {edge}");
                    let mut right = own;
                    if valid(own - 1, own) && valid(own, edge) && !at(own - 1) {
                        while right < edge && !at(right) {
                            right += 1;
                        }
                    }
                    assert_eq!(made.widen_right(own, edge), right, "{text} {own} {edge}");
                }
            }
        }
    }

    /// Texts that differ only in the middle, and texts that differ only in signs that `| 0x20` makes equal.
    #[test]
    fn no_texts_share_a_hash_by_their_ends() {
        let seeded = Seeded::default();
        let middles = (0..1000).map(|number| format!("the same begin {number:06} the same end"));
        let signs = (0..1024)
            .map(|bits: u32| (0..10).map(|bit| if bits >> bit & 1 == 1 { '[' } else { '{' }).collect());
        let texts: Vec<String> = middles.chain(signs).collect();
        let hashes: HashSet<u64> = texts.iter().map(|text| seeded.hash_one(Folded::new(text))).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn texts_are_equal_but_for_case() {
        for (a, b, same) in
            [("Ab", "aB", true), ("É", "é", true), ("K", "\u{212A}", true), ("a", "b", false), ("", "", true)]
        {
            assert_eq!(Folded::new(a) == Folded::new(b), same);
            let seeded = Seeded::default();
            let hash = |text| seeded.hash_one(Folded::new(text));
            assert!(!same || hash(a) == hash(b), "{a} {b}");
        }
    }
}
