//! A text in normal form, and which characters of the original each of its characters stands for.
//!
//! The plain line is `text.nfc().collect::<String>()`, which keeps no way back to the original. Here the original is
//! cut where no character acts across the cut, each piece is normalised by itself, and every character made from a
//! piece stands for the whole piece, unless the piece came out unchanged. So a span found on the normal form maps to
//! whole pieces of the original, and their normal form is the text of the span.

use crate::text::script::is_space;
use crate::{Error, Result};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_canonical, decompose_compatible};
use unicode_normalization::{IsNormalized, is_nfc_quick};

/// One way to normalise a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Canonical composition.
    Nfc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility composition.
    Nfkc,
    /// Compatibility decomposition.
    Nfkd,
    /// Lower case: a sigma at the end of a word is a final one.
    Lower,
    /// One space for each run of white space, at both ends too.
    Whitespace,
}

impl Form {
    /// Reads the name of a form.
    ///
    /// # Errors
    /// [`Error::BadOption`] for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "NFC" => Self::Nfc,
            "NFD" => Self::Nfd,
            "NFKC" => Self::Nfkc,
            "NFKD" => Self::Nfkd,
            "lower" => Self::Lower,
            "whitespace" => Self::Whitespace,
            _ => {
                return Err(Error::BadOption {
                    name: "normalizer",
                    got: format!("{name:?}"),
                    cure: "choose \"NFC\", \"NFD\", \"NFKC\", \"NFKD\", \"lower\", \"casefold\" or \"whitespace\", pass a function from str to str or a normalizer of tokenizers, or a list of these",
                });
            }
        })
    }
}

/// A normalised text and the way back. Positions are in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normalized {
    text: String,
    /// Characters of `text`.
    chars: usize,
    /// Characters of the original.
    original: usize,
    /// The characters of the original that each character of `text` stands for; both ends never go down. `None` if
    /// character n stands for character n.
    spans: Option<Vec<(u32, u32)>>,
}

/// Collects the normal form of a text, piece by piece.
struct Pieces {
    text: String,
    spans: Vec<(u32, u32)>,
    /// Whether, so far, character n stands for character n.
    same: bool,
}

impl Pieces {
    /// Appends `out`, made from the original's characters `start..end`.
    fn push(&mut self, out: impl Iterator<Item = char>, start: usize, end: usize) {
        for c in out {
            self.text.push(c);
            self.same &= self.spans.len() == start && end == start + 1;
            self.spans.push((start as u32, end as u32));
        }
    }
}

impl Normalized {
    /// `text` as it is.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a text of 4 GiB or more.
    pub fn new(text: &str) -> Result<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(too_long(text.len()));
        }
        let chars = text.chars().count();
        Ok(Self { text: text.to_owned(), chars, original: chars, spans: None })
    }

    /// The normalised text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its number of characters.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.chars
    }

    /// Normalises further.
    ///
    /// # Errors
    /// [`Error::BadOption`] if the text grows to 4 GiB or more.
    pub fn then(self, form: Form) -> Result<Self> {
        let unchanged = self.text.is_ascii() && !matches!(form, Form::Lower | Form::Whitespace);
        if unchanged {
            return Ok(self);
        }
        let (text, spans) = match form {
            Form::Lower => lower(&self.text),
            Form::Whitespace => whitespace(&self.text),
            _ => normal_form(&self.text, form),
        };
        self.over(text, spans)
    }

    /// Goes on with `text`, whose characters stand for the characters `spans` of the text so far.
    ///
    /// # Errors
    /// [`Error::BadOption`] if `spans` is not one ascending span a character.
    pub fn then_aligned(self, text: String, spans: Vec<(u32, u32)>) -> Result<Self> {
        let wrong = |got: String| Error::BadOption {
            name: "spans",
            got,
            cure: "each character of the normalised text stands for one span of the text, in order",
        };
        let chars = text.chars().count();
        if chars != spans.len() {
            return Err(wrong(format!("{} spans for {chars} characters", spans.len())));
        }
        let mut last = (0, 0);
        for &(start, end) in &spans {
            if start < last.0 || end < last.1 || end <= start || end as usize > self.chars {
                return Err(wrong(format!("({start}, {end}) after {last:?}")));
            }
            last = (start, end);
        }
        self.over(text, Some(spans))
    }

    fn over(mut self, text: String, spans: Option<Vec<(u32, u32)>>) -> Result<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(too_long(text.len()));
        }
        self.chars = spans.as_ref().map_or(self.chars, Vec::len);
        self.text = text;
        self.spans = match (self.spans, spans) {
            (old, None) => old,
            (None, new) => new,
            (Some(old), Some(mut new)) => {
                for span in &mut new {
                    *span = (old[span.0 as usize].0, old[span.1 as usize - 1].1);
                }
                Some(new)
            }
        };
        Ok(self)
    }

    /// Spans of the normalised text -> the characters of the original that they stand for.
    ///
    /// A span that holds part of what one character of the original became maps to all of that character, and one
    /// that holds part of a sequence that was composed maps to the whole sequence. An empty span stays empty: it goes
    /// to the start of what the character after it stands for. `spans` holds starts and ends in turn.
    ///
    /// # Errors
    /// [`Error::BadSpan`] if a span does not lie in the normalised text.
    pub fn to_original(&self, spans: &mut [i64]) -> Result<()> {
        checked(spans, self.chars, "the normalised text")?;
        let Some(map) = &self.spans else { return Ok(()) };
        for span in spans.chunks_exact_mut(2) {
            let (start, end) = (span[0] as usize, span[1] as usize);
            if start == end {
                let at = map.get(start).map_or(self.original, |&(at, _)| at as usize);
                span.fill(at as i64);
            } else {
                (span[0], span[1]) = (i64::from(map[start].0), i64::from(map[end - 1].1));
            }
        }
        Ok(())
    }

    /// Spans of the original -> the characters of the normalised text that stand for any of it.
    ///
    /// An empty span goes to the first character that stands for what follows it.
    ///
    /// # Errors
    /// [`Error::BadSpan`] if a span does not lie in the original.
    pub fn to_normalized(&self, spans: &mut [i64]) -> Result<()> {
        checked(spans, self.original, "the original text")?;
        let Some(map) = &self.spans else { return Ok(()) };
        for span in spans.chunks_exact_mut(2) {
            let (from, to) = (span[0], span[1]);
            let start = map.partition_point(|&(_, end)| i64::from(end) <= from);
            let end = map.partition_point(|&(start, _)| i64::from(start) < to);
            (span[0], span[1]) = (start as i64, if from == to { start } else { end.max(start) } as i64);
        }
        Ok(())
    }
}

fn too_long(bytes: usize) -> Error {
    Error::BadOption {
        name: "text",
        got: format!("{bytes} bytes long"),
        cure: "cut it into texts of less than 4 GiB",
    }
}

fn checked(spans: &[i64], limit: usize, of: &'static str) -> Result<()> {
    for (index, span) in spans.chunks_exact(2).enumerate() {
        let (start, end) = (span[0], span[1]);
        if start < 0 || end < start || end > limit as i64 {
            return Err(Error::BadSpan { index, start, end, limit, of });
        }
    }
    Ok(())
}

fn normal_form(text: &str, form: Form) -> (String, Option<Vec<(u32, u32)>>) {
    let mut out = Pieces { text: String::with_capacity(text.len()), spans: Vec::new(), same: true };
    let mut piece = (0, 0);
    for (at, (byte, c)) in text.char_indices().enumerate() {
        if at > piece.1 && starts_piece(c, form) {
            normalize_piece(&text[piece.0..byte], piece.1, at, form, &mut out);
            piece = (byte, at);
        }
    }
    let chars = piece.1 + text[piece.0..].chars().count();
    normalize_piece(&text[piece.0..], piece.1, chars, form, &mut out);
    (out.text, if out.same { None } else { Some(out.spans) })
}

/// Whether nothing before `c` can act on it: it begins with a starter that composes with nothing before it.
fn starts_piece(c: char, form: Form) -> bool {
    if c.is_ascii() {
        return true;
    }
    let mut first = None;
    let mut keep = |part: char| {
        first.get_or_insert(part);
    };
    match form {
        Form::Nfkc | Form::Nfkd => decompose_compatible(c, &mut keep),
        _ => decompose_canonical(c, &mut keep),
    }
    let first = first.unwrap_or(c);
    unicode_normalization::char::canonical_combining_class(first) == 0
        && is_nfc_quick(std::iter::once(first)) == IsNormalized::Yes
}

fn normalize_piece(piece: &str, start: usize, end: usize, form: Form, out: &mut Pieces) {
    let normal: String = match form {
        Form::Nfc => piece.nfc().collect(),
        Form::Nfd => piece.nfd().collect(),
        Form::Nfkc => piece.nfkc().collect(),
        Form::Nfkd => piece.nfkd().collect(),
        Form::Lower | Form::Whitespace => piece.to_owned(),
    };
    if normal == piece {
        for (at, c) in (start..end).zip(piece.chars()) {
            out.push(std::iter::once(c), at, at + 1);
        }
    } else {
        out.push(normal.chars(), start, end);
    }
}

fn lower(text: &str) -> (String, Option<Vec<(u32, u32)>>) {
    let lower = text.to_lowercase();
    if text.is_ascii() || text.chars().all(|c| c.to_lowercase().len() == 1) {
        return (lower, None);
    }
    let counts = text.chars().map(|c| c.to_lowercase().len());
    let spans = (0..).zip(counts).flat_map(|(at, count)| std::iter::repeat_n((at, at + 1), count));
    (lower, Some(spans.collect()))
}

fn whitespace(text: &str) -> (String, Option<Vec<(u32, u32)>>) {
    let mut out = Pieces { text: String::with_capacity(text.len()), spans: Vec::new(), same: true };
    let mut run = None;
    let mut chars = 0;
    for c in text.chars() {
        if is_space(c) {
            run.get_or_insert(chars);
        } else {
            if let Some(start) = run.take() {
                out.push(std::iter::once(' '), start, chars);
            }
            out.push(std::iter::once(c), chars, chars + 1);
        }
        chars += 1;
    }
    if let Some(start) = run {
        out.push(std::iter::once(' '), start, chars);
    }
    (out.text, if out.same { None } else { Some(out.spans) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMS: [Form; 6] = [Form::Nfc, Form::Nfd, Form::Nfkc, Form::Nfkd, Form::Lower, Form::Whitespace];

    fn plain(text: &str, form: Form) -> String {
        match form {
            Form::Nfc => text.nfc().collect(),
            Form::Nfd => text.nfd().collect(),
            Form::Nfkc => text.nfkc().collect(),
            Form::Nfkd => text.nfkd().collect(),
            Form::Lower => text.to_lowercase(),
            Form::Whitespace => {
                let mut out = String::new();
                for c in text.chars() {
                    if !is_space(c) {
                        out.push(c);
                    } else if !out.ends_with(' ') {
                        out.push(' ');
                    }
                }
                out
            }
        }
    }

    fn slice(text: &str, start: i64, end: i64) -> String {
        text.chars().skip(start as usize).take((end - start) as usize).collect()
    }

    fn check(text: &str, forms: &[Form]) {
        let mut made = Normalized::new(text).unwrap();
        let mut want = text.to_owned();
        for &form in forms {
            made = made.then(form).unwrap();
            want = plain(&want, form);
        }
        assert_eq!(made.text(), want, "{text:?} {forms:?}");
        assert_eq!(made.chars(), want.chars().count());
        let chars = made.chars() as i64;
        for start in 0..=chars {
            for end in start..=chars {
                let mut original = [start, end];
                made.to_original(&mut original).unwrap();
                let mut back = original;
                made.to_normalized(&mut back).unwrap();
                if start == end {
                    assert_eq!(original[0], original[1]);
                    continue;
                }
                assert!(back[0] <= start && end <= back[1], "{text:?} {forms:?} {start} {end}");
                let mut again = back;
                made.to_original(&mut again).unwrap();
                // A space may stand for a run that ends inside the normal form of one character: `¨` is a space and a
                // mark.
                if forms.iter().skip(1).any(|&form| form == Form::Whitespace) {
                    assert!(
                        again[0] <= original[0] && original[1] <= again[1],
                        "{text:?} {forms:?} {start} {end}"
                    );
                } else {
                    assert_eq!(again, original);
                }
                // What it maps to has that normal form; only a final sigma looks further than its piece.
                let mut normal = slice(text, original[0], original[1]);
                for &form in forms {
                    normal = plain(&normal, form);
                }
                let sigma = |text: String| text.replace('ς', "σ");
                assert_eq!(sigma(normal), sigma(slice(made.text(), back[0], back[1])), "{text:?} {forms:?}");
            }
        }
    }

    #[test]
    fn spans_find_their_way_back() {
        for (text, form, span, want) in [
            ("caf\u{65}\u{301} x", Form::Nfc, [3, 4], [3, 5]),
            ("ﬁn", Form::Nfkc, [0, 1], [0, 1]),
            ("ﬁn", Form::Nfkc, [2, 3], [1, 2]),
            ("é", Form::Nfd, [1, 2], [0, 1]),
            ("İx", Form::Lower, [0, 1], [0, 1]),
            ("İx", Form::Lower, [2, 3], [1, 2]),
            ("a \t\nb", Form::Whitespace, [1, 3], [1, 5]),
            ("각", Form::Nfc, [0, 1], [0, 1]),
            ("\u{1100}\u{1161}\u{11a8}", Form::Nfc, [0, 1], [0, 3]),
        ] {
            let mut found = span;
            Normalized::new(text).unwrap().then(form).unwrap().to_original(&mut found).unwrap();
            assert_eq!(found, want, "{text:?} {form:?}");
        }
    }

    #[test]
    fn spans_of_another_text_are_refused() {
        let made = Normalized::new("ab").unwrap();
        for span in [[0, 3], [-1, 0], [2, 1]] {
            assert!(made.to_original(&mut span.clone()).is_err());
            assert!(made.to_normalized(&mut span.clone()).is_err());
        }
        assert!(made.clone().then_aligned("x".into(), vec![]).is_err());
        assert!(made.clone().then_aligned("xy".into(), vec![(1, 2), (0, 1)]).is_err());
        assert!(made.then_aligned("x".into(), vec![(0, 3)]).is_err());
    }

    proptest! {
        #[test]
        fn normal_forms_equal_those_of_the_whole(
            text in "[aeéÉ \t\u{301}\u{323}ﬁ½İΣσ각\u{1100}\u{1161}\u{11a8}क\u{93c}\u{958}\u{9c7}\u{9be}がか\u{3099}ﾊﾟ\u{fb2c}\u{344}]{0,9}",
            forms in prop::collection::vec(prop::sample::select(&FORMS), 1..4),
        ) {
            check(&text, &forms);
        }

        #[test]
        fn any_text_too(text in "\\PC{0,8}|.{0,8}", form in prop::sample::select(&FORMS)) {
            check(&text, &[form]);
        }
    }
}
