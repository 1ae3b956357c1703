"""A corpus -> one long row of token ids and where its documents end, in memory batch by batch, or in files."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastpost._inputs.bounds import whole
from fastpost.corpus import Corpus
from fastpost.encoding.batch import Encodings
from fastpost.exceptions import refuse
from fastpost.types import Ints1d

HEADER = 128
"""Bytes before the values of a .npy file, so that its length can be written in when it is known."""


class Encodes(Protocol):
    """The part of an `Encoder` that writing ids needs."""

    @property
    def largest_id(self) -> int:
        """The largest id that it can give."""

    @property
    def written(self) -> bytes | None:
        """Its tokenizer.json; None if a part is written in Python."""

    def encode(self, texts: Iterable[Any], *, add_special_tokens: bool = True, threads: int | None = None) -> Encodings:
        """Encodes texts."""


class TokenBatch(NamedTuple):
    """The ids of some documents, end to end."""

    ids: npt.NDArray[Any]
    """uint16 (tokens,), or uint32 where the vocabulary needs it."""
    ends: Ints1d
    """(documents,), where each document ends in `ids`."""


def batches(
    encoder: Encodes, corpus: Any, special: bool, end_id: int | None, threads: int | None
) -> Iterator[TokenBatch]:
    """The ids of a corpus, a batch of its documents at a time; see `Encoder.encode_corpus`."""
    corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus)
    largest = encoder.largest_id
    if end_id is not None:
        end_id = whole("end_id", end_id, most=largest, or_else=", or None")
    dtype = np.uint16 if largest < 1 << 16 else np.uint32
    for texts in corpus:
        found = encoder.encode(texts, add_special_tokens=special, threads=threads)
        ids, ends = found.ids.astype(dtype), np.cumsum(found.lengths)
        if end_id is not None:
            ids = np.insert(ids, ends, np.array(end_id, dtype))
            ends = ends + np.arange(1, len(ends) + 1)
        yield TokenBatch(ids, ends)


@dataclass
class Written:
    """The content of the files so far."""

    documents: int = 0
    tokens: int = 0
    dtype: str = "uint16"
    made_by: str = ""
    """A digest of the tokenizer and of the options."""
    done: bool = False

    @classmethod
    def noted(cls, path: Path) -> Written:
        """Reads a note.

        Raises:
            ValueError: if it is damaged.
        """
        try:
            state = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            state = None
        if state is None or not state._is_sound():
            raise refuse(ValueError, f"{path} is damaged", cure="write the files anew")
        return state

    def _is_sound(self) -> bool:
        counts = self.documents, self.tokens
        whole_numbers = all(type(count) is int and count >= 0 for count in counts)
        return whole_numbers and self.dtype in ("uint16", "uint32") and type(self.done) is bool


def write(
    encoder: Encodes,
    corpus: Corpus,
    out: Path,
    *,
    special: bool = True,
    end_id: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    save_every: float = 10.0,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Writes the ids of a corpus to `out`, a .npy or .bin file, and where documents end to `out`.ends.npy beside it.

    What is in the files is noted in `out`.json every `save_every` seconds and at the end, whatever ends it.

    Args:
        encoder, corpus, special, end_id, threads: see `Encoder.encode_corpus`.
        out: the file to write; a .bin file has the values alone, in the byte order of a PC.
        resume: goes on after the documents that the files hold.
        save_every: seconds.
        progress: called with documents and tokens after each batch.

    Raises:
        ValueError: if `resume` is given and the files were made with another tokenizer, with other options or of
            another corpus, or nothing says how.
    """
    noted = out.with_name(out.name + ".json")
    digest = _digest(encoder, special, end_id)
    state = Written(made_by=digest, dtype="uint16" if encoder.largest_id < 1 << 16 else "uint32")
    if resume and out.exists() and not noted.exists():
        raise refuse(
            ValueError, f"{out} has no {noted.name} beside it, which says what it holds", cure="write another file"
        )
    if resume and noted.exists():
        fresh, state = state, Written.noted(noted)
        if (state.made_by, state.dtype) != (digest, fresh.dtype):
            raise refuse(
                ValueError,
                f"{out} was begun with another tokenizer or with other options",
                cure="pass those again, or write another file",
            )
        if state.done:
            return state
    mode = "r+b" if state.documents else "w+b"
    names = out, out.with_name(out.name + ".ends.npy")
    with open(names[0], mode) as ids, open(names[1], mode) as ends:
        files = Column(ids, state.dtype, out.suffix == ".npy"), Column(ends, "int64", True)
        files[0].cut(state.tokens)
        files[1].cut(state.documents)
        saved = time.monotonic()
        try:
            for batch in _rest(encoder, corpus, (special, end_id, threads), state, files):
                files[0].append(batch.ids)
                files[1].append(batch.ends + state.tokens)
                state.documents += len(batch.ends)
                state.tokens += len(batch.ids)
                if progress is not None:
                    progress(len(batch.ends), len(batch.ids))
                if time.monotonic() - saved >= save_every:
                    _note(noted, state, files)
                    saved = time.monotonic()
            state.done = True
        finally:
            _note(noted, state, files)
    return state


def _rest(
    encoder: Encodes,
    corpus: Corpus,
    options: tuple[bool, int | None, int | None],
    state: Written,
    files: tuple[Column, Column],
) -> Iterator[TokenBatch]:
    """The ids of the documents after those that the files hold; the last one of these is held against the corpus."""
    if not state.documents:
        yield from batches(encoder, corpus, *options)
        return
    ids, ends = files
    last = ends.read(max(state.documents - 2, 0), state.documents)
    held = ids.read(int(last[0]) if len(last) > 1 else 0, state.tokens)
    made = batches(encoder, corpus.skip(state.documents - 1), *options)
    first = next(made, None)
    if last[-1] != state.tokens or first is None or not np.array_equal(first.ids[: first.ends[0]], held):
        raise refuse(
            ValueError,
            f"text {state.documents - 1} of the corpus is not the one that {ids.name} ends with",
            cure="pass the corpus that it was begun with, or write another file",
        )
    yield TokenBatch(first.ids[first.ends[0] :], first.ends[1:] - first.ends[0])
    yield from made


class Column:
    """A file of values of one type."""

    def __init__(self, file: IO[bytes], dtype: str, headed: bool) -> None:
        self.name = file.name
        self._file, self._dtype = file, np.dtype(dtype).newbyteorder("<")
        self._first = HEADER if headed else 0
        self._values = 0

    def cut(self, values: int) -> None:
        """Keeps the first `values` values; refuses a file that has fewer."""
        size = self._first + values * self._dtype.itemsize
        if values and os.fstat(self._file.fileno()).st_size < size:
            raise refuse(ValueError, f"{self._file.name} is shorter than was noted", cure="write it anew")
        self._file.truncate(size if values else 0)
        self._values = values
        self._write_header()
        self._file.seek(size)

    def read(self, first: int, last: int) -> npt.NDArray[Any]:
        """Reads the values from `first` to `last`, excluded."""
        size = self._dtype.itemsize
        self._file.seek(self._first + first * size)
        values = np.frombuffer(self._file.read((last - first) * size), self._dtype)
        self._file.seek(0, os.SEEK_END)
        return values

    def append(self, values: npt.NDArray[Any]) -> None:
        """Writes values at the end."""
        self._file.write(values.astype(self._dtype, copy=False).data)
        self._values += len(values)

    def flush(self) -> None:
        """Writes everything to the disk, with a header that gives the number of values."""
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())

    def _write_header(self) -> None:
        if not self._first:
            return
        text = f"{{'descr': {self._dtype.str!r}, 'fortran_order': False, 'shape': ({self._values},), }}".encode()
        head = b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little")
        self._file.seek(0)
        self._file.write(head + text.ljust(HEADER - 11) + b"\n")
        self._file.seek(0, os.SEEK_END)


def _note(path: Path, state: Written, files: tuple[Column, ...]) -> None:
    for file in files:
        file.flush()
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(asdict(state)) + "\n", encoding="utf-8")
    beside.replace(path)


def _digest(encoder: Encodes, special: bool, end_id: int | None) -> str:
    read = hashlib.sha256(encoder.written or repr(encoder).encode())
    read.update(repr((special, end_id)).encode())
    return read.hexdigest()
