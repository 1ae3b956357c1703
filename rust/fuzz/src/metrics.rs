//! True and predicted tags -> entities -> counts and kinds of errors.

use crate::Bytes;
use fastpost_core::metrics::{Kind, Pair, Reading, Scheme, Span, SpanPairs, TagPairs};
use std::collections::{BTreeMap, BTreeSet};

const TAGS: [&str; 14] = [
    "O", "B-PER", "I-PER", "E-PER", "S-PER", "L-PER", "U-PER", "B-LOC", "I-LOC", "I", "PER-B", "-", "é-é", "",
];
const READINGS: [Reading; 8] = [
    Reading::Lenient,
    Reading::Detected,
    Reading::Strict(Scheme::Iob1),
    Reading::Strict(Scheme::Iob2),
    Reading::Strict(Scheme::Ioe1),
    Reading::Strict(Scheme::Ioe2),
    Reading::Strict(Scheme::Iobes),
    Reading::Strict(Scheme::Bilou),
];

/// Any tags under any reading: entities lie in their sequences, counts are those of sets, and each entity has one pair.
pub fn metrics(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let known = 1 + bytes.below(TAGS.len());
    let names: Vec<String> = TAGS[..known].iter().map(|&tag| tag.to_owned()).collect();
    let lengths: Vec<usize> = (0..bytes.below(5)).map(|_| bytes.below(9)).collect();
    let tokens = lengths.iter().sum();
    let mut tags = || (0..tokens).map(|_| bytes.below(known) as u32).collect::<Vec<_>>();
    let (truth, guess) = (tags(), tags());
    let (reading, suffix) = (bytes.pick(&READINGS), bytes.flag());
    let pairs = |guess: &[u32]| {
        TagPairs::new(names.clone(), (truth.clone(), lengths.clone()), (guess.to_vec(), &lengths))
            .expect("both sides have the same lengths")
    };
    let agreement = pairs(&guess).agreement();
    let wrong = agreement.false_positive + agreement.false_negative;
    assert_eq!(agreement.true_positive + agreement.true_negative + wrong, tokens);
    let Ok(found) = pairs(&guess).spans(reading, suffix) else { return };
    for span in found.truth().iter().chain(found.guess()) {
        assert!(span.start < span.end && span.end <= lengths[span.text as usize] as i64, "{span:?}");
    }
    check(&found);
    let same = pairs(&truth).spans(reading, suffix).expect("the true tags were read before");
    assert_eq!(same.counts().correct, same.counts().truth);
    assert!(same.pairs().iter().all(|pair| pair.kind == Kind::Correct));
    check(&any_spans(&mut bytes));
}

/// Spans that may be empty, overlap and repeat.
fn any_spans(bytes: &mut Bytes<'_>) -> SpanPairs {
    let labels: Vec<String> = ["b", "a", "b"].map(str::to_owned).to_vec();
    let mut spans = || {
        (0..bytes.below(9))
            .map(|_| {
                let start = bytes.below(12) as i64;
                let (text, label) = (bytes.below(3) as u32, bytes.below(3) as u32);
                Span { text, start, end: start + bytes.below(5) as i64, label }
            })
            .collect()
    };
    let (truth, guess) = (spans(), spans());
    SpanPairs::new(&labels, truth, guess)
}

/// The counts are those of sets, and the pairs have each entity once.
fn check(found: &SpanPairs) {
    let set = |spans: &[Span]| spans.iter().copied().collect::<BTreeSet<_>>();
    let (truth, guess) = (set(found.truth()), set(found.guess()));
    let by_label = |spans: &mut dyn Iterator<Item = &Span>| {
        let mut counts = BTreeMap::new();
        spans.for_each(|span| *counts.entry(found.labels()[span.label as usize].clone()).or_insert(0) += 1);
        counts
    };
    let counts = found.counts();
    for (column, plain) in [
        (&counts.truth, by_label(&mut truth.iter())),
        (&counts.guess, by_label(&mut guess.iter())),
        (&counts.correct, by_label(&mut truth.intersection(&guess))),
    ] {
        for (label, &count) in counts.labels.iter().zip(column) {
            assert_eq!(count, plain.get(label).copied().unwrap_or(0), "{label}");
        }
        assert_eq!(column.iter().sum::<i64>(), plain.values().sum::<i64>());
    }
    let pairs = found.pairs();
    let side = |of: fn(&Pair) -> Option<Span>| {
        let mut spans: Vec<Span> = pairs.iter().filter_map(of).collect();
        spans.sort_unstable();
        spans
    };
    assert_eq!(side(|pair| pair.truth), truth.iter().copied().collect::<Vec<_>>());
    assert_eq!(side(|pair| pair.guess), guess.iter().copied().collect::<Vec<_>>());
    let correct = pairs.iter().filter(|pair| pair.kind == Kind::Correct);
    assert_eq!(correct.count(), truth.intersection(&guess).count());
}
