"""An error -> one line and an exit code."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import NoReturn, ParamSpec

import typer

from fastpost._inputs.paths import is_no_path
from fastpost._inputs.terminal import visible
from fastpost.exceptions import Argument, cure_of, words_of
from fastpost.jobs.errors import STANDARD_OUTPUT, Finished, JobError, is_resumable

P = ParamSpec("P")

FAILED = 1
USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143


class UsageError(JobError):
    """The command line can't be carried out as it is."""


class Terminated(KeyboardInterrupt):
    """The system asks the program to end: SIGTERM."""


class Debug:
    """Whether tracebacks are shown: `--debug`."""

    on = False


class Quiet:
    """Whether standard error shows errors only: `--quiet`."""

    on = False


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """`command`, which ends in an exit code whatever happens in it."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        _options.set(options)
        Quiet.on = bool(kwargs.get("quiet"))
        try:
            command(*args, **kwargs)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit | typer.BadParameter):
                raise
            fail(error, "--resume" in options)

    options = _options_of(command)
    return run


def fail(error: BaseException, resumable: bool = False) -> NoReturn:
    """Prints one line about `error` and ends with its exit code; `resumable` if the command has --resume."""
    code, line = explained(error, resumable)
    if isinstance(error, OSError):
        drop_output()
    if Debug.on:
        traceback.print_exception(error)
    (tell if code else note)(line)
    raise typer.Exit(code)


def drop_output() -> None:
    """Drops the output that standard output would not take; otherwise Python would complain once more at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explained(error: BaseException, resumable: bool = False) -> tuple[int, str]:
    """The exit code for `error`, and the line about it; `resumable` if the command has --resume."""
    if isinstance(error, KeyboardInterrupt):
        code, line = (TERMINATED, "SIGTERM") if isinstance(error, Terminated) else (INTERRUPTED, "Ctrl-C")
        cure = "; the same command with --resume goes on" if is_resumable(error) else ""
        return code, f"stopped by {line}{cure}"
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED, "stopped: standard output was closed"
    if isinstance(error, Finished):
        return 0, spelled(error)
    if isinstance(error, JobError):
        return USAGE, spelled(error)
    if isinstance(error, OSError) and error.strerror and error.errno is not None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT) and resumable and error.filename != STANDARD_OUTPUT
        cure = "; make room and go on with --resume" if full else ""
        name = "" if error.filename is None else os.fsdecode(error.filename)
        if error.errno == errno.ENOENT and " " in name and os.sep not in name and not os.path.splitext(name)[1]:
            cure = "; a text itself goes to `fastpost view`, or to standard input with - for FILE"
        where = f"{name}: " if name else ""
        return FAILED, f"{where}{error.strerror if words_of(error) is None else spelled(error)}{cure}"
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("fastpost"):
        name = error.name.partition(".")[0]
        return FAILED, f"{_NEEDS.get(name, 'this')} needs {name}; {install_line(name)}"
    if isinstance(error, MemoryError):
        return FAILED, "out of memory"
    text = without_texts(" ".join(spelled(error).split()))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} ... (--debug shows all of it)"
    if isinstance(error, ValueError | TypeError | OSError | RuntimeError | ImportError) and text:
        return USAGE if _is_of_an_option(error) else FAILED, text
    return FAILED, f"{type(error).__name__}: {text} (--debug shows where)"


def install_line(package: str) -> str:
    """The command that installs a package, as an extra of fastpost if it is one."""
    extra = EXTRAS.get(package)
    return f"pip install 'fastpost[{extra}]'" if extra else f"pip install {package}"


EXTRAS = {
    "tokenizers": "tokenizers",
    "transformers": "transformers",
    "torch": "transformers",
    "onnxruntime": "onnx",
    "pyarrow": "arrow",
    "typer": "cli",
    "rich": "cli",
}
"""Packages that may be absent, and the extra of fastpost that brings each."""

_NEEDS = {
    "pyarrow": "a Parquet or Arrow file",
    "torch": "a model of transformers",
    "transformers": "a model of transformers",
    "onnxruntime": "an ONNX model",
    "tokenizers": "this tokenizer",
}
"""Packages that may be absent, and what needs each."""

_LONGEST = 600
"""Characters of a library's message that are shown."""

_options: ContextVar[frozenset[str]] = ContextVar("options", default=frozenset())
"""The options of the command that runs."""

_CALLED_OTHERWISE = {
    "ignore_labels": "--ignore-label",
    "keep": "--keep-columns",
    "new_special_tokens": "--new-special-token",
}
"""Options whose names differ from those of their arguments."""

_VALUES: dict[tuple[str, str | int | None], str] = {("--join", None): "none"}
"""Values with other names here."""


def spelled(error: object) -> str:
    """The message of an exception or a warning, with the options of the command for the arguments that it names.

    A cure that names an argument for which the command has no option is left out.
    """
    words, cure = words_of(error) or (str(error),), cure_of(error)
    if _is_of_an_option(error) and isinstance(words[0], str):
        named = error.argument  # type: ignore[attr-defined]
        words = Argument(named), words[0].removeprefix(f"`{named}`"), *words[1:]
    known = [_option(word) for word in cure if isinstance(word, Argument)]
    if None in known:
        words = words[: len(words) - len(cure)]
    return "".join(word if isinstance(word, str) else _option(word) or str(word) for word in words)


def _is_of_an_option(error: object) -> bool:
    """Whether an error starts with one of the command's options, whose value is wrong."""
    name = getattr(error, "argument", None)
    if not isinstance(name, str) or name == "model" or not isinstance(error, ValueError | TypeError):
        return False
    return str(error).startswith((f"`{name}` is ", f"`{name}[")) and _option(Argument(name)) is not None


def _option(argument: Argument) -> str | None:
    """`--on-error skip`, `--format text, csv or tsv`; None if the command has no such option."""
    name = _CALLED_OTHERWISE.get(argument.name, f"--{argument.name.replace('_', '-')}")
    if name not in _options.get():
        return None
    if argument.values == (True,):
        return name  # a flag
    values = [_VALUES.get((name, value), str(value)) for value in argument.values]
    if not values:
        return name
    *first, last = values
    return f"{name} {', '.join(first)} or {last}" if first else f"{name} {last}"


def _options_of(command: Callable[..., None]) -> frozenset[str]:
    names = (name.rstrip("_").replace("_", "-") for name in inspect.signature(command).parameters)
    return frozenset(f"--{name}" for name in names)


def tell(line: str) -> None:
    """Writes one line of our own to standard error."""
    print(f"fastpost: {visible(without_texts(line))}", file=sys.stderr)


def note(line: str) -> None:
    """Writes one line of our own that is not an error; with `--quiet`, nothing."""
    if not Quiet.on:
        tell(line)


_MOST = 80
"""Characters of a text of the user's that a message shows."""

_texts: ContextVar[tuple[str, ...]] = ContextVar("texts", default=())
"""Arguments of the command line that are too long for a message."""


def note_arguments(arguments: Sequence[str]) -> None:
    """Notes which arguments are long texts; a path is shown whole."""
    _texts.set(tuple(one for one in arguments if is_no_path(one)))


def without_texts(line: str) -> str:
    """A message with long arguments cut, whatever library put them there and however they are quoted."""
    for text in _texts.get():
        escaped = "".join(
            letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text
        )  # as Typer does
        spellings = {text, repr(text)[1:-1], escaped}
        spellings |= {" ".join(spelling.split()) for spelling in spellings}
        spellings |= {spelling.lstrip("-") for spelling in spellings}
        for spelling in sorted(spellings, key=len, reverse=True):
            if len(spelling) > _MOST:
                line = line.replace(spelling, f"{spelling[: _MOST - 3]}...")
    return line
