"""The options of `EntityDecoder`, each once: decoder, pipelines, command line, engines and recognisers read them from here.

Names of values, such as those of `join`, are Rust's: one that is added there is known here. A test holds the decoder's
signature, which says the same to readers and type checkers, against this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import shown, threads, tokens_at_once, windows_at_once, with_article
from fastpost._inputs.option import ABSENT, Option, flag, is_same, keep, table
from fastpost.entities import checks
from fastpost.exceptions import refuse

__all__ = ["BATCH_SIZE", "COMPAT", "ENTITY_OPTIONS", "OPTIONS", "PIPELINE_OPTIONS", "STRATEGY", "Strategy", "defaults"]

Strategy = Literal["none", "simple", "first", "average", "max"]

_NAMES = _fastpost.option_names()["entities"]


def _compat(name: str, value: Any) -> Any:
    if value not in ("fastpost", "transformers"):
        raise refuse(ValueError, f'`{name}` is {shown(value)}; choose "fastpost" or "transformers"', argument=name)
    return value


def _threads(name: str, value: Any) -> int | None:
    return threads(value, name)


def _strategy(name: str, value: Any) -> Any:
    value = getattr(value, "value", value)  # transformers' enum
    if value is not None and not isinstance(value, str):
        raise refuse(
            TypeError,
            f"`{name}` is {shown(value)}, {with_article(type(value).__name__)}; pass the name of a strategy, or None",
            argument=name,
        )
    return value


def _named(name: str, default: str | None, doc: str, **more: Any) -> Option:
    """An option whose values have names, which Rust checks."""
    return Option(name, default, doc, _NAMES[name], **more)


ENTITY_OPTIONS: dict[str, Option] = table(
    Option(
        "aggregation_strategy",
        None,
        "How tokens become entities; default: average.",
        _NAMES["aggregation_strategy"],
        _strategy,
        transformers="none",
        redaction="simple",
    ),
    Option(
        "compat",
        "fastpost",
        "Entities of fastpost, of whole words, or those of transformers.",
        ("fastpost", "transformers"),
        _compat,
        transformers="transformers",
    ),
    Option("ignore_labels", ("O",), "Leave out entities of this label; default: O.", (), checks.ignored, ("O",)),
    Option("tokenizer", None, "The model's tokenizer.", (), keep, None),
    Option("threads", None, "Threads of a call; default: all cores.", (), _threads, None),
    _named(
        "scheme", "auto", "How labels spell entities: IOB2, BIOES, BILOU, ...; default: read off them.", rule="scheme"
    ),
    _named(
        "decode",
        "viterbi",
        "The best label of each token, or the best sequence that the scheme allows.",
        rule="decode",
        plain="argmax",
    ),
    _named(
        "repair",
        "conlleval",
        "What becomes of labels that the scheme does not allow, with argmax.",
        rule="decode",
        plain="conlleval",
    ),
    Option(
        "transitions", None, "A CRF's weights of the step from each label to each label.", rule="decode", plain=None
    ),
    Option("start_transitions", None, "Weights of each label where a text begins.", rule="decode", plain=None),
    Option("end_transitions", None, "Weights of each label where a text ends.", rule="decode", plain=None),
    Option(
        "biases",
        None,
        "The model's viterbi_calibration.json, with weights of steps between labels.",
        (),
        checks.biases,
        rule="decode",
        plain=None,
    ),
    _named(
        "score",
        "mean",
        "How the scores of tokens or words become that of an entity; default: mean.",
        rule="score",
        plain="mean",
    ),
    Option("return_probs", False, "Give the distribution over labels of each entity, too.", (), flag),
    Option("threshold", 0.0, "Leave out entities with a lower score.", (), checks.threshold, rule="score", plain=0.0),
    _named("words", "auto", "What tells words apart; default: auto, the text.", rule="words", plain="transformers"),
    _named("snap", "auto", "Widen entities to whole words; default: where words are known.", rule="snap", plain=None),
    _named(
        "join",
        "pieces",
        "Join entities of one label: pieces of one thing, all in a run without white space, or none.",
        redaction="run",
        rule="join",
        plain=None,
    ),
    _named(
        "trim", "whitespace", "Leave out white space at the ends of entities; default: yes.", rule="trim", plain=None
    ),
    _named(
        "window_merge",
        "context",
        "How the windows of a long text become one; default: context.",
        redaction="union",
        rule="windows",
        plain="transformers",
    ),
    Option("units", (), "Units to give positions in beside characters.", checks.UNITS, checks.units),
    Option(
        "outside_bias",
        0.0,
        "Subtracted from the logits of O: above 0 finds more, below 0 less.",
        (),
        checks.outside_bias,
        redaction=2.0,
        rule="decode",
        plain=0.0,
    ),
)
"""Of the decoder, in the order of its signature."""

PIPELINE_OPTIONS: dict[str, Option] = table(
    Option(
        "batch_size",
        32,
        "Windows that the model is given at once; auto chooses by the device.",
        (),
        windows_at_once,
        1,
    ),
    Option(
        "batch_tokens",
        None,
        "Tokens that the model is given at once, padding included, in place of `batch_size`; 16384 suits a GPU.",
        (),
        tokens_at_once,
        None,
    ),
    Option("max_length", None, "Tokens of a window, for models that were trained on short windows."),
    Option(
        "on_long_text",
        "window",
        "Read, cut or refuse texts longer than the model; default: window, in windows.",
        ("window", "truncate", "error"),
    ),
)
"""Of pipelines, beside those of the decoder."""

OPTIONS: tuple[str, ...] = tuple(name for name, option in ENTITY_OPTIONS.items() if option.own_only)
"""The options that only `compat="fastpost"` takes."""

STRATEGY: str = "average"
"""The default strategy of our own behaviour; with `None`, tokens stand for words if nothing tells words apart."""
COMPAT: str = ENTITY_OPTIONS["compat"].default
BATCH_SIZE: int = PIPELINE_OPTIONS["batch_size"].default


def defaults(behaviour: Literal["own", "transformers", "redaction"]) -> dict[str, Any]:
    """The defaults of a door, by the pipelines' names; options that only the decoder has are left to it.

    `pipeline`, `accelerate`, `install` and `TokenClassificationPipeline` are drop-ins and keep transformers' defaults,
    all other doors take our own. Redaction takes what finds most, as a character too many costs less there than one too
    few; its bias was chosen on gold: `make eval`, docs/redaction.md.
    """
    if behaviour == "redaction":
        changed = {one.name: one.redaction for one in ENTITY_OPTIONS.values() if one.redaction is not ABSENT}
        return {**changed, "decode": ENTITY_OPTIONS["decode"].default, "threshold": ENTITY_OPTIONS["threshold"].default}
    if behaviour == "own":
        return {"aggregation_strategy": STRATEGY, "compat": COMPAT, "batch_size": BATCH_SIZE}
    shared = (ENTITY_OPTIONS["aggregation_strategy"], ENTITY_OPTIONS["compat"], PIPELINE_OPTIONS["batch_size"])
    return {one.name: one.transformers for one in shared}


def choose_strategy(given: Any, compat: str) -> Any:
    """The strategy of a pipeline; `given` may be `None`."""
    if given is not None:
        return given
    return STRATEGY if compat == "fastpost" else ENTITY_OPTIONS["aggregation_strategy"].transformers


def read_options(given: Mapping[str, Any], labels: int) -> dict[str, Any]:
    """The options of a decoder for `labels` labels as Rust takes them.

    Args:
        given: all of `ENTITY_OPTIONS`, as the caller has them.
        labels: how many labels the model has.

    Raises:
        TypeError, ValueError: for a value that an option can't have; it names the option, the value and the cure.
    """
    weights = checks.transitions(given["transitions"], given["start_transitions"], given["end_transitions"], labels)
    if weights is not None and given["biases"] is not None:
        raise refuse(
            ValueError, "`transitions` and `biases` are both given; pass the one or the other", argument="transitions"
        )
    if (
        (weights is not None or given["biases"] is not None)
        and given["decode"] != "viterbi"
        and given["score"] != "path"
    ):
        name = "transitions" if given["biases"] is None else "biases"
        raise refuse(
            ValueError,
            f'`{name}` is given but `decode` is {shown(given["decode"])}; pass decode="viterbi" to use it',
            argument=name,
        )
    options = {name: option.check(given[name]) for name, option in ENTITY_OPTIONS.items()}
    threshold, thresholds = options["threshold"]
    return {**options, "transitions": weights, "threshold": threshold, "thresholds": thresholds}


def own_copies(given: Mapping[str, Any], options: Mapping[str, Any], labels: int) -> dict[str, Any]:
    """The mutable options, as copies that no caller holds; the content of a file in place of its path.

    Args:
        given: all of `ENTITY_OPTIONS`, as the caller has them.
        options: the same as Rust takes them: `read_options`.
        labels: how many labels the model has.
    """
    weights = options["transitions"] or ((), (), ())
    names = ("transitions", "start_transitions", "end_transitions")
    shapes = ((labels, labels), (labels,), (labels,))
    copies = {
        name: np.array(flat, np.float32).reshape(shape)
        for name, flat, shape in zip(names, weights, shapes, strict=True)
        if given[name] is not None
    }
    biases = options["biases"]
    threshold = given["threshold"]
    return {
        **copies,
        "biases": None if biases is None else dict(zip(checks.BIASES, biases, strict=True)),
        "threshold": dict(threshold) if isinstance(threshold, Mapping) else threshold,
        "units": options["units"],
    }


def refuse_own(given: Mapping[str, Any]) -> None:
    """Refuses options that transformers does not have, unless they have their defaults.

    Raises:
        ValueError: if one of them is given.
    """
    for name in OPTIONS:
        if not is_same(given[name], ENTITY_OPTIONS[name].default):
            raise refuse(
                ValueError,
                f'`{name}` is {shown(given[name])} and `compat` is "transformers", which has no such option; '
                'pass compat="fastpost" to use it',
                argument=name,
            )
