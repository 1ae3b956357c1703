"""`verify_tokenizer`: whether the parts of a tokenizer agree."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastpost._inputs.bounds import shown
from fastpost.tokenizers.rebuild import Json, backend_of, pre_tokenizer_parts, processor_ids, special_names

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Scripts, line ends and emoji that a byte-level tokenizer has to give back as they were.
ROUND_TRIPS = (
    "def f(x):\n    return x\n",
    "Straße, naïve, Ωmega",
    "汉字かな한글",
    "\U0001f469‍\U0001f680 ok",
    "a\tb\r\nc  ",
)


def verify_tokenizer(tokenizer: Any, texts: Iterable[str] | None = None) -> None:
    """Checks that the parts of a tokenizer agree with one another.

    Every id lies below the size of the vocabulary; bos, eos, unk, pad and the others have an id, which is the same in
    the tokenizer and in the post-processor; texts come back from their ids as they were.

    Args:
        tokenizer: a fast tokenizer of transformers, or a `tokenizers.Tokenizer`.
        texts: what to encode and decode; None takes texts of this function's own if the tokenizer is byte-level.

    Raises:
        ValueError: if parts do not agree; the message lists them.
    """
    backend = backend_of(tokenizer)
    processor, pre_tokenizer = _part(backend.post_processor), _part(backend.pre_tokenizer)
    faults = []
    size = backend.get_vocab_size(with_added_tokens=True)
    vocab = backend.get_vocab(with_added_tokens=True)
    faults += [
        f"id {i} of {shown(token)} is not below the vocabulary's size, {size}"
        for token, i in vocab.items()
        if i >= size
    ]
    for token, token_id in processor_ids(processor):
        if vocab.get(token) != token_id:
            faults.append(f"the post-processor has id {token_id} for {shown(token)}, the vocabulary {vocab.get(token)}")
    for name in special_names(tokenizer):
        named = getattr(tokenizer, name, None)
        if named is not None:
            known, said = vocab.get(str(named)), getattr(tokenizer, f"{name}_id", None)
            if known is None or known != said:
                faults.append(f"{name} is {shown(named)}, id {said}, but the vocabulary has {known}")
    levels = [part for part in pre_tokenizer_parts(pre_tokenizer) if part.get("type") == "ByteLevel"]
    if texts is None:
        texts = ROUND_TRIPS if levels else ()
    # A space that is put before each piece comes back, too.
    blank = " " if any(part.get("add_prefix_space", True) for part in levels) else ""
    for text in texts:
        want = _normalized(backend, text)
        got = backend.decode(backend.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
        if got != want and not (blank and got.replace(blank, "") == want.replace(blank, "")):
            faults.append(f"{shown(text)} comes back as {shown(got)}")
            if levels and backend.decoder is None:
                faults.append(
                    "it splits by bytes and has no decoder; set its `decoder` to tokenizers.decoders.ByteLevel()"
                )
                break
    if faults:
        raise ValueError("the tokenizer contradicts itself: " + "; ".join(faults[:10]))


def _part(part: Any) -> Json | None:
    """A part of a tokenizer as JSON, without the vocabulary that `to_str` would write."""
    return None if part is None else dict(json.loads(part.__getstate__()))


def _normalized(backend: Tokenizer, text: str) -> str:
    """`text` as the tokenizer's normalizer leaves it."""
    return text if backend.normalizer is None else str(backend.normalizer.normalize_str(text))
