from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, final

from fastpost.types import Bytes1d, Doubles1d, EntityRow, Floats1d, Floats2d, Ints1d, Ints2d, Shorts1d, Shorts2d

__all__ = [
    "VERSION",
    "AnswerKernel",
    "AnswerTable",
    "ArrowColumns",
    "EntityKernel",
    "EntityTable",
    "LabelSet",
    "NormalTable",
    "OffsetTable",
    "RightColumns",
    "SpanPairs",
    "Splitter",
    "TagPairs",
    "TextCount",
    "TextReader",
    "TokenEncoder",
    "TokenSpans",
    "TokenTable",
    "TokenizerState",
    "WindowShapes",
    "WordTable",
    "align_labels",
    "align_tokens",
    "answer_columns",
    "answer_json",
    "answer_kind",
    "answer_lists",
    "answer_table",
    "answer_words",
    "check_windows",
    "entity_columns",
    "entity_json",
    "entity_kind",
    "entity_lines",
    "entity_lists",
    "entity_table",
    "entity_texts",
    "entity_words",
    "expand",
    "file_kind",
    "flatten",
    "flatten_pairs",
    "nbest",
    "offset_faults",
    "option_names",
    "plan_windows",
    "simd",
    "tag_entities",
    "unit_starts",
]

VERSION: str

def simd() -> str: ...

# options
def option_names() -> dict[str, dict[str, tuple[str | None, ...]]]: ...

# encode
def check_windows(option: str, text: int, counts: list[int], room: int, stride: int, truncation: str) -> None: ...

@final
class TextCount:
    def __new__(cls) -> TextCount: ...
    def add(self, texts: int) -> None: ...
    @property
    def texts(self) -> int: ...

@final
class TokenEncoder:
    def __new__(cls, json: bytes, live: bool) -> TokenEncoder: ...
    @property
    def kind(self) -> str: ...
    @property
    def vocabulary(self) -> int: ...
    @property
    def remembered(self) -> int: ...
    def forget(self) -> None: ...
    def encode(
        self,
        texts: list[Any],
        pairs: list[Any] | None,
        words: Any,
        special: Any,
        max_length: int | None,
        stride: int | None,
        truncation: str | None,
        side: str,
        threads: int | None,
        count: TextCount | None,
    ) -> tuple[Shorts1d, Shorts2d, Shorts1d, Ints1d, WindowShapes, list[tuple[int, str]]]: ...

@final
class TokenizerState:
    def __new__(cls, tokenizer: Any) -> TokenizerState: ...
    def is_of(self, tokenizer: Any) -> bool: ...
    @property
    def compared(self) -> int: ...

@final
class WindowShapes:
    def texts(self) -> Ints1d: ...
    def types(self) -> Shorts1d: ...
    def special(self) -> Bytes1d: ...
    def sequences(self) -> Shorts1d: ...

# encodings
def expand(objects: list[Any], attribute: str) -> tuple[list[Any], Ints1d]: ...
def flatten(objects: list[Any], attribute: str) -> tuple[Ints1d, Ints1d]: ...
def flatten_pairs(objects: list[Any], attribute: str) -> Ints2d: ...

# entities
@final
class TokenTable:
    def __new__(
        cls, vocabulary: list[tuple[str, int]], unknown: int, decoder: str | None, other: Any
    ) -> TokenTable: ...
    def __reduce__(self) -> tuple[type[TokenTable], tuple[Any, ...]]: ...

@final
class EntityKernel:
    def __new__(
        cls,
        labels: list[str],
        strategy: str,
        ignored: Container[str],
        token_length: bool,
        tokens: TokenTable | None,
    ) -> EntityKernel: ...
    @staticmethod
    def right(
        labels: list[str],
        strategy: str,
        options: dict[str, Any],
        token_length: bool,
        tokens: TokenTable | None,
    ) -> EntityKernel: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def scheme(self) -> str | None: ...
    @property
    def layout(self) -> tuple[str, bool] | None: ...
    @property
    def used(self) -> list[int]: ...
    def decode(
        self,
        logits: Any,
        bits: str,
        lengths: Ints1d | None,
        offsets: Any,
        special: Any,
        ids: Any,
        words: Any,
        windows: Ints1d | None,
        texts: list[str] | None,
        order: Ints1d | None,
        check: bool,
        threads: int | None,
    ) -> EntityTable: ...

@final
class RightColumns:
    @property
    def each(self) -> dict[str, Ints1d]: ...
    def column(self, name: str) -> Ints1d: ...
    @property
    def probs(self) -> Floats1d: ...
    @property
    def covered(self) -> Ints1d: ...
    @property
    def lost(self) -> tuple[int, int, int, int] | None: ...

@final
class EntityTable:
    def spans(self, unit: str) -> tuple[Ints1d, Ints1d]: ...
    @property
    def more(self) -> RightColumns | None: ...
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
    def to_dicts(self) -> list[list[EntityRow]]: ...

# offsets
@final
class OffsetTable:
    def __new__(cls, text: str) -> OffsetTable: ...
    def length(self, unit: str) -> int: ...
    def convert(self, positions: Ints1d, source: str, target: str, inside: str) -> Ints1d: ...

@final
class NormalTable:
    def __new__(cls, text: str) -> NormalTable: ...
    @property
    def text(self) -> str: ...
    def then(self, form: str) -> NormalTable: ...
    def then_aligned(self, text: str, starts: Ints1d, ends: Ints1d) -> NormalTable: ...
    def to_original(self, spans: Ints1d) -> Ints1d: ...
    def to_normalized(self, spans: Ints1d) -> Ints1d: ...

def unit_starts(text: str, cut: bool) -> Ints1d: ...
def offset_faults(offsets: Ints1d, skip: Any, chars: int) -> list[tuple[int, str, int | None]]: ...
def plan_windows(
    offsets: Ints1d | None,
    word_ids: Ints1d | None,
    special: Any,
    lengths: Ints1d,
    texts: list[str] | None,
    max_length: int,
    stride: int,
    special_tokens: int,
) -> tuple[Ints1d, Ints1d, Ints1d]: ...

# labels of spans, words and tokens
@final
class LabelSet:
    def __new__(cls, names: list[str], scheme: str) -> LabelSet: ...
    @property
    def scheme(self) -> str: ...
    def inside(self) -> Ints1d: ...

@final
class TokenSpans:
    def __new__(
        cls,
        offsets: Ints1d,
        special: Any,
        word_ids: Ints1d | None,
        lengths: Ints1d,
        owners: Ints1d,
        texts: list[str] | None,
        text_count: int,
    ) -> TokenSpans: ...
    def to_labels(
        self, spans: list[Any], labels: LabelSet, policy: str, subwords: str, threads: int | None
    ) -> tuple[Ints1d, list[tuple[int, int, str, tuple[int, int] | None, int | None]]]: ...
    def to_spans(
        self, values: Ints1d, labels: LabelSet, repair: str, subwords: str
    ) -> list[list[tuple[int, int, str]]]: ...

def align_labels(
    word_labels: list[Any], word_ids: list[Any], subwords: str, inside: Ints1d | None
) -> list[list[int]]: ...
def align_tokens(a: list[str], b: list[str]) -> tuple[list[list[int]], list[list[int]]]: ...
def entity_columns(table: EntityTable, units: list[tuple[str, Ints1d, Ints1d]], with_probs: bool) -> ArrowColumns: ...
def entity_lists(table: EntityTable) -> ArrowColumns: ...
def entity_json(
    table: EntityTable, lines: bool, units: list[tuple[str, Ints1d, Ints1d]], with_probs: bool
) -> bytes: ...
def entity_lines(table: EntityTable, heads: list[bytes], texts: list[str] | None, name: str) -> bytes: ...
def entity_words(table: EntityTable, start: int, stop: int) -> list[str | None]: ...
def entity_texts(table: EntityTable, numbers: Ints1d | None = None) -> list[str] | None: ...
def entity_kind(table: EntityTable) -> tuple[bool, bool]: ...
def entity_table(
    text_count: int,
    tokens: bool,
    has_offsets: bool,
    text_index: Ints1d,
    start: Ints1d,
    end: Ints1d,
    label_id: Ints1d,
    score: Floats1d,
    index: Ints1d,
    names: list[str],
    words: list[str | None] | None,
    texts: list[str] | None,
    more: tuple[Any, ...] | None,
) -> EntityTable: ...

# answers
@final
class AnswerKernel:
    def __new__(
        cls,
        top_k: int,
        max_answer_len: int,
        null_allowed: bool,
        align: str,
        context_sequence: int,
        transformers: bool,
        normalize: str,
        dedupe: str,
        null_threshold: float | None,
        threads: int | None,
    ) -> AnswerKernel: ...
    def decode(
        self,
        start: Any,
        end: Any,
        bits: tuple[str, str],
        contexts: list[str],
        offsets: Any,
        sequence_ids: Any,
        word_ids: Any,
        input_ids: Any,
        attention_mask: Any,
        cls_token_id: int | None,
        lengths: Any,
        windows: Any,
        questions: Any,
    ) -> AnswerTable | None: ...

@final
class AnswerTable:
    @property
    def question_count(self) -> int: ...
    @property
    def question_index(self) -> Ints1d: ...
    @property
    def text_index(self) -> Ints1d: ...
    @property
    def window(self) -> Ints1d: ...
    @property
    def start(self) -> Ints1d: ...
    @property
    def end(self) -> Ints1d: ...
    @property
    def score(self) -> Doubles1d: ...
    @property
    def start_logit(self) -> Floats1d: ...
    @property
    def end_logit(self) -> Floats1d: ...
    @property
    def null_score(self) -> Doubles1d: ...
    def __len__(self) -> int: ...
    def answers(self) -> list[str]: ...
    def to_dicts(self) -> list[Any]: ...

def answer_columns(table: AnswerTable) -> ArrowColumns: ...
def answer_lists(table: AnswerTable) -> ArrowColumns: ...
def answer_json(table: AnswerTable, lines: bool) -> bytes: ...
def answer_words(table: AnswerTable, start: int, stop: int) -> list[str]: ...
def answer_kind(table: AnswerTable) -> tuple[bool, bool]: ...
def answer_table(
    several: bool,
    dict_for_one: bool,
    question_index: Ints1d,
    text_index: Ints1d,
    window: Ints1d,
    start: Ints1d,
    end: Ints1d,
    score: Doubles1d,
    start_logit: Floats1d,
    end_logit: Floats1d,
    null_score: Doubles1d,
    answers: list[str],
) -> AnswerTable: ...
def nbest(
    start: Floats2d,
    end: Floats2d,
    mappings: list[Any],
    max_contexts: list[Any],
    owners: list[int],
    contexts: list[str],
    with_negative: bool,
    n_best_size: int,
    max_answer_length: int,
    threshold: float,
    lists: bool,
    threads: int | None,
) -> tuple[list[str], list[list[dict[str, Any]]], list[float]]: ...

# columns
@final
class ArrowColumns:
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...

# metrics
@final
class TagPairs:
    @staticmethod
    def tags(y_true: list[Any], y_pred: list[Any]) -> TagPairs: ...
    @staticmethod
    def ids(y_true: Any, y_pred: Any, labels: list[str], ignored: int) -> TagPairs: ...
    def correct(self) -> tuple[int, int]: ...
    def agreement(self) -> tuple[int, int, int, int]: ...
    def odd(self, suffix: bool) -> list[str]: ...
    def spans(self, scheme: str | None, suffix: bool) -> SpanPairs: ...

@final
class SpanPairs:
    def __new__(cls, y_true: Any, y_pred: Any) -> SpanPairs: ...
    def counts(self) -> tuple[list[str], Ints1d, Ints1d, Ints1d]: ...
    def kinds(self) -> list[tuple[str, list[int]]]: ...
    def errors(
        self,
    ) -> list[tuple[int, int, tuple[int, int, str] | None, tuple[int, int, str] | None]]: ...

def tag_entities(seq: list[Any], nested: bool, suffix: bool) -> tuple[list[tuple[str, int, int]], list[str]]: ...

# bpe: words, counts, merges
@final
class Splitter:
    def __new__(cls, normalizer: str, pre_tokenizer: str) -> Splitter: ...
    @property
    def byte_level(self) -> bool: ...
    def split(self, text: str) -> list[bytes]: ...

@final
class WordTable:
    @staticmethod
    def count(
        splitter: Splitter,
        corpus: Iterable[str] | Iterable[Iterable[str]],
        *,
        threads: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> WordTable: ...
    @staticmethod
    def read(
        splitter: Splitter,
        reader: TextReader,
        *,
        threads: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> WordTable: ...
    @staticmethod
    def read_for(
        splitter: Splitter,
        reader: TextReader,
        seconds: float,
        *,
        threads: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> tuple[WordTable, bool]: ...
    @staticmethod
    def from_items(items: Iterable[tuple[bytes, int]]) -> WordTable: ...
    def items(self) -> list[tuple[bytes, int]]: ...
    def merge(self, other: WordTable) -> WordTable: ...
    def save(self, path: str, header: str) -> None: ...
    @staticmethod
    def load(path: str) -> tuple[WordTable, str]: ...
    def train(
        self,
        *,
        byte_level: bool,
        vocab_size: int,
        min_frequency: int,
        special_tokens: list[str],
        limit_alphabet: int | None,
        initial_alphabet: list[str],
        continuing_subword_prefix: str | None,
        end_of_word_suffix: str | None,
        max_token_length: int | None,
        progress: Callable[[int], object] | None = None,
    ) -> tuple[list[str], list[tuple[str, str]]]: ...
    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def total(self) -> int: ...
    @property
    def memory(self) -> int: ...

# corpus
def file_kind(head: bytes) -> tuple[str, str | None, str] | None: ...

@final
class TextReader:
    @staticmethod
    def files(files: list[tuple[str, str]], options: Any) -> TextReader: ...
    @staticmethod
    def stream(file: Any, name: str, split: str, options: Any) -> TextReader: ...
    @staticmethod
    def arrow(objects: Iterator[Any], name: str, options: Any) -> TextReader: ...
    def next_batch(self, texts: int, most: int | None) -> tuple[list[str], int] | None: ...
    def next_records(
        self, texts: int, most: int | None
    ) -> tuple[list[str | None], int, list[str | None], list[int | None], list[int], list[str] | None] | None: ...
    def records(self) -> int: ...
    def skip(self, texts: int) -> int: ...
    def counts(self) -> tuple[int, list[Exception], int, int]: ...
    def close(self) -> None: ...
