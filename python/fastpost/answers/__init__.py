"""Logits to answers."""

from fastpost.answers.decoder import AnswerDecoder, Answers, Dedupe, Normalize

__all__ = ["AnswerDecoder", "Answers", "Dedupe", "Normalize"]
