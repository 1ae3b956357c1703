"""Jobs over files from a program: what the commands do, without a command line."""

import json

import pytest

import fastpost
from fastpost import jobs
from onnx_models import TEXT, write_folder


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("onnx"))
    return fastpost.pipeline("ner", model=folder, compat="fastpost", batch_size=4)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": TEXT}) + "\n" for n in range(5)))
    return str(path)


def test_entities_of_files_from_a_program(pipe, source, tmp_path):
    out, seen = tmp_path / "out.jsonl", []
    with jobs.EntityJob(source, str(out), jobs.Reading(id_column="id", chunk_size=2)) as job:
        tally = job.run(pipe, seen.append)
    assert (tally.texts, tally.found, tally.total) == (5, 10, 5)
    assert [one.texts for one in seen] == [0, 2, 4, 5, 5]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [0, 1, 2, 3, 4]
    assert [entity["word"] for entity in rows[4]["entities"]] == ["Anna Schmidt", "Berlin"]


def test_a_job_that_was_stopped_is_gone_on_with(pipe, source, tmp_path):
    out, reading = tmp_path / "out.jsonl", jobs.Reading(chunk_size=2)

    def stop(tally):
        if tally.texts == 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError), jobs.EntityJob(source, str(out), reading, redact="[{label}]") as job:
        job.run(pipe, stop)
    with pytest.raises(
        jobs.JobError, match="is unfinished; pass resume=True to go on, or overwrite=True to start again"
    ):
        jobs.EntityJob(source, str(out), reading, redact="[{label}]")
    with jobs.EntityJob(source, str(out), reading, redact="[{label}]", resume=True) as job:
        assert job.run(pipe).texts == 5
    texts = [json.loads(line)["text"] for line in out.read_text().splitlines()]
    assert texts == ["[PER] lives in [LOC]."] * 5
    with pytest.raises(jobs.Finished, match="nothing to go on with; overwrite=True writes it again"):
        jobs.EntityJob(source, str(out), reading, redact="[{label}]", resume=True)


def test_what_a_job_refuses_before_a_model_is_needed(source, tmp_path):
    for options, words in (
        ({"out": source}, "`out` is .*, which is read; pass another name"),
        ({"out": "x.txt"}, "`out` is x.txt; pass a name that ends with .jsonl or .parquet"),
        ({"resume": True}, "resume=True needs a file to go on with, but `out` is standard output"),
        ({"redact": "{name}"}, "`redact`"),
        ({"reading": jobs.Reading(keep_columns="id,entities")}, "`keep_columns` has `entities`, which the output has"),
    ):
        with pytest.raises(jobs.JobError, match=words):
            jobs.EntityJob(source, **options)
    with pytest.raises(jobs.JobError, match="`questions` is empty"):
        jobs.AnswerJob(source, questions=[])
    with pytest.raises(fastpost.CorpusError, match="body"):
        jobs.EntityJob(source, str(tmp_path / "y.jsonl"), jobs.Reading(column="body"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]  # a job that was refused leaves nothing behind


def test_answers_of_files_from_a_program(source, tmp_path):
    def pipe(question, context, **options):
        assert options == {"top_k": 1}
        return [{"answer": one[:4], "start": 0, "end": 4, "score": 0.5} for one in context]

    out = tmp_path / "out.jsonl"
    with jobs.AnswerJob(source, str(out), questions=["Who?", "Where?"]) as job:
        assert job.run(pipe, {"top_k": 1}).found == 10
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [answer["answer"] for answer in rows[0]["answers"]] == ["Anna", "Anna"]
    assert [answer["question"] for answer in rows[0]["answers"]] == ["Who?", "Where?"]
