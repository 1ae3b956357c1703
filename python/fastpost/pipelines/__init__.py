"""Whole pipelines: texts in, entities out. The only folder that imports transformers."""
