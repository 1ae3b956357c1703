"""What fastpost does in spaCy: the public names of `fastpost.integrations.spacy`."""

from fastpost.integrations.spacy import (
    FastpostNer,
)

__all__ = ["FastpostNer"]
