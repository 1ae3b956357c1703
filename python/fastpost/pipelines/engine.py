"""Texts -> windows -> batches -> logits -> results, for every task.

A chunk of texts is encoded at once, its windows are sorted by length into batches, each padded once; the
logits of the chunk are decoded in one call. While the model runs on one chunk, the next one is encoded and
the last one decoded, each on a thread of its own. The model itself, and the caller's iterator, stay on the
caller's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from fastpost.types import Ints1d, Ints2d

Item = TypeVar("Item")
Result = TypeVar("Result")
Info = TypeVar("Info")
Answer = TypeVar("Answer", covariant=True)


@dataclass(frozen=True)
class Windows(Generic[Info]):
    """What the model is to see of a chunk: windows of tokens, end to end."""

    lengths: Ints1d
    """(windows,), tokens of each window."""
    inputs: dict[str, Ints1d]
    """(tokens,) each, by the model's argument names; `attention_mask` is made by the engine where it is named."""
    info: Info
    """What the task needs to decode the chunk."""


@dataclass(frozen=True)
class Logits:
    """Logits of a chunk as the batches left them."""

    batches: list[Any]
    """Arrays (windows, tokens, ...), padded on the right; one array or a tuple of arrays a batch."""
    order: Ints1d
    """(windows,), the window that each row of the batches belongs to."""


class Task(Protocol[Item, Answer, Info]):
    """What is particular to one task."""

    def encode(self, items: list[Item]) -> Windows[Info]:
        """The windows of a chunk of items."""

    def decode(self, windows: Windows[Info], logits: Logits) -> Sequence[Answer]:
        """The results of a chunk, one an item."""


class Runner(Protocol):
    """A model: starts a batch of (windows, tokens) arrays and returns how to fetch its logits."""

    def __call__(self, batch: dict[str, Ints2d]) -> Callable[[], Any]:
        """Starts one batch."""


@dataclass(frozen=True)
class Batching:
    """How windows become batches."""

    size: int
    """Windows of a batch."""
    names: tuple[str, ...]
    """Arguments of the model, in its order."""
    pad_token_id: int | None = None
    left: bool = False
    """Whether padding goes to the left."""
    width: int | None = None
    """Tokens that every batch is padded to; default: its longest window."""


def run(
    chunks: Iterable[list[Item]],
    task: Task[Item, Result, Info],
    runner: Runner,
    batching: Batching,
    *,
    ahead: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Result]:
    """Results of all items of `chunks`, in order.

    Args:
        chunks: lists of items; read on the caller's thread.
        task: encodes and decodes a chunk.
        runner: the model.
        batching: how windows become batches.
        ahead: whether the next chunk may be read before the results of this one are given out. Without it a
            caller can wait for a result before it provides the next item.
        progress: called with items and tokens after each chunk.
    """
    done = progress or (lambda _items, _tokens: None)
    if not ahead:
        for chunk in chunks:
            windows = task.encode(chunk)
            yield from task.decode(windows, forward(windows, runner, batching))
            done(len(chunk), int(windows.lengths.sum()))
        return
    source = iter(chunks)
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="fastpost") as pool:

        def encode_next() -> tuple[int, Future[Windows[Info]]] | None:
            nonlocal failure
            try:
                chunk = next(source, None)
            except Exception as error:  # raised again once the results of what was read before it are out
                failure = error
                return None
            return None if chunk is None else (len(chunk), pool.submit(task.encode, chunk))

        coming = encode_next()
        decoding: Future[Sequence[Result]] | None = None
        try:
            while coming is not None:
                count, encoding = coming
                windows = encoding.result()
                coming = encode_next()
                logits = forward(windows, runner, batching)
                previous, decoding = decoding, pool.submit(task.decode, windows, logits)
                done(count, int(windows.lengths.sum()))
                if previous is not None:
                    yield from previous.result()
            if decoding is not None:
                yield from decoding.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if failure is not None:
        raise failure


def forward(windows: Windows[Any], runner: Runner, batching: Batching) -> Logits:
    """Runs the model over all windows, longest first, so that a batch too large fails at once."""
    lengths = windows.lengths
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(-lengths, kind="stable")
    fetches = []
    for first in range(0, len(order), batching.size):
        rows = order[first : first + batching.size]
        batch, shift = _padded(windows.inputs, lengths[rows], starts[rows], batching)
        fetches.append((runner(batch), shift))
    return Logits([_unshifted(fetch(), shift) for fetch, shift in fetches], order)


def _padded(
    inputs: dict[str, Ints1d], lengths: Ints1d, starts: Ints1d, batching: Batching
) -> tuple[dict[str, Ints2d], Ints1d | None]:
    """One batch as (windows, tokens) arrays, and by how many tokens each window is shifted to the right."""
    width = max(int(lengths.max()), batching.width or 0)
    if int(lengths.min()) == width:
        at = starts[:, None] + np.arange(width)
        used, shift = None, None
    else:
        if batching.pad_token_id is None:
            raise ValueError(
                f"the tokenizer has no `pad_token`, but a batch holds windows of {int(lengths.min())} to {width} tokens; "
                "set `tokenizer.pad_token`, or pass batch_size=1"
            )
        shift = width - lengths if batching.left else None
        column = np.arange(width) - (0 if shift is None else shift[:, None])
        used = (column >= 0) & (column < lengths[:, None])
        at = (starts[:, None] + column)[used]
    batch = {}
    for name in batching.names:
        if name == "attention_mask":
            batch[name] = np.ones((len(lengths), width), np.int64) if used is None else used.astype(np.int64)
        elif used is None:
            batch[name] = inputs[name][at]
        else:
            fill = batching.pad_token_id if name == "input_ids" else 0
            batch[name] = np.full((len(lengths), width), fill, np.int64)
            batch[name][used] = inputs[name][at]
    return batch, shift


def _unshifted(logits: Any, shift: Ints1d | None) -> Any:
    """Logits of windows that were padded on the left, as if they had been on the right."""
    if shift is None:
        return logits
    if isinstance(logits, tuple):
        return tuple(_unshifted(part, shift) for part in logits)
    width = logits.shape[1]
    column = (np.arange(width) + shift[:, None]) % width
    return logits[np.arange(len(shift))[:, None], column]


_CHUNK_ITEMS = 512
"""Most items that are encoded at once."""
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
    progress: str | None = None,
) -> Iterator[Result]:
    """Results of `items`, in order, while they are read; a list is taken in the largest chunks.

    Args:
        items: a list, or whatever else can be iterated over.
        task, runner, batching: see `run`.
        size_of: characters of an item.
        together: whether all items are one chunk.
        progress: what a bar counts; `None` for no bar.
    """
    # An iterator without a length may wait for a result before it gives its next item. With batch_size=1 that
    # works in transformers, so nothing is read ahead then.
    length = len(items) if isinstance(items, Sized) else None
    lockstep = length is None and batching.size == 1
    if together:
        chunks = iter([list(items)])
    elif lockstep:
        chunks = ([item] for item in items)
    else:
        first = _CHUNK_ITEMS if isinstance(items, list) and progress is None else batching.size
        chunks = _chunked(items, first, size_of)
    ahead = not (lockstep or together or length == 1)
    bar = None if progress is None else Progress(length, progress)
    try:
        yield from run(chunks, task, runner, batching, ahead=ahead, progress=bar)
    finally:
        if bar is not None:
            bar.close()


def _chunked(items: Iterable[Item], first: int, size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Lists of items: `first` of them, then twice as many each time, cut where they get long."""
    most, chunk, characters = first, [], 0
    for item in items:
        chunk.append(item)
        characters += size_of(item)
        if len(chunk) >= most or characters >= _CHUNK_CHARACTERS:
            yield chunk
            most, chunk, characters = min(2 * most, _CHUNK_ITEMS), [], 0
    if chunk:
        yield chunk


class Results(Iterator[Result]):
    """Results that come while they are read; starts anew with each `iter` if its source does."""

    def __init__(self, start: Callable[[], Iterator[Result]], length: int | None) -> None:
        self._start = start
        self._length = length
        self._live: Iterator[Result] | None = None

    def __iter__(self) -> Results[Result]:
        self._live = self._start()
        return self

    def __next__(self) -> Result:
        if self._live is None:
            self._live = self._start()
        return next(self._live)

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("these results come from a source without a length")
        return self._length


class Progress:
    """A bar that counts items and shows tokens a second."""

    def __init__(self, total: int | None, unit: str = "texts") -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total, unit=" " + unit)
        self._tokens = 0
        self._since = time.perf_counter()

    def __call__(self, items: int, tokens: int) -> None:
        """Counts `items` more texts of `tokens` tokens together."""
        self._tokens += tokens
        rate = self._tokens / (time.perf_counter() - self._since)
        self._bar.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
        self._bar.update(items)

    def close(self) -> None:
        """Leaves the bar as it stands."""
        self._bar.close()
