//! `fastpost.metrics` for tags, label ids and spans: lists read once, everything after that without the interpreter.

use crate::batch::arrays::{self, Lengths, Ragged};
use crate::door::{detached, exception};
use fastpost_core::Error;
use fastpost_core::metrics as core;
use fastpost_core::metrics::{Kind, Reading, Scheme, Span};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PySet, PyString, PyTuple};

/// True and predicted tags of the same tokens.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TagPairs {
    pairs: core::TagPairs,
}

/// True and predicted entities.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct SpanPairs {
    pairs: core::SpanPairs,
}

type Column = Py<PyArray1<i64>>;

#[pymethods]
impl TagPairs {
    /// Lists of lists of `str`.
    #[staticmethod]
    fn tags(y_true: &Bound<'_, PyList>, y_pred: &Bound<'_, PyList>) -> PyResult<Self> {
        let mut names = Strings::new();
        let (truth, truth_lengths) = names.rows("y_true", y_true)?;
        let (guess, guess_lengths) = names.rows("y_pred", y_pred)?;
        let pairs =
            core::TagPairs::new(names.names.into_vec(), (truth, truth_lengths), (guess, &guess_lengths));
        Ok(Self { pairs: pairs.map_err(exception)? })
    }

    /// Label ids, padded or a list of arrays.
    #[staticmethod]
    fn ids(
        py: Python<'_>,
        y_true: Ragged<'_, i64>,
        y_pred: Ragged<'_, i64>,
        labels: Vec<String>,
        ignored: i64,
    ) -> PyResult<Self> {
        let rows = |name, ids| {
            let lengths = Lengths::of_scores(name, ids, None)?;
            ids.tokens(name, 1, &lengths)
        };
        let truth = rows("y_true", &y_true).map_err(exception)?;
        let guess = rows("y_pred", &y_pred).map_err(exception)?;
        let pairs = detached(py, || core::TagPairs::from_ids(&labels, &truth, &guess, ignored))?;
        Ok(Self { pairs })
    }

    /// Tags that are equal, and all there are.
    fn correct(&self, py: Python<'_>) -> (usize, usize) {
        (py.detach(|| self.pairs.correct()), self.pairs.tokens())
    }

    /// TP, FP, FN, TN of the tags.
    fn agreement(&self, py: Python<'_>) -> (usize, usize, usize, usize) {
        let found = py.detach(|| self.pairs.agreement());
        (found.true_positive, found.false_positive, found.false_negative, found.true_negative)
    }

    /// Tags that seqeval warns about.
    fn odd(&self, py: Python<'_>, suffix: bool) -> Vec<&str> {
        py.detach(|| self.pairs.odd(suffix))
    }

    /// The entities of both; `scheme` is "auto", a name, or `None` for the lenient reading.
    fn spans(&self, py: Python<'_>, scheme: Option<&str>, suffix: bool) -> PyResult<SpanPairs> {
        let reading = match scheme {
            None => Reading::Lenient,
            Some("auto") => Reading::Detected,
            Some(name) => {
                let cure = "pass IOB1, IOB2, IOE1, IOE2, IOBES, BILOU or auto";
                let unknown = || exception(Error::BadOption { name: "scheme", got: name.to_owned(), cure });
                let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == name);
                Reading::Strict(scheme.ok_or_else(unknown)?)
            }
        };
        Ok(SpanPairs { pairs: detached(py, || self.pairs.spans(reading, suffix))? })
    }
}

#[pymethods]
impl SpanPairs {
    /// Each side: per text a list of tuples or dicts, or columns: text, start, end, label id, labels, texts.
    #[new]
    fn new(py: Python<'_>, y_true: Spans<'_>, y_pred: Spans<'_>) -> PyResult<Self> {
        let mut names = Strings::new();
        let (truth, texts) = y_true.read("y_true", &mut names)?;
        let (guess, others) = y_pred.read("y_pred", &mut names)?;
        if texts != others {
            return Err(exception(Error::SequenceCount { truth: texts, guess: others }));
        }
        let pairs = detached(py, || {
            core::SpanPairs::check("y_true", &truth)?;
            core::SpanPairs::check("y_pred", &guess)?;
            Ok(core::SpanPairs::new(&names.names.into_vec(), truth, guess))
        })?;
        Ok(Self { pairs })
    }

    /// The labels that occur, in order, and for each how many correct, predicted and true entities there are.
    fn counts(&self, py: Python<'_>) -> (Vec<String>, Column, Column, Column) {
        let counts = py.detach(|| self.pairs.counts());
        let column = |values| arrays::column(py, values);
        (counts.labels, column(counts.correct), column(counts.guess), column(counts.truth))
    }

    /// For each label that occurs, how many pairs there are of each kind, in the order of `Kind`.
    fn kinds(&self, py: Python<'_>) -> Vec<(&str, [usize; 6])> {
        py.detach(|| {
            let mut rows = vec![[0; 6]; self.pairs.labels().len()];
            for span in self.pairs.truth().iter().chain(self.pairs.guess()) {
                rows[span.label as usize][0] = 1;
            }
            let mut rows: Vec<_> = rows.into_iter().map(|row| (row[0] == 1, [0; 6])).collect();
            for pair in self.pairs.pairs() {
                if let Some(span) = pair.truth.or(pair.guess) {
                    rows[span.label as usize].1[pair.kind as usize] += 1;
                }
            }
            let labels = self.pairs.labels().iter().map(String::as_str);
            labels
                .zip(rows)
                .filter(|(_, (used, _))| *used)
                .map(|(label, (_, kinds))| (label, kinds))
                .collect()
        })
    }

    /// Every pair that is not a match: text, kind, and (start, end, label) of both.
    #[expect(clippy::type_complexity, reason = "rows of a table")]
    fn errors(
        &self,
        py: Python<'_>,
    ) -> Vec<(u32, usize, Option<(i64, i64, &str)>, Option<(i64, i64, &str)>)> {
        let pairs = py.detach(|| self.pairs.pairs());
        let labels = self.pairs.labels();
        let shown = |span: Span| (span.start, span.end, labels[span.label as usize].as_str());
        let wrong = pairs.into_iter().filter(|pair| pair.kind != Kind::Correct);
        wrong
            .filter_map(|pair| {
                let text = pair.truth.or(pair.guess)?.text;
                Some((text, pair.kind as usize, pair.truth.map(shown), pair.guess.map(shown)))
            })
            .collect()
    }
}

/// Entities of tags as seqeval lists them, and the tags that it warns about.
///
/// `nested`: `seq` is a list of lists, else of tags.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "two lists")]
pub(crate) fn tag_entities<'py>(
    py: Python<'py>,
    seq: &Bound<'py, PyList>,
    nested: bool,
    suffix: bool,
) -> PyResult<(Vec<(Bound<'py, PyString>, i64, i64)>, Vec<String>)> {
    let mut names = Strings::new();
    let (ids, lengths) = if nested {
        names.rows("seq", seq)?
    } else {
        let mut ids = Vec::with_capacity(seq.len());
        names.row("seq", None, seq, &mut ids)?;
        let length = ids.len();
        (ids, vec![length])
    };
    let names = names.names.into_vec();
    let (labels, spans) = detached(py, || core::entities(&names, &ids, &lengths, suffix))?;
    let labels: Vec<_> = labels.iter().map(|label| PyString::new(py, label)).collect();
    let found =
        spans.iter().map(|s| (labels[s.label as usize].clone(), s.start, s.end - 1)).collect::<Vec<_>>();
    Ok((found, core::odd(&names, suffix).map(str::to_owned).collect()))
}

/// Strings by number. The same object is known by its address, which costs a tenth of reading its characters; label
/// names that come from one list are the same objects. Each slot holds its string, so no address is reused.
struct Strings<'py> {
    names: core::Names,
    seen: Vec<Option<(Bound<'py, PyAny>, u32)>>,
}

const SLOTS: usize = 1 << 10;

impl<'py> Strings<'py> {
    fn new() -> Self {
        Self { names: core::Names::default(), seen: vec![None; SLOTS] }
    }

    /// The number of a `str`; `None` if the item is not one.
    fn id(&mut self, item: &Bound<'py, PyAny>) -> PyResult<Option<u32>> {
        let address = item.as_ptr() as usize;
        let slot = (address >> 4 ^ address >> 14) % SLOTS;
        if let Some((known, id)) = &self.seen[slot]
            && known.is(item)
        {
            return Ok(Some(*id));
        }
        let Ok(string) = item.cast::<PyString>() else { return Ok(None) };
        let id = self.names.id(string.to_str()?);
        self.seen[slot] = Some((item.clone(), id));
        Ok(Some(id))
    }

    /// The numbers of a list of lists, end to end, and the length of each.
    fn rows(&mut self, name: &str, rows: &Bound<'py, PyList>) -> PyResult<(Vec<u32>, Vec<usize>)> {
        let mut ids = Vec::new();
        let mut lengths = Vec::with_capacity(rows.len());
        for (text, row) in rows.iter().enumerate() {
            let before = ids.len();
            match row.cast::<PyList>() {
                Ok(row) => self.row(name, Some(text), row, &mut ids)?,
                Err(_) => self.row(name, Some(text), &listed(name, text, &row)?, &mut ids)?,
            }
            lengths.push(ids.len() - before);
        }
        Ok((ids, lengths))
    }

    fn row(
        &mut self,
        name: &str,
        text: Option<usize>,
        row: &Bound<'py, PyList>,
        ids: &mut Vec<u32>,
    ) -> PyResult<()> {
        ids.reserve(row.len());
        for (token, item) in row.iter().enumerate() {
            let place = || match text {
                Some(text) => format!("`{name}[{text}][{token}]`"),
                None => format!("`{name}[{token}]`"),
            };
            match self.id(&item) {
                Ok(Some(id)) => ids.push(id),
                Ok(None) => return Err(no_tag(&place(), &item)),
                Err(error) => return Err(no_text(&place(), &error, row.py())),
            }
        }
        Ok(())
    }
}

fn no_tag(place: &str, item: &Bound<'_, PyAny>) -> PyErr {
    let kind = item.get_type();
    crate::door::wrong_type(format!(
        "{place} is of type {kind}; every tag is a str. For label ids pass `id2label`, for spans pass them in both"
    ))
}

fn no_text(place: &str, error: &PyErr, py: Python<'_>) -> PyErr {
    crate::door::wrong_value(format!(
        "{place} is not valid Unicode ({}); label names are text",
        error.value(py)
    ))
}

/// A row that is not a list, such as a tuple or an array, as a list.
fn listed<'py>(name: &str, text: usize, row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let no_row = || {
        let kind = row.get_type();
        crate::door::wrong_type(format!(
            "Found input variables without list of list: `{name}[{text}]` is of type {kind}; pass one list per text"
        ))
    };
    if row.is_instance_of::<PyString>() || row.is_instance_of::<PySet>() || row.cast::<PyMapping>().is_ok() {
        return Err(no_row());
    }
    // NumPy's strings become Python's at once.
    if row.hasattr(intern!(row.py(), "tolist"))? {
        let list = row.call_method0(intern!(row.py(), "tolist"))?;
        return list.cast_into::<PyList>().map_err(|_| no_row());
    }
    if !row.hasattr(intern!(row.py(), "__iter__"))? {
        return Err(no_row());
    }
    let list = PyList::empty(row.py());
    for item in row.try_iter()? {
        list.append(item?)?;
    }
    Ok(list)
}

/// The entities of one side, as they come.
#[derive(FromPyObject)]
pub(crate) enum Spans<'py> {
    #[pyo3(transparent)]
    Rows(Bound<'py, PyList>),
    #[pyo3(transparent)]
    Columns(Columns<'py>),
}

/// Text, start, end and label id of each entity; names of the labels; number of texts.
type Columns<'py> = (
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    Bound<'py, PyList>,
    usize,
);

impl<'py> Spans<'py> {
    /// The spans and the number of texts.
    fn read(&self, name: &'static str, names: &mut Strings<'py>) -> PyResult<(Vec<Span>, usize)> {
        match self {
            Self::Rows(rows) => {
                let mut spans = Vec::new();
                for (text, row) in rows.iter().enumerate() {
                    let row = match row.cast_into::<PyList>() {
                        Ok(row) => row,
                        Err(error) => listed(name, text, &error.into_inner())?,
                    };
                    for (at, item) in row.iter().enumerate() {
                        let (start, end, label) =
                            parts(&item).ok_or_else(|| no_span(&format!("`{name}[{text}][{at}]`"), &item))?;
                        let label = names
                            .id(&label)?
                            .ok_or_else(|| no_span(&format!("`{name}[{text}][{at}]`"), &item))?;
                        spans.push(Span { text: text as u32, start, end, label });
                    }
                }
                Ok((spans, rows.len()))
            }
            Self::Columns((text, start, end, label, labels, texts)) => {
                let mut ids = Vec::new();
                names.row(name, None, labels, &mut ids)?;
                let rows = text.as_slice()?.iter().zip(start.as_slice()?).zip(end.as_slice()?);
                let mut spans = Vec::with_capacity(text.as_slice()?.len());
                for (((&text, &start), &end), &label) in rows.zip(label.as_slice()?) {
                    let Some(&label) = usize::try_from(label).ok().and_then(|label| ids.get(label)) else {
                        let message =
                            format!("`{name}` has the label id {label} but names {} labels", ids.len());
                        return Err(crate::door::wrong_value(message));
                    };
                    let Some(text) = u32::try_from(text).ok().filter(|&text| (text as usize) < *texts) else {
                        let message = format!("`{name}` has an entity of text {text} but {texts} texts");
                        return Err(crate::door::wrong_value(message));
                    };
                    spans.push(Span { text, start, end, label });
                }
                Ok((spans, *texts))
            }
        }
    }
}

/// Start, end and label of a tuple, a list or a dict.
fn parts<'py>(item: &Bound<'py, PyAny>) -> Option<(i64, i64, Bound<'py, PyAny>)> {
    let py = item.py();
    if let Ok(dict) = item.cast::<PyDict>() {
        let get = |key| dict.get_item(key).ok().flatten();
        let label = get(intern!(py, "entity_group")).or_else(|| get(intern!(py, "label")))?;
        return Some((
            get(intern!(py, "start"))?.extract().ok()?,
            get(intern!(py, "end"))?.extract().ok()?,
            label,
        ));
    }
    if let Ok(tuple) = item.cast::<PyTuple>() {
        return tuple.extract().ok();
    }
    let list = item.cast::<PyList>().ok()?;
    list.to_tuple().extract().ok()
}

fn no_span(place: &str, item: &Bound<'_, PyAny>) -> PyErr {
    crate::door::wrong_type(format!(
        "{place} is {}; a span is (start, end, label) with two ints and a str, or a dict with `start`, `end`, and \
         `label` or `entity_group`",
        crate::door::shown(item)
    ))
}
