"""Measures of found entities against gold ones, and their spread by chance.

An entity is (start, end, label), characters, end excluded. All measures are sums over texts, so a text is counted once
and a bootstrap only adds the counts of the texts it draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eval.gold import Spans

COUNTS = ("hits", "gold", "found", "covered", "characters", "whole")
"""The counts of each text; the columns of `counts`."""


class Measures(NamedTuple):
    """Shares between 0 and 1; NaN where there is nothing to count."""

    f1: float
    """F1 of entities with both edges and the label as in gold, over all texts together."""
    precision: float
    recall: float
    characters: float
    """Share of the characters of gold entities that lie in some found entity, whatever its label."""
    whole: float
    """Share of gold entities whose every character does so."""


def counts(gold: Sequence[Spans], found: Sequence[Spans]) -> np.ndarray:
    """The counts of each text, int64 (texts, 6), in the order of `COUNTS`.

    Raises:
        ValueError: if the two do not have one item a text.
    """
    if len(gold) != len(found):
        raise ValueError(f"`gold` has {len(gold)} texts but `found` {len(found)}; pass one list a text in both")
    return np.array([_row(*one) for one in zip(gold, found)], np.int64).reshape(-1, len(COUNTS))


def _row(gold: Spans, found: Spans) -> tuple[int, ...]:
    wanted, got = set(gold), set(found)
    covered = {at for start, end, _ in found for at in range(start, end)}
    seen = [[at in covered for at in range(start, end)] for start, end, _ in wanted]
    return (
        len(wanted & got),
        len(wanted),
        len(got),
        sum(map(sum, seen)),
        sum(map(len, seen)),
        sum(map(all, seen)),
    )


def measure(table: np.ndarray) -> Measures:
    """The measures of all texts of `counts` together."""
    return Measures(*(float(value) for value in _shares(table.sum(axis=0, dtype=np.float64))))


def _shares(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    hits, gold, found, covered, characters, whole = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore"):
        return 2 * hits / (gold + found), hits / found, hits / gold, covered / characters, whole / gold


class Interval(NamedTuple):
    """A difference between two ways to decode, and the middle 95 % of its bootstrap."""

    difference: float
    low: float
    high: float


def paired(table: np.ndarray, baseline: np.ndarray, name: str = "f1", rounds: int = 2000, seed: int = 0) -> Interval:
    """How much larger the measure `name` of `table` is than that of `baseline`, by a bootstrap over texts.

    The texts of both are the same, and each round draws as many of them, with replacement, for both at once.
    """
    if table.shape != baseline.shape:
        raise ValueError(f"`table` has shape {table.shape} but `baseline` {baseline.shape}; pass the same texts")
    at = Measures._fields.index(name)
    texts = len(table)
    drawn = np.random.default_rng(seed).multinomial(texts, np.full(texts, 1 / texts), size=rounds).astype(np.float64)
    differences = _shares(drawn @ table)[at] - _shares(drawn @ baseline)[at]
    low, high = np.nanquantile(differences, (0.025, 0.975))
    return Interval(getattr(measure(table), name) - getattr(measure(baseline), name), float(low), float(high))


def spans(entities: Iterable[Any]) -> list[tuple[int, int, str]]:
    """The spans of a text's dicts; spans without places, where the model saw nothing, are left out."""
    return [
        (entity["start"], entity["end"], entity["entity_group"] if "entity_group" in entity else entity["entity"])
        for entity in entities
    ]
