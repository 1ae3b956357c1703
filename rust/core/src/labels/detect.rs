//! How labels are written, and the scheme that they fit.

use super::scheme::{DETECTED, Role, Scheme};
use crate::Error;
use std::collections::HashMap;

/// Where a label's letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// What stands between letter and type.
    pub separator: char,
    /// Whether the letter comes last: `PER-B`.
    pub suffix: bool,
}

/// The type of entities whose labels are letters alone: `B`, `I`, `O`. seqeval's name for it.
pub const UNNAMED: &str = "_";

/// How labels are written, the commonest first.
pub(super) const LAYOUTS: [Layout; 4] = [
    Layout { separator: '-', suffix: false },
    Layout { separator: '_', suffix: false },
    Layout { separator: '-', suffix: true },
    Layout { separator: '_', suffix: true },
];

impl Layout {
    /// Letter and type of a label, split where the letter is: `B-date-time` is `B` and `date-time`.
    pub(super) fn split(self, name: &str) -> Option<(char, &str)> {
        let (letter, kind) = if self.suffix {
            let (kind, letter) = name.rsplit_once(self.separator)?;
            (letter, kind)
        } else {
            name.split_once(self.separator)?
        };
        let mut letters = letter.chars();
        let letter =
            letters.next().filter(|letter| letter.is_ascii_alphabetic() && letters.next().is_none())?;
        (!kind.is_empty()).then_some((letter, kind))
    }
}

/// Letter and type of a label; without a layout, of a label that is a letter alone.
pub(super) fn split(layout: Option<Layout>, name: &str) -> Option<(char, &str)> {
    let Some(layout) = layout else {
        let mut letters = name.chars();
        let letter = letters.next().filter(char::is_ascii_alphabetic)?;
        return letters.next().is_none().then_some((letter, UNNAMED));
    };
    layout.split(name)
}

/// Whether labels that are letters alone can begin an entity of several tokens and end it. Blood types, sizes, or the
/// letters for bold, italic and underlined can't.
pub(super) fn no_accident(scheme: Scheme, split: &[(char, &str)]) -> bool {
    let has = |wanted: char| split.iter().any(|(letter, _)| letter.eq_ignore_ascii_case(&wanted));
    let roles = split.iter().filter_map(|&(letter, _)| role_of(scheme, letter));
    let longer: Vec<Role> = roles.filter(|&role| role != Role::Single).collect();
    has('B') && (has('I') || has('M') || has('E')) && scheme.spells(&longer)
}

pub(super) fn role_of(scheme: Scheme, letter: char) -> Option<Role> {
    let letter = letter.to_ascii_uppercase();
    scheme.rules().letters.iter().find(|(known, _)| *known == letter).map(|(_, role)| *role)
}

/// Letters of one case, all of the scheme.
pub(super) fn fits(scheme: Scheme, split: &[(char, &str)]) -> bool {
    let lower = |(letter, _): &(char, &str)| letter.is_ascii_lowercase();
    (split.iter().all(lower) || !split.iter().any(lower))
        && split.iter().all(|(letter, _)| role_of(scheme, *letter).is_some())
}

/// The scheme whose letters these are: the first under which each type can be written, else the first that fits. A set
/// without `B` and `I` is taken for an accident: `E-mail`, `S_size`.
pub(super) fn detect(split: &[(char, &str)]) -> Option<Scheme> {
    let has = |wanted: char| split.iter().any(|(letter, _)| letter.eq_ignore_ascii_case(&wanted));
    if !has('B') && !has('I') {
        return None;
    }
    let fitting = || DETECTED.into_iter().filter(|&scheme| fits(scheme, split));
    fitting().find(|&scheme| spells_each(scheme, split)).or_else(|| fitting().next())
}

/// Whether an entity of each type can be written.
fn spells_each(scheme: Scheme, split: &[(char, &str)]) -> bool {
    let mut roles: HashMap<&str, Vec<Role>> = HashMap::new();
    for &(letter, kind) in split {
        roles.entry(kind).or_default().extend(role_of(scheme, letter));
    }
    roles.values().all(|roles| scheme.spells(roles))
}

/// The error of labels that do not fit the scheme given: it names those that fit it in no layout.
pub(super) fn misfit(names: &[&str], inside: &[&str], scheme: Scheme) -> Error {
    let layouts = || LAYOUTS.into_iter().map(Some).chain([None]);
    let fit =
        |name: &str| layouts().any(|layout| split(layout, name).is_some_and(|one| fits(scheme, &[one])));
    unlike(scheme.name(), names, inside, fit)
}

/// The error of labels of which some are written under a scheme and others are not, if there are any: a type that has
/// both a label to begin it and a label to continue it is no accident.
pub(super) fn half_written(names: &[&str], inside: &[&str]) -> Option<Error> {
    let goes_on = |split: &[(char, &str)]| {
        let has = |letter: char, kind: &str| {
            split.iter().any(|&(l, k)| l.eq_ignore_ascii_case(&letter) && k == kind)
        };
        split.iter().any(|&(_, kind)| has('B', kind) && (has('I', kind) || has('M', kind)))
    };
    for layout in LAYOUTS {
        let split: Vec<_> = inside.iter().filter_map(|name| layout.split(name)).collect();
        if goes_on(&split) {
            let fit = |name: &str| layout.split(name).is_some();
            let some_unlike = inside.iter().any(|name| !fit(name));
            return Some(unlike("auto", names, inside, |name| some_unlike && fit(name)));
        }
    }
    let split: Vec<_> =
        inside.iter().flat_map(|name| LAYOUTS.map(|layout| layout.split(name))).flatten().collect();
    goes_on(&split).then(|| unlike("auto", names, inside, |_| false))
}

/// The error that names the labels which do not `fit`; all of them where each fits by itself, but they are not written alike.
fn unlike(scheme: &'static str, names: &[&str], inside: &[&str], fit: impl Fn(&str) -> bool) -> Error {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let odd: Vec<&str> = inside.iter().copied().filter(|name| !fit(name)).collect();
    let labels = owned(if odd.is_empty() { inside } else { &odd });
    Error::BadScheme { scheme, labels, all: owned(names) }
}
