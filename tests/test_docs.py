"""Every Python block of README.md and docs/*.md runs, and shows what its page says it shows.

A page is one namespace. A `text` block right behind a Python block holds what that block prints, and the values of its
bare expressions, as the interpreter would show them. The pages' placeholders are given here: MODEL, ONNX_FOLDER and
QA_MODEL are folders of real models, `old_tokenizer` is a tokenizer. Comments before a block say what is not for readers:

    <!-- run: not here, REASON -->            the block does not run
    <!-- run: where QA_MODEL is, REASON -->   it runs where that placeholder has a value
    <!-- run: python                          code that runs, unseen
    ... -->
"""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

import fastpost

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    "engines.md": ("test_engines.py",),
    "neighbours.md": ("test_presidio.py", "test_spacy.py", "test_optimum.py"),
}
"""Pages whose code needs more than `make test` installs, and the tests that run it."""
PIECE = re.compile(
    r"^<!-- run: (?P<note>.*?)-->$|^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
FLOAT = re.compile(r"(-?\d+\.\d+(?:e[+-]?\d+)?)")
MODELS = ("MODEL", "ONNX_FOLDER", "QA_MODEL")


@pytest.fixture
def placeholders(rampart_dir, rampart_torch_dir, tmp_path, monkeypatch):
    """What pages take for given, in a folder of their own."""
    from small_tokenizers import byte_level

    monkeypatch.chdir(tmp_path)
    source = "def add(first, second):\n    return first + second\n"
    functions = tmp_path / "functions"
    functions.mkdir()
    line = '{"text": "' + source.replace("\n", "\\n") + '"}\n'
    (functions / "python.jsonl").write_text(line * 20, encoding="utf-8")
    qa_model = ROOT.parent / "shared" / "models" / "minilm-xquad"
    yield {
        "MODEL": str(rampart_torch_dir),
        "ONNX_FOLDER": str(rampart_dir),
        "QA_MODEL": str(qa_model) if qa_model.exists() else None,
        "old_tokenizer": byte_level(False),
    }
    fastpost.uninstall()


def run(code: str, place: str, names: dict) -> tuple[str, bool]:
    """What the code prints and shows, and whether it shows the value of an expression."""
    printed, shows = io.StringIO(), False
    with contextlib.redirect_stdout(printed):
        for node in ast.parse(code, place).body:
            if isinstance(node, ast.Expr):
                value = eval(compile(ast.Expression(node.value), place, "eval"), names)
                if value is not None:
                    shows = True
                    print(repr(value))
            else:
                exec(compile(ast.Module([node], []), place, "exec"), names)
    return printed.getvalue(), shows


def same(got: str, want: str, tolerance: float) -> bool:
    """Whether two lines agree: character by character, but floats to `tolerance`."""
    mine, theirs = FLOAT.split(got), FLOAT.split(want)
    return len(mine) == len(theirs) and all(
        a == b if at % 2 == 0 else abs(float(a) - float(b)) <= tolerance
        for at, (a, b) in enumerate(zip(mine, theirs, strict=True))
    )


def assert_shown(got: str, want: str, laid_out: bool, tolerance: float, place: str) -> None:
    """A page breaks the lines of values to fit; what is printed it gives line by line."""
    note = f"{place} shows\n{got}\nbut the page says\n{want}"
    if laid_out:
        assert same("".join(got.split()), "".join(want.split()), tolerance), note
        return
    mine, theirs = ([line.rstrip() for line in text.rstrip().split("\n")] for text in (got, want))
    assert len(mine) == len(theirs), note
    for a, b in zip(mine, theirs, strict=True):
        assert same(a, b, tolerance), f"{note}\nline {a!r}\nnot  {b!r}"


def run_page(text: str, name: str, names: dict) -> tuple[int, list[str]]:
    """Runs the blocks of a page; how many ran, and why others did not."""
    names = dict(names)
    # Two machines differ in the last digits of a model's scores, in nothing else.
    tolerance = 1e-3 if any(re.search(rf"\b{model}\b", text) for model in MODELS) else 1e-9
    ran, skipped, note = 0, [], ""
    shown: tuple[int, str, bool] | None = None
    for piece in PIECE.finditer(text):
        place = f"{name}, line {text.count(chr(10), 0, piece.start()) + 1}"
        if piece["note"] is not None:
            assert not note, f"{place}: two comments before one block"
            note = piece["note"].strip()
            if note.startswith("python\n"):
                run("\n" * text.count("\n", 0, piece.start()) + note.removeprefix("python\n"), name, names)
                note = ""
            shown = None
            continue
        if piece["language"] == "text" and shown is not None and not text[shown[0] : piece.start()].strip():
            assert_shown(shown[1], piece["body"], shown[2], tolerance, place)
        shown = None
        if piece["language"] != "python":
            continue
        missing = re.fullmatch(r"where (\w+) is, .+", note, re.DOTALL)
        assert missing or not note or re.match(r"not here, .+", note), f"{place}: what is {note!r}?"
        if (missing and names[missing[1]] is None) or note.startswith("not here"):
            skipped.append(f"{place}: {note}")
        else:
            # Empty lines in front make the lines of a traceback those of the page.
            before = "\n" * (text.count("\n", 0, piece.start()) + 1)
            shown = (piece.end(), *run(before + piece["body"], name, names))
            ran += 1
        note = ""
    assert not note, f"{name}: no block follows {note!r}"
    return ran, skipped


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ELSEWHERE], ids=lambda page: page.name)
def test_page(page, placeholders):
    text = page.read_text(encoding="utf-8")
    ran, skipped = run_page(text, page.name, placeholders)
    assert ran + len(skipped) == len(re.findall(r"^```python", text, re.MULTILINE))
    waiting = [reason for reason in skipped if ": where" in reason]
    if waiting:
        pytest.skip(f"{ran} blocks ran; {'; '.join(waiting)}")


@pytest.mark.parametrize("name", [name for name in ELSEWHERE if (ROOT / "docs" / name).exists()])
def test_pages_that_other_tests_run(name):
    for test in ELSEWHERE[name]:
        assert name in (ROOT / "tests" / test).read_text(encoding="utf-8")


def test_a_page_that_is_wrong_fails():
    names = {"QA_MODEL": None}
    for page in (
        "```python\nprint(1)\n```\n```text\n2\n```\n",
        "```python\nprint(1)\n```\n\n```text\n1\n1\n```\n",
        "```python\n1 + 1\n```\n```text\n3\n```\n",
        "```python\nprint(0.5)\n```\n```text\n0.51\n```\n",
        "```python\nprint('QA_MODEL', 0.5)\n```\n```text\nQA_MODEL 0.502\n```\n",
        "<!-- run: some day -->\n```python\n1\n```\n",
        "<!-- run: not here, no reason at all -->\n",
    ):
        with pytest.raises(AssertionError):
            run_page(page, "page", names)
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", "page", names)


def test_what_comments_do():
    page = (
        "<!-- run: python\na = 1\n-->\n```python\na\n```\n```text\n1\n```\n"
        "<!-- run: where QA_MODEL is, a model -->\n```python\n1 / 0\n```\n```text\n7\n```\n"
        "<!-- run: not here, it takes a day -->\n```python\n1 / 0\n```\n"
        "```sh\nmake\n```\n```text\nnot the output of Python\n```\n```python\n[0.12345678901,\n 2]\n```\n```text\n[0.1234567890,\n  2]\n```\n"
    )
    ran, skipped = run_page(page, "page", {"QA_MODEL": None})
    assert ran == 2
    assert len(skipped) == 2


def test_commands_name_what_there_is():
    """`make` targets and scripts in shell blocks exist, and so do the extras of `pip install`."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"^(\w+) = \[", project.split("[project.optional-dependencies]")[1].split("\n[")[0], re.M))
    assert {"test", "docs", "bench"} <= targets
    assert {"transformers", "onnx"} <= extras
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for target in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE):
                assert target in targets, f"{page.name}: make {target}"
            for script in re.findall(r"^(?:\S*=\S* )*python (\S+\.py)", block, re.MULTILINE):
                assert (ROOT / script).exists(), f"{page.name}: {script}"
        for named in re.findall(r"fastpost\[([\w,]+)\]", text):
            assert set(named.split(",")) <= extras, f"{page.name}: fastpost[{named}]"


def test_every_public_name_is_in_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: fastpost\.(\w+)", pages, re.MULTILINE))
    assert listed == set(fastpost.__all__) - {"__version__"}
    metrics = set(re.findall(r"^::: fastpost\.metrics\.(\w+)$", pages, re.MULTILINE))
    assert metrics == {name for name in fastpost.metrics.__all__ if name[0].islower()}


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "tools" / "zensical.toml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f'"{page.relative_to(ROOT / "docs").as_posix()}"' in settings
