"""Answers beside transformers 4.57, the last version with question answering: the search, and all that follows a model.

    python benches/python/bench_answers.py [--lengths] [--json FILE]

Run it with transformers 4.57 on PYTHONPATH; `make bench` does.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers

import fastpost
from harness import Row, duration, machine, options, pair, print_growth, print_table, seconds, write_json

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from qa_twin import QA, Window, recorded  # noqa: E402

try:
    from transformers.pipelines.question_answering import QuestionAnsweringPipeline, select_starts_ends
except ImportError:
    sys.exit(f"transformers {transformers.__version__} has no question answering; run this with 4.57 on PYTHONPATH")

PEER = f"transformers {transformers.__version__}"
QUESTIONS = 1190
warnings.filterwarnings("ignore", category=DeprecationWarning)


def stop_unless(same: bool, what: str) -> None:
    """Stops the bench if the results differ."""
    if not same:
        sys.exit(f"{what}: results differ; nothing was timed")


def search() -> list[Row]:
    """`select_starts_ends` for the 12 candidates of top_k=1, beside logits to columns."""
    goals = {384: "100x", 512: "400x", 8192: "5000x"}
    times = {tokens: one_window(tokens) for tokens in goals}
    name = f"{PEER} `select_starts_ends`"
    rows = [Row(f"12 candidates of {tokens} tokens", name, *times[tokens], goal) for tokens, goal in goals.items()]
    growth = Row("growth: ours of 8192 tokens, ours of 512", "fastpost", times[8192][1], times[512][1], "at most 20x")
    return [*rows, growth]


def lengths() -> list[dict[str, float]]:
    """The search in windows of other lengths."""
    measured = []
    for tokens in (64, 128, 256, 512, 1024, 2048, 4096, 8192):
        theirs, ours = one_window(tokens)
        measured.append({"tokens": tokens, "theirs": theirs, "ours": ours})
    return measured


def one_window(tokens: int) -> tuple[float, float]:
    """Medians of both for one window."""
    rng = np.random.default_rng(tokens)
    start, end = rng.normal(0, 3, (2, 1, tokens)).astype(np.float32)
    sequence = np.ones((1, tokens), np.int64)
    sequence[:, 1:20] = 0
    sequence[:, [0, 20, -1]] = -1
    p_mask = (sequence != 1).astype(int)
    p_mask[:, 0] = 0
    attention = np.ones((1, tokens), int)
    at = np.arange(tokens) * 5
    words, offsets = np.arange(tokens)[None].copy(), np.stack([at, at + 4], 1)[None].copy()
    contexts = ["".join(f"{number:04d} " for number in range(tokens))]
    one = fastpost.AnswerDecoder(compat="transformers", threads=1)
    twelve = fastpost.AnswerDecoder(compat="transformers", top_k=12, align_to_words=False)

    def theirs() -> Any:
        return select_starts_ends(start, end, p_mask, attention, top_k=12)

    def ours(decoder: fastpost.AnswerDecoder = one) -> Any:
        answers = decoder.decode(start, end, contexts=contexts, offsets=offsets, sequence_ids=sequence, word_ids=words)
        return answers.start, answers.end, answers.score

    firsts, lasts, scores, _ = theirs()
    starts, ends, found = ours(twelve)
    same = (starts // 5).tolist() == firsts.tolist() and (ends // 5).tolist() == lasts.tolist()
    stop_unless(same and found.tolist() == scores.tolist(), f"{tokens} tokens")
    stop_unless(ours()[2].tolist() == scores.tolist()[:1], f"{tokens} tokens")
    return pair(theirs, ours, 51 if tokens < 1000 else 7, 30)


class Encoding:
    """The part of a `tokenizers.Encoding` that `postprocess` reads, as lists and a dict."""

    def __init__(self, window: Window) -> None:
        self.offsets = [tuple(pair) for pair in window.offsets.tolist()]
        self.words = [None if word < 0 else word for word in window.word_ids.tolist()]
        self.chars: dict[int, tuple[int, int]] = {}
        for word, sequence, (start, end) in zip(self.words, window.sequence_ids.tolist(), self.offsets, strict=True):
            if word is not None and sequence == 1:
                self.chars[word] = (self.chars.get(word, (start, end))[0], end)

    def token_to_word(self, token: int) -> int | None:
        return self.words[token]

    def word_to_chars(self, word: int, sequence_index: int) -> tuple[int, int]:  # noqa: ARG002
        return self.chars[word]


def data_set() -> tuple[list[str], list[list[Window]]]:
    """Contexts and windows of 1,190 questions of XQuAD-en: the recorded ones, over and over."""
    # Those of the pipeline's default window size, 384 tokens.
    cases = [(case["context"], windows) for case, windows in recorded("en") if "max_seq_len" not in case["parameters"]]
    chosen = [cases[number % len(cases)] for number in range(QUESTIONS)]
    return [context for context, _ in chosen], [windows for _, windows in chosen]


def after_the_model() -> list[Row]:
    """All that follows the model, for 1,190 questions."""
    contexts, questions = data_set()
    pipe = QuestionAnsweringPipeline.__new__(QuestionAnsweringPipeline)
    pipe.framework = "pt"
    pipe.tokenizer = SimpleNamespace(is_fast=True, padding_side="right", pad_token_id=0)
    outputs = []
    for context, windows in zip(contexts, questions, strict=True):
        example = SimpleNamespace(context_text=context)
        outputs.append(
            [
                {
                    "start": torch.from_numpy(w.start)[None],
                    "end": torch.from_numpy(w.end)[None],
                    "example": example,
                    "p_mask": torch.from_numpy(((w.sequence_ids != 1) & (w.input_ids != 101)).astype(np.int64))[None],
                    "attention_mask": torch.ones(1, len(w.start), dtype=torch.long),
                    "input_ids": torch.from_numpy(w.input_ids)[None],
                    "encoding": Encoding(w),
                }
                for w in windows
            ]
        )
    everything = [w for windows in questions for w in windows]
    owners = np.repeat(np.arange(QUESTIONS), [len(windows) for windows in questions])
    flat = {
        name: np.concatenate([getattr(w, name) for w in everything])
        for name in ("start", "end", "offsets", "sequence_ids", "word_ids", "input_ids")
    }
    lengths = np.array([len(w.start) for w in everything])
    width = int(lengths.max())
    padded = np.full((2, len(everything), width), -20, np.float32)
    for number, w in enumerate(everything):
        padded[0, number, : len(w.start)], padded[1, number, : len(w.start)] = w.start, w.end
    examples = [{"id": number, "context": context} for number, context in enumerate(contexts)]
    features = [
        {
            "example_id": int(owner),
            "offset_mapping": [
                tuple(pair) if s == 1 else None
                for pair, s in zip(w.offsets.tolist(), w.sequence_ids.tolist(), strict=True)
            ],
        }
        for owner, w in zip(owners, everything, strict=True)
    ]
    decoder = fastpost.AnswerDecoder(compat="transformers")

    def theirs() -> list[Any]:
        return [pipe.postprocess(output) for output in outputs]

    def decoded() -> list[Any]:
        return decoder.decode(
            flat["start"], flat["end"], contexts=contexts, offsets=flat["offsets"], sequence_ids=flat["sequence_ids"],
            word_ids=flat["word_ids"], input_ids=flat["input_ids"], cls_token_id=101, lengths=lengths, windows=owners,
        ).to_dicts()  # fmt: skip

    def files() -> dict[Any, str]:
        return fastpost.postprocess_qa_predictions(examples, features, (padded[0], padded[1]))

    stop_unless(decoded() == theirs(), "postprocess")
    check_files()
    name = f"{PEER} `postprocess`, looped"
    return [
        Row(
            f"dicts of {QUESTIONS} questions, {len(everything)} windows: AnswerDecoder",
            name,
            *pair(theirs, decoded, 3, 3),
        ),
        Row("`postprocess_qa_predictions` over the same windows", name, *pair(theirs, files, 3, 3), "50x"),
    ]


def check_files() -> None:
    """`postprocess_qa_predictions` writes what the example scripts wrote."""
    found = json.loads(gzip.decompress((QA / "squad-en.json.gz").read_bytes()))
    arrays = np.load(QA / "squad-en.npz")
    features = [
        {
            "example_id": found["examples"][owner]["id"],
            "offset_mapping": [None if s < 0 else (s, e) for s, e in mapping.tolist()],
        }
        for owner, mapping in zip(arrays["feature_example"], arrays["offset_mapping"], strict=True)
    ]
    for result in found["results"]:
        with tempfile.TemporaryDirectory() as folder:
            logits = (arrays["start_logits"], arrays["end_logits"])
            fastpost.postprocess_qa_predictions(
                found["examples"], features, logits, output_dir=folder, **result["settings"]
            )
            for name, want in result["files"].items():
                stop_unless(json.loads((Path(folder) / name).read_text()) == want, name)


def long_context() -> None:
    """100,000 tokens in one window, which as a matrix would be 40 GB."""
    tokens = 100_000
    start, end = np.random.default_rng(0).normal(0, 3, (2, tokens)).astype(np.float32)
    at = np.arange(tokens) * 3
    offsets = np.stack([at, at + 2], 1)
    arrays = {"contexts": ["ab " * tokens], "offsets": offsets, "sequence_ids": np.ones(tokens, np.int8)}
    for compat in ("transformers", "fastpost"):
        decoder = fastpost.AnswerDecoder(compat=compat, align_to_words=False, threads=1)
        decode = partial(decoder.decode, start, end, **arrays)
        median = statistics.median(seconds(decode, 3) for _ in range(5))
        print(f"100,000 tokens, compat={compat!r}: {duration(median)}")


def growth() -> None:
    """All tokens in one word, as a run of Chinese can be; twice the tokens should take twice the time."""
    rng = np.random.default_rng(0)
    decoder = fastpost.AnswerDecoder(top_k=5, dedupe="overlap", align_to_words=True, threads=1)

    def decoded(tokens: int):
        start, end = rng.normal(size=(2, 1, tokens)).astype(np.float32)
        at = np.arange(tokens)
        arrays = {"offsets": np.stack([at, at + 1], 1)[None], "sequence_ids": np.ones((1, tokens), np.int8)}
        words = np.zeros((1, tokens), np.int64)
        return partial(decoder.decode, start, end, **arrays, word_ids=words, contexts=["x" * tokens])

    works = {tokens: decoded(tokens) for tokens in (1024, 2048, 4096, 8192, 16384)}
    print_growth('dedupe="overlap" of one word', "tokens", works)


def main() -> None:
    """Prints all tables."""
    asked = options(__doc__)
    print(machine())
    if asked.lengths:
        measured = lengths()
        name = f"{PEER} `select_starts_ends`"
        rows = [Row(f"12 candidates of {one['tokens']} tokens", name, one["theirs"], one["ours"]) for one in measured]
        print_table("Answers in windows of other lengths", rows)
        write_json(asked.json, peer=PEER, lengths=measured)
        return
    print_table("Answers", [*search(), *after_the_model()], "answers")
    long_context()
    growth()


if __name__ == "__main__":
    main()
