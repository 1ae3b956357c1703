"""`Corpus`: batches of texts from anywhere, read in parallel, in constant memory."""

from __future__ import annotations

import copy
import errno
import io
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

from fastpost._fastpost import TextReader
from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import with_article
from fastpost._inputs.formats import NAMES, Format
from fastpost.corpus import sources as _sources
from fastpost.corpus.passes import CorpusStats, Pass, TextRecords, join, places_of, texts_of
from fastpost.corpus.sources import Options
from fastpost.corpus.sources.options import kind_of
from fastpost.exceptions import Argument, CorpusError, refuse

__all__ = ["Corpus", "CorpusStats", "TextRecords"]

T = TypeVar("T")

_STEP = 1 << 18  # texts that are passed over between reports of progress
_LOOK = 1 << 23  # bytes of files from which the number of their texts is guessed


class Corpus:
    r"""Batches of texts from files, Arrow data, datasets or any iterable.

    Every `for` reads from the beginning again. Files are read, unpacked and parsed by threads that live as long as
    the loop, and memory stays constant; the texts come in the order of the files for any number of threads.

    >>> corpus = Corpus(lambda: (f"text {n}" for n in range(2500)))
    >>> [len(batch) for batch in corpus]
    [1000, 1000, 500]

    Args:
        source: what to read, one of

            - a path, a folder, a glob (`**` too) or a list of them: `.txt`, `.jsonl`, `.ndjson`, `.json` (one record
              per line), `.csv`, `.tsv`, each also as `.gz` or `.zst`; `.parquet` and `.arrow` through pyarrow. Files
              of a glob are read in sorted order. A folder has texts of one format; README, LICENSE, logs and the
              like beside records, and files of other names, are left out and named in a warning.
            - `"-"` (standard input) or an open file, text or bytes;
            - Arrow data: anything with `__arrow_c_stream__` or `__arrow_c_array__` (pyarrow, polars, duckdb);
            - a `datasets.Dataset` or `IterableDataset`;
            - an iterable of `str`, of lists of `str` or of records, or a function that returns one. A list of `str`
              is taken as paths; see `from_texts`.
        column: column of JSON records, CSV, Arrow data, datasets and dicts that holds the text; None is `"text"`. Text
            files have no columns, so that a column that is given is refused for them.
        batch_size: texts per batch; None if only `batch_bytes` decides.
        batch_bytes: how many UTF-8 bytes a batch has at most; a longer text makes a batch of its own.
        threads: threads that read files; None is one per core, 1 reads on the calling thread.
        on_error: `"raise"`; `"skip"` to leave out what can't be read and name it in `stats`; or `"replace"` to put
            U+FFFD where a text has bytes that are not UTF-8 or half a surrogate pair, and raise all other errors.
        prefetch: MiB of text per thread that may be read ahead.
        split: what one text of a text file is: a `"line"`, a paragraph (`"blank"`: up to a blank line) or the whole
            `"file"`.
        format: `"text"`, `"jsonl"`, `"csv"`, `"tsv"`, `"parquet"` or `"arrow"` for files whose names don't say it, and
            for which files of a folder are read. Standard input and files without a suffix are JSON Lines if they
            start as JSON does, else text.
        nulls: what becomes of a text that is null. `"raise"` makes it an error, which `on_error="skip"` leaves out;
            `"keep"` gives None in the batches, for jobs that give each record a result. Empty texts, and empty fields
            of CSV, are `""`.
        keep: names of columns that come along with each text, or `"all"` of them but the text: see `records`.

    A line ends at `\n` or `\r\n`, the last one of a file also at `\r`; inside paragraphs and files `\r\n` becomes `\n`.
    A record of CSV also ends at `\r` alone. A byte-order mark is dropped, in JSON Lines that of each record. Blank
    lines are texts in text files, nothing in JSON Lines and CSV. CSV has a header, and every record as many fields as
    that; a field in quotes may hold line ends. Files must be UTF-8, and half a surrogate pair in a JSON string has no
    UTF-8: both are errors in the columns that are read, and nothing in those that nobody reads. A record has 1 GiB at
    most.

    Raises:
        CorpusError: a record that can't be read, with `path` and `line`; a corpus without any text; a second pass
            over a source that can be read only once.
        OSError: a file or folder that can't be opened or read, as the subclass that fits, with `filename`.
        ImportError: a Parquet or Arrow file without pyarrow.
    """

    def __init__(
        self,
        source: Any,
        *,
        column: str | None = None,
        batch_size: int | None = 1000,
        batch_bytes: int | None = None,
        threads: int | None = None,
        on_error: Literal["raise", "skip", "replace"] = "raise",
        prefetch: int = 2,
        split: Literal["line", "blank", "file"] = "line",
        format: Format | None = None,  # noqa: A002  (what pandas and datasets call it)
        nulls: Literal["raise", "keep"] = "raise",
        keep: Literal["all"] | Sequence[str] = (),
    ) -> None:
        _check_sizes(batch_size, batch_bytes)
        for name, number in (("threads", threads), ("prefetch", prefetch)):
            if number is not None:
                _bounds.whole(name, number, 1, most=2**64 if name == "threads" else _bounds.MOST)
        if not isinstance(column, str | None):
            kind = type(column).__name__
            raise refuse(
                TypeError, Argument("column"), f" is {_bounds.shown(column)}, {with_article(kind)}", cure="pass a name"
            )
        for name, given, allowed in (
            ("on_error", on_error, ("raise", "skip", "replace")),
            ("split", split, ("line", "blank", "file")),
            ("format", format, (*NAMES, None)),
            ("nulls", nulls, ("raise", "keep")),
        ):
            if given not in allowed:
                cure = f"it is one of {', '.join(map(repr, allowed))}"
                raise refuse(ValueError, Argument(name), f" is {_bounds.shown(given)}", cure=cure)
        self.batch_size, self.batch_bytes = batch_size, batch_bytes
        self._options = Options(
            column="text" if column is None else column,
            named=column is not None,
            threads=threads,
            prefetch=prefetch,
            split=split,
            skip=on_error == "skip",
            replace=on_error == "replace",
            format=format,
            nulls=nulls == "keep",
            keep=_names(keep),
            keep_all=keep == "all",
        )
        self._sources, self._unlisted = _sources.find(source, self._options)
        if not self._sources and not self._unlisted:
            raise refuse(
                ValueError,
                "`source` is an empty list; pass at least one path, or texts with Corpus.from_texts",
                argument="source",
            )
        self._require_columns()
        self._start = 0
        self._used: str | None = None
        self._pass = Pass()

    def _without(self, *paths: str) -> Corpus:
        """The corpus without these files, and without those in folders of these names.

        Raises:
            FileNotFoundError: if nothing else is left.
        """
        out = tuple(os.path.realpath(path) for path in paths)

        def stays(path: str) -> bool:
            real = os.path.realpath(path)
            return real not in out and not real.startswith(tuple(path + os.sep for path in out))

        kept = copy.copy(self)
        kept._sources = [
            _sources.Files([file for file in source.files if stays(file[0])])
            if isinstance(source, _sources.Files)
            else source
            for source in self._sources
            if not isinstance(source, _sources.ArrowFile) or stays(source.path)
        ]
        kept._sources = [source for source in kept._sources if not isinstance(source, _sources.Files) or source.files]
        if not kept._sources and self._sources:
            raise FileNotFoundError(errno.ENOENT, "no file but the output matches", paths[0])
        return kept

    def _require_columns(self) -> None:
        """Refuses a column where there are none."""
        kept = self._options.keep[0] if self._options.keep else None
        text = self._options.column if self._options.named else None
        plain: list[str] = []
        for source in self._sources:
            if not isinstance(source, _sources.Files | _sources.FileObject):
                return
            files = source.files if isinstance(source, _sources.Files) else [(source.name, source.split)]
            plain += [path for path, split in files if split in ("line", "blank", "file")]
            if kept is None and len(plain) < len(files):
                return
        if plain and (kept or text) is not None:
            raise refuse(
                ValueError,
                f"{plain[0]} is a text file, which has no column `{_bounds.short(kept or text)}`",
                cure=("; leave ", Argument("keep" if kept else "column"), " out, or pass ", Argument("format")),
                file=plain[0],
            )

    @classmethod
    def from_texts(cls, texts: Iterable[Any] | Callable[[], Iterable[Any]], **options: Any) -> Corpus:
        """A corpus of texts that are in memory: a list of `str` is a list of texts here, not of paths.

        >>> list(Corpus.from_texts(["one", "two", "three"], batch_size=2))
        [['one', 'two'], ['three']]
        """
        if isinstance(texts, str | bytes):
            raise refuse(TypeError, "`texts` is one text; pass a list of texts, or a path to Corpus", argument="texts")
        return cls(_Texts(texts) if isinstance(texts, list | tuple) else texts, **options)

    def __iter__(self) -> Iterator[list[str]]:
        """One pass: batches of `batch_size` texts, the last one may be shorter."""
        return self._batches(self._begin())

    def records(self) -> Iterator[TextRecords]:
        """Makes one pass in the same batches, with the file, line and number of each text and the columns of `keep`.

        >>> mails = [{"text": "a", "id": 7}, {"text": None, "id": 8}]
        >>> batch = next(Corpus(mails, nulls="keep", keep=["id"]).records())
        >>> batch.texts, batch.columns, batch.numbers
        (['a', None], {'id': [7, 8]}, [0, 1])
        """
        for texts, *places in self._pieces(self._begin(), places=True):
            yield TextRecords(texts, *places)

    def _begin(self, passed: int = 0) -> Pass:
        """The state of a new pass. It starts `passed` texts after the place that `skip` has set."""
        if self._used is not None:
            raise CorpusError(
                f"the corpus reads {self._used}, which an earlier pass has used up; pass a function that makes a new "
                "one, Corpus(lambda: ...), or a path or list, which can be read again"
            )
        _check_sizes(self.batch_size, self.batch_bytes)  # they may have been set since, or come from a pickle
        self._used = self._once
        state = self._pass = Pass(start=self._start + passed, skipped=len(self._unlisted))
        state.errors += self._unlisted
        return state

    def _batches(self, state: Pass) -> Iterator[list[str]]:
        for (texts,) in self._pieces(state, places=False):
            yield texts

    def _pieces(self, state: Pass, places: bool) -> Iterator[tuple[Any, ...]]:
        """Batches: the texts and, with `places`, the rest of `TextRecords`."""
        state.began = state.ended = time.perf_counter()
        most = self.batch_size or (1 << 62)
        to_skip = state.start
        batch: tuple[Any, ...] = ()
        size = records = 0
        try:
            for source in self._sources:
                reader = state.reader = source.open(self._options)
                take = places_of(reader, source, records) if places else texts_of(reader)
                to_skip -= reader.skip(to_skip) if to_skip else 0
                while True:
                    count = len(batch[0]) if batch else 0
                    room = None if self.batch_bytes is None else max(self.batch_bytes - size, 0)
                    found = take(most - count, room)
                    if found is None:
                        break
                    columns, read = found
                    if not columns[0] and not batch:
                        columns, read = take(1, None) or (columns, 0)  # longer than a batch may be
                    fits = bool(columns[0])
                    batch, size = join(batch, columns), size + read
                    count = len(batch[0])
                    if count == most or not fits or (self.batch_bytes is not None and size >= self.batch_bytes):
                        self._hand_out(state, batch[0], size)
                        yield batch
                        batch, size = (), 0
                records += reader.records()
                state.close()
            if batch:
                self._hand_out(state, batch[0], size)
                yield batch
            self._require_texts(state)
        finally:
            state.close()

    def _require_texts(self, state: Pass) -> None:
        if not state.texts and not state.start and not self._options.skip:
            raise CorpusError(
                f"the corpus holds no text: {self._what if self.files else ', '.join(map(_called, self._sources))}"
            )

    def _hand_out(self, state: Pass, batch: list[str], size: int) -> None:
        state.texts += len(batch)
        state.bytes += size
        state.batches += 1
        state.ended = time.perf_counter()

    def skip(self, n_texts: int) -> Corpus:
        """Makes every later pass start after the first `n_texts` texts, and returns the corpus itself.

        To resume a job, keep `position` and skip that many; `skip(0)` starts at the beginning again. Skipped texts
        are read and checked but not made into Python strings.
        """
        self._start = _bounds.whole("n_texts", n_texts)
        return self

    @property
    def position(self) -> int:
        """Texts from the beginning of the corpus to the end of the last batch handed out, skipped ones included."""
        return self._pass.start + self._pass.texts

    @property
    def stats(self) -> CorpusStats:
        """What the latest pass has done so far."""
        return self._pass.stats()

    @property
    def total_bytes(self) -> int | None:
        """Bytes of all files, packed as they are: what `stats.bytes_read` grows to. None for other sources."""
        total = 0
        for source in self._sources:
            if not isinstance(source, _sources.Files):
                return None
            for path, _ in source.files:
                try:
                    total += os.stat(path).st_size
                except OSError:
                    continue
        return total

    @property
    def files(self) -> list[str]:
        """The files that are read, in order."""
        found: list[str] = []
        for source in self._sources:
            if isinstance(source, _sources.Files):
                found += [path for path, _ in source.files]
            elif isinstance(source, _sources.ArrowFile):
                found.append(source.path)
        return found

    @property
    def _once(self) -> str | None:
        """The name of a source that can be read only once, if there is one."""
        return next((source.once for source in self._sources if source.once), None)

    @property
    def _in_core(self) -> bool:
        """Whether no source is made of Python strings, so that `_each` can read them all."""
        return not any(isinstance(source, _sources.Strings) for source in self._sources)

    def _each(
        self,
        kernel: Callable[[TextReader, Callable[[int, int], None]], T],
        done: Callable[[], object],
        passed: int = 0,
    ) -> list[T]:
        """One pass without Python strings: the result of `kernel` for the reader of each source.

        `kernel` calls its second argument with the texts and bytes it has taken of that reader so far, which
        brings `stats` up to date and calls `done`. The first `passed` texts are passed over.
        """
        state = self._begin(passed)
        state.began = state.ended = time.perf_counter()
        to_skip = state.start
        made = []
        try:
            for source in self._sources:
                reader = state.reader = cast("TextReader", source.open(self._options))
                while to_skip:
                    skipped = reader.skip(min(to_skip, _STEP))
                    to_skip -= skipped
                    done()
                    if not skipped:
                        break
                before = state.texts, state.bytes

                def told(texts: int, size: int, before: tuple[int, int] = before) -> None:
                    state.texts, state.bytes = before[0] + texts, before[1] + size
                    state.ended = time.perf_counter()
                    done()

                made.append(kernel(reader, told))
                state.close()
            self._require_texts(state)
        finally:
            state.close()
        return made

    def _sample(self, size: int) -> tuple[list[str], int | None]:
        """The first texts, up to `size` bytes or one longer text, and about how many texts there are in all.

        The number is that of the first megabytes, scaled to the size of all files; None for other sources. The pass
        does not change the corpus.
        """
        other = copy.copy(self)
        other.batch_size, other.batch_bytes = None, size
        other._options = replace(self._options, threads=1)  # so that nothing is read ahead
        batches = iter(other)
        try:
            sample, total = next(batches, []), self.total_bytes
            reader = other._pass.reader
            if total is None:
                return sample, None
            if reader is None:  # the sample is all there is
                return sample, other.position - self._start
            texts = other.position
            while other.stats.bytes_read < _LOOK and (more := reader.skip(1000)):
                texts += more
            read = other.stats.bytes_read
            return sample, round(max(texts, texts * total / max(read, 1))) - self._start
        finally:
            other._pass.close()

    def _check(self, most: int) -> list[TextRecords]:
        """Reads the first record of each of `most` files and opens the others. Pipes, which are read once, are skipped.

        Raises:
            OSError, CorpusError: as a pass would; nothing that `on_error="skip"` leaves out.
        """
        options = replace(self._options, threads=1)
        found: list[TextRecords] = []
        all_read = self._once is None
        for number, path in enumerate(self.files):
            try:
                if not stat.S_ISREG(os.stat(path).st_mode):
                    continue
                if number >= most:
                    all_read = False
                    with open(path, "rb"):
                        continue
            except OSError:
                if options.skip:
                    continue
                raise
            source = next(_sources.find(path, options)[0].__iter__())
            reader = source.open(options)
            try:
                first = places_of(reader, source, 0)(1, None)
            finally:
                reader.close()
            if first is not None and first[0][0]:
                found.append(TextRecords(*first[0]))
        if all_read and self.files and not found and not options.skip:
            self._require_texts(Pass())
        return found

    def __getstate__(self) -> dict[str, Any]:
        """The state that pickle and `copy.deepcopy` keep: all but the latest pass.

        Raises:
            TypeError: if the corpus reads an object that can't be read in two places.
        """
        for source in self._sources:
            once = source.once
            if isinstance(source, _sources.FileObject) and not isinstance(source.file, (io.BytesIO, io.StringIO)):
                once = f"the open file {source.name}"
            if once:
                raise refuse(
                    TypeError,
                    f"the corpus reads {once}, which can't be copied or sent to another process; pass "
                    "a path, a list, or a function that makes a new one, Corpus(lambda: ...)",
                    argument="source",
                )
        return {**self.__dict__, "_pass": Pass()}

    def __copy__(self) -> Corpus:
        other = type(self).__new__(type(self))
        other.__dict__.update({**self.__dict__, "_pass": Pass()})
        return other

    @property
    def _what(self) -> str:
        """What it reads, for people."""
        files = self.files
        if not files:
            return ", ".join(type(source).__name__ for source in self._sources)
        return files[0] if len(files) == 1 else f"{files[0]} and {_bounds.counted(len(files) - 1, 'more file')}"

    def __repr__(self) -> str:
        return f"Corpus({self._what}, column={self._options.column!r}, batch_size={self.batch_size})"


def _check_sizes(batch_size: Any, batch_bytes: Any) -> None:
    """Refuses sizes of a batch that are not whole numbers of at least 1, or both `None`."""
    for name, number in (("batch_size", batch_size), ("batch_bytes", batch_bytes)):
        if number is not None:
            _bounds.whole(name, number, 1)
    if batch_size is None and batch_bytes is None:
        words = (Argument("batch_size"), " and ", Argument("batch_bytes"), " are both None")
        raise refuse(ValueError, *words, cure="pass one of them")


def _names(keep: Any) -> tuple[str, ...]:
    """The columns that `keep` names; for "all", none."""
    if isinstance(keep, str) and keep == "all":
        return ()
    given = Argument("keep"), f" is {_bounds.shown(keep)}"
    if isinstance(keep, str):
        raise refuse(ValueError, *given, cure='pass a list of names, or "all"')
    if not isinstance(keep, Iterable):
        raise refuse(TypeError, *given, f", {with_article(type(keep).__name__)}", cure='pass a list of names, or "all"')
    names = tuple(keep)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise refuse(ValueError, *given, cure="pass names of columns, each once")
    return names


@dataclass
class _Texts:
    """A list of texts, kept apart from a list of paths."""

    called = "texts"

    texts: list[Any] | tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.texts)


def _called(source: Any) -> str:
    """The name in messages of a source that is not a file."""
    if hasattr(source, "name"):
        return str(source.name)
    held = next((getattr(source, name) for name in ("texts", "object", "dataset") if hasattr(source, name)), source)
    return with_article(kind_of(held))
