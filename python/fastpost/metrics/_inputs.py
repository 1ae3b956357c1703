"""The arguments `y_true` and `y_pred` -> tags or spans in Rust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastpost._fastpost import SpanPairs, TagPairs
from fastpost._inputs import arrays as _arrays
from fastpost._inputs.bounds import shown
from fastpost.entities.decoder import _label_names
from fastpost.entities.result import Entities
from fastpost.exceptions import refuse

_NO_LISTS = "Found input variables without list of list: "


def read(y_true: Any, y_pred: Any, id2label: Any, ignore_index: int) -> TagPairs | SpanPairs:
    """Both sides, as tags, as label ids with `id2label`, or as spans."""
    if id2label is not None:
        if not isinstance(ignore_index, (int, np.integer)):
            raise refuse(
                TypeError,
                f"`ignore_index` is {shown(ignore_index)}; pass an int, -100 where no label is to be left out",
                argument="ignore_index",
            )
        labels = _label_names(id2label)
        return TagPairs.ids(_ids("y_true", y_true), _ids("y_pred", y_pred), labels, ignore_index)
    true, predicted = _rows("y_true", y_true), _rows("y_pred", y_pred)
    kinds = {name: _kind(name, rows) for name, rows in (("y_true", true), ("y_pred", predicted))}
    kinds = {name: "tags" if kind == "other" else kind for name, kind in kinds.items()}
    if None in kinds.values():  # it is empty: read it like the other one
        kinds = dict.fromkeys(kinds, kinds["y_true"] or kinds["y_pred"] or "tags")
    if kinds["y_true"] != kinds["y_pred"]:
        raise refuse(
            TypeError,
            f"`y_true` holds {kinds['y_true']} but `y_pred` holds {kinds['y_pred']}; pass the same kind in both",
            argument="y_true",
        )
    if kinds["y_true"] == "label ids":
        raise refuse(
            TypeError,
            "`y_true` holds label ids; pass `id2label`, the model's label names, with them",
            argument="y_true",
        )
    if kinds["y_true"] == "spans":
        return SpanPairs(_spans("y_true", true), _spans("y_pred", predicted))
    if not true and not predicted:
        raise refuse(
            TypeError, f"{_NO_LISTS}`y_true` and `y_pred` are empty; pass one list of tags per text", argument="y_true"
        )
    return TagPairs.tags(true, predicted)


def read_tags(y_true: Any, y_pred: Any, id2label: Any, ignore_index: int, flat: bool = False) -> TagPairs:
    """Both sides, which must be tags or label ids; `flat` takes one sequence without a list around it."""
    if flat and id2label is None:
        y_true, y_pred = _rows("y_true", y_true), _rows("y_pred", y_pred)
        if not any(isinstance(row, (list, tuple, np.ndarray)) for row in (*y_true, *y_pred)):
            y_true, y_pred = [y_true], [y_pred]
    found = read(y_true, y_pred, id2label, ignore_index)
    if isinstance(found, SpanPairs):
        raise refuse(
            TypeError, "`y_true` holds spans; this score counts tokens, pass tags or label ids", argument="y_true"
        )
    return found


def read_sequence(seq: Any) -> tuple[list[Any], bool]:
    """Tags of one sequence or of several, and whether they are several."""
    rows = _rows("seq", seq)
    return rows, any(isinstance(row, (list, tuple, np.ndarray)) for row in rows)


def _rows(name: str, value: Any) -> Any:
    """`value` as a list of rows, rows as they are; `Entities` stay."""
    if type(value) is list or isinstance(value, Entities):
        return value
    if isinstance(value, (str, bytes, Mapping, set, frozenset)) or not (
        isinstance(value, Iterable) or hasattr(value, "tolist")
    ):
        raise refuse(
            TypeError, f"{_NO_LISTS}`{name}` is of type {type(value).__name__}; pass one list per text", argument=name
        )
    for method in ("to_pylist", "tolist"):  # of Arrow; of NumPy, pandas and torch
        if hasattr(value, method):
            value = getattr(value, method)()
            break
    return list(value)


def _kind(name: str, rows: Any) -> str | None:
    """The kind of the first item of all rows; "other" is refused later, where its place is known."""
    if isinstance(rows, Entities):
        return "spans"
    for row in rows:
        if isinstance(row, str) or not isinstance(row, Iterable):
            return "other"
        for item in row if hasattr(row, "__len__") else ():
            if isinstance(item, str):
                return "tags"
            if isinstance(item, (tuple, list, Mapping)):
                return "spans"
            if isinstance(row, tuple) and any(isinstance(part, str) for part in row):
                raise refuse(
                    TypeError,
                    f"`{name}` holds spans without a list around them; pass one list of spans per text",
                    argument=name,
                )
            return "label ids" if isinstance(item, (int, np.integer)) else "other"
    return None


def _spans(name: str, rows: Any) -> Any:
    if not isinstance(rows, Entities):
        return rows
    if len(rows) and rows.start.min() < 0:
        raise refuse(ValueError, f"`{name}` has entities without places; decode them with `offsets`", argument=name)
    return rows.text_index, rows.start, rows.end, rows.label_id, list(rows.labels), rows.text_count


def _ids(name: str, value: Any) -> Any:
    """Label ids as Rust borrows them: an array, or a list of arrays."""
    if isinstance(value, Entities):
        raise refuse(TypeError, f"`{name}` is of type Entities; with `id2label` pass label ids", argument=name)
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        is_column = isinstance(value, np.ndarray) and value.dtype == object  # of lists, which may be of uneven lengths
        array = value if is_column else _arrays.to_numpy(name, value)
        if array.dtype != object:
            return _arrays.integers(name, array)
    rows = _rows(name, value)
    kind = _kind(name, rows)
    if rows and isinstance(rows[0], (int, np.integer)):  # one text
        return _arrays.integers(name, np.asarray(rows))
    if kind in ("tags", "spans"):
        raise refuse(
            TypeError, f"`{name}` holds {kind}; with `id2label` pass label ids, or leave `id2label` out", argument=name
        )
    nothing = np.zeros(0, np.int64)
    return [nothing if hasattr(row, "__len__") and not len(row) else _arrays.integers(name, row) for row in rows]
