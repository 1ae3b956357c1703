"""`Corpus`: which files of a folder are read, which columns are used, and the layouts of Arrow."""

from __future__ import annotations

import gzip
import io
import warnings

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastpost import Corpus, CorpusError
from fastpost._fastpost import file_kind


def texts_of(corpus: Corpus) -> list[str]:
    return [text for batch in corpus for text in batch]


def folder(root, *names):
    """Files whose one text is their name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        end = name.removesuffix(".gz").rpartition(".")[2]
        shown = {"jsonl": f'{{"text":"{name}"}}\n', "json": f'{{"text":"{name}"}}\n', "csv": f"text\n{name}\n"}
        data = shown.get(end, f"{name}\n").encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return root


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["data/train.jsonl", "README.md", "LICENSE", ".gitattributes"], "LICENSE, README.md"),
        (["data/train.jsonl", "dataset_infos.json", "_SUCCESS", "run.log"], "_SUCCESS, dataset_infos.json, run.log"),
        (["train.csv", "docs/use.md", "a.png", "b.png", "c.png"], "a.png, b.png, c.png and 1 more"),
        (["train.jsonl", "mail.eml"], "mail.eml"),
        (["a.txt", "b/README.md", "LICENSE.txt"], "LICENSE.txt, b/README.md"),
    ],
)
def test_files_that_are_left_out_are_named(tmp_path, names, left):
    with pytest.warns(UserWarning, match="left out") as told:
        corpus = Corpus(folder(tmp_path, *names))
    assert f": {left}; pass a glob or `format` to choose others" in str(told[0].message)
    assert texts_of(corpus) == names[:1]


@pytest.mark.parametrize(
    ("names", "want"),
    [
        (["a.txt", "b.md", "c.log", "d"], ["a.txt", "b.md", "c.log", "d"]),
        (["README.md"], ["README.md"]),
        (["a.jsonl", "b.jsonl.gz", ".hidden.jsonl", ".cache/c.jsonl"], ["a.jsonl", "b.jsonl.gz"]),
        (["config.json"], ["config.json"]),
    ],
)
def test_folders_without_a_word(tmp_path, names, want):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert texts_of(Corpus(folder(tmp_path, *names))) == want


def test_texts_of_several_formats_are_refused(tmp_path):
    folder(tmp_path, "a.txt", "c.eml", "m.csv", "mails.jsonl")
    with pytest.raises(ValueError, match="holds texts of several formats") as raised:
        Corpus(tmp_path)
    assert '1 csv (m.csv); 1 jsonl (mails.jsonl); 1 text (a.txt); pass format="csv" or another' in str(raised.value)
    for chosen, texts, left in (
        ("csv", ["m.csv"], "3 files of the folder {} are left out: a.txt, c.eml, mails.jsonl, by"),
        ("jsonl", ["mails.jsonl"], "3 files of the folder {} are left out: a.txt, c.eml, m.csv, by"),
        ("text", ["a.txt", "c.eml"], "2 files of the folder {} are left out: m.csv, mails.jsonl, by"),
    ):
        with pytest.warns(UserWarning, match="left out") as told:
            assert texts_of(Corpus(tmp_path, format=chosen)) == texts
        assert str(told[0].message) == f'{left.format(tmp_path)} format="{chosen}"; pass a glob to choose others'
    assert texts_of(Corpus(tmp_path / "*.[jt]*")) == ["a.txt", "mails.jsonl"]
    assert texts_of(Corpus([tmp_path / "m.csv", tmp_path / "a.txt"])) == ["m.csv", "a.txt"]
    (tmp_path / "a.txt").unlink()
    with pytest.raises(
        ValueError, match=r"several formats: 1 csv \(m.csv\); 1 jsonl \(mails.jsonl\); pass format="
    ) as told:
        Corpus(tmp_path)
    assert (told.value.argument, told.value.file) == ("format", str(tmp_path))


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_tables_are_not_read_from_standard_input(kind):
    with pytest.raises(
        ValueError, match=f"`format` is {kind}, which can't be read from standard input; pass the path"
    ) as told:
        Corpus("-", format=kind)
    assert told.value.argument == "format"


def test_a_file_beside_itself_packed_is_refused(tmp_path):
    folder(tmp_path, "a.jsonl", "a.jsonl.gz")
    with pytest.raises(ValueError, match=r"holds a.jsonl and a.jsonl.gz, which would be one file read twice"):
        Corpus(tmp_path)
    assert len(texts_of(Corpus([tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"]))) == 2
    (tmp_path / "a.jsonl").rename(tmp_path / "a.jsonl.zst")
    with pytest.raises(ValueError, match=r"holds a.jsonl.gz and a.jsonl.zst, which would be one file read twice"):
        Corpus(tmp_path)


def test_a_file_beside_a_link_to_it_is_refused(tmp_path):
    """Such a file used to be read twice without a word."""
    (tmp_path / "data").mkdir()
    folder(tmp_path / "data", "a.jsonl")
    (tmp_path / "data" / "last.jsonl").symlink_to("a.jsonl")
    with pytest.raises(
        ValueError, match=r"holds a.jsonl and last.jsonl, which would be one file read twice; remove one"
    ):
        Corpus(tmp_path / "data")
    # As in the hub's cache: each link points to a file of its own elsewhere.
    (tmp_path / "data" / "last.jsonl").unlink()
    folder(tmp_path, "b.jsonl")
    (tmp_path / "data" / "b.jsonl").symlink_to("../b.jsonl")
    assert len(texts_of(Corpus(tmp_path / "data"))) == 2 * len(texts_of(Corpus(tmp_path / "b.jsonl")))


def test_links_to_folders_are_left_out_and_told(tmp_path):
    """The texts in such folders used to be missing without a word."""
    (tmp_path / "far").mkdir()
    (tmp_path / "data").mkdir()
    folder(tmp_path / "far", "b.jsonl")
    (tmp_path / "data" / "far").symlink_to("../far")
    (tmp_path / "data" / "round").symlink_to(".")
    with pytest.raises(
        FileNotFoundError, match=r"has none; .* and links to folders \(far, round\), which are not followed"
    ):
        Corpus(tmp_path / "data")
    folder(tmp_path / "data", "a.jsonl")
    with pytest.warns(
        UserWarning, match="2 links to folders are left out of the folder .*: far, round; pass a list"
    ) as told:
        corpus = Corpus(tmp_path / "data")
    assert len(told) == 1
    assert len(texts_of(corpus)) == len(texts_of(Corpus(tmp_path / "data" / "a.jsonl")))
    assert len(texts_of(Corpus([tmp_path / "data" / "a.jsonl", tmp_path / "data" / "far"]))) == 2 * len(
        texts_of(corpus)
    )


def test_a_folder_without_known_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder has none"):
        Corpus(tmp_path)
    folder(tmp_path, "a.eml", "b.eml")
    with pytest.raises(
        FileNotFoundError, match=r'no name ends as known \(.jsonl, .*2 files: a.eml, b.eml\); format="text"'
    ):
        Corpus(tmp_path)
    assert texts_of(Corpus(tmp_path, format="text")) == ["a.eml", "b.eml"]


def test_what_nobody_named_is_looked_at(tmp_path):
    line = b'{"id":7,"text":"My name"}\n'
    for data in (line, b"\xef\xbb\xbf" + line, b"\n \n" + line, gzip.compress(line), gzip.compress(line) + bytes(600)):
        (tmp_path / "x").write_bytes(data)
        assert texts_of(Corpus(tmp_path / "x")) == texts_of(Corpus(io.BytesIO(data))) == ["My name"]
    packed = pytest.importorskip("zstandard").compress(line)
    (tmp_path / "x").write_bytes(packed)
    assert texts_of(Corpus(tmp_path / "x")) == texts_of(Corpus(io.BytesIO(packed))) == ["My name"]
    assert texts_of(Corpus(io.BytesIO(line), format="text")) == [line.decode().strip()]
    assert texts_of(Corpus(io.BytesIO(b"[1] note\nplain {x}\n"))) == ["[1] note", "plain {x}"]
    with pytest.raises(CorpusError, match="holds a list, not a JSON object"):
        texts_of(Corpus(io.BytesIO(b'[{"text":"a"}]\n')))
    with pytest.raises(CorpusError, match='it holds parquet; pass its path, and format="parquet"'):
        texts_of(Corpus(io.BytesIO(b"PAR1\x15\x04")))
    with pytest.raises(CorpusError, match="it is plain text, which has no column `body`"):
        texts_of(Corpus(io.BytesIO(b"a\n"), column="body"))


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\r", b"")), min_size=1, max_size=4), st.data())
def test_padded_gzip_equals_pythons(members, data):
    packed = b"".join(
        gzip.compress(member) + bytes(data.draw(st.sampled_from([0, 1, 511, 70_000]))) for member in members
    )
    raw = gzip.decompress(packed).removeprefix(b"\xef\xbb\xbf")
    assume(file_kind(raw) is None)  # such as the mark of an array of NumPy, which hypothesis has drawn
    want = raw.decode("utf-8", "replace")
    got = texts_of(Corpus(io.BytesIO(packed), format="text", split="file", on_error="replace")) if want else []
    assert got == ([want] if want else [])


def test_a_member_that_is_cut_off(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"a\n") + bytes(100) + gzip.compress(b"b\n" * 100)[:-9])
    with pytest.raises(CorpusError, match="cut off or damaged") as raised:
        texts_of(Corpus(path))
    assert raised.value.path == str(path)
    path.write_bytes(gzip.compress(b"a\n") + b"rubbish")
    with pytest.raises(CorpusError, match="cut off or damaged"):
        texts_of(Corpus(path))


def test_dictionaries_of_every_type():
    pa = pytest.importorskip("pyarrow")
    for index in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()):
        for of in (pa.string(), pa.large_string(), pa.string_view()):
            values = pa.array(["a", None, "c"]).cast(of)
            column = pa.DictionaryArray.from_arrays(pa.array([2, 0, None, 1, 2], index), values)
            want = ["c", "a", None, None, "c"]
            for data in (pa.table({"text": column}), pa.chunked_array([column.slice(1, 3), column.slice(4)])):
                expected = want if isinstance(data, pa.Table) else want[1:]
                assert texts_of(Corpus(data, nulls="keep")) == expected
                assert [t for batch in Corpus(data, nulls="keep").records() for t in batch.texts] == expected
    empty = pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string()))
    assert texts_of(Corpus(pa.table({"text": empty}), nulls="keep")) == [None, None]
    assert texts_of(Corpus(pa.table({"text": pa.nulls(2)}), nulls="keep")) == [None, None]


def test_runs():
    pa = pytest.importorskip("pyarrow")
    for ends in (pa.int16(), pa.int32(), pa.int64()):
        for of in (pa.string(), pa.large_string()):
            runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3, 6], ends), pa.array(["a", None, "c"], of))
            want = ["a", "a", None, "c", "c", "c"]
            for start in range(6):
                for length in range(1, 7 - start):
                    part = pa.record_batch({"text": runs.slice(start, length)})
                    assert texts_of(Corpus(part, nulls="keep")) == want[start : start + length]


def test_the_nulls_of_records_count():
    pa = pytest.importorskip("pyarrow")
    rows = pa.StructArray.from_arrays([pa.array(["a", "b", "c"])], ["text"], mask=pa.array([False, True, False]))

    class Rows:
        def __arrow_c_array__(self, requested_schema=None):
            return rows.__arrow_c_array__(requested_schema)

    assert texts_of(Corpus(Rows(), nulls="keep")) == ["a", None, "c"]
    assert texts_of(Corpus(Rows(), on_error="skip")) == ["a", "c"]


def test_categories_of_frames():
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    texts = ["b", "a", None, "b"]
    for of in (pl.Categorical, pl.Enum(["a", "b"])):
        frame = pl.DataFrame({"text": pl.Series(texts, dtype=of)})
        assert texts_of(Corpus(frame, nulls="keep")) == texts
    assert texts_of(Corpus(pd.DataFrame({"text": pd.Categorical(texts)}), nulls="keep")) == texts


def test_frames_of_polars_with_nulls_only():
    """A column without values has Arrow's null type, and polars has types that the Rust reader does not know."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"text": ["a", "b"], "note": [None, None], "tags": [[None], []]})
    wide = frame.with_columns(big=pl.Series([1, 2], dtype=pl.Int128))
    assert texts_of(Corpus(frame)) == texts_of(Corpus(wide)) == ["a", "b"]
    assert [row for batch in Corpus(frame, keep=["note"]).records() for row in batch.columns["note"]] == [None, None]
    nothing = [None, None]
    for source in (pl.DataFrame({"text": nothing}), pl.Series(nothing)):
        assert texts_of(Corpus(source, nulls="keep")) == nothing
        with pytest.raises(CorpusError, match=":1: column `text` holds null, not text"):
            texts_of(Corpus(source))
    with pytest.raises(CorpusError, match="no column `texts`; the record has `text`, `note`"):
        texts_of(Corpus(frame, column="texts"))


def test_columns_of_arrays_come_along():
    """Records that are null themselves, and texts without other columns."""
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    fields = [pa.array(["a", "b", "c"]), pa.array([1, 2, 3])]
    records = pa.StructArray.from_arrays(fields, names=["text", "id"], mask=pa.array([False, True, False]))
    for source in (records, pa.chunked_array([records[:2], records[2:]])):
        for keep in ("all", ["id"]):
            batches = list(Corpus(source, nulls="keep", keep=keep).records())
            assert [text for batch in batches for text in batch.texts] == ["a", None, "c"]
            assert [row for batch in batches for row in batch.columns["id"]] == [1, None, 3]
    texts = ["a", None]
    for source in (pa.array(texts), pa.chunked_array([texts]), pl.Series(texts)):
        batch = next(Corpus(source, nulls="keep", keep="all").records())
        assert (batch.texts, batch.columns) == (texts, {})
        with pytest.raises(CorpusError, match="no column `id`; the data has `text`"):
            list(Corpus(source, nulls="keep", keep=["id"]).records())


def test_other_columns_are_named_with_the_cure():
    pa = pytest.importorskip("pyarrow")
    for column, message in (
        (pa.array([b"a"]), r"column `text` holds bytes, not text; cast it to string"),
        (pa.array([1]).dictionary_encode(), "column `text` holds numbers, not text"),
        (pa.array([0], pa.date32()), r"column `text` holds Date32, not text; cast it to string"),
        (pa.array([["a"]]), "column `text` holds lists, not text"),
    ):
        with pytest.raises(CorpusError, match=message):
            texts_of(Corpus(pa.table({"text": column})))


def test_a_column_that_is_there_twice_is_refused():
    pa = pytest.importorskip("pyarrow")
    table = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["text", "text", "title"])
    with pytest.raises(CorpusError, match="the column `text` is there more than once; rename one of them"):
        texts_of(Corpus(table))
    assert texts_of(Corpus(table, column="title")) == ["c"]


def test_a_dataset_of_splits_says_to_choose_one():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": ["a"]})
    splits = datasets.DatasetDict(train=rows, test=rows)
    streams = datasets.IterableDatasetDict({"train": rows.to_iterable_dataset()})
    for source in (splits, streams):
        with pytest.raises(TypeError, match=r"of the splits `train`.*; choose one, Corpus\(dataset\['train'\]\)"):
            Corpus(source)
    assert texts_of(Corpus(splits["test"])) == ["a"]


def test_no_message_has_much_of_a_text(tmp_path):
    """Messages shorten the names of columns, which may be texts, and print no text."""
    secret = "My name is Anna Schmidt and my number is 718-555-0199. " * 20
    rows = [f'{{"{secret}":1,"{secret}2":2}}', f'{{"text":["{secret}"]}}', f'{{"text":"{secret}', secret, f'"{secret}"']
    for number, row in enumerate(rows):
        (tmp_path / f"{number}.jsonl").write_text(row)
    (tmp_path / "9.csv").write_text(f"id,{secret}\n1,{secret}\n")
    sources = [*sorted(tmp_path.iterdir()), [{secret: 1}], [{"text": [5, secret]}], lambda: [{"text": {secret: 1}}]]
    for source in sources:
        with pytest.raises(CorpusError) as raised:
            texts_of(Corpus(source))
        said = str(raised.value)
        assert not any(secret[start : start + 81] in said for start in range(len(secret) - 80)), said
        assert len(raised.value.reason) < 400
