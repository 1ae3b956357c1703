"""A tokenizer.json where tokenizers is not installed: all that a pipeline needs of a tokenizer beside its encodings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastpost._inputs.bounds import counted
from fastpost.encoding.encoder import Encoder
from fastpost.encoding.source import Vocabulary


class FileTokenizer:
    """The part of `tokenizers.Tokenizer` that pipelines use, read from its file; `encoder` encodes its texts.

    Raises:
        ImportError: if the encoder is not native, so that tokenizers has to be there.
    """

    def __init__(self, path: Path) -> None:
        self.encoder = Encoder(path)
        read: dict[str, Any] = json.loads(path.read_bytes())
        model = read["model"]
        self._tokens = Vocabulary.of(read).tokens
        self._ids = {token: number for number, token in self._tokens.items()}
        added = {token["content"]: token for token in read.get("added_tokens") or ()}
        self._added = {self._ids[name]: token for name, token in added.items() if name}
        self.truncation: dict[str, Any] | None = read.get("truncation")
        self.padding: dict[str, Any] | None = read.get("padding")
        named = ("unk_token", "unk_id", "continuing_subword_prefix")
        self.model = SimpleNamespace(**{name: model.get(name) for name in named})
        self.decoder = None if read.get("decoder") is None else FileDecoder(read["decoder"])

    def token_to_id(self, token: str) -> int | None:
        """The id of a token."""
        return self._ids.get(token)

    def id_to_token(self, number: int) -> str | None:
        """The token of an id."""
        return self._tokens.get(number)

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """All tokens with their ids."""
        kept = self._ids.items()
        return dict(kept) if with_added_tokens else {name: number for name, number in kept if number not in self._added}

    def get_added_tokens_decoder(self) -> dict[int, Any]:
        """The added tokens by their ids."""
        return self._added

    def num_special_tokens_to_add(self, pair: bool) -> int:
        """Special tokens around a text, or two."""
        return len(self.encoder.encode([""], [""] if pair else None).ids)

    def __repr__(self) -> str:
        return f"FileTokenizer({self.encoder!r})"


class FileDecoder:
    """How a tokenizer prints tokens, as its file says it."""

    def __init__(self, written: dict[str, Any]) -> None:
        self._written = written

    def __getstate__(self) -> bytes:
        return json.dumps(self._written).encode()

    def decode(self, tokens: list[str]) -> str:
        """Refuses: a decoder that fastpost does not know needs tokenizers."""
        raise ImportError(
            f"the decoder {self._written.get('type')!s:.40} of this tokenizer is printed by tokenizers, which is not "
            f"installed, for {counted(len(tokens), 'token')}; pip install tokenizers"
        )
