"""`view`: entities of texts in colour, on a page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost.cli import entity_options as options
from fastpost.cli import page
from fastpost.cli.failure import guarded, tell
from fastpost.cli.options import NOT_OF_PAGES, Running, takes_records
from fastpost.jobs.texts import Reading


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("view")(guarded(options.takes_entity_options()(takes_records(NOT_OF_PAGES)(view))))


def view(
    *,
    inputs: page.Input,
    running: Running,
    out: page.Page = "-",
    title: page.Title = None,
    reading: Reading,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to show at most.")] = 100,
    chosen: dict[str, Any],
    overwrite: page.Overwrite = False,
) -> None:
    """Show the entities of texts in colour, on one HTML page that needs nothing else."""
    running.check()
    chosen = options.with_defaults(chosen)
    target = page.PageFile(out, overwrite)
    texts, name = page.texts_of(inputs, most, "--texts", reading)
    from fastpost import render

    pipe = running.load("ner", **chosen)
    found = pipe(texts)
    title = name if title is None else title
    captions = [f"text {number}" for number in range(len(texts))] if len(texts) > 1 else None
    target.write(render(texts, found, title=title, captions=captions), title)
    tell(f"{sum(map(len, found)):,} entities in {len(texts):,} texts" + (f" -> {out}" if out != "-" else ""))
