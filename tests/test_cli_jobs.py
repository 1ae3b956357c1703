"""`fastpost ner`, `qa` and `doctor`, as a shell calls them, on real models."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

import fastpost
import qa_models
from fastpost.cli import main
from fastpost.cli.options import Running
from fastpost.entities.redact import redact
from fastpost.jobs.texts import Texts

COMMAND = [sys.executable, "-m", "fastpost"]


def run(*arguments, check: int = 0, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, timeout=300, encoding="utf-8", **options
    )
    assert done.returncode == check, done.stdout + done.stderr
    if check:
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("fastpost: ")
    return done


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


HARD = ["", " ", "Zoë Müller 🎉 +1 718-555-0199", 'a "quoted"\nline\\', "משה כהן, moshe@example.com", "x" * 3000]


@pytest.fixture(scope="module")
def records(wikigold_sentences) -> list[dict]:
    texts = [*HARD, *(" ".join(words) for words in wikigold_sentences[:150])]
    texts.insert(9, " ".join(" ".join(words) for words in wikigold_sentences[:60]))  # several windows
    ids = [None, "a", 7, 1.5, {"k": [1, "\n"]}, "ü"]
    return [{"key": ids[n % 6], "body": text} for n, text in enumerate(texts)]


@pytest.fixture(scope="module")
def lines(records, tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "x.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found(records, rampart_dir) -> list[list[dict]]:
    """The pipeline's results for the same texts."""
    pipe = fastpost.pipeline(
        "ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", compat="fastpost", batch_size=32
    )
    return pipe([record["body"] for record in records])


def test_lines_are_what_the_pipeline_says(lines, records, found, rampart_dir):
    source = [lines, "--model", rampart_dir, "--column", "body", "--id-column", "key"]
    done = run("ner", *source, "--chunk-size", len(records))
    assert "texts, " in done.stderr
    rows = rows_of(done.stdout)
    assert [row["id"] for row in rows] == [record["key"] for record in records]
    assert [row["text_index"] for row in rows] == list(range(len(records)))
    for row, entities in zip(rows, found, strict=True):
        for one, entity in zip(row["entities"], entities, strict=True):
            assert one.pop("label") == entity["entity_group"]
            assert one == {name: entity[name] for name in ("start", "end", "score", "word")}
    assert sum(len(entities) for entities in found) > 30
    without = rows_of(run("ner", *source[:-2], "--quiet", "--chunk-size", 5).stdout)
    for row in without:
        assert list(row) == ["text_index", "entities"]


def test_parquet_has_a_row_an_entity_and_the_type_of_the_ids(lines, records, found, rampart_dir, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "e.parquet"
    run("ner", lines, "--model", rampart_dir, "--column", "body", "--id-column", "key", "--out", out)
    table = pq.read_table(out)
    assert str(table.schema.field("label").type).startswith("dictionary")
    want = [(n, e["start"], e["end"], e["entity_group"], e["word"]) for n, text in enumerate(found) for e in text]
    names = ("text_index", "start", "end", "label", "word")
    assert [tuple(row[name] for name in names) for row in table.to_pylist()] == want
    for row in table.to_pylist():
        key = records[row["text_index"]]["key"]
        assert row["id"] == (key if key is None or isinstance(key, str) else json.dumps(key))
    assert list(tmp_path.iterdir()) == [out]

    numbers = tmp_path / "n.parquet"
    import pyarrow as pa

    pq.write_table(pa.table({"n": [5, None, 7], "text": ["John Smith", "Bob Brown", "none"]}), numbers)
    run(
        "ner", numbers, "--model", rampart_dir, "--id-column", "n", "--out", out, "--overwrite", "--redact", "<{label}>"
    )
    table = pq.read_table(out)
    assert table["id"].to_pylist() == [5, None, 7]
    assert table["text"][2].as_py() == "none"
    assert "John" not in str(table.to_pylist())


def test_no_character_of_a_detected_span_survives(lines, records, found, rampart_dir):
    source = [lines, "--model", rampart_dir, "--column", "body", "--aggregation-strategy", "average"]
    source += ["--join", "pieces", "--window-merge", "context", "--outside-bias", "0"]
    source += ["--redact", "\0"]
    rows = rows_of(run("ner", *source[:-1], "[{label}]", "--quiet").stdout)
    checked = 0
    for row, record, entities in zip(rows, records, found, strict=True):
        covered = {at for entity in entities for at in range(entity["start"], entity["end"])}
        kept = "".join(c for at, c in enumerate(record["body"]) if at not in covered)
        assert redact(record["body"], row["entities"], "\0").text.replace("\0", "") == kept
        labels = {f"[{entity['entity_group']}]" for entity in entities}
        rest = row["text"]
        for label in labels:
            rest = rest.replace(label, "")
        assert rest == kept
        assert "word" not in json.dumps(row["entities"])
        checked += bool(covered)
    assert checked > 10


SMALL_PARTS = (
    "import sys, fastpost.jobs.parts as p; p._PART = 4000; import fastpost.cli as c; sys.exit(c.main(sys.argv[1:]))"
)
"""`fastpost` with many parts of a Parquet file, where there would be one."""


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_killed_again_and_again_and_resumed(suffix, lines, rampart_dir, tmp_path):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    source = ["ner", lines, "--model", rampart_dir, "--column", "body", "--id-column", "key", "--chunk-size", 2]
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    run(*source, "--out", whole, "--quiet")
    note = tmp_path / f"out.{suffix}.unfinished"
    places = [out] if suffix == "jsonl" else [tmp_path / "out.parquet.parts"]
    command = [sys.executable, "-c", SMALL_PARTS, *map(str, [*source, "--out", out, "--resume", "--quiet"])]

    def written() -> list:
        """A value that changes whenever something is written."""
        return [
            (path.name, path.stat().st_size) for place in places for path in (place, *place.glob("*")) if path.exists()
        ]

    chance, kills = random.Random(5), 0
    while kills < (20 if os.environ.get("FASTPOST_WALK") == "whole" else 8):
        before = written()
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        # Wait until it has written more, then a moment: the kill falls between the middle of a line or part and some chunks later.
        while process.poll() is None and written() == before:
            time.sleep(0.001)
        time.sleep(chance.random() ** 3 / 10)
        process.kill()
        _, said = process.communicate()
        if process.returncode == 0 or not note.exists():
            break  # it ended sooner
        assert process.returncode == -signal.SIGKILL, said
        kills += 1
        if kills == 1:
            refused = run(*source, "--out", out, check=2)
            assert "pass --resume to go on" in refused.stderr
            changed = run(*source, "--out", out, "--resume", "--stride", 8, check=2)
            assert "begun with another --stride (None, now 8)" in changed.stderr
            last = out if suffix == "jsonl" else max(places[0].glob("*.jsonl"), default=places[0] / "0.jsonl")
            with last.open("ab") as file:
                file.write(b'{"text_index": 1, "ent')  # a line that was half written
    assert kills > 5
    if note.exists():
        subprocess.run(command, check=True)
    if suffix == "jsonl":
        assert out.read_bytes() == whole.read_bytes()
    else:
        import pyarrow.parquet as pq

        assert pq.ParquetFile(out).num_row_groups > 2
        assert pq.ParquetFile(out).read().to_pylist() == pq.ParquetFile(whole).read().to_pylist()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, whole.name])


def test_a_full_disk_and_room_again(lines, rampart_dir, tmp_path):
    """A limit on the size of files stands in for a full disk; what was written stays, and `--resume` continues it."""
    source = ["ner", lines, "--model", rampart_dir, "--column", "body", "--chunk-size", 8, "--quiet"]
    run(*source, "--out", tmp_path / "whole.jsonl")
    size = (tmp_path / "whole.jsonl").stat().st_size
    out = tmp_path / "out.jsonl"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    full = run(*source, "--out", out, check=1, preexec_fn=limit)
    assert full.stderr.splitlines()[-1] == f"fastpost: {out}: File too large"
    assert 0 < out.stat().st_size <= size // 2
    run(*source, "--out", out, "--resume")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_closed_pipe_ctrl_c_and_sigterm(lines, rampart_dir, tmp_path):
    many = tmp_path / "many.jsonl"
    many.write_text(lines.read_text(encoding="utf-8") * 5, encoding="utf-8")
    command = [*COMMAND, "ner", str(many), "--model", str(rampart_dir), "--column", "body", "--chunk-size", "4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["text_index"] == 0
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait() == 141
    assert said.splitlines()[-1] == "fastpost: stopped: standard output was closed"
    assert "Traceback" not in said
    assert "Exception ignored" not in said

    for number, code, words in ((signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")):
        out = tmp_path / f"{code}.jsonl"
        process = subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.PIPE)
        while not (out.exists() and out.stat().st_size):
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code
        assert said.decode().splitlines()[-1] == f"fastpost: stopped by {words}; the same command with --resume goes on"
        assert b"Traceback" not in said
        written = rows_of(out.read_text(encoding="utf-8"))
        assert [row["text_index"] for row in written] == list(range(len(written)))
        assert (tmp_path / f"{code}.jsonl.unfinished").exists()


def test_what_cannot_be_carried_out(lines, rampart_dir, tmp_path):
    (tmp_path / "there.jsonl").touch()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    (tmp_path / "t.txt").write_text("one\n")
    source = ["ner", lines, "--model", rampart_dir, "--column", "body"]
    cases = [
        (2, [*source, "--out", tmp_path / "there.jsonl"], "exists; pass --overwrite"),
        (2, [*source, "--out", tmp_path / "x.csv"], "ends with .jsonl or .parquet"),
        (2, [*source, "--out", tmp_path / "no" / "x.jsonl"], "but there is no folder "),
        (2, [*source, "--resume"], "--resume needs a file"),
        (2, [*source, "--aggregation-strategy", "none", "--stride", 4], "--stride needs"),
        (2, [*source, "--aggregation-strategy", "some"], "--aggregation-strategy"),
        (2, [*source, "--dtype", "bfloat16"], "--dtype is for torch"),
        (2, [*source[:3], tmp_path / "bare", *source[4:]], "holds no tokenizer"),
        (2, [*source[:3], tmp_path / "none", *source[4:]], "no such folder: "),
        (1, [*source[:4]], "no column `text`; the record has `key`, `body`. Pass --column"),
        (1, ["ner", tmp_path / "none.jsonl", *source[2:]], "none.jsonl: No such file or directory"),
        (1, ["ner", tmp_path / "t.txt", *source[2:], "--id-column", "key"], "is a text file"),
        (2, ["qa", lines, "--model", rampart_dir], "pass --question"),
        (
            1,
            ["qa", lines, "--column", "body", "--model", rampart_dir, "--question", "Who?"],
            "not start_logits, end_logits",
        ),
    ]
    for code, arguments, words in cases:
        done = run(*arguments, check=code)
        assert words in done.stderr, (arguments, done.stderr)
        assert done.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "t.txt", "there.jsonl"]


def test_what_can_not_be_read_is_left_out_and_told(rampart_dir, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"id": 1, "text": "John"}\n{"id": 2, "text": 5}\n{"id": 3, "text": "Bob"}\n{')
    done = run("ner", tmp_path / "x.jsonl", "--model", rampart_dir, "--id-column", "id", "--on-error", "skip")
    assert [row["id"] for row in rows_of(done.stdout)] == [1, 3]
    assert "2 records or files were left out, first: " in done.stderr


@pytest.fixture(scope="module")
def qa_dir(rampart_dir, tmp_path_factory):
    """A small question-answering model with random weights and a real tokenizer."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("qa")
    tokenizer = AutoTokenizer.from_pretrained(rampart_dir, model_max_length=512)
    tokenizer.save_pretrained(folder)
    qa_models.tiny_bert(len(tokenizer)).save_pretrained(folder)
    return folder


def test_answers_are_those_of_the_pipeline(lines, records, qa_dir, tmp_path):
    asked = ["Who?", "Where is it?"]
    (tmp_path / "asked.txt").write_text("\n".join(asked) + "\n\n")
    source = ["qa", lines, "--model", qa_dir, "--column", "body", "--questions", tmp_path / "asked.txt", "--top-k", 2]
    rows = rows_of(run(*source, "--id-column", "key", "--quiet", "--chunk-size", 20).stdout)
    pipe = fastpost.pipeline("question-answering", str(qa_dir))
    assert [row["id"] for row in rows] == [record["key"] for record in records]
    for row, record in list(zip(rows, records, strict=True))[:30]:
        want = []
        for question in asked if record["body"].strip() else ():
            answers = pipe(question=question, context=record["body"], top_k=2)
            want += [(question, a["answer"], a["start"], a["end"]) for a in answers]
        assert [(a["question"], a["answer"], a["start"], a["end"]) for a in row["answers"]] == want

    ranked = rows_of(run(*source, "--rank", "--quiet").stdout)
    assert [row["question"] for row in ranked] == asked
    contexts = [record["body"] for record in records]
    there = [n for n, text in enumerate(contexts) if text.strip()]
    for row in ranked:
        want = pipe(question=[row["question"]] * len(there), context=[contexts[n] for n in there], rank=True, top_k=2)
        got = [(answer["text_index"], answer["start"], answer["end"]) for answer in row["answers"]]
        assert got == [(there[a["text_index"]], a["start"], a["end"]) for a in want]


def test_ranked_answers_go_on_with_the_next_question(qa_dir, tmp_path, monkeypatch, capfd):
    """A pipeline that fails at the third question stands in for whatever stops the program; it runs in this process."""
    (tmp_path / "x.txt").write_text("Anna lives in Paris.\nBob Brown\n\nNobody.\n")
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    asked = [word for n in range(4) for word in ("--question", f"Who is {n}?")]
    source = ["qa", str(tmp_path / "x.txt"), "--model", str(qa_dir), *asked, "--rank", "--top-k", "2", "--quiet"]
    assert main([*source, "--out", str(whole)]) == 0
    real, seen = Running.load, []

    def pipeline(*args, **kwargs):
        pipe = real(*args, **kwargs)

        def ask(question, **options):
            seen.append(question[0])
            if len(seen) == 3:
                raise KeyboardInterrupt
            return pipe(question=question, **options)

        return ask

    monkeypatch.setattr(Running, "load", pipeline)
    assert main([*source, "--out", str(out)]) == 130
    assert len(rows_of(out.read_text())) == 2
    assert main([*source, "--out", str(out)]) == 2
    assert "pass --resume to go on" in capfd.readouterr().err
    assert main([*source, "--out", str(out), "--resume"]) == 0
    assert seen == [f"Who is {n}?" for n in (0, 1, 2, 2, 3)]
    assert out.read_bytes() == whole.read_bytes()


def test_another_model_at_the_same_place_is_refused(qa_dir, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "model"
    shutil.copytree(qa_dir, folder)
    (tmp_path / "x.txt").write_text("Anna lives in Paris.\n" * 4)
    out = tmp_path / "out.jsonl"
    source = [
        "qa",
        str(tmp_path / "x.txt"),
        "--model",
        str(folder),
        "--question",
        "Who?",
        "--chunk-size",
        "2",
        "--quiet",
    ]
    real = Texts.batches

    def batches(self, done):
        yield next(real(self, done))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Texts, "batches", batches)
        assert main([*source, "--out", str(out)]) == 130
    assert len(rows_of(out.read_text())) == 2
    weights = folder / "model.safetensors"
    before = weights.stat()
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert main([*source, "--out", str(out), "--resume"]) == 2
    assert "begun with other model files, or they have changed since" in capfd.readouterr().err
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert main([*source, "--out", str(out), "--resume", "--batch-size", "1", "--chunk-size", "3"]) == 0
    assert [row["text_index"] for row in rows_of(out.read_text())] == [0, 1, 2, 3]


def test_answers_in_parquet_go_on_after_a_kill(lines, qa_dir, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    out, whole = tmp_path / "out.parquet", tmp_path / "whole.parquet"
    source = ["qa", lines, "--model", qa_dir, "--column", "body", "--question", "Who?", "--chunk-size", 3, "--quiet"]
    run(*source, "--out", whole)
    command = [*COMMAND, *map(str, source), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    written = tmp_path / "out.parquet.parts" / "0.jsonl"
    while process.poll() is None and not (written.exists() and written.stat().st_size > 1000):
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    run(*command[3:], "--resume")
    assert pq.read_table(out).equals(pq.read_table(whole))


def test_doctor():
    said = run("doctor").stdout
    found = json.loads(run("doctor", "--json").stdout)
    assert found["fastpost"] == fastpost.__version__
    assert found["libraries"]["numpy"]["version"] in said
    assert found["devices"]["torch"][0] == "cpu"
    assert str(os.cpu_count()) in found["cores"]


def test_doctor_without_anything(python):
    script = """
import sys
from importlib import metadata
real = metadata.version
def version(name):
    if name not in ("numpy", "typer", "rich"):
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
from fastpost.cli import main
sys.exit(main(["doctor"]))
"""
    said = python(script)
    assert "torch         not installed" in said
    assert "pip install 'fastpost[onnx]'" in said
