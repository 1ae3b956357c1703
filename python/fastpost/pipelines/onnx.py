"""Pipelines over ONNX Runtime: they need numpy, tokenizers and onnxruntime, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastpost.models.model import START_AND_END
from fastpost.models.onnx import OnnxFolder
from fastpost.pipelines.model import AnswerPipeline, EntityPipeline

_OF_FOLDER = ("device", "file_name", "num_workers", "providers", "session_options")


class OnnxTokenClassificationPipeline(EntityPipeline):
    """A token-classification pipeline over an ONNX folder, called like the one of transformers.

    Args:
        model: a folder with `config.json`, `tokenizer.json` and one `.onnx` file (there or in `onnx/`), as
            optimum writes it; or such a file in it.
        tokenizer: a `tokenizers.Tokenizer`, or a folder or `tokenizer.json` to read; default: the model's own.
        file_name: the `.onnx` file to take if the folder has several.
        device: "cpu", or "cuda" / "cuda:1" for ONNX Runtime's CUDA provider.
        providers, session_options: handed to ONNX Runtime; `providers` replaces `device`.
        options: those below, and for `compat="fastpost"` `on_long_text`, `max_length` (tokens of a window) and the
            options of `fastpost.EntityDecoder` from `scheme` on; each can be given again in a call.

    Keyword Args:
        aggregation_strategy, ignore_labels, stride, delimiter, batch_size, batch_tokens: as
            `fastpost.pipelines.model.EntityPipeline` has them.
        num_workers: accepted as in transformers' pipeline, and not needed.
        compat: "transformers" gives the results of transformers. "fastpost" gives fastpost's own, as
            `fastpost.TokenClassificationPipeline` does: each result is a `TextEntities`, and texts that are too long
            are read in windows.

    With `compat="transformers"`, texts that are longer than the model (its `model_max_length`, else
    `max_position_embeddings`) are cut, with a warning; `stride=` reads them whole. `model`, `tokenizer`, `task`,
    `device`, `labels` and `report()` say what the pipeline is made of.
    """

    of_folder = _OF_FOLDER

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
        **options: Any,
    ) -> None:
        self._check(options)
        folder = OnnxFolder(model, tokenizer, ("logits",), file_name, device, providers, session_options)
        super().__init__(folder, **options)


class OnnxQuestionAnsweringPipeline(AnswerPipeline):
    """A question-answering pipeline over an ONNX folder, called like `fastpost.QuestionAnsweringPipeline`.

    Args:
        model, tokenizer, file_name, device, providers, session_options: as for token classification.
        options: those below, and of `fastpost.AnswerDecoder` `top_k`, `max_answer_len`, `handle_impossible_answer`,
            `align_to_words`, `compat` (default here: "transformers"), `normalize`, `null_threshold`, `dedupe`. Each
            can be given again in a call.

    Keyword Args:
        doc_stride: tokens by which windows overlap; default: a third of a window of 384, at most 128.
        max_seq_len: tokens of a window; default: what the model reads, at most 384.
        batch_size, batch_tokens: as `fastpost.pipelines.model.AnswerPipeline` has them.
        num_workers: accepted as in transformers' pipeline, and not needed.
    """

    of_folder = _OF_FOLDER

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
        **options: Any,
    ) -> None:
        self._check(options)
        folder = OnnxFolder(model, tokenizer, START_AND_END, file_name, device, providers, session_options)
        super().__init__(folder, **options)
