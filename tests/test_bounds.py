"""No value that a caller passes crashes the interpreter: every argument of every public function, with hostile values."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import fastpost

WALK = Path(__file__).with_name("bounds_walk.py")
FAMILIES = (
    "entities",
    "answers",
    "alignment",
    "metrics",
    "corpora",
    "training",
    "encoder",
    "private",
    "pipelines",
    "doors",
)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_argument_takes_any_value_or_refuses_it(family):
    """Each family runs in its own process under a memory limit; a call gives a result, TypeError, ValueError or OverflowError."""
    if family in ("pipelines", "doors"):
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    run = subprocess.run([sys.executable, WALK, family], capture_output=True, text=True, timeout=1200, check=False)
    last = run.stderr.splitlines()[-1:]
    assert run.returncode == 0, (run.returncode, last)
    told = [line for line in run.stdout.splitlines() if "Ignored unknown kwargs" not in line]
    assert told == []
    assert int(last[0].split()[0]) > 150


def test_the_walk_leaves_no_public_function_out():
    source = WALK.read_text()
    models = {"accelerate", "compare", "install", "ner_udf", "pipeline", "uninstall"}  # need a model, or take no values
    for name in set(fastpost.__all__) - models:
        thing = getattr(fastpost, name)
        results = {
            "TextRecords",
            "EncoderReport",
            "Encodings",
            "Answers",
            "Comparison",
            "CorpusError",
            "CorpusStats",
            "Model",  # a protocol, which nobody calls
            "Redaction",
            "TextEntities",
        }
        if not callable(thing) or name in results or name.endswith("Pipeline"):
            continue
        assert f"fastpost.{name}" in source, name
        assert inspect.signature(thing) is not None


CASES = {
    "corpus": "import fastpost, signal; signal.alarm(20); signal.signal(signal.SIGALRM, lambda *_: 1 / 0);"
    "print(list(fastpost.Corpus(PATH, threads=2**40)))",
    # A first pass imports what is imported late: Python ends by SIGINT where an import's `exec` was interrupted.
    "interrupt": "import fastpost, signal\nlist(fastpost.Corpus(PATH))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.5); signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
    "try:\n    [batch for _ in range(10**9) for batch in fastpost.Corpus(PATH, threads=2**40)]\n"
    "except KeyboardInterrupt:\n    print('stopped')",
}


@pytest.mark.parametrize(("case", "want"), [("corpus", "[['a', 'b']]"), ("interrupt", "stopped")])
def test_ctrl_c_is_alive_whatever_the_number_of_threads(case, want, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("a\nb\n")
    code = f"PATH = {str(path)!r}\n{CASES[case]}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.returncode) == (want, 0), run.stderr
