"""Puts the commands together, and ends the program."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from fastpost.cli import completion, failure, warned
from fastpost.cli.help import Command, Commands


class Row(NamedTuple):
    """A row in the list of commands."""

    module: str
    """The file that it is in, which is not imported for another command."""
    panel: str
    help: str
    """The first sentence of its own help."""


_TEXTS, _TOKENIZERS, _MACHINE = "Texts", "Tokenizers", "This machine"
COMMANDS: dict[str, Row] = {
    "ner": Row(
        "ner",
        _TEXTS,
        "Find the entities of texts: a line of JSON for each text, or a Parquet file with a row for each entity.",
    ),
    "qa": Row(
        "qa",
        _TEXTS,
        "Answer questions from texts: a line of JSON for each text, or a Parquet file with a row for each answer.",
    ),
    "view": Row("view", _TEXTS, "Show the entities of texts in colour, on one HTML page that needs nothing else."),
    "compare": Row(
        "compare",
        _TEXTS,
        "Print where transformers and fastpost find different entities, and which rule makes the difference.",
    ),
    "train-tokenizer": Row(
        "training",
        _TOKENIZERS,
        "Train a tokenizer like another one on a corpus: the tokenizer.json of `train_new_from_iterator`.",
    ),
    "count-words": Row(
        "training",
        _TOKENIZERS,
        "Count the words of a corpus, or of a part of it, where it lies; merge-counts adds parts up.",
    ),
    "merge-counts": Row("training", _TOKENIZERS, "Add up word counts of the parts of a corpus."),
    "encode": Row(
        "encode", _TOKENIZERS, "Encode a corpus to one long row of token ids, and where its texts end, on all cores."
    ),
    "bench": Row("bench", _MACHINE, "Time fastpost beside transformers on your own machine, model and texts."),
    "doctor": Row(
        "doctor",
        _MACHINE,
        "Show versions, cores, vector instructions, devices, and what is installed and what it enables.",
    ),
}
"""All commands, in the order of their list."""


def build_app(wanted: str | None = None) -> typer.Typer:
    """The program; if only one command is `wanted`, the others are bare names, whose modules are not imported."""
    app = typer.Typer(
        name="fastpost",
        cls=Commands,
        help="Entities, answers and tokenizers from files of texts, with Hugging Face models.",
        epilog="Exit codes: 0 done, 1 the job failed, 2 usage, 130 Ctrl-C, 141 standard output closed, 143 SIGTERM.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    whole = {row.module for name, row in COMMANDS.items() if wanted in (None, name)}
    added = set()
    for name, row in COMMANDS.items():
        if row.module not in whole:
            app.command(name, cls=Command, help=row.help, rich_help_panel=row.panel)(_not_read)
        elif row.module not in added:
            added.add(row.module)
            import_module(f"fastpost.cli.{row.module}").add_to(app)
    return app


def _not_read() -> None:
    raise AssertionError("the file of this command was not read")


def _wanted(arguments: Sequence[str]) -> str:
    """The command that the arguments call, or that a shell completes; "" for none."""
    if "_FASTPOST_COMPLETE" in os.environ:
        arguments = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]
    first = next((one for one in arguments if not one.startswith("-")), "")
    return first if first in COMMANDS else ""


def _path(arguments: Sequence[str]) -> str:
    """The command that the arguments call, with the words before it."""
    words = [one for one in arguments if not one.startswith("-")]
    return " ".join(["fastpost", *words[: 2 if words[:1] == ["bench"] else 1 if _wanted(arguments) else 0]])


def _version(wanted: bool) -> None:
    if wanted:
        from fastpost import __version__

        typer.echo(__version__)
        raise typer.Exit


def _options(
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version  # handled by its callback
    failure.Debug.on = failure.Debug.on or debug


def _open_streams() -> None:
    """Keeps files of ours from getting the number of a standard stream that the caller has closed (`2>&-`)."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (else `print` takes standard output)


@contextmanager
def _stopped_politely() -> Iterator[None]:
    """Makes SIGTERM end the block as Ctrl-C does; by default it would end the program on the spot."""

    def stop(*_: object) -> None:
        raise failure.Terminated

    here = threading.current_thread() is threading.main_thread()  # only the main thread may set handlers of signals
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
            flag, *named = arguments[0].split("=", 1) if arguments else [""]
            if flag in completion.FLAGS and not {"-h", "--help"} & set(arguments):
                completion.serve_shell(flag, [*named, *arguments[1:]])
                return 0
            app = build_app(_wanted(arguments))
            result = app(arguments, prog_name="fastpost", standalone_mode=False)
    except SystemExit as ended:
        if ended.code != 1:  # completion ends so
            raise
        # Typer ends so if what it prints itself, such as --help, goes into a pipe that is closed.
        failure.drop_output()
        return failure.PIPE_CLOSED
    except (KeyboardInterrupt, OSError, failure.UsageError) as error:
        if failure.Debug.on and isinstance(error, OSError):
            raise
        code, line = failure.explained(error)
        failure.tell(line)
        if isinstance(error, OSError):
            failure.drop_output()
        return code
    except Exception as error:
        # Errors of the command line itself are in another place in each version of Typer; they know their own message.
        message = getattr(error, "format_message", None)
        if message is None or failure.Debug.on:
            raise
        text = " ".join(message().split()).replace(": Value error, ", ": ")
        if text:
            command = getattr(getattr(error, "ctx", None), "command_path", _path(arguments))
            failure.tell(f"{text} ({command} --help)")
        return int(getattr(error, "exit_code", failure.USAGE))
    return result if isinstance(result, int) else 0
