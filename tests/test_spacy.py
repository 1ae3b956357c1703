"""The spaCy component in real pipelines is found by its entry point, batched, saved and loaded."""

import importlib.metadata
import json
import warnings

import numpy as np
import pytest

import fastpost

spacy = pytest.importorskip("spacy")
pytestmark = pytest.mark.neighbours

TEXTS = [
    "My name is Anna Schmidt and I live in London.",
    "",
    "nothing here",
    "王伟 😀 wrote to jane.doe@example.org in New York.",
]


def build(rampart_dir, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("fastpost_ner", config={"model": str(rampart_dir), **config})
    return nlp


@pytest.fixture(scope="module")
def nlp(rampart_dir):
    return build(rampart_dir)


@pytest.fixture(scope="module")
def pipe(rampart_dir):
    return fastpost.pipeline(
        "ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", compat="fastpost"
    )


def entities(doc):
    return [(span.text, span.label_) for span in doc.ents]


def test_entities(nlp):
    assert entities(nlp(TEXTS[0])) == [("Anna", "GIVEN_NAME"), ("Schmidt", "SURNAME"), ("London", "CITY")]
    assert entities(nlp("")) == []


def test_the_entry_point_is_found(python, rampart_dir):
    (point,) = importlib.metadata.entry_points(group="spacy_factories", name="fastpost_ner")
    assert point.value == "fastpost.spacy:FastpostNer"
    script = f"""
import spacy, sys
nlp = spacy.blank("en")
nlp.add_pipe("fastpost_ner", config={{"model": {str(rampart_dir)!r}}})
print([(span.text, span.label_) for span in nlp({TEXTS[0]!r}).ents])
"""
    assert python(script) == "[('Anna', 'GIVEN_NAME'), ('Schmidt', 'SURNAME'), ('London', 'CITY')]\n"


def test_spans_are_those_of_the_pipeline(rampart_dir, pipe):
    """Every entity of the pipeline is a span of the tokens that it touches, and no other."""
    nlp = build(rampart_dir, spans_key="pii")
    for text in TEXTS:
        doc, want = nlp(text), pipe(text)
        group = doc.spans["pii"]
        assert [span.label_ for span in group] == [row["entity_group"] for row in want]
        assert group.attrs["scores"].dtype == np.float32
        assert group.attrs["scores"].tolist() == pytest.approx([row["score"] for row in want], abs=1e-6)
        for span, row in zip(group, want, strict=True):
            assert span.start_char <= row["start"] < row["end"] <= span.end_char
            assert span[0].idx + len(span[0]) > row["start"]
            assert span[-1].idx < row["end"]
        assert not doc.ents


@pytest.mark.parametrize("mode", ["strict", "contract", "expand"])
def test_alignment(rampart_dir, pipe, mode):
    text = "My name is 王伟明"  # three names for the model, one token for spaCy
    nlp = build(rampart_dir, spans_key="pii", alignment_mode=mode)
    doc = spacy.blank("en")(text)
    want = [doc.char_span(row["start"], row["end"], alignment_mode=mode) for row in pipe(text)]
    kept = [(span.start_char, span.end_char) for span in want if span is not None]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = nlp(text)
    assert [(span.start_char, span.end_char) for span in got.spans["pii"]] == kept
    lost = len(want) - len(kept)
    caught = [one for one in caught if "entities have no token of their own" in str(one.message)]
    assert all(one.filename == __file__ for one in caught)
    assert [str(one.message) for one in caught] == (
        [
            f'{lost} of {len(want)} entities have no token of their own under alignment_mode="{mode}" and are '
            'left out; alignment_mode="expand" keeps them'
        ]
        if lost
        else []
    )
    assert (lost == 0) == (mode == "expand")


def test_pipe_is_what_single_texts_are(nlp):
    want = [entities(nlp(text)) for text in TEXTS * 3]
    for size in (1, 5, 100):
        assert [entities(doc) for doc in nlp.pipe(iter(TEXTS * 3), batch_size=size)] == want


def test_pipe_reads_batches_and_streams(nlp, monkeypatch):
    sizes, pulled = [], 0
    component = nlp.get_pipe("fastpost_ner")
    read = component._reader

    def counted(texts):
        sizes.append(len(texts))
        return read(texts)

    def texts():
        nonlocal pulled
        while True:
            pulled += 1
            yield TEXTS[0]

    monkeypatch.setattr(component, "_reader", counted)
    stream = nlp.pipe(texts(), batch_size=4)
    for _ in range(9):
        assert len(next(stream).ents) == 3
    assert set(sizes) == {4}
    assert pulled < 30


def test_in_two_processes(python, rampart_dir, nlp):
    """Worker processes are forked after the model has run in this process."""
    script = f"""
import json, spacy
nlp = spacy.blank("en")
nlp.add_pipe("fastpost_ner", config={{"model": {str(rampart_dir)!r}}})
texts = json.loads({json.dumps(TEXTS)!r})
nlp(texts[0])
docs = nlp.pipe(texts, n_process=2, batch_size=2)
print(json.dumps([[(span.text, span.label_) for span in doc.ents] for doc in docs]))
"""
    got = json.loads(python(script, TOKENIZERS_PARALLELISM="false"))
    assert [[tuple(span) for span in spans] for spans in got] == [entities(doc) for doc in nlp.pipe(TEXTS)]


def test_saved_and_loaded(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    assert entities(spacy.load(tmp_path)(TEXTS[0])) == entities(nlp(TEXTS[0]))
    again = spacy.blank("en").from_config(nlp.config)
    assert entities(again(TEXTS[0])) == entities(nlp(TEXTS[0]))
    assert json.dumps(nlp.config["components"]["fastpost_ner"])


def test_entities_that_share_a_token_are_counted(rampart_dir, pipe):
    """Two entities in one spaCy token: `doc.ents` has room for one, and the other is not lost silently."""
    text = "Call Anna at 718-555-0199,anna@example.com."
    assert len(pipe(text)) == 3
    with pytest.warns(UserWarning, match="1 of 3 entities share a token of spaCy's with a longer one and are left out"):
        doc = build(rampart_dir)(text)
    assert entities(doc) == [("Anna", "GIVEN_NAME"), ("718-555-0199,anna@example.com", "PHONE")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(build(rampart_dir, spans_key="pii")(text).spans["pii"]) == 3


def test_what_is_there_stays(rampart_dir):
    nlp = build(rampart_dir)
    ruler = nlp.add_pipe("entity_ruler", before="fastpost_ner")
    ruler.add_patterns([{"label": "CUSTOMER", "pattern": "Anna Schmidt"}])
    assert entities(nlp(TEXTS[0])) == [("Anna Schmidt", "CUSTOMER"), ("London", "CITY")]


def test_labels(rampart_dir):
    nlp = build(rampart_dir, label_mapping={"GIVEN_NAME": "PERSON", "SURNAME": "PERSON"})
    assert entities(nlp(TEXTS[0])) == [("Anna", "PERSON"), ("Schmidt", "PERSON"), ("London", "CITY")]
    assert nlp.get_pipe("fastpost_ner").labels[:2] == ("PERSON", "EMAIL")
    assert nlp.pipe_labels["fastpost_ner"][0] == "PERSON"


def test_long_docs_are_read_to_their_end(nlp):
    text = " ".join(["The meeting went on and nothing much was said by anybody."] * 100) + " My name is Anna Schmidt."
    assert ("Schmidt", "SURNAME") in entities(nlp(text))


def test_options_reach_the_pipeline(rampart_torch_dir, nlp):
    torch = build(
        rampart_torch_dir, backend="torch", batch_size=2, options={"device": "cpu", "ignore_labels": ["O", "CITY"]}
    )
    assert entities(torch(TEXTS[0])) == [("Anna", "GIVEN_NAME"), ("Schmidt", "SURNAME")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"alignment_mode": "nearest"}, "`alignment_mode` is 'nearest'"),
        ({"aggregation_strategy": "best"}, "best"),
        ({"options": {"nonsense": 1}}, "nonsense"),
        ({"options": {"compat": "transformers"}}, "`options` holds 'compat', which is an argument of its own"),
    ],
)
def test_wrong_arguments(rampart_dir, config, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build(rampart_dir, **config)


def test_tokens_have_the_label_of_their_type(rampart_dir):
    tokens = build(rampart_dir, aggregation_strategy="none", label_mapping={"CITY": "TOWN"})
    assert {label for _, label in entities(tokens(TEXTS[0]))} == {"GIVEN_NAME", "SURNAME", "TOWN"}
    assert not any(label.startswith(("B-", "I-")) for label in tokens.get_pipe("fastpost_ner").labels)


def test_a_mapping_of_a_label_that_is_not_there(rampart_dir):
    with pytest.raises(ValueError, match="`label_mapping` names 'TOWN', but the model's labels are"):
        build(rampart_dir, label_mapping={"TOWN": "CITY"})
