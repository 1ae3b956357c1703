"""What fastpost does in Ray Data: the public names of `fastpost.integrations.ray`."""

from fastpost.integrations.ray import (
    EntityPredictor,
    WordCounter,
    word_counts,
)

__all__ = ["EntityPredictor", "WordCounter", "word_counts"]
