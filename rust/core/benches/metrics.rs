//! Gold and found entities -> counts.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::metrics::{Span, SpanPairs, TagPairs};

fn metrics(c: &mut Criterion) {
    const SPANS: usize = 20_000;
    let names: Vec<String> = (0..8).map(|kind| format!("K{kind}")).collect();
    let span = |at: usize, off: i64| Span {
        text: (at / 10) as u32,
        start: (at % 10) as i64 * 20,
        end: (at % 10) as i64 * 20 + 5 + off,
        label: (at % 8) as u32,
    };
    let truth: Vec<Span> = (0..SPANS).map(|at| span(at, 0)).collect();
    let guess: Vec<Span> = (0..SPANS).map(|at| span(at, i64::from(at % 5 == 0))).collect();
    let mut group = c.benchmark_group("metrics");
    group.throughput(Throughput::Elements(SPANS as u64));
    let run = || SpanPairs::new(&names, truth.clone(), guess.clone()).counts();
    group.bench_function("spans", |b| b.iter(run));
    let labels: Vec<String> = ["O", "B-x", "I-x", "B-y", "I-y"].map(str::to_owned).to_vec();
    let ids: Vec<i64> = (0..SPANS as i64).map(|at| at * at % 5).collect();
    let other: Vec<i64> = (0..SPANS as i64).map(|at| at * (at + 1) % 5).collect();
    let rows = |ids: &'_ [i64]| -> Vec<Vec<i64>> { ids.chunks(25).map(<[i64]>::to_vec).collect() };
    let (truth, guess) = (rows(&ids), rows(&other));
    let view = |rows: &'_ [Vec<i64>]| rows.len();
    assert_eq!(view(&truth), view(&guess));
    let truth: Vec<&[i64]> = truth.iter().map(Vec::as_slice).collect();
    let guess: Vec<&[i64]> = guess.iter().map(Vec::as_slice).collect();
    assert!(TagPairs::from_ids(&labels, &truth, &guess, -100).is_ok());
    group.bench_function("tags", |b| b.iter(|| TagPairs::from_ids(&labels, &truth, &guess, -100)));
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = metrics }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
