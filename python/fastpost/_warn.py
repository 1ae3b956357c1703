"""Warnings that name the caller's line, not one of ours."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from fastpost.exceptions import Argument, describe

_HERE = str(Path(__file__).parent) + os.sep


def warn_caller(*message: str | Argument, category: type[Warning] = UserWarning, through: str = "") -> None:
    """Warns at the line that called into this package.

    Args:
        message: what to say; arguments in it are spelled as options where the command line shows it.
        category: the kind of warning.
        through: a library that stands between the caller and this package, such as "transformers".
    """
    library = getattr(sys.modules.get(through), "__file__", None)
    skipped = (_HERE,) if library is None else (_HERE, str(Path(library).parent) + os.sep)
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(skipped):
        level, frame = level + 1, frame.f_back
    warnings.warn(describe(category("".join(map(str, message))), message), category, stacklevel=level)
