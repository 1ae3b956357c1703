"""Pipelines over any `Model`: they need numpy and tokenizers, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from fastpost._inputs.bounds import shown as show_value
from fastpost._inputs.bounds import unexpected
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS
from fastpost.exceptions import refuse
from fastpost.models.batches import choose_batching
from fastpost.models.model import START_AND_END, check_model
from fastpost.pipelines.answers import AnswerTask, ask_size
from fastpost.pipelines.entities import (
    OF_PIPELINES,
    DecoderCache,
    EntityTask,
    check_stride,
    long_texts,
    right_options,
    text_size,
    window_length,
)
from fastpost.pipelines.job import Job, answer_task, entity_job, entity_task, name_strategy
from fastpost.pipelines.questions import asks, read
from fastpost.pipelines.run import Results, Told, shown, stream
from fastpost.pipelines.sizes import AT_ONCE, check_sizes
from fastpost.pipelines.texts import read_inputs

_STRATEGIES = ENTITY_OPTIONS["aggregation_strategy"].choices


class _ModelPipeline:
    """The interface that pipelines over a model share with those of transformers."""

    task = ""
    outputs: tuple[str, ...] = ()
    of_folder: tuple[str, ...] = ()
    """Options that are given once, when a pipeline is made."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        """The model, as it was passed."""
        self._parts = check_model(model, self.outputs, tokenizer)

    @property
    def tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer`."""
        return getattr(self._parts.encoder, "tokenizer", None)

    @property
    def device(self) -> Any:
        """Where the model runs, if it says so: a `str` such as "cpu" or "cuda:0", with `type` and `index`."""
        return getattr(self.model, "device", None)

    def report(self) -> dict[str, Any]:
        """Says what the pipeline runs: `path` is "fastpost", and `encoder` says what encodes texts, and why."""
        return {"path": "fastpost", "encoder": self._parts.encoder.report()}

    def _show(self, **options: Any) -> str:
        name = getattr(self.model, "path", None) or type(self.model).__name__
        place = "" if self.device is None else f", {self.device}"
        shown_options = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"<{type(self).__name__}: {name}{place}{shown_options}>"

    @classmethod
    def _check(cls, options: dict[str, Any]) -> None:
        """Refuses arguments that can't make a pipeline. There are no workers, as tokenizing has threads of its own."""
        check_sizes(options)
        cls._refuse({name: value for name, value in options.items() if name != "num_workers"})

    @classmethod
    def _refuse(cls, given: dict[str, Any]) -> None:
        """Raises for arguments that nothing here takes."""
        raise NotImplementedError

    @classmethod
    def _refuse_unknown(cls, given: dict[str, Any], known: set[str]) -> None:
        """Raises for arguments that nothing here takes."""
        unknown = given.keys() - known
        if unknown:
            name = min(unknown)
            more = "; an ONNX model has its own types, choose its file with `file_name`" if "dtype" in name else ""
            raise unexpected(name, sorted({*known, *cls.of_folder}), more if cls.of_folder else "")


class EntityPipeline(_ModelPipeline):
    """A token-classification pipeline over any `fastpost.Model`, called like the one of transformers.

    Args:
        model: an object that meets `fastpost.Model`. It runs on one short window at once, so that a model that can't
            run is refused here.
        tokenizer: a tokenizer to take in place of the model's own.
        num_workers: accepted as in transformers' pipeline, and not needed.
        options: those below, and for `compat="fastpost"` `on_long_text`, `max_length` (tokens of a window) and the
            options of `fastpost.EntityDecoder` from `scheme` on; each can be given again in a call.

    Keyword Args:
        aggregation_strategy, ignore_labels, stride, delimiter, batch_size: as in transformers' pipeline. With
            `compat="fastpost"` the default of the strategy is "average".
        batch_tokens: in place of `batch_size`, the tokens of a batch, padding included: as many windows as fit.
            `batch_size="auto"` chooses by the device.
        compat: "transformers" gives the results of transformers. "fastpost" gives fastpost's own, as
            `fastpost.TokenClassificationPipeline` does: each result is a `TextEntities`, and texts that are too long
            are read in windows.

    With `compat="transformers"`, texts that are longer than the model are cut, with a warning; `stride=` reads them
    whole. `model`, `tokenizer`, `task`, `device`, `labels` and `report()` say what the pipeline is made of.
    """

    task = "token-classification"
    outputs = ("logits",)

    def __init__(self, model: Any, tokenizer: Any = None, *, num_workers: int | None = None, **options: Any) -> None:
        self._check({**options, "num_workers": num_workers})
        super().__init__(model, tokenizer)
        self._defaults: dict[str, Any] = dict(_CALL)
        self._decoders = DecoderCache()
        self._defaults = self._merged(options)
        self._task: EntityTask = self._job(self._defaults, False, None).task

    def __repr__(self) -> str:
        compat = self._defaults["compat"]
        strategy = name_strategy(self._defaults["aggregation_strategy"], compat)
        return self._show(labels=len(self._parts.labels), aggregation_strategy=strategy, compat=compat)

    @property
    def scheme(self) -> str | None:
        """The scheme that the labels are read under, as `EntityDecoder.scheme`; `None` for `compat="transformers"`.

        It is that of the last call; before the first call, that of a call without options.
        """
        return self._task.decoder().scheme

    def report(self) -> dict[str, Any]:
        """Says what the decoder of the last call has read off the labels, and what told words apart in that call.

        It is `EntityDecoder.report` with two more keys: `path`, which is always "fastpost" here, and `encoder`, which
        says what encodes texts, and why. Before the first call, it is that of a call without options.
        """
        return {**super().report(), **self._task.report()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The names that entities of a call without options can have."""
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
        """Finds the entities of one text, of a list of texts, or of a generator or dataset of texts.

        Args:
            inputs: a `str` gives a list of dicts. A list, a tuple, a Series, an array or a column gives a list of such
                lists. A generator, an iterator or a dataset of torch gives an iterator of them.
            is_split_into_words: `inputs` is one text as a list of words, or a list of such; the result is a list
                of lists of dicts for both.
            offset_mapping: offsets to use in place of the tokenizer's, one (start, end) a token.
            progress: whether to show a bar; a function is called with texts and tokens after each batch instead.
            kwargs: options of the constructor, for this call.
        """
        check_sizes({**kwargs, "is_split_into_words": is_split_into_words, "progress": progress})
        kwargs.pop("num_workers", None)
        options = self._merged(kwargs)
        job = self._job(options, is_split_into_words, offset_mapping)
        self._task = job.task
        given, inputs = inputs, read_inputs(inputs, is_split_into_words)
        if isinstance(inputs, list):
            if not inputs and (not isinstance(given, (list, tuple)) or options["compat"] == "fastpost"):
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

    def _file_job(self) -> Job[EntityTask] | str:
        """The job of a call without options."""
        return self._job(self._defaults, False, None)

    def _comparison_job(self, options: dict[str, Any]) -> tuple[Job[EntityTask], bool]:
        """The job of a call with `compat="fastpost"`, and whether transformers would read windows, too."""
        merged = self._merged({**options, "compat": "fastpost"})
        return self._job(merged, False, None), merged["stride"] is not None

    def _job(self, options: dict[str, Any], split: bool, offset_mapping: Any) -> Job[EntityTask]:
        """What these options ask for."""
        task = entity_task(self._parts, options, self._decoders, split=split, offset_mapping=offset_mapping)
        return entity_job(self._parts, task, options["batch_size"], options["batch_tokens"])

    def _merged(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a call: those of the constructor, unless they are given again."""
        self._refuse(given)
        meant = {"compat", *OPTIONS}  # whose `None` means something
        options = {**self._defaults, **{n: value for n, value in given.items() if value is not None or n in meant}}
        return self._checked(_one_of_two(given, options))

    @classmethod
    def _refuse(cls, given: dict[str, Any]) -> None:
        cls._refuse_unknown(given, {*_CALL, *OF_PIPELINES, *OPTIONS})

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options, refused if they make no sense, as transformers refuses them."""
        given, stride = options["aggregation_strategy"], options["stride"]
        strategy = name_strategy(given, options["compat"])
        most = self._parts.max_length
        if strategy not in _STRATEGIES:
            raise refuse(
                ValueError,
                f"`aggregation_strategy` is {show_value(given)}; pass one of {', '.join(map(repr, _STRATEGIES))}",
                argument="aggregation_strategy",
            )
        choose_batching(options["batch_size"], options["batch_tokens"], self._parts.pad, self._parts.device)
        if right_options(options, split=False) is not None:
            long_texts(options)
        if stride is not None:
            if strategy == "none":
                raise refuse(
                    ValueError,
                    '`stride` is given but `aggregation_strategy` is "none"; choose another strategy',
                    argument="stride",
                )
            if most is None:
                raise refuse(
                    ValueError,
                    "`stride` needs a window length, but neither tokenizer_config.json nor config.json has one",
                    argument="stride",
                )
            special = self._parts.encoder.special
            check_stride(stride, window_length(options, most, special) or most, special)
        return options


_CALL: dict[str, Any] = {
    "aggregation_strategy": None,
    "ignore_labels": None,
    "stride": None,
    "delimiter": " ",
    **AT_ONCE,
    "compat": "transformers",
}
"""What a call takes beside the options of `compat="fastpost"`, with the defaults."""


def _one_of_two(given: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call, in which a `batch_size` or `batch_tokens` that is given again replaces the other."""
    for name, other in (("batch_size", "batch_tokens"), ("batch_tokens", "batch_size")):
        if given.get(name) is not None and given.get(other) is None:
            return {**options, other: None}
    return options


class AnswerPipeline(_ModelPipeline):
    """A question-answering pipeline over any `fastpost.Model`, called like `fastpost.QuestionAnsweringPipeline`.

    Args:
        model, tokenizer: as for entities.
        num_workers: accepted as in transformers' pipeline, and not needed.
        options: those below, and of `fastpost.AnswerDecoder` `top_k`, `max_answer_len`, `handle_impossible_answer`,
            `align_to_words`, `compat` (default here: "transformers"), `normalize`, `null_threshold`, `dedupe`. Each
            can be given again in a call.

    Keyword Args:
        doc_stride: tokens by which windows overlap; default: a third of a window of 384, at most 128.
        max_seq_len: tokens of a window; default: what the model reads, at most 384.
        batch_size, batch_tokens: as for entities.
    """

    task = "question-answering"
    outputs = START_AND_END

    def __init__(self, model: Any, tokenizer: Any = None, *, num_workers: int | None = None, **options: Any) -> None:
        self._check({**options, "num_workers": num_workers})
        super().__init__(model, tokenizer)
        known = {**AT_ONCE, "doc_stride": None, "max_seq_len": None}
        self._defaults = _one_of_two(options, {**known, **options})
        self._job(self._defaults, ranked=False)

    def __repr__(self) -> str:
        return self._show(compat=self._defaults.get("compat", "transformers"))

    @classmethod
    def _refuse(cls, given: dict[str, Any]) -> None:
        cls._refuse_unknown(given, {*AT_ONCE, "doc_stride", "max_seq_len", *_ANSWERS})

    def __call__(self, *args: Any, rank: bool = False, progress: bool | Told = False, **kwargs: Any) -> Any:
        """Answers one or several questions.

        Args:
            args: dicts with `question` and `context`, a list, generator or dataset of them.
            rank: whether to rank the answers of all contexts together; the result is then one list.
            progress: show a bar; a function is called with texts and tokens after each batch instead.
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
        self._refuse(given)
        options = _one_of_two(given, {**self._defaults, **given})
        job = self._job(options, rank)
        if isinstance(inputs, list) and not inputs:
            return []
        unit = shown(progress, "questions")
        length = len(inputs) if isinstance(inputs, Sized) else None
        results: Results[Any] = Results(
            lambda: stream(read(inputs), job.task, job.runner, job.batching, ask_size, together=rank, progress=unit),
            length,
        )
        if not isinstance(inputs, list):
            return results
        return next(results) if rank or len(inputs) == 1 else list(results)

    def _job(self, options: dict[str, Any], ranked: bool) -> Job[AnswerTask]:
        """What these options ask for."""
        settings = dict(options)
        size, tokens = settings.pop("batch_size"), settings.pop("batch_tokens")
        batching = choose_batching(size, tokens, self._parts.pad, self._parts.device)
        return Job(answer_task(self._parts, settings, ranked), self._parts.runner, batching)


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
