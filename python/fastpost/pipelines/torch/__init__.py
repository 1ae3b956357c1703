"""Subclasses of the pipelines of transformers."""
