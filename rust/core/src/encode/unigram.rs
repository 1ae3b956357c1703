//! SentencePiece's Unigram, as XLM-R, T5 and DeBERTa-v3 have it: a charsmap, a visible blank before each word, the tokens of
//! the highest sum of scores.
//!
//! Where words are told apart at white space, a chunk between two ASCII blanks is normalised and split by itself, and its
//! tokens are kept. Two kinds of text are sent back, for which that is not so: one with a mark that joins the blank
//! before it, and one that starts with a character that is dropped, which shifts all offsets in tokenizers. For words that
//! begin at a visible blank see [`super::spaced`].

use memchr::memchr;
use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

use super::cache::Cache;
use super::charsmap::{Charsmap, Placed};
use super::columns::{Piece, Tokens};
use super::spaced::{Normalizers, lead};
use super::trie::Trie;
use super::{Unlike, is_blank, next_blank};

/// What a character that is not known costs beside the dearest token.
const PENALTY: f64 = 10.0;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Unigram {
    normalizers: Normalizers,
    /// Whether words are told apart at white space, and do not begin at each visible blank only.
    splits: bool,
    /// Character that stands for the blank before a word.
    blank: char,
    trie: Trie,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
}

/// Best way to a place of a word: its score, and the token that it ends with.
#[derive(Debug, Clone, Copy)]
struct Step {
    score: f64,
    from: u32,
    id: u32,
}

/// No way yet.
const NONE: u32 = u32::MAX;

/// A chunk on its way.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    normal: Vec<Placed>,
    /// A word: its bytes, and the character of the chunk that each came from.
    word: Vec<u8>,
    places: Vec<u32>,
    steps: Vec<Step>,
    pieces: Vec<Piece>,
    words: u32,
    /// Whether the chunk starts with a character that is dropped.
    drops_first: bool,
}

impl Unigram {
    /// Of a `tokenizer.json`.
    ///
    /// # Errors
    /// Why it is none of these.
    pub(super) fn from_json(json: &Value) -> Result<Self, String> {
        let model = &json["model"];
        if model["byte_fallback"] == true {
            return Err("its Unigram falls back to bytes".to_owned());
        }
        let mut normalizers = Normalizers::from_json(&json["normalizer"])?;
        let only = [json["pre_tokenizer"].clone()];
        let parts = match json["pre_tokenizer"]["type"].as_str() {
            Some("Sequence") => json["pre_tokenizer"]["pretokenizers"].as_array().map(Vec::as_slice),
            _ => Some(&only[..]),
        };
        let (space, splits) = match parts.unwrap_or_default() {
            [split, space] if split["type"] == "WhitespaceSplit" => (space, true),
            [space] => (space, false),
            _ => (&Value::Null, false),
        };
        if space["type"] != "Metaspace" || !space["split"].as_bool().unwrap_or(true) {
            return Err(
                "Unigram is native with Metaspace that splits, or WhitespaceSplit and Metaspace".to_owned()
            );
        }
        let blank = space["replacement"].as_str().and_then(|text| text.chars().next());
        let blank = blank.ok_or("its Metaspace has no replacement")?;
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
        let row = |row: &Value| Some((row[0].as_str()?.to_owned(), row[1].as_f64()?));
        let rows: Option<Vec<(String, f64)>> = vocab.iter().map(row).collect();
        let rows = rows.ok_or("its vocabulary has a row without token and score")?;
        let unknown = model["unk_id"].as_u64().filter(|&id| id < rows.len() as u64);
        let least = rows.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let tokens = rows.iter().zip(0..).map(|((token, _), id)| (token.as_bytes(), id));
        Ok(Self {
            normalizers,
            splits,
            blank,
            trie: Trie::new(tokens).ok_or("its vocabulary is too large")?,
            scores: rows.iter().map(|(_, score)| *score).collect(),
            unknown: unknown.ok_or("it has no unknown token")? as u32,
            unknown_score: least - PENALTY,
        })
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
        if !self.splits {
            return self.spaced(text, cache, scratch, out);
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if is_blank(bytes[at]) {
                at += 1;
                out.chars += 1;
                continue;
            }
            let end = next_blank(bytes, at);
            if !cache.copy(bytes, at, end, out) {
                let chunk = &text[at..end];
                let chars = self.pieces(chunk, scratch);
                if self.normalizers.charsmap.is_some() && !chunk.is_ascii() {
                    let strips = self.normalizers.spaced.strips_raw != [false; 2];
                    if strips
                        && (chunk.starts_with(char::is_whitespace) || chunk.ends_with(char::is_whitespace))
                    {
                        return Err(Unlike("white space to be taken away that is no ASCII blank"));
                    }
                    if at > 0 && joins(&text[at - 1..end], true) {
                        return Err(Unlike("a mark that joins the blank before it"));
                    }
                    if end < bytes.len() && joins(&text[at..=end], false) {
                        return Err(Unlike("a character that joins the blank after it"));
                    }
                }
                if scratch.drops_first && at == 0 {
                    return Err(Unlike("a character in front that normalising drops"));
                }
                if !scratch.drops_first {
                    cache.keep(bytes, at, end, &scratch.pieces, chars, scratch.words);
                }
                out.extend(&scratch.pieces, chars, scratch.words);
            }
            at = end;
        }
        Ok(())
    }

    /// The tokens of a chunk, into `scratch`; how many characters it has.
    #[inline(never)]
    fn pieces(&self, chunk: &str, scratch: &mut Scratch) -> u32 {
        let mut normal = std::mem::take(&mut scratch.normal);
        scratch.drops_first = self.normalizers.map(chunk, &mut normal) > 0;
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
                push(self.blank, place, scratch);
            }
            starts = false;
            push(c, place, scratch);
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
        if self.by_chunks(text, prepends, cache, scratch, out)? {
            return Ok(());
        }
        out.truncate(before.0);
        (out.chars, out.word) = (before.1, before.2);
        let mut normal = std::mem::take(&mut scratch.normal);
        let dropped = self.normalizers.apply(text, &mut normal);
        self.words(&normal, prepends, scratch);
        scratch.normal = normal;
        if dropped > 0 {
            return Err(Unlike("a character in front that normalising drops"));
        }
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
    ) -> Result<bool, Unlike> {
        let how = &self.normalizers.spaced;
        let [left, right] = [0, 1].map(|side| how.strips_raw[side] || how.strips[side]);
        let blank = |byte: u8| byte == b' ' || (how.all_blanks && is_blank(byte));
        let bytes = text.as_bytes();
        let all = bytes.len();
        let end =
            if right { bytes.iter().rposition(|&byte| !blank(byte)).map_or(0, |last| last + 1) } else { all };
        let mut at = 0;
        if left {
            at = bytes[..end].iter().position(|&byte| !blank(byte)).unwrap_or(end);
            out.chars += at as u32;
        }
        while at < end {
            let mut blanks = lead(&bytes[at..], how.all_blanks);
            while how.collapses && blanks > 0 && at + blanks < end && blank(bytes[at + blanks]) {
                at += blanks;
                out.chars += blanks as u32;
                blanks = lead(&bytes[at..], how.all_blanks);
            }
            let stop = next_of(&bytes[..end], at + blanks, how.all_blanks);
            // What stands first has no blank, and gets one or not; what has one is the same everywhere.
            let known = blanks > 0 || prepends;
            if !known || !cache.copy(bytes, at, stop, out) {
                let chunk = &text[at..stop];
                if self.normalizers.charsmap.is_some() && !chunk.is_ascii() {
                    let before = blanks == 0 && at > 0 && joins(&text[at - 1..stop], true);
                    if before || (stop < all && joins(&text[at..=stop], false)) {
                        return Ok(false);
                    }
                }
                let mut normal = std::mem::take(&mut scratch.normal);
                let dropped = self.normalizers.map(chunk, &mut normal);
                let itself = self.is_itself(&chunk[blanks..], blanks > 0, &normal);
                if itself {
                    self.normalizers.collapse(&mut normal);
                    self.words(&normal, prepends, scratch);
                }
                scratch.normal = normal;
                if dropped > 0 {
                    return Err(Unlike("a character in front that normalising drops"));
                }
                if !itself {
                    return Ok(false);
                }
                let chars = chunk.chars().count() as u32;
                if known {
                    cache.keep(bytes, at, stop, &scratch.pieces, chars, scratch.words);
                }
                out.extend(&scratch.pieces, chars, scratch.words);
            }
            at = stop;
        }
        out.chars += (all - end) as u32;
        Ok(true)
    }

    /// Whether a chunk, whose text after its blank is `body` and which is `normal` when normalised, has the same words
    /// wherever it stands.
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
        for (at, &(c, place)) in normal.iter().enumerate() {
            let c = if c == ' ' { self.blank } else { c };
            if c == self.blank {
                self.end_word(scratch);
            } else if at == 0 && prepends {
                push(self.blank, place, scratch);
            }
            push(c, place, scratch);
        }
        self.end_word(scratch);
    }

    /// Ends the word in `scratch`: the tokens of the highest sum of scores.
    fn end_word(&self, scratch: &mut Scratch) {
        let Scratch { word, places, steps, pieces, words, .. } = scratch;
        if word.is_empty() {
            return;
        }
        steps.clear();
        steps.resize(word.len() + 1, Step { score: 0.0, from: NONE, id: 0 });
        let mut at = 0;
        while at < word.len() {
            let here = steps[at].score;
            let one = length(word[at]);
            let mut alone = false;
            self.trie.prefixes(&word[at..], |id, length| {
                better(&mut steps[at + length], here + self.scores[id as usize], at, id);
                alone |= length == one;
            });
            if !alone {
                better(&mut steps[at + one], here + self.unknown_score, at, self.unknown);
            }
            at += one;
        }
        let first = pieces.len();
        let mut end = word.len();
        while end > 0 {
            let Step { from, id, .. } = steps[end];
            let mut start = from as usize;
            let mut id = id;
            if id == self.unknown {
                // A run of characters that are not known is one token, which may be known as a whole.
                while start > 0 && steps[start].id == self.unknown {
                    start = steps[start].from as usize;
                }
                let run = &word[start..end];
                id = self
                    .trie
                    .longest(run)
                    .filter(|(_, length)| *length == run.len())
                    .map_or(self.unknown, |one| one.0);
            }
            pieces.push(Piece { id, start: places[start], end: places[end - 1] + 1, word: *words });
            end = start;
        }
        pieces[first..].reverse();
        word.clear();
        places.clear();
        *words += 1;
    }
}

/// Place of the next blank from `at` on, or the end.
#[inline(always)]
fn next_of(bytes: &[u8], at: usize, all: bool) -> usize {
    if all {
        next_blank(bytes, at)
    } else {
        memchr(b' ', &bytes[at..]).map_or(bytes.len(), |offset| at + offset)
    }
}

fn push(c: char, place: u32, scratch: &mut Scratch) {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    scratch.word.extend_from_slice(bytes);
    scratch.places.extend(std::iter::repeat_n(place, bytes.len()));
}

#[inline]
fn better(step: &mut Step, score: f64, from: usize, id: u32) {
    if step.from == NONE || score > step.score {
        *step = Step { score, from: from as u32, id };
    }
}

/// Bytes of the character that starts with `byte`.
fn length(byte: u8) -> usize {
    match byte {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// Whether the blank at the `front` of `text`, or at its end, is of one grapheme with what is beside it.
fn joins(text: &str, front: bool) -> bool {
    let mut graphemes = text.graphemes(true);
    let outer = if front { graphemes.next() } else { graphemes.next_back() };
    outer.is_some_and(|grapheme| grapheme.len() > 1)
}
