"""The options of a source, and the reader that it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from fastpost.exceptions import Argument, Words

SKIP: Words = ("; ", Argument("on_error", ("skip",)), " leaves such records out and counts them")
"""The end of the message of a record that can't be read; the core has the same words for its own faults."""


@dataclass(frozen=True)
class Options:
    """The arguments of `Corpus` that its readers need; `TextReader` reads them by name."""

    column: str
    named: bool
    """Whether somebody has asked for that column: then files without columns are refused."""
    threads: int | None
    prefetch: int
    split: str
    skip: bool
    replace: bool
    format: str | None
    nulls: bool
    """Whether a text that is null is None; otherwise it is an error."""
    keep: tuple[str, ...] = ()
    keep_all: bool = False

    @property
    def keeps(self) -> bool:
        return self.keep_all or bool(self.keep)


Records = tuple[list[Any], int, list[str | None], list[int | None], list[int], list[str] | None]
"""Texts, their size, and of each text: file, line, number, the columns that come along as a JSON object."""


class Reader(Protocol):
    """One pass over one source."""

    def next_batch(self, texts: int, most: int | None) -> tuple[list[str], int] | None:
        """Up to `texts` texts of up to `most` bytes in all, and their size; None at the end, [] if none fits."""

    def next_records(self, texts: int, most: int | None) -> Records | None:
        """`next_batch` with the place of each text, and the columns that come along."""

    def records(self) -> int:
        """Records that have been passed, those that could not be read included."""

    def skip(self, texts: int) -> int:
        """Passes over up to `texts` texts; returns how many there were."""

    def counts(self) -> tuple[int, list[Exception], int, int]:
        """Records skipped, the first errors, empty files, bytes read."""

    def close(self) -> None:
        """Ends the pass."""


class Source(Protocol):
    """One kind of source. `once` names it if it can be read only once."""

    @property
    def once(self) -> str | None: ...
    def open(self, options: Options) -> Reader:
        """A reader at the beginning."""


def kind_of(value: object) -> str:
    """The name of a value's kind in messages."""
    name: str = getattr(type(value), "called", type(value).__name__)
    return name
