"""spaCy: a model's entities in `doc.ents` or `doc.spans`.

>>> nlp.add_pipe("fastpost_ner", config={"model": folder})  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from fastpost._inputs.bounds import counted, listed, shown
from fastpost._warn import warn_caller
from fastpost.entities.options import BATCH_SIZE, COMPAT, STRATEGY
from fastpost.exceptions import refuse
from fastpost.integrations.reader import EntityReader, Found

_DEFAULTS: dict[str, Any] = {
    "spans_key": None,
    "alignment_mode": "expand",
    "label_mapping": {},
    "batch_size": BATCH_SIZE,
    "backend": None,
    "aggregation_strategy": STRATEGY,
    "compat": COMPAT,
    "options": {},
}


@Language.factory(
    "fastpost_ner",
    default_config=_DEFAULTS,
    assigns=["doc.ents", "doc.spans"],
)
class FastpostNer:
    """A token-classification model as a component; `nlp.add_pipe("fastpost_ner", config={"model": folder})`.

    Args:
        model: a folder, an `.onnx` file or a name. It is part of the pipeline's configuration, and is loaded from
            there again when the pipeline is.
        spans_key: where entities go: `doc.spans[spans_key]`, all of them, with their scores as the group's
            `attrs["scores"]`; `None` puts them into `doc.ents`, where entities can't overlap.
        alignment_mode: what becomes of an entity that begins or ends inside one of spaCy's tokens: "expand" takes the
            whole token, "contract" leaves it out, "strict" leaves the entity out. A warning counts the entities that
            are lost, also because another one is longer and in the same token, as in `0199,anna@example.org`.
        label_mapping: the model's label -> the label in spaCy; others keep theirs, without prefix for
            `aggregation_strategy="none"`.
        batch_size: windows that the model is given at once; `nlp.pipe` has its own, of texts.
        backend: "torch" or "onnxruntime"; default: the one that the folder is for.
        aggregation_strategy: as in transformers; default: "average", which gives whole words.
        compat: "fastpost" gives its own entities; "transformers" gives those of transformers.
        options: everything else that `fastpost.pipeline` takes, such as `{"device": "cuda:0"}`.

    Entities that `doc.ents` has already stay. Of two entities that overlap, the longer one stays.

    Raises:
        ValueError: if `alignment_mode` is not one of these, or `label_mapping` names a label that the model does not
            have.
    """

    def __init__(
        self,
        nlp: Language,  # noqa: ARG002 spaCy passes it
        name: str,
        model: str,
        spans_key: str | None,
        alignment_mode: Literal["strict", "contract", "expand"],
        label_mapping: dict[str, str],
        batch_size: int,
        backend: str | None,
        aggregation_strategy: str,
        compat: str,
        options: dict[str, Any],
    ) -> None:
        if alignment_mode not in ("strict", "contract", "expand"):
            raise refuse(
                ValueError,
                f'`alignment_mode` is {shown(alignment_mode)}; pass "strict", "contract" or "expand"',
                argument="alignment_mode",
            )
        if doubled := options.keys() & _DEFAULTS.keys():
            raise refuse(
                ValueError,
                f"`options` holds {shown(min(doubled))}, which is an argument of its own; pass it beside `options`",
                argument="options",
            )
        self.name = name
        self.spans_key = spans_key
        self.alignment_mode = alignment_mode
        self.label_mapping = label_mapping
        self._reader = EntityReader(
            model,
            backend=backend,
            aggregation_strategy=aggregation_strategy,
            compat=compat,
            batch_size=None if "batch_tokens" in options else batch_size,
            **options,
        )
        types = self._reader.types
        if unknown := label_mapping.keys() - types.keys() - set(types.values()):
            raise refuse(
                ValueError,
                f"`label_mapping` names {shown(min(unknown))}, but the model's labels are {listed(types)}",
                argument="label_mapping",
            )
        self._names = {label: label_mapping.get(label, label_mapping.get(kind, kind)) for label, kind in types.items()}

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that this component can give."""
        return tuple(dict.fromkeys(self._names.values()))

    def __call__(self, doc: Doc) -> Doc:
        """Sets the entities of one doc."""
        return self._set(doc, self._reader([doc.text])[0])

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """Sets the entities of docs, `batch_size` of which are read together."""
        for docs in minibatch(stream, batch_size):
            for doc, found in zip(docs, self._reader([doc.text for doc in docs])):
                yield self._set(doc, found)

    def _set(self, doc: Doc, found: list[Found]) -> Doc:
        spans, scores, lost = [], [], 0
        for one in found:
            label = self._names.get(one.label, one.label)
            span = doc.char_span(one.start, one.end, label=label, alignment_mode=self.alignment_mode)
            if span is None:
                lost += 1
                continue
            spans.append(span)
            scores.append(one.score)
        if lost:
            warn_caller(
                f'{lost} of {counted(len(found), "entity", "entities")} have no token of their own under alignment_mode="{self.alignment_mode}" '
                'and are left out; alignment_mode="expand" keeps them',
                through="spacy",
            )
        if self.spans_key is not None:
            doc.spans[self.spans_key] = spans
            doc.spans[self.spans_key].attrs["scores"] = np.array(scores, np.float32)
            return doc
        kept = filter_spans(spans)
        if dropped := len(spans) - len(kept):
            warn_caller(
                f"{dropped} of {counted(len(found), 'entity', 'entities')} share a token of spaCy's with a longer one and "
                "are left out, as `doc.ents` can't overlap; `spans_key` keeps them",
                through="spacy",
            )
        doc.ents = [*doc.ents, *_free(doc, kept)]
        return doc


def _free(doc: Doc, spans: list[Span]) -> list[Span]:
    """The entities that overlap none of those that `doc` has."""
    taken = {token.i for entity in doc.ents for token in entity}
    return [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
