"""Takes a tokenizer apart, and puts it together around another vocabulary, as transformers does."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fastpost._fastpost import Splitter
from fastpost._inputs.bounds import counted, shown, whole
from fastpost._inputs.tokenizer import unwrap_tokenizer
from fastpost.exceptions import refuse

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

Json: TypeAlias = "dict[str, Any]"

_TRAINERS = {"BPE": "BpeTrainer", "WordPiece": "WordPieceTrainer"}


def backend_of(tokenizer: Any) -> Tokenizer:
    """The `tokenizers.Tokenizer` inside a fast tokenizer of transformers, or `tokenizer` if it is one."""
    cure = "pass a fast tokenizer (AutoTokenizer gives one), for only those can be trained"
    found: Tokenizer = unwrap_tokenizer(tokenizer, "to_str", cure=cure)
    return found


def document_of(tokenizer: Any) -> Json:
    """All of a tokenizer but its vocabulary."""
    document: Json = json.loads(backend_of(tokenizer).to_str())
    document["model"].pop("merges", None)
    document["model"]["vocab"] = {}
    return document


def split_rules(document: Json) -> tuple[Any, Any]:
    """The rules that split a text into words before training: normalizer and pre-tokenizer of a `tokenizer.json`."""
    return document["normalizer"], document["pre_tokenizer"]


def splitter_of(document: Json) -> Splitter:
    """The splitter of a tokenizer; if there is none, a ValueError says why."""
    kind = document["model"]["type"]
    if kind not in _TRAINERS:
        raise refuse(ValueError, f"its model {kind} is neither BPE nor WordPiece", argument="tokenizer")
    normalizer, pre_tokenizer = split_rules(document)
    return Splitter(json.dumps(normalizer), json.dumps(pre_tokenizer))


def trainer_for(
    document: Json,
    vocab_size: int,
    new_special_tokens: list[str | AddedToken] | None,
    special_tokens_map: dict[str, str] | None,
    options: Json,
) -> tuple[Any, Json]:
    """The trainer that transformers would use, for its defaults and checks, and its initial settings."""
    from tokenizers import AddedToken, pre_tokenizers, trainers

    vocab_size = whole("vocab_size", vocab_size, 0)
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
    if any(part.get("type") == "ByteLevel" for part in pre_tokenizer_parts(document["pre_tokenizer"])):
        options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    make = getattr(trainers, _TRAINERS[model["type"]])
    return make(vocab_size=vocab_size, special_tokens=special_tokens, **options), {**document, "model": model}


def backend_with(
    document: Json,
    trainer: Any,
    vocab: list[str],
    merges: list[tuple[str, str]],
    special_tokens_map: dict[str, str] | None,
    ordinary: Collection[str] = (),
) -> Tokenizer:
    """The new `tokenizers.Tokenizer`: the old one with another vocabulary, special tokens and their ids.

    `ordinary` are tokens of the post-processor that only the corpus can put into the vocabulary.
    """
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
    processor = document["post_processor"]
    processor = processor and _renumbered(processor, ids, special_tokens_map or {}, ordinary)
    empty = {"type": "BPE", "vocab": {}, "merges": []}
    document = {**document, "model": empty, "post_processor": processor, "added_tokens": []}
    backend = Tokenizer.from_str(json.dumps(document))
    options = {name: value for name, value in model.items() if value is not None}
    backend.model = getattr(models, kind)(vocab=ids, **options)
    backend.add_special_tokens(trainer.special_tokens)
    return backend


def ordinary_tokens(document: Json, tokenizer: Any, special_tokens_map: dict[str, str] | None) -> list[str]:
    """Tokens that the post-processor adds and that are not special, such as the "." of "[QUESTION] . [SEP]"."""
    names, backend = special_tokens_map or {}, backend_of(tokenizer)
    added = {token["content"] for token in document["added_tokens"]}
    tokens = dict.fromkeys(token for token, _ in processor_ids(document["post_processor"]))
    return [
        token
        for token in tokens
        if token not in names and token not in added and backend.token_to_id(token) is not None
    ]


def processor_ids(processor: Json | None) -> Iterator[tuple[str, int]]:
    """Each token in a post-processor, with its id there."""
    if processor is None:
        return
    for part in processor.get("processors", ()):
        yield from processor_ids(part)
    for name in ("cls", "sep"):
        if name in processor:
            token, token_id = processor[name]
            yield token, token_id
    for entry in (processor.get("special_tokens") or {}).values():
        yield from zip(entry["tokens"], entry["ids"], strict=True)


def _renumbered(processor: Json, vocab: dict[str, int], names: dict[str, str], ordinary: Collection[str]) -> Json:
    """A post-processor with the new names and ids of its tokens.

    transformers leaves the ids inside a `Sequence` as they were, so they point at whatever now has the old id.
    """

    def number(token: str) -> int:
        found = vocab.get(token)
        if found is None and token in ordinary:
            raise refuse(
                ValueError,
                f"the post-processor puts the token {shown(token)} beside texts, which is not special and which the new "
                f"vocabulary of {counted(len(vocab), 'token')} does not have: the corpus holds it too seldom, or not at all; add texts "
                "that hold it, raise `vocab_size`, or set another `post_processor`",
                argument="vocab_size",
            )
        if found is None:
            raise refuse(
                ValueError,
                f"the post-processor needs the token {shown(token)}, which the new tokenizer does not have; "
                "name it in `new_special_tokens` or rename it with `special_tokens_map`",
                argument="new_special_tokens",
            )
        return found

    processor = copy.deepcopy(processor)
    if "processors" in processor:
        processor["processors"] = [_renumbered(part, vocab, names, ordinary) for part in processor["processors"]]
    for entry in (processor.get("special_tokens") or {}).values():
        entry["tokens"] = [names.get(token, token) for token in entry["tokens"]]
        entry["ids"] = [number(token) for token in entry["tokens"]]
    for name in ("cls", "sep"):
        if name in processor:
            token = names.get(processor[name][0], processor[name][0])
            processor[name] = [token, number(token)]
    return processor


def like(
    tokenizer: Any,
    backend: Tokenizer,
    new_special_tokens: list[str | AddedToken] | None,
    special_tokens_map: dict[str, str] | None,
) -> Any:
    """A tokenizer with the class and the settings of `tokenizer`, around `backend`."""
    if not hasattr(tokenizer, "init_kwargs"):
        return backend
    from tokenizers import AddedToken

    names = special_tokens_map or {}
    settings = dict(tokenizer.init_kwargs)
    for name in special_names(tokenizer):
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
    # A class that makes its own backend gets ours afterwards.
    del settings["tokenizer_object"]
    made = type(tokenizer)(**settings)
    made._tokenizer = backend
    return made


def to_files(tokenizer: Any) -> Json:
    """The files of a tokenizer, without those that only old libraries read, and the names of its settings."""
    if not hasattr(tokenizer, "save_pretrained"):
        return {"files": {"tokenizer.json": tokenizer.to_str()}, "settings": []}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
        paths = [path for path in map(Path(folder).joinpath, names) if path.exists()]
        files = {path.name: path.read_text(encoding="utf-8") for path in paths}
    return {"files": files, "settings": sorted(set(tokenizer.init_kwargs) - {"name_or_path"})}


def from_files(files: dict[str, str], settings: list[str]) -> Any:
    """The tokenizer that `_to_files` wrote."""
    if "tokenizer_config.json" not in files:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(files["tokenizer.json"])
    from fastpost.models.transformers import saved_tokenizer

    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        tokenizer = saved_tokenizer(folder)
    tokenizer.name_or_path = ""
    # A new tokenizer is made with the settings of the old one, so settings that reading has added must go.
    kept = {name: tokenizer.init_kwargs[name] for name in settings if name in tokenizer.init_kwargs}
    tokenizer.init_kwargs = kept
    return tokenizer


def special_names(tokenizer: Any) -> list[str]:
    """The names that hold one token: bos_token, eos_token, ..."""
    names = getattr(tokenizer, "SPECIAL_TOKENS_ATTRIBUTES", ())
    return [name for name in names if name != "additional_special_tokens"]


def pre_tokenizer_parts(pre_tokenizer: Json | None) -> list[Json]:
    """The pre-tokenizer, and those inside a `Sequence` of them."""
    pre_tokenizer = pre_tokenizer or {}
    return [pre_tokenizer, *pre_tokenizer.get("pretokenizers", ())]
