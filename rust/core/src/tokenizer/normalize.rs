//! Text -> normalised text, equal to the normalisers of the tokenizers library.
//!
//! Tables of Unicode differ between versions, so the two crates that tokenizers takes them from are used here too.

use std::borrow::Cow;

use serde_json::Value;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::is_combining_mark;

use super::fields;

/// One normaliser, as `tokenizer.json` names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Normalize {
    /// Canonical composition.
    Nfc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility composition.
    Nfkc,
    /// Compatibility decomposition.
    Nfkd,
    /// Lower case, character by character (so a final sigma gets no form of its own).
    Lowercase,
    /// Drops combining marks.
    StripAccents,
    /// Puts a string before any text that is not empty.
    Prepend(String),
    /// Replaces one string by another.
    Replace(String, String),
    /// What BERT does before it splits.
    Bert {
        /// Drops control characters and makes every white space a blank.
        clean: bool,
        /// Puts blanks around Chinese characters.
        chinese: bool,
        /// Decomposes and drops non-spacing marks.
        accents: bool,
        /// Lower case.
        lowercase: bool,
    },
}

impl Normalize {
    /// The normalisers of a `normalizer` of `tokenizer.json`, in order.
    ///
    /// # Errors
    /// Why not, if one of them is not known here.
    pub(crate) fn from_json(value: &Value) -> Result<Vec<Self>, String> {
        let Some(kind) = fields::kind(value)? else { return Ok(Vec::new()) };
        let flag = |name: &str| fields::flag(value, name);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let unknown = || format!("its normalizer {kind} is not one of ours");
        Ok(vec![match kind {
            "Sequence" => {
                let parts: Result<Vec<_>, _> =
                    fields::steps(value, "normalizers")?.iter().map(Self::from_json).collect();
                return Ok(parts?.concat());
            }
            "NFC" => Self::Nfc,
            "NFD" => Self::Nfd,
            "NFKC" => Self::Nfkc,
            "NFKD" => Self::Nfkd,
            "Lowercase" => Self::Lowercase,
            "StripAccents" => Self::StripAccents,
            "Prepend" => Self::Prepend(text(&value["prepend"]).ok_or_else(unknown)?),
            "Replace" => Self::Replace(
                text(&value["pattern"]["String"])
                    .filter(|pattern| !pattern.is_empty())
                    .ok_or_else(|| "its normalizer replaces by a regular expression".to_owned())?,
                text(&value["content"]).ok_or_else(unknown)?,
            ),
            "BertNormalizer" => {
                let lowercase = flag("lowercase")?;
                Self::Bert {
                    clean: flag("clean_text")?,
                    chinese: flag("handle_chinese_chars")?,
                    accents: fields::flag_or(value, "strip_accents", lowercase)?,
                    lowercase,
                }
            }
            _ => return Err(unknown()),
        }])
    }

    /// Whether a text that it leaves begins where the text began, to tokenizers: it gives a string in place of several
    /// characters the place of the last one.
    pub(crate) fn keeps_start(&self) -> bool {
        match self {
            Self::Nfc | Self::Nfd | Self::Nfkc | Self::Nfkd | Self::Lowercase | Self::Prepend(_) => true,
            Self::Replace(from, to) => from.chars().count() == 1 && !to.is_empty(),
            Self::StripAccents | Self::Bert { .. } => false,
        }
    }

    /// `text` after this normaliser; borrowed where nothing changes.
    pub(crate) fn apply<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        let ascii = text.is_ascii();
        match self {
            // ASCII is its own normal form in all four.
            Self::Nfc | Self::Nfd | Self::Nfkc | Self::Nfkd | Self::StripAccents if ascii => text,
            Self::Nfc => Cow::Owned(text.nfc().map(|(c, _)| c).collect()),
            Self::Nfd => Cow::Owned(text.nfd().map(|(c, _)| c).collect()),
            Self::Nfkc => Cow::Owned(text.nfkc().map(|(c, _)| c).collect()),
            Self::Nfkd => Cow::Owned(text.nfkd().map(|(c, _)| c).collect()),
            Self::StripAccents => Cow::Owned(text.chars().filter(|&c| !is_combining_mark(c)).collect()),
            Self::Lowercase => Cow::Owned(lowercase(&text, ascii)),
            Self::Prepend(prefix) if !text.is_empty() => Cow::Owned(format!("{prefix}{text}")),
            Self::Replace(from, to) if text.contains(from.as_str()) => {
                Cow::Owned(text.replace(from.as_str(), to))
            }
            Self::Prepend(_) | Self::Replace(..) => text,
            Self::Bert { clean, chinese, accents, lowercase: lower } => {
                let mut text = text;
                if *clean {
                    text = Cow::Owned(text.chars().filter(|&c| !is_dropped(c)).map(blank).collect());
                }
                if *chinese && !ascii {
                    text = Cow::Owned(spaced(&text));
                }
                if *accents && !ascii {
                    text =
                        Cow::Owned(text.nfd().map(|(c, _)| c).filter(|c| !c.is_mark_nonspacing()).collect());
                }
                if *lower {
                    text = Cow::Owned(lowercase(&text, ascii));
                }
                text
            }
        }
    }
}

/// `str::to_lowercase` would treat a final sigma by its context, which tokenizers does not.
fn lowercase(text: &str, ascii: bool) -> String {
    if ascii { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

/// BERT's cleaning drops these: NUL, the replacement character, and all of Cc, Cf, Cn and Co but tab and line ends.
pub(crate) fn is_dropped(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => false,
        '\0' | '\u{FFFD}' => true,
        _ => c.is_other(),
    }
}

fn blank(c: char) -> char {
    if c.is_whitespace() { ' ' } else { c }
}

fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for c in text.chars() {
        if is_chinese(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// The blocks of Chinese characters as BERT knows them. U+2B820..U+2B91F are not among them, in tokenizers either.
pub(crate) fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x2_A6DF | 0x2_A700..=0x2_B73F
        | 0x2_B740..=0x2_B81F | 0x2_B920..=0x2_CEAF | 0x2_F800..=0x2_FA1F)
}
