"""The tables of the evaluation, as Markdown, and where pages show them.

A page shows a table between the comments `<!-- eval: NAME -->` and `<!-- eval: end -->`; `write` puts it there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval.gold import ROOT
from eval.measures import Interval, Measures

RESULTS = ROOT / "eval" / "results.json"
PAGES = (ROOT / "docs" / "right.md", ROOT / "docs" / "redaction.md", ROOT / "README.md")
_PLACE = re.compile(r"(<!-- eval: (?!end)([\w-]+) -->\n).*?(<!-- eval: end -->\n)", re.DOTALL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def percent(value: float) -> str:
    """A share, or a difference of shares, in points."""
    return f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference in points; never `-0.0`."""
    return f"{round(100 * value, 1) + 0:+.1f}"


def gain(value: float, interval: Interval) -> str:
    """A value, and by how much it beats another."""
    low, high = signed(interval.low), signed(interval.high)
    return f"{percent(value)} ({signed(interval.difference)}, {low} to {high})"


def change(interval: Interval) -> str:
    """A difference, bold if chance does not explain it."""
    text = signed(interval.difference)
    return f"**{text}**" if interval.low > 0 or interval.high < 0 else text


def five(measures: Measures) -> list[str]:
    """Exact F1, precision, recall, characters, whole entities."""
    return [percent(value) for value in measures]


MEASURES = ("F1", "precision", "recall", "characters", "whole")


def write(tables: Mapping[str, str], details: Mapping[str, Any]) -> list[str]:
    """Keeps the tables and puts them into the pages; returns the pages that changed."""
    RESULTS.write_text(
        json.dumps({"tables": dict(tables), **details}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    changed = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        new = shown(text, tables)
        if new != text:
            page.write_text(new, encoding="utf-8")
            changed.append(str(page.relative_to(ROOT)))
    return changed


def shown(page: str, tables: Mapping[str, str]) -> str:
    """The page with the tables in their places.

    Raises:
        KeyError: if it has a place for a table that does not exist.
    """
    return _PLACE.sub(lambda place: f"{place[1]}{tables[place[2]]}{place[3]}", page)
