"""The command line, `fastpost`: jobs over files that a person starts and walks away from.

One file a group of commands; each says in `app.py` where it is found. Commands are thin: what they do is in the
package, for programs too.

Exit codes: 0 done; 1 the job failed (a record, a file, a model); 2 the command line can't be carried out as it is (an
option, an output that exists); 130 stopped by Ctrl-C; 141 standard output was closed, as `| head` does;
143 stopped by SIGTERM.
Standard output carries results only; progress and messages go to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `fastpost` with `arguments` (default: those of the program) and returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        # Scripts ask for it, and Typer takes longer to import than this to answer. If standard output does not take
        # it, the command line itself says why.
        from fastpost._version import VERSION

        with suppress(OSError):
            print(VERSION, flush=True)
            return 0
    try:
        import rich
        import typer
    except ImportError as error:
        print(f"fastpost: the command line needs {error.name}; pip install 'fastpost[cli]'", file=sys.stderr)
        return 1
    del rich, typer
    from fastpost.cli.app import run

    return run(arguments)
