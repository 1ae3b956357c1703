"""The lines of a job -> a Parquet file, one row group at a time.

A Parquet file can't be read before its end is written, nor can rows be added to it. So an unfinished one is a
folder, `<out>.parts`, of part files: each a whole Parquet file of one row group, moved into place when it is
complete. Lines since the last part are kept as they are and become the next part at 8 MB. When the job is done the
parts are copied into one file, column by column. The disk holds the lines of one part and, at the end, every row
twice; memory holds one part.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fastpost.exceptions import refuse
from fastpost.jobs.claim import refuse_other_job
from fastpost.jobs.errors import WRITE_AGAIN, JobError
from fastpost.jobs.lines import Done, append, whole_lines

if TYPE_CHECKING:
    import pyarrow as pa

Json = dict[str, Any]

_PART = 8 << 20
"""Bytes of lines that become a part: some 80,000 entities."""
_BATCH = 1 << 20
"""Bytes of lines that are Python objects at once."""


@dataclass(frozen=True)
class Table:
    """How a line becomes rows."""

    fields: Callable[[], list[tuple[str, Any]]]
    """The names and Arrow types of the command's own columns; pyarrow is imported when they are asked for."""
    rows: Callable[[Json], list[Json]]
    """The rows of a line."""
    found: Callable[[Json], int]
    """How many entities or answers a line has."""
    copied: tuple[str, ...] = ()
    """Columns that come from the input. They follow the first column, and all others follow them."""
    line: tuple[str, ...] = ()
    """Names of the fields of a line."""
    open: bool = False
    """Whether lines may have further columns: all of the input's."""
    unit: str = "text"
    """The kind of thing that a line describes."""

    def fits(self, names: Iterable[str], written: Iterable[str]) -> bool:
        """Whether these columns are those of a job with this table."""
        there, wanted = set(names), set(written)
        return wanted <= there if self.open else wanted == there


@dataclass(frozen=True)
class Refute:
    """Why a whole output can't be of a job's texts, in words; None if it may be."""

    lines: Callable[[Iterator[Json]], str | None]
    """Asked of a file of lines."""
    rows: Callable[[Iterator[Json], int | None], str | None]
    """Asked of a table, with how many lines it was made of, if it says so."""


class Parts:
    """The rows of a job, in parts.

    Part n is `n.parquet`; `n.jsonl` has the lines that will become it. Its metadata say how many lines it was made of,
    how much was found, and what kinds of values the columns of the input had, as their types are known only at the
    end. The metadata of the final file identify its job by digests, which name no file, and say of how many lines it is.
    """

    def __init__(self, out: Path, table: Table, job: Json) -> None:
        self._out, self._table, self._job = out, table, job
        self._folder = out.with_name(f"{out.name}.parts")
        self._file: IO[bytes] | None = None
        self._count = 0
        self._size = 0
        self._kinds: dict[str, set[str]] = {name: set() for name in table.copied}

    def in_the_way(self) -> Path | None:
        """What a new job would replace, and what is not the output itself."""
        there = self._folder.exists() and (not self._folder.is_dir() or any(self._folder.iterdir()))
        return self._folder if there else None

    def start(self) -> None:
        """Removes what is there."""
        self._remove()
        self._out.unlink(missing_ok=True)

    def resume(self) -> Done:
        """Goes on with what is there; returns how much that is."""
        done = Done()
        while self._part(self._count).exists():
            about = self._about(self._part(self._count))
            done += Done(about["lines"], about["found"])
            self._learn({name: set(kinds) for name, kinds in about["columns"].items()})
            self._count += 1
        if self._count:
            # The program may have ended between making a part and removing its lines.
            self._lines(self._count - 1).unlink(missing_ok=True)
        for path in self._ours():
            if int(path.stem) > self._count:
                path.unlink()  # after a part that somebody has removed: its texts are read again
        if self._lines(self._count).exists():
            self._file, lines = whole_lines(self._lines(self._count), self._table.found)
            self._size = self._file.tell()
            done += lines
        return done

    def is_ours(self) -> bool:
        """Whether the whole output is one that this job may have written."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self._out) as file:
                names = file.schema_arrow.names
        except (pa.ArrowException, OSError):
            return False
        return self._table.fits(names, [*self._table.copied, *(name for name, _ in self._table.fields())])

    def refuse_other(self, refute: Refute) -> None:
        """Refuses a table that names another job, and one of texts that came from where nothing tells them apart."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._out) as file:
            told = file.schema_arrow.metadata or {}
            refuse_other_job(self._out, told.get(_JOB), self._job)
            lines = told.get(_LINES, b"")
            rows = (row for batch in file.iter_batches() for row in batch.to_pylist())
            why = refute.rows(rows, int(lines) if lines.isdigit() else None)
        if why is not None:
            raise refuse(JobError, f"{self._out} {why}", cure=WRITE_AGAIN)

    def write(self, data: bytes) -> None:
        """Keeps whole lines, and makes a part of them when there are many."""
        if self._file is None:
            self._folder.mkdir(exist_ok=True)
            self._file = open(self._lines(self._count), "xb", buffering=0)  # noqa: SIM115  (closed by `close`)
        append(self._file, data)
        self._size += len(data)
        if self._size >= _PART:
            self._make_part()

    def finish(self) -> None:
        """Makes the last part from what is left, and one file from all parts."""
        self._folder.mkdir(exist_ok=True)
        if self._size or not self._count:
            self._make_part()
        joined = self._folder / "joined"
        lines = sum(self._about(self._part(number))["lines"] for number in range(self._count))
        schema = self._whole_schema().with_metadata({_JOB: json.dumps(self._job), _LINES: str(lines)})
        self._write(joined, schema, self._parts())
        os.replace(joined, self._out)
        self._remove()

    def close(self) -> None:
        """Leaves the lines as they are."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _make_part(self) -> None:
        """Makes a part of the lines, in place at once, and begins the next."""
        self.close()
        lines = self._lines(self._count)
        table, kinds, done = self._of_lines(lines)
        columns = {name: sorted(found) for name, found in kinds.items()}
        about = json.dumps({"lines": done.lines, "found": done.found, "columns": columns})
        made = self._folder / "made"
        self._write(made, table.schema.with_metadata({_ABOUT: about}), iter([table]))
        os.replace(made, self._part(self._count))
        self._count, self._size = self._count + 1, 0
        self._learn(kinds)
        lines.unlink(missing_ok=True)

    def _learn(self, kinds: dict[str, set[str]]) -> None:
        for name, found in kinds.items():
            self._kinds[name] = self._kinds.get(name, set()) | found

    def _of_lines(self, path: Path) -> tuple[pa.Table, dict[str, set[str]], Done]:
        """The rows of lines as a table, the kinds of values in the input's columns, and how many lines there were."""
        import pyarrow as pa

        schema = pa.schema(self._table.fields())
        tables, done, height = [schema.empty_table()], Done(), 0
        copied: dict[str, list[Any]] = {name: [] for name in self._table.copied}
        own = set(schema.names)
        for lines in _batches(path):
            read = [json.loads(line) for line in lines]
            done += Done(len(read), sum(map(self._table.found, read)))
            rows = [row for line in read for row in self._table.rows(line)]
            tables.append(pa.Table.from_pylist(rows, schema))
            for row in rows:
                for name in row:
                    if name not in copied and name not in own:
                        copied[name] = [None] * height
                for name, values in copied.items():
                    values.append(row.get(name))
                height += 1
        table = pa.concat_tables(tables).unify_dictionaries()
        kinds = {}
        for at, (name, values) in enumerate(copied.items(), 1):
            kinds[name] = {_kind(value) for value in values} - {""}
            of = _column_type(kinds[name] or self._kinds.get(name, set()), exact=True)
            column = pa.array([as_text(value) for value in values] if of == pa.string() else values, of)
            table = table.add_column(at, name, column)
        return table, kinds, done

    def _whole_schema(self) -> pa.Schema:
        import pyarrow as pa

        schema = pa.schema(self._table.fields())
        for at, (name, kinds) in enumerate(self._kinds.items(), 1):
            schema = schema.insert(at, pa.field(name, _column_type(kinds)))
        return schema

    def _parts(self) -> Iterator[pa.Table]:
        """The parts, each with the columns that any of them has, in types that fit all of them."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._whole_schema()
        for number in range(self._count):
            with pq.ParquetFile(self._part(number)) as file:
                table = file.read().replace_schema_metadata()
            columns = {name: table[name] for name in table.column_names}
            for name in self._kinds:
                of = schema.field(name).type
                columns[name] = _cast(columns[name], of) if name in columns else pa.nulls(len(table), of)
            yield pa.table([columns[name] for name in schema.names], schema=schema)

    def _write(self, path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
        """A Parquet file of the tables, each a row group."""
        import pyarrow.parquet as pq

        try:
            # pyarrow's own files fail without the name and with words of its own.
            with open(path, "wb") as file:
                with pq.ParquetWriter(file, schema) as writer:
                    for table in tables:
                        if len(table):
                            writer.write_table(table, row_group_size=len(table))
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            with contextlib.suppress(OSError):
                path.unlink()
            if isinstance(error, OSError):
                error.filename = str(path)
            raise

    def _about(self, part: Path) -> Json:
        import pyarrow.parquet as pq

        with pq.ParquetFile(part) as file:
            about: Json = json.loads(file.schema_arrow.metadata[_ABOUT])
        return about

    def _part(self, number: int) -> Path:
        return self._folder / f"{number}.parquet"

    def _lines(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"

    def _ours(self) -> list[Path]:
        """The parts and files of lines that are there."""
        there = self._folder.iterdir() if self._folder.is_dir() else ()
        return [path for path in there if path.stem.isdecimal() and path.suffix in (".parquet", ".jsonl")]

    def _remove(self) -> None:
        """Removes the parts; what else someone has put there stays."""
        if not self._folder.is_dir():
            return
        # From the last on: if the program ends here, those that are left are again the first parts of the job.
        for path in sorted(self._ours(), key=lambda path: (int(path.stem), path.suffix), reverse=True):
            path.unlink()
        for name in ("made", "joined"):
            (self._folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()


_ABOUT, _JOB, _LINES = b"fastpost", b"fastpost.job", b"fastpost.lines"


def _batches(path: Path) -> Iterator[list[bytes]]:
    if path.exists():
        with open(path, "rb") as file:
            while lines := file.readlines(_BATCH):
                yield lines


def _kind(value: Any) -> str:
    """The kind of a value, which decides the type of its column. Empty for null, which fits every type."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "bool"
    if type(value) is int:
        return "int" if abs(value) <= 1 << 53 else "long" if -1 << 63 <= value < 1 << 63 else "json"
    return {float: "float", str: "str"}.get(type(value), "json")


def _column_type(kinds: set[str], exact: bool = False) -> pa.DataType:
    """The type of a column of values of these kinds: truth values, integers or numbers, else strings or JSON.

    `exact`: each value must come back as it was.
    """
    import pyarrow as pa

    if kinds == {"bool"}:
        return pa.bool_()
    if kinds and kinds <= {"int", "long"}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= ({"float"} if exact else {"int", "float"}) else pa.string()


def as_text(value: Any) -> str | None:
    """A value as text: a string as it is, others as JSON. Half a surrogate pair, unknown to Arrow, is escaped."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _cast(column: pa.ChunkedArray, of: pa.DataType) -> pa.ChunkedArray:
    """A part's values in the type that fits all parts."""
    import pyarrow as pa

    if column.type == of:
        return column
    values = column.to_pylist()
    if of == pa.string():
        return pa.chunked_array([pa.array(map(as_text, values), of)])
    return pa.chunked_array(
        [pa.array([None if v is None else json.loads(v) if isinstance(v, str) else v for v in values], of)]
    )
