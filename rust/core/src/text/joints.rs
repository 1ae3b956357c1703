//! Where a word of UAX #29 is cut, for [`WordEdges::cut`](super::words::WordEdges::cut): at an apostrophe, a colon or
//! a full stop, where a name seldom goes on.

use unicode_categories::UnicodeCategories;

/// A sign over which UAX #29 joins letters, and which names seldom hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Joint {
    Apostrophe,
    Colon,
    Stop,
}

/// The joint that `c` is: `'`, `:`, `.` and their other forms.
pub(super) fn joint(c: char) -> Option<Joint> {
    match c {
        '\'' | '\u{2018}' | '\u{2019}' | '\u{ff07}' => Some(Joint::Apostrophe),
        ':' | '\u{fe13}' | '\u{fe55}' | '\u{ff1a}' => Some(Joint::Colon),
        '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => Some(Joint::Stop),
        _ => None,
    }
}

/// Whether `c` is `'` or one of its other forms.
pub(super) fn is_apostrophe(c: char) -> bool {
    joint(c) == Some(Joint::Apostrophe)
}

/// Whether `c` is a comma or a semicolon, over which UAX #29 joins digits: of the signs of its `MidNum`, those that also
/// stand between two numbers.
pub(super) fn parts_numbers(c: char) -> bool {
    matches!(
        c,
        ',' | ';' | '\u{60c}' | '\u{fe10}' | '\u{fe14}' | '\u{fe50}' | '\u{fe54}' | '\u{ff0c}' | '\u{ff1b}'
    )
}

/// Whether `c` is a joint at which a word has two parts where a model gives them two types: a full stop, `,` `;` `_`.
pub(crate) fn may_part(c: char) -> bool {
    c == '_' || parts_numbers(c) || joint(c) == Some(Joint::Stop)
}

/// A grapheme cluster of a word, as its joints see it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// A letter, a digit, or a sign such as `_` that goes on with a word.
    Letter(char),
    /// A joint at which words may be cut.
    Joint(Joint),
    /// A joint at which words are never cut: `,` `;` `·`, the quotation mark of Hebrew.
    Bound,
    /// What UAX #29 ignores: a mark by itself, a joiner, a soft hyphen.
    Unseen,
}

impl Part {
    pub(super) fn of(cluster: &str) -> Self {
        let Some(c) = cluster.chars().next() else { return Self::Unseen };
        match joint(c) {
            Some(joint) => Self::Joint(joint),
            None if c.is_mark() || c.is_other_format() => Self::Unseen,
            None if c.is_alphanumeric() || c.is_punctuation_connector() || c == '\u{202f}' => Self::Letter(c),
            None => Self::Bound,
        }
    }

    /// Whether a cluster goes on with a word but is no letter or digit: `_`. Where a word begins or ends with such, they
    /// are no part of it (`_Anna_`).
    pub(super) fn connects(cluster: &str) -> bool {
        cluster.starts_with(|c: char| c.is_punctuation_connector())
    }

    pub(super) fn letter(self) -> Option<char> {
        if let Self::Letter(c) = self { Some(c) } else { None }
    }
}

/// The letters and digits before a joint, back to the joint before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// The last of them.
    pub(super) letter: char,
    /// Whether it is the only one.
    pub(super) alone: bool,
    /// Whether it is an `O` or a `D`.
    pub(super) initial: bool,
    /// What stands before an apostrophe before them at which the word is cut.
    pub(super) elided: Elided,
}

/// What stands before an apostrophe at which a word is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Elided {
    /// There is no such apostrophe.
    Nothing,
    /// A letter alone, or letters the last of which is no capital: `L` of `L'A.Rossi`.
    Some,
    /// Letters the last of which is a capital: `LEVI` of `LEVI'S.Shop`.
    Capitals,
}

impl Elided {
    /// `letter` is the last one before the apostrophe, `alone` whether it is the only one.
    pub(super) fn of(letter: char, alone: bool) -> Self {
        if !alone && is_upper(letter) { Self::Capitals } else { Self::Some }
    }

    /// Whether a letter alone behind the apostrophe is the `s` of a genitive, no initial.
    fn has(self, letter: char) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some => letter.is_lowercase(),
            Self::Capitals => letter.is_lowercase() || letter == 'S',
        }
    }
}

/// Whether a word is cut at a joint, on both sides of it. `next` is the letter or digit behind it, `then` what follows.
///
/// At an apostrophe, unless neither neighbour is a letter of the Latin or Greek script or a digit (`Лук'яненко`), both
/// are digits (`5'11`), or the apostrophe is part of a name like `O'Brien` or `D'Angelo`. At a colon. At a full stop
/// before a capital, unless one letter or digit stands before it (`U.S`, `J.R.R.Tolkien`) that is neither the small one of
/// `Anna's.Berlin` nor the `S` of `ANNA'S.BERLIN`.
///
/// Source: measured on annotated names in English, Italian, French and Ukrainian, against cuts at every joint, at none, and
/// where labels differ.
pub(super) fn cuts(joint: Joint, left: Left, next: char, then: Option<char>) -> bool {
    match joint {
        Joint::Apostrophe => {
            let digit = |c: char| c.is_numeric() && !c.is_alphabetic();
            let elides = |c: char| is_latin_or_greek(c) || digit(c);
            let of_name =
                left.initial && left.alone && is_upper(next) && then.is_some_and(char::is_lowercase);
            (elides(left.letter) || elides(next)) && !(digit(left.letter) && digit(next)) && !of_name
        }
        Joint::Colon => true,
        Joint::Stop => is_upper(next) && (!left.alone || left.elided.has(left.letter)),
    }
}

/// Upper case, or title case as of `ǅ`.
pub(super) fn is_upper(c: char) -> bool {
    c.is_uppercase() || (!c.is_lowercase() && c.to_lowercase().ne([c]))
}

/// Whether `c` is a letter of the Latin or the Greek script. Blocks of Unicode 17.
pub(super) fn is_latin_or_greek(c: char) -> bool {
    match c as u32 {
        0x41..=0x5A | 0x61..=0x7A => true,
        0xAA | 0xBA | 0xC0..=0x24F | 0x250..=0x2B8 | 0x2E0..=0x2E4 | 0x370..=0x3E1 | 0x3F0..=0x3FF // both
        | 0x1D00..=0x1D2A | 0x1D2C..=0x1D77 | 0x1D79..=0x1DBF | 0x1E00..=0x1FFF | 0x2071 | 0x207F | 0x2090..=0x209C
        | 0x2126 | 0x212A..=0x212B | 0x2132 | 0x214E | 0x2160..=0x2188 | 0x2C60..=0x2C7F | 0xA722..=0xA787
        | 0xA78B..=0xA7FF | 0xAB30..=0xAB65 | 0xFB00..=0xFB06 | 0xFF21..=0xFF3A | 0xFF41..=0xFF5A
        | 0x1_0140..=0x1_018E | 0x1_0780..=0x1_07BF | 0x1_DF00..=0x1_DFFF => c.is_alphabetic(),
        _ => false,
    }
}
