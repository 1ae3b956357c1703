"""The drop-in token-classification pipeline for transformers 4.57 and 5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import transformers
from transformers import PreTrainedTokenizerFast
from transformers.pipelines.token_classification import AggregationStrategy
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from fastpost._inputs.tokenizer import Tokens, decoder_json
from fastpost._warn import warn_caller
from fastpost.entities.decoder import EntityDecoder
from fastpost.entities.options import OPTIONS, choose_strategy
from fastpost.exceptions import Argument
from fastpost.models.length import as_length, positions
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
from fastpost.pipelines.run import Batching, Results, Told, shown, stream
from fastpost.pipelines.sizes import check_sizes
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
    """The part that replaces transformers' loop; stands before a token-classification pipeline class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_sizes(kwargs)
        super().__init__(*args, **kwargs)
        pipe: Any = self
        right = right_options(pipe._postprocess_params, False)
        if right is not None and self._original_path() is None:
            self._job(pipe._batch_size or 1, pipe._preprocess_params, pipe._postprocess_params)

    def __getstate__(self) -> dict[str, Any]:
        """The pipeline as pickle and copy see it: without what is read off the tokenizer again."""
        own = ("_fastpost_tokens", "_fastpost_task", "_fastpost_decoders", "_fastpost_warned")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Entities of one text, or of many.

        Args:
            inputs: a `str` gives a list of dicts; a list, a tuple, a Series, an array or a column a list of such lists;
                a generator, an iterator or a dataset of torch an iterator of them.
            kwargs: options of the constructor, for this call.
        """
        check_sizes(kwargs)
        read = read_inputs(inputs, bool(kwargs.get("is_split_into_words")))
        if isinstance(read, list) and not read and not isinstance(inputs, (list, tuple)):
            return []  # transformers refuses lists of nothing
        return super().__call__(read, **kwargs)  # type: ignore[misc]

    @property
    def scheme(self) -> str | None:
        """The scheme that the labels are read under, as `EntityDecoder.scheme`; `None` for `compat="transformers"`.

        That of the last call; before the first, of a call without options.
        """
        task = self._last_task()
        return None if isinstance(task, str) else task.decoder().scheme

    def report(self) -> dict[str, Any]:
        """What the decoder of the last call has read off the labels, and what told words apart in that call.

        As `EntityDecoder.report`, and more: `path` is "fastpost", or "transformers" where the original path is taken,
        whose `reason` follows. Before the first call, that of a call without options.
        """
        task = self._last_task()
        if isinstance(task, str):
            return {"path": "transformers", "reason": task}
        return {"path": "fastpost", **task.report()}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names that entities of a call without options can have."""
        pipe: Any = self
        given = pipe._postprocess_params
        if self._original_path() is None:
            return self._own_task(pipe._preprocess_params, given).labels()
        ignored = given.get("ignore_labels", ["O"])
        strategy = choose_strategy(given.get("aggregation_strategy"), "transformers")
        decoder = EntityDecoder(pipe.model.config.id2label, strategy=strategy, compat="transformers")
        return tuple(name for name in decoder.labels if name not in ignored)

    def _last_task(self) -> EntityTask | str:
        """What the last call ran, or why it took the original path; before the first, a call without options."""
        known: EntityTask | str | None = vars(self).get("_fastpost_task")
        if known is not None:
            return known
        pipe: Any = self
        return self._original_path() or self._own_task(pipe._preprocess_params, pipe._postprocess_params)

    def _own_task(self, preprocess_params: dict[str, Any], postprocess_params: dict[str, Any]) -> EntityTask:
        decoders = vars(self).setdefault("_fastpost_decoders", DecoderCache())
        return _task(self, preprocess_params, postprocess_params, decoders)

    def _original_path(self, params: tuple[dict[str, Any], ...] | None = None, split: bool = False) -> str | None:
        """Why a call has to take the original path; `None` if it has not."""
        pipe: Any = self
        params = params or (pipe._preprocess_params, pipe._forward_params, pipe._postprocess_params)
        reason = original_path_reason(self, transformers.TokenClassificationPipeline, _STEPS, split)
        if reason is None and _unknown_parameters(*params):
            reason = "a subclass has parameters of its own"
        return reason

    def _sanitize_parameters(self, progress: bool | Told | None = None, **kwargs: Any) -> Any:
        own = {name: kwargs.pop(name) for name in _OWN if name in kwargs}
        strategy = kwargs.get("aggregation_strategy")
        if isinstance(strategy, str) and strategy.upper() not in AggregationStrategy.__members__:
            compat = own.get("compat", vars(self).get("_postprocess_params", {}).get("compat", "transformers"))
            names = ", ".join(repr(one.value) for one in AggregationStrategy)
            # transformers raises a KeyError.
            raise (KeyError if compat else ValueError)(f"`aggregation_strategy` is {strategy!r}; pass one of {names}")
        preprocess, forward, postprocess = super()._sanitize_parameters(**kwargs)  # type: ignore[misc]
        if progress is not None:
            forward["progress"] = progress
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
        progress = forward_params.pop("progress", False)
        length = len(inputs) if isinstance(inputs, Sized) else None
        split = bool(preprocess_params.get("is_split_into_words"))
        reason = self._original_path((preprocess_params, forward_params, postprocess_params), split)
        if right_options(postprocess_params, split) is not None and reason is not None:
            raise ValueError(f'`compat` is None, but {reason}; pass compat="transformers" to take the original path')
        if reason is not None:
            warn_original_path(self, reason)
            self._fastpost_task: EntityTask | str = reason
            postprocess_params = {name: value for name, value in postprocess_params.items() if name != "compat"}
            original = super().get_iterator(  # type: ignore[misc]
                inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params
            )
            return Results(lambda: map(_plain_scores, original), length)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size!r}")
        job = self._job(batch_size, preprocess_params, postprocess_params)
        if isinstance(inputs, list):
            job.task.check_all(inputs)
        self._fastpost_task = job.task
        unit = shown(progress, "texts")
        return Results(lambda: stream(inputs, job.task, job.runner, job.batching, text_size, progress=unit), length)

    def _job(self, batch_size: int, preprocess_params: dict[str, Any], postprocess_params: dict[str, Any]) -> Job:
        """What these parameters ask for."""
        pipe: Any = self
        if batch_size > 1 and pipe.tokenizer.pad_token_id is None:
            raise ValueError(
                "Pipeline with tokenizer without pad_token cannot do batching. You can try to set it with "
                "`pipe.tokenizer.pad_token_id = model.config.eos_token_id`."
            )
        from fastpost.models.runners.torch import TorchRunner

        task = self._own_task(preprocess_params, postprocess_params).prepare()
        names = tuple(name for name in pipe.tokenizer.model_input_names if name in _MODEL_INPUTS)
        batching = Batching(batch_size, names, pipe.tokenizer.pad_token_id, pipe.tokenizer.padding_side == "left")
        most = positions(pipe.model.config) if task.options is None else None
        return Job(task, TorchRunner(pipe.model, pipe.device, lambda: _inference(pipe), most=most), batching)

    def _file_job(self, batch_size: int) -> Job | str:
        """What a call without options would run, or why that has to take the original path."""
        pipe: Any = self
        return self._original_path() or self._job(batch_size, pipe._preprocess_params, pipe._postprocess_params)

    def _comparison_job(self, options: dict[str, Any]) -> tuple[Job, bool]:
        """What a call with `compat=None` would run, and whether transformers would read long texts in windows, too."""
        pipe: Any = self
        options = dict(options)
        batch_size = options.pop("batch_size", None) or pipe._batch_size or 1
        given, _, own = self._sanitize_parameters(**{**options, "compat": None})
        preprocess, postprocess = {**pipe._preprocess_params, **given}, {**pipe._postprocess_params, **own}
        reason = original_path_reason(self, transformers.TokenClassificationPipeline, _STEPS)
        if reason is not None:
            raise ValueError(f"`pipe` can't be compared: {reason}")
        windowed = bool(preprocess.get("tokenizer_params", {}).get("return_overflowing_tokens"))
        return self._job(batch_size, preprocess, postprocess), windowed


def _unknown_parameters(preprocess: dict[str, Any], forward: dict[str, Any], postprocess: dict[str, Any]) -> bool:
    """Whether a subclass hands its steps parameters that only they know."""
    encoding = preprocess.get("tokenizer_params", {})
    return bool(
        preprocess.keys() - {"is_split_into_words", "delimiter", "offset_mapping", "tokenizer_params"}
        or encoding.keys() - {"return_overflowing_tokens", "padding", "stride", "is_split_into_words"}
        or forward
        or postprocess.keys() - {"aggregation_strategy", "ignore_labels", *_OWN}
    )


def _plain_scores(entities: Any) -> Any:
    """Results of the original path with Python floats, which `json.dumps` takes."""
    for entity in entities if isinstance(entities, list) else ():
        if isinstance(entity, dict) and isinstance(entity.get("score"), np.floating):
            entity["score"] = float(entity["score"])
    return entities


@contextmanager
def _inference(pipe: Any) -> Iterator[None]:
    """What transformers runs a forward pass in."""
    with pipe.device_placement(), pipe.get_inference_context()():
        yield


_OWN = ("compat", *OF_PIPELINES, *OPTIONS)
"""Arguments that transformers does not have."""

_MODEL_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


class TokenClassificationPipeline(FastTokenClassification, transformers.TokenClassificationPipeline):  # type: ignore[misc]
    """transformers' token-classification pipeline, with the work around the model done in Rust.

    Every argument and input of the original, the same results: `aggregation_strategy`, `ignore_labels`,
    `stride`, `offset_mapping`, `is_split_into_words`, `delimiter`, `batch_size`, `device`, `dtype`; one text, a
    list, a generator or a dataset (results come while it is read), words. `num_workers` is accepted and not
    needed. `progress=True` shows a bar, a function is told texts and tokens. Scores are Python floats and offsets
    Python ints.

    Beside what the original takes: tuples, Series of pandas and polars, arrays, columns and iterators of texts.

    `compat=None`, here or in a call, gives the right answer where transformers is wrong, and takes the options of
    `fastpost.EntityDecoder` from `scheme` on; where no `aggregation_strategy` is given it is "average". Each result is then a `TextEntities`, a list that says what it covers,
    and `on_long_text` says what becomes of texts longer than the model: "window" (default) reads them in windows that
    overlap by `stride` tokens, a quarter of a window if not given; "truncate" cuts them, with a warning; "error"
    refuses them. `max_length` is the tokens of a window, for models that were trained on shorter ones than they read.
    `pipe.scheme` and `pipe.report()` are those of the decoder.

    A slow tokenizer, or a subclass that overrides a step such as `postprocess`, takes the original path, with a warning;
    `report()["path"]` says which one was taken.
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
    """Why a pipeline has to take the original path, `None` if it has not.

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


def _task(
    pipe: Any, preprocess_params: dict[str, Any], postprocess_params: dict[str, Any], decoders: DecoderCache
) -> EntityTask:
    compat = postprocess_params.get("compat", "transformers")
    strategy = choose_strategy(postprocess_params.get("aggregation_strategy"), compat)
    strategy = getattr(strategy, "value", strategy)
    ignored = postprocess_params.get("ignore_labels")
    split = bool(preprocess_params.get("is_split_into_words"))
    tokenizer_params = preprocess_params.get("tokenizer_params", {})
    tokens = _tokens(pipe)
    options = right_options(postprocess_params, split)
    if options is None and strategy in ("first", "average", "max") and not tokens.marks_subwords:
        warn_caller("Tokenizer does not support real words, using fallback heuristic", through="transformers")
    mapping = preprocess_params.get("offset_mapping")
    stride, windowed = tokenizer_params.get("stride"), bool(tokenizer_params.get("return_overflowing_tokens"))
    max_length = on_truncate = most_tokens = None
    if options is not None:
        special = pipe.tokenizer.num_special_tokens_to_add(pair=False)
        max_length = window_length(postprocess_params, _max_length(pipe), special)
        windowed = long_texts(postprocess_params) == "window" and max_length is not None
        if windowed and max_length is not None:
            if stride is None:
                stride = default_stride(max_length, special)
            check_stride(stride, max_length, special)
        if not windowed and max_length is not None:
            stride = None
            if long_texts(postprocess_params) == "error":
                most_tokens = max_length
            else:
                on_truncate = partial(_warn_truncated, max_length)
    ignored = ["O"] if ignored is None else ignored
    id2label = {int(label): str(name) for label, name in pipe.model.config.id2label.items()}
    return EntityTask(
        encode_batch=_encoder(pipe.tokenizer, stride, split, max_length),
        input_names=tuple(pipe.tokenizer.model_input_names),
        tokens=tokens,
        id2label=id2label,
        strategy=strategy,
        ignore_labels=ignored,
        windowed=windowed,
        delimiter=preprocess_params.get("delimiter", " ") if split else None,
        offset_mapping=offset_pairs(mapping),
        on_truncate=on_truncate,
        options=options,
        most_tokens=most_tokens,
        _decoders=decoders.get(strategy, ignored, options, tokens, id2label),
    )


def _max_length(pipe: Any) -> int | None:
    """Tokens that the model reads: what the tokenizer says, but no more than the model has positions for."""
    known = [as_length(pipe.tokenizer.model_max_length), positions(pipe.model.config)]
    return min((length for length in known if length is not None), default=None)


def _warn_truncated(max_length: int, number: int) -> None:
    warn_caller(
        f"text {number} of the input is longer than the model's {max_length} tokens and was cut; pass ",
        Argument("on_long_text", ("window",)),
        " to read it whole",
        through="transformers",
    )


def _tokens(pipe: Any) -> Tokens:
    """The pipeline's tokenizer as the decoder sees it, read anew where it has changed."""
    tokenizer = pipe.tokenizer
    backend = tokenizer.backend_tokenizer
    # With added tokens the size takes milliseconds to count in tokenizers 0.22, whose vocabulary is copied for it.
    size = backend.get_vocab_size(with_added_tokens=False), len(backend.get_added_tokens_decoder())
    prefix = getattr(backend.model, "continuing_subword_prefix", None)
    state = (backend, tokenizer.unk_token_id, size, prefix, decoder_json(backend))
    known, tokens = vars(pipe).get("_fastpost_tokens", ((None,), None))
    if tokens is None or known[0] is not backend or known[1:] != state[1:]:
        tokens = Tokens.of(tokenizer)
        pipe._fastpost_tokens = (state, tokens)
    assert isinstance(tokens, Tokens)
    return tokens


def _encoder(tokenizer: PreTrainedTokenizerBase, stride: int | None, split: bool, max_length: int | None = None) -> Any:
    """`encode_batch` of the tokenizer, set up as its `__call__` would set it up."""

    def encode(texts: list[Any]) -> list[Any]:
        # Asked anew for each chunk: another user of the tokenizer may have changed its set-up since.
        limited = bool(max_length or (tokenizer.model_max_length and tokenizer.model_max_length > 0))
        padding, truncation, length, _ = tokenizer._get_padding_truncation_strategies(
            padding=False, truncation=limited, max_length=max_length, pad_to_multiple_of=None, verbose=True
        )
        tokenizer.set_truncation_and_padding(
            padding_strategy=padding,
            truncation_strategy=truncation,
            max_length=length,
            stride=stride or 0,
            pad_to_multiple_of=None,
            padding_side=None,
        )
        backend = tokenizer.backend_tokenizer
        if backend.encode_special_tokens != tokenizer.split_special_tokens:
            backend.encode_special_tokens = tokenizer.split_special_tokens
        return list(backend.encode_batch(texts, is_pretokenized=split))

    return encode
