//! Chunks of tokens -> spans of the text: trimmed, widened to whole words, none over another.

use super::stitch::Token;
use super::words::Words;
use crate::offsets::CharIndex;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// An entity on its way out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Its tokens: a range of the text's.
    pub range: Range<usize>,
    /// Index into the decoder's names.
    pub name: u32,
    /// First character, -1 without offsets.
    pub start: i64,
    /// Last character, excluded.
    pub end: i64,
    /// Its score.
    pub score: f32,
    /// Its tokens as the text's input numbers them, the last one excluded.
    pub tokens: (i64, i64),
    /// Its words as the tokenizer numbers them, the last one excluded; -1 for none.
    pub words: (i64, i64),
}

impl Draft {
    /// The characters that the tokens `range` cover; `None` if they cover none.
    #[must_use]
    pub fn new(tokens: &[Token], range: Range<usize>, name: u32, has_offsets: bool) -> Option<Self> {
        let draft = Self { range: range.clone(), name, start: -1, end: -1, ..Self::default() };
        if !has_offsets {
            return Some(draft);
        }
        let covering = || tokens[range.clone()].iter().filter(|token| token.start < token.end);
        let start = covering().map(|token| token.start).min()?;
        let end = covering().map(|token| token.end).max()?;
        Some(Self { start, end, ..draft })
    }

    /// Leaves out white space at both ends. A space that a mark sits on stays: readers see the two as one.
    pub fn trim(&mut self, text: &CharIndex<'_>) {
        if self.start < 0 {
            return;
        }
        let (mut start, mut end) = text.trim(self.start as usize, self.end as usize);
        let torn = |at: usize| text.slice(at - 1, at + 1).graphemes(true).count() == 1;
        if start < end {
            start -= usize::from(start as i64 > self.start && torn(start));
            end += usize::from((end as i64) < self.end && torn(end));
        }
        (self.start, self.end) = (start as i64, end as i64);
    }

    /// Sets what its tokens are called outside.
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

    /// Takes the tokens that lie in its characters, where those have changed.
    fn reach(&mut self, tokens: &[Token]) {
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

/// An entity and the characters it had before it grew.
struct Grown {
    draft: Draft,
    had: (i64, i64),
}

/// Widens entities to whole words.
///
/// Two of one type that overlap then, or touch because one has grown up to the other, become one. A word that two of
/// different types share goes to the one that had more of its characters, ties to the earlier one; the other gives up
/// the whole word and is left out if it had nothing else. Entities of types that are `outside` do not grow, and give
/// up what others grow over.
#[must_use]
pub fn snap(
    drafts: Vec<Draft>,
    tokens: &[Token],
    words: &Words<'_>,
    trim: Option<&CharIndex<'_>>,
    outside: impl Fn(u32) -> bool,
) -> Vec<Draft> {
    let mut out: Vec<Grown> = Vec::with_capacity(drafts.len());
    let trim = |draft: &mut Draft| {
        if let Some(text) = trim {
            draft.trim(text);
        }
    };
    for mut draft in drafts {
        let had = (draft.start, draft.end);
        if !outside(draft.name) {
            (draft.start, draft.end) = words.widen(draft.range.clone(), draft.start, draft.end);
            trim(&mut draft);
        }
        let mut next = Some(Grown { draft, had });
        while let (Some(last), Some(new)) = (out.last_mut(), &mut next) {
            let grown = last.draft.end > last.had.1 || new.draft.start < new.had.0;
            let apart = new.draft.start > last.draft.end || (new.draft.start == last.draft.end && !grown);
            if apart {
                break;
            }
            if new.draft.name == last.draft.name {
                last.draft.end = last.draft.end.max(new.draft.end);
                last.draft.start = last.draft.start.min(new.draft.start);
                last.draft.range.end = last.draft.range.end.max(new.draft.range.end);
                last.had.1 = last.had.1.max(new.had.1);
                next = None;
            } else if new.draft.start >= last.draft.end {
                break;
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
    let reached = out.into_iter().map(|Grown { mut draft, .. }| {
        draft.reach(tokens);
        draft
    });
    reached.collect()
}
