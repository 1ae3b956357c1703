"""Writes the tables of docs/options.md from the lists of options that all doors read.

    python tools/make_options.py

`tests/test_options.py` fails while the page says something else.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import fastpost
from fastpost._inputs.option import ABSENT, Option
from fastpost.answers.options import ANSWER_OPTIONS
from fastpost.entities.options import ENTITY_OPTIONS, PIPELINE_OPTIONS, defaults

PAGE = Path(__file__).resolve().parents[1] / "docs" / "options.md"
OF_PIPELINES = {"batch_size": 'int | "auto"', "batch_tokens": "int | None", "max_length": "int | None"}
"""What these take; pipelines have `**options` in their signatures."""
HEADS = ("option", "what it is, and what it takes", "fastpost", "transformers", "redaction")


def values(option: Option, annotations: Mapping[str, str]) -> str:
    """The names of an option's values, or else its type."""
    if option.choices:
        return ", ".join(f"`{choice!r}`" for choice in option.choices).replace("'", '"')
    kinds = annotations[option.name].split(" | ")
    return " or ".join(f"`{kind}`" for kind in kinds)


def shown(value: Any) -> str:
    """A default, as a caller would write it."""
    return "–" if value is ABSENT else f"`{value!r}`".replace("'", '"')


def row(
    option: Option, annotations: Mapping[str, str], own: Mapping[str, Any], redaction: Mapping[str, Any] | None
) -> list[str]:
    """The cells of an option; a behaviour without the option gets a dash."""
    default = own.get(option.name, option.default)
    meaning = f"{option.doc} {values(option, annotations)}"
    cells = [f"`{option.name}`", meaning, shown(default), shown(option.transformers)]
    if redaction is not None:
        cells.append(shown(redaction.get(option.name, default)))
    return cells


def annotations_of(decoder: type) -> dict[str, str]:
    """The types of a decoder's options, from its signature."""
    return {name: str(one.annotation) for name, one in inspect.signature(decoder).parameters.items()}


def table(
    options: Iterable[Option],
    annotations: Mapping[str, str],
    own: Mapping[str, Any],
    redaction: Mapping[str, Any] | None,
) -> str:
    """The options as a table of Markdown."""
    heads = [head for head in HEADS if redaction is not None or head != "redaction"]
    rows = [heads, ["---"] * len(heads), *(row(option, annotations, own, redaction) for option in options)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def tables() -> dict[str, str]:
    """Each table of the page, by its name there."""
    own, redaction = defaults("own"), defaults("redaction")
    return {
        "entities": table(ENTITY_OPTIONS.values(), annotations_of(fastpost.EntityDecoder), own, redaction),
        "pipelines": table(PIPELINE_OPTIONS.values(), OF_PIPELINES, own, redaction),
        "answers": table(ANSWER_OPTIONS.values(), annotations_of(fastpost.AnswerDecoder), {}, None),
    }


def filled(page: str) -> str:
    """The page with its tables as they are now."""
    for name, text in tables().items():
        page, count = re.subn(
            rf"(<!-- options: {name} -->\n).*?(<!-- options: end -->)",
            lambda found, text=text: found[1] + text + found[2],
            page,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"the page has {count} places for the table {name!r}; it takes one")
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
