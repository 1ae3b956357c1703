"""Tokenizer training: the `tokenizer.json` of transformers' `train_new_from_iterator`, made in Rust.

A corpus is split into words and the words are counted (`WordCounts`), then the counts are merged into a
vocabulary. What the tokenizer consists of besides its vocabulary is carried over as transformers does it.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fastpost._checkpoint import Checkpoint
from fastpost._fastpost import Splitter, TextReader, WordTable
from fastpost.corpus import Corpus

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

Texts: TypeAlias = "Corpus | Iterable[str] | Iterable[Iterable[str]]"
Json: TypeAlias = "dict[str, Any]"
Check: TypeAlias = "Callable[..., None]"  # of a list of texts and, if known, the number of all
# Called with "count" (bytes so far, all bytes or None) or "merge" (tokens so far, tokens wanted). Bytes are those read
# from the files, packed as they are, where the corpus is files only; otherwise those of the texts, of an unknown sum.
Progress: TypeAlias = "Callable[[str, int, int | None], object]"

_log = logging.getLogger("fastpost")
_SAMPLE = 1_000_000  # characters of a corpus that are looked at before a run
_LONG_WORD = 512  # bytes; no script with spaces or punctuation comes near it
_TRAINERS = {"BPE": "BpeTrainer", "WordPiece": "WordPieceTrainer"}


def train_new_from_iterator(
    tokenizer: Any,
    corpus: Texts,
    vocab_size: int,
    length: int | None = None,
    new_special_tokens: list[str | AddedToken] | None = None,
    special_tokens_map: dict[str, str] | None = None,
    *,
    threads: int | None = None,
    progress: bool | Progress = False,
    force: bool = False,
    **kwargs: Any,
) -> Any:
    """A tokenizer like `tokenizer`, trained on `corpus`: what its `train_new_from_iterator` gives, sooner.

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
        vocab_size: tokens to end with, special tokens included.
        length: number of texts, if known, for the memory estimate; guessed from the sizes of files.
        new_special_tokens: special tokens to add to those of `tokenizer`.
        special_tokens_map: old name -> new name of special tokens.
        threads: threads to count on; None is those of the `Corpus`, else all cores.
        progress: True writes to stderr; a function is called with ("count", bytes, all bytes or None), then with
            ("merge", tokens, tokens wanted). Bytes are those read from files, else those of the texts.
        force: train even if the checks of the corpus and of the result fail.
        **kwargs: options of the tokenizers trainer: min_frequency, limit_alphabet, max_token_length, ...

    Raises:
        ValueError: if a check fails: a tokenizer without a pre-tokenizer, a corpus that is mostly one word,
            too little memory, or a result that `verify_tokenizer` refuses. CorpusError is one, too.
        TypeError: if `corpus` holds anything but texts, or an option does not fit its trainer.
    """
    _refuse_str(corpus)
    try:
        document = _document(tokenizer)
        _splitter(document)
    except ValueError as why:
        _log.warning("fastpost: %s is trained by the tokenizers library: %s", type(tokenizer).__name__, why)
        if not hasattr(tokenizer, "train_new_from_iterator"):
            raise
        return tokenizer.train_new_from_iterator(
            iter(corpus), vocab_size, length, new_special_tokens, special_tokens_map, **kwargs
        )
    # Before the corpus is read, so that a mistake in the options or a part that does not fit costs no time.
    _trainer(document, vocab_size, new_special_tokens, special_tokens_map, kwargs)
    if not force:
        WordCounts(tokenizer)._rehearse(new_special_tokens, special_tokens_map, kwargs)
    counts = _count(tokenizer, document, corpus, length, threads, progress, force)
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
        self._document = _document(tokenizer)
        self._splitter = _splitter(self._document)
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
        progress: bool | Progress = False,
        force: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: float = 60.0,
    ) -> WordCounts:
        """Counts the words of `corpus`; arguments as those of `train_new_from_iterator`.

        Args:
            tokenizer, corpus, length, threads, progress, force: see there.
            checkpoint: a file to keep what has been counted in. If it is there, counting goes on from it. The
                result is that of an undisturbed count, whatever stopped the last one. A file that was written
                stays and holds all counts at the end; remove it when they are safe.
            every: seconds from one writing of `checkpoint` to the next.

        Raises:
            ValueError: if `tokenizer` is of a kind that only the tokenizers library trains, a check fails, or
                `checkpoint` was begun with another tokenizer or corpus.
        """
        _refuse_str(corpus)
        document = _document(tokenizer)
        if checkpoint is None:
            return _count(tokenizer, document, corpus, length, threads, progress, force)
        _splitter(document)
        corpus = corpus if isinstance(corpus, Corpus) else Corpus.from_texts(corpus)
        saved = Checkpoint.of(checkpoint, every, corpus, _to_files(tokenizer))
        return _count(tokenizer, document, corpus, length, threads, progress, force, saved)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that the words were split with; read back from the file after `load`."""
        if self._tokenizer is None:
            self._tokenizer = _from_files(**self._parts)
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
        if _split_rules(self._document) != _split_rules(other._document):
            raise ValueError("`other` was counted with another normalizer or pre-tokenizer; use one tokenizer for both")
        self._table = self._table.merge(other._table)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the counts and the tokenizer to one file: versioned, checksummed, equal for equal counts.

        The format is in `rust/core/src/bpe/counts.rs`; its header is the tokenizer's own files as JSON.
        """
        parts = self._parts or _to_files(self.tokenizer)
        self._table.save(os.fspath(path), json.dumps(parts, ensure_ascii=False, sort_keys=True))

    @classmethod
    def load(cls, path: str | os.PathLike[str], tokenizer: Any = None) -> WordCounts:
        """Reads what `save` wrote; `tokenizer` takes the place of the one in the file.

        Raises:
            ValueError: if the file is cut short, changed or foreign, or was counted by other rules than
                those of `tokenizer`.
        """
        table, header = WordTable.load(os.fspath(path))
        try:
            parts: Json = json.loads(header)
            document: Json = json.loads(parts["files"]["tokenizer.json"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{os.fspath(path)} is no file of word counts: its header is foreign") from error
        if "unfinished" in parts:
            raise ValueError(
                f"{os.fspath(path)} is an unfinished count of {parts['unfinished']['texts']:,} texts; finish it with "
                "WordCounts.from_corpus(tokenizer, corpus, checkpoint=...)"
            )
        if tokenizer is not None and _split_rules(_document(tokenizer)) != _split_rules(document):
            raise ValueError(
                f"{os.fspath(path)} was counted with another normalizer or pre-tokenizer than `tokenizer` has"
            )
        counts = cls.__new__(cls)
        counts._document = document if tokenizer is None else _document(tokenizer)
        counts._splitter = _splitter(document)
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
        progress: bool | Progress = False,
        force: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The tokenizer that `train_new_from_iterator` gives for the same corpus; arguments as there."""
        if not force:
            self._rehearse(new_special_tokens, special_tokens_map, kwargs)
        return self._train(vocab_size, new_special_tokens, special_tokens_map, progress, force, kwargs)

    def _train(
        self,
        vocab_size: int,
        new_special_tokens: list[str | AddedToken] | None,
        special_tokens_map: dict[str, str] | None,
        progress: bool | Progress,
        force: bool,
        options: Json,
    ) -> Any:
        trainer, document = _trainer(self._document, vocab_size, new_special_tokens, special_tokens_map, options)
        tell = _teller(progress)
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
        backend = _backend(document, trainer, vocab, merges, special_tokens_map)
        trained = _like(self.tokenizer, backend, new_special_tokens, special_tokens_map)
        if not force:
            # Without a decoder nothing comes back as it was, and nobody asked for it; `_rehearse` has said so.
            lossy = trainer.limit_alphabet is not None or not self._splitter.byte_level or not document["decoder"]
            verify_tokenizer(trained, texts=() if lossy else _ROUND_TRIPS)
        return trained

    def _rehearse(
        self,
        new_special_tokens: list[str | AddedToken] | None,
        special_tokens_map: dict[str, str] | None,
        options: Json,
    ) -> None:
        """Trains on nothing, for a vocabulary of letters and special tokens: what does not fit shows before a long run."""
        if self._splitter.byte_level and not self._document["decoder"]:
            _log.warning(
                "fastpost: %s has no decoder, so `decode` will join tokens as they are, with a space between them; to get "
                "texts back set its `decoder` to tokenizers.decoders.ByteLevel()",
                type(self.tokenizer).__name__,
            )
        empty = copy.copy(self)
        empty._table = WordTable.from_items(())
        _, document = _trainer(self._document, 0, new_special_tokens, special_tokens_map, options)
        size = len(document["added_tokens"]) + len(new_special_tokens or ()) + 256
        empty._train(size, new_special_tokens, special_tokens_map, False, False, options)

    def __len__(self) -> int:
        return len(self._table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WordCounts) and self._table == other._table

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"WordCounts({len(self):,} distinct words, {self.total:,} in all)"


# Scripts, line ends and emoji that a byte-level tokenizer has to give back as they were.
_ROUND_TRIPS = (
    "def f(x):\n    return x\n",
    "Straße, naïve, Ωmega",
    "汉字かな한글",
    "\U0001f469‍\U0001f680 ok",
    "a\tb\r\nc  ",
)


def verify_tokenizer(tokenizer: Any, texts: Iterable[str] | None = None) -> None:
    """Checks that the parts of a tokenizer agree with one another.

    Every id lies below the size of the vocabulary; bos, eos, unk, pad and the others have an id, the same in
    the tokenizer and in the post-processor; texts come back from their ids as they were.

    Args:
        tokenizer: a fast tokenizer of transformers, or a `tokenizers.Tokenizer`.
        texts: to encode and decode; None takes some of our own if the tokenizer is byte-level.

    Raises:
        ValueError: with all that does not agree.
    """
    backend = _tokenizers_object(tokenizer)
    processor, pre_tokenizer = _part(backend.post_processor), _part(backend.pre_tokenizer)
    faults = []
    size = backend.get_vocab_size(with_added_tokens=True)
    vocab = backend.get_vocab(with_added_tokens=True)
    faults += [
        f"id {i} of {token!r} is not below the vocabulary's size, {size}" for token, i in vocab.items() if i >= size
    ]
    for token, token_id in _processor_ids(processor):
        if vocab.get(token) != token_id:
            faults.append(f"the post-processor has id {token_id} for {token!r}, the vocabulary {vocab.get(token)}")
    for name in _special_names(tokenizer):
        named = getattr(tokenizer, name, None)
        if named is not None:
            known, said = vocab.get(str(named)), getattr(tokenizer, f"{name}_id", None)
            if known is None or known != said:
                faults.append(f"{name} is {named!r}, id {said}, but the vocabulary has {known}")
    levels = [part for part in _pre_tokenizers(pre_tokenizer) if part.get("type") == "ByteLevel"]
    if texts is None:
        texts = _ROUND_TRIPS if levels else ()
    # A space that is put before each piece comes back, too.
    blank = " " if any(part.get("add_prefix_space", True) for part in levels) else ""
    for text in texts:
        want = _normalized(backend, text)
        got = backend.decode(backend.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
        if got != want and not (blank and got.replace(blank, "") == want.replace(blank, "")):
            faults.append(f"{text!r} comes back as {got!r}")
            if levels and backend.decoder is None:
                faults.append(
                    "it splits by bytes and has no decoder; set its `decoder` to tokenizers.decoders.ByteLevel()"
                )
                break
    if faults:
        raise ValueError("the tokenizer contradicts itself: " + "; ".join(faults[:10]))


def _part(part: Any) -> Json | None:
    """A part of a tokenizer as JSON, without the vocabulary that `to_str` would write."""
    return None if part is None else dict(json.loads(part.__getstate__()))


def _pre_tokenizers(pre_tokenizer: Json | None) -> list[Json]:
    """The pre-tokenizer, and those inside a `Sequence` of them."""
    pre_tokenizer = pre_tokenizer or {}
    return [pre_tokenizer, *pre_tokenizer.get("pretokenizers", ())]


def _normalized(backend: Tokenizer, text: str) -> str:
    """`text` as the tokenizer's normalizer leaves it."""
    return text if backend.normalizer is None else str(backend.normalizer.normalize_str(text))


def _special_names(tokenizer: Any) -> list[str]:
    """bos_token, eos_token, ...: those that hold one token."""
    names = getattr(tokenizer, "SPECIAL_TOKENS_ATTRIBUTES", ())
    return [name for name in names if name != "additional_special_tokens"]


def _processor_ids(processor: Json | None) -> Iterator[tuple[str, int]]:
    """Each token that a post-processor knows, with the id it has there."""
    if processor is None:
        return
    for part in processor.get("processors", ()):
        yield from _processor_ids(part)
    for name in ("cls", "sep"):
        if name in processor:
            token, token_id = processor[name]
            yield token, token_id
    for entry in (processor.get("special_tokens") or {}).values():
        yield from zip(entry["tokens"], entry["ids"], strict=True)


# ---- the tokenizer as transformers rebuilds it ----


def _tokenizers_object(tokenizer: Any) -> Tokenizer:
    """The `tokenizers.Tokenizer` inside a fast tokenizer of transformers, or `tokenizer` if it is one."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):
        raise TypeError(
            f"`tokenizer` is a {type(tokenizer).__name__}; pass a fast tokenizer (AutoTokenizer gives one), "
            "for only those can be trained"
        )
    found: Tokenizer = backend
    return found


def _document(tokenizer: Any) -> Json:
    """All of a tokenizer but its vocabulary."""
    document: Json = json.loads(_tokenizers_object(tokenizer).to_str())
    document["model"].pop("merges", None)
    document["model"]["vocab"] = {}
    return document


def _split_rules(document: Json) -> tuple[Any, Any]:
    return document["normalizer"], document["pre_tokenizer"]


def _splitter(document: Json) -> Splitter:
    """The splitter of a tokenizer; ValueError says why there is none."""
    kind = document["model"]["type"]
    if kind not in _TRAINERS:
        raise ValueError(f"its model {kind} is neither BPE nor WordPiece")
    normalizer, pre_tokenizer = _split_rules(document)
    return Splitter(json.dumps(normalizer), json.dumps(pre_tokenizer))


def _trainer(
    document: Json,
    vocab_size: int,
    new_special_tokens: list[str | AddedToken] | None,
    special_tokens_map: dict[str, str] | None,
    options: Json,
) -> tuple[Any, Json]:
    """The trainer that transformers would use, for its defaults and its checks, and what it starts from."""
    from tokenizers import AddedToken, pre_tokenizers, trainers

    names = special_tokens_map or {}
    special_tokens: list[str | AddedToken] = []
    for token in document["added_tokens"]:
        if token["special"]:
            fields = {key: value for key, value in token.items() if key not in ("id", "special")}
            special_tokens.append(AddedToken(**{**fields, "content": names.get(token["content"], token["content"])}))
    special_tokens += new_special_tokens or []
    model = dict(document["model"])
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    options = dict(options)
    if model["type"] == "BPE":
        for name in ("continuing_subword_prefix", "end_of_word_suffix"):
            if model[name] is not None:
                options.setdefault(name, model[name])
    if any(part.get("type") == "ByteLevel" for part in _pre_tokenizers(document["pre_tokenizer"])):
        options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    make = getattr(trainers, _TRAINERS[model["type"]])
    return make(vocab_size=vocab_size, special_tokens=special_tokens, **options), {**document, "model": model}


def _backend(
    document: Json,
    trainer: Any,
    vocab: list[str],
    merges: list[tuple[str, str]],
    special_tokens_map: dict[str, str] | None,
) -> Tokenizer:
    """The new `tokenizers.Tokenizer`: the old one with another vocabulary, special tokens and their ids."""
    from tokenizers import Tokenizer, models

    # The vocabulary does not go through JSON: that is twice as slow.
    model = {name: value for name, value in document["model"].items() if name not in ("type", "vocab")}
    ids = {token: i for i, token in enumerate(vocab)}
    kind = document["model"]["type"]
    if kind == "BPE":
        model["merges"] = merges
        model["continuing_subword_prefix"] = trainer.continuing_subword_prefix
        model["end_of_word_suffix"] = trainer.end_of_word_suffix
    else:
        prefix = trainer.continuing_subword_prefix
        model["continuing_subword_prefix"] = "##" if prefix is None else prefix
    # Every token that can be named is in the vocabulary by now: special tokens come first in it.
    processor = document["post_processor"]
    processor = processor and _renumbered(processor, ids, special_tokens_map or {})
    empty = {"type": "BPE", "vocab": {}, "merges": []}
    document = {**document, "model": empty, "post_processor": processor, "added_tokens": []}
    backend = Tokenizer.from_str(json.dumps(document))
    options = {name: value for name, value in model.items() if value is not None}
    backend.model = getattr(models, kind)(vocab=ids, **options)
    backend.add_special_tokens(trainer.special_tokens)
    return backend


def _renumbered(processor: Json, vocab: dict[str, int], names: dict[str, str]) -> Json:
    """A post-processor with the new names and ids of its tokens.

    transformers leaves those inside a `Sequence` as they were: they point at whatever has the old id now.
    """

    def number(token: str) -> int:
        found = vocab.get(token)
        if found is None:
            raise ValueError(
                f"the post-processor needs the token {token!r}, which the new tokenizer does not have; "
                "name it in `new_special_tokens` or rename it with `special_tokens_map`"
            )
        return found

    processor = copy.deepcopy(processor)
    if "processors" in processor:
        processor["processors"] = [_renumbered(part, vocab, names) for part in processor["processors"]]
    for entry in (processor.get("special_tokens") or {}).values():
        entry["tokens"] = [names.get(token, token) for token in entry["tokens"]]
        entry["ids"] = [number(token) for token in entry["tokens"]]
    for name in ("cls", "sep"):
        if name in processor:
            token = names.get(processor[name][0], processor[name][0])
            processor[name] = [token, number(token)]
    return processor


def _like(
    tokenizer: Any,
    backend: Tokenizer,
    new_special_tokens: list[str | AddedToken] | None,
    special_tokens_map: dict[str, str] | None,
) -> Any:
    """A tokenizer of the class and settings of `tokenizer` around `backend`."""
    if not hasattr(tokenizer, "init_kwargs"):
        return backend
    from tokenizers import AddedToken

    names = special_tokens_map or {}
    settings = dict(tokenizer.init_kwargs)
    for name in _special_names(tokenizer):
        token = getattr(tokenizer, name)
        if token is None:
            continue
        token = names.get(token, token)
        full = tokenizer._special_tokens_map.get(name)
        if isinstance(full, AddedToken):
            flags = {flag: getattr(full, flag) for flag in ("single_word", "lstrip", "rstrip", "normalized")}
            token = AddedToken(token, special=True, **flags)
        settings[name] = token
    # The list of further special tokens has another name since transformers 5.
    old = "additional_special_tokens" in tokenizer.SPECIAL_TOKENS_ATTRIBUTES
    name = "additional_special_tokens" if old else "extra_special_tokens"
    further = [*(getattr(tokenizer, name) or ()), *(new_special_tokens or ())]
    if further:
        settings[name] = further
    settings["tokenizer_object"] = backend
    # transformers copies the backend, which takes long with a large vocabulary; nobody else holds this one.
    vars(backend)["__deepcopy__"] = lambda _: backend
    try:
        return type(tokenizer)(**settings)
    except TypeError as error:
        if "multiple values for keyword argument 'tokenizer_object'" not in str(error):
            raise
    finally:
        del vars(backend)["__deepcopy__"]
    # A class that makes its backend itself gets ours afterwards.
    del settings["tokenizer_object"]
    made = type(tokenizer)(**settings)
    made._tokenizer = backend
    return made


def _to_files(tokenizer: Any) -> Json:
    """The files that make up a tokenizer, but those that only old libraries read, and its settings' names."""
    if not hasattr(tokenizer, "save_pretrained"):
        return {"files": {"tokenizer.json": tokenizer.to_str()}, "settings": []}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
        paths = [path for path in map(Path(folder).joinpath, names) if path.exists()]
        files = {path.name: path.read_text(encoding="utf-8") for path in paths}
    return {"files": files, "settings": sorted(set(tokenizer.init_kwargs) - {"name_or_path"})}


def _from_files(files: dict[str, str], settings: list[str]) -> Any:
    """The tokenizer that `_to_files` wrote."""
    if "tokenizer_config.json" not in files:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(files["tokenizer.json"])
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.name_or_path = ""
    # A new tokenizer is made with the settings of the old one, so those that reading has added must go.
    kept = {name: tokenizer.init_kwargs[name] for name in settings if name in tokenizer.init_kwargs}
    tokenizer.init_kwargs = kept
    return tokenizer


# ---- counting, and what is checked before it ----


def _refuse_str(corpus: object) -> None:
    if isinstance(corpus, (str, bytes)):
        raise TypeError("`corpus` is one text; pass an iterable of str or of lists of str")


def _count(
    tokenizer: Any,
    document: Json,
    corpus: Texts,
    length: int | None,
    threads: int | None,
    progress: bool | Progress,
    force: bool,
    saved: Checkpoint | None = None,
) -> WordCounts:
    splitter = _splitter(document)
    if document["pre_tokenizer"] is None and not force:
        raise ValueError(
            "the tokenizer has no pre-tokenizer, so each text would be one word and training would take "
            "memory and time without bound; set `tokenizer.backend_tokenizer.pre_tokenizer`, or force=True"
        )
    # What is gone on with was looked at when it began.
    looked = force or (saved is not None and saved.texts > 0)
    check = None if looked else lambda sample, length=length: _check(splitter, sample, length)
    tell = _teller(progress)
    counts = WordCounts.__new__(WordCounts)
    counts._splitter, counts._document = splitter, document
    counts._tokenizer, counts._parts = tokenizer, {}
    if isinstance(corpus, Corpus):
        threads = threads or corpus._options.threads
        if corpus._in_core:
            counts._table = _count_readers(splitter, corpus, threads, tell, check, length, saved)
            return counts
    if saved is not None and isinstance(corpus, Corpus):
        counts._table = _count_batches(splitter, corpus, threads, tell, check, saved)
        return counts
    counts._table = WordTable.count(
        splitter,
        corpus if check is None else _checked(corpus, check),
        threads=threads,
        progress=tell and (lambda _, size: tell("count", size, None)),
    )
    return counts


def _count_readers(
    splitter: Splitter,
    corpus: Corpus,
    threads: int | None,
    tell: Progress | None,
    check: Check | None,
    length: int | None,
    saved: Checkpoint | None,
) -> WordTable:
    """Counts on the threads that read, without Python strings but for the sample."""
    # What can be read again is looked at in a pass of its own; of a stream the first texts are kept.
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
    tell: Progress | None,
    check: Check | None,
    saved: Checkpoint,
) -> WordTable:
    """Counts a corpus of Python strings and keeps what is counted in a file now and then."""
    batches = corpus._batches(corpus._begin(saved.texts))
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


def _checked(corpus: Texts, check: Check) -> Texts:
    """`corpus`, after a look at its first texts."""
    texts = iter(corpus)
    head, sample, size = [], [], 0
    for item in texts:
        if not isinstance(item, str):
            item = item if isinstance(item, (list, tuple)) else list(item)
        head.append(item)
        for text in (item,) if isinstance(item, str) else item:
            sample.append(text)
            size += len(text)
            if size >= _SAMPLE:
                break
        if size >= _SAMPLE:
            break
    check(sample)
    return chain(head, texts)


def _check(splitter: Splitter, sample: list[str], length: int | None) -> None:
    """Refuses a corpus that, by its first texts, would not end well."""
    table = WordTable.count(splitter, sample, threads=1)
    words = table.items()
    total = sum(len(word) * count for word, count in words)
    long = sum(len(word) * count for word, count in words if len(word) > _LONG_WORD)
    if long > total / 2:
        raise ValueError(
            f"{100 * long // total} % of the first texts lie in words of more than {_LONG_WORD} bytes, so "
            "the pre-tokenizer hardly splits this corpus and training would take memory and time without "
            "bound; use a tokenizer that splits at spaces or punctuation, or pass force=True"
        )
    need, have = _memory_needed(splitter, table, sample, length), _memory_available()
    if have is not None and need > have:
        raise ValueError(
            f"training would take about {need / 1e9:.1f} GB, but {have / 1e9:.1f} GB are free; train on a "
            "part of the corpus, merge saved WordCounts of parts where there is more memory, or force=True"
        )


def _memory_needed(splitter: Splitter, table: WordTable, sample: list[str], length: int | None) -> float:
    """Bytes for the distinct words, which grow with a power of the corpus: see half and all of the sample."""
    if not len(table):
        return 0.0
    half = WordTable.count(splitter, sample[: len(sample) // 2], threads=1)
    growth = min(1.0, max(0.3, math.log2(len(table) / max(1, len(half)))))
    distinct = len(table) * max(1.0, (length or 0) / len(sample)) ** growth
    letters = sum(len(word) for word, _ in table.items()) / len(table)
    # A word is 50 bytes in the tables of two threads; a letter is itself, a symbol, a place in a list.
    return float(distinct * (50 + 12 * letters))


def _memory_available() -> float | None:
    """Bytes that this process may still take; None where the system does not say."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = 1024.0 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return None
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return free


def _teller(progress: bool | Progress) -> Progress | None:
    if callable(progress):
        return progress
    return _Meter() if progress else None


class _Meter:
    """Progress on stderr: one line that is rewritten on a terminal, else one at each tenth or doubling."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.stage = ""
        self.next = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        live = sys.stderr.isatty()
        if stage != self.stage:
            self.stage, self.next = stage, 0.0
        if done < self.next and not live and done != total:
            return
        seconds = max(time.monotonic() - self.start, 1e-9)
        if total is None:
            self.next = max(2 * done, 1 << 24)
            line = f"{stage}: {done / 1e6:,.0f} MB, {done / 1e6 / seconds:,.0f} MB/s"
        elif stage == "count":
            self.next = done + total / 10
            line = f"{stage}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {done / 1e6 / seconds:,.0f} MB/s"
        else:
            self.next = done + total / 10
            line = f"{stage}: {done:,} of {total:,} tokens"
        end = "\n" if not live or done == total else ""
        sys.stderr.write(f"{chr(13) if live else ''}{line}{end}")
        sys.stderr.flush()
