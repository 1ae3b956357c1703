"""Pastes the blocks of pages, as a reader sees them, into the interpreter and the shell of a fresh environment.

`run_page` of `pages.py` runs pages for this project's tests, with what is hidden from readers. Here nothing hidden runs, all
that is shown does: Python in one namespace, `sh` and `console` blocks in one shell. A block called `title="service.py"` is
saved under that name instead, and the file that `$ cat NAME` shows is made, if there is none.
"""

import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import pages  # noqa: E402  # it lies beside this folder, which is no package


class StumbledError(Exception):
    """A block does not do what its page says; the message is what a reader would see."""


@dataclass
class Block:
    """A block of a page.

    Args:
        place: page and line.
        language: `python`, `sh`, `console` or another.
        title: the file that it is shown as, or an empty string.
        body: its text.
        shows: what the `text` block right behind it holds, or None.
        note: the comment before it.
    """

    place: str
    language: str
    title: str
    body: str
    note: str
    shows: str | None = None


def sections(text: str, wanted: list[str]) -> str:
    """The page without the sections that are not wanted; empty lines keep the numbers of lines."""
    if not wanted:
        return text
    out, keep, fenced, found = [], False, False, set()
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        heading = re.fullmatch(r"#+ (.+)", line)
        if heading and not fenced:
            keep = heading[1] in wanted
            found.add(heading[1])
        out.append(line if keep else "")
    lost = set(wanted) - found
    if lost:
        raise StumbledError(f"the page has no section {sorted(lost)}")
    return "\n".join(out)


def blocks(text: str, name: str) -> Iterator[Block]:
    """The blocks that a reader sees, each with what is said to come of it."""
    found: list[tuple[Block, int]] = []
    note = ""
    for piece in pages.PIECE.finditer(text):
        if piece["note"] is not None:
            note = piece["note"].strip()
            if note.startswith("python\n"):
                note = ""
            continue
        first = text[piece.start() : text.index("\n", piece.start())]
        title = re.search(r'title="([^"]+)"', first)
        line = text.count("\n", 0, piece.start()) + 1
        block = Block(f"{name}, line {line}", piece["language"], title[1] if title else "", piece["body"], note)
        if block.language == "text" and found and not text[found[-1][1] : piece.start()].strip():
            found[-1][0].shows = block.body
        found.append((block, piece.end()))
        note = ""
    return (block for block, _ in found)


def not_for_this(note: str, given: dict[str, Any]) -> bool:
    """Whether the page says that a block needs what is not here."""
    where = re.match(r"where (\w+) is, ", note)
    if where:
        return pages.is_absent(where[1], {**dict.fromkeys(pages.MODELS), **given})
    return note.startswith("not here, ")


@dataclass
class Shell:
    """One terminal: variables last from block to block, what was started in the background until the end."""

    folder: Path
    variables: dict[str, str]
    groups: list[int] = field(default_factory=list)

    def run(self, commands: str) -> tuple[int, str]:
        """What commands print, both streams as a terminal has them, and the code of the last one."""
        state, printed = self.folder / ".state", self.folder / ".printed"
        script = f"set -a; test -e {state} && . {state}\n{commands}\ncode=$?; export -p > {state}; exit $code"
        environment = {**os.environ, **self.variables}
        with printed.open("w") as out:
            done = subprocess.Popen(
                ["bash", "-c", script], stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment, cwd=self.folder, start_new_session=True
            )  # fmt: skip
            self.groups.append(done.pid)
            code = done.wait(timeout=1200)
        return code, printed.read_text(encoding="utf-8")

    def close(self) -> None:
        """Ends what is still running."""
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


@dataclass
class Session:
    """What a reader has open: an interpreter, a terminal, a folder."""

    folder: Path
    given: dict[str, str]
    names: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.shell = Shell(self.folder, {})

    def read(self, name: str, wanted: list[str]) -> None:
        """Pastes a page, which is named by its path in the repository, block after block."""
        whole = (ROOT / name).read_text(encoding="utf-8")
        text = sections(whole, wanted)
        prose = pages.PIECE.sub("", whole)
        for placeholder, value in self.given.items():
            if f"`{placeholder}` " in prose:  # the page tells its reader what to set
                self.names.setdefault(placeholder, value)
                self.shell.variables.setdefault(placeholder, value)
        tolerance = 1e-3  # two machines differ in the last digits of a model's scores
        for block in blocks(text, name):
            if block.language not in ("python", "sh", "console"):
                continue
            if not_for_this(block.note, self.given):
                self.skipped.append(f"{block.place}: {block.note}")
                continue
            if block.title:
                (self.folder / block.title).write_text(block.body, encoding="utf-8")
                self.counts["files"] = self.counts.get("files", 0) + 1
                continue
            try:
                getattr(self, f"_{block.language}")(block, tolerance)
            except StumbledError:
                raise
            except AssertionError as error:
                raise StumbledError(str(error)) from None
            except Exception:
                raise StumbledError(f"{block.place} fails:\n{block.body}\n{traceback.format_exc()}") from None
            self.counts[block.language] = self.counts.get(block.language, 0) + 1

    def _python(self, block: Block, tolerance: float) -> None:
        self.names.setdefault("__name__", "__main__")
        line = int(block.place.rpartition(" ")[2])
        got, laid_out = pages.run("\n" * line + block.body, block.place, self.names)
        if block.shows is not None:
            pages.assert_shown(got, block.shows, laid_out, tolerance, block.place)

    def _sh(self, block: Block, tolerance: float) -> None:
        # Which of the install lines were followed is the persona's to say; that was done before.
        commands = re.sub(r"^pip install .*$", "", block.body, flags=re.MULTILINE)
        code, got = self.shell.run("set -e\n" + commands)
        if code:
            raise StumbledError(f"{block.place} ends with code {code}:\n{block.body}\n{got}")
        if block.shows is not None:
            pages.assert_shown(got, block.shows, False, tolerance, block.place)

    def _console(self, block: Block, tolerance: float) -> None:
        for part in re.split(r"^(?=\$ )", block.body, flags=re.MULTILINE):
            command, _, want = part.removeprefix("$ ").partition("\n")
            shown = re.fullmatch(r"cat (\w[\w.]*)", command)
            if shown and not (self.folder / shown[1]).exists():
                (self.folder / shown[1]).write_text(want, encoding="utf-8")
            _, got = self.shell.run(command)
            pages.assert_shown(got, want, False, tolerance, f"{block.place}, $ {command}")
