"""Errors carry what they are about as attributes, so that no caller has to parse their messages."""

import ast
from pathlib import Path

import numpy as np
import pytest

import fastpost
from fastpost import metrics

PACKAGE = Path(fastpost.__file__).parent
BARE = {
    "entities/redact.py": "caught where it is raised",
    "pipelines/entities.py": "caught where it is raised",
    "pipelines/model.py": "transformers' own words, for no argument at all",
    "pipelines/run.py": "what `len` raises",
    "tokenizers/verify.py": "a list of what is wrong with a file, which no argument mends",
}
"""Where an error has no fields, and why."""


def test_every_error_of_an_argument_has_its_fields():
    """An error that is raised without `refuse` has no such attributes."""
    bare = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            error = node.exc if isinstance(node, ast.Raise) else None
            name = ast.unparse(error.func if isinstance(error, ast.Call) else error) if error is not None else ""
            if name in ("ValueError", "TypeError"):
                bare.setdefault(path.relative_to(PACKAGE).as_posix(), []).append(node.lineno)
    assert bare.keys() == BARE.keys(), bare
    assert all(len(lines) == 1 for lines in bare.values()), bare


TEXT = "Anna lives here"
LABEL2ID = {"O": 0, "B-PER": 1, "I-PER": 2}


def check_fields(call, *given, argument, cure):
    """Makes a call that must be refused; returns the message."""
    with pytest.raises((ValueError, TypeError)) as bad:
        call(*given)
    assert bad.value.argument == argument, bad.value
    assert cure is None or bad.value.cure.startswith(cure), bad.value.cure
    return str(bad.value)


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
    assert f"`{argument}" in check_fields(call, argument=argument, cure=cure)


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    from onnx_models import write_folder

    return fastpost.pipeline("ner", model=write_folder(tmp_path_factory.mktemp("onnx")), compat="fastpost")


@pytest.fixture(scope="module")
def encoder():
    from onnx_models import small_tokenizer

    return fastpost.Encoder(small_tokenizer())


PIPES = {
    "aggregation_strategy": ("x", "pass one of "),
    "batch_size": (0, None),
    "batch_tokens": (0, None),
    "max_length": ("x", "pass how many tokens a window has"),
    "on_long_text": ("x", "choose "),
    "compat": ("x", "choose "),
    "strude": (3, "choose one of "),
    "stride": (10**6, "pass "),
    "threshold": (2, "pass a number between 0 and 1"),
}


@pytest.mark.parametrize("argument", PIPES)
def test_errors_of_pipelines_name_their_argument_and_their_cure(argument, pipe):
    value, cure = PIPES[argument]
    assert argument in check_fields(lambda: pipe(TEXT, **{argument: value}), argument=argument, cure=cure)


@pytest.mark.parametrize(
    ("call", "argument", "cure"),
    [
        (lambda pipe: pipe(3), "inputs", "pass "),
        (lambda pipe: pipe([TEXT, 3]), "inputs", "pass "),
        (lambda pipe: pipe([TEXT, None]), "inputs", 'pass a str, "" where there is no text'),
        (lambda pipe: fastpost.pipeline("nerr", model="x"), "task", "pass one of "),
        (lambda pipe: fastpost.pipeline("ner", model="x", backend="y"), "backend", "pass one of "),
        (lambda pipe: fastpost.compare(3, [TEXT]), "pipe", "pass a token-classification"),
        (lambda pipe: fastpost.accelerate(3), "pipe", "pass a token-classification"),
    ],
)
def test_errors_of_what_pipelines_are_given(call, argument, cure, pipe):
    if "accelerate" in call.__code__.co_names:
        pytest.importorskip("transformers")
    check_fields(call, pipe, argument=argument, cure=cure)


@pytest.mark.parametrize(
    ("call", "argument", "cure"),
    [
        (lambda encoder: encoder.encode("a"), "texts", "pass a list of them"),
        (lambda encoder: encoder.encode(["a"], ["b", "c"]), "pairs", "pass one for each"),
        (lambda encoder: encoder.encode(["a"], truncation_side="up"), "truncation_side", 'pass "right" or "left"'),
        (lambda encoder: encoder.encode(["a"], max_length="x"), "max_length", "pass "),
        (lambda encoder: encoder.encode(["a"], max_length=-1), "max_length", "pass "),
        (lambda encoder: encoder.encode(["a", 3]), "texts", "every text must be a str"),
        (lambda encoder: encoder.encode(["a"]).padded(side="up"), "side", 'pass "right" or "left"'),
        (lambda encoder: encoder.encode(["a b c"]).padded(to=1), "to", "pass at least that"),
        (lambda encoder: encoder.encode(["a"]).padded(names=["x"]), "names", "pass some of"),
    ],
)
def test_errors_of_the_encoder_name_their_argument_and_their_cure(call, argument, cure, encoder):
    check_fields(call, encoder, argument=argument, cure=cure)


@pytest.mark.parametrize(
    ("call", "argument", "cure"),
    [
        (lambda path: fastpost.Corpus(3), "source", "pass a path or glob"),
        (lambda path: fastpost.Corpus({"a": 1}), "source", "pass a path, an iterable of str"),
        (lambda path: fastpost.Corpus.from_texts("a"), "texts", "pass a list of texts"),
        (lambda path: list(fastpost.Corpus(lambda: 3)), "source", "it should return an iterable of str"),
        (lambda path: fastpost.Corpus(path, format="x"), "format", "it is one of"),
        (lambda path: fastpost.Corpus(path, on_error="x"), "on_error", "it is one of"),
        (lambda path: list(fastpost.Corpus(path, column="b")), "column", "Pass `column`"),
        (lambda path: list(fastpost.Corpus(path)), "on_error", None),
    ],
)
def test_errors_of_corpora_name_their_argument_and_their_cure(call, argument, cure, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\n{"text": 3}\n')
    check_fields(call, path, argument=argument, cure=cure)


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


HALF = "a\ud800"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fastpost.Entities.from_spans([[(0, 4, "P", "x")]]), TypeError, r"`spans\[0\]\[0\]` has the score 'x'; pass"),
        (lambda: fastpost.Entities.from_spans({0: [(0, 4, "P")]}), TypeError, "`spans` is a dict; pass a list of lists"),
        (lambda: fastpost.Entities.from_spans([5]), TypeError, r"`spans\[0\]` is an int; pass a list of spans"),
        (lambda: fastpost.Entities.from_spans([[(0, 4, HALF)]]), ValueError, "which holds half a surrogate pair; pass"),
        (lambda: fastpost.EntityDecoder(["O"], ignore_labels=[HALF]), ValueError, "`ignore_labels` has the label .*surrogate"),
        (lambda: fastpost.EntityDecoder(["O"], threshold={HALF: 0.5}), ValueError, "`threshold` has the label .*surrogate"),
        (lambda: fastpost.Entities.from_spans([], labels=[HALF]), ValueError, r"`labels\[0\]` has the label .*surrogate"),
        (lambda: fastpost.EntityDecoder(["O", HALF]), ValueError, r"`id2label\[1\]` has the label .*surrogate pair"),
        (lambda: fastpost.EntityDecoder(["O", "P"], return_probs=2), TypeError, "`return_probs` is 2, an int; pass True"),
        (lambda: fastpost.Entities.from_spans([[(0, 4, "P")]], [None]), TypeError, r"`texts\[0\]` is a NoneType; pass a str"),
        (lambda: fastpost.spans_to_labels([[(0, 1)]], None, label2id={"O": 0}), TypeError, "`spans` is of type NoneType; pass"),
        (lambda: fastpost.labels_to_spans(5, [[(0, 1)]], label2id={"O": 0}), TypeError, "`labels` is the number 5; pass one"),
        (lambda: fastpost.EntityDecoder(["O"], threads=int), TypeError, "`threads` is <class 'int'>, a type; pass an int"),
        (lambda: fastpost.AnswerDecoder(threads=np.ones(2)), TypeError, r"`threads` is array\(.*; pass an int"),
        (lambda: fastpost.EntityDecoder(["O"], units=None), TypeError, "`units` is of type NoneType; pass a tuple of names"),
        (lambda: fastpost.Corpus(["a", 5]), TypeError, r"`source\[1\]` is 5, an int; pass a path or glob"),
        (lambda: list(fastpost.Corpus(iter([]))), ValueError, "the corpus holds no text: a list_iterator"),
        (lambda: fastpost.metrics.squad({"1": None}, []), TypeError, r"`predictions\['1'\]` is None, a NoneType; pass a str"),
        (
            lambda: fastpost.metrics.squad([{"id": "1", "prediction_text": None}], []),
            TypeError,
            r"`predictions\[0\]\['prediction_text'\]` is None",
        ),
        (
            lambda: fastpost.metrics.classification_report([["O"]], [["O"]], digits=True),
            ValueError,
            "`digits` is True; pass how many decimals",
        ),
        (
            lambda: fastpost.AnswerDecoder().decode(
                np.zeros((1, 9), np.float32), np.zeros((1, 10), np.float32), contexts=["a"], offsets=[[(0, 1)] * 9],
                sequence_ids=[[1] * 9],
            ),
            ValueError,
            "`end_logits` has 10 tokens in window 0 but `start_logits` has 9",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_as_the_caller_calls_it(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_need_not_be_wrong():
    decoder = fastpost.EntityDecoder({np.int64(0): "O", np.int64(1): "P"})
    assert decoder.labels == fastpost.EntityDecoder(["O", "P"]).labels
    found = fastpost.Entities.from_spans([[(0, 4, "P", 0.5)], []], ["Anna", "no"])
    assert fastpost.Entities.from_spans(found, ["Anna", "no"]).to_dicts() == found.to_dicts()
    redaction = fastpost.redact("Anna", [(0, 4, "P")])
    redaction.texts[0] = "Anna"
    redaction.spans[0]["label"] = "Q"
    redaction.spans.clear()
    assert (redaction.text, redaction.spans[0]["label"]) == ("[P]", "P")


def test_one_more_token_is_one():
    from fastpost.entities.decoder import _warn_lost

    for count, words in ((2, "and so is 1 more token;"), (3, "and so are 2 more tokens;")):
        with pytest.warns(UserWarning, match=words):
            _warn_lost(count, 0, 0, 3)
