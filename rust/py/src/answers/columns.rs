//! Answers out, as a whole: Arrow columns, JSON, and what pickle keeps of them.

use super::{AnswerTable, Columns};
use crate::columns::{self, ArrowColumns, Words, integers, lists, refused, structure};
use arrow_array::{ArrayRef, Float32Array, Float64Array};
use fastpost_core::answers::{Answer, Answers};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use std::sync::Arc;

/// One row an answer.
#[pyfunction]
pub(crate) fn answer_columns(py: Python<'_>, table: &AnswerTable) -> PyResult<ArrowColumns> {
    let rows = &table.found.rows;
    let questions = table.found.bounds.windows(2).enumerate();
    let question =
        questions.flat_map(|(question, bounds)| std::iter::repeat_n(question as i64, bounds[1] - bounds[0]));
    let valid = rows.iter().map(|row| row.window >= 0).collect();
    let logits = |logit: fn(&Answer) -> f32| -> ArrayRef {
        Arc::new(rows.iter().map(logit).collect::<Vec<_>>().into_iter().collect::<Float32Array>())
    };
    let columns = vec![
        ("question_index", integers(question.collect(), None)),
        ("text_index", table.integers(|row| row.text as i64)),
        ("window", integers(rows.iter().map(|row| row.window).collect(), Some(valid))),
        ("start", table.integers(|row| row.start)),
        ("end", table.integers(|row| row.end)),
        ("score", table.scores()),
        ("answer", table.words_column(py)?.into_arrow("answer")?),
        ("start_logit", logits(|row| row.start_logit)),
        ("end_logit", logits(|row| row.end_logit)),
    ];
    ArrowColumns::new(columns, rows.len())
}

/// One row a question: the list of its answers, and the score of "no answer".
#[pyfunction]
pub(crate) fn answer_lists(py: Python<'_>, table: &AnswerTable) -> PyResult<ArrowColumns> {
    let found = &table.found;
    let columns = vec![
        ("text_index", table.integers(|row| row.text as i64)),
        ("start", table.integers(|row| row.start)),
        ("end", table.integers(|row| row.end)),
        ("score", table.scores()),
        ("answer", table.words_column(py)?.into_arrow("answer")?),
    ];
    let items = structure(columns, found.rows.len()).map_err(refused)?;
    let answers = lists(found.bounds.iter().copied(), items).map_err(refused)?;
    let null_score: Float64Array =
        found.null_score.iter().map(|&score| (!score.is_nan()).then_some(score)).collect();
    ArrowColumns::new(
        vec![("answers", answers), ("null_score", Arc::new(null_score))],
        found.null_score.len(),
    )
}

/// What `to_dicts` gives as JSON; with `lines`, one line a question.
#[pyfunction]
pub(crate) fn answer_json<'py>(
    py: Python<'py>,
    table: &AnswerTable,
    lines: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let found = &table.found;
    let words = table.words_column(py)?;
    let mut out = Vec::with_capacity(100 * found.rows.len() + 4 * found.null_score.len() + 2);
    if !lines {
        out.push(b'[');
    }
    for (question, bounds) in found.bounds.windows(2).enumerate() {
        if question > 0 && !lines {
            out.push(b',');
        }
        let is_dict = table.dict_for_one && bounds[1] - bounds[0] == 1;
        if !is_dict {
            out.push(b'[');
        }
        for row in bounds[0]..bounds[1] {
            if row > bounds[0] {
                out.push(b',');
            }
            let answer = &found.rows[row];
            out.extend_from_slice(b"{\"score\":");
            columns::json(&answer.score, &mut out)?;
            out.extend_from_slice(b",\"start\":");
            columns::json(&answer.start, &mut out)?;
            out.extend_from_slice(b",\"end\":");
            columns::json(&answer.end, &mut out)?;
            out.extend_from_slice(b",\"answer\":");
            words.write_json(row, &mut out)?;
            if table.several {
                out.extend_from_slice(b",\"text_index\":");
                columns::json(&answer.text, &mut out)?;
            }
            out.push(b'}');
        }
        if !is_dict {
            out.push(b']');
        }
        if lines {
            out.push(b'\n');
        }
    }
    if !lines {
        out.push(b']');
    }
    Ok(PyBytes::new(py, &out))
}

/// The texts of the answers `start..stop`.
#[pyfunction]
pub(crate) fn answer_words<'py>(
    py: Python<'py>,
    table: &AnswerTable,
    start: usize,
    stop: usize,
) -> PyResult<Bound<'py, PyList>> {
    let len = table.found.rows.len();
    let rows = start.min(len)..stop.min(len);
    PyList::new(py, rows.map(|row| table.text(py, row)).collect::<PyResult<Vec<_>>>()?)
}

/// Whether answers say which text they are in, and whether a single answer is a dict rather than a list.
#[pyfunction]
pub(crate) fn answer_kind(table: &AnswerTable) -> (bool, bool) {
    (table.several, table.dict_for_one)
}

/// A table made of the columns in a pickle.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one a column")]
pub(crate) fn answer_table(
    py: Python<'_>,
    several: bool,
    dict_for_one: bool,
    question_index: PyReadonlyArray1<'_, i64>,
    text_index: PyReadonlyArray1<'_, i64>,
    window: PyReadonlyArray1<'_, i64>,
    start: PyReadonlyArray1<'_, i64>,
    end: PyReadonlyArray1<'_, i64>,
    score: PyReadonlyArray1<'_, f64>,
    start_logit: PyReadonlyArray1<'_, f32>,
    end_logit: PyReadonlyArray1<'_, f32>,
    null_score: PyReadonlyArray1<'_, f64>,
    answers: Vec<Py<PyString>>,
) -> PyResult<AnswerTable> {
    let (question_index, null_score) = (question_index.as_slice()?, null_score.as_slice()?.to_vec());
    let (text_index, window) = (text_index.as_slice()?, window.as_slice()?);
    let (start, end, score) = (start.as_slice()?, end.as_slice()?, score.as_slice()?);
    let (start_logit, end_logit) = (start_logit.as_slice()?, end_logit.as_slice()?);
    let len = question_index.len();
    for (name, got) in [
        ("text_index", text_index.len()),
        ("window", window.len()),
        ("start", start.len()),
        ("end", end.len()),
        ("score", score.len()),
        ("start_logit", start_logit.len()),
        ("end_logit", end_logit.len()),
        ("answers", answers.len()),
    ] {
        if got != len {
            return Err(crate::door::wrong_value(format!(
                "`{name}` has {got} rows but `question_index` has {len}; pass one a row"
            )));
        }
    }
    let mut bounds = vec![0; null_score.len() + 1];
    let mut before = 0;
    for (row, &question) in question_index.iter().enumerate() {
        if question < before || question as usize >= null_score.len() {
            return Err(crate::door::wrong_value(format!(
                "`question_index` holds {question} at row {row}; question numbers do not fall and stay below the \
                 number of questions, {}",
                null_score.len()
            )));
        }
        before = question;
        bounds[question as usize + 1] = row + 1;
    }
    // A question without answers begins and ends where the one before it ends.
    for question in 1..bounds.len() {
        bounds[question] = bounds[question].max(bounds[question - 1]);
    }
    let rows = (0..len).map(|row| Answer {
        text: text_index[row].max(0) as usize,
        window: window[row],
        start: start[row],
        end: end[row],
        score: score[row],
        start_logit: start_logit[row],
        end_logit: end_logit[row],
    });
    Ok(AnswerTable {
        found: Answers { rows: rows.collect(), null_score, bounds },
        several,
        dict_for_one,
        contexts: PyList::empty(py).unbind(),
        made: Some(answers),
        columns: Columns::none(),
    })
}

impl AnswerTable {
    fn integers(&self, value: impl Fn(&Answer) -> i64) -> ArrayRef {
        integers(self.found.rows.iter().map(value).collect(), None)
    }

    fn scores(&self) -> ArrayRef {
        Arc::new(Float64Array::from(self.found.rows.iter().map(|row| row.score).collect::<Vec<_>>()))
    }

    fn words_column(&self, py: Python<'_>) -> PyResult<Words> {
        let mut words = Words::with_capacity(self.found.rows.len());
        for row in 0..self.found.rows.len() {
            words.push(Some(self.text(py, row)?.cast::<PyString>()?))?;
        }
        Ok(words)
    }
}
