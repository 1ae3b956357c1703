"""`AnswerDecoder`: sizes of any kind, hostile offsets, and the messages of wrong calls."""

import sys
import traceback

import numpy as np
import pytest

from fastpost import AnswerDecoder, postprocess_qa_predictions

TEXT = "a b c d e"
OFFSETS = np.array([[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]])


def arguments(**changes):
    logits = np.array([[1, 5, 1, 1, 1]], np.float32)
    given = {"start_logits": logits, "end_logits": logits, "offsets": OFFSETS, "sequence_ids": np.ones((1, 5), np.int64),
             "word_ids": np.arange(5)[None], "contexts": [TEXT]}  # fmt: skip
    return {**given, **changes}


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
@pytest.mark.parametrize("top_k", [10**9, 2**62, sys.maxsize])
@pytest.mark.parametrize("dedupe", ["span", "text", "overlap"])
def test_a_top_k_larger_than_there_are_answers_is_all_of_them(top_k, compat, dedupe):
    options = {"compat": compat} if compat == "transformers" else {"dedupe": dedupe}
    found = AnswerDecoder(top_k=top_k, **options).decode(**arguments())
    assert found.to_dicts() == AnswerDecoder(top_k=25, **options).decode(**arguments()).to_dicts()
    # transformers also lists the spans that end before they begin, whose text is "".
    assert len(found) == (16 if compat == "transformers" else 5 if dedupe == "overlap" else 15)


def test_overlaps_end_where_tokens_run_backwards():
    """An answer that covers no character of its own tokens used to be found again without end."""
    offsets = np.array([[[8, 9], [0, 1], [4, 5], [6, 7], [2, 3]]])
    decoder = AnswerDecoder(top_k=sys.maxsize, dedupe="overlap")
    assert 1 <= len(decoder.decode(**arguments(offsets=offsets))) <= 5


@pytest.mark.parametrize("dedupe", ["span", "text"])
def test_an_answer_that_ends_before_it_starts_is_refused(dedupe):
    """The offsets of the window's tokens are out of order."""
    offsets = np.array([[[8, 9], [0, 1], [4, 5], [6, 7], [2, 3]]])
    decoder = AnswerDecoder(top_k=sys.maxsize, dedupe=dedupe)
    with pytest.raises(
        ValueError, match=r"`offsets` holds \(0, 1\) at window 0, token 1, behind a token at \(8, 9\)"
    ) as bad:
        decoder.decode(**arguments(offsets=offsets))
    assert (bad.value.argument, bad.value.window, bad.value.token) == ("offsets", 0, 1)


def test_more_spans_than_memory_holds_are_refused():
    tokens = 1 << 13
    logits = np.zeros((1, tokens), np.float32)
    at = np.arange(tokens)
    offsets = np.stack([at, at + 1], 1)[None]
    given = arguments(start_logits=logits, end_logits=logits, offsets=offsets, word_ids=at[None], contexts=["x" * tokens],
                      sequence_ids=np.ones((1, tokens), np.int64))  # fmt: skip
    with pytest.raises(ValueError, match=r"`top_k` is 9223372036854775807, and one question has up to 67108864 spans"):
        AnswerDecoder(top_k=sys.maxsize, max_answer_len=sys.maxsize).decode(**given)
    assert len(AnswerDecoder(top_k=3, max_answer_len=sys.maxsize).decode(**given)) == 3


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8])
@pytest.mark.parametrize(("pair", "shown"), [((5, 3), r"\(5, 3\)"), ((-1, 3), r"\(-1, 3\)"), ((2, 10), r"\(2, 10\)")])
def test_offsets_that_are_no_span_of_the_context_are_refused(pair, shown, kind, compat):
    offsets = OFFSETS.copy()
    offsets[0, 1] = pair
    with pytest.raises(ValueError, match=rf"`offsets` holds {shown} at window 0, token 1, but its text has 9 char"):
        AnswerDecoder(compat=compat).decode(**arguments(offsets=offsets.astype(kind)))
    # The offsets of the question and of padding are not read.
    question = np.array([[1, 0, 1, 1, 1]])
    AnswerDecoder(compat=compat).decode(**arguments(offsets=offsets, sequence_ids=question))
    padding = np.array([[1, 1, 1, 1, 0]])
    AnswerDecoder(compat=compat).decode(**arguments(offsets=offsets[:, [0, 2, 3, 4, 1]], attention_mask=padding))


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (TypeError, r"`top_k` is '3', a str; pass an int of at least 1", {"top_k": "3"}),
        (TypeError, r"`top_k` is 1.5, a float; pass an int of at least 1", {"top_k": 1.5}),
        (TypeError, r"`top_k` is True; pass an int", {"top_k": True}),
        (ValueError, r"`top_k` is 18446744073709551616; pass an int from 1 to 9223372036854775807", {"top_k": 2**64}),
        (ValueError, r"`top_k` is an int of 20000\d? bits", {"top_k": 2**200_000}),
        (TypeError, r"`max_answer_len` is None", {"max_answer_len": None}),
        (ValueError, r"`max_answer_len` is -1; pass an int of at least 1", {"max_answer_len": -1}),
        (TypeError, r"`threads` is True; pass an int of at least 1, or None for all cores", {"threads": True}),
        (TypeError, r"`threads` is 1.0, a float", {"threads": 1.0}),
        (ValueError, r"`threads` is -1; pass an int of at least 1", {"threads": -1}),
        (ValueError, r"`null_threshold` is 7; pass a number from 0 to 1, or None", {"null_threshold": 7}),
        (ValueError, r"`null_threshold` is nan; pass a number from 0 to 1", {"null_threshold": float("nan")}),
        (TypeError, r"`null_threshold` is '0.5', a str", {"null_threshold": "0.5"}),
        (ValueError, r"`handle_impossible_answer` is 'x'; pass one of True, False", {"handle_impossible_answer": "x"}),
        (ValueError, r"`align_to_words` is 1; pass one of True, False, 'auto'", {"align_to_words": 1}),
        (ValueError, r"`context_sequence` is True; pass one of 1, 0", {"context_sequence": True}),
        (ValueError, r"`normalize` is array\(", {"normalize": np.array(["global", "window"])}),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_with_their_cure(error, match, options):
    with pytest.raises(error, match=match):
        AnswerDecoder(**options)


def test_numbers_of_numpy_are_numbers():
    decoder = AnswerDecoder(top_k=np.int32(3), max_answer_len=np.uint8(4), threads=np.int64(2), null_threshold=np.float32(0.5),
                            handle_impossible_answer=np.True_)  # fmt: skip
    assert (decoder.top_k, decoder.max_answer_len) == (3, 4)
    assert AnswerDecoder(threads=2**80).decode(**arguments()).answers == ["b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"offsets": OFFSETS.tolist(), "windows": [7]},
        {"sequence_ids": [["a"] * 5]},
        {"start_logits": [["a"] * 5]},
        {"start_logits": np.array([[np.nan, 0, 0, 0, 0]], np.float32), "offsets": OFFSETS.tolist()},
        {"contexts": [5]},
    ],
)
def test_a_wrong_call_is_told_once(changes):
    with pytest.raises((TypeError, ValueError)) as caught:
        AnswerDecoder().decode(**arguments(**changes))
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "extract enum" not in "".join(traceback.format_exception(caught.value))


def test_arrays_that_lie_column_by_column_are_not_misread():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(3, 5)).astype(np.float32)
    many = arguments(
        start_logits=logits, end_logits=logits, offsets=np.repeat(OFFSETS, 3, 0),
        sequence_ids=np.ones((3, 5), np.int64), word_ids=np.tile(np.arange(5), (3, 1)), contexts=[TEXT] * 3,
    )  # fmt: skip
    turned = {
        name: np.asfortranarray(value) if isinstance(value, np.ndarray) else value for name, value in many.items()
    }
    assert AnswerDecoder().decode(**turned).to_dicts() == AnswerDecoder().decode(**many).to_dicts()


def test_a_squad_window_without_tokens_is_refused():
    examples = [{"id": "1", "question": "q", "context": "c"}]
    features = [{"example_id": "1", "offset_mapping": []}]
    with pytest.raises(ValueError, match=r"`predictions` has 1 windows of 0 tokens; leave out features without tokens"):
        postprocess_qa_predictions(examples, features, (np.zeros((1, 0), np.float32),) * 2)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("align", [True, False, "auto"])
def test_answers_apart_are_the_ranked_ones_that_share_no_character(seed, align):
    """The plain twin: all answers, best first; an answer is kept if it overlaps none that was kept before it."""
    rng = np.random.default_rng(seed)
    tokens, windows = 14, 1 + seed % 3
    at = np.arange(tokens)
    lengths = rng.integers(1, 4, 2 * tokens)
    ends = np.cumsum(lengths + 1)
    every = np.stack([ends - lengths - 1, ends - 1], 1)
    offsets = np.stack([every[4 * window : 4 * window + tokens] for window in range(windows)])
    words = np.stack([(at + 4 * window) // (1 + seed % 4) for window in range(windows)])
    start, end = rng.normal(size=(2, windows, tokens)).astype(np.float32)
    text = "".join(rng.choice(list("ab中日"), int(ends[-1])))
    given = {"start_logits": start, "end_logits": end, "offsets": offsets, "word_ids": words, "contexts": [text],
             "sequence_ids": np.ones((windows, tokens), np.int64), "windows": [0] * windows}  # fmt: skip
    options = {"top_k": sys.maxsize, "max_answer_len": 4, "align_to_words": align}
    ranked = AnswerDecoder(**options).decode(**given).to_dicts()[0]
    kept: list[dict] = []
    for answer in ranked:
        if all(answer["end"] <= other["start"] or answer["start"] >= other["end"] for other in kept):
            kept.append(answer)
    found = AnswerDecoder(dedupe="overlap", **options).decode(**given).to_dicts()[0]
    assert [(one["start"], one["end"]) for one in found] == [(one["start"], one["end"]) for one in kept]
