"""Spark: entities and word counts of a `DataFrame`, each worker with a model of its own.

>>> df = df.mapInArrow(fastpost.spark.entities(model=folder), schema=fastpost.spark.schema(df))  # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from fastpost._inputs.bounds import listed, shown
from fastpost.exceptions import refuse
from fastpost.integrations.reader import EntityReader
from fastpost.integrations.tables import corpus, with_entities
from fastpost.tokenizers.train import WordCounts


def entities(
    model: Any, *, column: str = "text", output: str = "entities", **options: Any
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Makes a function for `DataFrame.mapInArrow` that adds the entities of its texts to each batch.

    The model is loaded once in each of Spark's Python workers, and stays there for the worker's later tasks.

    Args:
        model: a folder that every worker can read, an `.onnx` file or a name.
        column: the texts.
        output: the new column, see `schema`; `start` and `end` are characters of the text, end excluded, counted
            from 0. A text that is null has null.
        options: of the model: `backend`, `aggregation_strategy` (default: "average", which gives whole words), `compat`
            (default: "fastpost"; "transformers" gives the results of transformers), `batch_size`, and everything that
            `fastpost.pipeline` takes. A task that has a GPU (`spark.task.resource.gpu.amount`) runs the model there,
            and fails if torch or ONNX Runtime can't use it; `device` says otherwise.
    """

    def add_entities(batches: Iterator[Any]) -> Iterator[Any]:
        reader = _reader(model, {"gpu": _gpu(), **options})
        for batch in batches:
            yield with_entities(batch, reader, column, output)

    return add_entities


def schema(df: Any, output: str = "entities") -> Any:
    """The schema of `df` with the column that `entities` adds: an array of structs (start, end, label, score)."""
    from pyspark.sql import types

    one = types.StructType(
        [
            types.StructField("start", types.LongType()),
            types.StructField("end", types.LongType()),
            types.StructField("label", types.StringType()),
            types.StructField("score", types.FloatType()),
        ]
    )
    added = types.StructField(output, types.ArrayType(one))
    fields = [added if field.name == output else field for field in df.schema.fields]
    return types.StructType(fields if added in fields else [*fields, added])


def word_counts(df: Any, tokenizer: Any, *, column: str = "text", force: bool = False) -> WordCounts:
    """Counts the words of a `DataFrame`: each partition is counted where it lies, and the counts are merged here.

    >>> counts = fastpost.spark.word_counts(df, tokenizer)  # doctest: +SKIP
    >>> counts.train(52_000).save_pretrained("new-tokenizer")  # doctest: +SKIP

    Args:
        df: a `pyspark.sql.DataFrame`.
        tokenizer: as for `WordCounts`.
        column: the texts.
        force: whether to count even if the check of the corpus fails; see `train_new_from_iterator`.

    Raises:
        ValueError: if `tokenizer` is of a kind that only the tokenizers library trains, if there is no such
            column, or a check fails.
    """
    whole = WordCounts.from_corpus(tokenizer, (), force=force)
    if column not in df.columns:
        raise refuse(
            ValueError, f"`column` is {shown(column)}, but the columns are {listed(df.columns)}", argument="column"
        )

    def count(batches: Iterable[Any]) -> Iterator[Any]:
        counts = WordCounts.from_corpus(tokenizer, corpus(batches, column), threads=1, force=force)
        yield pa.record_batch({"counts": pa.array([counts.to_bytes()], pa.binary())})

    for row in df.select(column).mapInArrow(count, "counts binary").toLocalIterator():
        whole.merge(WordCounts.from_bytes(bytes(row["counts"]), tokenizer))
    return whole


def _gpu() -> int | None:
    """The GPU that Spark has given this task; `None` without one, or if its address is no number."""
    from pyspark import TaskContext

    context = TaskContext.get()
    resource = None if context is None else context.resources().get("gpu")
    address = resource.addresses[0] if resource is not None and resource.addresses else ""
    return int(address) if address.isdecimal() else None


_READERS: dict[str, EntityReader] = {}
"""Models of this worker, by their arguments."""


def _reader(model: Any, options: dict[str, Any]) -> EntityReader:
    key = json.dumps([str(model), options], sort_keys=True, default=repr)
    if key not in _READERS:
        _READERS[key] = EntityReader(model, **options)
    return _READERS[key]
