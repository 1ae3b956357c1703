"""The input of a token-classification pipeline -> a text, a list of texts, or a source of texts one by one."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import chain
from typing import Any

from fastpost._inputs.bounds import with_article
from fastpost.corpus.corpus import Corpus
from fastpost.exceptions import refuse


def read_inputs(inputs: Any, split: bool = False) -> Any:
    """`inputs` as transformers' pipeline takes them.

    Args:
        inputs: a text; a list or tuple of them, a Series of pandas or polars, an array of NumPy or Arrow, a column of
            `datasets`, or anything else with a length: these become a list. A generator, a dataset of torch, an
            iterator or a `Corpus` is left to be read while results are.
        split: whether each text is a list of words.

    Returns:
        A `str`, a list, a generator or a dataset of torch.

    Raises:
        ValueError: if `inputs` is something else; it says what.
    """
    if isinstance(inputs, (str, list, types.GeneratorType)):
        return inputs
    if _is_torch_dataset(inputs) and not _column_names(inputs):
        return inputs
    if isinstance(inputs, tuple):
        return list(inputs)
    if isinstance(inputs, Corpus):
        return _one_by_one(chain.from_iterable(inputs))
    if wrong := find_fault(inputs):
        raise refuse(ValueError, f"the input is {wrong}", argument="inputs")
    if not isinstance(inputs, Sized):
        return _one_by_one(inputs)
    items = read_list(inputs)
    return [read_list(item) if _is_collection(item) else item for item in items] if split else items


def read_list(values: Any) -> Any:
    """A Series, an array, a column, a tuple as a list of Python objects."""
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow, polars and pandas, NumPy
        if hasattr(values, method):
            return getattr(values, method)()
    return list(values)


def show_kind(value: Any, most: int = 40) -> str:
    """A value as errors show it: its type, and as much of it as fits."""
    if value is None:
        return "None"
    shown = repr(value) if isinstance(value, (bool, int, float)) else ""
    return f"{type(value).__name__} {shown}".strip()[:most]


def find_fault(inputs: Any) -> str | None:
    """What `inputs` is and what to pass instead, if it does not hold texts one after the other."""
    kind = show_kind(inputs)
    if isinstance(inputs, (bytes, bytearray, memoryview)):
        return f'{kind}; pass a str, for example value.decode("utf-8")'
    if isinstance(inputs, Mapping) and inputs and all(map(_column_names, inputs.values())):
        splits = ", ".join(map(str, inputs))[:60]
        return f"{with_article(kind)} of the splits {splits}; choose one, and its column that holds the texts"
    if isinstance(inputs, Mapping):
        return f"{with_article(kind)}; pass its texts, for example list(value.values())"
    if isinstance(inputs, (set, frozenset)):
        return f"{with_article(kind)}, whose texts have no order; pass a list of them"
    if names := _column_names(inputs):
        return f"{with_article(kind)} with the columns {', '.join(names[:5])[:60]}; pass the one that holds the texts"
    if getattr(inputs, "ndim", 1) == 0:
        return f"{with_article(kind)} without an axis; pass a str, or an array of one axis"
    if not hasattr(inputs, "__iter__") and not hasattr(inputs, "__getitem__"):
        return f"{kind}; pass a str, a list of str, a Series, an array, a generator or a dataset"
    return None


def _column_names(value: Any) -> list[str]:
    """Names of the columns of a table: of Arrow, of `datasets`, of pandas or polars."""
    names = getattr(value, "column_names", None)
    names = getattr(value, "columns", None) if names is None else names
    known = isinstance(names, Iterable) and type(value).__module__.partition(".")[0] in _TABLES
    return [str(name) for name in names] if known and names is not None else []


_TABLES = ("datasets", "pandas", "polars", "pyarrow")


def _is_collection(value: Any) -> bool:
    return isinstance(value, tuple) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1)


def _one_by_one(items: Iterable[Any]) -> Iterator[Any]:
    """A generator: transformers reads one while the results are read."""
    yield from items


def _is_torch_dataset(value: Any) -> bool:
    """Whether `value` is a dataset of torch, without importing torch; one of `datasets` counts if set to torch."""
    return any(base.__name__ == "Dataset" and base.__module__.startswith("torch.") for base in type(value).__mro__)
