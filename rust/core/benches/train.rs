//! Texts -> counts of words -> merges.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::tokenizer::split::{Alphabet, Splitter};
use fastpost_core::train::merges::train;
use fastpost_core::train::{TrainOptions, WordCounts};
use serde_json::json;

fn training(c: &mut Criterion) {
    let text = common::text(1024);
    let gpt2 =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let splitter = Splitter::from_json(&json!(null), &gpt2).expect("known rules");
    let mut group = c.benchmark_group("train");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("counts", |b| {
        b.iter(|| {
            let mut counts = WordCounts::default();
            counts.add_text(&splitter, &text).map(|()| counts.len())
        });
    });
    let mut counts = WordCounts::default();
    for number in 0..20_000_u32 {
        let word = format!("{:x}", number.wrapping_mul(2_654_435_761));
        counts.add(word.as_bytes(), u64::from(1 + number % 97)).expect("small counts");
    }
    let options = TrainOptions { vocab_size: 4_000, ..TrainOptions::default() };
    let run = || train(&counts, Alphabet::Bytes, &options, &mut |_| true).expect("small counts");
    assert_eq!(run().vocab.len(), 4_000);
    group.throughput(Throughput::Elements(4_000));
    group.bench_function("merges", |b| b.iter(run));
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = training }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
