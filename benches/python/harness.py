"""Timing beside a peer: both in one process, in turn, medians; a table that names the peer's version."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "encoder.md")


@dataclass(frozen=True)
class Row:
    """One line of the table; seconds."""

    work: str
    peer: str
    theirs: float
    ours: float
    goal: str = ""


def seconds(work: Callable[[], Any], calls: int = 1) -> float:
    """Time of one call, over `calls` of them."""
    since = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - since) / calls


def pair(theirs: Callable[[], Any], ours: Callable[[], Any], rounds: int, calls: int = 1) -> tuple[float, float]:
    """Medians of both, measured in turn; `calls` of ours a round."""
    times = [(seconds(theirs), seconds(ours, calls)) for _ in range(rounds)]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times)


def duration(value: float) -> str:
    """Seconds for people."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def print_table(title: str, rows: list[Row], name: str | None = None) -> None:
    """The rows as a Markdown table; one with a name goes to its place in the pages, too, if `BENCH_WRITE` is set."""
    goals = any(row.goal for row in rows)
    lines = ["| work | peer | peer's time | ours | ratio |", "|---|---|---:|---:|---:|"]
    lines = [line + end for line, end in zip(lines, (" goal |", "---:|"), strict=True)] if goals else lines
    for row in rows:
        ratio = row.theirs / row.ours
        shown = f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.2f}x"
        line = f"| {row.work} | {row.peer} | {duration(row.theirs)} | {duration(row.ours)} | {shown} |"
        lines.append(f"{line} {row.goal} |" if goals else line)
    publish(title, lines, name)


def publish(title: str, lines: list[str], name: str | None = None) -> None:
    """Prints a table. Pages show it between `<!-- bench: NAME -->` and `<!-- bench: end -->`, so that it exists once."""
    text = "".join(f"{line}\n" for line in lines)
    print(f"\n### {title}\n\n{text}", end="", flush=True)
    if name is None or not os.environ.get("BENCH_WRITE"):
        return
    place = re.compile(rf"(<!-- bench: {re.escape(name)} -->\n).*?(<!-- bench: end -->\n)", re.DOTALL)
    found = 0
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new, times = place.subn(lambda match: f"{match[1]}{text}{match[2]}", old)
        found += times
        if new != old:
            page.write_text(new, encoding="utf-8")
    if found != 1:
        raise SystemExit(f"{found} pages have a place for the table {name!r}, not one")


def machine() -> str:
    """The kind of machine this is."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            name = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, Python {platform.python_version()}"


def options(description: str | None) -> argparse.Namespace:
    """The command line of a bench: `lengths` and `json`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", action="store_true", help="measure against the length of a window only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured there")
    return parser.parse_args()


def write_json(path: Path | None, **measured: Any) -> None:
    """Writes what a bench measured, for `plots.py`; nothing without a path."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), **measured}, indent=1) + "\n", encoding="utf-8")


def print_growth(title: str, size: str, works: dict[int, Callable[[], Any]], rounds: int = 3) -> None:
    """The fastest time of each size, and how it compares with that of the size before."""
    print(f"\n### {title}\n")
    print(f"| {size} | time | grows by |")
    print("|---:|---:|---:|")
    before: tuple[int, float] | None = None
    for count, work in works.items():
        best = min(seconds(work) for _ in range(rounds))
        grown = "" if before is None else f"{best / before[1]:.1f}x for {count / before[0]:.1f}x"
        print(f"| {count:,} | {duration(best)} | {grown} |")
        before = (count, best)
