//! Spans -> labels -> spans; the tokens of two tokenizers.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::align::tokens::align_tokens;
use fastpost_core::align::{Policy, Repair, Span, Subwords, Window, label_text, spans_of_text};
use fastpost_core::labels::Tagging;

fn align(c: &mut Criterion) {
    const TOKENS: usize = 4096;
    let tagging = Tagging::new(&["O", "B-x", "I-x", "E-x", "S-x"], None).expect("a known scheme");
    let kind = tagging.kinds.iter().position(|kind| kind == "x").expect("it is named") as u32;
    let (offsets, special) = (common::offsets(TOKENS), vec![0; TOKENS]);
    let windows = [Window { offsets: &offsets, special: &special, word_ids: None }];
    let spans: Vec<Span> =
        (0..TOKENS as i64 / 8).map(|span| Span { start: 40 * span, end: 40 * span + 9, kind }).collect();
    let mut labels = vec![0; TOKENS];
    let mut write = || {
        let rows = &mut [&mut labels[..]];
        label_text(0, &windows, &spans, None, &tagging, Policy::Strict, Subwords::All, rows)
    };
    assert_eq!(write(), Ok(vec![]));
    let mut group = c.benchmark_group("align");
    group.throughput(Throughput::Elements(TOKENS as u64));
    group.bench_function("spans to labels", |b| b.iter(&mut write));
    let read = || spans_of_text(0, &windows, &[&labels], &tagging, Repair::Conlleval, Subwords::All);
    assert_eq!(read().as_ref(), Ok(&spans));
    group.bench_function("labels to spans", |b| b.iter(read));
    let text = common::text(4);
    let a: Vec<&str> = text.split_whitespace().collect();
    let b: Vec<&str> = text.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
    group.throughput(Throughput::Elements(a.len() as u64));
    group.bench_function("tokens", |bench| bench.iter(|| align_tokens(&a, &b)));
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = align }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
