"""Results are immutable, texts and questions are indexed by number, and empty results have the types of full ones."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import fastpost

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TEXTS = ["Anna and Berlin", "nobody", "Åsa 🙂 Bo", ""]
PLACES = [[(0, 4), (5, 8), (9, 15)], [(0, 6)], [(0, 3), (4, 5), (6, 8)], []]
IDS = [[1, 0, 3], [0], [1, 0, 1], []]


def logits(ids):
    made = np.zeros((len(ids), 5), np.float32)
    made[np.arange(len(ids)), ids] = 9 if ids else 0
    return made


def entities(texts=TEXTS, places=PLACES, ids=IDS, **options):
    decoder = fastpost.EntityDecoder(LABELS, aggregation_strategy="simple", **options)
    return decoder.decode([logits(row) for row in ids], texts=texts, offsets=places)


def nothing(**options):
    return entities(texts=[""], places=[[]], ids=[[]], **options)


def answers(several=False, **options):
    scores = np.zeros((3, 4), np.float32)
    scores[:, 2] = 5
    return fastpost.AnswerDecoder(align_to_words=False, **options).decode(
        scores, scores, contexts=["Anna Bo C", "Bert Bo C", "Cid  Bo C"], offsets=[[None, None, (0, 4), (5, 7)]] * 3,
        sequence_ids=[[-1, 0, 1, 1]] * 3, questions=[0, 1, 1] if several else None, input_ids=np.arange(12).reshape(3, 4),
    )  # fmt: skip


OPTIONS = {
    "own": {},
    "everything": {"return_probs": True, "units": ["utf8", "graphemes"]},
    "transformers": {"compat": "transformers"},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", [entities, nothing])
def test_a_text_by_its_number(name, kind):
    found = kind(**OPTIONS[name])
    listed = found.to_dicts()
    for at in range(-len(listed), len(listed)):
        assert found[at] == listed[at] == found[np.int64(at)]
    for at in (len(listed), -len(listed) - 1, 2**70):
        with pytest.raises(IndexError, match=f"there is no number {at}: Entities has {len(listed)} texts"):
            found[at]
    for at in ("PER", 1.0, None, [0], np.array([True])):
        with pytest.raises(TypeError, match="takes the number of one of its texts or a slice of them"):
            found[at]
    assert list(found) == [entity for text in listed for entity in text]
    assert list(reversed(found)) == list(found)[::-1]
    assert len(found) == sum(map(len, listed))


SLICES = [
    slice(None),
    slice(1, 3),
    slice(2),
    slice(-1, None),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(3, 1),
    slice(9, 20),
]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("at", SLICES, ids=str)
def test_some_texts(name, at):
    found = entities(**OPTIONS[name])
    some = found[at]
    assert isinstance(some, fastpost.Entities)
    assert some.to_dicts() == found.to_dicts()[at]
    assert some.text_count == len(TEXTS[at])
    # The same as decoding only these texts.
    order = list(range(4))[at]
    alone = entities([TEXTS[n] for n in order], [PLACES[n] for n in order], [IDS[n] for n in order], **OPTIONS[name])
    for column in ("text_index", "start", "end", "label_id", "score", "index", "token_start", "covered", "probs"):
        np.testing.assert_array_equal(getattr(some, column), getattr(alone, column))
    for unit in ("utf8", "utf16", "graphemes"):
        np.testing.assert_array_equal(some.spans(unit), alone.spans(unit))
    assert some.to_json() == alone.to_json()
    assert some.to_arrow() == alone.to_arrow()
    assert some._repr_html_() == alone._repr_html_()
    assert pickle.loads(pickle.dumps(some)).to_dicts() == some.to_dicts()
    assert pickle.loads(pickle.dumps(found))[at].to_dicts() == some.to_dicts()
    assert some[:].to_dicts() == some.to_dicts()


@pytest.mark.parametrize("name", OPTIONS)
def test_some_entities(name):
    """Entities of some labels or scores keep their texts, numbers and columns."""
    found = entities(**OPTIONS[name])
    for few, wanted in (
        (found.filter(), found.to_dicts()),
        (
            found.filter(label="LOC"),
            [[one for one in text if one["entity_group"] == "LOC"] for text in found.to_dicts()],
        ),
        (found.filter(label=("LOC", "PER")), found.to_dicts()),
        (found.filter(label="PER", score=2.0), [[]] * 4),
        (found.filter(score=float(found.score.min())), found.to_dicts()),
        (found.filter(label="ORG"), [[]] * 4),
        (found.filter(label=[]), [[]] * 4),
    ):
        assert few.to_dicts() == wanted
        assert few.text_count == 4
        assert len(few.words) == len(few) == sum(map(len, wanted))
        assert pickle.loads(pickle.dumps(few)).to_dicts() == wanted
        assert few.to_arrow().schema == found.to_arrow().schema
    spans = fastpost.Entities.from_spans(
        [[(0, 4, "a", 0.5)], [], [(0, 1, "b", 0.9), (1, 2, "a", 0.1)]], ["Anna", "", "ab"]
    )
    assert spans.filter(score=0.5).words == ["Anna", "a"]
    assert spans.filter(label="a").text_index.tolist() == [0, 2]
    assert spans.filter(label="a")[2][0]["word"] == "b"
    for given, says in (({"label": 3}, "`label` holds 3"), ({"label": ["a", None]}, "`label` holds None"),
                        ({"score": "0.5"}, "`score` is '0.5'"), ({"score": True}, "`score` is True")):  # fmt: skip
        with pytest.raises(TypeError, match=says):
            spans.filter(**given)


def test_some_texts_of_spans():
    found = fastpost.Entities.from_spans([[(0, 4, "a", 0.5)], [], [(0, 1, "b"), (1, 2, "a")]], ["Anna", "", "ab"])
    assert found[2][1]["word"] == "b"
    assert found[1:].label.tolist() == ["b", "a"]
    assert fastpost.Entities.from_spans([[(0, 4, "a")], [(0, 1, "b")]])[1:].to_dicts()[0][0]["word"] is None


def test_names_of_labels():
    found = entities()
    assert found.label.tolist() == ["PER", "LOC", "PER", "PER"]
    assert list(found.label) == [entity["entity_group"] for entity in found]
    assert found.score[found.label == "LOC"].shape == (1,)
    assert nothing().label.tolist() == []


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_k": 1, "handle_impossible_answer": True}], ids=str)
def test_questions_by_their_number(several, options):
    found = answers(several, **options)
    listed = found.to_dicts()
    assert len(listed) == (2 if several else 3)
    for at in range(-len(listed), len(listed)):
        assert found[at] == listed[at]
    assert list(reversed(found)) == list(found)[::-1]
    with pytest.raises(IndexError, match=f"there is no number {len(listed)}: Answers has {len(listed)} questions"):
        found[len(listed)]
    with pytest.raises(TypeError, match="one of its questions"):
        found["score"]
    for at in SLICES:
        some = found[at]
        assert some.to_dicts() == listed[at]
        assert some.question_index.tolist() == sorted(some.question_index.tolist())
        np.testing.assert_array_equal(some.null_score, found.null_score[at])
        assert pickle.loads(pickle.dumps(some)).to_dicts() == listed[at]


def test_one_answer_of_transformers_by_its_number():
    scores = np.array([[0.0, 5.0, 0.0]] * 2)
    found = fastpost.AnswerDecoder(compat="transformers").decode(
        scores, scores, contexts=["Anna Bo"] * 2, offsets=[[None, (0, 4), (5, 7)]] * 2, sequence_ids=[[None, 1, 1]] * 2,
        word_ids=[[None, 0, 1]] * 2,
    )  # fmt: skip
    assert found[1]["answer"] == "Anna"
    assert found[1:][0] == found[1]


RESULTS = {
    "entities": entities, "entities without texts": lambda: entities(texts=None), "entities after pickle": lambda:
    pickle.loads(pickle.dumps(entities(units=["utf8"], return_probs=True))), "a slice": lambda: entities()[1:],
    "spans": lambda: fastpost.Entities.from_spans([[(0, 1, "a")]], ["ab"]), "answers": answers,
    "answers after pickle": lambda: pickle.loads(pickle.dumps(answers())), "questions": lambda: answers()[1:],
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_results_never_change(name):
    found = RESULTS[name]()
    before = found.to_json()
    columns = [column for column in dir(type(found)) if isinstance(getattr(found, column), np.ndarray)]
    assert {"start", "end", "score", "text_index"} <= set(columns)
    for column in columns:
        with pytest.raises(AttributeError, match=f"`{column}` can't be set: an object of type .* never changes"):
            setattr(found, column, np.zeros(3))
        with pytest.raises(AttributeError, match="can't be deleted"):
            delattr(found, column)
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, column)[...] = 0
    for column in ("labels", "new", "_table"):
        with pytest.raises(AttributeError, match="never changes"):
            setattr(found, column, ())
    with pytest.raises(AttributeError, match="never changes"):
        found.nested()._source = None
    for made in (copy.copy(found), copy.deepcopy(found)):
        assert made is found
    dicts = found.to_dicts()
    dicts[0].clear()
    if hasattr(found, "spans") and name not in ("entities without texts", "entities after pickle"):
        found.spans("utf8")[0][...] = 0
    assert found.to_json() == before
    assert found.to_dicts()[0] != [] or before.startswith(b"[[]")


def test_a_place_in_another_unit_is_kept_through_pickle():
    made = pickle.loads(pickle.dumps(entities(units=["utf8"])))
    with pytest.raises(ValueError, match="read-only"):
        made.spans("utf8")[0][...] = 0


def test_answers_outlive_the_list_of_contexts():
    contexts = ["Anna Bo", "Bert Bo"]
    scores = np.array([[5.0, 0.0]] * 2)
    found = fastpost.AnswerDecoder(align_to_words=False).decode(
        scores, scores, contexts=contexts, offsets=[[(0, 4), (5, 7)]] * 2, sequence_ids=[[1, 1]] * 2
    )
    contexts[:] = ["other", "texts"]
    assert found.answers == ["Anna", "Bert"]


@pytest.mark.parametrize(
    "decoder",
    [fastpost.EntityDecoder(LABELS), fastpost.AnswerDecoder(), fastpost.EntityDecoder(LABELS, compat="transformers")],
)
def test_decoders_never_change(decoder):
    shown = repr(decoder)
    for name in ("aggregation_strategy", "compat", "threads", "labels", "top_k", "new"):
        with pytest.raises(
            AttributeError, match=rf"`{name}` can't be set: .*{type(decoder).__name__}\(..., {name}=...\)"
        ):
            setattr(decoder, name, "none")
    with pytest.raises(AttributeError, match="can't be deleted"):
        del decoder.compat
    assert repr(decoder) == shown
    for made in (copy.copy(decoder), copy.deepcopy(decoder), pickle.loads(pickle.dumps(decoder))):
        assert repr(made) == shown
        with pytest.raises(AttributeError, match="never changes"):
            made.compat = None


# --- frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [*OPTIONS.values(), {"aggregation_strategy": "none"}], ids=str)
@pytest.mark.parametrize("bare", [False, True])
def test_empty_frames_have_the_types_of_full_ones(options, bare):
    def decoded(ids, texts, places):
        decoder = fastpost.EntityDecoder(LABELS, **{"aggregation_strategy": "simple", **options})
        given = {} if bare else {"texts": texts, "offsets": places}
        return decoder.decode([logits(row) for row in ids], **given)

    if bare and "units" in options:
        options = {**options, "units": []}
    full, empty = decoded(IDS, TEXTS, PLACES), decoded([[]], [""], [[]])
    assert len(full) > 0
    assert len(empty) == 0
    assert empty.to_pandas().dtypes.to_dict().keys() == full.to_pandas().dtypes.to_dict().keys()
    for name, kind in full.to_pandas().dtypes.items():
        if name != "label":
            assert empty.to_pandas().dtypes[name] == kind, name
    assert list(empty.to_pandas()["label"].cat.categories) == list(full.to_pandas()["label"].cat.categories)
    assert empty.to_polars().schema == full.to_polars().schema
    assert empty.to_arrow().schema == full.to_arrow().schema
    assert empty.nested().to_pandas().dtypes.to_dict() == full.nested().to_pandas().dtypes.to_dict()
    none = decoded([], [], [])
    assert none.to_pandas().dtypes.to_dict().keys() == full.to_pandas().dtypes.to_dict().keys()
    assert none.nested().to_pandas().dtypes.to_dict() == full.nested().to_pandas().dtypes.to_dict()
    assert pandas.concat([empty.to_pandas(), full.to_pandas()])["word"].dtype == full.to_pandas()["word"].dtype


def test_empty_frames_of_answers():
    full = answers()
    empty = fastpost.AnswerDecoder(align_to_words=False).decode([], [], contexts=[], offsets=[], sequence_ids=[])
    assert empty.to_pandas().dtypes.to_dict() == full.to_pandas().dtypes.to_dict()
    assert empty.nested().to_pandas().dtypes.to_dict() == full.nested().to_pandas().dtypes.to_dict()
    assert empty.to_polars().schema == full.to_polars().schema
    assert empty.to_arrow().schema == full.to_arrow().schema


@pytest.mark.parametrize(
    "found", [entities(), nothing(), answers(), entities().nested()], ids=lambda found: type(found).__name__
)
def test_a_frame_by_its_constructor(found):
    with pytest.raises(
        (TypeError, ValueError), match=r"is no array; pass one of its columns, or `to_pandas\(\)`|not properly called"
    ):
        pandas.DataFrame(found)
    with pytest.raises(TypeError, match="is no array"):
        np.asarray(found)
    assert polars.DataFrame(found).height == len(found)
    assert pyarrow.table(found).num_rows == len(found)


def test_text_index_is_in_every_frame():
    found = entities()
    for names in (found.to_pandas().columns, found.to_polars().columns, found.to_arrow().column_names):
        assert list(names)[:6] == ["text_index", "start", "end", "label", "score", "word"]
    assert found.to_pandas()["text_index"].tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("decoder", "shown"),
    [
        (
            fastpost.EntityDecoder(["O", "B-PER", "I-PER"], aggregation_strategy="simple"),
            "EntityDecoder(3 labels, aggregation_strategy='simple', compat='fastpost')",
        ),
        (fastpost.EntityDecoder(LABELS), "EntityDecoder(5 labels, aggregation_strategy='average', compat='fastpost')"),
        (
            fastpost.EntityDecoder(LABELS, compat="transformers"),
            "EntityDecoder(5 labels, aggregation_strategy='simple', compat='transformers')",
        ),
        (
            fastpost.EntityDecoder(LABELS, aggregation_strategy="max", threshold=0.5, ignore_labels=["O", "LOC"], threads=1),
            "EntityDecoder(5 labels, aggregation_strategy='max', compat='fastpost', ignore_labels=['O', 'LOC'], threads=1, threshold=0.5)",
        ),
        (
            fastpost.EntityDecoder(LABELS, aggregation_strategy="first", threshold={"PER": 0.5}, decode="viterbi", score="path", transitions=np.zeros((5, 5))),
            "transitions=..., score='path', threshold={'PER': 0.5})",
        ),
        (fastpost.AnswerDecoder(), "AnswerDecoder(top_k=1, max_answer_len=15, compat='fastpost')"),
        (
            fastpost.AnswerDecoder(top_k=3, null_threshold=0.25, dedupe="text"),
            "AnswerDecoder(top_k=3, max_answer_len=15, compat='fastpost', null_threshold=0.25, dedupe='text')",
        ),
    ],
)  # fmt: skip
def test_a_decoder_shows_its_labels_and_options(decoder, shown):
    assert repr(decoder).endswith(shown)
    assert len(repr(decoder)) < 250
