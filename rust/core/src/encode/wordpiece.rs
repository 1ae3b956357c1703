//! BERT: its normaliser, its pre-tokenizer and WordPiece, in one pass over the characters.
//!
//! With one exception, which is sent back, the result for a character does not depend on its neighbours. So each
//! character is looked up in a table of results, made page by page when first needed.

use serde_json::Value;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

use super::bpe::is_trimmed;
use super::cache::Cache;
use super::columns::{Piece, Tokens};
use super::pages::Pages;
use super::trie::Trie;
use super::{Unlike, is_blank, next_blank};
use crate::tokenizer::fields;
use crate::tokenizer::normalize::{Normalize, is_chinese, is_dropped};

/// What becomes of a character.
#[derive(Debug, Clone, PartialEq)]
enum Fold {
    /// Nothing.
    Drop,
    /// The end of a word.
    Blank,
    /// A character of a word.
    Letter(char),
    /// A word of its own.
    Alone(char),
    /// Several of these.
    Many(Box<[Fold]>),
    /// A mark that normalising moves past others, so that the result depends on the characters around it.
    Moves,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct WordPiece {
    normalize: Normalize,
    /// Tokens that start a word.
    first: Trie,
    /// Tokens within a word, without their prefix.
    next: Trie,
    unknown: u32,
    /// Characters of the longest word that is looked up.
    longest: usize,
    folds: Pages<Fold>,
    /// Token of each character that is a word of its own.
    alone: Pages<u32>,
}

/// A word in progress: its normalised bytes and the character of the chunk that each came from.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    word: Vec<u8>,
    places: Vec<u32>,
    chars: usize,
    pieces: Vec<Piece>,
    words: u32,
}

impl Scratch {
    fn letter(&mut self, c: char, place: u32) {
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        self.word.extend_from_slice(bytes);
        self.places.extend(std::iter::repeat_n(place, bytes.len()));
        self.chars += 1;
    }
}

impl WordPiece {
    /// Reads a `tokenizer.json`; `trims` says whether its post-processor takes blanks out of offsets.
    ///
    /// # Errors
    /// Why it is not such a tokenizer.
    pub(super) fn from_json(json: &Value, trims: bool) -> Result<Self, String> {
        let [normalize] = &Normalize::from_json(&json["normalizer"])?[..] else {
            return Err("WordPiece is native with a BertNormalizer alone".to_owned());
        };
        if !matches!(normalize, Normalize::Bert { .. }) {
            return Err("WordPiece is native with a BertNormalizer alone".to_owned());
        }
        let kind = fields::kind(&json["pre_tokenizer"])?.unwrap_or("none");
        if kind != "BertPreTokenizer" {
            return Err(format!("WordPiece is native with a BertPreTokenizer, not {kind}"));
        }
        let model = &json["model"];
        let vocab = model["vocab"].as_object().ok_or("its model has no vocabulary")?;
        if trims && vocab.keys().any(|token| token.starts_with(is_trimmed) || token.ends_with(is_trimmed)) {
            return Err("its post-processor trims tokens that begin or end with a blank".to_owned());
        }
        let mut tokens = Vec::with_capacity(vocab.len());
        for (token, id) in vocab {
            let id = id
                .as_u64()
                .and_then(|id| i32::try_from(id).ok())
                .ok_or("an id of its vocabulary is too large")?;
            tokens.push((token.as_bytes(), id as u32));
        }
        let text = |name: &str| fields::text(model, name)?.ok_or_else(|| format!("its model has no {name}"));
        let prefix = text("continuing_subword_prefix")?.as_bytes();
        let within = tokens.iter().filter_map(|&(token, id)| Some((token.strip_prefix(prefix)?, id)));
        let unknown = text("unk_token")?;
        let unknown = tokens.iter().find(|(token, _)| *token == unknown.as_bytes());
        let longest = model["max_input_chars_per_word"].as_u64();
        Ok(Self {
            normalize: normalize.clone(),
            first: Trie::new(tokens.iter().copied()).ok_or("its vocabulary is too large")?,
            next: Trie::new(within).ok_or("its vocabulary is too large")?,
            unknown: unknown.ok_or("its unknown token is not in its vocabulary")?.1,
            longest: longest.ok_or("its model does not say how long a word may be")? as usize,
            folds: Pages::new(),
            alone: Pages::new(),
        })
    }

    /// `text` as its normaliser leaves it.
    pub(super) fn normalize(&self, text: &str) -> String {
        self.normalize.apply(text.into()).into_owned()
    }

    /// Adds the tokens of `text` to `out`.
    ///
    /// # Errors
    /// If tokenizers' rules for one of its characters are too odd to be copied.
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
            if end - at <= 16 {
                self.chunk(text, at, end, cache, scratch, out)?;
            } else {
                self.stretch(text, at, end, cache, scratch, out)?;
            }
            at = end;
        }
        Ok(())
    }

    /// Takes a long chunk apart: characters that are words of their own, and the text between them as chunks.
    fn stretch(
        &self,
        text: &str,
        from: usize,
        to: usize,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        let mut start = from;
        for (offset, c) in text[from..to].char_indices() {
            let Fold::Alone(made) = self.fold(c) else { continue };
            let at = from + offset;
            if start < at {
                self.chunk(text, start, at, cache, scratch, out)?;
            }
            out.push(self.alone(*made), out.chars, out.chars + 1, out.word);
            out.chars += 1;
            out.word += 1;
            start = at + c.len_utf8();
        }
        if start < to {
            self.chunk(text, start, to, cache, scratch, out)?;
        }
        Ok(())
    }

    /// Text without an ASCII blank: from the cache, or else into it.
    #[inline(always)]
    fn chunk(
        &self,
        text: &str,
        from: usize,
        to: usize,
        cache: &mut Cache,
        scratch: &mut Scratch,
        out: &mut Tokens,
    ) -> Result<(), Unlike> {
        if !cache.copy(text.as_bytes(), from, to, out) {
            let chars = self.pieces(&text[from..to], scratch)?;
            cache.keep(text.as_bytes(), from, to, &scratch.pieces, chars, scratch.words);
            out.extend(&scratch.pieces, chars, scratch.words);
        }
        Ok(())
    }

    /// Puts the tokens of a chunk into `scratch`; returns how many characters it has.
    #[inline(never)]
    fn pieces(&self, chunk: &str, scratch: &mut Scratch) -> Result<u32, Unlike> {
        scratch.pieces.clear();
        scratch.words = 0;
        let mut chars = 0;
        for c in chunk.chars() {
            self.feed(self.fold(c), chars, scratch)?;
            chars += 1;
        }
        self.end_word(scratch);
        Ok(chars)
    }

    fn feed(&self, fold: &Fold, place: u32, scratch: &mut Scratch) -> Result<(), Unlike> {
        match fold {
            Fold::Drop => {}
            Fold::Blank => self.end_word(scratch),
            Fold::Letter(c) => scratch.letter(*c, place),
            Fold::Alone(c) => {
                self.end_word(scratch);
                let word = scratch.words;
                scratch.pieces.push(Piece { id: self.alone(*c), start: place, end: place + 1, word });
                scratch.words += 1;
            }
            Fold::Many(parts) => parts.iter().try_for_each(|part| self.feed(part, place, scratch))?,
            Fold::Moves => {
                scratch.word.clear();
                scratch.places.clear();
                scratch.chars = 0;
                return Err(Unlike("a combining mark that is no accent to BERT"));
            }
        }
        Ok(())
    }

    /// Ends the word in `scratch`: takes the longest token that it starts with, and so on; all or nothing.
    fn end_word(&self, scratch: &mut Scratch) {
        let Scratch { word, places, chars, pieces, words } = scratch;
        if word.is_empty() {
            return;
        }
        let before = pieces.len();
        let mut at = 0;
        if *chars <= self.longest {
            while at < word.len() {
                let tokens = if at == 0 { &self.first } else { &self.next };
                let Some((id, length)) = tokens.longest(&word[at..]) else { break };
                let (start, end) = (places[at], places[at + length - 1] + 1);
                pieces.push(Piece { id, start, end, word: *words });
                at += length;
            }
        }
        if at < word.len() {
            pieces.truncate(before);
            let (start, end) = (places[0], places[word.len() - 1] + 1);
            pieces.push(Piece { id: self.unknown, start, end, word: *words });
        }
        word.clear();
        places.clear();
        *chars = 0;
        *words += 1;
    }

    #[inline(always)]
    fn fold(&self, c: char) -> &Fold {
        self.folds.get(c, |c| self.fold_of(c))
    }

    fn fold_of(&self, c: char) -> Fold {
        let Normalize::Bert { clean, chinese, accents, lowercase } = self.normalize else {
            return Fold::Letter(c);
        };
        if clean && is_dropped(c) {
            return Fold::Drop;
        }
        if c.is_whitespace() {
            return Fold::Blank;
        }
        let mut parts = vec![c];
        if accents {
            parts.clear();
            decompose_canonical(c, |part| parts.push(part));
            if parts.iter().any(|&part| canonical_combining_class(part) != 0 && !part.is_mark_nonspacing()) {
                return Fold::Moves;
            }
            parts.retain(|part| !part.is_mark_nonspacing());
        }
        if lowercase {
            parts = parts.into_iter().flat_map(char::to_lowercase).collect();
        }
        let alone = chinese && is_chinese(c);
        let one = |part: char| {
            if part.is_whitespace() {
                Fold::Blank
            } else if part.is_ascii_punctuation() || (!part.is_ascii() && part.is_punctuation()) {
                Fold::Alone(part)
            } else {
                Fold::Letter(part)
            }
        };
        match parts[..] {
            [] if alone => Fold::Blank,
            [] => Fold::Drop,
            [part] if alone => Fold::Alone(part),
            [part] => one(part),
            _ if alone => Fold::Moves,
            _ => Fold::Many(parts.iter().map(|&part| one(part)).collect()),
        }
    }

    /// The token of a word of one character.
    #[inline(always)]
    fn alone(&self, c: char) -> u32 {
        *self.alone.get(c, |c| {
            let mut buffer = [0; 4];
            let word = c.encode_utf8(&mut buffer).as_bytes();
            let whole = self.first.longest(word).filter(|(_, length)| *length == word.len());
            whole.filter(|_| self.longest > 0).map_or(self.unknown, |(id, _)| id)
        })
    }
}
