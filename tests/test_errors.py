"""Errors say what they speak of as attributes, so that nobody has to read it out of their sentences."""

import ast
from pathlib import Path

import numpy as np
import pytest

import fastpost
from fastpost import metrics

PACKAGE = Path(fastpost.__file__).parent
ROOMS = ("alignment", "answers", "entities", "metrics", "models")


@pytest.mark.parametrize("room", ROOMS)
def test_a_sentence_that_begins_with_an_argument_has_it_as_an_attribute(room):
    """What is raised without `refuse` has none."""
    bare = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else None
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("ValueError", "TypeError"):
                continue
            if ast.unparse(call.args[0]).lstrip("f'\"(").startswith("`"):
                bare.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert not bare


TEXT = "Anna lives here"
LABEL2ID = {"O": 0, "B-PER": 1, "I-PER": 2}


@pytest.mark.parametrize(
    ("call", "argument", "cure"),
    [
        (lambda: fastpost.redact(TEXT, [{"start": 6, "end": 5, "label": "x"}]), "entities", "pass the text it was"),
        (lambda: fastpost.redact(TEXT, 3), "entities", "pass "),
        (lambda: fastpost.redact(TEXT, [], replace=3), "replace", "pass a template such as"),
        (lambda: fastpost.redact(TEXT, [], replace="{x}"), "replace", "the names are {label}"),
        (lambda: fastpost.redact(TEXT, [], replace="{label:>3}"), "replace", "pass {label}, or a function"),
        (lambda: fastpost.redact(TEXT, []).restore(3), "other_text", "pass a str"),
        (lambda: fastpost.plan_windows([[(0, 1)]], 0, texts=["a"]), "max_length", "pass an int of at least 1"),
        (lambda: fastpost.plan_windows([[(0, 1)]], 4, texts=["a", "b"]), "texts", "pass one per text"),
        (lambda: fastpost.plan_windows([[(0, 1)]], 4), "word_ids", "pass `offsets` and `texts`"),
        (lambda: fastpost.spans_to_labels([[(0, 1)]], [[]], label2id=[1]), "label2id", "pass a dict from label names"),
        (
            lambda: fastpost.labels_to_spans([[1]], [[(0, 1)], [(1, 2)]], label2id=LABEL2ID),
            "labels",
            "pass one row each",
        ),
        (lambda: fastpost.labels_to_spans([[1]], [(0, 1)], label2id=LABEL2ID), "offsets", "pass "),
        (lambda: fastpost.OffsetMap(3), "text", "pass a str"),
        (lambda: fastpost.check_offsets([(0, 1, 2)], "a"), "encoding", "its last axis"),
        (lambda: metrics.classification_report([["O"]], [["O"], ["O"]]), "y_pred", None),
        (lambda: metrics.f1_score("O", [["O"]]), "y_true", "pass "),
        (lambda: metrics.f1_score([["O"]], [["O"]], mode="x"), "mode", "pass "),
        (lambda: fastpost.EntityDecoder(["O", "B-x"], threshold=2), "threshold", "pass a number between 0 and 1"),
        (lambda: fastpost.AnswerDecoder(top_k=0), "top_k", "pass an int of at least 1"),
        (lambda: fastpost.pipeline("ner", model=object()), "model", None),
    ],
)
def test_errors_name_their_argument_and_their_cure(call, argument, cure):
    with pytest.raises((ValueError, TypeError)) as bad:
        call()
    assert bad.value.argument == argument, bad.value
    if cure is not None:
        assert bad.value.cure.startswith(cure), bad.value.cure
    assert f"`{argument}" in str(bad.value)


def test_a_model_that_gives_what_is_no_logits_is_named():
    class Wrong:
        tokenizer, labels = None, ["O", "B-x"]

        def runner(self, batch):
            return np.zeros(3)

    wrong = Wrong()
    from onnx_models import small_tokenizer

    wrong.tokenizer = small_tokenizer()
    with pytest.raises(ValueError, match="the model gave logits of shape") as bad:
        fastpost.pipeline("ner", model=wrong, compat="fastpost")(TEXT)
    assert bad.value.argument == "model"
