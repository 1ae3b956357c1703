//! `TokenTable`: the tokens of a tokenizer and the text it prints for them.

use fastpost_core::tokenizer::decoder::{TokenText, Vocabulary};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use std::borrow::Cow;

/// What the decoder needs of a tokenizer: its tokens, and how it prints them.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TokenTable {
    pub(super) vocabulary: Vocabulary,
    pub(super) unknown: i64,
    decoder: Option<String>,
    pub(super) text: Option<TokenText>,
    /// The tokenizer's own function from tokens to text, if `text` can't do it.
    other: Option<Py<PyAny>>,
}

#[pymethods]
impl TokenTable {
    #[new]
    fn new(
        vocabulary: Vec<(String, usize)>,
        unknown: i64,
        decoder: Option<&str>,
        other: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let most = MOST_IDS.min(vocabulary.len().saturating_mul(64).saturating_add(SPARE_IDS));
        if let Some((token, id)) = vocabulary.iter().find(|(_, id)| *id > most) {
            let token: String = token.chars().take(80).collect();
            return Err(crate::door::wrong_value(format!(
                "`tokenizer` gives {token:?} the id {id}, of {} tokens; ids up to {most} can be looked up, number its \
                 tokens anew",
                vocabulary.len()
            )));
        }
        let vocabulary = Vocabulary::new(vocabulary);
        let text = decoder.and_then(TokenText::from_json);
        Ok(Self { vocabulary, unknown, decoder: decoder.map(str::to_owned), text, other })
    }

    /// What pickle rebuilds it from.
    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        let token = |id| Some((self.vocabulary.token(id)?, id));
        let vocabulary: Vec<_> = (0..self.vocabulary.len()).filter_map(token).collect();
        // Left out if `text` can print: not every tokenizer's function can be pickled.
        let other = self.other.as_ref().filter(|_| self.text.is_none()).map(|other| other.clone_ref(py));
        let arguments = (vocabulary, self.unknown, self.decoder.as_deref(), other);
        Ok((py.get_type::<Self>().into_any().unbind(), arguments.into_pyobject(py)?.into_any().unbind()))
    }
}

/// Ids are looked up in a list; no tokenizer comes near this many.
const MOST_IDS: usize = 1 << 26;

/// Ids without a token that a vocabulary may have, beside 64 for each token: the list has a place for each.
const SPARE_IDS: usize = 1 << 20;

impl TokenTable {
    /// What the tokenizer prints for `tokens`.
    pub(super) fn join<'py>(
        &self,
        py: Python<'py>,
        tokens: Vec<Cow<'_, str>>,
    ) -> PyResult<Bound<'py, PyString>> {
        match (&self.text, &self.other) {
            (Some(text), _) => Ok(PyString::new(py, &text.join(tokens))),
            (None, Some(other)) => {
                let tokens = PyList::new(py, tokens.iter().map(|token| PyString::new(py, token)))?;
                Ok(other.bind(py).call1((tokens,))?.cast_into::<PyString>()?)
            }
            (None, None) => Ok(PyString::new(py, &tokens.join(" "))),
        }
    }
}
