"""An ONNX Runtime session as a runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastpost.types import Ints2d


class OnnxRunner:
    """Runs an ONNX model of a transformers architecture.

    Args:
        path: the `.onnx` file.
        outputs: names of the outputs to fetch; where the model lacks them, its first ones are taken.
        providers: of ONNX Runtime, such as `["CUDAExecutionProvider"]`; default: the CPU.
        session_options: an `onnxruntime.SessionOptions`.
    """

    def __init__(
        self,
        path: str | Path,
        outputs: tuple[str, ...] = ("logits",),
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("backend=\"onnxruntime\" needs ONNX Runtime; pip install 'fastpost[onnx]'") from error
        self.session = onnxruntime.InferenceSession(
            str(path), session_options, providers=list(providers or ["CPUExecutionProvider"])
        )
        types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        self._types = {node.name: types.get(node.type, np.int64) for node in self.session.get_inputs()}
        known = [node.name for node in self.session.get_outputs()]
        if len(known) < len(outputs):
            raise ValueError(
                f"{path} gives {', '.join(known)}, not {', '.join(outputs)}; pass a model that was exported for this task"
            )
        self.outputs = list(outputs) if set(outputs) <= set(known) else known[: len(outputs)]

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the model's inputs."""
        return tuple(self._types)

    def __call__(self, batch: dict[str, Ints2d]) -> Callable[[], Any]:
        """Runs one batch."""
        feed = {name: np.asarray(batch[name], kind) for name, kind in self._types.items()}
        found = self.session.run(self.outputs, feed)
        return lambda: found[0] if len(found) == 1 else tuple(found)
