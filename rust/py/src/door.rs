//! Leaves the interpreter and maps errors, in one place.

use fastpost_core::Error;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Runs `work` with the interpreter released; a core error becomes its Python exception.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(exception)
}

/// The Python exception of a core error.
pub(crate) fn exception(error: Error) -> PyErr {
    match error {
        Error::TypeRank { .. } | Error::TypeFloats { .. } => PyTypeError::new_err(error.to_string()),
        // Three arguments make Python choose the subclass: FileNotFoundError, PermissionError, ...
        Error::File { path, message, code: Some(code) } => {
            let message = message.trim_end_matches(&format!(" (os error {code})")).to_owned();
            PyOSError::new_err((code, message, path))
        }
        error @ Error::File { .. } => PyOSError::new_err(error.to_string()),
        error => PyValueError::new_err(error.to_string()),
    }
}
