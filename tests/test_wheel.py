"""The wheel and the source distribution of `make wheel`, each installed beside NumPy alone."""

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
pytestmark = pytest.mark.wheel


def only(pattern: str) -> Path:
    found = sorted(DIST.glob(pattern))
    assert len(found) == 1, f"{DIST} holds {len(found)} files {pattern}; `make wheel` writes one"
    return found[0]


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=1500,
        cwd=DIST,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed_and_checked(folder: Path, wheel: Path) -> str:
    """What the check prints in a new environment with the wheel and its dependencies."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
    run(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", wheel)
    return run(python, "-I", ROOT / "tests" / "wheel_check.py", "--alone")


def test_the_wheel_runs_with_numpy_alone(tmp_path):
    assert installed_and_checked(tmp_path / "env", only("*.whl")) == "entities 2, answers 45, texts 2500\n"


def test_the_wheel_is_for_every_python():
    wheel = only("*.whl")
    assert "-cp310-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        message = email.message_from_bytes(archive.read(metadata))
        points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    needed = [line for line in message.get_all("Requires-Dist") if "extra ==" not in line]
    assert needed == ["numpy>=1.24"]
    assert re.sub(r"[ \r]", "", points).split() == [
        "[console_scripts]",
        "fastpost=fastpost.cli:main",
        "[spacy_factories]",
        "fastpost_ner=fastpost.spacy:FastpostNer",
    ]
    modules = [name for name in names if name.endswith((".so", ".pyd"))]
    assert len(modules) == 1
    assert modules[0].startswith("fastpost/_fastpost.")
    assert {"fastpost/py.typed", "fastpost/_fastpost.pyi"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_source_distribution_builds(tmp_path):
    """It is built in the `dev` profile: the test is that no file is missing, which optimisation does not change."""
    run(
        *(sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", tmp_path, only("*.tar.gz")),
        MATURIN_PEP517_ARGS="--profile dev",
        CARGO_PROFILE_DEV_DEBUG="0",
        CARGO_INCREMENTAL="0",
        CARGO_TARGET_DIR=str(ROOT / "target" / "sdist"),
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert installed_and_checked(tmp_path / "env", wheel) == "entities 2, answers 45, texts 2500\n"


def test_the_source_distribution_is_complete():
    """Every tracked file that the build reads is in it."""
    wanted = run(
        "git", "-C", ROOT, "ls-files", "rust", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml", "LICENSE"
    )
    sources = {name for name in wanted.split() if "/tests/" not in name and not name.startswith("rust/fuzz")}
    with tarfile.open(only("*.tar.gz")) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert sources - inside == set()
