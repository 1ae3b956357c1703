//! The strict reading of seqeval: only what the scheme allows is an entity.
//!
//! One table a scheme; the tables hold seqeval's rules as they are, among them that an entity of IOB1 can't begin with
//! `B-` after `O`, and that one of IOE1 can't end with `E-` before `O`.
//! Source: `seqeval.scheme` of seqeval 1.2.2.

use super::names::{Names, Tag};
use super::spans::Span;
use crate::{Error, Result};

/// A scheme of tags: which letters it has and what each means after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `B-` only where an entity touches one of its type before it.
    Iob1,
    /// `B-` at each start; BIO.
    Iob2,
    /// `E-` only where an entity touches one of its type after it.
    Ioe1,
    /// `E-` at each end.
    Ioe2,
    /// `B-`, `I-`, `E-`, and `S-` for a single token; BIOES.
    Iobes,
    /// `B-`, `I-`, `L-`, and `U-` for a single token; BILUO.
    Bilou,
}

/// Begins an entity.
const S: u8 = 1;
/// Continues the one that is open.
const I: u8 = 2;
/// Ends, before this tag, the one that is open. What neither continues nor ends is dropped.
const E: u8 = 4;
const SE: u8 = S | E;
const SI: u8 = S | I;

/// Between two tags of different types, and of the same.
type Cell = [u8; 2];
const NO: Cell = [0, 0];
const START: Cell = [S, S];
const END: Cell = [E, E];
const TURN: Cell = [SE, SE];
/// Goes on within one type; another type gets nothing.
const GO: Cell = [0, I];

// Rows: the tag before. Columns: the tag. Letters in the order of `letters`.
const IOB1: [[Cell; 3]; 3] = [
    // O   I         B
    [NO, START, NO],          // O
    [END, [SE, I], [E, SE]],  // I
    [END, [SE, SI], [0, SE]], // B
];
const IOB2: [[Cell; 3]; 3] = [
    // O   I       B
    [NO, NO, START],     // O
    [END, [E, I], TURN], // I
    [END, [E, I], TURN], // B
];
const IOE1: [[Cell; 3]; 3] = [
    // O   I        E
    [NO, START, NO],        // O
    [END, [SE, I], [E, I]], // I
    [NO, [S, SE], [0, SE]], // E
];
const IOE2: [[Cell; 3]; 3] = [
    // O   I       E
    [NO, START, START],   // O
    [NO, [S, I], [S, I]], // I
    [END, TURN, TURN],    // E
];
const IOBES: [[Cell; 5]; 5] = [
    // O  I    B      E    S
    [NO, NO, START, NO, START],  // O
    [NO, GO, START, GO, START],  // I
    [NO, GO, START, GO, START],  // B
    [END, END, TURN, END, TURN], // E
    [END, END, TURN, END, TURN], // S
];

impl Scheme {
    /// The schemes by name.
    pub const ALL: [Self; 6] = [Self::Iob1, Self::Iob2, Self::Ioe1, Self::Ioe2, Self::Iobes, Self::Bilou];

    /// Its name, as seqeval calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iob1 => "IOB1",
            Self::Iob2 => "IOB2",
            Self::Ioe1 => "IOE1",
            Self::Ioe2 => "IOE2",
            Self::Iobes => "IOBES",
            Self::Bilou => "BILOU",
        }
    }

    /// The letters it knows, `O` first.
    #[must_use]
    pub fn letters(self) -> &'static str {
        match self {
            Self::Iob1 | Self::Iob2 => "OIB",
            Self::Ioe1 | Self::Ioe2 => "OIE",
            Self::Iobes => "OIBES",
            Self::Bilou => "OIBLU",
        }
    }

    /// The scheme that the letters of these tags fit.
    ///
    /// # Errors
    /// If they fit none, as `O` alone does, or `I-` and `O`.
    pub fn detect<'a>(names: impl Iterator<Item = &'a str>, suffix: bool) -> Result<Self> {
        let mut letters: Vec<char> = Vec::new();
        for name in names {
            let Some(letter) = letter(name, suffix) else { continue };
            if !"OIBESLU".contains(letter) {
                return Err(Error::NoScheme { found: name.to_owned() });
            }
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        letters.sort_unstable();
        let of = |all: &str, needed: &str| {
            letters.iter().all(|&letter| all.contains(letter))
                && needed.chars().all(|letter| letters.contains(&letter))
        };
        if of("OIB", "B") {
            Ok(Self::Iob2)
        } else if of("OIE", "E") {
            Ok(Self::Ioe2)
        } else if of("OIBES", "BE") || letters == ['S'] {
            Ok(Self::Iobes)
        } else if of("OIBLU", "BL") || letters == ['U'] {
            Ok(Self::Bilou)
        } else {
            let found: Vec<_> = letters.iter().map(char::to_string).collect();
            Err(Error::NoScheme { found: found.join(", ") })
        }
    }

    pub(super) fn table(self) -> Table {
        let cells = match self {
            Self::Iob1 => flat(&IOB1),
            Self::Iob2 => flat(&IOB2),
            Self::Ioe1 => flat(&IOE1),
            Self::Ioe2 => flat(&IOE2),
            // The same rules under other letters.
            Self::Iobes | Self::Bilou => flat(&IOBES),
        };
        Table { letters: self.letters(), cells }
    }
}

fn flat<const N: usize>(cells: &[[Cell; N]; N]) -> Vec<Cell> {
    cells.iter().flatten().copied().collect()
}

/// The letters of a scheme and what happens between two of them.
pub(super) struct Table {
    letters: &'static str,
    cells: Vec<Cell>,
}

impl Table {
    /// The letter and the type of a tag; `None` if the scheme does not know the letter.
    pub(super) fn parse(&self, name: &str, suffix: bool, labels: &mut Names) -> Option<Tag> {
        let letter = letter(name, suffix)?;
        let prefix = self.letters.find(letter)? as u8;
        let rest = if suffix { &name[..name.len() - 1] } else { &name[1..] };
        Some(Tag { prefix, label: labels.kind(rest.trim_matches('-')) })
    }
}

/// What stands before and after each sequence; `O` is the first letter of each scheme.
pub(super) fn outside(labels: &mut Names) -> Tag {
    Tag { prefix: 0, label: labels.kind("") }
}

fn letter(name: &str, suffix: bool) -> Option<char> {
    if suffix { name.chars().next_back() } else { name.chars().next() }
}

/// Entities of sequences laid end to end, in order.
pub(super) fn spans(ids: &[u32], lengths: &[usize], tags: &[Tag], table: &Table, outside: Tag) -> Vec<Span> {
    let width = table.letters.len();
    let mut found = Vec::new();
    let mut rest = ids;
    for (text, &length) in lengths.iter().enumerate() {
        let (row, after) = rest.split_at(length);
        let mut before = outside;
        let mut open = None;
        for (at, now) in row.iter().map(|&id| tags[id as usize]).chain([outside]).enumerate() {
            let step = table.cells[before.prefix as usize * width + now.prefix as usize]
                [usize::from(before.label == now.label)];
            if step & I == 0 || open.is_none() {
                if let Some(start) = open.take()
                    && step & E != 0
                {
                    found.push(Span { text: text as u32, start, end: at as i64, label: before.label });
                }
                if step & S != 0 {
                    open = Some(at as i64);
                }
            }
            before = now;
        }
        rest = after;
    }
    found
}
