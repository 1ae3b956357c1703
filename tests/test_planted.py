"""A model that is right is decoded right: gold spans over texts of many scripts, whatever the tokenizer, the scheme and the windows."""

import random

import numpy as np
import pytest

from fastpost import EntityDecoder
from small_tokenizers import fast

WORDS = (
    "Anna", "Schmidt", "O'Brien", "Müller-Lüdenscheidt", "Zoe\u0308", "Łódź", "Жанна", "Ελλάδα", "محمد", "ירושלים", "김철수",
    "नरेन्द्र", "தமிழ்", "سلمان", "An\u00adna", "🦊", "👨\u200d👩\u200d👧", "Hottentottenstottertrottelmutter", "U.S.A", "ok", "in",
)  # fmt: skip
GAPS = (" ", " ", " ", "\n", "\r\n", "\t", ", ", " - ", " (", ") ", "; ", "\u3000")
TYPES = ("PER", "LOC", "date-time")
LETTERS = {
    "IOB2": "BIIB",
    "IOE2": "IIEE",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
    "IOB1": "IIII",
    "plain": None,
}
"""Of each scheme the letter that begins, goes on, ends, and is all of an entity; IOB1 has `B-`, too."""


def name(scheme, kind, at, count):
    letters = LETTERS[scheme]
    if letters is None:
        return kind
    place = 3 if count == 1 else 0 if at == 0 else 2 if at == count - 1 else 1
    return f"{letters[place]}-{kind}"


def planted(rng):
    """A text and runs of its words, no two of them adjacent."""
    text, spans, start, last = "", [], None, True
    for number in range(rng.choice((3, 8, 30))):
        inside = number > 0 and start is not None and rng.random() < 0.4
        if start is not None and not inside:
            spans.append((*start, rng.choice(TYPES)))
            start, last = None, True
        elif start is None:
            last = False
        if number:
            text += rng.choice((" ", "\n", "\t")) if inside else rng.choice(GAPS)
        word = rng.choice(WORDS)
        if not inside and not last and rng.random() < 0.6:
            start = (len(text), 0)
        text += word
        if start is not None:
            start = (start[0], len(text))
    return text, [*spans, (*start, rng.choice(TYPES))] if start else spans


def gold_labels(encoding, text, spans, scheme):
    """The label of each token: a token belongs to the span that holds its first character, a token without width to the next token's."""
    found = [None] * len(encoding.ids)
    for at in reversed(range(len(found))):
        start, end = encoding.offsets[at]
        if encoding.special_tokens_mask[at]:
            continue
        if start == end:
            found[at] = found[at + 1]
            continue
        start += len(text[start:end]) - len(text[start:end].lstrip()) if text[start:end].strip() else 0
        found[at] = next((span for span in spans if span[0] <= start < span[1]), None)
    labels = ["O"] * len(found)
    for span in spans:
        own = [at for at, one in enumerate(found) if one == span]
        for number, at in enumerate(own):
            labels[at] = name(scheme, span[2], number, len(own))
    return labels


@pytest.mark.parametrize(
    "kind", ["wordpiece-uncased", "byte-level", "roberta", "byte-level-prefix-space", "metaspace-bpe"]
)
@pytest.mark.parametrize("scheme", LETTERS)
@pytest.mark.filterwarnings("error")
def test_a_right_model_is_decoded_right(scheme, kind):
    tokenizer = fast(kind, None)
    letters = sorted({*(LETTERS[scheme] or ""), *("B" if scheme == "IOB1" else "")})
    names = ["O", *((f"{letter}-{kind}" for kind in TYPES for letter in letters) if letters else TYPES)]
    for seed in range(60):
        rng = random.Random(f"{scheme} {kind} {seed}")
        text, spans = planted(rng)
        whole = tokenizer(text, return_special_tokens_mask=True).encodings[0]
        labels = gold_labels(whole, text, spans, scheme)
        sure = rng.choice((0.7, 0.8, 0.95, 0.999))
        strategy = rng.choice(("simple", "first", "average", "max"))
        # What else the model holds possible: nothing, or any label. A mean gives a word to the label of all its tokens.
        doubts = [rng.randrange(len(names) if strategy != "average" else 1) for _ in labels]
        rows = np.full((len(labels), len(names)), 1e-6)
        rows[range(len(labels)), doubts] = 1 - sure
        rows[range(len(labels)), [names.index(label) for label in labels]] = sure
        rows = np.log(rows).astype(np.float32)
        inner = [row for row, special in zip(rows, whole.special_tokens_mask, strict=True) if not special]
        length = rng.choice((16, 24, 512))
        stride = rng.choice((0, 2, length // 3))
        windows = tokenizer(
            text, truncation=True, max_length=length, stride=stride, return_overflowing_tokens=True
        ).encodings
        logits, first = [], 0
        for window in windows:
            special = np.array(window.special_tokens_mask, bool)
            logits.append(np.zeros((len(special), len(names)), np.float32))
            logits[-1][~special] = inner[first : first + int((~special).sum())]
            first += int((~special).sum()) - stride
        options = {
            "scheme": scheme,
            "aggregation_strategy": strategy,
            "decode": rng.choice(("viterbi", "viterbi", "argmax")),
            "repair": "conlleval",
            "score": rng.choice(("mean", "min", "first", "max", "path")),
            "window_merge": rng.choice(("context", "average", "union")),
            "join": None,
        }
        found = (
            EntityDecoder(names, **options).decode(logits, windows, [text], windows=[0] * len(windows)).to_dicts()[0]
        )
        got = [(one["start"], one["end"], one["entity_group"]) for one in found]
        assert got == spans, f"{seed} {options} {length} {stride} {sure} {text!r}"
