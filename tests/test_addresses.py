"""An entity that has a part of an e-mail address is widened to all of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpost import EntityDecoder
from twin_units import addresses, unit_edges

LABELS = ["O", "B-EMAIL", "I-EMAIL", "B-PER", "I-PER"]


def found(text, labels, **options):
    """The entities found if each character is a token with a label."""
    logits = np.zeros((len(text), len(LABELS)), np.float32)
    logits[np.arange(len(text)), labels] = 8
    offsets = [[(at, at + 1) for at in range(len(text))]]
    options = {"aggregation_strategy": "simple", "trim": None, "join": None, **options}
    entities = EntityDecoder(LABELS, threads=1, **options).decode([logits], texts=[text], offsets=offsets)
    return [(entity["start"], entity["end"], entity["entity_group"]) for entity in entities]


def labelled(text, **parts):
    """A label for each character, given by parts of the text that each occur once."""
    labels = [0] * len(text)
    for kind, part in parts.items():
        at = text.index(part)
        label = LABELS.index(f"B-{kind}")
        labels[at : at + len(part)] = [label, *[label + 1] * (len(part) - 1)]
    return labels


@pytest.mark.parametrize(
    ("text", "parts", "want"),
    [
        ("to jo.alvarez@example.org.", {"EMAIL": "alvarez"}, [("jo.alvarez@example.org", "EMAIL")]),
        ("to jo.alvarez@example.org.", {"EMAIL": "example"}, [("jo.alvarez@example.org", "EMAIL")]),
        ("to jo_a+news@a.example.co.uk,", {"EMAIL": "@"}, [("jo_a+news@a.example.co.uk", "EMAIL")]),
        ("ben@example.org.Then call", {"EMAIL": "ben"}, [("ben@example.org", "EMAIL")]),
        ("Mail:ben@example.org", {"EMAIL": "org"}, [("ben@example.org", "EMAIL")]),
        ("mail o'brien@example.org", {"EMAIL": "brien"}, [("o'brien@example.org", "EMAIL")]),
        ("l'e-mail d'anna@example.org", {"EMAIL": "anna"}, [("anna@example.org", "EMAIL")]),
        # Two types are never one entity: the type that covers more of the address gets it.
        ("ben@example.org", {"PER": "ben", "EMAIL": "@example.org"}, [("ben@example.org", "EMAIL")]),
        ("benjamin@b.co", {"PER": "benjamin", "EMAIL": "co"}, [("benjamin@b.co", "PER")]),
        ("a@b.co,c@d.ef", {"PER": "a", "EMAIL": "d"}, [("a@b.co", "PER"), ("c@d.ef", "EMAIL")]),
        # The same holds for web addresses.
        ("at https://a.example/in/bo-8?id=7.", {"PER": "bo"}, [("https://a.example/in/bo-8?id=7", "PER")]),
        (
            "www.bo.example.Then (http://b.example)x",
            {"EMAIL": "bo", "PER": "b.example)"},
            [("www.bo.example", "EMAIL"), ("http://b.example)", "PER")],
        ),
        # None of these is an address.
        ("awww.bo.example http://-bo", {"PER": "bo.e", "EMAIL": "-bo"}, [("awww.bo.example", "PER"), ("-bo", "EMAIL")]),
        ("hi @Paul", {"PER": "Paul"}, [("Paul", "PER")]),
        ("anna@home is", {"PER": "anna"}, [("anna", "PER")]),
        ("5@10.20", {"PER": "5"}, [("5", "PER")]),
        ("Anna, ben@example.org", {"PER": "Anna"}, [("Anna", "PER")]),
    ],
)
def test_a_part_of_an_address(text, parts, want):
    labels = labelled(text, **parts)
    assert [(text[start:end], kind) for start, end, kind in found(text, labels)] == want
    uncut = found(text, labels, snap=None)
    assert [text[start:end] for start, end, _ in uncut] == sorted(parts.values(), key=text.index)


def test_its_score_is_that_of_what_the_model_labelled():
    text = "to jo.alvarez@example.org."
    logits = np.zeros((len(text), len(LABELS)), np.float32)
    logits[:, 0] = 8
    logits[3, [0, 1]] = 0, 6
    entities = EntityDecoder(LABELS, threads=1, aggregation_strategy="simple", threshold=0.9).decode(
        [logits], texts=[text], offsets=[[(at, at + 1) for at in range(len(text))]]
    )
    (entity,) = entities
    assert entity["word"] == "jo.alvarez@example.org"
    assert entity["score"] == pytest.approx(np.exp(6) / (np.exp(6) + 4))


pieces = st.sampled_from(
    [
        *"aoB1.@@-+_,: '/?!",
        "https://",
        "www.",
        "ftp://",
        "é",
        "e\u0301",
        "東",
        "org",
        "ben@example.org",
        ".Then",
        "＠",
        "．",
        "ก",
        "718-555-0199",
        "(718)",
        ",5",
        "555.",
    ]
)


@given(st.lists(pieces, min_size=1, max_size=14).map("".join), st.data())
def test_widening_equals_its_twin(text, data):
    at = data.draw(st.integers(0, len(text) - 1))
    edges = set(unit_edges(text))
    for start, end in addresses(text, edges):
        edges -= set(range(start + 1, end))
    want = max(e for e in edges if e <= at), min(e for e in edges if e > at)
    labels = [0] * len(text)
    labels[at] = 1
    assert [entity[:2] for entity in found(text, labels)] == [want]


def test_tokens_out_of_order_never_overlap():
    """The second entity gives its first word to the entity before it, and absorbs a third that begins there."""
    text = "Lя:sสม"
    logits = np.zeros((3, len(LABELS)), np.float32)
    logits[[0, 1, 2], [1, 3, 3]] = 8
    decoder = EntityDecoder(
        LABELS, threads=1, aggregation_strategy="simple", decode="argmax", words="unicode", join=None
    )
    entities = decoder.decode([logits], texts=[text], offsets=[[(0, 2), (2, 6), (3, 6)]])
    assert [(entity["start"], entity["end"], entity["entity_group"]) for entity in entities] == [
        (0, 4, "EMAIL"),
        (4, 6, "PER"),
    ]
