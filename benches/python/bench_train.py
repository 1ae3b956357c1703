"""Tokenizer training on 250 MB of Python functions, 52,000 tokens: ours beside tokenizers, rustbpe and ffbpe.

    python benches/python/bench_train.py [--megabytes 250] [--vocab-size 52000] [--peers tokenizers rustbpe] [--json FILE]

Each runs in a process of its own, from the same JSONL file to a tokenizer, and all of that is timed: ours reads
it with `fastpost.Corpus`, the peers through Python's json, as their users do (1 to 2 s of their time, shown as
`reading`). `fastpost-python` is ours fed like the peers. Peak memory is the process's, less what it had before
it began. The tokens are compared before any time is printed. rustbpe and ffbpe come from PyPI; a peer that is
not installed is named as absent.
With `--in-memory` the texts are Python strings before the clock starts, for ours too, so only training is timed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from code_corpus import write_jsonl
from harness import machine, publish, write_json

CACHE = Path(__file__).resolve().parents[2] / ".cache"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


HELD: list[list[str]] = []


def batches(path: Path, size: int = 1000) -> Iterator[list[str]]:
    """The corpus as lists of texts: from the file, or from memory if it is held there."""
    if HELD:
        yield from HELD
        return
    batch = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            batch.append(json.loads(line)["whole_func_string"])
            if len(batch) == size:
                yield batch
                batch = []
    yield batch


def base() -> Any:
    """GPT-2 without its vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def digest(tokenizer: Any) -> str:
    """A digest of the whole tokenizer.json."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()


def byte_merges(tokenizer: Any) -> list[bytes]:
    """The bytes of each token that is neither special nor one byte, in order."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    byte = {c: b for b, c in bytes_to_unicode().items()}
    vocab = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    return [bytes(byte[c] for c in token) for token in vocab if len(token) > 1 and token != "<|endoftext|>"]


def run_fastpost(path: Path, size: int) -> tuple[float, Any, Any]:
    """Ours, from the file; from memory if it is held there."""
    return train(size, lambda fastpost: batches(path) if HELD else fastpost.Corpus(path, column="whole_func_string"))


def run_fastpost_python(path: Path, size: int) -> tuple[float, Any, Any]:
    """Ours, fed by Python."""
    return train(size, lambda _: batches(path))


def train(size: int, corpus: Callable[[Any], Any]) -> tuple[float, Any, Any]:
    """Ours, from `corpus` to the tokenizer."""
    import fastpost

    tokenizer = base()
    start = time.perf_counter()
    made = fastpost.train_new_from_iterator(tokenizer, corpus(fastpost), size)
    seconds = time.perf_counter() - start
    return seconds, digest(made), byte_merges(made)


def run_tokenizers(path: Path, size: int) -> tuple[float, Any, Any]:
    """The method of transformers itself."""
    tokenizer = base()
    start = time.perf_counter()
    made = tokenizer.train_new_from_iterator(batches(path), size, show_progress=False)
    seconds = time.perf_counter() - start
    return seconds, digest(made), byte_merges(made)


def run_rustbpe(path: Path, size: int) -> tuple[float, Any, Any]:
    """It has no special token among its tokens."""
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    start = time.perf_counter()
    tokenizer.train_from_iterator((text for batch in batches(path) for text in batch), size - 1, pattern=GPT2)
    seconds = time.perf_counter() - start
    return seconds, None, [bytes(token) for token, _ in tokenizer.get_mergeable_ranks() if len(token) > 1]


def run_ffbpe(path: Path, size: int) -> tuple[float, Any, Any]:
    """Its byte-level default splits as GPT-2 does."""
    import ffbpe

    start = time.perf_counter()
    made = ffbpe.train_bpe((text for batch in batches(path) for text in batch), vocab_size=size - 1)
    seconds = time.perf_counter() - start
    return (
        seconds,
        None,
        [token for token, _ in sorted(made.vocab.items(), key=lambda item: item[1]) if len(token) > 1],
    )


def run_reading(path: Path, _: int) -> tuple[float, Any, Any]:
    """The generator alone: the time that each of the others spends on JSON."""
    start = time.perf_counter()
    texts = sum(len(batch) for batch in batches(path))
    return time.perf_counter() - start, texts, None


RUNS = {
    "reading": run_reading,
    "fastpost": run_fastpost,
    "fastpost-python": run_fastpost_python,
    "tokenizers": run_tokenizers,
    "rustbpe": run_rustbpe,
    "ffbpe": run_ffbpe,
}


def peak() -> float:
    """The peak of memory so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(name: str, path: Path, size: int, held: bool, out: Any) -> None:
    """One run in this process: seconds, megabytes more than before, what to compare."""
    with contextlib.suppress(ImportError):
        if name in ("fastpost", "fastpost-python", "tokenizers"):
            base()
    if held:
        HELD.extend(batches(path))
    before = peak()
    try:
        seconds, whole, tokens = RUNS[name](path, size)
    except ImportError as error:
        out.send(str(error))
        return
    out.send((seconds, peak() - before, peak(), whole, tokens))


NAMES = {
    "reading": "reading the lines in Python",
    "fastpost": "fastpost, file to tokenizer",
    "fastpost-python": "fastpost, fed Python strings",
    "tokenizers": f"tokenizers {importlib.metadata.version('tokenizers')}",
}
"""Their names in the table."""


def main() -> None:
    """Runs all, compares, prints."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=float, default=250)
    options.add_argument("--vocab-size", type=int, default=52_000)
    options.add_argument("--peers", nargs="*", default=["tokenizers", "rustbpe", "ffbpe"])
    options.add_argument("--in-memory", action="store_true", help="read the corpus before the clock starts")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured there")
    args = options.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    path = write_jsonl(CACHE / f"functions-{args.megabytes:g}mb.jsonl", args.megabytes)
    spawn = multiprocessing.get_context("spawn")
    results = {}
    for name in ["reading", "fastpost", "fastpost-python", *args.peers]:
        receive, send = spawn.Pipe(duplex=False)
        process = spawn.Process(target=child, args=(name, path, args.vocab_size, args.in_memory, send))
        process.start()
        send.close()
        try:
            results[name] = receive.recv()
        except EOFError:
            results[name] = "it died"
        process.join()
    _, _, _, whole, tokens = results["fastpost"]
    if results["fastpost-python"][3] != whole:
        sys.exit("from the file and from Python strings fastpost makes different tokenizers")
    if "tokenizers" in args.peers and results["tokenizers"][3] != whole:
        sys.exit("fastpost and tokenizers differ")
    for name in ("rustbpe", "ffbpe"):  # they break ties in other ways
        if name in results and not isinstance(results[name], str):
            shared = len(set(results[name][4]) & set(tokens))
            print(f"{name}: {shared:,} of our {len(tokens):,} tokens")
            if shared < 0.95 * len(tokens):
                sys.exit(f"{name} did other work")
    if "tokenizers" in args.peers:
        print("tokenizers: tokenizer.json equal byte for byte")
    print(f"{os.cpu_count()} cores, {args.megabytes:g} MB, {args.vocab_size:,} tokens")
    measured = {name: result[:2] for name, result in results.items() if not isinstance(result, str)}
    runs = [{"name": name, "seconds": seconds, "megabytes": more} for name, (seconds, more) in measured.items()]
    write_json(args.json, megabytes=args.megabytes, vocab_size=args.vocab_size, runs=runs)
    lines = ["| | wall time | memory added | memory in all | fastpost is |", "|---|---:|---:|---:|---:|"]
    for name, result in results.items():
        if isinstance(result, str):
            print(f"{name} is absent: {result}")
            continue
        seconds, more, most, *_ = result
        ratio = seconds / results["fastpost"][0]
        shown = f"{ratio:.2g}x" if name in args.peers else ""
        lines.append(f"| {NAMES.get(name, name)} | {seconds:.2f} s | {more:.0f} MB | {most:.0f} MB | {shown} |")
    publish(f"Training on {machine()}", lines, "train")


if __name__ == "__main__":
    main()
