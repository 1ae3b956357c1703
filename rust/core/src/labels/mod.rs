//! Label names parsed once into small numbers; inner loops compare numbers only.
//!
//! [`Labels`] reads them as transformers does, [`Tagging`] under a scheme: one row of a table for each scheme says
//! what may follow what.

mod detect;
mod scheme;
mod transformers;

pub use detect::{Layout, UNNAMED};
#[cfg(test)]
pub(crate) use scheme::SCHEMES;
pub use scheme::{ROLES, Role, Scheme};
pub use transformers::{Label, Labels};

use crate::{Error, Result};
use Role::{Begin as B, End as E, Inside as I};
use detect::{LAYOUTS, detect, fits, half_written, misfit, no_accident, role_of, split};
use std::collections::HashMap;

/// One label under a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Place in an entity.
    pub role: Role,
    /// Index into [`Tagging::kinds`]; names that mean "outside" are kinds of their own.
    pub kind: u32,
}

/// The labels of a model, read under a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagging {
    /// The scheme.
    pub scheme: Scheme,
    /// How labels are written; `None` for plain labels, for letters alone, or where each label means "outside".
    pub layout: Option<Layout>,
    /// One entry a label id.
    pub tags: Vec<Tag>,
    /// Types of entities, in the order in which the labels first mention them; of letters alone, [`UNNAMED`].
    pub kinds: Vec<String>,
    /// By type, what its labels may do beyond the scheme; empty where none may.
    loose: Vec<Loose>,
}

/// Which of a type's labels may stand where the scheme has another label, which the type lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Loose {
    /// Each may open an entity: the one that would stand first is missing.
    opens: bool,
    /// Each may close one: the one that would stand last is missing.
    closes: bool,
}

/// Names that mean "in no entity", whatever their case.
const OUTSIDE: [&str; 8] = ["O", "OUT", "OUTSIDE", "NONE", "NIL", "NULL", "BACKGROUND", "_"];
/// Names that mean "in no entity" only beside labels with prefixes: "other", spaCy's "-" (which is a type of its own
/// where a model puts punctuation in), and those of special tokens and of a CRF's ends, which some label sets hold.
#[rustfmt::skip]
const SPECIAL: [&str; 22] = [
    "-", "OTHER", "X", "[PAD]", "<PAD>", "PAD", "[CLS]", "[SEP]", "<S>", "</S>", "[UNK]", "<UNK>", "UNK", "<START>",
    "<STOP>", "<END>", "START", "STOP", "<BOS>", "<EOS>", "<START_TAG>", "<STOP_TAG>",
];

fn is_outside(name: &str, beside_prefixes: bool) -> bool {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    name.is_empty() || OUTSIDE.iter().any(|n| same(n)) || (beside_prefixes && SPECIAL.iter().any(|n| same(n)))
}

impl Tagging {
    /// Reads label names under `scheme`, or under the one they fit.
    ///
    /// Labels fit a scheme if each of them, names like "O" aside, is one of its letters, `-` or `_`, and a type,
    /// or the other way round; or if each of them is a letter alone. IOB1 and IOB2 (as IOE1 and IOE2) are written with
    /// the same letters; the second is taken, unless only the first can write an entity of each type. If no scheme is
    /// given, letters alone count as its letters only if a `B` and a letter that ends its entity are among them.
    /// Otherwise they are plain, like labels of which none is written under a scheme.
    ///
    /// # Errors
    /// [`Error::BadScheme`] if some labels fit and others do not, or if they do not fit the scheme given;
    /// [`Error::NoSpelling`] if the scheme given can't write an entity of some type with them.
    pub fn new<N: AsRef<str>>(names: &[N], scheme: Option<Scheme>) -> Result<Self> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        if scheme == Some(Scheme::Plain) {
            return Ok(Self::plain(&names));
        }
        let inside: Vec<&str> = names.iter().copied().filter(|name| !is_outside(name, true)).collect();
        for layout in LAYOUTS.into_iter().map(Some).chain([None]) {
            let Some(split) = inside.iter().map(|name| split(layout, name)).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let found = match scheme {
                Some(scheme) => Some(scheme).filter(|scheme| fits(*scheme, &split)),
                None => detect(&split).filter(|&scheme| layout.is_some() || no_accident(scheme, &split)),
            };
            if let Some(found) = found
                && !split.is_empty()
            {
                let read = Self::read(&names, found, layout);
                return if scheme.is_some() { read.checked(&names) } else { Ok(read) };
            }
        }
        match scheme {
            _ if inside.is_empty() => Ok(Self { layout: None, ..Self::plain(&names) }),
            Some(scheme) => Err(misfit(&names, &inside, scheme)),
            None => half_written(&names, &inside).map_or_else(|| Ok(Self::plain(&names)), Err),
        }
    }

    fn empty(scheme: Scheme, layout: Option<Layout>) -> Self {
        Self { scheme, layout, tags: Vec::new(), kinds: Vec::new(), loose: Vec::new() }
    }

    fn plain(names: &[&str]) -> Self {
        let mut out = Self::empty(Scheme::Plain, None);
        let mut known = HashMap::new();
        for name in names {
            out.push(&mut known, if is_outside(name, false) { Role::Outside } else { I }, name);
        }
        out
    }

    fn read(names: &[&str], scheme: Scheme, layout: Option<Layout>) -> Self {
        let mut out = Self::empty(scheme, layout);
        let mut known = HashMap::new();
        for name in names {
            let tag = if is_outside(name, true) { None } else { split(layout, name) };
            let (role, kind) = tag
                .and_then(|(letter, kind)| Some((role_of(scheme, letter)?, kind)))
                .unwrap_or((Role::Outside, name));
            out.push(&mut known, role, kind);
        }
        out.loosen();
        out
    }

    /// Lets the labels that a type has take the places of those it lacks: otherwise no entity of several tokens could
    /// be written, and whatever the model gives these labels would be lost.
    fn loosen(&mut self) {
        let loose: Vec<Loose> = (0..self.kinds.len() as u32)
            .map(|kind| {
                let has = |role: Role| self.tags.contains(&Tag { role, kind });
                let outside = |role: Role| self.scheme.allows(Role::Outside, role, false);
                let closing = |role: Role| self.scheme.allows(role, Role::Outside, false);
                Loose {
                    opens: (has(I) || has(E)) && !outside(I) && !has(B),
                    closes: (has(B) || has(I)) && !closing(I) && !has(E),
                }
            })
            .collect();
        if loose.iter().any(|loose| *loose != Loose::default()) {
            self.loose = loose;
        }
    }

    /// `self`, if the scheme can write an entity of each type with these labels.
    fn checked(self, names: &[&str]) -> Result<Self> {
        for kind in 0..self.kinds.len() as u32 {
            let own: Vec<usize> = (0..self.tags.len())
                .filter(|&label| self.tags[label].kind == kind && self.tags[label].role != Role::Outside)
                .collect();
            let roles: Vec<Role> = own.iter().map(|&label| self.tags[label].role).collect();
            if !own.is_empty() && !self.scheme.spells(&roles) {
                return Err(Error::NoSpelling {
                    scheme: self.scheme.name(),
                    labels: own.iter().map(|&label| names[label].to_owned()).collect(),
                    missing: self.scheme.missing(&roles),
                });
            }
        }
        Ok(self)
    }

    fn push(&mut self, known: &mut HashMap<(bool, String), u32>, role: Role, kind: &str) {
        let kinds = &mut self.kinds;
        let kind = *known.entry((role == Role::Outside, kind.to_owned())).or_insert_with(|| {
            kinds.push(kind.to_owned());
            kinds.len() as u32 - 1
        });
        self.tags.push(Tag { role, kind });
    }

    /// Whether a token labelled `next` may follow one labelled `last`; `None` stands for the text's edge.
    #[must_use]
    pub fn allows(&self, last: Option<u32>, next: Option<u32>) -> bool {
        let tag = |label: Option<u32>| label.map(|label| self.tags[label as usize]);
        let (last, next) = (tag(last), tag(next));
        let role = |tag: Option<Tag>| tag.map_or(Role::Outside, |tag| tag.role);
        let same = last.map(|tag| tag.kind) == next.map(|tag| tag.kind);
        if self.loose.is_empty() || (same && role(last).continues(role(next))) {
            return self.scheme.allows(role(last), role(next), same);
        }
        let inner = |tag: &Tag| tag.role != Role::Outside;
        let (last, next) = (last.filter(inner), next.filter(inner));
        let same = same && last.is_some();
        last.is_none_or(|last| self.closes(last, same)) && next.is_none_or(|next| self.opens(next, same))
    }

    /// Whether a token with this label may come first in an entity; `behind_same`: right behind another one of its type.
    #[must_use]
    pub fn opens(&self, tag: Tag, behind_same: bool) -> bool {
        self.scheme.opens(tag.role, behind_same)
            || self.loose.get(tag.kind as usize).is_some_and(|loose| loose.opens)
    }

    /// Whether a token with this label may come last in an entity; `before_same`: right before another one of its type.
    #[must_use]
    pub fn closes(&self, tag: Tag, before_same: bool) -> bool {
        self.scheme.closes(tag.role, before_same)
            || self.loose.get(tag.kind as usize).is_some_and(|loose| loose.closes)
    }

    /// Whether labels say by their roles alone what may follow what.
    #[must_use]
    pub fn goes_by_roles(&self) -> bool {
        self.loose.is_empty()
    }

    /// The label of `role` and `kind`, if there is one. For [`Role::Outside`] it is "O", else the first other name
    /// that means so everywhere, else the first of a special token.
    #[must_use]
    pub fn label(&self, role: Role, kind: u32) -> Option<u32> {
        let wanted = |tag: &Tag| tag.role == role && (role == Role::Outside || tag.kind == kind);
        let rank = |tag: &Tag| match self.kinds[tag.kind as usize].as_str() {
            _ if role != Role::Outside => 0,
            "O" | "o" => 0,
            name => 1 + u32::from(!is_outside(name, false)),
        };
        let found = self.tags.iter().enumerate().filter(|(_, tag)| wanted(tag));
        found.min_by_key(|(_, tag)| rank(tag)).map(|(label, _)| label as u32)
    }

    /// Whether kind `kind` stands for "in no entity".
    #[must_use]
    pub fn is_outside(&self, kind: u32) -> bool {
        self.tags.iter().any(|tag| tag.kind == kind && tag.role == Role::Outside)
    }
}

#[cfg(test)]
mod tests {
    use super::scheme::RULES;
    use super::*;
    use Role::Single as S;

    #[test]
    fn transformers_reading() {
        let labels = Labels::transformers(&["O", "B-PER", "I-PER", "X-PER", "PER", "B-date-time", "I-", ""]);
        assert_eq!(labels.groups, ["O", "PER", "date-time", ""]);
        let seen: Vec<_> = labels.labels.iter().map(|l| (l.begins, l.tag, l.group)).collect();
        let want = [
            (false, 0, 0),
            (true, 1, 1),
            (false, 1, 1),
            (false, 2, 1),
            (false, 1, 1),
            (true, 3, 2),
            (false, 4, 3),
            (false, 4, 3),
        ];
        assert_eq!(seen, want);
    }

    fn read(names: &[&str]) -> (&'static str, Vec<(Role, String)>) {
        let tagging = Tagging::new(names, None).unwrap();
        let pair = |tag: &Tag| (tag.role, tagging.kinds[tag.kind as usize].clone());
        (tagging.scheme.name(), tagging.tags.iter().map(pair).collect())
    }

    #[test]
    fn schemes_are_detected() {
        for (names, scheme, kind, role) in [
            (&["O", "I-PER", "B-PER"][..], "IOB2", "PER", B),
            (&["O", "I-PER"], "IO", "PER", I),
            (&["O", "B-PER"], "IOB2", "PER", B),
            (&["O", "I-PER", "E-PER"], "IOE2", "PER", E),
            (&["O", "B-PER", "I-PER", "E-PER", "S-PER"], "BIOES", "PER", S),
            (&["O", "B-PER", "I-PER", "L-PER", "U-PER"], "BILOU", "PER", S),
            (&["O", "B-PER", "M-PER", "E-PER", "S-PER"], "BMES", "PER", S),
            (&["O", "b_per", "i_per"], "IOB2", "per", I),
            (&["O", "PER-B", "PER-I"], "IOB2", "PER", I),
            (&["O", "date_time_B", "date_time_I"], "IOB2", "date_time", I),
            (&["O", "B-date-time", "I-date-time"], "IOB2", "date-time", I),
            (&["O", "[PAD]", "X", "B-PER", "I-PER"], "IOB2", "PER", I),
            (&["O", "PER", "date-time"], "plain", "date-time", I),
            (&["E-mail", "S_size"], "plain", "S_size", I),
            (&["NOUN", "X"], "plain", "X", I),
            (&["0", ".", ",", "-"], "plain", "-", I),
            (&["-", "B-x", "L-x", "U-x", "I-x"], "BILOU", "x", I),
            (&["OTHER", "B-x", "I-x"], "IOB2", "x", I),
            (&["other", "b-x", "i-x"], "IOB2", "x", I),
            (&["<unk>", "O", "S-x", "B-x", "E-x", "<START>", "<STOP>", "I-x"], "BIOES", "x", I),
            (&["outside", "O"], "plain", "O", Role::Outside),
            // Letters alone, and what only looks like them.
            (&["O", "B", "I"], "IOB2", "_", I),
            (&["i", "b", "o"], "IOB2", "o", Role::Outside),
            (&["B", "M", "E", "S"], "BMES", "_", S),
            (&["B", "I", "E", "S", "O", "[PAD]"], "BIOES", "[PAD]", Role::Outside),
            (&["O", "U", "L", "I", "B"], "BILOU", "_", B),
            (&["O", "B", "A", "AB"], "plain", "AB", I),
            (&["S", "M", "L"], "plain", "L", I),
            (&["B", "S"], "plain", "S", I),
            (&["E", "I"], "plain", "I", I),
            (&["O", "I"], "plain", "I", I),
            (&["B", "I", "U"], "plain", "U", I),
            // No type without `B-` could be written under IOB2, none without `E-` under IOE2.
            (&["O", "I-PER", "B-LOC", "I-LOC"], "IOB1", "LOC", I),
            (&["O", "I-PER", "E-LOC", "I-LOC"], "IOE1", "LOC", I),
            (&["O", "B-PER", "I-LOC"], "IOB1", "LOC", I),
        ] {
            let (found, tags) = read(names);
            assert_eq!((found, tags.last()), (scheme, Some(&(role, kind.to_owned()))), "{names:?}");
        }
    }

    #[test]
    fn labels_that_fit_nothing_are_named() {
        let mixed = Tagging::new(&["O", "B-PER", "I-PER", "MISC"], None).unwrap_err();
        assert!(matches!(mixed, Error::BadScheme { labels, .. } if labels == ["MISC"]));
        let letters = Tagging::new(&["O", "B-PER", "I-PER", "L-PER", "S-PER"], None).unwrap_err();
        assert!(matches!(letters, Error::BadScheme { labels, .. } if labels.len() == 4));
        let unlike = ["O", "B-PER", "I_PER"];
        for scheme in [None, Some(Scheme::Iob2)] {
            let error = Tagging::new(&unlike, scheme).unwrap_err();
            assert!(matches!(error, Error::BadScheme { labels, .. } if labels == ["B-PER", "I_PER"]));
        }
        let lower = Tagging::new(&["o", "b-per", "i-per", "misc"], None).unwrap_err();
        assert!(matches!(lower, Error::BadScheme { labels, .. } if labels == ["misc"]));
        let cases = Tagging::new(&["O", "B-PER", "i-PER"], None).unwrap_err();
        assert!(matches!(cases, Error::BadScheme { labels, .. } if labels == ["B-PER", "i-PER"]));
        let given = Tagging::new(&["O", "B-PER", "E-PER"], Some(Scheme::Iob1)).unwrap_err();
        assert!(matches!(given, Error::BadScheme { labels, .. } if labels == ["E-PER"]));
        let plain = Tagging::new(&["O", "B-PER", "MISC"], Some(Scheme::Plain)).unwrap();
        assert_eq!(plain.kinds, ["O", "B-PER", "MISC"]);
    }

    /// A type that lacks a label for an entity of several tokens, or for its first or last one, uses its other labels
    /// for it.
    #[test]
    fn labels_that_others_are_missing_beside() {
        for (names, legal, illegal) in [
            ("O I-x L-x", "- 1, 1 1, 1 2, 2 -, 2 0, 0 1", "1 0, 1 -"),
            ("O B-x I-x U-x", "1 0, 2 -, 1 2, 2 2, 3 1", "0 2, - 2"),
            ("O I-x S-x", "0 1, 1 1, 1 0, 2 1, 1 2", ""),
            ("O B-x E-x B-y", "3 0, 3 1, 0 3, 1 2", "1 0, 0 2, 3 2"),
        ] {
            let names: Vec<&str> = names.split(' ').collect();
            let tagging = Tagging::new(&names, None).unwrap();
            assert!(!tagging.goes_by_roles());
            for (pairs, want) in [(legal, true), (illegal, false)] {
                for pair in pairs.split(", ").filter(|pair| !pair.is_empty()) {
                    let (last, next) = pair.split_once(' ').unwrap();
                    let label = |name: &str| name.parse::<u32>().ok();
                    assert_eq!(tagging.allows(label(last), label(next)), want, "{names:?} {pair}");
                }
            }
        }
        assert!(Tagging::new(&["O", "B-x", "I-x", "E-x", "S-x"], None).unwrap().goes_by_roles());
    }

    #[test]
    fn a_scheme_that_can_write_no_entity_is_refused() {
        let read = |names: &[&str], scheme| Tagging::new(names, Some(scheme));
        let error = read(&["O", "B-PER", "I-PER"], Scheme::Bioes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`scheme` is BIOES, but with B-PER, I-PER alone no entity can be written: E, S are missing; pass \
             scheme=\"auto\", or the scheme that these labels are written in"
        );
        for (names, scheme) in [
            (&["O", "B-PER", "E-PER", "S-PER", "B-LOC", "I-LOC"][..], Scheme::Bioes),
            (&["O", "I-PER"], Scheme::Iob2),
            (&["O", "I"], Scheme::Iob2),
        ] {
            assert!(matches!(read(names, scheme), Err(Error::NoSpelling { .. })), "{names:?} {scheme:?}");
        }
        for (names, scheme) in [
            (&["O", "S-PER"][..], Scheme::Bioes),
            (&["O", "B-PER", "E-PER"], Scheme::Bioes),
            (&["O", "B-PER"], Scheme::Iob2),
            (&["O", "I-PER"], Scheme::Iob1),
            (&["O", "B-PER"], Scheme::Iob1),
            (&["O", "E-PER"], Scheme::Ioe1),
            (&["O", "I"], Scheme::Io),
            (&["[PAD]", "O"], Scheme::Bioes),
        ] {
            assert!(read(names, scheme).is_ok(), "{names:?} {scheme:?}");
        }
    }

    /// What entities may look like, written out by hand for two types.
    #[test]
    fn legal_neighbours() {
        for (scheme, legal, illegal) in [
            (Scheme::Io, "O-Ia O-O Ia-Ia Ia-Ib Ia-O", ""),
            (Scheme::Iob1, "O-Ia O-O Ia-Ia Ia-Ba Ba-Ba Ba-Ia Ia-Ib Ba-Ib Ia-O Ba-O O-Ba Ia-Bb", ""),
            (Scheme::Iob2, "O-Ba Ba-Ia Ia-Ia Ia-Ba Ba-Bb Ia-Bb Ba-O Ia-O", "O-Ia Ba-Ib Ia-Ib"),
            (Scheme::Ioe1, "O-Ia Ia-Ea Ea-Ia Ea-Ea Ia-Ib Ia-O O-Ea Ib-Ea Ea-O Ea-Ib", ""),
            (Scheme::Ioe2, "O-Ia O-Ea Ia-Ea Ea-Ib Ea-Eb Ea-O Ea-Ia Ia-Ia", "Ia-O Ia-Ib"),
            (
                Scheme::Bioes,
                "O-Ba O-Sa Ba-Ia Ba-Ea Ia-Ea Ea-Ba Ea-Sb Sa-O Ea-O",
                "O-Ia O-Ea Ba-O Ia-O Ba-Ib Ba-Sa Sa-Ia Ea-Ia",
            ),
            (Scheme::Bilou, "O-Ba Ba-La Ua-Ub", "Ba-Ua Ba-O"),
            (Scheme::Bmes, "O-Ba Ba-Ma Ma-Ea Sa-Sb", "Ba-Sa Ma-O"),
        ] {
            let read = |name: &str| match name.split_at(1) {
                ("O", _) => (Role::Outside, String::new()),
                (letter, kind) => (role_of(scheme, letter.chars().next().unwrap()).unwrap(), kind.to_owned()),
            };
            for (pairs, want) in [(legal, true), (illegal, false)] {
                for pair in pairs.split_whitespace() {
                    let (last, next) = pair.split_once('-').unwrap();
                    let ((last, a), (next, b)) = (read(last), read(next));
                    assert_eq!(scheme.allows(last, next, a == b), want, "{} {pair}", scheme.name());
                }
            }
        }
    }

    /// What the search for the best path relies on: a step that is legal between types is legal within one.
    #[test]
    fn a_step_between_types_is_legal_within_one() {
        for rules in RULES {
            for (last, next) in ROLES.iter().flat_map(|&last| ROLES.map(|next| (last, next))) {
                if rules.scheme.allows(last, next, false) {
                    assert!(rules.scheme.allows(last, next, true), "{:?} {last:?} {next:?}", rules.scheme);
                }
            }
        }
    }
}
