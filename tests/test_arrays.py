"""Arrays in the forms that users have: nested lists, tuples, tensors, `None`, object arrays, masks of any type."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

import fastpost

LABELS = ["O", "B-PER", "I-PER"]
TEXTS = ["Anna Schmidt lives", "", "Anna"]
OFFSETS = [[(0, 4), (5, 12), (13, 18)], [], [(0, 4)]]
ROWS = [[[0.0, 8.0, 0.0], [0.0, 0.0, 8.0], [8.0, 0.0, 0.0]], [], [[0.0, 8.0, 0.0]]]
WORDS = ["Anna Schmidt"], [], ["Anna"]

FORMS = {
    "lists": lambda rows, rank: rows,
    "tuples": lambda rows, rank: tuple(tuple(map(tuple, row)) if rank == 2 else tuple(row) for row in rows),
    "tuples in a list": lambda rows, rank: [tuple(row) for row in rows],
    "arrays": lambda rows, rank: [array(row, rank) for row in rows],
    "a list, then arrays": lambda rows, rank: [rows[0], *(array(row, rank) for row in rows[1:])],
    "arrays, then a list": lambda rows, rank: [array(rows[0], rank), *rows[1:]],
    "tensors": lambda rows, rank: [torch.tensor(array(row, rank)) for row in rows],
    "tensors in lists": lambda rows, rank: [[torch.tensor(item) for item in row] for row in rows],
    "arrays in lists": lambda rows, rank: [[np.array(item) for item in row] for row in rows],
    "an object array": lambda rows, rank: objects(array(row, rank) for row in rows),
    "an object array of lists": lambda rows, rank: objects(rows),
    "an empty array of one dimension": lambda rows, rank: [np.array(row) for row in rows],
    "a column": lambda rows, rank: Column(rows),
    "a column of pandas": lambda rows, rank: arrays_of_arrays(rows),
    "JSON": lambda rows, rank: json.loads(json.dumps(rows)),
}


class Column:
    """What a column of `datasets` offers: items and a length, but no array."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)

    def __getitem__(self, at):
        return self.items[at]


def array(row, rank):
    made = np.array(row)
    return (
        made if made.size or rank == 1 else made.reshape(0, len(ROWS[0][0]) if made.dtype == float and rank == 3 else 2)
    )


def objects(rows):
    rows = list(rows)
    made = np.empty(len(rows), object)
    made[:] = rows
    return made


def arrays_of_arrays(rows):
    """What pandas makes of lists in a Parquet file: arrays of objects, the innermost one alone has numbers."""
    if all(not isinstance(row, (list, tuple)) for row in rows):
        return np.array(rows)
    return objects(arrays_of_arrays(row) if row else np.array([], object) for row in rows)


def words(entities):
    return [[entity["word"] for entity in text] for text in entities.to_dicts()]


def decoder(**options):
    return fastpost.EntityDecoder(LABELS, aggregation_strategy="simple", **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_entities_of_every_form(form, compat):
    make = FORMS[form]
    logits = make(ROWS, 1 if "array" in form or form == "tensors" else 2) if form != "tuples" else make(ROWS, 2)
    if form in ("arrays", "tensors", "a list, then arrays", "arrays, then a list", "an object array"):
        logits = [np.array(row).reshape(-1, 3) for row in ROWS]
        logits = {
            "arrays": logits,
            "tensors": [torch.tensor(row) for row in logits],
            "a list, then arrays": [ROWS[0], *logits[1:]],
            "arrays, then a list": [logits[0], *ROWS[1:]],
            "an object array": objects(logits),
        }[form]
    found = decoder(compat=compat).decode(
        logits, texts=TEXTS, offsets=make(OFFSETS, 2), special_tokens_mask=make([[0, 0, 0], [], [0]], 1)
    )
    assert tuple(words(found)) == WORDS


@pytest.mark.parametrize("order", [(1, 0), (1,), (1, 1), (0, 1), ()])
def test_empty_texts_at_any_place(order):
    for empty in ([], np.zeros((0, 3), np.float32), np.array([]), torch.zeros(0, 3), ()):
        logits = [ROWS[0] if text == 0 else empty for text in order]
        found = decoder().decode(
            logits, offsets=[OFFSETS[text] for text in order], texts=[TEXTS[text] for text in order]
        )
        assert words(found) == [list(WORDS[text]) for text in order]


@pytest.mark.parametrize("nothing", [[], (), np.array([]), np.zeros((0, 4, 3), np.float32)], ids=repr)
def test_an_empty_batch(nothing):
    logits = np.zeros((0, 4, 3), np.float32) if isinstance(nothing, np.ndarray) else nothing
    found = decoder().decode(logits, offsets=nothing if np.size(nothing) == 0 else [], texts=[])
    assert found.to_dicts() == []
    answers = fastpost.AnswerDecoder(align_to_words=False).decode([], [], contexts=[], offsets=[], sequence_ids=[])
    assert answers.to_dicts() == []


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_an_empty_window_takes_the_type_of_the_others(kind):
    rows = [torch.tensor(row).reshape(-1, 3).to(getattr(torch, kind)) if row else [] for row in ROWS]
    assert tuple(words(decoder().decode(rows, texts=TEXTS, offsets=OFFSETS))) == WORDS


def test_rows_that_are_tensors_of_16_bits():
    rows = [[torch.tensor(row, dtype=torch.bfloat16, requires_grad=True) for row in window] for window in ROWS]
    assert tuple(words(decoder().decode(rows, texts=TEXTS, offsets=OFFSETS))) == WORDS


def test_one_text_end_to_end_as_lists():
    found = decoder().decode(ROWS[0], texts=TEXTS[:1], offsets=OFFSETS[0])
    assert words(found) == [["Anna Schmidt"]]
    several = decoder().decode(ROWS[0] + ROWS[2], texts=TEXTS, offsets=OFFSETS[0] + OFFSETS[2], lengths=[3, 0, 1])
    assert tuple(words(several)) == WORDS


def test_whole_numbers_in_lists_are_logits():
    rows = [[[int(value) for value in row] for row in window] for window in ROWS]
    assert tuple(words(decoder().decode(rows, texts=TEXTS, offsets=OFFSETS))) == WORDS
    with pytest.raises(TypeError, match="`logits` is of type int64; pass float32"):
        decoder().decode(np.zeros((1, 3, 3), np.int64), texts=TEXTS[:1], offsets=OFFSETS[:1])


@pytest.mark.parametrize("offsets", [[[None, (0, 4), [5, 12], None]], [[(None, None), (0, 4), (5, 12), (None, None)]],
                                     objects([[None, (0, 4), (5, 12), None]])])  # fmt: skip
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_tokens_without_a_place_are_not_of_the_text(offsets, compat):
    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, 0, 1] = logits[0, 1, 1] = logits[0, 2, 2] = logits[0, 3, 2] = 8
    for special in (None, [[0, 0, 0, 0]], np.zeros((1, 4), np.int8)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = decoder(compat=compat).decode(
                logits, texts=["Anna Schmidt"], offsets=offsets, special_tokens_mask=special
            )
        assert words(found) == [["Anna Schmidt"]]
    flat = decoder(compat=compat).decode(logits[0], texts=["Anna Schmidt"], offsets=offsets[0])
    assert words(flat) == [["Anna Schmidt"]]


def test_none_in_word_ids_is_no_word():
    ids = [[None, 0, 0, None]]
    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, 1, 1] = 8
    given = {"texts": ["Schmidt"], "offsets": [[None, (0, 3), (3, 7), None]], "special_tokens_mask": [[1, 0, 0, 1]]}
    options = {"words": "word_ids"}
    want = decoder(**options).decode(logits, word_ids=np.array([[-1, 0, 0, -1]]), **given).to_dicts()
    assert decoder(**options).decode(logits, word_ids=ids, **given).to_dicts() == want
    assert decoder(**options).decode(logits, word_ids=np.array(ids, object), **given).to_dicts() == want
    for name in ("input_ids", "special_tokens_mask"):
        with pytest.raises(TypeError, match=f"`{name}(.0.)?` holds None"):
            decoder().decode(logits, **{**given, name: ids})


@pytest.mark.parametrize(("value", "dtype"), [(2**32, "int64"), (256, "int64"), (256, "int32"), (-1, "int8"),
                                              (255, "uint8"), (256, "uint16"), (True, "bool")])  # fmt: skip
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_a_mask_holds_where_it_is_not_0(value, dtype, compat):
    mask = np.array([[value, 0, 0, 0]]).astype(dtype)
    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, 1:, 0] = logits[0, 0, 1] = 8
    offsets = [[(0, 4), (5, 12), (13, 18), (18, 18)]]
    for special in (mask, list(mask), torch.tensor(mask)):
        for pairs in (np.array(offsets), [[*offsets[0][:3], None]]):
            found = decoder(compat=compat).decode(logits, texts=TEXTS[:1], offsets=pairs, special_tokens_mask=special)
            assert words(found) == [[]]
    assert words(decoder(compat=compat).decode(logits, texts=TEXTS[:1], offsets=np.array(offsets))) == [["Anna"]]


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "uint16", "uint64", "bool", "object"])
def test_masks_of_every_type(dtype):
    mask = np.array([[1, 0, 0, 0]]).astype(dtype)
    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, :3, 1:] = [[8, 0], [8, 0], [0, 8]]
    offsets = np.array([[[0, 0], [0, 4], [5, 12], [13, 18]]]).astype(dtype if dtype != "bool" else int)
    found = decoder().decode(logits, texts=TEXTS[:1], offsets=offsets, special_tokens_mask=mask)
    assert words(found) == [["Anna Schmidt"]]
    again = decoder().decode(
        logits, texts=TEXTS[:1], offsets=offsets, attention_mask=mask == 0, special_tokens_mask=mask
    )
    assert words(again) == [["Anna Schmidt"]]


def test_numbers_beyond_64_bits_are_refused():
    with pytest.raises(ValueError, match=r"`offsets` holds 18446744073709551615; pass integers below 2\*\*63"):
        decoder().decode(np.zeros((1, 1, 3)), texts=["a"], offsets=np.array([[[0, 2**64 - 1]]], np.uint64))
    with pytest.raises(TypeError, match="`offsets"):
        decoder().decode(np.zeros((1, 1, 3)), texts=["a"], offsets=[[[0, 2**70]]])


# --- attention masks ---------------------------------------------------------------------------------------------


def padded(left):
    """Two windows of 3 and 1 tokens, padded to a width of 5 with NaN."""
    logits = np.full((2, 5, 3), np.nan, np.float32)
    offsets, mask = np.zeros((2, 5, 2), np.int64), np.zeros((2, 5), np.int64)
    for window, (rows, pairs) in enumerate(((ROWS[0], OFFSETS[0]), (ROWS[2], OFFSETS[2]))):
        at = slice(5 - len(rows), 5) if left else slice(0, len(rows))
        logits[window, at], offsets[window, at], mask[window, at] = rows, pairs, 1
    return logits, offsets, mask


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, list, lambda mask: mask.astype(bool), torch.tensor])
def test_attention_tells_padding(left, compat, form):
    logits, offsets, mask = padded(left)
    if left:
        logits[np.isnan(logits)] = 9
    found = decoder(compat=compat).decode(
        logits, texts=["Anna Schmidt lives", "Anna"], offsets=offsets, attention_mask=form(mask)
    )
    assert words(found) == [["Anna Schmidt"], ["Anna"]]
    listed = decoder(compat=compat).decode(
        list(logits), texts=["Anna Schmidt lives", "Anna"], offsets=list(offsets), attention_mask=form(mask),
        special_tokens_mask=np.zeros((2, 5), int),
    )  # fmt: skip
    assert listed.to_dicts() == found.to_dicts()


def test_attention_of_one_window_laid_end_to_end():
    logits, offsets, mask = padded(True)
    logits[np.isnan(logits)] = 9
    one = decoder().decode(logits[0], texts=TEXTS[:1], offsets=offsets[0], attention_mask=mask[0])
    assert words(one) == [["Anna Schmidt"]]
    both = decoder().decode(
        logits.reshape(-1, 3), texts=["Anna Schmidt lives", "Anna"], offsets=offsets.reshape(-1, 2),
        attention_mask=mask.reshape(-1), lengths=[5, 5],
    )  # fmt: skip
    assert words(both) == [["Anna Schmidt"], ["Anna"]]


def test_attention_with_an_index_of_tokens():
    logits, offsets, mask = padded(True)
    logits[np.isnan(logits)] = 9
    tokens = fastpost.EntityDecoder(LABELS, aggregation_strategy="none").decode(
        logits, texts=["Anna Schmidt lives", "Anna"], offsets=offsets, attention_mask=mask
    )
    assert tokens.index.tolist() == [2, 3, 4]  # places in the model's input


WRONG = {
    "a hole": ({"attention_mask": [[1, 0, 1, 0, 0], [1, 0, 0, 0, 0]]}, "is 0 at token 1 of window 0.*special_tokens_mask"),
    "a hole later": ({"attention_mask": [[1, 1, 1, 0, 0], [0, 1, 0, 0, 1]]}, "is 0 at token 2 of window 1"),
    "too few rows": ({"attention_mask": [[1, 1, 1, 0, 0]]}, "has 1 window but `logits` has 2"),
    "too short": ({"attention_mask": [[1, 1, 1], [1, 0, 0]]}, "has 3 tokens in window 0 but `logits` has 5"),
    "too long": ({"attention_mask": [[1, 1, 1, 1, 1, 1]] * 2}, "has 6 tokens in window 0 but `logits` has 5"),
    "other lengths": ({"lengths": [2, 1]}, "`lengths` says that window 0 has 2 tokens, and `attention_mask`.*pass one"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_attention_that_does_not_fit(name):
    change, message = WRONG[name]
    logits, offsets, mask = padded(False)
    arguments = {"attention_mask": mask, **change}
    with pytest.raises(ValueError, match=message):
        decoder().decode(logits, texts=["Anna Schmidt lives", "Anna"], offsets=offsets, **arguments)
    scores = np.zeros((2, 5), np.float32)
    with pytest.raises(ValueError, match=message.replace("`logits`", "`start_logits`")):
        fastpost.AnswerDecoder(align_to_words=False).decode(
            scores,
            scores,
            contexts=["Anna Schmidt lives", "Anna"],
            offsets=offsets,
            sequence_ids=np.ones((2, 5), int),
            **arguments,
        )


def test_attention_and_lengths_that_agree():
    logits, offsets, mask = padded(False)
    found = decoder().decode(
        logits, texts=["Anna Schmidt lives", "Anna"], offsets=offsets, attention_mask=mask, lengths=[3, 1]
    )
    assert words(found) == [["Anna Schmidt"], ["Anna"]]


def test_attention_of_padding_alone():
    logits, offsets, mask = padded(False)
    mask[1] = 0
    found = decoder().decode(logits, texts=["Anna Schmidt lives", "Anna"], offsets=offsets, attention_mask=mask)
    assert words(found) == [["Anna Schmidt"], []]


# --- answers -----------------------------------------------------------------------------------------------------


SCORES = [[0.0, 0.0, 5.0, 0.0], [], [0.0, 4.0]]
SEQUENCES = [[None, 1, 1, None], [], [None, 1]]
PLACES = [[None, (0, 4), (5, 12), None], [], [None, (0, 4)]]
CONTEXTS = ["Anna Schmidt", "", "Anna"]


@pytest.mark.parametrize("form", ["lists", "tuples in a list", "an object array of lists", "a column", "JSON"])
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_answers_of_every_form(form, compat):
    make = FORMS[form]
    found = fastpost.AnswerDecoder(compat=compat).decode(
        make(SCORES, 1), make(SCORES, 1), contexts=CONTEXTS, offsets=make(PLACES, 2), sequence_ids=make(SEQUENCES, 1),
        word_ids=make([[None, 0, 1, None], [], [None, 0]], 1), attention_mask=make([[1] * 4, [], [1, 1]], 1),
    )  # fmt: skip
    assert found.answers == ["Schmidt", "Anna"]


@pytest.mark.parametrize("make", [np.array, torch.tensor, lambda row: row])
def test_answers_of_arrays_and_tensors(make):
    scores = [make(row) for row in SCORES]
    found = fastpost.AnswerDecoder(align_to_words=False).decode(
        scores, scores, contexts=CONTEXTS, offsets=PLACES, sequence_ids=SEQUENCES
    )
    assert found.answers == ["Schmidt", "Anna"]


def test_a_token_without_a_place_is_no_answer():
    scores = np.array([[9.0, 0.0, 5.0]])
    found = fastpost.AnswerDecoder(align_to_words=False).decode(
        scores, scores, contexts=["Anna Schmidt"], offsets=[[None, (0, 4), (5, 12)]], sequence_ids=[[1, 1, 1]]
    )
    assert found.answers == ["Schmidt"]


def test_padding_before_a_context():
    scores = np.array([[9.0, 9.0, 0.0, 5.0]], np.float32)
    found = fastpost.AnswerDecoder(align_to_words=False).decode(
        scores, scores, contexts=["Anna Schmidt"], offsets=[[(0, 1), (1, 2), (0, 4), (5, 12)]], sequence_ids=[[1] * 4],
        attention_mask=np.array([[False, False, True, True]]),
    )  # fmt: skip
    assert found.answers == ["Schmidt"]


def test_one_error_and_not_two():
    with pytest.raises(TypeError, match="`offsets` is of type float64; pass integers") as caught:
        fastpost.AnswerDecoder().decode(
            np.zeros((1, 2)), np.zeros((1, 2)), contexts=["a"], offsets=np.zeros((1, 2, 2)), sequence_ids=[[1, 1]]
        )
    assert caught.value.__context__ is None


# --- siblings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["lists", "tuples", "arrays", "tensors in lists", "an object array of lists", "a column"]
)
def test_labels_of_spans_and_back(form):
    offsets, ids = FORMS[form](OFFSETS, 2), {"O": 0, "B-PER": 1, "I-PER": 2}
    spans = [[(0, 12, "PER")], [], [(0, 4, "PER")]]
    labels, misfits = fastpost.spans_to_labels(offsets, spans, label2id=ids)
    assert [row.tolist() for row in labels] == [[1, 2, 0], [], [1]]
    assert misfits == []
    for given in (labels, [row.tolist() for row in labels], objects(labels)):
        assert fastpost.labels_to_spans(given, offsets, label2id=ids) == spans


def test_labels_of_places_that_are_none():
    found = fastpost.spans_to_labels(
        [[None, (0, 4), None]], [[(0, 4, "PER")]], label2id={"O": 0, "B-PER": 1, "I-PER": 2},
        word_ids=[[None, 0, None]], subwords="first",
    )  # fmt: skip
    assert found.labels[0].tolist() == [-100, 1, -100]


@pytest.mark.parametrize(
    "ids", [[[0, 0, 1], [], [None, 0]], [np.array([0, 0, 1]), [], (-1, 0)], Column([[0, 0, 1], [], [None, 0]])]
)
def test_windows_of_word_ids(ids):
    plan = fastpost.plan_windows(None, 2, word_ids=ids)
    assert plan.text_index.tolist() == [0, 0, 1, 2]
    assert plan.end.tolist() == [2, 3, 0, 2]


def test_windows_of_an_empty_batch():
    assert fastpost.plan_windows(None, 2, word_ids=[]).text_index.tolist() == []
    assert fastpost.spans_to_labels([], [], label2id={"O": 0, "B-PER": 1, "I-PER": 2}).labels == []


@pytest.mark.parametrize("offsets", [[None, (0, 4), (4, 4)], [(0, 0), (0, 4), (4, 4)], objects([None, (0, 4), [4, 4]])])
def test_faults_of_offsets_that_are_none(offsets):
    faults = fastpost.check_offsets(offsets, "Anna", special_tokens_mask=np.array([True, False, False]))
    assert [(fault.token, fault.kind) for fault in faults] == [(2, "zero-width")]


@pytest.mark.parametrize("make", [list, np.array, torch.tensor, lambda rows: [torch.tensor(row) for row in rows]])
def test_predictions_of_any_kind(make):
    features = [{"example_id": "a", "offset_mapping": [None, (0, 4), [5, 12]]}, {"example_id": "a", "offset_mapping": [(0, 4), (5, 12), None]}]  # fmt: skip
    scores = [[0.0, 1.0, 5.0], [1.0, 0.0, 9.0]]
    got = fastpost.postprocess_qa_predictions(
        [{"id": "a", "context": "Anna Schmidt"}], features, (make(scores), make(scores))
    )
    assert got == {"a": "Schmidt"}


# --- probabilities -----------------------------------------------------------------------------------------------


def softmax(values):
    made = np.exp(values - values.max(axis=-1, keepdims=True))
    return made / made.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("labels", [2, 3, 35])
@pytest.mark.parametrize("scale", [0.1, 3, 30])
def test_probabilities_are_noticed(kind, labels, scale):
    names = ["O", *(f"T{number}" for number in range(labels - 1))]
    logits = np.random.default_rng(labels).normal(0, scale, (3, 7, labels))
    decoder = fastpost.EntityDecoder(names, aggregation_strategy="none", scheme="plain")
    probabilities = torch.tensor(softmax(logits)).to(getattr(torch, kind))
    for given in (probabilities, list(probabilities), probabilities[0]):
        with pytest.warns(UserWarning, match="`logits` has rows between 0 and 1.*pass logits, or np.log"):
            decoder.decode(given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder.decode(torch.tensor(logits).to(getattr(torch, kind)))
        decoder.decode(np.log(np.maximum(softmax(logits), 1e-30)).tolist())


def test_probabilities_are_noticed_beside_padding():
    logits = softmax(np.random.default_rng(0).normal(0, 3, (2, 6, 3)))
    logits[1, 3:] = 0
    with pytest.warns(UserWarning, match="add up to 1"):
        decoder().decode(logits)


def test_one_label_is_no_distribution():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastpost.EntityDecoder(["X"], aggregation_strategy="none", scheme="plain").decode(
            np.ones((2, 3, 1), np.float32)
        )
        decoder().decode(np.random.default_rng(0).random((4, 9, 3)))
        decoder().decode(np.zeros((2, 0, 3)))


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, list])
def test_probabilities_of_answers_are_noticed(form):
    scores = np.random.default_rng(0).normal(0, 3, (2, 2, 5))
    decoder = fastpost.AnswerDecoder(align_to_words=False)
    given = {
        "contexts": ["abcde"] * 2,
        "offsets": [[(at, at + 1) for at in range(5)]] * 2,
        "sequence_ids": np.ones((2, 5), int),
    }
    with pytest.warns(UserWarning, match="`start_logits` and `end_logits` lie between 0 and 1.*pass logits, or np.log"):
        decoder.decode(*(form(part) for part in softmax(scores)), **given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoder.decode(*scores, **given)
        decoder.decode(*np.log(softmax(scores)), **given)
        decoder.decode(np.full((2, 5), 0.5), np.full((2, 5), 0.5), **given)


@pytest.mark.parametrize("number", [-1, 2, 255, 256, -(2**62)])
@pytest.mark.parametrize("form", [np.asarray, torch.tensor, lambda mask: mask])
def test_an_attention_mask_holds_zeros_and_ones(number, form):
    """As uint8, -1 would mean "seen" and 256 "padding"; a model reads neither of them so."""
    logits, offsets = np.zeros((2, 5, 3), np.float32), np.zeros((2, 5, 2), int)
    mask = [[1, 1, 1, 1, 1], [1, 1, number, 0, 0]]
    with pytest.raises(
        ValueError, match=rf"^`attention_mask` holds {number}; pass 1 for tokens and 0 for padding$"
    ) as told:
        decoder().decode(logits, texts=TEXTS[:1] * 2, offsets=offsets, attention_mask=form(mask))
    assert told.value.argument == "attention_mask"
    with pytest.raises(ValueError, match=rf"`attention_mask` holds {number}"):
        fastpost.AnswerDecoder(align_to_words=False).decode(
            logits[..., 0], logits[..., 1], contexts=TEXTS[:1] * 2, offsets=offsets, sequence_ids=np.ones((2, 5), int),
            attention_mask=form(mask),
        )  # fmt: skip


# --- other kinds of arrays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["logits", "offsets", "attention_mask", "lengths"])
def test_a_masked_array_that_hides_values_is_refused(given):
    """NumPy would hand out what lies below the mask."""
    arguments = {
        "logits": np.array(ROWS[:1], np.float32),
        "offsets": np.array(OFFSETS[:1]),
        "attention_mask": np.array([[1, 1, 1]]),
        "lengths": np.array([3]),
    }
    whole = {name: np.ma.array(values) for name, values in arguments.items() if name != "lengths"}
    assert decoder().decode(texts=TEXTS[:1], **whole).words == ["Anna Schmidt"]
    mask = np.zeros_like(arguments[given], bool)
    mask.flat[-1] = True
    for wrap in (np.asanyarray, list):
        if given == "lengths" and wrap is list:
            continue
        hidden = wrap(np.ma.array(arguments[given], mask=mask))
        chosen = {**whole, given: hidden}
        if given == "lengths":
            del chosen["attention_mask"]
        with pytest.raises(
            ValueError, match=f"`{given}.* is a masked array that hides some of its values; pass its"
        ) as told:
            decoder().decode(texts=TEXTS[:1], **chosen)
        assert told.value.argument == given


def test_a_matrix_is_an_array():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        logits = np.matrix(ROWS[0], np.float32)
    for given in (logits, [logits]):
        assert decoder().decode(given, offsets=OFFSETS[:1], texts=TEXTS[:1]).words == ["Anna Schmidt"]


def test_lists_of_arrow_are_lists():
    pyarrow = pytest.importorskip("pyarrow")
    logits, offsets = pyarrow.array(ROWS), pyarrow.array([[list(pair) for pair in row] for row in OFFSETS])
    for form in (lambda column: column, lambda column: pyarrow.chunked_array([column]), lambda column: column[:]):
        found = decoder().decode(form(logits), offsets=form(offsets), texts=TEXTS)
        assert found.words == ["Anna Schmidt", "Anna"]
    scores = pyarrow.array([[0.0, 5.0, 0.0], [], [3.0]])
    answers = fastpost.AnswerDecoder(align_to_words=False).decode(
        scores, scores, contexts=TEXTS, offsets=offsets, sequence_ids=pyarrow.array([[1, 1, 1], [], [1]])
    )
    assert answers.answers == ["Schmidt", "Anna"]


def test_a_tensor_that_is_negated_lazily_is_read():
    logits = torch._neg_view(-torch.tensor(ROWS[:1]))
    assert logits.is_neg()
    assert decoder().decode(logits, offsets=OFFSETS[:1], texts=TEXTS[:1]).words == ["Anna Schmidt"]


@pytest.mark.parametrize("make", [torch.Tensor.to_sparse, lambda tensor: tensor.to(torch.float8_e4m3fn)])
def test_a_tensor_without_an_array_is_refused(make):
    with pytest.raises(TypeError, match=r"`logits` can't be read as a NumPy array .*; pass a dense tensor") as told:
        decoder().decode(make(torch.tensor(ROWS[:1])), offsets=OFFSETS[:1], texts=TEXTS[:1])
    assert told.value.argument == "logits"
