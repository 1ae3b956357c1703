//! One label a token -> entities: runs of tokens that continue each other.

use crate::entities::cut::Cut;
use crate::error::named;
use crate::labels::{Role, Tag, Tagging};

named! {
    /// What becomes of labels that the scheme does not allow where they stand.
    pub enum Repair of "repair" {
        /// A token that can't go on with the one before it begins an entity, and an entity that is cut short ends there.
        /// Source: the evaluation script of the CoNLL-2000 shared task.
        Conlleval = "conlleval",
        /// An entity that does not begin and end as the scheme wants is left out.
        Discard = "discard",
        /// A token that may not follow the one before it continues the entity of that one, under its type.
        Keep = "keep",
    }
}

/// Tokens `from..to` of one type; if the type stands for "outside", they are in no entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// First token.
    pub from: usize,
    /// Last token, excluded.
    pub to: usize,
    /// Index into [`Tagging::kinds`].
    pub kind: u32,
}

/// The entities that `labels` spell, and the stretches between them, in order. Where the tokens are `cut` out of a longer
/// sequence, an entity may begin or end in any way.
#[must_use]
pub fn chunks(tagging: &Tagging, labels: &[u32], repair: Repair, cut: Cut) -> Vec<Chunk> {
    let tag = |at: usize| tagging.tags[labels[at] as usize];
    let goes_on = |last: Tag, next: Tag| {
        last.kind == next.kind
            && (last.role.continues(next.role) || (last.role == Role::Outside && next.role == Role::Outside))
    };
    let mut out: Vec<Chunk> = Vec::new();
    for at in 0..labels.len() {
        let (last, next) = (at.checked_sub(1).map(tag), tag(at));
        let joins = |last: Tag| {
            goes_on(last, next)
                || (repair == Repair::Keep
                    && last.role != Role::Outside
                    && next.role != Role::Outside
                    && !tagging.allows(Some(labels[at - 1]), Some(labels[at])))
        };
        match (out.last_mut(), last) {
            (Some(chunk), Some(last)) if joins(last) => chunk.to = at + 1,
            _ => out.push(Chunk { from: at, to: at + 1, kind: next.kind }),
        }
    }
    if repair == Repair::Discard {
        out.retain(|chunk| {
            let (first, last) = (tag(chunk.from), tag(chunk.to - 1));
            let same = |at: Option<usize>| {
                at.filter(|&at| at < labels.len()).is_some_and(|at| tag(at).kind == chunk.kind)
            };
            let opens =
                (cut.before && chunk.from == 0) || tagging.opens(first, same(chunk.from.checked_sub(1)));
            let closes =
                (cut.behind && chunk.to == labels.len()) || tagging.closes(last, same(Some(chunk.to)));
            first.role == Role::Outside || (opens && closes)
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entities as `type:from-to`.
    fn read(tags: &str, repair: Repair) -> String {
        let names: Vec<&str> = "O B-x I-x E-x S-x B-y I-y E-y S-y".split(' ').collect();
        let two: Vec<&str> = "O B-x I-x B-y I-y".split(' ').collect();
        let names = if tags.contains(['E', 'S']) { names } else { two };
        let tagging = Tagging::new(&names, None).unwrap();
        let labels: Vec<u32> =
            tags.split(' ').map(|tag| names.iter().position(|name| name == &tag).unwrap() as u32).collect();
        let found = chunks(&tagging, &labels, repair, Cut::default());
        let shown = found.iter().filter(|chunk| !tagging.is_outside(chunk.kind));
        let shown: Vec<_> = shown
            .map(|chunk| format!("{}:{}-{}", tagging.kinds[chunk.kind as usize], chunk.from, chunk.to))
            .collect();
        shown.join(" ")
    }

    #[test]
    fn repairs() {
        for (tags, conlleval, discard, keep) in [
            ("B-x I-x O B-x B-x", "x:0-2 x:3-4 x:4-5", "x:0-2 x:3-4 x:4-5", "x:0-2 x:3-4 x:4-5"),
            ("O I-x I-x O", "x:1-3", "", "x:1-3"),
            ("B-x I-y I-y", "x:0-1 y:1-3", "x:0-1", "x:0-3"),
            ("B-x I-y B-y", "x:0-1 y:1-2 y:2-3", "x:0-1 y:2-3", "x:0-2 y:2-3"),
            ("B-x I-x E-x S-x O", "x:0-3 x:3-4", "x:0-3 x:3-4", "x:0-3 x:3-4"),
            ("B-x I-x O S-x", "x:0-2 x:3-4", "x:3-4", "x:0-2 x:3-4"),
            ("E-x I-x S-y", "x:0-1 x:1-2 y:2-3", "y:2-3", "x:0-3"),
            ("B-x B-x E-x", "x:0-1 x:1-3", "x:1-3", "x:0-3"),
        ] {
            assert_eq!(read(tags, Repair::Conlleval), conlleval, "{tags}");
            assert_eq!(read(tags, Repair::Discard), discard, "{tags}");
            assert_eq!(read(tags, Repair::Keep), keep, "{tags}");
        }
    }
}
