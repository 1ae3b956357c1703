//! The answers of one question as they should be: one ranking of the legal spans of all its windows.

use crate::answers::decode::{Answer, Question, bad, find_cls, mask, spare};
use crate::answers::fold::{Chars, Folded, Seeded};
use crate::answers::input::{Floats, Ints, Window};
use crate::answers::options::{Dedupe, Normalize, Options, Widen};
use crate::answers::runs::WordRuns;
use crate::answers::search::{Pair, Sum, descending, k_best, window_fold};
use crate::answers::softmax::{exp64, largest, vectorized};
use crate::{Error, Result};
use pulp::Arch;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::rc::Rc;

impl Question<'_> {
    /// The windows, checked; tokens that can't be in an answer are barred.
    fn ready(&self) -> Result<Vec<Ready<'_>>> {
        let mut ready = Vec::with_capacity(self.order.len());
        let mut texts = HashMap::new();
        for &index in self.order {
            let window = &self.windows[index];
            self.check_offsets(index)?;
            ready.push(Ready::new(
                index,
                window,
                self.chars(&mut texts, window.text),
                self.cls,
                self.options,
            )?);
        }
        Ok(ready)
    }

    /// Best first, and the score of "no answer".
    pub(super) fn right(
        &self,
        normalize: Normalize,
        dedupe: Dedupe,
        null_threshold: Option<f64>,
    ) -> Result<(Vec<Answer>, f64)> {
        self.check_spans(self.options.top_k.get())?;
        let ready = self.ready()?;
        let max_len = self.options.max_answer_len;
        let allowed = self.options.null_allowed || null_threshold.is_some();
        let Totals { shifts, of_spans, null } = totals(&ready, normalize, max_len, allowed);
        let top_k = self.options.top_k.get();
        let mut answers = match dedupe {
            Dedupe::Overlap => apart(&ready, &shifts, max_len, top_k)?,
            Dedupe::Span | Dedupe::Text => distinct(&ready, &shifts, max_len, top_k, dedupe == Dedupe::Text)?,
        };
        let null_score = match (null, normalize) {
            _ if answers.is_empty() => 1.0,
            (None, _) if allowed => {
                return Err(Error::Missing {
                    name: "cls_token_id",
                    why: "where \"no answer\" is allowed and CLS is not the special token before the question (with `input_ids`)",
                });
            }
            (None, _) => f64::NAN,
            (Some((log, _)), Normalize::Global) => (log - add_logs(of_spans, log)).exp(),
            (Some((log, _)), Normalize::Window) => log.exp(),
        };
        let listed = match null_threshold {
            Some(threshold) => null_score > threshold,
            None => allowed,
        };
        if listed {
            let window = null.map_or(self.order.first().copied(), |(_, index)| Some(index));
            let answer = self.null_answer(window, |window| find_cls(window, self.cls), null_score);
            let place = if null_threshold.is_some() {
                0
            } else {
                answers.partition_point(|other| other.score >= null_score)
            };
            answers.insert(place, answer);
            answers.truncate(top_k);
        }
        Ok((answers, null_score))
    }
}

/// What the scores of the spans of a question are shares of.
struct Totals {
    /// For each window, the log of the total of which its spans are shares.
    shifts: Vec<f64>,
    /// The log of the total of all spans of all windows; `-inf` for [`Normalize::Window`].
    of_spans: f64,
    /// The log of the null answer and its window: all windows must agree that there is no answer, so the lowest counts.
    null: Option<(f64, usize)>,
}

/// The totals of the windows of a question; with `null_allowed`, the null answer has a share of the total of all windows.
fn totals(ready: &[Ready<'_>], normalize: Normalize, max_len: NonZeroUsize, null_allowed: bool) -> Totals {
    let mut shifts = vec![0.0; ready.len()];
    let mut of_spans = f64::NEG_INFINITY;
    let mut null: Option<(f64, usize)> = None;
    for (ready, shift) in ready.iter().zip(&mut shifts) {
        if normalize == Normalize::Window {
            *shift = ready.window_shift();
        } else {
            of_spans = add_logs(of_spans, span_log_sum(&ready.start, &ready.end, max_len));
        }
        if let Some(cls) = ready.cls {
            let log = f64::from(ready.window.start.get(cls)) + f64::from(ready.window.end.get(cls)) - *shift;
            if null.is_none_or(|(least, _)| log < least) {
                null = Some((log, ready.index));
            }
        }
    }
    if normalize == Normalize::Global {
        shifts.fill(match null {
            Some((log, _)) if null_allowed => add_logs(of_spans, log),
            _ => of_spans,
        });
    }
    Totals { shifts, of_spans, null }
}

/// A window with the scores of all tokens that cannot be in an answer set to `-inf`.
struct Ready<'a> {
    index: usize,
    window: &'a Window<'a>,
    start: Vec<f32>,
    end: Vec<f32>,
    cls: Option<usize>,
    chars: Rc<Chars<'a>>,
    runs: WordRuns,
    options: &'a Options,
}

impl<'a> Ready<'a> {
    fn new(
        index: usize,
        window: &'a Window<'a>,
        chars: Rc<Chars<'a>>,
        cls: Option<i64>,
        options: &'a Options,
    ) -> Result<Self> {
        let mut allowed = vec![true; window.start.len()];
        window.sequence_ids.keep(&mut allowed, |id| id == options.context_sequence);
        if let Some(attention) = window.attention_mask {
            attention.keep(&mut allowed, |attention| attention != 0);
        }
        // A token that covers no character can't begin or end an answer.
        match window.offsets {
            Ints::I8(offsets) => keep_wide(&mut allowed, offsets),
            Ints::I32(offsets) => keep_wide(&mut allowed, offsets),
            Ints::I64(offsets) => keep_wide(&mut allowed, offsets),
        }
        let (mut start, mut end) = (window.start.to_f32(), window.end.to_f32());
        mask("start_logits", index, &mut start, &allowed, f32::NEG_INFINITY)?;
        mask("end_logits", index, &mut end, &allowed, f32::NEG_INFINITY)?;
        let cls = find_cls(window, cls);
        if let Some(cls) = cls {
            for (name, logits) in [("start_logits", window.start), ("end_logits", window.end)] {
                let logit = logits.get(cls);
                if bad(logit) {
                    let found = if logit.is_nan() { "NaN" } else { "inf" };
                    return Err(Error::BadScore { name, found, window: index, token: cls });
                }
            }
        }
        Ok(Self { index, window, start, end, cls, chars, runs: WordRuns::default(), options })
    }

    /// Log of the product of the two softmax sums of a window; CLS takes part.
    fn window_shift(&self) -> f64 {
        let log_sum = |scores: &[f32], logits: Floats<'_>| {
            let cls = self.cls.map_or(f32::NEG_INFINITY, |cls| logits.get(cls));
            let max = scores.iter().copied().fold(cls, f32::max);
            if max == f32::NEG_INFINITY {
                return 0.0;
            }
            let shares = Arch::new().dispatch(Exps { scores, top: max });
            f64::from(max) + (shares.iter().sum::<f64>() + (f64::from(cls) - f64::from(max)).exp()).ln()
        };
        log_sum(&self.start, self.window.start) + log_sum(&self.end, self.window.end)
    }

    /// First character of an answer that begins with `token`.
    fn from(&self, token: usize) -> i64 {
        let own = self.window.offsets.get(2 * token);
        let Some(word) = self.word(token) else { return own };
        let edge = self.window.offsets.get(2 * word.0);
        if self.options.widen == Widen::Auto { self.chars.widen_left(own, edge) } else { edge.min(own) }
    }

    /// One after the last character of an answer that ends with `token`.
    fn to(&self, token: usize) -> i64 {
        let own = self.window.offsets.get(2 * token + 1);
        let Some(word) = self.word(token) else { return own };
        let edge = self.window.offsets.get(2 * word.1 + 1);
        if self.options.widen == Widen::Auto { self.chars.widen_right(own, edge) } else { edge.max(own) }
    }

    /// The first character of an answer that begins with each token, and one after the last of an answer that ends with
    /// it; -1 for tokens outside the context. Barred tokens have both: they can still lie inside an answer.
    fn edges(&self) -> (Vec<i64>, Vec<i64>) {
        let inside = |token: usize| self.window.sequence_ids.get(token) == self.options.context_sequence;
        let edge = |of: &dyn Fn(usize) -> i64| {
            (0..self.start.len()).map(|token| if inside(token) { of(token) } else { -1 }).collect()
        };
        (edge(&|token| self.from(token)), edge(&|token| self.to(token)))
    }

    fn word(&self, token: usize) -> Option<(usize, usize)> {
        let words = if self.options.widen == Widen::No { None } else { self.window.word_ids }?;
        (words.get(token) >= 0).then(|| self.runs.of(self.window, words, token))
    }

    fn answer(&self, pair: Pair, shift: f64) -> Answer {
        let (first, last) = (pair.first as usize, pair.last as usize);
        Answer {
            text: self.window.text,
            window: self.index as i64,
            start: self.from(first),
            end: self.to(last),
            score: (pair.score - shift).exp(),
            start_logit: self.start[first],
            end_logit: self.end[last],
        }
    }

    /// The characters of an answer.
    ///
    /// # Errors
    /// [`Error::OffsetOrder`] if its last token stands in the text before its first.
    fn text_of(&self, pair: Pair, answer: &Answer) -> Result<&str> {
        let (first, last) = (pair.first as usize, pair.last as usize);
        if answer.end < answer.start {
            let place =
                |token: usize| (self.window.offsets.get(2 * token), self.window.offsets.get(2 * token + 1));
            let (start, end) = place(last);
            return Err(Error::OffsetOrder {
                window: self.index,
                token: last,
                start,
                end,
                before: place(first),
            });
        }
        self.chars.slice(self.index, first, answer.start, answer.end)
    }
}

fn keep_wide<T: PartialOrd>(allowed: &mut [bool], offsets: &[T]) {
    for (allowed, offset) in allowed.iter_mut().zip(offsets.chunks_exact(2)) {
        *allowed &= offset[0] < offset[1];
    }
}

/// The `top_k` best answers no two of which are the same place (or text), best first.
fn distinct(
    ready: &[Ready<'_>],
    shifts: &[f64],
    max_len: NonZeroUsize,
    top_k: usize,
    by_text: bool,
) -> Result<Vec<Answer>> {
    // How many spans are looked at, at most: only a text that repeats itself without end needs more.
    const MOST: usize = 1 << 20;
    let aligned = ready.iter().any(|ready| ready.options.widen != Widen::No);
    let mut wanted = if aligned || by_text || ready.len() > 1 { spare(top_k) } else { top_k };
    loop {
        let mut found: Vec<(f64, Pair, usize)> = Vec::new();
        let mut pairs = Vec::new();
        for (which, ready) in ready.iter().enumerate() {
            k_best::<Sum>(&ready.start, &ready.end, max_len, wanted, &mut pairs);
            // Normalised over everything, all shifts are the same.
            found.extend(pairs.iter().map(|&pair| (pair.score - (shifts[which] - shifts[0]), pair, which)));
        }
        if ready.len() > 1 {
            found.sort_by(|a, b| {
                descending(a.0, b.0).then_with(|| (a.1.first, a.1.last).cmp(&(b.1.first, b.1.last)))
            });
        }
        let exhausted = found.len() < wanted;
        found.truncate(wanted);
        let mut answers: Vec<Answer> = Vec::new();
        let mut places = HashSet::new();
        let mut texts: HashSet<Folded<'_>, Seeded> = HashSet::default();
        for (_, pair, which) in found {
            let ready = &ready[which];
            let answer = ready.answer(pair, shifts[which]);
            let text = ready.text_of(pair, &answer)?;
            // Places first: the same place has the same text, which may be long.
            let new = places.insert((answer.text, answer.start, answer.end))
                && (!by_text || texts.insert(Folded::new(text)));
            if new {
                answers.push(answer);
                if answers.len() == top_k {
                    return Ok(answers);
                }
            }
        }
        if exhausted || wanted >= MOST {
            return Ok(answers);
        }
        wanted = wanted.saturating_mul(8);
    }
}

/// Tokens `from..to` of a window of which none is covered by one of the first `seen` answers, and their best span.
struct Free {
    which: usize,
    from: usize,
    to: usize,
    seen: usize,
    best: Pair,
    score: f64,
}

impl Free {
    fn place(&self) -> (u32, u32, usize) {
        (self.best.first, self.best.last, self.which)
    }
}

impl PartialEq for Free {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Free {}

impl PartialOrd for Free {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Free {
    fn cmp(&self, other: &Self) -> Ordering {
        descending(other.score, self.score).then_with(|| other.place().cmp(&self.place()))
    }
}

/// The best answer, then the best that shares no character with it, and so on.
///
/// An answer cuts the parts of windows that it covers, but only when they come to the top: a cut can only lower their
/// score.
fn apart(ready: &[Ready<'_>], shifts: &[f64], max_len: NonZeroUsize, top_k: usize) -> Result<Vec<Answer>> {
    let edges: Vec<_> = ready.iter().map(Ready::edges).collect();
    let mut pairs = Vec::new();
    let mut best = |which: usize, from: usize, to: usize, seen: usize| {
        k_best::<Sum>(&ready[which].start[from..to], &ready[which].end[from..to], max_len, 1, &mut pairs);
        let pair = *pairs.first()?;
        let best = Pair { first: pair.first + from as u32, last: pair.last + from as u32, ..pair };
        Some(Free { which, from, to, seen, best, score: best.score - (shifts[which] - shifts[0]) })
    };
    let mut free: BinaryHeap<Free> =
        (0..ready.len()).filter_map(|which| best(which, 0, ready[which].start.len(), 0)).collect();
    let mut answers: Vec<Answer> = Vec::new();
    // The token range that each answer was found in. It counts as covered, even where the characters of the answer say
    // otherwise.
    let mut own: Vec<(usize, u32, u32)> = Vec::new();
    while answers.len() < top_k {
        let Some(mut part) = free.pop() else { break };
        let (starts, ends) = &edges[part.which];
        let covers = |answer: usize, token: usize| {
            let (which, first, last) = own[answer];
            let Answer { start, end, .. } = answers[answer];
            (starts[token] >= 0 && starts[token] < end && ends[token] > start)
                || (which == part.which && (first as usize..=last as usize).contains(&token))
        };
        let text = ready[part.which].window.text;
        let cut =
            (part.seen..answers.len()).filter(|&answer| answers[answer].text == text).find_map(|answer| {
                if let Some(first) = (part.from..part.to).find(|&token| covers(answer, token)) {
                    let last = (part.from..part.to).rfind(|&token| covers(answer, token))?;
                    return Some((answer + 1, first, last + 1));
                }
                // If no token of this window has its characters, the answer still parts the tokens before it from
                // those after it.
                let Answer { start, end, .. } = answers[answer];
                let behind = (part.from..part.to).find(|&token| starts[token] >= end)?;
                let before = |token| starts[token] >= 0 && ends[token] <= start;
                (part.from..behind).any(before).then_some((answer + 1, behind, behind))
            });
        if let Some((seen, first, behind)) = cut {
            free.extend(best(part.which, part.from, first, seen));
            free.extend(best(part.which, behind, part.to, seen));
            continue;
        }
        part.seen = answers.len();
        let Free { which, best: pair, .. } = part;
        let answer = ready[which].answer(pair, shifts[which]);
        ready[which].text_of(pair, &answer)?;
        answers.push(answer);
        own.push((which, pair.first, pair.last));
        free.push(part);
    }
    Ok(answers)
}

/// Log of the sum of `exp(start[first] + end[last])` over all spans.
///
/// Each start times the sum of the ends within reach. That sum is added up from the sides of blocks, never taken
/// as a difference, so a far larger end elsewhere can't drown it.
fn span_log_sum(start: &[f32], end: &[f32], max_len: NonZeroUsize) -> f64 {
    let (top_start, top_end, sum) = Arch::new().dispatch(SpanSum { start, end, max_len: max_len.get() });
    if top_start == f32::NEG_INFINITY || top_end == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if sum > 1e-280 {
        return sum.ln() + f64::from(top_start) + f64::from(top_end);
    }
    // The best start and the best end are not within reach of each other, and everything else is far below, so the sum
    // is taken in logs.
    let ends: Vec<f64> = end.iter().map(|&end| end.into()).collect();
    let reach = window_fold(&ends, max_len.get(), f64::NEG_INFINITY, add_logs);
    start
        .iter()
        .zip(reach)
        .fold(f64::NEG_INFINITY, |sum, (&start, reach)| add_logs(sum, f64::from(start) + reach))
}

vectorized!(SpanSum { start: &'a [f32], end: &'a [f32], max_len: usize } -> (f32, f32, f64) {
    let (top_start, top_end) = (largest(start), largest(end));
    let (starts, ends) = (exps(start, top_start), exps(end, top_end));
    let reach = window_fold(&ends, max_len, 0.0, |a, b| a + b);
    let mut sums = [0.0; 8];
    for (starts, reach) in starts.chunks(8).zip(reach.chunks(8)) {
        for ((sum, start), reach) in sums.iter_mut().zip(starts).zip(reach) {
            *sum += start * reach;
        }
    }
    (top_start, top_end, sums.iter().sum::<f64>())
});

vectorized!(Exps { scores: &'a [f32], top: f32 } -> Vec<f64> { exps(scores, top) });

/// `exp(score - top)` of each score.
#[inline(always)]
#[allow(clippy::inline_always, reason = "must be inlined into the loop that has the processor's features")]
fn exps(scores: &[f32], top: f32) -> Vec<f64> {
    let mut out = vec![0.0; scores.len()];
    for (out, &score) in out.iter_mut().zip(scores) {
        *out = exp64(f64::from(score) - f64::from(top));
    }
    out
}

/// `ln(exp(a) + exp(b))`.
fn add_logs(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
