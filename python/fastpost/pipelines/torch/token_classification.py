"""The drop-in token-classification pipeline for transformers 4.57 and 5."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
import transformers
from transformers import PreTrainedTokenizerFast
from transformers.pipelines.token_classification import AggregationStrategy

from fastpost._inputs import bounds
from fastpost._warn import warn_caller
from fastpost.entities.decoder import EntityDecoder
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS, choose_strategy
from fastpost.exceptions import refuse
from fastpost.models.model import Parts, trust_model
from fastpost.models.slot import EncoderSlot
from fastpost.models.transformers import FastEncoder, TransformersModel, argument_names, read_tokens
from fastpost.pipelines.entities import (
    OF_PIPELINES,
    DecoderCache,
    EntityTask,
    right_options,
    text_size,
)
from fastpost.pipelines.job import Job, entity_job, entity_task, name_strategy
from fastpost.pipelines.run import Results, Told, shown, stream
from fastpost.pipelines.sizes import check_batches, check_size, check_sizes, refuse_tokens
from fastpost.pipelines.texts import read_inputs

_STEPS = (
    "preprocess",
    "forward",
    "_forward",
    "postprocess",
    "run_single",
    "gather_pre_entities",
    "aggregate",
    "aggregate_word",
    "aggregate_words",
    "aggregate_overlapping_entities",
    "get_tag",
    "group_entities",
    "group_sub_entities",
)
"""Methods that a subclass may override to change what a pipeline does; then the original path is taken."""


class FastTokenClassification:
    """Replaces transformers' loop; as a base it comes before a token-classification pipeline class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_sizes(kwargs)
        check_batches(kwargs)
        super().__init__(*args, **kwargs)
        pipe: Any = self
        right = right_options(pipe._postprocess_params, False)
        if right is not None and self._original_path() is None:
            self._job(pipe._batch_size or 1, pipe._preprocess_params, pipe._postprocess_params, self._batch_tokens())

    def __getstate__(self) -> dict[str, Any]:
        """The state for pickle and copy, without the parts that are read from the tokenizer again."""
        own = ("_fastpost_tokens", "_fastpost_task", "_fastpost_decoders", "_fastpost_warned")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Finds the entities of one text, or of many.

        Args:
            inputs: a `str` gives a list of dicts. A list, a tuple, a Series, an array or a column gives a list of such
                lists. A generator, an iterator or a dataset of torch gives an iterator of them.
            kwargs: options of the constructor, for this call.
        """
        check_sizes(kwargs)
        check_batches(kwargs)
        read = read_inputs(inputs, bool(kwargs.get("is_split_into_words")))
        taken = not isinstance(inputs, (list, tuple)) or self._compat(kwargs) == "fastpost"
        if isinstance(read, list) and not read and taken:  # transformers refuses lists of nothing
            return []
        return super().__call__(read, **kwargs)  # type: ignore[misc]

    @property
    def scheme(self) -> str | None:
        """The scheme that the labels are read under, as `EntityDecoder.scheme`; `None` for `compat="transformers"`.

        It is that of the last call; before the first call, that of a call without options.
        """
        task = self._last_task()
        return None if isinstance(task, str) else task.decoder().scheme

    def report(self) -> dict[str, Any]:
        """Says what the decoder of the last call has read off the labels, and what told words apart in that call.

        It is `EntityDecoder.report` and more: `path` is "fastpost", or "transformers" if the original path is taken,
        with the `reason`; `encoder` says what encodes texts, and why. Before the first call, it is that of a call
        without options.
        """
        task = self._last_task()
        if isinstance(task, str):
            return {"path": "transformers", "reason": task}
        encoder = vars(self).get("_fastpost_encoder") or EncoderSlot()
        return {"path": "fastpost", "encoder": encoder.report(), **task.report()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The names that entities of a call without options can have."""
        pipe: Any = self
        given = pipe._postprocess_params
        if self._original_path() is None:
            return self._own_task(pipe._preprocess_params, given).labels()
        ignored = given.get("ignore_labels", ["O"])
        strategy = choose_strategy(given.get("aggregation_strategy"), "transformers")
        decoder = EntityDecoder(pipe.model.config.id2label, aggregation_strategy=strategy, compat="transformers")
        return tuple(name for name in decoder.labels if name not in ignored)

    def _last_task(self) -> EntityTask | str:
        """The task of the last call, or why it took the original path; before any call, that without options."""
        known: EntityTask | str | None = vars(self).get("_fastpost_task")
        if known is not None:
            return known
        pipe: Any = self
        return self._original_path() or self._own_task(pipe._preprocess_params, pipe._postprocess_params)

    def _own_task(self, preprocess_params: dict[str, Any], postprocess_params: dict[str, Any]) -> EntityTask:
        return self._model_and_task(preprocess_params, postprocess_params)[1]

    def _model_and_task(
        self, preprocess_params: dict[str, Any], postprocess_params: dict[str, Any]
    ) -> tuple[Parts, EntityTask]:
        """The model, and what reads entities with these parameters."""
        decoders = vars(self).setdefault("_fastpost_decoders", DecoderCache())
        split = bool(preprocess_params.get("is_split_into_words"))
        tokenizer_params = preprocess_params.get("tokenizer_params", {})
        options = {"aggregation_strategy": None, "ignore_labels": None, "compat": "transformers", **postprocess_params}
        right = right_options(options, split) is not None
        options["delimiter"] = preprocess_params.get("delimiter", " ")
        # transformers reads further windows where its tokenizer is told to return them.
        windowed = right or bool(tokenizer_params.get("return_overflowing_tokens"))
        options["stride"] = tokenizer_params.get("stride", None if right else 0) if windowed else None
        model = self._parts(right)
        strategy = name_strategy(options["aggregation_strategy"], options["compat"])
        if not right and strategy in ("first", "average", "max") and not model.encoder.tokens.marks_subwords:
            warn_caller("Tokenizer does not support real words, using fallback heuristic", through="transformers")
        mapping = preprocess_params.get("offset_mapping")
        return model, entity_task(model, options, decoders, split=split, offset_mapping=mapping)

    def _parts(self, right: bool) -> Parts:
        """The model and the tokenizer as they are now; both are the caller's and may have changed since."""
        pipe: Any = self
        state, tokens = read_tokens(pipe.tokenizer, vars(pipe).get("_fastpost_tokens", ((None,), None)))
        pipe._fastpost_tokens = state, tokens
        encoder = FastEncoder(pipe.tokenizer, tokens, vars(pipe).setdefault("_fastpost_encoder", EncoderSlot()))
        model = TransformersModel(
            pipe.model,
            pipe.tokenizer,
            context=lambda: inference(pipe),
            device=pipe.device,
            encoder=encoder,
            tells_length=not right,
        )
        return trust_model(model)

    def _original_path(self, params: tuple[dict[str, Any], ...] | None = None, split: bool = False) -> str | None:
        """Why a call has to take the original path; `None` if it does not."""
        pipe: Any = self
        params = params or (pipe._preprocess_params, pipe._forward_params, pipe._postprocess_params)
        reason = original_path_reason(self, transformers.TokenClassificationPipeline, _STEPS, split)
        if reason is None and _unknown_parameters(*params):
            reason = "a subclass has parameters of its own"
        return reason

    def _compat(self, given: dict[str, Any]) -> Any:
        """The `compat` of a call with the arguments `given`, or of the pipeline; it has none yet while it is made."""
        return given.get("compat", vars(self).get("_postprocess_params", {}).get("compat", "transformers"))

    def _sanitize_parameters(self, progress: bool | Told | None = None, **kwargs: Any) -> Any:
        batches = {"batch_tokens": kwargs.pop("batch_tokens")} if "batch_tokens" in kwargs else {}
        own = {name: kwargs.pop(name) for name in _OWN if name in kwargs}
        strategy = kwargs.get("aggregation_strategy")
        if isinstance(strategy, str) and strategy.upper() not in AggregationStrategy.__members__:
            compat = self._compat(own)
            known = (
                ENTITY_OPTIONS["aggregation_strategy"].choices
                if compat == "fastpost"
                else [one.value for one in AggregationStrategy]
            )
            if strategy.lower() not in known:
                names = ", ".join(map(repr, known))
                # transformers raises a KeyError.
                raise (KeyError if compat == "transformers" else ValueError)(
                    f"`aggregation_strategy` is {bounds.shown(strategy)}; pass one of {names}"
                )
            own["aggregation_strategy"] = kwargs.pop("aggregation_strategy").lower()  # a strategy that is ours alone
        theirs = super()._sanitize_parameters  # type: ignore[misc]
        _refuse_unknown(kwargs, theirs)
        preprocess, forward, postprocess = theirs(**kwargs)
        if progress is not None:
            forward["progress"] = progress
        forward.update(batches)
        postprocess.update(own)
        return preprocess, forward, postprocess

    def get_iterator(
        self,
        inputs: Iterable[Any],
        num_workers: int,
        batch_size: int,
        preprocess_params: dict[str, Any],
        forward_params: dict[str, Any],
        postprocess_params: dict[str, Any],
    ) -> Any:
        """Results of `inputs`, one a text, while they are read. Tokenizing has threads of its own already."""
        forward_params = dict(forward_params)
        progress, tokens = forward_params.pop("progress", False), forward_params.pop("batch_tokens", None)
        length = len(inputs) if isinstance(inputs, Sized) else None
        split = bool(preprocess_params.get("is_split_into_words"))
        reason = self._original_path((preprocess_params, forward_params, postprocess_params), split)
        if right_options(postprocess_params, split) is not None and reason is not None:
            raise refuse(
                ValueError,
                f'`compat` is "fastpost", but {reason}; pass compat="transformers" to take the original path',
                argument="compat",
            )
        if reason is not None:
            refuse_tokens(batch_size, tokens, reason)
            warn_original_path(self, reason)
            self._fastpost_task: EntityTask | str = reason
            postprocess_params = {name: value for name, value in postprocess_params.items() if name != "compat"}
            original = super().get_iterator(  # type: ignore[misc]
                inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params
            )
            return Results(lambda: map(_plain_scores, original), length)
        job = self._job(batch_size, preprocess_params, postprocess_params, tokens)
        if isinstance(inputs, list):
            job.task.check_all(inputs)
        self._fastpost_task = job.task
        unit = shown(progress, "texts")
        return Results(lambda: stream(inputs, job.task, job.runner, job.batching, text_size, progress=unit), length)

    def _batch_tokens(self) -> int | None:
        """`batch_tokens` of a call without options."""
        tokens: int | None = vars(self)["_forward_params"].get("batch_tokens")
        return tokens

    def _job(
        self,
        batch_size: Any,
        preprocess_params: dict[str, Any],
        postprocess_params: dict[str, Any],
        tokens: Any = None,
    ) -> Job[EntityTask]:
        """What these parameters ask for."""
        pipe: Any = self
        batch_size = check_size(batch_size, tokens)
        if batch_size != 1 and pipe.tokenizer.pad_token_id is None:
            raise refuse(
                ValueError,
                "Pipeline with tokenizer without pad_token cannot do batching. You can try to set it with "
                "`pipe.tokenizer.pad_token_id = model.config.eos_token_id`.",
                argument="batch_size",
            )
        model, task = self._model_and_task(preprocess_params, postprocess_params)
        return entity_job(model, task, batch_size, tokens)

    def _file_job(self) -> Job[EntityTask] | str:
        """What a call without options would run, or why that has to take the original path."""
        pipe: Any = self
        reason = self._original_path()
        if reason is not None:
            return reason
        return self._job(pipe._batch_size or 1, pipe._preprocess_params, pipe._postprocess_params, self._batch_tokens())

    def _comparison_job(self, options: dict[str, Any]) -> tuple[Job[EntityTask], bool]:
        """What a call with `compat="fastpost"` would run, and whether transformers would read windows, too."""
        pipe: Any = self
        options = dict(options)
        batch_size, tokens = options.pop("batch_size", None), options.pop("batch_tokens", None)
        if batch_size is None and tokens is None:
            batch_size, tokens = pipe._batch_size, self._batch_tokens()
        given, _, own = self._sanitize_parameters(**{**options, "compat": "fastpost"})
        preprocess, postprocess = {**pipe._preprocess_params, **given}, {**pipe._postprocess_params, **own}
        reason = original_path_reason(self, transformers.TokenClassificationPipeline, _STEPS)
        if reason is not None:
            raise refuse(ValueError, f"`pipe` can't be compared: {reason}", argument="pipe")
        windowed = bool(preprocess.get("tokenizer_params", {}).get("return_overflowing_tokens"))
        return self._job(batch_size or 1, preprocess, postprocess, tokens), windowed


def _refuse_unknown(given: dict[str, Any], theirs: Callable[..., Any]) -> None:
    """Raises, as Python does, for arguments that neither this class nor transformers' takes; suggests another."""
    names, takes_any = argument_names(theirs)
    unknown = given.keys() - names
    if takes_any or not unknown:
        return
    known = sorted({*names, *_OWN, "batch_size", "batch_tokens", "num_workers", "progress"})
    raise bounds.unexpected(min(unknown), known)


def _unknown_parameters(preprocess: dict[str, Any], forward: dict[str, Any], postprocess: dict[str, Any]) -> bool:
    """Whether a subclass passes its steps parameters that only those know."""
    encoding = preprocess.get("tokenizer_params", {})
    return bool(
        preprocess.keys() - {"is_split_into_words", "delimiter", "offset_mapping", "tokenizer_params"}
        or encoding.keys() - {"return_overflowing_tokens", "padding", "stride", "is_split_into_words"}
        or forward.keys() - {"progress", "batch_tokens"}
        or postprocess.keys() - {"aggregation_strategy", "ignore_labels", *_OWN}
    )


def _plain_scores(entities: Any) -> Any:
    """Results of the original path with Python floats, which `json.dumps` takes."""
    for entity in entities if isinstance(entities, list) else ():
        if isinstance(entity, dict) and isinstance(entity.get("score"), np.floating):
            entity["score"] = float(entity["score"])
    return entities


@contextmanager
def inference(pipe: Any) -> Iterator[None]:
    """The context in which transformers runs a forward pass."""
    with pipe.device_placement(), pipe.get_inference_context()():
        yield


_OWN = ("compat", *OF_PIPELINES, *OPTIONS)
"""Arguments that transformers does not have."""


class TokenClassificationPipeline(FastTokenClassification, transformers.TokenClassificationPipeline):  # type: ignore[misc]
    """transformers' token-classification pipeline, with the work around the model done in Rust.

    It takes every argument and input of the original, and gives the same results: `aggregation_strategy`,
    `ignore_labels`, `stride`, `offset_mapping`, `is_split_into_words`, `delimiter`, `batch_size`, `device`, `dtype`;
    one text, a list, a generator or a dataset (results come while it is read), words. `num_workers` is accepted and has
    no effect. `progress=True` shows a bar; a function is called with texts and tokens instead. Scores are Python floats
    and offsets Python ints.

    It also takes tuples, Series of pandas and polars, arrays, columns and iterators of texts.

    `compat="fastpost"`, here or in a call, gives fastpost's own entities, and takes the options of
    `fastpost.EntityDecoder` from `scheme` on; the default of `aggregation_strategy` is then "average". Each result is
    then a `TextEntities`, a list that says what it covers, and `on_long_text` says what becomes of texts longer than
    the model: "window" (default) reads them in windows that overlap by `stride` tokens, a quarter of a window if not
    given; "truncate" cuts them, with a warning; "error" refuses them. `max_length` is the number of tokens of a window,
    for models that were trained on shorter windows than they can read. `pipe.scheme` and `pipe.report()` are those of
    the decoder.

    A slow tokenizer, or a subclass that overrides a step such as `postprocess`, takes the original path, with a
    warning; `report()["path"]` says which one was taken.
    """


def warn_original_path(pipe: Any, reason: str) -> None:
    """Warns, once for each reason, that a pipeline takes transformers' own path."""
    told: set[str] = vars(pipe).setdefault("_fastpost_warned", set())
    if reason not in told:
        told.add(reason)
        warn_caller(
            f"{type(pipe).__name__} takes transformers' own path, which is slower, as {reason}", through="transformers"
        )


def original_path_reason(pipe: Any, base: Any, steps: tuple[str, ...], split_into_words: bool = False) -> str | None:
    """Why a pipeline has to take the original path; `None` if it does not have to.

    Args:
        pipe: the pipeline.
        base: the class whose steps the fast path stands for.
        steps: methods that a subclass may override to change what it does.
        split_into_words: whether texts come as lists of words.
    """
    for name in steps:
        if name in vars(pipe) or getattr(type(pipe), name, None) is not getattr(base, name, None):
            return f"`{name}` is overridden"
    if getattr(pipe, "framework", "pt") != "pt":
        return "the model is not a torch model"
    tokenizer = pipe.tokenizer
    if not tokenizer.is_fast:
        return "the tokenizer is slow"
    for name in _ENCODING_STEPS:
        if name in vars(tokenizer):
            return f"`tokenizer.{name}` is overridden"
        method = getattr(type(tokenizer), name, None)
        if method is getattr(PreTrainedTokenizerFast, name, None):
            continue
        module = getattr(method, "__module__", "")
        checks_words = module.removeprefix("transformers.models.").split(".")[0] in _CHECK_WORDS_ONLY
        if split_into_words or not checks_words or hasattr(method, "__wrapped__"):
            return f"the tokenizer has its own `{name}`"
    return None


_ENCODING_STEPS = (
    "__call__",
    "_call_one",
    "_encode_plus",
    "_batch_encode_plus",
    "convert_ids_to_tokens",
    "convert_tokens_to_string",
)

_CHECK_WORDS_ONLY = frozenset(
    ["bart", "blenderbot", "bloom", "codegen", "deberta", "gpt2", "led", "longformer", "mvp", "roberta", "whisper"]
)
"""Models whose tokenizer (in transformers 4) overrides encoding only to check `add_prefix_space` for words."""
