"""Texts for a page, and the page: what `view` and `compare` share."""

from __future__ import annotations

import html
import os
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from fastpost.cli.failure import UsageError, tell
from fastpost.jobs.output import write_output
from fastpost.jobs.texts import Reading

Input = Annotated[
    list[str], typer.Argument(metavar="FILE_OR_TEXT...", help="Files, folders or quoted globs; - ; or a text itself.")
]
Page = Annotated[str, typer.Option(help="Page to write, .html; - is standard output.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a page that exists.")]
Title = Annotated[str | None, typer.Option(help="What stands above the texts; default: the names of the files.")]


class PageFile:
    """Where a page goes; refused before any work if it is there already."""

    def __init__(self, out: str, overwrite: bool) -> None:
        self._path = None if out == "-" else Path(out)
        if self._path is None:
            return
        if self._path.suffix not in (".html", ".htm"):
            raise UsageError(f"--out is {out}; its name ends with .html, or is - for standard output")
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise UsageError(f"{self._path if self._path.is_dir() else self._path.parent} is no place for a file")
        if not os.access(self._path.parent, os.W_OK):
            raise UsageError(f"{self._path.parent} can't be written to; pass another --out")
        if self._path.exists() and not overwrite:
            raise UsageError(f"{self._path} exists; pass --overwrite to replace it, or another --out")

    def write(self, fragment: str, title: str) -> None:
        """Writes a page that holds `fragment` and needs nothing else: all of it, or nothing."""
        data = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">\n'
            f"<style>body{{margin:24px auto;max-width:60em;padding:0 16px}}</style></head><body>\n{fragment}\n</body></html>\n"
        ).encode("utf-8", "replace")
        if self._path is None:
            write_output(data)
            return
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            part.write_bytes(data)
            os.replace(part, self._path)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                error.filename = str(self._path)
            raise


def texts_of(inputs: list[str], most: int, name: str, reading: Reading) -> tuple[list[str], str]:
    """The first `most` texts of files, or the arguments that are texts themselves; and what to call them.

    Args:
        inputs: what the command was given.
        most: texts to read at most; what is left out is told. Null texts are not among them.
        name: the option that says so.
        reading: how files are read.
    """
    from fastpost import Corpus

    files = [_is_file(one) for one in inputs]
    if not any(files):
        return inputs, "1 text" if len(inputs) == 1 else f"{len(inputs)} texts"
    if not all(files):
        raise UsageError(f"{inputs[files.index(False)][:60]!r} is no file but others are; pass files or texts")
    source = inputs[0] if len(inputs) == 1 else inputs
    options = {name: getattr(reading, name) for name in ("column", "split", "format", "on_error")}
    corpus = Corpus(source, batch_size=min(most + 1, 1000), nulls="keep", **options)
    # A null has nothing to show.
    texts = list(islice((text for batch in corpus for text in batch if text is not None), most + 1))
    if len(texts) > most:
        tell(f"the first {most:,} texts are read; {name} takes more")
    title = ", ".join("standard input" if one == "-" else os.path.basename(one) or one for one in inputs)
    return texts[:most], title


_SUFFIXES = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".arrow", ".gz", ".zst")


def _is_file(argument: str) -> bool:
    """Whether an argument names files; a name that looks like one and does not exist is a file that is missing."""
    try:
        there = argument == "-" or os.path.exists(argument)
    except ValueError:
        return False
    return there or (not any(map(str.isspace, argument)) and ("*" in argument or argument.endswith(_SUFFIXES)))
