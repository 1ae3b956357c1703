"""The splitters give the words of the tokenizers library."""

import json

import pytest
from hypothesis import given
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from fastpost._fastpost import Splitter
from training_bases import (
    NORMALIZERS,
    PRE_TOKENIZERS,
    TRICKY,
    examples,
    python_functions,
    random_unicode,
    texts,
    xquad,
)

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# The character that ByteLevel writes for each byte.
PRINTABLE = [byte for byte in range(256) if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
SHOWN = {byte: 256 + index for index, byte in enumerate(OTHERS)}


def ours(normalizer, pre_tokenizer) -> Splitter:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    document = json.loads(tokenizer.to_str())
    return Splitter(json.dumps(document["normalizer"]), json.dumps(document["pre_tokenizer"]))


def same(normalizer, pre_tokenizer, samples) -> None:
    splitter = ours(normalizer, pre_tokenizer)
    for text in samples:
        got = splitter.split(text)
        got = [w.decode("latin-1").translate(SHOWN) if splitter.byte_level else w.decode() for w in got]
        if normalizer is not None:
            text = normalizer.normalize_str(text)
        assert got == [word for word, _ in pre_tokenizer.pre_tokenize_str(text)], repr(text[:80])


def blocks(codes, shape):
    """The shape filled in with each code point, 256 of them in a text."""
    for first in range(0, len(codes), 256):
        yield "".join(shape.replace("x", chr(code)) for code in codes[first : first + 256])


@pytest.mark.parametrize("kind", ["gpt2", "qwen3.5", "o200k", "deepseek", "bloom", "bert"])
def test_every_code_point(kind):
    """The properties that the tables hold: letter, case, mark, number, space, punctuation."""
    same(None, PRE_TOKENIZERS[kind](), blocks(CODE_POINTS, "xAx.x1"))


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
def test_characters_in_every_neighbourhood(kind):
    """Each code point alone, doubled, and after and before a letter, a digit, a space, a mark, punctuation and a line end."""
    codes = [*range(0x500), *range(0x2000, 0x2200), *map(ord, TRICKY), *CODE_POINTS[0x500::97]]
    same(None, PRE_TOKENIZERS[kind](), blocks(codes, "xax1x x.x\u0301xxAx\nx's"))


@pytest.mark.parametrize("kind", NORMALIZERS)
def test_every_code_point_normalised(kind):
    whole = pre_tokenizers.Metaspace(split=False, prepend_scheme="never")
    same(NORMALIZERS[kind](), whole, blocks(CODE_POINTS, "xa \u0301"))


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
def test_real_texts(kind):
    samples = [*xquad("en")[:100], *xquad("zh")[:100], *random_unicode(), *python_functions(0.1)]
    same(None, PRE_TOKENIZERS[kind](), samples)


@pytest.mark.parametrize("kind", NORMALIZERS)
def test_real_texts_normalised(kind):
    same(NORMALIZERS[kind](), pre_tokenizers.BertPreTokenizer(), [*random_unicode(), *xquad("zh")[:50]])


@pytest.mark.parametrize("kind", PRE_TOKENIZERS)
@examples(60)
@given(texts)
def test_any_text(kind, text):
    same(None, PRE_TOKENIZERS[kind](), [text])


@pytest.mark.parametrize("kind", NORMALIZERS)
@examples(40)
@given(texts)
def test_any_text_normalised(kind, text):
    same(NORMALIZERS[kind](), pre_tokenizers.BertPreTokenizer(), [text])


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer", "why"),
    [
        ({"type": "Nmt"}, {"type": "BertPreTokenizer"}, "normalizer Nmt"),
        ({"type": "Replace", "pattern": {"Regex": "a"}, "content": ""}, None, "regular expression"),
        (None, {"type": "Whitespace"}, "pre-tokenizer Whitespace"),
        (
            None,
            {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False},
            "expression",
        ),
        (
            None,
            {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": False},
            "expression",
        ),
    ],
)
def test_what_is_not_ours_says_why(normalizer, pre_tokenizer, why):
    with pytest.raises(ValueError, match=why):
        Splitter(json.dumps(normalizer), json.dumps(pre_tokenizer))


def test_classes_are_the_library_s():
    """`\\p{L}` and `\\p{N}` are not Rust's alphabetic and numeric: there are marks that are alphabetic."""
    letters = pre_tokenizers.Split(Regex(r"\p{L}+"), "isolated")
    assert [word for word, _ in letters.pre_tokenize_str("a\u0345b")] == ["a", "\u0345", "b"]
    assert ours(None, PRE_TOKENIZERS["gpt2"]()).split("a\u0345b") == [b"a", "\u0345".encode(), b"b"]
