//! NumPy in -> slices, one a window; core columns -> NumPy out.

use fastpost_core::batch::Ints;
use fastpost_core::{Error, Result};
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::rc::Rc;

/// One array argument in any of the shapes a batch comes in: an array that is padded or laid end to end, or a
/// list of arrays.
pub(crate) enum Ragged<'py, T: Element> {
    One(PyReadonlyArrayDyn<'py, T>),
    List(Vec<Item<'py, T>>),
}

/// An array of a list, and the borrow of the memory that it lies in.
///
/// Arrays cut from one array share the borrow of that one: a borrow is compared with all others of the same memory, so
/// a list of 8,000 windows of one array, with a borrow each, took 120 ms, 100 of them for comparing.
pub(crate) struct Item<'py, T: Element> {
    array: Bound<'py, PyArrayDyn<T>>,
    memory: Rc<PyReadonlyArrayDyn<'py, T>>,
}

impl<'py, T: Element> FromPyObject<'_, 'py> for Ragged<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyList>() {
            Ok(list) => Ok(Self::List(items(&list)?)),
            Err(_) => Ok(Self::One(object.extract()?)),
        }
    }
}

/// The arrays of a list, borrowed.
fn items<'py, T: Element>(list: &Bound<'py, PyList>) -> PyResult<Vec<Item<'py, T>>> {
    let base = intern!(list.py(), "base");
    // The array that the item before was cut from, and its borrow.
    let mut known: Option<(Bound<'py, PyAny>, Rc<PyReadonlyArrayDyn<'py, T>>)> = None;
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        let array = item.cast_into::<PyArrayDyn<T>>()?;
        let whole = array.getattr(base)?;
        let memory = match &known {
            Some((same, memory)) if same.is(&whole) => Rc::clone(memory),
            _ => match memory_of(&whole)? {
                Some(memory) => {
                    let memory = Rc::new(memory);
                    known = Some((whole, Rc::clone(&memory)));
                    memory
                }
                None => Rc::new(array.try_readonly()?),
            },
        };
        out.push(Item { array, memory });
    }
    Ok(out)
}

/// Borrows the array that items were cut from; `None` if it is not an array, or can't be read as values of their size.
fn memory_of<'py, T: Element>(whole: &Bound<'py, PyAny>) -> PyResult<Option<PyReadonlyArrayDyn<'py, T>>> {
    let Ok(array) = whole.cast::<PyUntypedArray>() else { return Ok(None) };
    if array.dtype().itemsize() != size_of::<T>() || !array.is_contiguous() {
        return Ok(None);
    }
    // 16-bit floats come as views of their bits, whatever type the memory has.
    Ok(Some(whole.call_method1(intern!(whole.py(), "view"), (T::get_dtype(whole.py()),))?.extract()?))
}

impl<T: Element> Item<'_, T> {
    fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// Its values, row by row.
    fn values(&self, name: &'static str) -> Result<&[T]> {
        let wrong = || Error::NotContiguous { name, copy: "numpy.ascontiguousarray" };
        if self.array.len() == 0 {
            return Ok(&[]);
        }
        let memory = self.memory.as_slice().map_err(|_| wrong())?;
        let bytes = self.array.data().addr().wrapping_sub(memory.as_ptr().addr());
        let first = bytes / size_of::<T>();
        let values = memory.get(first..first.saturating_add(self.array.len()));
        let in_step = bytes.is_multiple_of(size_of::<T>()) && self.array.is_c_contiguous();
        values.filter(|_| in_step).ok_or_else(wrong)
    }
}

/// Tokens of each window, and whether the caller gave these numbers (then the rest of an array is padding).
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
                ([windows, tokens, _], _) => repeat(&mut widths, name, array.len(), *windows, *tokens)?,
                (shape, _) => return Err(rank(name, shape.len())),
            },
            Ragged::List(arrays) => {
                for array in arrays {
                    match array.shape() {
                        [tokens, _] => widths.push(*tokens),
                        [windows, tokens, _] => {
                            repeat(&mut widths, name, array.array.len(), *windows, *tokens)?;
                        }
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
                ([windows, tokens], _) => {
                    let mut widths = Vec::new();
                    repeat(&mut widths, name, array.len(), *windows, *tokens)?;
                    widths
                }
                (shape, _) => return Err(item_rank(name, shape.len(), 1)),
            },
            Ragged::List(arrays) => {
                let tokens = |array: &Item<'_, T>| match array.shape() {
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

/// How many windows an array without values may have: a shape with more holds no data, only a large number.
const EMPTY_WINDOWS: usize = 1 << 20;

/// Appends the widths of the windows of an array that holds `values` values.
fn repeat(
    widths: &mut Vec<usize>,
    name: &'static str,
    values: usize,
    windows: usize,
    tokens: usize,
) -> Result<()> {
    if values == 0 && widths.len().saturating_add(windows) > EMPTY_WINDOWS.max(widths.len()) {
        return Err(Error::BadOption {
            name,
            got: format!("an array of {windows} windows that holds no value"),
            cure: "pass windows that have tokens",
        });
    }
    widths.extend(std::iter::repeat_n(tokens, windows));
    Ok(())
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
    /// Whether all of it lies row by row, at aligned addresses.
    pub(crate) fn is_laid_out(&self) -> bool {
        match self {
            Self::One(array) => contiguous("", array).is_ok(),
            Self::List(arrays) => arrays.iter().all(|array| array.values("").is_ok()),
        }
    }

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
            Self::One(array) => {
                pages(contiguous(name, array)?, array.shape(), columns, lengths, at, &mut out)?;
            }
            Self::List(arrays) => {
                for array in arrays {
                    pages(array.values(name)?, array.shape(), columns, lengths, at, &mut out)?;
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
                    let shape = array.shape();
                    if shape.len() != item {
                        return Err(item_rank(name, shape.len(), width));
                    }
                    pairs(shape)?;
                    let tokens = check(window, shape[0])?;
                    out.push(&array.values(name)?[..tokens * width]);
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
    let wrong = || Error::NotContiguous { name, copy: "numpy.ascontiguousarray" };
    // `as_slice` takes arrays that lie column by column, too.
    if array.len() > 0 && !array.is_c_contiguous() {
        return Err(wrong());
    }
    array.as_slice().map_err(|_| wrong())
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

/// Appends the windows of `values` in the shape `(tokens, labels)` or `(windows, tokens, labels)`, without their padding.
fn pages<'a, T>(
    values: &'a [T],
    shape: &[usize],
    columns: usize,
    lengths: &Lengths,
    at: impl Fn(usize) -> usize,
    out: &mut Vec<&'a [T]>,
) -> Result<()> {
    let (tokens, got) = (shape[shape.len() - 2], shape[shape.len() - 1]); // `Lengths::new` has seen the rank
    if got != columns {
        return Err(Error::LabelCount { labels: columns, columns: got });
    }
    let page = tokens * columns;
    let windows = if shape.len() == 2 { 1 } else { shape[0] };
    for window in 0..windows {
        let start = window * page;
        let used = lengths.tokens[at(out.len())] * columns;
        out.push(&values[start..start + used]);
    }
    Ok(())
}

/// Integers as they come.
pub(crate) enum Integers<'py> {
    Long(Ragged<'py, i64>),
    Int(Ragged<'py, i32>),
    Byte(Ragged<'py, i8>),
}

impl<'py> FromPyObject<'_, 'py> for Integers<'py> {
    type Error = PyErr;

    /// The type is asked for, not tried: what an attempt raises takes longer than a small window takes to decode.
    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let first = object.cast::<PyList>().ok().and_then(|list| list.get_item(0).ok());
        let array = first.as_ref().map_or(object, |first| first.as_borrowed());
        let bytes = array.cast::<PyUntypedArray>().map_or(0, |array| array.dtype().itemsize());
        Ok(match bytes {
            1 => Self::Byte(object.extract()?),
            4 => Self::Int(object.extract()?),
            _ => Self::Long(object.extract()?),
        })
    }
}

impl<'py> Integers<'py> {
    /// An argument that can be read as it is.
    pub(crate) fn borrow(given: &Bound<'py, PyAny>) -> Option<Self> {
        let read: Self = given.extract().ok()?;
        let laid_out = match &read {
            Self::Long(array) => array.is_laid_out(),
            Self::Int(array) => array.is_laid_out(),
            Self::Byte(array) => array.is_laid_out(),
        };
        laid_out.then_some(read)
    }

    pub(crate) fn windows(
        &self,
        name: &'static str,
        width: usize,
        lengths: &Lengths,
    ) -> Result<Vec<Ints<'_>>> {
        Ok(match self {
            Self::Long(array) => array.tokens(name, width, lengths)?.into_iter().map(Ints::I64).collect(),
            Self::Int(array) => array.tokens(name, width, lengths)?.into_iter().map(Ints::I32).collect(),
            Self::Byte(array) => array.tokens(name, width, lengths)?.into_iter().map(Ints::I8).collect(),
        })
    }
}

/// Moves a core column into NumPy, read-only.
pub(crate) fn column<T: Element>(py: Python<'_>, values: Vec<T>) -> Py<PyArray1<T>> {
    let array = PyArray1::from_vec(py, values);
    // Sharing one column between results and users is safe only while nobody can write to it.
    array.readwrite().make_nonwriteable();
    array.unbind()
}
