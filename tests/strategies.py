"""Hypothesis inputs: texts, label sets, logits and ignored labels, with the corner cases of decoders."""

import numpy as np
from hypothesis import strategies as st

from oracle import STRATEGIES
from small_tokenizers import SENTENCES

WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
ODD = (
    "😀", "👨‍👩‍👧", "👍🏽", "🇩🇪", "\u200d", "\u200b", "\u00ad", "\ufeff", "\u00a0", "\u3000",
    "e\u0301", "A\u030a", "Å", "n\u0303o", "\u0301", "北京", "東京タワー", "한국", "สวัสดี", "น้ำ", "नमस्ते", " \u0301a",
    "İstanbul", "ß", "ǅ", "ﬁ", "½", "ߘ", "𝔘𝔫𝔦", "\x00", "\x7f", "▁", "Ġ", "##a", "</w>", "|", "<0x41>",
    "[UNK]", "[SEP]", "don't", "n't", "'s", "...", "718-555-0199", "a.b@c.de",
)  # fmt: skip
GAPS = (" ", " ", " ", "", "  ", "\n", "\t", "\r\n", "-", ", ", ".", "!", " ?", "'", "\u00a0", "\u2019", ":", "@")

pieces = st.one_of(st.sampled_from(WORDS), st.sampled_from(ODD), st.text("abAZ1é", min_size=1, max_size=6))
texts = st.lists(st.tuples(pieces, st.sampled_from(GAPS)), max_size=9).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)
long_texts = st.lists(st.tuples(pieces, st.sampled_from(GAPS)), min_size=4, max_size=24).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)
word_lists = st.lists(st.one_of(pieces, st.just("")), min_size=1, max_size=8)

TYPES = ("PER", "ORG", "LOC", "date-time", "a-b-c", "per", "地", "")
bio = st.lists(st.sampled_from(TYPES), min_size=1, max_size=4, unique=True).map(
    lambda types: ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]
)
plain = st.lists(st.sampled_from(TYPES), min_size=1, max_size=5, unique=True).map(lambda types: ["O", *types])
NAMES = (
    "O", "O", "", "o", "B", "I", "-", "B-", "I-", "B-PER", "I-PER", "PER", "b-PER", "i-PER", "S-PER", "E-PER",
    "B_PER", "B-LOC", "I-LOC", "LOC", "B-B-PER", "I-B-PER", "I-I-PER", "PER-B", "B-date-time", "I-date-time",
    "O-", "B-O", "I-O",
)  # fmt: skip
mixed = st.lists(st.sampled_from(NAMES), min_size=1, max_size=9)
label_sets = st.one_of(bio, bio, plain, mixed)


def ignores(labels: list[str]):
    """Values of `ignore_labels`: the default, none, some of the labels, their types, names that do not occur."""
    known = sorted({*labels, *(name.split("-", 1)[-1] for name in labels), "O", "nothing"})
    return st.one_of(st.just(["O"]), st.just(["O"]), st.just([]), st.lists(st.sampled_from(known), max_size=3))


def evenly(values):
    """One of `values`, all equally likely; `sampled_from` prefers the first."""
    return st.integers(0, 2**20).map(lambda i: values[(i * 2654435761 >> 8) % len(values)])


strategies = evenly(STRATEGIES)
KINDS_OF_LOGITS = (
    "normal",
    "normal",
    "normal",
    "runs",
    "ties",
    "barred",
    "huge",
    "saturated",
    "below-rounding",
    "flat",
)


def logits(kind: str, seed: int, tokens: int, labels: int) -> np.ndarray:
    """Float32 (tokens, labels) from `seed`; every row has a finite value, none has NaN or +inf."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 2, (tokens, labels))
    if kind == "runs":  # the same label over several tokens, as real models give
        label = rng.integers(0, labels, tokens)
        for token in range(1, tokens):
            if rng.random() < 0.6:
                label[token] = label[token - 1]
        values[np.arange(tokens), label] += 6
    elif kind == "ties":
        values = rng.integers(-1, 2, (tokens, labels)).astype(float)
    elif kind == "barred":
        barred = rng.random((tokens, labels)) < 0.5
        barred[np.arange(tokens), rng.integers(0, labels, tokens)] = False
        values[barred] = -np.inf
    elif kind == "huge":
        values *= 10.0 ** rng.integers(0, 31, (tokens, labels))
    elif kind == "saturated":
        values *= 10
    elif kind == "below-rounding":  # different logits, the same probability in float32: the first index wins
        values = rng.integers(0, 20, (tokens, labels)) * 1e-9
    elif kind == "flat":
        values = np.full((tokens, labels), rng.normal())
    return values.astype(np.float32)
