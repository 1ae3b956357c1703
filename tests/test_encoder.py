"""`Encoder`: the tokenizers that it reads, the fallback, its errors, its batches."""

import json
import pickle
import threading

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

import fastpost
from encoder_cases import COLUMNS, LLAMA3, assert_same, read, tokenizer
from small_tokenizers import SENTENCES, fast, trained

TEXTS = [*SENTENCES, "", " ", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"]


@pytest.fixture
def folder(tmp_path):
    """A folder with a tokenizer.json and its configuration."""
    fast("wordpiece-uncased").save_pretrained(tmp_path)
    return tmp_path


def test_a_tokenizer_may_come_from_anywhere(folder):
    of_transformers = fast("wordpiece-uncased")
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    want = read(plain, TEXTS)
    for source in (folder, str(folder), folder / "tokenizer.json", plain, of_transformers):
        encoder = fastpost.Encoder(source)
        assert encoder.report().native
        assert_same(encoder.encode(TEXTS), want)


@pytest.mark.parametrize("wrong", [3, None, object(), b"tokenizer.json", ["tokenizer.json"]])
def test_what_is_no_tokenizer_is_refused(wrong):
    with pytest.raises(TypeError, match=r"`tokenizer` is of type .*; pass the path"):
        fastpost.Encoder(wrong)


def test_files_that_are_not_there_or_no_tokenizer(tmp_path):
    with pytest.raises(FileNotFoundError):
        fastpost.Encoder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        fastpost.Encoder(tmp_path)


def test_its_own_truncation_and_padding_have_no_effect_and_stay(folder):
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.enable_truncation(5, stride=1)
    theirs.enable_padding(length=50)
    encoder = fastpost.Encoder(theirs)
    before = theirs.truncation, theirs.padding
    got = encoder.encode([*TEXTS, "a\u302eb"])
    assert encoder.report().sent_back
    assert (theirs.truncation, theirs.padding) == before
    assert_same(got, read(Tokenizer.from_file(str(folder / "tokenizer.json")), [*TEXTS, "a\u302eb"]))


UNKNOWN = {
    "model WordLevel": ("no-decoder", {}),
    "continuing_subword_prefix": ("prefix-bpe", {}),
    "end_of_word_suffix": ("suffix-bpe", {}),
    "a BertNormalizer alone": ("wordpiece-uncased", {"normalizer": {"type": "NFC"}}),
    "a BertPreTokenizer, not Whitespace": ("wordpiece-uncased", {"pre_tokenizer": {"type": "Whitespace"}}),
    "drops merges at random": ("byte-level", {"model": {"dropout": 0.5}}),
    "normalizer": ("byte-level", {"normalizer": {"type": "Lowercase"}}),
    "reaches over a blank": ("byte-fallback", {}),
    "native with blanks made visible": ("metaspace-bpe", {"pre_tokenizer": {"type": "Whitespace"}}),
    "takes words as they are": ("metaspace-bpe", {"model": {"ignore_merges": True}}),
    "in this order, not Prepend": ("unigram", {"normalizer": {"type": "Prepend", "prepend": "x"}}),
    "Unigram falls back to bytes": ("unigram", {"normalizer": None, "model": {"byte_fallback": True}}),
    "Metaspace that splits": ("unigram", {"normalizer": None, "pre_tokenizer": {"type": "Whitespace"}}),
    "does not hold the text once": (
        "wordpiece-uncased",
        {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {},
            }
        },
    ),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_a_tokenizer_that_is_not_known_falls_back_and_says_so(why):
    kind, changes = UNKNOWN[why]
    written = json.loads(trained(kind))
    for part, value in changes.items():
        written[part] = {**written[part], **value} if part == "model" else value
    theirs = Tokenizer.from_str(json.dumps(written))
    encoder = fastpost.Encoder(theirs)
    report = encoder.report()
    assert not report.native
    assert why in report.reason
    assert why in str(report)
    if why != "drops merges at random":
        for cut in (None, {"max_length": 12, "stride": 3}):
            want = read(theirs, TEXTS, TEXTS[::-1], cut=cut)
            assert_same(encoder.encode(TEXTS, TEXTS[::-1], **(cut or {})), want)
    assert encoder.report().texts in (0, 2 * len(TEXTS))


SPLIT = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
BEFORE_BYTES = {
    "split": (SPLIT, True),
    "digits": ({"type": "Digits", "individual_digits": True}, True),
    "bert": ({"type": "BertPreTokenizer"}, False),
    "metaspace": ({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, False),
}


@pytest.mark.parametrize("normalizer", [None, {"type": "NFC"}], ids=["as-it-is", "composed"])
@pytest.mark.parametrize("kind", BEFORE_BYTES)
def test_pieces_that_are_not_the_text_are_left_to_tokenizers(kind, normalizer):
    """A step before ByteLevel that drops or adds characters, or a later ByteLevel that puts spaces before pieces."""
    part, blank = BEFORE_BYTES[kind]
    written = json.loads(trained("byte-level"))
    bytes_ = {"type": "ByteLevel", "add_prefix_space": blank, "trim_offsets": True, "use_regex": kind == "digits"}
    written["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [part, bytes_]}
    written["normalizer"] = normalizer
    theirs = Tokenizer.from_str(json.dumps(written))
    texts = [*TEXTS, "ab cd12, 北京 e\u0301 x", " a  b"]
    for verify in (True, False):  # without tokenizers installed nothing is verified
        encoder = fastpost.Encoder(theirs, verify=verify)
        assert "adds characters to pieces of a text" in encoder.report().reason
        assert_same(encoder.encode(texts), read(theirs, texts))
    written["pre_tokenizer"]["pretokenizers"] = [SPLIT, {**bytes_, "add_prefix_space": False, "use_regex": False}]
    theirs = Tokenizer.from_str(json.dumps(written))
    assert fastpost.Encoder(theirs).report().native
    assert_same(fastpost.Encoder(theirs, verify=False).encode(texts), read(theirs, texts))


class AtVowels:
    """A pre-tokenizer written in Python."""

    def pre_tokenize(self, text):
        text.split(lambda _, part: part.split("a", "isolated"))


def test_parts_written_in_python_are_called():
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(AtVowels())
    theirs.enable_padding(length=40)
    encoder = fastpost.Encoder(theirs)
    assert encoder.report().reason == "a part of it is written in Python"
    got = encoder.encode(["abcd", "efgh ij"], max_length=5)
    assert theirs.padding["length"] == 40
    assert theirs.truncation is None
    assert_same(got, read(theirs, ["abcd", "efgh ij"], cut={"max_length": 5}))
    assert got[0].tokens[0] == "[CLS]"
    theirs.no_padding()
    pad = theirs.token_to_id("[PAD]")
    assert (fastpost.Encoder(theirs).encode(["", "a b c"]).padded()["input_ids"][0] == pad).any()


def test_texts_that_are_sent_back_stand_in_their_places():
    texts = ["plain text", "a\u302eb", "", "more\u302e, and longer than the others are", "end"]
    theirs = tokenizer("rampart")
    encoder = fastpost.Encoder(theirs)
    cut = {"max_length": 6, "stride": 2}
    wider = {**cut, "max_length": 11}
    assert_same(encoder.encode(texts, texts[::-1], **wider), read(theirs, texts, texts[::-1], cut=wider))
    assert_same(encoder.encode(texts, **cut), read(theirs, texts, cut=cut))
    report = encoder.report()
    assert report.sent_back == {"a combining mark that is no accent to BERT": 4}
    assert report.texts == 10
    assert "4: a combining mark" in str(report)


@pytest.mark.parametrize("name", ["xlmr-strips", "deberta-v3", "xlmr"])
def test_a_character_dropped_behind_blanks_that_are_taken_away(name):
    """Such a character shifts all offsets of tokenizers if it is the first one that the normaliser sees."""
    theirs = tokenizer(name)
    texts = [" \u200bx y", "\n\t \u200bゐ", "[MASK]\n\u200bゐ", "a \u200bx", " \u200b", " a\u200b b"]
    assert_same(fastpost.Encoder(theirs, verify=False).encode(texts), read(theirs, texts))


def test_the_verifier_finds_a_difference(monkeypatch):
    """If the core gives a wrong result, everything is left to tokenizers."""
    made = fastpost.encoding.encoder.native_columns

    def wrong(columns):
        ids, *rest = columns
        return made((ids + (ids == ids.max(initial=0)), *rest))

    monkeypatch.setattr(fastpost.encoding.encoder, "native_columns", wrong)
    theirs = tokenizer("rampart")
    encoder = fastpost.Encoder(theirs)
    assert not encoder.report().native
    assert encoder.report().reason == "its ids differ from those of the installed tokenizers"
    assert_same(encoder.encode(TEXTS), read(theirs, TEXTS))
    assert fastpost.Encoder(theirs, verify=False).report().native
    assert fastpost.Encoder(theirs, verify=False).report().verified is None


# Arguments.


def test_words_of_the_caller_may_be_any_sequences():
    encoder = fastpost.Encoder(tokenizer("rampart"))
    want = read(tokenizer("rampart"), [["Ann", "lives"], []], [["in"], ["Ulm", "", "now"]], words=True)
    got = encoder.encode((("Ann", "lives"), []), iter([["in"], ("Ulm", "", "now")]), is_split_into_words=True)
    assert_same(got, want)


@pytest.mark.parametrize("name", ["rampart", "fallback"])
def test_errors_name_the_argument_and_the_cure(name):
    theirs = tokenizer("rampart") if name == "rampart" else Tokenizer.from_str(trained("no-decoder"))
    encoder = fastpost.Encoder(theirs)
    assert encoder.report().native == (name == "rampart")
    refused = [
        (TypeError, "`texts` is a str; pass a list", lambda: encoder.encode("text")),
        (TypeError, "`pairs` is a str; pass a list", lambda: encoder.encode(["text"], "text")),
        (TypeError, r"`texts\[1\]` is of type .*int", lambda: encoder.encode(["a", 3])),
        (TypeError, r"`pairs\[0\]` is of type .*None", lambda: encoder.encode(["a"], [None])),
        (TypeError, r"`texts\[1\]` is of type str; with is_split_into_words", lambda: encoder.encode([["a"], "b"], is_split_into_words=True)),
        (ValueError, r"`texts\[1\]` is not valid Unicode", lambda: encoder.encode(["a", "b\ud800c"])),
        (ValueError, r"`pairs\[1\](\[0\])?` is not valid Unicode", lambda: encoder.encode([["a"], []], [[], ["b\ud800c"]], is_split_into_words=True)),
        (ValueError, "`pairs` has 1 text but `texts` has 2", lambda: encoder.encode(["a", "b"], ["c"])),
        (ValueError, "`max_length` is 2 with 2 special tokens", lambda: encoder.encode(["a"], max_length=2)),
        (ValueError, "`max_length` is 0", lambda: encoder.encode(["a"], max_length=0)),
        (ValueError, "`max_length` is -3", lambda: encoder.encode(["a"], max_length=-3)),
        (ValueError, "`max_length` is 2147483648", lambda: encoder.encode(["a"], max_length=2**31)),
        (TypeError, "`max_length` is of type float", lambda: encoder.encode(["a"], max_length=2.5)),
        (ValueError, "`stride` is -1", lambda: encoder.encode(["a"], max_length=8, stride=-1)),
        (ValueError, "`threads` is 0", lambda: encoder.encode(["a"], threads=0)),
        (ValueError, "stride", lambda: encoder.encode(["a b c d e f g h"], max_length=5, stride=3)),
        (ValueError, "truncation", lambda: encoder.encode(["a b c d e f g h"], max_length=5, truncation="only_second")),
        (ValueError, "truncation", lambda: encoder.encode(["a"], ["b c d e f g"], max_length=6, truncation="only_first")),
        (ValueError, "`truncation` is 'longest'", lambda: encoder.encode(["a"], truncation="longest")),
        (ValueError, "`truncation_side` is 'up'", lambda: encoder.encode(["a"], truncation_side="up")),
    ]  # fmt: skip
    for kind, message, call in refused:
        with pytest.raises(kind, match=message):
            call()


def test_numbers_of_any_type_mean_the_same():
    encoder = fastpost.Encoder(tokenizer("rampart"))
    want = encoder.encode(TEXTS, max_length=8, stride=2, threads=1)
    given = {"max_length": np.int64(8), "stride": np.uint8(2), "add_special_tokens": 1, "threads": np.int16(1)}
    for name, value in given.items():
        options = {"max_length": 8, "stride": 2, "threads": 1, name: value}
        assert_same(encoder.encode(TEXTS, **options), {name: getattr(want, name) for name in COLUMNS})
    assert_same(
        encoder.encode(tuple(TEXTS), max_length=8, stride=None),
        {name: getattr(encoder.encode(TEXTS, max_length=8), name) for name in COLUMNS},
    )


def test_none_cuts_nothing():
    encoder = fastpost.Encoder(tokenizer("rampart"))
    assert (
        encoder.encode(TEXTS, max_length=4, truncation=None).lengths.tolist() == encoder.encode(TEXTS).lengths.tolist()
    )


def test_no_text_is_a_batch():
    batch = fastpost.Encoder(tokenizer("rampart")).encode([])
    assert (len(batch), batch.ids.shape, batch.offsets.shape, batch.type_ids.shape) == (0, (0,), (0, 2), (0,))
    assert batch.padded(pad_id=0)["input_ids"].shape == (0, 0)


# Batches.


def test_padding_is_that_of_transformers():
    theirs = fast("wordpiece-uncased")
    encoder = fastpost.Encoder(theirs)
    for side in ("right", "left"):
        theirs.padding_side = side
        want = theirs(TEXTS[:4], TEXTS[3:7], padding=True, return_tensors="np")
        got = encoder.encode(TEXTS[:4], TEXTS[3:7]).padded(side)
        assert set(got) == set(want)
        for name in want:
            np.testing.assert_array_equal(got[name], want[name])
    batch = encoder.encode(TEXTS[:3])
    longer = batch.padded(to=64, names=["input_ids", "attention_mask"])
    assert list(longer) == ["input_ids", "attention_mask"]
    assert longer["input_ids"].shape == (3, 64)
    assert torch.from_dlpack(longer["input_ids"]).dtype == torch.int64
    for message, call in [
        ("`to` is 3 but the longest", lambda: batch.padded(to=3)),
        ("`to` is 1000000000000", lambda: batch.padded(to=10**12)),
        ("`side` is 'middle'", lambda: batch.padded("middle")),
        ("`names` holds 'labels'", lambda: batch.padded(names=["labels"])),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_padding_without_a_padding_token(tmp_path):
    written = json.loads(trained("byte-level"))
    written["added_tokens"] = [token for token in written["added_tokens"] if token["content"] != "[PAD]"]
    del written["model"]["vocab"]["[PAD]"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    encoder = fastpost.Encoder(tmp_path)
    even, uneven = encoder.encode(["ab", "ab"]), encoder.encode(["ab", "a b c"])
    assert even.padded()["attention_mask"].all()
    with pytest.raises(ValueError, match="pass the id to pad with"):
        uneven.padded()
    assert uneven.padded(pad_id=7)["input_ids"][0, -1] == 7
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"pad_token": "[SEP]", "model_input_names": ["input_ids"]})
    )
    named = fastpost.Encoder(tmp_path).encode(["ab", "a b c"]).padded()
    assert list(named) == ["input_ids"]
    assert named["input_ids"][0, -1] == written["model"]["vocab"]["[SEP]"]


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("name", ["rampart", "roberta"])
def test_positions_are_those_of_tokenizers_one_by_one(name, words):
    theirs = tokenizer(name)
    texts, pairs = ["Zoë's café, 北京 \U0001f600 né", "a  b " * 19], ["another one", "x\u200by 12"]
    if words:
        texts, pairs = [text.split() for text in texts], [text.split() for text in pairs]
    theirs.enable_truncation(24, stride=3)
    theirs.no_padding()
    encodings = theirs.encode_batch(list(zip(texts, pairs)), is_pretokenized=words)
    windows = [window for first in encodings for window in (first, *first.overflowing)]
    theirs.no_truncation()
    batch = fastpost.Encoder(theirs).encode(texts, pairs, is_split_into_words=words, max_length=24, stride=3)
    assert len(batch) == len(windows) > 2
    numbers = np.arange(40)
    none, nones = {None: -1}, {None: (-1, -1)}
    for at, window in enumerate(windows):
        assert batch[at].ids.tolist() == window.ids
        for sequence in (0, 1):
            want = [none.get(one, one) for one in (window.char_to_token(int(i), sequence) for i in numbers)]
            assert batch.char_to_token(at, numbers, sequence=sequence).tolist() == want
            want = [none.get(one, one) for one in (window.char_to_word(int(i), sequence) for i in numbers)]
            assert batch.char_to_word(at, numbers, sequence=sequence).tolist() == want
            want = [nones.get(one, one) for one in (window.word_to_tokens(int(i), sequence) for i in numbers)]
            assert [tuple(row) for row in batch.word_to_tokens(at, numbers, sequence=sequence).tolist()] == want
            want = [nones.get(one, one) for one in (window.word_to_chars(int(i), sequence) for i in numbers)]
            assert [tuple(row) for row in batch.word_to_chars(at, numbers, sequence=sequence).tolist()] == want
        want = [nones.get(one, one) for one in (window.token_to_chars(int(i)) for i in numbers)]
        assert [tuple(row) for row in batch.token_to_chars(at, numbers).tolist()] == want


def test_positions_of_any_shape_and_none():
    batch = fastpost.Encoder(tokenizer("rampart")).encode(["one two", ""])
    assert batch.char_to_token(0, [[0, 3], [4, 99]]).tolist() == [[1, -1], [2, -1]]
    assert batch.char_to_token(0, []).tolist() == []
    assert batch.char_to_token(1, [0]).tolist() == [-1]
    assert batch.char_to_token(0, [-1]).tolist() == [-1]
    assert batch.word_to_tokens(1, 0).tolist() == [-1, -1]
    with pytest.raises(TypeError, match="pass integers"):
        batch.char_to_token(0, [0.5])
    with pytest.raises(IndexError):
        batch.char_to_token(2, [0])


def test_a_window_is_a_view():
    batch = fastpost.Encoder(tokenizer("rampart")).encode(["one two three", "four"], max_length=4, stride=1)
    assert [window.text_index for window in batch] == [0, 0, 1]
    assert batch[-1].tokens == ["[CLS]", "four", "[SEP]"]
    assert [window.tokens for window in batch[:2]] == [
        ["[CLS]", "one", "two", "[SEP]"],
        ["[CLS]", "two", "three", "[SEP]"],
    ]
    assert len(batch[0]) == 4
    assert np.shares_memory(batch[1].ids, batch.ids)
    assert repr(batch) == f"Encodings(windows=3, tokens={len(batch.ids)})"
    with pytest.raises(IndexError):
        batch[3]


# Around it.


def test_it_can_be_pickled(folder):
    for source in (folder, tokenizer("rampart")):
        encoder = fastpost.Encoder(source)
        again = pickle.loads(pickle.dumps(encoder))
        assert again.encode(TEXTS).ids.tolist() == encoder.encode(TEXTS).ids.tolist()


def test_threads_share_an_encoder():
    theirs = tokenizer("rampart")
    encoder = fastpost.Encoder(theirs)
    want = read(theirs, TEXTS * 50)
    failed = []

    def work():
        for _ in range(5):
            try:
                assert_same(encoder.encode(TEXTS * 50), want)
            except AssertionError as error:
                failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    assert encoder.report().texts == 20 * 50 * len(TEXTS)


def test_memory_stays_bounded():
    """Encodes a hundred thousand different words several times."""
    encoder = fastpost.Encoder(tokenizer("rampart"), verify=False)
    core = encoder._loaded.core
    most = 0
    for turn in range(12):
        encoder.encode([" ".join(f"w{turn}x{number}" for number in range(50_000))], threads=1)
        most = max(most, core.remembered)
    assert 1 << 20 < most < 32 << 20
    core.forget()
    assert core.remembered == 0


def test_without_tokenizers_a_native_file_works(folder, python):
    """The tokenizers library is not needed until a text has to be sent back to it."""
    text = "A text, encoded."
    printed = python(
        "import sys\n"
        "sys.modules['tokenizers'] = None\n"
        "import fastpost\n"
        f"encoder = fastpost.Encoder({str(folder)!r})\n"
        "assert 'transformers' not in sys.modules\n"
        "assert encoder.report().native and encoder.report().verified is None\n"
        f"print(encoder.encode([{text!r}]).ids.tolist())\n"
        "try:\n"
        "    encoder.encode(['a\\u302eb'])\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    ids, error = printed.splitlines()
    assert json.loads(ids) == Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    assert "pip install tokenizers" in error


def test_a_tokenizer_as_trained_here():
    """A freshly trained model, whatever it has learnt, is encoded natively."""
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]"], show_progress=False)
    theirs = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    theirs.normalizer, theirs.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    theirs.train_from_iterator(SENTENCES, trainer)
    encoder = fastpost.Encoder(theirs)
    assert encoder.report().native
    assert_same(encoder.encode(TEXTS), read(theirs, TEXTS))
