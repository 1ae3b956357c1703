"""`EntityDecoder(compat="fastpost")` equals its plain twin on random inputs and options, and keeps its promises.

The examples of a run are few; `FASTPOST_PARITY_EXAMPLES` sets another total (`make parity`, drawn anew).
"""

import itertools
import json
import os
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastpost
import strategies as draws
import twin_right
import twin_units
from fastpost import EntityDecoder
from small_tokenizers import KINDS, fast
from test_entities_parity import pack
from twin_right import ENDS_MARKED, LETTERS, SCHEMES, Twin, Undefined, Window

pytestmark = pytest.mark.filterwarnings("ignore:token .* its offsets cover no character")
TOTAL = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "900"))
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
        dropped = rng.integers(len(written))
        fewer = [pair for at, pair in enumerate(written) if at != dropped]
        try:  # not all schemes can do without each of their letters
            twin_right.read_labels(["O", *(f"{letter}-{kind}" for letter, kind in fewer)], scheme)
            written = fewer
        except ValueError:
            pass
    if rng.random() < 0.08:  # letters alone
        names = ["O", *LETTERS[scheme]]
        rng.shuffle(names)
        return names, scheme
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
        if text[at] in "\u200b\x01\u00ad" and kind < 0.7:  # dropped by the tokenizer
            at += 1
            continue
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
        edges = twin_units.word_edges(text)
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
        "aggregation_strategy": choose(rng, "none", "simple", "simple", "simple", "first", "average", "max"),
        "scheme": scheme if scheme in ("IOB1", "IOE1", "plain") or rng.random() < 0.5 else "auto",
        "ignore_labels": choose(rng, ("O",), ("O",), ("O",), (), ("x",), ("O", "x", labels[0])),
        "decode": choose(rng, "argmax", "viterbi"),
        "repair": choose(rng, "conlleval", "conlleval", "discard", "keep"),
        "score": choose(rng, "mean", "mean", "min", "first", "max", "path"),
        "return_probs": bool(rng.random() < 0.5),
        "words": choose(rng, "auto", "auto", "unicode", "word_ids"),
        "snap": choose(rng, "auto", "auto", None),
        "join": choose(rng, "pieces", "pieces", "run", None),
        "outside_bias": choose(rng, 0.0, 0.0, 0.5, -0.75, 2.0),
        "trim": choose(rng, "whitespace", "whitespace", None),
        "window_merge": choose(rng, "context", "context", "average", "union", "transformers"),
    }
    if options["aggregation_strategy"] == "average" or options["window_merge"] == "average":
        exact = False
    if options["aggregation_strategy"] == "max" and options["decode"] == "viterbi":
        exact = False
    if options["scheme"] == "auto":
        try:
            scheme, _ = twin_right.read_labels(labels)
        except ValueError:
            options["scheme"] = scheme
    kinds = [kind for _, kind in twin_right.read_labels(labels, options["scheme"])[1]]
    shown = ["O", *(labels if options["aggregation_strategy"] == "none" else kinds)]
    options["ignore_labels"] = tuple(name for name in options["ignore_labels"] if name in shown)
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
        kinds = twin_right.read_labels(labels, scheme)[1]
        names = labels if options["aggregation_strategy"] == "none" else [kind for _, kind in kinds]
        options["threshold"] = choose(rng, 0.3, 0.55, {choose(rng, *names): 0.6})
    return options, exact


def compared(got, twin, found, covered, number, context):
    """Compares one text of a result with the twin's."""
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
    """The arrays of a batch of texts, each a list of windows; an array that some windows lack is left out."""
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
    if not with_text and windows[0].words is None and options["aggregation_strategy"] in ("first", "average", "max"):
        options["aggregation_strategy"] = "simple"
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
    assert tally["entities"] > tally["compared"], tally
    assert tally["windows"] > 0.2 * tally["compared"], tally


# --- batches --------------------------------------------------------------------------------------


def table(entities) -> list[tuple]:
    """All columns, one tuple an entity."""
    columns = (
        entities.text_index, entities.label_id, entities.start, entities.end, entities.score, entities.token_start,
        entities.token_end, entities.word_start, entities.word_end,
    )  # fmt: skip
    return list(zip(*(column.tolist() for column in columns)))


@share(150)
@given(
    st.lists(draws.texts, min_size=1, max_size=4),
    seeds,
    st.tuples(*[draws.evenly(("list", "end to end", "padded"))] * 3),
)
def test_shapes_types_threads_and_order(texts, seed, shapes):
    rng = np.random.default_rng(seed)
    labels, scheme = label_set(rng)
    options, _ = random_options(rng, labels, scheme, True)
    options["words"] = "auto"
    batch = [windows_of(rng, text, labels, True, one=rng.random() < 0.5) for text in texts]
    logits, form = arguments(batch, texts)
    decoder = EntityDecoder(labels, threads=1, **options)
    want = decoder.decode(logits, **form)
    everything = table(want)

    packed = {
        "offsets": pack(form["offsets"], shapes[1], -7),
        "special_tokens_mask": pack(form["special_tokens_mask"], shapes[2], 0),
        "lengths": [len(rows) for rows in logits],
    }
    got = decoder.decode(pack(logits, shapes[0], np.nan), **{**form, **packed})
    assert table(got) == everything
    assert got.covered.tolist() == want.covered.tolist()

    two = EntityDecoder(labels, threads=2, **options)
    assert table(two.decode(logits, **form)) == everything
    # Quarters up to 32 are the same in 16 bits.
    for other in (np.float64, np.float16):
        assert table(two.decode([rows.astype(other) for rows in logits], **form)) == everything
    assert table(two.decode([torch.from_numpy(rows).bfloat16() for rows in logits], **form)) == everything

    order = rng.permutation(len(texts)).tolist()
    shuffled = [batch[number] for number in order]
    logits, form = arguments(shuffled, [texts[number] for number in order])
    turned = table(decoder.decode(logits, **form))
    back = sorted(((order[row[0]], *row[1:]) for row in turned), key=lambda row: row[0])
    if options["window_merge"] != "transformers":
        assert back == everything

    for number, text in enumerate(texts):
        logits, form = arguments([batch[number]], [text])
        alone = [(number, *row[1:]) for row in table(decoder.decode(logits, **form))]
        # An array that some texts lack is left out of a batch.
        given = [arguments([windows], [""])[1] for windows in batch]
        if all(sum(name in own for own in given) in (0, len(batch)) for name in ("word_ids", "input_ids")):
            assert alone == [row for row in everything if row[0] == number]


# --- the best path, and its probability, among all of them -----------------------------------------


def full_labels(scheme, kinds):
    return ["O", *kinds] if scheme == "plain" else ["O", *(f"{a}-{k}" for a in LETTERS[scheme] for k in kinds)]


def all_paths(twin, logits):
    """(paths, tokens) label ids, and the weight of each sequence; -inf for those the scheme does not allow."""
    logits = np.array(logits)
    count = len(twin.labels)
    paths = np.array(list(itertools.product(range(count), repeat=len(logits))))
    steps, start, end = twin.weights
    score = start[paths[:, 0]] + end[paths[:, -1]] + logits[np.arange(len(logits)), paths].sum(axis=1)
    for a, b in zip(paths.T, paths.T[1:]):
        score = score + steps[a, b]
    return paths, score


WEIGHTS = ("none", "biases", "transitions", "edges")


@share(500)
@given(draws.evenly(SCHEMES), draws.evenly(WEIGHTS), st.integers(1, 7), st.integers(1, 2), seeds)
@example("BIOES", "biases", 7, 1, 0)
@example("IOB1", "none", 7, 1, 1)
@example("IOE1", "edges", 7, 1, 2)
def test_the_best_of_all_paths(scheme, weights, tokens, kinds, seed):
    """Labels of `decode="viterbi"` are legal and weigh most; `score="path"` is the share of the sequences with it.

    A label weighs at least a twentieth of the best one of its type, where no step has a weight.
    """
    rng = np.random.default_rng(seed)
    labels = full_labels(scheme, ["x", "y"][:kinds])
    tokens = min(tokens, {1: 7, 2: 4}[kinds])
    rng.shuffle(labels)
    count = len(labels)
    logits = (rng.integers(-12, 13, (tokens, count)) / 4).astype(np.float32)
    logits[rng.random((tokens, count)) < 0.1] = -np.inf
    logits[:, labels.index("O")] = np.maximum(logits[:, labels.index("O")], -3)
    options = {"scheme": scheme, "decode": "viterbi"}
    quarters = lambda *shape: (rng.integers(-8, 9, shape) / 4).astype(np.float32)  # noqa: E731
    if weights == "biases" and scheme in ENDS_MARKED:
        options["biases"] = {f"transition_bias_{name}": float(quarters()) for name in BIASES}
    elif weights in ("transitions", "edges"):
        options["transitions"] = quarters(count, count)
        if weights == "edges":
            options["start_transitions"], options["end_transitions"] = quarters(count), quarters(count)
    known = dict(options)
    if "biases" in known:
        known["biases"] = {name.removeprefix("transition_bias_"): x for name, x in options["biases"].items()}
    twin = Twin(labels, **known)
    paths, score = all_paths(twin, [twin.searched(row) for row in logits])
    context = f"{labels} {options} {logits.tolist()}"

    form = {"offsets": [[(at, at + 1) for at in range(tokens)]], "texts": ["a b c d"[:tokens]]}
    found = EntityDecoder(labels, aggregation_strategy="none", ignore_labels=(), **options).decode([logits], **form)
    path = found.label_id.tolist()
    assert len(path) == tokens
    assert twin.is_legal(path), context
    place = int(np.flatnonzero((paths == path).all(axis=1))[0])
    assert score[place] == score.max() > -np.inf, context

    paths, score = all_paths(twin, twin.as_found(logits.astype(np.float64), path))
    options.update(score="path", snap=None, join=None, trim=None, aggregation_strategy="simple")
    entities = EntityDecoder(labels, **options).decode([logits], **form)
    share_of = np.exp(score - score.max())
    share_of /= share_of.sum()
    for row in range(len(entities)):
        first, last = int(entities.token_start[row]), int(entities.token_end[row])
        kind = entities.labels[entities.label_id[row]]
        has = [_holds(twin, path, first, last, kind) for path in paths[share_of > 0].tolist()]
        want = share_of[share_of > 0][np.array(has)].sum()
        assert abs(entities.score[row] - want) < 1e-6, f"{first}..{last} {kind}\n{context}"


def _holds(twin, path, first, last, kind):
    return [first, last, kind, False] in twin.chunks(path)


@share(100)
@given(draws.evenly(SCHEMES), st.integers(1, 40), seeds)
def test_no_illegal_path_comes_out(scheme, tokens, seed):
    rng = np.random.default_rng(seed)
    labels = full_labels(scheme, ["x", "y", "z"])
    logits = rng.normal(0, 5, (tokens, len(labels))).astype(np.float32)
    logits[:, 0] -= 5
    found = EntityDecoder(
        labels, aggregation_strategy="none", scheme=scheme, decode="viterbi", ignore_labels=()
    ).decode([logits])
    twin = Twin(labels, scheme=scheme)
    assert twin.is_legal(found.label_id.tolist())


@pytest.mark.parametrize(
    ("labels", "rows", "want"),
    [
        # Labels of equal probability: the smallest id.
        (["O", "B-x", "I-x"], [[0, 0, 0], [0, 0, 0]], ["O", "O"]),
        (["B-x", "O", "I-x"], [[0, 0, 0], [0, 0, 0]], ["B-x", "B-x"]),
        # No legal arg-max. B-x I-x and O O weigh the same: at the end, outside comes before inside.
        (["I-x", "B-x", "O"], [[2, 1, 1], [0, 0, 0]], ["O", "O"]),
        # Going on with an entity comes before beginning from any label.
        (["I-x", "B-x", "O"], [[1, 1, 1], [1, 0, 0]], ["B-x", "I-x"]),
        # Of two types the one named first.
        (["I-y", "I-x", "B-x", "B-y", "O"], [[9, 0, 2, 2, 0]], ["B-y"]),
    ],
)
def test_ties_of_paths(labels, rows, want):
    decoder = EntityDecoder(labels, aggregation_strategy="none", decode="viterbi", ignore_labels=())
    found = decoder.decode([np.array(rows, np.float32)])
    assert [labels[label] for label in found.label_id] == want


def test_ties_between_windows_go_to_the_earlier_one():
    labels = ["O", "PER", "LOC"]
    one, other = np.array([[0, 9, 0]] * 3, np.float32), np.array([[0, 0, 9]] * 3, np.float32)
    offsets = np.array([[(0, 1), (1, 2), (2, 3)], [(1, 2), (2, 3), (3, 4)]])
    # Token 1: one from the edge in the first, at the edge of the second. Token 2: the other way round.
    found = EntityDecoder(labels, aggregation_strategy="none").decode([one, other], offsets=offsets, windows=[0, 0])
    assert [found.labels[label] for label in found.label_id] == ["PER", "PER", "LOC", "LOC"]
    three = np.array([[(0, 1), (1, 2), (2, 3)], [(2, 3), (3, 4), (4, 5)]])  # token 2 is at both edges
    found = EntityDecoder(labels, aggregation_strategy="none").decode([one, other], offsets=three, windows=[0, 0])
    assert [found.labels[label] for label in found.label_id] == ["PER", "PER", "PER", "LOC", "LOC"]


@share(100)
@given(draws.evenly(SCHEMES), st.integers(1, 5), seeds)
def test_path_of_a_token_is_the_share_of_its_label(scheme, tokens, seed):
    """`score="path"` with `aggregation_strategy="none"`, against all sequences that the scheme allows."""
    rng = np.random.default_rng(seed)
    labels = full_labels(scheme, ["x"])
    logits = (rng.integers(-12, 13, (tokens, len(labels))) / 4).astype(np.float32)
    twin = Twin(labels, scheme=scheme)
    decoder = EntityDecoder(
        labels, aggregation_strategy="none", scheme=scheme, score="path", ignore_labels=(), decode="viterbi"
    )
    found = decoder.decode([logits])
    paths, score = all_paths(twin, twin.as_found(logits.astype(np.float64), found.label_id.tolist()))
    share_of = np.exp(score - score.max())
    share_of /= share_of.sum()
    for token, (label, got) in enumerate(zip(found.label_id.tolist(), found.score.tolist(), strict=True)):
        assert got == pytest.approx(share_of[paths[:, token] == label].sum(), abs=1e-6), f"{scheme} {logits.tolist()}"


# --- labels that are letters alone ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "scheme", "path", "want"),
    [
        (["O", "B", "I"], "IOB2", "BIIOB", [(0, 3), (4, 5)]),
        (["I", "O", "B"], "IOB2", "OBBIO", [(1, 2), (2, 4)]),
        (["B", "M", "E", "S"], "BMES", "SBMES", [(0, 1), (1, 4), (4, 5)]),
        (["B", "I", "E", "S", "O"], "BIOES", "BEOSO", [(0, 2), (3, 4)]),
    ],
)
def test_letters_alone_are_a_scheme_of_one_unnamed_type(labels, scheme, path, want):
    logits = np.full((5, len(labels)), -9, np.float32)
    logits[np.arange(5), [labels.index(letter) for letter in path]] = 9
    form = {"offsets": [[(at, at + 1) for at in range(5)]], "texts": ["在北京工作"]}
    for decode in ("argmax", "viterbi"):
        decoder = EntityDecoder(labels, decode=decode)
        assert decoder.scheme == scheme
        assert decoder.report()["labels"] == "letters alone"
        found = decoder.decode([logits], **form).to_dicts()[0]
        assert [(e["start"], e["end"]) for e in found] == want
        assert {e["entity_group"] for e in found} == {"_"}
    tokens = EntityDecoder(labels, aggregation_strategy="none", ignore_labels=()).decode([logits], **form)
    assert [e["entity"] for e in tokens.to_dicts()[0]] == list(path)


@pytest.mark.parametrize(
    "labels",
    [["O", "A", "B", "AB"], ["S", "M", "L"], ["B", "S"], ["I", "E"], ["I", "II", "III"], ["O", "B"], ["B", "I", "U"]],
)
def test_plain_labels_that_look_like_letters_stay_plain(labels):
    decoder = EntityDecoder(labels)
    assert decoder.scheme == "plain"
    assert decoder.labels == tuple(labels)


def test_iob1_where_a_type_has_no_begin():
    """The label set of CoNLL-2003 as it was published: under IOB2 no path would hold a person."""
    labels = ["O", "I-PER", "I-LOC", "B-LOC"]
    assert EntityDecoder(labels).scheme == "IOB1"
    logits = np.array([[0, 9, 0, 0], [0, 9, 0, 0], [9, 0, 0, 0]], np.float32)
    for options in ({"decode": "viterbi"}, {"repair": "discard"}):
        (entity,) = EntityDecoder(labels, **options).decode([logits]).to_dicts()[0]
        assert (entity["entity_group"], entity["index"]) == ("PER", (0, 2))


# --- what is next to an entity --------------------------------------------------------------------


def test_an_entity_takes_its_word_from_what_is_outside():
    """The rule holds whether "O" is reported or not, and for any part of the word that is labelled so."""
    text = "Kristjan lives"
    offsets = [[(0, 2), (2, 8), (9, 14)]]
    logits = np.array([[0, 9], [9, 0], [9, 0]], np.float32)
    for turned in (False, True):
        rows = logits[[1, 0, 2]] if turned else logits
        spans = [[(0, 6), (6, 8), (9, 14)]] if turned else offsets
        for ignored in (("O",), ()):
            decoder = EntityDecoder(["O", "PER"], aggregation_strategy="simple", ignore_labels=ignored)
            found = decoder.decode([rows], offsets=spans, texts=[text])
            words = {e["entity_group"]: e["word"] for e in found.to_dicts()[0]}
            assert words["PER"] == "Kristjan"
            assert words.get("O") in (None, "lives")


@pytest.mark.parametrize(
    ("text", "cut", "want"),
    [
        ("น้ำตก", 2, "น้ำ"),  # a vowel that word boundaries take for a letter
        ("a \u0301b", 3, " \u0301"),  # an accent on a space
        ("x क्षत्रिय y", 3, "क्षत्रिय"),
        ("x 👨‍👩‍👧 y", 3, "👨‍👩‍👧"),
        ("Mül\u00adler", 3, "Mül\u00adler"),
        ("O\u2019Brien", 1, "O\u2019Brien"),
    ],
)
def test_no_entity_ends_inside_what_readers_take_for_a_character(text, cut, want):
    """The token of the entity is one character, or begins one too late."""
    start = min(text.index(want), cut - 1)
    spans = [(start, cut), (cut, len(text))]
    logits = np.array([[0, 9], [9, 0]], np.float32)
    decoder = EntityDecoder(["O", "PER"], aggregation_strategy="simple")
    found = decoder.decode([logits], offsets=[spans], texts=[text]).to_dicts()[0]
    places = fastpost.OffsetMap(text)
    clusters = set(places.convert(np.arange(places.length("graphemes") + 1), "graphemes", "chars").tolist())
    assert len(found) == 1
    assert {found[0]["start"], found[0]["end"]} <= clusters
    assert want in found[0]["word"]


def test_threshold_is_compared_as_the_score_is_printed():
    logits = np.log(np.array([[0.1, 0.9]], np.float32))
    (entity,) = EntityDecoder(["O", "PER"]).decode([logits]).to_dicts()[0]
    for threshold in (entity["score"], np.nextafter(entity["score"], 1)):
        found = EntityDecoder(["O", "PER"], threshold=threshold).decode([logits])
        assert len(found) == (entity["score"] >= threshold)


# --- windows --------------------------------------------------------------------------------------


@share(150)
@given(draws.long_texts, seeds)
def test_windows_do_not_show(text, seed):
    """If logits depend on the token only, any windows give the result of one long window."""
    rng = np.random.default_rng(seed)
    labels, scheme = label_set(rng)
    options, _ = random_options(rng, labels, scheme, True)
    options["window_merge"] = choose(rng, "context", "average")
    options["words"] = "auto"
    (whole,) = windows_of(rng, text, labels, True, one=True)
    whole.ids = np.arange(len(whole.special))  # no two tokens of one window are the same
    own = np.flatnonzero(whole.special == 0)
    size, windows, at = int(rng.integers(1, 9)), [], 0
    while at < len(own):
        rows = own[at : at + size]
        windows.append(Window(*(None if x is None else x[rows] for x in (
            whole.logits, whole.offsets, whole.special, whole.words, whole.ids
        ))))  # fmt: skip
        if at + size >= len(own):
            break
        at += int(rng.integers(1, size + 1))
    if not windows or not any(start < end for start, end in whole.offsets.tolist()):
        return
    if any(not any(a < b for a, b in window.offsets.tolist()) for window in windows):
        return  # a window that covers nothing has no place in the text
    covers = dict(zip(whole.ids.tolist(), (start < end for start, end in whole.offsets.tolist())))
    shared = [set(last.ids.tolist()) & set(window.ids.tolist()) for last, window in itertools.pairwise(windows)]
    if any(tokens and not any(covers[token] for token in tokens) for tokens in shared):
        return  # two windows that share nothing but tokens that cover nothing: those count twice
    options["decode"] = options["decode"] if options["window_merge"] == "context" else "argmax"
    options["score"] = options["score"] if options["window_merge"] == "context" else "mean"
    if options["window_merge"] != "context":  # log-probabilities, to which a caller's weights would add otherwise
        options = {name: value for name, value in options.items() if "transitions" not in name and name != "biases"}
    decoder = EntityDecoder(labels, **options)
    logits, form = arguments([[whole]], [text])
    want = table(decoder.decode(logits, **form))
    logits, form = arguments([windows], [text])
    got = table(decoder.decode(logits, **form))
    shift = int(own[0])  # windows without special tokens count from 0
    got = [(*row[:4], pytest.approx(row[4], abs=1e-5), row[5] + shift, row[6] + shift, *row[7:]) for row in got]
    assert want == got


@pytest.mark.parametrize("merge", ["context", "average"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", ["auto", "transformers"])
def test_windows_of_tokenizers_do_not_show(kind, merge, words):
    tokenizer = fast(kind)
    backend = tokenizer.backend_tokenizer
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = np.random.default_rng(5).normal(0, 3, (len(tokenizer), len(labels))).astype(np.float32)
    texts = [" ".join(draws.SENTENCES), "Zoë " * 30, "在北京工作的人 😀👨‍👩‍👧 " * 4]
    for strategy, decode in itertools.product(("simple", "average"), ("argmax", "viterbi")):
        options = {"aggregation_strategy": strategy, "decode": decode, "window_merge": merge, "words": words}
        decoder = EntityDecoder(labels, tokenizer=backend, **options)
        backend.no_truncation()
        whole = backend.encode_batch(texts)
        want = table(decoder.decode([rows[e.ids] for e in whole], whole, texts))
        assert want
        for length, stride in ((12, 0), (12, 1), (12, 5), (12, 9), (30, 20)):
            backend.enable_truncation(length, stride=stride)
            cut = backend.encode_batch(texts)
            flat = [window for e in cut for window in (e, *e.overflowing)]
            got = table(decoder.decode([rows[window.ids] for window in flat], cut, texts))
            assert [row[:4] for row in got] == [row[:4] for row in want], (length, stride)
            # Of two equal bytes of one character a cut between them hides one, and a token that covers nothing can't be
            # told from its copy in the next window: an entity with one more or less of them has another mean.
            same = [(mine, theirs) for mine, theirs in zip(got, want) if mine[6] - mine[5] == theirs[6] - theirs[5]]
            assert len(same) >= 0.9 * len(want), (length, stride)
            for mine, theirs in same:
                assert mine[4] == pytest.approx(theirs[4], abs=1e-5), (length, stride)


def test_windows_tokenized_by_themselves_leave_no_gap():
    """Tokens differ where windows meet: no character is left out, and no entity is split."""
    text = "Anna Lena Meier"
    labels = ["O", "PER"]
    a = np.array([(0, 4), (4, 9), (9, 12)])
    b = np.array([(5, 9), (10, 15)])
    logits = [np.tile(np.array([0, 9], np.float32), (n, 1)) for n in (3, 2)]
    found = EntityDecoder(labels).decode(logits, offsets=[a, b], windows=[0, 0], texts=[text])
    assert found.to_dicts()[0][0]["word"] == text
    assert found.covered.tolist() == [[0, 15]]


def test_a_cut_between_windows_loses_no_character():
    """The token that reaches over the cut is the only one that holds the first letter."""
    labels = ["O", "PER"]
    a, b = np.array([(0, 5), (5, 7)]), np.array([(1, 2), (2, 3), (3, 7), (7, 9)])
    logits = [np.tile(np.array([0, 9], np.float32), (len(own), 1)) for own in (a, b)]
    found = EntityDecoder(labels).decode(logits, offsets=[a, b], windows=[0, 0], texts=["Annabella"])
    assert found.covered.tolist() == [[0, 9]]
    assert found.to_dicts()[0][0]["index"] == (0, 3)


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["wordpiece-uncased", "byte-level", "roberta", "unigram", "metaspace-bpe", "byte-fallback"]
)
def test_no_entity_edge_inside_a_word(kind):
    tokenizer = fast(kind).backend_tokenizer
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]

    @share(60)
    @given(st.one_of(draws.long_texts, st.text(max_size=30)), seeds, draws.evenly(("unicode", "auto", "word_ids")))
    def check(text, seed, words):
        encoding = tokenizer.encode(text)
        logits = np.random.default_rng(seed).normal(0, 2, (len(encoding.ids), len(labels))).astype(np.float32)
        strategy = ("simple", "first", "average", "max")[seed % 4]
        decoder = EntityDecoder(labels, snap="word", words=words, aggregation_strategy=strategy)
        found = decoder.decode([logits], [encoding], [text])
        used = next(iter(decoder.report()["words"]))
        edges = {edge for start, end in zip(found.start.tolist(), found.end.tolist()) for edge in (start, end)}
        if used.startswith(("unicode", "units")):
            edges_of = twin_units.word_edges if used.startswith("unicode") else twin_units.unit_edges
            units = itertools.pairwise(edges_of(text))
            words_in = [(a, b) for a, b in units if any(c.isalnum() for c in text[a:b])]
            inner = {at for a, b in words_in for at in range(a + 1, b)}
        else:
            inner = set()
            for word, run in itertools.groupby(zip(encoding.word_ids, encoding.offsets), key=lambda pair: pair[0]):
                spans = [span for _, span in run if span[0] < span[1]]
                if word is not None and spans:
                    start, end = twin_units.trimmed(text, min(a for a, _ in spans), max(b for _, b in spans))
                    inner |= set(range(start + 1, end))
        assert not edges & inner, f"{words} {text!r} {seed} {found.to_dicts()}"
        rows = found.to_dicts()[0]
        assert [row["word"] for row in rows] == [text[row["start"] : row["end"]] for row in rows]
        assert all(a["end"] <= b["start"] for a, b in itertools.pairwise(rows))

    check()


# --- bad input ------------------------------------------------------------------------------------

THREE = ["O", "B-x", "I-x"]
ROWS = np.zeros((2, 3), np.float32)
SPANS = np.array([(0, 1), (1, 2)])


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (ValueError, '`scheme` is "bogus"; choose "auto"', {"scheme": "bogus"}),
        (ValueError, "BIOES", {"scheme": "BIOES", "id2label": ["O", "B-x", "M-x"]}),
        (ValueError, 'with B-x, I-x alone no entity can be written: E, S are missing; pass scheme="auto"', {"scheme": "BIOES"}),
        (ValueError, "PER", {"id2label": ["O", "B-x", "I-x", "PER"]}),
        (ValueError, '`decode` is "beam"; choose "argmax" or "viterbi"', {"decode": "beam"}),
        (ValueError, '`repair` is "fix"; choose', {"repair": "fix"}),
        (ValueError, '`score` is "sum"; choose', {"score": "sum"}),
        (ValueError, '`words` is "spaces"; choose', {"words": "spaces"}),
        (ValueError, '`snap` is "token"; choose', {"snap": "token"}),
        (ValueError, '`trim` is "all"; choose', {"trim": "all"}),
        (ValueError, '`window_merge` is "vote"; choose', {"window_merge": "vote"}),
        (ValueError, "`units` has 'bytes'; choose one of 'utf8'", {"units": ("bytes",)}),
        (TypeError, "`units` is the str 'utf8'", {"units": "utf8"}),
        (ValueError, "`threshold` is 1.5; pass a number between 0 and 1", {"threshold": 1.5}),
        (ValueError, "`threshold` is nan", {"threshold": float("nan")}),
        (ValueError, r"`threshold\['x'\]` is '1'", {"threshold": {"x": "1"}}),
        (ValueError, '`threshold` is given for "B-x", which is not one of O, x', {"threshold": {"B-x": 0.5}}),
        (ValueError, r"`transitions` has shape \(2, 2\) but `id2label` has 3 labels", {"transitions": np.zeros((2, 2))}),
        (TypeError, "`transitions` is no array of numbers", {"transitions": [[1, 2], [3]]}),
        (ValueError, r"`start_transitions` has shape \(1,\)", {"start_transitions": [0]}),
        (ValueError, "`transitions` holds nan; weights are", {"transitions": np.full((3, 3), np.nan)}),
        (ValueError, "`transitions` is given but `decode` is 'argmax'", {"transitions": np.zeros((3, 3)), "decode": "argmax"}),
        (ValueError, "`biases` lacks background_stay", {"biases": {}}),
        (ValueError, "`biases` has other", {"biases": {**dict.fromkeys(BIASES, 0), "other": 1}}),
        (ValueError, r"`biases\['end_to_start'\]` is 'x'; pass a number", {"biases": {**dict.fromkeys(BIASES, 0), "end_to_start": "x"}}),
        (TypeError, "`biases` is 3; pass a dict", {"biases": 3}),
        (TypeError, "`biases` is 3; pass a dict", {"biases": {"operating_points": {"default": 3}}}),
        (ValueError, "`biases` has the operating points fast; name one", {"biases": {"operating_points": {"fast": {}}}}),
        (ValueError, "`biases` is given, and the scheme is", {"biases": dict.fromkeys(BIASES, 1)}),
    ],
)  # fmt: skip
def test_bad_options(error, match, options):
    labels = options.pop("id2label", THREE)
    if {"biases", "transitions", "start_transitions"} & set(options):
        options.setdefault("decode", "viterbi")
    with pytest.raises(error, match=match):
        EntityDecoder(labels, **options)


def test_biases_as_published(tmp_path):
    """A file, its folder, its content, and the six numbers alone are one thing; a broken file is named."""
    labels = full_labels("BIOES", ["x"])
    named = dict(zip(BIASES, (-1.0, 0.5, 0.25, -0.25, 2.0, 0.75)))
    published = {f"transition_bias_{name}": value for name, value in named.items()}
    content = {"operating_points": {"default": {"biases": published}}}
    path = tmp_path / "viterbi_calibration.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    logits = np.random.default_rng(1).normal(0, 2, (12, 5)).astype(np.float32)
    found = [
        table(EntityDecoder(labels, decode="viterbi", biases=biases).decode([logits]))
        for biases in (named, published, content, content["operating_points"]["default"], path, str(path), tmp_path)
    ]
    assert all(rows == found[0] for rows in found)
    assert found[0] != table(EntityDecoder(labels, decode="viterbi").decode([logits]))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"`biases` is '.*, which is not JSON"):
        EntityDecoder(labels, decode="viterbi", biases=path)
    with pytest.raises(FileNotFoundError):
        EntityDecoder(labels, decode="viterbi", biases=tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("match", "changes"),
    [
        ("offset", {"offsets": np.array([[(-1, 1), (1, 2)]])}),
        ("offset", {"offsets": np.array([[(1, 0), (1, 2)]])}),
        ("offset", {"offsets": np.array([[(0, 1), (1, 2**62)]])}),
        ("`offsets`", {"offsets": np.array([[(0, 1)]])}),
        ("`word_ids`", {"word_ids": np.array([[0]])}),
        ("`texts`", {"texts": ["ab", "cd"]}),
        ("`windows`", {"windows": [0, 0]}),
        (r"`windows\[0\]` is -1", {"windows": [-1]}),
        ("NaN", {"logits": np.full((1, 2, 3), np.nan, np.float32)}),
        ("only -inf", {"logits": np.full((1, 2, 3), -np.inf, np.float32)}),
        (r"\+inf", {"logits": np.full((1, 2, 3), np.inf, np.float32)}),
        ("label", {"logits": np.zeros((1, 2, 4), np.float32)}),
    ],
)
@pytest.mark.parametrize("decode", ["argmax", "viterbi"])
@pytest.mark.parametrize("strategy", ["none", "simple", "average", "max"])
def test_bad_arrays(match, changes, decode, strategy):
    given = {"logits": ROWS[None], "offsets": SPANS[None], "texts": ["ab"], "word_ids": np.array([[0, 1]]), **changes}
    with pytest.raises(ValueError, match=match):
        EntityDecoder(THREE, decode=decode, aggregation_strategy=strategy).decode(**given)


def test_a_row_without_a_legal_label_is_named():
    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, 2] = (-np.inf, -np.inf, 1)  # I-x alone,
    logits[0, 1] = (1, -np.inf, -np.inf)  # behind O alone
    with pytest.raises(ValueError, match="window 0, token 2"):
        EntityDecoder(THREE, decode="viterbi").decode(logits)


@pytest.mark.parametrize(
    "missing", [{"offsets": None, "windows": [0, 0]}, {"texts": None, "offsets": None, "snap": "word"}]
)
def test_what_is_missing_is_named(missing):
    options = {"snap": missing.pop("snap")} if "snap" in missing else {}
    given = {"offsets": np.array([SPANS] * 2), "texts": ["ab"] * 2, **missing}
    if "windows" in missing:
        given["texts"] = ["ab"]
    with pytest.raises(ValueError, match="needed"):
        EntityDecoder(THREE, **options).decode(np.array([ROWS] * 2), **given)


@pytest.mark.parametrize("merge", ["context", "average", "union", "transformers"])
@pytest.mark.parametrize("strategy", ["none", "simple", "average"])
def test_texts_without_windows_and_windows_without_tokens(strategy, merge):
    decoder = EntityDecoder(THREE, aggregation_strategy=strategy, window_merge=merge)
    logits = np.full((1, 2, 3), -9, np.float32)
    logits[..., 1] = 9
    found = decoder.decode(logits, offsets=SPANS[None], texts=["", "ab", ""], windows=[1])
    assert found.text_count == 3
    assert set(found.text_index.tolist()) == {1}
    assert found.covered.tolist() == [[-1, -1], [0, 2], [-1, -1]]
    nothing = decoder.decode(np.zeros((0, 0, 3), np.float32), texts=[])
    assert (len(nothing), nothing.to_dicts()) == (0, [])
    empty = decoder.decode(
        np.zeros((2, 0, 3), np.float32), offsets=np.zeros((2, 0, 2), int), texts=["a"], windows=[0, 0]
    )
    assert empty.to_dicts() == [[]]
    masked = decoder.decode(logits, offsets=SPANS[None], texts=["ab"], special_tokens_mask=np.ones((1, 2), int))
    assert masked.to_dicts() == [[]]


def test_without_offsets_entities_have_tokens():
    """Entities of texts without offsets are not lost."""
    logits = np.array([[[0, 9, 0], [0, 0, 9]]], np.float32)
    (entity,) = EntityDecoder(THREE).decode(logits, texts=["ab"]).to_dicts()[0]
    assert (entity["entity_group"], entity["start"], entity["index"]) == ("x", None, (0, 2))


def test_word_ids_of_any_size():
    logits = np.array([[[0, 9, 0], [0, 0, 9]]], np.float32)
    ids = np.array([[2**63 - 1, -(2**63)]])
    found = EntityDecoder(THREE, words="word_ids").decode(logits, offsets=SPANS[None], texts=["ab"], word_ids=ids)
    assert found.word_start.tolist() == [2**63 - 1]
    assert (found.start.tolist(), found.end.tolist()) == ([0], [2])


HUGE = 100_000


@pytest.mark.parametrize(
    "kind", ["usual", "one place", "one word", "no overlap", "other tokens", "outward", "single tokens"]
)
@pytest.mark.parametrize("merge", ["context", "average", "union", "transformers"])
def test_a_hundred_thousand_tokens(kind, merge):
    """Time is linear for any arrays: a quadratic step would take minutes here."""
    text = "ab " * HUGE
    spans = np.arange(HUGE)[:, None] * 3 + [[0, 2]]
    words, size, step = None, 600, 500
    if kind == "one place":
        spans = np.tile(np.array([0, 2]), (HUGE, 1))
    elif kind == "one word":
        words = np.zeros(HUGE, int)
    elif kind == "no overlap":
        size = step
    elif kind == "outward":
        spans = np.stack([np.zeros(HUGE, int), np.arange(HUGE) + 1], axis=1)
    elif kind == "single tokens":
        size, step, spans = 1, 1, np.arange(HUGE)[:, None] + [[0, 3]]
    starts = range(0, HUGE - size + 1, step)
    parts = [slice(start, start + size) for start in starts]
    logits = np.random.default_rng(0).normal(0, 3, (HUGE, 3)).astype(np.float32)
    ids = np.arange(HUGE)
    offsets = [spans[part] for part in parts]
    if kind == "other tokens":
        offsets = [span + np.array([0, number % 2]) for number, span in enumerate(offsets)]
    words_of = "auto" if words is None else "word_ids"
    decoder = EntityDecoder(THREE, aggregation_strategy="simple", window_merge=merge, words=words_of)
    found = decoder.decode(
        np.concatenate([logits[part] for part in parts]),
        lengths=[size] * len(parts),
        offsets=np.concatenate(offsets),
        input_ids=np.concatenate([ids[part] + (kind == "other tokens") * at for at, part in enumerate(parts)]),
        word_ids=None if words is None else np.concatenate([words[part] for part in parts]),
        windows=np.zeros(len(parts), int),
        texts=[text],
    )
    assert len(found) > 0
    assert found.covered[0, 0] == 0
    whole = EntityDecoder(THREE, aggregation_strategy="simple", score="path", join="run", threshold=0.01).decode(
        [logits], offsets=[spans], texts=[text]
    )
    assert len(whole) > 0
