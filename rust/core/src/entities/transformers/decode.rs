//! Logits of token-classification windows -> entities, as transformers groups them.
//!
//! One window goes through three steps: the most probable label of each token (`logits`), tokens joined into
//! words where the strategy asks for it (`words`), neighbours of one type joined into entities (here).
//! Windows are independent of each other, so a batch is decoded by as many threads as there are; the windows
//! of one text are then merged (`overlaps`).

use crate::batch::{ByText, CHARACTERS, Entity, Piece, Text, Tokens, Window};
use crate::entities::strategy::{Decides, Strategy};
use crate::entities::transformers::overlaps;
use crate::entities::transformers::words::{Boundary, Words};
use crate::labels::Labels;
use crate::math::logits::{MARGIN, MeanSpace, RowFault, Rows};
use crate::parallel::{self, Threads};
use crate::text::chars::CharIndex;
use crate::{Error, Result};
use std::ops::Range;

/// Entities of a batch as columns, ordered by text and, within a text, as transformers orders them.
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
    /// Probability, or mean probability.
    pub score: Vec<f32>,
    /// Token in its window for `Strategy::None`, else -1.
    pub index: Vec<i64>,
    /// Where the pieces of each entity start; one more for the end.
    pub piece_starts: Vec<u32>,
    /// Tokens of all entities, in order; empty without token ids.
    pub pieces: Vec<Piece>,
}

impl Entities {
    /// No entities yet, with room for so many and their pieces.
    fn with_room(entities: usize, pieces: usize) -> Self {
        let each = || Vec::with_capacity(entities);
        let mut piece_starts = Vec::with_capacity(entities + 1);
        piece_starts.push(0);
        Self {
            text_index: each(),
            start: each(),
            end: each(),
            label_id: each(),
            score: Vec::with_capacity(entities),
            index: each(),
            piece_starts,
            pieces: Vec::with_capacity(pieces),
        }
    }
}

/// What is fixed over many batches: labels, strategy and how words are told apart.
#[derive(Debug)]
pub struct Decoder {
    labels: Labels,
    label_names: Vec<String>,
    ignored: Vec<bool>,
    /// The label that most tokens have: the first one that is left out.
    likely: usize,
    /// Whether a token of that label is in no entity, whatever stands beside it.
    parts: bool,
    strategy: Strategy,
    boundary: Boundary,
}

/// How one call is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Threads to use.
    pub threads: Threads,
    /// Refuse offsets that are not spans of their text, rather than cut them.
    pub check_offsets: bool,
}

impl Decoder {
    /// A decoder for a model whose label ids are named `names`, in order.
    ///
    /// `is_ignored` tells by name which entities to leave out: label names for `Strategy::None`, entity names
    /// (see [`Labels::groups`]) for the others.
    #[must_use]
    pub fn new(
        names: &[String],
        strategy: Strategy,
        boundary: Boundary,
        mut is_ignored: impl FnMut(&str) -> bool,
    ) -> Self {
        let labels = Labels::transformers(names);
        let shown = if strategy.is_by_token() { names } else { &labels.groups };
        let ignored: Vec<bool> = shown.iter().map(|name| is_ignored(name)).collect();
        let name =
            |label: usize| if strategy.is_by_token() { label } else { labels.labels[label].group as usize };
        let likely = (0..names.len()).find(|&label| ignored[name(label)]).unwrap_or(0);
        let tag = |label: usize| if strategy.is_by_token() { label as u32 } else { labels.labels[label].tag };
        let shared = (0..names.len()).any(|label| label != likely && tag(label) == tag(likely));
        let parts = !names.is_empty() && !shared && ignored[name(likely)];
        Self { label_names: names.to_vec(), ignored, likely, parts, strategy, boundary, labels }
    }

    /// Names that [`Entities::label_id`] points into.
    #[must_use]
    pub fn names(&self) -> &[String] {
        if self.strategy.is_by_token() { &self.label_names } else { &self.labels.groups }
    }

    /// Number of labels of the model.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.labels.labels.len()
    }

    /// The strategy.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Decodes all windows of a batch. `texts` has one entry a text; windows of a text keep their order.
    ///
    /// # Errors
    /// [`Error::BadLogits`] for a row that has no most probable label, [`Error::UnknownToken`] for an id that is
    /// not in the vocabulary, [`Error::Missing`] where words are told apart by characters that are not there.
    pub fn decode(
        &self,
        windows: &[Window<'_>],
        texts: Option<&[Text<'_>]>,
        text_count: usize,
        tokens: Option<Tokens<'_>>,
        options: Options,
    ) -> Result<Entities> {
        let threads = options.threads;
        let by_characters = self.strategy.joins_words() && self.boundary == Boundary::Space;
        let indexes = match texts {
            Some(texts) if by_characters => {
                texts.iter().map(|text| CharIndex::counted(text.text, text.chars)).collect()
            }
            None if by_characters && windows.iter().any(|window| window.offsets.is_some()) => {
                return Err(Error::Missing { name: "texts", why: "to tell words apart by their spaces" });
            }
            _ => Vec::new(),
        };
        let values: usize = windows.iter().map(|window| window.logits.len()).sum();
        let found = parallel::map(windows.len(), threads, values / 5, |number| {
            let window = &windows[number];
            let chars = texts.map(|texts| texts[window.text].chars);
            let index = indexes.get(window.text);
            WindowDecoder { decoder: self, window, number, tokens, chars, index, options }.run()
        })?;
        Ok(gather(windows, &found, text_count))
    }
}

/// Entities of one window and the tokens in them.
#[derive(Debug, Default)]
struct Found {
    entities: Vec<Entity>,
    pieces: Vec<Piece>,
}

/// One token, or one word, that may go into an entity.
#[derive(Debug, Clone, Copy)]
struct Item {
    label: u32,
    /// Its rows: a range of the window's unmasked rows.
    rows: (u32, u32),
    /// NaN if it follows from `label`; it is then computed when needed.
    score: f32,
}

struct WindowDecoder<'a> {
    decoder: &'a Decoder,
    window: &'a Window<'a>,
    number: usize,
    tokens: Option<Tokens<'a>>,
    chars: Option<usize>,
    index: Option<&'a CharIndex<'a>>,
    options: Options,
}

impl WindowDecoder<'_> {
    fn run(&self) -> Result<Found> {
        let mut space = Vec::new();
        let rows = Rows::new(self.window.logits.widen(&mut space), self.decoder.columns());
        // Offsets of a caller must be spans of the text; those of a tokenizer are cut at the ends of the text.
        if self.options.check_offsets {
            self.window.check_offsets(self.number, self.chars)?;
        }
        self.check_ids()?;
        let mut out = Found::default();
        let decides = self.decoder.strategy.decides();
        let words = decides.map(|_| self.words());
        let (tokens, best) = if self.decoder.parts {
            let continues = |token: &u32| words.is_some_and(|words| words.continues(*token as usize));
            self.in_entities(&rows, continues)?
        } else {
            self.all(&rows)?
        };
        if self.decoder.strategy.is_by_token() {
            self.each_token(&rows, &tokens, &best, &mut out)?;
            return Ok(out);
        }
        let items = if let (Some(decides), Some(words)) = (decides, words) {
            items_of(&rows, &tokens, &best, &words.split(&tokens), decides)
        } else {
            let item = |(&label, row)| Item { label, rows: (row, row + 1), score: f32::NAN };
            best.iter().zip(0..).map(item).collect()
        };
        self.group(&rows, &tokens, &items, &mut out)?;
        Ok(out)
    }

    fn words(&self) -> Words<'_> {
        let Self { decoder, window, tokens, chars, index, .. } = *self;
        Words { boundary: decoder.boundary, window, tokens, chars, index }
    }

    /// The tokens that are not special, and the most probable label of each.
    fn all(&self, rows: &Rows<'_>) -> Result<(Vec<u32>, Vec<u32>)> {
        let (unmasked, mut best) = (self.window.unmasked(), Vec::new());
        rows.argmaxes(&unmasked, self.decoder.likely, &mut best).map_err(|fault| self.bad_logits(fault))?;
        Ok((unmasked, best))
    }

    /// The same without words that are in no entity, except that the first token of one stays between two others that
    /// are not neighbours. `continues` tells which tokens go on with a word.
    ///
    /// Words of tokens that are all sure of the likely label have that label by each strategy: their mean, too, as the
    /// label has the largest share in each of them.
    fn in_entities(&self, rows: &Rows<'_>, continues: impl Fn(&u32) -> bool) -> Result<(Vec<u32>, Vec<u32>)> {
        let likely = self.decoder.likely;
        let (mut tokens, end) = (Vec::with_capacity(self.window.tokens / 8), self.window.tokens as u32);
        rows.unsure(self.window.tokens, likely, MARGIN, &mut tokens);
        tokens.retain(|&token| !self.window.is_special(token as usize));
        let mut labels = Vec::new();
        rows.argmaxes(&tokens, likely, &mut labels).map_err(|fault| self.bad_logits(fault))?;
        let unmasked =
            |range: Range<u32>| range.filter(|&token: &u32| !self.window.is_special(token as usize));
        let (mut kept, mut best) =
            (Vec::with_capacity(2 * tokens.len()), Vec::with_capacity(2 * tokens.len()));
        for (&token, label) in tokens.iter().zip(labels) {
            // The rest of the word before, one token of the words between, the first part of this word.
            if let Some(&last) = kept.last() {
                kept.extend(unmasked(last + 1..token).take_while(&continues));
            }
            let gap = kept.last().map_or(0, |&last: &u32| last + 1);
            let mut start = token;
            let mut before = unmasked(gap..token).rev();
            while continues(&start) {
                let Some(other) = before.next() else { break };
                start = other;
            }
            if !kept.is_empty() {
                kept.extend(unmasked(gap..start).next());
            }
            kept.extend(unmasked(start..token));
            best.resize(kept.len(), likely as u32);
            kept.push(token);
            best.push(label);
        }
        if let Some(&last) = kept.last() {
            kept.extend(unmasked(last + 1..end).take_while(&continues));
            best.resize(kept.len(), likely as u32);
        }
        Ok((kept, best))
    }

    fn bad_logits(&self, (token, found): (usize, RowFault)) -> Error {
        Error::BadLogits { found, window: self.number, token }
    }

    /// Ids must be those of the vocabulary; whether one in its middle is unused shows when its text is kept.
    fn check_ids(&self) -> Result<()> {
        let (Some(ids), Some(tokens)) = (self.window.ids, self.tokens) else { return Ok(()) };
        let known = tokens.vocabulary.len();
        if ids.all_below(known) {
            return Ok(());
        }
        let unknown = |&token: &u32| ids.get(token as usize) as u64 >= known as u64;
        match self.window.unmasked().into_iter().find(unknown) {
            Some(token) => Err(self.unknown_token(ids.get(token as usize), token as usize)),
            None => Ok(()),
        }
    }

    fn unknown_token(&self, id: i64, token: usize) -> Error {
        let known = self.tokens.map_or(0, |tokens| tokens.vocabulary.len());
        Error::UnknownToken { id, window: self.number, token, known }
    }

    fn each_token(&self, rows: &Rows<'_>, unmasked: &[u32], best: &[u32], out: &mut Found) -> Result<()> {
        for (&token, &label) in unmasked.iter().zip(best) {
            if self.decoder.ignored[label as usize] {
                continue;
            }
            let score = rows.probability(token as usize, label as usize);
            let (start, end) = self.window.span(token as usize);
            let first = out.pieces.len() as u32;
            self.push_piece(token, false, &mut out.pieces)?;
            let pieces = (first, out.pieces.len() as u32);
            out.entities.push(Entity { label, score, index: i64::from(token), start, end, pieces });
        }
        Ok(())
    }

    /// The score of an item whose tokens agree on its label.
    fn score(&self, rows: &Rows<'_>, unmasked: &[u32], item: &Item) -> f32 {
        if !item.score.is_nan() {
            return item.score;
        }
        let tokens = &unmasked[item.rows.0 as usize..item.rows.1 as usize];
        let mut scores = tokens.iter().map(|&token| rows.probability(token as usize, item.label as usize));
        match self.decoder.strategy.decides() {
            Some(Decides::Mean) => scores.sum::<f32>() / tokens.len() as f32,
            Some(Decides::Wins(wins)) => {
                let won = scores.reduce(|so_far, other| if wins(other, so_far) { other } else { so_far });
                won.unwrap_or(f32::NAN)
            }
            Some(Decides::First) | None => scores.next().unwrap_or(f32::NAN),
        }
    }

    /// Joins neighbouring items of one type; `B-` always starts anew.
    fn group(&self, rows: &Rows<'_>, unmasked: &[u32], items: &[Item], out: &mut Found) -> Result<()> {
        let labels = &self.decoder.labels.labels;
        let mut scores = Vec::new();
        for run in items.chunk_by(|last, next| {
            let (last, next) = (labels[last.label as usize], labels[next.label as usize]);
            last.tag == next.tag && !next.begins
        }) {
            let label = labels[run[0].label as usize].group;
            if self.decoder.ignored[label as usize] {
                continue;
            }
            scores.clear();
            scores.extend(run.iter().map(|item| self.score(rows, unmasked, item)));
            let score = crate::math::exps::pairwise_sum(&scores) / scores.len() as f32;
            let (from, to) = (run[0].rows.0, run[run.len() - 1].rows.1);
            let (start, _) = self.window.span(unmasked[from as usize] as usize);
            let (_, end) = self.window.span(unmasked[to as usize - 1] as usize);
            let first = out.pieces.len() as u32;
            for item in run {
                for row in item.rows.0..item.rows.1 {
                    self.push_piece(unmasked[row as usize], row == item.rows.0, &mut out.pieces)?;
                }
            }
            let pieces = (first, out.pieces.len() as u32);
            out.entities.push(Entity { label, score, index: -1, start, end, pieces });
        }
        Ok(())
    }

    /// Keeps what the text of `token` is made from, if a tokenizer will make it.
    fn push_piece(&self, token: u32, opens_word: bool, pieces: &mut Vec<Piece>) -> Result<()> {
        let (Some(ids), Some(tokens)) = (self.window.ids, self.tokens) else { return Ok(()) };
        let (start, end) = self.window.span(token as usize);
        let id = ids.get(token as usize);
        let shown_as_text = id == tokens.unknown && self.window.offsets.is_some();
        if !shown_as_text && tokens.vocabulary.chars(id as usize).is_none() {
            return Err(self.unknown_token(id, token as usize));
        }
        pieces.push(Piece { id: if shown_as_text { CHARACTERS } else { id }, start, end, opens_word });
        Ok(())
    }
}

/// Words as items, by what decides their labels.
///
/// Where all tokens of a word agree, the word has their label, and its score can wait until it is asked for.
fn items_of(
    rows: &Rows<'_>,
    unmasked: &[u32],
    best: &[u32],
    words: &[(u32, u32)],
    decides: Decides,
) -> Vec<Item> {
    let mut space = MeanSpace::default();
    let item = |&(from, to): &(u32, u32)| {
        let range = from as usize..to as usize;
        let word = Item { label: best[from as usize], rows: (from, to), score: f32::NAN };
        let tokens = &unmasked[range.clone()];
        let one_label = best[range.clone()].iter().all(|&label| label == word.label);
        match decides {
            Decides::Mean
                if tokens.len() > 1 && !(one_label && rows.agree_on(tokens, word.label as usize)) =>
            {
                let (label, score) = rows.mean_argmax(tokens, &mut space);
                Item { label, score, ..word }
            }
            Decides::Wins(wins) if !one_label => {
                let all = tokens
                    .iter()
                    .zip(&best[range])
                    .map(|(&token, &label)| (label, rows.probability(token as usize, label as usize)));
                let won = all.reduce(|so_far, other| if wins(other.1, so_far.1) { other } else { so_far });
                won.map_or(word, |(label, score)| Item { label, score, ..word })
            }
            Decides::First | Decides::Mean | Decides::Wins(_) => word,
        }
    };
    words.iter().map(item).collect()
}

/// Puts the windows of each text together, in the order of the texts.
fn gather(windows: &[Window<'_>], found: &[Found], text_count: usize) -> Entities {
    let of_text = ByText::new(windows, text_count);
    let most = found.iter().map(|found| found.entities.len()).sum();
    let mut out = Entities::with_room(most, found.iter().map(|found| found.pieces.len()).sum());
    let mut merged = Vec::new();
    for text in 0..text_count {
        let numbers = of_text.of(text);
        merged.clear();
        merged.extend(
            numbers
                .iter()
                .flat_map(|&number| found[number].entities.iter().map(move |&entity| (number, entity))),
        );
        if numbers.len() > 1 {
            overlaps::keep_longest(&mut merged);
        }
        for (number, entity) in &merged {
            out.text_index.push(text as i64);
            out.start.push(entity.start);
            out.end.push(entity.end);
            out.label_id.push(i64::from(entity.label));
            out.score.push(entity.score);
            out.index.push(entity.index);
            let (from, to) = entity.pieces;
            out.pieces.extend_from_slice(&found[*number].pieces[from as usize..to as usize]);
            out.piece_starts.push(out.pieces.len() as u32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Ints;
    use crate::math::logits::Values;
    use crate::tokenizer::decoder::Vocabulary;
    use proptest::prelude::{Just, prop, prop_assert_eq, prop_oneof, proptest};

    const TEXT: &str = "Än na s aß  in Züri ch , no w";
    const TOKENS: usize = 24;

    /// Labels, and names of entities to leave out.
    const LABELS: [(&[&str], &[&str]); 5] = [
        (&["O", "B-A", "I-A", "B-B"], &["O"]),
        (&["I-A", "B-A", "O"], &["O", "B-B"]),
        (&["A", "B"], &["A"]),
        (&["O", "B-A", "I-A"], &["A"]),
        (&["B-A", "O"], &["B-A", "A"]),
    ];

    proptest! {
        /// The plain twin reads all words.
        #[test]
        fn words_that_are_left_out_change_nothing(
            strategy in prop::sample::select(vec![
                Strategy::None, Strategy::Simple, Strategy::First, Strategy::Average, Strategy::Max,
            ]),
            boundary in prop::sample::select(vec![Boundary::TokenLength, Boundary::Space]),
            (names, ignored) in prop::sample::select(LABELS.to_vec()),
            cells in prop::collection::vec(-3.0_f32..3.0, TOKENS * 4),
            lifts in prop::collection::vec(prop_oneof![6 => Just(9.0_f32), 1 => Just(0.0)], TOKENS),
            fault in prop::option::weighted(0.1, (0..TOKENS, prop::sample::select(vec![f32::NAN, f32::INFINITY]))),
            special in prop::collection::vec(prop_oneof![7 => Just(0_i64), 1 => Just(1)], TOKENS),
            starts in prop::option::weighted(0.9, prop::collection::vec(0_i64..30, TOKENS)),
            ids in prop::option::weighted(0.9, prop::collection::vec(0_i64..6, TOKENS)),
            known in prop_oneof![9 => Just(6_usize), 1 => Just(5)],
        ) {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let skips = Decoder::new(&names, strategy, boundary, |name| ignored.contains(&name));
            let mut reads_all = Decoder::new(&names, strategy, boundary, |name| ignored.contains(&name));
            reads_all.parts = false;
            let mut logits = cells[..TOKENS * names.len()].to_vec();
            for (row, lift) in logits.chunks_mut(names.len()).zip(lifts) {
                row[skips.likely] += lift;
            }
            if let Some((row, value)) = fault {
                logits[row * names.len()] = value;
            }
            let offsets: Option<Vec<i64>> =
                starts.map(|starts| starts.into_iter().zip(0..).flat_map(|(start, at)| [start, start + at % 3]).collect());
            let window = Window {
                text: 0,
                tokens: TOKENS,
                logits: Values::F32(&logits),
                offsets: offsets.as_deref().map(Ints::I64),
                special: Some(Ints::I64(&special)),
                ids: ids.as_deref().map(Ints::I64),
                words: None,
            };
            let vocabulary = Vocabulary::new(["a", "##b", "cd", "", "[UNK]", "##"].into_iter().zip(0..).take(known));
            let tokens = Tokens { vocabulary: &vocabulary, unknown: 4 };
            let texts = [Text { chars: TEXT.chars().count(), text: TEXT }];
            let decode = |decoder: &Decoder| {
                decoder.decode(&[window], Some(&texts), 1, Some(tokens), Options::default())
            };
            prop_assert_eq!(decode(&skips), decode(&reads_all));
        }
    }
}
