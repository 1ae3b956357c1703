"""How many tokens a model reads at once, by its configuration."""

from __future__ import annotations

from typing import Any

UNLIMITED = 10**20
"""A `model_max_length` above this stands for "not known"."""

_COUNT_FROM_PADDING = ("camembert", "data2vec-text", "ibert", "longformer", "luke", "mpnet", "roberta")
"""Models that count positions from the padding id on, so they read that many fewer."""


def positions(config: dict[str, Any]) -> int | None:
    """Tokens that the model has positions for; `None` if it names no number."""
    known = config.get("max_position_embeddings")
    if not isinstance(known, int) or known <= 0:
        return None
    counts_on = any(name in config.get("model_type", "") for name in _COUNT_FROM_PADDING)
    padding = config.get("pad_token_id")
    return known - ((1 if padding is None else int(padding)) + 1 if counts_on else 0)


def given(value: Any) -> int | None:
    """A `model_max_length` that means something."""
    return int(value) if value is not None and 0 < value < UNLIMITED else None
