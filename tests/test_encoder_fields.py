"""`Encoder` over a tokenizer.json with fields that are missing, of another type, or those of another part."""

import copy
import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import fastpost
from encoder_cases import assert_same, read, tokenizer
from small_tokenizers import trained

TEXTS = ["The Café is ''here''.", " Two  words", "\u0301ab", "", "x"]
MARKS = {"sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
TRIMS = {"trim_offsets": True, "add_prefix_space": True}
UNTYPED = {
    "normalizer": ("unigram", "normalizer", {"normalizers": [{"type": "Lowercase"}]}),
    "one normalizer": ("unigram", "normalizer", {"strip_left": True, "strip_right": True}),
    "letters": ("letters", "normalizer", {"normalizers": [{"type": "Lowercase"}]}),
    "pairs": ("byte-level", "post_processor", MARKS),
    "trimmed pairs": ("wordpiece-uncased", "post_processor", {**MARKS, **TRIMS}),
}
ANOTHER = {
    "RobertaProcessing that lacks a field": {"type": "RobertaProcessing", **MARKS, "trim_offsets": True},
    "RobertaProcessing with a number": {"type": "RobertaProcessing", **MARKS, "trim_offsets": 1, "add_prefix_space": True},
    "BertProcessing that trims": {"type": "BertProcessing", **MARKS, **TRIMS},
    "ByteLevel with marks": {"type": "ByteLevel", **MARKS, **TRIMS},
    "a sequence with marks": {"type": "Sequence", "processors": [], **MARKS},
    "a template with marks": {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {},
        **MARKS,
    },
}  # fmt: skip


def document(kind):
    """The tokenizer.json of a small tokenizer, one that the library can read and that is native."""
    if kind == "letters":
        return json.loads(tokenizer("llama2-metaspace").to_str())
    parts = json.loads(trained(kind))
    return {**parts, "normalizer": None} if kind == "unigram" else parts


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("case", UNTYPED)
def test_a_part_that_does_not_say_its_type_is_no_missing_part(case, verify, tmp_path):
    """In files of old releases parts are told by their fields."""
    kind, name, part = UNTYPED[case]
    parts = document(kind)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    assert fastpost.Encoder(file).native
    file.write_text(json.dumps({**parts, name: part}))
    encoder = fastpost.Encoder(file, verify=verify)
    assert encoder.report().reason == "one of its parts does not say its type"
    assert_same(encoder.encode(TEXTS, TEXTS[::-1]), read(Tokenizer.from_file(str(file)), TEXTS, TEXTS[::-1]))


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("case", ANOTHER)
def test_a_post_processor_with_the_fields_of_another_is_that_one(case, within, tmp_path):
    part = ANOTHER[case]
    parts = {**document("byte-level"), "post_processor": {"type": "Sequence", "processors": [part]} if within else part}
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    encoder = fastpost.Encoder(file, verify=False)
    assert encoder.report().reason.endswith("has the fields of another")
    assert_same(encoder.encode(TEXTS, TEXTS[::-1]), read(Tokenizer.from_file(str(file)), TEXTS, TEXTS[::-1]))


def change(*path):
    """Puts a value, the last of `path`, where the others lead to; with None there, nothing is left."""
    *way, last, value = path

    def changed(parts):
        at = parts
        for step in way:
            at = at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return changed


NO_TOKENIZER = {
    "a flag that is missing": ("wordpiece-uncased", change("normalizer", "lowercase", None)),
    "a flag that is a number": ("wordpiece-uncased", change("normalizer", "strip_accents", 1)),
    "no length of words": ("wordpiece-uncased", change("model", "max_input_chars_per_word", None)),
    "no prefix": ("wordpiece-uncased", change("model", "continuing_subword_prefix", None)),
    "an added token without a flag": ("byte-level", change("added_tokens", 0, "lstrip", None)),
    "added tokens that are no list": ("byte-level", change("added_tokens", {})),
    "a rate that is a string": ("byte-level", change("model", "dropout", "0.1")),
    "a merge of three": ("byte-level", change("model", "merges", 0, ["a", "b", "c"])),
    "an option that is a string": ("byte-level", change("model", "fuse_unk", "yes")),
    "ByteLevel that does not say": ("byte-level", change("pre_tokenizer", "add_prefix_space", None)),
    "a row of three": ("unigram", change("model", "vocab", 3, ["a", -1.0, 2])),
    "a blank of two characters": ("unigram", change("pre_tokenizer", "replacement", "▁▁")),
    "no strip_left": ("unigram", change("normalizer", {"type": "Strip", "strip_right": True})),
}


@pytest.mark.parametrize("case", NO_TOKENIZER)
def test_a_file_that_is_no_tokenizer_is_refused_without_comparing(case, tmp_path):
    kind, changed = NO_TOKENIZER[case]
    parts = copy.deepcopy(document(kind))
    changed(parts)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    for verify in (True, False):
        with pytest.raises(ValueError, match=r"^the tokenizer\.json that was given holds no tokenizer"):
            fastpost.Encoder(file, verify=verify)


@pytest.mark.parametrize("part", [{"version": "2.0"}, {"decoder": 3}, {"truncation": "yes"}], ids=str)
def test_parts_that_encoding_does_not_need_are_seen_when_it_is_compared(part, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({**document("wordpiece-uncased"), **part}))
    with pytest.raises(ValueError, match=r"^the tokenizer\.json that was given holds no tokenizer"):
        fastpost.Encoder(file)
    encoder = fastpost.Encoder(file, verify=False)
    assert len(encoder.encode(["a b"]))
    with pytest.raises(ValueError, match=r"^the tokenizer\.json that was given holds no tokenizer"):
        encoder.encode(["a\u302eb"])


def test_a_charsmap_over_which_tokenizers_panics_is_no_tokenizer(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text(
        json.dumps({**document("unigram"), "normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}})
    )
    with pytest.raises(ValueError, match=r"^the tokenizer\.json that was given holds no tokenizer: Precompiled"):
        fastpost.Encoder(file)


FIRST = {
    "an accent": (normalizers.StripAccents(), ["\u0301ab c", "\u0301\u0301", "\u0301 ab", "ab\u0301"]),
    "a string": (normalizers.Replace("ab", ""), ["abc", "ababc", "ab c", "cab"]),
    "two characters": (normalizers.Replace("ab", "x"), ["abc", "ab", "cab", " abc"]),
    "one character": (normalizers.Replace("a", "bb"), ["abc", "a", "ca"]),
    "a decomposed accent": (
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        ["e\u0301ab", "\u0344ab", "éab"],
    ),
}


@pytest.mark.parametrize("case", FIRST)
def test_a_text_whose_first_character_goes_has_no_start(case):
    """A scheme that puts a blank at the start of a text finds none there."""
    theirs = Tokenizer.from_str(trained("unigram"))
    theirs.normalizer, texts = FIRST[case]
    theirs.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    encoder = fastpost.Encoder(theirs, verify=False)
    assert encoder.native, encoder.report().reason
    for _ in range(2):  # from the memory, too
        assert_same(encoder.encode(texts), read(theirs, texts))
    assert not encoder.report().sent_back


def test_bytes_that_share_an_id_are_all_merged(tmp_path):
    parts = document("byte-level")
    vocab = parts["model"]["vocab"]
    vocab["z"] = vocab["a"]
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    texts = ["name nzme", "at zt az za", "z"]
    encoder = fastpost.Encoder(file, verify=False)
    assert encoder.native
    assert_same(encoder.encode(texts), read(Tokenizer.from_file(str(file)), texts))


def test_letters_with_an_id_that_does_not_fit_are_left_to_tokenizers(tmp_path):
    parts = document("letters")
    parts["model"]["vocab"]["é"] = 2**31 + 7
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(parts))
    encoder = fastpost.Encoder(file, verify=False)
    assert "too large" in encoder.report().reason
    with pytest.raises(ValueError, match=r"^`tokenizer` gives a token the id 2147483655"):
        encoder.encode(["é"])


def test_a_unigram_that_draws_tokens_is_left_to_tokenizers():
    rows = [("<unk>", 0.0), *((letter, -2.0) for letter in "▁abcdef"), ("abc", -2.5), ("bcd", -2.5)]
    theirs = Tokenizer(models.Unigram(rows, 0))
    theirs.pre_tokenizer = pre_tokenizers.Metaspace()
    encoder = fastpost.Encoder(theirs)
    assert encoder.native
    theirs.model.alpha = 0.3
    assert encoder.report().reason == "its model draws tokens at random"
    assert len({tuple(encoder.encode(["abcdefabcdef"]).ids.tolist()) for _ in range(200)}) > 1
    theirs.model.alpha = None
    assert encoder.native
    assert encoder.encode(["abcd"]).ids.tolist() == theirs.encode("abcd").ids


@pytest.mark.parametrize(
    ("named", "names"),
    [
        ("input_ids", ["input_ids"]),
        (3, ["input_ids"]),
        (["input_values"], ["input_ids"]),
        (["attention_mask", None, "attention_mask"], ["input_ids", "attention_mask"]),
        ([], ["input_ids", "token_type_ids", "attention_mask"]),
    ],
)
def test_ids_are_among_the_inputs_whatever_a_configuration_names(named, names, tmp_path):
    (tmp_path / "tokenizer.json").write_text(trained("wordpiece-uncased"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_input_names": named}))
    assert list(fastpost.Encoder(tmp_path, verify=False).encode(["a b", "a"]).padded()) == names


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xff", b"[]", b"null"])
def test_a_configuration_that_is_damaged_is_named(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(trained("wordpiece-uncased"))
    file = tmp_path / "tokenizer_config.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"holds no JSON object; a tokenizer_config\.json does") as told:
        fastpost.Encoder(tmp_path)
    assert told.value.file == str(file)
