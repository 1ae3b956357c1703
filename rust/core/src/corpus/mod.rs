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
mod cutter;
mod each;
mod fault;
mod jsonl;
mod open;
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
pub use fault::{Fault, Reason};
pub use texts::Texts;

use crate::parallel::Threads;

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
}

impl Split {
    fn record(self) -> &'static str {
        match self {
            Self::Line | Self::Json => "line",
            Self::Blank => "paragraph",
            Self::File => "file",
        }
    }

    fn format(self) -> &'static str {
        if self == Self::Json { "JSON Lines" } else { "text" }
    }
}

/// One file, or something else that can be read once.
pub struct Source {
    /// Its path, or a name for messages.
    pub path: Arc<Path>,
    /// What one text of it is.
    pub split: Split,
    /// Read instead of the file at `path`.
    reader: Option<Mutex<Option<Box<dyn Read + Send>>>>,
}

impl Source {
    /// The file at `path`; `.gz` and `.zst` are unpacked.
    #[must_use]
    pub fn file(path: &Path, split: Split) -> Self {
        Self { path: Arc::from(path), split, reader: None }
    }

    /// What `reader` gives, unpacked if it is gzip or zstd; read once. `name` stands for it in messages.
    #[must_use]
    pub fn reader(name: &Path, split: Split, reader: Box<dyn Read + Send>) -> Self {
        Self { path: Arc::from(name), split, reader: Some(Mutex::new(Some(reader))) }
    }
}

/// What is read, and how.
pub struct Plan {
    /// Read one after the other.
    pub sources: Vec<Source>,
    /// Column of JSON Lines records.
    pub column: String,
    /// A second column of JSON Lines records, whose value stands before the text: as it is in the file, then a line
    /// end, which no value has in it. `null` where a record has none.
    pub keep: Option<String>,
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
        let column = column.to_owned();
        Self { sources, column, keep: None, threads, ahead, block: Self::BLOCK, longest: Self::LONGEST }
    }
}
