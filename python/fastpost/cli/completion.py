"""Completion with the tab key: `--install-completion` and `--show-completion`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from fastpost.cli.failure import UsageError

FLAGS = ("--install-completion", "--show-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_POWERSHELL = ("powershell", "pwsh")


def serve_shell(flag: str, words: Sequence[str]) -> None:
    """Installs or prints completion for the shell that `words` name; without words, for the shell around the program.

    Raises:
        UsageError: if no shell is named and none is found, or one that is not known, or more than one word is given.
    """
    shell = " ".join(words) or _shell_around()
    if shell not in SHELLS:
        *first, last = SHELLS
        known = f"{', '.join(first)} or {last}"
        raise UsageError(
            f"{flag} is {shell:.40}; pass {known}"
            if shell
            else f"{flag} finds no shell around it; say which: {flag} {known}"
        )
    # Every supported version has both names, but they are not public.
    typers: Any = import_module("typer.completion")
    names = {"prog_name": "fastpost", "complete_var": "_FASTPOST_COMPLETE", "shell": shell}
    if flag == "--show-completion":
        typer.echo(typers.get_completion_script(**names))
        return
    if shell in _POWERSHELL:  # Typer would change the machine's policy to let scripts of all kinds run
        raise UsageError(
            f"--install-completion does not change a profile of PowerShell; run `fastpost --show-completion {shell} >> $PROFILE` there"
        )
    _, path = typers.install(**names)
    typer.echo(f"Completion for {shell} is in {path}; open a new terminal to have it.")


def _shell_around() -> str:
    """The shell that called the program; "" if none did."""
    shellingham: Any = import_module("shellingham")
    try:
        name: str = shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        return ""
    return name
