"""Answers from the logits of an extractive question-answering model: no torch, no transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import fastpost._fastpost as _fastpost
from fastpost._frozen import Settled
from fastpost._inputs import arrays as _arrays
from fastpost._inputs import bounds as _bounds
from fastpost._inputs import masks as _masks
from fastpost._inputs.bounds import counted
from fastpost._inputs.encodings import Encoded, read_windows
from fastpost._inputs.probabilities import warn_of_windows
from fastpost.answers.options import ANSWER_OPTIONS, Dedupe, Normalize, read_options
from fastpost.answers.result import Answers
from fastpost.columns import printed_options
from fastpost.exceptions import refuse
from fastpost.types import ArrayLike, Batch

__all__ = ["AnswerDecoder", "Dedupe", "Normalize", "decoder_for"]


class AnswerDecoder(Settled):
    """Turns the logits of an extractive question-answering model into answers, a batch at a time.

    Args:
        top_k: how many answers a question has at most; `sys.maxsize` asks for all of them.
        max_answer_len: how many tokens an answer has at most.
        handle_impossible_answer: whether "no answer" is an answer; its logits are those of CLS. Of several
            windows the lowest counts, as all of them must agree that there is no answer.
        align_to_words: whether an answer that begins or ends inside a word is widened to all of it. "auto" widens,
            but not across characters of scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and
            does without where there are no `word_ids`.
        compat: "fastpost" gives answers whose scores can be compared. "transformers" gives what
            `QuestionAnsweringPipeline.postprocess` of transformers 4.57.6 gives, answer by answer: softmax by
            window, float16 where the logits are, texts equal but for case merged with their scores added, one
            answer as a dict. It refuses `normalize`, `null_threshold` and `dedupe`.
        normalize: the whole that scores are shares of. "global": all spans that may be an answer, in all windows of the
            question, and no answer where that is allowed; scores of one question add up to at most 1. "window":
            the product of a softmax over the start logits and one over the end logits of a window and its CLS.
        null_threshold: "no answer" comes first where `null_score` is above this number, and is left out elsewhere;
            to set it implies `handle_impossible_answer`. `None`: "no answer" is ranked by its score like any other.
        dedupe: which answers count as one; only the best of them is kept. "span": those of the same place (overlapping
            windows see it twice). "text": those of the same text, ignoring case. "overlap": those that share a
            character.
        context_sequence: 1 if the question comes first in a window, 0 if the context does, as with a tokenizer that
            pads on the left; transformers then leaves the question unmasked.
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
        compat: Literal["fastpost", "transformers"] = "fastpost",
        normalize: Normalize = "global",
        null_threshold: float | None = None,
        dedupe: Dedupe = "span",
        context_sequence: Literal[0, 1] = 1,
        threads: int | None = None,
    ) -> None:
        # The signature is the list of options, which a test holds against `ANSWER_OPTIONS`: none is named again here.
        options = read_options({name: value for name, value in locals().items() if name in ANSWER_OPTIONS})
        self._arguments = options
        self.top_k: int = options["top_k"]
        self.max_answer_len: int = options["max_answer_len"]
        self.compat = compat
        widens = {True: "word", False: "no"}.get(options["align_to_words"], "auto")
        self._kernel = _fastpost.AnswerKernel(
            options["top_k"],
            options["max_answer_len"],
            options["handle_impossible_answer"],
            widens,
            options["context_sequence"],
            options["compat"] == "transformers",
            options["normalize"],
            options["dedupe"],
            options["null_threshold"],
            options["threads"],
        )
        self._settle()

    def decode(
        self,
        start_logits: Batch,
        end_logits: Batch,
        encodings: Any = None,
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
        """Finds the answers of a batch of questions, from what an encoder or a tokenizer made of them, or from plain arrays.

        Each array argument is padded, laid end to end with `lengths`, or a list with one array, or one list, for
        each window, of whatever length. Arrays must not be written to during the call.

        Args:
            start_logits: (windows, tokens), or (tokens,) end to end; float32, float16, bfloat16 or float64, finite
                or -inf.
            end_logits: likewise.
            encodings: what `fastpost.Encoder` made of questions and contexts; or `tokenizers.Encoding` objects, padded
                as the logits are or not at all (then the logits may be padded on the right), each followed by its
                overflowing ones as further windows; or a `BatchEncoding`.
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
            lengths: (windows,), how many tokens each window has; what follows is padding. Default: no padding.
            windows: (windows,), the context that each window was cut from; default: window i is of context i, or
                all are of the only context.
            questions: (contexts,), the question that each context belongs to; contexts of one question are ranked
                together. Default: each context has a question of its own.

        Returns:
            The answers, ordered by question, then best first. A question that nothing answers has no row, or "no
            answer" where that is allowed.

        Raises:
            TypeError: if an array has the wrong rank or type, a context is no `str`.
            ValueError: if arrays do not fit each other, an offset lies outside its context, a logit is NaN or +inf,
                an argument that the options need is missing. The message names the argument, both values and
                the cure.
        """
        contexts = _listed(contexts)
        if encodings is not None:
            given = {"offsets": offsets, "sequence_ids": sequence_ids, "word_ids": word_ids, "input_ids": input_ids,
                     "attention_mask": attention_mask, "lengths": lengths}  # fmt: skip
            doubled = [name for name, value in given.items() if value is not None]
            if doubled:
                raise refuse(
                    ValueError,
                    f"`encodings` and `{doubled[0]}` are both given; pass the one or the other",
                    argument="encodings",
                )
            padded = isinstance(start_logits, (list, tuple)) or getattr(start_logits, "ndim", 1) == 2
            owners = _arrays.vector("windows", windows)
            read, made = read_windows(encodings, owners, len(start_logits) if padded else None)
            if isinstance(read, Encoded) and made is not None and made != len(contexts):
                raise refuse(
                    ValueError,
                    f"`contexts` has {counted(len(contexts), 'item')} but `encodings` is of {counted(made, 'text')}; pass one context for each, "
                    "or `windows`, the context that each window was cut from",
                    argument="contexts",
                )
            lie = read.as_it_lies
            offsets, sequence_ids, word_ids, lengths = lie.offsets, lie.sequence_ids, lie.word_ids, read.lengths
            attention_mask, windows = read.attention_mask, read.texts
            input_ids = None if cls_token_id is None else lie.ids
        if offsets is None or sequence_ids is None:
            name = "offsets" if offsets is None else "sequence_ids"
            raise refuse(ValueError, f"`{name}` is None; pass it, or `encodings`", argument=name)
        if cls_token_id is not None:
            cls_token_id = _bounds.whole("cls_token_id", cls_token_id)
        starts, start_bits = _arrays.logits("start_logits", start_logits, 1)
        ends, end_bits = _arrays.logits("end_logits", end_logits, 1)
        tokens = _arrays.vector("lengths", lengths)
        pairs, outside = _arrays.offsets(offsets, _arrays.BORROWED)
        sequences = _integers("sequence_ids", sequence_ids)
        if outside is not None:
            sequences = _masks.not_of_text(sequences, outside, tokens)
        if attention_mask is not None and encodings is None:
            _masks.attention(attention_mask, "start_logits", starts, tokens, 1)
        warn_of_windows(("start_logits", "end_logits"), (starts, ends), (start_bits, end_bits), tokens)
        table = _of_start(
            self._kernel.decode,
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
            raise refuse(TypeError, "the arrays can't be read; pass NumPy arrays, or lists of them, of one type each")
        return Answers(table)

    def __getstate__(self) -> dict[str, Any]:
        """The arguments it was made from; pickle and copy make it anew from them."""
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def __repr__(self) -> str:
        always = ("top_k", "max_answer_len", "compat")
        return printed_options("AnswerDecoder", "", self._arguments, _DEFAULTS, always)


def _of_start(decode: Callable[..., Any], *arrays: Any) -> Any:
    """Decodes; where an error of the core compares an array with `logits`, these are the start logits."""
    try:
        return decode(*arrays)
    except ValueError as error:
        error.args = (str(error).replace("`logits`", "`start_logits`"),)
        raise


_DEFAULTS = {name: option.default for name, option in ANSWER_OPTIONS.items()}


def decoder_for(**options: Any) -> AnswerDecoder:
    """The decoder for these options, made once: a pipeline asks for it at the start and in each call.

    Raises:
        TypeError, ValueError: as `AnswerDecoder`.
    """
    if options.keys() - _DEFAULTS.keys():
        return AnswerDecoder(**options)  # which names the argument that it does not know
    return _made(*read_options({**_DEFAULTS, **options}).values())


@lru_cache(maxsize=16)
def _made(*values: Any) -> AnswerDecoder:
    return AnswerDecoder(**dict(zip(_DEFAULTS, values)))


def _listed(contexts: Any) -> list[str]:
    """The contexts: a copy, as answers are read from them later and the caller may change the list."""
    if contexts is None:
        raise refuse(
            ValueError,
            "`contexts` is None; pass the list of texts that the answers are cut from",
            argument="contexts",
        )
    if isinstance(contexts, str):
        raise refuse(TypeError, "`contexts` is one str; pass a list of texts, [context] for one", argument="contexts")
    return list(contexts)


def _integers(name: str, value: Any, none: int | None = -1) -> Any:
    """Integers for Rust: int64, int32 or int8 as they are, all others as int64; `None` in lists is -1."""
    return _arrays.integers(name, value, none=none, kinds=_arrays.BORROWED)
