"""Texts -> entities -> lines of JSON, a chunk at a time, beside the model rather than after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastpost import _fastpost
from fastpost.cli.failure import UsageError
from fastpost.entities.redact import redact
from fastpost.entities.result import Entities
from fastpost.jobs.texts import Texts
from fastpost.pipelines.entities import Chunk, EntityTask
from fastpost.pipelines.run import ItemError, Logits, Windows, run

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
        texts: the texts, with what comes along.
        done: texts that are left out, as they are done.
        batch_size: windows that the model is given at once.
        template: what spans are replaced by in the texts that are then written, too.
        progress: called with texts and tokens after each chunk.
    """
    job = pipe._file_job(batch_size)
    if isinstance(job, str):
        yield from _of_dicts(pipe, texts, done, template, progress)
        return
    task = _LinesTask(job.task, texts, template)
    yield from run(task.chunks(done), task, job.runner, job.batching, progress=progress)
    if task.rest.nulls:
        yield Lines(task.rest.end, task.rest.nulls, 0)


class _LinesTask:
    """Token classification of a chunk of texts whose one result is its lines.

    Texts that are null are not for the model: their lines are made with the head of the text behind them.
    """

    def __init__(self, task: EntityTask, texts: Texts, template: str | None) -> None:
        self._task, self._texts, self._template = task, texts, template
        self._heads: dict[int, _Heads] = {}
        self._numbers: dict[int, list[int]] = {}
        self.rest = _Heads()

    def chunks(self, done: int) -> Iterator[list[str]]:
        """The chunks of texts that are not null; their heads are kept until their entities come."""
        position = 0
        for batch in self._texts.batches(done):
            heads, self.rest = self.rest, _Heads()
            chunk: list[str] = []
            numbers: list[int] = []
            for head, text in zip(batch.heads, batch.texts, strict=True):
                if text is None:
                    heads.add_null({**head, **_null(self._texts, self._template)})
                    continue
                numbers.append(head["text_index"])
                heads.add(head)
                chunk.append(text)
            if not chunk:
                self.rest = heads
                continue
            self._heads[numbers[0]], self._numbers[position] = heads, numbers
            position += len(chunk)
            yield chunk

    def encode(self, items: list[str], first: int) -> Windows[Chunk]:
        numbers = self._numbers[first]
        for known in list(self._numbers):
            if known < first:
                del self._numbers[known]
        try:
            return self._task.encode(items, numbers[0])
        except ItemError as error:
            before = numbers[error.number] - error.number
            if before == numbers[0]:
                raise
        return self._task.encode(items, before)  # it fails again, under the number of its record

    def decode(self, windows: Windows[Chunk], logits: Logits) -> list[Lines]:
        chunk, entities = windows.info, self._task.entities(windows, logits)
        count = len(chunk.texts)
        heads = self._heads.pop(chunk.first)
        texts = None if self._template is None else _redacted(chunk.texts, entities, self._template)
        # A text that can't be encoded ends a chunk before its end.
        whole = count == len(heads.data)
        data = _fastpost.entity_lines(entities._table, heads.data[:count], texts, self._texts.text_name)
        lines = sum(heads.lines[:count]) + (heads.nulls if whole else 0)
        return [Lines(data + (heads.end if whole else b""), lines, len(entities))]


class _Heads:
    """What the lines of a chunk begin with, each behind the whole lines of null texts before it."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.lines: list[int] = []
        self.end = b""
        self.nulls = 0

    def add(self, head: Json) -> None:
        self.data.append(self.end + _dumped(head)[:-1])
        self.lines.append(self.nulls + 1)
        self.end, self.nulls = b"", 0

    def add_null(self, line: Json) -> None:
        self.end += _dumped(line) + b"\n"
        self.nulls += 1


def _dumped(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _null(texts: Texts, template: str | None) -> Json:
    """What the line of a null text says of it."""
    return {"entities": None} if template is None else {texts.text_name: None, "entities": None}


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
    for batch in texts.batches(done):
        given = [text for text in batch.texts if text is not None]
        found = iter(pipe(given) if given else ())
        rows = []
        for head, text in zip(batch.heads, batch.texts, strict=True):
            last = _null(texts, template) if text is None else _row(text, next(found), template, texts.text_name)
            rows.append({**head, **last})
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        progress(len(rows), 0)
        count = sum(len(row["entities"] or ()) for row in rows)
        yield Lines(data.encode("utf-8", "backslashreplace"), len(rows), count)


def _row(text: str, found: list[Json], template: str | None, name: str) -> Json:
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
    return {name: redact(text, entities, template).text, "entities": entities}
