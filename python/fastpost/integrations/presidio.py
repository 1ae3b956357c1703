"""Presidio: a model's entities beside those of Presidio's own recognisers.

>>> analyzer.registry.add_recognizer(fastpost.presidio.FastpostRecognizer(model))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any

from presidio_analyzer import AnalysisExplanation, BatchAnalyzerEngine, LocalRecognizer, RecognizerResult

from fastpost._inputs import bounds
from fastpost._inputs.bounds import listed, shown
from fastpost.entities.options import COMPAT
from fastpost.exceptions import refuse
from fastpost.integrations.presidio_labels import LABEL_MAPPING, entity_of
from fastpost.integrations.reader import EntityReader, Found

__all__ = ["LABEL_MAPPING", "FastpostBatchAnalyzerEngine", "FastpostRecognizer"]

_AHEAD: ContextVar[dict[tuple[int, str], list[Found]] | None] = ContextVar("fastpost_presidio_ahead", default=None)
"""What `FastpostBatchAnalyzerEngine` has read already, by recogniser and text."""


class FastpostRecognizer(LocalRecognizer):  # type: ignore[misc]
    """A token-classification model as a recogniser.

    Args:
        model: a folder, an `.onnx` file, a name, or a pipeline such as `fastpost.pipeline("ner", ...)` gives.
        supported_language: the language that the model reads.
        label_mapping: the model's label -> Presidio's entity, or `None` for a label that is not reported. Other labels
            are looked up in `LABEL_MAPPING`, and keep their names if that lacks them, too. With
            `aggregation_strategy="none"` types stand for the labels that begin and continue them ("PER", "B-PER").
        supported_entities: entities to report; default: all that the model's labels map to.
        threshold: entities with a lower score are not reported, and in own mode give back what they took from others; a
            number, or in own mode one for each label. Presidio's own `score_threshold` comes afterwards: it gives
            nothing back.
        name, version, context: as in Presidio.
        options: of the model: `backend`, `aggregation_strategy` (default: "average", which gives whole words), `compat`
            (default: "fastpost"; "transformers" gives the results of transformers), `batch_size`, and everything that
            `fastpost.pipeline` takes.

    Scores are the model's probabilities. A text that is longer than the model is read in windows, to its end.

    Raises:
        ValueError: if the model has none of the `supported_entities`.
    """

    def __init__(
        self,
        model: Any,
        supported_language: str = "en",
        *,
        label_mapping: Mapping[str, str | None] | None = None,
        supported_entities: list[str] | None = None,
        threshold: float | Mapping[str, float] = 0.0,
        name: str = "FastpostRecognizer",
        version: str = "0.0.1",
        context: list[str] | None = None,
        **options: Any,
    ) -> None:
        given, threshold = threshold, 0.0 if isinstance(threshold, Mapping) else bounds.share("threshold", threshold)
        self.threshold = threshold
        # The decoder applies it, since it knows the model's labels, and what an entity that is left out has taken from
        # others.
        if isinstance(given, Mapping) or (
            threshold and options.get("compat", COMPAT) == COMPAT and not callable(model)
        ):
            options["threshold"] = given
        self._reader = EntityReader(model, **options)
        if threshold and callable(model):
            self._reader.raise_threshold(threshold)
        own = label_mapping or {}
        types = self._reader.types
        self.label_mapping: dict[str, str | None] = {
            label: own[label] if label in own else own[kind] if kind in own else entity_of(kind)
            for label, kind in types.items()
        }
        if unknown := own.keys() - types.keys() - set(types.values()):
            raise refuse(
                ValueError,
                f"`label_mapping` names {shown(min(unknown))}, but the model's labels are {listed(types)}",
                argument="label_mapping",
            )
        known = list(dict.fromkeys(entity for entity in self.label_mapping.values() if entity is not None))
        entities = known if supported_entities is None else list(supported_entities)
        if missing := set(entities) - set(known):
            raise refuse(
                ValueError,
                f"`supported_entities` names {shown(min(missing))}, but the model's labels map to {listed(known)}; "
                "map a label to it with `label_mapping`",
                argument="supported_entities",
            )
        super().__init__(
            supported_entities=entities,
            supported_language=supported_language,
            name=name,
            version=version,
            context=context,
        )

    def load(self) -> None:
        """Does nothing: the model is loaded with the recogniser."""

    def analyze(self, text: str, entities: list[str] | None = None, nlp_artifacts: Any = None) -> list[Any]:  # noqa: ARG002 Presidio passes it
        """Finds the `RecognizerResult`s of one text.

        Args:
            text: the text.
            entities: Presidio's names of what is wanted; default: all that are supported.
            nlp_artifacts: not needed.
        """
        known = (_AHEAD.get() or {}).get((id(self), text))
        return self._results(self._reader([text])[0] if known is None else known, entities)

    def analyze_batch(self, texts: list[str], entities: list[str] | None = None) -> list[list[Any]]:
        """Finds the `RecognizerResult`s of many texts, which the model reads in batches."""
        return [self._results(found, entities) for found in self._reader(texts)]

    def _results(self, found: list[Found], entities: list[str] | None) -> list[Any]:
        wanted = set(self.supported_entities) & set(entities or self.supported_entities)
        return [
            RecognizerResult(
                entity_type=kind,
                start=one.start,
                end=one.end,
                score=one.score,
                analysis_explanation=AnalysisExplanation(
                    recognizer=self.name,
                    original_score=one.score,
                    textual_explanation=f"the model's label is {one.label}",
                ),
                recognition_metadata={
                    RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                    RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                },
            )
            for one in found
            if (kind := self.label_mapping.get(one.label)) in wanted and one.score >= self.threshold
        ]


class FastpostBatchAnalyzerEngine(BatchAnalyzerEngine):  # type: ignore[misc]
    """Presidio's batch engine, in which the model of each `FastpostRecognizer` reads many texts at once.

    Presidio itself hands its recognisers one text at a time. Results are the same.
    """

    def analyze_iterator(
        self, texts: Iterable[Any], language: str, batch_size: int = 256, n_process: int = 1, **kwargs: Any
    ) -> list[list[Any]]:
        """As in Presidio; `batch_size` texts are read together."""
        registry = self.analyzer_engine.registry
        known = [*registry.recognizers, *(kwargs.get("ad_hoc_recognizers") or ())]
        ours = [one for one in known if isinstance(one, FastpostRecognizer) and one.supported_language == language]
        results: list[list[Any]] = []
        for chunk in _chunks(texts, batch_size):
            named = list(dict.fromkeys(str(text) for text in chunk))
            token = _AHEAD.set({(id(one), text): rows for one in ours for text, rows in zip(named, one._reader(named))})
            try:
                results += super().analyze_iterator(chunk, language, batch_size, n_process, **kwargs)
            finally:
                _AHEAD.reset(token)
        return results

    def analyze_dict(
        self,
        input_dict: dict[str, Any],
        language: str,
        keys_to_skip: list[str] | None = None,
        batch_size: int = 256,
        n_process: int = 1,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """As in Presidio; of a column, `batch_size` texts are read together."""
        yield from super().analyze_dict(input_dict, language, keys_to_skip, batch_size, n_process, **kwargs)


def _chunks(texts: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items."""
    source = iter(texts)
    while chunk := list(islice(source, max(size, 1))):
        yield chunk
