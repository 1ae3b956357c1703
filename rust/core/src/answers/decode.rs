//! Logits of windows -> answers of questions, as transformers 4.57 gives them or as they should be.

use crate::answers::fold::Chars;
use crate::answers::input::{Floats, Ints, Text, Window};
use crate::answers::options::{Mode, Options, Widen};
use crate::answers::softmax::vectorized;
use crate::parallel::{self, Threads};
use crate::{Error, Result};
use pulp::Arch;
use std::collections::HashMap;
use std::rc::Rc;

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
pub(super) struct Question<'a> {
    pub(super) windows: &'a [Window<'a>],
    pub(super) order: &'a [usize],
    pub(super) texts: &'a [Text<'a>],
    pub(super) cls: Option<i64>,
    pub(super) options: &'a Options,
}

/// Answers of one question that are looked at, at most: some 150 bytes each.
const MOST_SPANS: usize = 1 << 24;

impl Question<'_> {
    /// Refuses to list more spans than memory may hold: `top_k` may exceed the number of spans, unless there are too
    /// many spans to list them all.
    pub(super) fn check_spans(&self, candidates: usize) -> Result<()> {
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
}

impl<'a> Question<'a> {
    /// "No answer", with the logits of the token that `at` finds in a window; NaN where there is none.
    pub(super) fn null_answer(
        &self,
        window: Option<usize>,
        at: impl Fn(&Window<'_>) -> Option<usize>,
        score: f64,
    ) -> Answer {
        let window = window.map(|index| &self.windows[index]);
        let token = window.and_then(|window| at(window).filter(|&token| token < window.start.len()));
        let logit = |logits: Option<Floats<'_>>| {
            logits.zip(token).map_or(f32::NAN, |(logits, token)| logits.get(token))
        };
        Answer {
            text: window.map_or(0, |window| window.text),
            window: -1,
            start: 0,
            end: 0,
            score,
            start_logit: logit(window.map(|window| window.start)),
            end_logit: logit(window.map(|window| window.end)),
        }
    }

    /// The characters of a text, counted once for all its windows.
    pub(super) fn chars(&self, known: &mut HashMap<usize, Rc<Chars<'a>>>, text: usize) -> Rc<Chars<'a>> {
        Rc::clone(known.entry(text).or_insert_with(|| Rc::new(Chars::new(self.texts[text]))))
    }

    /// Refuses a token of the context whose offsets are no span of it.
    pub(super) fn check_offsets(&self, index: usize) -> Result<()> {
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
    // Offsets of the question are positions in the question, so they may exceed `chars`. Mostly no pair is bad, so
    // `counts` is seldom called.
    offsets
        .chunks_exact(2)
        .enumerate()
        .find(|(token, pair)| bad(pair) && counts(*token))
        .map(|(token, _)| token)
}

/// The CLS token: by its id, or as the special token just before the first token of a text.
pub(super) fn find_cls(window: &Window<'_>, cls: Option<i64>) -> Option<usize> {
    if let (Some(cls), Some(ids)) = (cls, window.input_ids) {
        return ids.position(cls);
    }
    (0..window.sequence_ids.len()).find(|&token| window.sequence_ids.get(token) >= 0)?.checked_sub(1)
}

/// Sets the logits that are not to be kept to `fill`.
pub(super) fn mask(
    name: &'static str,
    window: usize,
    logits: &mut [f32],
    keep: &[bool],
    fill: f32,
) -> Result<()> {
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
pub(super) fn bad(logit: f32) -> bool {
    logit.is_nan() || logit == f32::INFINITY
}

/// How many spans are looked at for `top_k` answers where some of them may be the same.
pub(super) fn spare(top_k: usize) -> usize {
    top_k.saturating_mul(2).saturating_add(10)
}
