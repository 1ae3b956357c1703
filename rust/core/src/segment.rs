//! Words of a text by UAX #29, and where a span edge would cut one.
//!
//! The plain line is `text.split_word_bounds()`. It gives byte positions one after the other, and a decoder asks for
//! character positions in any order, several for each entity; here the edges are a set of bits, read once a text.

use crate::bits::Bits;
use unicode_segmentation::UnicodeSegmentation;

/// The units of a text: words, and what stands between them. Positions are in characters.
///
/// The text is cut at the word boundaries of UAX #29 (default rules, Unicode 17). A segment that holds a letter or a
/// digit (`char::is_alphanumeric`) is one unit, a *word*: `don't`, `U.S`, `example.com`, `3.14`, `foo_bar`, `서울에서`.
/// A segment that holds none is one unit for each of its grapheme clusters: two spaces are two units, `\r\n` and an
/// emoji made of several characters are one.
///
/// Scripts that put no spaces between words (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar, Tai, Ahom, Javanese,
/// Balinese) are left to single letters: each of their letters, with the marks on it, is a word of its own, and where
/// one stands in a segment with others (`アab`), those others are a unit by themselves. So any edge between two of their
/// letters is as good as any other; only a mark is not torn off its letter.
///
/// No edge lies inside a grapheme cluster, though some word boundaries do: before a Thai sara am, behind the sign that
/// stacks two Khmer letters.
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
}

/// Reads `text` once.
#[must_use]
pub fn word_edges(text: &str) -> WordEdges {
    WordEdges::new(text)
}

impl WordEdges {
    /// Reads `text` once.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut new = Self { len: 0, edges: Bits::new(text.len()), words: Bits::new(text.len()) };
        if text.is_ascii() {
            new.read_ascii(text.as_bytes());
        } else {
            new.push_segments(text);
        }
        new.edges.set(new.len);
        Self { len: new.len, edges: new.edges.counted(new.len), words: new.words.counted(new.len) }
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

    /// The smallest span of whole units that covers the characters `start..end`.
    ///
    /// `start` goes back to the edge at or before it, `end` on to the edge at or after it; so an empty span stays empty
    /// at an edge and takes the whole word inside of one. Positions past the end of the text count as its end, and an
    /// `end` before `start` as `start`.
    #[must_use]
    pub fn widen(&self, start: usize, end: usize) -> (usize, usize) {
        let start = start.min(self.len);
        let end = end.clamp(start, self.len);
        (self.edges.at_or_before(start), self.edges.at_or_after(end))
    }

    /// Appends a unit of `chars` characters.
    fn push(&mut self, chars: usize, word: bool) {
        self.edges.set(self.len);
        if word {
            self.words.fill(self.len, self.len + chars);
        }
        self.len += chars;
    }

    fn push_segments(&mut self, text: &str) {
        if !text.chars().any(may_join) {
            text.split_word_bounds().for_each(|segment| self.push_segment(segment));
            return;
        }
        let mut clusters = text.grapheme_indices(true).map(|(start, _)| start).peekable();
        let mut start = 0;
        for (at, segment) in text.split_word_bound_indices() {
            let end = at + segment.len();
            while clusters.next_if(|&cluster| cluster < end).is_some() {}
            if end == text.len() || clusters.peek() == Some(&end) {
                self.push_segment(&text[start..end]);
                start = end;
            }
        }
    }

    fn push_segment(&mut self, segment: &str) {
        let word = segment.chars().any(char::is_alphanumeric);
        if word && !segment.chars().any(is_unspaced) {
            return self.push(segment.chars().count(), true);
        }
        // What lies between letters of unspaced scripts: pushed as a word, or cluster by cluster.
        let mut between = 0..0;
        for (at, cluster) in segment.grapheme_indices(true) {
            if !cluster.starts_with(is_unspaced) {
                between.end = at + cluster.len();
                continue;
            }
            self.push_between(&segment[between]);
            self.push(cluster.chars().count(), true);
            between = at + cluster.len()..at + cluster.len();
        }
        self.push_between(&segment[between]);
    }

    fn push_between(&mut self, text: &str) {
        if text.chars().any(char::is_alphanumeric) {
            return self.push(text.chars().count(), true);
        }
        for cluster in text.graphemes(true) {
            self.push(cluster.chars().count(), false);
        }
    }

    /// The same for ASCII, by rules 3 and 5 to 13b of UAX #29 as far as ASCII goes.
    fn read_ascii(&mut self, text: &[u8]) {
        let class = |at: usize| text.get(at).map_or(Class::Other, |&byte| CLASSES[usize::from(byte)]);
        let mut at = 0;
        while at < text.len() {
            let start = at;
            let mut word = false;
            loop {
                match class(at) {
                    Class::Letter | Class::Digit => word = true,
                    Class::Joiner => {}
                    between => {
                        let around = if at == start { Class::Other } else { class(at - 1) };
                        let inner = match between {
                            Class::BetweenLetters => around == Class::Letter,
                            Class::BetweenDigits => around == Class::Digit,
                            Class::BetweenEither => matches!(around, Class::Letter | Class::Digit),
                            _ => false,
                        };
                        if !(inner && class(at + 1) == around) {
                            break;
                        }
                    }
                }
                at += 1;
            }
            if word {
                self.push(at - start, true);
                continue;
            }
            for _ in start..at {
                self.push(1, false);
            }
            // What ended the segment is no part of a word.
            if at < text.len() && (at == start || class(at) == Class::Other) {
                let pair = text[at] == b'\r' && text.get(at + 1) == Some(&b'\n');
                self.push(1 + usize::from(pair), false);
                at += 1 + usize::from(pair);
            }
        }
    }
}

/// What an ASCII character is to UAX #29.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    Other,
    Letter,
    Digit,
    /// `_`, `ExtendNumLet`.
    Joiner,
    /// `:`, `MidLetter`.
    BetweenLetters,
    /// `,` and `;`, `MidNum`.
    BetweenDigits,
    /// `.` and `'`, `MidNumLet` and `Single_Quote`.
    BetweenEither,
}

const CLASSES: [Class; 128] = {
    let mut classes = [Class::Other; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'A'..=b'Z' | b'a'..=b'z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'_' => Class::Joiner,
            b':' => Class::BetweenLetters,
            b',' | b';' => Class::BetweenDigits,
            b'.' | b'\'' => Class::BetweenEither,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

/// Whether `c` is of a script in which a letter or a sign that is no mark may join what stands before or behind it to a
/// grapheme cluster: Arabic to Myanmar, and the younger blocks of such scripts.
fn may_join(c: char) -> bool {
    matches!(c as u32, 0x0600..=0x109F | 0x1780..=0x1CFF | 0xA800..=0xABFF | 0x1_1000..=0x1_1FFF)
}

/// Whether `c` is a letter of a script that puts no spaces between words.
///
/// Blocks of Unicode 17: what UAX #14 classes as `SA` (complex context) or, of Han and kana, `ID`, and Javanese and
/// Balinese. Digits of these scripts are digits.
#[must_use]
pub fn is_unspaced(c: char) -> bool {
    match c as u32 {
        0x2E80..=0x2FDF | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3038..=0x303C // Han
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFD
        | 0x3040..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF | 0x31F0..=0x31FF // kana
        | 0xFF66..=0xFF9F | 0x1_AFF0..=0x1_B16F => true,
        0x0E00..=0x0EFF // Thai, Lao
        | 0x1000..=0x109F | 0xA9E0..=0xA9FF | 0xAA60..=0xAA7F | 0x1_16D0..=0x1_16FF // Myanmar
        | 0x1780..=0x17FF // Khmer
        | 0x1950..=0x19DF | 0x1A20..=0x1AAF | 0xAA80..=0xAADF | 0x1_1700..=0x1_174F // Tai, Ahom
        | 0xA980..=0xA9DF | 0x1B00..=0x1B7F // Javanese, Balinese
        => c.is_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain twin: the unit of each character, and whether it is a word.
    fn plain(text: &str) -> Vec<(usize, bool)> {
        let mut units: Vec<String> = Vec::new();
        let clusters: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        let cuts = text.split_word_bound_indices().map(|(at, _)| at).chain([text.len()]);
        let cuts: Vec<usize> = cuts.filter(|at| *at == text.len() || clusters.contains(at)).collect();
        for pair in cuts.windows(2) {
            let segment = &text[pair[0]..pair[1]];
            let alphanumeric = |text: &str| text.chars().any(char::is_alphanumeric);
            let mut runs: Vec<(bool, String)> = Vec::new();
            for cluster in segment.graphemes(true) {
                let unspaced = cluster.starts_with(is_unspaced);
                match runs.last_mut() {
                    Some((false, run)) if !unspaced => run.push_str(cluster),
                    _ => runs.push((unspaced, cluster.to_owned())),
                }
            }
            for (unspaced, run) in runs {
                if unspaced || alphanumeric(&run) {
                    units.push(run);
                } else {
                    units.extend(run.graphemes(true).map(str::to_owned));
                }
            }
        }
        let mut out = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            out.extend(
                unit.chars().map(|_| (number, unit.chars().any(|c| c.is_alphanumeric() || is_unspaced(c)))),
            );
        }
        out
    }

    fn units(text: &str) -> Vec<String> {
        let edges = WordEdges::new(text);
        let mut out = vec![String::new(); edges.units()];
        for (at, c) in text.chars().enumerate() {
            out[edges.unit(at)].push(c);
        }
        out
    }

    fn check(text: &str) {
        let edges = WordEdges::new(text);
        let twin = plain(text);
        let len = twin.len();
        let starts: Vec<usize> =
            (0..=len).filter(|&at| at == 0 || at == len || twin[at - 1].0 != twin[at].0).collect();
        assert_eq!(edges.len(), len);
        assert_eq!(edges.units(), twin.last().map_or(0, |(unit, _)| unit + 1));
        for at in 0..len + 3 {
            assert_eq!(edges.inside(at), at < len && !starts.contains(&at), "{text:?} {at}");
            assert_eq!(edges.unit(at), twin.get(at).map_or(edges.units(), |unit| unit.0), "{text:?} {at}");
            assert_eq!(edges.is_word(at), twin.get(at).is_some_and(|unit| unit.1), "{text:?} {at}");
        }
        let step = len / 40 + 1;
        for start in (0..len + 3).step_by(step) {
            for end in (0..len + 3).step_by(step) {
                let (from, to) = (start.min(len), end.clamp(start.min(len), len));
                let left = starts.iter().copied().filter(|&at| at <= from).max();
                let right = starts.iter().copied().find(|&at| at >= to);
                assert_eq!((left, right), {
                    let (left, right) = edges.widen(start, end);
                    (Some(left), Some(right))
                });
            }
        }
    }

    #[test]
    fn texts_fall_into_units() {
        for (text, want) in [
            ("", vec![]),
            ("don't stop", vec!["don't", " ", "stop"]),
            ("U.S. 3.14", vec!["U.S", ".", " ", "3.14"]),
            ("a  b\r\n", vec!["a", " ", " ", "b", "\r\n"]),
            ("__ _a_ 1,2:3", vec!["_", "_", " ", "_a_", " ", "1,2", ":", "3"]),
            ("__:a", vec!["_", "_", ":", "a"]),
            ("'a' a:b .5", vec!["'", "a", "'", " ", "a:b", " ", ".", "5"]),
            ("Zoë's e\u{301}té", vec!["Zoë's", " ", "e\u{301}té"]),
            ("東京タワー2階", vec!["東", "京", "タ", "ワ", "ー", "2", "階"]),
            ("アab_か\u{3099}", vec!["ア", "ab_", "か\u{3099}"]),
            ("สวัสดี", vec!["ส", "วั", "ส", "ดี"]),
            ("กข๑๒", vec!["ก", "ข", "๑๒"]),
            ("น้ำตก ກຳ", vec!["น้ำ", "ต", "ก", " ", "ກຳ"]),
            ("ខ្មែរ", vec!["ខ្មែ", "រ"]),
            ("Annaำก", vec!["Annaำ", "ก"]),
            ("\u{600}! a", vec!["\u{600}!", " ", "a"]),
            ("서울에서 नमस्ते", vec!["서울에서", " ", "नमस्ते"]),
            ("👨‍👩‍👧👍🏽!", vec!["👨‍👩‍👧", "👍🏽", "!"]),
        ] {
            assert_eq!(units(text), want, "{text:?}");
            check(text);
        }
    }

    #[test]
    fn long_words_are_found_across_items() {
        for (before, long) in [(0, 63), (0, 64), (1, 63), (3, 1000), (64, 128), (127, 129)] {
            check(&format!("{}{} tail", "- ".repeat(before), "x".repeat(long)));
            check(&format!("{}{}", "é ".repeat(before), "é".repeat(long)));
        }
    }

    proptest! {
        #[test]
        fn ascii_equals_its_twin(text in "[ab1_:;,.' \r\n@-]{0,24}|[ -~\r\n\t\x00]{0,24}") {
            check(&text);
        }

        #[test]
        fn text_equals_its_twin(text in "[ab1_:.' \r\né\u{301}東タﾀーかกั๑ำກຳខ្មကြ\u{600}क\u{94d}한\u{200d}👩👍\u{1f3fd}🇩🇪\u{5d0}\"]{0,24}") {
            check(&text);
        }

        #[test]
        fn any_text_equals_its_twin(text in any::<String>()) {
            check(&text);
        }
    }
}
