//! Pieces of one thing -> one entity: `jose.alvarez@example` and `org`, `718` and `0199`.

use super::spans::Draft;
use crate::error::named;
use crate::text::chars::CharIndex;
use crate::text::script::is_space;
use crate::text::script::is_unspaced;
use std::collections::HashMap;
use unicode_categories::UnicodeCategories;

named! {
    /// Which neighbouring entities of one type become one.
    pub enum Join of "join" {
        /// Those with one of `. @ _ - + ' &` between them and a letter or a digit on both sides of it; and those with
        /// nothing between them where exactly one of the two characters that touch is a letter or a digit, and the first
        /// entity has one.
        Pieces = "pieces",
        /// Those, and all in one run of characters without white space. What stands between two entities of one type in a run
        /// is then in some entity.
        Run = "run",
        /// None.
        Never = None,
    }
}

/// The characters between pieces of e-mail addresses, phone numbers, names and firms.
const BRIDGES: [char; 12] =
    ['.', '@', '_', '-', '+', '\'', '&', '\u{2019}', '\u{2018}', '\u{ff07}', '\u{2010}', '\u{2011}'];

/// Joins entities, which are in order and do not overlap. Those of types that are `outside` do not join, and give up
/// the characters over which others are joined. The joined entity has the score of its surest piece.
#[must_use]
pub fn join(
    drafts: Vec<Draft>,
    text: &CharIndex<'_>,
    how: Join,
    outside: impl Fn(u32) -> bool,
) -> Vec<Draft> {
    if how == Join::Never {
        return drafts;
    }
    let mut out: Vec<Draft> = Vec::with_capacity(drafts.len());
    let mut outer = Vec::new();
    // What entities were joined over, in order.
    let mut bridged = Vec::new();
    for new in drafts {
        match out.last_mut() {
            _ if outside(new.name) => outer.push(new),
            Some(last) if joins(text, last, &new, how) => {
                bridged.push((last.end, new.start));
                last.absorb(new);
            }
            _ => out.push(new),
        }
    }
    if how == Join::Run {
        fill(&mut out, text, &mut bridged);
    }
    if outer.is_empty() {
        return out;
    }
    bridged.sort_unstable();
    let inside = |draft: &Draft| {
        let next = bridged.partition_point(|&(from, _)| from <= draft.start);
        next > 0 && draft.end <= bridged[next - 1].1
    };
    out.extend(outer.into_iter().filter(|draft| !inside(draft)));
    out.sort_by_key(|draft| draft.start);
    out
}

fn joins(text: &CharIndex<'_>, last: &Draft, new: &Draft, how: Join) -> bool {
    if last.name != new.name || last.start < 0 || new.start < last.end {
        return false;
    }
    let (from, to) = (last.end as usize, new.start as usize);
    if how == Join::Run && in_one_run(text, last, new) {
        return true;
    }
    let (before, behind) = (text.slice(last.start as usize, from), text.slice(to, new.end as usize));
    // Marks are looked up in tables, and none is ASCII.
    let is_mark = |c: char| !c.is_ascii() && c.is_mark();
    let letter = |c: char| c.is_alphanumeric() && !is_mark(c);
    // A mark goes with its letter.
    let left = before.chars().rev().find(|&c| !is_mark(c)).is_some_and(letter);
    let right = behind.chars().next().is_some_and(letter);
    if from == to {
        return left != right && before.chars().rev().any(letter);
    }
    let between = if to - from == 1 { text.slice(from, to).chars().next() } else { None };
    left && right && between.is_some_and(|c| BRIDGES.contains(&c))
}

/// Whether `c` ends a run: white space, and letters of scripts without spaces between words.
fn parts(c: char) -> bool {
    is_space(c) || is_unspaced(c)
}

/// Whether two neighbours are in one run: nothing parts them, from the last character of the one to the first of the
/// other.
fn in_one_run(text: &CharIndex<'_>, last: &Draft, new: &Draft) -> bool {
    let from = (last.end as usize).saturating_sub(1);
    !text.slice(from, new.start as usize + 1).chars().any(parts)
}

/// Covers all characters between two entities of one type in a run, even if entities of other types lie between them:
/// each entity from the first of the two on is extended to the next one. So no part of a number stays in clear because
/// the model calls its middle something else, and no two types become one entity.
fn fill(drafts: &mut [Draft], text: &CharIndex<'_>, bridged: &mut Vec<(i64, i64)>) {
    let mut seen: HashMap<u32, usize> = HashMap::new();
    let mut filled = 0;
    for at in 0..drafts.len() {
        let draft = &drafts[at];
        if draft.start < 0 || at == 0 || !in_one_run(text, &drafts[at - 1], draft) {
            seen.clear();
        } else if let Some(&first) = seen.get(&draft.name) {
            for inner in first.max(filled)..at {
                let (from, to) = (drafts[inner].end, drafts[inner + 1].start);
                drafts[inner].end = from.max(to);
                bridged.push((from, to));
            }
            filled = at;
        }
        let draft = &drafts[at];
        if draft.start >= 0 && text.slice(draft.start as usize, draft.end as usize).chars().any(parts) {
            seen.clear();
        }
        seen.insert(draft.name, at);
    }
}
