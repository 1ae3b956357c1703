"""Columns of Arrow, row by row, with the columns that are kept."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastpost._inputs.bounds import counted, listed, short
from fastpost.corpus.sources.options import Options
from fastpost.exceptions import Argument, CorpusError, Words, refuse

_AT_ONCE = 8192
"""Rows of Arrow data that become Python objects at once."""


PASS_COLUMN: Words = (". Pass ", Argument("column"))
PASS_KEEP: Words = (". Pass ", Argument("keep"))


def _plain(value: Any) -> str:
    """A value that JSON can't hold, as text; bytes that are not text, as hexadecimal digits."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


_NO_VALUE = (OverflowError, ValueError)
"""Raised for values that Python can't hold: days and times far off, or finer than microseconds; unknown zones."""


class Row(NamedTuple):
    """A text, or what stands in its place, and the columns that come along as a JSON object."""

    text: Any
    kept: str


class Fault(NamedTuple):
    """Why a row has no text."""

    reason: str
    cure: Words = ()


def json_of(columns: Mapping[str, Any]) -> str:
    """Columns as a JSON object; NaN and infinities, which JSON can't hold, become null."""
    try:
        return json.dumps(columns, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        try:
            return json.dumps(_finite(columns), default=_plain, ensure_ascii=False, allow_nan=False)
        except RecursionError:
            raise refuse(
                ValueError, f"`keep` has {listed(columns)}, of which one holds itself; leave it out", argument="keep"
            ) from None


def _finite(value: Any) -> Any:
    """`value` with None for each number that is NaN or infinite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def columns_of(options: Options) -> tuple[str, ...]:
    """The columns to read; none means all."""
    return () if options.keep_all else (options.column, *options.keep)


def rows_of(batches: Iterable[Any], name: str, options: Options) -> Iterator[Row | Fault]:
    """The rows of Arrow tables or record batches."""
    import pyarrow as pa

    for batch in batches:
        names = batch.schema.names
        wanted = [name for name in names if name != options.column] if options.keep_all else list(options.keep)
        for column in (options.column, *wanted):
            if names.count(column) != 1:
                what = "no column" if column not in names else "more than one column"
                reason = f"{what} `{short(column)}`; the data has {listed(names)}"
                raise CorpusError(reason, name, cure=PASS_COLUMN if column == options.column else PASS_KEEP)
        columns = {column: batch[column] for column in (options.column, *wanted)}
        for column, values in columns.items():
            for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                _check_indices(chunk, column, name)
        for start in range(0, len(batch), _AT_ONCE):  # a run may be longer than memory could hold rows
            some = {called: column.slice(start, _AT_ONCE) for called, column in columns.items()}
            try:
                yield from _some_rows(some, options)
            except pa.ArrowException as error:  # an index that is none of its dictionary
                raise CorpusError(f"the Arrow data is damaged: {str(error)[:200]}", name) from error


def _as_text(column: Any) -> str | None:
    """A time as Arrow writes it, if it is too fine for Python; None if Arrow can't write it either."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type) and not pa.types.is_time(column.type):
        return None
    try:
        text: str = column.cast(pa.string()).to_pylist()[0]
    except pa.ArrowException:
        return None
    return None if text.startswith("<") else text


def _values(column: Any) -> list[Any]:
    """The values of a column as Python objects; times finer than microseconds, which Python can't hold, as text."""
    values: list[Any] = [_value(one) for one in column] if _has_nanoseconds(column.type) else column.to_pylist()
    return values


def _is_in_nanoseconds(of: Any) -> bool:
    import pyarrow as pa

    return of in (pa.time64("ns"), pa.duration("ns")) or (pa.types.is_timestamp(of) and of.unit == "ns")


def _has_nanoseconds(of: Any) -> bool:
    """Whether a type holds times in nanoseconds.

    pyarrow silently cuts times of day to microseconds, and turns others into objects of pandas, if that is installed.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(of) or pa.types.is_run_end_encoded(of):
        return _has_nanoseconds(of.value_type)
    inner = [of.field(number).type for number in range(of.num_fields)]
    return _is_in_nanoseconds(of) or any(map(_has_nanoseconds, inner))


def _value(scalar: Any) -> Any:
    import pyarrow as pa

    of = scalar.type
    if not scalar.is_valid or not _has_nanoseconds(of):
        return scalar.as_py()
    if _is_in_nanoseconds(of):
        return _in_nanoseconds(scalar)
    if pa.types.is_struct(of):
        return {of.field(number).name: _value(scalar[number]) for number in range(of.num_fields)}
    if pa.types.is_map(of):
        return [[_value(pair[0]), _value(pair[1])] for pair in scalar.values]
    if pa.types.is_dictionary(of) or pa.types.is_run_end_encoded(of):
        return _value(scalar.value)
    return [_value(one) for one in scalar.values] if hasattr(scalar, "values") else scalar.as_py()


def _in_nanoseconds(scalar: Any) -> str:
    """A time in Python's notation, with three more digits if it needs them."""
    import pyarrow as pa

    of, (micros, rest) = scalar.type, divmod(scalar.value, 1000)
    if of == pa.time64("ns"):
        coarse = pa.time64("us")
    else:
        coarse = pa.duration("us") if of == pa.duration("ns") else pa.timestamp("us", of.tz)
    value = pa.scalar(micros, coarse).as_py()
    zoned = isinstance(value, datetime.datetime) and value.tzinfo is not None
    text = str(value.replace(tzinfo=None) if zoned else value)
    zone = str(value)[len(text) :] if zoned else ""
    if rest:
        text += f"{rest:03d}" if "." in text else f".000000{rest:03d}"
    return text + zone


def _check_indices(array: Any, column: str, name: str) -> None:
    """Refuses indices for which a dictionary has no value; pyarrow would read whatever lies there in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(array.type):
        _check_indices(array.values, column, name)
    elif pa.types.is_dictionary(array.type):
        ends = pc.min_max(array.indices).as_py()
        count = len(array.dictionary)
        for index in (ends["min"], ends["max"]):
            if index is not None and not 0 <= index < count:
                raise CorpusError(
                    f"column `{short(column)}` is a dictionary of {counted(count, 'value')} but holds the index {index}; the "
                    "Arrow data is damaged",
                    name,
                )
        _check_indices(array.dictionary, column, name)


def _some_rows(columns: dict[str, Any], options: Options) -> Iterator[Row | Fault]:
    wanted = [name for name in columns if options.keep_all or name in options.keep]
    wanted = [name for name in wanted if name != options.column or name in options.keep]
    try:
        values = {name: _values(column) for name, column in columns.items()}
    except (UnicodeDecodeError, *_NO_VALUE):
        for row in range(len(columns[options.column])):
            yield _one_row({name: column.slice(row, 1) for name, column in columns.items()}, wanted, options)
        return
    for row, text in enumerate(values[options.column]):
        yield Row(text, json_of({name: values[name][row] for name in wanted}))


def _one_row(columns: dict[str, Any], wanted: list[str], options: Options) -> Row | Fault:
    """A row of a batch in which some value is not UTF-8, or can't be a Python object."""
    import pyarrow as pa

    values = {}
    for name, column in columns.items():
        try:
            values[name] = _values(column)[0]
        except UnicodeDecodeError as error:
            if not options.replace:
                found = error.object[error.start]
                reason = f"not UTF-8: byte 0x{found:02x} at byte {error.start} of column `{short(name)}`"
                replaced: Words = ("; pass ", Argument("on_error", ("replace",)), " to have U+FFFD there")
                return Fault(reason, replaced)
            if isinstance(column, pa.ChunkedArray):
                column = column.combine_chunks()
            while pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                return Fault(f"column `{short(name)}` holds bytes that are not UTF-8 inside {short(str(column.type))}")
            values[name] = column.cast(pa.large_binary()).to_pylist()[0].decode("utf-8", "replace")
        except _NO_VALUE:
            text = _as_text(column)
            if text is None:
                reason = f"column `{short(name)}` holds a {short(str(column.type))} that Python has no value for"
                return Fault(reason, ("; leave it out of ", Argument("keep")))
            values[name] = text
    return Row(values[options.column], json_of({name: values[name] for name in wanted}))
