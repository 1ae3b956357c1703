"""`AnswerDecoder(compat="transformers")` equals transformers 4.57.6, and the linear search the plain twin."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qa_twin
from fastpost import AnswerDecoder
from qa_twin import KINDS, Window, arguments, recorded

EXAMPLES = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "5000"))
# Different characters without case: no two spans have the same text by chance.
CONTEXT = "".join(chr(0x4E00 + i) for i in range(900))


def rows(answers):
    return [answers] if isinstance(answers, dict) else answers


def assert_same(got, want, tolerance=1e-6):
    assert type(got) is type(want)
    assert [(a["start"], a["end"], a["answer"]) for a in rows(got)] == [
        (a["start"], a["end"], a["answer"]) for a in rows(want)
    ]
    np.testing.assert_allclose(
        [a["score"] for a in rows(got)], [a["score"] for a in rows(want)], atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recorded_answers_of_transformers_4_57_6(language):
    count = 0
    for case, windows in recorded(language):
        options = {k: v for k, v in case["parameters"].items() if k not in ("max_seq_len", "doc_stride")}
        decoder = AnswerDecoder(compat="transformers", **options)
        answers = decoder.decode(**arguments(windows), contexts=[case["context"]], cls_token_id=case["cls_token_id"])
        assert_same(answers.to_dicts()[0], case["expected"])
        count += 1
    assert count == {"en": 400, "zh": 200}[language]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_recorded_questions_in_one_call_equal_one_call_each(language):
    contexts, everything, expected = [], [], []
    for case, windows in recorded(language):
        for window in windows:
            window.text = len(contexts)
        contexts.append(case["context"])
        everything += windows
    for threads in (1, None):
        decoder = AnswerDecoder(compat="transformers", top_k=3, threads=threads)
        got = decoder.decode(**arguments(everything), contexts=contexts, cls_token_id=101).to_dicts()
        expected = expected or [
            qa_twin.v4([w for w in everything if w.text == text], context, 101, top_k=3)
            for text, context in enumerate(contexts)
        ]
        assert len(got) == len(expected)
        for one, want in zip(got, expected, strict=True):
            assert_same(one, want)


def draw_windows(seed: int, tokens: int, count: int, kind: str, half: bool) -> list[Window]:
    rng = np.random.default_rng(seed)
    windows = [
        qa_twin.random_window(rng, tokens, kind, CONTEXT, begin=int(rng.integers(0, 60)) * number)
        for number in range(count)
    ]
    if half:
        for w in windows:
            with np.errstate(over="ignore"):
                w.start, w.end = (np.clip(x, -60000, 60000).astype(np.float16) for x in (w.start, w.end))
    return windows


sizes = st.one_of(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 600))
lengths = st.one_of(st.integers(1, 20), st.integers(1, 600))


@pytest.mark.parity
@settings(max_examples=EXAMPLES // 2)
@given(
    seed=st.integers(0, 2**32 - 1), tokens=sizes, count=st.integers(1, 3), kind=st.sampled_from(KINDS), k=st.integers(1, 60),
    length=lengths, align=st.booleans(), null=st.booleans(), half=st.booleans(),
)  # fmt: skip
def test_compat_equals_its_twin(seed, tokens, count, kind, k, length, align, null, half):
    windows = draw_windows(seed, tokens, count, kind, half)
    options = {
        "top_k": k,
        "max_answer_len": 1 + (length - 1) % tokens,
        "align_to_words": align,
        "handle_impossible_answer": null,
    }
    with np.errstate(all="ignore"):
        want = qa_twin.v4(windows, CONTEXT, 101, **options)
    if any(np.isnan(a["score"]) for a in rows(want)):
        return  # every logit is -inf: NumPy divides 0 by 0
    got = AnswerDecoder(compat="transformers", **options).decode(
        **arguments(windows), contexts=[CONTEXT], cls_token_id=101
    )
    assert_same(got.to_dicts()[0], want)


@pytest.mark.parity
@settings(max_examples=EXAMPLES // 2)
@given(
    seed=st.integers(0, 2**32 - 1), tokens=sizes, count=st.integers(1, 3), kind=st.sampled_from(KINDS), k=st.integers(1, 60),
    length=lengths, align=st.booleans(), null=st.booleans(), half=st.booleans(), normalize=st.sampled_from(["global", "window"]),
    dedupe=st.sampled_from(["span", "text", "overlap"]), threshold=st.one_of(st.none(), st.none(), st.floats(0, 1)),
)  # fmt: skip
def test_right_equals_all_pairs_sorted(
    seed, tokens, count, kind, k, length, align, null, half, normalize, dedupe, threshold
):
    windows = draw_windows(seed, tokens, count, kind, half)
    options = {"top_k": k, "max_answer_len": 1 + (length - 1) % tokens, "align_to_words": align, "handle_impossible_answer": null,
               "normalize": normalize, "dedupe": dedupe, "null_threshold": threshold}  # fmt: skip
    with np.errstate(all="ignore"):
        want, null_score = qa_twin.right(windows, [CONTEXT], [0] * count, **options)
    if threshold is not None and abs(null_score - threshold) < 1e-9:
        return
    answers = AnswerDecoder(**options).decode(**arguments(windows), contexts=[CONTEXT], cls_token_id=101)
    np.testing.assert_allclose(answers.null_score, [null_score], atol=1e-9)
    got = answers.to_dicts()[0]
    if normalize == "global":
        assert_same(got, want, 1e-9)
        assert dedupe != "span" or align or sum(answers.score) <= 1 + 1e-9 or len(set(answers.window.tolist())) > 1
    else:  # the shares of two windows are rounded separately: near ties may change places
        np.testing.assert_allclose([a["score"] for a in got], [a["score"] for a in want], atol=1e-9)


def test_ties_go_to_the_first_then_the_shortest():
    """A deliberate difference: NumPy's argpartition leaves the order of exact ties open."""
    windows = draw_windows(0, 8, 1, "flat", False)
    got = AnswerDecoder(compat="transformers", top_k=4, align_to_words=False).decode(
        **arguments(windows), contexts=[CONTEXT], cls_token_id=101
    )
    start = int(windows[0].offsets[windows[0].sequence_ids == 1][0, 0])
    assert [(a["start"], a["end"]) for a in got.to_dicts()[0]] == [(start, start + n) for n in (1, 2, 3, 4)]


def test_no_crash_where_the_matrix_has_as_many_cells_as_candidates():
    """A deliberate difference: transformers 4.57 raises ValueError where n * n == top_k."""
    windows = draw_windows(1, 4, 1, "normal", False)
    got = AnswerDecoder(compat="transformers", top_k=16, align_to_words=False).decode(
        **arguments(windows), contexts=[CONTEXT], cls_token_id=101
    )
    assert_same(got.to_dicts()[0], qa_twin.v4(windows, CONTEXT, 101, top_k=16, align_to_words=False))
