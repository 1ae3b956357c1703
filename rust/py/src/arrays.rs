//! NumPy in -> slices, one a window; core columns -> NumPy out.

use fastpost_core::{Error, Result};
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// One array argument in any of the shapes a batch comes in: an array that is padded or laid end to end, or a
/// list of arrays.
pub(crate) enum Ragged<'py, T: Element> {
    One(PyReadonlyArrayDyn<'py, T>),
    List(Vec<PyReadonlyArrayDyn<'py, T>>),
}

impl<'py, T: Element> FromPyObject<'_, 'py> for Ragged<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyList>() {
            Ok(list) => Ok(Self::List(list.iter().map(|item| item.extract()).collect::<PyResult<_>>()?)),
            Err(_) => Ok(Self::One(object.extract()?)),
        }
    }
}

/// Tokens of each window, and whether the caller said so himself (then the rest of an array is padding).
pub(crate) struct Lengths {
    pub(crate) tokens: Vec<usize>,
    given: bool,
}

impl Lengths {
    /// Lengths of the windows of `logits`: as given, or the whole of each window.
    ///
    /// An item of a list is a window, `(tokens, labels)`, or some of them, `(windows, tokens, labels)`. With
    /// `order`, the windows of the logits are those numbers, in that order.
    pub(crate) fn new<T: Element>(
        name: &'static str,
        logits: &Ragged<'_, T>,
        given: Option<&[i64]>,
        order: Option<&[i64]>,
    ) -> Result<Self> {
        not_negative(given)?;
        let mut widths = Vec::new();
        match logits {
            Ragged::One(array) => match (array.shape(), given) {
                ([tokens, _], None) => widths.push(*tokens),
                ([tokens, _], Some(lengths)) => widths = adding_up(name, lengths, *tokens)?,
                ([windows, tokens, _], _) => widths.resize(*windows, *tokens),
                (shape, _) => return Err(rank(name, shape.len())),
            },
            Ragged::List(arrays) => {
                for array in arrays {
                    match array.shape() {
                        [tokens, _] => widths.push(*tokens),
                        [windows, tokens, _] => widths.extend(std::iter::repeat_n(*tokens, *windows)),
                        shape => return Err(rank(name, shape.len())),
                    }
                }
            }
        }
        if let Some(order) = order {
            widths = in_order(&widths, order)?;
        }
        Self::checked(name, widths, given)
    }
}

impl Lengths {
    /// Lengths of the windows of `scores`, which have one value a token: padded, laid end to end, or a list.
    /// One array of one dimension without lengths is one window.
    pub(crate) fn of_scores<T: Element>(
        name: &'static str,
        scores: &Ragged<'_, T>,
        given: Option<&[i64]>,
    ) -> Result<Self> {
        not_negative(given)?;
        let widths: Vec<usize> = match scores {
            Ragged::One(array) => match (array.shape(), given) {
                ([tokens], None) => vec![*tokens],
                ([tokens], Some(lengths)) => adding_up(name, lengths, *tokens)?,
                ([windows, tokens], _) => vec![*tokens; *windows],
                (shape, _) => return Err(item_rank(name, shape.len(), 1)),
            },
            Ragged::List(arrays) => {
                let tokens = |array: &PyReadonlyArrayDyn<'_, T>| match array.shape() {
                    [tokens] => Ok(*tokens),
                    shape => Err(item_rank(name, shape.len(), 1)),
                };
                arrays.iter().map(tokens).collect::<Result<_>>()?
            }
        };
        Self::checked(name, widths, given)
    }

    /// Lengths as given, if each fits into the width of its window.
    fn checked(name: &'static str, widths: Vec<usize>, given: Option<&[i64]>) -> Result<Self> {
        let Some(lengths) = given else { return Ok(Self { tokens: widths, given: false }) };
        if lengths.len() != widths.len() {
            return Err(Error::WindowCount { name: "lengths", got: lengths.len(), want: widths.len() });
        }
        for (window, (&length, &width)) in lengths.iter().zip(&widths).enumerate() {
            if length as usize > width {
                return Err(Error::LengthOverWidth { name, window, length: length as usize, width });
            }
        }
        Ok(Self { tokens: lengths.iter().map(|&length| length as usize).collect(), given: true })
    }
}

/// Lengths, which are not negative, of arrays laid end to end with `tokens` tokens in all.
fn adding_up(name: &'static str, lengths: &[i64], tokens: usize) -> Result<Vec<usize>> {
    let lengths: Vec<_> = lengths.iter().map(|&length| length as usize).collect();
    let sum = lengths.iter().fold(0_usize, |sum, &length| sum.saturating_add(length));
    if sum == tokens { Ok(lengths) } else { Err(Error::LengthSum { name, sum, got: tokens }) }
}

/// `items`, the n-th of which belongs in place `order[n]`, sorted into their places.
fn in_order<T: Copy>(items: &[T], order: &[i64]) -> Result<Vec<T>> {
    let mut places: Vec<Option<T>> = vec![None; items.len()];
    for (&place, &item) in order.iter().zip(items) {
        if let Some(empty) = usize::try_from(place).ok().and_then(|place| places.get_mut(place)) {
            *empty = Some(item);
        }
    }
    let sorted: Option<Vec<T>> = places.into_iter().collect();
    sorted.filter(|_| order.len() == items.len()).ok_or_else(|| Error::BadOption {
        name: "order",
        got: format!("{} numbers for {} windows", order.len(), items.len()),
        cure: "it holds each window number once",
    })
}

/// Refuses lengths below 0.
fn not_negative(lengths: Option<&[i64]>) -> Result<()> {
    if let Some((window, length)) =
        lengths.and_then(|all| all.iter().enumerate().find(|(_, length)| **length < 0))
    {
        let got = format!("{length} at window {window}");
        return Err(Error::BadOption {
            name: "lengths",
            got,
            cure: "a length is a number of tokens, at least 0",
        });
    }
    Ok(())
}

fn rank(name: &'static str, got: usize) -> Error {
    Error::TypeRank {
        name,
        got,
        want: "(windows, tokens, labels) padded, (tokens, labels) laid end to end with `lengths`, or a list of (tokens, labels)",
    }
}

impl<T: Element> Ragged<'_, T> {
    /// Rows of logits, one slice a window.
    pub(crate) fn rows(
        &self,
        name: &'static str,
        columns: usize,
        lengths: &Lengths,
        order: Option<&[i64]>,
    ) -> Result<Vec<&[T]>> {
        let wrong = |got: usize| Error::LabelCount { labels: columns, columns: got };
        let mut out = Vec::with_capacity(lengths.tokens.len());
        let at = |window: usize| order.map_or(window, |order| order[window] as usize);
        match self {
            Self::One(array) if array.ndim() == 2 => {
                let values = contiguous(name, array)?;
                if array.shape()[1] != columns {
                    return Err(wrong(array.shape()[1]));
                }
                cut(values, columns, &lengths.tokens, &mut out);
            }
            Self::One(array) => pages(name, array, columns, lengths, at, &mut out)?,
            Self::List(arrays) => {
                for array in arrays {
                    pages(name, array, columns, lengths, at, &mut out)?;
                }
            }
        }
        if let Some(order) = order {
            return in_order(&out, order);
        }
        Ok(out)
    }

    /// Values of an argument with `width` values a token (1, or 2 for offsets), one slice a window.
    pub(crate) fn tokens(&self, name: &'static str, width: usize, lengths: &Lengths) -> Result<Vec<&[T]>> {
        let windows = lengths.tokens.len();
        let item = if width == 1 { 1 } else { 2 };
        let pairs = |shape: &[usize]| {
            if width > 1 && shape[shape.len() - 1] != width {
                return Err(Error::NotPairs { name, got: shape[shape.len() - 1] });
            }
            Ok(())
        };
        let check = |window: usize, got: usize| {
            let want = lengths.tokens[window];
            if got < want || (got > want && !lengths.given) {
                return Err(Error::TokenCount { name, window, got, want });
            }
            Ok(want)
        };
        let mut out = Vec::with_capacity(windows);
        match self {
            Self::One(array) if array.ndim() == item => {
                pairs(array.shape())?;
                let (sum, got) = (lengths.tokens.iter().sum(), array.shape()[0]);
                if sum != got {
                    return Err(Error::LengthSum { name, sum, got });
                }
                cut(contiguous(name, array)?, width, &lengths.tokens, &mut out);
            }
            Self::One(array) if array.ndim() == item + 1 => {
                pairs(array.shape())?;
                let (got, padded) = (array.shape()[0], array.shape()[1]);
                if got != windows {
                    return Err(Error::WindowCount { name, got, want: windows });
                }
                let values = contiguous(name, array)?;
                for window in 0..windows {
                    let tokens = check(window, padded)?;
                    let start = window * padded * width;
                    out.push(&values[start..start + tokens * width]);
                }
            }
            Self::One(array) => return Err(item_rank(name, array.ndim(), width)),
            Self::List(arrays) => {
                if arrays.len() != windows {
                    return Err(Error::WindowCount { name, got: arrays.len(), want: windows });
                }
                for (window, array) in arrays.iter().enumerate() {
                    if array.ndim() != item {
                        return Err(item_rank(name, array.ndim(), width));
                    }
                    pairs(array.shape())?;
                    let tokens = check(window, array.shape()[0])?;
                    out.push(&contiguous(name, array)?[..tokens * width]);
                }
            }
        }
        Ok(out)
    }
}

fn item_rank(name: &'static str, got: usize, width: usize) -> Error {
    let want = if width == 1 {
        "(windows, tokens) padded, (tokens,) laid end to end with `lengths`, or a list of (tokens,)"
    } else {
        "(windows, tokens, 2) padded, (tokens, 2) laid end to end with `lengths`, or a list of (tokens, 2)"
    };
    Error::TypeRank { name, got, want }
}

fn contiguous<'a, T: Element>(name: &'static str, array: &'a PyReadonlyArrayDyn<'_, T>) -> Result<&'a [T]> {
    array.as_slice().map_err(|_| Error::NotContiguous { name })
}

/// Cuts values laid end to end into windows.
fn cut<'a, T>(values: &'a [T], width: usize, lengths: &[usize], out: &mut Vec<&'a [T]>) {
    let mut rest = values;
    for &tokens in lengths {
        let (window, after) = rest.split_at(tokens * width);
        out.push(window);
        rest = after;
    }
}

/// Appends the windows of `(tokens, labels)` or `(windows, tokens, labels)`, without their padding.
fn pages<'a, T: Element>(
    name: &'static str,
    array: &'a PyReadonlyArrayDyn<'_, T>,
    columns: usize,
    lengths: &Lengths,
    at: impl Fn(usize) -> usize,
    out: &mut Vec<&'a [T]>,
) -> Result<()> {
    let shape = array.shape();
    let &[.., tokens, got] = shape else { return Err(rank(name, shape.len())) };
    if got != columns {
        return Err(Error::LabelCount { labels: columns, columns: got });
    }
    let values = contiguous(name, array)?;
    let page = tokens * columns;
    let windows = if shape.len() == 2 { 1 } else { shape[0] };
    for window in 0..windows {
        let start = window * page;
        let used = lengths.tokens[at(out.len())] * columns;
        out.push(&values[start..start + used]);
    }
    Ok(())
}

/// Moves a core column into NumPy, read-only.
pub(crate) fn column<T: Element>(py: Python<'_>, values: Vec<T>) -> Py<PyArray1<T>> {
    let array = PyArray1::from_vec(py, values);
    // Sharing one column between results and users is safe only while nobody can write to it.
    array.readwrite().make_nonwriteable();
    array.unbind()
}
