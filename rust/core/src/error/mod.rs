//! Every way a call can be refused: data in the variants, text made only when shown.
//!
//! One enum, by room, and not an enum a room: half of the variants speak of what several rooms are handed (logits, offsets,
//! options), callers match on one level, and this room, which all others import, imports none. A new variant is its message
//! here and an arm of [`Error::about`], where `cargo check` asks for it.

mod about;
mod names;
mod shown;

pub use about::About;
pub(crate) use names::named;
pub use names::{Named, Names};
pub(crate) use shown::choose;
pub use shown::short_name;
use shown::{clipped, counted, quoted, shown};

/// A result whose error names the argument, both values and the cure.
pub type Result<T> = std::result::Result<T, Error>;

/// Every way a call can be refused.
///
/// Variants that start with `Type` say that an argument is of the wrong kind, all others that it has a wrong value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // What several rooms are handed: options, files, a call that is stopped.
    /// An argument that this combination of options needs.
    #[error("`{name}` is needed {why}; pass it")]
    Missing {
        /// The argument.
        name: &'static str,
        /// What for.
        why: &'static str,
    },
    /// An option that is out of range, with its cure.
    #[error("`{name}` is {}; {cure}", clipped(got))]
    BadOption {
        /// The option.
        name: &'static str,
        /// What was given.
        got: String,
        /// What it should be.
        cure: &'static str,
    },
    /// A name that no value of an option has.
    #[error("`{option}` is {}; {cure}", shown(got.as_deref()))]
    UnknownName {
        /// The option.
        option: &'static str,
        /// What was given.
        got: Option<String>,
        /// The names there are.
        cure: String,
    },
    /// The system refused to read or write a file.
    #[error("{message}: {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
        /// The system's number for it.
        code: Option<i32>,
    },
    /// The caller's progress function raised; what it raised is kept there.
    #[error("stopped by the caller")]
    Stopped,

    // `batch`: what a model and a tokenizer gave.
    /// An array argument does not cover the windows.
    #[error("`{name}` covers {} but `logits` has {want}; pass one row of `{name}` per window", counted(*got, "window"))]
    WindowCount {
        /// Argument that is off.
        name: &'static str,
        /// Windows it covers.
        got: usize,
        /// Windows of the logits.
        want: usize,
    },
    /// One window of an array argument is too short.
    #[error(
        "`{name}` has {} in window {window} but `logits` has {want}; pass one value per token, and `lengths` if the rest is padding",
        counted(*got, "token")
    )]
    TokenCount {
        /// Argument that is off.
        name: &'static str,
        /// Window, counted from 0.
        window: usize,
        /// Tokens it has there.
        got: usize,
        /// Tokens of the logits there.
        want: usize,
    },
    /// Arrays laid end to end whose lengths do not add up.
    #[error("`lengths` adds up to {} but `{name}` has {got}; lengths must cover each token once", counted(*sum, "token"))]
    LengthSum {
        /// Argument laid end to end.
        name: &'static str,
        /// Sum of the lengths.
        sum: usize,
        /// Tokens of the argument.
        got: usize,
    },
    /// A padded array narrower than one of the lengths.
    #[error(
        "`lengths[{window}]` is {length} but `{name}` is padded to {}; a length is at most the padded width",
        counted(*width, "token")
    )]
    LengthOverWidth {
        /// Argument that is padded.
        name: &'static str,
        /// Window, counted from 0.
        window: usize,
        /// Its length.
        length: usize,
        /// Padded width.
        width: usize,
    },
    /// Logits with another number of labels than `id2label` names.
    #[error(
        "`id2label` names {} but the last axis of `logits` has {columns}; pass the model's own id2label",
        counted(*labels, "label")
    )]
    LabelCount {
        /// Labels named.
        labels: usize,
        /// Columns of the logits.
        columns: usize,
    },
    /// Texts and windows that cannot be told to belong together.
    #[error(
        "`texts` has {} but `logits` has {}; pass `windows`, the text index of each window",
        counted(*texts, "item"),
        counted(*windows, "window")
    )]
    TextCount {
        /// Texts.
        texts: usize,
        /// Windows of the logits.
        windows: usize,
    },
    /// A window that belongs to no text.
    #[error(
        "`windows[{window}]` is {text} but the batch has {}; `windows` holds one text index per window",
        counted(*texts, "text")
    )]
    BadWindowText {
        /// Window, counted from 0.
        window: usize,
        /// Text index given.
        text: i64,
        /// Texts there are.
        texts: usize,
    },
    /// A row without a usable value.
    #[error(
        "`logits` holds {found} at window {window}, token {token}; a row needs finite values or -inf, at least one finite. Check the model's output (float16 overflow?) or mask the token in `special_tokens_mask`"
    )]
    BadLogits {
        /// What was found.
        found: &'static str,
        /// Window, counted from 0.
        window: usize,
        /// Token in the window, counted from 0.
        token: usize,
    },
    /// An offset that is not a span of its text.
    #[error(
        "`offsets` holds ({start}, {end}) at window {window}, token {token}{}; offsets are 0 <= start <= end <= len(text), in characters of the text",
        limit.map_or_else(String::new, |chars| format!(", but its text has {chars} characters"))
    )]
    BadOffset {
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
        /// Start given.
        start: i64,
        /// End given.
        end: i64,
        /// Characters of the text, where it is there.
        limit: Option<usize>,
    },
    /// A token that follows one whose characters come later.
    #[error(
        "`offsets` holds ({start}, {end}) at window {window}, token {token}, behind a token at ({}, {}); pass tokens in the order of their text",
        before.0, before.1
    )]
    OffsetOrder {
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
        /// Its start.
        start: i64,
        /// Its end.
        end: i64,
        /// Start and end of the token before it.
        before: (i64, i64),
    },
    /// Windows that overlap so far that they hold a text many times over.
    #[error(
        "text {text}: `{name}` is {stride}, so that its {tokens} tokens make windows of {held} tokens in all; windows may hold a text {most} times over: pass {}",
        if *pair { "truncation=\"only_first\" or \"only_second\", for each window of one text comes with each of the other" } else { "a smaller one" }
    )]
    Overlap {
        /// The option.
        name: &'static str,
        /// Text, counted from 0.
        text: usize,
        /// Tokens that neighbours share.
        stride: usize,
        /// Tokens of the text.
        tokens: usize,
        /// Tokens of its windows.
        held: usize,
        /// How many times windows may hold a text.
        most: usize,
        /// Whether both texts of a pair are cut.
        pair: bool,
    },
    /// An array of the wrong rank.
    #[error("`{name}` has {}; pass {want}", counted(*got, "dimension"))]
    TypeRank {
        /// Argument that is off.
        name: &'static str,
        /// Its rank.
        got: usize,
        /// Shapes it can have.
        want: &'static str,
    },
    /// Integers where logits are expected.
    #[error("`{name}` is of type uint16; pass float32, float16, bfloat16 or float64")]
    TypeFloats {
        /// Argument that is off.
        name: &'static str,
    },
    /// An array whose items are not contiguous in memory.
    #[error("`{name}` is not contiguous in memory; pass {copy}({name})")]
    NotContiguous {
        /// Argument that is off.
        name: &'static str,
        /// The caller's function that makes a contiguous copy.
        copy: &'static str,
    },
    /// Offsets that are not pairs.
    #[error("the last axis of `{name}` has {}; pass (start, end) pairs", counted(*got, "value"))]
    NotPairs {
        /// Argument that is off.
        name: &'static str,
        /// Size of the last axis.
        got: usize,
    },

    // `labels`.
    /// Labels that fit no scheme, or not the one given.
    #[error(
        "`id2label` does not fit scheme {scheme:?}: {} do{} not fit, of {}; name all labels alike, or pass `scheme`: \"plain\" takes each label for a type",
        quoted(labels), if labels.len() == 1 { "es" } else { "" }, quoted(all)
    )]
    BadScheme {
        /// The scheme, or "auto".
        scheme: &'static str,
        /// Labels that do not fit.
        labels: Vec<String>,
        /// All labels.
        all: Vec<String>,
    },
    /// Labels with which a scheme can write no entity.
    #[error(
        "`scheme` is {scheme}, but with {} alone no entity can be written: {} {} missing; pass scheme=\"auto\", or the scheme that these labels are written in",
        labels.join(", "), missing.iter().map(char::to_string).collect::<Vec<_>>().join(", "), if missing.len() == 1 { "is" } else { "are" }
    )]
    NoSpelling {
        /// The scheme.
        scheme: &'static str,
        /// All labels of a type.
        labels: Vec<String>,
        /// Letters of the scheme that the type has no label with.
        missing: Vec<char>,
    },

    // `entities`.
    /// Transition weights of another size than the labels ask for.
    #[error(
        "`{name}` has {} but `id2label` has {}; pass labels x labels of them for `transitions`, one a label for its start and end",
        counted(*got, "weight"),
        counted(*labels, "label")
    )]
    WeightCount {
        /// Argument that is off.
        name: &'static str,
        /// Weights it has.
        got: usize,
        /// Labels of the model.
        labels: usize,
    },
    /// A token id that the tokenizer does not know.
    #[error(
        "`input_ids` holds {id} at window {window}, token {token}, which the tokenizer does not know (it has {}); pass the tokenizer that made the ids",
        counted(*known, "id")
    )]
    UnknownToken {
        /// The id.
        id: i64,
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
        /// Ids known.
        known: usize,
    },

    // `answers`.
    /// Start and end scores of different lengths.
    #[error("`start` has {} but `end` has {end}; pass one of each per token", counted(*start, "score"))]
    ScoreCount {
        /// Start scores.
        start: usize,
        /// End scores.
        end: usize,
    },
    /// A logit that can't be ranked.
    #[error(
        "`{name}` holds {found} at window {window}, token {token}; logits are finite or -inf. Check the model's output (float16 overflow?)"
    )]
    BadScore {
        /// Argument it is in.
        name: &'static str,
        /// What was found.
        found: &'static str,
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
    },
    /// Contexts that can't be told apart by window.
    #[error(
        "`contexts` holds {} but the logits have {}; pass `windows`, one context index per window",
        counted(*contexts, "text"),
        counted(*windows, "window")
    )]
    ContextCount {
        /// Contexts given.
        contexts: usize,
        /// Windows of the logits.
        windows: usize,
    },
    /// Not one question per context.
    #[error(
        "`questions` has {} but `contexts` holds {}; pass one question index per context",
        counted(*questions, "item"),
        counted(*contexts, "text")
    )]
    QuestionCount {
        /// Entries given.
        questions: usize,
        /// Contexts given.
        contexts: usize,
    },

    // `text`.
    /// A position outside its text.
    #[error("`positions[{index}]` is {position} but the text has {limit} {unit}; positions are 0 to {limit}")]
    BadPosition {
        /// Place in the flat list of positions.
        index: usize,
        /// The position.
        position: i64,
        /// Length of the text.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A position that has no counterpart in another unit.
    #[error(
        "`positions[{index}]` is {position} {unit}, which lies inside {what}; pass inside=\"floor\" or \"ceil\" to move such positions"
    )]
    PositionInside {
        /// Place in the flat list of positions.
        index: usize,
        /// The position.
        position: i64,
        /// What is counted.
        unit: &'static str,
        /// What it lies inside of.
        what: &'static str,
    },
    /// A span that does not lie in its text.
    #[error(
        "`spans[{index}]` is ({start}, {end}) but {of} has {}; spans are 0 <= start <= end <= {limit}",
        counted(*limit, "character")
    )]
    BadSpan {
        /// Place in the list of spans.
        index: usize,
        /// Start given.
        start: i64,
        /// End given.
        end: i64,
        /// Length of the text.
        limit: usize,
        /// Which text.
        of: &'static str,
    },

    // `align`.
    /// A labelled span that does not lie in its text.
    #[error(
        "`spans[{text}][{index}]` is ({start}, {end}); spans are 0 <= start <= end, in characters of the text"
    )]
    BadTextSpan {
        /// Text, counted from 0.
        text: usize,
        /// Span of the text.
        index: usize,
        /// Start given.
        start: i64,
        /// End given.
        end: i64,
    },
    /// A label that a scheme needs and the label set lacks.
    #[error(
        "`label2id` has no label for {what} under the scheme {scheme}; add it, or pass the scheme of these labels"
    )]
    NoLabel {
        /// What the label would stand for.
        what: String,
        /// The scheme.
        scheme: &'static str,
    },
    /// A label id that the label set lacks.
    #[error("`labels[{window}][{token}]` is {label} but there are {known} labels; labels are 0 to {}, or -100", known.saturating_sub(1))]
    BadLabel {
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
        /// The id.
        label: i64,
        /// Ids known.
        known: usize,
    },
    /// A word that a list of words lacks.
    #[error(
        "`word_ids[{window}][{token}]` is {word} but `word_labels[{window}]` has {}; pass one label per word",
        counted(*words, "label")
    )]
    BadWord {
        /// Window, counted from 0.
        window: usize,
        /// Token in the window.
        token: usize,
        /// The word.
        word: i64,
        /// Words there are.
        words: usize,
    },

    // `metrics`.
    /// Not as many predicted sequences as true ones.
    #[error(
        "Found input variables with inconsistent numbers of samples: `y_true` has {} but `y_pred` has {guess}; pass one of each per text",
        counted(*truth, "sequence")
    )]
    SequenceCount {
        /// True ones.
        truth: usize,
        /// Predicted ones.
        guess: usize,
    },
    /// A predicted sequence of another length than the true one.
    #[error(
        "Found input variables with inconsistent numbers of samples: `y_true[{text}]` has {} but `y_pred[{text}]` has {guess}; pass one tag per token in both",
        counted(*truth, "tag")
    )]
    SequenceLength {
        /// Sequence, counted from 0.
        text: usize,
        /// Tags of the true one.
        truth: usize,
        /// Tags of the predicted one.
        guess: usize,
    },
    /// A tag without a letter.
    #[error("`{name}[{text}][{token}]` is an empty tag; pass `O` for a token outside of entities")]
    EmptyTag {
        /// Argument it is in.
        name: &'static str,
        /// Sequence, counted from 0.
        text: usize,
        /// Token in the sequence.
        token: usize,
    },
    /// A tag that the scheme does not know.
    #[error(
        "Invalid token is found: `{name}[{text}][{token}]` is {tag:?} but the {end} of {scheme} are {}; pass the scheme of the tags, or mode=None",
        letters.chars().map(String::from).collect::<Vec<_>>().join(", ")
    )]
    BadTag {
        /// Argument it is in.
        name: &'static str,
        /// Sequence, counted from 0.
        text: usize,
        /// Token in the sequence.
        token: usize,
        /// The tag.
        tag: String,
        /// "prefixes" or "suffixes".
        end: &'static str,
        /// The scheme.
        scheme: &'static str,
        /// What it knows.
        letters: &'static str,
    },
    /// Tags whose scheme can't be told.
    #[error(
        "This scheme is not supported: `y_true` has {found}, which fits none of IOB2, IOE2, IOBES and BILOU; pass `scheme`"
    )]
    NoScheme {
        /// The tag, or the prefixes.
        found: String,
    },
    /// A label id without a name.
    #[error(
        "`{name}[{text}][{token}]` is the label id {id} but `id2label` names {}; pass the model's own id2label",
        counted(*labels, "label")
    )]
    LabelId {
        /// Argument it is in.
        name: &'static str,
        /// Sequence, counted from 0.
        text: usize,
        /// Token in the sequence.
        token: usize,
        /// The id.
        id: i64,
        /// Labels named.
        labels: usize,
    },
    /// A span that ends before it starts.
    #[error("`{name}[{text}]` has a span from {start} to {end}; spans are start <= end, end excluded")]
    SpanOrder {
        /// Argument it is in.
        name: &'static str,
        /// Text, counted from 0.
        text: usize,
        /// Its start.
        start: i64,
        /// Its end.
        end: i64,
    },

    // `train`.
    /// A file of word counts that can't be one.
    #[error("{path} is no file of word counts: {problem}")]
    BadCounts {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Error {
    /// What the system said about `path`.
    #[must_use]
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            message: error.to_string(),
            code: error.raw_os_error(),
        }
    }
}
