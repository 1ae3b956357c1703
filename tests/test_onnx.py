"""The ONNX Runtime backend gives the same entities with numpy, tokenizers and onnxruntime alone.

The peer is transformers' own `postprocess` on logits that onnxruntime gives for transformers' own windows.
"""

import itertools
import json
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoTokenizer
from transformers.modeling_outputs import TokenClassifierOutput

import fastpost
from oracle import STRATEGIES, assert_equal, peer, tiny_bert

TEXTS = [
    "Call Jane Doe at 718-555-0199 or mail jane.doe@example.org.",
    "",
    "My name is Sylvain and I live at 12 Baker Street, London NW1 6XE 😀.",
    "王小明 住在 北京 。",
    "His passport is X1234567, his IBAN DE89 3704 0044 0532 0130 00; ask Zoë at +49 30 901820.",
    "nothing here",
]
LONG = " ".join(TEXTS[0:1] + TEXTS[2:3] + TEXTS[4:5]) * 3
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def session(rampart_dir):
    return onnxruntime.InferenceSession(rampart_dir / "onnx" / "model_q4.onnx", providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def labels(rampart_dir):
    names = json.loads((rampart_dir / "config.json").read_text())["id2label"]
    return [names[str(i)] for i in range(len(names))]


@pytest.fixture(scope="module")
def transformers_pipe(session, rampart_dir, labels):
    """transformers' pipeline with onnxruntime as its model; each has a new tokenizer."""

    def build(max_length=512, **kwargs):
        tokenizer = AutoTokenizer.from_pretrained(rampart_dir, model_max_length=max_length)
        pipe = peer(tiny_bert(labels), tokenizer, **kwargs)
        names = [node.name for node in session.get_inputs()]

        def forward(**inputs):
            inputs.setdefault("token_type_ids", torch.zeros_like(inputs["input_ids"]))
            (logits, *_) = session.run(None, {name: inputs[name].numpy() for name in names})
            return TokenClassifierOutput(logits=torch.from_numpy(np.asarray(logits)))

        pipe.model.forward = forward
        return pipe

    return build


@pytest.fixture
def small(rampart_dir, tmp_path):
    """The folder with a model_max_length of 32 in its tokenizer's settings."""
    folder = tmp_path / "small"
    shutil.copytree(rampart_dir, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 32}))
    return folder


def build(folder, **kwargs):
    return fastpost.pipeline("ner", model=str(folder), backend="onnxruntime", **kwargs)


def assert_all_equal(got, want, tolerance=1e-4):
    assert len(got) == len(want)
    for ours, theirs in zip(got, want, strict=True):
        assert_equal(ours, theirs, tolerance)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_equals_transformers(rampart_dir, transformers_pipe, strategy, batch_size):
    want = transformers_pipe(aggregation_strategy=strategy)(TEXTS)
    got = build(rampart_dir, aggregation_strategy=strategy)(TEXTS, batch_size=batch_size)
    assert_all_equal(got, want)
    assert sum(map(len, want)) > 8


@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max"])
@pytest.mark.parametrize("stride", [0, 8])
def test_windows_equal_transformers(small, transformers_pipe, strategy, stride):
    texts = [*TEXTS, LONG]
    want = transformers_pipe(32, aggregation_strategy=strategy, stride=stride)(texts)
    got = build(small, aggregation_strategy=strategy, stride=stride)(texts, batch_size=3)
    assert_all_equal(got, want)


def test_long_text_is_cut_as_in_transformers(small, transformers_pipe):
    want = transformers_pipe(32, aggregation_strategy="simple")([LONG])
    assert_all_equal(build(small, aggregation_strategy="simple")([LONG]), want)


def test_a_cut_is_told(small):
    with pytest.warns(UserWarning, match="stride"):
        build(small, aggregation_strategy="simple")(LONG)


def test_words_equal_transformers(rampart_dir, transformers_pipe):
    words = [text.split() for text in TEXTS if text]
    want = transformers_pipe(aggregation_strategy="simple")(words, is_split_into_words=True)
    got = build(rampart_dir, aggregation_strategy="simple")(words, is_split_into_words=True)
    assert_all_equal(got, want)
    got = build(rampart_dir, aggregation_strategy="simple")(words[0], is_split_into_words=True)
    assert_all_equal(got, want[:1])


def test_wikigold(rampart_dir, transformers_pipe, wikigold_documents):
    texts = wikigold_documents[::40]
    want = transformers_pipe(512, aggregation_strategy="average")(texts)
    got = build(rampart_dir, aggregation_strategy="average")(texts, batch_size=2)
    assert_all_equal(got, want)


def test_model_is_a_path_a_file_or_a_folder(rampart_dir):
    want = build(rampart_dir)(TEXTS[0])
    for model in (rampart_dir, str(rampart_dir), rampart_dir / "onnx" / "model_q4.onnx"):
        assert fastpost.pipeline("token-classification", model=model, backend="onnxruntime")(TEXTS[0]) == want


def test_inputs(rampart_dir):
    pipe = build(rampart_dir, aggregation_strategy="simple")
    want = pipe(TEXTS)
    assert isinstance(want, list)
    assert pipe(TEXTS[0]) == want[0]
    assert pipe(tuple(TEXTS)) == want
    stream = pipe(text for text in TEXTS)
    assert not isinstance(stream, list)
    assert_all_equal(list(stream), want)
    assert pipe("") == []
    assert list(pipe(text for text in ())) == []
    assert pipe([TEXTS[0]]) == want[:1]
    assert json.loads(json.dumps(want)) == want


def test_an_endless_generator_streams(rampart_dir):
    pipe = build(rampart_dir, aggregation_strategy="simple")
    want = pipe(TEXTS)
    pulled = 0

    def texts():
        nonlocal pulled
        for text in itertools.cycle(TEXTS):
            pulled += 1
            yield text

    got = list(itertools.islice(pipe(texts(), batch_size=1), 12))
    assert_all_equal(got, want * 2)
    assert pulled <= 13


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ([], ValueError),
        (5, (TypeError, ValueError)),
        (None, (TypeError, ValueError)),
        ([5], (TypeError, ValueError)),
    ],
)
def test_wrong_inputs(rampart_dir, inputs, error):
    with pytest.raises(error) as caught:
        list(build(rampart_dir)(inputs))
    assert str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"aggregation_strategy": "best"}, (ValueError, KeyError), "best"),
        ({"stride": 10_000, "aggregation_strategy": "simple"}, ValueError, "stride"),
        ({"stride": -1, "aggregation_strategy": "simple"}, ValueError, "stride"),
        ({"stride": 510, "aggregation_strategy": "simple"}, ValueError, "a window of 512 tokens holds 510 of a text"),
        ({"stride": 8, "aggregation_strategy": "none"}, ValueError, "stride"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
    ids=str,
)
def test_wrong_arguments(rampart_dir, arguments, error, message):
    with pytest.raises(error, match=message):
        build(rampart_dir, **arguments)
    with pytest.raises(error, match=message):
        build(rampart_dir)(TEXTS, **arguments)


def test_a_folder_without_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\.onnx"):
        build(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build(tmp_path / "nowhere")


def test_a_folder_without_tokenizer(rampart_dir, tmp_path):
    shutil.copytree(rampart_dir, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        build(tmp_path / "model")


SCRIPT = """
import json, sys
for name in ("torch", "transformers", "pyarrow", "datasets"):
    sys.modules[name] = None
import fastpost
pipe = fastpost.pipeline("ner", model={folder!r}, backend="onnxruntime",
                         aggregation_strategy="simple")
texts = json.loads({texts!r})
print(json.dumps([pipe(texts), list(pipe(text for text in texts)), pipe(texts[0])]))
"""


def test_needs_neither_torch_nor_transformers(python, rampart_dir):
    out = json.loads(python(SCRIPT.format(folder=str(rampart_dir), texts=json.dumps(TEXTS))))
    want = build(rampart_dir, aggregation_strategy="simple")(TEXTS)
    assert_all_equal(out[0], want)
    assert_all_equal(out[1], want)
    assert_equal(out[2], want[0], 1e-4)


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_what_is_missing_is_named(python, rampart_dir, tmp_path, missing):
    """tokenizers is needed only if `fastpost.Encoder` is not native: a WordPiece tokenizer without BERT's normalizer."""
    folder = shutil.copytree(rampart_dir, tmp_path / "model")
    document = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    document["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    script = f"""
import sys
sys.modules[{missing!r}] = None
import fastpost
try:
    fastpost.pipeline("ner", model={str(folder)!r}, backend="onnxruntime")
except ImportError as error:
    print(error)
"""
    message = python(script)
    assert missing in message
    assert "fastpost[onnx]" in message


def test_a_device_that_is_not_there_is_refused(rampart_dir):
    """ONNX Runtime itself would run on the CPU with a warning."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        for device in ("cuda", "cuda:1", 0):
            with pytest.raises(
                ValueError, match=r"`device` is .+, but this ONNX Runtime .+, not CUDAExecutionProvider"
            ):
                fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", device=device)
    with pytest.raises(ValueError, match="`device` is 'tpu'"):
        fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", device="tpu")
    for device in ("cpu", -1):
        pipe = fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", device=device)
        assert pipe.model.runner.session.get_providers() == ["CPUExecutionProvider"]


def test_a_provider_whose_libraries_are_missing_is_refused(rampart_dir, monkeypatch):
    """The provider is available, but the session leaves it out."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    class Left(onnxruntime.InferenceSession):
        def __init__(self, path, options, providers):
            super().__init__(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", Left)
    with pytest.raises(ValueError, match="has CPUExecutionProvider, not CUDAExecutionProvider"):
        fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", device="cuda")
    assert fastpost.pipeline("ner", model=rampart_dir, backend="onnxruntime", providers=["CUDAExecutionProvider"])


def test_a_folder_with_nothing_but_an_onnx_file_needs_no_backend(rampart_dir, tmp_path):
    from fastpost.models.backends import backend_of

    want = build(rampart_dir)(TEXTS)
    for model in (rampart_dir, str(rampart_dir), rampart_dir / "onnx" / "model_q4.onnx"):
        assert fastpost.pipeline("ner", model=model, backend=None)(TEXTS) == want
        assert fastpost.pipeline("ner", model=model)(TEXTS) == want
    assert backend_of("dslim/bert-base-NER") == "torch"
    assert backend_of(tmp_path) == "torch"
    (tmp_path / "model.onnx").touch()
    assert backend_of(tmp_path) == "onnxruntime"
    (tmp_path / "model.safetensors").touch()
    assert backend_of(tmp_path) == "torch"
