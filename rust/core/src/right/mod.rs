//! Logits of the windows of a text -> entities, right where transformers is not.
//!
//! A text goes through five steps: its windows become one (`stitch`), tokens become words where the strategy asks
//! for it (`words`), the labels are decided (arg-max, or the best legal path), labels become chunks (`chunks`), and
//! chunks become spans of the text: trimmed, widened to whole words, scored. Texts are independent of each other, so
//! a batch is decoded by as many threads as there are.

pub mod spans;
pub mod stitch;
pub mod words;

use crate::chunks::{self, Repair};
use crate::entities::{self, Strategy};
use crate::labels::Role;
use crate::lattice::Lattice;
use crate::logits::{self, MeanSpace, Rows};
use crate::offsets::CharIndex;
use crate::parallel;
use crate::segment::WordEdges;
use crate::viterbi::{Grammar, Space};
use crate::window::{Entity, Text, Tokens, Window};
use crate::words::Boundary;
use crate::{Error, Result, overlaps};
use spans::Draft;
use std::cell::OnceCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use stitch::{Merge, Part, Stitched};
use words::{Source, Words};

/// What the score of an entity is. Tokens are words where the strategy joins them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// Mean of its tokens' probabilities.
    Mean,
    /// Smallest of its tokens' probabilities.
    Min,
    /// Probability of its first token.
    First,
    /// Largest of its tokens' probabilities.
    Max,
    /// Probability, among all legal sequences, that exactly its tokens are an entity of its type; of a token by itself,
    /// that it has its label.
    Path,
}

impl Score {
    /// Reads its name.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "mean" => Self::Mean,
            "min" => Self::Min,
            "first" => Self::First,
            "max" => Self::Max,
            "path" => Self::Path,
            _ => {
                return Err(Error::BadOption {
                    name: "score",
                    got: format!("{name:?}"),
                    cure: "choose \"mean\", \"min\", \"first\", \"max\" or \"path\"",
                });
            }
        })
    }
}

/// Whether entities are widened to whole words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snap {
    /// Where something tells words apart.
    Auto,
    /// Always; it is an error where nothing tells words apart.
    Word,
    /// Never.
    Never,
}

/// How tokens become entities.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tokens alone, in runs, or by words.
    pub strategy: Strategy,
    /// Whether the best legal sequence is taken, rather than the best label of each token.
    pub viterbi: bool,
    /// What becomes of illegal labels.
    pub repair: Repair,
    /// What the score is.
    pub score: Score,
    /// Where words come from.
    pub words: Source,
    /// Whether entities grow to whole words.
    pub snap: Snap,
    /// Whether white space at the ends of an entity is left out of it.
    pub trim: bool,
    /// How windows become one.
    pub merge: Merge,
    /// Whether to give the distribution over names for each entity.
    pub probs: bool,
    /// How transformers tells words apart for this tokenizer.
    pub boundary: Boundary,
    /// By name (see [`Decoder::names`]): whether entities of that name are left out.
    pub ignored: Vec<bool>,
    /// By name: entities with a lower score are left out. As wide as scores are when they are handed out, so that a
    /// caller who compares them comes to the same.
    pub thresholds: Vec<f64>,
}

/// Labels, their grammar and settings: what is fixed over many batches.
#[derive(Debug)]
pub struct Decoder {
    grammar: Grammar,
    label_names: Vec<String>,
    settings: Settings,
    /// How many texts had their words told apart in each of the ways of [`words::USED`].
    used: [AtomicUsize; 8],
}

/// Entities of a batch as columns, ordered by text and by place in it.
#[derive(Debug, Default, PartialEq)]
pub struct Entities {
    /// Text of each entity.
    pub text_index: Vec<i64>,
    /// First character; -1 without offsets.
    pub start: Vec<i64>,
    /// Last character, excluded; -1 without offsets.
    pub end: Vec<i64>,
    /// Index into [`Decoder::names`].
    pub label_id: Vec<i64>,
    /// What [`Score`] says.
    pub score: Vec<f32>,
    /// First token, as numbered by [`stitch::Token::index`].
    pub token_start: Vec<i64>,
    /// Last token, excluded.
    pub token_end: Vec<i64>,
    /// First word as the tokenizer numbers them, -1 for none.
    pub word_start: Vec<i64>,
    /// Last word, excluded, -1 for none.
    pub word_end: Vec<i64>,
    /// One value a name for each entity, if asked for.
    pub probs: Vec<f32>,
    /// For each text the first character that some token covers, and the last, excluded; -1 for none.
    pub covered: Vec<i64>,
}

/// Entities of one text.
#[derive(Debug, Default)]
struct Found {
    drafts: Vec<Draft>,
    probs: Vec<f32>,
    covered: (i64, i64),
}

impl Decoder {
    /// A decoder for a model whose label ids are named `names`, in order.
    #[must_use]
    pub fn new(names: &[String], grammar: Grammar, settings: Settings) -> Self {
        Self { grammar, label_names: names.to_vec(), settings, used: Default::default() }
    }

    /// Names that [`Entities::label_id`] points into.
    #[must_use]
    pub fn names(&self) -> &[String] {
        names(&self.label_names, &self.grammar, self.settings.strategy)
    }

    /// The labels under their scheme.
    #[must_use]
    pub fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many texts so far had their words told apart in each of the ways of [`words::USED`].
    #[must_use]
    pub fn used(&self) -> [usize; 8] {
        std::array::from_fn(|way| self.used[way].load(Ordering::Relaxed))
    }

    /// Decodes all windows of a batch. `texts` has one entry a text; windows of a text keep their order.
    ///
    /// # Errors
    /// [`Error::BadLogits`] for a row that has no most probable label, or at which no legal sequence is left,
    /// [`Error::BadOffset`] for offsets that are no spans of their text, [`Error::Missing`] for what the settings ask
    /// for and is not there.
    pub fn decode(
        &self,
        windows: &[Window<'_>],
        texts: Option<&[Text<'_>]>,
        text_count: usize,
        tokens: Option<Tokens<'_>>,
        options: entities::Options,
    ) -> Result<Entities> {
        let mut of_text = vec![Vec::new(); text_count];
        for (number, window) in windows.iter().enumerate() {
            of_text[window.text].push(number);
        }
        let values: usize = windows.iter().map(|window| window.logits.len()).sum();
        let found = parallel::map(text_count, options.threads, values, |text| {
            let numbers = &of_text[text];
            let index = texts.map(|texts| CharIndex::new(texts[text].text));
            TextDecoder {
                decoder: self,
                windows: numbers.iter().map(|&number| &windows[number]).collect(),
                numbers,
                tokens,
                text: index.as_ref(),
                edges: OnceCell::new(),
                check: options.check_offsets,
            }
            .run()
        })?;
        let mut out = Entities::default();
        for (text, found) in found.into_iter().enumerate() {
            for draft in found.drafts {
                out.text_index.push(text as i64);
                out.start.push(draft.start);
                out.end.push(draft.end);
                out.label_id.push(i64::from(draft.name));
                out.score.push(draft.score);
                out.token_start.push(draft.tokens.0);
                out.token_end.push(draft.tokens.1);
                out.word_start.push(draft.words.0);
                out.word_end.push(draft.words.1);
            }
            out.probs.extend(found.probs);
            out.covered.extend([found.covered.0, found.covered.1]);
        }
        Ok(out)
    }
}

/// Names that entities get under `strategy`.
#[must_use]
pub fn names<'a>(labels: &'a [String], grammar: &'a Grammar, strategy: Strategy) -> &'a [String] {
    if strategy == Strategy::None { labels } else { &grammar.tagging().kinds }
}

struct TextDecoder<'a> {
    decoder: &'a Decoder,
    windows: Vec<&'a Window<'a>>,
    numbers: &'a [usize],
    tokens: Option<Tokens<'a>>,
    text: Option<&'a CharIndex<'a>>,
    /// The Unicode words of the text.
    edges: OnceCell<WordEdges>,
    check: bool,
}

impl TextDecoder<'_> {
    fn run(&self) -> Result<Found> {
        let settings = &self.decoder.settings;
        let columns = self.decoder.label_names.len();
        let mut parts = Vec::with_capacity(self.windows.len());
        for (place, &window) in self.windows.iter().enumerate() {
            let kept = window.unmasked();
            if self.check {
                window.check_offsets(self.numbers[place], &kept, self.text.map(CharIndex::len))?;
            }
            let opens = (settings.words == Source::Transformers).then(|| self.opens(window, &kept));
            parts.push(Part::new(window, place, &kept, opens.as_deref()));
        }
        if parts.len() > 1 && !self.has_offsets() {
            return Err(Error::Missing { name: "offsets", why: "to put the windows of a text together" });
        }
        let mut found = if parts.len() == 1 || settings.merge != Merge::Transformers {
            self.stitched(&stitch::stitch(parts, columns, settings.merge))?
        } else {
            self.each_window(parts)?
        };
        if found.covered.0 == i64::MAX {
            found.covered = (-1, -1);
        }
        Ok(found)
    }

    fn has_offsets(&self) -> bool {
        self.windows.first().is_some_and(|window| window.offsets.is_some())
    }

    /// Which of the `kept` tokens of a window start a word, by the rules of transformers.
    fn opens(&self, window: &Window<'_>, kept: &[u32]) -> Vec<bool> {
        let boundary = self.decoder.settings.boundary;
        let chars = self.text.map(CharIndex::len);
        // The first token always starts a word there, and another window may hold the one before it: it goes in twice.
        let doubled: Vec<u32> = kept.first().into_iter().chain(kept).copied().collect();
        let mut opens = vec![false; doubled.len()];
        for (from, _) in crate::words::split(boundary, window, &doubled, self.tokens, chars, self.text) {
            opens[from as usize] = true;
        }
        opens.split_off(opens.len().min(1))
    }

    /// Decodes each window by itself and keeps the longer one of entities that overlap.
    fn each_window(&self, parts: Vec<Part<'_>>) -> Result<Found> {
        let mut all = Found { covered: (i64::MAX, -1), ..Found::default() };
        for part in parts {
            let found = self.stitched(&stitch::single(part))?;
            all.covered = (all.covered.0.min(found.covered.0), all.covered.1.max(found.covered.1));
            all.drafts.extend(found.drafts);
            all.probs.extend(found.probs);
        }
        let spans = all.drafts.iter().enumerate().map(|(number, draft)| {
            let (label, score, start, end) = (draft.name, draft.score, draft.start, draft.end);
            (number, Entity { label, score, index: -1, start, end, pieces: (0, 0) })
        });
        let mut kept: Vec<_> = spans.collect();
        overlaps::keep_longest(&mut kept);
        kept.dedup_by_key(|(number, _)| *number); // an empty one in first place comes out twice
        let names = self.decoder.names().len();
        let mut out = Found { covered: all.covered, ..Found::default() };
        for (number, _) in kept {
            out.drafts.push(all.drafts[number].clone());
            if self.decoder.settings.probs {
                out.probs.extend_from_slice(&all.probs[number * names..][..names]);
            }
        }
        Ok(out)
    }

    /// Decodes tokens that stand in one row.
    fn stitched(&self, text: &Stitched<'_>) -> Result<Found> {
        let settings = &self.decoder.settings;
        let columns = self.decoder.label_names.len();
        let tagging = self.decoder.grammar.tagging();
        let tokens = &text.tokens;
        let mut found = Found { covered: (i64::MAX, -1), ..Found::default() };
        for token in tokens.iter().filter(|token| token.start < token.end) {
            found.covered = (found.covered.0.min(token.start), found.covered.1.max(token.end));
        }
        let words = self.words(tokens)?;
        let rows = Rows::new(&text.values, columns);
        let items: Vec<(u32, u32)> = match &words {
            Some(words) if settings.strategy.joins_words() => words.runs.clone(),
            _ => (0..tokens.len() as u32).map(|token| (token, token + 1)).collect(),
        };
        let (space, item_rows) = self.item_rows(&rows, text, &items)?;
        let rows = if space.is_empty() { rows } else { Rows::new(&space, columns) };
        let mut labels = Vec::new();
        let decided = if settings.viterbi {
            self.decoder.grammar.best_path(&rows, &item_rows, &mut Space::default(), &mut labels)
        } else {
            rows.argmaxes(&item_rows, &mut labels)
        };
        decided
            .map_err(|(row, fault)| self.fault(text, items[position(&item_rows, row)].0 as usize, fault))?;
        let scores = Scores { decoder: self.decoder, rows, item_rows: &item_rows, labels: &labels };
        if settings.strategy == Strategy::None {
            self.each_token(text, &scores, &mut found);
            return Ok(found);
        }
        let mut drafts = Vec::new();
        for chunk in chunks::chunks(tagging, &labels, settings.repair) {
            if settings.ignored[chunk.kind as usize] {
                continue;
            }
            let range = items[chunk.from].0 as usize..items[chunk.to - 1].1 as usize;
            drafts.extend(Draft::new(tokens, range, chunk.kind, self.has_offsets()));
        }
        if settings.trim
            && self.has_offsets()
            && let Some(text) = self.text
        {
            for draft in &mut drafts {
                draft.trim(text);
            }
            drafts.retain(|draft| draft.start < draft.end);
            for draft in &mut drafts {
                draft.shrink(tokens);
            }
        }
        if settings.snap != Snap::Never
            && self.has_offsets()
            && let Some(words) = words.as_ref().filter(|words| words.used != words::Used::Nothing)
        {
            let outside = |kind: u32| tagging.is_outside(kind);
            drafts = spans::snap(drafts, tokens, words, self.text, settings.trim, outside);
        }
        let mut item_of = vec![0; tokens.len()];
        for (item, &(from, to)) in items.iter().enumerate() {
            item_of[from as usize..to as usize].fill(item);
        }
        let mut lattice = None;
        for mut draft in drafts {
            let covered = item_of[draft.range.start]..item_of[draft.range.end - 1] + 1;
            draft.score = match settings.score {
                Score::Path if !tagging.is_outside(draft.name) => {
                    let lattice = lattice
                        .get_or_insert_with(|| Lattice::new(&self.decoder.grammar, &scores.rows, &item_rows));
                    lattice.probability(covered.start, covered.end, draft.name) as f32
                }
                score => scores.of_entity(score, covered.clone(), draft.name),
            };
            if f64::from(draft.score) < settings.thresholds[draft.name as usize] {
                continue;
            }
            if settings.probs {
                scores.distribution(covered, &mut found.probs);
            }
            draft.number(tokens);
            found.drafts.push(draft);
        }
        Ok(found)
    }

    /// The words, where the settings need them.
    fn words(&self, tokens: &[stitch::Token]) -> Result<Option<Words<'_>>> {
        let settings = &self.decoder.settings;
        let snaps = settings.strategy != Strategy::None && settings.snap != Snap::Never;
        if !snaps && !settings.strategy.joins_words() {
            return Ok(None);
        }
        let has_ids = self.windows.first().is_some_and(|window| window.words.is_some());
        let text = self.text.filter(|_| self.has_offsets());
        let words = Words::new(settings.words, tokens, has_ids, text.map(|text| (text, &self.edges)))?;
        let needed = settings.snap == Snap::Word || settings.strategy.joins_words();
        if needed && words.used == words::Used::Nothing && !tokens.is_empty() {
            return Err(Error::Missing {
                name: "texts",
                why: "and `offsets`, or `word_ids`, to tell words apart",
            });
        }
        self.decoder.used[words.used as usize].fetch_add(1, Ordering::Relaxed);
        Ok(Some(words))
    }

    fn fault(&self, text: &Stitched<'_>, token: usize, found: &'static str) -> Error {
        let (window, token) = text.tokens[token].origin;
        Error::BadLogits { found, window: self.numbers[window as usize], token: token as usize }
    }

    /// The row that decides each item: its only token's, its first one's, its most certain one's, or their mean.
    ///
    /// Rows that are made anew come back with their numbers; none are if each item has one token.
    fn item_rows(
        &self,
        rows: &Rows<'_>,
        text: &Stitched<'_>,
        items: &[(u32, u32)],
    ) -> Result<(Vec<f32>, Vec<u32>)> {
        let strategy = self.decoder.settings.strategy;
        let first_decides = !matches!(strategy, Strategy::Average | Strategy::Max);
        if first_decides || items.iter().all(|item| item.1 - item.0 == 1) {
            return Ok((Vec::new(), items.iter().map(|item| text.rows[item.0 as usize]).collect()));
        }
        // Rows without a most probable label are refused before they go into a choice or a mean.
        let mut best = Vec::new();
        rows.argmaxes(&text.rows, &mut best)
            .map_err(|(row, fault)| self.fault(text, position(&text.rows, row), fault))?;
        if strategy == Strategy::Max {
            let certain = |&(from, to): &(u32, u32)| {
                let mut top = (f32::NEG_INFINITY, from);
                for token in from..to {
                    let row = text.rows[token as usize];
                    let probability = rows.probability(row as usize, best[token as usize] as usize);
                    if probability > top.0 {
                        top = (probability, token);
                    }
                }
                text.rows[top.1 as usize]
            };
            return Ok((Vec::new(), items.iter().map(certain).collect()));
        }
        let mut space = MeanSpace::default();
        let mut values = Vec::with_capacity(items.len() * self.decoder.label_names.len());
        for &(from, to) in items {
            let members = &text.rows[from as usize..to as usize];
            if let [row] = members {
                values.extend_from_slice(rows.row(*row as usize));
            } else {
                rows.mean_logs(members, &mut space, &mut values);
            }
        }
        Ok((values, (0..items.len() as u32).collect()))
    }

    fn each_token(&self, text: &Stitched<'_>, scores: &Scores<'_>, found: &mut Found) {
        let settings = &self.decoder.settings;
        let lattice = (settings.score == Score::Path)
            .then(|| Lattice::new(&self.decoder.grammar, &scores.rows, scores.item_rows));
        for (item, (token, &label)) in text.tokens.iter().zip(scores.labels).enumerate() {
            if settings.ignored[label as usize] {
                continue;
            }
            let score = match &lattice {
                Some(lattice) => lattice.marginal(item, label) as f32,
                None => scores.rows.probability(scores.item_rows[item] as usize, label as usize),
            };
            if f64::from(score) < settings.thresholds[label as usize] {
                continue;
            }
            if settings.probs {
                logits::softmax_onto(scores.rows.row(scores.item_rows[item] as usize), &mut found.probs);
            }
            let range = item..item + 1;
            let mut draft =
                Draft { range, name: label, score, start: token.start, end: token.end, ..Draft::default() };
            draft.number(&text.tokens);
            found.drafts.push(draft);
        }
    }
}

fn position(rows: &[u32], row: usize) -> usize {
    rows.iter().position(|&other| other as usize == row).unwrap_or(0)
}

/// Labels of the items of a text, and the rows they were decided by.
struct Scores<'a> {
    decoder: &'a Decoder,
    rows: Rows<'a>,
    item_rows: &'a [u32],
    labels: &'a [u32],
}

impl Scores<'_> {
    /// The score of an entity of type `kind` that covers `items`.
    ///
    /// An item counts with the probability of its label; one that the entity was widened by, with that of all labels
    /// of the entity's type.
    fn of_entity(&self, score: Score, items: std::ops::Range<usize>, kind: u32) -> f32 {
        let tags = &self.decoder.grammar.tagging().tags;
        let probability = |item: usize| {
            let (row, label) = (self.item_rows[item] as usize, self.labels[item] as usize);
            if tags[label].kind == kind {
                return self.rows.probability(row, label);
            }
            let labels = self.decoder.grammar.of_kind(kind);
            labels.map(|(label, _)| self.rows.probability(row, label as usize)).sum::<f32>().min(1.0)
        };
        let mut all = items.clone().map(probability);
        match score {
            Score::First => all.next().unwrap_or(f32::NAN),
            Score::Min => all.fold(f32::INFINITY, f32::min),
            Score::Max => all.fold(f32::NEG_INFINITY, f32::max),
            Score::Mean | Score::Path => {
                let all: Vec<f32> = all.collect();
                logits::pairwise_sum(&all) / all.len() as f32
            }
        }
    }

    /// The mean distribution over types of `items`.
    fn distribution(&self, items: std::ops::Range<usize>, out: &mut Vec<f32>) {
        let tagging = self.decoder.grammar.tagging();
        let from = out.len();
        out.resize(from + tagging.kinds.len(), 0.0);
        let count = items.len() as f32;
        let mut row = Vec::new();
        for item in items {
            row.clear();
            logits::softmax_onto(self.rows.row(self.item_rows[item] as usize), &mut row);
            for (tag, probability) in tagging.tags.iter().zip(&row) {
                out[from + tag.kind as usize] += probability / count;
            }
        }
    }
}

/// Whether name number `name` (see [`names`]) stands for "in no entity".
#[must_use]
pub fn means_outside(grammar: &Grammar, strategy: Strategy, name: usize) -> bool {
    let tagging = grammar.tagging();
    if strategy == Strategy::None {
        tagging.tags[name].role == Role::Outside
    } else {
        tagging.is_outside(name as u32)
    }
}
