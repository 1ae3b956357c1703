"""`ner`: entities of the texts of files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost.cli import entity_options as options
from fastpost.cli.failure import UsageError, counted, guarded, tell
from fastpost.cli.progress import Progress
from fastpost.jobs import texts as jobs
from fastpost.jobs.output import Json, Output
from fastpost.jobs.parts import Table


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("ner")(guarded(options.takes_entity_options()(ner)))


def ner(
    *,
    inputs: jobs.Inputs,
    model: jobs.Model,
    out: jobs.Out = "-",
    column: jobs.Column = None,
    id_column: jobs.IdColumn = None,
    keep_columns: jobs.KeepColumns = None,
    with_source: jobs.WithSource = False,
    chosen: dict[str, Any],
    redact: Annotated[
        str | None,
        typer.Option(help="Write the texts, too, with each span replaced by this: '[{label}]' or '[{label}_{n}]'."),
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

    The options from --scheme to --on-long-text need --compat right, which is the default: it finds whole words and
    reads long texts to their end, so that --redact leaves no half of a name.
    """
    jobs.check_model(model, backend)
    chosen = options.with_defaults(chosen, redact is not None)
    if redact is not None and chosen.get("on_long_text") == "truncate":
        raise UsageError(
            "--redact would write the end of long texts as it is with --on-long-text truncate; pass window or error"
        )
    if redact is not None and chosen["compat"] == "transformers" and chosen["aggregation_strategy"] == "none":
        raise UsageError(
            "--redact would write the end of long texts as it is: transformers reads no windows with --aggregation none; "
            "pass another, or --compat right"
        )
    if redact is not None:
        _check_template(redact)
    texts = jobs.Texts.of(
        inputs,
        out,
        column=column,
        id_column=id_column,
        keep_columns=keep_columns,
        with_source=with_source,
        split=split,
        format=format_,
        on_error=on_error,
        threads=threads,
        chunk_size=chunk_size,
        own=_OWN if redact is None else ("entities",),
        redacted=redact is not None,
    )
    settings = {"command": "ner", **jobs.model_job(model, backend, dtype), "redact": redact, **_flags(chosen)}
    table = _table(texts.copied, redact is not None, texts.text_name)
    with (
        Output(out, {**settings, **texts.job()}, resume=resume, overwrite=overwrite, table=table) as output,
        Progress(quiet, first=1000) as progress,
    ):
        texts.check()
        from fastpost.jobs.entities import entity_lines

        pipe = jobs.pipeline("ner", model, backend, device, dtype, batch_size=batch_size, **chosen)
        told = _Told(progress, output.done, output.found, texts.guessed())
        told.batch(0, 0)
        for lines in entity_lines(pipe, texts, output.done, batch_size, redact, told.chunk):
            output.write_lines(lines.data)
            told.batch(lines.texts, lines.entities)
        told.end()
        output.finish()
    texts.tell_missing()
    jobs.tell_left_out(texts.corpus)
    found, read = counted(told.entities, "entity", "entities"), counted(told.texts, "text")
    tell(f"{found} in {read}" + (f" -> {out}" if out != "-" else ""))


def _check_template(redact: str) -> None:
    from fastpost.entities.redact import template

    try:
        template(redact, "--redact")
    except ValueError as error:
        raise UsageError(str(error)) from error


def _flags(chosen: dict[str, Any]) -> dict[str, Any]:
    """Options of the pipeline under the names they have here: what must not change when a job is resumed."""
    names = {"aggregation_strategy": "aggregation"}
    return {names.get(name, name): value for name, value in chosen.items()}


class _Told:
    """The progress of the job, in words."""

    def __init__(self, progress: Progress, done: int, found: int, total: int | None) -> None:
        self.texts, self.entities, self.tokens = done, found, 0
        self._progress, self._total = progress, total

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


_OWN = ("entities", "start", "end", "label", "score", "word")
"""Names of what says an entity, in a line or a row."""


def _table(copied: tuple[str, ...], by_text: bool, text_name: str = "text") -> Table:
    """A row an entity; a row a text if texts are redacted."""

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

    return Table(fields, rows, lambda line: len(line["entities"] or ()), copied)
