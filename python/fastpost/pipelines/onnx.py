"""Token classification through ONNX Runtime: needs numpy, tokenizers and onnxruntime, nothing else."""

from __future__ import annotations

import json
import types
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

from fastpost._tokens import Tokens
from fastpost.pipelines.engine import Batching, Progress, Results, chunked, run
from fastpost.pipelines.entity_task import EntityTask
from fastpost.runners.onnx import OnnxRunner

_STRATEGIES = ("none", "simple", "first", "average", "max")
_UNLIMITED = 10**20
"""A `model_max_length` above this stands for "not known"."""


class OnnxTokenClassificationPipeline:
    """A token-classification pipeline over an ONNX folder, called like the one of transformers.

    Args:
        model: a folder with `config.json`, `tokenizer.json` and one `.onnx` file (there or in `onnx/`), as
            optimum writes it; or such a file in it.
        tokenizer: a `tokenizers.Tokenizer`, or a folder or `tokenizer.json` to read; default: the model's own.
        aggregation_strategy, ignore_labels, stride, delimiter, batch_size: as in transformers' pipeline; each
            can be given again in a call.
        file_name: the `.onnx` file to take where the folder has several.
        device: "cpu", or "cuda" / "cuda:1" for ONNX Runtime's CUDA provider.
        providers, session_options: handed to ONNX Runtime; `providers` replaces `device`.
        threads: threads of the decoder; `None` is all cores.

    Texts that are longer than the model (its `model_max_length`, else `max_position_embeddings`) are cut, with
    a warning; `stride=` reads them whole.
    """

    def __init__(
        self,
        model: str | Path,
        tokenizer: Any = None,
        *,
        aggregation_strategy: str = "none",
        ignore_labels: Collection[str] | None = None,
        stride: int | None = None,
        delimiter: str = " ",
        batch_size: int = 1,
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
        self.runner = OnnxRunner(path, providers=providers or _providers(device), session_options=session_options)
        settings = _optional_json(folder / "tokenizer_config.json") | _optional_json(folder / "special_tokens_map.json")
        self.model_max_length = _max_length(settings, self.config)
        self._tokens = Tokens.of(self.tokenizer, unknown_token=_content(settings.get("unk_token")))
        self._pad_id = _pad_id(self.tokenizer, settings, self.config)
        self._left = settings.get("padding_side") == "left"
        self._defaults: dict[str, Any] = {
            "aggregation_strategy": aggregation_strategy,
            "ignore_labels": ignore_labels,
            "stride": stride,
            "delimiter": delimiter,
            "batch_size": batch_size,
        }
        self._checked(self._defaults)

    def __call__(
        self,
        inputs: Any,
        *,
        is_split_into_words: bool = False,
        offset_mapping: Any = None,
        progress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Entities of one text, of a list of texts, or of a generator or dataset of texts.

        Args:
            inputs: a `str` gives a list of dicts, a list a list of such lists, anything else an iterator.
            is_split_into_words: `inputs` is one text as a list of words, or a list of such; the result is a list
                of lists of dicts for both.
            offset_mapping: offsets to use in place of the tokenizer's, one (start, end) a token.
            progress: show a bar.
            kwargs: options of the constructor, for this call.
        """
        unknown = kwargs.keys() - self._defaults.keys()
        if unknown:
            raise TypeError(f"unexpected argument `{min(unknown)}`; a call takes {', '.join(sorted(self._defaults))}")
        options = {**self._defaults, **{name: value for name, value in kwargs.items() if value is not None}}
        self._checked(options)
        if is_split_into_words and isinstance(inputs, (list, tuple)) and not all(isinstance(i, list) for i in inputs):
            inputs = [list(inputs)]  # the words of one text
        one = isinstance(inputs, str)
        lazy = isinstance(inputs, types.GeneratorType) or not isinstance(inputs, (str, list, tuple))
        if not one and not lazy and not inputs:
            raise ValueError("At least one input is required.")
        items: Iterable[Any] = [inputs] if one else inputs
        length = len(items) if isinstance(items, Sized) else None
        results: Results[Any] = Results(
            lambda: self._stream(items, length, options, is_split_into_words, offset_mapping, progress), length
        )
        if lazy:
            return results
        return next(results) if one else list(results)

    def _stream(
        self,
        items: Iterable[Any],
        length: int | None,
        options: dict[str, Any],
        split: bool,
        offset_mapping: Any,
        progress: bool,
    ) -> Iterator[Any]:
        stride, size = options["stride"], options["batch_size"]
        ignored = options["ignore_labels"]
        if offset_mapping and not isinstance(offset_mapping[0], tuple):
            offset_mapping = offset_mapping[0]

        def encode(texts: list[Any]) -> list[Any]:
            self.tokenizer.no_padding()
            if self.model_max_length is None:
                self.tokenizer.no_truncation()
            else:
                self.tokenizer.enable_truncation(self.model_max_length, stride=stride or 0)
            return list(self.tokenizer.encode_batch(texts, is_pretokenized=split))

        task = EntityTask(
            encode_batch=encode,
            input_names=self.runner.input_names,
            tokens=self._tokens,
            id2label={int(label): name for label, name in self.config["id2label"].items()},
            strategy=options["aggregation_strategy"],
            ignore_labels=["O"] if ignored is None else ignored,
            windowed=stride is not None,
            delimiter=options["delimiter"] if split else None,
            offset_mapping=offset_mapping,
            on_truncate=self._warn_truncated if stride is None else None,
        )
        batching = Batching(size, self.runner.input_names, self._pad_id, self._left)
        lockstep = length is None and size == 1
        chunks = chunked(items, 1 if lockstep else size, 1 if lockstep else 512)
        bar = Progress(length) if progress else None
        try:
            yield from run(chunks, task, self.runner, batching, ahead=not lockstep and length != 1, progress=bar)
        finally:
            if bar is not None:
                bar.close()

    def _warn_truncated(self, number: int) -> None:
        warnings.warn(
            f"a text (number {number} of its chunk) is longer than the model's {self.model_max_length} tokens and was cut; "
            "pass stride=, for example stride=128, to read it whole",
            UserWarning,
            stacklevel=2,
        )

    def _checked(self, options: dict[str, Any]) -> None:
        """Refuses options that make no sense, as transformers does."""
        strategy, stride, size = (options[name] for name in ("aggregation_strategy", "stride", "batch_size"))
        if strategy not in _STRATEGIES:
            raise ValueError(f"`aggregation_strategy` is {strategy!r}; pass one of {', '.join(map(repr, _STRATEGIES))}")
        if size < 1:
            raise ValueError(f"`batch_size` is {size}; pass at least 1")
        if stride is None:
            return
        if strategy == "none":
            raise ValueError('`stride` is given but `aggregation_strategy` is "none"; choose another strategy')
        if self.model_max_length is None:
            raise ValueError(
                "`stride` needs a window length, but neither tokenizer_config.json nor config.json has one"
            )
        if not 0 <= stride < self.model_max_length:
            raise ValueError(f"`stride` is {stride} but the model reads {self.model_max_length} tokens; pass less")


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


def _max_length(settings: dict[str, Any], config: dict[str, Any]) -> int | None:
    """Tokens that the model reads at once."""
    given = settings.get("model_max_length")
    if given is not None and given < _UNLIMITED:
        return int(given)
    positions = config.get("max_position_embeddings")
    if positions is None:
        return None
    # RoBERTa and its kin count positions from the padding id on, so they read that many fewer.
    offset = config.get("pad_token_id", 1) + 1 if "roberta" in config.get("model_type", "") else 0
    return int(positions) - offset


def _providers(device: str | int) -> list[Any]:
    if device in ("cpu", -1):
        return ["CPUExecutionProvider"]
    number = device if isinstance(device, int) else int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]
