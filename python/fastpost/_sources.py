"""What a `Corpus` can be made of: each kind of source, found once, and the readers it opens for a pass."""

from __future__ import annotations

import errno
import fnmatch
import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fastpost._fastpost import TextReader
from fastpost.exceptions import CorpusError

# What the end of a name says, without `.gz` or `.zst`.
FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".txt": "text", ".text": "text", ".md": "text", ".rst": "text", ".log": "text", ".raw": "text", "": "text",
    ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """The arguments of `Corpus` that its readers need."""

    column: str
    threads: int | None
    prefetch: int
    split: str
    skip: bool
    format: str | None
    keep: str | None = None
    """A second column, put before the text as JSON and a line end: see `Corpus._keeping`."""


class Reader(Protocol):
    """One pass over one source."""

    def next_batch(self, texts: int, most: int | None) -> tuple[list[str], int] | None:
        """Up to `texts` texts of up to `most` bytes in all, and their size; None at the end, [] if none fits."""

    def skip(self, texts: int) -> int:
        """Passes over up to `texts` texts; how many there were."""

    def counts(self) -> tuple[int, list[str], int, int]:
        """Records skipped, the first reasons, empty files, bytes read."""

    def close(self) -> None:
        """Ends the pass."""


class Source(Protocol):
    """One kind of source. `once` names it if it can be read only once."""

    @property
    def once(self) -> str | None: ...
    def open(self, options: Options) -> Reader:
        """A reader at the beginning."""


@dataclass
class Files:
    """Text and JSON Lines files, packed or not, read by the core."""

    files: list[tuple[str, str]]

    @property
    def once(self) -> str | None:
        return next((f"the pipe {path}" for path, _ in self.files if _is_pipe(path)), None)

    def open(self, options: Options) -> Reader:
        return TextReader.files(
            self.files, options.column, options.threads, options.prefetch, options.skip, options.keep
        )


def _is_pipe(path: str) -> bool:
    """Whether a path is a pipe, such as a shell's `<(command)`: what is read of it is gone."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # the reader tells what is wrong with it
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@dataclass
class ArrowFile:
    """A Parquet or Arrow file, read by pyarrow batch by batch."""

    path: str
    format: str
    once = None

    def open(self, options: Options) -> Reader:
        if options.keep is not None:
            return StringReader(self.kept(options.column, options.keep), self.path, options)
        return TextReader.arrow(self.batches(options.column), self.path, options.column, options.skip)

    def kept(self, column: str, keep: str) -> Iterator[Any]:
        """Each text after the value of the column `keep`, as JSON; what is no text as it is."""
        import json

        for batch in self.batches(column, keep):
            for name in (column, keep):
                if name not in batch.schema.names:
                    raise CorpusError(f"no column `{name}`; the file has {', '.join(batch.schema.names)}", self.path)
            for text, value in zip(batch[column].to_pylist(), batch[keep].to_pylist(), strict=True):
                if isinstance(text, str):
                    yield f"{json.dumps(value, default=_plain)}\n{text}"
                else:
                    yield _Fault(f"column `{column}` holds {'null' if text is None else f'a {_kind(text)}'}, not text")

    def batches(self, *columns: str) -> Iterator[Any]:
        import pyarrow as pa

        try:
            with open(self.path, "rb"):
                pass  # pyarrow's own error has no errno and no filename
            yield from self._read(columns)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise CorpusError(f"not readable as {self.format}: {error}", self.path) from error

    def _read(self, wanted: tuple[str, ...]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.format == "parquet":
            with pq.ParquetFile(self.path) as file:
                there = set(file.schema_arrow.names)
                columns = list(wanted) if there.issuperset(wanted) else None
                yield from file.iter_batches(batch_size=8192, columns=columns)
            return
        with pa.memory_map(self.path) as mapped:
            try:
                blocks = pa.ipc.open_file(mapped)
            except pa.ArrowInvalid:  # the streaming format, which `datasets` writes
                mapped.seek(0)
                yield from pa.ipc.open_stream(mapped)
            else:
                yield from (blocks.get_batch(index) for index in range(blocks.num_record_batches))


def _plain(value: Any) -> str:
    """A value that JSON has not, as text: bytes that are none as hexadecimal digits."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


@dataclass(frozen=True)
class _Fault:
    """Stands for an item that is no text."""

    reason: str


@dataclass
class ArrowObject:
    """Anything with `__arrow_c_stream__` or `__arrow_c_array__`: pyarrow, polars, duckdb."""

    object: Any

    @property
    def once(self) -> str | None:
        return "an Arrow record batch reader" if hasattr(self.object, "read_next_batch") else None

    def open(self, options: Options) -> Reader:
        return TextReader.arrow(iter([self.object]), _kind(self.object), options.column, options.skip)


@dataclass
class Dataset:
    """A `datasets.Dataset` or `IterableDataset`, taken as Arrow tables."""

    dataset: Any
    once = None

    def open(self, options: Options) -> Reader:
        return TextReader.arrow(self.tables(options.column), _kind(self.dataset), options.column, options.skip)

    def tables(self, column: str) -> Iterator[Any]:
        dataset = self.dataset
        if column in (dataset.column_names or ()):
            dataset = dataset.select_columns([column])
        return iter(dataset.with_format("arrow").iter(batch_size=1000))


@dataclass
class FileObject:
    """An open file, text or bytes, packed or not. It is read from where it stands."""

    file: Any
    split: str
    start: int | None = field(init=False)

    def __post_init__(self) -> None:
        seekable = getattr(self.file, "seekable", bool)()
        self.start = self.file.tell() if seekable else None

    @property
    def once(self) -> str | None:
        return f"the stream {self.name}" if self.start is None else None

    @property
    def name(self) -> str:
        name = getattr(self.file, "name", None)
        return name if isinstance(name, str) else f"<{type(self.file).__name__}>"

    def open(self, options: Options) -> Reader:
        if self.start is not None:
            self.file.seek(self.start)
        return TextReader.stream(self.file, self.name, self.split, options.column, options.skip, options.keep)


@dataclass
class Strings:
    """Texts that are Python objects already: an iterable, or a function that returns one."""

    texts: Iterable[Any] | Callable[[], Iterable[Any]]

    @property
    def once(self) -> str | None:
        return f"a {_kind(self.texts)}" if not callable(self.texts) and iter(self.texts) is self.texts else None

    def open(self, options: Options) -> Reader:
        made = self.texts() if callable(self.texts) else self.texts
        if isinstance(made, str | bytes) or not hasattr(made, "__iter__"):
            raise TypeError(f"the function returned a {_kind(made)}; it should return an iterable of str")
        return StringReader(made, _kind(made), options)


class StringReader:
    """Batches of an iterable of `str`, of lists of `str`, or of records (dicts) that hold one of these."""

    def __init__(self, items: Iterable[Any], name: str, options: Options) -> None:
        self._texts = self._strings(items)
        self._held: str | None = None
        self._name, self._column, self._skip = name, options.column, options.skip
        self._skipped = 0
        self._reasons: list[str] = []

    def _strings(self, items: Iterable[Any]) -> Iterator[str]:
        for number, item in enumerate(items, 1):
            value = item
            if isinstance(item, _Fault):
                self._fault(number, item.reason)
                continue
            if isinstance(item, Mapping):
                if self._column not in item:
                    keys = ", ".join(f"`{key}`" for key in item) or "none"
                    reason = f"no column `{self._column}`; the record has {keys}. Pass `column`"
                    self._fault(number, reason)
                    continue
                value = item[self._column]
            if isinstance(value, str):
                yield value
            elif isinstance(value, list | tuple):
                for text in value:
                    if isinstance(text, str):
                        yield text
                    else:
                        self._fault(number, f"the batch holds a {_kind(text)}, not only str")
            else:
                self._fault(number, f"the item is a {_kind(value)}, not a str or a list of str")

    def _fault(self, number: int, reason: str) -> None:
        error = CorpusError(reason, self._name, number)
        if not self._skip:
            raise error
        self._skipped += 1
        if len(self._reasons) < 10:
            self._reasons.append(str(error))

    def next_batch(self, texts: int, most: int | None) -> tuple[list[str], int] | None:
        batch: list[str] = []
        size = 0
        while len(batch) < texts:
            text = next(self._texts, None) if self._held is None else self._held
            if text is None:
                return (batch, size) if batch else None
            length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
            if most is not None and size + length > most:
                self._held = text
                break
            self._held = None
            batch.append(text)
            size += length
        return batch, size

    def skip(self, texts: int) -> int:
        return sum(1 for _ in zip(range(texts), self._texts))

    def counts(self) -> tuple[int, list[str], int, int]:
        return self._skipped, self._reasons, 0, 0

    def close(self) -> None:
        close = getattr(self._texts, "close", None)
        if close is not None:
            close()


def find(source: Any, options: Options) -> tuple[list[Source], list[OSError]]:
    """The sources that `source` stands for, in order, and the folders that could not be listed."""
    faults: list[OSError] = []
    found: list[Source] = []
    for one in _find(source, options, faults):
        if isinstance(one, Files) and found and isinstance(found[-1], Files):
            found[-1].files += one.files  # files in a row are read as one, by all threads
        else:
            found.append(one)
    return found, faults


def _find(source: Any, options: Options, faults: list[OSError]) -> Iterator[Source]:
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        if name == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, "it is closed", "standard input")
            yield FileObject(sys.stdin.buffer, _split(None, options))
            return
        for path in expand(name, faults, options):
            kind = _format(path, options)
            if kind in ("parquet", "arrow"):
                if importlib.util.find_spec("pyarrow") is None:
                    raise ImportError(f"reading {path} needs pyarrow; pip install 'fastpost[arrow]'")
                yield ArrowFile(path, kind)
            else:
                yield Files([(path, _split(kind, options))])
    elif hasattr(source, "read"):
        called = getattr(source, "name", None)
        holds = options.format or (FORMATS.get(_suffix(called)) if isinstance(called, str) else None)
        if holds in ("parquet", "arrow"):
            raise TypeError(f"an open {holds} file can't be read as a stream; pass its path")
        yield FileObject(source, _split(holds, options))
    elif type(source).__module__.split(".")[0] == "datasets" and hasattr(source, "with_format"):
        yield Dataset(source)
    elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        yield ArrowObject(source)
    elif isinstance(source, list | tuple) and not all(isinstance(item, list | tuple | Mapping) for item in source):
        for item in source:
            yield from _find(item, options, faults)
    elif callable(source) or hasattr(source, "__iter__"):
        if isinstance(source, bytes | bytearray | Mapping):
            raise TypeError(f"`source` is a {_kind(source)}; pass a path, an iterable of str, or Arrow data")
        yield Strings(source)
    else:
        raise TypeError(
            f"`source` is a {_kind(source)}; pass a path or glob, a file object, Arrow data, a dataset, an iterable "
            "of str, or a function that returns one"
        )


def expand(pattern: str, faults: list[OSError], options: Options) -> list[str]:
    """The files of a path, a folder or a glob, sorted. Unlike `glob.glob` it says which folders it can't list."""
    if re.match(r"[a-z][a-z0-9+.]+://", pattern):
        raise ValueError(f"{pattern} is not a local path; open it (fsspec.open) and pass the file object")
    if not pattern:
        raise ValueError("`source` is an empty path")
    if os.path.isdir(pattern):
        files = [path for path in _walk(pattern, faults, options) if options.format or _suffix(path) in FORMATS]
    elif os.path.lexists(pattern) or not re.search(r"[*?[]", pattern):
        return [pattern]  # the reader tells what is wrong with it
    else:
        parts = Path(pattern).parts
        fixed = next(index for index, part in enumerate(parts) if re.search(r"[*?[]", part))
        root = os.path.join(*parts[:fixed]) if fixed else ""
        files = [path for path in _match(root, parts[fixed:], faults, options) if os.path.isfile(path)]
    if not files:
        raise FileNotFoundError(
            errno.ENOENT, "no file matches; a list of texts is passed as Corpus.from_texts", pattern
        )
    return sorted(set(files))


def _list(folder: str, faults: list[OSError], options: Options) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        if not options.skip:
            raise
        if error.filename not in [fault.filename for fault in faults]:
            faults.append(error)
        return []


def _walk(folder: str, faults: list[OSError], options: Options) -> Iterator[str]:
    for entry in _list(folder, faults, options):
        if entry.name.startswith("."):
            continue
        path = os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, faults, options)
        elif not entry.is_dir():
            yield path


def _match(folder: str, parts: tuple[str, ...], faults: list[OSError], options: Options) -> Iterator[str]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        if rest:
            yield from _match(folder, rest, faults, options)
        for entry in _list(folder, faults, options):
            path = os.path.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _match(path, parts, faults, options)
            elif not rest:
                yield path
        return
    for entry in _list(folder, faults, options):
        if entry.name.startswith(".") and not head.startswith("."):
            continue
        if fnmatch.fnmatchcase(entry.name, head):
            path = os.path.join(folder, entry.name)
            if not rest:
                yield path
            elif entry.is_dir():
                yield from _match(path, rest, faults, options)


def _suffix(path: str) -> str:
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix.lower() in (".gz", ".zst"):
        suffix = os.path.splitext(stem)[1]
    return suffix.lower()


def _format(path: str, options: Options) -> str:
    kind = options.format or FORMATS.get(_suffix(path))
    if kind is None:
        raise ValueError(
            f"the name of {path} does not say what it holds; pass format='text', 'jsonl', 'parquet' or 'arrow'"
        )
    return kind


def _split(kind: str | None, options: Options) -> str:
    return "json" if (options.format or kind) == "jsonl" else options.split


def _kind(value: object) -> str:
    return type(value).__name__
