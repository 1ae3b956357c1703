//! Lists of Python objects -> flat arrays: what `_inputs/encodings.py` reads off `tokenizers.Encoding`.
//!
//! Offsets take some 75 ns a token, of which 60 go into tokenizers making a tuple of each; other columns take 15.
//! tokenizers 0.23 has no cheaper way: `token_to_chars` token by token takes 150 ns, and the JSON of all columns that
//! pickle uses (`__getstate__`) takes 59 ns even before it is parsed.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// Reads the list of integers `attribute` of each object: the values end to end, and the length of each.
/// `None` counts as -1.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "a pair of arrays")]
pub(crate) fn flatten<'py>(
    py: Python<'py>,
    objects: &Bound<'py, PyList>,
    attribute: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>)> {
    let mut values = Vec::new();
    let mut lengths = Vec::with_capacity(objects.len());
    for object in objects {
        let list = object.getattr(attribute)?.cast_into::<PyList>()?;
        lengths.push(list.len() as i64);
        values.reserve(list.len());
        for item in list {
            values.push(if item.is_none() { -1 } else { item.extract()? });
        }
    }
    Ok((PyArray1::from_vec(py, values), PyArray1::from_vec(py, lengths)))
}

/// Reads the list of pairs of integers `attribute` of each object, end to end.
#[pyfunction]
pub(crate) fn flatten_pairs<'py>(
    py: Python<'py>,
    objects: &Bound<'py, PyList>,
    attribute: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let mut values = Vec::new();
    for object in objects {
        let list = object.getattr(attribute)?.cast_into::<PyList>()?;
        values.reserve(2 * list.len());
        for item in list {
            let pair = item.cast_into::<PyTuple>()?;
            values.push(pair.get_item(0)?.extract::<i64>()?);
            values.push(pair.get_item(1)?.extract::<i64>()?);
        }
    }
    let rows = values.len() / 2;
    PyArray1::from_vec(py, values).reshape([rows, 2])
}

/// Each object, followed by the objects in its list `attribute`; and the number of the object that each came from.
#[pyfunction]
pub(crate) fn expand<'py>(
    py: Python<'py>,
    objects: &Bound<'py, PyList>,
    attribute: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyArray1<i64>>)> {
    let all = PyList::empty(py);
    let mut owners = Vec::with_capacity(objects.len());
    for (owner, object) in objects.iter().enumerate() {
        let more = object.getattr(attribute)?.cast_into::<PyList>()?;
        all.append(object)?;
        owners.push(owner as i64);
        for item in more {
            all.append(item)?;
            owners.push(owner as i64);
        }
    }
    Ok((all, PyArray1::from_vec(py, owners)))
}
