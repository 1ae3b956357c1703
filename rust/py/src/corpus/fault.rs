//! A fault of a corpus as the exception of Python.

use std::path::Path;

use fastpost_core::corpus::{Fault, Reason, Word};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// The end of the message of a record that can't be read; Python has the same words for its own faults.
const SKIP: [Word; 3] = [
    Word::Text("; "),
    Word::Value("on_error", "skip"),
    Word::Text(" leaves such records out and counts them"),
];

/// A word of a message as Python has it.
fn spelled(py: Python<'_>, word: Word) -> PyResult<Bound<'_, PyAny>> {
    static ARGUMENT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let argument = || ARGUMENT.import(py, "fastpost.exceptions", "Argument");
    match word {
        Word::Text(text) => Ok(PyString::new(py, text).into_any()),
        Word::Argument(name) => argument()?.call1((name,)),
        Word::Value(name, value) => argument()?.call1((name, (value,))),
    }
}

/// The Python exception of a fault: the `OSError` subclass of an errno, else `CorpusError`; if it will be raised, it
/// also says how to skip such records.
pub(super) fn error_of(py: Python<'_>, fault: &Fault, raised: bool) -> PyErr {
    static CORPUS_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let path: &Path = &fault.path;
    if let Reason::Os { code, message } = &fault.reason {
        let text = py.import("os").and_then(|os| os.call_method1("strerror", (*code,))?.extract::<String>());
        return PyOSError::new_err((
            *code,
            text.unwrap_or_else(|_| message.clone()),
            path.as_os_str().to_owned(),
        ));
    }
    let make = || {
        let cure = fault.reason.cure();
        let skip = if raised && fault.is_record() { &SKIP[..] } else { &[] };
        let cure = cure.iter().chain(skip).map(|word| spelled(py, *word)).collect::<PyResult<Vec<_>>>()?;
        let given = PyDict::new(py);
        given.set_item("cure", PyTuple::new(py, cure)?)?;
        let class = CORPUS_ERROR.import(py, "fastpost.exceptions", "CorpusError")?;
        class.call((fault.reason.to_string(), path.to_string_lossy(), fault.line), Some(&given))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

pub(super) fn poisoned<T>(_: std::sync::PoisonError<T>) -> PyErr {
    PyRuntimeError::new_err("an earlier call on this corpus iterator panicked; start a new one")
}
