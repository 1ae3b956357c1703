"""The Python-code corpus: every function in the installed packages, as code_search_net has them."""

from __future__ import annotations

import ast
import json
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path


def functions(root: Path) -> Iterator[str]:
    """The source of each function in the `.py` files below `root`, in the order of the paths."""
    for path in sorted(root.rglob("*.py")):
        try:
            source = path.read_bytes().decode()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, OSError):
            continue
        lines = source.splitlines(keepends=True)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                yield "".join(lines[node.lineno - 1 : node.end_lineno])


def roots() -> list[Path]:
    """Where installed packages and the standard library lie, without those inside one another."""
    paths = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    paths.append(Path(sysconfig.get_paths()["stdlib"]))
    return [p for p in dict.fromkeys(paths) if p.is_dir()]


def take(megabytes: float) -> Iterator[str]:
    """Functions of all roots up to so many megabytes of UTF-8."""
    left = int(megabytes * 1e6)
    for root in roots():
        for text in functions(root):
            left -= len(text.encode("utf-8", "replace"))
            if left < 0:
                return
            yield text


def write_jsonl(path: Path, megabytes: float = 250) -> Path:
    """Writes the corpus once: a JSON object with `whole_func_string` a line."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as out:
            for text in take(megabytes):
                out.write(json.dumps({"whole_func_string": text}, ensure_ascii=False) + "\n")
        part.rename(path)
    return path


if __name__ == "__main__":
    write_jsonl(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 250)
