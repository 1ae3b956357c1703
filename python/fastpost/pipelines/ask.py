"""What a question-answering pipeline is called with -> questions about contexts."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from fastpost.pipelines.answer_task import Ask


def single(item: Any) -> Ask:
    """One question: a dict with `question` and `context`, or an object of transformers 4 with their texts.

    Raises:
        KeyError: if a dict lacks one of the two.
        ValueError: if one of them is empty or no text, or `item` is something else.
    """
    if isinstance(item, Ask):
        return item
    if hasattr(item, "question_text") and hasattr(item, "context_text"):
        item = {"question": item.question_text, "context": item.context_text}
    if not isinstance(item, dict):
        raise ValueError(f"{item!r} is of type {type(item).__name__}; pass a dict {{'question': ..., 'context': ...}}")
    for name in ("question", "context"):
        if name not in item:
            raise KeyError(f"`{name}` is missing among {sorted(item)}; pass a dict {{'question': ..., 'context': ...}}")
        if item[name] is None:
            raise ValueError(f"`{name}` cannot be None; pass a str")
        if not isinstance(item[name], str):
            raise ValueError(f"`{name}` is of type {type(item[name]).__name__}; pass a str")
        if not item[name]:
            raise ValueError(f"`{name}` cannot be empty; pass the text")
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
    """What `asks` returned, item by item: a list stays one, what has a length keeps it."""
    if isinstance(inputs, list):
        return [single(item) for item in inputs]
    return Asks(inputs) if isinstance(inputs, Sized) else map(single, inputs)


def asks(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All inputs of a call: a list of questions, or the generator or dataset that gives them.

    Raises:
        ValueError: if the arguments make no list of questions.
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
        raise ValueError(f"Unknown arguments {sorted(kwargs)}; pass `question` and `context`, or dicts with these keys")
    if isinstance(given, types.GeneratorType) or _is_stream(given):
        return given
    if isinstance(given, dict):
        lists = isinstance(given.get("question"), list) and "context" in given
        given = _crossed(given["question"], given["context"]) if lists else [given]
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"Invalid arguments: got {type(given).__name__}; pass `question` and `context`")
    return [single(item) for item in given]


def _crossed(question: Any, context: Any) -> list[dict[str, Any]]:
    """Questions and contexts side by side; one of either goes with all of the other."""
    many_questions, many_contexts = (isinstance(value, (list, tuple)) for value in (question, context))
    if many_questions and many_contexts:
        if len(question) != len(context):
            raise ValueError(
                f"Questions and contexts don't have the same lengths: `question` has {len(question)}, `context` "
                f"{len(context)}; pass one context per question, or one of either"
            )
        pairs = list(zip(question, context))
    elif many_questions:
        pairs = [(one, context) for one in question]
    elif many_contexts:
        pairs = [(question, one) for one in context]
    else:
        pairs = [(question, context)]
    return [{"question": one, "context": other} for one, other in pairs]


def _is_stream(value: Any) -> bool:
    """Whether `value` is read item by item: a dataset of torch, or one of Hugging Face without a length."""
    modules = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    return "torch" in modules or ("datasets" in modules and not isinstance(value, Sized))
