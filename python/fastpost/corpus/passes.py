"""One pass over a corpus: its counts so far, and the batches and records that its readers give."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastpost.corpus import sources as _sources
from fastpost.corpus.sources import Reader

__all__ = ["CorpusStats", "Pass", "Take", "TextRecords", "join", "places_of", "texts_of"]


@dataclass(frozen=True)
class CorpusStats:
    """What one pass has done so far.

    Attributes:
        texts, bytes, batches: handed out; bytes are those of the texts in UTF-8. Word counts take no batches.
        skipped: records and files left out because of `on_error="skip"`.
        reasons: the first ten of them, each with its place.
        errors: the same as exceptions: `CorpusError` with `path` and `line`, or `OSError` with `filename`.
        empty_files: files without any bytes; they give no text.
        bytes_read: bytes read from files, packed as they are; runs ahead of what is handed out.
        seconds: from the start of the pass to its last batch.
    """

    texts: int = 0
    bytes: int = 0
    batches: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()
    errors: tuple[Exception, ...] = field(default=(), repr=False, compare=False)
    empty_files: int = 0
    bytes_read: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class TextRecords:
    """A batch of texts with the place of each and the columns that come along: see `Corpus.records`.

    Attributes:
        texts: None is a text that is null, which only `nulls="keep"` lets through.
        files: the file of each text; None for what is no file.
        lines: the line on which each text starts, or its row or item, counted from 1.
        numbers: the number of each among the records of the corpus, counted from 0. A record that is left out counts,
            so that those after it keep their numbers.
        kept: the columns that `keep` names, one JSON object for each text, without the columns that its record lacks; None
            without `keep`.
    """

    texts: list[str | None]
    files: list[str | None]
    lines: list[int | None]
    numbers: list[int]
    kept: list[str] | None

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The values of `kept`, by column; None where a record has none."""
        rows = [json.loads(row) for row in self.kept or ()]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class Pass:
    """The state of a pass, shared with the corpus that it belongs to."""

    start: int = 0
    texts: int = 0
    bytes: int = 0
    batches: int = 0
    began: float = 0.0
    ended: float = 0.0
    skipped: int = 0
    errors: list[Exception] = field(default_factory=list)
    empty_files: int = 0
    bytes_read: int = 0
    reader: Reader | None = None

    def stats(self) -> CorpusStats:
        """What it has done so far."""
        skipped, errors, empty, read = (0, [], 0, 0) if self.reader is None else self.reader.counts()
        errors = (self.errors + errors)[:10]
        return CorpusStats(
            texts=self.texts,
            bytes=self.bytes,
            batches=self.batches,
            skipped=self.skipped + skipped,
            reasons=tuple(map(_reason, errors)),
            errors=tuple(errors),
            empty_files=self.empty_files + empty,
            bytes_read=self.bytes_read + read,
            seconds=self.ended - self.began,
        )

    def close(self) -> None:
        """Closes the reader and keeps its counts."""
        if self.reader is not None:
            reader, self.reader = self.reader, None
            reader.close()
            skipped, errors, empty, read = reader.counts()
            self.skipped += skipped
            self.errors += errors
            self.empty_files += empty
            self.bytes_read += read


def _reason(error: Exception) -> str:
    """An error in words, with its place in front."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


Take = Callable[[int, "int | None"], "tuple[tuple[Any, ...], int] | None"]
"""Up to so many texts of up to so many bytes: columns of them, of which the first is the texts, and their size."""


def texts_of(reader: Reader) -> Take:
    """The texts alone."""

    def take(texts: int, most: int | None) -> tuple[tuple[Any, ...], int] | None:
        found = reader.next_batch(texts, most)
        return None if found is None else ((found[0],), found[1])

    return take


def places_of(reader: Reader, source: object, before: int) -> Take:
    """Places, as `TextRecords` has them, after `before` records of other sources."""
    of_files = not isinstance(source, _sources.ArrowObject | _sources.Dataset)

    def take(texts: int, most: int | None) -> tuple[tuple[Any, ...], int] | None:
        found = reader.next_records(texts, most)
        if found is None:
            return None
        batch, size, files, lines, numbers, kept = found
        files = files if of_files else [None] * len(batch)
        return (batch, files, lines, [number + before for number in numbers], kept), size

    return take


def join(batch: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
    """The columns of a batch, which may have none yet, followed by those of the texts that come after it."""
    if not batch:
        return more
    return tuple(None if new is None else old + new for old, new in zip(batch, more, strict=True))
