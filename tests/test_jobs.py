"""Jobs over files, called from a program: they do what the commands do."""

import io
import json
import os
import threading

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
    told = [one.texts for one in seen]  # the texts that the model has read, before the entities are written
    assert told == sorted(told)
    assert told[-1] == 5
    assert {0, 2, 4} < set(told)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [0, 1, 2, 3, 4]
    assert [entity["word"] for entity in rows[4]["entities"]] == ["Anna Schmidt", "Berlin"]


def test_a_job_that_was_stopped_is_gone_on_with(pipe, source, tmp_path):
    out, reading = tmp_path / "out.jsonl", jobs.Reading(chunk_size=2)

    def stop(tally):
        if tally.found == 4:  # of two texts, which are written
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


ATTRIBUTE = "user.fastpost.job"


@pytest.fixture
def keeps_attributes(tmp_path):
    """Whether the file system can store which job a file belongs to."""
    try:
        os.setxattr(tmp_path, ATTRIBUTE, b"")
        os.removexattr(tmp_path, ATTRIBUTE)
    except (OSError, AttributeError):
        return False
    return True


def forget(out):
    """Turns an output into a copy of it from another system: without its attributes."""
    if out.suffix == ".jsonl" and hasattr(os, "removexattr"):
        os.removexattr(out, ATTRIBUTE)


class StoppedError(Exception):
    pass


def begun(pipe, source, out, settings=None):
    """The output of a job that was stopped after two of its five texts."""

    def stop(tally):
        if tally.found == 4:  # of two texts, which are written
            raise StoppedError

    with (
        pytest.raises(StoppedError),
        jobs.EntityJob(source, str(out), jobs.Reading(chunk_size=1), settings=settings) as job,
    ):
        job.run(pipe, stop)
    return out.with_name(f"{out.name}.unfinished")


def cut(out, note):
    out.write_bytes(out.read_bytes()[:-7])


def longer(out, note):
    out.write_bytes(out.read_bytes() + b'{"text_index":2,"enti')


def wrong_line(out, note):
    out.write_bytes(b'{"a": 1}\n' + out.read_bytes())


def no_table(out, note):
    out.write_bytes(b"[1]\n")


def nothing(out, note):
    pass


NO_NOTE = (
    "has 2 texts and the input has more, but out.jsonl.unfinished, which says what it was begun with, is gone; pass"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (nothing, None),
        (cut, None),
        (longer, None),
        (lambda out, note: out.unlink(), None),
        (lambda out, note: out.write_bytes(b""), None),
        (lambda out, note: (out.unlink(), note.unlink()), None),
        (lambda out, note: note.unlink(), NO_NOTE),
        (lambda out, note: note.write_bytes(b""), NO_NOTE),
        (lambda out, note: (cut(out, note), note.unlink()), "out.jsonl ends inside a line, but out.jsonl.unfinished"),
        (
            lambda out, note: note.write_bytes(b"\xff{"),
            "unfinished is damaged; pass overwrite=True without resume=True",
        ),
        (lambda out, note: note.write_text("{}"), r"was begun with another `m` \(None, now 1\); pass the same"),
        (wrong_line, "line 1 of .*out.jsonl is damaged; pass overwrite=True without resume=True to start again"),
        (no_table, "line 1 of .*out.jsonl is damaged"),
    ],
)
def test_every_state_of_a_job_is_gone_on_with_or_told(change, words, pipe, source, tmp_path):
    out = tmp_path / "out.jsonl"
    change(out, begun(pipe, source, out, {"m": 1}))
    make = lambda **options: jobs.EntityJob(  # noqa: E731
        source, str(out), jobs.Reading(chunk_size=1), settings={"m": 1}, **options
    )
    if words is not None:
        before = out.read_bytes()
        with pytest.raises(jobs.JobError, match=words):
            make(resume=True)
        assert out.read_bytes() == before
    with make(resume=words is None, overwrite=words is not None) as job:
        tally = job.run(pipe)
    assert (tally.texts, tally.found, tally.total) == (5, 10, 5)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["text_index"] for row in rows] == [0, 1, 2, 3, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "x.jsonl"]
    with pytest.raises(jobs.Finished, match="is whole"):
        make(resume=True)


@pytest.mark.parametrize("ending", ["jsonl", "copied", "parquet"])
def test_what_is_whole_is_not_taken_for_what_other_options_write(ending, pipe, source, tmp_path, keeps_attributes):
    """It used to be taken: the job reported success for texts that were not redacted and for words in clear."""
    if ending == "jsonl" and not keeps_attributes:
        pytest.skip("the file system keeps no attributes")
    copied, ending = ending == "copied", "parquet" if ending == "parquet" else "jsonl"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    with open(source, "r+", encoding="utf-8") as file:
        rest = file.read()
        file.seek(0)
        file.write('{"id": null, "text": "nobody"}\n' + rest)  # a line without entities says nothing
    out = tmp_path / f"out.{ending}"
    ways = (
        {},
        {"redact": "[{label}]"},
        {"reading": jobs.Reading(id_column="id")},
        {"reading": jobs.Reading(keep_columns="id")},
        {"reading": jobs.Reading(with_source=True)},
    )
    for way in ways:
        with jobs.EntityJob(source, str(out), overwrite=True, **way) as job:
            job.run(pipe)
        if copied and keeps_attributes:
            forget(out)
        before = out.read_bytes()
        for other in ways:
            # In lines, columns of one name are the same, wherever they come from.
            same = way is other or (copied and {"keep_columns='id'", "id_column='id'"} == {
                f"{name}='id'" for one in (way, other) for name in ("id_column", "keep_columns")
                if "reading" in one and getattr(one["reading"], name)
            })  # fmt: skip
            words = "is not what this job writes: its columns are others; pass|was written with another `"
            words = "is whole.*other options" if same else words
            with pytest.raises(jobs.Finished if same else jobs.JobError, match=words):
                jobs.EntityJob(source, str(out), resume=True, **other)
        assert out.read_bytes() == before


@pytest.mark.parametrize("redact", [None, "[{label}]"])
@pytest.mark.parametrize("ending", ["jsonl", "copied", "parquet"])
def test_what_is_whole_is_not_taken_for_what_other_texts_give(ending, redact, pipe, source, tmp_path, keeps_attributes):
    """It used to be taken for a file with as many texts, for Parquet with any texts, for lines with any options."""
    if ending == "jsonl" and not keeps_attributes:
        pytest.skip("the file system keeps no attributes")
    lines, ending = ending == "copied", "parquet" if ending == "parquet" else "jsonl"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    out, other = tmp_path / f"out.{ending}", tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({"id": n, "text": f"Hello, {TEXT}"}) + "\n" for n in range(5)))
    make = lambda inputs, **options: jobs.EntityJob(inputs, str(out), redact=redact, **options)  # noqa: E731
    with make(source, settings={"threshold": 0}) as job:
        job.run(pipe)
    if lines and keeps_attributes:
        forget(out)
    before = out.read_bytes()
    given = {"settings": {"threshold": 0}, "resume": True}
    with pytest.raises(jobs.Finished):
        make(source, **given)
    with pytest.raises(
        jobs.JobError, match="line 1 what is not of text 0 of" if lines else "written with other input f"
    ):
        make(str(other), **given)
    with pytest.raises(jobs.JobError, match="text 5|has 5 texts and" if lines else "written with other input f"):
        make([source, str(other)], **given)
    with open(source, "r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.truncate()
        file.write("".join(text.splitlines(keepends=True)[:3]))
    with pytest.raises(jobs.JobError, match="more than the 3 texts" if lines else "written with other input files"):
        make(source, **given)
    if not lines:
        with pytest.raises(
            jobs.JobError, match="was written with another `threshold`; pass the same, or overwrite=True"
        ):
            make(source, settings={"threshold": 0.9}, resume=True)
        told = before if ending == "parquet" else os.getxattr(out, ATTRIBUTE)
        assert source.encode() not in told  # the output names no file
    assert out.read_bytes() == before


def test_a_word_is_known_again_whatever_a_tokenizer_makes_of_it():
    from fastpost.jobs.lines import alike

    for word, text in (("anna schmidt", "Anna  Schmidt"), (" Łódź", "Łódź"), ("jose", "José"), ("[UNK]", "\u4e2d")):
        assert alike(word, text)
    assert not alike("anna", "Hann")


def test_a_redaction_that_keeps_all_columns_is_told_by_its_entities(pipe, source, tmp_path):
    out, everything = tmp_path / "out.jsonl", jobs.Reading(keep_columns="all")
    ways = ({"reading": everything}, {"reading": everything, "redact": "[{label}]"})
    for way, other in (ways, ways[::-1]):
        with jobs.EntityJob(source, str(out), overwrite=True, **way) as job:
            job.run(pipe)
        with pytest.raises(jobs.Finished):
            jobs.EntityJob(source, str(out), resume=True, **way)
        with pytest.raises(jobs.JobError, match="is not what this job writes"):
            jobs.EntityJob(source, str(out), resume=True, **other)


def test_the_id_of_a_redacted_text_is_not_the_text(pipe, source, tmp_path):
    """The text used to be written in clear as `id`, beside the redacted text."""
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text(json.dumps({"body": TEXT, "text": "other"}) + "\n")
    for path, column in ((source, None), (source, "text"), (str(bodies), "body")):
        name = column or "text"
        with pytest.raises(
            jobs.JobError, match=f"`id_column` is `{name}`, the text itself.*; pass a column that holds"
        ):
            jobs.EntityJob(path, reading=jobs.Reading(column=column, id_column=name), redact="[{label}]")
        with jobs.EntityJob(
            path, str(tmp_path / "out.jsonl"), jobs.Reading(column=column, id_column=name), overwrite=True
        ):
            pass  # without redaction it is an id like any other
    out = tmp_path / "out.jsonl"
    with jobs.EntityJob(
        str(bodies), str(out), jobs.Reading(column="body", id_column="text"), redact="<{label}>"
    ) as job:
        job.run(pipe)
    row = json.loads(out.read_text())
    assert (row["id"], row["text"]) == ("other", "<PER> lives in <LOC>.")


def test_whole_answers_are_those_of_their_questions(source, tmp_path):
    """There is one line for each question: the error used to say that there are more texts than lines."""

    def answers(question, context, rank=False, **_):
        found = [{"answer": text[:4], "start": 0, "end": 4, "score": 0.5} for text in context]
        return [{"text_index": at, **one} for at, one in enumerate(found)] if rank else [[one] for one in found]

    out = tmp_path / "out.jsonl"
    for rank in (True, False):
        with jobs.AnswerJob(source, str(out), questions=["Who?"], rank=rank, overwrite=True) as job:
            job.run(answers)
        with pytest.raises(jobs.Finished):
            jobs.AnswerJob(source, str(out), questions=["Who?"], rank=rank, resume=True)
        for other in ({"questions": ["Where?"], "rank": rank}, {"questions": ["Who?"], "rank": not rank}):
            with pytest.raises(jobs.JobError, match="is not what this job writes"):
                jobs.AnswerJob(source, str(out), resume=True, **other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"settings": {"m": 2}}, r"was begun with another `m` \(1, now 2\); pass the same, or overwrite=True without"),
        ({"redact": "[{label}]"}, r"another `redact` \(None, now '\[\{label\}\]'\)"),
        ({"reading": jobs.Reading(chunk_size=1, id_column="id")}, r"another `id_column` \(None, now 'id'\)"),
        ({"reading": jobs.Reading(chunk_size=1, keep_columns="all")}, "another `keep_columns`"),
        ({"reading": jobs.Reading(chunk_size=1, on_error="skip")}, "another `on_error`"),
        ({"reading": jobs.Reading(chunk_size=1, on_error="replace")}, "another `on_error`"),
        # An option that was given then and is not given now.
        ({"settings": {}}, r"was begun with another `m` \(1, now None\)"),
        ({"touch": True}, "other input files, or they have changed since"),
    ],
)
def test_a_job_goes_on_with_the_same_options_and_files_alone(options, words, pipe, source, tmp_path):
    out = tmp_path / "out.jsonl"
    begun(pipe, source, out, {"m": 1})
    if options.pop("touch", False):
        with open(source, "a") as file:
            file.write('{"text": "more"}\n')
    given = {"reading": jobs.Reading(chunk_size=1), "settings": {"m": 1}, **options}
    with pytest.raises(jobs.JobError, match=words):
        jobs.EntityJob(source, str(out), resume=True, **given)
    assert len(out.read_text().splitlines()) == 2


def test_a_table_is_gone_on_with_whatever_is_left_of_it(pipe, source, tmp_path):
    out = tmp_path / "out.parquet"
    pq = pytest.importorskip("pyarrow.parquet")
    for change, words in (
        (lambda parts, note: (parts / "0.jsonl").unlink(), None),
        (lambda parts, note: (parts / "0.jsonl").write_bytes((parts / "0.jsonl").read_bytes()[:-5]), None),
        (lambda parts, note: (parts / "0.jsonl").rename(parts / "1.jsonl"), None),
        (lambda parts, note: (parts / "0.jsonl").rename(parts / "7.parquet"), None),
        (lambda parts, note: note.unlink(), "out.parquet.parts exists; pass overwrite=True to replace what is in it"),
    ):
        note = begun(pipe, source, out, {"m": 1})
        change(tmp_path / "out.parquet.parts", note)
        make = lambda **options: jobs.EntityJob(  # noqa: E731
            source, str(out), jobs.Reading(chunk_size=1), settings={"m": 1}, **options
        )
        if words is not None:
            with pytest.raises(jobs.JobError, match=words):
                make(resume=True)
        with make(resume=words is None, overwrite=words is not None) as job:
            assert job.run(pipe)[:2] == (5, 10)
        assert pq.read_table(out)["text_index"].to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "x.jsonl"]
        with pytest.raises(jobs.Finished):
            make(resume=True)
        out.unlink()


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
        assert options.keys() == {"top_k", "progress"}
        return [{"answer": one[:4], "start": 0, "end": 4, "score": 0.5} for one in context]

    out = tmp_path / "out.jsonl"
    with jobs.AnswerJob(source, str(out), questions=["Who?", "Where?"]) as job:
        assert job.run(pipe, {"top_k": 1}).found == 10
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [answer["answer"] for answer in rows[0]["answers"]] == ["Anna", "Anna"]
    assert [answer["question"] for answer in rows[0]["answers"]] == ["Who?", "Where?"]


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "tsv", "jsonl", "txt"])
@pytest.mark.parametrize("option", ["id_column", "keep_columns"])
def test_a_misspelt_column_is_told_by_its_option_with_those_there_are(ending, option, tmp_path):
    """The error used to be about `column`, which was right."""
    source = tmp_path / f"x.{ending}"
    if ending in ("parquet", "arrow"):
        pa = pytest.importorskip("pyarrow")
        table = pa.table({"key": ["1", "2"], "text": ["Anna", "Tom"]})
        if ending == "parquet":
            pytest.importorskip("pyarrow.parquet").write_table(table, source)
        else:
            with pa.OSFile(str(source), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
    else:
        between = "\t" if ending == "tsv" else ","
        rows = [["key", "text"], ["1", "Anna"], ["2", "Tom"]]
        records = (json.dumps(dict(zip(rows[0], row, strict=True))) for row in rows[1:])
        source.write_text("\n".join(records if ending == "jsonl" else map(between.join, rows)) + "\n")
    make = lambda: jobs.EntityJob(str(source), reading=jobs.Reading(**{option: "kye"}))  # noqa: E731
    if ending == "jsonl":  # where a record may lack a column
        with pytest.warns(UserWarning, match=f"no `kye`, which `{option}` names, but `text`, `key`; .* null") as told:
            make()
        assert len(told) == 1
        return
    with pytest.raises(ValueError, match="no column `kye`") as bad:
        make()
    assert bad.value.argument == option
    assert f"`{option}`" in bad.value.cure
    assert str(bad.value).endswith(bad.value.cure)
    assert "`column`" not in str(bad.value)
    assert ending == "txt" or "`key`, `text`" in str(bad.value)
    if isinstance(bad.value, fastpost.CorpusError):
        assert str(bad.value) == f"{bad.value.path}{':1' if bad.value.line else ''}: {bad.value.reason}"


@pytest.mark.parametrize(("option", "name"), [("id_column", "key"), ("keep_columns", "key"), ("column", "body")])
def test_text_from_standard_input_has_no_columns(option, name, monkeypatch):
    """The error used to say that `column` should be left out, which was not passed."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"plain\n")))
    with pytest.raises(fastpost.CorpusError) as bad:
        list(jobs.Texts.of("-", reading=jobs.Reading(**{option: name})).batches(0))
    assert f"it is plain text, which has no column `{name}`; leave `{option}` out, or pass `format`" in str(bad.value)
    assert bad.value.argument == option


def test_what_is_whole_is_held_against_standard_input(pipe, source, tmp_path, monkeypatch):
    """The job used to succeed whatever the input was."""
    with open(source, "rb") as file:
        data = file.read()
    out = tmp_path / "out.jsonl"

    def resume(given):
        stdin = io.TextIOWrapper(io.BytesIO(given))
        monkeypatch.setattr("sys.stdin", stdin)
        with jobs.EntityJob("-", str(out), resume=True) as job:
            job.run(pipe)
        return stdin

    resume(data)
    whole = out.read_bytes()
    with pytest.raises(jobs.Finished):
        resume(data)
    with pytest.raises(jobs.JobError, match="has 5 texts and the input has more"):
        resume(data * 2)
    with pytest.raises(jobs.JobError, match="has in line 1 what is not of text 0 of the input"):
        resume(data.replace(b"Anna", b"Hannah"))
    assert out.read_bytes() == whole


READINGS = (jobs.Reading(), jobs.Reading(keep_columns="all", with_source=True), jobs.Reading(id_column="deep"))


def given_to(stdin, monkeypatch, make, pipe):
    """Runs a job on standard input that holds these bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with make() as job:
        job.run(pipe)


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("redact", [None, "[{label}]"])
def test_a_whole_table_is_held_against_standard_input(redact, reading, pipe, tmp_path, monkeypatch):
    """It was success whatever came in."""
    pytest.importorskip("pyarrow")
    out = tmp_path / "out.parquet"
    text = ["Nobody.", TEXT, None, TEXT, "Nobody.", "\ud83d\ude42 " + TEXT]
    rows = [
        {"text": one, "id": [7, 1 << 60, "x", 0.5, None, True][n], "deep": {"é": [n, 1.5]}}
        for n, one in enumerate(text)
    ]
    make = lambda: jobs.EntityJob("-", str(out), reading, redact=redact, resume=True)  # noqa: E731
    given_to(lines_of(rows), monkeypatch, make, pipe)
    whole = out.read_bytes()
    with pytest.raises(jobs.Finished):
        given_to(lines_of(rows), monkeypatch, make, pipe)
    others = [
        (lines_of(rows[:-1]), "has more than the 5 texts of the input"),
        (lines_of([*rows, rows[0]]), "has 6 texts and the input has more"),
        (lines_of([*rows[:3], {**rows[3], "text": "Hannah"}, *rows[4:]]), "a row that is not of text 3 of the input"),
        (lines_of(reversed(rows)), "is not of text|has more than"),
    ]
    if reading is not READINGS[0]:
        others.append((lines_of([rows[0], {**rows[1], "id": 8, "deep": 8}, *rows[2:]]), "not of text 1"))
    for other, words in others:
        with pytest.raises(
            jobs.JobError, match=f"out.parquet .*{words}.*; pass overwrite=True without resume=True to write it again"
        ):
            given_to(other, monkeypatch, make, pipe)
    assert out.read_bytes() == whole


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_whole_table_is_held_against_a_pipe(pipe, tmp_path):
    """Nothing but what comes out of it tells one from another."""
    pytest.importorskip("pyarrow")
    out, way = tmp_path / "out.parquet", tmp_path / "in.jsonl"
    os.mkfifo(way)

    def resume(data):
        writer = threading.Thread(target=way.write_bytes, args=(data,))
        writer.start()
        try:
            with jobs.EntityJob(str(way), str(out), resume=True) as job:
                job.run(pipe)
        finally:
            writer.join()

    resume(lines_of([{"text": TEXT}]))
    with pytest.raises(jobs.Finished):
        resume(lines_of([{"text": TEXT}]))
    with pytest.raises(jobs.JobError, match="has a row that is not of text 0 of the input"):
        resume(lines_of([{"text": "Nobody."}]))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("rank", [True, False])
def test_whole_answers_are_held_against_standard_input(rank, ending, tmp_path, monkeypatch):
    """Of ranked answers nothing but the questions was compared, of a table nothing at all."""
    if ending == "parquet":
        pytest.importorskip("pyarrow")

    def answers(question, context, rank=False, **_):
        found = [{"answer": text[:4], "start": 0, "end": 4, "score": 0.5} for text in context]
        if rank:
            return [{"text_index": at, **one} for at, one in enumerate(found)][::-1]
        return found[0] if len(found) == 1 else found

    out = tmp_path / f"out.{ending}"
    make = lambda: jobs.AnswerJob("-", str(out), questions=["Who?", "Where?"], rank=rank, resume=True)  # noqa: E731
    rows = [{"text": f"{name} was here."} for name in ("Anna", "Berta", "Carl")]
    given_to(lines_of(rows), monkeypatch, make, answers)
    whole = out.read_bytes()
    with pytest.raises(jobs.Finished):
        given_to(lines_of(rows), monkeypatch, make, answers)
    for other in (rows[:2], rows[::-1], [*rows[:2], {"text": "Dora was here."}]):
        with pytest.raises(jobs.JobError, match=r"; pass overwrite=True without resume=True to (write it|start) again"):
            given_to(lines_of(other), monkeypatch, make, answers)
    assert out.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b"null", b'"job"'])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_whole_output_whose_note_of_its_job_is_damaged_is_told(
    ending, damage, pipe, source, tmp_path, keeps_attributes
):
    """It was a traceback of `json`."""
    out = tmp_path / f"out.{ending}"
    with jobs.EntityJob(source, str(out)) as job:
        job.run(pipe)
    if ending == "parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        table = pq.read_table(out)
        pq.write_table(table.replace_schema_metadata({"fastpost.job": damage}), out)
    elif keeps_attributes:
        os.setxattr(out, ATTRIBUTE, damage)
    else:
        pytest.skip("the file system keeps no attributes")
    with pytest.raises(jobs.JobError) as told:
        jobs.EntityJob(source, str(out), resume=True)
    assert str(told.value) == (
        f"{out} is whole, but what it says of its job is damaged; pass overwrite=True without resume=True to write it "
        "again"
    )


@pytest.mark.parametrize("asked", [1, 3])
def test_texts_that_are_not_written_yet_are_told_from_those_whose_finds_are_counted(asked, pipe, source, tmp_path):
    """It was said "4 of about 5 texts, 0 answers" of texts whose answers were not counted yet."""
    seen = []
    with jobs.EntityJob(source, str(tmp_path / "e.jsonl"), jobs.Reading(chunk_size=2)) as job:
        job.run(pipe, seen.append)

    def answers(question, context, progress, **_):
        for _ in context:
            progress(1, 5)
        found = [{"answer": text[:4], "start": 0, "end": 4, "score": 0.5} for text in context]
        return found[0] if len(found) == 1 else found

    told = []
    questions = ["Who?"] * asked
    with jobs.AnswerJob(source, str(tmp_path / "a.jsonl"), jobs.Reading(chunk_size=2), questions=questions) as job:
        job.run(answers, progress=told.append)
    for each, count in ((seen, 2), (told, asked)):
        assert any(one.ahead for one in each)
        assert all(one.found == count * (one.texts - one.ahead) for one in each)
        assert (each[-1].texts, each[-1].ahead) == (5, 0)


def test_a_number_beyond_floats_is_null_in_the_output(pipe, tmp_path):
    """The number used to be written as Infinity, which is not JSON."""
    source, out = tmp_path / "x.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "nobody", "n": [1e999, -1e999, 1.5, 12345678901234567890]}\n')
    with jobs.EntityJob(str(source), str(out), jobs.Reading(keep_columns="n")) as job:
        job.run(pipe)
    assert json.loads(out.read_text(), parse_constant=pytest.fail)["n"] == [None, None, 1.5, 12345678901234567890]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("a, b", ["a", "b"]),
        (["a", "b"], ["a", "b"]),
        (['"x, y",a', 'b"c'], ["x, y", "a", 'b"c']),
        (["a", "all"], ["x, y", "a", "b", 'b"c']),
    ],
)
def test_columns_that_are_kept_add_up(given, names, pipe, tmp_path):
    source, out = tmp_path / "x.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"x, y": 1, "a": 2, "b": 3, 'b"c': 4, "text": TEXT}) + "\n")
    with jobs.EntityJob(str(source), str(out), jobs.Reading(keep_columns=given)) as job:
        job.run(pipe)
    assert set(json.loads(out.read_text())) == {"text_index", "entities", *names}


def test_columns_of_a_table_stand_in_the_order_of_the_input(pipe, tmp_path):
    """Columns that were not named used to come in another order in each Python process."""
    pq = pytest.importorskip("pyarrow.parquet")
    names = [f"column {n}" for n in range(12)]
    source, out = tmp_path / "x.jsonl", tmp_path / "out.parquet"
    source.write_text(
        json.dumps({**dict.fromkeys(names, 1), "text": TEXT}) + "\n" + json.dumps({"last": 1, "text": TEXT})
    )
    with jobs.EntityJob(str(source), str(out), jobs.Reading(keep_columns="all")) as job:
        job.run(pipe)
    assert pq.read_schema(out).names == ["text_index", *names, "last", "start", "end", "label", "score", "word"]


def test_what_no_output_can_be_called(pipe, source, tmp_path):
    for out, words in (
        ("a\0.jsonl", r"`out` is 'a\\x00.jsonl', a path with a NUL character in it; pass another name"),
        ("\ud83d.jsonl", r"`out` is '\\ud83d.jsonl', a path with U\+D83D, half a surrogate pair, in it"),
        ("x" * 500, "`out` is x{80}; pass a name that ends with"),
    ):
        with pytest.raises(jobs.JobError, match=words) as bad:
            jobs.EntityJob(source, out)
        assert bad.value.argument == "out"
    # A name that is only an ending has that ending.
    with jobs.EntityJob(source, str(tmp_path / ".jsonl")) as job:
        assert job.run(pipe).texts == 5
    assert len((tmp_path / ".jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"out": 5}, "`out` is 5, an int; pass a name that ends with .jsonl or .parquet, or - for"),
        ({"out": b"x.jsonl"}, "`out` is b'x.jsonl', a bytes; pass a name"),
        ({"out": None}, "`out` is None, a NoneType; pass a name"),
        ({"reading": "line"}, "`reading` is 'line', a str; pass a fastpost.jobs.Reading, or none"),
        ({"reading": jobs.Reading(keep_columns=[1])}, r"`keep_columns` is \[1\], of which not all is str; pass names"),
        ({"reading": jobs.Reading(keep_columns=b"id")}, "`keep_columns` is b'id', of which not all is str; pass names"),
        ({"redact": ["[{label}]"]}, r"`redact` is \['\[\{label\}\]'\], a list; pass a template"),
        ({"questions": "Who?"}, "`questions` is 'Who\\?', which is no list of str; pass a list"),
        ({"questions": ["Who?", None]}, "`questions` is .*None., which is no list of str; pass a list"),
    ],
)
def test_what_is_of_another_type_is_told_by_its_argument(options, words, source):
    """A question as a str used to be read letter by letter; other types raised Python's own error."""
    make = jobs.AnswerJob if "questions" in options else jobs.EntityJob
    with pytest.raises(TypeError, match=words) as bad:
        make(source, **options)
    assert bad.value.argument == next(iter(options)) or bad.value.argument == "keep_columns"


def test_an_output_may_be_a_path(pipe, source, tmp_path):
    for name in ("out.jsonl", "out.parquet"):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        with jobs.EntityJob(source, tmp_path / name) as job:
            assert job.run(pipe).texts == 5
        assert (tmp_path / name).stat().st_size > 0


def test_a_repeated_flag_adds_up(pipe, source, tmp_path):
    """Only the last one used to count."""
    from in_process import call

    pytest.importorskip("typer")
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"a": 1, "b": 2, "c": 3, "text": TEXT}) + "\n")
    done = call("ner", more, "--model", pipe.model.path, "--keep-columns", "a", "--keep-columns", "b,c", "--quiet")
    assert list(json.loads(done.stdout)) == ["text_index", "a", "b", "c", "entities"]


def test_what_differs_is_named_by_the_option_that_was_given(pipe, source, tmp_path):
    """A job that redacts has other defaults: the error used to name `aggregation_strategy`, which was not passed."""
    from fastpost.cli.entity_options import filled

    out = tmp_path / "out.jsonl"
    begun(pipe, source, out, {"aggregation_strategy": "average"})
    with pytest.raises(jobs.JobError, match=r"another `redact` \(None, now"):
        jobs.EntityJob(source, str(out), redact="[{label}]", settings={"aggregation_strategy": "simple"}, resume=True)
    assert filled({"compat": "fastpost"}) == filled({"compat": "fastpost", "threshold": 0.0})
