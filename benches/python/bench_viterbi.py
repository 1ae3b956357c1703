"""The best legal path over 33 BIOES labels and 512 tokens, beside softmax and arg-max, and a NumPy Viterbi.

The logits are random, so that arg-max is illegal at most tokens: the case in which everything must be searched.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import fastpost
from harness import Row, machine, pair, print_growth, print_table

KINDS = ("PER", "ORG", "LOC", "DATE", "TIME", "MONEY", "EMAIL", "PHONE")
LABELS = ["O", *(f"{letter}-{kind}" for kind in KINDS for letter in "BIES")]
TOKENS, WINDOWS = 512, 64
NUMPY = f"numpy {np.__version__}"


def stop_unless(same: bool, what: str) -> None:
    """Stops the bench if the results differ."""
    if not same:
        sys.exit(f"{what}: results differ; nothing was timed")


def legal_steps() -> tuple[Any, Any, Any]:
    """0 for each step from a label (row) to the next (column) that BIOES allows, -inf for the others; start and end."""
    steps = np.full((len(LABELS), len(LABELS)), -np.inf, np.float32)
    for a, last in enumerate(LABELS):
        for b, following in enumerate(LABELS):
            inside = last[0] in "BI"
            on = following[0] in "IE" and last[1:] == following[1:]
            steps[a, b] = 0 if (on if inside else following[0] in "OBS") else -np.inf
    start = np.array([0 if name[0] in "OBS" else -np.inf for name in LABELS], np.float32)
    end = np.array([0 if name[0] in "OES" else -np.inf for name in LABELS], np.float32)
    return steps, start, end


STEPS, START, END = legal_steps()


def shortfalls() -> Any:
    """By how much the logit of a place (row: B, I, E, S) may fall short of another one (column) of its type.

    3 if only one of the two begins an entity, 3.25 if only one ends it, 6.75 if both are so.
    """
    begins, ends = np.array([True, False, False, True]), np.array([False, False, True, True])
    return np.array([[0, 3], [3.25, 6.75]], np.float32)[
        (ends[:, None] != ends).astype(int), (begins[:, None] != begins).astype(int)
    ]


SHORTFALLS = shortfalls()


def searched(logits: Any) -> Any:
    """The logits that are searched: no label of an entity is too far below the others of its type."""
    out = logits.copy()
    places = logits[:, 1:].reshape(len(logits), len(KINDS), 4)
    for place, shortfall in enumerate(SHORTFALLS):
        out[:, 1 + place :: 4] = (places - shortfall).max(axis=2)
    return out


def numpy_viterbi(window: Any) -> Any:
    """The best path of one window: all pairs of labels of a token at once."""
    logits = searched(window)
    score = START + logits[0]
    back = np.empty(logits.shape, np.int64)
    columns = np.arange(logits.shape[1])
    into = np.ascontiguousarray(STEPS.T)
    for token in range(1, len(logits)):
        through = into + score
        best = through.argmax(axis=1)
        back[token] = best
        score = through[columns, best] + logits[token]
    path = np.empty(len(logits), np.int64)
    path[-1] = (score + END).argmax()
    for token in range(len(logits) - 1, 0, -1):
        path[token - 1] = back[token, path[token]]
    return path


def numpy_softmax_argmax(logits: Any) -> tuple[Any, Any]:
    """Label and probability of each token."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs = shifted / shifted.sum(axis=-1, keepdims=True)
    labels = probs.argmax(axis=-1)
    return labels, np.take_along_axis(probs, labels[..., None], axis=-1)[..., 0]


def decoder(decode: str) -> fastpost.EntityDecoder:
    """Each token with its label and score, on one thread."""
    return fastpost.EntityDecoder(LABELS, aggregation_strategy="none", decode=decode, ignore_labels=(), threads=1)  # type: ignore[arg-type]


def rows(count: int, rounds: int) -> list[Row]:
    """`count` windows a call."""
    logits = np.random.default_rng(0).normal(0, 3, (count, TOKENS, len(LABELS))).astype(np.float32)
    viterbi, argmax = decoder("viterbi"), decoder("argmax")
    found = viterbi.decode(logits)
    want = np.concatenate([numpy_viterbi(window) for window in logits])
    stop_unless(np.array_equal(found.label_id, want), "Viterbi")
    labels, scores = numpy_softmax_argmax(logits)
    each = argmax.decode(logits)
    stop_unless(np.array_equal(each.label_id, labels.ravel()), "arg-max")
    stop_unless(np.allclose(each.score, scores.ravel(), atol=1e-6), "softmax")
    stop_unless((found.label_id != each.label_id).mean() > 0.2, "random logits")

    ours = lambda: viterbi.decode(logits)  # noqa: E731
    name = f"{count} x {TOKENS} tokens, {len(LABELS)} BIOES labels"
    calls = max(1, 200 // count)
    return [
        Row(
            f"Viterbi: {name}",
            f"the same in {NUMPY}",
            *pair(lambda: [numpy_viterbi(window) for window in logits], ours, rounds, calls),
            "200x",
        ),
        Row(
            f"Viterbi: {name}",
            f"softmax + arg-max in {NUMPY}",
            *pair(lambda: numpy_softmax_argmax(logits), ours, 5 * rounds, calls),
            "at least 0.33x",
        ),
        Row(
            f"Viterbi: {name}",
            'softmax + arg-max: ours, decode="argmax"',
            *pair(lambda: argmax.decode(logits), ours, 5 * rounds, calls),
            "at least 0.33x",
        ),
    ]


def growth() -> None:
    """Short texts with weights for each pair of labels, which are prepared once for all texts.

    A step between tokens looks at each pair, so the time grows with the square of the types and with the texts.
    """
    types = 100
    labels = ["O", *(f"{letter}-T{number}" for number in range(types) for letter in "BI")]
    weights = np.zeros((len(labels), len(labels)), np.float32)
    decoder = fastpost.EntityDecoder(labels, decode="viterbi", transitions=weights, threads=1)
    rng = np.random.default_rng(0)

    def decoded(texts: int):
        logits = rng.normal(size=(texts, 4, len(labels))).astype(np.float32)
        offsets = np.tile([(0, 1), (2, 3), (4, 5), (6, 7)], (texts, 1, 1))
        return lambda: decoder.decode(logits, offsets=offsets, texts=["a b c d"] * texts)

    works = {texts: decoded(texts) for texts in (64, 128, 256, 512)}
    print_growth("transitions= with 100 types, texts of 4 tokens", "texts", works)


def main() -> None:
    """Prints the table."""
    print(f"fastpost {fastpost.__version__}, {machine()}, one thread")
    print_table("The best legal path", [*rows(1, 9), *rows(WINDOWS, 3)], "viterbi")
    growth()


if __name__ == "__main__":
    main()
