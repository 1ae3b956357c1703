"""Progress of long work is shown one way, on a terminal, in a log and to callers; and quiet commands."""

import json
import re

import numpy as np
import pytest

import fastpost
from fastpost.cli.progress import Progress as Shown
from fastpost.jobs.entities import Tally
from fastpost.jobs.texts import Reading, Texts
from fastpost.models.batches import Batching, Padding, Windows, forward
from fastpost.pipelines.run import run
from fastpost.progress import Log, Progress, Step, teller
from in_process import call

MAIL = "My name is Anna Schmidt, call me at 718-555-0199."


class Screen:
    """Records the progress that it is given."""

    def __init__(self):
        self.told = []

    def begin(self, step):
        self.told.append(("begin", step.stage))

    def show(self, step):
        self.told.append((step.stage, step.done, step.total))

    def end(self, step):
        self.told.append(("end", None if step is None else step.stage))

    def close(self, whole):
        self.told.append(("close", whole))


@pytest.mark.parametrize("whole", [True, False])
def test_stages_follow_each_other(whole):
    screen = Screen()
    progress = Progress(screen)
    progress("load", 0, None, "model")
    progress("ner", 0, 2, "")
    progress("ner", 2, 2, "")
    assert progress.rate(2, "ner") > 0
    assert progress.rate(2, "load") == 0
    progress.close(whole)
    assert screen.told == [
        ("begin", "load"), ("load", 0, None), ("end", "load"), ("begin", "ner"), ("ner", 0, 2), ("ner", 2, 2),
        ("end", "ner" if whole else None), ("close", whole),
    ]  # fmt: skip


def test_a_log_of_long_work_speaks_soon_and_says_how_much_time_is_left(capsys, monkeypatch):
    """The first line of an hour's work used to come after six minutes, and no line said when it would end."""
    from fastpost import progress as timed

    clock = [0.0]
    monkeypatch.setattr(timed.time, "monotonic", lambda: clock[0])
    progress = Progress(Log())
    for done in range(1001):
        clock[0] = 3.6 * done
        progress("ner", done, 1000, f"{done} texts")
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "ner:   0 %, 3 texts, about 59 min 49 s left",
        "ner:  10 %, 100 texts, about 54 min 0 s left",
    ]
    assert [line.split(",")[1] for line in lines] == [f" {done} texts" for done in (3, *range(100, 1001, 100))]
    assert lines[-1] == "ner: 100 %, 1000 texts"
    assert [timed.say_seconds(seconds) for seconds in (0.4, 59.6, 7199, 7260)] == [
        *("0 s", "1 min 0 s", "1 h 59 min", "2 h 1 min"),
    ]


def test_a_log_has_a_line_a_tenth_and_one_at_the_end(capsys):
    progress = Progress(Log())
    for done in range(1001):
        progress("ner", done, 1000, f"{done} texts")
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"ner: {10 * tenth:3d} %, {100 * tenth} texts" for tenth in range(1, 11)]
    progress = Progress(Log(first=2))
    for done in range(10):
        progress("ner", done, None, f"{done} texts")
    progress.close()
    assert capsys.readouterr().err.splitlines() == [f"ner: {done} texts" for done in (2, 4, 8, 9)]


def test_a_step_never_says_more_than_all():
    assert Step("ner", 12, 10, "12 texts").line == "ner: 100 %, 12 texts"
    assert Step("ner", 0, 0, "no text").line == "ner: no text"


def test_what_counts_and_merges_tells_the_same_way(capsys):
    tell = teller(True)
    tell("count", 5_000_000, 10_000_000)
    tell("count", 10_000_000, 10_000_000)
    tell("merge", 300, 300)
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"[\d,]+ MB/s", "N MB/s", line) for line in lines] == [
        "count:  50 %, 5 of 10 MB, N MB/s", "count: 100 %, 10 of 10 MB, N MB/s", "merge: 100 %, 300 of 300 tokens",
    ]  # fmt: skip
    assert teller(False) is None
    assert teller(print) is print


# --- batches --------------------------------------------------------------------------------------


def windows(lengths):
    lengths = np.array(lengths)
    return Windows(lengths, {"input_ids": np.arange(lengths.sum())}, None)


@pytest.mark.parametrize("waits", [False, True])
def test_each_batch_is_told_once_it_is_run(waits):
    """A model that works asynchronously has run a batch when its logits are ready, not when it was called."""
    order = []

    def runner(batch):
        logits = np.zeros((*batch["input_ids"].shape, 2), np.float32)
        order.append("asked")
        return (lambda: logits) if waits else logits

    forward(windows([3, 1, 2]), runner, Batching(2, Padding(("input_ids",))), order.append)
    assert order == (["asked", "asked", 5, 1] if waits else ["asked", 5, "asked", 1])


class Lengths:
    """A task that gives the length of each item; `log` says when it decodes."""

    def __init__(self, log):
        self.log = log

    def encode(self, items, _first):
        return windows(items)

    def decode(self, chunk, _logits):
        self.log.append("decoded")
        return chunk.lengths.tolist()


def test_progress_moves_with_each_batch_and_comes_to_all_items():
    told = []
    runner = lambda batch: np.zeros((*batch["input_ids"].shape, 2), np.float32)  # noqa: E731
    items = list(range(1, 11))
    batching = Batching(2, Padding(("input_ids",)))
    result = list(run([items], Lengths([]), runner, batching, progress=lambda *more: told.append(more)))
    assert result == items
    assert len(told) == 5
    assert sum(number for number, _ in told) == 10
    assert [tokens for _, tokens in told] == [19, 15, 11, 7, 3]
    assert all(number >= 0 for number, _ in told)


def test_the_first_results_come_before_the_second_chunk_is_read():
    read = []

    def chunks():
        for number in range(3):
            read.append(number)
            yield [1, 2]

    runner = lambda batch: np.zeros((*batch["input_ids"].shape, 2), np.float32)  # noqa: E731
    results = run(chunks(), Lengths([]), runner, Batching(2, Padding(("input_ids",))))
    assert next(results) == 1
    assert read == [0]
    assert list(results) == [2, 1, 2, 1, 2]


def test_the_first_batches_of_a_job_are_small(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("".join(f"text {number}\n" for number in range(300)))
    texts = Texts.of(str(path), reading=Reading(chunk_size=128))
    sizes = [len(batch.texts) for batch in texts.batches(0, first=16)]
    assert sum(sizes) == 300
    assert sizes[:3] == [16, 32, 64]
    assert max(sizes) <= 128
    assert [text for batch in texts.batches(290) for text in batch.texts] == [f"text {n}" for n in range(290, 300)]
    one = Texts.of(str(path), reading=Reading(chunk_size=1))
    assert {len(batch.texts) for batch in one.batches(0)} == {1}


# --- commands -------------------------------------------------------------------------------------


def test_a_job_in_words(capsys):
    with Shown(first=1) as progress:
        progress.load("model")
        show = progress.follow("ner", "entity", "entities")
        show(Tally(0, 0, 0, 1))
        show(Tally(1, 1, 0, 1))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "load: model"
    assert re.fullmatch(r"ner: 100 %, 1 of 1 text, [\d,.]+ texts/s, 1 entity", lines[-1])
    for tally, words in (
        (Tally(0, 0, 0, 5), r"0 of about 5 texts, [\d,.]+ texts/s, 0 answers"),
        (Tally(4, 0, 90, 5, ahead=4), r"4 of about 5 texts, [\d,.]+ tokens/s"),
        (Tally(4, 0, 90, 5, ahead=1), r"4 of about 5 texts, [\d,.]+ tokens/s, 0 answers in the first 3"),
        (Tally(5, 7, 0, 5), r"5 of 5 texts, [\d,.]+ texts/s, 7 answers"),
    ):
        with Shown(first=1) as progress:
            progress.follow("qa", "answer", "answers")(tally)
        assert re.fullmatch(rf"qa: +\d+ %, {words}", capsys.readouterr().err.splitlines()[0])
    with Shown(quiet=True) as progress:
        progress.load("model")
    assert capsys.readouterr().err == ""


@pytest.fixture
def mail(tmp_path):
    path = tmp_path / "mail.jsonl"
    path.write_text(json.dumps({"text": MAIL}) + "\n" + json.dumps({"text": ""}) + "\n{\n")
    return path


@pytest.mark.parametrize("command", ["ner", "view", "compare"])
def test_quiet_is_quiet(command, mail, rampart_dir, recwarn):
    """Prints no progress, no counts, nothing left out and no warning; an error is printed."""
    source = [command, mail, "--model", rampart_dir, "--on-error", "skip"]
    said = call(*source)
    assert said.stderr.startswith("load: ")
    assert said.stderr.splitlines()[-1].startswith("fastpost: ")
    quiet = call(*source, "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout == said.stdout
    assert "mail.jsonl:3" in call(*source[:-2], "-q", check=1).stderr
    assert call(*source).stderr  # the next command is not quiet


def test_a_comparison_says_how_far_it_is(rampart_dir, tmp_path):
    """The command used to print the number of texts and nothing more until all were read."""
    told = []
    pipe = fastpost.pipeline("ner", model=rampart_dir, compat="fastpost")
    fastpost.compare(pipe, [MAIL] * 6, progress=lambda *step: told.append(step), batch_size=2)
    assert [texts for texts, _ in told] == [2, 2, 2]
    path = tmp_path / "mails.txt"
    path.write_text(f"{MAIL}\n" * 40)
    lines = call("compare", path, "--model", rampart_dir).stderr.splitlines()
    assert lines[1:] == ["compare:  80 %, 32 of 40 texts", "compare: 100 %, 40 of 40 texts"]


def test_one_line_at_the_end_says_what_came_of_it(mail, rampart_dir, tmp_path):
    out = tmp_path / "out.jsonl"
    said = call("ner", mail, "--model", rampart_dir, "--on-error", "skip", "--out", out)
    assert said.stderr.splitlines()[-1].startswith(f"fastpost: 3 entities in 2 texts -> {out}")
    assert "1 record or file was left out" in said.stderr


def test_json_has_one_style(mail, rampart_dir):
    """All commands write JSON without spaces."""
    lines = [call("doctor", "--json").stdout.rstrip("\n")]
    lines += call("ner", mail, "--model", rampart_dir, "--on-error", "skip").stdout.splitlines()
    lines += call(
        "ner", mail, "--model", rampart_dir, "--on-error", "skip", "--redact", "[{label}]"
    ).stdout.splitlines()
    assert len(lines) == 5
    for line in lines:
        assert ": " not in re.sub(r'"(\\.|[^"\\])*"', '""', line)
        assert ", " not in re.sub(r'"(\\.|[^"\\])*"', '""', line)


def test_doctor_reads_as_it_is_meant():
    said = call("doctor").stdout
    assert "Azure" not in said
    assert re.search(r"^onnxruntime   (runs on CPU|not installed|can't be imported)", said, re.MULTILINE)


def test_plurals():
    none = fastpost.Entities.from_spans([[]], ["x"], labels=["A"])
    two = fastpost.Entities.from_spans([[], []], ["x", "y"], labels=["A"])
    assert repr(none).startswith("<Entities: 0 in 1 text>")
    assert repr(two).startswith("<Entities: 0 in 2 texts>")
