"""Probabilities passed in place of logits: noticed by a look at a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastpost._warn import warn_caller
from fastpost.types import Ints1d

_ROWS = 64
"""The most rows to look at: a softmax shows in each."""


def warn_of_rows(name: str, values: Any, kind: str) -> None:
    """Warns if each row of logits, (tokens, labels), is a distribution over two labels or more."""
    if _is_logit(values, kind):
        return
    rows = _rows(values, kind)
    if rows is not None and rows.shape[1] > 1 and _is_distributed(rows, kind):
        _warn(f"`{name}` has rows between 0 and 1 that add up to 1")


def warn_of_windows(names: tuple[str, str], values: tuple[Any, Any], kinds: tuple[str, str], lengths: Any) -> None:
    """Warns if the scores of each window, (tokens,), are a distribution over two tokens or more, for starts and ends."""
    if _is_logit(values[0], kinds[0]) or _is_logit(values[1], kinds[1]):
        return
    for array, kind in zip(values, kinds):
        windows = [row for row in _windows(array, lengths) if len(row)]
        if not windows or any(len(row) < 2 or not _is_distributed(_floats(row[None], kind), kind) for row in windows):
            return
    _warn(f"`{names[0]}` and `{names[1]}` lie between 0 and 1 and add up to 1 in each window")


def _is_logit(values: Any, kind: str) -> bool:
    """Whether one of a few values is not a probability; for most logits this settles it, in less than a microsecond."""
    first = values[0] if isinstance(values, list) and values else values
    if isinstance(first, list):
        return True  # no windows
    count = first.size
    if kind != "float32" or not count:
        return False
    item = first.item
    return not (
        0.0 <= item(0) <= 1.0
        and 0.0 <= item(count - 1) <= 1.0
        and 0.0 <= item(count // 2) <= 1.0
        and 0.0 <= item(count // 3) <= 1.0
        and 0.0 <= item(count // 5) <= 1.0
    )


def _warn(what: str) -> None:
    warn_caller(f"{what}, as probabilities do; scores will be wrong: pass logits, or np.log(probabilities)")


def _rows(values: Any, kind: str) -> npt.NDArray[Any] | None:
    """Some rows from all over the array, without padding of zeros."""
    arrays = [array for array in (values if isinstance(values, list) else [values]) if array.size and array.ndim > 1]
    if not arrays:
        return None
    some = arrays[:: len(arrays) // _ROWS + 1]
    flat = [array.reshape(-1, array.shape[-1]) for array in some]
    if len({rows.shape[1] for rows in flat}) > 1:
        return None  # an error that is told elsewhere
    most = max(_ROWS // len(flat), 1)
    rows = _floats(np.concatenate([rows[:: len(rows) // most + 1] for rows in flat]), kind)
    rows = rows[rows.any(axis=1)]
    return rows if len(rows) else None


def _windows(values: Any, lengths: Ints1d | None) -> Iterator[npt.NDArray[Any]]:
    if isinstance(values, list) or values.ndim == 2:
        for window, row in enumerate(values):
            yield row if lengths is None or window >= len(lengths) else row[: max(int(lengths[window]), 0)]
    elif lengths is None:
        yield values
    else:
        yield from np.split(values, np.cumsum(lengths)[:-1])


def _floats(bits: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    if kind == "float16":
        return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << 16).view(np.float32) if kind == "bfloat16" else bits


def _is_distributed(rows: npt.NDArray[Any], kind: str) -> bool:
    """Whether all rows lie in 0 to 1 and add up to 1, within the precision of their type."""
    if not ((rows >= 0) & (rows <= 1)).all():
        return False
    near = {"float32": 1e-4, "float16": 5e-3, "bfloat16": 3e-2}[kind]
    return bool((np.abs(rows.sum(axis=1, dtype=np.float64) - 1) <= near).all())
