"""Runs the command line in this process and returns what it prints and its exit code, without starting an interpreter."""

import contextlib
import io
from types import SimpleNamespace

from fastpost.cli import main


class Written(io.TextIOWrapper):
    """A standard stream that keeps what is written to it, as text or as bytes."""

    def __init__(self, terminal=False):
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    @property
    def whole(self):
        return self.buffer.getvalue().decode("utf-8", "backslashreplace")


def call(*arguments, check=0, terminal=False):
    """Runs `fastpost` with these arguments; with `terminal`, both streams say that they are a terminal."""
    out, err = Written(terminal), Written(terminal)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(map(str, arguments)))
    done = SimpleNamespace(returncode=code, stdout=out.whole, stderr=err.whole)
    assert code == check, done.stdout + done.stderr
    if check:
        assert done.stderr.strip().splitlines()[-1].startswith("fastpost: ")
    return done
