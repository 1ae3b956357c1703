"""Counts of entities -> precision, recall, F-score; the warnings and the reports that go with them.

The steps are NumPy's own, in seqeval's order, so that the numbers are seqeval's to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from fastpost._warn import warn_caller
from fastpost.types import Doubles1d, Ints1d

Average = Literal["micro", "macro", "weighted"] | None
ZeroDivision = Literal["warn", 0, 1]

AVERAGES = (None, "micro", "macro", "weighted")
ALL_SCORES = ("precision", "recall", "f-score")


class UndefinedMetricWarning(UserWarning):
    """A score is 0/0 and was set to 0.

    Where scikit-learn is loaded, what is warned is also its `sklearn.exceptions.UndefinedMetricWarning`, so a
    filter for either works.
    """


@dataclass(frozen=True)
class Counts:
    """Entities by label, in the order of the names; int64 (labels,) each."""

    labels: list[str]
    correct: Ints1d
    predicted: Ints1d
    true: Ints1d

    def scores(
        self, average: Average, warn_for: Sequence[str], zero_division: ZeroDivision, beta: float = 1.0
    ) -> tuple[Any, Any, Any, Any]:
        """Precision, recall, F-score and support: arrays by label, or a float each and an int for an average."""
        correct, predicted, true = self.correct, self.predicted, self.true
        if average == "micro":
            correct, predicted, true = (np.array([column.sum()]) for column in (correct, predicted, true))
        warn = zero_division == "warn"
        undefined = float(not warn and zero_division)
        precision = _divide(correct, predicted, "precision", "predicted", warn_for, warn, undefined)
        recall = _divide(correct, true, "recall", "true", warn_for, warn, undefined)
        if warn and tuple(warn_for) == ("f-score",) and (predicted[true == 0] == 0).any():
            _warn_undefined("F-score is", "true nor predicted", len(true))
        if beta == float("inf"):
            f_score = recall
        else:
            below = beta**2 * precision + recall
            below[below == 0.0] = 1
            f_score = (1 + beta**2) * precision * recall / below
        if average is None:
            return precision, recall, f_score, true
        support = int(true.sum())
        if average == "weighted" and support == 0:
            none_predicted = undefined if predicted.sum() == 0 else 0.0
            return none_predicted, undefined, none_predicted, support
        if not len(true):
            warn_caller("Mean of empty slice: the macro average of no labels is nan.", category=RuntimeWarning)
            return np.nan, np.nan, np.nan, support
        weights = true if average == "weighted" else None

        def mean(values: Doubles1d) -> float:
            return float(np.average(values, weights=weights))

        return mean(precision), mean(recall), mean(f_score), support


def _divide(
    above: Ints1d, below: Ints1d, metric: str, modifier: str, warn_for: Sequence[str], warn: bool, undefined: float
) -> Doubles1d:
    """`above / below`, with `undefined` for 0/0."""
    zero = below == 0
    result: Doubles1d = above / np.where(zero, 1, below)
    if zero.any():
        result[zero] = undefined
        if warn and metric in warn_for:
            start = f"{metric.title()} and F-score are" if "f-score" in warn_for else f"{metric.title()} is"
            _warn_undefined(start, modifier, len(result))
    return result


def _warn_undefined(start: str, modifier: str, size: int) -> None:
    where = "due to" if size == 1 else "in labels with"
    warn_caller(
        f"{start} ill-defined and being set to 0.0 {where} no {modifier} samples. "
        "Use `zero_division` parameter to control this behavior.",
        category=_warning_class(_sklearn_is_loaded()),
    )


def _sklearn_is_loaded() -> bool:
    return "sklearn.exceptions" in sys.modules


@cache
def _warning_class(beside_sklearn: bool) -> type[UserWarning]:
    if not beside_sklearn:
        return UndefinedMetricWarning
    theirs = sys.modules["sklearn.exceptions"].UndefinedMetricWarning
    return type("UndefinedMetricWarning", (UndefinedMetricWarning, theirs), {"__module__": __name__})


def report(counts: Counts, digits: int, output_dict: bool, zero_division: ZeroDivision) -> str | dict[str, Any]:
    """One row for each label and three averages, as text or as dicts."""
    rows: list[tuple[str, float, float, float, int]] = []
    by_label = counts.scores(None, ALL_SCORES, zero_division)
    rows += zip(counts.labels, *(column.tolist() for column in by_label))
    averages: list[tuple[str, float, float, float, int]] = []
    for average in ("micro", "macro", "weighted"):
        averages.append((f"{average} avg", *counts.scores(average, ALL_SCORES, zero_division)))
    if output_dict:
        keys = ("precision", "recall", "f1-score", "support")
        return {name: dict(zip(keys, scores)) for name, *scores in rows + averages}
    width = max(digits, len("weighted avg"), *map(len, counts.labels))
    titles = "".join(f" {title:>9}" for title in ("precision", "recall", "f1-score", "support"))
    lines = [f"{'':>{width}s} {titles}", ""]
    for block in (rows, averages):
        lines += (
            f"{name:>{width}s}  {p:>9.{digits}f} {r:>9.{digits}f} {f:>9.{digits}f} {support:>9}"
            for name, p, r, f, support in block
        )
        lines.append("")
    return "\n".join(lines)
