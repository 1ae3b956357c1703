"""Values of a decoder's options -> the values that Rust takes. Each error names the option, the value and the cure."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastpost._inputs.bounds import counted, short, shown
from fastpost._inputs.labels import refuse_half_pair
from fastpost._inputs.paths import path_of
from fastpost.exceptions import refuse
from fastpost.types import ArrayLike, Units

BIASES = (
    "background_stay",
    "background_to_start",
    "inside_to_continue",
    "inside_to_end",
    "end_to_background",
    "end_to_start",
)
_PREFIX = "transition_bias_"
LARGEST_WEIGHT = 1e6
"""The largest weight of a step: beside larger ones the logits are lost in 32 bits."""
BARS = -1e30
"""Weights from here down bar a step, as -inf does, so that they need not be added up."""
UNITS = ("utf8", "utf16", "graphemes")


def biases(_: str, value: Mapping[str, Any] | str | os.PathLike[str] | None) -> list[float] | None:
    """The six transition biases, in the order of Rust.

    Args:
        value: a dict of them, with or without `transition_bias_` before their names; the content of
            `viterbi_calibration.json`, whose operating point "default" is taken; or the file's path, or its folder's.

    Raises:
        ValueError: if one is missing, unknown, or no finite number.
    """
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        path = path_of(value)
        path = os.path.join(path, "viterbi_calibration.json") if os.path.isdir(path) else path
        with open(path, encoding="utf-8") as file:
            try:
                value = json.load(file)
            except ValueError as error:
                raise refuse(
                    ValueError,
                    f"`biases` is {shown(path)}, which is not JSON ({error}); pass viterbi_calibration.json",
                    argument="biases",
                ) from error
    named: Any = value
    if isinstance(value, Mapping) and "operating_points" in value:
        points = value["operating_points"]
        if not isinstance(points, Mapping) or "default" not in points:
            raise refuse(
                ValueError,
                f'`biases` has the operating points {_shown(points)}; name one "default", or pass the `biases` of one',
                argument="biases",
            )
        named = points["default"]
    if isinstance(named, Mapping) and "biases" in named:
        named = named["biases"]
    if not isinstance(named, Mapping):
        raise refuse(
            TypeError,
            f"`biases` is {shown(named)}; pass a dict of the six biases, or the path of viterbi_calibration.json",
            argument="biases",
        )
    given = {str(name).removeprefix(_PREFIX): weight for name, weight in named.items()}
    missing, unknown = sorted(set(BIASES) - set(given)), sorted(set(given) - set(BIASES))
    if missing or unknown:
        wrong = f"lacks {_shown(missing)}" if missing else f"has {_shown(unknown)}"
        raise refuse(ValueError, f"`biases` {wrong}; it holds exactly {_shown(BIASES)}", argument="biases")
    for name in BIASES:
        if isinstance(given[name], bool) or not isinstance(given[name], (int, float)):
            raise refuse(ValueError, f"`biases[{name!r}]` is {shown(given[name])}; pass a number", argument="biases")
        if not abs(given[name]) <= LARGEST_WEIGHT:
            raise refuse(
                ValueError,
                f"`biases[{name!r}]` is {shown(given[name])}; a bias is a finite number of {LARGEST_WEIGHT:,.0f} at most, "
                "as the logits are lost beside larger ones",
                argument="biases",
            )
    return [float(given[name]) for name in BIASES]


_MOST_SHOWN = 200
"""Characters of a list of names: the six biases fit."""


def _shown(names: Any) -> str:
    text = ", ".join(map(str, names)) if isinstance(names, Collection) else repr(names)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def transitions(
    steps: ArrayLike | None, start: ArrayLike | None, end: ArrayLike | None, labels: int
) -> tuple[list[float], list[float], list[float]] | None:
    """A CRF's weights as flat lists; zeros where only some of the three are given.

    Raises:
        TypeError: if one is no array of numbers.
        ValueError: if one has another shape, or a weight is NaN or above `LARGEST_WEIGHT`.
    """
    if steps is None and start is None and end is None:
        return None

    def flat(name: str, value: Any, shape: tuple[int, ...]) -> list[float]:
        if value is None:
            return [0.0] * int(np.prod(shape))
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        try:
            with np.errstate(over="ignore"):  # beyond 32 bits is beyond the largest
                array = np.asarray(value, np.float32)
        except (TypeError, ValueError) as error:
            raise refuse(
                TypeError,
                f"`{name}` is no array of numbers ({str(error)[:80]}); pass an array of shape {shape}, by the label ids of `id2label`",
                argument=name,
            ) from error
        if array.shape != shape:
            raise refuse(
                ValueError,
                f"`{name}` has shape {array.shape} but `id2label` has {counted(labels, 'label')}; pass an array of shape {shape}",
                argument=name,
            )
        if not (array <= LARGEST_WEIGHT).all():
            raise refuse(
                ValueError,
                f"`{name}` holds {shown(float(array.max()))}; weights are {LARGEST_WEIGHT:,.0f} at most, as the logits are lost "
                f"beside larger ones, and -inf, or {BARS:g} and less, bars a step",
                argument=name,
            )
        return np.where(array <= BARS, -np.inf, array).ravel().tolist()

    return (
        flat("transitions", steps, (labels, labels)),
        flat("start_transitions", start, (labels,)),
        flat("end_transitions", end, (labels,)),
    )


def threshold(_: str, value: float | Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """The threshold of labels that have none of their own, and the thresholds of the others."""
    named = dict(value) if isinstance(value, Mapping) else {}
    default = 0.0 if isinstance(value, Mapping) else value
    numbers: list[tuple[str | None, Any]] = [(None, default), *named.items()]
    for name, number in numbers:
        if isinstance(name, str):
            refuse_half_pair("threshold", name)
        if isinstance(number, bool) or not isinstance(number, (int, float, np.number)) or not 0 <= number <= 1:
            where = "" if name is None else f"[{short(name)!r}]"
            raise refuse(
                ValueError,
                f"`threshold{where}` is {short(shown(number))}; pass a number between 0 and 1, or a dict by label",
                argument="threshold",
            )
    return float(default), {str(name): float(number) for name, number in named.items()}


_MOST_BIAS = 10_000.0
"""Subtracting more than this from a logit makes no difference, and sums of it would drown the other logits."""


def ignored(_: str, names: Any) -> set[str]:
    """The names of labels that are not reported; the decoder knows which there are."""
    if isinstance(names, str) or not isinstance(names, Collection):
        raise refuse(
            TypeError,
            f'`ignore_labels` is {shown(names)}; pass a list of label names, such as ["O"]',
            argument="ignore_labels",
        )
    for name in names:
        if not isinstance(name, str):
            kind = type(name).__name__
            raise refuse(
                TypeError,
                f'`ignore_labels` holds a name of type {kind}; pass a list of label names, such as ["O"]',
                argument="ignore_labels",
            )
        refuse_half_pair("ignore_labels", name)
    return set(names)


def outside_bias(_: str, value: float) -> float:
    """The number that is subtracted from the logits of labels outside."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise refuse(
            ValueError,
            f"`outside_bias` is {shown(value)}; pass a finite number, above 0 to find more",
            argument="outside_bias",
        )
    return max(-_MOST_BIAS, min(_MOST_BIAS, float(value)))


def units(_: str, value: Sequence[Units]) -> tuple[Units, ...]:
    """The units to give positions in beside characters."""
    if isinstance(value, str):
        raise refuse(
            TypeError,
            f"`units` is the str {short(value)!r}; pass a tuple of names, ({short(value)!r},) for one",
            argument="units",
        )
    if not isinstance(value, Iterable):
        kind = type(value).__name__
        raise refuse(
            TypeError, f"`units` is of type {kind}; pass a tuple of names, such as ('utf8',)", argument="units"
        )
    for unit in value:
        if unit not in UNITS:
            raise refuse(
                ValueError, f"`units` has {shown(unit)}; choose one of {', '.join(map(repr, UNITS))}", argument="units"
            )
    return tuple(value)
