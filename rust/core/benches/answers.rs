//! Start and end logits -> answers.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::answers::{
    Dedupe, Floats, Ints, Mode, Normalize, Options, Text, Widen, Window, best_spans, decode,
};
use std::num::NonZeroUsize;

fn answers(c: &mut Criterion) {
    let number = |number: usize| NonZeroUsize::new(number).expect("more than none");
    let mut group = c.benchmark_group("answers");
    for tokens in [384, 512, 8192] {
        let logits = common::logits(2 * tokens);
        let (start, end) = logits.split_at(tokens);
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(format!("12 best of {tokens}"), |b| {
            b.iter(|| best_spans(start, end, number(15), 12));
        });
        let (offsets, sequences) = (common::offsets(tokens), vec![1_i64; tokens]);
        let text = "word ".repeat(tokens);
        let texts = [Text { utf8: &text, chars: text.len() }];
        let window = Window {
            start: Floats::F32(start),
            end: Floats::F32(end),
            offsets: Ints::I64(&offsets),
            sequence_ids: Ints::I64(&sequences),
            word_ids: None,
            input_ids: None,
            attention_mask: None,
            text: 0,
        };
        let own = Mode::Right { normalize: Normalize::Global, dedupe: Dedupe::Span, null_threshold: None };
        for (name, mode) in [("own", own), ("transformers", Mode::Transformers)] {
            let options = Options {
                top_k: number(1),
                max_answer_len: number(15),
                null_allowed: false,
                widen: Widen::No,
                context_sequence: 1,
                mode,
            };
            let run = || {
                decode(&[window], &texts, None, None, &options, NonZeroUsize::new(1)).expect("right arrays")
            };
            assert_eq!(run().rows.len(), 1);
            group.bench_function(format!("{name}, {tokens}"), |b| b.iter(run));
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = answers }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
