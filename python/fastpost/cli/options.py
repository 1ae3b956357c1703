"""The options that several commands have, each in one place, in records that a command takes whole."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli.failure import Quiet, UsageError, note, spelled
from fastpost.entities.options import BATCH_SIZE, PIPELINE_OPTIONS
from fastpost.jobs.texts import Reading
from fastpost.models.backends import BACKENDS, TORCH

if TYPE_CHECKING:
    from fastpost.corpus import Corpus

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files, folders or quoted globs of texts; - is standard input."),
]

_READING = {
    "column": typer.Option(help="Column that holds the text; default: text."),
    "id_column": typer.Option(help="Column that is copied to the output as `id`."),
    "keep_columns": typer.Option(
        metavar="A,B|all", help="Columns that are copied to the output under their own names. Repeatable."
    ),
    "with_source": typer.Option(
        "--with-source", help="Add `file` and `line` of each text; --split file adds `file` anyway."
    ),
    "split": typer.Option(help="What one text of a text file is: a line, a paragraph or the whole file."),
    "format": typer.Option("--format", help="What the files hold, where their names don't say it."),
    "on_error": typer.Option(
        help="Stop at a record that can't be read, leave it out and count it, or put U+FFFD in place of broken characters."
    ),
    "threads": typer.Option(min=1, help="Threads that read files; default: all cores."),
    "chunk_size": typer.Option(
        min=1, help="Texts that are read, run and written together; --resume may repeat as many."
    ),
}
"""The option for each field of `Reading`."""

_REPEATED: dict[str, Any] = {"keep_columns": list[str] | None}
"""Fields that collect the values of a repeated flag."""


_BACKEND: Any = Literal[(TORCH, *BACKENDS)]  # from the table of all formats


@dataclass(frozen=True, kw_only=True)
class Running:
    """The model of a command, and its backend."""

    model: Annotated[str, typer.Option(help="Folder or name of the model.")]
    batch_size: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help=f"{PIPELINE_OPTIONS['batch_size'].doc} Default: {BATCH_SIZE}."),
    ] = None
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help=PIPELINE_OPTIONS["batch_tokens"].doc.replace("`batch_size`", "--batch-size")),
    ] = None
    device: Annotated[str | None, typer.Option(help="cpu, cuda:0, mps, ...")] = None
    dtype: Annotated[str | None, typer.Option(help="Type of the weights in torch: bfloat16, float16, ...")] = None
    backend: Annotated[
        _BACKEND | None,
        typer.Option(help="What runs the model; default: onnxruntime for a folder that has nothing but an .onnx file."),
    ] = None

    def check(self) -> None:
        """Refuses a model that does not exist, before anything else is done.

        Raises:
            UsageError: if there is no such folder and it can't be a name on the hub.
        """
        from fastpost.models.place import missing_model

        self.batches()
        missing = missing_model(self.model, self.backend, "--model")
        if missing is not None:
            raise UsageError(missing)

    def load(self, task: str, **options: Any) -> Any:
        """The pipeline for a job."""
        from fastpost.models.backends import backend_of
        from fastpost.pipelines.open import pipeline

        folder = Path(self.model)
        backend = self.backend or backend_of(folder)
        if folder.is_dir() and not any((folder / name).exists() for name in _TOKENIZERS):
            raise UsageError(f"{folder} holds no tokenizer ({', '.join(_TOKENIZERS)}); save it beside the model")
        if self.device is not None:
            options["device"] = self.device
        if self.dtype is not None:
            if backend != "torch":
                raise UsageError("--dtype is for torch; an ONNX model has its own")
            options["dtype"] = self.dtype
        if backend == TORCH and (Quiet.on or folder.is_dir()):  # downloading a model shows its progress
            from fastpost.models.transformers import hide_bars

            hide_bars()
        return pipeline(task, self.model, backend=backend, **self.batches(), **options)

    def batches(self) -> dict[str, Any]:
        """How many windows the model is given at once, as the pipelines take it.

        Raises:
            UsageError: if both options are given, or --batch-size is neither a number nor auto.
        """
        size = self.batch_size
        if self.batch_tokens is not None:
            if size is not None:
                raise UsageError(
                    f"--batch-tokens is {self.batch_tokens} and --batch-size is {size:.40}; pass one of the two"
                )
            return {"batch_tokens": self.batch_tokens}
        if size is None or size == "auto":
            return {"batch_size": size or BATCH_SIZE}
        if not size.isascii() or not size.isdigit() or int(size) < 1:
            raise UsageError(f"--batch-size is {size:.40}; pass a number from 1 on, or auto")
        return {"batch_size": int(size)}

    def settings(self) -> dict[str, Any]:
        """The settings that identify the model: see `Output`."""
        files = {}
        folder = Path(self.model)
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            if path.suffix in _MODEL_FILES and path.is_file():
                stat = path.stat()
                files[str(path.relative_to(folder))] = [stat.st_size, stat.st_mtime_ns]
        return {"model": self.model, "model files": files, "backend": self.backend, "dtype": self.dtype}


_MODEL_FILES = (".json", ".safetensors", ".bin", ".onnx", ".onnx_data", ".txt", ".model")
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Where a job writes, and what it may replace."""

    out: Annotated[str, typer.Option(help="File to write, .jsonl or .parquet; - is standard output.")] = "-"
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a job that was interrupted.")] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False


@dataclass(frozen=True, kw_only=True)
class Showing:
    """A page, and what it may replace."""

    title: Annotated[str | None, typer.Option(help="What stands above the texts; default: the names of the files.")] = (
        None
    )
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that exists.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False


NOT_OF_PAGES = ("keep_columns", "with_source", "threads", "chunk_size")
"""Fields of `Reading` that the commands with pages do not take."""

_RECORDS: dict[type, dict[str, Any]] = {Reading: _READING, Running: {}, Writing: {}, Showing: {}}
"""Records of options, and how each field is asked for that does not say so itself."""


def takes_records(without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the fields of the records that it takes as options of its own.

    Args:
        without: fields that it does not take; these keep their defaults.
    """

    def spread(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        records: dict[str, tuple[type, list[str]]] = {}
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
            kind = parameter.annotation
            if kind not in _RECORDS:
                parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
                continue
            fields = [one for one in _parameters(kind) if one.name not in without]
            records[name] = kind, [one.name for one in fields]
            parameters += fields

        @functools.wraps(command)
        def run(**given: Any) -> None:
            made = {
                name: kind(
                    **{field: given.pop(field) or None if field in _REPEATED else given.pop(field) for field in fields}
                )
                for name, (kind, fields) in records.items()
            }
            command(**given, **made)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return spread


def _parameters(record: type) -> list[inspect.Parameter]:
    """The fields of a record as parameters of a command."""
    hints = inspect.get_annotations(record, eval_str=True)
    found = []
    for one in dataclasses.fields(record):
        asked = _RECORDS[record].get(one.name)
        kind = _REPEATED.get(one.name, hints[one.name])
        kind = kind if asked is None else Annotated[kind, asked]
        default = inspect.Parameter.empty if one.default is dataclasses.MISSING else one.default
        found.append(inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    return found


def tell_left_out(corpus: Corpus) -> None:
    """Reports what `--on-error skip` has left out."""
    stats = corpus.stats
    if stats.skipped:
        left = counted(stats.skipped, "record or file was", "records or files were")
        note(f"{left} left out, first: {'; '.join(map(_reason, stats.errors[:3]))}")


def _reason(error: Exception) -> str:
    """An error in words, with its place in front."""
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error, OSError) and error.filename is not None else ""
    return where + (str(error.strerror) if where and isinstance(error, OSError) else spelled(error))
