//! What happens around token-classification and question-answering models before and after the forward pass.
//!
//! ```text
//! tokenizer.json -> tokenizer/ -----------------------------------------------+
//! texts -> text/ -> encode/ -> batch/plan -> (model) -> batch/ -> labels/ + math/ -> entities/ -> columns
//!                                                         |                       -> answers/  -> columns
//!                                                         +-> align/   metrics/ <- columns
//! files -> corpus/ -> tokenizer/split -> train/counts -> train/merges -> tokenizer.json
//! ```
//!
//! Data goes one way, a batch at a time, and comes out as columns. A batch is its windows laid end to end; a window holds
//! borrowed slices with one entry a token. Spans are half-open, in characters (code points). Nothing panics on input, and no
//! thread outlives the call that started it.
//!
//! # Example
//!
//! ```
//! use fastpost_core::batch::{Ints, Text, Window};
//! use fastpost_core::entities::transformers::words::Boundary;
//! use fastpost_core::entities::{Decoder, Options, Strategy};
//! use fastpost_core::math::logits::Values;
//!
//! let text = "Anna lives in Berlin";
//! let names = ["O", "B-PER", "B-LOC"].map(String::from);
//! let window = Window {
//!     text: 0,
//!     tokens: 4,
//!     logits: Values::F32(&[
//!         0.0, 8.0, 0.0, // Anna
//!         8.0, 0.0, 0.0, // lives
//!         8.0, 0.0, 0.0, // in
//!         0.0, 0.0, 8.0, // Berlin
//!     ]),
//!     offsets: Some(Ints::I64(&[0, 4, 5, 10, 11, 13, 14, 20])),
//!     special: None,
//!     ids: None,
//!     words: None,
//! };
//! let texts = [Text { chars: text.chars().count(), text }];
//! let decoder = Decoder::new(&names, Strategy::Simple, Boundary::Space, |name| name == "O");
//! let found = decoder.decode(&[window], Some(&texts), 1, None, Options::default())?;
//! let labels: Vec<&str> = found.label_id.iter().map(|&id| decoder.names()[id as usize].as_str()).collect();
//! assert_eq!((found.start, found.end), (vec![0, 14], vec![4, 20]));
//! assert_eq!(labels, ["PER", "LOC"]);
//! # Ok::<(), fastpost_core::Error>(())
//! ```
//!
//! # The types, in the order of the data
//!
//! | step | what goes in | what comes out |
//! |---|---|---|
//! | [`tokenizer`] | the JSON of a tokenizer | [`Splitter`](tokenizer::split::Splitter), [`TokenText`](tokenizer::decoder::TokenText), [`Vocabulary`](tokenizer::decoder::Vocabulary) |
//! | [`text`] | a text | [`OffsetMap`](text::units::OffsetMap), [`Normalized`](text::normal::Normalized), [`WordEdges`](text::words::WordEdges) |
//! | [`encode`] | texts, an [`Encoder`](encode::Encoder) | [`Columns`](encode::Columns): ids, offsets, words, windows |
//! | [`batch`] | what model and tokenizer gave | [`Window`](batch::Window), checked |
//! | [`labels`] | the names of a model's labels | [`Tagging`](labels::Tagging): scheme, role and type of each |
//! | [`math`] | rows of logits | [`Rows`](math::logits::Rows): softmax, sums, the largest |
//! | [`entities`] | windows, a [`Decoder`](entities::Decoder) or an [`own::Decoder`](entities::own::Decoder) | columns: start, end, label, score |
//! | [`answers`] | start and end logits | [`Answers`](answers::Answers), best first |
//! | [`align`] | spans, or labels | labels, or spans; which tokens of two tokenizers meet |
//! | [`metrics`] | spans or tags, gold and found | counts, errors by kind |
//! | [`corpus`] | files or readers | [`Blocks`](corpus::Blocks) of [`Texts`](corpus::Texts) |
//! | [`train`] | words | [`WordCounts`](train::WordCounts), then [`Trained`](train::Trained) |
//!
//! [`parallel`] starts the threads of all of them; [`Error`] says what is wrong, with both values and the cure.
//!
//! # To add something
//!
//! | to add | open |
//! |---|---|
//! | an aggregation strategy | [`entities::Strategy`], then where the compiler says that a match is not complete |
//! | a label scheme | the table of rules in `labels`, and [`labels::Scheme`] |
//! | a way to score an entity | [`entities::own::Score`] and `entities/own/scores.rs` |
//! | a way to put windows together | [`entities::own::stitch::Merge`] |
//! | a file format | [`corpus::Split`] and a file beside `corpus/jsonl.rs` |
//! | a pre-tokenizer | `tokenizer/split` |
//! | a kind of tokenizer to encode with | a file beside `encode/wordpiece.rs`, and [`encode::Encoder::from_json`] |
//! | a unit of positions | [`text::units::Unit`] |
//! | a case for every language | `tests/cases` at the top of the repository: see its README |

pub mod align;
pub mod answers;
pub mod batch;
pub mod corpus;
pub mod encode;
pub mod entities;
mod error;
pub mod labels;
pub mod math;
pub mod metrics;
pub mod parallel;
pub mod text;
pub mod tokenizer;
pub mod train;

pub use error::{About, Error, Named, Names, Result, short_name};

/// The examples of README.md run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
