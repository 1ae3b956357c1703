"""`Encoder` over a tokenizer.json as somebody may write it by hand: parts in odd orders, tokens that are blanks."""

import json
import pickle
import re
from copy import deepcopy

import numpy as np
import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

import fastpost
from encoder_cases import COLUMNS, assert_same, read, tokenizer
from small_tokenizers import trained


def added(number, content, *flags):
    """An added token that is looked for in the text as it is, unless it is `normalized`."""
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": number, "content": content, **{name: name in flags for name in names}}


def written(kind, **parts):
    """The tokenizer.json of a small tokenizer, with other parts."""
    return {**json.loads(trained(kind)), **parts}


def loaded(parts):
    """The encoder of such a file, not compared with tokenizers when it is made, and tokenizers' own."""
    theirs = Tokenizer.from_str(json.dumps(parts))
    return fastpost.Encoder(theirs, verify=False), theirs


@pytest.mark.parametrize(
    "name",
    [
        "BarthezTokenizer",
        "DebertaV2Tokenizer",
        "AlbertTokenizer",
        "XLNetTokenizer",
        "FNetTokenizer",
        "RemBertTokenizer",
    ],
)
def test_unigram_as_transformers_makes_it_is_native(name):
    """transformers 5 makes it anew, whatever normalizer the model's file has."""
    rows = [tuple(row) for row in json.loads(trained("unigram"))["model"]["vocab"]]
    made = getattr(transformers, name)(vocab=rows, unk_token="[UNK]")
    encoder = fastpost.Encoder(made)
    assert encoder.native, encoder.report().reason
    texts = [
        "My name\r\nis Zoe\u0301\t",
        " \u1100\u1161 \u0958 a\u00a0b\u2003\u2003c \u2000",
        "\n\n",
        "\u0301 x\u0085\ny",
    ]
    assert_same(encoder.encode(texts, add_special_tokens=False), read(made.backend_tokenizer, texts, special=False))
    assert not encoder.report().sent_back


def test_wordpiece_as_transformers_makes_it_for_mpnet_is_native():
    """Its post-processor trims offsets, and no token begins or ends with a blank."""
    vocab = {**json.loads(trained("wordpiece-uncased"))["model"]["vocab"], "<s>": 500, "</s>": 501, "<mask>": 502}
    made = transformers.MPNetTokenizer(vocab=vocab)
    encoder = fastpost.Encoder(made)
    assert encoder.native, encoder.report().reason
    texts = ["My name is Zoë", "at  <mask> Hugging Face", " <mask>", ""]
    assert_same(encoder.encode(texts), read(made.backend_tokenizer, texts))
    assert not encoder.report().sent_back
    vocab["Ġblank"] = 503
    assert (
        "trims tokens that begin or end" in fastpost.Encoder(transformers.MPNetTokenizer(vocab=vocab)).report().reason
    )


def test_a_letter_that_trimming_takes_for_a_blank_is_left_to_tokenizers():
    parts = json.loads(tokenizer("xlmr-trimmed").to_str())
    encoder, theirs = loaded(parts)
    texts = ["aĠ b", "\u0120", "a b"]
    assert_same(encoder.encode(texts), read(theirs, texts))
    assert encoder.native
    assert sum(encoder.report().sent_back.values()) == 2


@pytest.mark.parametrize("name", ["xlmr", "t5"])
def test_marks_that_releases_divide_otherwise_are_left_to_the_one_at_hand(name):
    """tokenizers 0.22 does not take U+1ACF and its like for part of a grapheme, 0.23 does."""
    theirs = tokenizer(name)
    encoder = fastpost.Encoder(theirs)
    texts = ["a\u00a0\u1acf b", "a\u00a0\u1ad4b", "\u00a0\u1aeb", "a\u00a0\u0301b", "\u1bca"]
    assert_same(encoder.encode(texts), read(theirs, texts))
    reason = "a combining mark that is new to some releases of tokenizers"
    assert encoder.report().sent_back[reason] == 3


BLANKS = {
    "stripped": [added(90_000, "   ", "lstrip", "rstrip")],
    "a tab": [added(90_000, "\t", "lstrip", "rstrip"), added(90_001, "x", "rstrip")],
    "normalized": [added(90_000, "  ", "lstrip", "rstrip", "normalized")],
}


@pytest.mark.parametrize("tokens", BLANKS)
@pytest.mark.parametrize("kind", ["wordpiece-uncased", "byte-level"])
def test_an_added_token_of_blanks_takes_each_blank_once(kind, tokens):
    encoder, theirs = loaded(written(kind, added_tokens=BLANKS[tokens]))
    texts = ["      ", "a      b", "a\t\t\tb", "a \t \t", "x\t\t", "  \n  x     ", "\t", " x   x   "]
    assert_same(encoder.encode(texts), read(theirs, texts))
    assert encoder.native


def test_blanks_over_which_tokenizers_panics_are_an_error_that_says_so():
    encoder, theirs = loaded(
        written("wordpiece-uncased", added_tokens=[added(90_000, "x", "rstrip"), added(90_001, " ", "lstrip")])
    )
    assert encoder.native
    assert_same(encoder.encode(["a x b", "x "]), read(theirs, ["a x b", "x "]))
    with pytest.raises(ValueError, match=r"^tokenizers can't encode one of the texts.*bad split"):
        encoder.encode(["a", "ax    b"])


@pytest.mark.parametrize("second", [(False, True), (True, False), (False, False)], ids=str)
@pytest.mark.parametrize("first", [(True, False), (False, True), (True, True)], ids=str)
def test_white_space_that_is_taken_away_twice(first, second):
    strips = [{"type": "Strip", "strip_left": left, "strip_right": right} for left, right in (first, second)]
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    parts = written("unigram", normalizer={"type": "Sequence", "normalizers": strips}, pre_tokenizer=space)
    encoder, theirs = loaded(parts)
    texts = ["  ab", " a b ", "a  ", "   ", "", "\n a\t", "\u00a0a \u2003", "ab"]
    assert encoder.native
    assert_same(encoder.encode(texts), read(theirs, texts))


@pytest.mark.parametrize("verify", [True, False])
def test_two_tokens_of_one_id_are_both_found(verify):
    """A live tokenizer finds both, and the file that it writes has one of them."""
    parts = written("wordpiece-uncased")
    vocab = parts["model"]["vocab"]
    vocab["zq"] = vocab["a"]
    theirs = Tokenizer.from_str(json.dumps(parts))
    encoder = fastpost.Encoder(theirs, verify=verify)
    assert encoder.report().reason == "it has several tokens of one id"
    texts = ["a zq", "zq", "ab a"]
    assert_same(encoder.encode(texts), read(theirs, texts))


def test_added_tokens_keep_their_ids_when_the_model_becomes_another():
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.add_tokens(["<here>"])
    number = theirs.token_to_id("<here>")
    vocab = theirs.get_vocab(with_added_tokens=False)
    vocab.update({"huggingface": len(vocab) + 5, "bytelevel": len(vocab) + 6})
    theirs.model = models.WordPiece(vocab, unk_token="[UNK]")
    texts = ["x <here> y", "a\u302e<here>", "huggingface"]
    for verify in (True, False):
        encoder = fastpost.Encoder(theirs, verify=verify)
        assert encoder.native, encoder.report().reason
        batch = encoder.encode(texts)
        assert_same(batch, read(theirs, texts))
        assert batch.ids.tolist().count(number) == 2
        assert batch[0].tokens == theirs.encode(texts[0]).tokens


SPELLED_TWICE = [added(5, "<x>", "special"), added(77, "<x>", "lstrip"), added(3, "<y>"), added(9, "[CLS]", "special")]


MOVED = [added(1, "<y>"), added(0, "<z>", "special"), added(1, "<x>")]
LAST = [
    added(5, "<x>", "special", "lstrip"),
    added(5, "<x>", "normalized"),
    added(6, "<y>", "normalized"),
    added(6, "<y>"),
]


@pytest.mark.parametrize("kind", ["wordpiece-uncased", "unigram", "byte-level"])
@pytest.mark.parametrize("tokens", [SPELLED_TWICE, MOVED, LAST])
def test_ids_in_a_file_are_those_that_tokenizers_gives(tokens, kind, tmp_path):
    """It numbers added tokens itself, and takes the flags of the last one of those that are spelled alike."""
    parts = written(kind, added_tokens=tokens, post_processor=None, normalizer=None)
    if kind == "wordpiece-uncased":
        parts["normalizer"] = written(kind)["normalizer"]
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    theirs = Tokenizer.from_file(str(file))
    texts = ["a <x>b", "<y>", "[CLS] a <z>", " <x><y> <z>"]
    want = read(theirs, texts)
    encoder = fastpost.Encoder(file, verify=False)
    assert encoder.native, encoder.report().reason
    batch = encoder.encode(texts)
    assert_same(batch, want)
    assert encoder.token_id("<x>") == theirs.token_to_id("<x>")
    assert batch[1].tokens == theirs.encode("<y>").tokens
    assert encoder.largest_id == max(theirs.get_vocab().values())


def test_of_added_tokens_of_one_id_the_last_is_found(tmp_path):
    """A new one is numbered by the size of the vocabulary, which with holes may be the id of another."""
    parts = written("wordpiece-uncased", added_tokens=[added(0, "zqx"), added(0, "<new>")], post_processor=None)
    vocab = parts["model"]["vocab"]
    vocab["zqx"] = 0
    vocab["far"] = len(vocab) + 900
    vocab["zqx"] = len(vocab)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    texts = ["a zqxb", "<new>a", "zqx"]
    encoder = fastpost.Encoder(file, verify=False)
    assert_same(encoder.encode(texts), read(Tokenizer.from_file(str(file)), texts))


def test_texts_with_added_tokens_that_become_one_when_normalised_are_sent_back():
    """Which of them tokenizers finds changes from run to run."""
    alike = [added(900, "<é>", "normalized"), added(901, "<e\u0301>", "normalized")]
    encoder, theirs = loaded(written("byte-level", added_tokens=alike, normalizer={"type": "NFC"}))
    texts = ["a <e>", "é", "a <é>"]
    assert_same(encoder.encode(texts[:2]), read(theirs, texts[:2]))
    assert encoder.report().sent_back == {}
    encoder.encode(texts)
    assert encoder.report().sent_back == {"an added token, where two became one when normalised": 1}


UNKNOWN = {
    "type": "BPE",
    "dropout": None,
    "unk_token": "?",
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
}


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("merges", [[], [["a", "?"], ["▁", "?"]]], ids=["plain", "merged"])
def test_an_unknown_token_that_is_a_letter_of_the_text(merges, fuse):
    """Unknown characters in a row are one token, and that letter is none of them."""
    vocab = {"?": 0, "▁": 1, "a": 2, "a?": 3, "▁?": 4}
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    model = {
        **UNKNOWN,
        "fuse_unk": fuse,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocab,
        "merges": merges,
    }
    encoder, theirs = loaded(
        written(
            "metaspace-bpe", added_tokens=[], post_processor=None, normalizer=None, pre_tokenizer=space, model=model
        )
    )
    texts = ["?b", "b?", "bb?bb", "??", "a?b?", "ab a?b", " bb", "?", "b ?b"]
    assert encoder.native
    assert_same(encoder.encode(texts), read(theirs, texts))


FAR = {
    "BertProcessing": {"type": "BertProcessing", "sep": ["[FAR]", 90_000], "cls": ["[CLS]", 90_001]},
    "TemplateProcessing": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[FAR]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"[FAR]": {"id": "[FAR]", "ids": [90_001, 90_000], "tokens": ["[CLS]", "[FAR]"]}},
    },
}


def test_an_unknown_token_that_is_the_blank_is_left_to_tokenizers():
    """A letter that is not known merges with the blank after it."""
    vocab = {"▁": 0, "a": 1, "▁▁": 2}
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    options = {"fuse_unk": True, "byte_fallback": False, "ignore_merges": False}
    model = {**UNKNOWN, "unk_token": "▁", **options, "vocab": vocab, "merges": [["▁", "▁"]]}
    encoder, theirs = loaded(
        written(
            "metaspace-bpe", added_tokens=[], post_processor=None, normalizer=space, pre_tokenizer=None, model=model
        )
    )
    texts = ["ab a", "b b", " b"]
    assert "unknown token is the visible blank" in encoder.report().reason
    assert_same(encoder.encode(texts), read(theirs, texts))


@pytest.mark.parametrize("first", ["BertProcessing", "TemplateProcessing"])
def test_a_post_processor_of_bytes_behind_a_template_is_left_to_tokenizers(first):
    """It gives a text's number to each part of the template."""
    last = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    parts = written("wordpiece-uncased", post_processor={"type": "Sequence", "processors": [FAR[first], last]})
    encoder, theirs = loaded(parts)
    texts = ["ab cd", "", "x"]
    assert "ByteLevel after a template" in encoder.report().reason
    assert_same(encoder.encode(texts), read(theirs, texts))
    parts["post_processor"]["processors"].reverse()
    encoder, theirs = loaded(parts)
    assert encoder.native
    assert_same(encoder.encode(texts), read(theirs, texts))


@pytest.mark.parametrize("within", [False, True], ids=["alone", "in a sequence"])
@pytest.mark.parametrize("kind", FAR)
def test_special_tokens_that_are_not_in_the_vocabulary(kind, within):
    """Their ids fit no uint16, and they are spelled as the post-processor does it."""
    processor = {"type": "Sequence", "processors": [FAR[kind]]} if within else FAR[kind]
    encoder, theirs = loaded(written("wordpiece-uncased", post_processor=processor))
    batch = encoder.encode(["abc de"])
    assert_same(batch, read(theirs, ["abc de"]))
    assert batch[0].tokens == theirs.encode("abc de").tokens
    assert encoder.largest_id == 90_001
    ((ids, _),) = encoder.encode_corpus(fastpost.Corpus.from_texts(["abc de"]))
    assert ids.dtype == np.uint32
    assert ids.tolist() == batch.ids.tolist()


@pytest.mark.parametrize("place", ["vocabulary", "added"])
def test_ids_that_do_not_fit_are_refused(place, tmp_path):
    """Columns hold 31 bits, and ids of 32 came out negative. From a file: tokenizers takes a minute to write such a one."""
    parts = written("wordpiece-uncased")
    parts["model"]["vocab"]["zebra"] = 2**31 + 7
    if place == "added":
        parts["added_tokens"] = [*parts["added_tokens"], added(2**31 + 7, "zebra")]
    (tmp_path / "tokenizer.json").write_text(json.dumps(parts))
    encoder = fastpost.Encoder(tmp_path)
    assert "too large" in encoder.report().reason
    assert encoder.encode(["a b"]).ids.min() >= 0
    with pytest.raises(ValueError, match=r"^`tokenizer` gives a token the id 2147483655, and ids are held in 32 bits"):
        encoder.encode(["a zebra"])


def test_ids_that_lie_far_apart_take_no_room(tmp_path):
    """Trimming looks up each token's blanks by its id: one id of two billion made a table of 24 GB."""
    parts = json.loads(trained("byte-level"))
    parts["post_processor"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    parts["model"]["vocab"]["zebra"] = 2**31 - 1
    (tmp_path / "tokenizer.json").write_text(json.dumps(parts))
    encoder = fastpost.Encoder(tmp_path)
    assert re.search(r"its \d+ tokens have ids up to 2147483647", encoder.report().reason)
    assert_same(encoder.encode(["a zebra"]), read(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), ["a zebra"]))


def test_a_file_is_read_once(tmp_path, monkeypatch):
    """A vocabulary of a quarter of a million tokens takes a fifth of a second."""
    parts = json.dumps(written("wordpiece-uncased"))
    (tmp_path / "tokenizer.json").write_text(parts)
    read_json, long = json.loads, []

    def counted(text, **options):
        long.extend([1] if len(text) >= len(parts) // 2 else [])
        return read_json(text, **options)

    monkeypatch.setattr(json, "loads", counted)
    encoder = fastpost.Encoder(tmp_path)
    batch = encoder.encode(["a b", "a"])
    assert batch.padded()["input_ids"].shape == (2, batch.lengths.max())
    assert batch[0].tokens[0] == "[CLS]"
    assert encoder.largest_id == max(read_json(parts)["model"]["vocab"].values())
    assert encoder.token_id("[CLS]") == batch.ids[0]
    assert len(long) == 1


def test_batches_and_windows_are_pickled_and_copied():
    encoder, _ = loaded(written("wordpiece-uncased"))
    texts = ["one two three four five six", "", "seven \u302e", "zürich"]
    batch = encoder.encode(texts, texts[::-1], max_length=8, stride=1)
    for some in (batch, batch[1:3], batch[[2, 0]], batch[:0]):
        for again in (deepcopy(some), *(pickle.loads(pickle.dumps(some, number)) for number in (2, 5))):
            for column in COLUMNS:
                assert np.array_equal(getattr(again, column), getattr(some, column))
                assert getattr(again, column).dtype == getattr(some, column).dtype
            assert again.text_count == some.text_count
            assert [window.tokens for window in again] == [window.tokens for window in some]
            padded = some.padded()
            assert list(again.padded()) == list(padded)
            assert all(np.array_equal(array, padded[name]) for name, array in again.padded().items())
    window = pickle.loads(pickle.dumps(batch[1]))
    assert window.tokens == batch[1].tokens
    assert window.text_index == batch[1].text_index
    assert np.array_equal(window.sequence_ids, batch[1].sequence_ids)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"to": "x"}, "`to` is 'x', a str"),
        ({"to": 14.0}, "`to` is 14.0, a float"),
        ({"to": True}, "`to` is True"),
        ({"pad_id": 1.5}, "`pad_id` is 1.5, a float"),
        ({"pad_id": "a"}, "`pad_id` is 'a', a str"),
    ],
    ids=str,
)
def test_what_pads_is_an_integer(options, told):
    encoder, _ = loaded(written("wordpiece-uncased"))
    with pytest.raises(TypeError, match=f"^{told}; pass an int|^{told}.*pass an int"):
        encoder.encode(["a"]).padded(**options)


def _pairs_of_scores(seed: int) -> list[tuple[str, float]]:
    draw = np.random.default_rng(seed).uniform(-12, -2, 3)
    return [("<unk>", 0.0), *zip(["▁", "1", "11"], draw.tolist(), strict=True)]


@pytest.mark.parametrize("by_file", [False, True])
def test_scores_of_equal_ways_to_cut_a_word_keep_their_last_bit(tmp_path, by_file):
    """`1`, `11` and `11`, `1` are equally good but for rounding, and tokenizers reads a score from a file less exactly than it holds it."""
    for seed in range(300):
        live = Tokenizer(models.Unigram(_pairs_of_scores(seed), unk_id=0))
        live.pre_tokenizer = pre_tokenizers.Metaspace()
        path = tmp_path / "tokenizer.json"
        live.save(str(path))
        theirs = Tokenizer.from_file(str(path)) if by_file else live
        ours = fastpost.Encoder(path if by_file else live, verify=False)
        assert ours.report().native
        for text in ("111", "11111", "1111111 111"):
            assert ours.encode([text])[0].tokens == theirs.encode(text).tokens, (seed, text)
