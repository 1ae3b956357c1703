//! How a text falls into units: stretches of ASCII by a table, the rest segment by segment.

use super::WordEdges;
use crate::text::joints::{Elided, Joint, Left, Part, cuts, joint};
use crate::text::script::is_unspaced;
use unicode_categories::UnicodeCategories;
use unicode_segmentation::UnicodeSegmentation;

impl WordEdges {
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
    pub(super) fn read_stretches(&mut self, text: &str) {
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
        let soft = |c: char| joint(c).is_some() || c.is_punctuation_connector();
        if !self.cut || !word.chars().any(soft) {
            return self.push(word.chars().count(), true);
        }
        let clusters: Vec<&str> = word.graphemes(true).collect();
        let letters = |cluster: &&str| !Part::connects(cluster);
        let from = clusters.iter().position(letters).unwrap_or(0);
        let to = clusters.iter().rposition(letters).map_or(clusters.len(), |last| last + 1);
        self.push_each(&clusters[..from]);
        self.push_cut(&clusters[from..to]);
        self.push_each(&clusters[to..]);
    }

    /// Appends clusters that are units by themselves.
    fn push_each(&mut self, clusters: &[&str]) {
        for cluster in clusters {
            // A vowel sign may sit on a joint.
            self.push(cluster.chars().count(), cluster.chars().any(char::is_alphanumeric));
        }
    }

    /// Appends a word that is cut at its soft joints.
    fn push_cut(&mut self, clusters: &[&str]) {
        let parts: Vec<Part> = clusters.iter().map(|cluster| Part::of(cluster)).collect();
        // Characters since the last cut; letters and digits since the last joint, and the last of them; what stands before
        // the joint if it is an apostrophe, and cut.
        let (mut chars, mut run, mut last, mut elided) = (0, 0, None, Elided::Nothing);
        for (at, part) in parts.iter().enumerate() {
            match (*part, last) {
                (Part::Letter(c), _) => (run, last) = (run + 1, Some((c, clusters[at]))),
                (Part::Joint(joint), Some((letter, cluster))) => {
                    let mut behind = parts[at + 1..].iter().filter(|part| !matches!(part, Part::Unseen));
                    let mut next = || behind.next().and_then(|part| part.letter());
                    let (following, then) = (next(), next());
                    let left =
                        Left { letter, alone: run == 1, initial: matches!(cluster, "O" | "D"), elided };
                    if following.is_some_and(|following| cuts(joint, left, following, then)) {
                        self.push(chars, true);
                        self.push_each(&clusters[at..=at]);
                        elided = match joint {
                            Joint::Apostrophe => Elided::of(letter, left.alone),
                            _ => Elided::Nothing,
                        };
                        (chars, run, last) = (0, 0, None);
                        continue;
                    }
                    (run, last, elided) = (0, None, Elided::Nothing);
                }
                (Part::Joint(_) | Part::Bound, _) => (run, last, elided) = (0, None, Elided::Nothing),
                (Part::Unseen, _) => {}
            }
            chars += clusters[at].chars().count();
        }
        self.push(chars, true);
    }

    /// Appends units of one character that are no words.
    fn push_signs(&mut self, count: usize) {
        for _ in 0..count {
            self.push(1, false);
        }
    }

    /// The same for ASCII, by rules 3 and 5 to 13b of UAX #29 as far as ASCII goes.
    fn read_ascii(&mut self, text: &[u8]) {
        let class = |at: usize| text.get(at).map_or(Class::Other, |&byte| CLASSES[usize::from(byte)]);
        let mut at = 0;
        while at < text.len() {
            let start = at;
            let mut word = false;
            // What a word begins with and ends with, such as `_`, is no part of it where it is cut.
            let joiners = |end: usize| (end..text.len()).take_while(|&at| class(at) == Class::Joiner).count();
            let first = start + if self.cut { joiners(start) } else { 0 };
            self.push_signs(first - start);
            at = first;
            // Where the letters and digits behind the last joint begin, and what stands behind the last cut; what stands
            // before that joint.
            let (mut run, mut from, mut elided) = (first, first, Elided::Nothing);
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
                            let left = Left { letter, alone, initial: matches!(letter, 'O' | 'D'), elided };
                            let then = text.get(at + 2).map(|&byte| char::from(byte));
                            elided = Elided::Nothing;
                            if cuts(joint, left, char(at + 1), then) {
                                self.push(at - from, true);
                                self.push(1, false);
                                from = at + 1;
                                if joint == Joint::Apostrophe {
                                    elided = Elided::of(letter, alone);
                                }
                            }
                        } else {
                            elided = Elided::Nothing;
                        }
                        run = at + 1;
                    }
                }
                at += 1;
            }
            if word {
                let joiners = text[from..at].iter().rev().take_while(|&&byte| byte == b'_').count();
                let end = if self.cut { at - joiners } else { at };
                self.push(end - from, true);
                self.push_signs(at - end);
                continue;
            }
            self.push_signs(at - first);
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
