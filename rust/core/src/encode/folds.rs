//! Normalisers that go through a text before its charsmap, as in ALBERT and XLNet, and the character that each one
//! leaves came from.

use serde_json::Value;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::is_combining_mark;

use super::charsmap::Placed;
use crate::tokenizer::normalize::Normalize;

/// The first of `steps` that [`is_local`], whether blanks in a row become one before any of them but replacements, and
/// the steps that follow.
pub(super) fn leading(steps: &[Value]) -> (Vec<Normalize>, bool, &[Value]) {
    let mut folds = Vec::new();
    let mut collapses = false;
    for (at, step) in steps.iter().enumerate() {
        let replaces = |fold: &Normalize| matches!(fold, Normalize::Replace(..));
        let early = !folds.is_empty() && folds.iter().all(replaces);
        match Normalize::from_json(step) {
            Ok(read) if read.iter().all(is_local) => folds.extend(read),
            _ if early && step["pattern"]["Regex"] == " {2,}" && step["content"] == " " => collapses = true,
            _ => return (folds, collapses, &steps[at..]),
        }
    }
    (folds, collapses, &[])
}

/// Whether what `step` does to a chunk between two blanks does not depend on what is around it, and blanks stay.
fn is_local(step: &Normalize) -> bool {
    match step {
        Normalize::Nfd
        | Normalize::Nfkd
        | Normalize::Nfkc
        | Normalize::StripAccents
        | Normalize::Lowercase => true,
        Normalize::Replace(from, to) => ![from, to].iter().any(|text| text.contains(char::is_whitespace)),
        Normalize::Nfc | Normalize::Prepend(_) | Normalize::Bert { .. } => false,
    }
}

/// Takes `text`, characters with their places, through `steps`, each of which [`is_local`].
///
/// A character that is put in has the place of the one before it, one that replaces several that of the last of them,
/// and one that several were composed to that of the first.
pub(super) fn apply(steps: &[Normalize], text: &mut Vec<Placed>) {
    for step in steps {
        match step {
            Normalize::StripAccents => text.retain(|(c, _)| !is_combining_mark(*c)),
            Normalize::Lowercase => {
                let lower = |(c, place): Placed| c.to_lowercase().map(move |c| (c, place));
                *text = std::mem::take(text).into_iter().flat_map(lower).collect();
            }
            Normalize::Replace(from, to) => replace(text, from, to),
            Normalize::Nfd => changed(text, |text| text.nfd().collect()),
            Normalize::Nfkd => changed(text, |text| text.nfkd().collect()),
            Normalize::Nfkc => changed(text, |text| text.nfkc().collect()),
            Normalize::Nfc | Normalize::Prepend(_) | Normalize::Bert { .. } => {}
        }
    }
}

fn replace(text: &mut Vec<Placed>, from: &str, to: &str) {
    let from: Vec<char> = from.chars().collect();
    let is_here = |text: &[Placed]| text.iter().map(|(c, _)| c).eq(&from);
    if !text.windows(from.len()).any(is_here) {
        return;
    }
    let before = std::mem::take(text);
    let mut rest = &before[..];
    while let Some(&first) = rest.first() {
        let found = rest.get(..from.len()).filter(|start| is_here(start));
        if let Some(found) = found {
            let place = found[found.len() - 1].1;
            text.extend(to.chars().map(|c| (c, place)));
            rest = &rest[found.len()..];
        } else {
            text.push(first);
            rest = &rest[1..];
        }
    }
}

/// Replaces `text` by what `normalize` makes of it: characters, each with how many it adds to those that were read so
/// far, or takes from those that follow.
fn changed(text: &mut Vec<Placed>, normalize: impl Fn(&str) -> Vec<(char, isize)>) {
    if text.iter().all(|(c, _)| c.is_ascii()) {
        return;
    }
    let string: String = text.iter().map(|(c, _)| *c).collect();
    let before = std::mem::take(text);
    let place = |at: usize| before.get(at).map_or(0, |(_, place)| *place);
    let mut at = 0_usize;
    for (c, change) in normalize(&string) {
        if change > 0 {
            text.push((c, place(at.saturating_sub(1))));
        } else {
            text.push((c, place(at)));
            at += 1 + change.unsigned_abs();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(steps: &[Normalize], text: &str) -> Vec<(char, u32)> {
        let mut placed: Vec<Placed> = text.chars().zip(0..).collect();
        apply(steps, &mut placed);
        placed
    }

    /// Steps, a text, what they leave of it.
    type Case<'a> = (&'a [Normalize], &'a str, &'a [(char, u32)]);

    #[test]
    fn each_character_knows_where_it_came_from() {
        let quotes = || Normalize::Replace("``".to_owned(), "\"".to_owned());
        let cases: [Case; 6] = [
            (&[Normalize::Nfkd], "éﬁ", &[('e', 0), ('\u{301}', 0), ('f', 1), ('i', 1)]),
            (&[Normalize::Nfkc], "e\u{301}x", &[('é', 0), ('x', 2)]),
            (&[Normalize::Nfkd, Normalize::StripAccents], "\u{301}éx", &[('e', 1), ('x', 2)]),
            (&[Normalize::Lowercase], "Aİ", &[('a', 0), ('i', 1), ('\u{307}', 1)]),
            (&[quotes()], "```x``", &[('"', 1), ('`', 2), ('x', 3), ('"', 5)]),
            (&[quotes()], "`", &[('`', 0)]),
        ];
        for (steps, text, want) in cases {
            assert_eq!(folded(steps, text), want, "{steps:?} {text:?}");
        }
    }
}
