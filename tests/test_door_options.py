"""Options given together mean the same in every door: pipelines, maps, engines and commands give what the decoder gives.

tests/test_options.py has each option by itself, beside the ONNX pipeline.
"""

import json

import numpy as np
import pytest

import fastpost

MAIL = "Call Kristjánsdóttir at 718-555-0199 or mail jose.alvarez@example.org, Anna's address in Müller-Straße 5."
TEXTS = [" ".join([MAIL] * 3), "", "my name is anna.call me", MAIL]
WINDOWS = {"max_length": 24, "stride": 6}
"""A text of `TEXTS` has several of these."""

OPTIONS = {
    "tokens of a batch": {**WINDOWS, "batch_tokens": 64},
    "union": {**WINDOWS, "window_merge": "union", "aggregation_strategy": "simple"},
    "none": {"aggregation_strategy": "none", "ignore_labels": ["O", "B-PHONE"]},
    "first": {"aggregation_strategy": "first", "ignore_labels": ["O", "EMAIL"]},
    "max": {"aggregation_strategy": "max", "threshold": {"PHONE": 0.9999999, "EMAIL": 0.5}},
    "run": {"aggregation_strategy": "simple", "join": "run", "snap": None, "outside_bias": 6.0},
}
OF_MODEL = ("max_length", "stride", "batch_tokens")


@pytest.fixture(scope="module")
def decoded(rampart_dir):
    """What the decoder gives for options, over windows that `tokenizers` cuts: its entities as `places` has them."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from tokenizers import Tokenizer

    names = json.loads((rampart_dir / "config.json").read_text())["id2label"]
    session = onnxruntime.InferenceSession(rampart_dir / "onnx" / "model_q4.onnx", providers=["CPUExecutionProvider"])

    def logits_of(encoding):
        ids = np.array([encoding.ids])
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return session.run(["logits"], {node.name: known[node.name] for node in session.get_inputs()})[0][0]

    known_results = {}

    def decode(options):
        if repr(options) not in known_results:
            known_results[repr(options)] = decode_anew(options)
        return known_results[repr(options)]

    def decode_anew(options):
        tokenizer = Tokenizer.from_file(str(rampart_dir / "tokenizer.json"))
        tokenizer.enable_truncation(options.get("max_length", 512), stride=options.get("stride", 0))
        windows, numbers = [], []
        for number, text in enumerate(TEXTS):
            first = tokenizer.encode(text)
            windows += [first, *first.overflowing]
            numbers += [number] * (1 + len(first.overflowing))
        asked = {name: value for name, value in options.items() if name not in OF_MODEL}
        decoder = fastpost.EntityDecoder(names, **asked)
        found = decoder.decode([logits_of(window) for window in windows], windows, TEXTS, windows=numbers)
        return [places(one, None) for one in found.to_dicts()]

    return decode


def places(entities, exact=1e-5):
    """(start, end, label, score) of dicts or records; the score as a number if none other is to be near it."""
    rows = []
    for one in entities:
        one = one if isinstance(one, dict) else one._asdict()
        label = one.get("entity_group") or one.get("entity") or one["label"]
        score = pytest.approx(one["score"], abs=exact) if exact else one["score"]
        rows.append((one["start"], one["end"], label, score))
    return rows


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_changes_what_is_found(name, decoded):
    """Where it did not, the tests below would hold for a door that does not know it."""
    given = OPTIONS[name]
    assert sum(map(len, decoded(given))) > 5
    for option in given.keys() - {"stride", "batch_tokens"}:
        gone = {option, "ignore_labels"} if option == "aggregation_strategy" else {option}  # which speaks of its labels
        assert decoded({other: value for other, value in given.items() if other not in gone}) != decoded(given), option


# --- doors ----------------------------------------------------------------------------------------


def ask_onnx(folder, options, tmp_path):
    return fastpost.pipeline("ner", model=folder, compat="fastpost", **options)(TEXTS)


def ask_map(folder, options, tmp_path):
    return fastpost.ner_udf(folder, **options)({"text": TEXTS})["entities"]


def ask_arrow_map(folder, options, tmp_path):
    pa = pytest.importorskip("pyarrow")
    return fastpost.ner_udf(folder, **options)(pa.table({"text": TEXTS}))["entities"].to_pylist()


def ask_datasets(folder, options, tmp_path):
    datasets = pytest.importorskip("datasets", exc_type=ImportError)
    rows = datasets.Dataset.from_dict({"text": TEXTS}).map(fastpost.ner_udf(folder, **options), batched=True)
    return rows["entities"]


def ask_ray(folder, options, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from fastpost.integrations.ray import EntityPredictor

    return EntityPredictor(folder, **options)(pa.table({"text": TEXTS}))["entities"].to_pylist()


def ask_spark(folder, options, tmp_path):
    pytest.importorskip("pyspark")
    import pyarrow as pa

    (batch,) = fastpost.spark.entities(folder, **options)([pa.record_batch({"text": TEXTS})])
    return batch["entities"].to_pylist()


def ask_presidio(folder, options, tmp_path):
    pytest.importorskip("presidio_analyzer")
    return fastpost.presidio.FastpostRecognizer(folder, **options)._reader(TEXTS)


def ask_spacy(folder, options, tmp_path):
    spacy = pytest.importorskip("spacy")
    import fastpost.spacy  # noqa: F401  the factory

    own = {name: value for name, value in options.items() if name == "aggregation_strategy"}
    rest = {name: value for name, value in options.items() if name not in own}
    config = {"model": str(folder), **own, "options": rest}
    return spacy.blank("en").add_pipe("fastpost_ner", config=config)._reader(TEXTS)


def command(folder, options, tmp_path, out):
    from typer.testing import CliRunner

    from fastpost.cli.app import build_app

    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    arguments = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "ignore_labels":
            arguments += [word for label in value for word in ("--ignore-label", label)]
        elif isinstance(value, dict):
            arguments += [word for label, least in value.items() for word in (flag, f"{label}={least}")]
        else:
            arguments += [f"--no-{name}"] if value is None else [flag, str(value)]
    words = ["ner", str(tmp_path / "in.jsonl"), "--model", str(folder), "-q", "--out", str(out), *arguments]
    done = CliRunner().invoke(build_app(), words)
    assert done.exit_code == 0, done.output


def ask_lines(folder, options, tmp_path):
    command(folder, options, tmp_path, tmp_path / "out.jsonl")
    return [json.loads(line)["entities"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def ask_parquet(folder, options, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    command(folder, options, tmp_path, tmp_path / "out.parquet")
    found = [[] for _ in TEXTS]
    for row in parquet.read_table(tmp_path / "out.parquet").to_pylist():
        found[row["text_index"]].append(row)
    return found


DOORS = [
    ask_onnx, ask_map, ask_arrow_map, ask_datasets, ask_ray, ask_spark, ask_presidio, ask_spacy, ask_lines, ask_parquet,
]  # fmt: skip


@pytest.mark.parametrize("ask", DOORS, ids=lambda ask: ask.__name__[4:])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_door_gives_what_the_decoder_gives(name, ask, decoded, rampart_dir, tmp_path):
    found = ask(rampart_dir, OPTIONS[name], tmp_path)
    assert [places(one) for one in found] == decoded(OPTIONS[name])


@pytest.mark.parametrize("name", OPTIONS)
def test_the_torch_pipeline_gives_what_the_decoder_gives(name, decoded, rampart_torch_dir):
    """Its weights are those of four bits, written out, so that its logits differ in the last digits."""
    pipe = fastpost.pipeline("ner", model=str(rampart_torch_dir), device=-1, compat="fastpost", **OPTIONS[name])
    assert [places(one, 1e-4) for one in pipe(TEXTS)] == decoded(OPTIONS[name])
