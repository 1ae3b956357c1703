"""Names for the arrays and results of fastpost; an array's name carries its rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, overload

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
"""Units of positions other than characters."""

ArrayLike: TypeAlias = Any
"""A NumPy array, a torch tensor on the CPU, anything with `__dlpack__` or the buffer protocol, nested lists."""

Batch: TypeAlias = ArrayLike | Sequence[ArrayLike]
"""An array argument in one of the three shapes a batch comes in: padded, laid end to end, a list of arrays."""


class _Positions(TypedDict, total=False):
    """Keys that are there if `units=` or `return_probs=True` asks for them."""

    start_utf8: int
    end_utf8: int
    start_utf16: int
    end_utf16: int
    start_graphemes: int
    end_graphemes: int
    probs: dict[str, float]


class _Found(_Positions):
    """A place in a text, as a pipeline gives it, which has text and offsets."""

    score: float
    word: str
    start: int
    end: int


class _Decoded(_Positions):
    """A place as a decoder gives it: without texts there are no words, without offsets no places."""

    score: float
    word: str | None
    start: int | None
    end: int | None


class _Range(TypedDict, total=False):
    index: tuple[int, int]
    """The range of its tokens, end excluded; with `compat="fastpost"`."""
    word_index: tuple[int, int]
    """The range of its words, end excluded; with `compat="fastpost"`, of texts that were given as words."""


class Token(_Found):
    """One token, as a pipeline gives it with `aggregation_strategy="none"`.

    A slow tokenizer has no offsets: on transformers' own path, `start` and `end` are then None, as there.
    """

    entity: str
    index: int


class Entity(_Found, _Range):
    """One entity, as a pipeline gives it with all other strategies; with a slow tokenizer, as `Token` says."""

    entity_group: str


class EntityRow(_Decoded, _Range):
    """One entity of `Entities`, which a decoder may have made without texts or offsets."""

    entity_group: str


class TokenRow(_Decoded):
    """One token of an `Entities` that was made with `aggregation_strategy="none"`."""

    entity: str
    index: int


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
    """One answer to a question that was asked of several contexts."""

    text_index: int


class TextEntities(list[Entity]):
    """The entities of one text as a pipeline gives them with `compat="fastpost"`: a list that says what it covers.

    Attributes:
        covered: the first character that the model saw and the last one, excluded; (-1, -1) if it saw none.
        windows: how many windows the text was read in.
        truncated: whether characters other than white space, controls, zero-width ones and marks lie outside
            `covered`.
    """

    def __init__(self, entities: Iterable[Any], covered: tuple[int, int], windows: int, truncated: bool) -> None:
        super().__init__(entities)
        self.covered = covered
        self.windows = windows
        self.truncated = truncated


class _Pipeline(Protocol):
    """What all pipelines share."""

    model: Any
    tokenizer: Any
    task: str
    device: Any

    def report(self) -> dict[str, Any]:
        """Which path it takes, what encodes its texts, how words are told apart."""


class _TokenPipeline(_Pipeline, Protocol):
    """What pipelines for "ner" share."""

    @property
    def scheme(self) -> str | None:
        """The label scheme of the last call; `None` with `compat="transformers"`."""


class FindsEntities(_TokenPipeline, Protocol):
    """What `fastpost.pipeline` gives for "ner" where words are joined to entities."""

    @overload
    def __call__(self, inputs: str, **options: Any) -> list[Entity]: ...
    @overload
    def __call__(self, inputs: Iterator[str], **options: Any) -> Iterator[list[Entity]]: ...
    @overload
    def __call__(self, inputs: Iterable[str], **options: Any) -> list[list[Entity]]: ...
    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Entities of one text, or of each of many; an iterator gives an iterator."""


class FindsOwnEntities(_TokenPipeline, Protocol):
    """What `fastpost.pipeline` gives for "ner" with `compat="fastpost"`: lists of entities that say what they cover."""

    @overload
    def __call__(self, inputs: str, **options: Any) -> TextEntities: ...
    @overload
    def __call__(self, inputs: Iterator[str], **options: Any) -> Iterator[TextEntities]: ...
    @overload
    def __call__(self, inputs: Iterable[str], **options: Any) -> list[TextEntities]: ...
    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Entities of one text, or of each of many; an iterator gives an iterator."""


class FindsTokens(_TokenPipeline, Protocol):
    """What `fastpost.pipeline` gives for "ner" with `aggregation_strategy="none"`, transformers' default."""

    @overload
    def __call__(self, inputs: str, **options: Any) -> list[Token]: ...
    @overload
    def __call__(self, inputs: Iterator[str], **options: Any) -> Iterator[list[Token]]: ...
    @overload
    def __call__(self, inputs: Iterable[str], **options: Any) -> list[list[Token]]: ...
    def __call__(self, inputs: Any, **options: Any) -> Any:
        """Tokens of one text, or of each of many; an iterator gives an iterator."""


class FindsAnswer(_Pipeline, Protocol):
    """What `fastpost.pipeline` gives for "question-answering": one answer is a dict, several are a list."""

    @overload
    def __call__(self, *, question: str, context: str) -> Answer: ...
    @overload
    def __call__(self, *args: Any, **options: Any) -> Any: ...
    def __call__(self, *args: Any, **options: Any) -> Any:
        """The answer of one question, or those of several."""


class RanksAnswers(_Pipeline, Protocol):
    """What `fastpost.pipeline` gives for "question-answering" with `compat="fastpost"`: a list for each question."""

    @overload
    def __call__(self, *, question: str, context: str, **options: Any) -> list[Answer]: ...
    @overload
    def __call__(
        self, *, question: str | Sequence[str], context: str | Sequence[str], rank: Literal[True], **options: Any
    ) -> list[RankedAnswer]: ...
    @overload
    def __call__(
        self, *, question: str | Sequence[str], context: str | Sequence[str], **options: Any
    ) -> list[list[Answer]]: ...
    @overload
    def __call__(self, *args: Any, **options: Any) -> Any: ...
    def __call__(self, *args: Any, **options: Any) -> Any:
        """The answers of one question, best first, or those of several."""
