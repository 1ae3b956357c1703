"""What a `Corpus` can be made of: each kind of source, found once, and the reader that it opens for a pass."""

from fastpost.corpus.sources.arrow import ArrowFile, ArrowObject
from fastpost.corpus.sources.datasets import Dataset
from fastpost.corpus.sources.files import FileObject, Files
from fastpost.corpus.sources.find import find
from fastpost.corpus.sources.options import Options, Reader
from fastpost.corpus.sources.strings import Strings

__all__ = ["ArrowFile", "ArrowObject", "Dataset", "FileObject", "Files", "Options", "Reader", "Strings", "find"]
