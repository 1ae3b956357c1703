"""Lines in a file, of which the last one may have been cut off."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from fastpost.exceptions import refuse
from fastpost.jobs.errors import START_AGAIN, JobError


class Done(NamedTuple):
    """What an output has already: lines, and the entities or answers in them."""

    lines: int = 0
    found: int = 0

    def __add__(self, other: object) -> Done:
        if not isinstance(other, Done):
            return NotImplemented
        return Done(self.lines + other.lines, self.found + other.found)


def whole_lines(path: Path, found: Callable[[dict[str, Any]], int]) -> tuple[IO[bytes], Done]:
    """The file, open behind its last whole line, and what is in it. A line that was cut is dropped.

    Args:
        path: the file.
        found: how many entities or answers a line has.

    Raises:
        JobError: if a whole line is not one that a job writes.
    """
    done, end = Done(), 0
    with open(path, "r+b") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                break
            try:
                done += Done(1, found(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise refuse(JobError, f"line {number} of {path} is damaged", cure=START_AGAIN) from error
            end += len(line)
        lines.truncate(end)
    file = open(path, "r+b", buffering=0)  # noqa: SIM115  (the caller's)
    file.seek(end)
    return file, done


def alike(word: str, text: str) -> bool:
    """Whether a word that a job wrote may stand for this part of a text, however the tokenizer has changed it."""
    return word == text or "unk" in word.casefold() or _letters(word) == _letters(text)


def _letters(text: str) -> str:
    """Letters and digits, without case and accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text.casefold())))


def append(file: IO[bytes], data: bytes) -> None:
    """Writes all of `data`; the file is unbuffered, so the system has what is written, even if the program ends.

    Raises:
        OSError: with `filename`, as the file system says it.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        error.filename = error.filename or file.name
        raise
