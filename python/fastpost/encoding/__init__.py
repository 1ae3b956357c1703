"""Texts -> columns of tokens, equal to those of the tokenizers library."""

from fastpost.encoding.batch import Encodings, Window
from fastpost.encoding.encoder import Encoder, EncoderReport
from fastpost.encoding.stream import TokenBatch

__all__ = ["Encoder", "EncoderReport", "Encodings", "TokenBatch", "Window"]
