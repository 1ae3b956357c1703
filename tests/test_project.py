"""The project's own files agree with each other."""

import re
import sys
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("tomllib came with Python 3.11", allow_module_level=True)

import tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]


def lowest(requirement):
    """Name and lowest version of `name[extra]>=1.2,<3`."""
    return re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement).groups()


def test_the_lowest_versions_are_those_that_are_tried():
    extras = PROJECT["optional-dependencies"]
    allowed = dict(lowest(one) for one in [*PROJECT["dependencies"], *extras["onnx"], *extras["arrow"], *extras["cli"]])
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert tried.keys() == allowed.keys()
    for name, version in tried.items():
        parts = re.sub(r"(\.[0*])+$", "", version)
        assert parts == re.sub(r"(\.0)+$", "", allowed[name]), name


def test_one_package_has_one_lowest_version():
    seen = {}
    for extra, requirements in PROJECT["optional-dependencies"].items():
        for one in requirements:
            name, version = lowest(one)
            assert seen.setdefault(name, version) == version, (extra, name)


def test_a_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {VERSION}\n" in text


def test_python_knows_this_version_without_the_extension():
    from fastpost._fastpost import VERSION as COMPILED
    from fastpost._version import VERSION as KNOWN

    assert KNOWN == VERSION == COMPILED


def test_every_stranger_is_sent_by_a_workflow(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "strangers"))
    import personas

    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    sent = re.search(r"^ +who: (\[.+\])$", workflow, re.MULTILINE)[1]
    assert sorted(re.findall(r"\w+", sent)) == sorted([*(one.name for one in personas.PERSONAS), "site"])


def test_the_site_shows_this_version():
    assert f'\ncopyright = "fastpost {VERSION} ' in (ROOT / "tools" / "zensical.toml").read_text(encoding="utf-8")
    assert f"\nVersion {VERSION} · [repository]" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def test_links_lead_to_one_repository():
    repository = PROJECT["urls"]["Repository"]
    assert PROJECT["urls"]["Changelog"] == f"{repository}/blob/main/CHANGELOG.md"
    for file in ("CITATION.cff", "tools/zensical.toml", "Cargo.toml", ".github/ISSUE_TEMPLATE/config.yml"):
        assert repository in (ROOT / file).read_text(encoding="utf-8"), file


def test_workflows_run_make_targets_that_exist():
    """What continuous integration runs can be run at home."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for workflow in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        called = re.findall(r"run: make ([a-z-]+)", workflow.read_text(encoding="utf-8"))
        assert set(called) <= targets, workflow.name
    phony = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)[1].replace("\\\n", " ").split())
    assert targets == phony


def test_readme_reads_the_same_on_a_package_index():
    """An index shows README without the repository around it: links and pictures are absolute, and lead to what is here."""
    repository = PROJECT["urls"]["Repository"]
    pictures = repository.replace("github.com", "raw.githubusercontent.com") + "/main/"
    pages = f"{repository}/blob/main/"
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    named = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    text = re.sub(r"^\[[^\]]+\]: .*$", "", text, flags=re.MULTILINE)
    used = {second or first for first, second in re.findall(r"\[([^\]\[]+)\](?:\[([^\]]+)\])?(?!\()", text)}
    assert used == named.keys()
    targets = [
        *named.values(),
        *re.findall(r"\]\(([^)]+)\)", text),
        *re.findall(r'\b(?:href|src|srcset)="([^"]+)"', text),
    ]
    assert len(targets) >= 10
    for target in targets:
        kept = next((start for start in (pages, pictures) if target.startswith(start)), None)
        assert kept is not None, target
        path, _, heading = target.removeprefix(kept).partition("#")
        assert (ROOT / path).is_file(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings], target
