"""The backends that run models from folders: one row each, under the name that `backend` takes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Backend:
    """Opens a folder as a `Model`."""

    opens: str
    """Module and class or function; called with model, tokenizer, the outputs wanted, and `options` by name."""
    options: tuple[str, ...] = ()
    """Options that it takes once, when a pipeline is made."""
    files: tuple[str, ...] = ()
    """The patterns of its files; a folder that has some, and none of torch's, is opened with it."""

    def open(self, model: Any, tokenizer: Any, outputs: tuple[str, ...], options: dict[str, Any]) -> Any:
        """The model."""
        module, _, name = self.opens.partition(":")
        opener: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return opener(model, tokenizer, outputs, **options)


BACKENDS = {
    "onnxruntime": Backend(
        "fastpost.models.onnx:OnnxFolder",
        ("device", "file_name", "providers", "session_options"),
        ("*.onnx", "onnx/*.onnx"),
    ),
}
"""All but torch, whose models transformers opens."""

TORCH = "torch"
_FILES_OF_TORCH = ("*.safetensors", "*.bin")


def packages_of(thing: Any) -> set[str]:
    """The packages that the classes of an object come from, found out without importing any."""
    return {base.__module__.partition(".")[0] for base in type(thing).__mro__}


def backend_of(model: str | os.PathLike[str]) -> str:
    """The backend of a model: the one whose file it is, or whose files lie in a folder without torch's; else torch."""
    path = Path(model)
    for name, backend in BACKENDS.items():
        if any(path.match(pattern) for pattern in backend.files) and not path.is_dir():
            return name
    if not path.is_dir() or any(any(path.glob(pattern)) for pattern in _FILES_OF_TORCH):
        return TORCH
    for name, backend in BACKENDS.items():
        if any(any(path.glob(pattern)) for pattern in backend.files):
            return name
    return TORCH
