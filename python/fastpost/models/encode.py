"""Texts -> encodings, for every pipeline: the one place where a tokenizer is set up and called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from fastpost._inputs.bounds import with_article
from fastpost._inputs.tokenizer import Tokens, unwrap_tokenizer
from fastpost.encoding.file import FileTokenizer
from fastpost.encoding.overlap import check_overlap
from fastpost.exceptions import refuse
from fastpost.models.slot import EncoderSlot


class TextEncoder(Protocol):
    """A tokenizer as pipelines use it."""

    cuts_itself: bool
    """Whether it knows by itself where to cut a text, as those of transformers do; it then gets no length."""

    @property
    def tokens(self) -> Tokens:
        """Its tokens, as the decoder sees them."""

    @property
    def special(self) -> int:
        """Special tokens around one text."""

    @property
    def cls_token_id(self) -> int | None:
        """The id of CLS, for "no answer"."""

    @property
    def from_end(self) -> bool:
        """Whether the windows of a text are counted from its end."""

    def windows(self, texts: list[Any], length: int | None, stride: int, split: bool) -> Any:
        """The encodings of texts, or of lists of words, in windows of at most `length` tokens that overlap by `stride`.

        The result is that of `fastpost.Encoder`, or a list of `tokenizers.Encoding` objects.
        """

    def whole(self, texts: list[str]) -> Any:
        """The encodings of texts without special tokens, however long they are."""

    def pair(self, first: str, second: str) -> Any:
        """The encoding of two texts with the special tokens around them."""

    def report(self) -> str:
        """Whether `fastpost.Encoder` encodes the texts, and if not, why, in words."""


class UncutEncoder:
    """The common part of all encoders: whole texts and pairs, by `fastpost.Encoder` if it is native.

    Args:
        slot: the encoder of the tokenizer.
    """

    def __init__(self, slot: EncoderSlot) -> None:
        self._slot = slot

    def _backend(self) -> Any:
        """The `tokenizers.Tokenizer` as it is now."""
        raise NotImplementedError

    def whole(self, texts: list[str]) -> Any:
        """See `TextEncoder`."""
        backend = self._backend()
        encoder = self._slot.get(backend)
        if encoder is not None:
            return encoder.encode(texts, add_special_tokens=False)
        return list(lift_limits(backend).encode_batch(texts, add_special_tokens=False))

    def pair(self, first: str, second: str) -> Any:
        """See `TextEncoder`."""
        backend = self._backend()
        encoder = self._slot.get(backend)
        if encoder is not None:
            return encoder.encode([first], [second])[0]
        return lift_limits(backend).encode(first, second)

    def report(self) -> str:
        """See `TextEncoder`."""
        return self._slot.report()


class BareEncoder(UncutEncoder):
    """A `tokenizers.Tokenizer` that belongs to the pipeline, which may therefore change its settings for each chunk.

    Args:
        tokenizer: the tokenizer.
        unk_token: the unknown token, if the tokenizer does not name it.
        cls_token: the token of CLS.
        from_end: whether texts are cut at their beginning.
    """

    cuts_itself = False

    def __init__(
        self, tokenizer: Any, unk_token: str | None = None, cls_token: str | None = None, from_end: bool = False
    ) -> None:
        super().__init__(EncoderSlot())
        self.tokenizer = tokenizer
        self.from_end = from_end
        self.cls_token_id: int | None = None if cls_token is None else tokenizer.token_to_id(cls_token)
        self._unk_token = unk_token
        self._tokens: Tokens | None = None

    def _backend(self) -> Any:
        return self.tokenizer

    @property
    def tokens(self) -> Tokens:
        """Its tokens, as the decoder sees them."""
        if self._tokens is None:
            self._tokens = Tokens.of(self.tokenizer, unknown_token=self._unk_token)
        return self._tokens

    @property
    def special(self) -> int:
        """Special tokens around one text."""
        return int(self.tokenizer.num_special_tokens_to_add(False))

    def windows(self, texts: list[Any], length: int | None, stride: int, split: bool) -> Any:
        """See `TextEncoder`."""
        encoder = self._slot.get(self.tokenizer)
        if encoder is not None:
            side: Any = "left" if self.from_end else "right"
            return encoder.encode(
                texts, max_length=length, stride=stride, truncation_side=side, is_split_into_words=split
            )
        if length is not None:
            check_overlap(self.tokenizer, texts, length - self.special, stride, "longest_first", split=split)
        return list(self.limited(length, stride).encode_batch(texts, is_pretokenized=split))

    def limited(self, length: int | None, stride: int) -> Any:
        """The tokenizer, set to cut texts; not touched if it is set so already, as other threads may be using it."""
        tokenizer = self.tokenizer
        if length is None:
            return lift_limits(tokenizer)
        if tokenizer.padding is not None:
            tokenizer.no_padding()
        wanted = {"max_length": length, "stride": stride, "direction": "left" if self.from_end else "right"}
        if {name: value for name, value in (tokenizer.truncation or {}).items() if name in wanted} != wanted:
            tokenizer.enable_truncation(**wanted)
        return tokenizer


def lift_limits(tokenizer: Any) -> Any:
    """A `tokenizers.Tokenizer` that neither truncates nor pads; not touched if it is so, as others may be using it."""
    if tokenizer.truncation is not None:
        tokenizer.no_truncation()
    if tokenizer.padding is not None:
        tokenizer.no_padding()
    return tokenizer


def load_tokenizer(folders: list[Path], tokenizer: Any) -> Any:
    """A `tokenizers.Tokenizer` of the pipeline's own; without the tokenizers library, a `FileTokenizer`.

    Args:
        folders: where the model's own tokenizer.json may lie.
        tokenizer: a tokenizer of tokenizers or transformers, a folder or tokenizer.json to read, or `None`.
    """
    if tokenizer is not None and not isinstance(tokenizer, (str, Path)):
        cure = "pass a tokenizers.Tokenizer, a fast tokenizer of transformers, or a folder with a tokenizer.json"
        backend = unwrap_tokenizer(tokenizer, "to_str", cure=cure)
        from tokenizers import Tokenizer

        # Its truncation and padding are set for each chunk; the caller's own object keeps what it has.
        return Tokenizer.from_str(backend.to_str())
    places = folders if tokenizer is None else [Path(tokenizer)]
    files = [place / "tokenizer.json" if place.is_dir() else place for place in places]
    path = next((file for file in files if file.exists()), files[0])
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; save the model's fast tokenizer there (tokenizer.save_pretrained)")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return _without_tokenizers(path)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise refuse(
            ValueError,
            f"{path} can't be read by this version of tokenizers: {str(error)[:120]}; save the model's fast tokenizer anew",
            argument="tokenizer",
            file=str(path),
        ) from error


def _without_tokenizers(path: Path) -> FileTokenizer:
    """The tokenizer of a file that `fastpost.Encoder` knows itself."""
    try:
        return FileTokenizer(path)
    except ImportError as error:
        raise ImportError(f"this pipeline needs tokenizers: {error}, or pip install 'fastpost[onnx]'") from error


def read_settings(*folders: Path) -> dict[str, Any]:
    """The settings beside a tokenizer.json; each file is that of the first folder that has it."""
    settings: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        settings |= next((found for folder in folders if (found := _optional_json(folder / name))), {})
    return settings


def read_json(path: Path, missing: str) -> dict[str, Any]:
    """The object in a JSON file; `missing` is the message if there is no such file."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; {missing}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise refuse(
            ValueError,
            f"{path} is not JSON ({error}); copy it from the model again",
            argument="tokenizer",
            file=str(path),
        ) from error
    if not isinstance(found, dict):
        raise refuse(
            ValueError,
            f"{path} holds {with_article(type(found).__name__)}; expected a JSON object",
            argument="tokenizer",
            file=str(path),
        )
    return found


def _optional_json(path: Path) -> dict[str, Any]:
    return read_json(path, "") if path.exists() else {}


def content(token: Any) -> str | None:
    """The text of a special token, which files hold as a string or as an object."""
    return token.get("content") if isinstance(token, dict) else token
