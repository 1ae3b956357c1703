//! `AnswerDecoder` and `postprocess_qa_predictions` of the Python package: one call a batch.

mod columns;

pub(crate) use columns::{
    answer_columns, answer_json, answer_kind, answer_lists, answer_table, answer_words,
};

use crate::batch::arrays::{Integers, Lengths, Ragged};
use crate::batch::texts;
use crate::door::{detached, exception};
use crate::options::read;
use crate::threads::Threads;
use fastpost_core::answers::{
    Feature, Floats, Ints, Mode, Options, Position, Ranked, Ranking, Text, Window, decode, list, positions,
    rank,
};
use fastpost_core::{Error, Result, parallel};
use half::slice::HalfBitsSliceExt;
use half::{bf16, f16};
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PySlice, PyString};
use std::num::NonZeroUsize;

/// Logits as they come: 32-bit floats, or the bits of 16-bit ones.
#[derive(FromPyObject)]
pub(crate) enum Logits<'py> {
    #[pyo3(transparent)]
    Single(Ragged<'py, f32>),
    #[pyo3(transparent)]
    Half(Ragged<'py, u16>),
}

impl<'py> Logits<'py> {
    /// An argument that can be read as it is.
    fn borrow(given: &Bound<'py, PyAny>) -> Option<Self> {
        let read: Self = given.extract().ok()?;
        let laid_out = match &read {
            Self::Single(array) => array.is_laid_out(),
            Self::Half(array) => array.is_laid_out(),
        };
        laid_out.then_some(read)
    }

    fn lengths(&self, name: &'static str, given: Option<&[i64]>) -> Result<Lengths> {
        match self {
            Self::Single(array) => Lengths::of_scores(name, array, given),
            Self::Half(array) => Lengths::of_scores(name, array, given),
        }
    }

    fn windows<'a>(&'a self, name: &'static str, bits: &str, lengths: &Lengths) -> Result<Vec<Floats<'a>>> {
        let half = match self {
            Self::Single(array) => {
                return Ok(array.tokens(name, 1, lengths)?.into_iter().map(Floats::F32).collect());
            }
            Self::Half(array) => array,
        };
        let rows = |half: &'a Ragged<'_, u16>| Ok::<_, Error>(half.tokens(name, 1, lengths)?.into_iter());
        match bits {
            "float16" => Ok(rows(half)?.map(|row| Floats::F16(row.reinterpret_cast::<f16>())).collect()),
            "bfloat16" => Ok(rows(half)?.map(|row| Floats::Bf16(row.reinterpret_cast::<bf16>())).collect()),
            _ => Err(Error::TypeFloats { name }),
        }
    }
}

/// The options of an `AnswerDecoder`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct AnswerKernel {
    options: Options,
    threads: parallel::Threads,
}

#[pymethods]
impl AnswerKernel {
    /// `align` is "no", "word" or "auto"; `transformers` ignores the last three options.
    #[new]
    #[pyo3(signature = (top_k, max_answer_len, null_allowed, align, context_sequence, transformers, normalize, dedupe, null_threshold, threads))]
    #[expect(clippy::too_many_arguments, reason = "one a keyword of `AnswerDecoder`, which checks them")]
    fn new(
        top_k: NonZeroUsize,
        max_answer_len: NonZeroUsize,
        null_allowed: bool,
        align: &Bound<'_, PyAny>,
        context_sequence: i64,
        transformers: bool,
        normalize: &Bound<'_, PyAny>,
        dedupe: &Bound<'_, PyAny>,
        null_threshold: Option<f64>,
        threads: Option<Threads>,
    ) -> PyResult<Self> {
        let (widen, normalize, dedupe) = (read(align)?, read(normalize)?, read(dedupe)?);
        let mode =
            if transformers { Mode::Transformers } else { Mode::Right { normalize, dedupe, null_threshold } };
        Ok(Self {
            options: Options { top_k, max_answer_len, null_allowed, widen, context_sequence, mode },
            threads: Threads::of(threads),
        })
    }

    /// Decodes one batch. `None` if an array is not one that Rust can borrow as it is.
    #[pyo3(signature = (start, end, bits, contexts, offsets, sequence_ids, word_ids, input_ids, attention_mask, cls_token_id, lengths, windows, questions))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one call handles one batch, each of its arrays is an argument"
    )]
    fn decode(
        &self,
        py: Python<'_>,
        start: Bound<'_, PyAny>,
        end: Bound<'_, PyAny>,
        bits: (&str, &str),
        contexts: Bound<'_, PyList>,
        offsets: Bound<'_, PyAny>,
        sequence_ids: Bound<'_, PyAny>,
        word_ids: Bound<'_, PyAny>,
        input_ids: Bound<'_, PyAny>,
        attention_mask: Bound<'_, PyAny>,
        cls_token_id: Option<i64>,
        lengths: Bound<'_, PyAny>,
        windows: Bound<'_, PyAny>,
        questions: Bound<'_, PyAny>,
    ) -> PyResult<Option<AnswerTable>> {
        let Some((start, end)) = Logits::borrow(&start).zip(Logits::borrow(&end)) else { return Ok(None) };
        let Some((offsets, sequence_ids)) = Integers::borrow(&offsets).zip(Integers::borrow(&sequence_ids))
        else {
            return Ok(None);
        };
        let maybe = |array| optional(array, Integers::borrow);
        let (Ok(word_ids), Ok(input_ids), Ok(attention_mask)) =
            (maybe(&word_ids), maybe(&input_ids), maybe(&attention_mask))
        else {
            return Ok(None);
        };
        let maybe = |array| optional(array, numbers);
        let (Ok(lengths), Ok(windows), Ok(questions)) = (maybe(&lengths), maybe(&windows), maybe(&questions))
        else {
            return Ok(None);
        };
        let given = lengths.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let owners = windows.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let questions = questions.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let strings = texts::strings("contexts", &contexts)?;
        let texts = texts::borrowed("contexts", &strings)?;
        let texts: Vec<_> = texts.into_iter().map(|(utf8, chars)| Text { utf8, chars }).collect();
        let batch = || {
            let lengths = start.lengths("start_logits", given)?;
            let count = lengths.tokens.len();
            let starts = start.windows("start_logits", bits.0, &lengths)?;
            let ends = end.windows("end_logits", bits.1, &lengths)?;
            let offsets = offsets.windows("offsets", 2, &lengths)?;
            let sequence_ids = sequence_ids.windows("sequence_ids", 1, &lengths)?;
            let word_ids = per_window("word_ids", word_ids.as_ref(), &lengths)?;
            let input_ids = per_window("input_ids", input_ids.as_ref(), &lengths)?;
            let attention = per_window("attention_mask", attention_mask.as_ref(), &lengths)?;
            let texts = texts_of(count, owners, texts.len())?;
            Ok((0..count)
                .map(|number| Window {
                    start: starts[number],
                    end: ends[number],
                    offsets: offsets[number],
                    sequence_ids: sequence_ids[number],
                    word_ids: word_ids.as_ref().map(|all| all[number]),
                    input_ids: input_ids.as_ref().map(|all| all[number]),
                    attention_mask: attention.as_ref().map(|all| all[number]),
                    text: texts(number),
                })
                .collect::<Vec<_>>())
        };
        let batch = batch().map_err(exception)?;
        let groups =
            questions.map(|questions| groups(questions, texts.len())).transpose().map_err(exception)?;
        let found = detached(py, || {
            decode(&batch, &texts, groups.as_deref(), cls_token_id, &self.options, self.threads)
        })?;
        Ok(Some(AnswerTable {
            found,
            several: questions.is_some(),
            dict_for_one: self.options.mode == Mode::Transformers,
            contexts: contexts.unbind(),
            made: None,
            columns: Columns::none(),
        }))
    }
}

/// What `borrow` makes of an argument, or an error if it can't; an argument of `None` stays `None`.
fn optional<'a, 'py, T>(
    given: &'a Bound<'py, PyAny>,
    borrow: impl Fn(&'a Bound<'py, PyAny>) -> Option<T>,
) -> std::result::Result<Option<T>, ()> {
    if given.is_none() { Ok(None) } else { borrow(given).map(Some).ok_or(()) }
}

/// One integer a window or a context.
fn numbers<'py>(given: &Bound<'py, PyAny>) -> Option<PyReadonlyArray1<'py, i64>> {
    let array: PyReadonlyArray1<'py, i64> = given.extract().ok()?;
    array.as_slice().is_ok().then_some(array)
}

fn per_window<'a>(
    name: &'static str,
    array: Option<&'a Integers<'_>>,
    lengths: &Lengths,
) -> Result<Option<Vec<Ints<'a>>>> {
    array.map(|array| array.windows(name, 1, lengths)).transpose()
}

/// The text of each window: as given; otherwise window i belongs to text i, or all belong to the only text.
fn texts_of(windows: usize, owners: Option<&[i64]>, texts: usize) -> Result<impl Fn(usize) -> usize> {
    match owners {
        Some(owners) if owners.len() != windows => {
            return Err(Error::WindowCount { name: "windows", got: owners.len(), want: windows });
        }
        Some(owners) => {
            if let Some(window) = owners.iter().position(|&text| text < 0 || text as usize >= texts) {
                return Err(Error::BadWindowText { window, text: owners[window], texts });
            }
        }
        None if texts != windows && texts != 1 => {
            return Err(Error::ContextCount { contexts: texts, windows });
        }
        None => {}
    }
    Ok(move |window: usize| {
        owners.map_or(if texts == 1 { 0 } else { window }, |owners| owners[window] as usize)
    })
}

/// The question of each context.
fn groups(questions: &[i64], texts: usize) -> Result<Vec<usize>> {
    if questions.len() != texts {
        return Err(Error::QuestionCount { questions: questions.len(), contexts: texts });
    }
    let group = |(context, &question): (usize, &i64)| {
        usize::try_from(question).ok().filter(|&question| question < texts).ok_or_else(|| Error::BadOption {
            name: "questions",
            got: format!("{question} at context {context}"),
            cure: "questions are numbered from 0 and there are no more than contexts",
        })
    };
    questions.iter().enumerate().map(group).collect()
}

/// Columns that were asked for.
struct Columns {
    question: PyOnceLock<Py<PyArray1<i64>>>,
    text: PyOnceLock<Py<PyArray1<i64>>>,
    window: PyOnceLock<Py<PyArray1<i64>>>,
    start: PyOnceLock<Py<PyArray1<i64>>>,
    end: PyOnceLock<Py<PyArray1<i64>>>,
    score: PyOnceLock<Py<PyArray1<f64>>>,
    start_logit: PyOnceLock<Py<PyArray1<f32>>>,
    end_logit: PyOnceLock<Py<PyArray1<f32>>>,
    null_score: PyOnceLock<Py<PyArray1<f64>>>,
}

impl Columns {
    fn none() -> Self {
        Self {
            question: PyOnceLock::new(),
            text: PyOnceLock::new(),
            window: PyOnceLock::new(),
            start: PyOnceLock::new(),
            end: PyOnceLock::new(),
            score: PyOnceLock::new(),
            start_logit: PyOnceLock::new(),
            end_logit: PyOnceLock::new(),
            null_score: PyOnceLock::new(),
        }
    }
}

/// The answers of a batch of questions.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct AnswerTable {
    found: fastpost_core::answers::Answers,
    /// Whether a question has several contexts, so that an answer must say which one it is in.
    several: bool,
    dict_for_one: bool,
    contexts: Py<PyList>,
    /// Texts of the answers, where they came with the columns.
    made: Option<Vec<Py<PyString>>>,
    columns: Columns,
}

/// A column as a NumPy array, made once: a copy, as moving a few values into NumPy takes longer.
fn column<T: Element>(
    py: Python<'_>,
    cell: &PyOnceLock<Py<PyArray1<T>>>,
    values: impl IntoIterator<Item = T>,
) -> Py<PyArray1<T>> {
    let made = || {
        let array = PyArray1::from_iter(py, values);
        array.readwrite().make_nonwriteable();
        array.unbind()
    };
    cell.get_or_init(py, made).clone_ref(py)
}

#[pymethods]
impl AnswerTable {
    fn __len__(&self) -> usize {
        self.found.rows.len()
    }
    #[getter]
    fn question_count(&self) -> usize {
        self.found.null_score.len()
    }
    #[getter]
    fn question_index(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        column(
            py,
            &self.columns.question,
            self.found
                .bounds
                .windows(2)
                .enumerate()
                .flat_map(|(question, bounds)| std::iter::repeat_n(question as i64, bounds[1] - bounds[0])),
        )
    }
    #[getter]
    fn text_index(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        column(py, &self.columns.text, self.found.rows.iter().map(|row| row.text as i64))
    }
    #[getter]
    fn window(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        column(py, &self.columns.window, self.found.rows.iter().map(|row| row.window))
    }
    #[getter]
    fn start(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        column(py, &self.columns.start, self.found.rows.iter().map(|row| row.start))
    }
    #[getter]
    fn end(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        column(py, &self.columns.end, self.found.rows.iter().map(|row| row.end))
    }
    #[getter]
    fn score(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        column(py, &self.columns.score, self.found.rows.iter().map(|row| row.score))
    }
    #[getter]
    fn start_logit(&self, py: Python<'_>) -> Py<PyArray1<f32>> {
        column(py, &self.columns.start_logit, self.found.rows.iter().map(|row| row.start_logit))
    }
    #[getter]
    fn end_logit(&self, py: Python<'_>) -> Py<PyArray1<f32>> {
        column(py, &self.columns.end_logit, self.found.rows.iter().map(|row| row.end_logit))
    }
    #[getter]
    fn null_score(&self, py: Python<'_>) -> Py<PyArray1<f64>> {
        column(py, &self.columns.null_score, self.found.null_score.iter().copied())
    }

    /// The text of each answer.
    fn answers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let texts: Vec<_> =
            (0..self.found.rows.len()).map(|row| self.text(py, row)).collect::<PyResult<_>>()?;
        PyList::new(py, texts)
    }

    /// A list of dicts a question; as in transformers, a single answer is a dict.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let found = &self.found;
        let questions = PyList::empty(py);
        for bounds in found.bounds.windows(2) {
            let answers = PyList::empty(py);
            for row in bounds[0]..bounds[1] {
                let answer = PyDict::new(py);
                answer.set_item(intern!(py, "score"), found.rows[row].score)?;
                answer.set_item(intern!(py, "start"), found.rows[row].start)?;
                answer.set_item(intern!(py, "end"), found.rows[row].end)?;
                answer.set_item(intern!(py, "answer"), self.text(py, row)?)?;
                if self.several {
                    answer.set_item(intern!(py, "text_index"), found.rows[row].text)?;
                }
                answers.append(answer)?;
            }
            if self.dict_for_one && answers.len() == 1 {
                questions.append(answers.get_item(0)?)?;
            } else {
                questions.append(answers)?;
            }
        }
        Ok(questions)
    }
}

impl AnswerTable {
    fn text<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let found = &self.found;
        if let Some(made) = &self.made {
            return Ok(made[row].bind(py).clone().into_any());
        }
        if found.rows[row].end <= found.rows[row].start {
            return Ok(PyString::intern(py, "").into_any());
        }
        let text = self.contexts.bind(py).get_item(found.rows[row].text)?;
        let slice = PySlice::new(py, found.rows[row].start as isize, found.rows[row].end as isize, 1);
        text.get_item(slice)
    }
}

/// The n-best lists of a data set: predicted texts, lists of dicts if `lists`, and the odds of "no answer".
///
/// `mappings` and `max_contexts` are what the features hold; `owners` is the example of each feature.
#[pyfunction]
#[pyo3(signature = (start, end, mappings, max_contexts, owners, contexts, with_negative, n_best_size, max_answer_length, threshold, lists, threads))]
#[expect(clippy::too_many_arguments, reason = "one call handles one data set")]
pub(crate) fn nbest<'py>(
    py: Python<'py>,
    start: PyReadonlyArray2<'py, f32>,
    end: PyReadonlyArray2<'py, f32>,
    mappings: &Bound<'py, PyList>,
    max_contexts: &Bound<'py, PyList>,
    owners: Vec<usize>,
    contexts: &Bound<'py, PyList>,
    with_negative: bool,
    n_best_size: NonZeroUsize,
    max_answer_length: usize,
    threshold: f32,
    lists: bool,
    threads: Option<Threads>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>, Vec<f64>)> {
    let (rows, width) = (start.shape()[0], start.shape()[1]);
    check_nbest((start.shape(), end.shape()), &owners, contexts.len())?;
    let (starts, ends) = (start.as_slice()?, end.as_slice()?);
    let n = n_best_size.get();
    let answers_only = !lists && !with_negative;
    let threads = Threads::of(threads);
    let best = detached(py, || {
        parallel::map(rows, threads, starts.len() * 4, |window| {
            let start = positions("start_logits", window, &starts[window * width..(window + 1) * width], n)?;
            Ok((start, positions("end_logits", window, &ends[window * width..(window + 1) * width], n)?))
        })
    })?;
    let mut features = vec![Vec::new(); contexts.len()];
    let mut offsets: Vec<Vec<Offsets<'_>>> = (0..contexts.len()).map(|_| Vec::new()).collect();
    for (window, (start, end)) in best.into_iter().enumerate() {
        let of = Offsets::of(mappings.get_item(window)?, max_contexts.get_item(window)?)?;
        let first = window * width;
        let positions = |tokens: Vec<u32>, logits: &[f32], opens| {
            let mut out = Vec::with_capacity(tokens.len());
            for token in tokens {
                // If only the answers are asked for, `rank` checks the few tokens it needs, so none is checked here.
                if answers_only || of.may(token, opens)? {
                    out.push(Position { token, logit: logits[first + token as usize] });
                }
            }
            Ok::<_, PyErr>(out)
        };
        features[owners[window]].push(Feature {
            starts: positions(start, starts, true)?,
            ends: positions(end, ends, false)?,
            null: (starts[first], ends[first]),
        });
        offsets[owners[window]].push(of);
    }
    let ranked = if answers_only {
        // Two entries are enough, but not one: the answer depends on whether the best entry is the only one.
        let ranking = Ranking { with_negative, n_best_size: n.min(2), max_answer_length };
        let example = |(features, offsets): (&Vec<Feature>, &Vec<Offsets<'_>>)| {
            rank(features, &ranking, |window, token, opens| offsets[window].may(token, opens))
        };
        features.iter().zip(&offsets).map(example).collect::<PyResult<Vec<_>>>()?
    } else {
        let ranking = Ranking { with_negative, n_best_size: n, max_answer_length };
        detached(py, || {
            parallel::map(features.len(), threads, rows * n * 100, |example| {
                rank(&features[example], &ranking, |_, _, _| Ok(true))
            })
        })?
    };
    let mut examples = Vec::with_capacity(ranked.len());
    for ((ranked, offsets), context) in ranked.into_iter().zip(&offsets).zip(contexts.iter()) {
        let place = |span: &Ranked| match span.tokens {
            Some((window, first, last)) => {
                Ok((offsets[window].char(first, 0)?, offsets[window].char(last, 1)?))
            }
            None => Ok((0, 0)),
        };
        let places = ranked.0.iter().map(place).collect::<PyResult<_>>()?;
        examples.push(list(ranked, places, context.len()? as i64, threshold));
    }
    let (predictions, all) = (PyList::empty(py), PyList::empty(py));
    for (example, context) in examples.iter().zip(contexts.iter()) {
        let text = |place: Option<(i64, i64)>| match place {
            None => Ok(PyString::intern(py, "empty").into_any()),
            Some((from, to)) => context.get_item(PySlice::new(py, from as isize, to as isize, 1)),
        };
        let answer = example
            .answer
            .map_or(Ok(PyString::intern(py, "").into_any()), |best| text(example.list[best].place));
        predictions.append(answer?)?;
        if !lists {
            continue;
        }
        let list = PyList::empty(py);
        for entry in &example.list {
            let dict = PyDict::new(py);
            if entry.place.is_none() {
                dict.set_item(intern!(py, "text"), text(None)?)?; // the stand-in's keys come in another order
            }
            dict.set_item(intern!(py, "start_logit"), entry.start_logit)?;
            dict.set_item(intern!(py, "end_logit"), entry.end_logit)?;
            dict.set_item(intern!(py, "text"), text(entry.place)?)?;
            dict.set_item(intern!(py, "probability"), entry.probability)?;
            list.append(dict)?;
        }
        all.append(list)?;
    }
    Ok((predictions, all, examples.iter().map(|example| example.null_odds).collect()))
}

/// Refuses windows without tokens, which lack the one that stands for "no answer", and windows of no example.
fn check_nbest(shapes: (&[usize], &[usize]), owners: &[usize], examples: usize) -> PyResult<()> {
    let (start, end) = shapes;
    if start != end || owners.len() != start[0] {
        return Err(crate::door::wrong_value(format!(
            "the start logits have the shape {start:?} and the end logits {end:?}, of {} features; pass one row a \
             feature, with one of each a token",
            owners.len()
        )));
    }
    if start[0] > 0 && start[1] == 0 {
        return Err(crate::door::wrong_value(format!(
            "`predictions` has {} windows of 0 tokens; leave out features without tokens, and their logits",
            start[0]
        )));
    }
    match owners.iter().position(|&owner| owner >= examples) {
        Some(row) => Err(crate::door::wrong_value(format!(
            "feature {row} is of example {} but there are {examples} examples; pass the examples of the features",
            owners[row]
        ))),
        None => Ok(()),
    }
}

/// The `offset_mapping` of one feature: a list of pairs, `None` where a token is not of the context; and, if there is
/// one, its `token_is_max_context`, whose keys are token numbers as text.
struct Offsets<'py> {
    pairs: Bound<'py, PyAny>,
    count: usize,
    max_context: Option<Bound<'py, PyAny>>,
}

impl<'py> Offsets<'py> {
    fn of(pairs: Bound<'py, PyAny>, max_context: Bound<'py, PyAny>) -> PyResult<Self> {
        let max_context = (!max_context.is_none()).then_some(max_context);
        Ok(Self { count: pairs.len()?, pairs, max_context })
    }

    /// Whether an answer may begin, or (`opens` false) end, with a token.
    fn may(&self, token: u32, opens: bool) -> PyResult<bool> {
        if self.pair(token)?.is_none() {
            return Ok(false);
        }
        match &self.max_context {
            Some(known) if opens => {
                known.call_method1(intern!(known.py(), "get"), (token.to_string(), false))?.is_truthy()
            }
            _ => Ok(true),
        }
    }

    /// The pair of a token; `None` if it is not of the context.
    fn pair(&self, token: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
        if token as usize >= self.count {
            return Ok(None);
        }
        let pair = match self.pairs.cast::<PyList>() {
            Ok(list) => list.get_item(token as usize)?,
            Err(_) => self.pairs.get_item(token as usize)?,
        };
        Ok((!pair.is_none()).then_some(pair))
    }

    /// First (`side` 0) character of a token, or the end (1).
    fn char(&self, token: u32, side: usize) -> PyResult<i64> {
        let Some(pair) = self.pair(token)? else { return Ok(0) };
        pair.get_item(side).and_then(|place| place.extract()).map_err(|_| {
            crate::door::wrong_type(format!(
                "`offset_mapping` holds something else than (start, end) or None at token {token}; pass a pair of ints a token"
            ))
        })
    }
}
