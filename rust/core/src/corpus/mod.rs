//! Files -> texts, in the order of the files for any number of threads, in constant memory.
//!
//! The plain way is `for line in open(path): yield json.loads(line)[column]`: one core, one object per value of
//! each record. Here a file is cut into blocks that end where a record ends; cutting (reading, unpacking) is
//! done by one thread at a time per file, so it needs no seeking and works for gzip, zstd and pipes alike, and
//! costs a few per cent of the work for plain files. Blocks are parsed by whichever thread cut them. What is
//! read but not yet taken is bounded in bytes.
//!
//! Two ways out: [`Blocks`] gives the texts in order, one block at a time; [`each`] gives every block to the
//! thread that parsed it, in no order, which is what counting wants.

mod blocks;
mod csv;
mod cutter;
mod each;
mod fault;
mod jsonl;
mod kinds;
mod open;
mod relaxed;
mod shelf;
#[cfg(test)]
mod tests;
mod text;
mod texts;

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub use blocks::{Blocks, Next};
pub use each::{Stopped, Tally, each};
pub use fault::{Fault, Hint, Reason, Word, clipped, listed};
pub use kinds::no_text;
pub use texts::Texts;

use crate::parallel::Threads;
use csv::Header;
use text::Frame;
use texts::Block;

/// UTF-8's byte-order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What one text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A line of a text file.
    Line,
    /// A paragraph: lines up to a blank line.
    Blank,
    /// A whole file.
    File,
    /// The column of a JSON Lines record.
    Json,
    /// The column of a record of comma-separated values.
    Csv,
    /// The column of a record of tab-separated values.
    Tsv,
}

impl Split {
    /// The value called `name` in the list of formats and in `split=`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "line" => Self::Line,
            "blank" => Self::Blank,
            "file" => Self::File,
            "jsonl" => Self::Json,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            _ => return None,
        })
    }

    /// Where its records end. For formats with a delimiter, a scan that knows quotes says so instead.
    fn frame(self) -> Frame {
        match self {
            Self::Line | Self::Json | Self::Csv | Self::Tsv => Frame::Line,
            Self::Blank => Frame::Blank,
            Self::File => Frame::File,
        }
    }

    /// Takes the wanted columns out of each record of a block; `first_line` is the line of its first byte.
    fn read(
        self,
        bytes: &[u8],
        first_line: u64,
        header: Option<&Header>,
        wanted: &Wanted,
        out: &mut Block<'_>,
    ) {
        match self {
            Self::Line | Self::Blank | Self::File => {
                text::split(bytes, first_line, self.frame(), wanted.replace, out);
            }
            Self::Json => jsonl::split(bytes, first_line, wanted, out),
            Self::Csv | Self::Tsv => {
                if let Some(header) = header {
                    csv::split(bytes, first_line, self, header, wanted, out);
                }
            }
        }
    }

    /// What a record is called in messages.
    fn record(self) -> &'static str {
        if self.delimiter().is_some() { "record" } else { self.frame().record() }
    }

    /// What its file is called in messages.
    fn format(self) -> &'static str {
        match self {
            Self::Json => "JSON Lines",
            Self::Csv => "CSV, and is a quote left open",
            Self::Tsv => "TSV, and is a quote left open",
            Self::Line | Self::Blank | Self::File => "text",
        }
    }

    /// The byte between two fields, if records have fields by number.
    fn delimiter(self) -> Option<u8> {
        match self {
            Self::Csv => Some(b','),
            Self::Tsv => Some(b'\t'),
            Self::Line | Self::Blank | Self::File | Self::Json => None,
        }
    }

    fn has_columns(self) -> bool {
        match self {
            Self::Json | Self::Csv | Self::Tsv => true,
            Self::Line | Self::Blank | Self::File => false,
        }
    }
}

/// One file, or something else that can be read once.
pub struct Source {
    /// Its path, or a name for messages.
    pub path: Arc<Path>,
    /// What one text of it is.
    pub split: Split,
    /// Nobody has said what it holds: if it starts as JSON does, it is read as JSON Lines.
    pub sniffed: bool,
    /// Read instead of the file at `path`.
    reader: Option<Mutex<Option<Box<dyn Read + Send>>>>,
}

impl Source {
    /// The file at `path`; `.gz` and `.zst` are unpacked.
    #[must_use]
    pub fn file(path: &Path, split: Split) -> Self {
        Self { path: Arc::from(path), split, sniffed: false, reader: None }
    }

    /// What `reader` gives, unpacked if it is gzip or zstd; read once. `name` stands for it in messages.
    #[must_use]
    pub fn reader(name: &Path, split: Split, reader: Box<dyn Read + Send>) -> Self {
        Self { path: Arc::from(name), split, sniffed: false, reader: Some(Mutex::new(Some(reader))) }
    }
}

/// What is wanted of a record.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The column with the text, where there are columns.
    pub column: String,
    /// Whether somebody has asked for that column: then a file without columns is a fault.
    pub named: bool,
    /// Columns that come along: see [`Texts::kept`].
    pub keep: Keep,
    /// Whether a text that is null is a text of its own ([`Texts::is_null`]); otherwise it is a fault.
    pub nulls: bool,
    /// Whether U+FFFD stands for what is no character: bytes that are not UTF-8, half a surrogate pair in JSON.
    /// Otherwise it is a fault.
    pub replace: bool,
}

/// Columns of a record that come along with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    Nothing,
    /// These, if the record has them.
    Columns(Vec<String>),
    /// All but the text.
    All,
}

impl Keep {
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// Whether the column `name`, which is not that of the text, comes along.
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Columns(names) => names.iter().any(|kept| kept == name),
            Self::All => true,
        }
    }
}

/// What is read, and how.
pub struct Plan {
    /// Read one after the other.
    pub sources: Vec<Source>,
    /// What is wanted of a record.
    pub wanted: Wanted,
    /// Threads that read; 1 is the calling thread.
    pub threads: Threads,
    /// Bytes of texts that may wait to be taken, all threads together. One block per thread comes on top.
    pub ahead: usize,
    /// Bytes of a block, before parsing; a longer record makes a longer block.
    pub block: usize,
    /// Longest record; a longer one is a fault, so that a file without line ends can't fill the memory.
    pub longest: usize,
}

impl Plan {
    /// Bytes of a block that read fastest: it stays in the second-level cache while it is parsed.
    pub const BLOCK: usize = 1 << 19;
    /// Longest record by default: 1 GiB.
    pub const LONGEST: usize = 1 << 30;

    /// Reads `sources` on `threads`, with four blocks per thread waiting at most.
    #[must_use]
    pub fn new(sources: Vec<Source>, column: &str, threads: Threads) -> Self {
        let ahead = crate::parallel::available(threads) * 4 * Self::BLOCK;
        let wanted = Wanted { column: column.to_owned(), ..Wanted::default() };
        Self { sources, wanted, threads, ahead, block: Self::BLOCK, longest: Self::LONGEST }
    }
}
