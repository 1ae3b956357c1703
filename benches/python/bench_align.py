"""Alignment beside plain Python: positions of a text, labels of spans, windows, two tokenizations."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import numpy as np
import spacy_alignments
import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import fastpost
from harness import Row, duration, machine, pair, print_growth, print_table, seconds

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"
TYPES = ("PER", "ORG", "LOC", "MISC")


def wikigold() -> tuple[list[str], list[list[tuple[int, int, str]]]]:
    """154 documents of 12 sentences, and their entities in characters."""
    text = (ROOT / "tests" / "data" / "wikigold.conll.txt").read_text(encoding="utf-8")
    blocks = [[line.split() for line in block.splitlines() if line.strip()] for block in text.strip().split("\n\n")]
    documents, spans = [], []
    for at in range(0, len(blocks), 12):
        words = [word for block in blocks[at : at + 12] for word in block]
        place, own, last = 0, [], "O"
        for word, tag in words:
            if tag != "O" and tag == last:
                own[-1] = (own[-1][0], place + len(word), tag[2:])
            elif tag != "O":
                own.append((place, place + len(word), tag[2:]))
            place, last = place + len(word) + 1, tag
        documents.append(" ".join(word for word, _ in words))
        spans.append(own)
    return documents, spans


def check(same: bool, what: str) -> None:
    """Stops the bench if the results differ."""
    if not same:
        sys.exit(f"{what}: results differ; nothing was timed")


def rates() -> None:
    """OffsetMap, built and asked for both ends of each word, in bytes of text a second."""
    documents, _ = wikigold()
    ascii_text = "\n".join(documents).encode("ascii", "replace").decode() * 20
    chinese = (ROOT / "tests" / "data" / "xquad.zh.json").read_text(encoding="utf-8")
    mixed = "".join(f"{part} naïve café 🤗 " for part in ascii_text[:2_000_000].split(". ")) + chinese
    print("\n### OffsetMap: built, and both ends of each word converted\n")
    print("| text | to | positions | time | bytes of text a second | goal |")
    print("|---|---|---:|---:|---:|---:|")
    for name, text, goal in (("ASCII", ascii_text, "2 GB/s"), ("mixed", mixed, "300 MB/s")):
        starts = np.flatnonzero(np.array([char == " " for char in text])) + 1
        ends = np.append(starts[1:] - 1, len(text))
        positions = np.stack([starts, ends], axis=1)
        size = len(text.encode())
        few = positions[:2000]
        for unit, codec, width in (("utf8", "utf-8", 1), ("utf16", "utf-16-le", 2)):
            small = text[: int(few[-1, 1])]
            want = [[len(small[:at].encode(codec)) // width for at in row] for row in few[::200].tolist()]
            check(fastpost.OffsetMap(text).convert(few[::200], "chars", unit).tolist() == want, unit)

            def forward(text=text, positions=positions, unit=unit):
                # A new string each time: Python keeps the UTF-8 of one that it has been asked for.
                return fastpost.OffsetMap(text).convert(positions, "chars", unit)

            times = []
            for _ in range(9):
                fresh = text[:-1] + text[-1:]
                times.append(seconds(lambda: forward(text=fresh)))
            middle = statistics.median(times)
            rate = f"{size / middle / 1e9:.2f} GB/s"
            print(
                f"| {name}, {size / 1e6:.1f} MB | {unit} | {positions.size:,} | {duration(middle)} | {rate} | {goal} |"
            )


def plain_labels(encoding, spans, label2id) -> list[int]:
    """What users write: the tokens of each span by `char_to_token`."""
    labels = [0] * len(encoding.ids)
    for start, end, kind in spans:
        first = True
        seen = set()
        for char in range(start, end):
            token = encoding.char_to_token(char)
            if token is None or token in seen:
                continue
            seen.add(token)
            labels[token] = label2id[("B-" if first else "I-") + kind]
            first = False
    for token, special in enumerate(encoding.special_tokens_mask):
        if special:
            labels[token] = -100
    return labels


def joined(texts, spans, most: int):
    """The same texts as fewer and longer ones."""
    long_texts, long_spans = [], []
    for at in range(0, len(texts), most):
        place, own = 0, []
        for text, found in zip(texts[at : at + most], spans[at : at + most]):
            own += [(start + place, end + place, kind) for start, end, kind in found]
            place += len(text) + 1
        long_texts.append(" ".join(texts[at : at + most]))
        long_spans.append(own)
    return long_texts, long_spans


def span_rows(encodings, spans, peer: str) -> list[Row]:
    """`spans_to_labels` from encodings and from arrays, beside the plain loop."""
    label2id = {name: number for number, name in enumerate(["O", *(f"{p}-{kind}" for kind in TYPES for p in "BI")])}
    lengths = np.array([len(encoding.ids) for encoding in encodings])
    offsets = np.concatenate([np.array(encoding.offsets) for encoding in encodings])

    def theirs():
        return [plain_labels(encoding, own, label2id) for encoding, own in zip(encodings, spans)]

    def ours():
        return fastpost.spans_to_labels(encodings, spans, label2id=label2id)

    def arrays():
        return fastpost.spans_to_labels(offsets, spans, label2id=label2id, lengths=lengths)

    for found in (ours(), arrays()):
        check(found.misfits == [] and [row.tolist() for row in found.labels] == theirs(), "spans_to_labels")
    work = f"{sum(map(len, spans)):,} spans, {len(encodings)} texts of {lengths.mean():,.0f} tokens"
    return [
        Row(f"spans_to_labels, {work}, from encodings", peer, *pair(theirs, ours, 7, 3), "50x"),
        Row(f"spans_to_labels, {work}, from arrays", peer, *pair(theirs, arrays, 7, 3), "50x"),
    ]


def labels() -> list[Row]:
    """All entities of wikigold, as labels."""
    documents, spans = wikigold()
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=4000, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    peer = f"char_to_token, tokenizers {tokenizers.__version__}"
    rows = []
    for texts, own in ((documents, spans), joined(documents, spans, 22)):
        rows += span_rows(tokenizer.encode_batch(texts), own, peer)
    encodings = tokenizer.encode_batch(documents)
    tokens = sum(len(encoding.ids) for encoding in encodings)
    label2id = {name: number for number, name in enumerate(["O", *(f"{p}-{kind}" for kind in TYPES for p in "BI")])}
    word_ids = [encoding.word_ids for encoding in encodings]
    counts = [1 + max(word for word in ids if word is not None) for ids in word_ids]
    word_labels = [[number % 9 for number in range(count)] for count in counts]

    def course():
        out = []
        for own, ids in zip(word_labels, word_ids):
            row, current = [], None
            for word in ids:
                if word != current:
                    current = word
                    row.append(-100 if word is None else own[word])
                elif word is None:
                    row.append(-100)
                else:
                    row.append(own[word] + own[word] % 2)
            out.append(row)
        return out

    def carried():
        return fastpost.align_labels(word_labels, word_ids, label2id=label2id)

    check(carried() == course(), "align_labels")
    rows.append(Row(f"align_labels, {tokens:,} tokens", PYTHON, *pair(course, carried, 7, 3)))
    pieces = [encoding.tokens for encoding in encodings]
    words = [document.split(" ") for document in documents]

    def peer_alignments():
        return [spacy_alignments.get_alignments(a, b) for a, b in zip(words[:20], pieces[:20])]

    def our_alignments():
        return [fastpost.align_tokens(a, b) for a, b in zip(words[:20], pieces[:20])]

    check(our_alignments() == peer_alignments(), "align_tokens")
    peer = f"spacy-alignments {spacy_alignments.__version__}"
    rows.append(Row("align_tokens, 20 documents", peer, *pair(peer_alignments, our_alignments, 5)))
    plan = seconds(lambda: fastpost.plan_windows(encodings, 128, 32), 5)
    by_text = seconds(lambda: fastpost.plan_windows(encodings, 128, 32, texts=documents), 5)
    print(f"\n`plan_windows` of {tokens:,} tokens: {duration(plan)} by word ids, {duration(by_text)} by UAX #29")
    return rows


def growth() -> None:
    """One text in windows of 100 tokens with 5 spans each; twice the windows should take twice the time."""
    label2id = {"O": 0, "B-L": 1, "I-L": 2}

    def labelled(windows: int):
        starts = np.arange(windows * 100).reshape(windows, 100) * 5
        offsets = list(np.stack([starts, starts + 4], axis=2))
        spans = [(at, at + 4, "L") for at in range(0, windows * 500, 100)]
        found = fastpost.spans_to_labels(offsets, [spans], label2id=label2id, windows=[0] * windows)
        check(sum(int((row == 1).sum()) for row in found.labels) == 5 * windows, "spans_to_labels")
        return lambda: fastpost.spans_to_labels(offsets, [spans], label2id=label2id, windows=[0] * windows)

    works = {windows: labelled(windows) for windows in (250, 500, 1000, 2000, 4000)}
    print_growth("spans_to_labels of one long text", "windows", works)


def main() -> None:
    """Prints all tables."""
    print(machine())
    rates()
    print_table("Labels for training", labels())
    growth()


if __name__ == "__main__":
    main()
