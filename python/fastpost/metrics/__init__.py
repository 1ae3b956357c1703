"""Scores of predictions against references, with the numbers of the field's own scripts."""

from fastpost.metrics.squad import squad, squad_v2

__all__ = ["squad", "squad_v2"]
