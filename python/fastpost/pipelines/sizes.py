"""Options of all pipelines that are sizes or flags: a bool is not a size, nor a word a flag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import with_article
from fastpost.entities.options import PIPELINE_OPTIONS
from fastpost.exceptions import Argument, refuse

AT_ONCE: dict[str, Any] = {name: one.transformers for name, one in PIPELINE_OPTIONS.items() if not one.own_only}
"""What all pipelines take that says how much the model is given at once, with transformers' defaults."""

_SIZES = ("num_workers", *AT_ONCE, "stride", "doc_stride", "max_seq_len", "max_question_len")
_FLAGS = ("is_split_into_words", "rank")


def check_sizes(options: Mapping[str, Any]) -> None:
    """Refuses values that no option can have; whether a size fits model and texts is checked where these are known.

    Raises:
        TypeError: for a size that is no int, a flag that is no bool.
        ValueError: for fewer workers than none.
    """
    for name in _SIZES:
        value = options.get(name)
        if value is None or (name == "batch_size" and isinstance(value, str) and value == "auto"):
            continue
        if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
            given = f" is {_bounds.shown(value)}, {with_article(type(value).__name__)}"
            # transformers raises ValueError for a batch size that is not a number.
            kind = ValueError if name == "batch_size" and not isinstance(value, (bool, np.bool_)) else TypeError
            raise refuse(kind, Argument(name), given, cure="pass an int")
    if options.get("num_workers") is not None:
        _bounds.whole("num_workers", options["num_workers"])
    for name in _FLAGS:
        value = options.get(name)
        if value is not None and not isinstance(value, (bool, np.bool_)):
            raise refuse(TypeError, Argument(name), f" is {_bounds.shown(value)}", cure="pass True or False")
    progress = options.get("progress")
    if progress is not None and not isinstance(progress, (bool, np.bool_)) and not callable(progress):
        raise refuse(
            TypeError,
            Argument("progress"),
            f" is {_bounds.shown(progress)}",
            cure="pass True, False, or a function that is called with items and tokens",
        )
    delimiter = options.get("delimiter")
    if delimiter is not None and not isinstance(delimiter, str):
        raise refuse(TypeError, Argument("delimiter"), f" is {_bounds.shown(delimiter)}", cure="pass a str")


def check_batches(given: dict[str, Any]) -> None:
    """Lets at most one of `batch_size` and `batch_tokens` be given, which replaces the other.

    Raises:
        ValueError: if both are.
    """
    size, tokens = given.get("batch_size"), given.get("batch_tokens")
    if size is not None and tokens is not None:
        raise refuse(
            ValueError,
            f"`batch_tokens` is {_bounds.shown(tokens)} and `batch_size` is {_bounds.shown(size)}; pass one of the two",
            argument="batch_tokens",
        )
    if size is not None:
        given["batch_tokens"] = None


def check_size(batch_size: Any, tokens: Any) -> Any:
    """`batch_size`, refused as transformers refuses it; it is `None` if `tokens` are given."""
    if tokens is not None:
        return None
    if batch_size != "auto" and (not isinstance(batch_size, int) or batch_size < 1):
        raise refuse(
            ValueError,
            f"batch_size should be a positive integer value, but got batch_size={_bounds.shown(batch_size)}",
            argument="batch_size",
        )
    return batch_size


def refuse_tokens(batch_size: Any, tokens: Any, reason: str) -> None:
    """Refuses options that transformers' own path does not know."""
    if tokens is not None or batch_size == "auto":
        name = f"`batch_tokens` is {_bounds.shown(tokens)}" if tokens is not None else '`batch_size` is "auto"'
        raise refuse(
            ValueError,
            f"{name}, but {reason}, so batches are transformers' own; pass batch_size= with a number",
            argument="batch_size",
        )
