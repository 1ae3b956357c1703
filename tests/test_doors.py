"""Every entrance takes the same inputs, refuses the same mistakes and has the same defaults."""

import ast
import collections
import inspect
import itertools
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import fastpost
from onnx_models import LABELS, TEXT, write_folder
from oracle import lookup_model, tiny_bert
from small_tokenizers import SlowTokenizer, fast

TEXTS = [TEXT, "Anna.", "Schmidt lives in", ""]


@pytest.fixture(scope="module")
def onnx_folder(tmp_path_factory):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    return write_folder(tmp_path_factory.mktemp("onnx"))


def torch_pipe(**options):
    tokenizer = fast("wordpiece-uncased", 512)
    return fastpost.TokenClassificationPipeline(
        model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1, **options
    )


@pytest.fixture(params=["torch", "onnx"])
def pipe(request, onnx_folder):
    if request.param == "torch":
        return torch_pipe(aggregation_strategy="simple")
    return fastpost.pipeline("ner", model=onnx_folder, aggregation_strategy="simple")


# --- inputs ---------------------------------------------------------------------------------------


def of_module(name, make):
    """The result of `make` with a module, if that module is installed."""
    return lambda: make(pytest.importorskip(name, exc_type=ImportError))


class OldSequence:
    """Has places and a length, and no `__iter__`."""

    def __getitem__(self, place):
        return TEXTS[place]

    def __len__(self):
        return len(TEXTS)


class Again:
    """Can be iterated over, without a length."""

    def __iter__(self):
        return iter(TEXTS)


COLLECTIONS = {
    "tuple": lambda: tuple(TEXTS),
    "named tuple": lambda: collections.namedtuple("Row", "a b c d")(*TEXTS),
    "deque": lambda: collections.deque(TEXTS),
    "values of a dict": lambda: dict(enumerate(TEXTS)).values(),
    "keys of a dict": lambda: dict.fromkeys(TEXTS).keys(),
    "old sequence": OldSequence,
    "array of str": lambda: np.array(TEXTS),
    "array of objects": lambda: np.array(TEXTS, object),
    "array of StringDType": lambda: np.array(TEXTS, np.dtypes.StringDType()),
    "part of an array": lambda: np.array([*TEXTS, "x"])[:-1],
    "pandas Series": of_module("pandas", lambda pandas: pandas.Series(TEXTS, index=[7, 5, 3, 1])),
    "pandas Series of objects": of_module("pandas", lambda pandas: pandas.Series(TEXTS, dtype=object)),
    "pandas Series of string": of_module("pandas", lambda pandas: pandas.Series(TEXTS, dtype="string")),
    "pandas categories": of_module("pandas", lambda pandas: pandas.Series(TEXTS, dtype="category")),
    "pandas Index": of_module("pandas", lambda pandas: pandas.Index(TEXTS)),
    "pandas column": of_module("pandas", lambda pandas: pandas.DataFrame({"text": TEXTS})["text"]),
    "polars Series": of_module("polars", lambda polars: polars.Series(TEXTS)),
    "polars categories": of_module("polars", lambda polars: polars.Series(TEXTS, dtype=polars.Categorical)),
    "Arrow array": of_module("pyarrow", lambda pa: pa.array(TEXTS)),
    "Arrow chunked array": of_module("pyarrow", lambda pa: pa.chunked_array([TEXTS[:2], TEXTS[2:]])),
    "Arrow dictionary": of_module("pyarrow", lambda pa: pa.array(TEXTS).dictionary_encode()),
    "datasets column": of_module("datasets", lambda ds: ds.Dataset.from_dict({"text": TEXTS})["text"]),
}
STREAMS = {
    "iterator": lambda: iter(TEXTS),
    "map": lambda: map(str, TEXTS),
    "filter": lambda: filter(lambda text: True, TEXTS),
    "islice": lambda: itertools.islice(itertools.cycle(TEXTS), len(TEXTS)),
    "iterable": Again,
    "datasets stream": of_module(
        "datasets", lambda ds: ds.Dataset.from_dict({"text": TEXTS}).to_iterable_dataset()["text"]
    ),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_what_has_a_length_gives_a_list(pipe, name):
    want = pipe(list(TEXTS))
    got = pipe(COLLECTIONS[name]())
    assert isinstance(got, list)
    assert got == want
    assert any(want)


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_read_once_gives_an_iterator(pipe, name):
    want = pipe(list(TEXTS))
    got = pipe(STREAMS[name](), batch_size=2)
    assert not isinstance(got, list)
    assert list(got) == want


def test_a_corpus_is_its_texts(pipe, tmp_path):
    (tmp_path / "mails.txt").write_text("\n".join(TEXTS[:3]))
    assert list(pipe(fastpost.Corpus(tmp_path / "mails.txt", batch_size=2))) == pipe(TEXTS[:3])


def test_empty_collections_give_nothing(pipe):
    assert list(pipe(np.array([], "U1"))) == []
    assert list(pipe(iter(()))) == []
    assert pipe([], compat="fastpost") == pipe((), compat="fastpost") == []
    with pytest.raises(ValueError, match="At least one input"):  # as transformers names it
        pipe([])


WORDS_OF = {
    "array of words": (lambda: np.array(["anna", "lives"]), 1),
    "Series of words": (of_module("pandas", lambda pandas: pandas.Series(["anna", "lives"])), 1),
    "Series of lists": (of_module("pandas", lambda pandas: pandas.Series([["anna"], ["lives", "in"]])), 2),
    "Series of arrays": (
        of_module("pandas", lambda pandas: pandas.Series([np.array(["anna"]), np.array(["lives", "in"])])),
        2,
    ),
    "polars lists": (of_module("polars", lambda polars: polars.Series([["anna"], ["lives", "in"]])), 2),
    "array of two axes": (lambda: np.array([["anna", "lives"], ["in", "berlin"]]), 2),
    "Arrow lists": (of_module("pyarrow", lambda pa: pa.array([["anna"], ["lives", "in"]])), 2),
}


@pytest.mark.parametrize("name", WORDS_OF)
def test_words_come_as_any_collection(pipe, name):
    make, count = WORDS_OF[name]
    got = pipe(make(), is_split_into_words=True)
    assert len(got) == count
    given = make()
    plain = given.tolist() if hasattr(given, "tolist") else given.to_list() if hasattr(given, "to_list") else None
    plain = given.to_pylist() if hasattr(given, "to_pylist") else plain
    plain = [list(item) if isinstance(item, np.ndarray) else item for item in plain]
    assert got == pipe(plain, is_split_into_words=True)


MISTAKES = {
    "None": (lambda: None, "the input is None; pass a str"),
    "a number": (lambda: 5, "the input is int 5; pass a str"),
    "a float": (lambda: 5.5, "the input is float 5.5"),
    "True": (lambda: True, "the input is bool True"),
    "an object": (object, "the input is object; pass"),
    "bytes": (lambda: b"Anna", "the input is bytes; pass a str, for example value.decode"),
    "bytearray": (lambda: bytearray(b"Anna"), "the input is bytearray; pass a str"),
    "a dict": (lambda: {"text": "Anna"}, "the input is a dict; pass its texts"),
    "a set": (lambda: {"Anna"}, "the input is a set, whose texts have no order"),
    "a frame of pandas": (
        of_module("pandas", lambda pandas: pandas.DataFrame({"text": TEXTS})),
        "a DataFrame with the columns text; pass the one",
    ),
    "a frame of polars": (
        of_module("polars", lambda polars: polars.DataFrame({"text": TEXTS})),
        "a DataFrame with the columns text; pass the one",
    ),
    "an Arrow table": (of_module("pyarrow", lambda pa: pa.table({"text": TEXTS})), "a Table with the columns text"),
    "a table of datasets": (
        of_module("datasets", lambda ds: ds.Dataset.from_dict({"text": TEXTS})),
        "a Dataset with the columns text",
    ),
    "a stream of datasets": (
        of_module("datasets", lambda ds: ds.Dataset.from_dict({"text": TEXTS}).to_iterable_dataset()),
        "an? IterableDataset with the columns text",
    ),
    "splits of datasets": (
        of_module("datasets", lambda ds: ds.DatasetDict(train=ds.Dataset.from_dict({"text": TEXTS}))),
        "a DatasetDict of the splits train; choose one, and its column",
    ),
    "an array of no axis": (lambda: np.array("Anna"), "an ndarray without an axis"),
    "an array of numbers": (lambda: np.arange(3), "text 0 of the input is of type int"),
    "a list with a number": (lambda: ["Anna", 5], "text 1 of the input is of type int"),
    "a list with None": (lambda: ["Anna", "x", None], "text 2 of the input is of type NoneType"),
    "a list of words": (
        lambda: [["Anna", "lives"]],
        "^text 0 of the input is of type list; pass a str, or is_split_into_words=True for words$",
    ),
    "a list of dicts": (lambda: [{"text": "Anna"}], "^text 0 of the input is of type dict; pass a str$"),
    "a tuple with bytes": (lambda: ("Anna", b"x"), "text 1 of the input is of type bytes"),
    "a Series with a gap": (
        of_module("pandas", lambda pandas: pandas.Series(["Anna", None], dtype=object)),
        "text 1 of the input is of type NoneType",
    ),
    "an Arrow array with null": (of_module("pyarrow", lambda pa: pa.array(["Anna", None])), "text 1 .* NoneType"),
    "a tensor": (lambda: torch.zeros(2), "text 0 of the input is of type float"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_at_the_call_and_before_the_model_runs(pipe, name, monkeypatch):
    """The call raises ValueError, as transformers does, before a lazy result is read."""
    make, message = MISTAKES[name]
    given = make()
    ran = []
    monkeypatch.setattr("fastpost.pipelines.run.forward", lambda *_: ran.append(1))
    with pytest.raises(ValueError, match=message) as caught:
        pipe(given)
    assert not ran
    assert len(str(caught.value)) < 300


# --- questions ------------------------------------------------------------------------------------


def qa_pipe(**options):
    tokenizer = fast("wordpiece-uncased", 512)
    model = qa_models.lookup_model(len(tokenizer))
    return fastpost.QuestionAnsweringPipeline(model=model, tokenizer=tokenizer, device=-1, **options)


import qa_models  # noqa: E402

ASKED = ["Who lives?", "Where?"]
CONTEXTS = ["Anna Schmidt lives in Berlin.", "Sylvain works at Hugging Face in Brooklyn."]
PAIRS_OF = {
    "tuples": tuple,
    "arrays": np.array,
    "Series": lambda texts: pytest.importorskip("pandas").Series(texts),
    "polars": lambda texts: pytest.importorskip("polars").Series(texts),
    "Arrow": lambda texts: pytest.importorskip("pyarrow").array(texts),
    "column": lambda texts: pytest.importorskip("datasets", exc_type=ImportError).Dataset.from_dict({"t": texts})["t"],
    "iterators": iter,
    "generators": lambda texts: (text for text in texts),
}


@pytest.mark.parametrize("name", PAIRS_OF)
def test_questions_and_contexts_come_as_any_collection(name):
    pipe, make = qa_pipe(), PAIRS_OF[name]
    want = pipe(question=ASKED, context=CONTEXTS)
    assert pipe(question=make(ASKED), context=make(CONTEXTS)) == want
    assert pipe(question=ASKED, context=make(CONTEXTS)) == want
    assert pipe(question=make(ASKED), context=CONTEXTS[0]) == pipe(question=ASKED, context=CONTEXTS[0])
    assert pipe({"question": make(ASKED), "context": make(CONTEXTS)}) == want


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p(None), "the input is None"),
        (lambda p: p(5), "the input is int 5"),
        (lambda p: p(b"Who?"), "the input is bytes"),
        (lambda p: p("Who?"), "the input is the str 'Who\\?'; pass `question` and `context`"),
        (lambda p: p({"Who?"}), "the input is a set"),
        (lambda p: p([None]), "None is no question"),
        (lambda p: p(question=b"Who?", context="x"), "`question` is bytes"),
        (lambda p: p(question="Who?", context={"a": "b"}), "`context` is a dict"),
        (lambda p: p(question="Who?", context=5), "`context` is of type int"),
        (lambda p: p(question=["Who?", None], context="x"), "`question` cannot be None"),
        (lambda p: p(question=np.array([1]), context="x"), "`question` is of type int"),
        (lambda p: p(question="Who?"), "`context` is missing"),
        (lambda p: p(), "`question` is missing"),
    ],
)
def test_a_mistake_in_questions_is_told_at_the_call(call, message):
    with pytest.raises(ValueError, match=message):
        call(qa_pipe())


# --- arguments ------------------------------------------------------------------------------------


def test_a_misspelt_argument_of_questions():
    """transformers ignores the option silently; the drop-in warns once; own mode refuses it."""
    with pytest.warns(UserWarning, match="`top_kk` is no argument .*did you mean `top_k`") as told:
        pipe = qa_pipe(top_kk=3)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe(question="Who?", context="Anna", top_kk=3)  # the warning was given already
    with pytest.warns(UserWarning, match="max_answer_length.*did you mean `max_answer_len`"):
        pipe(question="Who?", context="Anna", max_answer_length=3)
    for make in (
        lambda: qa_pipe(compat="fastpost", top_kk=3),
        lambda: qa_pipe(compat="fastpost")(question="Who?", context="Anna", top_kk=3),
        lambda: qa_pipe()(question="Who?", context="Anna", compat="fastpost", top_kk=3),
        lambda: qa_pipe()(question="Who?", context=["Anna"], rank=True, top_kk=3),
    ):
        with pytest.raises(TypeError, match=r"unexpected argument `top_kk` \(did you mean `top_k`"):
            make()


def test_a_misspelt_argument_of_entities_is_told_with_what_was_meant():
    """The error used to be Python's and to name a method of transformers."""
    for make in (lambda: torch_pipe(thresold=0.5), lambda: torch_pipe()("Anna", thresold=0.5)):
        with pytest.raises(
            TypeError, match=r"unexpected argument `thresold` \(did you mean `threshold`\?\); choose one of"
        ) as bad:
            make()
        assert bad.value.argument == "thresold"
    with pytest.raises(TypeError, match="did you mean `aggregation_strategy`"):
        torch_pipe(compat="fastpost", aggregation_stratgy="first")


def test_known_arguments_of_questions_are_told_of_nothing():
    known = {"top_k": 2, "doc_stride": 5, "max_answer_len": 4, "max_seq_len": 40, "max_question_len": 8, "padding": True,
             "handle_impossible_answer": True, "align_to_words": False, "batch_size": 2, "num_workers": 0}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({}, {"compat": "fastpost"}):
            assert qa_pipe(**known, **options)(question="Who?", context="Anna Schmidt lives")
            assert qa_pipe()(question="Who?", context="Anna Schmidt lives", **known, **options)


WRONG = [
    ({"scheme": "XX"}, ValueError, "XX"),
    ({"decode": "viterbii"}, ValueError, "viterbii"),
    ({"threshold": 2}, ValueError, "threshold"),
    ({"score": "best"}, ValueError, "best"),
    ({"snap": "letters"}, ValueError, "letters"),
    ({"words": 5}, TypeError, "words"),
    ({"window_merge": "last"}, ValueError, "last"),
    ({"units": ("bytes",)}, ValueError, "bytes"),
    ({"on_long_text": "cut"}, ValueError, "cut"),
    ({"max_length": 10_000}, ValueError, "`max_length` is 10000, but the model reads 512"),
    ({"max_length": "many"}, TypeError, "max_length"),
    ({"compat": "right"}, ValueError, "right"),
    ({"ignore_labels": "PER"}, TypeError, "ignore_labels"),
    ({"aggregation_strategy": "avg"}, ValueError, "`aggregation_strategy` is 'avg'; pass one of 'none', 'simple'"),
]


@pytest.mark.parametrize("backend", ["torch", "onnx"])
@pytest.mark.parametrize(("options", "error", "message"), WRONG, ids=str)
def test_options_are_checked_before_a_model_runs(backend, onnx_folder, options, error, message, monkeypatch):
    """The option is refused when the pipeline is made, or in a call before a batch runs; a stream need not be read."""

    def make(**given):
        given = {"compat": "fastpost", **given}
        return torch_pipe(**given) if backend == "torch" else fastpost.pipeline("ner", model=onnx_folder, **given)

    with pytest.raises(error, match=message):
        make(**options)
    pipe = make()
    monkeypatch.setattr("fastpost.pipelines.run.forward", lambda *_: pytest.fail("the model ran"))
    for given in (TEXTS, TEXT, (text for text in TEXTS)):
        with pytest.raises(error, match=message):
            pipe(given, **options)


def test_an_unknown_strategy_is_the_key_error_of_transformers():
    with pytest.raises(KeyError, match="`aggregation_strategy` is 'avg'; pass one of 'none'"):
        torch_pipe(aggregation_strategy="avg")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"normalize": "all"}, ValueError, "normalize"),
        ({"dedupe": "all"}, ValueError, "dedupe"),
        ({"null_threshold": "x"}, (TypeError, ValueError), "null_threshold"),
        ({"compat": "right"}, ValueError, "right"),
        ({"top_k": 0}, ValueError, "top_k"),
    ],
    ids=str,
)
def test_options_of_questions_are_checked_when_the_pipeline_is_made(options, error, message):
    with pytest.raises(error, match=message):
        qa_pipe(**{"compat": "fastpost", **options})
    pipe = qa_pipe(compat="fastpost")
    with pytest.raises(error, match=message):
        pipe(({"question": "Who?", "context": "Anna"} for _ in range(2)), **options)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_decoder_is_made_once_for_its_options(backend, onnx_folder, monkeypatch):
    from fastpost.pipelines import entities as entity_task

    made = []

    class Counted(fastpost.EntityDecoder):
        def __init__(self, *args, **kwargs):
            made.append(kwargs)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(entity_task, "EntityDecoder", Counted)
    pipe = (
        torch_pipe(compat="fastpost")
        if backend == "torch"
        else fastpost.pipeline("ner", model=onnx_folder, compat="fastpost")
    )
    before = len(made)
    assert before == 1
    for _ in range(3):
        pipe(TEXT)
        pipe(TEXTS, threshold={"PER": 0.5})
        pipe(TEXT, transitions=np.zeros((5, 5)), decode="viterbi")
    assert len(made) == 3
    weights = np.zeros((5, 5))
    first = pipe(TEXT, transitions=weights, decode="viterbi")
    assert len(made) == 3
    weights[:] = -50 * (1 - np.eye(5))  # changed in place: another decoder, other results
    weights[:, 1:] = -100
    assert pipe(TEXT, transitions=weights, decode="viterbi") != first
    assert len(made) == 4
    for number in range(30):
        pipe(TEXT, threshold=number / 100)
    assert len(vars(pipe)["_fastpost_decoders" if backend == "torch" else "_decoders"]._known) <= 8


def test_labels_that_change_give_another_decoder():
    pipe = torch_pipe(compat="fastpost", aggregation_strategy="simple")
    text = "Sylvain works at Hugging Face."
    before = pipe(text)
    pipe.model.config.id2label = {number: name.replace("PER", "NAME") for number, name in enumerate(LABELS)}
    after = pipe(text)
    assert [(e["start"], e["end"]) for e in after] == [(e["start"], e["end"]) for e in before]
    assert {e["entity_group"] for e in after} == {e["entity_group"].replace("PER", "NAME") for e in before}
    assert "NAME" in pipe.labels


def test_the_report_counts_the_texts_of_the_last_call(onnx_folder):
    pipe = fastpost.pipeline("ner", model=onnx_folder, compat="fastpost")
    assert pipe.report()["words"] == {}
    for texts in (TEXTS[:3], TEXTS[:2], [TEXT]):
        pipe(texts)
        assert list(pipe.report()["words"].values()) == [len(texts)]


# --- one table of defaults ------------------------------------------------------------------------

MAIL = "Call Kristjánsdóttir at 718-555-0199 or mail jose.alvarez@example.org, Anna's address."
"""A text on which the doors gave four different answers."""


def places(entities):
    """(start, end, label, score) of dicts or records."""
    rows = []
    for one in entities:
        if not isinstance(one, dict):
            one = one._asdict()
        label = one.get("entity_group") or one.get("entity") or one["label"]
        rows.append((one["start"], one["end"], label, pytest.approx(one["score"], abs=1e-5)))
    return rows


def ask_decoder(folder, tmp_path):
    import onnxruntime
    from tokenizers import Tokenizer

    names = json.loads((folder / "config.json").read_text())["id2label"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encodings = tokenizer.encode_batch([MAIL])
    session = onnxruntime.InferenceSession(folder / "onnx" / "model_q4.onnx", providers=["CPUExecutionProvider"])
    ids = np.array([encodings[0].ids])
    known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    logits = session.run(["logits"], {node.name: known[node.name] for node in session.get_inputs()})[0]
    return fastpost.EntityDecoder(names).decode(logits, encodings, [MAIL]).to_dicts()[0]


def ask_command(folder, tmp_path):
    from typer.testing import CliRunner

    from fastpost.cli.app import build_app

    (tmp_path / "mail.txt").write_text(MAIL)
    done = CliRunner().invoke(build_app(), ["ner", str(tmp_path / "mail.txt"), "--model", str(folder), "-q"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[0])["entities"]


def ask_map(folder, tmp_path):
    return fastpost.ner_udf(folder)({"text": [MAIL]})["entities"][0]


def ask_arrow_map(folder, tmp_path):
    pa = pytest.importorskip("pyarrow")
    return fastpost.ner_udf(folder)(pa.table({"text": [MAIL]}))["entities"].to_pylist()[0]


def ask_ray(folder, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from fastpost.integrations.ray import EntityPredictor

    return EntityPredictor(folder)(pa.table({"text": [MAIL]}))["entities"].to_pylist()[0]


def ask_spark(folder, tmp_path):
    pytest.importorskip("pyspark")
    import pyarrow as pa

    (batch,) = fastpost.spark.entities(folder)([pa.record_batch({"text": [MAIL]})])
    return batch["entities"].to_pylist()[0]


def ask_presidio(folder, tmp_path):
    pytest.importorskip("presidio_analyzer")
    known = fastpost.presidio.FastpostRecognizer(folder, label_mapping=None)
    return [one._asdict() for one in known._reader([MAIL])[0]]


def ask_spacy(folder, tmp_path):
    spacy = pytest.importorskip("spacy")
    import fastpost.spacy  # noqa: F401  the factory

    component = spacy.blank("en").add_pipe("fastpost_ner", config={"model": str(folder)})
    return [one._asdict() for one in component._reader([MAIL])[0]]


def ask_compare(folder, tmp_path):
    return fastpost.compare(fastpost.pipeline("ner", model=folder), [MAIL]).fastpost[0]


def ask_reader(folder, tmp_path):
    from fastpost.integrations.reader import EntityReader

    return EntityReader(folder)([MAIL])[0]


ASKED_DOORS = [
    ask_map,
    ask_arrow_map,
    ask_ray,
    ask_spark,
    ask_presidio,
    ask_spacy,
    ask_compare,
    ask_reader,
    ask_decoder,
    ask_command,
]


@pytest.mark.parametrize("ask", ASKED_DOORS, ids=lambda ask: ask.__name__[4:])
def test_every_door_that_is_no_drop_in_gives_the_same(ask, rampart_dir, tmp_path):
    want = places(fastpost.pipeline("ner", model=rampart_dir, compat="fastpost")(MAIL))
    assert len(want) >= 3
    assert places(ask(rampart_dir, tmp_path)) == want


def test_torch_and_onnx_have_the_same_defaults(rampart_dir, rampart_torch_dir):
    for options in ({}, {"compat": "fastpost"}):
        torch_found = fastpost.pipeline("ner", model=str(rampart_torch_dir), device=-1, **options)(MAIL)
        onnx_found = fastpost.pipeline("ner", model=rampart_dir, **options)(MAIL)
        assert [one[:3] for one in places(torch_found)] == [one[:3] for one in places(onnx_found)]
        assert ("entity" in torch_found[0]) == ("entity" in onnx_found[0]) == (not options)


def test_drop_ins_keep_the_defaults_of_transformers(rampart_dir, rampart_torch_dir):
    import transformers

    theirs = transformers.pipeline("ner", model=str(rampart_torch_dir), device=-1)
    want = [(one["start"], one["end"], one["entity"]) for one in theirs(MAIL)]
    fastpost.install()
    try:
        installed = transformers.pipeline("ner", model=str(rampart_torch_dir), device=-1)
    finally:
        fastpost.uninstall()
    ours = fastpost.pipeline("ner", model=str(rampart_torch_dir), device=-1)
    for pipe in (fastpost.accelerate(theirs), installed, ours, fastpost.pipeline("ner", model=rampart_dir)):
        assert [(one["start"], one["end"], one["entity"]) for one in pipe(MAIL)] == want


def test_what_is_said_counts_over_the_defaults(rampart_dir):
    for strategy in ("none", "simple", "first", "average", "max"):
        pipe = fastpost.pipeline("ner", model=rampart_dir, compat="fastpost", aggregation_strategy=strategy)
        said = fastpost.pipeline("ner", model=rampart_dir)(MAIL, compat="fastpost", aggregation_strategy=strategy)
        assert pipe(MAIL) == said
        assert ("entity" in said[0]) == (strategy == "none")
    pipe = torch_pipe(compat="fastpost", aggregation_strategy="none")
    assert "entity" in pipe("Sylvain works at Hugging Face")[0]


def test_options_pass_through_every_door(rampart_dir, tmp_path):
    """`max_length` is an option of the pipeline, `threshold` one of the decoder."""
    from fastpost.integrations.ray import EntityPredictor
    from fastpost.integrations.reader import EntityReader

    pa = pytest.importorskip("pyarrow")
    options = {"max_length": 16, "threshold": 0.9, "stride": 3}
    long = " ".join([MAIL] * 3)
    want = places(fastpost.pipeline("ner", model=rampart_dir, compat="fastpost", **options)(long))
    assert places(EntityReader(rampart_dir, **options)([long])[0]) == want
    assert places(fastpost.ner_udf(rampart_dir, **options)({"text": [long]})["entities"][0]) == want
    found = EntityPredictor(rampart_dir, **options)(pa.table({"text": [long]}))["entities"].to_pylist()[0]
    assert places(found) == want
    for door in (EntityReader, EntityPredictor):
        with pytest.raises(ValueError, match="`max_length` is 100000"):
            door(rampart_dir, max_length=100_000)


def parameters(module, name):
    """Names and defaults of a function, read from its source, since the module's package may be absent."""
    source = Path(fastpost.__file__).parent / module
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            if isinstance(node, ast.FunctionDef):
                return node
            return next(one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    raise AssertionError(f"{module} has no {name}")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("integrations/ray.py", "EntityPredictor"),
        ("integrations/spark.py", "entities"),
        ("integrations/presidio.py", "FastpostRecognizer"),
    ],
)
def test_engines_have_no_defaults_of_their_own(module, name):
    """Arguments that they do not name go to `EntityReader`, whose defaults are the table's."""
    from fastpost.entities.options import ENTITY_OPTIONS, PIPELINE_OPTIONS

    made = parameters(module, name)
    named = {one.arg for one in (*made.args.args, *made.args.kwonlyargs)}
    known = {one.name for one in (*ENTITY_OPTIONS.values(), *PIPELINE_OPTIONS.values())}
    assert named & known <= {"threshold"}  # Presidio's own threshold, applied to what the model reports
    assert made.args.kwarg is not None
    assert made.args.kwarg.arg == "options"


def test_the_reader_and_the_component_take_the_table():
    from fastpost.entities.options import defaults
    from fastpost.integrations.reader import EntityReader

    signature = inspect.signature(EntityReader).parameters
    for name, default in defaults("own").items():
        # `None` stands for the table's batch size unless `batch_tokens` is given.
        assert signature[name].default == (None if name == "batch_size" else default), name
    source = (Path(fastpost.__file__).parent / "integrations" / "spacy.py").read_text()
    table = next(
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "_DEFAULTS"
    )
    used = {ast.literal_eval(key): value for key, value in zip(table.keys, table.values, strict=True)}
    names = {"batch_size": "BATCH_SIZE", "aggregation_strategy": "STRATEGY", "compat": "COMPAT"}
    for option, constant in names.items():
        assert isinstance(used[option], ast.Name)
        assert used[option].id == constant


# --- the original path ------------------------------------------------------------------------------


def slow_pipe(**options):
    tokenizer = SlowTokenizer.trained(model_max_length=64)
    return fastpost.TokenClassificationPipeline(
        model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1, **options
    )


class Post(fastpost.TokenClassificationPipeline):
    def postprocess(self, *args, **kwargs):
        return super().postprocess(*args, **kwargs)


class PostAnswers(fastpost.QuestionAnsweringPipeline):
    def postprocess(self, *args, **kwargs):
        return super().postprocess(*args, **kwargs)


def test_the_original_path_is_told_once_and_reported():
    pipe = slow_pipe(aggregation_strategy="simple")
    assert pipe.report() == {"path": "transformers", "reason": "the tokenizer is slow"}
    with pytest.warns(UserWarning, match="takes transformers' own path.*the tokenizer is slow") as told:
        pipe(TEXTS[:2])
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        pipe(TEXTS[:2])
    assert pipe.report()["path"] == "transformers"
    assert pipe.scheme is None


def test_an_overridden_step_is_told_and_reported():
    tokenizer = fast("wordpiece-uncased", 512)
    pipe = Post(model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1)
    with pytest.warns(UserWarning, match="`postprocess` is overridden"):
        pipe(TEXT)
    assert pipe.report() == {"path": "transformers", "reason": "`postprocess` is overridden"}
    answers = PostAnswers(model=qa_models.lookup_model(len(tokenizer)), tokenizer=tokenizer, device=-1)
    assert answers.report() == {"path": "transformers", "reason": "`postprocess` is overridden"}
    with pytest.warns(UserWarning, match="`postprocess` is overridden"):
        answers(question="Who?", context="Anna lives")
    assert qa_pipe().report()["path"] == torch_pipe().report()["path"] == "fastpost"


def test_accelerate_says_that_it_can_not():
    import transformers

    tokenizer = SlowTokenizer.trained(model_max_length=64)
    pipe = transformers.TokenClassificationPipeline(
        model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1
    )
    with pytest.warns(UserWarning, match="the tokenizer is slow") as told:
        twin = fastpost.accelerate(pipe)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        twin([TEXT, "Anna."])
        assert pickle.loads(pickle.dumps(twin)).report()["path"] == "transformers"


def test_a_fast_twin_is_told_of_nothing():
    import transformers

    tokenizer = fast("wordpiece-uncased", 512)
    pipe = transformers.TokenClassificationPipeline(
        model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        twin = fastpost.accelerate(pipe)
        twin(TEXTS)
    assert twin.report()["path"] == "fastpost"
    assert "reason" not in twin.report()


# --- texts longer than the model ------------------------------------------------------------------


def bert_without_length(**options):
    """A BERT of 40 positions, with a tokenizer that names no length."""
    tokenizer = fast("wordpiece-uncased", int(1e30))
    model = tiny_bert(LABELS, vocab_size=len(tokenizer), max_position_embeddings=40)
    return fastpost.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1, **options)


def test_a_text_that_transformers_fails_on_too():
    pipe = bert_without_length(aggregation_strategy="simple")
    long = "Sylvain works at Hugging Face in Brooklyn. " * 20
    message = r"a text has \d+ tokens, but the model reads 40, .*model_max_length = 40.*compat=\"fastpost\""
    with pytest.raises(RuntimeError, match=message):
        pipe(["short", long])
    assert pipe(long, compat="fastpost").windows > 3
    pipe.tokenizer.model_max_length = 40
    assert isinstance(pipe(long), list)


def test_max_length_of_a_torch_pipeline():
    pipe = torch_pipe(compat="fastpost")
    long = " ".join([TEXT] * 60)
    assert pipe(long).windows > 1
    assert pipe(long, max_length=32).windows > pipe(long, max_length=128).windows > 1
    assert torch_pipe(compat="fastpost", max_length=32)(long).windows == pipe(long, max_length=32).windows
    with pytest.raises(ValueError, match="`max_length` is 513, but the model reads 512"):
        torch_pipe(compat="fastpost", max_length=513)
    with pytest.raises(ValueError, match='`max_length` is 32 and `compat` is "transformers"'):
        torch_pipe(max_length=32)


@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_a_model_that_gives_probabilities_is_told(compat):
    pipe = torch_pipe(compat=compat, aggregation_strategy="simple")
    pipe.model.table = torch.softmax(pipe.model.table, 1)
    with pytest.warns(UserWarning, match="`the model's output` has rows between 0 and 1 that add up to 1"):
        pipe(TEXT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        torch_pipe(compat=compat, aggregation_strategy="simple")(TEXT)


REFUSED_SIZES = [
    ({"num_workers": "x"}, TypeError, "pass an int"),
    ({"num_workers": True}, TypeError, "pass an int"),
    ({"num_workers": -1}, ValueError, "pass an int of at least 0"),
    ({"stride": True}, TypeError, "pass an int"),
    ({"stride": "x"}, TypeError, "pass an int"),
    ({"batch_size": True}, TypeError, "pass an int"),
    ({"batch_size": "x"}, ValueError, "pass an int"),
    ({"delimiter": 5}, TypeError, "pass a str"),
]


@pytest.mark.parametrize("call", [False, True], ids=["made", "called"])
@pytest.mark.parametrize(("options", "kind", "cure"), REFUSED_SIZES, ids=str)
@pytest.mark.parametrize("mode", ["fastpost", "transformers"])
def test_a_size_is_an_int_wherever_it_is_given(options, kind, cure, mode, call, onnx_folder):
    made, called = ({}, options) if call else (options, {})
    shared = {"compat": mode, "aggregation_strategy": "simple"}
    for make in (torch_pipe, lambda **given: fastpost.pipeline("ner", model=onnx_folder, **given)):
        with pytest.raises(kind, match=rf"^`{next(iter(options))}` is .*{cure}$") as raised:
            make(**shared, **made)("Anna", **called)
        assert raised.value.argument == next(iter(options))


@pytest.mark.parametrize("options", [{"doc_stride": True}, {"num_workers": "x"}, {"max_seq_len": True}, {"rank": "x"},
                                     {"max_question_len": True}, {"progress": "x"}, {"batch_size": True}], ids=str)  # fmt: skip
@pytest.mark.parametrize("mode", ["fastpost", "transformers"])
def test_a_size_of_questions_is_an_int_wherever_it_is_given(options, mode):
    from qa_models import lookup_model as answering

    tokenizer = fast("wordpiece-uncased", 512)
    (name,) = options
    for made, called in ((options, {}), ({}, options)):
        with pytest.raises(TypeError, match=rf"^`{name}` is .*; pass ") as raised:
            fastpost.QuestionAnsweringPipeline(
                model=answering(len(tokenizer)), tokenizer=tokenizer, device=-1, compat=mode, **made
            )(question="Who?", context="Anna Schmidt", **called)
        assert raised.value.argument == name
