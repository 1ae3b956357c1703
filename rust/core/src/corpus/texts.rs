//! Texts laid end to end: what flows out of a corpus.

use std::path::Path;
use std::sync::Arc;

use super::fault::{Fault, Reason};

/// Texts laid end to end, in the order of the files, and what could not be read between them.
///
/// ```
/// use fastpost_core::corpus::Texts;
/// let mut texts = Texts::default();
/// texts.push("one text");
/// texts.push("and another");
/// assert_eq!(texts.iter().collect::<Vec<_>>(), ["one text", "and another"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Texts {
    bytes: String,
    ends: Vec<usize>,
    faults: Vec<(usize, Fault)>,
    pub(crate) empty_files: u64,
}

impl Texts {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`.
    ///
    /// # Panics
    /// If there are not that many.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        &self.bytes[self.start(index)..self.ends[index]]
    }

    /// The texts in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// All texts without anything between them, in UTF-8.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }

    /// Where each text ends in [`Texts::bytes`]; it starts where the one before ends.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// What could not be read, each with the index of the text that follows it.
    #[must_use]
    pub fn faults(&self) -> &[(usize, Fault)] {
        &self.faults
    }

    /// Files without any bytes among those these texts come from.
    #[must_use]
    pub fn empty_files(&self) -> u64 {
        self.empty_files
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// Adds something that could not be read.
    pub fn push_fault(&mut self, fault: Fault) {
        self.faults.push((self.len(), fault));
    }

    /// Removes all texts and faults; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.faults.clear();
        self.empty_files = 0;
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Memory held, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    pub(crate) fn for_file<'a>(&'a mut self, path: &'a Arc<Path>) -> Block<'a> {
        Block { texts: self, path }
    }
}

/// Texts being made from one file: what the formats write to.
pub(crate) struct Block<'a> {
    texts: &'a mut Texts,
    path: &'a Arc<Path>,
}

impl Block<'_> {
    /// Adds a whole text.
    pub(crate) fn text(&mut self, text: &str) {
        self.texts.push(text);
    }

    /// Adds to the text being made.
    pub(crate) fn part(&mut self, part: &str) {
        self.texts.bytes.push_str(part);
    }

    /// Puts `part` before the text being made.
    pub(crate) fn before(&mut self, part: &str) {
        let start = self.texts.ends.last().copied().unwrap_or(0);
        self.texts.bytes.insert_str(start, part);
    }

    /// Ends the text being made.
    pub(crate) fn close(&mut self) {
        self.texts.ends.push(self.texts.bytes.len());
    }

    /// Drops the text being made.
    pub(crate) fn undo(&mut self) {
        self.texts.bytes.truncate(self.texts.ends.last().copied().unwrap_or(0));
    }

    pub(crate) fn fault(&mut self, line: u64, reason: Reason) {
        let path = Arc::clone(self.path);
        self.texts.push_fault(Fault { path, line: Some(line), reason });
    }
}
