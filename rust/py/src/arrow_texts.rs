//! Arrow data in -> core texts: one column of each batch, copied once into a block, never to Python objects.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::DataType;
use fastpost_core::corpus::{Fault, Plan, Reason, Texts};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3_arrow::PyArray;
use pyo3_arrow::ffi::ArrayReader;
use pyo3_arrow::input::AnyArray;

/// An iterator of Arrow objects, each a batch (`__arrow_c_array__`) or a stream of them (`__arrow_c_stream__`).
pub(crate) struct ArrowFeed {
    objects: Py<PyAny>,
    name: Arc<Path>,
    column: String,
    stream: Option<Box<dyn ArrayReader + Send>>,
    /// What is left of the current batch.
    batch: Option<Strings>,
    row: usize,
    /// Rows of the batches before this one.
    rows: u64,
}

impl ArrowFeed {
    pub(crate) fn new(objects: Py<PyAny>, name: Arc<Path>, column: String) -> Self {
        Self { objects, name, column, stream: None, batch: None, row: 0, rows: 0 }
    }

    /// The next texts, in the memory of `old`.
    pub(crate) fn next(&mut self, py: Python<'_>, mut old: Texts, skip: bool) -> PyResult<Option<Texts>> {
        old.clear();
        match self.advance(py, skip)? {
            Step::Rows => py.detach(|| self.copy(&mut old)),
            Step::Fault(fault) => old.push_fault(fault),
            Step::End => return Ok(None),
        }
        Ok(Some(old))
    }

    /// Makes sure that there are rows at hand.
    pub(crate) fn advance(&mut self, py: Python<'_>, skip: bool) -> PyResult<Step> {
        loop {
            if let Some(batch) = &self.batch {
                if self.row < batch.len() {
                    return Ok(Step::Rows);
                }
                self.rows += batch.len() as u64;
                self.batch = None;
            }
            py.check_signals()?;
            if let Some(stream) = &mut self.stream {
                let reason = match py.detach(|| stream.next()) {
                    Some(Ok(array)) => match Strings::of(&array, &self.column) {
                        Ok(strings) => {
                            self.batch = Some(strings);
                            self.row = 0;
                            continue;
                        }
                        Err(reason) => Some(reason),
                    },
                    Some(Err(error)) => {
                        PyErr::take(py).map_or(Ok(()), Err)?;
                        Some(Reason::Read(error.to_string()))
                    }
                    None => None,
                };
                self.stream = None;
                if let Some(reason) = reason {
                    return Ok(Step::Fault(self.fault(None, reason)));
                }
            }
            match self.objects.bind(py).try_iter()?.next() {
                None => return Ok(Step::End),
                Some(Ok(object)) => self.stream = Some(stream_of(&object)?),
                Some(Err(error)) => {
                    // A damaged file; anything else (no pyarrow, Ctrl-C) is not for `on_error` to hide.
                    let value = error.value(py);
                    let damage =
                        value.is_instance_of::<PyOSError>() || value.is_instance_of::<PyValueError>();
                    if !(skip && damage) {
                        return Err(error);
                    }
                    let text =
                        value.getattr_opt("reason")?.map_or_else(|| value.to_string(), |r| r.to_string());
                    // The generator has ended with its exception.
                    return Ok(Step::Fault(self.fault(None, Reason::Read(text))));
                }
            }
        }
    }

    /// Makes strings of the rows at hand, straight from Arrow's memory, until `batch` has `texts` or `most` bytes.
    pub(crate) fn strings<'py>(
        &mut self,
        py: Python<'py>,
        texts: usize,
        most: Option<usize>,
        batch: &mut Vec<Bound<'py, PyString>>,
        size: &mut usize,
    ) -> Taken {
        let Some(rows) = &self.batch else { return Taken::All };
        while self.row < rows.len() {
            if batch.len() == texts {
                return Taken::Enough;
            }
            let made = match rows.get(self.row) {
                None => Err(self.no_text()),
                Some(value) if most.is_some_and(|most| *size + value.len() > most) => return Taken::Enough,
                // Arrow promises UTF-8 but nobody has to check it; Python does.
                Some(value) => match PyString::from_bytes(py, value) {
                    Ok(text) => {
                        *size += value.len();
                        Ok(text)
                    }
                    Err(_) => Err(utf8(value).err().unwrap_or_else(|| self.no_text())),
                },
            };
            self.row += 1;
            match made {
                Ok(text) => batch.push(text),
                Err(reason) => return Taken::Fault(self.fault(Some(self.line()), reason)),
            }
        }
        Taken::All
    }

    /// Copies the rows at hand, about a block of them.
    fn copy(&mut self, out: &mut Texts) {
        let Some(batch) = &self.batch else { return };
        let mut bytes = 0;
        while self.row < batch.len() && bytes < Plan::BLOCK {
            let value = batch.get(self.row);
            let text = value.map_or_else(|| Err(self.no_text()), utf8);
            self.row += 1;
            bytes += value.map_or(0, <[u8]>::len) + size_of::<usize>();
            match text {
                Ok(text) => out.push(text),
                Err(reason) => out.push_fault(self.fault(Some(self.line()), reason)),
            }
        }
    }

    fn no_text(&self) -> Reason {
        Reason::NotText { column: self.column.clone(), found: "null" }
    }

    /// The row just taken, counted from 1 over all batches.
    fn line(&self) -> u64 {
        self.rows + self.row as u64
    }

    fn fault(&self, line: Option<u64>, reason: Reason) -> Fault {
        Fault { path: Arc::clone(&self.name), line, reason }
    }
}

/// What [`ArrowFeed::advance`] found.
pub(crate) enum Step {
    Rows,
    Fault(Fault),
    End,
}

/// Why [`ArrowFeed::strings`] stopped.
pub(crate) enum Taken {
    /// There are no more rows at hand.
    All,
    /// The batch is full.
    Enough,
    /// A row that is no text; it has been passed.
    Fault(Fault),
}

fn utf8(value: &[u8]) -> Result<&str, Reason> {
    simdutf8::compat::from_utf8(value).map_err(|error| {
        let at = error.valid_up_to();
        Reason::NotUtf8 { byte: value[at], at, record: "value" }
    })
}

fn stream_of(object: &Bound<'_, PyAny>) -> PyResult<Box<dyn ArrayReader + Send>> {
    if let Ok(array) = object.extract::<PyArray>() {
        return AnyArray::Array(array).into_reader();
    }
    match object.extract::<AnyArray>() {
        Ok(stream) => stream.into_reader(),
        Err(error) => Err(PyTypeError::new_err(format!("the Arrow data could not be imported: {error}"))),
    }
}

/// A column of strings in any of Arrow's layouts.
enum Strings {
    Short(arrow_array::BinaryArray),
    Long(arrow_array::LargeBinaryArray),
    View(arrow_array::BinaryViewArray),
}

impl Strings {
    fn of(array: &ArrayRef, column: &str) -> Result<Self, Reason> {
        let array = match array.as_any().downcast_ref::<StructArray>() {
            None => array,
            Some(batch) => batch.column_by_name(column).ok_or_else(|| {
                let keys: Vec<_> = batch.column_names().iter().map(|name| format!("`{name}`")).collect();
                let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
                Reason::NoColumn { column: column.to_owned(), keys }
            })?,
        };
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Short(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Long(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::View(array.as_string_view().clone().to_binary_view()),
            DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8) => {
                let plain = arrow_select::take::take(
                    array.as_any_dictionary().values(),
                    array.as_any_dictionary().keys(),
                    None,
                )
                .map_err(|error| Reason::Read(error.to_string()))?;
                return Self::of(&plain, column);
            }
            other => {
                return Err(Reason::NotText { column: column.to_owned(), found: kind(other) });
            }
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Short(array) => array.len(),
            Self::Long(array) => array.len(),
            Self::View(array) => array.len(),
        }
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Short(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Long(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "null",
        DataType::Boolean => "true or false",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytes",
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "lists",
        DataType::Struct(_) => "records",
        other if other.is_numeric() => "numbers",
        _ => "another type",
    }
}
