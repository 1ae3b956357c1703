"""Positions of a text in characters, bytes, UTF-16 units and graphemes, and across normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np
import numpy.typing as npt

import fastpost._fastpost as _fastpost
from fastpost._inputs import arrays as _arrays
from fastpost._inputs.bounds import counted, shown, with_article
from fastpost.exceptions import refuse
from fastpost.types import ArrayLike, Ints1d

Unit = Literal["chars", "utf8", "utf16", "graphemes"]
Inside = Literal["error", "floor", "ceil", "outward"]
Form = Literal["NFC", "NFD", "NFKC", "NFKD", "lower", "casefold", "whitespace"]
Normalizer: TypeAlias = Form | Callable[[str], str] | Any
Ints: TypeAlias = npt.NDArray[np.int64]


class OffsetMap:
    """Positions of one text, converted between units.

    A position lies between two units, before the first or after the last, so a span is a pair of positions. Building
    is one pass over the text; ASCII needs no table. Graphemes are found when they are first asked for.

    Args:
        text: any `str` without lone surrogates.

    Raises:
        ValueError: if `text` has a lone surrogate, or 4 GiB of UTF-8 that are not ASCII.

    Units: "chars", code points, as Python counts; "utf8", bytes, as Rust and Go count; "utf16", 16-bit units, as
    JavaScript and Java count; "graphemes", extended grapheme clusters (UAX #29), what readers take for characters.
    """

    __slots__ = ("_table", "text")

    text: str

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise refuse(TypeError, f"`text` is of type {type(text).__name__}; pass a str", argument="text")
        self._table = _fastpost.OffsetTable(text)
        self.text = text

    def length(self, unit: Unit = "chars") -> int:
        """Length of the text in `unit`."""
        return self._table.length(unit)

    @overload
    def convert(self, positions: int, source: Unit, target: Unit, *, inside: Inside = ...) -> int: ...
    @overload
    def convert(self, positions: ArrayLike, source: Unit, target: Unit, *, inside: Inside = ...) -> Ints: ...
    def convert(self, positions: ArrayLike, source: Unit, target: Unit, *, inside: Inside = "error") -> Ints | int:
        """Converts positions that are counted in `source` to `target`.

        Args:
            positions: an int, or integers of any shape; 0 to `length(source)`.
            source, target: units.
            inside: what becomes of a position that has no counterpart in `target`, as it lies inside a character or a
                grapheme. "error": refused by its number. "floor", "ceil": moved to the start, the end, of what it lies
                in. "outward": of pairs (start, end) the start goes to the start and the end to the end.

        Returns:
            An int for an int, else int64 of the same shape.

        Raises:
            ValueError: if a position lies outside the text or is refused; its number is that in the flattened array.
        """
        array = np.ascontiguousarray(_integers("positions", positions))
        if inside == "outward" and array.shape[-1:] != (2,):
            raise refuse(
                ValueError,
                f'`positions` has the shape {array.shape}; inside="outward" takes pairs (start, end)',
                argument="positions",
            )
        found = self._table.convert(array.reshape(-1), source, target, inside)
        return int(found[0]) if np.ndim(positions) == 0 else found.reshape(array.shape)

    def through(self, normalizer: Normalizer | Sequence[Normalizer]) -> NormalizedText:
        """Normalises the text, and keeps the way back from there to this text.

        Args:
            normalizer: "NFC", "NFD", "NFKC", "NFKD"; "lower" (as `str.lower`); "casefold" (as `str.casefold`);
                "whitespace": one space for each run of white space; a function from str to str that works grapheme by
                grapheme; a normalizer of tokenizers; or a list of these, the first one first.

        Raises:
            ValueError: if the name is unknown, or the function does more than change each grapheme by itself, so that
                no way leads back.
        """
        table = _fastpost.NormalTable(self.text)
        for step in normalizer if isinstance(normalizer, (list, tuple)) else [normalizer]:
            table = _step(table, step)
        return NormalizedText(self.text, table)

    def __repr__(self) -> str:
        return f"<OffsetMap: {counted(self.length(), 'character')}, {self.length('utf8')} bytes>"


class NormalizedText:
    """A normalised text whose spans can be mapped to the original and back. Made by `OffsetMap.through`.

    Attributes:
        original: the text before.
        normalized: the text after.
    """

    __slots__ = ("_table", "normalized", "original")

    original: str
    normalized: str

    def __init__(self, original: str, table: _fastpost.NormalTable) -> None:
        self._table = table
        self.original = original
        self.normalized = table.text

    def to_original(self, spans: ArrayLike) -> Ints:
        """Maps spans of the normalised text to spans of the original, in characters; int64 of the same shape.

        The result has every character of the original that the span stands for: half of what one character became maps
        to all of it, and part of a composed sequence to the whole sequence. What a span maps to normalises to the span,
        or to more where the span held such a part. An empty span stays empty.

        Args:
            spans: integers (..., 2), starts and ends.

        Raises:
            ValueError: if a span does not lie in the normalised text.
        """
        pairs = _pairs("spans", spans)
        return self._table.to_original(pairs.reshape(-1)).reshape(pairs.shape)

    def to_normalized(self, spans: ArrayLike) -> Ints:
        """Maps spans of the original to spans of the normalised text: all that stands for any of their characters.

        Args:
            spans: integers (..., 2), starts and ends.

        Raises:
            ValueError: if a span does not lie in the original.
        """
        pairs = _pairs("spans", spans)
        return self._table.to_normalized(pairs.reshape(-1)).reshape(pairs.shape)

    def __repr__(self) -> str:
        return f"<NormalizedText: {counted(len(self.original), 'character')}, {len(self.normalized)} normalised>"


class OffsetFault(NamedTuple):
    """What is wrong with the offset of one token."""

    token: int
    """The token."""
    kind: str
    """"out-of-range", "reversed", "zero-width", "backwards" or "overlap"."""
    start: int
    end: int
    message: str
    """The same for people, with both values."""


@overload
def check_offsets(encoding: Any, text: str, *, special_tokens_mask: ArrayLike | None = None) -> list[OffsetFault]: ...
@overload
def check_offsets(
    encoding: Any, text: Sequence[str], *, special_tokens_mask: ArrayLike | None = None
) -> list[list[OffsetFault]]: ...
def check_offsets(
    encoding: Any, text: str | Sequence[str], *, special_tokens_mask: ArrayLike | None = None
) -> list[OffsetFault] | list[list[OffsetFault]]:
    """Finds what is wrong with the offsets of a text's tokens; an empty list if nothing is.

    "out-of-range": they leave the text. "reversed": the end comes before the start. "zero-width": they cover nothing.
    "backwards": they start before the token before. "overlap": they share characters with a token before, as the tokens
    of a byte-level tokenizer do that are parts of one character. Each token has one fault at most, the first of these.

    Args:
        encoding: a `tokenizers.Encoding`, integers (tokens, 2) with `None` for tokens that are not of the text, or the
            `BatchEncoding` of one text. For a list of texts,
            a `BatchEncoding`, whose rows are looked at one by one (the windows of a text by its
            `overflow_to_sample_mapping`), or a list with one of the others for each text.
        text: the text, or a list of texts.
        special_tokens_mask: (tokens,), not 0 for tokens to leave out; default: those of the encoding, or, for an
            array, tokens at (0, 0). For one text only.

    Returns:
        The faults of the text; for a list of texts, one list of faults for each row of `encoding`.

    Raises:
        TypeError: if the offsets are not (tokens, 2) integers.
        ValueError: if the mask has another length, or there are not as many texts as encodings.
    """
    if not isinstance(text, str):
        if special_tokens_mask is not None:
            raise refuse(
                ValueError,
                "`special_tokens_mask` is given for a list of texts; pass one text at a time with its mask",
                argument="special_tokens_mask",
            )
        return [check_offsets(row, own) for row, own in _rows(encoding, list(text))]
    from fastpost._inputs.encodings import Encoded, Encodings, is_encoded

    encoding = _only_one(encoding)
    outside: Any = None
    if hasattr(encoding, "special_tokens_mask"):
        read = Encoded.of([encoding]) if is_encoded(encoding) else Encodings.flat([encoding])
        offsets, skip = read.offsets, read.special_tokens_mask
    else:
        if encoding is None:
            raise refuse(
                TypeError,
                "`encoding` is None; pass a tokenizers.Encoding, or integers (tokens, 2)",
                argument="encoding",
            )
        pairs, outside = _arrays.offsets(encoding, name="encoding")
        if isinstance(pairs, list) or pairs.ndim != 2:
            count = 3 if isinstance(pairs, list) else pairs.ndim
            raise refuse(
                TypeError,
                f"`encoding` has {counted(count, 'dimension')}; pass (tokens, 2) integers, one text at a time",
                argument="encoding",
            )
        offsets = _pairs("encoding", pairs)
        skip = (offsets == 0).all(axis=1).astype(np.uint8)
    if special_tokens_mask is not None:
        mask: Any = _arrays.integers("special_tokens_mask", special_tokens_mask, np.uint8)
        if isinstance(mask, list):
            raise refuse(
                TypeError,
                f"`special_tokens_mask` is {counted(len(mask), 'list')}; pass (tokens,), one value for each token",
                argument="special_tokens_mask",
            )
        skip = mask if outside is None else mask | outside
    if skip.shape != (len(offsets),):
        raise refuse(
            ValueError,
            f"`special_tokens_mask` has the shape {skip.shape} but there are {counted(len(offsets), 'token')}; pass one value each",
            argument="special_tokens_mask",
        )
    faults = []
    for token, kind, other in _fastpost.offset_faults(offsets.reshape(-1), skip, len(text)):
        start, end = (int(at) for at in offsets[token])
        faults.append(OffsetFault(token, kind, start, end, _message(token, kind, start, end, other, offsets, text)))
    return faults


def _only_one(encoding: Any) -> Any:
    """The only encoding of a batch."""
    if hasattr(encoding, "text_count"):
        if len(encoding) != 1:
            raise refuse(
                ValueError,
                f"`encoding` has {counted(len(encoding), 'window')} but `text` is one str; pass the list of texts that it was made from",
                argument="encoding",
            )
        encoding = encoding[0]
    if getattr(encoding, "encodings", None) is not None:
        if len(encoding.encodings) != 1:
            raise refuse(
                ValueError,
                f"`encoding` has {counted(len(encoding.encodings), 'row')} but `text` is one str; pass the list of texts that it "
                "was made from",
                argument="encoding",
            )
        encoding = encoding.encodings[0]
    elif hasattr(encoding, "input_ids") and not hasattr(encoding, "special_tokens_mask"):
        raise refuse(
            TypeError,
            f"`encoding` is {with_article(type(encoding).__name__)} without `encodings`, as slow tokenizers make it; pass what a fast "
            "tokenizer gives, or integers (tokens, 2)",
            argument="encoding",
        )
    return encoding


def _rows(encoding: Any, texts: list[str]) -> list[tuple[Any, str]]:
    """The rows of a batch, each with its text."""
    rows = encoding
    owners = list(range(len(encoding)))
    if hasattr(encoding, "text_count"):
        owners = encoding.text_index.tolist()
        if encoding.text_count is None and max(owners, default=-1) < len(texts):
            return [(row, texts[owner]) for row, owner in zip(rows, owners)]
    if getattr(encoding, "encodings", None) is not None:
        from fastpost._inputs.encodings import batch_owners

        rows, owners = encoding.encodings, batch_owners(encoding).tolist()
    made = max(owners, default=-1) + 1
    if made != len(texts):
        raise refuse(
            ValueError,
            f"`text` has {counted(len(texts), 'item')} but `encoding` is made of {made}; pass one text for each",
            argument="text",
        )
    return [(row, texts[owner]) for row, owner in zip(rows, owners)]


def _message(token: int, kind: str, start: int, end: int, other: int | None, offsets: Ints, text: str) -> str:
    head = f"token {token} is at ({start}, {end})"
    if other is not None:
        before = f"token {other} at ({offsets[other][0]}, {offsets[other][1]})"
        verb = "starts before" if kind == "backwards" else "shares characters with"
        return f"{head} and {verb} {before}"
    if kind == "out-of-range":
        return f"{head} but the text has {counted(len(text), 'character')}"
    return f"{head} and ends before it starts" if kind == "reversed" else f"{head} and covers nothing"


def _integers(name: str, value: ArrayLike) -> Ints:
    if value is None:
        raise refuse(TypeError, f"`{name}` is None; pass integers", argument=name)
    array = np.asarray(_arrays.to_numpy(name, value))
    if array.size and array.dtype.kind not in "iu":
        raise refuse(TypeError, f"`{name}` is of type {array.dtype}; pass integers", argument=name)
    return np.asarray(array, dtype=np.int64)


def _pairs(name: str, value: ArrayLike) -> Ints:
    array = _integers(name, value)
    if array.size == 0 and array.shape[-1:] != (2,):
        array = array.reshape(0, 2)
    if array.shape[-1:] != (2,):
        raise refuse(TypeError, f"`{name}` has the shape {array.shape}; its last axis is (start, end)", argument=name)
    return np.ascontiguousarray(array)


def _step(table: _fastpost.NormalTable, step: Normalizer) -> _fastpost.NormalTable:
    """Applies one more normaliser."""
    if step == "casefold":
        return _joined(table, [char.casefold() for char in table.text], None)
    if isinstance(step, str):
        return table.then(step)
    function = getattr(step, "normalize_str", step)
    if not callable(function):
        raise refuse(
            TypeError,
            f"`normalizer` is {shown(step)}; pass a name, a function from str to str, or a list of these",
            argument="normalizer",
        )
    text = table.text
    whole = function(text)
    if not isinstance(whole, str):
        raise refuse(
            TypeError,
            f"`normalizer` returned {with_article(type(whole).__name__)}; it maps str to str",
            argument="normalizer",
        )
    places = OffsetMap(text)
    edges = places.convert(np.arange(places.length("graphemes") + 1), "graphemes", "chars")
    parts = [function(text[start:end]) for start, end in zip(edges[:-1].tolist(), edges[1:].tolist())]
    if "".join(parts) == whole:
        return _joined(table, parts, edges)
    if function is not step and hasattr(step, "normalize"):
        return _aligned_by_tokenizers(table, step)
    raise refuse(
        ValueError,
        f"`normalizer` {shown(step)} makes something else of the text than of its graphemes one by one, so nothing leads "
        "back; pass the names of what it does, or a normalizer of tokenizers",
        argument="normalizer",
    )


def _joined(table: _fastpost.NormalTable, parts: list[str], edges: Ints1d | None) -> _fastpost.NormalTable:
    """Joins `parts`; part n is the result for the characters from edge n to the next."""
    edges = np.arange(len(parts) + 1) if edges is None else edges
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    return table.then_aligned("".join(parts), np.repeat(edges[:-1], lengths), np.repeat(edges[1:], lengths))


def _aligned_by_tokenizers(table: _fastpost.NormalTable, normalizer: Any) -> _fastpost.NormalTable:
    """Aligns by the alignments of tokenizers; a mark that they lose stays with the character before it."""
    import unicodedata

    from tokenizers import PreTokenizedString, Regex

    text = table.text
    pieces = PreTokenizedString(text)
    pieces.normalize(normalizer.normalize)
    pieces.split(lambda _, piece: piece.split(Regex(r"[\s\S]"), "isolated"))
    splits = pieces.get_splits(offset_referential="original", offset_type="char")
    starts = np.array([start for _, (start, _), _ in splits], np.int64)
    ends = np.array([end for _, (_, end), _ in splits], np.int64)
    for at in range(len(splits)):
        if ends[at] <= starts[at]:  # added by the normaliser; it stands for the character after it, or before
            starts[at] = min(starts[at], max(len(text) - 1, 0))
            ends[at] = starts[at] + 1
        while ends[at] < len(text) and unicodedata.category(text[ends[at]]).startswith("M"):
            if at + 1 < len(splits) and starts[at + 1] <= ends[at] < ends[at + 1]:
                break
            ends[at] += 1
    starts = np.ascontiguousarray(np.minimum.accumulate(starts[::-1])[::-1])
    ends = np.maximum.accumulate(ends)
    return table.then_aligned("".join(piece for piece, _, _ in splits), starts, ends)
