//! Tokens as columns: those of one text, before special tokens are added, and those of all windows, end to end.

use std::sync::Arc;

use super::template::{Part, Template};

/// The tokens of a text, and how far in it they reach.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) ids: Vec<i32>,
    /// Start and end of each, in characters.
    pub(super) offsets: Vec<[i32; 2]>,
    /// Word of each.
    pub(super) words: Vec<i32>,
    /// Characters read so far.
    pub(super) chars: u32,
    /// Words met so far, those without a token included.
    pub(super) word: u32,
    /// The added tokens: their places, and the blanks of their matches.
    pub(super) added: Vec<(usize, Blanks)>,
}

/// Blanks of a token: before it, after it, and whether it consists of blanks only.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blanks {
    pub(super) before: u32,
    pub(super) after: u32,
    pub(super) only: bool,
}

impl Blanks {
    /// Counts the blanks of a token of the characters `chars`; `blank` says what is one.
    pub(super) fn of(chars: &[char], blank: impl Fn(char) -> bool) -> Self {
        let length = chars.len();
        let before = chars.iter().take_while(|&&c| blank(c)).count();
        let after = chars.iter().rev().take_while(|&&c| blank(c)).count();
        Self { before: before as u32, after: after as u32, only: before == length }
    }

    /// Takes the blanks out of what a token covers.
    #[inline]
    pub(super) fn trim(self, start: u32, end: u32) -> (u32, u32) {
        let start = (start + self.before).min(end);
        (start, end.saturating_sub(self.after).max(start))
    }

    /// Puts back the blanks before a token, as if only those after it had been taken out.
    #[inline]
    pub(super) fn put_back(self, offsets: &mut [i32; 2]) {
        offsets[0] -= self.before as i32;
        if self.only {
            offsets[1] = offsets[0];
        }
    }
}

impl Tokens {
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.offsets.clear();
        self.words.clear();
        self.added.clear();
        (self.chars, self.word) = (0, 0);
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Takes back all tokens but the first `count`, none of which is an added one.
    pub(super) fn truncate(&mut self, count: usize) {
        self.ids.truncate(count);
        self.offsets.truncate(count);
        self.words.truncate(count);
    }

    /// Adds a token of characters `start..end` and word `word`, all counted in the text.
    #[inline(always)]
    pub(super) fn push(&mut self, id: u32, start: u32, end: u32, word: u32) {
        self.ids.push(id as i32);
        self.offsets.push([start as i32, end as i32]);
        self.words.push(word as i32);
    }

    /// Adds a piece of the chunk that starts here.
    #[inline(always)]
    pub(super) fn push_near(&mut self, piece: &Piece) {
        self.push(piece.id, self.chars + piece.start, self.chars + piece.end, self.word + piece.word);
    }

    /// Adds all pieces of a chunk of `chars` characters and `words` words, and steps over it.
    pub(super) fn extend(&mut self, pieces: &[Piece], chars: u32, words: u32) {
        let (chars_before, words_before) = (self.chars, self.word);
        self.ids.extend(pieces.iter().map(|piece| piece.id as i32));
        self.offsets.extend(
            pieces.iter().map(|piece| [piece.start, piece.end].map(|place| (chars_before + place) as i32)),
        );
        self.words.extend(pieces.iter().map(|piece| (words_before + piece.word) as i32));
        self.chars += chars;
        self.word += words;
    }
}

/// A token of a chunk of text: its places are characters of the chunk, its word is counted from the chunk's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) id: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) word: u32,
}

/// What a window is made of: how many tokens it has of the first text and of the second, and whether each part lies
/// outside the text's first window.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) tokens: [u32; 2],
    pub(super) later: [bool; 2],
}

/// The windows of a batch, end to end. Columns that follow from the template and the shapes are made when asked for.
#[derive(Debug, Clone)]
pub struct Columns {
    /// Token ids.
    pub ids: Vec<i32>,
    /// Start and end of each token in characters of its text, end excluded; (0, 0) for special tokens.
    pub offsets: Vec<[i32; 2]>,
    /// Word of each token, -1 for special ones.
    pub words: Vec<i32>,
    /// Tokens of each window.
    pub lengths: Vec<i64>,
    /// The text that each window belongs to.
    pub texts: Vec<i64>,
    pub(super) shapes: Vec<Shape>,
    template: Arc<Template>,
}

impl Columns {
    pub(super) fn new(template: Arc<Template>) -> Self {
        let (ids, offsets, words, lengths, texts) = (vec![], vec![], vec![], vec![], vec![]);
        Self { ids, offsets, words, lengths, texts, shapes: vec![], template }
    }

    /// Adds a window of `text`: tokens `from..to` of each of its parts, between the marks of the template.
    /// `first` mends the offsets of a part's first token there, given which of the part's tokens it is.
    pub(super) fn push(
        &mut self,
        text: usize,
        parts: &[(&Tokens, (usize, usize))],
        later: [bool; 2],
        first: impl Fn(&Tokens, usize, &mut [i32; 2]),
    ) {
        let begin = self.ids.len();
        let Self { ids, offsets, words, template, .. } = self;
        let more = template.marks() + parts.iter().map(|(_, (from, to))| to - from).sum::<usize>();
        // Once for all parts: of a sentence, each step to more memory is a hundredth of the time.
        ids.reserve(more);
        offsets.reserve(more);
        words.reserve(more);
        for part in &template.parts {
            match part {
                Part::Marks { ids: marks, .. } => {
                    ids.extend_from_slice(marks);
                    offsets.resize(offsets.len() + marks.len(), [0, 0]);
                    words.resize(words.len() + marks.len(), -1);
                }
                Part::Text { which, .. } => {
                    let (tokens, (from, to)) = parts[*which];
                    let start = offsets.len();
                    ids.extend_from_slice(&tokens.ids[from..to]);
                    offsets.extend_from_slice(&tokens.offsets[from..to]);
                    words.extend_from_slice(&tokens.words[from..to]);
                    if from < to {
                        first(tokens, from, &mut offsets[start]);
                    }
                }
            }
        }
        let count = |which: usize| parts.get(which).map_or(0, |(_, (from, to))| (to - from) as u32);
        self.shapes.push(Shape { tokens: [count(0), count(1)], later });
        self.lengths.push((self.ids.len() - begin) as i64);
        self.texts.push(text as i64);
    }

    /// So many blank tokens and windows.
    pub(super) fn blank(template: Arc<Template>, tokens: usize, windows: usize) -> Self {
        Self {
            ids: vec![0; tokens],
            offsets: vec![[0, 0]; tokens],
            words: vec![0; tokens],
            lengths: vec![0; windows],
            texts: vec![0; windows],
            shapes: vec![Shape::default(); windows],
            template,
        }
    }

    /// Forgets its windows and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.cut(self.ids.len(), self.lengths.len());
    }

    /// Removes the last tokens and windows, so many of each.
    pub(super) fn cut(&mut self, tokens: usize, windows: usize) {
        let (tokens, windows) = (self.ids.len() - tokens, self.lengths.len() - windows);
        self.ids.truncate(tokens);
        self.offsets.truncate(tokens);
        self.words.truncate(tokens);
        self.lengths.truncate(windows);
        self.texts.truncate(windows);
        self.shapes.truncate(windows);
    }

    /// Adds the windows of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        self.ids.extend_from_slice(&other.ids);
        self.offsets.extend_from_slice(&other.offsets);
        self.words.extend_from_slice(&other.words);
        self.lengths.extend_from_slice(&other.lengths);
        self.texts.extend_from_slice(&other.texts);
        self.shapes.extend_from_slice(&other.shapes);
    }

    /// Gives back memory that it does not use.
    pub(super) fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.offsets.shrink_to_fit();
        self.words.shrink_to_fit();
        self.lengths.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.shapes.shrink_to_fit();
    }

    /// How many tokens the shapes of all windows amount to, special ones included.
    #[must_use]
    pub fn shaped(&self) -> usize {
        let of_texts: usize =
            self.shapes.iter().flat_map(|shape| shape.tokens).map(|count| count as usize).sum();
        of_texts + self.shapes.len() * self.template.marks()
    }

    /// A column that is the same over each part of a window.
    fn by_part<T: Copy>(&self, value: impl Fn(&Part, &Shape) -> T) -> Vec<T> {
        let mut out = Vec::with_capacity(self.shaped());
        for shape in &self.shapes {
            for part in &self.template.parts {
                let count = match part {
                    Part::Marks { ids, .. } => ids.len(),
                    Part::Text { which, .. } => shape.tokens[*which] as usize,
                };
                out.resize(out.len() + count, value(part, shape));
            }
        }
        out
    }

    /// The segment of each token.
    #[must_use]
    pub fn types(&self) -> Vec<i32> {
        self.by_part(|part, shape| match part {
            Part::Marks { kind, .. } => *kind,
            Part::Text { which, kind, later } => {
                if shape.later[*which] {
                    *later
                } else {
                    *kind
                }
            }
        })
    }

    /// 1 for special tokens, which stand for no text.
    #[must_use]
    pub fn special(&self) -> Vec<u8> {
        self.by_part(|part, _| u8::from(matches!(part, Part::Marks { .. })))
    }

    /// Which of the two texts each token belongs to, -1 for special ones.
    #[must_use]
    pub fn sequences(&self) -> Vec<i32> {
        self.by_part(|part, _| match part {
            Part::Marks { .. } => -1,
            Part::Text { which, .. } => *which as i32,
        })
    }
}
