//! The tables of `tests/cases` at the top of the repository; `tests/test_cases.py` reads the same files.

#![allow(clippy::unwrap_used, reason = "a case that can not be read fails, and says where")]

mod common;

use common::{bare, owned};
use fastpost_core::align::{
    self, IGNORED, Policy, Subwords, label_text, spans_of_text, tokens::align_tokens,
};
use fastpost_core::answers::{self, Dedupe, Floats, Ints, Mode, Normalize, Widen};
use fastpost_core::batch::{Text, Tokens, Window};
use fastpost_core::entities::chunks::{Repair, chunks};
use fastpost_core::entities::cut::Cut;
use fastpost_core::entities::own::join::Join;
use fastpost_core::entities::own::stitch::Merge;
use fastpost_core::entities::own::words::Source;
use fastpost_core::entities::own::{self, Score, Settings, Snap};
use fastpost_core::entities::transformers::words::Boundary;
use fastpost_core::entities::viterbi::{Biases, Grammar, Weights};
use fastpost_core::entities::{Decoder, Options, Strategy};
use fastpost_core::labels::{Role, Scheme, Tagging};
use fastpost_core::math::logits::Values;
use fastpost_core::text::normal::{Form, Normalized};
use fastpost_core::text::units::{Inside, OffsetMap, Unit};
use fastpost_core::tokenizer::decoder::Vocabulary;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::Path;

/// The cases of one file: their tolerance, and what to do with each.
fn each(subject: &str, mut check: impl FnMut(&Value, f64)) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases").join(subject).with_extension("json");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let table: Value = serde_json::from_slice(&bytes).expect("the table is JSON");
    let cases = list(&table["cases"]);
    assert!(cases.len() >= 30, "{subject} has {} cases", cases.len());
    for case in cases {
        check(case, number(&table["tolerance"]));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Null means "none", which the core writes as -1.
fn integer(value: &Value) -> i64 {
    if value.is_null() { -1 } else { value.as_i64().unwrap_or_else(|| panic!("{value} is no integer")) }
}

/// Null means minus infinity.
fn float(value: &Value) -> f32 {
    if value.is_null() { f32::NEG_INFINITY } else { number(value) as f32 }
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().map(|item| string(item).to_owned()).collect()
}

fn integers(value: &Value) -> Vec<i64> {
    list(value).iter().map(integer).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    list(value).iter().map(float).collect()
}

/// Pairs, or rows, end to end.
fn flat<T>(value: &Value, read: impl Fn(&Value) -> Vec<T>) -> Vec<T> {
    list(value).iter().flat_map(read).collect()
}

/// The value under `key`; `None` if it is absent or null.
fn given<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// The name under `key`, `default` if there is no such key; an option may be null.
fn choice<'a>(options: &'a Value, key: &str, default: &'a str) -> Option<&'a str> {
    options.get(key).map_or(Some(default), |value| value.as_str())
}

/// The arrays of one window.
struct Held {
    logits: Vec<f32>,
    offsets: Vec<i64>,
    special: Vec<i64>,
    ids: Option<Vec<i64>>,
    words: Option<Vec<i64>>,
}

impl Held {
    fn new(window: &Value) -> Self {
        Self {
            logits: flat(&window["logits"], floats),
            offsets: flat(&window["offsets"], integers),
            special: integers(&window["special"]),
            ids: given(window, "ids").map(integers),
            words: given(window, "word_ids").map(integers),
        }
    }

    fn window(&self) -> Window<'_> {
        Window {
            text: 0,
            tokens: self.special.len(),
            logits: Values::F32(&self.logits),
            offsets: Some(self.offsets.as_slice().into()),
            special: Some(self.special.as_slice().into()),
            ids: self.ids.as_deref().map(Into::into),
            words: self.words.as_deref().map(Into::into),
        }
    }
}

fn weights(options: &Value) -> Weights {
    let labels = given(options, "transitions").map_or(0, |rows| list(rows).len());
    if let Some(rows) = given(options, "transitions") {
        let edge = |key: &str| given(options, key).map_or_else(|| vec![0.0; labels], floats);
        return Weights::Matrix {
            steps: flat(rows, floats),
            start: edge("start_transitions"),
            end: edge("end_transitions"),
        };
    }
    let biases = &options["biases"];
    let bias = |key: &str| given(biases, key).map_or(0.0, float);
    // The names of openai/privacy-filter's file.
    Weights::Biases(Biases {
        background_stay: bias("background_stay"),
        background_to_start: bias("background_to_start"),
        inside_to_continue: bias("inside_to_continue"),
        inside_to_end: bias("inside_to_end"),
        end_to_background: bias("end_to_background"),
        end_to_start: bias("end_to_start"),
    })
}

/// A decoder of its own mode; options that are not named have their defaults.
fn own_decoder(names: &[String], options: &Value) -> own::Decoder {
    let scheme = choice(options, "scheme", "auto").filter(|name| *name != "auto");
    let scheme = scheme.map(|name| Scheme::parse(name).unwrap());
    let tagging = Tagging::new(names, scheme).unwrap();
    let grammar = Grammar::new(tagging, weights(options)).unwrap();
    let strategy = Strategy::parse(string(&options["aggregation_strategy"])).unwrap();
    let shown = own::names(names, &grammar, strategy).to_vec();
    let listed = given(options, "ignore_labels").map_or_else(|| owned(&["O"]), strings);
    let ignored = shown.iter().enumerate().map(|(at, name)| {
        listed.contains(name)
            || (listed.iter().any(|name| name == "O") && own::means_outside(&grammar, strategy, at))
    });
    let threshold = |name: &String| match given(options, "threshold") {
        Some(Value::Object(by_name)) => by_name.get(name).map_or(0.0, number),
        Some(value) => number(value),
        None => 0.0,
    };
    let settings = Settings {
        strategy,
        viterbi: choice(options, "decode", "viterbi") == Some("viterbi"),
        repair: Repair::parse(choice(options, "repair", "conlleval").unwrap()).unwrap(),
        score: Score::parse(choice(options, "score", "mean").unwrap()).unwrap(),
        words: Source::parse(choice(options, "words", "auto").unwrap()).unwrap(),
        lenient: false,
        snap: match choice(options, "snap", "auto") {
            None => Snap::Never,
            Some("word") => Snap::Word,
            Some(_) => Snap::Auto,
        },
        join: Join::parse(choice(options, "join", "pieces")).unwrap(),
        trim: choice(options, "trim", "whitespace").is_some(),
        outside_bias: given(options, "outside_bias").map_or(0.0, float),
        merge: Merge::parse(choice(options, "window_merge", "context").unwrap()).unwrap(),
        ignored: ignored.collect(),
        thresholds: shown.iter().map(threshold).collect(),
        ..bare(&["O", "x"], strategy)
    };
    own::Decoder::new(names, grammar, settings)
}

#[test]
fn entities() {
    each("entities", |case, tolerance| {
        let (name, inputs, options) = (&case["name"], &case["inputs"], &case["options"]);
        let names = strings(&inputs["labels"]);
        let text = string(&inputs["text"]);
        let texts = [Text { chars: text.chars().count(), text }];
        let held: Vec<Held> = list(&inputs["windows"]).iter().map(Held::new).collect();
        let windows: Vec<Window<'_>> = held.iter().map(Held::window).collect();
        let expected = list(&case["expected"]["entities"]);
        let of = |key: &str| -> Vec<i64> { expected.iter().map(|entity| integer(&entity[key])).collect() };
        let run = Options { threads: NonZeroUsize::new(1), check_offsets: true };
        let (start, end, label_id, score, shown) = if options["behaviour"] == "own" {
            let decoder = own_decoder(&names, options);
            let found = decoder.decode(&windows, Some(&texts), 1, None, run).unwrap();
            let pairs = |key: &str, at: usize| -> Vec<i64> {
                expected.iter().map(|entity| integer(&entity[key][at])).collect()
            };
            assert_eq!(found.token_start, pairs("tokens", 0), "{name}");
            assert_eq!(found.token_end, pairs("tokens", 1), "{name}");
            assert_eq!(found.word_start, pairs("words", 0), "{name}");
            assert_eq!(found.word_end, pairs("words", 1), "{name}");
            assert_eq!(found.covered, integers(&case["expected"]["covered"]), "{name}");
            (found.start, found.end, found.label_id, found.score, decoder.names().to_vec())
        } else {
            let strategy = Strategy::parse(string(&options["aggregation_strategy"])).unwrap();
            let pairs = inputs["vocabulary"].as_object().map(|tokens| {
                tokens.iter().map(|(id, token)| (string(token).to_owned(), id.parse::<usize>().unwrap()))
            });
            let vocabulary = pairs.map(Vocabulary::new);
            let unknown = |vocabulary: &Vocabulary| {
                (0..vocabulary.len()).find(|&id| vocabulary.token(id) == inputs["unknown"].as_str())
            };
            let tokens = vocabulary.as_ref().map(|vocabulary| Tokens {
                vocabulary,
                unknown: unknown(vocabulary).map_or(-1, |id| id as i64),
            });
            let boundary = if tokens.is_some() { Boundary::TokenLength } else { Boundary::Space };
            let decoder = Decoder::new(&names, strategy, boundary, |name| name == "O");
            let found = decoder.decode(&windows, Some(&texts), 1, tokens, run).unwrap();
            if strategy == Strategy::None {
                assert_eq!(found.index, of("index"), "{name}");
            }
            (found.start, found.end, found.label_id, found.score, decoder.names().to_vec())
        };
        assert_eq!((start, end), (of("start"), of("end")), "{name}");
        let labels: Vec<&str> = label_id.iter().map(|&id| shown[id as usize].as_str()).collect();
        let wanted: Vec<&str> = expected.iter().map(|entity| string(&entity["label"])).collect();
        assert_eq!(labels, wanted, "{name}");
        for (score, entity) in score.iter().zip(expected) {
            assert!(
                (f64::from(*score) - number(&entity["score"])).abs() <= tolerance,
                "{name}: {score} {entity}"
            );
        }
    });
}

/// The arrays of one window of a question.
struct Answered {
    start: Vec<f32>,
    end: Vec<f32>,
    offsets: Vec<i64>,
    sequences: Vec<i64>,
    words: Vec<i64>,
    ids: Vec<i64>,
}

impl Answered {
    fn new(window: &Value) -> Self {
        Self {
            start: floats(&window["start"]),
            end: floats(&window["end"]),
            offsets: flat(&window["offsets"], integers),
            sequences: integers(&window["sequence_ids"]),
            words: integers(&window["word_ids"]),
            ids: integers(&window["ids"]),
        }
    }

    fn window(&self) -> answers::Window<'_> {
        answers::Window {
            start: Floats::F32(&self.start),
            end: Floats::F32(&self.end),
            offsets: Ints::I64(&self.offsets),
            sequence_ids: Ints::I64(&self.sequences),
            word_ids: Some(Ints::I64(&self.words)),
            input_ids: Some(Ints::I64(&self.ids)),
            attention_mask: None,
            text: 0,
        }
    }
}

#[test]
fn answers_of_both_behaviours() {
    each("answers", |case, tolerance| {
        let (name, inputs, options) = (&case["name"], &case["inputs"], &case["options"]);
        let context = string(&inputs["context"]);
        let texts = [answers::Text { utf8: context, chars: context.chars().count() }];
        let held: Vec<Answered> = list(&inputs["windows"]).iter().map(Answered::new).collect();
        let windows: Vec<answers::Window<'_>> = held.iter().map(Answered::window).collect();
        let count = |key: &str| NonZeroUsize::new(integer(&options[key]) as usize).unwrap();
        let mode = if options["behaviour"] == "own" {
            Mode::Right {
                normalize: Normalize::parse(string(&options["normalize"])).unwrap(),
                dedupe: Dedupe::parse(string(&options["dedupe"])).unwrap(),
                null_threshold: given(options, "null_threshold").map(number),
            }
        } else {
            Mode::Transformers
        };
        let read = answers::Options {
            top_k: count("top_k"),
            max_answer_len: count("max_answer_len"),
            null_allowed: options["handle_impossible_answer"] == true,
            widen: if options["align_to_words"] == true { Widen::Word } else { Widen::No },
            context_sequence: 1,
            mode,
        };
        let cls = Some(integer(&inputs["cls"]));
        let found = answers::decode(&windows, &texts, None, cls, &read, NonZeroUsize::new(1)).unwrap();
        let expected = list(&case["expected"]["answers"]);
        let places: Vec<(i64, i64)> = found.rows.iter().map(|answer| (answer.start, answer.end)).collect();
        let wanted: Vec<(i64, i64)> =
            expected.iter().map(|answer| (integer(&answer["start"]), integer(&answer["end"]))).collect();
        assert_eq!(places, wanted, "{name}");
        for (answer, expected) in found.rows.iter().zip(expected) {
            assert!(
                (answer.score - number(&expected["score"])).abs() <= tolerance,
                "{name}: {answer:?} {expected}"
            );
        }
        if let Some(null) = given(&case["expected"], "null_score") {
            assert!((found.null_score[0] - number(null)).abs() <= tolerance, "{name}");
        }
    });
}

fn tagging(names: &[String], options: &Value) -> fastpost_core::Result<Tagging> {
    let scheme = choice(options, "scheme", "auto").filter(|name| *name != "auto");
    Tagging::new(names, scheme.map(|name| Scheme::parse(name).unwrap()))
}

#[test]
fn labels() {
    each("labels", |case, _| {
        let (name, inputs, expected) = (&case["name"], &case["inputs"], &case["expected"]);
        let names = strings(&inputs["labels"]);
        let read = tagging(&names, &case["options"]);
        if expected["error"] == true {
            assert!(read.is_err(), "{name}");
            return;
        }
        let tagging = read.unwrap();
        if let Some(sequence) = given(inputs, "sequence") {
            let id = |label: &Value| names.iter().position(|name| name == string(label)).unwrap() as u32;
            let ids: Vec<u32> = list(sequence).iter().map(id).collect();
            let repair = Repair::parse(string(&case["options"]["repair"])).unwrap();
            let found: Vec<Value> = chunks(&tagging, &ids, repair, Cut::default())
                .into_iter()
                .filter(|chunk| !tagging.is_outside(chunk.kind))
                .map(|chunk| serde_json::json!([chunk.from, chunk.to, tagging.kinds[chunk.kind as usize]]))
                .collect();
            assert_eq!(&Value::from(found), &expected["entities"], "{name}");
            return;
        }
        assert_eq!(tagging.scheme.name(), string(&expected["scheme"]), "{name}");
        let letter = |role: Role| match role {
            Role::Outside => "O",
            Role::Begin => "B",
            Role::Inside => "I",
            Role::End => "E",
            Role::Single => "S",
        };
        let tags: Vec<[&str; 2]> = tagging
            .tags
            .iter()
            .map(|tag| [letter(tag.role), tagging.kinds[tag.kind as usize].as_str()])
            .collect();
        let wanted: Vec<[&str; 2]> =
            list(&expected["tags"]).iter().map(|tag| [string(&tag[0]), string(&tag[1])]).collect();
        assert_eq!(tags, wanted, "{name}");
        assert_eq!(tagging.kinds, strings(&expected["types"]), "{name}");
    });
}

#[test]
fn alignment() {
    each("alignment", |case, _| {
        let (name, inputs, expected) = (&case["name"], &case["inputs"], &case["expected"]);
        if inputs.get("a").is_some() {
            let (there, back) = align_tokens(&strings(&inputs["a"]), &strings(&inputs["b"]));
            let rows =
                |rows: Vec<Vec<usize>>| Value::from(rows.into_iter().map(Value::from).collect::<Vec<_>>());
            assert_eq!(&rows(there), &expected["a_to_b"], "{name}");
            assert_eq!(&rows(back), &expected["b_to_a"], "{name}");
            return;
        }
        let names = strings(&inputs["labels"]);
        let tagging = tagging(&names, &case["options"]).unwrap();
        let offsets = flat(&inputs["offsets"], integers);
        let special: Vec<u8> =
            integers(&inputs["special"]).into_iter().map(|special| special as u8).collect();
        let windows = [align::Window { offsets: &offsets, special: &special, word_ids: None }];
        let id = |label: &Value| {
            label
                .as_str()
                .map_or(IGNORED, |label| names.iter().position(|name| name == label).unwrap() as i64)
        };
        let ids = |labels: &Value| -> Vec<i64> { list(labels).iter().map(id).collect() };
        let kind = |label: &str| tagging.kinds.iter().position(|kind| kind == label).unwrap() as u32;
        let spans = |spans: &Value| -> Vec<align::Span> {
            let span = |span: &Value| align::Span {
                start: integer(&span[0]),
                end: integer(&span[1]),
                kind: kind(string(&span[2])),
            };
            list(spans).iter().map(span).collect()
        };
        if let Some(given) = given(inputs, "spans") {
            let policy = Policy::parse(string(&case["options"]["policy"])).unwrap();
            let mut labels = vec![0; special.len()];
            let misfits = label_text(
                0,
                &windows,
                &spans(given),
                None,
                &tagging,
                policy,
                Subwords::All,
                &mut [&mut labels],
            );
            assert_eq!(misfits.unwrap(), [], "{name}");
            assert_eq!(labels, ids(&expected["labels"]), "{name}");
        } else {
            let labels = ids(&inputs["sequence"]);
            let repair = align::Repair::parse(string(&case["options"]["repair"])).unwrap();
            let found = spans_of_text(0, &windows, &[&labels], &tagging, repair, Subwords::All).unwrap();
            assert_eq!(found, spans(&expected["spans"]), "{name}");
        }
    });
}

#[test]
fn offsets() {
    each("offsets", |case, _| {
        let (name, inputs, options) = (&case["name"], &case["inputs"], &case["options"]);
        let (text, expected) = (string(&inputs["text"]), &case["expected"]);
        if let Some(form) = given(options, "form") {
            let normal = Normalized::new(text).unwrap().then(Form::parse(string(form)).unwrap()).unwrap();
            assert_eq!(normal.text(), string(&expected["text"]), "{name}");
            let (inner, outer) = (flat(&inputs["spans"], integers), flat(&expected["spans"], integers));
            let (mut back, mut there) = (inner.clone(), outer.clone());
            normal.to_original(&mut back).unwrap();
            normal.to_normalized(&mut there).unwrap();
            assert_eq!((back, there), (outer, inner), "{name}");
            return;
        }
        let unit = |key: &'static str| Unit::parse(key, string(&options[key])).unwrap();
        let (source, target) = (unit("source"), unit("target"));
        let inside = Inside::parse(string(&options["inside"])).unwrap();
        let map = OffsetMap::new(text).unwrap();
        let mut positions = integers(&inputs["positions"]);
        map.convert(text, &mut positions, source, target, inside).unwrap();
        assert_eq!(positions, integers(&expected["positions"]), "{name}");
        for position in integers(&inputs["refused"]) {
            assert!(
                map.convert(text, &mut [position], source, target, inside).is_err(),
                "{name}: {position}"
            );
        }
    });
}
