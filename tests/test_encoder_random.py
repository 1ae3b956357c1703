"""`Encoder` beside tokenizers, over tokenizers drawn at random: what it encodes itself is the same in every column.

FASTPOST_PARITY_EXAMPLES texts are compared, a tokenizer for each few dozen of them.
"""

import json
import os
from collections import Counter
from random import Random

import pytest
from tokenizers import Tokenizer

import fastpost
from encoder_cases import assert_same, read
from random_tokenizers import text, tokenizer

EXAMPLES = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", 0)) or 2400
PARTS = 8
TEXTS, CALLS = 24, 4


def arguments(rng, extra):
    """Texts, pairs, and the options of a call."""
    words = rng.random() < 0.15

    def side():
        return [
            [text(rng, extra) for _ in range(rng.randrange(6))] if words else text(rng, extra) for _ in range(TEXTS)
        ]

    pairs = side() if rng.random() < 0.35 else None
    strategies = ["longest_first", "longest_first", "only_first", *["only_second"] * (pairs is not None)]
    cut = {
        "max_length": rng.randrange(6, 36),
        "stride": rng.choice([0, 0, 1, 2]),
        "truncation": rng.choice(strategies),
        "truncation_side": rng.choice(["right", "left"]),
    }
    return side(), pairs, words, rng.random() < 0.7, cut if rng.random() < 0.5 else None


def compared(encoder, theirs, call):
    """Texts of a call that were compared: none if one of them is refused by both."""
    texts, pairs, words, special, cut = call
    try:
        want = read(theirs, texts, pairs, words=words, special=special, cut=cut)
    except ValueError:  # it refuses some strides even where nothing would be cut
        return 0
    options = {"is_split_into_words": words, "add_special_tokens": special, **(cut or {})}
    try:
        got = encoder.encode(texts, pairs, **options)
    except ValueError:
        if want is not None and cut is None:
            raise
        return 0
    assert want is not None
    assert_same(got, want)
    return len(texts)


def is_settled(theirs, added):
    """Whether no two added tokens become one when normalised: which of them tokenizers finds changes from run to run."""
    names = {token["content"] for token in added if token["normalized"]}
    return theirs.normalizer is None or len({theirs.normalizer.normalize_str(name) for name in names}) == len(names)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_column_is_that_of_tokenizers(part, tmp_path):
    """Every second tokenizer is read from its file, the others are at hand."""
    done, seed, found = 0, part, Counter()
    while done * PARTS < EXAMPLES:
        seed += PARTS
        rng = Random(seed)
        written = tokenizer(rng)
        theirs = Tokenizer.from_str(json.dumps(written))
        if not is_settled(theirs, written["added_tokens"]):
            continue
        source = theirs
        if rng.random() < 0.5:
            source = tmp_path / "tokenizer.json"
            source.write_text(json.dumps(written))
        encoder = fastpost.Encoder(source, verify=False)
        found["native" if encoder.native else "not native"] += 1
        if not encoder.native:
            continue
        extra = [token["content"] for token in written["added_tokens"]]
        for number in range(CALLS):
            call = arguments(rng, extra)
            try:
                some = compared(encoder, Tokenizer.from_str(json.dumps(written)), call)
            except AssertionError as error:
                raise AssertionError(f"tokenizer {seed}, call {number}: {error}") from error
            done += some
            found["texts"] += some
        found["texts sent back"] += sum(encoder.report().sent_back.values())
    print(part, dict(found))
    assert found["native"] > found["not native"] / 4
    assert found["texts sent back"] < found["texts"] / 2
