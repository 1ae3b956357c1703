"""`Encoder`: texts to token ids, offsets, words and windows."""

from __future__ import annotations

import json
import operator
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import counted, shown
from fastpost.encoding.batch import Columns, Encodings, Padding, native_columns
from fastpost.encoding.source import Options, Reference, Source, Vocabulary
from fastpost.encoding.stream import TokenBatch, batches
from fastpost.encoding.verify import difference, samples
from fastpost.exceptions import refuse
from fastpost.types import Shorts1d

STRATEGIES = ("longest_first", "only_first", "only_second", None)


@dataclass(frozen=True)
class EncoderReport:
    """What an encoder does itself, and what it leaves to tokenizers; printed, it is one line.

    Attributes:
        native: whether it encodes texts itself.
        kind: the kind of model that it encodes for, if it does.
        reason: why tokenizers has to encode every text, if it does.
        verified: texts on which it was compared with tokenizers when it was made; None if it was not.
        texts: texts encoded so far.
        sent_back: texts that tokenizers encoded though the encoder is native, by the reason.
    """

    native: bool
    kind: str | None
    reason: str | None
    verified: int | None
    texts: int
    sent_back: dict[str, int]

    def __str__(self) -> str:
        if not self.native:
            return f"all of {counted(self.texts, 'text')} encoded by tokenizers: {self.reason}"
        back = sum(self.sent_back.values())
        reasons = "".join(f"; {count}: {reason}" for reason, count in self.sent_back.items())
        return f"native ({self.kind}), {counted(self.texts, 'text')}, {back} of them sent back to tokenizers{reasons}"


class Encoder:
    """Encodes texts as a tokenizer of Hugging Face's does, into arrays.

    Ids, offsets in characters, words, segments, masks and windows are those of tokenizers 0.23 in each case. If it does
    not know a kind of tokenizer or a rare character of a text, tokenizers encodes for it; `report` says which. If a
    tokenizer object is changed later, the encoder follows, unless `follow` is False; it never changes the object itself.

    Several threads may use one encoder.

    Args:
        tokenizer: path of a tokenizer.json or of a folder with one, a `tokenizers.Tokenizer`, or a fast tokenizer of
            transformers. Its own settings for truncation and padding have no effect.
        verify: whether to compare with tokenizers on some hundred texts first, and to leave everything to it on any
            difference. This takes some ten milliseconds, and is left out if tokenizers is not installed.
        follow: whether to look before each call if the tokenizer object was changed, which takes as long as to encode a
            sentence. False takes a copy of it as it is now. Files are not looked at again.

    Raises:
        TypeError: if `tokenizer` is not one of these.
        OSError: if the file can't be read.
        ValueError: if the file does not hold a tokenizer; if `follow` is False and the object can't be copied, as one
            with a part written in Python.
        ImportError: if tokenizers is needed and not installed.
    """

    _unwatched: _Unwatched | None = None

    def __init__(self, tokenizer: Any, *, verify: bool = True, follow: bool = True):
        self._source = Source(tokenizer, follow)
        self._verify, self._follow = verify, follow
        self._counts = _Counts()
        self._loaded = _Loaded(self._source, verify)

    def encode(
        self,
        texts: Iterable[Any],
        pairs: Iterable[Any] | None = None,
        *,
        max_length: int | None = None,
        stride: int = 0,
        truncation: Literal["longest_first", "only_first", "only_second"] | None = "longest_first",
        truncation_side: Literal["right", "left"] = "right",
        add_special_tokens: bool = True,
        is_split_into_words: bool = False,
        threads: int | None = None,
    ) -> Encodings:
        """Encodes texts, or pairs of texts.

        Args:
            texts: strings, or lists of words with `is_split_into_words`.
            pairs: the second text of each.
            max_length: tokens of a window, special ones included; None cuts nothing. A text that is longer gets several
                windows.
            stride: tokens that neighbouring windows of a text share; windows hold a text 64 times over at most, from
                65,536 tokens on.
            truncation: which text of a pair is cut; None cuts nothing.
            truncation_side: "left" lays the first window at the end of the text.
            add_special_tokens: whether to put the model's special tokens around texts.
            is_split_into_words: whether each text is a list of words; words and offsets are then those of the list.
            threads: cores to use; None is all of them. The result is the same.

        Returns:
            The windows of all texts, in the order of the texts: int32 columns of ids, offsets, words and segments, and
            how many tokens each window has.

        Raises:
            TypeError: if a text is not a string, or not a list of strings.
            ValueError: for a lone surrogate, with its text's number; for a `max_length` that leaves no room beside the
                special tokens, a `stride` that leaves none to go on or too few, a strategy that can't make a text fit.
        """
        # A list of strings goes straight on: of one sentence, what is asked here takes a tenth of the time.
        if type(texts) is list and pairs is None and not is_split_into_words:
            listed, others = texts, None
        else:
            listed, others = _listed(texts, pairs, is_split_into_words)
        loaded = self._loaded if self._loaded.state is None else self._current()
        made: Sequence[Any] | None = None
        if loaded.core is not None:
            try:
                made = loaded.core.encode(
                    listed,
                    others,
                    is_split_into_words,
                    add_special_tokens,
                    max_length,
                    stride,
                    truncation,
                    truncation_side,
                    threads,
                    self._counts.encoded,
                )
            except (TypeError, ValueError, OverflowError) as error:
                given = (max_length, stride, truncation, truncation_side, add_special_tokens, is_split_into_words)
                raise _wrong(given, threads) or error from None
            if not made[5]:
                return Encodings.of_core(made, loaded, len(listed))
        _count("threads", threads, 1)
        options = _options(max_length, stride, truncation, truncation_side, add_special_tokens, is_split_into_words)
        columns, reasons = loaded.encode(listed, others, options, made)
        self._counts.add(len(listed), reasons)
        return Encodings(columns, loaded, len(listed))

    def encode_corpus(
        self, corpus: Any, *, add_special_tokens: bool = True, end_id: int | None = None, threads: int | None = None
    ) -> Iterator[TokenBatch]:
        """Yields the ids of all documents of a corpus end to end, in memory that stays constant.

        Each batch of the corpus gives one of ids, uint16 where the vocabulary allows it, else uint32, and where each
        document ends in it. `fastpost encode` writes them to files.

        Args:
            corpus: a `Corpus`, or what it can be made of: a path, a folder, an iterable of texts.
            add_special_tokens: whether to put the model's special tokens around each document.
            end_id: the id of a token to put after each document, or None.
            threads: cores to use; None is all of them.

        Raises:
            ValueError: if the vocabulary does not have `end_id`.
        """
        return batches(self, corpus, bool(add_special_tokens), end_id, _count("threads", threads, 1))

    def token_id(self, token: str) -> int | None:
        """The id of a token, as the vocabulary spells it; None if there is no such token."""
        return self._current().ids.get(token)

    @property
    def largest_id(self) -> int:
        """The largest id that it can give."""
        return self._current().largest_id

    @property
    def written(self) -> bytes | None:
        """Its tokenizer.json as it is now; None if a part is written in Python."""
        return self._current().written

    @property
    def native(self) -> bool:
        """Whether it encodes texts itself, as the tokenizer is now; `report` says more."""
        return self._current().core is not None

    def current(self) -> Encoder | None:
        """The encoder as the tokenizer is now; None if tokenizers encodes. For one call, which does not look at it again."""
        loaded = self._current()
        if loaded.core is None:
            return None
        unwatched = self._unwatched
        if unwatched is None or unwatched._loaded is not loaded:
            unwatched = self._unwatched = _Unwatched(self, loaded)
        return unwatched

    def report(self) -> EncoderReport:
        """Says whether the encoder is native, what falls back and why, and how many texts it has sent back so far."""
        loaded = self._current()
        native = loaded.core is not None
        return EncoderReport(
            native,
            loaded.core.kind if loaded.core is not None else None,
            loaded.reason,
            loaded.verified,
            *self._counts.read(),
        )

    def _current(self) -> _Loaded:
        """The tokenizer as it is now."""
        loaded = self._loaded
        if loaded.state is not None and not loaded.state.is_of(self._source.live):
            loaded = self._loaded = _Loaded(self._source, self._verify)
        return loaded

    def __repr__(self) -> str:
        loaded = self._loaded
        kept = "" if self._follow else ", follow=False"
        return (
            f"Encoder({loaded.core.kind if loaded.core is not None else 'by tokenizers: ' + str(loaded.reason)}{kept})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._source.given, self._verify, self._follow)


class _Counts:
    """Texts encoded so far, and those of them that were sent back, by the reason."""

    def __init__(self) -> None:
        self.encoded = _fastpost.TextCount()
        self._lock = threading.Lock()
        self._sent_back: Counter[str] = Counter()

    def add(self, texts: int, reasons: list[str]) -> None:
        """Counts texts that the core did not count: some were sent back, for these reasons, or it has encoded none."""
        self.encoded.add(texts)
        with self._lock:
            self._sent_back.update(reasons)

    def read(self) -> tuple[int, dict[str, int]]:
        """Both."""
        with self._lock:
            return self.encoded.texts, dict(self._sent_back)


class _Unwatched(Encoder):
    """An encoder for one call, which does not look at the tokenizer again."""

    def __init__(self, of: Encoder, loaded: _Loaded):
        self._source, self._verify, self._follow = of._source, of._verify, of._follow
        self._counts, self._loaded = of._counts, loaded

    def _current(self) -> _Loaded:
        return self._loaded


class _Loaded:
    """A tokenizer that was read once: the core's encoder for it, and tokenizers' own for the rest."""

    def __init__(self, source: Source, verify: bool):
        self._source = source
        # How the tokenizer was when it was read; None if it does not change.
        self.state = _fastpost.TokenizerState(source.live) if source.changes else None
        self._json = source.json()
        self._reference = Reference(source, self._json)
        self.core: _fastpost.TokenEncoder | None = None
        self.reason: str | None = None
        self.verified: int | None = None
        if self._json is None:
            self.reason = "a part of it is written in Python"
        elif source.live is not None and source.live.encode_special_tokens:
            self.reason = "it splits special tokens"
        elif source.draws:
            self.reason = "its model draws tokens at random"
        else:
            try:
                self.core = _fastpost.TokenEncoder(self._json, source.live is not None)
            except ValueError as error:
                self.reason = str(error)
            else:
                if not source.is_written_whole(self.core.vocabulary):
                    self.core, self.reason = None, "it has several tokens of one id"
        if self.core is None:
            if source.live is None:
                self._reference.load()
        elif verify:
            self._compare()

    def _compare(self) -> None:
        try:
            self._reference.load()
        except ImportError:
            return
        texts = samples(self._vocabulary.added)

        def encode(texts: list[Any], pairs: list[Any] | None, options: Options) -> tuple[Columns, Sequence[int]]:
            assert self.core is not None
            words, special = options.is_split_into_words, options.add_special_tokens
            columns, back = native_columns(self.core.encode(texts, pairs, words, special, *options[:4], 1, None))
            return columns, [number for number, _ in back]

        self.reason = difference(encode, self._reference, texts)
        self.verified = len(texts)
        if self.reason is not None:
            self.core = None

    def encode(
        self,
        texts: list[Any],
        pairs: list[Any] | None,
        options: Options,
        made: Sequence[Any] | None,
    ) -> tuple[Columns, list[str]]:
        """The columns of texts, and the reasons for those that the core sent back; `made` is its result, None without it."""
        if made is None:
            return self._by_tokenizers(texts, pairs, options, np.arange(len(texts))), []
        columns, back = native_columns(made)
        numbers = [number for number, _ in back]
        some = [texts[number] for number in numbers]
        others = None if pairs is None else [pairs[number] for number in numbers]
        rest = self._by_tokenizers(some, others, options, np.array(numbers, np.int64))
        return columns.merged(rest), [reason for _, reason in back]

    def _by_tokenizers(self, texts: list[Any], pairs: list[Any] | None, options: Options, numbers: Any) -> Columns:
        _check("texts", texts, numbers, options)
        if pairs is not None:
            _check("pairs", pairs, numbers, options)
        if options.max_length is not None and options.truncation is not None:
            marks = self._reference.marks(pairs is not None) if options.add_special_tokens else 0
            if options.max_length <= marks:
                raise refuse(
                    ValueError,
                    f"`max_length` is {options.max_length} with {marks} special tokens; a window must hold at least one "
                    "token of the text",
                    argument="max_length",
                )
            self._reference.check_overlap(texts, pairs, options, marks, numbers)
        encodings = self._reference.encode(texts, pairs, options)
        return Columns.of_encodings(encodings, numbers)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        if self._json is None:
            return Vocabulary({}, {}, [])
        return Vocabulary.of(json.loads(self._json), live=self._source.live is not None)

    @property
    def written(self) -> bytes | None:
        """The tokenizer.json."""
        return self._json

    @cached_property
    def ids(self) -> dict[str, int]:
        """The ids of all tokens."""
        if self._json is None:
            return dict(self._source.live.get_vocab())
        return {token: number for number, token in self._vocabulary.tokens.items()}

    @cached_property
    def largest_id(self) -> int:
        """The largest id that a token can have: those of its vocabulary, and special tokens that are not in it."""
        return max([*self.ids.values(), *self._vocabulary.marks], default=0)

    def names(self, ids: Shorts1d) -> list[str]:
        """How the vocabulary spells tokens."""
        if self._json is None:
            return [self._reference.name(number) for number in ids.tolist()]
        vocabulary, marks, _ = self._vocabulary
        return [vocabulary[number] if number in vocabulary else marks.get(number, "") for number in ids.tolist()]

    @cached_property
    def padding(self) -> Padding:
        """How the tokenizer pads."""
        return self._source.padding(self.ids)


def _options(max_length: Any, stride: Any, truncation: Any, truncation_side: Any, special: Any, words: Any) -> Options:
    """The arguments of `encode` other than the texts, checked."""
    options = Options(
        _count("max_length", max_length, 1),
        _count("stride", stride, 0) or 0,
        truncation,
        truncation_side,
        bool(special),
        bool(words),
    )
    if truncation not in STRATEGIES:
        raise refuse(
            ValueError,
            f'`truncation` is {shown(truncation)}; pass "longest_first", "only_first", "only_second", or None',
            argument="truncation",
        )
    if truncation_side not in ("right", "left"):
        raise refuse(
            ValueError,
            f'`truncation_side` is {shown(truncation_side)}; pass "right" or "left"',
            argument="truncation_side",
        )
    return options


def _wrong(given: tuple[Any, ...], threads: Any) -> Exception | None:
    """What is wrong with the arguments of `encode` other than the texts; None if nothing is."""
    try:
        _options(*given)
        _count("threads", threads, 1)
    except (TypeError, ValueError) as error:
        return error
    return None


def _listed(texts: Any, pairs: Any, words: Any) -> tuple[list[Any], list[Any] | None]:
    """Texts and their pairs as lists; with `words`, each text as a list of its words."""
    if isinstance(texts, str) or isinstance(pairs, str):
        name = "texts" if isinstance(texts, str) else "pairs"
        raise refuse(TypeError, f"`{name}` is a str; pass a list of them", argument=name)
    listed = texts if type(texts) is list else list(texts)
    others = pairs if pairs is None or type(pairs) is list else list(pairs)
    if others is not None and len(others) != len(listed):
        raise refuse(
            ValueError,
            f"`pairs` has {counted(len(others), 'text')} but `texts` has {len(listed)}; pass one for each",
            argument="pairs",
        )
    if words:
        listed, others = _word_lists("texts", listed), others and _word_lists("pairs", others)
    return listed, others


def _word_lists(name: str, texts: list[Any]) -> list[list[Any]]:
    for number, words in enumerate(texts):
        if isinstance(words, str) or not isinstance(words, Iterable):
            raise refuse(
                TypeError,
                f"`{name}[{number}]` is of type {type(words).__name__}; with is_split_into_words=True every text is a "
                "list of its words",
                argument=name,
            )
    return [words if type(words) is list else list(words) for words in texts]


def _check(name: str, texts: list[Any], numbers: Any, options: Options) -> None:
    """Refuses an item that is not a text, and names it, before tokenizers does."""
    for number, text in zip(numbers, texts):
        for word in text if options.is_split_into_words else [text]:
            if not isinstance(word, str):
                raise refuse(
                    TypeError,
                    f"`{name}[{number}]` is of type {type(word).__name__}; every text must be a str",
                    argument=name,
                )
            try:
                word.encode()
            except UnicodeEncodeError as error:
                raise refuse(
                    ValueError,
                    f"`{name}[{number}]` is not valid Unicode ({error.reason}); replace its lone surrogates, for example "
                    'with text.encode("utf-8", "replace").decode()',
                    argument=name,
                ) from error


def _count(name: str, value: Any, least: int) -> int | None:
    """An argument that counts something."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        raise refuse(TypeError, f"`{name}` is of type {type(value).__name__}; pass an integer", argument=name) from None
    if not least <= number < 2**31:
        raise refuse(ValueError, f"`{name}` is {number}; pass at least {least} and less than 2**31", argument=name)
    return number


def _made(tokenizer: Any, verify: bool, follow: bool) -> Encoder:
    return Encoder(tokenizer, verify=verify, follow=follow)
