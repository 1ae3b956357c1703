//! Token rows -> words, as transformers tells them apart.

use crate::batch::{Tokens, Window};
use crate::text::chars::CharIndex;

/// How transformers decides whether a token continues the word before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// The token is longer than the text it covers, as `##yl` is longer than `yl`: for tokenizers that mark
    /// continuing tokens with a prefix.
    TokenLength,
    /// No ASCII space stands before the token or at its start: for all other tokenizers.
    Space,
}

/// What tells the words of a window apart.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The rule.
    pub boundary: Boundary,
    /// The window.
    pub window: &'a Window<'a>,
    /// The tokenizer's part.
    pub tokens: Option<Tokens<'a>>,
    /// Length of the text; without it, offsets are taken to lie inside the text.
    pub chars: Option<usize>,
    /// Characters of the text.
    pub index: Option<&'a CharIndex<'a>>,
}

impl Words<'_> {
    /// Whether `token` goes on with the word of the token before it. The first token of a window that is not special
    /// starts a word whatever this says.
    ///
    /// No other token is looked at, so words can be told apart anywhere in a window. A token without offsets and the
    /// unknown token start a word.
    /// Source: `gather_pre_entities` and `aggregate_words` of transformers' token-classification pipeline.
    #[must_use]
    pub fn continues(&self, token: usize) -> bool {
        if self.window.offsets.is_none() {
            return false;
        }
        let (start, end) = self.window.span(token);
        let id = self.window.ids.zip(self.tokens).map(|(ids, tokens)| (ids.get(token), tokens));
        if id.is_some_and(|(id, tokens)| id == tokens.unknown) {
            return false;
        }
        if let (Boundary::TokenLength, Some((id, tokens))) = (self.boundary, id) {
            let limit = self.chars.map_or(i64::MAX, |chars| chars as i64);
            let covered = (end.min(limit) - start.min(limit)).max(0);
            return tokens.vocabulary.chars(id as usize) != Some(covered as usize);
        }
        let space = |index: &CharIndex<'_>| index.slice(start as usize - 1, start as usize + 1).contains(' ');
        start > 0 && !self.index.is_some_and(space)
    }

    /// The words that `tokens` make up, which are not special: ranges of them.
    #[must_use]
    pub fn split(&self, tokens: &[u32]) -> Vec<(u32, u32)> {
        let mut words: Vec<(u32, u32)> = Vec::with_capacity(tokens.len());
        for (row, &token) in (0..).zip(tokens) {
            match words.last_mut() {
                Some(word) if self.continues(token as usize) => word.1 = row + 1,
                _ => words.push((row, row + 1)),
            }
        }
        words
    }
}
