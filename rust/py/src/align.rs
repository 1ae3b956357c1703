//! Labels of spans, of words and of tokens; two tokenizations side by side: one call a batch.

use crate::batch::texts;
use crate::door::{detached, exception};
use crate::options::{SchemeName, read};
use crate::threads::Threads;
use fastpost_core::align as core;
use fastpost_core::align::{Policy, Repair, Solid, Span, Subwords, Window};
use fastpost_core::labels::{Role, Tagging};
use fastpost_core::parallel;
use fastpost_core::{Error, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyTuple};
use std::collections::HashMap;
use std::ops::Range;

/// The tokens of a batch, end to end.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TokenSpans {
    offsets: Vec<i64>,
    special: Vec<u8>,
    word_ids: Option<Vec<i64>>,
    /// Tokens of each window.
    windows: Vec<Range<usize>>,
    /// Windows of each text.
    texts: Vec<Range<usize>>,
    /// The white space of each text, where the texts are there.
    solid: Option<Vec<Solid>>,
}

/// Label names read under a scheme.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct LabelSet {
    tagging: Tagging,
}

#[pymethods]
impl LabelSet {
    /// `names` in the order of their ids; `scheme` is "auto" or a scheme's name.
    #[new]
    fn new(names: Vec<String>, scheme: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { tagging: Tagging::new(&names, scheme.extract::<SchemeName>()?.0).map_err(exception)? })
    }

    /// The scheme's name.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.tagging.scheme.name()
    }

    /// For each label, the one that continues its entity.
    fn inside<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        PyArray1::from_vec(py, core::inside_labels(&self.tagging))
    }
}

impl LabelSet {
    /// Types of entities by name.
    fn kinds(&self) -> HashMap<&str, u32> {
        let inside = self.tagging.tags.iter().filter(|tag| tag.role != Role::Outside);
        inside.map(|tag| (self.tagging.kinds[tag.kind as usize].as_str(), tag.kind)).collect()
    }
}

#[pymethods]
impl TokenSpans {
    /// `owners` names the text of each window, in order. With `texts`, white space at the edges of tokens does not
    /// count as theirs.
    #[new]
    #[expect(
        clippy::too_many_arguments,
        reason = "one call handles one batch, each of its arrays is an argument"
    )]
    fn new(
        py: Python<'_>,
        offsets: PyReadonlyArray1<'_, i64>,
        special: PyReadonlyArray1<'_, u8>,
        word_ids: Option<PyReadonlyArray1<'_, i64>>,
        lengths: PyReadonlyArray1<'_, i64>,
        owners: PyReadonlyArray1<'_, i64>,
        texts: Option<&Bound<'_, PyList>>,
        text_count: usize,
    ) -> PyResult<Self> {
        let strings = texts.map(|texts| texts::strings("texts", texts)).transpose()?;
        let texts = strings.as_ref().map(|strings| texts::borrowed("texts", strings)).transpose()?;
        let mut offsets = offsets.as_slice()?.to_vec();
        let special = special.as_slice()?.to_vec();
        let word_ids = word_ids.map(|ids| ids.as_slice().map(<[i64]>::to_vec)).transpose()?;
        let (lengths, owners) = (lengths.as_slice()?, owners.as_slice()?);
        py.detach(|| {
            let windows = ranges(lengths, special.len())?;
            check_count("offsets", offsets.len(), 2 * special.len())?;
            check_count("word_ids", word_ids.as_ref().map_or(special.len(), Vec::len), special.len())?;
            if owners.len() != windows.len() {
                return Err(Error::WindowCount { name: "windows", got: owners.len(), want: windows.len() });
            }
            if let Some(texts) = texts.as_ref().filter(|texts| texts.len() != text_count) {
                return Err(Error::TextCount { texts: texts.len(), windows: text_count });
            }
            // Without texts, their number is only the caller's claim.
            let texts_most = windows.len().saturating_add(SPARE_TEXTS);
            if texts.is_none() && text_count > texts_most {
                return Err(Error::BadOption {
                    name: "text_count",
                    got: format!("{text_count} for {} windows", windows.len()),
                    cure: "pass the texts themselves",
                });
            }
            let mut of_text = vec![0..0; text_count];
            for (window, &owner) in owners.iter().enumerate() {
                let Some(range) = usize::try_from(owner).ok().and_then(|owner| of_text.get_mut(owner)) else {
                    return Err(Error::BadWindowText { window, text: owner, texts: text_count });
                };
                if range.start == range.end {
                    *range = window..window + 1;
                } else if range.end == window {
                    range.end += 1;
                } else {
                    return Err(Error::BadOption {
                        name: "windows",
                        got: format!("{owner} at window {window} again"),
                        cure: "windows of one text follow each other",
                    });
                }
            }
            for (text, of_text) in of_text.iter().enumerate() {
                let chars = texts.as_ref().map(|texts| texts[text].1);
                for (number, tokens) in of_text.clone().zip(&windows[of_text.clone()]) {
                    let (offsets, special) =
                        (&offsets[2 * tokens.start..2 * tokens.end], &special[tokens.clone()]);
                    Window { offsets, special, word_ids: None }.check(number, chars)?;
                }
            }
            let solid = texts
                .map(|texts| texts.iter().map(|(text, chars)| Solid::new(text, *chars)).collect::<Vec<_>>());
            for (range, solid) in of_text.iter().zip(solid.iter().flatten()) {
                for window in &windows[range.clone()] {
                    solid.trim_all(&mut offsets[2 * window.start..2 * window.end]);
                }
            }
            Ok(Self { offsets, special, word_ids, windows, texts: of_text, solid })
        })
        .map_err(exception)
    }

    /// Label ids of all tokens, end to end, and the spans that did not fit: text, span, reason, characters used, other
    /// span.
    fn to_labels<'py>(
        &self,
        py: Python<'py>,
        spans: &Bound<'py, PyList>,
        labels: &LabelSet,
        policy: &Bound<'_, PyAny>,
        subwords: &Bound<'_, PyAny>,
        threads: Option<Threads>,
    ) -> PyResult<(Bound<'py, PyArray1<i64>>, Vec<Row>)> {
        let policy: Policy = read(policy)?;
        let subwords = self.subwords(read(subwords)?)?;
        let kinds = labels.kinds();
        let spans = spans.iter().enumerate().map(|(text, spans)| read_spans(text, &spans, &kinds));
        let spans: Vec<Vec<Span>> = spans.collect::<PyResult<_>>()?;
        check_count("spans", spans.len(), self.texts.len()).map_err(exception)?;
        let (values, misfits) = detached(py, || {
            let cost = self.special.len() * 3 + spans.iter().map(Vec::len).sum::<usize>() * 50;
            let done = parallel::map(self.texts.len(), Threads::of(threads), cost, |text| {
                let (windows, lengths) = self.windows_of(text);
                let mut values = vec![0; lengths.iter().sum()];
                let mut rest = values.as_mut_slice();
                let mut rows = Vec::with_capacity(lengths.len());
                for tokens in lengths {
                    let (row, after) = rest.split_at_mut(tokens);
                    rows.push(row);
                    rest = after;
                }
                let tagging = &labels.tagging;
                let solid = self.solid.as_ref().and_then(|solid| solid.get(text));
                let spans = &spans[text];
                let misfits =
                    core::label_text(text, &windows, spans, solid, tagging, policy, subwords, &mut rows)?;
                Ok::<_, Error>((values, misfits))
            })?;
            let mut values = vec![core::IGNORED; self.special.len()];
            let mut misfits = Vec::new();
            for (text, (row, found)) in done.into_iter().enumerate() {
                let start = self.windows.get(self.texts[text].start).map_or(0, |window| window.start);
                values[start..start + row.len()].copy_from_slice(&row);
                misfits
                    .extend(found.iter().map(|one| (text, one.span, one.reason.name(), one.used, one.other)));
            }
            Ok((values, misfits))
        })?;
        Ok((PyArray1::from_vec(py, values), misfits))
    }

    /// The spans of each text that `values`, one label id a token, stand for.
    fn to_spans<'py>(
        &self,
        py: Python<'py>,
        values: PyReadonlyArray1<'py, i64>,
        labels: &LabelSet,
        repair: &Bound<'_, PyAny>,
        subwords: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let repair: Repair = read(repair)?;
        let subwords = self.subwords(read(subwords)?)?;
        let values = values.as_slice()?;
        check_count("labels", values.len(), self.special.len()).map_err(exception)?;
        let found = detached(py, || {
            let text = |text: usize| {
                let range = self.texts[text].clone();
                let rows: Vec<&[i64]> =
                    self.windows[range.clone()].iter().map(|window| &values[window.clone()]).collect();
                let (windows, _) = self.windows_of(text);
                core::spans_of_text(range.start, &windows, &rows, &labels.tagging, repair, subwords)
            };
            (0..self.texts.len()).map(text).collect::<Result<Vec<_>>>()
        })?;
        let names: Vec<_> = labels.tagging.kinds.iter().map(|name| PyString::new(py, name)).collect();
        let list = PyList::empty(py);
        for spans in found {
            let tuple = |span: &Span| (span.start, span.end, &names[span.kind as usize]).into_pyobject(py);
            list.append(PyList::new(py, spans.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)?)?;
        }
        Ok(list)
    }
}

/// How many more texts than windows there may be if nothing but a number says so.
const SPARE_TEXTS: usize = 1 << 20;

/// The tokens of each window of arrays laid end to end.
pub(crate) fn ranges(lengths: &[i64], tokens: usize) -> Result<Vec<Range<usize>>> {
    let mut at = 0_usize;
    let mut windows = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let Some(end) = end.filter(|&end| end <= tokens) else {
            return Err(Error::BadOption {
                name: "lengths",
                got: format!("{length} after {at} of {tokens} tokens"),
                cure: "lengths are numbers of tokens, and cover each token once",
            });
        };
        windows.push(at..end);
        at = end;
    }
    check_count("lengths", at, tokens)?;
    Ok(windows)
}

/// Refuses an array of another size than the others ask for.
pub(crate) fn check_count(name: &'static str, got: usize, want: usize) -> Result<()> {
    if got == want {
        return Ok(());
    }
    Err(Error::BadOption {
        name,
        got: format!("{got} values for {want}"),
        cure: "pass as many as the others have",
    })
}

/// Text, span, reason, characters used, other span.
type Row = (usize, usize, &'static str, Option<(i64, i64)>, Option<usize>);

impl TokenSpans {
    fn subwords(&self, subwords: Subwords) -> PyResult<Subwords> {
        if subwords == Subwords::First && self.word_ids.is_none() {
            return Err(exception(Error::Missing {
                name: "word_ids",
                why: "to find the first token of a word",
            }));
        }
        Ok(subwords)
    }

    fn windows_of(&self, text: usize) -> (Vec<Window<'_>>, Vec<usize>) {
        let ranges = &self.windows[self.texts[text].clone()];
        let window = |range: &Range<usize>| Window {
            offsets: &self.offsets[2 * range.start..2 * range.end],
            special: &self.special[range.clone()],
            word_ids: self.word_ids.as_ref().map(|ids| &ids[range.clone()]),
        };
        (ranges.iter().map(window).collect(), ranges.iter().map(Range::len).collect())
    }
}

fn read_spans(text: usize, spans: &Bound<'_, PyAny>, kinds: &HashMap<&str, u32>) -> PyResult<Vec<Span>> {
    let wrong = |index: usize, span: &Bound<'_, PyAny>| {
        crate::door::wrong_type(format!(
            "`spans[{text}][{index}]` is {span}; a span is (start, end, label) or a dict with these keys"
        ))
    };
    if !spans.is_instance_of::<PyList>() && !spans.is_instance_of::<PyTuple>() {
        let got = spans.get_type();
        return Err(crate::door::wrong_type(format!(
            "`spans[{text}]` is of type {got}; pass one list of spans per text"
        )));
    }
    let mut out = Vec::with_capacity(spans.len()?);
    // The label read last, which is most often the next one too, as the same object.
    let mut last: Option<(Bound<'_, PyAny>, u32)> = None;
    for (index, span) in spans.try_iter()?.enumerate() {
        let span = span?;
        let Some([start, end, label]) = parts(&span)? else { return Err(wrong(index, &span)) };
        let number = |part: &Bound<'_, PyAny>| part.extract::<i64>().map_err(|_| wrong(index, &span));
        let kind = match &last {
            Some((same, kind)) if same.is(&label) => *kind,
            _ => {
                let name = label.cast::<PyString>().map_err(|_| wrong(index, &span))?.to_str()?;
                *kinds.get(name).ok_or_else(|| unknown(text, index, name, kinds))?
            }
        };
        out.push(Span { start: number(&start)?, end: number(&end)?, kind });
        last = Some((label, kind));
    }
    Ok(out)
}

/// Start, end and label of a span; `None` if it is not a span.
fn parts<'py>(span: &Bound<'py, PyAny>) -> PyResult<Option<[Bound<'py, PyAny>; 3]>> {
    if let Ok(tuple) = span.cast::<PyTuple>() {
        let three = tuple.len() == 3;
        return if three {
            Ok(Some([tuple.get_item(0)?, tuple.get_item(1)?, tuple.get_item(2)?]))
        } else {
            Ok(None)
        };
    }
    if let Ok(dict) = span.cast::<PyDict>() {
        let py = span.py();
        let mut label = dict.get_item(intern!(py, "label"))?;
        for name in [intern!(py, "entity_group"), intern!(py, "entity")] {
            if label.is_none() {
                label = dict.get_item(name)?;
            }
        }
        let (start, end) = (dict.get_item(intern!(py, "start"))?, dict.get_item(intern!(py, "end"))?);
        return Ok(start.zip(end).zip(label).map(|((start, end), label)| [start, end, label]));
    }
    match span.cast::<PyList>() {
        Ok(list) if list.len() == 3 => Ok(Some([list.get_item(0)?, list.get_item(1)?, list.get_item(2)?])),
        _ => Ok(None),
    }
}

fn unknown(text: usize, index: usize, name: &str, kinds: &HashMap<&str, u32>) -> PyErr {
    let mut known: Vec<_> = kinds.keys().copied().collect();
    known.sort_unstable();
    crate::door::wrong_value(format!(
        "`spans[{text}][{index}]` has the label {name:?} but `label2id` has the types {}; pass one of them, without \
         prefix",
        known.join(", ")
    ))
}

/// Labels of words -> labels of tokens, list by list.
#[pyfunction]
pub(crate) fn align_labels<'py>(
    py: Python<'py>,
    word_labels: &Bound<'py, PyList>,
    word_ids: &Bound<'py, PyList>,
    subwords: &Bound<'_, PyAny>,
    inside: Option<PyReadonlyArray1<'py, i64>>,
) -> PyResult<Bound<'py, PyList>> {
    let subwords: Subwords = read(subwords)?;
    let inside = inside.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let out = PyList::empty(py);
    let (mut labels, mut words) = (Vec::new(), Vec::new());
    for (window, (given, ids)) in word_labels.iter().zip(word_ids).enumerate() {
        integers("word_labels", window, &given, &mut labels, None)?;
        integers("word_ids", window, &ids, &mut words, Some(-1))?;
        let mut found = vec![0; words.len()];
        core::align_labels(window, &labels, &words, subwords, inside, &mut found).map_err(exception)?;
        out.append(PyList::new(py, found)?)?;
    }
    Ok(out)
}

/// Reads a sequence of integers, in which `None` counts as `none`.
fn integers(
    name: &str,
    window: usize,
    given: &Bound<'_, PyAny>,
    out: &mut Vec<i64>,
    none: Option<i64>,
) -> PyResult<()> {
    out.clear();
    for (at, item) in given.try_iter()?.enumerate() {
        let item = item?;
        out.push(match none {
            Some(none) if item.is_none() => none,
            _ => match item.cast::<PyInt>() {
                Ok(number) => number.extract()?,
                Err(_) => item.extract().map_err(|_| {
                    crate::door::wrong_type(format!(
                        "`{name}[{window}][{at}]` is {}; pass integers",
                        crate::door::shown(&item)
                    ))
                })?,
            },
        });
    }
    Ok(())
}

/// Which tokens of `a` and `b` stand for each other.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "a pair of lists of lists")]
pub(crate) fn align_tokens(
    py: Python<'_>,
    a: &Bound<'_, PyList>,
    b: &Bound<'_, PyList>,
) -> PyResult<(Vec<Vec<usize>>, Vec<Vec<usize>>)> {
    let (a, b) = (texts::strings("a", a)?, texts::strings("b", b)?);
    let (a, b) = (texts::borrowed("a", &a)?, texts::borrowed("b", &b)?);
    let tokens = |list: Vec<(&str, usize)>| list.into_iter().map(|(token, _)| token.to_owned()).collect();
    let (a, b): (Vec<String>, Vec<String>) = (tokens(a), tokens(b));
    Ok(py.detach(|| fastpost_core::align::tokens::align_tokens(&a, &b)))
}
