"""Progress on standard error: a bar on a terminal, one line per tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastpost.jobs.entities import Tally


class Progress:
    """Follows a job through its stages, one after the other.

    On a terminal each stage is a bar with the time left. Elsewhere it is a line at each tenth of it; where the
    total is not known, at each doubling of what is done, and at the end.
    """

    def __init__(self, quiet: bool = False, first: int = 1 << 24) -> None:
        """`first` is where the first line stands if the total is not known."""
        self._first = first
        self.seconds = 0.0
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""
        self._began = time.monotonic()
        self._next = 0.0
        self._last = self._printed = ""
        if not quiet and sys.stderr.isatty():
            from rich.console import Console, ConsoleDimensions
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar
            from rich.table import Column

            class Narrow(Console):
                """A terminal whose last columns stay free for the ^C that it writes itself.

                In a line that is full it would begin a second one, and the bar would stand there twice.
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
                TextColumn("{task.fields[text]}", markup=False),
                TimeRemainingColumn(),
                console=Narrow(stderr=True),
            )
            self._bar.start()

    def __call__(self, stage: str, done: float, total: float | None, text: str) -> None:
        """Tells that `done` of `total` is done; `text` is what to show beside it."""
        if stage != self._stage:
            self._close_stage()
            self._stage, self._began = stage, time.monotonic()
            self._next = self._first if total is None else total / 10
            if self._bar is not None:
                self._task = self._bar.add_task(stage, total=total, text=text)
        self.seconds = max(time.monotonic() - self._began, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, text=text)
            return
        share = "" if not total else f"{min(100, int(100 * done / total)):3d} %, "
        self._last = f"{stage}: {share}{text}"
        if done >= self._next:
            self._print()
            self._next = 2 * done if not total else (int(10 * done / total) + 1) * total / 10

    def follow(self, stage: str, what: str) -> Callable[[Tally], None]:
        """What a job is to call: shows how far it is, `what` being the things that it finds."""
        first: list[int] = []

        def show(tally: Tally) -> None:
            first.append(tally.texts)
            if tally.tokens:
                speed = f"{self.rate(tally.tokens, stage):,.0f} tokens/s"
            else:
                speed = f"{self.rate(tally.texts - first[0], stage):,.1f} texts/s"
            self(stage, tally.texts, tally.total, f"{tally.texts:,} texts, {speed}, {tally.found:,} {what}")

        return show

    def rate(self, done: float, stage: str) -> float:
        """`done` a second since `stage` began; 0 if it has not."""
        return done / max(time.monotonic() - self._began, 1e-9) if stage == self._stage else 0.0

    def _print(self) -> None:
        if self._last != self._printed and not self._quiet:
            print(self._last, file=sys.stderr, flush=True)
            self._printed = self._last

    def _close_stage(self) -> None:
        if self._bar is None:
            self._print()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._close_stage()
        if self._bar is not None:
            self._bar.stop()
