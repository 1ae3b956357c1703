"""`tokenizers.Encoding` objects, and results of `fastpost.Encoder` -> flat arrays.

The only file that knows what either looks like. `Encodings` reads the former, `Encoded` the latter; they have the same
properties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import counted
from fastpost.exceptions import refuse
from fastpost.types import Ints1d, Ints2d


@dataclass(frozen=True)
class Encodings:
    """The windows of a batch of texts: encodings, each followed by its overflowing ones.

    Every array holds the tokens of all windows, end to end.
    """

    windows: list[Any]
    texts: Ints1d
    """(windows,), the encoding that each window came from."""

    @classmethod
    def expanded(cls, encodings: Sequence[Any]) -> Encodings:
        """The windows of `encodings`: an encoding and its overflowing ones, in order."""
        return cls(*_fastpost.expand(_listed(encodings), "overflowing"))

    @classmethod
    def flat(cls, encodings: Sequence[Any]) -> Encodings:
        """One window per encoding; overflowing ones are left out."""
        return cls(_listed(encodings), np.arange(len(encodings)))

    @cached_property
    def _ids(self) -> tuple[Ints1d, Ints1d]:
        return _fastpost.flatten(self.windows, "ids")

    @property
    def as_it_lies(self) -> Encodings:
        """The same columns in the types that they have, for readers that take any."""
        return self

    @property
    def ids(self) -> Ints1d:
        """(tokens,), token ids."""
        return self._ids[0]

    @cached_property
    def _special(self) -> tuple[Ints1d, Ints1d]:
        return _fastpost.flatten(self.windows, "special_tokens_mask")

    @property
    def lengths(self) -> Ints1d:
        """(windows,), tokens of each window."""
        return self._special[1] if "_special" in self.__dict__ else self._ids[1]

    @property
    def type_ids(self) -> Ints1d:
        """(tokens,), the segment of each token."""
        return _fastpost.flatten(self.windows, "type_ids")[0]

    @property
    def word_ids(self) -> Ints1d:
        """(tokens,), the word of each token, -1 for none."""
        return _fastpost.flatten(self.windows, "word_ids")[0]

    @property
    def sequence_ids(self) -> Ints1d:
        """(tokens,), which of the two texts each token belongs to, -1 for none."""
        return _fastpost.flatten(self.windows, "sequence_ids")[0]

    @property
    def pairs(self) -> bool:
        """Whether some window has tokens of two texts."""
        return any(window.n_sequences > 1 for window in self.windows)

    @property
    def attention_mask(self) -> Ints1d:
        """(tokens,), 0 for padding."""
        return _fastpost.flatten(self.windows, "attention_mask")[0]

    @property
    def special_tokens_mask(self) -> Any:
        """uint8 (tokens,), 1 for tokens that stand for no text, padding among them."""
        return self._special[0].astype(np.uint8)

    @property
    def offsets(self) -> Ints2d:
        """(tokens, 2), start and end in characters of the text, end excluded."""
        return _fastpost.flatten_pairs(self.windows, "offsets")


@dataclass(frozen=True)
class Encoded:
    """The result of `fastpost.Encoder`, as it lies: it has no padding, and each window is there already."""

    batch: Any
    texts: Ints1d
    """(windows,), the text that each window is of."""
    text_count: int | None
    """How many texts the batch has; `None` for some windows of a batch, which do not tell."""

    @classmethod
    def of(cls, batch: Any, owners: Ints1d | None = None) -> Encoded:
        """Made from a batch, or from a list of windows; `owners` replaces the text number of each window.

        Raises:
            ValueError: if there are not as many owners as windows.
        """
        if isinstance(batch, (list, tuple)):
            batch = type(batch[0]).joined(batch)
        if owners is not None and len(owners) != len(batch):
            raise refuse(
                ValueError,
                f"`windows` has {counted(len(owners), 'item')} but `encodings` has {counted(len(batch), 'window')}; pass one text for each",
                argument="windows",
            )
        return cls(batch, batch.text_index, batch.text_count) if owners is None else cls(batch, owners, None)

    @property
    def as_it_lies(self) -> Any:
        """The batch itself, whose columns are int32, for readers that take any type: no copy to int64."""
        return self.batch

    @property
    def ids(self) -> Ints1d:
        """(tokens,), token ids."""
        return _long(self.batch.ids)

    @property
    def lengths(self) -> Ints1d:
        """(windows,), tokens of each window."""
        lengths: Ints1d = self.batch.lengths
        return lengths

    @property
    def type_ids(self) -> Ints1d:
        """(tokens,), the segment of each token."""
        return _long(self.batch.type_ids)

    @property
    def word_ids(self) -> Ints1d:
        """(tokens,), the word of each token, -1 for none."""
        return _long(self.batch.word_ids)

    @property
    def sequence_ids(self) -> Ints1d:
        """(tokens,), which of the two texts each token belongs to, -1 for none."""
        return _long(self.batch.sequence_ids)

    @property
    def pairs(self) -> bool:
        """Whether some window has tokens of two texts."""
        return bool((self.batch.sequence_ids > 0).any())

    @property
    def attention_mask(self) -> Ints1d:
        """(tokens,), 1 for each."""
        return np.ones(len(self.batch.ids), np.int64)

    @property
    def special_tokens_mask(self) -> Any:
        """uint8 (tokens,), 1 for tokens that stand for no text; a new array, which may be written to."""
        return self.batch.special_tokens_mask.copy()

    @property
    def offsets(self) -> Ints2d:
        """(tokens, 2), start and end in characters of the text, end excluded."""
        return _long(self.batch.offsets)


Read: TypeAlias = "Encodings | Encoded"


def is_encoded(value: Any) -> bool:
    """Whether `value` comes from `fastpost.Encoder`: a batch, or windows of one."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(hasattr(item, "text_index") for item in value)
    return hasattr(value, "text_index") and hasattr(value, "special_tokens_mask")


def is_encodings(value: Any) -> bool:
    """Whether `value` is tokenised text rather than an array: of `fastpost.Encoder`, tokenizers or transformers."""
    if is_encoded(value) or getattr(value, "encodings", None) is not None:
        return True
    return isinstance(value, (list, tuple)) and bool(value) and hasattr(value[0], "special_tokens_mask")


def read_texts(encodings: Any, owners: Ints1d | None) -> tuple[Read, int | None]:
    """All windows of texts, and how many texts there are; `None` if the windows do not tell.

    Args:
        encodings: a batch of `fastpost.Encoder` or windows of one, encodings with what overflowed from them, a
            `BatchEncoding`, whose rows are the windows.
        owners: (windows,), the text that each window is of, if given.
    """
    if is_encoded(encodings):
        encoded = Encoded.of(encodings, owners)
        return encoded, encoded.text_count
    rows = getattr(encodings, "encodings", None)
    listed = _listed(encodings if rows is None else rows)
    if owners is not None:
        return Encodings(listed, owners), None
    if rows is None:
        return Encodings.expanded(listed), len(listed)
    of_batch = batch_owners(encodings)
    return Encodings(listed, of_batch), int(of_batch.max(initial=-1)) + 1


def read_first(encodings: Any) -> Read:
    """The first window of each text; the others are left out.

    Args:
        encodings: of texts, as a batch of `fastpost.Encoder` or as a list of encodings.
    """
    if not is_encoded(encodings):
        return Encodings.flat(encodings)
    index = encodings.text_index
    begins = index[1:] != index[:-1]
    return Encoded.of(encodings if begins.all() else encodings[np.flatnonzero(np.append(True, begins))])


def read_windows(encodings: Any, owners: Ints1d | None, count: int | None) -> tuple[Read, int | None]:
    """The windows of logits, and how many texts there are; `None` if the windows do not tell.

    Args:
        encodings: see `read_texts`; of encodings, those of the texts or those of the windows.
        owners: (windows,), the text that each window belongs to, if given.
        count: windows of the logits; `None` if their shape does not tell.

    Raises:
        ValueError: if the encodings make another number of windows.
    """
    if is_encoded(encodings):
        encoded = Encoded.of(encodings, owners)
        if count is not None and count != len(encoded.texts):
            raise refuse(
                ValueError,
                f"`encodings` has {counted(len(encoded.texts), 'window')} but the logits have {count}; pass the batch that the logits "
                "were made from",
                argument="encodings",
            )
        return encoded, encoded.text_count
    if getattr(encodings, "encodings", None) is not None:
        owners = batch_owners(encodings) if owners is None else owners
        encodings = encodings.encodings
    if owners is not None:
        return Encodings(_listed(encodings), owners), None
    if count == len(encodings):
        return Encodings.flat(encodings), len(encodings)
    expanded = Encodings.expanded(encodings)
    if count is not None and count != len(expanded.windows):
        raise refuse(
            ValueError,
            f"`encodings` holds {counted(len(encodings), 'encoding')}, {counted(len(expanded.windows), 'window')} with their overflowing "
            f"ones, but the logits have {counted(count, 'window')}; pass the encodings that the logits were made from",
            argument="encodings",
        )
    return expanded, len(encodings)


def batch_owners(batch: Any) -> Ints1d:
    """(windows,), the text that each row of a transformers `BatchEncoding` belongs to."""
    owners = batch.get("overflow_to_sample_mapping") if hasattr(batch, "get") else None
    return np.arange(len(batch.encodings)) if owners is None else np.array(owners, np.int64)


def _long(values: npt.NDArray[Any]) -> Ints1d:
    return values.astype(np.int64, copy=False)


def _listed(encodings: Sequence[Any]) -> list[Any]:
    for number, encoding in enumerate(encodings):
        if not _has(encoding, "special_tokens_mask") or not _has(encoding, "overflowing"):
            raise refuse(
                TypeError,
                f"`encodings[{number}]` is of type {type(encoding).__name__}; pass tokenizers.Encoding objects (what "
                "`tokenizer.encode_batch(texts)` returns, or `.encodings` of a transformers BatchEncoding), or the places "
                "of tokens as `offsets`",
                argument="encodings",
            )
    return list(encodings)


def _has(encoding: Any, name: str) -> bool:
    """Whether an encoding has an attribute; its class says so, where asking the object copies all of its windows."""
    return hasattr(type(encoding), name) or hasattr(encoding, name)
