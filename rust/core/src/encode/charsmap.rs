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
    /// Of the base64 text in a `tokenizer.json`; `None` if it is none.
    pub(super) fn new(text: &str) -> Option<Self> {
        let blob = decoded(text)?;
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (units, replacements) = rest.split_at_checked(length)?;
        let units = units.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { units, replacements: replacements.to_vec() })
    }

    /// What the shortest string that `text` starts with becomes.
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
    /// how many characters were dropped before there was one to count them to.
    pub(super) fn apply(&self, text: &str, out: &mut Vec<Placed>) -> u32 {
        out.clear();
        // Of each new character how many old ones it stands for, less one; what is dropped is counted to the one before.
        let mut extra: Vec<i32> = Vec::with_capacity(text.len());
        let mut dropped = 0;
        let mut put = |old: &str, new: &str, out: &mut Vec<Placed>| {
            let (before, after) = (old.chars().count(), new.chars().count());
            out.extend(new.chars().map(|c| (c, 0)));
            extra.extend((0..after).map(|index| -i32::from(index >= before)));
            if after < before {
                match extra.last_mut() {
                    Some(last) => *last += (before - after) as i32,
                    None => dropped += before as u32,
                }
            }
        };
        for grapheme in text.graphemes(true) {
            if grapheme.len() < 6
                && let Some(new) = self.replace(grapheme)
            {
                put(grapheme, new, out);
                continue;
            }
            for (from, c) in grapheme.char_indices() {
                let part = &grapheme[from..from + c.len_utf8()];
                put(part, self.replace(part).unwrap_or(part), out);
            }
        }
        let mut at = dropped as i32;
        for ((_, place), extra) in out.iter_mut().zip(extra) {
            *place = if extra < 0 { at - 1 } else { at }.max(0) as u32;
            at += extra + 1;
        }
        dropped
    }
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
