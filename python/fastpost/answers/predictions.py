"""`postprocess_qa_predictions` of the question-answering example scripts of transformers."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._inputs import arrays as _arrays
from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import counted, listed, shown, with_article
from fastpost.exceptions import refuse
from fastpost.types import Floats2d

logger = logging.getLogger(__name__)


def postprocess_qa_predictions(
    examples: Any,
    features: Any,
    predictions: tuple[Any, Any],
    version_2_with_negative: bool = False,
    n_best_size: int = 20,
    max_answer_length: int = 30,
    null_score_diff_threshold: float = 0.0,
    output_dir: str | os.PathLike[str] | None = None,
    prefix: str | None = None,
    log_level: int | None = logging.WARNING,
) -> dict[str, str]:
    """Turns the logits of a question-answering model into the answers of a SQuAD-like data set.

    This is the function of that name in the example scripts of transformers, with the same arguments, results and
    files. The best `n_best_size` start tokens of a window meet its best `n_best_size` end tokens; of the pairs that are
    spans of the context, the best by sum of logits over all windows of an example are its n-best list.

    Args:
        examples: with `id` and `context`; a `datasets.Dataset`, or a list of dicts.
        features: the windows, with `example_id`, `offset_mapping` (one pair of characters a token, `None` for tokens
            that are not of the context) and, if there is one, `token_is_max_context`.
        predictions: start and end logits, each (windows, tokens); float16, bfloat16 and float64 are used as float32.
        version_2_with_negative: whether an example may have no answer.
        n_best_size: entries of an n-best list.
        max_answer_length: how many tokens an answer has at most.
        null_score_diff_threshold: no answer is given where its score exceeds that of the best answer by more than this.
        output_dir: folder for `predictions.json`, `nbest_predictions.json` and, with `version_2_with_negative`,
            `null_odds.json`.
        prefix: of the names of these files, followed by an underscore.
        log_level: of the logger `fastpost.squad`.

    Returns:
        The answer of each example, by its id, in the order of the examples.

    Raises:
        ValueError: if the logits do not fit the features or hold NaN, or a feature belongs to no example.
        NotADirectoryError: if `output_dir` is no folder.

    Exact ties of logits go to the first token; NumPy's sort leaves their order open. Where every answer is an empty
    text, the answer is "", where the script ends with an IndexError.
    """
    if log_level is not None:
        logger.setLevel(log_level)
    n_best_size = _bounds.whole("n_best_size", n_best_size, 1)
    max_answer_length = _bounds.whole("max_answer_length", max_answer_length, 1)
    if output_dir is not None and not os.path.isdir(output_dir):
        raise NotADirectoryError(
            f"`output_dir` is {shown(os.fspath(output_dir))}, which is not a folder; make it first"
        )
    start, end = _start_and_end(predictions, len(features))
    ids, contexts = _columns("examples", examples, "id", "context")
    number = {example: index for index, example in enumerate(ids)}
    examples_of, mappings = _columns("features", features, "example_id", "offset_mapping")
    unknown = next((example for example in examples_of if example not in number), None)
    if unknown is not None:
        raise refuse(
            ValueError,
            f"`features` holds the example_id {shown(unknown)}, which `examples` does not have; pass the examples of the features",
            argument="features",
        )
    logger.info("Post-processing %d examples split into %d features.", len(ids), len(examples_of))
    texts, lists, odds = _fastpost.nbest(
        start,
        end,
        mappings,
        _max_contexts(features),
        [number[example] for example in examples_of],
        contexts,
        version_2_with_negative,
        n_best_size,
        max_answer_length,
        null_score_diff_threshold,
        output_dir is not None,
        None,
    )
    answers = dict(zip(ids, texts, strict=True))
    if output_dir is not None:
        files: dict[str, Mapping[str, object]] = {
            "predictions": answers,
            "nbest_predictions": dict(zip(ids, lists, strict=True)),
        }
        if version_2_with_negative:
            files["null_odds"] = dict(zip(ids, odds, strict=True))
        _write(output_dir, prefix, files)
    return answers


def _write(folder: str | os.PathLike[str], prefix: str | None, files: Mapping[str, object]) -> None:
    """Writes `NAME.json` or `PREFIX_NAME.json` for each of `files`, as the script does."""
    for name, content in files.items():
        path = os.path.join(folder, f"{name}.json" if prefix is None else f"{prefix}_{name}.json")
        logger.info("Saving %s.", path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=4) + "\n")


def _start_and_end(predictions: Sequence[Any], features: int) -> tuple[Floats2d, Floats2d]:
    """The logits of both, (windows, tokens) each, checked against each other and the number of features."""
    if len(predictions) != 2:
        raise refuse(
            ValueError,
            f"`predictions` has {counted(len(predictions), 'entry', 'entries')}; pass (start_logits, end_logits)",
            argument="predictions",
        )
    start, end = (
        _logits(name, values) for name, values in zip(("start_logits", "end_logits"), predictions, strict=True)
    )
    if start.shape != end.shape:
        raise refuse(
            ValueError,
            f"`predictions` holds start logits {start.shape} but end logits {end.shape}; pass one of each per token",
            argument="predictions",
        )
    if len(start) != features:
        raise refuse(
            ValueError,
            f"`predictions` has {counted(len(start), 'window')} but `features` has {features}; pass one row per feature",
            argument="predictions",
        )
    return start, end


def _logits(name: str, values: Any) -> Floats2d:
    array = _arrays.to_numpy(name, values)
    if "bfloat16" in str(getattr(values, "dtype", "")):
        array = (array.astype(np.uint32) << 16).view(np.float32)
    if array.ndim != 2:
        raise refuse(
            TypeError, f"`{name}` has {counted(array.ndim, 'dimension')}; pass (windows, tokens)", argument=name
        )
    if array.dtype.kind != "f":
        raise refuse(TypeError, f"`{name}` is of type {array.dtype}; pass floats", argument=name)
    return np.ascontiguousarray(array, dtype=np.float32)


def _max_contexts(features: Any) -> list[Any]:
    """For each feature, whether each token has its maximum context there; None if the feature does not say."""
    found = _optional(features, "token_is_max_context")
    for row, known in enumerate(found):
        if known is not None and not isinstance(known, Mapping):
            raise refuse(
                TypeError,
                f"`features[{row}]` has the token_is_max_context {_bounds.shown(known)}, {with_article(type(known).__name__)}; it is a "
                "dict of token numbers as text to bool, or None",
                argument="features",
            )
    return found


def _columns(argument: str, table: Any, *names: str) -> list[list[Any]]:
    """Columns of a `datasets.Dataset`, a dict of columns or a list of dicts."""
    if hasattr(table, "column_names") or isinstance(table, Mapping):
        known = getattr(table, "column_names", table)
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            raise refuse(
                ValueError, f"`{argument}` has no column {shown(missing)}; pass {listed(names)}", argument=argument
            )
        return [list(table[name]) for name in names]
    rows = _bounds.records(argument, table, *names)
    return [[row[name] for row in rows] for name in names]


def _optional(table: Any, name: str) -> list[Any]:
    """A column that may be missing in some rows, or in all."""
    if hasattr(table, "column_names") or isinstance(table, Mapping):
        known = getattr(table, "column_names", table)
        return list(table[name]) if name in known else [None] * len(table[next(iter(known))])
    return [row.get(name) for row in table]
