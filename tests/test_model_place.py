"""Every entrance reports an absent model first, before it imports what would run it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastpost
from fastpost.integrations.reader import EntityReader
from fastpost.models.place import missing_model

NONE_OF_IT = ("torch", "transformers", "onnxruntime", "tokenizers")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("modle", "no such folder: modle; `model` is a folder, or a name on the hub such as owner/name"),
        ("./owner/name", "no such folder: ./owner/name; `model` is"),
        ("my-modle", "no such folder: my-modle; `model` is a folder, or a name on the hub such as owner/name"),
        ("minilm-ner", "no such folder: minilm-ner"),
        ("my_model-v2.1", "no such folder: my_model-v2.1"),
        ("bert", "no such folder: bert;"),
        ("a/b/c", "no such folder: a/b/c"),
        ("models/modle", "no such folder: models/modle"),
        ("owner/name/", "no such folder: owner/name/"),
        ("~/model", "no such folder: ~/model"),
        ("model.onnx", "no such folder: model.onnx"),
        ("owner/name.onnx", "no such folder: owner/name.onnx"),
        ("/no/model", "no such folder: /no/model"),
        (Path("owner/name"), "no such folder: owner/name"),
        ("gpt2-like", "no such folder: gpt2-like"),
        (
            "models",
            "`model` is models, a folder without config.json and without an .onnx file; pass the folder of a model",
        ),
        ("my model", "no such folder: my model"),
        ("a\0b", r"no such folder: 'a\x00b'"),
        ("x" * 500, "no such folder: " + "x" * 77 + "...; "),
        ("Anna lives here. " * 20, "no such folder: " + ("Anna lives here. " * 20)[:77] + "...; "),
        ("/a" * 100, "no such folder: " + "/a" * 100 + "; "),
        ("", "`model` is empty; pass a folder"),
        ("  ", "`model` is empty"),
    ],
)
def test_a_folder_that_is_not_there(model, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for make in (
        lambda: fastpost.pipeline("ner", model=model),
        lambda: fastpost.pipeline("question-answering", model=model, backend="torch"),
        lambda: fastpost.pipeline("ner", model=model, backend="onnxruntime"),
        lambda: EntityReader(model),
        lambda: fastpost.ner_udf(model)({"text": ["Anna"]}),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            make()
        assert str(caught.value).startswith(says)


def test_a_name_on_the_hub_goes_to_torch_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("owner/name", "dslim/bert-base-NER", "distilbert-base-cased-distilled-squad"):
        assert missing_model(name) is None
        assert missing_model(name, "torch") is None
        with pytest.raises(FileNotFoundError, match=rf"no such folder: {name}; onnxruntime runs a folder .* download"):
            fastpost.pipeline("ner", model=name, backend="onnxruntime")
    for name in (
        "bert-base-uncased",
        "xlm-roberta-base",
        "gpt2",
        "gpt2-medium",
        "gpt2-xl",
        "distilgpt2",
        "t5-small",
        "openai-gpt",
    ):
        assert missing_model(name) is None, name
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "config.json").write_text("{}")
    assert missing_model("owner/name", "onnxruntime") is None
    assert missing_model("owner/other") is not None
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "models--owner--other").mkdir(parents=True)
    assert missing_model("owner/other") is None
    assert missing_model("my-model") is not None
    (tmp_path / "cache" / "models--my-model").mkdir(parents=True)
    assert missing_model("my-model") is None
    assert missing_model("../my-model") is not None


def test_what_the_hub_says_comes_after_the_folder(tmp_path, monkeypatch):
    def no(*_, **__):
        raise OSError("owner/name is not a valid model identifier\nmore lines")

    monkeypatch.setattr("fastpost.pipelines.torch.registry._transformers", lambda: SimpleNamespace(pipeline=no))
    with pytest.raises(FileNotFoundError) as caught:
        fastpost.pipeline("ner", model="owner/name")
    assert str(caught.value) == (
        "no such folder: owner/name; as a name on the hub: owner/name is not a valid model identifier"
    )
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OSError, match="more lines"):
        fastpost.pipeline("ner", model=str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "modle"], "no such folder: modle; --model is a folder, or a name on the hub such as owner/name"),
        (["--model", "my-modle"], "no such folder: my-modle; --model is a folder, or a name on the hub such as owner/name"),
        (["--model", ""], "--model is empty; pass a folder, or a name on the hub such as owner/name"),
        (["--model", "o/n", "--backend", "onnxruntime"], "no such folder: o/n; onnxruntime runs a folder with an .onnx file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["ner", "qa", "view", "compare"])
def test_the_command_line_says_it_first_without_any_extra(command, arguments, says, tmp_path):
    """The model is reported before the input is read, even if nothing is installed that could run a model."""
    program = (
        f"import sys\nfor name in {NONE_OF_IT!r}: sys.modules[name] = None\n"
        "from fastpost.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    more = ["--question", "Who?"] if command == "qa" else []
    done = subprocess.run(
        [sys.executable, "-c", program, command, "none.txt", *arguments, *more],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fastpost: {says}")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["count-words", "train-tokenizer", "bench train"])
@pytest.mark.parametrize("name", ["my-modle", "modle", "my tokenizer"])
def test_a_tokenizer_that_is_not_there_is_said_before_the_hub_is_asked(command, name, tmp_path, monkeypatch, capsys):
    from fastpost.cli import main
    from fastpost.models import transformers as of_transformers

    def never(*_, **__):
        raise AssertionError("the hub is asked")

    if (transformers := sys.modules.get("transformers")) is not None:
        monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", never)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(of_transformers, "is_installed", never)
    (tmp_path / "a.txt").write_text("a\n")
    inputs = ["a.txt"] if command == "bench train" else ["--corpus", "a.txt", "--out", "o"]
    more = ["--vocab-size", "300"] if "train" in command else []
    assert main([*command.split(), *inputs, "--from", name, *more]) == 2
    assert f"no such folder: {name}; --from is a folder, or a name on the hub" in capsys.readouterr().err
