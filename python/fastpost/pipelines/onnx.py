"""Pipelines over ONNX Runtime: they need numpy, tokenizers and onnxruntime, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any

from fastpost._inputs.tokenizer import Tokens
from fastpost._warn import warn_caller
from fastpost.answers.decoder import decoder_for
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS, choose_strategy
from fastpost.exceptions import Argument
from fastpost.models.onnx import OnnxFolder
from fastpost.models.runners.onnx import Device
from fastpost.pipelines.answers import AnswerTask, ask_size, whole
from fastpost.pipelines.entities import (
    OF_PIPELINES,
    DecoderCache,
    EntityTask,
    Job,
    check_stride,
    default_stride,
    long_texts,
    offset_pairs,
    right_options,
    text_size,
    window_length,
)
from fastpost.pipelines.questions import asks, read
from fastpost.pipelines.run import Results, Told, shown, stream
from fastpost.pipelines.sizes import check_sizes
from fastpost.pipelines.texts import read_inputs

_STRATEGIES = ENTITY_OPTIONS["strategy"].choices
_OF_FOLDER = ("device", "file_name", "num_workers", "providers", "session_options")
"""What is said once, when a pipeline is made."""


class _OnnxPipeline:
    """What the pipelines over ONNX Runtime share with those of transformers."""

    task = ""
    _folder: OnnxFolder

    @property
    def model(self) -> OnnxFolder:
        """The model: its `config`, its `session` of ONNX Runtime, its `path`."""
        return self._folder

    @property
    def tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer`."""
        return self._folder.tokenizer

    @property
    def device(self) -> Device:
        """Where the model runs: a `str` such as "cpu" or "cuda:0", with `type` and `index`."""
        return self._folder.device

    def _show(self, **options: Any) -> str:
        shown_options = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"<{type(self).__name__}: {self._folder.path}, {self.device}{shown_options}>"


def _refuse_unknown(unknown: set[str], known: set[str]) -> None:
    """Raises for arguments that nothing here takes."""
    if not unknown:
        return
    name = min(unknown)
    more = "; an ONNX model has its own types, choose its file with `file_name`" if "dtype" in name else ""
    raise TypeError(f"unexpected argument `{name}`; choose of {', '.join(sorted(known))}{more}")


class OnnxTokenClassificationPipeline(_OnnxPipeline):
    """A token-classification pipeline over an ONNX folder, called like the one of transformers.

    Args:
        model: a folder with `config.json`, `tokenizer.json` and one `.onnx` file (there or in `onnx/`), as
            optimum writes it; or such a file in it.
        tokenizer: a `tokenizers.Tokenizer`, or a folder or `tokenizer.json` to read; default: the model's own.
        aggregation_strategy, ignore_labels, stride, delimiter, batch_size: as in transformers' pipeline; each
            can be given again in a call. With `compat=None` the strategy is "average" where none is given.
        num_workers: accepted as in transformers' pipeline, and not needed.
        file_name: the `.onnx` file to take where the folder has several.
        device: "cpu", or "cuda" / "cuda:1" for ONNX Runtime's CUDA provider.
        providers, session_options: handed to ONNX Runtime; `providers` replaces `device`.
        compat: "transformers" for its results; `None` for the right ones, as `fastpost.TokenClassificationPipeline`
            has it: each result is a `TextEntities`, and texts that are too long are read in windows.
        options: for `compat=None`, `on_long_text`, `max_length` (tokens of a window) and the options of `fastpost.EntityDecoder` from `scheme` on; each
            can be given again in a call.

    With `compat="transformers"`, texts that are longer than the model (its `model_max_length`, else
    `max_position_embeddings`) are cut, with a warning; `stride=` reads them whole. `model`, `tokenizer`, `task`,
    `device`, `labels` and `report()` say what the pipeline is made of.
    """

    task = "token-classification"

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        aggregation_strategy: str | None = None,
        ignore_labels: Collection[str] | None = None,
        stride: int | None = None,
        delimiter: str = " ",
        batch_size: int = 1,
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
        num_workers: int | None = None,
        compat: str | None = "transformers",
        **options: Any,
    ) -> None:
        sizes = {"stride": stride, "delimiter": delimiter, "batch_size": batch_size, "num_workers": num_workers}
        check_sizes(sizes)  # workers there are none: tokenizing has threads of its own
        self._refuse_unknown(options)
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
        self._decoders = DecoderCache()
        self._defaults = self._merged(options)
        self._task: EntityTask = self._job(self._defaults, False, None).task

    def __repr__(self) -> str:
        compat = self._defaults["compat"]
        strategy = _name_strategy(self._defaults["aggregation_strategy"], compat)
        return self._show(labels=len(self._folder.id2label), aggregation_strategy=strategy, compat=compat)

    @property
    def scheme(self) -> str | None:
        """The scheme that the labels are read under, as `EntityDecoder.scheme`; `None` for `compat="transformers"`.

        That of the last call; before the first, of a call without options.
        """
        return self._task.decoder().scheme

    def report(self) -> dict[str, Any]:
        """What the decoder of the last call has read off the labels, and what told words apart in that call.

        As `EntityDecoder.report`, with `path`, which is always "fastpost" here; before the first call, that of a call
        without options.
        """
        return {"path": "fastpost", **self._task.report()}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names that entities of a call without options can have."""
        return self._job(self._defaults, False, None).task.labels()

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
            inputs: a `str` gives a list of dicts; a list, a tuple, a Series, an array or a column a list of such lists;
                a generator, an iterator or a dataset of torch an iterator of them.
            is_split_into_words: `inputs` is one text as a list of words, or a list of such; the result is a list
                of lists of dicts for both.
            offset_mapping: offsets to use in place of the tokenizer's, one (start, end) a token.
            progress: show a bar; a function is called with texts and tokens after each chunk instead.
            kwargs: options of the constructor, for this call.
        """
        check_sizes({**kwargs, "is_split_into_words": is_split_into_words, "progress": progress})
        kwargs.pop("num_workers", None)
        options = self._merged(kwargs)
        job = self._job(options, is_split_into_words, offset_mapping)
        self._task = job.task
        given, inputs = inputs, read_inputs(inputs, is_split_into_words)
        if isinstance(inputs, list):
            if not inputs and not isinstance(given, (list, tuple)):
                return []
            if not inputs:
                raise ValueError("At least one input is required.")
            if is_split_into_words and not all(isinstance(item, list) for item in inputs):
                inputs = [inputs]  # the words of one text
            job.task.check_all(inputs)
        one = isinstance(inputs, str)
        items: Iterable[Any] = [inputs] if one else inputs
        length = len(items) if isinstance(items, Sized) else None
        unit = shown(progress, "texts")
        results: Results[Any] = Results(
            lambda: stream(items, job.task, job.runner, job.batching, text_size, progress=unit), length
        )
        if not isinstance(items, list):
            return results
        return next(results) if one else list(results)

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

        right = right_options(options, split)
        windowed, on_long_text = stride is not None, "truncate"
        special = folder.tokenizer.num_special_tokens_to_add(False)
        length = window_length(options, folder.model_max_length, special)
        if right is not None:
            on_long_text = long_texts(options)
            windowed = on_long_text == "window" and length is not None
            if windowed and stride is None and length is not None:
                stride = default_stride(length, special)

        def encode(texts: list[Any]) -> list[Any]:
            return list(folder.limited(stride or 0, length).encode_batch(texts, is_pretokenized=split))

        strategy = _name_strategy(options["aggregation_strategy"], options["compat"])
        ignored = ["O"] if ignored is None else ignored
        task = EntityTask(
            encode_batch=encode,
            input_names=folder.runner.input_names,
            tokens=self._tokens,
            id2label=folder.id2label,
            strategy=strategy,
            ignore_labels=ignored,
            windowed=windowed,
            delimiter=options["delimiter"] if split else None,
            offset_mapping=offset_pairs(offset_mapping),
            on_truncate=None if windowed else partial(self._warn_truncated, length, right is not None),
            options=right,
            most_tokens=length if on_long_text == "error" else None,
            _decoders=self._decoders.get(strategy, ignored, right),
        )
        return Job(task.prepare(), folder.runner, folder.batching(size))

    def _warn_truncated(self, length: int | None, right: bool, number: int) -> None:
        windows = Argument("on_long_text", ("window",))
        strides = (
            Argument("stride"),
            ", for example ",
            Argument("stride", (128,)),
            ", or ",
            Argument("compat", (None,)),
            ",",
        )
        warn_caller(
            f"text {number} of the input is longer than the model's {length} tokens and was cut; pass ",
            *((windows,) if right else strides),
            " to read it whole",
        )

    def _merged(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a call: those of the constructor, but for what is given anew."""
        self._refuse_unknown(given)
        meant = {"compat", *OPTIONS}  # whose `None` means something
        options = {**self._defaults, **{n: value for n, value in given.items() if value is not None or n in meant}}
        return self._checked(options)

    @staticmethod
    def _refuse_unknown(given: dict[str, Any]) -> None:
        known = {*_CALL, *OF_PIPELINES, *OPTIONS}
        _refuse_unknown(given.keys() - known, {*known, *_OF_FOLDER})

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options, refused if they make no sense, as transformers refuses them."""
        given, stride, size = (options[name] for name in ("aggregation_strategy", "stride", "batch_size"))
        strategy = _name_strategy(given, options["compat"])
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
            special = self._folder.tokenizer.num_special_tokens_to_add(False)
            check_stride(stride, window_length(options, most, special) or most, special)
        return options


def _name_strategy(given: Any, compat: str | None) -> str:
    """The name of a strategy, which may come as transformers' enum, or not at all."""
    given = choose_strategy(given, compat)
    return str(getattr(given, "value", given)).lower()


_CALL = ("aggregation_strategy", "batch_size", "compat", "delimiter", "ignore_labels", "stride")


class OnnxQuestionAnsweringPipeline(_OnnxPipeline):
    """A question-answering pipeline over an ONNX folder, called like `fastpost.QuestionAnsweringPipeline`.

    Args:
        model, tokenizer, file_name, device, providers, session_options: as for token classification.
        doc_stride: tokens by which windows overlap; default: a third of a window of 384, at most 128.
        max_seq_len: tokens of a window; default: what the model reads, at most 384.
        batch_size: windows that the model is given at once.
        num_workers: accepted as in transformers' pipeline, and not needed.
        options: of `fastpost.AnswerDecoder`: `top_k`, `max_answer_len`, `handle_impossible_answer`,
            `align_to_words`, `compat` (default here: "transformers"), `normalize`, `null_threshold`, `dedupe`. Each
            can be given again in a call, as can the three above.
    """

    task = "question-answering"

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
        num_workers: int | None = None,
        **options: Any,
    ) -> None:
        check_sizes({**options, "num_workers": num_workers})  # of which there are none
        self._refuse_unknown(options)
        outputs = ("start_logits", "end_logits")
        self._folder = OnnxFolder(model, tokenizer, outputs, file_name, device, providers, session_options)
        self._defaults = {"batch_size": 1, "doc_stride": None, "max_seq_len": None, **options}
        self._task(self._defaults, ranked=False)

    def __repr__(self) -> str:
        return self._show(compat=self._defaults.get("compat", "transformers"))

    @staticmethod
    def _refuse_unknown(given: dict[str, Any]) -> None:
        known = {"batch_size", "doc_stride", "max_seq_len", *_ANSWERS}
        _refuse_unknown(given.keys() - known, {*known, *_OF_FOLDER})

    def __call__(self, *args: Any, rank: bool = False, progress: bool | Told = False, **kwargs: Any) -> Any:
        """Answer one or several questions.

        Args:
            args: dicts with `question` and `context`, a list, generator or dataset of them.
            rank: rank the answers of all contexts together; the result is one list.
            progress: show a bar; a function is called with texts and tokens after each chunk instead.
            kwargs: `question` and `context`, each a `str` or a list; options of the constructor, for this call.
        """
        check_sizes({**kwargs, "rank": rank, "progress": progress})
        inputs = asks(args, kwargs)
        texts, meant = (
            ("question", "context", "X", "data"),
            ("compat", "null_threshold"),
        )  # whose `None` means something
        given = {n: value for n, value in kwargs.items() if n not in texts and (value is not None or n in meant)}
        given.pop("num_workers", None)
        self._refuse_unknown(given)
        options = {**self._defaults, **given}
        task = self._task(options, rank)
        if isinstance(inputs, list) and not inputs:
            return []
        folder = self._folder
        batching = folder.batching(options["batch_size"])
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
        fixed = folder.runner.fixed_length
        if fixed is not None and max_length is not None and max_length > fixed:
            raise ValueError(
                f"`max_seq_len` is {max_length}, but the model was exported for {fixed} tokens; leave it out"
            )
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
            decoder=decoder_for(context_sequence=0 if folder.left else 1, **settings),
            cls_token_id=folder.cls_token_id,
            context_first=folder.left,
            from_end=folder.truncation_side == "left",
            input_names=folder.runner.input_names,
            ranked=ranked,
        )


_ANSWERS = (
    "align_to_words",
    "compat",
    "dedupe",
    "handle_impossible_answer",
    "max_answer_len",
    "normalize",
    "null_threshold",
    "threads",
    "top_k",
)
"""Options of `AnswerDecoder`."""
