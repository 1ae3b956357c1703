//! The score of an entity, over the items (tokens or words) to which the model gave its label.

use super::{Decoder, Score};
use crate::entities::cut::Cut;
use crate::entities::lattice::Lattice;
use crate::entities::strategy::Decides;
use crate::labels::Role;
use crate::math::exps;
use crate::math::logits::Rows;
use std::cell::OnceCell;
use std::ops::Range;

/// Labels of the items of a text, and the rows they were decided by.
pub(super) struct Scores<'a> {
    decoder: &'a Decoder,
    rows: Rows<'a>,
    item_rows: &'a [u32],
    labels: &'a [u32],
    /// The tokens of each item.
    items: &'a [(u32, u32)],
    cut: Cut,
    /// Made where a score first asks for it.
    lattice: OnceCell<Lattice<'a>>,
}

impl<'a> Scores<'a> {
    pub(super) fn new(
        decoder: &'a Decoder,
        rows: Rows<'a>,
        item_rows: &'a [u32],
        labels: &'a [u32],
        items: &'a [(u32, u32)],
        cut: Cut,
    ) -> Self {
        Self { decoder, rows, item_rows, labels, items, cut, lattice: OnceCell::new() }
    }

    fn lattice(&self) -> &Lattice<'a> {
        self.lattice.get_or_init(|| {
            Lattice::new(&self.decoder.grammar, &self.rows, self.item_rows, self.labels, self.cut)
        })
    }

    /// The score of an entity of type `kind` that covers `items`.
    pub(super) fn of_entity(&self, items: Range<usize>, kind: u32) -> f32 {
        let score = self.decoder.settings.score;
        if score == Score::Path && !self.decoder.grammar.is_outside(kind) {
            return self.lattice().probability(items.start, items.end, kind) as f32;
        }
        let mut all = items.map(|item| self.of_type(item, kind));
        match score {
            Score::First => all.next().unwrap_or(f32::NAN),
            Score::Min => all.fold(f32::INFINITY, f32::min),
            Score::Max => all.fold(f32::NEG_INFINITY, f32::max),
            Score::Mean | Score::Path => {
                let all: Vec<f32> = all.collect();
                exps::pairwise_sum(&all) / all.len() as f32
            }
        }
    }

    /// The probability of the label of `item`. It is that of all labels of the entity's type if the row was made from
    /// several tokens (the first has a `B-`, the others an `I-`), if the label stands for another one of its type, or if
    /// `repair="keep"` leaves another type in an entity.
    fn of_type(&self, item: usize, kind: u32) -> f32 {
        let (row, label) = (self.item_rows[item] as usize, self.labels[item] as usize);
        let (from, to) = self.items[item];
        let settings = &self.decoder.settings;
        let means = match settings.strategy.decides() {
            Some(Decides::Mean) => true,
            Some(Decides::First | Decides::Wins(_)) | None => false,
        };
        let tagging = self.decoder.grammar.tagging();
        let pooled = (to - from > 1 && (means || settings.lays_out_words(&self.decoder.grammar)))
            || self.decoder.grammar.stands_in(self.rows.row(row), label as u32);
        let tag = tagging.tags[label];
        if tag.kind == kind && (!pooled || tag.role == Role::Outside) {
            return self.rows.probability(row, label);
        }
        let labels = self.decoder.grammar.of_kind(kind).map(|(label, _)| label as usize);
        self.rows.probability_of_all(row, labels).min(1.0)
    }

    /// The score of an item by itself.
    pub(super) fn of_item(&self, item: usize) -> f32 {
        let (row, label, grammar) = (self.item_rows[item] as usize, self.labels[item], &self.decoder.grammar);
        if self.decoder.settings.score == Score::Path {
            self.lattice().marginal(item, label) as f32
        } else if grammar.stands_in(self.rows.row(row), label) {
            let labels = grammar.of_kind(grammar.tagging().tags[label as usize].kind);
            self.rows.probability_of_all(row, labels.map(|(label, _)| label as usize)).min(1.0)
        } else {
            self.rows.probability(row, label as usize)
        }
    }

    /// Appends the distribution of `item` over labels.
    pub(super) fn item_distribution(&self, item: usize, out: &mut Vec<f32>) {
        exps::softmax_onto(self.rows.row(self.item_rows[item] as usize), out);
    }

    /// Appends the mean distribution over types of `items`.
    pub(super) fn distribution(&self, items: Range<usize>, out: &mut Vec<f32>) {
        let tagging = self.decoder.grammar.tagging();
        let from = out.len();
        out.resize(from + tagging.kinds.len(), 0.0);
        let count = items.len() as f32;
        let mut row = Vec::new();
        for item in items {
            row.clear();
            self.item_distribution(item, &mut row);
            for (tag, probability) in tagging.tags.iter().zip(&row) {
                out[from + tag.kind as usize] += probability / count;
            }
        }
    }
}
