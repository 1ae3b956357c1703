//! The default reading of seqeval, which is conlleval's: every sequence of tags means some entities.
//!
//! All sequences are read as one, an `O` after each. A tag that is neither `O`, `.` nor one of B, I, E, S counts as a
//! letter of its own. Such a tag, with the type `_` and after an `O`, belongs to an entity without beginning one: the
//! entity then starts where the one before it did, which may be in an earlier sequence. Numbers that are to equal
//! seqeval's need that, too.
//! Source: `get_entities` of seqeval 1.2.2, `startOfChunk` and `endOfChunk` of conlleval.pl.

use super::names::{Names, Tag};
use super::spans::Span;

/// Letters by their row in the table; what is none of them is `OTHER`.
const LETTERS: [char; 6] = ['O', '.', 'B', 'I', 'E', 'S'];
const OUTSIDE: u8 = 0;
const OTHER: usize = LETTERS.len();
const ROWS: usize = OTHER + 1;

const ENDS: u8 = 1;
const STARTS: u8 = 2;

/// What happens between two tags, by the letter of each and by whether their types are the same.
type Steps = [[[u8; 2]; ROWS]; ROWS];

fn steps() -> Steps {
    let letter = |row: usize| LETTERS.get(row).copied().unwrap_or('?');
    let mut steps = [[[0; 2]; ROWS]; ROWS];
    for (before, row) in steps.iter_mut().enumerate() {
        for (now, cell) in row.iter_mut().enumerate() {
            for (same, step) in cell.iter_mut().enumerate() {
                *step = step_between(letter(before), letter(now), same == 1);
            }
        }
    }
    steps
}

fn step_between(before: char, now: char, same: bool) -> u8 {
    let ends = match (before, now) {
        ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O') => true,
        ('O' | '.', _) => false,
        _ => !same,
    };
    let starts = match (before, now) {
        (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I') => true,
        (_, 'O' | '.') => false,
        _ => !same,
    };
    (u8::from(ends) * ENDS) | (u8::from(starts) * STARTS)
}

/// The letter and the type of a tag that is not empty.
pub(super) fn parse(name: &str, suffix: bool, labels: &mut Names) -> Tag {
    let letter = if suffix { name.chars().next_back() } else { name.chars().next() };
    let width = letter.map_or(0, char::len_utf8);
    let label = if suffix {
        let rest = &name[..name.len() - width];
        rest.rsplit_once('-').map_or(rest, |(label, _)| label)
    } else {
        let rest = &name[width..];
        rest.split_once('-').map_or(rest, |(_, label)| label)
    };
    let prefix = LETTERS.iter().position(|&known| Some(known) == letter).unwrap_or(OTHER);
    Tag { prefix: prefix as u8, label: labels.kind(label) }
}

/// What stands after each sequence.
pub(super) fn outside(labels: &mut Names) -> Tag {
    Tag { prefix: OUTSIDE, label: labels.kind("") }
}

/// Whether seqeval warns about the tag.
pub(super) fn is_odd(name: &str, suffix: bool) -> bool {
    let mut letters = name.chars();
    let (letter, dash) =
        if suffix { (letters.next_back(), letters.next_back()) } else { (letters.next(), letters.next()) };
    !matches!((letter, dash), (Some('B' | 'I' | 'E' | 'S'), None | Some('-')) | (Some('O'), None))
}

/// Entities of sequences laid end to end, in the order of their ends.
pub(super) fn spans(ids: &[u32], lengths: &[usize], tags: &[Tag], outside: Tag) -> Vec<Span> {
    let steps = steps();
    let mut found = Vec::new();
    // No type equals the one before the first tag.
    let mut before = Tag { prefix: OUTSIDE, label: u32::MAX };
    // Both count from the start of the sequence at hand, so `begin` is negative for one that began earlier.
    let mut begin = 0_i64;
    let mut rest = ids;
    for (text, &length) in lengths.iter().enumerate() {
        let (row, after) = rest.split_at(length);
        let mut at = 0_i64;
        for now in row.iter().map(|&id| tags[id as usize]).chain([outside]) {
            let step =
                steps[before.prefix as usize][now.prefix as usize][usize::from(before.label == now.label)];
            if step & ENDS != 0 {
                found.push(Span { text: text as u32, start: begin, end: at, label: before.label });
            }
            if step & STARTS != 0 {
                begin = at;
            }
            before = now;
            at += 1;
        }
        begin -= at;
        rest = after;
    }
    found
}
