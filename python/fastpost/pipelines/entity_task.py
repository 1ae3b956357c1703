"""Token classification as the engine sees it: texts -> windows, logits -> entities. Knows no transformers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastpost import _arrays
from fastpost._encodings import Encodings
from fastpost._tokens import Tokens
from fastpost.entities import EntityDecoder
from fastpost.pipelines.engine import ItemError, Logits, Windows
from fastpost.types import Entity, Ints1d, Ints2d, Token


@dataclass(frozen=True)
class Chunk:
    """What decoding needs of a chunk of texts, the first of which is number `first` of all."""

    first: int
    texts: list[str]
    owners: Ints1d
    ids: Ints1d
    offsets: Ints2d
    special: Any


@dataclass(frozen=True)
class EntityTask:
    """Token classification of texts, or of texts split into words.

    `encode_batch` is called with a list of texts (or of lists of words) and returns their encodings.
    """

    encode_batch: Callable[[list[Any]], list[Any]]
    input_names: tuple[str, ...]
    tokens: Tokens
    id2label: dict[int, str]
    strategy: str
    ignore_labels: Collection[str]
    windowed: bool
    """Whether what overflows from an encoding is read as further windows."""
    delimiter: str | None = None
    """What joins the words of a text that is split into words; `None` for plain texts."""
    offset_mapping: Sequence[tuple[int, int]] | None = None
    """Offsets of the caller, which replace those of the tokenizer in every window."""
    on_truncate: Callable[[int], None] | None = None
    """Called with the number of a text whose end was cut off."""
    _decoders: dict[int, tuple[EntityDecoder, list[int]]] = field(default_factory=dict)

    def encode(self, items: list[Any], first: int) -> Windows[Chunk]:
        """Windows of `items`, all encoded at once."""
        self._check(items, first)
        try:
            encodings = self.encode_batch(items)
        except TypeError as error:
            raise _not_unicode(items, first) or error from error
        if self.windowed:
            read = Encodings.expanded(encodings)
        else:
            read = Encodings.flat(encodings)
            if self.on_truncate is not None:
                counts = np.bincount(Encodings.expanded(encodings).texts)
                for number in np.flatnonzero(counts > 1):
                    self.on_truncate(first + int(number))
        special = read.special_tokens_mask
        offsets = self._offsets(read, special)
        texts = items
        if self.delimiter is not None:
            texts = [self.delimiter.join(words) for words in items]
            offsets = offsets + self._word_starts(items, read)[:, None]
        inputs = {"input_ids": read.ids}
        if "token_type_ids" in self.input_names:
            inputs["token_type_ids"] = read.type_ids
        return Windows(read.lengths, inputs, Chunk(first, texts, read.texts, read.ids, offsets, special))

    def decode(self, windows: Windows[Chunk], logits: Logits) -> Sequence[list[Entity] | list[Token]]:
        """One list of dicts a text."""
        chunk = windows.info
        if not logits.batches:
            none: list[list[Entity] | list[Token]] = [[] for _ in chunk.texts]
            return none
        values, kind = _arrays.logits("logits", logits.batches)
        decoder, unnamed = self._decoder(values[0].shape[-1])
        try:
            entities = decoder._run(
                values,
                kind,
                chunk.texts,
                windows.lengths,
                chunk.offsets,
                chunk.special,
                chunk.ids,
                chunk.owners,
                order=logits.order,
                check=False,
            )
        except ValueError as error:
            window = re.search(r"at window (\d+)", str(error))
            if window is None:
                raise
            text = chunk.first + int(chunk.owners[int(window[1])])
            raise ValueError(f"text {text} of the input: {error}") from error
        if unnamed and np.isin(entities.label_id, unnamed).any():
            raise KeyError(
                f"the model predicts a label that `id2label` does not name: it has {len(self.id2label)} names for "
                f"{values[0].shape[-1]} labels"
            )
        return entities.to_dicts()

    def _decoder(self, columns: int) -> tuple[EntityDecoder, list[int]]:
        """The decoder for so many labels, and those of its `labels` that have no name.

        Labels past the model's last column can never be predicted, and are left out.
        """
        if columns not in self._decoders:
            names = [self.id2label.get(label, f"{_UNNAMED}{label}") for label in range(columns)]
            decoder = EntityDecoder(
                names,
                strategy=self.strategy,  # type: ignore[arg-type]  # checked there
                compat="transformers",
                ignore_labels=self.ignore_labels,
                tokenizer=self.tokens,
            )
            unnamed = [number for number, name in enumerate(decoder.labels) if name.startswith(_UNNAMED)]
            self._decoders[columns] = decoder, unnamed
        return self._decoders[columns]

    def _check(self, items: list[Any], first: int) -> None:
        for number, item in enumerate(items):
            kind = type(item).__name__
            if self.delimiter is None:
                if not isinstance(item, str):
                    raise ItemError(
                        number,
                        ValueError(
                            "When `is_split_into_words=False`, `sentence` must be an untokenized string, but text "
                            f"{first + number} of the input is of type {kind}; pass a str, or is_split_into_words=True"
                        ),
                    )
            elif not isinstance(item, list):
                raise ItemError(
                    number,
                    ValueError(
                        "When `is_split_into_words=True`, `sentence` must be a list of tokens, but text "
                        f"{first + number} of the input is of type {kind}; pass a list of str"
                    ),
                )
            elif wrong := [word for word in item if not isinstance(word, str)]:
                raise ItemError(
                    number,
                    TypeError(
                        f"text {first + number} of the input holds {wrong[0]!r} among its words; each must be a str"
                    ),
                )

    def _offsets(self, read: Encodings, special: Any) -> Ints2d:
        if self.offset_mapping is None:
            return read.offsets
        starts = np.cumsum(read.lengths) - read.lengths
        position = np.arange(len(special)) - np.repeat(starts, read.lengths)
        given = np.asarray(self.offset_mapping, np.int64).reshape(-1, 2)
        last = int(position[special == 0].max(initial=-1))
        if last >= len(given):
            raise IndexError(
                f"`offset_mapping` has {len(given)} pairs but token {last} needs one; pass one pair per token of the text"
            )
        return given[np.minimum(position, max(len(given) - 1, 0))]

    def _word_starts(self, items: list[list[str]], read: Encodings) -> Ints1d:
        """Where the word of each token starts in its text; 0 for tokens of no word."""
        gap = len(self.delimiter or "")
        sizes = np.fromiter((len(word) + gap for words in items for word in words), np.int64)
        counts = np.fromiter(map(len, items), np.int64, len(items))
        before = np.concatenate([[0], np.cumsum(sizes)])
        first_word = np.cumsum(counts) - counts
        word = read.word_ids
        owner_first = np.repeat(first_word[read.texts], read.lengths)
        at = before[np.minimum(owner_first + word, len(sizes))] - before[owner_first]
        return np.where(word >= 0, at, 0)


_UNNAMED = "\0"
"""Begins the stand-in for a label that `id2label` does not name; no real name begins so."""


def _not_unicode(items: list[Any], first: int) -> ItemError | None:
    """The first text that no tokenizer takes, as it has a lone surrogate."""
    for number, item in enumerate(items):
        try:
            "".join(item).encode()
        except UnicodeEncodeError as error:
            return ItemError(
                number,
                TypeError(
                    f"text {first + number} of the input is not valid Unicode ({error}); replace its lone surrogates, for "
                    'example with text.encode("utf-8", "replace").decode()'
                ),
            )
    return None


def text_size(item: Any) -> int:
    """Characters of a text, or of its words."""
    return (
        len(item)
        if isinstance(item, str)
        else sum(len(word) for word in item if isinstance(word, str))
        if isinstance(item, list)
        else 0
    )
