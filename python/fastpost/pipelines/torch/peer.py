"""transformers' own pipeline beside ours, and the model's time in either: `fastpost bench` compares them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers


def twin(ours: Any, name: str, options: dict[str, Any]) -> Any:
    """The pipeline of transformers called `name` around the model of `ours`; `None` if transformers has none."""
    kind = getattr(transformers, name, None)
    return kind and kind(model=ours.model, tokenizer=ours.tokenizer, device=ours.device, **options)


@contextmanager
def watched(model: Any) -> Iterator[list[float]]:
    """Adds up the seconds of all forward passes of `model` in the one item of the list."""
    spent, began = [0.0], [0.0]

    def now() -> float:
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        return time.perf_counter()

    def before(*_: Any) -> None:
        began[0] = now()

    def after(*_: Any) -> None:
        spent[0] += now() - began[0]

    hooks = [model.register_forward_pre_hook(before), model.register_forward_hook(after)]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()
