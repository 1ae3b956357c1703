//! Entity spans of both sides, and how many they share.

use crate::{Error, Result};
use std::cmp::Ordering;

/// One entity: `start..end` in one text, in whatever unit the caller counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its text, counted from 0.
    pub text: u32,
    /// Where it starts.
    pub start: i64,
    /// Where it ends; this place is no part of it.
    pub end: i64,
    /// Index into the labels.
    pub label: u32,
}

/// True and predicted entities, each a set, in order.
#[derive(Debug, Clone)]
pub struct SpanPairs {
    labels: Vec<String>,
    truth: Vec<Span>,
    guess: Vec<Span>,
}

/// Entities by label; the columns have one row a label that occurs, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// The label of each row.
    pub labels: Vec<String>,
    /// Entities that are both true and predicted.
    pub correct: Vec<i64>,
    /// Predicted entities.
    pub guess: Vec<i64>,
    /// True entities.
    pub truth: Vec<i64>,
}

impl SpanPairs {
    /// Spans in any order, doubles included; labels are renumbered in the order of their names.
    #[must_use]
    pub fn new(labels: &[String], truth: Vec<Span>, guess: Vec<Span>) -> Self {
        let mut order: Vec<_> = (0..labels.len()).collect();
        order.sort_unstable_by(|&a, &b| labels[a].cmp(&labels[b]));
        let mut rank = vec![0_u32; labels.len()];
        let mut names: Vec<String> = Vec::with_capacity(labels.len());
        for at in order {
            if names.last() != Some(&labels[at]) {
                names.push(labels[at].clone());
            }
            rank[at] = names.len() as u32 - 1;
        }
        let set = |mut spans: Vec<Span>| {
            for span in &mut spans {
                span.label = rank[span.label as usize];
            }
            if !spans.is_sorted_by(|a, b| a < b) {
                spans.sort_unstable();
                spans.dedup();
            }
            spans
        };
        Self { labels: names, truth: set(truth), guess: set(guess) }
    }

    /// Refuses spans that end before they start.
    ///
    /// # Errors
    /// For the first of `spans` that does; `name` is the argument they came in.
    pub fn check(name: &'static str, spans: &[Span]) -> Result<()> {
        match spans.iter().find(|span| span.start > span.end) {
            Some(span) => {
                Err(Error::SpanOrder { name, text: span.text as usize, start: span.start, end: span.end })
            }
            None => Ok(()),
        }
    }

    /// Names that labels point into, in order.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// True entities, in order.
    #[must_use]
    pub fn truth(&self) -> &[Span] {
        &self.truth
    }

    /// Predicted entities, in order.
    #[must_use]
    pub fn guess(&self) -> &[Span] {
        &self.guess
    }

    /// Counts by label of the labels that occur.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut rows = vec![[0_i64; 3]; self.labels.len()];
        self.truth.iter().for_each(|span| rows[span.label as usize][2] += 1);
        self.guess.iter().for_each(|span| rows[span.label as usize][1] += 1);
        let mut guesses = self.guess.iter().peekable();
        for span in &self.truth {
            while guesses.next_if(|guess| *guess < span).is_some() {}
            if guesses.peek().is_some_and(|guess| guess.cmp(&span) == Ordering::Equal) {
                rows[span.label as usize][0] += 1;
            }
        }
        let mut counts = Counts::default();
        for (label, [correct, guess, truth]) in self.labels.iter().zip(rows) {
            if guess + truth > 0 {
                counts.labels.push(label.clone());
                counts.correct.push(correct);
                counts.guess.push(guess);
                counts.truth.push(truth);
            }
        }
        counts
    }
}
