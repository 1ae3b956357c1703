"""`fastpost.pipeline`: a task and a model -> the pipeline that runs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from fastpost._inputs.bounds import shown, with_article
from fastpost.exceptions import refuse
from fastpost.models.backends import BACKENDS, TORCH, backend_of, packages_of
from fastpost.models.place import missing_model

if TYPE_CHECKING:
    from fastpost.types import FindsAnswer, FindsEntities, FindsOwnEntities, FindsTokens, RanksAnswers

TokenTask: TypeAlias = Literal["ner", "token-classification"]

_TASKS = {
    "token-classification": "token-classification",
    "ner": "token-classification",
    "question-answering": "question-answering",
}


# The type of results depends on the pipeline's arguments: the first signature that fits gives it.
@overload
def pipeline(
    task: TokenTask,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    aggregation_strategy: Literal["none"],
    backend: str | None = None,
    **kwargs: Any,
) -> FindsTokens: ...
@overload
def pipeline(
    task: TokenTask,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    compat: Literal["fastpost"],
    backend: str | None = None,
    **kwargs: Any,
) -> FindsOwnEntities: ...
@overload
def pipeline(
    task: TokenTask,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    aggregation_strategy: Literal["simple", "first", "average", "max"],
    backend: str | None = None,
    **kwargs: Any,
) -> FindsEntities: ...
@overload
def pipeline(
    task: TokenTask,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    backend: str | None = None,
    **kwargs: Any,
) -> FindsTokens: ...
@overload
def pipeline(
    task: Literal["question-answering"],
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    compat: Literal["fastpost"],
    backend: str | None = None,
    **kwargs: Any,
) -> RanksAnswers: ...
@overload
def pipeline(
    task: Literal["question-answering"],
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    backend: str | None = None,
    **kwargs: Any,
) -> FindsAnswer: ...
@overload
def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    backend: str | None = None,
    **kwargs: Any,
) -> Any: ...
def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    backend: str | None = None,
    **kwargs: Any,
) -> Any:
    """Makes a pipeline of fastpost: it is called as `transformers.pipeline` is, and its pipelines give the same results.

    With `compat="fastpost"` they give fastpost's own: entities of whole words from texts of any length, answers whose
    scores can be compared.

    >>> ner = fastpost.pipeline("ner", model="folder", compat="fastpost")  # doctest: +SKIP
    >>> ner("I am Anna Schmidt.")[0]["word"]  # doctest: +SKIP
    'Anna'

    Args:
        task: "token-classification", "ner" or "question-answering".
        model: a model of transformers, the name of one, or a folder; for ONNX Runtime a folder with an `.onnx` file;
            or any object that meets `fastpost.Model`, which is how a runtime or a server of your own is connected.
        config: the model's configuration; default: the one that comes with `model`.
        tokenizer: the model's tokenizer; default: the one that comes with `model`.
        backend: "torch" runs transformers' model; "onnxruntime" needs neither torch nor transformers. Default:
            "onnxruntime" for an `.onnx` file and for a folder that holds no other model, else "torch".
        kwargs: `compat`, "transformers" (default) or "fastpost", and with the latter the options of
            `fastpost.EntityDecoder` or `fastpost.AnswerDecoder`; everything else that `transformers.pipeline` takes
            (`device`, `dtype`, `batch_size`, `aggregation_strategy`, ...), or, for ONNX Runtime, what the classes of
            `fastpost.pipelines.onnx` take, or, for an object, those of `fastpost.pipelines.model`.

    Returns:
        A pipeline, which is called with a text or with several. For "ner" it gives a list of entities for each text, or, with
        `aggregation_strategy="none"`, which is the default of transformers, a list of tokens. For "question-answering"
        it gives one answer for each question, or, with `compat="fastpost"`, a list of answers, the best one first.

    Raises:
        FileNotFoundError: if `model` is a folder that does not exist.
        ImportError: if what runs the model is not installed.
        TypeError: if `model` is an object that lacks something; the message names it.
        ValueError: if `task` or `backend` is not one of the names above.
    """
    if task not in _TASKS:
        raise refuse(
            ValueError, f"`task` is {shown(task)}; pass one of {', '.join(map(repr, sorted(_TASKS)))}", argument="task"
        )
    if backend not in (None, TORCH, *BACKENDS):
        raise refuse(
            ValueError,
            f"`backend` is {shown(backend)}; pass one of {', '.join(map(repr, (TORCH, *BACKENDS)))}",
            argument="backend",
        )
    named = isinstance(model, (str, os.PathLike))
    if not named and model is not None and not _is_of_torch(model):
        return _open_object(_TASKS[task], model, config, tokenizer, backend, kwargs)
    if named and (missing := missing_model(model, backend)) is not None:
        raise FileNotFoundError(missing)
    if backend is None:
        backend = backend_of(model) if named else TORCH
    if backend != TORCH:
        if config is not None:
            raise refuse(
                ValueError,
                f'`config` is given, but backend="{backend}" reads config.json beside the model',
                argument="config",
            )
        return _open_folder(_TASKS[task], backend, model, tokenizer, kwargs)
    from fastpost.pipelines.torch.registry import open_pipeline

    return open_pipeline(_TASKS[task], model, config, tokenizer, kwargs)


def _open_object(
    task: str, model: Any, config: Any, tokenizer: Any, backend: str | None, options: dict[str, Any]
) -> Any:
    """A pipeline over an object that meets `Model`."""
    from fastpost.pipelines.model import AnswerPipeline, EntityPipeline

    for name, value in (("config", config), ("backend", backend)):
        if value is not None:
            raise refuse(
                ValueError,
                f"`{name}` is given, but `model` is an object of its own, {with_article(type(model).__name__)}; leave it out",
                argument=name,
            )
    kind = AnswerPipeline if task == "question-answering" else EntityPipeline
    return kind(model, tokenizer, **options)


def _open_folder(task: str, backend: str, model: Any, tokenizer: Any, options: dict[str, Any]) -> Any:
    """A pipeline over a folder, without torch."""
    if backend == "onnxruntime":
        from fastpost.pipelines.onnx import OnnxQuestionAnsweringPipeline, OnnxTokenClassificationPipeline

        if task == "question-answering":
            return OnnxQuestionAnsweringPipeline(model, tokenizer, **options)
        return OnnxTokenClassificationPipeline(model, tokenizer, **options)
    from fastpost.pipelines.model import AnswerPipeline, EntityPipeline

    kind = AnswerPipeline if task == "question-answering" else EntityPipeline
    row = BACKENDS[backend]
    once = {name: options.pop(name) for name in row.options if name in options}
    return kind(row.open(model, tokenizer, kind.outputs, once), **options)


def _is_of_torch(model: Any) -> bool:
    """Whether `model` is a model of torch, found out without importing torch."""
    return not packages_of(model).isdisjoint({"torch", "transformers"}) and not hasattr(model, "runner")
