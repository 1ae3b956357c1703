"""`compare`: where transformers' entities differ from fastpost's, as a table and on a page."""

from __future__ import annotations

import shutil
import sys
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

_NARROWEST = 40
"""The fewest columns of a table; a terminal may have fewer, but then no word fits."""


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("compare", cls=Command)(
        guarded(options.takes_entity_options(("compat",))(takes_records(NOT_OF_PAGES)(compare)))
    )


def compare(
    *,
    inputs: page.Input,
    running: Running,
    out: Annotated[str | None, typer.Option(help="Page to write as well: the texts that differ, in colour.")] = None,
    showing: Showing,
    reading: Reading,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to compare at most.")] = 1000,
    chosen: dict[str, Any],
) -> None:
    """Print where transformers and fastpost find different entities, and which rule makes the difference.

    The model runs once. Without --stride, transformers reads the first window of a long text only. Of the rules, "word"
    says that the place is the same and the word is not, "snap" that an entity is widened to whole words, "join" that
    pieces of one thing are one entity; the page "When transformers is wrong" has them all.
    """
    running.check()
    chosen = options.with_defaults(chosen)
    target = None if out is None else page.PageFile(out, showing.overwrite)
    shown = page.texts_of(inputs, most, reading)
    from fastpost.pipelines.compare import compare as compare_texts
    from fastpost.pipelines.compare import show_differences

    with Progress(showing.quiet) as progress:
        progress.load(running.model)
        pipe = running.load("ner", **chosen)
        compared = compare_texts(pipe, shown.texts, progress=progress.count("compare", len(shown.texts)))
    if out != "-":
        columns = max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST) if sys.stdout.isatty() else 80
        typer.echo(compared.table(columns, [name.removeprefix("text ") for name in shown.names]))
    if target is not None:
        title = shown.title if showing.title is None else showing.title
        above = f"{title} ({shown.note})" if shown.note else title
        target.write(show_differences(compared, title=above, names=shown.names), title)
    if target is not None or shown.note:
        found = counted(len(compared), "difference")
        texts = counted(len(shown.texts), "text")
        texts = texts if len(shown.texts) == 1 else f"{len(compared.differing):,} of {texts}"
        page.tell_done(f"{found} in {texts}", shown, "-" if out is None else out)
