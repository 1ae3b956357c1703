"""`fastpost bench`: results are compared, times are printed; no test looks at a time."""

import json

import pytest

from fastpost.cli.bench import _different, _doubt
from in_process import call
from training_bases import fast, xquad


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in xquad("en")[:40]), encoding="utf-8")
    return path


def bench(*arguments, differ=False):
    done = call("bench", *arguments)
    assert ("differ" in done.stderr) == differ
    return done


def test_ner(texts, rampart_torch_dir):
    said = bench("ner", texts, "--model", rampart_torch_dir, "--texts", 3, "--rounds", 1).stdout.splitlines()
    assert said[0].startswith("ner, 3 texts, simple, compat transformers; median of 1")
    assert [line.split()[0] for line in said[1:]] == ["transformers", "fastpost", "the"]
    assert all("around the model" in line for line in said[1:3])
    assert said[3].startswith("  the model alone ")
    assert said[3].endswith("x is to be had")
    assert "x" in said[2]
    alone = bench(
        "ner", texts, "--model", rampart_torch_dir, "--texts", 3, "--rounds", 1, "--against", "nothing"
    ).stdout
    assert [line.split()[0] for line in alone.splitlines()[1:]] == ["fastpost", "the"]


@pytest.mark.parametrize("compat", ["transformers", "fastpost"])
def test_texts_longer_than_the_model(rampart_torch_dir, tmp_path, compat):
    """Texts longer than the model takes are cut in transformers' mode, which would fail on them, and the output says where."""
    path = tmp_path / "long.txt"
    path.write_text(" ".join(" ".join(xquad("en")[:8]).split()), encoding="utf-8")
    source = ["ner", path, "--model", rampart_torch_dir, "--rounds", 1, "--compat", compat]
    said = bench(*source, differ=compat == "fastpost")
    assert "the tokenizer names no length; longer texts are cut at the 512 that the model reads" in said.stderr
    assert said.stdout.startswith("ner, 1 text, ")


def test_it_says_how_far_it_is(texts, rampart_torch_dir):
    """The command used to print nothing until both had run, which may take minutes."""
    source = ["ner", texts, "--model", rampart_torch_dir, "--texts", 2, "--rounds", 2]
    lines = [line for line in bench(*source).stderr.splitlines() if line.startswith("bench: ")]
    names = ["transformers", "fastpost"] * 3
    assert [line.split(" in ")[0] for line in lines] == [
        f"bench: {100 * done // 6:3d} %, {done} of 6 runs, {name}" for done, name in enumerate(names, 1)
    ]


def test_a_machine_that_is_not_quiet_is_told():
    """On a busy machine the ratio of one run was below that of the model alone and was printed without a warning."""
    assert _doubt(19.4, 23.8).startswith("the model itself took 19.4 s with transformers and 23.8 s with fastpost: ")
    assert _doubt(23.8, 19.4)
    assert _doubt(20.0, 21.0) == _doubt(21.0, 20.0) == ""


def test_nothing_to_time(tmp_path, rampart_torch_dir):
    path = tmp_path / "empty.txt"
    path.write_text("\n \n")
    assert "holds no text to time" in call("bench", "ner", path, "--model", rampart_torch_dir, check=2).stderr


@pytest.mark.parametrize("command", ["ner", "qa"])
def test_a_model_that_transformers_can_not_run_is_refused_before_it_is_loaded(command, texts, rampart_dir):
    said = call("bench", command, texts, "--model", rampart_dir, check=2).stderr
    assert said.endswith("on torch; pass a folder of transformers or a name on the hub\n")


def test_ner_as_it_should_be(texts, rampart_torch_dir):
    """The output says that the results differ, and what was timed."""
    source = ["ner", texts, "--model", rampart_torch_dir, "--texts", 3, "--rounds", 1, "--compat", "fastpost"]
    said = bench(*source, differ=True)
    assert "2 of 3 results differ, as those of transformers are not right" in said.stderr
    assert said.stdout.startswith("ner, 3 texts, average, compat fastpost; median of 1")


def test_train(texts, tmp_path):
    fast("gpt2").save_pretrained(tmp_path)
    said = bench("train", texts, "--from", tmp_path, "--vocab-size", 500).stdout.splitlines()
    assert [line.split()[0] for line in said[1:]] == ["transformers", "fastpost"]


def test_results_that_differ_are_told():
    one = [[{"start": 1, "score": 0.5}], {"start": 3, "score": 0.5}]
    assert _different(one, [[{"start": 1, "score": 0.4}], {"start": 3, "score": 0.5}]) is None
    assert _different(one, [[{"start": 2, "score": 0.5}], {"start": 3, "score": 0.5}]) == "1 of 2 results differ"
    assert _different("a", "a") is None
    assert _different("a", "b") == "the two tokenizer.json differ"
