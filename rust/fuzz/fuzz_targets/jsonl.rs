//! JSON Lines: neither panics nor hangs; blocks and threads do not show; what serde_json reads is read alike.

#![no_main]

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use fastpost_core::corpus::{Blocks, Next, Plan, Source, Split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, 1, 1 << 16);
    assert_eq!(read(bytes, 1, 7), whole);
    assert_eq!(read(bytes, 2, 64), whole);
    // Packed data and a byte-order mark change the bytes before they are lines.
    let packed = bytes.starts_with(&[0x1F, 0x8B]) || bytes.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]);
    if !packed && !bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        let plain = bytes.split(|&byte| byte == b'\n').filter_map(column);
        let mut texts = whole.0.iter();
        for text in plain {
            assert!(texts.any(|found| *found == text), "{text:?} is missing");
        }
    }
});

/// The text of one record, if serde_json and its own rules let it be one.
fn column(line: &[u8]) -> Option<String> {
    let record: serde_json::Value = serde_json::from_slice(line).ok()?;
    record.as_object()?.get("t")?.as_str().map(str::to_owned)
}

fn read(bytes: &[u8], threads: usize, block: usize) -> (Vec<String>, Vec<String>) {
    let source = Source::reader(Path::new("f"), Split::Json, Box::new(Cursor::new(bytes.to_vec())));
    let mut plan = Plan::new(vec![source], "t", NonZeroUsize::new(threads));
    plan.block = block;
    plan.ahead = 2 * block;
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
