//! Labelled spans of a text -> one label a token, and back; labels of words -> labels of tokens.
//!
//! The plain line is `encoding.char_to_token(start)` for each end of each span, which looks through all tokens each
//! time. Here the tokens of a window are in order, so bisection finds both ends. A search from a span's start to its
//! end in growing steps gained nothing, though the end is near.

mod solid;
mod to_labels;
mod to_spans;
pub mod tokens;
mod words;

pub use solid::Solid;
pub use to_labels::label_text;
pub use to_spans::{Repair, spans_of_text};
pub use words::{align_labels, inside_labels};

use crate::error::named;
use crate::{Error, Result};
use std::collections::HashMap;

/// The label of tokens that a loss leaves out.
pub const IGNORED: i64 = -100;

named! {
    /// What becomes of a span whose edge lies inside a token (or inside a word, for [`Subwords::First`]).
    pub enum Policy of "policy" {
        /// It gets no labels; its tokens are ignored, since none of the labels would be true of them.
        Strict = "strict",
        /// It takes in the token.
        Expand = "expand",
        /// It leaves the token out.
        Contract = "contract",
    }
}

named! {
    /// Which tokens of a word have a label.
    pub enum Subwords of "subwords" {
        /// All of them; the scheme runs over tokens.
        All = "all",
        /// The first one; the scheme runs over words.
        First = "first",
    }
}

/// One window of a text. All slices have one entry a token, `offsets` two.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Start and end of each token in characters of the text, in order.
    pub offsets: &'a [i64],
    /// Not 0 for tokens that stand for no text.
    pub special: &'a [u8],
    /// Word of each token, -1 for none.
    pub word_ids: Option<&'a [i64]>,
}

/// A span of a text and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First character.
    pub start: i64,
    /// Last character, excluded.
    pub end: i64,
    /// Index into [`crate::labels::Tagging::kinds`].
    pub kind: u32,
}

/// Why the labels of a span do not say exactly what the span says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No token covers any of it, or, for [`Policy::Contract`], none lies inside it.
    NoToken,
    /// One of its edges lies inside a token.
    CutsToken,
    /// It shares tokens with a span that comes first: by start, then the longer, then in the caller's order.
    Overlaps,
    /// It reaches past the tokens, which were truncated.
    Truncated,
    /// Characters at its edge have no token, so that its labels stand for less than it.
    Uncovered,
    /// It follows one of its type without a gap, and the scheme can't tell the two apart.
    Joins,
}

impl Reason {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::CutsToken => "cuts-token",
            Self::Overlaps => "overlaps",
            Self::Truncated => "truncated",
            Self::Uncovered => "uncovered",
            Self::Joins => "joins",
        }
    }
}

/// A span that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// Number of the span in its text.
    pub span: usize,
    /// Why.
    pub reason: Reason,
    /// The characters that its labels cover; `None` if it got none.
    pub used: Option<(i64, i64)>,
    /// The span that it overlaps or joins.
    pub other: Option<usize>,
}

/// A token or a word, in the form that spans are compared with.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: i64,
    end: i64,
    /// The token that has its label.
    token: usize,
    /// The number of its word, for [`Subwords::First`].
    word: i64,
}

/// The pieces of each window. A word that windows share is whole in each of them.
fn all_pieces(windows: &[Window<'_>], subwords: Subwords) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = windows.iter().map(|window| window.pieces(subwords)).collect();
    if subwords == Subwords::First && windows.len() > 1 {
        let mut whole: HashMap<i64, (i64, i64)> = HashMap::new();
        for piece in all.iter().flatten() {
            let word = whole.entry(piece.word).or_insert((piece.start, piece.end));
            *word = (word.0.min(piece.start), word.1.max(piece.end));
        }
        for piece in all.iter_mut().flatten() {
            (piece.start, piece.end) = whole[&piece.word];
        }
    }
    all
}

impl Window<'_> {
    /// Checks that its tokens lie in order in a text of `chars` characters. `number` is the window's own.
    ///
    /// Tokens that stand for no text, and those that cover none of it, may be anywhere.
    ///
    /// # Errors
    /// [`Error::BadOffset`] or [`Error::OffsetOrder`] for the first token that does not.
    pub fn check(&self, number: usize, chars: Option<usize>) -> Result<()> {
        let limit = chars.map_or(i64::MAX, |chars| chars as i64);
        let mut before = (0, 0);
        for (token, (pair, &special)) in self.offsets.chunks_exact(2).zip(self.special).enumerate() {
            let (start, end) = (pair[0], pair[1]);
            if special != 0 || (start == end && start >= 0) {
                continue;
            }
            if start < 0 || end < start || end > limit {
                return Err(Error::BadOffset { window: number, token, start, end, limit: chars });
            }
            if start < before.0 || end < before.1 {
                return Err(Error::OffsetOrder { window: number, token, start, end, before });
            }
            before = (start, end);
        }
        Ok(())
    }

    fn pieces(&self, subwords: Subwords) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::with_capacity(self.special.len());
        let mut word = -1;
        for (token, (pair, &special)) in self.offsets.chunks_exact(2).zip(self.special).enumerate() {
            let (start, end) = (pair[0], pair[1]);
            if subwords == Subwords::First {
                let own = self.word_ids.map_or(token as i64, |ids| ids[token]);
                let last = std::mem::replace(&mut word, if special == 0 { own } else { -1 });
                if word < 0 {
                    continue;
                }
                if let Some(piece) = out.last_mut()
                    && word == last
                {
                    piece.end = piece.end.max(end);
                    continue;
                }
                out.push(Piece { start, end, token, word });
            } else if special == 0 && end > start {
                out.push(Piece { start, end, token, word });
            }
        }
        if subwords == Subwords::First {
            out.retain(|piece| piece.end > piece.start);
        }
        out
    }
}

/// Pieces that share characters with `start..end`.
fn touched(pieces: &[Piece], start: i64, end: i64) -> std::ops::Range<usize> {
    let from = pieces.partition_point(|piece| piece.end <= start);
    let to = pieces.partition_point(|piece| piece.start < end);
    from..to.max(from)
}

/// Pieces that lie inside `start..end`.
fn within(pieces: &[Piece], start: i64, end: i64) -> std::ops::Range<usize> {
    let from = pieces.partition_point(|piece| piece.start < start);
    let to = pieces.partition_point(|piece| piece.end <= end);
    from..to.max(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{SCHEMES, Scheme, Tagging};
    use proptest::prelude::*;

    fn tagging(scheme: Scheme) -> Tagging {
        Tagging::new(&scheme.names(&["PER", "LOC"]), Some(scheme)).unwrap()
    }

    fn kind(tagging: &Tagging, name: &str) -> u32 {
        tagging.kinds.iter().position(|kind| kind == name).unwrap() as u32
    }

    proptest! {
        /// Spans over whole tokens come back, whatever the scheme and the windows.
        #[test]
        fn spans_come_back(
            scheme in prop::sample::select(&SCHEMES),
            widths in prop::collection::vec((0_i64..3, 1_i64..4), 1..24),
            groups in prop::collection::vec((1_usize..4, 0_usize..3, prop::bool::ANY), 1..12),
            most in 3_usize..9, stride in 0_usize..3, by_word in prop::bool::ANY,
        ) {
            // Tokens with gaps before them; every third token goes on with a word.
            let mut offsets = Vec::new();
            let mut word_ids = Vec::new();
            let mut at = 0;
            for (token, &(gap, width)) in widths.iter().enumerate() {
                offsets.extend([at + gap, at + gap + width]);
                at += gap + width;
                word_ids.push(if token % 3 == 2 { token as i64 - 1 } else { token as i64 });
            }
            let subwords = if by_word { Subwords::First } else { Subwords::All };
            let tagging = tagging(scheme);
            let tokens = widths.len();
            let opens: Vec<usize> = (0..tokens).filter(|token| !by_word || token % 3 != 2).collect();
            let mut spans: Vec<Span> = Vec::new();
            let mut next = 0;
            for &(length, gap, person) in &groups {
                // In schemes that can't tell neighbours apart there are none.
                let gap = if scheme.parts_neighbours() { gap } else { gap.max(1) };
                let (first, stop) = (next + gap, next + gap + length);
                if stop > opens.len() {
                    break;
                }
                let last = opens.get(stop).copied().unwrap_or(tokens) - 1;
                let kind = kind(&tagging, if person { "PER" } else { "LOC" });
                spans.push(Span { start: offsets[2 * opens[first]], end: offsets[2 * last + 1], kind });
                next = stop;
            }
            // One window, or several that share tokens.
            let step = most - stride;
            let mut ranges = vec![(0, tokens.min(most))];
            while ranges[ranges.len() - 1].1 < tokens {
                let start = ranges[ranges.len() - 1].0 + step;
                ranges.push((start, tokens.min(start + most)));
            }
            for ranges in [vec![(0, tokens)], ranges] {
                let special = vec![0; tokens];
                let windows: Vec<Window<'_>> = ranges.iter().map(|&(from, to)| Window {
                    offsets: &offsets[2 * from..2 * to],
                    special: &special[from..to],
                    word_ids: Some(&word_ids[from..to]),
                }).collect();
                let mut made: Vec<Vec<i64>> = ranges.iter().map(|(from, to)| vec![0; to - from]).collect();
                let mut rows: Vec<&mut [i64]> = made.iter_mut().map(Vec::as_mut_slice).collect();
                let misfits =
                    label_text(0, &windows, &spans, None, &tagging, Policy::Strict, subwords, &mut rows).unwrap();
                prop_assert_eq!(&misfits, &[]);
                let rows: Vec<&[i64]> = made.iter().map(Vec::as_slice).collect();
                let back = spans_of_text(0, &windows, &rows, &tagging, Repair::Discard, subwords).unwrap();
                prop_assert_eq!(&back, &spans, "{:?} {:?}", scheme, made);
            }
        }
    }

    #[test]
    fn tokens_out_of_order_are_refused() {
        let check = |offsets: &[i64], chars| {
            let special = vec![0; offsets.len() / 2];
            Window { offsets, special: &special, word_ids: None }.check(3, chars)
        };
        assert_eq!(check(&[0, 3, 3, 3, 2, 4, 9, 9, 4, 8], Some(8)), Ok(()));
        let order =
            |token, start, end, before| Err(Error::OffsetOrder { window: 3, token, start, end, before });
        assert_eq!(check(&[6, 7, 4, 5], None), order(1, 4, 5, (6, 7)));
        assert_eq!(check(&[0, 5, 1, 2], None), order(1, 1, 2, (0, 5)));
        let bad = |start, end, limit| Err(Error::BadOffset { window: 3, token: 0, start, end, limit });
        assert_eq!(check(&[6, 5], None), bad(6, 5, None));
        assert_eq!(check(&[-2, -2], None), bad(-2, -2, None));
        assert_eq!(check(&[2, 9], Some(8)), bad(2, 9, Some(8)));
    }

    fn labelled(spans: &[(i64, i64)], policy: Policy) -> (Vec<i64>, Vec<Misfit>) {
        // "New York", then a token of five characters, then one more.
        let offsets = [0, 0, 0, 3, 4, 8, 8, 13, 14, 15];
        let window = Window { offsets: &offsets, special: &[1, 0, 0, 0, 0], word_ids: None };
        let tagging = tagging(Scheme::Iob2);
        let kind = kind(&tagging, "LOC");
        let spans: Vec<Span> = spans.iter().map(|&(start, end)| Span { start, end, kind }).collect();
        let mut labels = [0; 5];
        let misfits =
            label_text(0, &[window], &spans, None, &tagging, policy, Subwords::All, &mut [&mut labels])
                .unwrap();
        (labels.to_vec(), misfits)
    }

    #[test]
    fn misfits_say_why() {
        let misfit = |span, reason, used, other| Misfit { span, reason, used, other };
        for (spans, policy, labels, misfits) in [
            (&[(0, 8)][..], Policy::Strict, [-100, 2, 4, 0, 0], vec![]),
            (
                &[(0, 9)],
                Policy::Strict,
                [-100, -100, -100, -100, 0],
                vec![misfit(0, Reason::CutsToken, None, None)],
            ),
            (
                &[(0, 9)],
                Policy::Expand,
                [-100, 2, 4, 4, 0],
                vec![misfit(0, Reason::CutsToken, Some((0, 13)), None)],
            ),
            (
                &[(0, 9)],
                Policy::Contract,
                [-100, 2, 4, 0, 0],
                vec![misfit(0, Reason::CutsToken, Some((0, 8)), None)],
            ),
            (
                &[(9, 10)],
                Policy::Contract,
                [-100, 0, 0, -100, 0],
                vec![misfit(0, Reason::NoToken, None, None)],
            ),
            (&[(3, 4)], Policy::Expand, [-100, 0, 0, 0, 0], vec![misfit(0, Reason::NoToken, None, None)]),
            // An empty span has no token of its own, also where it lies inside one.
            (&[(1, 1)], Policy::Strict, [-100, 0, 0, 0, 0], vec![misfit(0, Reason::NoToken, None, None)]),
            (
                &[(3, 8)],
                Policy::Strict,
                [-100, 0, 2, 0, 0],
                vec![misfit(0, Reason::Uncovered, Some((4, 8)), None)],
            ),
            (
                &[(4, 8), (0, 8)],
                Policy::Strict,
                [-100, 2, 4, 0, 0],
                vec![misfit(0, Reason::Overlaps, None, Some(1))],
            ),
            (
                &[(3, 9), (0, 3)],
                Policy::Expand,
                [-100, 2, 2, 4, 0],
                vec![misfit(0, Reason::CutsToken, Some((4, 13)), None)],
            ),
            (
                &[(14, 20)],
                Policy::Strict,
                [-100, 0, 0, 0, 2],
                vec![misfit(0, Reason::Truncated, Some((14, 15)), None)],
            ),
            (
                &[(0, 4), (4, 9)],
                Policy::Strict,
                [-100, 2, -100, -100, 0],
                vec![
                    misfit(0, Reason::Uncovered, Some((0, 3)), None),
                    misfit(1, Reason::CutsToken, None, None),
                ],
            ),
        ] {
            assert_eq!(labelled(spans, policy), (labels.to_vec(), misfits), "{spans:?} {policy:?}");
        }
    }

    #[test]
    fn word_labels_are_carried() {
        let words = [3, 0, 7];
        for (subwords, inside, want) in [
            (Subwords::All, None, [-100, 3, 3, 0, 7, -100, 7]),
            (Subwords::First, None, [-100, 3, -100, 0, 7, -100, 7]),
            (Subwords::All, Some(&[0, 2, 2, 4, 4, 6, 6, 8][..]), [-100, 3, 4, 0, 7, -100, 7]),
        ] {
            let mut out = [0; 7];
            align_labels(0, &words, &[-1, 0, 0, 1, 2, -1, 2], subwords, inside, &mut out).unwrap();
            assert_eq!(out, want);
        }
        let error = align_labels(2, &words, &[0, 3], Subwords::All, None, &mut [0; 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`word_ids[2][1]` is 3 but `word_labels[2]` has 3 labels; pass one label per word"
        );
    }
}
