//! The fast readings beside plain twins, on random tags.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Chunk = (String, i64, i64);

/// `get_entities` the plain way: letters and strings, one tag after the other.
fn plain_entities(rows: &[Vec<&str>], suffix: bool) -> Vec<Chunk> {
    let mut tags: Vec<&str> = rows.iter().flat_map(|row| row.iter().copied().chain(["O"])).collect();
    tags.push("O");
    let (mut letter_before, mut kind_before, mut begin, mut found) = ('O', String::new(), 0, Vec::new());
    for (at, tag) in tags.iter().enumerate() {
        let letters: Vec<char> = tag.chars().collect();
        let (letter, rest): (char, String) = if suffix {
            (letters[letters.len() - 1], letters[..letters.len() - 1].iter().collect())
        } else {
            (letters[0], letters[1..].iter().collect())
        };
        let kind = match if suffix { rest.rsplit_once('-') } else { rest.split_once('-') } {
            Some((left, right)) => (if suffix { left } else { right }).to_owned(),
            None => rest,
        };
        let kind = if kind.is_empty() { "_".to_owned() } else { kind };
        let both = |before: &str, now: &str| before.contains(letter_before) && now.contains(letter);
        let other = kind_before != kind;
        if both("ES", &letter.to_string()) || both("BI", "BSO") || (!"O.".contains(letter_before) && other) {
            found.push((kind_before.clone(), begin, at as i64 - 1));
        }
        if "BS".contains(letter) || both("ESO", "EI") || (!"O.".contains(letter) && other) {
            begin = at as i64;
        }
        (letter_before, kind_before) = (letter, kind);
    }
    found
}

const NAMES: [&str; 24] = [
    "O", "O", "O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B", "B-B-A", "X-A", ".-A", "B", "I",
    "X", "-", "B-", "A-I", "A-B-I", "A-B", "é-A", "L-A",
];

fn interned(rows: &[Vec<&str>]) -> (Vec<String>, Vec<u32>, Vec<usize>) {
    let mut names: Vec<String> = Vec::new();
    let mut ids = Vec::new();
    for tag in rows.iter().flatten() {
        let id = names.iter().position(|name| name == tag).unwrap_or_else(|| {
            names.push((*tag).to_owned());
            names.len() - 1
        });
        ids.push(id as u32);
    }
    (names, ids, rows.iter().map(Vec::len).collect())
}

fn rows() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    prop::collection::vec(prop::collection::vec(prop::sample::select(NAMES.to_vec()), 0..8), 0..5)
}

fn span() -> impl Strategy<Value = Span> {
    (0..2_u32, 0..12_i64, 0..4_i64, 0..3_u32).prop_map(|(text, start, length, label)| Span {
        text,
        start,
        end: start + length,
        label,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lenient_reading_equals_the_plain_one(rows in rows(), suffix: bool) {
        let (names, ids, lengths) = interned(&rows);
        let (labels, spans) = entities(&names, &ids, &lengths, suffix).unwrap();
        let got: Vec<Chunk> =
            spans.iter().map(|s| (labels[s.label as usize].clone(), s.start, s.end - 1)).collect();
        prop_assert_eq!(got, plain_entities(&rows, suffix));
    }

    #[test]
    fn counts_equal_those_of_sets(
        truth in prop::collection::vec(span(), 0..12),
        guess in prop::collection::vec(span(), 0..12),
    ) {
        let names = ["b", "a", "b"].map(str::to_owned).to_vec();
        let named = |spans: &[Span]| -> BTreeSet<(u32, i64, i64, String)> {
            spans.iter().map(|s| (s.text, s.start, s.end, names[s.label as usize].clone())).collect()
        };
        let (truths, guesses) = (named(&truth), named(&guess));
        let pairs = SpanPairs::new(&names, truth, guess);
        let counts = pairs.counts();
        let used: BTreeSet<_> = truths.union(&guesses).map(|span| span.3.clone()).collect();
        prop_assert_eq!(&counts.labels, &used.into_iter().collect::<Vec<_>>());
        for (row, label) in counts.labels.iter().enumerate() {
            let of = |spans: &BTreeSet<(u32, i64, i64, String)>| -> BTreeSet<_> {
                spans.iter().filter(|span| span.3 == *label).cloned().collect()
            };
            let (truths, guesses) = (of(&truths), of(&guesses));
            prop_assert_eq!(counts.truth[row], truths.len() as i64);
            prop_assert_eq!(counts.guess[row], guesses.len() as i64);
            prop_assert_eq!(counts.correct[row], truths.intersection(&guesses).count() as i64);
        }
    }

    /// Each entity is in one pair, each pair is what its kind says, and no two that are left would have made one.
    #[test]
    fn pairs_use_each_entity_once(
        truth in prop::collection::vec(span(), 0..10),
        guess in prop::collection::vec(span(), 0..10),
    ) {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let both = SpanPairs::new(&names, truth, guess);
        let pairs = both.pairs();
        let mut truths: Vec<_> = pairs.iter().filter_map(|pair| pair.truth).collect();
        let mut guesses: Vec<_> = pairs.iter().filter_map(|pair| pair.guess).collect();
        truths.sort_unstable();
        guesses.sort_unstable();
        prop_assert_eq!(truths, both.truth());
        prop_assert_eq!(guesses, both.guess());
        for pair in &pairs {
            let kind = match (pair.truth, pair.guess) {
                (Some(t), Some(g)) => kind_of(t, g).unwrap(),
                (Some(_), None) => Kind::Missed,
                _ => Kind::Spurious,
            };
            prop_assert_eq!(pair.kind, kind);
        }
        // A pair that two entities could have made instead is no better than one of theirs.
        for left in pairs.iter().filter_map(|pair| pair.truth.map(|t| (t, pair))) {
            for right in pairs.iter().filter_map(|pair| pair.guess.map(|g| (g, pair))) {
                if let Some(kind) = kind_of(left.0, right.0) {
                    prop_assert!(left.1.kind <= kind || right.1.kind <= kind);
                }
            }
        }
    }
}

fn kind_of(truth: Span, guess: Span) -> Option<Kind> {
    let shared = truth.end.min(guess.end) - truth.start.max(guess.start);
    let same = (truth.start, truth.end) == (guess.start, guess.end);
    match (truth.text == guess.text, same, truth.label == guess.label) {
        (false, ..) => None,
        (_, true, true) => Some(Kind::Correct),
        (_, true, false) => Some(Kind::Label),
        (_, _, true) => (shared > 0).then_some(Kind::Boundary),
        (_, _, false) => (shared > 0).then_some(Kind::Both),
    }
}

fn read(rows: &[&str], scheme: Scheme) -> Result<Vec<(i64, i64)>, crate::Error> {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split_whitespace().collect()).collect();
    let (names, ids, lengths) = interned(&rows);
    let pairs = TagPairs::new(names, (ids.clone(), lengths.clone()), (ids, &lengths))?;
    let spans = pairs.spans(Reading::Strict(scheme), false)?;
    Ok(spans.truth().iter().map(|span| (span.start, span.end)).collect())
}

#[test]
fn strict_readings() {
    type Case = (Scheme, &'static str, &'static [(i64, i64)]);
    let cases: [Case; 12] = [
        (Scheme::Iob2, "B-A I-A O I-A", &[(0, 2)]),
        (Scheme::Iob2, "B-A I-B B-B", &[(0, 1), (2, 3)]),
        (Scheme::Iob1, "I-A I-A B-A O B-A", &[(0, 2), (2, 3)]),
        (Scheme::Iob1, "I-A B-B O", &[(0, 1)]),
        (Scheme::Ioe1, "I-A E-A I-A O", &[(0, 2), (2, 3)]),
        (Scheme::Ioe1, "I-A E-A O", &[]),
        (Scheme::Ioe2, "I-A E-A E-B I-B O", &[(0, 2), (2, 3)]),
        (Scheme::Iobes, "B-A I-A E-A S-B B-A O", &[(0, 3), (3, 4)]),
        (Scheme::Iobes, "B-A E-B S-A", &[(2, 3)]),
        (Scheme::Bilou, "B-A L-A U-A U-A", &[(0, 2), (2, 3), (3, 4)]),
        (Scheme::Bilou, "B-A I-A", &[]),
        (Scheme::Bilou, "B--A-", &[]),
    ];
    for (scheme, row, want) in cases {
        assert_eq!(read(&[row], scheme).unwrap(), want, "{} {row}", scheme.name());
    }
    let error = read(&["O", "B-A E-A"], Scheme::Iob2).unwrap_err().to_string();
    assert!(error.contains("`y_true[1][1]` is \"E-A\" but the prefixes of IOB2 are O, I, B"), "{error}");
}

#[test]
fn schemes_are_detected() {
    let cases = [
        ("B-A I-A O", Some(Scheme::Iob2)),
        ("B-A", Some(Scheme::Iob2)),
        ("E-A O", Some(Scheme::Ioe2)),
        ("S-A", Some(Scheme::Iobes)),
        ("B-A E-A", Some(Scheme::Iobes)),
        ("U-A", Some(Scheme::Bilou)),
        ("B-A L-A", Some(Scheme::Bilou)),
        ("S-A O", None),
        ("O", None),
        ("I-A O", None),
        ("B-A S-A", None),
        ("B-A E-A L-A", None),
        ("X-A B-A", None),
        ("", None),
    ];
    for (row, want) in cases {
        assert_eq!(Scheme::detect(row.split_whitespace(), false).ok(), want, "{row}");
    }
}
