//! The decoder and the splitter that are read from a tokenizer.json.

use crate::Bytes;
use fastpost_core::tokenizer::decoder::TokenText;
use fastpost_core::tokenizer::split::Splitter;
use serde_json::{Value, json};
use std::borrow::Cow;

const LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Any valid or slightly changed decoder: writing the tokens one by one gives what joining them gives.
pub fn decoder(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut known = bytes.pick(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let part = |number: usize| match number {
        0 => json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        1 => json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
        2 => json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}),
        3 => json!({"type": "BPEDecoder", "suffix": "</w>"}),
        4 => json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        5 => json!({"type": "Strip", "content": " ", "start": 1, "stop": 1}),
        6 => json!({"type": "ByteFallback"}),
        _ => json!({"type": "Fuse"}),
    };
    let mut json = if bytes.flag() {
        part(known)
    } else {
        let parts: Vec<Value> = (0..bytes.below(5))
            .map(|_| {
                known = bytes.below(8);
                part(known)
            })
            .collect();
        json!({"type": "Sequence", "decoders": parts})
    };
    bytes.mutate(&mut json);
    let Some(text) = TokenText::from_json(&json.to_string()) else { return };
    let tokens: Vec<String> = (0..bytes.below(8))
        .map(|_| if bytes.byte() < 60 { format!("<0x{:02X}>", bytes.byte()) } else { bytes.text(3) })
        .collect();
    let mut written = String::new();
    text.write(tokens.iter().map(String::as_str), &mut written);
    let joined = text.join(tokens.iter().map(|token| Cow::Borrowed(token.as_str())).collect());
    assert_eq!(written, joined, "{json} {tokens:?}");
    let _ = TokenText::from_json(&String::from_utf8_lossy(bytes.rest()));
}

/// Any valid or slightly changed normalizer and pre-tokenizer: no panic, and no empty word.
pub fn splitter(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let (mut normalizer, mut pre_tokenizer, _) = rules(bytes.byte());
    bytes.mutate(&mut normalizer);
    bytes.mutate(&mut pre_tokenizer);
    let text = bytes.text(40);
    if let Ok(splitter) = Splitter::from_json(&normalizer, &pre_tokenizer) {
        splitter.split(&text, &mut |word| assert!(!word.is_empty()));
    }
}

/// Known rules: those that keep the text unchanged give all of it, in order.
pub fn pattern(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let (normalizer, pre_tokenizer, lossless) = rules(bytes.byte());
    let text = if bytes.flag() { bytes.text(60) } else { String::from_utf8_lossy(bytes.rest()).into_owned() };
    let splitter = Splitter::from_json(&normalizer, &pre_tokenizer).expect("these rules are known");
    let mut joined = Vec::new();
    splitter.split(&text, &mut |word| {
        assert!(!word.is_empty());
        joined.extend_from_slice(word);
    });
    if lossless {
        assert_eq!(joined, text.as_bytes());
    }
}

/// A normalizer, a pre-tokenizer, and whether they keep the text unchanged.
pub fn rules(choice: u8) -> (Value, Value, bool) {
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let whole =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let llama =
        json!({"type": "Split", "pattern": {"Regex": LLAMA}, "behavior": "Isolated", "invert": false});
    let digits = json!({"type": "Digits", "individual_digits": choice >= 128});
    let sequence = |parts: Value| json!({"type": "Sequence", "pretokenizers": parts});
    let space = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true});
    match choice % 7 {
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
    }
}
