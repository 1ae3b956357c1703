//! Plain text: a line, a paragraph or a file per text; and where records end, for all formats but those that scan for it.
//!
//! A line ends at `\n`; a `\r` before it belongs to the end (CRLF), and one at the end of the file ends its last line
//! or paragraph. Any other `\r` alone is a character of the text.
//! Inside a paragraph or a whole file CRLF becomes `\n`.

use super::fault::Reason;
use super::texts::Block;

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// At the end of a line.
    Line,
    /// At a blank line: a paragraph.
    Blank,
    /// With its file.
    File,
}

impl Frame {
    /// What a record is called in messages.
    pub(crate) fn record(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Blank => "paragraph",
            Self::File => "file",
        }
    }
}

/// Where the last whole record of `block` ends, 0 if none does; bytes before `from` have been searched.
pub(crate) fn last_end(block: &[u8], from: usize, frame: Frame) -> usize {
    match frame {
        Frame::Line => memchr::memrchr(b'\n', &block[from..]).map_or(0, |at| from + at + 1),
        Frame::File => 0,
        Frame::Blank => {
            // A line that may be blank can start before `from`.
            let from = memchr::memrchr(b'\n', &block[..from]).map_or(0, |at| previous_line(block, at));
            let mut end = block.len();
            while let Some(at) = memchr::memrchr(b'\n', &block[from..end]).map(|at| from + at) {
                let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |at| at + 1);
                if is_blank(&block[start..at]) && start > 0 {
                    return at + 1;
                }
                end = at;
            }
            0
        }
    }
}

/// Where the first record of `block` ends.
pub(crate) fn first_end(block: &[u8], frame: Frame) -> Option<usize> {
    match frame {
        Frame::Line => memchr::memchr(b'\n', block).map(|at| at + 1),
        Frame::File => None,
        Frame::Blank => {
            let mut start = None;
            for at in memchr::memchr_iter(b'\n', block) {
                if start.is_some_and(|start| is_blank(&block[start..at])) {
                    return Some(at + 1);
                }
                start = Some(at + 1);
            }
            None
        }
    }
}

fn previous_line(block: &[u8], newline: usize) -> usize {
    memchr::memrchr(b'\n', &block[..newline]).map_or(0, |at| at + 1)
}

/// A line of nothing but white space.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A line without its `\r`.
pub(crate) fn trim_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Splits a block of whole records into texts; `first_line` is the line of its first byte.
pub(crate) fn split(bytes: &[u8], first_line: u64, frame: Frame, replace: bool, out: &mut Block<'_>) {
    match frame {
        Frame::Blank => paragraphs(bytes, first_line, replace, out),
        Frame::File if bytes.is_empty() => {}
        Frame::File => whole(bytes, first_line, frame, replace, out),
        Frame::Line => {
            // The whole block at once is what makes the check free; a block with a bad line is checked by line.
            let sound = simdutf8::basic::from_utf8(bytes).ok();
            let mut start = 0;
            let mut number = first_line;
            while start < bytes.len() {
                let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
                let line = trim_return(&bytes[start..end]);
                match sound.and_then(|text| text.get(start..start + line.len())) {
                    Some(text) => out.text(text, number),
                    None => check(line, number, frame, replace, out),
                }
                number += 1;
                start = end + 1;
            }
        }
    }
}

fn paragraphs(bytes: &[u8], first_line: u64, replace: bool, out: &mut Block<'_>) {
    let mut number = first_line;
    let mut open: Option<(usize, u64)> = None; // start of the paragraph, its line
    let mut start = 0;
    while start < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
        if is_blank(&bytes[start..end]) {
            if let Some((from, line)) = open.take() {
                whole(trim_return(&bytes[from..start - 1]), line, Frame::Blank, replace, out);
            }
        } else if open.is_none() {
            open = Some((start, number));
        }
        number += 1;
        start = end + 1;
    }
    if let Some((from, line)) = open {
        let rest = &bytes[from..];
        whole(trim_return(rest.strip_suffix(b"\n").unwrap_or(rest)), line, Frame::Blank, replace, out);
    }
}

fn whole(bytes: &[u8], line: u64, frame: Frame, replace: bool, out: &mut Block<'_>) {
    if memchr::memmem::find(bytes, b"\r\n").is_none() {
        return check(bytes, line, frame, replace, out);
    }
    let mut joined = Vec::with_capacity(bytes.len());
    for part in bytes.split_inclusive(|&b| b == b'\n') {
        match part.strip_suffix(b"\r\n") {
            Some(part) => {
                joined.extend_from_slice(part);
                joined.push(b'\n');
            }
            None => joined.extend_from_slice(part),
        }
    }
    check(&joined, line, frame, replace, out);
}

/// Adds `bytes` as a text, or the fault that they are not UTF-8.
fn check(bytes: &[u8], line: u64, frame: Frame, replace: bool, out: &mut Block<'_>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.text(text, line),
        Err(_) if replace => out.text(&String::from_utf8_lossy(bytes), line),
        Err(error) => {
            let at = error.valid_up_to();
            // In a paragraph or a file the line of the bad byte helps more than that of the start.
            let line = line + memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
            out.fault(line, Reason::NotUtf8 { byte: bytes[at], at, record: frame.record() });
        }
    }
}
