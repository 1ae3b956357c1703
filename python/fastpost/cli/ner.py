"""`ner`: entities of the texts of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fastpost.cli import jobs
from fastpost.cli.failure import UsageError, guarded, tell
from fastpost.cli.output import Json, Output, as_type, id_type, read_lines
from fastpost.cli.progress import Progress


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("ner")(guarded(ner))


def ner(
    inputs: jobs.Inputs,
    model: jobs.Model,
    out: jobs.Out = "-",
    column: jobs.Column = "text",
    id_column: jobs.IdColumn = None,
    aggregation: Annotated[
        Literal["none", "simple", "first", "average", "max"], typer.Option(help="How tokens become entities.")
    ] = "simple",
    stride: Annotated[
        int | None,
        typer.Option(min=0, help="Tokens by which windows of long texts overlap; 64, with none there are no windows."),
    ] = None,
    redact: Annotated[
        str | None, typer.Option(help="Write the texts, too, with each span replaced by this: '[{label}]'.")
    ] = None,
    batch_size: jobs.BatchSize = 32,
    chunk_size: jobs.ChunkSize = jobs.CHUNK,
    device: jobs.Device = None,
    dtype: jobs.Dtype = None,
    backend: jobs.Backend = None,
    split: jobs.Split = "line",
    format_: jobs.Format = None,
    on_error: jobs.OnError = "raise",
    threads: jobs.Threads = None,
    resume: jobs.Resume = False,
    overwrite: jobs.Overwrite = False,
    quiet: jobs.Quiet = False,
) -> None:
    """Find the entities of texts: a line of JSON a text, or a Parquet file with a row an entity.

    With --redact the texts are written with every detected span replaced, and without the words that were found;
    start and end count in the original text. A Parquet file then has a row a text.
    """
    if stride is not None and aggregation == "none":
        raise UsageError("--stride needs an --aggregation other than none")
    if stride is None and aggregation != "none":
        stride = 64
    texts = jobs.Texts.of(inputs, column, id_column, split, format_, on_error, threads, chunk_size)
    settings = {"command": "ner", "model": model, "aggregation": aggregation, "stride": stride, "redact": redact}
    with (
        Output(out, {**settings, **texts.job()}, resume=resume, overwrite=overwrite, table=_table) as output,
        Progress(quiet, first=1000) as progress,
    ):
        pipe = jobs.pipeline(
            "ner", model, backend, device, dtype, aggregation_strategy=aggregation, stride=stride, batch_size=batch_size
        )
        told = _Told(progress, output.done, texts.guessed())
        told.batch(0, 0)
        for ids, batch in texts.batches(output.done):
            first = told.texts
            found = pipe(batch, progress=told.chunk)
            rows = [_row(n, *one, redact) for n, one in enumerate(zip(ids, batch, found, strict=True), first)]
            if id_column is None:
                for row in rows:
                    del row["id"]
            output.write(rows)
            told.batch(len(batch), sum(len(row["entities"]) for row in rows))
        told.end()
        output.finish()
    stats = texts.corpus.stats
    if stats.skipped:
        tell(f"{stats.skipped:,} records or files were left out, first: {'; '.join(stats.reasons[:3])}")
    tell(f"{told.entities:,} entities in {told.texts - output.done:,} texts" + (f" -> {out}" if out != "-" else ""))


class _Told:
    """The progress of the job, in words."""

    def __init__(self, progress: Progress, done: int, total: int | None) -> None:
        self.texts, self.entities, self.tokens = done, 0, 0
        self._progress, self._total, self._before = progress, total, done

    def chunk(self, items: int, tokens: int) -> None:
        del items
        self.tokens += tokens

    def batch(self, texts: int, entities: int) -> None:
        self.texts += texts
        self.entities += entities
        self._show(None if self._total is None else max(self._total, self.texts + 1))

    def end(self) -> None:
        self._show(self.texts)

    def _show(self, total: int | None) -> None:
        rate = self._progress.rate(self.tokens, "ner")
        text = f"{self.texts:,} texts, {rate:,.0f} tokens/s, {self.entities:,} entities"
        self._progress("ner", self.texts, total, text)


def _row(number: int, identity: Any, text: str, found: list[Json], redact: str | None) -> Json:
    """The line of one text."""
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
    if redact is None:
        return {"text_index": number, "id": identity, "entities": entities}
    for entity in entities:
        del entity["word"]
    return {"text_index": number, "id": identity, "text": redacted(text, entities, redact), "entities": entities}


def redacted(text: str, entities: list[Json], template: str) -> str:
    """`text` with every span replaced by `template`, in which `{label}` is the entity's label.

    Spans that overlap are replaced together, under the label of the one with the highest score; so are spans of
    one label that touch.
    """
    pieces, at = [], 0
    spans = sorted((entity for entity in entities), key=lambda entity: (entity["start"], entity["end"]))
    while spans:
        together = [spans.pop(0)]
        start, end = together[0]["start"], together[0]["end"]
        while spans and (
            spans[0]["start"] < end or (spans[0]["start"] == end and spans[0]["label"] == together[-1]["label"])
        ):
            together.append(spans.pop(0))
            end = max(end, together[-1]["end"])
        label = max(together, key=lambda entity: entity["score"])["label"]
        pieces += [text[at:start], template.replace("{label}", label)]
        at = end
    return "".join(pieces) + text[at:]


def _table(lines: Path, out: Path) -> None:
    """The lines as Parquet: a row an entity; a row a text if texts are redacted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.dictionary(pa.int32(), pa.string())
    span = [("start", pa.int64()), ("end", pa.int64()), ("label", label), ("score", pa.float32())]
    identity = id_type(read_lines(lines))
    head = [("text_index", pa.int64()), *([] if identity is None else [("id", identity)])]
    first = next(read_lines(lines, 1), [{}])[0]
    by_text = "text" in first
    if by_text:
        plain = [(name, pa.string() if name == "label" else kind) for name, kind in span]
        schema = pa.schema([*head, ("text", pa.string()), ("entities", pa.list_(pa.struct(plain)))])
    else:
        schema = pa.schema([*head, *span, ("word", pa.string())])
    with pq.ParquetWriter(out, schema) as writer:
        for batch in read_lines(lines):
            for row in batch:
                if identity is not None:
                    row["id"] = as_type(row["id"], identity)
            if not by_text:
                batch = [
                    {"text_index": row["text_index"], "id": row.get("id"), **entity}
                    for row in batch
                    for entity in row["entities"]
                ]
            writer.write_table(pa.Table.from_pylist(batch, schema))
