"""Each kind of source, found once."""

from __future__ import annotations

import errno
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fastpost._inputs.bounds import listed, short, shown, with_article
from fastpost._inputs.formats import COLUMNAR, NAMES, SUFFIXES, suffix_of
from fastpost.corpus.folders import Folders
from fastpost.corpus.sources.arrow import ArrowFile, ArrowObject
from fastpost.corpus.sources.datasets import Dataset
from fastpost.corpus.sources.files import FileObject, Files
from fastpost.corpus.sources.kinds import refuse_kind
from fastpost.corpus.sources.options import Options, Source, kind_of
from fastpost.corpus.sources.strings import Strings
from fastpost.exceptions import Argument, refuse


def find(source: Any, options: Options) -> tuple[list[Source], list[OSError]]:
    """The sources that `source` stands for, in order, and the folders that could not be listed."""
    faults: list[OSError] = []
    found: list[Source] = []
    for one in _find(source, options, faults):
        if isinstance(one, Files) and found and isinstance(found[-1], Files):
            found[-1].files += one.files  # files in a row are read as one, by all threads
        else:
            found.append(one)
    return found, faults


def _find(source: Any, options: Options, faults: list[OSError]) -> Iterator[Source]:
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        if name == "-":
            yield _standard_input(options)
            return
        for path in Folders(options.format, options.skip, faults).files(name):
            kind = _format(path, options)
            if kind in COLUMNAR:
                if importlib.util.find_spec("pyarrow") is None:
                    raise ImportError(f"reading {path} needs pyarrow; pip install 'fastpost[arrow]'")
                yield ArrowFile(path, kind)
            else:
                yield Files([(path, _split(kind if suffix_of(path) else None, options))])
    elif hasattr(source, "read"):
        called = getattr(source, "name", None)
        ends = suffix_of(called) if isinstance(called, str) else ""
        holds = options.format or (SUFFIXES.get(ends) if ends else None)
        if holds in COLUMNAR:
            raise refuse(TypeError, f"an open {holds} file can't be read as a stream; pass its path", argument="source")
        yield FileObject(source, _split(holds, options))
    elif type(source).__module__.split(".")[0] == "datasets" and hasattr(source, "with_format"):
        if isinstance(source, Mapping):
            names = list(source)
            raise refuse(
                TypeError,
                f"`source` is {with_article(kind_of(source))} of the splits {listed(names)}; choose one, "
                f"Corpus(dataset[{short(names[0]) if names else 'train'!r}])",
                argument="source",
            )
        yield Dataset(source)
    elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        yield ArrowObject(source)
    elif isinstance(source, list | tuple) and not all(isinstance(item, list | tuple | Mapping) for item in source):
        for number, item in enumerate(source):
            if isinstance(item, (bool, int, float, bytes)) or item is None:
                raise refuse(
                    TypeError,
                    f"`source[{number}]` is {shown(item)}, {with_article(kind_of(item))}; pass a path or glob, or texts with "
                    "Corpus.from_texts",
                    argument="source",
                )
            yield from _find(item, options, faults)
    elif callable(source) or hasattr(source, "__iter__"):
        if isinstance(source, bytes | bytearray | Mapping):
            raise refuse(
                TypeError,
                f"`source` is {with_article(kind_of(source))}; pass a path, an iterable of str, or Arrow data",
                argument="source",
            )
        yield Strings(source)
    else:
        raise refuse(
            TypeError,
            f"`source` is {with_article(kind_of(source))}; pass a path or glob, a file object, Arrow data, a dataset, an iterable "
            "of str, or a function that returns one",
            argument="source",
        )


def _standard_input(options: Options) -> FileObject:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed", "standard input")
    if options.format in COLUMNAR:
        told = f" is {options.format}, which can't be read from standard input"
        raise refuse(ValueError, Argument("format"), told, cure="pass the path of a file")
    return FileObject(sys.stdin.buffer, _split(None, options))


def _format(path: str, options: Options) -> str:
    kind = options.format or SUFFIXES.get(suffix_of(path))
    if kind is None:
        if os.path.isfile(path):
            refuse_kind(path)
        raise refuse(
            ValueError,
            f"the name of {path} does not say what it holds",
            cure=("; pass ", Argument("format", NAMES)),
            file=path,
        )
    return kind


def _split(kind: str | None, options: Options) -> str:
    """What counts as one text in a file of this format; with a question mark if nobody has said what the file holds."""
    kind = options.format or kind
    if kind is None:
        return f"{options.split}?"
    return options.split if kind == "text" else kind
