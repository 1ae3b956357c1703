"""Pipelines with `compat="fastpost"` on torch and ONNX Runtime, and `fastpost.compare`."""

import copy
import itertools
import json
import pickle

import numpy as np
import pytest
import torch

import fastpost
from oracle import lookup_model
from small_tokenizers import KINDS, fast
from small_tokenizers import SENTENCES as TUPLE

LABELS = ("O", "B-PER", "I-PER", "B-date-time", "I-date-time", "B-LOC", "I-LOC")
STRATEGIES = ("none", "simple", "first", "average", "max")
SENTENCES = list(TUPLE)
MAIL = (
    "My name is Anna-Lena Müller-Lüdenscheidt, call me at 718-555-0199 or mail anna.mueller@example.com. "
    "I live at 12 Rue de l'Église, Paris."
)
LONG = " ".join(SENTENCES * 4)


def right(kind="wordpiece-uncased", max_length=512, labels=LABELS, **kwargs):
    tokenizer = fast(kind, max_length)
    model = lookup_model(labels, len(tokenizer))
    model.config.max_position_embeddings = 100_000
    return fastpost.TokenClassificationPipeline(
        model=model, tokenizer=tokenizer, device=-1, compat="fastpost", **kwargs
    )


def plain(results):
    """Results as lists of (label, start, end)."""
    return [[(e.get("entity_group", e.get("entity")), e["start"], e["end"]) for e in text] for text in results]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_array_decoder(kind, strategy):
    pipe = right(kind, aggregation_strategy=strategy)
    encodings = pipe.tokenizer.backend_tokenizer.encode_batch(SENTENCES)
    decoder = fastpost.EntityDecoder(pipe.model.config.id2label, aggregation_strategy=strategy)
    logits = [pipe.model(input_ids=torch.tensor([e.ids])).logits[0].detach().numpy() for e in encodings]
    got, want = pipe(SENTENCES, batch_size=3), decoder.decode(logits, encodings, SENTENCES).to_dicts()
    assert any(want)
    assert plain(got) == plain(want)
    for mine, theirs in zip(itertools.chain(*got), itertools.chain(*want), strict=True):
        assert mine["word"] == theirs["word"]
        assert mine["score"] == pytest.approx(theirs["score"], abs=1e-6)
        assert mine.get("index") == theirs.get("index")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_words_are_the_text_and_edges_are_words(kind, strategy):
    for text, entities in zip(SENTENCES, right(kind, aggregation_strategy=strategy)(SENTENCES), strict=True):
        for entity in entities:
            assert entity["word"] == text[entity["start"] : entity["end"]]
            if strategy != "none":
                assert entity["word"] == entity["word"].strip()
                start, end = entity["index"]
                assert start < end
        assert len(json.loads(json.dumps(entities))) == len(entities)


@pytest.mark.parametrize("merge", ["context", "average"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_are_read_in_windows(kind, strategy, merge):
    """The free model's logits depend on the token only, so windows must not change the result."""
    whole = right(kind, 4096, aggregation_strategy=strategy)(LONG)
    cut = right(kind, 24, aggregation_strategy=strategy, window_merge=merge)(LONG)
    assert plain([cut]) == plain([whole])
    assert [e["index"] for e in cut] == [e["index"] for e in whole]
    assert whole.windows == 1
    assert cut.windows > 1
    assert cut.covered == whole.covered
    assert not cut.truncated


def test_windows_of_a_tokenizer_that_cuts_on_the_left():
    pipe = right("wordpiece-uncased", 24, aggregation_strategy="simple")
    want = pipe(LONG)
    pipe.tokenizer.truncation_side = "left"
    assert plain([pipe(LONG)]) == plain([want])


@pytest.mark.parametrize("stride", [0, 1, 5])
def test_stride_is_the_overlap(stride):
    pipe = right("wordpiece-uncased", 24, aggregation_strategy="simple")
    assert plain([pipe(LONG, stride=stride)]) == plain([pipe(LONG)])


@pytest.mark.parametrize("stride", [22, 23, -1])
def test_an_overlap_that_leaves_no_room(stride):
    with pytest.raises(
        ValueError, match=rf"`stride` is {stride} but a window of 24 tokens holds 22 of a text; .* 0 to 21"
    ):
        right("wordpiece-uncased", 24, aggregation_strategy="simple")(LONG, stride=stride)


def test_truncate_warns_and_says_so():
    pipe = right("wordpiece-uncased", 24, aggregation_strategy="simple", on_long_text="truncate")
    with pytest.warns(
        UserWarning, match="text 1 of the input is longer than the model's 24 tokens and was cut"
    ) as told:
        short, long = pipe([SENTENCES[1][:20], LONG])
    assert [warning.filename for warning in told] == [__file__]  # the caller's line, not one of ours
    assert not short.truncated
    assert long.truncated
    assert long.windows == 1
    assert 0 < long.covered[1] < len(LONG)


def test_error_names_text_and_length():
    pipe = right("wordpiece-uncased", 24, aggregation_strategy="simple", on_long_text="error")
    results = iter(pipe(text for text in ["short", LONG]))
    next(results)
    with pytest.raises(ValueError, match="text 1 of the input has more than the 24 tokens"):
        next(results)


def test_length_comes_from_the_model_where_the_tokenizer_names_none():
    pipe = right("wordpiece-uncased", 10**30, aggregation_strategy="simple")
    pipe.model.config.max_position_embeddings = 24
    assert pipe(LONG).windows > 1


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_the_caller_are_the_words(kind):
    words = ["Anna", "O'Brien-Jones", "lives", "in", "New York", ".", "3.5%"]
    pipe = right(kind, aggregation_strategy="average")
    entities = pipe([words], is_split_into_words=True)[0]
    text = " ".join(words)
    starts = {sum(len(word) + 1 for word in words[:at]) for at in range(len(words))}
    ends = {sum(len(word) + 1 for word in words[: at + 1]) - 1 for at in range(len(words))}
    assert entities
    for entity in entities:
        first, last = entity["word_index"]
        assert entity["word"] == text[entity["start"] : entity["end"]] == " ".join(words[first:last])
        assert entity["start"] in starts
        assert entity["end"] in ends


def test_one_keyword_in_a_call_or_for_good():
    pipe = right(aggregation_strategy="simple")
    text = SENTENCES[0]
    drop_in = fastpost.TokenClassificationPipeline(
        model=pipe.model, tokenizer=pipe.tokenizer, device=-1, aggregation_strategy="simple"
    )
    assert plain([drop_in(text, compat="fastpost")]) == plain([pipe(text)])
    assert drop_in(text) == pipe(text, compat="transformers")
    assert type(drop_in(text)) is list
    assert drop_in([text], compat="fastpost")[0].covered == pipe(text).covered
    assert copy.copy(pipe)(text) == pickle.loads(pickle.dumps(pipe))(text) == pipe(text)


def test_options_of_the_decoder_go_through():
    pipe = right(aggregation_strategy="simple")
    every = pipe(LONG)
    some = pipe(LONG, threshold=0.6, units=("utf8",), return_probs=True, decode="viterbi", score="min")
    assert 0 < len(some) < len(every)
    assert {"start_utf8", "probs", "index"} < set(some[0])
    with pytest.raises(ValueError, match='`decode` is "greedy"; choose "argmax" or "viterbi"'):
        pipe("text", decode="greedy")
    with pytest.raises(ValueError, match="`scheme` is 'BIO' and `compat` is \"transformers\""):
        pipe("text", compat="transformers", scheme="BIO")
    with pytest.raises(ValueError, match="`on_long_text` is 'cut'"):
        pipe("text", on_long_text="cut")
    with pytest.raises(ValueError, match="`compat` is 'right'"):
        pipe("text", compat="right")


def test_scheme_and_report_are_those_of_the_decoder():
    pipe = right(aggregation_strategy="simple")
    assert pipe.scheme == "IOB2"
    assert pipe.report()["words"] == {}
    pipe(SENTENCES[:2])
    (used,) = pipe.report()["words"]
    assert pipe.report()["words"] == {used: 2}
    assert pipe.report()["types"] == ["O", "PER", "date-time", "LOC"]
    pipe(SENTENCES[0], scheme="IOB1")
    assert pipe.scheme == "IOB1"
    assert pickle.loads(pickle.dumps(pipe)).scheme == "IOB2"
    pipe(SENTENCES[0], compat="transformers")
    assert pipe.scheme is None
    assert pipe.report().keys() == {"path", "encoder"}


def test_scheme_and_report_over_onnx(rampart_dir):
    pipe = fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", aggregation_strategy="simple")
    assert pipe.scheme is None
    assert pipe.report().keys() == {"path", "encoder"}
    pipe(["Anna lives here.", "Bob too."], compat="fastpost")
    assert pipe.scheme == "IOB2"
    assert list(pipe.report()["words"].values()) == [2]
    own = fastpost.pipeline(
        "ner", model=rampart_dir, backend="onnxruntime", aggregation_strategy="simple", compat="fastpost"
    )
    assert own.scheme == "IOB2"


@pytest.mark.parametrize("text", ["cafe\u0301", "\u200b", "\ufeffAnna lives in Paris.\u200b", "\u00ad\x00"])
def test_what_nobody_sees_is_not_missed(text):
    """Tokenizers drop such characters; nothing is cut off."""
    assert not right("wordpiece-uncased", 512, aggregation_strategy="simple")(text).truncated


@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max"])
def test_an_accent_that_the_tokenizer_drops_is_in_its_entity(strategy):
    """The caller's words come from the tokenizer, whose last token ends before the accent."""
    pipe = right("wordpiece-uncased", aggregation_strategy=strategy, ignore_labels=[], decode="argmax")
    (found,) = pipe([["In", "cafe\u0301", "Rene\u0301e\u0301"]], is_split_into_words=True)
    assert {e["end"] for e in found} <= {2, 8, 16}
    assert found.covered == (0, 15)


def test_a_subclass_with_its_own_step_is_refused():
    class Own(fastpost.TokenClassificationPipeline):
        def postprocess(self, *args, **kwargs):
            return super().postprocess(*args, **kwargs)

    pipe = right()
    own = Own(model=pipe.model, tokenizer=pipe.tokenizer, device=-1)
    drop_in = fastpost.TokenClassificationPipeline(model=pipe.model, tokenizer=pipe.tokenizer, device=-1)
    assert plain([own("Anna")]) == plain([drop_in("Anna")])
    assert own("Anna", compat="transformers") == own("Anna")
    with pytest.raises(ValueError, match='`compat` is "fastpost", but `postprocess` is overridden'):
        own("Anna", compat="fastpost")


def test_empty_texts_and_streams():
    pipe = right(aggregation_strategy="simple")
    empty, blank, some = pipe(["", " \n", SENTENCES[0]])
    assert (empty, empty.covered, empty.truncated) == ([], (-1, -1), False)
    assert (blank, blank.truncated) == ([], False)
    assert plain(pipe(text for text in [SENTENCES[0]])) == plain([some])


def test_onnx_equals_torch(rampart_dir, rampart_torch_dir, wikigold_documents):
    texts = [*wikigold_documents[:2], "Call Anna-Lena at 718-555-0199.", ""]
    options = {"aggregation_strategy": "simple", "compat": "fastpost"}
    onnx = fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", **options)
    torch_pipe = fastpost.pipeline("ner", model=str(rampart_torch_dir), **options)
    got, want = onnx(texts), torch_pipe(texts)
    assert plain(got) == plain(want)
    assert [(t.covered, t.windows, t.truncated) for t in got] == [(t.covered, t.windows, t.truncated) for t in want]
    phone = next(e for e in got[2] if e["entity_group"] == "PHONE")
    assert phone["word"] == "718-555-0199"
    with pytest.raises(ValueError, match="text 0 of the input has more than the 512 tokens"):
        onnx(" ".join(texts), on_long_text="error")
    with pytest.warns(
        UserWarning, match="text 0 of the input is longer than the model's 512 tokens and was cut"
    ) as told:
        assert onnx(" ".join(texts), on_long_text="truncate").truncated
    assert [warning.filename for warning in told] == [__file__]
    with pytest.warns(UserWarning, match="was cut") as told:
        assert next(iter(torch_pipe((text for text in [" ".join(texts)]), on_long_text="truncate"))).truncated
    assert [warning.filename for warning in told] == [__file__]
    assert onnx(texts[2], compat="transformers") != onnx(texts[2])
    with pytest.raises(TypeError, match="unexpected argument `shceme`"):
        onnx("text", shceme="BIO")


class TestCompare:
    def test_both_sides_are_what_the_pipeline_gives(self, rampart_dir, wikigold_documents):
        pipe = fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", aggregation_strategy="simple")
        texts = [document[:1200] for document in wikigold_documents[:4]]
        for strategy in STRATEGIES:
            found = fastpost.compare(pipe, texts, aggregation_strategy=strategy, batch_size=2)
            assert plain(found.fastpost) == plain(pipe(texts, aggregation_strategy=strategy, compat="fastpost"))
            assert plain(found.transformers) == plain(pipe(texts, aggregation_strategy=strategy))
            pairs = zip(found.transformers, found.fastpost, strict=True)
            changed = sum(
                len(
                    {(*a, e["word"]) for a, e in zip(plain([x])[0], x)}
                    ^ {(*a, e["word"]) for a, e in zip(plain([y])[0], y)}
                )
                for x, y in pairs
            )
            assert changed == sum(len(d.transformers) + len(d.fastpost) for d in found.differences)

    def test_rules(self, rampart_dir):
        pipe = fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", aggregation_strategy="simple")
        found = fastpost.compare(pipe, MAIL)
        # Widening already completes the e-mail address: an entity with a part of it extends to its ends.
        assert found.counts == {"snap": 2, "word": 4}
        assert fastpost.compare(pipe, "SSN 123-45-6789, call +1-212-5x5-0101").counts == {"join": 1}
        phone = next(d for d in found.differences if d.rules == ["snap"] and d.fastpost[0]["entity_group"] == "PHONE")
        assert [e["word"] for e in phone.transformers] == ["71", "##8 - 555 - 0199"]
        assert [e["word"] for e in phone.fastpost] == ["718-555-0199"]
        table = str(found)
        assert (
            "PHONE '71'                       PHONE '718-555-0199'              snap\n      PHONE '##8 - 555 - 0199'"
            in table
        )
        assert "EMAIL 'anna. mueller'            EMAIL 'anna.mueller@example.com'  snap\n      EMAIL 'example'" in table
        assert table.endswith(
            "6 differences in 1 text; snap: 2, word: 4\n5 entities in both, 4 only in transformers, 2 only in fastpost"
        )
        assert len(found.to_dicts()) == len(found) == 6
        assert repr(found) == "<Comparison: 6 differences in 1 text; snap: 2, word: 4>"
        page = found._repr_html_()
        assert "6 differences in 1 text" in page
        assert "5 entities in both, 4 only in transformers, 2 only in fastpost" in page

    def test_text_past_the_first_window_is_put_down_to_its_length(self):
        pipe = right("wordpiece-uncased", 24, aggregation_strategy="first")
        found = fastpost.compare(pipe, LONG)
        assert found.counts["long text"] > 0
        assert plain(found.transformers) == plain([pipe(LONG, compat="transformers")])
        beyond = [
            d
            for d in found.differences
            if d.fastpost and d.fastpost[0]["start"] > pipe(LONG, on_long_text="truncate").covered[1]
        ]
        assert beyond
        assert all("long text" in d.rules for d in beyond)
        strided = fastpost.compare(pipe, LONG, stride=6)
        assert "long text" not in strided.counts
        assert plain(strided.transformers) == plain([pipe(LONG, compat="transformers", stride=6)])

    def test_scheme(self):
        labels = ("O", "B-PER", "I-PER", "E-PER", "S-PER")
        found = fastpost.compare(right(labels=labels, aggregation_strategy="simple"), SENTENCES)
        assert found.counts["scheme"] > 0

    def test_a_pipeline_of_transformers(self):
        import transformers

        fast_pipe = right(aggregation_strategy="simple")
        peer = transformers.TokenClassificationPipeline(
            model=fast_pipe.model, tokenizer=fast_pipe.tokenizer, aggregation_strategy="simple", device=-1
        )
        assert str(fastpost.compare(peer, SENTENCES)) == str(fastpost.compare(fast_pipe, SENTENCES))

    def test_nothing_to_say(self):
        pipe = right("wordpiece-uncased", aggregation_strategy="simple")
        found = fastpost.compare(pipe, [""])
        assert str(found) == ("no difference in 1 text; 0 entities in both, 0 only in transformers, 0 only in fastpost")
        assert repr(found) == "<Comparison: 0 differences in 1 text>"
        assert "no difference in 1 text" in found._repr_html_()
        for swapped in (object(), "text", None):
            with pytest.raises(
                TypeError, match=f"`pipe` is of type {type(swapped).__name__}; .*, and the texts after it"
            ):
                fastpost.compare(swapped, pipe)


def test_covered_is_an_array(rampart_dir):
    decoder = fastpost.EntityDecoder(["O", "B-PER"])
    entities = decoder.decode(np.zeros((2, 1, 2), np.float32), offsets=np.array([[[3, 5]], [[0, 1]]]))
    assert entities.covered.tolist() == [[3, 5], [0, 1]]
