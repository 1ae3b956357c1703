//! Both decoders of answers, compared with a search over all pairs.

use crate::Bytes;
use fastpost_core::answers::{
    Dedupe, Floats, Ints, Mode, Normalize, Options, Text, Widen, Window, best_spans, decode,
};
use std::num::NonZeroUsize;

struct Held {
    text: usize,
    start: Vec<f32>,
    end: Vec<f32>,
    offsets: Vec<i64>,
    sequences: Vec<i64>,
    words: Vec<i64>,
    ids: Vec<i64>,
    attention: Vec<i64>,
}

impl Held {
    fn read(bytes: &mut Bytes<'_>, texts: &[String]) -> Self {
        let text = bytes.below(texts.len());
        let chars = texts[text].chars().count();
        let tokens = bytes.below(14);
        let mut out = Self {
            text,
            start: vec![],
            end: vec![],
            offsets: vec![],
            sequences: vec![],
            words: vec![],
            ids: vec![],
            attention: vec![],
        };
        let mut at = bytes.below(chars.min(255) + 1);
        for token in 0..tokens {
            out.start.push(bytes.logit());
            out.end.push(bytes.logit());
            let start = (at + bytes.below(2)).min(chars);
            let end = (start + bytes.below(4)).min(chars);
            at = if bytes.byte() > 250 { 0 } else { end };
            out.offsets.extend([start as i64, end as i64]);
            out.sequences.push(bytes.pick(&[1, 1, 1, 1, 0, -1]));
            out.words.push(bytes.pick(&[token as i64 / 2, token as i64, -1]));
            out.ids.push(i64::from(bytes.byte() % 8));
            out.attention.push(i64::from(bytes.byte() < 240));
        }
        if bytes.flag() && tokens > 0 {
            (out.sequences[0], out.start[0], out.end[0]) = (-1, 0.5, 0.25);
        }
        out
    }

    fn window(&self) -> Window<'_> {
        Window {
            start: Floats::F32(&self.start),
            end: Floats::F32(&self.end),
            offsets: Ints::I64(&self.offsets),
            sequence_ids: Ints::I64(&self.sequences),
            word_ids: Some(Ints::I64(&self.words)),
            input_ids: Some(Ints::I64(&self.ids)),
            attention_mask: Some(Ints::I64(&self.attention)),
            text: self.text,
        }
    }
}

/// Any windows under any options: answers lie in their texts, best first, no more than asked for, for any number of threads;
/// the best spans of a window are the first of all pairs, sorted.
pub fn answers(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let texts: Vec<String> = (0..1 + bytes.below(2)).map(|_| bytes.text(12)).collect();
    let own = bytes.byte() < 170;
    let mode = if own {
        Mode::Right {
            normalize: bytes.pick(&[Normalize::Global, Normalize::Window]),
            dedupe: bytes.pick(&[Dedupe::Span, Dedupe::Text, Dedupe::Overlap]),
            null_threshold: bytes.pick(&[None, None, Some(0.0), Some(0.5)]),
        }
    } else {
        Mode::Transformers
    };
    let number = |number: usize| NonZeroUsize::new(number + 1).expect("one more than none");
    let options = Options {
        top_k: number(bytes.below(8)),
        max_answer_len: number(bytes.below(16)),
        null_allowed: bytes.flag(),
        widen: bytes.pick(&[Widen::No, Widen::Word, Widen::Auto]),
        context_sequence: bytes.pick(&[1, 1, 0]),
        mode,
    };
    let held: Vec<Held> = (0..bytes.below(4)).map(|_| Held::read(&mut bytes, &texts)).collect();
    let windows: Vec<Window<'_>> = held.iter().map(Held::window).collect();
    let borrowed: Vec<Text<'_>> =
        texts.iter().map(|text| Text { utf8: text, chars: text.chars().count() }).collect();
    let questions = vec![0; texts.len()];
    let questions = bytes.flag().then_some(&questions[..]);
    let cls = bytes.pick(&[None, Some(0), Some(7)]);
    let run = |threads| decode(&windows, &borrowed, questions, cls, &options, NonZeroUsize::new(threads));
    let found = run(1);
    if let Ok(found) = &found {
        for bounds in found.bounds.windows(2) {
            let rows = &found.rows[bounds[0]..bounds[1]];
            assert!(rows.len() <= options.top_k.get());
            for answer in rows {
                let chars = borrowed[answer.text].chars as i64;
                assert!(0 <= answer.start && answer.end <= chars, "{answer:?} of {chars}");
                assert!(!own || (0.0..=1.0 + 1e-9).contains(&answer.score), "{answer:?}");
            }
            let ranked = !matches!(mode, Mode::Right { null_threshold: Some(_), .. });
            assert!(!ranked || rows.windows(2).all(|pair| pair[0].score >= pair[1].score), "{rows:?}");
        }
        // NaN is the score of a question without windows.
        let again = run(2).expect("it was right with one thread");
        assert_eq!(format!("{again:?}"), format!("{found:?}"));
    } else {
        assert!(run(2).is_err());
    }
    for held in &held {
        pairs(&held.start, &held.end, options.max_answer_len, options.top_k.get());
    }
}

fn pairs(start: &[f32], end: &[f32], max_len: NonZeroUsize, k: usize) {
    let found = best_spans(start, end, max_len, k).expect("equal lengths");
    let mut all: Vec<(f64, usize, usize)> = Vec::new();
    for first in 0..start.len() {
        for last in first..start.len().min(first.saturating_add(max_len.get())) {
            let score = f64::from(start[first]) + f64::from(end[last]);
            if score > f64::NEG_INFINITY {
                all.push((score, first, last + 1));
            }
        }
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    all.truncate(k);
    assert_eq!(found.iter().map(|span| (span.score, span.first, span.end)).collect::<Vec<_>>(), all);
}
