"""Warnings of Python and its libraries as lines of our own: each kind a few times, then counted."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastpost.cli.failure import note, spelled

_SHOWN = 3
"""How often warnings that differ only in their numbers are shown."""


@contextmanager
def told() -> Iterator[None]:
    """Shows the warnings of the block on standard error, without their place in the source, as it is not the user's.

    The filters stay those of Python, `PYTHONWARNINGS` among them.
    """
    counts: Counter[str] = Counter()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(spelled(message).split())
        kind = re.sub(r"\d+", "N", text)
        counts[kind] += 1
        if counts[kind] <= _SHOWN:
            note(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        finally:
            for kind, count in counts.items():
                if count > _SHOWN:
                    note(f"warning: {count - _SHOWN:,} more like this: {kind}")
