"""Tokens a second on a GPU: transformers' pipeline, and ours with the same entities: with tokenizers, with the encoder, in
batches by tokens; and with its own entities, by tokens.

    python benches/python/bench_gpu.py [--device cuda:0] [--texts 4096] [--layers 0]

The shapes of BERT-base and DistilBERT with random weights, bfloat16 and float16, long texts and short ones; `batch_tokens` is
16,384. "model works" is the share of the time of the fastest one that the model alone takes for texts of like length,
batch after batch, already on the device.
`--device cpu --texts 64 --layers 1` tries the bench itself.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from unittest import mock

import torch
import transformers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    DistilBertConfig,
    DistilBertForTokenClassification,
)

import fastpost
from bench_entities import ROOT, check, rampart, wikigold_documents
from fastpost.models.slot import EncoderSlot
from harness import machine, publish

STRATEGY = "simple"
BATCH_TOKENS = 16_384


def models(layers: int, labels: int, words: int) -> dict[str, Callable[[], transformers.PreTrainedModel]]:
    """Models by name, made when they are called."""
    names = {number: "O" if number == 0 else f"{'BI'[number % 2]}-T{number // 2}" for number in range(labels)}
    bert = BertConfig(vocab_size=words, id2label=names, num_hidden_layers=layers or 12)
    small = DistilBertConfig(vocab_size=words, id2label=names, n_layers=layers or 6)
    return {
        "BERT-base": lambda: BertForTokenClassification(bert),
        "DistilBERT": lambda: DistilBertForTokenClassification(small),
    }


def median(work: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """The median time; the device has finished before the clock stops."""
    times = []
    for _ in range(rounds + 1):
        since = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - since)
    return statistics.median(times[1:])


def model_alone(model: transformers.PreTrainedModel, batches: list[dict[str, torch.Tensor]]) -> None:
    """The forward passes and nothing else."""
    with torch.inference_mode():
        for batch in batches:
            model(**batch)


def main() -> None:
    """Prints one table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cuda:0")
    options.add_argument("--texts", type=int, default=4096)
    options.add_argument("--layers", type=int, default=0, help="fewer layers than the model has, to try the bench")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    device = torch.device(given.device)
    folder = ROOT / ".cache" / "rampart-torch"
    folder = folder if folder.exists() else rampart.convert(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=512)
    documents = wikigold_documents()
    sentences = [line for document in documents for line in document.split(" . ")]
    kinds = {
        "512 tokens": ([" ".join(documents[at % len(documents) :])[:3000] for at in range(given.texts // 8)], 32),
        "short texts": ([sentences[at % len(sentences)] for at in range(given.texts)], 128),
    }
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    lines = [
        "| model | texts | transformers | tokenizers encodes | encoder | by tokens | own, by tokens | ratio | model works |"
    ]
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, make in models(given.layers, 9, len(tokenizer)).items():
        for dtype in (torch.bfloat16, torch.float16):
            torch.manual_seed(0)
            model = make().to(device=device, dtype=dtype).eval()
            theirs = transformers.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=device)
            same = fastpost.accelerate(theirs)
            own = fastpost.TokenClassificationPipeline(
                model=model, tokenizer=tokenizer, device=device, compat="fastpost"
            )
            for kind, (texts, size) in kinds.items():
                asked = {"batch_size": size, "aggregation_strategy": STRATEGY}
                part = texts[: 2 * size]
                check(same(part, **asked), theirs(part, **asked), 1e-2)
                read = tokenizer(sorted(texts, key=len), truncation=True)["input_ids"]
                tokens = sum(map(len, read))
                batches = [
                    {
                        key: value.to(device)
                        for key, value in tokenizer.pad(
                            {"input_ids": read[at : at + size]}, return_tensors="pt"
                        ).items()
                    }
                    for at in range(0, len(read), size)
                ]
                alone = median(lambda: model_alone(model, batches), device)
                by_tokens = {"batch_tokens": BATCH_TOKENS, "aggregation_strategy": STRATEGY}
                slow = median(lambda: theirs(texts, **asked), device, 1)
                with mock.patch.object(EncoderSlot, "get", return_value=None):
                    before = median(lambda: same(texts, **asked), device)
                fast = median(lambda: same(texts, **asked), device)
                full = median(lambda: same(texts, **by_tokens), device)
                ours = median(lambda: own(texts, **by_tokens), device)
                speeds = " | ".join(f"{tokens / time:,.0f}" for time in (before, fast, full, ours))
                best = min(fast, full)
                lines.append(
                    f"| {name}, {str(dtype).removeprefix('torch.')} | {kind} | {tokens / slow:,.0f} tokens/s | {speeds} "
                    f"| {slow / best:.1f}x | {alone / best:.0%} |"
                )
    publish(f"Pipelines on {where}", lines)


if __name__ == "__main__":
    main()
