//! One label a token -> the spans that the labels describe.

use super::{IGNORED, Piece, Span, Subwords, Window, all_pieces};
use crate::error::named;
use crate::labels::{Role, Tagging};
use crate::{Error, Result};

named! {
    /// What becomes of a run of labels that the scheme does not allow.
    pub enum Repair of "repair" {
        /// It is still a span, as conlleval reads it: a token that can't continue a span begins one.
        Conlleval = "conlleval",
        /// It is no span.
        Discard = "discard",
    }
}

/// Reads the labels of one text's windows back into spans. `window` is the number of the first of them.
///
/// Tokens that a window repeats from the one before it are read once. A token with the label [`IGNORED`] is in no
/// span, unless it stands for no text, or goes on with a word for [`Subwords::First`]; those are passed over.
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
                // The rest of a token that begins in the window before.
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
        let legal = tagging.opens(first, behind) && tagging.closes(last, same(tag(at)));
        if legal || repair == Repair::Conlleval {
            out.push(Span { start: all[start].0.start, end: all[at - 1].0.end, kind: first.kind });
        }
    }
    out
}
