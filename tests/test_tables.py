"""Arrow tables for engines: texts in every layout, null by null, and what is refused."""

import pytest

pa = pytest.importorskip("pyarrow")

from fastpost.integrations.reader import Found  # noqa: E402
from fastpost.integrations.tables import corpus, text_column, with_entities  # noqa: E402

ENDS = pa.array([2, 3, 4], pa.int32())
RUNS = pa.RunEndEncodedArray.from_arrays(ENDS, pa.array(["x", None, "y"]))
LAYOUTS = {
    "strings": pa.array(["x", "x", None, "y"]),
    "large": pa.array(["x", "x", None, "y"], pa.large_string()),
    "views": pa.array(["x", "x", None, "y"]).cast(pa.string_view()),
    "dictionary": pa.array(["x", "x", None, "y"]).dictionary_encode(),
    "runs": RUNS,
    "runs of a dictionary": pa.RunEndEncodedArray.from_arrays(ENDS, pa.array(["x", None, "y"]).dictionary_encode()),
    "dictionary of runs": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3]), RUNS),
}


def read(texts):
    return [[Found(0, 1, text, 0.5)] for text in texts]


@pytest.mark.parametrize("column", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("start", [0, 1, 3])
def test_a_text_column_of_every_layout(column, start):
    want = ["x", "x", None, "y"][start:]
    table = pa.table({"text": column}).slice(start)
    for one in (table, *table.to_batches()):
        assert text_column(one, "text").to_pylist() == want
        assert [text for batch in corpus([one], "text") for text in batch] == [text for text in want if text]
        found = with_entities(one, read, "text", "entities").column("entities").to_pylist()
        assert [None if row is None else row[0]["label"] for row in found] == want


def test_nothing_but_nulls():
    assert corpus([pa.record_batch({"text": pa.array([None, None], pa.string())})], "text") == ()
    assert corpus([pa.record_batch({"text": pa.nulls(2)})], "text") == ()


def test_a_run_longer_than_memory_is_read_as_it_comes():
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2**40], pa.int64()), pa.array(["x"]))
    assert next(iter(corpus([pa.record_batch({"text": runs})], "text")))[:2] == ["x", "x"]


@pytest.mark.parametrize(
    ("column", "kind", "says"),
    [
        (pa.array([1]), TypeError, r"`column` is 'text', which holds int64; pass one that holds strings"),
        (pa.array([[1]]), TypeError, r"which holds list<"),
        (pa.array([1]).dictionary_encode(), TypeError, r"which holds dictionary<values=int64"),
        (
            pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int16()), pa.array([b"x"])),
            TypeError,
            "which holds run_end",
        ),
        (None, ValueError, r"`column` is 'text', but the columns are `a`$"),
    ],
)
def test_what_is_no_text_column(column, kind, says):
    with pytest.raises(kind, match=says) as raised:
        text_column(pa.table({"a": [1]} if column is None else {"text": column}), "text")
    assert raised.value.argument == "column"
