"""Progress of counting and merging."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeAlias

# Called with "count" (bytes so far, all bytes or None) or "merge" (tokens so far, tokens wanted). Bytes are those read
# from the files, packed as they are, where the corpus is files only; otherwise those of the texts, of an unknown sum.
Progress: TypeAlias = "Callable[[str, int, int | None], object]"


def teller(progress: bool | Progress) -> Progress | None:
    """What is called with progress: the caller's own, a bar of ours, or nothing."""
    if callable(progress):
        return progress
    return _Meter() if progress else None


class _Meter:
    """Progress on stderr: one line that is rewritten on a terminal, else one at each tenth or doubling."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.stage = ""
        self.next = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        live = sys.stderr.isatty()
        if stage != self.stage:
            self.stage, self.next = stage, 0.0
        if done < self.next and not live and done != total:
            return
        seconds = max(time.monotonic() - self.start, 1e-9)
        if total is None:
            self.next = max(2 * done, 1 << 24)
            line = f"{stage}: {done / 1e6:,.0f} MB, {done / 1e6 / seconds:,.0f} MB/s"
        elif stage == "count":
            self.next = done + total / 10
            line = f"{stage}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {done / 1e6 / seconds:,.0f} MB/s"
        else:
            self.next = done + total / 10
            line = f"{stage}: {done:,} of {total:,} tokens"
        end = "\n" if not live or done == total else ""
        sys.stderr.write(f"{chr(13) if live else ''}{line}{end}")
        sys.stderr.flush()
