"""Ray Data and Spark on this machine give for wikigold what one process gives."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import fastpost
import pages
from conftest import ROOT

ray = pytest.importorskip("ray")
pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def texts(wikigold_sentences):
    """Sentences, an empty text, a null text, other scripts."""
    sentences = [" ".join(words) for words in wikigold_sentences[:120]]
    return [*sentences, "", None, "My name is Anna Schmidt and I live in London. 王伟 😀", "👋 Call 718-555-0199."]


@pytest.fixture(scope="module")
def want(texts, rampart_dir):
    """The pipeline's results in this process, one text at a time; `None` for a null text."""
    pipe = fastpost.pipeline(
        "ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", compat="fastpost"
    )
    return [
        None if text is None else [(row["start"], row["end"], row["entity_group"], row["score"]) for row in pipe(text)]
        for text in texts
    ]


@pytest.fixture(scope="module")
def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


@pytest.fixture(scope="module")
def alone(texts, tokenizer):
    """The tokenizer that one machine trains on the same texts."""
    return fastpost.train_new_from_iterator(tokenizer, [text for text in texts if text is not None], 600).to_str()


@pytest.fixture(scope="module")
def local_ray():
    ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)  # a pretended GPU
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def local_spark():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "16")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.executorEnv.TOKENIZERS_PARALLELISM", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def assert_same(rows, texts, want):
    assert [row["text"] for row in rows] == texts
    assert [row["id"] for row in rows] == list(range(len(texts)))
    count = 0
    for row, expected in zip(rows, want, strict=True):
        if expected is None:
            assert row["entities"] is None
            continue
        got = [(one["start"], one["end"], one["label"], one["score"]) for one in row["entities"]]
        assert [one[:3] for one in got] == [one[:3] for one in expected]
        assert [one[3] for one in got] == pytest.approx([one[3] for one in expected], abs=1e-4)
        count += len(got)
    assert count > 50


def table_of(texts):
    return pa.table({"id": pa.array(range(len(texts)), pa.int64()), "text": pa.array(texts, pa.string())})


def test_ray_entities(local_ray, texts, want, rampart_dir):
    ds = ray.data.from_arrow([table_of(texts).slice(0, 50), table_of(texts).slice(50)])
    ds = ds.map_batches(
        fastpost.ray.EntityPredictor,
        fn_constructor_kwargs={"model": str(rampart_dir)},
        batch_format="pyarrow",
        batch_size=20,
        concurrency=2,
    )
    assert ds.schema().base_schema.field("entities").type == pa.list_(
        pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("score", pa.float32())])
    )
    rows = sorted(ds.take_all(), key=lambda row: row["id"])
    assert_same(rows, texts, want)


def devices_told(options, **resources):
    """The device that a predictor with these options passes to `fastpost.pipeline`, and the GPUs that its worker sees."""

    class Told(fastpost.ray.EntityPredictor):
        def __init__(self, **options):
            from fastpost.integrations import reader

            told = []

            def pipeline(task, **arguments):
                told.append(repr({name: arguments.get(name) for name in ("device", "device_map", "providers")}))
                return len

            reader.pipeline = pipeline
            super().__init__("a model", **options)
            self.told = told[0]

        def __call__(self, batch):
            return pa.table({"told": [self.told], "sees": [os.environ.get("CUDA_VISIBLE_DEVICES")]})

    ds = ray.data.from_arrow(table_of(["a"])).map_batches(
        Told, fn_constructor_kwargs=options, batch_format="pyarrow", batch_size=8, concurrency=1, **resources
    )
    (row,) = ds.take_all()
    return ast.literal_eval(row["told"]), row["sees"]


@pytest.mark.parametrize(
    ("options", "gpus", "told"),
    [
        ({}, 1, {"device": 0}),
        ({}, 0.5, {"device": 0}),
        ({}, 0, {}),
        ({"device": "cpu"}, 1, {"device": "cpu"}),
        ({"device": "cuda"}, 1, {"device": "cuda"}),
        ({"device_map": "auto"}, 1, {"device_map": "auto"}),
        ({"providers": ["TensorrtExecutionProvider"]}, 1, {"providers": ["TensorrtExecutionProvider"]}),
    ],
)
def test_ray_gpus_reach_the_model(local_ray, options, gpus, told):
    nothing = {"device": None, "device_map": None, "providers": None}
    asked, seen = devices_told(options, num_gpus=gpus)
    assert asked == {**nothing, **told}
    assert seen == "0" or not gpus


def test_a_gpu_that_is_not_there_is_told(local_ray, rampart_dir, rampart_torch_dir):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    for model, words in (
        (rampart_dir, r"`device` is 0, but this ONNX Runtime .+ has .+, not CUDAExecutionProvider"),
        (rampart_torch_dir, "this worker was given GPU 0, but torch sees none; install torch for it"),
    ):
        for options in ({}, {"device": "cpu"}):
            ds = ray.data.from_arrow(table_of(["My name is Anna Schmidt."])).map_batches(
                fastpost.ray.EntityPredictor,
                fn_constructor_kwargs={"model": str(model), **options},
                batch_format="pyarrow",
                batch_size=8,
                concurrency=1,
                num_gpus=1,
            )
            if options:
                (row,) = ds.take_all()
                assert [one["label"] for one in row["entities"]] == ["GIVEN_NAME", "SURNAME"]
                continue
            with pytest.raises(Exception, match=words):
                ds.take_all()


def test_ray_word_counts(local_ray, texts, tokenizer, alone):
    ds = ray.data.from_arrow([table_of(texts).slice(0, 50), table_of(texts).slice(50, 1), table_of(texts).slice(51)])
    counts = fastpost.ray.word_counts(ds, tokenizer)
    assert counts == fastpost.WordCounts.from_corpus(tokenizer, [text for text in texts if text is not None])
    assert counts.train(600).to_str() == alone


def test_spark_entities(local_spark, texts, want, rampart_dir):
    df = local_spark.createDataFrame(list(enumerate(texts)), "id long, text string").repartition(3)
    schema = fastpost.spark.schema(df)
    found = df.mapInArrow(fastpost.spark.entities(model=str(rampart_dir), column="text"), schema=schema)
    rows = [row.asDict(recursive=True) for row in found.orderBy("id").collect()]
    assert_same(rows, texts, want)


def test_spark_characters_are_those_of_substring(local_spark, rampart_dir):
    text = "👋 My name is Anna Schmidt and I live in London. 王伟 😀"
    df = local_spark.createDataFrame([(text,)], "text string")
    found = df.mapInArrow(fastpost.spark.entities(str(rampart_dir)), schema=fastpost.spark.schema(df))
    words = found.selectExpr("text", "explode(entities) as e").selectExpr(
        "substring(text, e.start + 1, e.end - e.start) w"
    )
    assert [row.w for row in words.collect()][:3] == ["Anna", "Schmidt", "London"]


def test_spark_loads_a_model_once_a_worker(local_spark, rampart_dir):
    import pyspark.sql.functions as F  # noqa: N812

    df = local_spark.range(8).select(F.lit("My name is Anna Schmidt.").alias("text")).repartition(8)
    add_entities = fastpost.spark.entities(str(rampart_dir))

    def readers(batches):
        from fastpost.integrations import spark

        for batch in batches:
            (added,) = add_entities(iter([batch]))
            (reader,) = spark._READERS.values()
            count = added.num_rows
            yield pa.record_batch(
                {"process": pa.array([os.getpid()] * count), "reader": pa.array([id(reader)] * count)}
            )

    seen = {(row.process, row.reader) for row in df.mapInArrow(readers, "process long, reader long").collect()}
    assert len(seen) == len({process for process, _ in seen}) <= 2


def test_spark_word_counts(local_spark, texts, tokenizer, alone):
    df = local_spark.createDataFrame(list(enumerate(texts)), "id long, text string").repartition(5)
    counts = fastpost.spark.word_counts(df, tokenizer)
    assert counts == fastpost.WordCounts.from_corpus(tokenizer, [text for text in texts if text is not None])
    assert counts.train(600).to_str() == alone
    empty = df.where("id < 0")
    assert len(fastpost.spark.word_counts(empty, tokenizer)) == 0


GPU_JOB = """
import sys

import fastpost
from pyspark.sql import SparkSession

settings = {
    "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false", "spark.executor.memory": "512m",
    "spark.worker.resource.gpu.amount": "2", "spark.worker.resource.gpu.discoveryScript": sys.argv[1],
    "spark.executor.resource.gpu.amount": "2", "spark.task.resource.gpu.amount": "1",
}
session = SparkSession.builder.master("local-cluster[1,2,1024]").config(map=settings).getOrCreate()


def told(options):
    def run(batches):
        import fastpost
        from fastpost.integrations import reader, spark
        import pyarrow as pa

        asked = []
        reader.pipeline = lambda task, **arguments: asked.append(arguments.get("device")) or (lambda texts: [[]] * len(texts))
        spark._READERS.clear()
        for batch in batches:
            list(fastpost.spark.entities("a model", **options)(iter([batch])))
            yield pa.record_batch({"device": pa.array(list(map(repr, asked)))})
            asked.clear()

    return run


texts = session.createDataFrame([("a",)] * 8, "text string").repartition(4)
for options in ({}, {"device": "cpu"}):
    print("told", sorted({row.device for row in texts.mapInArrow(told(options), "device string").collect()}))
session.stop()
"""


def test_spark_gpus_reach_the_model(tmp_path):
    """A cluster with two pretended GPUs at addresses 2 and 5; a task has one of them."""
    import pyspark

    script = tmp_path / "gpus.sh"
    script.write_text('#!/bin/sh\necho \'{"name": "gpu", "addresses": ["2", "5"]}\'\n')
    script.chmod(0o755)
    work = Path(pyspark.__file__).parent / "work"
    was_there = work.exists()
    done = subprocess.run(
        [sys.executable, "-c", GPU_JOB, script],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
    )
    if not was_there:
        shutil.rmtree(work, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("told")] == [
        "told ['2', '5']",
        """told ["'cpu'"]""",
    ]


def test_spark_replaces_a_column_of_that_name(local_spark, rampart_dir):
    df = local_spark.createDataFrame([("My name is Anna Schmidt.", 1)], "text string, entities int")
    found = df.mapInArrow(fastpost.spark.entities(str(rampart_dir)), schema=fastpost.spark.schema(df))
    assert found.columns == ["text", "entities"]
    assert len(found.collect()[0]["entities"]) == 2


def test_what_is_wrong_is_told(local_ray, local_spark, rampart_dir, tokenizer):
    predictor = fastpost.ray.EntityPredictor(str(rampart_dir), column="body")
    with pytest.raises(ValueError, match="`column` is 'body', but the columns are `id`, `text`"):
        predictor(table_of(["a"]))
    with pytest.raises(TypeError, match=r'a batch came as a dict; pass batch_format="pyarrow"'):
        predictor({"body": ["a"]})
    with pytest.raises(TypeError, match="`column` is 'id', which holds int64"):
        fastpost.ray.EntityPredictor(str(rampart_dir), column="id")(table_of(["a"]))
    df = local_spark.createDataFrame([("a",)], "text string")
    with pytest.raises(ValueError, match="`column` is 'body', but the columns are `text`"):
        fastpost.spark.word_counts(df, tokenizer, column="body")
    unsplit = Tokenizer(models.BPE())
    for count in (lambda: fastpost.spark.word_counts(df, unsplit), lambda: fastpost.ray.word_counts(None, unsplit)):
        with pytest.raises(ValueError, match="no pre-tokenizer"):
            count()


def test_a_failure_in_a_worker_comes_back(local_ray, local_spark, rampart_dir, tokenizer):
    ds = ray.data.from_arrow(table_of(["a"]))
    with pytest.raises(Exception, match="`column` is 'body', but the columns are `id`, `text`"):
        fastpost.ray.word_counts(ds, tokenizer, column="body")
    df = local_spark.createDataFrame([("a",)], "text string")
    mapper = fastpost.spark.entities(str(rampart_dir), column="body")
    with pytest.raises(Exception, match="`column` is 'body', but the columns are `text`"):
        df.mapInArrow(mapper, schema=fastpost.spark.schema(df)).collect()


def test_the_page(local_ray, local_spark, rampart_dir):
    assert pages.check("engines.md", MODEL=str(rampart_dir)) == 4


@pytest.mark.parametrize("job", ["ray_job.py", "spark_job.py"])
def test_the_examples(job, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / job, tmp_path], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (pages.DOCS / "engines.md").read_text(encoding="utf-8")
    printed = [line for line in done.stdout.splitlines() if line.startswith(("entities:", "WordCounts("))]
    assert len(printed) == 2
    assert "\n".join(printed) in page
    assert (tmp_path / "tokenizer.json").exists()
    assert list((tmp_path / "entities").glob("*.parquet"))
