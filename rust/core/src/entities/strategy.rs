//! How tokens become entities. The differences between strategies are here and nowhere else, in matches without `_`: a
//! new strategy does not compile until it answers each question.

use crate::error::named;

named! {
    /// How tokens become entities.
    pub enum Strategy of "aggregation_strategy" {
        /// Each token is an entity of its own.
        None = "none",
        /// Neighbouring tokens of one type are an entity.
        Simple = "simple",
        /// As `Simple`, over words; a word has the label of its first token.
        First = "first",
        /// As `Simple`, over words; a word has the best label of its tokens' mean probabilities.
        Average = "average",
        /// As `Simple`, over words; a word has the label of its most certain token.
        Max = "max",
    }
}

/// What decides the label of a word of several tokens.
#[derive(Debug, Clone, Copy)]
pub enum Decides {
    /// Its first token.
    First,
    /// One of its tokens: the first one, unless the function says that the probability of a later token wins over that
    /// of the best so far. A token's probability is that of its most probable label.
    Wins(fn(f32, f32) -> bool),
    /// The mean of its tokens' probabilities.
    Mean,
}

impl Strategy {
    /// Whether each token is an entity by itself, under its full label.
    #[must_use]
    pub fn is_by_token(self) -> bool {
        match self {
            Self::None => true,
            Self::Simple | Self::First | Self::Average | Self::Max => false,
        }
    }

    /// What decides the label of a word; `None` if tokens are not joined into words.
    #[must_use]
    pub fn decides(self) -> Option<Decides> {
        match self {
            Self::None | Self::Simple => None,
            Self::First => Some(Decides::First),
            Self::Average => Some(Decides::Mean),
            Self::Max => Some(Decides::Wins(|other, so_far| other > so_far)),
        }
    }

    /// Whether tokens are joined into words first.
    #[must_use]
    pub fn joins_words(self) -> bool {
        self.decides().is_some()
    }
}
