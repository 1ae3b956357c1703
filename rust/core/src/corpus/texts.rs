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
    /// Texts that are null, which have no bytes, in order.
    nulls: Vec<usize>,
    /// The kept columns of each text, as a JSON object; none if nothing is kept.
    kept: String,
    kept_ends: Vec<usize>,
    /// Line of each text.
    lines: Vec<u64>,
    path: Option<Arc<Path>>,
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

    /// The text at `index`; one that is null is empty.
    ///
    /// # Panics
    /// If there are not that many.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        &self.bytes[start(&self.ends, index)..self.ends[index]]
    }

    /// The texts in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Whether the text at `index` is null: see [`Wanted::nulls`](super::Wanted::nulls).
    #[must_use]
    pub fn is_null(&self, index: usize) -> bool {
        !self.nulls.is_empty() && self.nulls.binary_search(&index).is_ok()
    }

    /// The kept columns of the text at `index`, as a JSON object; `None` if nothing is kept.
    #[must_use]
    pub fn kept(&self, index: usize) -> Option<&str> {
        self.kept_ends.get(index).map(|&end| &self.kept[start(&self.kept_ends, index)..end])
    }

    /// The line on which the text at `index` starts, counted from 1, or its row; `None` if nobody said it.
    #[must_use]
    pub fn line(&self, index: usize) -> Option<u64> {
        self.lines.get(index).copied()
    }

    /// The file that the texts come from, or a name for it.
    #[must_use]
    pub fn path(&self) -> Option<&Arc<Path>> {
        self.path.as_ref()
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

    /// Adds a text that starts on `line`, or is row `line`; `None` is null.
    pub fn push_at(&mut self, text: Option<&str>, line: u64) {
        if text.is_none() {
            self.nulls.push(self.len());
        }
        self.lines.push(line);
        self.push(text.unwrap_or_default());
    }

    /// Adds something that could not be read.
    pub fn push_fault(&mut self, fault: Fault) {
        self.faults.push((self.len(), fault));
    }

    /// Removes all texts and faults; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.nulls.clear();
        self.kept.clear();
        self.kept_ends.clear();
        self.lines.clear();
        self.path = None;
        self.faults.clear();
        self.empty_files = 0;
    }

    /// Memory held, in bytes.
    pub(crate) fn held(&self) -> usize {
        let numbers = self.ends.capacity() + self.lines.capacity() + self.kept_ends.capacity();
        self.bytes.capacity() + self.kept.capacity() + numbers * size_of::<usize>()
    }

    /// Says where the texts come from.
    pub fn set_path(&mut self, path: &Arc<Path>) {
        self.path = Some(Arc::clone(path));
    }

    pub(crate) fn for_file<'a>(&'a mut self, path: &'a Arc<Path>) -> Block<'a> {
        self.set_path(path);
        Block { texts: self, path }
    }
}

fn start(ends: &[usize], index: usize) -> usize {
    index.checked_sub(1).map_or(0, |before| ends[before])
}

/// Texts being made from one file: what the formats write to.
pub(crate) struct Block<'a> {
    texts: &'a mut Texts,
    path: &'a Arc<Path>,
}

impl Block<'_> {
    /// Adds a whole text that starts on `line`.
    pub(crate) fn text(&mut self, text: &str, line: u64) {
        self.texts.bytes.push_str(text);
        self.close(line);
    }

    /// Adds to the text being made.
    pub(crate) fn part(&mut self, part: &str) {
        self.texts.bytes.push_str(part);
    }

    /// Ends the text being made, which starts on `line`.
    pub(crate) fn close(&mut self, line: u64) {
        self.texts.ends.push(self.texts.bytes.len());
        self.texts.lines.push(line);
    }

    /// Adds a text that is null.
    pub(crate) fn null(&mut self, line: u64) {
        self.texts.nulls.push(self.texts.ends.len());
        self.close(line);
    }

    /// Adds the kept columns of the text that was added last, as a JSON object.
    pub(crate) fn keep(&mut self, columns: &str) {
        self.texts.kept.push_str(columns);
        self.texts.kept_ends.push(self.texts.kept.len());
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
