"""Texts of files -> answers to questions -> lines of JSON or rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastpost._inputs.bounds import counted, shown
from fastpost.exceptions import Argument, refuse
from fastpost.jobs.entities import Tally
from fastpost.jobs.errors import JobError
from fastpost.jobs.lines import alike
from fastpost.jobs.output import Output
from fastpost.jobs.parts import Refute, Table
from fastpost.jobs.texts import Reading, Texts, by_text

Json = dict[str, Any]


class AnswerJob:
    """The answers to questions from the texts of files: a line of JSON for each text, or a Parquet file with a row for each answer.

    As `EntityJob` it claims its output and looks at its files when it is made, and is a context manager.

    Args:
        inputs, out, reading, resume, overwrite, settings: as for `EntityJob`.
        questions: what is asked of each text.
        rank: whether a line holds one question and its best answers from all texts, which are held in memory.

    Raises:
        JobError: if there is no question, if `rank` goes with columns to keep, or as for `EntityJob`.
    """

    def __init__(
        self,
        inputs: str | Sequence[str],
        out: str = "-",
        reading: Reading | None = None,
        *,
        questions: Sequence[str],
        rank: bool = False,
        resume: bool = False,
        overwrite: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(questions, str) or not all(isinstance(one, str) for one in questions or ()):
            told = f" is {shown(questions)}, which is no list of str"
            raise refuse(TypeError, Argument("questions"), told, cure="pass a list of what is to be asked")
        if not questions:
            raise JobError("`questions` is empty; pass what is to be asked")
        if rank and reading is not None and reading.keep_columns is not None:
            raise refuse(
                JobError,
                Argument("keep_columns"),
                " needs a line for each text, but with ",
                Argument("rank", (True,)),
                " a line is a question",
            )
        self.questions, self.rank = list(questions), rank
        self.texts = texts = Texts.of(inputs, out, reading, own=_OWN)
        job = {**(settings or {}), "questions": self.questions, "rank": rank, **texts.job()}
        table = answer_table(texts.copied, self.questions, rank, texts.keep == "all")
        refute = Refute(self._refute_ranked, lambda rows, _: texts.refute_rows(by_text(rows), _fits, "answers"))
        if not rank:
            refute = Refute(
                lambda lines: texts.refute(lines, _fits),
                lambda rows, lines: texts.refute_rows(rows, _fits, "answers", lines),
            )
        self.output = Output(out, job, resume=resume, overwrite=overwrite, table=table, refute=refute)
        self.output.check(texts.check)

    def run(
        self, pipe: Any, options: Json | None = None, progress: Callable[[Tally], object] = lambda _: None
    ) -> Tally:
        """Writes the answers of all texts, or with `rank` questions, that are not written yet.

        Args:
            pipe: a question-answering pipeline.
            options: what it is called with, such as `top_k`.
            progress: called with how far the job is, before the first batch, after each, and at the end; not with
                `rank`.
        """
        options = options or {}
        tally = self._ranked(pipe, options) if self.rank else self._each(pipe, options, progress)
        self.output.finish()
        self.texts.warn_missing()
        return tally

    def _each(self, pipe: Any, options: Json, progress: Callable[[Tally], object]) -> Tally:
        """Writes a line for each text."""
        output, asked = self.output, self.questions
        tally = Tally(output.done, output.found, 0, self.texts.guessed())
        progress(tally)
        for batch in self.texts.batches(output.done):
            given = [text for text in batch.texts if text is not None]
            ahead = [0, 0]

            def count(items: int, tokens: int, ahead: list[int] = ahead, tally: Tally = tally) -> None:
                ahead[0], ahead[1] = ahead[0] + items, ahead[1] + tokens
                progress(tally.read_ahead(ahead[0] // len(asked), ahead[1]))

            told = {"progress": count, **options}
            answered = iter(_answers(pipe, [(q, text) for text in given for q in asked], told))
            rows: list[Json] = []
            found = 0
            for head, text in zip(batch.heads, batch.texts, strict=True):
                if text is None:
                    rows.append({**head, "answers": None})
                    continue
                one = list(itertools.islice(answered, len(asked)))
                answers = [{"question": q, **answer} for q, each in zip(asked, one, strict=True) for answer in each]
                rows.append({**head, "answers": answers})
                found += len(answers)
            output.write(rows)
            tally = tally.more(len(rows), found, ahead[1])
            progress(tally)
        tally = tally._replace(total=tally.texts)
        progress(tally)
        return tally

    def _ranked(self, pipe: Any, options: Json) -> Tally:
        """Writes a line for each question."""
        heads: list[Json] = []
        contexts: list[str] = []
        for batch in self.texts.batches(0):
            for head, text in zip(batch.heads, batch.texts, strict=True):
                if text is not None:
                    heads.append(head)
                    contexts.append(text)
        at = [n for n, text in enumerate(contexts) if text.strip()]
        count = self.output.found
        for q in self.questions[self.output.done :]:
            found = pipe(question=[q] * len(at), context=[contexts[n] for n in at], rank=True, **options)
            answers = [{**heads[at[answer["text_index"]]], **_plain(answer)} for answer in found]
            self.output.write([{"question": q, "answers": answers}])
            count += len(answers)
        return Tally(len(contexts), count, 0, len(contexts))

    def _refute_ranked(self, lines: Iterable[Json]) -> str | None:
        """Why whole lines can't belong to these questions and texts, in words; None if they may."""
        asked, rows = [], []
        for line in lines:
            asked.append(line["question"])
            rows += line["answers"]
        if len(asked) < len(self.questions):
            return f"has {counted(len(asked), 'question')} and the input has more"
        if asked != self.questions:
            return "has other questions"
        return self.texts.refute_rows(by_text(rows), _fits, "answers")

    def __enter__(self) -> AnswerJob:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.output.__exit__(kind, error, trace)


_OWN = ("answers", "question", "answer", "start", "end", "score")
"""Names of the fields of an answer, in a line or a row."""


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


def _fits(line: Json, text: str | None) -> bool:
    """Whether a line may belong to a text."""
    answers = line["answers"]
    if text is None or answers is None:
        return text is None and answers is None
    return all(alike(answer["answer"], text[answer["start"] : answer["end"]]) for answer in answers)


def _plain(answer: Json) -> Json:
    return {name: answer[name] for name in ("answer", "start", "end", "score")}


def answer_table(
    copied: tuple[str, ...], questions: Sequence[str] = (), rank: bool = False, keeps_all: bool = False
) -> Table:
    """A row an answer."""
    asked = frozenset(questions)

    def fields() -> list[tuple[str, Any]]:
        import pyarrow as pa

        spot = [("answer", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())]
        return [("text_index", pa.int64()), ("question", pa.string()), *spot]

    def rows(line: Json) -> list[Json]:
        head = {name: value for name, value in line.items() if name != "answers"}
        return [{**head, **answer} for answer in line["answers"] or ()]

    def found(line: Json) -> int:
        """Raises `KeyError` for a line that no job writes, or that belongs to another question."""
        answers = line["answers"] or ()
        for of in [line] if rank else answers:
            if asked and of["question"] not in asked:
                raise KeyError("question")
        return len(answers)

    if rank:  # what is copied stands beside each answer
        return Table(fields, rows, found, copied, ("question", "answers"), unit="question")
    return Table(fields, rows, found, copied, ("text_index", *copied, "answers"), keeps_all)
