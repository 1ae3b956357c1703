//! Which tokens of a text have to be looked at: those that may be in an entity, and those that share a word with them.
//!
//! The plain line this replaces is to look at all: their labels, their words, the units of the whole text. Most tokens of
//! most texts are outside by far, and lie between two places where units of the text always part. Tokens between such
//! places can be left out, and the units of the rest can be read by themselves.

use super::TextDecoder;
use super::stitch::{self, Stitched, Token};
use crate::batch::Window;
use crate::entities::cut::Cut;
use crate::entities::viterbi::Grammar;
use crate::math::logits::{MARGIN, Rows};
use crate::text::chars::CharIndex;
use crate::text::words::parted;
use std::borrow::Cow;

/// The tokens that are looked at.
#[derive(Debug)]
pub(super) struct Near<'a> {
    /// These tokens, in order, with one of those that were left out at each gap.
    pub(super) text: Stitched<'a>,
    /// The places in `text` of the tokens that stand for a gap.
    pub(super) apart: Vec<u32>,
    /// The characters around the other tokens, from and up to places where units part.
    pub(super) stretches: Vec<(usize, usize)>,
    /// The first character that any token covers, and the last one, excluded.
    pub(super) covered: (i64, i64),
}

/// Tokens in a row: each covers something, and none lies before its predecessor.
pub(super) trait Line {
    fn len(&self) -> usize;
    /// Start and end of token `at`.
    fn span(&self, at: usize) -> (usize, usize);
    /// Its row.
    fn row(&self, at: usize) -> u32;
    /// The token of a row; `None` if none has it.
    fn of_row(&self, row: u32) -> Option<usize>;
    fn token(&self, at: usize) -> Token;
}

/// The tokens of a window that are not special.
pub(super) struct OfWindow<'a> {
    window: &'a Window<'a>,
    from: usize,
    to: usize,
}

impl<'a> OfWindow<'a> {
    /// `None` if the tokens are not a [`Line`] in a text of `chars` characters.
    pub(super) fn new(window: &'a Window<'a>, chars: usize) -> Option<Self> {
        let offsets = window.offsets?;
        let (mut from, mut to) = (0, window.tokens);
        while from < to && window.is_special(from) {
            from += 1;
        }
        while from < to && window.is_special(to - 1) {
            to -= 1;
        }
        let whole = window.special.is_none_or(|special| special.are_zero(from..to));
        let plain = whole && from < to && offsets.are_in_row(from..to, chars as i64);
        let gaps = |words| offsets.have_gaps_in_words(words, from..to);
        (plain && !window.words.is_some_and(gaps)).then_some(Self { window, from, to })
    }
}

impl Line for OfWindow<'_> {
    fn len(&self) -> usize {
        self.to - self.from
    }

    fn span(&self, at: usize) -> (usize, usize) {
        let (start, end) = self.window.span(self.from + at);
        (start as usize, end as usize)
    }

    fn row(&self, at: usize) -> u32 {
        (self.from + at) as u32
    }

    fn of_row(&self, row: u32) -> Option<usize> {
        (self.from..self.to).contains(&(row as usize)).then(|| row as usize - self.from)
    }

    fn token(&self, at: usize) -> Token {
        stitch::token(self.window, 0, (self.from + at) as u32)
    }
}

/// The tokens of a text whose windows were put together.
pub(super) struct OfText<'a>(&'a Stitched<'a>);

impl<'a> OfText<'a> {
    /// `None` if the tokens are not a [`Line`] in a text of `chars` characters.
    pub(super) fn new(text: &'a Stitched<'a>, chars: usize) -> Option<Self> {
        let inside = |token: &Token| 0 <= token.start && token.start < token.end && token.end <= chars as i64;
        let in_row = |pair: &[Token]| {
            let joined = pair[0].word >= 0 && pair[0].word == pair[1].word && pair[0].end < pair[1].start;
            pair[0].start <= pair[1].start && pair[0].end <= pair[1].end && !joined
        };
        let tokens = &text.tokens;
        let plain = !tokens.is_empty() && tokens.iter().all(inside) && tokens.windows(2).all(in_row);
        (plain && text.rows.is_sorted()).then_some(Self(text))
    }
}

impl Line for OfText<'_> {
    fn len(&self) -> usize {
        self.0.tokens.len()
    }

    fn span(&self, at: usize) -> (usize, usize) {
        (self.0.tokens[at].start as usize, self.0.tokens[at].end as usize)
    }

    fn row(&self, at: usize) -> u32 {
        self.0.rows[at]
    }

    fn of_row(&self, row: u32) -> Option<usize> {
        self.0.rows.binary_search(&row).ok()
    }

    fn token(&self, at: usize) -> Token {
        self.0.tokens[at]
    }
}

/// Tokens `first..last`, and the characters around them.
#[derive(Debug, Clone, Copy)]
struct Island {
    first: usize,
    last: usize,
    start: usize,
    end: usize,
}

/// The tokens of `line` that are not outside for certain. Where the types of words are decided, `pooled` is how much the labels of
/// a type may add to the largest of them, and "outside" must be above each type: then it is above each in the mean of such
/// tokens, too, whichever are one word. 0 otherwise.
pub(super) fn unsure(line: &impl Line, rows: &Rows<'_>, grammar: &Grammar, pooled: f32) -> Vec<usize> {
    let mut unsure = Vec::with_capacity(line.len() / 8);
    rows.unsure(rows.count(), grammar.likely() as usize, 2.0 * MARGIN + pooled, &mut unsure);
    if pooled > 0.0 {
        let sure = |lead: f32| lead > 2.0 * MARGIN && lead < f32::INFINITY;
        unsure.retain(|&row| {
            let lead = rows.lead(row as usize, grammar.likely() as usize);
            !(sure(lead) && sure(grammar.type_lead(rows.row(row as usize), lead)))
        });
    }
    unsure.iter().filter_map(|&row| line.of_row(row)).collect()
}

/// Whether the most probable labels of the tokens `unsure`, with all others outside, are a legal sequence: then those
/// of words mostly are, too. If words of several tokens are decided as one (`by_words`), only tokens that stand alone
/// can show that the sequence is not legal.
pub(super) fn is_legal(
    line: &impl Line,
    rows: &Rows<'_>,
    grammar: &Grammar,
    unsure: &[usize],
    by_words: bool,
) -> bool {
    let (numbers, mut labels) = (unsure.iter().map(|&at| line.row(at)).collect::<Vec<_>>(), Vec::new());
    let touches = |&at: &usize| at > 0 && at < line.len() && line.span(at - 1).1 >= line.span(at).0;
    rows.argmaxes(&numbers, grammar.likely() as usize, &mut labels).is_err() || {
        let mut rest = &labels[..];
        unsure.chunk_by(|last, next| last + 1 == *next).all(|run| {
            let (own, behind) = rest.split_at(run.len());
            rest = behind;
            let alone = || !run.iter().chain([&(run[run.len() - 1] + 1)]).any(touches);
            grammar.is_legal(own, Cut::default()) || (by_words && !alone())
        })
    }
}

/// The tokens of `unsure`, and those that an entity may take in because the unsure ones are worth more than these
/// cost.
pub(super) fn reached(
    line: &impl Line,
    rows: &Rows<'_>,
    outside: u32,
    pooled: f32,
    unsure: &[usize],
) -> Vec<usize> {
    let most = line.len();
    let mut marked = vec![false; most];
    for &at in unsure {
        marked[at] = true;
    }
    let lead = |at: usize| rows.lead(line.row(at) as usize, outside as usize) - pooled;
    let touches = |at: usize| line.span(at - 1).1 >= line.span(at).0;
    reach(most, unsure.iter().copied(), lead, touches, |at| marked[at] = true);
    let turned = |at: usize| most - 1 - at;
    reach(
        most,
        unsure.iter().rev().map(|&at| turned(at)),
        |at| lead(turned(at)),
        |at| touches(turned(at - 1)),
        |at| marked[turned(at)] = true,
    );
    (0..most).filter(|&at| marked[at]).collect()
}

/// Calls `mark` with tokens of `0..most`: from each of `unsure` on, up to where the costs of the following tokens
/// outweigh its worth.
///
/// `lead` is what a token costs an entity, or is worth to it if it is below 0. Of tokens that touch the one before them, which
/// may be one word, the cheapest counts.
fn reach(
    most: usize,
    unsure: impl Iterator<Item = usize>,
    lead: impl Fn(usize) -> f32,
    touches: impl Fn(usize) -> bool,
    mut mark: impl FnMut(usize),
) {
    let mut at = 0;
    for seed in unsure {
        if seed < at {
            continue;
        }
        at = seed;
        let mut balance = 0.0;
        while at < most {
            let (mut worth, mut least) = (0.0, f64::INFINITY);
            loop {
                let lead = f64::from(lead(at));
                worth += lead.min(0.0);
                least = least.min(lead);
                mark(at);
                at += 1;
                if at == most || !touches(at) {
                    break;
                }
            }
            balance += if worth < 0.0 { worth } else { least };
            if balance >= 0.0 {
                break;
            }
        }
    }
}

impl TextDecoder<'_> {
    /// The tokens of `line` to look at because of `seeds`, which are in order; `None` if one would have to read far to
    /// find them.
    pub(super) fn near<'v>(
        &self,
        line: &impl Line,
        values: &'v [f32],
        seeds: &[usize],
        cut: Cut,
    ) -> Option<Near<'v>> {
        let text = self.text?;
        let mut islands: Vec<Island> = Vec::with_capacity(seeds.len());
        for &seed in seeds {
            if islands.last().is_some_and(|island| seed < island.last) {
                continue;
            }
            let (first, start) = before(line, text, seed)?;
            let (last, end) = behind(line, text, seed + 1)?;
            match islands.last_mut() {
                Some(island) if first <= island.last => (island.last, island.end) = (last, end),
                _ => islands.push(Island { first, last, start, end }),
            }
        }
        let count: usize = islands.iter().map(|island| island.last - island.first + 2).sum();
        let (mut tokens, mut rows, mut apart) =
            (Vec::with_capacity(count), Vec::with_capacity(count), Vec::new());
        let mut push = |tokens: &mut Vec<Token>, at: usize| {
            tokens.push(line.token(at));
            rows.push(line.row(at));
        };
        let mut done = 0;
        for island in &islands {
            if island.first > done {
                apart.push(tokens.len() as u32);
                push(&mut tokens, island.first - 1);
            }
            (island.first..island.last).for_each(|at| push(&mut tokens, at));
            done = island.last;
        }
        if 0 < done && done < line.len() {
            apart.push(tokens.len() as u32);
            push(&mut tokens, done);
        }
        let covered = (line.span(0).0 as i64, line.span(line.len() - 1).1 as i64);
        let stretches = islands.iter().map(|island| (island.start, island.end)).collect();
        Some(Near {
            text: Stitched { tokens, values: Cow::Borrowed(values), rows, cut },
            apart,
            stretches,
            covered,
        })
    }
}

/// How many characters are read in search of a place where units part.
const FAR: usize = 256;

fn parts(text: &CharIndex<'_>, at: usize) -> bool {
    if at == 0 || at >= text.len() {
        return true;
    }
    if let Some(ascii) = text.ascii() {
        return parted(char::from(ascii[at - 1]), char::from(ascii[at]));
    }
    let mut pair = text.slice(at - 1, at + 1).chars();
    pair.next().zip(pair.next()).is_some_and(|(before, behind)| parted(before, behind))
}

/// The last token at or before `first` with a place before it where units part, and that place.
fn before(line: &impl Line, text: &CharIndex<'_>, mut first: usize) -> Option<(usize, usize)> {
    loop {
        let start = line.span(first).0;
        let floor = first.checked_sub(1).map_or(0, |last| line.span(last).1);
        let floor = floor.max(start.saturating_sub(FAR));
        if let Some(place) = (floor..=start).rev().find(|&at| parts(text, at)) {
            return Some((first, place));
        }
        first = first.checked_sub(1)?;
    }
}

/// The first token from `last` on with a place before it where units part, and that place. The end of the text counts
/// as one more token.
fn behind(line: &impl Line, text: &CharIndex<'_>, mut last: usize) -> Option<(usize, usize)> {
    loop {
        let end = line.span(last - 1).1;
        let limit = if last < line.len() { line.span(last).0 } else { text.len() };
        if let Some(place) = (end..=limit.min(end.saturating_add(FAR))).find(|&at| parts(text, at)) {
            return Some((last, place));
        }
        if last == line.len() {
            return None;
        }
        last += 1;
    }
}
