"""What the cluster examples share: the sentences of wikigold, and a tokenizer to train on them."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WIKIGOLD = Path(__file__).resolve().parents[1] / "tests" / "data" / "wikigold.conll.txt"


def sentences() -> list[str]:
    """The sentences of wikigold, without their tags."""
    blocks = WIKIGOLD.read_text(encoding="utf-8").split("\n\n")
    words = [[line.split()[0] for line in block.splitlines() if line.strip()] for block in blocks]
    return [" ".join(sentence) for sentence in words if sentence]


def empty_tokenizer() -> Tokenizer:
    """A byte-level BPE tokenizer like GPT-2's, without a vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
