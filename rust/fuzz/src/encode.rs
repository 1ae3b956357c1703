//! Encoders read from a valid or slightly changed tokenizer.json, and the encodings of texts.

use crate::Bytes;
use fastpost_core::encode::{Encoded, Encoder, Numbering, Side, Strategy, Texts, Truncation};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

static TOKENIZERS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/data/small_tokenizers.json")).expect("JSON");
    let small = all.as_object().expect("a tokenizer by name");
    let mut all: Vec<Value> = small.values().cloned().collect();
    all.push(byte_level());
    all.extend(unigrams(&small["unigram"]));
    all.extend(characters());
    all
});

/// Tokenizers like those of XLM-R, with and without a charsmap, T5, DeBERTa-v3 and GLiNER, around the model of `unigram`.
fn unigrams(unigram: &Value) -> Vec<Value> {
    let rows = [
        ("\t", " "),
        ("\n", " "),
        ("\r", " "),
        ("\u{200b}", ""),
        ("ﬁ", "fi"),
        ("e\u{301}", "é"),
        ("İ", "  "),
    ];
    let charsmap = json!({"type": "Precompiled", "precompiled_charsmap": charsmap(&rows)});
    let strip = |left| json!({"type": "Strip", "strip_left": left, "strip_right": true});
    let blanks = |content| json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content});
    let metaspace =
        |scheme| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
    let words =
        json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace("always")]});
    let even = json!({"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "});
    let all = [
        (vec![even, json!({"type": "NFC"}), strip(false)], metaspace("always")),
        (vec![], words.clone()),
        (vec![charsmap.clone()], words),
        (vec![charsmap.clone(), strip(false), blanks("▁")], metaspace("always")),
        (vec![strip(true), charsmap.clone(), blanks(" ")], metaspace("always")),
        (vec![charsmap], metaspace("first")),
        (vec![], metaspace("first")),
    ];
    all.into_iter()
        .map(|(steps, pre_tokenizer)| {
            let mut made = unigram.clone();
            made["normalizer"] = if steps.is_empty() {
                Value::Null
            } else {
                json!({"type": "Sequence", "normalizers": steps})
            };
            made["pre_tokenizer"] = pre_tokenizer;
            made
        })
        .collect()
}

/// Strings and their replacements in SentencePiece's format: a double array with 256 places for each node, in base64.
fn charsmap(rows: &[(&str, &str)]) -> String {
    let keys = rows.iter().map(|(old, _)| old.as_bytes());
    let nodes: BTreeSet<&[u8]> = keys.flat_map(|key| (0..=key.len()).map(|end| &key[..end])).collect();
    let base = |node: &[u8]| 256 * (1 + nodes.range(..node).count());
    let mut units = vec![0_u32; 256 * (1 + nodes.len())];
    let mut replacements = Vec::new();
    for &node in &nodes {
        let at = node.split_last().map_or(0, |(&last, parent)| base(parent) ^ usize::from(last));
        units[at] = ((at ^ base(node)) as u32) << 10 | u32::from(*node.last().unwrap_or(&0));
        if let Some((_, new)) = rows.iter().find(|(old, _)| old.as_bytes() == node) {
            units[at] |= 1 << 8;
            units[base(node)] = replacements.len() as u32 | 1 << 31;
            replacements.extend(new.bytes().chain([0]));
        }
    }
    let array: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let blob = [(array.len() as u32).to_le_bytes().to_vec(), array, replacements].concat();
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut out = String::new();
    for three in blob.chunks(3) {
        let bits = three.iter().chain([&0; 2]).take(3).fold(0, |bits, &byte| bits << 8 | usize::from(byte));
        let made = (0..4).map(|at| if at > three.len() { '=' } else { letters[bits >> (18 - 6 * at) & 63] });
        out.extend(made);
    }
    out
}

/// Tokenizers like those of Llama 2 and Gemma, and one without byte fallback.
fn characters() -> Vec<Value> {
    let merges = [["▁", "▁"], ["a", "b"], ["▁", "a"], ["▁a", "b"], ["▁▁", "▁▁"], ["1", "2"]];
    let mut tokens = vec!["[UNK]".to_owned(), "[CLS]".to_owned(), "[SEP]".to_owned()];
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend("▁abcxyorgB12-.'sé@".chars().map(String::from));
    tokens.extend(merges.iter().map(|pair| pair.concat()));
    let vocab: serde_json::Map<String, Value> = tokens.into_iter().zip((0..).map(Value::from)).collect();
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let prepend =
        json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace.clone()]});
    let split = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
    let metaspace =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false});
    let all = [(prepend, Value::Null, true), (replace, split, true), (Value::Null, metaspace, false)];
    all.into_iter()
        .map(|(normalizer, pre_tokenizer, fallback)| {
            json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
                "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": null,
                "model": {"type": "BPE", "dropout": null, "unk_token": "[UNK]", "continuing_subword_prefix": null,
                    "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": fallback, "ignore_merges": false,
                    "vocab": vocab, "merges": merges}})
        })
        .collect()
}

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

/// Texts that were encoded before, threads and other texts do not change an encoding; offsets are spans of their texts.
pub fn encode(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut json = TOKENIZERS[bytes.below(TOKENIZERS.len())].clone();
    if bytes.flag() {
        bytes.mutate(&mut json);
    }
    let Ok(encoder) = Encoder::from_json(json.to_string().as_bytes(), Numbering::Counted) else { return };
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
        // Encode each text by itself, one after the other.
        let mut ids = Vec::new();
        for text in &strings {
            ids.extend(run(&[text], 1).expect("it is right in the batch").columns.ids);
        }
        assert_eq!(ids, columns.ids);
    }
    // Sometimes enough text for a second thread to be started. The text is not cut: windows that share all but one token
    // would take gigabytes.
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
    use std::collections::BTreeMap;

    /// Without such tokenizers the target would return at once.
    #[test]
    fn the_tokenizers_are_of_all_kinds() {
        let read = |json: &Value| Encoder::from_json(json.to_string().as_bytes(), Numbering::Counted);
        let (read, refused): (Vec<_>, Vec<_>) = TOKENIZERS.iter().map(read).partition(Result::is_ok);
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for encoder in read.iter().flatten() {
            *kinds.entry(encoder.kind()).or_default() += 1;
        }
        let all = [("BPE over characters", 3), ("Unigram", 6), ("WordPiece", 3), ("byte-level BPE", 1)];
        assert_eq!(kinds, BTreeMap::from(all), "{refused:?}");
    }

    /// Without such strings the charsmap would not be tried.
    #[test]
    fn a_charsmap_is_applied() {
        let encoder = TOKENIZERS.iter().filter(|json| json["normalizer"].to_string().contains("Precompiled"));
        for json in encoder {
            let encoder = Encoder::from_json(json.to_string().as_bytes(), Numbering::Counted).expect("it can be read");
            let texts = Texts { strings: vec!["ﬁ\u{200b}n", "fin"], ends: None };
            let made = encoder.encode(&texts, None, false, None, None).expect("no option is wrong").columns;
            let (left, right) = made.ids.split_at(made.lengths[0] as usize);
            assert_eq!(left, right);
            assert!(left.len() > 1);
        }
    }
}
