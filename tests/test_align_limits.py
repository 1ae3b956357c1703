"""Labels from spans where tokens and spans disagree; white space is what Python says it is, everywhere."""

import sys

import numpy as np
import pytest

import fastpost

IDS = {"O": 0, "B-L": 1, "I-L": 2}


def labels_of(offsets, spans, **options):
    found = fastpost.spans_to_labels([offsets], [spans], label2id=IDS, **options)
    return found.labels[0].tolist(), [(misfit.reason, misfit.used) for misfit in found.misfits]


@pytest.mark.parametrize("policy", ["strict", "expand", "contract"])
@pytest.mark.parametrize("at", [0, 1, 2, 5])
def test_an_empty_span_changes_no_label(policy, at):
    labels, misfits = labels_of([(0, 5), (6, 7)], [(at, at, "L")], policy=policy)
    assert (labels, misfits) == ([0, 0], [("no-token", None)])


def test_a_character_without_a_token_at_the_edge_of_a_span_is_told():
    """A tokenizer that drops a character makes the span come back shorter."""
    text = "Ann\N{SOFT HYPHEN} x"
    offsets = [(0, 3), (5, 6)]
    labels, misfits = labels_of(offsets, [(0, 4, "L")], texts=[text])
    assert (labels, misfits) == ([1, 0], [("uncovered", (0, 3))])
    assert fastpost.labels_to_spans([labels], [offsets], label2id=IDS) == [[(0, 3, "L")]]
    # Inside a span nothing is lost; white space at its edge doesn't count if the text is given.
    assert labels_of([(0, 3), (5, 6)], [(0, 6, "L")], texts=[text]) == ([1, 2], [])
    assert labels_of([(0, 3), (5, 6)], [(0, 4, "L")], texts=["Ann  x"]) == ([1, 0], [])
    assert labels_of([(0, 3), (5, 6)], [(0, 4, "L")]) == ([1, 0], [("uncovered", (0, 3))])
    assert labels_of([(0, 3)], [(0, 4, "L")], texts=["Ann "]) == ([1], [])
    assert labels_of([(0, 3)], [(0, 4, "L")], texts=["Anna"]) == ([1], [("truncated", (0, 3))])


def test_every_separator_of_python_is_white_space_in_tokens():
    for space in ("\x1c", "\x1f", "\t", "\x85", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}"):
        assert labels_of([(0, 6), (7, 8)], [(1, 6, "L")], texts=[f"{space}Paris x"]) == ([1, 0], [])
    assert labels_of([(0, 6), (7, 8)], [(1, 6, "L")], texts=["\N{ZERO WIDTH SPACE}Paris x"])[1] == [
        ("cuts-token", None)
    ]


def test_white_space_is_what_python_says_for_all_code_points():
    """White space is the same set in labels, in the edges of entities and in normal forms."""
    chars = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    spaces = {char for char in chars if char.isspace()}
    assert len(spaces) == 29

    # Each character before an "x": is it taken out of the token?
    text = "".join(f"{char}x" for char in chars)
    offsets = np.arange(len(chars))[:, None] * 2 + [0, 2]
    found = fastpost.spans_to_labels(
        [offsets], [[(at * 2 + 1, at * 2 + 2, "L") for at in range(len(chars))]], label2id=IDS, texts=[text]
    )
    assert {chars[at] for at in np.flatnonzero(found.labels[0] == 1)} == spaces

    made = fastpost.OffsetMap(text).through("whitespace")
    assert made.normalized == "".join(" x" if char in spaces else f"{char}x" for char in chars)

    # An entity of one token without snapping: is the character trimmed off?
    decoder = fastpost.EntityDecoder(["O", "B-L"], aggregation_strategy="simple", snap=None, join=None)
    logits = np.tile(np.float32([0, 9]), (len(chars), 1))
    entities = decoder.decode(logits[None], offsets=offsets[None], texts=[text])
    starts = entities.start.tolist()
    assert {chars[start // 2] for start in starts if start % 2} == spaces
    assert len(starts) == len(chars)


def test_many_windows_of_one_text_give_what_one_window_gives():
    rng = np.random.default_rng(5)
    tokens = 400
    offsets = np.stack([np.arange(tokens) * 5, np.arange(tokens) * 5 + 4], 1)
    starts = np.sort(rng.choice(tokens - 5, 60, replace=False))
    spans = [(int(at) * 5 + int(rng.integers(2)), int(at) * 5 + 4 + 5 * int(rng.integers(4)), "L") for at in starts]
    whole = fastpost.spans_to_labels([offsets], [spans], label2id=IDS)
    cut = [offsets[at : at + 20] for at in range(0, tokens, 20)]
    parts = fastpost.spans_to_labels(cut, [spans], label2id=IDS, windows=[0] * len(cut))
    assert np.concatenate(parts.labels).tolist() == whole.labels[0].tolist()
    assert parts.misfits == whole.misfits
    assert {misfit.reason for misfit in whole.misfits} == {"cuts-token", "overlaps"}


def test_a_token_without_width_that_is_not_special_is_a_fault_of_its_own():
    faults = fastpost.check_offsets([(0, 0), (5, 5)], "Anna Schmidt", special_tokens_mask=[0, 0])
    assert [(fault.token, fault.kind) for fault in faults] == [(0, "zero-width"), (1, "zero-width")]
    assert faults[0].message == "token 0 is at (0, 0) and covers nothing"
    # Without a mask, (0, 0) is what special tokens have.
    assert [fault.token for fault in fastpost.check_offsets([(0, 0), (5, 5)], "Anna Schmidt")] == [1]


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ([(6, 7), (4, 5)], r"`offsets` holds \(4, 5\) at window 1, token 1, behind a token at \(6, 7\)"),
        ([(0, 5), (1, 2)], r"\(1, 2\) at window 1, token 1, behind a token at \(0, 5\)"),
        ([(6, 5), (7, 8)], r"\(6, 5\) at window 1, token 0"),
        ([(-3, 5), (7, 8)], r"\(-3, 5\) at window 1, token 0"),
        ([(3, 5), (7, 80)], r"\(7, 80\) at window 1, token 1, but its text has 10 characters"),
    ],
)
def test_tokens_out_of_order_or_out_of_their_text_are_refused(offsets, words):
    """Offsets out of order used to give spans such as (6, 5)."""
    windows, texts, label2id = [[(0, 1)], offsets], ["a", "abcdefghij"], {"O": 0, "B-x": 1, "I-x": 2}
    for call in (
        lambda: fastpost.labels_to_spans([[0], [1, 2]], windows, label2id=label2id, texts=texts),
        lambda: fastpost.spans_to_labels(windows, [[], [(4, 7, "x")]], label2id=label2id, texts=texts),
    ):
        with pytest.raises(ValueError, match=words) as bad:
            call()
        assert (bad.value.argument, bad.value.window) == ("offsets", 1)
    # Special tokens, and tokens without a character, may be anywhere.
    mask = [[0], [1, 1]]
    got = fastpost.labels_to_spans([[1], [1, 2]], windows, label2id=label2id, special_tokens_mask=mask, texts=texts)
    assert got == [[(0, 1, "x")], []]
    still = fastpost.labels_to_spans([[1, 2, 2]], [[(4, 5), (3, 3), (5, 7)]], label2id=label2id)
    assert still == [[(4, 7, "x")]]


def test_an_array_of_countless_windows_without_values_is_refused():
    """It is a number alone, and each window was looked at, which took hours."""
    countless = np.empty((2**40, 0, 2), np.int64)
    for call in (
        lambda: fastpost.plan_windows(countless, 3, texts=["a"], special_tokens=0),
        lambda: fastpost.spans_to_labels(countless, [[]], label2id=IDS),
        lambda: fastpost.labels_to_spans([[]], countless, label2id=IDS),
    ):
        with pytest.raises(ValueError, match="is an array of 1099511627776 windows that holds no value; pass") as told:
            call()
        assert told.value.argument == "offsets"
    assert fastpost.spans_to_labels(np.empty((3, 0, 2), np.int64), [[]] * 3, label2id=IDS).misfits == []
