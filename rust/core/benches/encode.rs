//! Texts -> ids, offsets, words, windows.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastpost_core::encode::{Encoder, Numbering, Side, Strategy, Texts, Truncation};
use serde_json::{Map, Value, json};
use std::num::NonZeroUsize;

/// A WordPiece tokenizer whose vocabulary has the single letters and some of the words.
fn tokenizer() -> Encoder {
    let letters = ('!'..='~').flat_map(|c| [c.to_string(), format!("##{c}")]);
    let words = [
        "[UNK]", "[CLS]", "[SEP]", "anna", "brother", "moved", "from", "write", "to", "nothing", "else",
        "was",
    ];
    let tokens = words.into_iter().map(str::to_owned).chain(letters);
    let vocab: Map<String, Value> = tokens.zip((0..).map(Value::from)).collect();
    let json = json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab}});
    Encoder::from_json(json.to_string().as_bytes(), Numbering::Counted).expect("a tokenizer that is known")
}

fn encode(c: &mut Criterion) {
    let text = common::text(2);
    let texts = Texts { strings: vec![&text; 32], ends: None };
    let encoder = tokenizer();
    let truncation =
        Truncation { max_length: 512, stride: 64, strategy: Strategy::LongestFirst, side: Side::Right };
    let one = NonZeroUsize::new(1);
    let run = || encoder.encode(&texts, None, true, Some(truncation), one).expect("texts that are right");
    let tokens = run().columns.ids.len();
    assert!(tokens > 32 * 300, "{tokens} tokens");
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(tokens as u64));
    group.bench_function("WordPiece, warm", |b| b.iter(run));
    group.bench_function("WordPiece, cold", |b| {
        b.iter(|| {
            encoder.forget();
            run()
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = encode }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
