//! Labelled spans of a text -> one label a token, and back; labels of words -> labels of tokens.
//!
//! The plain line is `encoding.char_to_token(start)` for each end of each span, which looks through all tokens each
//! time. Here the tokens of a window are in order, so both ends are found by bisection. Going to a span's end from its
//! start in growing steps, as it is near, gained nothing.

pub mod tokens;

use crate::error::named;
use crate::labels::{Role, Scheme, Tagging};
use crate::text::bits::Bits;
use crate::text::script::is_space;
use crate::{Error, Result};
use std::collections::HashMap;

/// The label of tokens that a loss leaves out.
pub const IGNORED: i64 = -100;

named! {
    /// What becomes of a span whose edge lies inside a token (or inside a word, for [`Subwords::First`]).
    pub enum Policy of "policy" {
        /// It gets no labels; its tokens are ignored, since none of the labels would be true of them.
        Strict = "strict",
        /// It takes in the token.
        Expand = "expand",
        /// It leaves the token out.
        Contract = "contract",
    }
}

named! {
    /// Which tokens of a word have a label.
    pub enum Subwords of "subwords" {
        /// All of them; the scheme runs over tokens.
        All = "all",
        /// The first one; the scheme runs over words.
        First = "first",
    }
}

/// One window of a text. All slices have one entry a token, `offsets` two.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Start and end of each token in characters of the text, in order.
    pub offsets: &'a [i64],
    /// Not 0 for tokens that stand for no text.
    pub special: &'a [u8],
    /// Word of each token, -1 for none.
    pub word_ids: Option<&'a [i64]>,
}

/// A span of a text and its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First character.
    pub start: i64,
    /// Last character, excluded.
    pub end: i64,
    /// Index into [`Tagging::kinds`].
    pub kind: u32,
}

/// Why the labels of a span do not say exactly what the span says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No token covers any of it, or, for [`Policy::Contract`], none lies inside it.
    NoToken,
    /// One of its edges lies inside a token.
    CutsToken,
    /// It shares tokens with a span that comes first: by start, then the longer, then in the caller's order.
    Overlaps,
    /// It reaches past the tokens, which were truncated.
    Truncated,
    /// Characters at its edge have no token, so that its labels stand for less than it.
    Uncovered,
    /// It follows one of its type without a gap, and the scheme can't tell the two apart.
    Joins,
}

impl Reason {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::CutsToken => "cuts-token",
            Self::Overlaps => "overlaps",
            Self::Truncated => "truncated",
            Self::Uncovered => "uncovered",
            Self::Joins => "joins",
        }
    }
}

/// A span that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// Number of the span in its text.
    pub span: usize,
    /// Why.
    pub reason: Reason,
    /// The characters that its labels cover; `None` if it got none.
    pub used: Option<(i64, i64)>,
    /// The span that it overlaps or joins.
    pub other: Option<usize>,
}

/// A token, or a word, as a span is compared with it.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: i64,
    end: i64,
    /// The token that has its label.
    token: usize,
    /// The word it is, for [`Subwords::First`].
    word: i64,
}

/// The pieces of each window. A word that windows share is whole in each of them.
fn all_pieces(windows: &[Window<'_>], subwords: Subwords) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = windows.iter().map(|window| window.pieces(subwords)).collect();
    if subwords == Subwords::First && windows.len() > 1 {
        let mut whole: HashMap<i64, (i64, i64)> = HashMap::new();
        for piece in all.iter().flatten() {
            let word = whole.entry(piece.word).or_insert((piece.start, piece.end));
            *word = (word.0.min(piece.start), word.1.max(piece.end));
        }
        for piece in all.iter_mut().flatten() {
            (piece.start, piece.end) = whole[&piece.word];
        }
    }
    all
}

impl Window<'_> {
    /// Whether its tokens lie in a text of `chars` characters, one behind the other. `number` is the window's own.
    ///
    /// Tokens that stand for no text, and those that cover none of it, may be anywhere.
    ///
    /// # Errors
    /// [`Error::BadOffset`] or [`Error::OffsetOrder`] for the first one that is elsewhere.
    pub fn check(&self, number: usize, chars: Option<usize>) -> Result<()> {
        let limit = chars.map_or(i64::MAX, |chars| chars as i64);
        let mut before = (0, 0);
        for (token, (pair, &special)) in self.offsets.chunks_exact(2).zip(self.special).enumerate() {
            let (start, end) = (pair[0], pair[1]);
            if special != 0 || (start == end && start >= 0) {
                continue;
            }
            if start < 0 || end < start || end > limit {
                return Err(Error::BadOffset { window: number, token, start, end, limit: chars });
            }
            if start < before.0 || end < before.1 {
                return Err(Error::OffsetOrder { window: number, token, start, end, before });
            }
            before = (start, end);
        }
        Ok(())
    }

    fn pieces(&self, subwords: Subwords) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::with_capacity(self.special.len());
        let mut word = -1;
        for (token, (pair, &special)) in self.offsets.chunks_exact(2).zip(self.special).enumerate() {
            let (start, end) = (pair[0], pair[1]);
            if subwords == Subwords::First {
                let own = self.word_ids.map_or(token as i64, |ids| ids[token]);
                let last = std::mem::replace(&mut word, if special == 0 { own } else { -1 });
                if word < 0 {
                    continue;
                }
                if let Some(piece) = out.last_mut()
                    && word == last
                {
                    piece.end = piece.end.max(end);
                    continue;
                }
                out.push(Piece { start, end, token, word });
            } else if special == 0 && end > start {
                out.push(Piece { start, end, token, word });
            }
        }
        if subwords == Subwords::First {
            out.retain(|piece| piece.end > piece.start);
        }
        out
    }
}

/// Pieces that share characters with `start..end`.
fn touched(pieces: &[Piece], start: i64, end: i64) -> std::ops::Range<usize> {
    let from = pieces.partition_point(|piece| piece.end <= start);
    let to = pieces.partition_point(|piece| piece.start < end);
    from..to.max(from)
}

/// Pieces that lie inside `start..end`.
fn within(pieces: &[Piece], start: i64, end: i64) -> std::ops::Range<usize> {
    let from = pieces.partition_point(|piece| piece.start < start);
    let to = pieces.partition_point(|piece| piece.end <= end);
    from..to.max(from)
}

/// Label ids by type and role.
struct Ids<'a> {
    tagging: &'a Tagging,
    outside: Option<u32>,
    of: Vec<[Option<u32>; 5]>,
}

impl<'a> Ids<'a> {
    fn new(tagging: &'a Tagging) -> Self {
        let mut of = vec![[None; 5]; tagging.kinds.len()];
        for (id, tag) in (0..).zip(&tagging.tags) {
            of[tag.kind as usize][tag.role as usize].get_or_insert(id);
        }
        Self { tagging, outside: tagging.label(Role::Outside, 0), of }
    }

    fn missing(&self, what: String) -> Error {
        Error::NoLabel { what, scheme: self.tagging.scheme.name() }
    }

    fn outside(&self) -> Result<i64> {
        self.outside.map(i64::from).ok_or_else(|| self.missing("tokens in no span".into()))
    }

    fn inside(&self, kind: u32, role: Role) -> Result<i64> {
        let place = match role {
            Role::Begin => "the first token",
            Role::End => "the last token",
            Role::Single => "the only token",
            Role::Outside | Role::Inside => "an inner token",
        };
        self.of[kind as usize][role as usize].map(i64::from).ok_or_else(|| {
            self.missing(format!("{place} of a span of type {:?}", self.tagging.kinds[kind as usize]))
        })
    }
}

/// Writes the labels of one text's windows to `labels`, one slice a window; returns the spans that did not fit, in
/// the order of the spans.
///
/// Windows of one text follow each other in it. A span that goes on in the next window goes on in the labels too:
/// only its true first token begins it. Tokens that stand for no text, and those after the first of a word for
/// [`Subwords::First`], are [`IGNORED`], and so are tokens that only spans without labels touch. White space at the
/// edge of a span doesn't matter where `solid` knows it.
///
/// # Errors
/// [`Error::BadTextSpan`] for a span that is none, [`Error::NoLabel`] for a label that is not in the set.
#[expect(clippy::too_many_arguments, reason = "what a text is, what is wanted of it, and where it goes")]
pub fn label_text(
    text: usize,
    windows: &[Window<'_>],
    spans: &[Span],
    solid: Option<&Solid>,
    tagging: &Tagging,
    policy: Policy,
    subwords: Subwords,
    labels: &mut [&mut [i64]],
) -> Result<Vec<Misfit>> {
    if let Some((index, span)) =
        spans.iter().enumerate().find(|(_, span)| span.start < 0 || span.end < span.start)
    {
        return Err(Error::BadTextSpan { text, index, start: span.start, end: span.end });
    }
    let ids = Ids::new(tagging);
    let pieces = all_pieces(windows, subwords);
    let places = Places::of(&pieces);
    let mut misfits = Vec::new();
    let kept = choose(&pieces, &places, spans, solid, policy, tagging.scheme, &mut misfits);
    for (pieces, labels) in pieces.iter().zip(&mut *labels) {
        labels.fill(IGNORED);
        if !pieces.is_empty() {
            let outside = ids.outside()?;
            for piece in pieces {
                labels[piece.token] = outside;
            }
        }
    }
    // An empty span says nothing of the token that it lies in.
    for span in misfits.iter().filter(|misfit| misfit.used.is_none()).map(|misfit| &spans[misfit.span]) {
        for &window in places.touching(span.start, span.end).iter().filter(|_| span.end > span.start) {
            for piece in &pieces[window][touched(&pieces[window], span.start, span.end)] {
                labels[window][piece.token] = IGNORED;
            }
        }
    }
    for (number, (pieces, labels)) in pieces.iter().zip(labels).enumerate() {
        let near = Neighbours { first: number == 0, last: number + 1 == windows.len() };
        write(pieces, &kept, &near, spans, &ids, labels)?;
    }
    misfits.sort_by_key(|misfit| misfit.span);
    Ok(misfits)
}

/// Where the windows of a text lie in it, so that those at a place are found without looking at all.
struct Places {
    /// Windows that have pieces, by their starts.
    windows: Vec<usize>,
    starts: Vec<i64>,
    /// The furthest end of each of them and those before it.
    reach: Vec<i64>,
}

impl Places {
    fn of(pieces: &[Vec<Piece>]) -> Self {
        let bounds = |(window, pieces): (usize, &Vec<Piece>)| {
            let start = pieces.iter().map(|piece| piece.start).min()?;
            let end = pieces.iter().map(|piece| piece.end).max()?;
            Some((start, end, window))
        };
        let mut bounds: Vec<_> = pieces.iter().enumerate().filter_map(bounds).collect();
        bounds.sort_by_key(|&(start, ..)| start);
        let mut furthest = i64::MIN;
        let mut reach = |&(_, end, _): &(i64, i64, usize)| {
            furthest = furthest.max(end);
            furthest
        };
        Self {
            reach: bounds.iter().map(&mut reach).collect(),
            starts: bounds.iter().map(|&(start, ..)| start).collect(),
            windows: bounds.iter().map(|&(.., window)| window).collect(),
        }
    }

    /// Windows of which pieces may share characters with `start..end`.
    fn touching(&self, start: i64, end: i64) -> &[usize] {
        let from = self.reach.partition_point(|&reach| reach <= start);
        let to = self.starts.partition_point(|&first| first < end);
        self.windows.get(from..to).unwrap_or_default()
    }
}

/// A span that gets labels: its number and the characters they cover.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    span: usize,
    start: i64,
    end: i64,
    /// Whether it follows one of its type without a token between them, in whatever window.
    behind_same: bool,
}

/// Which spans get labels, and over which characters, in the order of the text.
fn choose(
    pieces: &[Vec<Piece>],
    places: &Places,
    spans: &[Span],
    solid: Option<&Solid>,
    policy: Policy,
    scheme: Scheme,
    misfits: &mut Vec<Misfit>,
) -> Vec<Kept> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&span| (spans[span].start, -spans[span].end));
    let bounds =
        |pieces: &[Piece]| pieces.first().zip(pieces.last()).map(|(first, last)| (first.start, last.end));
    let all = pieces.iter().filter_map(|pieces| bounds(pieces));
    let all = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let mut kept: Vec<Kept> = Vec::with_capacity(spans.len());
    for number in order {
        let span = &spans[number];
        let mut refuse = |reason, other| misfits.push(Misfit { span: number, reason, used: None, other });
        // What its tokens cover, in all windows that see some of it.
        let cover = |find: fn(&[Piece], i64, i64) -> std::ops::Range<usize>| {
            let seen = places.touching(span.start, span.end).iter().map(|&window| &pieces[window]);
            let parts = seen.filter_map(|pieces| bounds(&pieces[find(pieces, span.start, span.end)]));
            parts.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        };
        let Some(all_of_it) = cover(touched).filter(|_| span.end > span.start) else {
            refuse(Reason::NoToken, None);
            continue;
        };
        let cut = all_of_it.0 < span.start || all_of_it.1 > span.end;
        let used = match policy {
            Policy::Strict if cut => {
                refuse(Reason::CutsToken, None);
                continue;
            }
            Policy::Contract if cut => cover(within),
            Policy::Strict | Policy::Expand | Policy::Contract => Some(all_of_it),
        };
        let Some((start, end)) = used else {
            refuse(Reason::NoToken, None);
            continue;
        };
        if let Some(last) = kept.last()
            && start < last.end
        {
            refuse(Reason::Overlaps, Some(last.span));
            continue;
        }
        let used = Some((start, end));
        // What its labels should cover.
        let wanted = solid.map_or((span.start, span.end), |solid| solid.trim(span.start, span.end));
        if cut {
            misfits.push(Misfit { span: number, reason: Reason::CutsToken, used, other: None });
        } else if all.is_some_and(|(first, last)| wanted.0 < first || wanted.1 > last) {
            misfits.push(Misfit { span: number, reason: Reason::Truncated, used, other: None });
        } else if wanted.0 < start || wanted.1 > end {
            misfits.push(Misfit { span: number, reason: Reason::Uncovered, used, other: None });
        }
        let behind = kept.last().filter(|last| {
            let between = |pieces: &Vec<Piece>| touched(pieces, last.end, start).len();
            let mut near = places.touching(last.end, start).iter().map(|&window| &pieces[window]);
            spans[last.span].kind == span.kind && near.all(|pieces| between(pieces) == 0)
        });
        if let (Some(last), true) = (behind, !scheme.parts_neighbours())
            && misfits.last().is_none_or(|known| known.span != number)
        {
            misfits.push(Misfit { span: number, reason: Reason::Joins, used, other: Some(last.span) });
        }
        let behind_same = behind.is_some();
        kept.push(Kept { span: number, start, end, behind_same });
    }
    kept
}

/// Whether a window is its text's first and last.
struct Neighbours {
    first: bool,
    last: bool,
}

fn write(
    pieces: &[Piece],
    kept: &[Kept],
    near: &Neighbours,
    spans: &[Span],
    ids: &Ids<'_>,
    labels: &mut [i64],
) -> Result<()> {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Ok(()) };
    let scheme = ids.tagging.scheme;
    // Spans with labels in this window.
    let from = kept.partition_point(|kept| kept.end <= first.start);
    let to = kept.partition_point(|kept| kept.start < last.end);
    let all = kept;
    for (at, kept) in (from..).zip(kept.get(from..to).unwrap_or_default()) {
        let range = touched(pieces, kept.start, kept.end);
        let before_same = all.get(at + 1).is_some_and(|next| next.behind_same);
        let kind = spans[kept.span].kind;
        // Tokens of it in the windows before and after this one.
        let earlier = usize::from(!near.first && range.start == 0 && first.start > kept.start);
        let later = usize::from(!near.last && range.end == pieces.len() && last.end < kept.end);
        let tokens = range.len() + earlier + later;
        for (place, piece) in pieces[range].iter().enumerate() {
            let role = scheme.role(place + earlier, tokens, kept.behind_same, before_same);
            labels[piece.token] = ids.inside(kind, role)?;
        }
    }
    Ok(())
}

named! {
    /// What becomes of a run of labels that the scheme does not allow.
    pub enum Repair of "repair" {
        /// It is a span all the same, as conlleval reads it: what does not go on begins.
        Conlleval = "conlleval",
        /// It is no span.
        Discard = "discard",
    }
}

/// Reads the labels of one text's windows, of which the first is number `window`, back into spans.
///
/// What a window repeats of the one before it is read once. A token with the label [`IGNORED`] is in no span, unless it
/// stands for no text, or goes on with a word for [`Subwords::First`]; those are passed over.
///
/// # Errors
/// [`Error::BadLabel`] for an id that is not in the set.
pub fn spans_of_text(
    window: usize,
    windows: &[Window<'_>],
    labels: &[&[i64]],
    tagging: &Tagging,
    repair: Repair,
    subwords: Subwords,
) -> Result<Vec<Span>> {
    let mut all: Vec<(Piece, Option<u32>)> = Vec::new();
    let mut reach = i64::MIN;
    for (number, (pieces, labels)) in all_pieces(windows, subwords).into_iter().zip(labels).enumerate() {
        let known = tagging.tags.len();
        let bad = |&(_, &label): &(usize, &i64)| label != IGNORED && !(0..known as i64).contains(&label);
        if let Some((token, &label)) = labels.iter().enumerate().find(bad) {
            return Err(Error::BadLabel { window: window + number, token, label, known });
        }
        let mut last = reach;
        for piece in pieces {
            if piece.end <= reach {
                continue;
            }
            last = last.max(piece.end);
            match all.last_mut() {
                // The rest of a token that the window before saw the beginning of.
                Some((before, _)) if piece.start < reach => before.end = before.end.max(piece.end),
                _ => all.push((piece, u32::try_from(labels[piece.token]).ok())),
            }
        }
        reach = last;
    }
    Ok(runs(&all, tagging, repair))
}

fn runs(all: &[(Piece, Option<u32>)], tagging: &Tagging, repair: Repair) -> Vec<Span> {
    let tag = |at: usize| {
        let label = all.get(at)?.1?;
        let tag = tagging.tags[label as usize];
        (tag.role != Role::Outside).then_some(tag)
    };
    let mut out = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let Some(first) = tag(at) else {
            at += 1;
            continue;
        };
        let start = at;
        let mut last = first;
        at += 1;
        while let Some(next) = tag(at).filter(|next| next.kind == last.kind && last.role.continues(next.role))
        {
            last = next;
            at += 1;
        }
        let same = |other: Option<crate::labels::Tag>| other.is_some_and(|other| other.kind == first.kind);
        let behind = same(start.checked_sub(1).and_then(tag));
        let legal =
            tagging.scheme.opens(first.role, behind) && tagging.scheme.closes(last.role, same(tag(at)));
        if legal || repair == Repair::Conlleval {
            out.push(Span { start: all[start].0.start, end: all[at - 1].0.end, kind: first.kind });
        }
    }
    out
}

/// The characters of a text that are not white space, read once for all that is asked of them.
#[derive(Debug, Clone)]
pub struct Solid {
    bits: Bits,
    chars: i64,
}

impl Solid {
    /// Of a text of `chars` characters.
    #[must_use]
    pub fn new(text: &str, chars: usize) -> Self {
        let mut bits = Bits::new(chars);
        for (at, c) in text.chars().enumerate() {
            if !is_space(c) {
                bits.set(at);
            }
        }
        bits.set(chars);
        Self { bits: bits.counted(chars), chars: chars as i64 }
    }

    /// `start..end` without the white space at its edges; as it is where it holds nothing else, or lies outside the
    /// text.
    #[must_use]
    pub fn trim(&self, start: i64, end: i64) -> (i64, i64) {
        if start < 0 || end <= start || end > self.chars {
            return (start, end);
        }
        let first = self.bits.at_or_after(start as usize) as i64;
        if first >= end {
            return (start, end);
        }
        (first, self.bits.at_or_before(end as usize - 1) as i64 + 1)
    }

    /// Takes white space at the edges of tokens out of them: byte-level tokenizers count the space before a word into
    /// its first token.
    pub fn trim_all(&self, offsets: &mut [i64]) {
        for pair in offsets.chunks_exact_mut(2) {
            (pair[0], pair[1]) = self.trim(pair[0], pair[1]);
        }
    }
}

/// Carries labels from words to tokens, window by window: `labels` gets, for each token, the label of its word.
///
/// A token of no word, -1, is [`IGNORED`]. Of a word's tokens the first in a row has its label; the others are
/// [`IGNORED`] for [`Subwords::First`], else they have the label too, or, with `inside`, `inside[label]`.
/// Source: `tokenize_and_align_labels` of the Hugging Face course, whose `label + 1` for odd labels is one `inside`.
///
/// # Errors
/// [`Error::BadWord`] for a word without a label, [`Error::BadLabel`] for a label that `inside` lacks.
pub fn align_labels(
    window: usize,
    word_labels: &[i64],
    word_ids: &[i64],
    subwords: Subwords,
    inside: Option<&[i64]>,
    labels: &mut [i64],
) -> Result<()> {
    let mut last = -1;
    for (token, (&word, out)) in word_ids.iter().zip(labels).enumerate() {
        let goes_on = word == last;
        last = word;
        if word < 0 {
            *out = IGNORED;
            continue;
        }
        let label = usize::try_from(word).ok().and_then(|word| word_labels.get(word));
        let Some(&label) = label else {
            return Err(Error::BadWord { window, token, word, words: word_labels.len() });
        };
        *out = match (goes_on, subwords, inside) {
            (false, ..) | (true, Subwords::All, None) => label,
            (true, Subwords::First, _) => IGNORED,
            (true, Subwords::All, Some(_)) if label == IGNORED => IGNORED,
            (true, Subwords::All, Some(inside)) => *usize::try_from(label)
                .ok()
                .and_then(|label| inside.get(label))
                .ok_or(Error::BadLabel { window, token, label, known: inside.len() })?,
        };
    }
    Ok(())
}

/// For each label, the one that goes on with its entity in a next token: that of the inner role where there is one.
#[must_use]
pub fn inside_labels(tagging: &Tagging) -> Vec<i64> {
    let goes_on = |(id, tag): (i64, &crate::labels::Tag)| match tag.role {
        Role::Begin => tagging.label(Role::Inside, tag.kind).map_or(id, i64::from),
        _ => id,
    };
    (0..).zip(&tagging.tags).map(goes_on).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::SCHEMES;
    use proptest::prelude::*;

    fn tagging(scheme: Scheme) -> Tagging {
        Tagging::new(&scheme.names(&["PER", "LOC"]), Some(scheme)).unwrap()
    }

    fn kind(tagging: &Tagging, name: &str) -> u32 {
        tagging.kinds.iter().position(|kind| kind == name).unwrap() as u32
    }

    proptest! {
        /// Spans over whole tokens come back, whatever the scheme and the windows.
        #[test]
        fn spans_come_back(
            scheme in prop::sample::select(&SCHEMES),
            widths in prop::collection::vec((0_i64..3, 1_i64..4), 1..24),
            groups in prop::collection::vec((1_usize..4, 0_usize..3, prop::bool::ANY), 1..12),
            most in 3_usize..9, stride in 0_usize..3, by_word in prop::bool::ANY,
        ) {
            // Tokens with gaps before them; every third token goes on with a word.
            let mut offsets = Vec::new();
            let mut word_ids = Vec::new();
            let mut at = 0;
            for (token, &(gap, width)) in widths.iter().enumerate() {
                offsets.extend([at + gap, at + gap + width]);
                at += gap + width;
                word_ids.push(if token % 3 == 2 { token as i64 - 1 } else { token as i64 });
            }
            let subwords = if by_word { Subwords::First } else { Subwords::All };
            let tagging = tagging(scheme);
            let tokens = widths.len();
            let opens: Vec<usize> = (0..tokens).filter(|token| !by_word || token % 3 != 2).collect();
            let mut spans: Vec<Span> = Vec::new();
            let mut next = 0;
            for &(length, gap, person) in &groups {
                // In schemes that can't tell neighbours apart there are none.
                let gap = if scheme.parts_neighbours() { gap } else { gap.max(1) };
                let (first, stop) = (next + gap, next + gap + length);
                if stop > opens.len() {
                    break;
                }
                let last = opens.get(stop).copied().unwrap_or(tokens) - 1;
                let kind = kind(&tagging, if person { "PER" } else { "LOC" });
                spans.push(Span { start: offsets[2 * opens[first]], end: offsets[2 * last + 1], kind });
                next = stop;
            }
            // One window, or several that share tokens.
            let step = most - stride;
            let mut ranges = vec![(0, tokens.min(most))];
            while ranges[ranges.len() - 1].1 < tokens {
                let start = ranges[ranges.len() - 1].0 + step;
                ranges.push((start, tokens.min(start + most)));
            }
            for ranges in [vec![(0, tokens)], ranges] {
                let special = vec![0; tokens];
                let windows: Vec<Window<'_>> = ranges.iter().map(|&(from, to)| Window {
                    offsets: &offsets[2 * from..2 * to],
                    special: &special[from..to],
                    word_ids: Some(&word_ids[from..to]),
                }).collect();
                let mut made: Vec<Vec<i64>> = ranges.iter().map(|(from, to)| vec![0; to - from]).collect();
                let mut rows: Vec<&mut [i64]> = made.iter_mut().map(Vec::as_mut_slice).collect();
                let misfits =
                    label_text(0, &windows, &spans, None, &tagging, Policy::Strict, subwords, &mut rows).unwrap();
                prop_assert_eq!(&misfits, &[]);
                let rows: Vec<&[i64]> = made.iter().map(Vec::as_slice).collect();
                let back = spans_of_text(0, &windows, &rows, &tagging, Repair::Discard, subwords).unwrap();
                prop_assert_eq!(&back, &spans, "{:?} {:?}", scheme, made);
            }
        }
    }

    proptest! {
        /// The plain twin looks at all windows for each span.
        #[test]
        fn windows_at_a_place_are_all_that_count(
            starts in prop::collection::vec((0_i64..60, 1_usize..12, 0_i64..3), 1..8),
            spans in prop::collection::vec((0_i64..80, 0_i64..12, 0_u32..2), 0..20),
            policy in prop::sample::select(&[Policy::Strict, Policy::Expand, Policy::Contract]),
        ) {
            let piece = |at: usize, start: i64, gap: i64| {
                let start = start + at as i64 * (2 + gap);
                Piece { start, end: start + 2, token: at, word: -1 }
            };
            let pieces: Vec<Vec<Piece>> = starts
                .iter()
                .map(|&(start, tokens, gap)| (0..tokens).map(|at| piece(at, start, gap)).collect())
                .collect();
            let spans: Vec<Span> =
                spans.iter().map(|&(start, length, kind)| Span { start, end: start + length, kind }).collect();
            let all = Places {
                windows: (0..pieces.len()).collect(),
                starts: vec![i64::MIN; pieces.len()],
                reach: vec![i64::MAX; pieces.len()],
            };
            for scheme in [Scheme::Iob2, Scheme::Io] {
                let (mut found, mut want) = (Vec::new(), Vec::new());
                let kept = choose(&pieces, &Places::of(&pieces), &spans, None, policy, scheme, &mut found);
                prop_assert_eq!(kept, choose(&pieces, &all, &spans, None, policy, scheme, &mut want));
                prop_assert_eq!(found, want);
            }
        }
    }

    #[test]
    fn tokens_out_of_order_are_refused() {
        let check = |offsets: &[i64], chars| {
            let special = vec![0; offsets.len() / 2];
            Window { offsets, special: &special, word_ids: None }.check(3, chars)
        };
        assert_eq!(check(&[0, 3, 3, 3, 2, 4, 9, 9, 4, 8], Some(8)), Ok(()));
        let order =
            |token, start, end, before| Err(Error::OffsetOrder { window: 3, token, start, end, before });
        assert_eq!(check(&[6, 7, 4, 5], None), order(1, 4, 5, (6, 7)));
        assert_eq!(check(&[0, 5, 1, 2], None), order(1, 1, 2, (0, 5)));
        let bad = |start, end, limit| Err(Error::BadOffset { window: 3, token: 0, start, end, limit });
        assert_eq!(check(&[6, 5], None), bad(6, 5, None));
        assert_eq!(check(&[-2, -2], None), bad(-2, -2, None));
        assert_eq!(check(&[2, 9], Some(8)), bad(2, 9, Some(8)));
    }

    fn labelled(spans: &[(i64, i64)], policy: Policy) -> (Vec<i64>, Vec<Misfit>) {
        // "New York", then a token of five characters, then one more.
        let offsets = [0, 0, 0, 3, 4, 8, 8, 13, 14, 15];
        let window = Window { offsets: &offsets, special: &[1, 0, 0, 0, 0], word_ids: None };
        let tagging = tagging(Scheme::Iob2);
        let kind = kind(&tagging, "LOC");
        let spans: Vec<Span> = spans.iter().map(|&(start, end)| Span { start, end, kind }).collect();
        let mut labels = [0; 5];
        let misfits =
            label_text(0, &[window], &spans, None, &tagging, policy, Subwords::All, &mut [&mut labels])
                .unwrap();
        (labels.to_vec(), misfits)
    }

    #[test]
    fn misfits_say_why() {
        let misfit = |span, reason, used, other| Misfit { span, reason, used, other };
        for (spans, policy, labels, misfits) in [
            (&[(0, 8)][..], Policy::Strict, [-100, 2, 4, 0, 0], vec![]),
            (
                &[(0, 9)],
                Policy::Strict,
                [-100, -100, -100, -100, 0],
                vec![misfit(0, Reason::CutsToken, None, None)],
            ),
            (
                &[(0, 9)],
                Policy::Expand,
                [-100, 2, 4, 4, 0],
                vec![misfit(0, Reason::CutsToken, Some((0, 13)), None)],
            ),
            (
                &[(0, 9)],
                Policy::Contract,
                [-100, 2, 4, 0, 0],
                vec![misfit(0, Reason::CutsToken, Some((0, 8)), None)],
            ),
            (
                &[(9, 10)],
                Policy::Contract,
                [-100, 0, 0, -100, 0],
                vec![misfit(0, Reason::NoToken, None, None)],
            ),
            (&[(3, 4)], Policy::Expand, [-100, 0, 0, 0, 0], vec![misfit(0, Reason::NoToken, None, None)]),
            // An empty span has no token of its own, also where it lies inside one.
            (&[(1, 1)], Policy::Strict, [-100, 0, 0, 0, 0], vec![misfit(0, Reason::NoToken, None, None)]),
            (
                &[(3, 8)],
                Policy::Strict,
                [-100, 0, 2, 0, 0],
                vec![misfit(0, Reason::Uncovered, Some((4, 8)), None)],
            ),
            (
                &[(4, 8), (0, 8)],
                Policy::Strict,
                [-100, 2, 4, 0, 0],
                vec![misfit(0, Reason::Overlaps, None, Some(1))],
            ),
            (
                &[(3, 9), (0, 3)],
                Policy::Expand,
                [-100, 2, 2, 4, 0],
                vec![misfit(0, Reason::CutsToken, Some((4, 13)), None)],
            ),
            (
                &[(14, 20)],
                Policy::Strict,
                [-100, 0, 0, 0, 2],
                vec![misfit(0, Reason::Truncated, Some((14, 15)), None)],
            ),
            (
                &[(0, 4), (4, 9)],
                Policy::Strict,
                [-100, 2, -100, -100, 0],
                vec![
                    misfit(0, Reason::Uncovered, Some((0, 3)), None),
                    misfit(1, Reason::CutsToken, None, None),
                ],
            ),
        ] {
            assert_eq!(labelled(spans, policy), (labels.to_vec(), misfits), "{spans:?} {policy:?}");
        }
    }

    #[test]
    fn word_labels_are_carried() {
        let words = [3, 0, 7];
        for (subwords, inside, want) in [
            (Subwords::All, None, [-100, 3, 3, 0, 7, -100, 7]),
            (Subwords::First, None, [-100, 3, -100, 0, 7, -100, 7]),
            (Subwords::All, Some(&[0, 2, 2, 4, 4, 6, 6, 8][..]), [-100, 3, 4, 0, 7, -100, 7]),
        ] {
            let mut out = [0; 7];
            align_labels(0, &words, &[-1, 0, 0, 1, 2, -1, 2], subwords, inside, &mut out).unwrap();
            assert_eq!(out, want);
        }
        let error = align_labels(2, &words, &[0, 3], Subwords::All, None, &mut [0; 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`word_ids[2][1]` is 3 but `word_labels[2]` has 3 labels; pass one label per word"
        );
    }
}
