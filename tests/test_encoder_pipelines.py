"""Pipelines give the same with `Encoder` as without it, even if the tokenizer is changed."""

import json

import pytest
from tokenizers import AddedToken, normalizers, pre_tokenizers

import fastpost
import qa_models
from fastpost.models.slot import EncoderSlot
from onnx_models import write_folder
from oracle import lookup_model
from small_tokenizers import SENTENCES, fast

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
LONG = " ".join(SENTENCES * 6)
TEXTS = [*SENTENCES, LONG, "", "a\u302eb sent back"]
ASKS = [{"question": "Who is it?", "context": text} for text in TEXTS if text]


def entity_pipe(tokenizer, **options):
    return fastpost.TokenClassificationPipeline(
        model=lookup_model(LABELS, 700), tokenizer=tokenizer, device=-1, aggregation_strategy="simple", **options
    )


def answer_pipe(tokenizer, **options):
    return qa_models.ours(qa_models.lookup_model(400), tokenizer, **options)


def without(monkeypatch, call):
    """The result of `call` if tokenizers encodes everything."""
    with monkeypatch.context() as patch:
        patch.setattr(EncoderSlot, "get", lambda self, backend: None)
        return call()


def split(tokenizer):
    tokenizer.split_special_tokens = True


def swap(tokenizer):
    """Gives the tokenizer another backend."""
    tokenizer._tokenizer = fast("byte-level").backend_tokenizer


CHANGES = {
    "added": lambda tokenizer: tokenizer.add_tokens(["Angela Merkel", AddedToken("name", single_word=True)]),
    "special": lambda tokenizer: tokenizer.add_special_tokens({"additional_special_tokens": ["Brook"]}),
    "normalizer": lambda tokenizer: setattr(tokenizer.backend_tokenizer, "normalizer", normalizers.BertNormalizer(lowercase=False)),
    "pre-tokenizer": lambda tokenizer: setattr(tokenizer.backend_tokenizer, "pre_tokenizer", pre_tokenizers.Whitespace()),
    "truncation": lambda tokenizer: tokenizer.backend_tokenizer.enable_truncation(7),
    "padding": lambda tokenizer: tokenizer.backend_tokenizer.enable_padding(length=60),
    "side": lambda tokenizer: setattr(tokenizer, "truncation_side", "left"),
    "length": lambda tokenizer: setattr(tokenizer, "model_max_length", 40),
    "split": split,
    "swap": swap,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_a_tokenizer_that_is_changed_after_the_first_call(change, compat, monkeypatch):
    tokenizer = fast("wordpiece-uncased", 64)
    stride = {"stride": 8} if compat == "transformers" else {}
    pipe = entity_pipe(tokenizer, compat=compat, **stride)
    answers = answer_pipe(tokenizer, max_seq_len=40, doc_stride=8, compat=compat)
    before = [pipe(TEXTS), answers(ASKS)]
    assert before == without(monkeypatch, lambda: [pipe(TEXTS), answers(ASKS)])
    assert pipe.report()["encoder"].startswith("native (WordPiece)")
    CHANGES[change](tokenizer)
    after = [pipe(TEXTS), answers(ASKS)]
    assert after == without(monkeypatch, lambda: [pipe(TEXTS), answers(ASKS)])
    if change not in ("truncation", "padding", "split", "length"):  # the pipelines' own settings count, as before
        assert after != before


def test_dropout_is_left_to_tokenizers(monkeypatch):
    tokenizer = fast("byte-level")
    pipe = entity_pipe(tokenizer)
    pipe(TEXTS)
    assert pipe.report()["encoder"].startswith("native (byte-level BPE)")
    tokenizer.backend_tokenizer.model.dropout = 1.0  # without merges the result is known
    dropped = pipe(TEXTS)
    assert "drops merges at random" in pipe.report()["encoder"]
    assert dropped == without(monkeypatch, lambda: pipe(TEXTS))


@pytest.mark.parametrize(
    "kind", ["wordpiece-cased", "byte-level-prefix-space", "roberta", "metaspace-bpe", "byte-fallback", "unigram"]
)
@pytest.mark.parametrize(
    "options", [{"compat": "fastpost"}, {"compat": "fastpost", "on_long_text": "truncate"}, {"stride": 8}, {}]
)
def test_every_kind_gives_what_tokenizers_gives(kind, options, monkeypatch):
    pipe = entity_pipe(fast(kind, 64), **options)
    got = pipe(TEXTS)
    assert got == without(monkeypatch, lambda: pipe(TEXTS))
    assert sum(map(len, got)) > 20
    words = [text.split() for text in TEXTS if text.split()]
    split = {"is_split_into_words": True, "delimiter": " "}
    try:
        got = pipe(words, **split)
    except Exception as error:  # transformers refuses words for some tokenizers, with or without the encoder
        with pytest.raises(type(error)):
            without(monkeypatch, lambda: pipe(words, **split))
    else:
        assert got == without(monkeypatch, lambda: pipe(words, **split))


def test_the_report_says_what_was_sent_back_and_why():
    pipe = entity_pipe(fast("wordpiece-uncased"))
    assert pipe.report()["encoder"] == "no text yet"
    pipe(TEXTS)
    assert pipe.report()["encoder"] == (
        f"native (WordPiece), {len(TEXTS)} texts, 1 of them sent back to tokenizers; 1: a combining mark that is no accent to BERT"
    )
    unlike = fast("unigram")
    unlike.backend_tokenizer.normalizer = normalizers.Prepend("x")
    answers = answer_pipe(unlike)
    answers(ASKS)
    assert answers.report()["encoder"].startswith("all of 0 texts encoded by tokenizers: Unigram is native with")


def test_a_lone_surrogate_names_its_text():
    pipe = entity_pipe(fast("wordpiece-uncased"))
    with pytest.raises(TypeError, match="text 1 of the input is not valid Unicode"):
        pipe(["a", "b\ud800"])


def test_onnx_pipelines_run_without_tokenizers(tmp_path, python):
    """Results are the same without the tokenizers library; the error for a text that must be sent back names what is missing."""
    pytest.importorskip("onnxruntime")
    from test_onnx_folders import question_folder

    ner, qa = write_folder(tmp_path / "ner"), question_folder(tmp_path / "qa")
    script = f"""
import sys
if BLOCK:
    sys.modules["tokenizers"] = None
    sys.modules["transformers"] = None
import json, fastpost
texts = ["Anna Schmidt lives in Berlin.", "", "in Berlin, Anna", "Anna lives " * 300]
out = []
for options in ({{}}, {{"compat": "fastpost"}}, {{"stride": 4}}):
    pipe = fastpost.pipeline("ner", model={str(ner)!r}, backend="onnxruntime", aggregation_strategy="simple", **options)
    out.append(pipe(texts))
    assert pipe.report()["encoder"].startswith("native (WordPiece)"), pipe.report()
pipe = fastpost.pipeline("question-answering", model={str(qa)!r}, backend="onnxruntime")
out.append(pipe(question="in Berlin", context=texts[0]))
out.append(pipe(question="in Berlin", context=texts[3]))
print(json.dumps(out, default=str))
try:
    fastpost.pipeline("ner", model={str(ner)!r}, backend="onnxruntime")("a\\u302eb")
    print("encoded")
except ImportError as error:
    print(error)
"""
    with_it, without_it = (python(f"BLOCK = {block}\n{script}").splitlines() for block in (False, True))
    assert json.loads(with_it[0]) == json.loads(without_it[0])
    assert any(json.loads(with_it[0])[0])
    assert with_it[1] == "encoded"
    assert "pip install tokenizers" in without_it[1]


def test_without_tokenizers_what_is_not_native_is_refused(tmp_path, python):
    folder = write_folder(tmp_path / "ner")
    written = json.loads((folder / "tokenizer.json").read_text())
    written["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(written))
    printed = python(
        "import sys\n"
        "sys.modules['tokenizers'] = None\n"
        "import fastpost\n"
        "try:\n"
        f"    fastpost.pipeline('ner', model={str(folder)!r}, backend='onnxruntime')\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert "this pipeline needs tokenizers" in printed
    assert "pip install 'fastpost[onnx]'" in printed


def test_changes_are_looked_for_once_a_call():
    """It takes as long as to encode a sentence."""
    slot, backend, asked = EncoderSlot(), fast("wordpiece-uncased").backend_tokenizer, []
    assert slot.get(backend).native
    state = slot._encoder._loaded.state

    class Asked:
        def is_of(self, tokenizer):
            asked.append(tokenizer)
            return state.is_of(tokenizer)

    slot._encoder._loaded.state = Asked()
    assert slot.get(backend).encode(["a b"])[0].tokens[0] == "[CLS]"
    assert asked == [backend]
    assert slot._encoder.report().texts == 1
