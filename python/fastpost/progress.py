"""How far long work is: one class counts and reports, and a bar of tqdm, a terminal or a log shows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

# Called with "count" (bytes so far, all bytes or None) or "merge" (tokens so far, tokens wanted). If the corpus is
# files only, bytes are those read from the files, packed as they are; otherwise those of the texts, whose sum is
# unknown.
Told: TypeAlias = "Callable[[str, int, int | None], object]"


class Step(NamedTuple):
    """How far a stage is."""

    stage: str
    done: float
    total: float | None
    text: str
    """The words beside it."""

    @property
    def line(self) -> str:
        """All of it on one line."""
        share = "" if not self.total else f"{min(100, int(100 * self.done / self.total)):3d} %, "
        return f"{self.stage}: {share}{self.text}"


class Screen(Protocol):
    """Shows the stages of some work, one after the other."""

    def begin(self, step: Step) -> None:
        """A stage begins."""

    def show(self, step: Step) -> None:
        """The stage has come as far as `step` says."""

    def end(self, step: Step | None) -> None:
        """The stage has ended as `step` says; `None` if it was stopped."""

    def close(self, whole: bool) -> None:
        """Nothing more comes; `whole` if nothing went wrong."""


class Progress:
    """Follows work through its stages, one after the other, and reports to a screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._step: Step | None = None
        self._began = time.monotonic()

    def __call__(self, stage: str, done: float, total: float | None, text: str) -> None:
        """Reports that `done` of `total` is done; `text` is shown beside it."""
        before, self._step = self._step, Step(stage, done, total, text)
        if before is None or before.stage != stage:
            if before is not None:
                self._screen.end(before)
            self._began = time.monotonic()
            self._screen.begin(self._step)
        self._screen.show(self._step)

    def rate(self, done: float, stage: str) -> float:
        """`done` per second since `stage` began; 0 if it has not begun."""
        if self._step is None or self._step.stage != stage:
            return 0.0
        return done / max(time.monotonic() - self._began, 1e-9)

    def close(self, whole: bool = True) -> None:
        """Nothing more comes; `whole` if the work was done."""
        if self._step is not None:
            self._screen.end(self._step if whole else None)
        self._screen.close(whole)
        self._step = None


class Log:
    """Lines for a file: one at each tenth of a stage (if the total is not known, at each doubling) and one at its end.

    If a stage takes long, the first line comes sooner, and each line says how much time is left.
    """

    def __init__(self, first: float = 1 << 24) -> None:
        """`first` is how much is done at the first line if the total is not known."""
        self._first, self._next = first, 0.0
        self._printed = ""
        self._began = 0.0
        self._soon = True

    def begin(self, step: Step) -> None:
        """See `Screen`."""
        self._next = self._first if step.total is None else step.total / 10
        self._began, self._soon = time.monotonic(), True

    def show(self, step: Step) -> None:
        """See `Screen`."""
        spent = time.monotonic() - self._began
        if step.done >= self._next or (self._soon and spent >= _PATIENCE and step.done > 0):
            self._soon = False
            self._print(step, spent)
            total = step.total
            self._next = 2 * step.done if not total else (int(10 * step.done / total) + 1) * total / 10

    def end(self, step: Step | None) -> None:
        """See `Screen`."""
        if step is not None:
            self._print(step)

    def close(self, whole: bool) -> None:
        """See `Screen`."""

    def _print(self, step: Step, spent: float = 0.0) -> None:
        if step.line != self._printed:
            left = spent * (step.total - step.done) / step.done if step.total and spent >= _PATIENCE else 0.0
            more = f", about {say_seconds(left)} left" if left > 0 else ""
            print(f"{step.line}{more}", file=sys.stderr, flush=True)
            self._printed = step.line


_PATIENCE = 10.0
"""Seconds that a reader of a log waits for its first line; after as many, a line says how much time is left."""


def say_seconds(seconds: float) -> str:
    """`90.4` -> "1 min 30 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Line:
    """One line of a terminal, which is rewritten."""

    def begin(self, step: Step) -> None:
        """See `Screen`."""

    def show(self, step: Step) -> None:
        """See `Screen`."""
        sys.stderr.write(f"\r\x1b[2K{step.line}")
        sys.stderr.flush()

    def end(self, step: Step | None) -> None:  # noqa: ARG002
        """See `Screen`."""
        sys.stderr.write("\n")

    def close(self, whole: bool) -> None:
        """See `Screen`."""


class Bar:
    """A bar of tqdm, in notebooks, too; it counts what the stage is named for."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, step: Step) -> None:
        """See `Screen`."""
        from tqdm.auto import tqdm

        self._bar = tqdm(total=step.total, unit=f" {step.stage}")

    def show(self, step: Step) -> None:
        """See `Screen`."""
        self._bar.set_postfix_str(step.text, refresh=False)
        self._bar.update(step.done - self._bar.n)

    def end(self, step: Step | None) -> None:  # noqa: ARG002
        """See `Screen`: the bar stays as it is."""
        self._bar.close()

    def close(self, whole: bool) -> None:
        """See `Screen`."""


class Silence:
    """Shows nothing."""

    def begin(self, step: Step) -> None:
        """See `Screen`."""

    def show(self, step: Step) -> None:
        """See `Screen`."""

    def end(self, step: Step | None) -> None:
        """See `Screen`."""

    def close(self, whole: bool) -> None:
        """See `Screen`."""


def teller(progress: bool | Told) -> Told | None:
    """What to call with the progress of counting and merging: the caller's function, one that shows a line, or none."""
    if callable(progress):
        return progress
    if not progress:
        return None
    counting = Counting(Progress(Line() if sys.stderr.isatty() else Log()))

    def tell(stage: str, done: int, total: int | None) -> None:
        counting(stage, done, total)
        if done == total:
            counting.progress.close()

    return tell


class Counting:
    """The progress of counting and merging, in words."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.merging = "merge"
        """The name of the merging stage."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Reports `done` of `total`: bytes that are counted, or tokens that are merged."""
        if stage == "count":
            of = "" if total is None else f" of {total / 1e6:,.0f}"
            text = f"{done / 1e6:,.0f}{of} MB, {self.progress.rate(done, stage) / 1e6:,.0f} MB/s"
        else:
            stage, text = self.merging, f"{done:,} of {total:,} tokens"
        self.progress(stage, done, total, text)


class Tokens:
    """The progress of a pipeline: items, and tokens per second."""

    def __init__(self, progress: Progress, unit: str, total: int | None) -> None:
        self._progress, self._unit, self._total = progress, unit, total
        self._items = self._tokens = 0
        progress(unit, 0, total, "")

    def __call__(self, items: int, tokens: int) -> None:
        """Counts `items` more of `tokens` tokens together."""
        self._items += items
        self._tokens += tokens
        rate = self._progress.rate(self._tokens, self._unit)
        self._progress(self._unit, self._items, self._total, f"{rate:,.0f} tokens/s")

    def close(self, whole: bool = True) -> None:
        """Nothing more comes."""
        self._progress.close(whole)
