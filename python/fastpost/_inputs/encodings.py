"""`tokenizers.Encoding` objects -> flat arrays. The only file that knows what an Encoding looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastpost import _fastpost
from fastpost.types import Ints1d, Ints2d


@dataclass(frozen=True)
class Encodings:
    """The windows of a batch of texts: encodings, each followed by what overflowed from it.

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
        """One window per encoding; what overflowed from it is left out."""
        return cls(_listed(encodings), np.arange(len(encodings)))

    @classmethod
    def of_windows(cls, encodings: Sequence[Any], owners: Ints1d | None, count: int | None) -> Encodings:
        """The windows of logits: an encoding each, or each with what overflowed from it.

        Args:
            encodings: of the texts or of the windows.
            owners: (windows,), the text that each window belongs to, if given.
            count: windows of the logits; `None` if their shape does not tell.

        Raises:
            ValueError: if the encodings make another number of windows.
        """
        if owners is not None or count == len(encodings):
            flat = cls.flat(encodings)
            return flat if owners is None else cls(flat.windows, owners)
        expanded = cls.expanded(encodings)
        if count is not None and count != len(expanded.windows):
            raise ValueError(
                f"`encodings` holds {len(encodings)} encodings, {len(expanded.windows)} windows with their overflowing "
                f"ones, but the logits have {count} windows; pass the encodings that the logits were made from"
            )
        return expanded

    @cached_property
    def _ids(self) -> tuple[Ints1d, Ints1d]:
        return _fastpost.flatten(self.windows, "ids")

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
        """(tokens,), which of the two texts each token is of, -1 for none."""
        return _fastpost.flatten(self.windows, "sequence_ids")[0]

    @property
    def pairs(self) -> bool:
        """Whether some window is of two texts."""
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


def batch_owners(batch: Any) -> Ints1d:
    """(windows,), the text that each row of a transformers `BatchEncoding` belongs to."""
    owners = batch.get("overflow_to_sample_mapping") if hasattr(batch, "get") else None
    return np.arange(len(batch.encodings)) if owners is None else np.array(owners, np.int64)


def _listed(encodings: Sequence[Any]) -> list[Any]:
    for number, encoding in enumerate(encodings):
        if not hasattr(encoding, "special_tokens_mask") or not hasattr(encoding, "overflowing"):
            raise TypeError(
                f"`encodings[{number}]` is of type {type(encoding).__name__}; pass tokenizers.Encoding objects: what "
                "`tokenizer.encode_batch(texts)` returns, or `.encodings` of a transformers BatchEncoding"
            )
    return list(encodings)
