//! Texts -> columns of tokens, for `fastpost.encoding`.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use fastpost_core::Error;
use fastpost_core::encode::{Columns, Encoder, Numbering, Side, Strategy, Texts, Truncation};
use numpy::ndarray::{Array2, ArrayView2};
use numpy::{Element, PyArray1, PyArray2, ToPyArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::batch::texts::{strings, utf8};
use crate::door::{detached, exception};

/// See `fastpost_core::encode::Encoder`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TokenEncoder(Encoder);

/// Texts encoded so far, by all threads: a lock of Python's for each call took a twentieth of the time of a sentence.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TextCount(AtomicU64);

#[pymethods]
impl TextCount {
    #[new]
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn add(&self, texts: u64) {
        self.0.fetch_add(texts, Ordering::Relaxed);
    }

    #[getter]
    fn texts(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Columns that follow from the shapes of windows, made when they are asked for.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct WindowShapes(Columns);

type Ints<'py> = Bound<'py, PyArray1<i32>>;
type Longs<'py> = Bound<'py, PyArray1<i64>>;
type Made<'py> =
    (Ints<'py>, Bound<'py, PyArray2<i32>>, Ints<'py>, Longs<'py>, WindowShapes, Vec<(usize, &'static str)>);

/// The texts of one argument, or the words of each.
struct Listed<'py> {
    strings: Vec<Bound<'py, PyString>>,
    ends: Option<Vec<usize>>,
}

impl<'py> Listed<'py> {
    fn new(name: &str, texts: &Bound<'py, PyList>, words: bool) -> PyResult<Self> {
        if !words {
            return Ok(Self { strings: strings(name, texts)?, ends: None });
        }
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(texts.len()));
        for (number, text) in texts.iter().enumerate() {
            let text = text.cast_into::<PyList>().map_err(|error| {
                let got = error.into_inner().get_type();
                crate::door::wrong_type(format!(
                    "`{name}[{number}]` is of type {got}; with is_split_into_words=True every text is a list of its words"
                ))
            })?;
            all.extend(strings(&format!("{name}[{number}]"), &text)?);
            ends.push(all.len());
        }
        Ok(Self { strings: all, ends: Some(ends) })
    }

    fn texts(&self, name: &str) -> PyResult<Texts<'_>> {
        let Some(ends) = &self.ends else {
            return Self::checked(name, utf8(name, &self.strings)?, None);
        };
        let mut out = Vec::with_capacity(self.strings.len());
        let mut first = 0;
        for (number, &last) in ends.iter().enumerate() {
            out.extend(utf8(&format!("{name}[{number}]"), &self.strings[first..last])?);
            first = last;
        }
        Self::checked(name, out, Some(ends.clone()))
    }

    fn checked<'a>(name: &str, out: Vec<&'a str>, ends: Option<Vec<usize>>) -> PyResult<Texts<'a>> {
        if let Some(long) = out.iter().position(|text| text.len() > i32::MAX as usize) {
            return Err(crate::door::wrong_value(format!(
                "`{name}[{long}]` has {} bytes; a text holds less than 2 GB: cut it into several",
                out[long].len()
            )));
        }
        Ok(Texts { strings: out, ends })
    }
}

#[pymethods]
impl TokenEncoder {
    /// `live` says that a tokenizer at hand wrote `json`, so that ids of added tokens are as it says.
    #[new]
    fn new(py: Python<'_>, json: &[u8], live: bool) -> PyResult<Self> {
        let numbering = if live { Numbering::Given } else { Numbering::Counted };
        py.detach(|| Encoder::from_json(json, numbering)).map(Self).map_err(PyValueError::new_err)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    #[getter]
    fn vocabulary(&self) -> usize {
        self.0.vocabulary()
    }

    #[getter]
    fn remembered(&self) -> usize {
        self.0.remembered()
    }

    fn forget(&self) {
        self.0.forget();
    }

    /// ids, offsets, words, lengths, shapes; then the texts that are sent back, each with its reason. If there
    /// is none, all of them are added to `count`.
    #[expect(clippy::too_many_arguments, reason = "the arguments of Encoder.encode")]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyList>,
        pairs: Option<&Bound<'py, PyList>>,
        words: &Bound<'py, PyAny>,
        special: &Bound<'py, PyAny>,
        max_length: Option<usize>,
        stride: Option<usize>,
        truncation: Option<&str>,
        side: &str,
        threads: Option<NonZeroUsize>,
        count: Option<PyRef<'py, TextCount>>,
    ) -> PyResult<Made<'py>> {
        let (words, special, stride) = (words.is_truthy()?, special.is_truthy()?, stride.unwrap_or(0));
        let listed = Listed::new("texts", texts, words)?;
        let other = pairs.map(|pairs| Listed::new("pairs", pairs, words)).transpose()?;
        let (texts, pairs) =
            (listed.texts("texts")?, other.as_ref().map(|other| other.texts("pairs")).transpose()?);
        let strategy = truncation.map(strategy).transpose()?;
        let side = match side {
            "left" => Side::Left,
            "right" => Side::Right,
            other => return Err(crate::door::wrong_value(format!("`truncation_side` is {other:?}"))),
        };
        counts("max_length", max_length.unwrap_or(1).checked_sub(1))?;
        counts("stride", Some(stride))?;
        counts("threads", threads.map(NonZeroUsize::get).or(Some(1)))?;
        let truncation = max_length.zip(strategy).map(|(max_length, strategy)| Truncation {
            max_length,
            stride,
            strategy,
            side,
        });
        let work = || self.0.encode(&texts, pairs.as_ref(), special, truncation, threads);
        let all = |of: &Texts<'_>| of.strings.iter().map(|text| text.len()).sum::<usize>();
        let bytes = all(&texts) + pairs.as_ref().map_or(0, all);
        // Encoding a sentence takes less time than waking another thread.
        let made = if bytes < SENTENCE { work().map_err(exception)? } else { detached(py, work)? };
        let mut columns = made.columns;
        let sent_back: Vec<_> = made.sent_back.into_iter().map(|(text, why)| (text, why.0)).collect();
        if let Some(count) = count.filter(|_| sent_back.is_empty()) {
            count.add(texts.len() as u64);
        }
        Ok((
            column(py, std::mem::take(&mut columns.ids)),
            pairs_column(py, std::mem::take(&mut columns.offsets)),
            column(py, std::mem::take(&mut columns.words)),
            column(py, std::mem::take(&mut columns.lengths)),
            WindowShapes(columns),
            sent_back,
        ))
    }
}

/// Bytes of texts for which the interpreter is not released.
const SENTENCE: usize = 2048;
/// Up to so many values, a copy is faster than an array around them.
const FEW: usize = 1024;

/// Values as an array.
fn column<T: Element + Copy>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    if values.len() <= FEW { PyArray1::from_slice(py, &values) } else { PyArray1::from_vec(py, values) }
}

/// Pairs of values as an array of two columns.
fn pairs_column(py: Python<'_>, pairs: Vec<[i32; 2]>) -> Bound<'_, PyArray2<i32>> {
    if pairs.len() <= FEW {
        ArrayView2::from(&pairs[..]).to_pyarray(py)
    } else {
        PyArray2::from_owned_array(py, Array2::from(pairs))
    }
}

/// Refuses a count that is negative or does not fit in 31 bits; the Python caller has the fuller message.
fn counts(name: &str, value: Option<usize>) -> PyResult<()> {
    match value {
        Some(value) if value < i32::MAX as usize => Ok(()),
        _ => Err(crate::door::wrong_value(format!("`{name}` is out of range"))),
    }
}

/// A strategy by its name.
fn strategy(name: &str) -> PyResult<Strategy> {
    match name {
        "longest_first" => Ok(Strategy::LongestFirst),
        "only_first" => Ok(Strategy::OnlyFirst),
        "only_second" => Ok(Strategy::OnlySecond),
        other => Err(crate::door::wrong_value(format!("`truncation` is {other:?}"))),
    }
}

/// Refuses windows that hold text number `text`, of `counts` tokens, many times over; the message names `option`.
#[pyfunction]
pub(crate) fn check_windows(
    option: &str,
    text: usize,
    counts: Vec<usize>,
    room: usize,
    stride: usize,
    truncation: &str,
) -> PyResult<()> {
    let cut = Truncation { max_length: room, stride, strategy: strategy(truncation)?, side: Side::Right };
    match cut.cut(text, &counts, room) {
        Err(Error::Overlap { text, stride, tokens, held, most, pair, .. }) if option == "doc_stride" => {
            Err(exception(Error::Overlap { name: "doc_stride", text, stride, tokens, held, most, pair }))
        }
        cut => cut.map(drop).map_err(exception),
    }
}

impl WindowShapes {
    fn column<T: Send>(&self, py: Python<'_>, make: fn(&Columns) -> Vec<T>) -> Vec<T> {
        if self.0.shaped() <= FEW { make(&self.0) } else { py.detach(|| make(&self.0)) }
    }
}

#[pymethods]
impl WindowShapes {
    fn texts<'py>(&self, py: Python<'py>) -> Longs<'py> {
        PyArray1::from_slice(py, &self.0.texts)
    }

    fn types<'py>(&self, py: Python<'py>) -> Ints<'py> {
        column(py, self.column(py, Columns::types))
    }

    fn special<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u8>> {
        column(py, self.column(py, Columns::special))
    }

    fn sequences<'py>(&self, py: Python<'py>) -> Ints<'py> {
        column(py, self.column(py, Columns::sequences))
    }
}
