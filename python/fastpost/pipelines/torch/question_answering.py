"""The question-answering pipeline of transformers 4, for transformers 4.57 and 5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import replace
from typing import Any

import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES
from transformers.pipelines.base import ChunkPipeline
from transformers.utils import PaddingStrategy

from fastpost._inputs.bounds import guess, unexpected
from fastpost._warn import warn_caller
from fastpost.answers.decoder import AnswerDecoder
from fastpost.exceptions import refuse
from fastpost.models.batches import choose_batching
from fastpost.models.model import START_AND_END, Parts, trust_model
from fastpost.models.slot import EncoderSlot
from fastpost.models.transformers import FastEncoder, TransformersModel
from fastpost.pipelines.answers import AnswerTask, ask_size
from fastpost.pipelines.job import answer_decoder, answer_task
from fastpost.pipelines.questions import asks, read, single
from fastpost.pipelines.run import Results, Told, shown, stream
from fastpost.pipelines.sizes import AT_ONCE, check_batches, check_size, check_sizes, refuse_tokens
from fastpost.pipelines.torch.token_classification import (
    inference,
    original_path_reason,
    warn_original_path,
)

_STEPS = ("preprocess", "forward", "_forward", "postprocess", "run_single", "get_indices", "get_answer")
_DECODER_ARGUMENTS = ("top_k", "max_answer_len", "handle_impossible_answer", "align_to_words", "compat", "normalize",
                      "null_threshold", "dedupe")  # fmt: skip
_OWN = ("compat", "normalize", "null_threshold", "dedupe")
"""Arguments that transformers does not have."""
_KNOWN = (*_DECODER_ARGUMENTS, *AT_ONCE, "doc_stride", "max_question_len", "max_seq_len", "num_workers", "padding",
          "progress", "rank")  # fmt: skip
_Original: Any = getattr(transformers, "QuestionAnsweringPipeline", ChunkPipeline)
"""The class of transformers 4, which transformers 5 has dropped."""


class QuestionAnsweringPipeline(_Original):  # type: ignore[misc]
    """Extractive question answering: the pipeline of transformers 4, on transformers 4.57 and 5.

    It takes what that pipeline took: `question` and `context`, each a `str` or a list (or a tuple, a Series, an array,
    a column); dicts with these two keys, a list of them, a generator or a dataset of them; `top_k`, `doc_stride`,
    `max_answer_len`, `max_seq_len`, `max_question_len`, `handle_impossible_answer`, `align_to_words`, `padding`,
    `batch_size`. It gives the answers that pipeline gave: a dict for one answer, a list for several. `max_question_len`
    has no effect, as in transformers 4.57 with a fast tokenizer: a question that leaves no room for the context is
    refused. An unknown argument is ignored with a warning, where transformers ignores it in silence; with
    `compat="fastpost"` it is refused.

    New here: one question about a list of contexts, and with `rank=True` all of them ranked together;
    `compat="fastpost"` for answers whose scores can be compared between windows and documents, with `normalize`,
    `null_threshold` and `dedupe` (see `fastpost.AnswerDecoder`); `progress=True` for a bar. `report()` says which path
    is taken: a slow tokenizer, or a subclass that overrides a step, takes the original one, with a warning.
    """

    default_input_names = "question,context"
    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False
    _load_tokenizer = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_sizes(kwargs)
        check_batches(kwargs)
        super().__init__(*args, **kwargs)
        if _Original is ChunkPipeline:
            self.check_model_type(MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES)
        if self._original_path() is None:
            self._decoder(self._postprocess_params)

    def report(self) -> dict[str, Any]:
        """Which path calls take: `path` is "fastpost", or "transformers" with the `reason`; `encoder` is what encodes texts."""
        reason = self._original_path()
        if reason is not None:
            return {"path": "transformers", "reason": reason}
        return {"path": "fastpost", "encoder": self._slot().report()}

    def _slot(self) -> EncoderSlot:
        if "_fastpost_encoder" not in vars(self):
            self._fastpost_encoder = EncoderSlot()
        return self._fastpost_encoder

    def _original_path(self) -> str | None:
        """Why calls take the original path; `None` if they do not."""
        return original_path_reason(
            self, QuestionAnsweringPipeline if _Original is ChunkPipeline else _Original, _STEPS
        )

    def _sanitize_parameters(
        self,
        padding: Any = None,
        topk: int | None = None,
        top_k: int | None = None,
        doc_stride: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        align_to_words: Any = None,
        progress: bool | Told | None = None,
        rank: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        top_k = topk if top_k is None else top_k
        for name, value in (("top_k", top_k), ("max_answer_len", max_answer_len)):
            if value is not None and value < 1:
                raise refuse(ValueError, f"{name} parameter should be >= 1 (got {value})", argument=name)
        preprocess = {"padding": padding, "doc_stride": doc_stride, "max_question_len": max_question_len,
                      "max_seq_len": max_seq_len}  # fmt: skip
        forward: dict[str, Any] = {"progress": progress, "rank": rank}
        if "batch_tokens" in kwargs:
            forward["batch_tokens"] = kwargs.pop("batch_tokens")
        postprocess = {"top_k": top_k, "max_answer_len": max_answer_len, "align_to_words": align_to_words,
                       "handle_impossible_answer": handle_impossible_answer}  # fmt: skip
        for name in _OWN:
            if name in kwargs:
                postprocess[name] = kwargs.pop(name)
        if kwargs:
            self._tell_unknown(set(kwargs), postprocess, rank)
        keep = {"compat", "null_threshold", "batch_tokens"}  # whose `None` means something
        return tuple(
            {name: value for name, value in group.items() if value is not None or name in keep}
            for group in (preprocess, forward, postprocess)
        )

    def _tell_unknown(self, names: set[str], postprocess: dict[str, Any], rank: bool | None) -> None:
        """Refuses arguments that nobody reads; in transformers' mode, which ignores them, it warns once of each."""
        before = {**vars(self).get("_postprocess_params", {}), **postprocess}
        ranked = rank or vars(self).get("_forward_params", {}).get("rank")
        if before.get("compat", "fastpost" if ranked else "transformers") == "fastpost":
            raise unexpected(min(names), _KNOWN)
        if "_fastpost_warned" not in vars(self):
            self._fastpost_warned: set[str] = set()
        told = self._fastpost_warned
        for name in sorted(names - told):
            told.add(name)
            warn_caller(
                f"`{name}` is no argument of question answering and is ignored{guess(name, _KNOWN)}",
                through="transformers",
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answers one or several questions; see the class."""
        check_sizes(kwargs)
        check_batches(kwargs)
        inputs = asks(args, kwargs)
        settings = {name: value for name, value in kwargs.items() if name not in ("question", "context", "X", "data")}
        if isinstance(inputs, list) and not inputs:
            return []
        rank = kwargs.get("rank")
        rank = self._forward_params.get("rank") if rank is None else rank
        if isinstance(inputs, list) and rank:
            found = ChunkPipeline.__call__(self, inputs, **settings)
            return found[0]
        if isinstance(inputs, list) and len(inputs) == 1:
            return ChunkPipeline.__call__(self, inputs[0], **settings)
        return ChunkPipeline.__call__(self, inputs, **settings)

    def get_iterator(
        self,
        inputs: Iterable[Any],
        num_workers: int,
        batch_size: int,
        preprocess_params: dict[str, Any],
        forward_params: dict[str, Any],
        postprocess_params: dict[str, Any],
    ) -> Any:
        """Yields the results of `inputs`, one a question, while they are read."""
        forward_params = dict(forward_params)
        progress, rank = forward_params.pop("progress", False), forward_params.pop("rank", False)
        tokens = forward_params.pop("batch_tokens", None)
        length = len(inputs) if isinstance(inputs, Sized) else None
        reason = self._original_path()
        if reason:
            if rank:
                raise refuse(
                    ValueError,
                    f"`rank` is True but {reason}, so each context is answered by itself; leave `rank` out",
                    argument="rank",
                )
            refuse_tokens(batch_size, tokens, reason)
            warn_original_path(self, reason)
            if isinstance(inputs, list) and _Original is not ChunkPipeline:
                inputs = [self.create_sample(ask.question, ask.context) for ask in map(single, inputs)]
            return super().get_iterator(
                inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params
            )
        batch_size = check_size(batch_size, tokens)
        model = self._parts()
        task = self._task(preprocess_params, postprocess_params, rank, model)
        padding = preprocess_params.get("padding", False)
        fixed = not isinstance(padding, bool) and PaddingStrategy(padding) == PaddingStrategy.MAX_LENGTH
        pad = replace(model.pad, width=task.max_length) if fixed else model.pad
        batching = choose_batching(batch_size, tokens, pad, model.device)
        unit = shown(progress, "questions")
        return Results(
            lambda: stream(read(inputs), task, model.runner, batching, ask_size, together=rank, progress=unit), length
        )

    def _parts(self) -> Parts:
        """The model and the tokenizer as they are now."""
        encoder = FastEncoder(self.tokenizer, slot=self._slot())
        model = TransformersModel(
            self.model,
            self.tokenizer,
            START_AND_END,
            context=lambda: inference(self),
            device=self.device,
            encoder=encoder,
        )
        return trust_model(model)

    def _task(
        self,
        preprocess: dict[str, Any],
        postprocess: dict[str, Any],
        rank: bool = False,
        model: Parts | None = None,
    ) -> AnswerTask:
        """The task with the defaults of transformers 4, for a model that was already read, or else as it is now."""
        tokenizer = self.tokenizer
        if not tokenizer.is_fast:
            kind = type(tokenizer).__name__
            raise refuse(
                ValueError,
                f"`tokenizer` is {kind}, a slow one; answers need a fast tokenizer (use_fast=True)",
                argument="tokenizer",
            )
        settings = _of_decoder(postprocess)
        # transformers goes by the length that the tokenizer names, not by the positions that the model has.
        most = preprocess.get("max_seq_len") or min(tokenizer.model_max_length, 384)
        window = {"max_seq_len": most, "doc_stride": preprocess.get("doc_stride")}
        return answer_task(model or self._parts(), {**settings, **window}, rank)

    def _decoder(self, postprocess: dict[str, Any]) -> AnswerDecoder:
        """The decoder of these options, which was made with the pipeline if they are its own."""
        return answer_decoder(self.tokenizer.padding_side == "left", _of_decoder(postprocess))

    if _Original is ChunkPipeline:
        # The steps of the original path, for subclasses that override one of them.

        def preprocess(self, example: Any, **parameters: Any) -> Iterator[dict[str, Any]]:
            """The windows of one question, as tensors."""
            import torch

            task = self._task(parameters, {})
            windows = task.encode([single(example)])
            ends = windows.lengths.cumsum()
            for number, (end, length) in enumerate(zip(ends, windows.lengths)):
                rows = slice(end - length, end)
                tensors = {name: torch.from_numpy(array[rows])[None] for name, array in windows.inputs.items()}
                if "attention_mask" in task.input_names:
                    tensors["attention_mask"] = torch.ones((1, int(length)), dtype=torch.int64)
                info = windows.info
                read = {"offsets": info.offsets[rows], "sequence_ids": info.sequence_ids[rows],
                        "word_ids": info.word_ids[rows], "ids": info.ids[rows]}  # fmt: skip
                yield {"example": single(example), "is_last": number == len(ends) - 1, "read": [read], **tensors}

        def _forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
            """Start and end logits of one window."""
            model = self._parts()
            names = [name for name in model.pad.names if name in inputs]
            logits = model.runner({name: inputs[name].cpu().numpy() for name in names})
            start, end = logits() if callable(logits) else logits
            return {"start": start, "end": end, **inputs}

        def postprocess(self, model_outputs: list[dict[str, Any]], **parameters: Any) -> Any:
            """The answers to one question."""
            reads = [output["read"][0] for output in model_outputs]
            decoder = self._decoder(parameters)
            cls = self.tokenizer.cls_token_id
            left = self.tokenizer.padding_side == "left"
            used = [slice(-len(read["ids"]), None) if left else slice(len(read["ids"])) for read in reads]
            return decoder.decode(
                [output["start"][0, tokens] for output, tokens in zip(model_outputs, used)],
                [output["end"][0, tokens] for output, tokens in zip(model_outputs, used)],
                contexts=[model_outputs[0]["example"].context],
                offsets=[read["offsets"] for read in reads],
                sequence_ids=[read["sequence_ids"] for read in reads],
                word_ids=[read["word_ids"] for read in reads],
                input_ids=None if cls is None else [read["ids"] for read in reads],
                cls_token_id=cls,
                windows=[0] * len(reads),
            ).to_dicts()[0]


def _of_decoder(given: dict[str, Any]) -> dict[str, Any]:
    """The options of the decoder among those of a call."""
    return {name: given[name] for name in _DECODER_ARGUMENTS if name in given}
