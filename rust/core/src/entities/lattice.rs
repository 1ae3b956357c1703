//! Probability that exactly these tokens are one entity, or that a token has a label: forward-backward over all legal
//! sequences.
//!
//! A sequence's weight is the exponential of its sum of logits and step weights; its probability is its share of all
//! legal ones. `forward[token][label]` is the logarithm of the weight of all paths up to a token that end in a label,
//! `backward` that of all paths after it. Steps are grouped by role as in `viterbi`, so this, too, is labels for each
//! token, not labels squared, unless the caller gave a matrix. Source: Rabiner, A Tutorial on Hidden Markov Models
//! (1989), section III.

use crate::entities::cut::Cut;
use crate::entities::viterbi::{Grammar, RoleWeights};
use crate::labels::{ROLES, Role};
use crate::math::logits::Rows;

/// Weights of all legal sequences over some tokens.
#[derive(Debug)]
pub struct Lattice<'g> {
    grammar: &'g Grammar,
    cut: Cut,
    labels: usize,
    tokens: usize,
    /// Logits, less the largest of each token.
    emission: Vec<f64>,
    forward: Vec<f64>,
    backward: Vec<f64>,
    total: f64,
}

const BARRED: f64 = f64::NEG_INFINITY;

/// The logarithm of a sum whose terms come one by one, as logarithms.
#[derive(Debug, Clone, Copy)]
struct LogSum {
    top: f64,
    sum: f64,
}

impl LogSum {
    const EMPTY: Self = Self { top: BARRED, sum: 0.0 };

    fn add(&mut self, value: f64) {
        if value == BARRED {
        } else if value <= self.top {
            self.sum += (value - self.top).exp();
        } else {
            self.sum = self.sum * (self.top - value).exp() + 1.0;
            self.top = value;
        }
    }

    fn value(self) -> f64 {
        if self.top == BARRED { BARRED } else { self.top + self.sum.ln() }
    }
}

fn log_sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = LogSum::EMPTY;
    values.for_each(|value| sum.add(value));
    sum.value()
}

impl<'g> Lattice<'g> {
    /// Reads `items`, row numbers of `rows`, which are `cut` out of a longer sequence or not. If the label in `path` of
    /// an item stands for another one of its type, its row is the one that was searched.
    #[must_use]
    pub fn new(grammar: &'g Grammar, rows: &Rows<'_>, items: &[u32], path: &[u32], cut: Cut) -> Self {
        let labels = grammar.tagging().tags.len();
        let mut emission = Vec::with_capacity(items.len() * labels);
        let mut searched = Vec::new();
        for (&item, &label) in items.iter().zip(path) {
            let mut row = rows.row(item as usize);
            if grammar.stands_in(row, label) {
                grammar.write_searched(row, &mut searched);
                row = &searched;
            }
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            emission.extend(row.iter().map(|&value| f64::from(value) - f64::from(top)));
        }
        let tokens = items.len();
        let mut new = Self {
            grammar,
            cut,
            labels,
            tokens,
            emission,
            forward: Vec::new(),
            backward: Vec::new(),
            total: BARRED,
        };
        new.forward = new.run(false);
        new.backward = new.run(true);
        new.total = match tokens.checked_sub(1) {
            Some(last) => {
                log_sum((0..labels).map(|label| new.forward[last * labels + label] + new.closing(label)))
            }
            None => 0.0,
        };
        new
    }

    fn weight(&self, last: Option<usize>, next: Option<usize>) -> f64 {
        f64::from(self.grammar.weight(last.map(|label| label as u32), next.map(|label| label as u32)))
    }

    fn opening(&self, label: usize) -> f64 {
        f64::from(self.grammar.opening(label as u32, self.cut))
    }

    fn closing(&self, label: usize) -> f64 {
        f64::from(self.grammar.closing(label as u32, self.cut))
    }

    /// Weights up to each token, its own logit included; or, `back`, behind each token, its own excluded.
    fn run(&self, back: bool) -> Vec<f64> {
        let labels = self.labels;
        let mut out = vec![BARRED; self.tokens * labels];
        for step in 0..self.tokens {
            let at = if back { self.tokens - 1 - step } else { step };
            let mut row = vec![0.0; labels];
            if step == 0 {
                for (label, value) in row.iter_mut().enumerate() {
                    *value = if back { self.closing(label) } else { self.opening(label) };
                }
            } else {
                let other = if back { at + 1 } else { at - 1 };
                let mut known: Vec<f64> = out[other * labels..][..labels].to_vec();
                if back {
                    let emission = &self.emission[other * labels..][..labels];
                    known.iter_mut().zip(emission).for_each(|(value, emission)| *value += emission);
                }
                self.sums(&known, back, &mut row);
            }
            if !back {
                let emission = &self.emission[at * labels..][..labels];
                row.iter_mut().zip(emission).for_each(|(value, emission)| *value += emission);
            }
            out[at * labels..][..labels].copy_from_slice(&row);
        }
        out
    }

    /// For each label, the sum of `known` at the other ends of all steps to it (or, with `back`, from it).
    fn sums(&self, known: &[f64], back: bool, out: &mut [f64]) {
        let tags = &self.grammar.tagging().tags;
        let Some((any, own)) = self.grammar.by_role() else {
            for (label, out) in out.iter_mut().enumerate() {
                *out = log_sum(known.iter().enumerate().map(|(other, known)| {
                    known
                        + if back {
                            self.weight(Some(label), Some(other))
                        } else {
                            self.weight(Some(other), Some(label))
                        }
                }));
            }
            return;
        };
        let weight = |table: &RoleWeights, role: Role, other: Role| {
            let (last, next) = if back { (role, other) } else { (other, role) };
            f64::from(table[last as usize][next as usize])
        };
        let mut of_role = [LogSum::EMPTY; 5];
        for (tag, &known) in tags.iter().zip(known) {
            of_role[tag.role as usize].add(known);
        }
        let of_role = of_role.map(LogSum::value);
        let from_any = ROLES.map(|role| {
            log_sum(ROLES.iter().map(|&other| of_role[other as usize] + weight(any, role, other)))
        });
        for (tag, out) in tags.iter().zip(out) {
            let mut sum = LogSum::EMPTY;
            sum.add(from_any[tag.role as usize]);
            if tag.role != Role::Outside {
                for (label, other) in self.grammar.of_kind(tag.kind) {
                    sum.add(known[label as usize] + weight(own, tag.role, other));
                }
            }
            *out = sum.value();
        }
    }

    /// Probability that token `at` is labelled `label`, 0 where no legal sequence is left.
    #[must_use]
    pub fn marginal(&self, at: usize, label: u32) -> f64 {
        if self.total == BARRED {
            return 0.0;
        }
        let place = at * self.labels + label as usize;
        (self.forward[place] + self.backward[place] - self.total).exp().min(1.0)
    }

    /// Probability that tokens `from..to` are one entity of type `kind`, no longer and no shorter.
    ///
    /// 0 if no legal sequence has this entity, or there is no legal sequence.
    #[must_use]
    pub fn probability(&self, from: usize, to: usize, kind: u32) -> f64 {
        if from >= to || to > self.tokens || self.total == BARRED {
            return 0.0;
        }
        let labels = self.labels;
        let tags = &self.grammar.tagging().tags;
        let members: Vec<usize> = self.grammar.of_kind(kind).map(|(label, _)| label as usize).collect();
        // A step within one type either continues an entity or lies between two.
        let between = |last: usize, next: usize| {
            !(tags[last].kind == tags[next].kind && tags[last].role.continues(tags[next].role))
        };
        let mut inside: Vec<f64> = members
            .iter()
            .map(|&label| {
                let before = if from == 0 {
                    self.opening(label)
                } else {
                    let known = &self.forward[(from - 1) * labels..][..labels];
                    let steps = known.iter().enumerate().filter(|&(last, _)| between(last, label));
                    log_sum(steps.map(|(last, known)| known + self.weight(Some(last), Some(label))))
                };
                before + self.emission[from * labels + label]
            })
            .collect();
        for at in from + 1..to {
            inside = members
                .iter()
                .map(|&label| {
                    let steps = members.iter().zip(&inside).filter(|&(&last, _)| !between(last, label));
                    self.emission[at * labels + label]
                        + log_sum(steps.map(|(&last, known)| known + self.weight(Some(last), Some(label))))
                })
                .collect();
        }
        let ends = members.iter().zip(&inside).map(|(&label, inside)| {
            let behind = if to == self.tokens {
                self.closing(label)
            } else {
                let known = &self.backward[to * labels..][..labels];
                let emission = &self.emission[to * labels..][..labels];
                let steps = (0..labels).filter(|&next| between(label, next));
                log_sum(steps.map(|next| known[next] + emission[next] + self.weight(Some(label), Some(next))))
            };
            inside + behind
        });
        (log_sum(ends) - self.total).exp().min(1.0)
    }
}
