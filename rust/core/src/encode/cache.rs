//! Chunk of text -> its tokens, remembered from before.
//!
//! A chunk is text whose tokens do not depend on what is around it: between two blanks, or a word of a byte-level
//! splitter. Its tokens are kept with places relative to the chunk, so they are right wherever the chunk stands. Most
//! chunks of a text have been met before: a hit takes 5 ns, normalising, splitting and looking up some 150.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashMap;

use super::columns::{Piece, Tokens};

/// Bytes of a chunk that fit a key.
const SHORT: usize = 16;
/// Bytes of the longest chunk that is kept: a sentence in Chinese between two commas. Places in it fit a byte.
pub(super) const LONG: usize = 255;
/// Slots at first, 2 MB, and at most, 16 MB; their number grows once half of them are used.
const SLOTS: (usize, usize) = (1 << 16, 1 << 19);
/// Most tokens of chunks that are not one token, 8 MB.
const PIECES: usize = 1 << 20;
/// Most chunks of more than [`SHORT`] bytes, and their bytes in all: some 4 MB.
const LONG_CHUNKS: usize = 1 << 15;
const LONG_BYTES: usize = 2 << 20;

/// A piece as the cache keeps it: a [`Piece`] with fields of one byte.
#[derive(Debug, Clone, Copy)]
struct Kept {
    id: u32,
    start: u8,
    end: u8,
    word: u8,
}

/// The tokens of a chunk: `count` of them from `at` on, or, if `whole`, a single one with the id `at` that covers the
/// chunk.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    at: u32,
    count: u8,
    words: u8,
    chars: u8,
    whole: bool,
}

/// A short chunk: its bytes, 0 for a slot that is not used.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u128,
    entry: Entry,
}

/// The memory of one thread: at most 30 MB, then it starts anew.
#[derive(Debug)]
pub(super) struct Cache {
    slots: Vec<Slot>,
    shift: u32,
    used: usize,
    long: HashMap<Box<[u8]>, Entry>,
    /// Bytes of the chunks in `long`.
    long_bytes: usize,
    pieces: Vec<Kept>,
    /// Random, so that nobody can write a text whose chunks all fall on one slot.
    seeds: (u64, u64),
}

impl Cache {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self {
            slots: vec![Slot::default(); SLOTS.0],
            shift: 64 - SLOTS.0.trailing_zeros(),
            used: 0,
            long: HashMap::new(),
            long_bytes: 0,
            pieces: Vec::new(),
            seeds: (random.hash_one(1), random.hash_one(2)),
        }
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
            + self.pieces.capacity() * size_of::<Kept>()
            + self.long.capacity() * (size_of::<(Box<[u8]>, Entry)>() + 1)
            + self.long_bytes
    }

    /// Adds the tokens of chunk `from..to` of `text` to `out` and steps over it; `false` if they are not known.
    #[inline(always)]
    pub(super) fn copy(&self, text: &[u8], from: usize, to: usize, out: &mut Tokens) -> bool {
        let entry = match key(text, from, to) {
            Some(key) => {
                let mut at = self.place(key);
                loop {
                    let slot = &self.slots[at];
                    if slot.key == key {
                        break slot.entry;
                    }
                    if slot.key == 0 {
                        return false;
                    }
                    at = (at + 1) & (self.slots.len() - 1);
                }
            }
            None => match self.long.get(&text[from..to]) {
                Some(entry) => *entry,
                None => return false,
            },
        };
        if entry.whole {
            out.push(entry.at, out.chars, out.chars + u32::from(entry.chars), out.word);
        } else {
            let at = entry.at as usize;
            for kept in &self.pieces[at..at + usize::from(entry.count)] {
                let (start, end) = (u32::from(kept.start), u32::from(kept.end));
                out.push_near(&Piece { id: kept.id, start, end, word: u32::from(kept.word) });
            }
        }
        out.chars += u32::from(entry.chars);
        out.word += u32::from(entry.words);
        true
    }

    /// Remembers the tokens of chunk `from..to` of `text`, which has `chars` characters and `words` words.
    pub(super) fn keep(
        &mut self,
        text: &[u8],
        from: usize,
        to: usize,
        pieces: &[Piece],
        chars: u32,
        words: u32,
    ) {
        if to - from > LONG || pieces.len() > 255 || words > 255 {
            return;
        }
        self.make_room();
        // Places lie within the chunk, which is short: they fit a byte.
        let whole =
            matches!(pieces, [one] if words == 1 && one.word == 0 && one.start == 0 && one.end == chars);
        let at = if whole { pieces[0].id } else { self.pieces.len() as u32 };
        if !whole {
            self.pieces.extend(pieces.iter().map(|piece| Kept {
                id: piece.id,
                start: piece.start as u8,
                end: piece.end as u8,
                word: piece.word as u8,
            }));
        }
        let entry = Entry { at, count: pieces.len() as u8, words: words as u8, chars: chars as u8, whole };
        if let Some(key) = key(text, from, to) {
            self.put(Slot { key, entry });
            self.used += 1;
        } else {
            self.long_bytes += to - from;
            self.long.insert(text[from..to].into(), entry);
        }
    }

    fn make_room(&mut self) {
        let slots = self.slots.len();
        let full = self.pieces.len() >= PIECES - 255
            || self.long.len() >= LONG_CHUNKS
            || self.long_bytes >= LONG_BYTES
            || self.used * 2 >= SLOTS.1;
        if full {
            self.slots.fill(Slot::default());
            self.used = 0;
            self.long.clear();
            self.long_bytes = 0;
            self.pieces.clear();
        } else if self.used * 2 >= slots {
            let old = std::mem::replace(&mut self.slots, vec![Slot::default(); slots * 2]);
            self.shift -= 1;
            old.into_iter().filter(|slot| slot.key != 0).for_each(|slot| self.put(slot));
        }
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.place(slot.key);
        while self.slots[at].key != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    #[inline(always)]
    fn place(&self, key: u128) -> usize {
        let product = u128::from(key as u64 ^ self.seeds.0) * u128::from((key >> 64) as u64 ^ self.seeds.1);
        let folded = product as u64 ^ (product >> 64) as u64;
        (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

/// The bytes of chunk `from..to` as one number. `None` if it is too long, or ends in a NUL, which would make it equal
/// to the chunk without the NUL.
#[inline(always)]
fn key(text: &[u8], from: usize, to: usize) -> Option<u128> {
    let length = to - from;
    if length > SHORT || length == 0 || text[to - 1] == 0 {
        return None;
    }
    Some(if let Some(sixteen) = text[from..].first_chunk::<SHORT>() {
        u128::from_le_bytes(*sixteen) & (u128::MAX >> (8 * (SHORT - length)))
    } else {
        let mut bytes = [0; SHORT];
        bytes[..length].copy_from_slice(&text[from..to]);
        u128::from_le_bytes(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tokens that the cache gives for a chunk at character 100 and word 10.
    fn copied(cache: &Cache, text: &[u8]) -> Option<Tokens> {
        let mut out = Tokens { chars: 100, word: 10, ..Tokens::default() };
        cache.copy(text, 0, text.len(), &mut out).then_some(out)
    }

    #[test]
    fn chunks_that_differ_by_a_nul_are_told_apart() {
        let mut cache = Cache::new();
        for (id, chunk) in
            [b"a".as_slice(), b"a\0", b"a\0\0", b"\0", b"\0a", &[b'x'; 16], &[b'x'; 17]].iter().enumerate()
        {
            let chars = chunk.len() as u32;
            cache.keep(
                chunk,
                0,
                chunk.len(),
                &[Piece { id: id as u32, start: 0, end: chars, word: 0 }],
                chars,
                1,
            );
        }
        let ids = |chunk: &[u8]| copied(&cache, chunk).map(|out| out.ids);
        assert_eq!(ids(b"a\0"), Some(vec![1]));
        assert_eq!(ids(b"\0a"), Some(vec![4]));
        assert_eq!(ids(b"b"), None);
        let long = copied(&cache, &[b'x'; 17]).unwrap();
        assert_eq!((long.ids, long.offsets, long.words), (vec![6], vec![[100, 117]], vec![10]));
        assert_eq!((long.chars, long.word), (117, 11));
    }

    #[test]
    fn memory_stays_bounded_and_what_is_kept_stays_right() {
        let mut cache = Cache::new();
        let mut most = 0;
        for number in 0..700_000_u32 {
            let chunk = format!(
                "{number:x}{}",
                "z".repeat((number % if number < 300_000 { 30 } else { 240 }) as usize)
            );
            let chars = chunk.len() as u32;
            let pieces = [
                Piece { id: number, start: 0, end: 1, word: 0 },
                Piece { id: 7, start: 1, end: chars, word: 1 },
            ];
            cache.keep(chunk.as_bytes(), 0, chunk.len(), &pieces, chars, 2);
            let found = copied(&cache, chunk.as_bytes()).map(|out| (out.ids, out.words));
            assert_eq!(found, Some((vec![number as i32, 7], vec![10, 11])));
            most = most.max(cache.bytes());
        }
        assert!(most < 32 << 20, "{most}");
    }

    proptest! {
        /// The twin is the bytes themselves: two chunks have one key only if they are equal.
        #[test]
        fn keys_are_the_bytes(a in prop::collection::vec(0_u8..3, 1..17), b in prop::collection::vec(0_u8..3, 1..17), pad in 0_usize..20) {
            let padded = |chunk: &[u8]| [chunk, &vec![9; pad]].concat();
            let (one, two) = (key(&padded(&a), 0, a.len()), key(&padded(&b), 0, b.len()));
            if one.is_some() && two.is_some() {
                prop_assert_eq!(one == two, a == b);
            }
        }
    }
}
