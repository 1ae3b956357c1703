//! Words of up to 15 bytes -> how often each occurs.
//!
//! The plain way is a map from slices. Of the words of Python code 98 in 100 are this short, and their lengths are as
//! good as random, so the processor guesses each branch on a length wrong. Here a word is two numbers, its length
//! among them: they are hashed in one step, compared in one and stored in the table itself. Words that occur often are
//! met early and get the cell where they are looked for first.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Longest word that fits.
pub(super) const LONGEST: usize = 15;

/// A word's bytes, zeros, and its length plus one: no two words share a key, and no key is all zeros.
pub(super) type Key = u128;

/// One word, or nothing if the key is 0.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    key: [u8; 16],
    count: u64,
}

/// Open addressing, linear probing; a power of two of cells, at most two thirds of them taken.
#[derive(Debug, Clone, Default)]
pub(super) struct ShortCounts {
    cells: Vec<Cell>,
    len: usize,
    seed: Seed,
}

/// What hashes start from, drawn anew by each process: so whoever makes a corpus can't choose words that all want one
/// cell, which would make counting quadratic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(pub(super) u64, pub(super) u64);

impl Default for Seed {
    fn default() -> Self {
        static SEED: LazyLock<Seed> = LazyLock::new(|| {
            let random = RandomState::new();
            Seed(random.hash_one(0_u8), random.hash_one(1_u8))
        });
        *SEED
    }
}

/// The key of a word of up to [`LONGEST`] bytes that lies at `start` in `text`.
#[inline]
pub(super) fn key(text: &[u8], start: usize, length: usize) -> Key {
    let word = if let Some(bytes) = text[start..].first_chunk::<16>() {
        u128::from_le_bytes(*bytes) & ((1 << (8 * length)) - 1)
    } else {
        let mut bytes = [0; 16];
        bytes[..length].copy_from_slice(&text[start..start + length]);
        u128::from_le_bytes(bytes)
    };
    word | (length as u128 + 1) << 120
}

impl ShortCounts {
    /// Adds `count` to the word of `key`; its sum must fit 64 bits.
    #[inline]
    pub(super) fn add(&mut self, key: Key, count: u64) {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = self.seed.hash(key) as usize & mask;
        while let Some(cell) = self.cells.get_mut(at) {
            let known = u128::from_le_bytes(cell.key);
            if known == key {
                cell.count += count;
                return;
            }
            if known == 0 {
                break;
            }
            at = (at + 1) & mask;
        }
        self.insert(key, count);
    }

    /// Adds a word that is not there yet.
    #[cold]
    fn insert(&mut self, key: Key, count: u64) {
        if 3 * (self.len + 1) > 2 * self.cells.len() {
            let cells = vec![Cell::default(); (2 * self.cells.len()).max(64)];
            let old = std::mem::replace(&mut self.cells, cells);
            let most = |cell: &&Cell| cell.count > 64;
            // Words that occur often keep the first choice.
            old.iter().filter(|cell| most(cell)).for_each(|cell| self.place(*cell));
            old.iter().filter(|cell| !most(cell) && cell.key != [0; 16]).for_each(|cell| self.place(*cell));
        }
        self.place(Cell { key: key.to_le_bytes(), count });
        self.len += 1;
    }

    /// Puts a cell where it is looked for first, or in the next free place; there is one.
    fn place(&mut self, cell: Cell) {
        let mask = self.cells.len() - 1;
        let mut at = self.seed.hash(u128::from_le_bytes(cell.key)) as usize & mask;
        while self.cells[at].key != [0; 16] {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell;
    }

    /// Adds all of `other`'s counts; the sums must fit 64 bits.
    pub(super) fn merge(&mut self, other: &Self) {
        for cell in other.cells.iter().filter(|cell| cell.key != [0; 16]) {
            self.add(u128::from_le_bytes(cell.key), cell.count);
        }
    }

    /// Each word with its count, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let taken = self.cells.iter().filter(|cell| cell.key != [0; 16]);
        taken.map(|cell| (&cell.key[..cell.key[15] as usize - 1], cell.count))
    }

    /// How often the word of `key` occurs.
    pub(super) fn get(&self, key: Key) -> u64 {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = self.seed.hash(key) as usize & mask;
        while let Some(cell) = self.cells.get(at) {
            let known = u128::from_le_bytes(cell.key);
            if known == key {
                return cell.count;
            }
            if known == 0 {
                break;
            }
            at = (at + 1) & mask;
        }
        0
    }

    /// Distinct words.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }
}

impl Seed {
    /// Product of both halves, its halves folded together.
    #[inline]
    fn hash(self, key: Key) -> u64 {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let product = u128::from(low ^ self.0) * u128::from(high ^ self.1);
        (product as u64) ^ ((product >> 64) as u64)
    }
}
