//! Both behaviours of the answer decoder, and the n-best lists, against searches that look at every pair.

use fastpost_core::answers::{
    Answer, Dedupe, Feature, Floats, Ints, Mode, Normalize, Options, Position, Ranking, Text, Widen, Window,
    decode, list, positions, rank,
};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::convert::Infallible;
use std::num::NonZeroUsize;

/// One window: `[CLS] question question [SEP] context... [SEP]`.
#[derive(Debug, Clone)]
struct Rows {
    start: Vec<f32>,
    end: Vec<f32>,
    offsets: Vec<i64>,
    sequences: Vec<i64>,
}

/// Window, first and last token of a span; `None` is "no answer".
type Tokens = Option<(usize, u32, u32)>;

/// Tokens before the context.
const BEFORE: usize = 4;

impl Rows {
    fn window(&self) -> Window<'_> {
        Window {
            start: Floats::F32(&self.start),
            end: Floats::F32(&self.end),
            offsets: Ints::I64(&self.offsets),
            sequence_ids: Ints::I64(&self.sequences),
            word_ids: None,
            input_ids: None,
            attention_mask: None,
            text: 0,
        }
    }

    /// First and last token of every span that may be an answer.
    fn pairs(&self, max_len: usize) -> Vec<(usize, usize)> {
        let context: Vec<usize> = (0..self.start.len()).filter(|&token| self.sequences[token] == 1).collect();
        let covers = |&token: &usize| self.offsets[2 * token] < self.offsets[2 * token + 1];
        let context: Vec<usize> = context.into_iter().filter(covers).collect();
        let ends =
            |first: usize| context.iter().filter(move |&&last| last >= first && last - first < max_len);
        context.iter().flat_map(|&first| ends(first).map(move |&last| (first, last))).collect()
    }

    fn place(&self, (first, last): (usize, usize)) -> (i64, i64) {
        (self.offsets[2 * first], self.offsets[2 * last + 1])
    }

    fn sum(&self, (first, last): (usize, usize)) -> f64 {
        f64::from(self.start[first]) + f64::from(self.end[last])
    }
}

/// A text of one-letter words and windows over it that share tokens; with `ties`, half of the cases have few different logits.
fn sample(most_windows: usize, ties: bool) -> impl Strategy<Value = (String, Vec<Rows>)> {
    let logit =
        |few: bool| if few { (-3_i8..3).prop_map(f32::from).boxed() } else { (-6.0_f32..6.0).boxed() };
    (
        if ties { any::<bool>().boxed() } else { Just(false).boxed() },
        2_usize..10,
        0_usize..4,
        1..=most_windows,
        "[abAB]{40}",
    )
        .prop_flat_map(move |(few, context, shared, count, letters)| {
            let text: String = letters.chars().flat_map(|letter| [letter, ' ']).collect();
            let tokens = BEFORE + context + 1;
            let step = context.saturating_sub(shared).max(1);
            let scores = prop::collection::vec(logit(few), 2 * tokens * count);
            scores.prop_map(move |scores| {
                let rows = |number: usize| {
                    let (mut offsets, mut sequences) = (vec![0, 0, 0, 1, 2, 3, 0, 0], vec![-1, 0, 0, -1]);
                    for token in 0..context {
                        let at = 2 * (number * step + token) as i64;
                        // Some tokens cover nothing.
                        offsets.extend([at, if token % 7 == 5 { at } else { at + 1 }]);
                        sequences.push(1);
                    }
                    offsets.extend([0, 0]);
                    sequences.push(-1);
                    let from = 2 * tokens * number;
                    let (start, end) =
                        (scores[from..from + tokens].to_vec(), scores[from + tokens..][..tokens].to_vec());
                    Rows { start, end, offsets, sequences }
                };
                (text.clone(), (0..count).map(rows).collect())
            })
        })
}

fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY { top } else { top + logs.map(|log| (log - top).exp()).sum::<f64>().ln() }
}

fn options(top_k: usize, max_len: usize, mode: Mode) -> Options {
    Options {
        top_k: NonZeroUsize::new(top_k).expect("at least one"),
        max_answer_len: NonZeroUsize::new(max_len).expect("at least one"),
        null_allowed: false,
        widen: Widen::No,
        context_sequence: 1,
        mode,
    }
}

fn run(text: &str, rows: &[Rows], options: &Options) -> (Vec<Answer>, f64) {
    let windows: Vec<Window<'_>> = rows.iter().map(Rows::window).collect();
    let texts = [Text { utf8: text, chars: text.chars().count() }];
    let found =
        decode(&windows, &texts, None, None, options, NonZeroUsize::new(1)).expect("the sample is right");
    (found.rows, found.null_score[0])
}

/// Every span of every window, best first; ties go to the first token, then the last, then the window.
fn all_pairs(rows: &[Rows], max_len: usize) -> Vec<(f64, usize, (usize, usize))> {
    let each = |(which, rows): (usize, &Rows)| {
        rows.pairs(max_len).into_iter().map(|pair| (rows.sum(pair), which, pair)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = rows.iter().enumerate().flat_map(each).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)).then(a.1.cmp(&b.1)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// The k best are the first k of all spans sorted, each place, text or stretch of characters once; a score is the share of
    /// all spans of all windows.
    #[test]
    fn the_best_are_all_pairs_sorted(
        (text, rows) in sample(3, true), top_k in 1_usize..12, max_len in 1_usize..12,
        dedupe in prop::sample::select(&[Dedupe::Span, Dedupe::Text, Dedupe::Overlap][..]),
    ) {
        let mode = Mode::Right { normalize: Normalize::Global, dedupe, null_threshold: None };
        let (found, _) = run(&text, &rows, &options(top_k, max_len, mode));
        let all = all_pairs(&rows, max_len);
        let total = log_sum(all.iter().map(|pair| pair.0));
        let slice = |(from, to): (i64, i64)| text[from as usize..to as usize].to_lowercase();
        let mut expected: Vec<(f64, usize, (i64, i64))> = Vec::new();
        for (score, which, pair) in all {
            let place = rows[which].place(pair);
            let same = |&(_, _, other): &(f64, usize, (i64, i64))| match dedupe {
                Dedupe::Span => other == place,
                Dedupe::Text => slice(other) == slice(place),
                Dedupe::Overlap => other.0 < place.1 && place.0 < other.1,
            };
            if expected.len() < top_k && !expected.iter().any(same) {
                expected.push(((score - total).exp(), which, place));
            }
        }
        let shown = (&found, expected.clone());
        prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", rows.iter().map(|rows| rows.offsets.clone()).collect::<Vec<_>>(), shown);
        for (answer, (score, which, place)) in found.iter().zip(expected) {
            prop_assert_eq!((answer.start, answer.end), place, "{:?}", shown);
            prop_assert_eq!(answer.window, which as i64);
            prop_assert!((answer.score - score).abs() <= 1e-9 + 1e-6 * score, "{} {}", answer.score, score);
        }
    }

    /// The "no answer" score is the lowest of all windows; if a null answer is allowed, it is one more share of the whole.
    #[test]
    fn null_answers_are_a_share_too((text, rows) in sample(3, true), max_len in 1_usize..8, threshold in 0.0_f64..1.0) {
        let mode = Mode::Right { normalize: Normalize::Global, dedupe: Dedupe::Span, null_threshold: None };
        let mut options = options(4096, max_len, mode);
        options.null_allowed = true;
        let (found, null) = run(&text, &rows, &options);
        let all = all_pairs(&rows, max_len);
        prop_assume!(!all.is_empty());
        let log = rows.iter().map(|rows| rows.sum((0, 0))).fold(f64::INFINITY, f64::min);
        let total = log_sum(all.iter().map(|pair| pair.0).chain([log]));
        prop_assert!((null - (log - total).exp()).abs() < 1e-6);
        prop_assert_eq!(found.iter().filter(|answer| answer.window == -1).count(), 1);
        prop_assert!(found.iter().map(|answer| answer.score).is_sorted_by(|a, b| a >= b));
        // A place that windows share is listed once, so shares add up to 1 at most.
        let sum: f64 = found.iter().map(|answer| answer.score).sum();
        prop_assert!(sum <= 1.0 + 1e-6 && (rows.len() > 1 || (sum - 1.0).abs() < 1e-6), "{sum}");
        // With a threshold, "no answer" comes first or is left out.
        options.mode =
            Mode::Right { normalize: Normalize::Global, dedupe: Dedupe::Span, null_threshold: Some(threshold) };
        let (found, again) = run(&text, &rows, &options);
        prop_assert_eq!(again, null);
        let places: Vec<usize> = (0..found.len()).filter(|&at| found[at].window == -1).collect();
        prop_assert_eq!(places, if null > threshold { vec![0] } else { vec![] });
    }

    /// The shares within a window: over its start tokens and over its end tokens, including CLS.
    #[test]
    fn shares_of_a_window((text, rows) in sample(1, true), max_len in 1_usize..8) {
        let mode = Mode::Right { normalize: Normalize::Window, dedupe: Dedupe::Span, null_threshold: None };
        let (found, _) = run(&text, &rows, &options(1, max_len, mode));
        let rows = &rows[0];
        let counts = |&token: &usize| token == 0 || (rows.sequences[token] == 1
            && rows.offsets[2 * token] < rows.offsets[2 * token + 1]);
        let shift = |scores: &[f32]| {
            let tokens: Vec<usize> = (0..scores.len()).filter(counts).collect();
            log_sum(tokens.iter().map(|&token| f64::from(scores[token])))
        };
        let total = shift(&rows.start) + shift(&rows.end);
        let best = all_pairs(std::slice::from_ref(rows), max_len).first().map(|best| (best.0 - total).exp());
        prop_assert_eq!(found.len(), usize::from(best.is_some()));
        if let Some(best) = best {
            prop_assert!((found[0].score - best).abs() < 1e-6);
        }
    }

    /// transformers' own steps on its n x n matrix: softmax over all tokens with those outside the context at -10000, CLS at
    /// 0, products, the band, the k best, equal texts added up.
    #[test]
    fn transformers_mode_equals_its_matrix((text, rows) in sample(2, false), top_k in 1_usize..6, max_len in 1_usize..9) {
        let mut expected: Vec<(String, f64, (i64, i64))> = Vec::new();
        for rows in &rows {
            let wanted = |token: usize| rows.sequences[token] == 1 || token == 0;
            let softmax = |scores: &[f32]| {
                let masked: Vec<f64> =
                    (0..scores.len()).map(|t| if wanted(t) { scores[t].into() } else { -10_000.0 }).collect();
                let total = log_sum(masked.iter().copied());
                let mut shares: Vec<f64> = masked.iter().map(|score| (score - total).exp()).collect();
                shares[0] = 0.0;
                shares
            };
            let (start, end) = (softmax(&rows.start), softmax(&rows.end));
            let tokens = start.len();
            let mut matrix: Vec<(f64, usize, usize)> = Vec::new();
            for (first, last) in (0..tokens).flat_map(|first| (first..tokens).map(move |last| (first, last))) {
                if last - first < max_len && start[first] * end[last] > 0.0 {
                    matrix.push((start[first] * end[last], first, last));
                }
            }
            // NumPy does not define which cells of probability 0 it takes.
            prop_assume!(matrix.len() > top_k);
            matrix.sort_by(|a, b| b.0.total_cmp(&a.0));
            // The k-th and the next score must not be so close that float32 swaps them.
            prop_assume!(matrix.windows(2).take(top_k).all(|pair| pair[0].0 - pair[1].0 > 1e-5 * pair[0].0));
            for &(score, first, last) in &matrix[..top_k] {
                if !wanted(first) || !wanted(last) {
                    continue;
                }
                let (from, to) = rows.place((first, last));
                let answer = if from < to { text[from as usize..to as usize].to_owned() } else { String::new() };
                match expected.iter_mut().find(|known| known.0.to_lowercase() == answer.to_lowercase()) {
                    Some(known) => known.1 += score,
                    None => expected.push((answer, score, (from, to))),
                }
            }
        }
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        prop_assume!(expected.windows(2).all(|pair| pair[0].1 - pair[1].1 > 1e-5 * pair[0].1));
        expected.truncate(top_k);
        let (found, _) = run(&text, &rows, &options(top_k, max_len, Mode::Transformers));
        prop_assert_eq!(found.len(), expected.len());
        for (answer, (_, score, place)) in found.iter().zip(&expected) {
            prop_assert_eq!((answer.start, answer.end), *place);
            prop_assert!((answer.score - score).abs() < 1e-6, "{} {}", answer.score, score);
        }
    }

    /// The n-best list of the example scripts: two loops over the best starts and ends, all of it sorted.
    #[test]
    fn ranked_spans_are_those_of_two_loops(
        logits in prop::collection::vec((prop::collection::vec(-4_i8..4, 12), prop::collection::vec(-4_i8..4, 12)), 1..4),
        n in 1_usize..8, n_best_size in 1_usize..12, max_answer_length in 1_usize..6, with_negative in any::<bool>(),
        barred in prop::collection::vec(any::<bool>(), 12),
    ) {
        let best = |logits: &[i8]| -> Vec<Position> {
            let logits: Vec<f32> = logits.iter().map(|&logit| logit.into()).collect();
            let tokens = positions("logits", 0, &logits, n).unwrap();
            tokens.into_iter().map(|token| Position { token, logit: logits[token as usize] }).collect()
        };
        let features: Vec<Feature> = logits.iter().map(|(start, end)| Feature {
            starts: best(start), ends: best(end), null: (start[0].into(), end[0].into()),
        }).collect();
        let may = |token: u32| !barred[token as usize];
        let ranking = Ranking { with_negative, n_best_size, max_answer_length };
        let (found, null) = rank(&features, &ranking, |_, token, _| Ok::<_, Infallible>(may(token))).unwrap();
        let mut all: Vec<(f32, Tokens)> = Vec::new();
        let mut least: Option<f32> = None;
        for (window, feature) in features.iter().enumerate() {
            let score = feature.null.0 + feature.null.1;
            if least.is_none_or(|least| least > score) {
                least = Some(score);
            }
            for start in &feature.starts {
                for end in &feature.ends {
                    let length = (i64::from(end.token) - i64::from(start.token) + 1).max(0) as usize;
                    if may(start.token) && may(end.token) && 0 < length && length <= max_answer_length {
                        all.push((start.logit + end.logit, Some((window, start.token, end.token))));
                    }
                }
            }
        }
        if with_negative {
            all.extend(least.map(|least| (least, None)));
        }
        all.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal));
        all.truncate(n_best_size);
        let tokens: Vec<_> = found.iter().map(|ranked| ranked.tokens).collect();
        prop_assert_eq!(tokens, all.iter().map(|entry| entry.1).collect::<Vec<_>>());
        prop_assert_eq!(null.is_some(), with_negative);
        // Probabilities are the softmax of the scores of the list.
        let places: Vec<_> = found.iter().map(|ranked| match ranked.tokens {
            Some((_, first, last)) => (i64::from(first), i64::from(last) + 1),
            None => (0, 0),
        }).collect();
        let example = list((found, null), places, 12, 0.0);
        let scores: Vec<f64> = example.list.iter().map(|entry| match entry.place {
            None => 0.0,
            Some(_) => entry.start_logit + entry.end_logit,
        }).collect();
        let total = log_sum(scores.iter().copied());
        for (entry, score) in example.list.iter().zip(&scores) {
            prop_assert!((entry.probability - (score - total).exp()).abs() < 1e-6);
        }
    }
}
