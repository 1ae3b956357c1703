//! Corpus in: files, file objects and Arrow data; out: lists of `str`, or texts for other kernels.

pub(crate) mod arrow;
mod fault;
mod object;
mod state;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastpost_core::corpus::{self, Blocks, Keep, Plan, Reason, Source, Split, Stopped, Tally, Texts, Wanted};
use fastpost_core::parallel::Threads;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyList, PyString};

use crate::corpus::arrow::ArrowFeed;
use crate::corpus::fault::{error_of, poisoned};
use crate::corpus::object::ObjectRead;
use crate::corpus::state::{Counts, Feed, State};
use crate::door::exception;

/// What a file that starts with `head` holds if it is not text: "packed", "columnar" or "other", the format of the first two,
/// and the words of the error. See `fastpost_core::corpus::no_text`.
#[pyfunction]
pub(crate) fn file_kind(head: &[u8]) -> Option<(&'static str, Option<&'static str>, String)> {
    let reason = corpus::no_text(head)?;
    let (kind, format) = match reason {
        Reason::Packed { format } => ("packed", Some(format)),
        Reason::Columnar { format } => ("columnar", Some(format)),
        _ => ("other", None),
    };
    Some((kind, format, reason.to_string()))
}

/// One pass over files, one file object or Arrow data. See `fastpost_core::corpus`.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TextReader {
    skip: bool,
    /// Whether columns come along with the texts.
    keeps: bool,
    /// Threads do not survive a fork, so a child must not wait for them.
    process: u32,
    state: Mutex<State>,
}

/// A batch and its size in UTF-8 bytes.
type Batch<'py> = (Bound<'py, PyList>, usize);

/// A batch with the place of each text: texts, size, file, line, number among the records, kept columns as JSON.
type Records<'py> = (
    Bound<'py, PyList>,
    usize,
    Vec<Option<Bound<'py, PyString>>>,
    Vec<Option<u64>>,
    Vec<u64>,
    Option<Vec<Bound<'py, PyString>>>,
);

/// The attributes of `corpus.sources.options.Options` that this side needs.
#[derive(FromPyObject)]
#[allow(clippy::struct_excessive_bools, reason = "they are the fields of the Python class")]
struct Options {
    column: String,
    named: bool,
    threads: Option<crate::threads::Threads>,
    prefetch: usize,
    skip: bool,
    replace: bool,
    nulls: bool,
    keep: Vec<String>,
    keep_all: bool,
}

impl Options {
    fn keeps(&self) -> bool {
        self.keep_all || !self.keep.is_empty()
    }

    fn wanted(self) -> Wanted {
        let keep = match (self.keep_all, self.keep) {
            (true, _) => Keep::All,
            (false, names) if names.is_empty() => Keep::Nothing,
            (false, names) => Keep::Columns(names),
        };
        Wanted { column: self.column, named: self.named, keep, nulls: self.nulls, replace: self.replace }
    }
}

#[pymethods]
impl TextReader {
    #[staticmethod]
    fn files(files: Vec<(PathBuf, String)>, mut options: Options) -> PyResult<Self> {
        let mut sources = Vec::with_capacity(files.len());
        for (path, split) in files {
            let (split, sniffed) = split_of(&split)?;
            let mut source = Source::file(&path, split);
            source.sniffed = sniffed;
            sources.push(source);
        }
        let (skip, keeps, ahead) = (options.skip, options.keeps(), options.prefetch.max(1));
        let threads = crate::threads::Threads::of(options.threads.take());
        let mut plan = Plan::new(sources, &options.column, threads);
        let blocks = fastpost_core::parallel::available(threads).saturating_mul(ahead);
        plan.ahead = blocks.saturating_mul(2 * Plan::BLOCK);
        plan.wanted = options.wanted();
        Ok(Self::new(Feed::Planned(Box::new(plan)), skip, keeps))
    }

    #[staticmethod]
    fn stream(file: Py<PyAny>, name: PathBuf, split: &str, options: Options) -> PyResult<Self> {
        let raised = Arc::default();
        let reader = Box::new(ObjectRead { object: file, rest: Vec::new(), raised: Arc::clone(&raised) });
        let (split, sniffed) = split_of(split)?;
        let mut source = Source::reader(&name, split, reader);
        source.sniffed = sniffed;
        let mut plan = Plan::new(vec![source], &options.column, Threads::Some(std::num::NonZeroUsize::MIN));
        let (skip, keeps) = (options.skip, options.keeps());
        plan.wanted = options.wanted();
        Ok(Self::new(Feed::Object(Box::new(Blocks::new(plan)), raised), skip, keeps))
    }

    #[staticmethod]
    fn arrow(objects: Py<PyAny>, name: PathBuf, options: Options) -> Self {
        let (skip, keeps) = (options.skip, options.keeps());
        let feed = ArrowFeed::new(objects, Arc::from(name), options.wanted());
        Self::new(Feed::Arrow(Box::new(feed)), skip, keeps)
    }

    /// Up to `texts` texts of up to `most` bytes in all: `None` at the end, an empty list if the next one does not fit.
    fn next_batch<'py>(
        &self,
        py: Python<'py>,
        texts: usize,
        most: Option<usize>,
    ) -> PyResult<Option<Batch<'py>>> {
        self.same_process()?;
        let mut state = self.state.lock_py_attached(py).map_err(poisoned)?;
        let mut batch: Vec<Option<Bound<'py, PyString>>> = Vec::with_capacity(texts.min(4096));
        let mut size = 0;
        while batch.len() < texts {
            let before = batch.len();
            let taken = state.arrow(py, self.skip, texts, most, &mut batch, &mut size);
            state.records += (batch.len() - before) as u64;
            if taken? {
                break;
            }
            if !state.text(py, self.skip)? {
                break;
            }
            let Some((text, length)) = state.string(py, most.map(|most| most.saturating_sub(size))) else {
                return Ok(Some((PyList::new(py, batch)?, size)));
            };
            batch.push(text);
            size += length;
        }
        if batch.is_empty() && matches!(state.feed, Feed::End) {
            return Ok(None);
        }
        Ok(Some((PyList::new(py, batch)?, size)))
    }

    /// `next_batch` with the place of each text and the columns that come along.
    fn next_records<'py>(
        &self,
        py: Python<'py>,
        texts: usize,
        most: Option<usize>,
    ) -> PyResult<Option<Records<'py>>> {
        self.same_process()?;
        let mut state = self.state.lock_py_attached(py).map_err(poisoned)?;
        let (mut batch, mut size) = (Vec::with_capacity(texts.min(4096)), 0);
        let (mut files, mut lines, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = self.keeps.then(Vec::new);
        let mut file: Option<(Arc<Path>, Bound<'py, PyString>)> = None;
        while batch.len() < texts && state.text(py, self.skip)? {
            let (index, number) = (state.next_text, state.records);
            let Some((text, length)) = state.string(py, most.map(|most| most.saturating_sub(size))) else {
                break;
            };
            batch.push(text);
            size += length;
            numbers.push(number);
            lines.push(state.block.line(index));
            if let Some(kept) = &mut kept {
                // A text file has no columns.
                kept.push(PyString::new(py, state.block.kept(index).unwrap_or("{}")));
            }
            if let Some(path) = state.block.path()
                && file.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, path))
            {
                let name = path.as_os_str().into_pyobject(py)?;
                file = Some((Arc::clone(path), name));
            }
            files.push(file.as_ref().map(|(_, name)| name.clone()));
        }
        if batch.is_empty() && matches!(state.feed, Feed::End) {
            return Ok(None);
        }
        Ok(Some((PyList::new(py, batch)?, size, files, lines, numbers, kept)))
    }

    /// Records that have been passed so far, those that could not be read included.
    fn records(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.state.lock_py_attached(py).map_err(poisoned)?.records)
    }

    /// Passes over up to `texts` texts; returns how many there were.
    fn skip(&self, py: Python<'_>, texts: u64) -> PyResult<u64> {
        self.same_process()?;
        let mut state = self.state.lock_py_attached(py).map_err(poisoned)?;
        let mut passed = 0;
        while passed < texts && state.text(py, self.skip)? {
            state.next_text += 1;
            state.records += 1;
            passed += 1;
        }
        Ok(passed)
    }

    /// Records skipped, the first errors, empty files, bytes read.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<(u64, Vec<Bound<'py, PyAny>>, u64, u64)> {
        let state = self.state.lock_py_attached(py).map_err(poisoned)?;
        let counts = &state.counts;
        let faults = counts.faults.iter();
        let errors = faults.map(|fault| error_of(py, fault, false).into_value(py).into_bound(py).into_any());
        Ok((counts.skipped, errors.collect(), counts.empty_files, state.bytes_read()))
    }

    /// Ends the threads.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state.lock_py_attached(py).map_err(poisoned)?;
        state.end(py);
        Ok(())
    }
}

impl TextReader {
    fn new(feed: Feed, skip: bool, keeps: bool) -> Self {
        let block = Texts::default();
        let state = State { feed, block, next_text: 0, next_fault: 0, records: 0, counts: Counts::default() };
        Self { skip, keeps, process: std::process::id(), state: Mutex::new(state) }
    }

    fn same_process(&self) -> PyResult<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(
            "this pass over the corpus was started before the process was forked; start a new `for` in the child",
        ))
    }

    /// Gives every block of texts to `work` on `threads` threads, with the interpreter released and without making
    /// Python strings. Returns the state of each thread, at least one.
    ///
    /// Files nobody has begun to read are read by the same threads, in no order: see
    /// [`fastpost_core::corpus::each`]. A file object, Arrow data or files already begun are read by the calling
    /// thread and handed to the others. `tick` is called some twenty times a second with the interpreter attached,
    /// after signals have been looked for, and may look at this reader; its error, or one from `work`, ends the whole
    /// call. Faults are raised or, with `on_error="skip"`, counted, as in a `for` loop.
    pub(crate) fn each<S: Send>(
        &self,
        py: Python<'_>,
        threads: Threads,
        make: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &Texts) -> fastpost_core::Result<()> + Sync,
        tick: impl Fn(Python<'_>, &Tally) -> PyResult<()> + Sync,
    ) -> PyResult<(Vec<S>, Tally)> {
        self.same_process()?;
        let plan = self.state.lock_py_attached(py).map_err(poisoned)?.take_plan();
        let work = |state: &mut S, texts: &Texts| work(state, texts).map_err(exception);
        let Some(mut plan) = plan else {
            let (states, tally, _) = self.each_in_order(py, threads, None, &make, &work, &tick)?;
            return Ok((states, tally));
        };
        plan.threads = threads;
        let (make, tick) = (&make, &tick);
        let seen = |tally: &Tally| {
            Python::attach(|py| {
                py.check_signals()?;
                self.note(py, tally)?;
                tick(py, tally)
            })
        };
        let done = py.detach(|| corpus::each(*plan, self.skip, make, work, seen));
        let (states, tally) = done.map_err(|stopped| match stopped {
            Stopped::Fault(fault) => error_of(py, &fault, true),
            Stopped::Work(error) => error,
        })?;
        self.note(py, &tally)?;
        Ok((states, tally))
    }

    /// [`each`](Self::each) in the order of the texts, for about `time`; whether the end was reached.
    ///
    /// All texts before the place where it stops have been worked on and none after it, and the next call goes on
    /// there, so a job can be resumed. It costs one hand-over between threads per block more than `each`.
    pub(crate) fn each_for<S: Send>(
        &self,
        py: Python<'_>,
        threads: Threads,
        time: Duration,
        make: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, &Texts) -> fastpost_core::Result<()> + Sync,
        tick: impl Fn(Python<'_>, &Tally) -> PyResult<()> + Sync,
    ) -> PyResult<(Vec<S>, Tally, bool)> {
        self.same_process()?;
        let work = |state: &mut S, texts: &Texts| work(state, texts).map_err(exception);
        self.each_in_order(py, threads, Some(time), &make, &work, &tick)
    }

    /// [`each`](Self::each) for input that only one thread can read, that has been begun, or that is to stop after
    /// `time`.
    fn each_in_order<S: Send>(
        &self,
        py: Python<'_>,
        threads: Threads,
        time: Option<Duration>,
        make: &(impl Fn() -> S + Sync),
        work: &(impl Fn(&mut S, &Texts) -> PyResult<()> + Sync),
        tick: &(impl Fn(Python<'_>, &Tally) -> PyResult<()> + Sync),
    ) -> PyResult<(Vec<S>, Tally, bool)> {
        const TICK: Duration = Duration::from_millis(50);
        let mut tally = Tally::default();
        let began = Instant::now();
        let mut told = began;
        let mut ended = true;
        let mut next = || {
            Python::attach(|py| {
                py.check_signals()?;
                if tally.texts > 0 && time.is_some_and(|time| began.elapsed() >= time) {
                    ended = false;
                    return Ok(None);
                }
                if told.elapsed() > TICK {
                    told = Instant::now();
                    tick(py, &tally)?;
                }
                let mut state = self.state.lock_py_attached(py).map_err(poisoned)?;
                let found = if state.text(py, self.skip)? { Some(state.rest()) } else { None };
                if let Some(texts) = &found {
                    tally.texts += texts.len() as u64;
                    tally.bytes += texts.bytes().len() as u64;
                }
                Ok(found)
            })
        };
        let states = py.detach(|| {
            fastpost_core::parallel::fold(threads, &mut next, make, |state, texts| work(state, &texts))
        })?;
        Ok((states, tally, ended))
    }

    /// Makes `counts` report the numbers of `tally`.
    fn note(&self, py: Python<'_>, tally: &Tally) -> PyResult<()> {
        self.state.lock_py_attached(py).map_err(poisoned)?.counts = Counts {
            skipped: tally.skipped,
            faults: tally.faults.clone(),
            empty_files: tally.empty_files,
            bytes_read: tally.bytes_read,
        };
        Ok(())
    }
}

impl Drop for TextReader {
    /// An iterator that is thrown away half-way waits for its threads without the interpreter.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // A forked child has no threads to wait for.
            if let Ok(state) = self.state.get_mut() {
                std::mem::forget(std::mem::replace(&mut state.feed, Feed::End));
            }
            return;
        }
        if let Ok(state) = self.state.get_mut() {
            Python::attach(|py| state.end(py));
        }
    }
}

/// What a text is, and whether nobody has said what the file holds (`"line?"`).
fn split_of(name: &str) -> PyResult<(Split, bool)> {
    let sniffed = name.ends_with('?');
    let split = Split::parse(name.trim_end_matches('?')).ok_or_else(|| {
        exception(fastpost_core::Error::BadOption {
            name: "split",
            got: format!("{name:?}"),
            cure: "it is \"line\", \"blank\" or \"file\"",
        })
    })?;
    Ok((split, sniffed))
}
