"""Entities from the logits of a token-classification model: no torch, no transformers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fastpost import _arrays, _fastpost
from fastpost._columns import Columns, Nested, categories, printed_table, shown_rows
from fastpost._encodings import Encodings
from fastpost._spans import columns
from fastpost._tokens import Tokens
from fastpost.types import ArrayLike, Batch, Entity, Floats1d, Ints1d, Token

Strategy = Literal["none", "simple", "first", "average", "max"]


class Entities(Columns):
    """Entities of a batch of texts as columns, one row an entity, ordered by text.

    The columns are NumPy arrays that share memory with the result and are read-only. Dicts and words are made
    when they are asked for.

    Arrow, and what reads Arrow (`polars.DataFrame(entities)`, DuckDB), gets one row an entity: `text_index`,
    `start`, `end`, `label` (a dictionary), `score`, `word` and, for `strategy="none"`, `index`; `start` and `end` are
    null without `offsets`, `word` where it is `None`. `nested()` has one row a text.

    A result never changes, so copies are itself. Pickle keeps the words, neither tokenizer nor texts.

    Attributes:
        text_index: int64 (entities,), the text of each entity.
        start, end: int64 (entities,), its characters in that text, end excluded; -1 without `offsets`.
        label_id: int64 (entities,), an index into `labels`.
        score: float32 (entities,), the probability of its label; the mean over its tokens or words.
        index: int64 (entities,), its token in its window for `strategy="none"`, else -1.
        labels: names that `label_id` points into.
    """

    __slots__ = ("_table", "end", "index", "label_id", "labels", "score", "start", "text_index")

    text_index: Ints1d
    start: Ints1d
    end: Ints1d
    label_id: Ints1d
    score: Floats1d
    index: Ints1d
    labels: tuple[str, ...]

    def __init__(self, table: _fastpost.EntityTable, labels: tuple[str, ...]) -> None:
        self._table = table
        self.labels = labels
        self.text_index, self.start, self.end = table.text_index, table.start, table.end
        self.label_id, self.score, self.index = table.label_id, table.score, table.index

    @classmethod
    def from_spans(
        cls,
        spans: Sequence[Sequence[Any]],
        texts: Sequence[str] | None = None,
        *,
        labels: Sequence[str] | None = None,
    ) -> Entities:
        """Entities that another model has found (GLiNER, spaCy, rules), to be used like those of a decoder.

        >>> found = Entities.from_spans([[(11, 18, "person", 0.98)]], ["My name is Sylvain."])
        >>> found.to_dicts()[0][0]["word"]
        'Sylvain'

        Args:
            spans: of each text a list, in the order in which they shall come; a span is a dict with `start`, `end`,
                `label` (or `entity_group`, `entity`) and perhaps `score` and `text` (or `word`), or a tuple
                (start, end, label) or (start, end, label, score). Places are in characters, end excluded; a span
                without a score has 1.
            texts: the texts; then a word is what stands there, else it is what the span says.
            labels: the names that `label_id` points into; default: those of the spans, in their order.

        Raises:
            TypeError: if a span is neither, or a place is no integer.
            ValueError: if a span lies outside its text, has no label or one that is not in `labels`.
        """
        listed = None if texts is None else _texts(texts)
        text_index, start, end, label_id, score, names, words = columns(spans, listed, labels)
        index = np.full(len(score), -1, np.int64)
        made = words if listed is None else None
        return _restored(len(spans), False, True, text_index, start, end, label_id, score, index, names, made, listed)

    @property
    def text_count(self) -> int:
        """Number of texts, those without an entity included."""
        return self._table.text_count

    @property
    def words(self) -> list[str | None]:
        """The text of each entity: what the tokenizer prints for its tokens, else its characters, else `None`."""
        return self._table.words()

    def to_dicts(self) -> list[list[Entity]] | list[list[Token]]:
        """One list a text of one dict an entity, with the keys and the order of transformers."""
        return self._table.to_dicts()

    def to_json(self, *, lines: bool = False) -> bytes:
        """What `to_dicts` gives, as JSON in UTF-8; with `lines`, a line a text (JSON Lines) in place of one list."""
        return _fastpost.entity_json(self._table, lines)

    def nested(self) -> Nested:
        """One row a text: `entities`, a list of records of `start`, `end`, `label` and `score`.

        It has `to_arrow`, `to_polars`, `to_pandas` and `len`, and Arrow's methods.
        """
        return Nested(_fastpost.entity_lists(self._table), self)

    def _arrow(self) -> _fastpost.ArrowColumns:
        return _fastpost.entity_columns(self._table)

    def _frame(self) -> dict[str, Any]:
        tokens, has_offsets = _fastpost.entity_kind(self._table)
        frame = {"text_index": self.text_index, "start": self.start, "end": self.end,
                 "label": categories(self.label_id, self.labels), "score": self.score, "word": self.words}  # fmt: skip
        if not has_offsets:
            import pandas as pd

            frame["start"] = frame["end"] = pd.array([pd.NA] * len(self), dtype="Int64")
        return {**frame, "index": self.index} if tokens else frame

    def _nested_frame(self) -> dict[str, Any]:
        return {"entities": [[_record(entity) for entity in text] for text in self.to_dicts()]}

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Entity | Token]:
        """The dicts of all texts, one after the other."""
        for text in self.to_dicts():
            yield from text

    def __copy__(self) -> Entities:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Entities:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        columns = (self.text_index, self.start, self.end, self.label_id, self.score, self.index)
        kind = _fastpost.entity_kind(self._table)
        return _restored, (self.text_count, *kind, *columns, list(self.labels), self.words)

    def _repr_html_(self) -> str:
        """What a notebook shows: the texts with their entities in colour, or a table without texts."""
        from fastpost._render import notebook_view

        has_offsets = _fastpost.entity_kind(self._table)[1]
        return notebook_view(self, _fastpost.entity_texts(self._table) if has_offsets else None)

    def __repr__(self) -> str:
        shown = shown_rows(len(self))
        has_offsets = _fastpost.entity_kind(self._table)[1]
        rows = [
            (
                int(self.text_index[row]),
                int(self.start[row]) if has_offsets else None,
                int(self.end[row]) if has_offsets else None,
                self.labels[self.label_id[row]],
                float(self.score[row]),
                word,
            )
            for row, word in enumerate(_fastpost.entity_words(self._table, 0, shown))
        ]
        head = f"<Entities: {len(self)} in {self.text_count} texts>"
        return printed_table(head, ("text", "start", "end", "label", "score", "word"), rows, len(self))


def _record(entity: Any) -> dict[str, Any]:
    label = entity["entity"] if "entity" in entity else entity["entity_group"]
    return {"start": entity["start"], "end": entity["end"], "label": label, "score": entity["score"]}


def _restored(
    text_count: int,
    tokens: bool,
    has_offsets: bool,
    text_index: Ints1d,
    start: Ints1d,
    end: Ints1d,
    label_id: Ints1d,
    score: Floats1d,
    index: Ints1d,
    labels: list[str],
    words: list[str | None] | None,
    texts: list[str] | None = None,
) -> Entities:
    """Entities of columns that were made before."""
    table = _fastpost.entity_table(
        text_count, tokens, has_offsets, text_index, start, end, label_id, score, index, labels, words, texts
    )
    return Entities(table, tuple(labels))


class EntityDecoder:
    """Turns the logits of a token-classification model into entities, a batch at a time.

    Args:
        id2label: the model's label names, `model.config.id2label` or a list; as many as the logits have columns.
        strategy: how tokens become entities, transformers' `aggregation_strategy`. "none": each token is one.
            "simple": neighbouring tokens of one type are one. "first", "average", "max": the same over words,
            which get the label of their first token, of their mean probabilities, of their most certain token.
        compat: "transformers" gives what transformers' pipeline gives, entity by entity. `None`, the right
            answer where transformers is wrong, is not available in this version.
        ignore_labels: entities not to report: full label names for "none", names without prefix for the others.
        tokenizer: the model's tokenizer, a `tokenizers.Tokenizer` or a fast tokenizer of transformers. It tells
            how transformers splits words and prints them. Without it words are told apart by spaces, and `word`
            is the text between `start` and `end`.
        threads: threads of a call; `None` is all cores, 1 is the calling thread. Results do not depend on it.

    Raises:
        ValueError: if an option is unknown or `id2label` has gaps.

    Exact ties of scores go to the smallest label id, between windows to the earlier one. Scores are Python
    floats and offsets Python ints, unlike transformers', so `json.dumps` takes them.
    """

    def __init__(
        self,
        id2label: Mapping[int, str] | Mapping[str, str] | Sequence[str],
        *,
        strategy: Strategy = "simple",
        compat: Literal["transformers"] | None = None,
        ignore_labels: Collection[str] = ("O",),
        tokenizer: Any = None,
        threads: int | None = None,
    ) -> None:
        if compat != "transformers":
            raise ValueError(f'`compat` is {compat!r}; this version knows only compat="transformers", pass it')
        if threads is not None and (not isinstance(threads, int) or isinstance(threads, bool) or threads < 1):
            raise ValueError(f"`threads` is {threads!r}; pass an int of at least 1, or None for all cores")
        if isinstance(ignore_labels, str) or not isinstance(ignore_labels, Collection):
            raise TypeError(f'`ignore_labels` is {ignore_labels!r}; pass a list of label names, such as ["O"]')
        tokens = None if tokenizer is None else Tokens.of(tokenizer)
        self._arguments = {
            "id2label": id2label,
            "strategy": strategy,
            "compat": compat,
            "ignore_labels": list(ignore_labels),
            "tokenizer": tokens,  # all that is needed of it, and not every tokenizer pickles
            "threads": threads,
        }
        self.strategy = strategy
        self.compat = compat
        self.threads = None if threads is None else min(threads, _MOST_THREADS)
        self._kernel = _fastpost.EntityKernel(
            _label_names(id2label),
            str(getattr(strategy, "value", strategy)),
            ignore_labels,
            tokens is not None and tokens.marks_subwords,
            None if tokens is None else tokens.table,
        )
        self.labels = tuple(self._kernel.names)

    def decode(
        self,
        logits: Batch,
        encodings: Sequence[Any] | None = None,
        texts: Sequence[str] | None = None,
        *,
        offsets: Batch | None = None,
        lengths: ArrayLike | None = None,
        special_tokens_mask: Batch | None = None,
        input_ids: Batch | None = None,
        windows: ArrayLike | None = None,
    ) -> Entities:
        """Entities of a batch of texts, from `tokenizers.Encoding` objects or from plain arrays.

        Each array argument is padded, laid end to end with `lengths`, or a list with one array a window.
        Arrays must not be written to during the call.

        Args:
            logits: (windows, tokens, labels), or (tokens, labels) end to end; float32, float16, bfloat16 or
                float64; a row holds finite values or -inf, at least one finite.
            encodings: of the texts, each followed by its overflowing ones as further windows; or of the windows.
            texts: the texts themselves.
            offsets: (windows, tokens, 2) integers, the characters of the text each token covers, end excluded.
            lengths: (windows,), tokens of each window, what follows is padding; default: no padding.
            special_tokens_mask: (windows, tokens), not 0 for tokens to leave out: `[CLS]`, padding.
            input_ids: (windows, tokens), token ids; needed where the tokenizer is to print `word`.
            windows: (windows,), the text that each window belongs to; default: window i is text i.

        Returns:
            The entities, ordered by text; those of several windows of one text are merged as transformers
            merges them: sorted by start, of two that overlap the longer one is kept.

        Raises:
            TypeError: if an array has the wrong rank or type, a text is no `str`.
            ValueError: if arrays do not fit each other, an offset lies outside its text, a row has no most
                probable label, a token id is unknown. The message names the argument, both values and the cure.
        """
        values, kind = _arrays.logits("logits", logits)
        listed = None if texts is None else _texts(texts)
        if encodings is not None:
            given = {
                "offsets": offsets,
                "lengths": lengths,
                "special_tokens_mask": special_tokens_mask,
                "input_ids": input_ids,
            }
            doubled = [name for name, value in given.items() if value is not None]
            if doubled:
                raise ValueError(f"`encodings` and `{doubled[0]}` are both given; pass the one or the other")
            if listed is not None and windows is None and len(listed) != len(encodings):
                raise ValueError(
                    f"`texts` has {len(listed)} items but `encodings` has {len(encodings)}; pass one encoding per text, "
                    "or `windows`, the text index of each encoding"
                )
            count = len(values) if isinstance(values, list) or values.ndim == 3 else None
            read = Encodings.of_windows(encodings, _arrays.vector("windows", windows), count)
            return self._run(
                values, kind, listed, read.lengths, read.offsets, read.special_tokens_mask, read.ids, read.texts
            )
        return self._run(
            values,
            kind,
            listed,
            _arrays.vector("lengths", lengths),
            _arrays.integers("offsets", offsets),
            _arrays.integers("special_tokens_mask", special_tokens_mask, np.uint8),
            _arrays.integers("input_ids", input_ids),
            _arrays.vector("windows", windows),
        )

    def _run(
        self,
        values: Any,
        kind: str,
        texts: list[str] | None,
        lengths: Ints1d | None,
        offsets: Any,
        special: Any,
        ids: Any,
        windows: Ints1d | None,
        order: Ints1d | None = None,
        check: bool = True,
    ) -> Entities:
        """Decodes arrays that are as Rust wants them; `order` numbers the windows of the logits."""
        table = self._kernel.decode(
            values, kind, lengths, offsets, special, ids, windows, texts, order, check, self.threads
        )
        return Entities(table, self.labels)

    def __getstate__(self) -> dict[str, Any]:
        """The arguments it was made from; pickle and copy make it anew from them."""
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"EntityDecoder({len(self.labels)} labels, strategy={self.strategy!r}, compat={self.compat!r})"


_MOST_THREADS = 1024


def _label_names(id2label: Mapping[Any, str] | Sequence[str]) -> list[str]:
    """Label names by id."""
    if isinstance(id2label, str) or not isinstance(id2label, (Mapping, Sequence)):
        kind = type(id2label).__name__
        raise TypeError(f"`id2label` is {id2label!r}, a {kind}; pass a dict of id to name, or a list of names")
    if not id2label:
        raise ValueError("`id2label` is empty; pass the model's own, with one name for each column of the logits")
    pairs = id2label.items() if isinstance(id2label, Mapping) else enumerate(id2label)
    by_id: dict[int, Any] = {}
    for label, name in pairs:
        if not isinstance(label, (int, str)) or not str(label).isdecimal():
            raise ValueError(f"`id2label` has the key {label!r}; keys are label ids, 0, 1, ...")
        if int(label) in by_id:
            raise ValueError(f"`id2label` names id {int(label)} twice; name each id once")
        by_id[int(label)] = name
    for label, name in by_id.items():
        if not isinstance(name, str):
            raise TypeError(f"`id2label[{label}]` is {name!r}, a {type(name).__name__}; label names are str")
    missing = sorted(set(range(len(by_id))) - by_id.keys())
    if missing:
        raise ValueError(
            f"`id2label` has {len(by_id)} names but none for id {missing[0]}; name every id from 0 to {len(by_id) - 1}"
        )
    return [by_id[label] for label in range(len(by_id))]


def _texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise TypeError("`texts` is one str; pass a list of texts, [text] for one")
    return list(texts)
