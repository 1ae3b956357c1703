//! Encoders read from a tokenizer.json, right or nearly right, and what they make of texts.

use crate::Bytes;
use fastpost_core::encode::{Encoded, Encoder, Side, Strategy, Texts, Truncation};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::sync::LazyLock;

static TOKENIZERS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/data/small_tokenizers.json")).expect("JSON");
    let mut all: Vec<Value> = all.as_object().expect("a tokenizer by name").values().cloned().collect();
    all.push(byte_level());
    all
});

/// A byte-level tokenizer with a few merges.
fn byte_level() -> Value {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let letters = (0..=255).filter(|&byte| plain(byte)).map(char::from);
    let others = (0x100..0x100 + 68).filter_map(char::from_u32);
    let mut tokens: Vec<String> = letters.chain(others).map(String::from).collect();
    let merges = [["a", "b"], ["Ġ", "a"], ["ab", "c"], ["Ã", "©"], ["1", "2"], ["Ġa", "b"]];
    tokens.extend(merges.iter().map(|pair| pair.concat()));
    let vocab: serde_json::Map<String, Value> = tokens.into_iter().zip((0..).map(Value::from)).collect();
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let added = json!({"id": 999, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true});
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [added], "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": merges}})
}

fn shown(encoded: &Encoded) -> String {
    let Encoded { columns, sent_back } = encoded;
    let kinds = (columns.types(), columns.special(), columns.sequences());
    format!(
        "{:?} {kinds:?} {sent_back:?}",
        (&columns.ids, &columns.offsets, &columns.words, &columns.lengths, &columns.texts)
    )
}

/// What was encoded before does not show, nor do threads, nor the other texts; offsets are spans of their texts.
pub fn encode(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut json = TOKENIZERS[bytes.below(TOKENIZERS.len())].clone();
    if bytes.flag() {
        bytes.mutate(&mut json);
    }
    let Ok(encoder) = Encoder::from_json(json.to_string().as_bytes()) else { return };
    let special = bytes.flag();
    let max_length = 1 + bytes.below(24);
    let truncation = bytes.flag().then(|| Truncation {
        max_length,
        stride: bytes.below(max_length),
        strategy: bytes.pick(&[Strategy::LongestFirst, Strategy::OnlyFirst, Strategy::OnlySecond]),
        side: bytes.pick(&[Side::Right, Side::Left]),
    });
    let pairs = bytes.byte() < 60;
    let texts: Vec<String> = (0..1 + bytes.below(4)).map(|_| bytes.text(24)).collect();
    let strings: Vec<&str> = texts.iter().map(String::as_str).collect();
    let run_cut = |strings: &[&str], truncation: Option<Truncation>, threads: usize| {
        let texts = Texts { strings: strings.to_vec(), ends: None };
        let second = Texts { strings: strings.iter().rev().copied().collect(), ends: None };
        let second = pairs.then_some(&second);
        encoder.encode(&texts, second, special, truncation, NonZeroUsize::new(threads))
    };
    let run = |strings: &[&str], threads: usize| run_cut(strings, truncation, threads);
    let cold = run(&strings, 1).map(|encoded| shown(&encoded));
    let warm = run(&strings, 1);
    assert_eq!(cold, warm.as_ref().map(shown).map_err(Clone::clone));
    encoder.forget();
    let Ok(encoded) = warm else { return };
    let columns = &encoded.columns;
    let tokens: i64 = columns.lengths.iter().sum();
    assert_eq!([columns.ids.len(), columns.offsets.len(), columns.words.len()], [tokens as usize; 3]);
    let (marks, sequences) = (columns.special(), columns.sequences());
    let mut at = 0;
    for (&length, &text) in columns.lengths.iter().zip(&columns.texts) {
        for token in at..at + length as usize {
            let own = if sequences[token] == 1 { texts.len() - 1 - text as usize } else { text as usize };
            let [start, end] = columns.offsets[token];
            let chars = texts[own].chars().count() as i32;
            assert!(
                marks[token] == 1 || (0 <= start && start <= end && end <= chars),
                "{start}..{end} of {chars}"
            );
        }
        at += length as usize;
    }
    if !pairs {
        // Each text by itself, one after the other.
        let mut ids = Vec::new();
        for text in &strings {
            ids.extend(run(&[text], 1).expect("it is right in the batch").columns.ids);
        }
        assert_eq!(ids, columns.ids);
    }
    // Enough text that a second thread is started, now and then; uncut, for windows of one token that share all others would
    // take gigabytes.
    if bytes.byte() > 250 {
        let longer = texts.concat().repeat(1 + 24_000 / (1 + texts.concat().len()));
        let many: Vec<&str> = std::iter::repeat_n(longer.as_str(), 3).collect();
        let show = |threads| run_cut(&many, None, threads).map(|encoded| shown(&encoded));
        assert_eq!(show(1), show(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the target would return at once.
    #[test]
    fn the_tokenizers_are_of_two_kinds() {
        let read = |json: &Value| Encoder::from_json(json.to_string().as_bytes());
        let (read, refused): (Vec<_>, Vec<_>) = TOKENIZERS.iter().map(read).partition(Result::is_ok);
        let mut kinds: Vec<&str> = read.iter().flatten().map(Encoder::kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, ["WordPiece", "byte-level BPE"], "{refused:?}");
    }
}
