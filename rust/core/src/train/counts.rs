//! Words -> how often each occurs, in 64 bits; counted on all threads, merged, saved and loaded.
//!
//! The plain way is a map of strings, `*counts.entry(word.to_owned()).or_default() += 1`. Python code has 60 million
//! words in 250 MB but only a few hundred distinct ones in most of them, so it pays to keep a word's bytes once,
//! in one long buffer, and to find it by a slice: no allocation per word, and 33 bytes of table per distinct word.
//! Words of up to 15 bytes, 98 in 100 of those that occur, have a table of their own: see `short`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::Path;

use crc32fast::Hasher;
use hashbrown::HashTable;

use crate::corpus::Texts;
use crate::parallel::{self, Threads};
use crate::tokenizer::split::Splitter;
use crate::train::short::{self, Seed, ShortCounts};
use crate::{Error, Result};

/// One distinct word of more than 15 bytes: where they lie, and how often it occurs.
#[derive(Debug, Clone, Copy)]
struct Word {
    head: u64,
    start: u64,
    count: u64,
    length: u32,
    hash: u32,
}

/// How often each word of a corpus occurs.
#[derive(Debug, Default, Clone)]
pub struct WordCounts {
    bytes: Vec<u8>,
    words: HashTable<Word>,
    short: ShortCounts,
    total: u64,
    seed: Seed,
}

/// Equal if the same words occur equally often, in whatever order they were met.
impl PartialEq for WordCounts {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(word, count)| other.get(word) == count)
    }
}

impl WordCounts {
    /// Counts the words of all batches that `next` hands out, on `threads` threads. `next` stays on this thread.
    ///
    /// The result does not depend on the number of threads, nor on how texts are batched. Files need no `next`: see
    /// [`corpus::each`](crate::corpus::each) with [`add_texts`](Self::add_texts) and [`sum`](Self::sum).
    ///
    /// # Errors
    /// The first error of `next`; [`Error::BadOption`] for a word of 4 GiB or more.
    pub fn count<E: From<Error> + Send>(
        splitter: &Splitter,
        threads: Threads,
        next: impl FnMut() -> std::result::Result<Option<Texts>, E>,
    ) -> std::result::Result<Self, E> {
        let work = |counts: &mut Self, texts: Texts| counts.add_texts(splitter, &texts).map_err(E::from);
        Ok(Self::sum(parallel::fold(threads, next, Self::default, work)?)?)
    }

    /// Adds up what several threads have counted.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a sum of counts beyond 64 bits.
    pub fn sum(mut parts: Vec<Self>) -> Result<Self> {
        // The largest part takes in the others.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        parts.try_for_each(|part| all.merge(&part)).map(|()| all)
    }

    /// Counts the words of `texts`.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a word of 4 GiB or more, or a sum of counts beyond 64 bits.
    pub fn add_texts(&mut self, splitter: &Splitter, texts: &Texts) -> Result<()> {
        texts.iter().try_for_each(|text| self.add_text(splitter, text))
    }

    /// Counts the words of one text.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a word of 4 GiB or more, or a sum of counts beyond 64 bits.
    pub fn add_text(&mut self, splitter: &Splitter, text: &str) -> Result<()> {
        let mut result = Ok(());
        splitter.split_within(text, &mut |text, word| {
            if let Err(error) = self.add_within(text, word, 1) {
                result = Err(error);
            }
        });
        result
    }

    /// Adds `count` to one word.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a word of 4 GiB or more, or a sum of counts beyond 64 bits.
    #[inline]
    pub fn add(&mut self, word: &[u8], count: u64) -> Result<()> {
        self.add_within(word, 0..word.len(), count)
    }

    /// Adds `count` to the word that is a part of `text`.
    #[inline]
    fn add_within(&mut self, text: &[u8], word: Range<usize>, count: u64) -> Result<()> {
        self.total = self.total.checked_add(count).ok_or_else(|| too_big("counts", u64::MAX))?;
        if word.len() <= short::LONGEST {
            self.short.add(short::key(text, word.start, word.len()), count);
            return Ok(());
        }
        self.add_long(&text[word], count)
    }

    /// Adds `count` to a word of more than 15 bytes.
    fn add_long(&mut self, word: &[u8], count: u64) -> Result<()> {
        let (head, hash) = (head(word), hash(word, self.seed));
        let Self { bytes, words, .. } = self;
        let same = |known: &Word| {
            known.head == head && known.length as usize == word.len() && tail(bytes, known) == &word[8..]
        };
        if let Some(known) = words.find_mut(spread(hash), same) {
            known.count += count;
            return Ok(());
        }
        let length = u32::try_from(word.len()).map_err(|_| too_big("texts", word.len() as u64))?;
        let start = bytes.len() as u64;
        bytes.extend_from_slice(word);
        words.insert_unique(spread(hash), Word { head, start, count, length, hash }, |known| {
            spread(known.hash)
        });
        Ok(())
    }

    /// Adds all of `other`'s counts.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a sum of counts beyond 64 bits.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.total = self.total.checked_add(other.total).ok_or_else(|| too_big("counts", u64::MAX))?;
        self.short.merge(&other.short);
        other.long().try_for_each(|(word, count)| self.add_long(word, count))
    }

    /// Each word with its count, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.short.iter().chain(self.long())
    }

    /// Each word of more than 15 bytes with its count.
    fn long(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.words.iter().map(|word| (self.spelling(word), word.count))
    }

    /// Each word with its count, in the order of the words' bytes.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable();
        all
    }

    /// How often `word` occurs.
    #[must_use]
    pub fn get(&self, word: &[u8]) -> u64 {
        if word.len() <= short::LONGEST {
            return self.short.get(short::key(word, 0, word.len()));
        }
        let hash = hash(word, self.seed);
        self.words.find(spread(hash), |known| self.spelling(known) == word).map_or(0, |known| known.count)
    }

    /// Distinct words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.short.len() + self.words.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All words, each as often as it occurs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that the distinct words take in memory, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.short.memory() + self.bytes.capacity() + self.words.capacity() * (size_of::<Word>() + 1)
    }

    fn spelling(&self, word: &Word) -> &[u8] {
        let start = word.start as usize;
        &self.bytes[start..start + word.length as usize]
    }
}

fn too_big(name: &'static str, got: u64) -> Error {
    let cure = "a word has less than 4 GiB and all counts together less than 2^64; split the corpus";
    Error::BadOption { name, got: got.to_string(), cure }
}

/// The bytes of a long word after its head.
fn tail<'a>(bytes: &'a [u8], word: &Word) -> &'a [u8] {
    let start = word.start as usize;
    &bytes[start + 8..start + word.length as usize]
}

/// The first 8 bytes of a long word as a number.
#[inline]
fn head(word: &[u8]) -> u64 {
    word.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first))
}

/// 32 bits of a hash over the whole of a long word: its ends, and 8 bytes a turn.
#[inline]
fn hash(word: &[u8], seed: Seed) -> u32 {
    let mut last = seed.0 ^ word.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
    for chunk in word.as_chunks::<8>().0 {
        last = mix(last ^ u64::from_le_bytes(*chunk), ODD[0]);
    }
    let mixed = mix(head(word) ^ seed.1, last ^ ODD[1] ^ ((word.len() as u64) << 48));
    (mixed ^ (mixed >> 32)) as u32
}

const ODD: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03];

/// Product of two words, both halves folded together.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// 64 bits for the table, which takes its place from the low ones and its tag from the high ones.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(ODD[0]) ^ u64::from(hash)
}

/// First bytes of a file of counts; the last one is the version of the format.
const MAGIC: [u8; 8] = *b"FPWORDS\x01";

/// The format, version 1. Numbers are little-endian; a varint has seven bits a byte, the low ones first.
///
/// | bytes | what |
/// |---|---|
/// | 8 | `FPWORDS` and the version, 1 |
/// | 8 | length of the header |
/// | | the header: UTF-8 that the writer chose, here JSON that says which tokenizer made the words |
/// | 8 | number of words |
/// | | each word: varint length, its bytes, varint count; in the order of the words' bytes |
/// | 4 | CRC-32 (IEEE) of all bytes before it |
///
/// Equal counts and header make equal files, whatever machine and however many threads counted.
impl WordCounts {
    /// Writes the counts beside `path`, then moves them there, so that a file by that name is always whole.
    ///
    /// # Errors
    /// [`Error::File`] if the system refuses.
    pub fn save(&self, path: &Path, header: &str) -> Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let write = || -> std::io::Result<()> {
            let mut out = Checked {
                inner: BufWriter::with_capacity(1 << 20, File::create(&part)?),
                crc: Hasher::new(),
            };
            out.write_all(&MAGIC)?;
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(header.as_bytes())?;
            out.write_all(&(self.len() as u64).to_le_bytes())?;
            for (word, count) in self.sorted() {
                write_varint(&mut out, word.len() as u64)?;
                out.write_all(word)?;
                write_varint(&mut out, count)?;
            }
            let crc = out.crc.clone().finalize();
            let mut inner = out.inner;
            inner.write_all(&crc.to_le_bytes())?;
            inner.into_inner()?.sync_all()?;
            std::fs::rename(&part, path)
        };
        write().map_err(|error| {
            // Best effort: the first error is the one worth telling.
            let _ = std::fs::remove_file(&part);
            Error::file(path, &error)
        })
    }

    /// Reads what [`save`](Self::save) wrote: the counts and the header.
    ///
    /// # Errors
    /// [`Error::File`] if the system refuses, [`Error::BadCounts`] if the file is cut short, changed or of another
    /// kind.
    pub fn load(path: &Path) -> Result<(Self, String)> {
        let bad = |problem: &'static str| Error::BadCounts { path: path.display().to_string(), problem };
        let told = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => bad("it is cut short"),
            _ => Error::file(path, &error),
        };
        let file = File::open(path).map_err(|error| Error::file(path, &error))?;
        let size = file.metadata().map_err(|error| Error::file(path, &error))?.len();
        let mut input = Checked { inner: BufReader::with_capacity(1 << 20, file), crc: Hasher::new() };
        let mut magic = [0; 8];
        input.read_exact(&mut magic).map_err(told)?;
        if magic[..7] != MAGIC[..7] {
            return Err(bad("it was not written by WordCounts.save"));
        }
        if magic[7] != MAGIC[7] {
            return Err(bad("it has another version of the format; load it with the fastpost that wrote it"));
        }
        // No length is trusted beyond what the file can hold, so a changed one can't ask for all memory.
        let length = read_u64(&mut input).map_err(told)?;
        if length > size {
            return Err(bad("it is cut short"));
        }
        let mut header = vec![0; length as usize];
        input.read_exact(&mut header).map_err(told)?;
        let words = read_u64(&mut input).map_err(told)?;
        let mut counts = Self::default();
        let mut word = Vec::new();
        for _ in 0..words {
            let length =
                read_varint(&mut input).map_err(told)?.ok_or_else(|| bad("it was changed or damaged"))?;
            if length > size {
                return Err(bad("it was changed or damaged"));
            }
            word.resize(length as usize, 0);
            input.read_exact(&mut word).map_err(told)?;
            let count =
                read_varint(&mut input).map_err(told)?.ok_or_else(|| bad("it was changed or damaged"))?;
            counts.add(&word, count).map_err(|_| bad("it was changed or damaged"))?;
        }
        let crc = input.crc.clone().finalize();
        let mut stored = [0; 4];
        input.inner.read_exact(&mut stored).map_err(told)?;
        if u32::from_le_bytes(stored) != crc {
            return Err(bad("it was changed or damaged: its checksum differs"));
        }
        if input.inner.read(&mut [0]).map_err(told)? != 0 {
            return Err(bad("it has more bytes than it says"));
        }
        let header = String::from_utf8(header).map_err(|_| bad("it was changed or damaged"))?;
        Ok((counts, header))
    }
}

/// A reader or writer that keeps the checksum of what went through.
struct Checked<T> {
    inner: T,
    crc: Hasher,
}

impl<T: Write> Write for Checked<T> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Checked<T> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.crc.update(&bytes[..read]);
        Ok(read)
    }
}

fn write_varint(out: &mut impl Write, mut number: u64) -> std::io::Result<()> {
    let mut bytes = [0; 10];
    let mut length = 0;
    loop {
        bytes[length] = (number & 0x7F) as u8 | if number > 0x7F { 0x80 } else { 0 };
        number >>= 7;
        length += 1;
        if number == 0 {
            return out.write_all(&bytes[..length]);
        }
    }
}

/// `None` if the number does not fit 64 bits.
fn read_varint(input: &mut impl Read) -> std::io::Result<Option<u64>> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        let bits = u64::from(byte[0] & 0x7F);
        if shift == 63 && bits > 1 {
            return Ok(None);
        }
        number |= bits << shift;
        if byte[0] < 0x80 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn read_u64(input: &mut impl Read) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn counted(words: &[(Vec<u8>, u64)]) -> Result<WordCounts> {
        let mut counts = WordCounts::default();
        words.iter().try_for_each(|(word, count)| counts.add(word, *count)).map(|()| counts)
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_plain_map(words in prop::collection::vec(("[ab\\x00]{0,20}", 1..99_u64), 0..200)) {
            let words: Vec<_> = words.into_iter().map(|(word, count)| (word.into_bytes(), count)).collect();
            let mut plain: BTreeMap<&[u8], u64> = BTreeMap::new();
            for (word, count) in &words {
                *plain.entry(word).or_default() += count;
            }
            let counts = counted(&words)?;
            prop_assert_eq!(counts.sorted(), plain.into_iter().collect::<Vec<_>>());
            prop_assert!(words.iter().all(|(word, _)| counts.get(word) == counts.iter().find(|(other, _)| *other == word.as_slice()).map_or(0, |(_, count)| count)));
            prop_assert_eq!(counts.get(b"c") + counts.get(b"cccccccccccccccccccccccc"), 0);
            let (left, right) = words.split_at(words.len() / 2);
            let mut merged = counted(left)?;
            merged.merge(&counted(right)?)?;
            prop_assert!(merged == counts);
            prop_assert_eq!(merged.total(), counts.total());
        }

        #[test]
        fn a_saved_file_comes_back(words in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1..1_u64 << 50), 0..9)) {
            let counts = counted(&words)?;
            let path = std::env::temp_dir().join(format!("fastpost-counts-{}", std::process::id()));
            counts.save(&path, "header")?;
            let (again, header) = WordCounts::load(&path)?;
            std::fs::remove_file(&path)?;
            prop_assert!(again == counts && header == "header");
        }
    }

    #[test]
    fn batches_and_threads_do_not_show() -> Result<()> {
        let splitter = Splitter::from_json(&json!(null), &json!({"type": "BertPreTokenizer"}));
        let splitter = splitter.map_err(|_| Error::Stopped)?;
        let texts: Vec<String> = (0..500).map(|i| format!("{} and {}", i % 7, i % 31)).collect();
        let mut all = Vec::new();
        for (threads, size) in [(1, 500), (1, 3), (2, 10), (4, 1)] {
            let mut batches = texts.chunks(size).map(|batch| {
                let mut texts = Texts::default();
                for text in batch {
                    texts.push(text);
                }
                texts
            });
            let threads = std::num::NonZeroUsize::new(threads);
            all.push(WordCounts::count(&splitter, threads, || Ok::<_, Error>(batches.next()))?);
        }
        assert!(all.iter().all(|counts| *counts == all[0]));
        assert_eq!((all[0].total(), all[0].get(b"and")), (1500, 500));
        Ok(())
    }

    #[test]
    fn counts_have_64_bits_and_no_more() {
        let mut counts = WordCounts::default();
        assert_eq!(counts.add(b"a", u64::MAX), Ok(()));
        assert!(counts.add(b"a", 1).is_err());
    }
}
