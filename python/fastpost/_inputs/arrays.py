"""Arrays of any kind -> NumPy arrays that Rust can borrow, copied only when they must be."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastpost._inputs.bounds import counted
from fastpost.exceptions import refuse
from fastpost.types import Batch, Ints1d

Array = npt.NDArray[Any]

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
_LONG: frozenset[np.dtype[Any]] = frozenset({_INT64})
BORROWED: frozenset[np.dtype[Any]] = frozenset({_INT64, np.dtype(np.int32), np.dtype(np.int8)})
"""Types that both decoders read where they lie."""
_MOST_LEVELS = 5
"""Lists in lists: a batch of windows of tokens of values has three levels."""


def to_numpy(name: str, value: Any) -> Array:
    """`value` as a NumPy array; a bfloat16 one comes as its bits, uint16.

    Args:
        name: of the argument, for errors.
        value: NumPy array, torch tensor on the CPU, anything with `__dlpack__`, the buffer protocol, lists.

    Raises:
        TypeError: if it is on another device, or is not an array.
        ValueError: if it is a masked array that hides values, or its rows differ in length.
    """
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        if np.ma.is_masked(value):
            raise refuse(
                ValueError,
                f"`{name}` is a masked array that hides some of its values; pass its `filled()`, and tell padding by "
                "`lengths` or `attention_mask`",
                argument=name,
            )
        value = np.asarray(value)  # a matrix has two dimensions, whatever is taken of it
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.view(np.uint16) if value.dtype.name == "bfloat16" else value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_torch(torch, name, value)
    if hasattr(value, "__dlpack__") and not isinstance(value, (np.generic, np.ndarray)):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError) as error:
            tensor = _tensor_of(torch, value)
            if tensor is not None:
                return _from_torch(torch, name, tensor)
            if not hasattr(value, "__array__"):
                raise refuse(
                    TypeError, f"`{name}` can't be read through DLPack ({error}); pass a NumPy array", argument=name
                ) from error
    try:
        array = np.asarray(value)
        if array.dtype == object:  # of numbers, perhaps
            array = np.asarray(array.tolist())
    except ValueError as error:  # rows of different lengths
        raise refuse(
            ValueError, f"`{name}` can't be read as one array ({error}); pass a list of arrays", argument=name
        ) from error
    if array.dtype == object:
        if type(value) in (list, tuple, np.ndarray) and any(item is None for item in array.reshape(-1)):
            raise refuse(TypeError, f"`{name}` holds None; pass an array of numbers", argument=name)
        raise refuse(
            TypeError, f"`{name}` holds {type(value).__name__} objects; pass an array of numbers", argument=name
        )
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def _from_torch(torch: Any, name: str, tensor: Any) -> Array:
    try:
        return tensor.numpy()  # type: ignore[no-any-return]
    except (RuntimeError, TypeError):  # it requires gradients, is on a device, or is of a type unknown to NumPy
        pass
    if tensor.device.type != "cpu":
        raise refuse(TypeError, f"`{name}` is on device {tensor.device}; pass `{name}.cpu()`", argument=name)
    try:
        tensor = tensor.detach().resolve_conj().resolve_neg()
        if tensor.dtype == torch.bfloat16:
            return np.asarray(tensor.contiguous().view(torch.int16).numpy()).view(np.uint16)
        return np.asarray(tensor.numpy())
    except (RuntimeError, TypeError) as error:
        raise refuse(
            TypeError,
            f"`{name}` can't be read as a NumPy array ({error}); pass a dense tensor of a type that NumPy has",
            argument=name,
        ) from error


def _unwrapped(value: Any) -> Any:
    """The array that shares the memory of a torch tensor; other values, and tensors without such an array, as they are.

    A tensor goes through all the questions of `_items` and `to_numpy` otherwise, in three times the time.
    """
    torch = sys.modules.get("torch")
    if torch is None or type(value) is not torch.Tensor:
        return value
    try:
        return value.numpy()
    except (RuntimeError, TypeError):  # `_from_torch` says why
        return value


def _tensor_of(torch: Any, value: Any) -> Any:
    """What DLPack gives torch, which reads bfloat16, a type that NumPy lacks; `None` if it can't, or is not imported."""
    try:
        return None if torch is None else torch.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError):
        return None


def logits(name: str, value: Batch, rank: int = 2, columns: int = 0) -> tuple[Array | list[Array], str]:
    """Logits for Rust: float32, or the bits of a 16-bit type, and the name of that type.

    float64 and whole numbers in lists become float32; a list with one array per window keeps its windows apart.

    Args:
        name: of the argument, for errors.
        value: one array, or lists of any depth; in a list, windows can have different lengths and kinds.
        rank: dimensions of one window: 2 for (tokens, labels), 1 for (tokens,).
        columns: labels, which can't be told from a window without tokens given as `[]`.
    """
    value = _unwrapped(value)
    if type(value) is np.ndarray and value.dtype == _FLOAT32 and _can_be_borrowed(value) and value.size:
        return value, "float32"
    nested = _items(value)
    if nested is None:
        array, kind = _float_bits(name, value)
        return _empty_as(array, rank, columns), kind
    if not nested:
        return [], "float32"
    if _is_one_window(nested, rank):
        array, kind = _float_bits(name, _rows(name, nested, rank))
        return _empty_as(array, rank, columns), kind
    read = [_window_bits(name, number, item, rank) for number, item in enumerate(nested)]
    kinds = {kind for array, kind in read if array.size}
    if len(kinds) > 1:
        raise refuse(
            TypeError,
            f"`{name}` mixes the types {', '.join(sorted(kinds))}; pass one type in all windows",
            argument=name,
        )
    kind = kinds.pop() if kinds else "float32"
    dtype = np.float32 if kind == "float32" else np.uint16
    return [array if array.size else _empty_as(array.astype(dtype), rank, columns) for array, _ in read], kind


def _window_bits(name: str, number: int, item: Any, rank: int) -> tuple[Array, str]:
    item = _unwrapped(item)
    if type(item) is np.ndarray and item.dtype == _FLOAT32 and _can_be_borrowed(item):
        return item, "float32"
    nested = _items(item)
    label = f"{name}[{number}]"
    return _float_bits(label if nested is not None else name, item if nested is None else _rows(label, nested, rank))


def _float_bits(name: str, value: Any) -> tuple[Array, str]:
    array = to_numpy(name, value)
    if array.dtype == np.uint16 and _is_bfloat16(value):
        return _laid_out(array, np.uint16), "bfloat16"
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        return _laid_out(array, np.float16).view(np.uint16), "float16"
    if (array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)) or array.size == 0:
        return _laid_out(array, np.float32), "float32"
    if array.dtype.kind in "iu" and isinstance(value, (list, tuple)):  # JSON writes 8.0 as 8
        return _laid_out(array, np.float32), "float32"
    raise refuse(
        TypeError, f"`{name}` is of type {array.dtype}; pass float32, float16, bfloat16 or float64", argument=name
    )


def _can_be_borrowed(array: Array) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.aligned


def _laid_out(array: Array, dtype: type[np.generic]) -> Array:
    """`array` as `dtype`, row by row and aligned; copied only if it is not so already."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _is_bfloat16(value: Any) -> bool:
    """Whether `value`, read as uint16, is bfloat16: its dtype says so, or DLPack."""
    if hasattr(value, "dtype"):
        return "bfloat16" in str(value.dtype)
    return hasattr(value, "__dlpack__")


def integers(
    name: str,
    value: Batch | None,
    dtype: type[np.generic] = np.int64,
    *,
    rank: int = 1,
    none: int | None = None,
    kinds: frozenset[np.dtype[Any]] = _LONG,
) -> Array | list[Array] | None:
    """Integers for Rust: int64, or uint8 of zeros and ones for a mask; `None` stays `None`.

    Args:
        name: of the argument, for errors.
        value: one array, or lists of any depth.
        dtype: np.int64 or, for a mask, np.uint8.
        rank: dimensions of one window: 1, or 2 for (tokens, 2).
        none: what a `None` among the numbers or pairs stands for; `None` refuses it.
        kinds: types that Rust borrows as they are.
    """
    if value is None:
        return None
    value = _unwrapped(value)
    if type(value) is np.ndarray and dtype is not np.uint8 and value.dtype in kinds and _can_be_borrowed(value):
        return value if value.size else _empty_as(value, rank, 2)
    nested = _items(value)
    if nested is None:
        return _empty_as(_integers(name, value, dtype), rank, 2)
    if _is_one_window(nested, rank):
        return _empty_as(_integers(name, _rows(name, nested, rank, none), dtype), rank, 2)
    if dtype is not np.uint8 and all(type(item) is np.ndarray and _can_be_borrowed(item) for item in nested):
        kind = nested[0].dtype
        if kind in kinds and all(item.dtype == kind and item.size for item in nested):
            return list(nested)
    return [_window_integers(name, number, item, dtype, rank, none) for number, item in enumerate(nested)]


def _window_integers(name: str, number: int, item: Any, dtype: type[np.generic], rank: int, none: int | None) -> Array:
    item = _unwrapped(item)
    if type(item) is np.ndarray and item.dtype == dtype and item.size and _can_be_borrowed(item):
        return item if dtype is not np.uint8 else _integers(name, item, dtype)
    nested = _items(item)
    if nested is not None:
        name = f"{name}[{number}]"
        item = _rows(name, nested, rank, none)
    return _empty_as(_integers(name, item, dtype), rank, 2)


def _integers(name: str, value: Any, dtype: type[np.generic]) -> Array:
    if type(value) is np.ndarray and value.dtype == dtype and dtype is not np.uint8 and _can_be_borrowed(value):
        return value
    array = to_numpy(name, value)
    if array.size and array.dtype.kind not in "iub":
        raise refuse(TypeError, f"`{name}` is of type {array.dtype}; pass integers", argument=name)
    if dtype is np.uint8:
        return np.ascontiguousarray(array != 0).view(np.uint8)
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.size and array.max() > np.iinfo(np.int64).max:
        raise refuse(ValueError, f"`{name}` holds {array.max()}; pass integers below 2**63", argument=name)
    return _laid_out(array, dtype)


def mask(name: str, value: Batch | None) -> Array | list[Array] | None:
    """A mask for Rust, which holds where it is not 0: one array of whole numbers as it lies, else uint8 of zeros and ones.

    Args:
        name: of the argument, for errors.
        value: one array, or lists of any depth; `None` stays `None`.
    """
    if value is None:
        return None
    value = _unwrapped(value)
    array = to_numpy(name, value) if type(value) is not np.ndarray and _items(value) is None else value
    if type(array) is np.ndarray and array.dtype in BORROWED and array.size and _can_be_borrowed(array):
        return array
    return integers(name, value, np.uint8)


def signed(mask: Any) -> Any:
    """A mask of bytes, or a list of such, as int8, the type in which Rust reads bytes; others as they are."""
    if isinstance(mask, list):
        return [signed(row) for row in mask]
    return mask.view(np.int8) if mask is not None and mask.dtype == np.uint8 else mask


def offsets(
    value: Batch | None, kinds: frozenset[np.dtype[Any]] = _LONG, name: str = "offsets"
) -> tuple[Any, list[Array] | Array | None]:
    """Offsets for Rust, and, if some were `None`, which: those of tokens that are not of the text.

    `return_offsets_mapping` gives no such pairs, but the question-answering scripts of transformers make them.
    """
    value = _unwrapped(value)
    nested = None if value is None or (type(value) is np.ndarray and value.dtype != object) else _items(value)
    if nested is None:
        return integers(name, value, rank=2, kinds=kinds), None
    read: Any = integers(name, nested, rank=2, none=0, kinds=kinds)
    if all(type(item) is np.ndarray and item.dtype != object for item in nested):
        return read, None
    if _is_one_window(nested, 2):
        flat = np.fromiter(map(_has_none, nested), np.bool_, len(nested))
        return read, flat if flat.any() else None
    marks = [_places_of_none(item, len(made)) for item, made in zip(nested, read)]
    return read, marks if any(mark.any() for mark in marks) else None


def _places_of_none(window: Any, count: int) -> Array:
    nested = None if type(window) is np.ndarray and window.dtype != object else _items(window)
    return np.zeros(count, np.bool_) if nested is None else np.fromiter(map(_has_none, nested), np.bool_, count)


def vector(name: str, value: Any) -> Ints1d | None:
    """A one-dimensional integer argument, such as `lengths`."""
    if value is None:
        return None
    nested = _items(value)
    array = _integers(name, value if nested is None else nested, np.int64)
    if array.ndim != 1:
        raise refuse(
            TypeError, f"`{name}` has {counted(array.ndim, 'dimension')}; pass one integer per window", argument=name
        )
    return array


def _items(value: Any) -> Sequence[Any] | None:
    """The items of a list or of something like one, such as an object array; `None` for an array of numbers."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype == object and value.ndim else None
    if isinstance(value, (str, bytes, Mapping, np.generic)):
        return None
    if (
        hasattr(value, "to_pylist") and getattr(value.type, "num_fields", 0) > 0
    ):  # lists of Arrow, which have no DLPack form
        return value.to_pylist()  # type: ignore[no-any-return]
    if hasattr(value, "__dlpack__"):
        return None
    if hasattr(value, "__array__"):  # a column of lists, of pandas or Arrow
        array = np.asarray(value)
        return array.tolist() if array.dtype == object and array.ndim else None
    try:
        memoryview(value)
    except TypeError:
        return list(value) if hasattr(value, "__iter__") else None
    return None


def _is_one_window(nested: Sequence[Any], rank: int) -> bool:
    """Whether lists are one window, or windows end to end, rather than one list per window."""
    depth = _depth(nested)
    if depth is not None:
        return depth <= rank
    return not nested or nested[0] is None  # there is no value that tells


def _depth(value: Any, levels: int = _MOST_LEVELS) -> int | None:
    """How many dimensions nested lists have; `None` if they hold no value to tell by."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim:  # pandas holds lists so
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        if not levels:
            return _MOST_LEVELS
        depths = (_depth(item, levels - 1) for item in value)
        return next((depth + 1 for depth in depths if depth is not None), None)
    if value is None or getattr(value, "shape", None) == (0,):
        return None
    if hasattr(value, "ndim"):
        return int(value.ndim)
    return to_numpy("an item", value).ndim if hasattr(value, "__dlpack__") else 0


def _rows(name: str, nested: Sequence[Any], rank: int, none: int | None = None) -> Any:
    """The rows of one window, to be read as one array: lists without `None`, or an array if they were arrays."""
    if none is not None:
        if rank == 1:
            nested = [none if item is None else item for item in nested]
        else:
            nested = [(none, none) if _has_none(item) else item for item in nested]
    if not any(getattr(item, "ndim", 0) for item in nested):
        return nested
    parts = [_float_bits(name, item) if rank == 2 and none is None else (to_numpy(name, item), "") for item in nested]
    kinds = {kind for _, kind in parts}
    if len({array.shape for array, _ in parts}) > 1 or len(kinds) > 1:
        raise refuse(
            ValueError,
            f"`{name}` has rows of different lengths or types; pass rows of one shape, or a list of windows",
            argument=name,
        )
    stacked = np.stack([array for array, _ in parts])
    kind = kinds.pop()
    return stacked.view(np.float16) if kind == "float16" else _Bits(stacked) if kind == "bfloat16" else stacked


class _Bits:
    """bfloat16 as its bits, with a dtype that says so."""

    dtype = "bfloat16"

    def __init__(self, bits: Array) -> None:
        self._bits = bits

    def __array__(self, *_: Any, **__: Any) -> Array:
        return self._bits


def _has_none(item: Any) -> bool:
    return item is None or (isinstance(item, (list, tuple)) and any(value is None for value in item))


def _empty_as(array: Array, rank: int, columns: int) -> Array:
    """An array without values, in the shape of windows without tokens; other arrays as they are."""
    if array.size or rank == 1 or not array.ndim or array.shape[-1] == columns:
        return array
    if array.ndim < rank or (array.ndim == rank and array.shape[0]):  # `[]`, or one `[]` a window
        return array.reshape((*array.shape, columns))
    return array.reshape((*array.shape[:-1], columns)) if 0 in array.shape[:-1] else array
