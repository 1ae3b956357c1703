"""`fastpost view`, `compare` and the entity options of `ner`, as a shell calls them."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import fastpost
from browser import HOSTILE, in_browser, opened
from fastpost.cli import page
from fastpost.cli.entity_options import ABSENT, PARAMETERS, entity_options, with_defaults
from fastpost.cli.failure import UsageError
from fastpost.entities.options import OPTIONS, defaults
from fastpost.entities.redact import redact
from fastpost.jobs.entities import entity_lines
from fastpost.jobs.texts import Reading, Texts
from fastpost.pipelines.compare import Comparison, Difference, show_differences
from fastpost.pipelines.layout import width_of
from in_process import call as run
from pages import DOCS, same
from test_cli_jobs import rows_of
from test_render import contrast, luminance, rgb

TEXTS = [
    "My name is Anna-Lena Müller-Lüdenscheidt, call me at 718-555-0199.",
    "Nothing to see here.",
    '<b>Zoë</b> lives at 12 Rue de l\'Église, Paris & "Rome" 🎉',
    "",
    "משה כהן, moshe@example.com",
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "x.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(TEXTS)))
    return path


@pytest.fixture(scope="module")
def pipe(rampart_dir):
    return fastpost.pipeline("ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", batch_size=32)


def test_a_page_holds_what_render_gives(lines, rampart_dir, pipe, tmp_path):
    out = tmp_path / "page.html"
    said = run("view", lines, "--model", rampart_dir, "--out", out)
    shown = [text for text in TEXTS if text]
    found = pipe(shown, compat="fastpost")
    written = out.read_text(encoding="utf-8")
    names = [f"id {number}" for number, text in enumerate(TEXTS) if text]
    assert fastpost.render(shown, found, title="x.jsonl (1 empty text left out)", captions=names) in written
    assert written.startswith("<!doctype html>")
    assert "<title>x.jsonl</title>" in written
    assert not re.search(r"<(script|link|img|iframe)|https?:|url\(", written)  # needs nothing else
    assert said.stdout == ""
    assert f"{sum(map(len, found))} entities in 4 texts; 1 empty text left out -> {out}" in said.stderr
    assert list(tmp_path.iterdir()) == [out]
    assert "exists; pass --overwrite" in run("view", lines, "--model", rampart_dir, "--out", out, check=2).stderr
    again = run("view", lines, "--model", rampart_dir, "--out", out, "--overwrite", "--texts", 1, "--title", "<a>")
    note = "shown 1 of about 5, --texts takes more"
    assert f"{len(found[0])} entities in 1 text; {note} -> {out}" in again.stderr
    assert fastpost.render(TEXTS[:1], found[:1], title=f"<a> ({note})") in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["view", "compare"])
def test_a_null_has_nothing_to_show(command, rampart_dir, tmp_path):
    path, plain = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in (TEXTS[0], None, TEXTS[1])))
    plain.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS[:2]))
    pages = [run(command, file, "--model", rampart_dir, "--title", "t").stdout for file in (path, plain)]
    second = pages[0].replace("text 2", "text 1").replace("t (1 empty text left out)", "t")
    assert second == pages[1]
    assert "555-0199" in pages[0]


def test_a_text_itself_is_shown(rampart_dir, pipe):
    for compat, mode, strategy in (("fastpost", "fastpost", "average"), ("transformers", "transformers", "simple")):
        said = run("view", TEXTS[0], "--model", rampart_dir, "--compat", compat)
        found = pipe([TEXTS[0]], compat=mode, aggregation_strategy=strategy)
        assert fastpost.render([TEXTS[0]], found, title="1 text") in said.stdout


def test_a_terminal_obeys_no_id(pipe):
    compared = fastpost.compare(pipe, TEXTS)
    table = compared.table(80, [f"{number}\x1b[2J" for number in range(len(TEXTS))])
    assert "\x1b" not in table
    assert rf"{compared.differing[0]}\x1b[2J" in table


def test_differences_as_a_table_and_on_a_page(lines, rampart_dir, pipe, tmp_path):
    compared = fastpost.compare(pipe, TEXTS)
    differing = sorted({one.text_index for one in compared.differences})
    assert 0 < len(differing) < len(TEXTS)
    compared = fastpost.compare(pipe, [text for text in TEXTS if text])
    names = [f"id {number}" for number, text in enumerate(TEXTS) if text]
    out = tmp_path / "d.html"
    said = run("compare", lines, "--model", rampart_dir, "--out", out)
    assert said.stdout == f"{compared.table(80, names)}\n"
    assert max(map(width_of, said.stdout.split("\n"))) <= 80
    written = out.read_text(encoding="utf-8")
    assert show_differences(compared, title="x.jsonl (1 empty text left out)", names=names) in written
    assert re.findall('<div class="fp-caption"><bdi>id (\\d+): ', written) == list(map(str, differing))
    *_, places, sides = said.stdout.splitlines()  # the table and the page say the same
    assert f"{places}; {sides}" in written
    assert f"in {len(differing)} of 4 texts" in places
    assert run("compare", lines, "--model", rampart_dir, "--out", "-").stdout.startswith("<!doctype html>")
    nothing = run("compare", TEXTS[1], "--model", rampart_dir, "--out", out, "--overwrite")
    words = "no difference in 1 text; 0 entities in both, 0 only in transformers, 0 only in fastpost"
    assert nothing.stdout == f"{words}\n"
    assert words in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_table_of_a_comparison_fits_its_terminal(columns, rampart_dir, monkeypatch):
    """The lines used to be 80 columns wide, so a narrow terminal broke them."""
    monkeypatch.setenv("COLUMNS", str(columns))
    text = "My name is Anna-Lena Müller-Lüdenscheidt, mail anna-lena.mueller-luedenscheidt@mail.example.com."
    said = run("compare", text, "--model", rampart_dir, "-q", terminal=True).stdout
    table = said.partition("\n\n")[0].split("\n")
    assert "GIVEN_NAME" in said
    assert max(map(width_of, table)) <= columns


@pytest.fixture(scope="module")
def hostile(rampart_dir, tmp_path_factory):
    """A folder of the model with a label that is HTML, and a file of texts, one of which is HTML, too."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(rampart_dir, folder / "model")
    config = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
    names = {number: name.replace("SURNAME", HOSTILE) for number, name in config["id2label"].items()}
    (folder / "model" / "config.json").write_text(json.dumps({**config, "id2label": names}), encoding="utf-8")
    texts = [*TEXTS, f"My name is Anna Schmidt {HOSTILE}, call Zoë Müller at 718-555-0199."]
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return folder / "model", path, texts


@in_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("command", ["view", "compare"])
def test_a_browser_shows_the_page_and_runs_nothing(hostile, command, dark, tmp_path):
    model, path, texts = hostile
    out = tmp_path / "page.html"
    run(command, path, "--model", model, "--out", out, "--title", HOSTILE)
    pipe = fastpost.pipeline("ner", model, backend="onnxruntime", aggregation_strategy="average")
    right = pipe(texts, compat="fastpost")
    shown = [(text, found) for text, found in zip(texts, right, strict=True) if text]
    if command == "compare":
        shown = [(texts[n], right[n]) for n in fastpost.compare(pipe, texts).differing]
    page = opened(tmp_path, out.read_text(encoding="utf-8"), dark=dark)
    assert (page["ran"], page["fetched"], page["asked"]) == ([], [], [])
    assert page["title"].startswith("<script>ran.push")
    assert [block["text"] for block in page["found"]] == [text for text, _ in shown]
    tags = 0
    for (text, entities), block in zip(shown, page["found"], strict=True):
        coloured = {place for start, end, *_ in block["coloured"] for place in range(start, end)}
        assert coloured == {place for one in entities for place in range(one["start"], one["end"])}, text
        tags += len(block["tags"])
        for _, _, ink, ground, *_ in block["coloured"]:
            if not ground.startswith("rgba"):  # an entity of both results has no background
                assert contrast(rgb(ink), rgb(ground)) >= 4.5
    assert tags >= 10
    assert any(HOSTILE in tag for block in page["found"] for tag, *_ in block["tags"])
    assert contrast(rgb(page["ink"]), rgb(page["paper"])) >= 4.5
    assert (luminance(rgb(page["paper"])) < 0.1) == dark
    assert not page["wide"]


def test_pages_that_cannot_be_made(lines, rampart_dir, tmp_path):
    source = ["--model", rampart_dir]
    cases = [
        (2, ["view", lines, *source, "--out", tmp_path / "x.txt"], "ends with .html"),
        (2, ["view", lines, *source, "--out", tmp_path / "no" / "x.html"], "but there is no folder "),
        (2, ["view", lines, "A text.", *source], "'A text.' is no file but others are"),
        (1, ["view", tmp_path / "missing.jsonl", *source], "missing.jsonl: No such file or directory"),
        (1, ["compare", lines, *source, "--column", "body"], "no column `body`"),
        (2, ["compare", lines, *source, "--stride", 8, "--aggregation-strategy", "none"], "--stride needs"),
        (2, ["view", "A text.", *source, "--threshold", "FOO=0.5"], "--threshold is given for"),
        (2, ["view", "A text.", *source, "--scheme", "some"], "--scheme is"),
    ]
    for code, arguments, words in cases:
        done = run(*arguments, check=code)
        assert words in done.stderr, (arguments, done.stderr)
        assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_ids_are_spelled_as_in_their_records(tmp_path):
    ids = ['"a"', "7", "1.5", "true", '["a", 1]', '{"k": "ü"}', '"b\\nc"']
    (tmp_path / "x.jsonl").write_text("".join(f'{{"id": {one}, "text": "A text."}}\n' for one in ids), encoding="utf-8")
    found, *_ = page._first(page._corpus([str(tmp_path / "x.jsonl")], 9, Reading()), "id", 9)
    names = [name for name, _ in found]
    assert names == ["id a", *(f"id {one}" for one in ids[1:-1]), "id b\nc"]
    entity = {"start": 0, "end": 1, "entity_group": "A", "word": "A"}
    compared = Comparison(["A text."] * 7, [[]] * 7, [[entity]] * 7, [Difference(6, [], [entity], ["word"])])
    assert "id b\\nc" in compared.table(80, names)


def test_what_names_a_file(tmp_path):
    assert [page._is_file(one) for one in ("-", str(tmp_path), "x.jsonl", "data/*.txt")] == [True] * 4
    texts = ("John Smith", "", "x.", "a\0b", "See report.txt", "n" * 5000, "5 * 3")
    assert [page._is_file(one) for one in texts] == [False] * 7


def test_options_of_the_pipeline():
    def options(**given):
        return entity_options(**given)

    assert options() == {"compat": "fastpost"}
    assert with_defaults(options(), True)["aggregation_strategy"] == "simple"
    assert with_defaults(options()) == {"aggregation_strategy": "average", "compat": "fastpost"}
    given = options(stride=3, scheme="IOB2", decode="viterbi", snap=False, on_long_text="error", threshold=["0.5"])
    assert given == {
        "compat": "fastpost",
        "stride": 3,
        "scheme": "IOB2",
        "decode": "viterbi",
        "snap": None,
        "on_long_text": "error",
        "threshold": 0.5,
    }
    assert options(snap=True)["snap"] == "word"
    assert options(threshold=["A=0.25", "B=C=1"])["threshold"] == {"A": 0.25, "B=C": 1.0}
    old = {"compat": "transformers", "stride": 64}
    assert options(compat="transformers") == old
    assert options(compat="transformers", aggregation_strategy="none")["stride"] is None
    for bad, words in [
        ({"compat": "transformers", "snap": False}, "--snap needs --compat fastpost"),
        ({"compat": "transformers", "on_long_text": "window"}, "--on-long-text needs --compat fastpost"),
        ({"threshold": ["0.5", "A=0.5"]}, "--threshold is 0.5 and A=0.5; pass one number"),
        ({"threshold": ["A=0.5", "A=0.6"]}, "--threshold is A=0.5 and A=0.6"),
        ({"threshold": ["A=x"]}, "--threshold is A=x"),
    ]:
        with pytest.raises(UsageError, match=words):
            options(**bad)


def test_every_option_of_the_decoder_has_one_here(tmp_path):
    """The options of entities, except those that change what a line holds."""
    here = {one.name for one in PARAMETERS}
    assert {*OPTIONS, "max_length", "on_long_text"} - ABSENT.keys() <= here
    assert not ABSENT.keys() & here
    whole = tmp_path / "whole.json"
    whole.write_text('{"start_transitions": [1], "end_transitions": [2]}')
    assert entity_options(transitions=whole) == {"compat": "fastpost", "start_transitions": [1], "end_transitions": [2]}
    assert entity_options(join="none", outside_bias=0.0, max_length=9, window_merge="union") == {
        "compat": "fastpost", "join": None, "outside_bias": 0.0, "max_length": 9, "window_merge": "union"
    }  # fmt: skip
    for text, says in (
        ("[", "not JSON"),
        ("{}", "it holds a matrix"),
        ('{"steps": []}', "it holds a matrix"),
        ("5", "it holds"),
    ):
        whole.write_text(text)
        with pytest.raises(UsageError, match=f"--transitions is .*{says}"):
            entity_options(transitions=whole)
    whole.write_text('{"start_transitions": [1]}')
    with pytest.raises(UsageError, match="--transitions needs --compat fastpost"):
        entity_options(transitions=whole, compat="transformers")


def test_each_option_reaches_the_pipeline(lines, rampart_dir, pipe, tmp_path):
    steps = tmp_path / "t.json"
    steps.write_text(json.dumps([[4.0] + [0.0] * 34] * 35))
    cases = [
        ([], {}),
        (["--compat", "transformers"], {"compat": "transformers", "aggregation_strategy": "simple", "stride": 64}),
        (["--no-snap"], {"snap": None}),
        (["--decode", "viterbi", "--scheme", "IOB2"], {"decode": "viterbi", "scheme": "IOB2"}),
        (["--threshold", "SURNAME=1", "--threshold", "PHONE=0.2"], {"threshold": {"SURNAME": 1.0, "PHONE": 0.2}}),
        (["--threshold", "0.9"], {"threshold": 0.9}),
        (["--on-long-text", "error"], {"on_long_text": "error"}),
        (["--aggregation-strategy", "none"], {"aggregation_strategy": "none"}),
        (["--ignore-label", "SURNAME", "--ignore-label", "O"], {"ignore_labels": ["SURNAME", "O"]}),
        (["--score", "min", "--repair", "discard"], {"score": "min", "repair": "discard"}),
        (["--words", "transformers", "--no-trim"], {"words": "transformers", "trim": None}),
        (["--window-merge", "average", "--stride", "0"], {"window_merge": "average", "stride": 0}),
        (
            ["--decode", "viterbi", "--transitions", steps],
            {"decode": "viterbi", "transitions": [[4.0] + [0.0] * 34] * 35},
        ),
    ]
    outcomes = []
    for arguments, options in cases:
        rows = rows_of(run("ner", lines, "--model", rampart_dir, *arguments).stdout)
        found = pipe(TEXTS, **{"compat": "fastpost", "aggregation_strategy": "average", **options})
        want = [
            [(e["start"], e["end"], e.get("entity_group", e.get("entity")), e["score"], e["word"]) for e in text]
            for text in found
        ]
        assert [[tuple(entity.values()) for entity in row["entities"]] for row in rows] == want
        outcomes.append(json.dumps(want))
    assert len(set(outcomes)) >= 5  # the options change the results for these texts
    refused = run("ner", lines, "--model", rampart_dir, "--decode", "viterbi", "--biases", steps, check=2)
    assert "--biases is [[4.0, 0.0" in refused.stderr


def test_redacting_leaves_no_half_of_a_name(lines, rampart_dir, pipe):
    rows = rows_of(run("ner", lines, "--model", rampart_dir, "--redact", "[{label}]").stdout)
    assert rows[0]["text"] == "My name is [GIVEN_NAME] [SURNAME], call me at [PHONE]."
    assert [
        redact(text, found, "").text
        for text, found in zip(TEXTS, pipe(TEXTS, compat="fastpost", **defaults("redaction")))
    ] == [row["text"] for row in rows_of(run("ner", lines, "--model", rampart_dir, "--redact", "").stdout)]
    refused = run("ner", lines, "--model", rampart_dir, "--redact", "", "--on-long-text", "truncate", check=2)
    assert "--redact would write the end of long texts as it is" in refused.stderr
    old = ["--compat", "transformers", "--aggregation-strategy", "none"]
    refused = run("ner", lines, "--model", rampart_dir, "--redact", "", *old, check=2)
    assert "--redact would write the end of long texts as it is" in refused.stderr


def test_a_text_that_is_too_long_is_refused_by_its_number(rampart_dir, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("Bob Brown\n" * 5 + "John Smith " * 1000 + "\nJane Doe\n")
    source = ["ner", path, "--model", rampart_dir, "--on-long-text", "error", "--chunk-size", 3]
    done = run(*source, "--out", tmp_path / "o.jsonl", check=1)
    assert "text 5 of the input has more than" in done.stderr
    assert [row["text_index"] for row in rows_of((tmp_path / "o.jsonl").read_text())] == [0, 1, 2, 3, 4]
    again = run(*source, "--out", tmp_path / "o.jsonl", "--resume", check=1)
    assert "text 5 of the input has more than" in again.stderr


@pytest.mark.parametrize("redact", [None, "[{label}]"])
def test_lines_are_the_same_from_columns_and_from_dicts(lines, pipe, redact, monkeypatch):
    def made():
        texts = Texts.of([str(lines)], reading=Reading(id_column="id", threads=1, chunk_size=2))
        told = []
        chunks = list(entity_lines(pipe, texts, 1, redact, lambda items, _tokens: told.append(items)))
        assert [chunk.texts for chunk in chunks] == told == [2, 2]
        rows = rows_of(b"".join(chunk.data for chunk in chunks).decode())
        assert [row["text_index"] for row in rows] == [row["id"] for row in rows] == [1, 2, 3, 4]
        assert [sum(len(row["entities"]) for row in rows[at : at + 2]) for at in (0, 2)] == [
            chunk.entities for chunk in chunks
        ]
        return [list(row.items()) for row in rows]

    from_columns = made()
    monkeypatch.setattr(type(pipe), "_file_job", lambda *_: "a step is overridden")
    assert made() == from_columns


def test_lines_of_a_torch_pipeline(lines, rampart_torch_dir):
    pipe = fastpost.pipeline("ner", rampart_torch_dir, aggregation_strategy="first", compat="fastpost")

    def rows():
        texts = Texts.of([str(lines)], reading=Reading(threads=1, chunk_size=2))
        made = entity_lines(pipe, texts, 0, None, lambda *_: None)
        return rows_of(b"".join(chunk.data for chunk in made).decode())

    want = pipe(TEXTS, batch_size=4)
    found = rows()
    assert [[(e["start"], e["end"], e["word"]) for e in row["entities"]] for row in found] == [
        [(e["start"], e["end"], e["word"]) for e in text] for text in want
    ]
    assert sum(map(len, want)) > 5
    pipe.postprocess = pipe.postprocess  # a step of the caller's own
    assert pipe._file_job() == "`postprocess` is overridden"
    with pytest.raises(ValueError, match="`postprocess` is overridden; pass compat="):
        rows()


def test_lines_of_a_table_need_one_head_and_one_text_each():
    from fastpost._fastpost import entity_lines as lines_of

    found = fastpost.Entities.from_spans([[(0, 4, 'a"b', 0.5)], []], ["John", "x"], labels=['a"b'])
    entity = '{"start":0,"end":4,"label":"a\\"b","score":0.5'
    heads = [b'{"text_index":7', b'null line\n{"text_index":9,"id":null']
    assert lines_of(found._table, heads, None, "text").decode() == (
        f'{{"text_index":7,"entities":[{entity},"word":"John"}}]}}\nnull line\n{{"text_index":9,"id":null,"entities":[]}}\n'
    )
    assert lines_of(found._table, heads, ["\ud800", "é\n"], 'a"').decode() == (
        f'{{"text_index":7,"a\\"":"\\ud800","entities":[{entity}}}]}}\n'
        'null line\n{"text_index":9,"id":null,"a\\"":"é\\n","entities":[]}\n'
    )
    with pytest.raises(ValueError, match="`heads` has 1 items but there are 2 texts; pass one for each text"):
        lines_of(found._table, heads[:1], None, "text")
    with pytest.raises(ValueError, match="`texts` has 3 items but there are 2 texts; pass one for each text"):
        lines_of(found._table, heads, ["a", "b", "c"], "text")
    with pytest.raises(TypeError):
        lines_of(found._table, heads, ["a", 5], "text")


CONSOLE = re.compile(r"^```console\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
MAILS = re.compile(r"^(cat > mails\.jsonl <<'END'\n.*?^END\n)", re.MULTILINE | re.DOTALL)


def printed(block: str, folder, environment) -> str:
    """A block of docs/cli.md, and what its commands print now."""
    out = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        shell = ["sh", "-c", f"{{ {command}; }} 2>&1"]
        done = subprocess.run(shell, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
        out.append(f"$ {command}\n{done.stdout}")
    return "".join(out)


def test_the_page_on_the_command_line_shows_what_is_printed(rampart_dir, tmp_path):
    """Runs the page's blocks in order, as a reader would paste them; only what pip installs is there beforehand."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    (tmp_path / "fastpost").write_text(f'#!/bin/sh\nexec {sys.executable} -m fastpost "$@"\n')
    (tmp_path / "fastpost").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    (named,) = re.findall(r"^MODEL=\$\((.*)\)$", text, re.MULTILINE)
    model = subprocess.run(["sh", "-c", named], env=environment, capture_output=True, text=True, check=True).stdout
    assert model.strip() == str(rampart_dir)
    environment["MODEL"] = model.strip()
    (mails,) = MAILS.findall(text)
    subprocess.run(["sh", "-c", mails], cwd=tmp_path, check=True)
    blocks = CONSOLE.findall(text)
    assert len(blocks) == 6
    for block in blocks:
        got = printed(block, tmp_path, environment)
        for ours, theirs in zip(got.split("\n"), block.split("\n"), strict=True):
            assert same(ours, theirs, 2e-3), f"{got}\nbut the page says\n{block}"
