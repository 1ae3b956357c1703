"""A corpus -> how often each of its words occurs; with the checks that come first."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from fastpost._fastpost import Splitter, TextReader, WordTable
from fastpost._inputs.bounds import with_article
from fastpost.corpus.corpus import Corpus
from fastpost.exceptions import Argument, refuse
from fastpost.progress import Told
from fastpost.tokenizers.checkpoint import Checkpoint
from fastpost.tokenizers.memory import memory_available

Texts: TypeAlias = "Corpus | Iterable[str] | Iterable[Iterable[str]]"
Check: TypeAlias = "Callable[..., None]"  # takes a list of texts and, if known, the number of all

_SAMPLE = 1_000_000  # characters of a corpus that are looked at before a run
_LONG_WORD = 512  # bytes; text in a script with spaces or punctuation comes nowhere near it


def refuse_str(corpus: object) -> None:
    """Refuses a single text, which would pass as an iterable of its characters."""
    if isinstance(corpus, (str, bytes)):
        raise refuse(TypeError, "`corpus` is one text; pass an iterable of str or of lists of str", argument="corpus")


def count_words(
    splitter: Splitter,
    corpus: Texts,
    length: int | None,
    threads: int | None,
    tell: Told | None,
    force: bool,
    saved: Checkpoint | None = None,
) -> WordTable:
    """The words of `corpus` as `splitter` splits it; arguments as those of `WordCounts.from_corpus`."""
    # A count that is resumed was checked when it began.
    looked = force or (saved is not None and saved.texts > 0)
    check = None if looked else lambda sample, length=length: _check(splitter, sample, length)
    if isinstance(corpus, Corpus):
        threads = threads or corpus._options.threads
        if corpus._in_core:
            return _count_readers(splitter, corpus, threads, tell, check, length, saved)
        if saved is not None:
            return _count_batches(splitter, corpus, threads, tell, check, saved)
        corpus = _without_nulls(corpus)
    return WordTable.count(
        splitter,
        corpus if check is None else _checked(corpus, check),
        threads=threads,
        progress=tell and (lambda _, size: tell("count", size, None)),
    )


def _count_readers(
    splitter: Splitter,
    corpus: Corpus,
    threads: int | None,
    tell: Told | None,
    check: Check | None,
    length: int | None,
    saved: Checkpoint | None,
) -> WordTable:
    """Counts on the threads that read, without Python strings but for the sample."""
    # A corpus that can be read again is checked in a pass of its own; for a stream, the first texts are kept.
    peek = check if corpus._once else None
    if check and not peek:
        sample, guessed = corpus._sample(_SAMPLE)
        check(sample, length or guessed)
    table = WordTable.from_items(()) if saved is None else saved.table

    def count(reader: TextReader, told: Callable[[int, int], None]) -> WordTable:
        nonlocal peek, table
        texts = size = 0
        if peek is not None:
            head, size = reader.next_batch(sys.maxsize, _SAMPLE) or ([], 0)
            peek(head)
            peek, texts = None, len(head)
            table = table.merge(WordTable.count(splitter, head, threads=1))
        while True:
            before = texts, size

            def so_far(more: int, bigger: int, before: tuple[int, int] = before) -> None:
                nonlocal texts, size
                texts, size = before[0] + more, before[1] + bigger
                told(texts, size)

            if saved is None:
                part, ended = WordTable.read(splitter, reader, threads=threads, progress=so_far), True
            else:
                part, ended = WordTable.read_for(splitter, reader, saved.every, threads=threads, progress=so_far)
            table = part if not len(table) else table.merge(part)
            if saved is not None and (saved.due or saved.path.exists()):
                saved.write(table, corpus.position - corpus._start)
            if ended:
                return table

    total = corpus.total_bytes

    def done() -> None:
        if tell:
            tell("count", corpus._pass.bytes if total is None else corpus.stats.bytes_read, total)

    corpus._each(count, done, 0 if saved is None else saved.texts)
    return table


def _count_batches(
    splitter: Splitter,
    corpus: Corpus,
    threads: int | None,
    tell: Told | None,
    check: Check | None,
    saved: Checkpoint,
) -> WordTable:
    """Counts a corpus of Python strings, and now and then saves the counts to a file."""
    batches = _without_nulls(corpus._batches(corpus._begin(saved.texts)))
    checked: Iterator[list[str]] = iter(batches if check is None else _checked(batches, check))  # type: ignore[arg-type]
    table, texts, size = saved.table, saved.texts, 0
    for first in checked:
        taken = 0

        def until_due(first: list[str] = first) -> Iterator[list[str]]:
            nonlocal taken
            for batch in chain([first], checked):
                taken += len(batch)
                yield batch
                if saved.due:
                    return

        def so_far(_: int, bigger: int, before: int = size) -> None:
            nonlocal size
            size = before + bigger
            if tell:
                tell("count", size, None)

        table = table.merge(WordTable.count(splitter, until_due(), threads=threads, progress=so_far))
        texts += taken
        if saved.due or saved.path.exists():
            saved.write(table, texts)
    return table


def _without_nulls(batches: Iterable[list[str]]) -> Iterator[list[str]]:
    """Batches with "", which has no words, for each text that is null: files with `nulls="keep"` give the same here."""
    for batch in batches:
        yield [text if text is not None else "" for text in batch]


def _checked(corpus: Texts, check: Check) -> Texts:
    """`corpus`, after a look at its first texts."""
    texts = iter(corpus)
    head, sample, size = [], [], 0
    for number, item in enumerate(texts):
        if not isinstance(item, str):
            if not isinstance(item, Iterable):
                raise _no_text(item, f"as item {number}")
            item = item if isinstance(item, (list, tuple)) else list(item)
        head.append(item)
        for text in (item,) if isinstance(item, str) else item:
            if not isinstance(text, str):
                raise _no_text(text, f"in item {number}")
            sample.append(text)
            size += len(text)
            if size >= _SAMPLE:
                break
        if size >= _SAMPLE:
            break
    check(sample)
    return chain(head, texts)


def _no_text(item: object, place: str) -> TypeError:
    kind = "None" if item is None else f"{with_article(type(item).__name__)}"
    return refuse(
        TypeError,
        f"`corpus` holds {kind} {place}, counted from 0; pass an iterable of str or of lists of str, and leave out what is "
        "no text",
        argument="corpus",
    )


def _check(splitter: Splitter, sample: list[str], length: int | None) -> None:
    """Refuses a corpus whose first texts show that training on it would not end well."""
    table = WordTable.count(splitter, sample, threads=1)
    words = table.items()
    total = sum(len(word) * count for word, count in words)
    long = sum(len(word) * count for word, count in words if len(word) > _LONG_WORD)
    if long > total / 2:
        raise refuse(
            ValueError,
            f"{100 * long // total} % of the first texts lie in words of more than {_LONG_WORD} bytes, so "
            "the pre-tokenizer hardly splits this corpus and training would take memory and time without "
            "bound",
            cure=("; use a tokenizer that splits at spaces or punctuation, or pass ", Argument("force", (True,))),
            argument="force",
        )
    need, have = _memory_needed(splitter, table, sample, length), memory_available()
    if have is not None and need > have:
        raise refuse(
            ValueError,
            f"training would take about {need / 1e9:.1f} GB, but {have / 1e9:.1f} GB are free",
            cure=(
                "; train on a part of the corpus, merge saved WordCounts of parts where there is more memory, or pass ",
                Argument("force", (True,)),
            ),
            argument="force",
        )


def _memory_needed(splitter: Splitter, table: WordTable, sample: list[str], length: int | None) -> float:
    """Bytes for the distinct words. These grow with a power of the corpus, as half and all of the sample show."""
    if not len(table):
        return 0.0
    half = WordTable.count(splitter, sample[: len(sample) // 2], threads=1)
    growth = min(1.0, max(0.3, math.log2(len(table) / max(1, len(half)))))
    distinct = len(table) * max(1.0, (length or 0) / len(sample)) ** growth
    letters = sum(len(word) for word, _ in table.items()) / len(table)
    # A word takes 50 bytes in the tables of two threads; each of its letters takes a byte, a symbol and a place in a
    # list.
    return float(distinct * (50 + 12 * letters))
