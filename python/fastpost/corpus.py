"""`Corpus`: batches of texts from anywhere, read in parallel, in constant memory."""

from __future__ import annotations

import copy
import errno
import io
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast

from fastpost import _sources
from fastpost._fastpost import TextReader
from fastpost._sources import Options, Reader
from fastpost.exceptions import CorpusError

__all__ = ["Corpus", "CorpusStats"]

T = TypeVar("T")

_STEP = 1 << 18  # texts that are passed over before progress is told
_LOOK = 1 << 23  # bytes of files from which the number of their texts is guessed


@dataclass(frozen=True)
class CorpusStats:
    """What one pass has done so far.

    Attributes:
        texts, bytes, batches: handed out; bytes are those of the texts in UTF-8. Word counts take no batches.
        skipped: records and files left out because of `on_error="skip"`.
        reasons: the first ten of them, each with its place.
        empty_files: files without any bytes; they give no text.
        bytes_read: bytes read from files, packed as they are; runs ahead of what is handed out.
        seconds: from the start of the pass to its last batch.
    """

    texts: int = 0
    bytes: int = 0
    batches: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()
    empty_files: int = 0
    bytes_read: int = 0
    seconds: float = 0.0


@dataclass
class _Pass:
    """The state of one pass, shared with the corpus that it belongs to."""

    start: int = 0
    texts: int = 0
    bytes: int = 0
    batches: int = 0
    began: float = 0.0
    ended: float = 0.0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    empty_files: int = 0
    bytes_read: int = 0
    reader: Reader | None = None

    def stats(self) -> CorpusStats:
        skipped, reasons, empty, read = (0, [], 0, 0) if self.reader is None else self.reader.counts()
        return CorpusStats(
            texts=self.texts,
            bytes=self.bytes,
            batches=self.batches,
            skipped=self.skipped + skipped,
            reasons=tuple((self.reasons + reasons)[:10]),
            empty_files=self.empty_files + empty,
            bytes_read=self.bytes_read + read,
            seconds=self.ended - self.began,
        )

    def close(self) -> None:
        """Ends the reader and keeps its counts."""
        if self.reader is not None:
            reader, self.reader = self.reader, None
            reader.close()
            skipped, reasons, empty, read = reader.counts()
            self.skipped += skipped
            self.reasons += reasons
            self.empty_files += empty
            self.bytes_read += read


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
              per line), each also as `.gz` or `.zst`; `.parquet` and `.arrow` through pyarrow. Files of a glob are
              read in sorted order.
            - `"-"` (standard input) or an open file, text or bytes;
            - Arrow data: anything with `__arrow_c_stream__` or `__arrow_c_array__` (pyarrow, polars, duckdb);
            - a `datasets.Dataset` or `IterableDataset`;
            - an iterable of `str`, of lists of `str` or of records, or a function that returns one. A list of `str`
              is taken as paths; see `from_texts`.
        column: column of JSON records, Arrow data, datasets and dicts that holds the text.
        batch_size: texts per batch; None if only `batch_bytes` decides.
        batch_bytes: most UTF-8 bytes per batch; a longer text makes a batch of its own.
        threads: threads that read files; None is one per core, 1 reads on the calling thread.
        on_error: `"raise"`, or `"skip"` to leave out what can't be read and name it in `stats`.
        prefetch: MiB of text per thread that may be read ahead.
        split: what a text of a text file is: a `"line"`, a paragraph (`"blank"`: up to a blank line) or the `"file"`.
        format: `"text"`, `"jsonl"`, `"parquet"` or `"arrow"` for files whose names don't say it.

    A line ends at `\n` or `\r\n`; inside paragraphs and files `\r\n` becomes `\n`. A byte-order mark is dropped.
    Blank lines are texts in text files, nothing in JSON Lines. Files must be UTF-8; a JSON string with half a
    surrogate pair can't be, and is an error. A record may have 1 GiB.

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
        column: str = "text",
        batch_size: int | None = 1000,
        batch_bytes: int | None = None,
        threads: int | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        prefetch: int = 2,
        split: Literal["line", "blank", "file"] = "line",
        format: Literal["text", "jsonl", "parquet", "arrow"] | None = None,  # noqa: A002  (what pandas and datasets call it)
    ) -> None:
        for name, number in (
            ("batch_size", batch_size),
            ("batch_bytes", batch_bytes),
            ("threads", threads),
            ("prefetch", prefetch),
        ):
            if number is not None and number < 1:
                raise ValueError(f"`{name}` is {number}; it is at least 1")
        if batch_size is None and batch_bytes is None:
            raise ValueError("`batch_size` and `batch_bytes` are both None; pass one of them")
        for name, given, allowed in (
            ("on_error", on_error, ("raise", "skip")),
            ("split", split, ("line", "blank", "file")),
            ("format", format, ("text", "jsonl", "parquet", "arrow", None)),
        ):
            if given not in allowed:
                raise ValueError(f"`{name}` is {given!r}; it is one of {', '.join(map(repr, allowed))}")
        self.batch_size, self.batch_bytes = batch_size, batch_bytes
        self._options = Options(column, threads, prefetch, split, on_error == "skip", format)
        self._sources, self._unlisted = _sources.find(source, self._options)
        if not self._sources and not self._unlisted:
            raise ValueError("`source` is an empty list; pass at least one path, or texts with Corpus.from_texts")
        self._start = 0
        self._used: str | None = None
        self._pass = _Pass()

    def _keeping(self, column: str) -> Corpus:
        """The corpus with a JSON value and a line end before each text: that of `column`, `null` if it has none."""
        texts = [path for path, split in self._text_files() if split != "json"]
        if texts:
            raise ValueError(f"{texts[0]} is a text file, which has no column `{column}`; leave the column out")
        kept = copy.copy(self)
        kept._options = replace(self._options, keep=column)
        return kept

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

    def _text_files(self) -> Iterator[tuple[str, str]]:
        for source in self._sources:
            if isinstance(source, _sources.Files):
                yield from source.files
            elif isinstance(source, _sources.FileObject):
                yield source.name, source.split

    @classmethod
    def from_texts(cls, texts: Iterable[Any] | Callable[[], Iterable[Any]], **options: Any) -> Corpus:
        """A corpus of texts that are in memory: a list of `str` is a list of texts here, not of paths.

        >>> list(Corpus.from_texts(["one", "two", "three"], batch_size=2))
        [['one', 'two'], ['three']]
        """
        if isinstance(texts, str | bytes):
            raise TypeError("`texts` is one text; pass a list of texts, or a path to Corpus")
        return cls(_Texts(texts) if isinstance(texts, list | tuple) else texts, **options)

    def __iter__(self) -> Iterator[list[str]]:
        """One pass: batches of `batch_size` texts, the last one may be shorter."""
        return self._batches(self._begin())

    def _begin(self, passed: int = 0) -> _Pass:
        """The state of a new pass, which starts `passed` texts after where `skip` says."""
        if self._used is not None:
            raise CorpusError(
                f"the corpus reads {self._used}, which an earlier pass has used up; pass a function that makes a new "
                "one, Corpus(lambda: ...), or a path or list, which can be read again"
            )
        self._used = self._once
        state = self._pass = _Pass(start=self._start + passed, skipped=len(self._unlisted))
        state.reasons += [str(error) for error in self._unlisted]
        return state

    def _batches(self, state: _Pass) -> Iterator[list[str]]:
        state.began = state.ended = time.perf_counter()
        most = self.batch_size or (1 << 62)
        to_skip = state.start
        batch: list[str] = []
        size = 0
        try:
            for source in self._sources:
                reader = state.reader = source.open(self._options)
                to_skip -= reader.skip(to_skip) if to_skip else 0
                while True:
                    room = None if self.batch_bytes is None else max(self.batch_bytes - size, 0)
                    found = reader.next_batch(most - len(batch), room)
                    if found is None:
                        break
                    texts, read = found
                    if not texts and not batch:
                        texts, read = reader.next_batch(1, None) or ([], 0)  # longer than a batch may be
                    batch, size, fits = (batch + texts if batch else texts), size + read, bool(texts)
                    if len(batch) == most or not fits or (self.batch_bytes is not None and size >= self.batch_bytes):
                        yield self._hand_out(state, batch, size)
                        batch, size = [], 0
                state.close()
            if batch:
                yield self._hand_out(state, batch, size)
            self._require_texts(state)
        finally:
            state.close()

    def _require_texts(self, state: _Pass) -> None:
        if not state.texts and not state.start and not self._options.skip:
            raise CorpusError(f"the corpus holds no text: {self._what}")

    def _hand_out(self, state: _Pass, batch: list[str], size: int) -> list[str]:
        state.texts += len(batch)
        state.bytes += size
        state.batches += 1
        state.ended = time.perf_counter()
        return batch

    def skip(self, n_texts: int) -> Corpus:
        """Makes every later pass start after the first `n_texts` texts, and returns the corpus itself.

        To resume a job, keep `position` and skip that many; `skip(0)` starts at the beginning again. Skipped texts
        are read and checked but not made into Python strings.
        """
        if n_texts < 0:
            raise ValueError(f"`n_texts` is {n_texts}; it is at least 0")
        self._start = n_texts
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
        """What can be read only once, if anything."""
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
        """One pass without Python strings: what `kernel` makes of the reader of each source.

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

        The number is that of the first megabytes, on to the size of all files; None for other sources. The
        pass leaves no trace here.
        """
        other = copy.copy(self)
        other.batch_size, other.batch_bytes = None, size
        other._options = replace(self._options, threads=1)  # so that nothing is read ahead
        batches = iter(other)
        try:
            sample, total = next(batches, []), self.total_bytes
            reader = other._pass.reader
            if total is None or reader is None:
                return sample, None
            texts = other.position
            while other.stats.bytes_read < _LOOK and (more := reader.skip(1000)):
                texts += more
            read = other.stats.bytes_read
            return sample, round(max(texts, texts * total / max(read, 1))) - self._start
        finally:
            other._pass.close()

    def _check(self, most: int) -> list[str]:
        """The first text of each of `most` files; the others are opened. Pipes, which have it once, are left alone.

        Raises:
            OSError, CorpusError: as a pass would; nothing that `on_error="skip"` leaves out.
        """
        if self._options.skip:
            return []
        options = replace(self._options, threads=1)
        texts: list[str] = []
        all_read = self._once is None
        for number, path in enumerate(self.files):
            if not stat.S_ISREG(os.stat(path).st_mode):
                continue
            if number >= most:
                all_read = False
                with open(path, "rb"):
                    continue
            reader = next(_sources._find(path, options, [])).open(options)
            try:
                texts += (reader.next_batch(1, None) or ([], 0))[0]
            finally:
                reader.close()
        if all_read and self.files and not texts:
            self._require_texts(_Pass())
        return texts

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and `copy.deepcopy` keep: all but the latest pass.

        Raises:
            TypeError: if the corpus reads an object that can't be read in two places.
        """
        for source in self._sources:
            once = source.once
            if isinstance(source, _sources.FileObject) and not isinstance(source.file, (io.BytesIO, io.StringIO)):
                once = f"the open file {source.name}"
            if once:
                raise TypeError(
                    f"the corpus reads {once}, which can't be copied or sent to another process; pass "
                    "a path, a list, or a function that makes a new one, Corpus(lambda: ...)"
                )
        return {**self.__dict__, "_pass": _Pass()}

    def __copy__(self) -> Corpus:
        other = type(self).__new__(type(self))
        other.__dict__.update({**self.__dict__, "_pass": _Pass()})
        return other

    @property
    def _what(self) -> str:
        """What it reads, for people."""
        files = self.files
        if not files:
            return ", ".join(type(source).__name__ for source in self._sources)
        return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more files"

    def __repr__(self) -> str:
        return f"Corpus({self._what}, column={self._options.column!r}, batch_size={self.batch_size})"


@dataclass
class _Texts:
    """A list of texts, kept apart from a list of paths."""

    texts: list[Any] | tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.texts)
