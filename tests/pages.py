"""Runs the code of a page in `docs/`, block by block, and compares what it prints with what the page says it prints."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def check(page: str, **names: Any) -> int:
    """Runs all blocks in one namespace that begins with `names`; returns how many there are."""
    found = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    for number, (code, expected) in enumerate(found, start=1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{page}, block {number}", "exec"), names)
        got = printed.getvalue()
        assert got == expected, f"{page}, block {number} prints\n{got}\nbut the page says\n{expected}"
    return len(found)


def write(page: str, **names: Any) -> None:
    """Puts into the page what its blocks print now."""

    def run(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block[1], page, "exec"), names)
        return f"```python\n{block[1]}```\n" + (f"```text\n{printed.getvalue()}```\n" if printed.getvalue() else "")

    path = DOCS / page
    path.write_text(BLOCK.sub(run, path.read_text(encoding="utf-8")), encoding="utf-8")
