//! The windows of a text, put together as if one window had held it all.
//!
//! Windows overlap, and a token near a window's edge was seen with half of what stands around it. So each token is
//! decided by the window in which it has most context, or by the mean of all its windows, before anything is decoded.
//! An entity across a border is then one entity, and no rule about entities that overlap is needed.

use crate::entities::Window;
use crate::{Error, Result};
use std::borrow::Cow;

/// How the windows of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Each token is decided by the window in which it is farthest from a cut edge; ties to the earlier one.
    Context,
    /// By the mean of its windows' log-probabilities.
    Average,
    /// Windows are decoded apart; of entities that overlap the longer one is kept.
    Transformers,
}

impl Merge {
    /// Reads its name.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "context" => Ok(Self::Context),
            "average" => Ok(Self::Average),
            "transformers" => Ok(Self::Transformers),
            _ => Err(Error::BadOption {
                name: "window_merge",
                got: format!("{name:?}"),
                cure: "choose \"context\", \"average\" or \"transformers\"",
            }),
        }
    }
}

/// A token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// First character; -1 without offsets.
    pub start: i64,
    /// Last character, excluded; -1 without offsets.
    pub end: i64,
    /// Its word as the tokenizer numbers them, -1 for none.
    pub word: i64,
    /// Its place in the text's input as if one window held it all, special tokens before it counted.
    pub index: i64,
    /// Whether a word starts here, where that was decided window by window.
    pub opens: bool,
    /// The window that decides it, among those of the text, and its token there.
    pub origin: (u32, u32),
}

/// The tokens of a text and what decides them.
#[derive(Debug)]
pub struct Stitched<'a> {
    /// The tokens, special ones left out.
    pub tokens: Vec<Token>,
    /// Rows of one value a label.
    pub values: Cow<'a, [f32]>,
    /// The row of each token.
    pub rows: Vec<u32>,
}

/// One window of a text with its tokens, special ones left out.
#[derive(Debug)]
pub struct Part<'a> {
    /// The window.
    pub window: &'a Window<'a>,
    /// Its logits.
    pub values: Cow<'a, [f32]>,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

impl<'a> Part<'a> {
    /// Reads window number `number` of a text. `opens` says of each kept token whether a word starts there.
    #[must_use]
    pub fn new(window: &'a Window<'a>, number: usize, kept: &[u32], opens: Option<&[bool]>) -> Self {
        let mut space = Vec::new();
        let borrowed = match window.logits {
            crate::logits::Values::F32(values) => Some(values),
            other => {
                other.widen(&mut space);
                None
            }
        };
        let tokens = kept.iter().enumerate().map(|(place, &token)| {
            let (start, end) = window.span(token as usize);
            Token {
                start,
                end,
                word: window.words.map_or(-1, |words| words[token as usize]),
                index: i64::from(token),
                opens: opens.is_some_and(|opens| opens[place]),
                origin: (number as u32, token),
            }
        });
        let tokens = tokens.collect();
        Self { window, values: borrowed.map_or(Cow::Owned(space), Cow::Borrowed), tokens }
    }

    fn row(&self, token: u32, columns: usize) -> &[f32] {
        &self.values[token as usize * columns..][..columns]
    }
}

/// One window as it is.
#[must_use]
pub fn single(part: Part<'_>) -> Stitched<'_> {
    let rows = part.tokens.iter().map(|token| token.origin.1).collect();
    Stitched { tokens: part.tokens, values: part.values, rows }
}

/// Puts the windows of a text together, in their order.
///
/// The tokens at the end of one window and at the start of the next are the same if their offsets are (and their ids,
/// where there are any), the longest such overlap counts. Windows that overlap in characters and share no tokens, as
/// they do where each was tokenized by itself, are cut in the middle of what they share.
#[must_use]
pub fn stitch<'a>(mut parts: Vec<Part<'a>>, columns: usize, merge: Merge) -> Stitched<'a> {
    parts.retain(|part| !part.tokens.is_empty());
    if parts.len() <= 1 {
        return parts.pop().map_or_else(
            || Stitched { tokens: Vec::new(), values: Cow::Borrowed(&[]), rows: Vec::new() },
            single,
        );
    }
    let mut tokens: Vec<Token> = Vec::new();
    let mut contexts: Vec<usize> = Vec::new();
    // Further windows of a token: its place among the tokens, the part, the row there.
    let mut more: Vec<(usize, usize, u32)> = Vec::new();
    let owner_part: Vec<usize> = {
        let mut owners = Vec::new();
        // Tokens of the part before that are among the text's.
        let mut present = 0;
        for (number, part) in parts.iter().enumerate() {
            let mut first = 0;
            if number > 0 {
                first = match overlap(&parts[number - 1], part, present) {
                    Some(shared) => shared,
                    None => {
                        cut(&mut tokens, part);
                        owners.truncate(tokens.len());
                        contexts.truncate(tokens.len());
                        more.retain(|&(at, ..)| at < tokens.len());
                        0
                    }
                };
            }
            let base = tokens.len() - first;
            let skip = tokens
                .last()
                .filter(|_| first == 0 && number > 0)
                .map_or(0, |last| part.tokens.iter().take_while(|token| token.start < last.end).count());
            present = part.tokens.len() - skip;
            for (place, token) in part.tokens.iter().enumerate().skip(skip) {
                let left = if number == 0 { usize::MAX } else { place };
                let right =
                    if number + 1 == parts.len() { usize::MAX } else { part.tokens.len() - 1 - place };
                let context = left.min(right);
                let at = base + place - skip;
                if at < tokens.len() {
                    more.push((at, number, token.origin.1));
                    if context > contexts[at] {
                        let index = tokens[at].index;
                        tokens[at] = Token { index, ..*token };
                        (contexts[at], owners[at]) = (context, number);
                    }
                } else {
                    let index = if number == 0 { token.index } else { tokens[0].index + at as i64 };
                    tokens.push(Token { index, ..*token });
                    contexts.push(context);
                    owners.push(number);
                    more.push((at, number, token.origin.1));
                }
            }
        }
        owners
    };
    let mut values = Vec::with_capacity(tokens.len() * columns);
    for (token, &owner) in tokens.iter().zip(&owner_part) {
        values.extend_from_slice(parts[owner].row(token.origin.1, columns));
    }
    if merge == Merge::Average {
        average(&parts, &more, &mut values, columns);
    }
    let rows = (0..tokens.len() as u32).collect();
    Stitched { tokens, values: Cow::Owned(values), rows }
}

/// How many tokens at the end of `last` are those at the start of `next`; `None` if they share characters only.
///
/// At most `most`, the tokens of `last` that are still among the text's.
fn overlap(last: &Part<'_>, next: &Part<'_>, most: usize) -> Option<usize> {
    let same = |a: &Token, b: &Token| {
        let id = |part: &Part<'_>, token: &Token| part.window.ids.map(|ids| ids[token.origin.1 as usize]);
        (a.start, a.end) == (b.start, b.end) && id(last, a) == id(next, b)
    };
    let longest = last.tokens.len().min(next.tokens.len()).min(most);
    let tail = &last.tokens[last.tokens.len() - longest..];
    let shared = (0..longest).find(|&skip| tail[skip..].iter().zip(&next.tokens).all(|(a, b)| same(a, b)));
    if let Some(skip) = shared {
        return Some(longest - skip);
    }
    let end = last.tokens.iter().map(|token| token.end).max().unwrap_or(0);
    (next.tokens[0].start >= end).then_some(0)
}

/// Drops the tokens of the text so far that `next` decides.
fn cut(tokens: &mut Vec<Token>, next: &Part<'_>) {
    let end = tokens.iter().map(|token| token.end).max().unwrap_or(0);
    let middle = i64::midpoint(next.tokens[0].start, end);
    let kept = tokens.iter().take_while(|token| token.end <= middle).count();
    tokens.truncate(kept.max(1));
}

/// Replaces the rows by the means of the log-probabilities of all windows that hold their token.
fn average(parts: &[Part<'_>], held: &[(usize, usize, u32)], values: &mut [f32], columns: usize) {
    let mut counts = vec![0_u32; values.len() / columns];
    values.fill(0.0);
    for &(at, part, row) in held {
        counts[at] += 1;
        let row = parts[part].row(row, columns);
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A row without a most probable label stays as it is, to be refused by name.
        let shift = if top.is_finite() { top + crate::logits::exp_sum(row, top).ln() } else { 0.0 };
        for (value, logit) in values[at * columns..][..columns].iter_mut().zip(row) {
            *value += logit - shift;
        }
    }
    for (row, count) in values.chunks_exact_mut(columns).zip(counts) {
        for value in row {
            *value /= count as f32;
        }
    }
}
