"""EntityDecoder equals the installed transformers, entity by entity, on random texts, labels, logits and options.

4,200 examples by default; `FASTPOST_PARITY_EXAMPLES` sets another total (`make parity`: 100,000, drawn anew).
"""

import functools
import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies as draws
from fastpost import EntityDecoder
from oracle import Oracle, assert_equal
from small_tokenizers import KINDS

TOTAL = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "4200"))
tally = Counter()
oracle = functools.cache(Oracle)
seeds = st.integers(0, 2**32 - 1)
kinds_of_logits = draws.evenly(draws.KINDS_OF_LOGITS)


def share(part: int):
    """`part` examples of 2,100, scaled to the total asked for."""
    return settings(max_examples=max(1, TOTAL * part // 2100))


@st.composite
def label_choices(draw):
    labels = draw(draws.label_sets)
    return labels, draw(draws.ignores(labels))


def make_logits(case, labels, kind: str, seed: int) -> list[np.ndarray]:
    return [draws.logits(kind, seed + i, len(window.input_ids), len(labels)) for i, window in enumerate(case.windows)]


def compare(oracle, cases, logits, labels, ignore, strategy, decode, context, kind) -> None:
    """`decode` gives one list of dicts a text; each must be what transformers gives for that text.

    `kind` is the kind of logits, under which the tally is kept."""
    wanted = []
    for case, rows in zip(cases, logits, strict=True):
        want = oracle.entities(case, rows, labels, strategy, ignore)
        undefined = oracle.undefined_winner(case, rows, strategy)
        tally[kind, "skipped" if undefined else "compared"] += 1
        wanted.append(None if undefined else want)
    got = decode()
    assert len(got) == len(cases)
    for i, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
        if theirs is not None:
            assert_equal(ours, theirs, context=f"text {i}: {context}")


def decoder(oracle, labels, ignore, strategy, raw: bool = False) -> EntityDecoder:
    """A decoder with the transformers tokenizer or, if both give the same, with the tokenizers.Tokenizer inside it."""
    tokenizer = oracle.pipe.tokenizer
    if raw and getattr(tokenizer.backend_tokenizer.model, "unk_token", None) == "[UNK]":
        tokenizer = tokenizer.backend_tokenizer
    return EntityDecoder(
        dict(enumerate(labels)),
        aggregation_strategy=strategy,
        compat="transformers",
        ignore_labels=ignore,
        tokenizer=tokenizer,
        threads=1,
    )


def arrays(case, offsets=None) -> dict:
    """The second call form's arguments for one text, one array a window."""
    return {
        "offsets": [window.offsets for window in case.windows] if offsets is None else offsets,
        "special_tokens_mask": [window.special_tokens_mask for window in case.windows],
        "input_ids": [window.input_ids for window in case.windows],
        "windows": [0] * len(case.windows),
        "texts": [case.text],
    }


@share(800)
@given(draws.evenly(KINDS), draws.texts, label_choices(), draws.strategies, kinds_of_logits, seeds, st.booleans())
def test_one_window(kind, text, choice, strategy, logit_kind, seed, raw):
    labels, ignore = choice
    peer = oracle(kind)
    case = peer.case(text)
    logits = make_logits(case, labels, logit_kind, seed)
    ours = decoder(peer, labels, ignore, strategy, raw)
    context = f"{kind} {strategy} {labels} ignore {ignore} {text!r} {logit_kind} {seed}"

    def decode():
        plain = ours.decode(logits, **arrays(case)).to_dicts()
        assert ours.decode(logits, [case.windows[0].encoding], [text]).to_dicts() == plain
        return plain

    compare(peer, [case], [logits], labels, ignore, strategy, decode, context, logit_kind)


@share(450)
@given(
    draws.evenly(KINDS),
    draws.long_texts,
    label_choices(),
    draws.evenly(("simple", "first", "average", "max")),
    kinds_of_logits,
    seeds,
    draws.evenly(((8, 0), (8, 2), (12, 5), (12, 8), (20, 4))),
)
def test_stride_windows(kind, text, choice, strategy, logit_kind, seed, sizes):
    labels, ignore = choice
    max_length, stride = sizes
    peer = oracle(kind, max_length)
    case = peer.case(text, stride=stride)
    logits = make_logits(case, labels, logit_kind, seed)
    ours = decoder(peer, labels, ignore, strategy)
    context = f"{kind} {strategy} {labels} ignore {ignore} {text!r} {sizes} {logit_kind} {seed}"

    def decode():
        form = arrays(case)
        plain = ours.decode(logits, **form).to_dicts()
        encodings = [window.encoding for window in case.windows]
        assert ours.decode(logits, encodings, [text], windows=form["windows"]).to_dicts() == plain
        return plain

    tally["windows"] += len(case.windows)
    compare(peer, [case], [logits], labels, ignore, strategy, decode, context, logit_kind)


@share(300)
@given(
    draws.evenly(KINDS),
    draws.word_lists,
    label_choices(),
    draws.strategies,
    kinds_of_logits,
    seeds,
    draws.evenly((" ", "", "\n", ", ")),
    draws.evenly((None, 0, 3)),
)
def test_pre_split_words(kind, words, choice, strategy, logit_kind, seed, delimiter, stride):
    labels, ignore = choice
    if strategy == "none":
        stride = None
    peer = oracle(kind, 512 if stride is None else 10)
    case = peer.case(words, stride=stride, delimiter=delimiter)
    logits = make_logits(case, labels, logit_kind, seed)
    ours = decoder(peer, labels, ignore, strategy)
    context = f"{kind} {strategy} {labels} ignore {ignore} {words!r} {delimiter!r} {stride} {logit_kind} {seed}"

    def decode():
        # Offsets of a pre-split text count from the start of each word.
        starts = np.cumsum([0, *(len(word) + len(delimiter) for word in words)])
        absolute = [
            window.offsets + np.where(window.word_ids < 0, 0, starts[window.word_ids])[:, None]
            for window in case.windows
        ]
        return ours.decode(logits, **arrays(case, absolute)).to_dicts()

    compare(peer, [case], [logits], labels, ignore, strategy, decode, context, logit_kind)


@share(200)
@given(draws.evenly(KINDS), draws.texts, label_choices(), draws.strategies, kinds_of_logits, seeds)
def test_offsets_of_the_user(kind, text, choice, strategy, logit_kind, seed):
    labels, ignore = choice
    peer = oracle(kind)
    tokens = len(peer.case(text).windows[0].input_ids)
    spans = np.sort(np.random.default_rng(seed).integers(0, len(text) + 1, (tokens, 2)), axis=1)
    case = peer.case(text, offset_mapping=[tuple(span) for span in spans.tolist()])
    logits = make_logits(case, labels, logit_kind, seed)
    ours = decoder(peer, labels, ignore, strategy)
    context = f"{kind} {strategy} {labels} ignore {ignore} {text!r} {spans.tolist()} {logit_kind} {seed}"
    decode = lambda: ours.decode(logits, **arrays(case)).to_dicts()  # noqa: E731
    compare(peer, [case], [logits], labels, ignore, strategy, decode, context, logit_kind)


def pack(parts: list[np.ndarray], form: str, filler) -> np.ndarray | list[np.ndarray]:
    """One array a window in one of the three shapes a batch comes in."""
    if form == "list":
        return parts
    if form == "end to end":
        return np.concatenate(parts)
    padded = np.full((len(parts), max(map(len, parts)) + 1, *parts[0].shape[1:]), filler, parts[0].dtype)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return padded


forms = draws.evenly(("list", "end to end", "padded"))


@share(250)
@given(
    draws.evenly(KINDS),
    st.lists(draws.texts, min_size=1, max_size=4),
    label_choices(),
    draws.strategies,
    kinds_of_logits,
    seeds,
    st.tuples(forms, forms, forms, forms),
    draws.evenly((1, 2, None)),
)
def test_batches_in_every_shape(kind, texts, choice, strategy, logit_kind, seed, shapes, threads):
    labels, ignore = choice
    stride = None if strategy == "none" else 3
    peer = oracle(kind, 512 if stride is None else 12)
    cases = [peer.case(text, stride=stride) for text in texts]
    logits = [make_logits(case, labels, logit_kind, seed + 100 * i) for i, case in enumerate(cases)]
    flat = [window for case in cases for window in case.windows]
    ours = EntityDecoder(
        dict(enumerate(labels)),
        aggregation_strategy=strategy,
        compat="transformers",
        ignore_labels=ignore,
        tokenizer=peer.pipe.tokenizer,
        threads=threads,
    )
    context = f"{kind} {strategy} {labels} ignore {ignore} {texts!r} {shapes} {logit_kind} {seed}"

    def decode():
        # Values in the padding are never read.
        return ours.decode(
            pack([rows for text in logits for rows in text], shapes[0], np.nan),
            offsets=pack([window.offsets for window in flat], shapes[1], -7),
            special_tokens_mask=pack([window.special_tokens_mask for window in flat], shapes[2], 0),
            input_ids=pack([window.input_ids for window in flat], shapes[3], -1),
            lengths=[len(window.input_ids) for window in flat],
            windows=[i for i, case in enumerate(cases) for _ in case.windows],
            texts=texts,
        ).to_dicts()

    compare(peer, cases, logits, labels, ignore, strategy, decode, context, logit_kind)


@share(100)
@given(
    draws.evenly(("byte-level", "roberta", "unigram", "ctc")),
    draws.texts,
    label_choices(),
    draws.strategies,
    kinds_of_logits,
    seeds,
)
def test_without_a_tokenizer(kind, text, choice, strategy, logit_kind, seed):
    """Spans, labels, scores as with a tokenizer that knows no words; `word` is the text itself."""
    labels, ignore = choice
    peer = oracle(kind)
    case = peer.case(text)
    if peer.pipe.tokenizer.unk_token_id in case.windows[0].input_ids:
        return  # an unknown token begins a word, which the arrays do not say
    logits = make_logits(case, labels, logit_kind, seed)
    ours = EntityDecoder(
        dict(enumerate(labels)), aggregation_strategy=strategy, compat="transformers", ignore_labels=ignore
    )
    context = f"{kind} {strategy} {labels} ignore {ignore} {text!r} {logit_kind} {seed}"

    def sliced(entities):
        return [{**entity, "word": text[entity["start"] : entity["end"]]} for entity in entities]

    want = peer.entities(case, logits, labels, strategy, ignore)
    if peer.undefined_winner(case, logits, strategy):
        tally[logit_kind, "skipped"] += 1
        return
    tally[logit_kind, "compared"] += 1
    form = arrays(case)
    del form["input_ids"]
    assert_equal(ours.decode(logits, **form).to_dicts()[0], sliced(want), context=context)


# Logits whose scores are within rounding of each other by chance only. The other kinds are drawn to be so.
APART = {"normal", "runs", "barred"}


def test_few_examples_were_skipped():
    """Only examples that depend on two scores of transformers within rounding of each other are skipped."""
    if not tally:
        pytest.skip("ran alone")
    for kinds, most in ((APART, 0.005), (set(draws.KINDS_OF_LOGITS) - APART, 0.25)):
        compared = sum(tally[kind, "compared"] for kind in kinds)
        skipped = sum(tally[kind, "skipped"] for kind in kinds)
        assert skipped <= most * (compared + skipped), tally
    if TOTAL >= 4200 and tally["windows"]:
        assert sum(tally[kind, "compared"] for kind in draws.KINDS_OF_LOGITS) >= 4000, tally
