"""Arrays of any kind -> NumPy arrays that Rust can borrow, copied only when they must be."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from fastpost.types import Batch, Ints1d

Array = npt.NDArray[Any]


def to_numpy(name: str, value: Any) -> Array:
    """`value` as a NumPy array; a bfloat16 one comes as its bits, uint16.

    Args:
        name: of the argument, for errors.
        value: NumPy array, torch tensor on the CPU, anything with `__dlpack__`, the buffer protocol, lists.

    Raises:
        TypeError: if it is on another device, or is no array.
    """
    if isinstance(value, np.ndarray):
        return value.view(np.uint16) if value.dtype.name == "bfloat16" else value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_torch(torch, name, value)
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError) as error:
            if torch is not None:  # it reads bfloat16, which NumPy has no type for
                return _from_torch(torch, name, torch.from_dlpack(value))
            if not hasattr(value, "__array__"):
                raise TypeError(f"`{name}` can't be read through DLPack ({error}); pass a NumPy array") from error
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"`{name}` can't be read as one array ({error}); pass a list of arrays") from error
    if array.dtype == object:
        raise TypeError(f"`{name}` holds {type(value).__name__} objects; pass an array of numbers")
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def _from_torch(torch: Any, name: str, tensor: Any) -> Array:
    try:
        return tensor.numpy()  # type: ignore[no-any-return]
    except (RuntimeError, TypeError):  # it requires gradients, is on a device, or is of a type unknown to NumPy
        pass
    if tensor.device.type != "cpu":
        raise TypeError(f"`{name}` is on device {tensor.device}; pass `{name}.cpu()`")
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return np.asarray(tensor.contiguous().view(torch.int16).numpy()).view(np.uint16)
    return np.asarray(tensor.numpy())


def logits(name: str, value: Batch) -> tuple[Array | list[Array], str]:
    """Logits for Rust: float32, or the bits of a 16-bit type, and the name of that type.

    float64 is rounded to float32; a list of arrays keeps its arrays apart.
    """
    if isinstance(value, (list, tuple)) and not _is_nested_numbers(value):
        read = [_float_bits(name, item) for item in value]
        kinds = {kind for _, kind in read}
        if len(kinds) > 1:
            raise TypeError(f"`{name}` mixes the types {', '.join(sorted(kinds))}; pass one type in all windows")
        return [array for array, _ in read], kinds.pop() if kinds else "float32"
    return _float_bits(name, value)


def _float_bits(name: str, value: Any) -> tuple[Array, str]:
    if type(value) is np.ndarray and value.dtype == np.float32 and value.flags.c_contiguous and value.flags.aligned:
        return value, "float32"
    array = to_numpy(name, value)
    if array.dtype == np.uint16 and _is_bfloat16(value):
        return _laid_out(array, np.uint16), "bfloat16"
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        return _laid_out(array, np.float16).view(np.uint16), "float16"
    if (array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)) or array.size == 0:
        return _laid_out(array, np.float32), "float32"
    raise TypeError(f"`{name}` is of type {array.dtype}; pass float32, float16, bfloat16 or float64")


def _laid_out(array: Array, dtype: type[np.generic]) -> Array:
    """`array` as `dtype`, row by row and at addresses that suit it; copied only if it is not."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _is_bfloat16(value: Any) -> bool:
    """Whether `value`, read as uint16, says that it is bfloat16: by its dtype, or to DLPack."""
    if hasattr(value, "dtype"):
        return "bfloat16" in str(value.dtype)
    return hasattr(value, "__dlpack__")


def integers(name: str, value: Batch | None, dtype: type[np.generic] = np.int64) -> Array | list[Array] | None:
    """Integers for Rust: int64, or uint8 of zeros and ones for a mask; `None` stays `None`."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and not _is_nested_numbers(value):
        return [_integers(name, item, dtype) for item in value]
    return _integers(name, value, dtype)


def _integers(name: str, value: Any, dtype: type[np.generic]) -> Array:
    if type(value) is np.ndarray and value.dtype == dtype and value.flags.c_contiguous and value.flags.aligned:
        return value
    array = to_numpy(name, value)
    if array.size and array.dtype.kind not in "iub":
        raise TypeError(f"`{name}` is of type {array.dtype}; pass integers")
    if dtype is np.uint8:
        return np.ascontiguousarray(array != 0).view(np.uint8)
    return _laid_out(array, dtype)


def vector(name: str, value: Any) -> Ints1d | None:
    """A one-dimensional integer argument, such as `lengths`."""
    if value is None:
        return None
    array = _integers(name, value, np.int64)
    if array.ndim != 1:
        raise TypeError(f"`{name}` has {array.ndim} dimensions; pass one integer per window")
    return array


def _is_nested_numbers(value: Any) -> bool:
    """Whether nested lists hold numbers all the way down, so that they are one array."""
    while isinstance(value, (list, tuple)):
        if not value:
            return False
        value = value[0]
    return isinstance(value, (int, float))
