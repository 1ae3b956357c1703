"""A count that is under way, kept in a file so that it can go on after an interruption."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastpost._fastpost import WordTable
from fastpost._inputs.bounds import shown
from fastpost.exceptions import refuse

if TYPE_CHECKING:
    from fastpost.corpus.corpus import Corpus


@dataclass
class Checkpoint:
    """Counts of the first `texts` texts of a corpus.

    The file is one of word counts whose header says that it is unfinished, and of which corpus. It is written
    beside its place and moved there, so whatever stops the program leaves either the old file or the new one.
    """

    path: Path
    every: float
    """Seconds from one writing to the next."""
    header: dict[str, Any] = field(default_factory=dict)
    """The tokenizer's files, as `WordCounts.save` writes them."""
    corpus: dict[str, Any] = field(default_factory=dict)
    """Identifies the corpus: see `fingerprint`."""
    texts: int = 0
    table: WordTable = field(default_factory=lambda: WordTable.from_items(()))
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, path: str | os.PathLike[str], every: float, corpus: Corpus, header: dict[str, Any]) -> Checkpoint:
        """The checkpoint at `path`, or an empty one if there is none.

        Raises:
            ValueError: if the file there belongs to another corpus or tokenizer, or is not a checkpoint.
        """
        if every < 0:
            raise refuse(ValueError, f"`every` is {every}; pass seconds, 0 or more", argument="every")
        new = cls(Path(path), every, header, fingerprint(corpus))
        if not new.path.exists():
            return new
        table, text = WordTable.load(os.fspath(path))
        found = json.loads(text) if text.startswith("{") else {}
        state = found.pop("unfinished", None)
        if state is None:
            raise refuse(
                ValueError,
                f"{new.path} holds finished word counts; name another file, or remove it",
                argument="checkpoint",
                file=str(new.path),
            )
        for what, old, now in (("tokenizer", found, header), ("corpus", state["corpus"], new.corpus)):
            if old != json.loads(json.dumps(now)):
                raise refuse(
                    ValueError,
                    f"{new.path} was begun with another {what}{_difference(old, now)}; pass the same, or remove the "
                    "file to start again",
                    argument="checkpoint",
                    file=str(new.path),
                )
        new.table, new.texts = table, state["texts"]
        return new

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self.began >= self.every

    def write(self, table: WordTable, texts: int) -> None:
        """Writes to the file that the first `texts` texts gave `table`."""
        state = {"texts": texts, "corpus": self.corpus}
        header = json.dumps({**self.header, "unfinished": state}, ensure_ascii=False, sort_keys=True)
        table.save(os.fspath(self.path), header)
        self.table, self.texts, self.began = table, texts, time.monotonic()


def remove(path: Path) -> None:
    """Removes a checkpoint, and any file that a program killed while writing has left beside it.

    The checkpoint goes last: as long as it is there, a program that is killed here is resumed and comes here again.
    """
    for left in (*path.parent.glob(f"{glob.escape(path.name)}.*.part"), path):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()


def fingerprint(corpus: Corpus) -> dict[str, Any]:
    """The settings that must be the same for a place in a corpus to mean the same text."""
    options = corpus._options
    files = []
    for path in corpus.files:
        try:
            found = os.stat(path)
            changes = not stat.S_ISREG(found.st_mode)  # a pipe has a time of its own
            files.append([path, -1, -1] if changes else [path, found.st_size, found.st_mtime_ns])
        except OSError:
            files.append([path, -1, -1])
    return {
        "sources": [type(source).__name__ for source in corpus._sources],
        "files": files,
        "column": options.column,
        "split": options.split,
        "format": options.format,
        "on_error": "skip" if options.skip else "replace" if options.replace else "raise",
        "start": corpus._start,
    }


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The first setting that differs, for a message."""
    name = next((name for name in new if old.get(name) != json.loads(json.dumps(new[name]))), None)
    if name is None or name in ("files", "settings"):
        return " (its files have changed)" if name else ""
    return f" (`{name}` was {shown(old.get(name))} and is {shown(new[name])})"
