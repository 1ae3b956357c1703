//! T5, DeBERTa-v3 and their like: blanks are made visible, and a word begins at each of them.
//!
//! A chunk is a blank and the text up to the next one; the first has no blank, and gets one. Its tokens depend on
//! nothing else unless its edges become white space, or nothing, when normalised: blanks that meet become one, and
//! those at the ends of a text are removed. In that case, and where a mark joins a blank, the whole text is normalised
//! at once.

use serde_json::Value;

use super::charsmap::{Charsmap, Placed};
use super::{folds, nfc};
use crate::tokenizer::fields;
use crate::tokenizer::normalize::Normalize;

/// The changes to a text before its words are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spaced {
    /// White space is removed at the start and at the end of the raw text.
    pub(super) strips_raw: [bool; 2],
    /// The same of normalised text.
    pub(super) strips: [bool; 2],
    /// Blanks in a row become one.
    pub(super) collapses: bool,
    /// Tabs and line ends become blanks, too.
    pub(super) all_blanks: bool,
    /// Only the start of a text gets a visible blank, not what follows an added token.
    pub(super) only_first: bool,
}

/// Normalisers around the charsmap: those before it, the charsmap, and those after it. In place of a charsmap, texts may
/// be composed.
#[derive(Debug, Default)]
pub(super) struct Normalizers {
    /// What goes through a text before anything else, and leaves blanks as they are.
    pub(super) folds: Vec<Normalize>,
    /// Blanks in a row become one in the raw text.
    pub(super) collapses_raw: bool,
    pub(super) charsmap: Option<Charsmap>,
    /// White space in a row, a tab and a line end become one blank, before anything else but [`Spaced::strips_raw`].
    evens: bool,
    /// Texts are composed canonically.
    composes: bool,
    pub(super) spaced: Spaced,
    /// Whether two blanks become a character that is not a blank.
    pub(super) shows_blanks: Option<char>,
}

impl Normalizers {
    /// Reads a `normalizer` of `tokenizer.json`: a charsmap, with removal of white space before and after it, and of
    /// repeated blanks.
    ///
    /// # Errors
    /// Why it is not such a normaliser.
    pub(super) fn from_json(normalizer: &Value) -> Result<Self, String> {
        let (folds, collapses, steps) = folds::leading(fields::steps(normalizer, "normalizers")?);
        let mut out = Self { folds, collapses_raw: collapses, ..Self::default() };
        for step in steps {
            let kind = step["type"].as_str().unwrap_or("none");
            let late = (out.spaced.collapses && !out.evens) || out.spaced.strips != [false; 2];
            let mapped = out.charsmap.is_some() || out.evens || out.composes;
            let changed = mapped || !out.folds.is_empty();
            match kind {
                "Replace"
                    if step["pattern"]["Regex"] == EVEN && step["content"] == " " && !changed && !late =>
                {
                    (out.evens, out.spaced.collapses) = (true, true);
                }
                "NFC" if out.charsmap.is_none() && !out.composes && out.folds.is_empty() && !late => {
                    out.composes = true;
                }
                "Precompiled" if !mapped && !late => {
                    let text = step["precompiled_charsmap"].as_str();
                    out.charsmap = Some(text.and_then(Charsmap::new).ok_or("its charsmap can't be read")?);
                }
                "Strip" if !late => {
                    let strips = [fields::flag(step, "strip_left")?, fields::flag(step, "strip_right")?];
                    if changed {
                        out.spaced.strips = strips;
                    } else {
                        // What several remove is removed at each side that one of them names.
                        (0..2).for_each(|side| out.spaced.strips_raw[side] |= strips[side]);
                    }
                }
                "Replace" if step["pattern"]["Regex"] == " {2,}" && !out.spaced.collapses => {
                    let c = fields::character(step, "content")?;
                    out.spaced.collapses = true;
                    out.shows_blanks = Some(c).filter(|&c| c != ' ');
                }
                _ => {
                    return Err(format!(
                        "Unigram is native with Strip, Precompiled or NFC, and Replace of blanks for its normalizer, in this order, not {kind}"
                    ));
                }
            }
        }
        let blanks = [" ", "\t", "\n", "\r"].map(|blank| match &out.charsmap {
            Some(map) => map.replace(blank).unwrap_or(blank) == " ",
            None => blank == " ",
        });
        out.spaced.all_blanks = out.evens || blanks == [true; 4];
        Ok(out)
    }

    /// Whether a tab and a line end both become blanks or both stay, and a blank stays.
    pub(super) fn is_even(&self) -> bool {
        let stays = |blank: &str| {
            self.charsmap.as_ref().is_none_or(|map| map.replace(blank).is_none_or(|new| new == blank))
        };
        self.spaced.all_blanks
            || (self.charsmap.as_ref().is_none_or(|map| map.replace(" ").is_none_or(|new| new == " "))
                && ["\t", "\n", "\r"].iter().all(|blank| stays(blank)))
    }

    /// Whether white space is removed at the start of texts.
    pub(super) fn strips_left(&self) -> bool {
        self.spaced.strips_raw[0] || self.spaced.strips[0]
    }

    /// Whether it leaves texts as they are.
    pub(super) fn is_plain(&self) -> bool {
        let Spaced { strips_raw, strips, collapses, .. } = self.spaced;
        let maps = self.charsmap.is_some() || self.composes;
        !maps && self.folds.is_empty() && strips_raw == [false; 2] && strips == [false; 2] && !collapses
    }

    /// `text` normalised, into `out`, with the character of `text` that each one stands for; returns how many
    /// characters were dropped before the first one that stays.
    pub(super) fn apply(&self, text: &str, out: &mut Vec<Placed>) -> u32 {
        let [left, right] = self.spaced.strips_raw;
        let kept = if left { text.trim_start() } else { text };
        let first = text[..text.len() - kept.len()].chars().count() as u32;
        let kept = if right { kept.trim_end() } else { kept };
        let dropped = self.map(kept, out);
        for (_, place) in out.iter_mut() {
            *place += first;
        }
        let [left, right] = self.spaced.strips;
        if right {
            let end = out.iter().rposition(|(c, _)| !c.is_whitespace()).map_or(0, |last| last + 1);
            out.truncate(end);
        }
        if left {
            let start = out.iter().position(|(c, _)| !c.is_whitespace()).unwrap_or(out.len());
            out.drain(..start);
        }
        self.collapse(out);
        dropped
    }

    /// `text` as the charsmap leaves it, or evened and composed; see [`Charsmap::apply`].
    pub(super) fn map(&self, text: &str, out: &mut Vec<Placed>) -> u32 {
        if !self.folds.is_empty() {
            return self.fold(text, out);
        }
        if let Some(map) = &self.charsmap {
            return map.apply(text, out);
        }
        out.clear();
        out.extend(text.chars().zip(0..));
        if self.evens {
            even(out);
        }
        if self.composes && !nfc::is_composed(text) {
            let (composed, places) = nfc::compose(&out.iter().map(|(c, _)| *c).collect::<String>());
            let before = std::mem::take(out);
            out.extend(composed.chars().zip(places).map(|(c, [place, _])| (c, before[place as usize].1)));
        }
        0
    }

    /// [`Self::map`] where something goes through the text before the charsmap.
    fn fold(&self, text: &str, out: &mut Vec<Placed>) -> u32 {
        out.clear();
        out.extend(text.chars().zip(0..));
        if self.collapses_raw {
            collapse(out, None);
        }
        folds::apply(&self.folds, out);
        let Some(map) = &self.charsmap else { return 0 };
        let before = std::mem::take(out);
        let dropped = map.apply(&before.iter().map(|(c, _)| *c).collect::<String>(), out);
        for (_, place) in out.iter_mut() {
            *place = before.get(*place as usize).map_or(0, |(_, place)| *place);
        }
        dropped
    }

    /// Makes one of several blanks in a row, if that is asked for; it gets the place of the last of them.
    pub(super) fn collapse(&self, out: &mut Vec<Placed>) {
        if self.spaced.collapses {
            collapse(out, self.shows_blanks);
        }
    }
}

/// Makes one of several blanks in a row, `shown` in place of a blank if that is given; it gets the place of the last.
fn collapse(out: &mut Vec<Placed>, shown: Option<char>) {
    let mut run = 0;
    let mut made = 0;
    for at in 0..out.len() {
        run = if out[at].0 == ' ' { run + 1 } else { 0 };
        if run > 1 {
            made -= 1;
        }
        out[made] = out[at];
        if let (2.., Some(c)) = (run, shown) {
            // The next blank of the run takes its place.
            out[made].0 = c;
        }
        made += 1;
    }
    out.truncate(made);
}

/// What DeBERTa-v2's normaliser makes a blank of, in the words of a regular expression; see [`even`].
const EVEN: &str = r"\s{2,}|[\n\r\t]";

/// Makes a blank of white space in a row, of a tab and of a line end; it gets the place of the last character.
fn even(out: &mut Vec<Placed>) {
    let mut made = 0;
    let mut at = 0;
    while at < out.len() {
        let run = out[at..].iter().take_while(|(c, _)| c.is_whitespace()).count().max(1);
        at += run;
        out[made] = out[at - 1];
        if run > 1 || matches!(out[made].0, '\t' | '\n' | '\r') {
            out[made].0 = ' ';
        }
        made += 1;
    }
    out.truncate(made);
}

/// Bytes of the blank that `bytes` starts with: a line end of two characters is one.
#[inline(always)]
pub(super) fn lead(bytes: &[u8], all: bool) -> usize {
    match bytes {
        [b' ', ..] => 1,
        [b'\r', b'\n', ..] if all => 2,
        [b'\t' | b'\n' | b'\r', ..] if all => 1,
        _ => 0,
    }
}
