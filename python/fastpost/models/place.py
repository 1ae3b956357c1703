"""Where a model is: a folder that is there, or a name on the hub. Looked at before anything is imported that runs it."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAME = re.compile(r"[\w.-]+/[\w.-]+|\w[\w.]*(-[\w.]+)+", re.ASCII)
"""What can be a name on the hub: `owner/name`, or one of the old names without an owner, which have hyphens."""


def missing_model(model: str | os.PathLike[str], backend: str | None = None, argument: str = "`model`") -> str | None:
    """Why there can be no such model, or `None` if it is there or may be on the hub.

    Args:
        model: a folder, a file, or a name.
        backend: "onnxruntime" reads folders only.
        argument: what the caller calls it.
    """
    name = os.fsdecode(model)
    if not name.strip():
        return f"{argument} is empty; pass a folder, or a name on the hub such as owner/name"
    if os.path.exists(name):
        return None
    shown = name if len(name) <= 200 else f"{name[:200]}..."
    there = f"no such folder: {shown if shown.isprintable() else repr(shown)}"
    cure = f"; {argument} is a folder, or a name on the hub such as owner/name"
    path = Path(name)
    a_path = isinstance(model, os.PathLike) or name.endswith((os.sep, ".onnx")) or name.startswith(("~", "."))
    owner_here = len(path.parts) == 2 and path.parent.is_dir()
    if a_path or path.is_absolute() or not _NAME.fullmatch(name) or (owner_here and not _cached(name)):
        return there + cure
    if backend == "onnxruntime":
        return f"{there}; onnxruntime runs a folder with an .onnx file, so download a model of the hub first"
    return None


def _cached(name: str) -> bool:
    """Whether a model of this name was downloaded before."""
    home = os.environ.get("HF_HOME", os.path.join(os.path.expanduser("~"), ".cache", "huggingface"))
    cache = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
    return os.path.isdir(os.path.join(cache, "models--" + name.replace("/", "--")))
