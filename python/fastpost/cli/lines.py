"""Lines in a file, of which the last one may have been cut off."""

from __future__ import annotations

from pathlib import Path
from typing import IO


def whole_lines(path: Path) -> tuple[IO[bytes], int]:
    """The file, open behind its last whole line, and how many there are. A line that was cut is dropped."""
    file = open(path, "r+b", buffering=0)  # noqa: SIM115  (the caller's)
    try:
        count = end = position = 0
        while block := file.read(1 << 20):
            count += block.count(b"\n")
            at = block.rfind(b"\n")
            end = position + at + 1 if at >= 0 else end
            position += len(block)
        file.truncate(end)
        file.seek(end)
    except BaseException:
        file.close()
        raise
    return file, count


def append(file: IO[bytes], data: bytes) -> None:
    """Writes all of `data`; the file is unbuffered, so what is written is the system's and outlives the program.

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
