//! Comma-separated and tab-separated values: one column of each record.
//!
//! The plain way is `for record in csv.reader(file): yield record[column]`. A line end may stand inside quotes, so
//! only a reader of all that comes before knows where a record ends: [`Scan`] goes over a file in order, on the one
//! thread that cuts it, and [`split`] takes whole records apart on all of them. Both are csv-core, so they agree. A
//! quote counts only at the start of a field, `""` inside quotes is one quote, `\n`, `\r\n` and `\r` end a record, and
//! empty lines are no records. Where files were joined that start with a byte-order mark, it stands in front of a record:
//! the header of the second file, which is stepped over. Any other record behind such a mark is a fault, since nobody
//! knows of which columns it and those after it are.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::fault::{Hint, Reason, listed};
use super::jsonl::quoted;
use super::texts::Block;
use super::{Keep, MARK, Split, Wanted};

fn reader(delimiter: u8) -> Box<Reader> {
    let mut reader = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
    // csv-core takes a byte-order mark off what it reads first, which may be the middle of a file; so it first reads a
    // line end, which is no record.
    reader.read_record(b"\n", &mut [0; 8], &mut [0; 8]);
    reader
}

/// Where records end in the bytes of a file that have been read.
pub(crate) struct Scan {
    reader: Box<Reader>,
    /// Bytes of the block that have been gone over.
    seen: usize,
    /// No byte of the record that begins there has been gone over.
    fresh: bool,
    /// Where the first and the last record that end in the block do so; 0 if none does.
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Scan {
    pub(crate) fn new(split: Split) -> Option<Self> {
        Some(Self { reader: reader(split.delimiter()?), seen: 0, fresh: true, first: 0, last: 0 })
    }

    /// Goes over the bytes of `block` that it has not seen.
    pub(crate) fn over(&mut self, block: &[u8]) {
        let (mut fields, mut ends) = ([0; 4096], [0; 64]);
        while self.seen < block.len() {
            if self.fresh {
                // A quote behind a byte-order mark opens the first field.
                self.seen += before_record(&block[self.seen..]);
                let rest = &block[self.seen..];
                if rest.len() < MARK.len() && MARK.starts_with(rest) {
                    return; // the block may end inside a mark
                }
                self.fresh = false;
            }
            let (result, read, _, _) = self.reader.read_record(&block[self.seen..], &mut fields, &mut ends);
            self.seen += read;
            if let ReadRecordResult::Record = result {
                self.fresh = true;
                self.last = self.seen;
                if self.first == 0 {
                    self.first = self.seen;
                }
            }
        }
    }

    /// The first `count` bytes of the block are gone.
    pub(crate) fn drop(&mut self, count: usize) {
        self.seen = self.seen.saturating_sub(count);
        self.last = self.last.saturating_sub(count);
        self.first = 0;
    }

    /// Whether a quote is open at the end of `block`, which is that of the file.
    pub(crate) fn is_open(&mut self, block: &[u8]) -> bool {
        let (mut fields, mut ends) = ([0; 8], [0; 8]);
        let begun = !self.fresh && self.last < block.len();
        loop {
            // A line end ends a record unless it stands in quotes.
            match self.reader.read_record(b"\n", &mut fields, &mut ends).0 {
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                result => return begun && result != ReadRecordResult::Record,
            }
        }
    }
}

/// What of the records of one file is wanted, by the number of the column.
pub(crate) struct Header {
    names: Vec<String>,
    text: usize,
    /// Names, as JSON, and numbers of the columns that come along.
    kept: Vec<(String, usize)>,
}

impl Header {
    /// Takes the header off the start of `block`.
    pub(crate) fn take(block: &mut Vec<u8>, split: Split, wanted: &Wanted) -> Result<Self, Reason> {
        let mut records = Records::new(unmarked(block), split);
        records.next();
        let read = block.len() - records.bytes.len() + records.at;
        let names: Result<Vec<_>, _> = (0..records.count).map(|field| records.utf8(field, true)).collect();
        let names = names?;
        let place = |column: &str, argument: &'static str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == column);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (Some(_), Some(_)) => Err(Reason::Twice { column: column.to_owned() }),
                (None, _) => Err(Reason::NotInHeader {
                    column: column.to_owned(),
                    keys: listed(names.iter().map(AsRef::as_ref)),
                    hint: hint(&names, split),
                    argument,
                }),
            }
        };
        let text = place(&wanted.column, "column")?;
        let kept: Vec<&str> = match &wanted.keep {
            Keep::Nothing => Vec::new(),
            Keep::Columns(names) => names.iter().map(String::as_str).collect(),
            Keep::All => names.iter().map(AsRef::as_ref).filter(|name| *name != wanted.column).collect(),
        };
        let kept = kept
            .into_iter()
            .map(|name| Ok((quoted(name), place(name, "keep")?)))
            .collect::<Result<_, _>>()?;
        let header =
            Self { names: names.into_iter().map(std::borrow::Cow::into_owned).collect(), text, kept };
        block.drain(..read);
        Ok(header)
    }

    /// Whether `record`, which follows a byte-order mark, is this header again or has nothing in it.
    fn is_again(&self, record: &[u8], split: Split) -> bool {
        let mut records = Records::new(record, split);
        let there = records.next();
        let same = records.count == self.names.len()
            && (0..records.count)
                .all(|field| records.utf8(field, false).is_ok_and(|name| name == self.names[field]));
        !there || (same && !records.next())
    }
}

/// How many bytes before a record are no part of it: line ends, and byte-order marks.
fn before_record(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        match rest {
            [b'\n' | b'\r', behind @ ..] => rest = behind,
            _ => match rest.strip_prefix(MARK) {
                Some(behind) => rest = behind,
                None => return bytes.len() - rest.len(),
            },
        }
    }
}

/// What follows the byte-order marks that `record` starts with: two if a file of nothing but its mark was joined, too.
fn unmarked(mut record: &[u8]) -> &[u8] {
    while let Some(rest) = record.strip_prefix(MARK) {
        record = rest;
    }
    record
}

/// What a header hints at if it lacks the column.
fn hint(names: &[std::borrow::Cow<'_, str>], split: Split) -> Option<Hint> {
    match names {
        [first, ..] if first.starts_with('{') => Some(Hint::Json),
        [one] if split == Split::Csv && one.contains('\t') => Some(Hint::Tabs),
        [one] if split == Split::Tsv && one.contains(',') => Some(Hint::Commas),
        [one] if one.contains(';') => Some(Hint::Semicolons),
        _ => None,
    }
}

/// Lines that end in `bytes`.
pub(crate) fn lines(bytes: &[u8], split: Split) -> u64 {
    let ends = match split.delimiter() {
        None => memchr::memchr_iter(b'\n', bytes).count(),
        // A record of CSV also ends at `\r` alone.
        Some(_) => memchr::memchr2_iter(b'\n', b'\r', bytes)
            .filter(|&at| bytes[at] == b'\r' || at == 0 || bytes[at - 1] != b'\r')
            .count(),
    };
    ends as u64
}

/// Takes the wanted columns out of each record of a block; `first_line` is the line of its first byte.
pub(crate) fn split(
    bytes: &[u8],
    first_line: u64,
    split: Split,
    header: &Header,
    wanted: &Wanted,
    out: &mut Block<'_>,
) {
    let mut records = Records::new(bytes, split);
    let (mut counted, mut line) = (0, first_line);
    while records.next() {
        line += lines(&bytes[counted..records.start], split);
        counted = records.start;
        if let Err(reason) = record(&records, line, split, header, wanted, out) {
            out.fault(line, reason);
        }
    }
}

fn record(
    records: &Records<'_>,
    line: u64,
    split: Split,
    header: &Header,
    wanted: &Wanted,
    out: &mut Block<'_>,
) -> Result<(), Reason> {
    let whole = &records.bytes[records.start..records.at];
    if whole.starts_with(MARK) {
        return if header.is_again(unmarked(whole), split) { Ok(()) } else { Err(Reason::Joined) };
    }
    let columns = header.names.len();
    if records.count != columns {
        let between = if split == Split::Tsv { "a tab" } else { "a comma" };
        return Err(Reason::Ragged { fields: records.count, columns, between });
    }
    let text = records.utf8(header.text, wanted.replace)?;
    if wanted.keep.is_nothing() {
        out.text(&text, line);
        return Ok(());
    }
    let mut object = Vec::with_capacity(header.kept.len());
    for (name, column) in &header.kept {
        object.push(format!("{name}:{}", quoted(&records.utf8(*column, wanted.replace)?)));
    }
    out.text(&text, line);
    out.keep(&format!("{{{}}}", object.join(",")));
    Ok(())
}

/// The records of a block, one after the other.
struct Records<'a> {
    reader: Box<Reader>,
    bytes: &'a [u8],
    /// Where the record starts.
    start: usize,
    /// Where the next one may start.
    at: usize,
    /// The fields laid end to end, unquoted, where each ends, and how many there are.
    fields: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8], split: Split) -> Self {
        let reader = reader(split.delimiter().unwrap_or(b','));
        Self { reader, bytes, start: 0, at: 0, fields: vec![0; 1024], ends: vec![0; 16], count: 0 }
    }

    /// Reads the next record; `false` at the end.
    fn next(&mut self) -> bool {
        // Empty lines are no part of the record; csv-core passes over them, too. A byte-order mark right before it is,
        // but csv-core does not read it, or a quote behind it would open no field.
        let gap = &self.bytes[self.at..][..before_record(&self.bytes[self.at..])];
        let marks = gap.iter().rev().take_while(|&&byte| byte != b'\n' && byte != b'\r').count();
        self.at += gap.len();
        self.start = self.at - marks;
        let (mut length, mut count) = (0, 0);
        loop {
            let (result, read, wrote, ended) = self.reader.read_record(
                &self.bytes[self.at..],
                &mut self.fields[length..],
                &mut self.ends[count..],
            );
            self.at += read;
            length += wrote;
            count += ended;
            match result {
                // The end of the block, which ends its last record if nothing else does.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.count = count;
                    return true;
                }
                ReadRecordResult::End => {
                    self.count = 0;
                    return false;
                }
            }
        }
    }

    fn utf8(&self, field: usize, replace: bool) -> Result<std::borrow::Cow<'_, str>, Reason> {
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before]);
        let bytes = &self.fields[start..self.ends[field]];
        match simdutf8::compat::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) if replace => Ok(String::from_utf8_lossy(bytes)),
            Err(error) => {
                let at = error.valid_up_to();
                Err(Reason::NotUtf8 { byte: bytes[at], at, record: "field" })
            }
        }
    }
}
