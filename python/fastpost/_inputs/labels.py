"""Spans that another model has found -> columns, checked on the way."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastpost._inputs.bounds import counted, listed, shown, with_article
from fastpost.exceptions import refuse

_LABEL = ("label", "entity_group", "entity")
_WORD = ("word", "text")


def columns(spans: Sequence[Sequence[Any]], texts: list[str] | None, labels: Sequence[str] | None) -> tuple[Any, ...]:
    """Text numbers, starts, ends, label ids, scores, label names and words; a word is `None` if none is given."""
    if isinstance(spans, (str, bytes, Mapping)) or not isinstance(spans, Sequence):
        kind = with_article(type(spans).__name__)
        raise refuse(
            TypeError, f"`spans` is {kind}; pass a list of lists of spans, one for each text", argument="spans"
        )
    if texts is not None and len(texts) != len(spans):
        raise unequal_lists("spans", spans, len(texts))
    for number, label in enumerate(labels or ()):
        if isinstance(label, str):
            refuse_half_pair(f"labels[{number}]", label)
    ids: dict[str, int] = {label: number for number, label in enumerate(labels or ())}
    rows: list[tuple[int, int, int, int, float]] = []
    words: list[str | None] = []
    for number, found in enumerate(spans):
        if isinstance(found, (str, bytes, Mapping)) or not isinstance(found, Iterable):
            kind = with_article(type(found).__name__)
            raise refuse(
                TypeError, f"`spans[{number}]` is {kind}; pass a list of spans for each text", argument="spans"
            )
        for index, span in enumerate(found):
            name = f"spans[{number}][{index}]"
            start, end, label, score, word = _read(name, span)
            limit = None if texts is None else len(texts[number])
            if start < 0 or end < start or (limit is not None and end > limit):
                raise refuse(
                    ValueError,
                    f"`{name}` covers characters {start} to {end}"
                    + ("" if limit is None else f", but its text has {limit}")
                    + "; places are 0 <= start <= end <= len(text), in characters",
                    argument=name,
                )
            if label not in ids:
                if labels is not None:
                    raise refuse(
                        ValueError, f"`{name}` has the label {shown(label)}, which is not among `labels`", argument=name
                    )
                ids[label] = len(ids)
            rows.append((number, start, end, ids[label], score))
            words.append(word)
    text_index, starts, ends, label_ids = (
        np.fromiter((row[place] for row in rows), np.int64, len(rows)) for place in range(4)
    )
    scores = np.fromiter((row[4] for row in rows), np.float32, len(rows))
    return text_index, starts, ends, label_ids, scores, list(ids), words


def unequal_lists(name: str, lists: Sequence[Any], texts: int) -> ValueError:
    """The error for entities of several texts that are not one list for each text.

    Args:
        name: the caller's argument.
        lists: what was passed; by mistake it may be the entities of one text.
        texts: how many texts there are.
    """
    if lists and _is_span(lists[0]):
        told = f"`{name}` is one list of {counted(len(lists), 'entity', 'entities')} for a list of {counted(texts, 'text')}"
    else:
        told = f"`{name}` holds {counted(len(lists), 'list')} for {counted(texts, 'text')}"
    return refuse(ValueError, f"{told}; pass a list with one list of entities for each text", argument=name)


def not_an_entity(name: str, given: Any, cure: str) -> TypeError:
    """The error for what stands in the place of an entity and is none; `cure` says what to pass."""
    if isinstance(given, list):
        cure += "; a list of lists goes with a list of texts"
    return refuse(TypeError, f"`{name}` is of type {type(given).__name__}; pass {cure}", argument=name)


def _is_span(given: Any) -> bool:
    """Whether something is an entity, and not a list of them."""
    if isinstance(given, tuple | list):
        return len(given) in (3, 4) and isinstance(given[0], int | np.integer)
    return isinstance(given, Mapping) or hasattr(given, "start")


def _read(name: str, span: Any) -> tuple[int, int, str, float, str | None]:
    if isinstance(span, Mapping):
        missing = [key for key in ("start", "end") if span.get(key) is None]
        label = next((span[key] for key in _LABEL if span.get(key) is not None), None)
        if missing or label is None:
            raise refuse(
                ValueError,
                f"`{name}` has no `{missing[0] if missing else 'label'}`; it has {listed(span)}",
                argument=name,
            )
        start, end, score = span["start"], span["end"], span.get("score")
        word = next((span[key] for key in _WORD if span.get(key) is not None), None)
    elif isinstance(span, Sequence) and not isinstance(span, str) and len(span) in (3, 4):
        start, end, label, score = (*span, None)[:4]
        word = None
    else:
        raise refuse(
            TypeError,
            f"`{name}` is {shown(span)}; pass a dict, or a tuple (start, end, label) or (start, end, label, score)",
            argument=name,
        )
    try:
        start, end = operator.index(start), operator.index(end)
    except TypeError:
        raise refuse(
            TypeError,
            f"`{name}` has the place {shown(start)} to {shown(end)}; pass ints, in characters of the text",
            argument=name,
        ) from None
    if not isinstance(label, str):
        raise refuse(TypeError, f"`{name}` has the label {shown(label)}; labels are str", argument=name)
    refuse_half_pair(name, label)
    try:
        number = 1.0 if score is None else float(score)
    except (TypeError, ValueError):
        raise refuse(
            TypeError, f"`{name}` has the score {shown(score)}; pass a number, or none", argument=name
        ) from None
    return start, end, label, number, word


def refuse_half_pair(name: str, label: str) -> None:
    """Refuses a label that holds half a surrogate pair, and so is not text."""
    try:
        label.encode()
    except UnicodeEncodeError:
        raise refuse(
            ValueError,
            f"`{name}` has the label {shown(label)}, which holds half a surrogate pair; pass text that has a form in UTF-8",
            argument=name,
        ) from None
