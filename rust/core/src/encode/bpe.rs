//! Byte-level BPE: a splitter, a cache of words, merges by rank.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::Unlike;
use super::cache::Cache;
use super::columns::{Blanks, Piece, Tokens};
use super::nfc;
use super::template::Trim;
use crate::tokenizer::normalize::Normalize;
use crate::tokenizer::split::Alphabet;
use crate::tokenizer::split::Splitter;

/// No merge.
const NEVER: u32 = u32::MAX;
/// Symbols up to which looking through all pairs again is sooner than a heap.
const FEW: usize = 40;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Bpe {
    splitter: Splitter,
    /// Whether texts are composed first.
    composes: bool,
    /// Whether a piece that starts with no blank gets one.
    prefix: bool,
    /// Pair -> rank and what it becomes.
    merges: HashMap<u64, (u32, u32)>,
    /// Token of each byte.
    bytes: [u32; 256],
    /// Words that are tokens whatever the merges say.
    whole: Option<HashMap<Box<[u8]>, u32>>,
    /// Blanks of each token, if they are taken out of offsets.
    pub(super) blanks: Option<Vec<Blanks>>,
}

/// Symbols of the word at hand, and its tokens.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    ranks: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    pieces: Vec<Piece>,
    prefixed: String,
}

/// A token and its bytes. In a heap's list `next` is the one after it, its own place for the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Symbol {
    id: u32,
    length: u32,
    next: u32,
    before: u32,
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

fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl Bpe {
    /// Of a `tokenizer.json`; `trim` is what its post-processor does to offsets.
    ///
    /// # Errors
    /// Why it is none of these.
    pub(super) fn from_json(json: &Value, trim: Option<Trim>) -> Result<Self, String> {
        let model = &json["model"];
        if model["dropout"].as_f64().is_some_and(|dropout| dropout != 0.0) {
            return Err("its model drops merges at random".to_owned());
        }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if model[name].as_str().is_some_and(|text| !text.is_empty()) {
                return Err(format!("its BPE has a {name}"));
            }
        }
        let composes = match Normalize::from_json(&json["normalizer"])?[..] {
            [] => false,
            [Normalize::Nfc] => true,
            _ => return Err("byte-level BPE is native without a normalizer, or with NFC".to_owned()),
        };
        let (pre_tokenizer, prefix) = without_prefix(&json["pre_tokenizer"]);
        let splitter = Splitter::from_json(&Value::Null, &pre_tokenizer)?;
        if splitter.alphabet() != Alphabet::Bytes {
            return Err("its BPE is not byte-level".to_owned());
        }
        let vocab = model["vocab"].as_object().ok_or("its model has no vocabulary")?;
        let id = |token: &str| {
            vocab.get(token).and_then(Value::as_u64).and_then(|id| i32::try_from(id).ok()).map(|id| id as u32)
        };
        let letters = letters();
        let mut bytes = [NEVER; 256];
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
        let known = vocab.iter().filter_map(|(token, _)| Some((spelled(token)?, id(token)?)));
        let whole = model["ignore_merges"].as_bool().unwrap_or(false).then(|| known.collect());
        Ok(Self {
            splitter,
            composes,
            prefix,
            merges: merges(model, id)?,
            bytes,
            whole,
            blanks: trim
                .is_some()
                .then(|| blanks(vocab.iter().filter_map(|(token, _)| Some((token, id(token)?))))),
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
    /// If the text has to be composed and offsets to be trimmed.
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

    /// Adds the tokens of normalised text, with a blank before it if it is to have one.
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

    /// The words of `text`, whose first character was put there if `prefixed`.
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

    /// The first word's tokens, from `from` on, start at character `start` with a blank that takes no room: it stands
    /// where the character after it does.
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

    /// What is taken out of the offsets of token `id`.
    #[inline]
    pub(super) fn blanks_of(&self, id: i32) -> Blanks {
        self.blanks.as_ref().and_then(|all| all.get(id as usize)).copied().unwrap_or_default()
    }

    /// The tokens of a word, into `scratch`; how many characters it has.
    #[inline(never)]
    fn pieces(&self, word: &[u8], scratch: &mut Scratch) -> u32 {
        self.merge(word, scratch);
        scratch.pieces.clear();
        // Characters that start before the token's first byte has been read, and by its last one.
        let mut chars = 0;
        let mut at = 0;
        for symbol in &scratch.symbols {
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

    /// Merges the pair of lowest rank, the first one if there are several, until there is none.
    fn merge(&self, word: &[u8], scratch: &mut Scratch) {
        scratch.symbols.clear();
        let whole = self.whole.as_ref().and_then(|all| all.get(word));
        if let Some(&id) = whole {
            scratch.symbols.push(Symbol { id, length: word.len() as u32, next: 0, before: 0 });
            return;
        }
        scratch.symbols.extend(word.iter().zip(0_u32..).map(|(&byte, at)| Symbol {
            id: self.bytes[usize::from(byte)],
            length: 1,
            next: at + 1,
            before: at.wrapping_sub(1),
        }));
        if word.len() <= FEW { self.merge_few(scratch) } else { self.merge_many(scratch) }
    }

    #[inline]
    fn merged(&self, left: Symbol, right: Symbol) -> Option<(u32, u32)> {
        self.merges.get(&pair(left.id, right.id)).copied()
    }

    fn merge_few(&self, scratch: &mut Scratch) {
        let Scratch { symbols, ranks, .. } = scratch;
        let rank = |left: Symbol, right: Symbol| self.merged(left, right).map_or(NEVER, |(rank, _)| rank);
        ranks.clear();
        ranks.extend(symbols.windows(2).map(|two| rank(two[0], two[1])));
        loop {
            let mut least = (NEVER, 0);
            for (at, &rank) in ranks.iter().enumerate() {
                if rank < least.0 {
                    least = (rank, at);
                }
            }
            let at = least.1;
            if least.0 == NEVER {
                return;
            }
            let Some((_, made)) = self.merged(symbols[at], symbols[at + 1]) else { return };
            symbols[at].id = made;
            symbols[at].length += symbols[at + 1].length;
            symbols.remove(at + 1);
            ranks.remove(at);
            if at < ranks.len() {
                ranks[at] = rank(symbols[at], symbols[at + 1]);
            }
            if at > 0 {
                ranks[at - 1] = rank(symbols[at - 1], symbols[at]);
            }
        }
    }

    /// The same with a heap of pairs and a list of symbols: a word of n symbols takes n log n steps, not n squared.
    fn merge_many(&self, scratch: &mut Scratch) {
        let Scratch { symbols, heap, ranks, .. } = scratch;
        let count = symbols.len() as u32;
        heap.clear();
        // Rank of the pair that each symbol starts; what the heap says otherwise is out of date.
        ranks.clear();
        ranks.resize(symbols.len(), NEVER);
        for at in 0..symbols.len() - 1 {
            if let Some((rank, _)) = self.merged(symbols[at], symbols[at + 1]) {
                ranks[at] = rank;
                heap.push(Reverse((rank, at as u32)));
            }
        }
        while let Some(Reverse((rank, at))) = heap.pop() {
            let here = at as usize;
            if ranks[here] != rank {
                continue;
            }
            let right = symbols[here].next as usize;
            let Some((_, made)) = self.merged(symbols[here], symbols[right]) else { continue };
            let (length, next) = (symbols[right].length, symbols[right].next);
            symbols[right].length = 0;
            ranks[right] = NEVER;
            symbols[here] = Symbol { id: made, length: symbols[here].length + length, next, ..symbols[here] };
            if next < count {
                symbols[next as usize].before = at;
            }
            let before = symbols[here].before as usize;
            for (left, right) in [(before, here), (here, next as usize)] {
                if left >= symbols.len() || right >= symbols.len() {
                    if left == here {
                        ranks[here] = NEVER;
                    }
                    continue;
                }
                ranks[left] = self.merged(symbols[left], symbols[right]).map_or(NEVER, |(rank, _)| rank);
                if ranks[left] != NEVER {
                    heap.push(Reverse((ranks[left], left as u32)));
                }
            }
        }
        symbols.retain(|symbol| symbol.length > 0);
    }
}

/// A pre-tokenizer without the blank that its first part puts before a piece, and whether it does.
fn without_prefix(pre_tokenizer: &Value) -> (Value, bool) {
    let mut value = pre_tokenizer.clone();
    let first = match value["type"].as_str() {
        Some("Sequence") => value["pretokenizers"].get_mut(0),
        _ => Some(&mut value),
    };
    let Some(first) = first.filter(|first| first["type"] == "ByteLevel") else { return (value, false) };
    let prefix = first["add_prefix_space"].as_bool().unwrap_or(true);
    first["add_prefix_space"] = json!(false);
    (value, prefix)
}

fn merges(model: &Value, id: impl Fn(&str) -> Option<u32>) -> Result<HashMap<u64, (u32, u32)>, String> {
    let list = model["merges"].as_array().ok_or("its BPE has no merges")?;
    let mut merges = HashMap::with_capacity(list.len());
    let mut joined = String::new();
    for (rank, merge) in (0..).zip(list) {
        let two = match merge {
            Value::String(text) => text.split_once(' '),
            _ => merge[0].as_str().zip(merge[1].as_str()),
        };
        let (left, right) = two.ok_or("one of its merges is not a pair")?;
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        let ids = id(left).zip(id(right)).zip(id(&joined));
        let ((left, right), made) = ids.ok_or("one of its merges is not in its vocabulary")?;
        merges.insert(pair(left, right), (rank, made));
    }
    Ok(merges)
}

fn blanks<'a>(vocab: impl Iterator<Item = (&'a String, u32)> + Clone) -> Vec<Blanks> {
    let most = vocab.clone().map(|(_, id)| id).max().unwrap_or(0);
    let mut all = vec![Blanks::default(); most as usize + 1];
    for (token, id) in vocab {
        let chars: Vec<char> = token.chars().collect();
        all[id as usize] = Blanks::of(&chars, is_trimmed);
    }
    all
}

/// Whether trimming takes `c` of a token for a blank: the letter of the blank, or white space.
pub(super) fn is_trimmed(c: char) -> bool {
    c == 'Ġ' || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Letters a to d, and merges between what they and former merges make.
    fn model(pairs: &[(usize, usize)]) -> Bpe {
        let mut names: Vec<String> = letters().iter().map(char::to_string).collect();
        let start = usize::from(b'a');
        let mut merges = Vec::new();
        for &(left, right) in pairs {
            let pool: Vec<String> = names[start..start + 3].iter().chain(&names[256..]).cloned().collect();
            let (left, right) = (&pool[left % pool.len()], &pool[right % pool.len()]);
            let made = format!("{left}{right}");
            merges.push(json!([left, right]));
            if !names.contains(&made) {
                names.push(made);
            }
        }
        let vocab: serde_json::Map<String, Value> =
            names.into_iter().zip((0..).map(|id: u32| json!(id))).collect();
        let level = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false});
        let json = json!({"normalizer": null, "pre_tokenizer": level, "model": {"type": "BPE", "vocab": vocab, "merges": merges}});
        Bpe::from_json(&json, None).unwrap()
    }

    proptest! {
        /// Looking through all pairs is the twin of the heap.
        #[test]
        fn a_heap_merges_what_a_search_merges(pairs in prop::collection::vec((0_usize..20, 0_usize..20), 0..14), word in "[abc]{1,90}") {
            let model = model(&pairs);
            let tokens = |few: bool| {
                let mut scratch = Scratch::default();
                scratch.symbols.extend(word.bytes().zip(0_u32..).map(|(byte, at)| Symbol {
                    id: model.bytes[usize::from(byte)], length: 1, next: at + 1, before: at.wrapping_sub(1),
                }));
                if few { model.merge_few(&mut scratch) } else { model.merge_many(&mut scratch) }
                scratch.symbols.iter().map(|symbol| (symbol.id, symbol.length)).collect::<Vec<_>>()
            };
            prop_assert_eq!(tokens(true), tokens(false));
        }
    }
}
