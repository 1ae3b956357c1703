"""The task of token classification: texts -> windows, logits -> entities. It does not know transformers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fastpost._inputs import arrays as _arrays
from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import counted
from fastpost._inputs.encodings import Read, read_first, read_texts
from fastpost._inputs.probabilities import warn_of_rows
from fastpost._inputs.tokenizer import Tokens
from fastpost.entities.decoder import EntityDecoder
from fastpost.entities.options import OPTIONS, PIPELINE_OPTIONS
from fastpost.entities.result import Entities
from fastpost.exceptions import Argument, refuse
from fastpost.models.batches import Logits, Windows
from fastpost.pipelines.run import ItemError, refuse_overlap
from fastpost.types import Ints1d, TextEntities


@dataclass(frozen=True)
class Chunk:
    """The parts of a chunk of texts that decoding needs. Its first text is number `first` of all."""

    first: int
    texts: list[str]
    owners: Ints1d
    ids: Any
    """This and the following arrays have the type that the encoder gives: int64 or int32."""
    offsets: Any
    special: Any
    words: Any


Decoders: TypeAlias = dict[int, tuple[EntityDecoder, list[int]]]
"""Decoders of one set of options by the number of labels, each with the labels that have no name."""


class DecoderCache:
    """The decoders of a pipeline, each made once for its set of options."""

    def __init__(self) -> None:
        self._known: dict[Any, Decoders] = {}

    def get(self, *options: Any) -> Decoders:
        """The decoders for these options; new ones if the options can't be compared with others."""
        try:
            key = _freeze(options)
        except TypeError:
            return {}
        if key not in self._known:
            while len(self._known) >= _MOST_KEPT:
                self._known.pop(next(iter(self._known), None), None)
            self._known[key] = {}
        return self._known[key]


_MOST_KEPT = 8


def _freeze(value: Any) -> Any:
    """A key that is equal for equal options.

    Raises:
        TypeError: if there is no such key, as the value can change.
    """
    if value is None or isinstance(value, (str, int, float)):
        return type(value), value
    if isinstance(value, Tokens):
        return Tokens, id(value.table)  # the decoders keep it alive
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, Mapping):
        if set(map(type, value.values())) == {str}:  # the names of labels, in each call
            return tuple(value.items())
        return tuple((key, _freeze(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(_freeze, value))
    raise TypeError(f"{type(value).__name__} is no key")


@dataclass(frozen=True)
class EntityTask:
    """Token classification of texts, or of texts split into words.

    `encode_batch` is called with a list of texts (or of lists of words) and returns their encodings: a list of them, or
    what `fastpost.Encoder` makes.
    """

    encode_batch: Callable[[list[Any]], Any]
    input_names: tuple[str, ...]
    tokens: Tokens
    id2label: dict[int, str]
    aggregation_strategy: str
    ignore_labels: Collection[str]
    windowed: bool
    """Whether overflowing encodings are read as further windows."""
    delimiter: str | None = None
    """What joins the words of a text that is split into words; `None` for plain texts."""
    offset_mapping: npt.NDArray[np.int64] | None = None
    """Offsets of the caller, which replace those of the tokenizer in every window."""
    on_truncate: Callable[[int], None] | None = None
    """Called with the number of a text whose end was cut off."""
    options: dict[str, Any] | None = None
    """Options of the decoder for `compat="fastpost"`; `None` stands for `compat="transformers"`."""
    most_tokens: int | None = None
    """With `options`: refuse texts with overflowing encodings, as they have more tokens than this."""
    _decoders: Decoders = field(default_factory=dict)
    """By number of labels; a pipeline makes those for the same options once for all calls."""
    _words_before: dict[str, int] = field(default_factory=dict)
    """The decoder's counts of how words were told apart, before this task."""

    def encode(self, items: list[Any], first: int) -> Windows[Chunk]:
        """Windows of `items`, all encoded at once."""
        self._check(items, first)
        try:
            encodings = self.encode_batch(items)
        except (TypeError, ValueError) as error:
            raise _not_unicode(items, first) or refuse_overlap(error, first) from error
        if self.windowed or self.on_truncate is not None or self.most_tokens is not None:
            read, _ = read_texts(encodings, None)
        if not self.windowed:
            if self.on_truncate is not None or self.most_tokens is not None:
                for number in np.flatnonzero(np.bincount(read.texts) > 1):
                    self._cut(int(number), first)
            read = read_first(encodings)
        lie = read.as_it_lies
        special = lie.special_tokens_mask
        offsets = self._offsets(read, special)
        texts = items
        if self.delimiter is not None:
            texts = [self.delimiter.join(words) for words in items]
            offsets = offsets + self._word_starts(items, read)[:, None]
        words = None if self.options is None else lie.word_ids
        ids = lie.ids
        inputs = {"input_ids": ids}
        if "token_type_ids" in self.input_names:
            inputs["token_type_ids"] = lie.type_ids
        return Windows(read.lengths, inputs, Chunk(first, texts, read.texts, ids, offsets, special, words))

    def decode(self, windows: Windows[Chunk], logits: Logits) -> Sequence[list[Any]]:
        """One list of dicts for each text: `Entity`, or `Token` with the strategy "none"."""
        chunk = windows.info
        if not logits.batches:
            none: list[list[Any]] = [[] for _ in chunk.texts]
            return (
                none if self.options is None else [TextEntities([], (-1, -1), 0, _shows(text)) for text in chunk.texts]
            )
        entities = self.entities(windows, logits)
        return entities.to_dicts() if self.options is None else self._covering(entities, chunk)

    def check_all(self, items: list[Any]) -> None:
        """Refuses the first item that is not a text, before any is read."""
        try:
            self._check(items, 0)
        except ItemError as bad:
            raise bad.error from None

    def prepare(self) -> EntityTask:
        """Makes the decoder, so that a wrong option is refused before the model runs."""
        self._words_before.update(self.decoder().report().get("words", {}))
        return self

    def decoder(self) -> EntityDecoder:
        """The decoder of the last batch; before the first batch, one for the labels that have names."""
        made = list(self._decoders.values())
        return (made[-1] if made else self._decoder(len(self.id2label)))[0]

    def labels(self) -> tuple[str, ...]:
        """Names that entities can have; a type may be called "O", which among `ignore_labels` is what is outside."""
        names = self.decoder().labels
        has_type = self.options is not None and names.count("O") > ("O" in self.id2label.values())
        kept = tuple(name for name in names if name not in self.ignore_labels)
        return (*kept, "O") if has_type and "O" not in kept else kept

    def report(self) -> dict[str, Any]:
        """As `EntityDecoder.report`; words are those of this task's texts."""
        found = self.decoder().report()
        if "words" in found:
            counts = {reason: count - self._words_before.get(reason, 0) for reason, count in found["words"].items()}
            found["words"] = {reason: count for reason, count in counts.items() if count}
        return found

    def entities(self, windows: Windows[Chunk], logits: Logits) -> Entities:
        """The entities of all texts as columns."""
        chunk = windows.info
        if not logits.batches:
            return Entities.from_spans([[] for _ in chunk.texts], chunk.texts)
        values, kind = _arrays.logits("logits", logits.batches)
        warn_of_rows("the model's output", values, kind)
        decoder, unnamed = self._decoder(values[0].shape[-1])
        try:
            entities = decoder._run(
                values,
                kind,
                chunk.texts,
                windows.lengths,
                chunk.offsets,
                chunk.special,
                chunk.ids,
                chunk.owners,
                chunk.words,
                order=logits.order,
                check=False,
            )
        except ValueError as error:
            window = getattr(error, "window", None)
            if window is None:
                raise
            text = chunk.first + int(chunk.owners[window])
            raise refuse(
                ValueError,
                f"text {text} of the input: {error}",
                argument=getattr(error, "argument", None),
                text=text,
                window=window,
                token=getattr(error, "token", None),
            ) from error
        if unnamed and np.isin(entities.label_id, unnamed).any():
            raise KeyError(
                f"the model predicts a label that `id2label` does not name: it has {counted(len(self.id2label), 'name')} for "
                f"{counted(values[0].shape[-1], 'label')}"
            )
        return entities

    def _covering(self, entities: Entities, chunk: Chunk) -> list[TextEntities]:
        """The dicts of each text, and the part of it that was seen."""
        dicts: list[Any] = entities.to_dicts()
        assert entities.word_start is not None
        assert entities.word_end is not None
        assert entities.covered is not None
        if self.delimiter is not None:
            rows = (row for text in dicts for row in text)
            for row, start, end in zip(rows, entities.word_start.tolist(), entities.word_end.tolist()):
                row["word_index"] = (start, end)
        windows = np.bincount(chunk.owners, minlength=len(chunk.texts)).tolist()
        out = []
        for found, text, (start, end), count in zip(dicts, chunk.texts, entities.covered.tolist(), windows):
            missed = text if end < 0 else text[:start] + text[end:]
            out.append(TextEntities(found, (start, end), count, _shows(missed)))
        return out

    def _cut(self, number: int, first: int) -> None:
        """Warns that text `number` of a chunk is too long, or refuses it."""
        if self.most_tokens is not None:
            raise ItemError(
                number,
                refuse(
                    ValueError,
                    f"text {first + number} of the input has more than the {counted(self.most_tokens, 'token')} that the model reads",
                    cure=(
                        "; shorten it, or pass ",
                        Argument("on_long_text", ("window",)),
                        " to read it in several windows",
                    ),
                    text=first + number,
                ),
            )
        if self.on_truncate is not None:
            self.on_truncate(first + number)

    def _decoder(self, columns: int) -> tuple[EntityDecoder, list[int]]:
        """The decoder for so many labels, and the numbers of those without a name.

        Labels past the model's last column can never be predicted, and are left out.
        """
        if columns not in self._decoders:
            names = [self.id2label.get(label, f"{_UNNAMED}{label}") for label in range(columns)]
            if self.options is not None and columns > len(self.id2label):
                raise refuse(
                    ValueError,
                    f"the model gives logits for {counted(columns, 'label')} but `id2label` names {len(self.id2label)}; name them all",
                    argument="id2label",
                )
            decoder = EntityDecoder(
                names,
                aggregation_strategy=self.aggregation_strategy,  # type: ignore[arg-type]  # checked there
                compat="transformers" if self.options is None else "fastpost",
                ignore_labels=self.ignore_labels,
                tokenizer=self.tokens,
                **(self.options or {}),
            )
            unnamed = [number for number, name in enumerate(decoder.labels) if name.startswith(_UNNAMED)]
            self._decoders[columns] = decoder, unnamed
        return self._decoders[columns]

    def _check(self, items: list[Any], first: int) -> None:
        for number, item in enumerate(items):
            kind = type(item).__name__
            if self.delimiter is None:
                if not isinstance(item, str):
                    cure = {
                        "NoneType": ', "" where there is no text',
                        "list": ", or is_split_into_words=True for words",
                    }
                    told = f"text {first + number} of the input is of type {kind}; pass a str{cure.get(kind, '')}"
                    raise ItemError(number, refuse(ValueError, told, argument="inputs"))
            elif not isinstance(item, list):
                told = f"text {first + number} of the input is of type {kind}; with is_split_into_words=True pass a list of str"
                raise ItemError(number, refuse(ValueError, told, argument="inputs"))
            elif wrong := [word for word in item if not isinstance(word, str)]:
                raise ItemError(
                    number,
                    refuse(
                        TypeError,
                        f"text {first + number} of the input holds {_bounds.shown(wrong[0])} among its words; each must be a str",
                        argument="inputs",
                    ),
                )

    def _offsets(self, read: Read, special: Any) -> Any:
        if self.offset_mapping is None:
            return read.as_it_lies.offsets
        starts = np.cumsum(read.lengths) - read.lengths
        position = np.arange(len(special)) - np.repeat(starts, read.lengths)
        given = self.offset_mapping
        last = int(position[special == 0].max(initial=-1))
        if last >= len(given):
            raise IndexError(  # as in transformers
                f"`offset_mapping` has {counted(len(given), 'pair')} but token {last} needs one; pass one pair per token of the text"
            )
        return given[np.minimum(position, max(len(given) - 1, 0))]

    def _word_starts(self, items: list[list[str]], read: Read) -> Ints1d:
        """Where the word of each token starts in its text; 0 for tokens of no word."""
        gap = len(self.delimiter or "")
        sizes = np.fromiter((len(word) + gap for words in items for word in words), np.int64)
        counts = np.fromiter(map(len, items), np.int64, len(items))
        before = np.concatenate([[0], np.cumsum(sizes)])
        first_word = np.cumsum(counts) - counts
        word = read.word_ids
        owner_first = np.repeat(first_word[read.texts], read.lengths)
        at = before[np.minimum(owner_first + word, len(sizes))] - before[owner_first]
        return np.where(word >= 0, at, 0)


_UNNAMED = "\0"
"""The start of the stand-in for a label that `id2label` does not name; no real name starts so."""


def offset_pairs(given: Any) -> npt.NDArray[np.int64] | None:
    """A caller's offsets for one text: pairs, or, as in transformers, a list that holds one list of pairs.

    Raises:
        TypeError, ValueError: if it is anything else.
    """
    if given is None:
        return None
    cure = "pass one pair (start, end) per token"
    shown = f" is {_bounds.shown(given)}"
    if isinstance(given, (list, tuple)) and given and np.ndim(given[0][:1] if isinstance(given[0], list) else ()) > 1:
        given = given[0]  # transformers takes the first of many, too
    try:
        pairs = np.asarray(given)
    except ValueError:  # ragged
        raise refuse(ValueError, Argument("offset_mapping"), shown, cure=cure) from None
    pairs = pairs[0] if pairs.ndim == 3 and len(pairs) else pairs
    if pairs.size and pairs.dtype.kind not in "iu":
        raise refuse(TypeError, Argument("offset_mapping"), shown, cure=cure)
    if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2):
        raise refuse(ValueError, Argument("offset_mapping"), shown, cure=cure)
    if pairs.size and pairs.max() > np.iinfo(np.int64).max:
        raise refuse(ValueError, Argument("offset_mapping"), shown, cure=cure)
    return pairs.reshape(-1, 2).astype(np.int64)


def _shows(text: str) -> bool:
    """Whether a reader sees letters in `text`: tokenizers drop zero-width spaces, controls, and accents without a letter."""
    return any(not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf", "Mn", "Me") for char in text)


def _not_unicode(items: list[Any], first: int) -> ItemError | None:
    """The first text with a lone surrogate, which no tokenizer takes."""
    for number, item in enumerate(items):
        try:
            "".join(item).encode()
        except UnicodeEncodeError as error:
            return ItemError(
                number,
                refuse(
                    TypeError,
                    f"text {first + number} of the input is not valid Unicode ({error}); replace its lone surrogates, for "
                    'example with text.encode("utf-8", "replace").decode()',
                    argument="inputs",
                ),
            )
    return None


def text_size(item: Any) -> int:
    """Characters of a text, or of its words."""
    return (
        len(item)
        if isinstance(item, str)
        else sum(len(word) for word in item if isinstance(word, str))
        if isinstance(item, list)
        else 0
    )


LONG_TEXTS: tuple[str, ...] = PIPELINE_OPTIONS["on_long_text"].choices


def right_options(given: dict[str, Any], split: bool) -> dict[str, Any] | None:
    """The decoder's options among those of a pipeline; `None` for `compat="transformers"`, which takes none of them.

    If a text comes as words, those words count.
    """
    compat = given.get("compat", "transformers")
    if compat not in ("fastpost", "transformers"):
        raise refuse(
            ValueError, f'`compat` is {_bounds.shown(compat)}; choose "fastpost" or "transformers"', argument="compat"
        )
    options = {name: given[name] for name in OPTIONS if name in given}
    if compat == "fastpost":
        if split and options.get("words", "auto") == "auto":
            options["words"] = "word_ids"
        return options
    for name in (*OF_PIPELINES, *OPTIONS):
        if name in given and (name != "max_length" or given[name] is not None):
            raise refuse(
                ValueError,
                f'`{name}` is {_bounds.shown(given[name])} and `compat` is "transformers", which has no such '
                'option; pass compat="fastpost"',
                argument=name,
            )
    return None


OF_PIPELINES: tuple[str, ...] = tuple(name for name, option in PIPELINE_OPTIONS.items() if option.own_only)
"""What only `compat="fastpost"` takes, beside the options of the decoder."""


def long_texts(given: dict[str, Any]) -> str:
    """What becomes of texts that are longer than the model reads."""
    value = given.get("on_long_text", PIPELINE_OPTIONS["on_long_text"].default)
    if value not in LONG_TEXTS:
        raise refuse(
            ValueError,
            f"`on_long_text` is {_bounds.shown(value)}; choose {', '.join(map(repr, LONG_TEXTS))}",
            argument="on_long_text",
        )
    return str(value)


def window_length(given: dict[str, Any], most: int | None, special: int) -> int | None:
    """How many tokens a window has: `max_length`, else as many as the model reads; `None` if neither is known.

    Args:
        given: options of a pipeline.
        most: tokens that the model reads.
        special: tokens of a window that are not of its text.

    Raises:
        TypeError: if `max_length` is no int.
        ValueError: if it leaves no room, or is more than the model reads.
    """
    length = given.get("max_length")
    if length is None:
        return most
    if isinstance(length, bool) or not isinstance(length, int):
        raise refuse(
            TypeError,
            f"`max_length` is {_bounds.shown(length)}; pass how many tokens a window has, an int",
            argument="max_length",
        )
    if length <= special:
        raise refuse(
            ValueError,
            f"`max_length` is {length}, but {counted(special, 'token')} of a window are special ones; pass an int above that",
            argument="max_length",
        )
    if most is not None and length > most:
        raise refuse(
            ValueError,
            f"`max_length` is {length}, but the model reads {counted(most, 'token')}; pass an int of at most {most}",
            argument="max_length",
        )
    return length


def check_stride(stride: object, max_length: int, special: int) -> None:
    """Refuses an overlap that leaves no room for anything new in a window of `max_length` tokens.

    Raises:
        ValueError: if it is not between 0 and one less than what a window holds of a text.
    """
    room = max_length - special
    if not isinstance(stride, int) or not 0 <= stride < max(room, 1):
        raise refuse(
            ValueError,
            f"`stride` is {_bounds.shown(stride)} but a window of {counted(max_length, 'token')} holds {room} of a text; "
            f"pass an int from 0 to {max(room - 1, 0)}",
            argument="stride",
        )


def default_stride(max_length: int, special: int) -> int:
    """By how many tokens windows overlap by default: a quarter of the text tokens of a window."""
    return max(0, (max_length - special) // 4)
