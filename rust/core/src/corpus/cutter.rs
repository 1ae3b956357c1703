//! reader -> blocks that end where a record ends.

use std::path::Path;
use std::sync::Arc;

use super::Split;
use super::fault::{Fault, Reason};
use super::open::Opened;
use super::text;

/// Cuts one file into blocks of whole records, in order.
///
/// A block is as long as asked, or as its one record: memory is the block, not the file.
pub(crate) struct Cutter {
    pub(crate) path: Arc<Path>,
    opened: Opened,
    split: Split,
    /// Start of a record whose end has not been read.
    rest: Vec<u8>,
    /// Lines before the next block.
    lines: u64,
    longest: usize,
    state: Progress,
}

#[derive(Clone, Copy, PartialEq)]
enum Progress {
    Start,
    Middle,
    /// Throwing away the rest of a record that was too long.
    Dropping,
    End,
}

/// One block: where it starts and what ended it early.
pub(crate) struct Cut {
    /// Line of its first byte, counted from 1.
    pub(crate) line: u64,
    /// What went wrong after its bytes.
    pub(crate) fault: Option<Fault>,
    /// Nothing follows in this file.
    pub(crate) last: bool,
    /// The file has no bytes at all.
    pub(crate) empty: bool,
}

impl Cut {
    /// The only cut of a file that can't be opened, or of a reader that has been read.
    pub(crate) fn nothing(fault: Option<Fault>) -> Self {
        Self { line: 1, fault, last: true, empty: false }
    }
}

impl Cutter {
    pub(crate) fn new(path: Arc<Path>, opened: Opened, split: Split, longest: usize) -> Self {
        Self { path, opened, split, rest: Vec::new(), lines: 0, longest, state: Progress::Start }
    }

    /// Fills `block`, which is cleared first, with whole records of about `size` bytes.
    pub(crate) fn next(&mut self, block: &mut Vec<u8>, size: usize) -> Cut {
        block.clear();
        block.append(&mut self.rest);
        let mut cut = Cut { line: self.lines + 1, fault: None, last: false, empty: false };
        let mut want = size.saturating_sub(block.len()).max(size / 2);
        loop {
            let mut searched = block.len();
            let (ended, reason) = match self.opened.append(block, want) {
                Ok(n) => (n < want, None),
                Err(reason) => (true, Some(reason)),
            };
            if self.state == Progress::Start {
                if let Err(encoding) = strip_mark(block) {
                    block.clear();
                    return self.end(block, cut, Some(Reason::OtherEncoding(encoding)));
                }
                cut.empty = block.is_empty() && reason.is_none();
                self.state = Progress::Middle;
            }
            if self.state == Progress::Dropping {
                let Some(end) = text::first_end(block, self.split) else {
                    // A blank line may straddle two reads, so its possible start stays.
                    let gone = if ended { block.len() } else { block.len().saturating_sub(64) };
                    self.lines += lines(&block[..gone]);
                    block.drain(..gone);
                    if ended {
                        return self.end(block, cut, reason);
                    }
                    want = size;
                    continue;
                };
                self.lines += lines(&block[..end]);
                block.drain(..end);
                self.state = Progress::Middle;
                cut.line = self.lines + 1;
                searched = 0;
            }
            if reason.is_some() {
                // Whole records before the fault stand; what was cut off is the fault's own.
                block.truncate(text::last_end(block, 0, self.split));
            }
            if ended {
                return self.end(block, cut, reason);
            }
            let end = text::last_end(block, searched, self.split);
            if end > 0 {
                self.rest.extend_from_slice(&block[end..]);
                block.truncate(end);
                self.lines += lines(block);
                return cut;
            }
            if block.len() > self.longest {
                let reason = Reason::TooLong {
                    record: self.split.record(),
                    limit: self.longest,
                    format: self.split.format(),
                };
                cut.fault = Some(self.fault(cut.line, reason));
                self.lines += lines(block);
                block.clear();
                self.state = Progress::Dropping;
                return cut;
            }
            want = block.len(); // doubling: a long record is searched and copied a constant number of times
        }
    }

    fn end(&mut self, block: &[u8], mut cut: Cut, reason: Option<Reason>) -> Cut {
        self.lines += lines(block);
        self.state = Progress::End;
        cut.fault = reason.map(|reason| self.fault(self.lines + 1, reason));
        cut.last = true;
        cut
    }

    fn fault(&self, line: u64, reason: Reason) -> Fault {
        Fault { path: Arc::clone(&self.path), line: Some(line), reason }
    }
}

fn lines(block: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', block).count() as u64
}

/// Takes the byte-order mark off the start of a file; the name of one that is not UTF-8's is the error.
fn strip_mark(block: &mut Vec<u8>) -> Result<(), &'static str> {
    if block.starts_with(b"\xef\xbb\xbf") {
        block.drain(..3);
    }
    match block.as_slice() {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err("UTF-16"),
        _ => Ok(()),
    }
}
