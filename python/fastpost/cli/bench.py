"""`bench`: what fastpost gains on the user's own machine, model and texts."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.metadata import version
from typing import Annotated, Any, Literal

import typer

from fastpost._inputs.bounds import counted
from fastpost.cli.entity_options import STRATEGY_HELP, Compat, with_defaults
from fastpost.cli.failure import UsageError, guarded, note
from fastpost.cli.help import Command, Commands
from fastpost.cli.options import Inputs, Running, takes_records
from fastpost.cli.progress import Progress
from fastpost.entities.options import Strategy
from fastpost.jobs.texts import Reading
from fastpost.models.backends import TORCH, backend_of

bench = typer.Typer(cls=Commands, help="Time fastpost beside transformers on your own machine, model and texts.")

Count = Annotated[int, typer.Option("--texts", min=1, help="Texts to take from the files.")]
Rounds = Annotated[int, typer.Option(min=1, help="Times that each is run; the medians are shown.")]
Against = Annotated[
    Literal["transformers", "nothing"], typer.Option(help="The peer; nothing shows the times of fastpost alone.")
]

_NOT_HERE = (
    "backend",
    "id_column",
    "keep_columns",
    "with_source",
    "split",
    "format",
    "on_error",
    "threads",
    "chunk_size",
)
"""Fields of the records that these commands don't take: the model runs on torch, beside that of transformers."""


def add_to(app: typer.Typer) -> None:
    """Makes the commands known."""
    app.add_typer(bench, name="bench")
    for command in (ner, qa, train):
        bench.command(command.__name__, cls=Command)(guarded(takes_records(_NOT_HERE)(command)))


def ner(
    *,
    inputs: Inputs,
    running: Running,
    against: Against = "transformers",
    reading: Reading,
    aggregation_strategy: Annotated[
        Strategy | None, typer.Option(help=STRATEGY_HELP.format("simple; average with --compat fastpost"))
    ] = None,
    compat: Compat = "transformers",
    count: Count = 200,
    rounds: Rounds = 3,
) -> None:
    """Time the token-classification pipeline; results are compared first.

    The mode is transformers', unlike that of all other commands: only there is the work of both the same.
    --compat fastpost times our own, whose results differ.
    """
    running = _on_torch(running)
    texts = _texts(inputs, reading.column, count)
    strategy = aggregation_strategy or with_defaults({"compat": compat})["aggregation_strategy"]
    shared = {"aggregation_strategy": strategy, **running.batches()}
    ours = running.load("ner", aggregation_strategy=strategy, compat=compat)
    theirs = None if against == "nothing" else _twin(ours, "TokenClassificationPipeline", shared)
    if compat == "transformers" or theirs is not None:
        _limit(ours)
    title = f"ner, {counted(len(texts), 'text')}, {strategy}, compat {compat}"
    why = "as those of transformers are not right" if compat == "fastpost" else _OTHER_WORK
    _timed(title, ours, theirs, lambda pipe: pipe(texts), rounds, why)


def qa(
    *,
    inputs: Inputs,
    running: Running,
    question: Annotated[str, typer.Option(help="Question to ask of each text.")] = "What is this about?",
    against: Against = "transformers",
    reading: Reading,
    count: Count = 200,
    rounds: Rounds = 3,
) -> None:
    """Time the question-answering pipeline; transformers has one up to 5.2."""
    running = _on_torch(running)
    texts = [text for text in _texts(inputs, reading.column, count) if text.strip()]
    ours = running.load("question-answering")
    theirs = None if against == "nothing" else _twin(ours, "QuestionAnsweringPipeline", {**running.batches()})
    asked = [question] * len(texts)
    _timed(
        f"qa, {counted(len(texts), 'text')}",
        ours,
        theirs,
        lambda pipe: list(pipe(question=asked, context=texts)),
        rounds,
    )


def train(
    *,
    inputs: Inputs,
    source: Annotated[str, typer.Option("--from", help="Folder of the tokenizer to train anew.")],
    against: Against = "transformers",
    reading: Reading,
    vocab_size: Annotated[int, typer.Option(min=0, help="Tokens.")] = 52_000,
    count: Count = 100_000,
    rounds: Rounds = 1,
) -> None:
    """Time the training of a tokenizer, texts in memory; the two tokenizer.json are compared first."""
    from fastpost.cli.training import load_tokenizer
    from fastpost.tokenizers.train import train_new_from_iterator

    texts = _texts(inputs, reading.column, count)
    tokenizer = load_tokenizer(source)
    if not hasattr(tokenizer, "train_new_from_iterator") and against == "transformers":
        raise UsageError(f"{source} is no tokenizer of transformers; pass its folder, or --against nothing")

    def run(pipe: str) -> Any:
        if pipe == "theirs":
            made = tokenizer.train_new_from_iterator(texts, vocab_size, show_progress=False)
        else:
            made = train_new_from_iterator(tokenizer, texts, vocab_size)
        return getattr(made, "backend_tokenizer", made).to_str()

    theirs = None if against == "nothing" else "theirs"
    _timed(f"train, {sum(map(len, texts)) / 1e6:,.1f} M characters, {vocab_size:,} tokens", "ours", theirs, run, rounds)


def _on_torch(running: Running) -> Running:
    """The options of a model that runs on torch, as transformers' does; others are refused before any loading."""
    running.check()
    if backend_of(running.model) != TORCH:
        raise UsageError(
            f"{running.model} holds a model for ONNX Runtime, and this runs beside transformers, on torch; "
            "pass a folder of transformers or a name on the hub"
        )
    return replace(running, backend="torch")


def _texts(inputs: list[str], column: str | None, count: int) -> list[str]:
    from fastpost.corpus import Corpus

    corpus = Corpus(inputs[0] if len(inputs) == 1 else list(inputs), column=column, batch_size=min(count, 1000))
    texts = list(itertools.islice((text for batch in corpus for text in batch), count))
    if not any(map(str.strip, texts)):
        raise UsageError(f"{', '.join(inputs):.80} holds no text to time; pass other files")
    return texts


def _limit(pipe: Any) -> None:
    """Lets the tokenizer cut texts at the model's length if it names no length or a longer one.

    The pipelines of transformers, and ours in its mode, would fail on texts that are longer.
    """
    from fastpost.models.length import as_length, positions

    most = positions(pipe.model.config)
    length = as_length(pipe.tokenizer.model_max_length)
    if most is not None and (length is None or length > most):
        pipe.tokenizer.model_max_length = most
        named = "no length" if length is None else f"{length:,} tokens"
        note(f"the tokenizer names {named}; longer texts are cut at the {most:,} that the model reads")


def _twin(ours: Any, name: str, options: dict[str, Any]) -> Any:
    """The pipeline of transformers around the same model; None, after a line that says so, if there is none."""
    from fastpost.pipelines.torch.peer import twin

    made = twin(ours, name, options)
    if made is None:
        note(f"transformers {version('transformers')} has no {name}; only fastpost is timed")
    return made


_OTHER_WORK = "so the times are of different work"


def _timed(
    title: str, ours: Any, theirs: Any, work: Callable[[Any], Any], rounds: int, if_different: str = _OTHER_WORK
) -> None:
    """Compares the results, then prints the medians, measured in turn; prints `if_different` if results differ."""
    pipes = {"fastpost": ours} if theirs is None else {"transformers": theirs, "fastpost": ours}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in pipes}
    results: dict[str, Any] = {}
    total = len(pipes) * (rounds + 1)  # the first run of each is not timed
    with Progress() as progress:
        for done, (name, pipe) in enumerate(itertools.chain(*[pipes.items()] * (rounds + 1)), 1):
            with _watched(pipe) as watch:
                since = time.perf_counter()
                result = work(pipe)
                taken = time.perf_counter() - since, watch[0]
            if name in results:
                times[name].append(taken)
            else:
                results[name] = result
            progress("bench", done, total, f"{done} of {total} runs, {name} in {taken[0]:.1f} s")
    if theirs is not None:
        different = _different(*results.values())
        if different:
            note(f"{different}, {if_different}")
    print(f"{title}; median of {rounds}, Python {sys.version.split()[0]}")
    first = None
    for name, rows in times.items():
        whole, model = (statistics.median(column) for column in zip(*rows, strict=True))
        first = first or (whole, whole - model)
        rest = (
            f", {whole - model:8.3f} s of it around the model ({100 * (whole - model) / whole:.0f} %)" if model else ""
        )
        ratio = "" if name != "fastpost" or theirs is None else f"   {first[0] / whole:.1f}x"
        if ratio and model:
            ratio += f", around the model {first[1] / max(whole - model, 1e-9):.1f}x"
        print(f"  {name:14}{whole:8.3f} s{rest}{ratio}")
        if model and name == "fastpost":
            print(
                f"  the model alone {model:7.3f} s: whatever is around it, no more than {first[0] / model:.1f}x is to be had"
            )
            doubt = _doubt(first[0] - first[1], model)
            if doubt:
                note(doubt)


def _doubt(theirs: float, ours: float) -> str:
    """A caution if the times of one model in the two pipelines are more than a tenth apart; otherwise ""."""
    if 0.9 * theirs <= ours <= theirs / 0.9:
        return ""
    return (
        f"the model itself took {theirs:.3g} s with transformers and {ours:.3g} s with fastpost: other work slows this "
        "machine, or one of the two makes better batches; time it again before you believe the ratio"
    )


def _watched(pipe: Any) -> AbstractContextManager[list[float]]:
    """Adds up the time of a pipeline's model."""
    model = getattr(pipe, "model", None)
    if model is None:
        return nullcontext([0.0])
    from fastpost.pipelines.torch.peer import watched

    return watched(model)


def _different(theirs: Any, ours: Any) -> str | None:
    """How the results differ, scores aside; None if they do not."""
    if isinstance(theirs, str):
        return None if theirs == ours else "the two tokenizer.json differ"
    count = sum(_plain(a) != _plain(b) for a, b in zip(theirs, ours, strict=True))
    return f"{count:,} of {len(ours):,} results differ" if count else None


def _plain(result: Any) -> Any:
    items = [result] if isinstance(result, dict) else result
    return [{name: value for name, value in item.items() if name != "score"} for item in items]
