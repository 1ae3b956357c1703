"""What a file holds by its first bytes, where its name says something else, or nothing."""

from __future__ import annotations

from fastpost._fastpost import file_kind
from fastpost._inputs.formats import COLUMNAR
from fastpost.exceptions import Argument, CorpusError

_HEAD = 512
"""Bytes that tell."""
_UNPACKED = ("gzip", "zstd")
"""What the core unpacks, where it reads the file."""


def refuse_kind(path: str, wanted: str | None = None) -> None:
    """Refuses a file that is known to be something else than `wanted`, a format, or no text if none is given.

    Raises:
        OSError: if the file can't be opened.
        CorpusError: what it is, and what to do about it.
    """
    with open(path, "rb") as file:
        found = file_kind(file.read(_HEAD))
    if found is None:
        return
    kind, held, message = found
    if kind == "columnar":
        if held != wanted:
            told = f"it holds {held}, not {wanted}" if wanted else f"it holds {held}"
            raise CorpusError(told, path, cure=("; pass ", Argument("format", (held,))))
    elif kind == "packed" and wanted in COLUMNAR:
        cure = f"unpack it first; columns of {wanted} are packed inside the file"
        raise CorpusError(f"it holds {held} data, not {wanted}; {cure}", path)
    elif wanted is not None or held not in _UNPACKED:
        raise CorpusError(message, path)
