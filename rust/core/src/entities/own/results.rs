//! What a batch gives: its entities as columns, and what was lost on the way.

/// Entities of a batch as columns, ordered by text and by place in it.
#[derive(Debug, Default, PartialEq)]
pub struct Entities {
    /// Text of each entity.
    pub text_index: Vec<i64>,
    /// First character; -1 without offsets.
    pub start: Vec<i64>,
    /// Last character, excluded; -1 without offsets.
    pub end: Vec<i64>,
    /// Index into [`Decoder::names`].
    pub label_id: Vec<i64>,
    /// See [`Score`].
    pub score: Vec<f32>,
    /// First token, as numbered by [`stitch::Token::index`].
    pub token_start: Vec<i64>,
    /// Last token, excluded.
    pub token_end: Vec<i64>,
    /// First word as the tokenizer numbers them, -1 for none.
    pub word_start: Vec<i64>,
    /// Last word, excluded, -1 for none.
    pub word_end: Vec<i64>,
    /// One value a name for each entity, if asked for.
    pub probs: Vec<f32>,
    /// For each text the first character that some token covers, and the last, excluded; -1 for none.
    pub covered: Vec<i64>,
    /// Tokens with the label of an entity that cover no character near it, so that the entity is too short or missing.
    pub lost: Lost,
}

/// What [`Entities::take_more`] gives, in its order.
pub const MORE: [&str; 4] = ["token_start", "token_end", "word_start", "word_end"];

impl Entities {
    /// No entities yet, with room for so many.
    pub(super) fn with_room(entities: usize) -> Self {
        let each = || Vec::with_capacity(entities);
        Self {
            text_index: each(),
            start: each(),
            end: each(),
            label_id: each(),
            score: Vec::with_capacity(entities),
            token_start: each(),
            token_end: each(),
            word_start: each(),
            word_end: each(),
            ..Self::default()
        }
    }

    /// The columns of [`MORE`], one value per entity, moved to the caller. Bindings and pickles read them by these
    /// names, so a column that is added there reaches them, too.
    pub fn take_more(&mut self) -> [Vec<i64>; MORE.len()] {
        [&mut self.token_start, &mut self.token_end, &mut self.word_start, &mut self.word_end]
            .map(std::mem::take)
    }
}

/// Tokens with the label of an entity whose offsets cover nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub count: usize,
    /// Of the first one: text, window of the batch, and token in the window.
    pub first: (usize, usize, usize),
}

impl Lost {
    pub(super) fn add(&mut self, count: usize, first: (usize, usize, usize)) {
        if self.count == 0 {
            self.first = first;
        }
        self.count += count;
    }
}
