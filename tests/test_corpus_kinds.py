"""Files that are no text, or not what their name says: read, or refused by one line that says what they are."""

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from fastpost import Corpus, CorpusError

TEXT = "one text\nand another, with Łódź\n".encode()
LINES = b'{"text": "one text"}\n{"text": "and another, with \\u0141\\u00f3d\\u017a"}\n'
WANT = ["one text", "and another, with Łódź"]


def texts_of(corpus):
    return [text for batch in corpus for text in batch]


def zipped():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.txt", TEXT)
    return held.getvalue()


def tarred():
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return held.getvalue()


def database():
    base = sqlite3.connect(":memory:")
    base.execute("create table texts (text)")
    return base.serialize()


def array():
    held = io.BytesIO()
    np.save(held, np.arange(4))
    return held.getvalue()


def packed(codec):
    pa = pytest.importorskip("pyarrow")
    held = pa.BufferOutputStream()
    with pa.CompressedOutputStream(held, codec) as file:
        file.write(TEXT)
    return held.getvalue().to_pybytes()


def columnar(kind):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table, held = pa.table({"text": WANT}), io.BytesIO()
    if kind == "parquet":
        parquet.write_table(table, held)
    else:
        with (pa.ipc.new_file if kind == "file" else pa.ipc.new_stream)(held, table.schema) as file:
            file.write_table(table)
    return held.getvalue()


READ = {
    "text": lambda: TEXT,
    "JSON Lines": lambda: LINES,
    "JSON Lines behind a mark": lambda: b"\xef\xbb\xbf" + LINES,
    "gzip": lambda: gzip.compress(TEXT),
    "gzip of JSON Lines": lambda: gzip.compress(LINES),
    "zstd": lambda: packed("zstd"),
}
REFUSED = {
    "Parquet": (lambda: columnar("parquet"), "it holds parquet; pass its path"),
    "Parquet in gzip": (lambda: gzip.compress(columnar("parquet")), "it holds parquet; pass its path"),
    "Arrow": (lambda: columnar("file"), "it holds arrow; pass its path"),
    "a stream of Arrow": (lambda: columnar("stream"), "it holds arrow; pass its path"),
    "lz4": (lambda: packed("lz4"), "it holds lz4 data; unpack it before"),
    "xz": (lambda: lzma.compress(TEXT), "it holds xz data; unpack it before"),
    "lzma": (lambda: lzma.compress(TEXT, lzma.FORMAT_ALONE), "it holds lzma data; unpack it before"),
    "bzip2": (lambda: bz2.compress(TEXT), "it holds bzip2 data; unpack it before"),
    "bzip2 of nothing": (lambda: bz2.compress(b""), "it holds bzip2 data; unpack it before"),
    "bzip2 in gzip": (lambda: gzip.compress(bz2.compress(TEXT)), "it holds bzip2 data; unpack it before"),
    "zip": (zipped, "it holds zip data; unpack it before"),
    "zip of nothing": (lambda: b"PK\x05\x06" + bytes(18), "it holds zip data; unpack it before"),
    "tar": (tarred, "it holds tar data; unpack it before"),
    "PDF": (lambda: b"%PDF-1.4\n1 0 obj <<>>\nendobj\n", "it holds a PDF document, not text; take its text out of it"),
    "RTF": (lambda: b"{\\rtf1\\ansi one text}\n", "it holds an RTF document, not text; take its text out of it"),
    "SQLite": (database, "it holds a database of SQLite, not text; write its texts as JSON Lines or Parquet"),
    "NumPy": (array, "it holds an array of NumPy, not text; write its texts"),
    "a pickle": (lambda: pickle.dumps(WANT, 4), "it holds a pickle of Python, not text; write its texts"),
    "UTF-16": (lambda: TEXT.decode().encode("utf-16"), "starts with a UTF-16 byte-order mark; convert it to UTF-8"),
    "UTF-16 without a mark": (lambda: b"one text".decode().encode("utf-16-be"), "looks like UTF-16 .*; convert it"),
    "UTF-32": (lambda: TEXT.decode().encode("utf-32"), "starts with a UTF-32 byte-order mark; convert it to UTF-8"),
    "UTF-32 without a mark": (lambda: b"one text".decode().encode("utf-32-le"), "looks like UTF-32 .*; convert it"),
}  # fmt: skip
BRACES = [b"{name}, you have won\nmore\n", b"{'text': 'a'}\n", b"[{name}]\n", b"{ text: 1 }\n"]


@pytest.mark.parametrize("name", READ)
def test_what_is_read_from_an_open_file(name):
    assert texts_of(Corpus(io.BytesIO(READ[name]()))) == WANT


@pytest.mark.parametrize("end", [".txt", ".jsonl", ".csv", "", ".gz", ".parquet"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_told_by_what_it_is(name, end, tmp_path):
    """As an open file, and as a file of any name; where records are skipped, too."""
    make, says = REFUSED[name]
    data = make()
    if end == "":
        with pytest.raises(CorpusError, match=says):
            texts_of(Corpus(io.BytesIO(data)))
        with pytest.raises(CorpusError, match=says):
            texts_of(Corpus(io.BytesIO(data), format="text", on_error="replace"))
    path = tmp_path / f"name{end}"
    path.write_bytes(data)
    wrong = says.split(";")[0].removesuffix(", not text")
    if end == ".parquet":
        if name.startswith("Parquet"):
            return
        pytest.importorskip("pyarrow")
        if name.endswith("in gzip"):
            wrong = "it holds gzip data, not parquet"
    elif end == ".gz" and not name.endswith("in gzip"):
        wrong = "the gzip data cannot be unpacked here .it does not start with the gzip mark"
    with pytest.raises(CorpusError, match=wrong) as raised:
        texts_of(Corpus(path))
    assert "\n" not in str(raised.value)
    assert raised.value.path == str(path)


@pytest.mark.parametrize("end", [".xz", ".bz2", ".lz4", ".zip", ".pdf", ".docx", ".bin"])
def test_a_name_that_says_nothing_is_told_by_what_the_file_is(end, tmp_path):
    """The cure was a format, with which the file could not be read either."""
    kind = {".xz": "xz", ".bz2": "bzip2", ".lz4": "lz4", ".zip": "zip", ".pdf": "PDF", ".docx": "zip", ".bin": "Arrow"}
    make, says = REFUSED[kind[end]]
    path = tmp_path / f"mails.txt{end}"
    path.write_bytes(make())
    says = 'it holds arrow; pass format="arrow"' if end == ".bin" else says
    with pytest.raises(CorpusError, match=says):
        Corpus(path)
    path.write_bytes(gzip.compress(TEXT))
    with pytest.raises(ValueError, match="does not say what it holds; pass format='text', 'jsonl'"):
        Corpus(path)
    assert texts_of(Corpus(path, format="text")) == WANT


@pytest.mark.parametrize("data", BRACES)
def test_a_brace_that_opens_no_json_is_told(data, tmp_path):
    """Each line was told as a record that is not JSON; nothing said how to read it as text."""
    says = (
        'it starts with `{` as JSON does, but no name in double quotes follows; pass format="text" if it is plain text'
    )
    (tmp_path / "name").write_bytes(data)
    for source in (lambda: io.BytesIO(data), lambda: tmp_path / "name"):
        for on_error in ("raise", "replace"):
            with pytest.raises(CorpusError, match=says) as raised:
                texts_of(Corpus(source(), on_error=on_error))
        assert raised.value.argument == "format"
        assert texts_of(Corpus(source(), format="text")) == data.decode().splitlines()


@pytest.mark.parametrize("name", ["a stream of Arrow", "lz4", "PDF", "UTF-16"])
def test_the_command_tells_what_its_standard_input_is(name, rampart_dir):
    make, says = REFUSED[name]
    command = [sys.executable, "-m", "fastpost", "ner", "-", "--model", str(rampart_dir), "-q"]
    done = subprocess.run(command, input=make(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == b""
    assert says.split(";")[0] in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
