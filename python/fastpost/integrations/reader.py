"""A model and its options -> a reader of lists of texts, which Presidio, spaCy, Ray and Spark all call."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastpost.entities.decoder import EntityDecoder
from fastpost.entities.options import BATCH_SIZE, COMPAT, STRATEGY, choose_strategy
from fastpost.exceptions import refuse
from fastpost.pipelines.open import pipeline


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
        aggregation_strategy: as in transformers; default: "average", which decides by whole words.
        compat: "fastpost" for its own entities, long texts in windows included;
            "transformers" for its results.
        batch_size: windows that the model is given at once, or "auto"; default: 32. `batch_tokens` among the options
            takes its place.
        gpu: the number of the GPU that an engine has set aside for this process: the model goes there, and is refused
            if it can't, unless `options` say where it goes.
        options: everything else that `fastpost.pipeline` takes.

    Raises:
        ValueError: if `gpu` is given but can't be used, or `model` is a pipeline and has its options already.
    """

    def __init__(
        self,
        model: Any,
        *,
        backend: str | None = None,
        aggregation_strategy: str = STRATEGY,
        compat: str = COMPAT,
        batch_size: int | str | None = None,
        gpu: int | None = None,
        **options: Any,
    ) -> None:
        if batch_size is None and options.get("batch_tokens") is None:
            batch_size = BATCH_SIZE
        settings = {"aggregation_strategy": aggregation_strategy, "compat": compat, "batch_size": batch_size}
        held = {name: copy.copy(value) if isinstance(value, _CHANGES) else value for name, value in options.items()}
        self._arguments = {"model": model, "backend": backend, "gpu": gpu, **settings, **held}
        self._process = os.getpid()
        self._call: dict[str, Any] = {}
        self._loads = not callable(model)
        if self._loads:
            given = gpu is not None and not options.keys() & {"device", "device_map", "providers"}
            place = {"device": gpu} if given else {}
            self._pipe: Any = pipeline("ner", model=model, backend=backend, **settings, **options, **place)
            if given and getattr(getattr(self._pipe, "device", None), "type", None) == "cpu":
                raise refuse(
                    ValueError,
                    f'this worker was given GPU {gpu}, but torch sees none; install torch for it, or pass device="cpu"',
                    argument="device",
                )
            return
        if options or backend is not None:
            raise refuse(
                ValueError,
                "`model` is a pipeline, which has its options already; give them to it, or pass its folder",
                argument="model",
            )
        self._pipe = model

    def __call__(self, texts: Sequence[str]) -> list[list[Found]]:
        """One list of entities for each text.

        Raises:
            ValueError: if the tokenizer does not tell where its tokens lie.
        """
        if not texts:
            return []
        if self._process != os.getpid() and self._loads:  # a session of ONNX Runtime does not survive a fork
            self.__init__(**self._arguments)  # type: ignore[misc]
        return [[_found(row) for row in rows] for rows in self._pipe(list(texts), **self._call)]

    def raise_threshold(self, threshold: float) -> None:
        """Makes a pipeline also leave out entities below `threshold`, if its entities are fastpost's own."""
        known = self._defaults
        if known.get("compat", "transformers") != COMPAT:
            return
        own = known.get("threshold", 0.0)
        if isinstance(own, Mapping):
            kinds = set(self.types.values()) | set(self.labels)
            self._call = {"threshold": {kind: max(own.get(kind, 0.0), threshold) for kind in kinds}}
        else:
            self._call = {"threshold": max(own, threshold)}

    @property
    def _defaults(self) -> dict[str, Any]:
        """The pipeline's defaults."""
        return getattr(self._pipe, "_postprocess_params", None) or getattr(self._pipe, "_defaults", {})

    @property
    def labels(self) -> tuple[str, ...]:
        """Names that its entities can have."""
        if not hasattr(self._pipe, "labels"):
            from fastpost.pipelines.torch.registry import accelerate

            return tuple(accelerate(self._pipe).labels)
        return tuple(self._pipe.labels)

    @property
    def types(self) -> dict[str, str]:
        """The type of each of `labels`: itself, or for `aggregation_strategy="none"` the label without its prefix."""
        labels = self.labels
        known = self._defaults
        strategy = choose_strategy(known.get("aggregation_strategy"), known.get("compat", "transformers"))
        if str(getattr(strategy, "value", strategy)).lower() != "none" or not labels:
            return {label: label for label in labels}
        return types_of(labels, known.get("scheme", "auto"))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._arguments,)


_CHANGES = (dict, list, set, np.ndarray)
"""Types of options that a caller may change afterwards; another process gets what was asked for."""


def types_of(labels: Sequence[str], scheme: str = "auto") -> dict[str, str]:
    """The type of each full label name."""
    try:
        layout = EntityDecoder(labels, scheme=scheme)._kernel.layout
    except ValueError:  # they fit no scheme
        return {label: label for label in labels}
    if layout is None:
        return {label: label for label in labels}
    between, is_last = layout
    # One letter and the separator between it and the type: "B-PER", "PER-B".
    width = 1 + len(between)
    return {
        label: (label[:-width] if is_last else label[width:]) if between in label and len(label) > width else label
        for label in labels
    }


def _found(row: dict[str, Any]) -> Found:
    """An entity from a dict of the pipeline, which describes a token with `aggregation_strategy="none"`."""
    if row["start"] is None:
        raise refuse(
            ValueError,
            "the model's tokenizer gives no offsets; use its fast tokenizer, which AutoTokenizer gives",
            argument="model",
        )
    return Found(
        row["start"], row["end"], row["entity_group"] if "entity_group" in row else row["entity"], row["score"]
    )


def _again(arguments: dict[str, Any]) -> EntityReader:
    """The reader that was pickled."""
    return EntityReader(**arguments)
