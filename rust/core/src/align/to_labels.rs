//! Labelled spans of a text -> one label a token, and which spans do not fit.

use super::{
    IGNORED, Misfit, Piece, Policy, Reason, Solid, Span, Subwords, Window, all_pieces, touched, within,
};
use crate::labels::{Role, Scheme, Tagging};
use crate::{Error, Result};

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
/// [`Error::BadTextSpan`] for a span that does not fit the text, [`Error::NoLabel`] for a label that is not in the
/// set.
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

/// Where the windows of a text lie in it, so that those at a place are found without looking at all windows.
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

    /// Windows whose pieces may share characters with `start..end`.
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
        if let (Some(last), true) = (behind, !scheme.parts_neighbours()) {
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
        // Whether the windows before and after this one have tokens of the span.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
}
