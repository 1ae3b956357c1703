//! Plans of windows, faults of offsets, and labels of words.

use crate::Bytes;
use fastpost_core::align::{IGNORED, Subwords, align_labels};
use fastpost_core::batch::faults::faults;
use fastpost_core::batch::plan::{Plan, Size, opens_by_text, opens_by_word_ids};
use fastpost_core::text::words::WordEdges;

/// Any tokens of any text: windows hold each token, none is too long, and a window cuts only a word that is longer than it.
pub fn plan(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let text = bytes.text(20);
    let chars = text.chars().count();
    let number = |bytes: &mut Bytes<'_>| bytes.below(chars + 3) as i64 - 1;
    let offsets: Vec<i64> = (0..2 * bytes.below(30)).map(|_| number(&mut bytes)).collect();
    check_faults(&offsets, chars);
    let words: Vec<i64> = (0..offsets.len() / 2).map(|_| bytes.below(8) as i64 - 1).collect();
    check_labels(&words, &mut bytes);
    let opens = if bytes.flag() {
        opens_by_text(&offsets, &WordEdges::new(&text))
    } else {
        opens_by_word_ids(&words)
    };
    assert_eq!(opens.len(), offsets.len() / 2);
    let (most, stride, special) = (bytes.below(12), bytes.below(12), bytes.below(4));
    let Ok(size) = Size::new(most, stride, special) else {
        assert!(most <= special || stride >= most - special);
        return;
    };
    let mut plan = Plan::default();
    plan.push(0, 0, &opens, size).expect("a short text may be held many times");
    let room = most - special;
    let edge = |at: usize| at == 0 || at >= opens.len() || opens[at];
    let mut before: Option<(usize, usize)> = None;
    for (&start, &end) in plan.starts.iter().zip(&plan.ends) {
        let (start, end) = (start as usize, end as usize);
        assert!(start <= end && end - start <= room && (start < end || opens.is_empty()));
        assert!(before.map_or(start == 0, |(first, last)| first < start && start <= last && last < end));
        assert!(
            edge(end) || (start + 1..end).all(|at| !edge(at) || before.is_some_and(|(_, last)| at <= last))
        );
        before = Some((start, end));
    }
    assert_eq!(before.map(|(_, end)| end), Some(opens.len()));
}

/// Offsets in order within the text have no fault; others have one of a token that is there, at most one each.
fn check_faults(offsets: &[i64], chars: usize) {
    let found = faults(offsets, chars, |_| false);
    let (pairs, _) = offsets.as_chunks::<2>();
    let sound = pairs.iter().all(|[start, end]| 0 <= *start && start < end && *end <= chars as i64)
        && pairs.windows(2).all(|two| two[0][1] <= two[1][0]);
    assert_eq!(found.is_empty(), sound, "{offsets:?} {found:?}");
    assert!(found.windows(2).all(|two| two[0].token < two[1].token));
    assert!(
        found
            .iter()
            .all(|fault| fault.token < pairs.len() && fault.other.is_none_or(|other| other < fault.token))
    );
    assert!(faults(offsets, chars, |_| true).is_empty());
}

/// Each token of a word has its label, or only the first of a run; tokens of no word have none.
fn check_labels(words: &[i64], bytes: &mut Bytes<'_>) {
    let labels: Vec<i64> = (0..bytes.below(9)).map(|_| bytes.below(5) as i64).collect();
    let inside = [1, 1, 3, 3];
    for subwords in [Subwords::All, Subwords::First] {
        for inside in [None, Some(&inside[..])] {
            let mut out = vec![0; words.len()];
            let Ok(()) = align_labels(0, &labels, words, subwords, inside, &mut out) else { continue };
            for (token, (&word, &label)) in words.iter().zip(&out).enumerate() {
                let goes_on = token > 0 && words[token - 1] == word;
                let want = match (usize::try_from(word), subwords, inside) {
                    (Err(_), ..) => IGNORED,
                    (Ok(word), ..) if !goes_on => labels[word],
                    (Ok(_), Subwords::First, _) => IGNORED,
                    (Ok(word), _, None) => labels[word],
                    (Ok(word), _, Some(inside)) => inside[labels[word] as usize],
                };
                assert_eq!(label, want, "{words:?} {labels:?}");
            }
        }
    }
}
