//! The windows of a text, put together as if one window had held it all.
//!
//! Windows overlap, and a token near a window's edge was seen with only half of its surroundings. So each token is
//! decided by the window in which it has most context, or by the mean of all its windows, before anything is decoded.
//! An entity across a border is then one entity, and no rule about entities that overlap is needed.

use crate::batch::Window;
use crate::entities::cut::Cut;
use crate::error::named;
use crate::text::chars::CharIndex;
use crate::text::script::is_space;
use std::borrow::Cow;

named! {
    /// How the windows of a text become one.
    pub enum Merge of "window_merge" {
        /// Each token is decided by the window in which it is farthest from a cut edge; ties to the earlier one.
        Context = "context",
        /// By the mean of its windows' log-probabilities.
        Average = "average",
        /// Windows are decoded apart, and also put together as `Context` does; a character that any of these has in an
        /// entity is in one.
        Union = "union",
        /// Windows are decoded apart; of entities that overlap the longer one is kept.
        Transformers = "transformers",
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

/// The tokens of a text and the values that decide them.
#[derive(Debug)]
pub struct Stitched<'a> {
    /// The tokens, special ones left out.
    pub tokens: Vec<Token>,
    /// Rows of one value a label.
    pub values: Cow<'a, [f32]>,
    /// The row of each token.
    pub rows: Vec<u32>,
    /// On which sides the text goes on in windows that are not here.
    pub cut: Cut,
}

impl Stitched<'_> {
    /// The same without the tokens that cover nothing: these can't be in an entity, and two windows may each have
    /// their own. `None` if each token covers something.
    ///
    /// Such a token at the space in front of the next token, or right after that space, is the space: a byte-level
    /// tokenizer has made a token of a space, and trimmed the space off its offsets. It may hold the label that begins
    /// an entity, so it stays and covers the space. If there is no space, as at the start of a text, the tokenizer has
    /// made it up (`add_prefix_space`). The token then covers the first character of the next token under two
    /// conditions: the two belong to one word, or stand at the start of a text whose words nobody knows; and `begins`,
    /// given their rows and whether they are known to be one word, says that it may begin an entity.
    #[must_use]
    pub fn covering(
        &self,
        text: Option<&CharIndex<'_>>,
        begins: impl Fn(u32, u32, bool) -> bool,
    ) -> Option<Stitched<'_>> {
        let covers = |token: &Token| token.start < token.end;
        if self.tokens.iter().all(covers) {
            return None;
        }
        let is_space =
            |at: i64| text.is_some_and(|text| text.slice(at as usize, at as usize + 1).starts_with(is_space));
        let mut next: Option<i64> = None;
        let mut kept: Vec<(Token, u32)> = Vec::with_capacity(self.tokens.len());
        for (at, (&token, &row)) in self.tokens.iter().zip(&self.rows).enumerate().rev() {
            if covers(&token) {
                next = Some(token.start);
                kept.push((token, row));
                continue;
            }
            let before = at.checked_sub(1).map_or(0, |before| self.tokens[before].end);
            let space = next.map(|next| next - 1).filter(|&space| {
                let at = token.start;
                // Of two spaces, the one that begins a window stands a character further to the left.
                let is_second = at == space - 1 && before <= at && is_space(at);
                before <= space && is_space(space) && (is_second || (space..=space + 1).contains(&at))
            });
            if let Some(start) = space {
                next = space;
                kept.push((Token { start, end: start + 1, ..token }, row));
                continue;
            }
            let of_next = kept.last().is_some_and(|&(follows, of)| {
                let known = token.word >= 0 || follows.word >= 0;
                let same = if known { token.word == follows.word } else { token.start == 0 };
                token.start == follows.start && before <= token.start && same && begins(row, of, known)
            });
            if of_next && text.is_some() {
                kept.push((Token { end: token.start + 1, ..token }, row));
            }
        }
        let (tokens, rows) = kept.into_iter().rev().unzip();
        Some(Stitched { tokens, values: Cow::Borrowed(&self.values), rows, cut: self.cut })
    }
}

/// One window of a text with its tokens, special ones left out.
#[derive(Debug, Clone)]
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
    ///
    /// After a special token that is written out in a text, a byte-level tokenizer adds a space, and trims it off the
    /// offsets as if it were in the text. So the next token starts one character too late, and a token of one
    /// character covers nothing, though it has its place in a window that begins there. This function gives the
    /// character back.
    #[must_use]
    pub fn new(
        window: &'a Window<'a>,
        number: usize,
        kept: &[u32],
        opens: Option<&[bool]>,
        text: Option<&CharIndex<'_>>,
    ) -> Self {
        let mut space = Vec::new();
        let borrowed = match window.logits {
            crate::math::logits::Values::F32(values) => Some(values),
            other => {
                other.widen(&mut space);
                None
            }
        };
        let tokens = kept.iter().enumerate().map(|(place, &token)| {
            let (mut start, end) = window.span(token as usize);
            if start == end
                && start > 0
                && token > 0
                && window.span(token as usize - 1).0 < start - 1
                && window.span(token as usize - 1).1 == start - 1
                && text
                    .is_some_and(|text| !text.slice(start as usize - 1, start as usize).starts_with(is_space))
            {
                start -= 1;
            }
            let opens = opens.is_some_and(|opens| opens[place]);
            Token { start, opens, ..self::token(window, number, token) }
        });
        let tokens = tokens.collect();
        Self { window, values: borrowed.map_or(Cow::Owned(space), Cow::Borrowed), tokens }
    }

    /// Only its tokens.
    #[must_use]
    pub fn without_values(&self) -> Self {
        Self { window: self.window, values: Cow::Borrowed(&[]), tokens: self.tokens.clone() }
    }

    /// The first character that its tokens cover, and the last one, excluded.
    pub(super) fn chars(&self) -> (i64, i64) {
        let covering = self.tokens.iter().filter(|token| token.start < token.end);
        covering
            .fold((i64::MAX, i64::MIN), |(start, end), token| (start.min(token.start), end.max(token.end)))
    }

    /// Where it begins in the text: at the first character that it covers, or, if its first tokens are trimmed spaces that
    /// end there or are all that it has, where the first of them stands.
    fn place(&self) -> i64 {
        let start = self.chars().0;
        let spaces = self.tokens.iter().take_while(|token| token.start == token.end).count();
        let Some(first) = self.tokens.first().filter(|_| spaces > 0) else { return start };
        // The first one may stand one character further to the left than it is.
        let near = start == i64::MAX || (first.start <= start && first.start + spaces as i64 + 1 >= start);
        if near { first.start } else { start }
    }

    fn row(&self, token: u32, columns: usize) -> &[f32] {
        &self.values[token as usize * columns..][..columns]
    }
}

/// Token `token` of a window, which is number `number` of its text, as it is.
pub(super) fn token(window: &Window<'_>, number: usize, token: u32) -> Token {
    let (start, end) = window.span(token as usize);
    let word = window.words.map_or(-1, |words| words.get(token as usize));
    Token { start, end, word, index: i64::from(token), opens: false, origin: (number as u32, token) }
}

/// One window as it is.
#[must_use]
pub fn single(part: Part<'_>, cut: Cut) -> Stitched<'_> {
    let rows = part.tokens.iter().map(|token| token.origin.1).collect();
    Stitched { tokens: part.tokens, values: part.values, rows, cut }
}

/// The tokens of a text that one of its windows holds.
struct Run {
    part: usize,
    /// Place of the first of them in the window.
    place: usize,
    /// First of them, and the last one, excluded.
    from: usize,
    to: usize,
    /// The largest `to` of this run and those before it.
    farthest: usize,
}

/// The text so far.
#[derive(Default)]
struct Joined {
    tokens: Vec<Token>,
    /// Tokens between each token and the nearest cut edge of the window that decides it.
    contexts: Vec<usize>,
    /// The window that decides each token.
    owners: Vec<usize>,
    runs: Vec<Run>,
    /// The run that reaches farthest, and the last character it covers, excluded.
    reach: (usize, i64),
}

/// Puts the windows of a text together, in the order in which they start in it.
///
/// The tokens at the end of one window and at the start of the next are the same if they end alike (and their ids are,
/// where there are any), the longest such overlap counts; so are those of a window inside another one. Windows that
/// overlap in characters and share no tokens, as they do where each was tokenized by itself, are cut in the middle of
/// what they share; one that lies inside another one then and has other tokens is left out. Linear in the tokens.
#[must_use]
pub fn stitch(mut parts: Vec<Part<'_>>, columns: usize, merge: Merge) -> Stitched<'_> {
    parts.retain(|part| !part.tokens.is_empty());
    if parts.len() <= 1 {
        return parts.pop().map_or_else(
            || Stitched {
                tokens: Vec::new(),
                values: Cow::Borrowed(&[]),
                rows: Vec::new(),
                cut: Cut::default(),
            },
            |part| single(part, Cut::default()),
        );
    }
    // Windows can start in one place, between the bytes of a character; the one with more of these comes first.
    parts.sort_by_cached_key(|part| {
        let start = part.chars().0;
        let leading = part.tokens.iter().take_while(|token| token.start <= start).count();
        (part.place(), std::cmp::Reverse(leading))
    });
    let first = parts.iter().map(|part| part.chars().0).min().unwrap_or(0);
    let last = parts.iter().map(|part| part.chars().1).max().unwrap_or(0);
    let mut text = Joined::default();
    for number in 0..parts.len() {
        text.push(&parts, number, (first, last));
    }
    let mut values = Vec::with_capacity(text.tokens.len() * columns);
    for (token, &owner) in text.tokens.iter().zip(&text.owners) {
        values.extend_from_slice(parts[owner].row(token.origin.1, columns));
    }
    if merge == Merge::Average {
        average(&parts, &text.runs, &mut values, columns);
    }
    let rows = (0..text.tokens.len() as u32).collect();
    Stitched { tokens: text.tokens, values: Cow::Owned(values), rows, cut: Cut::default() }
}

impl Joined {
    /// Takes the tokens of `parts[number]`, which starts no earlier than those before it. `text` is what all cover.
    fn push(&mut self, parts: &[Part<'_>], number: usize, text: (i64, i64)) {
        let part = &parts[number];
        let (start, end) = part.chars();
        let (mut from, mut place) = (self.tokens.len(), 0);
        if let Some(shared) = self.find(parts, part).or_else(|| self.find_spaces(parts, part)) {
            from = shared;
        } else if start < self.reach.1 && self.last_start().is_some_and(|last| start < last) {
            if end <= self.reach.1 {
                return;
            }
            self.cut(i64::midpoint(start, self.reach.1), start);
            from = self.tokens.len();
            let last = self.tokens[from - 1].end;
            place = part.tokens.iter().take_while(|token| token.start < last && token.end <= last).count();
        }
        let (cut_before, cut_behind) = (start > text.0, end < text.1);
        let before = self.tokens.len();
        for (row, token) in part.tokens.iter().enumerate().skip(place) {
            let left = if cut_before { row } else { usize::MAX };
            let right = if cut_behind { part.tokens.len() - 1 - row } else { usize::MAX };
            let context = left.min(right);
            let at = from + row - place;
            if at == self.tokens.len() {
                let index = self.tokens.first().map_or(token.index, |first| first.index + at as i64);
                let index = if self.runs.is_empty() { token.index } else { index };
                self.tokens.push(Token { index, ..*token });
                self.contexts.push(context);
                self.owners.push(number);
            } else if context > self.contexts[at] {
                self.tokens[at].origin = token.origin;
                (self.contexts[at], self.owners[at]) = (context, number);
            }
        }
        let to = from + part.tokens.len() - place;
        let farthest = self.runs.last().map_or(to, |run| run.farthest.max(to));
        self.runs.push(Run { part: number, place, from, to, farthest });
        if self.tokens.len() > before {
            self.reach = (self.runs.len() - 1, end.max(self.reach.1));
        }
    }

    /// Where the last token starts. A window that starts no earlier shares no token with the text, unless the two hold
    /// bytes of one character.
    fn last_start(&self) -> Option<i64> {
        self.tokens.iter().rev().find(|token| token.start < token.end).map(|token| token.start)
    }

    /// Where the tokens of `next` begin among those up to the end of the window that reaches farthest, if they share any.
    ///
    /// Source: Knuth, Morris and Pratt, Fast Pattern Matching in Strings (1977).
    fn find(&self, parts: &[Part<'_>], next: &Part<'_>) -> Option<usize> {
        let run = self.runs.get(self.reach.0)?;
        let id = |part: &Part<'_>, token: &Token| part.window.ids.map(|ids| ids.get(token.origin.1 as usize));
        // Byte-level tokenizers leave the space before a window's first token in its offsets, and trim all others:
        // where a token starts does not count, nor where one that covers nothing stands.
        let end = |token: &Token| if token.start < token.end { token.end } else { -1 };
        let key = |part: &Part<'_>, token: &Token| (end(token), id(part, token));
        let pattern: Vec<_> = next.tokens.iter().map(|token| key(next, token)).collect();
        // For each prefix of the pattern, the longest shorter prefix that it ends with.
        let mut shorter = vec![0; pattern.len()];
        let step = |shorter: &[usize], mut held: usize, token: &(i64, Option<i64>)| {
            while held > 0 && pattern[held] != *token {
                held = shorter[held - 1];
            }
            held + usize::from(pattern[held] == *token)
        };
        for at in 1..pattern.len() {
            shorter[at] = step(&shorter, shorter[at - 1], &pattern[at]);
        }
        let mut held = 0;
        // The overlap may begin before the run: at a cut, or where windows begin and end between bytes of one character.
        let mut at = run.from.min(run.to.saturating_sub(2 * pattern.len()));
        while at < run.to && held < pattern.len() {
            held = step(&shorter, held, &key(&parts[self.owners[at]], &self.tokens[at]));
            at += 1;
        }
        // Tokens that cover nothing are alike everywhere.
        next.tokens[..held].iter().any(|token| token.start < token.end).then(|| at - held)
    }

    /// The same if they share nothing but tokens of spaces, trimmed off their offsets: each stands where its space ends,
    /// but for the first of a window, which may stand one character further to the left. So the second one tells; if it
    /// is not shared, the first one does where it stands further to the left than the last one of the text, or where the
    /// second one leaves no room for another space.
    fn find_spaces(&self, parts: &[Part<'_>], next: &Part<'_>) -> Option<usize> {
        let &[first, second, ..] = &next.tokens[..] else { return None };
        let is_bare = |token: &Token| token.start == token.end;
        let same = |at: usize, token: &Token| {
            let held = &self.tokens[at];
            let id =
                |part: &Part<'_>, token: &Token| part.window.ids.map(|ids| ids.get(token.origin.1 as usize));
            is_bare(held) && is_bare(token) && id(&parts[self.owners[at]], held) == id(next, token)
        };
        let bare = self.tokens.iter().rev().take_while(|token| is_bare(token));
        let tail = bare.take(next.tokens.len()).count();
        let from = self.tokens.len() - tail;
        let stands_there = |token: &Token| is_bare(&second) && token.start == second.start;
        if let Some(at) = self.tokens[from..].iter().position(stands_there) {
            let (at, shared) = (from + at, (from + at).checked_sub(1)?);
            let stands = (first.start..=first.start + 1).contains(&self.tokens[shared].start);
            return (stands
                && self.tokens[shared].start < second.start
                && same(at, &second)
                && same(shared, &first))
            .then_some(shared);
        }
        let last = self.tokens.len().checked_sub(1)?;
        let place = self.tokens[last].start;
        let near = first.start == place && second.start == place + i64::from(is_bare(&second));
        ((near || first.start == place - 1) && second.start >= place && same(last, &first)).then_some(last)
    }

    /// Drops the tokens at the end of the text that reach over `middle`; one stays, and so do those that hold characters
    /// before `start`, which no later window has.
    fn cut(&mut self, middle: i64, start: i64) {
        let stays = |token: &Token| token.start < token.end && (token.end <= middle || token.start < start);
        while self.tokens.len() > 1 && !self.tokens.last().is_some_and(stays) {
            self.tokens.pop();
        }
        let kept = self.tokens.len();
        self.contexts.truncate(kept);
        self.owners.truncate(kept);
        for run in self.runs.iter_mut().rev().take_while(|run| run.farthest > kept) {
            run.farthest = kept;
            (run.from, run.to) = (run.from.min(kept), run.to.min(kept));
        }
    }
}

/// Replaces the rows by the means of the log-probabilities of all windows that hold their token.
fn average(parts: &[Part<'_>], runs: &[Run], values: &mut [f32], columns: usize) {
    let mut counts = vec![0_u32; values.len() / columns];
    values.fill(0.0);
    for run in runs {
        for at in run.from..run.to {
            counts[at] += 1;
            let part = &parts[run.part];
            let row = part.row(part.tokens[run.place + at - run.from].origin.1, columns);
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            // A row without a most probable label stays as it is, to be refused by name.
            let shift = if top.is_finite() { top + crate::math::exps::exp_sum(row, top).ln() } else { 0.0 };
            for (value, logit) in values[at * columns..][..columns].iter_mut().zip(row) {
                *value += logit - shift;
            }
        }
    }
    for (row, count) in values.chunks_exact_mut(columns).zip(counts) {
        for value in row {
            *value /= count as f32;
        }
    }
}
