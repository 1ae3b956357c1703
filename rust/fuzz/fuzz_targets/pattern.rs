//! Splitting: no panic whatever the rules, and rules that leave the text as it is give all of it, in order.

#![no_main]

use fastpost_core::tokenizer::split::Splitter;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let whole = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let llama = json!({"type": "Split", "pattern": {"Regex": LLAMA}, "behavior": "Isolated", "invert": false});
    let digits = json!({"type": "Digits", "individual_digits": choice >= 128});
    let sequence = |parts: Value| json!({"type": "Sequence", "pretokenizers": parts});
    let space = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true});
    let (normalizer, pre_tokenizer, lossless) = match choice % 7 {
        0 => (json!(null), bytes, true),
        1 => (json!(null), sequence(json!([llama, whole])), true),
        2 => (json!(null), sequence(json!([digits, bytes])), true),
        3 => (json!({"type": "NFC"}), bytes, false),
        4 => (json!({"type": "NFKD"}), json!({"type": "BertPreTokenizer"}), false),
        5 => {
            let bert = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true});
            (bert, json!({"type": "BertPreTokenizer"}), false)
        }
        _ => (json!(null), space, false),
    };
    let splitter = Splitter::from_json(&normalizer, &pre_tokenizer).expect("these rules are known");
    let mut joined = Vec::new();
    splitter.split(text, &mut |word| {
        assert!(!word.is_empty());
        joined.extend_from_slice(word);
    });
    if lossless {
        assert_eq!(joined, text.as_bytes());
    }
});
