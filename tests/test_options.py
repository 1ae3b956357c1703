"""Decoders, pipelines, the command line, engines and recognisers take the options of one list."""

import inspect
import json
import re
import typing

import pytest
from typer.testing import CliRunner

import fastpost
import pages
from fastpost import _fastpost
from fastpost._inputs.option import ABSENT as NONE
from fastpost.answers.options import ANSWER_OPTIONS
from fastpost.answers.options import OWN_ONLY as OWN_ANSWERS
from fastpost.cli.app import build_app
from fastpost.cli.entity_options import ABSENT, PARAMETERS
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS, PIPELINE_OPTIONS, defaults
from fastpost.integrations.reader import EntityReader
from fastpost.models import batches
from fastpost.pipelines.compare import RULES
from option_models import LABELS, TEXT, WORDS, logits_table, small_tokenizer, write_option_folder
from oracle import lookup_model
from test_doors import places, qa_pipe

RECORDS = [(fastpost.EntityDecoder, ENTITY_OPTIONS), (fastpost.AnswerDecoder, ANSWER_OPTIONS)]


@pytest.mark.parametrize(("decoder", "options"), RECORDS, ids=["entities", "answers"])
def test_the_signature_is_the_list(decoder, options):
    """The signature is written out for readers and type checkers; every entrance reads the list."""
    signature = inspect.signature(decoder).parameters
    named = {name: one for name, one in signature.items() if one.kind is one.KEYWORD_ONLY}
    assert list(named) == list(options)
    assert {name: one.default for name, one in named.items()} == {name: one.default for name, one in options.items()}
    hints = typing.get_type_hints(decoder.__init__)
    for name, option in options.items():
        if option.choices and name != "units":
            values = {value for part in flat(hints[name]) for value in typing.get_args(part)}
            values |= {None} if type(None) in flat(hints[name]) else set()
            values |= {True, False} if bool in flat(hints[name]) else set()
            if name == "scheme":  # it takes other names, too, in any case
                assert flat(hints[name]) == [str]
            else:
                assert values == {*option.choices, None} if name == "aggregation_strategy" else set(option.choices), (
                    name
                )


def flat(hint):
    """The parts of a union."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal or not parts:
        return [hint]
    return [one for part in parts for one in flat(part)]


@pytest.mark.parametrize(("decoder", "options"), RECORDS, ids=["entities", "answers"])
def test_each_option_is_explained(decoder, options):
    for name, option in options.items():
        assert re.search(rf"\b{name}\b", decoder.__doc__), name
        assert option.doc.endswith("."), name


def test_names_are_those_of_rust():
    names = _fastpost.option_names()
    for known, options in ((names["entities"], ENTITY_OPTIONS), (names["answers"], ANSWER_OPTIONS)):
        assert known.keys() <= options.keys()
        for name, values in known.items():
            assert options[name].choices == values


@pytest.mark.parametrize("name", [name for name, option in ENTITY_OPTIONS.items() if option.choices])
def test_each_name_is_taken_and_no_other(name):
    spelled = {"IO": ["I-X"], "IOE1": ["I-X", "E-X"], "IOE2": ["I-X", "E-X"], "BIOES": [f"{one}-X" for one in "BIES"],
               "BILOU": [f"{one}-X" for one in "BILU"], "BMES": [f"{one}-X" for one in "BMES"]}  # fmt: skip
    for value in ENTITY_OPTIONS[name].choices:
        labels = ["O", *spelled.get(value if name == "scheme" else "", ["B-X", "I-X"])]
        fastpost.EntityDecoder(labels, **{name: (value,) if name == "units" else value})
    wrong = ("nosuch",) if name == "units" else "nosuch"
    with pytest.raises(ValueError, match=f"`{name}` (is|has) ['\"]nosuch['\"]; choose"):
        fastpost.EntityDecoder(["O", "B-X", "I-X"], **{name: wrong})


def test_errors_of_options_say_which():
    wrong = {"aggregation_strategy": "x", "join": 3, "threshold": 2, "return_probs": "yes", "threads": 0, "units": "utf8",
             "outside_bias": float("nan"), "biases": {}, "ignore_labels": "O", "compat": "y", "scheme": None}  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises((TypeError, ValueError), match=f"`{name}") as raised:
            fastpost.EntityDecoder(["O", "B-X", "I-X"], **{name: value})
        assert raised.value.argument == name
    for name, value in {"top_k": 0, "dedupe": "x", "null_threshold": 2, "align_to_words": 1}.items():
        with pytest.raises((TypeError, ValueError), match=f"`{name}`") as raised:
            fastpost.AnswerDecoder(**{name: value})
        assert raised.value.argument == name


def test_errors_of_arrays_say_where():
    decoder = fastpost.EntityDecoder(["O", "B-X"])
    with pytest.raises(ValueError, match="at window 1, token 0") as raised:
        decoder.decode([[[1.0, 0.0]], [[float("nan"), 0.0]]])
    fields = {name: getattr(raised.value, name) for name in ("argument", "window", "token")}
    assert fields == {"argument": "logits", "window": 1, "token": 0}


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_an_error_of_a_pipeline_says_which_text(compat):
    pipe = torch_pipe()
    pipe.model.table[WORDS.index(" York")] = float("nan")
    with pytest.raises(ValueError, match=r"text 1 of the input: `logits` holds NaN at window \d+, token \d+") as raised:
        pipe(["Anna met", TEXT, "Anna"], compat=compat)
    assert (raised.value.text, raised.value.argument) == (1, "logits")
    assert f"at window {raised.value.window}, token {raised.value.token}" in str(raised.value)


@pytest.mark.parametrize("name", OPTIONS)
def test_transformers_has_none_of_our_own(name):
    changed = {"units": ("utf8",), "return_probs": True, "threshold": 0.5, "outside_bias": 1.0, "scheme": "IOB2"}
    option = ENTITY_OPTIONS[name]
    value = changed.get(name, next((one for one in option.choices if one != option.default), {}))
    with pytest.raises(ValueError, match=f'`{name}` is .* and `compat` is "transformers", which has no such option'):
        fastpost.EntityDecoder(["O", "B-X", "I-X"], compat="transformers", **{name: value})
    default = {name: option.default}
    assert fastpost.EntityDecoder(["O", "B-X", "I-X"], compat="transformers", **default).compat == "transformers"


@pytest.mark.parametrize("name", OWN_ANSWERS)
def test_transformers_has_none_of_our_own_for_answers(name):
    value = {"normalize": "window", "null_threshold": 0.5, "dedupe": "text"}[name]
    with pytest.raises(ValueError, match=f"`{name}` is not what transformers knows"):
        fastpost.AnswerDecoder(compat="transformers", **{name: value})


def test_defaults_by_behaviour():
    """The defaults of each kind of entrance."""
    assert defaults("own") == {"aggregation_strategy": "average", "compat": "fastpost", "batch_size": 32}
    assert defaults("transformers") == {
        "aggregation_strategy": "none", "compat": "transformers", "batch_size": 1
    }  # fmt: skip
    assert defaults("redaction") == {"aggregation_strategy": "simple", "join": "run", "window_merge": "union",
                                     "outside_bias": 2.0, "decode": "viterbi", "threshold": 0.0}  # fmt: skip


# --- every option in every door -------------------------------------------------------------------

COUNT = len(LABELS)
WINDOWS = {"max_length": 12, "stride": 4}
"""Of all calls: the text is read in several windows."""
TO_FIRST = [[6.0 if column == 1 else 0.0 for column in range(COUNT)] for _ in range(COUNT)]
BIASES = {"background_stay": -5, "background_to_start": 0, "inside_to_continue": 3, "inside_to_end": 0,
          "end_to_background": 0, "end_to_start": 0}  # fmt: skip
SIMPLE = {"aggregation_strategy": "simple"}
# Option by the pipelines' name -> options that it needs, a value other than the default, a value that is refused, and the error.
CASES = {
    "aggregation_strategy": ({}, "simple", "x", "`aggregation_strategy` is 'x'; pass one of 'none', 'simple'"),
    "ignore_labels": ({}, ["PER", "O"], ["NO"], '`ignore_labels` is given for "NO"'),
    "scheme": ({}, "plain", "x", '`scheme` is "x"; choose "auto", "IO"'),
    "decode": ({}, "argmax", "x", '`decode` is "x"; choose "argmax" or "viterbi"'),
    "repair": ({"decode": "argmax"}, "discard", "x", '`repair` is "x"; choose "conlleval"'),
    "transitions": ({}, TO_FIRST, [1.0], r"`transitions` has shape \(1,\) but `id2label` has 9 labels"),
    "start_transitions": ({}, [0.0] * (COUNT - 4) + [30.0] + [0.0] * 3, [1.0], r"`start_transitions` has shape \(1,\)"),
    "end_transitions": ({}, [0.0] * (COUNT - 1) + [30.0], [1.0], r"`end_transitions` has shape \(1,\)"),
    "biases": ({}, BIASES, {"x": 1}, "`biases` lacks background_stay"),
    "score": ({}, "min", "x", '`score` is "x"; choose "mean"'),
    "threshold": ({}, 0.6, 2, "`threshold` is 2; pass a number between 0 and 1"),
    "words": ({}, "word_ids", "x", '`words` is "x"; choose "auto"'),
    "snap": (SIMPLE, None, "x", '`snap` is "x"; choose "auto", "word" or None'),
    "join": (SIMPLE, None, "x", '`join` is "x"; choose "pieces", "run" or None'),
    "trim": ({**SIMPLE, "snap": None}, None, "x", '`trim` is "x"; choose "whitespace" or None'),
    "window_merge": ({}, "transformers", "x", '`window_merge` is "x"; choose "context"'),
    "outside_bias": ({}, -3.0, "much", "`outside_bias` is 'much'; pass a finite number"),
    "max_length": ({"window_merge": "transformers"}, 64, 2, "`max_length` is 2, but 2 tokens of a window are special"),
    "on_long_text": ({}, "truncate", "x", "`on_long_text` is 'x'; choose 'window'"),
}
SHOWN_IN_DICTS = {"return_probs": (True, "yes", "`return_probs` is 'yes', a str; pass True or False"),
                  "units": (("utf8",), ("x",), "`units` has 'x'; choose one of 'utf8'")}  # fmt: skip
"""What adds keys to the dicts; records of engines have the same columns always."""
AT_ONCE = {
    "batch_size": (3, (3, None), 0, r"batch_size.* 0|batch_size=0"),
    "batch_tokens": (64, (1, 64), 0, "`batch_tokens` is 0; pass an int of at least 1"),
}
"""What changes no result: a value, the windows and tokens of a batch that it means, one that is refused, and how."""
OF_DECODERS_ALONE = {"compat", "tokenizer", "threads"}
"""`compat` is what kind of door it is; pipelines have a tokenizer and take all threads there are."""


def test_each_option_is_walked():
    known = {one.name for one in (*ENTITY_OPTIONS.values(), *PIPELINE_OPTIONS.values())}
    assert {*CASES, *SHOWN_IN_DICTS, *AT_ONCE} == known - OF_DECODERS_ALONE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return write_option_folder(tmp_path_factory.mktemp("options"))


def torch_pipe(**options):
    import torch
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=small_tokenizer(), model_max_length=512, pad_token="[PAD]",
                                        unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")  # fmt: skip
    model = lookup_model(LABELS, len(tokenizer))
    model.table = torch.from_numpy(logits_table())
    return fastpost.TokenClassificationPipeline(
        model=model, tokenizer=tokenizer, device=-1, compat="fastpost", **options
    )


def by_onnx(folder, **options):
    return fastpost.pipeline("ner", model=folder, compat="fastpost", **options)(TEXT)


def by_call(folder, **options):
    return fastpost.pipeline("ner", model=folder)(TEXT, compat="fastpost", **options)


def by_torch(folder, **options):
    return torch_pipe(**options)(TEXT)


def by_torch_call(folder, **options):
    return torch_pipe()(TEXT, **options)


def by_reader(folder, **options):
    return EntityReader(folder, **options)([TEXT])[0]


def by_map(folder, **options):
    return fastpost.ner_udf(folder, **options)({"text": [TEXT]})["entities"][0]


def by_ray(folder, **options):
    pa = pytest.importorskip("pyarrow")
    from fastpost.integrations.ray import EntityPredictor

    return EntityPredictor(folder, **options)(pa.table({"text": [TEXT]}))["entities"].to_pylist()[0]


def by_spark(folder, **options):
    pytest.importorskip("pyspark")
    import pyarrow as pa

    (batch,) = fastpost.spark.entities(folder, **options)([pa.record_batch({"text": [TEXT]})])
    return batch["entities"].to_pylist()[0]


def by_presidio(folder, **options):
    pytest.importorskip("presidio_analyzer")
    return fastpost.presidio.FastpostRecognizer(folder, label_mapping=None, **options)._reader([TEXT])[0]


def by_spacy(folder, **options):
    spacy = pytest.importorskip("spacy")
    import fastpost.spacy  # noqa: F401  the factory

    own = {name: options.pop(name) for name in ("aggregation_strategy", "batch_size") if name in options}
    return (
        spacy.blank("en")
        .add_pipe("fastpost_ner", config={"model": str(folder), **own, "options": options})
        ._reader([TEXT])[0]
    )


def by_compare(folder, **options):
    return fastpost.compare(fastpost.pipeline("ner", model=folder), [TEXT], **options).fastpost[0]


DOORS = [
    by_onnx,
    by_call,
    by_torch,
    by_torch_call,
    by_reader,
    by_map,
    by_ray,
    by_spark,
    by_presidio,
    by_spacy,
    by_compare,
]


def rows_of(entities):
    return [(start, end, label, score) for start, end, label, score in places(entities)]


@pytest.mark.filterwarnings("ignore:text 0 of the input is longer")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__[3:])
@pytest.mark.parametrize("name", CASES)
def test_an_option_counts_in_every_door(name, door, folder):
    if door is by_presidio and name == "threshold":
        pytest.skip("Presidio's own, over what the model gives: a pipeline's is given with the pipeline")
    also, value, wrong, message = CASES[name]
    want = by_onnx(folder, **{**WINDOWS, **also, name: value})
    assert rows_of(want) != rows_of(by_onnx(folder, **{**WINDOWS, **also})), "it makes a difference"
    assert rows_of(door(folder, **{**WINDOWS, **also, name: value})) == rows_of(want)
    with pytest.raises((TypeError, ValueError), match=message):
        door(folder, **{**WINDOWS, **also, name: wrong})


@pytest.mark.parametrize(
    "door", [by_onnx, by_call, by_torch, by_torch_call, by_compare], ids=lambda door: door.__name__[3:]
)
@pytest.mark.parametrize("name", SHOWN_IN_DICTS)
def test_what_adds_to_the_dicts(name, door, folder):
    value, wrong, message = SHOWN_IN_DICTS[name]
    plain, more = door(folder, **WINDOWS), door(folder, **WINDOWS, **{name: value})
    assert rows_of(plain) == rows_of(more)
    assert all(one.keys() > other.keys() for one, other in zip(more, plain, strict=True))
    with pytest.raises((TypeError, ValueError), match=message):
        door(folder, **WINDOWS, **{name: wrong})


@pytest.fixture
def seen(monkeypatch):
    """Windows and tokens of each batch that a model is given."""
    seen, real = [], batches._batches

    def watch(order, lengths, batching):
        seen.append((batching.size, batching.tokens))
        return real(order, lengths, batching)

    monkeypatch.setattr(batches, "_batches", watch)
    return seen


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__[3:])
@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_given_at_once_counts_in_every_door(name, door, folder, seen):
    value, meant, wrong, message = AT_ONCE[name]
    want = rows_of(door(folder, **WINDOWS))
    assert meant not in seen, "it makes a difference"
    assert rows_of(door(folder, **WINDOWS, **{name: value})) == want
    assert seen[-1] == meant
    with pytest.raises((TypeError, ValueError), match=message):
        door(folder, **WINDOWS, **{name: wrong})


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_given_at_once_counts_on_the_command_line(name, folder, tmp_path, seen):
    value, meant, wrong, _ = AT_ONCE[name]
    (tmp_path / "text.txt").write_text(TEXT)
    command = ["ner", str(tmp_path / "text.txt"), "--model", str(folder), "-q"]
    done = CliRunner().invoke(build_app(), [*command, *flags_of(name, value, tmp_path)])
    assert done.exit_code == 0, done.output
    assert seen[-1] == meant
    assert CliRunner().invoke(build_app(), [*command, *flags_of(name, wrong, tmp_path)]).exit_code in (1, 2)


def flags_of(name, value, folder):
    """The arguments of a command line for an option."""
    if name in ("transitions", "start_transitions", "end_transitions", "biases"):
        file = folder / f"{name}.json"
        file.write_text(json.dumps({name: value} if name.endswith("_transitions") else value))
        return ["--biases" if name == "biases" else "--transitions", str(file)]
    if name in ("snap", "trim"):
        return [f"--no-{name}"]
    flag = {"aggregation_strategy": "--aggregation-strategy", "ignore_labels": "--ignore-label"}.get(
        name, f"--{name.replace('_', '-')}"
    )
    values = value if isinstance(value, list) else ["none" if value is None else value]
    return [part for one in values for part in (flag, str(one))]


@pytest.mark.filterwarnings("ignore:text 0 of the input is longer")
@pytest.mark.parametrize("name", CASES)
def test_an_option_counts_on_the_command_line(name, folder, tmp_path):
    also, value, wrong, _ = CASES[name]
    (tmp_path / "text.txt").write_text(TEXT)
    given = [flag for one, other in {**WINDOWS, **also, name: value}.items() for flag in flags_of(one, other, tmp_path)]
    command = ["ner", str(tmp_path / "text.txt"), "--model", str(folder), "-q"]
    done = CliRunner().invoke(build_app(), [*command, *given])
    assert done.exit_code == 0, done.output
    want = by_onnx(folder, **{**WINDOWS, **also, name: value})
    assert rows_of(json.loads(done.stdout.splitlines()[0])["entities"]) == rows_of(want)
    if name not in ("snap", "trim"):  # on or off
        refused = CliRunner().invoke(build_app(), [*command, *flags_of(name, wrong, tmp_path)])
        assert refused.exit_code in (1, 2), refused.output


def test_each_option_has_a_flag_or_a_reason():
    flags = {one.name for one in PARAMETERS}
    own = {*OPTIONS, *(name for name, option in PIPELINE_OPTIONS.items() if option.own_only)}
    assert own - ABSENT.keys() == own & flags
    assert not ABSENT.keys() & flags


def test_compare_knows_the_rule_of_each_option():
    """An option without a rule would be counted under the rule before it."""
    without = {name for name in OPTIONS if not ENTITY_OPTIONS[name].rule}
    assert without == {"return_probs", "units"}, "no entity changes its place with them"
    assert {ENTITY_OPTIONS[name].rule for name in OPTIONS} - {""} <= RULES.keys()
    # The scheme is the first rule: it remains if all others are off.
    assert {name for name in OPTIONS if ENTITY_OPTIONS[name].plain is NONE} == {"scheme", *without}


# --- answers --------------------------------------------------------------------------------------


def test_the_decoder_of_answers_is_made_with_the_pipeline(tmp_path, monkeypatch):
    made = []
    build = fastpost.AnswerDecoder.__init__

    def count(self, **options):
        made.append(options)
        build(self, **options)

    monkeypatch.setattr(fastpost.AnswerDecoder, "__init__", count)
    pipe = qa_pipe(max_answer_len=7)
    assert len(made) == 1
    for _ in range(3):
        pipe(question="Who?", context="Anna lives in Berlin")
    assert len(made) == 1
    pipe(question="Who?", context="Anna lives in Berlin", top_k=3)
    assert [options["top_k"] for options in made] == [1, 3]
    with pytest.raises(ValueError, match="`dedupe` is 'x'; pass one of 'span', 'text', 'overlap'"):
        qa_pipe(compat="fastpost", dedupe="x")


def test_the_page_of_options_is_complete(monkeypatch):
    """The tables of docs/options.md have every option with its present values and defaults."""
    monkeypatch.syspath_prepend(str(pages.DOCS.parent / "tools"))
    import make_options

    page = make_options.PAGE.read_text(encoding="utf-8")
    assert page == make_options.filled(page), "write it anew: python tools/make_options.py"
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert named == [*ENTITY_OPTIONS, *PIPELINE_OPTIONS, *ANSWER_OPTIONS]
