"""One option of a decoder: everything that a door with this option needs to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from fastpost._inputs import bounds
from fastpost._inputs.bounds import with_article
from fastpost.exceptions import refuse


class _Absent:
    """Says that a behaviour has no such option, or no default of its own."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def keep(name: str, value: Any) -> Any:  # noqa: ARG001 others need the name
    """The value as it is: Rust checks it, or another option decides what it may be."""
    return value


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise refuse(
            TypeError,
            f"`{name}` is {bounds.shown(value)}, {with_article(type(value).__name__)}; pass True or False",
            argument=name,
        )
    return bool(value)


class Option(NamedTuple):
    """One option, which every door takes from here."""

    name: str
    default: Any
    """The default in our own behaviour."""
    doc: str
    """Its meaning, in a few words."""
    choices: tuple[Any, ...] = ()
    """Its values, if they have names; Rust knows them."""
    read: Callable[[str, Any], Any] = keep
    """Name and value -> the value as Rust takes it. Raises `TypeError` or `ValueError`, which name the option."""
    transformers: Any = ABSENT
    """The default with `compat="transformers"`; `ABSENT` if that has no such option."""
    redaction: Any = ABSENT
    """The default of redaction; `ABSENT` if it is the same as `default`."""
    rule: str = ""
    """The rule of `fastpost.compare` that it has part in; "" if no entity changes its place with it."""
    plain: Any = ABSENT
    """The value that comes closest to transformers, before `compare` switches the rule on."""

    def check(self, value: Any) -> Any:
        """The value as Rust takes it.

        Raises:
            TypeError, ValueError: if the option can't have it; `argument` of the error is the option.
        """
        try:
            return self.read(self.name, value)
        except (TypeError, ValueError) as error:
            error.argument = self.name  # type: ignore[union-attr]
            raise

    @property
    def own_only(self) -> bool:
        """Whether `compat="transformers"` lacks this option."""
        return self.transformers is ABSENT


def table(*options: Option) -> dict[str, Option]:
    """The options by their names, in order."""
    return {option.name: option for option in options}


def is_same(value: Any, default: Any) -> bool:
    """Whether a value is the default; one of another type, such as 0 for False, is not."""
    return value is default or (
        type(value) is type(default) and isinstance(value, (str, bool, int, float, tuple)) and bool(value == default)
    )
