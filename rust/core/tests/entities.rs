//! Properties of the entities of any text under any options, for both decoders, through the public interface.

mod common;

use common::{BIO, MERGES, STRATEGIES, Sample, bare, close, decode, own, owned, sample, spans};
use fastpost_core::batch::Text;
use fastpost_core::entities::chunks::Repair;
use fastpost_core::entities::cut::Cut;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::spans::{Draft, snap};
use fastpost_core::entities::own::stitch::{Merge, Part, Token, single};
use fastpost_core::entities::own::words::{Source, Words};
use fastpost_core::entities::own::{Score, Settings, Snap};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::{Decoder, Options, Strategy};
use fastpost_core::text::chars::CharIndex;
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use std::cell::OnceCell;
use std::num::NonZeroUsize;

const SCORES: [Score; 5] = [Score::Mean, Score::Min, Score::First, Score::Max, Score::Path];
const BIOES: [&str; 9] = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC"];

/// Any settings of own mode except thresholds and ignored labels.
fn settings(names: &'static [&'static str]) -> impl proptest::strategy::Strategy<Value = Settings> {
    let choices = (
        prop::sample::select(&STRATEGIES[..]),
        any::<bool>(),
        prop::sample::select(&[Repair::Conlleval, Repair::Discard, Repair::Keep][..]),
        prop::sample::select(&SCORES[..]),
        prop::sample::select(&[Source::Auto, Source::WordIds, Source::Unicode][..]),
        prop::sample::select(&[Snap::Auto, Snap::Word, Snap::Never][..]),
        prop::sample::select(&[Join::Never, Join::Pieces, Join::Run][..]),
        any::<bool>(),
        prop::sample::select(&[0.0_f32, 1.5, -2.0][..]),
        prop::sample::select(&MERGES[..]),
    );
    choices.prop_map(|(strategy, viterbi, repair, score, words, snap, join, trim, outside_bias, merge)| {
        Settings {
            viterbi,
            repair,
            score,
            words,
            snap,
            join,
            trim,
            outside_bias,
            merge,
            probs: true,
            ..bare(names, strategy)
        }
    })
}

/// Rows of logits that are certain of `labels`.
fn sure(labels: &[usize], columns: usize) -> Vec<f32> {
    let mut logits = vec![0.0; labels.len() * columns];
    for (token, label) in labels.iter().enumerate() {
        logits[token * columns + label] = 9.0;
    }
    logits
}

/// The logits of a sample with the first token's row in all tokens that no space parts from it.
fn words_of_equal_rows(sample: &Sample) -> Vec<f32> {
    let mut logits = sample.logits.clone();
    for token in 1..sample.tokens() {
        if sample.offsets[2 * token] == sample.offsets[2 * token - 1] {
            logits.copy_within((token - 1) * sample.labels..token * sample.labels, token * sample.labels);
        }
    }
    logits
}

/// Labels of BIO for entities of up to three tokens, neighbours of one type included.
fn legal_labels(sample: &Sample, plan: &[(usize, usize, bool)]) -> Vec<usize> {
    let mut labels = Vec::with_capacity(sample.tokens());
    for &(gap, length, person) in plan.iter().cycle() {
        let begin = if person { 1 } else { 3 };
        labels.extend(std::iter::repeat_n(0, gap));
        labels.push(begin);
        labels.extend(std::iter::repeat_n(begin + 1, length - 1));
        if labels.len() >= sample.tokens() {
            break;
        }
    }
    labels.truncate(sample.tokens());
    labels
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Words that are certainly outside are skipped; if outside is reported, too, every word is decoded.
    #[test]
    fn words_that_are_left_out_change_nothing(
        sample in sample(9, 24), above in prop::collection::vec(0.0_f32..14.0, 1..9),
        score in prop::sample::select(&[Score::Mean, Score::Min, Score::First, Score::Max][..]),
    ) {
        let mut logits = sample.logits.clone();
        logits.chunks_exact_mut(9).zip(above.iter().cycle()).for_each(|(row, above)| row[0] += above);
        let sample = sample.with(logits);
        let settings = Settings { viterbi: true, probs: true, score, ..bare(&BIOES, Strategy::Average) };
        let every = Settings { ignored: vec![false; settings.ignored.len()], ..settings.clone() };
        let window = [sample.window(0, sample.tokens())];
        let some = decode(&own(&BIOES, settings), &sample, &window);
        let all = decode(&own(&BIOES, every), &sample, &window);
        let kinds = all.probs.len() / all.start.len().max(1);
        let rows: Vec<usize> = (0..all.start.len()).filter(|&row| all.label_id[row] != 0).collect();
        prop_assert_eq!(spans(&some), rows.iter().map(|&row| spans(&all)[row]).collect::<Vec<_>>());
        prop_assert_eq!(some.score, rows.iter().map(|&row| all.score[row]).collect::<Vec<_>>());
        let probs = rows.iter().flat_map(|&row| &all.probs[row * kinds..][..kinds]);
        prop_assert_eq!(some.probs, probs.copied().collect::<Vec<_>>());
    }

    /// Tokens far from entities are not read; if outside is reported, too, every token is. The gaps between entities have all
    /// lengths, and a doubtful token may depend on a distant one.
    #[test]
    fn tokens_that_are_left_out_change_nothing(
        sample in sample(9, 60), settings in settings(&BIOES), far in 1_usize..30,
        above in prop::collection::vec(prop_oneof![Just(0.0_f32), 4.0_f32..8.0, Just(25.0)], 1..30),
        most in 30_usize..90,
    ) {
        let mut logits = sample.logits.clone();
        for (token, (row, above)) in logits.chunks_exact_mut(9).zip(above.iter().cycle()).enumerate() {
            row[0] += if token % far == 0 { *above } else { above + 12.0 };
        }
        let sample = sample.with(logits);
        let merge = if settings.merge == Merge::Average { Merge::Average } else { Merge::Context };
        let settings = Settings { outside_bias: 0.0, merge, ..settings };
        let every = Settings { ignored: vec![false; settings.ignored.len()], ..settings.clone() };
        let windows = sample.windows(most, 9);
        let some = decode(&own(&BIOES, settings), &sample, &windows);
        let all = decode(&own(&BIOES, every), &sample, &windows);
        let kinds = all.probs.len() / all.start.len().max(1);
        let rows: Vec<usize> = (0..all.start.len()).filter(|&row| all.label_id[row] != 0).collect();
        let same = |some: &[i64], all: &[i64]| some.iter().copied().eq(rows.iter().map(|&row| all[row]));
        prop_assert_eq!(spans(&some), rows.iter().map(|&row| spans(&all)[row]).collect::<Vec<_>>());
        prop_assert_eq!(some.score, rows.iter().map(|&row| all.score[row]).collect::<Vec<_>>());
        prop_assert!(same(&some.token_start, &all.token_start) && same(&some.token_end, &all.token_end));
        prop_assert!(same(&some.word_start, &all.word_start) && same(&some.word_end, &all.word_end));
        prop_assert_eq!((some.covered, some.lost), (all.covered, all.lost));
        let probs = rows.iter().flat_map(|&row| &all.probs[row * kinds..][..kinds]);
        prop_assert_eq!(some.probs, probs.copied().collect::<Vec<_>>());
    }

    /// A text that is cut into windows with the rows of the whole has the entities of the whole: each token is decided once.
    /// The mean of equal rows is that row, except for rounding.
    #[test]
    fn windows_of_equal_logits_are_one_window(
        sample in sample(9, 24), settings in settings(&BIOES), most in 4_usize..12, shared in 1_usize..4,
    ) {
        for (merge, exact) in [(Merge::Context, true), (Merge::Average, false)] {
            let decoder = own(&BIOES, Settings { merge, ..settings.clone() });
            let whole = decode(&decoder, &sample, &[sample.window(0, sample.tokens())]);
            let cut = decode(&decoder, &sample, &sample.windows(most, shared));
            if exact {
                prop_assert_eq!(&cut, &whole);
            } else {
                prop_assert_eq!(spans(&cut), spans(&whole));
                prop_assert_eq!(&cut.token_start, &whole.token_start);
                prop_assert_eq!(&cut.token_end, &whole.token_end);
                prop_assert!(close(&cut.score, &whole.score, 2e-5), "{:?} {:?}", cut.score, whole.score);
                prop_assert!(close(&cut.probs, &whole.probs, 2e-5));
            }
        }
    }

    /// Windows that are decoded separately find the entities of the whole if each entity lies whole in one of them.
    #[test]
    fn windows_that_hold_each_entity_are_one_window(
        sample in sample(5, 24), most in 8_usize..12,
        plan in prop::collection::vec((0_usize..3, 1_usize..4, any::<bool>()), 1..6),
        repair in prop::sample::select(&[Repair::Conlleval, Repair::Discard][..]), viterbi in any::<bool>(),
    ) {
        let sample = sample.with(sure(&legal_labels(&sample, &plan), 5));
        for merge in MERGES {
            let decoder = own(&BIO, Settings { merge, repair, viterbi, ..bare(&BIO, Strategy::Simple) });
            let whole = decode(&decoder, &sample, &[sample.window(0, sample.tokens())]);
            // An entity has at most three tokens, and a window that starts inside one follows a window that holds it whole.
            let cut = decode(&decoder, &sample, &sample.windows(most, 5));
            prop_assert_eq!(spans(&cut), spans(&whole), "{:?}", merge);
            // If windows are not stitched, tokens are numbered within their window.
            if merge != Merge::Transformers {
                prop_assert_eq!(&cut.token_start, &whole.token_start, "{:?}", merge);
                prop_assert_eq!(&cut.token_end, &whole.token_end, "{:?}", merge);
            }
        }
    }

    /// Spans are in order, inside the text, disjoint and not empty; all columns have a row for each entity; threads and the
    /// rest of the batch do not change the result.
    #[test]
    fn spans_are_sorted_inside_and_disjoint(
        sample in sample(5, 16), settings in settings(&BIO), most in 3_usize..12, shared in 0_usize..3,
        threshold in prop::sample::select(&[0.0_f64, 0.4][..]),
    ) {
        let mut settings = settings;
        settings.thresholds.fill(threshold);
        // transformers' own rule for windows compares an entity only with the last one that was kept.
        let apart = settings.strategy != Strategy::None && settings.merge != Merge::Transformers;
        let decoder = own(&BIO, settings);
        let windows = sample.windows(most, shared);
        let found = decode(&decoder, &sample, &windows);
        let rows = found.start.len();
        let chars = sample.chars() as i64;
        for row in 0..rows {
            prop_assert!(0 <= found.start[row] && found.start[row] < found.end[row] && found.end[row] <= chars);
            prop_assert!(found.token_start[row] < found.token_end[row]);
            prop_assert!((0.0..=1.0 + 1e-6).contains(&found.score[row]), "{}", found.score[row]);
            prop_assert!(f64::from(found.score[row]) >= threshold);
            prop_assert!((found.label_id[row] as usize) < decoder.names().len());
        }
        prop_assert!(found.start.is_sorted());
        if apart {
            prop_assert!((1..rows).all(|row| found.end[row - 1] <= found.start[row]), "{:?}", spans(&found));
        }
        for column in [&found.text_index, &found.end, &found.label_id, &found.word_start, &found.word_end] {
            prop_assert_eq!(column.len(), rows);
        }
        prop_assert_eq!(found.probs.len(), rows * decoder.names().len());
        // The text twice in a batch, with two threads.
        let texts = [Text { chars: sample.chars(), text: &sample.text }; 2];
        let both: Vec<_> = (0..2).flat_map(|text| windows.iter().map(move |window| {
            let mut window = *window;
            window.text = text;
            window
        })).collect();
        let options = Options { threads: NonZeroUsize::new(2), check_offsets: true };
        let twice = decoder.decode(&both, Some(&texts), 2, None, options).unwrap();
        let again = found.start.repeat(2);
        prop_assert_eq!(&twice.start, &again);
        prop_assert_eq!(&twice.score, &found.score.repeat(2));
        prop_assert_eq!(twice.text_index.iter().filter(|&&text| text == 1).count(), rows);
    }

    /// Widening the entities again changes nothing.
    #[test]
    fn snap_is_idempotent(
        sample in sample(5, 16), source in prop::sample::select(&[Source::Auto, Source::WordIds, Source::Unicode][..]),
        trim in any::<bool>(), lone in any::<bool>(),
    ) {
        let index = CharIndex::new(&sample.text);
        let window = sample.window(0, sample.tokens());
        let part = Part::new(&window, 0, &window.unmasked(), None, Some(&index));
        let tokens = single(part, Cut::default()).tokens;
        let edges = OnceCell::new();
        let words = Words::new(source, &tokens, true, Some((&index, &edges))).unwrap();
        let settings = Settings { snap: Snap::Never, ..bare(&BIO, Strategy::Simple) };
        let decoder = own(&BIO, settings);
        let found = decode(&decoder, &sample, &[window]);
        // One type may stand for "outside", like "O" if it is not ignored.
        let outside = |name: u32| lone && name == 2;
        let draft = |row: usize| Draft {
            range: found.token_start[row] as usize..found.token_end[row] as usize,
            name: found.label_id[row] as u32,
            start: found.start[row],
            end: found.end[row],
            score: found.score[row],
            ..Default::default()
        };
        let drafts: Vec<_> = (0..found.start.len()).map(draft).collect();
        let mut once = snap(drafts, &tokens, &words, Some(&index), trim, outside);
        for draft in &mut once {
            draft.reach(&tokens);
        }
        let twice = snap(once.clone(), &tokens, &words, Some(&index), trim, outside);
        let places = |drafts: &[Draft]| -> Vec<_> {
            drafts.iter().map(|draft| (draft.start, draft.end, draft.name)).collect()
        };
        prop_assert_eq!(places(&twice), places(&once));
        prop_assert!(once.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    /// With every repair switched off, own mode is transformers' mode, for names that both read alike and words by its rules.
    ///
    /// Own mode decides the type of a word by all of its tokens, and transformers takes the label of one or the best of the
    /// mean. So the two agree where the tokens of a word have equal logits.
    #[test]
    fn own_mode_with_all_off_is_transformers(
        sample in sample(5, 16), strategy in prop::sample::select(&STRATEGIES[..]), several in any::<bool>(),
        most in 4_usize..9, shared in 1_usize..4,
    ) {
        let decides_by_all = matches!(strategy, Strategy::Average | Strategy::Max);
        let sample = if decides_by_all { sample.with(words_of_equal_rows(&sample)) } else { sample };
        let settings = Settings { words: Source::Transformers, merge: Merge::Transformers, ..bare(&BIO, strategy) };
        let ours = own(&BIO, settings);
        let theirs = Decoder::new(&owned(&BIO), strategy, Boundary::Space, |name| name == "O");
        // A window that starts inside an entity has a part of it; both modes keep the longer one.
        let windows = if several && strategy == Strategy::Simple {
            sample.windows(most, shared)
        } else {
            vec![sample.window(0, sample.tokens())]
        };
        let texts = [Text { chars: sample.chars(), text: &sample.text }];
        let found = decode(&ours, &sample, &windows);
        let expected = theirs.decode(&windows, Some(&texts), 1, None, Options::default()).unwrap();
        prop_assert_eq!(&found.start, &expected.start);
        prop_assert_eq!(&found.end, &expected.end);
        let named = |names: &[String], ids: &[i64]| -> Vec<String> {
            ids.iter().map(|&id| names[id as usize].clone()).collect()
        };
        prop_assert_eq!(named(ours.names(), &found.label_id), named(theirs.names(), &expected.label_id));
        if decides_by_all {
            // Own mode adds up the labels of a word's type, and transformers takes one of them.
            prop_assert!(found.score.iter().zip(&expected.score).all(|(ours, theirs)| *ours >= theirs - 1e-6));
        } else {
            prop_assert!(close(&found.score, &expected.score, 1e-6), "{:?} {:?}", found.score, expected.score);
        }
    }

    /// Transformers' mode compared with its plain loops: neighbours of one type are one entity, `B-` begins another.
    #[test]
    fn transformers_mode_equals_its_plain_twin(sample in sample(5, 16), words in any::<bool>()) {
        let strategy = if words { Strategy::First } else { Strategy::Simple };
        let decoder = Decoder::new(&owned(&BIO), strategy, Boundary::Space, |name| name == "O");
        let texts = [Text { chars: sample.chars(), text: &sample.text }];
        let window = sample.window(0, sample.tokens());
        let found = decoder.decode(&[window], Some(&texts), 1, None, Options::default()).unwrap();
        let chars: Vec<char> = sample.text.chars().collect();
        // (start, end, label, probability) of each token, or of each word by its first token.
        let mut items: Vec<(i64, i64, usize, f64)> = Vec::new();
        for token in 0..sample.tokens() {
            let (start, end) = (sample.offsets[2 * token], sample.offsets[2 * token + 1]);
            let row = &sample.logits[5 * token..5 * token + 5];
            let label = (0..5).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap();
            let sum: f64 = row.iter().map(|&value| f64::from(value - row[label]).exp()).sum();
            let opens = start == 0 || chars[start as usize - 1] == ' ' || chars[start as usize] == ' ';
            match items.last_mut() {
                Some(last) if words && !opens => last.1 = end,
                _ => items.push((start, end, label, 1.0 / sum)),
            }
        }
        let mut expected: Vec<(i64, i64, usize, Vec<f64>)> = Vec::new();
        for (start, end, label, score) in items {
            let kind = label.div_ceil(2);
            match expected.last_mut() {
                Some(last) if last.2 == kind && label % 2 == 0 => {
                    last.1 = end;
                    last.3.push(score);
                }
                _ => expected.push((start, end, kind, vec![score])),
            }
        }
        expected.retain(|entity| entity.2 != 0);
        prop_assert_eq!(found.start.len(), expected.len());
        for (row, (start, end, kind, scores)) in expected.into_iter().enumerate() {
            let name = ["O", "PER", "LOC"][kind];
            prop_assert_eq!((found.start[row], found.end[row]), (start, end));
            prop_assert_eq!(decoder.names()[found.label_id[row] as usize].as_str(), name);
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            prop_assert!((f64::from(found.score[row]) - mean).abs() < 1e-6);
        }
    }
}

/// A word goes to the type that covers more of it, summed over all entities of the type in the word.
#[test]
fn pieces_of_a_word_count_together() {
    let token =
        |at: i64| Token { start: at, end: at + 1, word: 0, index: at, opens: false, origin: (0, at as u32) };
    let tokens: Vec<Token> = (0..6).map(token).collect();
    let words = Words::new(Source::WordIds, &tokens, true, None).unwrap();
    let draft = |name, range: std::ops::Range<usize>| Draft::new(&tokens, range, name, true).unwrap();
    let drafts = vec![draft(0, 0..1), draft(0, 1..3), draft(1, 3..5)];
    let made = snap(drafts, &tokens, &words, None, true, |_| false);
    let made: Vec<_> = made.iter().map(|draft| (draft.name, draft.start, draft.end)).collect();
    assert_eq!(made, [(0, 0, 6)]);
}
