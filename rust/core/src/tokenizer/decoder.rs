//! The text of tokens, exactly as the tokenizer's own decoder prints it.
//!
//! The decoders are those of the `tokenizers` library; each step maps a list of strings to a list of strings
//! and the last list is joined. What a step does at its edges (the first token, bytes that are no UTF-8) is
//! part of its definition and tested against the library itself.

use serde_json::Value;
use std::borrow::Cow;

/// Strings of all token ids of a tokenizer, in one block of text.
#[derive(Debug, Default)]
pub struct Vocabulary {
    text: String,
    /// Byte range by id; empty for an id that is not in use.
    spans: Vec<(u32, u32)>,
    /// Number of characters by id, [`UNUSED`] for an id that is not in use. Kept apart, because telling words apart
    /// reads only this, token by token.
    chars: Vec<u32>,
}

const UNUSED: u32 = u32::MAX;

impl Vocabulary {
    /// Collects `(token, id)` pairs, in any order.
    pub fn new<S: AsRef<str>>(pairs: impl IntoIterator<Item = (S, usize)>) -> Self {
        let mut out = Self::default();
        for (token, id) in pairs {
            let token = token.as_ref();
            let start = out.text.len() as u32;
            out.text.push_str(token);
            if id >= out.spans.len() {
                out.spans.resize(id + 1, (0, 0));
                out.chars.resize(id + 1, UNUSED);
            }
            out.spans[id] = (start, out.text.len() as u32);
            out.chars[id] = token.chars().count() as u32;
        }
        out
    }

    /// One more than the largest id.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether no id is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The token of `id`.
    #[must_use]
    pub fn token(&self, id: usize) -> Option<&str> {
        self.chars(id)?;
        let (start, end) = self.spans[id];
        Some(&self.text[start as usize..end as usize])
    }

    /// The token of `id`, empty for one that is not in use: one look-up where [`Vocabulary::token`] takes two.
    #[must_use]
    pub fn text(&self, id: usize) -> &str {
        self.spans.get(id).map_or("", |&(start, end)| &self.text[start as usize..end as usize])
    }

    /// Number of characters of the token of `id`.
    #[must_use]
    pub fn chars(&self, id: usize) -> Option<usize> {
        self.chars.get(id).filter(|&&chars| chars != UNUSED).map(|&chars| chars as usize)
    }
}

/// One step of a decoder.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// Joins with spaces, except before a token that starts with the prefix.
    WordPiece { prefix: String, cleanup: bool },
    /// Maps the printable stand-ins of bytes back to bytes.
    ByteLevel,
    /// A visible space becomes a space, or nothing at the very start.
    Metaspace { replacement: char, drop_first: bool },
    /// `<0xE5>` becomes a byte.
    ByteFallback,
    /// Joins all tokens into one.
    Fuse,
    /// Cuts up to `start` and `stop` times a character off each end of each token.
    Strip { content: char, start: usize, stop: usize },
    /// Replaces one literal string by another.
    Replace { pattern: String, content: String },
    /// The end-of-word suffix becomes a space, or nothing at the very end.
    Suffix(String),
    /// No decoder: tokens are joined with spaces.
    Spaces,
}

/// A tokenizer's decoder, read from its JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenText(Vec<Step>);

impl TokenText {
    /// Reads the `decoder` entry of a `tokenizer.json`; `null` is "no decoder".
    ///
    /// `None` if it holds a step that is not known here, or is not JSON; the caller then asks the library.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        let mut steps = Vec::new();
        if value.is_null() {
            steps.push(Step::Spaces);
        } else {
            read_steps(&value, &mut steps)?;
        }
        Some(Self(steps))
    }

    /// What the tokenizer prints for `tokens`.
    #[must_use]
    pub fn join<'a>(&self, tokens: Vec<Cow<'a, str>>) -> Cow<'a, str> {
        let mut tokens = tokens;
        for step in &self.0 {
            tokens = step.apply(tokens);
        }
        match tokens.len() {
            1 => tokens.swap_remove(0),
            _ => Cow::Owned(tokens.concat()),
        }
    }

    /// Appends what [`TokenText::join`] makes of `tokens` to `out`; the usual decoders need no memory for it.
    pub fn write<'a>(&self, mut tokens: impl Iterator<Item = &'a str>, out: &mut String) {
        match &self.0[..] {
            [Step::WordPiece { prefix, cleanup }] => {
                let put = |token: &str, out: &mut String| {
                    // Every rule of `tidy` takes a space away.
                    if *cleanup && has_space(token) {
                        out.push_str(&tidy(Cow::Borrowed(token)));
                    } else {
                        out.push_str(token);
                    }
                };
                if let Some(first) = tokens.next() {
                    put(first, out);
                }
                for token in tokens {
                    match token.strip_prefix(prefix.as_str()) {
                        Some(rest) => put(rest, out),
                        None if *cleanup && has_space(token) => {
                            out.push_str(&tidy(Cow::Owned(format!(" {token}"))));
                        }
                        None => {
                            if !*cleanup || !loses_space(token) {
                                out.push(' ');
                            }
                            out.push_str(token);
                        }
                    }
                }
            }
            [Step::Metaspace { replacement, drop_first }] => {
                for (index, token) in tokens.enumerate() {
                    for (part, piece) in token.split(*replacement).enumerate() {
                        if part > 0 && !(index == 0 && *drop_first) {
                            out.push(' ');
                        }
                        out.push_str(piece);
                    }
                }
            }
            _ => out.push_str(&self.join(tokens.map(Cow::Borrowed).collect())),
        }
    }
}

/// Tokens are short: a plain loop is done before a search is set up.
fn has_space(token: &str) -> bool {
    token.bytes().any(|byte| byte == b' ')
}

/// Whether [`tidy`] takes away the space before `token`, which has none itself.
fn loses_space(token: &str) -> bool {
    match token.as_bytes() {
        [b'.' | b'?' | b'!' | b',', ..] => true,
        [b'\'', rest @ ..] => [&b"m"[..], b"s", b"ve", b"re"].iter().any(|end| rest.starts_with(end)),
        [b'n', rest @ ..] => rest.starts_with(b"'t"),
        _ => false,
    }
}

fn read_steps(value: &Value, steps: &mut Vec<Step>) -> Option<()> {
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    let character = |key: &str| {
        let mut chars = value.get(key)?.as_str()?.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    let count = |key: &str| value.get(key)?.as_u64().map(|n| n as usize);
    steps.push(match value.get("type")?.as_str()? {
        "Sequence" => {
            return value.get("decoders")?.as_array()?.iter().try_for_each(|step| read_steps(step, steps));
        }
        "WordPiece" => Step::WordPiece { prefix: text("prefix")?, cleanup: value.get("cleanup")?.as_bool()? },
        "ByteLevel" => Step::ByteLevel,
        "Metaspace" => Step::Metaspace {
            replacement: character("replacement")?,
            drop_first: match value.get("prepend_scheme")?.as_str()? {
                "never" => false,
                "always" | "first" => true,
                _ => return None,
            },
        },
        "ByteFallback" => Step::ByteFallback,
        "Fuse" => Step::Fuse,
        "Strip" => {
            Step::Strip { content: character("content")?, start: count("start")?, stop: count("stop")? }
        }
        "Replace" => {
            let pattern = value.get("pattern")?.get("String")?.as_str().filter(|p| !p.is_empty())?;
            Step::Replace { pattern: pattern.to_owned(), content: text("content")? }
        }
        "BPEDecoder" => Step::Suffix(text("suffix").filter(|suffix| !suffix.is_empty())?),
        _ => return None,
    });
    Some(())
}

impl Step {
    fn apply<'a>(&self, tokens: Vec<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
        match self {
            Self::WordPiece { prefix, cleanup } => each(tokens, |index, token| {
                let token = match (index, token.strip_prefix(prefix.as_str())) {
                    (0, _) => token,
                    (_, Some(rest)) => Cow::Owned(rest.to_owned()),
                    (_, None) => Cow::Owned(format!(" {token}")),
                };
                if *cleanup { tidy(token) } else { token }
            }),
            Self::ByteLevel => vec![byte_level(&tokens)],
            Self::Metaspace { replacement, drop_first } => each(tokens, |index, token| {
                if !token.contains(*replacement) {
                    return token;
                }
                let space = if index == 0 && *drop_first { "" } else { " " };
                Cow::Owned(token.replace(*replacement, space))
            }),
            Self::ByteFallback => byte_fallback(tokens),
            Self::Fuse => vec![Cow::Owned(tokens.concat())],
            Self::Strip { content, start, stop } => each(tokens, |_, token| {
                let mut rest = &*token;
                // The counts come from a file and may be huge; the token ends the loop.
                for _ in 0..*start {
                    let Some(shorter) = rest.strip_prefix(*content) else { break };
                    rest = shorter;
                }
                for _ in 0..*stop {
                    let Some(shorter) = rest.strip_suffix(*content) else { break };
                    rest = shorter;
                }
                Cow::Owned(rest.to_owned())
            }),
            Self::Replace { pattern, content } => each(tokens, |_, token| {
                if token.contains(pattern.as_str()) {
                    Cow::Owned(token.replace(pattern, content))
                } else {
                    token
                }
            }),
            Self::Suffix(suffix) => {
                let last = tokens.len().saturating_sub(1);
                each(tokens, |index, token| {
                    Cow::Owned(token.replace(suffix.as_str(), if index == last { "" } else { " " }))
                })
            }
            Self::Spaces => vec![Cow::Owned(tokens.join(" "))],
        }
    }
}

fn each<'a>(
    tokens: Vec<Cow<'a, str>>,
    step: impl Fn(usize, Cow<'a, str>) -> Cow<'a, str>,
) -> Vec<Cow<'a, str>> {
    tokens.into_iter().enumerate().map(|(index, token)| step(index, token)).collect()
}

/// Takes away the space before punctuation and English contractions, rule after rule.
fn tidy(token: Cow<'_, str>) -> Cow<'_, str> {
    const RULES: [(&str, &str); 11] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    RULES.iter().fold(
        token,
        |token, (from, to)| {
            if token.contains(from) { Cow::Owned(token.replace(from, to)) } else { token }
        },
    )
}

/// The byte that a character of byte-level BPE stands for.
///
/// Printable Latin-1 characters stand for themselves; the 68 other bytes are numbered from U+0100 on.
fn byte_of(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121 + 0x7F) as u8),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// A token with a character that stands for no byte is taken as it is.
fn byte_level<'a>(tokens: &[Cow<'a, str>]) -> Cow<'a, str> {
    let mut bytes = Vec::new();
    for token in tokens {
        let before = bytes.len();
        for character in token.chars() {
            if let Some(byte) = byte_of(character) {
                bytes.push(byte);
            } else {
                bytes.truncate(before);
                bytes.extend_from_slice(token.as_bytes());
                break;
            }
        }
    }
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Runs of `<0x..>` become the text of their bytes, or one U+FFFD a byte if they are not UTF-8.
fn byte_fallback(tokens: Vec<Cow<'_, str>>) -> Vec<Cow<'_, str>> {
    fn flush(run: &mut Vec<u8>, out: &mut Vec<Cow<'_, str>>) {
        match String::from_utf8(std::mem::take(run)) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => out.push(Cow::Owned(text)),
            Err(error) => out.extend(error.as_bytes().iter().map(|_| Cow::Borrowed("\u{FFFD}"))),
        }
    }
    let mut out = Vec::with_capacity(tokens.len());
    let mut run = Vec::new();
    for token in tokens {
        let digits = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        let digits = digits.filter(|digits| digits.len() == 2);
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            run.push(byte);
        } else {
            flush(&mut run, &mut out);
            out.push(token);
        }
    }
    flush(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(json: &str, tokens: &[&str]) -> String {
        let tokens = tokens.iter().map(|token| Cow::Borrowed(*token)).collect();
        TokenText::from_json(json).unwrap().join(tokens).into_owned()
    }

    #[test]
    fn every_step() {
        let word_piece = r###"{"type":"WordPiece","prefix":"##","cleanup":true}"###;
        let metaspace = r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#;
        let llama = r#"{"type":"Sequence","decoders":[
            {"type":"Replace","pattern":{"String":"▁"},"content":" "},
            {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#;
        let cases: &[(&str, &[&str], &str)] = &[
            (word_piece, &["S", "##yl", "##va", "##in"], "Sylvain"),
            (word_piece, &["##yl", ",", "a", "'s"], "##yl, a's"),
            (word_piece, &["718", "-", "555"], "718 - 555"),
            (r#"{"type":"ByteLevel"}"#, &["ĠHello", "Ġcaf", "Ã©"], " Hello café"),
            (r#"{"type":"ByteLevel"}"#, &["Ã"], "\u{FFFD}"),
            (r#"{"type":"ByteLevel"}"#, &["中", "Ġa"], "中 a"),
            (metaspace, &["▁New", "▁York"], "New York"),
            (metaspace, &["▁▁a"], "a"),
            (llama, &["▁a", "<0xE4>", "<0xB8>", "<0xAD>", "▁b"], "a中 b"),
            (llama, &["<0xE4>", "<0xB8>"], "\u{FFFD}\u{FFFD}"),
            (llama, &["<0x+5>", "<0xZZ>"], "\u{5}<0xZZ>"),
            (r#"{"type":"BPEDecoder","suffix":"</w>"}"#, &["he", "llo</w>", "you</w>"], "hello you"),
            ("null", &["a", "b"], "a b"),
        ];
        for (json, tokens, want) in cases {
            assert_eq!(join(json, tokens), *want, "{json} {tokens:?}");
        }
    }

    proptest! {
        #[test]
        fn written_is_what_is_joined(
            tokens in prop::collection::vec("(##)?(▁{0,2}|Ġ)[a-dnr .?!,'é中tosmve]{0,4}( n't| do not|'s)?", 0..6),
            cleanup: bool,
        ) {
            for json in [
                format!(r###"{{"type":"WordPiece","prefix":"##","cleanup":{cleanup}}}"###),
                r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"#.to_owned(),
                r#"{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}"#.to_owned(),
                r#"{"type":"ByteLevel"}"#.to_owned(),
                "null".to_owned(),
            ] {
                let text = TokenText::from_json(&json).unwrap();
                let mut out = "before".to_owned();
                text.write(tokens.iter().map(String::as_str), &mut out);
                let joined = text.join(tokens.iter().map(|token| Cow::Borrowed(token.as_str())).collect());
                prop_assert_eq!(out, format!("before{joined}"), "{}", json);
            }
        }
    }

    #[test]
    fn bytes_and_their_characters_are_one_to_one() {
        let seen: std::collections::BTreeSet<u8> =
            (0..0x200).filter_map(char::from_u32).filter_map(byte_of).collect();
        assert_eq!(seen.len(), 256);
        assert_eq!((byte_of('Ġ'), byte_of('Ċ')), (Some(b' '), Some(b'\n')));
    }

    #[test]
    fn an_unknown_decoder_is_left_to_the_library() {
        for json in [r#"{"type":"CTC"}"#, "{", "[]", r#"{"type":"Sequence","decoders":[{"type":"New"}]}"#] {
            assert_eq!(TokenText::from_json(json), None, "{json}");
        }
    }
}
