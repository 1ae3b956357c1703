"""What a door takes where nothing is said: one set for all that are not drop-ins for transformers.

`pipeline`, `accelerate`, `install` and `TokenClassificationPipeline` keep transformers' defaults, but for
`compat=None`: where only that is said, the rest comes from here. Options of `EntityDecoder` from `scheme` on have their
defaults in its signature, which all doors leave alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Default(NamedTuple):
    """An option that every door has."""

    value: Any
    doc: str
    choices: tuple[Any, ...] = ()


OWN: dict[str, Default] = {
    "aggregation_strategy": Default(
        "average", "how tokens become entities", ("none", "simple", "first", "average", "max")
    ),
    "compat": Default(
        None, "None for the right answer where transformers is wrong, or its results", (None, "transformers")
    ),
    "batch_size": Default(32, "windows that the model is given at once"),
}
"""By the pipelines' names."""

STRATEGY: str = OWN["aggregation_strategy"].value
COMPAT: str | None = OWN["compat"].value
BATCH_SIZE: int = OWN["batch_size"].value

REDACTION: dict[str, Any] = {
    "aggregation_strategy": "simple",
    "decode": "viterbi",
    "join": "run",
    "threshold": 0.0,
    "window_merge": "union",
    "outside_bias": 2.0,
}
"""What finds most, for texts whose entities are to be taken out: a character too many costs less than one too few.

The bias was chosen on gold: `make eval`, docs/redaction.md."""

TRANSFORMERS: dict[str, Any] = {"aggregation_strategy": "none", "compat": "transformers", "batch_size": 1}
"""What its pipeline takes."""


def choose_strategy(given: Any, compat: str | None) -> Any:
    """The strategy that is meant where `given` may be `None`."""
    if given is not None:
        return given
    return STRATEGY if compat is None else TRANSFORMERS["aggregation_strategy"]
