"""Pipelines over ONNX Runtime: they need numpy, tokenizers and onnxruntime, nothing else."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

from fastpost._tokens import Tokens
from fastpost._warn import warn_caller
from fastpost.answers import AnswerDecoder
from fastpost.entities import OPTIONS, EntityDecoder
from fastpost.pipelines.answer_task import AnswerTask, ask_size, whole
from fastpost.pipelines.ask import asks, read
from fastpost.pipelines.engine import Batching, Results, Told, shown, stream
from fastpost.pipelines.entity_task import (
    EntityTask,
    Job,
    check_stride,
    default_stride,
    long_texts,
    right_options,
    text_size,
)
from fastpost.pipelines.onnx_folder import OnnxFolder

_STRATEGIES = ("none", "simple", "first", "average", "max")


class OnnxTokenClassificationPipeline:
    """A token-classification pipeline over an ONNX folder, called like the one of transformers.

    Args:
        model: a folder with `config.json`, `tokenizer.json` and one `.onnx` file (there or in `onnx/`), as
            optimum writes it; or such a file in it.
        tokenizer: a `tokenizers.Tokenizer`, or a folder or `tokenizer.json` to read; default: the model's own.
        aggregation_strategy, ignore_labels, stride, delimiter, batch_size: as in transformers' pipeline; each
            can be given again in a call.
        file_name: the `.onnx` file to take where the folder has several.
        device: "cpu", or "cuda" / "cuda:1" for ONNX Runtime's CUDA provider.
        providers, session_options: handed to ONNX Runtime; `providers` replaces `device`.
        compat: "transformers" for its results; `None` for the right ones, as `fastpost.TokenClassificationPipeline`
            has it: each result is a `TextEntities`, and texts that are too long are read in windows.
        options: for `compat=None`, `on_long_text` and the options of `fastpost.EntityDecoder` from `scheme` on; each
            can be given again in a call.

    With `compat="transformers"`, texts that are longer than the model (its `model_max_length`, else
    `max_position_embeddings`) are cut, with a warning; `stride=` reads them whole.
    """

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        aggregation_strategy: str = "none",
        ignore_labels: Collection[str] | None = None,
        stride: int | None = None,
        delimiter: str = " ",
        batch_size: int = 1,
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
        compat: str | None = "transformers",
        **options: Any,
    ) -> None:
        self._folder = OnnxFolder(model, tokenizer, ("logits",), file_name, device, providers, session_options)
        self._tokens = Tokens.of(self._folder.tokenizer, unknown_token=self._folder.unk_token)
        self._defaults: dict[str, Any] = {
            "aggregation_strategy": aggregation_strategy,
            "ignore_labels": ignore_labels,
            "stride": stride,
            "delimiter": delimiter,
            "batch_size": batch_size,
            "compat": compat,
        }
        self._defaults = self._merged(options)
        self._task: EntityTask | None = None

    @property
    def scheme(self) -> str | None:
        """The scheme that the labels are read under, as `EntityDecoder.scheme`; `None` for `compat="transformers"`.

        That of the last call; before the first, of a call without options.
        """
        return self._decoder().scheme

    def report(self) -> dict[str, Any]:
        """What the decoder of the last call has read off the labels, and what told words apart in that call.

        As `EntityDecoder.report`; before the first call, that of a call without options.
        """
        return self._decoder().report()

    def _decoder(self) -> EntityDecoder:
        task = self._task or self._job(self._defaults, False, None).task
        return task.decoder()

    def __call__(
        self,
        inputs: Any,
        *,
        is_split_into_words: bool = False,
        offset_mapping: Any = None,
        progress: bool | Told = False,
        **kwargs: Any,
    ) -> Any:
        """Entities of one text, of a list of texts, or of a generator or dataset of texts.

        Args:
            inputs: a `str` gives a list of dicts, a list a list of such lists, anything else an iterator.
            is_split_into_words: `inputs` is one text as a list of words, or a list of such; the result is a list
                of lists of dicts for both.
            offset_mapping: offsets to use in place of the tokenizer's, one (start, end) a token.
            progress: show a bar; a function is called with texts and tokens after each chunk instead.
            kwargs: options of the constructor, for this call.
        """
        options = self._merged(kwargs)
        if is_split_into_words and isinstance(inputs, (list, tuple)) and not all(isinstance(i, list) for i in inputs):
            inputs = [list(inputs)]  # the words of one text
        one = isinstance(inputs, str)
        lazy = isinstance(inputs, types.GeneratorType) or not isinstance(inputs, (str, list, tuple))
        if not one and not lazy and not inputs:
            raise ValueError("At least one input is required.")
        items: Iterable[Any] = [inputs] if one else inputs
        length = len(items) if isinstance(items, Sized) else None
        results: Results[Any] = Results(
            lambda: self._stream(items, options, is_split_into_words, offset_mapping, progress), length
        )
        if lazy:
            return results
        return next(results) if one else list(results)

    def _stream(
        self,
        items: Iterable[Any],
        options: dict[str, Any],
        split: bool,
        offset_mapping: Any,
        progress: bool | Told,
    ) -> Iterator[Any]:
        job = self._job(options, split, offset_mapping)
        self._task = job.task
        unit = shown(progress, "texts")
        return stream(items, job.task, job.runner, job.batching, text_size, progress=unit)

    def _file_job(self, batch_size: int) -> Job | str:
        """What a call without options would run."""
        return self._job({**self._defaults, "batch_size": batch_size}, False, None)

    def _comparison_job(self, options: dict[str, Any]) -> tuple[Job, bool]:
        """What a call with `compat=None` would run, and whether transformers would read long texts in windows, too."""
        merged = self._merged({**options, "compat": None})
        return self._job(merged, False, None), merged["stride"] is not None

    def _job(self, options: dict[str, Any], split: bool, offset_mapping: Any) -> Job:
        """What these options ask for."""
        folder, stride, size = self._folder, options["stride"], options["batch_size"]
        ignored = options["ignore_labels"]
        if offset_mapping and not isinstance(offset_mapping[0], tuple):
            offset_mapping = offset_mapping[0]

        right = right_options(options, split)
        windowed, on_long_text = stride is not None, "truncate"
        if right is not None:
            on_long_text = long_texts(options)
            windowed = on_long_text == "window" and folder.model_max_length is not None
            if windowed and stride is None and folder.model_max_length is not None:
                stride = default_stride(folder.model_max_length, folder.tokenizer.num_special_tokens_to_add(False))

        def encode(texts: list[Any]) -> list[Any]:
            return list(folder.limited(stride or 0).encode_batch(texts, is_pretokenized=split))

        task = EntityTask(
            encode_batch=encode,
            input_names=folder.runner.input_names,
            tokens=self._tokens,
            id2label=folder.id2label,
            strategy=options["aggregation_strategy"],
            ignore_labels=["O"] if ignored is None else ignored,
            windowed=windowed,
            delimiter=options["delimiter"] if split else None,
            offset_mapping=offset_mapping,
            on_truncate=None if windowed else partial(self._warn_truncated, right is not None),
            options=right,
            most_tokens=folder.model_max_length if on_long_text == "error" else None,
        )
        batching = Batching(size, folder.runner.input_names, folder.pad_token_id, folder.left)
        return Job(task, folder.runner, batching)

    def _warn_truncated(self, right: bool, number: int) -> None:
        cure = 'on_long_text="window"' if right else "stride=, for example stride=128, or compat=None,"
        warn_caller(
            f"text {number} of the input is longer than the model's {self._folder.model_max_length} tokens and was cut; "
            f"pass {cure} to read it whole"
        )

    def _merged(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a call: those of the constructor, but for what is given anew."""
        known = {*self._defaults, "on_long_text", *OPTIONS}
        unknown = given.keys() - known
        if unknown:
            raise TypeError(f"unexpected argument `{min(unknown)}`; choose of {', '.join(sorted(known))}")
        meant = {"compat", *OPTIONS}  # whose `None` means something
        options = {**self._defaults, **{n: value for n, value in given.items() if value is not None or n in meant}}
        return self._checked(options)

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options, refused if they make no sense, as transformers refuses them."""
        given, stride, size = (options[name] for name in ("aggregation_strategy", "stride", "batch_size"))
        strategy = str(getattr(given, "value", given)).lower()
        most = self._folder.model_max_length
        if strategy not in _STRATEGIES:
            raise ValueError(f"`aggregation_strategy` is {given!r}; pass one of {', '.join(map(repr, _STRATEGIES))}")
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"`batch_size` is {size!r}; pass an int of at least 1")
        if right_options(options, split=False) is not None:
            long_texts(options)
        if stride is not None:
            if strategy == "none":
                raise ValueError('`stride` is given but `aggregation_strategy` is "none"; choose another strategy')
            if most is None:
                raise ValueError(
                    "`stride` needs a window length, but neither tokenizer_config.json nor config.json has one"
                )
            check_stride(stride, most, self._folder.tokenizer.num_special_tokens_to_add(False))
        return {**options, "aggregation_strategy": strategy}


class OnnxQuestionAnsweringPipeline:
    """A question-answering pipeline over an ONNX folder, called like `fastpost.QuestionAnsweringPipeline`.

    Args:
        model, tokenizer, file_name, device, providers, session_options: as for token classification.
        doc_stride: tokens by which windows overlap; default: a third of a window of 384, at most 128.
        max_seq_len: tokens of a window; default: what the model reads, at most 384.
        batch_size: windows that the model is given at once.
        options: of `fastpost.AnswerDecoder`: `top_k`, `max_answer_len`, `handle_impossible_answer`,
            `align_to_words`, `compat` (default here: "transformers"), `normalize`, `null_threshold`, `dedupe`. Each
            can be given again in a call, as can the three above.
    """

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
        outputs = ("start_logits", "end_logits")
        self._folder = OnnxFolder(model, tokenizer, outputs, file_name, device, providers, session_options)
        self._defaults = {"batch_size": 1, "doc_stride": None, "max_seq_len": None, **options}
        self._task(self._defaults, ranked=False)

    def __call__(self, *args: Any, rank: bool = False, progress: bool | Told = False, **kwargs: Any) -> Any:
        """Answer one or several questions.

        Args:
            args: dicts with `question` and `context`, a list, generator or dataset of them.
            rank: rank the answers of all contexts together; the result is one list.
            progress: show a bar; a function is called with texts and tokens after each chunk instead.
            kwargs: `question` and `context`, each a `str` or a list; options of the constructor, for this call.
        """
        inputs = asks(args, kwargs)
        texts, meant = (
            ("question", "context", "X", "data"),
            ("compat", "null_threshold"),
        )  # whose `None` means something
        given = {n: value for n, value in kwargs.items() if n not in texts and (value is not None or n in meant)}
        options = {**self._defaults, **given}
        task = self._task(options, rank)
        if isinstance(inputs, list) and not inputs:
            return []
        folder = self._folder
        batching = Batching(options["batch_size"], folder.runner.input_names, folder.pad_token_id, folder.left)
        unit = shown(progress, "questions")
        length = len(inputs) if isinstance(inputs, Sized) else None
        results: Results[Any] = Results(
            lambda: stream(read(inputs), task, folder.runner, batching, ask_size, together=rank, progress=unit), length
        )
        if not isinstance(inputs, list):
            return results
        return next(results) if rank or len(inputs) == 1 else list(results)

    def _task(self, options: dict[str, Any], ranked: bool) -> AnswerTask:
        folder, tokenizer = self._folder, whole(self._folder.tokenizer)
        settings = dict(options)
        size = settings.pop("batch_size")
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"`batch_size` is {size!r}; pass an int of at least 1")
        stride, max_length = settings.pop("doc_stride"), settings.pop("max_seq_len")
        max_length = max_length or min(folder.model_max_length or 384, 384)
        stride = min(max_length // 2, 128) if stride is None else stride
        if stride > max_length:
            raise ValueError(f"`doc_stride` ({stride}) is larger than `max_seq_len` ({max_length})")
        if stride < 0:
            raise ValueError(f"`doc_stride` is {stride}; pass 0 for windows that do not overlap, or more")
        settings.setdefault("compat", None if ranked else "transformers")
        return AnswerTask(
            encode_texts=lambda texts: list(tokenizer.encode_batch(texts, add_special_tokens=False)),
            encode_pair=tokenizer.encode,
            max_length=max_length,
            stride=stride,
            decoder=AnswerDecoder(context_sequence=0 if folder.left else 1, **settings),
            cls_token_id=folder.cls_token_id,
            context_first=folder.left,
            from_end=folder.truncation_side == "left",
            input_names=folder.runner.input_names,
            ranked=ranked,
        )
