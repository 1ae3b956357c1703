//! A tokenizer object as it was when it was read: whether it has been changed since.
//!
//! A sentence is encoded in some two microseconds, and this is asked before each call. It takes as long, as parts come
//! out of a tokenizer as new objects; in Python it took four. Nothing less shows every change: an added token can be given
//! again with other flags, which changes no count, and a template can be set in place, which makes no other object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyType};

/// The most bytes of a part that are written out and compared at each call, in a microsecond or two.
const MOST_COMPARED: usize = 8000;

/// Options of a model that can be set.
const MODEL_OPTIONS: [&str; 10] = [
    "alpha",
    "dropout",
    "unk_token",
    "unk_id",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "max_input_chars_per_word",
];

/// The parts of a `tokenizers.Tokenizer` that can change.
#[pyclass(frozen, module = "fastpost._fastpost")]
pub(crate) struct TokenizerState {
    normalizer: Part,
    pre_tokenizer: Part,
    post_processor: Part,
    model: Py<PyType>,
    options: Vec<(Py<PyString>, Py<PyAny>)>,
    /// Tokens of the model. Not with added tokens: for that tokenizers 0.22 makes a map of the whole vocabulary.
    size: usize,
    added: Py<PyAny>,
    splits_special: bool,
}

/// A normalizer, a pre-tokenizer or a post-processor.
enum Part {
    Absent,
    /// Its JSON.
    Written(Py<PyBytes>),
    /// It is written in Python, or its JSON is long and it has no parts, as a charsmap: only its type is compared.
    Opaque(Py<PyType>),
    /// Its JSON is long; its own parts are compared.
    Parts(Py<PyType>, Vec<Part>),
}

impl Part {
    fn of(part: &Bound<'_, PyAny>) -> PyResult<Self> {
        if part.is_none() {
            return Ok(Self::Absent);
        }
        let kind = part.get_type().unbind();
        // Custom parts refuse in whatever way their class does.
        let Some(json) = written(part) else { return Ok(Self::Opaque(kind)) };
        if json.as_bytes().len() <= MOST_COMPARED {
            return Ok(Self::Written(json.unbind()));
        }
        if !part.hasattr(intern!(part.py(), "__len__"))? {
            return Ok(Self::Opaque(kind));
        }
        let parts = (0..part.len()?).map(|at| Self::of(&part.get_item(at)?));
        Ok(Self::Parts(kind, parts.collect::<PyResult<_>>()?))
    }

    fn is(&self, part: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = part.py();
        match self {
            Self::Absent => Ok(part.is_none()),
            Self::Written(before) => {
                Ok(written(part).is_some_and(|json| json.as_bytes() == before.as_bytes(py)))
            }
            Self::Opaque(kind) => Ok(part.get_type().is(kind)),
            Self::Parts(kind, parts) => {
                if !part.get_type().is(kind) || part.len()? != parts.len() {
                    return Ok(false);
                }
                for (at, before) in parts.iter().enumerate() {
                    if !before.is(&part.get_item(at)?)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Bytes that are compared.
    fn compared(&self, py: Python<'_>) -> usize {
        match self {
            Self::Absent | Self::Opaque(_) => 0,
            Self::Written(json) => json.as_bytes(py).len(),
            Self::Parts(_, parts) => parts.iter().map(|part| part.compared(py)).sum(),
        }
    }
}

/// The JSON of a part.
fn written<'py>(part: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    part.call_method0(intern!(part.py(), "__getstate__")).ok()?.cast_into().ok()
}

fn size(tokenizer: &Bound<'_, PyAny>) -> PyResult<usize> {
    tokenizer.call_method1(intern!(tokenizer.py(), "get_vocab_size"), (false,))?.extract()
}

fn added<'py>(tokenizer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    tokenizer.call_method0(intern!(tokenizer.py(), "get_added_tokens_decoder"))
}

#[pymethods]
impl TokenizerState {
    #[new]
    fn new(tokenizer: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = tokenizer.py();
        let model = tokenizer.getattr(intern!(py, "model"))?;
        let mut options = Vec::new();
        for name in MODEL_OPTIONS {
            let name = PyString::intern(py, name);
            if let Some(value) = model.getattr_opt(&name)? {
                options.push((name.unbind(), value.unbind()));
            }
        }
        Ok(Self {
            normalizer: Part::of(&tokenizer.getattr(intern!(py, "normalizer"))?)?,
            pre_tokenizer: Part::of(&tokenizer.getattr(intern!(py, "pre_tokenizer"))?)?,
            post_processor: Part::of(&tokenizer.getattr(intern!(py, "post_processor"))?)?,
            model: model.get_type().unbind(),
            options,
            size: size(tokenizer)?,
            added: added(tokenizer)?.unbind(),
            splits_special: tokenizer.getattr(intern!(py, "encode_special_tokens"))?.extract()?,
        })
    }

    /// Whether `tokenizer` is as it was. A model in place of another of the same kind, size and options is not seen.
    fn is_of(&self, tokenizer: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = tokenizer.py();
        let model = tokenizer.getattr(intern!(py, "model"))?;
        if !model.get_type().is(&self.model) || size(tokenizer)? != self.size {
            return Ok(false);
        }
        for (name, before) in &self.options {
            let now = model.getattr(name)?;
            // Most are None, True or False.
            if !now.is(before) && !now.eq(before)? {
                return Ok(false);
            }
        }
        let splits: bool = tokenizer.getattr(intern!(py, "encode_special_tokens"))?.extract()?;
        Ok(splits == self.splits_special
            && self.normalizer.is(&tokenizer.getattr(intern!(py, "normalizer"))?)?
            && self.pre_tokenizer.is(&tokenizer.getattr(intern!(py, "pre_tokenizer"))?)?
            && self.post_processor.is(&tokenizer.getattr(intern!(py, "post_processor"))?)?
            && added(tokenizer)?.eq(&self.added)?)
    }

    /// Bytes of its parts that are written out and compared each time.
    #[getter]
    fn compared(&self, py: Python<'_>) -> usize {
        let parts = [&self.normalizer, &self.pre_tokenizer, &self.post_processor];
        parts.into_iter().map(|part| part.compared(py)).sum()
    }
}
