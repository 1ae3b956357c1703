//! Kinds of errors: which predicted entity answers which true one, and what is wrong with it.
//!
//! The kinds are those of MUC-5 (Chinchor and Sundheim, 1993) as SemEval-2013 task 9 split them by boundary and type.
//! There an entity may be counted in several pairs; here each is in one at most, so that the kinds add up to the
//! entities of each side.

use super::spans::{Span, SpanPairs};
use std::cmp::Reverse;

/// What a pair of entities is, or an entity that has no partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Same span, same label.
    Correct,
    /// Same span, another label.
    Label,
    /// They overlap, same label.
    Boundary,
    /// They overlap, another label.
    Both,
    /// A true entity that no prediction is left for.
    Missed,
    /// A predicted entity that no true one is left for.
    Spurious,
}

/// A true entity, the predicted one that answers it, or one of them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// What it is.
    pub kind: Kind,
    /// The true entity.
    pub truth: Option<Span>,
    /// The predicted one.
    pub guess: Option<Span>,
}

impl SpanPairs {
    /// Every entity of both sides in exactly one pair, ordered by text and place.
    ///
    /// Pairs are made in the order of the kinds. Among those of one kind the larger overlap goes first, then the true
    /// entity that stands first, then the predicted one; of one span, the label that sorts first. Time and space
    /// grow with the entities, and with the pairs of one text that overlap without being equal.
    #[must_use]
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::with_capacity(self.truth().len() + self.guess().len() / 8);
        let (mut truth, mut guess) = (self.truth(), self.guess());
        while let Some(text) =
            [truth.first(), guess.first()].into_iter().flatten().map(|span| span.text).min()
        {
            let of_text = |spans: &[Span]| spans.partition_point(|span| span.text == text);
            let (true_spans, guesses) = (truth.split_at(of_text(truth)), guess.split_at(of_text(guess)));
            pair_text(true_spans.0, guesses.0, &mut pairs);
            (truth, guess) = (true_spans.1, guesses.1);
        }
        pairs
    }
}

/// Pairs of one text; both sides are sorted.
fn pair_text(truth: &[Span], guess: &[Span], pairs: &mut Vec<Pair>) {
    let before = pairs.len();
    let mut join = |kind, truth: Option<Span>, guess: Option<Span>| pairs.push(Pair { kind, truth, guess });
    let (truth, guess) = join_equal(truth, guess, |span| *span, |t, g| join(Kind::Correct, Some(t), Some(g)));
    let (truth, guess) =
        join_equal(&truth, &guess, |span| (span.start, span.end), |t, g| join(Kind::Label, Some(t), Some(g)));
    let mut candidates = overlaps(&truth, &guess);
    candidates.sort_unstable();
    let (mut taken, mut used) = (vec![false; truth.len()], vec![false; guess.len()]);
    for (kind, _, t, g) in candidates {
        if !taken[t] && !used[g] {
            (taken[t], used[g]) = (true, true);
            join(kind, Some(truth[t]), Some(guess[g]));
        }
    }
    for (span, _) in truth.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        join(Kind::Missed, Some(*span), None);
    }
    for (span, _) in guess.iter().zip(&used).filter(|(_, used)| !**used) {
        join(Kind::Spurious, None, Some(*span));
    }
    pairs[before..].sort_unstable_by_key(|pair| (pair.truth.or(pair.guess), pair.kind));
}

/// Joins spans of equal keys one to one; both sides are sorted by it. Returns what is left of each.
fn join_equal<K: Ord>(
    truth: &[Span],
    guess: &[Span],
    key: impl Fn(&Span) -> K,
    mut join: impl FnMut(Span, Span),
) -> (Vec<Span>, Vec<Span>) {
    let (mut missed, mut spurious) = (Vec::new(), Vec::new());
    let mut guesses = guess.iter().peekable();
    for span in truth {
        while let Some(early) = guesses.next_if(|guess| key(guess) < key(span)) {
            spurious.push(*early);
        }
        match guesses.next_if(|guess| key(guess) == key(span)) {
            Some(guess) => join(*span, *guess),
            None => missed.push(*span),
        }
    }
    spurious.extend(guesses);
    (missed, spurious)
}

/// Pairs that overlap: kind, larger overlaps first, places of both.
fn overlaps(truth: &[Span], guess: &[Span]) -> Vec<(Kind, Reverse<i64>, usize, usize)> {
    // The furthest end up to each prediction: those before the first that reaches into a span can be skipped.
    let reach: Vec<i64> = guess
        .iter()
        .scan(i64::MIN, |most, span| {
            *most = span.end.max(*most);
            Some(*most)
        })
        .collect();
    let mut found = Vec::new();
    let mut first = 0;
    for (t, span) in truth.iter().enumerate() {
        while first < guess.len() && reach[first] <= span.start {
            first += 1;
        }
        for (g, other) in guess.iter().enumerate().skip(first).take_while(|(_, other)| other.start < span.end)
        {
            let shared = span.end.min(other.end).saturating_sub(span.start.max(other.start));
            if shared > 0 {
                let kind = if span.label == other.label { Kind::Boundary } else { Kind::Both };
                found.push((kind, Reverse(shared), t, g));
            }
        }
    }
    found
}
