"""Scores of predictions against references, with the numbers of the field's own scripts."""

from fastpost.metrics._scores import UndefinedMetricWarning
from fastpost.metrics.errors import error_kinds, error_list
from fastpost.metrics.sequence import (
    accuracy_score,
    classification_report,
    f1_score,
    get_entities,
    performance_measure,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)
from fastpost.metrics.squad import squad, squad_v2

__all__ = [
    "UndefinedMetricWarning",
    "accuracy_score",
    "classification_report",
    "error_kinds",
    "error_list",
    "f1_score",
    "get_entities",
    "performance_measure",
    "precision_recall_fscore_support",
    "precision_score",
    "recall_score",
    "squad",
    "squad_v2",
]
