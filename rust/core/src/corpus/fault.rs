//! What can be wrong with a file or a record, and where.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// One thing that could not be read, with its place.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {reason}{}", Place(&self.path, self.line), Said(&self.reason.cure()))]
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
    /// A zstd file that asks for more memory than it may have.
    #[error(
        "unpacking the zstd data takes more than 128 MiB of memory; pipe it in, `zstd -dc --long=31 FILE | ...`, or \
        unpack it before"
    )]
    Window,
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
    #[error("not UTF-8: byte 0x{byte:02x} at byte {at} of the {record}")]
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
    /// All but one byte of each character are 0, as in UTF-16 and UTF-32 without a byte-order mark.
    #[error("the text looks like {encoding} ({zeros} is 0); convert it to UTF-8")]
    Wide {
        /// UTF-16 or UTF-32.
        encoding: &'static str,
        /// Which of its bytes are 0.
        zeros: &'static str,
    },
    /// Bytes of an archive, or of a packing that is not read here.
    #[error("it holds {format} data; unpack it before, or pipe in what its own program unpacks")]
    Packed {
        /// bzip2, xz, zip, tar, or what is packed twice.
        format: &'static str,
    },
    /// A document, or data of another program.
    #[error("it holds {what}, not text; {cure}")]
    Binary {
        /// What it is.
        what: &'static str,
        /// What to make of it.
        cure: &'static str,
    },
    /// A file of which nobody has said what it holds: it starts with a brace, and is no JSON.
    #[error("it starts with `{{` as JSON does, but no name in double quotes follows")]
    Brace,
    /// A line that is not one JSON object.
    #[error("not a JSON record: {message} at byte {at} of the line")]
    Json {
        /// What the parser says.
        message: String,
        /// Where in the line, counted from 0.
        at: usize,
    },
    /// A line with a JSON record behind which another one begins.
    #[error(
        "a second record begins at byte {at} of the line; JSON Lines is expected, one record per line{cure}"
    )]
    Several {
        /// Where in the line, counted from 0.
        at: usize,
        /// How a file of it is rewritten.
        cure: &'static str,
    },
    /// A line that ends inside a JSON value.
    #[error(
        "the line ends inside {opened}, as where JSON is printed over several lines; JSON Lines is expected, one \
        record per line: `jq -c {filter} FILE > NEW.jsonl` rewrites it"
    )]
    Pretty {
        /// An object or an array.
        opened: &'static str,
        /// What jq is to print.
        filter: &'static str,
    },
    /// A line that holds another JSON value than an object.
    #[error("the line holds {found}, not a JSON object; JSON Lines is expected, one record per line{cure}")]
    NotObject {
        /// What the line holds.
        found: &'static str,
        /// How a file of it is rewritten.
        cure: &'static str,
    },
    /// Half a surrogate pair in a column that is read.
    #[error(
        "column `{}` holds half a surrogate pair (an escape such as \\ud83d without its other half), which is \
        no character",
        clipped(column)
    )]
    HalfPair {
        /// The column.
        column: String,
    },
    /// A record without the wanted column.
    #[error("no column `{}`; the record has {keys}", clipped(column))]
    NoColumn {
        /// Column wanted.
        column: String,
        /// Columns there are.
        keys: String,
    },
    /// A header without a wanted column.
    #[error("no column `{}`; the header has {keys}{}", clipped(column), hint.map_or("", Hint::words))]
    NotInHeader {
        /// Column wanted.
        column: String,
        /// Columns there are.
        keys: String,
        /// What the header hints at.
        hint: Option<Hint>,
        /// The argument that names it: `column` or `keep`.
        argument: &'static str,
    },
    /// A header or a schema that has a wanted column twice.
    #[error("the column `{}` is there more than once; rename one of them", clipped(column))]
    Twice {
        /// The column.
        column: String,
    },
    /// A record with more or fewer fields than the header has columns.
    #[error(
        "the record has {fields} {} but the header has {columns} {}; a field that holds {between}, a quote or a line end \
        is put in quotes",
        if *fields == 1 { "field" } else { "fields" },
        if *columns == 1 { "column" } else { "columns" }
    )]
    Ragged {
        /// Fields of the record.
        fields: usize,
        /// Columns of the header.
        columns: usize,
        /// What stands between fields.
        between: &'static str,
    },
    /// A quote that is never closed.
    #[error(
        "the record opens a quote that nothing closes, so that the rest of the file would be one field; close it"
    )]
    OpenQuote,
    /// A record of CSV behind a byte-order mark that is not the header again.
    #[error(
        "a byte-order mark stands in front of the record, as where files were joined, and the record is not the header \
        again, so that its columns may be others; pass each of the files by itself, or take the mark out"
    )]
    Joined,
    /// A file that only its own library reads.
    #[error("it holds {format}")]
    Columnar {
        /// parquet or arrow.
        format: &'static str,
    },
    /// A column is asked for where there are none.
    #[error("it is plain text, which has no column `{}`", clipped(column))]
    NoColumns {
        /// The column.
        column: String,
        /// The argument that names it: `column` or `keep`.
        argument: &'static str,
    },
    /// A dictionary of Arrow with an index for which it has no value.
    #[error(
        "column `{}` is a dictionary of {values} values but holds the index {index}; the Arrow data is damaged",
        clipped(column)
    )]
    BadIndex {
        /// The column.
        column: String,
        /// The index.
        index: String,
        /// Values there are.
        values: usize,
    },
    /// A column that is not text.
    #[error("column `{}` holds {found}, not text{cure}", clipped(column))]
    NotText {
        /// Column wanted.
        column: String,
        /// What it holds.
        found: String,
        /// What to do about it.
        cure: &'static str,
    },
}

/// What a header that is one field hints at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It has tabs in it and is read as CSV.
    Tabs,
    /// It has commas in it and is read as TSV.
    Commas,
    /// It has semicolons in it.
    Semicolons,
    /// It is an object of JSON.
    Json,
}

impl Hint {
    fn words(self) -> &'static str {
        match self {
            Self::Tabs => ", which has tabs in it",
            Self::Commas => ", which has commas in it",
            Self::Semicolons => ", which has semicolons in it",
            Self::Json => ", which begins as JSON does",
        }
    }
}

/// A piece of a message that says what to do: doors have names of their own for an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Words as they are.
    Text(&'static str),
    /// An argument of `Corpus`.
    Argument(&'static str),
    /// An argument and the value to pass.
    Value(&'static str, &'static str),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Argument(name) => write!(f, "`{name}`"),
            Self::Value(name, value) => write!(f, "{name}=\"{value}\""),
        }
    }
}

struct Said<'a>(&'a [Word]);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|word| word.fmt(f))
    }
}

impl Reason {
    /// What to do about it, as the end of its message; empty if the message says it, or nothing is known.
    #[must_use]
    pub fn cure(&self) -> Vec<Word> {
        use Word::{Argument, Text, Value};
        let replaced = [Value("on_error", "replace"), Text(" to have U+FFFD there")];
        match self {
            Self::NotUtf8 { .. } => {
                [&[Text("; convert the file to UTF-8, or pass ")], &replaced[..]].concat()
            }
            Self::HalfPair { .. } => [&[Text("; pass ")], &replaced[..]].concat(),
            Self::NoColumn { .. } => vec![Text(". Pass "), Argument("column")],
            Self::NotInHeader { hint: None, argument, .. } => vec![Text(". Pass "), Argument(argument)],
            Self::NotInHeader { hint: Some(hint), argument, .. } => {
                let first = match hint {
                    Hint::Tabs => [Text("; pass "), Value("format", "tsv")],
                    Hint::Commas => [Text("; pass "), Value("format", "csv")],
                    Hint::Semicolons => [Text("; rewrite the file"), Text(" with commas")],
                    Hint::Json => [Text("; pass "), Value("format", "jsonl")],
                };
                let why = match hint {
                    Hint::Json => " if it holds JSON Lines, or pass ",
                    Hint::Tabs | Hint::Commas | Hint::Semicolons => {
                        " if they stand between its fields, or pass "
                    }
                };
                let end = [Text(why), Argument(argument)];
                [&first[..], &end].concat()
            }
            Self::Columnar { format } => {
                let end = [Value("format", format), Text(" if its name does not say so")];
                [&[Text("; pass its path, and ")], &end[..]].concat()
            }
            Self::Brace => vec![Text("; pass "), Value("format", "text"), Text(" if it is plain text")],
            Self::NoColumns { argument, .. } => {
                vec![Text("; leave "), Argument(argument), Text(" out, or pass "), Argument("format")]
            }
            _ => Vec::new(),
        }
    }

    /// The reason of an I/O error while a file packed as `packing` was read.
    pub(crate) fn of(error: &io::Error, packing: Option<&'static str>) -> Self {
        match (error.raw_os_error(), packing) {
            (Some(code), _) => Self::Os { code, message: error.to_string() },
            (None, Some(packing)) => Self::Damaged { packing, message: error.to_string() },
            (None, None) => Self::Read(error.to_string()),
        }
    }
}

impl Fault {
    /// Whether only one record could not be read, while those after it can: such a fault counts as a record.
    #[must_use]
    pub fn is_record(&self) -> bool {
        self.line.is_some()
            && match self.reason {
                Reason::TooLong { .. }
                | Reason::NotUtf8 { .. }
                | Reason::Json { .. }
                | Reason::Several { .. }
                | Reason::Pretty { .. }
                | Reason::NotObject { .. }
                | Reason::HalfPair { .. }
                | Reason::NoColumn { .. }
                | Reason::Ragged { .. }
                | Reason::OpenQuote
                | Reason::Joined
                | Reason::NotText { .. } => true,
                Reason::Os { .. }
                | Reason::Damaged { .. }
                | Reason::Window
                | Reason::Wide { .. }
                | Reason::Packed { .. }
                | Reason::Binary { .. }
                | Reason::Brace
                | Reason::BadIndex { .. }
                | Reason::Read(_)
                | Reason::Shrank { .. }
                | Reason::OtherEncoding(_)
                | Reason::NotInHeader { .. }
                | Reason::Twice { .. }
                | Reason::Columnar { .. }
                | Reason::NoColumns { .. } => false,
            }
    }
}

/// A name as a message has it: 40 characters at most.
#[must_use]
pub fn clipped(name: &str) -> String {
    const MOST: usize = 40;
    let mut letters = name.chars();
    let head: String = letters.by_ref().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if letters.next().is_some() { format!("{head}...") } else { head }
}

/// Names of columns as a message has them: 80 characters at most.
#[must_use]
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 80;
    let (mut list, mut length, mut left) = (Vec::new(), 0, 0);
    for name in names {
        let name = format!("`{}`", clipped(name));
        length += name.chars().count();
        if left > 0 || (length > MOST && !list.is_empty()) {
            left += 1;
        } else {
            list.push(name);
        }
    }
    match (list.len(), left) {
        (0, _) => "none".to_owned(),
        (_, 0) => list.join(", "),
        (_, left) => format!("{} and {left} more", list.join(", ")),
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
