"""`ner`: entities of the texts of files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli import entity_options as options
from fastpost.cli.failure import UsageError, guarded, note
from fastpost.cli.help import Command
from fastpost.cli.options import Inputs, Running, Writing, takes_records, tell_left_out
from fastpost.cli.progress import Progress
from fastpost.jobs.texts import Reading


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("ner", cls=Command)(guarded(options.takes_entity_options()(takes_records()(ner))))


def ner(
    *,
    inputs: Inputs,
    running: Running,
    writing: Writing,
    reading: Reading,
    chosen: dict[str, Any],
    redact: Annotated[
        str | None,
        typer.Option(help="Write the texts, too, with each span replaced by this: '[{label}]' or '[{label}_{n}]'."),
    ] = None,
) -> None:
    """Find the entities of texts: a line of JSON for each text, or a Parquet file with a row for each entity.

    With --redact the texts are written with every detected span replaced, and without the words that were found;
    start and end count in the original text. A Parquet file then has a row for each text.

    What transformers does not have, from --threshold to --window-merge, needs --compat fastpost, which is the default:
    it finds whole words and reads long texts to their end, so that --redact leaves no half of a name.
    """
    running.check()
    chosen = options.with_defaults(chosen, redact is not None)
    if redact is not None:
        _check_redaction(chosen, redact)
    from fastpost.jobs.entities import EntityJob

    settings = {"command": "ner", **running.settings(), **options.filled(chosen)}
    with (
        EntityJob(inputs, writing.out, reading, redact=redact,
                  resume=writing.resume, overwrite=writing.overwrite, settings=settings) as job,
        Progress(writing.quiet, first=1000) as progress,
    ):  # fmt: skip
        progress.load(running.model)
        tally = job.run(running.load("ner", **chosen), progress.follow("ner", "entity", "entities"))
    tell_left_out(job.texts.corpus)
    found, read = counted(tally.found, "entity", "entities"), counted(tally.texts, "text")
    note(f"{found} in {read}" + (f" -> {writing.out}" if writing.out != "-" else "") + progress.took())


def _check_redaction(chosen: dict[str, Any], redact: str) -> None:
    """Refuses options that would leave the end of long texts unredacted, and a string that is not a template."""
    from fastpost.entities.redact import template

    if chosen.get("on_long_text") == "truncate":
        raise UsageError(
            "--redact would write the end of long texts as it is with --on-long-text truncate; pass window or error"
        )
    if chosen["compat"] == "transformers" and chosen["aggregation_strategy"] == "none":
        raise UsageError(
            "--redact would write the end of long texts as it is: transformers reads no windows with "
            "--aggregation-strategy none; "
            "pass another, or --compat fastpost"
        )
    try:
        template(redact, "--redact")
    except ValueError as error:
        raise UsageError(str(error)) from error
