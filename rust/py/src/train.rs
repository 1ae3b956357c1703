//! Words, counts and merges for `fastpost.training`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fastpost_core::Error;
use fastpost_core::corpus::{Tally, Texts};
use fastpost_core::tokenizer::split::Alphabet;
use fastpost_core::tokenizer::split::Splitter as CoreSplitter;
use fastpost_core::train::{TrainOptions, WordCounts, merges};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyString, PyTuple};

use crate::corpus::TextReader;
use crate::door::{detached, exception};
use crate::threads::Threads;

/// Bytes of text that are handed to the counting threads at once.
const BATCH: usize = 1 << 20;

/// See `fastpost_core::tokenizer::split::Splitter`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct Splitter(CoreSplitter);

#[pymethods]
impl Splitter {
    #[new]
    fn new(normalizer: &str, pre_tokenizer: &str) -> PyResult<Self> {
        let parse = |text: &str| {
            serde_json::from_str(text).map_err(|error| crate::door::wrong_value(format!("not JSON: {error}")))
        };
        let splitter = CoreSplitter::from_json(&parse(normalizer)?, &parse(pre_tokenizer)?);
        splitter.map(Self).map_err(PyValueError::new_err)
    }

    #[getter]
    fn byte_level(&self) -> bool {
        self.0.alphabet() == Alphabet::Bytes
    }

    fn split<'py>(&self, py: Python<'py>, text: &str) -> Vec<Bound<'py, PyBytes>> {
        let mut words = Vec::new();
        self.0.split(text, &mut |word| words.push(PyBytes::new(py, word)));
        words
    }
}

/// See `fastpost_core::train::WordCounts`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct WordTable(Arc<WordCounts>);

#[pymethods]
impl WordTable {
    #[staticmethod]
    #[pyo3(signature = (splitter, corpus, *, threads=None, progress=None))]
    fn count(
        py: Python<'_>,
        splitter: &Splitter,
        corpus: &Bound<'_, PyAny>,
        threads: Option<Threads>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let mut feed =
            Feed { outer: corpus.try_iter()?.unbind(), inner: None, progress, items: 0, texts: 0, bytes: 0 };
        let next = || Python::attach(|py| feed.next(py)).map_err(Failure::Python);
        let counts = py.detach(|| WordCounts::count(&splitter.0, Threads::of(threads), next));
        counts.map(|counts| Self(Arc::new(counts))).map_err(PyErr::from)
    }

    /// Counts on the threads that read; no text becomes a Python string.
    #[staticmethod]
    #[pyo3(signature = (splitter, reader, *, threads=None, progress=None))]
    fn read(
        py: Python<'_>,
        splitter: &Splitter,
        reader: &TextReader,
        threads: Option<Threads>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let work = |counts: &mut WordCounts, texts: &Texts| counts.add_texts(&splitter.0, texts);
        let tell = |py: Python<'_>, tally: &Tally| {
            progress.as_ref().map_or(Ok(()), |call| call.call1(py, (tally.texts, tally.bytes)).map(drop))
        };
        let (parts, tally) = reader.each(py, Threads::of(threads), WordCounts::default, work, tell)?;
        tell(py, &tally)?;
        detached(py, || WordCounts::sum(parts)).map(|counts| Self(Arc::new(counts)))
    }

    /// Goes on counting where the reader stands, for about `seconds`; returns whether the reader has come to its end.
    #[staticmethod]
    #[pyo3(signature = (splitter, reader, seconds, *, threads=None, progress=None))]
    fn read_for(
        py: Python<'_>,
        splitter: &Splitter,
        reader: &TextReader,
        seconds: f64,
        threads: Option<Threads>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Self, bool)> {
        let time = Duration::try_from_secs_f64(seconds).map_err(|error| {
            crate::door::wrong_value(format!("`seconds` is {seconds}; pass 0 or more ({error})"))
        })?;
        let work = |counts: &mut WordCounts, texts: &Texts| counts.add_texts(&splitter.0, texts);
        let tell = |py: Python<'_>, tally: &Tally| {
            progress.as_ref().map_or(Ok(()), |call| call.call1(py, (tally.texts, tally.bytes)).map(drop))
        };
        let (parts, tally, ended) =
            reader.each_for(py, Threads::of(threads), time, WordCounts::default, work, tell)?;
        tell(py, &tally)?;
        let counts = detached(py, || WordCounts::sum(parts))?;
        Ok((Self(Arc::new(counts)), ended))
    }

    #[staticmethod]
    fn from_items(items: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut counts = WordCounts::default();
        for item in items.try_iter()? {
            let (word, count): (Bound<'_, PyBytes>, u64) = item?.extract()?;
            counts.add(word.as_bytes(), count).map_err(exception)?;
        }
        Ok(Self(Arc::new(counts)))
    }

    fn items<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, u64)> {
        self.0.sorted().into_iter().map(|(word, count)| (PyBytes::new(py, word), count)).collect()
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let merged = detached(py, || {
            let mut merged = (*self.0).clone();
            merged.merge(&other.0).map(|()| merged)
        })?;
        Ok(Self(Arc::new(merged)))
    }

    fn save(&self, py: Python<'_>, path: PathBuf, header: &str) -> PyResult<()> {
        detached(py, || self.0.save(&path, header))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, String)> {
        let (counts, header) = detached(py, || WordCounts::load(&path))?;
        Ok((Self(Arc::new(counts)), header))
    }

    #[pyo3(signature = (*, byte_level, vocab_size, min_frequency, special_tokens, limit_alphabet, initial_alphabet,
                        continuing_subword_prefix, end_of_word_suffix, max_token_length, progress=None))]
    #[expect(clippy::too_many_arguments, reason = "the options of a tokenizers trainer, all by keyword")]
    fn train<'py>(
        &self,
        py: Python<'py>,
        byte_level: bool,
        vocab_size: usize,
        min_frequency: u64,
        special_tokens: Vec<String>,
        limit_alphabet: Option<usize>,
        initial_alphabet: Vec<char>,
        continuing_subword_prefix: Option<String>,
        end_of_word_suffix: Option<String>,
        max_token_length: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        let alphabet = if byte_level { Alphabet::Bytes } else { Alphabet::Chars };
        let options = TrainOptions {
            vocab_size,
            min_frequency,
            special_tokens,
            limit_alphabet,
            initial_alphabet,
            continuing_subword_prefix,
            end_of_word_suffix,
            max_token_length,
        };
        let mut raised = None;
        let mut tell = |tokens: usize| {
            Python::attach(|py| {
                let told = progress.as_ref().map_or(Ok(()), |call| call.call1(py, (tokens,)).map(drop));
                told.and_then(|()| py.check_signals()).map_err(|error| raised = Some(error)).is_ok()
            })
        };
        let trained = py.detach(|| merges::train(&self.0, alphabet, &options, &mut tell));
        let trained = trained.map_err(|error| raised.take().unwrap_or_else(|| exception(error)))?;
        let vocab: Vec<_> = trained.vocab.iter().map(|token| PyString::new(py, token)).collect();
        let merges = trained
            .merges
            .iter()
            .map(|&(left, right)| PyTuple::new(py, [&vocab[left as usize], &vocab[right as usize]]));
        let merges = merges.collect::<PyResult<Vec<_>>>()?;
        Ok((PyList::new(py, &vocab)?, PyList::new(py, merges)?))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    #[getter]
    fn total(&self) -> u64 {
        self.0.total()
    }

    #[getter]
    fn memory(&self) -> usize {
        self.0.memory()
    }
}

/// What can end a count: our own error or one of the caller's corpus.
enum Failure {
    Core(Error),
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Core(error) => exception(error),
            Failure::Python(error) => error,
        }
    }
}

/// An iterable of `str` or of iterables of `str`, gathered into batches of about [`BATCH`] bytes.
struct Feed {
    outer: Py<PyIterator>,
    inner: Option<Py<PyIterator>>,
    progress: Option<Py<PyAny>>,
    /// Items of `outer` so far: a text each, or a list of texts.
    items: usize,
    texts: usize,
    bytes: usize,
}

impl Feed {
    /// The next batch; this is where Ctrl-C and the caller's errors come through.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Texts>> {
        py.check_signals()?;
        let mut texts = Texts::default();
        while texts.bytes().len() < BATCH {
            if let Some(inner) = &self.inner {
                match inner.bind(py).clone().next() {
                    Some(item) => {
                        push(&mut texts, &item?, || format!("in item {}", self.items - 1))?;
                    }
                    None => self.inner = None,
                }
                continue;
            }
            let Some(item) = self.outer.bind(py).clone().next() else {
                break;
            };
            let (item, number) = (item?, self.items);
            self.items += 1;
            if item.is_instance_of::<PyString>() {
                push(&mut texts, &item, String::new)?;
            } else {
                let inner = item.try_iter().map_err(|_| wrong_item(&item, &format!("as item {number}")))?;
                self.inner = Some(inner.unbind());
            }
        }
        self.texts += texts.len();
        self.bytes += texts.bytes().len();
        if let Some(progress) = &self.progress {
            progress.call1(py, (self.texts, self.bytes))?;
        }
        Ok(if texts.is_empty() { None } else { Some(texts) })
    }
}

/// Adds one `str`. Only ASCII is read in place: for other strings, Python would keep the UTF-8 as long as the string
/// lives.
fn push(texts: &mut Texts, item: &Bound<'_, PyAny>, place: impl FnOnce() -> String) -> PyResult<()> {
    let text = item.cast::<PyString>().map_err(|_| wrong_item(item, &place()))?;
    if text.call_method0(pyo3::intern!(item.py(), "isascii"))?.is_truthy()? {
        texts.push(text.to_str()?);
    } else {
        let bytes = text.encode_utf8()?;
        let utf8 = std::str::from_utf8(bytes.as_bytes());
        texts.push(utf8.map_err(|error| crate::door::wrong_value(error.to_string()))?);
    }
    Ok(())
}

fn wrong_item(item: &Bound<'_, PyAny>, place: &str) -> PyErr {
    let kind = item.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let kind = if item.is_none() {
        "None".to_owned()
    } else {
        format!("{} {kind}", if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" })
    };
    crate::door::wrong_type(format!(
        "`corpus` holds {kind} {place}, counted from 0; pass an iterable of str or of lists of str, and leave out what is \
         no text"
    ))
}
