"""Runs the blocks of a Markdown page and compares what they show with what the page says they show.

A page is one namespace. A `text` block right behind a Python block holds what that block prints; if it prints nothing,
the values of its bare expressions, as the interpreter would show them. The caller gives the page's placeholders. Comments
before a block say what is not for readers:

    <!-- run: not here, REASON -->            the block does not run
    <!-- run: where QA_MODEL is, REASON -->   it runs where that placeholder has a value, or that package is installed
    <!-- run: sh -->                          the `sh` block below runs, too, and its `text` block is what it prints
    <!-- run: python                          code that runs, unseen
    ... -->
"""

import ast
import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PIECE = re.compile(
    r"^<!-- run: (?P<note>.*?)-->$|^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
FLOAT = re.compile(r"(-?\d+\.\d+(?:e[+-]?\d+)?)")
MODELS = ("MODEL", "TORCH_MODEL", "QA_MODEL")


def run(code: str, place: str, names: dict) -> tuple[str, bool]:
    """What the code prints, or else the values of its expressions; and whether it is the latter."""
    printed, values = io.StringIO(), []
    with contextlib.redirect_stdout(printed):
        for node in ast.parse(code, place).body:
            if isinstance(node, ast.Expr):
                values.append(eval(compile(ast.Expression(node.value), place, "eval"), names))
            else:
                exec(compile(ast.Module([node], []), place, "exec"), names)
    if printed.getvalue():
        return printed.getvalue(), False
    return "".join(f"{value!r}\n" for value in values if value is not None), True


def run_shell(commands: str, place: str, names: dict) -> str:
    """Runs shell commands and returns what they print; `fastpost` is this interpreter's module, placeholders are variables."""
    script = f'set -e\nfastpost() {{ "{sys.executable}" -m fastpost "$@"; }}\n{commands}'
    given = {name: value for name, value in names.items() if isinstance(value, str)}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, encoding="utf-8", env={**os.environ, **given}, timeout=300
    )
    assert done.returncode == 0, f"{place}: {done.stdout}{done.stderr}"
    return done.stdout


def same(got: str, want: str, tolerance: float) -> bool:
    """Whether two lines agree: character by character, but floats to `tolerance`."""
    mine, theirs = FLOAT.split(got), FLOAT.split(want)
    return len(mine) == len(theirs) and all(
        a == b if at % 2 == 0 else abs(float(a) - float(b)) <= tolerance
        for at, (a, b) in enumerate(zip(mine, theirs, strict=True))
    )


def assert_shown(got: str, want: str, laid_out: bool, tolerance: float, place: str) -> None:
    """Whether a page shows this output. A page may wrap the lines of values; printed output is compared line by line."""
    note = f"{place} shows\n{got}\nbut the page says\n{want}"
    if laid_out:
        assert same("".join(got.split()), "".join(want.split()), tolerance), note
        return
    mine, theirs = ([line.rstrip() for line in text.rstrip().split("\n")] for text in (got, want))
    assert len(mine) == len(theirs), note
    for a, b in zip(mine, theirs, strict=True):
        assert same(a, b, tolerance), f"{note}\nline {a!r}\nnot  {b!r}"


def is_absent(name: str, names: dict[str, Any]) -> bool:
    """Whether a placeholder has no value, or a package of that name is not installed."""
    return names[name] is None if name in MODELS else importlib.util.find_spec(name) is None


Shown = Callable[[re.Match[str], str, bool, str], None]
"""Called with a `text` block, what the block before it shows, whether these are values, and the place in the page."""


def run_page(text: str, name: str, names: dict[str, Any], shown: Shown | None = None) -> tuple[int, list[str]]:
    """Runs the blocks of a page; returns how many ran and why others did not. Their output is compared, or put into `shown`."""
    names = dict(names)
    # Two machines differ in the last digits of a model's scores, in nothing else.
    tolerance = 1e-3 if any(re.search(rf"\b{model}\b", text) for model in MODELS) else 1e-9
    ran, skipped, note = 0, [], ""
    last: tuple[int, str, bool] | None = None
    for piece in PIECE.finditer(text):
        line = text.count("\n", 0, piece.start())
        place = f"{name}, line {line + 1}"
        if piece["note"] is not None:
            assert not note, f"{place}: two comments before one block"
            note = piece["note"].strip()
            if note.startswith("python\n"):
                run("\n" * line + note.removeprefix("python"), name, names)
                note = ""
            last = None
            continue
        if piece["language"] == "text" and last is not None and not text[last[0] : piece.start()].strip():
            if shown is None:
                assert_shown(last[1], piece["body"], last[2], tolerance, place)
            else:
                shown(piece, last[1], last[2], place)
        last = None
        if note == "sh":
            assert piece["language"] == "sh", f"{place}: no shell block follows"
            last = (piece.end(), run_shell(piece["body"], place, names), False)
            note = ""
        if piece["language"] != "python":
            continue
        missing = re.fullmatch(r"where (\w+) is, .+", note, re.DOTALL)
        assert missing or not note or re.match(r"not here, .+", note), f"{place}: what is {note!r}?"
        if (missing and is_absent(missing[1], names)) or note.startswith("not here"):
            skipped.append(f"{place}: {note}")
        else:
            # Empty lines in front give the lines of a traceback the numbers that they have in the page.
            last = (piece.end(), *run("\n" * (line + 1) + piece["body"], name, names))
            ran += 1
        note = ""
    assert not note, f"{name}: no block follows {note!r}"
    return ran, skipped


def check(page: str, **names: Any) -> int:
    """Runs a page of `docs/`; returns how many Python blocks ran."""
    return run_page((DOCS / page).read_text(encoding="utf-8"), page, names)[0]


def write(page: str, **names: Any) -> None:
    """Rewrites the outputs in a page of `docs/` with what its blocks show now."""
    path = DOCS / page
    text = path.read_text(encoding="utf-8")
    found: list[tuple[int, int, str]] = []
    run_page(text, page, names, lambda piece, got, _values, _place: found.append((*piece.span("body"), got)))
    for start, end, got in reversed(found):
        text = text[:start] + got + text[end:]
    path.write_text(text, encoding="utf-8")
