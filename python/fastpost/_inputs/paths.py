"""Paths from a caller, which may be texts by mistake."""

from __future__ import annotations

import errno
import os


def is_no_path(path: str) -> bool:
    """Whether what does not exist is a text, not a path: longer than names can be, or long and with white space."""
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in path.split(os.sep))
    return len(path) > 80 and (longest > 255 or any(map(str.isspace, path)))


def path_of(path: str | os.PathLike[str]) -> str:
    """A path to open; if a text was given instead, the error does not print all of it.

    Raises:
        FileNotFoundError: if it is not a path.
    """
    name = os.fspath(path)
    if isinstance(name, str) and is_no_path(name) and not os.path.lexists(name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{name[:77]}...")
    return name


def odd_in_path(path: str) -> str | None:
    """The part of a name that no file can have, in words; None if it has no such part."""
    try:
        return "a NUL character" if b"\0" in os.fsencode(path) else None
    except UnicodeEncodeError as error:
        return f"U+{ord(path[error.start]):04X}, half a surrogate pair,"
