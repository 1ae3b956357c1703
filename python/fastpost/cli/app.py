"""The commands together, and how the program ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from fastpost.cli import bench, compare, doctor, encode, failure, ner, qa, training, view, warned

app = typer.Typer(
    name="fastpost",
    help="Entities, answers and tokenizers from files of texts, with Hugging Face models.",
    epilog="Exit codes: 0 done, 1 the job failed, 2 usage, 130 Ctrl-C, 141 standard output closed, 143 SIGTERM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        from fastpost import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback if something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version  # dealt with by its callback
    failure.Debug.on = failure.Debug.on or debug


# Each group of commands is one file with a function of this kind.
for group in (ner, qa, view, compare, training, encode, bench, doctor):
    group.add_to(app)


def _open_streams() -> None:
    """Sees to it that no file of ours takes the number of a standard stream that the caller has closed (`2>&-`)."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (else `print` takes standard output)


@contextmanager
def _stopped_politely() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, where it would have ended the program on the spot."""

    def stop(*_: object) -> None:
        raise failure.Terminated

    here = threading.current_thread() is threading.main_thread()  # no other may ask for signals
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code."""
    arguments = list(arguments)
    failure.note_arguments(arguments)
    failure.Debug.on = "--debug" in arguments  # before the command or after it
    _open_streams()
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        with _stopped_politely(), warned.told():
            result = app(arguments, prog_name="fastpost", standalone_mode=False)
    except (KeyboardInterrupt, OSError) as error:
        if failure.Debug.on and isinstance(error, OSError):
            raise
        code, line = failure.explained(error)
        failure.tell(line)
        if isinstance(error, OSError):
            failure.drop_output()
        return code
    except Exception as error:
        # Errors of the command line itself, which every version of Typer has elsewhere, know how they read.
        message = getattr(error, "format_message", None)
        if message is None or failure.Debug.on:
            raise
        text = " ".join(message().split())
        if text:
            failure.tell(f"{text} (fastpost --help)")
        return int(getattr(error, "exit_code", failure.USAGE))
    return result if isinstance(result, int) else 0
