"""Corpus against the usual ways to read texts: `python benches/python/bench_corpus.py [--rounds 5] [--megabytes 280]`.

JSON Lines from the page cache to batches of 1,000 `str`, and Arrow tables to lists of `str`. Each peer's texts are
checked to be ours before anything is timed; then the peer and we take turns, and medians are printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import datasets
import orjson
import pyarrow as pa

import fastpost
from python_functions import path_of

COLUMN = "whole_func_string"
Batches = Iterable[list[str]]


def batches_of(texts: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(texts, 1000)):
        yield batch


def with_json(path: str) -> Batches:
    with open(path, encoding="utf-8") as file:
        yield from batches_of(json.loads(line)[COLUMN] for line in file)


def with_orjson(path: str) -> Batches:
    with open(path, "rb") as file:
        yield from batches_of(orjson.loads(line)[COLUMN] for line in file)


def with_datasets_rows(path: str) -> Batches:
    rows = datasets.load_dataset("json", data_files=path, split="train", streaming=True)
    yield from batches_of(row[COLUMN] for row in rows)


def with_datasets_batches(path: str) -> Batches:
    rows = datasets.load_dataset("json", data_files=path, split="train", streaming=True)
    yield from (batch[COLUMN] for batch in rows.iter(batch_size=1000))


def with_corpus(path: str) -> Batches:
    return fastpost.Corpus(path, column=COLUMN)


def with_to_pylist(table: pa.Table) -> Batches:
    for batch in table.to_batches(max_chunksize=1000):
        yield batch.column(COLUMN).to_pylist()


def arrow_corpus(table: pa.Table) -> Batches:
    return fastpost.Corpus(table, column=COLUMN)


def digest(batches: Batches) -> str:
    seen = hashlib.blake2b()
    for batch in batches:
        for text in batch:
            seen.update(text.encode() + b"\0")
    return seen.hexdigest()


def seconds(read: Callable[..., Batches], source: object) -> float:
    began = time.perf_counter()
    for _ in read(source):
        pass
    return time.perf_counter() - began


def compare(work: str, peer: str, theirs: Callable, ours: Callable, source: object, rounds: int, target: str) -> None:
    if digest(theirs(source)) != digest(ours(source)):
        sys.exit(f"{work}: {peer} and fastpost give different texts")
    times = [(seconds(theirs, source), seconds(ours, source)) for _ in range(rounds)]
    their, our = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"| {work} | {peer} | {their:.3f} s | {our:.3f} s | {their / our:.1f}x | {target} |", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--megabytes", type=int, default=280)
    given = options.parse_args()
    path = str(path_of(given.megabytes))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load average at the start: {os.getloadavg()[0]:.1f}\n")
    print("| work | peer | peer time | fastpost | ratio | target |\n|---|---|---|---|---|---|")
    work = f"JSONL, {given.megabytes} MB"
    with tempfile.TemporaryDirectory() as cache:
        datasets.config.HF_DATASETS_CACHE = cache
        datasets.disable_progress_bars()
        compare(work, "json " + platform.python_version(), with_json, with_corpus, path, given.rounds, "4x")
        compare(work, "orjson " + orjson.__version__, with_orjson, with_corpus, path, given.rounds, "2x")
        name = f"datasets {datasets.__version__}, streaming"
        for kind, read in (("rows", with_datasets_rows), ("batches", with_datasets_batches)):
            compare(work, f"{name} {kind}", read, with_corpus, path, given.rounds, "10x")
    texts = [text for batch in with_corpus(path) for text in batch]
    columns = {
        "Arrow table, string": pa.array(texts),
        "Arrow table, large_string": pa.array(texts, pa.large_string()),
        "Arrow table, string_view": pa.array(texts, pa.string_view()),
    }
    del texts
    for work, column in columns.items():
        table = pa.table({COLUMN: column})
        compare(work, f"to_pylist, pyarrow {pa.__version__}", with_to_pylist, arrow_corpus, table, given.rounds, "1x")


if __name__ == "__main__":
    main()
