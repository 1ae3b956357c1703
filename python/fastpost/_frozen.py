"""Objects that can't be changed once they are made."""

from __future__ import annotations

from typing import Any


class Frozen:
    """Refuses to set or delete attributes; `object.__setattr__` sets those that it starts with."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"`{name}` can't be set: {self._cure(name)}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"`{name}` can't be deleted: {self._cure(name)}")

    def _cure(self, name: str) -> str:  # noqa: ARG002 others name it
        return f"an object of type {type(self).__name__} never changes; take what you need of it, and change that"


class Settled(Frozen):
    """Takes attributes until `_settle` is called, at the end of `__init__`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_is_settled"):
            super().__setattr__(name, value)
        object.__setattr__(self, name, value)

    def _settle(self) -> None:
        self._is_settled = True

    def _cure(self, name: str) -> str:
        kind = type(self).__name__
        return f"an object of type {kind} never changes; make another one, {kind}(..., {name}=...)"
