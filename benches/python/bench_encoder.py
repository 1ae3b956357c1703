"""`Encoder` beside tokenizers: `encode_batch` and its encodings read into arrays, as an encoder gives them.

Both end with the same five arrays: ids, offsets, words, the mask of special tokens, lengths. One thread each, unless a row
says otherwise. Cold is an encoder that has met no text; warm is one that has met these.
"""

from __future__ import annotations

import json
import os
import statistics
import struct
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import fastpost
from fastpost._inputs.encodings import Encodings as Flattened
from harness import Row, machine, options, print_table, seconds, write_json

ROOT = Path(__file__).resolve().parents[2]
SHARED = next((folder / "shared" for folder in ROOT.parents if (folder / "shared").is_dir()), ROOT)
PEER = f"tokenizers {tokenizers.__version__}"
sys.path.insert(0, str(ROOT / "tests"))


def wikigold() -> list[str]:
    """Wikigold as documents of 12 sentences."""
    blocks = (ROOT / "tests" / "data" / "wikigold.conll.txt").read_text(encoding="utf-8").split("\n\n")
    lines = [" ".join(line.split()[0] for line in block.splitlines() if line.strip()) for block in blocks]
    return [" ".join(lines[at : at + 12]) for at in range(0, len(lines), 12)]


def paragraphs(language: str) -> list[str]:
    """The 240 paragraphs of XQuAD."""
    read = json.loads((ROOT / "tests" / "data" / f"xquad.{language}.json").read_text(encoding="utf-8"))
    return [paragraph["context"] for article in read["data"] for paragraph in article["paragraphs"]]


def word_piece() -> tuple[str, Tokenizer]:
    """BERT's tokenizer if it is at hand, else the smaller one of the tests."""
    path = SHARED / "models" / "minilm-ner" / "tokenizer.json"
    if not path.exists():
        import rampart

        path = rampart.package_folder() / "tokenizer.json"
    return f"WordPiece, {path.parent.name}", Tokenizer.from_file(str(path))


def byte_level(texts: list[str]) -> tuple[str, Tokenizer]:
    """A RoBERTa-like tokenizer, trained on `texts`: 20,000 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=20_000, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    return "byte-level BPE, RoBERTa-like, 20,000 tokens", tokenizer


def split_bpe(name: str, pattern: str, texts: list[str]) -> tuple[str, Tokenizer]:
    """Byte-level BPE over the words of a pattern, trained on `texts`: 20,000 tokens, none of them special."""
    tokenizer = Tokenizer(models.BPE())
    parts = [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=20_000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return f"byte-level BPE, {name} pattern, 20,000 tokens", tokenizer


def unigram(texts: list[str]) -> tuple[str, Tokenizer]:
    """An XLM-R-like tokenizer, trained on `texts`, with the charsmap of the tests."""
    from encoder_cases import charsmap

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Precompiled(charsmap())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=8000, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]
    )
    return "Unigram, XLM-R-like, 8,000 tokens", tokenizer


def read(tokenizer: Tokenizer, texts: list[str]) -> tuple[np.ndarray, ...]:
    """The arrays of an encoder, made by tokenizers: ids, offsets, words, masks, lengths."""
    flat = Flattened.expanded(tokenizer.encode_batch(texts))
    return flat.ids, flat.offsets, flat.word_ids, flat.special_tokens_mask, flat.lengths


def columns(batch: fastpost.Encodings) -> tuple[np.ndarray, ...]:
    """The same, by an encoder; the mask is made when it is asked for."""
    return batch.ids, batch.offsets, batch.word_ids, batch.special_tokens_mask, batch.lengths


def check(got: fastpost.Encodings, want: tuple[np.ndarray, ...], what: str) -> None:
    """Stops the bench if the results differ."""
    if not all(np.array_equal(a, b) for a, b in zip(columns(got), want)):
        sys.exit(f"{what}: results differ; nothing was timed")


def times(work: Callable[[], object], rounds: int, before: Callable[[], object] = lambda: None) -> float:
    """The median time of `work`, each after `before`."""
    measured = []
    for _ in range(rounds):
        before()
        measured.append(seconds(work))
    return statistics.median(measured)


def fresh(texts: list[str]) -> list[str]:
    """New strings: Python keeps the UTF-8 of one that it has been asked for."""
    return [text[:1] + text[1:] for text in texts]


def rows(name: str, tokenizer: Tokenizer, kinds: dict[str, tuple[list[str], str]]) -> list[Row]:
    """Cold and warm, for each kind of texts."""
    encoder = fastpost.Encoder(tokenizer)
    if not encoder.report().native:
        sys.exit(f"{name}: {encoder.report()}")
    core = encoder._loaded.core
    out = []
    for kind, (texts, goals) in kinds.items():
        check(encoder.encode(texts, threads=1), read(tokenizer, texts), f"{name}, {kind}")
        theirs = times(lambda texts=texts: read(tokenizer, texts), 5)
        ours = []
        for before in (core.forget, lambda: None):
            batches = iter([fresh(texts) for _ in range(15)])
            ours.append(times(lambda batches=batches: columns(encoder.encode(next(batches), threads=1)), 15, before))
        work = f"{name}: {kind}, {len(encoder.encode(texts).ids):,} tokens"
        cold, warm = goals.split(", ")
        out += [Row(f"{work}, cold", PEER, theirs, ours[0], cold), Row(f"{work}, warm", PEER, theirs, ours[1], warm)]
    sentence = [wikigold()[0][:120]]
    encoders = {
        "one sentence": encoder,
        "one sentence, follow=False": fastpost.Encoder(tokenizer, follow=False),
        "one sentence, tokenizer of a file": fastpost.Encoder(_saved(name, tokenizer), verify=False),
    }
    theirs = min(seconds(lambda: read(tokenizer, sentence), 2000) for _ in range(7))
    for kind, one in encoders.items():
        check(one.encode(sentence), read(tokenizer, sentence), f"{name}, {kind}")
        ours = min(seconds(lambda one=one: columns(one.encode(sentence, threads=1)), 2000) for _ in range(7))
        out.append(Row(f"{name}: {kind}", PEER, theirs, ours, "15x"))
    path = _saved(name, tokenizer)
    loads = times(lambda: Tokenizer.from_file(str(path)), 5), times(lambda: fastpost.Encoder(path, verify=False), 5)
    out.append(Row(f"{name}: tokenizer.json read", PEER, *loads, "1x"))
    return out


def _saved(name: str, tokenizer: Tokenizer) -> Path:
    path = ROOT / ".cache" / "bench" / f"{name.split(',')[0]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


def threads(tokenizer: Tokenizer, texts: list[str]) -> None:
    """A million tokens, on one thread and on two."""
    encoder = fastpost.Encoder(tokenizer)
    texts = texts * (1 + 1_000_000 // len(encoder.encode(texts).ids))
    one, two = (times(lambda count=count: encoder.encode(texts, threads=count), 7) for count in (1, 2))
    print(
        f"\n{len(encoder.encode(texts).ids):,} tokens: {one * 1e3:.1f} ms with one thread, {two * 1e3:.1f} ms with two: {one / two:.2f}x"
    )
    print(f"What the caches of all threads hold: {encoder._loaded.core.remembered / 2**20:.1f} MB")


def corpus_rows(tokenizer: Tokenizer, pattern: str, texts: list[str]) -> list[Row]:
    """`encode_corpus` beside other tools for training data: ids of all documents end to end, as bytes of uint16."""
    encoder = fastpost.Encoder(tokenizer)
    core = encoder._loaded.core

    def ours() -> bytes:
        corpus = fastpost.Corpus.from_texts(texts, batch_size=1000)
        return b"".join(batch.ids.tobytes() for batch in encoder.encode_corpus(corpus, threads=1))

    def datatrove() -> bytes:
        encodings = tokenizer.encode_batch(texts)
        return b"".join(struct.pack(f"<{len(one.ids)}H", *one.ids) for one in encodings)

    peers = {f"{PEER}, as datatrove calls it": datatrove}
    try:
        import tiktoken
    except ModuleNotFoundError:
        print("tiktoken is not installed: no row beside it")
    else:
        back = {letter: byte for byte, letter in _letters().items()}
        ranks = {bytes(back[c] for c in token): number for token, number in tokenizer.get_vocab().items()}
        encoding = tiktoken.Encoding("bench", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

        def tik() -> bytes:
            lists = encoding.encode_ordinary_batch(texts, num_threads=1)
            return b"".join(np.array(ids, np.uint16).tobytes() for ids in lists)

        peers[f"tiktoken {tiktoken.__version__}"] = tik
    want, out = ours(), []
    for peer, work in peers.items():
        if work() != want:
            sys.exit(f"{peer}: other ids than ours; nothing was timed")
        theirs = times(work, 5)
        for how, before in (("cold", core.forget), ("warm", lambda: None)):
            tokens = len(want) // 2
            out.append(Row(f"encode_corpus: {tokens:,} ids, {how}", peer, theirs, times(ours, 9, before)))
    return out


def _letters() -> dict[int, str]:
    """The letter of each byte in a byte-level vocabulary."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(0x100 + at) for at, byte in enumerate(rest)}


def main() -> None:
    """Prints the table."""
    arguments = options(__doc__)
    english, chinese = wikigold(), paragraphs("zh")
    name, tokenizer = word_piece()
    tokenizer.no_truncation()
    table = rows(name, tokenizer, {"wikigold": (english, "20x, 80x"), "Chinese": (chinese, "20x, 60x")})
    name, bpe = byte_level(english + paragraphs("en") + chinese)
    table += rows(name, bpe, {"wikigold": (english, "12x, 40x"), "Chinese": (chinese, "5x, 25x")})
    name, xlmr = unigram(english + chinese)
    table += rows(name, xlmr, {"wikigold": (english, "12x, 50x"), "Chinese": (chinese, "12x, 15x")})
    from encoder_cases import LLAMA3, O200K

    for pattern, expression in (("Llama-3", LLAMA3), ("o200k", O200K)):
        name, words = split_bpe(pattern, expression, english + paragraphs("en") + chinese)
        table += rows(name, words, {"wikigold": (english, "10x, 30x")})
    table += corpus_rows(words, O200K, (english + paragraphs("en")) * 4)
    print_table(f"Encoder, one thread, on {machine()}", table, "encoder")
    threads(tokenizer, english)
    write_json(arguments.json, rows=[vars(row) for row in table])


if __name__ == "__main__":
    main()
