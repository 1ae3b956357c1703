"""What the results of both decoders share: Arrow, data frames, JSON and a printed table, all made when asked for."""

from __future__ import annotations

import importlib
import operator
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, SupportsIndex, TypeVar, overload

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._frozen import Frozen
from fastpost._inputs.bounds import counted
from fastpost.exceptions import refuse
from fastpost.types import Ints1d

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

OfOne = TypeVar("OfOne")
Row = TypeVar("Row")

_SHOWN = 10
"""Rows of a printed table."""
_WIDEST = 40
"""Characters of a printed text."""


class Columns(Frozen):
    """Results that any library takes which reads Arrow: `polars.DataFrame(found)`, `pyarrow.table(found)`, DuckDB.

    The data go through Arrow's PyCapsule interface straight from Rust, without pyarrow.
    """

    __slots__ = ()

    def _arrow(self) -> _fastpost.ArrowColumns:
        """The columns for Arrow."""
        raise NotImplementedError

    def _frame(self) -> dict[str, Any]:
        """The same columns for pandas."""
        raise NotImplementedError

    def __arrow_c_schema__(self) -> Any:
        """The columns' names and types, in a capsule."""
        return self._arrow().__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]:
        """All rows as one batch, in capsules."""
        return self._arrow().__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """All rows as a stream of one batch, in a capsule."""
        return self._arrow().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pyarrow.Table:
        """The rows as a `pyarrow.Table`.

        Raises:
            ImportError: without pyarrow.
            ValueError: if a text has a lone surrogate, which Arrow can't hold.
        """
        return _library("pyarrow", "to_arrow").table(self)

    def to_polars(self) -> polars.DataFrame:
        """The rows as a `polars.DataFrame`.

        Raises:
            ImportError: without polars.
            ValueError: if a text has a lone surrogate, which Arrow can't hold.
        """
        return _library("polars", "to_polars").DataFrame(self)

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a `pandas.DataFrame`; pyarrow is not needed.

        Raises:
            ImportError: without pandas.
            ValueError: if a text has a lone surrogate and pandas keeps texts as Arrow does.
        """
        return _library("pandas", "to_pandas").DataFrame(self._frame())

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Nothing: `pandas.DataFrame(found)` would make of the dicts what lacks columns, or all of them if it is empty.

        Raises:
            TypeError: always.
        """
        kind = type(self).__name__
        raise refuse(
            TypeError,
            f"an object of type {kind} is no array; pass one of its columns, or `to_pandas()` for a data frame",
        )


class Rows(Columns, Generic[OfOne, Row]):
    """Rows that belong to texts, or to questions: `[i]` has those of number i, `[a:b]` is a result for some of them.

    `len` and `for` count rows. A result never changes, so a copy is the same object.
    """

    __slots__ = ("_table",)

    _table: _fastpost.EntityTable | _fastpost.AnswerTable
    _owner: ClassVar[str]
    """The kind of thing that rows belong to: "text", "question"."""

    def _owners(self) -> tuple[int, Ints1d]:
        """The number of texts or questions, and which of them each row belongs to, in ascending order."""
        raise NotImplementedError

    def to_dicts(self) -> list[Any]:
        """One list per text or question; where there is a dict in place of a list of one, it stays a dict."""
        raise NotImplementedError

    def nested(self) -> Nested:
        """One row per text or question, with a list of what was found there."""
        raise NotImplementedError

    def _nested_frame(self) -> dict[str, Any]:
        """The columns of `nested()` for pandas."""
        raise NotImplementedError

    def _some(self, chosen: Ints1d, rows: Ints1d, owners: Ints1d) -> Self:
        """The result of the texts or questions with these numbers; its rows now belong to `owners`."""
        raise NotImplementedError

    @overload
    def __getitem__(self, at: SupportsIndex) -> OfOne: ...
    @overload
    def __getitem__(self, at: slice) -> Self: ...
    def __getitem__(self, at: SupportsIndex | slice) -> OfOne | Self:
        """The dicts of one text or question, or the result of some.

        Raises:
            IndexError: if there is no such one.
        """
        count, owners = self._owners()
        if not isinstance(at, slice):
            number = place(at, count, f"{self._owner}s", type(self).__name__)
            of_one: OfOne = self[number : number + 1].to_dicts()[0]
            return of_one
        return self._some(*rows_of(at, count, owners))

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Row]:
        """The dicts of all rows, one after the other."""
        for found in self.to_dicts():
            rows: list[Row] = [found] if isinstance(found, dict) else found  # type: ignore[list-item]
            yield from rows

    def __reversed__(self) -> Iterator[Row]:
        """The same dicts from the last one to the first; without this method, `reversed` would go by `[i]`."""
        return reversed(list(self))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Nested(Columns):
    """Results with one row per text or question, which holds the list of what was found there."""

    __slots__ = ("_columns", "_source")

    _columns: _fastpost.ArrowColumns
    _source: Rows[Any, Any]

    def __init__(self, columns: _fastpost.ArrowColumns, source: Rows[Any, Any]) -> None:
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_source", source)

    def _arrow(self) -> _fastpost.ArrowColumns:
        return self._columns

    def _frame(self) -> dict[str, Any]:
        return self._source._nested_frame()

    def __len__(self) -> int:
        return len(self._columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return _nested, (self._source,)

    def __repr__(self) -> str:
        return f"<{type(self._source).__name__} of {counted(len(self), 'row')}, one a list: {len(self._source)} in all>"


def _nested(source: Rows[Any, Any]) -> Nested:
    return source.nested()


def _library(name: str, method: str) -> Any:
    """Imports a library that only one method needs."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        extra = "'fastpost[arrow]'" if name == "pyarrow" else name
        raise ImportError(f"`{method}()` needs {name}; pip install {extra}", name=name) from error


def strings(words: Sequence[str | None]) -> Any:
    """A column of texts, with the type that pandas gives to texts even if it is empty."""
    import pandas as pd

    return pd.Series(words, dtype=pd.Series(["a"]).dtype)


def objects(values: Sequence[Any]) -> Any:
    """A column of lists."""
    import pandas as pd

    return pd.Series(values, dtype=object)


def place(at: Any, count: int, what: str, kind: str) -> int:
    """The number that `at` stands for, which may count from the end."""
    try:
        number = operator.index(at)
    except TypeError:
        raise refuse(
            TypeError,
            f"`{kind}` takes the number of one of its {what} or a slice of them, not {type(at).__name__}; columns are "
            "attributes",
            argument=kind,
        ) from None
    if not -count <= number < count:
        raise IndexError(f"there is no number {number}: {kind} has {count} {what}")
    return number % count


def rows_of(at: slice, count: int, owners: Ints1d) -> tuple[Ints1d, Ints1d, Ints1d]:
    """What a slice of texts chooses: the numbers of the texts, their rows, and each row's text, counted anew."""
    chosen = np.arange(*at.indices(count))
    starts, stops = np.searchsorted(owners, chosen), np.searchsorted(owners, chosen, "right")
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    rows = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return chosen, rows, np.repeat(np.arange(len(chosen)), lengths)


def categories(ids: Any, names: Sequence[str]) -> Any:
    """A column of names that repeat, as pandas' categories."""
    import pandas as pd

    unique = list(dict.fromkeys(names))
    places = np.array([unique.index(name) for name in names], dtype=np.int64)
    return pd.Categorical.from_codes(places[ids], categories=pd.Index(unique, dtype=object))


def printed_table(head: str, names: Sequence[str], rows: Sequence[Sequence[Any]], count: int) -> str:
    """`head` and a table of the first rows of `count`; the last column is text, the others are aligned to the right."""
    if not rows:
        return head
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(names, *cells)]
    lines = [head]
    for row in (list(names), *cells):
        shown = [cell.rjust(width) for cell, width in zip(row[:-1], widths)]
        lines.append("  " + "  ".join([*shown, row[-1]]).rstrip())
    if count > len(rows):
        lines.append(f"  ... and {count - len(rows)} more")
    return "\n".join(lines)


def printed_options(
    kind: str, head: str, options: Mapping[str, Any], defaults: Mapping[str, Any], always: Sequence[str]
) -> str:
    """A decoder as the call that makes it: `head`, the options `always`, and those that differ from their defaults."""
    shown = [head] if head else []
    for name, value in options.items():
        if name == "id2label" or (name not in always and _is_same(value, defaults.get(name))):
            continue
        text = (
            repr(getattr(value, "value", value))
            if isinstance(value, (str, bool, int, float, tuple, list)) or value is None
            else "..."
        )
        if isinstance(value, Mapping) and len(value) <= _SHOWN:
            text = repr(dict(value))
        shown.append(f"{name}={text if len(text) <= 2 * _WIDEST else '...'}")
    return f"{kind}({', '.join(shown)})"


def _is_same(value: Any, default: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return list(value) == list(default)
    return value is default or (isinstance(value, (str, bool, int, float)) and bool(value == default))


def shown_rows(count: int) -> int:
    """How many rows a printed table shows."""
    return count if count <= _SHOWN else _SHOWN - 1


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    if not isinstance(value, str):
        return str(value)
    text = value if len(value) <= _WIDEST else value[: _WIDEST - 1] + "…"
    # A character that moves the cursor or turns the line around would tear the table.
    torn = ("Cc", "Cf", "Zl", "Zp", "Cs")
    return "".join(
        repr(char)[1:-1] if unicodedata.category(char) in torn and char not in _JOINERS else char for char in text
    )


_JOINERS = "\u200c\u200d"
"""Format characters inside words and emoji."""
