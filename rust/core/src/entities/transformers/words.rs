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

/// The words of a window: ranges of `unmasked`, the rows that are not special tokens.
///
/// A token without offsets and the unknown token are words of their own start. `chars` is the length of the
/// text, `index` its characters; without `chars`, offsets are taken to lie inside the text.
/// Source: `gather_pre_entities` and `aggregate_words` of transformers' token-classification pipeline.
#[must_use]
pub fn split(
    boundary: Boundary,
    window: &Window<'_>,
    unmasked: &[u32],
    tokens: Option<Tokens<'_>>,
    chars: Option<usize>,
    index: Option<&CharIndex<'_>>,
) -> Vec<(u32, u32)> {
    let limit = chars.map_or(i64::MAX, |chars| chars as i64);
    let continues = |token: usize| {
        if window.offsets.is_none() {
            return false;
        }
        let (start, end) = window.span(token);
        let id = window.ids.zip(tokens).map(|(ids, tokens)| (ids.get(token), tokens));
        if id.is_some_and(|(id, tokens)| id == tokens.unknown) {
            return false;
        }
        if let (Boundary::TokenLength, Some((id, tokens))) = (boundary, id) {
            let covered = (end.min(limit) - start.min(limit)).max(0);
            return tokens.vocabulary.chars(id as usize) != Some(covered as usize);
        }
        let before = (start - 1).max(0) as usize;
        start > 0 && !index.is_some_and(|index| index.slice(before, start as usize + 1).contains(' '))
    };
    let mut words: Vec<(u32, u32)> = Vec::with_capacity(unmasked.len());
    for (row, &token) in (0..).zip(unmasked) {
        match words.last_mut() {
            Some(word) if continues(token as usize) => word.1 = row + 1,
            _ => words.push((row, row + 1)),
        }
    }
    words
}
