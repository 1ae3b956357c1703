"""Files on disk and open files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import Any

from fastpost._fastpost import TextReader
from fastpost.corpus.sources.options import Options, Reader


@dataclass
class Files:
    """Files of text, JSON Lines, CSV and TSV, packed or not, read by the core: paths, and what one text is."""

    files: list[tuple[str, str]]

    @property
    def once(self) -> str | None:
        return next((f"the pipe {path}" for path, _ in self.files if _is_pipe(path)), None)

    def open(self, options: Options) -> Reader:
        return TextReader.files(self.files, options)


def _is_pipe(path: str) -> bool:
    """Whether a path is a pipe, such as a shell's `<(command)`: what is read from it is gone."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # the reader tells what is wrong with it
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@dataclass
class FileObject:
    """An open file, text or bytes, packed or not. It is read from where it stands."""

    file: Any
    split: str
    start: int | None = field(init=False)

    def __post_init__(self) -> None:
        seekable = getattr(self.file, "seekable", bool)()
        self.start = self.file.tell() if seekable else None

    @property
    def once(self) -> str | None:
        return f"the stream {self.name}" if self.start is None else None

    @property
    def name(self) -> str:
        name = getattr(self.file, "name", None)
        return name if isinstance(name, str) else f"<{type(self.file).__name__}>"

    def open(self, options: Options) -> Reader:
        if self.start is not None:
            self.file.seek(self.start)
        return TextReader.stream(self.file, self.name, self.split, options)
