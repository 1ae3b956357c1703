//! Which tokens are one word, and how an entity grows to whole words.

use super::stitch::Token;
use crate::error::named;
use crate::text::addresses::is_number;
use crate::text::chars::CharIndex;
use crate::text::joints::may_part;
use crate::text::script::is_space;
use crate::text::script::is_unspaced;
use crate::text::stretches::{Stretches, may_be_dropped};
use crate::{Error, Result};
use std::cell::OnceCell;
use std::ops::Range;
use unicode_categories::UnicodeCategories;

named! {
    /// What tells the words of a text apart.
    pub enum Source of "words" {
        /// The units of the text (see [`crate::text::words::WordEdges::cut`]); without a text, the tokenizer's word ids.
        Auto = "auto",
        /// The tokenizer's word ids.
        WordIds = "word_ids",
        /// The words of UAX #29, uncut.
        Unicode = "unicode",
        /// The rules of transformers.
        Transformers = "transformers",
    }
}

/// What told the words of one text apart, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// Word ids, as asked for.
    WordIds,
    /// Word ids: there is no text.
    WordIdsOnly,
    /// The units of the text.
    Units,
    /// The units of the text, some of them joined where the tokenizer has dropped characters inside a word id.
    UnitsJoined,
    /// Unicode, as asked for.
    Unicode,
    /// transformers' rules, as asked for.
    Transformers,
    /// Nothing tells words apart: neither texts nor word ids.
    Nothing,
}

/// All of [`Used`], in the order of their numbers.
pub const USED: [Used; 7] = [
    Used::WordIds,
    Used::WordIdsOnly,
    Used::Units,
    Used::UnitsJoined,
    Used::Unicode,
    Used::Transformers,
    Used::Nothing,
];

/// What stands on the two sides of a joint in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// One type.
    Alike,
    /// Two types, one of which is outside.
    Mixed,
    /// Two types of entities.
    Entities,
}

/// The words of one text.
#[derive(Debug)]
pub struct Words<'a> {
    /// What told them apart.
    pub used: Used,
    /// Runs of tokens that are one word each.
    pub runs: Vec<(u32, u32)>,
    /// The run of each token.
    run_of: Vec<u32>,
    /// The characters of each run, where the text does not say what words are; if it covers none, its end lies before
    /// its start.
    spans: Vec<(i64, i64)>,
    /// The units of the text, if the text is there and neither `word_ids` nor transformers' rules were asked for.
    units: Option<Units<'a>>,
}

/// The units of a text as its tokenizer sees them.
#[derive(Debug)]
struct Units<'a> {
    text: &'a CharIndex<'a>,
    edges: &'a Stretches,
    /// Characters `start..end` that are one unit because the tokenizer has dropped the characters between them: U+200B
    /// or a control character in the middle of a word. In order, none over another.
    joined: Vec<(usize, usize)>,
    /// Characters up to here were looked at by [`Units::join_within`].
    read: usize,
    /// The edges that [`Words::part`] has added, in order.
    parted: Vec<usize>,
}

/// Where a token sits: a character, and the number that all characters of its unit share.
#[derive(Clone, Copy)]
struct Seat {
    at: usize,
    unit: usize,
}

impl Units<'_> {
    /// A character of the unit that `token` belongs to: its first one that is not white space. A token that covers
    /// nothing belongs to the unit around it, and to none at an edge. A token whose units were not read belongs to
    /// none.
    fn seat(&self, token: &Token) -> Option<Seat> {
        let at = usize::try_from(token.start).ok()?;
        let unit = self.edges.unit(at)?;
        if token.start >= token.end {
            return self.edges.inside(at).then_some(Seat { at, unit });
        }
        let covered = self.text.slice(at, token.end as usize);
        let before = covered.chars().take_while(|&c| is_space(c)).count();
        if before == 0 || before as i64 == token.end - token.start {
            return Some(Seat { at, unit });
        }
        self.edges.unit(at + before).map(|unit| Seat { at: at + before, unit })
    }

    /// Whether `token` continues the word of `last`; `seats` are their seats.
    fn goes_on(&mut self, last: &Token, token: &Token, seats: (Option<Seat>, Option<Seat>)) -> bool {
        let (Some(before), Some(seat)) = seats else { return false };
        let holds = |&(start, end): &(usize, usize)| start <= before.at && seat.at < end;
        before.unit == seat.unit || self.joined.last().is_some_and(holds) || self.joins(last, token)
    }

    /// Joins units that part only inside `token`, at characters that the tokenizer must have dropped.
    fn join_within(&mut self, token: &Token) {
        if self.edges.are_plain() || token.start < 0 || token.end <= token.start.max(self.read as i64) {
            return;
        }
        // If tokens overlap, only the new part is read, so that the text is read once.
        let start = self.read.max(token.start as usize);
        self.read = token.end as usize;
        let chars = self.text.slice(start, token.end as usize).chars();
        let mut before: Option<usize> = None;
        for (at, _) in (start..).zip(chars).filter(|&(_, c)| !may_be_dropped(c)) {
            let last = before.replace(at).filter(|last| last + 1 < at);
            if let Some(last) = last.filter(|&last| self.meet(last, at)) {
                self.push(last, at);
            }
        }
    }

    /// Whether both are characters of words that are written with spaces.
    fn meet(&self, from: usize, to: usize) -> bool {
        let spaced = |at: usize| !self.text.slice(at, at + 1).starts_with(is_unspaced);
        self.edges.is_word(from) && self.edges.is_word(to) && spaced(from) && spaced(to)
    }

    /// Joins the units of two characters; false if they come before a pair that is already joined.
    fn push(&mut self, from: usize, to: usize) -> bool {
        let (start, end) = self.edges.widen(from, to + 1);
        match self.joined.last_mut() {
            Some(joined) if start < joined.0 => return false, // tokens out of order
            Some(joined) if start < joined.1 => joined.1 = joined.1.max(end),
            _ => self.joined.push((start, end)),
        }
        true
    }

    /// Whether the tokenizer, which gives both tokens one word id, has dropped the characters between their units.
    fn joins(&mut self, last: &Token, token: &Token) -> bool {
        if token.word < 0 || token.word != last.word || last.start >= last.end || last.end >= token.start {
            return false;
        }
        let (from, to) = (last.end as usize - 1, token.start as usize);
        let dropped = |c: char| !is_space(c) && (!c.is_alphanumeric() || c.is_mark());
        token.start < token.end
            && self.meet(from, to)
            && self.text.slice(from + 1, to).chars().all(dropped)
            && self.push(from, to)
    }

    fn widen(&self, from: usize, to: usize) -> (usize, usize) {
        let (start, end) = self.edges.widen(from, to);
        let around = |at: usize| {
            let next = self.joined.partition_point(|&(start, _)| start < at);
            next.checked_sub(1).map(|last| self.joined[last]).filter(|joined| at < joined.1)
        };
        let (first, last) =
            (around(start).map_or(start, |joined| joined.0), around(end).map_or(end, |joined| joined.1));
        let before = self.parted.partition_point(|&edge| edge <= from);
        let first = before.checked_sub(1).map_or(first, |before| first.max(self.parted[before]));
        let behind = self.parted.partition_point(|&edge| edge < to);
        (first, self.parted.get(behind).map_or(last, |&edge| last.min(edge)))
    }

    /// Whether tokens in a row cover more than one character that is no white space.
    fn is_long(&self, tokens: &[Token]) -> bool {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return false };
        let covered = self.text.slice(first.start.max(0) as usize, last.end.max(first.start).max(0) as usize);
        covered.chars().filter(|&c| !is_space(c)).nth(1).is_some()
    }

    /// Whether `token` is a joint at which a word may have two parts (see [`may_part`]); and whether it lies in a number in
    /// groups. `None` in an address, too.
    fn joint(&self, token: &Token) -> Option<bool> {
        if token.start < 0 || token.end - token.start != 1 {
            return None;
        }
        let at = token.start as usize;
        if !self.text.slice(at, at + 1).starts_with(may_part) {
            return None;
        }
        let Some((start, end)) = self.edges.address(at) else { return Some(false) };
        is_number(self.text.slice(start, end)).then_some(true)
    }
}

impl<'a> Words<'a> {
    /// The words of `tokens` of `text`, whose units are read once, when they are first needed, unless some were read
    /// before.
    ///
    /// # Errors
    /// [`Error::Missing`] if `source` asks for word ids or a text that is not there.
    pub fn new(
        source: Source,
        tokens: &[Token],
        has_ids: bool,
        text: Option<(&'a CharIndex<'a>, &'a OnceCell<Stretches>)>,
    ) -> Result<Self> {
        let missing = |name, why| Err(Error::Missing { name, why });
        let read = |(text, edges): (&'a CharIndex<'a>, &'a OnceCell<Stretches>), cut: bool| {
            let edges = edges.get_or_init(|| Stretches::whole(text.slice(0, text.len()), cut));
            Some(Units { text, edges, joined: Vec::new(), read: 0, parted: Vec::new() })
        };
        let (mut used, mut units) = match (source, has_ids, text) {
            (Source::Transformers, ..) => (Used::Transformers, None),
            (Source::WordIds, true, _) => (Used::WordIds, None),
            (Source::WordIds, false, _) => return missing("word_ids", "to tell words apart by them"),
            (Source::Unicode, _, Some(text)) => (Used::Unicode, read(text, false)),
            (Source::Unicode, _, None) => return missing("texts", "to find their Unicode words"),
            (Source::Auto, _, Some(text)) => (Used::Units, read(text, true)),
            (Source::Auto, true, None) => (Used::WordIdsOnly, None),
            (Source::Auto, false, None) => (Used::Nothing, None),
        };
        let mut runs: Vec<(u32, u32)> = Vec::with_capacity(tokens.len());
        let mut run_of = Vec::with_capacity(tokens.len());
        let mut before = None;
        for (at, token) in (0..).zip(tokens) {
            let seat = units.as_ref().and_then(|units| units.seat(token));
            let mut continues = |last: &Token| match (used, &mut units) {
                (_, Some(units)) => units.goes_on(last, token, (before, seat)),
                (Used::Transformers, _) => !token.opens,
                (Used::Nothing, _) => false,
                _ => token.word >= 0 && token.word == last.word,
            };
            match runs.last_mut() {
                Some(run) if continues(&tokens[at as usize - 1]) => run.1 = at + 1,
                _ => runs.push((at, at + 1)),
            }
            if let Some(units) = &mut units {
                units.join_within(token);
            }
            before = seat;
            run_of.push(runs.len() as u32 - 1);
        }
        if used == Used::Units && units.as_ref().is_some_and(|units| !units.joined.is_empty()) {
            used = Used::UnitsJoined;
        }
        let span = |&(from, to): &(u32, u32)| {
            let covering = tokens[from as usize..to as usize].iter().filter(|token| token.start < token.end);
            covering.fold((i64::MAX, i64::MIN), |(start, end), t| (start.min(t.start), end.max(t.end)))
        };
        let spans = if units.is_none() { runs.iter().map(span).collect() } else { Vec::new() };
        Ok(Self { used, runs, run_of, spans, units })
    }

    /// Cuts units at the joints inside them whose two sides `differ`: a name in small letters is no part of the sentence
    /// behind it (`anna.call`), nor one number of the next (`10115,718`). The sides of a joint, up to the joints next to
    /// it, are given as ranges of `tokens`. A single character before a joint is an initial, and goes with what follows.
    /// The parts of a number in groups are decided by themselves, too, but each grows to all of it, unless the two sides
    /// are two [`Sides::Entities`].
    pub fn part(&mut self, tokens: &[Token], mut differ: impl FnMut(Range<usize>, Range<usize>) -> Sides) {
        let (Used::Units | Used::UnitsJoined, Some(units)) = (self.used, &mut self.units) else { return };
        let long = self.runs.iter().filter(|&&(from, to)| to - from > 2);
        let joint = |at: u32| units.joint(&tokens[at as usize]).map(|numeric| (at as usize, numeric));
        let joints: Vec<(usize, bool)> = long.flat_map(|&(from, to)| (from..to).filter_map(joint)).collect();
        if joints.is_empty() {
            return;
        }
        let mut runs = Vec::with_capacity(self.runs.len() + 2);
        let mut rest = &joints[..];
        for &(from, to) in &self.runs {
            let own = rest.partition_point(|&(at, _)| at < to as usize);
            let (inner, behind) = rest.split_at(own);
            rest = behind;
            let (mut begin, to) = (from as usize, to as usize);
            let mut left = begin;
            // Joints in a row are one.
            let mut groups = inner.chunk_by(|last, next| last.0 + 1 == next.0).peekable();
            while let Some(group) = groups.next() {
                let (joint, numeric) = group[0];
                let right = joint + group.len();
                let end = groups.peek().map_or(to, |next| next[0].0);
                if left == joint || right == to {
                    continue;
                }
                let long = units.is_long(&tokens[left..joint]);
                let sides = if long { differ(left..joint, right..end) } else { Sides::Alike };
                left = right;
                if sides == Sides::Alike {
                    continue;
                }
                runs.extend([(begin as u32, joint as u32), (joint as u32, right as u32)]);
                begin = right;
                if sides == Sides::Entities || !numeric {
                    units.parted.extend([tokens[joint].start as usize, tokens[right - 1].end as usize]);
                }
            }
            runs.push((begin as u32, to as u32));
        }
        units.parted.sort_unstable();
        let numbered = (0..).zip(&runs);
        self.run_of = numbered.flat_map(|(run, &(from, to))| (from..to).map(move |_| run)).collect();
        self.runs = runs;
    }

    /// All tokens of the words to which the tokens of `range` belong.
    #[must_use]
    pub fn tokens(&self, range: Range<usize>) -> Range<usize> {
        let run = |token: usize| self.runs[self.run_of[token] as usize];
        run(range.start).0 as usize..run(range.end - 1).1 as usize
    }

    /// Whether entities grow by the units of the text, whose edges are edges of grapheme clusters.
    #[must_use]
    pub fn by_text(&self) -> bool {
        self.units.is_some()
    }

    /// The characters of the smallest whole words that cover `start..end`, the characters of the tokens of `range`.
    #[must_use]
    pub fn widen(&self, range: Range<usize>, start: i64, end: i64) -> (i64, i64) {
        if let Some(units) = &self.units {
            let (start, end) = units.widen(start.max(0) as usize, end.max(0) as usize);
            return (start as i64, end as i64);
        }
        let first = self.spans[self.run_of[range.start] as usize];
        let last = self.spans[self.run_of[range.end - 1] as usize];
        (start.min(first.0).min(last.0), end.max(first.1).max(last.1))
    }
}
