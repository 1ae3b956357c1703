//! Texts -> token ids, offsets in characters, words and windows, equal to those of the tokenizers library.
//!
//! ```text
//! tokenizer.json -> [`Encoder`]
//! text -> [`added`] (added tokens) -> [`wordpiece`] | [`bpe`] | [`unigram`], over a [`cache`] of chunks -> tokens of a text
//!      -> [`windows`] (truncation) -> [`template`] (special tokens, segments) -> [`Columns`]
//! ```
//! A tokenizer with a part that is not known here is refused when it is read. A text with a character whose rules are
//! too odd to be copied is sent back: its number is returned, and the caller has tokenizers encode it.

mod added;
mod bpe;
mod cache;
mod char_bpe;
mod charsmap;
mod columns;
mod folds;
mod laid;
mod lattice;
mod merges;
mod nfc;
mod pages;
mod spaced;
mod template;
mod trie;
mod unigram;
mod windows;
mod wordpiece;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use added::Numbering;
pub use columns::Columns;
pub use windows::{Side, Strategy, Truncation};

use crate::parallel::{self, Threads};
use crate::{Error, Result};
use added::{Finder, Stretch};
use cache::Cache;
use columns::{Blanks, Tokens};
use laid::Laid;
use template::{Processor, Template, Trim};

/// Why a text is sent back, as half a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unlike(pub &'static str);

/// A tokenizer that encodes here.
#[derive(Debug)]
pub struct Encoder {
    model: Model,
    raw: Finder,
    normal: Finder,
    processor: Processor,
    /// Tokens of the model's vocabulary.
    vocabulary: usize,
    /// The memories of threads, kept from call to call.
    #[expect(clippy::vec_box, reason = "each call takes one out and puts it back; a kilobyte, moved twice")]
    states: Mutex<Vec<Box<State>>>,
}

#[derive(Debug)]
enum Model {
    WordPiece(Box<wordpiece::WordPiece>),
    Bpe(Box<bpe::Bpe>),
    CharBpe(Box<char_bpe::CharBpe>),
    Unigram(Box<unigram::Unigram>),
}

/// What one thread works with.
#[derive(Debug)]
struct State {
    cache: Cache,
    tokens: [Tokens; 2],
    stretches: [Vec<Stretch>; 2],
    wordpiece: wordpiece::Scratch,
    bpe: bpe::Scratch,
    char_bpe: char_bpe::Scratch,
    unigram: unigram::Scratch,
}

/// One side of a batch: a text each, or, with `ends`, the words of each.
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    /// Texts, or the words of all texts.
    pub strings: Vec<&'a str>,
    /// Where each text's words end among `strings`.
    pub ends: Option<Vec<usize>>,
}

impl<'a> Texts<'a> {
    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.as_ref().map_or(self.strings.len(), Vec::len)
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, text: usize) -> &[&'a str] {
        match &self.ends {
            None => &self.strings[text..=text],
            Some(ends) => &self.strings[text.checked_sub(1).map_or(0, |before| ends[before])..ends[text]],
        }
    }
}

/// The result of encoding a batch.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Windows of the texts that were encoded, in order.
    pub columns: Columns,
    /// The texts that tokenizers has to encode, in order, each with the reason.
    pub sent_back: Vec<(usize, Unlike)>,
}

impl Encoder {
    /// Reads the bytes of a `tokenizer.json`; `numbering` says whether ids of added tokens are those that it names.
    ///
    /// # Errors
    /// Why tokenizers has to do it, as half a sentence.
    pub fn from_json(bytes: &[u8], numbering: Numbering) -> std::result::Result<Self, String> {
        let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
        let processor = Processor::from_json(&json["post_processor"])?;
        let trims = processor.trim.is_some();
        let model = match json["model"]["type"].as_str() {
            Some("WordPiece") => Model::WordPiece(Box::new(wordpiece::WordPiece::from_json(&json, trims)?)),
            Some("BPE") if is_byte_level(&json["pre_tokenizer"]) => {
                Model::Bpe(Box::new(bpe::Bpe::from_json(&json, processor.trim)?))
            }
            Some("BPE") => Model::CharBpe(Box::new(char_bpe::CharBpe::from_json(&json)?)),
            Some("Unigram") => {
                let scores =
                    (numbering == Numbering::Given).then(|| unigram::nearest_scores(bytes)).flatten();
                Model::Unigram(Box::new(unigram::Unigram::from_json(&json, trims, scores.as_deref())?))
            }
            kind => return Err(format!("its model {} is not one of ours", kind.unwrap_or("without a type"))),
        };
        if trims && matches!(model, Model::CharBpe(_)) {
            return Err("its post-processor trims tokens of characters".to_owned());
        }
        let (raw, normal) = added::finders(&json, numbering, |text| match &model {
            Model::WordPiece(model) => model.normalize(text),
            Model::Bpe(model) => model.normalize(text),
            Model::CharBpe(model) => model.normalize(text),
            Model::Unigram(model) => model.normalize(text),
        })?;
        let vocabulary = added::size(&json["model"]["vocab"]);
        Ok(Self { model, raw, normal, processor, vocabulary, states: Mutex::default() })
    }

    /// The kind of its model.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.model {
            Model::WordPiece(_) => "WordPiece",
            Model::Bpe(_) => "byte-level BPE",
            Model::CharBpe(_) => "BPE over characters",
            Model::Unigram(_) => "Unigram",
        }
    }

    /// How many tokens the model's vocabulary has in the file that was read.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Bytes that it remembers from call to call, of all threads.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().map(|state| state.cache.bytes()).sum()
    }

    /// Forgets what it remembers from call to call.
    pub fn forget(&self) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Encodes texts, or pairs of texts.
    ///
    /// The result does not depend on `threads`, nor on what was encoded before.
    ///
    /// # Errors
    /// [`Error::BadOption`] for a truncation that leaves no room, or that a text does not allow.
    pub fn encode(
        &self,
        texts: &Texts<'_>,
        pairs: Option<&Texts<'_>>,
        special: bool,
        truncation: Option<Truncation>,
        threads: Threads,
    ) -> Result<Encoded> {
        let Some(template) = self.processor.template(pairs.is_some(), special) else {
            let columns = Columns::new(Arc::new(Template { parts: Vec::new() }));
            let why = Unlike("a pair, for which its template is not one of ours");
            return Ok(Encoded { columns, sent_back: (0..texts.len()).map(|text| (text, why)).collect() });
        };
        let job = Job { encoder: self, template, texts, pairs, truncation };
        let size = |side: &Texts<'_>| side.strings.iter().map(|text| text.len()).sum::<usize>();
        let bytes = size(texts) + pairs.map_or(0, size);
        // Starting a thread pays from some 30 kB on.
        let workers = if bytes < 60_000 { 1 } else { parallel::available(threads).min(bytes / 30_000) };
        if workers == 1 {
            let mut columns = Columns::new(Arc::clone(template));
            let sent_back = job.run(0, texts.len(), &mut columns)?;
            return Ok(Encoded { columns, sent_back });
        }
        job.run_on_all(workers, bytes, threads)
    }

    fn state(&self) -> Box<State> {
        let known = self.states.lock().unwrap_or_else(PoisonError::into_inner).pop();
        known.unwrap_or_else(|| {
            Box::new(State {
                cache: Cache::new(),
                tokens: Default::default(),
                stretches: Default::default(),
                wordpiece: wordpiece::Scratch::default(),
                bpe: bpe::Scratch::default(),
                char_bpe: char_bpe::Scratch::default(),
                unigram: unigram::Scratch::default(),
            })
        })
    }

    /// Puts the tokens of one text, which is `units` end to end, into `state.tokens[side]`; with `words`, each unit is
    /// a word.
    fn tokens(
        &self,
        units: &[&str],
        words: bool,
        side: usize,
        state: &mut State,
    ) -> std::result::Result<(), Unlike> {
        let mut out = std::mem::take(&mut state.tokens[side]);
        out.clear();
        let mut done = Ok(());
        for (unit, number) in units.iter().zip(0..) {
            let from = out.len();
            out.chars = 0;
            done = self.unit(unit, state, &mut out);
            if done.is_err() {
                break;
            }
            if words {
                out.words[from..].fill(number);
            }
            if from < out.len()
                && let Some(Trim { keeps_first: true }) = self.processor.trim
            {
                self.keep_first(&mut out, from);
            }
        }
        state.tokens[side] = out;
        done
    }

    /// A text, or a word of one: its added tokens, and what lies between them.
    fn unit(&self, text: &str, state: &mut State, out: &mut Tokens) -> std::result::Result<(), Unlike> {
        if self.raw.is_empty() && self.normal.is_empty() {
            return self.model(text, state, out);
        }
        let [mut stretches, mut within] = std::mem::take(&mut state.stretches);
        stretches.clear();
        let mut done = self.raw.split(text, 0, text.len(), &mut stretches);
        for stretch in &stretches {
            done = done.and_then(|()| self.stretch(text, *stretch, &mut within, state, out));
        }
        state.stretches = [stretches, within];
        done
    }

    fn stretch(
        &self,
        text: &str,
        stretch: Stretch,
        within: &mut Vec<Stretch>,
        state: &mut State,
        out: &mut Tokens,
    ) -> std::result::Result<(), Unlike> {
        let piece = &text[stretch.from..stretch.to];
        if let Some(id) = stretch.token {
            self.push_added(id, piece, out);
            return Ok(());
        }
        if self.normal.is_empty() {
            return self.model(piece, state, out);
        }
        let normalized = match &self.model {
            Model::WordPiece(model) => Some(model.normalize(piece)),
            Model::Bpe(model) => model.changes(piece).then(|| model.normalize(piece)),
            Model::CharBpe(model) => (!model.is_plain()).then(|| model.normalize(piece)),
            Model::Unigram(model) => (!model.is_plain()).then(|| model.normalize(piece)),
        };
        if let Some(normalized) = normalized {
            if self.normal.is_in(&normalized) {
                return Err(Unlike("an added token that is looked for in normalised text"));
            }
            return self.model(piece, state, out);
        }
        within.clear();
        self.normal.split(text, stretch.from, stretch.to, within)?;
        for inner in within.iter() {
            let piece = &text[inner.from..inner.to];
            match inner.token {
                Some(id) => self.push_added(id, piece, out),
                None => self.model(piece, state, out)?,
            }
        }
        Ok(())
    }

    fn model(&self, text: &str, state: &mut State, out: &mut Tokens) -> std::result::Result<(), Unlike> {
        match &self.model {
            Model::WordPiece(model) => model.encode(text, &mut state.cache, &mut state.wordpiece, out),
            Model::Bpe(model) => model.encode(text, &mut state.cache, &mut state.bpe, out),
            Model::CharBpe(model) => {
                model.encode(text, &mut state.cache, &mut state.char_bpe, out);
                Ok(())
            }
            Model::Unigram(model) => model.encode(text, &mut state.cache, &mut state.unigram, out),
        }
    }

    /// An added token, a word of its own.
    fn push_added(&self, id: u32, text: &str, out: &mut Tokens) {
        let chars: Vec<char> = text.chars().collect();
        let (mut start, mut end) = (out.chars, out.chars + chars.len() as u32);
        out.chars = end;
        if self.processor.trim.is_some() {
            let blanks = Blanks::of(&chars, bpe::is_trimmed);
            out.added.push((out.len(), blanks));
            (start, end) = blanks.trim(start, end);
        }
        out.push(id, start, end, out.word);
        out.word += 1;
    }

    /// Puts back the blank before token `at`, the first of a text: it may be one that the pre-tokenizer put there. If
    /// there are two, it is not.
    fn keep_first(&self, tokens: &mut Tokens, at: usize) {
        let blanks = self.blanks(tokens, at);
        if blanks.before == 1 && tokens.offsets[at][0] == 1 {
            blanks.put_back(&mut tokens.offsets[at]);
        }
    }

    /// Blanks that were taken out of the offsets of token `at`.
    fn blanks(&self, tokens: &Tokens, at: usize) -> Blanks {
        if let Ok(place) = tokens.added.binary_search_by_key(&at, |(token, _)| *token) {
            return tokens.added[place].1;
        }
        match &self.model {
            Model::Bpe(model) => model.blanks_of(tokens.ids[at]),
            Model::WordPiece(_) | Model::CharBpe(_) | Model::Unigram(_) => Blanks::default(),
        }
    }
}

/// Bytes of text that a thread takes at a time: its results then stay in the processor's cache until they are copied
/// to their place.
const PART: usize = 1 << 16;

/// A call.
struct Job<'a> {
    encoder: &'a Encoder,
    template: &'a Arc<Template>,
    texts: &'a Texts<'a>,
    pairs: Option<&'a Texts<'a>>,
    truncation: Option<Truncation>,
}

impl Job<'_> {
    /// Where to cut the batch into up to `parts` parts of as many bytes each.
    fn cuts(&self, parts: usize, bytes: usize) -> Vec<usize> {
        let mut cuts = vec![0];
        let mut sum = 0;
        for text in 0..self.texts.len() {
            sum += self.bytes(text, text + 1);
            if sum * parts >= bytes * cuts.len() && cuts.len() < parts {
                cuts.push(text + 1);
            }
        }
        cuts.push(self.texts.len());
        cuts.dedup();
        cuts
    }

    /// Encodes all texts on several threads.
    ///
    /// The size of the first part tells roughly how much room all of them need.
    fn run_on_all(&self, workers: usize, bytes: usize, threads: Threads) -> Result<Encoded> {
        let parts = (workers * 4).max(bytes / PART).min(self.texts.len());
        let cuts = self.cuts(parts, bytes);
        let mut first = Columns::new(Arc::clone(self.template));
        let sent_back = self.run(cuts[0], cuts[1], &mut first)?;
        let share = self.bytes(cuts[0], cuts[1]).max(1);
        let room = |count: usize| (count.saturating_mul(bytes) / share).saturating_mul(9) / 8 + count;
        let windows = room(first.lengths.len()).min(bytes + first.lengths.len());
        let mut columns =
            Columns::blank(Arc::clone(self.template), room(first.ids.len()).min(bytes), windows);
        let laid = Laid::over(&mut columns);
        laid.put(0, first, sent_back);
        parallel::map(cuts.len() - 2, threads, bytes * 4, |part| {
            let mut columns = laid.spare(self.template);
            let sent_back = self.run(cuts[part + 1], cuts[part + 2], &mut columns)?;
            laid.put(part + 1, columns, sent_back);
            Ok::<_, Error>(())
        })?;
        let ([tokens, windows], rest, sent_back) = laid.finish();
        columns.cut(tokens, windows);
        for part in &rest {
            columns.append(part);
        }
        columns.shrink();
        Ok(Encoded { columns, sent_back })
    }

    /// Bytes of texts `from..to`, and of their pairs.
    fn bytes(&self, from: usize, to: usize) -> usize {
        let sides = [Some(self.texts), self.pairs];
        let of =
            |text: usize| sides.iter().flatten().flat_map(move |side| side.get(text)).map(|one| one.len());
        (from..to).flat_map(of).sum()
    }

    /// Encodes texts `from..to` into `columns`; returns which of them are sent back, and why.
    fn run(&self, from: usize, to: usize, columns: &mut Columns) -> Result<Vec<(usize, Unlike)>> {
        let mut state = self.encoder.state();
        let mut sent_back = Vec::new();
        for text in from..to {
            if let Err(why) = self.text(text, &mut state, columns)? {
                sent_back.push((text, why));
            }
        }
        self.encoder.states.lock().unwrap_or_else(PoisonError::into_inner).push(state);
        Ok(sent_back)
    }

    fn text(
        &self,
        text: usize,
        state: &mut State,
        columns: &mut Columns,
    ) -> Result<std::result::Result<(), Unlike>> {
        let sides = [Some(self.texts), self.pairs];
        for (side, texts) in sides.into_iter().flatten().enumerate() {
            if let Err(why) = self.encoder.tokens(texts.get(text), texts.ends.is_some(), side, state) {
                return Ok(Err(why));
            }
        }
        let count = sides.iter().flatten().count();
        let tokens = &state.tokens[..count];
        let counts = [tokens[0].len(), tokens.get(1).map_or(0, Tokens::len)];
        let counts = &counts[..count];
        let mend = |tokens: &Tokens, at: usize, offsets: &mut [i32; 2]| self.mend_first(tokens, at, offsets);
        let whole = |columns: &mut Columns| {
            let parts = [(&tokens[0], (0, counts[0])), (&tokens[count - 1], (0, counts[count - 1]))];
            columns.push(text, &parts[..count], [false, false], mend);
            Ok(Ok(()))
        };
        let Some(truncation) = self.truncation else { return whole(columns) };
        let marks = self.template.marks();
        let Some(room) = truncation.max_length.checked_sub(marks).filter(|&room| room > 0) else {
            return Err(Error::BadOption {
                name: "max_length",
                got: format!("{} with {marks} special tokens", truncation.max_length),
                cure: "a window must hold at least one token of the text",
            });
        };
        if counts.iter().sum::<usize>() <= room {
            return whole(columns);
        }
        let ranges = truncation.cut(text, counts, room)?;
        if self.encoder.processor.absent && count == 2 && ranges.iter().any(|one| one.len() > 1) {
            return Ok(Err(Unlike("a pair that is cut, without a post-processor")));
        }
        let orders = order(text, &ranges, truncation.max_length)?;
        for (first, second) in orders {
            let places = [ranges[0][first], ranges[count - 1][second]];
            let parts = [(&tokens[0], places[0]), (&tokens[count - 1], places[1])];
            columns.push(text, &parts[..count], [first > 0, second > 0], mend);
        }
        Ok(Ok(()))
    }

    /// The first token of a window keeps the blanks before it if the first token of a text does.
    fn mend_first(&self, tokens: &Tokens, at: usize, offsets: &mut [i32; 2]) {
        if let Some(Trim { keeps_first: true }) = self.encoder.processor.trim {
            let blanks = self.encoder.blanks(tokens, at);
            if blanks.before == 1 && offsets[0] > 0 {
                blanks.put_back(offsets);
            }
        }
    }
}

/// The windows of a text, in tokenizers' order: the first ones of both sides, each later one of the first side with each of
/// the second, and then the first one of the first side with each later one of the second.
fn order(text: usize, ranges: &[windows::Ranges], max_length: usize) -> Result<Vec<(usize, usize)>> {
    let (firsts, seconds) = (ranges[0].len(), if ranges.len() > 1 { ranges[1].len() } else { 1 });
    if firsts.saturating_mul(seconds).saturating_mul(max_length) > i32::MAX as usize {
        return Err(Error::BadOption {
            name: "max_length",
            got: format!("{max_length}, and text {text} makes {firsts} times {seconds} windows"),
            cure: "pass a smaller `stride`, and for a pair, where each window of one text comes with each of the other, truncation=\"only_first\" or \"only_second\"",
        });
    }
    let mut order = vec![(0, 0)];
    for first in 1..firsts {
        order.extend((0..seconds).map(|second| (first, second)));
    }
    order.extend((1..seconds).map(|second| (0, second)));
    Ok(order)
}

/// Whether a pre-tokenizer turns bytes into letters.
fn is_byte_level(pre_tokenizer: &Value) -> bool {
    let parts = pre_tokenizer["pretokenizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    pre_tokenizer["type"] == "ByteLevel" || parts.iter().any(is_byte_level)
}

/// Whether `byte` is a blank, a tab or a line end.
#[inline(always)]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Place of the next blank from `at` on, or the end.
#[inline(always)]
fn next_blank(bytes: &[u8], mut at: usize) -> usize {
    /// A one in each byte.
    const EACH: u64 = u64::MAX / 255;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let eight = u64::from_le_bytes(*eight);
        // The lowest of these bits is right. They mark bytes up to 0x20; those that are not blanks are rare.
        let low = eight.wrapping_sub(EACH * 0x21) & !eight & (EACH << 7);
        if low == 0 {
            at += 8;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if is_blank(bytes[at]) {
            return at;
        }
        at += 1;
    }
    bytes[at..].iter().position(|&byte| is_blank(byte)).map_or(bytes.len(), |offset| at + offset)
}
