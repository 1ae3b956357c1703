"""The kinds of errors in entities: label, boundary, both, missed, spurious."""

from __future__ import annotations

from typing import Any

from fastpost.metrics import _inputs
from fastpost.metrics.sequence import Id2Label, Labelled, Mode, Scheme, _scheme, _spans

KINDS = ("correct", "wrong_label", "wrong_boundary", "wrong_both", "missed", "spurious")


def error_kinds(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    suffix: bool = False,
    mode: Mode = None,
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> dict[str, dict[str, int]]:
    """Counts how many entities of each label are right, and how the others are wrong.

    Each true entity is paired with at most one predicted entity of its text, and each predicted entity with at most one
    true entity:

    - `correct`: same span, same label;
    - `wrong_label`: same span, another label;
    - `wrong_boundary`: the spans overlap, same label;
    - `wrong_both`: the spans overlap, another label;
    - `missed`: a true entity that no predicted one is left for;
    - `spurious`: a predicted entity that no true one is left for.

    Pairs are made in this order; of several the largest overlap first, then the one that starts first. A pair counts
    for the label of its true entity, so all but `spurious` add up to the support of a label.
    The kinds are those of MUC-5 (Chinchor and Sundheim, 1993), split by boundary and label as in SemEval-2013 task 9.

    Args:
        y_true, y_pred, and all others: as for `classification_report`; strict without a scheme detects it.

    Returns:
        One dict for each label, in the order of the names.

    Raises:
        TypeError, ValueError: as `classification_report`.
    """
    chosen = _scheme(mode, scheme) or ("auto" if mode == "strict" else None)
    pairs = _spans(_inputs.read(y_true, y_pred, id2label, ignore_index), chosen, suffix)
    return {label: dict(zip(KINDS, counts)) for label, counts in pairs.kinds()}


def error_list(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    suffix: bool = False,
    mode: Mode = None,
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> list[dict[str, Any]]:
    """Lists the entities that are not `correct`, to look at: one dict an error, in the order of the texts.

    Args:
        y_true, y_pred, and all others: as for `error_kinds`.

    Returns:
        Dicts with `text_index`, `kind`, and `true` and `predicted`, a `(start, end, label)` each, end excluded, or
        `None`. Places are tokens where tags or label ids were passed, counted without those of `ignore_index`.

    Raises:
        TypeError, ValueError: as `classification_report`.
    """
    chosen = _scheme(mode, scheme) or ("auto" if mode == "strict" else None)
    pairs = _spans(_inputs.read(y_true, y_pred, id2label, ignore_index), chosen, suffix)
    return [
        {"text_index": text, "kind": KINDS[kind], "true": true, "predicted": predicted}
        for text, kind, true, predicted in pairs.errors()
    ]
