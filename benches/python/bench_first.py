"""The table of README: whole pipelines, as a program has them, around a real model and around one that costs nothing.

    python benches/python/bench_first.py

A CPU spends nearly all of its time in a real model, so there is little to gain. A model that costs nothing is the
other extreme: the largest gain that a fast accelerator can allow. The real model reads 40 of the 154 documents.
"""

from __future__ import annotations

import warnings

import torch
import transformers
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

import fastpost
from bench_entities import PEER, ROOT, Lookup, check, rampart, wikigold_documents
from harness import Row, machine, pair, print_table

ARGUMENTS = {"stride": 128, "batch_size": 32}


def rows(name: str, theirs: transformers.TokenClassificationPipeline, texts: list[str], rounds: int) -> list[Row]:
    """transformers' mode beside transformers, then fastpost's own beside transformers' best strategy."""
    same = fastpost.accelerate(theirs)
    own = fastpost.TokenClassificationPipeline(
        model=theirs.model, tokenizer=theirs.tokenizer, device=-1, compat="fastpost"
    )

    def peer(strategy: str) -> list:
        return theirs(texts, aggregation_strategy=strategy, **ARGUMENTS)

    check(same(texts, aggregation_strategy="simple", **ARGUMENTS), peer("simple"), 1e-4)
    found = sum(map(len, peer("simple")))
    return [
        Row(
            f"{name}: the same entities (`simple`, {found:,})",
            PEER,
            *pair(lambda: peer("simple"), lambda: same(texts, aggregation_strategy="simple", **ARGUMENTS), rounds),
        ),
        Row(
            f"{name}: its own entities, beside `max`",
            PEER,
            *pair(lambda: peer("max"), lambda: own(texts, **ARGUMENTS), rounds),
        ),
    ]


def free(config: transformers.PretrainedConfig, outside: float) -> Lookup:
    """A model that costs nothing; the larger `outside`, the fewer tokens are in an entity."""
    config.update({"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 12})
    table = torch.randn(config.vocab_size, config.num_labels, generator=torch.Generator().manual_seed(0))
    table[:, 0] += outside
    return Lookup(config, table).eval()


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    folder = ROOT / ".cache" / "rampart-torch"
    folder = folder if folder.exists() else rampart.convert(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=512)
    documents = wikigold_documents()

    def pipeline(model: transformers.PreTrainedModel) -> transformers.TokenClassificationPipeline:
        return transformers.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1)

    print(machine())
    real = AutoModelForTokenClassification.from_pretrained(folder).eval()
    table = rows("a real model of 18 M parameters on the CPU", pipeline(real), documents[:40], 3)
    table += rows("a model that costs nothing", pipeline(free(AutoConfig.from_pretrained(folder), 4.5)), documents, 5)
    print_table("Pipelines over documents of wikigold", table, "first")


if __name__ == "__main__":
    main()
