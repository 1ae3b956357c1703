"""What fastpost does in Spark: the public names of `fastpost.integrations.spark`."""

from fastpost.integrations.spark import (
    entities,
    schema,
    word_counts,
)

__all__ = ["entities", "schema", "word_counts"]
