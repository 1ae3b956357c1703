"""Token classification as the engine sees it: texts -> windows, logits -> entities. Knows no transformers."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastpost import _arrays
from fastpost._encodings import Encodings
from fastpost._tokens import Tokens
from fastpost.entities import EntityDecoder
from fastpost.pipelines.engine import Logits, Windows
from fastpost.types import Entity, Ints1d, Ints2d, Token


@dataclass(frozen=True)
class Chunk:
    """What decoding needs of a chunk of texts."""

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
    ignore_labels: Container[str]
    windowed: bool
    """Whether what overflows from an encoding is read as further windows."""
    delimiter: str | None = None
    """What joins the words of a text that is split into words; `None` for plain texts."""
    offset_mapping: Sequence[tuple[int, int]] | None = None
    """Offsets of the caller, which replace those of the tokenizer in every window."""
    on_truncate: Callable[[int], None] | None = None
    """Called with the number of a text in its chunk whose end was cut off."""

    def encode(self, items: list[Any]) -> Windows[Chunk]:
        """Windows of `items`, all encoded at once."""
        self._check(items)
        encodings = self.encode_batch(items)
        if self.windowed:
            read = Encodings.expanded(encodings)
        else:
            read = Encodings.flat(encodings)
            if self.on_truncate is not None:
                counts = np.bincount(Encodings.expanded(encodings).texts)
                for number in np.flatnonzero(counts > 1):
                    self.on_truncate(int(number))
        special = read.special_tokens_mask
        offsets = self._offsets(read, special)
        texts = items
        if self.delimiter is not None:
            texts = [self.delimiter.join(words) for words in items]
            offsets = offsets + self._word_starts(items, read)[:, None]
        inputs = {"input_ids": read.ids}
        if "token_type_ids" in self.input_names:
            inputs["token_type_ids"] = read.type_ids
        return Windows(read.lengths, inputs, Chunk(texts, read.texts, read.ids, offsets, special))

    def decode(self, windows: Windows[Chunk], logits: Logits) -> Sequence[list[Entity] | list[Token]]:
        """One list of dicts a text."""
        chunk = windows.info
        if not logits.batches:
            none: list[list[Entity] | list[Token]] = [[] for _ in chunk.texts]
            return none
        values, kind = _arrays.logits("logits", logits.batches)
        entities = self._decoder(values[0].shape[-1])._run(
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
        return entities.to_dicts()

    def _decoder(self, columns: int) -> EntityDecoder:
        """The decoder; labels past the model's last column can never be predicted."""
        names = {label: name for label, name in self.id2label.items() if label < columns}
        shown = {name if self.strategy == "none" else name.split("-", 1)[-1] for name in names.values()}
        return EntityDecoder(
            names,
            strategy=self.strategy,  # type: ignore[arg-type]  # checked there
            compat="transformers",
            # `in` as transformers asks it: of a str it means "is part of".
            ignore_labels=[name for name in shown if name in self.ignore_labels],
            tokenizer=self.tokens,
        )

    def _check(self, items: list[Any]) -> None:
        for number, item in enumerate(items):
            if self.delimiter is None:
                if not isinstance(item, str):
                    raise ValueError(
                        "When `is_split_into_words=False`, `sentence` must be an untokenized string, but "
                        f"text {number} of this chunk is of type {type(item).__name__}; pass str, or is_split_into_words=True"
                    )
            elif not isinstance(item, list):
                raise ValueError(
                    "When `is_split_into_words=True`, `sentence` must be a list of tokens, but text "
                    f"{number} of this chunk is of type {type(item).__name__}; pass a list of str"
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


def text_size(item: Any) -> int:
    """Characters of a text, or of its words."""
    return len(item) if isinstance(item, str) else sum(len(word) for word in item) if isinstance(item, list) else 0
