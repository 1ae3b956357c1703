"""The `fastpost.Encoder` of a pipeline's tokenizer: whether it encodes texts, and if not, why."""

from __future__ import annotations

from typing import Any

from fastpost.encoding import Encoder


class EncoderSlot:
    """The encoder of one tokenizer, made for the first text, and made anew if the tokenizer is another."""

    def __init__(self) -> None:
        self._of: Any = None
        self._encoder: Encoder | None = None

    def get(self, backend: Any) -> Encoder | None:
        """The encoder of a `tokenizers.Tokenizer` as it is now; `None` if the tokenizers library has to encode."""
        if self._of is not backend or self._encoder is None:
            self._of, self._encoder = backend, getattr(backend, "encoder", None) or Encoder(backend)
        return self._encoder.current()

    def report(self) -> str:
        """What encodes texts, and why, in words."""
        return "no text yet" if self._encoder is None else str(self._encoder.report())
