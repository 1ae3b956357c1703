"""Corpora to tokenizers."""
