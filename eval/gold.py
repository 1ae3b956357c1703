"""Texts with gold spans: wikigold as sentences and documents, Italian and French, the made personal data.

A file has a JSON object a line, `text` and `spans`: [start, end, label] in characters, end excluded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

Spans = Sequence[tuple[int, int, str]]


@dataclass(frozen=True)
class Gold:
    """Texts and their right spans."""

    name: str
    texts: list[str]
    spans: list[list[tuple[int, int, str]]]
    chosen: np.ndarray
    """(texts,), whether options may be chosen on the text; the other texts are for the report."""


def read(path: Path) -> tuple[list[str], list[list[tuple[int, int, str]]]]:
    """Texts and spans of a file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [[(start, end, label) for start, end, label in row["spans"]] for row in rows]


def wikigold(folder: Path) -> Gold:
    """The sentences. Options may be chosen on those of every other document."""
    texts, spans = read(folder / "wikigold-test.jsonl")
    documents, _ = read(folder / "wikigold-test-documents.jsonl")
    owner, at, number = [], 0, 0
    for text in texts:
        place = documents[number].find(text, at)
        if place < 0:
            number, at = number + 1, 0
            place = documents[number].index(text)
        owner.append(number)
        at = place + len(text)
    return Gold("wikigold", texts, spans, np.array(owner) % 2 == 0)


def wikigold_documents(folder: Path) -> Gold:
    """Whole documents. Options may be chosen on every other one, the same as in `wikigold`."""
    texts, spans = read(folder / "wikigold-test-documents.jsonl")
    return Gold("wikigold documents", texts, spans, np.arange(len(texts)) % 2 == 0)
