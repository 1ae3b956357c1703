"""The question-answering pipeline equals the one that transformers dropped, on both majors.

On transformers 4.57 both run in the same process on the same model object. On transformers 5, where there is
no peer, the tokenizer's own windows, the model by itself and the plain twin of `postprocess` take its place. Most
tests use a free model whose logits do not depend on padding, so scores agree to 1e-6.
"""

import copy
import importlib
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset, IterableDataset
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

import fastpost
import qa_twin
from fastpost.pipelines.questions import single
from oracle import TRANSFORMERS
from qa_models import (
    MINILM,
    OLD,
    ROOT,
    Peer,
    arrays,
    assert_all_same,
    assert_same_answers,
    config,
    encoded,
    lookup_model,
    ours,
    peer,
    rows,
    tiny_bert,
    windows,
)
from small_tokenizers import SENTENCES, SlowTokenizer, fast
from strategies import long_texts, texts

KINDS = ("wordpiece-uncased", "wordpiece-cased", "byte-level", "roberta-base", "unigram", "metaspace-bpe")
QUESTIONS = (
    "Who works in Brooklyn?",
    "Where is 東京 タワー?",
    "When did Angela Merkel meet Barack Obama, and where was that?",
    "café",
    "😀?",
)
LONG = " ".join(SENTENCES)
CONTEXTS = (
    SENTENCES[0],
    LONG,
    SENTENCES[1] + "\n\n" + SENTENCES[3][::-1],
    "x",
    "👨‍👩‍👧 cafe\u0301 北京\nZoë\tå\u0301 🇩🇪",
)
PAIRS = [
    *zip(QUESTIONS, CONTEXTS, strict=True),
    (QUESTIONS[1], LONG),
    (QUESTIONS[0], LONG),
    (QUESTIONS[0], CONTEXTS[4]),
]
DICTS = [{"question": question, "context": context} for question, context in PAIRS]
LONGER = [item for item in DICTS if len(item["context"]) > 20]
"""Without the context of one character, which the questions are longer than."""
SMALL = {"max_seq_len": 64, "doc_stride": 16}
on_4 = pytest.mark.skipif(Peer is None, reason="transformers 5 has no question answering to compare with")
on_5 = pytest.mark.skipif(TRANSFORMERS < (5, 3), reason="transformers 4 takes its own steps")
pytestmark = pytest.mark.filterwarnings("ignore")


def mine_alone(kind="wordpiece-uncased", model=None, tokenizer=None, **kwargs):
    tokenizer = tokenizer or fast(kind)
    return ours(model or lookup_model(len(tokenizer)), tokenizer, **kwargs)


def pair(kind="wordpiece-uncased", model=None, tokenizer=None, **kwargs):
    """fastpost's pipeline and transformers', each with its own tokenizer object, on one model."""
    mine = mine_alone(kind, model, tokenizer, **kwargs)
    return mine, peer(mine.model, copy.deepcopy(mine.tokenizer), **kwargs)


def materialize(result):
    return result if isinstance(result, (list, dict)) else list(result)


def outcome(call, pipe):
    """What a call returns, or the exception it raises; tokenizers panics with a BaseException."""
    try:
        return materialize(call(pipe))
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return error


def assert_same_outcome(call, mine, theirs, questions: int | None = None, tolerance: float = 1e-6):
    """Asserts the same results for one question or for a list of `questions`, or the same type of error."""
    want, got = outcome(call, theirs), outcome(call, mine)
    if isinstance(want, BaseException):
        if type(want) is Exception or type(want).__name__ == "PanicException":
            want = ValueError(str(want))  # a deliberate difference: a window without room is a ValueError
        assert type(got) is type(want), f"transformers raises {want!r}, ours gives {got!r}"
        assert str(got), f"an error without a message, transformers says {want!r}"
        return
    if isinstance(got, BaseException):
        raise AssertionError(f"transformers returns {want!r}, ours raises {got!r}") from got
    if questions is None:
        assert_same_answers(got, want, tolerance)
    else:
        assert len(want) == questions
        assert_all_same(got, want, tolerance)


# --- inputs ---------------------------------------------------------------------------------------


class Rows(Dataset):
    def __init__(self, items=DICTS):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(DICTS)


def generated(items):
    yield from items


Q, C = [question for question, _ in PAIRS], [context for _, context in PAIRS]
INPUTS = {
    "str": (lambda p, **k: p(question=Q[1], context=C[1], **k), None),
    "lists": (lambda p, **k: p(question=Q, context=C, **k), len(Q)),
    "lists of one": (lambda p, **k: p(question=Q[:1], context=C[:1], **k), None),
    "one context": (lambda p, **k: p(question=Q, context=LONG, **k), len(Q)),
    "dict": (lambda p, **k: p(DICTS[1], **k), None),
    "dict of lists": (lambda p, **k: p({"question": Q, "context": C}, **k), len(Q)),
    "list of dicts": (lambda p, **k: p(DICTS, **k), len(Q)),
    "list of one dict": (lambda p, **k: p(DICTS[:1], **k), None),
    "tuple of dicts": (lambda p, **k: p(tuple(DICTS), **k), len(Q)),
    "iterator of dicts": (lambda p, **k: p(iter(DICTS), **k), len(Q)),
    "positional dicts": (lambda p, **k: p(*DICTS, **k), len(Q)),
    "positional strs": (lambda p, **k: p(Q[1], C[1], **k), None),
    "data": (lambda p, **k: p(data=DICTS, **k), len(Q)),
    "data, one": (lambda p, **k: p(data=DICTS[1], **k), None),
    "X": (lambda p, **k: p(X=DICTS, **k), len(Q)),
    "X before data": (lambda p, **k: p(X=DICTS, data=DICTS[:1], **k), len(Q)),
    "generator": (lambda p, **k: p(generated(DICTS), **k), len(Q)),
    "generator of one": (lambda p, **k: p(generated(DICTS[1:2]), **k), 1),
    "empty generator": (lambda p, **k: p(generated([]), **k), 0),
    "data generator": (lambda p, **k: p(data=generated(DICTS), **k), len(Q)),
    "Dataset": (lambda p, **k: p(Rows(), **k), len(Q)),
    "data Dataset": (lambda p, **k: p(data=Rows(), **k), len(Q)),
    "IterableDataset": (lambda p, **k: p(Stream(), **k), len(Q)),
    "empty list": (lambda p, **k: p([], **k), 0),
    "no questions": (lambda p, **k: p(question=[], context="x", **k), 0),
    "equal questions": (lambda p, **k: p([DICTS[1]] * 5, **k), 5),
}
MISTAKES = {
    "nothing": lambda p: p(),
    "one str": lambda p: p("Who?"),
    "a number": lambda p: p(5),
    "three strs": lambda p: p("Who?", "Ann", "Bob"),
    "str and number": lambda p: p("Who?", 5),
    "question alone": lambda p: p(question="Who?"),
    "context alone": lambda p: p(context="Ann"),
    "dict without context": lambda p: p({"question": "Who?"}),
    "dict without question": lambda p: p({"context": "Ann"}),
    "list with such a dict": lambda p: p([DICTS[0], {"context": "Ann"}]),
    "question None": lambda p: p(question=None, context="Ann"),
    "dict with None": lambda p: p({"question": "Who?", "context": None}),
    "empty question": lambda p: p(question="", context="Ann"),
    "empty context": lambda p: p(question="Who?", context=""),
    "list with an empty one": lambda p: p(question=["Who?", ""], context="Ann"),
    "number question": lambda p: p(question=5, context="Ann"),
    "bytes": lambda p: p(question=b"Who?", context="Ann"),
    "list with a number": lambda p: p(question=["Who?", 5], context="Ann"),
    "lengths differ": lambda p: p(question=["Who?"], context=["Ann", "Bob"]),
    "list of numbers": lambda p: p([5]),
    "list of None": lambda p: p([None]),
    "lone surrogate": lambda p: p(question="Who?", context="a\ud800b"),
    "top_k 0": lambda p: p(question="Who?", context="Ann", top_k=0),
    "top_k -1": lambda p: p(question="Who?", context="Ann", top_k=-1),
    "topk 0": lambda p: p(question="Who?", context="Ann", topk=0),
    "top_k str": lambda p: p(question="Who?", context="Ann", top_k="3"),
    "max_answer_len 0": lambda p: p(question="Who?", context="Ann", max_answer_len=0),
    "doc_stride over max_seq_len": lambda p: p(question="Who?", context=LONG, max_seq_len=30, doc_stride=31),
    "doc_stride as large as the room": lambda p: p(question="Who?", context=LONG, max_seq_len=30, doc_stride=29),
    "padding": lambda p: p(question="Who?", context="Ann", padding="maybe"),
    "batch_size 0": lambda p: p(question="Who?", context="Ann", batch_size=0),
    "batch_size str": lambda p: p(DICTS, batch_size="2"),
}


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("name", INPUTS)
def test_every_input(name, batch_size):
    """The results equal those of single questions, and those of transformers if it has the pipeline."""
    call, questions = INPUTS[name]
    options = {**SMALL, "batch_size": batch_size}
    mine = mine_alone()
    got = materialize(call(mine, **options))
    if Peer is not None:
        theirs = peer(mine.model, copy.deepcopy(mine.tokenizer))
        assert_same_outcome(lambda p: call(p, **options), mine, theirs, questions)
    if questions is None:
        assert isinstance(got, dict)
        assert got["score"] > 0
    elif name not in ("one context", "equal questions", "generator of one"):
        alone = [mine(**item, **SMALL) for item in DICTS][:questions]
        assert_all_same(got, alone)


@pytest.mark.parametrize("stride", [0, 16])
def test_no_message_has_all_of_a_long_question(stride):
    question = "Who was it? " * 40
    error = outcome(lambda p: p(question=question, context=LONG, max_seq_len=64, doc_stride=stride), mine_alone())
    assert isinstance(error, ValueError)
    assert "Who was it? Who" in str(error)
    assert question[:80] not in str(error)


@on_4
@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_of_the_type_that_transformers_raises(name):
    mine, theirs = pair()
    assert_same_outcome(MISTAKES[name], mine, theirs)


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_told(name):
    error = outcome(MISTAKES[name], mine_alone())
    assert isinstance(error, (ValueError, TypeError, KeyError)), repr(error)
    assert str(error)


def test_tables_of_the_datasets_library():
    datasets = pytest.importorskip("datasets", exc_type=ImportError)
    mine = mine_alone()
    want = mine(DICTS, **SMALL)
    table = datasets.Dataset.from_list([{**item, "id": str(i)} for i, item in enumerate(DICTS)])
    assert mine(table, **SMALL) == want
    for batch_size in (1, 4):
        assert list(mine(table.to_iterable_dataset(), batch_size=batch_size, **SMALL)) == want


def test_examples_of_transformers():
    squad = pytest.importorskip("transformers.data.processors.squad")
    example = squad.SquadExample(None, Q[1], C[1], None, None, None)
    mine = mine_alone()
    assert mine(example if Peer is None else [example], **SMALL) == mine(question=Q[1], context=C[1], **SMALL)


def test_streams_give_iterators_with_a_length_where_there_is_one():
    mine = mine_alone()
    assert not isinstance(mine(generated(DICTS)), (list, dict))
    assert len(mine(Rows())) == len(DICTS)


def test_a_dataset_is_taken_in_chunks_as_a_list_is():
    """Equal contexts are encoded once for each chunk, whatever the batch size."""
    mine = mine_alone()
    encoded_at_once = []
    task = mine._task({}, {})
    original = type(task).encode

    def spy(self, items, first=0):
        encoded_at_once.append(len(items))
        return original(self, items, first)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(task), "encode", spy)
        list(mine(Rows(DICTS * 8), batch_size=1))
    assert max(encoded_at_once) > 8


@pytest.mark.parametrize("batch_size", [1, 4])
def test_generators_are_not_read_to_their_end(batch_size):
    mine = mine_alone()
    pulled = 0

    def items():
        nonlocal pulled
        for item in itertools.cycle(DICTS):
            pulled += 1
            yield item

    got = list(itertools.islice(mine(items(), batch_size=batch_size), 10))
    assert_all_same(got, mine((DICTS * 2)[:10]))
    assert pulled <= (11 if batch_size == 1 else 60)


def test_a_generator_may_wait_for_the_last_answer():
    mine = mine_alone()
    seen = []

    def items():
        for number, item in enumerate(DICTS):
            assert len(seen) == number, "the next question is asked before the last one is answered"
            yield item

    for answer in mine(items(), batch_size=1):
        seen.append(answer)
    assert_all_same(seen, mine(DICTS))


def test_an_error_in_a_generator_comes_after_the_answers_before_it():
    mine = mine_alone()
    got = []
    with pytest.raises(KeyError, match="context"):
        got.extend(mine(generated([*DICTS[:3], {"question": "Who?"}]), batch_size=2))
    assert_all_same(got, mine(DICTS)[: len(got)])


# --- arguments ------------------------------------------------------------------------------------

ARGUMENTS = [
    {},
    {"top_k": 1},
    {"top_k": 4},
    {"topk": 3},
    {"topk": 3, "top_k": 2},
    {"top_k": 20},
    {"doc_stride": 0},
    {"doc_stride": 5, "max_seq_len": 48},
    {"max_seq_len": 48},
    {"max_seq_len": 100, "doc_stride": 50, "top_k": 3},
    {"max_seq_len": 1000},
    {"max_answer_len": 1},
    {"max_answer_len": 3, "top_k": 5},
    {"max_answer_len": 500},
    {"max_question_len": 3},
    {"handle_impossible_answer": True},
    {"handle_impossible_answer": True, "top_k": 4, "max_seq_len": 64},
    {"handle_impossible_answer": False},
    {"align_to_words": False},
    {"align_to_words": False, "top_k": 5, "max_seq_len": 64},
    {"align_to_words": True},
    {"padding": "longest"},
    {"padding": "max_length", "max_seq_len": 64},
    {"padding": "do_not_pad"},
    {"padding": True},
    {"padding": False},
    {"padding": "max_length", "max_seq_len": 64, "batch_size": 3, "top_k": 2},
    {"batch_size": 1},
    {"batch_size": 2, "max_seq_len": 64},
    {"batch_size": 100, "top_k": 2},
    {"num_workers": 0},
    {"unknown": 1},
]


@on_4
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_every_argument(arguments):
    """Arguments at the call and at construction; an argument of the call overrides one of construction."""
    mine, theirs = pair()
    for p in (mine, theirs):
        p.tokenizer.model_max_length = 80
    assert_same_outcome(lambda p: p(DICTS, **arguments), mine, theirs, len(DICTS))
    assert_same_outcome(lambda p: p(**DICTS[1], **arguments), mine, theirs)
    mine, theirs = pair(**arguments)
    assert_same_outcome(lambda p: p(DICTS[1:4]), mine, theirs, 3)
    assert_same_outcome(lambda p: p(DICTS[1], top_k=2, batch_size=2, **SMALL), mine, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 3},
        {"handle_impossible_answer": True},
        {"align_to_words": False, "top_k": 2},
        {"max_answer_len": 2, "top_k": 6, "handle_impossible_answer": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_plain_twin(kind, options):
    """Windows of the tokenizer's own call, the model by itself, all pairs of tokens: transformers' way, on 4 and 5."""
    mine = mine_alone(kind)
    got = mine(DICTS, batch_size=3, **SMALL, **options)
    for item, answers in zip(DICTS, got, strict=True):
        seen = windows(mine.model, mine.tokenizer, **item, max_length=64, stride=16)
        want = qa_twin.v4(seen, item["context"], mine.tokenizer.cls_token_id, **options)
        assert_same_answers(answers, want, 1e-6, str(item))


@on_4
@pytest.mark.parametrize("kind", KINDS)
def test_every_tokenizer(kind):
    mine, theirs = pair(kind)
    for options in ({"top_k": 3}, {"align_to_words": False, "handle_impossible_answer": True}):
        assert_same_outcome(lambda p: p(DICTS, batch_size=3, **SMALL, **options), mine, theirs, len(DICTS))  # noqa: B023


@on_4
@pytest.mark.parametrize("kind", ["wordpiece-uncased", "roberta-base", "unigram"])
def test_a_random_bert(kind):
    tokenizer = fast(kind)
    mine, theirs = pair(tokenizer=tokenizer, model=tiny_bert(len(tokenizer), seed=3))
    items = [*DICTS[:2], *DICTS[3:]]
    for options in ({"batch_size": 1}, {"batch_size": 3, "top_k": 2}, {"padding": "max_length"}):
        assert_all_same(mine(items, **SMALL, **options), theirs(items, **SMALL, **options), 1e-4)


@on_4
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    """Float16 and bfloat16 give many exact ties; the best answer's score agrees, and usually its place."""
    mine, theirs = pair()
    mine.model.table, mine.model.places = mine.model.table.to(dtype), mine.model.places.to(dtype)
    for item in DICTS:
        got, want = mine(**item, **SMALL), theirs(**item, **SMALL)
        if dtype is torch.float64:
            assert_same_answers(got, want)
        else:
            assert got["score"] == pytest.approx(want["score"], rel=0.02, abs=1e-3)


@on_4
def test_truncation_on_the_left():
    mine, theirs = pair(tokenizer=fast("wordpiece-uncased", truncation_side="left"))
    assert_same_outcome(lambda p: p(DICTS, top_k=4, **SMALL), mine, theirs, len(DICTS))


@on_4
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"top_k": 4}, {"align_to_words": False}, {"handle_impossible_answer": True}])
def test_padding_on_the_left(kind, options):
    """The context comes first and the question is not masked, as in transformers."""
    mine, theirs = pair(tokenizer=fast(kind, padding_side="left"))
    assert_same_outcome(lambda p: p(LONGER, **SMALL, **options), mine, theirs, len(LONGER))


def test_difference_no_answer_lies_past_the_end_of_its_context():
    """A deliberate difference with padding on the left: transformers gives places in the question, which are left out here."""
    mine = mine_alone(tokenizer=fast("wordpiece-uncased", padding_side="left"))
    for context in ("x", "of it"):
        answers = mine(question=QUESTIONS[2], context=context, top_k=9, align_to_words=False)
        assert all(max(answer["start"], answer["end"]) <= len(context) for answer in rows(answers))
        if Peer is not None:
            want = peer(mine.model, mine.tokenizer)(
                question=QUESTIONS[2], context=context, top_k=9, align_to_words=False
            )
            for answer in [want] if isinstance(want, dict) else want:
                answer["start"], answer["end"] = min(answer["start"], len(context)), min(answer["end"], len(context))
            assert_same_answers(answers, want)


@pytest.mark.parametrize("kind", ["wordpiece-uncased", "roberta-base"])
def test_padding_on_the_left_in_batches_changes_nothing(kind):
    """A deliberate difference: in transformers the padding of a batch shifts CLS, so answers depend on the batch."""
    mine = mine_alone(tokenizer=fast(kind, padding_side="left"))
    for options in ({"top_k": 4}, {"padding": "max_length"}, {"handle_impossible_answer": True}):
        assert_all_same(
            mine(DICTS, batch_size=4, **SMALL, **options), mine(DICTS, **SMALL, **options | {"padding": False})
        )


@pytest.mark.parametrize("side", ["left", "right"])
def test_compat_none_does_not_depend_on_the_padding_side(side):
    """The question is masked on both sides; the answer lies in the context."""
    mine = mine_alone(tokenizer=fast("wordpiece-uncased", padding_side=side), compat="fastpost", top_k=5)
    for item, answers in zip(DICTS, mine(DICTS, batch_size=3, **SMALL), strict=True):
        assert isinstance(answers, list)
        assert all(item["context"][a["start"] : a["end"]] == a["answer"] != "" for a in answers)
        assert sum(a["score"] for a in answers) <= 1 + 1e-9


def test_no_crash_at_the_size_of_the_window():
    """Transformers raises if there are as many candidates as pairs of tokens: `n * n == top_k`."""
    mine = mine_alone()
    answers = mine(question="Who?", context="works", top_k=6**2, align_to_words=False)
    assert answers


def test_results_are_json():
    mine = mine_alone()
    for result in (mine(DICTS), mine(DICTS, top_k=3, compat="fastpost", **SMALL)):
        assert json.loads(json.dumps(result)) == result


def test_call_arguments_do_not_stick():
    mine = mine_alone()
    before = mine(DICTS)
    mine(DICTS, top_k=3, compat="fastpost", rank=True, **SMALL)
    assert mine(DICTS) == before


def test_batches_are_no_larger_than_asked_for():
    mine = mine_alone()
    mine(DICTS * 3, batch_size=4, **SMALL)
    assert max(count for count, _ in mine.model.calls) <= 4
    assert max(width for _, width in mine.model.calls) <= 64
    mine.model.calls.clear()
    mine(DICTS, batch_size=4, padding="max_length", **SMALL)
    assert {width for _, width in mine.model.calls} == {64}


def test_progress_shows_a_bar_and_changes_nothing(capsys):
    mine = mine_alone()
    want = mine(DICTS)
    assert "questions" not in capsys.readouterr().err
    for inputs in (DICTS, Rows(), generated(DICTS)):
        assert materialize(mine(inputs, progress=True)) == want
        shown = capsys.readouterr().err
        assert "questions" in shown
        assert "tokens/s" in shown
        assert (f"/{len(DICTS)}" in shown) == (not isinstance(inputs, type(generated([])))), shown


def test_threads_may_share_a_pipeline():
    mine = mine_alone()
    want = mine(DICTS, **SMALL)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: mine(DICTS, batch_size=3, **SMALL), range(12)):
            assert got == want


def test_token_type_ids_and_use_cache_reach_the_model():
    mine = mine_alone()
    mine.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    original, seen = mine.model.forward, []

    def forward(input_ids=None, attention_mask=None, token_type_ids=None, use_cache=None):
        seen.append((token_type_ids, use_cache))
        return original(input_ids, attention_mask)

    mine.model.forward = forward
    mine(question="Who?", context="Ann works")
    types, use_cache = seen[0]
    assert use_cache is False
    assert types[0].tolist() == mine.tokenizer("Who?", "Ann works")["token_type_ids"]


def test_a_model_that_returns_a_tuple():
    tokenizer = fast("wordpiece-uncased")
    model = tiny_bert(len(tokenizer), seed=4)
    want = mine_alone(model=model, tokenizer=tokenizer)(DICTS)
    model.config.return_dict = False
    assert_all_same(mine_alone(model=model, tokenizer=tokenizer)(DICTS), want)


@pytest.mark.parametrize("state", ["padding", "truncation"])
def test_what_the_user_set_in_the_tokenizer_does_not_matter(state):
    tokenizer = fast("wordpiece-uncased")
    want = mine_alone(tokenizer=tokenizer)(DICTS, **SMALL)
    if state == "padding":
        tokenizer.backend_tokenizer.enable_padding(length=40, pad_id=0, pad_token="[PAD]")
    else:
        tokenizer.backend_tokenizer.enable_truncation(max_length=5)
    assert mine_alone(tokenizer=tokenizer)(DICTS, **SMALL) == want


def test_a_tokenizer_without_padding_token():
    tokenizer = fast("byte-level")
    tokenizer.pad_token = None
    mine = mine_alone(tokenizer=tokenizer)
    assert len(mine(DICTS, batch_size=1)) == len(DICTS)
    with pytest.raises(ValueError, match="pad_token"):
        mine(DICTS, batch_size=4)


@on_4
@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"handle_impossible_answer": True}, {"max_question_len": 2}])
def test_slow_tokenizers_take_the_original_path(options):
    tokenizer = SlowQuestions.trained(model_max_length=64)
    mine, theirs = pair(tokenizer=tokenizer, model=lookup_model(len(tokenizer)))
    items = [{"question": "My name", "context": sentence} for sentence in SENTENCES[:3]]
    for call in (
        lambda p: [p(**item, **options) for item in items],
        lambda p: p(items, **options),
        lambda p: p(generated(items), **options),
    ):
        got, want = outcome(call, mine), outcome(call, theirs)
        assert isinstance(want, list), want
        assert got == want


@on_5
def test_slow_tokenizers_are_refused():
    tokenizer = SlowQuestions.trained(model_max_length=64)
    with pytest.raises(ValueError, match=r"SlowQuestions.*fast"):
        mine_alone(tokenizer=tokenizer, model=lookup_model(len(tokenizer)))(DICTS[0])


class SlowQuestions(SlowTokenizer):
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        second = [] if token_ids_1 is None else [*token_ids_1, self.sep_token_id]
        return [self.cls_token_id, *token_ids_0, self.sep_token_id, *second]

    def num_special_tokens_to_add(self, pair=False):
        return 3 if pair else 2


@on_4
@settings(max_examples=60)
@given(data=st.data())
def test_any_text_equals_transformers(data):
    kind = data.draw(st.sampled_from(KINDS))
    mine, theirs = pairs_of(kind)
    item = {"question": data.draw(texts) or "Who?", "context": data.draw(long_texts) or "x"}
    options = {
        "top_k": data.draw(st.integers(1, 5)),
        "max_answer_len": data.draw(st.integers(1, 20)),
        "align_to_words": data.draw(st.booleans()),
        "handle_impossible_answer": data.draw(st.booleans()),
    }
    longest = len(mine.tokenizer.tokenize(item["question"])) + 3
    size = longest + data.draw(st.integers(2, 40))
    options |= {"max_seq_len": size, "doc_stride": data.draw(st.integers(0, max(0, min(size - longest, 12) - 1)))}
    want = outcome(lambda p: p(**item, **options), theirs)
    if isinstance(want, BaseException):  # `n * n == top_k`
        assert "out of bounds" in str(want), repr(want)
        mine(**item, **options)
    else:
        assert_same_answers(mine(**item, **options), want, 1e-6, f"{kind} {item} {options}")


def pairs_of(kind, known={}):  # noqa: B006
    if kind not in known:
        known[kind] = pair(kind)
    return known[kind]


# --- windows --------------------------------------------------------------------------------------


def assert_windows_equal(mine, items, max_length, stride):
    """Each array of `AnswerTask.encode` equals that of one call of the tokenizer a question."""
    task = mine._task({"max_seq_len": max_length, "doc_stride": stride}, {})
    found = task.encode([single(item) for item in items])
    stops = np.cumsum(found.lengths)
    number = 0
    for owner, item in enumerate(items):
        want = encoded(mine.tokenizer, item["question"], item["context"], max_length, stride)
        for nth, ids in enumerate(want["input_ids"]):
            at = slice(stops[number] - found.lengths[number], stops[number])
            note = f"window {nth} of {item}"
            assert found.info.owners[number] == owner, note
            assert found.inputs["input_ids"][at].tolist() == ids, note
            assert found.info.ids[at].tolist() == ids, note
            if "token_type_ids" in found.inputs:
                assert found.inputs["token_type_ids"][at].tolist() == want["token_type_ids"][nth], note
            assert found.info.sequence_ids[at].tolist() == arrays(want.sequence_ids(nth)).tolist(), note
            assert found.info.word_ids[at].tolist() == arrays(want.word_ids(nth)).tolist(), note
            offsets = np.array(want["offset_mapping"][nth])
            if task.context_first:  # a deliberate difference: no answer lies past the end of its context
                offsets = np.minimum(offsets, len(item["context"]))
            assert found.info.offsets[at].tolist() == offsets.tolist(), note
            number += 1
    assert number == len(found.lengths)
    assert found.info.contexts == [item["context"] for item in items]


@pytest.mark.parametrize("truncation_side", ["right", "left"])
@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("kind", [*KINDS, "byte-fallback", "byte-level-prefix-space", "prefix-bpe", "no-decoder"])
def test_windows_are_those_of_the_tokenizer(kind, padding_side, truncation_side):
    mine = mine_alone(tokenizer=fast(kind, padding_side=padding_side, truncation_side=truncation_side))
    special = mine.tokenizer.num_special_tokens_to_add(pair=True)
    longest = max(len(mine.tokenizer.tokenize(question)) for question in QUESTIONS) + special
    for room, stride in ((1, 0), (2, 1), (13, 0), (13, 5), (13, 12), (40, 20), (400, 128)):
        assert_windows_equal(mine, DICTS, longest + room, stride)


@settings(max_examples=60)
@given(
    question=texts,
    contexts=st.lists(long_texts, min_size=1, max_size=3),
    room=st.integers(1, 40),
    stride=st.integers(0, 39),
    kind=st.sampled_from(KINDS),
    left=st.booleans(),
)
def test_windows_of_any_text(question, contexts, room, stride, kind, left):
    mine = sided(kind, "left" if left else "right")
    items = [{"question": question or "?", "context": context or "x"} for context in contexts]
    tokens = len(mine.tokenizer(items[0]["question"], add_special_tokens=False)["input_ids"])
    special = mine.tokenizer.num_special_tokens_to_add(pair=True)
    assert_windows_equal(mine, items, tokens + special + room, min(stride, room - 1))


def sided(kind, side, known={}):  # noqa: B006
    if (kind, side) not in known:
        known[kind, side] = mine_alone(tokenizer=fast(kind, padding_side=side))
    return known[kind, side]


def test_special_tokens_in_a_text():
    context = "Ann [SEP] works [CLS] in [MASK] [PAD] Brooklyn. " * 4
    items = [{"question": "Who [SEP] works?", "context": context}]
    for kind in KINDS:
        assert_windows_equal(sided(kind, "right"), items, 40, 8)
    if Peer is not None:
        mine, theirs = pair()
        assert_same_outcome(lambda p: p(items, top_k=5, **SMALL), mine, theirs)


def test_difference_no_space_before_the_first_token_of_a_window():
    """A deliberate difference where a tokenizer trims offsets and puts a space before each text.

    Tokenizers then leaves the space on the first token of every window, not of the first one only, so the same
    word has two places. Here it has one.
    """
    mine = mine_alone("roberta")
    item = {"question": "Who?", "context": LONG}
    found = mine._task({"max_seq_len": 40, "doc_stride": 10}, {}).encode([*map(single, [item])])
    want = encoded(mine.tokenizer, **item, max_length=40, stride=10)
    theirs = np.concatenate([np.array(offsets) for offsets in want["offset_mapping"]])
    assert found.info.ids.tolist() == sum(want["input_ids"], [])
    differ = np.flatnonzero((found.info.offsets != theirs).any(1))
    firsts = np.flatnonzero((found.info.sequence_ids == 1) & (np.roll(found.info.sequence_ids, 1) == -1))
    assert 0 < len(differ) <= len(firsts)
    assert set(differ) <= set(firsts)
    for (start, end), (other, last) in zip(found.info.offsets[differ], theirs[differ], strict=True):
        assert LONG[other:last].strip() == LONG[start:end].strip()


def test_tokens_added_later():
    mine = mine_alone(model=lookup_model(200))
    items = [{"question": "Who met qwertz?", "context": "Angela met qwertz today " * 9}]
    assert_windows_equal(mine, items, 40, 8)
    mine.tokenizer.add_tokens(["qwertz"])
    assert_windows_equal(mine, items, 40, 8)


def test_a_context_is_encoded_once():
    mine = mine_alone()
    task = mine._task({}, {})
    seen = []
    original = task.encode_texts

    def encode(texts):
        seen.extend(texts)
        return original(texts)

    object.__setattr__(task, "encode_texts", encode)
    task.encode([single({"question": question, "context": LONG}) for question in (*QUESTIONS, QUESTIONS[0])])
    assert sorted(seen) == sorted({*QUESTIONS, LONG})


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"question": "", "context": "Ann"}, "question.*empty"),
        ({"question": "Who?", "context": ""}, "context.*empty"),
        ({"question": None, "context": "Ann"}, "question.*None"),
        ({"question": "Who?", "context": 5}, "context.*int"),
        ({"question": LONG, "context": LONG, "max_seq_len": 50}, r"question.*\d+ tokens.*max_seq_len. 50"),
        ({"question": "Who?", "context": LONG, "max_seq_len": 3}, "question.*max_seq_len. 3"),
        ({"question": "Who?", "context": LONG, "max_seq_len": 40, "doc_stride": 38}, "doc_stride. is 38.*of 40"),
        ({"question": "Who?", "context": LONG, "max_seq_len": 40, "doc_stride": 41}, "doc_stride. .41.*max_seq_len"),
        ({"question": "Who?", "context": LONG, "doc_stride": -1}, "doc_stride. is -1"),
        ({"question": "Who?", "context": "Ann", "top_k": 0}, "top_k.*0"),
        ({"question": "Who?", "context": "Ann", "max_answer_len": 0}, "max_answer_len.*0"),
        ({"question": ["Who?"] * 3, "context": ["Ann"] * 2}, "question. has 3, .context. 2"),
        ({"question": "Who?", "context": "Ann", "normalize": "window"}, "normalize.*compat"),
        ({"question": "Who?", "context": "Ann", "compat": "v3"}, "compat.*v3"),
        ({"question": "Who?", "context": "Ann", "compat": "fastpost", "dedupe": "all"}, "dedupe.*all"),
        ({"question": "Who?", "context": "Ann", "align_to_words": "auto"}, "align_to_words.*compat"),
    ],
    ids=str,
)
def test_bad_input_is_named_with_its_values(call, message):
    with pytest.raises(ValueError, match=message):
        mine_alone()(**call)


@pytest.mark.parametrize("context", [" ", "\n\t", "\u200b", "\u00ad"])
@pytest.mark.parametrize("kind", ["wordpiece-uncased", "roberta-base", "unigram"])
def test_a_context_without_a_token_has_no_answer(kind, context):
    mine = mine_alone(kind)
    if not len(mine.tokenizer(context, add_special_tokens=False)["input_ids"]):
        assert mine(question="Who?", context=context, compat="fastpost") == []
        nothing = mine(question="Who?", context=context, compat="fastpost", handle_impossible_answer=True)
        assert [(a["answer"], a["score"]) for a in nothing] == [("", 1.0)]
    for options in ({}, {"handle_impossible_answer": True}, {"top_k": 3}):
        assert rows(mine(question="Who?", context=context, **options)) is not None
        if Peer is not None:
            assert_same_outcome(
                lambda p: p(question="Who?", context=context, **options),  # noqa: B023
                *(mine, peer(mine.model, mine.tokenizer)),
            )


def test_the_right_items_of_a_list_are_named():
    with pytest.raises(ValueError, match=LONG[:20]):
        mine_alone()(question=["Who?", LONG], context=LONG, max_seq_len=60, doc_stride=10)


def test_nan_logits_are_refused():
    mine = mine_alone()
    mine.model.table[:] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        mine(question="Who?", context="Ann works")


def test_an_error_of_the_model_comes_through():
    mine = mine_alone()

    def broken(**kwargs):
        raise RuntimeError("out of memory")

    mine.model.forward = broken
    with pytest.raises(RuntimeError, match="out of memory"):
        mine(DICTS)


@pytest.mark.parametrize("labels", [1, 35])
def test_a_model_of_another_task_is_told_as_that(labels):
    """transformers gives such a model a random head of as many labels, which then "has too many values to unpack"."""
    tokenizer = fast(KINDS[0])
    made = config(len(tokenizer), 16)
    made.num_labels = labels
    mine = ours(transformers.BertForQuestionAnswering(made).eval(), tokenizer)
    told = rf"`model` has a head of {labels} labels?, but question answering needs one of 2, .*; pass a model that was trained for it"
    with pytest.raises(ValueError, match=told) as bad:
        mine(question="Who?", context="Ann works")
    assert bad.value.argument == "model"


# --- compat="fastpost", rank ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_k": 4},
        {"top_k": 4, "normalize": "window"},
        {"top_k": 4, "handle_impossible_answer": True},
        {"null_threshold": 0.5},
        {"null_threshold": 0.0, "top_k": 2},
        {"dedupe": "text", "top_k": 5},
        {"dedupe": "overlap", "top_k": 5},
        {"align_to_words": "auto", "top_k": 3},
        {"align_to_words": False, "max_answer_len": 4, "top_k": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["wordpiece-uncased", "roberta-base"])
def test_the_right_answer(kind, options):
    """The option, at the call and at construction, gives what `AnswerDecoder` gives for the tokenizer's own encodings."""
    mine = mine_alone(kind)
    got = mine(DICTS, compat="fastpost", batch_size=3, **SMALL, **options)
    assert mine_alone(kind, model=mine.model, compat="fastpost", **options)(DICTS, **SMALL) == got
    decoder = fastpost.AnswerDecoder(**options)
    for item, answers in zip(DICTS, got, strict=True):
        assert isinstance(answers, list)
        seen = windows(mine.model, mine.tokenizer, **item, max_length=64, stride=16)
        want = decoder.decode(
            **qa_twin.arguments(seen), contexts=[item["context"]], cls_token_id=mine.tokenizer.cls_token_id
        ).to_dicts()[0]
        assert_same_answers(answers, want, 1e-6)


def test_contexts_ranked_together():
    mine = mine_alone(top_k=6)
    ranked = mine(question=QUESTIONS[0], context=list(CONTEXTS), rank=True, **SMALL)
    assert isinstance(ranked, list)
    assert 1 < len(ranked) <= 6
    scores = [answer["score"] for answer in ranked]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1 + 1e-9
    for answer in ranked:
        assert CONTEXTS[answer["text_index"]][answer["start"] : answer["end"]] == answer["answer"]
    alone = [mine(question=QUESTIONS[0], context=context, compat="fastpost", **SMALL) for context in CONTEXTS]
    assert {(a["text_index"], a["start"], a["end"]) for a in ranked} <= {
        (number, a["start"], a["end"]) for number, answers in enumerate(alone) for a in answers
    }


def test_rank_in_other_shapes():
    mine = mine_alone(top_k=3)
    want = mine(question=Q[0], context=list(CONTEXTS), rank=True)
    items = [{"question": Q[0], "context": context} for context in CONTEXTS]
    assert mine(items, rank=True, batch_size=2) == want
    assert list(mine(generated(items), rank=True)) == [want]
    assert mine_alone(model=mine.model, top_k=3, rank=True)(items) == want
    assert mine_alone(model=mine.model, top_k=3, rank=True)(items, rank=False, compat="transformers") == mine(items)
    one = mine(question=Q[0], context=CONTEXTS[1], rank=True)
    assert [a["text_index"] for a in one] == [0] * len(one)
    assert mine(question=Q[0], context=[], rank=True) == []


def test_one_question_with_many_contexts_without_rank():
    mine = mine_alone()
    assert mine(question=Q[0], context=list(CONTEXTS)) == [mine(question=Q[0], context=c) for c in CONTEXTS]


# --- subclasses -----------------------------------------------------------------------------------


class Preprocess:
    def preprocess(self, example, **kwargs):
        for window in super().preprocess(example, **kwargs):
            window["input_ids"] = window["input_ids"].clone()
            window["input_ids"][0, -2] = 7
            yield window


class Forward:
    def _forward(self, inputs):
        outputs = super()._forward(inputs)
        return {**outputs, "start": -outputs["start"], "end": -outputs["end"]}


class WholeForward:
    def forward(self, inputs, **kwargs):
        outputs = super().forward(inputs, **kwargs)
        return {**outputs, "start": outputs["start"] * 0.5}


class Postprocess:
    def postprocess(self, outputs, **kwargs):
        found = super().postprocess(outputs, **kwargs)
        return [{**answer, "extra": 1} for answer in ([found] if isinstance(found, dict) else found)]


class Same:
    """Overrides all steps and changes nothing."""

    def preprocess(self, example, **kwargs):
        yield from super().preprocess(example, **kwargs)

    def _forward(self, inputs):
        return super()._forward(inputs)

    def postprocess(self, outputs, **kwargs):
        return super().postprocess(outputs, **kwargs)


class Indices:
    def get_indices(self, enc, s, e, sequence_index, align_to_words):
        return enc.offsets[s][0], enc.offsets[s][1]


class Answer:
    def get_answer(self, answers, target):
        return None


class Sanitize:
    def _sanitize_parameters(self, loud=False, **kwargs):
        self.loud = loud
        return super()._sanitize_parameters(**kwargs)


OVERRIDES = (Preprocess, Forward, WholeForward, Postprocess, Same, Indices, Answer, Sanitize)


def without_scores(result):
    if isinstance(result, list):
        return [without_scores(item) for item in result]
    return {k: round(v, 6) if k == "score" else v for k, v in result.items()}


@on_4
@pytest.mark.parametrize("mixin", OVERRIDES, ids=lambda mixin: mixin.__name__)
def test_what_a_subclass_overrides_counts(mixin):
    results = []
    for base in (fastpost.QuestionAnsweringPipeline, Peer):
        tokenizer = fast("wordpiece-uncased")
        pipe = type("Mine", (mixin, base), {})(model=lookup_model(len(tokenizer)), tokenizer=tokenizer, device=-1)
        calls = [
            pipe(DICTS[:3], top_k=2, **SMALL),
            pipe(DICTS[:3], batch_size=3, **SMALL),
            pipe(**DICTS[1], **SMALL),
            list(pipe(generated(DICTS[:3]), **SMALL)),
            list(pipe(Rows(DICTS[:3]), **SMALL)),
        ]
        results.append(without_scores(calls))
    assert results[0] == results[1]


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("kind", ["wordpiece-uncased", "roberta-base"])
def test_overridden_steps_give_the_answers_of_the_fast_path(kind, batch_size, padding_side):
    if Peer is not None and padding_side == "left" and batch_size > 1:
        pytest.skip("transformers 4 answers differently in batches padded on the left")
    tokenizer = fast(kind, padding_side=padding_side)
    model = lookup_model(len(tokenizer))
    slow = type("Mine", (Same, fastpost.QuestionAnsweringPipeline), {})(model=model, tokenizer=tokenizer, device=-1)
    mine = mine_alone(model=model, tokenizer=tokenizer)
    for options in ({}, {"top_k": 3}, {"handle_impossible_answer": True}, {"padding": "max_length"}):
        if Peer is not None and padding_side == "left" and "padding" in options:
            continue  # transformers 4 treats the padding as tokens
        options = {**options, **SMALL, "batch_size": batch_size}
        want = mine(LONGER, **options)
        assert_all_same(slow(LONGER, **options), want)
        assert_all_same(list(slow(generated(LONGER[:4]), **options)), want[:4])
        assert_same_answers(slow(**DICTS[1], **options), mine(**DICTS[1], **options))


@on_5
@pytest.mark.parametrize("mixin", [Forward, WholeForward, Postprocess], ids=lambda mixin: mixin.__name__)
def test_what_a_subclass_overrides_counts_without_a_peer(mixin):
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(len(tokenizer))
    pipe = type("Mine", (mixin, fastpost.QuestionAnsweringPipeline), {})(model=model, tokenizer=tokenizer, device=-1)
    got = pipe(DICTS, batch_size=2, **SMALL)
    if mixin is Postprocess:
        assert all(answer["extra"] == 1 for (answer,) in got)
        return
    changed = lookup_model(len(tokenizer))
    factor = torch.tensor([-1.0, -1.0] if mixin is Forward else [0.5, 1.0])
    changed.table, changed.places = changed.table * factor, changed.places * factor
    assert_all_same(got, mine_alone(model=changed, tokenizer=tokenizer)(DICTS, **SMALL))


@pytest.mark.parametrize("name", ["preprocess", "_forward", "postprocess", "forward"])
def test_what_an_instance_overrides_counts(name):
    mine = mine_alone()
    want = mine(DICTS, **SMALL)
    original, calls = getattr(mine, name), []

    def spy(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)

    setattr(mine, name, spy)
    assert_all_same(mine(DICTS, **SMALL), want)
    assert calls, f"{name} was set on the pipeline but not called"


def test_rank_is_refused_where_a_step_is_overridden():
    """The original path takes one context at a time; a partial answer would be worse than none."""
    tokenizer = fast("wordpiece-uncased")
    pipe = type("Mine", (Same, fastpost.QuestionAnsweringPipeline), {})(
        model=lookup_model(len(tokenizer)), tokenizer=tokenizer, device=-1
    )
    with pytest.raises(ValueError, match=r"rank.*preprocess"):
        pipe(question="Who?", context=["Ann", "Bob"], rank=True)


def test_a_subclass_that_overrides_nothing_of_this_stays_fast():
    class Mine(fastpost.QuestionAnsweringPipeline):
        def describe(self):
            return "mine"

    tokenizer = fast("wordpiece-uncased")
    pipe = Mine(model=lookup_model(len(tokenizer)), tokenizer=tokenizer, device=-1)
    pipe(DICTS * 4, batch_size=8, **SMALL)
    widths = [width for _, width in pipe.model.calls]
    assert widths == sorted(widths, reverse=True), "batches are not sorted by length"


# --- ways in --------------------------------------------------------------------------------------


@pytest.fixture
def registry():
    """transformers' tables of tasks, which must be the same afterwards."""
    pipelines = importlib.import_module("transformers.pipelines")

    def tables():
        removed = dict(getattr(pipelines, "REMOVED_TASKS", {}))
        return {task: dict(entry) for task, entry in pipelines.SUPPORTED_TASKS.items()}, removed

    before = tables()
    yield lambda: tables() == before
    fastpost.uninstall()
    assert tables() == before


@pytest.fixture
def folder(tmp_path):
    """A model and its tokenizer on disk."""
    tokenizer = fast("wordpiece-uncased")
    tiny_bert(len(tokenizer), seed=6).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_fastpost_pipeline(folder, registry):
    pipe = fastpost.pipeline("question-answering", model=str(folder), device=-1, top_k=2)
    assert type(pipe) is fastpost.QuestionAnsweringPipeline
    want = mine_alone(model=pipe.model, tokenizer=pipe.tokenizer, top_k=2)(DICTS)
    assert_all_same(pipe(DICTS, batch_size=2), want, 1e-4)
    assert registry(), "a call of fastpost.pipeline leaves nothing behind"
    if Peer is not None:
        theirs = transformers.pipeline("question-answering", model=str(folder), device=-1, top_k=2)
        assert_all_same(pipe(DICTS), theirs(DICTS), 1e-4)


def test_fastpost_pipeline_of_objects(registry):
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(len(tokenizer))
    pipe = fastpost.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu", compat="fastpost")
    assert pipe(DICTS) == mine_alone(model=model, tokenizer=tokenizer)(DICTS, compat="fastpost")


def test_install_and_uninstall(folder, registry):
    def build():
        return transformers.pipeline("question-answering", model=str(folder), device=-1)

    for _ in range(2):
        fastpost.install()
        fastpost.install()
        pipe = build()
        assert type(pipe) is fastpost.QuestionAnsweringPipeline
        assert pipe(question=Q[0], context=C[0])["answer"]
        assert type(fastpost.pipeline("question-answering", model=str(folder))) is fastpost.QuestionAnsweringPipeline
        assert type(build()) is fastpost.QuestionAnsweringPipeline, "fastpost.pipeline undid install"
        fastpost.uninstall()
        fastpost.uninstall()
        assert registry()
        if Peer is not None:
            assert type(build()) is Peer
        else:
            with pytest.raises((KeyError, ValueError), match="question-answering"):
                build()


def test_what_somebody_else_registered_stays(folder, registry):
    from transformers.pipelines import SUPPORTED_TASKS

    class Theirs(fastpost.QuestionAnsweringPipeline):
        pass

    fastpost.install()
    entry = SUPPORTED_TASKS["question-answering"]
    try:
        entry["impl"] = Theirs
        fastpost.uninstall()
        assert SUPPORTED_TASKS["question-answering"]["impl"] is Theirs
    finally:
        entry["impl"] = fastpost.QuestionAnsweringPipeline
        if Peer is None:
            from fastpost.pipelines.torch.registry import _remove

            _remove("question-answering")
        else:
            entry["impl"] = Peer


@on_4
@pytest.mark.parametrize("options", [{}, {"top_k": 3, "batch_size": 2}, {"handle_impossible_answer": True, **SMALL}])
def test_accelerate(options):
    tokenizer = fast("wordpiece-uncased")
    theirs = peer(lookup_model(len(tokenizer)), tokenizer, **options)
    before = {name: copy.copy(value) if isinstance(value, dict) else value for name, value in vars(theirs).items()}
    twin = fastpost.accelerate(theirs)
    assert isinstance(twin, fastpost.QuestionAnsweringPipeline)
    assert twin.model is theirs.model
    assert twin.tokenizer is theirs.tokenizer
    assert vars(theirs) == before
    assert type(theirs) is Peer
    assert_same_outcome(lambda p: p(DICTS), twin, theirs, len(DICTS))
    assert_same_outcome(lambda p: p(**DICTS[1]), twin, theirs)
    assert_same_outcome(lambda p: p(DICTS, top_k=2), fastpost.accelerate(twin), theirs, len(DICTS))
    for name in ("lists", "dict", "generator", "Dataset", "data"):
        call, questions = INPUTS[name]
        assert_same_outcome(call, twin, theirs, questions)


@on_4
def test_accelerate_keeps_what_a_subclass_overrides():
    tokenizer = fast("wordpiece-uncased")
    theirs = type("Mine", (Postprocess, Peer), {})(
        model=lookup_model(len(tokenizer)), tokenizer=tokenizer, device=-1, **SMALL
    )
    twin = fastpost.accelerate(theirs)
    assert without_scores(twin(DICTS[:3])) == without_scores(theirs(DICTS[:3]))
    assert all(answer["extra"] == 1 for (answer,) in twin(DICTS))


def test_accelerate_an_accelerated_pipeline():
    mine = mine_alone(top_k=2)
    twin = fastpost.accelerate(mine)
    assert twin is not mine
    assert twin(DICTS) == mine(DICTS)


# --- ONNX Runtime ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def onnx_folder(tmp_path_factory):
    """A handmade model with one operator for each logit: rows of two tables, looked up by token id."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    place = tmp_path_factory.mktemp("onnx")
    tokenizer = fast("wordpiece-uncased", padding_side="right")
    tokenizer.save_pretrained(place)
    model = lookup_model(len(tokenizer), places=0)
    names = ("start_logits", "end_logits")
    int64, float32 = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Gather", [f"{name}_table", "input_ids"], [name if name == "end_logits" else "raw"])
            for name in names
        ]
        + [
            # The other inputs are used, too: they add zero to the looked-up rows.
            onnx.helper.make_node("Mul", ["attention_mask", "zero"], ["none"]),
            onnx.helper.make_node("Mul", ["token_type_ids", "none"], ["nothing"]),
            onnx.helper.make_node("Cast", ["nothing"], ["null"], to=float32),
            onnx.helper.make_node("Add", ["raw", "null"], ["start_logits"]),
        ],
        "answers",
        [
            onnx.helper.make_tensor_value_info(name, int64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [onnx.helper.make_tensor_value_info(name, float32, ["batch", "tokens"]) for name in names],
        [
            *(
                onnx.numpy_helper.from_array(model.table[:, column].numpy().copy(), f"{name}_table")
                for column, name in enumerate(names)
            ),
            onnx.numpy_helper.from_array(np.zeros((), np.int64), "zero"),
        ],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, place / "model.onnx")
    (place / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 512}))
    return place, mine_alone(model=model, tokenizer=tokenizer)


ONNX_OPTIONS = (
    {},
    {"top_k": 3, **SMALL},
    {"handle_impossible_answer": True, "batch_size": 3},
    {"compat": "fastpost", "top_k": 2, "dedupe": "text", **SMALL},
    {"align_to_words": False, "max_answer_len": 3, "batch_size": 2},
)


@pytest.mark.parametrize("options", ONNX_OPTIONS, ids=str)
def test_onnx_equals_torch(onnx_folder, options):
    place, torch_pipe = onnx_folder
    pipe = fastpost.pipeline("question-answering", model=str(place), backend="onnxruntime")
    want = torch_pipe(DICTS, **options)
    assert pipe(DICTS, **options) == want
    assert fastpost.pipeline("question-answering", model=place, backend="onnxruntime", **options)(DICTS) == want
    if Peer is not None and "compat" not in options:
        theirs = peer(torch_pipe.model, torch_pipe.tokenizer)
        for got, expected in zip(want, theirs(DICTS, **options), strict=True):
            first = [rows(answers)[:1] for answers in (got, expected)]
            assert [a["score"] for a in first[0]] == pytest.approx([a["score"] for a in first[1]], abs=1e-6)


@pytest.mark.parametrize("name", INPUTS)
def test_onnx_takes_every_input(onnx_folder, name):
    place, torch_pipe = onnx_folder
    pipe = fastpost.pipeline("question-answering", model=place, backend="onnxruntime", **SMALL)
    call, _ = INPUTS[name]
    assert materialize(call(pipe)) == materialize(call(torch_pipe, **SMALL))


def test_onnx_rank_and_progress(onnx_folder, capsys):
    place, torch_pipe = onnx_folder
    pipe = fastpost.pipeline("question-answering", model=place, backend="onnxruntime", top_k=4)
    want = torch_pipe(question=Q[0], context=list(CONTEXTS), rank=True, top_k=4)
    assert pipe(question=Q[0], context=list(CONTEXTS), rank=True) == want
    assert "questions" not in capsys.readouterr().err
    assert pipe(question=Q[0], context=list(CONTEXTS), rank=True, progress=True) == want
    assert "questions" in capsys.readouterr().err
    assert pipe(question=Q[0], context=[], rank=True) == []


def test_onnx_generators_stream(onnx_folder):
    place, _ = onnx_folder
    pipe = fastpost.pipeline("question-answering", model=place, backend="onnxruntime")
    seen = []

    def items():
        for number, item in enumerate(DICTS):
            assert len(seen) == number
            yield item

    for answer in pipe(items(), batch_size=1):
        seen.append(answer)
    assert seen == pipe(DICTS)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top_k": 0}, ValueError, "top_k"),
        ({"max_answer_len": 0}, ValueError, "max_answer_len"),
        ({"doc_stride": 500}, ValueError, "doc_stride"),
        ({"doc_stride": -1}, ValueError, "doc_stride"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"compat": "v3"}, ValueError, "compat"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
    ids=str,
)
def test_onnx_wrong_arguments(onnx_folder, options, error, message):
    place, _ = onnx_folder
    with pytest.raises(error, match=message):
        fastpost.pipeline("question-answering", model=place, backend="onnxruntime", **options)
    with pytest.raises(error, match=message):
        fastpost.pipeline("question-answering", model=place, backend="onnxruntime")(DICTS, **options)


@pytest.mark.parametrize("name", [name for name in MISTAKES if not name.startswith(("padding", "topk"))])
def test_onnx_mistakes(onnx_folder, name):
    place, _ = onnx_folder
    error = outcome(MISTAKES[name], fastpost.pipeline("question-answering", model=place, backend="onnxruntime"))
    assert isinstance(error, (ValueError, TypeError, KeyError)), repr(error)
    assert str(error)


SCRIPT = """
import json, sys
for name in ("torch", "transformers", "datasets", "pyarrow"):
    sys.modules[name] = None
import fastpost
pipe = fastpost.pipeline("question-answering", model={folder!r}, backend="onnxruntime")
items = json.loads({items!r})
print(json.dumps([pipe(items, batch_size=2), list(pipe(item for item in items)), pipe(**items[0])]))
"""


def test_onnx_needs_neither_torch_nor_transformers(onnx_folder, python):
    place, torch_pipe = onnx_folder
    want = torch_pipe(DICTS)
    out = json.loads(python(SCRIPT.format(folder=str(place), items=json.dumps(DICTS))))
    assert out == [want, want, want[0]]


# --- a real model on real questions ---------------------------------------------------------------


def real_questions(count):
    data = json.loads((ROOT / "tests" / "data" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    found = [
        {"question": qa["question"], "context": paragraph["context"]}
        for article in data
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return found[:count]


REAL_OPTIONS = ({}, {"top_k": 3, "max_seq_len": 128, "doc_stride": 32}, {"handle_impossible_answer": True})
PEER_SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch, transformers
torch.set_num_threads(1)
assert transformers.__version__.startswith("4.57"), transformers.__version__
model = transformers.AutoModelForQuestionAnswering.from_pretrained({folder!r}, dtype="float32")
pipe = transformers.pipeline(
    "question-answering", model=model, tokenizer=transformers.AutoTokenizer.from_pretrained({folder!r}), device=-1
)
items, options = json.load(sys.stdin)
json.dump([pipe(items[:cut], **more) for cut, more in options], sys.stdout)
"""


@pytest.fixture(scope="module")
def minilm():
    if not MINILM.exists():
        pytest.skip("the real model is not there")
    model = AutoModelForQuestionAnswering.from_pretrained(MINILM, dtype=torch.float32).eval()
    return ours(model, AutoTokenizer.from_pretrained(MINILM))


def test_a_real_model_equals_transformers(minilm):
    """The first 20 questions of XQuAD; transformers 4.57 runs in this process or in its own."""
    items = real_questions(20)
    cuts = (20, 7, 7)
    if Peer is not None:
        theirs = peer(minilm.model, minilm.tokenizer)
        want = [theirs(items[:cut], **options) for cut, options in zip(cuts, REAL_OPTIONS, strict=True)]
    elif not OLD.exists():
        pytest.skip("transformers 4.57 is not there; `make test-old` puts it there")
    else:
        done = subprocess.run(
            [sys.executable, "-c", PEER_SCRIPT.format(folder=str(MINILM))],
            input=json.dumps([items, [*zip(cuts, REAL_OPTIONS, strict=True)]]),
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONPATH": str(OLD)},
        )
        assert done.returncode == 0, done.stderr
        want = json.loads(done.stdout)
    for cut, options, expected in zip(cuts, REAL_OPTIONS, want, strict=True):
        assert_all_same(minilm(items[:cut], batch_size=4, **options), expected, 1e-4)


def test_a_real_model_answers(minilm):
    context = "The tower was built in 1889 by the engineer Gustave Eiffel. It stands in Paris and is 330 metres tall."
    answers = minilm(question=["When was the tower built?", "Where does the tower stand?"], context=context)
    assert [answer["answer"] for answer in answers] == ["1889", "Paris"]
    far = minilm(question="When was the tower built?", context=["Nothing is here.", context], rank=True)
    assert far[0]["text_index"] == 1


def test_xquad_windows_equal_the_tokenizers():
    """All of XQuAD's paragraphs, one question each."""
    mine = mine_alone()
    items = real_questions(None)[::25]
    assert_windows_equal(mine, items, 384, 128)
    assert_windows_equal(mine, items, 200, 40)
