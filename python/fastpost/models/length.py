"""How many tokens a model reads at once, from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNLIMITED = 10**20
"""A `model_max_length` above this stands for "not known"."""

_COUNT_FROM_PADDING = ("camembert", "data2vec-text", "ibert", "longformer", "luke", "mpnet", "roberta")
"""Models that count positions from the padding id on, so they read that many fewer."""

_NAMES = ("max_position_embeddings", "n_positions")
"""Names of the number of positions in configurations; the first one that is there counts."""


def positions(config: Any) -> int | None:
    """How many tokens the model has positions for; `None` if it names no number.

    Args:
        config: a configuration of transformers, or what its config.json holds.
    """
    known = next((number for name in _NAMES if (number := as_length(_value(config, name))) is not None), None)
    return None if known is None else max(known - first_position(config), 1)


def first_position(config: Any) -> int:
    """The position of a text's first token: 0, or the number after the padding id for models that count from there."""
    kind = str(_value(config, "model_type") or "")
    if not any(name in kind for name in _COUNT_FROM_PADDING):
        return 0
    padding = _value(config, "pad_token_id")
    return (padding if isinstance(padding, int) else 1) + 1


def as_length(value: Any) -> int | None:
    """A number of tokens, if it is one that makes sense; some exporters write it as text, or as a float."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < UNLIMITED:
        return None
    return max(int(value), 1)


def _value(config: Any, name: str) -> Any:
    return config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)
