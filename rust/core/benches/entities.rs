//! Logits of one window, and of several -> entities.

#![allow(missing_docs, reason = "criterion's macros make functions")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

const TOKENS: usize = 512;

fn names() -> Vec<String> {
    let kinds = (0..17).flat_map(|kind| [format!("B-K{kind}"), format!("I-K{kind}")]);
    std::iter::once("O".to_owned()).chain(kinds).collect()
}

fn own_decoder(strategy: Strategy, merge: Merge) -> own::Decoder {
    let names = names();
    let tagging = Tagging::new(&names, None).expect("a known scheme");
    let shown = if strategy == Strategy::None { names.clone() } else { tagging.kinds.clone() };
    let grammar = Grammar::new(tagging, Weights::default()).expect("no weights");
    let settings = Settings {
        strategy,
        viterbi: true,
        repair: Repair::Conlleval,
        score: Score::Mean,
        words: Source::Auto,
        lenient: false,
        snap: Snap::Auto,
        join: Join::Pieces,
        trim: true,
        outside_bias: 0.0,
        merge,
        probs: false,
        boundary: Boundary::Space,
        ignored: shown.iter().map(|name| name == "O").collect(),
        thresholds: vec![0.0; shown.len()],
    };
    own::Decoder::new(&names, grammar, settings)
}

fn entities(c: &mut Criterion) {
    let labels = names().len();
    let (offsets, mut logits) = (common::offsets(TOKENS), common::logits(TOKENS * labels));
    // Most tokens are outside, as in real texts.
    logits
        .chunks_exact_mut(labels)
        .enumerate()
        .filter(|(token, _)| token % 16 > 2)
        .for_each(|(_, row)| row[0] = 9.0);
    let text = "word ".repeat(TOKENS);
    let texts = [Text { chars: text.len(), text: &text }];
    let window = |from: usize, to: usize| Window {
        text: 0,
        tokens: to - from,
        logits: Values::F32(&logits[from * labels..to * labels]),
        offsets: Some(offsets[2 * from..2 * to].into()),
        special: None,
        ids: None,
        words: None,
    };
    let options = Options { threads: NonZeroUsize::new(1), check_offsets: true };
    let mut group = c.benchmark_group("entities");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for (name, strategy) in [("simple", Strategy::Simple), ("average", Strategy::Average)] {
        let decoder = Decoder::new(&names(), strategy, Boundary::Space, |name| name == "O");
        let run =
            || decoder.decode(&[window(0, TOKENS)], Some(&texts), 1, None, options).expect("right arrays");
        assert!(run().start.len() >= TOKENS / 16, "few entities");
        group.bench_function(format!("transformers, {name}"), |b| b.iter(run));
        let decoder = own_decoder(strategy, Merge::Context);
        let run =
            || decoder.decode(&[window(0, TOKENS)], Some(&texts), 1, None, options).expect("right arrays");
        assert!(run().start.len() >= TOKENS / 16, "few entities");
        group.bench_function(format!("own, {name}"), |b| b.iter(run));
    }
    let windows: Vec<Window<'_>> =
        (0..TOKENS - 128).step_by(64).map(|from| window(from, from + 192)).collect();
    for (name, merge) in [("context", Merge::Context), ("average", Merge::Average), ("union", Merge::Union)] {
        let decoder = own_decoder(Strategy::Average, merge);
        let run = || decoder.decode(&windows, Some(&texts), 1, None, options).expect("right arrays");
        group.bench_function(format!("own, windows by {name}"), |b| b.iter(run));
    }
    group.finish();
}

criterion_group! { name = benches; config = short(); targets = entities }
criterion_main!(benches);

/// Long enough to tell a tenth apart, short enough that a folder takes less than a minute.
fn short() -> Criterion {
    let second = std::time::Duration::from_secs(1);
    Criterion::default().warm_up_time(second / 2).measurement_time(second * 2).sample_size(20)
}
