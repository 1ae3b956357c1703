"""Files and iterables to batches of texts."""

from fastpost.corpus.corpus import Corpus, CorpusStats, T, Take, TextRecords

__all__ = ["Corpus", "CorpusStats", "T", "Take", "TextRecords"]
