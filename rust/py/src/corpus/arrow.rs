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
use pyo3::exceptions::{PyOSError, PyValueError};
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
    /// A row that is not text; it has been passed over.
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
        Err(error) => Err(crate::door::wrong_type(format!("the Arrow data could not be imported: {error}"))),
    }
}

/// A column of strings in any of Arrow's layouts.
struct Strings {
    values: Values,
    /// Where each row's value is, if rows share them.
    places: Vec<Places>,
    /// The rows that are not null, be it by themselves or through the record they are in.
    rows: Option<NullBuffer>,
    len: usize,
}

/// Where each row's value lies in an array of values.
enum Places {
    /// The keys of a dictionary.
    Keys(Int64Array),
    /// The ends of runs, and the row of the first run that is row 0. A run may be longer than memory could hold rows.
    Runs { ends: Vec<usize>, first: usize },
}

impl Places {
    fn get(&self, row: usize) -> Option<usize> {
        match self {
            Self::Keys(keys) => {
                (row < keys.len() && keys.is_valid(row)).then(|| usize::try_from(keys.value(row)).ok())?
            }
            Self::Runs { ends, first } => {
                let row = first.checked_add(row)?;
                Some(ends.partition_point(|&end| end <= row))
            }
        }
    }
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
        // Runs of a dictionary, a dictionary of runs: each layer says where in the next one a row's value is.
        let (mut array, mut places) = (Arc::clone(array), Vec::new());
        let values = loop {
            let (inner, layer) = match array.data_type() {
                DataType::Dictionary(..) => {
                    let dictionary = array.as_any_dictionary();
                    (Arc::clone(dictionary.values()), Places::Keys(keys(dictionary, column)?))
                }
                DataType::RunEndEncoded(..) => runs(&array)?,
                other => break Values::of(&array).ok_or_else(|| refused(other))?,
            };
            places.push(layer);
            array = inner;
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
        let place = self.places.iter().try_fold(row, |row, places| places.get(row))?;
        self.values.get(place)
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

/// The keys of a dictionary in one width, whichever they have. Nobody has checked them against its values.
fn keys(dictionary: &dyn AnyDictionaryArray, column: &str) -> Result<Int64Array, Reason> {
    let (keys, values) = (dictionary.keys(), dictionary.values().len());
    let refused = |index: String| Reason::BadIndex { column: column.to_owned(), index, values };
    arrow_array::downcast_integer_array!(
        keys => keys.iter().map(|key| {
            let Some(key) = key else { return Ok(None) };
            let place = key.to_i64().filter(|place| usize::try_from(*place).is_ok_and(|place| place < values));
            place.map(Some).ok_or_else(|| refused(key.to_string()))
        }).collect(),
        other => Err(Reason::Read(format!("indices of the type {other} are not known"))),
    )
}

/// The values of runs, and where each row's is.
fn runs(array: &ArrayRef) -> Result<(ArrayRef, Places), Reason> {
    fn of<R: RunEndIndexType>(array: &ArrayRef) -> Option<(ArrayRef, Places)> {
        let array = array.as_any().downcast_ref::<RunArray<R>>()?;
        let ends = array.run_ends().values().iter().map(|end| end.as_usize()).collect();
        Some((Arc::clone(array.values()), Places::Runs { ends, first: array.offset() }))
    }
    of::<Int16Type>(array)
        .or_else(|| of::<Int32Type>(array))
        .or_else(|| of::<Int64Type>(array))
        .ok_or_else(|| Reason::Read(format!("runs of the type {} are not known", array.data_type())))
}

/// What a column that is not text holds, and how it becomes text.
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
