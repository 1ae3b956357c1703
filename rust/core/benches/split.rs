//! Texts -> words, by the pre-tokenizers of tokenizers.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::tokenizer::split::Splitter;
use serde_json::json;

fn split(c: &mut Criterion) {
    let text = common::text(256);
    let gpt2 =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let bert = json!({"type": "BertPreTokenizer"});
    let space = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true});
    let mut group = c.benchmark_group("tokenizer/split");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, rules) in [("GPT-2", gpt2), ("BERT", bert), ("Metaspace", space)] {
        let splitter = Splitter::from_json(&json!(null), &rules).expect("known rules");
        let count = |text: &str| {
            let mut words = 0_usize;
            splitter.split(text, &mut |_| words += 1);
            words
        };
        assert!(count(&text) > text.len() / 20, "{name} finds few words");
        group.bench_function(name, |b| b.iter(|| count(&text)));
    }
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = split }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
