"""`view`: entities of texts in colour, on a page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost.cli import entity_options as options
from fastpost.cli import page
from fastpost.cli.failure import guarded, tell
from fastpost.jobs import texts as jobs


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("view")(guarded(options.takes_entity_options()(view)))


def view(
    *,
    inputs: page.Input,
    model: jobs.Model,
    out: page.Page = "-",
    title: page.Title = None,
    column: jobs.Column = None,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to show at most.")] = 100,
    chosen: dict[str, Any],
    batch_size: jobs.BatchSize = 32,
    device: jobs.Device = None,
    dtype: jobs.Dtype = None,
    backend: jobs.Backend = None,
    split: jobs.Split = "line",
    format_: jobs.Format = None,
    on_error: jobs.OnError = "raise",
    overwrite: jobs.Overwrite = False,
) -> None:
    """Show the entities of texts in colour, on one HTML page that needs nothing else."""
    jobs.check_model(model, backend)
    chosen = options.with_defaults(chosen)
    target = page.PageFile(out, overwrite)
    texts, name = page.texts_of(inputs, most, "--texts", column=column, split=split, format=format_, on_error=on_error)
    from fastpost import render

    pipe = jobs.pipeline("ner", model, backend, device, dtype, batch_size=batch_size, **chosen)
    found = pipe(texts)
    title = name if title is None else title
    captions = [f"text {number}" for number in range(len(texts))] if len(texts) > 1 else None
    target.write(render(texts, found, title=title, captions=captions), title)
    tell(f"{sum(map(len, found)):,} entities in {len(texts):,} texts" + (f" -> {out}" if out != "-" else ""))
