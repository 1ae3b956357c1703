"""Iterables of strings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastpost._inputs.bounds import listed, short, with_article
from fastpost.corpus.sources.options import SKIP, Options, Reader, Records, kind_of
from fastpost.corpus.sources.rows import PASS_COLUMN, Fault, Row, json_of
from fastpost.exceptions import Argument, CorpusError, Words, refuse


@dataclass
class Strings:
    """Texts that are already Python objects: an iterable, or a function that returns one."""

    texts: Iterable[Any] | Callable[[], Iterable[Any]]

    @property
    def once(self) -> str | None:
        return (
            f"{with_article(kind_of(self.texts))}"
            if not callable(self.texts) and iter(self.texts) is self.texts
            else None
        )

    def open(self, options: Options) -> Reader:
        made = self.texts() if callable(self.texts) else self.texts
        if isinstance(made, str | bytes) or not hasattr(made, "__iter__"):
            raise refuse(
                TypeError,
                f"the function returned {with_article(kind_of(made))}; it should return an iterable of str",
                argument="source",
            )
        return StringReader(made, kind_of(made), options)


class StringReader:
    """Batches of an iterable of `str`, of lists of `str`, or of records (dicts) that hold one of these."""

    def __init__(self, items: Iterable[Any], name: str, options: Options, in_file: bool = False) -> None:
        self._texts = self._strings(items)
        self._held: list[Any] = []
        self._name, self._options = name, options
        self._file = name if in_file and os.sep in name else None
        self._skipped = self._records = 0
        self._errors: list[Exception] = []
        # For the latest text: its item, counted from 1, its number among the records, the columns that are kept.
        self._place: tuple[int, int, str] = (0, 0, "{}")

    def _strings(self, items: Iterable[Any]) -> Iterator[str | None]:
        for item, value in enumerate(items, 1):
            kept = "{}"
            if isinstance(value, Fault):
                self._fault(item, *value)
                continue
            if isinstance(value, Row):
                value, kept = value
            elif isinstance(value, Mapping):
                if self._options.column not in value:
                    column = short(self._options.column)
                    self._fault(item, f"no column `{column}`; the record has {listed(value)}", PASS_COLUMN)
                    continue
                kept = self._kept(value)
                value = value[self._options.column]
            many = isinstance(value, list | tuple)
            for text in value if many else (value,):
                if isinstance(text, str):
                    if not text.isascii() and (half := _half_pair(text)) is not None:
                        if not self._options.replace:
                            self._fault(item, *_no_character(text, half, self._records))
                            continue
                        text = _whole(text)
                elif text is not None or not self._options.nulls:
                    found = "null" if text is None else f"{with_article(kind_of(text))}"
                    self._fault(item, f"the batch holds {found}, not only str" if many else self._no_text(value, found))
                    continue
                self._place = item, self._records, kept
                self._records += 1
                yield text

    def _no_text(self, value: object, found: str) -> str:
        if self._options.keeps and self._file is not None:
            return f"column `{short(self._options.column)}` holds {found}, not text"
        return f"the item is {'None' if value is None else found}, not a str or a list of str"

    def _kept(self, record: Mapping[str, Any]) -> str:
        if not self._options.keeps:
            return "{}"
        names = list(record) if self._options.keep_all else self._options.keep
        kept = {name: record[name] for name in names if name in record}
        if self._options.keep_all:
            kept.pop(self._options.column, None)
        return json_of(kept)

    def _fault(self, number: int, reason: str, cure: Words = ()) -> None:
        self._records += 1
        if not self._options.skip:
            raise CorpusError(reason, self._name, number, cure=cure + SKIP)
        self._skipped += 1
        if len(self._errors) < 10:
            self._errors.append(CorpusError(reason, self._name, number, cure=cure))

    def next_batch(self, texts: int, most: int | None) -> tuple[list[Any], int] | None:
        found = self.next_records(texts, most)
        return None if found is None else found[:2]

    def next_records(self, texts: int, most: int | None) -> Records | None:
        batch: list[Any] = []
        places: list[tuple[int, int, str]] = []
        size = 0
        while len(batch) < texts:
            if self._held:
                text = self._held.pop()
            else:
                try:
                    text = next(self._texts)
                except StopIteration:
                    if batch:
                        break
                    return None
            length = 0 if text is None else len(text) if text.isascii() else len(text.encode())
            if most is not None and size + length > most:
                self._held.append(text)
                break
            batch.append(text)
            places.append(self._place)
            size += length
        kept = [kept for _, _, kept in places] if self._options.keeps else None
        lines, numbers = [item for item, _, _ in places], [number for _, number, _ in places]
        return batch, size, [self._file] * len(batch), lines, numbers, kept  # type: ignore[return-value]

    def records(self) -> int:
        return self._records - len(self._held)

    def skip(self, texts: int) -> int:
        return sum(1 for _ in zip(range(texts), self._texts))

    def counts(self) -> tuple[int, list[Exception], int, int]:
        return self._skipped, self._errors, 0, 0

    def close(self) -> None:
        close = getattr(self._texts, "close", None)
        if close is not None:
            close()


def _half_pair(text: str) -> int | None:
    """Where a text has half a surrogate pair, if it has one."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _no_character(text: str, at: int, number: int) -> Fault:
    return Fault(
        f"text {number} holds U+{ord(text[at]):04X} at character {at}, half a surrogate pair, which is no character",
        ("; pass ", Argument("on_error", ("replace",)), " to have U+FFFD there"),
    )


def _whole(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair; two halves in a row become their character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
