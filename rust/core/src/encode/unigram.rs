//! XLM-R and its like: a charsmap, white space, a visible blank before each word, Unigram.
//!
//! A chunk between two ASCII blanks is normalised and split by itself, and its tokens are kept. Two kinds of text are sent
//! back, for which that is not so: one with a mark that joins the blank before it, and one that starts with a character
//! that is dropped, which shifts all offsets in tokenizers.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

use super::cache::Cache;
use super::charsmap::{Charsmap, Placed};
use super::columns::{Piece, Tokens};
use super::trie::Trie;
use super::{Unlike, is_blank, next_blank};

/// What a character that is not known costs beside the dearest token.
const PENALTY: f64 = 10.0;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Unigram {
    charsmap: Option<Charsmap>,
    /// Character that stands for the blank before a word.
    blank: char,
    trie: Trie,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
}

/// Best way to a place of a word: its score, and the token that it ends with.
#[derive(Debug, Clone, Copy)]
struct Step {
    score: f64,
    from: u32,
    id: u32,
}

/// No way yet.
const NONE: u32 = u32::MAX;

/// A chunk on its way.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    normal: Vec<Placed>,
    /// A word: its bytes, and the character of the chunk that each came from.
    word: Vec<u8>,
    places: Vec<u32>,
    steps: Vec<Step>,
    pieces: Vec<Piece>,
    words: u32,
    /// Whether the chunk starts with a character that is dropped.
    drops_first: bool,
}

impl Unigram {
    /// Of a `tokenizer.json`.
    ///
    /// # Errors
    /// Why it is none of these.
    pub(super) fn from_json(json: &Value) -> Result<Self, String> {
        let model = &json["model"];
        if model["byte_fallback"] == true {
            return Err("its Unigram falls back to bytes".to_owned());
        }
        let charsmap = match json["normalizer"]["type"].as_str() {
            None => None,
            Some("Precompiled") => {
                let text = json["normalizer"]["precompiled_charsmap"].as_str();
                let map = text.and_then(Charsmap::new).ok_or("its charsmap can't be read")?;
                if !map.keeps_blanks() {
                    return Err("its charsmap makes something else of blanks".to_owned());
                }
                Some(map)
            }
            Some(kind) => {
                return Err(format!("Unigram is native with a Precompiled normalizer or none, not {kind}"));
            }
        };
        let parts = json["pre_tokenizer"]["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [split, space] = parts else {
            return Err("Unigram is native with WhitespaceSplit and Metaspace in sequence".to_owned());
        };
        let splits = space["split"].as_bool().unwrap_or(true);
        if split["type"] != "WhitespaceSplit" || space["type"] != "Metaspace" || !splits {
            return Err("Unigram is native with WhitespaceSplit and Metaspace in sequence".to_owned());
        }
        if space["prepend_scheme"] != "always" {
            return Err(format!("its Metaspace prepends by {}", space["prepend_scheme"]));
        }
        let blank = space["replacement"].as_str().and_then(|text| text.chars().next());
        let vocab = model["vocab"].as_array().ok_or("its model has no vocabulary")?;
        let row = |row: &Value| Some((row[0].as_str()?.to_owned(), row[1].as_f64()?));
        let rows: Option<Vec<(String, f64)>> = vocab.iter().map(row).collect();
        let rows = rows.ok_or("its vocabulary has a row without token and score")?;
        let unknown = model["unk_id"].as_u64().filter(|&id| id < rows.len() as u64);
        let least = rows.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let tokens = rows.iter().zip(0..).map(|((token, _), id)| (token.as_bytes(), id));
        Ok(Self {
            charsmap,
            blank: blank.ok_or("its Metaspace has no replacement")?,
            trie: Trie::new(tokens).ok_or("its vocabulary is too large")?,
            scores: rows.iter().map(|(_, score)| *score).collect(),
            unknown: unknown.ok_or("it has no unknown token")? as u32,
            unknown_score: least - PENALTY,
        })
    }

    /// `text` as its normaliser leaves it.
    pub(super) fn normalize(&self, text: &str) -> String {
        let Some(map) = &self.charsmap else { return text.to_owned() };
        let mut out = Vec::new();
        map.apply(text, &mut out);
        out.into_iter().map(|(c, _)| c).collect()
    }

    /// Whether it leaves texts as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.charsmap.is_none()
    }

    /// Adds the tokens of `text` to `out`.
    ///
    /// # Errors
    /// If a chunk's tokens depend on what is around it.
    pub(super) fn encode(
        &self,
        text: &str,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if is_blank(bytes[at]) {
                at += 1;
                out.chars += 1;
                continue;
            }
            let end = next_blank(bytes, at);
            if !cache.copy(bytes, at, end, out) {
                let chunk = &text[at..end];
                let chars = self.pieces(chunk, scratch);
                if self.charsmap.is_some() && !chunk.is_ascii() {
                    if at > 0 && joins(&text[at - 1..end], true) {
                        return Err(Unlike("a mark that joins the blank before it"));
                    }
                    if end < bytes.len() && joins(&text[at..=end], false) {
                        return Err(Unlike("a character that joins the blank after it"));
                    }
                }
                if scratch.drops_first && at == 0 {
                    return Err(Unlike("a character in front that normalising drops"));
                }
                if !scratch.drops_first {
                    cache.keep(bytes, at, end, &scratch.pieces, chars, scratch.words);
                }
                out.extend(&scratch.pieces, chars, scratch.words);
            }
            at = end;
        }
        Ok(())
    }

    /// The tokens of a chunk, into `scratch`; how many characters it has.
    #[inline(never)]
    fn pieces(&self, chunk: &str, scratch: &mut Scratch) -> u32 {
        let mut normal = std::mem::take(&mut scratch.normal);
        scratch.drops_first = if let Some(map) = &self.charsmap {
            map.apply(chunk, &mut normal) > 0
        } else {
            normal.clear();
            normal.extend(chunk.chars().zip(0..));
            false
        };
        scratch.pieces.clear();
        scratch.words = 0;
        let mut starts = true;
        for &(c, place) in &normal {
            if c.is_whitespace() {
                self.end_word(scratch);
                starts = true;
                continue;
            }
            if c == self.blank && !starts {
                self.end_word(scratch);
            } else if starts && c != self.blank {
                push(self.blank, place, scratch);
            }
            starts = false;
            push(c, place, scratch);
        }
        self.end_word(scratch);
        scratch.normal = normal;
        chunk.chars().count() as u32
    }

    /// Ends the word in `scratch`: the tokens of the highest sum of scores.
    fn end_word(&self, scratch: &mut Scratch) {
        let Scratch { word, places, steps, pieces, words, .. } = scratch;
        if word.is_empty() {
            return;
        }
        steps.clear();
        steps.resize(word.len() + 1, Step { score: 0.0, from: NONE, id: 0 });
        let mut at = 0;
        while at < word.len() {
            let here = steps[at].score;
            let one = length(word[at]);
            let mut alone = false;
            self.trie.prefixes(&word[at..], |id, length| {
                better(&mut steps[at + length], here + self.scores[id as usize], at, id);
                alone |= length == one;
            });
            if !alone {
                better(&mut steps[at + one], here + self.unknown_score, at, self.unknown);
            }
            at += one;
        }
        let first = pieces.len();
        let mut end = word.len();
        while end > 0 {
            let Step { from, id, .. } = steps[end];
            let mut start = from as usize;
            let mut id = id;
            if id == self.unknown {
                // A run of characters that are not known is one token, which may be known as a whole.
                while start > 0 && steps[start].id == self.unknown {
                    start = steps[start].from as usize;
                }
                let run = &word[start..end];
                id = self
                    .trie
                    .longest(run)
                    .filter(|(_, length)| *length == run.len())
                    .map_or(self.unknown, |one| one.0);
            }
            pieces.push(Piece { id, start: places[start], end: places[end - 1] + 1, word: *words });
            end = start;
        }
        pieces[first..].reverse();
        word.clear();
        places.clear();
        *words += 1;
    }
}

fn push(c: char, place: u32, scratch: &mut Scratch) {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    scratch.word.extend_from_slice(bytes);
    scratch.places.extend(std::iter::repeat_n(place, bytes.len()));
}

#[inline]
fn better(step: &mut Step, score: f64, from: usize, id: u32) {
    if step.from == NONE || score > step.score {
        *step = Step { score, from: from as u32, id };
    }
}

/// Bytes of the character that starts with `byte`.
fn length(byte: u8) -> usize {
    match byte {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// Whether the blank at the `front` of `text`, or at its end, is of one grapheme with what is beside it.
fn joins(text: &str, front: bool) -> bool {
    let mut graphemes = text.graphemes(true);
    let outer = if front { graphemes.next() } else { graphemes.next_back() };
    outer.is_some_and(|grapheme| grapheme.len() > 1)
}
