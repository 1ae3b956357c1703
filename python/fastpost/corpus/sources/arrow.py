"""Files and objects of Arrow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastpost._fastpost import TextReader
from fastpost.corpus.sources.kinds import refuse_kind
from fastpost.corpus.sources.options import Options, Reader, kind_of
from fastpost.corpus.sources.rows import columns_of, rows_of
from fastpost.corpus.sources.strings import StringReader
from fastpost.exceptions import CorpusError


@dataclass
class ArrowFile:
    """A Parquet or Arrow file, read by pyarrow batch by batch."""

    path: str
    format: str
    once = None

    def open(self, options: Options) -> Reader:
        if options.keeps:
            return StringReader(
                rows_of(self.batches(*columns_of(options)), self.path, options), self.path, options, True
            )
        return TextReader.arrow(self.batches(options.column), self.path, options)

    def batches(self, *columns: str) -> Iterator[Any]:
        import pyarrow as pa

        try:
            refuse_kind(self.path, self.format)  # pyarrow's own error has no errno and no filename
            yield from self._read(columns)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise CorpusError(f"not readable as {self.format}: {error}", self.path) from error

    def _read(self, wanted: tuple[str, ...]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.format == "parquet":
            with pq.ParquetFile(self.path) as file:
                there = set(file.schema_arrow.names)
                columns = list(dict.fromkeys(wanted)) if wanted and there.issuperset(wanted) else None
                yield from file.iter_batches(batch_size=8192, columns=columns)
            return
        with pa.memory_map(self.path) as mapped:
            try:
                blocks = pa.ipc.open_file(mapped)
            except pa.ArrowInvalid:  # the streaming format, which `datasets` writes
                mapped.seek(0)
                yield from pa.ipc.open_stream(mapped)
            else:
                yield from (blocks.get_batch(index) for index in range(blocks.num_record_batches))


@dataclass
class ArrowObject:
    """Anything with `__arrow_c_stream__` or `__arrow_c_array__`: pyarrow, polars, duckdb."""

    object: Any

    @property
    def once(self) -> str | None:
        return "an Arrow record batch reader" if hasattr(self.object, "read_next_batch") else None

    def open(self, options: Options) -> Reader:
        name = kind_of(self.object)
        if options.keeps:
            return StringReader(rows_of(self.batches(options.column), name, options), name, options, True)
        return TextReader.arrow(iter([_only(self.object, options.column)]), name, options)

    def batches(self, column: str) -> Iterator[Any]:
        import pyarrow as pa

        polars = sys.modules.get("polars")
        if isinstance(self.object, pa.ChunkedArray) or (polars and isinstance(self.object, polars.Series)):
            yield from (_batch(chunk, column) for chunk in pa.chunked_array(self.object).chunks)
        elif hasattr(self.object, "__arrow_c_stream__"):
            yield from pa.RecordBatchReader.from_stream(self.object)
        else:
            yield _batch(pa.array(self.object), column)


def _batch(array: Any, column: str) -> Any:
    """The rows of an Arrow array: records (a null one makes its columns null), or texts without other columns."""
    import pyarrow as pa

    if pa.types.is_struct(array.type):
        return pa.record_batch(array.flatten(), [field.name for field in array.type])
    return pa.record_batch([array], [column])


def _only(source: Any, column: str) -> Any:
    """A frame of polars reduced to the column that is read, where a null is a null text; anything else as it is.

    A stream has all columns, and one whose type Rust's Arrow refuses, such as polars' Null, would end the reading.
    """
    polars = sys.modules.get("polars")
    if polars is None:
        return source
    if isinstance(source, polars.DataFrame):
        if column not in source.columns:  # whose names the error lists
            return polars.DataFrame(schema=dict.fromkeys(source.columns, polars.String)).clear(len(source))
        return source.select(column).cast({polars.Null: polars.String})
    if isinstance(source, polars.Series) and source.dtype == polars.Null:
        return source.cast(polars.String)
    return source
