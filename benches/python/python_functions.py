"""The corpus of the benches: the Python functions of the installed packages, as code_search_net has them.

Run as a script it writes `.cache/python_functions.jsonl`; `path_of(megabytes)` makes it once and returns its path.
"""

from __future__ import annotations

import ast
import json
import site
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def functions() -> Iterator[dict[str, str]]:
    """Each function and method of the installed packages, with its whole source, in a stable order."""
    for root in sorted({Path(p) for p in [*sys.path, *site.getsitepackages()] if p.endswith("site-packages")}):
        for path in sorted(root.rglob("*.py")):
            try:
                source = path.read_text(encoding="utf-8")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(source)
            except (SyntaxError, ValueError, OSError, RecursionError):
                continue
            lines = source.split("\n")
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                    yield {
                        "repository_name": path.relative_to(root).parts[0],
                        "func_path_in_repository": str(path.relative_to(root)),
                        "func_name": node.name,
                        "whole_func_string": text,
                        "language": "python",
                        "func_documentation_string": ast.get_docstring(node) or "",
                    }


def path_of(megabytes: int = 280, columns: tuple[str, ...] | None = None) -> Path:
    """The corpus as JSON Lines of about `megabytes`; written once. `columns=None` keeps all of them."""
    path = CACHE / f"python_functions_{megabytes}{'' if columns is None else '_' + '_'.join(columns)}.jsonl"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        written = 0
        with part.open("w", encoding="utf-8") as out:
            while written < megabytes * 1_000_000:
                before = written
                for row in functions():
                    kept = row if columns is None else {name: row[name] for name in columns}
                    written += out.write(json.dumps(kept) + "\n")
                    if written >= megabytes * 1_000_000:
                        break
                if written == before:
                    raise SystemExit("no Python functions found in the installed packages")
        part.rename(path)
    return path


if __name__ == "__main__":
    print(path_of())
