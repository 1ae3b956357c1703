//! What an error speaks of, as data.

use crate::Error;

/// What an error speaks of, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The argument to change.
    pub argument: Option<&'static str>,
    /// Text, counted from 0.
    pub text: Option<usize>,
    /// Window of the batch, counted from 0.
    pub window: Option<usize>,
    /// Token in the window, or in the text where there are no windows.
    pub token: Option<usize>,
    /// What to pass in its place, where that depends on what was given.
    pub cure: Option<String>,
}

impl About {
    fn of(argument: &'static str) -> Self {
        Self { argument: Some(argument), ..Self::default() }
    }

    fn at(argument: &'static str, window: usize, token: usize) -> Self {
        Self { window: Some(window), token: Some(token), ..Self::of(argument) }
    }

    fn in_text(argument: &'static str, text: usize, token: Option<usize>) -> Self {
        Self { text: Some(text), token, ..Self::of(argument) }
    }
}

impl Error {
    /// What it speaks of: nobody needs to read that out of its sentence.
    #[must_use]
    pub fn about(&self) -> About {
        match self {
            Self::WindowCount { name, .. }
            | Self::WeightCount { name, .. }
            | Self::LengthSum { name, .. }
            | Self::TypeRank { name, .. }
            | Self::NotContiguous { name, .. }
            | Self::NotPairs { name, .. }
            | Self::Missing { name, .. }
            | Self::TypeFloats { name } => About::of(name),
            Self::BadScheme { .. } | Self::LabelCount { .. } => About::of("id2label"),
            Self::NoSpelling { .. } => About::of("scheme"),
            Self::TokenCount { name, window, .. } => About { window: Some(*window), ..About::of(name) },
            Self::LengthOverWidth { window, .. } => About { window: Some(*window), ..About::of("lengths") },
            Self::BadLogits { window, token, .. } => About::at("logits", *window, *token),
            Self::BadOffset { window, token, .. } | Self::OffsetOrder { window, token, .. } => {
                About::at("offsets", *window, *token)
            }
            Self::TextCount { .. } => About::of("texts"),
            Self::BadWindowText { window, .. } => About { window: Some(*window), ..About::of("windows") },
            Self::UnknownToken { window, token, .. } => About::at("input_ids", *window, *token),
            Self::BadOption { name, cure, .. } => About { cure: Some((*cure).to_owned()), ..About::of(name) },
            Self::UnknownName { option, cure, .. } => About { cure: Some(cure.clone()), ..About::of(option) },
            Self::ScoreCount { .. } => About::of("start"),
            Self::BadScore { name, window, token, .. } => About::at(name, *window, *token),
            Self::ContextCount { .. } => About::of("contexts"),
            Self::QuestionCount { .. } => About::of("questions"),
            Self::BadPosition { .. } | Self::PositionInside { .. } => About::of("positions"),
            Self::BadSpan { .. } => About::of("spans"),
            Self::BadTextSpan { text, .. } => About::in_text("spans", *text, None),
            Self::NoLabel { .. } => About::of("label2id"),
            Self::BadLabel { window, token, .. } => About::at("labels", *window, *token),
            Self::BadWord { window, token, .. } => About::at("word_ids", *window, *token),
            Self::SequenceCount { .. } => About::of("y_pred"),
            Self::SequenceLength { text, .. } => About::in_text("y_pred", *text, None),
            Self::EmptyTag { name, text, token }
            | Self::BadTag { name, text, token, .. }
            | Self::LabelId { name, text, token, .. } => About::in_text(name, *text, Some(*token)),
            Self::NoScheme { .. } => About::of("y_true"),
            Self::Overlap { name, text, .. } | Self::SpanOrder { name, text, .. } => {
                About::in_text(name, *text, None)
            }
            Self::File { .. } | Self::BadCounts { .. } | Self::Stopped => About::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::About;
    use crate::Error;
    use crate::entities::own::join::Join;

    #[test]
    fn an_error_says_what_it_speaks_of() {
        let cases = [
            (
                Error::BadLogits { found: "NaN", window: 3, token: 2 },
                About { argument: Some("logits"), window: Some(3), token: Some(2), ..About::default() },
            ),
            (
                Error::EmptyTag { name: "y_pred", text: 1, token: 4 },
                About { argument: Some("y_pred"), text: Some(1), token: Some(4), ..About::default() },
            ),
            (
                Join::parse("x").unwrap_err(),
                About {
                    argument: Some("join"),
                    cure: Some("choose \"pieces\", \"run\" or None".to_owned()),
                    ..About::default()
                },
            ),
        ];
        for (error, about) in cases {
            assert_eq!(error.about(), about, "{error}");
        }
    }
}
