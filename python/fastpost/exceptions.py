"""Errors that a caller may want to catch by name."""

from __future__ import annotations

__all__ = ["CorpusError"]


class CorpusError(ValueError):
    """A record or a file that can't be read as text.

    Attributes:
        path: the file, or the kind of object that was read.
        line: the line, row or item, counted from 1; None if all of it is at fault.
        reason: what is wrong, without the place.
    """

    def __init__(self, reason: str, path: str | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + reason)
        self.reason, self.path, self.line = reason, path, line

    def __reduce__(self) -> tuple[type[CorpusError], tuple[str, str | None, int | None]]:
        return type(self), (self.reason, self.path, self.line)
