//! `EntityKernel`: one call decodes one batch.

use super::{EntityTable, Shared, TokenTable};
use crate::batch::arrays::{Integers, Lengths, Ragged};
use crate::batch::texts;
use crate::door::{detached, exception};
use crate::entities::options::EntityOptions;
use crate::options::read;
use crate::threads::Threads;
use fastpost_core::batch::{Ints, Text, Tokens, Window};
use fastpost_core::entities::own as right;
use fastpost_core::entities::transformers::decode as core;
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::{Options, Strategy};
use fastpost_core::math::logits::Values;
use fastpost_core::{Error, Result};
use half::slice::HalfBitsSliceExt;
use half::{bf16, f16};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use std::sync::Arc;

/// The decoder of one of the two behaviours.
enum Decoder {
    Transformers(core::Decoder),
    Right(Box<right::Decoder>),
}

/// What one of them found.
enum Found {
    Transformers(core::Entities),
    Right(right::Entities),
}

/// Labels, strategy and tokenizer: what is fixed over many batches.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct EntityKernel {
    decoder: Decoder,
    strategy: Strategy,
    columns: usize,
    names: Arc<[Py<PyString>]>,
    tokens: Option<Py<TokenTable>>,
}

/// Logits as they come: 32-bit floats, or the bits of 16-bit ones.
#[derive(FromPyObject)]
enum Logits<'py> {
    #[pyo3(transparent)]
    Single(Ragged<'py, f32>),
    #[pyo3(transparent)]
    Half(Ragged<'py, u16>),
}

#[pymethods]
impl EntityKernel {
    /// `ignored` are the names of `names()` not to report.
    #[new]
    fn new(
        py: Python<'_>,
        labels: Vec<String>,
        strategy: &Bound<'_, PyAny>,
        ignored: &Bound<'_, PyAny>,
        token_length: bool,
        tokens: Option<Py<TokenTable>>,
    ) -> PyResult<Self> {
        let strategy: Strategy = read(strategy)?;
        let boundary = if token_length { Boundary::TokenLength } else { Boundary::Space };
        let mut fault = None;
        let decoder = core::Decoder::new(&labels, strategy, boundary, |name| {
            ignored.contains(name).unwrap_or_else(|error| {
                fault.get_or_insert(error);
                false
            })
        });
        if let Some(error) = fault {
            return Err(error);
        }
        let names = decoder.names().iter().map(|name| PyString::new(py, name).unbind()).collect();
        let columns = decoder.columns();
        Ok(Self { decoder: Decoder::Transformers(decoder), strategy, columns, names, tokens })
    }

    /// A decoder for `compat="fastpost"`.
    #[staticmethod]
    fn right(
        py: Python<'_>,
        labels: Vec<String>,
        strategy: &Bound<'_, PyAny>,
        options: &Bound<'_, PyAny>,
        token_length: bool,
        tokens: Option<Py<TokenTable>>,
    ) -> PyResult<Self> {
        let strategy: Strategy = read(strategy)?;
        let boundary = if token_length { Boundary::TokenLength } else { Boundary::Space };
        let decoder =
            options.extract::<EntityOptions>()?.decoder(&labels, strategy, boundary).map_err(exception)?;
        let names = decoder.names().iter().map(|name| PyString::new(py, name).unbind()).collect();
        Ok(Self {
            decoder: Decoder::Right(Box::new(decoder)),
            strategy,
            columns: labels.len(),
            names,
            tokens,
        })
    }

    /// The scheme that the labels are read under; `None` for transformers' reading.
    #[getter]
    fn scheme(&self) -> Option<&'static str> {
        match &self.decoder {
            Decoder::Transformers(_) => None,
            Decoder::Right(decoder) => Some(decoder.grammar().tagging().scheme.name()),
        }
    }

    /// Separator of letter and type in the labels, and whether the letter comes last; `None` where there is none.
    #[getter]
    fn layout(&self) -> Option<(char, bool)> {
        let Decoder::Right(decoder) = &self.decoder else { return None };
        decoder.grammar().tagging().layout.map(|layout| (layout.separator, layout.suffix))
    }

    /// How many texts had their words told apart in each way: see `fastpost_core::entities::own::words::USED`.
    #[getter]
    fn used(&self) -> Vec<usize> {
        match &self.decoder {
            Decoder::Transformers(_) => Vec::new(),
            Decoder::Right(decoder) => decoder.used().to_vec(),
        }
    }

    /// Names that the column `label_id` points into.
    #[getter]
    fn names(&self, py: Python<'_>) -> Vec<Py<PyString>> {
        self.names.iter().map(|name| name.clone_ref(py)).collect()
    }

    /// Decodes one batch.
    #[pyo3(signature = (logits, bits, lengths, offsets, special, ids, words, windows, texts, order, check, threads))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one call handles one batch, each of its arrays is an argument"
    )]
    fn decode(
        &self,
        py: Python<'_>,
        logits: Logits<'_>,
        bits: &str,
        lengths: Option<PyReadonlyArray1<'_, i64>>,
        offsets: Option<Integers<'_>>,
        special: Option<Integers<'_>>,
        ids: Option<Integers<'_>>,
        words: Option<Integers<'_>>,
        windows: Option<PyReadonlyArray1<'_, i64>>,
        texts: Option<Bound<'_, PyList>>,
        order: Option<PyReadonlyArray1<'_, i64>>,
        check: bool,
        threads: Option<Threads>,
    ) -> PyResult<EntityTable> {
        let given = lengths.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let owners = windows.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let order = order.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let strings = texts.as_ref().map(|list| texts::strings("texts", list)).transpose()?;
        let read = strings.as_deref().map(|strings| texts::borrowed("texts", strings)).transpose()?;
        let texts_read: Option<Vec<_>> =
            read.map(|read| read.into_iter().map(|(text, chars)| Text { chars, text }).collect());
        let (lengths, rows) = match &logits {
            Logits::Single(array) => {
                let (lengths, rows) = self.rows(array, given, order).map_err(exception)?;
                (lengths, rows.into_iter().map(Values::F32).collect::<Vec<_>>())
            }
            Logits::Half(array) => {
                let (lengths, rows) = self.rows(array, given, order).map_err(exception)?;
                let values = rows.into_iter().map(|row| half_values(row, bits));
                (lengths, values.collect::<Result<_>>().map_err(exception)?)
            }
        };
        let text_count =
            text_count(lengths.tokens.len(), owners, strings.as_ref().map(Vec::len)).map_err(exception)?;
        let offsets = per_window("offsets", 2, offsets.as_ref(), &lengths).map_err(exception)?;
        let special = per_window("special_tokens_mask", 1, special.as_ref(), &lengths).map_err(exception)?;
        let ids = per_window("input_ids", 1, ids.as_ref(), &lengths).map_err(exception)?;
        let words = per_window("word_ids", 1, words.as_ref(), &lengths).map_err(exception)?;
        let batch: Vec<_> = rows
            .into_iter()
            .enumerate()
            .map(|(number, logits)| Window {
                text: owners.map_or(number, |owners| owners[number] as usize),
                tokens: lengths.tokens[number],
                logits,
                offsets: offsets.as_ref().map(|all| all[number]),
                special: special.as_ref().map(|all| all[number]),
                ids: ids.as_ref().map(|all| all[number]),
                words: words.as_ref().map(|all| all[number]),
            })
            .collect();
        let tokens = self.tokens.as_ref().map(Py::get);
        let tokens = tokens.map(|table| Tokens { vocabulary: &table.vocabulary, unknown: table.unknown });
        let options = Options { threads: Threads::of(threads), check_offsets: check };
        let texts_read = texts_read.as_deref();
        let found = detached(py, || match &self.decoder {
            Decoder::Transformers(decoder) => {
                decoder.decode(&batch, texts_read, text_count, tokens, options).map(Found::Transformers)
            }
            Decoder::Right(decoder) => {
                decoder.decode(&batch, texts_read, text_count, tokens, options).map(Found::Right)
            }
        })?;
        let shared = Shared {
            text_count,
            strategy: self.strategy,
            has_offsets: offsets.is_some(),
            names: Arc::clone(&self.names),
            texts: strings.map(|strings| strings.into_iter().map(Bound::unbind).collect()),
        };
        Ok(match found {
            Found::Transformers(found) => {
                let tokens = ids.and(self.tokens.as_ref()).map(|tokens| tokens.clone_ref(py));
                EntityTable::of_transformers(py, found, shared, tokens)
            }
            Found::Right(found) => EntityTable::of_right(py, found, shared)?,
        })
    }
}

impl EntityKernel {
    fn rows<'a, T: numpy::Element>(
        &self,
        logits: &'a Ragged<'_, T>,
        given: Option<&[i64]>,
        order: Option<&[i64]>,
    ) -> Result<(Lengths, Vec<&'a [T]>)> {
        let lengths = Lengths::new("logits", logits, given, order)?;
        let rows = logits.rows("logits", self.columns, &lengths, order)?;
        Ok((lengths, rows))
    }
}

/// The values that 16 bits each stand for: "float16" or "bfloat16".
fn half_values<'a>(row: &'a [u16], bits: &str) -> Result<Values<'a>> {
    match bits {
        "float16" => Ok(Values::F16(row.reinterpret_cast::<f16>())),
        "bfloat16" => Ok(Values::Bf16(row.reinterpret_cast::<bf16>())),
        _ => Err(Error::TypeFloats { name: "logits" }),
    }
}

/// How many more texts than windows there may be if nothing but `windows` says so.
const SPARE_TEXTS: usize = 1 << 20;

/// Number of texts; every window must belong to one.
fn text_count(windows: usize, owners: Option<&[i64]>, texts: Option<usize>) -> Result<usize> {
    let Some(owners) = owners else {
        return match texts {
            Some(texts) if texts != windows => Err(Error::TextCount { texts, windows }),
            _ => Ok(windows),
        };
    };
    if owners.len() != windows {
        return Err(Error::WindowCount { name: "windows", got: owners.len(), want: windows });
    }
    // Without texts, their number is only a claim, and even a text without a window costs memory.
    let most = windows.saturating_add(SPARE_TEXTS);
    let named =
        owners.iter().max().map_or(0, |&last| usize::try_from(last).map_or(0, |last| last.saturating_add(1)));
    let texts = texts.unwrap_or(named.min(most));
    match owners.iter().position(|&text| text < 0 || text as usize >= texts) {
        Some(window) => Err(Error::BadWindowText { window, text: owners[window], texts }),
        None => Ok(texts),
    }
}

fn per_window<'a>(
    name: &'static str,
    width: usize,
    array: Option<&'a Integers<'_>>,
    lengths: &Lengths,
) -> Result<Option<Vec<Ints<'a>>>> {
    array.map(|array| array.windows(name, width, lengths)).transpose()
}
