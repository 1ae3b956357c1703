//! Words and their counts -> the alphabet, and the words as symbols of it.

use std::cmp::Reverse;

use hashbrown::{HashMap, HashSet};

use crate::tokenizer::split::Alphabet;
use crate::train::counts::WordCounts;
use crate::{Error, Result};

/// The options of the trainers of tokenizers.
#[derive(Debug, Clone, Default)]
pub struct TrainOptions {
    /// Size that the vocabulary grows to; special tokens and alphabet are in it even if they exceed it.
    pub vocab_size: usize,
    /// A pair is merged only if it occurs this often.
    pub min_frequency: u64,
    /// Tokens that come first, as they are given.
    pub special_tokens: Vec<String>,
    /// Most characters to keep in the alphabet. At ties the smaller code point stays.
    pub limit_alphabet: Option<usize>,
    /// Characters that are in the alphabet without occurring.
    pub initial_alphabet: Vec<char>,
    /// Marks each part of a word but its first: `##`.
    pub continuing_subword_prefix: Option<String>,
    /// Marks the last part of a word: `</w>`.
    pub end_of_word_suffix: Option<String>,
    /// A pair is not counted if its token would be this many characters long or longer; pairs of two characters always are.
    pub max_token_length: Option<usize>,
}

/// Tokens and their ids.
#[derive(Default)]
pub(super) struct Vocab {
    pub(super) tokens: Vec<String>,
    pub(super) ids: HashMap<String, u32>,
}

impl Vocab {
    /// The id of `token`; it gets a new one if it has none.
    pub(super) fn id(&mut self, token: &str) -> u32 {
        if let Some(&id) = self.ids.get(token) {
            return id;
        }
        let id = self.tokens.len() as u32;
        self.tokens.push(token.to_owned());
        self.ids.insert(token.to_owned(), id);
        id
    }
}

/// The characters that stand for the 256 bytes in byte-level tokens: printable Latin-1 stands for itself, the rest is
/// numbered from U+0100.
pub(super) fn byte_chars() -> [char; 256] {
    let mut next = 0x100_u32;
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
            return char::from(byte);
        }
        next += 1;
        char::from_u32(next - 1).unwrap_or_default()
    })
}

/// Where in its word a character stands; each place may have a symbol of its own.
type Place = (bool, bool);

/// How words are spelled in characters.
pub(super) struct Letters {
    pub(super) alphabet: Alphabet,
    pub(super) byte_chars: [char; 256],
}

impl Letters {
    /// Calls `each` with the characters of a word.
    fn chars(&self, word: &[u8], mut each: impl FnMut(char)) {
        match self.alphabet {
            Alphabet::Bytes => word.iter().for_each(|&byte| each(self.byte_chars[byte as usize])),
            Alphabet::Chars => String::from_utf8_lossy(word).chars().for_each(each),
        }
    }

    /// Adds the characters of all words to the vocabulary, in order, and those that were asked for.
    pub(super) fn add_alphabet(&self, counts: &WordCounts, options: &TrainOptions, vocab: &mut Vocab) {
        let mut seen: HashMap<char, u64> = HashMap::default();
        if self.alphabet == Alphabet::Bytes {
            let mut bytes = [0_u64; 256];
            for (word, count) in counts.iter() {
                for &byte in word {
                    bytes[byte as usize] = bytes[byte as usize].saturating_add(count);
                }
            }
            let met = self.byte_chars.iter().zip(bytes).filter(|(_, count)| *count > 0);
            seen.extend(met.map(|(&c, count)| (c, count)));
        } else {
            for (word, count) in counts.iter() {
                self.chars(word, |c| {
                    let sum = seen.entry(c).or_default();
                    *sum = sum.saturating_add(count);
                });
            }
        }
        seen.extend(options.initial_alphabet.iter().map(|&c| (c, u64::MAX)));
        let mut kept: Vec<(char, u64)> = seen.into_iter().collect();
        if let Some(limit) = options.limit_alphabet {
            kept.sort_unstable_by_key(|&(c, count)| (Reverse(count), c));
            kept.truncate(limit);
        }
        kept.sort_unstable();
        let mut buffer = [0; 4];
        for (c, _) in kept {
            vocab.id(c.encode_utf8(&mut buffer));
        }
    }

    /// The words as symbols; characters outside the alphabet are left out.
    pub(super) fn spell(
        &self,
        counts: &WordCounts,
        options: &TrainOptions,
        vocab: &mut Vocab,
    ) -> Result<Words> {
        let prefix = options.continuing_subword_prefix.as_deref().unwrap_or_default();
        let suffix = options.end_of_word_suffix.as_deref().unwrap_or_default();
        let mut symbols: HashMap<(char, Place), u32> = HashMap::default();
        let mut buffer = [0; 4];
        if prefix.is_empty() && suffix.is_empty() {
            for c in vocab.tokens.iter().filter_map(|token| single(token)) {
                let id = vocab.ids[c.encode_utf8(&mut buffer) as &str];
                for place in [(false, false), (false, true), (true, false), (true, true)] {
                    symbols.insert((c, place), id);
                }
            }
        } else {
            let mut met: HashSet<(char, Place)> = HashSet::default();
            for (word, _) in counts.iter() {
                self.places(word, |c, place| {
                    met.insert((c, place));
                });
            }
            let mut met: Vec<_> = met.into_iter().collect();
            // Character by character; within one, as a first part, then as a later one, then at the end.
            met.sort_unstable_by_key(|&(c, (first, last))| (c, !first, last));
            for (c, (first, last)) in met {
                if vocab.ids.contains_key(c.encode_utf8(&mut buffer) as &str) {
                    let before = if first { "" } else { prefix };
                    let after = if last { suffix } else { "" };
                    symbols.insert((c, (first, last)), vocab.id(&format!("{before}{c}{after}")));
                }
            }
        }
        // A byte-level word without marks needs no look-up by character.
        let direct: Option<Vec<Option<u32>>> = (self.alphabet == Alphabet::Bytes
            && prefix.is_empty()
            && suffix.is_empty())
        .then(|| self.byte_chars.iter().map(|&c| symbols.get(&(c, (false, false))).copied()).collect());
        let mut words = Words::default();
        for (word, count) in counts.iter() {
            let start = words.symbols.len();
            if let Some(direct) = &direct {
                words.symbols.extend(word.iter().filter_map(|&byte| direct[byte as usize]));
            } else {
                self.places(word, |c, place| words.symbols.extend(symbols.get(&(c, place))));
            }
            // A word of one symbol has nothing to merge.
            if words.symbols.len() - start < 2 {
                words.symbols.truncate(start);
            } else {
                words.close(start, count)?;
            }
        }
        Ok(words)
    }

    /// Calls `each` with the characters of a word and whether each is its first and its last.
    fn places(&self, word: &[u8], mut each: impl FnMut(char, Place)) {
        let (mut first, mut before) = (true, None);
        self.chars(word, |c| {
            if let Some(before) = before.replace(c) {
                each(before, (first, false));
                first = false;
            }
        });
        if let Some(c) = before {
            each(c, (first, true));
        }
    }
}

/// The character that `token` consists of.
fn single(token: &str) -> Option<char> {
    let mut chars = token.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// One word: where its symbols are, how many are left, and how often it occurs. Side by side for the cache's sake.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) length: u32,
    pub(super) count: i64,
}

/// All words of two symbols or more, end to end.
#[derive(Default)]
pub(super) struct Words {
    pub(super) symbols: Vec<u32>,
    pub(super) spans: Vec<Span>,
    /// How many symbols all words have, counted as often as the words occur: no pair can come up more often.
    total: u64,
}

impl Words {
    /// Ends the word that began at `start`.
    fn close(&mut self, start: usize, count: u64) -> Result<()> {
        let refuse = |got: String| Error::BadOption {
            name: "corpus",
            got,
            cure: "train on a part of it, or with a pre-tokenizer that makes shorter words",
        };
        let end = u32::try_from(self.symbols.len())
            .map_err(|_| refuse(format!("more than {} characters in distinct words", u32::MAX)))?;
        let occurrences = count.checked_mul((self.symbols.len() - start) as u64);
        self.total = occurrences
            .and_then(|more| self.total.checked_add(more))
            .filter(|&total| total <= 1 << 61)
            .ok_or_else(|| refuse("more than 2^61 characters".to_owned()))?;
        self.spans.push(Span { start: start as u32, length: end - start as u32, count: count as i64 });
        Ok(())
    }
}
