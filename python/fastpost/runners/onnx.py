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
        device: "cpu", or "cuda" / "cuda:1" for the CUDA provider, which then must be there.
        providers: of ONNX Runtime, such as `["CUDAExecutionProvider"]`, in place of `device`. ONNX Runtime takes the
            first ones that it has, or the CPU, with a warning.
        session_options: an `onnxruntime.SessionOptions`.

    Raises:
        ImportError: without ONNX Runtime.
        ValueError: if `device` is none of these or is not there, or the model lacks `outputs`.
    """

    def __init__(
        self,
        path: str | Path,
        outputs: tuple[str, ...] = ("logits",),
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("backend=\"onnxruntime\" needs ONNX Runtime; pip install 'fastpost[onnx]'") from error
        chosen = list(providers or _providers(device))
        if not providers:
            _check_there(device, chosen, onnxruntime.get_available_providers(), onnxruntime.__version__)
        self.session = onnxruntime.InferenceSession(str(path), session_options, providers=chosen)
        if not providers:  # a provider whose libraries are missing is left out
            _check_there(device, chosen, self.session.get_providers(), onnxruntime.__version__)
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


def _providers(device: Any) -> list[Any]:
    """ONNX Runtime's providers for a device, which is written as in torch."""
    name, _, number = (f"cuda:{device}" if isinstance(device, int) and device >= 0 else str(device)).partition(":")
    if name.lower() in ("cpu", "-1"):
        return ["CPUExecutionProvider"]
    if name.lower() != "cuda" or not (number or "0").isdecimal():
        raise ValueError(f'`device` is {device!r}; pass "cpu", "cuda" or "cuda:1", or `providers` for anything else')
    return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]


def _check_there(device: Any, chosen: list[Any], there: Sequence[str], version: str) -> None:
    """Refuses a device that ONNX Runtime would replace by the CPU with nothing but a warning."""
    name = chosen[0] if isinstance(chosen[0], str) else chosen[0][0]
    if name not in there:
        raise ValueError(
            f"`device` is {device!r}, but this ONNX Runtime {version} has {', '.join(there)}, not {name}; put "
            'onnxruntime-gpu and its CUDA libraries in place of onnxruntime, or pass device="cpu"'
        )
