"""`Corpus`: every source gives the same texts for any number of threads, in batches of the right size."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpost import Corpus, CorpusError

EXAMPLES = int(os.environ.get("FASTPOST_PARITY_EXAMPLES", 200))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def texts_of(corpus: Corpus) -> list[str]:
    return [text for batch in corpus for text in batch]


def write_jsonl(path: Path, texts: list[str], column: str = "text", **dumps: object) -> Path:
    lines = "".join(
        json.dumps({"id": n, column: text, "z": [n, {"a": "b"}]}, **dumps) + "\n" for n, text in enumerate(texts)
    )
    data = lines.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pytest.importorskip("zstandard").compress(data)
    path.write_bytes(data)
    return path


def some_texts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    words = ["def", "return", "größe", "日本語", "🙂", "\n", "\t", '"', "\\", "x" * 50]
    return [" ".join(rng.choices(words, k=rng.randrange(40))) for _ in range(count)]


# sources ---------------------------------------------------------------------------------------------------


def test_each_kind_of_file_gives_the_same_texts(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    texts = some_texts(3000)
    write_jsonl(tmp_path / "a.jsonl", texts)
    write_jsonl(tmp_path / "b.ndjson", texts, ensure_ascii=False)
    write_jsonl(tmp_path / "c.json.gz", texts)
    write_jsonl(tmp_path / "d.jsonl.zst", texts)
    table = pa.table({"other": list(range(3000)), "text": texts})
    pq.write_table(table, tmp_path / "e.parquet", row_group_size=700)
    for name, new in (("f.arrow", pa.ipc.new_file), ("g.arrow", pa.ipc.new_stream)):
        with new(str(tmp_path / name), table.schema) as out:
            out.write_table(table, max_chunksize=500)
    for path in sorted(tmp_path.iterdir()):
        assert texts_of(Corpus(path)) == texts, path.name
    with pytest.raises(
        ValueError, match=r"2 arrow \(.*\); 4 jsonl \(.*\); 1 parquet \(e.parquet\); pass format=\"jsonl\""
    ):
        Corpus(tmp_path)
    whole = Corpus(sorted(tmp_path.iterdir()))
    assert texts_of(whole) == texts * 7
    assert [os.path.basename(name) for name in whole.files] == sorted(os.listdir(tmp_path))
    assert texts_of(Corpus([str(tmp_path / "*.json*"), tmp_path / "b.ndjson"], threads=3)) == texts * 4


def test_arrow_objects_are_read_without_python_lists():
    pa = pytest.importorskip("pyarrow")
    texts = some_texts(5000)
    array = pa.array(texts)
    chunked = pa.chunked_array([array.slice(0, 1234), array.slice(1234)])
    for column in (
        chunked,
        chunked.cast(pa.large_string()),
        chunked.cast(pa.string_view()),
        chunked.dictionary_encode(),
    ):
        table = pa.table({"n": range(5000), "text": column})
        assert texts_of(Corpus(table)) == texts
        assert texts_of(Corpus(table.slice(1000, 2000))) == texts[1000:3000]
    assert texts_of(Corpus(chunked)) == texts
    assert texts_of(Corpus(pa.record_batch({"text": array}))) == texts
    reader = Corpus(table.to_reader())
    assert texts_of(reader) == texts
    with pytest.raises(CorpusError, match="used up"):
        texts_of(reader)


def test_polars_and_duckdb():
    pl = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    texts = some_texts(1000)
    frame = pl.DataFrame({"n": range(1000), "text": texts})
    corpus = Corpus(frame)
    assert texts_of(corpus) == texts_of(corpus) == texts
    relation = duckdb.sql("select * from frame order by n")
    assert texts_of(Corpus(relation)) == texts


def test_datasets():
    datasets = pytest.importorskip("datasets")
    texts = some_texts(2500)
    dataset = datasets.Dataset.from_dict({"n": list(range(2500)), "text": texts})
    corpus = Corpus(dataset)
    assert texts_of(corpus) == texts_of(corpus) == texts
    order = list(range(0, 2500, 3))[::-1]
    assert texts_of(Corpus(dataset.select(order))) == [texts[n] for n in order]
    assert texts_of(Corpus(dataset.to_iterable_dataset())) == texts

    def rows():
        yield from ({"text": text} for text in texts)

    assert texts_of(Corpus(datasets.IterableDataset.from_generator(rows))) == texts


def test_file_objects_and_stdin(tmp_path):
    texts = some_texts(2000)
    path = write_jsonl(tmp_path / "a.jsonl", texts)
    packed = write_jsonl(tmp_path / "b.jsonl.gz", texts)
    with path.open("rb") as raw, path.open(encoding="utf-8") as decoded, packed.open("rb") as unpacked:
        for file in (raw, decoded, unpacked):
            corpus = Corpus(file)
            assert texts_of(corpus) == texts_of(corpus) == texts
    assert texts_of(Corpus(io.StringIO("a\nb\n\nc"))) == ["a", "b", "", "c"]
    code = "import fastpost; c = fastpost.Corpus('-', format='jsonl'); print(sum(map(len, c)))\ntry: list(c)\nexcept fastpost.CorpusError as e: print(e)"
    out = subprocess.run([sys.executable, "-c", code], input=packed.read_bytes(), capture_output=True, check=True)
    assert out.stdout.decode().startswith("2000\n")
    assert "used up" in out.stdout.decode()


def test_an_error_of_a_file_object_comes_through():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        list(Corpus(io.BufferedReader(Broken())))


def test_iterables():
    texts = some_texts(2345)
    batches = [texts[at : at + 100] for at in range(0, len(texts), 100)]
    for source in (
        lambda: iter(texts),
        batches,
        [tuple(batch) for batch in batches],
        lambda: batches,
        [{"text": text} for text in texts],
        [{"text": batch} for batch in batches],
    ):
        corpus = Corpus(source)
        assert [len(batch) for batch in corpus] == [1000, 1000, 345]
        assert texts_of(corpus) == texts
    assert texts_of(Corpus.from_texts(texts)) == texts


def test_a_generator_works_once_and_says_so():
    corpus = Corpus(text for text in ["a", "b"])
    assert list(corpus) == [["a", "b"]]
    with pytest.raises(CorpusError, match=r"generator.*used up.*lambda"):
        list(corpus)


def test_no_pyarrow_is_one_clear_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"a.parquet needs pyarrow; pip install 'fastpost\[arrow\]'$"):
        Corpus(tmp_path / "a.parquet")


# text files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "split", "want"),
    [
        (b"a\nb", "line", ["a", "b"]),
        (b"a\r\nb\r\n", "line", ["a", "b"]),
        (b"a\n\n\nb\n", "line", ["a", "", "", "b"]),
        (b"a\rb\n", "line", ["a\rb"]),
        (b"\xef\xbb\xbfa\n", "line", ["a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfa\n", "line", ["\ufeffa"]),
        (b"\n", "line", [""]),
        (b"a\nb\n\nc\n \t\n\n\nd\n", "blank", ["a\nb", "c", "d"]),
        (b"\n\n\na\r\nb\r\n\r\nc", "blank", ["a\nb", "c"]),
        (b"a\r\nb\n\nc\r\n", "file", ["a\nb\n\nc\n"]),
        (b"a\x00b\x1cc\xe2\x80\xa8d\n", "line", ["a\0b\x1cc\u2028d"]),
    ],
)
def test_text(tmp_path, data, split, want):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    for threads in (1, 2):
        assert texts_of(Corpus(path, split=split, threads=threads)) == want
    assert texts_of(Corpus(io.BytesIO(data), split=split)) == want


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(["a", "é", "\n", "\r\n", "\r", " ", "\n\n", "🙂"]), max_size=40).map("".join))
def test_text_equals_plain_python(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    with path.open(encoding="utf-8", newline="\n") as file:
        lines = [
            line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line.removesuffix("\r")
            for line in file
        ]
    assert texts_of(Corpus(path, on_error="skip", threads=1)) == lines
    whole = text.replace("\r\n", "\n")
    assert texts_of(Corpus(path, split="file", on_error="skip", threads=1)) == ([whole] if text else [])
    paragraphs = [
        "\n".join(group)
        for blank, group in itertools.groupby(whole.split("\n"), lambda line: not line.strip(" \r"))
        if not blank
    ]
    got = texts_of(Corpus(path, split="blank", on_error="skip", threads=1))
    assert [p.removesuffix("\r") for p in got] == [p.removesuffix("\r") for p in paragraphs]


def test_paragraphs_longer_than_a_block(tmp_path):
    rng = random.Random(1)
    paragraphs = ["\n".join("x" * rng.randrange(1, 9) for _ in range(rng.randrange(1, 200_000))) for _ in range(40)]
    (tmp_path / "a.txt").write_text("\n \n\n".join(paragraphs))
    assert texts_of(Corpus(tmp_path / "a.txt", split="blank", threads=3)) == paragraphs


# JSON ------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(
    st.tuples(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans(), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(max_examples=EXAMPLES)
@given(ROWS)
def test_jsonl_equals_json_and_orjson(tmp_path, rows):
    lines = []
    for text, others, last, ascii_only in rows:
        others.pop("text", None)
        row = {**others, "text": text} if last else {"text": text, **others}
        lines.append(json.dumps(row, ensure_ascii=ascii_only))
    path = tmp_path / "a.jsonl"
    path.write_text("\r\n".join(lines) + "\n\n", encoding="utf-8", newline="")
    got = texts_of(Corpus(path, threads=1))
    assert got == [json.loads(line)["text"] for line in lines]
    orjson = pytest.importorskip("orjson")
    plain = [line for line in lines if "NaN" not in line and "Infinity" not in line]
    assert all(orjson.loads(line)["text"] in got for line in plain)


@settings(max_examples=EXAMPLES)
@given(st.text(st.sampled_from('{}[]",:\\ tex0123.eE+-nul"a\u00e9'), max_size=25), st.booleans())
def test_what_json_refuses_is_refused(tmp_path, garbage, cut):
    line = '{"text": "a", "b": ' + garbage + ("" if cut else "}")
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "first"}\n' + line, encoding="utf-8")
    corpus = Corpus(path, threads=1, on_error="skip")
    got = texts_of(corpus)[1:]
    try:
        want = json.loads(line)["text"]
    except ValueError:
        want = None
    if want is None or not isinstance(want, str):
        assert got == []
        assert corpus.stats.reasons[0].startswith(f"{path}:2: ")
    else:
        assert got == [want]


def test_the_last_of_equal_keys_counts_as_in_json(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": 1, "te\\u0078t": "b"}\n{"text": "a", "text": "c"}\n{"text": "a", "text": 1}\n'
    )
    corpus = Corpus(tmp_path / "a.jsonl", on_error="skip")
    assert texts_of(corpus) == ["b", "c"]
    assert corpus.stats.skipped == 1


# threads, batches, resuming ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> tuple[Path, list[str]]:
    """Nine files of very different lengths with four kinds of compression."""
    folder = tmp_path_factory.mktemp("shards")
    pytest.importorskip("zstandard")
    all_texts: list[str] = []
    for n, (count, end) in enumerate(
        zip([20_000, 1, 0, 5000, 40_000, 2, 3000, 1, 9000], ["", ".gz", "", ".zst"] * 3, strict=False)
    ):
        texts = [f"{n}.{i} {text}" for i, text in enumerate(some_texts(count, seed=n))]
        write_jsonl(folder / f"{n}.jsonl{end}", texts)
        all_texts += texts
    return folder, all_texts


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_order_is_that_of_the_files_for_any_number_of_threads(shards, threads):
    folder, texts = shards
    corpus = Corpus(folder, threads=threads, prefetch=1)
    assert texts_of(corpus) == texts
    assert corpus.stats.texts == len(texts)
    assert corpus.stats.bytes == sum(len(text.encode()) for text in texts)
    assert corpus.stats.bytes_read == corpus.total_bytes == sum(p.stat().st_size for p in folder.iterdir())
    assert corpus.stats.empty_files == 1


@settings(max_examples=60)
@given(
    st.integers(1, 50),
    st.none() | st.integers(1, 400),
    st.integers(0, 120),
    st.sampled_from(["file", "list", "mixed"]),
)
def test_sizes_of_batches(tmp_path, batch_size, batch_bytes, skip, kind):
    texts = some_texts(100)
    path = write_jsonl(tmp_path / "a.jsonl", texts)
    if kind == "mixed":
        half = write_jsonl(tmp_path / "b.jsonl", texts[:33])
        source = [half, [texts[33:70]], lambda: texts[70:]]
    else:
        source = path if kind == "file" else [texts]
    corpus = Corpus(source, batch_size=batch_size, batch_bytes=batch_bytes, threads=1).skip(skip)
    want: list[list[str]] = []
    size = 0
    for text in texts[skip:]:
        size += len(text.encode())
        full = want and (len(want[-1]) == batch_size or (batch_bytes is not None and size > batch_bytes))
        if not want or full:
            want.append([])
            size = len(text.encode())
        want[-1].append(text)
    got = list(corpus)
    # A zero-byte text may open the next batch when the bytes are used up exactly.
    assert [text for batch in got for text in batch] == texts[skip:]
    assert all(len(batch) <= batch_size for batch in got)
    if batch_bytes is None:
        assert got == want
    else:
        for batch in got:
            assert len(batch) == 1 or sum(len(text.encode()) for text in batch) <= batch_bytes
        assert len(got) <= len(want) + sum(not text for text in texts)


@pytest.mark.parametrize("threads", [1, 3])
def test_resuming_at_a_position(shards, threads):
    folder, texts = shards
    corpus = Corpus(folder, threads=threads, batch_size=777)
    seen = []
    for batch in corpus:
        seen += batch
        if len(seen) > 24_000:
            break
    position = corpus.position
    assert position == len(seen)
    resumed = Corpus(folder, threads=threads, batch_size=500).skip(position)
    assert seen + texts_of(resumed) == texts
    assert resumed.position == len(texts)
    assert texts_of(resumed.skip(0)) == texts
    assert list(Corpus(folder).skip(len(texts))) == []


def test_two_passes_at_once_are_independent(shards):
    folder, texts = shards
    corpus = Corpus(folder, threads=2)
    pairs = list(zip(corpus, corpus, strict=True))
    assert all(one == two for one, two in pairs)
    assert sum(len(one) for one, _ in pairs) == len(texts)


def test_pickle_and_fork(shards):
    folder, texts = shards
    corpus = Corpus(folder)
    assert texts_of(pickle.loads(pickle.dumps(corpus))) == texts
    half = iter(corpus)
    next(half)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_count, (corpus,)) == len(texts)
    pid = os.fork()
    if pid == 0:
        try:
            next(half)
        except RuntimeError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert sum(len(batch) for batch in half) == len(texts) - 1000


def _count(corpus: Corpus) -> int:
    return sum(map(len, corpus))


def test_threads_end_with_the_iterator(shards):
    folder, _ = shards

    def running() -> int:
        return len(os.listdir("/proc/self/task"))

    before = running()
    half = iter(Corpus(folder, threads=5))
    next(half)
    assert running() == before + 5
    half.close()
    assert running() == before
    inline = iter(Corpus(folder, threads=1))
    next(inline)
    assert running() == before


def test_ctrl_c_stops_within_a_batch(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", some_texts(3000))
    code = textwrap.dedent(f"""
        import fastpost, sys
        corpus = fastpost.Corpus([{str(path)!r}] * 5000, batch_size=10**9, threads=2)
        print("go", flush=True)
        try:
            list(corpus)
        except KeyboardInterrupt:
            print(corpus.stats.bytes_read, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "go\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert 0 < int(out) < 5000 * path.stat().st_size  # all of it would be one batch


def test_ctrl_c_while_a_pipe_has_no_writer(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    code = f"import fastpost; print('go', flush=True); list(fastpost.Corpus({str(tmp_path / 'a.txt')!r}, threads=2))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "go\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err


# faults ----------------------------------------------------------------------------------------------------

GOOD = b'{"text": "a"}\n'
FAULTS = [
    ("half.jsonl", GOOD + b'{"text": "b", "c', 2, "EOF while parsing"),
    ("cut.jsonl", GOOD + b'{"text": "b\n' + GOOD, 2, "not a JSON record"),
    (
        "two.jsonl",
        GOOD + b'\xef\xbb\xbf{"text": "\xc3\xa9"} {"text": "c"}\n' + GOOD,
        2,
        r"a second record begins at byte 18 of the line; JSON Lines is expected, one record per line: `jq -c \. FILE > ",
    ),
    ("three.jsonl", GOOD + b'{"text": "b"}{"text": "c"}\r{"text": "d"}\n', 2, "a second record begins at byte 13 of"),
    ("half-two.jsonl", GOOD + b'{"text": "\\ud83d"} [1]\n', 2, "a second record begins at byte 19 of"),
    (
        "comma.jsonl",
        GOOD + b'{"text": "b"}, {"text": "c"}\n',
        2,
        "a second record begins at byte 15 of the line.*: take out the comma between them",
    ),
    ("more.jsonl", GOOD + b'{"text": "b"} x\n', 2, "trailing characters at byte 14"),
    ("a-comma.jsonl", GOOD + b'{"text": "b"},\n', 2, "trailing characters at byte 13"),
    (
        "missing.jsonl",
        GOOD + b'{"txt": "b", "id": 1}\n' + GOOD,
        2,
        "no column `text`; the record has `txt`, `id`",
    ),
    ("number.jsonl", GOOD + b'{"text": 1.5}\n' + GOOD, 2, "column `text` holds a number, not text"),
    ("null.jsonl", GOOD + b'{"text": null}\n' + GOOD, 2, "column `text` holds null"),
    ("object.jsonl", GOOD + b'{"text": {"text": "x"}}\n', 2, "holds an object"),
    ("array.json", b'[{"text": "a"}]', 1, "holds a list, not a JSON object"),
    ("surrogate.jsonl", GOOD + b'{"text": "\\ud83d"}\n', 2, "surrogate|hex escape"),
    ("utf8.jsonl", GOOD + b'{"text": "\xff"}\n' + GOOD, 2, "not UTF-8: byte 0xff at byte 10 of the line"),
    (
        "utf8-no-string.jsonl",
        GOOD + b'{"text": "a", "b": \xe4}\n' + GOOD,
        2,
        "not UTF-8: byte 0xe4 at byte 19 of the line",
    ),
    ("utf8.txt", b"a\n\nb\xe4c\n", 3, "not UTF-8: byte 0xe4 at byte 1 of the line"),
    ("utf16.txt", "a\nb\n".encode("utf-16"), 1, "UTF-16"),
    ("notgz.txt.gz", b"plain text", None, "does not start with the gzip mark"),
    ("zeros.jsonl.zst", bytes(5000), None, "does not start with the zstd mark"),
]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("name", "data", "line", "message"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_faults(tmp_path, name, data, line, message, threads):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message) as raised:
        texts_of(Corpus(path, threads=threads))
    assert (raised.value.path, raised.value.line) == (str(path), line)
    assert isinstance(raised.value, ValueError)
    assert pickle.loads(pickle.dumps(raised.value)).line == line
    after = tmp_path / "zzz.txt"
    after.write_text("after\n")
    corpus = Corpus([path, after], threads=threads, on_error="skip")
    texts = texts_of(corpus)
    records = [one for one in data.split(b"\n") if one] if line else []
    assert len(texts) + corpus.stats.skipped >= max(len(records), 1) + 1 or name in ("utf16.txt",)
    assert texts[-1] == "after"
    assert corpus.stats.skipped == len(corpus.stats.reasons) > 0
    place = f"{path}:{line}: " if line else f"{path}: "
    assert corpus.stats.reasons[0].startswith(place)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("end", ["gz", "zst"])
def test_truncated_archives(tmp_path, end, threads):
    texts = some_texts(20_000)
    whole = write_jsonl(tmp_path / f"a.jsonl.{end}", texts)
    whole.write_bytes(whole.read_bytes()[:-4000])
    corpus = Corpus(whole, threads=threads, batch_size=1)
    got = []
    with pytest.raises(CorpusError, match="cut off or damaged") as raised:  # noqa: PT012
        for batch in corpus:
            got += batch
    assert got == texts[: len(got)]
    assert len(got) > 10_000
    assert raised.value.line == len(got) + 1
    skipping = Corpus(whole, threads=threads, on_error="skip")
    assert texts_of(skipping) == got
    assert skipping.stats.skipped == 1


def test_members_and_frames_one_after_the_other(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\nc"))
    (tmp_path / "b.txt.zst").write_bytes(zstandard.compress(b"a\n") + zstandard.compress(b"b\nc"))
    assert texts_of(Corpus(tmp_path)) == ["a", "b", "c"] * 2


def test_damage_inside_an_archive(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl.gz", some_texts(20_000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    with pytest.raises(CorpusError) as raised:
        texts_of(Corpus(path))
    assert raised.value.line > 1


def test_missing_files_and_globs(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        texts_of(Corpus(tmp_path / "no.txt"))
    assert raised.value.filename == str(tmp_path / "no.txt")
    for pattern in (tmp_path / "*.txt", tmp_path / "**" / "*.jsonl", tmp_path):
        with pytest.raises(FileNotFoundError) as raised:
            Corpus(pattern)
        assert raised.value.filename == str(pattern)
    (tmp_path / "a.txt").write_text("a")
    skipping = Corpus([tmp_path / "no.txt", tmp_path / "a.txt"], on_error="skip")
    assert texts_of(skipping) == ["a"]
    assert skipping.stats.skipped == 1
    assert "no.txt" in skipping.stats.reasons[0]
    (tmp_path / "a.eml").write_text("x")
    with pytest.raises(ValueError, match=r"does not say what it holds; pass format='text', 'jsonl', 'csv', 'tsv', "):
        Corpus(tmp_path / "a.eml")


def test_globs_equal_the_glob_module(tmp_path):
    import glob

    for name in ("a.txt", "b/c.txt", "b/d/e.txt", "b/.hidden.txt", ".f/g.txt", "b/[x].txt", "h.d/i.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for pattern in (
        "*.txt",
        "**/*.txt",
        "b/**",
        "**/d/*.txt",
        "b/[[]x].txt",
        "?/c.txt",
        "b/.h*",
        "*.d/*.txt",
    ):
        want = sorted(p for p in glob.glob(str(tmp_path / pattern), recursive=True) if os.path.isfile(p))
        assert Corpus(tmp_path / pattern).files == want, pattern
    assert texts_of(Corpus(tmp_path / "b" / "[x].txt")) == ["b/[x].txt"]


@pytest.mark.parametrize("threads", [1, 2])
def test_empty_files(tmp_path, threads):
    for name in ("a.txt", "b.jsonl", "c.jsonl.gz", "d.txt.zst"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CorpusError, match="the corpus holds no text"):
        texts_of(Corpus(tmp_path, threads=threads))
    (tmp_path / "e.txt").write_bytes(b"text")
    corpus = Corpus(tmp_path, threads=threads)
    assert texts_of(corpus) == ["text"]
    assert corpus.stats.empty_files == 4


@pytest.mark.parametrize("threads", [1, 2])
def test_a_line_of_200_megabytes(tmp_path, threads):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.write(b"before\n")
        for _ in range(200):
            file.write(b"0123456789" * 100_000)
        file.write(b"\nafter\n")
    before, long, after = texts_of(Corpus(path, threads=threads))
    assert (before, len(long), after) == ("before", 200_000_000, "after")


@pytest.fixture
def ordinary_user():
    """Root may read everything, so the test runs as another user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission(tmp_path, ordinary_user):
    if os.geteuid() == 65534:
        os.seteuid(0)
        for parent in [tmp_path, *tmp_path.parents][:4]:
            parent.chmod(0o755)
        (tmp_path / "shut").mkdir()
        (tmp_path / "shut" / "a.txt").write_text("a")
        (tmp_path / "b.txt").write_text("b")
        (tmp_path / "c.txt").write_text("c")
        (tmp_path / "b.txt").chmod(0)
        (tmp_path / "shut").chmod(0)
        os.seteuid(65534)
    for source in (tmp_path / "**" / "*.txt", tmp_path):
        with pytest.raises(PermissionError) as raised:
            Corpus(source)
        assert raised.value.filename == str(tmp_path / "shut")
        corpus = Corpus(source, on_error="skip")
        assert texts_of(corpus) == ["c"]
        assert corpus.stats.skipped == 2
        assert {"shut" in corpus.stats.reasons[0], "b.txt" in corpus.stats.reasons[1]} == {True}
    with pytest.raises(PermissionError) as raised:
        texts_of(Corpus(tmp_path / "b.txt"))
    assert raised.value.filename == str(tmp_path / "b.txt")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, threads):
    path = tmp_path / "a.txt"
    path.write_bytes(b"0123456789" * 9 + b"012345678\n")
    path.write_bytes(path.read_bytes() * 500_000)
    got = 0
    with pytest.raises(CorpusError, match="shrank while it was read: 50000000 bytes") as raised:  # noqa: PT012
        for batch in Corpus(path, threads=threads, prefetch=1):
            if not got:
                os.truncate(path, 20_000_050)
            got += len(batch)
            assert set(map(len, batch)) == {99}  # half a line is never a text
    assert raised.value.path == str(path)
    assert raised.value.line == 200_001


def test_faults_of_arrow_columns(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    with pytest.raises(CorpusError, match="holds null") as raised:
        texts_of(Corpus(pa.table({"text": ["a", None, "b"]})))
    assert raised.value.line == 2
    corpus = Corpus(pa.table({"text": ["a", None, "b"]}), on_error="skip")
    assert texts_of(corpus) == ["a", "b"]
    assert corpus.stats.skipped == 1
    with pytest.raises(CorpusError, match="holds numbers, not text"):
        texts_of(Corpus(pa.table({"text": [1, 2]})))
    with pytest.raises(CorpusError, match="no column `text`; the record has `a`, `b`"):
        texts_of(Corpus(pa.table({"a": ["x"], "b": ["y"]})))
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")]
    )
    with pytest.raises(CorpusError, match="not UTF-8") as raised:
        texts_of(Corpus(pa.table({"text": bad})))
    assert raised.value.line == 2
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": some_texts(5000)}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorpusError, match="not readable as parquet") as raised:
        texts_of(Corpus(path))
    assert raised.value.path == str(path)
    (tmp_path / "b.txt").write_text("b")
    skipping = Corpus([path, tmp_path / "b.txt"], on_error="skip")
    assert texts_of(skipping) == ["b"]
    assert skipping.stats.skipped == 1
    with pytest.raises(FileNotFoundError):
        texts_of(Corpus(tmp_path / "no.parquet"))


def test_faults_of_iterables():
    with pytest.raises(CorpusError, match="the item is an int, not a str") as raised:
        texts_of(Corpus(lambda: ["a", 1]))
    assert raised.value.line == 2
    corpus = Corpus(lambda: ["a", 1, None, ["b", 2], {"text": "c"}, {"x": "d"}], on_error="skip")
    assert texts_of(corpus) == ["a", "b", "c"]
    assert corpus.stats.skipped == 4
    with pytest.raises(CorpusError, match="holds no text"):
        list(Corpus(list))
    for source in (5, b"bytes", {"text": "a"}, None):
        with pytest.raises(TypeError, match="`source` is a"):
            Corpus(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` is 0"),
        ({"batch_size": None}, "both None"),
        ({"threads": 0}, "`threads` is 0"),
        ({"on_error": "ignore"}, "`on_error` is 'ignore'; it is one of 'raise', 'skip'"),
        ({"split": "word"}, "`split` is 'word'"),
        ({"format": "xml"}, "`format` is 'xml'"),
        ({"nulls": "drop"}, "`nulls` is 'drop'; it is one of 'raise', 'keep'"),
        ({"keep": "id"}, "`keep` is 'id'; pass a list of names"),
        ({"keep": ["id", "id"]}, "pass names of columns, each once"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Corpus(lambda: ["a"], **options)


@pytest.mark.parametrize(
    ("name", "size"), [("batch_size", -1), ("batch_size", 0), ("batch_bytes", -1), ("batch_size", 2.5)]
)
def test_sizes_that_are_set_later_are_checked(name, size):
    """A negative size gave empty batches without end."""
    corpus = Corpus.from_texts(["a", "b"])
    setattr(corpus, name, size)
    for again in (corpus, pickle.loads(pickle.dumps(corpus))):
        for begin in (iter, lambda made: next(made.records())):
            with pytest.raises((TypeError, ValueError), match=f"`{name}` is {size}"):
                begin(again)


# memory ----------------------------------------------------------------------------------------------------


def peak_growth(source: str, threads: int | None) -> tuple[float, int]:
    """The MB that a pass over `source` adds to the peak memory of a new interpreter, and the number of texts."""
    code = textwrap.dedent(f"""
        import fastpost, re
        def peak():  # of this program alone: ru_maxrss starts at the parent's
            return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
        list(fastpost.Corpus(lambda: ["warm"]))
        before = peak()
        texts = sum(map(len, fastpost.Corpus({source}, threads={threads})))
        print(peak() - before, texts)
    """)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return float(out[0]), int(out[1])


@pytest.fixture(scope="module")
def large_file(tmp_path_factory) -> tuple[Path, int]:
    """About 50 MB of records of about a kilobyte."""
    path = tmp_path_factory.mktemp("large") / "a.jsonl"
    block = "".join(json.dumps({"text": text * 8, "n": n}) + "\n" for n, text in enumerate(some_texts(1000)))
    repeats = 50_000_000 // len(block)
    path.write_text(block * repeats)
    return path, repeats * 1000


@pytest.mark.parametrize("threads", [1, None])
def test_memory_is_constant(large_file, threads):
    path, texts = large_file
    megabytes, seen = peak_growth(f"[{str(path)!r}] * 10", threads)
    assert seen == 10 * texts
    assert 1 < megabytes < 100


@pytest.mark.parity
def test_memory_over_ten_gigabytes(large_file):
    path, texts = large_file
    copies = 10_000_000_000 // path.stat().st_size + 1
    megabytes, seen = peak_growth(f"[{str(path)!r}] * {copies}", None)
    print(f"10 GB in batches: {megabytes:.0f} MB above the interpreter")
    assert seen == copies * texts
    assert 1 < megabytes < 200


def test_a_slow_taker_holds_the_readers_back(large_file):
    path, _ = large_file
    corpus = Corpus([path] * 20, threads=2, prefetch=1)
    half = iter(corpus)
    next(half)
    time.sleep(1)
    assert corpus.stats.bytes_read < 20_000_000
    half.close()


def test_many_threads_may_share_one_pass(shards):
    folder, texts = shards
    half = iter(Corpus(folder, threads=2))
    lock = threading.Lock()
    got: list[int] = []

    def take():
        while True:
            with lock:
                batch = next(half, None)
            if batch is None:
                return
            got.append(len(batch))

    workers = [threading.Thread(target=take) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(got) == len(texts)


def test_import_stays_light():
    code = "import sys, fastpost; print([m for m in ('torch', 'transformers', 'pyarrow', 'datasets', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# places, columns, nulls -----------------------------------------------------------------------------------------


def records_of(corpus: Corpus) -> list[tuple]:
    """Text, kept columns, file name, line and record number of each record."""
    rows = []
    for batch in corpus.records():
        kept = [None] * len(batch) if batch.kept is None else [json.loads(row) for row in batch.kept]
        names = [None if file is None else os.path.basename(file) for file in batch.files]
        rows += list(zip(batch.texts, kept, names, batch.lines, batch.numbers, strict=True))
    return rows


@pytest.mark.parametrize("threads", [1, 2])
def test_a_record_that_is_left_out_does_not_renumber(tmp_path, threads):
    (tmp_path / "a.jsonl").write_text('{"text":"one"}\nBROKEN\n\n{"text":"three"}\n')
    (tmp_path / "b.jsonl").write_text('{"text":1}\n{"text":"five"}\n')
    (tmp_path / "c.txt").write_text("six\n\xff\nseven\n", encoding="latin-1")
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.txt"]
    want = [
        ("one", None, "a.jsonl", 1, 0),
        ("three", None, "a.jsonl", 4, 2),
        ("five", None, "b.jsonl", 2, 4),
        ("six", None, "c.txt", 1, 5),
        ("seven", None, "c.txt", 3, 7),
    ]
    corpus = Corpus(paths, on_error="skip", threads=threads, batch_size=2)
    assert records_of(corpus) == want
    assert [len(batch) for batch in corpus.records()] == [2, 2, 1]
    for passed in range(6):
        assert records_of(corpus.skip(passed)) == want[passed:]
    assert corpus.skip(0).stats.skipped == 3
    # An absent file is not a record.
    missing = Corpus([tmp_path / "no.txt", *paths], on_error="skip", threads=threads)
    assert records_of(missing) == want


def test_columns_come_along(tmp_path):
    """A kept value is the JSON in the file, whatever its type and position."""
    path = tmp_path / "x.jsonl"
    lines = [
        '{"id": "a\\n", "text": "one\\ntwo"}',
        '{"text": "three", "id":  {"k": [1, 2]} , "more": 0}',
        '{"text": "four"}',
        '{"text": 5, "id": 5}',
        '{"id": 1, "id": 2, "text": "x", "text": "six", "\\u0069d": 3}',
        '{"id": "\\ud83d", "text": "seven"}',
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    want = [
        ("one\ntwo", {"id": "a\n"}, 1, 0),
        ("three", {"id": {"k": [1, 2]}}, 2, 1),
        ("four", {}, 3, 2),
        ("six", {"id": 3}, 5, 4),
        ("seven", {"id": "\ud83d"}, 6, 5),
    ]
    for source in (path, path.open("rb")):
        corpus = Corpus(source, on_error="skip", format="jsonl", threads=2, keep=["id"])
        assert [(text, kept, line, n) for text, kept, _, line, n in records_of(corpus)] == want
        assert texts_of(corpus) == [text for text, *_ in want]
    whole = next(Corpus(path, on_error="skip", keep="all").records())
    assert whole.kept[1] == '{"id":{"k": [1, 2]},"more":0}'
    assert whole.columns["more"] == [None, 0, None, None, None]
    with pytest.raises(CorpusError, match=r'x.jsonl:4: .*a number, not text; on_error="skip" leaves'):
        list(Corpus(path, keep=["id"]))
    same = Corpus(path, on_error="skip", column="id", keep=["id"])
    assert records_of(same)[0][:2] == ("a\n", {"id": "a\n"})
    (tmp_path / "x.txt").write_text("a\n")
    with pytest.raises(ValueError, match=r"x.txt is a text file, which has no column `id`"):
        Corpus(tmp_path / "x.txt", keep=["id"])
    with pytest.raises(ValueError, match=r"x.txt is a text file, which has no column `body`"):
        Corpus(tmp_path / "x.txt", column="body")
    mixed = Corpus([tmp_path / "x.txt", path], on_error="skip", keep="all")
    assert [kept for _, kept, *_ in records_of(mixed)][:2] == [{}, {"id": "a\n"}]


def test_columns_of_tables_come_along(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": [1, None, 3], "text": ["a", "b", None], "day": pa.array([0, 1, 2], pa.date32())})
    pq.write_table(table, tmp_path / "x.parquet")
    want = [("a", {"id": 1}, 1, 0), ("b", {"id": None}, 2, 1), ("d", {"id": 4}, 4, 3)]
    table = pa.concat_tables([table, pa.table({"id": [4], "text": ["d"], "day": pa.array([3], pa.date32())})])
    pq.write_table(table, tmp_path / "x.parquet")
    sources = [table, tmp_path / "x.parquet", table.to_pylist(), lambda: iter(table.to_pylist())]
    if datasets := sys.modules.get("datasets") or pytest.importorskip("datasets"):
        sources.append(datasets.Dataset.from_list(table.to_pylist()))
    for source in sources:
        rows = records_of(Corpus(source, on_error="skip", keep=["id"]))
        assert [(text, kept, line, n) for text, kept, _, line, n in rows] == want
        file = "x.parquet" if source == sources[1] else None
        assert {name for _, _, name, _, _ in rows} == {file}
        assert records_of(Corpus(source, on_error="skip", keep="all"))[0][1] in (
            {"id": 1, "day": "1970-01-01"},
            {"id": 1, "day": str(table["day"][0].as_py())},
        )
        plain = records_of(Corpus(source, on_error="skip"))
        assert [(text, line, n) for text, _, _, line, n in plain] == [(t, line, n) for t, _, line, n in want]
    with pytest.raises(CorpusError, match="no column `key`; the data has `id`, `text`, `day`"):
        list(Corpus(tmp_path / "x.parquet", keep=["key"]))


def test_a_null_is_what_the_caller_says(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    datasets = pytest.importorskip("datasets")
    rows = [{"text": "a"}, {"text": None}, {"text": "b"}, {"text": None}]
    table = pa.Table.from_pylist(rows)
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(table, tmp_path / "a.parquet")
    for source in (
        path,
        tmp_path / "a.parquet",
        table,
        table.to_reader,
        datasets.Dataset.from_list(rows),
        rows,
        lambda: ["a", None, "b", None],
        [["a", None], ["b", None]],
    ):
        if source == table.to_reader:
            source = source()
        else:
            with pytest.raises(CorpusError, match=r"null|None") as raised:
                list(Corpus(source))
            assert raised.value.line in (1, 2)
            skipping = Corpus(source, on_error="skip")
            assert texts_of(skipping) == ["a", "b"]
            assert skipping.stats.skipped == 2
            for threads in (1, 2):
                kept = Corpus(source, nulls="keep", threads=threads, batch_size=3)
                assert list(kept) == [["a", None, "b"], [None]]
                assert [batch.numbers for batch in kept.records()] == [[0, 1, 2], [3]]
                assert texts_of(kept.skip(1)) == [None, "b", None]
        corpus = Corpus(source, nulls="keep", batch_size=None, batch_bytes=1)
        assert texts_of(corpus) == ["a", None, "b", None]
        assert corpus.stats.texts == 4
        assert corpus.stats.bytes == 2


def test_half_of_a_pair_of_surrogates():
    def read(line, **options):
        return texts_of(Corpus(io.BytesIO(line), format="jsonl", **options))

    half = rb'{"text":"cut \ud83d","id":1}'
    with pytest.raises(
        CorpusError, match=r":1: column `text` holds half a surrogate pair .*on_error=\"replace\""
    ) as raised:
        read(half)
    assert raised.value.line == 1
    assert read(half, on_error="replace") == ["cut \ufffd"]
    assert read(half + b"\n" + half.replace(rb"\ud83d", b"x"), on_error="skip") == ["cut x"]
    for other in (rb'{"a":"\ud83d","text":"fine"}', rb'{"\udc00":[{"b":"\ud83d\u0041"}],"text":"fine"}'):
        assert read(other) == ["fine"]
    assert read(rb'{"text":"\\ud83d \ud83d\ude42 \\\\ud83d"}') == [r"\ud83d 🙂 \\ud83d"]
    assert read(rb'{"a":"\ud83d","text":"\ud83d\ude42"}') == ["🙂"]
    assert texts_of(Corpus(lambda: ["a\ud83d", "\ud83d\ude42"], on_error="replace")) == ["a\ufffd", "🙂"]


def test_bytes_that_are_not_utf_8_in_a_column_that_nobody_reads():
    def read(line, **options):
        corpus = Corpus(io.BytesIO(line), format="jsonl", **options)
        return [(batch.texts, batch.columns) for batch in corpus.records()]

    latin = b'{"subject":"Caf\xe9","text":"fine","id":7}'
    assert read(latin) == [(["fine"], {})]
    assert read(latin, keep=["id"]) == [(["fine"], {"id": [7]})]
    assert read(b'{"\xe9":1,"a":[{"\xff":"\xe9"}],"b":"\\ud83d\xe9","text":"fine"}') == [(["fine"], {})]
    assert read(b'{"n":' + b"9" * 5000 + b',"a":"\xe9","text":"fine"}') == [(["fine"], {})]
    for keep in (["subject"], "all"):
        with pytest.raises(CorpusError, match=r":1: not UTF-8: byte 0xe9 at byte 15 of the line") as raised:
            read(latin, keep=keep)
        assert 'on_error="replace"' in str(raised.value)
        assert read(latin + b'\n{"text":"next"}', keep=keep, on_error="skip")[0][0] == ["next"]
    assert read(latin, keep="all", on_error="replace") == [(["fine"], {"subject": ["Caf\ufffd"], "id": [7]})]
    with pytest.raises(CorpusError, match=r":1: not UTF-8: byte 0xe9 at byte 12 of the line"):
        read(b'{"text":"Caf\xe9","id":7}')
    assert read(b'{"text":"Caf\xe9","id":7}', on_error="replace") == [(["Caf\ufffd"], {})]


def test_a_byte_order_mark_in_front_of_a_record_is_no_part_of_it():
    """Files that have one are joined, or it stands in front of each line; two of them are of a file that was written twice."""
    mark = b"\xef\xbb\xbf"
    record = mark + b'{"text":"a"}\r\n'
    for data in (record * 3, record + mark + b"\r\n" + record + record + mark, mark + record * 3):
        corpus = Corpus(io.BytesIO(data), format="jsonl")
        assert texts_of(corpus) == ["a"] * 3
    assert texts_of(Corpus(io.BytesIO(record))) == ["a"]
    with pytest.raises(CorpusError, match=r":2: not a JSON record: .* at byte 13 of the line"):
        texts_of(Corpus(io.BytesIO(record + mark + b'{"text":1,]'), format="jsonl"))
    # In a text the mark is a character.
    assert texts_of(Corpus(io.BytesIO(mark + b"a\n" + mark + b"b"))) == ["a", "\ufeffb"]


@settings(max_examples=EXAMPLES)
@given(
    st.lists(
        st.sampled_from([r"\ud83d", r"\ude42", r"\u0041", r"\\", r"\n", "a", "é", r"\uD83D", r"\udc00"]), max_size=8
    )
)
def test_halves_equal_json(parts):
    line = '{"x":"' + "".join(parts) + '","text":"' + "".join(parts) + '"}'
    want = json.loads(line)["text"]
    got = texts_of(Corpus(io.StringIO(line), format="jsonl", on_error="replace"))
    assert got == [want.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")]
    half = any("\ud800" <= letter < "\ue000" for letter in want)
    assert texts_of(Corpus(io.StringIO(line), format="jsonl", on_error="skip")) == ([] if half else [want])
    kept = next(
        Corpus(
            io.StringIO(line.replace('"text"', '"y"') + "\n"),
            format="jsonl",
            column="x",
            keep=["y"],
            on_error="replace",
        ).records()
    )
    assert kept.columns == {"y": [want]}


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.sampled_from([b"a", b"\xc3", b"\xa9", b"\xff", b"\xf0\x9f", b"\xed\xa0\x80", b" "]), max_size=12).map(
        b"".join
    )
)
def test_replacing_equals_python(data):
    want = data.decode("utf-8", "replace")
    assert texts_of(Corpus(io.BytesIO(b"-" + data), on_error="replace")) == ["-" + want]
    assert texts_of(Corpus(io.BytesIO(b'{"text":"' + data + b'"}'), format="jsonl", on_error="replace")) == [want]
    assert texts_of(Corpus(io.BytesIO(b"text\n" + data + b"-"), format="csv", on_error="replace")) == [want + "-"]


def test_json_that_is_no_json_lines_is_told_as_what_it_is(tmp_path):
    for data, line, message in (
        (
            '[{"text":"a"},\n {"text":"b"}]\n',
            1,
            r"the line ends inside a list, .*`jq -c '\.\[\]' FILE > NEW.jsonl` rewrites it",
        ),
        ('[\n{"text":"a"}\n]\n', 1, r"the line ends inside a list"),
        ('[{"text":"a"}]', 1, r"the line holds a list, not a JSON object; .*`jq -c '\.\[\]' FILE"),
        ('{\n  "text": "a"\n}\n', 1, r"the line ends inside an object, .*`jq -c \. FILE > NEW.jsonl` rewrites it"),
        ('{"text": "a"}\n{"text": "b",\n"id": 2}\n', 2, r"the line ends inside an object"),
        ('"text"\n', 1, r"the line holds a string, not a JSON object"),
    ):
        with pytest.raises(CorpusError, match=message) as raised:
            texts_of(Corpus(io.StringIO(data), format="jsonl"))
        assert raised.value.line == line
        assert 'on_error="skip"' in raised.value.reason


def test_the_last_lone_return_ends_a_line():
    for split, want in (("line", ["a\rb"]), ("blank", ["a\rb"]), ("file", ["a\rb\r"])):
        assert texts_of(Corpus(io.BytesIO(b"a\rb\r"), split=split)) == want
    assert texts_of(Corpus(io.BytesIO(b"a\n\r"))) == ["a", ""]
