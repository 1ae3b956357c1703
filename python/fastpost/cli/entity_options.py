"""What `ner`, `view` and `compare` share: how tokens become entities."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from fastpost.cli.failure import UsageError

Aggregation = Annotated[
    Literal["none", "simple", "first", "average", "max"], typer.Option(help="How tokens become entities.")
]
Compat = Annotated[
    Literal["right", "transformers"],
    typer.Option(help="The right entities, or those of transformers with all that is wrong about them."),
]
Stride = Annotated[
    int | None,
    typer.Option(
        min=0, help="Tokens by which windows of long texts overlap; default: a quarter of one, 64 for transformers."
    ),
]
Scheme = Annotated[
    str | None, typer.Option(help="How labels spell entities: IOB2, BIOES, BILOU, ...; default: as they look.")
]
Decode = Annotated[
    Literal["argmax", "viterbi"] | None,
    typer.Option(help="The best label of each token, or the best sequence that the scheme allows; default: argmax."),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(metavar="NUMBER|LABEL=NUMBER", help="Leave out entities with a lower score. Repeatable with labels."),
]
Snap = Annotated[
    bool | None, typer.Option("--snap/--no-snap", help="Widen entities to whole words; default: where words are known.")
]
OnLongText = Annotated[
    Literal["window", "truncate", "error"] | None,
    typer.Option(help="Read texts longer than the model in windows, cut or refuse them; default: window."),
]


def pipeline_options(
    *,
    aggregation: str,
    compat: str,
    stride: int | None,
    scheme: str | None,
    decode: str | None,
    threshold: list[str] | None,
    snap: bool | None,
    on_long_text: str | None,
) -> dict[str, Any]:
    """The options of a pipeline that these options of a command stand for."""
    if stride is not None and aggregation == "none":
        raise UsageError("--stride needs an --aggregation other than none")
    options: dict[str, Any] = {"aggregation_strategy": aggregation}
    right: dict[str, Any] = {"scheme": scheme, "decode": decode, "on_long_text": on_long_text}
    right = {name: value for name, value in right.items() if value is not None}
    if threshold:
        right["threshold"] = _threshold(threshold)
    if snap is not None:
        right["snap"] = "word" if snap else None
    if compat == "right":
        options |= {"compat": None, **right}
        return options if stride is None else {**options, "stride": stride}
    if right:
        raise UsageError(f"--{min(right).replace('_', '-')} needs --compat right; transformers has no such option")
    if stride is None and aggregation != "none":
        stride = 64
    return {**options, "compat": "transformers", "stride": stride}


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
