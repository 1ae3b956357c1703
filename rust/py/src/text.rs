//! `OffsetMap`, `check_offsets` and `plan_windows` of the Python package.

use crate::align::{check_count, ranges};
use crate::batch::texts;
use crate::door::{detached, exception};
use fastpost_core::batch::faults::faults;
use fastpost_core::batch::plan::{Plan, Size, opens_by_text, opens_by_word_ids};
use fastpost_core::text::normal::{Form, Normalized};
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use fastpost_core::text::words::WordEdges;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

type Ints<'py> = Bound<'py, PyArray1<i64>>;

/// The UTF-8 of `text`; a lone surrogate, which has none, is refused by its place.
fn utf8<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text.to_str().map_err(|error| {
        let at = error.value(text.py()).getattr("start").and_then(|at| at.extract::<usize>());
        crate::door::wrong_value(match at {
            Ok(at) => format!(
                "`text` has a lone surrogate at character {at}, which is no character and has no UTF-8; replace it, \
                 for example with text.encode(\"utf-16\", \"surrogatepass\").decode(\"utf-16\", \"replace\")"
            ),
            Err(_) => format!("`text` is not valid Unicode ({error})"),
        })
    })
}

/// A text and the positions of its characters.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct OffsetTable {
    text: Py<PyString>,
    map: OffsetMap,
}

#[pymethods]
impl OffsetTable {
    #[new]
    fn new(py: Python<'_>, text: Bound<'_, PyString>) -> PyResult<Self> {
        let read = utf8(&text)?;
        let map = detached(py, || OffsetMap::new(read))?;
        Ok(Self { map, text: text.unbind() })
    }

    /// Length in `unit`.
    fn length(&self, py: Python<'_>, unit: &str) -> PyResult<usize> {
        let unit = Unit::parse("unit", unit).map_err(exception)?;
        let text = utf8(self.text.bind(py))?;
        Ok(py.detach(|| self.map.len(text, unit)))
    }

    /// Converts positions.
    fn convert<'py>(
        &self,
        py: Python<'py>,
        positions: PyReadonlyArray1<'py, i64>,
        source: &str,
        target: &str,
        inside: &str,
    ) -> PyResult<Ints<'py>> {
        let source = Unit::parse("source", source).map_err(exception)?;
        let target = Unit::parse("target", target).map_err(exception)?;
        let inside = Inside::parse(inside).map_err(exception)?;
        let text = utf8(self.text.bind(py))?;
        let given = positions.as_slice()?;
        let found = detached(py, || {
            let mut found = given.to_vec();
            self.map.convert(text, &mut found, source, target, inside).map(|()| found)
        })?;
        Ok(PyArray1::from_vec(py, found))
    }
}

/// A normalised text and the way back.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct NormalTable {
    made: Normalized,
}

#[pymethods]
impl NormalTable {
    #[new]
    fn new(py: Python<'_>, text: Bound<'_, PyString>) -> PyResult<Self> {
        let read = utf8(&text)?;
        Ok(Self { made: detached(py, || Normalized::new(read))? })
    }

    #[getter]
    fn text(&self) -> &str {
        self.made.text()
    }

    /// The same, normalised further by the form called `form`.
    fn then(&self, py: Python<'_>, form: &str) -> PyResult<Self> {
        let form = Form::parse(form).map_err(exception)?;
        Ok(Self { made: detached(py, || self.made.clone().then(form))? })
    }

    /// The same, replaced by `text`, whose characters stand for the characters `starts..ends` of this text.
    fn then_aligned(
        &self,
        py: Python<'_>,
        text: Bound<'_, PyString>,
        starts: PyReadonlyArray1<'_, i64>,
        ends: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Self> {
        let text = utf8(&text)?.to_owned();
        let place = |&at: &i64| u32::try_from(at).unwrap_or(u32::MAX);
        let spans = starts.as_slice()?.iter().map(place).zip(ends.as_slice()?.iter().map(place)).collect();
        Ok(Self { made: detached(py, || self.made.clone().then_aligned(text, spans))? })
    }

    fn to_original<'py>(&self, py: Python<'py>, spans: PyReadonlyArray1<'py, i64>) -> PyResult<Ints<'py>> {
        let given = spans.as_slice()?;
        let found = detached(py, || {
            let mut found = given.to_vec();
            self.made.to_original(&mut found).map(|()| found)
        })?;
        Ok(PyArray1::from_vec(py, found))
    }

    fn to_normalized<'py>(&self, py: Python<'py>, spans: PyReadonlyArray1<'py, i64>) -> PyResult<Ints<'py>> {
        let given = spans.as_slice()?;
        let found = detached(py, || {
            let mut found = given.to_vec();
            self.made.to_normalized(&mut found).map(|()| found)
        })?;
        Ok(PyArray1::from_vec(py, found))
    }
}

/// The characters at which the words of `text` start, or with `cut` its units: see `fastpost_core::text::words::WordEdges`.
#[pyfunction]
pub(crate) fn unit_starts<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyString>,
    cut: bool,
) -> PyResult<Ints<'py>> {
    let read = utf8(text)?;
    let starts = detached(py, || {
        let edges = if cut { WordEdges::cut(read) } else { WordEdges::new(read) };
        Ok((0..edges.len()).filter(|&at| !edges.inside(at)).map(|at| at as i64).collect::<Vec<_>>())
    })?;
    Ok(PyArray1::from_vec(py, starts))
}

/// Faults of the offsets of one text's tokens; those marked in `skip` are left out.
#[pyfunction]
pub(crate) fn offset_faults(
    py: Python<'_>,
    offsets: PyReadonlyArray1<'_, i64>,
    skip: PyReadonlyArray1<'_, u8>,
    chars: usize,
) -> PyResult<Vec<(usize, &'static str, Option<usize>)>> {
    let (offsets, skip) = (offsets.as_slice()?, skip.as_slice()?);
    check_count("offsets", offsets.len(), skip.len().saturating_mul(2)).map_err(exception)?;
    let found = py.detach(|| faults(offsets, chars, |token| skip[token] != 0));
    Ok(found.iter().map(|fault| (fault.token, fault.kind.name(), fault.other)).collect())
}

/// Windows of the texts of a batch, whose tokens lie end to end.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    reason = "one call handles one batch, each of its arrays is an argument"
)]
pub(crate) fn plan_windows<'py>(
    py: Python<'py>,
    offsets: Option<PyReadonlyArray1<'py, i64>>,
    word_ids: Option<PyReadonlyArray1<'py, i64>>,
    special: PyReadonlyArray1<'py, u8>,
    lengths: PyReadonlyArray1<'py, i64>,
    texts: Option<&Bound<'py, PyList>>,
    max_length: usize,
    stride: usize,
    special_tokens: usize,
) -> PyResult<(Ints<'py>, Ints<'py>, Ints<'py>)> {
    let size = Size::new(max_length, stride, special_tokens).map_err(exception)?;
    let strings = texts.map(|texts| texts::strings("texts", texts)).transpose()?;
    let texts = strings.as_ref().map(|strings| texts::borrowed("texts", strings)).transpose()?;
    let offsets = offsets.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let word_ids = word_ids.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let special = special.as_slice()?;
    let windows = ranges(lengths.as_slice()?, special.len()).map_err(exception)?;
    let tokens = special.len();
    check_count("offsets", offsets.map_or(tokens, |all| all.len() / 2), tokens).map_err(exception)?;
    check_count("word_ids", word_ids.map_or(tokens, <[i64]>::len), tokens).map_err(exception)?;
    check_count("texts", texts.as_ref().map_or(windows.len(), Vec::len), windows.len()).map_err(exception)?;
    let plan = detached(py, || {
        let mut plan = Plan::default();
        for (text, tokens) in windows.into_iter().enumerate() {
            let at = tokens.start;
            let all = &special[tokens];
            let first = all.iter().position(|&special| special == 0).unwrap_or(0);
            let end = all.iter().rposition(|&special| special == 0).map_or(first, |last| last + 1);
            let opens = match (&texts, offsets, word_ids) {
                (Some(texts), Some(offsets), _) => {
                    opens_by_text(&offsets[2 * (at + first)..2 * (at + end)], &WordEdges::new(texts[text].0))
                }
                (_, _, Some(word_ids)) => opens_by_word_ids(&word_ids[at + first..at + end]),
                _ => vec![true; end - first],
            };
            plan.push(text, first, &opens, size)?;
        }
        Ok(plan)
    })?;
    Ok((
        PyArray1::from_vec(py, plan.texts),
        PyArray1::from_vec(py, plan.starts),
        PyArray1::from_vec(py, plan.ends),
    ))
}
