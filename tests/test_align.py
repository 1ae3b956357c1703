"""Windows at word edges, labels from spans and back, word labels, and two tokenizations side by side."""

import re

import numpy as np
import pytest
import spacy_alignments
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

import fastpost
import small_tokenizers
from conftest import ROOT
from strategies import texts as odd_texts
from strategies import word_lists

LETTERS = {
    "IO": "I", "IOB1": "BI", "IOB2": "BI", "IOE1": "IE", "IOE2": "IE",
    "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES",
}  # fmt: skip
SCHEMES = (*LETTERS, "plain")
FAMILIES = ("wordpiece-cased", "byte-level", "metaspace-bpe", "unigram")
TYPES = ("PER", "date-time")


def label2id(scheme: str, types=TYPES, layout: str = "{letter}-{kind}") -> dict[str, int]:
    if scheme == "plain":
        names = ["O", *types]
    else:
        names = ["O", *(layout.format(letter=letter, kind=kind) for kind in types for letter in LETTERS[scheme])]
    return {name: number for number, name in enumerate(names)}


def named(labels, ids: dict[str, int]) -> list[str]:
    names = {number: name for name, number in ids.items()} | {-100: "-"}
    return [names[label] for label in labels.tolist()]


def encode(kind: str, texts: list[str], **truncation) -> list:
    tokenizer = small_tokenizers.fast(kind).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if truncation:
        tokenizer.enable_truncation(**truncation)
    return tokenizer.encode_batch(texts)


OFFSETS = np.array([[0, 0], [0, 3], [4, 8], [8, 10], [11, 15], [0, 0]])  # "New Yorkers like"
WORDS = np.array([-1, 0, 1, 1, 2, -1])


# labels from spans -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "want"),
    [
        ("IO", "- I-PER I-PER I-PER O -"),
        ("IOB1", "- I-PER I-PER B-PER O -"),
        ("IOB2", "- B-PER I-PER B-PER O -"),
        ("IOE1", "- I-PER E-PER I-PER O -"),
        ("IOE2", "- I-PER E-PER E-PER O -"),
        ("BIOES", "- B-PER E-PER S-PER O -"),
        ("BILOU", "- B-PER L-PER U-PER O -"),
        ("BMES", "- B-PER E-PER S-PER O -"),
        ("plain", "- PER PER PER O -"),
    ],
)
def test_each_scheme_writes_its_labels(scheme, want):
    ids = label2id(scheme)
    found = fastpost.spans_to_labels(
        [OFFSETS], [[(0, 8, "PER"), {"start": 8, "end": 10, "label": "PER"}]], label2id=ids, scheme=scheme
    )
    assert " ".join(named(found.labels[0], ids)) == want
    joined = [(0, 1, "joins", (8, 10), 0)] if scheme in {"IO", "plain"} else []
    assert [tuple(misfit) for misfit in found.misfits] == joined
    assert found.labels[0].dtype == np.int64


def test_policies_and_their_lists():
    ids = label2id("IOB2")
    spans = [[(0, 9, "PER"), (12, 13, "date-time")]]
    for policy, want, used in (
        ("strict", "- - - - - -", (None, None)),
        ("expand", "- B-PER I-PER I-PER B-date-time -", ((0, 10), (11, 15))),
        ("contract", "- B-PER I-PER O - -", ((0, 8), None)),
    ):
        found = fastpost.spans_to_labels([OFFSETS], spans, label2id=ids, policy=policy)
        assert " ".join(named(found.labels[0], ids)) == want
        assert [misfit.used for misfit in found.misfits] == list(used)
        reasons = ["cuts-token", "no-token" if policy == "contract" else "cuts-token"]
        assert [misfit.reason for misfit in found.misfits] == reasons


@pytest.mark.parametrize("scheme", ["IO", "plain", "IOB2"])
def test_a_span_that_cuts_a_token_and_touches_another_is_told_of_both(scheme):
    """A caller who takes cut tokens for granted still learns that two spans have become one."""
    ids = label2id(scheme)
    found = fastpost.spans_to_labels(
        [OFFSETS], [[(0, 8, "PER"), (8, 9, "PER")]], label2id=ids, scheme=scheme, policy="expand"
    )
    joins = [] if scheme == "IOB2" else [(0, 1, "joins", (8, 10), 0)]
    assert [tuple(misfit) for misfit in found.misfits] == [(0, 1, "cuts-token", (8, 10), None), *joins]


def test_first_subwords_carry_the_labels_of_words():
    ids = label2id("BIOES")
    found = fastpost.spans_to_labels([OFFSETS], [[(0, 10, "PER")]], label2id=ids, word_ids=[WORDS], subwords="first")
    assert named(found.labels[0], ids) == ["-", "B-PER", "E-PER", "-", "O", "-"]
    cut = fastpost.spans_to_labels([OFFSETS], [[(0, 8, "PER")]], label2id=ids, word_ids=[WORDS], subwords="first")
    assert [misfit.reason for misfit in cut.misfits] == ["cuts-token"]
    with pytest.raises(ValueError, match="`word_ids` is needed"):
        fastpost.spans_to_labels([OFFSETS], [[]], label2id=ids, subwords="first")


@pytest.mark.parametrize("layout", ["{letter}-{kind}", "{letter}_{kind}", "{kind}-{letter}"])
def test_labels_may_be_written_otherwise(layout):
    ids = label2id("BILOU", layout=layout)
    spans = [[(0, 8, "date-time"), (11, 15, "PER")]]
    found = fastpost.spans_to_labels([OFFSETS], spans, label2id=ids)
    assert found.misfits == []
    assert fastpost.labels_to_spans(found.labels, [OFFSETS], label2id=ids) == spans


@settings(max_examples=60)
@given(
    st.sampled_from(FAMILIES),
    st.sampled_from(SCHEMES),
    st.lists(odd_texts, min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_spans_that_fit_come_back(kind, scheme, texts, by_word, in_windows, data):
    """Spans over whole tokens, or words, of real tokenizers, in one window or several."""
    subwords = "first" if by_word else "all"
    whole = encode(kind, texts)
    spans = []
    for encoding in whole:
        pieces: dict[object, list[int]] = {}
        for number, (start, end) in enumerate(encoding.offsets):
            word = encoding.word_ids[number]
            if encoding.special_tokens_mask[number] or end <= start or word is None:
                continue
            key = word if by_word else (start, end)
            place = pieces.setdefault(key, [start, end])
            place[:] = [min(place[0], start), max(place[1], end)]
        places = sorted(pieces.values())
        own, at = [], 0
        while at < len(places) and len(own) < 6:
            length = data.draw(st.integers(1, 3))
            last = min(at + length, len(places)) - 1
            own.append((places[at][0], places[last][1], data.draw(st.sampled_from(TYPES))))
            gap = data.draw(st.integers(0, 2))
            at = last + 1 + gap
        spans.append(own)
    ids = label2id(scheme)
    encodings = encode(kind, texts, max_length=8, stride=2) if in_windows else whole
    arguments = {"label2id": ids, "scheme": scheme, "subwords": subwords}
    found = fastpost.spans_to_labels(encodings, spans, **arguments)
    assert {misfit.reason for misfit in found.misfits} <= {"joins", "overlaps", "cuts-token"}
    misfits = {(misfit.text, misfit.span) for misfit in found.misfits}
    misfits |= {(misfit.text, misfit.other) for misfit in found.misfits}
    back = fastpost.labels_to_spans(found.labels, encodings, repair="discard", **arguments)
    for text, own in enumerate(spans):
        kept = [span for number, span in enumerate(own) if (text, number) not in misfits]
        if len(kept) == len(own):
            assert back[text] == own
        else:
            assert set(kept) <= set(back[text])


def test_white_space_in_tokens_is_no_part_of_spans():
    text = "I met Sarah Johnson in Rome"
    encodings = encode("byte-level", [text])
    ids = label2id("IOB2")
    spans = [[(6, 19, "PER")]]
    assert encodings[0].tokens[3].startswith("Ġ") or any(token.startswith("Ġ") for token in encodings[0].tokens)
    found = fastpost.spans_to_labels(encodings, spans, label2id=ids, texts=[text])
    assert found.misfits == []
    assert fastpost.labels_to_spans(found.labels, encodings, label2id=ids, texts=[text]) == spans


def test_windows_share_one_span():
    text = "a b c d e f g h i j"
    encodings = encode("wordpiece-cased", [text], max_length=6, stride=1)
    ids = label2id("BIOES")
    spans = [[(2, 11, "PER"), (12, 13, "PER")]]
    found = fastpost.spans_to_labels(encodings, spans, label2id=ids)
    assert len(found.labels) == 1 + len(encodings[0].overflowing) == 3
    assert [named(row, ids) for row in found.labels] == [
        ["-", "O", "B-PER", "I-PER", "I-PER", "-"],
        ["-", "I-PER", "I-PER", "E-PER", "S-PER", "-"],
        ["-", "S-PER", "O", "O", "O", "-"],
    ]
    assert fastpost.labels_to_spans(found.labels, encodings, label2id=ids) == spans
    cut = fastpost.spans_to_labels([encodings[0]], [[(2, 11, "PER")]], label2id=ids, windows=[0])
    assert [(misfit.reason, misfit.used) for misfit in cut.misfits] == [("truncated", (2, 7))]


def test_pairs_of_texts():
    """The offsets of both texts count from 0, so the caller must say which text the spans belong to."""
    tokenizer = small_tokenizers.fast("wordpiece-cased", 32)
    context = "Angela Merkel met Barack Obama in New York"
    pairs = tokenizer(["Who met ?"], [context])
    ids = label2id("IOB2")
    spans = [[(0, 13, "PER")]]
    sequences = np.array([-1 if own is None else own for own in pairs.encodings[0].sequence_ids])
    for encodings in (pairs, pairs.encodings):
        with pytest.raises(ValueError, match=r"`encodings` are of pairs of texts, .* pass `sequence`, 0 or 1"):
            fastpost.spans_to_labels(encodings, spans, label2id=ids)
        found = fastpost.spans_to_labels(encodings, spans, label2id=ids, sequence=1, texts=[context])
        assert found.misfits == []
        assert (found.labels[0][sequences != 1] == -100).all()
        assert fastpost.labels_to_spans(found.labels, encodings, label2id=ids, sequence=1) == spans
        (first,) = fastpost.spans_to_labels(encodings, [[(0, 3, "PER")]], label2id=ids, sequence=0).labels
        assert (first[sequences != 0] == -100).all()
        assert fastpost.labels_to_spans([first], encodings, label2id=ids, sequence=0) == [[(0, 3, "PER")]]
        words = fastpost.spans_to_labels(encodings, spans, label2id=ids, sequence=1, subwords="first")
        assert fastpost.labels_to_spans(words.labels, encodings, label2id=ids, sequence=1, subwords="first") == spans
    alone = tokenizer([context])
    with_option = fastpost.spans_to_labels(alone, spans, label2id=ids, sequence=0).labels[0]
    assert with_option.tolist() == fastpost.spans_to_labels(alone, spans, label2id=ids).labels[0].tolist()
    with pytest.raises(ValueError, match="`sequence` is 2; pass 0 for the first text of each pair"):
        fastpost.spans_to_labels(alone, spans, label2id=ids, sequence=2)
    with pytest.raises(ValueError, match="`sequence` is given with offsets"):
        fastpost.spans_to_labels([OFFSETS], spans, label2id=ids, sequence=1)


def test_letters_alone():
    ids = {"O": 0, "B": 1, "I": 2}
    found = fastpost.spans_to_labels([OFFSETS], [[(0, 10, "_")]], label2id=ids)
    assert found.labels[0].tolist() == [-100, 1, 2, 2, 0, -100]
    assert fastpost.labels_to_spans(found.labels, [OFFSETS], label2id=ids) == [[(0, 10, "_")]]
    assert fastpost.align_labels([[1, 0]], [[0, 0, 1]], label2id=ids) == [[1, 2, 0]]


def test_batches_come_in_all_shapes():
    ids = label2id("IOB2")
    spans = [[(0, 3, "PER")], []]
    both = [OFFSETS, OFFSETS[:3]]
    want = [row.tolist() for row in fastpost.spans_to_labels(both, spans, label2id=ids).labels]
    padded = np.zeros((2, 6, 2), np.int64)
    padded[0], padded[1, :3] = OFFSETS, OFFSETS[:3]
    flat = np.concatenate(both)
    for offsets in (padded, flat):
        found = fastpost.spans_to_labels(offsets, spans, label2id=ids, lengths=[6, 3])
        assert [row.tolist() for row in found.labels] == want
        assert fastpost.labels_to_spans(found.labels, offsets, label2id=ids, lengths=[6, 3]) == spans
    flat_labels = np.concatenate([np.array(row) for row in want])
    assert fastpost.labels_to_spans(flat_labels, both, label2id=ids) == spans
    assert fastpost.spans_to_labels([], [], label2id=ids) == ([], [])


def test_illegal_labels_are_repaired_or_discarded():
    ids = label2id("BIOES")
    labels = [[-100, ids["I-PER"], ids["I-PER"], ids["O"], ids["S-PER"], -100]]
    spans = [(0, 8, "PER"), (11, 15, "PER")]
    assert fastpost.labels_to_spans(labels, [OFFSETS], label2id=ids) == [spans]
    assert fastpost.labels_to_spans(labels, [OFFSETS], label2id=ids, repair="discard") == [spans[1:]]


def test_errors_say_what_is_wrong():
    ids = label2id("IOB2")

    def make(spans=((0, 3, "PER"),), offsets=(OFFSETS,), **arguments):
        return fastpost.spans_to_labels(list(offsets), [list(spans)], **{"label2id": ids, **arguments})

    for call, message in (
        (lambda: make([(0, 3, "LOC")]), r"`spans\[0\]\[0\]` has the label \"LOC\" but `label2id` has the types PER"),
        (lambda: make([(3, 0, "PER")]), r"`spans\[0\]\[0\]` is \(3, 0\)"),
        (lambda: make([(-1, 2, "PER")]), r"`spans\[0\]\[0\]` is \(-1, 2\)"),
        (lambda: make(policy="x"), '`policy` is "x"'),
        (lambda: make(subwords="x"), '`subwords` is "x"'),
        (lambda: make(scheme="x"), '`scheme` is "x"'),
        (lambda: make(offsets=[OFFSETS, OFFSETS]), "`spans` has 1 item but `encodings` makes 2 texts"),
        (lambda: make(texts=["a", "b"]), "`texts` has 2 items"),
        (lambda: make(label2id={"B-PER": 0, "I-PER": 1}), "no label for tokens in no span"),
        (
            lambda: make([(0, 8, "PER")], label2id={"O": 0, "B-PER": 1}),
            'no label for an inner token of a span of type "PER"',
        ),
        (lambda: make(label2id={"O": 0, "B-PER": 0}), "one id to two labels"),
        (lambda: make(label2id={"O": 0, "B-PER": 1, "I-PER": 3}), "`label2id` has 3 names but none for id 2"),
        (lambda: make(label2id={"O": 0, "B-PER": -1}), "`label2id` has the id -1"),
        (
            lambda: fastpost.labels_to_spans([[9] * 6], [OFFSETS], label2id=ids),
            r"`labels\[0\]\[0\]` is 9 but there are 5 labels",
        ),
        (lambda: fastpost.labels_to_spans([[0] * 5], [OFFSETS], label2id=ids), r"`labels\[0\]` has 5 ids for 6"),
        (lambda: fastpost.labels_to_spans([], [OFFSETS], label2id=ids), "`labels` has 0 windows"),
        (lambda: make(windows=[0, 1]), "`windows` has 2 items"),
        (lambda: make(word_ids=[[0]]), "`word_ids` and `offsets`"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for call in (
        lambda: make([(0, 3)]),
        lambda: make([("0", 3, "PER")]),
        lambda: fastpost.spans_to_labels([OFFSETS], ["no"], label2id=ids),
        lambda: fastpost.spans_to_labels([OFFSETS], [[]], label2id=["O"]),
        lambda: fastpost.spans_to_labels([OFFSETS], [[]], label2id={"O": 0.5}),
        lambda: fastpost.spans_to_labels([np.zeros((2, 3))], [[]], label2id=ids),
        lambda: fastpost.spans_to_labels([["x"]], [[]], label2id=ids),
    ):
        with pytest.raises(TypeError):
            call()


def test_wikigold_comes_back(wikigold_sentences):
    """Every entity of wikigold, as spans of the joined words, through a trained tokenizer."""
    tags = [
        [line.split()[1] for line in block.splitlines() if line.strip()]
        for block in (ROOT / "tests/data/wikigold.conll.txt").read_text(encoding="utf-8").split("\n\n")
    ]
    tags = [own for own in tags if own]
    texts, spans = [], []
    for words, own in zip(wikigold_sentences, tags):
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        found: list[tuple[int, int, str]] = []
        for number, tag in enumerate(own):
            start, end = int(ends[number]) - len(words[number]), int(ends[number])
            if tag == "O":
                continue
            if number and own[number - 1] == tag:
                found[-1] = (found[-1][0], end, tag[2:])
            else:
                found.append((start, end, tag[2:]))
        texts.append(" ".join(words))
        spans.append(found)
    types = sorted({kind for own in spans for *_, kind in own})
    encodings = encode("wordpiece-cased", texts)
    count = sum(map(len, spans))
    assert count > 3000
    for scheme in SCHEMES:
        ids = label2id(scheme, types)
        for subwords in ("all", "first"):
            arguments = {"label2id": ids, "scheme": scheme, "subwords": subwords}
            found = fastpost.spans_to_labels(encodings, spans, **arguments)
            back = fastpost.labels_to_spans(found.labels, encodings, repair="discard", **arguments)
            if found.misfits == []:
                assert back == spans
            # A word may hold punctuation that the tokenizer treats as separate words, never the other way round.
            assert {misfit.reason for misfit in found.misfits} <= {"joins"}


# labels of words -------------------------------------------------------------------------------------------------


def course_labels(labels, word_ids):
    """`align_labels_with_tokens` of the Hugging Face course: an odd id begins an entity, the id after it continues one."""
    out, current = [], None
    for word in word_ids:
        if word != current:
            current = word
            out.append(-100 if word is None else labels[word])
        elif word is None:
            out.append(-100)
        else:
            label = labels[word]
            out.append(label + 1 if label % 2 == 1 else label)
    return out


def first_labels(labels, word_ids):
    """`label_all_tokens=False` of the run_ner example."""
    out, previous = [], None
    for word in word_ids:
        out.append(-100 if word is None or word == previous else labels[word])
        previous = word
    return out


@given(st.lists(word_lists, min_size=1, max_size=3), st.integers(0, 2**32 - 1), st.sampled_from(FAMILIES))
def test_word_labels_equal_those_of_the_course(words, seed, kind):
    tokenizer = small_tokenizers.fast(kind)
    encodings = [tokenizer.backend_tokenizer.encode(own, is_pretokenized=True) for own in words]
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, 5, len(own)).tolist() for own in words]
    ids = {"O": 0, "B-PER": 1, "I-PER": 2, "B-LOC": 3, "I-LOC": 4}
    word_ids = [encoding.word_ids for encoding in encodings]
    want = [course_labels(own, ids_of) for own, ids_of in zip(labels, word_ids)]
    assert fastpost.align_labels(labels, word_ids, label2id=ids) == want
    assert fastpost.align_labels(labels, encodings, label2id=ids) == want
    want = [first_labels(own, ids_of) for own, ids_of in zip(labels, word_ids)]
    assert fastpost.align_labels(labels, word_ids, subwords="first") == want


def test_word_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"`word_ids\[1\]\[1\]` is 2 but `word_labels\[1\]` has 1 label;"):
        fastpost.align_labels([[0], [0]], [[0], [0, 2]])
    with pytest.raises(ValueError, match="`word_labels` has 1 item but `word_ids` has 2"):
        fastpost.align_labels([[0]], [[0], [0]])
    with pytest.raises(TypeError, match=r"`word_labels\[0\]\[0\]` is 'x'; pass integers"):
        fastpost.align_labels([["x"]], [[0]])
    assert fastpost.align_labels([np.array([3, -100])], [np.array([-1, 0, 0, 1, 1])]) == [[-100, 3, 3, -100, -100]]


# windows ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.sampled_from(FAMILIES), st.lists(odd_texts, min_size=1, max_size=3), st.integers(3, 12), st.integers(0, 9),
    st.booleans(),
)  # fmt: skip
def test_windows_keep_their_promises(kind, texts, max_length, stride, by_text):
    encodings = encode(kind, texts)
    if stride >= max_length - 2:
        with pytest.raises(ValueError, match="`stride` is"):
            fastpost.plan_windows(encodings, max_length, stride)
        return
    plan = fastpost.plan_windows(encodings, max_length, stride, texts=texts if by_text else None)
    assert set(plan.text_index.tolist()) == set(range(len(texts)))
    assert (np.diff(plan.text_index) >= 0).all()
    for number, encoding in enumerate(encodings):
        own = plan.text_index == number
        starts, ends = plan.start[own], plan.end[own]
        content = [token for token, special in enumerate(encoding.special_tokens_mask) if not special]
        covered = {token for start, end in zip(starts, ends) for token in range(start, end)}
        assert covered == set(content)
        assert (ends - starts <= max_length - 2).all()
        assert (np.diff(ends) > 0).all()
        assert (np.diff(starts) > 0).all()
        if not by_text:
            words = encoding.word_ids
            for edge in {*starts.tolist(), *ends.tolist()}:
                if edge in content and edge - 1 in content and words[edge] == words[edge - 1]:
                    assert words.count(words[edge]) > max_length - 2


def test_windows_from_arrays_and_texts():
    text = "New Yorkers like www.example.com"
    offsets = [[0, 3], [4, 8], [8, 11], [12, 16], [17, 20], [20, 21], [21, 28], [28, 29], [29, 32]]
    plan = fastpost.plan_windows([offsets], 6, 1, texts=[text])
    assert plan.start.tolist() == [0, 3]  # the address is one word of UAX #29
    assert plan.end.tolist() == [4, 9]
    by_ids = fastpost.plan_windows(None, 4, 1, word_ids=[[0, 1, 1, 2, 3, 4]])
    assert list(zip(by_ids.start.tolist(), by_ids.end.tolist())) == [(0, 4), (3, 6)]
    ends = fastpost.plan_windows(np.array(offsets), 6, 1, texts=[text], lengths=[9])
    assert ends.end.tolist() == [4, 9]
    assert fastpost.plan_windows([offsets], 8, 1, texts=[text], special_tokens=2).end.tolist() == [4, 9]
    thai = "สวัสดีครับ"
    pieces = [[at, at + 1] for at in range(len(thai))]
    assert fastpost.plan_windows([pieces], 4, 0, texts=[thai]).end[-1] == len(thai)
    assert fastpost.plan_windows([[]], 4, texts=[""]).end.tolist() == [0]


def test_plans_that_cannot_be_made():
    for call, message in (
        (lambda: fastpost.plan_windows([OFFSETS], 6), "nothing tells where words begin"),
        (lambda: fastpost.plan_windows([OFFSETS], 6, texts=["a", "b"]), "`texts` has 2 items"),
        (lambda: fastpost.plan_windows([OFFSETS], 2, texts=["a"], special_tokens=2), "`max_length` is 2 with 2"),
        (lambda: fastpost.plan_windows([OFFSETS], 4, 4, texts=["a"]), "`stride` is 4 with 4"),
        (lambda: fastpost.plan_windows([OFFSETS], 0, texts=["a"]), "`max_length` is 0"),
        (lambda: fastpost.plan_windows([OFFSETS], 4, -1, texts=["a"]), "`stride` is -1"),
        (lambda: fastpost.plan_windows(None, 4), "both None"),
        (lambda: fastpost.plan_windows(OFFSETS, 4, texts=["a"], lengths=[3]), "`lengths` adds up to 3"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# two tokenizations -----------------------------------------------------------------------------------------------

# The peer's tables are from an older Unicode, so a character that it does not know may normalise differently here.
known = st.characters(codec="utf-8", exclude_categories=("Cn", "Cs", "Co"))
tokens = st.lists(st.one_of(st.text("abAÅåe\u0301ﬁ½İ中 ", max_size=4), st.text(known, max_size=5)), max_size=8)


@settings(max_examples=400)
@given(tokens, tokens)
@example(["Å", "BC"], ["abc"])
@example(["", "a"], ["a", ""])
def test_alignments_equal_those_of_spacy(a, b):
    assert fastpost.align_tokens(a, b) == spacy_alignments.get_alignments(a, b)


@settings(max_examples=200)
@given(odd_texts)
def test_alignments_of_two_tokenizers_equal_those_of_spacy(text):
    words = [word for word, _ in pre_tokenizers.Split(Regex(r"\s"), "isolated").pre_tokenize_str(text)]
    for kind in FAMILIES[:2]:
        pieces = Tokenizer.from_str(small_tokenizers.trained(kind)).encode(text, add_special_tokens=False).tokens
        assert fastpost.align_tokens(words, pieces) == spacy_alignments.get_alignments(words, pieces)


def test_alignments_take_tokens_only():
    assert fastpost.align_tokens(("New", "York"), ["New York"]) == ([[0], [0]], [[0, 1]])
    with pytest.raises(TypeError, match="`a` is one str"):
        fastpost.align_tokens("ab", ["a"])
    with pytest.raises(TypeError, match=r"`b\[0\]` is of type"):
        fastpost.align_tokens(["a"], [1])
    with pytest.raises(ValueError, match=r"`a\[0\]` is not valid Unicode"):
        fastpost.align_tokens(["\ud800"], ["a"])


# the docs --------------------------------------------------------------------------------------------------------


def test_examples_of_the_docs(capsys):
    page = (ROOT / "docs" / "alignment.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    assert len(examples) == page.count("```python") == 6
    names: dict = {}
    for code, printed in examples:
        exec(code, names)
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("overflowing", [False, True])
def test_labels_have_the_rows_of_a_batch_encoding(overflowing):
    """Windows that were cut off have no row in `input_ids`, though each encoding still holds them."""
    tokenizer = small_tokenizers.fast("wordpiece-cased")
    texts = ["Sarah Johnson lives in London and works there", "ok"]
    spans, ids = [[(0, 22, "PER")], [(0, 2, "PER")]], label2id("IOB2")
    batch = tokenizer(texts, truncation=True, max_length=8, stride=2, return_overflowing_tokens=overflowing)
    found = fastpost.spans_to_labels(batch, spans, label2id=ids)
    assert [len(row) for row in found.labels] == [len(row) for row in batch["input_ids"]]
    assert (len(found.labels) > 2) == overflowing
    assert [misfit.reason for misfit in found.misfits] == ([] if overflowing else ["truncated"])
    if overflowing:
        assert fastpost.labels_to_spans(found.labels, batch, label2id=ids) == spans
    logits = [np.eye(len(ids), dtype=np.float32)[np.maximum(row, 0)] * 9 for row in found.labels]
    entities = fastpost.EntityDecoder(list(ids)).decode(logits, batch, texts)
    owners = batch.get("overflow_to_sample_mapping", [0, 1])
    want = fastpost.EntityDecoder(list(ids)).decode(logits, batch.encodings, texts, windows=owners)
    assert entities.to_dicts() == want.to_dicts()
    assert entities.to_dicts()[1][0]["word"] == "ok"


@pytest.mark.parametrize("wrong", [{0: "O", 1: "B-PER"}, {"O": "0"}])
def test_labels_the_wrong_way_round_are_named(wrong):
    with pytest.raises(TypeError, match="pass a dict from label names to ids"):
        fastpost.spans_to_labels([OFFSETS], [[]], label2id=wrong)


@pytest.mark.parametrize(
    "names",
    [
        ["[PAD]", "O", "B-x", "I-x"],
        ["X", "OUTSIDE", "O", "B-x", "I-x"],
        ["<unk>", "NONE", "B-x", "I-x"],
        ["OTHER", "B-x"],
    ],
)
def test_tokens_outside_are_not_labelled_as_special_ones(names):
    ids = {name: number for number, name in enumerate(names)}
    found = fastpost.spans_to_labels([[(0, 1), (2, 3)]], [[(2, 3, "x")]], label2id=ids)
    outside = next(name for name in ("O", "NONE", "OTHER") if name in ids)
    assert [names[label] for label in found.labels[0].tolist()] == [outside, "B-x"]


PER = {"O": 0, "B-PER": 1, "I-PER": 2}


def test_a_text_cut_on_the_left_begins_with_a_label_that_opens():
    found = fastpost.spans_to_labels([[(5, 8), (9, 12)]], [[(0, 12, "PER")]], label2id=PER)
    assert [misfit.reason for misfit in found.misfits] == ["truncated"]
    assert found.labels[0].tolist() == [PER["B-PER"], PER["I-PER"]]


def test_the_rest_of_a_token_that_the_window_before_saw_the_beginning_of_is_of_its_span():
    labels = [[PER["B-PER"], PER["I-PER"]], [PER["I-PER"]]]
    found = fastpost.labels_to_spans(labels, [[(0, 3), (3, 5)], [(3, 8)]], label2id=PER, windows=[0, 0])
    assert found == [[(0, 8, "PER")]]


@pytest.mark.parametrize(("repair", "count"), [("conlleval", 1), ("discard", 0)])
def test_an_entity_without_its_last_label_is_discarded(repair, count):
    ids = {name: number for number, name in enumerate(["O", "B-x", "I-x", "E-x", "S-x"])}
    found = fastpost.labels_to_spans([[1, 2, 0]], [[(0, 1), (1, 2), (2, 3)]], label2id=ids, repair=repair)
    assert len(found[0]) == count


def test_tokens_of_one_character_are_of_one_word():
    offsets, text = [(0, 1), (1, 2), (1, 2)], "\u6771\u4eac"
    plan = fastpost.plan_windows([offsets], 2, 0, texts=[text])
    assert list(zip(plan.start.tolist(), plan.end.tolist())) == [(0, 1), (1, 3)]
