//! Chunks of tokens -> spans of the text: trimmed, widened to whole words, without overlaps, none lost.

use super::stitch::Token;
use super::words::Words;
use crate::text::chars::CharIndex;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// An entity in progress.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Its tokens, a range of the text's tokens.
    pub range: Range<usize>,
    /// The tokens as which it was found, with white space at its ends.
    pub chunk: Range<usize>,
    /// Index into the decoder's names.
    pub name: u32,
    /// First character, -1 without offsets.
    pub start: i64,
    /// Last character, excluded.
    pub end: i64,
    /// Its score: that of its surest piece, if several became one.
    pub score: f32,
    /// The tokens to which the model gave this label and to which the score belongs: those of its surest piece.
    pub labelled: Range<usize>,
    /// The first and the last of its chunks, as the caller numbers them.
    pub pieces: (usize, usize),
    /// Its tokens as the text's input numbers them, the last one excluded.
    pub tokens: (i64, i64),
    /// Its words as the tokenizer numbers them, the last one excluded; -1 for none.
    pub words: (i64, i64),
}

impl Draft {
    /// The characters that the tokens `range` cover; `None` if they cover none.
    #[must_use]
    pub fn new(tokens: &[Token], range: Range<usize>, name: u32, has_offsets: bool) -> Option<Self> {
        let chunk = range.clone();
        let draft = Self { range: range.clone(), chunk, name, start: -1, end: -1, ..Self::default() };
        if !has_offsets {
            return Some(draft);
        }
        let covering = || tokens[range.clone()].iter().filter(|token| token.start < token.end);
        let start = covering().map(|token| token.start).min()?;
        let end = covering().map(|token| token.end).max()?;
        Some(Self { start, end, ..draft })
    }

    /// Takes in another entity of its type. What widening or joining adds never lowers a score.
    pub fn absorb(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.range.start = self.range.start.min(other.range.start);
        self.range.end = self.range.end.max(other.range.end);
        self.pieces = (self.pieces.0.min(other.pieces.0), self.pieces.1.max(other.pieces.1));
        if other.score > self.score {
            (self.score, self.labelled) = (other.score, other.labelled);
        }
    }

    /// Leaves out white space at both ends. A space that a mark sits on stays: readers see the two as one.
    pub fn trim(&mut self, text: &CharIndex<'_>) {
        if self.start < 0 {
            return;
        }
        let (start, end) = text.trim(self.start as usize, self.end as usize);
        let (first, last) =
            if start < end { (around(text, start).0, around(text, end).1) } else { (start, end) };
        let first = if start as i64 > self.start { (first as i64).max(self.start) } else { start as i64 };
        let last = if (end as i64) < self.end { (last as i64).min(self.end) } else { end as i64 };
        (self.start, self.end) = (first, last);
    }

    /// Takes in the rest of the grapheme clusters at both ends, unless a token covers it: a tokenizer may drop the
    /// marks of a letter. `words` are the tokens of the words that it covers.
    fn complete(&mut self, text: &CharIndex<'_>, tokens: &[Token], words: Range<usize>) {
        if self.start < 0 || self.start >= self.end {
            return;
        }
        let floor = words.start.checked_sub(1).map_or(0, |before| tokens[before].end);
        let ceiling = tokens.get(words.end).map_or(i64::MAX, |next| next.start);
        self.start = (around(text, self.start as usize).0 as i64).max(floor.min(self.start));
        self.end = (around(text, self.end as usize).1 as i64).min(ceiling.max(self.end));
    }

    /// Sets the numbers of its tokens and words as callers see them.
    pub fn number(&mut self, tokens: &[Token]) {
        let own = &tokens[self.range.clone()];
        if let (Some(first), Some(last)) = (own.first(), own.last()) {
            self.tokens = (first.index, last.index + 1);
        }
        let words = || own.iter().map(|token| token.word).filter(|&word| word >= 0);
        self.words = words()
            .min()
            .zip(words().max())
            .map_or((-1, -1), |(first, last)| (first, last.saturating_add(1)));
    }

    /// Sets its tokens to those that lie in its characters, after these have changed.
    pub fn reach(&mut self, tokens: &[Token]) {
        let inside = |token: &Token| token.start < self.end && token.end > self.start;
        while self.range.start > 0 && inside(&tokens[self.range.start - 1]) {
            self.range.start -= 1;
        }
        while self.range.end < tokens.len() && inside(&tokens[self.range.end]) {
            self.range.end += 1;
        }
        self.shrink(tokens);
    }

    /// Gives up tokens at both ends that do not lie in its characters; one stays.
    pub fn shrink(&mut self, tokens: &[Token]) {
        let inside = |token: &Token| token.start < self.end && token.end > self.start;
        while self.range.len() > 1 && !inside(&tokens[self.range.start]) {
            self.range.start += 1;
        }
        while self.range.len() > 1 && !inside(&tokens[self.range.end - 1]) {
            self.range.end -= 1;
        }
    }
}

/// Characters of a grapheme cluster on either side of an edge that are looked at. The stream-safe text of UAX #15 has
/// at most 30 marks on a letter.
const REACH: usize = 32;

/// The grapheme cluster that an edge before the character `at` would tear; `at` twice if it tears none.
fn around(text: &CharIndex<'_>, at: usize) -> (usize, usize) {
    let near = text.slice(at.saturating_sub(1), (at + 1).min(text.len()));
    if near.is_ascii() && near != "\r\n" {
        return (at, at);
    }
    let mut start = at.saturating_sub(REACH);
    for cluster in text.slice(start, (at + REACH).min(text.len())).graphemes(true) {
        let end = start + cluster.chars().count();
        if end >= at {
            return if start < at && at < end { (start, end) } else { (at, at) };
        }
        start = end;
    }
    (at, at)
}

/// An entity and the characters it had before it grew.
struct Grown {
    draft: Draft,
    had: (i64, i64),
}

/// Widens entities to whole words.
///
/// Two of one type that overlap then become one, with the score of the surer one. A word that two of
/// different types share goes to the one that had more of its characters, ties to the earlier one; the other gives up
/// the whole word and is left out if it had nothing else. Entities of types that are `outside` do not grow, and give
/// up what others grow over.
#[must_use]
pub fn snap(
    drafts: Vec<Draft>,
    tokens: &[Token],
    words: &Words<'_>,
    text: Option<&CharIndex<'_>>,
    trim: bool,
    outside: impl Fn(u32) -> bool,
) -> Vec<Draft> {
    let trimmed = text.filter(|_| trim);
    let grown = drafts.into_iter().map(|mut draft| {
        let had = (draft.start, draft.end);
        if !outside(draft.name) {
            (draft.start, draft.end) = words.widen(draft.range.clone(), draft.start, draft.end);
            if let (Some(text), false) = (text, words.by_text()) {
                draft.complete(text, tokens, words.tokens(draft.range.clone()));
            }
            if let Some(text) = trimmed {
                draft.trim(text);
            }
        }
        Grown { draft, had }
    });
    shared(grown, trimmed, &outside)
}

/// Gives each character to one entity, as [`snap`] does, and widens none: tokens that hold a part of one character each
/// may have labels of two types.
#[must_use]
pub fn apart(
    drafts: Vec<Draft>,
    text: Option<&CharIndex<'_>>,
    trim: bool,
    outside: impl Fn(u32) -> bool,
) -> Vec<Draft> {
    let grown = drafts.into_iter().map(|draft| Grown { had: (draft.start, draft.end), draft });
    shared(grown, text.filter(|_| trim), &outside)
}

/// Gives each character to one of `all`. White space at the ends is left out of what is left of the others, if there is
/// a `text`.
fn shared(
    all: impl ExactSizeIterator<Item = Grown>,
    text: Option<&CharIndex<'_>>,
    outside: &impl Fn(u32) -> bool,
) -> Vec<Draft> {
    let mut out: Vec<Grown> = Vec::with_capacity(all.len());
    let trim = |draft: &mut Draft| {
        if let Some(text) = text {
            draft.trim(text);
        }
    };
    for grown in all {
        let mut next = Some(grown);
        loop {
            // The characters that the one before has been given stay its own, even if entities come out of order.
            let floor = out.len().checked_sub(2).map_or(i64::MIN, |before| out[before].draft.end);
            let (Some(last), Some(new)) = (out.last_mut(), &mut next) else { break };
            if new.draft.start >= last.draft.end {
                break;
            }
            if new.draft.name == last.draft.name {
                new.draft.start = new.draft.start.max(floor.min(last.draft.start));
                last.had.1 = last.had.1.max(new.had.1);
                if let Some(Grown { draft, .. }) = next.take() {
                    last.draft.absorb(draft);
                }
            } else {
                let shared = (new.draft.start, last.draft.end);
                let of_last = last.had.1.min(shared.1) - last.had.0.max(shared.0);
                let of_new = new.had.1.min(shared.1) - new.had.0.max(shared.0);
                if outside(new.draft.name) || (of_last >= of_new && !outside(last.draft.name)) {
                    new.draft.start = shared.1;
                    trim(&mut new.draft);
                    if new.draft.start >= new.draft.end {
                        next = None;
                    }
                } else {
                    last.draft.end = shared.0;
                    trim(&mut last.draft);
                    if last.draft.start >= last.draft.end {
                        out.pop();
                    }
                }
            }
        }
        out.extend(next);
    }
    out.into_iter().map(|grown| grown.draft).collect()
}
