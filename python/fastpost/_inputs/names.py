"""Arguments by name: one that a call does not have is refused, with the one that may be meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from fastpost._inputs.bounds import guess
from fastpost.exceptions import refuse

C = TypeVar("C", bound=Callable[..., Any])


def unexpected(name: str, known: Collection[str], more: str = "") -> TypeError:
    """The error about an argument that a call does not have; `more` is the end of its message."""
    choices = ", ".join(known)
    return refuse(
        TypeError, f"unexpected argument `{name}`{guess(name, known)}; choose one of {choices}{more}", argument=name
    )


def checks_names(call: C) -> C:
    """Lets a function, or a class with its public methods, refuse unknown arguments as pipelines do.

    Python itself guesses from 3.13 on, by spelling alone, and its error has no `argument`.
    """
    if not isinstance(call, type):
        return _checked(call)
    for name, one in list(vars(call).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(one, (classmethod, staticmethod)):
            setattr(call, name, type(one)(_checked(one.__func__)))
        elif inspect.isfunction(one):
            setattr(call, name, _checked(one))
    return call


def _checked(function: C) -> C:
    parameters = inspect.signature(function).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return function  # it reads what it is given by itself
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {one.name: None for one in parameters if one.kind in named and one.name not in ("self", "cls")}

    @functools.wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        if not given.keys() <= known.keys():
            raise unexpected(next(name for name in given if name not in known), known)
        return function(*args, **given)

    return checked  # type: ignore[return-value]
