"""`compare`: where transformers' entities differ from the right ones, as a table and on a page."""

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
    app.command("compare")(guarded(options.takes_entity_options(("compat",))(takes_records(NOT_OF_PAGES)(compare))))


def compare(
    *,
    inputs: page.Input,
    running: Running,
    out: Annotated[str | None, typer.Option(help="Page to write, too: the texts that differ, in colour.")] = None,
    title: page.Title = None,
    reading: Reading,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to compare at most.")] = 1000,
    chosen: dict[str, Any],
    overwrite: page.Overwrite = False,
) -> None:
    """Print which entities differ between transformers and --compat right, and which rule made the difference.

    The model runs once. Without --stride, transformers reads the first window of a long text only.
    """
    running.check()
    chosen = options.with_defaults(chosen)
    target = None if out is None else page.PageFile(out, overwrite)
    texts, name = page.texts_of(inputs, most, "--texts", reading)
    import fastpost

    pipe = running.load("ner", **chosen)
    compared = fastpost.compare(pipe, texts)
    if out != "-":
        typer.echo(str(compared))
    if target is None:
        return
    differing = sorted({difference.text_index for difference in compared.differences})
    fragment = fastpost.render(
        [texts[n] for n in differing],
        [compared.transformers[n] for n in differing],
        other=[compared.right[n] for n in differing],
        names=("transformers", "fastpost"),
        title=f"{name if title is None else title}: {len(differing):,} of {len(texts):,} texts differ",
        captions=[f"text {number}" for number in differing],
    )
    target.write(fragment, name if title is None else title)
    tell(
        f"{len(compared):,} differences in {len(differing):,} of {len(texts):,} texts"
        + (f" -> {out}" if out != "-" else "")
    )
