"""Spans, words and tokens: windows at word edges, labels for training and back, two tokenizations side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._inputs import arrays as _arrays
from fastpost._inputs.bounds import counted, shown
from fastpost._inputs.encodings import Encoded, Encodings, is_encoded, is_encodings, read_texts
from fastpost.entities.decoder import _label_names
from fastpost.exceptions import refuse
from fastpost.types import ArrayLike, Ints1d, Ints2d

Span: TypeAlias = tuple[int, int, str]
"""First character, last character (excluded), type."""
Policy = Literal["strict", "expand", "contract"]
Subwords = Literal["all", "first"]
Repair = Literal["conlleval", "discard"]


class WindowPlan(NamedTuple):
    """Windows of a batch of texts, ordered by text; three int64 columns of one row for each window."""

    text_index: Ints1d
    """The text."""
    start: Ints1d
    """Its first token, counted in the text."""
    end: Ints1d
    """Its last token, excluded."""


class Misfit(NamedTuple):
    """A span whose labels do not say exactly what the span says."""

    text: int
    span: int
    """Its number in the text."""
    reason: str
    """"cuts-token", "no-token", "overlaps", "truncated", "uncovered" or "joins"."""
    used: tuple[int, int] | None
    """The characters that its labels cover; None if it got none."""
    other: int | None
    """The span of the text that it overlaps or joins."""


class SpanLabels(NamedTuple):
    """Labels of a batch: one int64 array for each window, and the spans that did not fit."""

    labels: list[Ints1d]
    misfits: list[Misfit]


class _Tokens(NamedTuple):
    """Tokens of a batch, end to end."""

    offsets: Ints2d | None
    special: Any
    word_ids: Ints1d | None
    lengths: Ints1d
    texts: Ints1d


def plan_windows(
    offsets: Any,
    max_length: int,
    stride: int = 0,
    *,
    texts: Sequence[str] | None = None,
    word_ids: Any = None,
    lengths: ArrayLike | None = None,
    special_tokens: int | None = None,
) -> WindowPlan:
    """Cuts long tokenised texts into overlapping windows at edges of words.

    Every token is in a window. A window begins and ends between two words, unless a word is longer than a window:
    that word is cut. Neighbours share at least `stride` tokens, counted on to the start of a word; fewer where the
    next word would not fit otherwise. A text without tokens has one empty window.

    Args:
        offsets: of each text's tokens: what `fastpost.Encoder` made of them, or `tokenizers.Encoding` objects, not
            truncated; or (tokens, 2) integers: a list with one array for each text, or one array end to end with `lengths`.
            `None` if `word_ids` are given.
        max_length: how many tokens a window has at most, those of `special_tokens` included.
        stride: tokens that neighbouring windows share; windows hold a text 64 times over at most, from 65,536 tokens
            on.
        texts: the texts; words are then those of UAX #29, and single letters in scripts without spaces.
        word_ids: the word of each token, -1 or None for none, in the shape of `offsets`; the encodings' own if they
            are given and `texts` is not.
        lengths: (texts,), tokens of each text.
        special_tokens: special tokens that will be added to each window; default: those that the encodings have,
            0 for arrays.

    Returns:
        Token ranges, counted in each text's own tokens. Special tokens at both ends of an encoding are in no range.

    Raises:
        ValueError: if nothing tells where words are, no token of a window is left for the text, or `stride` is not
            less than what is left.
    """
    for name, value, least in (("max_length", max_length, 1), ("stride", stride, 0)):
        _whole(name, value, least)
    listed = None if texts is None else _texts(texts)
    if is_encodings(offsets):
        read: Encoded | Encodings
        read = Encoded.of(offsets) if is_encoded(offsets) else Encodings.flat(_encodings(offsets))
        special = read.special_tokens_mask
        if special_tokens is None:  # those that the tokenizer adds to a text; padding does not count
            owners = np.repeat(np.arange(len(read.texts)), read.lengths)
            added = int(np.bincount(owners, (special != 0) & (read.attention_mask != 0)).max(initial=0))
        else:
            added = special_tokens
        ids = read.word_ids if listed is None else None
        tokens = _Tokens(None if listed is None else read.offsets, special, ids, read.lengths, read.texts)
    else:
        tokens = _read_arrays(offsets, word_ids, lengths, None, None)
        added = 0 if special_tokens is None else special_tokens
        if tokens.word_ids is None and (listed is None or tokens.offsets is None):
            raise refuse(
                ValueError,
                "nothing tells where words begin; pass `offsets` and `texts`, or `word_ids`",
                argument="word_ids",
            )
    _whole("special_tokens", added, 0)
    if listed is not None and len(listed) != len(tokens.lengths):
        raise refuse(
            ValueError,
            f"`texts` has {counted(len(listed), 'item')} but `offsets` has {len(tokens.lengths)}; pass one per text",
            argument="texts",
        )
    found = _fastpost.plan_windows(
        None if tokens.offsets is None else tokens.offsets.reshape(-1),
        tokens.word_ids,
        tokens.special,
        tokens.lengths,
        listed,
        max_length,
        stride,
        added,
    )
    return WindowPlan(*found)


def spans_to_labels(
    encodings: Any,
    spans: Sequence[Sequence[Any]],
    *,
    label2id: Mapping[str, int],
    scheme: str = "auto",
    policy: Policy = "strict",
    subwords: Subwords = "all",
    texts: Sequence[str] | None = None,
    word_ids: Any = None,
    lengths: ArrayLike | None = None,
    special_tokens_mask: Any = None,
    windows: ArrayLike | None = None,
    sequence: Literal[0, 1] | None = None,
    threads: int | None = None,
) -> SpanLabels:
    """Makes the label ids of all tokens of a batch from labelled spans of its texts, ready for a model's `labels`.

    Tokens in no span are "O". Special tokens, padding and tokens that cover nothing are -100; with `subwords="first"`,
    all tokens of a word but its first are -100, too. A span that goes on in a text's next window goes on in its labels.
    White space at the edge of a span doesn't matter, if `texts` are there to tell it. An empty span changes no label.

    If the labels of a span do not say exactly what the span says, it is in `misfits`, once for each reason:

    - "cuts-token": one of its edges lies inside a token (a word, for `subwords="first"`). With `policy="strict"` it
      gets no labels and its tokens are -100; "expand" takes the token in, "contract" leaves it out.
    - "no-token": no token covers any of it; for "contract", none lies inside it.
    - "overlaps": it shares tokens with another one, which comes first: by start, then the longer, then by its number.
    - "truncated": it reaches past the first or last token.
    - "uncovered": characters at its edge have no token, so that its labels stand for less than it: the tokenizer has
      dropped them, or they are white space and there are no `texts` to tell.
    - "joins": it touches one of its type, and the scheme (IO, plain) can't tell the two apart.

    Args:
        encodings: what `fastpost.Encoder` made of the texts; `tokenizers.Encoding` objects, each followed by its
            overflowing ones as further windows; a `BatchEncoding`, whose rows are the windows (of one text by
            `overflow_to_sample_mapping`); or offsets: a list of (tokens, 2) integers, or one array end to end with
            `lengths`.
        spans: of each text, (start, end, type) or dicts with "start", "end" and "label" ("entity_group", "entity"), in
            characters, end excluded. Types have no prefix.
        label2id: the model's labels.
        scheme: "IO", "IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU", "BMES", "plain"; "auto": the one they fit.
        policy: "strict", "expand" or "contract".
        subwords: "all" labels every token, "first" the first of each word.
        texts: the texts. Needed where offsets count in the space before a word, as those of GPT-2 and Llama do: white
            space, as `str.isspace` has it, is then taken out of the edges of tokens and spans.
        word_ids: the word of each token, -1 for none; the encodings' own if they are given.
        lengths, special_tokens_mask, windows: of offsets; see `EntityDecoder.decode`. Without a mask, tokens at
            (0, 0) are special.
        sequence: of encodings of pairs of texts, the text that the spans are of: 0, the first, or 1, the second. The
            tokens of the other are -100.
        threads: threads of a call; `None` is all cores.

    Raises:
        ValueError: if a type has no label, a span has none of these forms, the lists do not fit each other, or
            `encodings` are of pairs and `sequence` does not say which of the two.
    """
    listed = None if texts is None else _texts(texts)
    if not hasattr(spans, "__len__") or not hasattr(spans, "__iter__"):
        told = f"`spans` is of type {type(spans).__name__}; pass one list of spans per text"
        raise refuse(TypeError, told, argument="spans")
    tokens, kernel = _read(
        encodings, listed, word_ids, lengths, special_tokens_mask, windows, len(spans), "spans", subwords == "first",
        sequence,
    )  # fmt: skip
    labels = _label_set(label2id, scheme)
    values, rows = kernel.to_labels(list(spans), labels, policy, subwords, threads)
    ends = np.cumsum(tokens.lengths).tolist()
    return SpanLabels([values[a:b] for a, b in zip([0, *ends], ends)], [Misfit(*row) for row in rows])


def labels_to_spans(
    labels: Any,
    encodings: Any,
    *,
    label2id: Mapping[str, int],
    scheme: str = "auto",
    repair: Repair = "conlleval",
    subwords: Subwords = "all",
    texts: Sequence[str] | None = None,
    word_ids: Any = None,
    lengths: ArrayLike | None = None,
    special_tokens_mask: Any = None,
    windows: ArrayLike | None = None,
    sequence: Literal[0, 1] | None = None,
) -> list[list[Span]]:
    """Finds the labelled spans that label ids stand for: the inverse of `spans_to_labels`, whose arguments it takes.

    What a window repeats of the one before it is read once. A token labelled -100 is in no span; special tokens and,
    for `subwords="first"`, the further tokens of a word are passed over.

    Args:
        labels: one id for each token: a list of arrays, (windows, tokens), or end to end.
        encodings, label2id, scheme, subwords, texts, word_ids, lengths, special_tokens_mask, windows, sequence: as
            `spans_to_labels` takes them.
        repair: what becomes of labels that the scheme does not allow, as "I-x" after "O" under IOB2. "conlleval" makes
            spans of them; "discard" does not.

    Returns:
        For each text, (start, end, type) in the order of the text.
    """
    listed = None if texts is None else _texts(texts)
    tokens, kernel = _read(
        encodings,
        listed,
        word_ids,
        lengths,
        special_tokens_mask,
        windows,
        None,
        "labels",
        subwords == "first",
        sequence,
    )
    values = _labels(labels, tokens.lengths)
    return kernel.to_spans(values, _label_set(label2id, scheme), repair, subwords)


def align_labels(
    word_labels: Sequence[Sequence[int]],
    word_ids: Sequence[Any],
    *,
    subwords: Subwords = "all",
    label2id: Mapping[str, int] | None = None,
) -> list[list[int]]:
    """Carries labels from words to their tokens: the `tokenize_and_align_labels` of the Hugging Face course, batched.

    A token that is in no word is -100. The first token of a word has the word's label; the other tokens have it, too,
    or -100 with `subwords="first"`.

    Args:
        word_labels: of each text, one label id for each word.
        word_ids: of each text, the word of each token, `None` or -1 for none; or `tokenizers.Encoding` objects; or what
            `fastpost.Encoder` made of the texts, each window of which then gets a list.
        subwords: "all" or "first".
        label2id: if given, the further tokens of a word labelled "B-x" are "I-x".

    Raises:
        ValueError: if a token's word has no label, or the lists do not fit each other.
    """
    if is_encoded(word_ids):
        read = Encoded.of(word_ids)
        ends = np.cumsum(read.lengths).tolist()
        words = read.word_ids.tolist()
        listed = [words[start:end] for start, end in zip([0, *ends], ends)]
        word_labels = _of_windows(list(word_labels), read)
    elif is_encodings(word_ids):
        listed = [encoding.word_ids for encoding in _encodings(word_ids)]
    else:
        listed = list(word_ids)
    if len(listed) != len(word_labels):
        raise refuse(
            ValueError,
            f"`word_labels` has {counted(len(word_labels), 'item')} but `word_ids` has {len(listed)}; pass one of each per text",
            argument="word_labels",
        )
    inside = None if label2id is None else _label_set(label2id, "auto").inside()
    return _fastpost.align_labels(list(word_labels), listed, subwords, inside)


def align_tokens(a: Sequence[str], b: Sequence[str]) -> tuple[list[list[int]], list[list[int]]]:
    """Finds which tokens of two tokenizations of the same text, or of nearly the same, stand for each other.

    Signature and results are those of `spacy_alignments.get_alignments`: characters are compared in lower case and
    NFKD, and tokens belong together where a shortest edit script keeps one of their characters.

    Args:
        a, b: tokens of the text.

    Returns:
        For each token of `a` those of `b`, and for each of `b` those of `a`.
    """
    for name, tokens in (("a", a), ("b", b)):
        if isinstance(tokens, str):
            raise refuse(TypeError, f"`{name}` is one str; pass a list of tokens", argument=name)
    return _fastpost.align_tokens(list(a), list(b))


def _read(
    encodings: Any,
    texts: list[str] | None,
    word_ids: Any,
    lengths: ArrayLike | None,
    special: Any,
    windows: ArrayLike | None,
    count: int | None,
    name: str,
    by_word: bool,
    sequence: int | None,
) -> tuple[_Tokens, _fastpost.TokenSpans]:
    """The tokens of a batch, for Rust; `count` texts if the argument `name` says so."""
    if sequence not in (None, 0, 1):
        raise refuse(
            ValueError,
            f"`sequence` is {shown(sequence)}; pass 0 for the first text of each pair, 1 for the second",
            argument="sequence",
        )
    if is_encodings(encodings):
        read, text_count = read_texts(encodings, _arrays.vector("windows", windows))
        ids = None
        if by_word:
            ids = read.word_ids if word_ids is None else _end_to_end("word_ids", word_ids, read.lengths, 1)[0]
        special_tokens = read.special_tokens_mask  # first, as the lengths then come with it
        if sequence is not None:
            special_tokens |= read.sequence_ids != sequence
        elif read.pairs:
            raise refuse(
                ValueError,
                "`encodings` are of pairs of texts, whose offsets count from the start of each; pass `sequence`, 0 or 1, to "
                "say which of the two",
                argument="encodings",
            )
        tokens = _Tokens(read.offsets, special_tokens, ids, read.lengths, read.texts)
        made = int(read.texts.max(initial=-1)) + 1 if text_count is None else text_count
    else:
        if sequence is not None:
            raise refuse(
                ValueError,
                "`sequence` is given with offsets, which do not say what text they are of; pass encodings, or leave out the "
                "tokens of the other text by `special_tokens_mask`",
                argument="sequence",
            )
        tokens = _read_arrays(encodings, word_ids, lengths, special, windows)
        text_count = len(tokens.lengths) if windows is None else None
        made = int(tokens.texts.max(initial=-1)) + 1 if text_count is None else text_count
    if tokens.offsets is None:
        raise refuse(ValueError, "`encodings` is None; pass encodings or offsets", argument="encodings")
    texts_made = made if text_count is not None else max(made, count or 0)
    if count is not None and count != texts_made:
        raise refuse(
            ValueError,
            f"`{name}` has {counted(count, 'item')} but `encodings` makes {counted(made, 'text')}; pass one list per text",
            argument=name,
        )
    if texts is not None and len(texts) != texts_made:
        raise refuse(
            ValueError,
            f"`texts` has {counted(len(texts), 'item')} but `encodings` makes {counted(made, 'text')}; pass one per text",
            argument="texts",
        )
    kernel = _fastpost.TokenSpans(
        tokens.offsets.reshape(-1), tokens.special, tokens.word_ids, tokens.lengths, tokens.texts, texts, texts_made
    )
    return tokens, kernel


def _read_arrays(
    offsets: Any, word_ids: Any, lengths: ArrayLike | None, special: Any, windows: ArrayLike | None
) -> _Tokens:
    """Tokens from offsets and word ids: lists with one array for each window, or arrays end to end with `lengths`."""
    given = _arrays.vector("lengths", lengths)
    pairs = None if offsets is None else _end_to_end("offsets", offsets, given, 2)
    words = None if word_ids is None else _end_to_end("word_ids", word_ids, given, 1)
    first = pairs or words
    if first is None:
        raise refuse(ValueError, "`offsets` and `word_ids` are both None; pass one of them", argument="offsets")
    flat, counts = first
    if words is not None and not np.array_equal(words[1], counts):
        raise refuse(
            ValueError, "`word_ids` and `offsets` have different lengths; pass one word per token", argument="word_ids"
        )
    if special is not None:
        mask, others = _end_to_end("special_tokens_mask", special, given, 1)
        if not np.array_equal(others, counts):
            raise refuse(
                ValueError,
                "`special_tokens_mask` and `offsets` have different lengths; pass one value per token",
                argument="special_tokens_mask",
            )
    elif pairs is not None:
        mask = (flat[:, 0] | flat[:, 1]) == 0
    else:
        mask = np.zeros(len(flat))
    owners = _arrays.vector("windows", windows)
    texts = np.arange(len(counts)) if owners is None else owners
    if len(texts) != len(counts):
        raise refuse(
            ValueError,
            f"`windows` has {counted(len(texts), 'item')} but there are {counted(len(counts), 'window')}; pass one text each",
            argument="windows",
        )
    return _Tokens(
        None if pairs is None else pairs[0],
        (mask != 0).astype(np.uint8),
        None if words is None else words[0],
        counts,
        texts,
    )


def _end_to_end(name: str, value: Any, lengths: Ints1d | None, rank: int) -> tuple[Any, Ints1d]:
    """Integers of all windows, end to end, and the length of each window."""
    none = {"word_ids": -1, "offsets": 0}.get(name)
    read: Any = _arrays.integers(name, value, rank=rank, none=none)
    if not isinstance(read, list):
        if read.ndim == rank and lengths is not None:
            if int(lengths.sum()) != len(read) or (lengths < 0).any():
                raise refuse(
                    ValueError,
                    f"`lengths` adds up to {counted(int(lengths.sum()), 'token')} but `{name}` has {len(read)}; lengths must "
                    "cover each token once",
                    argument="lengths",
                )
            return _window(name, 0, read, rank), lengths
        if read.ndim == rank and not read.size:
            read = []  # `[]` is a batch without windows
        if not isinstance(read, list) and read.ndim != rank + 1:
            raise refuse(
                TypeError,
                f"`{name}` has {counted(read.ndim, 'dimension')}; pass a list with one array for each window, one padded array, or one "
                "array end to end with `lengths`",
                argument=name,
            )
        if len(read) > _EMPTY_WINDOWS and not read.size:
            told = f"`{name}` is an array of {len(read)} windows that holds no value; pass windows that have tokens"
            raise refuse(ValueError, told, argument=name)
    parts = [_window(name, number, item, rank) for number, item in enumerate(read)]
    counts = np.array([len(part) for part in parts], np.int64)
    if lengths is not None:
        if len(lengths) != len(parts) or (lengths > counts).any() or (lengths < 0).any():
            raise refuse(
                ValueError,
                f"`lengths` does not fit `{name}`; pass one length for each window, at most its tokens",
                argument="lengths",
            )
        parts = [part[:length] for part, length in zip(parts, lengths.tolist())]
        counts = lengths
    return np.concatenate([np.empty((0, 2) if rank == 2 else (0,), np.int64), *parts]), counts


_EMPTY_WINDOWS = 1 << 20
"""How many windows an array without values may have, as for decoders: more are no data, only a large number."""


def _window(name: str, number: int, array: Any, rank: int) -> Any:
    if array.ndim != rank or (rank == 2 and array.shape[1] != 2):
        want = "(tokens, 2) integers" if rank == 2 else "(tokens,) integers"
        raise refuse(
            TypeError,
            f"`{name}[{number}]` has the shape {array.shape} and type {array.dtype}; pass {want}",
            argument=name,
        )
    return np.ascontiguousarray(array, np.int64)


def _labels(labels: Any, lengths: Ints1d) -> Ints1d:
    """Label ids of all tokens, end to end."""
    if labels is None:
        raise refuse(TypeError, "`labels` is None; pass one label id for each token", argument="labels")
    read: Any = _arrays.integers("labels", labels)
    if not isinstance(read, list) and read.ndim == 1 and len(read) == lengths.sum():
        return np.ascontiguousarray(read, np.int64)
    if not isinstance(read, list) and not read.ndim:
        raise refuse(TypeError, f"`labels` is the number {read}; pass one label id for each token", argument="labels")
    if len(read) != len(lengths):
        raise refuse(
            ValueError,
            f"`labels` has {counted(len(read), 'window')} but `encodings` has {len(lengths)}; pass one row each",
            argument="labels",
        )
    rows = []
    for number, (row, length) in enumerate(zip(read, lengths.tolist())):
        ids = _window("labels", number, row, 1)
        if len(ids) < length:
            raise refuse(
                ValueError,
                f"`labels[{number}]` has {counted(len(ids), 'id')} for {counted(length, 'token')}; pass one per token",
                argument="labels",
            )
        rows.append(ids[:length])
    return np.concatenate([np.empty(0, np.int64), *rows])


def _label_set(label2id: Mapping[str, int], scheme: str) -> _fastpost.LabelSet:
    return _fastpost.LabelSet(_label_names(_by_id(label2id), "label2id"), scheme)


def _by_id(label2id: Mapping[str, int]) -> dict[int, str]:
    if not isinstance(label2id, Mapping):
        raise refuse(
            TypeError,
            f"`label2id` is of type {type(label2id).__name__}; pass a dict from label names to ids",
            argument="label2id",
        )
    for name, number in label2id.items():
        if not isinstance(name, str) or isinstance(number, bool) or not hasattr(number, "__index__"):
            raise refuse(
                TypeError,
                f"`label2id` has {shown(name)}: {shown(number)}; pass a dict from label names to ids",
                argument="label2id",
            )
    by_id = {int(number): name for name, number in label2id.items()}
    if len(by_id) != len(label2id):
        raise refuse(ValueError, "`label2id` gives one id to two labels; pass one id per label", argument="label2id")
    return by_id


def _of_windows(word_labels: list[Sequence[int]], read: Encoded) -> list[Sequence[int]]:
    """The word labels of each window's text."""
    made = int(read.texts.max(initial=-1)) + 1 if read.text_count is None else read.text_count
    if len(word_labels) < made or (read.text_count is not None and len(word_labels) != made):
        raise refuse(
            ValueError,
            f"`word_labels` has {counted(len(word_labels), 'item')} but `word_ids` is of {counted(made, 'text')}; pass one of each per text",
            argument="word_labels",
        )
    return [word_labels[text] for text in read.texts.tolist()]


def _encodings(value: Any) -> list[Any]:
    return list(getattr(value, "encodings", None) or value)


def _texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise refuse(TypeError, "`texts` is one str; pass a list of texts, [text] for one", argument="texts")
    return list(texts)


def _whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise refuse(ValueError, f"`{name}` is {shown(value)}; pass an int of at least {least}", argument=name)
