"""Columns out: Arrow and JSON of 64 windows, beside decoding them, and beside pyarrow and json from dicts."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import orjson
import pyarrow as pa
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

import fastpost
from bench_entities import PERSONAL, wikigold_documents
from harness import Row, machine, pair, print_table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import rampart  # noqa: E402

WINDOWS = 64
SCHEMA = pa.schema(
    [
        ("text_index", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.float32()),
        ("word", pa.string()),
    ]
)


def batch(folder: Path) -> tuple[fastpost.EntityDecoder, fastpost.EntityDecoder, dict]:
    """A decoder that prints tokens, one that cuts words out of the text, and 64 windows of 512 tokens for them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    text = " ".join(PERSONAL + document[:900] for document in wikigold_documents()[:8])
    read = tokenizer(
        text,
        truncation=True,
        max_length=512,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        logits = model(input_ids=read["input_ids"]).logits
    names = {"offsets": "offset_mapping", "special_tokens_mask": "special_tokens_mask", "input_ids": "input_ids"}
    arrays = {ours: read[name].repeat(WINDOWS, *[1] * (read[name].ndim - 1)).numpy() for ours, name in names.items()}
    arguments = {"logits": logits.repeat(WINDOWS, 1, 1).numpy(), "texts": [text] * WINDOWS, **arrays}
    decoders = [
        fastpost.EntityDecoder(
            model.config.id2label, aggregation_strategy="simple", compat="transformers", tokenizer=given
        )
        for given in (tokenizer, None)
    ]
    return decoders[0], decoders[1], arguments


def from_dicts(entities: fastpost.Entities) -> pa.Table:
    """The same table with pyarrow, from the dicts."""
    rows = []
    for text_index, text in enumerate(entities.to_dicts()):
        for entity in text:
            rows.append({**entity, "text_index": text_index, "label": entity["entity_group"]})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def main() -> None:
    """Prints the tables."""
    warnings.simplefilter("ignore")
    printing, cutting, arguments = batch(rampart.convert(ROOT / ".cache" / "rampart-torch"))
    print(machine())
    beside, columns = [], []
    for name, decoder in (("words as the tokenizer prints them", printing), ("words cut out of the text", cutting)):
        found = decoder.decode(**arguments)
        if (
            found.to_arrow().to_pylist() != from_dicts(found).to_pylist()
            or json.loads(found.to_json()) != found.to_dicts()
        ):
            sys.exit("results differ; nothing was timed")
        alone, both = pair(
            lambda decoder=decoder: decoder.decode(**arguments),
            lambda decoder=decoder: decoder.decode(**arguments).__arrow_c_stream__(),
            40,
        )
        work = f"decode {WINDOWS} windows, Arrow out ({len(found)} entities), {name}"
        beside.append(Row(work, "decode alone", alone, both, "at least 0.91x"))
        slow, fast = pair(lambda found=found: from_dicts(found), found.__arrow_c_stream__, 15, 10)
        columns.append(Row(f"Arrow, {name}", f"pyarrow {pa.__version__} from dicts", slow, fast, "100x"))
        slow, fast = pair(lambda found=found: json.dumps(found.to_dicts()), found.to_json, 15, 10)
        columns.append(Row(f"JSON, {name}", "json.dumps(to_dicts())", slow, fast, "5x"))
        slow, fast = pair(lambda found=found: orjson.dumps(found.to_dicts()), found.to_json, 15, 10)
        columns.append(Row(f"JSON, {name}", f"orjson {orjson.__version__}, to_dicts()", slow, fast))
    print_table(f"Entities to Arrow: {WINDOWS} windows of 512 tokens, 35 labels", beside)
    print_table("The same from dicts", columns)


if __name__ == "__main__":
    main()
