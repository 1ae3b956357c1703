"""An ONNX folder, as optimum writes it -> runner, tokenizer and settings; no transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastpost.pipelines.model_length import given, positions
from fastpost.runners.onnx import OnnxRunner


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
        ValueError: if ONNX Runtime can't run on `device`.
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
        if model is None:
            raise ValueError("`model` is None; pass a folder with config.json, tokenizer.json and an .onnx file")
        folder, path = _model_file(Path(model), file_name)
        self.config = _read_json(folder / "config.json")
        self.tokenizer = _load_tokenizer(folder, tokenizer)
        self.runner = OnnxRunner(path, outputs, device, providers, session_options)
        settings = _optional_json(folder / "special_tokens_map.json") | _optional_json(folder / "tokenizer_config.json")
        self.model_max_length = given(settings.get("model_max_length")) or positions(self.config)
        self.unk_token = _content(settings.get("unk_token"))
        self.pad_token_id = _pad_id(self.tokenizer, settings, self.config)
        cls = _content(settings.get("cls_token"))
        self.cls_token_id: int | None = None if cls is None else self.tokenizer.token_to_id(cls)
        names = self.config.get("id2label") or {
            str(label): f"LABEL_{label}" for label in range(self.config.get("num_labels", 2))
        }
        self.id2label = {int(label): str(name) for label, name in names.items()}
        self.left = settings.get("padding_side") == "left"
        self.truncation_side: str = settings.get("truncation_side", "right")

    def limited(self, stride: int) -> Any:
        """The tokenizer, set to cut texts at the model's length; not touched if it is, as others may be using it."""
        tokenizer = self.tokenizer
        if tokenizer.padding is not None:
            tokenizer.no_padding()
        if self.model_max_length is None:
            if tokenizer.truncation is not None:
                tokenizer.no_truncation()
            return tokenizer
        wanted = {"max_length": self.model_max_length, "stride": stride, "direction": self.truncation_side}
        if {name: value for name, value in (tokenizer.truncation or {}).items() if name in wanted} != wanted:
            tokenizer.enable_truncation(**wanted)
        return tokenizer


def _model_file(model: Path, file_name: str | None) -> tuple[Path, Path]:
    """The folder with the configuration, and the model's file."""
    if model.is_file():
        folder = model.parent
        return (folder if (folder / "config.json").exists() else folder.parent), model
    if not model.is_dir():
        raise FileNotFoundError(f"`model` is {str(model)!r}, which is no folder; pass one with an .onnx file")
    if file_name is not None:
        places = [model / file_name, model / "onnx" / file_name]
        found = [place for place in places if place.exists()]
        if not found:
            raise FileNotFoundError(f"`file_name` is {file_name!r}, but neither {places[0]} nor {places[1]} is there")
        return model, found[0]
    files = sorted([*model.glob("*.onnx"), *model.glob("onnx/*.onnx")])
    plain = [file for file in files if file.name == "model.onnx"]
    if not files:
        raise FileNotFoundError(f"`model` is {str(model)!r}, which holds no .onnx file; export one with optimum-cli")
    if len(files) > 1 and not plain:
        raise ValueError(f"`model` holds {', '.join(file.name for file in files)}; choose one with `file_name`")
    return model, (plain or files)[0]


def _load_tokenizer(folder: Path, tokenizer: Any) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ImportError("backend=\"onnxruntime\" needs tokenizers; pip install 'fastpost[onnx]'") from error
    if tokenizer is not None and not isinstance(tokenizer, (str, Path)):
        backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
        # Its truncation and padding are set for each chunk; the caller's own object keeps what it has.
        return Tokenizer.from_str(backend.to_str())
    path = folder if tokenizer is None else Path(tokenizer)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; save the model's fast tokenizer there (tokenizer.save_pretrained)")
    return Tokenizer.from_file(str(path))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; an ONNX folder holds the model's config.json beside its .onnx file"
        )
    found = json.loads(path.read_text(encoding="utf-8"))
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
    return None if known is None else int(known)
