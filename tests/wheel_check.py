"""Checks an installed wheel with NumPy alone, in an environment that has nothing else.

    python -I tests/wheel_check.py

It is not a test file, since such an environment has no pytest; `test_wheel.py` and the release workflow run it.
"""

import gzip
import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import fastpost

DATA = Path(__file__).resolve().parent / "data" / "qa"
ALLOWED = {"fastpost", "numpy", "pip", "setuptools"}
EXTRAS = (
    "torch",
    "transformers",
    "tokenizers",
    "onnxruntime",
    "pyarrow",
    "ray",
    "pyspark",
    "spacy",
    "presidio_analyzer",
)


def entities() -> int:
    """Decodes one window by every strategy; the words are those of its text."""
    labels = ["O", "B-PER", "I-PER", "B-LOC"]
    text = "Sarah Johnson lives in London"
    offsets = [[(0, 5), (6, 13), (14, 19), (20, 22), (23, 29)]]
    logits = np.array([[[0, 6, 1, 0], [0, 1, 5, 0], [7, 0, 0, 0], [7, 0, 0, 0], [1, 0, 0, 5]]], np.float32)
    for strategy in ("simple", "first", "average", "max"):
        decoder = fastpost.EntityDecoder(labels, aggregation_strategy=strategy, compat="transformers")
        found = decoder.decode(logits, offsets=offsets, texts=[text])
        rows = [(row["entity_group"], row["word"], row["start"], row["end"]) for row in found]
        assert rows == [("PER", "Sarah Johnson", 0, 13), ("LOC", "London", 23, 29)], (strategy, rows)
        assert found.score.dtype == np.float32
        assert 0.9 < found.score.min() <= found.score.max() <= 1, found.score
    return len(rows)


def answers() -> int:
    """Decodes the recorded questions; the answers are those that transformers 4.57.6 gave."""
    with gzip.open(DATA / "en.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    with np.load(DATA / "en.npz") as arrays:
        ends = np.cumsum(arrays["lengths"])
        windows = [window for case in cases for window in case["windows"]]
        rows = np.concatenate([np.arange(ends[w] - arrays["lengths"][w], ends[w]) for w in windows])
        found = fastpost.AnswerDecoder(compat="transformers").decode(
            arrays["logits"][rows, 0],
            arrays["logits"][rows, 1],
            contexts=[case["context"] for case in cases],
            offsets=arrays["offsets"][rows],
            sequence_ids=arrays["sequence_ids"][rows],
            word_ids=arrays["word_ids"][rows],
            input_ids=arrays["input_ids"][rows],
            cls_token_id=cases[0]["cls_token_id"],
            lengths=arrays["lengths"][windows],
            windows=[number for number, case in enumerate(cases) for _ in case["windows"]],
        )
    for case, got in zip(cases, found.to_dicts(), strict=True):
        want = case["expected"]
        if not case["parameters"]:
            assert (got["start"], got["end"], got["answer"]) == (want["start"], want["end"], want["answer"]), case
            assert abs(got["score"] - want["score"]) <= 1e-6, case
    return sum(not case["parameters"] for case in cases)


def corpus() -> int:
    """Reads a JSON Lines file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.jsonl")
        path.write_text("".join(json.dumps({"text": f"text {i} 😀"}) + "\n" for i in range(2500)), encoding="utf-8")
        texts = [text for batch in fastpost.Corpus(str(path)) for text in batch]
    assert texts == [f"text {i} 😀" for i in range(2500)]
    return len(texts)


def main() -> None:
    """Runs all checks, then checks which modules were imported."""
    installed = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
    if "--alone" in sys.argv:
        assert installed <= ALLOWED, f"the environment holds more than NumPy: {sorted(installed - ALLOWED)}"
    assert fastpost.__version__ == importlib.metadata.version("fastpost")
    assert "site-packages" in Path(fastpost.__file__).parts, f"{fastpost.__file__} is not the installed package"
    print(f"entities {entities()}, answers {answers()}, texts {corpus()}")
    brought = [name for name in EXTRAS if name in sys.modules]
    assert not brought, f"NumPy is the one dependency, but {brought} were imported"


if __name__ == "__main__":
    main()
