"""What a pipeline needs of a model: the protocol that folders, servers and runtimes of your own meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fastpost._inputs.bounds import counted
from fastpost.exceptions import refuse
from fastpost.models.batches import Batching, Padding, Runner, Windows, forward
from fastpost.models.encode import BareEncoder, TextEncoder, content, load_tokenizer, read_settings
from fastpost.models.length import as_length
from fastpost.types import Ints2d

START_AND_END = ("start_logits", "end_logits")
"""Outputs of a model that answers questions; one that labels tokens has `logits` alone."""


class Model(Protocol):
    """A model that `fastpost.pipeline` runs on: any object that has these, whatever runs it, and wherever.

    A class that names this one as its base has the defaults below. A class that does not still needs `tokenizer` and
    `runner`, and for entities `labels`.

    Attributes:
        tokenizer: what encodes its texts: a `tokenizers.Tokenizer`, a fast tokenizer of transformers, a folder, a
            tokenizer.json.
        labels: names of its labels, in the order of its logits, or by number; none for a model that answers questions.
        max_length: tokens that it reads at once, special ones included; `None`, the default, stands for what the
            tokenizer's folder says.
        pad: what it is given, and how windows of different lengths become one batch; default: `Padding()`.
    """

    tokenizer: Any
    labels: Mapping[int, str] | Sequence[str] = ()
    max_length: int | None = None
    pad: Padding = Padding()

    def runner(self, batch: dict[str, Ints2d], /) -> Any:
        """Runs one batch of int64 arrays (windows, tokens), by the names of `pad`.

        Returns:
            The logits: floats of the shape (windows, tokens, labels), or for answers a tuple of two (windows, tokens),
            start and end; NumPy's, torch's, or anything that DLPack knows. It may also return a function that waits for
            them, so that the next batch can be put together meanwhile.
        """


@dataclass(frozen=True)
class Parts:
    """A model as the pipelines read it; `read_model` makes it."""

    encoder: TextEncoder
    labels: dict[int, str]
    max_length: int | None
    pad: Padding
    runner: Runner
    device: str | None = None
    """The kind of device that it runs on, if it says so: "cpu", "cuda", ..."""


def read_model(model: Any, outputs: tuple[str, ...], tokenizer: Any = None) -> Parts:
    """The parts of any object that meets `Model`; they are checked, but the model is not run.

    Args:
        model: the object.
        outputs: the outputs that it must give: `("logits",)`, or `START_AND_END`.
        tokenizer: a tokenizer to take in place of the model's own.

    Raises:
        TypeError: if it lacks something, or something is of a wrong type; the message names it.
        ValueError: if a value makes no sense.
    """
    needed = ("tokenizer", "runner", "labels") if outputs == ("logits",) else ("tokenizer", "runner")
    missing = [f"`{name}`" for name in needed if not hasattr(model, name)]
    kind = type(model).__name__
    if missing:
        raise refuse(
            TypeError,
            f"`model` is of type {kind}, which lacks {' and '.join(missing)}; pass an object that meets fastpost.Model, a "
            "model of transformers, a folder, or a name",
            argument="model",
        )
    if not callable(model.runner):
        raise refuse(
            TypeError,
            f"`model.runner` is of type {type(model.runner).__name__}; make it a function of a batch",
            argument="model",
        )
    pad = getattr(model, "pad", None)
    pad = Padding() if pad is None else pad
    if not isinstance(pad, Padding):
        raise refuse(
            TypeError, f"`model.pad` is of type {type(pad).__name__}; make it a fastpost.Padding", argument="model"
        )
    unknown = [name for name in pad.names if name not in _INPUTS]
    if unknown or "input_ids" not in pad.names:
        wrong = f"{unknown[0]!r:.40} among its names" if unknown else "no 'input_ids' among its names"
        raise refuse(
            ValueError, f"`model.pad` has {wrong}; they are of {', '.join(map(repr, _INPUTS))}", argument="model"
        )
    most = getattr(model, "max_length", None)
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise refuse(
            ValueError,
            f"`model.max_length` is {most!r:.40}; make it the number of tokens that the model reads, or None",
            argument="model",
        )
    encoder = getattr(model, "encoder", None) if tokenizer is None else None
    if encoder is None:
        encoder, known = _encoder(model.tokenizer if tokenizer is None else tokenizer)
        most = known if most is None else most
    return Parts(encoder, _named(getattr(model, "labels", ())), most, pad, model.runner, _device(model))


_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
"""The inputs that a text supplies."""


def _encoder(tokenizer: Any) -> tuple[BareEncoder, int | None]:
    """The encoder of a tokenizer, or of the one in a folder, and how many tokens it says that the model reads."""
    settings: dict[str, Any] = {}
    if isinstance(tokenizer, (str, Path)):
        path = Path(tokenizer)
        settings = read_settings(path if path.is_dir() else path.parent)
    elif hasattr(tokenizer, "backend_tokenizer"):  # one of transformers
        names = ("unk_token", "cls_token", "truncation_side", "model_max_length")
        settings = {name: getattr(tokenizer, name, None) for name in names}
    made = load_tokenizer([], tokenizer)
    most = as_length(settings.get("model_max_length"))
    if most is None and made.truncation is not None:
        most = as_length(made.truncation["max_length"])
    unknown, cls = content(settings.get("unk_token")), content(settings.get("cls_token"))
    return BareEncoder(made, unknown, cls, settings.get("truncation_side") == "left"), most


def trust_model(model: Any) -> Parts:
    """The parts of a model of this package, which has them all: it needs none of the checks of `read_model`."""
    return Parts(model.encoder, model.labels, model.max_length, model.pad, model.runner, _device(model))


def _device(model: Any) -> str | None:
    device = getattr(model, "device", None)
    return None if device is None else str(device).partition(":")[0]


def _named(labels: Any) -> dict[int, str]:
    """Label names by number."""
    if isinstance(labels, (str, bytes)) or not isinstance(labels, (Mapping, Sequence)):
        raise refuse(
            TypeError,
            f"`model.labels` is of type {type(labels).__name__}; make it a list of names, or a dict by number",
            argument="model",
        )
    pairs = labels.items() if isinstance(labels, Mapping) else enumerate(labels)
    named = dict(pairs)
    for number, name in named.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0 or not isinstance(name, str):
            raise refuse(
                TypeError,
                f"`model.labels` has {number!r:.20}: {name!r:.40}; make it names by number, from 0 on",
                argument="model",
            )
    return named


def check_model(model: Any, outputs: tuple[str, ...], tokenizer: Any = None) -> Parts:
    """Reads a model and runs it on one short window, so that a model that can't run is refused at once.

    Args:
        model: an object that meets `Model`; if it has `called`, errors call it and the place of its label names so.
        outputs: what it is to give.
        tokenizer: one to take in place of the model's own.

    Raises:
        TypeError: as in `read_model`, or if it does not give arrays.
        ValueError: if the logits do not suit the task.
    """
    parts = read_model(model, outputs, tokenizer)
    if parts.max_length is not None and parts.max_length <= parts.encoder.special:
        raise refuse(
            ValueError,
            f"`model.max_length` is {parts.max_length}, but {counted(parts.encoder.special, 'token')} of a window are special ones; "
            "make it larger",
            argument="model",
        )
    name, config = getattr(model, "called", ("`model`", "`model.labels`"))
    labels = parts.labels
    try:
        found = forward(_short_window(parts), parts.runner, Batching(1, parts.pad)).batches[0]
    except ValueError as error:  # the shape of the logits
        raise refuse(
            ValueError, f"{name} is no model for this task: {error}; export it for this task", argument="model"
        ) from error
    rank, known, given = (3, len(labels), ", ".join(outputs)) if len(outputs) == 1 else (2, None, ", ".join(outputs))
    several = found if isinstance(found, tuple) else (found,)
    if len(several) != len(outputs):
        raise refuse(
            ValueError,
            f"{name} gives {counted(len(several), 'array')} of logits, not {len(outputs)}: {given}",
            argument="model",
        )
    for part in several:
        if part.ndim != rank:
            shape = "(windows, tokens, labels)" if rank == 3 else "(windows, tokens)"
            raise refuse(
                ValueError,
                f"{name} gives {given} of the shape {tuple(part.shape)}, not {shape}; pass a model that was "
                "exported for this task",
                argument="model",
            )
        if getattr(part.dtype, "kind", "f") != "f":
            raise refuse(
                ValueError,
                f"{name} gives logits of {part.dtype}; export it with logits of a float type",
                argument="model",
            )
        unnamed = [] if known is None else [one for one in range(part.shape[2]) if one not in labels]
        if known is not None and unnamed:
            raise refuse(
                ValueError,
                f"{name} gives logits for {counted(part.shape[2], 'label')}, but {config} names {known}, and none for "
                f"{unnamed[0]}; write all names into its `id2label`, or pass a model that was exported for this task",
                argument="model",
            )
        if known is not None and known > part.shape[2]:
            raise refuse(
                ValueError,
                f"{name} gives logits for {counted(part.shape[2], 'label')}, but {config} names {known}; pass the model that "
                "these names are of, or leave those out that it does not give",
                argument="model",
            )
    return parts


def _short_window(parts: Parts) -> Windows[None]:
    """A window that encodes one letter."""
    (encoding,) = parts.encoder.windows(["a"], parts.max_length, 0, False)
    ids = np.array(encoding.ids if len(encoding.ids) else [0], np.int64)
    return Windows(np.array([len(ids)]), {"input_ids": ids, "token_type_ids": np.zeros_like(ids)}, None)
