//! Text -> words, equal to the pre-tokenizers of the tokenizers library, span by span.
//!
//! The plain way is one regular expression with look-ahead, e.g. GPT-2's
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. oniguruma finds some 5 MB of words
//! a second with it. Which alternative matches depends on the class of one or two characters, so each splitter
//! here is one pass over the bytes with a table of classes. On one core, GPT-2's takes 500 MB of Python code a second and
//! twice that of English, 64 bytes at a time (see `ascii`); the others 75 to 200.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::Value;
use unicode_categories::UnicodeCategories;

use crate::tokenizer::ascii;
use crate::tokenizer::classes::{LOWER, MARK, NUMBER, RANGES, SPACE, UPPER};
use crate::tokenizer::normalize::Normalize;

/// Letters of any kind.
const LETTER: u8 = UPPER | LOWER;

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
    /// Digits by themselves (`true`) or in runs.
    Digits(bool),
    /// White space goes, punctuation stands alone.
    Bert,
    /// Blanks become a visible character, and words begin there.
    Metaspace { blank: char, prepend: bool, split: bool },
}

/// What distinguishes the cl100k-like expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cl100k {
    /// Classes that make up a word: letters, or letters and marks.
    word: u8,
    /// Longest run of digits.
    digits: usize,
}

/// What distinguishes the o200k-like expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct O200k {
    /// Whether `'s` and its like belong to the word before them.
    contractions: bool,
    /// Longest run of digits.
    digits: usize,
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
];

impl Splitter {
    /// The splitter of a `tokenizer.json`'s `normalizer` and `pre_tokenizer`; without the latter the whole text is one
    /// word.
    ///
    /// # Errors
    /// Why this tokenizer can't be split here, as half a sentence for a log line.
    pub fn from_json(normalizer: &Value, pre_tokenizer: &Value) -> Result<Self, String> {
        let normalize = Normalize::from_json(normalizer)?;
        let parts = match pre_tokenizer["type"].as_str() {
            None => &[],
            Some("Sequence") => {
                pre_tokenizer["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default()
            }
            Some(_) => std::slice::from_ref(pre_tokenizer),
        };
        let mut splitter = Self { normalize, steps: Vec::new(), alphabet: Alphabet::Chars };
        for part in parts {
            splitter.push(part)?;
        }
        Ok(splitter)
    }

    /// Adds one pre-tokenizer.
    fn push(&mut self, part: &Value) -> Result<(), String> {
        let kind = part["type"].as_str().unwrap_or_default();
        let flag = |name: &str, default: bool| part[name].as_bool().unwrap_or(default);
        if self.alphabet == Alphabet::Bytes {
            return Err(format!("its pre-tokenizer {kind} comes after ByteLevel"));
        }
        match kind {
            "ByteLevel" => {
                if flag("add_prefix_space", true) {
                    self.steps.push(Step::PrefixSpace);
                }
                if flag("use_regex", true) {
                    self.steps.push(Step::Gpt2);
                }
                self.alphabet = Alphabet::Bytes;
            }
            "Split" => {
                let expression = part["pattern"]["Regex"].as_str();
                let known = expression.and_then(|one| EXPRESSIONS.iter().find(|(known, _)| *known == one));
                let (_, step) =
                    known.ok_or("its pre-tokenizer splits by an expression that is not one of ours")?;
                // Each of the expressions covers every character, so these two do the same.
                match (part["behavior"].as_str(), flag("invert", false)) {
                    (Some("Isolated"), _) | (Some("Removed"), true) => self.steps.push(step.clone()),
                    (behaviour, _) => {
                        return Err(format!("its pre-tokenizer splits with behavior {behaviour:?}"));
                    }
                }
            }
            "Digits" => self.steps.push(Step::Digits(flag("individual_digits", false))),
            "BertPreTokenizer" => self.steps.push(Step::Bert),
            "Metaspace" => {
                let blank = part["replacement"].as_str().and_then(|text| text.chars().next());
                // `first` means the first piece of the text. Without a step before this one, that is all of it.
                let prepend = match part["prepend_scheme"].as_str() {
                    Some("always") => true,
                    Some("never") => false,
                    Some("first") if self.steps.is_empty() => true,
                    scheme => return Err(format!("its Metaspace prepends by {scheme:?}")),
                };
                let blank = blank.ok_or("its Metaspace has no replacement")?;
                self.steps.push(Step::Metaspace { blank, prepend, split: flag("split", true) });
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
        let keeps =
            |step: &Step| matches!(step, Step::Gpt2 | Step::Cl100k(_) | Step::O200k(_) | Step::Digits(_));
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
        Step::Gpt2 => gpt2_words(piece, emit),
        Step::Cl100k(options) => words(piece, |text, at| cl100k(text, at, *options), emit),
        Step::O200k(options) => words(piece, |text, at| o200k(text, at, *options), emit),
        Step::Digits(single) => words(piece, |text, at| digits(text, at, *single), emit),
        Step::Bert => bert(piece, emit),
        Step::Metaspace { blank, prepend, split } => metaspace(piece, *blank, *prepend, *split, emit),
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

/// The words of GPT-2's expression: those of ASCII by the window, others one by one.
fn gpt2_words(text: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let mut starts = text[start..].first_chunk().and_then(ascii::starts).unwrap_or(0);
        if starts == 0 {
            // The end of the text, other scripts, or a word longer than the window.
            let stop = gpt2(text, start);
            emit(text, start..stop);
            start = stop;
            continue;
        }
        let window = start;
        while starts != 0 {
            let stop = window + starts.trailing_zeros() as usize;
            emit(text, start..stop);
            start = stop;
            starts &= starts - 1;
        }
    }
}

/// Class of each character, in pages of 256; most pages are shared.
struct Classes {
    page: Vec<u8>,
    cells: Vec<[u8; 256]>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(|| {
    let mut flat = vec![0_u8; 0x11_0000];
    for &(first, last, class) in RANGES {
        flat[first as usize..=last as usize].fill(class);
    }
    let mut cells: Vec<[u8; 256]> = Vec::new();
    let page = flat.as_chunks::<256>().0.iter().map(|cell| {
        let known = cells.iter().position(|other| other == cell);
        known.unwrap_or_else(|| {
            cells.push(*cell);
            cells.len() - 1
        }) as u8
    });
    let page = page.collect();
    Classes { page, cells }
});

/// Classes of ASCII, which need no decoding.
static ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => NUMBER,
            b'\t'..=b'\r' | b' ' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Code point at `at` and its length in bytes. `text` is UTF-8 and `at` a boundary; (0, 1) past the end.
#[inline]
fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let byte = |offset: usize| u32::from(text.get(at + offset).copied().unwrap_or(0));
    let first = byte(0);
    match first {
        0..0x80 => (first, 1),
        0x80..0xE0 => (((first & 0x1F) << 6) | (byte(1) & 0x3F), 2),
        0xE0..0xF0 => (((first & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3),
        _ => {
            let low = ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
            (((first & 0x07) << 18) | low, 4)
        }
    }
}

/// Class of the character at `at` and the position after it; past the end there is white space of no length.
#[inline]
fn class(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (SPACE, at),
        Some(&byte) if byte < 128 => (ASCII[byte as usize], at + 1),
        Some(_) => {
            let (code, length) = decode(text, at);
            let page = CLASSES.page.get((code >> 8) as usize).copied().unwrap_or(0);
            (CLASSES.cells[page as usize][(code & 255) as usize], (at + length).min(text.len()))
        }
    }
}

/// End of the run of characters from `at` whose class is in `wanted`.
#[inline]
fn run_of(text: &[u8], mut at: usize, wanted: u8) -> usize {
    while at < text.len() {
        let (found, next) = class(text, at);
        if found & wanted == 0 {
            break;
        }
        at = next;
    }
    at
}

/// End of the run of characters from `at` whose class is not in `barred`.
#[inline]
fn run_without(text: &[u8], mut at: usize, barred: u8) -> usize {
    while at < text.len() {
        let (found, next) = class(text, at);
        if found & barred != 0 {
            break;
        }
        at = next;
    }
    at
}

/// End of the run of characters from `at` whose class is in `wanted`, at most `most` of them.
fn few_of(text: &[u8], mut at: usize, wanted: u8, most: usize) -> usize {
    for _ in 0..most {
        let (found, next) = class(text, at);
        if at >= text.len() || found & wanted == 0 {
            break;
        }
        at = next;
    }
    at
}

/// Whether one of `bytes` stands at `at`.
#[inline]
fn any_at(text: &[u8], at: usize, bytes: &[u8]) -> bool {
    text.get(at).is_some_and(|byte| bytes.contains(byte))
}

/// End of `\s+(?!\S)|\s+` at the white space at `at`: a run leaves its last character to the word after it.
fn white_space(text: &[u8], at: usize) -> usize {
    let mut last = at;
    let mut end = class(text, at).1;
    while end < text.len() {
        let (found, next) = class(text, end);
        if found & SPACE == 0 {
            return if last == at { end } else { last };
        }
        (last, end) = (end, next);
    }
    end
}

/// End of `\s*[\r\n]+` at the white space at `at`, which is the last line end of the run, or else [`white_space`].
fn lines(text: &[u8], at: usize) -> usize {
    let end = run_of(text, at, SPACE);
    let run = &text[at..end];
    match memchr::memrchr2(b'\r', b'\n', run) {
        Some(last) => at + last + 1,
        None => white_space(text, at),
    }
}

/// End of GPT-2's expression at `at`.
fn gpt2(text: &[u8], at: usize) -> usize {
    let (found, next) = class(text, at);
    if found & LETTER != 0 {
        return run_of(text, next, LETTER);
    }
    if found & NUMBER != 0 {
        return run_of(text, next, NUMBER);
    }
    if found & SPACE == 0 {
        if text[at] == b'\'' {
            let after = |offset: usize| text.get(at + offset).copied().unwrap_or(0);
            let length = ascii::contraction(after(1), after(2));
            if length > 0 {
                return at + length;
            }
        }
        return run_without(text, next, SPACE | LETTER | NUMBER);
    }
    if text[at] == b' ' && next < text.len() {
        let (found, after) = class(text, next);
        if found & LETTER != 0 {
            return run_of(text, after, LETTER);
        }
        if found & NUMBER != 0 {
            return run_of(text, after, NUMBER);
        }
        if found & SPACE == 0 {
            return run_without(text, after, SPACE | LETTER | NUMBER);
        }
    }
    white_space(text, at)
}

/// Length of `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at `at`, 0 if it is not there. The long s is an s without case, too.
fn contraction(text: &[u8], at: usize) -> usize {
    if text.get(at) != Some(&b'\'') {
        return 0;
    }
    let lower = |offset: usize| text.get(at + offset).map_or(0, u8::to_ascii_lowercase);
    match (lower(1), lower(2)) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'r' | b'v', b'e') | (b'l', b'l') | (0xC5, 0xBF) => 3,
        _ => 0,
    }
}

/// End of a cl100k-like expression at `at`.
fn cl100k(text: &[u8], at: usize, options: Cl100k) -> usize {
    let Cl100k { word, digits } = options;
    let (found, next) = class(text, at);
    if found & word != 0 {
        return run_of(text, next, word);
    }
    if found & NUMBER != 0 {
        return few_of(text, next, NUMBER, digits - 1);
    }
    let contraction = contraction(text, at);
    if contraction > 0 {
        return at + contraction;
    }
    let (second, after) = class(text, next);
    if second & word != 0 && !any_at(text, at, b"\r\n") {
        return run_of(text, after, word);
    }
    if found & SPACE == 0 || (text[at] == b' ' && second & (SPACE | word | NUMBER) == 0) {
        let mut end = run_without(text, next, SPACE | word | NUMBER);
        while any_at(text, end, b"\r\n") {
            end += 1;
        }
        return end;
    }
    lines(text, at)
}

/// End of an o200k-like expression at `at`.
fn o200k(text: &[u8], at: usize, options: O200k) -> usize {
    let (found, next) = class(text, at);
    let word = |start: usize, lone_capitals: bool| {
        cased(text, start, lone_capitals)
            .map(|end| if options.contractions { end + contraction(text, end) } else { end })
    };
    // The optional first character: anything but a line end, a letter or a number.
    let lead = found & (LETTER | NUMBER) == 0 && !any_at(text, at, b"\r\n") && next < text.len();
    let with_lead = |capitals: bool| lead.then(|| word(next, capitals)).flatten();
    let plain = |capitals: bool| (found & (LETTER | MARK) != 0).then(|| word(at, capitals)).flatten();
    let end = with_lead(false).or_else(|| plain(false)).or_else(|| with_lead(true)).or_else(|| plain(true));
    if let Some(end) = end {
        return end;
    }
    if found & NUMBER != 0 {
        return few_of(text, next, NUMBER, options.digits - 1);
    }
    let (second, _) = class(text, next);
    if found & SPACE == 0 || (text[at] == b' ' && second & (SPACE | LETTER | NUMBER) == 0) {
        let mut end = run_without(text, next, SPACE | LETTER | NUMBER);
        while any_at(text, end, b"\r\n/") {
            end += 1;
        }
        return end;
    }
    lines(text, at)
}

/// End of capitals and then small letters at `at`: `[U]*[l]+`, or with `lone_capitals` `[U]+[l]*`.
///
/// Letters without case and marks are in both sets, so `[U]*` may have to give some of them back to `[l]+`.
fn cased(text: &[u8], at: usize, lone_capitals: bool) -> Option<usize> {
    let mut capitals = at;
    let mut given_back = None;
    while capitals < text.len() {
        let (found, next) = class(text, capitals);
        if found & (UPPER | MARK) == 0 {
            break;
        }
        capitals = next;
        if found & (LOWER | MARK) != 0 {
            given_back = Some(next);
        }
    }
    let end = run_of(text, capitals, LOWER | MARK);
    if lone_capitals {
        return (capitals > at).then_some(end);
    }
    if end > capitals { Some(end) } else { given_back }
}

/// End of a run of digits or of other characters at `at`. Digits are `char::is_numeric`, as in tokenizers.
fn digits(text: &[u8], at: usize, single: bool) -> usize {
    let numeric = |at: usize| {
        let (code, length) = decode(text, at);
        (char::from_u32(code).is_some_and(char::is_numeric), (at + length).min(text.len()))
    };
    let (kind, mut end) = numeric(at);
    if kind && single {
        return end;
    }
    while end < text.len() {
        let (other, next) = numeric(end);
        if other != kind {
            break;
        }
        end = next;
    }
    end
}

/// White space goes, punctuation stands alone, the rest are words.
fn bert(text: &[u8], emit: &mut impl FnMut(&[u8], Range<usize>)) {
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let (code, length) = decode(text, at);
        let next = (at + length).min(text.len());
        let c = char::from_u32(code).unwrap_or_default();
        let blank = c.is_whitespace();
        if blank || c.is_ascii_punctuation() || (!c.is_ascii() && c.is_punctuation()) {
            if start < at {
                emit(text, start..at);
            }
            if !blank {
                emit(text, at..next);
            }
            start = next;
        }
        at = next;
    }
    if start < at {
        emit(text, start..at);
    }
}

/// Blanks become `blank`; with `prepend` the text starts with one; with `split` each starts a word.
fn metaspace(
    text: &[u8],
    blank: char,
    prepend: bool,
    split: bool,
    emit: &mut impl FnMut(&[u8], Range<usize>),
) {
    let mut buffer = [0; 4];
    let blank = blank.encode_utf8(&mut buffer).as_bytes();
    let mut out = Vec::with_capacity(text.len() + text.len() / 2);
    if prepend && text[0] != b' ' && !text.starts_with(blank) {
        out.extend_from_slice(blank);
    }
    for &byte in text {
        if byte == b' ' {
            out.extend_from_slice(blank);
        } else {
            out.push(byte);
        }
    }
    if !split {
        return emit(&out, 0..out.len());
    }
    let mut start = 0;
    for at in memchr::memmem::find_iter(&out, blank) {
        if at > start {
            emit(&out, start..at);
        }
        start = at;
    }
    emit(&out, start..out.len());
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

    #[test]
    fn the_table_of_classes_says_what_the_ranges_say() {
        assert!(CLASSES.cells.len() <= 256);
        for pair in RANGES.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0);
        }
        for &(first, last, expected) in RANGES {
            for code in [first, last] {
                let text = char::from_u32(code).map(String::from).unwrap_or_default();
                assert_eq!(class(text.as_bytes(), 0), (expected, text.len()));
            }
        }
    }

    proptest! {
        #[test]
        fn words_lie_end_to_end(text in "\\PC*|[aA1 '\\n/\u{301}]*") {
            for step in [Step::Gpt2, LLAMA3, QWEN35, O200K, TEKKEN, Step::Digits(true), Step::Digits(false)] {
                let words = words(&step, &text);
                prop_assert!(words.iter().all(|word| !word.is_empty()));
                prop_assert_eq!(words.concat(), text.clone());
            }
        }

        /// The twin of the windows is the expression character by character.
        #[test]
        fn windows_change_no_word(text in "[a-z0-9é' \t\n\u{a0}(=]{0,300}|('(s|t|re|ve|m|ll|d|l|r)| {0,70}|self|9|\n|==){0,90}") {
            let (mut fast, mut plain) = (Vec::new(), Vec::new());
            gpt2_words(text.as_bytes(), &mut |_, word| fast.push(word));
            super::words(text.as_bytes(), gpt2, &mut |_, word| plain.push(word));
            prop_assert_eq!(fast, plain);
        }

        #[test]
        fn bytes_that_are_no_text_do_not_panic(bytes: Vec<u8>) {
            for step in [Step::Gpt2, LLAMA3, O200K, Step::Bert, Step::Digits(true)] {
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
        let cases = [
            (json!({"type": "Nmt"}), bert.clone(), "its normalizer Nmt is not one of ours"),
            (json!(null), json!({"type": "Whitespace"}), "its pre-tokenizer Whitespace is not one of ours"),
        ];
        for (normalizer, pre_tokenizer, why) in cases {
            assert_eq!(Splitter::from_json(&normalizer, &pre_tokenizer), Err(why.to_owned()));
        }
        assert!(Splitter::from_json(&json!(null), &bert).is_ok());
    }
}
