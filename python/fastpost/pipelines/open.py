"""Ways into the pipelines: `pipeline`, `accelerate`, `install`."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from typing import Any

from fastpost._inputs.bounds import shown
from fastpost.models.place import missing_model

_TASKS = {
    "token-classification": "token-classification",
    "ner": "token-classification",
    "question-answering": "question-answering",
}


def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    backend: str | None = None,
    **kwargs: Any,
) -> Any:
    """A pipeline of fastpost: the call of `transformers.pipeline`, the same results.

    Args:
        task: "token-classification", "ner" or "question-answering".
        model: a model, the name of one, or a folder; for ONNX Runtime a folder with an `.onnx` file.
        config: the model's configuration; default: the one that comes with `model`.
        tokenizer: the model's tokenizer; default: the one that comes with `model`.
        backend: "torch" runs transformers' model; "onnxruntime" needs neither torch nor transformers. Default: the
            latter for an `.onnx` file and for a folder that holds no other model.
        kwargs: everything else that `transformers.pipeline` takes (`device`, `dtype`, `batch_size`,
            `aggregation_strategy`, ...), or, for ONNX Runtime, what the classes of `fastpost.pipelines.onnx` take.

    Raises:
        FileNotFoundError: if `model` is a folder that is not there.
        ImportError: if what runs the model is not installed.
        ValueError: if `task` or `backend` is none of these.
    """
    if task not in _TASKS:
        raise ValueError(f"`task` is {shown(task)}; pass one of {', '.join(map(repr, sorted(_TASKS)))}")
    if backend not in (None, "torch", "onnxruntime"):
        raise ValueError(f'`backend` is {shown(backend)}; pass "torch" or "onnxruntime"')
    if isinstance(model, (str, os.PathLike)) and (missing := missing_model(model, backend)) is not None:
        raise FileNotFoundError(missing)
    if backend is None:
        backend = backend_of(model) if isinstance(model, (str, os.PathLike)) else "torch"
    if backend == "onnxruntime":
        if config is not None:
            raise ValueError('`config` is given, but backend="onnxruntime" reads config.json beside the model')
        from fastpost.pipelines.onnx import OnnxQuestionAnsweringPipeline, OnnxTokenClassificationPipeline

        if _TASKS[task] == "question-answering":
            return OnnxQuestionAnsweringPipeline(model, tokenizer, **kwargs)
        return OnnxTokenClassificationPipeline(model, tokenizer, **kwargs)
    transformers = _transformers()
    task = _TASKS[task]
    dropped = task not in _registry()
    if dropped:
        _add(task)
    try:
        return transformers.pipeline(
            task, model=model, config=config, tokenizer=tokenizer, pipeline_class=_class_of(task), **kwargs
        )
    except OSError as error:
        if not isinstance(model, str) or os.path.exists(model):
            raise
        said = str(error).partition("\n")[0]
        raise FileNotFoundError(f"no such folder: {model:.200}; as a name on the hub: {said}") from error
    finally:
        if dropped:
            _remove(task)


def backend_of(model: str | os.PathLike[str]) -> str:
    """What runs a model: ONNX Runtime where there is nothing but an `.onnx` file, else torch."""
    path = Path(model)
    if path.suffix == ".onnx":
        return "onnxruntime"
    if not path.is_dir() or any(any(path.glob(pattern)) for pattern in ("*.safetensors", "*.bin")):
        return "torch"
    return "onnxruntime" if any(path.glob("*.onnx")) or any(path.glob("onnx/*.onnx")) else "torch"


def accelerate(pipe: Any) -> Any:
    """The fast twin of a token-classification or question-answering pipeline of transformers.

    It shares model and tokenizer with `pipe`, takes over its settings and gives the same results; `pipe`
    itself is not changed. A class of the user's own keeps its methods. A pipeline that has to take transformers' own
    path all the same (a slow tokenizer, an overridden `postprocess`) is told with a warning.

    Raises:
        ImportError: without transformers.
        TypeError: if `pipe` is a pipeline for something else.
    """
    transformers = _transformers()
    kind: Any = type(pipe)
    for task in ("token-classification", "question-answering"):
        fast = _class_of(task)
        original = next((base for base in fast.__mro__ if base.__module__.startswith("transformers.")), None)
        if isinstance(pipe, fast):
            break
        if isinstance(pipe, getattr(transformers, fast.__name__, ())) and original is not None:
            kind = fast if kind is original else _combined(kind, fast)
            break
    else:
        raise TypeError(
            f"`pipe` is of type {kind.__name__}; pass a token-classification or question-answering pipeline of transformers"
        )
    twin = kind.__new__(kind)
    for name, value in vars(pipe).items():
        setattr(twin, name, copy.copy(value) if isinstance(value, (dict, set)) else value)
    reason = twin._original_path()
    if reason is not None:
        from fastpost.pipelines.torch.token_classification import warn_original_path

        warn_original_path(twin, reason)
    return twin


@functools.cache
def _combined(kind: Any, fast: Any) -> Any:
    """The user's class with the methods of `fast` behind its own; one class, so that its objects are of one type."""

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

    "question-answering", which transformers 5 has no more, works again.

    Raises:
        ImportError: without transformers.
    """
    for task in dict.fromkeys(_TASKS.values()):
        entry = _registry().get(task)
        if entry is None:
            _add(task)
            _replaced[task] = None
        elif entry["impl"] is not _class_of(task):
            _replaced[task] = entry["impl"]
            entry["impl"] = _class_of(task)


def uninstall() -> None:
    """Gives `transformers.pipeline` its own classes back; one that somebody else has put there since stays."""
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
"""What stood in transformers' registry before, by task; `None` for nothing."""


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
"""What transformers says of a task that it has dropped."""


def _class_of(task: str) -> Any:
    if task == "question-answering":
        from fastpost.pipelines.torch.question_answering import QuestionAnsweringPipeline

        return QuestionAnsweringPipeline
    from fastpost.pipelines.torch.token_classification import TokenClassificationPipeline

    return TokenClassificationPipeline
