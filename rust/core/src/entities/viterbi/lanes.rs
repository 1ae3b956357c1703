//! The search where what a step weighs depends on the two roles and on whether the types agree.

use super::{BARRED, RoleWeights, first_largest};
use crate::entities::cut::Cut;
use crate::entities::places;
use crate::entities::weights::{Biases, bias};
use crate::labels::{ROLES, Role, Scheme, Tagging};
use crate::math::logits::Rows;

const NONE: u32 = u32::MAX;

/// Labels sorted by role: the label of a role and a type stands in that role's block, in that type's lane.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    /// Lanes of a block: the number of types, up to a multiple of eight.
    width: usize,
    /// Roles that the scheme knows.
    roles: Vec<Role>,
    /// Label of each place, 0 for those without.
    label: Vec<[u32; 8]>,
    /// What is added to the logit of each place: 0, -inf for those without a label.
    mask: Vec<[f32; 8]>,
    /// Weight of a step between roles, whatever the types.
    pub(super) any: RoleWeights,
    /// Weight of a step between roles that is legal within one type only.
    pub(super) own: RoleWeights,
    /// By how much the logit of the first role may fall short of that of the second within a type: see
    /// [`places`](crate::entities::places).
    lends: Vec<(Role, Role, f32)>,
}

/// Scratch of [`Grammar::best_path`], kept between calls.
#[derive(Debug, Default)]
pub struct Space {
    /// Score of each place at each token.
    scores: Vec<[f32; 8]>,
    /// At each token, the best score of each role at the token before.
    tops: Vec<[f32; 5]>,
    /// The logits of a token by place, and the same as they are searched.
    logits: Vec<[f32; 8]>,
    searched: Vec<[f32; 8]>,
}

impl Lanes {
    /// `None` if two labels have the same role and type, which would share a place, or if roles do not decide alone. If
    /// no step has a weight, the labels of a type lend each other what `places` says.
    pub(super) fn new(tagging: &Tagging, biases: &Biases, lends: bool) -> Option<Self> {
        if !tagging.goes_by_roles() {
            return None;
        }
        let scheme = tagging.scheme;
        let mut lane_of = vec![NONE; tagging.kinds.len()];
        let (mut kinds, mut outside) = (0, 0);
        let mut lanes = Vec::with_capacity(tagging.tags.len());
        for tag in &tagging.tags {
            let lane = if tag.role == Role::Outside {
                outside += 1;
                outside - 1
            } else {
                if lane_of[tag.kind as usize] == NONE {
                    lane_of[tag.kind as usize] = kinds;
                    kinds += 1;
                }
                lane_of[tag.kind as usize]
            };
            lanes.push(lane);
        }
        let width = (kinds.max(outside) as usize).next_multiple_of(8);
        let mut label = vec![[0; 8]; 5 * width / 8];
        let mut mask = vec![[BARRED; 8]; 5 * width / 8];
        for (number, (tag, lane)) in tagging.tags.iter().zip(lanes).enumerate() {
            let place = tag.role as usize * width + lane as usize;
            if mask[place / 8][place % 8] != BARRED {
                return None;
            }
            mask[place / 8][place % 8] = 0.0;
            label[place / 8][place % 8] = number as u32;
        }
        let roles: Vec<Role> =
            ROLES.into_iter().filter(|&role| tagging.tags.iter().any(|tag| tag.role == role)).collect();
        let lends = if lends { places::roles(&roles) } else { Vec::new() };
        let (mut any, mut own) = ([[BARRED; 5]; 5], [[BARRED; 5]; 5]);
        for (last, next) in ROLES.iter().flat_map(|&last| ROLES.map(|next| (last, next))) {
            let table = if scheme.allows(last, next, false) { &mut any } else { &mut own };
            if scheme.allows(last, next, true) {
                table[last as usize][next as usize] = bias(biases, last, next);
            }
        }
        Some(Self { width, roles, label, mask, any, own, lends })
    }

    pub(super) fn step(&self, tagging: &Tagging, last: u32, next: u32) -> f32 {
        let role = |label: u32| tagging.tags[label as usize].role as usize;
        let (any, own) = (self.any[role(last)][role(next)], self.own[role(last)][role(next)]);
        if any == BARRED { own } else { any }
    }

    /// Scores are kept relative to the best of the token before, so they never grow.
    #[inline(always)]
    pub(super) fn search(
        &self,
        scheme: Scheme,
        rows: &Rows<'_>,
        items: &[u32],
        cut: Cut,
        space: &mut Space,
        out: &mut [u32],
    ) -> std::result::Result<(), usize> {
        let Some(last) = items.len().checked_sub(1) else { return Ok(()) };
        let size = self.label.len();
        let Space { scores, tops, logits, searched } = space;
        scores.clear();
        scores.resize(items.len() * size, [BARRED; 8]);
        tops.clear();
        tops.resize(items.len(), [BARRED; 5]);
        logits.resize(size, [BARRED; 8]);
        searched.resize(size, [BARRED; 8]);
        for (at, &item) in items.iter().enumerate() {
            let (before, next) = scores.split_at_mut(at * size);
            self.write_searched(rows.row(item as usize), logits, searched);
            if at == 0 {
                for &role in &self.roles {
                    if cut.before || role == Role::Outside || scheme.opens(role, false) {
                        self.arrive(role, searched, next, |_| [0.0; 8]);
                    }
                }
            } else if !self.advance(&before[(at - 1) * size..], searched, &mut next[..size], &mut tops[at]) {
                return Err(at - 1);
            }
        }
        let ends = scores[last * size..].as_flattened().iter().enumerate().map(|(slot, &score)| {
            let role = ROLES[slot / self.width];
            if cut.behind || role == Role::Outside || scheme.closes(role, false) { score } else { BARRED }
        });
        let (mut slot, best) = first_largest(ends);
        if best == BARRED {
            return Err(last);
        }
        for at in (0..=last).rev() {
            out[at] = self.label.as_flattened()[slot];
            if at > 0 {
                slot = self.before(slot, scores[(at - 1) * size..at * size].as_flattened(), &tops[at]);
            }
        }
        Ok(())
    }

    /// Writes the logits of `row` by place, and as they are searched: those that `Grammar::write_searched` writes by label.
    #[inline(always)]
    fn write_searched(&self, row: &[f32], logits: &mut [[f32; 8]], searched: &mut [[f32; 8]]) {
        for ((logits, labels), mask) in logits.iter_mut().zip(&self.label).zip(&self.mask) {
            *logits = std::array::from_fn(|lane| row[labels[lane] as usize] + mask[lane]);
        }
        searched.copy_from_slice(logits);
        let blocks = self.width / 8;
        // Without a branch, so that eight labels are looked at at once.
        let larger = |a: f32, b: f32| if b > a { b } else { a };
        for &(role, other, shortfall) in &self.lends {
            let searched = &mut searched[role as usize * blocks..][..blocks];
            for (values, others) in searched.iter_mut().zip(&logits[other as usize * blocks..][..blocks]) {
                *values = std::array::from_fn(|lane| larger(values[lane], others[lane] - shortfall));
            }
        }
        for (values, logits) in searched.iter_mut().zip(logits) {
            *values = std::array::from_fn(|lane| if logits[lane] == BARRED { BARRED } else { values[lane] });
        }
    }

    /// Writes the scores of the labels of `role`: for each block of eight, the value of `known` plus their logits.
    #[inline(always)]
    fn arrive(
        &self,
        role: Role,
        logits: &[[f32; 8]],
        next: &mut [[f32; 8]],
        known: impl Fn(usize) -> [f32; 8],
    ) {
        let blocks = self.width / 8;
        for block in 0..blocks {
            let place = role as usize * blocks + block;
            let (logits, known) = (&logits[place], known(block));
            next[place] = std::array::from_fn(|lane| known[lane] + logits[lane]);
        }
    }

    /// Goes one token on; false if no legal sequence is left.
    #[inline(always)]
    fn advance(
        &self,
        score: &[[f32; 8]],
        logits: &[[f32; 8]],
        next: &mut [[f32; 8]],
        tops: &mut [f32; 5],
    ) -> bool {
        let blocks = self.width / 8;
        for &role in &self.roles {
            tops[role as usize] = largest(&score[role as usize * blocks..][..blocks]);
        }
        let top = largest_of(tops);
        if top == BARRED {
            return false;
        }
        for &role in &self.roles {
            let best = self.reached(role, tops, top).1;
            self.arrive(role, logits, next, |block| {
                let mut known = [best; 8];
                for &last in &self.roles {
                    let weight = self.own[last as usize][role as usize] - top;
                    if weight > BARRED {
                        let score = &score[last as usize * blocks + block];
                        for (known, score) in known.iter_mut().zip(score) {
                            let value = score + weight;
                            *known = if value > *known { value } else { *known };
                        }
                    }
                }
                known
            });
        }
        true
    }

    /// The best role to come to `role` from, whatever the types, and its score.
    #[inline(always)]
    fn reached(&self, role: Role, tops: &[f32; 5], top: f32) -> (usize, f32) {
        let mut best = (0, BARRED);
        for &last in &self.roles {
            let score = tops[last as usize] - top + self.any[last as usize][role as usize];
            if score > best.1 {
                best = (last as usize, score);
            }
        }
        best
    }

    /// The place before `slot` on the best path, by the sums that `advance` made.
    #[inline(always)]
    fn before(&self, slot: usize, score: &[f32], tops: &[f32; 5]) -> usize {
        let (role, lane) = (ROLES[slot / self.width], slot % self.width);
        let top = largest_of(tops);
        let (from, mut best) = self.reached(role, tops, top);
        let mut own = None;
        for &last in &self.roles {
            let weight = self.own[last as usize][role as usize] - top;
            let place = last as usize * self.width + lane;
            let value = score[place] + weight;
            if weight > BARRED && (value > best || (value == best && own.is_none())) {
                (best, own) = (value, Some(place));
            }
        }
        own.unwrap_or_else(|| {
            let block = &score[from * self.width..][..self.width];
            from * self.width + block.iter().position(|&score| score == tops[from]).unwrap_or(0)
        })
    }
}

#[inline(always)]
fn largest(blocks: &[[f32; 8]]) -> f32 {
    let mut lanes = [BARRED; 8];
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let [a, b, c, d, e, f, g, h] = lanes;
    larger(larger(larger(a, e), larger(b, f)), larger(larger(c, g), larger(d, h)))
}

#[inline(always)]
fn largest_of(tops: &[f32; 5]) -> f32 {
    tops.iter().copied().fold(BARRED, |a, b| if b > a { b } else { a })
}
