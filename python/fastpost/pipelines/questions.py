"""The arguments of a question-answering pipeline -> questions about contexts."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from fastpost._inputs.bounds import listed
from fastpost.exceptions import refuse
from fastpost.pipelines.answers import Ask
from fastpost.pipelines.texts import find_fault, read_list, show_kind


def single(item: Any) -> Ask:
    """One question: a dict with `question` and `context`, or an object of transformers 4 with their texts.

    Raises:
        KeyError: if a dict lacks one of the two.
        ValueError: if one of them is empty or is not a text, or `item` is something else.
    """
    if isinstance(item, Ask):
        return item
    if hasattr(item, "question_text") and hasattr(item, "context_text"):
        item = {"question": item.question_text, "context": item.context_text}
    if not isinstance(item, dict):
        raise refuse(
            ValueError,
            f"{_show(item)} is no question; pass a dict {{'question': ..., 'context': ...}}",
            argument="question",
        )
    for name in ("question", "context"):
        if name not in item:
            raise KeyError(
                f"`{name}` is missing among {listed(sorted(map(str, item)))}; pass a dict {{'question': ..., 'context': ...}}"
            )
        if item[name] is None:
            raise refuse(ValueError, f"`{name}` cannot be None; pass a str", argument=name)
        if not isinstance(item[name], str):
            raise refuse(ValueError, f"`{name}` is of type {type(item[name]).__name__}; pass a str", argument=name)
        if not item[name]:
            raise refuse(ValueError, f"`{name}` cannot be empty; pass the text", argument=name)
    return Ask(item["question"], item["context"])


class Asks(Sized, Iterable[Ask]):
    """The questions of a dataset that has a length, read one by one."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Ask]:
        return map(single, self._dataset)

    def __len__(self) -> int:
        return len(self._dataset)


def read(inputs: Any) -> Iterable[Ask]:
    """Reads the result of `asks` item by item: a list stays a list, and a source with a length keeps it."""
    if isinstance(inputs, list):
        return [single(item) for item in inputs]
    return Asks(inputs) if isinstance(inputs, Sized) else map(single, inputs)


def asks(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All inputs of a call: a list of questions, or the generator or dataset that gives them.

    Raises:
        ValueError: if the arguments do not make a list of questions.
    """
    if args:
        given: Any = args[0] if len(args) == 1 else list(args)
        if len(args) == 2 and all(isinstance(arg, str) for arg in args):
            given = {"question": args[0], "context": args[1]}
    elif "X" in kwargs or "data" in kwargs:
        given = kwargs["X"] if "X" in kwargs else kwargs["data"]
    elif "question" in kwargs and "context" in kwargs:
        given = _crossed(kwargs["question"], kwargs["context"])
    else:
        missing = next((name for name in ("question", "context") if name not in kwargs), "question")
        known = listed(sorted(kwargs)) if kwargs else "nothing"
        raise refuse(
            ValueError,
            f"`{missing}` is missing: got {known}; pass `question` and `context`, or dicts with these keys",
            argument=missing,
        )
    if isinstance(given, types.GeneratorType) or _is_stream(given):
        return given
    if isinstance(given, dict):
        question = _read_many("question", given.get("question"))
        lists = isinstance(question, list) and "context" in given
        given = _crossed(question, given["context"]) if lists else [given]
    if isinstance(given, str):
        raise refuse(ValueError, f"the input is {_show(given)}; pass `question` and `context`", argument="question")
    # A table of `datasets` gives a dict for each row; a frame gives the names of its columns.
    if (fault := find_fault(given)) and type(given).__module__.partition(".")[0] != "datasets":
        raise refuse(ValueError, f"the input is {fault}, or `question` and `context`", argument="question")
    return [single(item) for item in (read_list(given) if isinstance(given, Sized) else given)]


def _show(value: Any) -> str:
    """A value that is not a question, as errors show it."""
    return f"the str {value[:40]!r}" if isinstance(value, str) else show_kind(value)


def _crossed(question: Any, context: Any) -> list[dict[str, Any]]:
    """Questions and contexts in pairs; a single one of either goes with all of the other."""
    question, context = _read_many("question", question), _read_many("context", context)
    many_questions, many_contexts = (isinstance(value, list) for value in (question, context))
    if many_questions and many_contexts:
        if len(question) != len(context):
            raise refuse(
                ValueError,
                f"Questions and contexts don't have the same lengths: `question` has {len(question)}, `context` "
                f"{len(context)}; pass one context per question, or one of either",
                argument="question",
            )
        pairs = list(zip(question, context))
    elif many_questions:
        pairs = [(one, context) for one in question]
    elif many_contexts:
        pairs = [(question, one) for one in context]
    else:
        pairs = [(question, context)]
    return [{"question": one, "context": other} for one, other in pairs]


def _read_many(name: str, value: Any) -> Any:
    """Texts of a collection or an iterator as a list; anything else as it is."""
    if value is None or isinstance(value, (str, list, int, float)):
        return value
    if fault := find_fault(value):
        raise refuse(ValueError, f"`{name}` is {fault}", argument=name)
    return read_list(value) if isinstance(value, Sized) else list(value)


def _is_stream(value: Any) -> bool:
    """Whether `value` is read item by item: a dataset of torch, or one of Hugging Face without a length."""
    modules = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    return "torch" in modules or ("datasets" in modules and not isinstance(value, Sized))
