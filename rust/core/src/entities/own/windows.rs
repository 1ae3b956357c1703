//! Windows that are decoded apart, and the entities of all of them put together.
//!
//! `stitch` decides each token once, by the window that sees most around it, and an entity that only another window
//! found is lost. In redaction, where a character too many costs less than one too few, all windows count: none of
//! their characters is left out of the union.

use super::stitch::{self, Merge, Part, Token};
use super::{Found, TextDecoder, join, means_outside, spans::Draft};
use crate::Result;
use crate::batch::Entity;
use crate::entities::cut::Cut;
use crate::entities::transformers::overlaps;
use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

impl TextDecoder<'_> {
    /// Decodes each window by itself; their entities follow each other. Where a window does not begin or end the text,
    /// it may begin or end inside an entity.
    fn each_window(&self, parts: Vec<Part<'_>>) -> Result<Found> {
        let mut all = Found { covered: (i64::MAX, -1), ..Found::default() };
        let first = parts.iter().map(|part| part.chars().0).min();
        let last = parts.iter().map(|part| part.chars().1).max();
        for part in parts {
            let (start, end) = part.chars();
            let cut = Cut { before: Some(start) > first, behind: Some(end) < last };
            let found = self.stitched(&stitch::single(part, cut))?;
            all.covered = (all.covered.0.min(found.covered.0), all.covered.1.max(found.covered.1));
            all.drafts.extend(found.drafts);
            all.probs.extend(found.probs);
            all.lost.add(found.lost.count, found.lost.first);
        }
        Ok(all)
    }

    /// Decodes each window by itself and keeps the longer one of entities that overlap.
    pub(super) fn longest(&self, parts: Vec<Part<'_>>) -> Result<Found> {
        let tokens = Numbered::of(&parts);
        let all = self.each_window(parts)?;
        let spans = all.drafts.iter().enumerate().map(|(number, draft)| {
            let (label, score, start, end) = (draft.name, draft.score, draft.start, draft.end);
            (number, Entity { label, score, index: -1, start, end, pieces: (0, 0) })
        });
        let mut kept: Vec<_> = spans.collect();
        overlaps::keep_longest(&mut kept);
        kept.dedup_by_key(|(number, _)| *number); // an empty one in the first place comes out twice
        let mut out = Found { covered: all.covered, lost: all.lost, ..Found::default() };
        for (number, _) in kept {
            let mut draft = all.drafts[number].clone();
            if draft.start < draft.end && !self.decoder.settings.strategy.is_by_token() {
                tokens.number(&mut draft);
            }
            out.drafts.push(draft);
            out.probs.extend_from_slice(self.probs_of(&all, number));
        }
        Ok(out)
    }

    /// The distribution of entity `number`; empty if distributions are not asked for.
    fn probs_of<'f>(&self, found: &'f Found, number: usize) -> &'f [f32] {
        let names = if self.decoder.settings.probs { self.decoder.names().len() } else { 0 };
        &found.probs[number * names..][..names]
    }

    /// Decodes each window by itself, and all of them stitched, and puts their entities together.
    ///
    /// An entity across the edge of a window is cut there, and the rest of it may not be legal under the scheme; in
    /// the stitched text it is whole.
    ///
    /// Overlapping entities of one type become one, with the score of the surest. If two types overlap, a character
    /// goes to the longer entity, ties to the surer and then to the earlier one; the other keeps the rest, as one
    /// entity or two. Stretches outside give way to any entity. Only then are entities below their threshold left out:
    /// one that passes keeps what another window has added to it.
    pub(super) fn union(&self, parts: Vec<Part<'_>>) -> Result<Found> {
        let tokens = Numbered::of(&parts);
        let all = TextDecoder {
            windows: self.windows.clone(),
            edges: OnceCell::new(),
            has_thresholds: false,
            ..*self
        }
        .each_window_and_all(parts)?;
        let mut merged = merge(&all.drafts);
        for (number, draft) in merged.iter_mut().enumerate() {
            draft.pieces = (number, number);
        }
        let drafts = self.passing(merged, |merged| self.shared(merged));
        let mut out = Found { covered: all.covered, lost: all.lost, ..Found::default() };
        for mut draft in drafts {
            if !tokens.number(&mut draft) {
                continue;
            }
            out.probs.extend_from_slice(self.probs_of(&all, draft.labelled.start));
            out.drafts.push(draft);
        }
        Ok(out)
    }

    /// The entities of each window, and behind them those of the stitched text.
    fn each_window_and_all(&self, parts: Vec<Part<'_>>) -> Result<Found> {
        let whole = if self.decoder.settings.strategy.is_by_token() {
            Found::default()
        } else {
            self.stitched(&stitch::stitch(parts.clone(), self.decoder.label_names.len(), Merge::Context))?
        };
        let mut all = self.each_window(parts)?;
        if !self.decoder.settings.strategy.is_by_token() {
            all.lost = whole.lost; // a space that ends a window is in front of a token of the next one
        }
        all.drafts.extend(whole.drafts);
        all.probs.extend(whole.probs);
        Ok(all)
    }

    /// Gives each character to one entity, and joins pieces of one thing.
    fn shared(&self, merged: Vec<Draft>) -> Vec<Draft> {
        let settings = &self.decoder.settings;
        let outside = |name: u32| means_outside(&self.decoder.grammar, settings.strategy, name as usize);
        let mut drafts = share(merged, outside);
        if let Some(text) = self.text.filter(|_| !settings.strategy.is_by_token()) {
            if settings.trim {
                for draft in &mut drafts {
                    draft.trim(text);
                }
                drafts.retain(|draft| draft.start < draft.end);
            }
            drafts = join::join(drafts, text, settings.join, outside);
        }
        drafts
    }
}

/// The tokens of all windows of a text, as if one window held it all.
struct Numbered {
    /// The tokens that cover something, in order.
    tokens: Vec<Token>,
    /// Their places by where they end.
    by_end: Vec<usize>,
}

impl Numbered {
    fn of(parts: &[Part<'_>]) -> Self {
        let bare = parts.iter().map(Part::without_values).collect();
        let mut tokens = stitch::stitch(bare, 0, Merge::Context).tokens;
        tokens.retain(|token| token.start < token.end);
        let mut by_end: Vec<usize> = (0..tokens.len()).collect();
        by_end.sort_by_key(|&at| tokens[at].end);
        Self { tokens, by_end }
    }

    /// Sets the tokens and words of `draft` to those in its characters; false if there are no tokens.
    fn number(&self, draft: &mut Draft) -> bool {
        let next = self.by_end.partition_point(|&at| self.tokens[at].end <= draft.start);
        let Some(&first) = self.by_end.get(next).or(self.by_end.last()) else { return false };
        draft.range = first..first + 1;
        draft.reach(&self.tokens);
        draft.number(&self.tokens);
        true
    }
}

/// Makes one entity of those of one type that overlap. `labelled` becomes the number of the surest one.
fn merge(drafts: &[Draft]) -> Vec<Draft> {
    let mut order: Vec<usize> = (0..drafts.len()).filter(|&at| drafts[at].start < drafts[at].end).collect();
    order.sort_by_key(|&at| (drafts[at].name, drafts[at].start));
    let mut out: Vec<Draft> = Vec::with_capacity(order.len());
    for at in order {
        let new = Draft { labelled: at..at + 1, ..drafts[at].clone() };
        match out.last_mut() {
            Some(last) if last.name == new.name && new.start < last.end => last.absorb(new),
            _ => out.push(new),
        }
    }
    out
}

/// Gives each character to one entity.
fn share(mut drafts: Vec<Draft>, outside: impl Fn(u32) -> bool) -> Vec<Draft> {
    drafts.sort_by(|a, b| {
        let key = |draft: &Draft| (outside(draft.name), Reverse(draft.end - draft.start));
        key(a).cmp(&key(b)).then(b.score.total_cmp(&a.score)).then(a.start.cmp(&b.start))
    });
    // Characters that have been given away: first and last, excluded.
    let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
    let mut out = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut start = draft.start;
        let before = taken.range(..=start).next_back().map(|(_, &end)| end);
        start = start.max(before.unwrap_or(start));
        let mut free = Vec::new();
        for (&from, &to) in taken.range(start..draft.end.max(start)) {
            free.push((start, from));
            start = to;
        }
        free.push((start, draft.end));
        for (start, end) in free.into_iter().filter(|(start, end)| start < end) {
            taken.insert(start, end);
            out.push(Draft { start, end, ..draft.clone() });
        }
    }
    out.sort_by_key(|draft| draft.start);
    out
}

#[cfg(test)]
mod tests {
    use super::{merge, share};
    use crate::entities::own::spans::Draft;

    fn drafts(rows: &[(u32, i64, i64, f32)]) -> Vec<Draft> {
        let draft = |&(name, start, end, score)| Draft { name, start, end, score, ..Draft::default() };
        rows.iter().map(draft).collect()
    }

    fn rows(drafts: Vec<Draft>) -> Vec<(u32, i64, i64, f32)> {
        drafts.into_iter().map(|draft| (draft.name, draft.start, draft.end, draft.score)).collect()
    }

    #[test]
    fn those_of_one_type_that_overlap_become_one() {
        for (name, given, want) in [
            ("they overlap", vec![(1, 0, 4, 0.2), (1, 3, 6, 0.9)], vec![(1, 0, 6, 0.9)]),
            ("they touch", vec![(1, 4, 6, 0.9), (1, 0, 4, 0.2)], vec![(1, 0, 4, 0.2), (1, 4, 6, 0.9)]),
            ("of two types", vec![(2, 3, 6, 0.9), (1, 0, 4, 0.2)], vec![(1, 0, 4, 0.2), (2, 3, 6, 0.9)]),
            ("one is empty", vec![(1, 3, 3, 0.9), (1, 0, 4, 0.2)], vec![(1, 0, 4, 0.2)]),
        ] {
            assert_eq!(rows(merge(&drafts(&given))), want, "{name}");
        }
    }

    /// Type 0 is outside.
    #[test]
    fn each_character_goes_to_one() {
        for (name, given, want) in [
            ("the longer", vec![(1, 0, 4, 0.9), (2, 2, 9, 0.2)], vec![(1, 0, 2, 0.9), (2, 2, 9, 0.2)]),
            ("the surer", vec![(1, 0, 4, 0.2), (2, 2, 6, 0.9)], vec![(1, 0, 2, 0.2), (2, 2, 6, 0.9)]),
            ("the first", vec![(2, 2, 6, 0.5), (1, 0, 4, 0.5)], vec![(1, 0, 4, 0.5), (2, 4, 6, 0.5)]),
            ("no rest", vec![(1, 2, 4, 0.9), (2, 0, 9, 0.2)], vec![(2, 0, 9, 0.2)]),
            (
                "what is outside keeps both sides",
                vec![(0, 0, 10, 0.9), (1, 3, 6, 0.2)],
                vec![(0, 0, 3, 0.9), (1, 3, 6, 0.2), (0, 6, 10, 0.9)],
            ),
        ] {
            assert_eq!(rows(share(drafts(&given), |name| name == 0)), want, "{name}");
        }
    }
}
