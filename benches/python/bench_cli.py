"""`fastpost ner` beside its own pipeline called from Python, with a model that costs nothing; and its memory.

    python benches/python/bench_cli.py [--texts 100000]

The command runs in this process with that model in place of a folder's, so that the time is all reading, decoding
and writing. The lines are compared with the pipeline's results before any time is printed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from bench_entities import Lookup, wikigold_documents
from harness import duration, machine, seconds


def free_pipeline() -> Any:
    """The token-classification pipeline of the bench of entities: its model is a table."""
    import torch
    from transformers import AutoConfig, AutoTokenizer

    import fastpost
    import rampart

    folder = rampart.package_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=512)
    config = AutoConfig.from_pretrained(folder)
    table = torch.randn(len(tokenizer), len(config.id2label), generator=torch.Generator().manual_seed(0))
    table[torch.rand(len(tokenizer), generator=torch.Generator().manual_seed(1)) < 0.9, 0] += 9  # mostly outside
    model = Lookup(config, table).eval()
    return fastpost.TokenClassificationPipeline(
        model=model, tokenizer=tokenizer, aggregation_strategy="simple", stride=64, batch_size=32
    )


def write_texts(path: Path, count: int) -> list[str]:
    """Short texts, one to three dozen words."""
    words = " ".join(wikigold_documents()).split()
    texts = []
    for n in range(count):
        at = n * 17 % (len(words) - 40)
        texts.append(" ".join(words[at : at + 10 + n % 25]))
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    return texts


def command(path: Path, out: Path, pipe: Any) -> None:
    """`fastpost ner` with `pipe`."""
    from fastpost.jobs import EntityJob, Reading

    with EntityJob(str(path), str(out), Reading(id_column="id"), overwrite=True) as job:
        job.run(pipe)


def peak(count: int, answer: Any) -> None:
    """Memory of this process at the end of a job, above what it had with the model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        write_texts(path, count)
        pipe = free_pipeline()
        pipe(["warm"])
        before = psutil.Process().memory_info().rss
        command(path, Path(folder, "out.jsonl"), pipe)
        answer.put(psutil.Process().memory_info().rss - before)


def main() -> None:
    """Prints both."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=100_000)
    count = options.parse_args().texts
    print(f"\n### The command line, {machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "x.jsonl"), Path(folder, "out.jsonl")
        texts = write_texts(path, count)
        pipe = free_pipeline()
        found = pipe(texts)
        command(path, out, pipe)
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        for line, entities in zip(lines, found, strict=True):
            if [(e["start"], e["end"], e["label"]) for e in line["entities"]] != [
                (e["start"], e["end"], e["entity_group"]) for e in entities
            ]:
                sys.exit("results differ; nothing was timed")
        del lines, found
        # In turn, so that other load on the machine falls on both.
        times = [(seconds(lambda: pipe(texts)), seconds(lambda: command(path, out, pipe))) for _ in range(5)]
        theirs, ours = sorted(times, key=lambda pair: pair[1] / pair[0])[2]
        print(
            f"{count:,} texts: pipeline {duration(theirs)}, command {duration(ours)}, {ours / theirs:.2f}x (goal 1.3x)"
        )
    spawn = multiprocessing.get_context("spawn")
    for size in (count // 10, count):
        answer = spawn.Queue()
        child = spawn.Process(target=peak, args=(size, answer))
        child.start()
        print(f"{size:,} texts: {answer.get() / 1e6:,.0f} MB more than with the model alone")
        child.join()


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    main()
