"""Numbers and names that a caller sets, checked where they come in: each error names the argument, the value and the cure."""

from __future__ import annotations

import difflib
import operator
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from fastpost.exceptions import Argument, refuse

MOST = sys.maxsize
"""The largest size or count there can be; larger ones are refused, not cut."""


def whole(name: str, value: Any, least: int = 0, *, most: int = MOST, or_else: str = "") -> int:
    """`value` as an int from `least` to `most`; NumPy's integers count, bools and floats do not.

    Args:
        or_else: for the message: what else could be passed, such as ", or None for all cores".
    """
    cure = f"pass an int of at least {least}{or_else}"
    if isinstance(value, (bool, np.bool_)):
        raise refuse(TypeError, Argument(name), f" is {value}", cure=cure)
    try:
        number = operator.index(value)
    except TypeError:
        raise refuse(
            TypeError, Argument(name), f" is {shown(value)}, {with_article(type(value).__name__)}", cure=cure
        ) from None
    if number < least:
        raise refuse(ValueError, Argument(name), f" is {shown(number)}", cure=cure)
    if number > most:
        cure = f"pass an int from {least} to {most}{or_else}"
        raise refuse(ValueError, Argument(name), f" is {shown(number)}", cure=cure)
    return number


def threads(value: Any, name: str = "threads") -> int | None:
    """How many threads to use; however many are asked for, Rust starts no more than make sense."""
    if value is None:
        return None
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = min(int(value), MOST)
    return whole(name, value, 1, or_else=", or None for all cores")


def windows_at_once(name: str, value: Any) -> int | Literal["auto"]:
    """`value` as `batch_size`: windows, or "auto"."""
    or_else = ', or "auto"'
    if isinstance(value, str):
        if value == "auto":
            return "auto"
        raise refuse(ValueError, Argument(name), f" is {shown(value)}", cure=f"pass an int of at least 1{or_else}")
    return whole(name, value, 1, or_else=or_else)


def tokens_at_once(name: str, value: Any) -> int | None:
    """`value` as `batch_tokens`: tokens, or `None`."""
    return None if value is None else whole(name, value, 1)


def share(name: str, value: Any, *, or_else: str = "") -> float:
    """`value` as a float from 0 to 1."""
    return number(name, value, 0.0, 1.0, or_else=or_else)


def number(name: str, value: Any, least: float = -np.inf, most: float = np.inf, *, or_else: str = "") -> float:
    """`value` as a float from `least` to `most`, not NaN."""
    cure = "pass a number" if most == np.inf == -least else f"pass a number from {least:g} to {most:g}"
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise refuse(
            TypeError, Argument(name), f" is {shown(value)}, {with_article(type(value).__name__)}", cure=cure + or_else
        )
    try:
        real = float(value)
    except (TypeError, ValueError):
        raise refuse(
            TypeError, Argument(name), f" is {shown(value)}, {with_article(type(value).__name__)}", cure=cure + or_else
        ) from None
    except OverflowError:
        raise refuse(ValueError, Argument(name), f" is {shown(value)}", cure=cure + or_else) from None
    if not least <= real <= most:
        raise refuse(ValueError, Argument(name), f" is {shown(value)}", cure=cure + or_else)
    return real


def choice(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    """`value`, if it is one of `known`, which are names, bools, ints or None; 1 is not True."""
    for one in known:
        kind = (bool, np.bool_) if isinstance(one, bool) else type(one)
        if isinstance(value, kind) and (isinstance(one, bool) or not isinstance(value, bool)) and value == one:
            return one
        if isinstance(one, int) and isinstance(value, np.integer) and not isinstance(one, bool) and value == one:
            return one
    cure = f"pass one of {', '.join(map(repr, known))}"
    raise refuse(ValueError, Argument(name), f" is {shown(value)}", cure=cure)


def records(name: str, rows: Iterable[Any], *keys: str) -> list[Mapping[str, Any]]:
    """`rows` as a list of dicts, each with all of `keys`."""
    listed = list(rows)
    for at, row in enumerate(listed):
        if not isinstance(row, Mapping):
            raise refuse(
                TypeError,
                f"`{name}[{at}]` is {shown(row)}, {with_article(type(row).__name__)}; pass a dict with {', '.join(keys)}",
                argument=name,
            )
        missing = next((key for key in keys if key not in row), None)
        if missing is not None:
            raise refuse(
                ValueError, f"`{name}[{at}]` has no {shown(missing)}; pass a dict with {', '.join(keys)}", argument=name
            )
    return listed


def with_article(name: str) -> str:
    """`a str`, `an int`."""
    return f"{'an' if name[:1] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 entity`, `2 entities`; without `many`, the plural is `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shown(value: Any) -> str:
    """The repr of a value, cut to fit a message."""
    try:
        text = repr(value)
    except ValueError:  # an int with more digits than Python prints
        text = f"an int of {value.bit_length()} bits"
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def short(name: object) -> str:
    """A name as messages show it: 40 characters at most."""
    text = name if isinstance(name, str) else repr(name)
    return text if len(text) <= 40 else f"{text[:40]}..."


def listed(names: Iterable[object]) -> str:
    """Names as messages show them: 80 characters at most."""
    quoted = [f"`{short(name)}`" for name in names]
    shown, length = 0, 0
    while shown < len(quoted) and (not shown or length + len(quoted[shown]) <= 80):
        length += len(quoted[shown])
        shown += 1
    more = f" and {len(quoted) - shown} more" if shown < len(quoted) else ""
    return (", ".join(quoted[:shown]) or "none") + more


def guess(name: str, known: Iterable[str]) -> str:
    """The end of a message about a misspelt argument: what it may stand for; an empty string if no name is near."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1) or [one for one in names if name and name in one.split("_")]
    return f" (did you mean `{close[0]}`?)" if close else ""


def unexpected(name: str, known: Collection[str], more: str = "") -> TypeError:
    """The error about an argument that a pipeline does not have; `more` is the end of its message."""
    told = f"unexpected argument `{name}`{guess(name, known)}; choose one of {', '.join(known)}{more}"
    return refuse(TypeError, told, argument=name)
