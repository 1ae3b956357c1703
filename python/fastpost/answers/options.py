"""The options of `AnswerDecoder`, each once: decoder, pipelines, command line and the CLI's job read them from here.

Names of values are Rust's. A test holds the decoder's signature against this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import fastpost._fastpost as _fastpost
from fastpost._inputs import bounds
from fastpost._inputs.option import Option, is_same, table
from fastpost.exceptions import refuse

__all__ = ["ANSWER_OPTIONS", "OWN_ONLY", "Dedupe", "Normalize", "read_options"]

Normalize = Literal["global", "window"]
Dedupe = Literal["span", "text", "overlap"]

_NAMES = _fastpost.option_names()["answers"]


def _positive(name: str, value: Any) -> int:
    return bounds.whole(name, value, 1)


def _threads(name: str, value: Any) -> int | None:
    return bounds.threads(value, name)


def _share_or_none(name: str, value: Any) -> float | None:
    return None if value is None else bounds.share(name, value, or_else=", or None")


def _choice(name: str, default: Any, doc: str, choices: tuple[Any, ...], **more: Any) -> Option:
    return Option(name, default, doc, choices, lambda name, value: bounds.choice(name, value, choices), **more)


# fmt: off
ANSWER_OPTIONS: dict[str, Option] = table(
    Option("top_k", 1, "How many answers a question has at most.", (), _positive, transformers=1),
    Option("max_answer_len", 15, "How many tokens an answer has at most.", (), _positive, transformers=15),
    _choice("handle_impossible_answer", False, "Whether no answer is an answer.", (True, False), transformers=False),
    _choice("align_to_words", True, "Widen answers to whole words.", (True, False, "auto"), transformers=True),
    _choice("compat", "fastpost", "Answers whose scores can be compared, or those of transformers.",
            ("fastpost", "transformers"), transformers="transformers"),
    _choice("normalize", "global", "What scores are shares of: all windows of a question, or each.", _NAMES["normalize"]),
    Option("null_threshold", None, "Give no answer where its probability is above this.", (), _share_or_none),
    _choice("dedupe", "span", "Of which answers only the best is kept.", _NAMES["dedupe"]),
    _choice("context_sequence", 1, "Which of the two texts of a window is the context.", (1, 0), transformers=1),
    Option("threads", None, "Threads of a call; default: all cores.", (), _threads, transformers=None),
)
"""In the order of the decoder's signature."""
# fmt: on

OWN_ONLY: tuple[str, ...] = tuple(name for name, option in ANSWER_OPTIONS.items() if option.own_only)
"""The options that only `compat="fastpost"` takes."""


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a decoder, checked.

    Raises:
        TypeError, ValueError: for what an option can't be, or `compat="transformers"` does not have.
    """
    options = {name: option.check(given[name]) for name, option in ANSWER_OPTIONS.items()}
    if options["compat"] == "transformers":
        changed = {name: not is_same(options[name], ANSWER_OPTIONS[name].default) for name in OWN_ONLY}
        name = next((name for name, is_changed in changed.items() if is_changed), None)
        name = "align_to_words" if options["align_to_words"] == "auto" else name
        if name is not None:
            raise refuse(
                ValueError,
                f'`{name}` is not what transformers knows; leave it out, or pass compat="fastpost"',
                argument=name,
            )
    return options
