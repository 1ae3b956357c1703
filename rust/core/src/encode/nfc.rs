//! Canonical composition, and where each character of the result came from.
//!
//! Most texts are composed already. That shows character by character, without composing.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

use super::pages::Pages;

/// Characters that some decomposition holds after its first one.
static SECONDS: LazyLock<HashSet<char>> = LazyLock::new(|| {
    let mut seconds = HashSet::new();
    // No character beyond these decomposes into several.
    for c in ('\0'..='\u{1FFFF}').filter(|c| !c.is_ascii()) {
        let mut first = true;
        decompose_canonical(c, |part| {
            if !std::mem::take(&mut first) {
                seconds.insert(part);
            }
        });
    }
    seconds
});

/// Combining class of each character, or [`LOUD`].
static CLASSES: LazyLock<Pages<u8>> = LazyLock::new(Pages::new);

/// In place of a class: a character that may compose with one before it, or that changes when composed.
const LOUD: u8 = u8::MAX;

fn class_of(c: char) -> u8 {
    let mut itself = std::iter::once(c).nfc();
    let stays = itself.next() == Some((c, 0)) && itself.next().is_none();
    if stays && !SECONDS.contains(&c) { canonical_combining_class(c) } else { LOUD }
}

/// Whether `text` is composed, as far as its characters tell one by one: none may compose with one before it, all stay as
/// they are, and marks are in order.
pub(super) fn is_composed(text: &str) -> bool {
    let mut last = 0;
    let mut quiet = |c: char| {
        let class = if c < '\u{300}' { 0 } else { *CLASSES.get(c, class_of) };
        let ordered = class == 0 || class >= last;
        last = class;
        class != LOUD && ordered
    };
    text.is_ascii() || text.chars().all(&mut quiet)
}

/// `text` composed, and the characters of `text` that each of its characters stands for.
///
/// As in tokenizers, a composed character stands for the first of those that it was made of.
pub(super) fn compose(text: &str) -> (String, Vec<[u32; 2]>) {
    let mut out = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len());
    let mut at: isize = 0;
    for (c, change) in text.nfc() {
        out.push(c);
        if change > 0 {
            let before = (at - 1).max(0) as u32;
            places.push([before, before + u32::from(at > 0)]);
        } else {
            places.push([at as u32, at as u32 + 1]);
            at += 1 - change;
        }
    }
    (out, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The twin composes the text and looks whether it changed.
        #[test]
        fn what_looks_composed_is(text in "\\PC*|[a\u{301}\u{323}\u{1100}\u{1161}\u{11a8}가각\u{9cb}\u{9be}\u{9c7}\u{2126}北\u{f900}]{0,6}") {
            if is_composed(&text) {
                let (composed, places) = compose(&text);
                prop_assert_eq!(&composed, &text);
                prop_assert!(places.iter().zip(0..).all(|(place, at)| *place == [at, at + 1]));
            }
        }
    }

    proptest! {
        /// What lies between two blanks is composed by itself, so that words can be remembered.
        #[test]
        fn blanks_part_what_is_composed(words in prop::collection::vec("\\PC{0,6}|[a\u{301}\u{323}\u{344}\u{958}\u{93c}\u{1100}\u{1161}\u{9c7}\u{9be}\u{f73}\u{1e9b}\u{fb1d}]{0,5}", 0..6)) {
            let text = words.join(" ");
            let (mut composed, mut places, mut at) = (String::new(), Vec::new(), 0);
            for word in text.split_inclusive(' ') {
                let (one, placed) = compose(word);
                composed.push_str(&one);
                places.extend(placed.into_iter().map(|place| place.map(|char| char + at)));
                at += word.chars().count() as u32;
            }
            prop_assert_eq!(compose(&text), (composed, places));
        }
    }

    #[test]
    fn usual_texts_look_composed() {
        for text in
            ["Zoë, naïve", "北京大学、東京タワー", "한국어 가각", "Привет, мир ё", "नमस्ते", "😀 👩\u{200d}🚀"]
        {
            assert!(is_composed(text), "{text}");
        }
        for text in ["e\u{301}", "\u{1100}\u{1161}", "\u{2126}", "\u{9c7}\u{9be}", "か\u{3099}"] {
            assert!(!is_composed(text), "{text}");
        }
    }
}
