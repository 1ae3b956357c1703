"""Texts for a page, and the page, for `view` and `compare`."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli.failure import UsageError, note
from fastpost.jobs.output import no_place, write_output
from fastpost.jobs.texts import Reading

if TYPE_CHECKING:
    from fastpost.corpus import Corpus

Input = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE_OR_TEXT...", help="Files, folders or quoted globs, - for standard input, or a text itself."
    ),
]
Page = Annotated[str, typer.Option(help="Page to write, .html; - is standard output.")]


class PageFile:
    """Where a page goes; refused before any work if it is there already."""

    def __init__(self, out: str, overwrite: bool) -> None:
        self._path = None if out == "-" else Path(out)
        if self._path is None:
            return
        if self._path.suffix not in (".html", ".htm"):
            raise UsageError(f"--out is {out}; its name ends with .html, or is - for standard output")
        refused = no_place(self._path)
        if refused is not None:
            raise UsageError(f"--out is {out}, {refused}; pass another name")
        if not os.access(self._path.parent, os.W_OK):
            raise UsageError(f"{self._path.parent} can't be written to; pass another --out")
        if self._path.exists() and not overwrite:
            raise UsageError(f"{self._path} exists; pass --overwrite to replace it, or another --out")

    def write(self, fragment: str, title: str) -> None:
        """Writes a page that holds `fragment` and needs nothing else: all of it, or nothing."""
        data = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">\n'
            f"<style>{_STYLE}</style></head><body>\n{fragment}\n</body></html>\n"
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


@dataclass(frozen=True)
class Chosen:
    """The texts of a page."""

    texts: list[str]
    names: list[str]
    """The name of each: its id, or its number among all texts."""
    title: str
    """Their name together."""
    note: str = ""
    """The note about those that were left out."""


def texts_of(inputs: list[str], most: int, reading: Reading) -> Chosen:
    """The first texts of files, or the arguments that are texts themselves. Empty and null texts are left out.

    Args:
        inputs: what the command was given.
        most: texts to take at most: `--texts`.
        reading: how files are read.
    """
    files = [_is_file(one) for one in inputs]
    if not all(files) and any(files):
        raise UsageError(f"{inputs[files.index(False)][:60]!r} is no file but others are; pass files or texts")
    corpus = _corpus(inputs, most, reading) if files[0] else _given(inputs)
    found, seen, more = _first(corpus, reading.id_column or "id", most)
    if files[0]:
        title = ", ".join("standard input" if one == "-" else os.path.basename(one) or one for one in inputs)
    else:
        title = counted(len(inputs), "text")
    note = _note(len(found), seen - len(found), _guessed(corpus) if more else None, more)
    return Chosen([text for _, text in found], [name for name, _ in found], title, note)


def _given(texts: list[str]) -> Corpus:
    """The corpus of texts that were given as arguments."""
    from fastpost.corpus import Corpus

    return Corpus.from_texts(texts)


def _corpus(inputs: list[str], most: int, reading: Reading) -> Corpus:
    from fastpost.corpus import Corpus

    source = inputs[0] if len(inputs) == 1 else inputs
    options = {name: getattr(reading, name) for name in ("column", "split", "format", "on_error")}
    keep: Any = (
        "all" if reading.id_column is None else (reading.id_column,)
    )  # a column `id` is looked for, not asked for
    return Corpus(source, batch_size=min(most + 1, 1000), nulls="keep", keep=keep, **options)


def _first(corpus: Corpus, column: str, most: int) -> tuple[list[tuple[str, str]], int, bool]:
    """The first texts that are not empty, with their names; how many were looked at; whether there are more."""
    found: list[tuple[str, str]] = []
    seen = 0
    for records in corpus.records():
        ids = records.columns.get(column) or [None] * len(records.texts)
        for number, text, named in zip(records.numbers, records.texts, ids, strict=True):
            if text is not None and text.strip():
                if len(found) == most:
                    return found, seen, True
                found.append((f"text {number}" if named is None else f"{column} {_spelled(named):.80}", text))
            seen += 1
    return found, seen, False


def _spelled(named: Any) -> str:
    """An id as a record spells it: a text as it is, anything else as JSON."""
    return named if isinstance(named, str) else json.dumps(named, ensure_ascii=False, default=str)


def _guessed(corpus: Corpus) -> int | None:
    """About how many texts the files hold; None if unknown."""
    return None if corpus._once else corpus._sample(1 << 16)[1]


def _note(shown: int, empty: int, total: int | None, more: bool) -> str:
    """The note about texts that a page leaves out."""
    parts = []
    if more:
        of = "more" if total is None else f"about {total:,}"
        parts.append(f"shown {shown:,} of {of}, --texts takes more")
    if empty:
        parts.append(f"{counted(empty, 'empty text')} left out")
    return ", ".join(parts)


_STYLE = (
    "body{margin:24px auto;max-width:60em;padding:0 16px}@media(max-width:40em){body{margin:8px auto;padding:0 4px}}"
)


def tell_done(found: str, shown: Chosen, out: str) -> None:
    """Reports in one line what a page shows, and what it leaves out."""
    note(found + (f"; {shown.note}" if shown.note else "") + (f" -> {out}" if out != "-" else ""))


_SUFFIXES = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".parquet", ".arrow", ".gz", ".zst")


def _is_file(argument: str) -> bool:
    """Whether an argument names files; a name that looks like one and does not exist is a file that is missing."""
    try:
        there = argument == "-" or os.path.exists(argument)
    except ValueError:
        return False
    return there or (not any(map(str.isspace, argument)) and ("*" in argument or argument.endswith(_SUFFIXES)))
