//! The best answer spans of an extractive question-answering model.
//!
//! ```python
//! candidates = np.tril(np.triu(start[:, None] @ end[None, :]), max_answer_len - 1).flatten()
//! best = np.argpartition(-candidates, k)[:k]
//! ```
//! is what this replaces: a matrix of n x n scores, 256 MB at 8,192 tokens, partitioned to find a dozen spans.
//! Each row of that matrix is bounded by its start score joined to the largest end score within reach, and all
//! those maxima are one sliding-window maximum. So the best span takes O(n), and only the k best rows can hold one
//! of the k best spans: a heap takes the best row, and splits it around the end that was used.

use super::softmax::vectorized;
use crate::{Error, Result};
use pulp::Arch;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

/// A span of tokens, half-open, and the sum of its start and end scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// First token.
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    /// `start[first] + end[end - 1]`.
    pub score: f64,
}

/// A span in one of several windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowSpan {
    /// Window, counted from 0.
    pub window: usize,
    /// The span in it.
    pub span: Span,
}

/// Finds the pair `first <= last` with the highest `start[first] + end[last]`.
///
/// `start` and `end` hold one log-score per token; `-inf` bars a token and NaN counts as `-inf`.
/// The pair covers at most `max_len` tokens. Ties go to the smallest `first`, then the smallest `last`.
/// `None` if no pair is finite. O(n) time and space.
/// Source: sliding-window maximum; equals the search over all pairs in transformers' `decode_spans`.
///
/// # Errors
/// [`Error::ScoreCount`] if `start` and `end` differ in length.
pub fn best_span(start: &[f32], end: &[f32], max_len: NonZeroUsize) -> Result<Option<Span>> {
    Ok(best_spans(start, end, max_len, 1)?.pop())
}

/// Finds the `k` best spans, best first; see [`best_span`]. O(n + k log k) time for a fixed `max_len`.
///
/// # Errors
/// [`Error::ScoreCount`] if `start` and `end` differ in length.
pub fn best_spans(start: &[f32], end: &[f32], max_len: NonZeroUsize, k: usize) -> Result<Vec<Span>> {
    let clean = |scores: &[f32]| {
        scores.iter().map(|&s| if s.is_nan() { f32::NEG_INFINITY } else { s }).collect::<Vec<_>>()
    };
    if start.len() != end.len() {
        return Err(Error::ScoreCount { start: start.len(), end: end.len() });
    }
    let mut found = Vec::new();
    k_best::<Sum>(&clean(start), &clean(end), max_len, k, &mut found);
    Ok(found.into_iter().map(Pair::span).collect())
}

/// Finds the `k` best spans of several windows of one text, best first.
///
/// A window is its start and end scores. Ties go to the smallest first token, then the smallest last, then
/// the earliest window.
///
/// # Errors
/// [`Error::ScoreCount`] if the scores of a window differ in length.
pub fn best_spans_of_windows(
    windows: &[(&[f32], &[f32])],
    max_len: NonZeroUsize,
    k: usize,
) -> Result<Vec<WindowSpan>> {
    let mut found = Vec::new();
    for (window, (start, end)) in windows.iter().enumerate() {
        let spans = best_spans(start, end, max_len, k)?;
        found.extend(spans.into_iter().map(|span| WindowSpan { window, span }));
    }
    // Stable, so equal spans keep the order of their windows.
    found.sort_by(|a, b| {
        let place = |found: &WindowSpan| (found.span.first, found.span.end);
        descending(a.span.score, b.span.score).then_with(|| place(a).cmp(&place(b)))
    });
    found.truncate(k);
    Ok(found)
}

/// Finds the `k` best spans of many texts, each a list of windows; see [`best_spans_of_windows`].
///
/// # Errors
/// [`Error::ScoreCount`] if the scores of a window differ in length.
pub fn best_spans_of_texts(
    texts: &[Vec<(&[f32], &[f32])>],
    max_len: NonZeroUsize,
    k: usize,
    threads: crate::parallel::Threads,
) -> Result<Vec<Vec<WindowSpan>>> {
    let tokens: usize = texts.iter().flatten().map(|(start, _)| start.len()).sum();
    crate::parallel::map(texts.len(), threads, tokens * 10, |text| {
        best_spans_of_windows(&texts[text], max_len, k)
    })
}

/// Higher scores first. Not `total_cmp`, as 0.0 and -0.0 must tie; scores are never NaN.
pub(super) fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}

/// How a start and an end score make the score of a span. It never falls when either score rises.
pub(super) trait Join {
    /// Scores that are not above this bar a span.
    const FLOOR: f64;
    fn join(start: f32, end: f32) -> f64;
}

/// Log-scores add up; in float64 that loses nothing that matters.
pub(super) struct Sum;

impl Join for Sum {
    const FLOOR: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the body of the hottest loop")]
    fn join(start: f32, end: f32) -> f64 {
        f64::from(start) + f64::from(end)
    }
}

/// Probabilities are multiplied, and rounded to float32.
pub(super) struct Product;

impl Join for Product {
    const FLOOR: f64 = 0.0;
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the body of the hottest loop")]
    fn join(start: f32, end: f32) -> f64 {
        f64::from(start * end)
    }
}

/// Probabilities are multiplied, and rounded to float16.
pub(super) struct HalfProduct;

impl Join for HalfProduct {
    const FLOOR: f64 = 0.0;
    fn join(start: f32, end: f32) -> f64 {
        half::f16::from_f32(start * end).to_f64()
    }
}

/// A first and a last token and their joint score. The greater pair is the better one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) score: f64,
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Pair {
    fn span(self) -> Span {
        Span { first: self.first as usize, end: self.last as usize + 1, score: self.score }
    }
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        descending(other.score, self.score)
            .then_with(|| (other.first, other.last).cmp(&(self.first, self.last)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Puts the `k` best pairs into `found`, best first. Scores must not be NaN, and not infinite with both signs.
pub(super) fn k_best<J: Join>(
    start: &[f32],
    end: &[f32],
    max_len: NonZeroUsize,
    k: usize,
    found: &mut Vec<Pair>,
) {
    found.clear();
    let tokens = start.len().min(end.len());
    if k == 0 || tokens == 0 {
        return;
    }
    let (start, end) = (&start[..tokens], &end[..tokens]);
    let max_len = max_len.get().min(tokens);
    let bounds = Arch::new().dispatch(Bounds::<J> { start, end, max_len, mark: PhantomData });
    let rows = best_rows::<J>(&bounds, k);
    let ends = Pyramid::new(end, max_len);
    let mut open: BinaryHeap<Candidate> = rows
        .into_iter()
        .map(|row| ends.best::<J>(start, row, row as usize, (row as usize + max_len).min(tokens)))
        .collect();
    while let Some(Candidate { pair, from, to }) = open.pop() {
        found.push(pair);
        if found.len() == k {
            return;
        }
        let last = pair.last as usize;
        for (from, to) in [(from, last), (last + 1, to)] {
            if from < to {
                let candidate = ends.best::<J>(start, pair.first, from, to);
                if candidate.pair.score > J::FLOOR {
                    open.push(candidate);
                }
            }
        }
    }
}

vectorized!(Bounds<J: Join> { start: &'a [f32], end: &'a [f32], max_len: usize } -> Vec<f64> {
    let reach = window_max(end, max_len);
    let mut bounds = vec![0.0; reach.len()];
    for ((bound, &start), &reach) in bounds.iter_mut().zip(start).zip(&reach) {
        *bound = J::join(start, reach);
    }
    bounds
});

/// The rows that can hold one of the `k` best spans: the `k` best by (bound, smallest row), in no order.
fn best_rows<J: Join>(bounds: &[f64], k: usize) -> Vec<u32> {
    const CHUNK: usize = 8;
    let maxima = Arch::new().dispatch(ChunkMaxima::<J> { bounds, chunk: CHUNK, mark: PhantomData });
    let mut bar = J::FLOOR;
    let mut rows = Vec::with_capacity(2 * k.min(bounds.len()));
    // `k` chunks reach the bar, so at least `k` rows do, and seldom many more.
    if k < maxima.len() {
        let mut ordered = maxima.clone();
        bar = *ordered.select_nth_unstable_by(k - 1, |&a, &b| descending(a, b)).1;
    }
    for (chunk, &max) in maxima.iter().enumerate() {
        if max < bar || max <= J::FLOOR {
            continue;
        }
        let first = chunk * CHUNK;
        for (row, &bound) in (first..).zip(&bounds[first..bounds.len().min(first + CHUNK)]) {
            if bound >= bar && bound > J::FLOOR {
                rows.push(row as u32);
            }
        }
    }
    if rows.len() > k {
        // The k-th best bound, as integers in the same order; then the first rows that reach it.
        let mut keys: Vec<i64> = rows.iter().map(|&row| sort_key(bounds[row as usize])).collect();
        let (better, &mut bar, _) = keys.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        let mut ties = k - better.iter().filter(|&&key| key > bar).count();
        rows.retain(|&row| {
            let key = sort_key(bounds[row as usize]);
            let kept = key > bar || (key == bar && ties > 0);
            ties -= usize::from(kept && key == bar);
            kept
        });
    }
    rows
}

/// Integers in the order of the scores, which are not NaN; 0.0 and -0.0 are one.
fn sort_key(score: f64) -> i64 {
    let bits = (score + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

vectorized!(ChunkMaxima<J: Join> { bounds: &'a [f64], chunk: usize } -> Vec<f64> {
    bounds.chunks(chunk).map(|chunk| chunk.iter().fold(J::FLOOR, |a, &b| if b > a { b } else { a })).collect()
});

/// The best pair of a first token with a last token in `from..to`.
struct Candidate {
    pair: Pair,
    from: usize,
    to: usize,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.pair == other.pair
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.pair.cmp(&other.pair)
    }
}

/// The maximum of `values[i..i + len]` for each `i`, cut off at the end.
///
/// Blocks of `len` values: a window is the rest of one block and the beginning of the next, so a maximum from the
/// left and one from the right of each block are all it takes (van Herk, Gil and Werman).
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
fn window_max(values: &[f32], len: usize) -> Vec<f32> {
    window_fold(values, len, f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
}

/// `fold` over `values[i..i + len]` for each `i`, cut off at the end; nothing is ever subtracted.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
pub(super) fn window_fold<T: Copy>(values: &[T], len: usize, zero: T, fold: impl Fn(T, T) -> T) -> Vec<T> {
    let mut out = vec![zero; values.len()];
    let mut ahead = Vec::with_capacity(len.min(values.len())); // of the block to the right, from its left
    for (block, out) in values.chunks(len).zip(out.chunks_mut(len)).rev() {
        let mut rest = zero;
        for (value, out) in block.iter().zip(&mut *out).rev() {
            rest = fold(rest, *value);
            *out = rest;
        }
        if let Some(&whole) = ahead.last() {
            // `out[i]` reaches `i` values into the next block, or all of it where that is the last.
            let out = &mut out[1..];
            let (within, past) = out.split_at_mut(out.len().min(ahead.len()));
            for (out, &ahead) in within.iter_mut().zip(&ahead) {
                *out = fold(*out, ahead);
            }
            for out in past {
                *out = fold(*out, whole);
            }
        }
        ahead.clear();
        let mut sofar = zero;
        ahead.extend(block.iter().map(|&value| {
            sofar = fold(sofar, value);
            sofar
        }));
    }
    out
}

/// Maxima of blocks of 32 end scores, of 32 such blocks, and so on: the best end in a range is found
/// without looking at all of it.
struct Pyramid<'a> {
    ends: &'a [f32],
    levels: Vec<Vec<f32>>,
}

impl<'a> Pyramid<'a> {
    const FAN: usize = 32;

    fn new(ends: &'a [f32], longest: usize) -> Self {
        let mut levels: Vec<Vec<f32>> = Vec::new();
        let mut covered = Self::FAN;
        while covered < longest {
            let below = levels.last().map_or(ends, Vec::as_slice);
            levels.push(
                below
                    .chunks(Self::FAN)
                    .map(|block| block.iter().copied().fold(f32::NEG_INFINITY, f32::max))
                    .collect(),
            );
            covered *= Self::FAN;
        }
        Self { ends, levels }
    }

    fn level(&self, level: usize) -> &[f32] {
        if level == 0 { self.ends } else { &self.levels[level - 1] }
    }

    /// The largest end score in `from..to`, which is not empty.
    fn max(&self, mut from: usize, mut to: usize) -> f32 {
        let mut max = f32::NEG_INFINITY;
        let mut level = 0;
        loop {
            let values = self.level(level);
            if level == self.levels.len() || to - from < 2 * Self::FAN {
                return values[from..to].iter().fold(max, |a, &b| if b > a { b } else { a });
            }
            let (inner_from, inner_to) = (from.div_ceil(Self::FAN), to / Self::FAN);
            let edges = values[from..inner_from * Self::FAN].iter().chain(&values[inner_to * Self::FAN..to]);
            max = edges.fold(max, |a, &b| if b > a { b } else { a });
            (from, to, level) = (inner_from, inner_to, level + 1);
        }
    }

    /// The first place from `from` on where `good` holds, which is known to exist.
    fn first(&self, from: usize, good: impl Fn(f32) -> bool) -> usize {
        let (mut place, mut level) = (from, 0);
        loop {
            let above = place / Self::FAN;
            if level < self.levels.len() && place % Self::FAN == 0 && !good(self.level(level + 1)[above]) {
                (place, level) = (above + 1, level + 1);
                // Up at once: the block after a bad one starts where its own parent may be bad too.
            } else if !good(self.level(level)[place]) {
                place += 1;
            } else if level == 0 {
                return place;
            } else {
                (place, level) = (place * Self::FAN, level - 1);
            }
        }
    }

    /// The best pair of `row` with an end in `from..to`: of all ends that reach the best joint score, the first.
    fn best<J: Join>(&self, start: &[f32], row: u32, from: usize, to: usize) -> Candidate {
        let start = start[row as usize];
        let score = J::join(start, self.max(from, to));
        let last = self.first(from, |end| J::join(start, end) >= score);
        Candidate { pair: Pair { score, first: row, last: last as u32 }, from, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::positions;
    use proptest::prelude::*;

    /// The plain twin: all pairs, sorted.
    fn all_pairs<J: Join>(start: &[f32], end: &[f32], max_len: usize, k: usize) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (first, &start) in start.iter().enumerate() {
            for (last, &end) in end.iter().enumerate().skip(first).take(max_len) {
                let score = J::join(start, end);
                if score > J::FLOOR {
                    pairs.push(Pair { score, first: first as u32, last: last as u32 });
                }
            }
        }
        pairs.sort_by(|a, b| b.cmp(a));
        pairs.truncate(k);
        pairs
    }

    fn found<J: Join>(start: &[f32], end: &[f32], max_len: usize, k: usize) -> Vec<Pair> {
        let mut found = Vec::new();
        k_best::<J>(start, end, NonZeroUsize::new(max_len).expect("not 0"), k, &mut found);
        found
    }

    fn scores() -> impl Strategy<Value = Vec<(f32, f32)>> {
        let score = prop_oneof![
            4 => -12.0_f32..12.0,
            3 => (-3_i8..3).prop_map(f32::from), // ties
            1 => Just(f32::NEG_INFINITY),
            1 => (-12.0_f32..12.0).prop_map(|s| half::f16::from_f32(s).to_f32()),
            1 => prop_oneof![Just(1e30_f32), Just(-1e30), Just(1e-30), Just(65_504.0), Just(0.0), Just(-0.0)],
        ];
        prop_oneof![
            prop::collection::vec((score.clone(), score.clone()), 1..40),
            prop::collection::vec((score.clone(), score), 1..600),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn equals_all_pairs_sorted(scores in scores(), len in 1_usize..700, k in 1_usize..60) {
            let (start, end): (Vec<f32>, Vec<f32>) = scores.into_iter().unzip();
            let max_len = 1 + len % start.len();
            prop_assert_eq!(found::<Sum>(&start, &end, max_len, k), all_pairs::<Sum>(&start, &end, max_len, k));
            let positive = |scores: &[f32]| scores.iter().map(|s| (s.min(20.0) - 12.0).exp()).collect::<Vec<_>>();
            let (start, end) = (positive(&start), positive(&end));
            prop_assert_eq!(found::<Product>(&start, &end, max_len, k), all_pairs::<Product>(&start, &end, max_len, k));
            prop_assert_eq!(found::<HalfProduct>(&start, &end, max_len, k), all_pairs::<HalfProduct>(&start, &end, max_len, k));
        }

        #[test]
        fn windows_fold_as_if_one_by_one(values in prop::collection::vec(-50_i64..50, 1..200), len in 1_usize..210) {
            let sums = window_fold(&values, len, 0, |a, b| a + b);
            for (at, sum) in sums.into_iter().enumerate() {
                prop_assert_eq!(sum, values[at..values.len().min(at + len)].iter().sum::<i64>());
            }
        }

        #[test]
        fn the_most_probable_tokens_are_those_of_a_full_sort(scores in scores(), n in 1_usize..40) {
            let (logits, _): (Vec<f32>, Vec<f32>) = scores.into_iter().unzip();
            let mut want: Vec<u32> = (0..logits.len() as u32).collect();
            want.sort_by(|&a, &b| logits[b as usize].partial_cmp(&logits[a as usize]).expect("not NaN"));
            want.truncate(n);
            prop_assert_eq!(positions("start_logits", 0, &logits, n), Ok(want));
        }
    }

    #[test]
    fn long_reaches_use_the_pyramid() {
        let score = |i: usize, salt: usize| ((i * 7_919 + salt * 104_729) % 1_013) as f32 / 50.0;
        let start: Vec<f32> = (0..2_500).map(|i| score(i, 1)).collect();
        let end: Vec<f32> = (0..2_500).map(|i| score(i, 2)).collect();
        for max_len in [33, 1_024, 1_500, 2_500, 1 << 40] {
            assert_eq!(
                found::<Sum>(&start, &end, max_len, 200),
                all_pairs::<Sum>(&start, &end, max_len, 200),
                "{max_len}"
            );
        }
    }

    #[test]
    fn ties_go_to_the_first_then_the_shortest_then_the_earliest_window() {
        let (flat, two) = ([1.0_f32; 3], NonZeroUsize::new(2).expect("not 0"));
        let spans = best_spans_of_windows(&[(&flat, &flat), (&flat, &flat)], two, 5).expect("same lengths");
        let got: Vec<_> = spans.iter().map(|s| (s.span.first, s.span.end, s.window)).collect();
        assert_eq!(got, [(0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 2, 1), (1, 2, 0)]);
    }

    #[test]
    fn scores_that_bar_everything_or_are_not_numbers() {
        let one = NonZeroUsize::MIN;
        let bar = f32::NEG_INFINITY;
        assert_eq!(best_span(&[], &[], one), Ok(None));
        assert_eq!(best_span(&[bar, f32::NAN], &[1.0, 1.0], one), Ok(None));
        assert_eq!(
            best_span(&[f32::NAN, 2.0], &[9.0, 1.0], one),
            Ok(Some(Span { first: 1, end: 2, score: 3.0 }))
        );
        assert_eq!(best_span(&[1.0], &[], one), Err(Error::ScoreCount { start: 1, end: 0 }));
    }

    #[test]
    fn many_texts_do_not_depend_on_the_number_of_threads() {
        let (start, end) = ([0.0, 3.0, 1.0], [0.5, 0.5, 2.0]);
        let texts: Vec<Vec<(&[f32], &[f32])>> = vec![vec![(&start, &end)]; 100];
        let one = best_spans_of_texts(&texts, NonZeroUsize::MIN, 2, NonZeroUsize::new(1));
        assert_eq!(one, best_spans_of_texts(&texts, NonZeroUsize::MIN, 2, NonZeroUsize::new(3)));
        assert_eq!(one.expect("same lengths")[0][0].span, Span { first: 1, end: 2, score: 3.5 });
    }
}
