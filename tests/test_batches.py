"""Windows become batches by their number or by their tokens; results are the same either way."""

import numpy as np
import pytest

import fastpost
from fastpost.cli import main
from fastpost.models.batches import TOKENS, TOKENS_ON_CPU, Batching, Padding, Windows, choose_batching, forward
from onnx_models import LABELS, TEXT, logits_table, small_tokenizer, write_folder

TEXTS = [" ".join([TEXT] * (1 + n * 7 % 11)) for n in range(40)]


class Seen:
    """A model that records the shapes of its batches."""

    def __init__(self, device=None):
        self.tokenizer, self.labels, self.shapes, self.device = small_tokenizer(), LABELS, [], device

    def runner(self, batch):
        self.shapes.append(batch["input_ids"].shape)
        return logits_table()[batch["input_ids"]]


def shapes_of(lengths, **options):
    """Shapes of the batches that windows of these lengths are put into."""
    lengths = np.array(lengths)
    windows = Windows(lengths, {"input_ids": np.arange(lengths.sum())}, None)
    seen = []

    def run(batch):
        seen.append(batch["input_ids"].shape)
        return np.stack([batch["input_ids"]] * 2, axis=2).astype(np.float32)

    pad = Padding(**options.pop("pad", {}))
    found = forward(windows, run, Batching(options.pop("size", 1), pad, **options))
    assert sorted(found.order.tolist()) == list(range(len(lengths)))
    return seen


def test_as_many_windows_as_fit_padded_to_their_longest():
    assert shapes_of([5, 10, 3, 9, 1], tokens=20) == [(2, 10), (3, 5)]
    assert shapes_of([5, 10, 3, 9, 1], tokens=7) == [(1, 10), (1, 9), (1, 5), (2, 3)]  # at least one
    assert shapes_of([4] * 10, tokens=12) == [(3, 4)] * 3 + [(1, 4)]
    assert shapes_of([4, 2], tokens=12, pad={"width": 6}) == [(2, 6)]
    assert shapes_of([4] * 5, tokens=40, pad={"rows": 2}) == [(2, 4), (2, 4), (1, 4)]
    assert shapes_of([4, 4, 3], tokens=40, pad={"even": True}) == [(2, 4), (1, 3)]
    assert shapes_of([4] * 5, size=2) == [(2, 4), (2, 4), (1, 4)]


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"batch_size": 3}, {"batch_tokens": 4}, {"batch_size": "auto"}], ids=str
)
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_texts_without_a_token_are_not_shown_to_the_model(options, compat):
    """Tokenizers without special tokens make none of an empty text, and models fail on rows of no width."""
    model = Seen()
    model.tokenizer.post_processor = None
    pipe = fastpost.pipeline("ner", model=model, compat=compat, aggregation_strategy="simple", **options)
    model.shapes.clear()
    found = pipe(TEXT)
    assert len(found) == 2
    told = []
    assert pipe(["", TEXT, "", "", TEXT], progress=lambda items, *_: told.append(items)) == [[], found, [], [], found]
    assert pipe(["", ""], progress=lambda items, *_: told.append(items)) == [[], []]
    assert pipe("") == []
    assert sum(told) == 7
    assert all(width > 0 for _, width in model.shapes)


def test_windows_without_a_token_make_no_batch():
    lengths = [0, 2, 0]
    assert shapes_of(lengths) == [(1, 2)]
    assert shapes_of([0, 0]) == []
    assert shapes_of([3, 0], size=2, pad={"width": 4}) == [(1, 4)]


@pytest.fixture(scope="module")
def onnx(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("onnx"), config={"max_position_embeddings": 32})


@pytest.mark.parametrize("options", [{"batch_tokens": 64}, {"batch_tokens": 1}, {"batch_size": "auto"}])
@pytest.mark.parametrize("compat", ["fastpost", "transformers"])
def test_results_and_order_are_as_ever(options, compat, onnx):
    pipe = fastpost.pipeline("ner", model=onnx, compat=compat, aggregation_strategy="simple", stride=4)
    want = pipe(TEXTS, batch_size=3)
    assert sum(map(len, want)) > 40
    assert pipe(TEXTS, **options) == want
    assert list(pipe((text for text in TEXTS), **options)) == want
    made = fastpost.pipeline("ner", model=onnx, compat=compat, aggregation_strategy="simple", stride=4, **options)
    assert made(TEXTS) == want


def test_no_batch_holds_more_tokens_and_all_are_full():
    model = Seen()
    fastpost.pipeline("ner", model=model)(TEXTS * 30, batch_tokens=4096)
    sizes = [rows * width for rows, width in model.shapes]
    assert max(sizes) <= 4096
    # The last batch of a chunk may have fewer windows.
    assert sum(size > 4096 - 80 for size in sizes) >= len(sizes) - 4


@pytest.mark.parametrize(("device", "tokens"), [("cpu", TOKENS_ON_CPU), ("cuda:0", TOKENS), (None, TOKENS)])
def test_auto_is_chosen_by_the_device(device, tokens):
    model = Seen(device)
    pipe = fastpost.pipeline("ner", model=model, batch_size="auto")
    pipe([TEXT] * 3000)
    assert max(rows * width for rows, width in model.shapes) <= tokens
    assert max(rows * width for rows, width in model.shapes) > tokens - 10


def test_what_is_given_anew_takes_the_place_of_the_other():
    model = Seen()
    pipe = fastpost.pipeline("ner", model=model, batch_tokens=16)
    for options, rows in (({}, 2), ({"batch_size": 5}, 5), ({"batch_tokens": 24}, 3)):
        model.shapes.clear()
        pipe([TEXT] * 6, **options)
        assert model.shapes[0] == (rows, 8)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"batch_tokens": 0}, ValueError, "`batch_tokens` is 0; pass an int of at least 1"),
        ({"batch_tokens": True}, TypeError, "`batch_tokens` is True.*; pass an int"),
        ({"batch_tokens": "auto"}, TypeError, "`batch_tokens` is 'auto'.*; pass an int"),
        ({"batch_size": "all"}, ValueError, "`batch_size` is 'all'.*; pass an int"),
        ({"batch_size": 2.0}, (TypeError, ValueError), "`batch_size` is 2.0.*; pass an int"),
        (
            {"batch_size": 4, "batch_tokens": 8},
            ValueError,
            "`batch_tokens` is 8 and `batch_size` is 4; pass one of the two",
        ),
        (
            {"batch_size": "auto", "batch_tokens": 8},
            ValueError,
            "`batch_tokens` is 8 and `batch_size` is 'auto'; pass one",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_a_pipeline_is_made_and_in_a_call(options, kind, words):
    with pytest.raises(kind, match=words):
        fastpost.pipeline("ner", model=Seen(), **options)
    with pytest.raises(kind, match=words):
        fastpost.pipeline("ner", model=Seen())(TEXT, **options)
    with pytest.raises(kind, match=words):
        choose_batching(options.get("batch_size"), options.get("batch_tokens"), Padding(), "cpu")


@pytest.mark.parametrize(
    ("options", "rows"), [({"batch_size": np.int64(2)}, 2), ({"batch_tokens": np.int32(24)}, 3)], ids=str
)
def test_integers_of_numpy_are_sizes(options, rows):
    for made, called in ((options, {}), ({}, options)):
        model = Seen()
        pipe = fastpost.pipeline("ner", model=model, **made)
        model.shapes.clear()
        pipe([TEXT] * 6, **called)
        assert model.shapes[0] == (rows, 8)


def test_torch_takes_them_as_well(rampart_torch_dir, monkeypatch):
    pytest.importorskip("torch")
    texts = [f"My name is Anna Schmidt, {n} " * (1 + n % 5) for n in range(12)]
    pipe = fastpost.pipeline("ner", model=rampart_torch_dir, compat="fastpost")
    plain = lambda found: [[(e["start"], e["end"], e["entity_group"]) for e in text] for text in found]  # noqa: E731
    want = plain(pipe(texts, batch_size=1))
    assert sum(map(len, want)) > 20
    shapes = []
    forward = pipe.model.forward
    monkeypatch.setattr(
        pipe.model, "forward", lambda **given: shapes.append(given["input_ids"].shape) or forward(**given)
    )
    for options in ({"batch_tokens": 128}, {"batch_size": "auto"}):
        shapes.clear()
        assert plain(pipe(texts, **options)) == want
        assert max(rows * width for rows, width in shapes) <= (options.get("batch_tokens") or TOKENS_ON_CPU)
    made = fastpost.pipeline("ner", model=rampart_torch_dir, compat="fastpost", batch_tokens=128)
    assert plain(made(texts)) == plain(made(texts, batch_size=2)) == want
    assert made.report()["path"] == "fastpost"
    with pytest.raises(ValueError, match="`batch_tokens` is 8 and `batch_size` is 4; pass one of the two"):
        pipe(texts, batch_tokens=8, batch_size=4)
    with pytest.raises(ValueError, match="`batch_tokens` is 8 and `batch_size` is 4; pass one of the two"):
        fastpost.pipeline("ner", model=rampart_torch_dir, batch_tokens=8, batch_size=4)
    with pytest.raises(ValueError, match="`batch_tokens` is 0; pass an int of at least 1"):
        pipe(texts, batch_tokens=0)
    pipe.postprocess = pipe.postprocess  # a step of the caller's own
    with pytest.raises(ValueError, match="`batch_tokens` is 8, but `postprocess` is overridden, so batches are transf"):
        pipe(texts, batch_tokens=8, compat="transformers")


def test_the_command_line_takes_them(onnx, tmp_path, capfd):
    source = tmp_path / "x.txt"
    source.write_text("\n".join(TEXTS))
    outputs = []
    for options in (["--batch-size", "2"], ["--batch-tokens", "64"], ["--batch-size", "auto"]):
        out = tmp_path / f"{len(outputs)}.jsonl"
        assert main(["ner", str(source), "--model", str(onnx), "--quiet", "--out", str(out), *options]) == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0].count(b'"label":"PER"') > 40
    capfd.readouterr()
    for options, words in (
        (
            ["--batch-size", "2", "--batch-tokens", "64"],
            "--batch-tokens is 64 and --batch-size is 2; pass one of the two",
        ),
        (["--batch-size", "0"], "--batch-size is 0; pass a number from 1 on, or auto"),
        (["--batch-size", "many"], "--batch-size is many; pass a number from 1 on, or auto"),
    ):
        assert main(["ner", str(source), "--model", str(onnx), *options]) == 2
        assert words in capfd.readouterr().err


def test_engines_take_them(onnx):
    from fastpost.integrations.reader import EntityReader

    want = EntityReader(str(onnx))(TEXTS)
    for options in ({"batch_tokens": 64}, {"batch_size": "auto"}):
        assert EntityReader(str(onnx), **options)(TEXTS) == want
    rows = {"text": TEXTS}
    want = fastpost.ner_udf(str(onnx))(rows)
    shapes = fastpost.pipeline("ner", model=Seen(), compat="fastpost")
    for given in ({"batch_tokens": 64}, {"call": {"batch_tokens": 64}}, {"batch_size": "auto"}):
        assert fastpost.ner_udf(str(onnx), **given)(rows) == want
    fastpost.ner_udf(shapes, call={"batch_tokens": 64})(rows)
    assert max(rows * width for rows, width in shapes.model.shapes[1:]) <= max(64, 6 * 11 + 2)
