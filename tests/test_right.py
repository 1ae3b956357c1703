"""`EntityDecoder(compat=None)` equals its plain twin on random everything, and keeps its promises.

The examples of a run are few; `FASTPOST_PARITY_EXAMPLES` sets another total (`make parity`, drawn anew).
"""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies as draws
import twin_right
from fastpost import EntityDecoder
from twin_right import ENDS_MARKED, LETTERS, SCHEMES, Twin, Undefined, Window

TOTAL = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "2400"))
seeds = st.integers(0, 2**32 - 1)
tally = Counter()
BIASES = (
    "background_stay", "background_to_start", "inside_to_continue", "inside_to_end", "end_to_background", "end_to_start",
)  # fmt: skip


def share(part: int):
    """`part` examples of 2,400, scaled to the total asked for."""
    return settings(max_examples=max(1, TOTAL * part // 2400))


# --- random everything ----------------------------------------------------------------------------


def choose(rng, *values):
    return values[rng.integers(len(values))]


def label_set(rng, scheme=None, kinds=None):
    """Labels of one scheme in any order, some letters missing, now and then a second name for "outside"."""
    scheme = scheme or choose(rng, *SCHEMES)
    kinds = kinds or choose(rng, ["x"], ["x", "y"], ["PER", "date-time", "loc"])
    if scheme == "plain":
        return ["O", *kinds], scheme
    separator, suffix = choose(rng, "-", "-", "_"), rng.random() < 0.2
    written = [(letter, kind) for kind in kinds for letter in LETTERS[scheme]]
    if scheme not in ("IO", *ENDS_MARKED) and rng.random() < 0.15:
        written.pop(rng.integers(len(written)))
    names = [f"{kind}{separator}{letter}" if suffix else f"{letter}{separator}{kind}" for letter, kind in written]
    names = ["O", *names, *(["OUTSIDE"] if rng.random() < 0.1 else [])]
    rng.shuffle(names)
    return names, scheme


def cut_tokens(rng, text, first=0, last=None):
    """Offsets of tokens over `text[first:last]`: pieces of 1 to 5 characters, as tokenizers of every family cut them."""
    last = len(text) if last is None else last
    spans, at = [], first
    while at < last:
        end = min(last, at + int(rng.integers(1, 6)))
        if not text[at].isspace() and rng.random() < 0.7:  # most tokens end where white space begins
            end = next((i for i in range(at, end) if text[i].isspace()), end)
        kind = rng.random()
        if text[at].isspace() and kind < 0.5:  # white space in no token
            at += 1
            continue
        if kind > 0.95:  # the bytes of one character, a token each
            end = at + 1
            spans += [(at, end)] * int(rng.integers(2, 4))
        elif kind > 0.92:  # nothing
            spans.append((at, at))
            continue
        else:
            spans.append((at, end))
        at = end
    return spans


def word_numbers(rng, text, spans):
    """Word ids as tokenizers give them: by white space, by Unicode, one for all, one a token; or none."""
    kind = choose(rng, "none", "none", "spaces", "unicode", "unicode", "one", "tokens")
    if kind == "none":
        return None
    if kind in ("one", "tokens"):
        return [0 if kind == "one" else at for at in range(len(spans))]
    if kind == "unicode":
        edges = twin_right.word_edges(text)
        return [sum(edge <= start for edge in edges) for start, _ in spans]
    return [len(text[: start + 1].split()) for start, _ in spans]


def random_logits(rng, shape, exact):
    if exact:
        values = rng.integers(-8, 9, shape) / 4
        return (values * choose(rng, 1, 1, 4)).astype(np.float32)
    values = rng.normal(0, choose(rng, 1, 3), shape)
    for token in range(1, shape[0]):  # the same label over several tokens, as real models give
        if rng.random() < 0.4:
            values[token] = values[token - 1] + rng.normal(0, 0.3, shape[1])
    return values.astype(np.float32)


def windows_of(rng, text, labels, exact, one=False):
    """The windows of one text: tokens, cut at random places, overlapping at random; special ones at their edges."""
    spans = cut_tokens(rng, text)
    words = word_numbers(rng, text, spans)
    ids = rng.integers(0, 50, len(spans)).tolist() if rng.random() < 0.5 else None
    special = rng.random() < 0.7
    plan = [(0, len(spans))]
    if not one and len(spans) > 2 and rng.random() < 0.6:
        size = int(rng.integers(2, max(3, len(spans))))
        starts, at = [], 0
        while at + size < len(spans):
            starts.append(at)
            at += int(rng.integers(1, size + 1))
        plan = [(start, start + size) for start in (*starts, len(spans) - size)]
        if rng.random() < 0.1:  # a window inside another one
            first, last = plan[rng.integers(len(plan))]
            plan.append((first + 1, max(first + 2, last - 1)))
        if rng.random() < 0.2:
            rng.shuffle(plan)
    out = []
    for first, last in plan:
        own = spans[first:last]
        own_words = None if words is None else words[first:last]
        own_ids = None if ids is None else ids[first:last]
        if not one and own and rng.random() < 0.1:  # tokenized by itself: other tokens
            own = cut_tokens(rng, text, own[0][0], own[-1][1]) or own
            own_words = None if words is None else [sum(start > s for s, _ in spans) for start, _ in own]
            own_ids = None if ids is None else rng.integers(0, 50, len(own)).tolist()
        mask = [0] * len(own)
        if special:
            own, mask = [(0, 0), *own, (0, 0)], [1, *mask, 1]
            own_words = None if own_words is None else [-1, *own_words, -1]
            own_ids = None if own_ids is None else [50, *own_ids, 51]
        logits = random_logits(rng, (len(own), len(labels)), exact)
        offsets = np.array(own, np.int64).reshape(-1, 2)
        out.append(
            Window(
                logits,
                offsets,
                np.array(mask, np.int64),
                None if own_words is None else np.array(own_words, np.int64),
                None if own_ids is None else np.array(own_ids, np.int64),
            )
        )
    return out


def random_options(rng, labels, scheme, exact):
    options = {
        "strategy": choose(rng, "none", "simple", "simple", "simple", "first", "average", "max"),
        "scheme": scheme if scheme in ("IOB1", "IOE1", "plain") or rng.random() < 0.5 else "auto",
        "ignore_labels": choose(rng, ("O",), ("O",), ("O",), (), ("x",), ("O", "x", labels[0])),
        "decode": choose(rng, "argmax", "viterbi"),
        "repair": choose(rng, "conlleval", "conlleval", "discard", "keep"),
        "score": choose(rng, "mean", "mean", "min", "first", "max", "path"),
        "return_probs": bool(rng.random() < 0.5),
        "words": choose(rng, "auto", "auto", "unicode", "word_ids"),
        "snap": choose(rng, "auto", "auto", None),
        "trim": choose(rng, "whitespace", "whitespace", None),
        "window_merge": choose(rng, "context", "context", "average", "transformers"),
    }
    if options["strategy"] == "average" or options["window_merge"] == "average":
        exact = False
    if options["scheme"] == "auto":
        try:
            scheme, _ = twin_right.read_labels(labels)
        except ValueError:
            options["scheme"] = scheme
    if options["decode"] == "viterbi" or options["score"] == "path":
        draw = rng.random()
        count = len(labels)
        weights = lambda *shape: (rng.integers(-6, 7, shape) / 4).astype(np.float32)  # noqa: E731
        if draw < 0.25 and scheme in ENDS_MARKED:
            options["biases"] = {name: float(weights()) for name in BIASES}
        elif draw < 0.5:
            options["transitions"] = weights(count, count)
            if draw < 0.4:
                options["start_transitions"], options["end_transitions"] = weights(count), weights(count)
    if rng.random() < 0.3:
        kinds = [name for name in twin_right.read_labels(labels, scheme)[1]]
        names = labels if options["strategy"] == "none" else [kind for _, kind in kinds]
        options["threshold"] = choose(rng, 0.3, 0.55, {choose(rng, *names): 0.6})
    return options, exact


def compared(got, twin, found, covered, number, context):
    """One text of a result against the twin's."""
    rows = np.flatnonzero(got.text_index == number)
    shown = [
        {
            "name": got.labels[got.label_id[row]], "start": int(got.start[row]), "end": int(got.end[row]),
            "tokens": (int(got.token_start[row]), int(got.token_end[row])),
            "words": (int(got.word_start[row]), int(got.word_end[row])),
        }
        for row in rows
    ]  # fmt: skip
    want = [{key: entity[key] for key in ("name", "start", "end", "tokens", "words")} for entity in found]
    assert shown == want, f"{context}\n got {shown}\nwant {want}"
    scores = [entity["score"] for entity in found]
    assert np.allclose(got.score[rows], scores, rtol=0, atol=2e-5), f"{context}\n{got.score[rows]} {scores}"
    if twin.return_probs and scores:
        assert np.allclose(got.probs[rows], [e["probs"] for e in found], rtol=0, atol=2e-5), context
    assert tuple(got.covered[number].tolist()) == covered, context


def arguments(batch, texts):
    """The arrays of a batch of texts, each a list of windows; what not all windows have is left out."""
    flat = [window for windows in batch for window in windows]
    out = {
        "offsets": [window.offsets for window in flat],
        "special_tokens_mask": [window.special for window in flat],
        "windows": [number for number, windows in enumerate(batch) for _ in windows],
        "texts": texts,
    }
    if all(window.words is not None for window in flat):
        out["word_ids"] = [window.words for window in flat]
    if all(window.ids is not None for window in flat):
        out["input_ids"] = [window.ids for window in flat]
    return [window.logits for window in flat], out


@share(1400)
@given(draws.long_texts, seeds)
def test_equals_its_twin(text, seed):
    rng = np.random.default_rng(seed)
    labels, scheme = label_set(rng)
    exact = rng.random() < 0.5
    options, exact = random_options(rng, labels, scheme, exact)
    windows = windows_of(rng, text, labels, exact)
    with_text = rng.random() < 0.85
    if windows[0].words is None and options["words"] == "word_ids":
        options["words"] = "auto"
    if not with_text and options["words"] == "unicode":
        options["words"] = "auto"
    if not with_text and windows[0].words is None and options["strategy"] in ("first", "average", "max"):
        options["strategy"] = "simple"
    context = f"{labels} {options} {text!r} {seed}"
    ours = EntityDecoder(labels, threads=1, **options)
    twin = Twin(labels, exact=exact, **options)
    assert ours.scheme == twin.scheme, context
    try:
        found, covered = twin.text(windows, text if with_text else None)
    except Undefined:
        tally["undefined"] += 1
        return
    tally["compared"] += 1
    tally["entities"] += len(found)
    tally["windows"] += len(windows) > 1
    logits, form = arguments([windows], [text] if with_text else None)
    compared(ours.decode(logits, **form), twin, found, covered, 0, context)


def test_few_examples_were_undefined():
    if not tally["compared"]:
        pytest.skip("ran alone")
    assert tally["undefined"] < 0.15 * tally["compared"], tally
    assert tally["entities"] > tally["compared"] and tally["windows"] > 0.2 * tally["compared"], tally
