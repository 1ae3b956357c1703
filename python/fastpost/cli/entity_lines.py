"""Texts -> entities -> lines of JSON, a chunk at a time, beside the model rather than after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastpost import _fastpost
from fastpost.cli.failure import UsageError
from fastpost.cli.jobs import Texts
from fastpost.entities import Entities
from fastpost.pipelines.engine import Logits, Windows, run
from fastpost.pipelines.entity_task import Chunk, EntityTask
from fastpost.redaction import redact

Json = dict[str, Any]


class Lines(NamedTuple):
    """The lines of a chunk of texts, and how many texts and entities they hold."""

    data: bytes
    texts: int
    entities: int


def entity_lines(
    pipe: Any, texts: Texts, done: int, batch_size: int, template: str | None, progress: Callable[[int, int], None]
) -> Iterator[Lines]:
    """The lines of all texts after the first `done`, in order.

    While the model reads a chunk, the entities of the one before it are decoded and written as JSON on another
    thread, without a Python object for each. A pipeline that takes transformers' path has only dicts to give.

    Args:
        pipe: a token-classification pipeline.
        texts: the texts, with their ids.
        done: texts that are left out, as they are done.
        batch_size: windows that the model is given at once.
        template: what spans are replaced by in the texts that are then written, too.
        progress: called with texts and tokens after each chunk.
    """
    job = pipe._file_job(batch_size)
    if isinstance(job, str):
        yield from _of_dicts(pipe, texts, done, template, progress)
        return
    task = _LinesTask(job.task, done, template)
    yield from run(task.chunks(texts), task, job.runner, job.batching, progress=progress)


class _LinesTask:
    """Token classification of a chunk of texts whose one result is its lines."""

    def __init__(self, task: EntityTask, done: int, template: str | None) -> None:
        self._task, self._done, self._template = task, done, template
        self._ids: dict[int, list[str] | None] = {}

    def chunks(self, texts: Texts) -> Iterator[list[str]]:
        """The chunks of texts; their ids are kept until their entities come."""
        number = self._done
        for ids, chunk in texts.raw(self._done):
            self._ids[number] = ids
            number += len(chunk)
            yield chunk

    def encode(self, items: list[str], first: int) -> Windows[Chunk]:
        return self._task.encode(items, self._done + first)

    def decode(self, windows: Windows[Chunk], logits: Logits) -> list[Lines]:
        chunk, entities = windows.info, self._task.entities(windows, logits)
        count = len(chunk.texts)
        ids = self._ids.pop(chunk.first)
        # A text that can't be encoded ends a chunk before its end.
        ids = None if ids is None else ids[:count]
        texts = None if self._template is None else _redacted(chunk.texts, entities, self._template)
        return [Lines(_fastpost.entity_lines(entities._table, chunk.first, ids, texts), count, len(entities))]


def _redacted(texts: list[str], entities: Entities, template: str) -> list[str]:
    columns = (entities.text_index, entities.start, entities.end, entities.label_id, entities.score)
    by_text: list[list[Json]] = [[] for _ in texts]
    for text, start, end, label, score in zip(*(column.tolist() for column in columns), strict=True):
        by_text[text].append({"start": start, "end": end, "label": entities.labels[label], "score": score})
    return [redact(text, found, template).text for text, found in zip(texts, by_text, strict=True)]


def _of_dicts(
    pipe: Any, texts: Texts, done: int, template: str | None, progress: Callable[[int, int], None]
) -> Iterator[Lines]:
    """The lines of a pipeline that gives dicts only."""
    number = done
    for ids, chunk in texts.batches(done):
        rows = []
        for identity, text, found in zip(ids, chunk, pipe(chunk), strict=True):
            head = {"text_index": number} if texts.id_column is None else {"text_index": number, "id": identity}
            rows.append({**head, **_row(text, found, template)})
            number += 1
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        progress(len(rows), 0)
        count = sum(len(row["entities"]) for row in rows)
        yield Lines(data.encode("utf-8", "backslashreplace"), len(rows), count)


def _row(text: str, found: list[Json], template: str | None) -> Json:
    """What the line of a text says of it."""
    entities = [
        {
            "start": entity["start"],
            "end": entity["end"],
            "label": entity["entity_group"] if "entity_group" in entity else entity["entity"],
            "score": entity["score"],
            "word": entity["word"],
        }
        for entity in found
    ]
    if template is None:
        return {"entities": entities}
    for entity in entities:
        if entity["start"] is None:
            raise UsageError("--redact needs to know where entities lie, and the model's tokenizer does not tell")
        del entity["word"]
    return {"text": redact(text, entities, template).text, "entities": entities}
