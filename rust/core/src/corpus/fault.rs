//! What can be wrong with a file or a record, and where.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// One thing that could not be read, with its place.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {reason}", Place(&self.path, self.line))]
pub struct Fault {
    /// The file.
    pub path: Arc<Path>,
    /// The line, counted from 1; `None` if the file as a whole is at fault.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a file or a record.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The operating system refused; `code` is its errno.
    #[error("{message}")]
    Os {
        /// The operating system's error number.
        code: i32,
        /// Its text.
        message: String,
    },
    /// A compressed file that ends early or holds other bytes than it should.
    #[error("the {packing} data cannot be unpacked here ({message}); the file is cut off or damaged")]
    Damaged {
        /// gzip or zstd.
        packing: &'static str,
        /// What the decompressor says.
        message: String,
    },
    /// Reading failed for a reason that has no errno.
    #[error("reading failed: {0}")]
    Read(String),
    /// A file that got shorter between opening and its end.
    #[error("the file shrank while it was read: {was} bytes when opened, {now} now")]
    Shrank {
        /// Bytes when it was opened.
        was: u64,
        /// Bytes that could be read.
        now: u64,
    },
    /// A record without an end.
    #[error("the {record} is longer than {limit} bytes; is this really {format}?")]
    TooLong {
        /// Line, paragraph or file.
        record: &'static str,
        /// Longest record allowed.
        limit: usize,
        /// Format the file is read as.
        format: &'static str,
    },
    /// Bytes that are not UTF-8.
    #[error("not UTF-8: byte 0x{byte:02x} at byte {at} of the {record}; convert the file to UTF-8")]
    NotUtf8 {
        /// First byte that does not fit.
        byte: u8,
        /// Its place in the record, counted from 0.
        at: usize,
        /// Line, paragraph or file.
        record: &'static str,
    },
    /// A byte-order mark of UTF-16 or UTF-32.
    #[error("the file starts with a {0} byte-order mark; convert it to UTF-8")]
    OtherEncoding(&'static str),
    /// A line that is not one JSON object.
    #[error("not a JSON record: {message} at byte {at} of the line")]
    Json {
        /// What the parser says.
        message: String,
        /// Where in the line, counted from 0.
        at: usize,
    },
    /// A line that holds another JSON value than an object.
    #[error(
        "the line holds {0}, not a JSON object; JSON Lines is expected, one record per line. A file that is one JSON array has to be rewritten"
    )]
    NotObject(&'static str),
    /// A record without the wanted column.
    #[error("no column `{column}`; the record has {keys}. Pass `column`")]
    NoColumn {
        /// Column wanted.
        column: String,
        /// Columns there are.
        keys: String,
    },
    /// A column that is not text.
    #[error("column `{column}` holds {found}, not text")]
    NotText {
        /// Column wanted.
        column: String,
        /// What it holds.
        found: &'static str,
    },
}

impl Reason {
    /// The reason of an I/O error while a file packed as `packing` was read.
    pub(crate) fn of(error: &io::Error, packing: Option<&'static str>) -> Self {
        match (error.raw_os_error(), packing) {
            (Some(code), _) => Self::Os { code, message: error.to_string() },
            (None, Some(packing)) => Self::Damaged { packing, message: error.to_string() },
            (None, None) => Self::Read(error.to_string()),
        }
    }
}

/// `path:line` or `path`, as compilers print it.
struct Place<'a>(&'a Path, Option<u64>);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1 {
            Some(line) => write!(f, "{}:{line}", self.0.display()),
            None => write!(f, "{}", self.0.display()),
        }
    }
}
