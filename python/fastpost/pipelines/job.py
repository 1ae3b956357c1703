"""A model and the options of a call -> the job to run: the same for every model and backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from fastpost._inputs.bounds import counted
from fastpost._warn import warn_caller
from fastpost.answers.decoder import AnswerDecoder, decoder_for
from fastpost.entities.options import choose_strategy
from fastpost.exceptions import Argument, refuse
from fastpost.models.batches import Batching, Runner, choose_batching
from fastpost.models.model import Parts
from fastpost.pipelines.answers import AnswerTask
from fastpost.pipelines.entities import (
    DecoderCache,
    EntityTask,
    check_stride,
    default_stride,
    long_texts,
    offset_pairs,
    right_options,
    window_length,
)

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Job(Generic[Kind]):
    """One run of a pipeline: its task, its model, how windows become batches."""

    task: Kind
    runner: Runner
    batching: Batching


def name_strategy(given: Any, compat: str) -> str:
    """The name of a strategy, which may be given as transformers' enum, or not at all."""
    given = choose_strategy(given, compat)
    return str(getattr(given, "value", given)).lower()


def entity_task(
    model: Parts, options: Mapping[str, Any], decoders: DecoderCache, *, split: bool = False, offset_mapping: Any = None
) -> EntityTask:
    """The task that reads entities from a model's logits.

    Args:
        model: the model.
        options: of a call: `aggregation_strategy`, `ignore_labels`, `stride`, `compat`, `delimiter`, and for
            `compat="fastpost"` those of the decoder, `on_long_text` and `max_length`.
        decoders: those that the pipeline has already made.
        split: whether each text is a list of words.
        offset_mapping: offsets of the caller.
    """
    encoder, stride = model.encoder, options.get("stride")
    right = right_options(dict(options), split)
    length = None if right is None and encoder.cuts_itself else model.max_length
    windowed, on_long_text = stride is not None, "truncate"
    if right is not None:
        length = window_length(dict(options), length, encoder.special)
        on_long_text = long_texts(dict(options))
        windowed = on_long_text == "window" and length is not None
        if length is not None and windowed:
            stride = default_stride(length, encoder.special) if stride is None else stride
    if length is not None and windowed:
        check_stride(stride, length, encoder.special)
    overlap = (stride or 0) if windowed else 0
    strategy, ignored = name_strategy(options.get("aggregation_strategy"), options["compat"]), options["ignore_labels"]
    ignored = ["O"] if ignored is None else ignored
    return EntityTask(
        encode_batch=lambda texts: encoder.windows(texts, length, overlap, split),
        input_names=model.pad.names,
        tokens=encoder.tokens,
        id2label=model.labels,
        aggregation_strategy=strategy,
        ignore_labels=ignored,
        windowed=windowed,
        delimiter=options["delimiter"] if split else None,
        offset_mapping=offset_pairs(offset_mapping),
        on_truncate=None if windowed or length is None else partial(_warn_truncated, length, right is not None),
        options=right,
        most_tokens=length if on_long_text == "error" and not windowed else None,
        _decoders=decoders.get(strategy, ignored, right, encoder.tokens, model.labels),
    )


def entity_job(model: Parts, task: EntityTask, size: Any, tokens: Any = None) -> Job[EntityTask]:
    """A task with the model it is for; `size` windows, or as many as `tokens` hold, become a batch."""
    batching = choose_batching(size, tokens, model.pad, model.device)
    return Job(task.prepare(), model.runner, batching)


def _warn_truncated(length: int, right: bool, number: int) -> None:
    windows = Argument("on_long_text", ("window",))
    strides = (
        Argument("stride"),
        ", for example ",
        Argument("stride", (128,)),
        ", or ",
        Argument("compat", ("fastpost",)),
        ",",
    )
    warn_caller(
        f"text {number} of the input is longer than the model's {counted(length, 'token')} and was cut; pass ",
        *((windows,) if right else strides),
        " to read it whole",
        through="transformers",
    )


def answer_decoder(left: bool, options: Mapping[str, Any], ranked: bool = False) -> AnswerDecoder:
    """The decoder for these options; for the pipeline's own options, it was made with the pipeline.

    Args:
        left: whether the context stands first, as with a tokenizer that pads on the left.
        options: those of `fastpost.AnswerDecoder`.
        ranked: whether the answers of all contexts are ranked together.
    """
    return decoder_for(
        context_sequence=0 if left else 1, **{"compat": "fastpost" if ranked else "transformers", **options}
    )


def answer_task(model: Parts, options: Mapping[str, Any], ranked: bool = False) -> AnswerTask:
    """The task that reads answers from a model's logits.

    Args:
        model: the model.
        options: of a call: `doc_stride`, `max_seq_len`, and those of `fastpost.AnswerDecoder`.
        ranked: whether the answers of all contexts are ranked together.
    """
    settings = dict(options)
    stride, max_length = settings.pop("doc_stride", None), settings.pop("max_seq_len", None)
    width, left = model.pad.width, model.pad.left
    if width is not None and max_length is not None and max_length > width:
        raise refuse(
            ValueError,
            f"`max_seq_len` is {max_length}, but the model was exported for {counted(width, 'token')}; leave it out",
            argument="max_seq_len",
        )
    max_length = max_length or min(model.max_length or 384, 384)
    stride = min(max_length // 2, 128) if stride is None else stride
    if stride > max_length:
        raise refuse(
            ValueError, f"`doc_stride` ({stride}) is larger than `max_seq_len` ({max_length})", argument="doc_stride"
        )
    if stride < 0:
        raise refuse(
            ValueError,
            f"`doc_stride` is {stride}; pass 0 for windows that do not overlap, or more",
            argument="doc_stride",
        )
    return AnswerTask(
        encode_texts=model.encoder.whole,
        encode_pair=model.encoder.pair,
        max_length=int(max_length),
        stride=int(stride),
        decoder=answer_decoder(model.pad.left, settings, ranked),
        cls_token_id=model.encoder.cls_token_id,
        context_first=left,
        from_end=model.encoder.from_end,
        input_names=model.pad.names,
        ranked=ranked,
    )
