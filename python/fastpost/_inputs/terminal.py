"""Text on its way to a terminal; nothing else is imported, as `fastpost --help` needs it."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """`text` with control characters other than line feeds spelled out, which a terminal would obey."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
