//! Schemes: what a label says of its token's place in an entity, and what may follow what; one row of a table each.

use crate::error::choose;
use crate::{Error, Result};
use Role::{Begin as B, End as E, Inside as I, Single as S};

/// What a label says of its token's place in an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// `O`: in no entity.
    Outside,
    /// `B`: first token of an entity.
    Begin,
    /// `I`, `M`: any token of an entity whose place says nothing more.
    Inside,
    /// `E`, `L`: last token of an entity.
    End,
    /// `S`, `U`: an entity of one token.
    Single,
}

/// All roles, in the order of their numbers.
pub const ROLES: [Role; 5] = [Role::Outside, Role::Begin, Role::Inside, Role::End, Role::Single];

impl Role {
    /// Whether an entity goes on from a token in this role to the next token, of the same type and in role `next`.
    #[must_use]
    pub fn continues(self, next: Self) -> bool {
        matches!(self, Self::Begin | Self::Inside) && matches!(next, Self::Inside | Self::End)
    }

    /// Whether the role says that an entity begins with its token.
    pub(crate) fn begins(self) -> bool {
        matches!(self, Self::Begin | Self::Single)
    }

    /// Whether the role says that an entity ends with its token.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::End | Self::Single)
    }
}

/// A way to write entities as one label a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `I-x` inside; neighbours of one type can't be told apart.
    Io,
    /// As `Io`, and `B-x` opens an entity right behind another one of its type; readers take it for an opening
    /// anywhere.
    Iob1,
    /// BIO: `B-x` opens each entity.
    Iob2,
    /// As `Io`, and `E-x` closes an entity right before another one of its type; readers take it for an end anywhere.
    Ioe1,
    /// `E-x` closes each entity.
    Ioe2,
    /// IOBES: `B-x` opens, `E-x` closes, `S-x` does both.
    Bioes,
    /// BILUO: as `Bioes`, with `L` for `E` and `U` for `S`.
    Bilou,
    /// As `Bioes`, with `M` for `I`.
    Bmes,
    /// `B-x` opens and `S-x` is alone, and nothing closes: no model has it, and a scheme that is added may be like it.
    #[cfg(test)]
    Bis,
    /// Labels are the types themselves.
    Plain,
}

/// Schemes in the order in which labels are tried with them: each but `Plain`, which is what fits none.
pub(super) const DETECTED: [Scheme; RULES.len() - 1] = [
    Scheme::Io,
    Scheme::Iob2,
    Scheme::Iob1,
    Scheme::Ioe2,
    Scheme::Ioe1,
    Scheme::Bioes,
    Scheme::Bilou,
    Scheme::Bmes,
    #[cfg(test)]
    Scheme::Bis,
];

/// All schemes.
#[cfg(test)]
pub(crate) const SCHEMES: [Scheme; RULES.len()] = [
    Scheme::Io,
    Scheme::Iob1,
    Scheme::Iob2,
    Scheme::Ioe1,
    Scheme::Ioe2,
    Scheme::Bioes,
    Scheme::Bilou,
    Scheme::Bmes,
    Scheme::Bis,
    Scheme::Plain,
];

/// What a scheme allows. An entity is a run of tokens of one type that continue each other ([`Role::continues`]).
pub(super) struct Rules {
    pub(super) scheme: Scheme,
    /// Names, the first of which is shown.
    names: &'static [&'static str],
    pub(super) letters: &'static [(char, Role)],
    /// Roles that may come first in an entity: behind another one of its type, and elsewhere.
    opens: [&'static [Role]; 2],
    /// Roles that may come last in an entity: before another one of its type, and elsewhere.
    closes: [&'static [Role]; 2],
}

pub(super) const RULES: &[Rules] = &[
    Rules {
        scheme: Scheme::Io,
        names: &["IO"],
        letters: &[('I', I)],
        opens: [&[], &[I]],
        closes: [&[], &[I]],
    },
    Rules {
        scheme: Scheme::Iob1,
        names: &["IOB1"],
        letters: &[('B', B), ('I', I)],
        // The scheme writes `B` nowhere else (nor `E` in IOE1), yet models predict it elsewhere, and those entities
        // must not be lost.
        opens: [&[B], &[B, I]],
        closes: [&[B, I], &[B, I]],
    },
    Rules {
        scheme: Scheme::Iob2,
        names: &["IOB2", "BIO"],
        letters: &[('B', B), ('I', I)],
        opens: [&[B], &[B]],
        closes: [&[B, I], &[B, I]],
    },
    Rules {
        scheme: Scheme::Ioe1,
        names: &["IOE1"],
        letters: &[('I', I), ('E', E)],
        opens: [&[I, E], &[I, E]],
        closes: [&[E], &[I, E]],
    },
    Rules {
        scheme: Scheme::Ioe2,
        names: &["IOE2"],
        letters: &[('I', I), ('E', E)],
        opens: [&[I, E], &[I, E]],
        closes: [&[E], &[E]],
    },
    Rules {
        scheme: Scheme::Bioes,
        names: &["BIOES", "IOBES"],
        letters: &[('B', B), ('I', I), ('E', E), ('S', S)],
        opens: [&[B, S], &[B, S]],
        closes: [&[E, S], &[E, S]],
    },
    Rules {
        scheme: Scheme::Bilou,
        names: &["BILOU", "BILUO"],
        letters: &[('B', B), ('I', I), ('L', E), ('U', S)],
        opens: [&[B, S], &[B, S]],
        closes: [&[E, S], &[E, S]],
    },
    Rules {
        scheme: Scheme::Bmes,
        names: &["BMES"],
        letters: &[('B', B), ('M', I), ('E', E), ('S', S)],
        opens: [&[B, S], &[B, S]],
        closes: [&[E, S], &[E, S]],
    },
    #[cfg(test)]
    Rules {
        scheme: Scheme::Bis,
        names: &["BIS"],
        letters: &[('B', B), ('I', I), ('S', S)],
        opens: [&[B, S], &[B, S]],
        closes: [&[I, S], &[I, S]],
    },
    Rules { scheme: Scheme::Plain, names: &["plain"], letters: &[], opens: [&[], &[I]], closes: [&[], &[I]] },
];

// A row stands at its scheme's number, and there is one for each: `Plain` stays the last scheme.
const _: () = {
    assert!(Scheme::Plain as usize + 1 == RULES.len(), "a scheme has no row");
    let mut row = 0;
    while row < RULES.len() {
        assert!(RULES[row].scheme as usize == row, "a row stands where another scheme's belongs");
        row += 1;
    }
};

impl Scheme {
    pub(super) fn rules(self) -> &'static Rules {
        &RULES[self as usize]
    }

    /// Reads a scheme's name, whatever its case.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        let known = |rules: &&Rules| rules.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        RULES.iter().find(known).map(|rules| rules.scheme).ok_or_else(|| {
            let shown = RULES.iter().map(|rules| match rules.names {
                [name, other, ..] => format!("{name:?} ({other:?})"),
                _ => format!("{:?}", rules.names[0]),
            });
            let names: Vec<_> = std::iter::once("\"auto\"".to_owned()).chain(shown).collect();
            Error::UnknownName { option: "scheme", got: Some(name.to_owned()), cure: choose(&names) }
        })
    }

    /// The name of each scheme.
    pub fn all() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|rules| rules.names[0])
    }

    /// The name that is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.rules().names[0]
    }

    /// Whether an entity that stands alone can be written with `roles` alone.
    #[must_use]
    pub fn spells(self, roles: &[Role]) -> bool {
        let (opens, closes) = (|role| self.opens(role, false), |role| self.closes(role, false));
        roles.iter().any(|&first| {
            opens(first) && (closes(first) || roles.iter().any(|&last| first.continues(last) && closes(last)))
        })
    }

    /// Whether neighbours of one type can be told apart.
    #[must_use]
    pub fn parts_neighbours(self) -> bool {
        !self.rules().opens[0].is_empty() && !self.rules().closes[0].is_empty()
    }

    /// Whether some labels say that an entity ends.
    #[must_use]
    pub fn marks_ends(self) -> bool {
        self.rules().letters.iter().any(|&(_, role)| role == E)
    }

    /// Whether some labels say that an entity has one token.
    #[must_use]
    pub fn marks_singles(self) -> bool {
        self.rules().letters.iter().any(|&(_, role)| role == S)
    }

    /// Whether each entity says where it begins and where it ends.
    #[must_use]
    pub fn marks_both_ends(self) -> bool {
        self.marks_singles() && self.marks_ends()
    }

    /// Whether `role` may come first in an entity; `behind_same`: right behind another one of its type.
    #[must_use]
    pub fn opens(self, role: Role, behind_same: bool) -> bool {
        self.rules().opens[usize::from(!behind_same)].contains(&role)
    }

    /// Whether `role` may come last in an entity; `before_same`: right before another one of its type.
    #[must_use]
    pub fn closes(self, role: Role, before_same: bool) -> bool {
        self.rules().closes[usize::from(!before_same)].contains(&role)
    }

    /// The letters of the roles that `roles` lacks.
    pub(super) fn missing(self, roles: &[Role]) -> Vec<char> {
        let lacks = |(_, role): &&(char, Role)| !roles.contains(role);
        self.rules().letters.iter().filter(lacks).map(|&(letter, _)| letter).collect()
    }

    /// Label names of `kinds` under the scheme, "O" first.
    #[cfg(test)]
    pub(crate) fn names(self, kinds: &[&str]) -> Vec<String> {
        let letters = self.rules().letters;
        let mut names = vec!["O".to_owned()];
        if letters.is_empty() {
            names.extend(kinds.iter().map(|kind| (*kind).to_owned()));
        }
        for (letter, _) in letters {
            names.extend(kinds.iter().map(|kind| format!("{letter}-{kind}")));
        }
        names
    }

    /// Whether a token in role `next` may follow one in role `last`; `same`: both are of one type.
    #[must_use]
    pub fn allows(self, last: Role, next: Role, same: bool) -> bool {
        match (last, next) {
            (Role::Outside, Role::Outside) => true,
            (Role::Outside, next) => self.opens(next, false),
            (last, Role::Outside) => self.closes(last, false),
            (last, next) if same && last.continues(next) => true,
            (last, next) => self.closes(last, same) && self.opens(next, same),
        }
    }

    /// The role of token `at` of an entity of `tokens` tokens, given what stands right beside it.
    #[must_use]
    pub fn role(self, at: usize, tokens: usize, behind_same: bool, before_same: bool) -> Role {
        let (first, last) = (at == 0, at + 1 == tokens);
        match self {
            Self::Iob1 if first && behind_same => B,
            Self::Iob2 if first => B,
            Self::Ioe1 if last && before_same => E,
            Self::Ioe2 if last => E,
            Self::Io | Self::Plain | Self::Iob1 | Self::Iob2 | Self::Ioe1 | Self::Ioe2 => I,
            Self::Bioes | Self::Bilou | Self::Bmes => match (first, last) {
                (true, true) => S,
                (true, false) => B,
                (false, true) => E,
                (false, false) => I,
            },
            #[cfg(test)]
            Self::Bis => match (first, last) {
                (true, true) => S,
                (true, false) => B,
                (false, _) => I,
            },
        }
    }
}
