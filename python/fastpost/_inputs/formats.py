"""The formats of files with texts: the one list of them, and what the names of files say."""

from __future__ import annotations

import os
from typing import Literal, TypeAlias, get_args

Format: TypeAlias = Literal["text", "jsonl", "csv", "tsv", "parquet", "arrow"]
"""What a file holds."""

NAMES: tuple[str, ...] = get_args(Format)

SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".txt": "text", ".text": "text", ".md": "text", ".rst": "text", ".log": "text", ".raw": "text", "": "text",
    ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
"""The format of each suffix, without `.gz` or `.zst`; for files without one, the content decides."""

PACKED = (".gz", ".zst")

COLUMNAR = ("parquet", "arrow")
"""Formats that pyarrow reads."""

_ABOUT = frozenset(
    (
        "readme", "license", "licence", "copying", "notice", "changelog", "changes", "authors",
        "contributing", "contributors", "citation", "code_of_conduct", "security", "makefile", "dockerfile",
        "requirements", "dataset_infos", "dataset_info", "dataset_dict", "state", "config",
        "generation_config", "metadata", "tokenizer", "tokenizer_config", "special_tokens_map",
        "added_tokens", "vocab", "merges", "package", "preprocessor_config", "sha256sums", "md5sums",
    )
)  # fmt: skip


def suffix_of(path: str) -> str:
    """The end of a file's name, which says what the file holds."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix.lower() in PACKED:
        suffix = os.path.splitext(stem)[1]
    return suffix.lower()


def is_about(path: str) -> bool:
    """Whether a file, by its name, is about the files beside it: README.md, LICENSE, dataset_infos.json, _SUCCESS."""
    name = os.path.basename(path).lower()
    stem = name.removesuffix(".gz").removesuffix(".zst")
    return name.startswith("_") or stem.split(".")[0] in _ABOUT


def is_beside_records(path: str) -> bool:
    """Whether a text file is about the records beside it: by its name, as a page, a log, or without a suffix."""
    return is_about(path) or suffix_of(path) in (".md", ".rst", ".log", "")
