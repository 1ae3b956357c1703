//! Entities out as the lines of a file: what the command line writes.

use super::EntityTable;
use crate::columns::{self, Words};
use numpy::PyArrayMethods;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// One line of JSON per text: its entry in `heads` (an object without its end), the text, `entities`.
///
/// With `texts`, which are redacted, the text is called `name` and no word of an entity is written. This replaces a
/// dict per entity, a dict per text and `json.dumps` of each.
#[pyfunction]
pub(crate) fn entity_lines<'py>(
    py: Python<'py>,
    table: &EntityTable,
    heads: Vec<PyBackedBytes>,
    texts: Option<Vec<Bound<'py, PyAny>>>,
    name: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    for (name, given) in [("heads", Some(heads.len())), ("texts", texts.as_ref().map(Vec::len))] {
        if let Some(given) = given.filter(|&given| given != table.text_count) {
            let count = table.text_count;
            let message =
                format!("`{name}` has {given} items but there are {count} texts; pass one for each text");
            return Err(crate::door::wrong_value(message));
        }
    }
    let words = if texts.is_some() { None } else { Some(table.words_column(py)?) };
    let texts = texts.map(|texts| {
        let mut column = Words::with_capacity(texts.len());
        for text in &texts {
            column.push(Some(text.cast()?))?;
        }
        Ok::<_, PyErr>(column)
    });
    let texts = texts.transpose()?;
    let bounds = table.bounds(py)?;
    let (label_id, score) = (table.label_id.bind(py).readonly(), table.score.bind(py).readonly());
    let (start, end) = (table.start.bind(py).readonly(), table.end.bind(py).readonly());
    let (label_id, score) = (label_id.as_slice()?, score.as_slice()?);
    let (start, end) = (start.as_slice()?, end.as_slice()?);
    let mut labels = Vec::with_capacity(table.names.len());
    for name in table.names.iter() {
        let mut label = b",\"label\":".to_vec();
        columns::json(name.bind(py).to_str()?, &mut label)?;
        label.extend_from_slice(b",\"score\":");
        labels.push(label);
    }
    let mut quoted = b",".to_vec();
    columns::json(name, &mut quoted)?;
    quoted.push(b':');
    let out = py.detach(|| {
        let mut out = Vec::with_capacity(100 * table.len + 40 * table.text_count);
        for (text, bounds) in bounds.windows(2).enumerate() {
            out.extend_from_slice(&heads[text]);
            if let Some(texts) = &texts {
                out.extend_from_slice(&quoted);
                texts.write_json(text, &mut out)?;
            }
            out.extend_from_slice(b",\"entities\":[");
            for row in bounds[0]..bounds[1] {
                out.extend_from_slice(if row > bounds[0] { b",{\"start\":" } else { b"{\"start\":" });
                columns::json(&table.has_offsets.then_some(start[row]), &mut out)?;
                out.extend_from_slice(b",\"end\":");
                columns::json(&table.has_offsets.then_some(end[row]), &mut out)?;
                out.extend_from_slice(&labels[label_id[row] as usize]);
                columns::json(&f64::from(score[row]), &mut out)?;
                if let Some(words) = &words {
                    out.extend_from_slice(b",\"word\":");
                    words.write_json(row, &mut out)?;
                }
                out.push(b'}');
            }
            out.extend_from_slice(b"]}\n");
        }
        Ok::<_, PyErr>(out)
    })?;
    Ok(PyBytes::new(py, &out))
}
