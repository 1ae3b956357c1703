"""An ONNX folder, as optimum writes it -> runner, tokenizer and settings; no transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastpost._inputs.bounds import shown
from fastpost.models.length import as_length, first_position, positions
from fastpost.models.runners.onnx import Device, OnnxRunner
from fastpost.pipelines.run import Batching, Windows, forward


class Config(dict[str, Any]):
    """What config.json holds; `config.id2label` is `config["id2label"]`, as with transformers' configurations."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(f"config.json has no `{name}`") from error


class OnnxFolder:
    """A model with its tokenizer, read from a folder.

    Args:
        model: a folder with `config.json`, `tokenizer.json` and one `.onnx` file (there or in `onnx/`); or such a
            file in it.
        tokenizer: a `tokenizers.Tokenizer`, or a folder or `tokenizer.json` to read; default: the model's own.
        outputs: names of the model's outputs.
        file_name: the `.onnx` file to take where the folder has several.
        device: "cpu", or "cuda" / "cuda:1" for ONNX Runtime's CUDA provider.
        providers, session_options: handed to ONNX Runtime; `providers` replaces `device`.

    The model is given one short window when it is loaded, so that one that can't run is refused then.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one can't be read, ONNX Runtime can't run on `device`, or the model is for another task.
    """

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        outputs: tuple[str, ...] = ("logits",),
        file_name: str | None = None,
        device: str | int = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
    ) -> None:
        folder, path = _model_file(model, file_name)
        self.path = path
        self.config = Config(_read_json(folder / "config.json"))
        self.tokenizer = _load_tokenizer([folder, path.parent], tokenizer)
        self.runner = OnnxRunner(path, outputs, device, providers, session_options)
        settings: dict[str, Any] = {}
        for name in ("special_tokens_map.json", "tokenizer_config.json"):
            settings |= _optional_json(folder / name) or _optional_json(path.parent / name)
        self.model_max_length = _max_length(settings, self.config, self.tokenizer, self.runner.fixed_length)
        self.unk_token = _content(settings.get("unk_token"))
        self.pad_token_id = _pad_id(self.tokenizer, settings, self.config)
        cls = _content(settings.get("cls_token"))
        self.cls_token_id: int | None = None if cls is None else self.tokenizer.token_to_id(cls)
        self.id2label = _label_names(self.config, folder)
        self.config["id2label"] = self.id2label
        self.left = settings.get("padding_side") == "left"
        self.truncation_side = "left" if settings.get("truncation_side") == "left" else "right"
        self._try(outputs)

    @property
    def session(self) -> Any:
        """The session of ONNX Runtime."""
        return self.runner.session

    @property
    def device(self) -> Device:
        """Where the model runs."""
        return self.runner.device

    def __repr__(self) -> str:
        return f"<OnnxFolder: {self.path}, {self.device}>"

    def batching(self, size: int) -> Batching:
        """How windows become batches of this model."""
        names = self.runner.input_names
        width = self.runner.fixed_length
        return Batching(
            self.runner.fixed_batch or size,
            names,
            0 if self.pad_token_id is None and width is not None else self.pad_token_id,
            self.left,
            width=width,
            first_position=first_position(self.config),
            even="attention_mask" not in names,
        )

    def _try(self, outputs: tuple[str, ...]) -> None:
        """Gives the model one short window, and looks at the logits."""
        special = self.tokenizer.num_special_tokens_to_add(False)
        if self.model_max_length is not None and self.model_max_length <= special:
            raise ValueError(
                f"{self.path} is said to read {self.model_max_length} tokens, of which {special} are special ones; write what "
                "it reads as `model_max_length` into tokenizer_config.json, or export it for a longer text"
            )
        whole = self.limited(0).encode("a")
        ids = np.array(whole.ids or [0], np.int64)
        inputs = {"input_ids": ids, "token_type_ids": np.zeros_like(ids)}
        windows = Windows(np.array([len(ids)]), inputs, None)
        try:
            found = forward(windows, self.runner, self.batching(1)).batches[0]
        except ValueError as error:  # the shape of the logits
            raise ValueError(f"{self.path} is no model for this task: {error}; export it for this task") from error
        rank, known = (3, len(self.id2label)) if len(outputs) == 1 else (2, None)
        for part in found if isinstance(found, tuple) else (found,):
            if part.ndim != rank:
                shape = "(windows, tokens, labels)" if rank == 3 else "(windows, tokens)"
                raise ValueError(
                    f"{self.path} gives {', '.join(outputs)} of the shape {part.shape}, not {shape}; pass a model that was "
                    "exported for this task"
                )
            if part.dtype.kind != "f":
                raise ValueError(f"{self.path} gives logits of {part.dtype}; export it with logits of a float type")
            unnamed = [] if known is None else [one for one in range(part.shape[2]) if one not in self.id2label]
            if known is not None and unnamed:
                raise ValueError(
                    f"{self.path} gives logits for {part.shape[2]} labels, but config.json names {known}, and none for "
                    f"{unnamed[0]}; write all names into its `id2label`, or pass a model that was exported for this task"
                )

    def limited(self, stride: int, length: int | None = None) -> Any:
        """The tokenizer, set to cut texts at the model's length; not touched if it is, as others may be using it.

        `length` is another one, that is less.
        """
        tokenizer, length = self.tokenizer, length or self.model_max_length
        if tokenizer.padding is not None:
            tokenizer.no_padding()
        if length is None:
            if tokenizer.truncation is not None:
                tokenizer.no_truncation()
            return tokenizer
        wanted = {"max_length": length, "stride": stride, "direction": self.truncation_side}
        if {name: value for name, value in (tokenizer.truncation or {}).items() if name in wanted} != wanted:
            tokenizer.enable_truncation(**wanted)
        return tokenizer


def _model_file(given: Any, file_name: str | None) -> tuple[Path, Path]:
    """The folder with the configuration, and the model's file."""
    if not isinstance(given, (str, Path)) or not str(given):
        raise ValueError(f"`model` is {shown(given)}; pass a folder with config.json, tokenizer.json and an .onnx file")
    model = Path(given)
    if model.is_file():
        if model.suffix != ".onnx":
            raise ValueError(f"`model` is {shown(str(model))}, which is no .onnx file; pass one, or its folder")
        return _config_folder(model.parent), model
    if not model.is_dir():
        raise FileNotFoundError(f"`model` is {shown(str(model))}, which is no folder; pass one with an .onnx file")
    if file_name is not None:
        places = [model / file_name, model / "onnx" / file_name]
        found = [place for place in places if place.is_file()]
        if not found:
            raise FileNotFoundError(
                f"`file_name` is {shown(file_name)}, but neither {places[0]} nor {places[1]} is there"
            )
        return _config_folder(model), found[0]
    files = sorted([*model.glob("*.onnx"), *model.glob("onnx/*.onnx")])
    plain = [file for file in files if file.name == "model.onnx"]
    if not files:
        raise FileNotFoundError(
            f"`model` is {shown(str(model))}, which holds no .onnx file; export one with optimum-cli"
        )
    if len(files) > 1 and not plain:
        names = ", ".join(file.relative_to(model).as_posix() for file in files[:8])
        raise ValueError(f"`model` is {shown(str(model))}, which holds {names}; choose one with `file_name`")
    return _config_folder(model), (plain or files)[0]


def _config_folder(folder: Path) -> Path:
    """The folder with config.json: that of the model, or the one above."""
    above = folder.absolute().parent
    return above if not (folder / "config.json").exists() and (above / "config.json").exists() else folder


def _load_tokenizer(folders: list[Path], tokenizer: Any) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ImportError("backend=\"onnxruntime\" needs tokenizers; pip install 'fastpost[onnx]'") from error
    if tokenizer is not None and not isinstance(tokenizer, (str, Path)):
        backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
        # Its truncation and padding are set for each chunk; the caller's own object keeps what it has.
        return Tokenizer.from_str(backend.to_str())
    places = folders if tokenizer is None else [Path(tokenizer)]
    files = [place / "tokenizer.json" if place.is_dir() else place for place in places]
    path = next((file for file in files if file.exists()), files[0])
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; save the model's fast tokenizer there (tokenizer.save_pretrained)")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(
            f"{path} can't be read by this version of tokenizers: {str(error)[:120]}; save the model's fast tokenizer anew"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; an ONNX folder holds the model's config.json beside its .onnx file"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}); copy it from the model again") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}; expected a JSON object")
    return found


def _optional_json(path: Path) -> dict[str, Any]:
    return _read_json(path) if path.exists() else {}


def _content(token: Any) -> str | None:
    """The text of a special token, which is written as itself or as an object."""
    return token.get("content") if isinstance(token, dict) else token


def _pad_id(tokenizer: Any, settings: dict[str, Any], config: dict[str, Any]) -> int | None:
    token = _content(settings.get("pad_token"))
    known = None if token is None else tokenizer.token_to_id(token)
    known = config.get("pad_token_id") if known is None else known
    if known is None and tokenizer.padding is not None:
        known = tokenizer.padding["pad_id"]
    return known if isinstance(known, int) else None


def _max_length(settings: dict[str, Any], config: dict[str, Any], tokenizer: Any, fixed: int | None) -> int | None:
    """Tokens of a window: the smallest of what the tokenizer, the model and its graph say."""
    known = [as_length(settings.get("model_max_length")), positions(config), fixed]
    least = min((length for length in known if length is not None), default=None)
    if least is None and tokenizer.truncation is not None:  # as the tokenizer was trained or saved
        least = as_length(tokenizer.truncation["max_length"])
    return least


def _label_names(config: dict[str, Any], folder: Path) -> dict[int, str]:
    """Label names by id: `id2label` as an object or a list, `label2id` turned round, or made-up ones."""
    names, ids = config.get("id2label"), config.get("label2id")
    if not names and isinstance(ids, Mapping):
        names = {label: name for name, label in ids.items()}
    if isinstance(names, str):
        names = {names: names}  # which is refused
    if not names:
        count = config.get("num_labels", 2)
        names = [f"LABEL_{label}" for label in range(count if isinstance(count, int) and count <= _MOST_LABELS else 2)]
    try:
        pairs: Any = names.items() if isinstance(names, Mapping) else enumerate(names)
        named = {int(label): name for label, name in pairs}
        if not all(isinstance(name, str) and label >= 0 for label, name in named.items()):
            raise ValueError("a name is no str, or an id is below 0")
        return named
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / 'config.json'} has the `id2label` {str(names)[:60]}; write an object of id and name, or a list"
        ) from error


_MOST_LABELS = 100_000
"""A `num_labels` above this is no number of labels."""
