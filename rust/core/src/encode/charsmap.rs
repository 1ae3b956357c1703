//! SentencePiece's `precompiled_charsmap`: strings and what they become, in one blob.
//!
//! Its layout: the length of a double array, the array of 32-bit units, then all replacements, each ended by a NUL. A unit
//! has a label in its lowest 8 bits, a flag for "a string ends here" in bit 8, and the way to its children above.

use unicode_segmentation::UnicodeSegmentation;

/// Strings and what they become.
#[derive(Debug)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

/// A normalised character and the place of the one that it came from.
pub(super) type Placed = (char, u32);

impl Charsmap {
    /// Reads the base64 text in a `tokenizer.json`; `None` if it is not valid.
    pub(super) fn new(text: &str) -> Option<Self> {
        let blob = decoded(text)?;
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (units, replacements) = rest.split_at_checked(length)?;
        let units = units.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { units, replacements: replacements.to_vec() })
    }

    /// The replacement of the shortest known string that `text` starts with.
    pub(super) fn replace(&self, text: &str) -> Option<&str> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize;
        let unit = |at: usize| self.units.get(at).copied();
        let mut at = offset(unit(0)?);
        for &byte in text.as_bytes() {
            if byte == 0 {
                return None;
            }
            at ^= usize::from(byte);
            let here = unit(at)?;
            if here & (1 << 31 | 0xFF) != u32::from(byte) {
                return None;
            }
            at ^= offset(here);
            if here >> 8 & 1 == 1 {
                let start = (unit(at)? & (u32::MAX >> 1)) as usize;
                let rest = self.replacements.get(start..)?;
                let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
                return std::str::from_utf8(&rest[..end]).ok();
            }
        }
        None
    }

    /// Whether a blank, a tab, a line end become a blank or stay.
    pub(super) fn keeps_blanks(&self) -> bool {
        [" ", "\t", "\n", "\r"].iter().all(|&blank| self.replace(blank).is_none_or(|new| new == " "))
    }

    /// `text` normalised, into `out`: whole graphemes first, else character by character, as tokenizers does it. Returns
    /// how many characters were dropped before the first one that stays, to which they could be counted.
    pub(super) fn apply(&self, text: &str, out: &mut Vec<Placed>) -> u32 {
        out.clear();
        let mut placing = Placing { out, at: 0, last: (0, 0), dropped: 0 };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (one, after) = rest.split_at(c.len_utf8());
            if stands_alone(c) && after.chars().next().is_none_or(stands_alone) {
                match self.replace(one) {
                    None => placing.keep(c),
                    Some(new) => placing.put(one, new),
                }
                rest = after;
                continue;
            }
            let end = rest.graphemes(true).next().map_or(rest.len(), str::len);
            let (grapheme, after) = rest.split_at(end);
            rest = after;
            if grapheme.len() < 6
                && let Some(new) = self.replace(grapheme)
            {
                placing.put(grapheme, new);
                continue;
            }
            for (from, c) in grapheme.char_indices() {
                let part = &grapheme[from..from + c.len_utf8()];
                placing.put(part, self.replace(part).unwrap_or(part));
            }
        }
        placing.dropped
    }
}

/// Normalised characters in progress, each with its place in the text.
struct Placing<'a> {
    out: &'a mut Vec<Placed>,
    /// Place of the next one.
    at: i32,
    /// For the last one: its place, and how many characters it stands for, less one.
    last: (i32, i32),
    /// Characters dropped before the first one that stays.
    dropped: u32,
}

impl Placing<'_> {
    /// A character that stays as it is.
    #[inline(always)]
    fn keep(&mut self, c: char) {
        self.out.push((c, self.at as u32));
        self.last = (self.at, 0);
        self.at += 1;
    }

    /// Adds `new`, which replaces `old`. A surplus character has the place of the one before it, and a dropped one is
    /// counted to the one before it.
    fn put(&mut self, old: &str, new: &str) {
        let before = old.chars().count();
        let mut after = 0;
        for c in new.chars() {
            let extra = -i32::from(after >= before);
            self.out.push((c, (self.at + extra).max(0) as u32));
            self.last = (self.at, extra);
            self.at += extra + 1;
            after += 1;
        }
        if after >= before {
            return;
        }
        let Some((_, place)) = self.out.last_mut() else {
            self.dropped += before as u32;
            self.at += before as i32;
            return;
        };
        let fewer = (before - after) as i32;
        let (at, extra) = self.last;
        self.last.1 = extra + fewer;
        *place = (at + self.last.1.min(0)).max(0) as u32;
        self.at += fewer;
    }
}

/// Whether a character is known to be a grapheme of its own beside any other such character. Not all that there are.
#[inline(always)]
fn stands_alone(c: char) -> bool {
    matches!(c,
        ' '..='~'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{a1}'..='\u{ac}'
        | '\u{ae}'..='\u{2ff}'
        | '\u{370}'..='\u{482}'
        | '\u{48a}'..='\u{52f}'
        | '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}'
        | '\u{3000}'..='\u{3029}'
        | '\u{3041}'..='\u{3096}'
        | '\u{309b}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{ff01}'..='\u{ff9d}')
}

/// The bytes of a base64 text.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for &letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_stands_alone_is_a_grapheme_beside_its_like() {
        let near = ['a', '北', '가', '각', '゛', '一', '©', 'ｱ'];
        for c in ('\0'..=char::MAX).filter(|&c| stands_alone(c)) {
            for other in near.into_iter().chain([c]).filter(|&other| stands_alone(other)) {
                let text: String = [c, other, c, c].iter().collect();
                assert_eq!(text.graphemes(true).count(), 4, "{text:?}");
            }
        }
    }

    /// The plain way: all graphemes of the text, and the places last.
    fn applied(map: &Charsmap, text: &str) -> (Vec<Placed>, u32) {
        let (mut out, mut extra, mut dropped) = (Vec::new(), Vec::new(), 0);
        let mut put = |old: &str, new: &str| {
            let (before, after) = (old.chars().count(), new.chars().count());
            out.extend(new.chars());
            extra.extend((0..after).map(|index| -i32::from(index >= before)));
            if after < before {
                match extra.last_mut() {
                    Some(last) => *last += (before - after) as i32,
                    None => dropped += before as u32,
                }
            }
        };
        for grapheme in text.graphemes(true) {
            let whole = map.replace(grapheme).filter(|_| grapheme.len() < 6);
            let parts = grapheme.char_indices().map(|(from, c)| &grapheme[from..from + c.len_utf8()]);
            match whole {
                Some(new) => put(grapheme, new),
                None => parts.for_each(|part| put(part, map.replace(part).unwrap_or(part))),
            }
        }
        let mut at = dropped as i32;
        let mut placed = Vec::new();
        for (c, extra) in out.into_iter().zip(extra) {
            placed.push((c, if extra < 0 { at - 1 } else { at }.max(0) as u32));
            at += extra + 1;
        }
        (placed, dropped)
    }

    /// A charsmap of single bytes, and of two: `x` is dropped, `y` becomes three, `a` and an accent one.
    fn small() -> Charsmap {
        let rows = [("x", ""), ("y", "bcd"), ("a\u{301}", "á"), ("，", ","), ("\u{302}", "")];
        of_rows(&rows)
    }

    /// A double array with a block of 256 units for each node.
    fn of_rows(rows: &[(&str, &str)]) -> Charsmap {
        let mut replacements = Vec::new();
        let mut units = vec![0_u32; 256];
        let mut children: std::collections::HashMap<(usize, u8), usize> = std::collections::HashMap::new();
        // Unit of each node, and the block that its children lie in; the root is unit 0.
        units[0] = 256 << 10;
        units.resize(512, 0);
        let mut block = vec![(0_usize, 256_usize)];
        for (old, new) in rows {
            let mut node = 0;
            for &byte in old.as_bytes() {
                let made = block.len();
                let next = *children.entry((node, byte)).or_insert(made);
                if next == made {
                    let at = block[node].1 ^ usize::from(byte);
                    let base = units.len();
                    units.resize(base + 256, 0);
                    units[at] = ((at ^ base) as u32) << 10 | u32::from(byte);
                    block.push((at, base));
                }
                node = next;
            }
            let (at, base) = block[node];
            units[at] |= 1 << 8;
            units[base] = 1 << 31 | replacements.len() as u32;
            replacements.extend_from_slice(new.as_bytes());
            replacements.push(0);
        }
        Charsmap { units, replacements }
    }

    #[test]
    fn the_small_charsmap_is_one() {
        let map = small();
        for (old, new) in
            [("x", Some("")), ("y", Some("bcd")), ("a\u{301}", Some("á")), ("a", None), ("，", Some(","))]
        {
            assert_eq!(map.replace(old), new, "{old:?}");
        }
    }

    proptest! {
        /// The twin walks all graphemes and places characters at the end.
        #[test]
        fn equals_the_plain_way(text in "([abxy，北가\u{301}\u{302}\u{200d}\u{1100}\u{1161}\u{11a8}👩\u{1f1e9}\r\n\u{e33}\u{915}\u{94d}]|\\PC){0,24}") {
            let map = small();
            let mut got = Vec::new();
            let dropped = map.apply(&text, &mut got);
            prop_assert_eq!((got, dropped), applied(&map, &text));
        }
    }
    #[test]
    fn base64_of_any_length() {
        for (text, want) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("+/8A", &[251, 255, 0])]
        {
            assert_eq!(decoded(text).as_deref(), Some(want));
        }
        assert_eq!(decoded("Zm 9"), None);
    }

    #[test]
    fn a_blob_that_is_none_changes_nothing_and_does_not_panic() {
        assert!(Charsmap::new("AAAA").is_none());
        assert!(Charsmap::new("/////w==").is_none());
        let map = Charsmap { units: vec![u32::MAX; 3], replacements: vec![b'x'] };
        assert_eq!(map.replace("abc"), None);
    }
}
