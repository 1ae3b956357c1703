"""For the reference: docstrings as mkdocstrings wants them.

Arguments that share a line, `start, end: ...`, each get a line of their own; examples become blocks of code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SECTION = re.compile(r"^((Keyword )?Args|Attributes):$")
_GROUP = re.compile(r"^    (?P<first>\*{0,2}\w+)(?P<more>(?:, \*{0,2}\w+)+)(?P<rest>, and all others)?: ")


def split(docstring: str) -> str:
    """The docstring with one name a line; the second and further names point to the first."""
    out: list[str] = []
    later: list[str] = []
    inside = False
    for line in [*docstring.split("\n"), ""]:
        if later and not line.startswith("      "):  # the text of the group has ended
            out += later
            later = []
        if not line.startswith(" ") and line:
            inside = _SECTION.match(line) is not None
        group = _GROUP.match(line) if inside else None
        if group:
            later = [f"    {name}: see `{group['first']}`." for name in group["more"].strip(", ").split(", ")]
            line = f"    {group['first']}: {line[group.end() :]}"
        out.append(line)
    return "\n".join(out[:-1])


def fence(docstring: str) -> str:
    """The docstring with `>>>` examples, up to an empty line, in fences; doctest's remarks are left out."""
    out: list[str] = []
    fenced = ""
    for line in [*docstring.split("\n"), ""]:
        stripped = line.lstrip()
        indent = line[: len(line) - len(stripped)]
        if stripped.startswith(">>>") and not fenced:
            fenced = indent + "```"
            out.append(fenced + "pycon")
        elif fenced and not stripped:
            out.append(fenced)
            fenced = ""
        out.append(re.sub(r"  # doctest: .*", "", line))
    return "\n".join(out[:-1])


class Groups(griffe.Extension):
    """Changes every docstring that is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called once an object has been read."""
        if obj.docstring is not None:
            obj.docstring.value = fence(split(obj.docstring.value))
