"""What `ner` and `qa` share: the options, the texts with their ids, the model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from fastpost.cli import output
from fastpost.cli.failure import UsageError, tell

if TYPE_CHECKING:
    from fastpost import Corpus

Inputs = Annotated[list[str], typer.Argument(help="Files, folders or quoted globs of texts; - is standard input.")]
Model = Annotated[str, typer.Option(help="Folder or name of the model.")]
Out = Annotated[str, typer.Option(help="File to write, .jsonl or .parquet; - is standard output.")]
Column = Annotated[str, typer.Option(help="Column that holds the text.")]
IdColumn = Annotated[str | None, typer.Option(help="Column that is copied to the output as `id`.")]
Format = Annotated[
    Literal["text", "jsonl", "csv", "tsv", "parquet", "arrow"] | None,
    typer.Option("--format", help="What the files hold, where their names don't say it."),
]
Split = Annotated[
    Literal["line", "blank", "file"], typer.Option(help="A text of a text file: a line, a paragraph or the file.")
]
OnError = Annotated[
    Literal["raise", "skip", "replace"],
    typer.Option(
        help="Stop at a record that can't be read, leave it out and count it, or put U+FFFD for what is no character."
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Windows that the model is given at once.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda:0, mps, ...")]
Dtype = Annotated[str | None, typer.Option(help="Type of the weights in torch: bfloat16, float16, ...")]
Backend = Annotated[
    Literal["torch", "onnxruntime"] | None,
    typer.Option(help="What runs the model; default: onnxruntime for a folder that has nothing but an .onnx file."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads that read; default: all cores.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a job that was interrupted.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]

ChunkSize = Annotated[
    int, typer.Option(min=1, help="Texts that are read, run and written together; what --resume may do again.")
]
CHUNK = 512
"""`ChunkSize` by default: what the pipelines encode at once."""
_CHECKED = 100
"""Files whose first text is read before a job begins; the others are opened."""


@dataclass
class Texts:
    """The texts of a job, with their ids if there is a column of them."""

    corpus: Corpus
    id_column: str | None

    @classmethod
    def of(
        cls,
        inputs: list[str],
        out: str,
        column: str,
        id_column: str | None,
        split: Any,
        format_: Any,
        on_error: Any,
        threads: int | None,
        chunk_size: int,
    ) -> Texts:
        """The texts of the files; `out` is none of them."""
        from fastpost import Corpus

        if out != "-":
            not_read("--out", output.place(out), inputs)

        corpus = Corpus(
            inputs[0] if len(inputs) == 1 else list(inputs),
            column=column,
            split=split,
            format=format_,
            on_error=on_error,
            threads=threads,
            batch_size=chunk_size,
            batch_bytes=1 << 20,
            keep=() if id_column is None else (id_column,),
        )
        if out != "-":
            # In a folder that is read it would be read, too, when the job is resumed.
            corpus = corpus._without(out, f"{out}.unfinished", f"{out}.parts")
        return cls(corpus, id_column)

    def check(self) -> None:
        """Reads the first text of each file, so that what is missing is told before a model is loaded.

        Raises:
            OSError, CorpusError: what reading them all would come to, unless it is to be left out.
        """
        found = self.corpus._check(_CHECKED)
        if self.id_column is not None and found and not any(record.columns for record in found):
            tell(f"warning: the first record has no `{self.id_column}`, which --id-column names; its id is null")

    def guessed(self) -> int | None:
        """About how many there are, if they are in files."""
        return None if self.corpus._once else self.corpus._sample(1 << 16)[1]

    def batches(self, done: int) -> Iterator[tuple[list[Any], list[str]]]:
        """Batches of ids and texts after the first `done`; the ids are None without a column of them."""
        for ids, texts in self.raw(done):
            yield [None] * len(texts) if ids is None else [json.loads(value) for value in ids], texts

    def raw(self, done: int) -> Iterator[tuple[list[str] | None, list[str]]]:
        """Batches of ids, as JSON, and texts after the first `done`."""
        for batch in self.corpus.skip(done).records():
            column = self.id_column
            yield (
                None if column is None else [_id(row, column) for row in batch.kept or ()],
                cast("list[str]", batch.texts),
            )

    def job(self) -> dict[str, Any]:
        """What tells these texts from others: see `Output`."""
        from fastpost._checkpoint import fingerprint

        return {"corpus": fingerprint(self.corpus), "id column": self.id_column}


def tell_left_out(corpus: Corpus) -> None:
    """Says what `--on-error skip` has left out."""
    stats = corpus.stats
    if stats.skipped:
        left = "1 record or file was" if stats.skipped == 1 else f"{stats.skipped:,} records or files were"
        tell(f"{left} left out, first: {'; '.join(stats.reasons[:3])}")


def not_read(option: str, path: Path, inputs: list[str]) -> None:
    """Refuses an output that is one of the inputs.

    Raises:
        UsageError: if it is.
    """
    for one in inputs if path.exists() else ():
        if os.path.isfile(one) and os.path.samefile(one, path):
            raise UsageError(f"{option} is {path}, which is read; pass another name")


def _id(row: str, column: str) -> str:
    """An id as JSON; NaN and infinity, which JSON has not, as text."""
    return json.dumps(json.loads(row, parse_constant=str).get(column), ensure_ascii=False)


def check_model(model: str, backend: str | None) -> None:
    """Refuses a model that is not there, before anything else is done.

    Raises:
        UsageError: if there is no such folder, nor can it be a name on the hub.
    """
    from fastpost.pipelines.model_place import missing_model

    missing = missing_model(model, backend, "--model")
    if missing is not None:
        raise UsageError(missing)


def pipeline(task: str, model: str, backend: str | None, device: str | None, dtype: str | None, **options: Any) -> Any:
    """The pipeline for a job."""
    import fastpost

    folder = Path(model)
    if backend is None:
        from fastpost.pipelines.install import backend_of

        backend = backend_of(folder)
    if folder.is_dir() and not any((folder / name).exists() for name in _TOKENIZERS):
        raise UsageError(f"{folder} holds no tokenizer ({', '.join(_TOKENIZERS)}); save it beside the model")
    if device is not None:
        options["device"] = device
    if dtype is not None:
        if backend != "torch":
            raise UsageError("--dtype is for torch; an ONNX model has its own")
        options["dtype"] = dtype
    return fastpost.pipeline(task, model, backend=backend, **options)


def model_job(model: str, backend: str | None, dtype: str | None) -> dict[str, Any]:
    """What tells the model from others: see `Output`."""
    files = {}
    folder = Path(model)
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
        if path.suffix in _MODEL_FILES and path.is_file():
            stat = path.stat()
            files[str(path.relative_to(folder))] = [stat.st_size, stat.st_mtime_ns]
    return {"model": model, "model files": files, "backend": backend, "dtype": dtype}


_MODEL_FILES = (".json", ".safetensors", ".bin", ".onnx", ".onnx_data", ".txt", ".model")

_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
