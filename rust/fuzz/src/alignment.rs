//! Spans and labels, there and back; the tokens of two tokenizers.

use crate::Bytes;
use fastpost_core::align::tokens::align_tokens;
use fastpost_core::align::{Policy, Repair, Solid, Span, Subwords, Window, label_text, spans_of_text};
use fastpost_core::labels::Tagging;

/// Any spans over tokens in order: spans that fit the tokens come back from their labels unchanged.
pub fn spans(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let names: &[&str] = bytes.pick(&[
        &["O", "B-x", "I-x", "B-y", "I-y"][..],
        &["O", "I-x", "E-x", "B-x", "S-x", "B-y", "I-y", "E-y", "S-y"],
        &["O", "x", "y"],
        &["I-x", "B-x", "I-y"],
    ]);
    let Ok(tagging) = Tagging::new(names, None) else { return };
    let text = bytes.text(20);
    let chars = text.chars().count();
    let solid = bytes.flag().then(|| Solid::new(&text, chars));
    let policy = bytes.pick(&[Policy::Strict, Policy::Expand, Policy::Contract]);
    let subwords = bytes.pick(&[Subwords::All, Subwords::First]);
    let (mut offsets, mut words, mut special) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    for token in 0..bytes.below(16) {
        let start = (at + bytes.below(2)).min(chars);
        at = (start + bytes.below(4)).min(chars);
        offsets.extend([start as i64, at as i64]);
        words.push(bytes.pick(&[token as i64, token as i64 / 2, -1]));
        special.push(u8::from(bytes.byte() > 245));
    }
    let tokens = words.len();
    let cut = bytes.below(tokens + 1);
    let shared = cut.saturating_sub(bytes.below(3));
    let ranges: &[(usize, usize)] = if bytes.flag() { &[(0, cut), (shared, tokens)] } else { &[(0, tokens)] };
    let by_word = bytes.flag() || subwords == Subwords::First;
    let windows: Vec<Window<'_>> = ranges
        .iter()
        .map(|&(from, to)| Window {
            offsets: &offsets[2 * from..2 * to],
            special: &special[from..to],
            word_ids: by_word.then(|| &words[from..to]),
        })
        .collect();
    let kinds: Vec<u32> = (0..tagging.kinds.len() as u32).filter(|&kind| !tagging.is_outside(kind)).collect();
    let given: Vec<Span> = (0..bytes.below(6))
        .map(|_| {
            let start = bytes.below(chars.min(255) + 1) as i64 - i64::from(bytes.byte() > 250);
            Span { start, end: start + bytes.below(8) as i64, kind: bytes.pick(&kinds) }
        })
        .collect();
    let mut made: Vec<Vec<i64>> = ranges.iter().map(|(from, to)| vec![0; to - from]).collect();
    let mut rows: Vec<&mut [i64]> = made.iter_mut().map(Vec::as_mut_slice).collect();
    let labelled = label_text(0, &windows, &given, solid.as_ref(), &tagging, policy, subwords, &mut rows);
    let Ok(misfits) = labelled else { return };
    let rows: Vec<&[i64]> = made.iter().map(Vec::as_slice).collect();
    for repair in [Repair::Conlleval, Repair::Discard] {
        let back = spans_of_text(0, &windows, &rows, &tagging, repair, subwords)
            .expect("they are labels of the set");
        for span in &back {
            assert!(
                span.start <= span.end && span.end <= chars as i64,
                "{span:?} of {chars}: {offsets:?} {special:?} {words:?} {ranges:?} {rows:?}"
            );
        }
    }
    assert!(misfits.iter().all(|misfit| misfit.span < given.len()));
}

/// Tokens that meet in one direction meet in the other, in order.
pub fn tokens(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut list = || -> Vec<String> { (0..bytes.below(12)).map(|_| bytes.text(3)).collect() };
    let (a, b) = (list(), list());
    let (there, back) = align_tokens(&a, &b);
    assert_eq!((there.len(), back.len()), (a.len(), b.len()));
    for (token, met) in there.iter().enumerate() {
        assert!(met.is_sorted() && met.iter().all(|&other| back[other].contains(&token)));
    }
    for (token, met) in back.iter().enumerate() {
        assert!(met.is_sorted() && met.iter().all(|&other| there[other].contains(&token)));
    }
    // Where both sides are the same tokens, each token that has a character meets itself.
    let (own, _) = align_tokens(&a, &a);
    for (token, met) in own.iter().enumerate() {
        assert!(met.is_empty() || met == &[token]);
    }
}
