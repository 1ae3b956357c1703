"""Arrow tables with texts -> the same with their entities, or a corpus: the common part of Ray Data and Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from fastpost._inputs.bounds import listed, short, shown, with_article
from fastpost.corpus.corpus import Corpus
from fastpost.exceptions import Argument, refuse
from fastpost.integrations.reader import EntityReader, Found

ENTITIES = pa.list_(
    pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("score", pa.float32())])
)
"""Of one text: its entities, in its order; characters, end excluded."""


def with_entities(table: Any, reader: EntityReader, column: str, output: str) -> Any:
    """`table` with the entities of its texts as one more column; a text that is null has null.

    Args:
        table: a `pyarrow.Table` or `pyarrow.RecordBatch`.
        reader: reads the texts.
        column: the texts.
        output: the name of the new column; one that is there already is replaced.
    """
    texts = text_column(table, column).to_pylist()
    found = iter(reader([text for text in texts if text is not None]))
    entities = _nested([None if text is None else next(found) for text in texts])
    if output in table.schema.names:
        return table.set_column(table.schema.get_field_index(output), output, entities)
    return table.append_column(output, entities)


def corpus(batches: Iterable[Any], column: str) -> Corpus | tuple[()]:
    """The texts of tables or record batches, read as they come; those that are null are left out."""

    def texts() -> Iterator[Any]:
        for batch in batches:
            found = text_column(batch, column)
            for chunk in found.chunks if isinstance(found, pa.ChunkedArray) else [found]:
                for start in range(0, len(chunk), _AT_ONCE):
                    plain = _plain(chunk.slice(start, _AT_ONCE)).drop_null()
                    if len(plain):
                        yield pa.record_batch({"text": plain})

    source = texts()
    first = next(source, None)
    if first is None:
        return ()
    return Corpus(pa.RecordBatchReader.from_batches(first.schema, chain([first], source)))


_AT_ONCE = 1 << 16
"""Rows that are unfolded at once: a run may be longer than memory could hold rows."""


def _plain(column: Any) -> Any:
    """A column of strings as a plain array of strings, whatever encoding it has."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):  # pyarrow decodes one layer of some kinds
        return pa.array(column.to_pylist(), pa.large_string())
    return column.cast(pa.large_string())


def text_column(table: Any, column: str) -> Any:
    """The column with the texts.

    Raises:
        TypeError: if `table` is not Arrow data, or the column holds anything but texts.
        ValueError: if there is no such column.
    """
    if not isinstance(table, (pa.Table, pa.RecordBatch)):
        raise refuse(
            TypeError,
            f'a batch came as {with_article(type(table).__name__)}; pass batch_format="pyarrow"',
            argument="batch_format",
        )
    if column not in table.schema.names:
        names = f", but the columns are {listed(table.schema.names)}"
        raise refuse(ValueError, Argument("column"), f" is {shown(column)}", names)
    found = table.column(column)
    kind = found.type
    # Runs of a dictionary, a dictionary of runs: the type of the innermost values counts.
    while pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    view = getattr(pa.types, "is_string_view", lambda _: False)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or view(kind) or pa.types.is_null(kind)):
        holds = f", which holds {short(str(found.type))}"
        cure = "pass one that holds strings"
        raise refuse(TypeError, Argument("column"), f" is {shown(column)}", holds, cure=cure)
    return found


def _nested(rows: list[list[Found] | None]) -> Any:
    """One list of structs a text."""
    flat = [one for row in rows if row is not None for one in row]
    counts = np.array([0, *(0 if row is None else len(row) for row in rows)], np.int64)
    columns = [pa.array([getattr(one, field.name) for one in flat], field.type) for field in ENTITIES.value_type]
    values = pa.StructArray.from_arrays(columns, fields=list(ENTITIES.value_type))
    missing = pa.array([row is None for row in rows], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(np.cumsum(counts), pa.int32()), values, type=ENTITIES, mask=missing)
