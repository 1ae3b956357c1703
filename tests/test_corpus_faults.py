"""Faults in texts and in arguments of `Corpus`: each error names the fault and carries it as fields."""

import copy
import datetime
import decimal
import importlib
import io
import json
import math
import pickle

import numpy as np
import pytest

from fastpost import Corpus, CorpusError, WordCounts
from training_bases import untrained


def texts_of(corpus):
    return [text for batch in corpus for text in batch]


def rows_of(corpus):
    return [(text, json.loads(row)) for batch in corpus.records() for text, row in zip(batch.texts, batch.kept or ())]


def test_an_error_carries_what_it_speaks_of(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\n{"body": "b"}\n')
    with pytest.raises(CorpusError) as raised:
        texts_of(Corpus(path))
    error = raised.value
    assert (error.file, error.path, error.line, error.argument) == (str(path), str(path), 2, "column")
    assert error.cure == 'Pass `column`; on_error="skip" leaves such records out and counts them'
    assert error.reason == f"no column `text`; the record has `body`. {error.cure}"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(twin), twin.line, twin.argument, twin.cure) == (str(error), 2, "column", error.cure)
    skipped = Corpus(path, on_error="skip")
    assert texts_of(skipped) == ["a"]
    (told,) = skipped.stats.errors
    assert (str(told), told.line, told.cure) == (skipped.stats.reasons[0], 2, "Pass `column`")
    plain = CorpusError("broken", "x", 3)
    assert (plain.argument, plain.cure, str(plain)) == (None, None, "x:3: broken")


@pytest.mark.parametrize(
    ("options", "kind", "argument", "says"),
    [
        ({"column": 5}, TypeError, "column", "`column` is 5, an int; pass a name"),
        ({"keep": 5}, TypeError, "keep", "`keep` is 5, an int; pass a list of names"),
        ({"keep": "id"}, ValueError, "keep", "`keep` is 'id'; pass a list of names"),
        ({"keep": ["a", "a"]}, ValueError, "keep", "pass names of columns, each once"),
        ({"format": "x" * 5000}, ValueError, "format", "`format` is 'xxx"),
        ({"batch_size": None}, ValueError, "batch_size", "`batch_size` and `batch_bytes` are both None"),
        ({"prefetch": True}, TypeError, "prefetch", "`prefetch` is True; pass an int of at least 1"),
        ({"threads": 0}, ValueError, "threads", "`threads` is 0"),
    ],
)
def test_an_option_that_is_refused_is_named(options, kind, argument, says):
    with pytest.raises(kind) as raised:
        Corpus(["a.txt"], **options)
    assert raised.value.argument == argument
    assert says in str(raised.value)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("n_texts", ["x", True, None, 1.5, -1, 2**70])
def test_skip_names_its_argument(n_texts):
    with pytest.raises((TypeError, ValueError), match=r"^`n_texts` is ") as raised:
        Corpus(lambda: ["a"]).skip(n_texts)
    assert raised.value.argument == "n_texts"


@pytest.mark.parametrize("column", ["text", "body"])
def test_a_column_that_is_asked_for_is_refused_for_texts_without_columns(column, tmp_path):
    """Naming the default column is no exception: a program that names it expects the file to hold records."""
    path = tmp_path / "a.txt"
    path.write_text("a\n")
    assert texts_of(Corpus(path)) == ["a"]
    says = f"{path} is a text file, which has no column `{column}`; leave `column` out, or pass `format`"
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (its words are compared)
        Corpus(path, column=column)
    assert (str(raised.value), raised.value.argument, raised.value.file) == (says, "column", str(path))
    with pytest.raises(CorpusError, match=rf"it is plain text, which has no column `{column}`; leave `column` out"):
        texts_of(Corpus(io.BytesIO(b"a\n"), column=column))
    (tmp_path / "b.jsonl").write_text(f'{{"{column}": "b"}}\n')
    assert texts_of(Corpus([path, tmp_path / "b.jsonl"], column=column)) == ["a", "b"]


def test_half_a_surrogate_pair_in_memory():
    texts = ["a", "cut \ud83d", "\ud83d\ude42", None, "b"]
    records = [{"text": text, "id": n} for n, text in enumerate(texts)]
    for source in (lambda: texts, lambda: records, lambda: [texts]):
        with pytest.raises(CorpusError, match=r"text 1 holds U\+D83D at character 4, half a surrogate pair") as raised:
            texts_of(Corpus(source, nulls="keep"))
        assert (raised.value.argument, raised.value.line) == ("on_error", 1 if source() == [texts] else 2)
        assert texts_of(Corpus(source, nulls="keep", on_error="replace")) == ["a", "cut \ufffd", "🙂", None, "b"]
        skipped = Corpus(source, nulls="keep", on_error="skip")
        assert texts_of(skipped) == ["a", None, "b"]
        assert skipped.stats.skipped == 2
    with pytest.raises(CorpusError, match=r"^texts:2: text 1 holds U\+D83D"):
        texts_of(Corpus.from_texts(texts))


@pytest.mark.parametrize("path", ["\ud83d", "a\ud83d.txt", "a\0b", "*\0"])
def test_what_no_file_can_be_called(path):
    with pytest.raises(
        ValueError, match=r"^`source` is '.*, a path with .* in it; a list of texts is passed"
    ) as raised:
        Corpus([path])
    assert raised.value.argument == "source"


def test_a_text_that_is_taken_for_a_path_is_not_printed(tmp_path):
    text = "Anna Schmidt lives in Berlin. " * 300
    for one in (text, "x" * 300, text[:150]):
        with pytest.raises(
            FileNotFoundError, match=r"no such file; a list of texts is passed as `Corpus.from_texts`"
        ) as told:
            Corpus(one)
        assert len(str(told.value)) < 180
        skipped = Corpus([one, tmp_path], on_error="skip") if any(tmp_path.iterdir()) else None
        (tmp_path / "a.txt").write_text("a\n")
        skipped = Corpus([one, tmp_path], on_error="skip")
        assert texts_of(skipped) == ["a"]
        assert len(skipped.stats.reasons[0]) < 180


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_name_of_a_column_is_cut(name, tmp_path):
    path = tmp_path / name
    path.write_text('{"a": 1}\n' if name == "x.jsonl" else "a\n1\n")
    with pytest.raises(CorpusError) as raised:
        texts_of(Corpus(path, column="x" * 5000))
    assert "`" + "x" * 40 + "...`" in str(raised.value)
    assert len(str(raised.value)) < 250 + len(str(path))


def test_numbers_that_json_has_not_come_along_as_null(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"text": "a", "n": NaN, "m": {"x": [-Infinity, Infinity, "NaN \\" NaN"], "NaN": 1.5e3}}\n'
        '{"text": "b", "n": "Infinity"}\n'
    )
    want = [("a", {"n": None, "m": {"x": [None, None, 'NaN " NaN'], "NaN": 1500.0}}), ("b", {"n": "Infinity"})]
    assert rows_of(Corpus(path, keep="all")) == want
    assert rows_of(Corpus(path, keep=["n", "m"])) == want
    nan = float("nan")
    records = [
        {"text": "a", "n": nan, "m": {"x": [-1e999, 1e999, 'NaN " NaN'], "NaN": 1.5e3}},
        {"text": "b", "n": "Infinity"},
    ]
    corpus = Corpus(records, keep="all")
    assert rows_of(corpus) == want
    for batch in corpus.records():
        assert batch.columns["n"] == [None, "Infinity"]
        assert not any(word in row for row in batch.kept for word in (": NaN", ": Infinity"))


LONG, DEEP = "9" * 5_000, "[" * 300 + '{"b": [1e999999, NaN, "]\\ud83d"]}' + "]" * 300


@pytest.mark.parametrize("value", ["1e999999", LONG, f"-{LONG}.{LONG}e-9", DEEP, "[" * 100_000 + "]" * 100_000])
@pytest.mark.parametrize("line", ['{{"a": {}, "text": "fine"}}', '{{"text": "fine", "a": {} , "b": "\\ud83d"}}'])
def test_a_value_that_nobody_reads_may_be_as_long_and_as_deep_as_it_likes(line, value, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"text": "first"}}\n{line.format(value)}\n{{"text": "last"}}\n')
    assert texts_of(Corpus(path)) == ["first", "fine", "last"]
    assert rows_of(Corpus(path, keep=["c"])) == [("first", {}), ("fine", {}), ("last", {})]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (LONG, "a number of more than 4,300 digits at byte"),
        (DEEP, "more than 200 lists and objects, one in the other, at"),
    ],
)
def test_a_value_that_comes_along_is_one_that_json_reads(value, words, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"text": "first", "a": {value}}}\n{{"text": {value}}}\n{{"text": "last"}}\n')
    for keep in (["a"], "all"):
        with pytest.raises(CorpusError, match=rf":1: not a JSON record: {words}"):
            texts_of(Corpus(path, keep=keep))
    with pytest.raises(CorpusError, match=r":2: column `text` holds a (number|list), not text"):
        texts_of(Corpus(path))
    path.write_text(f'{{"a": {value}, "text": "no end"\n{{"a": {value}, "body": "no text"}}\n{{"text": "last"}}\n')
    corpus = Corpus(path, on_error="skip")
    assert texts_of(corpus) == ["last"]
    assert "no column `text`; the record has `a`, `body`" in corpus.stats.reasons[1]


def arrow_strings(*values):
    """Arrow strings of any bytes; Arrow does not check that they are UTF-8."""
    pa = pytest.importorskip("pyarrow")
    made = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), made.buffers())


@pytest.mark.parametrize("keep", [(), ["id"], "all"])
def test_arrow_strings_that_are_not_utf_8(keep):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": [1, 2, 3], "text": arrow_strings(b"ok", b"b\xff", b"c")})
    with pytest.raises(
        CorpusError, match=r":2: not UTF-8: byte 0xff at byte 1 .*on_error=\"replace\".*on_error=\"skip\""
    ):
        texts_of(Corpus(table, keep=keep))
    skipped = Corpus(table, keep=keep, on_error="skip")
    assert texts_of(skipped) == ["ok", "c"]
    assert [batch.numbers for batch in skipped.records()] == [[0, 2]]
    assert skipped.stats.skipped == 1
    assert texts_of(Corpus(table, keep=keep, on_error="replace")) == ["ok", "b\ufffd", "c"]


def test_kept_arrow_strings_that_are_not_utf_8():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": arrow_strings(b"x", b"\xffy"), "text": ["a", "b"]})
    with pytest.raises(CorpusError, match=r":2: not UTF-8: byte 0xff at byte 0 of column `id`"):
        rows_of(Corpus(table, keep=["id"]))
    assert rows_of(Corpus(table, keep=["id"], on_error="skip")) == [("a", {"id": "x"})]
    assert rows_of(Corpus(table, keep=["id"], on_error="replace")) == [("a", {"id": "x"}), ("b", {"id": "\ufffdy"})]


def test_layers_of_dictionaries_and_runs():
    pa = pytest.importorskip("pyarrow")
    runs_of = pa.RunEndEncodedArray.from_arrays
    words = pa.array(["x", "y", None])
    runs = runs_of(pa.array([2, 3, 4], pa.int16()), words)
    columns = {
        "runs of a dictionary": (runs_of(pa.array([2, 3, 4], pa.int64()), words.dictionary_encode()), "xxy"),
        "a dictionary of runs": (pa.DictionaryArray.from_arrays(pa.array([0, 2, 1, 3, None], pa.uint8()), runs), "xyx"),
        "a dictionary of a dictionary": (
            pa.DictionaryArray.from_arrays(pa.array([1, 0, 0]), pa.array(["y", "x"]).dictionary_encode()),
            "xyy",
        ),
    }
    for name, (column, want) in columns.items():
        full = [*want, *[None] * (len(column) - len(want))]
        for start in range(len(column)):
            got = texts_of(Corpus(pa.table({"text": column}).slice(start), nulls="keep"))
            assert got == full[start:], name
    with pytest.raises(CorpusError, match=r":4: column `text` holds null, not text"):
        texts_of(Corpus(pa.table({"text": columns["runs of a dictionary"][0]})))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
@pytest.mark.parametrize("index", [2, 100, -1])
@pytest.mark.parametrize("keep", [(), ["text"]])
def test_an_index_that_is_none_of_its_dictionary_is_refused(kind, index, keep):
    pa = pytest.importorskip("pyarrow")
    if kind.startswith("u") and index < 0:
        index += 256 if kind == "uint8" else 2**64
    indices = pa.array([0, index, 1], getattr(pa, kind)())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    with pytest.raises(CorpusError, match=rf"of 2 values but holds the index {index}; the Arrow data is damaged"):
        texts_of(Corpus(pa.table({"text": column}), keep=keep))


@pytest.mark.parametrize("keep", [(), "all"])
def test_a_run_longer_than_memory_is_read_as_it_comes(keep):
    pa = pytest.importorskip("pyarrow")
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2**40], pa.int64()), pa.array(["x"]))
    batch = next(Corpus(pa.table({"text": runs}), batch_size=3, keep=keep).records())
    assert batch.texts == ["x", "x", "x"]


@pytest.mark.parametrize("nulls", ["keep", "skip"])
def test_words_of_a_corpus_with_nulls(nulls, tmp_path):
    """A null text has no words in a file, in Arrow data and in memory; without `nulls` it is an error."""
    pa = pytest.importorskip("pyarrow")
    texts = ["a b", None, "", "a", None] * 3
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokenizer = untrained("gpt2")
    options = {"nulls": "keep"} if nulls == "keep" else {"on_error": "skip"}
    for source in (path, pa.table({"text": texts}), lambda: texts, [{"text": text} for text in texts]):
        counts = WordCounts.from_corpus(tokenizer, Corpus(source, **options), force=True)
        assert (counts.total, len(counts)) == (9, 2)
        saved = WordCounts.from_corpus(
            tokenizer, Corpus(source, **options), force=True, checkpoint=tmp_path / f"c{id(source)}", every=0.0
        )
        assert (saved.total, len(saved)) == (9, 2)
        with pytest.raises(CorpusError, match=r"null|None"):
            WordCounts.from_corpus(tokenizer, Corpus(source), force=True)


UTF_16 = [bytes("Anna Schmidt", encoding) for encoding in ("utf-16-le", "utf-16-be")]


@pytest.mark.parametrize("data", [*UTF_16, *[one + b"\n" for one in UTF_16]])
def test_utf_16_without_a_mark_is_told(data, tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(data)
    with pytest.raises(
        CorpusError, match=r"x.txt:1: the text looks like UTF-16 \(every second byte is 0\); convert it"
    ):
        texts_of(Corpus(path))
    path.write_bytes(b"a\0b\0c\0\n" + b"\0" * 20)  # otherwise a NUL is a character of the text
    assert texts_of(Corpus(path)) == ["a\0b\0c\0", "\0" * 20]


def test_what_is_packed_in_another_way_is_told(tmp_path):
    import bz2
    import gzip
    import lzma
    import tarfile
    import zipfile

    text = b"Anna Schmidt\n" * 50
    (tmp_path / "plain").write_bytes(text)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(tmp_path / "plain", "plain")
    for packed in ("t.tar", "t.tar.gz"):
        with tarfile.open(tmp_path / packed, "w:gz" if packed.endswith("gz") else "w") as archive:
            archive.add(tmp_path / "plain", "plain")
    kinds = {
        "bzip2": bz2.compress(text),
        "xz": lzma.compress(text),
        "zip": (tmp_path / "z.zip").read_bytes(),
        "tar": (tmp_path / "t.tar").read_bytes(),
        "gzip": gzip.compress(gzip.compress(text)),
    }
    kinds |= {"tar ": (tmp_path / "t.tar.gz").read_bytes()}
    for name, data in kinds.items():
        for form in ("text", "jsonl", "csv"):
            with pytest.raises(
                CorpusError, match=f"it holds {name.strip()} data; unpack it before, or pipe in"
            ) as told:
                texts_of(Corpus(io.BytesIO(data), format=form))
            assert "on_error" not in str(told.value)
    for start in (b"BZh", b"BZh9 is a name", b"PK", b"7z", b"ustar"):
        assert texts_of(Corpus(io.BytesIO(start), format="text")) == [start.decode()]


def test_a_lone_return_ends_the_last_line_alone(tmp_path):
    """Any other carriage return is a character, as progress bars write it; Python's universal newlines would end a line there."""
    path = tmp_path / "x.txt"
    for data, want in ((b"a\rb\r", ["a\rb"]), (b"a\r\nb\r", ["a", "b"]), (b"a\r\r\n\r", ["a\r", ""]), (b"\r", [""])):
        path.write_bytes(data)
        assert texts_of(Corpus(path)) == want, data
        assert texts_of(Corpus(io.BytesIO(data))) == want, data


def test_pipes_and_devices_in_a_folder_are_no_texts(tmp_path):
    import os

    os.mkfifo(tmp_path / "p.txt")
    (tmp_path / "a.txt").write_text("a\n")
    assert texts_of(Corpus(tmp_path)) == ["a"]
    (tmp_path / "b.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"b\.txt"):
        texts_of(Corpus(tmp_path))
    (tmp_path / "b.txt").unlink()
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.warns(UserWarning, match="1 link to a folder is left out of the folder .*: loop; pass"):
        assert texts_of(Corpus(tmp_path)) == ["a"]
    assert texts_of(Corpus(str(tmp_path / "**" / "*.txt"))) == ["a"]


def test_memory_that_a_zstd_file_asks_for_is_bounded(tmp_path):
    """A header of a few bytes could ask for 2 GiB; `zstd -d` refuses it, too."""
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "x.txt.zst"
    for log in (27, 28, 31):
        options = zstandard.ZstdCompressionParameters.from_level(1, window_log=20, write_content_size=0)
        data = zstandard.ZstdCompressor(compression_params=options).compressobj()
        packed = data.compress(b"a\nb\n" * 5000) + data.flush()
        descriptor = 5  # after the magic number and flags that do not say that the frame is a single segment
        assert packed[4] & 0b00100000 == 0
        path.write_bytes(packed[:descriptor] + bytes([(log - 10) << 3]) + packed[descriptor + 1 :])
        if log == 27:
            assert texts_of(Corpus(path)) == ["a", "b"] * 5000
            continue
        says = r"more than 128 MiB of memory; pipe it in, `zstd -dc --long=31 FILE \| \.\.\.`, or unpack it before"
        with pytest.raises(CorpusError, match=says):
            texts_of(Corpus(path))
        with pytest.raises(CorpusError, match=says):
            texts_of(Corpus(io.BytesIO(path.read_bytes())))


def of_arrow():
    """Columns of every Arrow type, with what `keep` gives for their first value."""
    pa = pytest.importorskip("pyarrow")
    half = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 2, 4], np.int32)), pa.py_buffer(b"\xff\xfeok")]
    )
    far = pa.array([2**62, None])
    fine = pa.list_(pa.struct([("t", pa.time64("ns"))]))
    return {
        "null": (pa.nulls(2), None),
        "records": (pa.array([{"a": [{"b": "x"}]}, None]), {"a": [{"b": "x"}]}),
        "map": (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), [["k", 1]]),
        "decimal": (pa.array([decimal.Decimal("9" * 70), None]), "9" * 70),
        "large": (pa.array([2**64 - 1, None], pa.uint64()), 2**64 - 1),
        "nan": (pa.array([math.nan, 1.0]), None),
        "date": (pa.array([datetime.date(2020, 1, 2), None]), "2020-01-02"),
        "bytes": (pa.array([b"\xff\x00", None]), "ff00"),
        "interval": (pa.array([(1, 2, 3), None], pa.month_day_nano_interval()), [1, 2, 3]),
        "union": (pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]), 1),
        "time": (pa.array([1_000, None], pa.time64("ns")), "00:00:00.000001"),
        "fine time": (pa.array([86_399_123_456_789, None], pa.time64("ns")), "23:59:59.123456789"),
        "fine times": (pa.array([[{"t": 1}, None], None], fine), [{"t": "00:00:00.000000001"}, None]),
        "map of times": (
            pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.time64("ns"))),
            [["k", "00:00:00.000000001"]],
        ),
        "span": (pa.array([90_061_000_000_000, None], pa.duration("ns")), "1 day, 1:01:01"),
        "fine span": (pa.array([-1, None], pa.duration("ns")), "-1 day, 23:59:59.999999999"),
        "moment": (pa.array([0, None], pa.timestamp("ns")), "1970-01-01 00:00:00"),
        "fine moment": (pa.array([-1_001, None], pa.timestamp("ns")), "1969-12-31 23:59:59.999998999"),
        "fine zone": (pa.array([1, None], pa.timestamp("ns", "+01:00")), "1970-01-01 01:00:00.000000001+01:00"),
        "fine runs": (
            pa.RunEndEncodedArray.from_arrays([2], pa.array([1], pa.time64("ns")).dictionary_encode()),
            "00:00:00.000000001",
        ),
        "runs": (pa.RunEndEncodedArray.from_arrays([2], pa.array(["q"])), "q"),
        "far date": (
            pa.array([10**8, None], pa.int32()).cast(pa.date32()),
            r"holds a date32\[day\] that Python has no",
        ),
        "far time": (far.cast(pa.timestamp("s")), r"holds a timestamp\[s\] that Python has no"),
        "no zone": (
            far.cast(pa.timestamp("s", "Mars/Base")),
            r"holds a timestamp\[s, tz=Mars/Base\] that Python has no",
        ),
        "long": (far.cast(pa.duration("s")), r"holds a duration\[s\] that Python has no"),
        "far inside": (
            pa.StructArray.from_arrays([far.cast(pa.duration("s"))], ["z"]),
            "holds a struct<.*> that Python",
        ),
        "no text": (half, "not UTF-8: byte 0xff at byte 0 of column `c`"),
        "no text inside": (pa.StructArray.from_arrays([half], ["z"]), "not UTF-8: byte 0xff"),
    }


FAULTS = ("far date", "far time", "no zone", "long", "far inside", "no text", "no text inside")
KINDS = (
    "span",
    "fine span",
    "moment",
    "fine moment",
    "fine zone",
    "time",
    "fine time",
    "fine times",
    "map of times",
    "fine runs",
    "null",
    "records",
    "map",
    "decimal",
    "large",
    "nan",
    "date",
    "bytes",
    "interval",
    "union",
    "runs",
    *FAULTS,
)


@pytest.mark.parametrize("door", ["table", "arrow", "parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_nobody_reads_may_hold_anything(kind, door, tmp_path):
    """A column that is kept gives its value, or an error that names it."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    column, want = of_arrow()[kind]
    source = table = pa.table({"c": column, "text": ["Anna", "Tom"]})
    if door == "arrow":
        source = tmp_path / "x.arrow"
        with pa.OSFile(str(source), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    elif door == "parquet":
        source = tmp_path / "x.parquet"
        try:
            pq.write_table(table, source)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            pytest.skip("Parquet has no such type")
    assert list(Corpus(source)) == [["Anna", "Tom"]]
    for keep in (["c"], "all"):
        corpus = Corpus(source, keep=keep)
        if kind not in FAULTS:
            (batch,) = corpus.records()
            assert (batch.texts, batch.columns["c"][0]) == (["Anna", "Tom"], want)
            continue
        with pytest.raises(CorpusError, match=want if door != "parquet" else want.replace("[s", "[(m|)s")) as bad:
            list(corpus.records())
        assert "`c`" in str(bad.value)
        assert (bad.value.line, bad.value.cure is not None) == (1, True)
        skipped = Corpus(source, keep=keep, on_error="skip")
        assert [batch.texts for batch in skipped.records()] == [["Tom"]]
        assert skipped.stats.skipped == 1


def test_fields_that_nobody_reads_may_hold_anything(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"text,c,\xff\nAnna,\xed\xa0\xbd,\0\nTom," + b"9" * 5000 + b",\n")
    assert list(Corpus(path)) == [["Anna", "Tom"]]
    with pytest.raises(CorpusError, match=r"x\.csv:2: not UTF-8: byte 0xed at byte 0 of the field"):
        list(Corpus(path, keep=["c"]).records())
    (batch,) = Corpus(path, keep=["c"], on_error="replace").records()
    assert batch.columns["c"] == ["\ufffd" * 3, "9" * 5000]


@pytest.mark.parametrize(("pack", "packing"), [("gzip", "gzip"), ("bz2", "bzip2"), ("lzma", "xz")])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_packed_table_is_told_as_that(tmp_path, pack, packing, kind):
    pytest.importorskip("pyarrow")
    path = tmp_path / f"x.{kind}.gz"
    path.write_bytes(importlib.import_module(pack).compress(b"PAR1"))
    with pytest.raises(CorpusError, match=f"it holds {packing} data, not {kind}; unpack it first") as raised:
        list(Corpus(path, format=kind))
    assert raised.value.path == str(path)
