//! Entities out, as a whole: Arrow columns, JSON, and what pickle keeps of them.

use super::{CHARACTERS, EntityTable, RightColumns};
use crate::batch::{arrays, texts};
use crate::columns::{self, ArrowColumns, Words, dictionary, integers, lists, refused, structure};
use crate::door::{exception, wrong_value};
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow_schema::{DataType, Field};
use fastpost_core::Error;
use fastpost_core::entities::own as right;
use fastpost_core::text::chars::byte_after;
use fastpost_core::tokenizer::decoder::{TokenText, Vocabulary};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use std::collections::HashMap;
use std::sync::Arc;

/// The name of a unit, and start and end of each entity in it.
type Places<'py> = (String, PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, i64>);

/// Columns that not every behaviour has: named ones with one value per entity, distributions, and the characters
/// covered.
type More<'py> =
    (HashMap<String, PyReadonlyArray1<'py, i64>>, PyReadonlyArray1<'py, f32>, PyReadonlyArray1<'py, i64>);

/// One row an entity; places in other units and distributions over the names as asked for.
#[pyfunction]
pub(crate) fn entity_columns(
    py: Python<'_>,
    table: &EntityTable,
    units: Vec<Places<'_>>,
    with_probs: bool,
) -> PyResult<ArrowColumns> {
    let words = table.words_column(py)?.into_arrow("word")?;
    let mut columns = vec![
        ("text_index", integers(values(py, &table.text_index)?, None)),
        ("start", table.place(py, &table.start)?),
        ("end", table.place(py, &table.end)?),
        ("label", table.label(py)?),
        ("score", table.scores(py)?),
        ("word", words),
    ];
    if !table.aggregated {
        columns.push(("index", integers(values(py, &table.index)?, None)));
    }
    for (unit, start, end) in &units {
        for (edge, places) in [("start", start), ("end", end)] {
            let places = table.as_long(&format!("{edge}_{unit}"), places.as_slice()?)?.to_vec();
            columns.push((unit_name(edge, unit), integers(places, None)));
        }
    }
    if let (Some(more), true) = (&table.more, with_probs) {
        let probs = more.get().probs.bind(py).readonly().as_slice()?.to_vec();
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let width = table.names.len() as i32;
        let array = FixedSizeListArray::try_new(item, width, Arc::new(Float32Array::from(probs)), None);
        columns.push(("probs", Arc::new(array.map_err(refused)?)));
    }
    ArrowColumns::new(columns, table.len)
}

/// One row a text: the list of its entities.
#[pyfunction]
pub(crate) fn entity_lists(py: Python<'_>, table: &EntityTable) -> PyResult<ArrowColumns> {
    let columns = vec![
        ("start", table.place(py, &table.start)?),
        ("end", table.place(py, &table.end)?),
        ("label", table.label(py)?),
        ("score", table.scores(py)?),
    ];
    let items = structure(columns, table.len).map_err(refused)?;
    let entities = lists(table.bounds(py)?, items).map_err(refused)?;
    ArrowColumns::new(vec![("entities", entities)], table.text_count)
}

/// The dicts as JSON; with `lines`, one line a text.
#[pyfunction]
pub(crate) fn entity_json<'py>(
    py: Python<'py>,
    table: &EntityTable,
    lines: bool,
    units: Vec<Places<'_>>,
    with_probs: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut places = Vec::new();
    for (unit, start, end) in &units {
        for (edge, column) in [("start", start), ("end", end)] {
            let name = format!("{edge}_{unit}");
            let column = table.as_long(&name, column.as_slice()?)?;
            places.push((format!(",\"{name}\":").into_bytes(), column));
        }
    }
    let more = table.more.as_ref().map(Py::get);
    let ranges = more.filter(|_| table.aggregated);
    let ranges = ranges.map(RightColumns::tokens);
    let ranges = ranges.map(|(from, to)| (from.bind(py).readonly(), to.bind(py).readonly()));
    let ranges = match &ranges {
        Some((from, to)) => Some((from.as_slice()?, to.as_slice()?)),
        None => None,
    };
    let probs = more.filter(|_| with_probs).map(|more| more.probs.bind(py).readonly());
    let probs = probs.as_ref().map(|probs| probs.as_slice()).transpose()?;
    let words = table.words_column(py)?;
    let bounds = table.bounds(py)?;
    let (label_id, score) = (table.label_id.bind(py).readonly(), table.score.bind(py).readonly());
    let (start, end) = (table.start.bind(py).readonly(), table.end.bind(py).readonly());
    let index = table.index.bind(py).readonly();
    let (label_id, score) = (label_id.as_slice()?, score.as_slice()?);
    let (start, end, index) = (start.as_slice()?, end.as_slice()?, index.as_slice()?);
    // All that comes before the score is one of a few strings.
    let key = if table.aggregated { "entity_group" } else { "entity" };
    let mut heads = Vec::with_capacity(table.names.len());
    for name in table.names.iter() {
        let mut head = format!("{{\"{key}\":").into_bytes();
        columns::json(name.bind(py).to_str()?, &mut head)?;
        head.extend_from_slice(b",\"score\":");
        heads.push(head);
    }
    let mut names = Vec::with_capacity(table.names.len());
    for name in table.names.iter() {
        let mut quoted = Vec::new();
        columns::json(name.bind(py).to_str()?, &mut quoted)?;
        names.push(quoted);
    }
    let out = py.detach(|| {
        let mut out = Vec::with_capacity(100 * table.len + 4 * table.text_count + 2);
        if !lines {
            out.push(b'[');
        }
        for (text, bounds) in bounds.windows(2).enumerate() {
            if text > 0 && !lines {
                out.push(b',');
            }
            out.push(b'[');
            for row in bounds[0]..bounds[1] {
                if row > bounds[0] {
                    out.push(b',');
                }
                out.extend_from_slice(&heads[label_id[row] as usize]);
                columns::json(&f64::from(score[row]), &mut out)?;
                if !table.aggregated {
                    out.extend_from_slice(b",\"index\":");
                    columns::json(&index[row], &mut out)?;
                }
                out.extend_from_slice(b",\"word\":");
                words.write_json(row, &mut out)?;
                for (key, place) in [(&b",\"start\":"[..], start[row]), (b",\"end\":", end[row])] {
                    out.extend_from_slice(key);
                    columns::json(&table.has_offsets.then_some(place), &mut out)?;
                }
                if let Some((from, to)) = ranges {
                    out.extend_from_slice(b",\"index\":");
                    columns::json(&(from[row], to[row]), &mut out)?;
                }
                for (key, places) in &places {
                    out.extend_from_slice(key);
                    columns::json(&places[row], &mut out)?;
                }
                if let Some(probs) = probs {
                    out.extend_from_slice(b",\"probs\":");
                    let row = &probs[row * names.len()..(row + 1) * names.len()];
                    for (number, (name, prob)) in names.iter().zip(row).enumerate() {
                        out.push(if number == 0 { b'{' } else { b',' });
                        out.extend_from_slice(name);
                        out.push(b':');
                        columns::json(&f64::from(*prob), &mut out)?;
                    }
                    out.push(b'}');
                }
                out.push(b'}');
            }
            out.push(b']');
            if lines {
                out.push(b'\n');
            }
        }
        if !lines {
            out.push(b']');
        }
        Ok::<_, PyErr>(out)
    })?;
    Ok(PyBytes::new(py, &out))
}

/// The words of the entities `start..stop`.
#[pyfunction]
pub(crate) fn entity_words<'py>(
    py: Python<'py>,
    table: &EntityTable,
    start: usize,
    stop: usize,
) -> PyResult<Bound<'py, PyList>> {
    let rows = start.min(table.len)..stop.min(table.len);
    PyList::new(py, rows.map(|row| table.word(py, row)).collect::<PyResult<Vec<_>>>()?)
}

/// The texts, or those with the given numbers, if the decoder was given texts.
#[pyfunction]
#[pyo3(signature = (table, numbers = None))]
pub(crate) fn entity_texts(
    py: Python<'_>,
    table: &EntityTable,
    numbers: Option<PyReadonlyArray1<'_, i64>>,
) -> PyResult<Option<Vec<Py<PyString>>>> {
    let Some(texts) = table.texts.as_ref() else { return Ok(None) };
    let Some(numbers) = numbers else {
        return Ok(Some(texts.iter().map(|text| text.clone_ref(py)).collect()));
    };
    let numbers = numbers.as_slice()?.iter();
    let text = |&number: &i64| usize::try_from(number).ok().and_then(|number| texts.get(number));
    let chosen = numbers.map(|number| text(number).map(|text| text.clone_ref(py)));
    let missing = || wrong_value("`numbers` holds the number of a text that is not there");
    chosen.collect::<Option<Vec<_>>>().map(Some).ok_or_else(missing)
}

/// Whether each entity is a token, and whether it has a place in its text.
#[pyfunction]
pub(crate) fn entity_kind(table: &EntityTable) -> (bool, bool) {
    (!table.aggregated, table.has_offsets)
}

/// A table of columns made elsewhere: by pickle, or from spans of another model.
///
/// The word of an entity is the one of `words`, else the characters of its text.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one a column")]
pub(crate) fn entity_table(
    py: Python<'_>,
    text_count: usize,
    tokens: bool,
    has_offsets: bool,
    text_index: PyReadonlyArray1<'_, i64>,
    start: PyReadonlyArray1<'_, i64>,
    end: PyReadonlyArray1<'_, i64>,
    label_id: PyReadonlyArray1<'_, i64>,
    score: PyReadonlyArray1<'_, f32>,
    index: PyReadonlyArray1<'_, i64>,
    names: Vec<Py<PyString>>,
    words: Option<Vec<Option<Py<PyString>>>>,
    texts: Option<Bound<'_, PyList>>,
    more: Option<More<'_>>,
) -> PyResult<EntityTable> {
    let len = text_index.as_slice()?.len();
    // The number of texts in a pickle is only a claim, unless the pickle holds something for each text.
    if texts.is_none() && more.is_none() && text_count > len.saturating_add(MOST_EMPTY) {
        return Err(wrong_value(format!(
            "`text_count` is {text_count} but there are {len} entities; up to {MOST_EMPTY} texts may be without one"
        )));
    }
    let wrong = |name: &str, got: usize| {
        wrong_value(format!("`{name}` has {got} rows but `text_index` has {len}; pass one a row"))
    };
    for (name, column) in [("start", &start), ("end", &end), ("label_id", &label_id), ("index", &index)] {
        if column.as_slice()?.len() != len {
            return Err(wrong(name, column.as_slice()?.len()));
        }
    }
    if score.as_slice()?.len() != len {
        return Err(wrong("score", score.as_slice()?.len()));
    }
    if let Some(words) = words.as_ref().filter(|words| words.len() != len) {
        return Err(wrong("words", words.len()));
    }
    let bad = |name: &str, row: usize, got: i64, cure: &str| {
        wrong_value(format!("`{name}` holds {got} at row {row}; {cure}"))
    };
    let mut before = 0;
    for (row, &text) in text_index.as_slice()?.iter().enumerate() {
        if text < before || text as usize >= text_count {
            let cure = format!("text numbers do not fall and stay below the number of texts, {text_count}");
            return Err(bad("text_index", row, text, &cure));
        }
        before = text;
    }
    for (row, &label) in label_id.as_slice()?.iter().enumerate() {
        if label < 0 || label as usize >= names.len() {
            let cure = format!("it is a place in `labels`, which has {} names", names.len());
            return Err(bad("label_id", row, label, &cure));
        }
    }
    let strings = texts.as_ref().map(|list| texts::strings("texts", list)).transpose()?;
    if let Some(strings) = &strings {
        texts::borrowed("texts", strings)?;
        if strings.len() != text_count {
            return Err(wrong_value(format!(
                "`texts` has {} items but there are {text_count} texts; pass all of them",
                strings.len()
            )));
        }
    }
    let column =
        |values: &PyReadonlyArray1<'_, i64>| Ok::<_, PyErr>(arrays::column(py, values.as_slice()?.to_vec()));
    let more = more.map(|(named, probs, covered)| {
        for name in right::MORE {
            let got = named.get(name).map_or(Ok(0), |values| values.as_slice().map(<[i64]>::len))?;
            if got != len {
                return Err(wrong(name, got));
            }
        }
        let each = right::MORE.map(|name| {
            let values = named.get(name).and_then(|values| values.as_slice().ok()).unwrap_or_default();
            arrays::column(py, values.to_vec())
        });
        let got = covered.as_slice()?.len();
        if got != text_count.saturating_mul(2) {
            return Err(wrong("covered", got));
        }
        let (got, want) = (probs.as_slice()?.len(), len * names.len());
        if got != 0 && got != want {
            return Err(wrong("probs", got));
        }
        Py::new(
            py,
            RightColumns {
                each,
                probs: arrays::column(py, probs.as_slice()?.to_vec()),
                covered: column(&covered)?,
                lost: None,
            },
        )
    });
    let more = more.transpose()?;
    Ok(EntityTable {
        len,
        text_count,
        aggregated: !tokens,
        joins_words: false,
        text_index: column(&text_index)?,
        start: column(&start)?,
        end: column(&end)?,
        label_id: column(&label_id)?,
        score: arrays::column(py, score.as_slice()?.to_vec()),
        index: column(&index)?,
        has_offsets,
        piece_starts: Vec::new(),
        pieces: Vec::new(),
        names: names.into(),
        tokens: None,
        texts: strings.map(|strings| strings.into_iter().map(Bound::unbind).collect()),
        made: words,
        more,
    })
}

/// How many texts without entities a table may claim if nothing else is known of them.
const MOST_EMPTY: usize = 1 << 24;

/// The name of the column of places in a unit.
fn unit_name(edge: &str, unit: &str) -> &'static str {
    match (edge, unit) {
        ("start", "utf8") => "start_utf8",
        ("end", "utf8") => "end_utf8",
        ("start", "utf16") => "start_utf16",
        ("end", "utf16") => "end_utf16",
        ("start", "chars") => "start_chars",
        ("end", "chars") => "end_chars",
        ("start", _) => "start_graphemes",
        _ => "end_graphemes",
    }
}

fn values(py: Python<'_>, column: &Py<PyArray1<i64>>) -> PyResult<Vec<i64>> {
    Ok(column.bind(py).readonly().as_slice()?.to_vec())
}

impl EntityTable {
    /// `values`, if there is one a row.
    fn as_long<'a>(&self, name: &str, values: &'a [i64]) -> PyResult<&'a [i64]> {
        if values.len() == self.len {
            return Ok(values);
        }
        Err(wrong_value(format!(
            "`{name}` has {} rows but there are {} entities; pass one a row",
            values.len(),
            self.len
        )))
    }

    /// A column of characters, null without offsets.
    fn place(&self, py: Python<'_>, column: &Py<PyArray1<i64>>) -> PyResult<ArrayRef> {
        Ok(integers(values(py, column)?, (!self.has_offsets).then(|| vec![false; self.len])))
    }

    fn label(&self, py: Python<'_>) -> PyResult<ArrayRef> {
        let names: Vec<&str> =
            self.names.iter().map(|name| name.bind(py).to_str()).collect::<PyResult<_>>()?;
        dictionary(self.label_id.bind(py).readonly().as_slice()?, names.into_iter()).map_err(refused)
    }

    fn scores(&self, py: Python<'_>) -> PyResult<ArrayRef> {
        Ok(Arc::new(Float32Array::from(self.score.bind(py).readonly().as_slice()?.to_vec())))
    }

    /// Where the entities of each text begin; one entry more than texts.
    pub(super) fn bounds(&self, py: Python<'_>) -> PyResult<Vec<usize>> {
        let text_index = self.text_index.bind(py).readonly();
        let mut rest = text_index.as_slice()?.iter().peekable();
        let mut row = 0;
        let mut bounds = vec![0];
        for text in 0..self.text_count {
            while rest.next_if(|&&owner| owner as usize == text).is_some() {
                row += 1;
            }
            bounds.push(row);
        }
        Ok(bounds)
    }

    /// The words of all entities, each as `word` gives it, but without a Python string for each where possible.
    pub(super) fn words_column(&self, py: Python<'_>) -> PyResult<Words> {
        let mut words = Words::with_capacity(self.len);
        if let Some(made) = &self.made {
            for word in made {
                words.push(word.as_ref().map(|word| word.bind(py)))?;
            }
            return Ok(words);
        }
        let texts = self.texts.as_ref().filter(|_| self.has_offsets);
        let table = self.tokens.as_ref().map(Py::get);
        let printer = table.map(|table| (&table.vocabulary, table.text.as_ref()));
        if let (Some((_, None)), true) = (printer, self.aggregated) {
            for row in 0..self.len {
                words.push(self.word(py, row)?.as_ref())?;
            }
            return Ok(words);
        }
        let texts: Option<Vec<Text<'_>>> = texts
            .map(|texts| texts.iter().map(|text| Text::of(text.bind(py))).collect::<PyResult<_>>())
            .transpose()?;
        let text_index = self.text_index.bind(py).readonly();
        let (start, end) = (self.start.bind(py).readonly(), self.end.bind(py).readonly());
        let (text_index, start, end) = (text_index.as_slice()?, start.as_slice()?, end.as_slice()?);
        py.detach(|| {
            let mut slices = Slices { texts, text: usize::MAX, place: (0, 0) };
            let Some((vocabulary, printer)) = printer else {
                for row in 0..self.len {
                    match slices.get(text_index[row], start[row], end[row]) {
                        Some(word) => {
                            words.text.push_str(word);
                            words.end();
                        }
                        None => words.miss(),
                    }
                }
                return Ok(words);
            };
            let mut tokens = Vec::new();
            for (row, &text) in text_index.iter().enumerate() {
                self.tokens_of(row, text, vocabulary, &mut slices, &mut tokens)?;
                self.print(&tokens, printer, &mut words);
            }
            Ok::<_, Error>(words)
        })
        .map_err(exception)
    }

    /// The same where Rust prints what the tokenizer would print; a word at a time takes twice as long.
    pub(super) fn printed(&self, py: Python<'_>) -> PyResult<Option<Words>> {
        let prints =
            self.made.is_none() && self.tokens.as_ref().is_some_and(|table| table.get().text.is_some());
        prints.then(|| self.words_column(py)).transpose()
    }

    /// The tokens of entity `row`, and whether each opens a word.
    fn tokens_of<'a>(
        &self,
        row: usize,
        text: i64,
        vocabulary: &'a Vocabulary,
        slices: &mut Slices<'a>,
        tokens: &mut Vec<(&'a str, bool)>,
    ) -> Result<(), Error> {
        tokens.clear();
        for piece in &self.pieces[self.piece_starts[row] as usize..self.piece_starts[row + 1] as usize] {
            let token = if piece.id == CHARACTERS {
                let missing = Error::Missing { name: "texts", why: "to show unknown tokens" };
                slices.get(text, piece.start, piece.end).ok_or(missing)?
            } else {
                vocabulary.text(piece.id as usize)
            };
            tokens.push((token, piece.opens_word));
        }
        Ok(())
    }

    /// Appends the word that `tokens` make up.
    fn print(&self, tokens: &[(&str, bool)], printer: Option<&TokenText>, words: &mut Words) {
        match (printer, tokens.first()) {
            (None, None) => return words.miss(),
            (None, Some((first, _))) => words.text.push_str(first),
            (Some(_), first) if !self.aggregated => match first {
                Some((first, _)) => words.text.push_str(first),
                None => return words.miss(),
            },
            (Some(printer), _) if self.joins_words => {
                let (mut made, mut ends) = (String::new(), vec![0]);
                let mut rest = tokens;
                while let Some(((first, _), after)) = rest.split_first() {
                    let more = after.iter().take_while(|(_, opens)| !opens).count();
                    let (word, next) = after.split_at(more);
                    let word = std::iter::once(*first).chain(word.iter().map(|(token, _)| *token));
                    printer.write(word, &mut made);
                    ends.push(made.len());
                    rest = next;
                }
                printer.write(ends.windows(2).map(|ends| &made[ends[0]..ends[1]]), &mut words.text);
            }
            (Some(printer), _) => printer.write(tokens.iter().map(|(token, _)| *token), &mut words.text),
        }
        words.end();
    }
}

/// A text and whether each of its characters is one byte.
struct Text<'a> {
    text: &'a str,
    is_ascii: bool,
}

impl<'a> Text<'a> {
    fn of(text: &'a Bound<'_, PyString>) -> PyResult<Self> {
        let characters = text.len()?;
        let text = text.to_str()?;
        Ok(Self { text, is_ascii: text.len() == characters })
    }
}

/// Characters of texts as Python slices them. If places rise within a text, it is read only once.
struct Slices<'a> {
    texts: Option<Vec<Text<'a>>>,
    text: usize,
    /// A character of that text, and the byte it starts at.
    place: (usize, usize),
}

impl<'a> Slices<'a> {
    /// `text[start:end]`; `None` without texts.
    fn get(&mut self, text: i64, start: i64, end: i64) -> Option<&'a str> {
        let number = text as usize;
        let text = self.texts.as_ref()?.get(number)?;
        let (start, end) = (start.max(0) as usize, end.max(0) as usize);
        let whole = text.text;
        if text.is_ascii {
            let end = end.min(whole.len());
            return Some(whole.get(start..end).unwrap_or_default());
        }
        if end <= start {
            return Some("");
        }
        if self.text != number || self.place.0 > start {
            (self.text, self.place) = (number, (0, 0));
        }
        let first = byte_after(whole, self.place.1, start - self.place.0);
        if first < whole.len() {
            self.place = (start, first);
        }
        whole.get(first..byte_after(whole, first, end - start))
    }
}
