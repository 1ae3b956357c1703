"""`encode`: files of texts -> token ids, for training language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli.failure import UsageError, guarded, note
from fastpost.cli.help import Command
from fastpost.cli.options import tell_left_out
from fastpost.cli.progress import Progress
from fastpost.cli.training import Column, Format, OnError, Overwrite, Quiet, Split, Threads, _corpus
from fastpost.jobs.texts import refuse_input


def add_to(app: typer.Typer) -> None:
    """Makes the command known."""
    app.command("encode", cls=Command)(guarded(encode))


def encode(
    tokenizer: Annotated[str, typer.Option(help="A tokenizer.json, or a folder with one.")],
    corpus: Annotated[
        list[str], typer.Option("--corpus", help="File, folder or quoted glob; - is standard input. Repeatable.")
    ],
    out: Annotated[
        Path, typer.Option(help="File of ids to write, .npy or .bin; .ends.npy and .json are written beside it.")
    ],
    column: Column = None,
    split: Split = "line",
    format_: Format = None,
    on_error: OnError = "raise",
    special_tokens: Annotated[bool, typer.Option(help="Put the model's special tokens around each text.")] = True,
    end_token: Annotated[str | None, typer.Option(help="Token to put after each text, such as <|endoftext|>.")] = None,
    threads: Threads = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the texts that the files hold.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Encode a corpus to one long row of token ids, and where its texts end, on all cores."""
    from fastpost.encoding import Encoder
    from fastpost.encoding.stream import write

    if out.suffix not in (".npy", ".bin"):
        raise UsageError(f"--out is {out}; pass a name that ends in .npy or .bin")
    if out.exists() and not (overwrite or resume):
        raise UsageError(f"{out} exists; pass --overwrite to replace it, or --resume to go on")
    encoder = Encoder(tokenizer)
    end_id = None if end_token is None else encoder.token_id(end_token)
    if end_token is not None and end_id is None:
        raise UsageError(f"--end-token is {end_token!r:.80}, which is no token of {tokenizer}; pass one that is")
    texts = _corpus(corpus, column, split, format_, on_error, threads)
    refuse_input("out", out, texts.files)
    with Progress(quiet) as progress:
        done = [0, 0]

        def told(documents: int, tokens: int) -> None:
            done[0], done[1] = done[0] + documents, done[1] + tokens
            progress("encode", done[1], None, f"{counted(done[0], 'text')}, {counted(done[1], 'token')}")

        made = write(
            encoder, texts, out, special=special_tokens, end_id=end_id, threads=threads, resume=resume, progress=told
        )
    tell_left_out(texts)
    note(f"{out}: {counted(made.documents, 'text')}, {counted(made.tokens, 'token')}, {made.dtype}; {encoder.report()}")
