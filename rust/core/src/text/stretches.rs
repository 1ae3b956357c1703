//! Some stretches of a text; only their units are read.

use crate::text::script::is_space;
use crate::text::words::WordEdges;
use unicode_categories::UnicodeCategories;

/// The units of some stretches of a text, each between places where units part: see [`parted`](crate::text::words::parted). Positions are those of the
/// whole text.
#[derive(Debug)]
pub struct Stretches {
    all: Vec<Stretch>,
    /// The units of all stretches, end to end.
    edges: WordEdges,
    /// Whether they hold no character that a tokenizer may drop: see [`may_be_dropped`].
    plain: bool,
}

/// Characters `start..end` of a text; `place` is where they stand among the characters that were read.
#[derive(Debug)]
struct Stretch {
    start: usize,
    end: usize,
    place: usize,
}

/// Whether a tokenizer may drop `c` in the middle of a word: U+200B and its like, control characters that are not
/// white space, U+FFFD.
#[must_use]
pub fn may_be_dropped(c: char) -> bool {
    let unseen = c.is_control() || (!c.is_ascii() && (c.is_other_format() || c == '\u{FFFD}'));
    unseen && !is_space(c)
}

fn is_plain(text: &str) -> bool {
    let printed = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    text.bytes().filter(|byte| !printed(byte)).count() == 0 || !text.contains(may_be_dropped)
}

impl Stretches {
    /// A whole text as one stretch.
    #[must_use]
    pub fn whole(text: &str, cut: bool) -> Self {
        let all = vec![Stretch { start: 0, end: usize::MAX, place: 0 }];
        Self { all, edges: WordEdges::read(text, cut), plain: is_plain(text) }
    }

    /// The stretches `start..end`, in order and without overlaps; `slice` gives their characters.
    #[must_use]
    pub fn of<'a>(stretches: &[(usize, usize)], cut: bool, slice: impl Fn(usize, usize) -> &'a str) -> Self {
        let texts: Vec<&str> = stretches.iter().map(|&(start, end)| slice(start, end)).collect();
        let mut edges = WordEdges::with_room(texts.iter().map(|text| text.len()).sum(), cut);
        let mut all = Vec::with_capacity(stretches.len());
        for (&(start, end), text) in stretches.iter().zip(&texts) {
            all.push(Stretch { start, end, place: edges.len() });
            edges.append(text);
        }
        Self { all, edges: edges.counted(), plain: texts.iter().all(|text| is_plain(text)) }
    }

    /// Whether they hold no character that a tokenizer may drop in the middle of a word: see [`may_be_dropped`].
    #[must_use]
    pub fn are_plain(&self) -> bool {
        self.plain
    }

    /// The stretch that the character `at` is in, and where this one stands among all that were read.
    fn at(&self, at: usize) -> Option<(&Stretch, usize)> {
        let next = self.all.partition_point(|stretch| stretch.start <= at);
        let stretch = self.all[..next].last().filter(|stretch| at < stretch.end)?;
        Some((stretch, at - stretch.start + stretch.place))
    }

    /// See [`WordEdges::inside`]. False in no stretch.
    #[must_use]
    pub fn inside(&self, at: usize) -> bool {
        self.at(at).is_some_and(|(_, at)| self.edges.inside(at))
    }

    /// See [`WordEdges::is_word`]. False in no stretch.
    #[must_use]
    pub fn is_word(&self, at: usize) -> bool {
        self.at(at).is_some_and(|(_, at)| self.edges.is_word(at))
    }

    /// A number that two characters share exactly if they are in one unit; `None` outside all stretches.
    #[must_use]
    pub fn unit(&self, at: usize) -> Option<usize> {
        self.at(at).map(|(_, at)| self.edges.unit(at))
    }

    /// See [`WordEdges::address`]. `None` in no stretch.
    #[must_use]
    pub fn address(&self, at: usize) -> Option<(usize, usize)> {
        let (stretch, place) = self.at(at)?;
        let (start, end) = self.edges.address(place)?;
        let moved = stretch.start - stretch.place;
        Some((start + moved, end + moved))
    }

    /// See [`WordEdges::widen`]. A span that begins in no stretch stays as it is; one that ends after its stretch is
    /// cut at the end of the stretch.
    #[must_use]
    pub fn widen(&self, start: usize, end: usize) -> (usize, usize) {
        let Some((stretch, from)) = self.at(start) else { return (start, end) };
        let length = end.min(stretch.end).saturating_sub(start);
        let (first, last) = self.edges.widen(from, from + length);
        let moved = stretch.start - stretch.place;
        (first + moved, last + moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::parted;
    use proptest::prelude::*;

    /// The twin of a text in stretches is the whole text. `kept` says of each piece between two places where units part
    /// whether it is read.
    fn check_stretches(text: &str, kept: &[bool]) {
        let chars: Vec<char> = text.chars().collect();
        let places = (1..chars.len()).filter(|&at| parted(chars[at - 1], chars[at]));
        let places: Vec<usize> = [0].into_iter().chain(places).chain([chars.len()]).collect();
        let all = places.windows(2).zip(kept.iter().cycle()).filter(|(_, kept)| **kept);
        let all: Vec<(usize, usize)> = all.map(|(place, _)| (place[0], place[1])).collect();
        for cut in [false, true] {
            let whole = WordEdges::read(text, cut);
            let slice = |start: usize, end: usize| {
                let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
                &text[byte(start)..byte(end)]
            };
            let read = Stretches::of(&all, cut, slice);
            for &(start, end) in &all {
                for at in start..end {
                    assert_eq!(read.inside(at), whole.inside(at), "{text:?} {at}");
                    assert_eq!(read.is_word(at), whole.is_word(at), "{text:?} {at}");
                    assert_eq!(read.address(at), whole.address(at), "{text:?} {at}");
                    let same = read.unit(at) == read.unit(start);
                    assert_eq!(same, whole.unit(at) == whole.unit(start), "{text:?} {at}");
                    for to in at..=end {
                        assert_eq!(read.widen(at, to), whole.widen(at, to), "{text:?} {at} {to}");
                    }
                }
            }
            for at in
                places.windows(2).zip(kept.iter().cycle()).filter(|(_, kept)| !**kept).map(|(p, _)| p[0])
            {
                assert!(read.unit(at).is_none() || at == chars.len(), "{text:?} {at}");
            }
        }
    }

    #[test]
    fn plain_is_what_no_tokenizer_drops_a_character_of() {
        for text in ["Anna's 3.14", "tab\tline\r\nend", "Łódź 北京", "nel \u{85} file \u{1c} blank \u{3000}"]
        {
            assert!(Stretches::whole(text, true).are_plain(), "{text:?}");
        }
        for c in ['\u{0}', '\u{7f}', '\u{9f}', '\u{ad}', '\u{200b}', '\u{feff}', '\u{fffd}'] {
            let text = format!("An{c}na Łódź");
            assert!(may_be_dropped(c) && !Stretches::whole(&text, true).are_plain(), "{c:?}");
            let read = |start: usize, _: usize| if start == 0 { "ab " } else { text.as_str() };
            assert!(!Stretches::of(&[(0, 3), (4, 9)], true, read).are_plain(), "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn stretches_equal_the_whole_text(
            text in "[abOD\u{308}жЖ’：1_:.'@/  \r\n\r\né\u{301}東京タﾀーかกั๑ำກຳខ្មကြ\u{600}\u{6dd}क\u{94d}한\u{200d}\u{ad}👩👍\u{1f3fd}🇩🇪🇩\u{5d0}\"]{0,32}",
            kept in prop::collection::vec(any::<bool>(), 1..9),
        ) {
            check_stretches(&text, &kept);
        }

        #[test]
        fn stretches_of_addresses_equal_the_whole_text(
            words in prop::collection::vec(
                prop::sample::select(&["a@b.co", "www.a.de", "https://", "http://x.y/z", ".", "Anna's", " ", " ", "\n", "é", "東", "京", "@", "-", "O'N", "718-555-0199", ",5"][..]),
                0..14,
            ),
            kept in prop::collection::vec(any::<bool>(), 1..9),
        ) {
            check_stretches(&words.concat(), &kept);
        }

        #[test]
        fn stretches_of_any_text_equal_the_whole(text in any::<String>(), spaced in any::<String>()) {
            check_stretches(&format!("{text} {spaced}\n{text}"), &[true, false, true]);
        }
    }
}
