"""`Encoder.encode_corpus` and `fastpost encode`: a corpus as one long row of ids."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

import fastpost
from fastpost.cli.app import run
from fastpost.encoding import stream
from small_tokenizers import SENTENCES, trained

TEXTS = [f"{sentence} {number}" for number in range(90) for sentence in SENTENCES]


@pytest.fixture
def files(tmp_path):
    """A tokenizer.json and a file of texts."""
    (tmp_path / "tokenizer.json").write_text(trained("byte-level"))
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return tmp_path


def wanted(kind="byte-level", special=True):
    encodings = Tokenizer.from_str(trained(kind)).encode_batch(TEXTS, add_special_tokens=special)
    return [encoding.ids for encoding in encodings]


def documents(batches):
    return [part.tolist() for batch in batches for part in np.split(batch.ids, batch.ends[:-1])]


@pytest.mark.parametrize("kind", ["byte-level", "unigram"])
def test_ids_and_ends_of_documents(kind, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(trained(kind))
    encoder = fastpost.Encoder(path)
    corpus = fastpost.Corpus.from_texts(TEXTS, batch_size=100)
    made = list(encoder.encode_corpus(corpus))
    assert len(made) == 7
    assert all(batch.ids.dtype == np.uint16 for batch in made)
    assert documents(made) == wanted(kind)
    for threads in (1, 2, 7):
        assert documents(encoder.encode_corpus(lambda: TEXTS, threads=threads)) == wanted(kind)
    assert documents(encoder.encode_corpus(corpus, add_special_tokens=False)) == wanted(kind, special=False)
    ended = [[*ids, 4] for ids in wanted(kind)]
    assert documents(encoder.encode_corpus(corpus, end_id=4)) == ended


def test_ids_that_need_32_bits(tmp_path):
    written = json.loads(trained("byte-level"))
    written["model"]["vocab"]["<|far|>"] = 70_000
    written["added_tokens"].append(
        {"id": 70_000, "content": "<|far|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
    )  # fmt: skip
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(written))
    encoder = fastpost.Encoder(path, verify=False)
    (batch,) = encoder.encode_corpus(lambda: ["a", "b"], end_id=70_000)
    assert batch.ids.dtype == np.uint32
    assert batch.ids[batch.ends - 1].tolist() == [70_000, 70_000]
    with pytest.raises(ValueError, match="`end_id` is 70001; pass an int from 0 to 70000, or None"):
        list(encoder.encode_corpus(lambda: ["a"], end_id=70_001))


def read(out):
    ids = np.load(out) if out.suffix == ".npy" else np.fromfile(out, "<u2")
    ends = np.load(out.with_name(out.name + ".ends.npy"))
    return [part.tolist() for part in np.split(ids, ends[:-1])]


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_the_command_writes_files(files, suffix, capsys):
    out = files / f"ids{suffix}"
    arguments = ["encode", "--tokenizer", str(files), "--corpus", str(files / "texts.txt"), "--out", str(out)]
    assert run(arguments) == 0
    assert read(out) == wanted()
    assert f"{len(TEXTS)} texts" in capsys.readouterr().err
    assert run(arguments) == 2
    assert "pass --overwrite to replace it, or --resume to go on" in capsys.readouterr().err
    assert run([*arguments, "--overwrite", "--no-special-tokens", "--end-token", "[SEP]"]) == 0
    sep = Tokenizer.from_str(trained("byte-level")).token_to_id("[SEP]")
    assert read(out) == [[*ids, sep] for ids in wanted(special=False)]
    assert run([*arguments, "--overwrite", "--end-token", "[NOT]"]) == 2
    assert "'[NOT]', which is no token" in capsys.readouterr().err
    assert run([*arguments[:-2], "--out", str(files / "ids.txt")]) == 2


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
@pytest.mark.parametrize("stop", [1, 3, 6])
def test_an_interrupted_run_goes_on(files, suffix, stop):
    encoder = fastpost.Encoder(files)
    out = files / f"ids{suffix}"

    def corpus():
        return fastpost.Corpus(files / "texts.txt", batch_size=100)

    seen = []

    def progress(documents, tokens):
        seen.append(documents)
        if len(seen) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream.write(encoder, corpus(), out, progress=progress)
    assert read(out) == wanted()[: stop * 100]
    with open(out, "ab") as torn:  # what was written after the last note
        torn.write(b"\1\2\3")
    with pytest.raises(ValueError, match="was begun with another tokenizer or with other options"):
        stream.write(encoder, corpus(), out, end_id=1, resume=True)
    made = stream.write(encoder, corpus(), out, resume=True)
    assert (made.documents, made.done) == (len(TEXTS), True)
    assert read(out) == wanted()
    again = out.read_bytes()
    assert stream.write(encoder, corpus(), out, resume=True) == made
    assert out.read_bytes() == again


def test_what_can_not_be_resumed_is_refused(files):
    encoder = fastpost.Encoder(files)
    out = files / "ids.npy"
    out.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"ids\.npy has no ids\.npy\.json beside it"):
        stream.write(encoder, fastpost.Corpus(files / "texts.txt"), out, resume=True)
    assert out.read_bytes() == b"mine"
    made = stream.write(encoder, fastpost.Corpus(files / "texts.txt"), out)
    noted = out.with_name("ids.npy.json")
    noted.write_text(noted.read_text().replace("true", "false"))
    out.write_bytes(out.read_bytes()[:-10])
    with pytest.raises(ValueError, match="is shorter than was noted"):
        stream.write(encoder, fastpost.Corpus(files / "texts.txt"), out, resume=True)
    assert made.tokens == sum(map(len, wanted()))


@pytest.mark.parametrize("wrong", [1.5, "1", True, np.float64(2)], ids=str)
def test_an_end_is_an_integer(files, wrong):
    with pytest.raises(TypeError, match=r"^`end_id` is .*; pass an int of at least 0, or None$"):
        list(fastpost.Encoder(files).encode_corpus(lambda: ["a"], end_id=wrong))


@pytest.mark.parametrize("change", ["another", "shorter", "later"])
def test_a_run_goes_on_with_its_own_corpus_alone(files, change):
    """Files of one corpus went on with the texts of another, and were said to be whole where that one was shorter."""
    encoder, out = fastpost.Encoder(files), files / "ids.npy"
    stream.write(encoder, fastpost.Corpus.from_texts(TEXTS[:300], batch_size=100), out)
    noted = out.with_name("ids.npy.json")
    noted.write_text(noted.read_text().replace("true", "false"))
    before = out.read_bytes()
    texts = {"another": TEXTS[::-1], "shorter": TEXTS[:299], "later": TEXTS[1:]}[change]
    with pytest.raises(
        ValueError, match=r"^text 299 of the corpus is not the one that .*ids\.npy ends with; pass the corpus"
    ):
        stream.write(encoder, fastpost.Corpus.from_texts(texts, batch_size=100), out, resume=True)
    assert out.read_bytes() == before
    stream.write(encoder, fastpost.Corpus.from_texts(TEXTS, batch_size=100), out, resume=True)
    assert read(out) == wanted()


@pytest.mark.parametrize(
    "note",
    [
        "{",
        "[]",
        "\xff",
        '{"documents": -5}',
        '{"documents": "a"}',
        '{"dtype": "float64"}',
        '{"done": 1}',
        '{"more": 1}',
    ],
)
def test_a_damaged_note_is_told(files, note, capsys):
    out = files / "ids.npy"
    stream.write(fastpost.Encoder(files), fastpost.Corpus(files / "texts.txt"), out)
    out.with_name("ids.npy.json").write_bytes(note.encode("latin-1"))
    arguments = [
        "encode",
        "--tokenizer",
        str(files),
        "--corpus",
        str(files / "texts.txt"),
        "--out",
        str(out),
        "--resume",
    ]
    assert run(arguments) == 1
    assert "ids.npy.json is damaged; write the files anew" in capsys.readouterr().err
    assert read(out) == wanted()
