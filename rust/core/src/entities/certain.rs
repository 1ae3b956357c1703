//! Tokens that are outside on every best path, so that what lies between them can be searched by itself.
//!
//! The plain line this replaces is a search over all tokens as soon as one step of their most probable labels is not legal.
//! Under each scheme, a legal sequence stays legal if an entity is taken out and its tokens are labelled outside. A
//! bound on the change in the sum of logits is known without a search: a token gains at least the logit of "outside"
//! less the largest other one. If every stretch of tokens around a token gains by that, whatever its length, no best
//! sequence has an entity there.

use std::ops::Range;

/// How much a stretch has to gain, so that no rounding in the search can outweigh it.
const SLACK: f64 = 1e-3;

/// Whether a word whose tokens all have a lead of `lead` or more is outside for certain if it is looked at alone.
pub fn is_clear(lead: f32) -> bool {
    f64::from(lead) > SLACK
}

/// The runs of tokens that are not outside for certain, in order.
///
/// `leads` says of each token by how much the logit of `outside` is above the largest other one, or at least by how much.
pub fn runs(labels: &[u32], leads: &[f32], outside: u32) -> Vec<Range<usize>> {
    runs_of_some(labels, leads, outside, |_| false).unwrap_or_default()
}

/// The same if tokens were left out that are outside when looked at alone. Each token that is `apart` is one of them
/// and stands for others. `None` if the result depends on those.
pub fn runs_of_some(
    labels: &[u32],
    leads: &[f32],
    outside: u32,
    apart: impl Fn(usize) -> bool,
) -> Option<Vec<Range<usize>>> {
    // The least that a stretch gains, from each token on; a token with an infinite lead can be in no entity.
    let worst = |before: f64, lead: f32| {
        let sum = before + f64::from(lead);
        if sum < 0.0 { sum } else { 0.0 }
    };
    let mut behind = vec![0.0; labels.len() + 1];
    for (at, &lead) in leads.iter().enumerate().rev() {
        behind[at] = worst(behind[at + 1], lead);
    }
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut before = 0.0;
    for (at, (&label, &lead)) in labels.iter().zip(leads).enumerate() {
        if apart(at) && (before < 0.0 || behind[at + 1] < 0.0) {
            return None;
        }
        let gain = before + f64::from(lead) + behind[at + 1];
        before = worst(before, lead);
        if label == outside && gain > SLACK {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{ROLES, SCHEMES};

    /// A label that may begin or end an entity beside another of its type may do so beside a label outside, too.
    #[test]
    fn an_entity_can_be_taken_out_in_each_scheme() {
        for scheme in SCHEMES {
            for role in ROLES {
                let opens = !scheme.opens(role, true) || scheme.opens(role, false);
                let closes = !scheme.closes(role, true) || scheme.closes(role, false);
                assert!(opens && closes, "{} {role:?}", scheme.name());
            }
        }
    }

    type Case = (&'static str, &'static [f32], &'static [(usize, usize)]);

    #[test]
    fn runs_reach_as_far_as_an_entity_may() {
        const INF: f32 = f32::INFINITY;
        let cases: [Case; 8] = [
            ("nothing is in doubt", &[5.0, 4.0, 3.0], &[]),
            ("one token", &[5.0, -1.0, 5.0], &[(1, 2)]),
            ("what wins it over its neighbours, too", &[5.0, 1.0, -3.0, 1.0, 5.0], &[(1, 4)]),
            ("two in one stretch", &[6.0, -3.0, 1.0, -3.0, 6.0], &[(1, 4)]),
            ("up to both ends", &[1.0, -9.0, 1.0], &[(0, 3)]),
            ("a near tie is in doubt", &[5.0, 0.0005, 5.0], &[(1, 2)]),
            ("barred outside", &[5.0, -INF, 5.0], &[(0, 3)]),
            ("no entity passes a token that none can hold", &[5.0, -INF, 1.0, INF, 5.0], &[(0, 4)]),
        ];
        for (name, leads, want) in cases {
            let labels: Vec<u32> = leads.iter().map(|&lead| u32::from(lead < 0.0)).collect();
            let found: Vec<_> = runs(&labels, leads, 0).into_iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(found, want, "{name}");
        }
    }

    #[test]
    fn what_was_left_out_is_asked_for_where_it_counts() {
        let labels = [0, 1, 0, 0];
        let some =
            |leads: &[f32; 4], apart: usize| runs_of_some(&labels, leads, 0, |at| at == apart).is_some();
        assert!(some(&[5.0, -3.0, 4.0, 5.0], 3));
        assert!(!some(&[5.0, -3.0, 4.0, 5.0], 0), "an entity may begin before it");
        assert!(!some(&[5.0, -3.0, 2.0, 5.0], 3), "an entity may go on behind it");
        assert!(some(&[4.0, 3.0, -3.0, 4.0], 0), "what is before it pays for an entity");
    }
}
