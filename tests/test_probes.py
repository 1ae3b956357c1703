"""With a model that is right, own mode finds the gold entities of planted texts, whatever the tokenizer."""

import pytest

from fastpost import EntityDecoder
from probes import KINDS, cases, ideal, known, unmarked

KNOWN = known()
TYPES = {span[2] for marked in [*cases(), *(case["gold"] for case in KNOWN)] for span in unmarked(marked)[1]}
LABELS = ["O"] + [f"{letter}-{kind}" for kind in sorted(TYPES) for letter in "BI"]


def found(marked, kind, **options):
    """The entities that are found if the marks are gold, as words with their labels."""
    text, gold = unmarked(marked)
    tokens = KINDS[kind](text)
    entities = EntityDecoder(LABELS, threads=1, **options).decode(
        [ideal(text, gold, tokens, LABELS)], texts=[text], offsets=[tokens.offsets], word_ids=[tokens.word_ids]
    )
    return [(entity["start"], entity["word"], entity["entity_group"]) for entity in entities]


def marked_words(marked):
    text, spans = unmarked(marked)
    return [(start, text[start:end], label) for start, end, label in spans]


def test_there_are_many():
    assert len(cases()) > 150
    assert len(set(cases())) == len(cases())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("marked", cases())
def test_the_gold_entities_are_found(marked, kind):
    assert found(marked, kind) == marked_words(marked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", KNOWN, ids=[case["gold"] for case in KNOWN])
def test_where_the_rule_finds_others_they_are_known(case, kind):
    """The result differs from gold by a rule that is worth more on gold data: `why`."""
    assert unmarked(case["gold"])[0] == unmarked(case["found"])[0]
    assert found(case["gold"], kind, aggregation_strategy="simple") == marked_words(case["found"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_finds_them(kind):
    for strategy in ("simple", "first", "average", "max"):
        for options in ({"decode": "argmax"}, {"score": "path"}, {"outside_bias": 2.0}):
            for marked in cases():
                assert found(marked, kind, aggregation_strategy=strategy, **options) == marked_words(marked), (
                    strategy,
                    options,
                )
