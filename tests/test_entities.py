"""EntityDecoder by example: fixed numbers, every shape and dtype, bad input, the result object.

Equality with transformers on random input is in test_entities_parity.py.
"""

import json
import re

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import fastpost
from fastpost import EntityDecoder
from oracle import STRATEGIES, Oracle, assert_equal
from small_tokenizers import fast
from strategies import logits as random_logits

TEXT = "My name is Sylvain and I work at Hugging Face in Brooklyn."
# Tokens and probabilities of a BERT fine-tuned on CoNLL-2003.
TOKENS = [
    "[CLS]", "My", "name", "is", "S", "##yl", "##va", "##in", "and", "I", "work", "at", "Hu", "##gging",
    "Face", "in", "Brooklyn", ".", "[SEP]",
]  # fmt: skip
LABELS = ["O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
BEST = [0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 6, 6, 6, 0, 8, 0, 0]
PROBABILITIES = {
    4: 0.9993828535079956,
    5: 0.9981548190116882,
    6: 0.995907187461853,
    7: 0.9992327690124512,
    12: 0.9738931059837341,
    13: 0.9761149883270264,
    14: 0.9887974858283997,
    16: 0.99321049451828,
}


def seed_tokenizer() -> Tokenizer:
    vocab = {token: i for i, token in enumerate(dict.fromkeys(["[UNK]", *TOKENS]))}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return tokenizer


def seed_logits() -> np.ndarray:
    rows = np.empty((len(TOKENS), len(LABELS)))
    for token, best in enumerate(BEST):
        p = PROBABILITIES.get(token, 0.999)
        rows[token] = np.log((1 - p) / (len(LABELS) - 1))
        rows[token, best] = np.log(p)
    return rows.astype(np.float32)


def seed_arrays() -> dict:
    encoding = seed_tokenizer().encode(TEXT)
    return {
        "offsets": np.array(encoding.offsets),
        "special_tokens_mask": np.array(encoding.special_tokens_mask),
        "input_ids": np.array(encoding.ids),
        "lengths": [len(TOKENS)],
        "texts": [TEXT],
    }


def make(labels=LABELS, **kwargs) -> EntityDecoder:
    names = labels if isinstance(labels, dict) else dict(enumerate(labels))
    return EntityDecoder(names, **{"compat": "transformers", **kwargs})


# --- the seed numbers -----------------------------------------------------------------------------


def test_seed_numbers_simple():
    tokenizer = seed_tokenizer()
    encoding = tokenizer.encode(TEXT)
    assert encoding.tokens == TOKENS
    (entities,) = make(tokenizer=tokenizer).decode(seed_logits()[None], [encoding], [TEXT]).to_dicts()
    assert [(e["entity_group"], e["word"], e["start"], e["end"]) for e in entities] == [
        ("PER", "Sylvain", 11, 18),
        ("ORG", "Hugging Face", 33, 45),
        ("LOC", "Brooklyn", 49, 57),
    ]
    scores = [entity["score"] for entity in entities]
    assert scores == pytest.approx([0.998169407248497, 0.9796018600463867, 0.99321049451828], abs=1e-6)


def test_seed_numbers_average():
    decoder = make(aggregation_strategy="average", tokenizer=seed_tokenizer())
    (entities,) = decoder.decode(seed_logits(), **seed_arrays()).to_dicts()
    assert [entity["entity_group"] for entity in entities] == ["PER", "ORG", "LOC"]
    assert entities[1]["score"] == pytest.approx(0.9819008, abs=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_seed_text_equals_transformers(strategy):
    oracle = Oracle("wordpiece-cased")
    case = oracle.case(TEXT)
    logits = [random_logits("runs", 3, len(case.windows[0].input_ids), len(LABELS))]
    decoder = make(aggregation_strategy=strategy, tokenizer=oracle.pipe.tokenizer)
    got = decoder.decode(logits, [case.windows[0].encoding], [TEXT]).to_dicts()
    assert_equal(got[0], oracle.entities(case, logits, LABELS, strategy))


# --- shapes ---------------------------------------------------------------------------------------

BATCH = ["My name is Sylvain.", "", "Hugging Face in Brooklyn and in New York", "I"]


def batch(kind: str = "wordpiece-cased"):
    """Four texts of different lengths: tokenizer, encodings, logits."""
    tokenizer = fast(kind)
    encodings = tokenizer.backend_tokenizer.encode_batch(BATCH)
    logits = [random_logits("runs", i, len(e.ids), len(LABELS)) for i, e in enumerate(encodings)]
    return tokenizer, encodings, logits


def shaped(parts, shape: str, filler, container=np.asarray):
    parts = [np.asarray(part) for part in parts]
    if shape == "list":
        return [container(part) for part in parts]
    if shape == "end to end":
        return container(np.concatenate(parts))
    padded = np.full((len(parts), max(map(len, parts)) + 2, *parts[0].shape[1:]), filler, parts[0].dtype)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return container(padded)


SHAPES = ("list", "end to end", "padded")
FILLERS = {"logits": np.nan, "offsets": 9999, "special_tokens_mask": 0, "input_ids": -5, "word_ids": -9}


def batch_arguments(encodings, logits) -> dict[str, list]:
    return {
        "logits": logits,
        "offsets": [e.offsets for e in encodings],
        "special_tokens_mask": [e.special_tokens_mask for e in encodings],
        "input_ids": [e.ids for e in encodings],
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["logits", "offsets", "special_tokens_mask", "input_ids"])
def test_each_argument_takes_three_shapes(name, shape, strategy):
    """One argument in each shape while the others stay lists; values in the padding are never read."""
    tokenizer, encodings, logits = batch()
    decoder = make(aggregation_strategy=strategy, tokenizer=tokenizer)
    parts = batch_arguments(encodings, logits)
    lengths = [len(rows) for rows in logits]
    reference = decoder.decode(texts=BATCH, **{k: shaped(v, "list", None) for k, v in parts.items()}).to_dicts()
    assert sum(map(len, reference)) > 3
    arguments = {k: shaped(v, shape if k == name else "list", FILLERS[k]) for k, v in parts.items()}
    assert decoder.decode(texts=BATCH, lengths=lengths, **arguments).to_dicts() == reference


@pytest.mark.parametrize("shape", SHAPES)
def test_encodings_with_logits_in_three_shapes(shape):
    tokenizer, encodings, logits = batch()
    decoder = make(tokenizer=tokenizer)
    reference = decoder.decode(logits, encodings, BATCH).to_dicts()
    assert decoder.decode(shaped(logits, shape, np.nan), encodings, BATCH).to_dicts() == reference


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_encodings(side):
    """Encodings padded by the tokenizer: the padding has logits, which must not count."""
    tokenizer, _, _ = batch()
    backend = tokenizer.backend_tokenizer
    backend.enable_padding(direction=side)
    encodings = backend.encode_batch(BATCH)
    width = len(encodings[0].ids)
    logits = np.stack([random_logits("runs", i, width, len(LABELS)) for i in range(len(BATCH))])
    decoder = make(tokenizer=tokenizer)
    got = decoder.decode(logits, encodings, BATCH).to_dicts()
    offsets = np.array([e.offsets for e in encodings])
    mask = np.array([e.special_tokens_mask for e in encodings])
    ids = np.array([e.ids for e in encodings])
    want = decoder.decode(logits, offsets=offsets, special_tokens_mask=mask, input_ids=ids, texts=BATCH).to_dicts()
    assert got == want
    assert got[1] == []


@pytest.mark.parametrize("kind", [list, tuple, np.asarray, torch.tensor])
def test_lengths_and_windows_of_any_kind(kind):
    tokenizer, encodings, logits = batch()
    decoder = make(tokenizer=tokenizer)
    parts = {k: shaped(v, "end to end", None) for k, v in batch_arguments(encodings, logits).items()}
    lengths, windows = [len(rows) for rows in logits], [0, 1, 2, 3]
    want = decoder.decode(logits, encodings, BATCH).to_dicts()
    got = decoder.decode(texts=BATCH, lengths=kind(lengths), windows=kind(windows), **parts).to_dicts()
    assert got == want


class CountedViews(np.ndarray):
    """An array that counts how often it is borrowed whole: the binding takes a view for it."""

    views = 0

    def view(self, *kind):
        CountedViews.views += 1
        return super().view(*kind)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("cut", ["each", "half", "some"])
def test_windows_cut_from_one_array_share_its_borrow(dtype, cut, monkeypatch):
    decoder = EntityDecoder(LABELS)
    logits = random_logits("runs", 0, 60 * 5, len(LABELS)).reshape(60, 5, -1).astype(dtype)
    chosen = {"each": slice(None), "half": slice(30, None), "some": slice(None, None, 7)}[cut]
    want = decoder.decode(logits[chosen].copy())
    bits = logits if dtype == "float32" else logits.view(np.uint16)
    whole = bits.view(CountedViews)
    monkeypatch.setattr(CountedViews, "views", 0)
    table = decoder._kernel.decode(list(whole)[chosen], dtype, *[None] * 8, True, 1)
    assert CountedViews.views == 1
    assert fastpost.Entities(table, decoder.labels).to_dicts() == want.to_dicts()
    # Windows of two arrays in turn, and one of neither.
    other = logits[::-1].copy()
    turns = [array[window] for window in range(len(logits)) for array in (logits, other)] + [logits[3].copy()]
    assert decoder.decode(turns).to_dicts() == decoder.decode([array.copy() for array in turns]).to_dicts()


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", ">f2", ">f8"])
@pytest.mark.parametrize("shift", [0, 1])
def test_values_out_of_step_or_in_the_other_order_of_bytes(kind, shift):
    """Unaligned arrays, as `np.frombuffer` makes them after a header, are copied."""
    values = np.array([[0, 5], [5, 0]], kind)
    logits = np.frombuffer(bytes(shift) + values.tobytes(), np.uint8)[shift:].view(kind).reshape(2, 2)
    places = np.array([[0, 2], [3, 5]], ">i8")
    offsets = np.frombuffer(bytes(shift) + places.tobytes(), np.uint8)[shift:].view(">i8").reshape(2, 2)
    decoder = make(["O", "X"])
    for given in ([logits], logits[None]):
        (found,) = decoder.decode(given, offsets=[offsets], texts=["ab cd"]).to_dicts()
        assert [(e["entity_group"], e["word"]) for e in found] == [("X", "ab")]


def test_plain_python_lists_are_arrays_too():
    decoder = make(["O", "X"])
    got = decoder.decode([[[0.0, 5.0], [5.0, 0.0]]], offsets=[[(0, 2), (3, 5)]], texts=["ab cd"]).to_dicts()
    assert [(e["entity_group"], e["word"]) for e in got[0]] == [("X", "ab")]


def test_windows_share_a_text():
    """Two windows of one text are merged as transformers merges them: the longer entity stays."""
    decoder = make(["O", "B-X", "I-X"])
    first, second = [[0, 9, 0], [9, 0, 0]], [[0, 9, 0], [0, 0, 9]]
    offsets = [[(0, 2), (3, 5)], [(0, 2), (3, 5)]]
    logits = np.array([first, second], dtype=np.float32)
    (entities,) = decoder.decode(logits, offsets=np.array(offsets), texts=["ab cd"], windows=[0, 0]).to_dicts()
    assert [(e["start"], e["end"]) for e in entities] == [(0, 5)]


def test_a_text_without_windows_has_no_entities():
    logits = np.array([[[0, 9]]], dtype=np.float32)
    decoder = make(["O", "X"])
    got = decoder.decode(logits, offsets=np.array([[(0, 1)]]), texts=["", "a", ""], windows=[1]).to_dicts()
    assert [len(entities) for entities in got] == [0, 1, 0]


def test_without_offsets_start_and_end_are_none():
    """Offsets of `None`, as transformers gives for slow tokenizers."""
    tokenizer, encodings, logits = batch()
    for strategy in STRATEGIES:
        decoder = make(aggregation_strategy=strategy, tokenizer=tokenizer)
        arguments = batch_arguments(encodings, logits)
        del arguments["offsets"]
        arguments = {k: shaped(v, "list", None) for k, v in arguments.items()}
        entities = decoder.decode(**arguments).to_dicts()[2]
        assert entities
        assert all(e["start"] is None and e["end"] is None and type(e["word"]) is str for e in entities)


@pytest.mark.parametrize("strategy", ["simple", "average"])
def test_encodings_with_what_overflowed(strategy):
    """The overflowing encodings of an encoding follow it as further windows of the same text."""
    tokenizer = fast("wordpiece-uncased")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(8, stride=2)
    texts = [TEXT, "", *BATCH]
    encodings = backend.encode_batch(texts)
    flat = [(i, window) for i, e in enumerate(encodings) for window in (e, *e.overflowing)]
    assert len(flat) > len(texts)
    logits = [random_logits("runs", n, len(window.ids), len(LABELS)) for n, (_, window) in enumerate(flat)]
    decoder = make(aggregation_strategy=strategy, tokenizer=tokenizer)
    got = decoder.decode(logits, encodings, texts).to_dicts()
    want = decoder.decode(logits, [w for _, w in flat], texts, windows=[i for i, _ in flat]).to_dicts()
    assert got == want
    assert decoder.decode(np.concatenate(logits), encodings, texts).to_dicts() == want


def test_tokenizer_of_tokenizers_and_of_transformers_agree():
    tokenizer, encodings, logits = batch()
    want = make(tokenizer=tokenizer).decode(logits, encodings, BATCH).to_dicts()
    assert make(tokenizer=tokenizer.backend_tokenizer).decode(logits, encodings, BATCH).to_dicts() == want


# --- dtypes ---------------------------------------------------------------------------------------


class OnlyDlpack:
    """An object with only the DLPack protocol."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **kwargs):
        return self.tensor.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


def strided(array: np.ndarray) -> np.ndarray:
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


CONTAINERS = {
    "numpy float32": lambda a: a,
    "numpy float64": lambda a: a.astype(np.float64),
    "numpy float16": lambda a: a.astype(np.float16),
    "torch float32": torch.from_numpy,
    "torch float64": lambda a: torch.from_numpy(a).double(),
    "torch float16": lambda a: torch.from_numpy(a).half(),
    "torch bfloat16": lambda a: torch.from_numpy(a).bfloat16(),
    "torch with grad": lambda a: torch.from_numpy(a).requires_grad_(),
    "torch transposed": lambda a: torch.from_numpy(np.ascontiguousarray(a.swapaxes(-1, -2))).transpose(-1, -2),
    "dlpack float32": lambda a: OnlyDlpack(torch.from_numpy(a)),
    "dlpack bfloat16": lambda a: OnlyDlpack(torch.from_numpy(a).bfloat16()),
    "strided": strided,
    "fortran": np.asfortranarray,
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), np.float32).reshape(a.shape),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CONTAINERS)
def test_logits_of_every_dtype(name, shape):
    tokenizer, encodings, logits = batch()
    # Values that float16 and bfloat16 hold exactly, so every container says the same.
    logits = [np.round(rows * 4) / 4 for rows in logits]
    decoder = make(aggregation_strategy="average", tokenizer=tokenizer)
    want = decoder.decode(logits, encodings, BATCH).to_dicts()
    got = decoder.decode(shaped(logits, shape, 0, CONTAINERS[name]), encodings, BATCH).to_dicts()
    assert len(got) == len(want)
    for ours, theirs in zip(got, want, strict=True):
        assert_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32])
def test_offsets_ids_and_mask_of_every_integer(dtype):
    tokenizer, encodings, logits = batch()
    decoder = make(tokenizer=tokenizer)
    parts = batch_arguments(encodings, logits)
    want = decoder.decode(logits, encodings, BATCH).to_dicts()
    arguments = {k: [np.asarray(x, dtype=dtype) for x in parts[k]] for k in ("offsets", "special_tokens_mask")}
    ids = [np.asarray(x, dtype=np.int32) for x in parts["input_ids"]]
    assert decoder.decode(logits, texts=BATCH, input_ids=ids, **arguments).to_dicts() == want
    mask = [np.asarray(x, dtype=bool) for x in parts["special_tokens_mask"]]
    arguments["special_tokens_mask"] = mask
    assert decoder.decode(logits, texts=BATCH, input_ids=ids, **arguments).to_dicts() == want


def test_torch_arguments():
    tokenizer, encodings, logits = batch()
    decoder = make(tokenizer=tokenizer)
    parts = batch_arguments(encodings, logits)
    tensors = {k: [torch.as_tensor(np.asarray(x)) for x in v] for k, v in parts.items()}
    want = decoder.decode(logits, encodings, BATCH).to_dicts()
    assert decoder.decode(texts=BATCH, **tensors).to_dicts() == want


def test_float64_is_decoded_within_1e_6():
    oracle = Oracle("byte-level")
    case = oracle.case(TEXT)
    rows = np.random.default_rng(0).normal(0, 3, (len(case.windows[0].input_ids), len(LABELS)))
    decoder = make(tokenizer=oracle.pipe.tokenizer)
    got = decoder.decode([rows], [case.windows[0].encoding], [TEXT]).to_dicts()[0]
    assert_equal(got, oracle.entities(case, [rows], LABELS))


def test_logits_are_left_alone():
    tokenizer, encodings, logits = batch()
    before = [rows.copy() for rows in logits]
    make(tokenizer=tokenizer).decode(logits, encodings, BATCH)
    assert all(np.array_equal(a, b) for a, b in zip(logits, before, strict=True))


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_any_number_of_threads_gives_the_same_bytes(strategy):
    tokenizer = fast("byte-level")
    texts = [BATCH[i % 4] * (1 + i % 7) for i in range(200)]
    encodings = tokenizer.backend_tokenizer.encode_batch(texts)
    logits = [random_logits("normal", i, len(e.ids), len(LABELS)) for i, e in enumerate(encodings)]
    results = []
    for threads in (1, 2, 8, None):
        entities = make(aggregation_strategy=strategy, tokenizer=tokenizer, threads=threads).decode(
            logits, encodings, texts
        )
        columns = (getattr(entities, name).tobytes() for name in COLUMNS)
        results.append((*columns, json.dumps(entities.to_dicts())))
    assert len(set(results)) == 1


# --- the result -----------------------------------------------------------------------------------

COLUMNS = ("text_index", "start", "end", "label_id", "score", "index")


def result(aggregation_strategy="simple"):
    tokenizer, encodings, logits = batch()
    return make(aggregation_strategy=aggregation_strategy, tokenizer=tokenizer).decode(logits, encodings, BATCH)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_columns_say_what_the_dicts_say(strategy):
    entities = result(strategy)
    dicts = entities.to_dicts()
    flat = [(text, entity) for text, found in enumerate(dicts) for entity in found]
    assert len(dicts) == len(BATCH)
    assert len(entities) == len(flat) > 0
    key = "entity" if strategy == "none" else "entity_group"
    assert entities.text_index.tolist() == [text for text, _ in flat]
    assert entities.start.tolist() == [entity["start"] for _, entity in flat]
    assert entities.end.tolist() == [entity["end"] for _, entity in flat]
    assert [entities.labels[i] for i in entities.label_id] == [entity[key] for _, entity in flat]
    assert entities.score.tolist() == [entity["score"] for _, entity in flat]
    assert list(entities.words) == [entity["word"] for _, entity in flat]
    if strategy == "none":
        assert entities.index.tolist() == [entity["index"] for _, entity in flat]


def test_iteration_gives_every_entity_as_a_dict():
    entities = result()
    assert list(entities) == [entity for found in entities.to_dicts() for entity in found]
    assert list(entities) == list(entities)


def test_columns_are_read_only_and_shared():
    entities = result()
    assert type(entities.labels) is tuple
    for name in COLUMNS:
        column = getattr(entities, name)
        assert isinstance(column, np.ndarray)
        assert column.ndim == 1
        assert len(column) == len(entities)
        assert np.shares_memory(column, getattr(entities, name))
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_columns_outlive_their_result():
    entities = result()
    start, want = entities.start, entities.start.tolist()
    del entities
    assert start.tolist() == want


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_dicts_go_into_json(strategy):
    dicts = result(strategy).to_dicts()
    assert json.loads(json.dumps(dicts)) == dicts


def test_dicts_are_new_each_time():
    entities = result()
    entities.to_dicts()[0].clear()
    assert entities.to_dicts()[0]


def test_repr_is_short():
    assert "Entities" in repr(result())
    assert len(repr(result())) < 500


# --- empty input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", [[], np.zeros((0, 4, 9), np.float32), np.zeros((0, 0, 9), np.float32)])
@pytest.mark.parametrize("form", ["encodings", "arrays"])
def test_empty_batch(logits, form):
    decoder = make(tokenizer=fast("byte-level"))
    entities = decoder.decode(logits, [], []) if form == "encodings" else decoder.decode(logits, texts=[])
    assert entities.to_dicts() == []
    assert len(entities) == 0
    assert list(entities) == []
    assert entities.start.shape == (0,)
    assert list(entities.words) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_empty_text(strategy):
    tokenizer = fast("unigram")
    encoding = tokenizer.backend_tokenizer.encode("")
    logits = np.ones((1, len(encoding.ids), len(LABELS)), np.float32)
    decoder = make(aggregation_strategy=strategy, tokenizer=tokenizer)
    assert decoder.decode(logits, [encoding], [""]).to_dicts() == [[]]
    assert decoder.decode(logits[:, :0], offsets=np.zeros((1, 0, 2), int), texts=[""]).to_dicts() == [[]]


def test_all_tokens_special():
    logits = np.ones((1, 3, len(LABELS)), np.float32)
    mask = np.ones((1, 3), int)
    offsets = np.zeros((1, 3, 2), int)
    assert make().decode(logits, offsets=offsets, special_tokens_mask=mask, texts=["abc"]).to_dicts() == [[]]


# --- bad input ------------------------------------------------------------------------------------


def good() -> dict:
    """Two texts, "ab cd" and "ef": the arguments of a call that works."""
    return {
        "logits": np.zeros((2, 2, 3), np.float32),
        "offsets": np.array([[[0, 2], [3, 5]], [[0, 2], [2, 2]]]),
        "special_tokens_mask": np.array([[0, 0], [0, 1]]),
        "input_ids": np.array([[5, 6], [7, 3]]),
        "texts": ["ab cd", "ef"],
    }


def with_value(array, at, value):
    array = array.copy()
    array[at] = value
    return array


NAN, INF = float("nan"), float("inf")
LOGITS, OFFSETS, IDS = good()["logits"], good()["offsets"], good()["input_ids"]


def mask(*shape):
    return {"special_tokens_mask": np.zeros(shape, int)}


def ids(*shape):
    return {"input_ids": np.zeros(shape, int)}


CALLS = {
    "logits of rank 1": ({"logits": np.zeros(3, np.float32)}, TypeError, r"`?logits`?.*1 dim"),
    "logits of rank 4": ({"logits": np.zeros((1, 2, 2, 3), np.float32)}, TypeError, r"`?logits`?.*4 dim"),
    "logits a number": ({"logits": 1.5}, TypeError, r"logits"),
    "logits of text": ({"logits": np.array([["a"]])}, TypeError, r"logits"),
    "logits of objects": ({"logits": np.array([[None, {}]])}, TypeError, r"logits"),
    "logits None": ({"logits": None}, TypeError, r"logits"),
    "logits complex": ({"logits": np.zeros((2, 2, 3), complex)}, TypeError, r"logits.*complex"),
    "ragged lists": ({"logits": [[[0.0, 1.0, 2.0], [0.0]]]}, (TypeError, ValueError), r"logits"),
    "labels of another model": (
        {"logits": np.zeros((2, 2, 5), np.float32)},
        ValueError,
        r"id2label.*3.*logits.*5",
    ),
    "labels of one window": (
        {"logits": [np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)]},
        ValueError,
        r"id2label.*3.*logits.*4",
    ),
    "no labels": ({"logits": np.zeros((2, 2, 0), np.float32)}, ValueError, r"id2label.*3.*logits.*0"),
    "NaN": ({"logits": with_value(LOGITS, (0, 1, 2), NAN)}, ValueError, r"logits.*NaN.*0.*1"),
    "all NaN": ({"logits": np.full((2, 2, 3), NAN, np.float32)}, ValueError, r"logits.*NaN.*0.*0"),
    "+inf": ({"logits": with_value(LOGITS, (1, 0, 0), INF)}, ValueError, r"logits.*inf.*1.*0"),
    "a row of -inf": ({"logits": with_value(LOGITS, (1, 0), -INF)}, ValueError, r"logits.*inf.*1.*0"),
    "NaN in float16": (
        {"logits": with_value(LOGITS, (0, 1, 2), NAN).astype(np.float16)},
        ValueError,
        r"logits.*NaN.*0.*1",
    ),
    "NaN in bfloat16": (
        {"logits": torch.from_numpy(with_value(LOGITS, (0, 1, 2), NAN)).bfloat16()},
        ValueError,
        r"logits.*NaN.*0.*1",
    ),
    "lengths too long in sum": (
        {"logits": np.zeros((4, 3), np.float32), "lengths": [2, 3]},
        ValueError,
        r"lengths.*5.*4",
    ),
    "lengths too short in sum": (
        {"logits": np.zeros((4, 3), np.float32), "lengths": [2, 1]},
        ValueError,
        r"lengths.*3.*4",
    ),
    "a length over the width": ({"lengths": [2, 3]}, ValueError, r"lengths\[1\].*3.*2"),
    "a negative length": ({"lengths": [2, -1]}, ValueError, r"lengths.*-1"),
    "negative lengths that add up": (
        {"logits": np.zeros((4, 3), np.float32), "lengths": [5, -1]},
        ValueError,
        r"lengths.*-1",
    ),
    "more lengths than windows": ({"lengths": [2, 2, 2]}, ValueError, r"lengths.*3.*2"),
    "lengths of floats": ({"lengths": [2.5, 1.0]}, (TypeError, ValueError), r"lengths"),
    "lengths a matrix": ({"lengths": [[2, 2]]}, (TypeError, ValueError), r"lengths"),
    "an offset past the text": (
        {"offsets": with_value(OFFSETS, (0, 1), (3, 6))},
        ValueError,
        r"offsets.*\(3, 6\).*0.*1.*5",
    ),
    "an offset backwards": (
        {"offsets": with_value(OFFSETS, (1, 0), (2, 1))},
        ValueError,
        r"offsets.*\(2, 1\).*1.*0",
    ),
    "a negative offset": (
        {"offsets": with_value(OFFSETS, (0, 0), (-1, 2))},
        ValueError,
        r"offsets.*\(-1, 2\).*0.*0",
    ),
    "offsets of rank 1": ({"offsets": np.zeros(4, int)}, TypeError, r"offsets.*1 dim"),
    "offsets of rank 4": ({"offsets": np.zeros((1, 2, 2, 2), int)}, TypeError, r"offsets.*4 dim"),
    "offsets in threes": ({"offsets": np.zeros((2, 2, 3), int)}, ValueError, r"offsets.*3"),
    "offsets of one window": ({"offsets": OFFSETS[:1]}, ValueError, r"offsets.*1.*logits.*2"),
    "offsets of one token": ({"offsets": OFFSETS[:, :1]}, ValueError, r"offsets.*1.*logits.*2"),
    "more offsets than tokens": ({"offsets": np.zeros((2, 3, 2), int)}, ValueError, r"offsets.*3.*logits.*2"),
    "offsets of floats": ({"offsets": OFFSETS + 0.5}, TypeError, r"offsets.*float"),
    "mask too short": (mask(2, 1), ValueError, r"special_tokens_mask.*1.*2"),
    "mask of one window": (mask(1, 2), ValueError, r"special_tokens_mask.*1.*2"),
    "mask of rank 3": (mask(2, 2, 1), TypeError, r"special_tokens_mask.*3 dim"),
    "ids too short": (ids(2, 1), ValueError, r"input_ids.*1.*2"),
    "an unknown id": ({"input_ids": with_value(IDS, (1, 0), 9999)}, ValueError, r"input_ids.*9999.*1.*0"),
    "a negative id": ({"input_ids": with_value(IDS, (0, 1), -1)}, ValueError, r"input_ids.*-1.*0.*1"),
    "a text of bytes": ({"texts": ["ab cd", b"ef"]}, TypeError, r"texts\[1\].*bytes.*str"),
    "a text of None": ({"texts": [None, "ef"]}, TypeError, r"texts\[0\].*NoneType.*str"),
    "a text of numbers": ({"texts": ["ab cd", 7]}, TypeError, r"texts\[1\].*int.*str"),
    "one str for a list": ({"texts": "ab"}, TypeError, r"texts.*str.*list"),
    "too few texts": ({"texts": ["ab cd"]}, ValueError, r"texts.*1.*2"),
    "too many texts": ({"texts": ["ab cd", "ef", "gh"]}, ValueError, r"texts.*3.*2"),
    "a window of no text": ({"windows": [0, 2]}, (ValueError, IndexError), r"windows\[1\].*2.*2"),
    "a window of text -1": ({"windows": [-1, 0]}, (ValueError, IndexError), r"windows\[0\].*-1.*2"),
    "too few windows": ({"windows": [0]}, ValueError, r"windows.*1.*2"),
    "windows of floats": ({"windows": [0.5, 1.0]}, (TypeError, ValueError), r"windows"),
    "a lone surrogate": ({"texts": ["ab cd", "e\ud800"]}, ValueError, r"texts\[1\].*surrogate"),
    "encodings of other things": ({"encodings": ["a", "b"]}, TypeError, r"encodings\[0\].*str"),
}


@pytest.mark.parametrize("name", CALLS)
def test_bad_call(name):
    change, error, message = CALLS[name]
    decoder = make(["O", "B-X", "I-X"], tokenizer=fast("wordpiece-cased"))
    decoder.decode(**good())
    arguments = {**good(), **change}
    if "encodings" in arguments:
        arguments = {
            "logits": arguments["logits"],
            "texts": arguments["texts"],
            "encodings": change["encodings"],
        }
    with pytest.raises(error) as caught:
        decoder.decode(**arguments)
    text = str(caught.value)
    assert re.search(message, text, re.DOTALL), text
    assert len(text) > len("logits") + 15, "a message names the argument, the values and the cure"


SETTINGS = {
    "no labels": ({"id2label": {}}, ValueError, r"id2label"),
    "labels that are no mapping": ({"id2label": 3}, TypeError, r"id2label.*int"),
    "labels that are None": ({"id2label": None}, TypeError, r"id2label"),
    "a gap in the ids": ({"id2label": {0: "O", 2: "B-X"}}, ValueError, r"id2label.*(1|2)"),
    "ids from 1": ({"id2label": {1: "O", 2: "B-X"}}, ValueError, r"id2label.*0"),
    "a name that is no str": ({"id2label": {0: "O", 1: 5}}, TypeError, r"id2label.*int.*str"),
    "an unknown strategy": ({"aggregation_strategy": "best"}, ValueError, r"strategy.*best.*(none|simple)"),
    "a strategy that is no str": ({"aggregation_strategy": 3}, (TypeError, ValueError), r"strategy.*3"),
    "an unknown compat": ({"compat": "spacy"}, ValueError, r"compat.*spacy.*transformers"),
    "ignore_labels a str": ({"ignore_labels": "O"}, TypeError, r"ignore_labels.*O.*list"),
    "ignore_labels a number": ({"ignore_labels": 0}, TypeError, r"ignore_labels"),
    "no threads": ({"threads": 0}, ValueError, r"threads.*0.*1"),
    "negative threads": ({"threads": -2}, ValueError, r"threads.*-2.*1"),
    "threads of floats": ({"threads": 1.5}, (TypeError, ValueError), r"threads"),
    "a tokenizer that is none": ({"tokenizer": "bert-base-cased"}, TypeError, r"tokenizer.*str"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_settings(name):
    change, error, message = SETTINGS[name]
    arguments = {"id2label": {0: "O", 1: "B-X"}, "compat": "transformers", **change}
    with pytest.raises(error) as caught:
        EntityDecoder(arguments.pop("id2label"), **arguments)
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


def test_compat_is_one_of_two():
    assert EntityDecoder({0: "O", 1: "B-X"}).compat == "fastpost"
    for unknown in ("right", None):
        with pytest.raises(ValueError, match=f'`compat` is {unknown!r}; choose "fastpost" or "transformers"'):
            EntityDecoder({0: "O", 1: "B-X"}, compat=unknown)
    with pytest.raises(ValueError, match='`snap` is None and `compat` is "transformers"'):
        EntityDecoder({0: "O", 1: "B-X"}, compat="transformers", snap=None)


def test_labels_as_a_config_file_has_them():
    """JSON has no integer keys: `{"0": "O"}` is what config.json says."""
    logits = np.array([[[0, 9]]], np.float32)
    arguments = {"offsets": np.array([[[0, 2]]]), "texts": ["ab"]}
    want = make({0: "O", 1: "X"}).decode(logits, **arguments).to_dicts()
    assert make({"0": "O", "1": "X"}).decode(logits, **arguments).to_dicts() == want
    assert make({1: "X", 0: "O"}).decode(logits, **arguments).to_dicts() == want


def test_number_of_texts_and_encodings_must_agree():
    tokenizer, encodings, logits = batch()
    with pytest.raises(ValueError, match=r"texts.*3.*4"):
        make(tokenizer=tokenizer).decode(logits, encodings, BATCH[:3])
    with pytest.raises(ValueError, match=r"(encodings.*3.*4|4.*3)"):
        make(tokenizer=tokenizer).decode(logits, encodings[:3], BATCH)


def test_encodings_of_another_length_than_the_logits():
    tokenizer, encodings, logits = batch()
    logits[2] = logits[2][:-1]
    with pytest.raises(ValueError, match=r"2"):
        make(tokenizer=tokenizer).decode(logits, encodings, BATCH)


def test_nan_in_a_masked_token_does_not_matter():
    """transformers skips special tokens, so NaN in their logits is not an error."""
    logits = with_value(good()["logits"], (1, 1), NAN)
    decoder = make(["O", "B-X", "I-X"], tokenizer=fast("wordpiece-cased"), ignore_labels=())
    want = decoder.decode(**good()).to_dicts()
    assert decoder.decode(**{**good(), "logits": logits}).to_dicts() == want


def test_a_failed_call_leaves_the_decoder_usable():
    decoder = make(["O", "B-X", "I-X"], tokenizer=fast("wordpiece-cased"), ignore_labels=())
    want = decoder.decode(**good()).to_dicts()
    for change, error, _ in CALLS.values():
        if "encodings" not in change:
            with pytest.raises(error):
                decoder.decode(**{**good(), **change})
    assert decoder.decode(**good()).to_dicts() == want


def test_a_million_tokens_in_one_window():
    tokens = 1_000_000
    logits = np.zeros((tokens, 2), np.float32)
    logits[::2, 1] = 5
    starts = np.arange(tokens)
    offsets = np.stack([starts, starts + 1], axis=1)
    entities = make(["O", "B-X"]).decode(logits, offsets=offsets, lengths=[tokens], texts=["x" * tokens])
    assert len(entities) == tokens // 2
    assert entities.start.tolist() == list(range(0, tokens, 2))


# --- deliberate differences from transformers -----------------------------------------------------


def test_difference_scores_are_python_floats_and_offsets_python_ints():
    """transformers gives np.float32, which json.dumps refuses."""
    oracle = Oracle("wordpiece-cased")
    case = oracle.case(TEXT)
    logits = [random_logits("runs", 3, len(case.windows[0].input_ids), len(LABELS))]
    theirs = oracle.entities(case, logits, LABELS)
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(theirs)
    ours = make(tokenizer=oracle.pipe.tokenizer).decode(logits, [case.windows[0].encoding], [TEXT])
    json.dumps(ours.to_dicts())


def test_difference_bad_offsets_are_refused():
    """transformers slices past the end of the text without an error."""
    with pytest.raises(ValueError, match="offsets"):
        make(["O", "X"]).decode(np.zeros((1, 1, 2), np.float32), offsets=np.array([[[0, 9]]]), texts=["abc"])


def test_difference_nan_is_refused():
    """transformers reports a NaN score under whatever label numpy's arg-max finds."""
    with pytest.raises(ValueError, match="NaN"):
        make(["O", "X"]).decode(np.full((1, 1, 2), NAN), offsets=np.array([[[0, 3]]]), texts=["abc"])


def test_tie_goes_to_the_smallest_label():
    logits = np.zeros((1, 1, 3), np.float32)
    decoder = make(["A", "B", "C"], aggregation_strategy="none")
    (entity,) = decoder.decode(logits, offsets=np.array([[[0, 1]]]), texts=["a"])
    assert entity["entity"] == "A"
    assert entity["score"] == pytest.approx(1 / 3, abs=1e-6)


def test_labels_whose_probabilities_round_to_the_same_float_are_tied():
    """transformers takes the arg-max of float32 probabilities: logits 0 and 1e-9 give 0.5 and 0.5."""
    oracle = Oracle("wordpiece-cased")
    case = oracle.case("My")
    rows = np.zeros((len(case.windows[0].input_ids), 2), np.float32)
    rows[:, 1] = 1e-9
    (theirs,) = oracle.entities(case, [rows], ["A", "B"], "none")
    (ours,) = make(["A", "B"], aggregation_strategy="none", tokenizer=oracle.pipe.tokenizer).decode(
        [rows], [case.windows[0].encoding], ["My"]
    )
    assert ours["entity"] == theirs["entity"] == "A"


def test_public_name():
    assert fastpost.EntityDecoder is EntityDecoder
