//! Both decoders of entities, and the windows of one text.

use crate::Bytes;
use fastpost_core::batch::{Text, Window};
use fastpost_core::entities::chunks::Repair;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::stitch::Merge;
use fastpost_core::entities::own::words::Source;
use fastpost_core::entities::own::{self, Score, Settings, Snap};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::viterbi::{Grammar, Weights};
use fastpost_core::entities::{Decoder, Options, Strategy};
use fastpost_core::labels::Tagging;
use fastpost_core::math::logits::Values;
use std::num::NonZeroUsize;

const SETS: [&[&str]; 4] = [
    &["O", "B-x", "I-x", "B-y", "I-y"],
    &["O", "B-x", "I-x", "E-x", "S-x", "B-y", "I-y", "E-y", "S-y"],
    &["O", "x", "y"],
    &["I-x", "I-y", "B-x", "NONE", "O"],
];
const STRATEGIES: [Strategy; 5] =
    [Strategy::None, Strategy::Simple, Strategy::First, Strategy::Average, Strategy::Max];
const MERGES: [Merge; 4] = [Merge::Context, Merge::Average, Merge::Transformers, Merge::Union];

/// The arrays of one window.
struct Held {
    logits: Vec<f32>,
    offsets: Vec<i64>,
    words: Vec<i64>,
    special: Vec<i64>,
    ids: Vec<i64>,
}

impl Held {
    /// Tokens over a text of `chars` characters: most of them in order, some anywhere in it.
    fn read(bytes: &mut Bytes<'_>, chars: usize, labels: usize) -> Self {
        let tokens = bytes.below(12);
        let mut out = Self { logits: vec![], offsets: vec![], words: vec![], special: vec![], ids: vec![] };
        let mut at = bytes.below(chars.min(255) + 1);
        for token in 0..tokens {
            if bytes.byte() > 250 {
                at = bytes.below(chars.min(255) + 1);
            }
            let start = (at + bytes.below(3)).min(chars);
            let end = (start + bytes.below(4)).min(chars);
            out.offsets.extend([start as i64, end as i64]);
            at = end;
            out.words.push(if bytes.byte() > 240 { -1 } else { (token / 2) as i64 });
            out.special.push(i64::from(bytes.byte() > 240));
            out.ids.push(i64::from(bytes.byte() % 8));
            let from = out.logits.len();
            out.logits.extend((0..labels).map(|_| bytes.logit()));
            // A row has at least one finite value.
            if out.logits[from..].iter().all(|value| value.is_infinite()) {
                out.logits[from] = 0.0;
            }
        }
        out
    }

    fn window(&self, text: usize) -> Window<'_> {
        Window {
            text,
            tokens: self.words.len(),
            logits: Values::F32(&self.logits),
            offsets: Some(self.offsets.as_slice().into()),
            special: Some(self.special.as_slice().into()),
            ids: Some(self.ids.as_slice().into()),
            words: Some(self.words.as_slice().into()),
        }
    }
}

fn settings(bytes: &mut Bytes<'_>, grammar: &Grammar, names: &[String]) -> Settings {
    let strategy = bytes.pick(&STRATEGIES);
    let shown = own::names(names, grammar, strategy);
    let ignored = (0..shown.len()).map(|at| own::means_outside(grammar, strategy, at));
    Settings {
        strategy,
        viterbi: bytes.flag(),
        repair: bytes.pick(&[Repair::Conlleval, Repair::Discard, Repair::Keep]),
        score: bytes.pick(&[Score::Mean, Score::Min, Score::First, Score::Max, Score::Path]),
        words: bytes.pick(&[Source::Auto, Source::WordIds, Source::Unicode, Source::Transformers]),
        lenient: bytes.flag(),
        snap: bytes.pick(&[Snap::Auto, Snap::Word, Snap::Never]),
        join: bytes.pick(&[Join::Never, Join::Pieces, Join::Run]),
        trim: bytes.flag(),
        outside_bias: bytes.pick(&[0.0, 1.5, -3.0]),
        merge: bytes.pick(&MERGES),
        probs: bytes.flag(),
        boundary: bytes.pick(&[Boundary::Space, Boundary::TokenLength]),
        ignored: if bytes.flag() { vec![false; shown.len()] } else { ignored.collect() },
        thresholds: vec![bytes.pick(&[0.0, 0.5, 0.9]); shown.len()],
    }
}

/// Any windows of any texts under any options: spans lie inside their text, and threads and other texts do not change them.
pub fn entities(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let names: Vec<String> = bytes.pick(&SETS).iter().map(|&name| name.to_owned()).collect();
    let grammar = Grammar::new(Tagging::new(&names, None).expect("known sets"), Weights::default())
        .expect("no weights");
    let settings = settings(&mut bytes, &grammar, &names);
    let texts: Vec<String> = (0..1 + bytes.below(2)).map(|_| bytes.text(12)).collect();
    let held: Vec<(usize, Held)> = (0..bytes.below(5))
        .map(|_| {
            let text = bytes.below(texts.len());
            let chars = texts[text].chars().count();
            (text, Held::read(&mut bytes, chars, names.len()))
        })
        .collect();
    let windows: Vec<Window<'_>> = held.iter().map(|(text, held)| held.window(*text)).collect();
    let borrowed: Vec<Text<'_>> =
        texts.iter().map(|text| Text { chars: text.chars().count(), text }).collect();
    let options = |threads| Options { threads: NonZeroUsize::new(threads), check_offsets: true };
    let strategy = settings.strategy;
    let ours = own::Decoder::new(&names, grammar, settings);
    let theirs = Decoder::new(&names, strategy, Boundary::Space, |name| name == "O");
    let found = ours.decode(&windows, Some(&borrowed), texts.len(), None, options(1));
    if let Ok(found) = &found {
        for row in 0..found.start.len() {
            let chars = borrowed[found.text_index[row] as usize].chars as i64;
            let (start, end) = (found.start[row], found.end[row]);
            assert!(0 <= start && start <= end && end <= chars, "{start}..{end} of {chars}");
            assert!((0.0..=1.0 + 1e-5).contains(&found.score[row]), "{}", found.score[row]);
        }
    }
    assert_eq!(ours.decode(&windows, Some(&borrowed), texts.len(), None, options(2)), found);
    let one = theirs.decode(&windows, Some(&borrowed), texts.len(), None, options(1));
    assert_eq!(theirs.decode(&windows, Some(&borrowed), texts.len(), None, options(2)), one);
    // Decode each text by itself.
    if let (Ok(all), 2) = (&found, texts.len()) {
        let alone = |text: usize| {
            let own: Vec<Window<'_>> =
                windows.iter().filter(|w| w.text == text).map(|w| Window { text: 0, ..*w }).collect();
            ours.decode(&own, Some(&borrowed[text..=text]), 1, None, options(1))
                .expect("it is right in the batch")
        };
        let (first, second) = (alone(0), alone(1));
        assert_eq!(all.start, [first.start, second.start].concat());
        assert_eq!(all.label_id, [first.label_id, second.label_id].concat());
    }
}

/// Tokens in order, cut into windows that share some: the entities are those of one long window.
pub fn stitch(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let names: Vec<String> = bytes.pick(&SETS).iter().map(|&name| name.to_owned()).collect();
    let grammar = Grammar::new(Tagging::new(&names, None).expect("known sets"), Weights::default())
        .expect("no weights");
    let settings =
        Settings { merge: Merge::Context, lenient: true, ..settings(&mut bytes, &grammar, &names) };
    let (most, shared) = (3 + bytes.below(6), 1 + bytes.below(2));
    let tokens = 1 + bytes.below(24);
    let text: String =
        (0..2 * tokens).map(|at| if at % 2 == 0 { 'a' } else { bytes.pick(&[' ', 'b', '.']) }).collect();
    // A token is two characters, or the first of them; all ids are different, as most are in a text.
    let offsets: Vec<i64> =
        (0..tokens).flat_map(|t| [2 * t as i64, 2 * t as i64 + 1 + i64::from(bytes.flag())]).collect();
    let ids: Vec<i64> = (0..tokens as i64).collect();
    let mut logits: Vec<f32> = (0..tokens * names.len()).map(|_| bytes.logit().max(-9.0)).collect();
    for (at, value) in logits.iter_mut().enumerate() {
        *value += (at % names.len()) as f32 / 64.0;
    }
    let columns = names.len();
    let window = |from: usize, to: usize| Window {
        text: 0,
        tokens: to - from,
        logits: Values::F32(&logits[from * columns..to * columns]),
        offsets: Some(offsets[2 * from..2 * to].into()),
        special: None,
        ids: Some(ids[from..to].into()),
        words: Some(ids[from..to].into()),
    };
    let (mut windows, mut from) = (Vec::new(), 0);
    loop {
        let to = (from + most).min(tokens);
        windows.push(window(from, to));
        if to == tokens {
            break;
        }
        from += most - shared;
    }
    // transformers' rules for words depend on the character before a window's first token.
    let settings = Settings { words: Source::Auto, ..settings };
    let decoder = own::Decoder::new(&names, grammar, settings);
    let texts = [Text { chars: 2 * tokens, text: &text }];
    let run = |windows: &[Window<'_>]| decoder.decode(windows, Some(&texts), 1, None, Options::default());
    assert_eq!(run(&windows), run(&[window(0, tokens)]));
}
