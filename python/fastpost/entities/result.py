"""What `EntityDecoder` gives: entities as columns, and lists of them that say what they cover."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import counted, shown, with_article
from fastpost._inputs.labels import columns
from fastpost.columns import (
    Nested,
    Rows,
    categories,
    objects,
    printed_table,
    shown_rows,
    strings,
)
from fastpost.exceptions import refuse
from fastpost.types import EntityRow, Floats1d, Floats2d, Ints1d, Ints2d, Units


class Entities(Rows[list[EntityRow], EntityRow]):
    """Entities of a batch of texts as columns, one row for each entity, ordered by text.

    The columns are NumPy arrays that share memory with the result and are read-only. Dicts and words are made
    when they are asked for. `token_start`, `token_end`, `word_start`, `word_end`, `probs` and `covered` belong to
    `compat="fastpost"`, they are `None` otherwise.

    Arrow, and what reads Arrow (`polars.DataFrame(entities)`, DuckDB), gets one row for each entity: `text_index`,
    `start`, `end`, `label` (a dictionary), `score`, `word` and, for `aggregation_strategy="none"`, `index`; `start`
    and `end` are null without `offsets`, `word` where it is `None`. `start_utf8` and so on follow for `units`, and for
    `return_probs=True` `probs`, a list of one value for each label. `nested()` has one row for each text.

    `entities[i]` are the dicts of text i, `entities[a:b]` the `Entities` of some texts, numbered from 0 again; `len`
    and `for` count entities, not texts.

    A result never changes, so a copy is the same object. Pickle keeps the words, but neither tokenizer nor texts.
    """

    __slots__ = ("_labels", "_places", "_return_probs", "_units")

    _owner = "text"

    _table: _fastpost.EntityTable
    _labels: tuple[str, ...]
    _units: tuple[Units, ...]
    _return_probs: bool
    _places: Mapping[str, tuple[Ints1d, Ints1d]]

    def __init__(
        self,
        table: _fastpost.EntityTable,
        labels: tuple[str, ...],
        *,
        units: Sequence[Units] = (),
        return_probs: bool = False,
        places: Mapping[str, tuple[Ints1d, Ints1d]] | None = None,
    ) -> None:
        keep = object.__setattr__
        keep(self, "_table", table)
        keep(self, "_labels", labels)
        keep(self, "_units", tuple(units))
        keep(self, "_return_probs", return_probs)
        keep(self, "_places", places or {})

    @property
    def text_index(self) -> Ints1d:
        """int64 (entities,), the text of each entity."""
        return self._table.text_index

    @property
    def start(self) -> Ints1d:
        """int64 (entities,), the first character of each entity in its text; -1 without `offsets`."""
        return self._table.start

    @property
    def end(self) -> Ints1d:
        """int64 (entities,), one after the last character of each entity; -1 without `offsets`."""
        return self._table.end

    @property
    def label(self) -> npt.NDArray[Any]:
        """The name of each entity's label: str objects (entities,)."""
        names = np.array(self._labels, object)[self._table.label_id]
        names.flags.writeable = False
        return names

    @property
    def label_id(self) -> Ints1d:
        """int64 (entities,), the label of each entity as an index into `labels`."""
        return self._table.label_id

    @property
    def labels(self) -> tuple[str, ...]:
        """The names that `label_id` points into."""
        return self._labels

    @property
    def score(self) -> Floats1d:
        """float32 (entities,), the score of each entity, from 0 to 1; `score` of `EntityDecoder` says how it is computed."""
        return self._table.score

    @property
    def index(self) -> Ints1d:
        """int64 (entities,), the entity's token in its window for `aggregation_strategy="none"`, else -1."""
        return self._table.index

    def _owners(self) -> tuple[int, Ints1d]:
        return self.text_count, self.text_index

    def _more(self, name: str) -> Ints1d | None:
        """A column with one value per entity that only one behaviour has."""
        return None if self._table.more is None else self._table.more.column(name)

    @property
    def token_start(self) -> Ints1d | None:
        """int64 (entities,), the first token of each entity, as a position in the input of one window with the whole text."""
        return self._more("token_start")

    @property
    def token_end(self) -> Ints1d | None:
        """int64 (entities,), one after the last token of each entity."""
        return self._more("token_end")

    @property
    def word_start(self) -> Ints1d | None:
        """int64 (entities,), the first word of each entity by `word_ids`; -1 without them."""
        return self._more("word_start")

    @property
    def word_end(self) -> Ints1d | None:
        """int64 (entities,), one after the last word of each entity by `word_ids`; -1 without them."""
        return self._more("word_end")

    @property
    def probs(self) -> Floats2d | None:
        """float32 (entities, labels), the mean distribution over `labels` of its tokens or words; `None` unless
        `return_probs=True`.
        """  # noqa: D205
        more = self._table.more
        return more.probs.reshape(-1, len(self._labels)) if self._return_probs and more is not None else None

    @property
    def covered(self) -> Ints2d | None:
        """int64 (texts, 2), the first character that a token covers and the last one, excluded; (-1, -1) if none does.
        The model has not seen what lies outside.
        """  # noqa: D205
        return None if self._table.more is None else self._table.more.covered.reshape(-1, 2)

    @classmethod
    def from_spans(
        cls,
        spans: Sequence[Sequence[Any]] | Entities,
        texts: Sequence[str] | None = None,
        *,
        labels: Sequence[str] | None = None,
    ) -> Entities:
        """Entities that another model has found (GLiNER, spaCy, rules), to be used like those of a decoder.

        >>> found = Entities.from_spans([[(11, 18, "person", 0.98)]], ["My name is Sylvain."])
        >>> found.to_dicts()[0][0]["word"]
        'Sylvain'

        Args:
            spans: a list for each text, in the order that the result is to have; a span is a dict with `start`, `end`,
                `label` (or `entity_group`, `entity`) and perhaps `score` and `text` (or `word`), or a tuple (start,
                end, label) or (start, end, label, score); or an `Entities`. Places are in characters, end excluded; a
                span without a score has 1.
            texts: the texts; then a word is what stands there, else it is what the span says.
            labels: the names that `label_id` points into; default: those of the spans, in their order.

        Raises:
            TypeError: if a span is neither a dict nor such a tuple, or a place is not an integer.
            ValueError: if a span lies outside its text, has no label or one that is not in `labels`.
        """
        listed = None if texts is None else _texts(texts)
        spans = spans.to_dicts() if isinstance(spans, Entities) else spans
        text_index, start, end, label_id, score, names, words = columns(spans, listed, labels)
        index = np.full(len(score), -1, np.int64)
        made = words if listed is None else None
        return _restored(len(spans), False, True, text_index, start, end, label_id, score, index, names, made, listed)

    def filter(self, *, label: str | Collection[str] | None = None, score: float | None = None) -> Entities:
        """Those entities that have one of some labels, and at least some score, of the same texts under the same numbers.

        >>> found = Entities.from_spans([[(0, 4, "name", 0.9), (8, 13, "city", 0.4)]], ["Anna in Paris"])
        >>> found.filter(score=0.5).words
        ['Anna']

        Args:
            label: a name, or several, as `label` has them; with one that no entity has, nothing is left. Default: all.
            score: the least score that is kept. Default: all. `threshold` of `EntityDecoder` gives more: what falls
                below it gives back what it took from others.

        Raises:
            TypeError: if a label is not a `str`, or the score is not a number.
        """
        keep = np.ones(len(self), bool)
        if label is not None:
            names = [label] if isinstance(label, str) or not isinstance(label, Iterable) else list(label)
            for name in names:
                if not isinstance(name, str):
                    raise refuse(TypeError, f"`label` holds {shown(name)}; pass names of labels", argument="label")
            keep &= np.isin(self.label_id, [number for number, name in enumerate(self.labels) if name in names])
        if score is not None:
            if isinstance(score, bool) or not isinstance(score, int | float | np.number):
                raise refuse(TypeError, f"`score` is {shown(score)}; pass a number, or None", argument="score")
            keep &= self.score >= float(score)
        rows = np.flatnonzero(keep)
        return self._some(np.arange(self.text_count), rows, self.text_index[rows])

    @property
    def text_count(self) -> int:
        """Number of texts, those without an entity included."""
        return self._table.text_count

    @property
    def words(self) -> list[str | None]:
        """The text of each entity, `None` without texts.

        For `compat="fastpost"` its characters; else what the tokenizer prints for its tokens, if it has one.
        """
        return self._table.words()

    def spans(self, unit: Units | Literal["chars"] = "chars") -> tuple[Ints1d, Ints1d]:
        """Start and end of each entity in another unit: "utf8" bytes, "utf16" units, "graphemes".

        An entity that starts or ends inside a grapheme is given with the whole of it.

        Raises:
            ValueError: if there are no texts, or no offsets.
        """
        return self._places[unit] if unit in self._places else self._table.spans(unit)

    def to_dicts(self) -> list[list[EntityRow]]:
        """A list for each text, of a dict for each entity, with the keys and the order of transformers.

        For `compat="fastpost"` there are more keys: `index`, the range of its tokens, for all strategies but "none";
        `start_utf8`, `end_utf8` and so on for `units`; `probs`, a dict by label, for `return_probs=True`. With "none"
        the dicts are `fastpost.types.TokenRow`, which a type checker has to be told by `typing.cast`.
        """
        texts = self._table.to_dicts()
        if not self._units and self.probs is None:
            return texts
        rows: list[dict[str, Any]] = [entity for text in texts for entity in text]  # type: ignore[misc]
        for unit in self._units:
            starts, ends = self.spans(unit)
            for row, start, end in zip(rows, starts.tolist(), ends.tolist()):
                row[f"start_{unit}"], row[f"end_{unit}"] = start, end
        if self.probs is not None:
            for row, probs in zip(rows, self.probs.tolist()):
                row["probs"] = dict(zip(self.labels, probs))
        return texts

    def to_json(self, *, lines: bool = False) -> bytes:
        """What `to_dicts` gives, as JSON in UTF-8; with `lines`, a line for each text (JSON Lines) in place of one list."""
        return _fastpost.entity_json(self._table, lines, self._unit_places(), self.probs is not None)

    def _unit_places(self) -> list[tuple[str, Ints1d, Ints1d]]:
        """Places in the units that were asked for."""
        return [(unit, *self.spans(unit)) for unit in self._units]

    def nested(self) -> Nested:
        """One row for each text: `entities`, a list of records of `start`, `end`, `label` and `score`.

        It has `to_arrow`, `to_polars`, `to_pandas` and `len`, and Arrow's methods.
        """
        return Nested(_fastpost.entity_lists(self._table), self)

    def _arrow(self) -> _fastpost.ArrowColumns:
        return _fastpost.entity_columns(self._table, self._unit_places(), self.probs is not None)

    def _frame(self) -> dict[str, Any]:
        tokens, has_offsets = _fastpost.entity_kind(self._table)
        frame = {"text_index": self.text_index, "start": self.start, "end": self.end,
                 "label": categories(self.label_id, self.labels), "score": self.score, "word": strings(self.words)}  # fmt: skip
        if not has_offsets:
            import pandas as pd

            frame["start"] = frame["end"] = pd.array([pd.NA] * len(self), dtype="Int64")
        if tokens:
            frame["index"] = self.index
        for unit, start, end in self._unit_places():
            frame[f"start_{unit}"], frame[f"end_{unit}"] = start, end
        return frame if self.probs is None else {**frame, "probs": objects(list(self.probs))}

    def _nested_frame(self) -> dict[str, Any]:
        return {"entities": objects([[_record(entity) for entity in text] for text in self.to_dicts()])}

    def _some(self, chosen: Ints1d, rows: Ints1d, owners: Ints1d) -> Entities:
        table, more = self._table, None
        tokens, has_offsets = _fastpost.entity_kind(table)
        if table.more is not None:
            each = {name: column[rows] for name, column in table.more.each.items()}
            probs, covered = table.more.probs, table.more.covered.reshape(-1, 2)[chosen]
            of_rows = probs.reshape(len(self), -1)[rows].reshape(-1) if probs.size else probs
            more = (each, of_rows, covered.reshape(-1))
        texts = _fastpost.entity_texts(table, chosen)
        made = _fastpost.entity_table(
            len(chosen), tokens, has_offsets, owners, table.start[rows], table.end[rows], table.label_id[rows],
            table.score[rows], table.index[rows], list(self._labels), _picked(table, rows), texts, more,
        )  # fmt: skip
        places = {unit: (starts[rows], ends[rows]) for unit, (starts, ends) in self._places.items()}
        return Entities(
            made, self._labels, units=self._units, return_probs=self._return_probs, places=_read_only(places)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        columns = (self.text_index, self.start, self.end, self.label_id, self.score, self.index)
        kind = _fastpost.entity_kind(self._table)
        more = None
        if self._table.more is not None:
            more = (self._table.more.each, self._table.more.probs, self._table.more.covered)
        places = {unit: (start, end) for unit, start, end in self._unit_places()}
        return _restored, (
            *(self.text_count, *kind, *columns, list(self.labels), self.words, None),
            *(more, self.probs is not None, places),
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the texts with their entities in colour, or a table without texts."""
        from fastpost.entities.render import notebook_view

        has_offsets = _fastpost.entity_kind(self._table)[1]
        return notebook_view(self.to_dicts(), _fastpost.entity_texts(self._table) if has_offsets else None)

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
        head = f"<Entities: {len(self)} in {self.text_count} text{'' if self.text_count == 1 else 's'}>"
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
    more: tuple[Any, ...] | None = None,
    with_probs: bool = False,
    places: Mapping[Any, tuple[Ints1d, Ints1d]] | None = None,
) -> Entities:
    """Entities from columns that were made before."""
    table = _fastpost.entity_table(
        text_count, tokens, has_offsets, text_index, start, end, label_id, score, index, labels, words, texts, more
    )
    if with_probs and len(score) and not (more and len(more[1])):
        told = f"`probs` has no values for {counted(len(score), 'entity', 'entities')}; pass one for each label"
        raise refuse(ValueError, told, argument="probs")
    return Entities(table, tuple(labels), units=tuple(places or ()), return_probs=with_probs, places=_read_only(places))


def _read_only(places: Mapping[Any, tuple[Ints1d, Ints1d]] | None) -> Mapping[Any, tuple[Ints1d, Ints1d]]:
    for starts, ends in (places or {}).values():
        starts.flags.writeable = ends.flags.writeable = False
    return places or {}


def _picked(table: _fastpost.EntityTable, rows: Ints1d) -> list[str | None]:
    """The words of some rows."""
    if len(rows) and (np.diff(rows) == 1).all():
        return _fastpost.entity_words(table, int(rows[0]), int(rows[-1]) + 1)
    return [_fastpost.entity_words(table, row, row + 1)[0] for row in rows.tolist()]


def _texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise refuse(TypeError, "`texts` is one str; pass a list of texts, [text] for one", argument="texts")
    listed = list(texts)
    for number, text in enumerate(listed):
        if not isinstance(text, str):
            told = f"`texts[{number}]` is {with_article(type(text).__name__)}; pass a str for each text"
            raise refuse(TypeError, told, argument="texts")
    return listed
