"""Logits of a model for texts, run once and kept in `.cache/eval`: decoding them again takes seconds."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import fastpost

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "eval"


@dataclass(frozen=True)
class Recorded:
    """A model's output for some texts: the arguments of `EntityDecoder.decode`."""

    labels: dict[int, str]
    tokenizer: Any
    texts: list[str]
    encodings: list[Any]
    """One per text; its overflowing encodings are its further windows."""
    logits: list[np.ndarray]
    """(tokens, labels) of each window, the windows of a text one after the other."""

    @property
    def windows(self) -> list[Any]:
        """The encodings of all windows, text by text."""
        return [window for encoding in self.encodings for window in (encoding, *encoding.overflowing)]

    def found(self, **options: Any) -> list[list[Any]]:
        """The dicts of each text from `EntityDecoder` with these options."""
        decoder = fastpost.EntityDecoder(self.labels, tokenizer=self.tokenizer, threads=2, **options)
        return decoder.decode(self.logits, self.encodings, self.texts).to_dicts()


def record(folder: Path, texts: list[str], max_length: int = 512, stride: int = 128) -> Recorded:
    """Runs the model of `folder`, a transformers folder or one with an ONNX file, or reads its recorded output."""
    from tokenizers import Tokenizer

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = {int(number): name for number, name in config["id2label"].items()}
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, stride=stride)
    recorded = Recorded(labels, tokenizer, texts, tokenizer.encode_batch(texts), [])
    place = CACHE / f"{folder.name}-{_digest(folder, recorded.windows)}.npz"
    return replace(recorded, logits=_kept(place) or _keep(place, _run(folder, recorded.windows)))


def _digest(folder: Path, windows: list[Any]) -> str:
    """A digest of the model's weights and the token ids that it will read."""
    digest = hashlib.sha256()
    for file in (*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("onnx/*.onnx"))):
        digest.update(file.read_bytes())
    for window in windows:
        digest.update(np.array([*window.ids, -1], np.int64).tobytes())
    return digest.hexdigest()[:16]


def _kept(place: Path) -> list[np.ndarray] | None:
    try:
        with np.load(place) as stored:
            return np.split(stored["logits"], np.cumsum(stored["lengths"])[:-1])
    except (FileNotFoundError, zipfile.BadZipFile, KeyError):
        return None  # not there, or a run was cut short while it wrote


def _keep(place: Path, logits: list[np.ndarray]) -> list[np.ndarray]:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(f".{os.getpid()}.npz")
    np.savez(draft, logits=np.concatenate(logits), lengths=np.array([len(window) for window in logits]))
    os.replace(draft, place)
    return logits


def _run(folder: Path, windows: list[Any], batch: int = 16) -> list[np.ndarray]:
    """Logits of each window; windows of similar length are run together."""
    model = _onnx(folder) if list(folder.glob("onnx/*.onnx")) else _torch(folder)
    out: list[Any] = [None] * len(windows)
    order = sorted(range(len(windows)), key=lambda at: len(windows[at].ids))
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        width = max(len(windows[row].ids) for row in rows)
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for at, row in enumerate(rows):
            ids[at, : len(windows[row].ids)] = windows[row].ids
            mask[at, : len(windows[row].ids)] = 1
        for row, values in zip(rows, model(ids, mask)):
            out[row] = np.ascontiguousarray(values[: len(windows[row].ids)], np.float32)
    return out


def _torch(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForTokenClassification

    model = AutoModelForTokenClassification.from_pretrained(folder, dtype="float32").eval()

    def run(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()

    return run


def _onnx(folder: Path) -> Any:
    import onnxruntime

    (file,) = folder.glob("onnx/*.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]

    def run(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return session.run(None, {name: given[name] for name in names})[0]

    return run
