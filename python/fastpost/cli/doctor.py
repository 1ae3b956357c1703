"""`doctor`: the features of this machine and this environment, and what these enable."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from fastpost.cli.failure import EXTRAS, guarded, install_line
from fastpost.cli.help import Command
from fastpost.jobs.output import dump_json

_LIBRARIES = {
    "numpy": "arrays in and columns out",
    "tokenizers": "ONNX pipelines, training",
    "transformers": "pipelines on torch models",
    "torch": "pipelines on torch models",
    "onnxruntime": 'backend="onnxruntime"',
    "pyarrow": "Parquet and Arrow files",
    "datasets": "Corpus of a dataset",
    "polars": "Corpus of a data frame",
    "typer": "this command line",
    "rich": "this command line",
}
_VECTORS = {"V3": "AVX2 with FMA", "V4": "AVX-512", "Neon": "NEON", "Scalar": "none: the plain loop"}


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("doctor", cls=Command)(guarded(doctor))


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show versions, cores, vector instructions, devices, and what is installed and what it enables."""
    found = examined()
    if as_json:
        print(dump_json(found))
        return
    for name in ("fastpost", "python", "system", "cores", "vectors", "memory"):
        print(f"{name:14}{found[name]}")
    for name, devices in found["devices"].items():
        print(f"{name:14}{'runs on ' if found['libraries'][name]['version'] else ''}{', '.join(devices)}")
    print()
    for name, library in found["libraries"].items():
        version, enables = library["version"], library["enables"]
        print(f"{name:14}{version or 'missing':12}{enables}{'' if version else f'; {install_line(name)}'}")


def examined() -> dict[str, Any]:
    """The findings of `doctor`, by name."""
    from fastpost import __version__
    from fastpost._fastpost import simd

    vectors = simd()
    libraries = {
        name: {"version": _version(name), "enables": enables, "extra": EXTRAS.get(name, "")}
        for name, enables in _LIBRARIES.items()
    }
    return {
        "fastpost": __version__,
        "python": f"{platform.python_version()} at {sys.executable}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "cores": _cores(),
        "vectors": f"{_VECTORS.get(vectors, vectors)} ({vectors})",
        "memory": _memory(),
        "devices": {
            "torch": _devices("torch", libraries["torch"]["version"]),
            "onnxruntime": _devices("onnxruntime", libraries["onnxruntime"]["version"]),
        },
        "libraries": libraries,
    }


def _version(name: str) -> str | None:
    for distribution in (name, f"{name}-gpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = ""
    try:
        most, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        quota = "" if most == "max" else f", limited to the time of {int(most) / int(period):.1f}"
    except (OSError, ValueError):
        pass
    return f"{usable} of {os.cpu_count()}{quota}"


def _memory() -> str:
    from fastpost.tokenizers.memory import memory_available

    free = memory_available()
    return "unknown" if free is None else f"{free / 1e9:.1f} GB free"


def _devices(library: str, version: str | None) -> list[str]:
    """The devices that a library sees; if it can't be imported, the reason."""
    if version is None:
        return ["not installed"]
    try:
        module: Any = importlib.import_module(library)
    except Exception as error:  # a broken installation is a finding, too
        return [f"can't be imported: {' '.join(str(error).split())}"]
    if library == "onnxruntime":
        # Every build names Azure, which is a remote service, not a device of this machine.
        providers = [name.removesuffix("ExecutionProvider") for name in module.get_available_providers()]
        return sorted((name for name in providers if name != "Azure"), key=lambda name: (name != "CPU", name))
    devices = ["cpu"]
    if module.cuda.is_available():
        devices += [f"cuda:{n} {module.cuda.get_device_name(n)}" for n in range(module.cuda.device_count())]
    if module.backends.mps.is_available():
        devices.append("mps")
    return devices
