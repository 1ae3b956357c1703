//! Positions, words and normal forms of one text.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::text::normal::{Form, Normalized};
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use fastpost_core::text::words::WordEdges;
use std::hint::black_box;

fn texts(c: &mut Criterion) {
    let text = common::text(64);
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("offset map", |b| b.iter(|| OffsetMap::new(black_box(&text))));
    group.bench_function("units", |b| b.iter(|| WordEdges::cut(black_box(&text))));
    group.bench_function("words", |b| b.iter(|| WordEdges::new(black_box(&text))));
    group.bench_function("NFC", |b| {
        b.iter(|| Normalized::new(black_box(&text)).and_then(|normal| normal.then(Form::Nfc)));
    });
    let map = OffsetMap::new(&text).expect("a short text");
    let positions: Vec<i64> = (0..4096).map(|at| at * 3).collect();
    group.throughput(Throughput::Elements(4096));
    group.bench_function("characters to UTF-16", |b| {
        b.iter(|| {
            let mut positions = positions.clone();
            map.convert(&text, &mut positions, Unit::Chars, Unit::Utf16, Inside::Refuse).map(|()| positions)
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = texts }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
