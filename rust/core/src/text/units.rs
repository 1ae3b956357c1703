//! Positions of one text in characters, UTF-8 bytes, UTF-16 units and graphemes.

use crate::text::bits::Bits;
use crate::{Error, Result};
use std::sync::OnceLock;
use unicode_segmentation::UnicodeSegmentation;

/// What a position counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Characters: code points, as Python's `str` counts.
    Chars,
    /// Bytes of UTF-8, as Rust and Go count.
    Utf8,
    /// 16-bit units of UTF-16, as JavaScript and Java count.
    Utf16,
    /// What readers take for characters: extended grapheme clusters of UAX #29.
    Graphemes,
}

impl Unit {
    /// Reads the name of a unit, given as the argument `name`.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &'static str, unit: &str) -> Result<Self> {
        Ok(match unit {
            "chars" => Self::Chars,
            "utf8" => Self::Utf8,
            "utf16" => Self::Utf16,
            "graphemes" => Self::Graphemes,
            _ => {
                return Err(Error::BadOption {
                    name,
                    got: format!("{unit:?}"),
                    cure: "choose \"chars\", \"utf8\", \"utf16\" or \"graphemes\"",
                });
            }
        })
    }

    fn what(self) -> &'static str {
        match self {
            Self::Chars => "characters",
            Self::Utf8 => "UTF-8 bytes",
            Self::Utf16 => "UTF-16 units",
            Self::Graphemes => "graphemes",
        }
    }
}

/// What becomes of a position that has no counterpart: inside a character, or inside a grapheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// It is an error.
    Refuse,
    /// It goes to the start of what it lies in.
    Floor,
    /// It goes to the end of what it lies in.
    Ceil,
    /// Positions are starts and ends in turn: a start goes to the start, an end to the end, so that a span grows.
    Outward,
}

impl Inside {
    /// Reads the name of a rule.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "error" => Self::Refuse,
            "floor" => Self::Floor,
            "ceil" => Self::Ceil,
            "outward" => Self::Outward,
            _ => {
                return Err(Error::BadOption {
                    name: "inside",
                    got: format!("{name:?}"),
                    cure: "choose \"error\", \"floor\", \"ceil\" or \"outward\"",
                });
            }
        })
    }

    /// By how much position number `index` moves from the start of what it lies in; `None` to refuse it.
    #[inline]
    fn moves(self, index: usize) -> Option<usize> {
        match self {
            Self::Refuse => None,
            Self::Floor => Some(0),
            Self::Ceil => Some(1),
            Self::Outward => Some(index & 1),
        }
    }
}

/// Converts positions of one text between units. Built in one pass; ASCII needs no table at all.
///
/// The plain line is `text[:at].encode()` and its length, a pass over the text for each position.
#[derive(Debug)]
pub struct OffsetMap {
    bytes: usize,
    chars: usize,
    wide: Option<Wide>,
    /// Characters that start a grapheme; made when graphemes are first asked for, `None` if each does.
    graphemes: OnceLock<Option<Bits>>,
}

/// The tables of a text that is not ASCII.
#[derive(Debug)]
struct Wide {
    /// Byte at which each character starts, and the end.
    starts: Vec<u32>,
    /// The same as a set.
    bytes: Bits,
    /// The characters that take two units of UTF-16.
    pairs: Vec<u32>,
}

impl OffsetMap {
    /// Reads `text` once.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a text of 4 GiB or more that is not ASCII.
    pub fn new(text: &str) -> Result<Self> {
        let bytes = text.len();
        let (chars, wide) = if text.is_ascii() {
            (bytes, None)
        } else if u32::try_from(bytes).is_err() {
            return Err(Error::BadOption {
                name: "text",
                got: format!("{bytes} bytes long"),
                cure: "cut it into texts of less than 4 GiB",
            });
        } else {
            let wide = Wide::new(text.as_bytes());
            (wide.starts.len() - 1, Some(wide))
        };
        Ok(Self { bytes, chars, wide, graphemes: OnceLock::new() })
    }

    /// Length of the text in `unit`. `text` is the text this was made from; it is read if `unit` is graphemes.
    #[must_use]
    pub fn len(&self, text: &str, unit: Unit) -> usize {
        match unit {
            Unit::Chars => self.chars,
            Unit::Utf8 => self.bytes,
            Unit::Utf16 => self.chars + self.wide.as_ref().map_or(0, |wide| wide.pairs.len()),
            Unit::Graphemes => self.graphemes(text).map_or(self.chars, |starts| starts.before(self.chars)),
        }
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Converts `positions` in place. `text` is the text this was made from; it is read if a unit is graphemes.
    ///
    /// # Errors
    /// [`Error::BadPosition`] for one outside the text, [`Error::PositionInside`] for one that has no counterpart
    /// if `inside` says to refuse it. Both name the first one.
    pub fn convert(
        &self,
        text: &str,
        positions: &mut [i64],
        from: Unit,
        to: Unit,
        inside: Inside,
    ) -> Result<()> {
        let limit = self.len(text, from) as i64;
        // Of a position outside, it or its distance to the end is negative: one pass without a branch.
        let signs = positions.iter().fold(0, |signs, &at| signs | at | limit.wrapping_sub(at));
        if signs < 0 {
            let bad = positions.iter().enumerate().find(|(_, at)| !(0..=limit).contains(*at));
            let (index, &position) = bad.unwrap_or((0, &0));
            return Err(Error::BadPosition { index, position, limit: limit as usize, unit: from.what() });
        }
        if from == to {
            return Ok(());
        }
        let refused = |index: usize, position: usize, what: &'static str| Error::PositionInside {
            index,
            position: position as i64,
            unit: from.what(),
            what,
        };
        match (from, &self.wide) {
            (Unit::Utf8, Some(wide)) => {
                for (index, at) in positions.iter_mut().enumerate() {
                    let byte = *at as usize;
                    let before = wide.bytes.before(byte);
                    *at = if wide.bytes.has(byte) {
                        before
                    } else {
                        let more = inside.moves(index);
                        before - 1 + more.ok_or_else(|| refused(index, byte, "a character"))?
                    } as i64;
                }
            }
            (Unit::Utf16, Some(wide)) if !wide.pairs.is_empty() => {
                let mut near = 0;
                for (index, at) in positions.iter_mut().enumerate() {
                    let unit = *at as usize;
                    // Pair n starts at unit `pairs[n] + n`; those that start before `unit`:
                    near = nearby(near, wide.pairs.len(), |n| wide.pairs[n] as usize + n < unit);
                    let mut char = unit - near;
                    if near > 0 && wide.pairs[near - 1] as usize + near == unit {
                        let more = inside.moves(index);
                        char += more.ok_or_else(|| refused(index, unit, "a character"))?;
                    }
                    *at = char as i64;
                }
            }
            (Unit::Graphemes, _) => {
                if let Some(starts) = self.graphemes(text) {
                    for at in &mut *positions {
                        *at = starts.nth(*at as usize) as i64;
                    }
                }
            }
            _ => {}
        }
        match (to, &self.wide) {
            (Unit::Utf8, Some(wide)) => {
                for at in positions {
                    *at = i64::from(wide.starts[*at as usize]);
                }
            }
            (Unit::Utf16, Some(wide)) if !wide.pairs.is_empty() => {
                let mut near = 0;
                for at in positions {
                    near = nearby(near, wide.pairs.len(), |n| i64::from(wide.pairs[n]) < *at);
                    *at += near as i64;
                }
            }
            (Unit::Graphemes, _) => {
                let Some(starts) = self.graphemes(text) else { return Ok(()) };
                for (index, at) in positions.iter_mut().enumerate() {
                    let char = *at as usize;
                    let before = starts.before(char);
                    *at = if starts.has(char) {
                        before
                    } else {
                        let more = inside.moves(index);
                        before - 1 + more.ok_or_else(|| refused(index, char, "a grapheme"))?
                    } as i64;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn graphemes(&self, text: &str) -> Option<&Bits> {
        let find = || {
            if self.wide.is_none() && memchr::memchr(b'\r', text.as_bytes()).is_none() {
                return None;
            }
            let mut starts = Bits::new(self.chars);
            let mut char = 0;
            for cluster in text.graphemes(true) {
                starts.set(char);
                char += cluster.chars().count();
            }
            starts.set(char);
            Some(starts.counted(char))
        };
        self.graphemes.get_or_init(find).as_ref()
    }
}

impl Wide {
    fn new(text: &[u8]) -> Self {
        /// The highest bit of each byte.
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let mut starts = Vec::with_capacity(text.len() + 1);
        let mut bytes = Bits::new(text.len());
        let mut pairs = Vec::new();
        for (number, block) in text.chunks(64).enumerate() {
            let mut all = 0;
            for (part, eight) in block.chunks(8).enumerate() {
                let first = number * 64 + part * 8;
                let mut word = [0; 8];
                word[..eight.len()].copy_from_slice(eight);
                let word = u64::from_le_bytes(word);
                let present = u64::MAX >> (64 - eight.len()) & 0xFF;
                if word & HIGH == 0 && eight.len() == 8 {
                    all |= 0xFF << (8 * part);
                    let first = first as u32;
                    starts.extend_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7].map(|at| first + at));
                    continue;
                }
                // Continuation bytes are 10xxxxxx; the multiplication gathers the bits of the others.
                let others = (!(word & !(word << 1)) & HIGH) >> 7;
                let mut leads = others.wrapping_mul(0x0102_0408_1020_4080) >> 56 & present;
                all |= leads << (8 * part);
                while leads != 0 {
                    let at = leads.trailing_zeros() as usize;
                    if eight[at] >= 0xF0 {
                        pairs.push(starts.len() as u32);
                    }
                    starts.push((first + at) as u32);
                    leads &= leads - 1;
                }
            }
            bytes.set_item(number, all);
        }
        starts.push(text.len() as u32);
        bytes.set(text.len());
        Self { starts, bytes: bytes.counted(text.len()), pairs }
    }
}

/// How many of `0..count` are `below`: they all come before those that are not. Quick if the result is near `guess`.
#[inline]
fn nearby(guess: usize, count: usize, below: impl Fn(usize) -> bool) -> usize {
    let mut at = guess;
    for _ in 0..4 {
        if at > 0 && !below(at - 1) {
            at -= 1;
        } else if at < count && below(at) {
            at += 1;
        } else {
            return at;
        }
    }
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        if below(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS: [Unit; 4] = [Unit::Chars, Unit::Utf8, Unit::Utf16, Unit::Graphemes];

    /// The plain twin: byte positions at which each unit's positions lie; `None` inside a character.
    fn plain(text: &str, unit: Unit) -> Vec<Option<usize>> {
        let mut out: Vec<Option<usize>> = Vec::new();
        match unit {
            Unit::Utf8 => out.extend((0..text.len()).map(|at| text.is_char_boundary(at).then_some(at))),
            Unit::Chars => out.extend(text.char_indices().map(|(at, _)| Some(at))),
            Unit::Utf16 => {
                for (at, c) in text.char_indices() {
                    out.push(Some(at));
                    out.extend(std::iter::repeat_n(None, c.len_utf16() - 1));
                }
            }
            Unit::Graphemes => out.extend(text.grapheme_indices(true).map(|(at, _)| Some(at))),
        }
        out.push(Some(text.len()));
        out
    }

    fn check(text: &str) {
        let map = OffsetMap::new(text).unwrap();
        for from in UNITS {
            let places = plain(text, from);
            assert_eq!(map.len(text, from), places.len() - 1);
            for to in UNITS {
                let targets = plain(text, to);
                for (at, place) in places.iter().enumerate() {
                    // Where it lies in bytes: at a place, or between the places before and after it.
                    let low = places[..=at].iter().rev().find_map(|place| *place).unwrap();
                    let high = places[at..].iter().find_map(|place| *place).unwrap();
                    let floor =
                        targets.iter().rposition(|byte| byte.is_some_and(|byte| byte <= low)).unwrap();
                    let ceil = targets.iter().position(|byte| byte.is_some_and(|byte| byte >= high)).unwrap();
                    let exact = place.is_some() && targets.contains(place) || from == to;
                    let (floor, ceil) = if from == to { (at, at) } else { (floor, ceil) };
                    for (inside, want) in [
                        (Inside::Floor, Some(floor)),
                        (Inside::Ceil, Some(ceil)),
                        (Inside::Refuse, exact.then_some(floor)),
                    ] {
                        let mut found = [at as i64];
                        let done = map.convert(text, &mut found, from, to, inside);
                        let found = done.is_ok().then_some(found[0] as usize);
                        assert_eq!(found, want, "{text:?} {from:?} {to:?} {at} {inside:?}");
                    }
                    let mut pair = [at as i64, at as i64];
                    map.convert(text, &mut pair, from, to, Inside::Outward).unwrap();
                    assert_eq!(pair, [floor as i64, ceil as i64]);
                }
                // All at once, forwards and backwards, as each position starts from its neighbour's.
                let mut all: Vec<i64> = (0..places.len() as i64).collect();
                let mut reversed: Vec<i64> = all.iter().rev().copied().collect();
                map.convert(text, &mut all, from, to, Inside::Floor).unwrap();
                map.convert(text, &mut reversed, from, to, Inside::Floor).unwrap();
                reversed.reverse();
                assert_eq!(all, reversed);
            }
            for off in [-1, places.len() as i64] {
                assert!(map.convert(text, &mut [0, off], from, Unit::Chars, Inside::Floor).is_err());
            }
        }
    }

    #[test]
    fn errors_name_the_position() {
        let map = OffsetMap::new("a🤗").unwrap();
        let error = map.convert("a🤗", &mut [0, 3], Unit::Utf8, Unit::Chars, Inside::Refuse).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`positions[1]` is 3 UTF-8 bytes, which lies inside a character; pass inside=\"floor\" or \"ceil\" to move \
             such positions"
        );
        let error = map.convert("a🤗", &mut [4], Unit::Utf16, Unit::Chars, Inside::Refuse).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`positions[0]` is 4 but the text has 3 UTF-16 units; positions are 0 to 3"
        );
    }

    #[test]
    fn long_texts() {
        let text = "añ🤗e\u{301}中\r\n".repeat(40);
        let map = OffsetMap::new(&text).unwrap();
        for from in UNITS {
            for to in UNITS {
                let places = plain(&text, from);
                let mut all: Vec<i64> = (0..places.len() as i64).collect();
                map.convert(&text, &mut all, from, to, Inside::Floor).unwrap();
                let targets = plain(&text, to);
                for (found, place) in all.iter().zip(&places) {
                    if let Some(at) =
                        place.and_then(|place| targets.iter().position(|&byte| byte == Some(place)))
                    {
                        assert_eq!(*found as usize, at);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn conversions_equal_their_twin(text in "[ab\r\né\u{301}中🤗👩\u{200d}🇩🇪]{0,12}|[ -~\r\n]{0,12}") {
            check(&text);
        }

        #[test]
        fn any_text_too(text in any::<String>()) {
            check(&text.chars().take(14).collect::<String>());
        }
    }
}
