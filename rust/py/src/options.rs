//! Options from Python, read once, here: the core has values, not names.

use crate::door::exception;
use fastpost_core::labels::Scheme;
use fastpost_core::{Named, Names, align, answers, entities};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The value of an option that has names. Functions take the object and read it with [`read`], because PyO3 adds words
/// of its own to the error of an argument that it reads itself.
pub(crate) struct Name<T>(pub(crate) T);

/// The value that the caller's name stands for.
pub(crate) fn read<T: Named>(given: &Bound<'_, PyAny>) -> PyResult<T> {
    given.extract::<Name<T>>().map(|name| name.0)
}

impl<'a, 'py, T: Named> FromPyObject<'a, 'py> for Name<T> {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name: Option<String> = read_name(T::NAMES, given)?;
        T::find(name.as_deref()).map(Self).map_err(exception)
    }
}

/// `given` as a name, if it is one.
fn read_name(names: Names, given: Borrowed<'_, '_, PyAny>) -> PyResult<Option<String>> {
    let or_none = names.values.contains(&None);
    if given.is_none() && or_none {
        return Ok(None);
    }
    given.extract().map(Some).map_err(|_| {
        let shown = given.repr().map_or_else(|_| "an object".to_owned(), |text| text.to_string());
        let shown: String = shown.chars().take(80).collect();
        let or_none = if or_none { " or None" } else { "" };
        let option = names.option;
        let text = format!("`{option}` is {shown}; pass the name of one of its values, a str{or_none}");
        let error = PyTypeError::new_err(text);
        crate::door::with_argument(given.py(), error, option)
    })
}

/// A scheme; `None` stands for the one that the labels fit.
pub(crate) struct SchemeName(pub(crate) Option<Scheme>);

impl<'a, 'py> FromPyObject<'a, 'py> for SchemeName {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let name = read_name(Names { option: "scheme", values: &[] }, given)?.unwrap_or_default();
        if name.eq_ignore_ascii_case("auto") {
            return Ok(Self(None));
        }
        Scheme::parse(&name).map(|scheme| Self(Some(scheme))).map_err(exception)
    }
}

/// For each decoder and option, the names to choose from; `None` is among them if the option may be off.
#[pyfunction]
pub(crate) fn option_names(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let tables: [(&str, &[Names]); 3] = [
        (
            "entities",
            &[
                entities::Strategy::NAMES,
                entities::own::Decide::NAMES,
                entities::chunks::Repair::NAMES,
                entities::own::Score::NAMES,
                entities::own::words::Source::NAMES,
                entities::own::Snap::NAMES,
                entities::own::join::Join::NAMES,
                entities::own::Trim::NAMES,
                entities::own::stitch::Merge::NAMES,
            ],
        ),
        ("answers", &[answers::Normalize::NAMES, answers::Dedupe::NAMES]),
        ("align", &[align::Policy::NAMES, align::Subwords::NAMES, align::Repair::NAMES]),
    ];
    let out = PyDict::new(py);
    for (decoder, options) in tables {
        let named = PyDict::new(py);
        for names in options {
            named.set_item(names.option, PyTuple::new(py, names.values)?)?;
        }
        out.set_item(decoder, named)?;
    }
    let schemes: Vec<&str> = std::iter::once("auto").chain(Scheme::all()).collect();
    out.as_any().get_item("entities")?.set_item("scheme", PyTuple::new(py, schemes)?)?;
    Ok(out)
}
