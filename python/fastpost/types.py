"""Names for the arrays and results of fastpost; an array's name carries its rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

Floats1d: TypeAlias = npt.NDArray[np.float32]
Floats2d: TypeAlias = npt.NDArray[np.float32]
Doubles1d: TypeAlias = npt.NDArray[np.float64]
Ints1d: TypeAlias = npt.NDArray[np.int64]
Ints2d: TypeAlias = npt.NDArray[np.int64]
Shorts1d: TypeAlias = npt.NDArray[np.int32]
Shorts2d: TypeAlias = npt.NDArray[np.int32]
Bytes1d: TypeAlias = npt.NDArray[np.uint8]

Units: TypeAlias = Literal["utf8", "utf16", "graphemes"]
"""What positions count where it is not characters."""

ArrayLike: TypeAlias = Any
"""A NumPy array, a torch tensor on the CPU, anything with `__dlpack__` or the buffer protocol, nested lists."""

Batch: TypeAlias = ArrayLike | Sequence[ArrayLike]
"""An array argument in one of the three shapes a batch comes in: padded, laid end to end, a list of arrays."""


class _Entity(TypedDict):
    score: float
    word: str | None
    start: int | None
    end: int | None


class Token(_Entity):
    """One token, as `aggregation_strategy="none"` gives it."""

    entity: str
    index: int


class Entity(_Entity):
    """One entity, as all other strategies give it."""

    entity_group: str


class RedactedSpan(TypedDict):
    """A placeholder in a redacted text, and the entity that it stands for."""

    start: int
    end: int
    label: str
    score: float | None
    original_start: int
    original_end: int


class Answer(TypedDict):
    """One answer of a question."""

    score: float
    start: int
    end: int
    answer: str


class RankedAnswer(Answer):
    """One answer of a question that was asked of several contexts."""

    text_index: int
