"""`fastpost train-tokenizer`, `count-words`, `merge-counts`, as a shell calls them."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from transformers import AutoTokenizer

import fastpost
from training_bases import fast, python_functions, untrained, xquad

COMMAND = [sys.executable, "-m", "fastpost"]


def run(*arguments, check: int = 0, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, encoding="utf-8", **options
    )
    assert done.returncode == check, done.stdout + done.stderr
    if check:
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("fastpost: ")
    return done


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A folder as the tokenizers library writes it, so that a command need not import transformers."""
    folder = tmp_path_factory.mktemp("gpt2")
    untrained("gpt2").save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [*xquad("en"), *python_functions(12)]


@pytest.fixture(scope="module")
def corpus(texts, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(3):
        lines = [json.dumps({"body": text}) + "\n" for text in texts[number::3]]
        (folder / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def test_the_tokenizer_that_transformers_trains(corpus, texts, tmp_path):
    fast("gpt2").save_pretrained(tmp_path / "base")
    arguments = ["--from", tmp_path / "base", "--corpus", corpus / "*.jsonl", "--column", "body", "--vocab-size", 3000]
    done = run("train-tokenizer", *arguments, "--out", tmp_path / "out", "--new-special-token", "<x>", "--threads", 2)
    assert done.stdout == ""
    assert "count: 100 %" in done.stderr
    assert "merge: 100 %, 3,000 of 3,000 tokens" in done.stderr
    assert len(done.stderr.splitlines()) < 30
    ordered = [text for number in range(3) for text in texts[number::3]]
    options = {"new_special_tokens": ["<x>"], "show_progress": False}
    theirs = AutoTokenizer.from_pretrained(tmp_path / "base").train_new_from_iterator(ordered, 3000, **options)
    theirs.save_pretrained(tmp_path / "theirs")
    names = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "theirs" / name).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "out", "theirs"]


def test_counted_in_parts_merged_and_trained_in_two_sizes(base, corpus, tmp_path):
    for number in range(3):
        source = ["--from", base, "--corpus", corpus / f"{number}.jsonl", "--column", "body"]
        run("count-words", *source, "--out", tmp_path / f"{number}.words", "--quiet")
    run("merge-counts", *(tmp_path / f"{n}.words" for n in range(3)), "--out", tmp_path / "all.words")
    sizes = ["--vocab-size", 400, "--vocab-size", 700]
    run("train-tokenizer", "--counts", tmp_path / "all.words", *sizes, "--out", tmp_path / "out", "--min-frequency", 3)
    words = fastpost.WordCounts.from_corpus(untrained("gpt2"), fastpost.Corpus(corpus, column="body"))
    for size in (400, 700):
        want = words.train(size, min_frequency=3).to_str(pretty=True)
        assert (tmp_path / "out" / str(size) / "tokenizer.json").read_text() == want


def test_counts_are_kept_and_standard_input_is_read(base, corpus, tmp_path):
    source = ["--from", base / "tokenizer.json", "--corpus", "-", "--column", "body", "--format", "jsonl"]
    out = ["--counts", tmp_path / "kept.words", "--vocab-size", 500, "--out", tmp_path / "out"]
    with (corpus / "0.jsonl").open() as lines:
        run("train-tokenizer", *source, *out, stdin=lines)
    kept = fastpost.WordCounts.load(tmp_path / "kept.words")
    assert kept == fastpost.WordCounts.from_corpus(
        untrained("gpt2"), fastpost.Corpus(corpus / "0.jsonl", column="body")
    )


def killed(command: list[str], unfinished: Path, seed: int) -> int:
    """Runs `command` and kills it at a random moment; returns its exit code."""
    before = unfinished.stat().st_mtime_ns if unfinished.exists() else 0
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        # Not before it has made progress, or no number of attempts would finish the job.
        if unfinished.exists() and unfinished.stat().st_mtime_ns != before:
            time.sleep(random.Random(seed).random() / 5)
            process.kill()
            break
        time.sleep(0.001)
    return process.wait()


def test_killed_at_any_moment_and_resumed(base, corpus, tmp_path):
    source = ["--from", base, "--corpus", corpus, "--column", "body", "--vocab-size", 3000]
    run("train-tokenizer", *source, "--out", tmp_path / "whole", "--quiet")
    unfinished = tmp_path / "out.unfinished"
    command = [*COMMAND, "train-tokenizer", *source, "--out", tmp_path / "out", "--save-every", 0]
    command = [*map(str, command), "--resume", "--threads", "1", "--quiet"]
    codes = []
    while not codes or codes[-1] == -signal.SIGKILL:
        codes.append(killed(command, unfinished, len(codes)))
        if len(codes) == 1:
            assert codes == [-signal.SIGKILL]
            refused = run(*command[3:-4], check=2)
            assert "pass --resume" in refused.stderr
            with pytest.raises(ValueError, match="unfinished count of"):
                fastpost.WordCounts.load(unfinished)
        if not unfinished.exists() and (tmp_path / "out").exists():
            break  # it had finished before it was killed
        assert len(codes) < 100
    assert len(codes) > 2
    assert codes[-1] in (0, -signal.SIGKILL)
    want = (tmp_path / "whole" / "tokenizer.json").read_bytes()
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == want
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_a_check_names_the_option_that_leaves_it_out(base, tmp_path):
    (tmp_path / "one.txt").write_text("x" * 100_000)
    source = ["--from", base, "--corpus", tmp_path / "one.txt", "--vocab-size", 300]
    said = run("train-tokenizer", *source, "--out", tmp_path / "out", check=1).stderr
    assert "or pass --force\n" in said


def test_ctrl_c(base, tmp_path):
    lines = tmp_path / "pipe"
    os.mkfifo(lines)
    source = ["--from", base, "--corpus", lines, "--format", "text", "--force"]
    command = [*COMMAND, "count-words", *source, "--out", tmp_path / "x.words"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    with lines.open("w") as out:
        out.write("a text\n" * 100_000)
        out.flush()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "fastpost: stopped by Ctrl-C"
    assert "Traceback" not in said


def test_ctrl_c_names_resume_where_a_count_is_there_to_go_on_with(base, tmp_path):
    lines, unfinished = tmp_path / "pipe", tmp_path / "x.words.unfinished"
    os.mkfifo(lines)
    source = ["--from", base, "--corpus", lines, "--format", "text", "--force", "--save-every", 0]
    command = [*COMMAND, "count-words", *source, "--out", tmp_path / "x.words"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    with lines.open("w") as out:
        while not unfinished.exists() and process.poll() is None:
            out.write("a text\n" * 10_000)
            out.flush()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "fastpost: stopped by Ctrl-C; the same command with --resume goes on"


def test_what_cannot_be_carried_out(base, corpus, tmp_path):
    source = ["--from", base, "--corpus", corpus, "--column", "body"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    cases = [
        (2, ["train-tokenizer", *source, "--vocab-size", 9, "--out", tmp_path / "full"], "--overwrite"),
        (2, ["train-tokenizer", *source, "--vocab-size", 9, "--out", tmp_path / "file"], "is a file"),
        (2, ["train-tokenizer", "--vocab-size", 9, "--out", tmp_path / "o"], "pass --corpus to count, or --counts"),
        (2, ["train-tokenizer", *source[2:], "--vocab-size", 9, "--out", tmp_path / "o"], "pass --from"),
        (2, ["train-tokenizer", *source, "--vocab-size", "many", "--out", tmp_path / "o"], "--vocab-size"),
        (2, ["count-words", *source, "--out", tmp_path / "file"], "--overwrite"),
        (2, ["count-words", *source, "--out", tmp_path / "no" / "o"], "make it first"),
        (2, ["count-words", *source, "--out", tmp_path], "is a folder"),
        (2, ["count-words", "--from", tmp_path / "empty", *source[2:], "--out", tmp_path / "o"], "no tokenizer.json"),
        (2, ["count-words", "--from", tmp_path / "none", *source[2:], "--out", tmp_path / "o"], "does not exist"),
        (1, ["count-words", *source[:-1], "text", "--out", tmp_path / "o"], "no column `text`"),
        (2, ["count-words", *source, "--on-error", "pass", "--out", tmp_path / "o"], "--on-error"),
        (1, ["count-words", "--from", base, "--corpus", tmp_path / "*.x", "--out", tmp_path / "o"], "no file matches"),
        (1, ["merge-counts", tmp_path / "file", "--out", tmp_path / "o"], "cut short"),
        (1, ["merge-counts", tmp_path / "none", "--out", tmp_path / "o"], "No such file or directory"),
        (2, ["no-such-command"], "no-such-command"),
    ]
    for code, arguments, words in cases:
        done = run(*arguments, check=code)
        assert words in done.stderr, (arguments, done.stderr)
        assert done.stdout == ""
    assert not (tmp_path / "o").exists()
    shown = subprocess.run(
        [*map(str, [*COMMAND, *cases[10][1], "--debug"])], capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr


def test_what_is_left_out_is_told(base, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text": "one two"}\n{"text": 5}\n{"text": "three"}\n')
    source = ["--from", base, "--corpus", tmp_path / "x.jsonl", "--on-error", "skip"]
    done = run("count-words", *source, "--out", tmp_path / "x.words")
    assert "1 record or file was left out, first: " in done.stderr
    assert "x.jsonl:2: " in done.stderr
    run("count-words", *source, "--out", tmp_path / "x.words", "--overwrite")


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing, python):
    program = f"""
import sys
sys.modules[{missing!r}] = None
import fastpost.cli
print(fastpost.cli.main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1\n"
    assert done.stderr == f"fastpost: the command line needs {missing}; pip install 'fastpost[cli]'\n"


def test_import_brings_no_typer(python):
    loaded = python("import fastpost.tokenizers.train, fastpost.corpus, sys; print(*sys.modules)").split()
    assert not {"typer", "rich", "fastpost.cli"} & set(loaded)


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    """The same tokenizer with the files that transformers reads beside tokenizer.json."""
    folder = tmp_path_factory.mktemp("complete")
    fast("gpt2").save_pretrained(folder)
    return folder


def without_transformers(tmp_path: Path) -> dict[str, str]:
    """An environment without transformers."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text("""import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "transformers":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
""")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.parametrize("source", ["folder", "file"])
def test_a_folder_of_transformers_needs_no_transformers(complete, corpus, tmp_path, source):
    path = complete if source == "folder" else complete / "tokenizer.json"
    run(
        "train-tokenizer", "--from", path, "--corpus", corpus, "--column", "body", "--vocab-size", 400, "--out", tmp_path / "new",
        "--new-special-token", "<x>", env=without_transformers(tmp_path),
    )  # fmt: skip
    made, old = AutoTokenizer.from_pretrained(tmp_path / "new"), AutoTokenizer.from_pretrained(complete)
    assert len(made) == 400
    assert (made.eos_token, made.bos_token, made.model_max_length) == (
        old.eos_token,
        old.bos_token,
        old.model_max_length,
    )
    assert made.eos_token is not None
    assert made.convert_ids_to_tokens(made.eos_token_id) == made.eos_token
    assert "<x>" in made.all_special_tokens
    assert made.decode(made("a text").input_ids) == "a text"


@pytest.mark.parametrize("text", ["{", "[]", "{}", "hello", '{"version": "1.0"}'])
@pytest.mark.parametrize("command", ["train-tokenizer", "count-words"])
def test_a_tokenizer_that_is_no_json(corpus, tmp_path, text, command):
    (tmp_path / "tokenizer.json").write_text(text)
    more = ["--vocab-size", 300] if command == "train-tokenizer" else []
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        done = run(command, "--from", source, "--corpus", corpus, "--out", tmp_path / "out", *more, check=2)
        assert f"{tmp_path / 'tokenizer.json'} is no tokenizer.json" in done.stderr


def test_an_output_that_is_named_like_a_file(base, corpus, tmp_path):
    arguments = ["train-tokenizer", "--from", base, "--corpus", corpus, "--vocab-size", 300]
    done = run(*arguments, "--out", tmp_path / "x.json", check=2)
    assert "x.json, the name of a file; pass a folder" in done.stderr
    assert not (tmp_path / "x.json").exists()


def test_a_vocabulary_that_is_too_small_is_told(base, corpus, tmp_path):
    done = run(
        "train-tokenizer",
        "--from",
        base,
        "--corpus",
        corpus,
        "--vocab-size",
        100,
        "--column",
        "body",
        "--out",
        tmp_path / "new",
    )
    assert re.search(r"warning: .* is 100 but the tokenizer has 256 tokens", done.stderr)
