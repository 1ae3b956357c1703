//! The argument `threads` of every entrance.

use fastpost_core::parallel;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use std::num::NonZeroUsize;

/// An int of at least 1, however large: `fastpost_core::parallel::available` starts no more than make sense.
pub(crate) struct Threads(NonZeroUsize);

impl Threads {
    /// As the core takes it; no argument means all cores.
    pub(crate) fn of(given: Option<Self>) -> parallel::Threads {
        given.map(|threads| threads.0)
    }
}

impl<'py> FromPyObject<'_, 'py> for Threads {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let message = || {
            format!(
                "`threads` is {}; pass an int of at least 1, or None for all cores",
                crate::door::shown(&object)
            )
        };
        if object.is_instance_of::<PyBool>() {
            return Err(crate::door::wrong_type(message()));
        }
        let count = match object.extract::<usize>() {
            Ok(count) => count,
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                if object.lt(1)? {
                    0
                } else {
                    usize::MAX
                }
            }
            Err(_) => return Err(crate::door::wrong_type(message())),
        };
        NonZeroUsize::new(count).map(Self).ok_or_else(|| crate::door::wrong_value(message()))
    }
}
