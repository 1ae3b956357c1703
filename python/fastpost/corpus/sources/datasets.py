"""Data sets of Hugging Face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastpost._fastpost import TextReader
from fastpost.corpus.sources.options import Options, Reader, kind_of
from fastpost.corpus.sources.rows import columns_of, rows_of
from fastpost.corpus.sources.strings import StringReader


@dataclass
class Dataset:
    """A `datasets.Dataset` or `IterableDataset`, taken as Arrow tables."""

    dataset: Any
    once = None

    def open(self, options: Options) -> Reader:
        name = kind_of(self.dataset)
        if options.keeps:
            return StringReader(rows_of(self.tables(columns_of(options)), name, options), name, options, True)
        return TextReader.arrow(self.tables((options.column,)), name, options)

    def tables(self, columns: tuple[str, ...]) -> Iterator[Any]:
        dataset = self.dataset
        if columns and set(columns) <= set(dataset.column_names or ()):
            dataset = dataset.select_columns(list(dict.fromkeys(columns)))
        return iter(dataset.with_format("arrow").iter(batch_size=1000))
