"""The settings to try: transformers' strategies, own mode by strategy, and each option beside its default."""

from __future__ import annotations

from typing import Any

from fastpost.entities.options import defaults

Settings = dict[str, dict[str, Any]]

TRANSFORMERS: Settings = {
    name: {"compat": "transformers", "aggregation_strategy": name}
    for name in ("none", "simple", "first", "average", "max")
}
OWN: dict[str, Any] = {}
"""The decoder's own defaults: no option is given."""
REDACTION: dict[str, Any] = {
    "aggregation_strategy" if name == "aggregation_strategy" else name: value
    for name, value in defaults("redaction").items()
}

STRATEGIES: Settings = {
    f'aggregation_strategy="{name}"': {"aggregation_strategy": name}
    for name in ("none", "simple", "first", "average", "max")
}

OPTIONS: Settings = {
    'aggregation_strategy="simple"': {"aggregation_strategy": "simple"},
    'aggregation_strategy="first"': {"aggregation_strategy": "first"},
    'aggregation_strategy="max"': {"aggregation_strategy": "max"},
    'decode="argmax"': {"decode": "argmax"},
    'decode="argmax", repair="keep"': {"decode": "argmax", "repair": "keep"},
    'decode="argmax", repair="discard"': {"decode": "argmax", "repair": "discard"},
    'words="word_ids"': {"words": "word_ids"},
    "snap=None": {"snap": None},
    "join=None": {"join": None},
    'join="run"': {"join": "run"},
    "threshold=0.5": {"threshold": 0.5},
    'threshold=0.5, score="path"': {"threshold": 0.5, "score": "path"},
    'threshold=0.7, score="path"': {"threshold": 0.7, "score": "path"},
    "outside_bias=1": {"outside_bias": 1.0},
    "outside_bias=2": {"outside_bias": 2.0},
}
"""Each beside the defaults of extraction."""

BIASES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
"""The biases to try for redaction."""
REDACTIONS: Settings = {
    'aggregation_strategy="average"': {"aggregation_strategy": "average"},
    'join="pieces"': {"join": "pieces"},
    'decode="argmax"': {"decode": "argmax"},
    "threshold=0.5": {"threshold": 0.5},
}
"""Each beside the defaults of redaction."""

MERGES = ("context", "average", "transformers", "union")
LENGTHS = ((512, 128), (128, 32))
"""Windows of documents, in tokens, and by how many they overlap. The models were trained on 160 tokens at most."""
