"""The result of `Encoder.encode`: the tokens of all windows, as arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastpost._inputs.bounds import counted, shown, whole
from fastpost._inputs.encodings import Encodings as Flattened
from fastpost.exceptions import Argument, refuse
from fastpost.types import Bytes1d, Ints1d, Ints2d, Shorts1d, Shorts2d

INPUT_NAMES = ("input_ids", "token_type_ids", "attention_mask")
# The most values of a padded array, so that a slip in `to` is an error and does not fill the memory.
MOST_CELLS = 2**31


class Shapes(Protocol):
    """Columns that follow from the shapes of windows, made when asked for."""

    @property
    def texts(self) -> Callable[[], Ints1d]:
        """The text of each window."""
        ...

    @property
    def types(self) -> Callable[[], Shorts1d]:
        """The segment of each token."""
        ...

    @property
    def special(self) -> Callable[[], Bytes1d]:
        """1 for special tokens."""
        ...

    @property
    def sequences(self) -> Callable[[], Shorts1d]:
        """Which text each token belongs to."""
        ...


class Columns(NamedTuple):
    """The columns of some windows; the last three are made when asked for."""

    ids: Shorts1d
    offsets: Shorts2d
    word_ids: Shorts1d
    lengths: Ints1d
    text_index: Ints1d
    types: Callable[[], Shorts1d]
    special: Callable[[], Bytes1d]
    sequences: Callable[[], Shorts1d]

    @classmethod
    def of_encodings(cls, encodings: Sequence[Any], texts: Ints1d) -> Columns:
        """Made from `tokenizers.Encoding` objects, each with its overflowing ones; `texts` has the text of each."""
        flat = Flattened.expanded(encodings)
        largest = int(flat.ids.max(initial=0))
        if largest >= 2**31:
            raise refuse(
                ValueError,
                f"`tokenizer` gives a token the id {largest}, and ids are held in 32 bits with a sign; number its tokens from 0 on",
                argument="tokenizer",
            )
        return cls(
            ids=flat.ids.astype(np.int32),
            offsets=flat.offsets.astype(np.int32),
            word_ids=flat.word_ids.astype(np.int32),
            lengths=flat.lengths,
            text_index=texts[flat.texts],
            types=lambda: flat.type_ids.astype(np.int32),
            special=lambda: np.asarray(flat.special_tokens_mask),
            sequences=lambda: flat.sequence_ids.astype(np.int32),
        )

    def texts(self) -> Ints1d:
        """The text of each window."""
        return self.text_index

    def merged(self, other: Columns) -> Columns:
        """The windows of both, text by text."""
        both = Columns.joined([self, other])
        return both.chosen(np.argsort(both.text_index, kind="stable"))

    @classmethod
    def joined(cls, parts: Sequence[Columns]) -> Columns:
        """The windows of all `parts`, end to end."""

        def all_of(read: Callable[[Columns], Any]) -> Any:
            return np.concatenate([read(part) for part in parts])

        return cls(
            ids=all_of(lambda part: part.ids),
            offsets=all_of(lambda part: part.offsets),
            word_ids=all_of(lambda part: part.word_ids),
            lengths=all_of(lambda part: part.lengths),
            text_index=all_of(lambda part: part.text_index),
            types=lambda: all_of(lambda part: part.types()),
            special=lambda: all_of(lambda part: part.special()),
            sequences=lambda: all_of(lambda part: part.sequences()),
        )

    def chosen(self, windows: Any) -> Columns:
        """The windows with these numbers, in their order; a `slice` in steps of 1 copies nothing."""
        starts = np.cumsum(self.lengths) - self.lengths
        sizes = self.lengths[windows]
        places: Any
        if isinstance(windows, slice):
            first = int(starts[windows][0]) if len(sizes) else 0
            places = slice(first, first + int(sizes.sum()))
        else:
            # The places of each window's tokens among all tokens.
            places = np.arange(sizes.sum()) + np.repeat(starts[windows] - (np.cumsum(sizes) - sizes), sizes)
        return Columns(
            ids=self.ids[places],
            offsets=self.offsets[places],
            word_ids=self.word_ids[places],
            lengths=sizes,
            text_index=self.text_index[windows],
            types=lambda: self.types()[places],
            special=lambda: self.special()[places],
            sequences=lambda: self.sequences()[places],
        )


@dataclass(frozen=True)
class Padding:
    """How a tokenizer pads."""

    pad_id: int | None = None
    type_id: int = 0
    names: tuple[str, ...] = INPUT_NAMES


class Spells(Protocol):
    """What a batch keeps of the tokenizer that made it."""

    @property
    def names(self) -> Callable[[Shorts1d], list[str]]:
        """How the vocabulary spells tokens."""
        ...

    @property
    def padding(self) -> Padding:
        """How it pads."""
        ...


class Spelled(NamedTuple):
    """The same without a tokenizer."""

    names: Callable[[Shorts1d], list[str]]
    padding: Padding


@dataclass(frozen=True)
class Window:
    """One window of a batch. Arrays are views of the batch's."""

    ids: Shorts1d
    offsets: Shorts2d
    word_ids: Shorts1d
    type_ids: Shorts1d
    special_tokens_mask: Bytes1d
    sequence_ids: Shorts1d
    text_index: int
    """The text that it is of."""
    names: Callable[[Shorts1d], list[str]] = field(repr=False)

    @property
    def tokens(self) -> list[str]:
        """The tokens, as the vocabulary spells them."""
        return self.names(self.ids)

    @staticmethod
    def joined(windows: Sequence[Window]) -> Encodings:
        """Windows as a batch of their own; each keeps the number of its text."""
        columns = Columns(
            ids=np.concatenate([window.ids for window in windows]),
            offsets=np.concatenate([window.offsets for window in windows]),
            word_ids=np.concatenate([window.word_ids for window in windows]),
            lengths=np.array([len(window) for window in windows], np.int64),
            text_index=np.array([window.text_index for window in windows], np.int64),
            types=lambda: np.concatenate([window.type_ids for window in windows]),
            special=lambda: np.concatenate([window.special_tokens_mask for window in windows]),
            sequences=lambda: np.concatenate([window.sequence_ids for window in windows]),
        )
        return Encodings(columns, Spelled(windows[0].names, Padding()), None)

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[Any, ...]:
        columns = self.ids, self.offsets, self.word_ids, self.type_ids, self.special_tokens_mask, self.sequence_ids
        return Window, (*columns, self.text_index, Spelling.of(self.ids, self.names))


class Spelling(dict[int, str]):
    """Tokens by their ids, those of one batch: what goes with it to another process."""

    @classmethod
    def of(cls, ids: Shorts1d, names: Callable[[Shorts1d], list[str]]) -> Spelling:
        """Made from the ids of a batch and from what spells them."""
        there = np.unique(ids)
        return cls(zip(there.tolist(), names(there)))

    def __call__(self, ids: Shorts1d) -> list[str]:
        """How each of `ids` is spelled."""
        return [self[number] for number in ids.tolist()]


class Encodings(Sequence[Window]):
    """The windows of a batch of texts, end to end: `lengths` says where each ends.

    A text that fits has one window, and a text that was cut has several in a row. Of a pair whose texts are both cut,
    they come in tokenizers' order: the first windows of both, each later one of the first text with each of the second,
    then the first one of the first text with each later one of the second.

    Attributes:
        ids: int32 (tokens,).
        offsets: int32 (tokens, 2), start and end in characters of the text, or of the word with
            `is_split_into_words`, end excluded; (0, 0) for special tokens.
        word_ids: int32 (tokens,), -1 for special tokens.
        lengths: int64 (windows,), tokens of each window.
        text_count: texts that were encoded; None for some windows of a batch, which `text_index` numbers as ever.
    """

    _texts: Ints1d | None = None
    _types: Shorts1d | None = None
    _special: Bytes1d | None = None
    _sequences: Shorts1d | None = None

    def __init__(self, columns: Columns, tokenizer: Spells, text_count: int | None):
        self._columns, self._tokenizer = columns, tokenizer
        self._shapes: Shapes = columns
        self.text_count: int | None = text_count
        self.ids, self.offsets, self.word_ids = columns.ids, columns.offsets, columns.word_ids
        self.lengths = columns.lengths

    @classmethod
    def of_core(cls, made: Sequence[Any], tokenizer: Spells, text_count: int) -> Encodings:
        """Made from the core's result; it saves a microsecond to make `Columns` only when asked for."""
        batch = cls.__new__(cls)
        batch.ids, batch.offsets, batch.word_ids, batch.lengths, batch._shapes, _ = made
        batch._tokenizer, batch.text_count = tokenizer, text_count
        return batch

    @cached_property
    def _columns(self) -> Columns:
        shapes = self._shapes
        return Columns(
            self.ids, self.offsets, self.word_ids, self.lengths, self.text_index,
            shapes.types, shapes.special, shapes.sequences,
        )  # fmt: skip

    # Up to Python 3.11 a `cached_property` takes a lock, and with it a tenth of the time in which a sentence is encoded.

    @property
    def text_index(self) -> Ints1d:
        """Int64 (windows,), the text that each window is of."""
        if self._texts is None:
            self._texts = self._shapes.texts()
        return self._texts

    @property
    def type_ids(self) -> Shorts1d:
        """Int32 (tokens,), the segment of each token."""
        if self._types is None:
            self._types = self._shapes.types()
        return self._types

    @property
    def special_tokens_mask(self) -> Bytes1d:
        """Uint8 (tokens,), 1 for tokens that the tokenizer put around the text."""
        if self._special is None:
            self._special = self._shapes.special()
        return self._special

    @property
    def sequence_ids(self) -> Shorts1d:
        """Int32 (tokens,), 0 for tokens of the text, 1 for those of its pair, -1 for special ones."""
        if self._sequences is None:
            self._sequences = self._shapes.sequences()
        return self._sequences

    @cached_property
    def _starts(self) -> Ints1d:
        """(windows + 1,), the first token of each window, and the number of tokens."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, window: Any) -> Any:
        """The window of a number; the windows of a slice or of an array of numbers, as a batch."""
        if isinstance(window, slice) and window.step in (None, 1):
            return self._some(slice(*window.indices(len(self))[:2]))
        if isinstance(window, (slice, list)) or (isinstance(window, np.ndarray) and window.ndim > 0):
            return self._some(self._numbers(window))
        number = self._number(window)
        part = slice(*self._starts[number : number + 2])
        return Window(
            self.ids[part],
            self.offsets[part],
            self.word_ids[part],
            self.type_ids[part],
            self.special_tokens_mask[part],
            self.sequence_ids[part],
            int(self.text_index[number]),
            self._tokenizer.names,
        )

    def _number(self, window: Any) -> int:
        """A window by its number, counted from the end if that is negative."""
        try:
            return range(len(self))[operator.index(window)]
        except IndexError:
            raise self._lacks(window) from None
        except TypeError:
            raise refuse(
                TypeError,
                Argument("window"),
                f" is of type {type(window).__name__}",
                cure="pass the number of a window",
            ) from None

    def _numbers(self, windows: Any) -> Ints1d:
        """The numbers of some windows, from a slice, numbers or a bool a window."""
        try:
            numbers: Ints1d = np.arange(len(self))[windows]
        except IndexError:
            raise self._lacks(windows) from None
        if numbers.ndim != 1:
            raise refuse(
                ValueError, Argument("window"), f" has {numbers.ndim} dimensions", cure="pass numbers of windows in one"
            )
        return numbers

    def _lacks(self, window: Any) -> IndexError:
        has = counted(len(self), "window")
        cure = f"pass numbers from {-len(self)} to {len(self) - 1}" if len(self) else "there is nothing to look at"
        return refuse(IndexError, Argument("window"), f" is {shown(window)} but the batch has {has}", cure=cure)

    def _some(self, windows: Any) -> Encodings:
        return Encodings(self._columns.chosen(windows), self._tokenizer, None)

    def __iter__(self) -> Iterator[Window]:
        return (self[number] for number in range(len(self)))

    def __repr__(self) -> str:
        return f"Encodings(windows={len(self)}, tokens={len(self.ids)})"

    def __reduce__(self) -> tuple[Any, ...]:
        columns = self.ids, self.offsets, self.word_ids, self.lengths, self.text_index
        shapes = self.type_ids, self.special_tokens_mask, self.sequence_ids
        names, padding = Spelling.of(self.ids, self._tokenizer.names), self._tokenizer.padding
        return _batch_of, ((*columns, *shapes), names, padding, self.text_count)

    def padded(
        self,
        side: str = "right",
        to: int | None = None,
        *,
        pad_id: int | None = None,
        names: Sequence[str] | None = None,
    ) -> dict[str, Ints2d]:
        """The windows as rows of one length: what a model is called with.

        `torch.from_dlpack` takes each array over without a copy.

        Args:
            side: where the padding goes, "right" or "left".
            to: the length of a row; None is that of the longest window.
            pad_id: id of the padding; None takes the tokenizer's.
            names: some of "input_ids", "token_type_ids", "attention_mask". None takes those that the configuration of
                the tokenizer names, else all three.

        Returns:
            int64 (windows, to) arrays by name.

        Raises:
            ValueError: if `to` is below the longest window, or no padding is known and some is needed.
        """
        if side not in ("right", "left"):
            raise refuse(ValueError, f'`side` is {shown(side)}; pass "right" or "left"', argument="side")
        longest = int(self.lengths.max(initial=0))
        width = longest if to is None else whole("to", to, or_else=", or None for the longest window")
        if width < longest:
            raise refuse(
                ValueError,
                f"`to` is {width} but the longest window has {counted(longest, 'token')}; pass at least that",
                argument="to",
            )
        if width * len(self) > MOST_CELLS:
            raise refuse(
                ValueError,
                f"`to` is {width}, which makes {counted(width * len(self), 'token')} of {counted(len(self), 'window')}; pass at most "
                f"{counted(MOST_CELLS, 'token')} in all",
                argument="to",
            )
        unknown = [name for name in names or () if name not in INPUT_NAMES]
        if unknown:
            raise refuse(
                ValueError,
                f"`names` holds {shown(unknown[0])}; pass some of {', '.join(INPUT_NAMES)}",
                argument="names",
            )
        padding = self._tokenizer.padding
        pad = padding.pad_id
        if pad_id is not None:
            pad = whole("pad_id", pad_id, -(2**31), most=2**31 - 1, or_else=", or None for that of the tokenizer")
        real = np.arange(width) < self.lengths[:, None]
        if side == "left":
            real = real[:, ::-1]
        if pad is None and not real.all():
            raise refuse(
                ValueError,
                "`pad_id` is None and the tokenizer names no padding token; pass the id to pad with",
                argument="pad_id",
            )

        def rows(values: Callable[[], Any], filler: int) -> Ints2d:
            out = np.full(real.shape, filler, np.int64)
            out[real] = values()
            return out

        made: dict[str, Callable[[], Ints2d]] = {
            "input_ids": lambda: rows(lambda: self.ids, pad or 0),
            "token_type_ids": lambda: rows(lambda: self.type_ids, padding.type_id),
            "attention_mask": lambda: real.astype(np.int64),
        }
        return {name: made[name]() for name in names or padding.names}

    # Methods as BatchEncoding has them, but for whole arrays. -1 where it gives None.

    def char_to_token(self, window: int, chars: Any, *, sequence: int = 0) -> Ints1d:
        """Finds the first token of `window` that covers each of `chars`; -1 if there is none.

        Args:
            window: number of a window. Without truncation this is the text's number.
            chars: integers (any shape), positions in the text.
            sequence: 0 for the text, 1 for its pair.
        """
        tokens, first = self._of_sequence(window, sequence)
        offsets = self.offsets[tokens]
        covered = offsets[:, 1] - offsets[:, 0]
        places = np.arange(covered.sum()) + np.repeat(offsets[:, 0] - (np.cumsum(covered) - covered), covered)
        table = np.full(int(offsets.max(initial=0)), -1, np.int64)
        table[places[::-1]] = np.repeat(tokens - first, covered)[::-1]  # the first of several is written last and stays
        return _looked_up(table, chars)

    def char_to_word(self, window: int, chars: Any, *, sequence: int = 0) -> Ints1d:
        """The word of `window` that each of `chars` is in, -1 for none."""
        tokens = self.char_to_token(window, chars, sequence=sequence)
        return _looked_up(self[window].word_ids.astype(np.int64), tokens)

    def token_to_chars(self, window: int, tokens: Any) -> Ints1d:
        """(..., 2), the characters that each of `tokens` covers, end excluded; -1 for special tokens."""
        part = self[window]
        ends = np.where((part.sequence_ids >= 0)[:, None], part.offsets, -1).astype(np.int64)
        return np.stack([_looked_up(ends[:, 0], tokens), _looked_up(ends[:, 1], tokens)], axis=-1)

    def word_to_tokens(self, window: int, words: Any, *, sequence: int = 0) -> Ints1d:
        """(..., 2), first and last token of each of `words`, end excluded; -1 where there is none."""
        tokens, first = self._of_sequence(window, sequence)
        own = self.word_ids[tokens]
        table = np.full((int(own.max(initial=-1)) + 1, 2), -1, np.int64)
        table[own[::-1], 0] = (tokens - first)[::-1]
        table[own, 1] = tokens - first + 1
        return np.stack([_looked_up(table[:, 0], words), _looked_up(table[:, 1], words)], axis=-1)

    def word_to_chars(self, window: int, words: Any, *, sequence: int = 0) -> Ints1d:
        """(..., 2), the characters of each of `words`, end excluded; -1 where there is none."""
        tokens = self.word_to_tokens(window, words, sequence=sequence)
        offsets = self[window].offsets.astype(np.int64)
        first, last = tokens[..., 0], np.where(tokens[..., 1] < 0, -1, tokens[..., 1] - 1)
        return np.stack([_looked_up(offsets[:, 0], first), _looked_up(offsets[:, 1], last)], axis=-1)

    def _of_sequence(self, window: int, sequence: int) -> tuple[Ints1d, int]:
        """The places of the tokens of one text of a window in the batch, and the window's first."""
        number = self._number(window)
        start, end = self._starts[number : number + 2]
        return start + np.flatnonzero(self.sequence_ids[start:end] == sequence), int(start)


def _looked_up(table: Ints1d, places: Any) -> Ints1d:
    """`table[places]`, -1 for places outside of it."""
    places = np.asarray(places)
    if places.size == 0:
        return np.full(places.shape, -1, np.int64)
    if places.dtype.kind not in "iu":
        raise refuse(TypeError, f"positions are of type {places.dtype}; pass integers")
    inside = (places >= 0) & (places < len(table))
    out = np.full(places.shape, -1, np.int64)
    out[inside] = table[places[inside]]
    return out


def _batch_of(arrays: Sequence[Any], names: Spelling, padding: Padding, text_count: int | None) -> Encodings:
    """A batch as it was pickled: from the arrays of its columns, in the order of `Columns`."""
    ids, offsets, word_ids, lengths, text_index, types, special, sequences = arrays
    columns = Columns(ids, offsets, word_ids, lengths, text_index, lambda: types, lambda: special, lambda: sequences)
    return Encodings(columns, Spelled(names, padding), text_count)


def native_columns(made: Sequence[Any]) -> tuple[Columns, list[tuple[int, str]]]:
    """The columns of the core's result, and the texts that it sent back, each with the reason."""
    ids, offsets, words, lengths, shapes, back = made
    return Columns(ids, offsets, words, lengths, shapes.texts(), shapes.types, shapes.special, shapes.sequences), back
