//! The units of parts of a text, each read by itself.

use crate::text::words::WordEdges;

/// The units of some stretches of a text, each between places where units part: see [`parted`]. Positions are those of the
/// whole text.
#[derive(Debug)]
pub struct Stretches(Vec<Stretch>);

#[derive(Debug)]
struct Stretch {
    start: usize,
    end: usize,
    edges: WordEdges,
}

impl Stretches {
    /// A whole text as one stretch.
    #[must_use]
    pub fn whole(text: &str, cut: bool) -> Self {
        Self(vec![Stretch { start: 0, end: usize::MAX, edges: WordEdges::read(text, cut) }])
    }

    /// The stretches `start..end`, which are in order and none over another; `slice` gives their characters.
    #[must_use]
    pub fn of<'a>(stretches: &[(usize, usize)], cut: bool, slice: impl Fn(usize, usize) -> &'a str) -> Self {
        let read = |&(start, end)| Stretch { start, end, edges: WordEdges::read(slice(start, end), cut) };
        Self(stretches.iter().map(read).collect())
    }

    /// The stretch that the character `at` is in.
    fn at(&self, at: usize) -> Option<&Stretch> {
        let next = self.0.partition_point(|stretch| stretch.start <= at);
        self.0[..next].last().filter(|stretch| at < stretch.end)
    }

    /// See [`WordEdges::inside`]. False in no stretch.
    #[must_use]
    pub fn inside(&self, at: usize) -> bool {
        self.at(at).is_some_and(|stretch| stretch.edges.inside(at - stretch.start))
    }

    /// See [`WordEdges::is_word`]. False in no stretch.
    #[must_use]
    pub fn is_word(&self, at: usize) -> bool {
        self.at(at).is_some_and(|stretch| stretch.edges.is_word(at - stretch.start))
    }

    /// What two characters have in common exactly if they are in one unit; `None` in no stretch.
    #[must_use]
    pub fn unit(&self, at: usize) -> Option<usize> {
        self.at(at).map(|stretch| stretch.start + stretch.edges.unit(at - stretch.start))
    }

    /// See [`WordEdges::widen`]. A span that begins in no stretch stays as it is.
    #[must_use]
    pub fn widen(&self, start: usize, end: usize) -> (usize, usize) {
        let Some(Stretch { start: from, edges, .. }) = self.at(start) else { return (start, end) };
        let (start, end) = edges.widen(start - from, end.saturating_sub(*from));
        (start + from, end + from)
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
                prop::sample::select(&["a@b.co", "www.a.de", "https://", "http://x.y/z", ".", "Anna's", " ", " ", "\n", "é", "東", "京", "@", "-", "O'N"][..]),
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
