//! What a file holds that is not text, by its first bytes: the one list of the marks that are known.

use super::fault::Reason;

/// What a file is that starts with a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packed in a way that is not read here, or packed once more.
    Packed,
    /// Columns, read by their own library.
    Columnar,
    /// A document, or data of another program, and what to make of it.
    Other(&'static str),
}

const TABLE: Kind = Kind::Other("write its texts as JSON Lines or Parquet before");
const DOCUMENT: Kind = Kind::Other("take its text out of it before");

/// Kinds, what they are called, and what their files start with. A mark of plain letters has a byte behind it
/// that texts do not have there.
const MARKS: [(Kind, &str, &[u8]); 28] = [
    (Kind::Packed, "gzip", &[0x1f, 0x8b, 0x08]),
    (Kind::Packed, "zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    (Kind::Packed, "bzip2", b"BZh"),
    (Kind::Packed, "xz", &[0xfd, b'7', b'z', b'X', b'Z', 0]),
    (Kind::Packed, "lzma", &[0x5d, 0, 0]),
    (Kind::Packed, "lz4", &[0x04, 0x22, 0x4d, 0x18]),
    (Kind::Packed, "snappy", b"\xff\x06\0\0sNaPpY"),
    (Kind::Packed, "compress", &[0x1f, 0x9d]),
    (Kind::Packed, "zip", b"PK\x03\x04"),
    (Kind::Packed, "zip", b"PK\x05\x06"),
    (Kind::Packed, "7z", &[b'7', b'z', 0xbc, 0xaf]),
    (Kind::Packed, "rar", b"Rar!\x1a\x07"),
    (Kind::Columnar, "parquet", b"PAR1"),
    (Kind::Columnar, "arrow", b"ARROW1\0\0"),
    // A stream of Arrow starts with the length of its schema behind four bytes that no text has.
    (Kind::Columnar, "arrow", &[0xff; 4]),
    (TABLE, "data of Feather, version 1", b"FEA1\0"),
    (TABLE, "data of ORC", b"ORC"),
    (TABLE, "data of Avro", b"Obj\x01"),
    (TABLE, "a database of SQLite", b"SQLite format 3\0"),
    (TABLE, "data of HDF5", b"\x89HDF\r\n\x1a\n"),
    (TABLE, "an array of NumPy", b"\x93NUMPY"),
    (TABLE, "a pickle of Python", b"\x80\x04\x95"),
    (TABLE, "a pickle of Python", b"\x80\x05\x95"),
    (DOCUMENT, "a PDF document", b"%PDF-"),
    (DOCUMENT, "an RTF document", b"{\\rtf"),
    (DOCUMENT, "a document of an old Office program", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
    (DOCUMENT, "a PNG image", b"\x89PNG\r\n\x1a\n"),
    (DOCUMENT, "a JPEG image", &[0xff, 0xd8, 0xff]),
];

/// How many characters are looked at to tell UTF-16 and UTF-32.
const LOOK: usize = 8;

/// Why a file that starts with `head`, of which a byte-order mark of UTF-8 was taken off, is not text; `None` if it may be.
#[must_use]
pub fn no_text(head: &[u8]) -> Option<Reason> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(Reason::OtherEncoding("UTF-32")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(Reason::OtherEncoding("UTF-16")),
        _ => {}
    }
    if let Some(&(kind, format, _)) = MARKS.iter().find(|(_, format, mark)| starts(head, format, mark)) {
        return Some(match kind {
            Kind::Packed => Reason::Packed { format },
            Kind::Columnar => Reason::Columnar { format },
            Kind::Other(cure) => Reason::Binary { what: format, cure },
        });
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(Reason::Packed { format: "tar" });
    }
    // Characters of `width` bytes of which all but number `place` are 0.
    let wide = |width: usize, place: usize| {
        let mut looked = head.chunks_exact(width).take(LOOK);
        head.len() >= width * LOOK
            && looked.all(|c| c.iter().enumerate().all(|(at, &byte)| (byte == 0) == (at != place)))
    };
    let widths = [("UTF-16", 2, "every second byte"), ("UTF-32", 4, "all but every fourth byte")];
    let (encoding, _, zeros) =
        widths.into_iter().find(|&(_, width, _)| wide(width, 0) || wide(width, width - 1))?;
    Some(Reason::Wide { encoding, zeros })
}

/// Whether `head` starts with a mark, and does not do so as a text might.
fn starts(head: &[u8], format: &str, mark: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(mark) else { return false };
    let unprinted = |byte: &u8| !matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    match format {
        // The first block of bzip2 starts with the digits of pi, the end of an empty one with those of its root.
        "bzip2" => rest.get(1..7).is_some_and(|block| block == b"1AY&SY" || block == b"\x17rE8P\x90"),
        "parquet" => rest.first().is_none_or(unprinted),
        // Its first message often is number 1, whose mark is that of a line end.
        "data of ORC" => rest.iter().take(2).any(unprinted),
        "a PDF document" => matches!(rest, [b'0'..=b'9', b'.', b'0'..=b'9', ..]),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_text_are_told_by_how_they_start() {
        for (head, want) in [
            (&b"BZh91AY&SY\x12"[..], "bzip2"),
            (b"BZh9\x17rE8P\x90\0", "bzip2"),
            (b"\x04\x22\x4d\x18\x64\x40", "lz4"),
            (b"PK\x05\x06\0\0", "zip"),
            (b"PAR1\x15\x04", "parquet"),
            (b"ARROW1\0\0\xff\xff\xff\xff", "arrow"),
            (b"\xff\xff\xff\xff\x70\0\0\0", "arrow"),
            (b"%PDF-1.7\n", "PDF"),
            (b"{\\rtf1\\ansi", "RTF"),
            (b"ORC\x11\0", "ORC"),
            (b"ORC\n\x06\x12", "ORC"),
            (b"\xff\xfeh\0", "UTF-16"),
            (b"h\0i\0h\0i\0h\0i\0h\0i\0", "UTF-16"),
            (b"\0\0\0h\0\0\0i\0\0\0h\0\0\0i\0\0\0h\0\0\0i\0\0\0h\0\0\0i", "UTF-32"),
        ] {
            let reason = no_text(head).map(|reason| reason.to_string()).unwrap_or_default();
            assert!(reason.contains(want), "{head:?} {reason:?}");
        }
        for text in [
            "",
            "BZh, he said",
            "PAR1 is",
            "ARROW1",
            "ORC, or",
            "%PDF-",
            "{name}",
            "PK",
            "FEA1",
            "Rar!",
            "a\0b",
        ] {
            assert!(no_text(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
