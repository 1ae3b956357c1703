"""Ways from transformers' pipelines to ours: `accelerate`, `install`, and `fastpost.pipeline` on torch."""

from __future__ import annotations

import copy
import functools
import os
from typing import Any, TypeVar

from fastpost.exceptions import refuse

TASKS = ("token-classification", "question-answering")


P = TypeVar("P")


def open_pipeline(task: str, model: Any, config: Any, tokenizer: Any, options: dict[str, Any]) -> Any:
    """A pipeline of ours, made as `transformers.pipeline` makes one.

    Raises:
        FileNotFoundError: if no model has the name `model`.
        ImportError: without transformers.
    """
    transformers = _transformers()
    dropped = task not in _registry()
    if dropped:
        _add(task)
    try:
        return transformers.pipeline(
            task, model=model, config=config, tokenizer=tokenizer, pipeline_class=_class_of(task), **options
        )
    except OSError as error:
        if not isinstance(model, str) or os.path.exists(model):
            raise
        said = str(error).partition("\n")[0]
        raise FileNotFoundError(f"no such folder: {model:.200}; as a name on the hub: {said}") from error
    finally:
        if dropped:
            _remove(task)


def accelerate(pipe: P) -> P:
    """Makes the fast twin of a token-classification or question-answering pipeline of transformers.

    The twin shares model and tokenizer with `pipe`, takes over its settings and gives the same results; `pipe` itself
    is not changed. A class of the user's own keeps its methods. If the twin still has to take transformers' own path (a
    slow tokenizer, an overridden `postprocess`), a warning says so.

    Raises:
        ImportError: without transformers.
        TypeError: if `pipe` is a pipeline for another task.
    """
    transformers = _transformers()
    kind: Any = type(pipe)
    for task in TASKS:
        fast = _class_of(task)
        original = next((base for base in fast.__mro__ if base.__module__.startswith("transformers.")), None)
        if isinstance(pipe, fast):
            break
        if isinstance(pipe, getattr(transformers, fast.__name__, ())) and original is not None:
            kind = fast if kind is original else _combined(kind, fast)
            break
    else:
        raise refuse(
            TypeError,
            f"`pipe` is of type {kind.__name__}; pass a token-classification or question-answering pipeline of transformers",
            argument="pipe",
        )
    twin: Any = kind.__new__(kind)
    for name, value in vars(pipe).items():
        setattr(twin, name, copy.copy(value) if isinstance(value, (dict, set)) else value)
    reason = twin._original_path()
    if reason is not None:
        from fastpost.pipelines.torch.token_classification import warn_original_path

        warn_original_path(twin, reason)
    return twin  # type: ignore[no-any-return]


@functools.cache
def _combined(kind: Any, fast: Any) -> Any:
    """The user's class with the methods of `fast` behind its own; always the same class, for objects of one type."""

    def reduce(self: Any) -> tuple[Any, ...]:
        state = self.__getstate__() if hasattr(self, "__getstate__") else vars(self)
        return _unpickled, (kind, fast), state

    return type(kind.__name__, (kind, fast), {"__module__": kind.__module__, "__reduce__": reduce})


def _unpickled(kind: Any, fast: Any) -> Any:
    """An empty object of a class that has no name to be found by."""
    combined = _combined(kind, fast)
    return combined.__new__(combined)


def install() -> None:
    """Makes `transformers.pipeline` build fastpost's pipelines; `uninstall` takes that back.

    "question-answering", which transformers 5 has dropped, works again.

    Raises:
        ImportError: without transformers.
    """
    for task in TASKS:
        entry = _registry().get(task)
        if entry is None:
            _add(task)
            _replaced[task] = None
        elif entry["impl"] is not _class_of(task):
            _replaced[task] = entry["impl"]
            entry["impl"] = _class_of(task)


def uninstall() -> None:
    """Gives `transformers.pipeline` its own classes back; a class that other code has registered since then stays."""
    while _replaced:
        task, original = _replaced.popitem()
        entry = _registry().get(task)
        if entry is None or entry["impl"] is not _class_of(task):
            continue
        if original is None:
            _remove(task)
        else:
            entry["impl"] = original


_replaced: dict[str, Any] = {}
"""The previous entries of transformers' registry, by task; `None` if there was none."""


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise ImportError("pipelines on torch need transformers; pip install 'fastpost[transformers]'") from error
    return transformers


def _registry() -> Any:
    _transformers()
    from transformers.pipelines import PIPELINE_REGISTRY

    return PIPELINE_REGISTRY.supported_tasks


def _add(task: str) -> None:
    """Makes transformers know a task that it has dropped."""
    import transformers.pipelines

    _dropped[task] = getattr(transformers.pipelines, "REMOVED_TASKS", {}).pop(task, None)
    _registry()[task] = {
        "impl": _class_of(task),
        "pt": (transformers.AutoModelForQuestionAnswering,),
        "default": {"model": ("distilbert/distilbert-base-cased-distilled-squad", "564e9b5")},
        "type": "text",
    }


def _remove(task: str) -> None:
    """Takes `_add` back."""
    import transformers.pipelines

    del _registry()[task]
    reason = _dropped.pop(task, None)
    if reason is not None:
        transformers.pipelines.REMOVED_TASKS[task] = reason


_dropped: dict[str, str | None] = {}
"""The message of transformers about a task that it has dropped."""


def _class_of(task: str) -> Any:
    if task == "question-answering":
        from fastpost.pipelines.torch.question_answering import QuestionAnsweringPipeline

        return QuestionAnsweringPipeline
    from fastpost.pipelines.torch.token_classification import TokenClassificationPipeline

    return TokenClassificationPipeline
