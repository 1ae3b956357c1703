//! Logits of the windows of a text -> entities, right where transformers is not.
//!
//! A text goes through six steps: its windows become one (`stitch`), tokens become words where the strategy asks
//! for it (`words`, `items`), the labels are decided (arg-max, or the best legal path), labels become chunks (`chunks`),
//! which are scored (`scores`), and chunks become spans of the text: trimmed, widened to whole words (`spans`), pieces
//! joined (`join`). Where windows are decoded apart, `windows` puts their entities together. Texts are independent of each other, so a batch is decoded by as many threads as there are.

mod items;
pub mod join;
mod near;
mod results;
mod scores;
mod settings;
pub mod spans;
pub mod stitch;
mod windows;
pub mod words;

use crate::batch::{ByText, Text, Tokens, Window};
use crate::entities::Strategy;
use crate::entities::chunks;
use crate::entities::cut::Cut;
use crate::entities::strategy::Decides;
use crate::entities::transformers::decode as entities;
use crate::entities::viterbi::Grammar;
use crate::labels::Role;
use crate::math::logits::Rows;
use crate::parallel;
use crate::text::chars::CharIndex;
use crate::text::stretches::Stretches;
use crate::{Error, Result};
use join::Join;
pub use results::{Entities, Lost, MORE};
pub use settings::{Decide, Score, Settings, Snap, Trim};

use near::{Line, Near, OfText, OfWindow};
use scores::Scores;
use spans::Draft;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use stitch::{Merge, Part, Stitched};
use words::{Source, Words};

/// Labels, their grammar and settings: what is fixed over many batches.
#[derive(Debug)]
pub struct Decoder {
    grammar: Grammar,
    label_names: Vec<String>,
    settings: Settings,
    /// How many texts had their words told apart in each of the ways of [`words::USED`].
    used: [AtomicUsize; words::USED.len()],
}

/// Entities of one text.
#[derive(Debug, Default)]
struct Found {
    drafts: Vec<Draft>,
    probs: Vec<f32>,
    covered: (i64, i64),
    lost: Lost,
    /// First and last character of what was labelled, before anything was trimmed, widened or joined.
    labelled: Vec<(i64, i64)>,
    /// What told its words apart, if words were needed.
    used: Option<words::Used>,
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
    pub fn used(&self) -> [usize; words::USED.len()] {
        std::array::from_fn(|way| self.used[way].load(Ordering::Relaxed))
    }

    /// Decodes all windows of a batch. `texts` has one entry a text; windows of a text keep their order.
    ///
    /// # Errors
    /// [`Error::BadLogits`] for a row that has no most probable label, or at which no legal sequence is left,
    /// [`Error::BadOffset`] for offsets that are not spans of their text, [`Error::Missing`] for an argument that the
    /// settings need.
    pub fn decode(
        &self,
        windows: &[Window<'_>],
        texts: Option<&[Text<'_>]>,
        text_count: usize,
        tokens: Option<Tokens<'_>>,
        options: entities::Options,
    ) -> Result<Entities> {
        let of_text = ByText::new(windows, text_count);
        let values: usize = windows.iter().map(|window| window.logits.len()).sum();
        let found = parallel::map(text_count, options.threads, values, |text| {
            let numbers = of_text.of(text);
            let index = texts.map(|texts| CharIndex::counted(texts[text].text, texts[text].chars));
            TextDecoder {
                decoder: self,
                number: text,
                windows: numbers.iter().map(|&number| &windows[number]).collect(),
                numbers,
                tokens,
                text: index.as_ref(),
                edges: OnceCell::new(),
                check: options.check_offsets,
                has_thresholds: true,
            }
            .run()
        })?;
        let mut out = Entities::with_room(found.iter().map(|found| found.drafts.len()).sum());
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
            out.lost.add(found.lost.count, found.lost.first);
        }
        Ok(out)
    }
}

/// Names that entities get under `aggregation_strategy`.
#[must_use]
pub fn names<'a>(labels: &'a [String], grammar: &'a Grammar, strategy: Strategy) -> &'a [String] {
    if strategy.is_by_token() { labels } else { &grammar.tagging().kinds }
}

struct TextDecoder<'a> {
    decoder: &'a Decoder,
    /// Number of the text in the batch.
    number: usize,
    windows: Vec<&'a Window<'a>>,
    numbers: &'a [usize],
    tokens: Option<Tokens<'a>>,
    text: Option<&'a CharIndex<'a>>,
    /// The units of the text.
    edges: OnceCell<Stretches>,
    check: bool,
    /// Whether entities below their threshold are left out: not yet if windows are decoded only to be put together.
    has_thresholds: bool,
}

impl TextDecoder<'_> {
    fn run(&self) -> Result<Found> {
        if let Some(found) = self.of_one_window() {
            return Ok(found);
        }
        let settings = &self.decoder.settings;
        let columns = self.decoder.label_names.len();
        let mut parts = Vec::with_capacity(self.windows.len());
        for (place, &window) in self.windows.iter().enumerate() {
            let kept = window.unmasked();
            if self.check {
                window.check_offsets(self.numbers[place], self.text.map(CharIndex::len))?;
            }
            let opens = (settings.words == Source::Transformers).then(|| self.opens(window, &kept));
            parts.push(Part::new(window, place, &kept, opens.as_deref(), self.text));
        }
        if parts.len() > 1 && !self.has_offsets() {
            return Err(Error::Missing { name: "offsets", why: "to put the windows of a text together" });
        }
        let mut found = if parts.len() == 1 {
            self.stitched(&stitch::stitch(parts, columns, settings.merge))?
        } else {
            match settings.merge {
                Merge::Context | Merge::Average => {
                    self.stitched(&stitch::stitch(parts, columns, settings.merge))?
                }
                Merge::Transformers => self.longest(parts)?,
                Merge::Union => self.union(parts)?,
            }
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
        // Under these rules the first token always starts a word, but another window may hold the token before it: so
        // it is passed twice.
        let doubled: Vec<u32> = kept.first().into_iter().chain(kept).copied().collect();
        let mut opens = vec![false; doubled.len()];
        let words = crate::entities::transformers::words::Words {
            boundary,
            window,
            tokens: self.tokens,
            chars: self.text.map(CharIndex::len),
            index: self.text,
        };
        for (from, _) in words.split(&doubled) {
            opens[from as usize] = true;
        }
        opens.split_off(opens.len().min(1))
    }

    /// The entities of a text of one window. Tokens that have nothing to do with them are not read at all; `None` if
    /// all tokens have to be read, or something is wrong.
    fn of_one_window(&self) -> Option<Found> {
        let [window] = self.windows[..] else { return None };
        let text = self.text.filter(|_| self.leaves_out())?;
        let line = OfWindow::new(window, text.len())?;
        let mut space = Vec::new();
        self.some(&line, window.logits.widen(&mut space), Cut::default())
    }

    /// Decodes the tokens of `line` that may be in an entity, with those around them.
    fn some(&self, line: &impl Line, values: &[f32], cut: Cut) -> Option<Found> {
        let grammar = &self.decoder.grammar;
        let rows = Rows::new(values, self.decoder.label_names.len());
        let by_types = matches!(self.decoder.settings.strategy.decides(), Some(Decides::Mean));
        let pooled = if by_types { grammar.pooled() } else { 0.0 };
        let mut seeds = near::unsure(line, &rows, grammar, pooled);
        // A search also needs the tokens between entities that may reach each other.
        let by_words = self.decoder.settings.strategy.decides().is_some();
        let mut searched =
            self.decoder.settings.viterbi && !near::is_legal(line, &rows, grammar, &seeds, by_words);
        loop {
            if searched {
                seeds = near::reached(line, &rows, grammar.likely(), pooled, &seeds);
            }
            let near = self.near(line, values, &seeds, cut)?;
            // Errors come from the pass over all tokens, which names the token.
            if let Some(mut found) = self.grouped(&near.text, Some(&near)).ok()? {
                found.covered = near.covered;
                self.count_used(&found);
                return Some(found);
            }
            if searched {
                return None;
            }
            searched = true;
        }
    }

    /// Decodes tokens that stand in one row.
    fn stitched(&self, text: &Stitched<'_>) -> Result<Found> {
        let covering = (!self.decoder.settings.strategy.is_by_token() && self.has_offsets())
            .then(|| text.covering(self.text, |row, next, known| self.begins(&text.values, row, next, known)))
            .flatten();
        let read = text;
        let text = covering.as_ref().unwrap_or(text);
        let line = self.text.filter(|_| self.leaves_out() && self.has_offsets());
        let line = line.and_then(|chars| OfText::new(text, chars.len()));
        let some = line.and_then(|line| self.some(&line, &text.values, text.cut));
        let mut found = if let Some(found) = some { found } else { self.all(text)? };
        if covering.is_some() {
            found.lost = self.count_lost(read, &found.labelled)?;
        }
        Ok(found)
    }

    /// Whether the token of `row` has the label of an entity. Unless it is `known` to be in one word with the token of
    /// `next`, that token must also continue the entity.
    fn begins(&self, values: &[f32], row: u32, next: u32, known: bool) -> bool {
        let grammar = &self.decoder.grammar;
        let (rows, mut labels) = (Rows::new(values, self.decoder.label_names.len()), Vec::new());
        rows.argmaxes(&[row, next], grammar.likely() as usize, &mut labels).is_ok_and(|()| {
            let [first, next] = [labels[0], labels[1]].map(|label| grammar.tagging().tags[label as usize]);
            let goes_on = first.kind == next.kind && matches!(next.role, Role::Inside | Role::End);
            first.role != Role::Outside && (known || goes_on)
        })
    }

    /// Decodes all tokens that stand in one row.
    fn all(&self, text: &Stitched<'_>) -> Result<Found> {
        let mut found = self.grouped(text, None)?.unwrap_or_default();
        found.covered = (i64::MAX, -1);
        for token in text.tokens.iter().filter(|token| token.start < token.end) {
            found.covered = (found.covered.0.min(token.start), found.covered.1.max(token.end));
        }
        self.count_used(&found);
        Ok(found)
    }

    fn count_used(&self, found: &Found) {
        if let Some(used) = found.used {
            self.decoder.used[used as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tokens that stand in one row -> entities; if they are only some of a text's tokens, `None` if the result
    /// depends on the others.
    fn grouped(&self, text: &Stitched<'_>, near: Option<&Near<'_>>) -> Result<Option<Found>> {
        let settings = &self.decoder.settings;
        let columns = self.decoder.label_names.len();
        let tagging = self.decoder.grammar.tagging();
        let tokens = &text.tokens;
        let mut found = Found::default();
        let edges = OnceCell::new();
        let mut words = self.words(tokens, near.map_or(&self.edges, |near| self.units_near(near, &edges)))?;
        if let Some(words) = &mut words {
            words.part(tokens, |left, right| self.sides(text, left, right));
        }
        found.used = words.as_ref().map(|words| words.used);
        let items: Cow<'_, [(u32, u32)]> = match &words {
            Some(words) if settings.strategy.joins_words() => Cow::Borrowed(&words.runs),
            _ => (0..tokens.len() as u32).map(|token| (token, token + 1)).collect(),
        };
        let apart = near.map_or(&[][..], |near| &near.apart);
        let Some(decided) = self.decide(text, &items, apart)? else { return Ok(None) };
        let labels = &decided.labels;
        let rows = Rows::new(&text.values, columns).and(&decided.made);
        let scores = Scores::new(self.decoder, rows, &decided.rows, labels, &items, text.cut);
        if settings.strategy.is_by_token() {
            self.each_token(text, &scores, labels, &mut found);
            return Ok(Some(found));
        }
        let item_of = |token: usize| items.partition_point(|item| item.0 as usize <= token) - 1;
        let items_of = |range: &Range<usize>| item_of(range.start)..item_of(range.end - 1) + 1;
        let mut drafts = Vec::new();
        for chunk in chunks::chunks(tagging, labels, settings.repair, text.cut) {
            if settings.ignored[chunk.kind as usize] {
                continue;
            }
            let range = items[chunk.from].0 as usize..items[chunk.to - 1].1 as usize;
            drafts.extend(Draft::new(tokens, range, chunk.kind, self.has_offsets()));
        }
        found.labelled = drafts.iter().map(|draft| (draft.start, draft.end)).collect();
        self.trim(&mut drafts, tokens);
        for (number, draft) in drafts.iter_mut().enumerate() {
            // A path holds the whole entity or none of it.
            let whole = if settings.score == Score::Path { &draft.chunk } else { &draft.range };
            draft.score = scores.of_entity(items_of(whole), draft.name);
            draft.labelled = draft.range.clone();
            draft.pieces = (number, number);
        }
        for mut draft in self.passing(drafts, |drafts| self.widened(drafts, tokens, words.as_ref())) {
            if settings.probs {
                scores.distribution(items_of(&draft.labelled), &mut found.probs);
            }
            draft.number(tokens);
            found.drafts.push(draft);
        }
        Ok(Some(found))
    }

    /// The units around the tokens of `near`, read into `edges`.
    fn units_near<'e>(&self, near: &Near<'_>, edges: &'e OnceCell<Stretches>) -> &'e OnceCell<Stretches> {
        if let Some(text) = self.text {
            let cut = self.decoder.settings.words == Source::Auto;
            edges.get_or_init(|| Stretches::of(&near.stretches, cut, |start, end| text.slice(start, end)));
        }
        edges
    }

    /// Counts the tokens that cover nothing but have the label of an entity. A token counts if it lies neither in nor
    /// at one of `spans`, which the other tokens of entities cover, and does not stand where the next token begins, as
    /// the token of a space does.
    fn count_lost(&self, text: &Stitched<'_>, spans: &[(i64, i64)]) -> Result<Lost> {
        let tagging = self.decoder.grammar.tagging();
        let rows = Rows::new(&text.values, self.decoder.label_names.len());
        let mut lost = Lost::default();
        let mut next = i64::MAX;
        let mut label = Vec::new();
        for (at, token) in text.tokens.iter().enumerate().rev() {
            if token.start < token.end {
                next = token.start;
                continue;
            }
            rows.argmaxes(&text.rows[at..=at], self.decoder.grammar.likely() as usize, &mut label)
                .map_err(|(_, fault)| self.fault(text, at, fault))?;
            let kind = tagging.tags[label[0] as usize].kind;
            if token.start == next
                || self.decoder.grammar.is_outside(kind)
                || self.decoder.settings.ignored[kind as usize]
            {
                continue;
            }
            let before = spans.partition_point(|span| span.0 <= token.start);
            if before == 0 || spans[before - 1].1 < token.start {
                let (window, token) = token.origin;
                lost.first = (self.number, self.numbers[window as usize], token as usize);
                lost.count += 1;
            }
        }
        Ok(lost)
    }

    /// Leaves out white space at the ends of entities, where that is asked for.
    fn trim(&self, drafts: &mut Vec<Draft>, tokens: &[stitch::Token]) {
        let Some(text) = self.text.filter(|_| self.decoder.settings.trim && self.has_offsets()) else {
            return;
        };
        for draft in &mut *drafts {
            draft.trim(text);
        }
        drafts.retain(|draft| draft.start < draft.end);
        for draft in drafts {
            draft.shrink(tokens);
        }
    }

    /// Whether the score of `draft` is below the threshold of its name.
    fn is_below(&self, draft: &Draft) -> bool {
        self.has_thresholds && f64::from(draft.score) < self.decoder.settings.thresholds[draft.name as usize]
    }

    /// The entities that `make` builds from pieces, without those below their threshold. Pieces are in the order of
    /// [`Draft::pieces`].
    ///
    /// An entity that is left out gives back what it has taken from others: everything is made again without its
    /// pieces.
    fn passing(&self, mut drafts: Vec<Draft>, make: impl Fn(Vec<Draft>) -> Vec<Draft>) -> Vec<Draft> {
        loop {
            if !drafts.iter().any(|draft| self.is_below(draft)) {
                return make(drafts);
            }
            let found = make(drafts.clone());
            let out: Vec<_> = found.iter().filter(|draft| self.is_below(draft)).collect();
            if out.is_empty() {
                return found;
            }
            // For each piece, whether it is left out: it is below its threshold, and so is the entity that it is part
            // of.
            let mut left = vec![false; drafts.len()];
            for entity in out {
                let (first, last) = entity.pieces;
                for number in drafts.partition_point(|draft| draft.pieces.0 < first)..drafts.len() {
                    let draft = &drafts[number];
                    if draft.pieces.0 > last {
                        break;
                    }
                    left[number] |= draft.name == entity.name && self.is_below(draft);
                }
            }
            let mut left = left.into_iter();
            drafts.retain(|_| !left.next().unwrap_or(false));
        }
    }

    /// Entities widened to whole words, and pieces of one thing joined.
    fn widened(
        &self,
        mut drafts: Vec<Draft>,
        tokens: &[stitch::Token],
        words: Option<&Words<'_>>,
    ) -> Vec<Draft> {
        let settings = &self.decoder.settings;
        let outside = |kind: u32| self.decoder.grammar.is_outside(kind);
        if !self.has_offsets() {
            return drafts;
        }
        let words = words.filter(|words| settings.snap != Snap::Never && words.used != words::Used::Nothing);
        // Two tokens may hold one character, as those of a byte-level tokenizer do.
        let shares = drafts.windows(2).any(|pair| pair[1].start < pair[0].end);
        if let Some(words) = words {
            drafts = spans::snap(drafts, tokens, words, self.text, settings.trim, outside);
        } else if shares {
            drafts = spans::apart(drafts, self.text, settings.trim, outside);
        }
        if let Some(text) = self.text {
            drafts = join::join(drafts, text, settings.join, outside);
        }
        if shares || words.is_some() || settings.join != Join::Never {
            for draft in &mut drafts {
                draft.reach(tokens);
            }
        }
        drafts
    }

    /// The words, where the settings need them.
    fn words<'e>(
        &'e self,
        tokens: &[stitch::Token],
        edges: &'e OnceCell<Stretches>,
    ) -> Result<Option<Words<'e>>> {
        let settings = &self.decoder.settings;
        let snaps = !settings.strategy.is_by_token() && settings.snap != Snap::Never;
        if !snaps && !settings.strategy.joins_words() {
            return Ok(None);
        }
        let has_ids = self.windows.first().is_some_and(|window| window.words.is_some());
        let text = self.text.filter(|_| self.has_offsets());
        let words = Words::new(settings.words, tokens, has_ids, text.map(|text| (text, edges)))?;
        let needed = settings.snap == Snap::Word || (settings.strategy.joins_words() && !settings.lenient);
        if needed && words.used == words::Used::Nothing && !tokens.is_empty() {
            return Err(Error::Missing {
                name: "texts",
                why: "and `offsets`, or `word_ids`, to tell words apart",
            });
        }
        Ok(Some(words))
    }

    fn each_token(&self, text: &Stitched<'_>, scores: &Scores<'_>, labels: &[u32], found: &mut Found) {
        let settings = &self.decoder.settings;
        for (item, (token, &label)) in text.tokens.iter().zip(labels).enumerate() {
            if settings.ignored[label as usize] {
                continue;
            }
            let (start, end, score) = (token.start, token.end, scores.of_item(item));
            let mut draft =
                Draft { range: item..item + 1, name: label, score, start, end, ..Draft::default() };
            if self.is_below(&draft) {
                continue;
            }
            if settings.probs {
                scores.item_distribution(item, &mut found.probs);
            }
            draft.number(&text.tokens);
            found.drafts.push(draft);
        }
    }
}

/// Whether name number `name` (see [`names`]) stands for "in no entity".
#[must_use]
pub fn means_outside(grammar: &Grammar, strategy: Strategy, name: usize) -> bool {
    let tagging = grammar.tagging();
    if strategy.is_by_token() {
        tagging.tags[name].role == Role::Outside
    } else {
        grammar.is_outside(name as u32)
    }
}
