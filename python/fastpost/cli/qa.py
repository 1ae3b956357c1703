"""`qa`: answers to questions from the texts of files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from fastpost.cli.failure import UsageError, counted, guarded, tell
from fastpost.cli.progress import Progress
from fastpost.jobs import texts as jobs
from fastpost.jobs.output import Json, Output
from fastpost.jobs.parts import Table


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("qa")(guarded(qa))


def qa(
    inputs: jobs.Inputs,
    model: jobs.Model,
    question: Annotated[list[str] | None, typer.Option(help="Question to ask of each text. Repeatable.")] = None,
    questions: Annotated[Path | None, typer.Option(help="File with a question a line.")] = None,
    out: jobs.Out = "-",
    column: jobs.Column = None,
    id_column: jobs.IdColumn = None,
    keep_columns: jobs.KeepColumns = None,
    with_source: jobs.WithSource = False,
    top_k: Annotated[int, typer.Option(min=1, help="Most answers to a question.")] = 1,
    rank: Annotated[bool, typer.Option("--rank", help="Rank the answers of all texts together.")] = False,
    max_answer_len: Annotated[int, typer.Option(min=1, help="Tokens of the longest answer.")] = 15,
    doc_stride: Annotated[
        int | None, typer.Option(min=0, help="Tokens by which windows of long texts overlap.")
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
    """Answer questions from texts: a line of JSON a text, or a Parquet file with a row an answer.

    With --rank a line holds one question and its best answers from all texts, which are held in memory; --resume then
    goes on with the next question.
    """
    jobs.check_model(model, backend)
    asked = _asked(question or [], questions)
    if rank and keep_columns is not None:
        raise UsageError("--keep-columns needs a line a text, but with --rank a line is a question")
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
        own=("answers", "question", "answer", "start", "end", "score"),
    )
    settings = {
        "command": "qa",
        **jobs.model_job(model, backend, dtype),
        "questions": asked,
        "top_k": top_k,
        "rank": rank,
    }
    settings |= {"max_answer_len": max_answer_len, "doc_stride": doc_stride}
    with (
        Output(
            out,
            {**settings, **texts.job()},
            resume=resume,
            overwrite=overwrite,
            table=_table(texts.copied),
        ) as output,
        Progress(quiet, first=1000) as progress,
    ):
        texts.check()
        pipe = jobs.pipeline("question-answering", model, backend, device, dtype)
        options: Json = {"top_k": top_k, "max_answer_len": max_answer_len, "batch_size": batch_size}
        if doc_stride is not None:
            options["doc_stride"] = doc_stride
        answers = (
            _ranked(pipe, texts, asked, options, output)
            if rank
            else _each(pipe, texts, asked, options, output, progress)
        )
        output.finish()
    texts.tell_missing()
    jobs.tell_left_out(texts.corpus)
    tell(counted(answers, "answer") + (f" -> {out}" if out != "-" else ""))


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


def _each(pipe: Any, texts: jobs.Texts, asked: list[str], options: Json, output: Output, progress: Progress) -> int:
    """Writes a line a text; how many answers there are."""
    number, count, guessed = output.done, output.found, texts.guessed()

    def show(total: int | None) -> None:
        rate = progress.rate(number - output.done, "qa")
        progress("qa", number, total, f"{number:,} texts, {rate:,.1f} texts/s, {count:,} answers")

    show(guessed)
    for batch in texts.batches(output.done):
        given = [text for text in batch.texts if text is not None]
        answered = iter(_answers(pipe, [(q, text) for text in given for q in asked], options))
        rows: list[Json] = []
        for head, text in zip(batch.heads, batch.texts, strict=True):
            number += 1
            if text is None:
                rows.append({**head, "answers": None})
                continue
            one = list(itertools.islice(answered, len(asked)))
            answers = [{"question": q, **answer} for q, found in zip(asked, one, strict=True) for answer in found]
            rows.append({**head, "answers": answers})
            count += len(answers)
        output.write(rows)
        show(None if guessed is None else max(guessed, number + 1))
    show(number)
    return count


def _answers(pipe: Any, pairs: list[tuple[str, str]], options: Json) -> list[list[Json]]:
    """The answers to each question in its text; a blank text has none."""
    at = [n for n, (_, text) in enumerate(pairs) if text.strip()]
    found: list[list[Json]] = [[] for _ in pairs]
    if at:
        questions, contexts = [pairs[n][0] for n in at], [pairs[n][1] for n in at]
        answered = pipe(question=questions, context=contexts, **options)
        answered = [answered] if len(at) == 1 else answered
        for n, answers in zip(at, answered, strict=True):
            found[n] = [_plain(answer) for answer in ([answers] if isinstance(answers, dict) else answers)]
    return found


def _plain(answer: Json) -> Json:
    return {name: answer[name] for name in ("answer", "start", "end", "score")}


def _ranked(pipe: Any, texts: jobs.Texts, asked: list[str], options: Json, output: Output) -> int:
    """Writes a line a question; how many answers there are."""
    heads: list[Json] = []
    contexts: list[str] = []
    for batch in texts.batches(0):
        for head, text in zip(batch.heads, batch.texts, strict=True):
            if text is not None:
                heads.append(head)
                contexts.append(text)
    at = [n for n, text in enumerate(contexts) if text.strip()]
    count = output.found
    for q in asked[output.done :]:
        found = pipe(question=[q] * len(at), context=[contexts[n] for n in at], rank=True, **options)
        answers = []
        for answer in found:
            number = at[answer["text_index"]]
            answers.append({**heads[number], **_plain(answer)})
        output.write([{"question": q, "answers": answers}])
        count += len(answers)
    return count


def _table(copied: tuple[str, ...]) -> Table:
    """A row an answer."""

    def fields() -> list[tuple[str, Any]]:
        import pyarrow as pa

        spot = [("answer", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())]
        return [("text_index", pa.int64()), ("question", pa.string()), *spot]

    def rows(line: Json) -> list[Json]:
        head = {name: value for name, value in line.items() if name != "answers"}
        return [{**head, **answer} for answer in line["answers"] or ()]

    return Table(fields, rows, lambda line: len(line["answers"] or ()), copied)
