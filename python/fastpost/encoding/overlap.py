"""Windows that overlap so far that they hold a text many times over are refused before tokenizers makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastpost._fastpost as _fastpost

_ALWAYS = 1 << 16
"""Tokens of windows that each text may have: below that no text is counted."""
_TOKENS = 4
"""The most tokens of a character, nearly always: its bytes."""


def check_overlap(
    backend: Any,
    inputs: Sequence[Any],
    room: int,
    stride: int,
    truncation: str,
    *,
    split: bool,
    pairs: bool = False,
    numbers: Sequence[int] | None = None,
) -> None:
    """Refuses texts whose windows tokenizers had better not make; `fastpost.Encoder` itself refuses them as it cuts.

    Args:
        backend: a `tokenizers.Tokenizer`; how it truncates stays as it is.
        inputs: texts, pairs of texts, or lists of words.
        room: tokens of a window that are of the text.
        stride: tokens that neighbouring windows share.
        truncation: what is cut.
        split: whether texts are lists of words.
        pairs: whether each input is a pair.
        numbers: of the inputs, as a message has them; default: counted from 0.

    Raises:
        ValueError: if windows hold a text more than 64 times over; its `text` is the number of the text.
    """
    doubtful = [number for number, item in enumerate(inputs) if _may_be_many(item, room, stride, truncation, pairs)]
    if not doubtful:
        return
    before = backend.truncation
    backend.no_truncation()
    try:
        whole = backend.encode_batch(
            [inputs[number] for number in doubtful], is_pretokenized=split, add_special_tokens=False
        )
    finally:
        if before is not None:
            backend.enable_truncation(**before)
    for number, encoding in zip(doubtful, whole):
        of_second = encoding.sequence_ids.count(1) if pairs else 0
        counts = [len(encoding) - of_second, of_second] if pairs else [len(encoding)]
        named = number if numbers is None else int(numbers[number])
        _fastpost.check_windows("stride", named, counts, room, stride, truncation)


def _may_be_many(item: Any, room: int, stride: int, truncation: str, pairs: bool) -> bool:
    """Whether the tokens of a text, or of a pair, should be counted: not if windows overlap little."""
    if not pairs:
        step = max(room - stride, 1)
        return room > 64 * step and _most_tokens(item) * room // step > _ALWAYS
    first, second = map(_most_tokens, item)
    if truncation != "longest_first":
        return room > 64 and (first + second) * room > _ALWAYS
    return 2 * first * second // max(room // 2 - stride, 1) > _ALWAYS


def _most_tokens(text: Any) -> int:
    characters = len(text) if isinstance(text, str) else sum(len(word) for word in text)
    return _TOKENS * characters
