"""`view`: entities of texts in colour, on a page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli import entity_options as options
from fastpost.cli import page
from fastpost.cli.failure import guarded
from fastpost.cli.help import Command
from fastpost.cli.options import NOT_OF_PAGES, Running, Showing, takes_records
from fastpost.cli.progress import Progress
from fastpost.jobs.texts import Reading


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("view", cls=Command)(guarded(options.takes_entity_options()(takes_records(NOT_OF_PAGES)(view))))


def view(
    *,
    inputs: page.Input,
    running: Running,
    out: page.Page = "-",
    showing: Showing,
    reading: Reading,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to show at most.")] = 100,
    chosen: dict[str, Any],
) -> None:
    """Show the entities of texts in colour, on one HTML page that needs nothing else."""
    running.check()
    chosen = options.with_defaults(chosen)
    target = page.PageFile(out, showing.overwrite)
    shown = page.texts_of(inputs, most, reading)
    from fastpost.entities.render import render

    with Progress(showing.quiet) as progress:
        progress.load(running.model)
        pipe = running.load("ner", **chosen)
        found = pipe(shown.texts, progress=progress.count("view", len(shown.texts)))
    title = shown.title if showing.title is None else showing.title
    above = f"{title} ({shown.note})" if shown.note else title
    captions = shown.names if len(shown.texts) > 1 else None
    target.write(render(shown.texts, found, title=above, captions=captions), title)
    entities, texts = counted(sum(map(len, found)), "entity", "entities"), counted(len(shown.texts), "text")
    page.tell_done(f"{entities} in {texts}", shown, out)
