"""A torch model as a runner."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from fastpost._inputs.bounds import counted
from fastpost.exceptions import refuse
from fastpost.types import Ints2d


class TorchRunner:
    """Runs a torch module on its device; logits come back on the CPU, in the type the model gave them.

    Args:
        model: called with tensors by name; returns a dict with the `outputs`, or a tuple that starts with them.
        device: where the tensors go.
        context: what a forward pass runs in, such as `torch.no_grad`.
        outputs: names of the outputs to fetch; one name gives one tensor, several give a tuple.
        more: further arguments of the model.
        most: tokens that the model has positions for; the error of a longer batch says that it is too long.
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        context: Callable[[], AbstractContextManager[Any]] = torch.no_grad,
        outputs: tuple[str, ...] = ("logits",),
        more: dict[str, Any] | None = None,
        most: int | None = None,
    ) -> None:
        self.model = model
        self.device = device
        self.context = context
        self.outputs = outputs
        self.more = more or {}
        self.most = most

    def __call__(self, batch: dict[str, Ints2d]) -> Any:
        """Runs one batch on the CPU, or starts it on another device: then the result is a function that waits for it."""
        inputs = {name: self._sent(array) for name, array in batch.items()}
        with self.context():
            output = self._call(inputs)
            if isinstance(output, dict):
                parts = [output[name] for name in self.outputs]
            else:
                parts = [output[number] for number in range(len(self.outputs))]
            fetches = [_fetch(part) for part in parts]
        fetch = fetches[0] if len(fetches) == 1 else lambda: tuple(fetch() for fetch in fetches)
        return fetch() if self.device.type == "cpu" else fetch

    def _call(self, inputs: dict[str, torch.Tensor]) -> Any:
        try:
            return self.model(**inputs, **self.more)
        except ValueError as error:
            labels = getattr(getattr(self.model, "config", None), "num_labels", 2)
            if len(self.outputs) == 1 or labels == 2:
                raise
            raise refuse(
                ValueError,
                f"`model` has a head of {counted(labels, 'label')}, but question answering needs one of 2, for start and end; "
                "pass a model that was trained for it",
                argument="model",
            ) from error
        except (RuntimeError, IndexError) as error:
            tokens = next(iter(inputs.values())).shape[1]
            if self.most is None or tokens <= self.most or isinstance(error, torch.OutOfMemoryError):
                raise
            # transformers raises the same, without a word on the length.
            raise type(error)(
                f"a text has {counted(tokens, 'token')}, but the model reads {self.most}, and the tokenizer names no length to cut it "
                f"at: {str(error)[:80]}; set tokenizer.model_max_length = {self.most} (with stride= to read the text whole), "
                'or pass compat="fastpost"'
            ) from error

    def _sent(self, array: Ints2d) -> torch.Tensor:
        """An array on the device; for CUDA from pinned memory, so that sending it waits for nothing."""
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def _fetch(logits: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Starts copying `logits` to the CPU; the result waits for the copy, not for work queued after it."""
    logits = logits.detach()
    if logits.device.type != "cuda":
        return logits.cpu if logits.device.type != "cpu" else lambda: logits
    there = torch.empty(logits.shape, dtype=logits.dtype, pin_memory=True)
    there.copy_(logits, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(logits.device))

    def fetch() -> torch.Tensor:
        copied.synchronize()
        return there

    return fetch
