//! BPE over characters with visible blanks, as in Llama 2, Mistral and Gemma: an unknown character falls back to its
//! bytes.
//!
//! No merge reaches from a letter to the blank after it (a tokenizer with one is refused), so a chunk, which is blanks
//! and the text up to the next blank, has the same tokens everywhere. The first chunk may get a blank of its own.

use hashbrown::HashMap;
use memchr::memchr_iter;
use serde_json::Value;

use super::cache::Cache;
use super::columns::{Piece, Tokens};
use super::merges::{self, Merges};
use crate::tokenizer::fields;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct CharBpe {
    /// Character that stands for a blank.
    blank: char,
    prefix: Prefix,
    /// Whether blanks are made visible by its normaliser, not by its pre-tokenizer.
    normalizes: bool,
    /// Whether each visible blank starts a word, or a text is one word.
    splits: bool,
    letters: HashMap<char, u32>,
    unknown: Unknown,
    merges: Merges,
}

/// Whether a blank is put before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Never,
    /// Before each text that is not empty, whatever it starts with.
    Always,
    /// Before each text that starts without a blank.
    Missing,
    /// The same, but not after an added token.
    MissingFirst,
}

/// What becomes of a character that is no token.
#[derive(Debug)]
enum Unknown {
    /// A token for each of its bytes.
    Bytes(Box<[u32; 256]>),
    /// One token, for several of them in a row if they are fused.
    Token { id: u32, fuses: bool },
}

/// A chunk in progress.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    merges: merges::Scratch,
    /// The character of the chunk that each normalised byte came from.
    places: Vec<u32>,
    pieces: Vec<Piece>,
    /// Whether the last symbol stands for unknown characters. Its token may also be that of a known one.
    unknown: bool,
}

impl CharBpe {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// Why it is not such a tokenizer.
    pub(super) fn from_json(json: &Value) -> Result<Self, String> {
        let model = &json["model"];
        merges::check_options(model)?;
        if fields::flag_or(model, "ignore_merges", false)? {
            return Err("its BPE over characters takes words as they are".to_owned());
        }
        let (blank, prefix, splits) = blanks(json)?;
        let vocab = merges::ids(model)?;
        let id = |token: &str| vocab.get(token).copied();
        let one = |token: &str| {
            let mut chars = token.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        let letters: HashMap<char, u32> =
            vocab.iter().filter_map(|(token, &id)| Some((one(token)?, id))).collect();
        if !letters.contains_key(&blank) {
            return Err("its vocabulary lacks the visible blank".to_owned());
        }
        for two in merges::pairs(model)? {
            let (left, right) = two?;
            if right.starts_with(blank) && !left.ends_with(blank) {
                return Err("one of its merges reaches over a blank".to_owned());
            }
        }
        let unknown = unknown(model, id)?;
        if matches!(unknown, Unknown::Token { .. })
            && model["unk_token"].as_str().is_some_and(|token| token.ends_with(blank))
        {
            // A letter that is not known would merge with the blank after it.
            return Err("its unknown token is the visible blank, or ends with one".to_owned());
        }
        Ok(Self {
            blank,
            prefix,
            normalizes: !json["normalizer"].is_null(),
            splits,
            letters,
            unknown,
            merges: Merges::from_json(model, id)?,
        })
    }

    /// `text` as its normaliser leaves it.
    pub(super) fn normalize(&self, text: &str) -> String {
        if !self.normalizes {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len() + 3);
        if self.prefix == Prefix::Always && !text.is_empty() {
            out.push(self.blank);
        }
        out.extend(text.chars().map(|c| if c == ' ' { self.blank } else { c }));
        out
    }

    /// Whether its normaliser leaves texts as they are: added tokens do not see what a pre-tokenizer does.
    pub(super) fn is_plain(&self) -> bool {
        !self.normalizes
    }

    /// Adds the tokens of `text` to `out`.
    pub(super) fn encode(&self, text: &str, cache: &mut Cache, scratch: &mut Scratch, out: &mut Tokens) {
        let bytes = text.as_bytes();
        let led = text.starts_with([' ', self.blank]);
        let prefixed = match self.prefix {
            Prefix::Never => false,
            Prefix::Always => true,
            Prefix::Missing => !led,
            Prefix::MissingFirst => !led && out.chars == 0,
        };
        let mut at = 0;
        while at < bytes.len() {
            let stop = self.end_of_chunk(text, at);
            let first = at == 0;
            // All chunks start with a blank but the first one. First chunks are of two kinds, with and without an
            // added blank; only the more frequent kind is kept.
            let kept =
                !first || (prefixed != led && self.prefix != Prefix::Never) || self.prefix == Prefix::Never;
            if !kept || !cache.copy(bytes, at, stop, out) {
                let chars = self.pieces(&text[at..stop], first && prefixed, scratch);
                let words = scratch.pieces.last().map_or(0, |last| last.word) + u32::from(self.splits);
                if kept {
                    cache.keep(bytes, at, stop, &scratch.pieces, chars, words);
                }
                out.extend(&scratch.pieces, chars, words);
            }
            at = stop;
        }
        if !self.splits && !text.is_empty() {
            out.word += 1;
        }
    }

    /// Where the chunk from `at` on ends: before a blank that follows a letter.
    fn end_of_chunk(&self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let mut blanks = memchr_iter(b' ', &bytes[at..]).map(|offset| at + offset);
        let end = blanks
            .find(|&place| place > at && bytes[place - 1] != b' ' && !text[..place].ends_with(self.blank));
        end.unwrap_or(bytes.len())
    }

    /// Puts the tokens of a chunk into `scratch`; returns how many characters it has.
    #[inline(never)]
    fn pieces(&self, chunk: &str, prefixed: bool, scratch: &mut Scratch) -> u32 {
        scratch.pieces.clear();
        scratch.places.clear();
        scratch.merges.clear();
        let (mut words, mut chars) = (0, 0);
        if prefixed {
            self.letter(self.blank, 0, scratch);
        }
        for c in chunk.chars() {
            let c = if c == ' ' { self.blank } else { c };
            if self.splits && c == self.blank && !scratch.places.is_empty() {
                self.end_word(words, scratch);
                words += 1;
            }
            self.letter(c, chars, scratch);
            chars += 1;
        }
        self.end_word(words, scratch);
        chars
    }

    /// Adds a normalised character that stands for character `place` of the chunk.
    fn letter(&self, c: char, place: u32, scratch: &mut Scratch) {
        let length = c.len_utf8();
        scratch.places.extend(std::iter::repeat_n(place, length));
        let merges = &mut scratch.merges;
        let follows = std::mem::take(&mut scratch.unknown);
        if let Some(&id) = self.letters.get(&c) {
            merges.push(id, length as u32);
            return;
        }
        match &self.unknown {
            Unknown::Bytes(bytes) => {
                for &byte in c.encode_utf8(&mut [0; 4]).as_bytes() {
                    merges.push(bytes[usize::from(byte)], 1);
                }
            }
            &Unknown::Token { id, fuses } => {
                scratch.unknown = true;
                match merges.last() {
                    Some(last) if fuses && follows => last.length += length as u32,
                    _ => merges.push(id, length as u32),
                }
            }
        }
    }

    /// Ends the word in `scratch`.
    fn end_word(&self, word: u32, scratch: &mut Scratch) {
        let Scratch { merges, places, pieces, unknown } = scratch;
        *unknown = false;
        if places.is_empty() {
            return;
        }
        self.merges.merge(merges);
        let mut at = 0;
        for symbol in merges.symbols() {
            let end = at + symbol.length as usize;
            pieces.push(Piece { id: symbol.id, start: places[at], end: places[end - 1] + 1, word });
            at = end;
        }
        merges.clear();
        places.clear();
    }
}

/// Reads from a normalizer or a pre-tokenizer: the visible blank, whether one is put in front, and whether it starts
/// words.
fn blanks(json: &Value) -> Result<(char, Prefix, bool), String> {
    let refused = || {
        "BPE over characters is native with blanks made visible by Prepend and Replace, by Replace, or by Metaspace".to_owned()
    };
    let one = |part: &Value, name: &str| fields::character(part, name).ok().filter(|&c| c != ' ');
    let steps = fields::steps(&json["normalizer"], "normalizers")?;
    let split = &json["pre_tokenizer"];
    if steps.is_empty() {
        let scheme = match split["prepend_scheme"].as_str() {
            Some("always") => Prefix::Missing,
            Some("first") => Prefix::MissingFirst,
            Some("never") => Prefix::Never,
            _ => return Err(refused()),
        };
        let blank = one(split, "replacement").filter(|_| split["type"] == "Metaspace").ok_or_else(refused)?;
        return Ok((blank, scheme, fields::flag_or(split, "split", true)?));
    }
    // If no blank is left, a splitter at blanks has nothing to do.
    let idle = split.is_null()
        || (split["type"] == "Split" && split["pattern"]["String"] == " " && split["invert"] == false);
    let (prefix, replace) = match steps {
        [prepend, replace] if prepend["type"] == "Prepend" => {
            (Some(one(prepend, "prepend").ok_or_else(refused)?), replace)
        }
        [replace] => (None, replace),
        _ => return Err(refused()),
    };
    if replace["type"] != "Replace" || replace["pattern"]["String"] != " " || !idle {
        return Err(refused());
    }
    let blank = one(replace, "content").ok_or_else(refused)?;
    match prefix {
        Some(c) if c != blank => Err(refused()),
        Some(_) => Ok((blank, Prefix::Always, false)),
        None => Ok((blank, Prefix::Never, false)),
    }
}

fn unknown(model: &Value, id: impl Fn(&str) -> Option<u32>) -> Result<Unknown, String> {
    if fields::flag_or(model, "byte_fallback", false)? {
        let mut bytes = Box::new([0; 256]);
        for (byte, token) in bytes.iter_mut().enumerate() {
            *token = id(&format!("<0x{byte:02X}>")).ok_or("its vocabulary lacks a byte to fall back to")?;
        }
        return Ok(Unknown::Bytes(bytes));
    }
    let token = fields::text(model, "unk_token")?.and_then(id);
    let token = token.ok_or("its BPE over characters has neither bytes nor an unknown token")?;
    Ok(Unknown::Token { id: token, fuses: fields::flag_or(model, "fuse_unk", false)? })
}
