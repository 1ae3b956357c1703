"""Planted texts with marked entities, and the logits of an ideal model for them with three kinds of tokens.

`<PER>Anna</PER>'s brother` is the text `Anna's brother` with one gold entity. The ideal model is sure of every token, and
right: a token inside an entity has its label, the first one with `B-`. So any other entity is the decoder's fault.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CASES = Path(__file__).parent / "cases" / "own_mode.json"
_MARK = re.compile(r"<(/?)([A-Z]+)>")


@dataclass(frozen=True)
class Tokens:
    """Tokens of one text."""

    offsets: list[tuple[int, int]]
    word_ids: list[int]


def cases() -> list[str]:
    """The marked texts in which the decoder must find the gold entities."""
    return [text for texts in json.loads(CASES.read_text(encoding="utf-8"))["right"].values() for text in texts]


def known() -> list[dict[str, str]]:
    """The texts in which it finds other entities: `gold` and `found`, both marked texts, and `why`."""
    return json.loads(CASES.read_text(encoding="utf-8"))["known"]


def unmarked(marked: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The text without its marks, and the spans between them."""
    text, spans, last, start = "", [], 0, 0
    for mark in _MARK.finditer(marked):
        text += marked[last : mark.start()]
        if mark[1]:
            spans.append((start, len(text), mark[2]))
        start, last = len(text), mark.end()
    return text + marked[last:], spans


def wordpiece(text: str) -> Tokens:
    """Tokens as BERT makes them: words end at white space and punctuation, each ideograph is a word, controls have no token."""
    words: list[list[int]] = []
    fresh = True
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        if category in ("Cc", "Cf") and char not in "\t\n\r":
            continue
        alone = category[0] in "PS" or "\u4e00" <= char <= "\u9fff"
        if char.isspace():
            fresh = True
        elif alone or fresh:
            words.append([at])
            fresh = alone
        else:
            words[-1].append(at)
    return _pieces(text, words)


def byte_level(text: str) -> Tokens:
    """Tokens as GPT-2 makes them: `'s` and its like are words, marks are apart from letters, a character of several bytes is two tokens."""
    words: list[list[int]] = []
    at = 0
    while at < len(text):
        short = re.compile("'(?:s|t|re|ve|m|ll|d)").match(text, at)
        end = short.end() if short else at + 1
        kind = _kind(text[at])
        while not short and end < len(text) and _kind(text[end]) == kind:
            end += 1
        if kind != " ":
            words.append(list(range(at, end)))
        at = end
    tokens = _pieces(text, words)
    wide = [1 if text[start:end].isascii() else 2 for start, end in tokens.offsets]
    return Tokens(
        *(np.repeat(np.array(list(part)), wide, axis=0).tolist() for part in (tokens.offsets, tokens.word_ids))
    )


def metaspace(text: str) -> Tokens:
    """Tokens as SentencePiece makes them: words end at white space only, and a word's first token includes the space before it."""
    offsets, word_ids = [], []
    for number, word in enumerate(re.finditer(r"\S+", text)):
        for piece in _runs(text, word.start(), word.end()):
            lead = piece[0] == word.start() and piece[0] > 0
            offsets.append((piece[0] - lead, piece[1]))
            word_ids.append(number)
    return Tokens(offsets, word_ids)


KINDS = {"wordpiece": wordpiece, "byte-level": byte_level, "metaspace": metaspace}


def _kind(char: str) -> str:
    return " " if char.isspace() else unicodedata.category(char)[0] if char.isalnum() else "."


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces of up to four letters or up to four digits; any other character is a piece of its own."""
    at = start
    while at < end:
        kind, stop = _kind(text[at]), at + 1
        most = at + (1 if _alone(text[at]) else 4)
        while kind != "." and stop < min(end, most) and _kind(text[stop]) == kind and not _alone(text[stop]):
            stop += 1
        yield at, stop
        at = stop


def _alone(char: str) -> bool:
    """Whether no other letter shares its token: scripts without spaces."""
    return unicodedata.name(char, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"))


def _pieces(text: str, words: list[list[int]]) -> Tokens:
    """Tokens of up to three letters or digits each, or of one other character, out of the characters of words."""
    offsets, word_ids = [], []
    for number, word in enumerate(words):
        piece: list[int] = []
        for at in word:
            joins = piece and len(piece) < 3 and text[at].isalnum() and text[piece[-1]].isalnum()
            if piece and not (joins and not _alone(text[at]) and not _alone(text[piece[-1]])):
                offsets.append((piece[0], piece[-1] + 1))
                word_ids.append(number)
                piece = []
            piece.append(at)
        offsets.append((piece[0], piece[-1] + 1))
        word_ids.append(number)
    return Tokens(offsets, word_ids)


def ideal(text: str, spans: list[tuple[int, int, str]], tokens: Tokens, labels: list[str]) -> np.ndarray:
    """Logits of a model that is right, float32 (tokens, labels)."""
    logits = np.zeros((len(tokens.offsets), len(labels)), np.float32)
    begun = set()
    for row, (start, end) in enumerate(tokens.offsets):
        start += text[start:end].startswith(tuple(" \n\t\r\u00a0"))
        inside = [span for span in spans if span[0] <= start < span[1]]
        name = "O"
        if inside:
            name = ("I-" if inside[0] in begun else "B-") + inside[0][2]
            begun.add(inside[0])
        logits[row, labels.index(name)] = 9.0
    return logits
