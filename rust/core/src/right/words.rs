//! Which tokens are one word, and how an entity grows to whole words.

use super::stitch::Token;
use crate::offsets::CharIndex;
use crate::segment::WordEdges;
use crate::{Error, Result};
use std::cell::OnceCell;
use std::ops::Range;

/// Where the words of a text come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The tokenizer's word ids where they mean words, else Unicode's word boundaries.
    Auto,
    /// The tokenizer's word ids.
    WordIds,
    /// Unicode's word boundaries.
    Unicode,
    /// The rules of transformers.
    Transformers,
}

impl Source {
    /// Reads its name.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "word_ids" => Ok(Self::WordIds),
            "unicode" => Ok(Self::Unicode),
            "transformers" => Ok(Self::Transformers),
            _ => Err(Error::BadOption {
                name: "words",
                got: format!("{name:?}"),
                cure: "choose \"auto\", \"word_ids\", \"unicode\" or \"transformers\"",
            }),
        }
    }
}

/// What was used for one text, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// Word ids, as asked for.
    WordIds,
    /// Word ids: each of them is one word of the text, or a part of one.
    WordIdsFit,
    /// Word ids: there is no text to hold them against.
    WordIdsOnly,
    /// Unicode, as asked for.
    Unicode,
    /// Unicode: there are no word ids.
    UnicodeOnly,
    /// Unicode: some word id covers more than a word.
    UnicodeFits,
    /// transformers' rules, as asked for.
    Transformers,
    /// Nothing tells words apart: neither texts nor word ids.
    Nothing,
}

/// All of [`Used`], in the order of their numbers.
pub const USED: [Used; 8] = [
    Used::WordIds,
    Used::WordIdsFit,
    Used::WordIdsOnly,
    Used::Unicode,
    Used::UnicodeOnly,
    Used::UnicodeFits,
    Used::Transformers,
    Used::Nothing,
];

/// The words of one text.
#[derive(Debug)]
pub struct Words<'a> {
    /// What they come from.
    pub used: Used,
    /// Runs of tokens that are one word each.
    pub runs: Vec<(u32, u32)>,
    /// The run of each token.
    run_of: Vec<u32>,
    /// The characters of each run, where Unicode's words are not used; an end before its start if it covers none.
    spans: Vec<(i64, i64)>,
    /// Unicode's words, where the text is there and `word_ids` were not asked for by name. Entities grow by these
    /// even where runs come from word ids, each of which may be a part of a word only: `3`, `AW` of `3AW`.
    edges: Option<&'a WordEdges>,
}

impl<'a> Words<'a> {
    /// The words of `tokens` of `text`, whose Unicode words are read once, where they are first needed.
    ///
    /// # Errors
    /// [`Error::Missing`] if `source` asks for word ids or a text that is not there.
    pub fn new(
        source: Source,
        tokens: &[Token],
        has_ids: bool,
        text: Option<(&CharIndex<'_>, &'a OnceCell<WordEdges>)>,
    ) -> Result<Self> {
        let missing = |name, why| Err(Error::Missing { name, why });
        let read = |(text, edges): (&CharIndex<'_>, &'a OnceCell<WordEdges>)| {
            edges.get_or_init(|| WordEdges::new(text.slice(0, text.len())))
        };
        let (used, edges) = match (source, has_ids, text) {
            (Source::Transformers, ..) => (Used::Transformers, None),
            (Source::WordIds, true, _) => (Used::WordIds, None),
            (Source::WordIds, false, _) => return missing("word_ids", "to tell words apart by them"),
            (Source::Unicode, _, Some(text)) => (Used::Unicode, Some(read(text))),
            (Source::Unicode, _, None) => return missing("texts", "to find their Unicode words"),
            (Source::Auto, false, None) => (Used::Nothing, None),
            (Source::Auto, true, None) => (Used::WordIdsOnly, None),
            (Source::Auto, false, Some(text)) => (Used::UnicodeOnly, Some(read(text))),
            (Source::Auto, true, Some(text)) => {
                let edges = read(text);
                let fit = ids_are_words(tokens, text.0, edges);
                (if fit { Used::WordIdsFit } else { Used::UnicodeFits }, Some(edges))
            }
        };
        let continues = |last: &Token, token: &Token| match (used, &edges) {
            (Used::Transformers, _) => !token.opens,
            (Used::Nothing, _) => false,
            (Used::Unicode | Used::UnicodeOnly | Used::UnicodeFits, Some(edges)) => {
                token.start >= 0 && (token.start < last.end || edges.inside(token.start as usize))
            }
            _ => token.word >= 0 && token.word == last.word,
        };
        let mut runs: Vec<(u32, u32)> = Vec::with_capacity(tokens.len());
        let mut run_of = Vec::with_capacity(tokens.len());
        for (at, token) in (0..).zip(tokens) {
            match runs.last_mut() {
                Some(run) if at > 0 && continues(&tokens[at as usize - 1], token) => run.1 = at + 1,
                _ => runs.push((at, at + 1)),
            }
            run_of.push(runs.len() as u32 - 1);
        }
        let span = |&(from, to): &(u32, u32)| {
            let covering = tokens[from as usize..to as usize].iter().filter(|token| token.start < token.end);
            covering.fold((i64::MAX, i64::MIN), |(start, end), t| (start.min(t.start), end.max(t.end)))
        };
        let spans = if edges.is_none() { runs.iter().map(span).collect() } else { Vec::new() };
        Ok(Self { used, runs, run_of, spans, edges })
    }

    /// The tokens of the words that the tokens of `range` are in.
    #[must_use]
    pub fn tokens(&self, range: Range<usize>) -> Range<usize> {
        let run = |token: usize| self.runs[self.run_of[token] as usize];
        run(range.start).0 as usize..run(range.end - 1).1 as usize
    }

    /// Whether entities grow by the words of the text, whose edges are edges of grapheme clusters.
    #[must_use]
    pub fn by_text(&self) -> bool {
        self.edges.is_some()
    }

    /// The characters of the smallest whole words that cover `start..end`, which the tokens of `range` make up.
    #[must_use]
    pub fn widen(&self, range: Range<usize>, start: i64, end: i64) -> (i64, i64) {
        if let Some(edges) = &self.edges {
            let (start, end) = edges.widen(start.max(0) as usize, end.max(0) as usize);
            return (start as i64, end as i64);
        }
        let first = self.spans[self.run_of[range.start] as usize];
        let last = self.spans[self.run_of[range.end - 1] as usize];
        (start.min(first.0).min(last.0), end.max(first.1).max(last.1))
    }
}

/// Whether no word id covers more than one word of the text, white space at its ends aside.
///
/// They do where the tokenizer splits at spaces and punctuation. They do not where it takes a sentence for one word
/// (no pre-tokenizer), leaves punctuation on a word (Metaspace), or takes a run of Chinese for one.
fn ids_are_words(tokens: &[Token], text: &CharIndex<'_>, edges: &WordEdges) -> bool {
    tokens.chunk_by(|a, b| a.word >= 0 && a.word == b.word).filter(|run| run[0].word >= 0).all(|run| {
        let start = run.iter().map(|token| token.start).min().unwrap_or(0).max(0) as usize;
        let end = run.iter().map(|token| token.end).max().unwrap_or(0).max(0) as usize;
        let (start, end) = text.trim(start, end);
        start >= end || edges.unit(start) == edges.unit(end - 1)
    })
}
