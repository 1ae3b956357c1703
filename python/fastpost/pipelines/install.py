"""Ways into the pipelines: `pipeline`, `accelerate`, `install`."""

from __future__ import annotations

import copy
from typing import Any

_TASKS = {"token-classification": "token-classification", "ner": "token-classification"}


def pipeline(
    task: str | None = None, model: Any = None, tokenizer: Any = None, *, backend: str = "torch", **kwargs: Any
) -> Any:
    """A pipeline of fastpost: the call of `transformers.pipeline`, the same results.

    Args:
        task: "token-classification" or "ner".
        model: a model, the name of one, or a folder; for ONNX Runtime a folder with an `.onnx` file.
        tokenizer: the model's tokenizer; default: the one that comes with `model`.
        backend: "torch" runs transformers' model; "onnxruntime" needs neither torch nor transformers.
        kwargs: everything else that `transformers.pipeline` takes (`device`, `dtype`, `batch_size`,
            `aggregation_strategy`, ...), or, for ONNX Runtime, what
            `fastpost.pipelines.onnx.OnnxTokenClassificationPipeline` takes.

    Raises:
        ValueError: if `task` or `backend` is none of these.
    """
    if task not in _TASKS:
        raise ValueError(f"`task` is {task!r}; pass one of {', '.join(map(repr, sorted(_TASKS)))}")
    if backend == "onnxruntime":
        from fastpost.pipelines.onnx import OnnxTokenClassificationPipeline

        return OnnxTokenClassificationPipeline(model, tokenizer, **kwargs)
    if backend != "torch":
        raise ValueError(f'`backend` is {backend!r}; pass "torch" or "onnxruntime"')
    import transformers

    return transformers.pipeline(task, model=model, tokenizer=tokenizer, pipeline_class=_class_of(task), **kwargs)


def accelerate(pipe: Any) -> Any:
    """The fast twin of a token-classification pipeline of transformers.

    It shares model and tokenizer with `pipe`, takes over its settings and gives the same results; `pipe`
    itself is not changed. A class of the user's own keeps its methods.

    Raises:
        TypeError: if `pipe` is no token-classification pipeline.
    """
    import transformers

    from fastpost.pipelines.token_classification import FastTokenClassification, TokenClassificationPipeline

    kind: Any = type(pipe)
    if not isinstance(pipe, transformers.TokenClassificationPipeline):
        raise TypeError(f"`pipe` is of type {kind.__name__}; pass a transformers.TokenClassificationPipeline")
    if not isinstance(pipe, FastTokenClassification):
        plain = kind is transformers.TokenClassificationPipeline
        kind = TokenClassificationPipeline if plain else type(kind.__name__, (FastTokenClassification, kind), {})
    twin = kind.__new__(kind)
    for name, value in vars(pipe).items():
        setattr(twin, name, copy.copy(value) if isinstance(value, dict) else value)
    return twin


def install() -> None:
    """Makes `transformers.pipeline("ner")` build fastpost's pipeline; `uninstall` takes that back."""
    for task in sorted(set(_TASKS.values())):
        entry = _registry()[task]
        if entry["impl"] is not _class_of(task):
            _replaced[task] = entry["impl"]
        entry["impl"] = _class_of(task)


def uninstall() -> None:
    """Gives `transformers.pipeline` its own classes back; one that somebody else has put there since stays."""
    while _replaced:
        task, original = _replaced.popitem()
        if _registry()[task]["impl"] is _class_of(task):
            _registry()[task]["impl"] = original


_replaced: dict[str, Any] = {}


def _registry() -> Any:
    from transformers.pipelines import PIPELINE_REGISTRY

    return PIPELINE_REGISTRY.supported_tasks


def _class_of(task: str) -> Any:
    if _TASKS[task] == "token-classification":
        from fastpost.pipelines.token_classification import TokenClassificationPipeline

        return TokenClassificationPipeline
    raise ValueError(f"no pipeline class for {task!r}")
