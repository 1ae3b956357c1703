"""SQuAD's exact match and F1, as `evaluate`'s `squad` and `squad_v2` compute them."""

from __future__ import annotations

import logging
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import shown, with_article
from fastpost.exceptions import refuse

logger = logging.getLogger(__name__)

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def squad(
    predictions: Mapping[str, str] | Iterable[Mapping[str, Any]], references: Iterable[Mapping[str, Any]]
) -> dict[str, float]:
    """Computes exact match and F1 of SQuAD 1.1, in percent, with the numbers of `evaluate.load("squad")`.

    A prediction counts as the reference answer it is nearest to. Case, punctuation, English articles and
    white space do not count. A question without a prediction scores 0 and is logged.

    Args:
        predictions: dicts with `id` and `prediction_text`; or a dict of text by id, which is what
            `postprocess_qa_predictions` returns.
        references: dicts with `id` and `answers`, `{"text": [...]}` or a list of dicts with `text`.

    Returns:
        `exact_match` and `f1`.

    Raises:
        ValueError: if there is no reference, or a reference has no answer.
    """
    texts = _texts(predictions)
    total, exact, f1 = 0, 0, 0.0
    for reference in _bounds.records("references", references, "id", "answers"):
        total += 1
        answers = _answers(reference)
        if not answers:
            raise refuse(
                ValueError,
                f"`references` holds no answer for id {shown(reference['id'])}; use squad_v2 where a question may have none",
                argument="references",
            )
        if reference["id"] not in texts:
            logger.warning("No prediction for question %s: it scores 0.", reference["id"])
            continue
        words = _words(texts[reference["id"]])
        golds = [_words(answer) for answer in answers]
        exact += words in golds
        f1 += max(_f1(words, gold, 0.0) for gold in golds)
    if not total:
        raise refuse(ValueError, "`references` is empty; pass at least one question", argument="references")
    return {"exact_match": 100.0 * exact / total, "f1": 100.0 * f1 / total}


def squad_v2(
    predictions: Iterable[Mapping[str, Any]],
    references: Iterable[Mapping[str, Any]],
    no_answer_threshold: float = 1.0,
) -> dict[str, float]:
    """Computes exact match and F1 of SQuAD 2.0, in percent, with the numbers of `evaluate.load("squad_v2")`.

    Args:
        predictions: dicts with `id`, `prediction_text` ("" for no answer) and `no_answer_probability`, which is used
            as float32, as `evaluate` does.
        references: dicts with `id` and `answers`, `{"text": [...]}` or a list of dicts with `text`, empty for a
            question that has no answer.
        no_answer_threshold: a question with a higher `no_answer_probability` counts as not answered.

    Returns:
        `exact`, `f1`, `total`; the same of the questions with an answer (`HasAns_...`) and of those without
        (`NoAns_...`), where there are any; `best_exact`, `best_f1` and the thresholds that give them
        (`best_exact_thresh`, `best_f1_thresh`).

    Raises:
        ValueError: if there is no reference, a reference has no prediction, or a prediction has no
            `no_answer_probability`.
        TypeError: if `predictions` is a dict of text by id, which has none.
    """
    if isinstance(predictions, Mapping):
        raise refuse(
            TypeError,
            "`predictions` is a dict of text by id, which holds no `no_answer_probability`; pass a list of dicts with `id`, "
            "`prediction_text` and `no_answer_probability`",
            argument="predictions",
        )
    predictions = list(predictions)
    texts = _texts(predictions)
    for prediction in predictions:
        if "no_answer_probability" not in prediction:
            raise refuse(
                ValueError,
                f"`predictions` has no `no_answer_probability` for id {shown(prediction['id'])}; pass the probability that the "
                "question has no answer, 0.0 if the model always answers, or take `squad`",
                argument="predictions",
            )
    none = {p["id"]: float(np.float32(p["no_answer_probability"])) for p in predictions}
    exact: dict[str, float] = {}
    f1: dict[str, float] = {}
    answered: dict[str, bool] = {}
    for reference in _bounds.records("references", references, "id", "answers"):
        question, answers = reference["id"], _answers(reference)
        if question not in texts:
            raise refuse(
                ValueError,
                f"`predictions` holds none for id {shown(question)}, which `references` has; pass one per question",
                argument="predictions",
            )
        answered[question] = bool(answers)
        golds = [words for words in map(_words, answers) if words] or [[]]
        words = _words(texts[question])
        exact[question] = float(words in golds)
        f1[question] = max(_f1(words, gold, float(words == gold)) for gold in golds)
    if not answered:
        raise refuse(ValueError, "`references` is empty; pass at least one question", argument="references")

    def with_threshold(scores: dict[str, float]) -> dict[str, float]:
        return {q: float(not answered[q]) if none[q] > no_answer_threshold else score for q, score in scores.items()}

    exact_cut, f1_cut = with_threshold(exact), with_threshold(f1)
    result: dict[str, float] = {}
    groups = (
        ("", list(answered)),
        ("HasAns_", [q for q in answered if answered[q]]),
        ("NoAns_", [q for q in answered if not answered[q]]),
    )
    for prefix, questions in groups:
        if questions:
            result[f"{prefix}exact"] = 100.0 * sum(exact_cut[q] for q in questions) / len(questions)
            result[f"{prefix}f1"] = 100.0 * sum(f1_cut[q] for q in questions) / len(questions)
            result[f"{prefix}total"] = len(questions)
    for name, scores in (("exact", exact), ("f1", f1)):
        best, threshold = _best_threshold(scores, texts, none, answered)
        result[f"best_{name}"], result[f"best_{name}_thresh"] = best, threshold
    return result


def _best_threshold(
    scores: Mapping[str, float], texts: Mapping[str, str], none: Mapping[str, float], answered: Mapping[str, bool]
) -> tuple[float, float]:
    """The best score any threshold gives, and the lowest threshold that does.

    At first no question is answered; then one after the other is, in the order of their probabilities.
    """
    score = best = float(sum(not has for has in answered.values()))
    threshold = 0.0
    for question in sorted(none, key=none.__getitem__):
        if question not in scores:
            continue
        score += scores[question] if answered[question] else -bool(texts[question])
        if score > best:
            best, threshold = score, none[question]
    return 100.0 * best / len(scores), threshold


def _texts(predictions: Mapping[str, str] | Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    if isinstance(predictions, Mapping):
        for question, text in predictions.items():
            _check_text(f"predictions[{shown(question)}]", text)
        return predictions
    texts = {}
    for number, prediction in enumerate(predictions):
        for name in ("id", "prediction_text"):
            if not isinstance(prediction, Mapping) or name not in prediction:
                raise refuse(
                    ValueError,
                    f"`predictions[{number}]` has no `{name}`; pass dicts with `id` and `prediction_text`",
                    argument="predictions",
                )
        _check_text(f"predictions[{number}]['prediction_text']", prediction["prediction_text"])
        texts[prediction["id"]] = prediction["prediction_text"]
    return texts


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise refuse(
            TypeError,
            f'`{name}` is {shown(text)}, {with_article(type(text).__name__)}; pass a str, "" for no answer',
            argument="predictions",
        )


def _answers(reference: Mapping[str, Any]) -> Sequence[str]:
    answers = reference["answers"]
    return answers["text"] if isinstance(answers, Mapping) else [answer["text"] for answer in answers]


def _words(text: str) -> list[str]:
    """The words that count."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _f1(words: list[str], gold: list[str], empty: float) -> float:
    """Harmonic mean of precision and recall of words; `empty` where either has none."""
    if not words or not gold:
        return empty
    same = sum((Counter(words) & Counter(gold)).values())
    if not same:
        return 0.0
    precision, recall = same / len(words), same / len(gold)
    return (2 * precision * recall) / (precision + recall)
