"""`Encoder` of a tokenizer object that is changed after it was read: it follows, or with `follow=False` does not."""

import json
import pickle

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

import fastpost
from encoder_cases import COLUMNS, assert_same, read, tokenizer
from small_tokenizers import SENTENCES, fast, trained

TEXTS = [*SENTENCES, "", " ", "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"]


def add_words(theirs):
    theirs.add_tokens(["met", AddedToken("Baker Street", normalized=False)])


def add_special(theirs):
    theirs.add_special_tokens(["Brooklyn"])


def set_flags(theirs):
    theirs.add_special_tokens([AddedToken("[MASK]", lstrip=True)])


def set_normalizer(theirs):
    theirs.normalizer = normalizers.BertNormalizer(lowercase=False)


def set_processor(theirs):
    theirs.post_processor = processors.TemplateProcessing("$A [SEP]", "$A $B [SEP]", [("[SEP]", 3)])


def drop_processor(theirs):
    theirs.post_processor = processors.TemplateProcessing("$A", "$A $B", [])


def set_pre_tokenizer(theirs):
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()


def split_special(theirs):
    theirs.encode_special_tokens = True


def set_model(theirs):
    written = json.loads(theirs.to_str())["model"]["vocab"]
    written["hugging"] = len(written)
    theirs.model = models.WordPiece(written, unk_token="[UNK]")


def set_truncation(theirs):
    theirs.enable_truncation(4)
    theirs.enable_padding(length=9)


CHANGES = (
    add_words,
    add_special,
    set_flags,
    set_normalizer,
    set_processor,
    drop_processor,
    set_pre_tokenizer,
    split_special,
    set_model,
    set_truncation,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_tokenizer_that_is_changed_is_followed(change):
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    texts = [*TEXTS, "x [MASK] a[SEP]b"]
    encoder = fastpost.Encoder(theirs)
    before = encoder.encode(texts)
    assert_same(before, read(theirs, texts))
    change(theirs)
    after = encoder.encode(texts)
    assert_same(after, read(theirs, texts))
    same = len(before.ids) == len(after.ids) and all(
        np.array_equal(getattr(before, c), getattr(after, c)) for c in COLUMNS
    )
    assert same == (change is set_truncation)


def test_a_charsmap_is_not_written_down_at_each_call():
    theirs = tokenizer("xlmr")
    encoder = fastpost.Encoder(theirs)
    assert len(theirs.normalizer.__getstate__()) > 8000 > encoder._loaded.state.compared
    want = read(theirs, TEXTS)
    assert_same(encoder.encode(TEXTS), want)
    charsmap, theirs.normalizer = theirs.normalizer, normalizers.Prepend("x")
    try:
        assert_same(encoder.encode(TEXTS), read(theirs, TEXTS))
        assert "not Prepend" in encoder.report().reason
    finally:
        theirs.normalizer = charsmap
    assert encoder.report().native


def test_a_look_for_changes_makes_no_map_of_the_vocabulary():
    """tokenizers 0.22 copies the vocabulary to count its tokens: a millisecond for each call."""
    theirs, asked = tokenizer("rampart"), []

    class Asked:
        def __getattr__(self, name):
            return getattr(theirs, name)

        def get_vocab_size(self, with_added_tokens=True):
            asked.append(with_added_tokens)
            return theirs.get_vocab_size(with_added_tokens)

    state = fastpost.Encoder(theirs)._loaded.state
    assert state.is_of(Asked())
    assert asked == [False]


def test_parts_of_a_long_normalizer_are_followed():
    """A tokenizer with a charsmap is too long to be compared whole at each call."""
    theirs = Tokenizer.from_str(tokenizer("t5").to_str())
    encoder = fastpost.Encoder(theirs)
    texts = [*TEXTS, "ａ  b", "x "]
    before = encoder.encode(texts)
    assert_same(before, read(theirs, texts))
    parts = list(theirs.normalizer)
    theirs.normalizer = normalizers.Sequence([parts[0], normalizers.Strip(left=True, right=True), parts[2]])
    after = encoder.encode(texts)
    assert_same(after, read(theirs, texts))
    theirs.normalizer = normalizers.Sequence(parts[:1])
    assert_same(encoder.encode(texts), read(theirs, texts))


def test_tokens_added_by_transformers_are_followed():
    theirs = fast("byte-level")
    encoder = fastpost.Encoder(theirs)
    assert encoder.encode(["zzyzx"]).lengths.tolist() != [3]
    theirs.add_tokens(["zzyzx"])
    theirs.padding_side = theirs.truncation_side = "left"
    batch = encoder.encode(["zzyzx"])
    assert batch[0].tokens == ["[CLS]", "zzyzx", "[SEP]"]
    assert batch.ids.tolist() == theirs("zzyzx")["input_ids"]


# Kept as it was.

ASKED = [*TEXTS, "x [MASK] a[SEP]b", "sent back: a\u302eb"]


def word_level():
    """A tokenizer that is not native."""
    theirs = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "hugging": 2}, unk_token="[UNK]"))
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return theirs


def add_again(theirs):
    """A token that is there, with another flag: there are as many tokens as before."""
    theirs.add_tokens([AddedToken("a", single_word=True)])


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("change", [*CHANGES, add_again], ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    "source", [lambda: Tokenizer.from_str(trained("wordpiece-uncased")), word_level], ids=["native", "not"]
)
def test_a_tokenizer_that_is_kept_stays_as_it_was(source, change, verify):
    theirs = source()
    if source is word_level and change in (set_processor, set_flags, set_model):
        theirs.add_special_tokens(["[SEP]", "[MASK]"])
    want = read(theirs, ASKED)
    encoder = fastpost.Encoder(theirs, verify=verify, follow=False)
    assert encoder.native == (source is not word_level)
    change(theirs)
    written, splits = theirs.to_str(), theirs.encode_special_tokens
    assert_same(encoder.encode(ASKED), want)
    assert encoder.current() is None if source is word_level else encoder.current().native
    again = pickle.loads(pickle.dumps(encoder))
    assert_same(again.encode(ASKED), want)
    assert (theirs.to_str(), theirs.encode_special_tokens) == (written, splits)
    assert_same(fastpost.Encoder(theirs, verify=verify).encode(ASKED), read(theirs, ASKED))


def test_an_added_token_that_is_given_again_with_other_flags_is_followed():
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.add_tokens(["a"])
    encoder = fastpost.Encoder(theirs)
    texts = ["a banana", "bana a"]
    before = encoder.encode(texts)
    assert_same(before, read(theirs, texts))
    count = len(theirs.get_added_tokens_decoder())
    add_again(theirs)
    assert len(theirs.get_added_tokens_decoder()) == count
    after = encoder.encode(texts)
    assert_same(after, read(theirs, texts))
    assert len(after.ids) != len(before.ids)


def test_a_kept_tokenizer_is_not_asked_for_changes(monkeypatch):
    def asked(*_):
        raise AssertionError("it was asked")

    theirs = tokenizer("rampart")
    encoder = fastpost.Encoder(theirs, follow=False)
    want = read(theirs, TEXTS)
    monkeypatch.setattr(fastpost.encoding.encoder._fastpost, "TokenizerState", asked)
    assert_same(encoder.encode(TEXTS), want)
    with pytest.raises(AssertionError, match="it was asked"):
        fastpost.Encoder(theirs)


def test_a_kept_tokenizer_splits_special_tokens_as_it_did():
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.encode_special_tokens = True
    want = read(theirs, ASKED)
    encoder = fastpost.Encoder(theirs, follow=False)
    theirs.encode_special_tokens = False
    for one in (encoder, pickle.loads(pickle.dumps(encoder))):
        assert one.report().reason == "it splits special tokens"
        assert_same(one.encode(ASKED), want)


def test_a_kept_tokenizer_of_transformers_pads_as_it_did():
    theirs = fast("wordpiece-uncased")
    encoder = fastpost.Encoder(theirs, follow=False)
    want = fastpost.Encoder(theirs).encode(TEXTS).padded()
    theirs.add_special_tokens({"pad_token": "<other>"})
    theirs.model_input_names = ["input_ids"]
    for one in (encoder, pickle.loads(pickle.dumps(encoder))):
        got = one.encode(TEXTS).padded()
        assert list(got) == list(want)
        assert all(np.array_equal(got[name], want[name]) for name in want)
    assert list(fastpost.Encoder(theirs).encode(TEXTS).padded()) == ["input_ids"]


def custom():
    class Whole:
        def pre_tokenize(self, text):
            pass

    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Whole())
    return theirs


def numbered_twice():
    written = json.loads(trained("wordpiece-uncased"))
    written["model"]["vocab"]["zq"] = written["model"]["vocab"]["a"]
    return Tokenizer.from_str(json.dumps(written))


def renumbered():
    theirs = Tokenizer.from_str(trained("wordpiece-uncased"))
    theirs.add_tokens(["<here>"])
    set_model(theirs)
    return theirs


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (custom, "it can't be written and read back"),
        (numbered_twice, "its tokenizer.json does not hold all of it"),
        (renumbered, "its tokenizer.json does not hold all of it"),
    ],
    ids=["custom", "numbered-twice", "renumbered"],
)
def test_what_can_not_be_copied_can_not_be_kept(source, reason):
    with pytest.raises(ValueError, match=f"^`follow` is False but .*{reason}.*; pass follow=True$") as raised:
        fastpost.Encoder(source(), follow=False)
    assert raised.value.argument == "follow"
    assert fastpost.Encoder(source()).encode(["a"]).text_count == 1


def test_it_says_that_it_keeps_the_tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(trained("wordpiece-uncased"))
    assert repr(fastpost.Encoder(Tokenizer.from_file(str(path)), follow=False)) == "Encoder(WordPiece, follow=False)"
    assert repr(fastpost.Encoder(Tokenizer.from_file(str(path)))) == "Encoder(WordPiece)"
    file = fastpost.Encoder(path, follow=False)
    assert_same(file.encode(TEXTS), read(Tokenizer.from_file(str(path)), TEXTS))
    assert pickle.loads(pickle.dumps(file)).encode(TEXTS).ids.tolist() == file.encode(TEXTS).ids.tolist()
