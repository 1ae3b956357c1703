"""CSV and TSV as Python's csv module reads them, for any number of threads, size of blocks and compression."""

from __future__ import annotations

import csv
import gzip
import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpost import Corpus, CorpusError

EXAMPLES = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", 200))
PIECES = ["a", "é", ",", "\t", '"', '""', "\n", "\r\n", "\r", " ", "🙂", ";", ""]
FIELDS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


def texts_of(corpus: Corpus) -> list[str]:
    return [text for batch in corpus for text in batch]


def written(rows, **options) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows(rows)
    return out.getvalue().encode()


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.tuples(FIELDS, FIELDS), max_size=12),
    st.sampled_from(["csv", "tsv"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_what_csv_writes_is_read(rows, form, end, all_quoted):
    data = written(
        [("id", "text"), *rows],
        delimiter="," if form == "csv" else "\t",
        lineterminator=end,
        # Python quotes a line feed only if lines end with one.
        quoting=csv.QUOTE_ALL if all_quoted or end != "\r\n" else csv.QUOTE_MINIMAL,
    )
    # A file that ends with a lone quoted field is the same with and without its last line end.
    for bytes_ in (data, b"\xef\xbb\xbf" + data, gzip.compress(data), data.removesuffix(end.encode())):
        corpus = Corpus(io.BytesIO(bytes_), format=form, keep=["id"], on_error="skip", nulls="keep")
        batches = list(corpus.records())
        assert [text for batch in batches for text in batch.texts] == [text for _, text in rows]
        assert [n for batch in batches for n in batch.columns["id"]] == [name for name, _ in rows]
        assert corpus.stats.skipped == 0


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from([*PIECES, "\n", "\n", ",", "x,y\n"]), max_size=40).map("".join))
def test_anything_is_read_as_csv_reads_it(tail):
    text = "id,text\n" + tail
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
    try:
        list(csv.reader(io.StringIO(text + "\n", newline=""), strict=False))
        closed = next(csv.reader(io.StringIO(text, newline="")), None) is not None
    except csv.Error:
        closed = False
    corpus = Corpus(io.StringIO(text, newline=""), format="csv", on_error="skip")
    got = texts_of(corpus)
    want = [row[1] for row in rows if len(row) == 2]
    if any("nothing closes" in reason for reason in corpus.stats.reasons):
        # Python closes an open quote at the end of the file; here it is an error.
        assert text.count('"') > 0
        assert got == want[: len(got)]
        assert len(rows) - 1 == len(got) + corpus.stats.skipped - 1
    else:
        assert closed
        assert got == want
        assert corpus.stats.skipped == len(rows) - len(want)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(["\n", "\r\n", "\r", "a,b", 'a,"\r"', 'a,"\r\n\n"', "a"]), max_size=40).map("".join))
def test_a_record_stands_on_the_line_that_csv_says(tail):
    text = "\rid,text\r" + tail
    reader = csv.reader(io.StringIO(text, newline=""))
    want, before = [], 0
    for row in reader:
        if row:
            want.append((before + 1, len(row)))
        before = reader.line_num
    corpus = Corpus(io.BytesIO(text.encode()), format="csv", on_error="skip")
    lines = [line for batch in corpus.records() for line in batch.lines]
    assert lines == [line for line, fields in want[1:] if fields == 2]
    assert [error.line for error in corpus.stats.errors] == [line for line, fields in want[1:] if fields != 2][:10]


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_lines_of_any_end_are_counted_over_blocks(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(
        written([("id", "text"), *((n, "x" * (n % 97)) for n in range(60_000)), (1, 2, 3)], lineterminator=end)
    )
    assert path.stat().st_size > 3_000_000
    corpus = Corpus(path, threads=2, on_error="skip")
    assert [line for batch in corpus.records() for line in batch.lines] == list(range(2, 60_002))
    assert [error.line for error in corpus.stats.errors] == [60_002]


@pytest.mark.parametrize("threads", [1, 3])
def test_quoted_line_ends_over_blocks(tmp_path, threads):
    """Megabytes of records with line ends inside quotes."""
    rows = [(n, f'{n}\n"{"x" * (n % 700)}",\r\n' * (n % 5)) for n in range(20_000)]
    data = written([("id", "text"), *rows])
    assert len(data) > 10_000_000
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(data, 1))
    for source in (path, packed):
        corpus = Corpus(source, threads=threads, keep=["id"])
        assert texts_of(corpus) == [text for _, text in rows]
    lines = [line for batch in Corpus(path, threads=threads).records() for line in batch.lines]
    ends, line = [], 2
    for _, text in rows:
        ends.append(line)
        line += 1 + text.count("\n")
    assert lines == ends
    assert list(range(20_000)) == [n for batch in Corpus(path, threads=threads).records() for n in batch.numbers]


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (
            "id,text\n1,a\n2,b,c\n3,d\n",
            3,
            "the record has 3 fields but the header has 2 columns; a field that holds a c",
        ),
        ("id,text\n1\n3,d\n", 2, "the record has 1 field but the header has 2 columns"),
        ("id,body\n1,a\n", 1, "no column `text`; the header has `id`, `body`. Pass `column`"),
        ("id;text\n1;a\n", 1, "has semicolons in it; rewrite the file with commas"),
        (
            '{"text": "a", "id": 1}\n',
            1,
            'which begins as JSON does; pass format="jsonl" if it holds JSON Lines, or pass `column`',
        ),
        (
            "id\ttext\n1\ta\n",
            1,
            'has `id text`, which has tabs in it; pass format="tsv" if they stand between its fields, or pass `column`',
        ),
        ("text,text\na,b\n", 1, "the column `text` is there more than once; rename one of them"),
        ('id,text\n1,a\n2,"b\n3,c\n', 3, "the record opens a quote that nothing closes"),
        ("id,text\n1,a\n2,\xff\n", 3, "not UTF-8: byte 0xff at byte 0 of the field"),
        ("\n\nid,text\n\n1,a\n2\n", 6, "the record has 1 field"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_faults(tmp_path, data, line, message, threads):
    path = tmp_path / "a.csv"
    path.write_bytes(data.encode("latin-1"))
    with pytest.raises(CorpusError) as raised:
        texts_of(Corpus(path, threads=threads))
    assert message in str(raised.value)
    assert (raised.value.path, raised.value.line) == (str(path), line)
    skipping = Corpus(path, threads=threads, on_error="skip")
    assert texts_of(skipping) in ([], ["a"], ["a", "d"], ["d"])
    assert skipping.stats.skipped == 1


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("all_quoted", [True, False])
def test_files_that_were_joined_are_read_and_their_headers_are_no_records(tmp_path, all_quoted, end, threads):
    """A header behind a byte-order mark was a record, whose text was the name of the column."""
    style = {"lineterminator": end, "quoting": csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL}
    header = ("id", "text, or so")
    one = MARK + written([header, (1, "a"), (2, "b,\n")], **style)
    blank = end.encode()
    path = tmp_path / "a.csv"
    for data in (one * 3, MARK + one * 3, one * 2 + MARK, (one + MARK + blank) * 2, one + blank + one + MARK + MARK):
        path.write_bytes(data)
        batches = list(Corpus(path, column="text, or so", keep=["id"], threads=threads).records())
        found = [row for batch in batches for row in zip(batch.columns["id"], batch.texts, strict=True)]
        assert found == [("1", "a"), ("2", "b,\n")] * (len(found) // 2)
        assert len(found) == 2 * data.count(b"a" + (b'"' if all_quoted else b"") + blank)
    # In a field it is a character.
    path.write_bytes(b"id,text\n1," + MARK + b"a\n2,b" + MARK + b"\n")
    assert texts_of(Corpus(path)) == ["\ufeffa", "b\ufeff"]


@pytest.mark.parametrize(
    "record", [b"text,id", b"id,text,more", b"id", b"3,c", b'"3","c"', b'"id","text"x', b"id,te\xff"]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_byte_order_mark_before_what_is_not_the_header_is_told(tmp_path, record, threads):
    """Nobody knows of which columns what follows it is; the mark was a character of its first field."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,a\n" + MARK + record + b"\n4,d\n")
    says = (
        "a byte-order mark stands in front of the record, as where files were joined, and the record is not the header"
    )
    with pytest.raises(CorpusError, match=rf"a.csv:3: {says} again.*; pass each of the files by itself") as raised:
        texts_of(Corpus(path, threads=threads))
    assert raised.value.line == 3
    skipping = Corpus(path, threads=threads, on_error="skip")
    assert texts_of(skipping) == ["a", "d"]
    assert skipping.stats.skipped == 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_in_the_first_field_behind_a_byte_order_mark_ends_no_record(tmp_path, end, threads):
    """The quote was a character of the field, so that the end of the field was read as a record of its own."""
    path, style = tmp_path / "a.csv", {"lineterminator": end, "quoting": csv.QUOTE_ALL}
    header = written([("te\nxt", "id")], **style)
    path.write_bytes(header + b"a,1" + end.encode() + MARK + written([("x\ny,2\nb", "3"), ("c", "4")], **style))
    skipping = Corpus(path, column="te\nxt", threads=threads, on_error="skip")
    assert texts_of(skipping) == ["a", "c"]
    assert skipping.stats.skipped == 1
    path.write_bytes((MARK + header + written([("x\ny", "1")], **style)) * 3)
    assert texts_of(Corpus(path, column="te\nxt", threads=threads)) == ["x\ny"] * 3
    path.write_bytes(header + b"a,1" + end.encode() + MARK[:2])
    skipping = Corpus(path, column="te\nxt", threads=threads, on_error="skip")
    assert texts_of(skipping) == ["a"]
    assert skipping.stats.skipped == 1


def test_a_header_of_a_joined_file_over_blocks(tmp_path):
    """Wherever a block ends, the mark belongs to the record behind it."""
    path = tmp_path / "a.csv"
    one = MARK + written([("id", "text"), *((n, "x" * (n % 97)) for n in range(20_000))])
    path.write_bytes(one * 5)
    want = [str(n) for n in range(20_000)] * 5
    for threads in (1, 3):
        records = Corpus(path, keep=["id"], threads=threads).records()
        assert [name for batch in records for name in batch.columns["id"]] == want


def test_fields_without_text_are_empty(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('id\ttext\n1\t\n2\t""\n3\tNA\n4\tnull\n')
    assert texts_of(Corpus(path)) == ["", "", "NA", "null"]
    (tmp_path / "b.csv").write_text("text\n")
    with pytest.raises(CorpusError, match="holds no text"):
        texts_of(Corpus(tmp_path / "b.csv"))
    (tmp_path / "c.csv").write_text("")
    corpus = Corpus([tmp_path / "c.csv", path])
    assert len(texts_of(corpus)) == 4
    assert corpus.stats.empty_files == 1
    assert next(Corpus(path, keep="all").records()).kept == ['{"id":"1"}', '{"id":"2"}', '{"id":"3"}', '{"id":"4"}']
