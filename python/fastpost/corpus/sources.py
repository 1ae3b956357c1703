"""What a `Corpus` can be made of: each kind of source, found once, and the readers it opens for a pass."""

from __future__ import annotations

import errno
import importlib.util
import json
import math
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from fastpost._fastpost import TextReader
from fastpost._inputs.bounds import listed, short
from fastpost.corpus.folders import Folders
from fastpost.corpus.formats import COLUMNAR, NAMES, SUFFIXES, suffix_of
from fastpost.exceptions import Argument, CorpusError, Words, refuse

SKIP: Words = ("; ", Argument("on_error", ("skip",)), " leaves such records out and counts them")
"""What ends the message of a record that can't be read; the core says it of its own, too."""


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
        """Passes over up to `texts` texts; how many there were."""

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


@dataclass
class Files:
    """Files of text, JSON Lines, CSV and TSV, packed or not, read by the core: path, and what a text of it is."""

    files: list[tuple[str, str]]

    @property
    def once(self) -> str | None:
        return next((f"the pipe {path}" for path, _ in self.files if _is_pipe(path)), None)

    def open(self, options: Options) -> Reader:
        return TextReader.files(self.files, options)


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
        if options.keeps:
            return StringReader(_rows(self.batches(*_columns(options)), self.path, options), self.path, options, True)
        return TextReader.arrow(self.batches(options.column), self.path, options)

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
                columns = list(dict.fromkeys(wanted)) if wanted and there.issuperset(wanted) else None
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


_AT_ONCE = 8192
"""Rows of Arrow data that become Python objects at once."""

_PASS_COLUMN: Words = (". Pass ", Argument("column"))


def _plain(value: Any) -> str:
    """A value that JSON has not, as text: bytes that are none as hexadecimal digits."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


class _Row(NamedTuple):
    """A text, or what stands in its place, and the columns that come along as a JSON object."""

    text: Any
    kept: str


class _Fault(NamedTuple):
    """What is wrong with a row, which is no text because of it."""

    reason: str
    cure: Words = ()


def _object(columns: Mapping[str, Any]) -> str:
    """Columns as a JSON object; NaN and infinities, which JSON has not, are null."""
    try:
        return json.dumps(columns, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        try:
            return json.dumps(_finite(columns), default=_plain, ensure_ascii=False, allow_nan=False)
        except RecursionError:
            raise ValueError(f"`keep` has {listed(columns)}, of which one holds itself; leave it out") from None


def _finite(value: Any) -> Any:
    """`value` with None for each number that is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _columns(options: Options) -> tuple[str, ...]:
    """The columns to read; none means all."""
    return () if options.keep_all else (options.column, *options.keep)


def _rows(batches: Iterable[Any], name: str, options: Options) -> Iterator[_Row | _Fault]:
    """The rows of Arrow tables or record batches."""
    import pyarrow as pa

    for batch in batches:
        names = batch.schema.names
        wanted = [name for name in names if name != options.column] if options.keep_all else list(options.keep)
        for column in (options.column, *wanted):
            if names.count(column) != 1:
                what = "no column" if column not in names else "more than one column"
                reason = f"{what} `{short(column)}`; the data has {listed(names)}"
                raise CorpusError(reason, name, cure=_PASS_COLUMN)
        columns = {column: batch[column] for column in (options.column, *wanted)}
        for column, values in columns.items():
            for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                _check_indices(chunk, column, name)
        for start in range(0, len(batch), _AT_ONCE):  # a run may be longer than memory could hold rows
            some = {called: column.slice(start, _AT_ONCE) for called, column in columns.items()}
            try:
                yield from _some_rows(some, options)
            except pa.ArrowException as error:  # an index that is none of its dictionary
                raise CorpusError(f"the Arrow data is damaged: {str(error)[:200]}", name) from error


def _check_indices(array: Any, column: str, name: str) -> None:
    """Refuses indices for which a dictionary has no value; pyarrow would read what lies in memory there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(array.type):
        _check_indices(array.values, column, name)
    elif pa.types.is_dictionary(array.type):
        ends = pc.min_max(array.indices).as_py()
        count = len(array.dictionary)
        for index in (ends["min"], ends["max"]):
            if index is not None and not 0 <= index < count:
                raise CorpusError(
                    f"column `{short(column)}` is a dictionary of {count} values but holds the index {index}; the "
                    "Arrow data is damaged",
                    name,
                )
        _check_indices(array.dictionary, column, name)


def _some_rows(columns: dict[str, Any], options: Options) -> Iterator[_Row | _Fault]:
    wanted = [name for name in columns if options.keep_all or name in options.keep]
    wanted = [name for name in wanted if name != options.column or name in options.keep]
    try:
        values = {name: column.to_pylist() for name, column in columns.items()}
    except UnicodeDecodeError:
        for row in range(len(columns[options.column])):
            yield _one_row({name: column.slice(row, 1) for name, column in columns.items()}, wanted, options)
        return
    for row, text in enumerate(values[options.column]):
        yield _Row(text, _object({name: values[name][row] for name in wanted}))


def _one_row(columns: dict[str, Any], wanted: list[str], options: Options) -> _Row | _Fault:
    """A row of a batch that has a string somewhere which is not UTF-8."""
    import pyarrow as pa

    values = {}
    for name, column in columns.items():
        try:
            values[name] = column.to_pylist()[0]
        except UnicodeDecodeError as error:
            if not options.replace:
                found = error.object[error.start]
                reason = f"not UTF-8: byte 0x{found:02x} at byte {error.start} of column `{short(name)}`"
                replaced: Words = ("; pass ", Argument("on_error", ("replace",)), " to have U+FFFD there")
                return _Fault(reason, replaced)
            if isinstance(column, pa.ChunkedArray):
                column = column.combine_chunks()
            while pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                return _Fault(f"column `{short(name)}` holds bytes that are not UTF-8 inside {short(str(column.type))}")
            values[name] = column.cast(pa.large_binary()).to_pylist()[0].decode("utf-8", "replace")
    return _Row(values[options.column], _object({name: values[name] for name in wanted}))


@dataclass
class ArrowObject:
    """Anything with `__arrow_c_stream__` or `__arrow_c_array__`: pyarrow, polars, duckdb."""

    object: Any

    @property
    def once(self) -> str | None:
        return "an Arrow record batch reader" if hasattr(self.object, "read_next_batch") else None

    def open(self, options: Options) -> Reader:
        name = _kind(self.object)
        if options.keeps:
            return StringReader(_rows(self.batches(options.column), name, options), name, options, True)
        return TextReader.arrow(iter([_only(self.object, options.column)]), name, options)

    def batches(self, column: str) -> Iterator[Any]:
        import pyarrow as pa

        polars = sys.modules.get("polars")
        if isinstance(self.object, pa.ChunkedArray) or (polars and isinstance(self.object, polars.Series)):
            yield from (_batch(chunk, column) for chunk in pa.chunked_array(self.object).chunks)
        elif hasattr(self.object, "__arrow_c_stream__"):
            yield from pa.RecordBatchReader.from_stream(self.object)
        else:
            yield _batch(pa.array(self.object), column)


def _batch(array: Any, column: str) -> Any:
    """The rows of an Arrow array: records, whose own nulls are nulls of their columns, or texts without other columns."""
    import pyarrow as pa

    if pa.types.is_struct(array.type):
        return pa.record_batch(array.flatten(), [field.name for field in array.type])
    return pa.record_batch([array], [column])


def _only(source: Any, column: str) -> Any:
    """A frame of polars with the column that is read, whose nulls are texts that are null; anything else as it is.

    A stream has all columns, and one of a type that Rust's Arrow refuses, such as polars' Null, would end the reading.
    """
    polars = sys.modules.get("polars")
    if polars is None:
        return source
    if isinstance(source, polars.DataFrame):
        if column not in source.columns:  # whose names the error lists
            return polars.DataFrame(schema=dict.fromkeys(source.columns, polars.String)).clear(len(source))
        return source.select(column).cast({polars.Null: polars.String})
    if isinstance(source, polars.Series) and source.dtype == polars.Null:
        return source.cast(polars.String)
    return source


@dataclass
class Dataset:
    """A `datasets.Dataset` or `IterableDataset`, taken as Arrow tables."""

    dataset: Any
    once = None

    def open(self, options: Options) -> Reader:
        name = _kind(self.dataset)
        if options.keeps:
            return StringReader(_rows(self.tables(_columns(options)), name, options), name, options, True)
        return TextReader.arrow(self.tables((options.column,)), name, options)

    def tables(self, columns: tuple[str, ...]) -> Iterator[Any]:
        dataset = self.dataset
        if columns and set(columns) <= set(dataset.column_names or ()):
            dataset = dataset.select_columns(list(dict.fromkeys(columns)))
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
        return TextReader.stream(self.file, self.name, self.split, options)


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

    def __init__(self, items: Iterable[Any], name: str, options: Options, in_file: bool = False) -> None:
        self._texts = self._strings(items)
        self._held: list[Any] = []
        self._name, self._options = name, options
        self._file = name if in_file and os.sep in name else None
        self._skipped = self._records = 0
        self._errors: list[Exception] = []
        # Of the text that was made last: its item, counted from 1, its number among the records, what is kept.
        self._place: tuple[int, int, str] = (0, 0, "{}")

    def _strings(self, items: Iterable[Any]) -> Iterator[str | None]:
        for item, value in enumerate(items, 1):
            kept = "{}"
            if isinstance(value, _Fault):
                self._fault(item, *value)
                continue
            if isinstance(value, _Row):
                value, kept = value
            elif isinstance(value, Mapping):
                if self._options.column not in value:
                    column = short(self._options.column)
                    self._fault(item, f"no column `{column}`; the record has {listed(value)}", _PASS_COLUMN)
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
                    found = "null" if text is None else f"a {_kind(text)}"
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
        return _object(kept)

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
    """Where a text has half a surrogate pair, if it has."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _no_character(text: str, at: int, number: int) -> _Fault:
    return _Fault(
        f"text {number} holds U+{ord(text[at]):04X} at character {at}, half a surrogate pair, which is no character",
        ("; pass ", Argument("on_error", ("replace",)), " to have U+FFFD there"),
    )


def _whole(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair; two halves in a row become their character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


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
        for path in Folders(options.format, options.skip, faults).files(name):
            kind = _format(path, options)
            if kind in COLUMNAR:
                if importlib.util.find_spec("pyarrow") is None:
                    raise ImportError(f"reading {path} needs pyarrow; pip install 'fastpost[arrow]'")
                yield ArrowFile(path, kind)
            else:
                yield Files([(path, _split(kind if suffix_of(path) else None, options))])
    elif hasattr(source, "read"):
        called = getattr(source, "name", None)
        ends = suffix_of(called) if isinstance(called, str) else ""
        holds = options.format or (SUFFIXES.get(ends) if ends else None)
        if holds in COLUMNAR:
            raise TypeError(f"an open {holds} file can't be read as a stream; pass its path")
        yield FileObject(source, _split(holds, options))
    elif type(source).__module__.split(".")[0] == "datasets" and hasattr(source, "with_format"):
        if isinstance(source, Mapping):
            names = list(source)
            raise TypeError(
                f"`source` is a {_kind(source)} of the splits {listed(names)}; choose one, "
                f"Corpus(dataset[{short(names[0]) if names else 'train'!r}])"
            )
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


def _format(path: str, options: Options) -> str:
    kind = options.format or SUFFIXES.get(suffix_of(path))
    if kind is None:
        raise refuse(
            ValueError,
            f"the name of {path} does not say what it holds",
            cure=("; pass ", Argument("format", NAMES)),
            file=path,
        )
    return kind


def _split(kind: str | None, options: Options) -> str:
    """What one text of a file of this format is; with a question mark, if nobody has said what the file holds."""
    kind = options.format or kind
    if kind is None:
        return f"{options.split}?"
    return options.split if kind == "text" else kind


def _kind(value: object) -> str:
    """What a value is called in messages."""
    name: str = getattr(type(value), "called", type(value).__name__)
    return name
