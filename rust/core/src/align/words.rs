//! One label a word -> one label a token.

use super::{IGNORED, Subwords};
use crate::labels::{Role, Tagging};
use crate::{Error, Result};

/// Carries labels from words to tokens, window by window: `labels` gets, for each token, the label of its word.
///
/// A token of no word, -1, is [`IGNORED`]. The first token of each run of a word's tokens has the word's label; the
/// others are [`IGNORED`] for [`Subwords::First`], else they have the label too, or, with `inside`, `inside[label]`.
/// Source: `tokenize_and_align_labels` of the Hugging Face course, whose `label + 1` for odd labels is one `inside`.
///
/// # Errors
/// [`Error::BadWord`] for a word without a label, [`Error::BadLabel`] for a label that `inside` lacks.
pub fn align_labels(
    window: usize,
    word_labels: &[i64],
    word_ids: &[i64],
    subwords: Subwords,
    inside: Option<&[i64]>,
    labels: &mut [i64],
) -> Result<()> {
    let mut last = -1;
    for (token, (&word, out)) in word_ids.iter().zip(labels).enumerate() {
        let goes_on = word == last;
        last = word;
        if word < 0 {
            *out = IGNORED;
            continue;
        }
        let label = usize::try_from(word).ok().and_then(|word| word_labels.get(word));
        let Some(&label) = label else {
            return Err(Error::BadWord { window, token, word, words: word_labels.len() });
        };
        *out = match (goes_on, subwords, inside) {
            (false, ..) | (true, Subwords::All, None) => label,
            (true, Subwords::First, _) => IGNORED,
            (true, Subwords::All, Some(_)) if label == IGNORED => IGNORED,
            (true, Subwords::All, Some(inside)) => *usize::try_from(label)
                .ok()
                .and_then(|label| inside.get(label))
                .ok_or(Error::BadLabel { window, token, label, known: inside.len() })?,
        };
    }
    Ok(())
}

/// For each label, the label with which the next token continues the entity: that of the inner role if there is one.
#[must_use]
pub fn inside_labels(tagging: &Tagging) -> Vec<i64> {
    let goes_on = |(id, tag): (i64, &crate::labels::Tag)| match tag.role {
        Role::Begin => tagging.label(Role::Inside, tag.kind).map_or(id, i64::from),
        _ => id,
    };
    (0..).zip(&tagging.tags).map(goes_on).collect()
}
