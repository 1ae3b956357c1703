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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `fastpost` with `arguments` (default: those of the program) and returns its exit code."""
    try:
        import rich
        import typer
    except ImportError as error:
        print(f"fastpost: the command line needs {error.name}; pip install 'fastpost[cli]'", file=sys.stderr)
        return 1
    del rich, typer
    from fastpost.cli.app import run

    return run(sys.argv[1:] if arguments is None else arguments)
