"""`make demo`: its output is complete, and what it redacts is gone."""

import importlib.util

import pytest

from conftest import ROOT


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo(demo, rampart_dir, monkeypatch, capsys):
    assert demo.model_folder() == rampart_dir
    monkeypatch.setattr("sys.argv", ["demo.py"])
    monkeypatch.setenv("NO_COLOR", "1")
    demo.main()
    said = capsys.readouterr()
    shown, redacted = said.out.split("redacted;")
    redacted, answers = redacted.split("question-answering")
    rows = [line.split() for line in shown.splitlines()]
    for label, word in (("EMAIL", "jose.alvarez@example.org"), ("PHONE", "718-555-0199")):
        assert [row[-1] for row in rows if row[:1] == [label]] == [word]
        assert word not in redacted
        assert f"[{label}_1]" in redacted
    assert "1996" in answers
    assert said.err == ""


def test_the_demo_puts_the_words_in_colour(demo):
    found = [{"start": 0, "end": 4, "entity_group": "GIVEN_NAME"}]
    assert demo.coloured("Anna lives.", found) == "\x1b[1;32mAnna\x1b[0m lives."
