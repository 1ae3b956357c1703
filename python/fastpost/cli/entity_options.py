"""What `ner`, `view` and `compare` share: the options of `fastpost.entities.options`, in the form of a command line.

That list has their values, defaults and meanings; this file says how a value is written.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from fastpost._inputs.option import ABSENT as NONE_OF_ITS_OWN
from fastpost._inputs.option import Option
from fastpost.cli.failure import UsageError
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS, PIPELINE_OPTIONS, Strategy, defaults

STRATEGY_HELP = ENTITY_OPTIONS["aggregation_strategy"].doc.partition(";")[0] + "; default: {}."
_OWN_STRATEGY, _THEIR_STRATEGY = defaults("own")["aggregation_strategy"], "simple"
Compat = Annotated[
    Literal["fastpost", "transformers"],
    typer.Option(help=ENTITY_OPTIONS["compat"].doc),
]

ABSENT = {
    "return_probs": "it would change what a line holds",
    "units": "it would change what a line holds",
    "start_transitions": "--transitions names a file that holds them, too",
    "end_transitions": "--transitions names a file that holds them, too",
}
"""Options without a flag, and why."""

_WRITTEN: dict[str, Any] = {
    "transitions": Annotated[
        Path | None,
        typer.Option(
            help="JSON with the weights of a CRF: a matrix, or an object of transitions, start_transitions, end_transitions."
        ),
    ],
    "biases": Annotated[Path | None, typer.Option(help=ENTITY_OPTIONS["biases"].doc)],
    "threshold": Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER|LABEL=NUMBER", help=f"{ENTITY_OPTIONS['threshold'].doc} Repeatable with labels."),
    ],
    "scheme": Annotated[str | None, typer.Option(help=ENTITY_OPTIONS["scheme"].doc)],
    "snap": Annotated[bool | None, typer.Option("--snap/--no-snap", help=ENTITY_OPTIONS["snap"].doc)],
    "trim": Annotated[bool | None, typer.Option("--trim/--no-trim", help=ENTITY_OPTIONS["trim"].doc)],
    "max_length": Annotated[int | None, typer.Option(min=1, help=PIPELINE_OPTIONS["max_length"].doc)],
}
"""Options with their own notation: files, repeated, other names of a scheme, on and off."""


def _flag(option: Option) -> inspect.Parameter:
    """The parameter of a command for an option; `None` means that it was not given."""
    kind: Any = type(option.default)
    if option.choices:
        kind = Literal[tuple("none" if name is None else name for name in option.choices)]
    kind = _WRITTEN.get(option.name, Annotated[kind | None, typer.Option(help=option.doc)])
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


_OWN = {name: ENTITY_OPTIONS[name] for name in OPTIONS if name not in ABSENT}
_OWN |= {name: option for name, option in PIPELINE_OPTIONS.items() if option.own_only}


def entity_options(
    aggregation_strategy: Strategy | None = None,
    compat: Compat = "fastpost",
    stride: Annotated[
        int | None,
        typer.Option(
            min=0, help="Tokens by which windows of long texts overlap; default: a quarter of one, 64 for transformers."
        ),
    ] = None,
    ignore_label: Annotated[
        list[str] | None, typer.Option(help=f"{ENTITY_OPTIONS['ignore_labels'].doc} Repeatable.")
    ] = None,
    **own: Any,
) -> dict[str, Any]:
    """The pipeline's options for these options of a command: those that were given, and `compat`."""
    if stride is not None and aggregation_strategy == "none":
        raise UsageError("--stride needs an --aggregation-strategy other than none")
    options = _given({"aggregation_strategy": aggregation_strategy, "ignore_labels": ignore_label or None})
    right: dict[str, Any] = {}
    for name, value in own.items():
        if value is not None and value != []:
            right |= _READ[name](value) if name in _READ else {name: None if value == "none" else value}
    if compat == "fastpost":
        options |= {"compat": "fastpost", **right}
        return options if stride is None else {**options, "stride": stride}
    if right:
        name = min(right).replace("start_", "").replace("end_", "").replace("_", "-")
        raise UsageError(f"--{name} needs --compat fastpost; transformers has no such option")
    if stride is None and aggregation_strategy != "none":
        stride = 64
    return {**options, "compat": "transformers", "stride": stride}


def _parameters() -> list[inspect.Parameter]:
    """The parameters of the command line: those above, and a flag for each option of our own behaviour."""
    named = [
        one.replace(kind=one.KEYWORD_ONLY)
        for one in inspect.signature(entity_options, eval_str=True).parameters.values()
        if one.kind is not one.VAR_KEYWORD
    ]
    return [*named, *map(_flag, _OWN.values())]


def _with_default(one: inspect.Parameter, redacts: bool) -> inspect.Parameter:
    """The parameter of a command whose help has its default, and that of redaction if the command can redact."""
    option = _OWN.get(one.name)
    if option is None:
        return one
    more = ""
    if redacts and option.redaction is not NONE_OF_ITS_OWN:
        more = f"; {_spelled(option.redaction)} with --redact"
    doc = option.doc
    if "default: " in doc:
        doc = f"{doc.removesuffix('.')}{more}."
    elif isinstance(option.default, (str, float)):
        doc += f" Default: {_spelled(option.default)}{more}."
    kind, *told = get_args(one.annotation)
    info = copy.copy(told[0])
    info.help = info.help.replace(option.doc, doc)
    return one.replace(annotation=Annotated[kind, info])


def _spelled(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def takes_entity_options(without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of `entity_options`, in place of its parameter `chosen`, which gets their result.

    Args:
        without: options that it does not take.
    """

    def spread(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        parameters: list[inspect.Parameter] = []
        others = ["--redact"] * ("redact" in own) + ["--compat transformers"] * ("compat" not in without)
        default = _OWN_STRATEGY + (f"; {_THEIR_STRATEGY} with {' or '.join(others)}" if others else "")
        strategy = Annotated[Strategy | None, typer.Option(help=STRATEGY_HELP.format(default))]
        shared = [
            one.replace(annotation=strategy)
            if one.name == "aggregation_strategy"
            else _with_default(one, redacts="redact" in own)
            for one in PARAMETERS
            if one.name not in without
        ]
        for name, parameter in own.items():
            kind = parameter.KEYWORD_ONLY
            parameters += shared if name == "chosen" else [parameter.replace(kind=kind)]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            chosen = entity_options(**{one.name: given.pop(one.name) for one in shared})
            command(**given, chosen=chosen)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return spread


def with_defaults(chosen: dict[str, Any], redacts: bool = False) -> dict[str, Any]:
    """The options with a command's defaults filled in; those of a job that redacts rather hide too much."""
    if chosen["compat"] != "fastpost":
        return {"aggregation_strategy": _THEIR_STRATEGY, **chosen}
    taken = defaults("redaction") if redacts else {"aggregation_strategy": _OWN_STRATEGY}
    return {**taken, **chosen}


def filled(chosen: dict[str, Any]) -> dict[str, Any]:
    """The options with the default of each of our own behaviour that was not given."""
    return (
        {**{name: option.default for name, option in _OWN.items()}, **chosen}
        if chosen["compat"] == "fastpost"
        else chosen
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _transitions(path: Path) -> dict[str, Any]:
    names = ("transitions", "start_transitions", "end_transitions")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"--transitions is {path}, which is not JSON ({error})") from error
    found = {"transitions": found} if isinstance(found, list) else found
    if not isinstance(found, dict) or not found or not found.keys() <= set(names):
        raise UsageError(f"--transitions is {path}; it holds a matrix, or an object of {', '.join(names)}")
    return found


def _threshold(given: list[str]) -> float | dict[str, float]:
    pairs = [text.rpartition("=") for text in given]
    try:
        numbers = {label: float(number) for label, _, number in pairs}
    except ValueError:
        numbers = {}
    if len(numbers) < len(given) or ("" in numbers and len(numbers) > 1):
        raise UsageError(f"--threshold is {' and '.join(given)}; pass one number, or LABEL=number for each label")
    for number in numbers.values():
        if not 0 <= number <= 1:
            raise UsageError(f"--threshold is {number}; pass a number between 0 and 1")
    return numbers.get("", numbers)


_READ: dict[str, Callable[[Any], dict[str, Any]]] = {
    "transitions": _transitions,
    "biases": lambda path: {"biases": str(path)},
    "threshold": lambda given: {"threshold": _threshold(given)},
    "snap": lambda on: {"snap": "word" if on else None},
    "trim": lambda on: {"trim": "whitespace" if on else None},
}
"""A value on the command line -> the option."""

PARAMETERS = _parameters()
