"""Logits to answers."""

from fastpost.answers.decoder import AnswerDecoder, Dedupe, Normalize
from fastpost.answers.result import Answers

__all__ = ["AnswerDecoder", "Answers", "Dedupe", "Normalize"]
