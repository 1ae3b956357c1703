"""Reports of 20,000 tagged sentences beside seqeval, from Python lists to the text; the texts are compared first.

Predictions are wrong at one token of twenty. `one object a label` is what a loop over `id2label` gives; `one object a
token` is what reading a file gives: each tag a string of its own. The label ids go to seqeval through that loop, as
`compute_metrics` functions do it.
"""

from __future__ import annotations

import random
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from seqeval import metrics as theirs
from seqeval.scheme import IOB2, IOBES

from fastpost import metrics
from harness import Row, machine, pair, print_table

PEER = f"seqeval {version('seqeval')}"
SENTENCES = 20_000
TYPES = ("PER", "ORG", "LOC", "MISC")

Tags = list[list[str]]


def sentences(prefixes: str, rng: random.Random) -> tuple[list[str], Tags, Tags]:
    """Labels, true tags and predicted tags; `prefixes` is IOB2's or IOBES'."""
    labels = ["O", *(f"{prefix}-{name}" for name in TYPES for prefix in prefixes)]
    name = {label: label for label in labels}
    true = []
    for _ in range(SENTENCES):
        tags: list[str] = []
        length = rng.randint(5, 40)
        while len(tags) < length:
            entity, size = rng.choice(TYPES), rng.randint(1, 4)
            inside = [name[f"I-{entity}"]] * (size - 1)
            if rng.random() > 0.12:
                tags.append(name["O"])
            elif "S" not in prefixes:
                tags += [name[f"B-{entity}"], *inside]
            else:
                tags += [name[f"S-{entity}"]] if size == 1 else [name[f"B-{entity}"], *inside[1:], name[f"E-{entity}"]]
        true.append(tags[:length])
    predicted = [[tag if rng.random() < 0.95 else rng.choice(labels) for tag in tags] for tags in true]
    return labels, true, predicted


def fresh(rows: Tags) -> Tags:
    """The same tags, each a new string."""
    return [[(tag + " ")[:-1] for tag in row] for row in rows]


def padded(rows: Tags, labels: list[str], fill: int) -> np.ndarray[Any, Any]:
    """Label ids, as a trainer gives them."""
    ids = np.full((len(rows), max(map(len, rows))), fill)
    number = {label: at for at, label in enumerate(labels)}
    for row, tags in zip(ids, rows, strict=True):
        row[: len(tags)] = [number[tag] for tag in tags]
    return ids


def stop_unless(same: bool, what: str) -> None:
    """Stops the bench if the results differ."""
    if not same:
        sys.exit(f"{what}: results differ; nothing was timed")


def rows() -> list[Row]:
    """All comparisons."""
    rng = random.Random(0)
    found = []

    def row(work: str, their_work: Any, our_work: Any, goal: str = "") -> None:
        stop_unless(our_work() == their_work(), work)
        found.append(Row(work, PEER, *pair(their_work, our_work, 3, 5), goal))

    labels, *bio = sentences("BI", rng)
    bioes_labels, *bioes = sentences("BIES", rng)
    texts = tuple(fresh(tags) for tags in bio)
    tokens = sum(map(len, bio[0]))
    print(f"{SENTENCES:,} sentences, {tokens:,} tokens, {len(labels)} and {len(bioes_labels)} labels")
    strict = {"mode": "strict", "scheme": IOB2}
    of_bioes = {"mode": "strict", "scheme": IOBES}
    for objects, tags in (("label", bio), ("token", texts)):
        row(
            f"default report, one object a {objects}",
            lambda: theirs.classification_report(*tags),
            lambda: metrics.classification_report(*tags),
            "50x",
        )
        row(
            f"strict report, IOB2, one object a {objects}",
            lambda: theirs.classification_report(*tags, **strict),
            lambda: metrics.classification_report(*tags, **strict),
            "50x",
        )
    row(
        "strict report, IOBES, one object a label",
        lambda: theirs.classification_report(*bioes, **of_bioes),
        lambda: metrics.classification_report(*bioes, **of_bioes),
        "50x",
    )
    row(
        "strict F1 without a report, IOB2, one object a label",
        lambda: theirs.f1_score(*bio, **strict),
        lambda: metrics.f1_score(*bio, **strict),
    )
    row("accuracy", lambda: theirs.accuracy_score(*bio), lambda: metrics.accuracy_score(*bio))
    true_ids, predicted_ids = padded(bio[0], labels, -100), padded(bio[1], labels, 0)

    def looped() -> str:
        pairs = [
            [(labels[t], labels[p]) for t, p in zip(true, predicted, strict=True) if t != -100]
            for true, predicted in zip(true_ids.tolist(), predicted_ids.tolist(), strict=True)
        ]
        return theirs.classification_report(
            [[t for t, _ in row] for row in pairs], [[p for _, p in row] for row in pairs]
        )

    row(
        "default report of padded label ids",
        looped,
        lambda: metrics.classification_report(true_ids, predicted_ids, id2label=labels),
        "50x",
    )
    return found


if __name__ == "__main__":
    print(machine())
    print_table("Sequence labelling metrics", rows(), "metrics")
