"""`train-tokenizer`, `count-words`, `merge-counts`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fastpost._inputs import formats
from fastpost._inputs.bounds import counted
from fastpost.cli.failure import UsageError, guarded, note
from fastpost.cli.help import Command
from fastpost.cli.options import tell_left_out
from fastpost.cli.progress import Progress
from fastpost.jobs.errors import note_resumable
from fastpost.jobs.texts import refuse_input
from fastpost.models.place import missing_model
from fastpost.progress import Counting
from fastpost.tokenizers.checkpoint import remove

if TYPE_CHECKING:
    from fastpost.corpus import Corpus
    from fastpost.tokenizers.train import WordCounts

From = Annotated[
    str | None, typer.Option("--from", help="Folder (or tokenizer.json) of the tokenizer whose rules are kept.")
]
Inputs = Annotated[
    list[str] | None, typer.Option("--corpus", help="File, folder or quoted glob; - is standard input. Repeatable.")
]
Column = Annotated[str | None, typer.Option(help="Column that holds the text, in files with columns; default: text.")]
Format = Annotated[
    formats.Format | None,
    typer.Option("--format", help="What the files hold, where their names don't say it."),
]
Split = Annotated[
    Literal["line", "blank", "file"],
    typer.Option(help="What one text of a text file is: a line, a paragraph or the whole file."),
]
OnError = Annotated[
    Literal["raise", "skip", "replace"],
    typer.Option(
        help="Stop at a record that can't be read, leave it out and count it, or put U+FFFD in place of broken characters."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; default: all cores.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a count that was interrupted.")]
Force = Annotated[bool, typer.Option("--force", help="Go on where the checks of corpus and result would stop.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
SaveEvery = Annotated[float, typer.Option(min=0, help="Seconds between two savings of an unfinished count.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


def add_to(app: typer.Typer) -> None:
    """Makes the commands known."""
    app.command("train-tokenizer", cls=Command)(guarded(train_tokenizer))
    app.command("count-words", cls=Command)(guarded(count_words))
    app.command("merge-counts", cls=Command)(guarded(merge_counts))


def train_tokenizer(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder to write; with several sizes, a folder for each in it.")
    ],
    vocab_size: Annotated[list[int], typer.Option(min=0, help="Tokens, special ones included. Repeatable.")],
    source: From = None,
    corpus: Inputs = None,
    counts: Annotated[
        Path | None, typer.Option(help="Word counts: read if there is no --corpus, else written as well.")
    ] = None,
    column: Column = None,
    split: Split = "line",
    format_: Format = None,
    on_error: OnError = "raise",
    min_frequency: Annotated[int | None, typer.Option(min=0, help="Pairs that occur less often stay apart.")] = None,
    limit_alphabet: Annotated[
        int | None, typer.Option(min=0, help="How many characters the alphabet has at most.")
    ] = None,
    new_special_token: Annotated[list[str] | None, typer.Option(help="Special token to add. Repeatable.")] = None,
    threads: Threads = None,
    resume: Resume = False,
    save_every: SaveEvery = 60.0,
    force: Force = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train a tokenizer like another one on a corpus: the tokenizer.json of `train_new_from_iterator`."""
    sizes = list(dict.fromkeys(vocab_size))
    folders = {size: out if len(sizes) == 1 else out / str(size) for size in sizes}
    unfinished = _unfinished(out)
    if out.suffix == ".json":
        raise UsageError(f"--out is {out}, the name of a file; pass a folder, in which tokenizer.json is written")
    for folder in folders.values():
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; --out is a folder")
        if folder.is_dir() and any(folder.iterdir()) and not (overwrite or (resume and unfinished.exists())):
            raise UsageError(f"{folder} exists; pass --overwrite to replace the tokenizer in it, or another --out")
    options: dict[str, Any] = {"min_frequency": min_frequency, "limit_alphabet": limit_alphabet}
    options = {name: value for name, value in options.items() if value is not None}
    with Progress(quiet) as progress:
        told = Counting(progress)
        if corpus:
            if counts is not None:
                _free(counts, overwrite or (resume and unfinished.exists()))
            texts = _corpus(corpus, column, split, format_, on_error, threads)
            if counts is not None:
                refuse_input("counts", counts, texts.files)
            words = _counted(source, texts, unfinished, resume, overwrite, save_every, force, told)
            if counts is not None:
                words.save(counts)
            tell_left_out(texts)
        elif counts is not None:
            from fastpost.tokenizers.train import WordCounts

            words = WordCounts.load(counts, None if source is None else load_tokenizer(source))
        else:
            raise UsageError("pass --corpus to count, or --counts with a file of word counts")
        for size, folder in folders.items():
            told.merging = "merge" if len(sizes) == 1 else f"merge {size}"
            made = words.train(size, list(new_special_token or ()) or None, progress=told, force=force, **options)
            _save(made, folder, _settings(source, made, new_special_token or ()))
    remove(unfinished)
    note(f"{', '.join(map(str, folders.values()))}: from {_words(words)}")


def count_words(
    source: Annotated[str, typer.Option("--from", help="Folder (or tokenizer.json) of the tokenizer that splits.")],
    corpus: Annotated[
        list[str], typer.Option("--corpus", help="File, folder or quoted glob; - is standard input. Repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="File of word counts to write.")],
    column: Column = None,
    split: Split = "line",
    format_: Format = None,
    on_error: OnError = "raise",
    threads: Threads = None,
    resume: Resume = False,
    save_every: SaveEvery = 60.0,
    force: Force = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Count the words of a corpus, or of a part of it, where it lies; merge-counts adds parts up."""
    unfinished = _unfinished(out)
    _free(out, overwrite or (resume and unfinished.exists()))
    with Progress(quiet) as progress:
        texts = _corpus(corpus, column, split, format_, on_error, threads)
        refuse_input("out", out, texts.files)
        words = _counted(source, texts, unfinished, resume, overwrite, save_every, force, Counting(progress))
        words.save(out)
    remove(unfinished)
    tell_left_out(texts)
    note(f"{out}: {_words(words)}")


def merge_counts(
    parts: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of word counts.")],
    out: Annotated[Path, typer.Option(help="File of word counts to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Add up word counts of the parts of a corpus."""
    from fastpost.tokenizers.train import WordCounts

    _free(out, overwrite)
    first, *others = parts
    words = WordCounts.load(first)
    for path in others:
        words = words.merge(WordCounts.load(path))
    words.save(out)
    note(f"{out}: {_words(words)}, from {counted(len(parts), 'file')}")


def _words(words: WordCounts) -> str:
    return f"{counted(words.total, 'word')}, {len(words):,} of them distinct"


def _unfinished(out: Path) -> Path:
    """Where a count for `out` is kept while it runs."""
    return out.parent / f"{out.name or out.resolve().name}.unfinished"


def _free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; pass the name of a file")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; pass --overwrite to replace it, or another name")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path.parent} can't be written to; pass another name")


def _corpus(
    sources: Sequence[str], column: str | None, split: Any, format_: Any, on_error: Any, threads: int | None
) -> Corpus:
    from fastpost.corpus import Corpus

    source: Any = sources[0] if len(sources) == 1 else list(sources)
    return Corpus(source, column=column, split=split, format=format_, on_error=on_error, threads=threads)


def _counted(
    source: str | None,
    corpus: Corpus,
    unfinished: Path,
    resume: bool,
    overwrite: bool,
    save_every: float,
    force: bool,
    told: Counting,
) -> WordCounts:
    """The counts of a corpus; if asked, goes on from where an interrupted count left off."""
    from fastpost.tokenizers.train import WordCounts

    if source is None:
        raise UsageError("pass --from with the folder of the tokenizer that splits the corpus")
    if unfinished.exists() and not resume:
        if not overwrite:
            raise UsageError(f"{unfinished} holds a count that was interrupted; pass --resume to go on with it")
        remove(unfinished)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(source)
    try:
        return WordCounts.from_corpus(
            tokenizer, corpus, progress=told, force=force, checkpoint=unfinished, every=save_every
        )
    except KeyboardInterrupt as error:
        if unfinished.exists():
            note_resumable(error)
        raise


def load_tokenizer(source: str) -> Any:
    """The tokenizer at `source`: that of transformers if the folder is one of its own and it is installed, else the bare one."""
    from fastpost.models.transformers import is_installed, saved_tokenizer

    path = Path(source)
    file = path / "tokenizer.json" if path.is_dir() else path
    if path.exists() and not file.exists():
        raise UsageError(f"{path} holds no tokenizer.json; pass the folder of a fast tokenizer")
    if not path.exists() and (path.is_absolute() or source.startswith(".") or source.count("/") > 1):
        raise UsageError(f"{source} does not exist; pass the folder of a tokenizer")
    if file.exists():
        bare = path.is_file() or not (path / "tokenizer_config.json").exists() or not is_installed()
        from tokenizers import Tokenizer

        text = file.read_text(encoding="utf-8", errors="replace")
        try:
            json.loads(text)
            if bare:
                return Tokenizer.from_str(text)
        except Exception as error:  # tokenizers raises errors without a type of their own
            told = " ".join(str(error).split())[:200]
            raise UsageError(f"{file} is no tokenizer.json ({told}); pass that of a fast tokenizer") from error
    missing = missing_model(source, argument="--from")
    if missing is not None:
        raise UsageError(missing)
    return saved_tokenizer(source)


def _settings(source: str | None, made: Any, added: Sequence[str]) -> dict[str, str]:
    """The further files of a bare tokenizer, by their names: those beside the tokenizer.json that it was made from."""
    if source is None or hasattr(made, "save_pretrained"):
        return {}
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return {}
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{config} is not JSON ({error}); mend it, or remove it") from error
    for name in ("name_or_path", "tokenizer_file", "vocab_file"):
        settings.pop(name, None)
    # Special tokens come first in the new vocabulary, whatever their ids were.
    flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    settings["added_tokens_decoder"] = {
        str(number): {flag: getattr(token, flag) for flag in flags}
        for number, token in made.get_added_tokens_decoder().items()
    }
    if added:
        settings["additional_special_tokens"] = [*settings.get("additional_special_tokens", ()), *added]
    return {"tokenizer_config.json": json.dumps(settings, ensure_ascii=False, indent=2) + "\n"}


def _save(tokenizer: Any, folder: Path, files: Mapping[str, str]) -> None:
    """Writes the tokenizer beside `folder` first, so that each file in it is always whole."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder.parent / f".{folder.name}.part"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    try:
        if hasattr(tokenizer, "save_pretrained"):
            tokenizer.save_pretrained(made)
        else:
            tokenizer.save(str(made / "tokenizer.json"))
        for name, text in files.items():
            (made / name).write_text(text, encoding="utf-8")
        for path in sorted(made.iterdir()):
            os.replace(path, folder / path.name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
