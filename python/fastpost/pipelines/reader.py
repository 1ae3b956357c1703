"""A model and its options -> what reads lists of texts: the one thing that Presidio, spaCy, Ray and Spark all call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastpost.entities import EntityDecoder
from fastpost.pipelines.install import pipeline
from fastpost.pipelines.onnx_folder import _max_length

_STRIDE = 128
"""Tokens by which windows of a long text overlap, or a quarter of the window where that is less."""


class Found(NamedTuple):
    """One entity: its characters in the text, end excluded, its label and the label's probability."""

    start: int
    end: int
    label: str
    score: float


class EntityReader:
    """Entities of lists of texts, each text read to its end. Pickles as its arguments; a copy loads the model again.

    Args:
        model: a folder, an `.onnx` file, a name, or a pipeline such as `fastpost.pipeline("ner", ...)` gives, which
            is used as it is, without the options below.
        backend: "torch" or "onnxruntime"; default: "onnxruntime" for an `.onnx` file and for a folder that holds no
            other model, else "torch".
        aggregation_strategy: as in transformers; default: "average", which gives whole words.
        stride: tokens by which windows of a text overlap that is longer than the model; default: 128, or a quarter
            of what the model reads where that is less. `None` with "none", which transformers can't window.
        batch_size: windows that the model is given at once.
        options: everything else that `fastpost.pipeline` takes.
    """

    def __init__(
        self,
        model: Any,
        *,
        backend: str | None = None,
        aggregation_strategy: str = "average",
        stride: int | None = None,
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        self._arguments = {
            "model": model,
            "backend": backend,
            "aggregation_strategy": aggregation_strategy,
            "stride": stride,
            "batch_size": batch_size,
            **options,
        }
        self._call: dict[str, Any] = {}
        self._process = os.getpid()
        if callable(model):
            if options or backend is not None or stride is not None:
                raise ValueError(
                    "`model` is a pipeline, which has its options already; give them to it, or pass its folder"
                )
            self._pipe = model
            return
        settings = {"aggregation_strategy": aggregation_strategy, "batch_size": batch_size}
        if stride is not None:
            settings["stride"] = stride
        self._pipe = pipeline("ner", model=model, backend=backend or _backend_of(model), **settings, **options)
        self._call = settings
        limit = self._limit(given="tokenizer" in options)
        if stride is None and limit is not None and aggregation_strategy != "none":
            self._call = {**settings, "stride": min(_STRIDE, limit // 4)}

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """One list of entities a text.

        Raises:
            ValueError: if the tokenizer does not tell where its tokens lie.
        """
        if not texts:
            return []
        if self._process != os.getpid() and self._call:  # a session of ONNX Runtime does not survive a fork
            self.__init__(**self._arguments)  # type: ignore[misc]
        return [[_found(row) for row in rows] for rows in self._pipe(list(texts), **self._call)]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names that its entities can have."""
        folder = getattr(self._pipe, "_folder", None)
        id2label = self._pipe.model.config.id2label if folder is None else folder.id2label
        known: dict[str, Any] = getattr(self._pipe, "_postprocess_params", None) or getattr(self._pipe, "_defaults", {})
        strategy = self._call.get("aggregation_strategy", known.get("aggregation_strategy", "none"))
        ignored = known.get("ignore_labels")
        decoder = EntityDecoder(id2label, strategy=getattr(strategy, "value", strategy), compat="transformers")
        return tuple(name for name in decoder.labels if name not in (["O"] if ignored is None else ignored))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._arguments,)

    def _limit(self, given: bool) -> int | None:
        """Tokens that the model reads at once, which a tokenizer that is ours is told if it does not know."""
        folder = getattr(self._pipe, "_folder", None)
        if folder is not None:
            found: int | None = folder.model_max_length
            return found
        tokenizer = self._pipe.tokenizer
        limit = _max_length({"model_max_length": tokenizer.model_max_length}, self._pipe.model.config.to_dict())
        if limit is not None and not given:
            tokenizer.model_max_length = limit
        return limit


def _found(row: dict[str, Any]) -> Found:
    """An entity from the pipeline's dict, which is one of a token with `aggregation_strategy="none"`."""
    if row["start"] is None:
        raise ValueError("the model's tokenizer gives no offsets; use its fast tokenizer, which AutoTokenizer gives")
    return Found(
        row["start"], row["end"], row["entity_group"] if "entity_group" in row else row["entity"], row["score"]
    )


def _again(arguments: dict[str, Any]) -> EntityReader:
    """The reader that was pickled."""
    return EntityReader(**arguments)


def _backend_of(model: Any) -> str:
    """What runs a model: ONNX Runtime where there is nothing but an `.onnx` file."""
    path = Path(str(model))
    if path.suffix == ".onnx":
        return "onnxruntime"
    if not path.is_dir() or any(any(path.glob(pattern)) for pattern in ("*.safetensors", "*.bin")):
        return "torch"
    return "onnxruntime" if any(path.glob("*.onnx")) or any(path.glob("onnx/*.onnx")) else "torch"
