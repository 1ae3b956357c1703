"""Errors as callers see them: Python's own classes, with fields for the argument, the place and the cure.

An error that speaks of an argument carries `argument`, its name; where it fits it carries `file` and `line`, `text`,
`window` and `token`, and `cure`, the words that say what to do. They are attributes of the exception, so nobody has to
read them out of its message: `getattr(error, "argument", None)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["CorpusError"]

E = TypeVar("E", bound=BaseException)


@dataclass(frozen=True)
class Argument:
    """An argument in a message, perhaps with values to pass; a command line spells it as its option."""

    name: str
    values: tuple[str | int | None, ...] = ()

    def __str__(self) -> str:
        if not self.values:
            return f"`{self.name}`"
        if len(self.values) == 1:
            value = self.values[0]
            return f'{self.name}="{value}"' if isinstance(value, str) else f"{self.name}={value}"
        *first, last = map(repr, self.values)
        return f"{self.name}={', '.join(first)} or {last}"


Words = tuple["str | Argument", ...]
"""A message in pieces: text, and the arguments that it names."""


def refuse(kind: type[E], *words: str | Argument, cure: str | Words = (), **fields: Any) -> E:
    """An error of class `kind` whose message is these words and those of its cure.

    Args:
        kind: the class of the exception; it takes the message alone.
        words: what is wrong.
        cure: what to do about it; pieces begin with what stands between the two.
        fields: `argument` (default: the first of the words; for `offsets[3]` it is `offsets`), `file`, `line`, `text`,
            `window`, `token`. Without `cure` the error's is what stands behind the last "; " of the words.
    """
    cure = (f"; {cure}",) if isinstance(cure, str) and cure else tuple(cure)
    message = "".join(map(str, (*words, *cure)))
    if "argument" in fields:
        fields["argument"] = re.split(r"[.\[]", fields["argument"])[0]
    error = describe(kind(message), (*words, *cure), cure, **fields)
    if not cure and "; " in message:
        setattr(error, "cure", message.rpartition("; ")[2])  # noqa: B010  (exceptions have no such attribute)
    return error


def describe(error: E, words: Words, cure: Words = (), **fields: Any) -> E:
    """Gives an exception its fields, and keeps its words for doors that spell arguments their own way."""
    named = next((word.name for word in (*words, *cure) if isinstance(word, Argument)), None)
    told = {"argument": named, "cure": "".join(map(str, cure)).lstrip(";. ") or None, **fields}
    for name, value in told.items():
        if value is not None:
            setattr(error, name, value)
    setattr(error, _WORDS, (words, cure))
    return error


def respell(error: BaseException, name: str, now: str) -> None:
    """Replaces the name of an argument in an error, for a door that calls the argument otherwise."""

    def again(words: Words) -> Words:
        return tuple(
            Argument(now, word.values) if isinstance(word, Argument) and word.name == name else word for word in words
        )

    words, cure = again(words_of(error) or ()), again(cure_of(error))
    error.args = ("".join(map(str, words)),)
    if isinstance(error, CorpusError):
        error.reason = "".join(map(str, words[1:]))
    describe(error, words, cure, argument=now)


def words_of(error: object) -> Words | None:
    """The message of an exception or a warning in pieces, those of its cure included; None if it has none."""
    words: tuple[Words, Words] | None = getattr(error, _WORDS, None)
    return None if words is None else words[0]


def cure_of(error: object) -> Words:
    """The last of these pieces: the cure."""
    words: tuple[Words, Words] | None = getattr(error, _WORDS, None)
    return () if words is None else words[1]


_WORDS = "fastpost_words"


class CorpusError(ValueError):
    """A record or a file that can't be read as text.

    Attributes:
        path: the file, or the kind of object that was read; `file` is the same.
        line: the line, row or item, counted from 1; None if all of it is at fault.
        reason: what is wrong, without the place.
        argument: the argument of `Corpus` that could help; None if there is none.
        cure: what could be done; None if nothing is known.
    """

    argument: str | None = None
    cure: str | None = None

    def __init__(
        self, reason: str | Words, path: str | None = None, line: int | None = None, *, cure: Words = ()
    ) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        words: Words = ((reason,) if isinstance(reason, str) else reason) + cure
        self.reason = "".join(map(str, words))
        super().__init__(place + self.reason)
        self.path, self.line = path, line
        describe(self, (place, *words), cure)

    @property
    def file(self) -> str | None:
        """The file, or the kind of object that was read."""
        return self.path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.path, self.line), self.__dict__
