"""The layout of the code keeps its rules: who imports what, no circles between folders, sizes. See CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

import pytest

import fastpost

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
    assert strangers == set()


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


def test_no_room_imports_the_face():
    """`import fastpost` is for users; a room that did so would depend on all others. `fastpost._fastpost` is a separate module."""
    for path, tree in TREES.items():
        taken = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "fastpost" and path.parent != PACKAGE:
                taken |= {alias.name for alias in node.names if alias.name != "__version__"}
        assert not {name for name in taken if "." not in name} & {"fastpost", *fastpost.__all__}, name_of(path)


def test_a_circle_would_be_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) is None


def test_rooms_of_python_make_no_circle():
    assert circle(rooms()) is None


def files():
    """File -> files of the package that it names in any import, at whatever depth; the package's face apart."""
    names = {
        "fastpost." + name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in FILES
    }
    out = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [name if name in names else node.module for name in found]
                out.setdefault(name_of(path), set()).update(name_of(names[n]) for n in found if n in names)
    return {file: others - {file} for file, others in out.items() if file != "__init__.py"}


def test_files_of_python_make_no_circle():
    assert circle(files()) is None


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


def test_the_core_knows_no_binding():
    """The core names no type and no function of Python; other languages bind to it as well."""
    for path in sorted(CORE.rglob("*.rs")):
        found = re.search(r"pyo3|Py[A-Z]\w+|\b(Type|Value|OS)Error\b|\bnumpy\.", path.read_text(encoding="utf-8"))
        assert found is None, (path.name, found)


LINES, BODY, PARAMETERS = 600, 60, 8
PUBLIC = "users name each of them; the reference has a line for each"
SIGNATURE = "the arguments that Python hands over, read one by one"
TABLE = "one row a column or a message; to cut it would hide the order"
CLASS = "one type with its methods, or one table with its readers; what could leave it is named in no other file"
STEPS = "the steps of one algorithm, in order, over the same few variables"
# What is larger than the rules allow, each with its reason. A name goes as soon as it fits.
LARGE = {
    "python/alignment/labels.py: _read(...)": SIGNATURE,
    "python/alignment/labels.py: labels_to_spans(...)": PUBLIC,
    "python/alignment/labels.py: spans_to_labels(...)": PUBLIC,
    "python/answers/decoder.py: __init__(...)": PUBLIC,
    "python/answers/decoder.py: decode(...)": PUBLIC,
    "python/answers/predictions.py: postprocess_qa_predictions(...)": PUBLIC,
    "python/cli/encode.py: encode(...)": PUBLIC,
    "python/cli/qa.py: qa(...)": PUBLIC,
    "python/cli/training.py: count_words(...)": PUBLIC,
    "python/cli/training.py: train_tokenizer(...)": PUBLIC,
    "python/corpus/corpus.py: __init__(...)": PUBLIC,
    "python/encoding/encoder.py: encode(...)": PUBLIC,
    "python/encoding/stream.py: write(...)": SIGNATURE,
    "python/entities/decoder.py: __init__(...)": PUBLIC,
    "python/entities/decoder.py: _run(...)": SIGNATURE,
    "python/entities/decoder.py: decode(...)": PUBLIC,
    "python/entities/result.py: _restored(...)": SIGNATURE,
    "python/integrations/spacy.py: __init__(...)": PUBLIC,
    "python/metrics/sequence.py: classification_report(...)": PUBLIC,
    "python/metrics/sequence.py: f1_score(...)": PUBLIC,
    "python/metrics/sequence.py: precision_recall_fscore_support(...)": PUBLIC,
    "python/metrics/sequence.py: precision_score(...)": PUBLIC,
    "python/metrics/sequence.py: recall_score(...)": PUBLIC,
    "python/pipelines/torch/question_answering.py: _sanitize_parameters(...)": PUBLIC,
    "python/tokenizers/train.py: train_new_from_iterator(...)": PUBLIC,
    "rust/core/src/align/to_labels.rs: choose": STEPS,
    "rust/core/src/corpus/cutter.rs: cut": STEPS,
    "rust/core/src/corpus/jsonl.rs: fields": STEPS,
    "rust/core/src/encode/unigram.rs: by_chunks": STEPS,
    "rust/core/src/parallel.rs: fold": STEPS,
    "rust/py/src/align.rs: new": SIGNATURE,
    "rust/py/src/answers/columns.rs: answer_table": TABLE,
    "rust/py/src/answers/columns.rs: answer_table(...)": SIGNATURE,
    "rust/py/src/answers/mod.rs: decode": SIGNATURE,
    "rust/py/src/answers/mod.rs: decode(...)": SIGNATURE,
    "rust/py/src/answers/mod.rs: nbest": SIGNATURE,
    "rust/py/src/answers/mod.rs: nbest(...)": SIGNATURE,
    "rust/py/src/answers/mod.rs: new(...)": SIGNATURE,
    "rust/py/src/encode.rs: encode(...)": SIGNATURE,
    "rust/py/src/entities/columns.rs: entity_json": TABLE,
    "rust/py/src/entities/columns.rs: entity_table": TABLE,
    "rust/py/src/entities/columns.rs: entity_table(...)": SIGNATURE,
    "rust/py/src/entities/lines.rs: entity_lines": TABLE,
    "rust/py/src/entities/kernel.rs: decode": SIGNATURE,
    "rust/py/src/entities/kernel.rs: decode(...)": SIGNATURE,
    "rust/py/src/text.rs: plan_windows(...)": SIGNATURE,
    "rust/py/src/train.rs: train(...)": SIGNATURE,
}
FUNCTION = re.compile(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?fn (\w+)")


def sizes_of_python(path):
    """What is too large in a file: `file.py`, `file.py: name` (lines of a body) and `file.py: name(...)` (parameters)."""
    name, text = f"python/{name_of(path)}", path.read_text(encoding="utf-8")
    if len(text.splitlines()) > LINES:
        yield name
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
        if body and node.end_lineno - body[0].lineno + 1 > BODY:
            yield f"{name}: {node.name}"
        named = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        if len([one for one in named if one not in ("self", "cls")]) > PARAMETERS:
            yield f"{name}: {node.name}(...)"


def sizes_of_rust(path):
    """The same for a Rust file, without its tests."""
    name = path.relative_to(ROOT).as_posix()
    lines = path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests")[0].splitlines()
    if len(lines) > LINES:
        yield name
    for at, line in enumerate(lines):
        if not (found := FUNCTION.match(line)):
            continue
        closing = (end for end in range(at, len(lines)) if lines[end] == f"{found[1]}}}" or lines[end].endswith(" {}"))
        end = at if line.endswith("}") else next(closing, at)
        if end - at + 1 > BODY:
            yield f"{name}: {found[2]}"
        signature = "".join(lines[at : end + 1]).split("{")[0].split("->")[0].partition("(")[2]
        if len(re.findall(r"\b\w+: ", signature)) > PARAMETERS:
            yield f"{name}: {found[2]}(...)"


def test_files_functions_and_signatures_are_small():
    files = [path for top in ("core", "py") for path in sorted((ROOT / "rust" / top / "src").rglob("*.rs"))]
    large = [one for path in FILES for one in sizes_of_python(path)]
    large += [one for path in files for one in sizes_of_rust(path)]
    assert set(large) == LARGE.keys()


def test_what_is_too_large_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    python = tmp_path / "a.py"
    body = "\n".join(f"    x = {number}" for number in range(BODY + 1))
    python.write_text(f"def f(a, b, c, d, e, f, g, h, i):\n{body}\n" + "\n" * LINES)
    assert list(sizes_of_python(python)) == ["python/a.py", "python/a.py: f", "python/a.py: f(...)"]
    rust = tmp_path / "a.rs"
    arguments = ", ".join(f"a{number}: u8" for number in range(PARAMETERS + 1))
    rust.write_text(f"pub(crate) fn f({arguments}) {{\n{body}\n}}\n" + "\n" * LINES)
    assert list(sizes_of_rust(rust)) == ["a.rs", "a.rs: f", "a.rs: f(...)"]
