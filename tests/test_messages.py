"""No message holds more than 80 characters of its input: a marked text of 10,000 characters goes through every entrance."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WALK = Path(__file__).with_name("message_walk.py")


@pytest.mark.parametrize("family", ["corpora", "arrays", "tokenizers", "pipelines", "command line"])
def test_no_message_has_more_than_80_characters_of_a_text(family):
    """Checks errors, warnings, logs and what commands print to standard error, for five spellings of the text and each fault."""
    if family in ("pipelines", "command line"):
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "100"}
    run = subprocess.run(
        [sys.executable, WALK, family], capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    last = run.stderr.splitlines()[-1:]
    assert run.returncode == 0, run.stderr[-2000:]
    told = [line[:200] for line in run.stdout.splitlines() if "Ignored unknown kwargs" not in line]
    assert told == []
    assert int(last[0].split()[0]) > 200


def test_the_walk_would_find_a_leak(monkeypatch):
    monkeypatch.syspath_prepend(str(WALK.parent))
    import message_walk

    def leaks():
        raise ValueError(message_walk.TEXTS["words"][:200])

    assert any(line.count(message_walk.MARK) > message_walk.MOST for line in message_walk.said(leaks))
    assert all(line.count(message_walk.MARK) <= message_walk.MOST for line in message_walk.said(lambda: None))
