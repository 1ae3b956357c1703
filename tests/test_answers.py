"""`AnswerDecoder`: shapes, types, options, what transformers gets wrong, and bad input."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

import qa_twin
from fastpost import AnswerDecoder, Answers
from qa_twin import Window, arguments, log_sum, random_window, recorded, spans

CONTEXT = (
    "\n🤗 Transformers is backed by the three most popular deep learning libraries — Jax, PyTorch, and TensorFlow — with a "
    "seamless integration\nbetween them. It's straightforward to train your models with one before loading them for "
    "inference with the other.\n"
)
QUESTION = "Which deep learning libraries back 🤗 Transformers?"
LIKELIHOODS = (0.98026, 0.0082478, 0.0013677, 0.00038109, 0.00021685)


def words_window(
    context: str, question: int, cuts: dict[str, int] | None = None, begin: int = 0, end: int | None = None
) -> Window:
    """A window whose tokens are words and punctuation; `cuts` says into how many pieces a word is cut."""
    offsets, words = [], []
    at = begin
    for word_number, word in enumerate(re.findall(r"\w+|[^\w\s]", context[begin:end])):
        at = context.index(word, at)
        pieces = (cuts or {}).get(word, 1)
        bounds = [at + len(word) * i // pieces for i in range(pieces + 1)]
        offsets += pairwise(bounds)
        words += [word_number] * pieces
        at += len(word)
    head = 2 + question
    tokens = head + len(offsets) + 1
    sequence = np.array([-1] + [0] * question + [-1] + [1] * len(offsets) + [-1])
    return Window(
        np.full(tokens, -40, np.float32),
        np.full(tokens, -40, np.float32),
        np.array([(0, 0)] * head + offsets + [(0, 0)]),
        sequence,
        np.array([-1] * head + words + [-1]),
        np.array([101, *range(1, tokens)]),
    )


def plant(window: Window, chances: dict[tuple[int, int], float], end_share: float = 0.995) -> None:
    """Logits for which softmax(start)[first] * softmax(end)[last] is the given probability, for spans that share a last token."""
    (last,) = {last for _, last in chances}
    window.end[last] = np.log(end_share)
    window.end[-2] = np.log(1 - end_share)
    for (first, _), chance in chances.items():
        window.start[first] = np.log(chance / end_share)
    window.start[-2] = np.log(1 - sum(chances.values()) / end_share)


@pytest.fixture
def seed() -> Window:
    window = words_window(CONTEXT, 11, {"Transformers": 1, "Jax": 2, "PyTorch": 4, "TensorFlow": 3})
    first = int(np.nonzero(window.offsets[:, 0] == CONTEXT.index("Jax"))[0][0])
    last = int(np.nonzero(window.offsets[:, 1] == CONTEXT.index(" — with"))[0][0])
    plant(window, {(first - 2 * rank, last): chance for rank, chance in enumerate(LIKELIHOODS)})
    return window


def test_the_five_answers_of_the_course(seed):
    decoder = AnswerDecoder(compat="transformers", top_k=5, max_answer_len=30)
    answers = decoder.decode(**arguments([seed]), contexts=[CONTEXT], cls_token_id=101)
    found = answers.to_dicts()[0]
    assert found[0]["answer"] == "Jax, PyTorch, and TensorFlow"
    assert (found[0]["start"], found[0]["end"]) == (78, 106)  # the emoji is one character
    assert [a["score"] for a in found] == pytest.approx(LIKELIHOODS, rel=1e-4)
    one = (
        AnswerDecoder(compat="transformers")
        .decode(**arguments([seed]), contexts=[CONTEXT], cls_token_id=101)
        .to_dicts()[0]
    )
    assert one == found[0]
    json.dumps(found)


def test_the_better_of_two_windows_wins():
    context = "window 0 " + CONTEXT * 9
    begin = 1892 - CONTEXT.index("Jax")
    context = context[:begin].ljust(begin) + CONTEXT.replace(
        "Jax, PyTorch, and TensorFlow", "Jax, PyTorch and TensorFlow"
    )
    first, second = words_window(context, 8, end=900), words_window(context, 8, begin=begin)
    plant(first, {(10, 11): 0.33867})
    jax, flow = context.index("Jax", begin), context.index(" — with", begin)
    plant(
        second,
        {
            (
                int(np.nonzero(second.offsets[:, 0] == jax)[0][0]),
                int(np.nonzero(second.offsets[:, 1] == flow)[0][0]),
            ): 0.9714871
        },
    )
    answers = AnswerDecoder(compat="transformers", top_k=2).decode(
        **arguments([first, second]), contexts=[context], cls_token_id=101
    )
    best, other = answers.to_dicts()[0]
    assert (best["start"], best["end"], best["answer"]) == (1892, 1919, "Jax, PyTorch and TensorFlow")
    assert best["score"] == pytest.approx(0.9714871, abs=1e-6)
    assert (other["answer"], other["score"]) == ("window 0", pytest.approx(0.33867, abs=1e-6))
    assert answers.window.tolist() == [1, 0]


# --- the right answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("windows", [1, 2])
def test_scores_of_all_spans_add_up_to_one(null, windows):
    rng = np.random.default_rng(3)
    text = "".join(chr(0x4E00 + i) for i in range(80))
    batch = [random_window(rng, 30, "normal", text, begin=40 * i) for i in range(windows)]
    decoder = AnswerDecoder(top_k=5000, max_answer_len=8, handle_impossible_answer=null, align_to_words=False)
    answers = decoder.decode(**arguments(batch), contexts=[text])
    assert len(answers) == sum(len(spans(w, 8)[0]) for w in batch) + null
    assert answers.score.sum() == pytest.approx(1, abs=1e-6)
    sums = np.concatenate([spans(w, 8)[2] for w in batch])
    least = min(float(w.start[0]) + float(w.end[0]) for w in batch)
    total = log_sum([*sums, least] if null else sums)
    assert answers.score[0] == pytest.approx(np.exp(max(sums.max(), least if null else -np.inf) - total), rel=1e-9)
    assert answers.null_score[0] == pytest.approx(np.exp(least - log_sum([*sums, least])), rel=1e-9)


def test_scores_hold_where_start_and_end_are_out_of_reach():
    """The best start and the best end differ by 1,800 in logits: any product of two exponentials underflows."""
    tokens, text = 40, "".join(chr(0x4E00 + i) for i in range(40))
    window = random_window(np.random.default_rng(0), tokens, "normal", text)
    window.start, window.end = (
        np.linspace(-900, 900, tokens, dtype=np.float32),
        np.linspace(900, -900, tokens, dtype=np.float32),
    )
    answers = AnswerDecoder(top_k=4000, max_answer_len=3, align_to_words=False).decode(
        **arguments([window]), contexts=[text]
    )
    assert answers.score.sum() == pytest.approx(1, abs=1e-9)


def test_no_answer_is_that_of_the_first_of_windows_that_are_alike():
    start, end = np.zeros((2, 2, 5), np.float32)
    start[:, 0], end[:, 0] = (9, 1), (1, 9)
    window = simple()
    batch = {name: np.concatenate([window[name]] * 2) for name in ("offsets", "sequence_ids", "word_ids")}
    found = AnswerDecoder(handle_impossible_answer=True).decode(start, end, contexts=["abc"], windows=[0, 0], **batch)
    assert (found.start_logit.tolist(), found.end_logit.tolist()) == ([9.0], [1.0])


def test_a_word_of_the_question_is_none_of_the_context():
    """Question and context with no token between them, whose word ids both count from 0."""
    logits = np.zeros((1, 4), np.float32)
    logits[0, 2] = 9
    found = AnswerDecoder().decode(
        logits, logits, contexts=["abcd"], offsets=np.array([[(0, 1), (0, 1), (1, 2), (2, 4)]]),
        sequence_ids=np.array([[0, 0, 1, 1]]), word_ids=np.array([[0, 0, 0, 1]]),
    )  # fmt: skip
    assert (found.start[0], found.end[0]) == (1, 2)


def test_a_question_without_answer():
    text, rng = "one two three", np.random.default_rng(0)
    window = words_window(text, 2)
    window.start[:] = window.end[:] = rng.normal(0, 0.1, len(window.start))
    window.start[0] = window.end[0] = 5
    everything = {**arguments([window]), "contexts": [text]}
    for threshold, first in ((None, ""), (0.5, ""), (0.999999, "two")):
        decoder = AnswerDecoder(handle_impossible_answer=True, null_threshold=threshold)
        answers = decoder.decode(**everything)
        if first:
            assert answers.answers[0] != ""
        else:
            assert answers.to_dicts()[0] == [{"score": answers.null_score[0], "start": 0, "end": 0, "answer": ""}]
            assert (answers.start_logit[0], answers.end_logit[0], answers.window[0]) == (5, 5, -1)
    silent = AnswerDecoder().decode(**everything)
    assert silent.null_score[0] == pytest.approx(decoder.decode(**everything).null_score[0])
    assert silent.answers[0] != ""


def test_cls_is_found_by_its_id_or_before_the_first_text():
    text = "one two three"
    window = words_window(text, 2)
    window.start[:] = window.end[:] = 0
    tail = Window(window.start, window.end, window.offsets, window.sequence_ids, window.word_ids, window.input_ids)
    tail.input_ids = np.concatenate([window.input_ids[1:], [101]])  # XLNet: CLS comes last
    tail.start, tail.end = window.start.copy(), window.end.copy()
    tail.start[-1] = tail.end[-1] = 9
    decoder = AnswerDecoder(handle_impossible_answer=True)
    assert decoder.decode(**arguments([tail]), contexts=[text], cls_token_id=101).answers == [""]
    assert decoder.decode(**arguments([tail]), contexts=[text]).answers != [""]
    text_first = {**arguments([tail]), "contexts": [text]}
    text_first["sequence_ids"] = [np.array([0, *tail.sequence_ids[1:]])]
    with pytest.raises(ValueError, match="`cls_token_id` is needed"):
        decoder.decode(**text_first)
    assert np.isnan(AnswerDecoder().decode(**text_first).null_score[0])


def test_padding_on_the_left():
    """Context first, padding before it; in transformers 4.57 the question would not be masked."""
    text = "one two three"
    plain = words_window(text, 2)
    rng = np.random.default_rng(1)
    plain.start[:], plain.end[:] = rng.normal(size=(2, len(plain.start)))
    plain.start[1] = plain.end[1] = 50  # the question
    order = np.concatenate(
        [
            [0],
            np.nonzero(plain.sequence_ids == 1)[0],
            [3],
            np.nonzero(plain.sequence_ids == 0)[0],
            [len(plain.start) - 1],
        ]
    )
    pad = lambda x, fill: np.concatenate([np.full((4, *x.shape[1:]), fill, x.dtype), x[order]])[None]  # noqa: E731
    got = AnswerDecoder(context_sequence=0, top_k=3, handle_impossible_answer=True).decode(
        pad(plain.start, 99),
        pad(plain.end, 99),
        contexts=[text],
        offsets=pad(plain.offsets, 0),
        sequence_ids=pad(np.where(plain.sequence_ids >= 0, 1 - plain.sequence_ids, -1), -1),
        word_ids=pad(plain.word_ids, -1),
        attention_mask=pad(np.ones(len(plain.start), np.int64), 0),
    )
    want = AnswerDecoder(top_k=3, handle_impossible_answer=True).decode(**arguments([plain]), contexts=[text])
    assert [(a["start"], a["end"]) for a in got.to_dicts()[0]] == [(a["start"], a["end"]) for a in want.to_dicts()[0]]
    np.testing.assert_allclose(got.score, want.score, rtol=1e-9)


def test_dedupe():
    text = "Big Ben, big ben and Big Ben"
    window = words_window(text, 1)
    firsts = [
        i
        for i, (start, _) in enumerate(window.offsets.tolist())
        if text[start : start + 3].lower() == "big" and window.sequence_ids[i] == 1
    ]
    for rank, first in enumerate(firsts):
        window.start[first], window.end[first + 1] = 9 - rank, 9 - rank
    window.start[firsts[0] + 1] = 7  # "Ben"
    found = {
        dedupe: AnswerDecoder(top_k=3, dedupe=dedupe, max_answer_len=2)
        .decode(**arguments([window]), contexts=[text])
        .answers
        for dedupe in ("span", "text", "overlap")
    }
    assert found["span"] == ["Big Ben", "Ben", "big ben"]
    assert found["overlap"] == ["Big Ben", "big ben", "Big Ben"]
    assert found["text"][:2] == ["Big Ben", "Ben"]
    assert [a.lower() for a in found["text"]].count("big ben") == 1
    merged = AnswerDecoder(compat="transformers", top_k=3, max_answer_len=2).decode(
        **arguments([window]), contexts=[text], cls_token_id=101
    )
    assert merged.score[0] > found_score(window, text)


def found_score(window, text):
    return AnswerDecoder(normalize="window", max_answer_len=2).decode(**arguments([window]), contexts=[text]).score[0]


@pytest.mark.parametrize(
    ("text", "word", "token", "auto"),
    [
        ("I like transformers a lot", (7, 19), (9, 14), (7, 19)),
        ("我喜欢iPhone手机", (0, 11), (5, 7), (3, 9)),
        ("我喜欢北京大学", (0, 7), (3, 5), (3, 5)),
        ("ฉันรักกรุงเทพ", (0, 13), (6, 13), (6, 13)),
        ("東京タワーはABC", (0, 9), (2, 5), (2, 5)),
        ("서울특별시에서", (0, 7), (0, 5), (0, 7)),
    ],
)
def test_align_to_words(text, word, token, auto):
    """The answer is one token in the middle of a word by the tokenizer's word ids."""
    offsets = [(0, 0), (word[0], token[0]), token, (token[1], word[1]), (0, 0)]
    offsets = np.array([(0, 0) if s == e else (s, e) for s, e in offsets])
    words = np.where(offsets[:, 1] > offsets[:, 0], 0, -1)
    arrays = {"offsets": offsets, "sequence_ids": np.array([-1, 1, 1, 1, -1]), "word_ids": words}
    logits = np.array([0, 0, 9, 0, 0], np.float32)
    for align, want in ((False, token), (True, word), ("auto", auto)):
        answers = AnswerDecoder(align_to_words=align).decode(logits, logits, contexts=[text], **arrays)
        assert (answers.start[0], answers.end[0]) == want
        assert answers.answers == [text[want[0] : want[1]]]
    del arrays["word_ids"]
    assert AnswerDecoder(align_to_words="auto").decode(logits, logits, contexts=[text], **arrays).end[0] == token[1]


def test_documents_of_one_question_are_ranked_together():
    texts = ["nothing here", "the answer is blue", "it may be red"]
    windows = [words_window(text, 2) for text in texts]
    for number, (window, word, logit) in enumerate(zip(windows, ("here", "blue", "red"), (1, 9, 7), strict=True)):
        window.text = number
        token = int(np.nonzero(window.offsets[:, 0] == texts[number].index(word))[0][0])
        window.start[token] = window.end[token] = logit
    answers = AnswerDecoder(top_k=2).decode(**arguments(windows), contexts=texts, questions=[0, 0, 0])
    assert [(a["answer"], a["text_index"]) for a in answers.to_dicts()[0]] == [("blue", 1), ("red", 2)]
    assert answers.score.sum() <= 1
    assert (answers.question_count, answers.question_index.tolist(), answers.text_index.tolist()) == (1, [0, 0], [1, 2])
    each = AnswerDecoder().decode(**arguments(windows), contexts=texts)
    assert (each.answers, each.question_index.tolist()) == (["here", "blue", "red"], [0, 1, 2])


def test_a_hundred_thousand_tokens():
    tokens, place = 100_000, 87_654
    text = "ab " * tokens
    start = np.random.default_rng(0).normal(0, 1, tokens).astype(np.float32)
    end = start[::-1].copy()
    start[place] = end[place + 2] = 30
    at = np.arange(tokens) * 3
    answers = AnswerDecoder(top_k=3, dedupe="overlap", max_answer_len=15).decode(
        start,
        end,
        contexts=[text],
        offsets=np.stack([at, at + 2], 1),
        sequence_ids=np.ones(tokens, np.int8),
        word_ids=np.arange(tokens),
    )
    assert (answers.start[0], answers.end[0], answers.answers[0]) == (3 * place, 3 * place + 8, "ab ab ab")
    assert answers.score[0] == pytest.approx(1)
    whole = AnswerDecoder(compat="transformers", max_answer_len=tokens, align_to_words=False).decode(
        start, end, contexts=[text], offsets=np.stack([at, at + 2], 1), sequence_ids=np.ones(tokens, np.int8)
    )
    assert whole.start[0] == 3 * place


# --- arrays -------------------------------------------------------------------------------------------------


def batch_of(language="en", count=8):
    windows, contexts = [], []
    for case, found in recorded(language):
        for window in found:
            window.text = len(contexts)
        windows += found
        contexts.append(case["context"])
        if len(contexts) == count:
            return windows, contexts
    raise AssertionError


def padded(arrays, fill):
    width = max(map(len, arrays))
    return np.stack([np.concatenate([a, np.full((width - len(a), *a.shape[1:]), fill, a.dtype)]) for a in arrays])


NAMES = ("start_logits", "end_logits", "offsets", "sequence_ids", "word_ids", "input_ids")


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_three_shapes_and_mixtures_of_them(compat):
    windows, contexts = batch_of()
    listed = arguments(windows)
    lengths = [len(w.start) for w in windows]
    decoder = AnswerDecoder(compat=compat, top_k=3)
    want = decoder.decode(**listed, contexts=contexts, cls_token_id=101).to_dicts()
    shapes = {
        "padded": {name: padded(listed[name], 7) for name in NAMES},
        "end to end": {name: np.concatenate(listed[name]) for name in NAMES},
        "list": {name: listed[name] for name in NAMES},
    }
    kinds = list(shapes)
    for mixture in [
        *([k] * 6 for k in kinds),
        [kinds[i % 3] for i in range(6)],
        [kinds[(i + 1) % 3] for i in range(6)],
    ]:
        arrays = {name: shapes[kind][name] for name, kind in zip(NAMES, mixture, strict=True)}
        got = decoder.decode(**arrays, lengths=lengths, windows=listed["windows"], contexts=contexts, cls_token_id=101)
        assert got.to_dicts() == want, mixture


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_types_of_arrays(compat):
    torch = pytest.importorskip("torch")
    windows, contexts = batch_of(count=3)
    plain = {k: v for k, v in arguments(windows).items() if k != "windows"}
    rest = {"contexts": contexts, "cls_token_id": 101}
    decoder = AnswerDecoder(compat=compat, top_k=2)
    want = decoder.decode(**plain, **rest).to_dicts()

    class Capsule:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **_):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    strided = lambda a: np.repeat(a, 2, axis=0)[::2]  # noqa: E731
    for convert in (torch.from_numpy, Capsule, strided, lambda a: torch.from_numpy(a).requires_grad_() if a.dtype.kind == "f" else a,
                    lambda a: a.astype(np.float64 if a.dtype.kind == "f" else np.int64),
                    lambda a: a.astype(np.float32 if a.dtype.kind == "f" else np.int16)):  # fmt: skip
        got = decoder.decode(**{name: [convert(a) for a in arrays] for name, arrays in plain.items()}, **rest)
        assert got.to_dicts() == want
    for kind in (torch.bfloat16, torch.float16):
        low = {name: [torch.from_numpy(a).to(kind) for a in plain[name]] for name in ("start_logits", "end_logits")}
        high = {name: [a.to(torch.float32).numpy() for a in arrays] for name, arrays in low.items()}
        got, same = decoder.decode(**{**plain, **low}, **rest), decoder.decode(**{**plain, **high}, **rest)
        if compat == "fastpost" or kind == torch.bfloat16:
            assert got.to_dicts() == same.to_dicts()  # computed in float32
        else:  # transformers stays in float16 and keeps three digits
            np.testing.assert_allclose(got.score, same.score, atol=2e-3)
            assert (got.score == got.score.astype(np.float16)).all()


def test_encodings():
    tokenizers = pytest.importorskip("tokenizers")
    from tokenizers import models, pre_tokenizers, processors

    text, question = "the quick brown fox jumps over the lazy dog " * 4, "who jumps ?"
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3} | {
        w: i + 4 for i, w in enumerate(sorted(set((text + question).split())))
    }
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        pair="[CLS] $A [SEP] $B:1 [SEP]:1", single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_truncation(20, stride=4, strategy="only_second")
    encodings = tokenizer.encode_batch([(question, text), (question, "a fox")])
    windows = [e for encoding in encodings for e in (encoding, *encoding.overflowing)]
    width = max(len(w) for w in windows)
    rng = np.random.default_rng(0)
    start, end = rng.normal(0, 2, (2, len(windows), width)).astype(np.float32)
    arrays = {
        "offsets": [np.array(w.offsets) for w in windows],
        "sequence_ids": [np.array([-1 if s is None else s for s in w.sequence_ids]) for w in windows],
        "word_ids": [np.array([-1 if s is None else s for s in w.word_ids]) for w in windows],
        "lengths": [len(w) for w in windows],
        "windows": [0] * (len(windows) - 1) + [1],
    }
    for compat in ("fastpost", "transformers"):
        decoder = AnswerDecoder(compat=compat, top_k=3, handle_impossible_answer=True)
        got = decoder.decode(start, end, encodings, [text, "a fox"], cls_token_id=1).to_dicts()
        assert got == decoder.decode(start, end, contexts=[text, "a fox"], **arrays).to_dicts()
        assert got == decoder.decode(start, end, windows, [text, "a fox"], windows=arrays["windows"]).to_dicts()
    with pytest.raises(ValueError, match="`encodings` and `lengths` are both given"):
        decoder.decode(start, end, encodings, [text, "a fox"], lengths=arrays["lengths"])
    with pytest.raises(ValueError, match="the logits have 3 windows"):
        decoder.decode(start[:3], end[:3], encodings, [text, "a fox"])


# --- bad input ----------------------------------------------------------------------------------------------


def simple(**changes):
    arrays = {
        "start_logits": np.zeros((1, 5), np.float32),
        "end_logits": np.zeros((1, 5), np.float32),
        "contexts": ["abc"],
        "offsets": np.array([[(0, 0), (0, 1), (1, 2), (2, 3), (0, 0)]]),
        "sequence_ids": np.array([[-1, 1, 1, 1, -1]]),
        "word_ids": np.array([[-1, 0, 1, 2, -1]]),
    }
    return {**arrays, **changes}


@pytest.mark.parametrize(
    ("error", "match", "changes"),
    [
        (ValueError, "`contexts` is None", {"contexts": None}),
        (TypeError, "`contexts` is one str", {"contexts": "abc"}),
        (TypeError, r"`contexts\[0\]` is of type .*int", {"contexts": [3]}),
        (ValueError, r"`contexts\[0\]` is not valid Unicode", {"contexts": ["a\ud800c"]}),
        (ValueError, "`offsets` is None", {"offsets": None}),
        (ValueError, "`sequence_ids` is None", {"sequence_ids": None}),
        (ValueError, "`word_ids` is needed where `align_to_words` is True", {"word_ids": None}),
        (ValueError, "`input_ids` is needed to find `cls_token_id`", {"cls_token_id": 101}),
        (ValueError, "`end_logits` has 4 tokens in window 0 but .* has 5", {"end_logits": np.zeros((1, 4), np.float32)}),
        (ValueError, "`end_logits` covers 2 windows but .* has 1", {"end_logits": np.zeros((2, 5), np.float32)}),
        (ValueError, "`offsets` has 6 tokens in window 0", {"offsets": np.zeros((1, 6, 2), int)}),
        (TypeError, "`offsets` has 1 dimension", {"offsets": np.zeros(10, int)}),
        (ValueError, "`offsets`.*3", {"offsets": np.zeros((1, 5, 3), int)}),
        (TypeError, "`start_logits` has 3 dimension", {"start_logits": np.zeros((1, 5, 2), np.float32)}),
        (TypeError, "`start_logits` is of type int64", {"start_logits": np.zeros((1, 5), int)}),
        (TypeError, "`start_logits` is of type uint16", {"start_logits": np.zeros((1, 5), np.uint16)}),
        (TypeError, "`word_ids` is of type float64", {"word_ids": np.zeros((1, 5))}),
        (ValueError, "`lengths` adds up to 4", {"start_logits": np.zeros(5, np.float32), "lengths": [4]}),
        (ValueError, r"`lengths\[0\]` is 6 but", {"lengths": [6]}),
        (ValueError, "`lengths` is -1", {"lengths": [-1]}),
        (ValueError, "`lengths` covers 2 windows", {"lengths": [5, 5]}),
        (ValueError, "`contexts` holds 2 texts but the logits have 1 window;", {"contexts": ["abc", "d"]}),
        (ValueError, r"`windows\[0\]` is 1 but the batch has 1 text;", {"windows": [1]}),
        (ValueError, r"`windows\[0\]` is -1", {"windows": [-1]}),
        (ValueError, "`windows` covers 2 windows", {"windows": [0, 0]}),
        (ValueError, "`questions` has 2 items but", {"questions": [0, 0]}),
        (ValueError, "`questions` is 7 at context 0", {"questions": [7]}),
        (ValueError, r"`offsets` holds \(0, 1\).* but its text has 0", {"contexts": [""]}),
        (ValueError, "`start_logits` holds NaN at window 0, token 2", {"start_logits": np.array([[0, 0, np.nan, 0, 0]], np.float32)}),
        (ValueError, "`end_logits` holds inf at window 0, token 1", {"end_logits": np.array([[0, np.inf, 0, 0, 0]], np.float32)}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_bad_arrays(error, match, changes, compat):
    with pytest.raises(error, match=match):
        AnswerDecoder(compat=compat).decode(**simple(**changes))


@pytest.mark.parametrize(
    ("match", "options"),
    [
        ("`top_k` is 0; pass an int of at least 1", {"top_k": 0}),
        ("`max_answer_len` is -3; pass an int of at least 1", {"max_answer_len": -3}),
        ("`threads` is 0", {"threads": 0}),
        ("`align_to_words` is 'never'", {"align_to_words": "never"}),
        ("`compat` is 'v4'", {"compat": "v4"}),
        ("`normalize` is 'softmax'", {"normalize": "softmax"}),
        ("`dedupe` is None", {"dedupe": None}),
        ("`context_sequence` is 2", {"context_sequence": 2}),
        ("`null_threshold` is not what transformers knows", {"compat": "transformers", "null_threshold": 0.5}),
        ("`normalize` is not what transformers knows", {"compat": "transformers", "normalize": "window"}),
    ],
)
def test_bad_options(match, options):
    with pytest.raises(ValueError, match=match):
        AnswerDecoder(**options)


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
@pytest.mark.parametrize("null", [False, True])
def test_nothing_can_be_an_answer(compat, null):
    decoder = AnswerDecoder(compat=compat, handle_impossible_answer=null)
    masked = simple(sequence_ids=np.full((1, 5), -1))
    barred = simple(start_logits=np.full((1, 5), -np.inf, np.float32))
    nothing = simple(start_logits=np.zeros((1, 0), np.float32), end_logits=np.zeros((1, 0), np.float32), offsets=np.zeros((1, 0, 2), int),
                     sequence_ids=np.zeros((1, 0), int), word_ids=np.zeros((1, 0), int))  # fmt: skip
    for arrays in (masked, barred, nothing):
        answers = decoder.decode(**arrays)
        if compat == "fastpost":
            assert answers.answers == [""] * null
            assert answers.null_score[0] == 1
        assert len(answers.to_dicts()) == 1
    none = decoder.decode(np.zeros((0, 5), np.float32), np.zeros((0, 5), np.float32), contexts=[], offsets=np.zeros((0, 5, 2), int),
                          sequence_ids=np.zeros((0, 5), int), word_ids=np.zeros((0, 5), int))  # fmt: skip
    assert (len(none), none.to_dicts(), none.question_count) == (0, [], 0)


def test_a_context_shorter_than_a_token():
    """Tokens that cover no character give no answer."""
    arrays = simple(offsets=np.zeros((1, 5, 2), int), contexts=[""])
    assert AnswerDecoder().decode(**arrays).to_dicts() == [[]]


def test_columns_and_dicts_agree():
    windows, contexts = batch_of(count=4)
    answers = AnswerDecoder(top_k=3).decode(**arguments(windows), contexts=contexts, cls_token_id=101)
    assert isinstance(answers, Answers)
    flat = [answer for question in answers.to_dicts() for answer in question]
    assert list(answers) == flat
    assert len(answers) == len(flat) == 12
    assert answers.start.tolist() == [a["start"] for a in flat]
    assert answers.score.tolist() == [a["score"] for a in flat]
    assert answers.answers == [
        contexts[t][s:e] for t, s, e in zip(answers.text_index, answers.start, answers.end, strict=True)
    ]
    assert {a.dtype for a in (answers.start, answers.end, answers.window, answers.text_index)} == {np.dtype(np.int64)}
    assert {answers.start_logit.dtype, answers.end_logit.dtype} == {np.dtype(np.float32)}
    assert len(answers.null_score) == answers.question_count == 4
    assert repr(answers).startswith("<Answers: 12 to 4 questions>\n")
    assert all(type(value) in (int, float, str) for answer in flat for value in answer.values())


def test_the_twin_is_the_recorded_pipeline():
    case, windows = next(recorded("en"))
    assert qa_twin.v4(windows, case["context"], 101, **case["parameters"]) == case["expected"]
