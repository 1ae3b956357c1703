//! Words and units of a text by UAX #29, and where a span edge would cut one.
//!
//! The plain line is `text.split_word_bounds()`. It gives byte positions one after the other, and a decoder asks for
//! character positions in any order, several for each entity; here the edges are a set of bits, read once a text.

use crate::text::addresses::addresses;
use crate::text::bits::Bits;
use crate::text::joints::{Left, Part, cuts, joint};
use crate::text::script::is_unspaced;
use unicode_segmentation::UnicodeSegmentation;

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
/// `Name:Anna` are one word each. [`Self::cut`] cuts words there, too.
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
            let all = addresses(text).into_iter();
            self.addresses.extend(all.map(|(start, end)| (from + start, from + end)));
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

    /// Appends a unit of `chars` characters.
    fn push(&mut self, chars: usize, word: bool) {
        self.edges.set(self.len);
        if word {
            self.words.fill(self.len, self.len + chars);
        }
        self.len += chars;
    }

    /// Reads stretches of ASCII, up to a space, by shorter rules than the rest.
    ///
    /// There is always an edge between a space and ASCII behind it, and ASCII takes a fifth of the time: most words of
    /// most texts, even where some are not.
    fn read_stretches(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let Some(wide) = bytes[at..].iter().position(|byte| !byte.is_ascii()).map(|offset| at + offset)
            else {
                return self.read_ascii(&bytes[at..]);
            };
            // The space before the word of the first character that is not ASCII; not one right before it, which may be a mark.
            let before = wide.saturating_sub(1).max(at);
            if let Some(space) = bytes[at..before].iter().rposition(|&byte| byte == b' ') {
                self.read_ascii(&bytes[at..=at + space]);
                at += space + 1;
            }
            let parted = |pair: &[u8]| pair[0] == b' ' && pair[1].is_ascii();
            let end = bytes[wide..].windows(2).position(parted).map_or(bytes.len(), |space| wide + space + 1);
            self.push_segments(&text[at..end]);
            at = end;
        }
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
                self.push_joined(&text[start..end]);
                start = end;
            }
        }
    }

    /// Appends segments that clusters join; between two spaces there is an edge all the same.
    fn push_joined(&mut self, segments: &str) {
        let mut start = 0;
        for (at, _) in segments.as_bytes().windows(2).enumerate().filter(|&(_, two)| two == b"  ") {
            self.push_segment(&segments[start..=at]);
            start = at + 1;
        }
        self.push_segment(&segments[start..]);
    }

    fn push_segment(&mut self, segment: &str) {
        let word = segment.chars().any(char::is_alphanumeric);
        if word && !segment.chars().any(is_unspaced) {
            return self.push_word(segment);
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
            return self.push_word(text);
        }
        for cluster in text.graphemes(true) {
            self.push(cluster.chars().count(), false);
        }
    }

    /// Appends a word, cut at its soft joints where that is asked for.
    fn push_word(&mut self, word: &str) {
        if !self.cut || !word.chars().any(|c| joint(c).is_some()) {
            return self.push(word.chars().count(), true);
        }
        let clusters: Vec<&str> = word.graphemes(true).collect();
        let parts: Vec<Part> = clusters.iter().map(|cluster| Part::of(cluster)).collect();
        // Characters since the last cut; letters and digits since the last joint, and the last of them.
        let (mut chars, mut run, mut last) = (0, 0, None);
        for (at, part) in parts.iter().enumerate() {
            match (*part, last) {
                (Part::Letter(c), _) => (run, last) = (run + 1, Some((c, clusters[at]))),
                (Part::Joint(joint), Some((letter, cluster))) => {
                    let mut behind = parts[at + 1..].iter().filter(|part| !matches!(part, Part::Unseen));
                    let mut next = || behind.next().and_then(|part| part.letter());
                    let (following, then) = (next(), next());
                    let left = Left { letter, alone: run == 1, initial: matches!(cluster, "O" | "D") };
                    if following.is_some_and(|following| cuts(joint, left, following, then)) {
                        self.push(chars, true);
                        let word = clusters[at].chars().any(char::is_alphanumeric); // a vowel sign may sit on a joint
                        self.push(clusters[at].chars().count(), word);
                        (chars, run, last) = (0, 0, None);
                        continue;
                    }
                    (run, last) = (0, None);
                }
                (Part::Joint(_) | Part::Bound, _) => (run, last) = (0, None),
                (Part::Unseen, _) => {}
            }
            chars += clusters[at].chars().count();
        }
        self.push(chars, true);
    }

    /// The same for ASCII, by rules 3 and 5 to 13b of UAX #29 as far as ASCII goes.
    fn read_ascii(&mut self, text: &[u8]) {
        let class = |at: usize| text.get(at).map_or(Class::Other, |&byte| CLASSES[usize::from(byte)]);
        let mut at = 0;
        while at < text.len() {
            let start = at;
            let mut word = false;
            // Where the letters and digits behind the last joint begin, and what stands behind the last cut.
            let (mut run, mut from) = (at, at);
            loop {
                // Most of a text is letters, so runs of them are skipped at once.
                let letters = text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                word |= letters > 0;
                at += letters;
                match class(at) {
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
                        let char = |at: usize| char::from(text[at]);
                        if self.cut
                            && let Some(joint) = joint(char(at))
                        {
                            let alone = at - run == 1;
                            let letter = char(at - 1);
                            let left = Left { letter, alone, initial: matches!(letter, 'O' | 'D') };
                            let then = text.get(at + 2).map(|&byte| char::from(byte));
                            if cuts(joint, left, char(at + 1), then) {
                                self.push(at - from, true);
                                self.push(1, false);
                                from = at + 1;
                            }
                        }
                        run = at + 1;
                    }
                }
                at += 1;
            }
            if word {
                self.push(at - from, true);
                continue;
            }
            for _ in start..at {
                self.push(1, false);
            }
            // The character that ended the segment is no part of a word.
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

/// Whether `c` is of a script in which a letter or sign that is not a mark may form a grapheme cluster with the
/// character before or behind it: Arabic to Myanmar, and the younger blocks of these scripts.
fn may_join(c: char) -> bool {
    matches!(c as u32, 0x0600..=0x109F | 0x1780..=0x1CFF | 0xA800..=0xABFF | 0x1_1000..=0x1_1FFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::joints::{is_latin_or_greek, is_upper};
    use proptest::prelude::*;
    use unicode_categories::UnicodeCategories;

    /// Every character there is, beside a space from which it may part.
    #[test]
    fn units_part_beside_a_space() {
        for c in (0..=0x0010_FFFF).filter_map(char::from_u32).filter(|&c| leads(c)) {
            for blank in [' ', '\n'] {
                for (text, at) in [(format!("ab{c}{blank}x"), 3), (format!("x{blank}{c}ab"), 2)] {
                    if (c, blank) == ('\r', '\n') && at == 3 {
                        continue;
                    }
                    let edges = WordEdges::cut(&text);
                    assert!(!edges.inside(at), "{text:?}");
                }
            }
        }
    }

    /// The plain twin of a cut word: for each of its joints, what lies on both sides, by plain string operations.
    fn plain_cut(word: &str) -> Vec<String> {
        let clusters: Vec<&str> = word.graphemes(true).collect();
        let base = |at: usize| clusters[at].chars().next().unwrap();
        let apostrophe = |at: usize| "'’‘＇".contains(base(at));
        let stop = |at: usize| ".․﹒．".contains(base(at));
        let colon = |at: usize| ":︓﹕：".contains(base(at));
        let unseen = |at: usize| base(at).is_mark() || base(at).is_other_format();
        let seen: Vec<usize> = (0..clusters.len()).filter(|&at| !unseen(at)).collect();
        let in_run = |at: usize| {
            let c = base(at);
            c.is_alphanumeric() || c.is_punctuation_connector() || c == '\u{202f}'
        };
        let mut out = vec![String::new()];
        for at in 0..clusters.len() {
            let place = seen.iter().position(|&other| other == at);
            let before: Vec<usize> = place.map_or(vec![], |place| {
                seen[..place].iter().rev().copied().take_while(|&at| in_run(at)).collect()
            });
            let behind: Vec<usize> = place.map_or(vec![], |place| {
                seen[place + 1..].iter().copied().take_while(|&at| in_run(at)).collect()
            });
            let cut = !before.is_empty() && !behind.is_empty() && {
                let (left, right) = (base(before[0]), base(behind[0]));
                let digit = |c: char| c.is_numeric() && !c.is_alphabetic();
                let capital = is_upper(right);
                let irish = before.len() == 1
                    && ["O", "D"].contains(&clusters[before[0]])
                    && capital
                    && behind.get(1).is_some_and(|&at| base(at).is_lowercase());
                let close = |c| is_latin_or_greek(c) || digit(c);
                (apostrophe(at) && (close(left) || close(right)) && !(digit(left) && digit(right)) && !irish)
                    || colon(at)
                    || (stop(at) && capital && before.len() > 1)
            };
            if cut {
                out.push(clusters[at].to_owned());
                out.push(String::new());
            } else {
                out.last_mut().unwrap().push_str(clusters[at]);
            }
        }
        out
    }

    /// The plain twin: the unit of each character, and whether it is a word.
    fn plain(text: &str, cut: bool) -> Vec<(usize, bool)> {
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
                    Some((_, run)) if run.ends_with(' ') && cluster.starts_with(' ') => {
                        runs.push((false, cluster.to_owned()));
                    }
                    Some((false, run)) if !unspaced => run.push_str(cluster),
                    _ => runs.push((unspaced, cluster.to_owned())),
                }
            }
            for (unspaced, run) in runs {
                if cut && !unspaced && alphanumeric(&run) {
                    units.extend(plain_cut(&run));
                } else if unspaced || alphanumeric(&run) {
                    units.push(run);
                } else {
                    units.extend(run.graphemes(true).map(str::to_owned));
                }
            }
        }
        let mut out = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            out.extend(
                unit.chars().map(|_| {
                    (number, unit.chars().any(char::is_alphanumeric) || unit.starts_with(is_unspaced))
                }),
            );
        }
        out
    }

    fn units(text: &str, cut: bool) -> Vec<String> {
        let edges = WordEdges::read(text, cut);
        let mut out = vec![String::new(); edges.units()];
        for (at, c) in text.chars().enumerate() {
            out[edges.unit(at)].push(c);
        }
        out
    }

    fn check(text: &str) {
        check_one(text, false);
        check_one(text, true);
    }

    fn check_one(text: &str, cut: bool) {
        let edges = WordEdges::read(text, cut);
        let twin = plain(text, cut);
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
        let back = |to: usize| starts.iter().copied().filter(|&at| at <= to).max().unwrap();
        let on = |to: usize| starts.iter().copied().find(|&at| at >= to).unwrap();
        let mut whole: Vec<(usize, usize)> = Vec::new();
        for (start, end) in if cut { addresses(text) } else { vec![] } {
            let touched: Vec<_> = whole.extract_if(.., |other| other.1 > back(start)).collect();
            whole.push((touched.first().map_or(back(start), |other| other.0), on(end)));
        }
        let step = len / 40 + 1;
        for start in (0..len + 3).step_by(step) {
            for end in (0..len + 3).step_by(step) {
                let (from, to) = (start.min(len), end.clamp(start.min(len), len));
                let (left, right) = (back(from), on(to));
                let touched = whole.iter().filter(|one| left < right && one.0 < right && one.1 > left);
                let want = touched.fold((left, right), |to, one| (to.0.min(one.0), to.1.max(one.1)));
                assert_eq!(edges.widen(start, end), want, "{text:?} {start} {end}");
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
            ("a  ຳ    ຳ", vec!["a", " ", " ຳ", " ", " ", " ", " ຳ"]),
            ("a\u{600}  b  \u{600}  ຳ", vec!["a\u{600} ", " ", "b", " ", " ", "\u{600} ", " ຳ"]),
            ("\u{600}! a", vec!["\u{600}!", " ", "a"]),
            ("서울에서 नमस्ते", vec!["서울에서", " ", "नमस्ते"]),
            ("👨‍👩‍👧👍🏽!", vec!["👨‍👩‍👧", "👍🏽", "!"]),
        ] {
            assert_eq!(units(text, false), want, "{text:?}");
            check(text);
        }
    }

    #[test]
    fn addresses_are_widened_to() {
        let text = "Mail:o.a_b@c.example.org.Then a,b@c.de";
        let edges = WordEdges::cut(text);
        for (span, want) in [
            ((0, 4), (0, 4)),
            ((5, 6), (5, 24)),
            ((20, 27), (5, 29)),
            ((11, 12), (5, 24)),
            ((10, 10), (10, 10)),
            ((30, 31), (30, 31)),
            ((32, 34), (32, 38)),
            ((22, 33), (5, 38)),
        ] {
            assert_eq!(edges.widen(span.0, span.1), want, "{span:?}");
        }
        assert_eq!(WordEdges::new(text).widen(20, 24), (11, 29));
        assert_ne!(edges.unit(9), edges.unit(10), "an address is several units");
    }

    #[test]
    fn words_are_cut_where_names_end() {
        for (text, want) in [
            ("Anna's", vec!["Anna", "'", "s"]),
            ("Zoë’s e\u{301}'s", vec!["Zoë", "’", "s", " ", "e\u{301}", "'", "s"]),
            ("Anna＇s Anna‘s", vec!["Anna", "＇", "s", " ", "Anna", "‘", "s"]),
            ("Anna.Berlin", vec!["Anna", ".", "Berlin"]),
            ("Name:Anna.Surname:Schmidt", vec!["Name", ":", "Anna", ".", "Surname", ":", "Schmidt"]),
            ("Name：Anna", vec!["Name", "：", "Anna"]),
            ("O'Brien D’Angelo O'Neil's", vec!["O'Brien", " ", "D’Angelo", " ", "O'Neil", "'", "s"]),
            (
                "O'BRIEN L'Unione dell'Europa",
                vec!["O", "'", "BRIEN", " ", "L", "'", "Unione", " ", "dell", "'", "Europa"],
            ),
            ("O\u{308}'Brien Ö'Brien", vec!["O\u{308}", "'", "Brien", " ", "Ö", "'", "Brien"]),
            ("aujourd'hui", vec!["aujourd", "'", "hui"]),
            ("5'11 ٥'١", vec!["5'11", " ", "٥'١"]),
            (
                "U.S J.R.R.Tolkien e.V U.S.Army",
                vec!["U.S", " ", "J.R.R.Tolkien", " ", "e.V", " ", "U.S.Army"],
            ),
            ("Ph.D example.com 665.9363", vec!["Ph", ".", "D", " ", "example.com", " ", "665.9363"]),
            ("Лук'яненко צ'כיה Анна.Киев", vec!["Лук'яненко", " ", "צ'כיה", " ", "Анна", ".", "Киев"]),
            ("Анна'b", vec!["Анна", "'", "b"]),
            ("foo_bar.Baz 1,2 l·l צה\"ל", vec!["foo_bar", ".", "Baz", " ", "1,2", " ", "l·l", " ", "צה\"ל"]),
            ("Müller.\u{301}Anna", vec!["Müller", ".\u{301}", "Anna"]),
            ("Anna\u{ad}.Berlin", vec!["Anna\u{ad}", ".", "Berlin"]),
            ("Anna.ǅamonja", vec!["Anna", ".", "ǅamonja"]),
            ("ж'\u{103c}O", vec!["ж", "'\u{103c}", "O"]),
            ("東京.Anna'sか", vec!["東", "京", ".", "Anna", "'", "s", "か"]),
        ] {
            assert_eq!(units(text, true), want, "{text:?}");
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
        fn ascii_equals_its_twin(text in "[abOD1_:;,.' \r\n@-]{0,24}|[aODB1_:.']{0,24}|[ -~\r\n\t\x00]{0,24}") {
            check(&text);
        }

        #[test]
        fn text_equals_its_twin(text in "[abOD\u{308}жЖ’：1_:.' \r\né\u{301}東タﾀーかกั๑ำກຳខ្មကြ\u{600}क\u{94d}한\u{200d}👩👍\u{1f3fd}🇩🇪\u{5d0}\"]{0,24}") {
            check(&text);
        }

        #[test]
        fn any_text_equals_its_twin(text in any::<String>()) {
            check(&text);
        }
    }
}
