"""`ner_udf`: token classification as a function of batches of records, for Hugging Face `datasets`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastpost._inputs.bounds import listed, short, with_article
from fastpost.entities.options import BATCH_SIZE, COMPAT
from fastpost.exceptions import Argument, refuse
from fastpost.pipelines.sizes import check_batches

if TYPE_CHECKING:
    import datasets

__all__ = ["ner_udf"]


def ner_udf(
    model: Any,
    *,
    column: str = "text",
    output: str = "entities",
    aggregation_strategy: str | None = None,
    batch_size: int | str | None = None,
    call: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> EntityFunction:
    """Makes a function for `datasets.Dataset.map` that adds the entities of each text as a column.

    ```python
    find = fastpost.ner_udf("path/or/name")
    dataset = dataset.map(find, batched=True)
    ```
    A column holds, for each text, a list of records of `start`, `end` (int64), `label` (string) and `score` (float32);
    for a text that is null, it holds null. Entities are those of `compat="fastpost"`, as everywhere but in pipelines,
    which stand in for those of transformers. The dataset may be in any format: "arrow", "pandas", "polars", "numpy",
    "torch".

    Args:
        model: the name or folder of a model, loaded once in each process when the first batch comes; or a pipeline.
        column: the column that holds the texts.
        output: the name of the new column.
        aggregation_strategy: how tokens become entities; default: "average", or what a given pipeline has.
        batch_size: windows that the model is given at once, or "auto"; default: 32. `batch_tokens` in `call` or
            `kwargs` takes its place.
        call: what else the pipeline is called with (`stride`, `ignore_labels`).
        kwargs: what else `fastpost.pipeline` is called with (`device`, `dtype`, `backend`; `compat`, and the options of
            `fastpost.EntityDecoder`), where `model` is a name.

    Raises:
        TypeError: if `kwargs` are given together with a pipeline, as it is made already.
        ValueError: if both `batch_size` and `batch_tokens` are given.
    """
    if callable(model) and kwargs:
        name = next(iter(kwargs))
        told = f"`{name}` is given, but `model` is a pipeline, which is made already; pass it there"
        raise refuse(TypeError, told, argument=name)
    options = dict(call or {})
    check_batches({"batch_size": batch_size, **kwargs, **options})
    if batch_size is None and "batch_tokens" not in {**options, **kwargs}:
        batch_size = BATCH_SIZE
    if batch_size is not None:
        options.setdefault("batch_size", batch_size)
    if aggregation_strategy is not None:
        options.setdefault("aggregation_strategy", aggregation_strategy)
    return EntityFunction(model, column, output, options, kwargs)


class EntityFunction:
    """What `ner_udf` returns. A pickle of it holds its arguments alone, so that each process loads its own model."""

    def __init__(
        self, model: Any, column: str, output: str, options: dict[str, Any], arguments: dict[str, Any]
    ) -> None:
        self.model, self.column, self.output = model, column, output
        self.options, self.arguments = options, arguments
        self._pipe: Any = model if callable(model) else None

    def __call__(self, batch: Any) -> Any:
        """Records of lists in, a record of one list out; a table or data frame in, an Arrow table with the column out."""
        if isinstance(batch, Mapping):
            return {self.output: _Entities(self._entities(self._column(batch, list(batch))))}
        return self._table(batch)

    def features(self, features: Mapping[str, Any] | None = None) -> datasets.Features:
        """`features` and the new column, for the argument of `map`: an empty list does not show its type."""
        try:
            from datasets import Features, Value
        except ModuleNotFoundError as error:
            raise ImportError("`features()` needs datasets; pip install datasets") from error
        record = {
            "start": Value("int64"),
            "end": Value("int64"),
            "label": Value("string"),
            "score": Value("float32"),
        }
        return Features({**(features or {}), self.output: [record]})

    def _table(self, table: Any) -> Any:
        import pyarrow as pa

        if hasattr(table, "to_arrow") and hasattr(table, "columns"):  # polars
            table = table.to_arrow()
        elif hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas
            table = pa.Table.from_pandas(table, preserve_index=False)
        elif not hasattr(table, "append_column"):
            raise refuse(
                TypeError,
                f"the batch is {with_article(type(table).__name__)}, not records of lists, a data frame or an Arrow table; call map "
                "with batched=True",
            )
        texts = self._column(table, table.column_names).to_pylist()
        column = pa.array(_Entities(self._entities(texts)))
        if self.output in table.column_names:
            return table.set_column(table.column_names.index(self.output), self.output, column)
        return table.append_column(self.output, column)

    def _column(self, batch: Any, names: list[str]) -> Any:
        if self.column not in names:
            reason = f"the batch has no column `{short(self.column)}`; it has {listed(names)}"
            raise refuse(ValueError, reason, cure=(". Pass ", Argument("column")))
        texts = batch[self.column]
        if texts is None or isinstance(texts, str):
            raise refuse(TypeError, "the batch is a single record; call map with batched=True", argument="batched")
        return texts

    def _entities(self, texts: Any) -> list[list[dict[str, Any]] | None]:
        if self._pipe is None:
            from fastpost.pipelines.open import pipeline

            # Labels to ignore are those of the strategy, so it is told when the pipeline is made.
            told = {name: self.options[name] for name in ("aggregation_strategy",) if name in self.options}
            self._pipe = pipeline("ner", model=self.model, **{"compat": COMPAT, **self.arguments, **told})
        texts = [None if _is_null(text) else text for text in texts]
        there = [text for text in texts if text is not None]
        found = iter(self._pipe(there, **self.options) if there else ())
        return [None if text is None else list(map(_record, next(found))) for text in texts]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pipe": self.model if callable(self.model) else None}

    def __repr__(self) -> str:
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        return f"<ner_udf: {model}, column {self.column!r} -> {self.output!r}>"


class _Entities(list[Any]):
    """The entities of texts. It gives Arrow their type, which empty lists and nulls do not show."""

    def __arrow_array__(self, type: Any = None) -> Any:  # noqa: A002  (pyarrow's name)
        import pyarrow as pa

        record = pa.struct(
            [("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("score", pa.float32())]
        )
        return pa.array(list(self), type or pa.list_(record))


def _is_null(text: Any) -> bool:
    """Whether a text is null, in the sense of Python, NumPy or pandas."""
    return text is None or (isinstance(text, float) and math.isnan(text)) or type(text).__name__ == "NAType"


def _record(entity: Mapping[str, Any]) -> dict[str, Any]:
    """An entity as the column holds it."""
    label = entity["entity_group"] if "entity_group" in entity else entity["entity"]
    return {"start": entity["start"], "end": entity["end"], "label": label, "score": float(entity["score"])}
