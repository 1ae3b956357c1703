"""What went wrong -> one line and an exit code."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

P = ParamSpec("P")

FAILED = 1
USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143


class UsageError(Exception):
    """The command line can't be carried out as it is."""


class Finished(Exception):  # noqa: N818  (no error)
    """There is nothing left to do, which is success."""


class Terminated(KeyboardInterrupt):
    """The system asks the program to end: SIGTERM."""


class Debug:
    """Whether tracebacks are shown: `--debug`."""

    on = False


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command`, which ends in an exit code whatever happens in it."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit | typer.BadParameter):
                raise
            fail(error, "resume" in parameters)

    parameters = inspect.signature(command).parameters
    return run


def fail(error: BaseException, resumable: bool = False) -> NoReturn:
    """Says in one line what `error` is and leaves with its exit code; `resumable` if the command has --resume."""
    code, line = explained(error, resumable)
    if isinstance(error, OSError):
        drop_output()
    if Debug.on:
        traceback.print_exception(error)
    tell(line)
    raise typer.Exit(code)


def drop_output() -> None:
    """Lets go of what standard output would not take; Python would say so once more at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_output(data: bytes) -> None:
    """Writes to standard output, at once.

    Raises:
        OSError: with `filename`, if it takes nothing or was closed by the caller.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed; pass --out with a file", STANDARD_OUTPUT)
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


def explained(error: BaseException, resumable: bool = False) -> tuple[int, str]:
    """The exit code for `error`, and the line that says what it is; `resumable` if the command has --resume."""
    if isinstance(error, KeyboardInterrupt):
        code, line = (TERMINATED, "SIGTERM") if isinstance(error, Terminated) else (INTERRUPTED, "Ctrl-C")
        cure = "; the same command with --resume goes on" if getattr(error, _RESUMED, False) else ""
        return code, f"stopped by {line}{cure}"
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED, "stopped: standard output was closed"
    if isinstance(error, Finished):
        return 0, str(error)
    if isinstance(error, UsageError):
        return USAGE, str(error)
    if isinstance(error, OSError) and error.strerror and error.errno is not None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) and resumable and error.filename != STANDARD_OUTPUT
        cure = "; make room and go on with --resume" if full else ""
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return FAILED, f"{where}{as_options(error.strerror)}{cure}"
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("fastpost"):
        name = error.name.partition(".")[0]
        extra = {"pyarrow": "arrow", "torch": "transformers", "transformers": "transformers"}
        extra |= {"onnxruntime": "onnx", "tokenizers": "tokenizers"}
        cure = f"pip install 'fastpost[{extra[name]}]'" if name in extra else f"pip install {name}"
        return FAILED, f"this needs {name}; {cure}"
    if isinstance(error, MemoryError):
        return FAILED, "out of memory"
    text = as_options(" ".join(str(error).split()))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} ... (--debug shows all of it)"
    if isinstance(error, ValueError | TypeError | OSError | RuntimeError | ImportError) and text:
        return FAILED, text
    return FAILED, f"{type(error).__name__}: {text} (--debug shows where)"


def can_be_resumed(error: KeyboardInterrupt) -> None:
    """Notes that --resume goes on with what was stopped."""
    setattr(error, _RESUMED, True)


_RESUMED = "fastpost_resumed"

_LONGEST = 600
"""Characters of a library's message that are shown."""

_AS_OPTIONS = {
    "Pass `column`": "Pass --column",
    "pass format='text', 'jsonl', 'csv', 'tsv', 'parquet' or 'arrow'": "pass --format text, jsonl, csv, tsv, parquet or arrow",
    'on_error="skip"': "--on-error skip",
    'on_error="replace"': "--on-error replace",
    "; a list of texts is passed as Corpus.from_texts": "",
    'pass on_long_text="window"': "pass --on-long-text window",
    "pass stride=, for example stride=128, or compat=None,": "pass --stride, for example --stride 128, or --compat right,",
}


def as_options(text: str) -> str:
    """A message of the package, which names arguments of functions, with the options that stand for them here."""
    for argument, option in _AS_OPTIONS.items():
        text = text.replace(argument, option)
    return text


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 entity`, `2 entities`; without `many` it is `one` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


STANDARD_OUTPUT = "standard output"
"""The `filename` of errors there."""


def tell(line: str) -> None:
    """Writes one line of our own to standard error."""
    print(f"fastpost: {line}", file=sys.stderr)
