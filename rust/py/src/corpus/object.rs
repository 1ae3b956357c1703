//! An open file of Python, read by Rust.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// A Python file object as a Rust reader.
pub(super) struct ObjectRead {
    pub(super) object: Py<PyAny>,
    pub(super) rest: Vec<u8>,
    pub(super) raised: Arc<Mutex<Option<PyErr>>>,
}

impl std::io::Read for ObjectRead {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            let read = Python::attach(|py| self.more(py));
            self.rest = read.map_err(|error| {
                if let Ok(mut raised) = self.raised.lock() {
                    raised.get_or_insert(error);
                }
                std::io::Error::other("`read` raised")
            })?;
        }
        let count = buffer.len().min(self.rest.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

impl ObjectRead {
    fn more(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        const SIZE: usize = 1 << 16;
        let object = self.object.bind(py);
        // `read1` gives what a pipe has; `read` waits until it has everything.
        let chunk = match object.getattr_opt("read1")? {
            Some(read) => read.call1((SIZE,))?,
            None => object.call_method1("read", (SIZE,))?,
        };
        if chunk.is_none() {
            return Ok(Vec::new());
        }
        match chunk.cast::<PyString>() {
            Ok(text) => Ok(text.to_str()?.as_bytes().to_vec()),
            Err(_) => chunk.extract(),
        }
    }
}
