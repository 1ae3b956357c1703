//! The answers of one question as `QuestionAnsweringPipeline.postprocess` of transformers 4.57.6 finds them.

use crate::Result;
use crate::answers::decode::{Answer, Question, find_cls, mask, spare};
use crate::answers::fold::{Folded, Seeded};
use crate::answers::input::{Floats, Window};
use crate::answers::options::{Options, Widen};
use crate::answers::runs::WordRuns;
use crate::answers::search::{HalfProduct, Pair, Product, descending, k_best};
use crate::answers::softmax::{softmax, softmax_half};
use half::f16;
use std::collections::{HashMap, hash_map};

impl Question<'_> {
    /// Best first, and the score of "no answer".
    pub(super) fn transformers(&self) -> Result<(Vec<Answer>, f64)> {
        let top_k = self.options.top_k.get();
        let candidates = if self.options.widen == Widen::No { top_k } else { spare(top_k) };
        self.check_spans(candidates)?;
        let mut answers: Vec<Answer> = Vec::new();
        let mut places: HashMap<Folded<'_>, usize, Seeded> =
            HashMap::with_capacity_and_hasher(candidates.min(64), Seeded::default());
        let mut null_score = 1_000_000.0_f64;
        let mut pairs = Vec::new();
        let mut texts = HashMap::new();
        for &index in self.order {
            let window = &self.windows[index];
            let chars = self.chars(&mut texts, window.text);
            let words = WordRuns::default();
            self.check_offsets(index)?;
            let desired = desired(window, self.cls, self.options.context_sequence);
            let Some(null) = self.search(index, &desired, candidates, &mut pairs)? else { continue };
            null_score = null_score.min(null);
            for pair in &pairs {
                let (first, last) = (pair.first as usize, pair.last as usize);
                if !desired[first] || !desired[last] {
                    continue;
                }
                let (from, to) = v4_place(window, &words, self.options, first, last);
                let text = chars.slice(index, first, from, to)?;
                match places.entry(Folded::new(text)) {
                    hash_map::Entry::Occupied(place) => answers[*place.get()].score += pair.score,
                    hash_map::Entry::Vacant(place) => {
                        place.insert(answers.len());
                        answers.push(Answer {
                            text: window.text,
                            window: index as i64,
                            start: from,
                            end: to,
                            score: pair.score,
                            start_logit: window.start.get(first),
                            end_logit: window.end.get(last),
                        });
                    }
                }
            }
        }
        if self.options.null_allowed {
            answers.push(self.null_answer(self.order.first().copied(), |_| Some(0), null_score));
        }
        answers.sort_by(|a, b| descending(a.score, b.score));
        answers.truncate(top_k);
        Ok((answers, null_score))
    }

    /// Puts the best `candidates` spans of a window into `pairs` and gives the probability of its token 0, "no answer".
    ///
    /// `None` for a window without tokens. As in transformers, float16 logits are computed with in float16.
    fn search(
        &self,
        index: usize,
        desired: &[bool],
        candidates: usize,
        pairs: &mut Vec<Pair>,
    ) -> Result<Option<f64>> {
        let window = &self.windows[index];
        let half = matches!(window.start, Floats::F16(_)) && matches!(window.end, Floats::F16(_));
        let (mut start, mut end) = (window.start.to_f32(), window.end.to_f32());
        mask("start_logits", index, &mut start, desired, -10_000.0)?;
        mask("end_logits", index, &mut end, desired, -10_000.0)?;
        let (Some(_), Some(_)) = (start.first(), end.first()) else { return Ok(None) };
        let normalize = if half { softmax_half } else { softmax };
        normalize(&mut start);
        normalize(&mut end);
        let null = start[0] * end[0];
        (start[0], end[0]) = (0.0, 0.0);
        let wanted = candidates.min(start.len().saturating_mul(start.len()));
        let search = if half { k_best::<HalfProduct> } else { k_best::<Product> };
        search(&start, &end, self.options.max_answer_len, wanted, pairs);
        // Candidates of probability 0 count too, even those outside the band, in the order of the matrix.
        add_zeros(&start, &end, half, self.options.max_answer_len.get(), wanted, pairs);
        Ok(Some(f64::from(if half { f16::from_f32(null).to_f32() } else { null })))
    }
}

/// Which tokens transformers wants: those of the context and every CLS; all of them if the context comes first.
fn desired(window: &Window<'_>, cls: Option<i64>, context_sequence: i64) -> Vec<bool> {
    let mut desired = vec![true; window.start.len()];
    if context_sequence == 1 {
        window.sequence_ids.keep(&mut desired, |id| id == 1);
        if let (Some(cls), Some(ids)) = (cls, window.input_ids) {
            for (token, desired) in desired.iter_mut().enumerate() {
                *desired |= ids.get(token) == cls;
            }
        } else if let Some(cls) = find_cls(window, None) {
            desired[cls] = true;
        }
    }
    if let Some(attention) = window.attention_mask {
        attention.keep(&mut desired, |attention| attention != 0);
    }
    desired
}

/// Appends spans of probability 0 in the order of the matrix, until there are `wanted`.
fn add_zeros(start: &[f32], end: &[f32], half: bool, max_len: usize, wanted: usize, pairs: &mut Vec<Pair>) {
    let zero = |score: f32| if half { f16::from_f32(score) == f16::ZERO } else { score == 0.0 };
    for (first, &start) in start.iter().enumerate() {
        for (last, &end) in end.iter().enumerate() {
            if pairs.len() >= wanted {
                return;
            }
            if last < first || last - first >= max_len || zero(start * end) {
                pairs.push(Pair { score: 0.0, first: first as u32, last: last as u32 });
            }
        }
    }
}

/// Where transformers puts an answer: `word_to_chars(token_to_word(token))`, else the tokens' own offsets.
fn v4_place(
    window: &Window<'_>,
    runs: &WordRuns,
    options: &Options,
    first: usize,
    last: usize,
) -> (i64, i64) {
    let words = if options.widen == Widen::No { None } else { window.word_ids };
    let word = |token: usize| {
        let words = words?;
        let word = words.get(token);
        if word < 0 {
            return None;
        }
        if window.sequence_ids.get(token) == options.context_sequence {
            return Some(runs.of(window, words, token));
        }
        // The word of the question's token, looked up in the context.
        let from = runs.first(window, words, options.context_sequence, word)?;
        Some(runs.of(window, words, from))
    };
    match (word(first), word(last)) {
        (Some((from, _)), Some((_, to))) => (window.offsets.get(2 * from), window.offsets.get(2 * to + 1)),
        _ => (window.offsets.get(2 * first), window.offsets.get(2 * last + 1)),
    }
}
