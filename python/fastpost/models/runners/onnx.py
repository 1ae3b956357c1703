"""An ONNX Runtime session as a runner."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastpost._inputs.bounds import counted
from fastpost._inputs.bounds import shown as show_value
from fastpost.exceptions import Argument, refuse
from fastpost.types import Ints2d


class OnnxRunner:
    """Runs an ONNX model of a transformers architecture.

    Args:
        path: the `.onnx` file.
        outputs: names of the outputs to fetch; where the model calls them otherwise, those of that shape are taken.
        device: "cpu", or "cuda" / "cuda:1" for the CUDA provider, which then must be there.
        providers: of ONNX Runtime, such as `["CUDAExecutionProvider"]`, in place of `device`. ONNX Runtime takes the
            first ones that it has, or the CPU, with a warning.
        session_options: an `onnxruntime.SessionOptions`.

    Masks and ids are cast to the types that the model declares, and logits of bfloat16 come back as float32. A graph
    that was exported for one number of windows is given batches filled up to that number.

    Raises:
        ImportError: without ONNX Runtime.
        ValueError: if `device` is not one of these or is not there, or the model can't be loaded, lacks `outputs`, or
            wants an input that no tokenizer gives.
    """

    def __init__(
        self,
        path: str | Path,
        outputs: tuple[str, ...] = ("logits",),
        device: str | int | None = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("backend=\"onnxruntime\" needs ONNX Runtime; pip install 'fastpost[onnx]'") from error
        self.path = str(path)
        self.session, self.device = _open(self.path, device, providers, session_options, onnxruntime)
        self._inputs = [_Input.read(node, self.path) for node in self.session.get_inputs()]
        if "input_ids" not in self.input_names:
            raise refuse(
                ValueError,
                f"{path} takes no `input_ids`, so it reads no text; {_EXPORT}",
                argument="model",
                file=str(path),
            )
        self.fixed_batch = _agree("windows", [one.batch for one in self._inputs], self.path)
        self.fixed_length = _agree("tokens", [one.length for one in self._inputs], self.path)
        self.outputs, self._split = _choose_outputs(self.session.get_outputs(), outputs, self.path)
        self._bfloat16 = any("bfloat16" in node.type for node in (*self.session.get_inputs(), *self._chosen()))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The model's inputs, under transformers' names."""
        return tuple(one.meaning for one in self._inputs)

    def _chosen(self) -> list[Any]:
        return [node for node in self.session.get_outputs() if node.name in self.outputs]

    def __call__(self, batch: dict[str, Ints2d]) -> Any:
        """Runs one batch and waits for it."""
        rows = len(batch["input_ids"])
        size = self.fixed_batch or rows
        parts = [self._run(batch, first, size) for first in range(0, rows, size)]
        found = [np.concatenate(some)[:rows] if len(some) > 1 else some[0][:rows] for some in zip(*parts)]
        if self._split:
            found = [found[0][..., column] for column in range(2)]
        return found[0] if len(found) == 1 else tuple(found)

    def _run(self, batch: dict[str, Ints2d], first: int, size: int) -> list[Any]:
        """The outputs of `size` windows from `first` on; if there are fewer, the last one fills the missing places."""
        rows = np.minimum(np.arange(first, first + size), len(batch["input_ids"]) - 1)
        whole = first == 0 and size == len(batch["input_ids"])
        feed = {one.name: one.cast(batch[one.meaning] if whole else batch[one.meaning][rows]) for one in self._inputs}
        try:
            return self._bound(feed) if self._bfloat16 else self.session.run(self.outputs, feed)
        except Exception as error:  # ONNX Runtime has a class of its own for each kind of trouble
            tokens = batch["input_ids"].shape[1]
            raise RuntimeError(
                f"{self.path} fails on {counted(size, 'window')} of {counted(tokens, 'token')}: {_first_line(error)}; if it reads fewer tokens "
                "at once, write their number as `model_max_length` into tokenizer_config.json; if it knows fewer tokens, "
                "pass its own tokenizer"
            ) from error

    def _bound(self, feed: dict[str, Any]) -> list[Any]:
        """`session.run` for bfloat16, for which NumPy has no type."""
        from onnxruntime import OrtValue

        binding = self.session.io_binding()
        bits = {one.name: _to_bfloat16(feed[one.name]) for one in self._inputs if one.kind == "bfloat16"}
        for name, value in feed.items():
            if name in bits:  # borrowed, not copied: `bits` lives until the model has run
                made = OrtValue.ortvalue_from_numpy_with_onnx_type(bits[name], _BFLOAT16)
            else:
                made = OrtValue.ortvalue_from_numpy(value)
            binding.bind_ortvalue_input(name, made)
        for name in self.outputs:
            binding.bind_output(name, "cpu")
        self.session.run_with_iobinding(binding)
        return [_from_bfloat16(value) if "bfloat16" in value.data_type() else value.numpy()
                for value in binding.get_outputs()]  # fmt: skip


@dataclass(frozen=True)
class _Input:
    """An input of the model."""

    name: str
    meaning: str
    """The name in transformers."""
    kind: str
    batch: int | None
    """The number of windows that it was exported for; `None` for any."""
    length: int | None
    """The number of tokens that it was exported for; `None` for any."""

    @classmethod
    def read(cls, node: Any, path: str) -> _Input:
        """An input as the model declares it, if a text can supply it."""
        name, kind = node.name.partition(":")[0], node.type.removeprefix("tensor(").removesuffix(")")
        meaning = _MEANINGS.get(name, name)
        if meaning not in _MEANINGS.values():
            raise refuse(
                ValueError,
                f"{path} wants the input `{node.name}`, which {_why_not(name)}; {_EXPORT}",
                argument="model",
                file=str(path),
            )
        if kind not in _KINDS:
            raise refuse(
                ValueError,
                f"{path} wants `{node.name}` as {node.type}; pass a model that takes numbers",
                argument="model",
                file=str(path),
            )
        if len(node.shape) != 2:
            shape = ", ".join(map(str, node.shape))
            raise refuse(
                ValueError,
                f"{path} wants `{node.name}` of the shape ({shape}), not (windows, tokens); {_EXPORT}",
                argument="model",
                file=str(path),
            )
        batch, length = (size if isinstance(size, int) and size > 0 else None for size in node.shape)
        return cls(node.name, meaning, kind, batch, length)

    def cast(self, values: Ints2d) -> Any:
        """`values` in the type that the model takes."""
        return np.ascontiguousarray(values, _KINDS[self.kind])


_MEANINGS = {
    **{name: name for name in ("input_ids", "attention_mask", "token_type_ids", "position_ids")},
    "input_mask": "attention_mask",
    "segment_ids": "token_type_ids",
    "input_type_ids": "token_type_ids",
    "input_word_ids": "input_ids",
}
"""Inputs that a text gives, by the names that exporters have for them."""

_KINDS = {
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "bfloat16": "float32",
    "bool": "bool",
}
"""ONNX's names of types, and NumPy's of those that values are handed over in."""

_BFLOAT16 = 16
"""ONNX's number for the type."""

_EXPORT = "export the model for its task, without past key values (optimum-cli export onnx --task token-classification)"


def _why_not(name: str) -> str:
    """Why a text can't supply the input."""
    if name.startswith("decoder_"):
        return "is for the decoder of a model that writes text"
    if name.startswith(("past", "use_cache", "cache")):
        return "is for writing text token by token"
    if name.startswith(("pixel", "bbox", "image")):
        return "comes from images of pages"
    return "the tokenizer does not give"


def _agree(unit: str, sizes: list[int | None], path: str) -> int | None:
    """The fixed number of windows or tokens for which all inputs were exported."""
    fixed = {size for size in sizes if size is not None}
    if len(fixed) > 1:
        raise refuse(
            ValueError,
            f"{path} wants inputs of {' and '.join(map(str, sorted(fixed)))} {unit}; {_EXPORT}",
            argument="model",
            file=str(path),
        )
    return fixed.pop() if fixed else None


def _choose_outputs(nodes: Sequence[Any], wanted: tuple[str, ...], path: str) -> tuple[list[str], bool]:
    """Names of the outputs to fetch, and whether the one fetched holds both start and end logits."""
    names = [node.name for node in nodes]
    plain = {name.partition(":")[0]: name for name in names}
    if set(wanted) <= plain.keys():
        return [plain[name] for name in wanted], False
    rank = 3 if len(wanted) == 1 else 2
    shaped = [node.name for node in nodes if len(node.shape) == rank]
    if len(wanted) == 1:
        if len(shaped) == 1 or (shaped and len(names) == len(shaped)):
            return shaped[:1], False
    else:
        named = [next((name for name in names if part in name.lower()), "") for part in ("start", "end")]
        if all(named):
            return named, False
        both = [node.name for node in nodes if len(node.shape) == 3 and node.shape[2] == 2]
        if both:
            return both[:1], True
        if len(shaped) >= 2:
            return shaped[:2], False
    shown = ", ".join(f"{node.name} ({', '.join(map(str, node.shape))})" for node in nodes)
    raise refuse(
        ValueError,
        f"{path} gives {shown}, not {', '.join(wanted)}; pass a model that was exported for this task",
        argument="model",
        file=str(path),
    )


def _open(
    path: str, device: Any, providers: Sequence[Any] | None, session_options: Any, onnxruntime: Any
) -> tuple[Any, Device]:
    """A session, and where it runs."""
    device = "cpu" if device is None else device  # as transformers writes its default
    chosen = list(providers or _providers(device))
    if not providers:
        _check_there(device, chosen, onnxruntime.get_available_providers(), onnxruntime.__version__)
    try:
        session = onnxruntime.InferenceSession(path, session_options, providers=chosen)
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of trouble
        with open(path, "rb") as file:
            pointer = file.read(24) == b"version https://git-lfs."
        cure = (
            "it is a pointer of Git LFS (git lfs pull)" if pointer else "copy or export it again, with its data files"
        )
        raise refuse(
            ValueError,
            f"{path} can't be loaded by ONNX Runtime: {_first_line(error)}; {cure}",
            argument="model",
            file=str(path),
        ) from error
    if not providers:  # a provider whose libraries are missing is left out
        _check_there(device, chosen, session.get_providers(), onnxruntime.__version__)
    return session, _place(session)


class Device:
    """Where a model runs, as in torch: it has `type` and `index`, and equals its `str`, such as "cpu" or "cuda:0"."""

    __slots__ = ("index", "type")

    def __init__(self, kind: str, index: int | None = None) -> None:
        self.type = kind
        self.index = index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (")" if self.index is None else f", index={self.index})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Device, str)) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def _place(session: Any) -> Device:
    """The device of the first provider."""
    first = session.get_providers()[0]
    kind = first.removesuffix("ExecutionProvider").lower()
    number = session.get_provider_options().get(first, {}).get("device_id")
    return Device(kind, int(number) if str(number).isdecimal() else None)


def _to_bfloat16(values: Any) -> Any:
    """The upper half of the bits of float32; masks and positions up to 256 keep their value."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def _from_bfloat16(value: Any) -> Any:
    """A bfloat16 value of ONNX Runtime on the CPU as float32."""
    shape = value.shape()
    count = int(np.prod(shape))
    bits = np.zeros(count, np.uint16)
    if count:
        ctypes.memmove(bits.ctypes.data, value.data_ptr(), bits.nbytes)
    return (bits.astype(np.uint32) << 16).view(np.float32).reshape(shape)


def _first_line(error: Exception, most: int = 160) -> str:
    """The first line of an error of ONNX Runtime, cut short."""
    return " ".join(str(error).split())[:most]


def _providers(device: Any) -> list[Any]:
    """ONNX Runtime's providers for a device, which is written as in torch."""
    name, _, number = (f"cuda:{device}" if isinstance(device, int) and device >= 0 else str(device)).partition(":")
    if name.lower() in ("cpu", "-1"):
        return ["CPUExecutionProvider"]
    if name.lower() != "cuda" or not (number or "0").isdecimal():
        raise refuse(
            ValueError,
            f'`device` is {show_value(device)}; pass "cpu", "cuda" or "cuda:1", or `providers` for anything else',
            argument="device",
        )
    return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]


def _check_there(device: Any, chosen: list[Any], there: Sequence[str], version: str) -> None:
    """Refuses a device that ONNX Runtime would replace by the CPU with a mere warning."""
    name = chosen[0] if isinstance(chosen[0], str) else chosen[0][0]
    if name not in there:
        raise refuse(
            ValueError,
            f"`device` is {show_value(device)}, but this ONNX Runtime {version} has {', '.join(there)}, not {name}",
            cure=(
                "; put onnxruntime-gpu and its CUDA libraries in place of onnxruntime, or pass ",
                Argument("device", ("cpu",)),
            ),
            argument="device",
        )
