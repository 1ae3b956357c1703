"""Entities beside transformers: decoding, whole pipelines, import time, memory of a stream.

python benches/python/bench_entities.py [--lengths] [--json FILE]
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, BertForTokenClassification
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.pipelines.token_classification import AggregationStrategy

import fastpost
from harness import Row, duration, machine, options, pair, print_table, write_json

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import rampart  # noqa: E402

PEER = f"transformers {transformers.__version__}"
STRATEGIES = ("none", "simple", "first", "average", "max")
PERSONAL = (
    "My name is Sarah Johnson and I live at 123 Main Street, Springfield, IL 62704. Call me at 217-555-0182 "
    "or write to sarah.johnson@example.com. My SSN is 456-78-1234. "
)


def wikigold_documents() -> list[str]:
    """154 documents of 12 sentences."""
    text = (ROOT / "tests" / "data" / "wikigold.conll.txt").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    sentences = [" ".join(line.split(" ")[0] for line in block if line.strip()) for block in blocks]
    return [" ".join(sentences[at : at + 12]) for at in range(0, len(sentences), 12)]


def comparable(results: list) -> list:
    """Everything but the scores, which agree to 1e-6."""
    return [[{key: value for key, value in e.items() if key != "score"} for e in text] for text in results]


def check(ours: list, theirs: list, tolerance: float = 1e-6) -> None:
    """Stops the bench if the results differ."""
    if comparable(ours) != comparable(theirs):
        sys.exit("results differ; nothing was timed")
    for mine, other in zip(sum(ours, []), sum(theirs, [])):
        if abs(mine["score"] - float(other["score"])) > tolerance:
            sys.exit(f"scores differ: {mine} {other}")


class Lookup(BertForTokenClassification):
    """A model that costs nothing: one row of logits per token id."""

    def __init__(self, config: transformers.PretrainedConfig, table: torch.Tensor) -> None:
        super().__init__(config)
        self.table = table

    def forward(self, input_ids=None, **_):
        return TokenClassifierOutput(logits=self.table[input_ids])


Lookup.__name__ = "BertForTokenClassification"


def real_window(folder: Path) -> tuple[transformers.TokenClassificationPipeline, str, dict[str, torch.Tensor]]:
    """A pipeline around the real model, a text of 512 tokens, and its encoding and logits."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    pipe = transformers.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1)
    documents = wikigold_documents()
    text = " ".join(PERSONAL + document[:900] for document in documents[:8])
    read = tokenizer(
        text,
        truncation=True,
        max_length=512,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        read["logits"] = model(input_ids=read["input_ids"]).logits
    return pipe, text, dict(read)


def limit(folder: Path) -> list[Row]:
    """Windows to columns beside one pass over their logits: the largest value of all, by NumPy.

    Logits of 64 windows stay in a processor's cache, those of 1,024 do not; a thread starts too late to help much with 64.
    """
    pipe, text, window = real_window(folder)
    rows = []
    for count, mode, goal in (
        (64, "transformers", "0.25x"),
        (64, "fastpost", "0.17x"),
        (1024, "transformers", ""),
        (1024, "fastpost", ""),
    ):
        arrays = {name: array.repeat(count, *[1] * (array.ndim - 1)).numpy() for name, array in window.items()}
        logits = arrays["logits"]
        for threads in (1, 2):
            decoder = fastpost.EntityDecoder(
                pipe.model.config.id2label, compat=mode, tokenizer=pipe.tokenizer, threads=threads
            )

            def ours(decoder=decoder, logits=logits, arrays=arrays, count=count):
                return decoder.decode(
                    logits,
                    offsets=arrays["offset_mapping"],
                    special_tokens_mask=arrays["special_tokens_mask"],
                    input_ids=arrays["input_ids"],
                    texts=[text] * count,
                )

            check(ours().to_dicts(), [ours()[0]] * count)
            work = f'{count:,} windows, columns, compat="{mode}", {threads} thread{"s" * (threads > 1)}'
            measured = pair(logits.max, ours, 40 if count == 64 else 10)
            rows.append(Row(work, "one pass over the logits", *measured, goal if threads == 1 else ""))
    return rows


def decoding(folder: Path) -> list[Row]:
    """One window and 64 windows of the real model's logits."""
    pipe, text, read = real_window(folder)
    model, tokenizer = pipe.model, pipe.tokenizer
    offsets, special, ids = read["offset_mapping"], read["special_tokens_mask"], read["input_ids"]
    logits = read["logits"]
    outputs = {
        "logits": logits,
        "input_ids": ids,
        "offset_mapping": offsets,
        "special_tokens_mask": special,
        "sentence": text,
    }
    many = [array.repeat(64, *[1] * (array.ndim - 1)) for array in (logits, offsets, special, ids)]
    rows, columns = [], []
    for strategy in STRATEGIES:
        decoder = fastpost.EntityDecoder(
            model.config.id2label, aggregation_strategy=strategy, compat="transformers", tokenizer=tokenizer
        )

        def one(decoder=decoder):
            found = decoder.decode(logits, offsets=offsets, special_tokens_mask=special, input_ids=ids, texts=[text])
            return found.to_dicts()

        def batch(decoder=decoder):
            return decoder.decode(
                many[0], offsets=many[1], special_tokens_mask=many[2], input_ids=many[3], texts=[text] * 64
            )

        def theirs(strategy=strategy):
            return pipe.postprocess([dict(outputs)], aggregation_strategy=AggregationStrategy(strategy))

        check(one(), [theirs()])
        check(batch().to_dicts(), [theirs()] * 64)
        found = len(one()[0])
        goal = "100x" if strategy == "none" else "200x"
        rows.append(Row(f"1 window, dicts, {strategy} ({found} entities)", PEER, *pair(theirs, one, 15, 20), goal))
        slow, fast = pair(theirs, batch, 15, 10)
        columns.append(Row(f"64 windows, columns, {strategy}", PEER, 64 * slow, fast, "600x"))
    return rows + columns


def listed() -> list[Row]:
    """Many small windows as a list of arrays, cut from one array, beside that array."""
    rows = []
    for windows in (1000, 8000):
        logits = np.random.default_rng(0).normal(size=(windows, 8, 3)).astype(np.float32)
        parts = list(logits)
        decoder = fastpost.EntityDecoder(["O", "B-X", "I-X"], threads=1)
        if decoder.decode(parts).to_dicts() != decoder.decode(logits).to_dicts():
            sys.exit("lists: results differ; nothing was timed")
        whole, each = pair(lambda: decoder.decode(logits), lambda: decoder.decode(parts), 15)
        rows.append(Row(f"a list of {windows:,} windows of 8 tokens", "the array they are cut from", whole, each))
    return rows


LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096, 8192)


def lengths(folder: Path) -> list[dict[str, float]]:
    """One window of each length, with the logits that the real model gives to 510 of its tokens at a time."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    pipe = transformers.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1)
    decoder = fastpost.EntityDecoder(
        model.config.id2label, aggregation_strategy="simple", compat="transformers", tokenizer=tokenizer
    )
    text = " ".join(PERSONAL + document[:200] for document in wikigold_documents())
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, return_tensors="pt", verbose=False)
    ids = read["input_ids"][:, : max(LENGTHS)]
    cls, sep = torch.tensor([[tokenizer.cls_token_id]]), torch.tensor([[tokenizer.sep_token_id]])
    with torch.no_grad():
        parts = [model(input_ids=torch.cat([cls, part, sep], 1)).logits[:, 1:-1] for part in ids.split(510, dim=1)]
    logits = torch.cat(parts, 1)
    measured = []
    for tokens in LENGTHS:
        cut = {"logits": logits[:, :tokens].contiguous(), "input_ids": ids[:, :tokens].contiguous()}
        offsets = read["offset_mapping"][:, :tokens].contiguous()
        special = torch.zeros_like(cut["input_ids"])
        outputs = {**cut, "offset_mapping": offsets, "special_tokens_mask": special, "sentence": text}

        def theirs(outputs=outputs):
            return pipe.postprocess([dict(outputs)], aggregation_strategy=AggregationStrategy.SIMPLE)

        def ours(cut=cut, offsets=offsets, special=special):
            found = decoder.decode(
                cut["logits"],
                offsets=offsets,
                special_tokens_mask=special,
                input_ids=cut["input_ids"],
                texts=[text],
            )
            return found.to_dicts()

        check(ours(), [theirs()])
        slow, fast = pair(theirs, ours, 15, 20)
        measured.append({"tokens": tokens, "entities": len(ours()[0]), "theirs": slow, "ours": fast})
    return measured


def pipelines(folder: Path) -> list[Row]:
    """Whole pipelines around a model that costs nothing."""
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=512)
    config = AutoConfig.from_pretrained(folder)
    config.update({"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 12})
    table = torch.randn(config.vocab_size, config.num_labels, generator=torch.Generator().manual_seed(0))
    table[:, 0] += 3  # most tokens are in no entity, as in real text
    theirs = transformers.TokenClassificationPipeline(
        model=Lookup(config, table).eval(), tokenizer=tokenizer, device=-1
    )
    ours = fastpost.accelerate(theirs)
    documents = wikigold_documents()
    rows = []
    for strategy in ("simple", "average"):
        arguments = {"aggregation_strategy": strategy, "stride": 128, "batch_size": 32}

        def run(pipe, arguments=arguments):
            return pipe(documents, **arguments)

        check(run(ours), run(theirs))
        slow, fast = pair(lambda: run(theirs), lambda: run(ours), 5, 3)
        found = sum(map(len, run(ours)))
        rows.append(Row(f"pipeline, 154 documents, {strategy} ({found} entities)", PEER, slow, fast, "25x"))

        def encode():
            tokenizer.backend_tokenizer.enable_truncation(512, stride=128)
            return tokenizer.backend_tokenizer.encode_batch(documents)

        slow, fast = pair(encode, lambda: run(ours), 15)
        rows.append(Row(f"the same beside encode_batch alone, {strategy}", "tokenizers", slow, fast, "0.5x"))
    sentence = "My name is Sarah and I live in London."
    arguments = {"aggregation_strategy": "simple"}
    check([ours(sentence, **arguments)], [theirs(sentence, **arguments)])
    slow, fast = pair(lambda: theirs(sentence, **arguments), lambda: ours(sentence, **arguments), 200)
    return [*rows, Row("pipeline, one short sentence", PEER, slow, fast, "1x")]


def importing() -> None:
    """Time of `import fastpost`, NumPy's own part included and not."""
    code = "import time, numpy; t = time.perf_counter(); import fastpost; print(time.perf_counter() - t)"
    whole = "import time; t = time.perf_counter(); import fastpost; print(time.perf_counter() - t)"
    for name, program in (("after numpy", code), ("with numpy", whole)):
        times = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(7)]
        print(f"`import fastpost` {name}: {duration(float(np.median(times)))} (goal: below 50 ms)")


def stream_memory(folder: Path) -> None:
    """Peak memory of a generator of short texts, in processes of their own."""
    program = """
import resource, sys
sys.path[:0] = [sys.argv[3], sys.argv[4]]
import torch, transformers, fastpost
from bench_entities import Lookup
from transformers import AutoConfig, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
config = AutoConfig.from_pretrained(sys.argv[1])
config.update({"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 12})
model = Lookup(config, torch.randn(config.vocab_size, config.num_labels)).eval()
pipe = fastpost.TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1)
texts = (f"Text number {i} was written by Anna Schmidt in London." for i in range(int(sys.argv[2])))
found = sum(len(entities) for entities in pipe(texts, batch_size=32, aggregation_strategy="simple"))
print(found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    here = str(Path(__file__).parent)
    for count in (10_000, 100_000):
        arguments = [sys.executable, "-c", program, str(folder), str(count), here, str(ROOT / "tests")]
        output = subprocess.check_output(arguments, stderr=subprocess.DEVNULL, text=True)
        found, peak = output.split()
        print(f"generator of {count:,} short texts: {found} entities, peak memory {float(peak):.0f} MB")


def main() -> None:
    """Prints all tables."""
    asked = options(__doc__)
    warnings.simplefilter("ignore")
    folder = ROOT / ".cache" / "rampart-torch"
    folder = folder if folder.exists() else rampart.convert(folder)
    print(machine())
    if asked.lengths:
        measured = lengths(folder)
        rows = [
            Row(
                f"1 window of {one['tokens']} tokens, dicts, simple ({one['entities']} entities)",
                PEER,
                one["theirs"],
                one["ours"],
            )
            for one in measured
        ]
        print_table("Decoding windows of other lengths: 35 labels", rows)
        write_json(asked.json, peer=PEER, lengths=measured)
        return
    print_table("Decoding: 512 tokens, 35 labels", decoding(folder), "decoding")
    print_table("The same beside one pass over the logits", limit(folder), "limit")
    print_table("Many small windows as a list", listed())
    print_table("Pipelines with a model that costs nothing", pipelines(folder), "pipelines")
    print()
    importing()
    stream_memory(folder)


if __name__ == "__main__":
    main()
