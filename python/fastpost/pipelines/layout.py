"""Rows -> a table of plain text that fits a terminal: what is too long for its column goes on below it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["lay_out", "width_of"]

_GAP = "  "
_LEAST = 8
"""Columns that a cell gets at least, however narrow the terminal."""


def lay_out(rows: Sequence[Sequence[Sequence[str]]], columns: int) -> str:
    """The rows with their cells aligned and a rule below the first; no line is wider than `columns`.

    Args:
        rows: each is a list of cells, and each cell a list of items, one a line.
        columns: how wide the terminal is.
    """
    wanted = [max(width_of(item) for row in rows for item in row[number]) for number in range(len(rows[0]))]
    widths = _share_out(wanted, columns - len(_GAP) * (len(wanted) - 1))
    lines: list[str] = []
    for number, row in enumerate(rows):
        cells = [
            [line for item in items for line in _broken(item, width)] for items, width in zip(row, widths, strict=True)
        ]
        for at in range(max(map(len, cells))):
            parts = (cell[at] if at < len(cell) else "" for cell in cells)
            filled = (part + " " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True))
            lines.append(_GAP.join(filled).rstrip())
        if number == 0:
            lines.append(_GAP.join("-" * width for width in widths))
    return "\n".join(lines)


def _share_out(wanted: Sequence[int], room: int) -> list[int]:
    """Shares out the width: narrow columns get what they want, wide ones an equal part of the rest."""
    widths = list(wanted)
    open_ = sorted(range(len(wanted)), key=lambda number: wanted[number])
    while open_:
        fair = max(room // len(open_), _LEAST)
        number = open_.pop(0)
        widths[number] = min(wanted[number], fair)
        room -= widths[number]
    return widths


def _broken(item: str, width: int) -> list[str]:
    """An item in lines of `width` columns: cut after a space if there is one, else where the column ends."""
    lines = []
    while width_of(item) > width:
        cut = taken = 0
        while taken + width_of(item[cut]) <= width:
            taken += width_of(item[cut])
            cut += 1
        space = item.rfind(" ", 1, cut + 1)
        cut = space if space > 0 else max(cut, 1)
        lines.append(item[:cut])
        item = item[cut:].lstrip(" ")
    return [*lines, item] if item or not lines else lines


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)
