//! Logits of windows -> answers of questions, as transformers 4.57 gives them or as they should be.

use crate::answers::fold::{Chars, Fnv, Folded};
use crate::answers::input::{Floats, Ints, Text, Window};
use crate::answers::search::{HalfProduct, Pair, Product, Sum, descending, k_best, window_fold};
use crate::answers::softmax::{exp64, largest, softmax, softmax_half, vectorized};
use crate::error::named;
use crate::parallel::{self, Threads};
use crate::{Error, Result};
use half::f16;
use pulp::Arch;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet, hash_map};
use std::hash::BuildHasherDefault;
use std::num::NonZeroUsize;
use std::rc::Rc;

named! {
    /// Whether an answer that begins or ends inside a word is widened.
    pub enum Widen of "align" {
        /// Never.
        No = "no",
        /// Always, to the word of the tokenizer.
        Word = "word",
        /// To the word, but not across a character of a script that is written without spaces.
        Auto = "auto",
    }
}

named! {
    /// When two answers of one question are the same.
    pub enum Dedupe of "dedupe" {
        /// Same place.
        Span = "span",
        /// Same text, ignoring case.
        Text = "text",
        /// Places that share a character.
        Overlap = "overlap",
    }
}

named! {
    /// What scores are shares of.
    pub enum Normalize of "normalize" {
        /// All legal spans of all windows of a question, and its null answer where that is allowed.
        Global = "global",
        /// The start and end tokens of a window, each for itself.
        Window = "window",
    }
}

/// Which behaviour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// The right answer.
    Right {
        /// What scores are shares of.
        normalize: Normalize,
        /// When two answers are the same.
        dedupe: Dedupe,
        /// Answer "nothing" first where the null score is above this, and not at all elsewhere.
        null_threshold: Option<f64>,
    },
    /// `QuestionAnsweringPipeline.postprocess` of transformers 4.57.6.
    Transformers,
}

/// What is fixed over many calls.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Answers of a question, at most.
    pub top_k: NonZeroUsize,
    /// Tokens of an answer, at most.
    pub max_answer_len: NonZeroUsize,
    /// Whether "no answer" is an answer.
    pub null_allowed: bool,
    /// Whether answers are widened to words.
    pub widen: Widen,
    /// Which sequence of a window is the context: 1, or 0 where the context comes first.
    pub context_sequence: i64,
    /// Which behaviour.
    pub mode: Mode,
}

/// Answers of all questions.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Best first within a question, questions in order.
    pub rows: Vec<Answer>,
    /// Score of "no answer", one a question.
    pub null_score: Vec<f64>,
    /// Where the answers of a question begin; one entry more than questions.
    pub bounds: Vec<usize>,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Text the answer is in.
    pub text: usize,
    /// Window it was found in; -1 for the null answer.
    pub window: i64,
    /// First character of the text.
    pub start: i64,
    /// One after its last character.
    pub end: i64,
    /// Score, at most 1 (more only where [`Mode::Transformers`] adds up).
    pub score: f64,
    /// Logit of the first token.
    pub start_logit: f32,
    /// Logit of the last token.
    pub end_logit: f32,
}

/// Decodes the answers of all questions.
///
/// `questions[t]` is the question of text `t`; the texts of one question are ranked together. `None`: each text
/// is a question of its own. `cls` is the id of the CLS token, whose logits are those of "no answer"; without
/// it, CLS is the special token just before the first token of a text.
///
/// # Errors
/// [`Error::BadWindowText`], [`Error::BadOffset`], [`Error::BadLogits`], [`Error::Missing`] if what the options
/// need is not there, [`Error::TokenCount`] if the arguments of a window differ in length.
pub fn decode(
    windows: &[Window<'_>],
    texts: &[Text<'_>],
    questions: Option<&[usize]>,
    cls: Option<i64>,
    options: &Options,
    threads: Threads,
) -> Result<Answers> {
    check(windows, texts, cls, options)?;
    let total = questions.map_or(texts.len(), |questions| questions.iter().max().map_or(0, |&last| last + 1));
    let question = |window: &Window<'_>| questions.map_or(window.text, |questions| questions[window.text]);
    // Windows of each question, in their order.
    let mut begins = vec![0; total + 1];
    for window in windows {
        begins[question(window) + 1] += 1;
    }
    for i in 0..total {
        begins[i + 1] += begins[i];
    }
    let mut order = vec![0; windows.len()];
    let mut next = begins.clone();
    for (index, window) in windows.iter().enumerate() {
        let place = &mut next[question(window)];
        order[*place] = index;
        *place += 1;
    }
    let tokens: usize = windows.iter().map(|window| window.start.len()).sum();
    let found = parallel::map(total, threads, tokens * 15 + total * 1_000, |question| {
        Question { windows, order: &order[begins[question]..begins[question + 1]], texts, cls, options }
            .answers()
    })?;
    let mut out = Answers {
        rows: Vec::new(),
        null_score: Vec::with_capacity(total),
        bounds: Vec::with_capacity(total + 1),
    };
    out.bounds.push(0);
    for (answers, null_score) in found {
        if out.rows.is_empty() {
            out.rows = answers;
        } else {
            out.rows.extend(answers);
        }
        out.null_score.push(null_score);
        out.bounds.push(out.rows.len());
    }
    Ok(out)
}

fn check(windows: &[Window<'_>], texts: &[Text<'_>], cls: Option<i64>, options: &Options) -> Result<()> {
    for (index, window) in windows.iter().enumerate() {
        if window.text >= texts.len() {
            return Err(Error::BadWindowText { window: index, text: window.text as i64, texts: texts.len() });
        }
        let want = window.start.len();
        let counts = [
            ("end_logits", Some(window.end.len())),
            ("offsets", Some(window.offsets.len() / 2)),
            ("sequence_ids", Some(window.sequence_ids.len())),
            ("word_ids", window.word_ids.map(Ints::len)),
            ("input_ids", window.input_ids.map(Ints::len)),
            ("attention_mask", window.attention_mask.map(Ints::len)),
        ];
        for (name, got) in counts {
            if let Some(got) = got
                && got != want
            {
                return Err(Error::TokenCount { name, window: index, got, want });
            }
        }
        if window.offsets.len() % 2 != 0 {
            return Err(Error::NotPairs { name: "offsets", got: 1 });
        }
        if cls.is_some() && window.input_ids.is_none() {
            return Err(Error::Missing { name: "input_ids", why: "to find `cls_token_id` in" });
        }
        if options.widen == Widen::Word && window.word_ids.is_none() {
            return Err(Error::Missing {
                name: "word_ids",
                why: "where `align_to_words` is True (False and \"auto\" can do without)",
            });
        }
    }
    Ok(())
}

/// The windows of one question.
struct Question<'a> {
    windows: &'a [Window<'a>],
    order: &'a [usize],
    texts: &'a [Text<'a>],
    cls: Option<i64>,
    options: &'a Options,
}

/// Answers of one question that are looked at, at most: some 150 bytes each.
const MOST_SPANS: usize = 1 << 24;

impl Question<'_> {
    /// Refuses to list more spans than memory may hold: `top_k` may be larger than there are, but not everything
    /// when that is too much.
    fn check_spans(&self, candidates: usize) -> Result<()> {
        let spans = |&index: &usize| {
            let tokens = self.windows[index].start.len();
            let each = match self.options.mode {
                Mode::Transformers => tokens,
                Mode::Right { .. } => self.options.max_answer_len.get().min(tokens),
            };
            candidates.min(tokens.saturating_mul(each))
        };
        let total = self.order.iter().map(spans).fold(0, usize::saturating_add);
        if total <= MOST_SPANS {
            return Ok(());
        }
        Err(Error::BadOption {
            name: "top_k",
            got: format!("{}, and one question has up to {total} spans", self.options.top_k),
            cure: "16777216 spans of a question can be ranked; pass a smaller `top_k` or `max_answer_len`",
        })
    }

    fn answers(&self) -> Result<(Vec<Answer>, f64)> {
        match self.options.mode {
            Mode::Right { normalize, dedupe, null_threshold } => {
                self.right(normalize, dedupe, null_threshold)
            }
            Mode::Transformers => self.transformers(),
        }
    }

    fn transformers(&self) -> Result<(Vec<Answer>, f64)> {
        let top_k = self.options.top_k.get();
        let candidates = if self.options.widen == Widen::No { top_k } else { spare(top_k) };
        self.check_spans(candidates)?;
        let mut answers: Vec<Answer> = Vec::new();
        let mut places: HashMap<Folded<'_>, usize, BuildHasherDefault<Fnv>> =
            HashMap::with_capacity_and_hasher(candidates.min(64), BuildHasherDefault::default());
        let mut null_score = 1_000_000.0_f64;
        let mut pairs = Vec::new();
        let mut texts = HashMap::new();
        for &index in self.order {
            let window = &self.windows[index];
            let chars = self.chars(&mut texts, window.text);
            let words = WordRuns::default();
            self.check_offsets(index)?;
            let half = matches!(window.start, Floats::F16(_)) && matches!(window.end, Floats::F16(_));
            let desired = desired(window, self.cls, self.options.context_sequence);
            let (mut start, mut end) = (window.start.to_f32(), window.end.to_f32());
            mask("start_logits", index, &mut start, &desired, -10_000.0)?;
            mask("end_logits", index, &mut end, &desired, -10_000.0)?;
            let (Some(_), Some(_)) = (start.first(), end.first()) else { continue };
            let normalize = if half { softmax_half } else { softmax };
            normalize(&mut start);
            normalize(&mut end);
            let null = start[0] * end[0];
            null_score = null_score.min(f64::from(if half { f16::from_f32(null).to_f32() } else { null }));
            (start[0], end[0]) = (0.0, 0.0);
            let wanted = candidates.min(start.len().saturating_mul(start.len()));
            let search = if half { k_best::<HalfProduct> } else { k_best::<Product> };
            search(&start, &end, self.options.max_answer_len, wanted, &mut pairs);
            // Candidates of probability 0 count too, even those outside the band, in the order of the matrix.
            add_zeros(&start, &end, half, self.options.max_answer_len.get(), wanted, &mut pairs);
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
            let window = self.order.first().map(|&index| &self.windows[index]);
            let logit = |logits: Option<Floats<'_>>| {
                logits.map_or(f32::NAN, |logits| if logits.len() > 0 { logits.get(0) } else { f32::NAN })
            };
            answers.push(Answer {
                text: window.map_or(0, |window| window.text),
                window: -1,
                start: 0,
                end: 0,
                score: null_score,
                start_logit: logit(window.map(|window| window.start)),
                end_logit: logit(window.map(|window| window.end)),
            });
        }
        answers.sort_by(|a, b| descending(a.score, b.score));
        answers.truncate(top_k);
        Ok((answers, null_score))
    }

    fn right(
        &self,
        normalize: Normalize,
        dedupe: Dedupe,
        null_threshold: Option<f64>,
    ) -> Result<(Vec<Answer>, f64)> {
        self.check_spans(self.options.top_k.get())?;
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
        let max_len = self.options.max_answer_len;
        // Log of what each window's sums of logits are shares of.
        let mut shifts = vec![0.0; ready.len()];
        let mut total = f64::NEG_INFINITY;
        // The null answer: all windows must agree that there is none, so the least of them counts.
        let mut null: Option<(f64, usize)> = None;
        for (ready, shift) in ready.iter().zip(&mut shifts) {
            if normalize == Normalize::Window {
                *shift = ready.window_shift();
            } else {
                total = add_logs(total, span_log_sum(&ready.start, &ready.end, max_len));
            }
            if let Some(cls) = ready.cls {
                let log =
                    f64::from(ready.window.start.get(cls)) + f64::from(ready.window.end.get(cls)) - *shift;
                if null.is_none_or(|(least, _)| log < least) {
                    null = Some((log, ready.index));
                }
            }
        }
        let allowed = self.options.null_allowed || null_threshold.is_some();
        let of_spans = total;
        if normalize == Normalize::Global {
            if let (true, Some((log, _))) = (allowed, null) {
                total = add_logs(total, log);
            }
            shifts.fill(total);
        }
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
            let window = null
                .map_or(self.order.first().copied(), |(_, index)| Some(index))
                .map(|index| &self.windows[index]);
            let cls = window.and_then(|window| find_cls(window, self.cls));
            let logit = |logits: Option<Floats<'_>>| {
                logits.zip(cls).map_or(f32::NAN, |(logits, cls)| logits.get(cls))
            };
            let answer = Answer {
                text: window.map_or(0, |window| window.text),
                window: -1,
                start: 0,
                end: 0,
                score: null_score,
                start_logit: logit(window.map(|window| window.start)),
                end_logit: logit(window.map(|window| window.end)),
            };
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

/// How many spans are looked at for `top_k` answers where some of them may be the same.
fn spare(top_k: usize) -> usize {
    top_k.saturating_mul(2).saturating_add(10)
}

impl<'a> Question<'a> {
    /// The characters of a text, counted once for all its windows.
    fn chars(&self, known: &mut HashMap<usize, Rc<Chars<'a>>>, text: usize) -> Rc<Chars<'a>> {
        Rc::clone(known.entry(text).or_insert_with(|| Rc::new(Chars::new(self.texts[text]))))
    }

    /// Refuses a token of the context whose offsets are no span of it.
    fn check_offsets(&self, index: usize) -> Result<()> {
        let window = &self.windows[index];
        let chars = self.texts[window.text].chars;
        let bad = match window.offsets {
            Ints::I8(offsets) => bad_offset(offsets, window, self.options, chars),
            Ints::I32(offsets) => bad_offset(offsets, window, self.options, chars),
            Ints::I64(offsets) => bad_offset(offsets, window, self.options, chars),
        };
        match bad {
            None => Ok(()),
            Some(token) => Err(Error::BadOffset {
                window: index,
                token,
                start: window.offsets.get(2 * token),
                end: window.offsets.get(2 * token + 1),
                limit: Some(chars),
            }),
        }
    }
}

/// The first token of the context that is neither padding nor covers `0 <= start <= end <= chars`.
fn bad_offset<T: Copy + Into<i64>>(
    offsets: &[T],
    window: &Window<'_>,
    options: &Options,
    chars: usize,
) -> Option<usize> {
    let limit = i64::try_from(chars).unwrap_or(i64::MAX);
    let bad = |pair: &[T]| {
        let (start, end): (i64, i64) = (pair[0].into(), pair[1].into());
        start < 0 || start > end || end > limit
    };
    let counts = |token: usize| {
        window.sequence_ids.get(token) == options.context_sequence
            && window.attention_mask.is_none_or(|attention| attention.get(token) != 0)
    };
    // The offsets of the question are its own and may be longer; mostly no pair is bad, and none is asked about.
    offsets
        .chunks_exact(2)
        .enumerate()
        .find(|(token, pair)| bad(pair) && counts(*token))
        .map(|(token, _)| token)
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

/// The CLS token: by its id, or as the special token just before the first token of a text.
fn find_cls(window: &Window<'_>, cls: Option<i64>) -> Option<usize> {
    if let (Some(cls), Some(ids)) = (cls, window.input_ids) {
        return ids.position(cls);
    }
    (0..window.sequence_ids.len()).find(|&token| window.sequence_ids.get(token) >= 0)?.checked_sub(1)
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

/// Sets the logits that are not to be kept to `fill`.
fn mask(name: &'static str, window: usize, logits: &mut [f32], keep: &[bool], fill: f32) -> Result<()> {
    if Arch::new().dispatch(Mask { logits: &mut *logits, keep, fill })
        && let Some(token) = logits.iter().position(|&logit| bad(logit))
    {
        return Err(Error::BadScore {
            name,
            found: if logits[token].is_nan() { "NaN" } else { "inf" },
            window,
            token,
        });
    }
    Ok(())
}

vectorized!(Mask { logits: &'a mut [f32], keep: &'a [bool], fill: f32 } -> bool {
    let mut any = false;
    for (logit, &keep) in logits.iter_mut().zip(keep) {
        *logit = if keep { *logit } else { fill };
        any |= bad(*logit);
    }
    any
});

/// Whether a logit can't be ranked: NaN or `+inf`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the body of a hot loop")]
fn bad(logit: f32) -> bool {
    logit.is_nan() || logit == f32::INFINITY
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

/// Where the words of a window begin and end. Made when first asked for, and then all at once: one word may have all
/// tokens of a window, and be asked for by each of them.
#[derive(Default)]
struct WordRuns {
    runs: OnceCell<Vec<(u32, u32)>>,
    firsts: OnceCell<HashMap<i64, u32>>,
}

impl WordRuns {
    /// First and last token of the word of `token`.
    fn of(&self, window: &Window<'_>, words: Ints<'_>, token: usize) -> (usize, usize) {
        let runs = self.runs.get_or_init(|| {
            let same = |a: usize, b: usize| {
                words.get(a) == words.get(b) && window.sequence_ids.get(a) == window.sequence_ids.get(b)
            };
            let tokens = window.start.len();
            let mut runs: Vec<(u32, u32)> = Vec::with_capacity(tokens);
            let mut from = 0;
            while from < tokens {
                let to = (from + 1..tokens).find(|&next| !same(from, next)).unwrap_or(tokens);
                runs.resize(to, (from as u32, to as u32 - 1));
                from = to;
            }
            runs
        });
        let (from, to) = runs[token];
        (from as usize, to as usize)
    }

    /// The first token of the context whose word has the number `word`.
    fn first(&self, window: &Window<'_>, words: Ints<'_>, context: i64, word: i64) -> Option<usize> {
        let firsts = self.firsts.get_or_init(|| {
            let tokens = (0..window.start.len()).rev();
            let in_context = tokens.filter(|&token| window.sequence_ids.get(token) == context);
            in_context.map(|token| (words.get(token), token as u32)).collect()
        });
        firsts.get(&word).map(|&token| token as usize)
    }
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
        let mut texts: HashSet<Folded<'_>, BuildHasherDefault<Fnv>> = HashSet::default();
        for (_, pair, which) in found {
            let ready = &ready[which];
            let answer = ready.answer(pair, shifts[which]);
            let text = ready.chars.slice(ready.index, pair.first as usize, answer.start, answer.end)?;
            // A text of the same place is the same, and may be long.
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
/// An answer cuts the parts of windows that it covers, but only when they come to the top: cut, they can but get worse.
fn apart(ready: &[Ready<'_>], shifts: &[f64], max_len: NonZeroUsize, top_k: usize) -> Result<Vec<Answer>> {
    let edges: Vec<(Vec<i64>, Vec<i64>)> = ready
        .iter()
        .map(|ready| {
            // All tokens of the context: a barred one can still lie inside an answer.
            let inside =
                |token: usize| ready.window.sequence_ids.get(token) == ready.options.context_sequence;
            let edge = |of: &dyn Fn(usize) -> i64| {
                (0..ready.start.len()).map(|t| if inside(t) { of(t) } else { -1 }).collect()
            };
            (edge(&|token| ready.from(token)), edge(&|token| ready.to(token)))
        })
        .collect();
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
    // The token range that each answer was found in: covered, even where its characters say otherwise.
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
                // No token of this window may have its characters: it still parts those before it from those behind.
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
        ready[which].chars.slice(ready[which].index, pair.first as usize, answer.start, answer.end)?;
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
    // The best start and the best end are not within reach of each other, and everything else is far below: in logs.
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
