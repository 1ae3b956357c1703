"""Where the library's message names arguments, the command line's names its own options."""

import io
import json
import re
import sys

import pytest

from fastpost.cli import bench, compare, failure, main, ner, qa, training, view
from fastpost.cli.options import takes_records
from fastpost.exceptions import Argument, describe, refuse
from training_bases import untrained

PLAIN = "is plain text, which has no column `{}`; leave --column out, or pass --format"

# (name of the file, its bytes, options, words of the message)
CASES = [
    ("x.txt", b"a\n", ["--column", "text"], "x.txt is a text file, which has no column `text`; leave --column out, or pass --format"),
    ("x.txt", b"a\n", ["--column", "body"], "x.txt is a text file, which has no column `body`; leave --column out, or pass --format"),
    ("-", b"plain\n", ["--column", "text"], PLAIN.format("text")),
    ("-", b"plain\n", ["--column", "body"], PLAIN.format("body")),
    ("x", b"plain\n", ["--column", "text"], PLAIN.format("text")),
    ("-", b"PAR1", [], "it holds parquet; pass its path, and --format parquet if its name does not say so"),
    ("x.bin", b"a", [], "does not say what it holds; pass --format text, jsonl, csv, tsv, parquet or arrow"),
    ("x.jsonl", b'{"a": 1}\n', [], "no column `text`; the record has `a`. Pass --column; --on-error skip leaves such records out"),
    ("x.csv", b"a,b\n1,2\n", [], "no column `text`; the header has `a`, `b`. Pass --column"),
    ("x.csv", b"text\tb\n1\t2\n", [], "which has tabs in it; pass --format tsv if they stand between its fields, or pass --column"),
    ("x.tsv", b"text,b\n1,2\n", [], "which has commas in it; pass --format csv if they stand between its fields, or pass --column"),
    ("x.csv", b"text;b\n1;2\n", [], "rewrite the file with commas if they stand between its fields, or pass --column"),
    ("x.csv", b"text\n\xff\n", [], "convert the file to UTF-8, or pass --on-error replace to have U+FFFD there; --on-error skip leaves"),
    ("x.txt", b"\xff\n", [], "convert the file to UTF-8, or pass --on-error replace to have U+FFFD there; --on-error skip leaves"),
    ("x.jsonl", b'{"text": "\\ud83d"}\n', [], "pass --on-error replace to have U+FFFD there; --on-error skip leaves"),
    ("x.jsonl", b'{"text": 5}\n', [], "column `text` holds a number, not text; --on-error skip leaves such records out"),
    ("none*", b"", [], "no file matches"),
]  # fmt: skip


@pytest.fixture
def count(tmp_path, monkeypatch, capfd):
    """Runs `fastpost count-words` in a new folder; returns its exit code and the lines that it prints."""
    monkeypatch.chdir(tmp_path)
    untrained("gpt2").save("tokenizer.json")

    def run(*arguments, data=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = main(["count-words", "--from", "tokenizer.json", "--out", "o", "--overwrite", *map(str, arguments)])
        lines = capfd.readouterr().err.splitlines()
        return code, [line for line in lines if not line.startswith("count: ")]  # progress

    return run


def assert_no_python(line):
    """No message holds an argument of a function, a Python literal or a class."""
    assert not re.search(r"`(column|format|on_error|keep|source|n_texts|split)`|\w=[\"']|Corpus", line), line


@pytest.mark.parametrize(("name", "data", "options", "words"), CASES)
def test_a_message_of_corpus_names_the_options(name, data, options, words, count, tmp_path):
    if name not in ("-", "none*"):
        (tmp_path / name).write_bytes(data)
    code, said = count("--corpus", name, *options, data=data)
    assert (code, len(said)) == (1, 1)
    assert words in said[0]
    assert_no_python(said[0])


def test_what_is_left_out_and_what_is_warned_of(count, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"text": "a"}\n{"b": 1}\n{"text": "\\ud83d"}\n')
    (folder / "a.eml").write_text("mail\n")
    code, said = count("--corpus", folder, "--on-error", "skip")
    assert (code, len(said)) == (0, 3)
    assert "1 file of the folder d is left out: a.eml; pass a glob or --format to choose others" in said[0].replace(
        f"{folder}", "d"
    )
    assert "2 records or files were left out, first: " in said[1]
    assert "the record has `b`. Pass --column; " in said[1]
    assert "pass --on-error replace to have U+FFFD there" in said[1]
    for line in said:
        assert_no_python(line)
    (folder / "b.csv").write_text("text\na\n")
    code, said = count("--corpus", folder)
    assert (code, len(said)) == (1, 1)
    assert "texts of several formats: 1 csv (b.csv); 1 jsonl (a.jsonl); pass --format" in said[0]
    assert_no_python(said[0])
    code, said = count("--corpus", folder, "--format", "csv")
    assert code == 0


def test_what_is_no_character_is_replaced_on_demand(count, tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "a\\ud83d"}\n{"text": "b\xff"}\n')
    assert count("--corpus", "x.jsonl")[0] == 1
    code, said = count("--corpus", "x.jsonl", "--on-error", "replace")
    assert (code, said[-1].endswith("distinct")) == (0, True)


def test_every_option_that_stands_for_an_argument_is_one():
    """Messages use the names that `--help` shows."""
    commands = [ner.ner, qa.qa, view.view, compare.compare, training.train_tokenizer, training.count_words, bench.ner]
    known = set().union(*(failure._options_of(takes_records()(command)) for command in commands))
    assert {"--column", "--format", "--on-error", "--keep-columns", "--batch-size", "--split"} <= known
    for option, value in failure._VALUES:
        assert option in ("--compat", "--join")
        assert value is None


def test_a_cure_without_an_option_is_left_out(monkeypatch):
    error = refuse(ValueError, Argument("threads"), " is 0", cure=("; pass ", Argument("nulls", ("keep",))))
    monkeypatch.setattr(failure, "_options", failure.ContextVar("x", default=frozenset({"--threads"})))
    assert failure.spelled(error) == "--threads is 0"
    assert str(error) == '`threads` is 0; pass nulls="keep"'
    monkeypatch.setattr(failure, "_options", failure.ContextVar("x", default=frozenset({"--nulls"})))
    assert failure.spelled(error) == "`threads` is 0; pass --nulls keep"
    assert failure.spelled(ValueError("pass `threads`")) == "pass `threads`"
    told = describe(UserWarning("x"), ("pass ", Argument("compat", ("fastpost",))))
    monkeypatch.setattr(failure, "_options", failure.ContextVar("x", default=frozenset({"--compat"})))
    assert failure.spelled(told) == "pass --compat fastpost"


def test_a_text_that_is_no_file_is_not_printed(count, tmp_path):
    code, said = count("--corpus", "Anna Schmidt lives here " * 100)
    assert (code, len(said)) == (1, 1)
    assert len(said[0]) < 140
    assert json.dumps(said[0]).count("Anna") < 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threshold", "TOWN=0.5"], "--threshold"),
        (["--max-length", "100000"], "--max-length"),
        (["--outside-bias", "inf"], "--outside-bias is inf; pass a finite number"),
        (["--chunk-size", "18446744073709551616"], "--chunk-size is 18446744073709551616"),
    ],
)
def test_a_wrong_value_is_told_of_its_option_and_is_the_command_lines(options, words, tmp_path):
    from in_process import call
    from onnx_models import write_folder

    folder = write_folder(tmp_path / "model", config={"max_position_embeddings": 512})
    (tmp_path / "x.txt").write_text("Anna\n")
    said = call("ner", tmp_path / "x.txt", "--model", folder, *options, "--quiet", check=2).stderr
    assert said.startswith(f"fastpost: {words}")
    assert f"`{words.split()[0][2:].replace('-', '_')}`" not in said


def test_a_file_is_no_model(tmp_path):
    from in_process import call

    (tmp_path / "x.jsonl").write_text('{"text": "Anna"}\n')
    said = call("ner", tmp_path / "x.jsonl", "--model", tmp_path / "x.jsonl", check=2).stderr
    assert "x.jsonl, a file; pass the folder of a model" in said


def test_a_total_that_is_guessed_is_said_to_be():
    from fastpost.cli.progress import Progress
    from fastpost.jobs.entities import Tally

    told = []
    with Progress(quiet=True) as progress:
        progress.__class__ = type("Told", (Progress,), {"__call__": lambda _, *step: told.append(step[-1])})
        show = progress.follow("ner", "entity", "entities")
        show(Tally(2, 1, 0, 3))
        show(Tally(3, 1, 0, 3))
    assert told[0].startswith("2 of about 3 texts")
    assert told[1].startswith("3 of 3 texts")


def test_a_text_where_a_file_belongs_is_told_where_texts_go():
    from in_process import call

    said = call("ner", "I am Anna Schmidt", "--model", "m/n", check=1).stderr
    assert "I am Anna Schmidt: No such file or directory; a text itself goes to `fastpost view`" in said
    assert "a text itself" not in call("ner", "mails.jsonl", "--model", "m/n", check=1).stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pyarrow", "a Parquet or Arrow file needs pyarrow; pip install 'fastpost[arrow]'"),
        ("torch", "a model of transformers needs torch; pip install 'fastpost[transformers]'"),
        ("other.part", "this needs other; pip install other"),
    ],
)
def test_what_needs_a_package_that_is_absent(name, says):
    from fastpost.cli.failure import explained

    assert explained(ModuleNotFoundError("no", name=name)) == (1, says)
