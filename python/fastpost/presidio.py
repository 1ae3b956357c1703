"""What fastpost does in Presidio: the public names of `fastpost.integrations.presidio`."""

from fastpost.integrations.presidio import (
    FastpostBatchAnalyzerEngine,
    FastpostRecognizer,
)

__all__ = ["FastpostBatchAnalyzerEngine", "FastpostRecognizer"]
