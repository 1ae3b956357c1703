"""The tables of `tests/cases`, as Python sees them; `rust/core/tests/cases.rs` reads the same files."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

import fastpost

CASES = Path(__file__).parent / "cases"
BEHAVIOURS = {"own": "fastpost", "transformers": "transformers"}
SUBJECTS = ("entities", "answers", "labels", "alignment", "offsets")


def read(subject):
    table = json.loads((CASES / f"{subject}.json").read_text(encoding="utf-8"))
    for case in table["cases"]:
        case["tolerance"] = table["tolerance"]
    return table["cases"]


def each(subject, kind=None):
    """One parameter for each case; `kind` is a key of its inputs."""
    chosen = [case for case in read(subject) if kind is None or kind(case)]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


def logits(rows):
    """Rows of logits; null stands for -inf."""
    return np.array([[-np.inf if value is None else value for value in row] for row in rows], np.float32)


def test_there_are_cases_of_each_subject():
    counts = {subject: len(read(subject)) for subject in SUBJECTS}
    assert sum(counts.values()) >= 150, counts
    assert min(counts.values()) >= 30, counts
    for subject in SUBJECTS:
        names = [case["name"] for case in read(subject)]
        assert len(set(names)) == len(names), subject
        assert all(case.keys() == {"name", "inputs", "options", "expected", "tolerance"} for case in read(subject))


@pytest.mark.filterwarnings("ignore:token .* is labelled:UserWarning")
@each("entities")
def test_entities(case):
    inputs, options, want = case["inputs"], dict(case["options"]), case["expected"]
    compat = BEHAVIOURS[options.pop("behaviour")]
    for name in ("transitions", "start_transitions", "end_transitions"):
        if name in options:
            options[name] = np.array(options[name], np.float32)
    if "vocabulary" in inputs:
        vocabulary = {token: int(number) for number, token in inputs["vocabulary"].items()}
        vocabulary.setdefault(inputs["unknown"], max(vocabulary.values()) + 1)
        options["tokenizer"] = Tokenizer(models.WordPiece(vocabulary, unk_token=inputs["unknown"]))
    windows = inputs["windows"]
    columns = {"offsets": "offsets", "special_tokens_mask": "special", "word_ids": "word_ids", "input_ids": "ids"}
    form = {
        name: [window[key] for window in windows] for name, key in columns.items() if all(key in w for w in windows)
    }
    if "word_ids" in form and compat == "transformers":
        del form["word_ids"]
    decoder = fastpost.EntityDecoder(inputs["labels"], compat=compat, **options)
    found = decoder.decode(
        [logits(window["logits"]) for window in windows], texts=[inputs["text"]], windows=[0] * len(windows), **form
    )
    rows = [
        (int(start), int(end), label) for start, end, label in zip(found.start, found.end, found.label, strict=True)
    ]
    assert rows == [(entity["start"], entity["end"], entity["label"]) for entity in want["entities"]]
    scores = [entity["score"] for entity in want["entities"]]
    np.testing.assert_allclose(found.score, scores, rtol=0, atol=case["tolerance"])
    if compat == "fastpost":
        assert found.covered.tolist() == [want["covered"]]
        assert list(zip(found.token_start.tolist(), found.token_end.tolist(), strict=True)) == [
            tuple(entity["tokens"]) for entity in want["entities"]
        ]
        words = [[-1 if word is None else word for word in entity["words"]] for entity in want["entities"]]
        assert [list(pair) for pair in zip(found.word_start.tolist(), found.word_end.tolist(), strict=True)] == words
    elif options["aggregation_strategy"] == "none":
        assert found.index.tolist() == [entity["index"] for entity in want["entities"]]


@each("answers")
def test_answers(case):
    inputs, options, want = case["inputs"], dict(case["options"]), case["expected"]
    compat = BEHAVIOURS[options.pop("behaviour")]
    windows = inputs["windows"]
    found = fastpost.AnswerDecoder(compat=compat, **options).decode(
        *(
            [np.array([-np.inf if value is None else value for value in w[side]], np.float32) for w in windows]
            for side in ("start", "end")
        ),
        contexts=[inputs["context"]],
        windows=[0] * len(windows),
        cls_token_id=inputs["cls"],
        offsets=[w["offsets"] for w in windows],
        sequence_ids=[[-1 if value is None else value for value in w["sequence_ids"]] for w in windows],
        word_ids=[[-1 if value is None else value for value in w["word_ids"]] for w in windows],
        input_ids=[w["ids"] for w in windows],
    )
    rows = list(zip(found.start.tolist(), found.end.tolist(), found.answers, strict=True))
    assert rows == [(answer["start"], answer["end"], answer["answer"]) for answer in want["answers"]]
    scores = [answer["score"] for answer in want["answers"]]
    np.testing.assert_allclose(found.score, scores, rtol=0, atol=case["tolerance"])
    if "null_score" in want:
        np.testing.assert_allclose(found.null_score, [want["null_score"]], rtol=0, atol=case["tolerance"])


@each("labels", lambda case: "sequence" not in case["inputs"])
def test_labels(case):
    names, scheme, want = case["inputs"]["labels"], case["options"]["scheme"], case["expected"]
    if "error" in want:
        with pytest.raises(ValueError, match=r"label|scheme"):
            fastpost.EntityDecoder(names, scheme=scheme, aggregation_strategy="simple")
        return
    decoder = fastpost.EntityDecoder(names, scheme=scheme, aggregation_strategy="simple")
    assert decoder.scheme == want["scheme"]
    assert sorted(set(decoder.labels)) == sorted(want["types"])


@each("labels", lambda case: "sequence" in case["inputs"])
def test_sequences_of_labels(case):
    names = case["inputs"]["labels"]
    ids = {name: number for number, name in enumerate(names)}
    sequence = [ids[name] for name in case["inputs"]["sequence"]]
    offsets = [[at, at + 1] for at in range(len(sequence))]
    found = fastpost.labels_to_spans([sequence], [offsets], label2id=ids, **case["options"])
    assert found == [[tuple(entity) for entity in case["expected"]["entities"]]]


@each("alignment", lambda case: "a" not in case["inputs"])
def test_alignment(case):
    inputs, want = case["inputs"], case["expected"]
    ids = {name: number for number, name in enumerate(inputs["labels"])}
    special = [inputs["special"]]
    if "spans" in inputs:
        spans = [[tuple(span) for span in inputs["spans"]]]
        made = fastpost.spans_to_labels(
            [inputs["offsets"]], spans, label2id=ids, special_tokens_mask=special, **case["options"]
        )
        assert made.labels[0].tolist() == [-100 if name is None else ids[name] for name in want["labels"]]
        assert made.misfits == []
    else:
        labels = [-100 if name is None else ids[name] for name in inputs["sequence"]]
        found = fastpost.labels_to_spans(
            [labels], [inputs["offsets"]], label2id=ids, special_tokens_mask=special, **case["options"]
        )
        assert found == [[tuple(span) for span in want["spans"]]]


@each("alignment", lambda case: "a" in case["inputs"])
def test_tokens_of_two_tokenizers(case):
    there, back = fastpost.align_tokens(case["inputs"]["a"], case["inputs"]["b"])
    assert {"a_to_b": there, "b_to_a": back} == case["expected"]


@each("offsets", lambda case: "positions" in case["inputs"])
def test_positions(case):
    inputs, options = case["inputs"], case["options"]
    source, target, inside = options["source"], options["target"], options["inside"]
    converter = fastpost.OffsetMap(inputs["text"])
    found = converter.convert(np.array(inputs["positions"], np.int64), source, target, inside=inside)
    assert found.tolist() == case["expected"]["positions"]
    for position in inputs["refused"]:
        with pytest.raises(ValueError, match=str(position)):
            converter.convert(position, source, target, inside=inside)


@each("offsets", lambda case: "spans" in case["inputs"])
def test_normal_forms(case):
    inputs, want = case["inputs"], case["expected"]
    normal = fastpost.OffsetMap(inputs["text"]).through(case["options"]["form"])
    assert normal.normalized == want["text"]
    assert normal.to_original(inputs["spans"]).tolist() == want["spans"]
    assert normal.to_normalized(want["spans"]).tolist() == inputs["spans"]
