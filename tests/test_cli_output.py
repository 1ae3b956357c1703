"""The command line's output: lines, parts, notes; and what is left of them if a program is killed at any point."""

import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fastpost.cli.failure import explained
from fastpost.jobs import lines as lines_of
from fastpost.jobs import output, parts
from fastpost.jobs.answers import answer_table
from fastpost.jobs.entities import entity_table
from fastpost.jobs.errors import Finished, JobError
from fastpost.jobs.output import Output

TABLE = entity_table(("id",), by_text=False)


def opened(out, job=None, *, resume=False, overwrite=False, table=TABLE) -> Output:
    return Output(str(out), job or {}, resume=resume, overwrite=overwrite, table=table)


def entity(start: int, label: str = "PER", word: str = "x") -> dict:
    return {"start": start, "end": start + 1, "label": label, "score": 0.5, "word": word}


def rows_of(count: int, ids) -> list[dict]:
    draw = random.Random(3)
    return [
        {
            "text_index": n,
            "id": ids[n % len(ids)],
            "entities": [entity(m, "AB"[m % 2]) for m in range(draw.randrange(4))],
        }
        for n in range(count)
    ]


def written(out, rows):
    pq = pytest.importorskip("pyarrow.parquet")
    with opened(out) as made:
        for row in rows:
            made.write([row])
        made.finish()
    return pq.ParquetFile(out).read()


@pytest.mark.parametrize(
    ("ids", "kind", "want"),
    [
        ([1, None, -3], "int64", [1, None, -3]),
        ([1, 2**62], "int64", [1, 2**62]),
        ([None, 1.5, None, -0.0], "double", [None, 1.5, None, -0.0]),
        ([1, 2.5, None, 7], "double", [1, 2.5, None, 7]),
        (["a", None, ""], "string", ["a", None, ""]),
        ([None], "string", [None]),
        ([1, "a", 2.0, None], "string", ["1", "a", "2.0", None]),
        ([1, 2**63], "string", ["1", str(2**63)]),
        ([1.5, 2**53 + 1], "string", ["1.5", str(2**53 + 1)]),
        ([True, 1], "string", ["true", "1"]),
        ([{"k": [1, "é"]}, [None]], "string", ['{"k": [1, "é"]}', "[null]"]),
        (["\ud800", "é\0"], "string", ["\\ud800", "é\0"]),
    ],
)
@pytest.mark.parametrize("size", [1, 200, 1 << 20])
def test_ids_of_every_type(ids, kind, want, size, tmp_path, monkeypatch):
    """The column's type fits all ids, for parts of any size; each id is exact in its part."""
    monkeypatch.setattr(parts, "_PART", size)
    rows = [{"text_index": n, "id": value, "entities": [entity(0)]} for n, value in enumerate(ids * 3)]
    table = written(tmp_path / "x.parquet", rows)
    assert str(table.schema.field("id").type) == kind
    assert table["id"].to_pylist() == want * 3
    assert table.schema.names == ["text_index", "id", "start", "end", "label", "score", "word"]


@pytest.mark.parametrize("by_text", [False, True])
def test_parts_make_what_one_part_makes(by_text, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = entity_table(("id",), by_text=by_text)
    rows = rows_of(90, [None, 1, 2])
    for row in rows:
        row["text"] = "é🎉" * (row["text_index"] % 5)
        for entity in row["entities"] if by_text else ():
            del entity["word"]
    made = []
    for size in (1, 900, 1 << 20):
        monkeypatch.setattr(parts, "_PART", size)
        out = tmp_path / f"{size}.parquet"
        with opened(out, table=table) as file:
            for at in range(0, 90, 7):
                file.write(rows[at : at + 7])
            file.finish()
        made.append(pq.ParquetFile(out).read())
        groups = pq.ParquetFile(out).num_row_groups
        assert groups == 1 if size > 900 else groups > 3
    assert made[0].equals(made[2])
    assert made[1].equals(made[2])
    assert made[0].schema == made[2].schema
    want = [row["text_index"] for row in rows for _ in ([1] if by_text else row["entities"])]
    assert made[0]["text_index"].to_pylist() == want
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.parquet" for n in (1, 900, 1 << 20))


def test_no_rows_make_a_table_all_the_same(tmp_path):
    for rows in ([], rows_of(1, ["a"])[:0], [{"text_index": 0, "id": 1, "entities": []}]):
        out = tmp_path / f"{len(rows)}{id(rows)}.parquet"
        assert len(written(out, rows)) == 0
    with opened(tmp_path / "x.jsonl") as file:
        file.finish()
    assert (tmp_path / "x.jsonl").read_bytes() == b""


def contents(path):
    """The contents of a file, without its row groups: their ends depend on where programs were killed."""
    if path.suffix == ".jsonl":
        return path.read_bytes()
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read().to_pylist()


class Killed(BaseException):
    """The program is killed: nothing after this has any effect."""


class Mortal:
    """Lets a program change the disk `life` times and no more; the last change is half done if that is possible."""

    def __init__(self, life: int, monkeypatch) -> None:
        self.left = life
        real = lines_of.append

        def append(file, data):
            try:
                self.step()
            except Killed:
                if self.left == -1:
                    real(file, data[: len(data) // 2])
                raise
            real(file, data)

        monkeypatch.setattr(output, "append", append)
        monkeypatch.setattr(parts, "append", append)
        for where, name in (
            (os, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (Path, "rmdir"),
            (os, "fsync"),
            (os, "write"),
        ):
            monkeypatch.setattr(where, name, self.mortal(getattr(where, name)))

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def mortal(self, call):
        def run(*args, **kwargs):
            self.step()
            return call(*args, **kwargs)

        return run


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_ended_at_any_point_and_resumed(suffix, overwrite, tmp_path, monkeypatch):
    """Each change of the disk is once the last one; the next program resumes and is killed one change later."""
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(parts, "_PART", 300)
    rows, chunk = rows_of(24, [1, "a", None]), 3

    def job(out, **options) -> None:
        with opened(out, **options) as file:
            for at in range(file.done, len(rows), chunk):
                file.write(rows[at : at + chunk])
            file.finish()

    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    job(whole)
    for first in itertools.count():
        if overwrite:
            out.write_text('{"old": 1}\n' * 5)
        ends = 0
        for life in range(first, 400):
            with monkeypatch.context() as patch:
                Mortal(life, patch)
                try:
                    job(out, resume=True, overwrite=overwrite)
                except Killed:
                    ends += 1
                    continue
            break
        assert contents(out) == contents(whole)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, whole.name])
        out.unlink()
        if not ends:
            break  # a job needs no more than that
    assert first > (30 if suffix == "parquet" else 10)


def test_parts_behind_one_that_is_gone_are_not_gone_on_with(tmp_path, monkeypatch):
    """The texts of parts after a missing one are read again; parts of another size would count them twice."""
    pytest.importorskip("pyarrow")
    rows, whole, out = rows_of(24, [1, "a", None]), tmp_path / "whole.parquet", tmp_path / "out.parquet"
    written(whole, rows)
    folder = out.with_name("out.parquet.parts")
    monkeypatch.setattr(parts, "_PART", 300)
    with opened(out) as file:
        for at in range(0, 18, 3):
            file.write(rows[at : at + 3])
    assert len(list(folder.glob("*.parquet"))) > 3
    (folder / "1.parquet").unlink()
    for size in (1000, 300):
        monkeypatch.setattr(parts, "_PART", size)
        with opened(out, resume=True) as file:
            file.write(rows[file.done : file.done + 12])
    with opened(out, resume=True) as file:
        file.write(rows[file.done :])
        file.finish()
    assert contents(out) == contents(whole)


def test_an_output_stays_until_there_is_something_to_replace_it(tmp_path):
    for name in ("x.jsonl", "x.parquet"):
        out = tmp_path / name
        out.write_text("old")
        with pytest.raises(RuntimeError, match="no model"), opened(out, overwrite=True):
            raise RuntimeError("no model")
        assert out.read_text() == "old"
        with pytest.raises(RuntimeError, match="no model"), opened(tmp_path / f"new-{name}", resume=True):
            raise RuntimeError("no model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl", "x.parquet"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
def test_two_jobs_at_once_on_one_output(tmp_path):
    out = tmp_path / "x.jsonl"
    code = f"""
import sys
from fastpost.jobs.output import Output
with Output({str(out)!r}, {{}}, resume=False, overwrite=False, table=None) as output:
    output.write([{{"a": 1}}])
    print("begun", flush=True)
    sys.stdin.readline()
    output.finish()
"""
    first = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout.readline() == b"begun\n"
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(JobError, match="is being written by another job"):
            opened(out, **options)
    first.communicate(b"\n", timeout=60)
    assert first.returncode == 0
    assert out.read_text() == '{"a":1}\n'
    assert list(tmp_path.iterdir()) == [out]
    with opened(out, overwrite=True) as output:
        output.finish()


def test_what_a_job_is_told_apart_by(tmp_path):
    out = tmp_path / "x.jsonl"
    job = {"model": "m", "corpus": {"files": [["a", 1, 2]], "column": "text"}, "model files": {"a.json": [1, 2]}}

    def begin(job, **options) -> None:
        with opened(out, job, **options) as output:
            output.write([{"a": output.done, "entities": []}])

    begin(job)
    begin(json.loads(json.dumps(job)), resume=True)
    assert out.read_text() == '{"a":0,"entities":[]}\n{"a":1,"entities":[]}\n'
    for change, words in (
        ({"model": "n"}, "another `model` ('m', now 'n')"),
        (
            {"corpus": {"files": [["a", 1, 3]], "column": "text"}},
            "begun with other input files, or they have changed since",
        ),
        ({"corpus": {"files": [["a", 1, 2]], "column": "body"}}, "another `column` ('text', now 'body')"),
        ({"model files": {"a.json": [1, 3]}}, "begun with other model files, or they have changed since"),
    ):
        with pytest.raises(JobError) as error:
            begin({**job, **change}, resume=True)
        assert words in str(error.value)
    (tmp_path / "x.jsonl.unfinished").write_text("{")
    with pytest.raises(JobError, match="is damaged; pass overwrite=True without resume=True"):
        begin(job, resume=True)
    begin(job, overwrite=True)
    assert out.read_text() == '{"a":0,"entities":[]}\n'


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_an_output_with_columns_that_a_job_does_not_write_is_not_its_own(suffix, tmp_path):
    """An output without a note beside it is whole but of another job, unless the job keeps all columns of its input."""
    pytest.importorskip("pyarrow")
    out = tmp_path / f"x.{suffix}"
    with opened(out, table=entity_table(("id", "page"), by_text=False)) as file:
        file.write([{"text_index": 0, "id": 1, "page": 2, "entities": [entity(0)]}])
        file.finish()
    for keeps_all, says in ((False, "its columns are others"), (True, "is whole, there is nothing to go on with")):
        with pytest.raises((JobError, Finished), match=says):
            opened(out, resume=True, table=entity_table(("id",), by_text=False, keeps_all=keeps_all))


def test_a_folder_that_stands_where_parts_would(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "x.parquet.parts").mkdir()
    mine = tmp_path / "x.parquet.parts" / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(JobError, match=r"x\.parquet\.parts exists; pass overwrite=True"):
        opened(tmp_path / "x.parquet")
    with opened(tmp_path / "x.parquet", overwrite=True) as output:
        output.write(rows_of(3, [1]))
        output.finish()
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.parquet", "x.parquet.parts"]


def test_answers_as_rows(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    answer = {"question": "Q", "answer": "a", "start": 0, "end": 1, "score": 0.5}
    with opened(tmp_path / "x.parquet", table=answer_table(("id",))) as output:
        output.write(
            [{"text_index": 0, "id": 5, "answers": [answer, answer]}, {"text_index": 1, "id": 6, "answers": []}]
        )
        output.finish()
    ranked = {"question": "Q", "answers": [{"text_index": 4, "id": 7, **answer}]}
    with opened(tmp_path / "r.parquet", table=answer_table(("id",))) as output:
        output.write([ranked])
        output.finish()
    assert pq.ParquetFile(tmp_path / "x.parquet").read()["id"].to_pylist() == [5, 5]
    assert pq.ParquetFile(tmp_path / "r.parquet").read()["id"].to_pylist() == [7]


def test_other_libraries_read_the_file(tmp_path, monkeypatch):
    polars = pytest.importorskip("polars")
    monkeypatch.setattr(parts, "_PART", 500)
    table = written(tmp_path / "x.parquet", rows_of(50, ["a", "b"]))
    frame = polars.read_parquet(tmp_path / "x.parquet")
    assert frame["text_index"].to_list() == table["text_index"].to_pylist()
    assert frame["label"].cast(polars.String).to_list() == table["label"].to_pylist()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system needs more rights")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_a_file_system_without_room(name, small_disk, tmp_path, monkeypatch):
    """Whether lines, a part or the joined file find no room, the job resumes once there is room again."""
    if name == "x.parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(parts, "_PART", 50_000)
    draw = random.Random(1)
    words = [f"{draw.random():.15f}" for _ in range(200)]  # which no compression makes smaller

    def job(out, count, **options) -> None:
        with opened(out, **options) as file:
            for n in range(file.done, count):
                file.write(
                    [{"text_index": n, "id": n, "entities": [entity(m, word=w + str(n)) for m, w in enumerate(words)]}]
                )
            file.finish()

    count = {"x.jsonl": 200, "x.parquet": 300}[name]
    job(tmp_path / name, count)
    errors = []
    for size in range(1000, 6000, 150):
        try:
            subprocess.run(["mount", "-o", f"remount,size={size + 24}k", small_disk], check=True)
            job(small_disk / name, count, resume=True)
            break
        except OSError as error:
            errors.append(error)
    places = {Path(error.filename).name for error in errors}
    assert places == {"x.jsonl"} if name == "x.jsonl" else {"made", "joined"} & places, places
    assert len(errors) > 3
    for error in errors:
        cure = "No space left on device; make room and go on with --resume"
        assert explained(error, resumable=True) == (1, f"{error.filename}: {cure}")
    assert contents(small_disk / name) == contents(tmp_path / name)
    assert [path.name for path in small_disk.iterdir()] == [name]


def test_no_room_for_the_first_line(small_disk):
    with (small_disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    for name in ("x.jsonl", "x.parquet"):
        with pytest.raises(OSError, match="No space left"), opened(small_disk / name) as output:
            output.write(rows_of(100, [1]))
    assert "x.jsonl.unfinished" not in os.listdir(small_disk) or (small_disk / "x.jsonl.unfinished").stat().st_size == 0
    (small_disk / "filler").unlink()
    for name in ("x.jsonl", "x.parquet"):
        with opened(small_disk / name, resume=True) as output:
            output.write(rows_of(3, [1]))
            output.finish()
    assert sorted(os.listdir(small_disk)) == ["x.jsonl", "x.parquet"]
