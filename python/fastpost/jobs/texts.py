"""What `ner` and `qa` share: the options, the texts with their ids, the model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fastpost.cli.failure import UsageError, spelled, tell
from fastpost.jobs import output

if TYPE_CHECKING:
    from fastpost import Corpus

Json = dict[str, Any]

Inputs = Annotated[list[str], typer.Argument(help="Files, folders or quoted globs of texts; - is standard input.")]
Model = Annotated[str, typer.Option(help="Folder or name of the model.")]
Out = Annotated[str, typer.Option(help="File to write, .jsonl or .parquet; - is standard output.")]
Column = Annotated[str | None, typer.Option(help="Column that holds the text; default: text.")]
IdColumn = Annotated[str | None, typer.Option(help="Column that is copied to the output as `id`.")]
Format = Annotated[
    Literal["text", "jsonl", "csv", "tsv", "parquet", "arrow"] | None,
    typer.Option("--format", help="What the files hold, where their names don't say it."),
]
Split = Annotated[
    Literal["line", "blank", "file"], typer.Option(help="A text of a text file: a line, a paragraph or the file.")
]
KeepColumns = Annotated[
    str | None, typer.Option(metavar="A,B|all", help="Columns that are copied to the output under their own names.")
]
WithSource = Annotated[
    bool, typer.Option("--with-source", help="Add `file` and `line` of each text; --split file adds `file` anyway.")
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


@dataclass(frozen=True)
class Batch:
    """Texts, of which some may be null, and what the line of each begins with: where it comes from, what is copied."""

    heads: list[Json]
    texts: list[str | None]


@dataclass
class Texts:
    """The texts of a job, and what comes along with them.

    Attributes:
        corpus: reads the texts, those that are null, too.
        id_column: the column that is copied as `id`.
        source: whether lines say `file` and `line`.
        named: whether they say `file` only.
        keep: columns that are copied, or "all".
        text_name: what a redacted text is called.
        own: names of the command's own columns.
    """

    corpus: Corpus
    id_column: str | None = None
    source: bool = False
    named: bool = False
    keep: tuple[str, ...] | Literal["all"] = ()
    text_name: str = "text"
    own: frozenset[str] = frozenset()
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        inputs: list[str],
        out: str = "-",
        *,
        column: str | None = None,
        id_column: str | None = None,
        keep_columns: str | None = None,
        with_source: bool = False,
        split: Any = "line",
        format: Any = None,  # noqa: A002  (as Corpus has it)
        on_error: Any = "raise",
        threads: int | None = None,
        chunk_size: int = CHUNK,
        own: Iterable[str] = (),
        redacted: bool = False,
    ) -> Texts:
        """The texts of the files; `out` is none of them.

        Args:
            inputs, out, column, id_column, keep_columns, with_source, split, format, on_error, threads, chunk_size: the
                options.
            own: names of columns that the command writes.
            redacted: whether a redacted text takes the place of the text.
        """
        from fastpost import Corpus

        if out != "-":
            not_read("--out", output.place(out), inputs)
        named = split == "file"
        if named and id_column == "file":
            id_column = None
        keep = _names(keep_columns)
        text_name = column or "text" if redacted and keep else "text"
        if redacted and keep != "all":
            keep = tuple(name for name in keep if name != (column or "text"))
        ids = () if id_column is None else (id_column,)
        corpus = Corpus(
            inputs[0] if len(inputs) == 1 else list(inputs),
            column=column,
            split=split,
            format=format,
            on_error=on_error,
            threads=threads,
            batch_size=chunk_size,
            batch_bytes=1 << 20,
            nulls="keep",
            keep="all" if keep == "all" else tuple(dict.fromkeys((*ids, *keep))),
        )
        if out != "-":
            # In a folder that is read it would be read, too, when the job is resumed.
            corpus = corpus._without(out, f"{out}.unfinished", f"{out}.parts")
        mine = {"text_index", *own}
        mine |= {"id"} if id_column is not None and id_column != "id" else set()
        mine |= {"file", "line"} if with_source else {"file"} if named else set()
        mine |= {text_name} if redacted else set()
        texts = cls(corpus, id_column, with_source, named, keep, text_name, frozenset(mine))
        if keep != "all":
            texts._refuse(keep)
        return texts

    @property
    def copied(self) -> tuple[str, ...]:
        """Names of what a line begins with behind `text_index`, as far as they are known."""
        ids = () if self.id_column is None else ("id",)
        source = ("file", "line") if self.source else ("file",) if self.named else ()
        return tuple(dict.fromkeys((*ids, *source, *(() if self.keep == "all" else self.keep))))

    def check(self) -> None:
        """Reads the first text of each file, so that what is missing is told before a model is loaded.

        Raises:
            OSError, CorpusError: what reading them all would come to, unless it is to be left out.
        """
        found = self.corpus._check(_CHECKED)
        for record in found:
            self._seen |= record.columns.keys()
            if self.keep == "all":
                self._refuse(record.columns)
        if found:
            self._tell_missing("the first record has")

    def tell_missing(self) -> None:
        """Says which columns no record had, where the first ones could not be looked at before."""
        if not self.corpus.files:
            self._tell_missing("no record has")

    def _tell_missing(self, who: str) -> None:
        if self.id_column is not None and self.id_column not in self._seen:
            tell(f"warning: {who} {_no(who)}`{self.id_column}`, which --id-column names; its id is null")
        for name in () if self.keep == "all" else self.keep:
            if name not in self._seen:
                tell(f"warning: {who} {_no(who)}`{name}`, which --keep-columns names; it is null there")

    def _refuse(self, names: Iterable[str]) -> None:
        """Refuses columns that would be taken for the command's own."""
        for name in names:
            if name in self.own:
                cure = "name the columns to keep, without it" if self.keep == "all" else "leave it out, or rename it"
                raise UsageError(f"--keep-columns has `{name}`, which the output has of its own; {cure}")

    def guessed(self) -> int | None:
        """About how many there are, if they are in files."""
        return None if self.corpus._once else self.corpus._sample(1 << 16)[1]

    def batches(self, done: int) -> Iterator[Batch]:
        """Batches after the first `done` texts."""
        for records in self.corpus.skip(done).records():
            heads: list[Json] = [{"text_index": number} for number in records.numbers]
            rows = [json.loads(row, parse_constant=str) for row in records.kept or ()]
            if self.id_column is not None:
                for head, row in zip(heads, rows, strict=True):
                    head["id"] = row.get(self.id_column)
            if self.source or self.named:
                for head, file, line in zip(heads, records.files, records.lines, strict=True):
                    head["file"] = file
                    if self.source:
                        head["line"] = line
            for head, row in zip(heads, rows, strict=True) if self.keep else ():
                if self.keep == "all":
                    self._refuse(row)
                    head.update(row)
                else:
                    head.update((name, row.get(name)) for name in self.keep)
            for row in rows:
                self._seen |= row.keys()
            yield Batch(heads, records.texts)

    def job(self) -> dict[str, Any]:
        """What tells these texts from others: see `Output`."""
        from fastpost.tokenizers.checkpoint import fingerprint

        keep = self.keep if self.keep == "all" else list(self.keep)
        told = {"id column": self.id_column, "keep-columns": keep, "with-source": self.source}
        return {"corpus": fingerprint(self.corpus), **told}


def _names(keep_columns: str | None) -> tuple[str, ...] | Literal["all"]:
    """The columns that --keep-columns names."""
    if keep_columns is None or keep_columns == "all":
        return "all" if keep_columns else ()
    names = tuple(dict.fromkeys(name.strip() for name in keep_columns.split(",")))
    if not all(names):
        raise UsageError(f"--keep-columns is {keep_columns!r:.80}; pass names with commas between them, or all")
    return names


def _no(who: str) -> str:
    return "" if who.startswith("no ") else "no "


def tell_left_out(corpus: Corpus) -> None:
    """Says what `--on-error skip` has left out."""
    stats = corpus.stats
    if stats.skipped:
        left = "1 record or file was" if stats.skipped == 1 else f"{stats.skipped:,} records or files were"
        tell(f"{left} left out, first: {'; '.join(map(_reason, stats.errors[:3]))}")


def _reason(error: Exception) -> str:
    """What an error is, with its place in front."""
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error, OSError) and error.filename is not None else ""
    return where + (str(error.strerror) if where and isinstance(error, OSError) else spelled(error))


def not_read(option: str, path: Path, inputs: list[str]) -> None:
    """Refuses an output that is one of the inputs.

    Raises:
        UsageError: if it is.
    """
    for one in inputs if path.exists() else ():
        if os.path.isfile(one) and os.path.samefile(one, path):
            raise UsageError(f"{option} is {path}, which is read; pass another name")


def check_model(model: str, backend: str | None) -> None:
    """Refuses a model that is not there, before anything else is done.

    Raises:
        UsageError: if there is no such folder, nor can it be a name on the hub.
    """
    from fastpost.models.place import missing_model

    missing = missing_model(model, backend, "--model")
    if missing is not None:
        raise UsageError(missing)


def pipeline(task: str, model: str, backend: str | None, device: str | None, dtype: str | None, **options: Any) -> Any:
    """The pipeline for a job."""
    import fastpost

    folder = Path(model)
    if backend is None:
        from fastpost.pipelines.open import backend_of

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
