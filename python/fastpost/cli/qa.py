"""`qa`: answers to questions from the texts of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli.failure import UsageError, guarded, note
from fastpost.cli.help import Command
from fastpost.cli.options import Inputs, Running, Writing, takes_records, tell_left_out
from fastpost.cli.progress import Progress
from fastpost.jobs.texts import Reading


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("qa", cls=Command)(guarded(takes_records()(qa)))


def qa(
    *,
    inputs: Inputs,
    running: Running,
    question: Annotated[list[str] | None, typer.Option(help="Question to ask of each text. Repeatable.")] = None,
    questions: Annotated[Path | None, typer.Option(help="File with one question on each line.")] = None,
    writing: Writing,
    reading: Reading,
    top_k: Annotated[int, typer.Option(min=1, help="How many answers a question has at most.")] = 1,
    rank: Annotated[bool, typer.Option("--rank", help="Rank the answers of all texts together.")] = False,
    max_answer_len: Annotated[int, typer.Option(min=1, help="How many tokens an answer has at most.")] = 15,
    doc_stride: Annotated[
        int | None, typer.Option(min=0, help="Tokens by which windows of long texts overlap.")
    ] = None,
) -> None:
    """Answer questions from texts: a line of JSON for each text, or a Parquet file with a row for each answer.

    With --rank a line holds one question and its best answers from all texts, which are held in memory; --resume then
    goes on with the next question.
    """
    running.check()
    asked = _asked(question or [], questions)
    if rank and reading.keep_columns is not None:
        raise UsageError("--keep-columns needs a line for each text, but with --rank a line is a question")
    from fastpost.jobs.answers import AnswerJob

    options: dict[str, Any] = {"top_k": top_k, "max_answer_len": max_answer_len}
    settings = {"command": "qa", **running.settings(), **options, "doc_stride": doc_stride}
    if doc_stride is not None:
        options["doc_stride"] = doc_stride
    with (
        AnswerJob(inputs, writing.out, reading, questions=asked, rank=rank,
                  resume=writing.resume, overwrite=writing.overwrite, settings=settings) as job,
        Progress(writing.quiet, first=1000) as progress,
    ):  # fmt: skip
        progress.load(running.model)
        tally = job.run(running.load("question-answering"), options, progress.follow("qa", "answer", "answers"))
    tell_left_out(job.texts.corpus)
    found, read = counted(tally.found, "answer"), counted(tally.texts, "text")
    note(f"{found} from {read}" + (f" -> {writing.out}" if writing.out != "-" else "") + progress.took())


def _asked(given: list[str], file: Path | None) -> list[str]:
    """The questions: those of the command line, then those of the file, whose blank lines are none."""
    if not all(one.strip() for one in given):
        raise UsageError("--question is empty; pass a question")
    asked = list(given)
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8: {error.reason} at byte {error.start}; convert it") from error
        asked += [line.strip() for line in lines if line.strip()]
    if not asked:
        raise UsageError("pass --question, or --questions with a file of them")
    return asked
