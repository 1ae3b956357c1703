"""Malformed files and options through whole commands in this process: an error is one line, never a traceback."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fastpost
from fastpost.cli import failure, main
from fastpost.cli.options import Running


@pytest.fixture(scope="module")
def ner_with(rampart_dir):
    """Makes a pipeline once for equal options."""
    made = {}

    def load(running, task, **options):
        key = json.dumps([task, str(running.model), options])
        if key not in made:
            made[key] = fastpost.pipeline(task, running.model, backend="onnxruntime", **options)
        return made[key]

    return load


@pytest.fixture
def ner(ner_with, rampart_dir, monkeypatch, capfdbinary, tmp_path):
    """Runs `fastpost ner` in a new folder; returns the exit code, rows of standard output and the last line of standard error."""
    monkeypatch.setattr(Running, "load", ner_with)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["ner", *map(str, arguments), "--model", str(rampart_dir)])
        out, said = capfdbinary.readouterr()
        assert b"Traceback" not in said
        lines = said.decode("utf-8", "backslashreplace").splitlines()
        lines = [line for line in lines if not line.startswith(("load: ", "ner: "))]  # progress
        assert all(line.startswith("fastpost: ") for line in lines)
        return code, [json.loads(line) for line in out.splitlines()], lines

    return run


def write(name, data) -> str:
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return name


def read(name) -> str:
    return Path(name).read_text(encoding="utf-8")


ANNA = '{"text": "Anna Smith"}\n'


@pytest.mark.parametrize(
    ("name", "data", "count"),
    [
        ("crlf.jsonl", '{"text": "Anna Smith"}\r\n\r\n{"text": "Bob"}\r\n', 2),
        ("bom.jsonl", b"\xef\xbb\xbf" + ANNA.encode(), 1),
        ("bom.txt", b"\xef\xbb\xbfAnna Smith\r\n", 1),
        ("nul.txt", b"Anna\0 Smith\n\n", 2),
        ("nul.jsonl", '{"text": "Anna\\u0000 Smith"}', 1),
        ("twice.jsonl", '{"text": "Anna", "text": "Bob"}', 1),
        ("weird n\xe4me \U0001f389 $(x).jsonl", ANNA, 1),
        (os.fsdecode(b"\xff.jsonl") if sys.platform == "linux" else "x.jsonl", ANNA, 1),
    ],
)
def test_what_can_be_read_all_the_same(ner, name, data, count):
    code, rows, said = ner(write(name, data))
    assert code == 0
    assert [row["text_index"] for row in rows] == list(range(count))
    assert said[-1].endswith("in 1 text" if count == 1 else f"in {count} texts")


@pytest.mark.parametrize(
    ("name", "data", "arguments", "words"),
    [
        ("x.jsonl", "", (), "the corpus holds no text: x.jsonl"),
        ("x.txt", "", (), "the corpus holds no text: x.txt"),
        ("x.jsonl", "\n \n", (), "the corpus holds no text: x.jsonl"),
        ("x.jsonl", '{"text": "a\0b"}', (), "x.jsonl:1: not a JSON record: control character"),
        ("x.jsonl", b'{"text": "a\xff"}', (), "x.jsonl:1: not UTF-8: byte 0xff"),
        ("x.jsonl", '{"text": "\\ud800"}', (), "x.jsonl:1: column `text` holds half a surrogate pair"),
        (
            "x.jsonl",
            '{"a": {"text": "b"}}',
            ("--column", "a.text"),
            "no column `a.text`; the record has `a`. Pass --column",
        ),
        ("x.jsonl", '{"a": {"text": "b"}}', ("--column", "a"), "x.jsonl:1: column `a` holds an object, not text"),
        ("x.json", '[{"text": "a"}]', (), "the line holds a list, not a JSON object"),
        ("x.bin", "a", (), "pass --format text, jsonl, csv, tsv, parquet or arrow"),
        ("x.jsonl.gz", "a", (), "x.jsonl.gz: the gzip data cannot be unpacked"),
        ("x.parquet", "a", (), "x.parquet: not readable as parquet"),
        ("x.arrow", "", (), "x.arrow: not readable as arrow"),
        ("x.txt", "a", ("--id-column", "id"), "x.txt is a text file, which has no column `id`"),
        ("x.txt", "a", ("none.txt",), "none.txt: No such file or directory"),
        ("x.txt", "a", ("*.none",), "*.none: no file matches"),
        ("x.txt", "a", ("--threshold", "nan"), "--threshold is nan; pass a number between 0 and 1"),
        ("x.txt", "a", ("--threshold", "PER=2"), "--threshold is 2.0; pass a number between 0 and 1"),
        ("x.txt", "a", ("--out", ""), "--out is ; pass a name that ends with .jsonl"),
        ("x.txt", "a", ("--out", "."), "--out is .; pass a name that ends with .jsonl"),
        ("x.txt", "a", ("--out", "x" * 250 + ".jsonl"), "File name too long"),
    ],
)
def test_what_can_not_be_read_or_done(ner, name, data, arguments, words):
    """The model is not loaded, and no file is left behind."""
    write(name, data)
    out = () if "--out" in arguments else ("--out", "out.jsonl")
    code, rows, said = ner(name, *arguments, *out)
    assert code in (1, 2)
    assert rows == []
    assert len(said) == 1
    assert words.lower() in said[0].lower()
    assert os.listdir() == [name]


def test_a_terminal_obeys_no_name_of_a_file(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert main(["ner", "a\x1b[2J\x07\x9bb.txt", "--model", str(tmp_path)]) == 1
    assert capfd.readouterr().err.startswith(r"fastpost: a\x1b[2J\x07\x9bb.txt: ")


def test_inputs_are_looked_at_before_a_model_is_loaded(monkeypatch, tmp_path, capfd):
    def never(*_, **__):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(Running, "load", never)
    monkeypatch.chdir(tmp_path)
    write("a.jsonl", ANNA)
    write("b.jsonl", '{"body": "Anna"}\n')
    write("old.jsonl", "old\n")
    for command in (["ner"], ["qa", "--question", "Who?"]):
        for inputs in (["none.jsonl"], ["a.jsonl", "none.jsonl"], ["a.jsonl", "b.jsonl"], ["a.jsonl", "--column", "b"]):
            for out in (["-"], ["x.jsonl"], ["old.jsonl", "--overwrite"]):
                assert main([*command, *inputs, "--model", "owner/m", "--out", *out]) == 1
                assert len(capfd.readouterr().err.splitlines()) == 1
    assert sorted(os.listdir()) == ["a.jsonl", "b.jsonl", "old.jsonl"]
    assert read("old.jsonl") == "old\n"


def test_an_input_is_never_written_over(ner):
    write("two.jsonl", ANNA)
    os.mkdir("d")
    os.symlink(os.path.abspath("two.jsonl"), "link.jsonl")
    for out in ("two.jsonl", "./two.jsonl", "link.jsonl", "d/../two.jsonl"):
        for more in ((), ("--overwrite",), ("--resume",)):
            code, _, said = ner("two.jsonl", "--out", out, *more)
            assert code == 2
            assert said == [f"fastpost: --out is {out.removeprefix('./')}, which is read; pass another name"]
    assert read("two.jsonl") == ANNA


def test_an_output_in_the_folder_that_is_read_is_no_input(ner):
    os.mkdir("d")
    write("d/a.jsonl", ANNA)
    code, _, _ = ner("d", "--out", "d/out.jsonl")
    assert code == 0
    first = read("d/out.jsonl")
    code, _, said = ner("d", "--out", "d/out.jsonl", "--overwrite")
    assert (code, said[-1]) == (0, "fastpost: 2 entities in 1 text -> d/out.jsonl")
    assert read("d/out.jsonl") == first
    os.remove("d/a.jsonl")
    code, _, said = ner("d", "--out", "d/out.jsonl", "--overwrite")
    assert (code, said) == (1, ["fastpost: d/out.jsonl: no file but the output matches"])
    assert read("d/out.jsonl") == first


def test_left_out(ner):
    bad = b'{"id": 1, "text": "Anna \xff"}\n{"id": 2, "text": null}\n{\n{"id": 4, "text": "Bob Brown"}\n'
    code, rows, said = ner(write("x.jsonl", bad), "none.jsonl", "--id-column", "id", "--on-error", "skip")
    assert code == 0
    assert [(row["text_index"], row["id"]) for row in rows] == [(1, 2), (3, 4)]
    assert rows[0]["entities"] is None
    assert said[0].startswith("fastpost: 3 records or files were left out, first: x.jsonl:1: not UTF-8")


def test_ids_of_parquet_columns(ner):
    pa = pytest.importorskip("pyarrow")
    import datetime

    import pyarrow.parquet as pq

    columns = {
        "text": ["Anna Smith", None, "Bob"],
        "when": [datetime.datetime(2020, 1, 2, 3)] * 3,
        "bytes": [b"\xc3\xa9"] * 3,
        "uuid": [b"\xff\x01"] * 3,
        "record": [{"a": 1}] * 3,
        "nan": [1.5, 2.0, float("nan")],
        "null": [None] * 3,
    }
    pq.write_table(pa.table(columns), "x.parquet")
    want = {
        "when": ["2020-01-02 03:00:00"] * 3,
        "bytes": ["é"] * 3,
        "uuid": ["ff01"] * 3,
        "record": [{"a": 1}] * 3,
        "nan": [1.5, 2.0, None],
        "null": [None] * 3,
    }
    for name, ids in want.items():
        code, rows, said = ner("x.parquet", "--id-column", name)
        assert code == 0
        assert [row["id"] for row in rows] == ids
        assert [row["entities"] is None for row in rows] == [False, True, False]
    code, _, said = ner("x.parquet", "--id-column", "none", "--on-error", "skip")
    assert (code, said[0][:42]) == (1, "fastpost: x.parquet: no column `none`; the")


def test_an_id_column_that_is_not_there_is_told(ner):
    code, rows, said = ner(write("x.jsonl", ANNA), "--id-column", "key")
    assert code == 0
    assert rows[0]["id"] is None
    told = "the first record has no `key`, which --id-column names, but `text`; its id is null"
    assert said[0] == f"fastpost: warning: {told}"


def test_texts_that_were_cut_are_told_a_few_times(ner):
    long = json.dumps({"text": "Anna Smith lives in Paris. " * 100}) + "\n"
    code, rows, said = ner(write("x.jsonl", long * 8), "--on-long-text", "truncate")
    assert code == 0
    assert len(rows) == 8
    told = "text {} of the input is longer than the model's {} tokens and was cut; pass --on-long-text window to read it whole"
    assert said[:3] == [f"fastpost: warning: {told.format(n, 512)}" for n in range(3)]
    assert said[-1] == f"fastpost: warning: 5 more like this: {told.format('N', 'N')}"
    code, _, said = ner("x.jsonl", "--on-long-text", "error", "--out", "out.jsonl")
    assert code == 1
    assert "pass --on-long-text window" in said[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_by_its_name(ner):
    """A pipe, like a shell's `<(command)`, can be read only once, so nothing may read it beforehand."""
    os.mkfifo("pipe.jsonl")

    def feed():
        write("pipe.jsonl", ANNA * 3)

    thread = threading.Thread(target=feed)
    thread.start()
    code, rows, _ = ner("pipe.jsonl")
    thread.join()
    assert (code, len(rows)) == (0, 3)
    corpus = fastpost.Corpus("pipe.jsonl")
    thread = threading.Thread(target=feed)
    thread.start()
    assert sum(map(len, corpus)) == 3
    thread.join()
    with pytest.raises(fastpost.CorpusError, match=r"reads the pipe pipe\.jsonl, which an earlier pass has used up"):
        list(corpus)


def shell(command: str, folder) -> subprocess.CompletedProcess:
    environment = {**os.environ, "FASTPOST": f"{sys.executable} -m fastpost"}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a Unix shell and /dev/full")
def test_standard_streams_that_are_full_or_closed(rampart_dir, tmp_path):
    write(str(tmp_path / "x.jsonl"), ANNA)
    ner = f"$FASTPOST ner x.jsonl --quiet --model '{rampart_dir}'"
    full = "No space left on device"
    cases = (
        (f"{ner} >/dev/full", 1, f"fastpost: standard output: {full}\n"),
        (f"$FASTPOST view x.jsonl -q --model '{rampart_dir}' >/dev/full", 1, f"fastpost: standard output: {full}\n"),
        ("$FASTPOST --version >/dev/full", 1, f"fastpost: {full}\n"),
        ("$FASTPOST doctor >/dev/full", 1, f"fastpost: {full}\n"),
        (f"{ner} >&-", 1, "fastpost: standard output: it is closed; pass --out with a file\n"),
        (f"{ner} --out x.out.jsonl >&-", 0, ""),
        (f"{ner} 2>&-", 0, ""),
        (f"$FASTPOST ner - -q --model '{rampart_dir}' <&-", 1, "fastpost: standard input: it is closed\n"),
    )
    for command, code, said in cases:
        done = shell(command, tmp_path)
        assert (done.returncode, done.stderr) == (code, said), command
        assert len(done.stdout.splitlines()) == command.endswith("2>&-")
    assert json.loads(read(tmp_path / "x.out.jsonl"))["text_index"] == 0


def test_a_folder_that_can_not_be_written_to(rampart_dir, tmp_path, monkeypatch, capfd):
    """The fault is reported before the work, not after it."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system needs more rights")

    def never(*_, **__):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(Running, "load", never)
    text = write(str(tmp_path / "x.txt"), "Anna Smith\n")
    model = str(rampart_dir)
    try:
        for arguments, words in (
            (["ner", text, "--model", model, "--out", f"{folder}/x.jsonl"], "Read-only file system"),
            (["ner", text, "--model", model, "--out", f"{folder}/x.parquet"], "Read-only file system"),
            (["view", text, "--model", model, "--out", f"{folder}/x.html"], "can't be written to"),
            (["count-words", "--from", model, "--corpus", text, "--out", f"{folder}/x"], "can't be written to"),
        ):
            assert main(arguments) in (1, 2)
            said = capfd.readouterr().err.splitlines()
            assert len(said) == 1
            assert words in said[0]
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_replacement_names_what_there_is(ner):
    path = write("a.jsonl", ANNA)
    code, rows, said = ner(path, "--redact", "[{Label}]")
    assert (code, rows) == (2, [])
    assert said == [
        "fastpost: --redact has {Label} in it; the names are {label}, {n} and {score}, and a brace itself is written twice, "
        "{{ or }}"
    ]
    assert ner(path, "--redact", "[{label")[0] == 2
    assert ner(path, "--redact", "{{{label}_{n}}}")[1][0]["text"].startswith("{GIVEN_NAME_1} ")
    assert ner(path, "--redact", "<{label}>")[1][0]["text"].startswith("<GIVEN_NAME> ")


def test_questions_of_a_file(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write("x.jsonl", ANNA)
    write("bad.txt", b"Who?\n\xff\n")
    write("none.txt", b"\n \n")
    for arguments, words in (
        (["--questions", "bad.txt"], "bad.txt is not UTF-8: invalid start byte at byte 5; convert it"),
        (["--questions", "none.txt"], "pass --question, or --questions with a file of them"),
        (["--question", " "], "--question is empty; pass a question"),
    ):
        assert main(["qa", "x.jsonl", "--model", "owner/m", *arguments]) == 2
        assert capfd.readouterr().err == f"fastpost: {words}\n"
    from fastpost.cli.qa import _asked

    write("good.txt", b"\xef\xbb\xbfWho?\r\n\r\n Where\xe2\x80\xa8is it? \n")
    assert _asked(["What?"], Path("good.txt")) == ["What?", "Who?", "Where\u2028is it?"]


def test_long_messages_of_libraries_are_cut():
    code, line = failure.explained(ValueError("x " * 1000))
    assert code == 1
    assert line.endswith(" ... (--debug shows all of it)")
    assert len(line) < 700


def test_word_counts_are_never_written_over_the_corpus(rampart_dir, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write("x.jsonl", ANNA)
    os.mkdir("d")
    write("d/x.jsonl", ANNA)
    source = ["--from", str(rampart_dir), "--overwrite"]
    for arguments in (
        ["count-words", *source, "--corpus", "x.jsonl", "--out", "x.jsonl"],
        ["count-words", *source, "--corpus", "d", "--out", "d/x.jsonl"],
        ["train-tokenizer", *source, "--corpus", "x.jsonl", "--counts", "x.jsonl", "--out", "t", "--vocab-size", "50"],
    ):
        assert main(arguments) == 2
        assert "which is read; pass another name" in capfd.readouterr().err
    assert read("x.jsonl") == read("d/x.jsonl") == ANNA
