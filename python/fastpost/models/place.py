"""Where a model is: a folder that exists, or a name on the hub. This is checked before the backend is imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fastpost._inputs.paths import is_no_path

_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
"""A name on the hub: `owner/name`."""

_OLD_NAME = re.compile(
    r"(albert|bert|camembert|distilbert|distilroberta|roberta|t5|transfo-xl|xlm|xlnet)-[\w.-]+"
    r"|distilgpt2|gpt2(-(medium|large|xl))?|openai-gpt|ctrl",
    re.ASCII,
)
"""The names without an owner that the hub has, of its first days; no new ones are made, so any other is a folder."""


_OF_A_MODEL = ("*config.json", "*.safetensors", "*.bin", "*.onnx", "onnx/*.onnx", "*.gguf")
"""The patterns of files of which a model's folder has at least one."""


def missing_model(model: str | os.PathLike[str], backend: str | None = None, argument: str = "`model`") -> str | None:
    """Why there can be no such model, or `None` if it exists or may be on the hub.

    The hub is not asked, since that takes long to fail without a network. The shape of the name decides, and whether
    the model was downloaded before.

    Args:
        model: a folder, a file, or a name.
        backend: "onnxruntime" reads folders only.
        argument: the caller's name for it.
    """
    name = os.fsdecode(model)
    if not name.strip():
        return f"{argument} is empty; pass a folder, or a name on the hub such as owner/name"
    if os.path.isfile(name) and not name.endswith(".onnx"):
        return f"{argument} is {name[:80]}, a file; pass the folder of a model, an .onnx file, or a name on the hub"
    if os.path.isdir(name) and not any(any(Path(name).glob(pattern)) for pattern in _OF_A_MODEL):
        return (
            f"{argument} is {name}, a folder without config.json and without an .onnx file; pass the folder of a model"
        )
    if os.path.exists(name):
        return None
    shown = f"{name[:77]}..." if is_no_path(name) else name
    there = f"no such folder: {shown if shown.isprintable() else repr(shown)}"
    cure = f"; {argument} is a folder, or a name on the hub such as owner/name"
    path = Path(name)
    a_path = isinstance(model, os.PathLike) or name.endswith((os.sep, ".onnx")) or name.startswith(("~", "."))
    owner_here = len(path.parts) == 2 and path.parent.is_dir()
    if a_path or path.is_absolute():
        return there + cure
    known = _is_name(name) and _cached(name)
    if not known and (owner_here or not (_NAME.fullmatch(name) or _OLD_NAME.fullmatch(name))):
        return there + cure
    if backend == "onnxruntime":
        return f"{there}; onnxruntime runs a folder with an .onnx file, so download a model of the hub first"
    return None


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None or re.fullmatch(r"[\w.-]+", name, re.ASCII) is not None


def _cached(name: str) -> bool:
    """Whether a model of this name was downloaded before."""
    home = os.environ.get("HF_HOME", os.path.join(os.path.expanduser("~"), ".cache", "huggingface"))
    cache = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
    return os.path.isdir(os.path.join(cache, "models--" + name.replace("/", "--")))
