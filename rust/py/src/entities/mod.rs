//! `EntityDecoder` of the Python package: the decoder ([`EntityKernel`]) and the entities that it found ([`EntityTable`]).

mod columns;
mod kernel;
mod lines;
pub(crate) mod options;
mod tokens;

pub(crate) use columns::{
    entity_columns, entity_json, entity_kind, entity_lists, entity_table, entity_texts, entity_words,
};
pub(crate) use kernel::EntityKernel;
pub(crate) use lines::entity_lines;
pub(crate) use tokens::TokenTable;

use crate::batch::arrays;
use crate::door::exception;
use fastpost_core::Error;
use fastpost_core::batch::{CHARACTERS, Piece};
use fastpost_core::entities::Strategy;
use fastpost_core::entities::own as right;
use fastpost_core::entities::transformers::decode as core;
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySequence, PyString};
use std::borrow::Cow;
use std::sync::Arc;

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
        let printed = self.printed(py)?;
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
                let word = match &printed {
                    Some(words) => words.get(row).map(|word| PyString::from_bytes(py, word)).transpose()?,
                    None => self.word(py, row)?,
                };
                entity.set_item(intern!(py, "word"), word)?;
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
