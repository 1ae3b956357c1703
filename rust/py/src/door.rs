//! Leaves the interpreter and maps errors, in one place.

use fastpost_core::{About, Error};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Runs `work` with the interpreter released; a core error becomes its Python exception.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(exception)
}

/// The `repr` of a value as messages show it: 80 characters at most.
pub(crate) fn shown(value: &Bound<'_, PyAny>) -> String {
    const MOST: usize = 80;
    let Ok(text) = value.repr() else { return "too long to print".to_owned() };
    let text = text.to_string_lossy();
    match text.char_indices().nth(MOST) {
        None => text.into_owned(),
        Some(_) => format!("{}...", text.chars().take(MOST - 3).collect::<String>()),
    }
}

/// The Python exception of a core error, whose attributes name the argument, the place and the cure.
pub(crate) fn exception(error: Error) -> PyErr {
    let about = error.about();
    let raised = match error {
        Error::TypeRank { .. } | Error::TypeFloats { .. } => PyTypeError::new_err(error.to_string()),
        // Three arguments make Python choose the subclass: FileNotFoundError, PermissionError, ...
        Error::File { path, message, code: Some(code) } => {
            let message = message.trim_end_matches(&format!(" (os error {code})")).to_owned();
            PyOSError::new_err((code, message, path))
        }
        error @ Error::File { .. } => PyOSError::new_err(error.to_string()),
        error => PyValueError::new_err(error.to_string()),
    };
    Python::attach(|py| describe(py, &raised, &about));
    raised
}

/// A `ValueError`. Its message starts with the argument and has the cure after its last "; "; both become attributes.
pub(crate) fn wrong_value(message: impl Into<String>) -> PyErr {
    wrong::<PyValueError>(message.into())
}

/// A `TypeError`, likewise.
pub(crate) fn wrong_type(message: impl Into<String>) -> PyErr {
    wrong::<PyTypeError>(message.into())
}

fn wrong<E: pyo3::PyTypeInfo>(message: String) -> PyErr {
    let named =
        message.strip_prefix('`').and_then(|rest| rest.split(['`', '[', '.']).next()).map(str::to_owned);
    let cure = message.rsplit_once("; ").map(|(_, cure)| cure.to_owned());
    Python::attach(|py| {
        let raised = PyErr::new::<E, _>(message);
        let value = raised.value(py);
        for (name, told) in [("argument", named), ("cure", cure)] {
            if let Some(Err(error)) = told.map(|told| value.setattr(name, told)) {
                error.write_unraisable(py, Some(value));
            }
        }
        raised
    })
}

/// `raised`, with `argument` as its attribute.
pub(crate) fn with_argument(py: Python<'_>, raised: PyErr, argument: &'static str) -> PyErr {
    describe(py, &raised, &About { argument: Some(argument), ..About::default() });
    raised
}

/// Sets what is known of an exception as its attributes.
fn describe(py: Python<'_>, raised: &PyErr, about: &About) {
    let value = raised.value(py);
    let set = || {
        for (name, number) in [("text", about.text), ("window", about.window), ("token", about.token)] {
            number.map(|number| value.setattr(name, number)).transpose()?;
        }
        about.argument.map(|argument| value.setattr("argument", argument)).transpose()?;
        about.cure.as_ref().map(|cure| value.setattr("cure", cure)).transpose()?;
        Ok(())
    };
    // The exception is still right without them.
    set().unwrap_or_else(|error: PyErr| error.write_unraisable(py, Some(value)));
}
