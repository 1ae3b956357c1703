//! Word counts -> vocabulary and merges, in exactly the order of tokenizers' `BpeTrainer`, ties included.
//!
//! The plain way: count all pairs of neighbours in all words, merge the most frequent pair everywhere, count again.
//! That is a pass over all words for each of 50,000 merges. Instead, each pair knows the words it was met in, a merge
//! only touches those, and a heap holds the pairs. Its counts may be too high; they are corrected when a pair comes
//! up. tokenizers does the same and spends 30 s on the 250 MB of the bench, most of it in a hash set of positions for
//! each pair and a hash map for each word. Here positions lie in one long array; changes of one merge are summed
//! by the neighbour's id in arrays, so that the map of all pairs is asked once per neighbour and not once per word.
//!
//! Three habits of tokenizers show in its result and are kept: a pair keeps its count after it was merged; a pair that
//! comes up anew (because two ways lead to the same token) has a second entry with its own words; and a pair that is
//! merged twice counts as merged at its later time. Two are faults and are not kept: counts of pairs are 64 bits
//! here, not 32, and a negative count does not wrap to a huge one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use hashbrown::{HashMap, HashSet};

use crate::tokenizer::split::Alphabet;
use crate::train::counts::WordCounts;
pub use crate::train::spell::TrainOptions;
use crate::train::spell::{Letters, Span, Vocab, Words, byte_chars};
use crate::{Error, Result};

/// A trained vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trained {
    /// Tokens; the index is the id.
    pub vocab: Vec<String>,
    /// Pairs of ids, in the order in which an encoder applies them.
    pub merges: Vec<(u32, u32)>,
}

/// Trains on `counts`. `progress` is told now and then how many tokens there are; if it returns `false`, training
/// stops with [`Error::Stopped`].
///
/// Parts of words that `continuing_subword_prefix` or `end_of_word_suffix` mark are numbered in the order of their
/// characters, first the unmarked ones. (tokenizers numbers them in the order of a hash that changes from run to run.)
///
/// # Errors
/// [`Error::Stopped`]; [`Error::BadOption`] if a vocabulary or a corpus is too large for 32-bit ids.
pub fn train(
    counts: &WordCounts,
    alphabet: Alphabet,
    options: &TrainOptions,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Trained> {
    let mut vocab = Vocab::default();
    for token in &options.special_tokens {
        vocab.id(token);
    }
    let letters = Letters { alphabet, byte_chars: byte_chars() };
    letters.add_alphabet(counts, options, &mut vocab);
    let words = letters.spell(counts, options, &mut vocab)?;
    let mut trainer = Trainer::new(words, vocab.tokens.len(), options.max_token_length);
    trainer.run(&mut vocab, options, progress)
}

/// Two neighbours: left id in the high half, so that numbers order like pairs.
type Pair = u64;

fn pair(left: u32, right: u32) -> Pair {
    (u64::from(left) << 32) | u64::from(right)
}

const fn halves(pair: Pair) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

/// A pair that may be due: the highest count comes first, then the smallest pair, then the oldest entry.
///
/// Its words are at `at` in the positions: first how many, then which.
type Entry = (i64, Reverse<Pair>, Reverse<u64>);

/// One neighbour's share in a merge, summed over all words.
#[derive(Clone, Copy, Default)]
struct Share {
    /// Lost by (neighbour, left part) or (right part, neighbour).
    lost: i64,
    /// Gained by (neighbour, new token) or (new token, neighbour).
    gained: i64,
    /// Words in which something was gained.
    words: u32,
    /// Last of them, plus one.
    last: u32,
    /// Whether it is in the list of neighbours.
    listed: bool,
}

/// The neighbours of one merge on one side.
#[derive(Default)]
struct Side {
    shares: Vec<Share>,
    listed: Vec<u32>,
    /// (neighbour, word) of each gain, a word once per neighbour.
    gains: Vec<(u32, u32)>,
}

impl Side {
    #[inline]
    fn share(&mut self, neighbour: u32) -> &mut Share {
        let share = &mut self.shares[neighbour as usize];
        if !share.listed {
            share.listed = true;
            self.listed.push(neighbour);
        }
        share
    }

    #[inline]
    fn gain(&mut self, neighbour: u32, word: u32, count: i64) {
        let share = self.share(neighbour);
        share.gained += count;
        if share.last != word + 1 {
            share.last = word + 1;
            share.words += 1;
            self.gains.push((neighbour, word));
        }
    }
}

/// Words that are fetched from memory at once.
const AHEAD: usize = 32;

struct Trainer {
    words: Words,
    /// Characters in each symbol of the words; only kept if tokens have a longest length.
    lengths: Vec<u32>,
    longest: Option<usize>,
    pair_counts: HashMap<Pair, i64>,
    /// Entries of at least `floor`, and all others, which stay unsorted until it is their turn.
    hot: BinaryHeap<Entry>,
    cold: Vec<Entry>,
    floor: i64,
    positions: Vec<u32>,
    /// Cells of `positions` that no entry needs any more.
    unused: usize,
    left: Side,
    right: Side,
}

/// One pair while the pairs of all words are counted.
#[derive(Clone, Copy)]
struct Found {
    pair: Pair,
    count: i64,
    words: u32,
    /// Last word it was met in, plus one.
    last: u32,
    next: usize,
}

/// Pair -> slot. Few symbols, such as the 256 of byte-level words, get a square table, which is five times as fast.
enum Slots {
    Square(Vec<u32>, usize),
    Map(HashMap<Pair, u32>),
}

impl Slots {
    fn new(symbols: usize) -> Self {
        if symbols <= 1024 {
            Self::Square(vec![u32::MAX; symbols * symbols], symbols)
        } else {
            Self::Map(HashMap::new())
        }
    }

    #[inline]
    fn slot(&mut self, left: u32, right: u32) -> &mut u32 {
        match self {
            Self::Square(cells, side) => &mut cells[left as usize * *side + right as usize],
            Self::Map(map) => map.entry(pair(left, right)).or_insert(u32::MAX),
        }
    }
}

impl Trainer {
    /// Counts the pairs of all words, which are spelled in `symbols` different symbols.
    fn new(words: Words, symbols: usize, longest: Option<usize>) -> Self {
        let lengths = if longest.is_some() { vec![1; words.symbols.len()] } else { Vec::new() };
        // Two passes, so that the words of a pair lie side by side: first how many, then which.
        let mut slots = Slots::new(symbols);
        let mut found: Vec<Found> = Vec::new();
        for (word, &Span { start, length, count }) in words.spans.iter().enumerate() {
            for two in words.symbols[start as usize..(start + length) as usize].windows(2) {
                let slot = slots.slot(two[0], two[1]);
                if *slot == u32::MAX {
                    *slot = found.len() as u32;
                    found.push(Found { pair: pair(two[0], two[1]), count: 0, words: 0, last: 0, next: 0 });
                }
                let one = &mut found[*slot as usize];
                one.count += count;
                if one.last != word as u32 + 1 {
                    one.last = word as u32 + 1;
                    one.words += 1;
                }
            }
        }
        let mut trainer = Self {
            words,
            lengths,
            longest,
            pair_counts: HashMap::new(),
            hot: BinaryHeap::new(),
            cold: Vec::new(),
            floor: found.iter().map(|one| one.count).max().unwrap_or(0) / 16 + 1,
            positions: Vec::with_capacity(found.iter().map(|one| one.words as usize + 1).sum()),
            unused: 0,
            left: Side::default(),
            right: Side::default(),
        };
        for one in &mut found {
            trainer.pair_counts.insert(one.pair, one.count);
            one.last = 0;
            one.next = trainer.open(one.words) + 1;
            trainer.push((one.count, Reverse(one.pair), Reverse(one.next as u64 - 1)));
        }
        for (word, &Span { start, length, .. }) in trainer.words.spans.iter().enumerate() {
            for two in trainer.words.symbols[start as usize..(start + length) as usize].windows(2) {
                let one = &mut found[*slots.slot(two[0], two[1]) as usize];
                if one.last != word as u32 + 1 {
                    one.last = word as u32 + 1;
                    trainer.positions[one.next] = word as u32;
                    one.next += 1;
                }
            }
        }
        trainer
    }

    /// Room for `words` positions; returns where it begins.
    fn open(&mut self, words: u32) -> usize {
        let at = self.positions.len();
        self.positions.push(words);
        self.positions.resize(at + 1 + words as usize, 0);
        at
    }

    fn push(&mut self, entry: Entry) {
        if entry.0 >= self.floor {
            self.hot.push(entry);
        } else {
            self.cold.push(entry);
        }
    }

    /// The entry of the highest count. Counts fall slowly, so most entries never get into the heap.
    fn pop(&mut self) -> Option<Entry> {
        while self.hot.is_empty() && !self.cold.is_empty() {
            let highest = self.cold.iter().map(|entry| entry.0).max().unwrap_or(0);
            self.floor = (self.floor.min(highest + 1) / 4).max(1);
            let (floor, counts) = (self.floor, &self.pair_counts);
            let ready = self.cold.extract_if(.., |entry| {
                if entry.0 >= floor {
                    entry.0 = counts.get(&entry.1.0).copied().unwrap_or(0);
                }
                entry.0 >= floor
            });
            self.hot.extend(ready);
            self.cold.retain(|entry| entry.0 > 0);
        }
        self.hot.pop()
    }

    fn run(
        &mut self,
        vocab: &mut Vocab,
        options: &TrainOptions,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Trained> {
        let prefix = options.continuing_subword_prefix.as_deref().unwrap_or_default();
        let mut merges: Vec<Pair> = Vec::new();
        while vocab.tokens.len() < options.vocab_size {
            let Some((count, Reverse(pair), at)) = self.pop() else {
                break;
            };
            let current = self.pair_counts.get(&pair).copied().unwrap_or(0);
            if current != count {
                if current > 0 {
                    self.push((current, Reverse(pair), at));
                }
                continue;
            }
            if options.min_frequency > count as u64 {
                break;
            }
            if merges.len().is_multiple_of(256) && !progress(vocab.tokens.len()) {
                return Err(Error::Stopped);
            }
            let (left, right) = halves(pair);
            let tail = &vocab.tokens[right as usize];
            let tail = tail.strip_prefix(prefix).unwrap_or(tail);
            let token = vocab.id(&[&vocab.tokens[left as usize], tail].concat());
            merges.push(pair);
            self.merge((left, right), token, at.0 as usize, vocab.tokens.len());
        }
        // Merged twice counts as merged at the later time.
        let mut seen = HashSet::new();
        merges.reverse();
        merges.retain(|&pair| seen.insert(pair));
        merges.reverse();
        Ok(Trained {
            vocab: std::mem::take(&mut vocab.tokens),
            merges: merges.into_iter().map(halves).collect(),
        })
    }

    /// Replaces `parts` by `token` in the words that lie at `at` in the positions, and queues the pairs that come up.
    fn merge(&mut self, parts: (u32, u32), token: u32, at: usize, symbols: usize) {
        self.left.shares.resize(symbols, Share::default());
        self.right.shares.resize(symbols, Share::default());
        let words = self.positions[at] as usize;
        for index in at + 1..=at + words {
            if (index - at) % AHEAD == 1 {
                self.fetch(index..(index + AHEAD).min(at + words + 1));
            }
            let word = self.positions[index];
            if self.longest.is_some() {
                self.merge_word::<true>(parts, token, word);
            } else {
                self.merge_word::<false>(parts, token, word);
            }
        }
        self.unused += words + 1;
        // Losses first: a pair may lose on one side what it gained on the other, and its sum is what counts.
        for index in 0..self.left.listed.len() {
            let neighbour = self.left.listed[index];
            let lost = self.left.shares[neighbour as usize].lost;
            self.lose(pair(neighbour, parts.0), lost);
        }
        for index in 0..self.right.listed.len() {
            let neighbour = self.right.listed[index];
            let lost = self.right.shares[neighbour as usize].lost;
            self.lose(pair(parts.1, neighbour), lost);
        }
        let mut left = std::mem::take(&mut self.left);
        self.queue(&mut left, |neighbour| pair(neighbour, token));
        self.left = left;
        let mut right = std::mem::take(&mut self.right);
        self.queue(&mut right, |neighbour| pair(token, neighbour));
        self.right = right;
        if self.unused > self.positions.len() / 2 && self.positions.len() > 1 << 22 {
            self.compact();
        }
    }

    /// Looks at some words that are due, so that memory fetches them all at once and not one after the other: a third
    /// less time for all merges. (Sorting words by their bytes, so that neighbours lie close, cost as much as it
    /// gained.)
    #[inline]
    fn fetch(&self, positions: Range<usize>) {
        let first = |&word: &u32| self.words.symbols[self.words.spans[word as usize].start as usize];
        let seen = self.positions[positions].iter().fold(0, |seen, word| seen ^ first(word));
        std::hint::black_box(seen);
    }

    /// Replaces `parts` by `token` in one word, left to right, and notes what its neighbours lose and gain.
    #[inline]
    fn merge_word<const LIMITED: bool>(&mut self, parts: (u32, u32), token: u32, word: u32) {
        let Span { start, length, count } = self.words.spans[word as usize];
        let span = start as usize..(start + length) as usize;
        let symbols = &mut self.words.symbols[span.clone()];
        let lengths = if LIMITED { &mut self.lengths[span] } else { &mut [] };
        let longest = self.longest.unwrap_or(usize::MAX);
        let (mut read, mut write) = (0, 0);
        while read < symbols.len() {
            if symbols[read] != parts.0 || symbols.get(read + 1) != Some(&parts.1) {
                symbols[write] = symbols[read];
                if LIMITED {
                    lengths[write] = lengths[read];
                }
                (read, write) = (read + 1, write + 1);
                continue;
            }
            let merged = if LIMITED { lengths[read] + lengths[read + 1] } else { 0 };
            let fits = |other: u32| !LIMITED || ((other + merged) as usize) < longest;
            if write > 0 {
                let before = symbols[write - 1];
                self.left.share(before).lost += count;
                if fits(if LIMITED { lengths[write - 1] } else { 0 }) {
                    self.left.gain(before, word, count);
                }
            }
            if let Some(&after) = symbols.get(read + 2) {
                self.right.share(after).lost += count;
                if fits(if LIMITED { lengths[read + 2] } else { 0 }) {
                    // Two new tokens side by side are one pair, from whichever side it is seen.
                    let side = if after == token { &mut self.left } else { &mut self.right };
                    side.gain(after, word, count);
                }
            }
            symbols[write] = token;
            if LIMITED {
                lengths[write] = merged;
            }
            (read, write) = (read + 2, write + 1);
        }
        self.words.spans[word as usize].length = write as u32;
    }

    /// Takes `lost` from the count of a pair, and forgets a pair that is gone.
    fn lose(&mut self, pair: Pair, lost: i64) {
        if lost == 0 {
            return;
        }
        let count = self.pair_counts.entry(pair).or_default();
        *count -= lost;
        if *count == 0 {
            self.pair_counts.remove(&pair);
        }
    }

    /// Adds the gains of one side to the counts, makes an entry of each pair that gained, and clears the side.
    fn queue(&mut self, side: &mut Side, pair_of: impl Fn(u32) -> Pair) {
        for &neighbour in &side.listed {
            let share = &mut side.shares[neighbour as usize];
            let words = share.words;
            if words > 0 {
                let pair = pair_of(neighbour);
                let count = self.pair_counts.entry(pair).or_default();
                *count += share.gained;
                let count = *count;
                if count == 0 {
                    self.pair_counts.remove(&pair);
                }
                let at = self.open(words);
                // From here on the place of its next word.
                share.gained = at as i64 + 1;
                if count > 0 {
                    self.push((count, Reverse(pair), Reverse(at as u64)));
                } else {
                    self.unused += words as usize + 1;
                }
            }
        }
        for &(neighbour, word) in &side.gains {
            let next = &mut side.shares[neighbour as usize].gained;
            self.positions[*next as usize] = word;
            *next += 1;
        }
        for &neighbour in &side.listed {
            side.shares[neighbour as usize] = Share::default();
        }
        side.listed.clear();
        side.gains.clear();
    }

    /// Closes the gaps between the positions of the entries that are left, which keep their order.
    fn compact(&mut self) {
        let mut entries = std::mem::take(&mut self.hot).into_vec();
        let hot = entries.len();
        entries.append(&mut self.cold);
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_unstable_by_key(|&index| Reverse(entries[index as usize].2));
        let mut end = 0;
        for index in order {
            let Reverse(at) = &mut entries[index as usize].2;
            let from = *at as usize;
            let cells = self.positions[from] as usize + 1;
            self.positions.copy_within(from..from + cells, end);
            *at = end as u64;
            end += cells;
        }
        self.positions.truncate(end);
        self.unused = 0;
        self.cold = entries.split_off(hot);
        self.hot = entries.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(words: &[(&str, u64)], options: &TrainOptions) -> Result<Trained> {
        let mut counts = WordCounts::default();
        for (word, count) in words {
            counts.add(word.as_bytes(), *count)?;
        }
        train(&counts, Alphabet::Chars, options, &mut |_| true)
    }

    #[test]
    fn merges_of_small_corpora() {
        type Case<'a> = (&'a [(&'a str, u64)], usize, &'a [&'a str]);
        let cases: [Case<'_>; 5] = [
            (&[], 9, &[]),
            (&[("a", 5)], 9, &["a"]),
            // Ties go to the smallest pair of ids.
            (&[("ab", 1), ("ba", 1)], 4, &["a", "b", "ab", "ba"]),
            // Left to right, without overlap; then (aa, a) ties with (aa, aa).
            (&[("aaaaa", 1)], 9, &["a", "aa", "aaa", "aaaaa"]),
            (&[("abab", 3), ("cd", 1 << 40)], 7, &["a", "b", "c", "d", "cd", "ab", "abab"]),
        ];
        for (words, vocab_size, expected) in cases {
            let options = TrainOptions { vocab_size, ..TrainOptions::default() };
            assert_eq!(trained(words, &options).map(|trained| trained.vocab), Ok(words_of(expected)));
        }
    }

    fn words_of(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn a_caller_may_stop_and_a_count_may_be_too_large() {
        let mut counts = WordCounts::default();
        assert_eq!(counts.add(b"ab", 1), Ok(()));
        let options = TrainOptions { vocab_size: 9, ..TrainOptions::default() };
        assert_eq!(train(&counts, Alphabet::Bytes, &options, &mut |_| false), Err(Error::Stopped));
        assert!(trained(&[("ab", 1 << 61)], &options).is_err());
    }

    /// Far more merges than fit between two closings of the gaps in the positions.
    #[test]
    fn closing_gaps_changes_nothing() {
        let words: Vec<String> =
            (0..3000_u32).map(|i| format!("{:b}", i.wrapping_mul(2_654_435_761))).collect();
        let words: Vec<_> = words.iter().zip(1..).map(|(word, count)| (word.as_str(), count)).collect();
        let mut counts = WordCounts::default();
        for (word, count) in &words {
            assert_eq!(counts.add(word.as_bytes(), *count), Ok(()));
        }
        let run = |compact: bool| {
            let mut vocab = Vocab::default();
            let letters = Letters { alphabet: Alphabet::Chars, byte_chars: byte_chars() };
            let options = TrainOptions { vocab_size: 400, ..TrainOptions::default() };
            letters.add_alphabet(&counts, &options, &mut vocab);
            let words = letters.spell(&counts, &options, &mut vocab).expect("small");
            let mut trainer = Trainer::new(words, vocab.tokens.len(), None);
            let mut all = Vec::new();
            for vocab_size in (10..400).step_by(10) {
                let options = TrainOptions { vocab_size, ..options.clone() };
                let mut copy = Vocab { tokens: vocab.tokens.clone(), ids: vocab.ids.clone() };
                let part = trainer.run(&mut copy, &options, &mut |_| true).expect("small");
                vocab = Vocab { tokens: part.vocab, ids: copy.ids };
                all.extend(part.merges);
                if compact {
                    trainer.compact();
                }
            }
            all
        };
        assert_eq!(run(false), run(true));
    }
}
