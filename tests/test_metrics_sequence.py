"""`fastpost.metrics` gives the numbers and reports of seqeval 1.2.2, to the last bit and character.

5,500 examples by default; `FASTPOST_PARITY_EXAMPLES` sets another total.
"""

import itertools
import json
import math
import os
import random
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastpost.metrics as ours
import strategies as draws

theirs = pytest.importorskip("seqeval.metrics")
from seqeval import scheme as schemes  # noqa: E402
from seqeval.metrics import sequence_labeling as internals  # noqa: E402
from seqeval.metrics import v1  # noqa: E402
from sklearn.exceptions import UndefinedMetricWarning  # noqa: E402

TOTAL = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "5500"))
AVERAGES = (None, "micro", "macro", "weighted")
SCORES = ("precision_score", "recall_score", "f1_score")
SCHEMES = {"IOB1": "IB", "IOB2": "IB", "IOE1": "IE", "IOE2": "IE", "IOBES": "IBES", "BILOU": "IBLU"}


def share(part: int):
    """`part` examples of 5,500, scaled to the total asked for."""
    return settings(max_examples=max(1, TOTAL * part // 5500))


# --- what to draw -------------------------------------------------------------------------------------------

ODD = (
    "O", "O", "O", "B-PER", "I-PER", "E-PER", "S-PER", "B-ORG", "I-ORG", "E-ORG", "S-ORG", "B-date-time", "I-date-time",
    "B--PER", "I-PER-", "BPER", "IPER", "BP-ER", "B", "I", "E", "S", "B-", "I-", "-", "--", "-B", "-I", "X", "X-PER",
    "U-PER", "L-PER", "O-PER", "O-", ".", ".-PER", "o", "b-PER", "PER-B", "PER-I", "PER-E", "PER-S", "ORG-B", "ORG-I",
    "date-time-B", "date-time-I", "PERB", "B-PER-I", "I-B-PER", "é-PER", "PER-é", "地", "B-地", "I-地", "B-😀", "B ", " ",
    "B-micro avg", "B-a label that is long", "B-_", "I-_", "\x00", "B-\x00",
)  # fmt: skip
TYPE_SETS = (("A",), ("PER", "ORG"), ("PER", "date-time", ""), ("-PER-", "PER", "地"), ("weighted avg", "A", "a"))


def pairs_of(tags, longest=9, most=5):
    """Pairs of tag sequences of equal lengths; half of the predicted tags are the true ones.

    The lengths and a seed are drawn: drawing tags one by one would take longer than the test.
    """

    def rows(lengths, seed):
        rng = random.Random(seed)
        true = [rng.choices(tags, k=length) for length in lengths]
        return true, [[tag if rng.random() < 0.5 else rng.choice(tags) for tag in row] for row in true]

    lengths = st.lists(st.integers(0, longest), min_size=1, max_size=most)
    return st.builds(rows, lengths, st.integers(0, 2**32 - 1))


def tags_of(letters: str, types, suffix: bool) -> list[str]:
    named = [f"{name}-{letter}" if suffix else f"{letter}-{name}" for letter in letters for name in types]
    return ["O", "O", *named, *letters]


@st.composite
def strict_cases(draw):
    name = draw(draws.evenly(tuple(SCHEMES)))
    suffix = draw(st.booleans())
    types = draw(draws.evenly(TYPE_SETS))
    return name, suffix, draw(pairs_of(tags_of(SCHEMES[name], types, suffix)))


# --- how to compare -----------------------------------------------------------------------------------------


def run(function, *arguments, **options):
    """The result or error of a call, and its warnings, each text once."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = function(*arguments, **options)
        except Exception as error:
            result = error
    undefined = {str(w.message) for w in seen if issubclass(w.category, UndefinedMetricWarning)}
    odd = {str(w.message) for w in seen if w.category is UserWarning}
    of_nothing = any(w.category is RuntimeWarning for w in seen)
    return result, undefined, odd, of_nothing


def same(got, want) -> bool:
    """Equal to the last bit; NaN equals NaN."""
    if isinstance(want, dict):
        return list(got) == list(want) and all(same(got[key], want[key]) for key in want)
    if isinstance(want, (tuple, list)):
        return len(got) == len(want) and all(same(*pair) for pair in zip(got, want))
    if isinstance(want, np.ndarray):
        return isinstance(got, np.ndarray) and got.dtype.kind == want.dtype.kind and np.array_equal(got, want)
    if isinstance(want, float) and math.isnan(want):
        return math.isnan(got)
    return got == want


def compare(name: str, *arguments, **options):
    want, *wanted = run(getattr(theirs, name, None) or getattr(internals, name), *arguments, **options)
    got, *given_ = run(getattr(ours, name), *arguments, **options)
    if isinstance(want, Exception):
        assert type(got) is type(want), f"{name}: {got!r} for {want!r}"
    else:
        assert same(got, want), f"{name}{arguments} {options}\n{got}\n{want}"
    assert given_ == wanted, f"{name}{arguments} {options}"
    return got


# --- random tags --------------------------------------------------------------------------------------------


@share(1900)
@given(pairs_of(ODD), st.booleans(), draws.evenly(AVERAGES), draws.evenly(SCORES), draws.evenly(("warn", 0, 1)))
def test_lenient(pairs, suffix, average, score, zero_division):
    true, predicted = pairs
    found = compare("get_entities", true, suffix)
    compare("get_entities", predicted[0], suffix)
    compare(score, true, predicted, average=average, suffix=suffix, zero_division=zero_division)
    compare("classification_report", true, predicted, suffix=suffix, output_dict=True, zero_division=zero_division)
    if found:
        compare("classification_report", true, predicted, suffix=suffix, digits=1 + len(true), zero_division=0)
    compare("performance_measure", true, predicted)
    if any(true):
        compare("accuracy_score", true, predicted)
    if true[0]:
        compare("accuracy_score", true[0], predicted[0])


@share(2100)
@given(strict_cases(), st.booleans(), draws.evenly(AVERAGES), draws.evenly(SCORES), draws.evenly(("warn", 0, 1)))
def test_strict(case, text, average, score, zero_division):
    name, suffix, (true, predicted) = case
    scheme = getattr(schemes, name)
    options = {"mode": "strict", "suffix": suffix, "zero_division": zero_division}
    found = compare("classification_report", true, predicted, **options, scheme=scheme, output_dict=True)
    assert same(
        run(ours.classification_report, true, predicted, **options, scheme=name.lower(), output_dict=True)[0], found
    )
    if text and len(found) > 3:
        compare("classification_report", true, predicted, 3, **options, scheme=scheme)
    compare(score, true, predicted, average=average, scheme=scheme, **options)
    if not text:
        compare("classification_report", true, predicted, **options, output_dict=True)


@share(500)
@given(pairs_of(tags_of("IBESLU", ("A", "B"), False), 4, 2), draws.evenly((*SCHEMES, None)))
def test_strict_tags_of_other_schemes(pairs, name):
    """A scheme is detected, and a tag outside the scheme is an error."""
    scheme = name and getattr(schemes, name)
    compare("classification_report", *pairs, mode="strict", scheme=scheme, output_dict=True)


@share(550)
@given(
    pairs_of(tags_of("IBES", "ABCDEFGHIJK", False), 30, 8),
    draws.evenly(AVERAGES),
    draws.evenly((0, 0.5, 1, 2.0, float("inf"))),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_many_types(pairs, average, beta, strict):
    """More types than NumPy adds in sequence."""
    options = {"average": average, "beta": beta}
    if not strict:
        compare("precision_recall_fscore_support", *pairs, **options)
        return
    got = ours.precision_recall_fscore_support(*pairs, **options, mode="strict", scheme="IOBES", zero_division=0)
    want = v1.precision_recall_fscore_support(*pairs, **options, scheme=schemes.IOBES, zero_division=0)
    assert same(got, want)


# --- truth tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("name", list(SCHEMES))
def test_truth_table_of_a_scheme(name, length, suffix):
    """All sequences of up to three tags with two types: the spans are equal, not only their number."""
    tags = ["O", *(f"{t}-{x}" if suffix else f"{x}-{t}" for x in SCHEMES[name] for t in "AB")]
    rows = [list(row) for row in itertools.product(tags, repeat=length)]
    want = [
        (number, (entity.start, entity.end, entity.tag))
        for number, row in enumerate(schemes.Entities(rows, getattr(schemes, name), suffix).entities)
        for entity in row
    ]
    nothing = [["O"] * length for _ in rows]
    missed = ours.error_list(rows, nothing, mode="strict", scheme=name, suffix=suffix)
    assert [(error["text_index"], error["true"]) for error in missed] == want
    assert {error["kind"] for error in missed} == {"missed"}


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_truth_table_of_the_lenient_reading(length, suffix):
    tags = [t if not t else x + "-" + t if not suffix else t + "-" + x for x in "O.BIESX" for t in "AB"]
    tags += list("O.BIESX")
    rows = [list(row) for row in itertools.product(tags, repeat=length)]
    assert ours.get_entities(rows, suffix) == internals.get_entities(rows, suffix)
    for row in rows[:: 1 if length < 3 else 7]:
        assert ours.get_entities(row, suffix) == internals.get_entities(row, suffix)


# --- other forms of the same --------------------------------------------------------------------------------

LABELS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]
TRUE = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG"], []]
PREDICTED = [["B-PER", "I-PER", "O", "B-PER"], ["B-ORG", "I-ORG", "I-ORG"], []]
SPANS = [[(0, 2, "PER"), (3, 4, "ORG")], [(1, 3, "ORG")], []]
PREDICTED_SPANS = [[(0, 2, "PER"), (3, 4, "PER")], [(0, 3, "ORG")], []]


@st.composite
def id_cases(draw):
    """Ids with ignored tokens in the middle, and the tags that a loop makes of them."""
    true = draw(st.lists(st.lists(st.integers(-1, 4), min_size=3, max_size=3), min_size=1, max_size=4))
    predicted = [[draw(st.integers(0, 4)) for _ in row] for row in true]
    true = [[-100 if label < 0 else label for label in row] for row in true]
    return true, predicted


@share(300)
@given(id_cases())
def test_label_ids(case):
    true, predicted = case
    kept = [[t != -100 for t in row] for row in true]
    tags = [
        [[LABELS[label] for label, keep in zip(row, keeps) if keep] for row, keeps in zip(rows, kept)]
        for rows in (true, predicted)
    ]
    want = run(ours.classification_report, *tags)
    arrays = np.array(true), np.array(predicted, np.int32)
    for form in ((true, predicted), arrays, (list(arrays[0]), list(arrays[1])), (arrays[0].T.copy().T, arrays[1])):
        assert run(ours.classification_report, *form, id2label=LABELS) == want
    assert run(ours.f1_score, *arrays, id2label=dict(enumerate(LABELS))) == run(ours.f1_score, *tags)
    assert ours.error_kinds(*arrays, id2label=LABELS) == ours.error_kinds(*tags)
    assert ours.performance_measure(*arrays, id2label=LABELS) == ours.performance_measure(*tags)
    if any(map(any, kept)):
        assert ours.accuracy_score(*arrays, id2label=LABELS) == ours.accuracy_score(*tags)
    moved = np.where(arrays[0] == -100, 7, arrays[0])
    assert run(ours.classification_report, moved, predicted, id2label=LABELS, ignore_index=7) == want


def test_label_ids_of_torch():
    torch = pytest.importorskip("torch")
    true, predicted = torch.tensor([[1, 2, -100]]), torch.tensor([[1, 2, 0]])
    assert ours.f1_score(true, predicted, id2label=LABELS) == 1.0


def test_label_ids_of_one_text_and_of_none():
    assert ours.f1_score([1, 2, 0], np.array([1, 2, 0]), id2label=LABELS) == 1.0
    assert ours.f1_score([[], [1]], [[], (1,)], id2label=LABELS) == 1.0
    assert ours.f1_score([[]], [[]], id2label=LABELS, zero_division=np.int64(1)) == 1.0
    columns = np.array([None, None], object)
    columns[:] = [np.array([1, 2]), np.array([0])]
    assert ours.f1_score(columns, [[1, 2], [0]], id2label=LABELS) == 1.0
    with pytest.raises(TypeError, match="`ignore_index` is None"):
        ours.f1_score([[1]], [[1]], id2label=LABELS, ignore_index=None)


def test_what_a_row_raises_comes_through():
    def fails():
        yield "O"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        ours.f1_score([fails()], [["O", "O"]])


def test_threads_beside_each_other():
    rows = [["B-PER", "I-PER", "O"] * 10 for _ in range(500)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: ours.f1_score(rows, rows), range(32))) == {1.0}


def test_two_ids_of_one_name():
    assert ours.accuracy_score([[1, 2]], [[1, 3]], id2label=["O", "B-A", "I-A", "I-A"]) == 1.0


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: rows,
        lambda rows: tuple(map(tuple, rows)),
        lambda rows: (iter(row) for row in rows),
        lambda rows: [np.array(row, str) for row in rows],
        lambda rows: np.array([np.array(row, object) for row in rows], object),
    ],
)
def test_rows_of_any_kind(form):
    want = theirs.classification_report(TRUE, PREDICTED)
    assert ours.classification_report(form(TRUE), form(PREDICTED)) == want


def test_data_frames():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    want = theirs.classification_report(TRUE, PREDICTED)
    frame = pandas.DataFrame({"true": TRUE, "predicted": PREDICTED})
    assert ours.classification_report(frame["true"], frame["predicted"]) == want
    columns = polars.DataFrame({"true": TRUE, "predicted": PREDICTED})
    assert ours.classification_report(columns["true"], columns["predicted"]) == want
    arrow = columns.to_arrow()
    assert ours.classification_report(arrow["true"], arrow["predicted"]) == want


class Text(str):
    __slots__ = ()


def test_strings_that_are_not_the_same_object():
    rows = [[Text(tag) if number % 2 else (tag + " ")[:-1] for number, tag in enumerate(row)] for row in TRUE]
    assert ours.f1_score(rows, TRUE) == 1.0


def test_more_strings_than_the_cache_holds():
    true = [[f"B-{number}" for number in range(5000)]]
    assert ours.f1_score(true, [list(true[0])]) == 1.0
    predicted = [[f"B-{number % 4999}" for number in range(5000)]]
    assert ours.f1_score(true, predicted) == theirs.f1_score(true, predicted)


def as_dicts(rows, key):
    return [[{"start": s, "end": e, key: name, "score": 1.0} for s, e, name in row] for row in rows]


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: rows,
        lambda rows: tuple(rows),
        lambda rows: [[list(span) for span in row] for row in rows],
        lambda rows: as_dicts(rows, "label"),
        lambda rows: as_dicts(rows, "entity_group"),
        lambda rows: [[*row, *row][::-1] for row in rows],
    ],
)
def test_spans(form):
    true, predicted = form(SPANS), form(PREDICTED_SPANS)
    want = theirs.classification_report(TRUE, PREDICTED, mode="strict", scheme=schemes.IOB2)
    assert ours.classification_report(true, predicted) == want
    assert ours.error_kinds(true, predicted) == ours.error_kinds(TRUE, PREDICTED)
    assert ours.error_list(true, predicted) == ours.error_list(TRUE, PREDICTED, mode="strict")


@given(strict_cases())
@share(150)
def test_spans_of_tags(case):
    """The spans of the tags score as the tags do."""
    name, suffix, (true, predicted) = case

    def spans(rows):
        found = schemes.Entities(rows, getattr(schemes, name), suffix).entities
        return [[(e.start, e.end, e.tag) for e in row] for row in found]

    options = {"mode": "strict", "scheme": name, "suffix": suffix}
    from_tags = run(ours.classification_report, true, predicted, **options, output_dict=True)
    from_spans = run(ours.classification_report, spans(true), spans(predicted), output_dict=True)
    assert same(list(from_spans), list(from_tags))
    kinds = ours.error_kinds(true, predicted, **options)
    assert kinds == ours.error_kinds(spans(true), spans(predicted))
    for label, row in kinds.items():
        support = sum(e[2] == label for text in spans(true) for e in text)
        assert sum(row.values()) - row["spurious"] == support
        assert row["correct"] == sum(e[2] == label and e in p for t, p in zip(spans(true), spans(predicted)) for e in t)


def test_entities_of_a_decoder():
    from fastpost import EntityDecoder

    decoder = EntityDecoder(LABELS, compat="transformers")
    ids = [[1, 2, 0, 3], [0, 3, 4, 0]]
    logits = np.eye(5, dtype=np.float32)[ids] * 9
    offsets = np.array([[(i, i + 1) for i in range(4)]] * 2)
    entities = decoder.decode(logits, offsets=offsets, texts=["abcd", "abcd"])
    assert ours.f1_score(SPANS[:2], entities) == 1.0
    assert ours.f1_score(entities, entities) == 1.0
    assert ours.error_kinds(SPANS, [*PREDICTED_SPANS[:1], [], []])["ORG"]["missed"] == 1
    with pytest.raises(ValueError, match="`y_true` has 3 sequences but `y_pred` has 2"):
        ours.f1_score(SPANS, entities)
    with pytest.raises(ValueError, match="without places"):
        ours.f1_score(SPANS[:2], decoder.decode(logits))


# --- kinds of errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("true", "predicted", "want"),
    [
        ([(0, 2, "A")], [(0, 2, "A")], {"A": "correct"}),
        ([(0, 2, "A")], [(0, 2, "B")], {"A": "wrong_label", "B": None}),
        ([(0, 2, "A")], [(1, 3, "A")], {"A": "wrong_boundary"}),
        ([(0, 2, "A")], [(1, 3, "B")], {"A": "wrong_both", "B": None}),
        ([(0, 2, "A")], [], {"A": "missed"}),
        ([], [(0, 2, "B")], {"B": "spurious"}),
        ([(0, 2, "A")], [(2, 4, "A")], {"A": ("missed", "spurious")}),
        # One prediction matches one entity: the rest is missed or spurious.
        ([(0, 2, "A"), (3, 5, "A")], [(0, 5, "A")], {"A": ("wrong_boundary", "missed")}),
        ([(0, 5, "A")], [(0, 2, "A"), (3, 5, "A")], {"A": ("wrong_boundary", "spurious")}),
        # The same label comes before the larger overlap, the same span before the same label.
        ([(0, 9, "A")], [(0, 8, "B"), (8, 9, "A")], {"A": "wrong_boundary", "B": "spurious"}),
        ([(0, 9, "A")], [(0, 9, "B"), (0, 8, "A")], {"A": ("wrong_label", "spurious"), "B": None}),
        # An empty span overlaps nothing.
        ([(1, 1, "A")], [(0, 3, "A")], {"A": ("missed", "spurious")}),
    ],
)
def test_error_kinds(true, predicted, want):
    got = ours.error_kinds([true], [predicted])
    none = dict.fromkeys(("correct", "wrong_label", "wrong_boundary", "wrong_both", "missed", "spurious"), 0)
    for label, kinds in want.items():
        kinds = (kinds,) if isinstance(kinds, str) else kinds or ()
        assert got[label] == {**none, **dict.fromkeys(kinds, 1)}
    assert list(got) == sorted(want)


def test_error_list():
    assert ours.error_list(TRUE, PREDICTED) == [
        {"text_index": 0, "kind": "wrong_label", "true": (3, 4, "ORG"), "predicted": (3, 4, "PER")},
        {"text_index": 1, "kind": "wrong_boundary", "true": (1, 3, "ORG"), "predicted": (0, 3, "ORG")},
    ]


def test_the_larger_overlap_is_the_pair_and_pairs_stand_in_the_order_of_the_text():
    true = [(0, 9, "A"), (20, 22, "A"), (30, 32, "A")]
    predicted = [(0, 3, "A"), (2, 9, "A"), (30, 32, "B")]
    assert [(pair["kind"], pair["true"], pair["predicted"]) for pair in ours.error_list([true], [predicted])] == [
        ("spurious", None, (0, 3, "A")),
        ("wrong_boundary", (0, 9, "A"), (2, 9, "A")),
        ("missed", (20, 22, "A"), None),
        ("wrong_label", (30, 32, "A"), (30, 32, "B")),
    ]


def test_many_overlapping_spans():
    rows = [(i, 2000 + i, "A") for i in range(500)]
    got = ours.error_kinds([rows], [[(s, e + 1, name) for s, e, name in rows]])
    assert got["A"]["wrong_boundary"] == 500


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "match", "arguments"),
    [
        (TypeError, "without list of list: `y_true` is of type str", ("O", [["O"]])),
        (TypeError, "without list of list: `y_true\\[0\\]` is of type <class 'str'>", (["O"], ["O"])),
        (TypeError, "without list of list: `y_true\\[0\\]`", ([{"O"}], [["O"]])),
        (TypeError, "without list of list: `y_pred\\[0\\]`", ([["O"]], [{"O": 1}])),
        (TypeError, "are empty", ([], [])),
        (TypeError, "without list of list: `y_true\\[0\\]` is of type <class 'int'>", ([1], [1])),
        (TypeError, "without list of list: `y_true` is of type NoneType", (None, None)),
        (TypeError, "`y_pred\\[0\\]\\[1\\]` is of type <class 'int'>; every tag is a str", ([["O", "O"]], [["O", 1]])),
        (TypeError, "holds label ids; pass `id2label`", ([[1]], [[1]])),
        (TypeError, "`y_true` holds tags but `y_pred` holds spans", ([["O"]], [[(0, 1, "A")]])),
        (TypeError, "`y_true\\[0\\]\\[0\\]` is \\(0, 1\\); a span is", ([[(0, 1)]], [[]])),
        (TypeError, "a span is \\(start, end, label\\)", ([[("A", 0, 1)]], [[]])),
        (TypeError, "`y_true` holds spans without a list around them", ([(0, 1, "A")], [(0, 1, "A")])),
        (TypeError, "without list of list: `y_true\\[0\\]` is of type <class 'object'>", ([object()], [["O"]])),
        (TypeError, "a span is", ([[{"start": 0, "end": 1}]], [[]])),
        (TypeError, "a span is", ([[(0, 1, 5)]], [[]])),
        (ValueError, "has a span from 3 to 1", ([[(3, 1, "A")]], [[]])),
        (ValueError, "`y_true` has 1 sequence but `y_pred` has 2", ([["O"]], [["O"], ["O"]])),
        (ValueError, "`y_true\\[1\\]` has 1 tag but `y_pred\\[1\\]` has 2", ([[], ["O"]], [[], ["O", "O"]])),
        (ValueError, "`y_true\\[0\\]\\[0\\]` is not valid Unicode", ([["B-\ud800"]], [["O"]])),
    ],
)
def test_bad_input(error, match, arguments):
    with pytest.raises(error, match=match):
        ours.f1_score(*arguments)
    with pytest.raises(error, match=match):
        ours.error_kinds(*arguments)


@pytest.mark.parametrize(
    ("error", "match", "true", "predicted"),
    [
        (ValueError, "`y_true\\[0\\]\\[1\\]` is the label id 5 but `id2label` names 5 labels", [[0, 5]], [[0, 0]]),
        (ValueError, "`y_pred\\[0\\]\\[1\\]` is the label id -100", [[0, 1]], [[0, -100]]),
        (ValueError, "`y_true\\[0\\]` has 2 tags but `y_pred\\[0\\]` has 3", [[0, 1]], [[0, 0, 0]]),
        (TypeError, "`y_true` holds tags; with `id2label` pass label ids", [["O"]], [["O"]]),
        (TypeError, "`y_true` is of type float64", np.zeros((1, 2)), [[0, 0]]),
        (TypeError, "`y_true` is of type float64", [[0.5, 1.0]], [[0, 0]]),
        (TypeError, "`y_true` holds None; pass an array of numbers", [[None]], [[0]]),
        (TypeError, "`y_pred` is of type float32", [[0, 0]], np.zeros((1, 2, 5), np.float32)),
        (TypeError, "`y_true` has 3 dimensions", np.zeros((1, 2, 5), int), [[0, 0]]),
        (TypeError, "`y_true` is of type NoneType", None, [[0]]),
        (TypeError, "`y_true` is of type dict", {"a": [1]}, [[0]]),
        (TypeError, "`y_true` holds spans", SPANS, [[0]]),
    ],
)
def test_bad_label_ids(error, match, true, predicted):
    with pytest.raises(error, match=match):
        ours.f1_score(true, predicted, id2label=LABELS)


@pytest.mark.parametrize(
    ("match", "options"),
    [
        ("`average` is 'samples'; average has to be one of", {"average": "samples"}),
        ("`scheme` is 'IO'; pass BIO", {"scheme": "IO", "mode": "strict"}),
        ("`scheme` is <class 'int'>", {"scheme": int, "mode": "strict"}),
    ],
)
def test_bad_options(match, options):
    with pytest.raises(ValueError, match=match):
        ours.f1_score(TRUE, TRUE, **options)


def test_errors_name_the_tag():
    with pytest.raises(
        ValueError, match=r"Invalid token is found: `y_pred\[0\]\[3\]` is \"E-PER\" but the prefixes of IOB2"
    ):
        ours.f1_score(TRUE, [["O", "O", "O", "E-PER"], *TRUE[1:]], mode="strict", scheme="IOB2")
    with pytest.raises(ValueError, match="This scheme is not supported: `y_true` has O, which fits none of IOB2"):
        ours.classification_report([["O"]], [["O"]], mode="strict")
    with pytest.raises(ValueError, match="`digits` is -1"):
        ours.classification_report(TRUE, TRUE, digits=-1)
    with pytest.raises(TypeError, match="this score counts tokens"):
        ours.accuracy_score(SPANS, SPANS)


# --- differences on purpose ---------------------------------------------------------------------------------


def test_difference_numbers_are_pythons():
    """seqeval gives NumPy's numbers, which `json.dumps` refuses."""
    found = ours.classification_report(TRUE, PREDICTED, output_dict=True)
    assert found == theirs.classification_report(TRUE, PREDICTED, output_dict=True)
    assert json.loads(json.dumps(found)) == found
    assert type(ours.f1_score(TRUE, PREDICTED)) is float
    assert [type(x) for x in ours.precision_recall_fscore_support(TRUE, PREDICTED, average="macro")][2:] == [float, int]
    with pytest.raises(TypeError):
        json.dumps(theirs.classification_report(TRUE, PREDICTED, output_dict=True))


def test_difference_a_report_without_entities():
    """seqeval fails on `max()` of an empty list, which happens if a model has not learnt anything yet."""
    with pytest.raises(ValueError, match="max"):
        theirs.classification_report([["O"]], [["O"]])
    with pytest.warns(RuntimeWarning, match="macro average of no labels"):
        report = ours.classification_report([["O"]], [["O"]], zero_division=0)
    assert [line.split() for line in report.splitlines()] == [
        ["precision", "recall", "f1-score", "support"],
        [],
        [],
        ["micro", "avg", "0.00", "0.00", "0.00", "0"],
        ["macro", "avg", "nan", "nan", "nan", "0"],
        ["weighted", "avg", "0.00", "0.00", "0.00", "0"],
    ]


@pytest.mark.filterwarnings("ignore:invalid value encountered in scalar divide")
def test_difference_the_macro_average_of_nothing_warns_once():
    """seqeval gives nan, too, and two warnings of NumPy."""
    nothing = ([["O"]], [["O"]])
    for function, count in ((theirs.f1_score, 2), (ours.f1_score, 1)):
        with pytest.warns(RuntimeWarning, match="Mean of empty slice") as seen:
            assert math.isnan(function(*nothing, average="macro", zero_division=0))
        assert len({str(warning.message) for warning in seen}) == count


@pytest.mark.filterwarnings("ignore:.*seems not to be NE tag")
def test_difference_an_empty_tag():
    """seqeval fails on the first letter of an empty tag."""
    for options in ({}, {"mode": "strict", "scheme": schemes.IOB2}):
        with pytest.raises(IndexError):
            theirs.f1_score([["O", ""]], [["O", "O"]], **options)
        with pytest.raises(ValueError, match=r"`y_true\[0\]\[1\]` is an empty tag"):
            ours.f1_score([["O", ""]], [["O", "O"]], **options)
    with pytest.raises(ValueError, match=r"`seq\[0\]\[0\]` is an empty tag"):
        ours.get_entities([""])
    assert ours.accuracy_score([[""]], [[""]]) == 1.0


def test_difference_an_unknown_prefix_in_strict_mode():
    """seqeval raises the `KeyError` of a look-up."""
    arguments = ([["B-A"]], [["X-A"]])
    with pytest.raises(KeyError):
        theirs.f1_score(*arguments, mode="strict", scheme=schemes.IOB2)
    with pytest.raises(ValueError, match=r"`y_pred\[0\]\[0\]` is \"X-A\" but the prefixes of IOB2 are O, I, B"):
        ours.f1_score(*arguments, mode="strict", scheme=schemes.IOB2)


def test_difference_token_scores_of_unequal_lengths():
    """seqeval lays the sequences end to end, cuts off what is too long, and compares tokens that are not the same."""
    arguments = ([["O"], ["B-A"]], [["O", "O"], ["B-A"]])
    assert theirs.accuracy_score(*arguments) == 0.5
    for function in (ours.accuracy_score, ours.performance_measure):
        with pytest.raises(ValueError, match=r"`y_true\[0\]` has 1 tag but `y_pred\[0\]` has 2"):
            function(*arguments)


def test_difference_the_accuracy_of_nothing_says_so():
    with pytest.raises(ZeroDivisionError, match="division"):
        theirs.accuracy_score([[]], [[]])
    with pytest.raises(ZeroDivisionError, match="`y_true` holds no token"):
        ours.accuracy_score([[]], [[]])


@pytest.mark.parametrize("value", [2, -1, "zero", None, float("nan")])
def test_difference_zero_division_is_checked(value):
    """seqeval takes all but 0 and "warn" for 1."""
    assert run(theirs.f1_score, [["O"]], [["O"]], zero_division=value)[0] == 1.0
    with pytest.raises(ValueError, match="`zero_division` is"):
        ours.f1_score([["O"]], [["O"]], zero_division=value)


def test_difference_an_unknown_mode():
    """seqeval takes the value for the default."""
    assert theirs.f1_score(TRUE, TRUE, mode="stricter") == 1.0
    with pytest.raises(ValueError, match="`mode` is 'stricter'"):
        ours.f1_score(TRUE, TRUE, mode="stricter")


def test_difference_options_without_effect_warn():
    """seqeval does not warn; the numbers are the same."""
    broken = [["I-PER", "I-PER", "O", "B-ORG"], *TRUE[1:]]
    for options, match in (
        ({"mode": "strict"}, "reads nothing strictly without `scheme`"),
        ({"scheme": schemes.IOB2}, "no effect without mode"),
        ({"sample_weight": [1, 2, 3]}, "`sample_weight` has no effect"),
    ):
        with pytest.warns(UserWarning, match=match):
            assert ours.f1_score(TRUE, broken, **options) == theirs.f1_score(TRUE, broken, **options) == 1.0
    assert ours.f1_score(TRUE, broken, mode="strict", scheme="auto") < 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ours.f1_score(SPANS, SPANS, mode="strict") == 1.0


def test_difference_odd_tags_are_named_once():
    """seqeval warns of each tag at each token, ten times for a report."""
    arguments = ([["X-A", "X-A", "B-A"]], [["X-A", "Y", "B-A"]])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ours.classification_report(*arguments)
    seen = [w for w in seen if w.category is UserWarning]
    assert [str(w.message) for w in seen] == ["X-A seems not to be NE tag.", "Y seems not to be NE tag."]
    assert {w.filename for w in seen} == {__file__}


def test_difference_rows_that_are_no_lists():
    """seqeval takes lists of lists only."""
    with pytest.raises(TypeError):
        theirs.f1_score(tuple(TRUE), [tuple(row) for row in TRUE])
    assert ours.f1_score(tuple(TRUE), [tuple(row) for row in TRUE]) == 1.0


def test_difference_label_ids_need_their_names():
    """seqeval's token scores compare whatever they are given."""
    assert theirs.accuracy_score([[1, 2]], [[1, 0]]) == 0.5
    with pytest.raises(TypeError, match="pass `id2label`"):
        ours.accuracy_score([[1, 2]], [[1, 0]])
    assert ours.accuracy_score([[1, 2]], [[1, 0]], id2label=LABELS) == 0.5


# --- what it needs ------------------------------------------------------------------------------------------


def test_it_needs_neither_seqeval_nor_sklearn(python):
    script = """
import sys, warnings
for name in ("seqeval", "sklearn", "scipy"):
    sys.modules[name] = None
import fastpost.metrics as m
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    print(m.f1_score([["B-A"]], [["O"]]), m.f1_score([["O"]], [["O"]]), [w.category.__name__ for w in seen])
    print([w.category is m.UndefinedMetricWarning for w in seen], "torch" in sys.modules)
"""
    assert python(script).split("\n")[:2] == ["0.0 0.0 ['UndefinedMetricWarning']", "[True] False"]


def test_warnings_are_both_ours_and_sklearns():
    assert "sklearn.exceptions" in sys.modules
    for category in (UndefinedMetricWarning, ours.UndefinedMetricWarning):
        with pytest.warns(category, match="F-score is ill-defined"):
            ours.f1_score([["O"]], [["O"]])
