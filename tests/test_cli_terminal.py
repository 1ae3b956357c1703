"""What a person sees on a terminal: the screen as a small terminal emulator shows it."""

import os
import re
import signal
import sys

import pytest

pty = pytest.importorskip("pty")
pytest.importorskip("rich")

PROGRAM = """
import time
from fastpost.cli.failure import fail
from fastpost.cli.progress import Progress
import typer
try:
    with Progress() as progress:
        for done in range(10**6):
            progress("count", done, 10**6, "TEXT " * 5 + f"{done:,} of 1,000,000 texts, 1,234 tokens/s, 12,345 entities")
            time.sleep(0.01)
except KeyboardInterrupt as error:
    try:
        fail(error)
    except typer.Exit as code:
        raise SystemExit(code.exit_code)
"""


class Screen:
    """Lines of a terminal of `width` columns; a letter past the last column goes to the next line."""

    def __init__(self, width):
        self.width, self.lines, self.row, self.column = width, [""], 0, 0

    def feed(self, text):
        for control, letter in re.findall(r"(\x1b\[[?0-9;]*[A-Za-z])|(.)", text, re.DOTALL):
            if control:
                number = int(re.sub(r"\D", "", control) or 1)
                if control[-1] == "A":
                    self.row = max(0, self.row - number)
                elif control[-1] == "K":
                    self.lines[self.row] = ""
            elif letter == "\r":
                self.column = 0
            elif letter == "\n":
                self.down()
            else:
                if self.column == self.width:
                    self.column = 0
                    self.down()
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
                self.column += 1

    def down(self):
        self.row += 1
        self.lines += [""] * (self.row + 1 - len(self.lines))


def test_the_screen_wraps_and_clears():
    screen = Screen(5)
    screen.feed("abcdefg\r\x1b[2Kx\x1b[1A\r\x1b[2Ky\n\n")
    assert screen.lines == ["y", "x", ""]


def run_until_ctrl_c(program, columns):
    """The screen of a program that is stopped by Ctrl-C once it shows a bar, and its exit code."""
    import fcntl
    import struct
    import termios

    child, terminal = pty.fork()
    if child == 0:
        environment = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        os.execve(sys.executable, [sys.executable, "-c", program], {**environment, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen, stopped = b"", False
    signal.alarm(100)
    try:
        while True:
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not data:
                break
            seen += data
            if not stopped and seen.count(b"of 1,000,000") + seen.count(b"TEXT") > 20:
                os.write(terminal, b"\x03")
                stopped = True
    finally:
        signal.alarm(0)
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    screen = Screen(columns)
    screen.feed(seen.decode())
    return screen, code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_ctrl_c_leaves_the_bar_once(columns):
    """The terminal writes ^C behind the bar: in the last column of a line that is full it would make a second line."""
    screen, code = run_until_ctrl_c(PROGRAM, columns)
    assert code == 130
    lines = [line for line in screen.lines if line.strip()]
    assert lines[-1] == "fastpost: stopped by Ctrl-C"
    assert sum(line.startswith("count") for line in lines) == 1, lines
    assert len(lines) == 2, lines
