"""Masks of tokens: the attention mask, and tokens that are not of the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastpost._inputs import arrays as _arrays
from fastpost._inputs.bounds import counted
from fastpost.exceptions import Argument, refuse
from fastpost.types import Batch, Ints1d

Rows = list[npt.NDArray[Any]]


def attention(
    mask: Batch, name: str, values: Any, lengths: Ints1d | None, rank: int
) -> tuple[Ints1d | None, Rows | npt.NDArray[Any] | None]:
    """Reads an attention mask: the lengths of the windows, and which other tokens to leave out.

    Args:
        mask: 1 for tokens that the model saw, 0 for padding, after or before them.
        name, values: of the logits that it belongs to, already read.
        lengths: of the windows, if they were given.
        rank: dimensions of one window of the logits.

    Returns:
        Lengths that leave out padding after the tokens; and, for padding before them, one row per window, not 0 for
        padding (one row in all for logits that are laid end to end).

    Raises:
        ValueError: if the mask holds anything but 0 and 1, has a hole, does not fit the logits, or contradicts
            `lengths`.
    """
    read = _zeros_and_ones(mask)
    flat = not isinstance(values, list) and values.ndim == rank
    widths = _widths(values, rank, lengths)
    if lengths is not None and (len(lengths) != len(widths) or (flat and sum(widths) != len(values))):
        return lengths, None  # an error that is told elsewhere
    rows = _cut(read, widths, flat)
    if len(rows) != len(widths):
        raise refuse(
            ValueError,
            f"`attention_mask` has {counted(len(rows), 'window')} but `{name}` has {len(widths)}; pass one row per window",
            argument="attention_mask",
        )
    firsts, ends, counts = _bounds(rows)
    for window in np.flatnonzero(ends - firsts != counts).tolist():
        hole = firsts[window] + int(np.argmin(rows[window][firsts[window] :]))
        raise refuse(
            ValueError,
            f"`attention_mask` is 0 at token {hole} of window {window}, between tokens where it is 1; it tells what is padding, at "
            "one end; to leave tokens out, pass `special_tokens_mask`, or a sequence id of -1",
            argument="attention_mask",
        )
    for window, (row, width, end) in enumerate(zip(rows, widths, ends.tolist())):
        if len(row) < width or end > width:
            raise refuse(
                ValueError,
                f"`attention_mask` has {counted(len(row), 'token')} in window {window} but `{name}` has {width}; pass one value per "
                "token",
                argument="attention_mask",
            )
    if lengths is not None and not flat:
        for window in np.flatnonzero((lengths != ends) | (firsts > 0)).tolist():
            raise refuse(
                ValueError,
                f"`lengths` says that window {window} has {counted(int(lengths[window]), 'token')}, and `attention_mask` that it has "
                f"those from {firsts[window]} to {ends[window]}; pass one of the two",
                argument="lengths",
            )
        return lengths, None
    if flat:
        return lengths, (read == 0).view(np.uint8) if isinstance(
            read, np.ndarray
        ) and read.ndim == 1 else np.concatenate(
            [np.zeros(0, np.uint8), *((row[:width] == 0).view(np.uint8) for row, width in zip(rows, widths))]
        )
    if not firsts.any():
        return ends, None
    return ends, [(row[:width] == 0).view(np.uint8) for row, width in zip(rows, widths)]


def _zeros_and_ones(mask: Batch) -> Any:
    """A mask, refused if it holds anything but 0 and 1: a model would read other numbers otherwise."""
    read: Any = _arrays.integers("attention_mask", mask)
    rows = read if isinstance(read, list) else [read]
    for row in rows:
        odd = np.argwhere((row != 0) & (row != 1))
        if len(odd):
            number = row[tuple(odd[0])]
            raise refuse(
                ValueError, Argument("attention_mask"), f" holds {number}", cure="pass 1 for tokens and 0 for padding"
            )
    return [row.astype(np.uint8) for row in rows] if isinstance(read, list) else read.astype(np.uint8)


def _bounds(rows: Any) -> tuple[Ints1d, Ints1d, Ints1d]:
    """For each row of a mask: first token, last token (excluded) and number of tokens."""
    if isinstance(rows, np.ndarray) and rows.shape[1]:
        counts = rows.sum(axis=1, dtype=np.int64)
        ends = np.where(counts > 0, rows.shape[1] - rows[:, ::-1].argmax(axis=1), 0)
        return np.where(counts > 0, rows.argmax(axis=1), 0), ends, counts
    bounds = np.zeros((3, len(rows)), np.int64)
    for window, row in enumerate(rows):
        seen = np.flatnonzero(row)
        if len(seen):
            bounds[:, window] = seen[0], seen[-1] + 1, len(seen)
    return bounds[0], bounds[1], bounds[2]


def without(special: Any, outside: Any, lengths: Ints1d | None) -> Any:
    """`special`, a mask of tokens to leave out or `None`, extended by those of `outside`."""
    if special is None:
        return [np.asarray(row, np.uint8) for row in outside] if isinstance(outside, list) else outside.astype(np.uint8)
    if isinstance(special, np.ndarray) and special.ndim == 1:
        rows = outside if isinstance(outside, list) else [outside]
        if isinstance(outside, list) and lengths is not None:
            rows = [row[:length] for row, length in zip(rows, lengths.tolist())]
        return _either(special, np.concatenate([np.zeros(0, np.uint8), *rows]))
    if not isinstance(outside, list):
        counts = [len(row) for row in special] if lengths is None else lengths.tolist()
        outside = np.split(outside, np.cumsum(counts)[:-1]) if counts else []
    return [_either(row, marks) for row, marks in zip(special, outside)] if len(special) == len(outside) else special


def not_of_text(sequences: Any, outside: Any, lengths: Ints1d | None) -> Any:
    """`sequences`, with -1 for the tokens of `outside`."""
    if isinstance(sequences, np.ndarray) and sequences.ndim == 1 and isinstance(outside, list):
        rows = outside if lengths is None else [row[:length] for row, length in zip(outside, lengths.tolist())]
        outside = np.concatenate([np.zeros(0, np.bool_), *rows])
    if isinstance(sequences, np.ndarray) and sequences.ndim == 1:
        return _minus_one(sequences, outside)
    if not isinstance(outside, list):
        counts = [len(row) for row in sequences] if lengths is None else lengths.tolist()
        outside = np.split(outside, np.cumsum(counts)[:-1]) if counts else []
    return (
        [_minus_one(row, marks) for row, marks in zip(sequences, outside)]
        if len(sequences) == len(outside)
        else sequences
    )


def _minus_one(ids: Any, marks: Any) -> Ints1d:
    made = np.array(ids, np.int64)
    count = min(len(made), len(marks))
    made[:count][np.asarray(marks[:count], np.bool_)] = -1
    return made


def _either(mask: Any, marks: Any) -> npt.NDArray[np.uint8]:
    made: npt.NDArray[np.uint8] = (np.asarray(mask) != 0).view(np.uint8)
    count = min(len(made), len(marks))
    made[:count] |= np.asarray(marks[:count], np.bool_)
    return made


def _widths(values: Any, rank: int, lengths: Ints1d | None) -> list[int]:
    """Tokens of each window of logits, padding counted."""
    if not isinstance(values, list):
        if values.ndim == rank:
            return [len(values)] if lengths is None else [int(length) for length in lengths]
        return [int(values.shape[1])] * len(values) if values.ndim == rank + 1 else []
    widths: list[int] = []
    for array in values:
        widths += (
            [len(array)] if array.ndim == rank else [int(array.shape[1])] * len(array) if array.ndim > rank else []
        )
    return widths


def _cut(mask: Any, widths: list[int], flat: bool) -> Any:
    """The rows of a mask, one a window."""
    if isinstance(mask, list):
        rows: Any = mask
    elif mask.ndim == 1 and flat and sum(widths) == len(mask):
        rows = np.split(mask, np.cumsum(widths)[:-1]) if widths else []
    else:
        rows = mask if mask.ndim > 1 else [mask]
    for number, row in enumerate(rows[:1] if isinstance(rows, np.ndarray) else rows):
        if row.ndim != 1:
            raise refuse(
                TypeError,
                f"`attention_mask[{number}]` has {counted(row.ndim, 'dimension')}; pass one value per token",
                argument="attention_mask",
            )
    return rows
