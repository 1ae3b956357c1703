"""Options of all pipelines that are sizes or flags: a bool is no size and a word no flag, whatever a library makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastpost._inputs import bounds as _bounds
from fastpost.exceptions import Argument, refuse

_SIZES = ("num_workers", "batch_size", "stride", "doc_stride", "max_seq_len", "max_question_len")
_FLAGS = ("is_split_into_words", "rank")


def check_sizes(options: Mapping[str, Any]) -> None:
    """Refuses what can't be an option; whether a size fits model and texts is seen where they are known.

    Raises:
        TypeError: for a size that is no int, a flag that is no bool.
        ValueError: for fewer workers than none.
    """
    for name in _SIZES:
        value = options.get(name)
        if value is None or (name == "batch_size" and isinstance(value, str) and value == "auto"):
            continue
        if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
            given = f" is {_bounds.shown(value)}, a {type(value).__name__}"
            # transformers has ValueError for a batch of what is no number.
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
