//! Files -> batches of texts.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::corpus::{Blocks, Next, Plan, Source, Split};
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

fn texts(bytes: &[u8], split: Split) -> usize {
    let source = Source::reader(Path::new("bench"), split, Box::new(Cursor::new(bytes.to_vec())));
    let mut blocks = Blocks::new(Plan::new(vec![source], "text", NonZeroUsize::new(1)));
    let mut count = 0;
    loop {
        match blocks.next(Duration::from_millis(20)) {
            Next::Texts(found) => count += found.len(),
            Next::Wait => {}
            Next::End => return count,
        }
    }
}

fn corpus(c: &mut Criterion) {
    let lines = common::text(4096);
    let count = lines.lines().count();
    let record = |line: &str| format!("{}\n", serde_json::json!({"id": 7, "text": line}));
    let json: String = lines.lines().map(record).collect();
    let field = |line: &str| format!("7,\"{line}\"\n");
    let csv: String = std::iter::once("id,text\n".to_owned()).chain(lines.lines().map(field)).collect();
    let mut group = c.benchmark_group("corpus");
    for (name, bytes, split) in
        [("text", lines, Split::Line), ("jsonl", json, Split::Json), ("csv", csv, Split::Csv)]
    {
        assert_eq!(texts(bytes.as_bytes(), split), count, "{name}");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| b.iter(|| texts(bytes.as_bytes(), split)));
    }
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = corpus }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
