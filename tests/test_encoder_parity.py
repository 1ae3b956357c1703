"""`Encoder` beside tokenizers: every column, for every kind of tokenizer, text and argument."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import fastpost
from encoder_cases import NATIVE, assert_same, read, texts, tokenizer

EXAMPLES = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", 0)) // 10 or 140


@pytest.fixture(scope="module")
def encoders():
    made = {}

    def get(name):
        if tokenizer(name) is None:
            pytest.skip("the model is not at hand")
        if name not in made:
            made[name] = fastpost.Encoder(tokenizer(name))
            report = made[name].report()
            assert report.native, report.reason
            assert report.verified > 100
        return made[name]

    return get


cuts = st.fixed_dictionaries(
    {"max_length": st.integers(1, 30)},
    optional={
        "stride": st.integers(0, 6),
        "truncation": st.sampled_from(["longest_first", "only_first", "only_second"]),
        "truncation_side": st.sampled_from(["left", "right"]),
    },
)
calls = st.fixed_dictionaries(
    {"special": st.booleans(), "cut": st.one_of(st.none(), cuts), "words": st.booleans(), "paired": st.booleans()}
)


@pytest.mark.parametrize("name", NATIVE)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(st.tuples(texts, texts), min_size=1, max_size=4), call=calls)
def test_every_column_is_that_of_tokenizers(encoders, name, batch, call):
    encoder = encoders(name)
    first, second = [list(side) for side in zip(*batch)]
    if call["words"]:
        first, second = [text.split(" ") for text in first], [text.split(" ") for text in second]
    pairs = second if call["paired"] else None
    cut = call["cut"]
    options = {"add_special_tokens": call["special"], "is_split_into_words": call["words"], **(cut or {})}
    marks = tokenizer(name).num_special_tokens_to_add(call["paired"]) if call["special"] else 0
    if cut is not None and cut["max_length"] <= marks:
        # tokenizers gives windows that are longer than asked for.
        with pytest.raises(ValueError, match="max_length"):
            encoder.encode(first, pairs, **options)
        return
    try:
        want = read(tokenizer(name), first, pairs, words=call["words"], special=call["special"], cut=cut)
    except ValueError:  # tokenizers refuses some strides even if nothing would be cut
        reject()
    if want is None:
        with pytest.raises(ValueError, match=r"truncation|stride"):
            encoder.encode(first, pairs, **options)
        return
    assert_same(encoder.encode(first, pairs, **options), want)


@pytest.mark.parametrize("name", NATIVE)
def test_real_texts(encoders, name, wikigold_documents, xquad):
    """Wikigold, questions and paragraphs in English and Chinese, cut and paired."""
    encoder, theirs = encoders(name), tokenizer(name)
    before = encoder.report()  # other tests made it encode unusual texts
    documents = wikigold_documents[::3]
    assert_same(encoder.encode(documents), read(theirs, documents))
    for questions, paragraphs in (xquad("en"), xquad("zh")):
        cut = {"max_length": 500, "stride": 100, "truncation": "only_second"}
        questions, paragraphs = questions[::40], paragraphs[::40]
        want = read(theirs, questions, paragraphs, cut=cut)
        if want is None:
            with pytest.raises(ValueError, match=r"truncation|stride"):
                encoder.encode(questions, paragraphs, **cut)
        else:
            assert_same(encoder.encode(questions, paragraphs, **cut), want)
        assert_same(encoder.encode(paragraphs), read(theirs, paragraphs))
    report = encoder.report()
    hard = {
        why: count - before.sent_back.get(why, 0)
        for why, count in report.sent_back.items()
        if "without a post-processor" not in why
    }
    assert sum(hard.values()) <= 0.1 * (report.texts - before.texts), report


@pytest.mark.parametrize("name", ["rampart", "roberta-added"])
def test_threads_and_earlier_calls_change_nothing(name, wikigold_documents, xquad):
    """Enough texts for seven threads, some of them sent back, with a new encoder and with one that has seen them."""
    texts = [*wikigold_documents, *xquad("zh")[1][::20], "<both> <both>", "a\u302eb covid", *wikigold_documents]
    cut = {"max_length": 100, "stride": 20}
    want = read(tokenizer(name), texts, cut=cut)
    warm = fastpost.Encoder(tokenizer(name))
    for threads in (1, 2, 7, None):
        for encoder in (warm, fastpost.Encoder(tokenizer(name), verify=False)):
            assert_same(encoder.encode(texts, threads=threads, **cut), want)


@pytest.fixture(scope="session")
def xquad():
    def load(language):
        path = Path(__file__).parent / "data" / f"xquad.{language}.json"
        paragraphs = [p for article in json.loads(path.read_text("utf-8"))["data"] for p in article["paragraphs"]]
        rows = [(qa["question"], p["context"]) for p in paragraphs for qa in p["qas"]]
        return [question for question, _ in rows], [context for _, context in rows]

    return load
