"""Batches of `Encoder` are taken wherever `tokenizers.Encoding` objects are, with the same results."""

import numpy as np
import pytest

import fastpost
from small_tokenizers import SENTENCES, fast

TEXTS = [*SENTENCES, "", "one two three four five six seven eight nine ten eleven twelve thirteen"]
LABELS = {0: "O", 1: "B-x", 2: "I-x", 3: "B-y", 4: "I-y"}
LABEL2ID = {name: number for number, name in LABELS.items()}
KINDS = ("wordpiece-uncased", "byte-level", "unigram")
CUTS = ({}, {"max_length": 9, "stride": 3})


def both(kind, texts=TEXTS, pairs=None, *, cut=None, words=False):
    """A batch of the encoder and the encodings of tokenizers for the same texts."""
    theirs = fast(kind).backend_tokenizer
    theirs.no_padding()
    theirs.no_truncation()
    encoder = fastpost.Encoder(theirs)
    cut = cut or {}
    if cut:
        theirs.enable_truncation(
            cut["max_length"], stride=cut["stride"], strategy="only_second" if pairs else "longest_first"
        )
    inputs = texts if pairs is None else list(zip(texts, pairs))
    encodings = theirs.encode_batch(inputs, is_pretokenized=words)
    truncation = "only_second" if pairs else "longest_first"
    return encoder.encode(texts, pairs, truncation=truncation, is_split_into_words=words, **cut), encodings


def logits_of(batch, columns, seed=0):
    """Logits of windows, padded to the longest."""
    width = int(batch.lengths.max())
    return np.random.default_rng(seed).normal(size=(len(batch), width, columns)).astype(np.float32) * 3


@pytest.mark.parametrize("cut", CUTS, ids=["whole", "cut"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_entities(kind, cut, compat):
    batch, encodings = both(kind, cut=cut)
    decoder = fastpost.EntityDecoder(LABELS, aggregation_strategy="simple", compat=compat)
    logits = logits_of(batch, len(LABELS))
    for given in (logits, [window[:length] for window, length in zip(logits, batch.lengths)]):
        want = decoder.decode(given, encodings, TEXTS).to_dicts()
        assert sum(map(len, want)) > 20
        assert decoder.decode(given, batch, TEXTS).to_dicts() == want
        assert decoder.decode(given, list(batch), TEXTS, windows=batch.text_index).to_dicts() == want


@pytest.mark.parametrize("cut", [{}, {"max_length": 14, "stride": 2}], ids=["whole", "cut"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_answers(kind, cut, compat):
    questions = ["Who?"] * len(TEXTS)
    batch, encodings = both(kind, questions, TEXTS, cut=cut)
    decoder = fastpost.AnswerDecoder(top_k=3, compat=compat)
    start, end = logits_of(batch, 2).transpose(2, 0, 1)
    want = decoder.decode(start, end, encodings, TEXTS).to_dicts()
    assert sum(map(len, want)) > 5
    assert decoder.decode(start, end, batch, TEXTS).to_dicts() == want


@pytest.mark.parametrize("cut", CUTS, ids=["whole", "cut"])
@pytest.mark.parametrize("subwords", ["all", "first"])
@pytest.mark.parametrize("kind", KINDS)
def test_spans_to_labels_and_back(kind, subwords, cut):
    batch, encodings = both(kind, cut=cut)
    spans = [[(start, start + 4, "x") for start in range(0, len(text) - 4, 7)] for text in TEXTS]
    options = {"label2id": LABEL2ID, "subwords": subwords, "texts": TEXTS}
    got = fastpost.spans_to_labels(batch, spans, policy="expand", **options)
    want = fastpost.spans_to_labels(encodings, spans, policy="expand", **options)
    assert [row.tolist() for row in got.labels] == [row.tolist() for row in want.labels]
    assert got.misfits == want.misfits
    back = fastpost.labels_to_spans(got.labels, batch, **options)
    assert back == fastpost.labels_to_spans(want.labels, encodings, **options)
    assert sum(map(len, back)) > 10


def test_spans_of_one_text_of_pairs():
    questions = ["Who is it?"] * len(TEXTS)
    batch, encodings = both("wordpiece-uncased", questions, TEXTS)
    spans = [[(0, 3, "x")] if len(text) > 3 else [] for text in TEXTS]
    for sequence, of in ((0, [[(0, 3, "x")]] * len(TEXTS)), (1, spans)):
        got = fastpost.spans_to_labels(batch, of, label2id=LABEL2ID, policy="expand", sequence=sequence)
        want = fastpost.spans_to_labels(encodings, of, label2id=LABEL2ID, policy="expand", sequence=sequence)
        assert [row.tolist() for row in got.labels] == [row.tolist() for row in want.labels]
        assert any((row > 0).any() for row in got.labels)
    with pytest.raises(ValueError, match="`encodings` are of pairs of texts"):
        fastpost.spans_to_labels(batch, spans, label2id=LABEL2ID)


def test_labels_of_words():
    words = [text.split() for text in TEXTS]
    labels = [[(number + place) % 5 for place in range(len(row))] for number, row in enumerate(words)]
    batch, encodings = both("wordpiece-uncased", words, words=True)
    for subwords in ("all", "first"):
        want = fastpost.align_labels(labels, encodings, subwords=subwords)
        assert fastpost.align_labels(labels, batch, subwords=subwords) == want
    cut, _ = both("wordpiece-uncased", words, words=True, cut={"max_length": 6, "stride": 1})
    assert len(cut) > len(words)
    by_window = fastpost.align_labels(labels, cut)
    for number, window in enumerate(cut):
        own = labels[window.text_index]
        assert by_window[number] == [-100 if word < 0 else own[word] for word in window.word_ids]


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_planned(kind):
    batch, encodings = both(kind)
    for texts in (None, TEXTS):
        got = fastpost.plan_windows(batch, 9, 2, texts=texts)
        want = fastpost.plan_windows(encodings, 9, 2, texts=texts)
        assert [column.tolist() for column in got] == [column.tolist() for column in want]


def test_offsets_are_checked():
    batch, encodings = both("byte-level")
    want = fastpost.check_offsets(encodings, TEXTS)
    assert any(want)
    assert fastpost.check_offsets(batch, TEXTS) == want
    assert [fastpost.check_offsets(window, TEXTS[window.text_index]) for window in batch] == want
    assert fastpost.check_offsets(batch[1:2], TEXTS[1]) == want[1]
    assert fastpost.check_offsets(batch[1:3], TEXTS) == want[1:3]
    with pytest.raises(ValueError, match=r"`encoding` has 2 windows but `text` is one str"):
        fastpost.check_offsets(batch[:2], "a")
    with pytest.raises(ValueError, match=rf"`text` has 1 item but `encoding` is made of {len(TEXTS)}"):
        fastpost.check_offsets(batch, ["a"])


def test_some_windows_of_a_batch():
    batch, _ = both("wordpiece-uncased", cut={"max_length": 9, "stride": 3})
    middle = slice(3, 8)
    numbers = [7, 2, 2, 5]
    for chosen, part in ((range(3, 8), batch[middle]), (numbers, batch[numbers]), (numbers, batch[np.array(numbers)])):
        assert type(part) is fastpost.Encodings
        assert part.text_count is None
        for got, want in zip(part, (batch[number] for number in chosen), strict=True):
            assert got.tokens == want.tokens
            assert got.text_index == want.text_index
            for name in ("offsets", "word_ids", "type_ids", "special_tokens_mask", "sequence_ids"):
                assert np.array_equal(getattr(got, name), getattr(want, name)), name
    assert np.shares_memory(batch[middle].ids, batch.ids)
    assert len(batch[5:5]) == len(batch[9:2]) == 0
    assert [window.text_index for window in batch[::-1]] == batch.text_index[::-1].tolist()
    decoder = fastpost.EntityDecoder(LABELS)
    logits = logits_of(batch, len(LABELS))
    found = decoder.decode(logits[middle], batch[middle], TEXTS).to_dicts()
    assert len(found) == len(TEXTS)
    assert {text for text, rows in enumerate(found) if rows} <= set(batch.text_index[middle].tolist())
    assert any(found)


def test_what_does_not_fit_is_refused():
    batch, _ = both("wordpiece-uncased", cut={"max_length": 9, "stride": 3})
    logits = logits_of(batch, len(LABELS))
    decoder = fastpost.EntityDecoder(LABELS)
    with pytest.raises(ValueError, match=rf"`encodings` has {len(batch)} windows but the logits have {len(batch) - 1}"):
        decoder.decode(logits[1:], batch, TEXTS)
    with pytest.raises(ValueError, match=rf"`texts` has 1 item but `encodings` has {len(TEXTS)}"):
        decoder.decode(logits, batch, TEXTS[:1])
    with pytest.raises(ValueError, match=r"`windows` has 1 item but `encodings` has \d+ windows"):
        decoder.decode(logits, batch, TEXTS, windows=[0])
    with pytest.raises(ValueError, match=r"`encodings` and `offsets` are both given"):
        decoder.decode(logits, batch, TEXTS, offsets=batch.offsets)
    with pytest.raises(ValueError, match=rf"`contexts` has 1 item but `encodings` is of {len(TEXTS)} texts"):
        fastpost.AnswerDecoder().decode(logits[:, :, 0], logits[:, :, 1], batch, TEXTS[:1])
    with pytest.raises(ValueError, match=rf"`spans` has 1 item but `encodings` makes {len(TEXTS)} texts"):
        fastpost.spans_to_labels(batch, [[]], label2id=LABEL2ID)
    with pytest.raises(ValueError, match=rf"`word_labels` has 1 item but `word_ids` is of {len(TEXTS)} texts"):
        fastpost.align_labels([[0]], batch)


def test_a_call_leaves_the_batch_as_it_was():
    batch, _ = both("wordpiece-uncased", ["Who?"] * len(TEXTS), TEXTS)
    before = batch.special_tokens_mask.copy()
    fastpost.spans_to_labels(batch, [[]] * len(TEXTS), label2id=LABEL2ID, sequence=1)
    assert np.array_equal(batch.special_tokens_mask, before)


@pytest.mark.parametrize("window", [2, -3, [0, 2], np.array([5]), np.array([0.0]), [True] * 3], ids=str)
def test_a_window_that_is_not_there_is_named(window):
    batch, _ = both("wordpiece-uncased", TEXTS[:2])
    with pytest.raises(IndexError, match=r"^`window` is .* but the batch has 2 windows; pass numbers from -2 to 1$"):
        batch[window]
    if isinstance(window, int):
        with pytest.raises(IndexError, match=rf"^`window` is {window} but the batch has 2 windows"):
            batch.char_to_token(window, [0])
        with pytest.raises(IndexError, match=rf"^`window` is {window} but the batch has 2 windows"):
            batch.word_to_chars(window, [0])


@pytest.mark.parametrize("window", ["0", None, 1.0, slice(1)], ids=str)
def test_a_window_is_a_number(window):
    batch, _ = both("wordpiece-uncased", TEXTS[:2])
    with pytest.raises(TypeError, match=rf"^`window` is of type {type(window).__name__}; pass the number of a window$"):
        batch.char_to_token(window, [0])
    assert len(batch[np.array(1)]) == batch.lengths[1]
    with pytest.raises(ValueError, match=r"^`window` has 2 dimensions"):
        batch[np.zeros((1, 1), int)]


def test_windows_of_encodings_are_copied_once():
    """Each look at `overflowing` copies all of them."""
    asked = []

    class Counted:
        special_tokens_mask = property(lambda self: self.encoding.special_tokens_mask)

        def __init__(self, encoding):
            self.encoding = encoding

        def __getattr__(self, name):
            return getattr(self.encoding, name)

        @property
        def overflowing(self):
            asked.append(1)
            return self.encoding.overflowing

    batch, encodings = both("wordpiece-uncased", cut=CUTS[1])
    spans = [[]] * len(TEXTS)
    want = fastpost.spans_to_labels(batch, spans, label2id=LABEL2ID).labels
    got = fastpost.spans_to_labels([Counted(one) for one in encodings], spans, label2id=LABEL2ID).labels
    assert [one.tolist() for one in got] == [one.tolist() for one in want]
    assert len(asked) == len(encodings)
