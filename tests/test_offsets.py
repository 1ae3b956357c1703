"""`OffsetMap`, `OffsetMap.through` and `check_offsets`, beside plain Python."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastpost
import small_tokenizers
from strategies import texts as odd_texts

UNITS = ("chars", "utf8", "utf16", "graphemes")
# Characters of every plane, and some that combine with others.
ALL_PLANES = "aé中\uffff\U00010000🤗\U0002ffff\U000e0001\U0010ffff"
texts = st.one_of(
    odd_texts,
    st.text("ab\r\né\u0301中🤗👩\u200d🇩🇪", max_size=20),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.text(st.characters(max_codepoint=127), max_size=20),
)


def places(text: str, unit: str) -> list[int | None]:
    """The character position of every position in `unit`; None inside a character. Plain Python."""
    if unit == "chars":
        return list(range(len(text) + 1))
    codec, width = {"utf8": ("utf-8", 1), "utf16": ("utf-16-le", 2)}[unit]
    out: list[int | None] = []
    for at, char in enumerate(text):
        out += [at] + [None] * (len(char.encode(codec)) // width - 1)
    return [*out, len(text)]


@settings(max_examples=150)
@given(texts)
@example(ALL_PLANES)
@example("")
def test_units_equal_plain_python(text):
    made = fastpost.OffsetMap(text)
    for source in UNITS[:3]:
        want = places(text, source)
        assert made.length(source) == len(want) - 1
        exact = [at for at, place in enumerate(want) if place is not None]
        chars = [place for place in want if place is not None]
        assert made.convert(exact, source, "chars").tolist() == chars
        assert made.convert(chars, "chars", source).tolist() == exact
        for target in UNITS[:3]:
            there = made.convert(exact, source, target)
            assert made.convert(there, target, source).tolist() == exact
        for at, place in enumerate(want):
            if place is None:
                floor = max(p for p in want[:at] if p is not None)
                assert made.convert(at, source, "chars", inside="floor") == floor
                assert made.convert(at, source, "chars", inside="ceil") == floor + 1
                assert made.convert([[at, at]], source, "chars", inside="outward").tolist() == [[floor, floor + 1]]
                with pytest.raises(ValueError, match=rf"`positions\[1\]` is {at} .* inside a character"):
                    made.convert([0, at], source, "chars")


@given(texts)
@example("a\r\nb")
def test_graphemes_lie_between_characters(text):
    made = fastpost.OffsetMap(text)
    edges = made.convert(np.arange(made.length("graphemes") + 1), "graphemes", "chars")
    assert edges[0] == 0
    assert edges[-1] == len(text)
    assert (np.diff(edges) > 0).all()
    assert made.convert(edges, "chars", "graphemes").tolist() == list(range(len(edges)))
    for at in set(range(len(text))) - set(edges.tolist()):
        assert made.convert(at, "chars", "graphemes", inside="ceil") == 1 + made.convert(
            at, "chars", "graphemes", inside="floor"
        )


def test_graphemes_of_some_texts():
    for text, count in (("e\u0301a", 2), ("👨‍👩‍👧!", 2), ("🇩🇪🇫🇷", 2), ("\r\n", 1), ("각", 1), ("", 0)):
        assert fastpost.OffsetMap(text).length("graphemes") == count, text


def test_shapes_and_scalars():
    made = fastpost.OffsetMap("aé🤗")
    assert made.convert(3, "chars", "utf8") == 7
    assert type(made.convert(3, "chars", "utf8")) is int
    assert made.convert([[0, 1], [1, 3]], "chars", "utf16").tolist() == [[0, 1], [1, 4]]
    assert made.convert(np.array([], np.int32), "chars", "utf8").shape == (0,)
    assert made.convert(np.arange(4)[::-1], "chars", "utf8").tolist() == [7, 3, 1, 0]
    given_array = np.array([0, 1])
    made.convert(given_array, "chars", "utf8")[0] = 7  # the result is a new array
    assert given_array.tolist() == [0, 1]
    assert fastpost.OffsetMap("abc").convert(given_array, "chars", "utf8").base is not given_array


def test_errors_name_what_is_wrong():
    made = fastpost.OffsetMap("a🤗")
    for call, message in (
        (lambda: made.convert([0, 6], "utf8", "chars"), r"`positions\[1\]` is 6 but the text has 5 UTF-8 bytes"),
        (lambda: made.convert(-1, "chars", "utf8"), r"`positions\[0\]` is -1"),
        (lambda: made.convert(0, "bytes", "chars"), r'`source` is "bytes"; choose "chars"'),
        (lambda: made.convert(0, "chars", "x"), r'`target` is "x"'),
        (lambda: made.convert(0, "chars", "utf8", inside="x"), r'`inside` is "x"'),
        (lambda: made.convert([0, 1, 2], "chars", "utf8", inside="outward"), r"shape \(3,\)"),
        (lambda: fastpost.OffsetMap("ab\ud83dc"), "lone surrogate at character 2"),
        (lambda: made.through("NFX"), r'`normalizer` is "NFX"'),
        (lambda: made.through("NFC").to_original([[0, 3]]), r"`spans\[0\]` is \(0, 3\) but the normalised text has 2"),
        (lambda: made.through("NFC").to_normalized([[2, 1]]), r"`spans\[0\]` is \(2, 1\)"),
        (lambda: made.through(lambda text: text[::-1] + "x"), "nothing leads back"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for call in (
        lambda: fastpost.OffsetMap(b"a"),
        lambda: made.convert([0.5], "chars", "utf8"),
        lambda: made.through("NFC").to_original([1, 2, 3]),
        lambda: made.through(3),
        lambda: made.through(lambda text: 3),
    ):
        with pytest.raises(TypeError):
            call()


PLAIN = {
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
    "NFKD": lambda text: unicodedata.normalize("NFKD", text),
    "lower": str.lower,
    "casefold": str.casefold,
    "whitespace": lambda text: re.sub(r"\s+", " ", text),
}
# Characters in Python's tables: a newer Unicode may treat the others differently.
assigned = st.characters(codec="utf-8", exclude_categories=("Cn", "Cs", "Co"))
composing = st.text("aeE é\u0301\u0323ﬁ½İΣσ각\u1100\u1161\u11a8क\u093c\u0958か\u3099ﾊﾟ\t\n", max_size=10)
normal_texts = st.one_of(composing, composing, st.text(assigned, max_size=12), odd_texts)


@settings(max_examples=200)
@given(normal_texts, st.lists(st.sampled_from(sorted(PLAIN)), min_size=1, max_size=3), st.data())
@example("ΟΔΟΣ", ["lower"], None)
def test_spans_of_normal_forms_find_their_way_back(text, names, data):
    # A Python function that does the same step by step, and the text it leaves.
    def plain(part: str) -> str:
        for name in names:
            part = PLAIN[name](part)
        return part

    made = fastpost.OffsetMap(text).through(names)
    if any(unicodedata.category(char) == "Cn" for char in text):
        return
    assert made.normalized == plain(text)
    length = len(made.normalized)
    if data is None:
        spans = np.array([[0, length]])
    else:
        ends = st.tuples(st.integers(0, length), st.integers(0, length)).map(sorted)
        spans = np.array(data.draw(st.lists(ends, max_size=5)), np.int64).reshape(-1, 2)
    original = made.to_original(spans)
    assert original.shape == spans.shape
    wider = made.to_normalized(original)
    for (start, end), (a, b), (c, d) in zip(spans, original, wider):
        assert 0 <= a <= b <= len(text)
        if start == end:
            assert a == b
            continue
        assert c <= start < end <= d
        # The final sigma depends on text outside its own piece; nothing else does.
        assert plain(text[a:b]).replace("ς", "σ") == made.normalized[c:d].replace("ς", "σ")
    assert (made.to_original(wider) == original).all() or (spans[:, 0] == spans[:, 1]).any()


def test_normal_forms_of_some_texts():
    for text, names, normal, span, want in (
        ("Caf\u0065\u0301 au  lait", ["NFC", "lower", "whitespace"], "café au lait", (3, 8), (3, 10)),
        ("ﬁnal", "NFKC", "final", (0, 1), (0, 1)),
        ("Straße", "casefold", "strasse", (5, 6), (4, 5)),
        ("x\u00a0\u3000y", "whitespace", "x y", (1, 3), (1, 4)),
    ):
        made = fastpost.OffsetMap(text).through(names)
        assert made.normalized == normal
        assert made.original == text
        assert made.to_original([span]).tolist() == [list(want)]


def test_functions_are_aligned_by_grapheme():
    made = fastpost.OffsetMap("Ae\u0301ß").through([str.upper, lambda text: text.replace("\u0301", "")])
    assert made.normalized == "AESS"
    assert made.to_original([[1, 2], [2, 3], [0, 4]]).tolist() == [[1, 3], [3, 4], [0, 4]]


def test_normalizers_of_tokenizers():
    from tokenizers import normalizers

    for normalizer in (
        normalizers.NFKC(),
        normalizers.Lowercase(),
        normalizers.BertNormalizer(),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        normalizers.Sequence([normalizers.Strip(), normalizers.Replace("l", "LL")]),
    ):
        text = " Ça  e\u0301l ﬁn É "
        made = fastpost.OffsetMap(text).through(normalizer)
        assert made.normalized == normalizer.normalize_str(text)
        at = made.normalized.lower().index("l")
        start, end = made.to_original([[at, at + 1]])[0]
        assert text[start:end] == "l", normalizer
    # A mark that the normaliser drops belongs to its letter: redaction must not leave it behind.
    made = fastpost.OffsetMap("xe\u0301y").through(
        normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents()])
    )
    assert made.to_original([[1, 2]]).tolist() == [[1, 3]]


def test_faults_are_named():
    faults = fastpost.check_offsets([[0, 0], [0, 2], [1, 4], [4, 4], [3, 9], [5, 4], [2, 5], [0, 1]], "abcdefg")
    assert [(fault.token, fault.kind) for fault in faults] == [
        (2, "overlap"),
        (3, "zero-width"),
        (4, "out-of-range"),
        (5, "reversed"),
        (6, "overlap"),
        (7, "backwards"),
    ]
    assert faults[0].message == "token 2 is at (1, 4) and shares characters with token 1 at (0, 2)"
    assert faults[2].message == "token 4 is at (3, 9) but the text has 7 characters"
    assert (faults[0].start, faults[0].end) == (1, 4)
    masked = fastpost.check_offsets([[0, 0], [0, 2]], "ab", special_tokens_mask=[0, 0])
    assert [(fault.token, fault.kind) for fault in masked] == [(0, "zero-width")]
    with pytest.raises(ValueError, match="special_tokens_mask"):
        fastpost.check_offsets([[0, 0]], "ab", special_tokens_mask=[0, 0])
    with pytest.raises(TypeError):
        fastpost.check_offsets([[[0, 0]]], "ab")


def test_offsets_of_a_batch():
    tokenizer = small_tokenizers.fast("byte-level", 16)
    texts = ["🤗 is", small_tokenizers.SENTENCES[0]]
    alone = [fastpost.check_offsets(tokenizer.backend_tokenizer.encode(text), text) for text in texts]
    assert alone[0]
    assert fastpost.check_offsets(tokenizer(texts), texts) == alone
    assert fastpost.check_offsets(tokenizer(texts).encodings, texts) == alone
    assert fastpost.check_offsets(tokenizer(texts[0]), texts[0]) == alone[0]
    windows = tokenizer(texts, truncation=True, stride=2, return_overflowing_tokens=True)
    found = fastpost.check_offsets(windows, texts)
    assert len(found) == len(windows.encodings) > 2
    assert found[1:] == [[]] * (len(found) - 1)
    with pytest.raises(ValueError, match="`encoding` has 2 rows but `text` is one str; pass the list of texts"):
        fastpost.check_offsets(tokenizer(texts), texts[0])
    with pytest.raises(ValueError, match="`text` has 1 item but `encoding` is made of 2; pass one text for each"):
        fastpost.check_offsets(tokenizer(texts), texts[:1])
    with pytest.raises(ValueError, match="`special_tokens_mask` is given for a list of texts"):
        fastpost.check_offsets(tokenizer(texts), texts, special_tokens_mask=[0])
    slow = small_tokenizers.SlowTokenizer.trained()
    with pytest.raises(
        TypeError, match="`encoding` is a BatchEncoding without `encodings`, as slow tokenizers make it"
    ):
        fastpost.check_offsets(slow("Anna"), "Anna")


@pytest.mark.parametrize("kind", ["wordpiece-cased", "metaspace-bpe", "byte-level"])
def test_offsets_of_tokenizers(kind):
    tokenizer = small_tokenizers.fast(kind).backend_tokenizer
    text = small_tokenizers.SENTENCES[0]
    assert fastpost.check_offsets(tokenizer.encode(text), text) == []
    if kind == "byte-level":
        kinds = {fault.kind for fault in fastpost.check_offsets(tokenizer.encode("🤗"), "🤗")}
        assert kinds == {"overlap"}


def test_an_overlap_is_with_the_token_that_reaches_farthest():
    found = fastpost.check_offsets([(0, 2), (1, 4), (3, 6)], "abcdef")
    assert [(fault.token, fault.kind) for fault in found] == [(1, "overlap"), (2, "overlap")]
