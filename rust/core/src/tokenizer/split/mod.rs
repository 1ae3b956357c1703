//! Text -> words, equal to the pre-tokenizers of the tokenizers library, span by span.
//!
//! The plain way is one regular expression with look-ahead, e.g. GPT-2's
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. oniguruma finds some 5 MB of words
//! a second with it. Which alternative matches depends on the class of one or two characters, so each splitter
//! here is one pass over the bytes with a table of classes. On one core, GPT-2's takes 500 MB of Python code a second and
//! twice that of English, 64 bytes at a time (see `ascii`); the others 75 to 200.

mod ascii;
mod bert;
mod cl100k;
mod digits;
mod gaps;
mod gpt2;
mod metaspace;
mod o200k;
mod scan;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use self::cl100k::Cl100k;
use self::gaps::Expression;
use self::o200k::O200k;
use self::scan::LETTER;
use crate::tokenizer::classes::MARK;
use crate::tokenizer::fields;
use crate::tokenizer::normalize::Normalize;

/// How a model sees a word: as its bytes, each a letter of the byte-level alphabet, or as its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// 256 byte letters.
    Bytes,
    /// Unicode characters.
    Chars,
}

/// Splits a text into words as one tokenizer does: its normaliser, then its pre-tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub struct Splitter {
    normalize: Vec<Normalize>,
    steps: Vec<Step>,
    alphabet: Alphabet,
}

/// One pre-tokenizer: takes apart each piece of the one before it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// A blank before a piece that has none.
    PrefixSpace,
    /// GPT-2's expression.
    Gpt2,
    /// cl100k, Llama-3, Qwen2, Qwen3.5.
    Cl100k(Cl100k),
    /// o200k, Tekken.
    O200k(O200k),
    /// BLOOM, DeepSeek-V3.
    Gaps(Expression),
    /// Digits by themselves (`true`) or in runs.
    Digits(bool),
    /// White space goes, punctuation stands alone.
    Bert,
    /// Blanks become a visible character, and words begin there.
    Metaspace { blank: char, prepend: bool, split: bool },
}

const LLAMA3: Step = Step::Cl100k(Cl100k { word: LETTER, digits: 3 });
const QWEN2: Step = Step::Cl100k(Cl100k { word: LETTER, digits: 1 });
const QWEN35: Step = Step::Cl100k(Cl100k { word: LETTER | MARK, digits: 1 });
const O200K: Step = Step::O200k(O200k { contractions: true, digits: 3 });
const TEKKEN: Step = Step::O200k(O200k { contractions: false, digits: 1 });

/// Regular expressions of `Split` pre-tokenizers, as published, and the splitter that equals each.
#[rustfmt::skip]
const EXPRESSIONS: &[(&str, Step)] = &[
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Step::Gpt2),
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Step::Gpt2),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", LLAMA3),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+", LLAMA3),
    (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+", LLAMA3),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", QWEN2),
    (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", QWEN35),
    (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", O200K),
    (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", TEKKEN),
    (r" ?[^(\s|[.,!?…。，、।۔،])]+", Step::Gaps(Expression::Bloom)),
    (r"\p{N}{1,3}", Step::Gaps(Expression::Numbers)),
    (r"[一-龥぀-ゟ゠-ヿ]+", Step::Gaps(Expression::Chinese)),
    (r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##, Step::Gaps(Expression::DeepSeek)),
];

impl Splitter {
    /// The splitter of a `tokenizer.json`'s `normalizer` and `pre_tokenizer`; without the latter the whole text is one
    /// word.
    ///
    /// # Errors
    /// Why this tokenizer can't be split here, as half a sentence for a log line.
    pub fn from_json(normalizer: &Value, pre_tokenizer: &Value) -> Result<Self, String> {
        let normalize = Normalize::from_json(normalizer)?;
        let mut splitter = Self { normalize, steps: Vec::new(), alphabet: Alphabet::Chars };
        for part in fields::steps(pre_tokenizer, "pretokenizers")? {
            splitter.push(part)?;
        }
        Ok(splitter)
    }

    /// Adds one pre-tokenizer.
    fn push(&mut self, part: &Value) -> Result<(), String> {
        let kind = fields::kind(part)?.unwrap_or_default();
        if self.alphabet == Alphabet::Bytes {
            return Err(format!("its pre-tokenizer {kind} comes after ByteLevel"));
        }
        match kind {
            "ByteLevel" => {
                if fields::flag(part, "add_prefix_space")? {
                    self.steps.push(Step::PrefixSpace);
                }
                if fields::flag_or(part, "use_regex", true)? {
                    self.steps.push(Step::Gpt2);
                }
                self.alphabet = Alphabet::Bytes;
            }
            "Split" => {
                // Some files have the line ends themselves in their classes.
                let written = |text: &str| text.replace('\r', r"\r").replace('\n', r"\n");
                let expression = part["pattern"]["Regex"].as_str().map(written);
                let known = expression.and_then(|one| EXPRESSIONS.iter().find(|(known, _)| *known == one));
                let (_, step) =
                    known.ok_or("its pre-tokenizer splits by an expression that is not one of ours")?;
                // Where an expression covers every character, these two do the same.
                match (part["behavior"].as_str(), fields::flag(part, "invert")?) {
                    (Some("Isolated"), _) => self.steps.push(step.clone()),
                    (Some("Removed"), true) if !matches!(step, Step::Gaps(_)) => {
                        self.steps.push(step.clone());
                    }
                    (behaviour, _) => {
                        return Err(format!("its pre-tokenizer splits with behavior {behaviour:?}"));
                    }
                }
            }
            "Digits" => self.steps.push(Step::Digits(fields::flag(part, "individual_digits")?)),
            "BertPreTokenizer" => self.steps.push(Step::Bert),
            "Metaspace" => {
                // `first` means the piece that starts with the text's first character. Without a step before this one,
                // that is all of it, unless normalising takes that character away.
                let prepend = match part["prepend_scheme"].as_str() {
                    Some("always") => true,
                    Some("never") => false,
                    Some("first")
                        if self.steps.is_empty() && self.normalize.iter().all(Normalize::keeps_start) =>
                    {
                        true
                    }
                    scheme => return Err(format!("its Metaspace prepends by {scheme:?}")),
                };
                let blank = fields::character(part, "replacement")?;
                let split = fields::flag_or(part, "split", true)?;
                self.steps.push(Step::Metaspace { blank, prepend, split });
            }
            _ => return Err(format!("its pre-tokenizer {kind} is not one of ours")),
        }
        Ok(())
    }

    /// How the words that this splitter makes are spelled.
    #[must_use]
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// Whether the words of a normalised text, end to end, are that text: no character is dropped, added or changed.
    pub(crate) fn keeps_all(&self) -> bool {
        let keeps = |step: &Step| {
            matches!(step, Step::Gpt2 | Step::Cl100k(_) | Step::O200k(_) | Step::Gaps(_) | Step::Digits(_))
        };
        self.steps.iter().all(keeps)
    }

    /// Calls `emit` with each word of `text`, in order; none is empty. Byte-level words come as their UTF-8 bytes.
    pub fn split(&self, text: &str, emit: &mut impl FnMut(&[u8])) {
        self.split_within(text, &mut |text, word| emit(&text[word]));
    }

    /// As [`split`](Self::split), but gives each word as a range of the text it lies in, which may be normalised.
    pub(crate) fn split_within(&self, text: &str, emit: &mut impl FnMut(&[u8], Range<usize>)) {
        if self.normalize.is_empty() {
            return run(&self.steps, text.as_bytes(), emit);
        }
        let text = self.normalize.iter().fold(Cow::Borrowed(text), |text, one| one.apply(text));
        run(&self.steps, text.as_bytes(), emit);
    }
}

/// Takes `piece`, which is UTF-8, through `steps`.
fn run<F: FnMut(&[u8], Range<usize>)>(steps: &[Step], piece: &[u8], emit: &mut F) {
    if piece.is_empty() {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        return emit(piece, 0..piece.len());
    };
    // The last step hands its words straight on: one call less for each word.
    if rest.is_empty() {
        return apply(step, piece, emit);
    }
    apply(step, piece, &mut |text: &[u8], word: Range<usize>| run::<F>(rest, &text[word], emit));
}

/// One step on one piece.
fn apply(step: &Step, piece: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
    match step {
        Step::PrefixSpace if piece[0] != b' ' => emit(&[b" ", piece].concat(), 0..piece.len() + 1),
        Step::PrefixSpace => emit(piece, 0..piece.len()),
        Step::Gpt2 => gpt2::words(piece, emit),
        Step::Cl100k(options) => words(piece, |text, at| cl100k::end(text, at, *options), emit),
        Step::O200k(options) => words(piece, |text, at| o200k::end(text, at, *options), emit),
        Step::Gaps(expression) => expression.words(piece, emit),
        Step::Digits(single) => words(piece, |text, at| digits::end(text, at, *single), emit),
        Step::Bert => bert::words(piece, emit),
        Step::Metaspace { blank, prepend, split } => {
            metaspace::words(piece, *blank, *prepend, *split, emit);
        }
    }
}

/// Cuts `text` where `end` says that the word that starts at a position ends.
fn words(text: &[u8], end: impl Fn(&[u8], usize) -> usize, emit: &mut impl FnMut(&[u8], Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let stop = end(text, start);
        emit(text, start..stop);
        start = stop;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn words(step: &Step, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        run(std::slice::from_ref(step), text.as_bytes(), &mut |text: &[u8], word: Range<usize>| {
            words.push(String::from_utf8_lossy(&text[word]).into_owned());
        });
        words
    }

    #[test]
    fn words_of_each_pattern() {
        let text = "I'll 12345  def\n\n  HTTPServer's //\nx\u{301}";
        let cases: [(&Step, &[&str]); 5] = [
            (
                &Step::Gpt2,
                &[
                    "I",
                    "'ll",
                    " 12345",
                    " ",
                    " def",
                    "\n\n ",
                    " HTTPServer",
                    "'s",
                    " //",
                    "\n",
                    "x",
                    "\u{301}",
                ],
            ),
            (
                &LLAMA3,
                &[
                    "I",
                    "'ll",
                    " ",
                    "123",
                    "45",
                    " ",
                    " def",
                    "\n\n",
                    " ",
                    " HTTPServer",
                    "'s",
                    " //\n",
                    "x",
                    "\u{301}",
                ],
            ),
            (
                &QWEN35,
                &[
                    "I",
                    "'ll",
                    " ",
                    "1",
                    "2",
                    "3",
                    "4",
                    "5",
                    " ",
                    " def",
                    "\n\n",
                    " ",
                    " HTTPServer",
                    "'s",
                    " //\n",
                    "x\u{301}",
                ],
            ),
            (
                &O200K,
                &["I'll", " ", "123", "45", " ", " def", "\n\n", " ", " HTTPServer's", " //\n", "x\u{301}"],
            ),
            (&Step::Bert, &["I", "'", "ll", "12345", "def", "HTTPServer", "'", "s", "/", "/", "x\u{301}"]),
        ];
        for (step, expected) in cases {
            assert_eq!(words(step, text), expected, "{step:?}");
        }
    }

    proptest! {
        #[test]
        fn words_lie_end_to_end(text in "\\PC*|[aA1 '\\n/\u{301}]*") {
            let gaps = [Expression::Bloom, Expression::Numbers, Expression::Chinese, Expression::DeepSeek];
            let others = [Step::Gpt2, LLAMA3, QWEN35, O200K, TEKKEN, Step::Digits(true), Step::Digits(false)];
            for step in gaps.map(Step::Gaps).into_iter().chain(others) {
                let words = words(&step, &text);
                prop_assert!(words.iter().all(|word| !word.is_empty()));
                prop_assert_eq!(words.concat(), text.clone());
            }
        }

        #[test]
        fn bytes_that_are_no_text_do_not_panic(bytes: Vec<u8>) {
            let gaps = [Step::Gaps(Expression::Bloom), Step::Gaps(Expression::DeepSeek)];
            for step in [Step::Gpt2, LLAMA3, O200K, Step::Bert, Step::Digits(true)].into_iter().chain(gaps) {
                let mut length = 0;
                run(std::slice::from_ref(&step), &bytes, &mut |_: &[u8], word: Range<usize>| {
                    length += word.len();
                });
                prop_assert!(length <= bytes.len());
            }
        }
    }

    #[test]
    fn a_tokenizer_that_is_not_ours_says_why() {
        let bert = json!({"type": "BertPreTokenizer"});
        let first = json!({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"});
        let cases = [
            (json!({"type": "Nmt"}), bert.clone(), "its normalizer Nmt is not one of ours"),
            (json!(null), json!({"type": "Whitespace"}), "its pre-tokenizer Whitespace is not one of ours"),
            (json!({"type": "StripAccents"}), first.clone(), "its Metaspace prepends by Some(\"first\")"),
            (json!({"normalizers": []}), bert.clone(), "one of its parts does not say its type"),
            (json!(null), json!({"pretokenizers": []}), "one of its parts does not say its type"),
            (
                json!(null),
                json!({"type": "ByteLevel", "add_prefix_space": 1}),
                "add_prefix_space of one of its parts is neither true nor false",
            ),
        ];
        for (normalizer, pre_tokenizer, why) in cases {
            assert_eq!(Splitter::from_json(&normalizer, &pre_tokenizer), Err(why.to_owned()));
        }
        assert!(Splitter::from_json(&json!(null), &bert).is_ok());
        assert!(Splitter::from_json(&json!({"type": "NFD"}), &first).is_ok());
    }
}
