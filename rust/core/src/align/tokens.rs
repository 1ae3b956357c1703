//! Two tokenizations of one text, or of nearly one: which tokens of the one stand for which of the other.

use unicode_normalization::UnicodeNormalization;

/// Tokens of the other side, for each token of this one, in order.
pub type Alignment = Vec<Vec<usize>>;

/// Aligns `a` with `b`: tokens belong together where a shortest edit script keeps one of their characters.
///
/// Characters are compared in lower case and compatibility decomposition (NFKD), so that case, accents written in
/// another way and full-width forms do not matter; an accent that one side lacks counts as one missing character. Of
/// several shortest scripts it is the one that the crate `seqdiff` finds, so results equal those of
/// `spacy_alignments.get_alignments`. O(n d) time for n characters and d edits.
#[must_use]
pub fn align_tokens<S: AsRef<str>>(a: &[S], b: &[S]) -> (Alignment, Alignment) {
    let (a_chars, a_tokens) = flat(a);
    let (b_chars, b_tokens) = flat(b);
    let (a_to_b, b_to_a) = seqdiff::diff(&a_chars, &b_chars);
    (
        by_token(a.len(), &a_to_b, &a_tokens, &b_tokens), //
        by_token(b.len(), &b_to_a, &b_tokens, &a_tokens),
    )
}

/// The characters of all tokens, normalised, and the token of each.
fn flat<S: AsRef<str>>(tokens: &[S]) -> (Vec<char>, Vec<usize>) {
    let mut chars = Vec::new();
    let mut owners = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        let token = token.as_ref();
        if token.is_ascii() {
            chars.extend(token.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            chars.extend(token.to_lowercase().nfkd());
        }
        owners.resize(chars.len(), number);
    }
    (chars, owners)
}

fn by_token(count: usize, kept: &[Option<usize>], mine: &[usize], theirs: &[usize]) -> Alignment {
    let mut out = vec![Vec::new(); count];
    for (&token, kept) in mine.iter().zip(kept) {
        let Some(other) = kept.map(|at| theirs[at]) else { continue };
        if out[token].last() != Some(&other) {
            out[token].push(other);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_meet_where_they_share_characters() {
        type Case = (&'static [&'static str], &'static [&'static str], &'static [&'static [usize]]);
        let cases: [Case; 5] = [
            (&["New", "York"], &["New York"], &[&[0], &[0]]),
            (&["Å", "BC"], &["abc"], &[&[0], &[0]]),
            (&["foo", "", "bar"], &["foo", "b", "ar"], &[&[0], &[], &[1, 2]]),
            (&["x"], &["y"], &[&[]]),
            (&[], &["y"], &[]),
        ];
        for (a, b, want) in cases {
            let (found, back) = align_tokens(a, b);
            assert_eq!(found, want, "{a:?} {b:?}");
            assert_eq!(align_tokens(b, a).0.len(), back.len());
        }
    }
}
