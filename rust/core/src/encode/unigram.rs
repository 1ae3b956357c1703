//! SentencePiece's Unigram, as in XLM-R, T5 and DeBERTa-v3: a charsmap, a visible blank before each word, the tokens
//! with the highest sum of scores.
//!
//! Where words are told apart at white space, a chunk between two ASCII blanks is normalised and split by itself, and its
//! tokens are kept. A text for which this does not hold is sent back: one with a mark that joins a blank. tokenizers
//! does not count characters that normalising drops before any other, which moves all tokens of the text to the left.
//! For words that begin at a visible blank see [`super::spaced`].

use jiter::JsonValue;
use memchr::{memchr, memmem};
use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

use super::bpe::BLANK_LETTER;
use super::cache::Cache;
use super::charsmap::{Charsmap, Placed};
use super::columns::{Piece, Tokens};
use super::lattice::{Lattice, Step};
use super::spaced::{Normalizers, lead};
use super::{Unlike, is_blank, next_blank};
use crate::tokenizer::fields;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Unigram {
    normalizers: Normalizers,
    /// Whether words are told apart at white space; otherwise they begin only at visible blanks.
    splits: bool,
    /// Character that stands for the blank before a word.
    blank: char,
    /// Whether its post-processor takes blanks out of offsets: there are none, but a letter counts as one.
    trims: bool,
    lattice: Lattice,
}

/// tokenizers does not count what a charsmap drops first, but here that is no character of the text.
const DROPPED: Unlike = Unlike("a character that is dropped first, after others were changed");

/// A chunk in progress.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    normal: Vec<Placed>,
    word: Vec<Placed>,
    steps: Vec<Step>,
    pieces: Vec<Piece>,
    words: u32,
    /// Characters that the chunk starts with and that normalising drops.
    dropped: u32,
}

impl Scratch {
    /// Moves tokens to where tokenizers has them: it does not count characters that it drops at the start of a text.
    fn uncount_dropped(&mut self) {
        for piece in &mut self.pieces {
            piece.start -= self.dropped;
            piece.end -= self.dropped;
        }
    }
}

/// The scores of the vocabulary in the bytes of a `tokenizer.json`, each the nearest value to the number that is written.
///
/// tokenizers reads them with `serde_json`, which takes the value beside it for some, and so is a file read here. An object in
/// memory has the nearest ones, and where two ways to cut a word are equally good, the last bit decides.
pub(super) fn nearest_scores(bytes: &[u8]) -> Option<Vec<f64>> {
    fn field<'f, 'j>(part: &'f JsonValue<'j>, name: &str) -> Option<&'f JsonValue<'j>> {
        let JsonValue::Object(fields) = part else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
    let file = JsonValue::parse(bytes, false).ok()?;
    let JsonValue::Array(rows) = field(field(&file, "model")?, "vocab")? else { return None };
    let score = |row: &JsonValue<'_>| {
        let JsonValue::Array(row) = row else { return None };
        match row.get(1)? {
            JsonValue::Float(score) => Some(*score),
            JsonValue::Int(score) => Some(*score as f64),
            _ => None,
        }
    };
    rows.iter().map(score).collect()
}

impl Unigram {
    /// Reads a `tokenizer.json`; `trims` says whether its post-processor takes blanks out of offsets.
    ///
    /// # Errors
    /// Why it is not such a tokenizer.
    pub(super) fn from_json(json: &Value, trims: bool, scores: Option<&[f64]>) -> Result<Self, String> {
        let model = &json["model"];
        if fields::flag_or(model, "byte_fallback", false)? {
            return Err("its Unigram falls back to bytes".to_owned());
        }
        let (space, splits) = match fields::steps(&json["pre_tokenizer"], "pretokenizers")? {
            [split, space] if split["type"] == "WhitespaceSplit" => (space, true),
            [space] => (space, false),
            _ => (&Value::Null, false),
        };
        let mut normalizers = Normalizers::from_json(&json["normalizer"])?;
        if space["type"] != "Metaspace" || !fields::flag_or(space, "split", true)? {
            return Err(
                "Unigram is native with Metaspace that splits, or WhitespaceSplit and Metaspace".to_owned()
            );
        }
        let blank = fields::character(space, "replacement")?;
        match space["prepend_scheme"].as_str() {
            Some("always") => {}
            Some("first") if !splits && !normalizers.strips_left() => normalizers.spaced.only_first = true,
            scheme => return Err(format!("its Metaspace prepends by {}", scheme.unwrap_or("no scheme"))),
        }
        if splits && !normalizers.charsmap.as_ref().is_none_or(Charsmap::keeps_blanks) {
            return Err("its charsmap makes something else of blanks".to_owned());
        }
        if !splits && !normalizers.is_even() {
            return Err("its charsmap makes blanks of some line ends alone".to_owned());
        }
        if normalizers.shows_blanks.is_some_and(|c| splits || c != blank) {
            return Err(
                "its normalizer makes something else of two blanks than its Metaspace of one".to_owned()
            );
        }
        let vocab = model["vocab"].as_array().ok_or("its model has no vocabulary")?;
        let rows: Option<Vec<(&str, f64)>> = vocab
            .iter()
            .map(|row| Some((row[0].as_str()?, row[1].as_f64().filter(|_| row[2].is_null())?)))
            .collect();
        let mut rows = rows.ok_or("its vocabulary has a row without token and score")?;
        for (row, &score) in rows.iter_mut().zip(scores.unwrap_or_default()) {
            row.1 = score;
        }
        if rows.len() > i32::MAX as usize {
            return Err("its vocabulary is too large".to_owned());
        }
        let unknown = model["unk_id"].as_u64().filter(|&id| id < rows.len() as u64);
        let unknown = unknown.ok_or("it has no unknown token")? as u32;
        if trims && !splits {
            return Err("its post-processor trims tokens that may hold white space".to_owned());
        }
        Ok(Self { normalizers, splits, blank, trims, lattice: Lattice::new(&rows, unknown) })
    }

    /// `text` as its normaliser leaves it.
    pub(super) fn normalize(&self, text: &str) -> String {
        let mut out = Vec::new();
        self.normalizers.apply(text, &mut out);
        out.into_iter().map(|(c, _)| c).collect()
    }

    /// Whether it leaves texts as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.normalizers.is_plain()
    }

    /// Adds the tokens of `text` to `out`.
    ///
    /// # Errors
    /// If a chunk's tokens depend on what is around it.
    pub(super) fn encode(
        &self,
        text: &str,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        if self.normalizers.charsmap.is_some() && memmem::find(text.as_bytes(), &NEW_MARKS).is_some() {
            return Err(Unlike("a combining mark that is new to some releases of tokenizers"));
        }
        if !self.splits {
            return self.spaced(text, cache, scratch, out);
        }
        let bytes = text.as_bytes();
        let strips = self.normalizers.spaced.strips_raw;
        // Where normalising begins: it does not see the blanks that are removed first.
        let first = if strips[0] { bytes.iter().take_while(|&&byte| is_blank(byte)).count() } else { 0 };
        let mut at = 0;
        // Characters in front that normalising drops.
        let mut uncounted = 0;
        while at < bytes.len() {
            if is_blank(bytes[at]) {
                at += 1;
                out.chars += 1;
                continue;
            }
            let end = next_blank(bytes, at);
            if !cache.copy(bytes, at, end, out) {
                let chunk = &text[at..end];
                let mut chars = self.pieces(chunk, scratch);
                self.check(chunk, at == first, scratch)?;
                if self.normalizers.charsmap.is_some() && !chunk.is_ascii() {
                    if at > 0 && joins(&text[at - 1..end], true) {
                        return Err(Unlike("a mark that joins the blank before it"));
                    }
                    if end < bytes.len() && joins(&text[at..=end], false) {
                        return Err(Unlike("a character that joins the blank after it"));
                    }
                }
                if scratch.dropped == 0 {
                    cache.keep(bytes, at, end, &scratch.pieces, chars, scratch.words);
                } else if at == first {
                    scratch.uncount_dropped();
                    uncounted = scratch.dropped;
                    chars -= uncounted;
                }
                out.extend(&scratch.pieces, chars, scratch.words);
            }
            at = end;
        }
        out.chars += uncounted;
        Ok(())
    }

    /// Sends back a text with a chunk, whose tokens are in `scratch`, that needs more than itself to be known; `first` says
    /// whether normalising begins with it.
    fn check(&self, chunk: &str, first: bool, scratch: &Scratch) -> Result<(), Unlike> {
        if self.trims && scratch.normal.iter().any(|(c, _)| *c == BLANK_LETTER) {
            return Err(Unlike("a letter that is taken for a blank where offsets are trimmed"));
        }
        let white = chunk.starts_with(char::is_whitespace) || chunk.ends_with(char::is_whitespace);
        if white && self.normalizers.spaced.strips_raw != [false; 2] {
            return Err(Unlike("white space to be taken away that is no ASCII blank"));
        }
        if first && scratch.dropped > 0 && !self.normalizers.folds.is_empty() {
            return Err(DROPPED);
        }
        Ok(())
    }

    /// Puts the tokens of a chunk into `scratch`; returns how many characters it has.
    #[inline(never)]
    fn pieces(&self, chunk: &str, scratch: &mut Scratch) -> u32 {
        let mut normal = std::mem::take(&mut scratch.normal);
        scratch.dropped = self.normalizers.map(chunk, &mut normal);
        scratch.pieces.clear();
        scratch.words = 0;
        let mut starts = true;
        for &(c, place) in &normal {
            if c.is_whitespace() {
                self.end_word(scratch);
                starts = true;
                continue;
            }
            if c == self.blank && !starts {
                self.end_word(scratch);
            } else if starts && c != self.blank {
                scratch.word.push((self.blank, place));
            }
            starts = false;
            scratch.word.push((c, place));
        }
        self.end_word(scratch);
        scratch.normal = normal;
        chunk.chars().count() as u32
    }

    /// Adds the tokens of `text`, whose words begin at visible blanks, to `out`.
    fn spaced(
        &self,
        text: &str,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        let before = (out.len(), out.chars, out.word);
        let prepends = !self.normalizers.spaced.only_first || out.chars == 0;
        if self.by_chunks(text, prepends, cache, scratch, out) {
            return Ok(());
        }
        out.truncate(before.0);
        (out.chars, out.word) = (before.1, before.2);
        let mut normal = std::mem::take(&mut scratch.normal);
        scratch.dropped = self.normalizers.apply(text, &mut normal);
        self.words(&normal, prepends, scratch);
        scratch.normal = normal;
        if scratch.dropped > 0 && !self.normalizers.folds.is_empty() {
            return Err(DROPPED);
        }
        scratch.uncount_dropped();
        out.extend(&scratch.pieces, text.chars().count() as u32, scratch.words);
        Ok(())
    }

    /// The same chunk by chunk; `false` if one of them is not what it is by itself.
    fn by_chunks(
        &self,
        text: &str,
        prepends: bool,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> bool {
        let how = &self.normalizers.spaced;
        let [left, right] = [0, 1].map(|side| how.strips_raw[side] || how.strips[side]);
        let blank = |byte: u8| byte == b' ' || (how.all_blanks && is_blank(byte));
        let bytes = text.as_bytes();
        let all = bytes.len();
        let end =
            if right { bytes.iter().rposition(|&byte| !blank(byte)).map_or(0, |last| last + 1) } else { all };
        let mut at = 0;
        // Characters in front that normalising drops.
        let mut uncounted = 0;
        if left {
            at = bytes[..end].iter().position(|&byte| !blank(byte)).unwrap_or(end);
            out.chars += at as u32;
        }
        let first = if how.strips_raw[0] { at } else { 0 };
        while at < end {
            let mut blanks = lead(&bytes[at..], how.all_blanks);
            let again = |at: usize| {
                (how.collapses && blank(bytes[at]))
                    || (self.normalizers.collapses_raw && bytes[at - 1..].starts_with(b"  "))
            };
            while blanks > 0 && at + blanks < end && again(at + blanks) {
                at += blanks;
                out.chars += blanks as u32;
                blanks = lead(&bytes[at..], how.all_blanks);
            }
            let stop = next_of(&bytes[..end], at + blanks, how.all_blanks);
            // The first chunk has no blank, and may or may not get one; a chunk with a blank is the same everywhere.
            let known = blanks > 0 || prepends;
            if !known || !cache.copy(bytes, at, stop, out) {
                let chunk = &text[at..stop];
                if self.normalizers.charsmap.is_some() && !chunk.is_ascii() {
                    let before = blanks == 0 && at > 0 && joins(&text[at - 1..stop], true);
                    if before || (stop < all && joins(&text[at..=stop], false)) {
                        return false;
                    }
                }
                let mut normal = std::mem::take(&mut scratch.normal);
                scratch.dropped = self.normalizers.map(chunk, &mut normal);
                let itself = self.is_itself(&chunk[blanks..], blanks > 0, &normal);
                if itself {
                    self.normalizers.collapse(&mut normal);
                    self.words(&normal, prepends, scratch);
                }
                scratch.normal = normal;
                if !itself {
                    return false;
                }
                let mut chars = chunk.chars().count() as u32;
                if scratch.dropped > 0 && at == first {
                    if !self.normalizers.folds.is_empty() {
                        return false;
                    }
                    scratch.uncount_dropped();
                    uncounted = scratch.dropped;
                    chars -= uncounted;
                } else if known && scratch.dropped == 0 {
                    cache.keep(bytes, at, stop, &scratch.pieces, chars, scratch.words);
                }
                out.extend(&scratch.pieces, chars, scratch.words);
            }
            at = stop;
        }
        out.chars += uncounted + (all - end) as u32;
        true
    }

    /// Whether a chunk has the same words wherever it stands. `body` is its text after the blank, `normal` the
    /// normalised chunk.
    fn is_itself(&self, body: &str, led: bool, normal: &[Placed]) -> bool {
        if led && normal.first().is_none_or(|(c, _)| *c != ' ') {
            return false;
        }
        let how = &self.normalizers.spaced;
        if !how.collapses && how.strips_raw == [false; 2] && how.strips == [false; 2] {
            return true;
        }
        let normal = &normal[usize::from(led)..];
        let white = |c: Option<char>| c.is_some_and(char::is_whitespace);
        normal.is_empty() == body.is_empty()
            && !white(body.chars().next())
            && !white(body.chars().next_back())
            && !white(normal.first().map(|one| one.0))
            && !white(normal.last().map(|one| one.0))
    }

    /// The tokens of normalised text whose words begin at visible blanks, into `scratch`.
    fn words(&self, normal: &[Placed], prepends: bool, scratch: &mut Scratch) {
        scratch.pieces.clear();
        scratch.words = 0;
        // To a scheme that means the start of a text, one whose first characters are gone has none.
        let prepends = prepends
            && (!self.normalizers.spaced.only_first
                || normal.first().is_none_or(|(_, place)| *place == scratch.dropped));
        for (at, &(c, place)) in normal.iter().enumerate() {
            let c = if c == ' ' { self.blank } else { c };
            if c == self.blank {
                self.end_word(scratch);
            } else if at == 0 && prepends {
                scratch.word.push((self.blank, place));
            }
            scratch.word.push((c, place));
        }
        self.end_word(scratch);
    }

    /// Ends the word in `scratch`: the tokens of the highest sum of scores.
    fn end_word(&self, scratch: &mut Scratch) {
        let Scratch { word, steps, pieces, words, .. } = scratch;
        if word.is_empty() {
            return;
        }
        self.lattice.cut(word, *words, steps, pieces);
        word.clear();
        *words += 1;
    }
}

/// The bytes that U+1AC0 to U+1AFF begin with. Unicode 17 has 27 marks more there, and only since 0.23 tokenizers takes
/// such a mark and the letter before it for one grapheme.
const NEW_MARKS: [u8; 2] = [0xE1, 0xAB];

/// Place of the next blank from `at` on, or the end.
#[inline(always)]
fn next_of(bytes: &[u8], at: usize, all: bool) -> usize {
    if all {
        next_blank(bytes, at)
    } else {
        memchr(b' ', &bytes[at..]).map_or(bytes.len(), |offset| at + offset)
    }
}

/// Whether the blank at the `front` of `text`, or at its end, forms one grapheme with its neighbour.
fn joins(text: &str, front: bool) -> bool {
    let mut graphemes = text.graphemes(true);
    let outer = if front { graphemes.next() } else { graphemes.next_back() };
    outer.is_some_and(|grapheme| grapheme.len() > 1)
}
