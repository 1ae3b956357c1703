"""What `AnswerDecoder` gives: answers as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost.columns import (
    Nested,
    Rows,
    objects,
    printed_table,
    shown_rows,
    strings,
)
from fastpost.types import Answer, Doubles1d, Floats1d, Ints1d, RankedAnswer


class Answers(Rows[Any, Answer | RankedAnswer]):
    """Answers of a batch of questions as columns, one row for each answer, best first within a question.

    The columns are NumPy arrays, made when they are first asked for, as are the dicts. "No answer" has
    `start` and `end` 0, `window` -1 and the text "".

    Arrow, and what reads Arrow (`polars.DataFrame(answers)`, DuckDB), gets one row for each answer: `question_index`,
    `text_index`, `window` (null for no answer), `start`, `end`, `score`, `answer`, `start_logit` and `end_logit`.
    `nested()` has one row for each question.

    `answers[i]` is what `to_dicts` has for question i, `answers[a:b]` the `Answers` to some questions, numbered from 0
    again (texts, too, if each has a question of its own); `len` and `for` count answers, not questions.

    A result never changes, so a copy is the same object. Pickle keeps the texts of the answers, not the contexts.
    """

    __slots__ = ()

    _owner = "question"

    _table: _fastpost.AnswerTable

    def __init__(self, table: _fastpost.AnswerTable) -> None:
        object.__setattr__(self, "_table", table)

    def _owners(self) -> tuple[int, Ints1d]:
        return self.question_count, self.question_index

    @property
    def question_count(self) -> int:
        """Number of questions, those without an answer included."""
        return self._table.question_count

    @property
    def question_index(self) -> Ints1d:
        """int64 (answers,), the question of each answer; without `questions`, its `text_index`."""
        return self._table.question_index

    @property
    def text_index(self) -> Ints1d:
        """int64 (answers,), the context that each answer is in."""
        return self._table.text_index

    @property
    def window(self) -> Ints1d:
        """int64 (answers,), the window that each answer was found in; -1 for no answer."""
        return self._table.window

    @property
    def start(self) -> Ints1d:
        """int64 (answers,), the first character of each answer in its context."""
        return self._table.start

    @property
    def end(self) -> Ints1d:
        """int64 (answers,), one after the last character of each answer."""
        return self._table.end

    @property
    def score(self) -> Doubles1d:
        """float64 (answers,), the probability of each answer; see `AnswerDecoder`."""
        return self._table.score

    @property
    def start_logit(self) -> Floats1d:
        """float32 (answers,), the logit of the first token of each answer; for no answer, the logit of CLS."""
        return self._table.start_logit

    @property
    def end_logit(self) -> Floats1d:
        """float32 (answers,), the logit of the last token of each answer; for no answer, the logit of CLS."""
        return self._table.end_logit

    @property
    def null_score(self) -> Doubles1d:
        """float64 (questions,), the probability of no answer; NaN where no CLS token was found."""
        return self._table.null_score

    @property
    def answers(self) -> list[str]:
        """The text of each answer."""
        return self._table.answers()

    def to_dicts(self) -> list[list[Answer]] | list[Answer | list[Answer]]:
        """A list for each question, of a dict for each answer, with the keys and the order of transformers.

        With `compat="transformers"`, a question with one answer has that dict in place of a list. Where
        contexts are ranked together, the key `text_index` says which one an answer is in.
        """
        return self._table.to_dicts()

    def to_json(self, *, lines: bool = False) -> bytes:
        """What `to_dicts` gives, as JSON in UTF-8; with `lines`, a line for each question (JSON Lines) in place of one list."""
        return _fastpost.answer_json(self._table, lines)

    def nested(self) -> Nested:
        """One row for each question: `answers`, a list of records of `text_index`, `start`, `end`, `score` and `answer`; and
        `null_score`, null where it is NaN.

        It has `to_arrow`, `to_polars`, `to_pandas` and `len`, and Arrow's methods.
        """  # noqa: D205
        return Nested(_fastpost.answer_lists(self._table), self)

    def _arrow(self) -> _fastpost.ArrowColumns:
        return _fastpost.answer_columns(self._table)

    def _frame(self) -> dict[str, Any]:
        import pandas as pd

        frame = {name: getattr(self, name) for name in _COLUMNS}
        found = self.window >= 0
        window = pd.array(np.where(found, self.window, 0), dtype="Int64")
        window[~found] = pd.NA
        frame["window"] = window
        logits = {name: frame.pop(name) for name in ("start_logit", "end_logit")}
        return {**frame, "answer": strings(self.answers), **logits}

    def _nested_frame(self) -> dict[str, Any]:
        answers: list[list[dict[str, Any]]] = [[] for _ in range(self.question_count)]
        names = ("text_index", "start", "end", "score", "answer")
        columns = (getattr(self, name).tolist() for name in names[:-1])
        for question, *values in zip(self.question_index.tolist(), *columns, self.answers):
            answers[question].append(dict(zip(names, values)))
        return {"answers": objects(answers), "null_score": self.null_score}

    def __reduce__(self) -> tuple[Any, ...]:
        columns = [getattr(self, name) for name in _COLUMNS]
        return _restored, (*_fastpost.answer_kind(self._table), *columns, self.null_score, self.answers)

    def _some(self, chosen: Ints1d, rows: Ints1d, owners: Ints1d) -> Answers:
        several, dict_for_one = _fastpost.answer_kind(self._table)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        columns["question_index"] = owners
        if not several:
            columns["text_index"] = owners
        words = _fastpost.answer_words(self._table, 0, len(self)) if len(rows) > 1 else None
        texts = [words[row] if words else _fastpost.answer_words(self._table, row, row + 1)[0] for row in rows.tolist()]
        return _restored(several, dict_for_one, *columns.values(), self.null_score[chosen], texts)

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the first answers."""
        from fastpost.entities.render import SHOWN_ROWS, notebook_table

        shown = min(len(self), SHOWN_ROWS)
        columns = [getattr(self, name)[:shown].tolist() for name in ("question_index", "start", "end", "score")]
        rows = list(zip(*columns, _fastpost.answer_words(self._table, 0, shown)))
        head = f"{self.question_count} {'question' if self.question_count == 1 else 'questions'}"
        what = f"{len(self)} {'answer' if len(self) == 1 else 'answers'}"
        return notebook_table(head, what, ("question", "start", "end", "score", "answer"), rows, len(self))

    def __repr__(self) -> str:
        shown = shown_rows(len(self))
        columns = [getattr(self, name)[:shown].tolist() for name in ("question_index", "start", "end", "score")]
        rows = list(zip(*columns, _fastpost.answer_words(self._table, 0, shown)))
        head = f"<Answers: {len(self)} to {self.question_count} question{'' if self.question_count == 1 else 's'}>"
        return printed_table(head, ("question", "start", "end", "score", "answer"), rows, len(self))


_COLUMNS = ("question_index", "text_index", "window", "start", "end", "score", "start_logit", "end_logit")


def _restored(several: bool, dict_for_one: bool, *columns: Any) -> Answers:
    """Answers from columns that were made before."""
    return Answers(_fastpost.answer_table(several, dict_for_one, *columns))
