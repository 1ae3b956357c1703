"""A tokenizer of any kind -> its `tokenizer.json`, and tokenizers' own encoding for what is not native."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import shown
from fastpost._inputs.paths import path_of
from fastpost._inputs.tokenizer import unwrap_tokenizer
from fastpost.encoding.batch import INPUT_NAMES, Padding
from fastpost.encoding.overlap import check_overlap
from fastpost.exceptions import refuse

PAD_TOKENS = ("[PAD]", "<pad>", "<|pad|>", "<|padding|>")


class Options(NamedTuple):
    """The arguments of `encode` but the texts."""

    max_length: int | None = None
    stride: int = 0
    truncation: str | None = "longest_first"
    truncation_side: str = "right"
    add_special_tokens: bool = True
    is_split_into_words: bool = False


@dataclass(frozen=True)
class Kept:
    """A copy of a tokenizer object, with what transformers' says of padding: the object can't change it."""

    backend_tokenizer: Any
    pad_token: str | None
    pad_token_type_id: int
    model_input_names: tuple[str, ...]

    @classmethod
    def of(cls, tokenizer: Any, backend: Any) -> Kept:
        """Of a fast tokenizer of transformers and the `tokenizers.Tokenizer` within, or of that alone.

        Raises:
            ValueError: if the copy would be another tokenizer.
        """
        from tokenizers import Tokenizer

        try:
            copy = Tokenizer.from_str(backend.to_str())
        except Exception as error:  # custom parts refuse in whatever way their class does
            raise _not_kept(f"it can't be written and read back: {str(error)[:80]}") from error
        # No tokenizer.json has it.
        copy.encode_special_tokens = backend.encode_special_tokens
        if not _fastpost.TokenizerState(backend).is_of(copy):
            raise _not_kept("its tokenizer.json does not hold all of it")
        pad_token = getattr(tokenizer, "pad_token", None)
        return cls(
            copy,
            None if pad_token is None else str(pad_token),
            getattr(tokenizer, "pad_token_type_id", None) or 0,
            tuple(getattr(tokenizer, "model_input_names", None) or ()),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        backend = self.backend_tokenizer
        padding = self.pad_token, self.pad_token_type_id, self.model_input_names
        return _kept, (backend, backend.encode_special_tokens, *padding)


def _kept(backend: Any, splits_special: bool, *padding: Any) -> Kept:
    backend.encode_special_tokens = splits_special
    return Kept(backend, *padding)


def _not_kept(reason: str) -> ValueError:
    return refuse(
        ValueError,
        f"`follow` is False but no copy of the tokenizer can be kept, as {reason}; pass follow=True",
        argument="follow",
    )


class Source:
    """Where a tokenizer comes from.

    `live` is the user's own `tokenizers.Tokenizer`, which may be changed after it was read; with `follow=False` it is a
    copy, which is not. None for a file.
    """

    def __init__(self, tokenizer: Any, follow: bool = True):
        self.live: Any = None
        self.given = tokenizer
        # Whether it has to be asked before each call.
        self.changes = False
        self._configuration: dict[str, Any] = {}
        if isinstance(tokenizer, (str, os.PathLike)):
            path = Path(path_of(tokenizer))
            folder = path if path.is_dir() else path.parent
            self._path = path / "tokenizer.json" if path.is_dir() else path
            self._bytes = self._path.read_bytes()
            beside = folder / "tokenizer_config.json"
            if beside.is_file():
                self._configuration = _object(beside)
            return
        cure = "pass the path of a tokenizer.json, a folder with one, a tokenizers.Tokenizer or a fast tokenizer of transformers"
        backend = unwrap_tokenizer(tokenizer, "encode_batch", "to_str", cure=cure)
        if not follow:
            self.given = tokenizer if isinstance(tokenizer, Kept) else Kept.of(tokenizer, backend)
            backend = self.given.backend_tokenizer
        self.live = backend
        self.changes = follow

    def json(self) -> bytes | None:
        """Its tokenizer.json; None if it has parts written in Python, which have no JSON."""
        if self.live is None:
            return self._bytes
        try:
            return str(self.live.to_str()).encode()
        except Exception:  # custom parts refuse in whatever way their class does
            return None

    def is_written_whole(self, size: int, added: dict[int, str] | None = None) -> bool:
        """Whether its tokenizer.json holds all of a live tokenizer.

        Of two tokens with one id it holds one, added tokens are numbered anew when it is read, which differs if the
        model has become another one, and that a Unigram model draws tokens at random is not in it.

        Args:
            size: tokens of the model's vocabulary that were read from it.
            added: added tokens that were read from it, by their ids; None to leave them out.
        """
        live = self.live
        if live is None:
            return True
        return size == live.get_vocab_size(False) and added in (None, _added(live)) and not self.draws

    @property
    def draws(self) -> bool:
        """Whether a live tokenizer draws tokens at random in a way that no file holds."""
        return getattr(getattr(self.live, "model", None), "alpha", None) is not None

    def padding(self, ids: dict[str, int]) -> Padding:
        """How it pads; `ids` are those of all tokens.

        With the token that transformers' object or configuration names, else one of a usual name, else that of the
        object's own padding.
        """
        own = self.given
        configuration = self._configuration
        token = getattr(own, "pad_token", None) or configuration.get("pad_token")
        named = getattr(own, "model_input_names", None) or configuration.get("model_input_names")
        if not named and "DistilBert" in str(configuration.get("tokenizer_class")):
            named = ["input_ids", "attention_mask"]
        names = _input_names(named) if named else INPUT_NAMES
        if isinstance(token, dict):
            token = token.get("content")
        wanted = [str(token)] if token is not None else list(PAD_TOKENS)
        number = next((ids[name] for name in wanted if name in ids), None)
        if number is None and self.live is not None and self.live.padding:
            number = self.live.padding["pad_id"]
        return Padding(number, getattr(own, "pad_token_type_id", None) or 0, names)


class Reference:
    """tokenizers itself, for what is not native: it has its own copy, so that the user's tokenizer stays as it is."""

    def __init__(self, source: Source, json_bytes: bytes | None):
        self._source, self._json = source, json_bytes
        self._lock = threading.Lock()

    @cached_property
    def _backend(self) -> Any:
        if self._json is None:
            return self._source.live
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise ImportError(
                "a text, or this tokenizer, has to be encoded by tokenizers, which is not installed; pip install tokenizers"
            ) from error
        try:
            backend = Tokenizer.from_str(self._json.decode())
        except BaseException as error:  # a file that it can't read is an Exception, or a panic that is none
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            if self._source.live is not None:
                return self._source.live  # it can't read all JSON that it writes, as with two tokens of one id
            raise refuse(
                ValueError,
                f"the tokenizer.json that was given holds no tokenizer: {str(error)[:80]}",
                argument="tokenizer",
            ) from error
        if self._source.live is not None:
            if not self._source.is_written_whole(backend.get_vocab_size(False), _added(backend)):
                return self._source.live
            backend.encode_special_tokens = self._source.live.encode_special_tokens
        return backend

    def encode(self, texts: Sequence[Any], pairs: Sequence[Any] | None, options: Options) -> list[Any]:
        """The `tokenizers.Encoding` of each text."""
        inputs = list(texts) if pairs is None else list(zip(texts, pairs))
        backend = self._backend
        with self._lock:
            before = (backend.truncation, backend.padding) if backend is self._source.live else None
            try:
                backend.no_padding()
                self._truncate(options)
                encoded: list[Any] = backend.encode_batch(
                    inputs,
                    is_pretokenized=options.is_split_into_words,
                    add_special_tokens=options.add_special_tokens,
                )
                return encoded
            except BaseException as error:  # a truncation that can't be made is an Exception, or a panic that is none
                if type(error).__name__ != "PanicException" and not str(error).startswith("Truncation error"):
                    raise
                raise _refused(options, error) from error
            finally:
                if before is not None:
                    _restore(backend, *before)

    def check_overlap(
        self, texts: Sequence[Any], pairs: Sequence[Any] | None, options: Options, marks: int, numbers: Sequence[int]
    ) -> None:
        """Refuses texts whose windows of this shape, with `marks` special tokens, would hold them many times over."""
        if options.max_length is None or options.truncation is None:
            return
        inputs = list(texts) if pairs is None else list(zip(texts, pairs))
        with self._lock:
            check_overlap(
                self._backend,
                inputs,
                options.max_length - marks,
                options.stride,
                options.truncation,
                split=options.is_split_into_words,
                pairs=pairs is not None,
                numbers=numbers,
            )

    def _truncate(self, options: Options) -> None:
        if options.max_length is None or options.truncation is None:
            self._backend.no_truncation()
            return
        try:
            self._backend.enable_truncation(
                options.max_length,
                stride=options.stride,
                strategy=options.truncation,
                direction=options.truncation_side,
            )
        except ValueError as error:
            raise _refused(options, error) from error

    def load(self) -> None:
        """Reads it now.

        Raises:
            ImportError: if tokenizers is not installed.
            ValueError: if it is no tokenizer.
        """
        self._backend  # noqa: B018 what is made here is kept

    def marks(self, pair: bool) -> int:
        """Special tokens that it puts around a text, or two."""
        return int(self._backend.num_special_tokens_to_add(pair))

    def name(self, token: int) -> str:
        """How it spells a token."""
        return str(self._backend.id_to_token(token))


def _input_names(named: Any) -> tuple[str, ...]:
    """Those of the names of a configuration that there are arrays for; as in transformers, ids whether named or not."""
    listed = named if isinstance(named, (list, tuple)) else [named]
    names = [name for name in listed if name in INPUT_NAMES]
    return tuple(dict.fromkeys(names if "input_ids" in names else ["input_ids", *names]))


def _added(backend: Any) -> dict[int, str]:
    return {number: token.content for number, token in backend.get_added_tokens_decoder().items()}


class Vocabulary(NamedTuple):
    """The tokens of a tokenizer.json, read once: a quarter of a million of them take a fifth of a second."""

    tokens: dict[int, str]
    """All tokens by their ids, added ones included."""
    marks: dict[int, str]
    """The special tokens that its post-processor puts around texts, by their ids. They need not be in the vocabulary."""
    added: list[str]
    """The added tokens."""

    @classmethod
    def of(cls, read: dict[str, Any], *, live: bool = False) -> Vocabulary:
        """Those of a file, as `json` reads it; with `live`, of a file that a tokenizer at hand wrote."""
        added = read.get("added_tokens") or []
        return cls(_tokens(read, live), _marks(read), [token["content"] for token in added])


def _tokens(read: dict[str, Any], live: bool) -> dict[int, str]:
    """All tokens by their ids.

    Added tokens have the ids that tokenizers gives to them when it reads the file, whatever it says: that of the model's
    vocabulary, else the next number. If a `live` tokenizer wrote the file, ids are as it says.
    """
    listed = read["model"].get("vocab", {})
    pairs = list(
        enumerate(row[0] for row in listed) if isinstance(listed, list) else ((i, token) for token, i in listed.items())
    )
    vocabulary = dict(pairs)
    added = [token for token in read.get("added_tokens") or () if token["content"]]
    if live:
        vocabulary.update((token["id"], token["content"]) for token in added)
        return vocabulary
    ids = {token: number for number, token in pairs}
    following = len(listed)
    for token in added:
        if token["content"] not in ids:
            ids[token["content"]] = following
            following += 1
        vocabulary[ids[token["content"]]] = token["content"]
    return vocabulary


def _marks(read: dict[str, Any]) -> dict[int, str]:
    marks: dict[int, str] = {}
    parts = [read.get("post_processor") or {}]
    while parts:
        part = parts.pop()
        parts += part.get("processors") or ()
        marks.update((part[name][1], part[name][0]) for name in ("cls", "sep") if name in part)
        for mark in (part.get("special_tokens") or {}).values():
            marks.update(zip(mark["ids"], mark["tokens"]))
    return marks


def _refused(options: Options, error: BaseException) -> ValueError:
    if options.max_length is None or options.truncation is None:
        return refuse(
            ValueError,
            f"tokenizers can't encode one of the texts, which have to be encoded by it: {str(error)[:80]}; encode them one by "
            "one to find it",
            argument="texts",
        )
    return refuse(
        ValueError,
        f"tokenizers refuses `max_length` {options.max_length} with `stride` {options.stride} and `truncation` "
        f"{shown(options.truncation)}: {str(error)[:80]}; pass a larger `max_length` or a smaller `stride`",
        argument="max_length",
    )


def _restore(backend: Any, truncation: dict[str, Any] | None, padding: dict[str, Any] | None) -> None:
    if truncation is None:
        backend.no_truncation()
    else:
        backend.enable_truncation(**truncation)
    if padding is not None:
        backend.enable_padding(**padding)


def _object(path: Path) -> dict[str, Any]:
    why: Exception | None = None
    try:
        read = json.loads(path.read_bytes())
    except ValueError as error:
        read, why = None, error
    if not isinstance(read, dict):
        raise refuse(
            ValueError,
            f"{path} holds no JSON object; a tokenizer_config.json does",
            argument="tokenizer",
            file=str(path),
        ) from why
    return read
