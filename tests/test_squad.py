"""`postprocess_qa_predictions` writes what the example scripts of transformers write; the metrics of SQuAD."""

import gzip
import json
import sys

import numpy as np
import pytest

import fastpost
from fastpost import postprocess_qa_predictions
from fastpost.metrics import squad, squad_v2
from qa_twin import QA


@pytest.fixture(scope="module")
def data():
    with gzip.open(QA / "squad-en.json.gz", "rt", encoding="utf-8") as file:
        found = json.load(file)
    arrays = np.load(QA / "squad-en.npz")
    ids = [example["id"] for example in found["examples"]]
    features = [
        {
            "example_id": ids[owner],
            "offset_mapping": [None if start < 0 else (start, end) for start, end in mapping.tolist()],
        }
        for owner, mapping in zip(arrays["feature_example"], arrays["offset_mapping"], strict=True)
    ]
    return found, features, (arrays["start_logits"], arrays["end_logits"])


@pytest.mark.parametrize("setting", range(4))
def test_files_of_the_example_scripts(data, setting, tmp_path):
    found, features, logits = data
    settings, files = found["results"][setting]["settings"], found["results"][setting]["files"]
    answers = postprocess_qa_predictions(found["examples"], features, logits, output_dir=tmp_path, **settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    for name, want in files.items():
        assert (tmp_path / name).read_text() == json.dumps(want, indent=4) + "\n"
    assert answers == files["predictions.json"]
    assert postprocess_qa_predictions(found["examples"], features, logits, **settings) == answers
    postprocess_qa_predictions(found["examples"], features, logits, output_dir=tmp_path, prefix="eval", **settings)
    assert (tmp_path / "eval_predictions.json").exists()


def test_columns_in_place_of_rows(data):
    found, features, logits = data
    columns = lambda rows: {name: [row[name] for row in rows] for name in rows[0]}  # noqa: E731
    got = postprocess_qa_predictions(columns(found["examples"]), ColumnsOnly(columns(features)), logits)
    assert got == found["results"][0]["files"]["predictions.json"]


class ColumnsOnly:
    """The part of `datasets.Dataset` that the test needs."""

    def __init__(self, columns):
        self.columns, self.column_names = columns, list(columns)

    def __getitem__(self, name):
        return self.columns[name]

    def __len__(self):
        return len(self.columns["example_id"])


def tiny(
    context="abcd", offsets=((0, 1), (1, 2), (2, 4)), start=(0.0, 1.0, 2.0, 3.0), end=(0.0, 1.0, 2.0, 3.0), **feature
):
    examples = [{"id": "a", "context": context}]
    features = [{"example_id": "a", "offset_mapping": [None, *offsets], **feature}]
    return examples, features, (np.array([start], np.float32), np.array([end], np.float32))


def test_small_cases(tmp_path):
    assert postprocess_qa_predictions(*tiny()) == {"a": "cd"}
    assert postprocess_qa_predictions(*tiny(token_is_max_context={"1": True, "2": True, "3": False})) == {"a": "bcd"}
    assert postprocess_qa_predictions(*tiny(offsets=(None, None, None))) == {"a": "empty"}
    assert postprocess_qa_predictions(*tiny(), max_answer_length=1, n_best_size=1) == {"a": "cd"}
    negative = {"version_2_with_negative": True, "output_dir": tmp_path}
    postprocess_qa_predictions(*tiny(offsets=(None, None, None)), **negative)
    entries = json.loads((tmp_path / "nbest_predictions.json").read_text())["a"]
    assert [list(entry) for entry in entries] == [
        ["text", "start_logit", "end_logit", "probability"],
        ["start_logit", "end_logit", "text", "probability"],
    ]
    assert [entry["text"] for entry in entries] == ["empty", ""]
    # Three spans tie: the first token wins.
    assert postprocess_qa_predictions(
        *tiny(start=(9.0, 0, 0, 0)), version_2_with_negative=True, null_score_diff_threshold=100
    ) == {"a": "abcd"}
    assert postprocess_qa_predictions(*tiny(start=(9.0, 0, 0, 0)), version_2_with_negative=True) == {"a": ""}
    # An answer that is as good as "no answer" by the threshold is given.
    tie = tiny(start=(5.0, 0, 0, 3.0), end=(0.0, 0, 0, 1.0))
    assert postprocess_qa_predictions(*tie, version_2_with_negative=True, null_score_diff_threshold=1) == {"a": "cd"}
    assert postprocess_qa_predictions(*tie, version_2_with_negative=True, null_score_diff_threshold=0.5) == {"a": ""}
    # If several windows have equal "no answer" scores, the first one's logits are reported.
    examples, (window,), _ = tiny()
    logits = np.array([[3.0, 0, 0, 1], [1, 0, 0, 1]], np.float32), np.array([[1.0, 0, 0, 1], [3, 0, 0, 1]], np.float32)
    postprocess_qa_predictions(examples, [window, window], logits, **negative)
    entries = json.loads((tmp_path / "nbest_predictions.json").read_text())["a"]
    assert {(entry["start_logit"], entry["end_logit"]) for entry in entries if not entry["text"]} == {(3.0, 1.0)}
    # With only empty texts, the script ends with an IndexError.
    assert postprocess_qa_predictions(*tiny(context=""), version_2_with_negative=True) == {"a": ""}


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("`predictions` has 3 entries", {"predictions": (1, 2, 3)}),
        ("`predictions` has 2 windows but `features` has 1", {"predictions": (np.zeros((2, 4), np.float32),) * 2}),
        (
            "start logits .* but end logits",
            {"predictions": (np.zeros((1, 4), np.float32), np.zeros((1, 5), np.float32))},
        ),
        ("`features` holds the example_id 'b'", {"features": [{"example_id": "b", "offset_mapping": []}]}),
        ("`n_best_size` is 0", {"n_best_size": 0}),
        ("`max_answer_length` is 0", {"max_answer_length": 0}),
        (
            "`end_logits` holds NaN",
            {"predictions": (np.zeros((1, 4), np.float32), np.full((1, 4), np.nan, np.float32))},
        ),
    ],
)
def test_bad_arguments(match, change):
    examples, features, predictions = tiny()
    with pytest.raises(ValueError, match=match):
        postprocess_qa_predictions(**{"examples": examples, "features": features, "predictions": predictions, **change})


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NotADirectoryError, match="`output_dir`"):
        postprocess_qa_predictions(*tiny(), output_dir=tmp_path / "no")


# --- metrics ------------------------------------------------------------------------------------------------


def reference(question, *texts):
    return {"id": question, "answers": {"text": list(texts), "answer_start": [0] * len(texts)}}


def test_squad_by_hand():
    predictions = {"1": "The 1976!", "2": "blue car", "3": "wrong", "4": "a"}
    references = [
        reference("1", "1976"),
        reference("2", "red", "a red car"),
        reference("3", "right"),
        reference("4", "the"),
    ]
    # 1: equal once articles and signs are gone. 2: one of two words, of two. 4: equal, but no word is left for F1.
    assert squad(predictions, references) == {"exact_match": 50.0, "f1": (1 + 0.5 + 0 + 0) * 25}
    rows = [{"id": key, "prediction_text": text} for key, text in predictions.items()]
    assert squad(rows, references) == squad(predictions, references)
    assert squad({}, references[:1]) == {"exact_match": 0.0, "f1": 0.0}
    with pytest.raises(ValueError, match="no answer for id 'x'"):
        squad({"x": ""}, [reference("x")])
    with pytest.raises(ValueError, match="`references` is empty"):
        squad({}, [])


def test_squad_v2_by_hand():
    example = [{"prediction_text": "1976", "id": "q", "no_answer_probability": 0.0}]
    assert squad_v2(example, [reference("q", "1976")]) == {
        "exact": 100.0, "f1": 100.0, "total": 1, "HasAns_exact": 100.0, "HasAns_f1": 100.0, "HasAns_total": 1,
        "best_exact": 100.0, "best_exact_thresh": 0.0, "best_f1": 100.0, "best_f1_thresh": 0.0,
    }  # fmt: skip
    rows = [("1", "right", 0.1), ("2", "wrong", 0.2), ("3", "right", 0.3), ("4", "something", 0.9)]
    predictions = [{"id": i, "prediction_text": t, "no_answer_probability": p} for i, t, p in rows]
    references = [reference("1", "right"), reference("2", "right"), reference("3", "right"), reference("4")]
    found = squad_v2(predictions, references)
    assert (found["exact"], found["HasAns_exact"], found["NoAns_exact"]) == (50.0, 200 / 3, 0.0)
    assert (found["best_exact"], found["best_exact_thresh"]) == (75.0, float(np.float32(0.3)))
    assert squad_v2(predictions, references, no_answer_threshold=0.5)["exact"] == 75.0
    with pytest.raises(ValueError, match="`predictions` holds none for id 'z'"):
        squad_v2(predictions, [reference("z", "x")])


def test_squad_v2_beside_transformers(data):
    """transformers carries the official script of SQuAD 2.0, which `evaluate` wraps."""
    pytest.importorskip("torch")
    peer = pytest.importorskip("transformers.data.metrics.squad_metrics")
    from transformers.data.processors.squad import SquadExample

    found = data[0]
    rng = np.random.default_rng(0)
    for result in found["results"]:
        texts = result["files"]["predictions.json"]
        none = {key: float(np.float32(p)) for key, p in zip(texts, rng.random(len(texts)), strict=True)}
        golds = {example["id"]: example["answers"] for example in found["examples"]}
        for key in list(golds)[::3]:
            golds[key] = []
        examples = [
            SquadExample(key, "", "", None, None, None, answers=[{"text": t} for t in gold])
            for key, gold in golds.items()
        ]
        for threshold in (1.0, 0.4):
            want = dict(peer.squad_evaluate(examples, texts, none, threshold))
            got = squad_v2(
                [
                    {"id": key, "prediction_text": text, "no_answer_probability": none[key]}
                    for key, text in texts.items()
                ],
                [reference(key, *gold) for key, gold in golds.items()],
                threshold,
            )
            assert got == {key: want[key] for key in got}
            assert set(want) <= set(got)


def test_the_metrics_need_no_transformers(python):
    assert python(
        "import fastpost.metrics, sys; print('transformers' in sys.modules, 'torch' in sys.modules)"
    ).split() == ["False", "False"]
    assert "fastpost" in sys.modules


@pytest.mark.parametrize(
    ("predictions", "error", "message"),
    [
        ([{"id": "a", "prediction_text": "x"}], ValueError, "no `no_answer_probability` for id 'a'.*or take `squad`"),
        ({"a": "x"}, TypeError, "dict of text by id, which holds no `no_answer_probability`"),
        ([{"id": "a", "no_answer_probability": 0.0}], ValueError, r"`predictions\[0\]` has no `prediction_text`"),
        ([{"prediction_text": "x", "no_answer_probability": 0.0}], ValueError, r"`predictions\[0\]` has no `id`"),
        (["x"], ValueError, r"`predictions\[0\]` has no `id`"),
    ],
)
def test_predictions_that_lack_something(predictions, error, message):
    with pytest.raises(error, match=message):
        fastpost.metrics.squad_v2(predictions, [{"id": "a", "answers": {"text": ["x"]}}])
