"""Pipelines over any object that meets `fastpost.Model`."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import fastpost
from fastpost.models.batches import Batching, forward
from fastpost.models.model import START_AND_END, Parts, read_model
from onnx_models import LABELS, TEXT, logits_table, small_tokenizer, write_folder

LONG = " ".join([TEXT] * 40)
TEXTS = [TEXT, "", "Anna lives.", LONG, "in Berlin in Berlin"]


class Table:
    """A model that looks logits up by token id, without a base class."""

    def __init__(self, **changes):
        self.tokenizer = small_tokenizer()
        self.labels = list(LABELS)
        self.seen = []
        vars(self).update(changes)

    def runner(self, batch):
        self.seen.append({name: array.shape for name, array in batch.items()})
        return logits_table()[batch["input_ids"]]


class Late(Table):
    """Returns a function that waits for the logits."""

    def runner(self, batch):
        logits = super().runner(batch)
        return lambda: logits


class Based(fastpost.Model):
    """Takes the defaults of the protocol."""

    def __init__(self):
        self.tokenizer = small_tokenizer()
        self.labels = dict(enumerate(LABELS))
        self.max_length = 32

    def runner(self, batch):
        return logits_table()[batch["input_ids"]]


class Asked:
    """Answers with the span from the first token with an even id to the next one."""

    def __init__(self):
        self.tokenizer = small_tokenizer()

    def runner(self, batch):
        ids = batch["input_ids"]
        scores = np.where(ids % 2 == 0, 1.0, 0.0).astype(np.float32) + np.linspace(1, 0, ids.shape[1], dtype=np.float32)
        return scores, scores[:, ::-1].copy()


@pytest.fixture(scope="module")
def onnx(tmp_path_factory):
    """The same model as `Table`, as an ONNX folder."""
    return write_folder(tmp_path_factory.mktemp("onnx"), config={"max_position_embeddings": 32})


@pytest.mark.parametrize("kind", [Table, Late, Based])
@pytest.mark.parametrize("options", [{"compat": "fastpost"}, {"aggregation_strategy": "simple", "stride": 4}, {}])
def test_any_object_gives_what_the_same_model_in_a_folder_gives(kind, options, onnx):
    model = kind(max_length=32) if kind is not Based else kind()
    got = fastpost.pipeline("ner", model=model, **options)(TEXTS, batch_size=3)
    want = fastpost.pipeline("ner", model=onnx, backend="onnxruntime", **options)(TEXTS, batch_size=3)
    assert got == want
    assert sum(map(len, got)) > 4
    for one, other in zip(got, want, strict=True):
        assert getattr(one, "covered", None) == getattr(other, "covered", None)


def test_it_is_a_pipeline_like_the_others(onnx):
    model = Based()
    pipe = fastpost.pipeline("ner", model=model, compat="fastpost")
    assert pipe.model is model
    assert pipe.labels == ("PER", "LOC")
    assert pipe.report()["path"] == "fastpost"
    assert repr(pipe) == "<EntityPipeline: Based, labels=5, aggregation_strategy='average', compat='fastpost'>"
    assert list(pipe(iter(TEXTS[:2]))) == pipe(TEXTS[:2])
    assert pipe([["Anna", "lives"]], is_split_into_words=True)[0][0]["word_index"] == (0, 1)
    assert fastpost.compare(pipe, TEXTS).texts == TEXTS
    with pytest.raises(TypeError, match="unexpected argument `device`"):
        fastpost.pipeline("ner", model=Based(), device="cpu")


def test_the_next_batch_is_put_together_before_the_last_is_waited_for():
    waited = []

    class Slow(Table):
        def runner(self, batch):
            started = len(self.seen)
            logits = super().runner(batch)
            return lambda: waited.append((started, len(self.seen))) or logits

    pipe = fastpost.pipeline("ner", model=Slow())
    waited.clear()
    pipe([TEXT] * 6, batch_size=2)
    assert len({seen for _, seen in waited}) == 1  # all three had started when the first was waited for


def test_answers_of_any_object():
    pipe = fastpost.pipeline("question-answering", model=Asked())
    found = pipe(question="in?", context=TEXT)
    assert found["answer"] == TEXT[found["start"] : found["end"]]
    assert found["answer"]
    several = pipe(question="in?", context=[TEXT, LONG], top_k=2)
    assert [len(answers) for answers in several] == [2, 2]


def changed(**changes):
    return lambda: Table(**changes)


def without(*names):
    def make():
        model = type("Bare", (), {})()
        for name, value in {"tokenizer": small_tokenizer(), "labels": LABELS, "runner": logits_table}.items():
            if name not in names:
                setattr(model, name, value)
        return model

    return make


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (without("runner"), TypeError, "`model` is of type Bare, which lacks `runner`; pass an object that meets fastpost.Model"),
        (without("tokenizer", "runner"), TypeError, "lacks `tokenizer` and `runner`"),
        (without("labels"), TypeError, "lacks `labels`"),
        (dict, TypeError, "`model` is of type dict, which lacks `tokenizer` and `runner` and `labels`"),
        (changed(runner=5), TypeError, "`model.runner` is of type int; make it a function of a batch"),
        (changed(labels="O"), TypeError, "`model.labels` is of type str; make it a list of names"),
        (changed(labels=[1]), TypeError, "`model.labels` has 0: 1; make it names by number"),
        (changed(labels={"0": "O"}), TypeError, "`model.labels` has '0': 'O'"),
        (changed(labels=["O"]), ValueError, "gives logits for 5 labels, but `model.labels` names 1, and none for 1"),
        (changed(max_length="512"), ValueError, "`model.max_length` is '512'; make it the number of tokens that the model reads, or None"),
        (changed(max_length=2), ValueError, "`model.max_length` is 2, but 2 tokens of a window are special ones"),
        (changed(pad=None), None, None),
        (changed(pad="left"), TypeError, "`model.pad` is of type str; make it a fastpost.Padding"),
        (changed(pad=fastpost.Padding(("input_ids", "pixels"))), ValueError, "`model.pad` has 'pixels' among its names"),
        (changed(pad=fastpost.Padding(("attention_mask",))), ValueError, "no 'input_ids' among its names"),
        (changed(tokenizer=5), TypeError, "`tokenizer` is of type int; pass a tokenizers.Tokenizer"),
        (changed(tokenizer="nowhere"), FileNotFoundError, "nowhere is missing"),
        (changed(runner=lambda batch: [1]), TypeError, "the model gave a list for logits; its `runner` has to return"),
        (changed(runner=lambda batch: np.zeros((1, 2, 5))), ValueError, "gave logits of shape .1, 2, 5. for a batch of 1"),
        (changed(runner=lambda batch: np.zeros((1, 3))), ValueError, "gives logits of the shape .1, 3., not .windows, tok"),
        (changed(runner=lambda batch: np.zeros((1, 3, 5), int)), ValueError, "gives logits of int64"),
        (changed(runner=lambda batch: (np.zeros((1, 3)),) * 2), ValueError, "gives 2 arrays of logits, not 1: logits"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named_when_the_pipeline_is_made(make, error, words):
    if error is None:
        fastpost.pipeline("ner", model=make())
        return
    with pytest.raises(error, match=words):
        fastpost.pipeline("ner", model=make())


def test_an_object_is_passed_without_what_is_for_folders():
    for name, value in (("backend", "torch"), ("config", {})):
        with pytest.raises(ValueError, match=f"`{name}` is given, but `model` is an object of its own, a Table"):
            fastpost.pipeline("ner", model=Table(), **{name: value})


def test_a_tokenizer_takes_the_place_of_the_models_own(onnx):
    pipe = fastpost.pipeline("ner", model=Table(tokenizer=None), tokenizer=onnx, compat="fastpost")
    assert [entity["word"] for entity in pipe(TEXT)] == ["Anna Schmidt", "Berlin"]
    own = small_tokenizer()
    own.enable_truncation(8)
    cut = fastpost.pipeline("ner", model=Table(tokenizer=own), compat="fastpost")
    assert cut(LONG).windows > 10  # the window length is the one saved with the tokenizer
    assert own.truncation["max_length"] == 8  # and the caller's own settings are unchanged


def test_logits_of_torch_do_as_well():
    torch = pytest.importorskip("torch")
    table = torch.from_numpy(logits_table()).to(torch.bfloat16)
    model = Table(runner=lambda batch: table[torch.from_numpy(batch["input_ids"])])
    assert [entity["word"] for entity in fastpost.pipeline("ner", model=model, compat="fastpost")(TEXT)] == [
        "Anna Schmidt",
        "Berlin",
    ]


def test_folders_and_models_of_transformers_meet_the_protocol(onnx, rampart_torch_dir):
    from fastpost.models.onnx import OnnxFolder

    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from fastpost.models.transformers import TransformersModel

    model = transformers.AutoModelForTokenClassification.from_pretrained(rampart_torch_dir)
    tokenizer = transformers.AutoTokenizer.from_pretrained(rampart_torch_dir)
    for one in (OnnxFolder(onnx), TransformersModel(model, tokenizer, context=torch.no_grad)):
        parts = read_model(one, ("logits",))
        assert isinstance(parts, Parts)
        assert parts.labels == one.labels
        assert parts.max_length == one.max_length > parts.encoder.special > 0
    pipe = fastpost.pipeline("ner", model=TransformersModel(model, tokenizer, context=torch.no_grad), compat="fastpost")
    text = "My name is Anna Schmidt."
    assert pipe(text) == fastpost.pipeline("ner", model=rampart_torch_dir, compat="fastpost")(text) != []


def test_batches_of_a_model_that_was_built_for_some_number_of_windows():
    model = Table(pad=fastpost.Padding(width=16, rows=3))
    fastpost.pipeline("ner", model=model, compat="fastpost")([TEXT] * 5, batch_size=64)
    assert [shapes["input_ids"] for shapes in model.seen] == [(1, 16), (3, 16), (2, 16)]


def test_outputs_of_answers_are_two(onnx):
    with pytest.raises(ValueError, match="gives 1 array of logits, not 2: start_logits, end_logits"):
        fastpost.pipeline("question-answering", model=Table())
    assert read_model(Asked(), START_AND_END).labels == {}


def test_no_windows_need_no_model():
    windows = read_model(Table(), ("logits",))
    empty = type("Nothing", (), {"lengths": np.zeros(0, np.int64), "inputs": {"input_ids": np.zeros(0, np.int64)}})()
    assert forward(empty, windows.runner, Batching(4, windows.pad)).batches == []


def test_the_example_of_a_remote_model(rampart_dir, capsys):
    place = Path(__file__).parents[1] / "examples" / "remote_model.py"
    spec = importlib.util.spec_from_file_location("remote_model", place)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = example.main(Path(rampart_dir))
    here = fastpost.pipeline("ner", model=rampart_dir, compat="fastpost")
    assert found == here("My name is Anna Schmidt and I live at 12 Baker Street, London.")
    assert "SURNAME         Schmidt" in capsys.readouterr().out
    server = example.serve(Path(rampart_dir))
    try:
        model = example.RemoteModel(f"http://127.0.0.1:{server.server_port}/", Path(rampart_dir))
        texts = [f"Call Tom Baker number {n}, " * (1 + 60 * (n == 3)) for n in range(9)]
        assert fastpost.pipeline("ner", model=model, compat="fastpost")(texts, batch_size=2) == here(
            texts, batch_size=2
        )
    finally:
        server.shutdown()
        server.server_close()
