"""`<out>.unfinished`: which job an unfinished output belongs to, and which program writes it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastpost.exceptions import Argument, Words, refuse
from fastpost.jobs.errors import ANEW, OUT, OVERWRITE, RESUME, START_AGAIN, WRITE_AGAIN, Finished, JobError

Json = dict[str, Any]

if sys.platform != "win32":
    import fcntl


class Claim:
    """The note beside an output, held from the first check to the end, so that no second job writes there.

    It is empty until something is written: a job that fails before that leaves nothing behind, and the output that it
    was to replace stays. The system releases the lock however the program ends. Windows has no such lock.

    Args:
        out: the output.
        job: what must be the same for the output to be gone on with.
        resume: whether to go on with what is there.
        overwrite: whether to replace what is there.
        is_ours: whether a whole output may be of such a job.

    Attributes:
        resumed: whether the output is gone on with.

    Raises:
        Finished: if the output is whole and is to be gone on with.
        JobError: if something is there that is neither to be gone on with nor to be replaced, or another job
            writes it.
    """

    def __init__(self, out: Path, job: Json, *, resume: bool, overwrite: bool, is_ours: Callable[[], bool]) -> None:
        self.path = out.with_name(f"{out.name}.unfinished")
        self._out = out
        self._job = json.loads(json.dumps(job))
        self._fd = self._locked()
        self.begun = False
        try:
            before = self._read()
            self.resumed = self.begun = before is not None and resume
            if before is not None and resume:
                self._compare(before)
            elif before is not None and not overwrite:
                raise refuse(
                    JobError,
                    f"{out} is unfinished",
                    cure=("; pass ", RESUME, " to go on, or ", OVERWRITE, " to start again"),
                )
            elif out.exists() and resume and not overwrite and is_ours():
                raise refuse(
                    Finished,
                    f"{out} is whole, there is nothing to go on with",
                    cure=("; ", OVERWRITE, " writes it again, in case it was written with other options"),
                )
            elif out.exists() and resume and not overwrite:
                raise refuse(
                    JobError,
                    f"{out} is not what this job writes: its columns are others",
                    cure=(
                        "; pass the options that it was written with, ",
                        OVERWRITE,
                        " to replace it, or another ",
                        OUT,
                    ),
                )
            elif out.exists() and not overwrite:
                raise refuse(JobError, f"{out} exists", cure=("; pass ", OVERWRITE, " to replace it, or another ", OUT))
        except BaseException:
            self.begun = os.fstat(self._fd).st_size > 0  # then it is another job's, and stays
            self.release()
            raise

    def begin(self) -> None:
        """Notes the job, just before something is written."""
        rest = memoryview(json.dumps(self._job).encode())
        try:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            error.filename = str(self.path)
            raise
        self.begun = True

    def release(self, done: bool = False) -> None:
        """Lets others write there, and removes the note if the job is `done` or nothing was written."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        if sys.platform == "win32":
            os.close(fd)  # an open file can't be removed there
        try:
            if done or not self.begun:
                with contextlib.suppress(OSError):
                    self.path.unlink()
        finally:
            if sys.platform != "win32":
                os.close(fd)

    def _locked(self) -> int:
        """The note, opened and held."""
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            if sys.platform == "win32":
                return fd
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise refuse(
                    JobError,
                    f"{self._out} is being written by another job",
                    cure=("; wait for it, or pass another ", OUT),
                ) from None
            except OSError:
                return fd  # a file system without locks
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.stat(self.path)):
                    return fd
            os.close(fd)  # the other job ended just now and removed it

    def _read(self) -> Json | None:
        """The job in the note; None if there is none."""
        pieces = []
        while piece := os.read(self._fd, 1 << 20):
            pieces.append(piece)
        text = b"".join(pieces)
        if not text:
            return None
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {_DAMAGED: True}

    def _compare(self, before: Json) -> None:
        if _DAMAGED in before:
            raise refuse(JobError, f"{self.path} is damaged", cure=START_AGAIN)
        different = _difference(before, self._job)
        if different:
            raise refuse(
                JobError,
                f"{self._out} was begun with ",
                *different,
                cure=("; pass the same, or ", OVERWRITE, " without ", RESUME, " to start again"),
            )


_DAMAGED = "damaged"


def _difference(before: Json, now: Json) -> Words | None:
    """The first setting that differs, with both values; None if none does."""
    found = _first_other(before, now)
    if found is None:
        return None
    name, old, value = found
    return _other(name, f" ({_short(old)}, now {_short(value)})")


def digests(job: Json) -> Json:
    """Digests of a job's settings, which tell it from other jobs without the values: a whole output keeps them."""
    return {
        name: digests(value)
        if isinstance(value, dict) and name not in _FILES
        else hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for name, value in job.items()
    }


def refuse_other_job(out: Path, written: bytes | None, job: Json) -> None:
    """Refuses a whole output of another job.

    Args:
        out: the output.
        written: the digests of its job, as it keeps them; None if it keeps none.
        job: the digests of this one.

    Raises:
        JobError: if it says that it is of another job; which setting differs, and what to do. Also if what it says
            can't be read.
    """
    if written is None:
        return
    try:
        before = json.loads(written)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        raise refuse(JobError, f"{out} is whole, but what it says of its job is damaged", cure=WRITE_AGAIN)
    found = _first_other(before, job)
    if found is not None:
        raise refuse(
            JobError,
            f"{out} was written with ",
            *_other(found[0]),
            cure=("; pass the same, or ", *ANEW),
        )


def _first_other(before: Json, now: Json) -> tuple[str, Any, Any] | None:
    for name in {**now, **before}:  # an option that was given then, and is not now, is in `before` alone
        old, value = before.get(name), now.get(name)
        if old == value:
            continue
        if isinstance(value, dict) and isinstance(old, dict) and name not in _FILES:
            return _first_other(old, value)
        return name, old, value
    return None


def _other(name: str, values: str = "") -> Words:
    if name in _FILES:
        return (f"other {_FILES[name]}, or they have changed since",)
    return "another ", Argument(name), values


_FILES = {"files": "input files", "model files": "model files"}
"""Settings that are lists of files with their times."""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
