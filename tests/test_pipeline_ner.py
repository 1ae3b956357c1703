"""The drop-in pipeline equals transformers' own: every input, every argument, every mistake.

Both run in the same process on the same model object. Most tests use a free model that looks logits up by
token id, so scores agree to 1e-6; some use a small random BERT; the last ones the real model on wikigold.
"""

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
import transformers
from torch.utils.data import Dataset, IterableDataset
from transformers import AutoModelForTokenClassification, AutoTokenizer
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.pipelines.pt_utils import KeyDataset
from transformers.pipelines.token_classification import AggregationStrategy

import fastpost
from oracle import STRATEGIES, TRANSFORMERS, assert_equal, lookup_model, peer, tiny_bert
from small_tokenizers import KINDS, SENTENCES, SlowTokenizer, fast

LABELS = ("O", "B-PER", "I-PER", "B-date-time", "I-date-time", "LOC")
TEXTS = [
    *SENTENCES,
    "",
    "x",
    "Sylvain\nworks\tat  Hugging Face, Brooklyn.",
    " ".join(SENTENCES[:3]),
    "👨‍👩‍👧 cafe\u0301 北京",
]
WINDOWED = ("simple", "first", "average", "max")
pytestmark = pytest.mark.filterwarnings("ignore")


def ours(model, tokenizer, **kwargs):
    return fastpost.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1, **kwargs)


def pair(kind="wordpiece-uncased", max_length=512, model=None, tokenizer=None, **kwargs):
    """fastpost's pipeline and transformers', each with its own tokenizer object, on one model."""
    tokenizer = tokenizer or fast(kind, max_length)
    model = model or lookup_model(LABELS, len(tokenizer))
    return ours(model, tokenizer, **kwargs), peer(model, copy.deepcopy(tokenizer), **kwargs)


def assert_same(got, want, tolerance=1e-6, context=""):
    """The same lists of dicts, however they are nested."""
    assert isinstance(got, list)
    assert len(got) == len(want), f"{len(got)} results, transformers {len(want)} {context}"
    if want and isinstance(want[0], list):
        for i, (mine, theirs) in enumerate(zip(got, want, strict=True)):
            assert_same(mine, theirs, tolerance, f"{context} item {i}")
    else:
        assert_equal(got, want, tolerance, context)


def materialize(result):
    return result if isinstance(result, list) else list(result)


def outcome(pipe, make_inputs, **kwargs):
    """What a call returns, or the exception it raises."""
    try:
        return materialize(pipe(make_inputs(), **kwargs))
    except Exception as error:
        return error


def assert_same_outcome(mine, theirs, make_inputs, **kwargs):
    want, got = outcome(theirs, make_inputs, **kwargs), outcome(mine, make_inputs, **kwargs)
    if isinstance(want, Exception):
        assert isinstance(got, Exception), f"transformers raises {want!r}, ours returns {got!r}"
        assert type(got) is type(want), f"transformers raises {want!r}, ours {got!r}"
        assert str(got), f"an error without a message, transformers says {want!r}"
    else:
        if isinstance(got, Exception):
            raise AssertionError(f"transformers returns {want!r}, ours raises {got!r}") from got
        assert_same(got, want)


# --- inputs ---------------------------------------------------------------------------------------


class Texts(Dataset):
    def __init__(self, texts=TEXTS):
        self.texts = texts

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        return self.texts[i]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(TEXTS)


def table():
    """TEXTS as a table of the datasets library, where that works with this transformers' huggingface_hub."""
    try:
        import datasets
    except ImportError as error:
        pytest.skip(f"datasets: {error}")
    return datasets.Dataset.from_dict({"text": TEXTS})


INPUTS = {
    "one text": lambda: TEXTS[0],
    "one empty text": lambda: "",
    "list": lambda: list(TEXTS),
    "list of one": lambda: TEXTS[:1],
    "generator": lambda: (text for text in TEXTS),
    "generator of one": lambda: (text for text in TEXTS[:1]),
    "empty generator": lambda: (text for text in ()),
    "torch Dataset": Texts,
    "torch IterableDataset": Stream,
    "KeyDataset of dicts": lambda: KeyDataset([{"text": text} for text in TEXTS], "text"),
    "KeyDataset of datasets": lambda: KeyDataset(table(), "text"),
    "list of a datasets column": lambda: list(table()["text"]),
    "datasets as a stream": lambda: (row["text"] for row in table().to_iterable_dataset()),
    "equal texts": lambda: [TEXTS[0]] * 5,
    "str subclass": lambda: [type("Str", (str,), {})(TEXTS[0])],
}
MISTAKES = {
    "empty list": list,
    "empty tuple": lambda: (),
    "None": lambda: None,
    "number": lambda: 5,
    "bytes": lambda: b"text",
    "dict": lambda: {"text": "text"},
    "set": lambda: {"text"},
    "list of numbers": lambda: [5],
    "list with a number": lambda: ["text", 5, "text"],
    "list with None": lambda: ["text", None],
    "list of lists": lambda: [["Sylvain", "works"]],
    "list of bytes": lambda: [b"text"],
    "generator of numbers": lambda: (i for i in range(3)),
    "generator with None": lambda: iter_generator(["text", None]),
    "Dataset of numbers": lambda: Texts([1, 2]),
    "chat": lambda: [{"role": "user", "content": "hi"}],
}


def iter_generator(values):
    yield from values


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", INPUTS)
def test_every_input(name, strategy):
    mine, theirs = pair(aggregation_strategy=strategy)
    assert_same_outcome(mine, theirs, INPUTS[name])
    assert_same_outcome(mine, theirs, INPUTS[name], batch_size=4)


@pytest.mark.parametrize("name", MISTAKES)
def test_every_wrong_input(name):
    mine, theirs = pair(aggregation_strategy="simple")
    for kwargs in ({}, {"batch_size": 4}, {"stride": 5}):
        assert_same_outcome(mine, theirs, MISTAKES[name], **kwargs)


TAKEN = {
    "tuple": lambda: tuple(TEXTS),
    "datasets column": lambda: table()["text"],
    "list iterator": lambda: iter(TEXTS),
    "map": lambda: map(str, TEXTS),
    "NumPy array": lambda: np.array(TEXTS),
}


@pytest.mark.parametrize("name", TAKEN)
def test_difference_what_transformers_refuses_is_read(name):
    """Collections and iterators of texts, for which transformers asks for "at least one input"."""
    mine, theirs = pair(aggregation_strategy="simple")
    assert isinstance(outcome(theirs, TAKEN[name]), ValueError)
    assert_same(materialize(mine(TAKEN[name]())), theirs(list(TEXTS)))


@pytest.mark.parametrize("name", ["generator", "torch Dataset", "KeyDataset of dicts", "torch IterableDataset"])
def test_streams_give_iterators(name):
    mine, theirs = pair()
    assert not isinstance(theirs(INPUTS[name]()), list)
    result = mine(INPUTS[name]())
    assert not isinstance(result, list)
    assert_same(list(result), list(theirs(INPUTS[name]())))


def test_datasets_iterator_has_a_length_where_transformers_has_one():
    mine, theirs = pair()
    assert len(mine(Texts())) == len(theirs(Texts())) == len(TEXTS)


def test_sclearn_names():
    mine, theirs = pair(aggregation_strategy="simple")
    assert_same(mine.predict(TEXTS), theirs.predict(TEXTS))
    assert_same(mine.transform(TEXTS), theirs.transform(TEXTS))


def test_a_lone_surrogate_raises_as_in_transformers():
    mine, theirs = pair()
    for make_inputs in (lambda: "a\ud800b", lambda: ["fine", "a\ud800b"]):
        assert_same_outcome(mine, theirs, make_inputs)


# --- pre-split words ------------------------------------------------------------------------------

WORDS = [sentence.split() for sentence in SENTENCES]
SPLIT = {
    "one list of words": lambda: WORDS[0],
    "lists of words": lambda: WORDS,
    "generator of lists": lambda: (words for words in WORDS),
    "Dataset of lists": lambda: Texts(WORDS),
    "one word": lambda: ["Sylvain"],
    "words with empty ones": lambda: [["", "Sylvain", ""], ["", ""]],
    "words with spaces": lambda: [["New York", " in ", "Hugging  Face"]],
    "no words": lambda: [[]],
    "some without words": lambda: [["a"], []],
    "a text": lambda: "Sylvain works",
    "a list of texts": lambda: ["Sylvain works", "in Brooklyn"],
    "tuples of words": lambda: [("Sylvain", "works")],
    "mixed": lambda: [["Sylvain"], "works"],
    "numbers": lambda: [[1, 2]],
}


@pytest.mark.parametrize("options", [{}, {"delimiter": ""}, {"delimiter": ", "}, {"batch_size": 3}, {"stride": 2}])
@pytest.mark.parametrize("name", SPLIT)
def test_pre_split_words(name, options):
    for kind in ("wordpiece-cased", "byte-level-prefix-space", "unigram"):
        mine, theirs = pair(kind, 12 if "stride" in options else 512, aggregation_strategy="simple")
        assert_same_outcome(mine, theirs, SPLIT[name], is_split_into_words=True, **options)


def test_difference_a_tuple_of_lists_of_words_is_read():
    mine, theirs = pair("wordpiece-cased", aggregation_strategy="simple")
    assert isinstance(outcome(theirs, lambda: tuple(WORDS), is_split_into_words=True), Exception)
    assert_same(mine(tuple(WORDS), is_split_into_words=True), theirs(WORDS, is_split_into_words=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_pre_split_words_in_every_strategy(strategy):
    for kind in KINDS:
        mine, theirs = pair(kind, aggregation_strategy=strategy)
        assert_same_outcome(mine, theirs, lambda: WORDS, is_split_into_words=True, delimiter="_")


def test_pre_split_at_construction():
    mine, theirs = pair(is_split_into_words=True, delimiter="/", aggregation_strategy="simple")
    assert_same_outcome(mine, theirs, lambda: WORDS[0])
    assert_same_outcome(mine, theirs, lambda: WORDS, is_split_into_words=True)


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_tokenizer_and_strategy(kind, strategy):
    mine, theirs = pair(kind, aggregation_strategy=strategy)
    assert_same(mine(TEXTS), theirs(TEXTS))
    assert_same(mine(TEXTS, batch_size=5), theirs(TEXTS, batch_size=5))


@pytest.mark.parametrize("strategy", WINDOWED)
@pytest.mark.parametrize("kind", KINDS)
def test_stride(kind, strategy):
    for max_length, stride in ((12, 0), (12, 5), (20, 7)):
        mine, theirs = pair(kind, max_length, aggregation_strategy=strategy, stride=stride)
        assert_same(mine(TEXTS), theirs(TEXTS))
        assert_same(mine(TEXTS, batch_size=4), theirs(TEXTS, batch_size=4))


ARGUMENTS = [
    {},
    {"aggregation_strategy": "SIMPLE"},
    {"aggregation_strategy": "Max"},
    *({"aggregation_strategy": strategy} for strategy in AggregationStrategy),
    {"aggregation_strategy": None},
    {"ignore_labels": []},
    {"ignore_labels": ["B-PER", "LOC"]},
    {"ignore_labels": ["PER", "time"], "aggregation_strategy": "simple"},
    {"ignore_labels": ("O", "date-time"), "aggregation_strategy": "first"},
    {"ignore_labels": {"O"}, "aggregation_strategy": "simple"},
    {"ignore_labels": None},
    {"batch_size": 1},
    {"batch_size": 2},
    {"batch_size": 3, "aggregation_strategy": "average"},
    {"batch_size": 1000},
    {"stride": 3, "aggregation_strategy": "simple"},
    {"stride": 0, "aggregation_strategy": "max", "batch_size": 3},
    {"stride": None},
    {"delimiter": "x"},
    {"is_split_into_words": False},
]
WRONG_ARGUMENTS = [
    {"aggregation_strategy": "best"},
    {"aggregation_strategy": ""},
    {"aggregation_strategy": 3},
    {"stride": 3, "aggregation_strategy": "none"},
    {"stride": 24, "aggregation_strategy": "simple"},
    {"stride": 1000, "aggregation_strategy": "simple"},
    {"stride": 23, "aggregation_strategy": "simple"},
    {"stride": -1, "aggregation_strategy": "simple"},
    {"stride": "3", "aggregation_strategy": "simple"},
    {"offset_mapping": [[(0, 1)], [(0, 1)]]},
    {"unknown": 1},
    {"ignore_labels": 5},
    {"batch_size": 0},
    {"batch_size": -3},
    {"batch_size": "2"},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_every_argument(arguments):
    """Arguments at the call and at construction; an argument of the call overrides one of construction."""
    mine, theirs = pair(max_length=24)
    assert_same_outcome(mine, theirs, lambda: TEXTS, **arguments)
    mine, theirs = pair(max_length=24, **arguments)
    assert_same_outcome(mine, theirs, lambda: TEXTS)
    assert_same_outcome(mine, theirs, lambda: TEXTS[0])
    assert_same_outcome(mine, theirs, lambda: TEXTS, aggregation_strategy="max", ignore_labels=["LOC"], batch_size=2)


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS, ids=str)
def test_every_wrong_argument(arguments):
    mine, theirs = pair(max_length=24)
    assert_same_outcome(mine, theirs, lambda: TEXTS, **arguments)
    assert_same_outcome(mine, theirs, lambda: TEXTS[0], **arguments)


@pytest.mark.parametrize("arguments", [a for a in WRONG_ARGUMENTS if "batch_size" not in a], ids=str)
def test_every_wrong_argument_at_construction(arguments):
    def build(make):
        return lambda text: make(lookup_model(LABELS, 200), fast("wordpiece-cased", 24), **arguments)(text)

    assert_same_outcome(build(ours), build(peer), lambda: "Sylvain")


@pytest.mark.skipif(TRANSFORMERS >= (5, 0), reason="transformers 5 has dropped grouped_entities")
@pytest.mark.parametrize("arguments", [{"grouped_entities": True}, {"grouped_entities": True, "ignore_subwords": True}])
def test_deprecated_arguments(arguments):
    mine, theirs = pair(**arguments)
    assert_same_outcome(mine, theirs, lambda: TEXTS)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_offset_mapping_of_the_user(strategy):
    for kind in ("wordpiece-cased", "byte-level", "unigram"):
        mine, theirs = pair(kind, aggregation_strategy=strategy)
        text = SENTENCES[0]
        offsets = mine.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        moved = [(max(start - 1, 0), end) for start, end in offsets]
        assert_same_outcome(mine, theirs, lambda: text, offset_mapping=moved)  # noqa: B023
        assert_same_outcome(mine, theirs, lambda: [text], offset_mapping=[moved])  # noqa: B023
        # transformers uses the first text's offsets for all texts.
        assert_same_outcome(mine, theirs, lambda: [text, text], offset_mapping=[moved, offsets])  # noqa: B023


@pytest.mark.parametrize("inputs", ["list", "generator"])
def test_num_workers(inputs):
    mine, theirs = pair(aggregation_strategy="simple")
    want = materialize(theirs(INPUTS["list"]()))
    assert_same(materialize(mine(INPUTS[inputs](), num_workers=1, batch_size=2)), want)
    mine, _ = pair(aggregation_strategy="simple", num_workers=2)
    assert_same(materialize(mine(INPUTS[inputs]())), want)


def test_call_arguments_do_not_stick():
    mine, theirs = pair(aggregation_strategy="simple")
    assert_same(mine(TEXTS, aggregation_strategy="none"), theirs(TEXTS, aggregation_strategy="none"))
    assert_same(mine(TEXTS), theirs(TEXTS))


def test_progress_shows_a_bar_and_changes_nothing(capsys):
    mine, theirs = pair(aggregation_strategy="simple")
    assert_same(mine(TEXTS, progress=True), theirs(TEXTS))
    shown = capsys.readouterr()
    assert "tokens" in shown.err + shown.out
    assert_same(list(mine((text for text in TEXTS), progress=True)), theirs(TEXTS))
    mine(TEXTS)
    shown = capsys.readouterr()


def test_no_bar_unless_asked(capsys):
    mine, _ = pair(aggregation_strategy="simple")
    mine(TEXTS)
    shown = capsys.readouterr()
    assert "tokens" not in shown.err + shown.out


def test_results_are_json():
    import json

    mine, _ = pair()
    assert json.loads(json.dumps(mine(TEXTS))) == mine(TEXTS)


# --- streaming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["ours", "transformers"])
def test_lock_step(whose):
    """With batch_size=1, a result comes before the text after the next one is read."""
    pipe = dict(zip(("ours", "transformers"), pair(), strict=True))[whose]
    pulled = 0

    def texts():
        nonlocal pulled
        for text in itertools.islice(itertools.cycle(TEXTS), 30):
            pulled += 1
            yield text

    received = 0
    for _ in pipe(texts(), batch_size=1):
        received += 1
        assert pulled <= received + 1
    assert received == 30


def test_an_endless_generator_streams():
    mine, theirs = pair(aggregation_strategy="simple")
    pulled = 0

    def texts():
        nonlocal pulled
        for text in itertools.cycle(TEXTS):
            pulled += 1
            yield text

    got = list(itertools.islice(mine(texts(), batch_size=8), 100))
    assert pulled < 5_000, "the generator was read far ahead"
    assert_same(got, theirs(list(itertools.islice(itertools.cycle(TEXTS), 100))))


def test_an_error_of_the_generator_comes_through():
    mine, theirs = pair()

    def texts():
        yield from TEXTS[:3]
        raise RuntimeError("the disk is full")

    for pipe in (theirs, mine):
        results = iter(pipe(texts(), batch_size=1))
        assert len([next(results) for _ in range(3)]) == 3
        with pytest.raises(RuntimeError, match="the disk is full"):
            next(results)


def test_nothing_is_read_before_the_first_result_is_asked_for():
    """transformers 5 reads one text to see whether it is a chat."""
    pulled = []
    mine, _ = pair()
    iterator = mine(text for text in TEXTS if not pulled.append(text))
    assert len(pulled) <= 1
    next(iter(iterator))


def test_two_streams_at_once():
    mine, theirs = pair(aggregation_strategy="simple")
    want = theirs(TEXTS)
    one, other = mine((t for t in TEXTS), batch_size=2), mine((t for t in reversed(TEXTS)), batch_size=3)
    got = list(zip(one, other, strict=True))
    assert_same([a for a, _ in got], want)
    assert_same([b for _, b in got], want[::-1])


def test_a_stream_left_early():
    mine, theirs = pair()
    for _ in mine((text for text in TEXTS), batch_size=2):
        break
    assert_same(mine(TEXTS), theirs(TEXTS))


def test_order_is_kept_with_mixed_lengths():
    rng = np.random.default_rng(0)
    words = " ".join(SENTENCES).split()
    texts = [" ".join(rng.choice(words, rng.integers(0, 60))) for _ in range(200)]
    mine, theirs = pair("byte-level", 128, aggregation_strategy="average", stride=16)
    want = theirs(texts)
    for batch_size in (1, 7, 16, 64):
        assert_same(mine(texts, batch_size=batch_size), want)
        assert_same(list(mine((text for text in texts), batch_size=batch_size)), want)


# --- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_random_bert(strategy, batch_size):
    """Attention reads unmasked padding, so a wrong mask changes these scores."""
    tokenizer = fast("wordpiece-uncased")
    model = tiny_bert(LABELS, len(tokenizer), seed=1, width=16)
    mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy=strategy)
    assert_same(mine(TEXTS, batch_size=batch_size), theirs(TEXTS), tolerance=1e-4)


@pytest.mark.parametrize("strategy", WINDOWED)
def test_a_random_bert_in_windows(strategy):
    tokenizer = fast("wordpiece-cased", 16)
    model = tiny_bert(LABELS, len(tokenizer), seed=2, width=16)
    mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy=strategy, stride=6)
    assert_same(mine(TEXTS, batch_size=4), theirs(TEXTS), tolerance=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(LABELS, len(tokenizer))
    model.table = model.table.to(dtype)
    mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy="average")
    assert_same(mine(TEXTS, batch_size=4), theirs(TEXTS))
    model = tiny_bert(LABELS, len(tokenizer), seed=3, width=16).to(dtype)
    mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy="simple")
    assert_same(mine(TEXTS[:3], batch_size=1), theirs(TEXTS[:3], batch_size=1))


def test_a_model_that_returns_a_tuple():
    tokenizer = fast("wordpiece-uncased")
    model = tiny_bert(LABELS, len(tokenizer), seed=4, width=16)
    model.config.return_dict = False
    mine, theirs = pair(model=model, tokenizer=tokenizer)
    assert_same(mine(TEXTS, batch_size=2), theirs(TEXTS), tolerance=1e-4)


def test_token_type_ids_reach_the_model():
    """A model whose logits depend on all that the tokenizer gives it."""
    tokenizer = fast("wordpiece-uncased")
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    seen = []
    model = lookup_model(LABELS, len(tokenizer))

    def forward(input_ids=None, **kwargs):
        seen.append(sorted(kwargs))
        return TokenClassifierOutput(logits=model.table[input_ids])

    model.forward = forward
    mine, theirs = pair(model=model, tokenizer=tokenizer)
    theirs("Sylvain")
    mine("Sylvain")
    assert seen[0] == seen[1]
    assert {"attention_mask", "token_type_ids"} <= set(seen[0])


def test_no_gradients_are_kept():
    tokenizer = fast("wordpiece-uncased")
    model = tiny_bert(LABELS, len(tokenizer))
    modes = []
    forward = model.forward

    def spy(**kwargs):
        modes.append(torch.is_grad_enabled())
        return forward(**kwargs)

    model.forward = spy
    ours(model, tokenizer)(TEXTS[:2])
    assert modes
    assert not any(modes)


def test_batches_are_no_larger_than_asked_for():
    mine, _ = pair()
    mine(TEXTS * 5, batch_size=4)
    assert max(rows for rows, _ in mine.model.calls) <= 4
    assert len(mine.model.calls) >= len(TEXTS) * 5 / 4


def test_windows_are_sorted_by_length_into_batches():
    """Padding costs as much as text, so long and short texts do not share a batch."""
    texts = ["Sylvain " * (40 if i % 8 == 0 else 1) for i in range(64)]
    mine, theirs = pair(aggregation_strategy="simple")
    assert_same(mine(texts, batch_size=8), theirs(texts))
    cells = sum(rows * width for rows, width in mine.model.calls[: len(mine.model.calls) - len(texts)])
    tokens = sum(len(ids) for ids in mine.tokenizer(texts)["input_ids"])
    assert cells < 2 * tokens


def test_an_error_of_the_model_comes_through():
    mine, theirs = pair()

    def broken(**kwargs):
        raise RuntimeError("out of memory")

    mine.model.forward = broken
    for pipe in (mine, theirs):
        with pytest.raises(RuntimeError, match="out of memory"):
            pipe(TEXTS)


def test_nan_logits_are_refused_or_reported_as_transformers_does():
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(LABELS, len(tokenizer))
    model.table[:] = float("nan")
    mine, _ = pair(model=model, tokenizer=tokenizer)
    with pytest.raises(ValueError, match="NaN"):
        mine("Sylvain works")


# --- tokenizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_padding_side(strategy, side):
    tokenizer = fast("wordpiece-uncased", padding_side=side)
    for model in (lookup_model(LABELS, len(tokenizer)), tiny_bert(LABELS, len(tokenizer), seed=5, width=16)):
        mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy=strategy)
        assert_same(mine(TEXTS, batch_size=1), theirs(TEXTS, batch_size=1), tolerance=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_padding_on_the_left_in_batches(strategy):
    tokenizer = fast("wordpiece-uncased", padding_side="left")
    mine, theirs = pair(tokenizer=tokenizer, aggregation_strategy=strategy)
    assert_same(mine(TEXTS, batch_size=4), theirs(TEXTS, batch_size=1))


def test_difference_index_counts_no_padding():
    """A deliberate difference: with padding on the left, transformers' `index` counts the padding too.

    So it depends on which texts share a batch. Here `index` is the token's place in its own text, as with batch_size=1.
    """
    tokenizer = fast("wordpiece-uncased", padding_side="left")
    mine, theirs = pair(tokenizer=tokenizer, aggregation_strategy="none")
    alone, batched = theirs(TEXTS, batch_size=1), theirs(TEXTS, batch_size=4)
    assert [entity["index"] for entity in sum(alone, [])] != [entity["index"] for entity in sum(batched, [])]
    assert_same(mine(TEXTS, batch_size=4), alone)


@pytest.mark.parametrize("strategy", WINDOWED)
def test_padding_on_the_left_in_windows(strategy):
    tokenizer = fast("byte-level", 16, padding_side="left")
    mine, theirs = pair(tokenizer=tokenizer, aggregation_strategy=strategy, stride=4)
    assert_same(mine(TEXTS), theirs(TEXTS))
    assert_same(mine(TEXTS, batch_size=4), theirs(TEXTS))


@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_side(side):
    tokenizer = fast("wordpiece-uncased", 8, truncation_side=side)
    mine, theirs = pair(tokenizer=tokenizer, aggregation_strategy="simple")
    assert_same(mine(TEXTS), theirs(TEXTS))
    assert_same(mine(TEXTS, stride=2), theirs(TEXTS, stride=2))


@pytest.mark.parametrize("max_length", [None, 8, 512])
def test_text_over_the_limit_is_cut_as_in_transformers(max_length):
    mine, theirs = pair(max_length=max_length)
    assert_same(mine(TEXTS), theirs(TEXTS))


def test_a_tokenizer_without_padding_token():
    results = []
    for build in (ours, peer):
        tokenizer = fast("byte-level")
        tokenizer.pad_token = None
        pipe = build(lookup_model(LABELS, len(tokenizer)), tokenizer, aggregation_strategy="simple")
        results.append([outcome(pipe, lambda: TEXTS), outcome(pipe, lambda: TEXTS, batch_size=2)])
    assert_same(results[0][0], results[1][0])
    assert type(results[0][1]) is type(results[1][1])


@pytest.mark.parametrize("state", ["nothing", "padding", "truncation", "both"])
@pytest.mark.parametrize("options", [{}, {"stride": 3}, {"batch_size": 4}], ids=str)
def test_what_the_user_set_in_the_tokenizer(state, options):
    """The results and the state in which the tokenizer is left are those of transformers."""
    left = []
    for build in (peer, ours):
        tokenizer = fast("wordpiece-uncased", 16)
        backend = tokenizer.backend_tokenizer
        if state in {"padding", "both"}:
            backend.enable_padding(length=40, pad_id=0, pad_token="[PAD]")
        if state in {"truncation", "both"}:
            backend.enable_truncation(max_length=5)
        pipe = build(lookup_model(LABELS, len(tokenizer)), tokenizer, aggregation_strategy="simple")
        results = pipe(TEXTS, **options)
        left.append((results, backend.truncation, tokenizer(TEXTS[0])["input_ids"], backend.padding))
    assert_same(left[1][0], left[0][0])
    assert left[1][1:3] == left[0][1:3]
    assert left[1][3] is None, "no padding is left behind, as in a transformers call without stride"


def test_tokens_added_later():
    tokenizer = fast("wordpiece-uncased")
    mine, theirs = pair(tokenizer=tokenizer, model=lookup_model(LABELS, len(tokenizer) + 2))
    assert_same(mine("met qwertz today"), theirs("met qwertz today"))
    for pipe in (mine, theirs):
        pipe.tokenizer.add_tokens(["qwertz"])
    assert_same(mine("met qwertz today"), theirs("met qwertz today"))
    assert any(entity["word"] == "qwertz" for entity in mine("met qwertz today", ignore_labels=[]))


def test_labels_changed_later():
    mine, theirs = pair(aggregation_strategy="simple")
    mine(TEXTS)
    mine.model.config.id2label = dict(enumerate(["O", "B-A", "I-A", "B-B", "I-B", "C"]))
    assert_same(mine(TEXTS), theirs(TEXTS))


def test_a_tokenizer_exchanged_later():
    mine, theirs = pair(aggregation_strategy="simple")
    mine(TEXTS)
    for pipe in (mine, theirs):
        pipe.tokenizer = fast("byte-level")
        pipe.model.table = torch.randn(len(pipe.tokenizer), len(LABELS), generator=torch.Generator().manual_seed(0))
    assert_same(mine(TEXTS), theirs(TEXTS))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"aggregation_strategy": "simple"},
        {"aggregation_strategy": "first"},
        {"aggregation_strategy": "simple", "stride": 2},
        {"is_split_into_words": True},
        {"batch_size": 3},
    ],
    ids=str,
)
def test_slow_tokenizers_take_the_original_path(options):
    tokenizer = SlowTokenizer.trained(model_max_length=64)
    mine, theirs = pair(tokenizer=tokenizer, model=lookup_model(LABELS, len(tokenizer)))
    texts = [text for text in TEXTS if text]
    for make_inputs in (lambda: texts, lambda: texts[0], lambda: (text for text in texts)):
        got, want = outcome(mine, make_inputs, **options), outcome(theirs, make_inputs, **options)
        assert type(got) is type(want)
        assert str(got)
        if isinstance(want, list):
            assert without_scores(got) == without_scores(want)


@pytest.mark.parametrize("strategy", ["none", "simple"])
def test_results_of_slow_tokenizers_are_json(strategy):
    """Scores are Python floats whatever the path."""
    tokenizer = SlowTokenizer.trained(model_max_length=64)
    mine, theirs = pair(tokenizer=tokenizer, model=lookup_model(LABELS, len(tokenizer)))
    texts = [text for text in TEXTS if text]
    assert_same(mine(texts, aggregation_strategy=strategy), theirs(texts, aggregation_strategy=strategy))


# --- subclasses -----------------------------------------------------------------------------------


class Preprocess:
    def preprocess(self, sentence, **kwargs):
        return super().preprocess(sentence.replace("Sylvain", "Angela"), **kwargs)


class Forward:
    def _forward(self, model_inputs):
        out = super()._forward(model_inputs)
        out["logits"] = -out["logits"]
        return out


class Postprocess:
    def postprocess(self, all_outputs, **kwargs):
        return [{**entity, "extra": 1} for entity in super().postprocess(all_outputs, **kwargs)]


class Aggregate:
    def aggregate(self, pre_entities, aggregation_strategy):
        return super().aggregate(pre_entities, aggregation_strategy)[::-1]


class AggregateWord:
    def aggregate_word(self, entities, aggregation_strategy):
        return {**super().aggregate_word(entities[:1], aggregation_strategy)}


class AggregateWords:
    def aggregate_words(self, entities, aggregation_strategy):
        return super().aggregate_words(entities, aggregation_strategy)[1:]


class GroupEntities:
    def group_entities(self, entities):
        return super().group_entities(entities[::-1])


class GroupSubEntities:
    def group_sub_entities(self, entities):
        return {**super().group_sub_entities(entities), "tokens": len(entities)}


class Gather:
    def gather_pre_entities(self, *args, **kwargs):
        return super().gather_pre_entities(*args, **kwargs)[1:]


class Tag:
    def get_tag(self, entity_name):
        return "I", entity_name.rsplit("-", 1)[-1]


class Overlap:
    def aggregate_overlapping_entities(self, entities):
        return entities


class Context:
    def forward(self, model_inputs, **kwargs):
        out = super().forward(model_inputs, **kwargs)
        out["logits"] = out["logits"] * 0.5
        return out


class Sanitize:
    def _sanitize_parameters(self, loud=False, **kwargs):
        self.loud = loud
        return super()._sanitize_parameters(**kwargs)


class RunSingle:
    def get_iterator(self, inputs, *args, **kwargs):
        return super().get_iterator([text.upper() for text in inputs], *args, **kwargs)


class Call:
    def __call__(self, inputs, **kwargs):
        return [[entity["word"] for entity in found] for found in super().__call__(inputs, **kwargs)]


OVERRIDES = (
    Preprocess, Forward, Postprocess, Aggregate, AggregateWord, AggregateWords, GroupEntities,
    GroupSubEntities, Gather, Tag, Overlap, Context, Sanitize, RunSingle, Call,
)  # fmt: skip


@pytest.mark.parametrize("mixin", OVERRIDES, ids=lambda mixin: mixin.__name__)
@pytest.mark.parametrize("strategy", ["none", "simple", "average"])
def test_what_a_subclass_overrides_counts(mixin, strategy):
    texts = [text for text in TEXTS if text]
    results = []
    for base in (fastpost.TokenClassificationPipeline, transformers.TokenClassificationPipeline):
        tokenizer = fast("wordpiece-uncased", 16)
        pipe = type("Mine", (mixin, base), {})(
            model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1
        )
        options = {"aggregation_strategy": strategy, **({"stride": 4} if strategy != "none" else {})}
        results.append(pipe(texts, **options))
        if mixin is Sanitize:
            pipe(texts, loud=True)
            assert pipe.loud
    assert without_scores(results[0]) == without_scores(results[1])


def without_scores(result):
    if isinstance(result, list):
        return [without_scores(item) for item in result]
    if isinstance(result, dict):
        return {k: round(float(v), 5) if k == "score" else v for k, v in result.items()}
    return result


@pytest.mark.parametrize("name", ["preprocess", "_forward", "postprocess", "aggregate", "forward"])
def test_what_an_instance_overrides_counts(name):
    mine, theirs = pair(aggregation_strategy="simple")
    calls = []
    for pipe in (mine, theirs):
        original = getattr(pipe, name)

        def spy(*args, original=original, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        setattr(pipe, name, spy)
    got = mine(TEXTS)
    assert calls, f"{name} was set on the pipeline but not called"
    assert without_scores(got) == without_scores(theirs(TEXTS))


def test_a_subclass_that_overrides_nothing_of_this_stays_fast():
    """A call of `postprocess` for each window would show the original path."""

    class Mine(fastpost.TokenClassificationPipeline):
        def describe(self):
            return "mine"

    tokenizer = fast("wordpiece-uncased")
    pipe = Mine(model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1)
    pipe(TEXTS * 4, batch_size=8)
    widths = [width for _, width in pipe.model.calls]
    assert widths in (sorted(widths), sorted(widths, reverse=True)), "batches are not sorted by length"


def test_the_methods_of_transformers_still_work():
    """`preprocess`, `forward` and `postprocess` called by hand, as some users do."""
    mine, theirs = pair(aggregation_strategy="simple")
    for pipe in (mine, theirs):
        steps = [pipe.forward(step) for step in pipe.preprocess(TEXTS[0], is_split_into_words=False)]
        result = pipe.postprocess(steps, AggregationStrategy.SIMPLE)
        assert [entity["word"] for entity in result]
    assert isinstance(mine, transformers.TokenClassificationPipeline)
    assert isinstance(mine, transformers.Pipeline)


# --- ways in --------------------------------------------------------------------------------------


def test_pipeline_class_of_transformers():
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(LABELS, len(tokenizer))
    pipe = transformers.pipeline(
        "ner",
        model=model,
        tokenizer=tokenizer,
        pipeline_class=fastpost.TokenClassificationPipeline,
        aggregation_strategy="simple",
        device=-1,
    )
    assert type(pipe) is fastpost.TokenClassificationPipeline
    assert_same(pipe(TEXTS), peer(model, tokenizer, aggregation_strategy="simple")(TEXTS))


@pytest.mark.parametrize("task", ["ner", "token-classification"])
def test_fastpost_pipeline(task):
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(LABELS, len(tokenizer))
    pipe = fastpost.pipeline(task, model=model, tokenizer=tokenizer, aggregation_strategy="max", device="cpu")
    assert isinstance(pipe, fastpost.TokenClassificationPipeline)
    assert_same(pipe(TEXTS), peer(model, tokenizer, aggregation_strategy="max")(TEXTS))


def test_fastpost_pipeline_refuses_other_tasks():
    with pytest.raises((ValueError, KeyError, NotImplementedError), match="summarization"):
        fastpost.pipeline("summarization", model="x")


def test_fastpost_pipeline_refuses_other_backends():
    with pytest.raises(ValueError, match=r"backend.*tpu"):
        fastpost.pipeline("ner", model="x", backend="tpu")


def test_fastpost_pipeline_from_a_folder(tmp_path):
    tokenizer = fast("wordpiece-uncased")
    model = tiny_bert(LABELS, len(tokenizer), seed=6, width=16)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    options = {"model": str(tmp_path), "device": -1, "aggregation_strategy": "simple"}
    mine, theirs = fastpost.pipeline("ner", **options), transformers.pipeline("ner", **options)
    assert type(theirs) is transformers.TokenClassificationPipeline
    assert_same(mine(TEXTS, batch_size=2), theirs(TEXTS), tolerance=1e-4)
    assert mine.tokenizer.model_max_length == theirs.tokenizer.model_max_length
    assert_same(fastpost.pipeline("ner", **{**options, "model": tmp_path})(TEXTS[0]), theirs(TEXTS[0]), 1e-4)


def snapshot(pipe):
    return {name: copy.copy(value) if isinstance(value, dict) else value for name, value in vars(pipe).items()}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"aggregation_strategy": "average", "ignore_labels": ["LOC"], "batch_size": 3},
        {"aggregation_strategy": "max", "stride": 4},
        {"is_split_into_words": True, "delimiter": "-"},
    ],
    ids=str,
)
def test_accelerate(options):
    tokenizer = fast("wordpiece-uncased", 16)
    theirs = peer(lookup_model(LABELS, len(tokenizer)), tokenizer, **options)
    before = snapshot(theirs)
    twin = fastpost.accelerate(theirs)
    inputs = WORDS if options.get("is_split_into_words") else TEXTS
    assert_same_outcome(
        twin, theirs, lambda: inputs, **{k: v for k, v in options.items() if k == "is_split_into_words"}
    )
    assert type(theirs) is transformers.TokenClassificationPipeline
    assert isinstance(twin, fastpost.TokenClassificationPipeline)
    assert twin.model is theirs.model
    assert twin.tokenizer is theirs.tokenizer
    assert twin.device == theirs.device
    after = snapshot(theirs)
    after["call_count"] = before["call_count"]
    assert after == before


def test_accelerate_keeps_what_a_subclass_overrides():
    tokenizer = fast("wordpiece-uncased")

    class Mine(Postprocess, transformers.TokenClassificationPipeline):
        pass

    theirs = Mine(model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1)
    twin = fastpost.accelerate(theirs)
    assert without_scores(twin(TEXTS)) == without_scores(theirs(TEXTS))
    assert all(entity["extra"] == 1 for found in twin(TEXTS) for entity in found)


class Extra(Postprocess, transformers.TokenClassificationPipeline):
    """A user's own class, found by its name."""


@pytest.mark.parametrize("duplicate", [copy.copy, lambda pipe: pickle.loads(pickle.dumps(pipe))])
def test_accelerated_pipelines_pickle(duplicate):
    tokenizer = fast("wordpiece-uncased")
    for kind in (Extra, transformers.TokenClassificationPipeline):
        theirs = kind(model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1)
        twin = fastpost.accelerate(theirs)
        twin(TEXTS)
        again = duplicate(twin)
        assert type(again) is type(twin)
        assert again(TEXTS) == twin(TEXTS)
    assert type(twin) is fastpost.TokenClassificationPipeline
    assert type(fastpost.accelerate(fastpost.accelerate(theirs))) is type(twin)


def test_accelerate_an_accelerated_pipeline():
    mine, theirs = pair(aggregation_strategy="simple")
    assert_same(fastpost.accelerate(mine)(TEXTS), theirs(TEXTS))


@pytest.mark.parametrize("other", [None, "ner", 5, object()])
def test_accelerate_refuses_what_is_no_pipeline(other):
    with pytest.raises(TypeError, match=type(other).__name__):
        fastpost.accelerate(other)


def tasks():
    from transformers.pipelines import SUPPORTED_TASKS

    return SUPPORTED_TASKS["token-classification"]


@pytest.fixture
def clean_install():
    yield
    fastpost.uninstall()


def test_install_and_uninstall(clean_install):
    tokenizer = fast("wordpiece-uncased")
    model = lookup_model(LABELS, len(tokenizer))
    entry, function = dict(tasks()), transformers.pipeline

    def build(task="ner"):
        return type(transformers.pipeline(task, model=model, tokenizer=tokenizer, device=-1))

    fastpost.install()
    assert build("ner") is build("token-classification") is fastpost.TokenClassificationPipeline
    fastpost.install()
    assert build() is fastpost.TokenClassificationPipeline
    fastpost.uninstall()
    assert build() is transformers.TokenClassificationPipeline
    assert dict(tasks()) == entry
    assert transformers.pipeline is function
    fastpost.uninstall()
    assert build() is transformers.TokenClassificationPipeline


def test_install_leaves_other_tasks_alone(clean_install):
    from transformers.pipelines import SUPPORTED_TASKS

    ours = ("token-classification", "question-answering")
    before = {task: dict(entry) for task, entry in SUPPORTED_TASKS.items() if task not in ours}
    fastpost.install()
    assert {task: dict(entry) for task, entry in SUPPORTED_TASKS.items() if task not in ours} == before


def test_pipelines_made_before_install_stay_as_they_are(clean_install):
    _, theirs = pair()
    want = theirs(TEXTS)
    fastpost.install()
    assert type(theirs) is transformers.TokenClassificationPipeline
    assert theirs(TEXTS) == want


def test_a_pipeline_of_another_install_survives_uninstall(clean_install):
    """A registration that others make in between is not undone."""

    class Theirs(transformers.TokenClassificationPipeline):
        pass

    original = tasks()["impl"]
    fastpost.install()
    try:
        tasks()["impl"] = Theirs
        fastpost.uninstall()
        assert tasks()["impl"] is Theirs
    finally:
        tasks()["impl"] = original


def test_threads_may_share_a_pipeline():
    from concurrent.futures import ThreadPoolExecutor

    mine, theirs = pair(aggregation_strategy="simple")
    want = theirs(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: mine(TEXTS, batch_size=3), range(16)):
            assert_same(got, want)


# --- the real model on wikigold -------------------------------------------------------------------


class Remembered:
    """Computes a model once for each sequence of tokens, so that every pass sees equal logits."""

    def __init__(self, model):
        self.model = model
        self.known = {}
        self.original = model.forward
        model.forward = self.forward

    def forward(self, input_ids, attention_mask, token_type_ids=None, **_):
        logits = torch.zeros(*input_ids.shape, self.model.config.num_labels)
        for row, (ids, mask) in enumerate(zip(input_ids, attention_mask.bool(), strict=True)):
            key = ids[mask].numpy().tobytes()
            if key not in self.known:
                self.known[key] = self.original(
                    input_ids=ids[mask][None],
                    attention_mask=mask[mask][None].long(),
                    token_type_ids=torch.zeros_like(ids[mask])[None],
                ).logits[0]
            logits[row, mask] = self.known[key]
        return TokenClassifierOutput(logits=logits)


@pytest.fixture(scope="module")
def rampart_model(rampart_torch_dir):
    return AutoModelForTokenClassification.from_pretrained(rampart_torch_dir).eval()


@pytest.fixture(scope="module")
def remembered(rampart_torch_dir):
    model = AutoModelForTokenClassification.from_pretrained(rampart_torch_dir).eval()
    Remembered(model)
    return model


def compare_wikigold(model, folder, strategy, texts, max_length=512, tolerance=1e-6, stride=None, **options):
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=max_length)
    mine, theirs = pair(model=model, tokenizer=tokenizer, aggregation_strategy=strategy, stride=stride)
    want = theirs(texts, **options)
    assert sum(map(len, want)) > 10
    assert_same(mine(texts, batch_size=16, **options), want, tolerance)


def part(full: bool) -> slice:
    """All of wikigold in `make parity`, a part of it in `make test`."""
    return slice(None, None, 1 if full else 25)


everything = pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.parity)])


@everything
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_wikigold_sentences(remembered, rampart_torch_dir, wikigold_sentences, strategy, full):
    texts = [" ".join(words) for words in wikigold_sentences[part(full)]]
    compare_wikigold(remembered, rampart_torch_dir, strategy, texts)


@everything
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_wikigold_words(remembered, rampart_torch_dir, wikigold_sentences, strategy, full):
    words = wikigold_sentences[part(full)]
    compare_wikigold(remembered, rampart_torch_dir, strategy, words, is_split_into_words=True)


@everything
@pytest.mark.parametrize("strategy", WINDOWED)
@pytest.mark.parametrize("stride", [0, 64, 128])
def test_wikigold_documents(remembered, rampart_torch_dir, wikigold_documents, strategy, stride, full):
    """Windows of 192 tokens, so that every document has several."""
    texts = wikigold_documents[part(full)]
    compare_wikigold(remembered, rampart_torch_dir, strategy, texts, 192, stride=stride)


@everything
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_wikigold_documents_cut(remembered, rampart_torch_dir, wikigold_documents, strategy, full):
    """Without a stride, what is over the limit is dropped."""
    compare_wikigold(remembered, rampart_torch_dir, strategy, wikigold_documents[part(full)], 256)


@everything
@pytest.mark.parametrize(("strategy", "stride"), [("none", None), ("simple", None), ("average", 64)])
def test_wikigold_through_the_model(rampart_model, rampart_torch_dir, wikigold_documents, strategy, stride, full):
    """The model itself in padded batches: logits move with the padding, so scores agree to 1e-4."""
    texts = wikigold_documents[part(full)]
    max_length = 512 if stride is None else 192
    compare_wikigold(rampart_model, rampart_torch_dir, strategy, texts, max_length, 1e-4, stride)


def test_a_tokenizer_without_limit(rampart_model, rampart_torch_dir):
    """The package's tokenizer says model_max_length = 1e30; nothing is cut then."""
    tokenizer = AutoTokenizer.from_pretrained(rampart_torch_dir)
    mine, theirs = pair(model=rampart_model, tokenizer=tokenizer, aggregation_strategy="simple")
    text = "Call Jane Doe at 718-555-0199 or mail jane.doe@example.org, 12 Baker Street, London. " * 3
    assert_same(mine(text), theirs(text), 1e-4)
    assert isinstance(mine(text), list)
