"""Every Python block of README.md and docs/*.md runs, and shows what its page says it shows; see `pages.py`.

MODEL, TORCH_MODEL and QA_MODEL are folders of real models here.
"""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.main import get_command

import fastpost
from browser import CHROMIUM, in_browser
from pages import run_page, same

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    "engines.md": ("test_engines.py",),
    "neighbours.md": ("test_presidio.py",),
}
"""Pages whose code needs more than `make test` installs, and the tests that run it."""


@pytest.fixture
def placeholders(rampart_dir, rampart_torch_dir, tmp_path, monkeypatch):
    """The files that pages assume, in a new folder."""
    monkeypatch.chdir(tmp_path)
    mails = (
        ("m1", "My name is Anna Schmidt and I live in London."),
        ("m2", "Nothing to see here."),
        ("m3", "Deliver it to Sarah Johnson, 350 Fifth Avenue, New York."),
    )
    lines = "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in mails)
    (tmp_path / "mails.jsonl").write_text(lines, encoding="utf-8")
    qa_model = ROOT.parent / "shared" / "models" / "minilm-xquad"
    yield {
        "MODEL": str(rampart_dir),
        "TORCH_MODEL": str(rampart_torch_dir),
        "QA_MODEL": str(qa_model) if qa_model.exists() else None,
    }
    fastpost.uninstall()


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
    """`make` targets, scripts, commands and their options in shell blocks exist, and the extras of `pip install`."""
    from fastpost.cli.app import build_app

    commands: Any = get_command(build_app())
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
            for command, *words in re.findall(r"^fastpost ([a-z-]+)(.*)$", block, re.MULTILINE):
                found = commands.commands[command]
                line = words[0].split()
                if hasattr(found, "commands"):
                    found = found.commands[line[0]]
                options = {name for parameter in found.params for name in parameter.opts}
                wrong = {word for word in line if word.startswith("--")} - options
                assert not wrong, f"{page.name}: fastpost {command} has no {wrong}"
            for script in re.findall(r"^(?:\S*=\S* )*python (\S+\.py)", block, re.MULTILINE):
                assert (ROOT / script).exists(), f"{page.name}: {script}"
        for named in re.findall(r"fastpost\[([\w,]+)\]", text):
            assert set(named.split(",")) <= extras, f"{page.name}: fastpost[{named}]"


def test_every_public_name_is_in_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: fastpost\.(\w+)$", pages, re.MULTILINE))
    assert listed == set(fastpost.__all__) - {"__version__"}
    modules = set(re.findall(r"^::: fastpost\.(\w+)\.[\w.]+$", pages, re.MULTILINE)) - {"pipelines"}
    assert modules == set(fastpost._MODULES)
    made = {"onnx.OnnxTokenClassificationPipeline", "onnx.OnnxQuestionAnsweringPipeline"}
    made |= {"model.EntityPipeline", "model.AnswerPipeline"}  # what `pipeline` gives without torch
    assert made == set(re.findall(r"^::: fastpost\.pipelines\.([\w.]+)$", pages, re.MULTILINE))
    for module in sorted(modules - {"metrics"}):  # read as text, since importing it needs the packages that it is for
        source = (ROOT / "python" / "fastpost" / "integrations" / f"{module}.py").read_text(encoding="utf-8")
        kinds = (ast.FunctionDef, ast.ClassDef)
        public = {node.name for node in ast.parse(source).body if isinstance(node, kinds) and node.name[0] != "_"}
        assert public == set(re.findall(rf"^::: fastpost\.{module}\.(\w+)$", pages, re.MULTILINE))
    metrics = set(re.findall(r"^::: fastpost\.metrics\.(?:squad\.)?(\w+)$", pages, re.MULTILINE))
    assert metrics == {name for name in fastpost.metrics.__all__ if name[0].islower()}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_rendered_example_is_what_render_gives(theme, rampart_dir, monkeypatch):
    """The picture equals the stored one line by line, up to the last digits of scores, and is well-formed."""
    monkeypatch.syspath_prepend(str(ROOT / "benches" / "python"))
    import plots

    assert plots.SENTENCE in "".join(re.findall('"([^"]*)"', (ROOT / "docs" / "right.md").read_text(encoding="utf-8")))
    (look,) = [one for one in plots.THEMES if one.name == theme]
    want = plots.differences(plots.compared(), look)
    ElementTree.fromstring(want)
    got = (ROOT / "docs" / "figures" / f"differences-{theme}.svg").read_text(encoding="utf-8")
    for ours, theirs in zip(got.splitlines(), want.splitlines(), strict=True):
        assert same(ours, theirs, 2e-3), "write it anew: python benches/python/plots.py .cache/bench docs/figures"


@in_browser
def test_the_rendered_example_ends_inside_its_picture(tmp_path):
    picture = (ROOT / "docs" / "figures" / "differences-light.svg").read_text(encoding="utf-8")
    script = (
        "const box = document.querySelector('foreignObject'), inner = document.querySelector('foreignObject > div');"
    )
    script += "document.title = inner.getBoundingClientRect().bottom <= box.getBoundingClientRect().bottom"
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><body>{picture}<script>{script}</script></body>", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, timeout=180, check=True)
    assert b"<title>true</title>" in done.stdout


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figure_of_training_is_its_table(theme, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benches" / "python"))
    import plots

    (look,) = [one for one in plots.THEMES if one.name == theme]
    want = plots.training(plots.PAGE.read_text(encoding="utf-8"), look)
    got = (ROOT / "docs" / "figures" / f"train-{theme}.svg").read_text(encoding="utf-8")
    assert got == want, "write it anew: python benches/python/plots.py .cache/bench docs/figures"


def test_the_figure_in_the_text_is_that_of_the_table():
    """README says in a sentence how much faster training is; it must agree with the table, which is measured from time to time."""
    (said,) = re.findall(r"(\d+) times sooner", (ROOT / "README.md").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    (measured,) = re.findall(r"^\| tokenizers [\d.]+ \|.*\| (\d+)x \|$", page, re.MULTILINE)
    assert said == measured


def test_the_rules_of_a_comparison_are_explained():
    from fastpost.pipelines.compare import RULES

    page = (ROOT / "docs" / "right.md").read_text(encoding="utf-8")
    table = page.partition("| rule | what makes the difference |\n")[2].partition("\n\n")[0]
    assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE)) == RULES


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "tools" / "zensical.toml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f'"{page.relative_to(ROOT / "docs").as_posix()}"' in settings
