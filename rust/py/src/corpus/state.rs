//! The place in a pass over a corpus: the block at hand, its next text, and the faults before it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastpost_core::corpus::{Blocks, Fault, Next, Plan, Texts};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::corpus::arrow::{ArrowFeed, Step, Taken};
use crate::corpus::fault::{error_of, poisoned};

/// What is being read, and how far.
pub(super) struct State {
    pub(super) feed: Feed,
    pub(super) block: Texts,
    pub(super) next_text: usize,
    pub(super) next_fault: usize,
    /// Records that have been passed, those that could not be read included.
    pub(super) records: u64,
    pub(super) counts: Counts,
}

/// Where the texts come from.
pub(super) enum Feed {
    /// Files that nobody has begun to read.
    Planned(Box<Plan>),
    Files(Box<Blocks>),
    /// A file object; the error that its `read` raised, if it did.
    Object(Box<Blocks>, Arc<Mutex<Option<PyErr>>>),
    Arrow(Box<ArrowFeed>),
    End,
}

/// What has gone wrong so far, and how much has been read.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) skipped: u64,
    /// The first faults.
    pub(super) faults: Vec<Fault>,
    pub(super) empty_files: u64,
    pub(super) bytes_read: u64,
}

impl State {
    /// Takes the files if nobody has begun to read them.
    pub(super) fn take_plan(&mut self) -> Option<Box<Plan>> {
        match std::mem::replace(&mut self.feed, Feed::End) {
            Feed::Planned(plan) => Some(plan),
            feed => {
                self.feed = feed;
                None
            }
        }
    }

    /// Moves to the next text and deals with the faults before it; `false` at the end.
    pub(super) fn text(&mut self, py: Python<'_>, skip: bool) -> PyResult<bool> {
        loop {
            while let Some((at, fault)) = self.block.faults().get(self.next_fault) {
                if *at > self.next_text {
                    break;
                }
                let fault = fault.clone();
                self.next_fault += 1;
                self.deal_with(py, &fault, skip)?;
            }
            if self.next_text < self.block.len() {
                return Ok(true);
            }
            if !self.refill(py, skip)? {
                return Ok(false);
            }
        }
    }

    /// Takes the next text as a Python string, `None` if it is null, and its length; nothing if that is over `room`.
    pub(super) fn string<'py>(
        &mut self,
        py: Python<'py>,
        room: Option<usize>,
    ) -> Option<(Option<Bound<'py, PyString>>, usize)> {
        let text = self.block.get(self.next_text);
        if room.is_some_and(|room| text.len() > room) {
            return None;
        }
        let made = (!self.block.is_null(self.next_text)).then(|| PyString::new(py, text));
        let length = text.len();
        self.next_text += 1;
        self.records += 1;
        Some((made, length))
    }

    /// Fills `batch` straight from Arrow data; `false` if there is none, or a block to be taken first.
    pub(super) fn arrow<'py>(
        &mut self,
        py: Python<'py>,
        skip: bool,
        texts: usize,
        most: Option<usize>,
        batch: &mut Vec<Option<Bound<'py, PyString>>>,
        size: &mut usize,
    ) -> PyResult<bool> {
        if self.next_text < self.block.len() || self.next_fault < self.block.faults().len() {
            return Ok(false);
        }
        loop {
            let Feed::Arrow(feed) = &mut self.feed else { return Ok(false) };
            let fault = match feed.strings(py, texts, most, batch, size) {
                Taken::Enough => return Ok(true),
                Taken::Fault(fault) => fault,
                Taken::All => match feed.advance(py, skip)? {
                    Step::Rows => continue,
                    Step::Fault(fault) => fault,
                    Step::End => {
                        self.end(py);
                        return Ok(true);
                    }
                },
            };
            self.deal_with(py, &fault, skip)?;
        }
    }

    /// Raises or counts a fault.
    fn deal_with(&mut self, py: Python<'_>, fault: &Fault, skip: bool) -> PyResult<()> {
        let raised = match &self.feed {
            Feed::Object(_, raised) => raised.lock().map_err(poisoned)?.take(),
            _ => None,
        };
        if raised.is_some() || !skip {
            let error = raised.unwrap_or_else(|| error_of(py, fault, true));
            self.end(py);
            return Err(error);
        }
        self.records += u64::from(fault.is_record());
        self.counts.skipped += 1;
        if self.counts.faults.len() < 10 {
            self.counts.faults.push(fault.clone());
        }
        Ok(())
    }

    /// Takes the next block; `false` at the end.
    fn refill(&mut self, py: Python<'_>, skip: bool) -> PyResult<bool> {
        const PATIENCE: Duration = Duration::from_millis(50);
        let old = std::mem::take(&mut self.block);
        self.next_text = 0;
        self.next_fault = 0;
        if let Some(plan) = self.take_plan() {
            self.feed = Feed::Files(Box::new(py.detach(|| Blocks::new(*plan))));
        }
        let found = match &mut self.feed {
            Feed::Planned(_) | Feed::End => None,
            Feed::Files(blocks) | Feed::Object(blocks, _) => {
                blocks.recycle(old);
                loop {
                    py.check_signals()?;
                    match py.detach(|| blocks.next(PATIENCE)) {
                        Next::Texts(texts) => break Some(texts),
                        Next::Wait => {}
                        Next::End => break None,
                    }
                }
            }
            Feed::Arrow(feed) => feed.next(py, old, skip)?,
        };
        let Some(texts) = found else {
            self.end(py);
            return Ok(false);
        };
        self.counts.empty_files += texts.empty_files();
        self.block = texts;
        Ok(true)
    }

    /// Takes the texts of the block up to the next fault.
    pub(super) fn rest(&mut self) -> Texts {
        if self.next_text == 0 && self.block.faults().is_empty() {
            return std::mem::take(&mut self.block);
        }
        let until = self.block.faults().get(self.next_fault).map_or(self.block.len(), |(at, _)| *at);
        let mut rest = Texts::default();
        for index in self.next_text..until {
            rest.push(self.block.get(index));
        }
        self.next_text = until;
        rest
    }

    pub(super) fn bytes_read(&self) -> u64 {
        match &self.feed {
            Feed::Files(blocks) | Feed::Object(blocks, _) => blocks.bytes_read(),
            _ => self.counts.bytes_read,
        }
    }

    pub(super) fn end(&mut self, py: Python<'_>) {
        self.counts.bytes_read = self.bytes_read();
        let feed = std::mem::replace(&mut self.feed, Feed::End);
        if let Feed::Files(blocks) = feed {
            py.detach(|| drop(blocks)); // waits for threads
        }
    }
}
