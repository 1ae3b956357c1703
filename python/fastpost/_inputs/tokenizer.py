"""A tokenizer -> the parts that a decoder needs: its tokens, its unknown token, how it prints and splits words."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import fastpost._fastpost as _fastpost
from fastpost.exceptions import Argument, refuse


def unwrap_tokenizer(tokenizer: Any, *wanted: str, cure: str) -> Any:
    """The `tokenizers.Tokenizer` inside a fast tokenizer of transformers, or `tokenizer` if it is one itself.

    Raises:
        TypeError: if it lacks one of the attributes `wanted`.
    """
    backend = getattr(tokenizer, "_tokenizer", None) or getattr(tokenizer, "backend_tokenizer", None) or tokenizer
    if not all(hasattr(backend, name) for name in wanted):
        given = f" is of type {type(tokenizer).__name__}"
        raise refuse(TypeError, Argument("tokenizer"), given, cure=cure)
    return backend


@dataclass(frozen=True)
class Tokens:
    """A tokenizer as the entity decoder sees it."""

    table: _fastpost.TokenTable
    marks_subwords: bool
    """Whether continuing tokens carry a prefix, as WordPiece's `##`: transformers then tells words apart by it."""

    @classmethod
    def of(cls, tokenizer: Any, unknown_token: str | None = None) -> Tokens:
        """Reads `tokenizer`: a `tokenizers.Tokenizer`, a fast tokenizer of transformers, or what was read before.

        `unknown_token` is that of transformers, for a `tokenizer` that does not know its own.
        """
        if isinstance(tokenizer, Tokens):
            return tokenizer
        cure = "pass a tokenizers.Tokenizer, a fast tokenizer of transformers, or None"
        backend = unwrap_tokenizer(tokenizer, "get_vocab", "model", cure=cure)
        own = _own_printing(tokenizer)
        vocabulary = list(backend.get_vocab(with_added_tokens=True).items())
        # Added tokens are printed as the normaliser leaves them, which their entry in the vocabulary does not show.
        vocabulary += [(backend.id_to_token(number), number) for number in backend.get_added_tokens_decoder()]
        table = _fastpost.TokenTable(
            vocabulary,
            _unknown_id(tokenizer, backend, unknown_token),
            None if own else decoder_json(backend),
            own or _library_printing(backend),
        )
        return cls(table, bool(getattr(backend.model, "continuing_subword_prefix", None)))


def _unknown_id(tokenizer: Any, backend: Any, token: str | None) -> int:
    """The id of the unknown token, -1 for none."""
    if token is not None:
        known = backend.token_to_id(token)
    elif tokenizer is not backend:
        known = tokenizer.unk_token_id
    else:
        token = getattr(backend.model, "unk_token", None)
        known = getattr(backend.model, "unk_id", None) if token is None else backend.token_to_id(token)
    return -1 if known is None else int(known)


def _own_printing(tokenizer: Any) -> Any:
    """`convert_tokens_to_string` of a tokenizer class that defines its own, which then decides."""
    method = getattr(tokenizer, "convert_tokens_to_string", None)
    if method is None:
        return None
    standard = getattr(sys.modules.get("transformers"), "PreTrainedTokenizerFast", None)
    own = getattr(method, "__func__", method) is not getattr(standard, "convert_tokens_to_string", None)
    return method if own else None


def decoder_json(backend: Any) -> str | None:
    """The decoder's part of tokenizer.json; `None` for one written in Python, which has none."""
    decoder = backend.decoder
    if decoder is None:
        return "null"
    try:
        return bytes(decoder.__getstate__()).decode()
    except Exception:  # custom decoders refuse in whatever way their class does; they are called instead
        return None


def _library_printing(backend: Any) -> Any:
    decoder = backend.decoder
    return None if decoder is None else decoder.decode
