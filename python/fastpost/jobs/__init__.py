"""Texts of files -> entities, answers -> files: the work of the commands, for programs, too."""

from __future__ import annotations

import importlib

_HOMES = {
    "AnswerJob": "answers",
    "EntityJob": "entities",
    "Finished": "errors",
    "JobError": "errors",
    "Output": "output",
    "Reading": "texts",
    "Tally": "entities",
    "Texts": "texts",
}


def __getattr__(name: str) -> object:
    """Imports a name's module when it is first used, so that the command line starts without NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fastpost.jobs' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fastpost.jobs.{_HOMES[name]}"), name)
