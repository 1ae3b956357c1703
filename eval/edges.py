"""How the edges of gold entities lie in the units of a text: the cost of a word rule, whatever the model.

An entity with an edge inside a unit can't be found exactly by a rule of whole units, however good the model is. One
with an edge between units at a joint inside it (`O'|Brien`) can be found, but only if the model labels both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from eval.gold import Spans
from fastpost import _fastpost


class Edges(NamedTuple):
    """Counts of gold entities."""

    entities: int
    inside: int
    """Entities with an edge inside a unit."""
    cut: int
    """Entities cut where white space and plain punctuation do not explain it: an apostrophe, `:`, `.` between letters."""


def count(texts: Iterable[str], gold: Iterable[Spans], cut: bool) -> Edges:
    """Looks at every gold entity of the texts."""
    entities = inside = parted = 0
    for text, spans in zip(texts, gold):
        starts = np.zeros(len(text) + 1, bool)
        starts[_fastpost.unit_starts(text, cut)] = starts[len(text)] = True
        for start, end, _ in spans:
            entities += 1
            inside += not (starts[start] and starts[end])
            parted += any(_is_cut(text, starts, at) for at in range(start + 1, end - 1))
    return Edges(entities, inside, parted)


def _is_cut(text: str, starts: np.ndarray, at: int) -> bool:
    """Whether the character `at` is a soft joint that is a unit by itself."""
    joint = text[at] in _JOINTS and text[at - 1].isalnum() and text[at + 1].isalnum()
    return joint and bool(starts[at] and starts[at + 1])


_JOINTS = "'’‘＇.:"
