"""What `ner`, `view` and `compare` share: how tokens become entities. Each option stands in one place, `entity_options`."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from fastpost.cli.failure import UsageError

Aggregation = Annotated[
    Literal["none", "simple", "first", "average", "max"] | None,
    typer.Option(help="How tokens become entities; default: average, simple with --redact."),
]
Compat = Annotated[
    Literal["right", "transformers"],
    typer.Option(help="The right entities, or those of transformers with all that is wrong about them."),
]


def entity_options(
    aggregation: Aggregation = None,
    compat: Compat = "right",
    stride: Annotated[
        int | None,
        typer.Option(
            min=0, help="Tokens by which windows of long texts overlap; default: a quarter of one, 64 for transformers."
        ),
    ] = None,
    ignore_label: Annotated[
        list[str] | None, typer.Option(help="Leave out entities of this label; default: O. Repeatable.")
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="How labels spell entities: IOB2, BIOES, BILOU, ...; default: as they look.")
    ] = None,
    decode: Annotated[
        Literal["argmax", "viterbi"] | None,
        typer.Option(help="The best label of each token, or the best sequence that the scheme allows."),
    ] = None,
    repair: Annotated[
        Literal["conlleval", "discard", "keep"] | None,
        typer.Option(help="What becomes of labels that the scheme does not allow, with argmax."),
    ] = None,
    transitions: Annotated[
        Path | None,
        typer.Option(
            help="JSON with the weights of a CRF: a matrix, or an object of transitions, start_transitions, end_transitions."
        ),
    ] = None,
    biases: Annotated[
        Path | None, typer.Option(help="viterbi_calibration.json of the model: what steps between labels weigh.")
    ] = None,
    outside_bias: Annotated[
        float | None, typer.Option(help="Taken from the logits of O: above 0 more is found, below 0 less.")
    ] = None,
    score: Annotated[
        Literal["mean", "min", "first", "max", "path"] | None,
        typer.Option(help="What the score of an entity is of those of its tokens or words; default: mean."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER|LABEL=NUMBER", help="Leave out entities with a lower score. Repeatable with labels."
        ),
    ] = None,
    words: Annotated[
        Literal["auto", "word_ids", "unicode", "transformers"] | None,
        typer.Option(help="What tells words apart; default: auto, the text."),
    ] = None,
    snap: Annotated[
        bool | None,
        typer.Option("--snap/--no-snap", help="Widen entities to whole words; default: where words are known."),
    ] = None,
    join: Annotated[
        Literal["pieces", "run", "none"] | None,
        typer.Option(
            help="Join entities of one label: pieces of one thing, all in a run without white space, or none."
        ),
    ] = None,
    trim: Annotated[
        bool | None,
        typer.Option("--trim/--no-trim", help="Leave out white space at the ends of entities; default: yes."),
    ] = None,
    window_merge: Annotated[
        Literal["context", "average", "union", "transformers"] | None,
        typer.Option(help="How the windows of a long text become one; default: context."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a window, for models that were trained on short ones.")
    ] = None,
    on_long_text: Annotated[
        Literal["window", "truncate", "error"] | None,
        typer.Option(help="Read texts longer than the model in windows, cut or refuse them; default: window."),
    ] = None,
) -> dict[str, Any]:
    """The options of a pipeline that these options of a command stand for: those that were given, and `compat`."""
    if stride is not None and aggregation == "none":
        raise UsageError("--stride needs an --aggregation other than none")
    options: dict[str, Any] = {"aggregation_strategy": aggregation, "ignore_labels": ignore_label or None}
    right: dict[str, Any] = {"scheme": scheme, "decode": decode, "repair": repair, "score": score, "words": words}
    right |= {"outside_bias": outside_bias, "window_merge": window_merge, "max_length": max_length}
    right |= {"on_long_text": on_long_text, "biases": None if biases is None else str(biases)}
    options, right = _given(options), _given(right)
    if threshold:
        right["threshold"] = _threshold(threshold)
    if transitions is not None:
        right |= _transitions(transitions)
    for name, value, yes in (("snap", snap, "word"), ("trim", trim, "whitespace")):
        if value is not None:
            right[name] = yes if value else None
    if join is not None:
        right["join"] = None if join == "none" else join
    if compat == "right":
        options |= {"compat": None, **right}
        return options if stride is None else {**options, "stride": stride}
    if right:
        name = min(right).replace("start_", "").replace("end_", "").replace("_", "-")
        raise UsageError(f"--{name} needs --compat right; transformers has no such option")
    if stride is None and aggregation != "none":
        stride = 64
    return {**options, "compat": "transformers", "stride": stride}


def takes_entity_options(without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of `entity_options`, in place of its parameter `chosen`, which gets what they come to.

    Args:
        without: options that it does not take.
    """
    hints = get_type_hints(entity_options, include_extras=True)
    shared = [
        parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(entity_options).parameters.items()
        if name not in without
    ]

    def spread(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters
        hints = get_type_hints(command, include_extras=True)
        parameters: list[inspect.Parameter] = []
        for name, parameter in own.items():
            kind = parameter.KEYWORD_ONLY
            parameters += shared if name == "chosen" else [parameter.replace(annotation=hints[name], kind=kind)]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            chosen = entity_options(**{one.name: given.pop(one.name) for one in shared})
            command(**given, chosen=chosen)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return spread


def with_defaults(chosen: dict[str, Any], redacts: bool = False) -> dict[str, Any]:
    """The options with what a command takes where nothing was said; a job that redacts would rather hide too much."""
    from fastpost.entities import defaults as _defaults

    defaults = _defaults.REDACTION if redacts and chosen["compat"] is None else {}
    strategy = _defaults.STRATEGY if chosen["compat"] is None else "simple"
    return {"aggregation_strategy": strategy, **defaults, **chosen}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _transitions(path: Path) -> dict[str, Any]:
    names = ("transitions", "start_transitions", "end_transitions")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"--transitions is {path}, which is no JSON ({error})") from error
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
