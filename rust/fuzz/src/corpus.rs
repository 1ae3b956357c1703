//! Files of every kind cause no panic and no hang; blocks, threads and compression do not change the texts.

use crate::Bytes;
use fastpost_core::corpus::{Blocks, Next, Plan, Source, Split};
use std::io::{Cursor, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

/// Texts and faults.
type Read2 = (Vec<String>, Vec<String>);

fn read(bytes: &[u8], split: Split, threads: usize, block: usize, replace: bool) -> Read2 {
    let source = Source::reader(Path::new("f"), split, Box::new(Cursor::new(bytes.to_vec())));
    let mut plan = Plan::new(vec![source], "t", NonZeroUsize::new(threads));
    plan.block = block;
    plan.ahead = 2 * block;
    plan.wanted.replace = replace;
    let mut blocks = Blocks::new(plan);
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    loop {
        match blocks.next(Duration::from_millis(20)) {
            Next::Texts(found) => {
                texts.extend(found.iter().map(str::to_owned));
                faults.extend(found.faults().iter().map(|(_, fault)| fault.to_string()));
            }
            Next::Wait => {}
            Next::End => return (texts, faults),
        }
    }
}

/// Whether the bytes are changed before they are read as lines: they are compressed, or begin with a byte-order mark.
fn changed(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 5] =
        [&[0x1F, 0x8B], &[0x28, 0xB5, 0x2F, 0xFD], &[0xEF, 0xBB, 0xBF], &[0xFF, 0xFE], &[0xFE, 0xFF]];
    // zstd also knows frames to skip.
    MARKS.iter().any(|mark| bytes.starts_with(mark)) || bytes.get(1..4) == Some(&[0x2A, 0x4D, 0x18])
}

fn same_however_read(bytes: &[u8], split: Split, replace: bool) -> Read2 {
    let whole = read(bytes, split, 1, 1 << 16, replace);
    assert_eq!(read(bytes, split, 1, 7, replace), whole, "blocks of 7 bytes");
    assert_eq!(read(bytes, split, 2, 64, replace), whole, "two threads");
    whole
}

/// Lines, paragraphs and whole files of text.
pub fn text(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let split = bytes.pick(&[Split::Line, Split::Blank, Split::File]);
    let replace = bytes.flag();
    let bytes = bytes.rest();
    let (texts, faults) = same_however_read(bytes, split, replace);
    if split == Split::Line && !changed(bytes) && std::str::from_utf8(bytes).is_ok() {
        let plain = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = plain.lines().filter(|line| !line.trim().is_empty()).collect();
        // The corpus decides which blank lines are texts; a line with a letter always is one.
        let full: Vec<&str> =
            texts.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
        if !plain.contains('\r') && faults.is_empty() {
            assert_eq!(full, lines);
        }
    }
}

/// JSON Lines: records that serde_json reads give the same texts.
pub fn jsonl(bytes: &[u8]) {
    let whole = same_however_read(bytes, Split::Json, false);
    if !changed(bytes) {
        let plain = bytes.split(|&byte| byte == b'\n').filter_map(column);
        let mut texts = whole.0.iter();
        for text in plain {
            assert!(texts.any(|found| *found == text), "{text:?} is missing");
        }
    }
}

/// The text of one record, if serde_json and the rules of records accept it.
fn column(line: &[u8]) -> Option<String> {
    let record: serde_json::Value = serde_json::from_slice(line).ok()?;
    record.as_object()?.get("t")?.as_str().map(str::to_owned)
}

/// CSV and TSV: fields that are written with quotes come back unchanged.
pub fn csv(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let (split, comma) = bytes.pick(&[(Split::Csv, ','), (Split::Tsv, '\t')]);
    if bytes.flag() {
        let texts: Vec<String> =
            (0..bytes.below(8)).map(|_| format!("x{}", bytes.text(6).replace('\0', ""))).collect();
        let mut file = format!("id{comma}t\n");
        for (number, text) in texts.iter().enumerate() {
            file.push_str(&format!("{number}{comma}\"{}\"\n", text.replace('"', "\"\"")));
        }
        let (found, faults) = same_however_read(file.as_bytes(), split, false);
        assert_eq!((found, faults), (texts, vec![]));
    } else {
        let mut file = format!("t{comma}u\n").into_bytes();
        file.extend_from_slice(bytes.rest());
        same_however_read(&file, split, false);
    }
}

/// Gzip and zstd: a compressed file gives the same texts; a cut or changed one is refused, and the texts before that are right.
pub fn packed(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let zstd = bytes.flag();
    let (how, at, flip) = (bytes.below(3), bytes.byte() as usize * 256 + bytes.byte() as usize, bytes.byte());
    let plain = bytes.rest();
    if changed(plain) {
        return;
    }
    let whole = read(plain, Split::Line, 1, 1 << 16, true);
    let mut file = if zstd {
        zstd::bulk::compress(plain, 1).expect("memory takes it")
    } else {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(plain).and_then(|()| out.finish()).expect("memory takes it")
    };
    match how {
        0 => assert_eq!(read(&file, Split::Line, 2, 64, true), whole),
        1 => {
            file.truncate(at % file.len());
            let (texts, faults) = read(&file, Split::Line, 1, 64, true);
            // If it is cut so short that its magic number is incomplete, it is read as text.
            if file.len() >= 4 {
                assert!(!faults.is_empty() || texts == whole.0, "a file that is cut short says nothing");
            }
        }
        _ => {
            let at = at % file.len();
            file[at] ^= flip;
            read(&file, Split::Line, 1, 64, true);
        }
    }
    // The twin decompresses the data first.
    if how == 0 && zstd {
        assert_eq!(zstd::bulk::decompress(&file, plain.len()).expect("it was just packed"), plain);
    } else if how == 0 {
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut back).expect("it was just packed");
        assert_eq!(back, plain);
    }
}
