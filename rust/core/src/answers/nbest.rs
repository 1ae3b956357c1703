//! The n-best lists of the question-answering example scripts of transformers, for SQuAD-like evaluation.
//!
//! ```python
//! start_indexes = np.argsort(start_logits)[-1 : -n_best_size - 1 : -1].tolist()
//! for start_index in start_indexes:
//!     for end_index in end_indexes: ...
//! ```
//! is the loop this replaces. It is not a search for the best spans: it pairs the `n` best start tokens of a window
//! with its `n` best end tokens, and drops the pairs that are no span of the context.

use crate::answers::search::descending;
use crate::answers::softmax::softmax;
use crate::{Error, Result};

/// The tokens with the `n` highest logits, best first; ties go to the first token.
///
/// # Errors
/// [`Error::BadScore`] if a logit is NaN.
pub fn positions(name: &'static str, window: usize, logits: &[f32], n: usize) -> Result<Vec<u32>> {
    if logits.iter().fold(false, |any, logit| any | logit.is_nan())
        && let Some(token) = logits.iter().position(|logit| logit.is_nan())
    {
        return Err(Error::BadScore { name, found: "NaN", window, token });
    }
    if n == 0 {
        return Ok(Vec::new());
    }
    // The bar is the n-th best of the maxima of each eight logits: at least `n` logits reach it, and seldom many more.
    let largest = |chunk: &[f32]| chunk.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    let mut maxima: Vec<u32> = logits.chunks(8).map(largest).map(place).collect();
    let bar = if n < maxima.len() { *maxima.select_nth_unstable(n - 1).1 } else { u32::MAX };
    // No branch for each logit: which ones reach the bar can't be predicted.
    let mut keys = vec![0; logits.len()];
    let mut count = 0;
    for (token, &logit) in (0..).zip(logits) {
        keys[count] = u64::from(place(logit)) << 32 | token;
        count += usize::from(place(logit) <= bar);
    }
    keys.truncate(count);
    keys.sort_unstable();
    Ok(keys.into_iter().take(n).map(|key| key as u32).collect())
}

/// Integers that rise as logits, which are not NaN, fall; 0.0 and -0.0 are one.
fn place(logit: f32) -> u32 {
    let bits = (logit + 0.0).to_bits();
    bits ^ if bits >> 31 == 0 { 0x7FFF_FFFF } else { 0 }
}

/// A token that may begin or end an answer.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// The token.
    pub token: u32,
    /// Its logit.
    pub logit: f32,
}

/// A span that was ranked: the tokens of a window, or none for "no answer".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Window, counted from 0 within the question; first and last token.
    pub tokens: Option<(usize, u32, u32)>,
    score: f32,
    logits: (f32, f32),
}

/// One window: its best starts and ends, best first, and the logits of its first token.
#[derive(Debug, Clone, Default)]
pub struct Feature {
    /// Beginnings.
    pub starts: Vec<Position>,
    /// Ends.
    pub ends: Vec<Position>,
    /// Start and end logit of "no answer".
    pub null: (f32, f32),
}

/// The arguments of `postprocess_qa_predictions` that rank.
#[derive(Debug, Clone, Copy)]
pub struct Ranking {
    /// Whether a question may have no answer.
    pub with_negative: bool,
    /// Length of a list.
    pub n_best_size: usize,
    /// Tokens of an answer, at most.
    pub max_answer_length: usize,
}

/// One entry of an n-best list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NBest {
    /// Characters of the context. `None`: the stand-in, whose text is "empty".
    pub place: Option<(i64, i64)>,
    /// Logit of the first token.
    pub start_logit: f64,
    /// Logit of the last token.
    pub end_logit: f64,
    /// Share of the list.
    pub probability: f64,
}

/// The result of one question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Example {
    /// The list, best first.
    pub list: Vec<NBest>,
    /// The entry that is the answer; `None` if there is none.
    pub answer: Option<usize>,
    /// Score of "no answer" less that of the best answer; 0 if every question has an answer.
    pub null_odds: f64,
}

/// The best entries so far.
struct Best {
    /// Each with its number in the order of arrival.
    entries: Vec<(u32, Ranked)>,
    came: u32,
    size: usize,
    /// Once there are `size` entries, a new one must score above this: at a tie the earlier entry stays.
    bar: f32,
}

impl Best {
    fn push(&mut self, entry: Ranked) {
        self.entries.push((self.came, entry));
        self.came += 1;
        if self.entries.len() >= self.size.saturating_mul(2) {
            self.entries.select_nth_unstable_by(self.size - 1, Self::order);
            self.entries.truncate(self.size);
            self.bar = self.entries[self.size - 1].1.score;
        }
    }

    /// Best first; of equal scores the one that came first stays first.
    fn order(a: &(u32, Ranked), b: &(u32, Ranked)) -> std::cmp::Ordering {
        descending(a.1.score.into(), b.1.score.into()).then(a.0.cmp(&b.0))
    }

    fn cut(mut self) -> Vec<Ranked> {
        self.entries.sort_unstable_by(Self::order);
        self.entries.truncate(self.size);
        self.entries.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// The best spans of one question over its windows, best first, and "no answer" where that is allowed: among
/// them by its score, and once more at the end.
///
/// `may(window, token, opens)` says whether a span may begin, or (`opens` false) end, with a token. It is asked only
/// where that could make a span that is good enough: of 40 tokens a window, for a list of two, some eight.
///
/// # Errors
/// The first error of `may`.
pub fn rank<E>(
    features: &[Feature],
    ranking: &Ranking,
    mut may: impl FnMut(usize, u32, bool) -> std::result::Result<bool, E>,
) -> std::result::Result<(Vec<Ranked>, Option<Ranked>), E> {
    let mut null: Option<Ranked> = None;
    let mut best = Best { entries: Vec::new(), came: 0, size: ranking.n_best_size, bar: f32::NEG_INFINITY };
    for (window, feature) in features.iter().enumerate() {
        let score = feature.null.0 + feature.null.1;
        if null.is_none_or(|null| null.score > score) {
            null = Some(Ranked { tokens: None, score, logits: feature.null });
        }
        for start in &feature.starts {
            let mut opens = None;
            for end in &feature.ends {
                let score = start.logit + end.logit;
                if score <= best.bar && best.bar > f32::NEG_INFINITY {
                    break; // the ends that follow are no better
                }
                if end.token < start.token || (end.token - start.token) as usize >= ranking.max_answer_length
                {
                    continue;
                }
                let opens = match opens {
                    Some(known) => known,
                    None => *opens.insert(may(window, start.token, true)?),
                };
                if !opens {
                    break;
                }
                if may(window, end.token, false)? {
                    let tokens = Some((window, start.token, end.token));
                    best.push(Ranked { tokens, score, logits: (start.logit, end.logit) });
                }
            }
        }
    }
    let null = null.filter(|_| ranking.with_negative);
    if let Some(null) = null {
        best.push(null);
    }
    Ok((best.cut(), null))
}

/// The list of one question from its ranked spans and the characters of each, in a context of `chars`.
#[must_use]
pub fn list(
    (mut entries, null): (Vec<Ranked>, Option<Ranked>),
    mut places: Vec<(i64, i64)>,
    chars: i64,
    threshold: f32,
) -> Example {
    if let Some(null) = null
        && !places.contains(&(0, 0))
    {
        entries.push(null);
        places.push((0, 0));
    }
    let empty = |&(from, to): &(i64, i64)| cut(from, chars) >= cut(to, chars);
    let mut places: Vec<_> = places.into_iter().map(Some).collect();
    let stand_in = entries.len() < 2 && places.iter().flatten().all(empty);
    if stand_in {
        entries.insert(0, Ranked { tokens: None, score: 0.0, logits: (0.0, 0.0) });
        places.insert(0, None);
    }
    let list: Vec<NBest> = entries
        .iter()
        .zip(&places)
        .zip(shares(&entries, stand_in))
        .map(|((entry, &place), probability)| NBest {
            place,
            start_logit: entry.logits.0.into(),
            end_logit: entry.logits.1.into(),
            probability,
        })
        .collect();
    let Some(null) = null else { return Example { list, answer: Some(0), null_odds: 0.0 } };
    let best = places.iter().position(|place| place.as_ref().is_none_or(|place| !empty(place)));
    let odds = best.map_or(0.0, |best| null.score - entries[best].logits.0 - entries[best].logits.1);
    let answer = best.filter(|_| odds <= threshold);
    Example { list, answer, null_odds: odds.into() }
}

/// Index `at` of a text of `chars` characters; one below 0 counts from the end, and one past the end is the end.
fn cut(at: i64, chars: i64) -> i64 {
    if at < 0 { (at + chars).max(0) } else { at.min(chars) }
}

/// Softmax of the scores: in float32, or in float64 where the stand-in's 0.0 is among them.
fn shares(entries: &[Ranked], wide: bool) -> Vec<f64> {
    if wide {
        let max = entries.iter().map(|entry| entry.score).fold(f32::NEG_INFINITY, f32::max);
        let exps: Vec<f64> =
            entries.iter().map(|entry| (f64::from(entry.score) - f64::from(max)).exp()).collect();
        let sum: f64 = exps.iter().sum();
        return exps.into_iter().map(|exp| exp / sum).collect();
    }
    let mut scores: Vec<f32> = entries.iter().map(|entry| entry.score).collect();
    softmax(&mut scores);
    scores.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The twin sorts all tokens.
        #[test]
        fn positions_are_the_best_by_a_stable_sort(
            logits in prop::collection::vec(prop_oneof![
                8 => -9.0_f32..9.0, 4 => (-3_i8..3).prop_map(f32::from),
                1 => prop::sample::select(vec![f32::NEG_INFINITY, f32::INFINITY, -0.0, f32::MAX, f32::MIN_POSITIVE]),
            ], 0..400),
            n in 0_usize..40,
        ) {
            let mut all: Vec<u32> = (0..logits.len() as u32).collect();
            all.sort_by(|&a, &b| descending(logits[a as usize].into(), logits[b as usize].into()));
            all.truncate(n);
            prop_assert_eq!(positions("start_logits", 0, &logits, n).unwrap(), all);
        }
    }
}
