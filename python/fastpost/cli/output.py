"""Results of texts -> one line of JSON a text, in order, in whole batches: what `--resume` goes on from."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from fastpost.cli.failure import UsageError

Json = dict[str, Any]


class Table(Protocol):
    """Makes a Parquet file of the lines of a job."""

    def __call__(self, lines: Path, out: Path) -> None:
        """Writes `out`."""


class Output:
    """Where a job's lines go: standard output, a file, or a file that becomes a table at the end.

    Beside an unfinished file stands `<name>.unfinished`, which says what job it is of. A line is written with
    those of its batch, so whatever stops the program leaves whole lines and at most one that is cut, which
    `--resume` drops.
    """

    def __init__(self, out: str, job: Json, *, resume: bool, overwrite: bool, table: Table) -> None:
        self.done = 0
        self._table: Table | None = None
        self._file: IO[bytes] | None = None
        if out == "-":
            if resume:
                raise UsageError("--resume needs a file to go on with, but --out is standard output")
            return
        self.path = Path(out)
        suffix = self.path.suffix
        if suffix not in (".jsonl", ".ndjson", ".parquet", ".pq"):
            raise UsageError(f"--out is {out}; its name ends with .jsonl or .parquet, or is - for standard output")
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise UsageError(f"{self.path if self.path.is_dir() else self.path.parent} is no place for a file")
        self._note = self.path.with_name(f"{self.path.name}.unfinished")
        self._lines = self.path
        if suffix in (".parquet", ".pq"):
            import pyarrow  # noqa: F401  (so that its absence is told before the work, not after it)

            self._table = table
            self._lines = self.path.with_name(f"{self.path.name}.unfinished.jsonl")
        self._begin(json.loads(json.dumps(job)), resume, overwrite)
        mode = "r+b" if self._lines.exists() else "w+b"
        self._file = open(self._lines, mode, buffering=0)  # noqa: SIM115  (closed by `__exit__`)
        self.done = self._whole_lines()

    def _begin(self, job: Json, resume: bool, overwrite: bool) -> None:
        """Checks what is there and notes which job this is."""
        if self._note.exists() and resume:
            try:
                before = json.loads(self._note.read_text(encoding="utf-8"))
            except ValueError as error:
                raise UsageError(f"{self._note} is damaged; remove it, or pass --overwrite to start again") from error
            for name, value in job.items():
                if before.get(name) != value:
                    raise UsageError(
                        f"{self.path} was begun with another `{name}` ({_short(before.get(name))}, now {_short(value)}); "
                        "pass the same, or --overwrite without --resume to start again"
                    )
            return
        if self._note.exists() and not overwrite:
            raise UsageError(f"{self.path} is unfinished; pass --resume to go on, or --overwrite to start again")
        if self.path.exists() and not overwrite:
            raise UsageError(f"{self.path} exists; pass --overwrite to replace it, or another --out")
        for path in (self._lines, self._note):
            path.unlink(missing_ok=True)
        part = self._note.with_name(f"{self._note.name}.part")
        part.write_text(json.dumps(job), encoding="utf-8")
        os.replace(part, self._note)

    def _whole_lines(self) -> int:
        """Drops a line that was cut; how many there are."""
        assert self._file is not None
        count = end = position = 0
        while block := self._file.read(1 << 20):
            count += block.count(b"\n")
            at = block.rfind(b"\n")
            end = position + at + 1 if at >= 0 else end
            position += len(block)
        self._file.truncate(end)
        self._file.seek(end)
        return count

    def write(self, rows: Iterable[Json]) -> None:
        """Writes a batch of rows as lines."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.write_lines(lines.encode("utf-8", "backslashreplace"))

    def write_lines(self, data: bytes) -> None:
        """Writes a batch of whole lines."""
        if self._file is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            error.filename = error.filename or str(self._lines)
            raise

    def finish(self) -> None:
        """Makes the table, if it is to be one, and removes the note: the job is done."""
        if self._file is None:
            return
        os.fsync(self._file.fileno())
        self._file.close()
        if self._table is not None:
            part = self.path.with_name(f"{self.path.name}.part")
            try:
                self._table(self._lines, part)
                os.replace(part, self.path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        self._note.unlink(missing_ok=True)
        if self._table is not None:
            self._lines.unlink(missing_ok=True)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else "the files have changed" if isinstance(value, dict) else text[:57] + "..."


def read_lines(path: Path, size: int = 10_000) -> Iterator[list[Json]]:
    """The lines of a job in batches: row groups of a table."""
    batch: list[Json] = []
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            batch.append(json.loads(line))
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch


def id_type(batches: Iterable[list[Json]]) -> Any:
    """The Arrow type of the ids of rows: of integers or numbers, else strings or JSON; None if rows have no id."""
    import pyarrow as pa

    kinds = {type(row["id"]) for batch in batches for row in batch if "id" in row}
    if not kinds:
        return None
    kinds.discard(type(None))
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()


def as_type(value: Any, kind: Any) -> Any:
    """An id as one of the column's type."""
    import pyarrow as pa

    if value is None or kind != pa.string() or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
