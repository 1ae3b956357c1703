//! Results out: Arrow's C data interface, and the words and JSON that entities and answers share.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, FieldRef, Fields};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyBytesMethods, PyCapsule, PyString, PyTuple};
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_array_pycapsules, to_schema_pycapsule, to_stream_pycapsule};

/// Columns as Arrow has them, handed out by the methods of its `PyCapsule` interface.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct ArrowColumns {
    rows: Arc<StructArray>,
    field: FieldRef,
}

impl ArrowColumns {
    /// Made from named columns of `len` rows each. All may hold nulls, so that the schema does not depend on the
    /// values.
    pub(crate) fn new(columns: Vec<(&'static str, ArrayRef)>, len: usize) -> PyResult<Self> {
        let rows = structure(columns, len).map_err(refused)?;
        let field = Arc::new(Field::new("", rows.data_type().clone(), false));
        Ok(Self { rows: Arc::new(rows), field })
    }
}

#[pymethods]
impl ArrowColumns {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyArrowResult<Bound<'py, PyCapsule>> {
        to_schema_pycapsule(py, self.field.as_ref())
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyTuple>> {
        to_array_pycapsules(py, Arc::clone(&self.field), self.rows.as_ref(), requested_schema)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let rows: ArrayRef = Arc::<StructArray>::clone(&self.rows);
        let batches = Box::new(ArrayIterator::new([Ok::<_, ArrowError>(rows)], Arc::clone(&self.field)));
        to_stream_pycapsule(py, batches, requested_schema)
    }
}

/// What Arrow says of columns that it can't hold.
pub(crate) fn refused(error: ArrowError) -> PyErr {
    crate::door::wrong_value(format!(
        "the columns can't be held by Arrow ({error}); decode fewer texts at once"
    ))
}

/// One array of records.
pub(crate) fn structure(
    columns: Vec<(&'static str, ArrayRef)>,
    len: usize,
) -> Result<StructArray, ArrowError> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    StructArray::try_new_with_length(fields, arrays, None, len)
}

/// Lists of records; list `i` ends where `bounds[i + 1]` says.
pub(crate) fn lists(
    bounds: impl IntoIterator<Item = usize>,
    items: StructArray,
) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets(bounds)?, Arc::new(items), None)?))
}

/// Bounds that never fall. Arrow counts the items of lists and the bytes of strings in 31 bits.
fn offsets(bounds: impl IntoIterator<Item = usize>) -> Result<OffsetBuffer<i32>, ArrowError> {
    let mut last = 0;
    let bounds: Vec<i32> =
        bounds.into_iter().inspect(|&bound| last = bound).map(|bound| bound as i32).collect();
    if last > i32::MAX as usize {
        return Err(ArrowError::InvalidArgumentError(format!("{last} is more than 2^31 - 1")));
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(bounds)))
}

/// A column of int64; null where `valid` says no.
pub(crate) fn integers(values: Vec<i64>, valid: Option<Vec<bool>>) -> ArrayRef {
    Arc::new(Int64Array::new(ScalarBuffer::from(values), valid.map(NullBuffer::from)))
}

/// Ids into `names`, all of them known, as a dictionary that holds each name once.
pub(crate) fn dictionary<'a>(
    ids: &[i64],
    names: impl Iterator<Item = &'a str>,
) -> Result<ArrayRef, ArrowError> {
    let mut unique: Vec<&str> = Vec::new();
    let place = |name: &'a str| {
        unique.iter().position(|known| *known == name).unwrap_or_else(|| {
            unique.push(name);
            unique.len() - 1
        }) as i32
    };
    let places: Vec<i32> = names.map(place).collect();
    let keys = ids.iter().map(|&id| places.get(id as usize).copied().unwrap_or_default());
    let keys = Int32Array::new(ScalarBuffer::from(keys.collect::<Vec<i32>>()), None);
    let names: ArrayRef = Arc::new(StringArray::from(unique));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, names)?))
}

/// A column of texts: their UTF-8, end to end; lone surrogates are encoded as if they were characters.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) text: String,
    /// Where each ends in `text`, or among `raw`.
    ends: Vec<usize>,
    missing: Vec<bool>,
    /// All of them as bytes, as soon as one is not UTF-8.
    raw: Option<Vec<u8>>,
}

impl Words {
    pub(crate) fn with_capacity(words: usize) -> Self {
        Self {
            text: String::with_capacity(16 * words),
            ends: Vec::with_capacity(words),
            missing: Vec::with_capacity(words),
            raw: None,
        }
    }

    /// Ends the word that was appended to `text`.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.text.len());
        self.missing.push(false);
    }

    /// Appends a missing word.
    pub(crate) fn miss(&mut self) {
        self.ends.push(self.raw.as_ref().map_or(self.text.len(), Vec::len));
        self.missing.push(true);
    }

    /// Appends a word that Python has made.
    pub(crate) fn push(&mut self, word: Option<&Bound<'_, PyString>>) -> PyResult<()> {
        let Some(word) = word else {
            self.miss();
            return Ok(());
        };
        match (word.to_str(), &mut self.raw) {
            (Ok(word), None) => self.text.push_str(word),
            (Ok(word), Some(raw)) => raw.extend_from_slice(word.as_bytes()),
            (Err(_), _) => {
                let bytes =
                    word.call_method1("encode", ("utf-8", "surrogatepass"))?.cast_into::<PyBytes>()?;
                let raw = self.raw.get_or_insert_with(|| std::mem::take(&mut self.text).into_bytes());
                raw.extend_from_slice(bytes.as_bytes());
            }
        }
        self.ends.push(self.raw.as_ref().map_or(self.text.len(), Vec::len));
        self.missing.push(false);
        Ok(())
    }

    /// The bytes of word `row`; `None` if it is missing.
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        let bytes = self.raw.as_deref().unwrap_or(self.text.as_bytes());
        (!self.missing[row]).then(|| &bytes[start..self.ends[row]])
    }

    /// Word `row` as JSON.
    pub(crate) fn write_json(&self, row: usize, out: &mut Vec<u8>) -> PyResult<()> {
        match self.get(row) {
            None => out.extend_from_slice(b"null"),
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(word) => json(word, out)?,
                Err(_) => json_surrogates(bytes, out)?,
            },
        }
        Ok(())
    }

    /// As an Arrow column named `name`.
    pub(crate) fn into_arrow(self, name: &str) -> PyResult<ArrayRef> {
        if self.raw.is_some() {
            let bad = |row: &usize| self.get(*row).is_some_and(|bytes| std::str::from_utf8(bytes).is_err());
            let row = (0..self.ends.len()).find(bad).unwrap_or_default();
            return Err(crate::door::wrong_value(format!(
                "`{name}` of row {row} has a lone surrogate, which Arrow's UTF-8 can't hold; replace it in the texts, \
                 for example with text.encode(\"utf-8\", \"replace\").decode(), or take to_json()"
            )));
        }
        let bounds = offsets(std::iter::once(0).chain(self.ends)).map_err(refused)?;
        let nulls =
            self.missing.contains(&true).then(|| self.missing.iter().map(|&missing| !missing).collect());
        let text = Buffer::from(self.text.into_bytes());
        Ok(Arc::new(StringArray::try_new(bounds, text, nulls).map_err(refused)?))
    }
}

/// Appends a number or a string as JSON; a float as the shortest decimal that reads back to the same bits.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> PyResult<()> {
    serde_json::to_writer(out, value).map_err(|error| crate::door::wrong_value(error.to_string()))
}

/// A string with lone surrogates, which JSON writes as `\udxxx`.
fn json_surrogates(bytes: &[u8], out: &mut Vec<u8>) -> PyResult<()> {
    out.push(b'"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = std::str::from_utf8(rest).map_or_else(|error| error.valid_up_to(), |_| rest.len());
        let mut quoted = Vec::with_capacity(valid + 2);
        json(std::str::from_utf8(&rest[..valid]).unwrap_or_default(), &mut quoted)?;
        out.extend_from_slice(&quoted[1..quoted.len() - 1]);
        rest = &rest[valid..];
        if let [first, second, third, after @ ..] = rest {
            let unit =
                u32::from(first & 0x0F) << 12 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F);
            out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            rest = after;
        }
    }
    out.push(b'"');
    Ok(())
}
