//! Counts of words in files, and merges from them.

use crate::Bytes;
use fastpost_core::tokenizer::split::Alphabet;
use fastpost_core::train::merges::train;
use fastpost_core::train::{TrainOptions, Trained, WordCounts};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// A path that no other thread or process uses.
fn own_path(name: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let digits: String = thread.chars().filter(char::is_ascii_digit).collect();
    std::env::temp_dir().join(format!("fastpost-fuzz-{name}-{}-{digits}", std::process::id()))
}

fn words(bytes: &mut Bytes<'_>) -> BTreeMap<Vec<u8>, u64> {
    let mut out = BTreeMap::new();
    for _ in 0..bytes.below(24) {
        let word = bytes.text(6).into_bytes();
        *out.entry(word).or_insert(0) += 1 + bytes.below(5) as u64;
    }
    out
}

fn counted(words: &BTreeMap<Vec<u8>, u64>) -> WordCounts {
    let mut counts = WordCounts::default();
    for (word, &count) in words {
        counts.add(word, count).expect("small counts");
    }
    counts
}

/// A file of counts, valid, changed or random: it is read back unchanged, or refused.
pub fn counts(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let words = words(&mut bytes);
    let counts = counted(&words);
    let path = own_path("counts");
    counts.save(&path, "{}").expect("the folder of temporary files takes it");
    let (back, header) = WordCounts::load(&path).expect("it was just saved");
    assert_eq!((back.sorted(), header.as_str()), (counts.sorted(), "{}"));
    assert!(words.iter().all(|(word, &count)| back.get(word) == count));
    let mut file = std::fs::read(&path).expect("it was just saved");
    let before = file.clone();
    match bytes.below(3) {
        0 => {
            let at = (bytes.byte() as usize * 256 + bytes.byte() as usize) % file.len();
            file[at] ^= bytes.byte();
        }
        1 => file.truncate((bytes.byte() as usize * 256 + bytes.byte() as usize) % file.len()),
        _ => file = bytes.rest().to_vec(),
    }
    std::fs::write(&path, &file).expect("the folder of temporary files takes it");
    let loaded = WordCounts::load(&path);
    assert!(loaded.is_err() || file == before, "a changed file was taken for a whole one");
    std::fs::remove_file(&path).expect("it was just written");
}

/// Any words and options, compared with counting all pairs again for each merge.
pub fn training(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let alphabet = bytes.pick(&[Alphabet::Chars, Alphabet::Bytes]);
    let options = TrainOptions {
        vocab_size: bytes.below(80),
        min_frequency: bytes.below(4) as u64,
        special_tokens: (0..bytes.below(3)).map(|_| bytes.text(2)).collect(),
        limit_alphabet: bytes.pick(&[None, None, Some(0), Some(3)]),
        initial_alphabet: bytes.text(2).chars().collect(),
        continuing_subword_prefix: bytes.pick(&[None, None, Some("##")]).map(str::to_owned),
        end_of_word_suffix: bytes.pick(&[None, None, Some("</w>")]).map(str::to_owned),
        max_token_length: bytes.pick(&[None, None, Some(0), Some(3)]),
    };
    let words = words(&mut bytes);
    let counts = counted(&words);
    let trained = train(&counts, alphabet, &options, &mut |_| true).expect("small counts");
    for &(left, right) in &trained.merges {
        assert!((left.max(right) as usize) < trained.vocab.len());
    }
    let distinct: HashSet<&String> = trained.vocab.iter().collect();
    assert_eq!(distinct.len(), trained.vocab.len());
    // The counts in another order, and merged from two halves.
    let (mut first, mut second) = (WordCounts::default(), WordCounts::default());
    for (at, (word, &count)) in words.iter().rev().enumerate() {
        let half = if at % 2 == 0 { &mut first } else { &mut second };
        half.add(word, count).expect("small counts");
    }
    first.merge(&second).expect("small counts");
    assert_eq!(train(&first, alphabet, &options, &mut |_| true).as_ref(), Ok(&trained));
    let plain = options.continuing_subword_prefix.is_none() && options.end_of_word_suffix.is_none();
    if plain && alphabet == Alphabet::Chars {
        against_counting_again(&words, &options, &trained);
    }
}

/// Merges from the initial vocabulary on; stops where two merges make the same token.
fn against_counting_again(words: &BTreeMap<Vec<u8>, u64>, options: &TrainOptions, trained: &Trained) {
    // The letters come first; a merge makes each later token.
    let start = trained.vocab.len() - trained.merges.len().min(trained.vocab.len());
    let mut vocab: Vec<String> = trained.vocab[..start].to_vec();
    // A merge may make a special token, which is in the vocabulary already.
    let spelled = |&(left, right): &(u32, u32)| {
        format!("{}{}", trained.vocab[left as usize], trained.vocab[right as usize])
    };
    if !trained.merges.iter().map(spelled).eq(trained.vocab[start..].iter().cloned()) {
        return;
    }
    let id = |token: char| vocab.iter().position(|known| *known == token.to_string()).map(|id| id as u32);
    let spell = |word: &[u8]| String::from_utf8_lossy(word).chars().filter_map(id).collect::<Vec<u32>>();
    let mut spelled: Vec<(Vec<u32>, u64)> = words.iter().map(|(word, &count)| (spell(word), count)).collect();
    for &merge in &trained.merges {
        let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for (word, count) in &spelled {
            for pair in word.windows(2) {
                let length = |id: u32| vocab[id as usize].chars().count();
                let both = length(pair[0]) + length(pair[1]);
                if both == 2 || options.max_token_length.is_none_or(|most| both < most) {
                    *counts.entry((pair[0], pair[1])).or_default() += count;
                }
            }
        }
        let best =
            counts.iter().rev().max_by_key(|&(_, &count)| count).expect("there was something to merge");
        let token = |pair: (u32, u32)| format!("{}{}", vocab[pair.0 as usize], vocab[pair.1 as usize]);
        if vocab.contains(&token(*best.0)) {
            return;
        }
        assert_eq!(*best.0, merge);
        assert!(*best.1 >= options.min_frequency);
        vocab.push(token(merge));
        let new = vocab.len() as u32 - 1;
        for (word, _) in &mut spelled {
            let mut at = 0;
            while at + 1 < word.len() {
                if (word[at], word[at + 1]) == merge {
                    word.splice(at..at + 2, [new]);
                }
                at += 1;
            }
        }
    }
}
