"""Texts -> windows -> batches -> logits -> results, for every task.

A chunk of texts is encoded at once, its windows are sorted by length into batches, each padded once; the logits of the
chunk are decoded in one call, on a thread of its own while the next chunk is read, encoded and run. The caller's
objects (iterator, tokenizer, model) are used on the caller's thread only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from fastpost.exceptions import Argument, refuse
from fastpost.models.batches import Batching, Logits, Runner, Windows, forward
from fastpost.progress import Bar, Progress, Tokens

Item = TypeVar("Item")
Result = TypeVar("Result")
Info = TypeVar("Info")
Answer = TypeVar("Answer", covariant=True)


Told: TypeAlias = Callable[[int, int], None]
"""A function that is called with items and tokens after each batch."""


class ItemError(Exception):
    """An item that can't be encoded: `number` in its chunk, and the error to raise for it."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(str(error))
        self.number = number
        self.error = error


def refuse_overlap(error: Exception, first: int) -> Exception:
    """The error for a text of a chunk, with the text's number among all texts; `first` is that of the first one.

    An error that speaks of the whole chunk comes back as it is.
    """
    name, number = getattr(error, "argument", None), getattr(error, "text", None)
    if name not in ("stride", "doc_stride") or number is None:
        return error
    told = str(error).partition(f"`{name}`")[2]
    return ItemError(number, refuse(type(error), f"text {first + number}: ", Argument(name), told, text=first + number))


class Task(Protocol[Item, Answer, Info]):
    """The part of a run that differs from task to task."""

    def encode(self, items: list[Item], first: int) -> Windows[Info]:
        """The windows of a chunk of items, the first of which is number `first` of all.

        Raises:
            ItemError: if one of them can't be encoded; the caller asks again for those before it.
        """

    def decode(self, windows: Windows[Info], logits: Logits) -> Sequence[Answer]:
        """The results of a chunk, one an item."""


def run(
    chunks: Iterable[list[Item]],
    task: Task[Item, Result, Info],
    runner: Runner,
    batching: Batching,
    *,
    ahead: bool = True,
    progress: Told | None = None,
) -> Iterator[Result]:
    """Results of all items of `chunks`, in order.

    Args:
        chunks: lists of items; read on the caller's thread.
        task: encodes and decodes a chunk.
        runner: the model.
        batching: how windows become batches.
        ahead: whether the next chunk may be read before the results of this one are given out. Without it a
            caller can wait for a result before it provides the next item.
        progress: called with items and tokens after each batch.
    """
    source = iter(chunks)
    first = 0
    failure: Exception | None = None
    decoding: _Later[Sequence[Result]] | None = None
    while failure is None:
        try:
            chunk = next(source, None)
            if chunk is None:
                break
            windows, failure = _encoded(chunk, first, task)
            told = None if progress is None else _shared_out(len(chunk), int(windows.lengths.sum()), progress)
            logits = forward(windows, runner, batching, told)
        except Exception as error:  # raised again once the results of what was read before it are out
            failure = error
            break
        first += len(chunk)
        previous, decoding = decoding, _Later(task.decode, windows, logits, start=ahead)
        if previous is not None:
            yield from previous.result()
        if not ahead or previous is None:  # the first results come before the second chunk is run
            yield from decoding.result()
            decoding = None
    if decoding is not None:
        yield from decoding.result()
    if failure is not None:
        raise failure


def _shared_out(items: int, tokens: int, progress: Told) -> Callable[[int], None]:
    """A function to call with the tokens of each batch of a chunk; it reports how many items these amount to.

    A batch holds windows of many items, so an item is counted once so many tokens are done; at the end all are.
    """
    done = [0, 0]

    def tell(more: int) -> None:
        done[0] += more
        whole = items if done[0] >= tokens else items * done[0] // tokens
        progress(whole - done[1], more)
        done[1] = whole

    return tell


def _encoded(chunk: list[Item], first: int, task: Task[Item, Any, Info]) -> tuple[Windows[Info], Exception | None]:
    """The windows of a chunk, up to an item that can't be encoded, and the error for that."""
    with _ENCODING:
        try:
            return task.encode(chunk, first), None
        except ItemError as bad:
            if bad.number == 0:
                raise bad.error from None
            return task.encode(chunk[: bad.number], first), bad.error


_ENCODING = threading.Lock()
"""Held while a tokenizer is set up and used: two calls may share one and want it set up differently."""


def _unlock_in_child() -> None:
    """After a fork, a thread that held the lock is no longer there to release it."""
    global _ENCODING
    _ENCODING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


class _Later(Generic[Result]):
    """A call that runs on a thread of its own until its result is wanted.

    Where no thread can be had, or it is gone (the interpreter shuts down, the process has forked), the call
    is made when the result is wanted.
    """

    def __init__(self, work: Callable[..., Result], *arguments: Any, start: bool) -> None:
        self._work: Callable[[], Result] = lambda: work(*arguments)
        self._outcome: tuple[Result | None, Exception | None] | None = None
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="fastpost", daemon=True)
        try:
            if start:
                self._thread.start()
        except RuntimeError:
            start = False
        if not start:
            self._thread = None

    def _run(self) -> None:
        try:
            self._outcome = self._work(), None
        except Exception as error:  # raised where the result is wanted
            self._outcome = None, error

    def result(self) -> Result:
        """The result of the call, or the error it raised."""
        if self._thread is not None:
            self._thread.join()
        if self._outcome is None:
            self._run()
        value, error = self._outcome or (None, None)
        if error is not None:
            raise error
        return value  # type: ignore[return-value]


_CHUNK_CHARACTERS = 1 << 20
"""Characters after which a chunk ends: some 300,000 tokens, whose logits take some tens of megabytes."""


def stream(
    items: Iterable[Item],
    task: Task[Item, Result, Info],
    runner: Runner,
    batching: Batching,
    size_of: Callable[[Item], int],
    *,
    together: bool = False,
    progress: str | Told | None = None,
) -> Iterator[Result]:
    """Results of `items`, in order, while they are read; a list is taken in the largest chunks.

    Args:
        items: a list, or whatever else can be iterated over.
        task, runner, batching: see `run`.
        size_of: characters of an item.
        together: whether all items are one chunk.
        progress: what a bar counts; or a function that is called with items and tokens after each batch.
    """
    # An iterator without a length may wait for a result before it gives its next item. With batch_size=1 that
    # works in transformers, so nothing is read ahead then.
    length = len(items) if isinstance(items, Sized) else None
    lockstep = length is None and batching.size == 1
    if together:
        chunks = iter([list(items)])
    else:
        # Without a length it may be a live source, so no more than a batch is read at a time, and one ahead.
        first = (
            1
            if lockstep
            else batching.chunk
            if isinstance(items, list) and not isinstance(progress, str)
            else batching.size
        )
        chunks = _chunked(items, first, first if length is None else batching.chunk, size_of)
    ahead = not (lockstep or together or length == 1)
    bar = Tokens(Progress(Bar()), progress, length) if isinstance(progress, str) else None
    told = progress if bar is None and callable(progress) else bar
    try:
        yield from run(chunks, task, runner, batching, ahead=ahead, progress=told)
    finally:
        if bar is not None:
            bar.close()


def _chunked(items: Iterable[Item], first: int, most: int, size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Lists of items: `first` of them, then twice as many each time up to `most`, cut where they get long."""
    size, characters = first, 0
    chunk: list[Item] = []
    try:
        for item in items:
            chunk.append(item)
            characters += size_of(item)
            if len(chunk) >= size or characters >= _CHUNK_CHARACTERS:
                yield chunk
                size, chunk, characters = min(2 * size, most), [], 0
    except Exception:
        if chunk:  # what came before the error still gets its results
            yield chunk
        raise
    if chunk:
        yield chunk


def shown(progress: bool | Told | None, unit: str) -> str | Told | None:
    """Turns the `progress` of a call into that of `stream`: a bar that counts `unit`, a function, or nothing."""
    return progress if callable(progress) else unit if progress else None


class Results(Iterator[Result]):
    """Results that come while they are read. Once all are read, `iter` starts anew if the source can."""

    def __init__(self, start: Callable[[], Iterator[Result]], length: int | None) -> None:
        self._start = start
        self._length = length
        self._live: Iterator[Result] | None = None

    def __iter__(self) -> Results[Result]:
        return self

    def __next__(self) -> Result:
        if self._live is None:
            self._live = self._start()
        try:
            return next(self._live)
        except BaseException:
            self._live = None
            raise

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("these results come from a source without a length")
        return self._length
