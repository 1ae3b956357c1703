//! reader -> blocks that end where a record ends.

use std::path::Path;
use std::sync::Arc;

use super::csv::{Header, Scan, lines};
use super::fault::{Fault, Reason};
use super::kinds::no_text;
use super::open::Opened;
use super::text;
use super::{Keep, MARK, Source, Split, Wanted};

/// Cuts one file into blocks of whole records, in order.
///
/// A block is as long as asked, or as its one record: memory is the block, not the file.
pub(crate) struct Cutter {
    pub(crate) path: Arc<Path>,
    opened: Box<Opened>,
    split: Split,
    sniffed: bool,
    /// Where records of CSV end, and their columns once the header has been read.
    scan: Option<Scan>,
    header: Option<Arc<Header>>,
    /// Start of a record whose end has not been read.
    rest: Vec<u8>,
    /// Lines before the next block.
    lines: u64,
    /// The bytes passed last are CSV and end in `\r`: a `\n` at the start of the next ones ends no other line.
    returned: bool,
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
    pub(crate) split: Split,
    /// The columns of CSV.
    pub(crate) header: Option<Arc<Header>>,
    /// What went wrong after its bytes.
    pub(crate) fault: Option<Fault>,
    /// Nothing follows in this file.
    pub(crate) last: bool,
    /// The file has no bytes at all.
    pub(crate) empty: bool,
}

impl Cut {
    /// The only cut of a file that can't be opened, or of a reader that has been read already.
    pub(crate) fn nothing(fault: Option<Fault>) -> Self {
        Self { line: 1, split: Split::Line, header: None, fault, last: true, empty: false }
    }
}

impl Cutter {
    pub(crate) fn new(source: &Source, opened: Opened, longest: usize) -> Self {
        Self {
            path: Arc::clone(&source.path),
            opened: Box::new(opened),
            split: source.split,
            sniffed: source.sniffed,
            scan: Scan::new(source.split),
            header: None,
            rest: Vec::new(),
            lines: 0,
            returned: false,
            longest,
            state: Progress::Start,
        }
    }

    /// Fills `block`, which is cleared first, with whole records of about `size` bytes.
    pub(crate) fn next(&mut self, block: &mut Vec<u8>, size: usize, wanted: &Wanted) -> Cut {
        let mut cut = self.cut(block, size, wanted);
        if self.scan.is_some() && self.header.is_none() {
            self.take_header(block, &mut cut, wanted);
        }
        (cut.split, cut.header) = (self.split, self.header.clone());
        cut
    }

    /// Reads the header off the first block; without one the file gives no records.
    fn take_header(&mut self, block: &mut Vec<u8>, cut: &mut Cut, wanted: &Wanted) {
        let begins = block.iter().position(|&byte| byte != b'\n' && byte != b'\r');
        let Some(begins) = begins else {
            block.clear();
            cut.last = true; // nothing but a fault, or nothing
            return;
        };
        cut.line += lines(&block[..begins], self.split);
        block.drain(..begins);
        let before = lines(block, self.split);
        match Header::take(block, self.split, wanted) {
            Ok(header) => {
                cut.line += before - lines(block, self.split);
                self.header = Some(Arc::new(header));
            }
            Err(reason) => {
                cut.fault = Some(self.fault(cut.line, reason));
                cut.last = true;
                block.clear();
            }
        }
    }

    fn cut(&mut self, block: &mut Vec<u8>, size: usize, wanted: &Wanted) -> Cut {
        block.clear();
        block.append(&mut self.rest);
        let mut cut = Cut { line: self.lines + 1, last: false, ..Cut::nothing(None) };
        if self.state == Progress::Start {
            self.state = Progress::Middle;
            let mut head = self.opened.take_head();
            let looked = self.look(&mut head, wanted);
            cut.empty = head.is_empty() && !self.opened.has_failed();
            self.opened.put_head(head);
            if let Err(reason) = looked {
                return self.end(block, cut, Some(reason));
            }
        }
        let mut want = size.saturating_sub(block.len()).max(size / 2);
        loop {
            let mut searched = block.len();
            let (ended, reason) = match self.opened.append(block, want) {
                Ok(n) => (n < want, None),
                Err(reason) => (true, Some(reason)),
            };
            if !block.is_empty() {
                if self.returned && searched == 0 && block[0] == b'\n' {
                    block.remove(0);
                }
                self.returned = false;
            }
            if self.state == Progress::Dropping {
                let Some(end) = self.first_end(block) else {
                    // A blank line may straddle two reads, so its possible start stays.
                    let stays = if ended || self.split != Split::Blank { 0 } else { 64 };
                    let gone = block.len().saturating_sub(stays);
                    self.pass(&block[..gone]);
                    self.drop(block, gone);
                    if ended {
                        return self.end(block, cut, reason);
                    }
                    want = size;
                    continue;
                };
                self.pass(&block[..end]);
                self.drop(block, end);
                self.state = Progress::Middle;
                cut.line = self.lines + 1;
                searched = 0;
            }
            if reason.is_some() {
                // Whole records before the fault stay; the part of a record after them belongs to the fault.
                block.truncate(self.last_end(block, 0));
            }
            if ended {
                let reason = reason.or_else(|| self.open_quote(block));
                return self.end(block, cut, reason);
            }
            let end = self.last_end(block, searched);
            if end > 0 {
                if let Some(scan) = &mut self.scan {
                    scan.drop(end);
                }
                self.rest.extend_from_slice(&block[end..]);
                block.truncate(end);
                self.pass(block);
                return cut;
            }
            if block.len() > self.longest {
                let reason = Reason::TooLong {
                    record: self.split.record(),
                    limit: self.longest,
                    format: self.split.format(),
                };
                cut.fault = Some(self.fault(cut.line, reason));
                self.pass(block);
                self.drop(block, block.len());
                self.state = Progress::Dropping;
                return cut;
            }
            // Doubling: a long record is searched and copied a constant number of times. After a dropped record the
            // block may be empty.
            want = block.len().max(size);
        }
    }

    /// Looks at the first bytes of the file, and takes its byte-order mark off.
    fn look(&mut self, head: &mut Vec<u8>, wanted: &Wanted) -> Result<(), Reason> {
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        no_text(head).map_or(Ok(()), Err)?;
        self.sniff(head, wanted)
    }

    /// Counts the lines of `bytes`, which have been dealt with.
    fn pass(&mut self, bytes: &[u8]) {
        self.lines += lines(bytes, self.split);
        if let Some(last) = bytes.last() {
            self.returned = *last == b'\r' && self.scan.is_some();
        }
    }

    /// Tells what a file holds by how it starts, if nobody has said so.
    fn sniff(&mut self, block: &[u8], wanted: &Wanted) -> Result<(), Reason> {
        if !self.sniffed {
            return Ok(());
        }
        let start = block.trim_ascii_start();
        let inner = start.strip_prefix(b"[").map_or(start, <[u8]>::trim_ascii_start);
        if let Some(fields) = inner.strip_prefix(b"{") {
            // An object goes on with a name or ends; `{name}` may be text, `{'name'` another program's record.
            if !matches!(fields.trim_ascii_start().first(), None | Some(b'"' | b'}')) {
                return Err(Reason::Brace);
            }
            self.split = Split::Json;
        }
        let kept = if let Keep::Columns(names) = &wanted.keep { names.first() } else { None };
        let text = Some(&wanted.column).filter(|_| wanted.named).map(|name| (name, "column"));
        match kept.map(|name| (name, "keep")).or(text) {
            Some((column, argument)) if !self.split.has_columns() && !block.is_empty() => {
                Err(Reason::NoColumns { column: column.clone(), argument })
            }
            _ => Ok(()),
        }
    }

    fn first_end(&mut self, block: &[u8]) -> Option<usize> {
        let Some(scan) = &mut self.scan else { return text::first_end(block, self.split.frame()) };
        scan.over(block);
        Some(line_end(block, scan.first)).filter(|&end| end > 0)
    }

    fn last_end(&mut self, block: &[u8], searched: usize) -> usize {
        let Some(scan) = &mut self.scan else { return text::last_end(block, searched, self.split.frame()) };
        scan.over(block);
        line_end(block, scan.last)
    }

    /// At the end of a file: leaves out a record that opens a quote and does not close it.
    fn open_quote(&mut self, block: &mut Vec<u8>) -> Option<Reason> {
        let scan = self.scan.as_mut()?;
        scan.over(block);
        let open = scan.is_open(block);
        open.then(|| {
            block.truncate(scan.last);
            Reason::OpenQuote
        })
    }

    fn drop(&mut self, block: &mut Vec<u8>, count: usize) {
        block.drain(..count);
        if let Some(scan) = &mut self.scan {
            scan.drop(count);
        }
    }

    fn end(&mut self, block: &[u8], mut cut: Cut, reason: Option<Reason>) -> Cut {
        self.pass(block);
        self.state = Progress::End;
        cut.fault = reason.map(|reason| self.fault(self.lines + 1, reason));
        cut.last = true;
        cut
    }

    fn fault(&self, line: u64, reason: Reason) -> Fault {
        Fault { path: Arc::clone(&self.path), line: Some(line), reason }
    }
}

/// The end of the line end that closes a record of CSV: csv-core ends the record at the `\r` of CRLF.
fn line_end(block: &[u8], end: usize) -> usize {
    if end > 0 && block[end - 1] == b'\r' && block.get(end) == Some(&b'\n') { end + 1 } else { end }
}
