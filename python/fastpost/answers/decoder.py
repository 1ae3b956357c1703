"""Answers from the logits of an extractive question-answering model: no torch, no transformers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np

from fastpost import _fastpost
from fastpost._frozen import Settled
from fastpost._inputs import arrays as _arrays
from fastpost._inputs import bounds as _bounds
from fastpost._inputs import masks as _masks
from fastpost._inputs.encodings import Encodings
from fastpost._inputs.probabilities import warn_of_windows
from fastpost.columns import (
    Columns,
    Nested,
    objects,
    place,
    printed_options,
    printed_table,
    rows_of,
    shown_rows,
    strings,
)
from fastpost.types import Answer, ArrayLike, Batch, Doubles1d, Floats1d, Ints1d, RankedAnswer

Normalize = Literal["global", "window"]
Dedupe = Literal["text", "span", "overlap"]


class Answers(Columns):
    """Answers of a batch of questions as columns, one row an answer, best first within a question.

    The columns are NumPy arrays, made when they are first asked for, as are the dicts. An answer of nothing has
    `start` and `end` 0, `window` -1 and the text "".

    Arrow, and what reads Arrow (`polars.DataFrame(answers)`, DuckDB), gets one row an answer: `question_index`,
    `text_index`, `window` (null for nothing), `start`, `end`, `score`, `answer`, `start_logit` and `end_logit`.
    `nested()` has one row a question.

    `answers[i]` is what `to_dicts` has for question i, `answers[a:b]` the `Answers` to some questions, numbered from 0
    again (texts, too, if each has a question of its own); `len` and `for` count answers, not questions.

    A result never changes, so copies are itself. Pickle keeps the texts of the answers, not the contexts.
    """

    __slots__ = ("_table",)

    _table: _fastpost.AnswerTable

    def __init__(self, table: _fastpost.AnswerTable) -> None:
        object.__setattr__(self, "_table", table)

    @property
    def question_count(self) -> int:
        """Number of questions, those without an answer included."""
        return self._table.question_count

    @property
    def question_index(self) -> Ints1d:
        """int64 (answers,), the question of each answer; without `questions`, its `text_index`."""
        return self._table.question_index

    @property
    def text_index(self) -> Ints1d:
        """int64 (answers,), the context it is in."""
        return self._table.text_index

    @property
    def window(self) -> Ints1d:
        """int64 (answers,), the window it was found in."""
        return self._table.window

    @property
    def start(self) -> Ints1d:
        """int64 (answers,), its first character in that context."""
        return self._table.start

    @property
    def end(self) -> Ints1d:
        """int64 (answers,), one after its last character."""
        return self._table.end

    @property
    def score(self) -> Doubles1d:
        """float64 (answers,), its probability; see `AnswerDecoder`."""
        return self._table.score

    @property
    def start_logit(self) -> Floats1d:
        """float32 (answers,), the logit of its first token; of CLS, for nothing."""
        return self._table.start_logit

    @property
    def end_logit(self) -> Floats1d:
        """float32 (answers,), the logit of its last token; of CLS, for nothing."""
        return self._table.end_logit

    @property
    def null_score(self) -> Doubles1d:
        """float64 (questions,), the probability of no answer; NaN where no CLS token was found."""
        return self._table.null_score

    @property
    def answers(self) -> list[str]:
        """The text of each answer."""
        return self._table.answers()

    def to_dicts(self) -> list[Any]:
        """One list a question of one dict an answer, with the keys and the order of transformers.

        With `compat="transformers"`, a question with one answer has that dict in place of a list. Where
        contexts are ranked together, the key `text_index` says which one an answer is in.
        """
        return self._table.to_dicts()

    def to_json(self, *, lines: bool = False) -> bytes:
        """What `to_dicts` gives, as JSON in UTF-8; with `lines`, a line a question (JSON Lines) in place of one list."""
        return _fastpost.answer_json(self._table, lines)

    def nested(self) -> Nested:
        """One row a question: `answers`, a list of records of `text_index`, `start`, `end`, `score` and `answer`; and
        `null_score`, null where it is NaN.

        It has `to_arrow`, `to_polars`, `to_pandas` and `len`, and Arrow's methods.
        """  # noqa: D205
        return Nested(_fastpost.answer_lists(self._table), self)

    def _arrow(self) -> _fastpost.ArrowColumns:
        return _fastpost.answer_columns(self._table)

    def _frame(self) -> dict[str, Any]:
        import pandas as pd

        frame = {name: getattr(self, name) for name in _COLUMNS}
        found = self.window >= 0
        window = pd.array(np.where(found, self.window, 0), dtype="Int64")
        window[~found] = pd.NA
        frame["window"] = window
        logits = {name: frame.pop(name) for name in ("start_logit", "end_logit")}
        return {**frame, "answer": strings(self.answers), **logits}

    def _nested_frame(self) -> dict[str, Any]:
        answers: list[list[dict[str, Any]]] = [[] for _ in range(self.question_count)]
        names = ("text_index", "start", "end", "score", "answer")
        columns = (getattr(self, name).tolist() for name in names[:-1])
        for question, *values in zip(self.question_index.tolist(), *columns, self.answers):
            answers[question].append(dict(zip(names, values)))
        return {"answers": objects(answers), "null_score": self.null_score}

    def __reversed__(self) -> Iterator[Answer | RankedAnswer]:
        """The same dicts from the last one to the first; without this, `reversed` would take questions by their number."""
        return reversed(list(self))

    def __copy__(self) -> Answers:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Answers:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        columns = [getattr(self, name) for name in _COLUMNS]
        return _restored, (*_fastpost.answer_kind(self._table), *columns, self.null_score, self.answers)

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Answers: ...
    def __getitem__(self, at: int | slice) -> Any:
        """The dicts of a question, or the answers to some questions.

        Raises:
            IndexError: if there is no such question.
        """
        if not isinstance(at, slice):
            number = place(at, self.question_count, "questions", "Answers")
            return self[number : number + 1].to_dicts()[0]
        chosen, rows, questions = rows_of(at, self.question_count, self.question_index)
        several, dict_for_one = _fastpost.answer_kind(self._table)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        columns["question_index"] = questions
        if not several:
            columns["text_index"] = questions
        words = _fastpost.answer_words(self._table, 0, len(self)) if len(rows) > 1 else None
        texts = [words[row] if words else _fastpost.answer_words(self._table, row, row + 1)[0] for row in rows.tolist()]
        return _restored(several, dict_for_one, *columns.values(), self.null_score[chosen], texts)

    def __iter__(self) -> Iterator[Answer | RankedAnswer]:
        """The dicts of all questions, one after the other."""
        for question in self.to_dicts():
            if isinstance(question, dict):
                yield question  # type: ignore[misc]
            else:
                yield from question

    def __repr__(self) -> str:
        shown = shown_rows(len(self))
        columns = [getattr(self, name)[:shown].tolist() for name in ("question_index", "start", "end", "score")]
        rows = list(zip(*columns, _fastpost.answer_words(self._table, 0, shown)))
        head = f"<Answers: {len(self)} to {self.question_count} questions>"
        return printed_table(head, ("question", "start", "end", "score", "answer"), rows, len(self))


_COLUMNS = ("question_index", "text_index", "window", "start", "end", "score", "start_logit", "end_logit")


def _restored(several: bool, dict_for_one: bool, *columns: Any) -> Answers:
    """Answers of columns that were made before."""
    return Answers(_fastpost.answer_table(several, dict_for_one, *columns))


class AnswerDecoder(Settled):
    """Turns the logits of an extractive question-answering model into answers, a batch at a time.

    Args:
        top_k: answers of a question, at most; a number larger than there can be, such as `sys.maxsize`, is all of them.
        max_answer_len: tokens of an answer, at most.
        handle_impossible_answer: whether "no answer" is an answer; its logits are those of CLS, and of several
            windows the least counts, as all of them must agree that there is none.
        align_to_words: whether an answer that begins or ends inside a word is widened to all of it. "auto" widens,
            but not across characters of scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and
            does without where there are no `word_ids`.
        compat: `None` gives the right answer. "transformers" gives what `QuestionAnsweringPipeline.postprocess` of
            transformers 4.57.6 gives, answer by answer: softmax by window, float16 where the logits are, texts
            equal but for case merged with their scores added, one answer as a dict. It knows neither
            `normalize` nor `null_threshold` nor `dedupe`.
        normalize: what scores are shares of. "global": all spans that may be an answer, in all windows of the
            question, and no answer where that is allowed; scores of one question add up to at most 1. "window":
            the product of a softmax over the start logits and one over the end logits of a window and its CLS.
        null_threshold: no answer is the first one where `null_score` is above this, and is not among the answers
            elsewhere; setting it allows no answer. `None`: it is ranked by its score like any other.
        dedupe: of which answers only the best is kept. "span": those of the same place (overlapping windows see
            it twice). "text": those of the same text, ignoring case. "overlap": those that share a character.
        context_sequence: 1 where the question comes first in a window. 0 where the context does: so it is with a
            tokenizer that pads on the left, and in transformers that leaves the question unmasked.
        threads: threads of a call; `None` is all cores, 1 is the calling thread. Results do not depend on it.

    Raises:
        TypeError, ValueError: if an option is of the wrong type, unknown or out of range.

    Exact ties of scores go to the smallest first token, then the smallest last, then the earliest window. With
    `compat="transformers"` they go to the earliest window first; within one, NumPy leaves the order of exact ties
    open, and here they go to the smallest first token, then the smallest last.
    """

    def __init__(
        self,
        *,
        top_k: int = 1,
        max_answer_len: int = 15,
        handle_impossible_answer: bool = False,
        align_to_words: bool | Literal["auto"] = True,
        compat: Literal["transformers"] | None = None,
        normalize: Normalize = "global",
        null_threshold: float | None = None,
        dedupe: Dedupe = "span",
        context_sequence: Literal[0, 1] = 1,
        threads: int | None = None,
    ) -> None:
        top_k = _bounds.whole("top_k", top_k, 1)
        max_answer_len = _bounds.whole("max_answer_len", max_answer_len, 1)
        threads = _bounds.threads(threads)
        if null_threshold is not None:
            null_threshold = _bounds.share("null_threshold", null_threshold, or_else=", or None")
        handle_impossible_answer = _bounds.choice("handle_impossible_answer", handle_impossible_answer, (True, False))
        align_to_words = _bounds.choice("align_to_words", align_to_words, (True, False, "auto"))
        compat = _bounds.choice("compat", compat, (None, "transformers"))
        normalize = _bounds.choice("normalize", normalize, ("global", "window"))
        dedupe = _bounds.choice("dedupe", dedupe, ("span", "text", "overlap"))
        context_sequence = _bounds.choice("context_sequence", context_sequence, (1, 0))
        if compat == "transformers":
            given = {"align_to_words": align_to_words == "auto", "normalize": normalize != "global",
                     "null_threshold": null_threshold is not None, "dedupe": dedupe != "span"}  # fmt: skip
            if any(given.values()):
                name = next(name for name, changed in given.items() if changed)
                raise ValueError(f"`{name}` is not what transformers knows; leave it out, or pass compat=None")
        self._arguments = {
            "top_k": top_k,
            "max_answer_len": max_answer_len,
            "handle_impossible_answer": handle_impossible_answer,
            "align_to_words": align_to_words,
            "compat": compat,
            "normalize": normalize,
            "null_threshold": null_threshold,
            "dedupe": dedupe,
            "context_sequence": context_sequence,
            "threads": threads,
        }
        self.top_k = top_k
        self.max_answer_len = max_answer_len
        self.compat = compat
        self._kernel = _fastpost.AnswerKernel(
            top_k,
            max_answer_len,
            handle_impossible_answer,
            "auto" if align_to_words == "auto" else "word" if align_to_words else "no",
            context_sequence,
            compat == "transformers",
            normalize,
            dedupe,
            null_threshold,
            threads,
        )
        self._settle()

    def decode(
        self,
        start_logits: Batch,
        end_logits: Batch,
        encodings: Sequence[Any] | None = None,
        contexts: Sequence[str] | None = None,
        *,
        offsets: Batch | None = None,
        sequence_ids: Batch | None = None,
        word_ids: Batch | None = None,
        input_ids: Batch | None = None,
        attention_mask: Batch | None = None,
        cls_token_id: int | None = None,
        lengths: ArrayLike | None = None,
        windows: ArrayLike | None = None,
        questions: ArrayLike | None = None,
    ) -> Answers:
        """Answers of a batch of questions, from `tokenizers.Encoding` objects or from plain arrays.

        Each array argument is padded, laid end to end with `lengths`, or a list with one array, or one list, a
        window, of whatever length. Arrays must not be written to during the call.

        Args:
            start_logits: (windows, tokens), or (tokens,) end to end; float32, float16, bfloat16 or float64, finite
                or -inf.
            end_logits: likewise.
            encodings: of question and context, padded as the logits are or not at all (then the logits may be
                padded on the right); each followed by its overflowing ones as further windows.
            contexts: the contexts themselves.
            offsets: (windows, tokens, 2) integers, the characters of the context each token covers, end excluded;
                `None` in place of a pair says that the token is not of the context.
            sequence_ids: (windows, tokens), 0 and 1 for tokens of the two texts, -1 or `None` for all others.
            word_ids: (windows, tokens), the word of each token, -1 or `None` for none; needed for
                `align_to_words=True`.
            input_ids: (windows, tokens), token ids; needed with `cls_token_id`.
            attention_mask: (windows, tokens), 0 for padding, at one end; needed only where `sequence_ids` does not
                tell.
            cls_token_id: the id of CLS; without it, CLS is the special token just before the first text.
            lengths: (windows,), tokens of each window, what follows is padding; default: no padding.
            windows: (windows,), the context that each window was cut from; default: window i is of context i, or
                all are of the only context.
            questions: (contexts,), the question that each context belongs to; contexts of one question are ranked
                together. Default: each context has a question of its own.

        Returns:
            The answers, ordered by question, then best first. A question nothing can answer has none, or the null
            answer where that is allowed.

        Raises:
            TypeError: if an array has the wrong rank or type, a context is no `str`.
            ValueError: if arrays do not fit each other, an offset lies outside its context, a logit is NaN or +inf,
                an argument that the options need is missing. The message names the argument, both values and
                the cure.
        """
        if contexts is None:
            raise ValueError("`contexts` is None; pass the list of texts that the answers are cut from")
        if isinstance(contexts, str):
            raise TypeError("`contexts` is one str; pass a list of texts, [context] for one")
        contexts = list(contexts)  # answers are read from it later, whatever becomes of the caller's list
        if encodings is not None:
            given = {"offsets": offsets, "sequence_ids": sequence_ids, "word_ids": word_ids, "input_ids": input_ids,
                     "attention_mask": attention_mask, "lengths": lengths}  # fmt: skip
            doubled = [name for name, value in given.items() if value is not None]
            if doubled:
                raise ValueError(f"`encodings` and `{doubled[0]}` are both given; pass the one or the other")
            padded = isinstance(start_logits, (list, tuple)) or getattr(start_logits, "ndim", 1) == 2
            owners = _arrays.vector("windows", windows)
            read = Encodings.of_windows(encodings, owners, len(start_logits) if padded else None)
            offsets, sequence_ids, word_ids, lengths = read.offsets, read.sequence_ids, read.word_ids, read.lengths
            attention_mask, windows = read.attention_mask, read.texts
            input_ids = None if cls_token_id is None else read.ids
        if offsets is None or sequence_ids is None:
            name = "offsets" if offsets is None else "sequence_ids"
            raise ValueError(f"`{name}` is None; pass it, or `encodings`")
        if cls_token_id is not None:
            cls_token_id = _bounds.whole("cls_token_id", cls_token_id)
        starts, start_bits = _arrays.logits("start_logits", start_logits, 1)
        ends, end_bits = _arrays.logits("end_logits", end_logits, 1)
        tokens = _arrays.vector("lengths", lengths)
        pairs, outside = _arrays.offsets(offsets, _BORROWED)
        sequences = _integers("sequence_ids", sequence_ids)
        if outside is not None:
            sequences = _masks.not_of_text(sequences, outside, tokens)
        if attention_mask is not None and encodings is None:
            _masks.attention(attention_mask, "start_logits", starts, tokens, 1)
        warn_of_windows(("start_logits", "end_logits"), (starts, ends), (start_bits, end_bits), tokens)
        table = self._kernel.decode(
            starts,
            ends,
            (start_bits, end_bits),
            contexts,
            pairs,
            sequences,
            _integers("word_ids", word_ids),
            _integers("input_ids", input_ids, None),
            _integers("attention_mask", attention_mask, None),
            cls_token_id,
            tokens,
            _arrays.vector("windows", windows),
            _arrays.vector("questions", questions),
        )
        if table is None:
            raise TypeError("the arrays can't be read; pass NumPy arrays, or lists of them, of one type each")
        return Answers(table)

    def __getstate__(self) -> dict[str, Any]:
        """The arguments it was made from; pickle and copy make it anew from them."""
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def __repr__(self) -> str:
        always = ("top_k", "max_answer_len", "compat")
        return printed_options("AnswerDecoder", "", self._arguments, _DEFAULTS, always)


_DEFAULTS = {name: value.default for name, value in inspect.signature(AnswerDecoder).parameters.items()}
_BORROWED: frozenset[np.dtype[Any]] = frozenset({np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.int8)})


def _integers(name: str, value: Any, none: int | None = -1) -> Any:
    """Integers for Rust: int64, int32 or int8 as they are, all others as int64; `None` in lists is -1."""
    return _arrays.integers(name, value, none=none, kinds=_BORROWED)
