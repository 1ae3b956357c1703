//! The trainer compared with the plain algorithm: count all pairs, merge the most frequent one everywhere, count again.

use fastpost_core::tokenizer::split::Alphabet;
use fastpost_core::train::merges::train;
use fastpost_core::train::{TrainOptions, WordCounts};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Vocabulary and merges; stops early, and returns that it did, where two merges make one token: see `train::merges`.
fn plainly(words: &[(String, u64)], options: &TrainOptions) -> (Vec<String>, Vec<(u32, u32)>, bool) {
    let mut vocab = options.special_tokens.clone();
    let mut letters: Vec<char> = words.iter().flat_map(|(word, _)| word.chars()).collect();
    letters.sort_unstable();
    letters.dedup();
    for letter in letters {
        if !vocab.contains(&letter.to_string()) {
            vocab.push(letter.to_string());
        }
    }
    let id = |vocab: &[String], token: &str| {
        vocab.iter().position(|known| known == token).expect("each letter is in the alphabet") as u32
    };
    let mut spelled: Vec<(Vec<u32>, u64)> = words
        .iter()
        .map(|(word, count)| (word.chars().map(|c| id(&vocab, &c.to_string())).collect(), *count))
        .collect();
    let mut merges = Vec::new();
    while vocab.len() < options.vocab_size {
        let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for (word, count) in &spelled {
            for pair in word.windows(2) {
                // As in tokenizers, pairs of two characters count for any limit.
                let length = |id: u32| vocab[id as usize].chars().count();
                if length(pair[0]) + length(pair[1]) == 2
                    || options.max_token_length.is_none_or(|most| length(pair[0]) + length(pair[1]) < most)
                {
                    *counts.entry((pair[0], pair[1])).or_default() += count;
                }
            }
        }
        // Of equal counts, the smallest pair of ids: the last of a reversed walk.
        let Some((&pair, &count)) = counts.iter().rev().max_by_key(|&(_, &count)| count) else { break };
        if count < options.min_frequency.max(1) {
            break;
        }
        let token = format!("{}{}", vocab[pair.0 as usize], vocab[pair.1 as usize]);
        if vocab.contains(&token) {
            return (vocab, merges, true);
        }
        vocab.push(token);
        merges.push(pair);
        let new = vocab.len() as u32 - 1;
        for (word, _) in &mut spelled {
            let mut at = 0;
            while at + 1 < word.len() {
                if (word[at], word[at + 1]) == pair {
                    word.splice(at..at + 2, [new]);
                }
                at += 1;
            }
        }
    }
    (vocab, merges, false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn merges_equal_those_of_counting_again(
        words in prop::collection::btree_map("[abé]{1,12}|[a-f]{1,6}", 1_u64..9, 1..24),
        vocab_size in 3_usize..60, min_frequency in 0_u64..4, max_token_length in prop::option::of(2_usize..6),
        special in any::<bool>(),
    ) {
        let words: Vec<(String, u64)> = words.into_iter().collect();
        let special_tokens = if special { vec!["<s>".to_owned(), "b".to_owned()] } else { Vec::new() };
        let options =
            TrainOptions { vocab_size, min_frequency, special_tokens, max_token_length, ..TrainOptions::default() };
        let mut counts = WordCounts::default();
        for (word, count) in &words {
            counts.add(word.as_bytes(), *count).unwrap();
        }
        let found = train(&counts, Alphabet::Chars, &options, &mut |_| true).unwrap();
        let (vocab, merges, ambiguous) = plainly(&words, &options);
        if ambiguous {
            prop_assert_eq!(&found.vocab[..vocab.len()], &vocab[..]);
        } else {
            prop_assert_eq!(&found.vocab, &vocab);
            prop_assert_eq!(&found.merges, &merges);
        }
    }
}
