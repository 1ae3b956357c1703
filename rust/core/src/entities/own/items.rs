//! Tokens -> items, which are labelled: a token each, or a word each with the row that its strategy makes of its tokens'.

use super::TextDecoder;
use super::stitch::Stitched;
use crate::entities::strategy::Decides;
use crate::labels::{Role, Tagging};
use crate::math::logits::{self, MeanSpace, Rows};
use crate::{Error, Result};

impl TextDecoder<'_> {
    pub(super) fn fault(&self, text: &Stitched<'_>, token: usize, found: &'static str) -> Error {
        let (window, token) = text.tokens[token].origin;
        Error::BadLogits { found, window: self.numbers[window as usize], token: token as usize }
    }

    /// The row that decides each item: its only token's, its first one's, its most certain one's, or their mean.
    ///
    /// Rows that are made anew come back with their numbers; none are if each item has one token.
    pub(super) fn item_rows(
        &self,
        rows: &Rows<'_>,
        text: &Stitched<'_>,
        items: &[(u32, u32)],
    ) -> Result<(Vec<f32>, Vec<u32>)> {
        let settings = &self.decoder.settings;
        let first = || Ok((Vec::new(), items.iter().map(|item| text.rows[item.0 as usize]).collect()));
        let wins = match settings.strategy.decides() {
            None | Some(Decides::First) => return first(),
            Some(Decides::Wins(wins)) => Some(wins),
            Some(Decides::Mean) => None,
        };
        if items.iter().all(|item| item.1 - item.0 == 1) {
            return first();
        }
        // Rows without a most probable label are refused before they go into a choice or a mean.
        let mut best = Vec::new();
        rows.argmaxes(&text.rows, &mut best)
            .map_err(|(row, fault)| self.fault(text, position(&text.rows, row), fault))?;
        if let Some(wins) = wins.filter(|_| !settings.viterbi) {
            let winner = |&item: &(u32, u32)| winner(rows, text, &best, item, wins);
            return Ok((Vec::new(), items.iter().map(winner).collect()));
        }
        let mut space = MeanSpace::default();
        let mut word = WordRow::new(self.decoder.grammar.tagging());
        let mut values = Vec::with_capacity(items.len() * self.decoder.label_names.len());
        for &(from, to) in items {
            let members = &text.rows[from as usize..to as usize];
            match (members, wins) {
                ([row], _) => values.extend_from_slice(rows.row(*row as usize)),
                (_, Some(wins)) => word.push(rows, members, wins, &mut values),
                (_, None) => rows.mean_logs(members, &mut space, &mut values),
            }
        }
        Ok((values, (0..items.len() as u32).collect()))
    }

    /// The rows of items, less the bias of labels that are outside.
    pub(super) fn biased(&self, rows: &Rows<'_>, item_rows: &[u32]) -> Vec<f32> {
        let tags = &self.decoder.grammar.tagging().tags;
        let mut values = Vec::with_capacity(item_rows.len() * tags.len());
        for &row in item_rows {
            let from = values.len();
            values.extend_from_slice(rows.row(row as usize));
            for (value, tag) in values[from..].iter_mut().zip(tags) {
                if tag.role == Role::Outside {
                    *value -= self.decoder.settings.outside_bias;
                }
            }
        }
        values
    }
}

pub(super) fn position(rows: &[u32], row: usize) -> usize {
    rows.iter().position(|&other| other as usize == row).unwrap_or(0)
}

/// The row of the token of a word that wins; `best` has the best label of each.
fn winner(
    rows: &Rows<'_>,
    text: &Stitched<'_>,
    best: &[u32],
    (from, to): (u32, u32),
    wins: fn(f32, f32) -> bool,
) -> u32 {
    let all = (from as usize..to as usize).map(|token| {
        let row = text.rows[token];
        (row, rows.probability(row as usize, best[token] as usize))
    });
    let won = all.reduce(|so_far, other| if wins(other.1, so_far.1) { other } else { so_far });
    won.map_or(text.rows[from as usize], |(row, _)| row)
}

/// The row of a word whose type one of its tokens decides, such as its most certain one, for the best path.
///
/// A token inside a word is labelled as going on, so that token's own label seldom may begin an entity: taken as
/// it is, it would be an illegal start. So the type is that token's, and where an entity begins or ends is what the first
/// and the last token of the word say: `P(type) * P(begins | type) * P(ends | type)`.
struct WordRow<'a> {
    tagging: &'a Tagging,
    /// The softmax of the token that is looked at.
    probs: Vec<f32>,
    /// By type: probabilities of the token that is looked at, and of the one that has won so far.
    kinds: [Vec<f32>; 2],
    /// By type: of the first token, whether an entity begins there, and of the last, whether one ends there; 0.5 where the
    /// token does not say.
    begins: Vec<f32>,
    ends: Vec<f32>,
    /// By label: how well it fits where the word begins and ends.
    places: Vec<f32>,
}

impl<'a> WordRow<'a> {
    fn new(tagging: &'a Tagging) -> Self {
        let zeros = || vec![0.0; tagging.kinds.len()];
        let kinds = [zeros(), zeros()];
        Self { tagging, probs: Vec::new(), kinds, begins: zeros(), ends: zeros(), places: Vec::new() }
    }

    /// Appends the row of the word that the tokens of `members` are.
    fn push(&mut self, rows: &Rows<'_>, members: &[u32], wins: fn(f32, f32) -> bool, out: &mut Vec<f32>) {
        let mut top = f32::NAN;
        for (at, &row) in members.iter().enumerate() {
            self.read(rows.row(row as usize));
            let [here, best] = &mut self.kinds;
            let most = here.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if at == 0 || wins(most, top) {
                top = most;
                best.copy_from_slice(here);
            }
            if at == 0 {
                share(
                    self.tagging,
                    &self.probs,
                    here,
                    |role| matches!(role, Role::Begin | Role::Single),
                    &mut self.begins,
                );
            }
            if at + 1 == members.len() {
                share(
                    self.tagging,
                    &self.probs,
                    here,
                    |role| matches!(role, Role::End | Role::Single),
                    &mut self.ends,
                );
            }
        }
        let of = |share: f32, is: bool| if is { share } else { 1.0 - share };
        self.places.clear();
        self.places.extend(self.tagging.tags.iter().map(|tag| {
            let (begins, ends) = (self.begins[tag.kind as usize], self.ends[tag.kind as usize]);
            match tag.role {
                Role::Outside => 1.0,
                Role::Begin => of(begins, true) * of(ends, false),
                Role::Inside => of(begins, false) * of(ends, false),
                Role::End => of(begins, false) * of(ends, true),
                Role::Single => of(begins, true) * of(ends, true),
            }
        }));
        // Not each type has a label for each place: one that has none left for this one keeps them all.
        let [sums, best] = &mut self.kinds;
        sums.fill(0.0);
        for (tag, place) in self.tagging.tags.iter().zip(&self.places) {
            sums[tag.kind as usize] += place;
        }
        out.extend(self.tagging.tags.iter().zip(&self.places).map(|(tag, place)| {
            let kind = tag.kind as usize;
            let share = if sums[kind] > 0.0 { place / sums[kind] } else { 1.0 };
            (best[kind] * share).ln()
        }));
    }

    /// Reads the distributions of one token, over labels and over types.
    fn read(&mut self, row: &[f32]) {
        self.probs.clear();
        logits::softmax_onto(row, &mut self.probs);
        self.kinds[0].fill(0.0);
        for (tag, probability) in self.tagging.tags.iter().zip(&self.probs) {
            self.kinds[0][tag.kind as usize] += probability;
        }
    }
}

/// By type, the share of its labels whose role is `wanted`; a half where the type has no probability at all.
fn share(tagging: &Tagging, probs: &[f32], kinds: &[f32], wanted: impl Fn(Role) -> bool, out: &mut [f32]) {
    out.fill(0.0);
    for (tag, probability) in tagging.tags.iter().zip(probs) {
        if wanted(tag.role) {
            out[tag.kind as usize] += probability;
        }
    }
    for (share, &whole) in out.iter_mut().zip(kinds) {
        *share = if whole > 0.0 { (*share / whole).min(1.0) } else { 0.5 };
    }
}
