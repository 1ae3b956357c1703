"""seqeval's scores of tag sequences, from tags, label ids or entity spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._fastpost import SpanPairs, TagPairs
from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import short, shown
from fastpost._warn import warn_caller
from fastpost.exceptions import refuse
from fastpost.metrics import _inputs
from fastpost.metrics._scores import ALL_SCORES, AVERAGES, Average, Counts, ZeroDivision, report

Labelled: TypeAlias = Any
"""Tags, label ids or spans of a list of texts, one list for each text; see `classification_report`."""
Mode = Literal["default", "strict"] | None
Scheme: TypeAlias = str | type | None
Id2Label: TypeAlias = Mapping[int, str] | Mapping[str, str] | Sequence[str] | None

_MOST_DIGITS = 1000  # a float64 has no more decimals that are not 0

_SCHEMES = {"BIO": "IOB2", "BIOES": "IOBES", "BILUO": "BILOU", "AUTO": "auto"} | {
    name: name for name in ("IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU")
}


@overload
def classification_report(
    y_true: Labelled, y_pred: Labelled, digits: int = 2, suffix: bool = False, *, output_dict: Literal[True],
    mode: Mode = None, sample_weight: Any = None, zero_division: ZeroDivision = "warn", scheme: Scheme = None,
    id2label: Id2Label = None, ignore_index: int = -100,
) -> dict[str, dict[str, Any]]: ...  # fmt: skip
@overload
def classification_report(
    y_true: Labelled, y_pred: Labelled, digits: int = 2, suffix: bool = False, output_dict: Literal[False] = False,
    mode: Mode = None, sample_weight: Any = None, zero_division: ZeroDivision = "warn", scheme: Scheme = None,
    *, id2label: Id2Label = None, ignore_index: int = -100,
) -> str: ...  # fmt: skip
def classification_report(
    y_true: Labelled,
    y_pred: Labelled,
    digits: int = 2,
    suffix: bool = False,
    output_dict: bool = False,
    mode: Mode = None,
    sample_weight: Any = None,
    zero_division: ZeroDivision = "warn",
    scheme: Scheme = None,
    *,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> str | dict[str, Any]:
    """Reports precision, recall, F1 and support of each entity type and on average, as seqeval 1.2.2 does.

    Args:
        y_true, y_pred: of the same texts, both in one of three forms:
            tags, one list of `str` a text, as long in both;
            label ids with `id2label`, an integer array (texts, tokens) or one list or array a text;
            entities, one list for each text of `(start, end, label)`, end excluded, or of dicts with `start`, `end` and
            `label` or `entity_group`; or `fastpost.Entities`.
        digits: decimals of the text.
        suffix: whether the prefix stands at the end of a tag, `PER-B`.
        output_dict: whether to give dicts of Python floats and ints in place of text.
        mode: `None` or "default": tags are read as conlleval reads them, `I-PER` after `O` begins an entity.
            "strict": only what the scheme allows is an entity.
        sample_weight: has no effect, as in seqeval.
        zero_division: 0 or 1, what 0/0 counts as; "warn": 0, and an `UndefinedMetricWarning`.
        scheme: for "strict": "IOB1", "IOB2" ("BIO"), "IOE1", "IOE2", "IOBES" ("BIOES"), "BILOU" ("BILUO"), or
            seqeval's class; `None` or "auto" detects IOB2, IOE2, IOBES or BILOU from the prefixes of `y_true`.
        id2label: the model's label names, where label ids are passed.
        ignore_index: tokens with this id in `y_true` are left out of both.

    Raises:
        TypeError: if the arguments are not both in the same of these forms.
        ValueError: if the two differ in texts or tokens, a tag is empty or not one of the scheme, no scheme fits.

    `mode`, `scheme` and `suffix` have no effect on spans, which are equal if text, start, end and label are.
    """
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= _MOST_DIGITS:
        raise refuse(
            ValueError,
            f"`digits` is {_bounds.shown(digits)}; pass how many decimals to show, an int from 0 to {_MOST_DIGITS}",
            argument="digits",
        )
    _check(None, zero_division, sample_weight)
    chosen = _scheme(mode, scheme)
    if mode == "strict" and chosen is None:
        chosen = "auto"
    counts = _counts(_inputs.read(y_true, y_pred, id2label, ignore_index), chosen, suffix)
    return report(counts, digits, output_dict, zero_division)


def precision_recall_fscore_support(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    average: Average = None,
    warn_for: Sequence[str] = ALL_SCORES,
    beta: float = 1.0,
    sample_weight: Any = None,
    zero_division: ZeroDivision = "warn",
    suffix: bool = False,
    mode: Mode = None,
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> tuple[Any, Any, Any, Any]:
    """Computes precision, recall, F-beta and support at once.

    Args:
        average: `None` for arrays (types,) in the order of the names; "micro" over all entities, "macro" the mean of
            the types, "weighted" that mean by support: three floats and an int.
        warn_for: the scores whose 0/0 is warned of.
        beta: how much more recall counts than precision.
        y_true, y_pred, and all others: as for `classification_report`. With mode="strict", `scheme` is needed to
            read strictly: without it the tags are read as by default, as in seqeval, and a warning says so.

    Raises:
        TypeError, ValueError: as `classification_report`, and for an unknown `average`.
    """
    if beta < 0:
        raise refuse(ValueError, f"`beta` is {beta}; beta should be >=0 in the F-beta score", argument="beta")
    _check(average, zero_division, sample_weight)
    chosen = _scheme(mode, scheme)
    pairs = _inputs.read(y_true, y_pred, id2label, ignore_index)
    if mode == "strict" and chosen is None and isinstance(pairs, TagPairs):
        warn_caller(
            'mode="strict" reads nothing strictly without `scheme`, as in seqeval; pass scheme="IOB2", or "auto"'
        )
    return _counts(pairs, chosen, suffix).scores(average, warn_for, zero_division, beta)


def f1_score(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    average: Average = "micro",
    suffix: bool = False,
    mode: Mode = None,
    sample_weight: Any = None,
    zero_division: ZeroDivision = "warn",
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> Any:
    """F1 of the entities: a float, or an array (types,) for average=None.

    All arguments and errors as `precision_recall_fscore_support`.
    """
    return precision_recall_fscore_support(
        y_true, y_pred, average=average, warn_for=("f-score",), suffix=suffix, mode=mode, sample_weight=sample_weight,
        zero_division=zero_division, scheme=scheme, id2label=id2label, ignore_index=ignore_index,
    )[2]  # fmt: skip


def precision_score(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    average: Average = "micro",
    suffix: bool = False,
    mode: Mode = None,
    sample_weight: Any = None,
    zero_division: ZeroDivision = "warn",
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> Any:
    """Share of the predicted entities that are true: a float, or an array (types,) for average=None.

    All arguments and errors as `precision_recall_fscore_support`.
    """
    return precision_recall_fscore_support(
        y_true, y_pred, average=average, warn_for=("precision",), suffix=suffix, mode=mode,
        sample_weight=sample_weight, zero_division=zero_division, scheme=scheme, id2label=id2label,
        ignore_index=ignore_index,
    )[0]  # fmt: skip


def recall_score(
    y_true: Labelled,
    y_pred: Labelled,
    *,
    average: Average = "micro",
    suffix: bool = False,
    mode: Mode = None,
    sample_weight: Any = None,
    zero_division: ZeroDivision = "warn",
    scheme: Scheme = None,
    id2label: Id2Label = None,
    ignore_index: int = -100,
) -> Any:
    """Share of the true entities that are predicted: a float, or an array (types,) for average=None.

    All arguments and errors as `precision_recall_fscore_support`.
    """
    return precision_recall_fscore_support(
        y_true, y_pred, average=average, warn_for=("recall",), suffix=suffix, mode=mode, sample_weight=sample_weight,
        zero_division=zero_division, scheme=scheme, id2label=id2label, ignore_index=ignore_index,
    )[1]  # fmt: skip


def accuracy_score(y_true: Labelled, y_pred: Labelled, *, id2label: Id2Label = None, ignore_index: int = -100) -> float:
    """Share of the tokens whose tags are equal.

    Args:
        y_true, y_pred: tags or label ids as for `classification_report`, or the tags of one text.

    Raises:
        ZeroDivisionError: if there is no token.
        TypeError, ValueError: as `classification_report`.
    """
    correct, tokens = _inputs.read_tags(y_true, y_pred, id2label, ignore_index, flat=True).correct()
    if not tokens:
        raise ZeroDivisionError("`y_true` holds no token, and the accuracy of nothing is undefined; pass one at least")
    return correct / tokens


def performance_measure(
    y_true: Labelled, y_pred: Labelled, *, id2label: Id2Label = None, ignore_index: int = -100
) -> dict[str, int]:
    """Tokens by what their tags are: equal and not `O` (TP), both `O` (TN), predicted `O` only (FN), the rest (FP).

    Args:
        y_true, y_pred: tags or label ids as for `classification_report`, or the tags of one text.

    Raises:
        TypeError, ValueError: as `classification_report`.
    """
    pairs = _inputs.read_tags(y_true, y_pred, id2label, ignore_index, flat=True)
    return dict(zip(("TP", "FP", "FN", "TN"), pairs.agreement()))


def get_entities(seq: Any, suffix: bool = False) -> list[tuple[str, int, int]]:
    """Entities of one sequence of tags as `(type, first, last)`, read as `mode=None` reads them.

    Args:
        seq: tags, or lists of tags, which are then counted through with one place between two lists.
        suffix: whether the prefix stands at the end of a tag.

    Raises:
        TypeError: if a tag is not a `str`.
        ValueError: if a tag is empty.
    """
    rows, nested = _inputs.read_sequence(seq)
    entities, odd = _fastpost.tag_entities(rows, nested, suffix)
    _warn_odd(odd)
    return entities


def _counts(pairs: TagPairs | SpanPairs, scheme: str | None, suffix: bool) -> Counts:
    return Counts(*_spans(pairs, scheme, suffix).counts())


def _spans(pairs: TagPairs | SpanPairs, scheme: str | None, suffix: bool) -> SpanPairs:
    """The entities of both sides, read from their tags by `scheme`, or as conlleval reads them."""
    if isinstance(pairs, SpanPairs):
        return pairs
    spans = pairs.spans(scheme, suffix)
    if scheme is None:
        _warn_odd(pairs.odd(suffix))
    return spans


def _warn_odd(tags: Sequence[str]) -> None:
    for tag in tags:
        warn_caller(f"{short(tag)} seems not to be NE tag.")


def _scheme(mode: Mode, scheme: Scheme) -> str | None:
    """The scheme's name in Rust; `None` for the reading of conlleval."""
    if mode not in (None, "default", "strict"):
        raise refuse(ValueError, f'`mode` is {shown(mode)}; pass None or "strict"', argument="mode")
    if scheme is None:
        return None
    name = scheme if isinstance(scheme, str) else getattr(scheme, "__name__", repr(scheme))
    known = _SCHEMES.get(name.upper())
    if known is None:
        raise refuse(
            ValueError,
            f"`scheme` is {shown(scheme)}; pass {', '.join(_SCHEMES)}, or seqeval's class of that name",
            argument="scheme",
        )
    if mode != "strict":
        warn_caller('`scheme` has no effect without mode="strict", as in seqeval; pass both, or none')
        return None
    return known


def _check(average: Any, zero_division: Any, sample_weight: Any) -> None:
    if average not in AVERAGES:
        raise refuse(
            ValueError, f"`average` is {shown(average)}; average has to be one of {AVERAGES}", argument="average"
        )
    if isinstance(zero_division, str) and zero_division == "warn":
        pass
    elif not isinstance(zero_division, (int, float, np.number)) or zero_division not in (0, 1):
        raise refuse(
            ValueError, f'`zero_division` is {shown(zero_division)}; pass "warn", 0 or 1', argument="zero_division"
        )
    if sample_weight is not None:
        warn_caller("`sample_weight` has no effect, as in seqeval; leave it out")
