//! `EntityDecoder` of the Python package: one call a batch.

mod columns;
mod lines;
pub(crate) mod options;

pub(crate) use columns::{
    entity_columns, entity_json, entity_kind, entity_lists, entity_table, entity_texts, entity_words,
};
pub(crate) use lines::entity_lines;

use crate::batch::arrays::{self, Integers, Lengths, Ragged};
use crate::batch::texts;
use crate::door::{detached, exception};
use crate::entities::options::EntityOptions;
use crate::options::read;
use crate::threads::Threads;
use fastpost_core::batch::{CHARACTERS, Ints, Piece, Text, Tokens, Window};
use fastpost_core::entities::own as right;
use fastpost_core::entities::transformers::decode as core;
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::{Options, Strategy};
use fastpost_core::math::logits::Values;
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use fastpost_core::tokenizer::decoder::{TokenText, Vocabulary};
use fastpost_core::{Error, Result};
use half::slice::HalfBitsSliceExt;
use half::{bf16, f16};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySequence, PyString};
use std::borrow::Cow;
use std::sync::Arc;

/// What the decoder needs of a tokenizer: its tokens, and how it prints them.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TokenTable {
    vocabulary: Vocabulary,
    unknown: i64,
    decoder: Option<String>,
    text: Option<TokenText>,
    /// The tokenizer's own function from tokens to text, if `text` can't do it.
    other: Option<Py<PyAny>>,
}

#[pymethods]
impl TokenTable {
    #[new]
    fn new(
        vocabulary: Vec<(String, usize)>,
        unknown: i64,
        decoder: Option<&str>,
        other: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let most = MOST_IDS.min(vocabulary.len().saturating_mul(64).saturating_add(SPARE_IDS));
        if let Some((token, id)) = vocabulary.iter().find(|(_, id)| *id > most) {
            let token: String = token.chars().take(80).collect();
            return Err(crate::door::wrong_value(format!(
                "`tokenizer` gives {token:?} the id {id}, of {} tokens; ids up to {most} can be looked up, number its \
                 tokens anew",
                vocabulary.len()
            )));
        }
        let vocabulary = Vocabulary::new(vocabulary);
        let text = decoder.and_then(TokenText::from_json);
        Ok(Self { vocabulary, unknown, decoder: decoder.map(str::to_owned), text, other })
    }

    /// What pickle rebuilds it from.
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        let token = |id| Some((self.vocabulary.token(id)?, id));
        let vocabulary: Vec<_> = (0..self.vocabulary.len()).filter_map(token).collect();
        // Left out if `text` can print: not every tokenizer's function can be pickled.
        let other = self.other.as_ref().filter(|_| self.text.is_none()).map(|other| other.clone_ref(py));
        let arguments = (vocabulary, self.unknown, self.decoder.as_deref(), other);
        Ok((py.get_type::<Self>().into_any().unbind(), arguments.into_pyobject(py)?.into_any().unbind()))
    }
}

/// Ids are looked up in a list; no tokenizer comes near this many.
const MOST_IDS: usize = 1 << 26;

/// Ids without a token that a vocabulary may have, beside 64 for each token: the list has a place for each.
const SPARE_IDS: usize = 1 << 20;

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
        special: Option<Ragged<'_, u8>>,
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
        let special = special.as_ref().map(|array| array.tokens("special_tokens_mask", 1, &lengths));
        let special = special.transpose().map_err(exception)?;
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

/// Start and end of each entity.
type Spans<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// Entities of a batch: columns, and what their words are made from.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct EntityTable {
    len: usize,
    #[pyo3(get)]
    text_count: usize,
    aggregated: bool,
    joins_words: bool,
    #[pyo3(get)]
    text_index: Py<PyArray1<i64>>,
    #[pyo3(get)]
    start: Py<PyArray1<i64>>,
    #[pyo3(get)]
    end: Py<PyArray1<i64>>,
    #[pyo3(get)]
    label_id: Py<PyArray1<i64>>,
    #[pyo3(get)]
    score: Py<PyArray1<f32>>,
    #[pyo3(get)]
    index: Py<PyArray1<i64>>,
    has_offsets: bool,
    piece_starts: Vec<u32>,
    pieces: Vec<Piece>,
    names: Arc<[Py<PyString>]>,
    tokens: Option<Py<TokenTable>>,
    texts: Option<Vec<Py<PyString>>>,
    /// Words that were made before, where they came with the columns.
    made: Option<Vec<Option<Py<PyString>>>>,
    #[pyo3(get)]
    more: Option<Py<RightColumns>>,
}

/// The additional columns of `compat="fastpost"`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct RightColumns {
    /// One value an entity: the columns that [`right::MORE`] names, in its order.
    each: [Py<PyArray1<i64>>; right::MORE.len()],
    /// One value a name for each entity, end to end; empty if not asked for.
    #[pyo3(get)]
    probs: Py<PyArray1<f32>>,
    /// First and last covered character of each text, end to end.
    #[pyo3(get)]
    covered: Py<PyArray1<i64>>,
    /// How many tokens of entities cover nothing, and text, window and token of the first one; `None` if none does.
    #[pyo3(get)]
    lost: Option<(usize, usize, usize, usize)>,
}

#[pymethods]
impl RightColumns {
    /// The columns of one value an entity, by name.
    #[getter]
    fn each<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let named = PyDict::new(py);
        for (name, column) in right::MORE.iter().zip(&self.each) {
            named.set_item(name, column)?;
        }
        Ok(named)
    }

    /// One of them.
    fn column(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyArray1<i64>>> {
        let place = right::MORE.iter().position(|&known| known == name);
        Ok(self.each[place.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?].clone_ref(py))
    }
}

impl RightColumns {
    /// First token of each entity, and one after its last.
    fn tokens(&self) -> (&Py<PyArray1<i64>>, &Py<PyArray1<i64>>) {
        (&self.each[0], &self.each[1])
    }
}

/// What a table has under either behaviour.
struct Shared {
    text_count: usize,
    strategy: Strategy,
    has_offsets: bool,
    names: Arc<[Py<PyString>]>,
    texts: Option<Vec<Py<PyString>>>,
}

#[pymethods]
impl EntityTable {
    fn __len__(&self) -> usize {
        self.len
    }

    /// The text of each entity, as transformers prints it.
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let words: Vec<_> = (0..self.len).map(|row| self.word(py, row)).collect::<PyResult<_>>()?;
        PyList::new(py, words)
    }

    /// Start and end of each entity in another unit than characters.
    fn spans<'py>(&self, py: Python<'py>, unit: &str) -> PyResult<Spans<'py>> {
        let unit = Unit::parse("unit", unit).map_err(exception)?;
        let (start, end) = (self.start.bind(py).readonly(), self.end.bind(py).readonly());
        let (mut starts, mut ends) = (start.as_slice()?.to_vec(), end.as_slice()?.to_vec());
        if unit != Unit::Chars && self.len > 0 {
            let missing = |name| exception(Error::Missing { name, why: "to give positions in another unit" });
            let texts = self.texts.as_ref().ok_or_else(|| missing("texts"))?;
            if !self.has_offsets {
                return Err(missing("offsets"));
            }
            let text_index = self.text_index.bind(py).readonly();
            let mut row = 0;
            for rows in text_index.as_slice()?.chunk_by(|a, b| a == b) {
                let text = texts[rows[0] as usize].bind(py).to_str()?;
                let map = OffsetMap::new(text).map_err(exception)?;
                let range = row..row + rows.len();
                row = range.end;
                for (positions, inside) in [(&mut starts, Inside::Floor), (&mut ends, Inside::Ceil)] {
                    map.convert(text, &mut positions[range.clone()], Unit::Chars, unit, inside)
                        .map_err(exception)?;
                }
            }
        }
        Ok((PyArray1::from_vec(py, starts), PyArray1::from_vec(py, ends)))
    }

    /// One list per text, with one dict per entity and the keys of transformers.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let (text_index, label_id) = (self.text_index.bind(py).readonly(), self.label_id.bind(py).readonly());
        let (start, end) = (self.start.bind(py).readonly(), self.end.bind(py).readonly());
        let (score, index) = (self.score.bind(py).readonly(), self.index.bind(py).readonly());
        let (text_index, label_id) = (text_index.as_slice()?, label_id.as_slice()?);
        let (start, end, score, index) =
            (start.as_slice()?, end.as_slice()?, score.as_slice()?, index.as_slice()?);
        let more = match (&self.more, self.aggregated) {
            (Some(more), true) => {
                let (from, to) = more.get().tokens();
                Some((from.bind(py).readonly(), to.bind(py).readonly()))
            }
            _ => None,
        };
        let ranges = match &more {
            Some((from, to)) => Some((from.as_slice()?, to.as_slice()?)),
            None => None,
        };
        let texts = PyList::empty(py);
        let mut row = 0;
        for text in 0..self.text_count {
            let entities = PyList::empty(py);
            while row < self.len && text_index[row] == text as i64 {
                let entity = PyDict::new(py);
                let name = &self.names[label_id[row] as usize];
                if self.aggregated {
                    entity.set_item(intern!(py, "entity_group"), name)?;
                    entity.set_item(intern!(py, "score"), f64::from(score[row]))?;
                } else {
                    entity.set_item(intern!(py, "entity"), name)?;
                    entity.set_item(intern!(py, "score"), f64::from(score[row]))?;
                    entity.set_item(intern!(py, "index"), index[row])?;
                }
                entity.set_item(intern!(py, "word"), self.word(py, row)?)?;
                entity.set_item(intern!(py, "start"), self.has_offsets.then_some(start[row]))?;
                entity.set_item(intern!(py, "end"), self.has_offsets.then_some(end[row]))?;
                if let Some((from, to)) = ranges {
                    entity.set_item(intern!(py, "index"), (from[row], to[row]))?;
                }
                entities.append(entity)?;
                row += 1;
            }
            texts.append(entities)?;
        }
        Ok(texts)
    }
}

impl EntityTable {
    fn of_transformers(
        py: Python<'_>,
        found: core::Entities,
        shared: Shared,
        tokens: Option<Py<TokenTable>>,
    ) -> Self {
        Self {
            len: found.start.len(),
            text_count: shared.text_count,
            aggregated: !shared.strategy.is_by_token(),
            joins_words: shared.strategy.joins_words(),
            text_index: arrays::column(py, found.text_index),
            start: arrays::column(py, found.start),
            end: arrays::column(py, found.end),
            label_id: arrays::column(py, found.label_id),
            score: arrays::column(py, found.score),
            index: arrays::column(py, found.index),
            has_offsets: shared.has_offsets,
            piece_starts: found.piece_starts,
            pieces: found.pieces,
            names: shared.names,
            tokens,
            texts: shared.texts,
            made: None,
            more: None,
        }
    }

    fn of_right(py: Python<'_>, mut found: right::Entities, shared: Shared) -> PyResult<Self> {
        let aggregated = !shared.strategy.is_by_token();
        let index = if aggregated { vec![-1; found.start.len()] } else { found.token_start.clone() };
        let more = RightColumns {
            each: found.take_more().map(|values| arrays::column(py, values)),
            probs: arrays::column(py, found.probs),
            covered: arrays::column(py, found.covered),
            lost: (found.lost.count > 0).then(|| {
                let (text, window, token) = found.lost.first;
                (found.lost.count, text, window, token)
            }),
        };
        Ok(Self {
            len: found.start.len(),
            text_count: shared.text_count,
            aggregated,
            joins_words: false,
            text_index: arrays::column(py, found.text_index),
            start: arrays::column(py, found.start),
            end: arrays::column(py, found.end),
            label_id: arrays::column(py, found.label_id),
            score: arrays::column(py, found.score),
            index: arrays::column(py, index),
            has_offsets: shared.has_offsets,
            piece_starts: Vec::new(),
            pieces: Vec::new(),
            names: shared.names,
            tokens: None,
            texts: shared.texts,
            made: None,
            more: Some(Py::new(py, more)?),
        })
    }

    /// The text of entity `row`: what the tokenizer prints for its tokens, else its characters, else `None`.
    fn word<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Option<Bound<'py, PyString>>> {
        if let Some(made) = &self.made {
            return Ok(made[row].as_ref().map(|word| word.bind(py).clone()));
        }
        let Some(table) = &self.tokens else {
            let at = |column: &Py<PyArray1<i64>>| Ok::<_, PyErr>(column.bind(py).readonly().as_slice()?[row]);
            return self.characters(py, row, at(&self.start)?, at(&self.end)?);
        };
        let table = table.get();
        let pieces = &self.pieces[self.piece_starts[row] as usize..self.piece_starts[row + 1] as usize];
        let mut tokens = Vec::with_capacity(pieces.len());
        for piece in pieces {
            tokens.push(if piece.id == CHARACTERS {
                let slice = self.characters(py, row, piece.start, piece.end)?;
                let missing = || exception(Error::Missing { name: "texts", why: "to show unknown tokens" });
                Cow::Owned(slice.ok_or_else(missing)?.to_str()?.to_owned())
            } else {
                Cow::Borrowed(table.vocabulary.token(piece.id as usize).unwrap_or_default())
            });
        }
        if !self.aggregated {
            return Ok(tokens.first().map(|token| PyString::new(py, token)));
        }
        if !self.joins_words {
            return table.join(py, tokens).map(Some);
        }
        let mut words = Vec::new();
        let mut rest = tokens.into_iter().zip(pieces).peekable();
        while let Some((token, _)) = rest.next() {
            let mut word = vec![token];
            while let Some((token, _)) = rest.next_if(|(_, piece)| !piece.opens_word) {
                word.push(token);
            }
            words.push(match &table.text {
                Some(text) => text.join(word),
                None => Cow::Owned(table.join(py, word)?.to_str()?.to_owned()),
            });
        }
        table.join(py, words).map(Some)
    }

    /// `text[start:end]` of the text of entity `row`, where both are there.
    fn characters<'py>(
        &self,
        py: Python<'py>,
        row: usize,
        start: i64,
        end: i64,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        let (Some(texts), true) = (&self.texts, self.has_offsets) else { return Ok(None) };
        let text = self.text_index.bind(py).readonly().as_slice()?[row];
        let text = texts[text as usize].bind(py).cast::<PySequence>()?;
        let (start, end) = (start.max(0) as usize, end.max(0) as usize);
        Ok(Some(text.get_slice(start, end)?.cast_into::<PyString>()?))
    }
}

impl TokenTable {
    /// What the tokenizer prints for `tokens`.
    fn join<'py>(&self, py: Python<'py>, tokens: Vec<Cow<'_, str>>) -> PyResult<Bound<'py, PyString>> {
        match (&self.text, &self.other) {
            (Some(text), _) => Ok(PyString::new(py, &text.join(tokens))),
            (None, Some(other)) => {
                let tokens = PyList::new(py, tokens.iter().map(|token| PyString::new(py, token)))?;
                Ok(other.bind(py).call1((tokens,))?.cast_into::<PyString>()?)
            }
            (None, None) => Ok(PyString::new(py, &tokens.join(" "))),
        }
    }
}
