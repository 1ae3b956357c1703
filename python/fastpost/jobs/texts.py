"""The texts of files, each with what is written beside it: its number, its id, where it comes from."""

from __future__ import annotations

import copy
import csv
import itertools
import json
import math
import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fastpost._inputs.bounds import counted, listed, short, shown, with_article
from fastpost._inputs.formats import Format
from fastpost._warn import warn_caller
from fastpost.exceptions import Argument, refuse, respell
from fastpost.jobs import output
from fastpost.jobs.errors import JobError
from fastpost.jobs.parts import as_text

if TYPE_CHECKING:
    from fastpost.corpus import Corpus

Json = dict[str, Any]

CHUNK = 512
"""`Reading.chunk_size` by default: what the pipelines encode at once."""
_FIRST = 32
"""Texts of the first batch."""
_CHECKED = 100
"""Files whose first text is read before a job begins; the others are opened."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the files of a job are read, and what of them is copied to its output."""

    column: str | None = None
    """The column that holds the text; default: `text`."""
    id_column: str | None = None
    """A column that is copied as `id`."""
    keep_columns: str | Sequence[str] | None = None
    """Columns that are copied under their own names, with commas between them, or "all"; or several of such. A name that
    has a comma in it stands in double quotes."""
    with_source: bool = False
    """Whether each line says `file` and `line`; with `split="file"` it says `file` anyway."""
    split: Literal["line", "blank", "file"] = "line"
    """What a text of a text file is: a line, a paragraph or the file."""
    format: Format | None = None
    """What the files hold, where their names don't say it."""
    on_error: Literal["raise", "skip", "replace"] = "raise"
    """Whether a record that can't be read stops the job, is left out, or is read with U+FFFD for what is no character."""
    threads: int | None = None
    """Threads that read files; default: all cores."""
    chunk_size: int = CHUNK
    """Texts that are read, run and written together."""


@dataclass(frozen=True)
class Batch:
    """Texts, some of which may be null, and what the line of each begins with: where it comes from, what is copied."""

    heads: list[Json]
    texts: list[str | None]


@dataclass
class Texts:
    """The texts of a job, and what comes along with them.

    Attributes:
        corpus: reads the texts, those that are null, too.
        id_column: the column that is copied as `id`.
        source: whether lines say `file` and `line`.
        named: whether they say `file` only.
        keep: columns that are copied, or "all".
        text_name: what a redacted text is called.
        own: names of the job's own columns.
    """

    corpus: Corpus
    id_column: str | None = None
    source: bool = False
    named: bool = False
    keep: tuple[str, ...] | Literal["all"] = ()
    text_name: str = "text"
    own: frozenset[str] = frozenset()
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        inputs: str | Sequence[str],
        out: str = "-",
        reading: Reading | None = None,
        *,
        own: Iterable[str] = (),
        redacted: bool = False,
    ) -> Texts:
        """The texts of the files, of which `out` must not be one.

        Args:
            inputs: files, folders or globs; "-" is standard input.
            out: what the job writes.
            reading: how the files are read, and what is copied from them.
            own: names of columns that the job writes.
            redacted: whether a redacted text takes the place of the text.

        Raises:
            JobError: if `out` is one of the files, a column to copy has the name of one that the job writes, or the id
                of a redacted text is the text.
        """
        from fastpost.corpus import Corpus

        inputs = [inputs] if isinstance(inputs, str) else list(inputs)
        out = output.named(out)
        if reading is not None and not isinstance(reading, Reading):
            kind = with_article(type(reading).__name__)
            words = (Argument("reading"), f" is {shown(reading)}, {kind}")
            raise refuse(TypeError, *words, cure="pass a fastpost.jobs.Reading, or none")
        reading = reading or Reading()
        if out != "-":
            refuse_input("out", output.place(out), inputs)
        named = reading.split == "file"
        id_column = None if named and reading.id_column == "file" else reading.id_column
        keep = _names(reading.keep_columns)
        column = reading.column or "text"
        if redacted and id_column == column:
            raise refuse(
                JobError,
                Argument("id_column"),
                f" is `{column}`, the text itself, which would be written as it is",
                cure="pass a column that holds an id, or leave it out",
            )
        text_name = column if redacted and keep else "text"
        if redacted and keep != "all":
            keep = tuple(name for name in keep if name != column)
        ids = () if id_column is None else (id_column,)
        with _naming(id_column, keep):
            corpus = Corpus(
                inputs[0] if len(inputs) == 1 else inputs,
                column=reading.column,
                split=reading.split,
                format=reading.format,
                on_error=reading.on_error,
                threads=reading.threads,
                batch_size=reading.chunk_size,
                batch_bytes=1 << 20,
                nulls="keep",
                keep="all" if keep == "all" else tuple(dict.fromkeys((*ids, *keep))),
            )
        if out != "-":
            # In a folder that is read it would be read, too, when the job is resumed.
            corpus = corpus._without(out, f"{out}.unfinished", f"{out}.parts")
        mine = {"text_index", *own}
        mine |= {"id"} if id_column is not None and id_column != "id" else set()
        mine |= {"file", "line"} if reading.with_source else {"file"} if named else set()
        mine |= {text_name} if redacted else set()
        texts = cls(corpus, id_column, reading.with_source, named, keep, text_name, frozenset(mine))
        if keep != "all":
            texts._refuse(keep)
        return texts

    @property
    def copied(self) -> tuple[str, ...]:
        """The names of the fields that follow `text_index` in a line, as far as they are known."""
        ids = () if self.id_column is None else ("id",)
        source = ("file", "line") if self.source else ("file",) if self.named else ()
        return tuple(dict.fromkeys((*ids, *source, *(() if self.keep == "all" else self.keep))))

    def check(self) -> None:
        """Reads the first text of each file, so that a missing column is reported before a model is loaded.

        Raises:
            OSError, CorpusError: any error that reading them would raise, unless such records are skipped.
        """
        with _naming(self.id_column, self.keep):
            found = self.corpus._check(_CHECKED)
        for record in found:
            self._seen |= record.columns.keys()
            if self.keep == "all":
                self._refuse(record.columns)
        if found:
            self._warn_missing("the first record has", self._there)

    def warn_missing(self) -> None:
        """Warns of columns that no record had, if the first records could not be looked at before."""
        if not self.corpus.files:
            self._warn_missing("no record has")

    def _warn_missing(self, who: str, there: Callable[[], str] = str) -> None:
        """Warns of columns that no record had; `there` says which ones the first has."""
        missing = [] if self.id_column is None else [(self.id_column, Argument("id_column"), "its id is null")]
        missing += [(name, _KEEP, "it is null there") for name in (() if self.keep == "all" else self.keep)]
        missing = [one for one in missing if one[0] not in self._seen]
        has = there() if missing else ""
        for name, argument, then in missing:
            warn_caller(f"{who} {_no(who)}`{short(name)}`, which ", argument, f" names{has}; {then}")

    def _there(self) -> str:
        """The columns of the first record, for a message."""
        corpus = copy.copy(self.corpus)
        corpus._options = replace(corpus._options, keep_all=True)
        try:
            first = corpus._check(1)
        except ValueError:  # a column that can't be kept, which was not to be
            return ""
        return f", but {listed((corpus._options.column, *first[0].columns))}" if first else ""

    def _refuse(self, names: Iterable[str]) -> None:
        """Refuses columns whose names the job needs for its own."""
        for name in names:
            if name in self.own:
                cure = "name the columns to keep, without it" if self.keep == "all" else "leave it out, or rename it"
                raise refuse(JobError, _KEEP, f" has `{name}`, which the output has of its own", cure=cure)

    def refute(self, lines: Iterable[Json], fits: Callable[[Json, str | None], bool]) -> str | None:
        """Why whole lines can't belong to these texts, in words; None if they may.

        Texts on standard input are read, too, as the job has no other use for them, unless it is a terminal.

        Args:
            lines: lines of a job.
            fits: whether a line may belong to a text.
        """
        if self._are_typed():
            return None
        rest, count = iter(lines), 0
        for batch in self._read(0):
            for head, text in zip(batch.heads, batch.texts, strict=True):
                line = next(rest, None)
                if line is None:
                    return f"has {counted(count, 'text')} and the input has more"
                count += 1
                if any(name not in line or line[name] != value for name, value in head.items()) or not fits(line, text):
                    return f"has in line {count} what is not of text {head['text_index']} of the input"
        if next(rest, None) is not None:
            return f"has more than the {counted(count, 'text')} of the input"
        return None

    def refute_rows(
        self,
        rows: Iterable[Json],
        fits: Callable[[Json, str | None], bool],
        items: str | None,
        lines: int | None = None,
    ) -> str | None:
        """Why the rows of a whole table can't belong to these texts, in words; None if they may.

        Texts are read only where they come from standard input or a pipe: files are told apart by size and time.

        Args:
            rows: rows in the order of their texts; not every text has one.
            fits: whether a line may belong to a text.
            items: the field of a line that holds its rows; None if a row is a line.
            lines: how many texts there were, if that is known.
        """
        if self._are_typed() or self._are_files():
            return None
        groups = itertools.groupby(rows, key=_text_index)
        found = ([*group] for _, group in groups)
        ours, count = next(found, None), 0
        for batch in self._read(0):
            for head, text in zip(batch.heads, batch.texts, strict=True):
                count += 1
                if ours is None or ours[0]["text_index"] != head["text_index"]:
                    continue
                line = ours[0] if items is None else {**ours[0], items: ours}
                if not all(_is_cell(line.get(name), value) for name, value in head.items()) or not fits(line, text):
                    return f"has a row that is not of text {head['text_index']} of the input"
                ours = next(found, None)
        if ours is not None or (lines is not None and lines > count):
            return f"has more than the {counted(count, 'text')} of the input"
        return None if lines in (None, count) else f"has {counted(lines or 0, 'text')} and the input has more"

    def _are_typed(self) -> bool:
        """Whether they come from a terminal."""
        return self.corpus._once is not None and sys.stdin is not None and sys.stdin.isatty()

    def _are_files(self) -> bool:
        """Whether all are in files whose sizes and times tell them from others."""
        from fastpost.tokenizers.checkpoint import fingerprint

        told = fingerprint(self.corpus)
        return {"Files", "ArrowFile"} >= set(told["sources"]) and all(size >= 0 for _, size, _ in told["files"])

    def guessed(self) -> int | None:
        """About how many there are, if they are in files."""
        return None if self.corpus._once else self.corpus._sample(1 << 16)[1]

    def batches(self, done: int, first: int = _FIRST) -> Iterator[Batch]:
        """Batches after the first `done` texts: of `first` texts, then of twice as many each time, up to a full read.

        So the first rows of a job come out early, and the model still gets full batches.
        """
        size = first
        for batch in self._read(done):
            at = 0
            while at < len(batch.texts):
                yield Batch(batch.heads[at : at + size], batch.texts[at : at + size])
                at, size = at + size, min(2 * size, max(self.corpus.batch_size or 1, first))

    def _read(self, done: int) -> Iterator[Batch]:
        """Batches in the size in which they are read, after the first `done` texts."""
        with _naming(self.id_column, self.keep):
            yield from self._made(done)

    def _made(self, done: int) -> Iterator[Batch]:
        for records in self.corpus.skip(done).records():
            heads: list[Json] = [{"text_index": number} for number in records.numbers]
            rows = [_ROWS.decode(row) for row in records.kept or ()]
            if self.id_column is not None:
                for head, row in zip(heads, rows, strict=True):
                    head["id"] = row.get(self.id_column)
            if self.source or self.named:
                for head, file, line in zip(heads, records.files, records.lines, strict=True):
                    head["file"] = file
                    if self.source:
                        head["line"] = line
            for head, row in zip(heads, rows, strict=True) if self.keep else ():
                if self.keep == "all":
                    self._refuse(row)
                    head.update(row)
                else:
                    head.update((name, row.get(name)) for name in self.keep)
            for row in rows:
                self._seen |= row.keys()
            yield Batch(heads, records.texts)

    def job(self) -> dict[str, Any]:
        """What tells these texts from others: see `Output`."""
        from fastpost.tokenizers.checkpoint import fingerprint

        keep = self.keep if self.keep == "all" else list(self.keep)
        told = {"id_column": self.id_column, "keep_columns": keep, "with_source": self.source}
        return {"corpus": fingerprint(self.corpus), **told}


_KEEP = Argument("keep_columns")


@contextmanager
def _naming(id_column: str | None, keep: Sequence[str] | Literal["all"]) -> Iterator[None]:
    """Turns an error of the corpus about `keep` into one about the option that named the missing column."""
    try:
        yield
    except ValueError as error:
        if getattr(error, "argument", None) == "batch_size":
            respell(error, "batch_size", "chunk_size")
        if getattr(error, "argument", None) == "keep":
            ours = id_column is not None and id_column not in keep and f"`{short(id_column)}`;" in f"{error};"
            respell(error, "keep", "id_column" if ours else "keep_columns")
        raise


def _names(keep_columns: str | Sequence[str] | None) -> tuple[str, ...] | Literal["all"]:
    """The columns that `keep_columns` names."""
    several = [keep_columns] if isinstance(keep_columns, str) else list(keep_columns or ())
    if not all(isinstance(one, str) for one in several):
        told = f" is {shown(keep_columns)}, of which not all is str"
        raise refuse(TypeError, _KEEP, told, cure="pass names with commas between them, or all")
    if "all" in several:
        return "all"
    names: list[str] = []
    for one in several:
        found = [name.strip() for row in csv.reader([one], skipinitialspace=True) for name in row]
        if not found or not all(found):
            raise refuse(JobError, _KEEP, f" is {one!r:.80}", cure="pass names with commas between them, or all")
        names += found
    return tuple(dict.fromkeys(names))


def _finite(number: str) -> float | None:
    """A number of JSON; one too large for a float becomes null, as do infinities, which JSON can't hold."""
    value = float(number)
    return value if math.isfinite(value) else None


def by_text(rows: Iterable[Json]) -> list[Json]:
    """The rows in the order of their texts."""
    return sorted(rows, key=_text_index)


_text_index = operator.itemgetter("text_index")


def _is_cell(cell: Any, value: Any) -> bool:
    """Whether a cell of a table is what became of a value of the input, which may have been written as text."""
    return bool(cell == value or cell == as_text(value))


# Made once: `json.loads` with arguments makes a decoder for each text.
_ROWS = json.JSONDecoder(parse_constant=str, parse_float=_finite)


def _no(who: str) -> str:
    return "" if who.startswith("no ") else "no "


def refuse_input(argument: str, path: Path, inputs: Sequence[str]) -> None:
    """Refuses an output that is one of the inputs.

    Raises:
        JobError: if it is.
    """
    for one in inputs if path.exists() else ():
        if os.path.isfile(one) and os.path.samefile(one, path):
            raise refuse(JobError, Argument(argument), f" is {path}, which is read", cure="pass another name")
