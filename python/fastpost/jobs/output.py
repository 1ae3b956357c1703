"""Results of texts -> one line of JSON per text, in order and in whole batches, from which a stopped job goes on."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from fastpost._inputs.bounds import shown, with_article
from fastpost._inputs.paths import odd_in_path
from fastpost.exceptions import CorpusError, describe, refuse
from fastpost.jobs.claim import Claim, digests, refuse_other_job
from fastpost.jobs.errors import (
    OUT,
    OVERWRITE,
    RESUME,
    STANDARD_OUTPUT,
    START_AGAIN,
    Finished,
    JobError,
    note_resumable,
)
from fastpost.jobs.lines import Done, append, whole_lines
from fastpost.jobs.parts import Parts, Refute, Table

Json = dict[str, Any]


def dump_json(value: Json) -> str:
    """A line of output: the one way in which all commands write JSON."""
    return _ENCODER.encode(value)


# Made once: `json.dumps` with arguments makes an encoder for each line.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


_ANY = Refute(lambda _: None, lambda *_: None)
"""For lines of which nobody knows the texts."""


class Store(Protocol):
    """Where lines are kept; once a batch is written, it stays, whatever stops the program."""

    def in_the_way(self) -> Path | None:
        """What a new job would replace, and what is not the output itself."""

    def resume(self) -> Done:
        """Goes on with what is there; returns how many whole lines that is."""

    def is_ours(self) -> bool:
        """Whether the whole output is one that this job may have written."""

    def refuse_other(self, refute: Refute) -> None:
        """Refuses an output that is of another job, or that is not whole though no note of a job lies beside it."""

    def start(self) -> None:
        """Makes room for a new job: removes what is there."""

    def write(self, data: bytes) -> None:
        """Writes a batch of whole lines."""

    def finish(self) -> None:
        """All has been written."""

    def close(self) -> None:
        """Nothing more is written by this program, done or not."""


class Output:
    """Where a job's lines go: standard output, a file of lines, or a Parquet file.

    Beside an unfinished file stands its note, see `Claim`. A line is written with those of its batch, so whatever stops
    the program leaves whole lines and at most one that is cut, which is dropped when the job goes on.

    Args:
        out: a name that ends with .jsonl or .parquet, or - for standard output.
        job: what must be the same for a job to go on with it.
        resume, overwrite: the options of these names.
        table: how lines become rows of a Parquet file.
        refute: why an output is not of this job; asked where it seems to be whole.

    Attributes:
        done: lines that are there already.
        found: entities or answers in them.

    Raises:
        Finished: if the output is whole and the job is to be resumed.
        JobError: if something is there that is neither to be gone on with nor to be replaced.
    """

    def __init__(
        self,
        out: str,
        job: Json,
        *,
        resume: bool,
        overwrite: bool,
        table: Table,
        refute: Refute = _ANY,
    ) -> None:
        out = named(out)
        self.done, self.found = Done()
        self._claim: Claim | None = None
        self._store: Store = _StandardOutput()
        if out == "-":
            if resume:
                raise refuse(JobError, RESUME, " needs a file to go on with, but ", OUT, " is standard output")
            return
        path = place(out)
        if _ending(path) in _TABLES:
            import pyarrow  # noqa: F401  (so that its absence is told before the work, not after it)

            self._store = Parts(path, table, digests(job))
        else:
            self._store = _LinesFile(path, table, digests(job))
        try:
            self._claim = Claim(path, job, resume=resume, overwrite=overwrite, is_ours=self._store.is_ours)
        except Finished:
            self._store.refuse_other(refute)
            raise
        try:
            if self._claim.resumed:
                self.done, self.found = self._store.resume()
            elif not overwrite and (other := self._store.in_the_way()) is not None:
                raise refuse(
                    JobError,
                    f"{other} exists",
                    cure=("; pass ", OVERWRITE, " to replace what is in it, or another ", OUT),
                )
        except BaseException:
            self._claim.release()
            raise

    def write(self, rows: Iterable[Json]) -> None:
        """Writes a batch of rows as lines."""
        lines = "".join(f"{dump_json(row)}\n" for row in rows)
        self.write_lines(lines.encode("utf-8", "backslashreplace"))

    def write_lines(self, data: bytes) -> None:
        """Writes a batch of whole lines."""
        self._begin()
        self._store.write(data)

    def finish(self) -> None:
        """Makes the file whole and removes the note: the job is done."""
        self._begin()
        self._store.finish()
        if self._claim is not None:
            self._claim.release(done=True)

    def _begin(self) -> None:
        """Prepares for the first batch: what is to be replaced is removed only now."""
        if self._claim is not None and not self._claim.begun:
            self._store.start()
            self._claim.begin()

    def check(self, inputs: Callable[[], object]) -> None:
        """Checks the inputs now that the output is claimed; if they have an error, the claim is released."""
        try:
            inputs()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._store.close()
        if isinstance(error, KeyboardInterrupt) and self._claim is not None and self._claim.begun:
            note_resumable(error)
        if self._claim is not None:
            self._claim.release()


_LINES, _TABLES = (".jsonl", ".ndjson"), (".parquet", ".pq")
"""Suffixes of files of lines, and of tables."""

_NAMES = "pass a name that ends with .jsonl or .parquet, or - for standard output"
"""The cure for a name that no output can have."""


def named(out: Any) -> str:
    """The name of an output, which may come as a path.

    Raises:
        TypeError: if it is neither.
    """
    name = os.fspath(out) if isinstance(out, os.PathLike) else out
    if not isinstance(name, str):
        raise refuse(TypeError, OUT, f" is {shown(out)}, {with_article(type(out).__name__)}", cure=_NAMES)
    return name


def _ending(path: Path) -> str:
    """The suffix of the name, also of a name that is nothing but a suffix."""
    return (path.suffix or path.name).lower()


def no_place(path: Path) -> str | None:
    """Why no file can be written at a path; None if it can."""
    if path.is_dir():
        return "a folder"
    return None if path.parent.is_dir() else f"but there is no folder {path.parent}"


def place(out: str) -> Path:
    """The file that `out` names, if a file can be there.

    Raises:
        JobError: if not.
    """
    path = Path(out)
    if _ending(path) not in (*_LINES, *_TABLES):
        raise refuse(JobError, OUT, f" is {out:.80}", cure=_NAMES)
    odd = odd_in_path(out)
    if odd is not None:
        raise refuse(JobError, OUT, f" is {ascii(out)[:80]}, a path with {odd} in it", cure="pass another name")
    refused = no_place(path)
    if refused is not None:
        raise refuse(JobError, OUT, f" is {out:.80}, {refused}", cure="pass another name")
    return path


def write_output(data: bytes) -> None:
    """Writes to standard output, at once.

    Raises:
        OSError: with `filename`, if it can't be written or the caller has closed it.
    """
    if sys.stdout is None:
        closed = OSError(errno.EBADF, "it is closed; pass `out` with a file", STANDARD_OUTPUT)
        raise describe(closed, ("it is closed; pass ", OUT, " with a file"))
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


class _StandardOutput:
    def in_the_way(self) -> None:
        pass

    def resume(self) -> Done:
        return Done()

    def is_ours(self) -> bool:
        return False

    def refuse_other(self, refute: Refute) -> None:
        pass

    def start(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        write_output(data)

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _LinesFile:
    """A file of lines: the lines in it are those that are done.

    Lines do not say with which options they were written. The whole file keeps them in an extended attribute, if the
    file system has these, as digests, which name no file.
    """

    def __init__(self, path: Path, table: Table, job: Json) -> None:
        self._path, self._table, self._job = path, table, job
        self._file: IO[bytes] | None = None

    def in_the_way(self) -> None:
        pass

    def resume(self) -> Done:
        if not self._path.exists():
            return Done()
        self._file, done = whole_lines(self._path, self._table.found)
        return done

    def is_ours(self) -> bool:
        try:
            with open(self._path, "rb") as file:
                for line in file:
                    read = json.loads(line)
                    if not self._table.fits(read, self._table.line):
                        return False
                    if self._table.found(read):  # what tells most; lines without any are alike
                        break
            return True
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def refuse_other(self, refute: Refute) -> None:
        """Compares its attribute with the job and its lines with the texts; not every file has an attribute."""
        refuse_other_job(self._path, _read_attribute(self._path), self._job)
        with open(self._path, "rb") as file:
            try:
                why = refute.lines(_parsed(file))
            except _CutError:
                why = "ends inside a line"
            except (ValueError, KeyError, TypeError) as error:
                if isinstance(error, CorpusError | JobError):
                    raise
                why = "is damaged"
        if why is not None:
            note = f"{self._path.name}.unfinished"
            raise refuse(
                JobError,
                f"{self._path} {why}, but {note}, which says what it was begun with, is gone",
                cure=START_AGAIN,
            )

    def start(self) -> None:
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        append(self._opened(), data)

    def finish(self) -> None:
        file = self._opened()
        _write_attribute(file.fileno(), dump_json(self._job).encode())
        os.fsync(file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = open(self._path, "xb", buffering=0)  # noqa: SIM115  (closed by `close`)
        return self._file


_ATTRIBUTE = "user.fastpost.job"


def _write_attribute(file: int, value: bytes) -> None:
    """Gives an open file an extended attribute, if the system has these and room for one: on Linux, as a rule."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # what is told by it is a help; without it, lines are held against the texts
            os.setxattr(file, _ATTRIBUTE, value)


def _read_attribute(path: Path) -> bytes | None:
    """The attribute that `_write_attribute` gave a file; None if it has none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.getxattr(path, _ATTRIBUTE)
    return None


class _CutError(Exception):
    """A line has no end."""


def _parsed(file: IO[bytes]) -> Iterator[Json]:
    for line in file:
        if not line.endswith(b"\n"):
            raise _CutError
        yield json.loads(line)
