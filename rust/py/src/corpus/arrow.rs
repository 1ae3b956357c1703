//! Arrow data in -> core texts: one column of each batch, copied once into a block, never to Python objects.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{AnyDictionaryArray, Array, ArrayRef, Int64Array, RunArray, StructArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;
use fastpost_core::corpus::{Fault, Plan, Reason, Texts, Wanted, clipped, listed};
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
    wanted: Wanted,
    stream: Option<Box<dyn ArrayReader + Send>>,
    /// What is left of the current batch.
    batch: Option<Strings>,
    row: usize,
    /// Rows of the batches before this one.
    rows: u64,
}

impl ArrowFeed {
    pub(crate) fn new(objects: Py<PyAny>, name: Arc<Path>, wanted: Wanted) -> Self {
        Self { objects, name, wanted, stream: None, batch: None, row: 0, rows: 0 }
    }

    /// The next texts, in the memory of `old`.
    pub(crate) fn next(&mut self, py: Python<'_>, mut old: Texts, skip: bool) -> PyResult<Option<Texts>> {
        old.clear();
        old.set_path(&self.name);
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
                    Some(Ok(array)) => match Strings::of(&array, &self.wanted.column) {
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
        batch: &mut Vec<Option<Bound<'py, PyString>>>,
        size: &mut usize,
    ) -> Taken {
        let Some(rows) = &self.batch else { return Taken::All };
        while self.row < rows.len() {
            if batch.len() == texts {
                return Taken::Enough;
            }
            let made = match rows.get(self.row) {
                None if self.wanted.nulls => Ok(None),
                None => Err(self.no_text()),
                Some(value) if most.is_some_and(|most| *size + value.len() > most) => return Taken::Enough,
                // Arrow promises UTF-8 but nobody has to check it; Python does.
                Some(value) => {
                    let made = PyString::from_bytes(py, value).ok().or_else(|| {
                        let replaced = self.wanted.replace.then(|| String::from_utf8_lossy(value));
                        replaced.map(|text| PyString::new(py, &text))
                    });
                    *size += made.as_ref().map_or(0, |_| value.len());
                    match made {
                        Some(text) => Ok(Some(text)),
                        None => Err(utf8(value, false).err().unwrap_or_else(|| self.no_text())),
                    }
                }
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
            let text = match value {
                None if self.wanted.nulls => Ok(None),
                None => Err(self.no_text()),
                Some(value) => utf8(value, self.wanted.replace).map(Some),
            };
            self.row += 1;
            bytes += value.map_or(0, <[u8]>::len) + size_of::<usize>();
            match text {
                Ok(text) => out.push_at(text.as_deref(), self.line()),
                Err(reason) => out.push_fault(self.fault(Some(self.line()), reason)),
            }
        }
    }

    fn no_text(&self) -> Reason {
        Reason::NotText { column: self.wanted.column.clone(), found: "null".to_owned(), cure: "" }
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

fn utf8(value: &[u8], replace: bool) -> Result<Cow<'_, str>, Reason> {
    match simdutf8::compat::from_utf8(value) {
        Ok(text) => Ok(text.into()),
        Err(_) if replace => Ok(String::from_utf8_lossy(value)),
        Err(error) => {
            let at = error.valid_up_to();
            Err(Reason::NotUtf8 { byte: value[at], at, record: "value" })
        }
    }
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
struct Strings {
    values: Values,
    /// Where each row's value is, if rows share them: a dictionary, runs.
    places: Option<Int64Array>,
    /// The rows that are not null because of themselves or of the record they are in.
    rows: Option<NullBuffer>,
    len: usize,
}

enum Values {
    Short(arrow_array::BinaryArray),
    Long(arrow_array::LargeBinaryArray),
    View(arrow_array::BinaryViewArray),
    /// All of them null.
    Null,
}

impl Strings {
    fn of(array: &ArrayRef, column: &str) -> Result<Self, Reason> {
        let len = array.len();
        let (array, rows) = match array.as_any().downcast_ref::<StructArray>() {
            None => (array, None),
            Some(batch) => {
                let found = batch.column_by_name(column).ok_or_else(|| Reason::NoColumn {
                    column: column.to_owned(),
                    keys: listed(batch.column_names()),
                })?;
                if batch.column_names().iter().filter(|name| **name == column).count() > 1 {
                    return Err(Reason::Twice { column: column.to_owned() });
                }
                (found, batch.nulls().cloned())
            }
        };
        let refused = |data_type: &DataType| {
            let (found, cure) = kind(data_type);
            Reason::NotText { column: column.to_owned(), found, cure }
        };
        let (values, places) = match array.data_type() {
            DataType::Dictionary(_, of) => {
                let dictionary = array.as_any_dictionary();
                (Values::of(dictionary.values()).ok_or_else(|| refused(of))?, Some(keys(dictionary)?))
            }
            DataType::RunEndEncoded(_, of) => {
                let (values, places) = runs(array)?;
                (Values::of(&values).ok_or_else(|| refused(of.data_type()))?, Some(places))
            }
            other => (Values::of(array).ok_or_else(|| refused(other))?, None),
        };
        Ok(Self { values, places, rows, len })
    }

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        if self.rows.as_ref().is_some_and(|rows| rows.is_null(row)) {
            return None;
        }
        match &self.places {
            None => self.values.get(row),
            Some(places) => places.is_valid(row).then(|| self.values.get(places.value(row) as usize))?,
        }
    }
}

impl Values {
    fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Short(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Long(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::View(array.as_string_view().clone().to_binary_view()),
            DataType::Null => Self::Null,
            _ => return None,
        })
    }

    /// The value at `row`; nothing if it is null or there is none.
    fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Short(array) => (row < array.len() && array.is_valid(row)).then(|| array.value(row)),
            Self::Long(array) => (row < array.len() && array.is_valid(row)).then(|| array.value(row)),
            Self::View(array) => (row < array.len() && array.is_valid(row)).then(|| array.value(row)),
            Self::Null => None,
        }
    }
}

/// The keys of a dictionary in one width, whichever they have.
fn keys(dictionary: &dyn AnyDictionaryArray) -> Result<Int64Array, Reason> {
    let nulls = dictionary.keys().nulls().cloned();
    let count = dictionary.values().len();
    let places: Vec<i64> = if count == 0 {
        vec![0; dictionary.len()] // every key is null
    } else {
        dictionary.normalized_keys().into_iter().map(|key| key as i64).collect()
    };
    Int64Array::try_new(places.into(), nulls).map_err(|error| Reason::Read(error.to_string()))
}

/// The values of runs, and for each row the place of its value.
fn runs(array: &ArrayRef) -> Result<(ArrayRef, Int64Array), Reason> {
    fn of<R: RunEndIndexType>(array: &ArrayRef) -> Option<(ArrayRef, Int64Array)> {
        let array = array.as_any().downcast_ref::<RunArray<R>>()?;
        let mut places = Vec::with_capacity(array.len());
        let (from, to) = (array.offset(), array.offset() + array.len());
        for (place, end) in array.run_ends().values().iter().enumerate() {
            let end = end.as_usize().min(to);
            let start = from + places.len();
            places.extend(std::iter::repeat_n(place as i64, end.saturating_sub(start)));
        }
        Some((Arc::clone(array.values()), Int64Array::from(places)))
    }
    of::<Int16Type>(array)
        .or_else(|| of::<Int32Type>(array))
        .or_else(|| of::<Int64Type>(array))
        .ok_or_else(|| Reason::Read(format!("runs of the type {} are not known", array.data_type())))
}

/// What a column holds that is no text, and how it becomes text.
fn kind(data_type: &DataType) -> (String, &'static str) {
    let named = match data_type {
        DataType::Null => "null",
        DataType::Boolean => "true or false",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return ("bytes".to_owned(), "; cast it to string");
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "lists",
        DataType::Struct(_) => "records",
        other if other.is_numeric() => "numbers",
        other => return (clipped(&other.to_string()), "; cast it to string"),
    };
    (named.to_owned(), "")
}
