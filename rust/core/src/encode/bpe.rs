//! Byte-level BPE: a splitter, a cache of words, merges by rank.

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::Unlike;
use super::cache::Cache;
use super::columns::{Blanks, Piece, Tokens};
use super::merges::{self, Merges};
use super::nfc;
use super::template::Trim;
use crate::tokenizer::fields;
use crate::tokenizer::normalize::Normalize;
use crate::tokenizer::split::Alphabet;
use crate::tokenizer::split::Splitter;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Bpe {
    splitter: Splitter,
    /// Whether texts are composed first.
    composes: bool,
    /// Whether a piece that starts with no blank gets one.
    prefix: bool,
    merges: Merges,
    /// Token of each byte, and the rank of each pair of them.
    bytes: [u32; 256],
    pairs: Vec<u32>,
    /// Words that are tokens whatever the merges say.
    whole: Option<HashMap<Box<[u8]>, u32>>,
    /// Blanks of each token, if they are taken out of offsets.
    pub(super) blanks: Option<Vec<Blanks>>,
}

/// A word in progress.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    merges: merges::Scratch,
    pieces: Vec<Piece>,
    prefixed: String,
}

/// The byte-level alphabet: the letter of each byte.
pub(super) fn letters() -> [char; 256] {
    let mut extra = 0x100;
    std::array::from_fn(|byte| {
        let code = match byte {
            0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => byte as u32,
            _ => {
                extra += 1;
                extra - 1
            }
        };
        char::from_u32(code).unwrap_or_default()
    })
}

impl Bpe {
    /// Reads a `tokenizer.json`; `trim` is what its post-processor does to offsets.
    ///
    /// # Errors
    /// Why it is not such a tokenizer.
    pub(super) fn from_json(json: &Value, trim: Option<Trim>) -> Result<Self, String> {
        let model = &json["model"];
        merges::check_options(model)?;
        let composes = match Normalize::from_json(&json["normalizer"])?[..] {
            [] => false,
            [Normalize::Nfc] => true,
            _ => return Err("byte-level BPE is native without a normalizer, or with NFC".to_owned()),
        };
        let (pre_tokenizer, prefix) = without_prefix(&json["pre_tokenizer"])?;
        let splitter = Splitter::from_json(&Value::Null, &pre_tokenizer)?;
        if splitter.alphabet() != Alphabet::Bytes {
            return Err("its BPE is not byte-level".to_owned());
        }
        // Offsets are counted from word to word.
        if !splitter.keeps_all() {
            return Err("its pre-tokenizer adds characters to pieces of a text, or drops some".to_owned());
        }
        let vocab = merges::ids(model)?;
        let id = |token: &str| vocab.get(token).copied();
        let letters = letters();
        let mut bytes = [u32::MAX; 256];
        for (byte, letter) in letters.iter().enumerate() {
            // Some bytes are in no UTF-8.
            let never = matches!(byte, 0xC0 | 0xC1 | 0xF5..);
            bytes[byte] = match id(letter.encode_utf8(&mut [0; 4])) {
                Some(id) => id,
                None if never => continue,
                None => return Err("its vocabulary lacks a byte".to_owned()),
            };
        }
        let back: HashMap<char, u8> = letters.into_iter().zip(0..=255).collect();
        let spelled =
            |token: &str| token.chars().map(|c| back.get(&c).copied()).collect::<Option<Box<[u8]>>>();
        let known = vocab.iter().filter_map(|(token, &id)| Some((spelled(token)?, id)));
        let whole = fields::flag_or(model, "ignore_merges", false)?.then(|| known.collect());
        let merges = Merges::from_json(model, id)?;
        Ok(Self {
            splitter,
            composes,
            prefix,
            pairs: merges.of_bytes(&bytes),
            merges,
            bytes,
            whole,
            blanks: trim.map(|_| blanks(&vocab)).transpose()?,
        })
    }

    /// Whether its normaliser may change `text`.
    pub(super) fn changes(&self, text: &str) -> bool {
        self.composes && !nfc::is_composed(text)
    }

    /// `text` as its normaliser leaves it.
    pub(super) fn normalize(&self, text: &str) -> String {
        if self.composes { nfc::compose(text).0 } else { text.to_owned() }
    }

    /// Adds the tokens of `text` to `out`.
    ///
    /// # Errors
    /// If the text has to be composed and offsets have to be trimmed.
    pub(super) fn encode(
        &self,
        text: &str,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        if !self.changes(text) {
            self.prefixed(text, cache, scratch, out);
            return Ok(());
        }
        if self.blanks.is_some() {
            return Err(Unlike("a character to be composed, in a byte-level tokenizer that trims"));
        }
        let (composed, places) = nfc::compose(text);
        let (from, base) = (out.len(), out.chars);
        self.prefixed(&composed, cache, scratch, out);
        for offsets in &mut out.offsets[from..] {
            let [start, end] = offsets.map(|place| (place as u32 - base) as usize);
            *offsets = [(base + places[start][0]) as i32, (base + places[end - 1][1]) as i32];
        }
        out.chars = base + text.chars().count() as u32;
        Ok(())
    }

    /// Adds the tokens of normalised text, with a blank in front if it should have one.
    fn prefixed(&self, text: &str, cache: &mut Cache, scratch: &mut Scratch, out: &mut Tokens) {
        if !self.prefix || text.starts_with(' ') || text.is_empty() {
            return self.words(text, false, cache, scratch, out);
        }
        let mut prefixed = std::mem::take(&mut scratch.prefixed);
        prefixed.clear();
        prefixed.push(' ');
        prefixed.push_str(text);
        self.words(&prefixed, true, cache, scratch, out);
        scratch.prefixed = prefixed;
    }

    /// The words of `text`, whose first character is an added blank if `prefixed`.
    fn words(&self, text: &str, prefixed: bool, cache: &mut Cache, scratch: &mut Scratch, out: &mut Tokens) {
        let mut first = prefixed;
        self.splitter.split_within(text, &mut |bytes, word| {
            let before = (out.len(), out.chars);
            if !cache.copy(bytes, word.start, word.end, out) {
                let chars = self.pieces(&bytes[word.clone()], scratch);
                cache.keep(bytes, word.start, word.end, &scratch.pieces, chars, 1);
                out.extend(&scratch.pieces, chars, 1);
            }
            if std::mem::take(&mut first) {
                self.unprefix(out, before.0, before.1);
            }
        });
    }

    /// Corrects the offsets of the first word's tokens, from `from` on. They start at character `start` with an added
    /// blank that takes no room, so it gets the place of the character after it.
    fn unprefix(&self, out: &mut Tokens, from: usize, start: u32) {
        for at in from..out.len() {
            let blanks = self.blanks_of(out.ids[at]);
            let mut offsets = out.offsets[at];
            if blanks.before + blanks.after > 0 {
                blanks.put_back(&mut offsets);
                offsets[1] += blanks.after as i32;
            }
            let near = start as i32;
            let (begin, end) = ((offsets[0] - 1).max(near) as u32, (offsets[1] - 1).max(near + 1) as u32);
            let (begin, end) = blanks.trim(begin, end);
            out.offsets[at] = [begin as i32, end as i32];
        }
        out.chars -= 1;
    }

    /// The blanks that are taken out of the offsets of token `id`.
    #[inline]
    pub(super) fn blanks_of(&self, id: i32) -> Blanks {
        self.blanks.as_ref().and_then(|all| all.get(id as usize)).copied().unwrap_or_default()
    }

    /// Puts the tokens of a word into `scratch`; returns how many characters it has.
    #[inline(never)]
    fn pieces(&self, word: &[u8], scratch: &mut Scratch) -> u32 {
        self.merge(word, &mut scratch.merges);
        scratch.pieces.clear();
        // Characters that have started so far: a token covers from the one that holds its first byte to the one that
        // holds its last.
        let mut chars = 0;
        let mut at = 0;
        for symbol in scratch.merges.symbols() {
            let is_start = |byte: &u8| byte & 0xC0 != 0x80;
            let end = at + symbol.length as usize;
            let start = chars + u32::from(is_start(&word[at])) - 1;
            chars += word[at..end].iter().filter(|byte| is_start(byte)).count() as u32;
            let (start, stop) = self.blanks_of(symbol.id as i32).trim(start, chars);
            scratch.pieces.push(Piece { id: symbol.id, start, end: stop, word: 0 });
            at = end;
        }
        chars
    }

    /// The symbols of a word, merged.
    fn merge(&self, word: &[u8], scratch: &mut merges::Scratch) {
        scratch.clear();
        let whole = self.whole.as_ref().and_then(|all| all.get(word));
        if let Some(&id) = whole {
            scratch.push(id, word.len() as u32);
            return;
        }
        for &byte in word {
            scratch.push(self.bytes[usize::from(byte)], 1);
        }
        self.merges.merge_bytes(word, &self.pairs, scratch);
    }
}

/// A pre-tokenizer without the blank that its first part puts before a piece, and whether it does.
///
/// # Errors
/// If it does not say so.
fn without_prefix(pre_tokenizer: &Value) -> Result<(Value, bool), String> {
    let mut value = pre_tokenizer.clone();
    let first =
        if value["type"] == "Sequence" { value["pretokenizers"].get_mut(0) } else { Some(&mut value) };
    let Some(first) = first.filter(|first| first["type"] == "ByteLevel") else { return Ok((value, false)) };
    let prefix = fields::flag(first, "add_prefix_space")?;
    first["add_prefix_space"] = json!(false);
    Ok((value, prefix))
}

/// Ids without a token that a vocabulary may have, beside 64 for each token: the table of blanks has a place for each.
const SPARE_IDS: usize = 1 << 20;

/// The blanks of each token, by its id.
///
/// # Errors
/// If ids lie so far apart that a table of them would be mostly empty.
fn blanks(vocab: &HashMap<&str, u32>) -> Result<Vec<Blanks>, String> {
    let most = vocab.values().copied().max().unwrap_or(0) as usize;
    if most > vocab.len().saturating_mul(64).saturating_add(SPARE_IDS) {
        return Err(format!("its {} tokens have ids up to {most}", vocab.len()));
    }
    let mut all = vec![Blanks::default(); most + 1];
    for (token, &id) in vocab {
        let chars: Vec<char> = token.chars().collect();
        all[id as usize] = Blanks::of(&chars, is_trimmed);
    }
    Ok(all)
}

/// The letter of the blank in the byte-level alphabet.
pub(super) const BLANK_LETTER: char = 'Ġ';

/// Whether trimming takes `c` of a token for a blank: the letter of the blank, or white space.
pub(super) fn is_trimmed(c: char) -> bool {
    c == BLANK_LETTER || c.is_whitespace()
}
