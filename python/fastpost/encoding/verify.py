"""Texts that a new encoder and tokenizers both encode, to be sure that they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastpost.encoding.batch import Columns
from fastpost.encoding.source import Options, Reference

SENTENCES = (
    "The quick brown fox jumps over 13 lazy dogs, doesn't it? It's 9:30 -- they're, we've, I'll, I'd, I'M.",
    'My e-mail is jo@example.org; see https://example.org/a_b?c=d#e (50% off!) "quoted" ... £20 €30 ²½',
    "Das Café an der Straße, ÀÉÎÕÜ Łódź İstanbul ﬁne ǅ ſ Ω ΑΣ Ελλάδα Москва Ёё",
    "在北京工作的人叫李小龙。東京タワー 한국어 조선글 ｆｕｌｌ　ｗｉｄｔｈ 々〆",
    "עברית العَرَبِيَّة हिन्दी नमस्ते ภาษาไทย น้ำ தமிழ் ქართული አማርኛ",
    "a\u0301 e\u0323\u0302 n\u0303 \u0301x x\u0327\u0301 \u1100\u1161\u11a8 가\u11a8 \u0e33 \u09cb",
    "😀 👨‍👩‍👧 👍🏽 🇩🇪 ❤️ \U0001d518\U0001d52b\U0001d526 \U00020000 \U0002f800",
    "\ta  b\n\n c\r\n\r\nd \x0b e\u00a0f\u2003g\u3000h\u2028i\u0085j\u200bk\ufeffl\u00adm\u2060n",
    "x\x00y \x01z \x7f \ufffd \ufffe \ue000 \u202eabc \u2581low\u2581 Ġa ##b </w> <0x41> _ __init__",
    "def f(x):\n    return {'a': [1, 22, 333, 4444, 55555]}  # TODO\n\n\tif x != y && z >= 10_000:",
    "donaudampfschifffahrtsgesellschaft" * 4 + " " + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
    "",
    " ",
    "  two before and after  ",
    "\ufeffdropped first",
    " \u200bdropped behind a blank",
    "\n\x01dropped behind a line end",
    "\n",
)
SHAPES = (
    Options(),
    Options(add_special_tokens=False),
    Options(max_length=24, stride=5),
    Options(max_length=24, stride=5, truncation_side="left"),
)


def samples(added: Sequence[str]) -> list[str]:
    """Some hundred texts: sentences, their words, and each of the `added` tokens in the middle of text."""
    words = [word for sentence in SENTENCES for word in sentence.split(" ")]
    amid = [text for name in added[:40] for text in (name, f"a {name} b", f"a{name}b  {name}\n")]
    return [*SENTENCES, *words, *(f"{a} {b}" for a, b in zip(words, words[7:])), *amid]


def difference(
    encode: Callable[..., tuple[Columns, Sequence[int]]], reference: Reference, texts: list[str]
) -> str | None:
    """Where `encode` and tokenizers differ, as half a sentence; None if they agree.

    `encode` takes texts, pairs and options, and gives columns and the texts that it sent back.
    """
    pairs = texts[1:] + texts[:1]
    jobs: list[tuple[list[Any], list[Any] | None, Options]] = [(texts, None, shape) for shape in SHAPES]
    jobs += [(texts[::3], pairs[::3], shape) for shape in (SHAPES[0], SHAPES[2]._replace(stride=2))]
    split = [text.split(" ") for text in texts[::3]]
    jobs.append((split, None, Options(is_split_into_words=True)))
    for some, other, options in jobs:
        got, sent_back = encode(some, other, options)
        back = set(sent_back)
        kept = np.array([number for number in range(len(some)) if number not in back], np.int64)
        left = [some[number] for number in kept]
        right = None if other is None else [other[number] for number in kept]
        want = Columns.of_encodings(reference.encode(left, right, options), kept)
        for name in ("lengths", "ids", "offsets", "word_ids", "types", "special", "sequences"):
            mine, theirs = getattr(got, name), getattr(want, name)
            if name in ("types", "special", "sequences"):
                mine, theirs = mine(), theirs()
            if not np.array_equal(mine, theirs):
                return f"its {name} differ from those of the installed tokenizers"
    return None
