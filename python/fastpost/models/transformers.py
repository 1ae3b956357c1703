"""A model of transformers with its fast tokenizer, as a `Model`; tokenizers without a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fastpost._inputs.tokenizer import Tokens, decoder_json
from fastpost.encoding.overlap import check_overlap
from fastpost.models.batches import Padding
from fastpost.models.encode import UncutEncoder
from fastpost.models.length import as_length, positions
from fastpost.models.slot import EncoderSlot

if TYPE_CHECKING:
    import torch
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase


def hide_bars() -> None:
    """Keeps transformers from showing its own bars for files that it fetches and weights that it loads."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def is_installed() -> bool:
    """Whether transformers is installed and can be imported."""
    try:
        from transformers import AutoTokenizer  # noqa: F401
    except ImportError:
        return False
    return True


def saved_tokenizer(source: str) -> Any:
    """The tokenizer of a folder, or of a name on the hub, in its own class."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(source)


_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


class FastEncoder(UncutEncoder):
    """A fast tokenizer of transformers, set up as its `__call__` would set it up.

    Args:
        tokenizer: the tokenizer, which stays the caller's: its settings are read anew for each chunk.
        tokens: what was read from it before.
        slot: its encoder, which is kept from call to call.
    """

    cuts_itself = True

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, tokens: Tokens | None = None, slot: EncoderSlot | None = None
    ) -> None:
        super().__init__(slot or EncoderSlot())
        self.tokenizer: Any = tokenizer
        self._tokens = tokens

    @property
    def tokens(self) -> Tokens:
        """Its tokens, as the decoder sees them."""
        if self._tokens is None:
            self._tokens = Tokens.of(self.tokenizer)
        return self._tokens

    @property
    def special(self) -> int:
        """Special tokens around one text."""
        return int(self.tokenizer.num_special_tokens_to_add(pair=False))

    @property
    def cls_token_id(self) -> int | None:
        """The id of CLS."""
        known: int | None = self.tokenizer.cls_token_id
        return known

    @property
    def from_end(self) -> bool:
        """Whether texts are cut at their beginning."""
        return bool(self.tokenizer.truncation_side == "left")

    def windows(self, texts: list[Any], length: int | None, stride: int, split: bool) -> Any:
        """See `TextEncoder`; without `length` texts are cut where the tokenizer says."""
        # Asked anew for each chunk: another user of the tokenizer may have changed its set-up since.
        tokenizer = self.tokenizer
        limited = bool(length or (tokenizer.model_max_length and tokenizer.model_max_length > 0))
        padding, truncation, most, _ = tokenizer._get_padding_truncation_strategies(
            padding=False, truncation=limited, max_length=length, pad_to_multiple_of=None, verbose=True
        )
        tokenizer.set_truncation_and_padding(
            padding_strategy=padding,
            truncation_strategy=truncation,
            max_length=most,
            stride=stride,
            pad_to_multiple_of=None,
            padding_side=None,
        )
        backend = tokenizer.backend_tokenizer
        if backend.encode_special_tokens != tokenizer.split_special_tokens:
            backend.encode_special_tokens = tokenizer.split_special_tokens
        encoder = self._slot.get(backend)
        if encoder is None:
            if most is not None and truncation.value != "do_not_truncate":
                check_overlap(backend, texts, most - self.special, stride, truncation.value, split=split)
            return list(backend.encode_batch(texts, is_pretokenized=split))
        cut: Any = truncation.value
        return encoder.encode(
            texts,
            max_length=None if cut == "do_not_truncate" else most,
            stride=stride,
            truncation=None if cut == "do_not_truncate" else cut,
            truncation_side=tokenizer.truncation_side,
            is_split_into_words=split,
        )

    def _backend(self) -> Any:
        return self.tokenizer.backend_tokenizer


class TransformersModel:
    """A model of transformers with its fast tokenizer; meets `fastpost.Model`.

    Args:
        model: the model, on its device.
        tokenizer: the tokenizer.
        outputs: which of the model's outputs to fetch.
        context: the context for a forward pass.
        device: where its inputs go; default: where the model is.
        encoder: the tokenizer as it was read before.
        tells_length: whether an error on a batch longer than the model reads says that the batch is too long.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        outputs: tuple[str, ...] = ("logits",),
        *,
        context: Callable[[], AbstractContextManager[Any]],
        device: torch.device | None = None,
        encoder: FastEncoder | None = None,
        tells_length: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.device = device or model.device
        self.encoder = encoder or FastEncoder(tokenizer)
        from fastpost.models.runners.torch import TorchRunner  # tokenizers are loaded without torch

        self.labels = {int(label): str(name) for label, name in (model.config.id2label or {}).items()}
        self._positions = positions(model.config)
        names = tuple(name for name in tokenizer.model_input_names if name in _INPUTS)
        self.pad = Padding(names, tokenizer.pad_token_id, tokenizer.padding_side == "left")
        uncached = len(outputs) > 1 and "use_cache" in argument_names(model.forward)[0]
        more = {"use_cache": False} if uncached else {}
        self.runner = TorchRunner(model, self.device, context, outputs, more, self._positions if tells_length else None)

    @property
    def max_length(self) -> int | None:
        """How many tokens the model reads: the tokenizer's number, but no more than the model has positions for."""
        known = [as_length(self.tokenizer.model_max_length), self._positions]
        return min((length for length in known if length is not None), default=None)


def argument_names(method: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """The names of the arguments of a method, and whether it takes any others."""
    function = getattr(method, "__func__", None)
    # What is no method of a class may hold a model, which must not be kept alive.
    return _read_arguments(method) if function is None else _known_arguments(function)


def _read_arguments(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    parameters = inspect.signature(function).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    return frozenset(parameters) - {"self"}, takes_any


# Reading them takes a tenth of a call with one text.
_known_arguments = lru_cache(maxsize=64)(_read_arguments)


def read_tokens(tokenizer: Any, known: tuple[tuple[Any, ...], Tokens | None]) -> tuple[tuple[Any, ...], Tokens]:
    """A tokenizer as the decoder sees it, with the state it was read in; `known` is reused if it is up to date."""
    backend = tokenizer.backend_tokenizer
    # Counting a vocabulary with added tokens takes tokenizers 0.22 milliseconds, as it copies the vocabulary.
    size = backend.get_vocab_size(with_added_tokens=False), len(backend.get_added_tokens_decoder())
    prefix = getattr(backend.model, "continuing_subword_prefix", None)
    state = (backend, tokenizer.unk_token_id, size, prefix, decoder_json(backend))
    before, tokens = known
    if tokens is None or before[0] is not backend or before[1:] != state[1:]:
        tokens = Tokens.of(tokenizer)
    return state, tokens
