from collections.abc import Container
from typing import Any

from fastpost.types import Entity, Floats1d, Ints1d, Ints2d, Token

VERSION: str

# encodings
def expand(objects: list[Any], attribute: str) -> tuple[list[Any], Ints1d]: ...
def flatten(objects: list[Any], attribute: str) -> tuple[Ints1d, Ints1d]: ...
def flatten_pairs(objects: list[Any], attribute: str) -> Ints2d: ...

# entities
class TokenTable:
    def __new__(cls, vocabulary: dict[str, int], unknown: int, decoder: str | None, other: Any) -> TokenTable: ...
    @property
    def native(self) -> bool: ...

class EntityKernel:
    def __new__(
        cls,
        labels: list[str],
        strategy: str,
        ignored: Container[str],
        token_length: bool,
        tokens: TokenTable | None,
    ) -> EntityKernel: ...
    @property
    def names(self) -> list[str]: ...
    def decode(
        self,
        logits: Any,
        bits: str,
        lengths: Ints1d | None,
        offsets: Any,
        special: Any,
        ids: Any,
        windows: Ints1d | None,
        texts: list[str] | None,
        order: Ints1d | None,
        check: bool,
        threads: int | None,
    ) -> EntityTable: ...

class EntityTable:
    @property
    def text_count(self) -> int: ...
    @property
    def text_index(self) -> Ints1d: ...
    @property
    def start(self) -> Ints1d: ...
    @property
    def end(self) -> Ints1d: ...
    @property
    def label_id(self) -> Ints1d: ...
    @property
    def score(self) -> Floats1d: ...
    @property
    def index(self) -> Ints1d: ...
    def __len__(self) -> int: ...
    def words(self) -> list[str | None]: ...
    def to_dicts(self) -> list[list[Entity]] | list[list[Token]]: ...
