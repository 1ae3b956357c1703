//! A long text's tokens -> overlapping windows whose edges are edges of words.

use crate::text::words::WordEdges;
use crate::{Error, Result};

/// Token ranges of windows, and the text that each belongs to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Text of each window.
    pub texts: Vec<i64>,
    /// First token of each window, counted in its text.
    pub starts: Vec<i64>,
    /// Last token of each window, excluded.
    pub ends: Vec<i64>,
}

/// Size of windows, in tokens.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    most: usize,
    stride: usize,
}

impl Size {
    /// Windows of up to `max_length` tokens, of which `special` are added later; neighbours share `stride`.
    ///
    /// # Errors
    /// [`Error::BadOption`] if no token is left for the text, or `stride` leaves none of it to go on with.
    pub fn new(max_length: usize, stride: usize, special: usize) -> Result<Self> {
        let most = max_length.saturating_sub(special);
        if most == 0 {
            return Err(Error::BadOption {
                name: "max_length",
                got: format!("{max_length} with {special} special tokens"),
                cure: "a window must hold at least one token of the text",
            });
        }
        if stride >= most {
            return Err(Error::BadOption {
                name: "stride",
                got: format!("{stride} with {most} tokens of text a window"),
                cure: "neighbouring windows share fewer tokens than they hold",
            });
        }
        Ok(Self { most, stride })
    }
}

/// What windows of one text may hold in all: so many times its tokens, or so many tokens, whichever is more.
///
/// Windows that share half of their tokens hold a text twice, those that share nine tenths ten times. Without a limit
/// memory would grow with the size of a window times that of a text. The second number lets short texts be read at any
/// overlap.
const MOST_TIMES: usize = 64;
const ALWAYS_HELD: usize = 1 << 16;

/// A text whose windows are planned, for [`check_overlap`].
#[derive(Debug, Clone, Copy)]
pub struct Overlap {
    /// The option that asks for the overlap.
    pub name: &'static str,
    /// Text, counted from 0.
    pub text: usize,
    /// Tokens that neighbours share.
    pub stride: usize,
    /// Tokens of the text.
    pub tokens: usize,
    /// Whether both texts of a pair are cut, so that windows are multiplied.
    pub pair: bool,
}

/// Refuses windows that hold `held` tokens in all, if that is out of proportion to their text.
///
/// # Errors
/// [`Error::Overlap`] above 64 times the tokens of the text, from 65,536 on.
pub fn check_overlap(plan: Overlap, held: usize) -> Result<()> {
    if held <= ALWAYS_HELD || held <= plan.tokens.saturating_mul(MOST_TIMES) {
        return Ok(());
    }
    let Overlap { name, text, stride, tokens, pair } = plan;
    Err(Error::Overlap { name, text, stride, tokens, held, most: MOST_TIMES, pair })
}

impl Plan {
    /// Appends the windows of one text of `opens.len()` tokens, counted from `first`; `opens` says of each token
    /// whether a word starts with it.
    ///
    /// Every token is in a window, no window is longer than `size` allows, each ends later than the one before it
    /// and starts no later than that one ends. An edge lies between two words unless the word is longer than a
    /// window. Two neighbours share at least `stride` tokens, up to the start of the word there; fewer where the
    /// next word would not fit otherwise. A text without tokens has one empty window.
    ///
    /// # Errors
    /// [`Error::Overlap`] if the windows hold the text many times over.
    pub fn push(&mut self, text: usize, first: usize, opens: &[bool], size: Size) -> Result<()> {
        let tokens = opens.len();
        let plan = Overlap { name: "stride", text, stride: size.stride, tokens, pair: false };
        let mut held = 0;
        let is_edge = |at: usize| at == 0 || at >= tokens || opens[at];
        let mut start = 0;
        let mut end = 0; // of the window before
        loop {
            let furthest = tokens.min(start + size.most);
            let cut = (end + 1..=furthest).rev().find(|&at| is_edge(at));
            end = cut.unwrap_or(furthest);
            self.texts.push(text as i64);
            self.starts.push((first + start) as i64);
            self.ends.push((first + end) as i64);
            held += end - start;
            check_overlap(plan, held)?;
            if end == tokens {
                return Ok(());
            }
            start = next_start(start, end, tokens, is_edge, size);
        }
    }
}

/// Where the window after `start..end` starts, so that it ends after `end`.
fn next_start(start: usize, end: usize, tokens: usize, is_edge: impl Fn(usize) -> bool, size: Size) -> usize {
    // The next window should hold the next word, or as much of it as fits.
    let word_end = (end + 1..=tokens.min(end + size.most)).find(|&at| is_edge(at));
    let least = word_end.unwrap_or(end + 1).saturating_sub(size.most).max(start + 1);
    let target = (end - size.stride.min(end)).max(least);
    // At the word in which the overlap starts, if that leaves room; else at the one after it.
    let before = (least..=target).rev().find(|&at| is_edge(at));
    let after = || (target..=end).find(|&at| is_edge(at));
    before.or_else(after).unwrap_or(target)
}

/// Which tokens open a word, by the words that the tokenizer gave them: -1 for none.
#[must_use]
pub fn opens_by_word_ids(word_ids: &[i64]) -> Vec<bool> {
    let opens = |at: usize| at == 0 || word_ids[at] < 0 || word_ids[at] != word_ids[at - 1];
    (0..word_ids.len()).map(opens).collect()
}

/// Which tokens open a word, by the words of their text; a token that shares a character with one before it does not.
#[must_use]
pub fn opens_by_text(offsets: &[i64], edges: &WordEdges) -> Vec<bool> {
    let mut reach = 0;
    let opens = |pair: &[i64]| {
        let start = usize::try_from(pair[0]).unwrap_or(0);
        let opens = start >= reach && !edges.inside(start);
        reach = reach.max(usize::try_from(pair[1]).unwrap_or(0));
        opens
    };
    offsets.chunks_exact(2).map(opens).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(opens: &[bool], max_length: usize, stride: usize) -> Vec<(usize, usize)> {
        let mut plan = Plan::default();
        plan.push(0, 0, opens, Size::new(max_length, stride, 0).unwrap()).unwrap();
        plan.starts.iter().zip(&plan.ends).map(|(&start, &end)| (start as usize, end as usize)).collect()
    }

    fn words(lengths: &[usize]) -> Vec<bool> {
        lengths.iter().flat_map(|&length| (0..length).map(|at| at == 0)).collect()
    }

    #[test]
    fn windows_of_some_texts() {
        for (lengths, max_length, stride, want) in [
            (&[][..], 4, 1, &[(0, 0)][..]),
            (&[1, 1, 1], 4, 1, &[(0, 3)]),
            (&[1, 1, 1, 1, 1, 1], 4, 1, &[(0, 4), (3, 6)]),
            (&[1, 1, 1, 1, 1, 1], 4, 0, &[(0, 4), (4, 6)]),
            (&[2, 2, 2], 4, 1, &[(0, 4), (2, 6)]),
            (&[3, 3, 1], 4, 1, &[(0, 3), (3, 7)]),
            (&[1, 9], 4, 1, &[(0, 1), (1, 5), (4, 8), (7, 10)]),
            (&[1, 9], 4, 0, &[(0, 1), (1, 5), (5, 9), (9, 10)]),
        ] {
            assert_eq!(plan(&words(lengths), max_length, stride), want, "{lengths:?} {max_length} {stride}");
        }
    }

    #[test]
    fn sizes_that_leave_nothing_are_refused() {
        assert!(Size::new(2, 0, 2).is_err());
        assert!(Size::new(4, 2, 2).is_err());
        assert!(Size::new(4, 1, 2).is_ok());
    }

    #[test]
    fn windows_that_hold_a_text_many_times_over_are_refused() {
        let push = |tokens: usize, stride| {
            Plan::default().push(7, 0, &vec![true; tokens], Size::new(512, stride, 0).unwrap())
        };
        for (tokens, stride) in [(600, 511), (100_000, 504), (100_000, 0)] {
            assert_eq!(push(tokens, stride), Ok(()), "{tokens} {stride}");
        }
        let refused = push(100_000, 505).unwrap_err();
        assert_eq!(refused.about().text, Some(7));
        assert!(
            refused.to_string().starts_with("text 7: `stride` is 505, so that its 100000 tokens"),
            "{refused}"
        );
        assert!(push(700, 511).is_err());
    }

    proptest! {
        #[test]
        fn windows_keep_their_promises(
            lengths in prop::collection::vec(1_usize..7, 0..30), max_length in 1_usize..9, stride in 0_usize..8,
        ) {
            prop_assume!(stride < max_length);
            let opens = words(&lengths);
            let windows = plan(&opens, max_length, stride);
            let tokens = opens.len();
            prop_assert_eq!(windows[0].0, 0);
            prop_assert_eq!(windows[windows.len() - 1].1, tokens);
            let word = |at: usize| {
                let start = (0..=at).rev().find(|&at| opens[at]).unwrap();
                let end = (at + 1..tokens).find(|&at| opens[at]).unwrap_or(tokens);
                end - start
            };
            for &(start, end) in &windows {
                prop_assert!(end - start <= max_length && (start < end || tokens == 0));
                for edge in [start, end] {
                    prop_assert!(edge == tokens || opens[edge] || word(edge) > max_length, "{windows:?} {edge}");
                }
            }
            for pair in windows.windows(2) {
                let ((start, end), (next, next_end)) = (pair[0], pair[1]);
                prop_assert!(start < next && next <= end && end < next_end, "{windows:?}");
                // Less than the stride is shared only if there was no edge at which more would have fitted.
                if end - next < stride {
                    let word_end = (end + 1..tokens).find(|&at| opens[at]).unwrap_or(tokens);
                    for (earlier, _) in opens.iter().enumerate().filter(|&(at, &opens)| opens && start < at && at < next) {
                        prop_assert!(word_end - end <= max_length && word_end - earlier > max_length, "{windows:?}");
                    }
                }
            }
        }
    }
}
