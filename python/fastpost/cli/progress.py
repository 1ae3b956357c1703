"""Progress on standard error, from the first second: a bar on a terminal, a line at each tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fastpost import progress as shown
from fastpost._inputs.bounds import counted
from fastpost.progress import Step

if TYPE_CHECKING:
    from fastpost.jobs.entities import Tally


class Progress(shown.Progress):
    """The progress of a command, which is a context manager."""

    def __init__(self, quiet: bool = False, first: float = 1 << 24) -> None:
        """`first` is where the first line of a log stands if the total is not known."""
        self.started = time.monotonic()
        screen: shown.Screen = shown.Log(first)
        if quiet:
            screen = shown.Silence()
        elif sys.stderr.isatty():
            screen = Terminal()
        super().__init__(screen)

    def load(self, model: str) -> None:
        """Reports that a model is being loaded, which takes seconds in which nothing else is shown."""
        self("load", 0, None, model)

    def follow(self, stage: str, one: str, many: str) -> Callable[[Tally], None]:
        """A function for a job to call, which shows how far it is; `one` and `many` are the things that it finds."""
        first: list[int] = []

        def show(tally: Tally) -> None:
            first.append(tally.texts)
            if tally.tokens:
                speed = f"{self.rate(tally.tokens, stage):,.0f} tokens/s"
            else:
                speed = f"{self.rate(tally.texts - first[0], stage):,.1f} texts/s"
            guessed = "" if tally.texts == tally.total else "about "  # it is exact only at the end
            of = "" if tally.total is None else f" of {guessed}{tally.total:,}"
            texts = f"{tally.texts:,}{of} {'text' if (tally.total or tally.texts) == 1 else 'texts'}"
            told = [texts, speed, counted(tally.found, one, many)]
            if tally.ahead:  # nobody knows yet what is in those
                written = tally.texts - tally.ahead
                told[2:] = [f"{told[2]} in the first {written:,}"] if written else []
            self(stage, tally.texts, tally.total, ", ".join(told))

        return show

    def count(self, stage: str, total: int) -> Callable[[int, int], None]:
        """A function for a pipeline to call with texts and tokens, which shows how far it is."""
        done = [0]

        def tell(texts: int, _tokens: int) -> None:
            done[0] += texts
            self(stage, done[0], total, f"{done[0]:,} of {counted(total, 'text')}")

        return tell

    def took(self) -> str:
        """How long it took, for the last line of a command; nothing if nobody had to wait."""
        seconds = time.monotonic() - self.started
        if seconds < _LONG:
            return ""
        return f", in {shown.say_seconds(seconds)}"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(kind is None)


_LONG = 10.0
"""Seconds after which the last line says how long it took."""


class Terminal:
    """A bar with its share and the time left. It is removed when all is done, and stays if the work was stopped."""

    def __init__(self) -> None:
        from rich.console import Console, ConsoleDimensions
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        class Narrow(Console):
            """A terminal whose last columns stay free for the ^C that the terminal itself writes.

            On a full line, ^C would begin a second line, and the bar would be shown twice.
            """

            @property
            def size(self) -> ConsoleDimensions:
                columns, lines = super().size
                return ConsoleDimensions(max(columns - 4, 1), lines)

            @size.setter
            def size(self, size: tuple[int, int]) -> None:
                self._width, self._height = size

        self._bar = Bar(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=5)),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            TimeRemainingColumn(compact=True),
            console=Narrow(stderr=True),
        )
        self._task: Any = None

    def begin(self, step: Step) -> None:
        """See `Screen`: each stage takes the place of the one before it."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(step.stage, total=step.total, text=step.text)
        self._bar.start()

    def show(self, step: Step) -> None:
        """See `Screen`."""
        self._bar.update(self._task, completed=step.done, total=step.total, text=step.text)

    def end(self, step: Step | None) -> None:
        """See `Screen`."""

    def close(self, whole: bool) -> None:
        """See `Screen`."""
        self._bar.live.transient = whole  # the last line of the command tells the result
        self._bar.stop()
