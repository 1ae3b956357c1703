//! Lists of `str` in -> UTF-8 views; an item that is not text is refused by its number.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// The items of the argument `name` (a plural), each of which must be a `str`.
pub(crate) fn strings<'py>(name: &str, list: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyString>>> {
    let string = |(index, item): (usize, Bound<'py, PyAny>)| {
        item.cast_into::<PyString>().map_err(|error| {
            let kind = error.into_inner().get_type();
            let got = kind.name().map_or_else(|_| "another".to_owned(), |name| name.to_string());
            let one = name.trim_end_matches('s');
            crate::door::wrong_type(format!("`{name}[{index}]` is of type {got}; every {one} must be a str"))
        })
    };
    list.iter().enumerate().map(string).collect()
}

/// Their characters; a string that is not UTF-8 is refused by its number.
pub(crate) fn utf8<'a>(name: &str, strings: &'a [Bound<'_, PyString>]) -> PyResult<Vec<&'a str>> {
    let borrow = |(index, string): (usize, &'a Bound<'_, PyString>)| {
        string.to_str().map_err(|error| {
            crate::door::wrong_value(format!(
                "`{name}[{index}]` is not valid Unicode ({}); replace its lone surrogates, for example with \
                 text.encode(\"utf-8\", \"replace\").decode()",
                error.value(string.py())
            ))
        })
    };
    strings.iter().enumerate().map(borrow).collect()
}

/// The same, and how many characters there are.
pub(crate) fn borrowed<'a>(
    name: &str,
    strings: &'a [Bound<'_, PyString>],
) -> PyResult<Vec<(&'a str, usize)>> {
    let texts = utf8(name, strings)?;
    texts.into_iter().zip(strings).map(|(text, string)| Ok((text, string.len()?))).collect()
}
