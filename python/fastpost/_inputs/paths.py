"""Paths that a caller gives, which may be texts by mistake."""

from __future__ import annotations

import errno
import os


def is_no_path(path: str) -> bool:
    """Whether what is not there is a text rather than a path: longer than names can be, or long and with white space."""
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in path.split(os.sep))
    return len(path) > 80 and (longest > 255 or any(map(str.isspace, path)))


def path_of(path: str | os.PathLike[str]) -> str:
    """A path to open; the error for a text in its place does not print all of it.

    Raises:
        FileNotFoundError: if it is no path.
    """
    name = os.fspath(path)
    if isinstance(name, str) and is_no_path(name) and not os.path.lexists(name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{name[:77]}...")
    return name


def odd_in_path(path: str) -> str | None:
    """What no file can have in its name, in words; None if there is no such thing."""
    try:
        return "a NUL character" if b"\0" in os.fsencode(path) else None
    except UnicodeEncodeError as error:
        return f"U+{ord(path[error.start]):04X}, half a surrogate pair,"
