"""`ner_udf` in real Hugging Face datasets."""

import pickle

import pytest

import fastpost
from oracle import lookup_model
from small_tokenizers import SENTENCES, fast

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")

LABELS = ("O", "B-PER", "I-PER", "B-date-time", "I-date-time", "B-LOC")
TEXTS = [*SENTENCES, "", "x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small real model with its tokenizer."""
    from oracle import tiny_bert

    folder = tmp_path_factory.mktemp("model")
    tokenizer = fast("wordpiece-uncased")
    tiny_bert(LABELS, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def free(**options):
    tokenizer = fast("wordpiece-uncased")
    return fastpost.TokenClassificationPipeline(
        model=lookup_model(LABELS, len(tokenizer)), tokenizer=tokenizer, device=-1, **options
    )


def wanted(pipe, texts=TEXTS, **options):
    return [
        [
            {"start": e["start"], "end": e["end"], "label": e.get("entity_group", e.get("entity")), "score": e["score"]}
            for e in found
        ]
        for found in pipe(texts, **options)
    ]


def rows():
    return datasets.Dataset.from_dict({"id": list(range(len(TEXTS))), "text": TEXTS})


@pytest.mark.parametrize("strategy", ["none", "simple", "first"])
def test_map(strategy):
    pipe = free()
    find = fastpost.ner_udf(pipe, aggregation_strategy=strategy)
    source = rows()
    mapped = source.map(find, batched=True, batch_size=3, features=find.features(source.features))
    assert mapped.column_names == ["id", "text", "entities"]
    assert list(mapped["entities"]) == wanted(pipe, aggregation_strategy=strategy)
    assert any(mapped["entities"])
    assert mapped.features == find.features(source.features)
    record = mapped.data.schema.field("entities").type.value_type
    assert str(record) == "struct<start: int64, end: int64, label: string, score: float>"


def test_map_in_the_arrow_format():
    pipe = free()
    find = fastpost.ner_udf(pipe, output="found")
    mapped = rows().with_format("arrow").map(find, batched=True, batch_size=3)
    assert mapped.features == find.features(rows().features)
    assert list(mapped.with_format(None)["found"]) == wanted(pipe)
    again = mapped.map(find, batched=True)  # replaces the column
    assert again.column_names == ["id", "text", "found"]


def test_empty_lists_come_first():
    """A type that is inferred from the first batch would be null."""
    source = datasets.Dataset.from_dict({"text": [""] * 5 + TEXTS})
    find = fastpost.ner_udf(free())
    mapped = source.map(find, batched=True, batch_size=2, writer_batch_size=2, features=find.features(source.features))
    assert list(mapped["entities"])[5:] == wanted(free())


def test_map_without_features():
    """The README's call: the first thousand texts have no entity, and the last batch has only null texts."""
    source = datasets.Dataset.from_dict({"text": [""] * 1001 + TEXTS + [None] * 3})
    find = fastpost.ner_udf(free())
    for options in ({"batch_size": 1000}, {"writer_batch_size": 5}, {"remove_columns": ["text"]}):
        mapped = source.map(find, batched=True, load_from_cache_file=False, **options)
        assert mapped.features["entities"] == find.features()["entities"]
        assert list(mapped["entities"])[1001:] == [*wanted(free()), None, None, None]
    nothing = datasets.Dataset.from_dict({"text": ["", None]}).map(find, batched=True)
    assert nothing.features["entities"] == find.features()["entities"]


@pytest.mark.parametrize("form", ["pandas", "polars", "numpy", "arrow", "torch"])
def test_each_format(form):
    if form == "polars":
        pytest.importorskip("polars")
    source = datasets.Dataset.from_dict({"text": [*TEXTS, None]})
    mapped = source.with_format(form).map(fastpost.ner_udf(free()), batched=True).with_format(None)
    assert mapped.features["entities"] == fastpost.ner_udf(free()).features()["entities"]
    assert list(mapped["entities"]) == [*wanted(free()), None]
    assert list(mapped["text"]) == [*TEXTS, None]


def test_a_stream():
    find = fastpost.ner_udf(free())
    mapped = rows().to_iterable_dataset().map(find, batched=True, batch_size=4)
    assert [row["entities"] for row in mapped] == wanted(free())


@pytest.mark.parametrize("processes", [None, 2])
def test_a_folder_in_each_process(folder, processes):
    find = fastpost.ner_udf(folder, batch_size=4, device=-1, call={"ignore_labels": []})
    source = rows()
    mapped = source.map(find, batched=True, num_proc=processes, features=find.features(source.features))
    want = wanted(fastpost.pipeline("ner", model=folder, device=-1, compat="fastpost"), ignore_labels=[])
    got = list(mapped["entities"])
    assert [[e["label"] for e in found] for found in got] == [[e["label"] for e in found] for found in want]
    assert [[e["start"] for e in found] for found in got] == [[e["start"] for e in found] for found in want]
    assert any(got)


def test_it_pickles_as_its_arguments(folder):
    find = fastpost.ner_udf(folder, device=-1)
    before = pickle.dumps(find)
    find({"text": TEXTS})
    assert pickle.dumps(find) == before
    assert len(before) < 1000
    assert repr(pickle.loads(before)) == f"<ner_udf: {folder}, column 'text' -> 'entities'>"


def test_the_same_function_is_not_computed_twice(folder):
    """The fingerprint, which names the cache file, does not change with use."""
    from datasets.fingerprint import Hasher

    find = fastpost.ner_udf(folder, device=-1)
    before = Hasher.hash(find)
    find({"text": TEXTS})
    assert Hasher.hash(find) == before == Hasher.hash(fastpost.ner_udf(folder, device=-1))
    assert Hasher.hash(fastpost.ner_udf(folder, device=-1, aggregation_strategy="max")) != before


def test_a_pipeline_is_called_with_its_own_options():
    for options in (
        {},
        {"aggregation_strategy": "simple"},
        {"compat": "fastpost"},
        {"compat": "fastpost", "threshold": 0.6},
    ):
        pipe = free(**options)
        assert fastpost.ner_udf(pipe)({"text": TEXTS})["entities"] == wanted(pipe)


def test_null_texts_pass_through():
    pipe, texts = free(compat="fastpost"), ["Sylvain works", None, "", None]
    find = fastpost.ner_udf(pipe)
    found = find({"text": texts})["entities"]
    assert found[1] is found[3] is None
    assert found[0] == wanted(pipe, texts=["Sylvain works"])[0]
    assert found[2] == []
    source = datasets.Dataset.from_dict({"text": texts})
    for mapped in (
        source.map(find, batched=True, batch_size=2, features=find.features(source.features)),
        source.with_format("arrow").map(find, batched=True, batch_size=2).with_format(None),
    ):
        assert [row is None for row in mapped["entities"]] == [False, True, False, True]
    assert find({"text": [None]}) == {"entities": [None]}


def test_bad_input():
    find = fastpost.ner_udf(free())
    with pytest.raises(ValueError, match=r"the batch has no column `text`; it has `words`, `id`\. Pass `column`"):
        find({"words": ["a"], "id": [1]})
    with pytest.raises(TypeError, match="the batch is a single record; call map with batched=True"):
        rows().map(find)
    with pytest.raises(TypeError, match="the batch is a list"):
        find(["a"])
    with pytest.raises(TypeError, match="`device` is given, but `model` is a pipeline"):
        fastpost.ner_udf(free(), device=0)
    series = pytest.importorskip("pandas").Series(["a"])
    for given in (series, pytest.importorskip("polars").Series(["a"])):
        with pytest.raises(
            TypeError, match="the batch is a Series, not records of lists, a data frame or an Arrow table"
        ):
            find(given)
    for given in ({"batch_tokens": 9}, {"call": {"batch_tokens": 9}}):
        with pytest.raises(ValueError, match="`batch_tokens` is 9 and `batch_size` is 4; pass one of the two"):
            fastpost.ner_udf("folder", batch_size=4, **given)
    assert find({"text": []}) == {"entities": []}
