//! Texts, tokens and windows that property tests share.

#![allow(dead_code, reason = "each test file uses some of it")]

use fastpost_core::batch::{Text, Window};
use fastpost_core::entities::chunks::Repair;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::stitch::Merge;
use fastpost_core::entities::own::words::Source;
use fastpost_core::entities::own::{self, Score, Settings, Snap};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::viterbi::{Grammar, Weights};
use fastpost_core::entities::{Options, Strategy};
use fastpost_core::labels::Tagging;
use fastpost_core::math::logits::Values;
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

/// One text, its tokens and one row of logits a token.
#[derive(Debug, Clone)]
pub struct Sample {
    pub text: String,
    /// Start and end of each token, in characters.
    pub offsets: Vec<i64>,
    pub words: Vec<i64>,
    pub ids: Vec<i64>,
    pub logits: Vec<f32>,
    pub labels: usize,
}

impl Sample {
    pub fn tokens(&self) -> usize {
        self.words.len()
    }

    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// Tokens `from..to` as one window.
    pub fn window(&self, from: usize, to: usize) -> Window<'_> {
        Window {
            text: 0,
            tokens: to - from,
            logits: Values::F32(&self.logits[from * self.labels..to * self.labels]),
            offsets: Some(self.offsets[2 * from..2 * to].into()),
            special: None,
            ids: Some(self.ids[from..to].into()),
            words: Some(self.words[from..to].into()),
        }
    }

    /// Windows of `most` tokens, of which each shares `shared` with the one before.
    pub fn windows(&self, most: usize, shared: usize) -> Vec<Window<'_>> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let to = (from + most).min(self.tokens());
            all.push(self.window(from, to));
            if to == self.tokens() {
                return all;
            }
            from += most - shared;
        }
    }

    /// The same tokens with other logits.
    pub fn with(&self, logits: Vec<f32>) -> Self {
        assert_eq!(logits.len(), self.tokens() * self.labels, "one row a token");
        Self { logits, ..self.clone() }
    }
}

/// A text of words, each of which is one to three tokens; token ids are all different, as those of a real text nearly are.
pub fn sample(labels: usize, most_words: usize) -> impl proptest::strategy::Strategy<Value = Sample> {
    let word = (
        prop::sample::select(&["ab", "Bcd", "é", "東京", "o'n", "x.y", "123", "D-e"][..]),
        0_usize..3,
        0_usize..4,
    );
    prop::collection::vec(word, 1..=most_words).prop_flat_map(move |words| {
        let (mut text, mut offsets, mut word_ids) = (String::new(), Vec::new(), Vec::new());
        let mut at = 0_i64;
        for (number, (word, cut, gap)) in words.iter().enumerate() {
            // Mostly one space; sometimes none, or two.
            let gap = if number == 0 { 0 } else { [1, 1, 2, 0][*gap] };
            text.extend(std::iter::repeat_n(' ', gap));
            at += gap as i64;
            let chars = word.chars().count() as i64;
            let cut = (*cut as i64).min(chars - 1);
            let edges = if cut > 0 { vec![0, cut, chars] } else { vec![0, chars] };
            for edge in edges.windows(2) {
                offsets.extend([at + edge[0], at + edge[1]]);
                word_ids.push(number as i64);
            }
            text.push_str(word);
            at += chars;
        }
        let tokens = word_ids.len();
        let ids = (0..tokens as i64).collect::<Vec<_>>();
        prop::collection::vec(-6.0_f32..6.0, tokens * labels).prop_map(move |logits| Sample {
            text: text.clone(),
            offsets: offsets.clone(),
            words: word_ids.clone(),
            ids: ids.clone(),
            logits,
            labels,
        })
    })
}

pub const BIO: [&str; 5] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];
pub const STRATEGIES: [Strategy; 5] =
    [Strategy::None, Strategy::Simple, Strategy::First, Strategy::Average, Strategy::Max];
pub const MERGES: [Merge; 4] = [Merge::Context, Merge::Average, Merge::Transformers, Merge::Union];

/// Label names as owned strings.
pub fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Settings with every repair switched off, for labels of `names`.
pub fn bare(names: &[&str], strategy: Strategy) -> Settings {
    let tagging = Tagging::new(names, None).expect("the names follow a scheme");
    let shown: Vec<&str> = match strategy {
        Strategy::None => names.to_vec(),
        _ => tagging.kinds.iter().map(String::as_str).collect(),
    };
    Settings {
        strategy,
        viterbi: false,
        repair: Repair::Conlleval,
        score: Score::Mean,
        words: Source::Auto,
        lenient: true,
        snap: Snap::Never,
        join: Join::Never,
        trim: false,
        outside_bias: 0.0,
        merge: Merge::Context,
        probs: false,
        boundary: Boundary::Space,
        ignored: shown.iter().map(|name| *name == "O").collect(),
        thresholds: vec![0.0; shown.len()],
    }
}

/// A decoder of its own mode.
pub fn own(names: &[&str], settings: Settings) -> own::Decoder {
    let tagging = Tagging::new(names, None).expect("the names follow a scheme");
    let grammar = Grammar::new(tagging, Weights::default()).expect("no weights are no wrong ones");
    own::Decoder::new(&owned(names), grammar, settings)
}

/// What `decoder` finds in windows of one text.
pub fn decode(decoder: &own::Decoder, sample: &Sample, windows: &[Window<'_>]) -> own::Entities {
    let texts = [Text { chars: sample.chars(), text: &sample.text }];
    let options = Options { threads: std::num::NonZeroUsize::new(1), check_offsets: true };
    decoder.decode(windows, Some(&texts), 1, None, options).expect("nothing is wrong with the sample")
}

/// Start, end and name of each entity.
pub fn spans(found: &own::Entities) -> Vec<(i64, i64, i64)> {
    (0..found.start.len()).map(|row| (found.start[row], found.end[row], found.label_id[row])).collect()
}

/// Whether all scores of the one are those of the other, but for rounding.
pub fn close(a: &[f32], b: &[f32], by: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by)
}
