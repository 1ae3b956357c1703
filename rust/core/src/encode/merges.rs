//! Merging of byte-pair encoding: symbols -> tokens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use serde_json::Value;

use crate::tokenizer::fields;

/// No merge.
const NEVER: u32 = u32::MAX;
/// Up to so many symbols, looking through all pairs again is faster than a heap.
const FEW: usize = 40;

/// Pair of tokens -> its rank and what it becomes.
#[derive(Debug)]
pub(super) struct Merges(HashMap<u64, (u32, u32)>);

/// Symbols of the word at hand.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    ranks: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

/// A token and its bytes. In a heap's list `next` is the one after it, its own place for the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) id: u32,
    pub(super) length: u32,
    next: u32,
    before: u32,
}

impl Scratch {
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
    }

    /// Adds a symbol of so many bytes.
    #[inline(always)]
    pub(super) fn push(&mut self, id: u32, length: u32) {
        let at = self.symbols.len() as u32;
        self.symbols.push(Symbol { id, length, next: at + 1, before: at.wrapping_sub(1) });
    }

    /// The last symbol.
    pub(super) fn last(&mut self) -> Option<&mut Symbol> {
        self.symbols.last_mut()
    }

    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }
}

fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Refuses a model of BPE with an option that is not known here.
///
/// # Errors
/// Which one.
pub(super) fn check_options(model: &Value) -> Result<(), String> {
    if !model["dropout"].is_null() && model["dropout"].as_f64() != Some(0.0) {
        return Err("its model drops merges at random".to_owned());
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if fields::text(model, name)?.is_some_and(|text| !text.is_empty()) {
            return Err(format!("its BPE has a {name}"));
        }
    }
    for name in ["fuse_unk", "byte_fallback", "ignore_merges"] {
        fields::flag_or(model, name, false)?;
    }
    fields::text(model, "unk_token")?;
    Ok(())
}

/// The tokens of a `model` with their ids, in a table of hashes: merges ask for 100,000 of them and more, and the tree
/// that JSON is read into takes ten times as long for each.
///
/// # Errors
/// If there are none, or an id does not fit 31 bits.
pub(super) fn ids(model: &Value) -> Result<HashMap<&str, u32>, String> {
    let vocab = model["vocab"].as_object().ok_or("its model has no vocabulary")?;
    let id = |id: &Value| id.as_u64().and_then(|id| i32::try_from(id).ok()).map(i32::cast_unsigned);
    let ids = vocab.iter().map(|(token, number)| Some((token.as_str(), id(number)?)));
    ids.collect::<Option<_>>().ok_or_else(|| "an id of its vocabulary is too large".to_owned())
}

/// The two tokens of each merge of a model, the first merge first.
///
/// # Errors
/// If one of them is not a pair.
pub(super) fn pairs(model: &Value) -> Result<impl Iterator<Item = Result<(&str, &str), String>>, String> {
    let list = model["merges"].as_array().ok_or("its BPE has no merges")?;
    Ok(list.iter().map(|merge| {
        let two = match merge {
            Value::String(text) => text.split_once(' ').filter(|(_, right)| !right.contains(' ')),
            Value::Array(two) if two.len() == 2 => two[0].as_str().zip(two[1].as_str()),
            _ => None,
        };
        two.ok_or_else(|| "one of its merges is not a pair".to_owned())
    }))
}

impl Merges {
    /// Reads a `model` of `tokenizer.json`; `id` gives the ids of its tokens.
    ///
    /// # Errors
    /// If a merge is not a pair of tokens that makes a token.
    pub(super) fn from_json(model: &Value, id: impl Fn(&str) -> Option<u32>) -> Result<Self, String> {
        let mut merges = HashMap::with_capacity(model["merges"].as_array().map_or(0, Vec::len));
        let mut joined = String::new();
        for (rank, two) in (0..).zip(pairs(model)?) {
            let (left, right) = two?;
            joined.clear();
            joined.push_str(left);
            joined.push_str(right);
            let ids = id(left).zip(id(right)).zip(id(&joined));
            let ((left, right), made) = ids.ok_or("one of its merges is not in its vocabulary")?;
            merges.insert(pair(left, right), (rank, made));
        }
        Ok(Self(merges))
    }

    /// Merges the pair of lowest rank, the first one if there are several, until there is none.
    pub(super) fn merge(&self, scratch: &mut Scratch) {
        let Scratch { symbols, ranks, .. } = scratch;
        ranks.clear();
        ranks.extend(symbols.windows(2).map(|two| self.rank(two[0], two[1])));
        self.merge_ranked(scratch);
    }

    /// The same for a word whose symbols are its bytes; `pairs` is [`Self::of_bytes`].
    pub(super) fn merge_bytes(&self, word: &[u8], pairs: &[u32], scratch: &mut Scratch) {
        scratch.ranks.clear();
        scratch
            .ranks
            .extend(word.windows(2).map(|two| pairs[usize::from(two[0]) << 8 | usize::from(two[1])]));
        self.merge_ranked(scratch);
    }

    /// The rank of each pair of bytes, whose tokens are `bytes`: a look into this table is faster than one into a map,
    /// and a word starts with one for each of its bytes.
    pub(super) fn of_bytes(&self, bytes: &[u32; 256]) -> Vec<u32> {
        // A vocabulary may give one id to several bytes.
        let mut spelled: HashMap<u32, Vec<usize>> = HashMap::new();
        for (byte, &id) in bytes.iter().enumerate() {
            spelled.entry(id).or_default().push(byte);
        }
        let mut pairs = vec![NEVER; 1 << 16];
        for (two, (rank, _)) in &self.0 {
            let sides = spelled.get(&((two >> 32) as u32)).zip(spelled.get(&(*two as u32)));
            let Some((lefts, rights)) = sides else { continue };
            for (left, right) in lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right))) {
                pairs[left << 8 | right] = *rank;
            }
        }
        pairs
    }

    fn merge_ranked(&self, scratch: &mut Scratch) {
        if scratch.symbols.len() <= FEW { self.merge_few(scratch) } else { self.merge_many(scratch) }
    }

    #[inline]
    fn rank(&self, left: Symbol, right: Symbol) -> u32 {
        self.merged(left, right).map_or(NEVER, |(rank, _)| rank)
    }

    #[inline]
    fn merged(&self, left: Symbol, right: Symbol) -> Option<(u32, u32)> {
        self.0.get(&pair(left.id, right.id)).copied()
    }

    /// `scratch` has the rank of each pair of symbols.
    fn merge_few(&self, scratch: &mut Scratch) {
        let Scratch { symbols, ranks, .. } = scratch;
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
                ranks[at] = self.rank(symbols[at], symbols[at + 1]);
            }
            if at > 0 {
                ranks[at - 1] = self.rank(symbols[at - 1], symbols[at]);
            }
        }
    }

    /// The same with a heap of pairs and a list of symbols: a word of n symbols takes n log n steps, not n squared.
    fn merge_many(&self, scratch: &mut Scratch) {
        let Scratch { symbols, heap, ranks, .. } = scratch;
        let count = symbols.len() as u32;
        heap.clear();
        // Rank of the pair that each symbol starts; an entry of the heap that differs is out of date.
        ranks.resize(symbols.len(), NEVER);
        heap.extend(
            ranks.iter().zip(0..).filter(|(rank, _)| **rank != NEVER).map(|(&rank, at)| Reverse((rank, at))),
        );
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
                ranks[left] = self.rank(symbols[left], symbols[right]);
                if ranks[left] != NEVER {
                    heap.push(Reverse((ranks[left], left as u32)));
                }
            }
        }
        symbols.retain(|symbol| symbol.length > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Letters a to c with ids 0 to 2, and merges of these and of the results of earlier merges.
    fn merges(pairs: &[(usize, usize)]) -> Merges {
        let mut names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut list = Vec::new();
        for &(left, right) in pairs {
            let (left, right) = (&names[left % names.len()], &names[right % names.len()]);
            let made = format!("{left}{right}");
            list.push(json!([left, right]));
            if !names.contains(&made) {
                names.push(made);
            }
        }
        let id = |token: &str| names.iter().position(|name| name == token).map(|id| id as u32);
        Merges::from_json(&json!({"merges": list}), id).unwrap()
    }

    proptest! {
        /// Looking through all pairs is the twin of the heap.
        #[test]
        fn a_heap_merges_what_a_search_merges(pairs in prop::collection::vec((0_usize..20, 0_usize..20), 0..14), word in "[abc]{1,90}") {
            let merges = merges(&pairs);
            let tokens = |few: bool| {
                let mut scratch = Scratch::default();
                for byte in word.bytes() {
                    scratch.push(u32::from(byte - b'a'), 1);
                }
                let Scratch { symbols, ranks, .. } = &mut scratch;
                ranks.extend(symbols.windows(2).map(|two| merges.rank(two[0], two[1])));
                if few { merges.merge_few(&mut scratch) } else { merges.merge_many(&mut scratch) }
                scratch.symbols.iter().map(|symbol| (symbol.id, symbol.length)).collect::<Vec<_>>()
            };
            prop_assert_eq!(tokens(true), tokens(false));
            // By the table of bytes, whose tokens are those of the letters.
            let mut bytes = [u32::MAX; 256];
            bytes[usize::from(b'a')..=usize::from(b'c')].copy_from_slice(&[0, 1, 2]);
            let mut scratch = Scratch::default();
            word.bytes().for_each(|byte| scratch.push(u32::from(byte - b'a'), 1));
            merges.merge_bytes(word.as_bytes(), &merges.of_bytes(&bytes), &mut scratch);
            let table: Vec<_> = scratch.symbols.iter().map(|symbol| (symbol.id, symbol.length)).collect();
            prop_assert_eq!(table, tokens(true));
        }
    }
}
