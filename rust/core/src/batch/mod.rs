//! One window of a text as the model saw it, and an entity found in it.

pub mod faults;
pub mod ints;
pub mod plan;

use crate::math::logits::Values;
use crate::tokenizer::decoder::Vocabulary;
use crate::{Error, Result};
pub use ints::Ints;

/// One window of a text as the model saw it. All slices have one entry a token, `offsets` two.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The text it belongs to.
    pub text: usize,
    /// Number of tokens, padding not counted.
    pub tokens: usize,
    /// `tokens` rows of one value a label.
    pub logits: Values<'a>,
    /// Start and end of each token in characters of the text.
    pub offsets: Option<Ints<'a>>,
    /// Not 0 for tokens to leave out: `[CLS]`, padding.
    pub special: Option<Ints<'a>>,
    /// Token ids.
    pub ids: Option<Ints<'a>>,
    /// The word of each token as the tokenizer numbers them, -1 for none.
    pub words: Option<Ints<'a>>,
}

impl Window<'_> {
    /// Start and end of `token`, `(-1, -1)` without offsets.
    #[must_use]
    pub fn span(&self, token: usize) -> (i64, i64) {
        self.offsets.map_or((-1, -1), |offsets| (offsets.get(2 * token), offsets.get(2 * token + 1)))
    }

    /// The tokens that are not special.
    #[must_use]
    pub fn unmasked(&self) -> Vec<u32> {
        (0..self.tokens as u32).filter(|&token| !self.is_special(token as usize)).collect()
    }

    /// Whether `token` is special.
    #[must_use]
    pub fn is_special(&self, token: usize) -> bool {
        self.special.is_some_and(|special| special.get(token) != 0)
    }

    /// Checks that the offsets of the tokens that are not special are spans of a text of `chars` characters. `number`
    /// is the window's own.
    ///
    /// # Errors
    /// [`Error::BadOffset`] for the first pair that is not.
    pub fn check_offsets(&self, number: usize, chars: Option<usize>) -> Result<()> {
        let limit = chars.map_or(i64::MAX, |chars| chars as i64);
        // Special tokens may have any offsets, but theirs are mostly in range too, so that one check of all of them
        // does.
        if self.offsets.is_none_or(|offsets| offsets.all_spans(limit)) {
            return Ok(());
        }
        for token in self.unmasked() {
            let (start, end) = self.span(token as usize);
            if start < 0 || end < start || end > limit {
                let (window, token) = (number, token as usize);
                return Err(Error::BadOffset { window, token, start, end, limit: chars });
            }
        }
        Ok(())
    }
}

/// The windows of each text, in order.
#[derive(Debug)]
pub(crate) struct ByText {
    /// Numbers of windows, text by text.
    numbers: Vec<usize>,
    /// Where the numbers of each text begin, and one more entry for the end.
    starts: Vec<usize>,
}

impl ByText {
    /// Sorts `windows`, which belong to texts below `texts`.
    pub(crate) fn new(windows: &[Window<'_>], texts: usize) -> Self {
        let mut starts = vec![0; texts + 1];
        for window in windows {
            starts[window.text + 1] += 1;
        }
        for text in 0..texts {
            starts[text + 1] += starts[text];
        }
        let (mut places, mut numbers) = (starts.clone(), vec![0; windows.len()]);
        for (number, window) in windows.iter().enumerate() {
            numbers[places[window.text]] = number;
            places[window.text] += 1;
        }
        Self { numbers, starts }
    }

    /// The numbers of the windows of `text`.
    pub(crate) fn of(&self, text: usize) -> &[usize] {
        &self.numbers[self.starts[text]..self.starts[text + 1]]
    }
}

/// A text that windows belong to: its length, and its characters where they are needed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// Number of characters.
    pub chars: usize,
    /// The text itself.
    pub text: &'a str,
}

/// The tokenizer's part of a call.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// Its tokens.
    pub vocabulary: &'a Vocabulary,
    /// Id of the unknown token, -1 for none.
    pub unknown: i64,
}

/// One token of an entity, kept so that its text can be made when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Token id; -1 for "the characters themselves".
    pub id: i64,
    /// First character.
    pub start: i64,
    /// Last character, excluded.
    pub end: i64,
    /// Whether a word starts here; only the strategies over words say so.
    pub opens_word: bool,
}

/// The id of a piece that is shown as the characters of the text.
pub const CHARACTERS: i64 = -1;

/// Entities of one window, or merged ones of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entity {
    /// Index into the names of the decoder's labels.
    pub label: u32,
    /// Probability, or mean probability.
    pub score: f32,
    /// Token in its window for `Strategy::None`, else -1.
    pub index: i64,
    /// First character, -1 without offsets.
    pub start: i64,
    /// Last character, excluded, -1 without offsets.
    pub end: i64,
    /// Its tokens: a range of the pieces of its window.
    pub pieces: (u32, u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_their_order_within_a_text() {
        let window = |text| Window {
            text,
            tokens: 0,
            logits: Values::F32(&[]),
            offsets: None,
            special: None,
            ids: None,
            words: None,
        };
        let windows = [2, 0, 2, 4, 0, 2].map(window);
        let sorted = ByText::new(&windows, 6);
        let want: [&[usize]; 6] = [&[1, 4], &[], &[0, 2, 5], &[], &[3], &[]];
        assert_eq!(std::array::from_fn::<_, 6, _>(|text| sorted.of(text)), want);
    }
}
