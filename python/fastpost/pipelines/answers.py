"""The task of question answering: questions and contexts -> windows, logits -> answers.

It does not know transformers. A context that is asked several questions is encoded once: windows are put together
from the encodings of question and context, and the special tokens that the tokenizer puts between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

import fastpost._fastpost as _fastpost
from fastpost._inputs import arrays as _arrays
from fastpost._inputs.bounds import counted, shown
from fastpost._inputs.encodings import Read, read_first
from fastpost.answers.decoder import AnswerDecoder
from fastpost.exceptions import refuse
from fastpost.models.batches import Logits, Windows
from fastpost.pipelines.run import ItemError, refuse_overlap
from fastpost.types import Ints1d, Ints2d

_QUESTION, _CONTEXT = 0, 1


@dataclass(frozen=True)
class Ask:
    """One question about one context."""

    question: str
    context: str


@dataclass(frozen=True)
class Layout:
    """What a tokenizer puts around two texts: special tokens before, between and after them, and segments."""

    ids: tuple[Ints1d, Ints1d, Ints1d]
    types: tuple[Ints1d, Ints1d, Ints1d]
    first_type: int
    second_type: int

    @property
    def special(self) -> int:
        """Number of special tokens."""
        return sum(map(len, self.ids))

    @classmethod
    def of(cls, encoding: Any) -> Layout | None:
        """Reads it from the encoding of a pair of texts; `None` unless each text is one run of tokens."""
        sequence = np.array([-1 if number is None else number for number in encoding.sequence_ids])
        ids, types = np.array(encoding.ids, np.int64), np.array(encoding.type_ids, np.int64)
        first, second = np.flatnonzero(sequence == 0), np.flatnonzero(sequence == 1)
        if not len(first) or not len(second) or first[-1] > second[0]:
            return None
        for run in (first, second):
            if run[-1] - run[0] + 1 != len(run) or len(set(types[run])) != 1:
                return None
        parts = (slice(0, first[0]), slice(first[-1] + 1, second[0]), slice(second[-1] + 1, None))
        return cls(
            ids=(ids[parts[0]], ids[parts[1]], ids[parts[2]]),
            types=(types[parts[0]], types[parts[1]], types[parts[2]]),
            first_type=int(types[first[0]]),
            second_type=int(types[second[0]]),
        )


@dataclass(frozen=True)
class Chunk:
    """The parts of a chunk of questions that decoding needs."""

    contexts: list[str]
    owners: Ints1d
    ids: Ints1d
    offsets: Ints2d
    sequence_ids: npt.NDArray[np.int8]
    word_ids: Ints1d


class Segments:
    """Arrays laid end to end; windows take stretches of them."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.lengths = read.lengths
        self.starts = np.cumsum(read.lengths) - read.lengths


@dataclass(frozen=True)
class AnswerTask:
    """Extractive question answering over stride windows.

    Args:
        encode: encodes texts without special tokens, truncation and padding.
        encode_pair: encodes two texts with the tokenizer's special tokens.
        max_length: tokens of a window.
        stride: tokens by which windows overlap.
        decoder: from logits to answers.
        cls_token_id: the id of CLS; `None` without one.
        context_first: whether the context stands before the question, as with a tokenizer that pads on the left.
        from_end: whether windows are cut from the end of the context on, as with a tokenizer that truncates on the
            left.
        input_names: the model's arguments.
        ranked: whether all contexts of a chunk belong to one question and are ranked together.
    """

    encode_texts: Callable[[list[str]], Any]
    encode_pair: Callable[[str, str], Any]
    max_length: int
    stride: int
    decoder: AnswerDecoder
    cls_token_id: int | None
    context_first: bool
    input_names: tuple[str, ...]
    from_end: bool = False
    ranked: bool = False

    @cached_property
    def layout(self) -> Layout:
        """Special tokens around a pair."""
        found = Layout.of(self.encode_pair("a", "a"))
        if found is None:
            raise refuse(
                ValueError,
                "`tokenizer` does not write question and context as one run of tokens each, which answers need; "
                "its post-processor must keep both texts whole",
                argument="tokenizer",
            )
        return found

    def encode(self, items: list[Ask], first: int = 0) -> Windows[Chunk]:
        """Windows of `items`; each distinct question and context is encoded once."""
        for number, item in enumerate(items):
            for name, text in (("question", item.question), ("context", item.context)):
                if text.isascii():
                    continue
                try:
                    text.encode()
                except UnicodeEncodeError as error:
                    raise ItemError(
                        number,
                        refuse(
                            TypeError,
                            f"`{name}` {first + number} is not valid Unicode ({error}); replace its lone surrogates, for "
                            'example with text.encode("utf-8", "replace").decode()',
                            argument=name,
                        ),
                    ) from None
        texts: dict[str, int] = {}
        at = np.array([[texts.setdefault(t, len(texts)) for t in (item.question, item.context)] for item in items])
        pool = Segments(read_first(self.encode_texts(list(texts))))
        question, context = at[:, 0], at[:, 1]
        owner, start, length = self._plan(pool.lengths[question], pool.lengths[context], items, first)
        return self._assemble(pool, owner, question[owner], context[owner], start, length, items)

    def _plan(self, questions: Ints1d, contexts: Ints1d, items: list[Ask], first: int) -> tuple[Ints1d, Ints1d, Ints1d]:
        """The windows: which item each belongs to, and its stretch of the context."""
        room = self.max_length - self.layout.special - questions
        tight = (contexts > room) & (room <= self.stride)
        if tight.any():
            number = int(np.flatnonzero(tight)[0])
            left = int(room[number])
            if left <= 0:
                raise refuse(
                    ValueError,
                    f"`question` {shown(items[number].question)} has {counted(int(questions[number]), 'token')}, which leaves no room in "
                    f"`max_seq_len` {self.max_length}; ask a shorter question or pass a larger `max_seq_len`",
                    argument="question",
                )
            raise refuse(
                ValueError,
                f"`doc_stride` is {self.stride} but question {shown(items[number].question)} leaves {left} of {self.max_length} "
                "tokens for the context; `doc_stride` must be smaller than that",
                argument="doc_stride",
            )
        step = np.maximum(room - self.stride, 1)
        count = np.where(contexts <= room, 1, 1 + -(-(contexts - room) // step))
        for number in np.flatnonzero((count > 1) & (room > 64 * step)).tolist():
            try:
                _fastpost.check_windows(
                    "doc_stride", number, [int(contexts[number])], int(room[number]), self.stride, "only_first"
                )
            except ValueError as error:
                raise refuse_overlap(error, first) from None
        owner = np.repeat(np.arange(len(items)), count)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        if self.from_end:
            end = contexts[owner] - nth * step[owner]
            start = np.maximum(end - room[owner], 0)
            return owner, start, end - start
        start = nth * step[owner]
        return owner, start, np.minimum(room[owner], contexts[owner] - start)

    def _assemble(
        self,
        pool: Segments,
        owner: Ints1d,
        question: Ints1d,
        context: Ints1d,
        start: Ints1d,
        length: Ints1d,
        items: list[Ask],
    ) -> Windows[Chunk]:
        """Windows as arrays: special tokens, first text, special tokens, second text, special tokens."""
        layout = self.layout
        special = np.concatenate(layout.ids)
        base = len(special)
        widths = [len(part) for part in layout.ids]
        before = np.cumsum([0, *widths])
        count = len(owner)
        asked = (base + pool.starts[question], pool.lengths[question])
        told = (base + pool.starts[context] + start, length)
        first, second = (told, asked) if self.context_first else (asked, told)
        starts = np.stack([np.full(count, before[0]), first[0], np.full(count, before[1]), second[0],
                           np.full(count, before[2])], axis=1).ravel()  # fmt: skip
        sizes = np.stack([np.full(count, widths[0]), first[1], np.full(count, widths[1]), second[1],
                          np.full(count, widths[2])], axis=1).ravel()  # fmt: skip
        total = int(sizes.sum())
        at = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(total)
        lengths = sizes.reshape(count, 5).sum(axis=1)
        ids = np.concatenate([special, pool.read.ids])[at]
        sequence = np.repeat(np.tile(np.array([-1, 0, -1, 1, -1], np.int8), count), sizes)
        inputs = {"input_ids": ids}
        if "token_type_ids" in self.input_names:
            types = np.repeat(np.tile([0, layout.first_type, 0, layout.second_type, 0], count), sizes)
            special_types = np.concatenate(layout.types)
            inputs["token_type_ids"] = np.where(sequence < 0, special_types[np.minimum(at, base - 1)], types)
        offsets = np.concatenate([np.zeros((base, 2), pool.read.offsets.dtype), pool.read.offsets])[at]
        if self.context_first:  # then transformers cuts answers at places in the question too, even past the context
            most = np.array([len(item.context) for item in items])[owner]
            offsets = np.minimum(offsets, np.repeat(most, lengths)[:, None])
        none = np.full(base, -1, pool.read.word_ids.dtype)
        chunk = Chunk(
            contexts=[item.context for item in items],
            owners=owner,
            ids=ids,
            offsets=offsets,
            sequence_ids=sequence,
            word_ids=np.concatenate([none, pool.read.word_ids])[at],
        )
        return Windows(lengths, inputs, chunk)

    def decode(self, windows: Windows[Chunk], logits: Logits) -> Sequence[Any]:
        """The decoder's results, one item per question."""
        chunk = windows.info
        starts, ends = (_in_order(logits, windows.lengths, part) for part in (0, 1))
        answers = self.decoder.decode(
            starts,
            ends,
            contexts=chunk.contexts,
            offsets=chunk.offsets,
            sequence_ids=chunk.sequence_ids,
            word_ids=chunk.word_ids,
            input_ids=None if self.cls_token_id is None else chunk.ids,
            cls_token_id=self.cls_token_id,
            lengths=windows.lengths,
            windows=chunk.owners,
            questions=np.zeros(len(chunk.contexts), np.int64) if self.ranked else None,
        )
        return answers.to_dicts()


def ask_size(item: Ask) -> int:
    """Characters of a question and its context."""
    return len(item.question) + len(item.context)


def _in_order(logits: Logits, lengths: Ints1d, part: int) -> Any:
    """Logits of all windows end to end, in the order of the windows; bfloat16 becomes float32."""
    starts = np.cumsum(lengths) - lengths
    out: Any = None
    first = 0
    for batch in logits.batches:
        block = _arrays.to_numpy("logits", batch[part])
        if block.dtype == np.uint16:  # the bits of bfloat16 are the upper half of those of float32
            block = (block.astype(np.uint32) << 16).view(np.float32)
        rows = logits.order[first : first + len(block)]
        first += len(block)
        column = np.arange(block.shape[1])
        used = column < lengths[rows][:, None]
        out = np.empty(int(lengths.sum()), block.dtype) if out is None else out
        out[(starts[rows][:, None] + column)[used]] = block[used]
    return np.empty(0, np.float32) if out is None else out
