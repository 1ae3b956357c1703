"""Ray Data: entities and word counts of a `ray.data.Dataset`, each worker with a model of its own.

>>> ds = ds.map_batches(  # doctest: +SKIP
...     fastpost.ray.EntityPredictor, fn_constructor_kwargs={"model": folder}, batch_format="pyarrow", concurrency=2
... )
"""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa

from fastpost.integrations.reader import EntityReader
from fastpost.integrations.tables import corpus, with_entities
from fastpost.tokenizers.train import WordCounts


class EntityPredictor:
    """Adds the entities of its texts to each batch; for `Dataset.map_batches` with `batch_format="pyarrow"`.

    Args:
        model: a folder that every worker can read, an `.onnx` file or a name.
        column: the texts.
        output: the new column, `list<struct<start, end, label, score>>`: characters of the text, end excluded. A
            text that is null has null.
        options: of the model: `backend`, `aggregation_strategy` (default: "average", which gives whole words), `compat`
            (default: "fastpost"; "transformers" gives the results of transformers), `batch_size` (windows that the
            model is given at once; that of `map_batches` counts texts), and everything that `fastpost.pipeline` takes.
            A worker that has a GPU (`num_gpus` of `map_batches`) runs the model there; `device` says otherwise.

    Raises:
        ValueError: if the worker has a GPU that torch or ONNX Runtime can't use.
    """

    def __init__(self, model: Any, *, column: str = "text", output: str = "entities", **options: Any) -> None:
        self.column = column
        self.output = output
        self._reader = EntityReader(model, gpu=0 if _has_gpu() else None, **options)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The batch with one more column."""
        return with_entities(batch, self._reader, self.column, self.output)


def _has_gpu() -> bool:
    """Whether Ray has given this worker a GPU; then it sees no others, so that its own is number 0."""
    engine = sys.modules.get("ray")
    if engine is None or not engine.is_initialized():
        return False
    context = engine.get_runtime_context()
    return context.worker.mode == engine.WORKER_MODE and bool(context.get_accelerator_ids().get("GPU"))


class WordCounter:
    """Counts the words of each batch; for `Dataset.map_batches` with `batch_format="pyarrow"`.

    It gives one row for each batch, `counts`, as binary: what `WordCounts.from_bytes` reads. `word_counts` merges them.

    Args:
        tokenizer: as for `WordCounts`.
        column: the texts.
        force: whether to count even if the check of the corpus fails; see `train_new_from_iterator`.
    """

    def __init__(self, tokenizer: Any, *, column: str = "text", force: bool = False) -> None:
        self.tokenizer = tokenizer
        self.column = column
        self.force = force

    def __call__(self, batch: pa.Table) -> pa.Table:
        """One row for the batch."""
        counts = WordCounts.from_corpus(self.tokenizer, corpus([batch], self.column), threads=1, force=self.force)
        return pa.table({"counts": pa.array([counts.to_bytes()], pa.large_binary())})


def word_counts(
    dataset: Any, tokenizer: Any, *, column: str = "text", force: bool = False, **options: Any
) -> WordCounts:
    """Counts the words of a dataset: each block is counted where it lies, and the counts are merged here.

    >>> counts = fastpost.ray.word_counts(ds, tokenizer)  # doctest: +SKIP
    >>> counts.train(52_000).save_pretrained("new-tokenizer")  # doctest: +SKIP

    Args:
        dataset: a `ray.data.Dataset`.
        tokenizer, column, force: as for `WordCounter`.
        options: of `Dataset.map_batches`, such as `concurrency` (default: 1 to 16 workers, as there is room) and
            `batch_size` (default: a block).

    Raises:
        ValueError: if `tokenizer` is of a kind that only the tokenizers library trains, or a check fails.
    """
    whole = WordCounts.from_corpus(tokenizer, (), force=force)
    options = {"concurrency": (1, 16), "batch_size": None, **options}
    parts = dataset.map_batches(
        WordCounter,
        fn_constructor_kwargs={"tokenizer": tokenizer, "column": column, "force": force},
        batch_format="pyarrow",
        **options,
    )
    for row in parts.iter_rows():
        whole.merge(WordCounts.from_bytes(row["counts"], tokenizer))
    return whole
