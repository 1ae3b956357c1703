"""Tokenizer training: the `tokenizer.json` of transformers' `train_new_from_iterator`, made in Rust.

A corpus is split into words and the words are counted (`WordCounts`), then the counts are merged into a
vocabulary. What the tokenizer consists of besides its vocabulary is carried over as transformers does it.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastpost._fastpost import WordTable
from fastpost._inputs.bounds import counted
from fastpost._inputs.paths import path_of
from fastpost._warn import warn_caller
from fastpost.corpus.corpus import Corpus
from fastpost.exceptions import Argument, refuse
from fastpost.progress import Told, teller
from fastpost.tokenizers.checkpoint import Checkpoint
from fastpost.tokenizers.counting import Texts, count_words, refuse_str
from fastpost.tokenizers.rebuild import (
    Json,
    backend_with,
    document_of,
    from_files,
    like,
    ordinary_tokens,
    split_rules,
    splitter_of,
    to_files,
    trainer_for,
)
from fastpost.tokenizers.verify import ROUND_TRIPS, verify_tokenizer

if TYPE_CHECKING:
    from tokenizers import AddedToken

_log = logging.getLogger("fastpost")


def train_new_from_iterator(
    tokenizer: Any,
    corpus: Texts,
    vocab_size: int,
    length: int | None = None,
    new_special_tokens: list[str | AddedToken] | None = None,
    special_tokens_map: dict[str, str] | None = None,
    *,
    threads: int | None = None,
    progress: bool | Told = False,
    force: bool = False,
    **kwargs: Any,
) -> Any:
    """Trains a tokenizer like `tokenizer` on `corpus`: what its `train_new_from_iterator` gives, sooner.

    Byte-level BPE (GPT-2, RoBERTa, Llama-3, Qwen, o200k), Metaspace BPE and WordPiece train here; any other
    tokenizer is trained by the tokenizers library, and a log line says why. `tokenizer.json` is equal byte
    for byte, whatever the number of threads, but for these: counts of pairs have 64 bits; WordPiece's `##`
    letters are numbered in the order of their characters, and `limit_alphabet` keeps the smaller character
    at ties, where tokenizers changes from run to run; ids inside a `Sequence` of post-processors are brought
    up to date, too.

    Args:
        tokenizer: a fast tokenizer of transformers, or a `tokenizers.Tokenizer`.
        corpus: a `Corpus`, or an iterable of `str` or of lists of `str`. Files, Arrow data and datasets of a
            `Corpus` are counted on the threads that read them; no Python string is made of them.
        vocab_size: how many tokens the new tokenizer has, special tokens included; a warning says so if special tokens
            and letters alone are more.
        length: number of texts, if known, for the memory estimate; guessed from the sizes of files.
        new_special_tokens: special tokens to add to those of `tokenizer`.
        special_tokens_map: old name -> new name of special tokens.
        threads: threads to count on; None is those of the `Corpus`, else all cores.
        progress: True writes to stderr; a function is called with ("count", bytes, all bytes or None), then with
            ("merge", tokens, tokens wanted). Bytes are those read from files, else those of the texts.
        force: whether to train even if the checks of the corpus and of the result fail.
        **kwargs: options of the tokenizers trainer: min_frequency, limit_alphabet, max_token_length, ...

    Raises:
        ValueError: if a check fails: a tokenizer without a pre-tokenizer, a corpus that is mostly one word,
            too little memory, or a result that `verify_tokenizer` refuses; or the post-processor adds a token that
            is not special and that the corpus did not bring into the vocabulary. CorpusError is one, too.
        TypeError: if `corpus` holds anything but texts, or an option does not fit its trainer.
    """
    refuse_str(corpus)
    try:
        counts = WordCounts(tokenizer)
    except ValueError as why:
        _log.warning("fastpost: %s is trained by the tokenizers library: %s", type(tokenizer).__name__, why)
        if not hasattr(tokenizer, "train_new_from_iterator"):
            raise
        return tokenizer.train_new_from_iterator(
            iter(corpus), vocab_size, length, new_special_tokens, special_tokens_map, **kwargs
        )
    # Before the corpus is read, so that a mistake in the options or a part that does not fit costs no time.
    trainer_for(counts._document, vocab_size, new_special_tokens, special_tokens_map, kwargs)
    if not force:
        counts._rehearse(new_special_tokens, special_tokens_map, kwargs)
    counts._count(corpus, length, threads, progress, force)
    return counts._train(vocab_size, new_special_tokens, special_tokens_map, progress, force, kwargs)


class WordCounts:
    """How often each word of a corpus occurs, as one tokenizer splits it: all that training needs to know.

    Counts of the parts of a corpus add up to those of the whole, so each part can be counted where it lies:

    >>> part = WordCounts.from_corpus(tokenizer, texts)  # doctest: +SKIP
    >>> part.save("part-1.words")  # doctest: +SKIP
    >>> whole = WordCounts.load("part-1.words").merge(WordCounts.load("part-2.words"))  # doctest: +SKIP
    >>> small, large = whole.train(8_000), whole.train(52_000)  # doctest: +SKIP
    """

    def __init__(self, tokenizer: Any, items: Iterable[tuple[bytes, int]] = ()) -> None:
        self._document = document_of(tokenizer)
        self._splitter = splitter_of(self._document)
        self._tokenizer = tokenizer
        self._parts: Json = {}
        self._table = WordTable.from_items(items)

    @classmethod
    def from_corpus(
        cls,
        tokenizer: Any,
        corpus: Texts,
        *,
        length: int | None = None,
        threads: int | None = None,
        progress: bool | Told = False,
        force: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: float = 60.0,
    ) -> WordCounts:
        """Counts the words of `corpus`; the arguments are those of `train_new_from_iterator`.

        Args:
            tokenizer, corpus, length, threads, progress, force: as there.
            checkpoint: a file that keeps what has been counted. If it exists, counting goes on from it. The result is
                that of an undisturbed count, whatever stopped the last one. The file stays and holds all counts at the
                end; remove it when they are safe elsewhere.
            every: seconds from one writing of `checkpoint` to the next.

        Raises:
            ValueError: if `tokenizer` is of a kind that only the tokenizers library trains, a check fails, or
                `checkpoint` was begun with another tokenizer or corpus.
        """
        refuse_str(corpus)
        counts = cls(tokenizer)
        saved = None
        if checkpoint is not None:
            corpus = corpus if isinstance(corpus, Corpus) else Corpus.from_texts(corpus)
            saved = Checkpoint.of(checkpoint, every, corpus, to_files(tokenizer))
        counts._count(corpus, length, threads, progress, force, saved)
        return counts

    def _count(
        self,
        corpus: Texts,
        length: int | None,
        threads: int | None,
        progress: bool | Told,
        force: bool,
        saved: Checkpoint | None = None,
    ) -> None:
        if self._document["pre_tokenizer"] is None and not force:
            raise refuse(
                ValueError,
                "the tokenizer has no pre-tokenizer, so each text would be one word and training would take "
                "memory and time without bound",
                cure=("; set `tokenizer.backend_tokenizer.pre_tokenizer`, or pass ", Argument("force", (True,))),
                argument="tokenizer",
            )
        self._table = count_words(self._splitter, corpus, length, threads, teller(progress), force, saved)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that the words were split with; read back from the file after `load`."""
        if self._tokenizer is None:
            self._tokenizer = from_files(**self._parts)
        return self._tokenizer

    @property
    def total(self) -> int:
        """All words, each as often as it occurs; `len` is the number of distinct ones."""
        return self._table.total

    def items(self) -> list[tuple[bytes, int]]:
        """Each word's bytes with its count, in the order of the bytes."""
        return self._table.items()

    def merge(self, other: WordCounts) -> WordCounts:
        """Adds the counts of `other` to these, and returns these.

        Raises:
            ValueError: if the two were split differently.
        """
        if not isinstance(other, WordCounts):
            raise refuse(
                TypeError,
                f"`other` is of type {type(other).__name__}; pass the WordCounts of another part",
                argument="other",
            )
        if split_rules(self._document) != split_rules(other._document):
            raise refuse(
                ValueError,
                "`other` was counted with another normalizer or pre-tokenizer; use one tokenizer for both",
                argument="other",
            )
        self._table = self._table.merge(other._table)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the counts and the tokenizer to one file: versioned, checksummed, equal for equal counts.

        The format is in `rust/core/src/train/counts.rs`; its header is the tokenizer's own files as JSON.
        """
        parts = self._parts or to_files(self.tokenizer)
        self._table.save(os.fspath(path), json.dumps(parts, ensure_ascii=False, sort_keys=True))

    @classmethod
    def load(cls, path: str | os.PathLike[str], tokenizer: Any = None) -> WordCounts:
        """Reads what `save` wrote; `tokenizer` takes the place of the one in the file.

        Raises:
            ValueError: if the file is cut short, changed or foreign, or was counted by other rules than
                those of `tokenizer`.
        """
        table, header = WordTable.load(path_of(path))
        try:
            parts: Json = json.loads(header)
            document: Json = json.loads(parts["files"]["tokenizer.json"])
        except (ValueError, KeyError, TypeError) as error:
            raise refuse(
                ValueError,
                f"{os.fspath(path)} is no file of word counts: its header is another one",
                argument="path",
                file=os.fspath(path),
            ) from error
        if "unfinished" in parts:
            raise refuse(
                ValueError,
                f"{os.fspath(path)} is an unfinished count of {parts['unfinished']['texts']:,} texts; finish it with "
                "WordCounts.from_corpus(tokenizer, corpus, checkpoint=...)",
                argument="path",
                file=os.fspath(path),
            )
        if tokenizer is not None and split_rules(document_of(tokenizer)) != split_rules(document):
            raise refuse(
                ValueError,
                f"{os.fspath(path)} was counted with another normalizer or pre-tokenizer than `tokenizer` has",
                argument="tokenizer",
                file=os.fspath(path),
            )
        counts = cls.__new__(cls)
        counts._document = document if tokenizer is None else document_of(tokenizer)
        counts._splitter = splitter_of(document)
        counts._tokenizer = tokenizer
        counts._parts = parts if tokenizer is None else {}
        counts._table = table
        return counts

    def to_bytes(self) -> bytes:
        """The counts and the rules they were split by, without the vocabulary of the tokenizer: what travels."""
        header = json.dumps({"files": {"tokenizer.json": json.dumps(self._document)}, "settings": []})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "counts")
            self._table.save(os.fspath(path), header)
            return path.read_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, tokenizer: Any) -> WordCounts:
        """Reads what `to_bytes` gave; `tokenizer` is the one that the words were split with.

        Raises:
            ValueError: as `load` does.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "counts")
            path.write_bytes(data)
            return cls.load(path, tokenizer)

    def __reduce__(self) -> tuple[Any, ...]:
        return WordCounts.from_bytes, (self.to_bytes(), self.tokenizer)

    def train(
        self,
        vocab_size: int,
        new_special_tokens: list[str | AddedToken] | None = None,
        special_tokens_map: dict[str, str] | None = None,
        *,
        progress: bool | Told = False,
        force: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Trains the tokenizer that `train_new_from_iterator` gives for the same corpus; the arguments are the same."""
        if not force:
            self._rehearse(new_special_tokens, special_tokens_map, kwargs)
        return self._train(vocab_size, new_special_tokens, special_tokens_map, progress, force, kwargs)

    def _train(
        self,
        vocab_size: int,
        new_special_tokens: list[str | AddedToken] | None,
        special_tokens_map: dict[str, str] | None,
        progress: bool | Told,
        force: bool,
        options: Json,
        rehearses: bool = False,
    ) -> Any:
        trainer, document = trainer_for(self._document, vocab_size, new_special_tokens, special_tokens_map, options)
        tell = teller(progress)
        vocab, merges = self._table.train(
            byte_level=self._splitter.byte_level,
            vocab_size=trainer.vocab_size,
            min_frequency=trainer.min_frequency,
            special_tokens=[token.content for token in trainer.special_tokens],
            limit_alphabet=trainer.limit_alphabet,
            initial_alphabet=trainer.initial_alphabet,
            continuing_subword_prefix=trainer.continuing_subword_prefix,
            end_of_word_suffix=trainer.end_of_word_suffix,
            max_token_length=getattr(trainer, "max_token_length", None),
            progress=tell and (lambda tokens: tell("merge", tokens, vocab_size)),
        )
        if tell:
            tell("merge", len(vocab), len(vocab))
        ordinary = ordinary_tokens(document, self.tokenizer, special_tokens_map)
        if rehearses:  # the corpus decides about these
            vocab = [*vocab, *(token for token in ordinary if token not in vocab)]
        elif not len(self):
            warn_caller("the corpus holds no word, so that the new tokenizer has learnt nothing; look at what was read")
        elif len(vocab) > vocab_size:
            warn_caller(
                f"`vocab_size` is {vocab_size} but the tokenizer has {counted(len(vocab), 'token')}: its special tokens and the letters "
                "that it has to know are that many"
            )
        backend = backend_with(document, trainer, vocab, merges, special_tokens_map, ordinary)
        trained = like(self.tokenizer, backend, new_special_tokens, special_tokens_map)
        if not force:
            # Without a decoder, texts do not come back as they were, and nobody asked for that; `_rehearse` has said
            # so.
            lossy = trainer.limit_alphabet is not None or not self._splitter.byte_level or not document["decoder"]
            verify_tokenizer(trained, texts=() if lossy else ROUND_TRIPS)
        return trained

    def _rehearse(
        self,
        new_special_tokens: list[str | AddedToken] | None,
        special_tokens_map: dict[str, str] | None,
        options: Json,
    ) -> None:
        """Trains on nothing, for a vocabulary of letters and special tokens: misfits show before a long run."""
        if self._splitter.byte_level and not self._document["decoder"]:
            _log.warning(
                "fastpost: %s has no decoder, so `decode` will join tokens as they are, with a space between them; to get "
                "texts back set its `decoder` to tokenizers.decoders.ByteLevel()",
                type(self.tokenizer).__name__,
            )
        empty = copy.copy(self)
        empty._table = WordTable.from_items(())
        _, document = trainer_for(self._document, 0, new_special_tokens, special_tokens_map, options)
        size = len(document["added_tokens"]) + len(new_special_tokens or ()) + 256
        empty._train(size, new_special_tokens, special_tokens_map, False, False, options, rehearses=True)

    def __len__(self) -> int:
        return len(self._table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordCounts) and self._table == other._table

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"WordCounts({len(self):,} distinct words, {self.total:,} in all)"
