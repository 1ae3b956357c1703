"""Records through the command line: none is renumbered, none is lost, and their kept columns come out."""

import pytest

from fastpost.cli.failure import explained
from fastpost.jobs import parts
from fastpost.jobs.entities import entity_table
from fastpost.jobs.output import Output
from test_cli_jobs import rows_of, run

RECORDS = (
    '{"id": 7, "subject": "x", "text": "My name is Anna Schmidt"}\n'
    "BROKEN\n"
    '{"id": 8, "subject": {"a": 1}, "text": null}\n'
    '{"id": 9, "text": "Call Tom Baker"}\n'
    '{"id": 10, "text": null}\n'
)


@pytest.fixture
def mails(tmp_path):
    path = tmp_path / "mails.jsonl"
    path.write_text(RECORDS)
    return path


def test_a_record_that_is_left_out_does_not_renumber_and_null_passes_through(mails, rampart_dir):
    source = ["ner", mails, "--model", rampart_dir, "--quiet"]
    rows = rows_of(run(*source, "--on-error", "skip", "--with-source").stdout)
    assert [(row["text_index"], row["line"]) for row in rows] == [(0, 1), (2, 3), (3, 4), (4, 5)]
    assert {row["file"] for row in rows} == {str(mails)}
    assert [row["entities"] is None for row in rows] == [False, True, False, True]
    refused = run(*source, check=1)
    assert "--on-error skip leaves such records out" in refused.stderr


def test_columns_come_along(mails, rampart_dir, tmp_path):
    source = ["ner", mails, "--model", rampart_dir, "--quiet", "--on-error", "skip"]
    rows = rows_of(run(*source, "--keep-columns", "all", "--redact", "[{label}]").stdout)
    assert list(rows[0]) == ["text_index", "id", "subject", "text", "entities"]
    assert [(row["id"], row.get("subject"), row["text"]) for row in rows] == [
        (7, "x", "My name is [GIVEN_NAME] [SURNAME]"),
        (8, {"a": 1}, None),
        (9, None, "Call [GIVEN_NAME] [SURNAME]"),
        (10, None, None),
    ]
    kept = run(*source, "--keep-columns", "subject,text", "--redact", "[{label}]").stdout
    assert "Anna" not in kept
    assert "Tom" not in kept
    plain = rows_of(run(*source, "--keep-columns", "subject,text", "--id-column", "id").stdout)
    assert (plain[0]["id"], plain[0]["text"]) == (7, "My name is Anna Schmidt")
    for names, words in (("entities", "which the output has of its own"), ("a,,b", "pass names with commas")):
        assert (
            f"--keep-columns {'has' if names == 'entities' else 'is'}"
            in run(*source, "--keep-columns", names, check=2).stderr
        )
        assert words in run(*source, "--keep-columns", names, check=2).stderr


def test_columns_come_along_into_parquet(mails, rampart_dir, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    source = ["ner", mails, "--model", rampart_dir, "--quiet", "--on-error", "skip", "--keep-columns", "all"]
    out = tmp_path / "o.parquet"
    run(*source, "--out", out)
    rows = pq.read_table(out).to_pylist()
    assert [(row["text_index"], row["id"], row["subject"], row["word"]) for row in rows] == [
        (0, 7, "x", "Anna"), (0, 7, "x", "Schmidt"), (3, 9, None, "Tom"), (3, 9, None, "Baker")
    ]  # fmt: skip
    run(*source, "--out", out, "--overwrite", "--redact", "[{label}]")
    rows = pq.read_table(out).to_pylist()
    assert [row["subject"] for row in rows] == ["x", '{"a": 1}', None, None]
    assert [row["entities"] is None for row in rows] == [False, True, False, True]


def test_a_column_that_is_not_there_is_told_whatever_is_skipped(mails, rampart_dir):
    for more in ([], ["--on-error", "skip"]):
        done = run("ner", mails, "--model", rampart_dir, "--id-column", "idd", *more, check=0 if more else 1)
        assert "warning: the first record has no `idd`, which --id-column names" in done.stderr
    mails.write_text('{"id": 7, "text": "My name is Anna Schmidt"}\n{"id": 8, "text": "x \\ud83d"}\n')
    for how in ("raise", "skip", "replace"):
        job = ["ner", mails, "--model", rampart_dir, "--id-column", "idd", "--on-error", how]
        done = run(*job, check=1 if how == "raise" else 0)
        assert (
            "warning: the first record has no `idd`, which --id-column names, but `text`, `id`; its id is null"
            in done.stderr
        )
        assert [row["id"] for row in rows_of(done.stdout)] == [None] * {"raise": 0, "skip": 1, "replace": 2}[how]


@pytest.mark.parametrize("extra", [[], ["--column", "text"], ["--format", "jsonl"]])
def test_json_lines_on_standard_input_are_read_as_such(extra, rampart_dir):
    line = '{"id":7,"text":"My name is Anna Schmidt"}\n'
    source = ["ner", "-", "--model", rampart_dir, "--redact", "[{label}]", "--quiet", *extra]
    rows = rows_of(run(*source, input=line).stdout)
    assert [row["text"] for row in rows] == ["My name is [GIVEN_NAME] [SURNAME]"]
    refused = run("ner", "-", "--model", rampart_dir, "--column", "body", input="plain\n", check=1)
    assert "no column `body`" in refused.stderr


def test_split_file_names_the_file(rampart_dir, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Anna Schmidt\nParis\n")
    for more in ([], ["--id-column", "file"]):
        rows = rows_of(run("ner", tmp_path, "--model", rampart_dir, "--split", "file", "--quiet", *more).stdout)
        assert [row["file"] for row in rows] == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]


def test_resuming_what_is_whole_is_success(mails, rampart_dir, tmp_path):
    out = tmp_path / "o.jsonl"
    source = ["ner", mails, "--model", rampart_dir, "--on-error", "skip", "--out", out]
    assert "4 entities in 4 texts" in run(*source).stderr
    before = out.read_bytes()
    done = run(*source, "--resume")
    whole = f"fastpost: {out} is whole, there is nothing to go on with; --overwrite writes it again, in case it was "
    assert done.stderr == whole + "written with other options\n"
    assert out.read_bytes() == before
    out.write_text('{"not": "ours"}\n')
    assert "its columns are others; pass the options" in run(*source, "--resume", check=2).stderr


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_totals_after_resuming_are_of_the_whole_file(suffix, tmp_path, monkeypatch):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(parts, "_PART", 1)  # one part for each line
    entity = {"start": 0, "end": 1, "label": "A", "score": 0.5, "word": "x"}
    table = entity_table((), by_text=False)

    def opened(resume):
        return Output(str(tmp_path / f"o.{suffix}"), {}, resume=resume, overwrite=False, table=table)

    def stop():
        with opened(False) as output:
            output.write([{"text_index": 0, "entities": [entity, entity]}])
            output.write([{"text_index": 2, "entities": None}])
            output.write([{"text_index": 3, "entities": [entity]}])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        stop()
    assert explained(stopped.value) == (130, "stopped by Ctrl-C; the same command with --resume goes on")
    with opened(True) as output:
        assert (output.done, output.found) == (3, 3)
    assert explained(KeyboardInterrupt()) == (130, "stopped by Ctrl-C")


def test_a_text_that_is_refused_is_named_by_the_number_of_its_record(rampart_dir, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": null}\n{"text": "a"}\nBROKEN\n{"text": "' + "John Smith " * 1000 + '"}\n')
    source = ["ner", path, "--model", rampart_dir, "--on-error", "skip", "--on-long-text", "error"]
    done = run(*source, check=1)
    assert [row["text_index"] for row in rows_of(done.stdout)] == [0, 1]
    assert "text 3 of the input has more than" in done.stderr
