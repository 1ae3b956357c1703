//! The best sequence of labels that a scheme allows.
//!
//! The plain line this replaces is `score[next] = emission[next] + max(score[last] + weight[last][next] for last in
//! labels)`: labels squared for each token, 560,000 steps for 512 tokens of 33 labels. Under a scheme a step
//! depends on the two roles and on whether the types agree, so the best predecessor is the best label of some role,
//! whatever its type, or one of the few labels of the same type: labels, not labels squared, and the loop over types
//! is vector code. Which predecessor it was is found on the way back, for the labels of the path alone. If the best
//! labels make a legal sequence, nothing is searched; else only what lies between tokens outside for certain.
//! The logits that are searched are those of `places`.

mod lanes;
#[cfg(test)]
mod tests;

use crate::entities::certain;
use crate::entities::cut::Cut;
use crate::entities::places;
use crate::entities::weights::bias;
pub use crate::entities::weights::{Biases, Weights};
use crate::labels::{Role, Tagging};
use crate::math::logits::{RowFault, Rows};
use crate::math::wide::wide;
use crate::{Error, Result};
use lanes::Lanes;
pub use lanes::Space;

/// Which sequences of labels are legal, and what each step weighs. -inf bars a step.
#[derive(Debug, Clone)]
pub struct Grammar {
    tagging: Tagging,
    /// Labels of each type, and their roles.
    kinds: Vec<Vec<(u32, Role)>>,
    free: bool,
    /// What the labels of a type lend each other where no step has a weight; see [`places`].
    pairs: Vec<(u32, u32, f32)>,
    /// The label that most tokens have: the first one outside, 0 if there is none.
    likely: u32,
    /// See [`Self::pooled`].
    pooled: f32,
    /// Whether all steps weigh nothing and each entity of a legal sequence can be taken out of it.
    sheds: bool,
    matrix: Option<(Vec<f32>, Vec<f32>, Vec<f32>)>,
    lanes: Option<Lanes>,
}

/// A weight for each role and the role behind it.
pub(crate) type RoleWeights = [[f32; 5]; 5];

const BARRED: f32 = f32::NEG_INFINITY;

impl Grammar {
    /// The sequences that the scheme of `tagging` allows.
    ///
    /// # Errors
    /// [`Error::BadOption`] for biases other than 0 under a scheme that marks no ends, and for weights that are NaN or
    /// +inf; [`Error::WeightCount`] for a matrix of another size.
    pub fn new(tagging: Tagging, weights: Weights) -> Result<Self> {
        let labels = tagging.tags.len();
        let outside = tagging.tags.iter().position(|tag| tag.role == Role::Outside);
        let likely = outside.unwrap_or(0) as u32;
        let mut kinds = vec![Vec::new(); tagging.kinds.len()];
        for (label, tag) in (0..).zip(&tagging.tags) {
            kinds[tag.kind as usize].push((label, tag.role));
        }
        let most = kinds.iter().map(Vec::len).max().unwrap_or(0);
        let pooled = (most as f32).ln();
        let biases = match weights {
            Weights::Biases(biases) => biases,
            Weights::Matrix { steps, start, end } => {
                let bad = |weight: &f32| weight.is_nan() || *weight == f32::INFINITY;
                for (name, values, want) in [
                    ("transitions", &steps, labels * labels),
                    ("start_transitions", &start, labels),
                    ("end_transitions", &end, labels),
                ] {
                    if values.len() != want {
                        return Err(Error::WeightCount { name, got: values.len(), labels });
                    }
                    if values.iter().any(bad) {
                        return Err(weight_fault(name));
                    }
                }
                let matrix = Some((barred(&tagging, steps), start, end));
                let pairs = Vec::new();
                return Ok(Self {
                    tagging,
                    kinds,
                    free: false,
                    pairs,
                    likely,
                    pooled,
                    sheds: false,
                    matrix,
                    lanes: None,
                });
            }
        };
        let free = weigh_nothing(&biases)?;
        let scheme = tagging.scheme;
        if !free && !scheme.marks_both_ends() {
            return Err(Error::BadOption {
                name: "biases",
                got: format!("given, and the scheme is {:?}", scheme.name()),
                cure: "they weigh the steps of BIOES, BILOU and BMES; pass `transitions` for other schemes",
            });
        }
        let lanes = Lanes::new(&tagging, &biases, free);
        let matrix = lanes.is_none().then(|| {
            let (steps, start, end) = dense(&tagging, &biases);
            (barred(&tagging, steps), start, end)
        });
        let sheds = free && outside.is_some() && lanes.is_some();
        let pairs = if free { places::pairs(&kinds) } else { Vec::new() };
        Ok(Self { tagging, kinds, free, pairs, likely, pooled, sheds, matrix, lanes })
    }

    /// The labels.
    #[must_use]
    pub fn tagging(&self) -> &Tagging {
        &self.tagging
    }

    /// Weight of the step from one label to the next, -inf if it is barred; `None` is the edge of the text.
    #[must_use]
    pub fn weight(&self, last: Option<u32>, next: Option<u32>) -> f32 {
        if !self.tagging.allows(last, next) {
            return BARRED;
        }
        let labels = self.tagging.tags.len();
        let at = |label: u32| label as usize;
        match (&self.matrix, last, next) {
            (Some((steps, ..)), Some(last), Some(next)) => steps[at(last) * labels + at(next)],
            (Some((_, start, _)), None, Some(next)) => start[at(next)],
            (Some((.., end)), Some(last), None) => end[at(last)],
            (None, Some(last), Some(next)) => {
                self.lanes.as_ref().map_or(0.0, |lanes| lanes.step(&self.tagging, last, next))
            }
            _ => 0.0,
        }
    }

    /// Weight of `label` as that of the first token.
    pub(crate) fn opening(&self, label: u32, cut: Cut) -> f32 {
        if cut.before { 0.0 } else { self.weight(None, Some(label)) }
    }

    /// Weight of `label` as that of the last token.
    pub(crate) fn closing(&self, label: u32, cut: Cut) -> f32 {
        if cut.behind { 0.0 } else { self.weight(Some(label), None) }
    }

    /// Weights of steps by the roles at both ends: whatever the types, and within one type only. `None` where each pair
    /// of labels has its own.
    pub(crate) fn by_role(&self) -> Option<(&RoleWeights, &RoleWeights)> {
        self.lanes.as_ref().map(|lanes| (&lanes.any, &lanes.own))
    }

    /// The labels of type `kind`, and their roles: those in entities, or, if the type means "outside", those outside.
    pub(crate) fn labels_of(&self, kind: u32) -> impl Iterator<Item = (u32, Role)> {
        self.kinds.get(kind as usize).map_or(&[][..], Vec::as_slice).iter().copied()
    }

    /// The labels of entities of type `kind`, and their roles.
    pub(crate) fn of_kind(&self, kind: u32) -> impl Iterator<Item = (u32, Role)> {
        self.labels_of(kind).filter(|(_, role)| *role != Role::Outside)
    }

    /// Whether type `kind` stands for "in no entity".
    pub(crate) fn is_outside(&self, kind: u32) -> bool {
        self.labels_of(kind).any(|(_, role)| role == Role::Outside)
    }

    /// Writes the labels of the best legal sequence over `items` (row numbers), which are `cut` out of a longer one or
    /// not, into `out`.
    ///
    /// The best one has the largest sum of logits and weights; if no step has a weight, a label of an entity counts at least
    /// what `places` says. Ties: where the most probable label of each token (of equal ones, the
    /// smallest id) makes a legal sequence and no weight is set, that sequence wins. Otherwise, from the last token back:
    /// first a label that continues an entity, then one outside, then by role in the order begin, inside, end, single,
    /// then by the type that the labels name first. With weights for each pair of labels: from the last token back, the
    /// smallest id.
    ///
    /// # Errors
    /// The row at which no legal sequence is left, or that has no most probable label, and what is wrong there.
    pub fn best_path(
        &self,
        rows: &Rows<'_>,
        items: &[u32],
        cut: Cut,
        space: &mut Space,
        out: &mut Vec<u32>,
    ) -> std::result::Result<(), (usize, RowFault)> {
        let likely = self.likely as usize;
        let mut leads = Vec::new();
        if self.sheds {
            rows.leads(items, likely, out, &mut leads)?;
        } else {
            rows.argmaxes(items, likely, out)?;
        }
        if self.free && self.is_legal(out, cut) {
            return Ok(());
        }
        if !self.sheds {
            return self.search_run(rows, items, cut, space, out);
        }
        for run in certain::runs(out, &leads, self.likely) {
            let cut = cut.of_run(&run, items.len());
            self.search_run(rows, &items[run.clone()], cut, space, &mut out[run])?;
        }
        Ok(())
    }

    /// Writes the best legal sequence over `items` into `out`; on both sides of them is a token outside, an edge of the
    /// text, or a cut.
    pub(crate) fn search_run(
        &self,
        rows: &Rows<'_>,
        items: &[u32],
        cut: Cut,
        space: &mut Space,
        out: &mut [u32],
    ) -> std::result::Result<(), (usize, RowFault)> {
        let found = match &self.lanes {
            Some(lanes) => wide(
                pulp::Arch::new(),
                #[inline(always)]
                || lanes.search(self.tagging.scheme, rows, items, cut, space, out),
            ),
            None => wide(
                pulp::Arch::new(),
                #[inline(always)]
                || self.search(rows, items, cut, out),
            ),
        };
        found.map_err(|at| (items[at] as usize, "no legal label: all are -inf"))
    }

    /// The label that most tokens have.
    pub(crate) fn likely(&self) -> u32 {
        self.likely
    }

    /// By how much the probability of all labels of a type may be above that of the largest, as logarithms.
    pub(super) fn pooled(&self) -> f32 {
        self.pooled
    }

    /// By how much the likely label of a row is above the best other type, whose labels count together; `lead` is by how much it
    /// is above the best other label. Not a number if the row holds one that is not.
    pub(super) fn type_lead(&self, row: &[f32], lead: f32) -> f32 {
        let top = row[self.likely as usize] - lead;
        let far = top - self.pooled;
        let mut most: f32 = 1.0;
        for (label, &value) in row.iter().enumerate() {
            // Not `value >= far`, which a NaN is not.
            if value < far || label == self.likely as usize {
                continue;
            }
            let labels = self.labels_of(self.tagging.tags[label].kind);
            let sum: f32 = labels.map(|(label, _)| (row[label as usize] - top).exp()).sum();
            most = if sum > most || sum.is_nan() { sum } else { most };
        }
        lead - most.ln()
    }

    /// Whether no step weighs anything.
    pub(super) fn is_free(&self) -> bool {
        self.free
    }

    /// Whether the row gives an entity's label less than it counts, so that it stands for another one of its type.
    pub(crate) fn stands_in(&self, row: &[f32], label: u32) -> bool {
        let tag = self.tagging().tags[label as usize];
        let falls_short = |(other, place): (u32, Role)| {
            places::shortfall(tag.role, place)
                .is_some_and(|most| row[label as usize] < row[other as usize] - most)
        };
        self.is_free() && tag.role != Role::Outside && self.of_kind(tag.kind).any(falls_short)
    }

    /// Writes the row that is searched into `out`: no label of an entity is too far below the others of its type, unless it
    /// is barred. With weights of the caller, which go with the logits as they are, it is `row`.
    pub(crate) fn write_searched(&self, row: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(row);
        for &(label, other, shortfall) in &self.pairs {
            let (value, least) = (&mut out[label as usize], row[other as usize] - shortfall);
            *value = if *value > BARRED && least > *value { least } else { *value };
        }
    }

    /// Whether the tokens that [`certain::runs`] leaves out are outside on every best path.
    pub(crate) fn sheds(&self) -> bool {
        self.sheds
    }

    /// Whether each step of `labels` is one that the scheme allows; at a cut, any label may stand.
    #[must_use]
    pub fn is_legal(&self, labels: &[u32], cut: Cut) -> bool {
        let (Some(&first), Some(&last)) = (labels.first(), labels.last()) else { return true };
        // If a model has no label outside, another label is in its place.
        let likely = Some(self.likely)
            .filter(|&label| self.free && self.tagging.tags[label as usize].role == Role::Outside);
        (cut.before || self.tagging.allows(None, Some(first)))
            && (cut.behind || self.tagging.allows(Some(last), None))
            && labels.windows(2).all(|pair| {
                let stays_outside = pair[0] == pair[1] && Some(pair[0]) == likely;
                stays_outside || self.tagging.allows(Some(pair[0]), Some(pair[1]))
            })
    }

    /// The search over all pairs of labels, for weights of the caller.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "must be inlined into the loop that has the processor's features"
    )]
    fn search(
        &self,
        rows: &Rows<'_>,
        items: &[u32],
        cut: Cut,
        out: &mut [u32],
    ) -> std::result::Result<(), usize> {
        let labels = self.tagging.tags.len();
        let all = 0..labels as u32;
        let weights = self.matrix.as_ref().map_or(&[][..], |(steps, ..)| steps);
        let (mut score, mut emission): (Vec<f32>, Vec<f32>) = Default::default();
        let mut back = vec![0_u32; items.len() * labels];
        for (at, &item) in items.iter().enumerate() {
            self.write_searched(rows.row(item as usize), &mut emission);
            let mut next = vec![BARRED; labels];
            if at == 0 {
                next.iter_mut().zip(all.clone()).for_each(|(next, label)| *next = self.opening(label, cut));
            } else {
                let top = score.iter().copied().fold(BARRED, f32::max);
                let back = &mut back[at * labels..(at + 1) * labels];
                for (last, weights) in weights.chunks_exact(labels).enumerate() {
                    let base = score[last] - top;
                    if base == BARRED {
                        continue;
                    }
                    // Without a branch, so that it runs over several labels at once.
                    for ((next, back), weight) in next.iter_mut().zip(&mut *back).zip(weights) {
                        let better = base + weight > *next;
                        *next = if better { base + weight } else { *next };
                        *back = if better { last as u32 } else { *back };
                    }
                }
            }
            next.iter_mut().zip(&emission).for_each(|(next, emission)| *next += emission);
            if next.iter().all(|&score| score == BARRED) {
                return Err(at);
            }
            score = next;
        }
        let Some(last) = items.len().checked_sub(1) else { return Ok(()) };
        let ends = score.iter().zip(all).map(|(score, label)| score + self.closing(label, cut));
        let (mut label, best) = first_largest(ends);
        if best == BARRED {
            return Err(last);
        }
        for at in (0..=last).rev() {
            out[at] = label as u32;
            label = back[at * labels + label] as usize;
        }
        Ok(())
    }
}

/// Whether all biases are 0.
fn weigh_nothing(biases: &Biases) -> Result<bool> {
    let all = [
        biases.background_stay,
        biases.background_to_start,
        biases.inside_to_continue,
        biases.inside_to_end,
        biases.end_to_background,
        biases.end_to_start,
    ];
    if all.iter().all(|weight| weight.is_finite()) {
        Ok(all.iter().all(|&weight| weight == 0.0))
    } else {
        Err(weight_fault("biases"))
    }
}

fn weight_fault(name: &'static str) -> Error {
    Error::BadOption {
        name,
        got: "NaN or +inf".to_owned(),
        cure: "weights are finite, or -inf to bar a step",
    }
}

/// Index and value of the first of the largest.
#[inline(always)]
fn first_largest(values: impl Iterator<Item = f32>) -> (usize, f32) {
    let mut best = (0, BARRED);
    for (at, value) in values.enumerate() {
        if value > best.1 {
            best = (at, value);
        }
    }
    best
}

/// The weights of steps, -inf for those that the scheme does not allow: once per grammar, as texts may be short.
fn barred(tagging: &Tagging, mut steps: Vec<f32>) -> Vec<f32> {
    let labels = tagging.tags.len().max(1);
    for (last, weights) in (0..).zip(steps.chunks_exact_mut(labels)) {
        for (next, weight) in (0..).zip(weights) {
            if !tagging.allows(Some(last), Some(next)) {
                *weight = BARRED;
            }
        }
    }
    steps
}

/// The weights of `biases` for each pair of labels.
fn dense(tagging: &Tagging, biases: &Biases) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let tags = &tagging.tags;
    let steps = tags.iter().flat_map(|last| tags.iter().map(|next| bias(biases, last.role, next.role)));
    (steps.collect(), vec![0.0; tags.len()], vec![0.0; tags.len()])
}
