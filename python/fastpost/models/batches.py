"""Windows of tokens -> batches -> logits, for every runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from fastpost._inputs.bounds import counted, shown, tokens_at_once, windows_at_once, with_article
from fastpost.exceptions import Argument, refuse
from fastpost.types import Ints1d, Ints2d

Info = TypeVar("Info")


@dataclass(frozen=True)
class Windows(Generic[Info]):
    """The part of a chunk that the model will see: windows of tokens, end to end."""

    lengths: Ints1d
    """(windows,), tokens of each window."""
    inputs: dict[str, Any]
    """(tokens,) each, of integers, by the model's argument names; the engine makes `attention_mask` and `position_ids`."""
    info: Info
    """What the task needs to decode the chunk."""


@dataclass(frozen=True)
class Logits:
    """Logits of a chunk, batch by batch."""

    batches: list[Any]
    """Arrays (windows, tokens, ...), padded on the right; one array or a tuple of arrays a batch."""
    order: Ints1d
    """(windows,), the window that each row of the batches belongs to."""


class Runner(Protocol):
    """Runs a model on a batch of (windows, tokens) arrays."""

    def __call__(self, batch: dict[str, Ints2d], /) -> Any:
        """The logits of one batch, or a function that waits for them."""


@dataclass(frozen=True)
class Padding:
    """How windows of different lengths become the arrays that a model takes.

    Attributes:
        names: arguments of the model, in its order: of `input_ids`, `attention_mask`, `token_type_ids`, `position_ids`.
        token_id: the id that fills a row after its window; `None` if nothing may, so that only windows of one length
            go together.
        left: whether padding goes to the left.
        width: tokens that every batch is padded to; default: its longest window.
        rows: the most windows that a batch may have, whatever was asked for.
        first_position: the first number in `position_ids`; padding has the number before it.
        even: whether all windows of a batch have one length, as the model can't tell padding.
    """

    names: tuple[str, ...] = ("input_ids", "attention_mask")
    token_id: int | None = 0
    left: bool = False
    width: int | None = None
    rows: int | None = None
    first_position: int = 0
    even: bool = False


@dataclass(frozen=True)
class Batching:
    """How many windows become a batch."""

    size: int
    """Windows of a batch; with `tokens`, texts that are read at a time from a source without a length."""
    pad: Padding
    """How they are filled up."""
    tokens: int | None = None
    """Tokens of a batch, padding included: as many windows as fit, and at least one; default: `size` windows."""

    @property
    def chunk(self) -> int:
        """How many texts share batches, so that these are full even if all texts are short."""
        return _CHUNK_ITEMS if self.tokens is None else max(_CHUNK_ITEMS, self.tokens // _SHORT)


_CHUNK_ITEMS = 512
"""Most items that are encoded at once."""
_SHORT = 8
"""Tokens of a short text."""

TOKENS = 16384
"""Tokens of a batch for `batch_size="auto"` on a GPU or a server: so many keep it busy."""
TOKENS_ON_CPU = 512
"""The same on a CPU: so many keep it busy, and larger batches leave its caches."""


def choose_batching(size: Any, tokens: Any, pad: Padding, device: str | None) -> Batching:
    """Decides how many windows become a batch, from the options of a pipeline.

    Args:
        size: `batch_size`: windows, "auto", or `None` if `tokens` are given.
        tokens: `batch_tokens`.
        pad: of the model.
        device: the kind of device that it runs on; `None` if unknown.

    Raises:
        ValueError: if one of them is not a number above 0, or both are given.
    """
    if size is not None and tokens is not None:
        raise refuse(
            ValueError,
            f"`batch_tokens` is {shown(tokens)} and `batch_size` is {shown(size)}; pass one of the two",
            argument="batch_tokens",
        )
    if size == "auto":
        tokens = TOKENS_ON_CPU if device == "cpu" else TOKENS
    if tokens is not None:
        tokens_at_once("batch_tokens", tokens)
        tokens = int(tokens)
        return Batching(max(1, tokens // _MIDDLING), pad, tokens)
    windows_at_once("batch_size", size)
    return Batching(int(size), pad)


_MIDDLING = 64
"""Tokens of a text that is neither short nor long."""


def forward(
    windows: Windows[Any], runner: Runner, batching: Batching, progress: Callable[[int], None] | None = None
) -> Logits:
    """Runs the model over all windows that have tokens, longest first, so that a batch too large fails at once.

    There are no logits if no window has one. `progress` is called with the number of tokens of each batch that has run.
    """
    tell = progress or (lambda _tokens: None)
    lengths = windows.lengths
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(-lengths, kind="stable")
    filled = order[: np.count_nonzero(lengths)]
    fetches = []
    for rows in _batches(filled, lengths[filled], batching):
        batch, shift = _padded(windows.inputs, lengths[rows], starts[rows], batching.pad)
        shape = next(iter(batch.values())).shape
        fetch, tokens = runner(batch), int(lengths[rows].sum())
        if not callable(fetch):  # else the model may still be at work on it
            tell(tokens)
        fetches.append((fetch, shift, shape, tokens))
    made = []
    for fetch, shift, shape, tokens in fetches:
        made.append(_unshifted(_checked(_fetched(fetch), shape), shift))
        if callable(fetch):
            tell(tokens)
    if made:
        made += [_without_tokens(made[0])] * (len(order) - len(filled))
    elif len(order):
        tell(0)
    return Logits(made, order)


def _batches(order: Ints1d, lengths: Ints1d, batching: Batching) -> Iterator[Ints1d]:
    """The windows of each batch. Windows are sorted by length."""
    pad = batching.pad
    first = 0
    while first < len(order):
        size = batching.size
        if batching.tokens is not None:  # lengths fall, so the first window is the widest
            size = max(1, batching.tokens // max(int(lengths[first]), pad.width or 1))
        last = min(first + (pad.rows or size), len(order))
        if pad.even and pad.width is None:  # lengths fall, so those equal to the first stand together
            last = first + int((lengths[first:last] == lengths[first]).sum())
        yield order[first:last]
        first = last


def _without_tokens(logits: Any) -> Any:
    """Logits of a window that has no token, all of it padding: those of another."""
    return tuple(map(_without_tokens, logits)) if isinstance(logits, tuple) else logits[:1, :1]


def _fetched(logits: Any) -> Any:
    """Logits, which a model may return at once, or as a function that waits for them."""
    return logits() if callable(logits) else logits


def _checked(logits: Any, shape: tuple[int, ...]) -> Any:
    """Logits of a batch, which must have a row for each of its tokens."""
    for part in logits if isinstance(logits, tuple) else (logits,):
        if not hasattr(part, "shape"):
            raise refuse(
                TypeError,
                f"the model gave {with_article(type(part).__name__)} for logits; its `runner` has to return an array, a tuple of two, "
                "or a function that returns these",
                argument="model",
            )
        if tuple(part.shape[:2]) != shape:
            raise refuse(
                ValueError,
                f"the model gave logits of shape {tuple(part.shape)} for a batch of {counted(shape[0], 'window')} of {counted(shape[1], 'token')}; "
                f"their shape must begin with {shape}",
                argument="model",
            )
    return logits


def _padded(
    inputs: dict[str, Any], lengths: Ints1d, starts: Ints1d, pad: Padding
) -> tuple[dict[str, Ints2d], Ints1d | None]:
    """One batch as (windows, tokens) arrays, and how many tokens each window is shifted to the right."""
    width = max(int(lengths.max()), pad.width or 0)
    if int(lengths.min()) == width:
        at = starts[:, None] + np.arange(width)
        used, shift = None, None
    else:
        if pad.token_id is None:
            raise refuse(
                ValueError,
                f"the tokenizer has no `pad_token`, but a batch holds windows of {int(lengths.min())} to {counted(width, 'token')}",
                cure=("; set `tokenizer.pad_token`, or pass ", Argument("batch_size", (1,))),
                argument="tokenizer",
            )
        shift = width - lengths if pad.left else None
        column = np.arange(width) - (0 if shift is None else shift[:, None])
        used = (column >= 0) & (column < lengths[:, None])
        at = (starts[:, None] + column)[used]
    batch = {}
    for name in pad.names:
        if name == "attention_mask":
            batch[name] = np.ones((len(lengths), width), np.int64) if used is None else used.astype(np.int64)
        elif name == "position_ids":
            inside = np.arange(width) - (0 if shift is None else shift[:, None])
            inside = np.where((inside >= 0) & (inside < lengths[:, None]), inside, -1)
            batch[name] = np.maximum(inside + pad.first_position, 0)
        elif used is None:
            batch[name] = inputs[name][at].astype(np.int64, copy=False)
        else:
            fill = pad.token_id if name == "input_ids" else 0
            batch[name] = np.full((len(lengths), width), fill, np.int64)
            batch[name][used] = inputs[name][at]
    return batch, shift


def _unshifted(logits: Any, shift: Ints1d | None) -> Any:
    """Logits of windows that were padded on the left, moved as if the padding were on the right."""
    if shift is None:
        return logits
    if isinstance(logits, tuple):
        return tuple(_unshifted(part, shift) for part in logits)
    width = logits.shape[1]
    column = (np.arange(width) + shift[:, None]) % width
    return logits[np.arange(len(shift))[:, None], column]
