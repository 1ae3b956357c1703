"""Texts of files -> entities -> lines of JSON or rows, a chunk at a time, beside the model rather than after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import shown, with_article
from fastpost.entities.redact import redact as redact_text
from fastpost.entities.redact import template as read_template
from fastpost.entities.result import Entities
from fastpost.exceptions import Argument, refuse
from fastpost.jobs.errors import JobError
from fastpost.jobs.lines import alike
from fastpost.jobs.output import Output, dump_json
from fastpost.jobs.parts import Refute, Table
from fastpost.jobs.texts import Reading, Texts
from fastpost.models.batches import Logits, Windows
from fastpost.pipelines.entities import Chunk, EntityTask
from fastpost.pipelines.run import ItemError, run

Json = dict[str, Any]


class Tally(NamedTuple):
    """How far a job is."""

    texts: int
    found: int
    """Entities or answers."""
    tokens: int
    """Tokens that the model has read in this run; 0 where nobody counts them."""
    total: int | None
    """About how many texts there are, if that is known; exact at the end."""
    ahead: int = 0
    """Texts, of `texts`, that the model has read and that are not written yet: what is in them is not in `found`."""

    def more(self, texts: int, found: int, tokens: int = 0) -> Tally:
        """A tally with so many more; `total` stays above what is done."""
        texts += self.texts
        total = None if self.total is None else max(self.total, texts + 1)
        return Tally(texts, found + self.found, tokens + self.tokens, total)

    def read_ahead(self, texts: int, tokens: int = 0) -> Tally:
        """A tally with so many more texts, none of which is written."""
        return self.more(texts, 0, tokens)._replace(ahead=texts)


@dataclass
class _Ahead:
    """What the model has read and the job has not yet written."""

    texts: int = 0
    tokens: int = 0


class EntityJob:
    """The entities of the texts of files, written as a line of JSON for each text, or as a Parquet file with a row for each entity.

    The output is claimed, and the first text of each file read, when the job is made, before a model has to be loaded.
    It is a context manager: if its block ends early, a later job can go on with what was written.

    Args:
        inputs: files, folders or globs; "-" is standard input.
        out: a name that ends with .jsonl or .parquet, or "-" for standard output.
        reading: how the files are read; default: a text a line, or the column `text`.
        redact: what each entity is replaced by in texts that are then written, too, a row for each text: "[{label}]".
        resume: whether to go on with an unfinished output.
        overwrite: whether to replace an output.
        settings: what must be the same for a job to go on with an output, such as the name of the model.

    Raises:
        JobError: if the output exists, and is neither to be resumed nor to be replaced.
        Finished: if the output is whole and `resume` is true.
        OSError, CorpusError: if a file can't be read.
    """

    def __init__(
        self,
        inputs: str | Sequence[str],
        out: str = "-",
        reading: Reading | None = None,
        *,
        redact: str | None = None,
        resume: bool = False,
        overwrite: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if redact is not None:
            if not isinstance(redact, str):
                told = f" is {shown(redact)}, {with_article(type(redact).__name__)}"
                raise refuse(TypeError, Argument("redact"), told, cure="pass a template such as '[{label}]', or none")
            try:
                read_template(redact, "`redact`")
            except ValueError as error:
                raise JobError(str(error)) from error
        self._redact = redact
        own = _OWN if redact is None else ("entities",)
        self.texts = texts = Texts.of(inputs, out, reading, own=own, redacted=redact is not None)
        table = entity_table(texts.copied, redact is not None, texts.text_name, texts.keep == "all")
        job = {"redact": redact, **(settings or {}), **texts.job()}

        def fits(line: Json, text: str | None) -> bool:
            return _fits(line, text, redact, texts.text_name)

        refute = Refute(
            lambda lines: texts.refute(lines, fits),
            lambda rows, lines: texts.refute_rows(rows, fits, None if redact is not None else "entities", lines),
        )
        self.output = Output(out, job, resume=resume, overwrite=overwrite, table=table, refute=refute)
        self.output.check(texts.check)

    def run(self, pipe: Any, progress: Callable[[Tally], object] = lambda _: None) -> Tally:
        """Writes the entities of all texts that are not written yet.

        Args:
            pipe: a token-classification pipeline; its `batch_size` is what the model is given at once.
            progress: called with how far the job is, before the first batch, after each, and at the end.
        """
        output, texts = self.output, self.texts
        tally = Tally(output.done, output.found, 0, texts.guessed())
        ahead = _Ahead()

        def count(items: int, tokens: int) -> None:
            ahead.texts, ahead.tokens = ahead.texts + items, ahead.tokens + tokens
            progress(tally.read_ahead(ahead.texts, ahead.tokens))

        progress(tally)
        for lines in entity_lines(pipe, texts, output.done, self._redact, count):
            output.write_lines(lines.data)
            tally = tally.more(lines.texts, lines.entities, ahead.tokens)
            ahead.texts, ahead.tokens = max(ahead.texts - lines.texts, 0), 0
            progress(tally.read_ahead(ahead.texts))
        tally = tally._replace(total=tally.texts)
        progress(tally)
        output.finish()
        texts.warn_missing()
        return tally

    def __enter__(self) -> EntityJob:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.output.__exit__(kind, error, trace)


_OWN = ("entities", "start", "end", "label", "score", "word")
"""Names of the fields of an entity, in a line or a row."""


def entity_table(copied: tuple[str, ...], by_text: bool, text_name: str = "text", keeps_all: bool = False) -> Table:
    """A row for each entity; a row for each text if texts are redacted."""
    columns = ("text_index", *copied, *((text_name,) if by_text else ()), "entities")

    def fields() -> list[tuple[str, Any]]:
        import pyarrow as pa

        label = pa.string() if by_text else pa.dictionary(pa.int32(), pa.string())
        span = [("start", pa.int64()), ("end", pa.int64()), ("label", label), ("score", pa.float32())]
        if by_text:
            return [("text_index", pa.int64()), (text_name, pa.string()), ("entities", pa.list_(pa.struct(span)))]
        return [("text_index", pa.int64()), *span, ("word", pa.string())]

    def rows(line: Json) -> list[Json]:
        if by_text:
            return [line]
        head = {name: value for name, value in line.items() if name != "entities"}
        return [{**head, **entity} for entity in line["entities"] or ()]

    def found(line: Json) -> int:
        """Raises `KeyError` for a line that no job writes, or that is redacted unlike those of this job."""
        entities = line["entities"] or ()
        if by_text and text_name not in line:
            raise KeyError(text_name)
        if any(("word" in entity) is by_text for entity in entities):
            raise KeyError("word")
        return len(entities)

    return Table(fields, rows, found, copied, columns, keeps_all)


class Lines(NamedTuple):
    """The lines of a chunk of texts, and how many texts and entities they hold."""

    data: bytes
    texts: int
    entities: int


def entity_lines(
    pipe: Any, texts: Texts, done: int, template: str | None, progress: Callable[[int, int], None]
) -> Iterator[Lines]:
    """The lines of all texts after the first `done`, in order.

    While the model reads a chunk, the entities of the one before it are decoded and written as JSON on another
    thread, without a Python object for each. A pipeline that takes transformers' path has only dicts to give.

    Args:
        pipe: a token-classification pipeline.
        texts: the texts, with what comes along.
        done: texts that are left out, as they are done.
        template: what spans are replaced by in the texts that are then written, too.
        progress: called with texts and tokens after each chunk.
    """
    job = pipe._file_job()
    if isinstance(job, str):
        yield from _of_dicts(pipe, texts, done, template, progress)
        return
    task = _LinesTask(job.task, texts, template)
    yield from run(task.chunks(done), task, job.runner, job.batching, progress=progress)
    if task.rest.nulls:
        yield Lines(task.rest.end, task.rest.nulls, 0)


class _LinesTask:
    """Token classification of a chunk of texts whose one result is its lines.

    The model does not get null texts: their lines are made with the head of the text that follows.
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
    """What the lines of a chunk begin with; each follows the whole lines of the null texts before it."""

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
    return dump_json(value).encode("utf-8", "backslashreplace")


def _null(texts: Texts, template: str | None) -> Json:
    """The fields of a null text's line."""
    return {"entities": None} if template is None else {texts.text_name: None, "entities": None}


def _redacted(texts: list[str], entities: Entities, template: str) -> list[str]:
    columns = (entities.text_index, entities.start, entities.end, entities.label_id, entities.score)
    by_text: list[list[Json]] = [[] for _ in texts]
    for text, start, end, label, score in zip(*(column.tolist() for column in columns), strict=True):
        by_text[text].append({"start": start, "end": end, "label": entities.labels[label], "score": score})
    return [redact_text(text, found, template).text for text, found in zip(texts, by_text, strict=True)]


def _fits(line: Json, text: str | None, template: str | None, name: str) -> bool:
    """Whether a line may belong to a text."""
    entities = line["entities"]
    if text is None or entities is None:
        return text is None and entities is None
    known = [entity for entity in entities if entity["start"] is not None]
    if any(entity["end"] > len(text) for entity in known):
        return False
    if template is None:
        return all(alike(entity["word"], text[entity["start"] : entity["end"]]) for entity in known)
    # A score was rounded when it was written, so that a template of scores can't be filled again.
    return "{score" in template or line[name] == redact_text(text, entities, template).text


def _of_dicts(
    pipe: Any, texts: Texts, done: int, template: str | None, progress: Callable[[int, int], None]
) -> Iterator[Lines]:
    """The lines from a pipeline that gives only dicts."""
    for batch in texts.batches(done):
        given = [text for text in batch.texts if text is not None]
        found = iter(pipe(given) if given else ())
        rows = []
        for head, text in zip(batch.heads, batch.texts, strict=True):
            last = _null(texts, template) if text is None else _row(text, next(found), template, texts.text_name)
            rows.append({**head, **last})
        data = "".join(f"{dump_json(row)}\n" for row in rows)
        progress(len(rows), 0)
        count = sum(len(row["entities"] or ()) for row in rows)
        yield Lines(data.encode("utf-8", "backslashreplace"), len(rows), count)


def _row(text: str, found: list[Json], template: str | None, name: str) -> Json:
    """The fields of a text's line."""
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
            raise refuse(
                JobError,
                Argument("redact"),
                " needs to know where entities lie, and the model's tokenizer does not tell",
            )
        del entity["word"]
    return {name: redact_text(text, entities, template).text, "entities": entities}
