"""An ONNX folder, as optimum writes it -> runner, tokenizer and settings; no transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastpost._inputs.bounds import counted, shown
from fastpost.exceptions import refuse
from fastpost.models.batches import Padding
from fastpost.models.encode import BareEncoder, content, load_tokenizer, read_json, read_settings
from fastpost.models.length import as_length, first_position, positions
from fastpost.models.runners.onnx import Device, OnnxRunner


class Config(dict[str, Any]):
    """The content of config.json; `config.id2label` is `config["id2label"]`, as with transformers' configurations."""

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

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one can't be read, ONNX Runtime can't run on `device`, or the model takes or gives what no text
            does.
    """

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        outputs: tuple[str, ...] = ("logits",),
        file_name: str | None = None,
        device: str | int | None = "cpu",
        providers: Sequence[Any] | None = None,
        session_options: Any = None,
    ) -> None:
        folder, path = _model_file(model, file_name)
        self.path = path
        beside = "an ONNX folder holds the model's config.json beside its .onnx file"
        self.config = Config(read_json(folder / "config.json", beside))
        self.tokenizer = load_tokenizer([folder, path.parent], tokenizer)
        self.runner = OnnxRunner(path, outputs, device, providers, session_options)
        settings = read_settings(folder, path.parent)
        self.max_length = _max_length(settings, self.config, self.tokenizer, self.runner.fixed_length)
        self.labels = _label_names(self.config, folder)
        self.config["id2label"] = self.labels
        unknown, cls = content(settings.get("unk_token")), content(settings.get("cls_token"))
        self.encoder = BareEncoder(self.tokenizer, unknown, cls, settings.get("truncation_side") == "left")
        self.pad = self._padding(settings)
        self.called = str(path), "config.json"
        special = self.encoder.special
        if self.max_length is not None and self.max_length <= special:
            raise refuse(
                ValueError,
                f"{path} is said to read {counted(self.max_length, 'token')}, of which {special} are special ones; write what "
                "it reads as `model_max_length` into tokenizer_config.json, or export it for a longer text",
                argument="model",
                file=str(path),
            )

    @property
    def session(self) -> Any:
        """The session of ONNX Runtime."""
        return self.runner.session

    @property
    def device(self) -> Device:
        """Where the model runs."""
        return self.runner.device

    @property
    def model_max_length(self) -> int | None:
        """How many tokens the model reads, under transformers' name for it."""
        return self.max_length

    def _padding(self, settings: dict[str, Any]) -> Padding:
        """How windows become batches for this model."""
        names, width = self.runner.input_names, self.runner.fixed_length
        token_id = _pad_id(self.tokenizer, settings, self.config)
        return Padding(
            names,
            0 if token_id is None and width is not None else token_id,
            settings.get("padding_side") == "left",
            width=width,
            rows=self.runner.fixed_batch,
            first_position=first_position(self.config),
            even="attention_mask" not in names,
        )

    def __repr__(self) -> str:
        return f"<OnnxFolder: {self.path}, {self.device}>"


def _model_file(given: Any, file_name: str | None) -> tuple[Path, Path]:
    """The folder with the configuration, and the model's file."""
    if not isinstance(given, (str, Path)) or not str(given):
        raise refuse(
            ValueError,
            f"`model` is {shown(given)}; pass a folder with config.json, tokenizer.json and an .onnx file",
            argument="model",
        )
    model = Path(given)
    if model.is_file():
        if model.suffix != ".onnx":
            raise refuse(
                ValueError,
                f"`model` is {shown(str(model))}, which is no .onnx file; pass one, or its folder",
                argument="model",
            )
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
        raise refuse(
            ValueError,
            f"`model` is {shown(str(model))}, which holds {names}; choose one with `file_name`",
            argument="model",
        )
    return _config_folder(model), (plain or files)[0]


def _config_folder(folder: Path) -> Path:
    """The folder with config.json: that of the model, or the one above."""
    above = folder.absolute().parent
    return above if not (folder / "config.json").exists() and (above / "config.json").exists() else folder


def _pad_id(tokenizer: Any, settings: dict[str, Any], config: dict[str, Any]) -> int | None:
    token = content(settings.get("pad_token"))
    known = None if token is None else tokenizer.token_to_id(token)
    known = config.get("pad_token_id") if known is None else known
    if known is None and tokenizer.padding is not None:
        known = tokenizer.padding["pad_id"]
    return known if isinstance(known, int) else None


def _max_length(settings: dict[str, Any], config: dict[str, Any], tokenizer: Any, fixed: int | None) -> int | None:
    """The tokens of a window: the smallest number that the tokenizer, the model or its graph names."""
    known = [as_length(settings.get("model_max_length")), positions(config), fixed]
    least = min((length for length in known if length is not None), default=None)
    if least is None and tokenizer.truncation is not None:  # as the tokenizer was trained or saved
        least = as_length(tokenizer.truncation["max_length"])
    return least


def _label_names(config: dict[str, Any], folder: Path) -> dict[int, str]:
    """Label names by id: `id2label` as an object or a list, `label2id` inverted, or made-up names."""
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
            raise refuse(ValueError, "a name is no str, or an id is below 0", argument="model")
        return named
    except (TypeError, ValueError) as error:
        raise refuse(
            ValueError,
            f"{folder / 'config.json'} has the `id2label` {str(names)[:60]}; write an object of id and name, or a list",
            argument="model",
        ) from error


_MOST_LABELS = 100_000
"""A `num_labels` above this can't be a number of labels."""
