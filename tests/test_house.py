"""The house keeps its rules: who imports what, no circles between rooms, sizes. See CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "fastpost"
CORE = ROOT / "rust" / "core" / "src"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

# Library -> the files and folders that may import it, at whatever depth.
MAY_IMPORT = {
    "torch": ["models/runners/torch.py", "pipelines/torch/"],
    "transformers": ["models/transformers.py", "pipelines/torch/"],
    "onnxruntime": ["models/"],
}
# What still stands elsewhere, each with its reason. A name goes as soon as its import does.
ELSEWHERE = {
    ("torch", "cli/bench.py"): "`fastpost bench` makes the model that it times both libraries with",
    ("transformers", "cli/bench.py"): "`fastpost bench` times transformers beside fastpost",
    ("transformers", "cli/training.py"): "`--from NAME` loads the tokenizer to start from",
    ("transformers", "tokenizers/rebuild.py"): "a folder without a tokenizer.json is loaded by transformers",
}



def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def imported(tree):
    """Top-level packages that a file imports, `if TYPE_CHECKING` apart."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_only_its_room_imports_a_library(library):
    users = {name_of(path) for path, tree in TREES.items() if any(m.split(".")[0] == library for m in imported(tree))}
    strangers = {user for user in users if not user.startswith(tuple(MAY_IMPORT[library]))}
    assert strangers == {file for known, file in ELSEWHERE if known == library}


def rooms():
    """Room -> rooms that it imports when it is imported itself (imports inside functions do not count)."""
    out = {}
    for path, tree in TREES.items():
        room = name_of(path).split("/")[0].removesuffix(".py")
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastpost."):
                other = node.module.split(".")[1]
                if other != room:
                    out.setdefault(room, set()).add(other)
    return out


def circle(graph):
    """A circle of the graph as a list of names, or nothing."""
    done, path = set(), []

    def walk(node):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if found := walk(other):
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        if found := walk(node):
            return found
    return None


def test_a_circle_would_be_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) is None


def test_rooms_of_python_make_no_circle():
    assert circle(rooms()) is None


def rust_rooms():
    out = {}
    for path in sorted(CORE.rglob("*.rs")):
        room = path.relative_to(CORE).parts[0].removesuffix(".rs")
        if room == "lib":
            continue
        text = path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests")[0]
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
        for other in re.findall(r"\bcrate::(\w+)", code):
            if other != room and other[0].islower():
                out.setdefault(room, set()).add(other)
    return out


def test_rooms_of_rust_make_no_circle():
    assert circle(rust_rooms()) is None
