"""`AnswerDecoder` beside transformers 4.57's own code, if 4.57 is installed; 5.3 removed it."""

from types import SimpleNamespace

import numpy as np
import pytest

peer = pytest.importorskip(
    "transformers.pipelines.question_answering", reason="transformers 5 has no question answering"
)
torch = pytest.importorskip("torch")

import qa_twin  # noqa: E402
from fastpost import AnswerDecoder  # noqa: E402
from qa_twin import arguments, recorded  # noqa: E402
from test_answers_parity import CONTEXT, assert_same, draw_windows, rows  # noqa: E402


class Encoding:
    """The attributes of a `tokenizers.Encoding` that `postprocess` reads."""

    def __init__(self, window):
        self.window = window
        self.offsets = [tuple(pair) for pair in window.offsets.tolist()]

    def token_to_word(self, token):
        word = int(self.window.word_ids[token])
        return None if word < 0 else word

    def word_to_chars(self, word, sequence_index):
        inside = self.window.offsets[(self.window.sequence_ids == sequence_index) & (self.window.word_ids == word)]
        return int(inside[0, 0]), int(inside[-1, 1])


def postprocess(windows, context, padding_side="right", cls_token_id=101, dtype=torch.float32, **options):
    """`QuestionAnsweringPipeline.postprocess` on given logits."""
    pipe = peer.QuestionAnsweringPipeline.__new__(peer.QuestionAnsweringPipeline)
    pipe.framework = "pt"
    pipe.tokenizer = SimpleNamespace(is_fast=True, padding_side=padding_side, pad_token_id=0)
    outputs = []
    for w in windows:
        p_mask = [(sequence != 1) if padding_side == "right" else 0 for sequence in w.sequence_ids.tolist()]
        for token in np.nonzero(w.input_ids == cls_token_id)[0]:
            p_mask[token] = 0
        outputs.append(
            {
                "start": torch.from_numpy(w.start.astype(np.float32))[None].to(dtype),
                "end": torch.from_numpy(w.end.astype(np.float32))[None].to(dtype),
                "example": SimpleNamespace(context_text=context),
                "p_mask": torch.tensor(p_mask)[None],
                "attention_mask": torch.ones(1, len(w.start), dtype=torch.long),
                "input_ids": torch.from_numpy(w.input_ids)[None],
                "encoding": Encoding(w),
            }
        )
    return pipe.postprocess(outputs, **options)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "options", [{}, {"top_k": 7, "handle_impossible_answer": True}, {"top_k": 4, "align_to_words": False}]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_recorded_logits(language, options, dtype):
    for number, (case, windows) in enumerate(recorded(language)):
        if number % 4:
            continue
        kind = getattr(torch, dtype)
        arrays = arguments(windows)
        for name in ("start_logits", "end_logits"):
            arrays[name] = [torch.from_numpy(array).to(kind) for array in arrays[name]]
        got = AnswerDecoder(compat="transformers", **options).decode(
            **arrays, contexts=[case["context"]], cls_token_id=101
        )
        want = postprocess(windows, case["context"], dtype=kind, **options)
        if dtype == "float32":
            assert_same(got.to_dicts()[0], want)
        else:  # many exact ties, which transformers orders at random
            assert_same_scores(got.to_dicts()[0], want)


def assert_same_scores(got, want):
    scores = [[a["score"] for a in ([x] if isinstance(x, dict) else x)] for x in (got, want)]
    if len(scores[0]) == len(scores[1]):
        np.testing.assert_allclose(scores[0][:1], scores[1][:1], atol=5e-2)


@pytest.mark.parametrize("padding_side", ["right", "left"])
def test_random_logits(padding_side):
    for seed in range(300):
        windows = draw_windows(seed, 20 + seed % 60, 1 + seed % 3, "normal", False)
        options = {"top_k": 1 + seed % 9, "max_answer_len": 1 + seed % 20, "align_to_words": seed % 2 == 0,
                   "handle_impossible_answer": seed % 3 == 0}  # fmt: skip
        if padding_side == "left":  # the context comes first, and in transformers nothing is masked
            for w in windows:
                w.sequence_ids = np.where(w.sequence_ids >= 0, 1 - w.sequence_ids, -1).astype(np.int8)
                w.word_ids = np.where(w.sequence_ids == 1, 0, w.word_ids).astype(np.int32)
        decoder = AnswerDecoder(compat="transformers", context_sequence=int(padding_side == "right"), **options)
        got = decoder.decode(**arguments(windows), contexts=[CONTEXT], cls_token_id=101).to_dicts()[0]
        want = postprocess(windows, CONTEXT, padding_side, **options)
        # Candidates of probability 0 all tie, and transformers takes some of them at random.
        assert_same([a for a in rows(got) if a["score"]], [a for a in rows(want) if a["score"]])


def test_select_starts_ends_on_random_logits():
    for seed in range(300):
        (w,) = draw_windows(seed, 30 + 7 * (seed % 50), 1, "normal", False)
        k, length = 2 + seed % 40, 1 + seed % 25
        p_mask = np.where((w.sequence_ids == 1) | (w.input_ids == 101), 0, 1)[None]
        attention = np.ones_like(p_mask)
        firsts, lasts, scores, null = peer.select_starts_ends(
            w.start[None], w.end[None], p_mask, attention, 1000000, k, True, length
        )
        desired = p_mask[0] == 0
        mine = qa_twin.v4_candidates(w.start, w.end, desired, k, length)
        sure = scores > 0  # candidates of probability 0 all tie
        np.testing.assert_array_equal(scores[sure], mine[2][mine[2] > 0])
        if len(set(scores[sure].tolist())) == sure.sum():
            assert firsts[sure].tolist() == mine[0][mine[2] > 0].tolist()
            assert lasts[sure].tolist() == mine[1][mine[2] > 0].tolist()
        assert null == mine[3]


def test_the_crash_that_is_not_repeated():
    (w,) = draw_windows(1, 4, 1, "normal", False)
    with pytest.raises(ValueError, match="out of bounds"):
        postprocess([w], CONTEXT, top_k=16, align_to_words=False)
