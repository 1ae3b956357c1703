"""Why a job can't be done as asked, or need not be."""

from __future__ import annotations

from fastpost.exceptions import Argument

STANDARD_OUTPUT = "standard output"
"""The `filename` of errors there."""


class JobError(ValueError):
    """The job can't be begun, or gone on with, as it is asked for; the message says what to ask for instead."""


class Finished(Exception):  # noqa: N818  (no error)
    """There is nothing left to do, which is success."""


def note_resumable(error: BaseException) -> None:
    """Notes that the job which `error` has stopped can be resumed."""
    setattr(error, _NOTE, True)


def is_resumable(error: BaseException) -> bool:
    """Whether `note_resumable` was called for it."""
    return getattr(error, _NOTE, False) is True


RESUME, OVERWRITE, OUT = Argument("resume", (True,)), Argument("overwrite", (True,)), Argument("out")
START_AGAIN = ("; pass ", OVERWRITE, " without ", RESUME, " to start again")
"""The cure for an output that can't be resumed."""
ANEW = (OVERWRITE, " without ", RESUME, " to write it again")
WRITE_AGAIN = ("; pass ", *ANEW)
"""The cure for a whole output that is not of the job."""

_NOTE = "fastpost_resumable"
