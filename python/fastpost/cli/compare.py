"""`compare`: where transformers' entities differ from the right ones, as a table and on a page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost.cli import entity_options as options
from fastpost.cli import page
from fastpost.cli.failure import guarded, tell
from fastpost.jobs import texts as jobs


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("compare")(guarded(options.takes_entity_options(("compat",))(compare)))


def compare(
    *,
    inputs: page.Input,
    model: jobs.Model,
    out: Annotated[str | None, typer.Option(help="Page to write, too: the texts that differ, in colour.")] = None,
    title: page.Title = None,
    column: jobs.Column = None,
    most: Annotated[int, typer.Option("--texts", min=1, help="Texts to compare at most.")] = 1000,
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
    """Print which entities differ between transformers and --compat right, and which rule made the difference.

    The model runs once. Without --stride, transformers reads the first window of a long text only.
    """
    jobs.check_model(model, backend)
    chosen = options.with_defaults(chosen)
    target = None if out is None else page.PageFile(out, overwrite)
    texts, name = page.texts_of(inputs, most, "--texts", column=column, split=split, format=format_, on_error=on_error)
    import fastpost

    pipe = jobs.pipeline("ner", model, backend, device, dtype, batch_size=batch_size, **chosen)
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
