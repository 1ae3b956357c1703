"""Files and iterables to batches of texts."""

from fastpost.corpus.corpus import Corpus, CorpusStats, T, TextRecords
from fastpost.corpus.passes import Take

__all__ = ["Corpus", "CorpusStats", "T", "Take", "TextRecords"]
