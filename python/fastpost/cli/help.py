"""What `--help` shows: one sentence, three examples, then the options in groups, in 80 columns.

Typer's own pages put the names of values into a narrow column, and break them inside a word. Here an option and its
values are on one line, and its purpose is beside it, or below it if that line is long.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from fastpost.cli.completion import SHELLS
from fastpost.cli.failure import UsageError

__all__ = ["ALIASES", "EXAMPLES", "GROUPS", "Command", "Commands"]

GROUPS: dict[str, tuple[str, ...]] = {
    "Input": (
        *("inputs", "parts", "source", "tokenizer", "corpus", "counts", "question", "questions"),
        *("column", "split", "format", "format_", "on_error", "count", "most"),
    ),
    "Output": (
        *("out", "as_json", "redact", "title", "id_column", "keep_columns", "with_source", "rank", "top_k"),
        *("max_answer_len", "special_tokens", "end_token", "resume", "overwrite", "save_every"),
    ),
    "Tokenizer": ("vocab_size", "min_frequency", "limit_alphabet", "new_special_token"),
    "Model": ("model", "backend", "device", "dtype"),
    "Behaviour": ("compat", "against", "rounds", "force"),
    "Entities": (
        *("aggregation_strategy", "ignore_label", "threshold", "outside_bias", "score", "scheme"),
        *("decode", "repair", "transitions", "biases", "words", "snap", "join", "trim"),
    ),
    "Long texts": ("on_long_text", "max_length", "stride", "doc_stride", "window_merge"),
    "Speed": ("batch_size", "batch_tokens", "chunk_size", "threads"),
    "About": ("quiet", "version", "install_completion", "show_completion", "help"),
}
"""Where each option stands, in the order of the page: parameters of commands, by name."""

EXAMPLES: dict[str, tuple[str, str, str]] = {
    "fastpost": (
        "fastpost ner mails.jsonl --model MODEL",
        "fastpost view mails.jsonl --model MODEL --out page.html",
        "fastpost doctor",
    ),
    "ner": (
        "fastpost ner mails.jsonl --model MODEL --id-column id --out found.jsonl",
        "fastpost ner mails.jsonl --model MODEL --redact '[{label}]'",
        "cat mails.txt | fastpost ner - --model MODEL | head",
    ),
    "qa": (
        "fastpost qa pages.jsonl --model MODEL --question 'Who signed it?'",
        "fastpost qa pages.jsonl --model MODEL --questions asked.txt --top-k 3",
        "fastpost qa pages.jsonl --model MODEL --question 'Who signed it?' --rank",
    ),
    "view": (
        "fastpost view mails.jsonl --model MODEL --out page.html",
        "fastpost view 'I am Anna Schmidt.' --model MODEL > page.html",
        "fastpost view mails.jsonl --model MODEL --texts 20 --out page.html",
    ),
    "compare": (
        "fastpost compare mails.jsonl --model MODEL",
        "fastpost compare mails.jsonl --model MODEL --out differences.html",
        "fastpost compare 'I am Anna-Lena Müller.' --model MODEL",
    ),
    "train-tokenizer": (
        "fastpost train-tokenizer --from MODEL --corpus a.txt --vocab-size 800 --out b",
        "fastpost train-tokenizer --from MODEL --counts c --vocab-size 32000 --out b",
        "fastpost train-tokenizer --counts c --vocab-size 800 --vocab-size 900 --out b",
    ),
    "count-words": (
        "fastpost count-words --from MODEL --corpus texts.jsonl --out words.counts",
        "fastpost count-words --from MODEL --corpus a.txt --out words.counts --resume",
        "cat a.txt | fastpost count-words --from MODEL --corpus - --out words.counts",
    ),
    "merge-counts": (
        "fastpost merge-counts one.counts two.counts --out all.counts",
        "fastpost merge-counts *.counts --out all.counts",
        "fastpost merge-counts one.counts two.counts --out all.counts --overwrite",
    ),
    "encode": (
        "fastpost encode --tokenizer MODEL --corpus texts.jsonl --out ids.npy",
        "fastpost encode --tokenizer MODEL --corpus a --out ids.bin --end-token '</s>'",
        "fastpost encode --tokenizer MODEL --corpus 'texts/*' --out ids.npy --resume",
    ),
    "bench": (
        "fastpost bench ner mails.jsonl --model MODEL",
        "fastpost bench qa pages.jsonl --model MODEL --question 'Who signed it?'",
        "fastpost bench train texts.jsonl --from MODEL",
    ),
    "bench ner": (
        "fastpost bench ner mails.jsonl --model MODEL",
        "fastpost bench ner mails.jsonl --model MODEL --batch-size 16 --texts 500",
        "fastpost bench ner mails.jsonl --model MODEL --against nothing",
    ),
    "bench qa": (
        "fastpost bench qa pages.jsonl --model MODEL --question 'Who signed it?'",
        "fastpost bench qa pages.jsonl --model MODEL --batch-size 16",
        "fastpost bench qa pages.jsonl --model MODEL --against nothing",
    ),
    "bench train": (
        "fastpost bench train texts.jsonl --from MODEL",
        "fastpost bench train texts.jsonl --from MODEL --vocab-size 8000",
        "fastpost bench train texts.jsonl --from MODEL --against nothing",
    ),
    "doctor": (
        "fastpost doctor",
        "fastpost doctor --json",
        "fastpost doctor --json > machine.json",
    ),
}
"""Three lines per command, each of which can be typed as it is."""

ALIASES = {
    "redact": "ner FILES --model MODEL --redact '[{label}]'",
    "anonymize": "ner FILES --model MODEL --redact '[{label}]'",
    "entities": "ner FILES --model MODEL",
    "answer": "qa FILES --model MODEL --question TEXT",
    "render": "view FILES --model MODEL --out page.html",
    "diff": "compare FILES --model MODEL",
    "train": "train-tokenizer --from MODEL --corpus FILES --vocab-size N --out FOLDER",
    "tokenize": "encode --tokenizer MODEL --corpus FILES --out ids.npy",
}
"""Names of commands elsewhere -> what to type here."""

_VALUES = {
    **dict.fromkeys(("model", "tokenizer", "source"), "FOLDER"),
    **dict.fromkeys(("out", "questions", "transitions", "biases", "counts", "corpus"), "FILE"),
    **dict.fromkeys(("column", "id_column", "device", "dtype", "scheme"), "NAME"),
    **dict.fromkeys(("end_token", "new_special_token"), "TOKEN"),
    "ignore_label": "LABEL",
    "redact": "TEMPLATE",
}
"""The placeholders of text options."""
_COMPLETION = {
    "install_completion": f"Complete words with the tab key: in the shell that is open, or in {', '.join(SHELLS)}.",
    "show_completion": "Print what --install-completion would add.",
}
"""The help of Typer's own options, which take the name of a shell here."""
_KINDS: dict[Any, str] = {int: "N", float: "NUMBER", Path: "FILE"}
_LEFT = 26
"""Columns of an option and its values; if these are wider, the purpose goes below."""
_WIDEST = 100


class _Helpful:
    """A command whose help is the page of this file."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the page."""
        formatter.write("\n".join(_page(self, ctx)) + "\n")


class Command(_Helpful, TyperCommand):
    """One command."""


class Commands(_Helpful, TyperGroup):
    """A command that has commands; without a word it shows its help."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; for a name that other programs use, an error gives the one used here."""
        found = super().get_command(ctx, cmd_name)
        if found is None and ctx.parent is None and cmd_name in ALIASES and not ctx.resilient_parsing:
            raise UsageError(f"there is no command {cmd_name}; it is: fastpost {ALIASES[cmd_name]} (fastpost --help)")
        return found

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments after the command."""
        words: list[str] = super().parse_args(ctx, args or ([] if ctx.resilient_parsing else ["--help"]))
        return words


def _page(command: Any, ctx: Any) -> Iterator[str]:
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    path = ctx.command_path
    first, *more = _paragraphs(command.help or "")
    yield _headed("Usage:") + f" {path} {_usage(command)}"
    yield ""
    yield from textwrap.wrap(first, width)
    yield ""
    yield _headed("Examples")
    yield from (f"  {line}" for line in EXAMPLES[path.removeprefix("fastpost ") or path])
    for title, rows in _groups(command, ctx):
        yield ""
        yield _headed(title)
        for left, words in rows:
            yield from _row(left, words, width)
    for paragraph in more:
        yield ""
        yield from textwrap.wrap(paragraph, width)
    if command.epilog:
        yield ""
        yield from textwrap.wrap(command.epilog, width)


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, each on one line; there is one at least."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()] or [""]


def _usage(command: Any) -> str:
    if hasattr(command, "commands"):
        return "COMMAND ..."
    kinds = _kinds(command)
    arguments = [_left(one, kinds) for one in command.params if one.param_type_name == "argument"]
    needed = [
        f"{max(one.opts, key=len)} {_metavar(one, kinds)}"
        for one in command.params
        if one.param_type_name == "option" and one.required
    ]
    return " ".join([*arguments, *needed, "[OPTIONS]"])


def _kinds(command: Any) -> dict[str, Any]:
    """The type of each parameter: if it can be absent or repeated, the type of a value."""
    # Where a parameter keeps its type differs between versions of Typer; its function has it in all of them.
    hints = {} if command.callback is None else get_type_hints(command.callback)
    return {name: _kind(hint) for name, hint in hints.items()}


def _kind(hint: Any) -> Any:
    if get_origin(hint) in (UnionType, Union, list):
        return _kind(next(one for one in get_args(hint) if one is not NoneType))
    return hint


def _groups(command: Any, ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Headings and their rows: the left side, and what it means."""
    if hasattr(command, "commands"):
        yield from _listed(command)
    params = {one.name: one for one in command.get_params(ctx) if not getattr(one, "hidden", False)}
    kinds = _kinds(command)
    titles = {name: title for title, names in GROUPS.items() for name in names}
    order = {name: number for number, name in enumerate(titles)}
    for title in GROUPS:
        found = sorted((name for name in params if titles[name] == title), key=order.__getitem__)
        rows = [(_left(params[name], kinds), _said(params[name], kinds.get(name))) for name in found]
        if title == "About":
            rows.insert(0, ("--debug", "Show a traceback if something fails."))
        if rows:
            yield title, rows


def _listed(command: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The commands of a command, by their panels."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for name, one in command.commands.items():
        title = one.rich_help_panel if isinstance(one.rich_help_panel, str) else "Commands"
        panels.setdefault(title, []).append((name, _paragraphs(one.help or "")[0]))
    yield from panels.items()


def _left(param: Any, kinds: dict[str, Any]) -> str:
    """An option with its values as it is typed; an argument by its name."""
    if param.param_type_name == "argument":
        return f"{_metavar(param, kinds)}..."
    short_first = sorted(param.opts, key=len)
    names = ", ".join([*short_first, *param.secondary_opts])
    if param.name in _COMPLETION:
        return f"{names} [SHELL]"
    return names if kinds.get(param.name, bool) is bool else f"{names} {_metavar(param, kinds)}"


def _metavar(param: Any, kinds: dict[str, Any]) -> str:
    """The placeholder of a value."""
    kind = kinds.get(param.name)
    if param.metavar:
        return str(param.metavar).removesuffix("...")
    if param.param_type_name == "argument":
        return "FILE"
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return _KINDS.get(kind) or _VALUES.get(param.name, "TEXT")


def _said(param: Any, kind: Any) -> str:
    """The purpose of an option, whether it is required, and its default."""
    words = [_COMPLETION.get(param.name) or (param.help or "").strip()]
    if param.required:
        words.append("Required.")
    elif param.default not in (None, (), False) and "default" not in words[0]:
        words.append(f"Default: {param.default:g}." if kind is float else f"Default: {param.default}.")
    return " ".join(words)


def _row(left: str, words: str, width: int) -> Iterator[str]:
    lines = textwrap.wrap(words, width - _LEFT - 2, break_on_hyphens=False, break_long_words=False) or [""]
    shown = "  " + _coloured(left, fg="cyan")
    if len(left) + 2 > _LEFT:
        yield shown
    else:
        yield shown + " " * (_LEFT - len(left)) + lines.pop(0)
    yield from (" " * (_LEFT + 2) + line for line in lines)


def _headed(title: str) -> str:
    return _coloured(title, bold=True)


def _coloured(text: str, **style: Any) -> str:
    """`text` in colour, if it goes to a terminal and the user has not turned colours off."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, **style)
