"""Passes a marked text of 10,000 characters to every entrance, with every kind of fault: `python message_walk.py FAMILY`.

Prints a line for each call whose messages (an error, a warning, a log line, what is printed to standard error) hold more
than 80 characters of the text.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pathlib
import sys
import tempfile
import warnings

import numpy as np

import fastpost
from fastpost import metrics

MOST = 80
MARK = "Q"
TEXTS = {
    "one word": MARK * 10_000,
    "words": f"{MARK * 9} " * 1000,
    "not ascii": f"é{MARK * 8} " * 1000,
    "half a pair": "\ud83d" + f"{MARK * 9} " * 1000,
    "controls": f"\n\0\x1b[31m{MARK * 5} " * 1600,
    "quotes": f"\"'\\{MARK * 7} " * 900,
}
FOLDER = pathlib.Path(tempfile.mkdtemp())


def calls(family, text):
    """(name, function to call) for each fault of a family of entrances; `text` is the marked text."""
    whole = text.encode("utf-8", "replace").decode()
    if family == "corpora":
        yield from corpora(text, whole)
    elif family == "arrays":
        yield from arrays(text, whole)
    elif family == "tokenizers":
        yield from of_tokenizers(text, whole)
    elif family == "pipelines":
        yield from pipelines(text, whole)
    elif family == "command line":
        yield from command_line(text, whole)
    else:
        raise SystemExit(f"no such family: {family}")


def corpora(text, whole):
    import json

    def read(data, name="x.jsonl", **options):
        path = FOLDER / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
        return list(fastpost.Corpus(path, **options).records())

    corpus = fastpost.Corpus
    yield "path", lambda: list(corpus(text))
    yield "path, skipped", lambda: list(corpus([text, text], on_error="skip"))
    yield "glob", lambda: list(corpus(text + "*"))
    yield "url", lambda: list(corpus("s3://" + text))
    for name in ("column", "format", "split", "on_error", "nulls", "keep", "batch_size", "threads"):
        yield name, lambda name=name: read('{"text": "a"}', **{name: text})
        yield f"{name} list", lambda name=name: read('{"text": "a"}', **{name: [text]})
    yield "no column", lambda: read(json.dumps({text: 1, text + "2": 2}))
    yield "no column in csv", lambda: read(f'"{whole.replace(chr(34), "")}",b\n1,2\n', "x.csv")
    yield "twice", lambda: read(json.dumps({"text": text[:-1]})[:-1] + '\ud83d"}')
    yield "half a pair", lambda: read('{"text": "' + MARK * 9000 + '\\ud83d"}')
    yield "broken", lambda: read(json.dumps({"text": text})[:-5])
    yield "no object", lambda: read(json.dumps(text))
    yield "list", lambda: read(json.dumps({"text": [text]}))
    yield "ragged", lambda: read(f"text,b\n{MARK * 9000},b,c\n", "x.csv")
    yield "open quote", lambda: read(f'text,b\n"{MARK * 9000},b\n', "x.csv")
    yield "not UTF-8", lambda: read(MARK.encode() * 9000 + b"\xff", "x.txt")
    yield "from_texts", lambda: list(corpus.from_texts([text, "\ud83d" + text, 5]))
    yield "from_texts text", lambda: list(corpus.from_texts(text))
    yield "records", lambda: list(corpus([{"body": text}, {text: 1}]))
    yield "items", lambda: list(corpus(lambda: [text, {"text": text}, [text, 5]]))
    yield "skip", lambda: corpus(lambda: ["a"]).skip(text)
    yield "mapping", lambda: corpus({text: text})
    yield "bytes", lambda: corpus(text.encode("utf-8", "replace"))
    yield (
        "kept",
        lambda: list(corpus([{"text": "a", "b": {text: float("nan")}, "c": [text, object()]}], keep="all").records()),
    )
    try:
        import pyarrow as pa
    except ImportError:
        return
    yield "arrow column", lambda: list(corpus(pa.table({whole: [1], "b": [2]})))
    yield "arrow column kept", lambda: list(corpus(pa.table({whole: [1], "text": ["a"]}), keep=[text]).records())
    yield "arrow struct", lambda: list(corpus(pa.table({"text": [{whole: 1}]})))
    yield (
        "arrow dictionary",
        lambda: list(corpus(pa.table({"text": pa.array([{whole: 1}]).cast(pa.struct([(whole, pa.int8())]))}))),
    )


def arrays(text, whole):
    names = ["O", "B-x", "I-x"]
    logits = np.zeros((1, 2, 3), np.float32)
    logits[..., 1] = 1
    offsets = np.array([[[0, 3], [3, 3]]])
    entity = {"start": 0, "end": 3, "label": "x", "score": 0.5}

    def decode(names=names, texts=(text,), offsets=offsets, values=logits, options=None, **given):
        decoder = fastpost.EntityDecoder(names, **(options or {}))
        return decoder.decode(values, offsets=offsets, texts=list(texts), **given)

    yield "zero width", lambda: decode()
    yield "offsets past the end", lambda: decode(offsets=offsets + 20_000)
    yield "text for texts", lambda: decode(texts=text)
    yield "texts of other types", lambda: decode(texts=[text, 5])
    yield "too many texts", lambda: decode(texts=[text, text])
    yield "label names", lambda: decode(names=[text, "B-" + text, text])
    yield "labels without scheme", lambda: decode(names=["O", f"B-{text}", text, f"I-{text}"])
    yield "labels of another scheme", lambda: decode(names=["O", f"B-{text}", f"X-{text}"], options={"scheme": "IOB2"})
    for option in ("aggregation_strategy", "compat", "scheme", "decode", "repair", "score", "words", "snap", "join", "trim", "window_merge",
                   "threshold", "ignore_labels", "outside_bias", "transitions", "biases", "units", "return_probs", "threads",
                   "tokenizer"):  # fmt: skip
        yield option, lambda option=option: decode(options={option: text})
        yield f"{option} list", lambda option=option: decode(options={option: [text]})
        yield f"{option} dict", lambda option=option: decode(options={option: {text: 2}})
    yield "as an array", lambda: decode(values=text)
    yield "offsets", lambda: decode(offsets=text)
    yield "offsets list", lambda: decode(offsets=[text])
    for name in ("windows", "lengths", "word_ids", "special_tokens_mask", "attention_mask", "input_ids"):
        yield name, lambda name=name: decode(**{name: text})
        yield f"{name} list", lambda name=name: decode(**{name: [text]})
    yield "entities[...]", lambda: decode()[text]
    yield "spans", lambda: decode().spans(text)
    yield "from_spans", lambda: fastpost.Entities.from_spans([[(0, 20_000, text)]], texts=[text])
    yield "from_spans label", lambda: fastpost.Entities.from_spans([[(0, text, "x")]], texts=[text])
    yield "check_offsets", lambda: fastpost.check_offsets(offsets[0] + 20_000, text)
    yield "check_offsets text", lambda: fastpost.check_offsets(text, text)

    redact, render = fastpost.redact, fastpost.render
    for door, call in (("redact", redact), ("render", render)):
        yield f"{door} past the end", lambda call=call: call(text, [{**entity, "end": 20_000}])
        yield f"{door} entities", lambda call=call: call(text, text)
        yield f"{door} no dict", lambda call=call: call(text, [text])
        yield f"{door} keys", lambda call=call: call(text, [{text: 1}])
        yield f"{door} start", lambda call=call: call(text, [{**entity, "start": text}])
        yield f"{door} label", lambda call=call: call(text, [{**entity, "label": [text]}])
        yield f"{door} score", lambda call=call: call(text, [{**entity, "score": text}])
        yield f"{door} two texts", lambda call=call: call([text, text], [[entity]])
        yield f"{door} no text", lambda call=call: call([text, 5], [[], []])
    for template in (text, "[{" + text + "}]", "{" + text, "[{label}]{" + text + "!r}", "{label:" + text + "}"):
        yield "redact template", lambda template=template: redact(text, [entity], replace=template)
        yield (
            "redact template used",
            lambda template=template: redact("a" + text, [entity, {**entity, "start": 4, "end": 8}], replace=template),
        )
    yield "redact function", lambda: redact(text, [entity], replace=lambda _: text).restore(text)
    yield "redact function no str", lambda: redact(text, [entity], replace=lambda _: [text])
    long = {"start": 0, "end": 9000, "label": text, "score": 1.0}
    yield "restore", lambda: redact(text, [long, {**long, "start": 9001, "end": 9010}], replace="[X]").restore("[X]")
    yield "restore long", lambda: redact(text, [long], replace="[{label}]").restore(text + "[" + text)
    yield "restore no str", lambda: redact(text, [long]).restore([text])
    yield "restore there", lambda: redact(text + "[" + MARK * 9000 + "]", [long], replace="[{label}]").restore(text)
    yield "render title", lambda: render(text, [], title=[text])
    yield "render captions", lambda: render(text, [], captions=[text, text])
    yield "render names", lambda: render(text, [], other=[], names=(text,))

    ids = {"O": 0, "B-x": 1, "I-x": 2}
    spans = fastpost.spans_to_labels
    yield "spans label", lambda: spans(offsets, ids, [[(0, 3, text)]], texts=[text])
    yield "spans past the end", lambda: spans(offsets, ids, [[(0, 30_000, "x")]], texts=[text])
    yield "spans no span", lambda: spans(offsets, ids, [[text]], texts=[text])
    yield "spans no spans", lambda: spans(offsets, ids, [text], texts=[text])
    yield "spans start", lambda: spans(offsets, ids, [[(text, 3, "x")]], texts=[text])
    yield "spans ids", lambda: spans(offsets, {text: 0, f"B-{text}": 1}, [[(0, 3, "x")]])
    yield "spans ids value", lambda: spans(offsets, {"O": text}, [[(0, 3, "x")]])
    yield "spans overlap", lambda: spans(offsets, ids, [[(0, 3, "x"), (1, 3, "x")]], texts=[text])
    for name in ("scheme", "subwords", "repair", "on_misfit", "on_uncovered", "on_overlap", "word_ids"):
        yield f"spans {name}", lambda name=name: spans(offsets, ids, [[(0, 3, "x")]], **{name: text})
    yield "to spans", lambda: fastpost.labels_to_spans(offsets, {text: 0, f"B-{text}": 1}, labels=[[0, 7]])
    yield "to spans labels", lambda: fastpost.labels_to_spans(offsets, ids, labels=[text])
    yield "align labels", lambda: fastpost.align_labels(word_labels=[[text, 0]], word_ids=[[0, 1, 2]])
    yield "align tokens", lambda: fastpost.align_tokens([text, "a"], [text, "b"])
    yield "align tokens no list", lambda: fastpost.align_tokens(text, [5])
    yield "align tokens other", lambda: fastpost.align_tokens([text], [5])
    yield "map", lambda: fastpost.OffsetMap(text).convert([20_000], "chars", "utf8")
    yield "map unit", lambda: fastpost.OffsetMap(whole).convert([0], text, "utf8")
    yield "map positions", lambda: fastpost.OffsetMap(whole).convert(text, "chars", "utf8")
    yield "map inside", lambda: fastpost.OffsetMap(whole + "🤗").convert([0], "chars", "utf8", inside=text)
    yield "map normal form", lambda: fastpost.OffsetMap(whole).through(text)
    yield "map no text", lambda: fastpost.OffsetMap([text])
    yield "map function", lambda: fastpost.OffsetMap(whole).through(lambda _: [text])
    yield "map other function", lambda: fastpost.OffsetMap(whole).through(lambda _: "x" + text)
    yield "windows", lambda: fastpost.plan_windows(offsets, max_length=1, stride=text, texts=[text])
    yield "windows texts", lambda: fastpost.plan_windows(offsets + 20_000, max_length=4, stride=1, texts=[text])

    one = np.ones((1, 5), np.float32)
    asked = {"contexts": [text], "offsets": np.array([[[0, 1]] * 5]), "sequence_ids": np.ones((1, 5), int)}

    def answer(options=None, **given):
        return fastpost.AnswerDecoder(**{"align_to_words": False, **(options or {})}).decode(
            one, one, **{**asked, **given}
        )

    yield "answer offsets", lambda: answer(offsets=asked["offsets"] + 20_000)
    yield "answer contexts", lambda: answer(contexts=text)
    yield "answer contexts of other types", lambda: answer(contexts=[text, 5])
    yield "answer questions", lambda: answer(questions=[text])
    for option in (
        "top_k",
        "max_answer_len",
        "dedupe",
        "compat",
        "align_to_words",
        "null_threshold",
        "scores",
        "normalize",
    ):
        yield f"answer {option}", lambda option=option: answer({option: text})
    yield "answers[...]", lambda: answer()[text]
    squad = fastpost.postprocess_qa_predictions
    for features in ([{"example_id": text, "offset_mapping": [(0, 1)] * 5}], [{text: 1}], [text], text):
        yield "squad features", lambda features=features: squad([{"id": "1", "context": text}], features, (one, one))
    for examples in ([{"id": text}], [{"context": text}], [text], text, [{"id": text, "context": text}] * 2):
        yield (
            "squad examples",
            lambda examples=examples: squad(
                examples, [{"example_id": text, "offset_mapping": [(0, 1)] * 5}], (one, one)
            ),
        )
    yield (
        "squad prefix",
        lambda: squad(
            [{"id": "1", "context": text}],
            [{"example_id": "1", "offset_mapping": [(0, 1)] * 5}],
            (one, one),
            prefix=text,
            output_dir=str(FOLDER / "none" / "x"),
        ),
    )

    for name in metrics.__all__:
        function = getattr(metrics, name)
        if isinstance(function, type):
            continue
        for true, guess in (
            ([[text]], [["O"]]),
            ([["O"]], [[text]]),
            ([[text, "O"]], [[text]]),
            ([text], [text]),
            (text, text),
            ([[(0, text, "x")]], [[(0, 1, text)]]),
            ([[5]], [[text]]),
            ([{text: text}], [{text: text}]),
            ({text: text}, {"1": text}),
            ({"1": [text]}, {"2": [text]}),
        ):
            yield f"metrics {name}", lambda f=function, t=true, g=guess: f(t, g)
        for option in (
            "average",
            "mode",
            "scheme",
            "zero_division",
            "suffix",
            "id2label",
            "digits",
            "ignore_index",
            "labels",
            "beta",
        ):
            yield (
                f"metrics {name} {option}",
                lambda f=function, o=option: f([["O", "B-x"]], [["O", "B-x"]], **{o: text}),
            )


def of_tokenizers(text, whole):
    import tokenizers

    from bounds_walk import small_tokenizer

    small = small_tokenizer()
    encoder = fastpost.Encoder
    yield "encoder path", lambda: encoder(text)
    yield "encoder object", lambda: encoder([text])
    for given in (text, [text], [[text]], [(text, text)], [text, 5], [text, None], [[text, 5]], {text: text}, 5):
        for name in ("encode", "encode_batch", "__call__"):
            if hasattr(encoder, name):
                yield f"encoder {name}", lambda n=name, g=given: getattr(encoder(small), n)(g)
                for option in (
                    "max_length",
                    "stride",
                    "truncation",
                    "truncation_side",
                    "add_special_tokens",
                    "padding",
                    "is_split_into_words",
                    "threads",
                ):
                    yield (
                        f"encoder {name} {option}",
                        lambda n=name, g=given, o=option: getattr(encoder(small), n)(g, **{o: text}),
                    )
    broken = small.to_str().replace('"BPE"', f'"{MARK * 9000}"')
    (FOLDER / "tokenizer.json").write_text(broken)
    yield "encoder file", lambda: encoder(FOLDER / "tokenizer.json")
    yield "encoder bytes", lambda: encoder(broken)
    train = fastpost.train_new_from_iterator
    right = {"tokenizer": small, "corpus": ["a b"] * 9, "vocab_size": 260, "force": True}
    for name in (
        "tokenizer",
        "corpus",
        "vocab_size",
        "new_special_tokens",
        "special_tokens_map",
        "min_frequency",
        "limit_alphabet",
        "initial_alphabet",
        "checkpoint",
        "progress",
    ):
        for value in (text, [text], [text, text], {text: text}, [[text]]):
            yield f"train {name}", lambda n=name, v=value: train(**{**right, n: v})
    words = fastpost.WordCounts
    yield "counts load", lambda: words.load(text)
    yield "counts bytes", lambda: words.from_bytes(text.encode("utf-8", "replace"), small)
    yield "counts corpus", lambda: words.from_corpus(small, [text, 5])
    yield "counts corpus text", lambda: words.from_corpus(small, text)
    yield "verify", lambda: fastpost.verify_tokenizer(small, text)
    yield "verify texts", lambda: fastpost.verify_tokenizer(small, [text, text])
    lossy = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, "[UNK]"))
    yield "verify lossy", lambda: fastpost.verify_tokenizer(lossy, [text])
    yield "verify special", lambda: fastpost.verify_tokenizer(small, ["a"], special_tokens=[text])


def pipelines(text, whole):
    from bounds_walk import ANSWER_OPTIONS, ENTITY_OPTIONS
    from onnx_models import write_folder
    from oracle import lookup_model
    from qa_models import lookup_model as answering
    from small_tokenizers import fast

    tokenizer = fast("wordpiece-uncased", 512)
    folder = write_folder(FOLDER / "onnx")
    labels = ["O", "B-x", "I-x"]
    torch_pipe = fastpost.TokenClassificationPipeline(
        model=lookup_model(labels, len(tokenizer)), tokenizer=tokenizer, device=-1
    )
    pipes = {"torch": torch_pipe, "onnx": fastpost.pipeline("ner", model=folder)}
    inputs = (
        text,
        [text, 5],
        [text, None],
        {text: text},
        {"inputs": text},
        [[text, 5]],
        [{text: 1}],
        5,
        [text.encode("utf-8", "replace")],
    )
    for name, pipe in pipes.items():
        for mode in ({"compat": "fastpost"}, {"compat": "transformers", "aggregation_strategy": "simple"}):
            for given in inputs:
                yield f"{name} {mode}", lambda p=pipe, g=given, m=mode: p(g, **m)
                yield f"{name} {mode} words", lambda p=pipe, g=given, m=mode: p(g, is_split_into_words=True, **m)
            for long in ("error", "truncate", text):
                yield f"{name} long {mode}", lambda p=pipe, m=mode, o=long: p([whole * 2], **{**m, "on_long_text": o})
            for option in (*ENTITY_OPTIONS, "offset_mapping", "progress", text[:50]):
                for value in (text, [text], {text: text}):
                    yield f"{name} {option} {mode}", lambda p=pipe, m=mode, o=option, v=value: p("Anna", **{**m, o: v})
        yield f"{name} compare", lambda p=pipe: str(fastpost.compare(p, [whole, text]))
        yield f"{name} compare types", lambda p=pipe: str(fastpost.compare(p, [whole, 5]))
    qa = fastpost.QuestionAnsweringPipeline(model=answering(len(tokenizer)), tokenizer=tokenizer, device=-1)
    for mode in ("fastpost", "transformers"):
        for asked in (
            {"question": text, "context": text}, {"question": "Who?", "context": text}, {"question": text, "context": ""},
            {"question": "", "context": text}, {"question": [text, text], "context": [text]}, {"question": text},
            {"context": text}, {"question": [text, 5], "context": text}, {"question": whole * 3, "context": "a"},
            {"question": whole[:3000], "context": whole, "doc_stride": 5000}, {"data": text}, {"X": [text]}, {text: text},
            {"question": whole[:400], "context": whole, "max_seq_len": 20}, {"question": text, "context": [5]},
        ):  # fmt: skip
            yield f"qa {mode}", lambda a=asked, m=mode: qa(**a, compat=m)
            yield f"qa dict {mode}", lambda a=asked, m=mode: qa(a, compat=m)
            yield f"qa dicts {mode}", lambda a=asked, m=mode: qa([a, a], compat=m)
        for option in (*ANSWER_OPTIONS, text[:50]):
            for value in (text, [text]):
                yield (
                    f"qa {option} {mode}",
                    lambda o=option, v=value, m=mode: qa(question="a", context="a b", compat=m, **{o: v}),
                )
    for task in ("ner", "question-answering", text):
        for backend in (None, "onnxruntime", "torch", text):
            if backend != "torch":
                yield f"pipeline {task[:20]}", lambda t=task, b=backend: fastpost.pipeline(t, model=text, backend=b)
                yield (
                    f"pipeline task {task[:20]}",
                    lambda t=task, b=backend: fastpost.pipeline(text, model=folder, backend=b),
                )
    yield "accelerate", lambda: fastpost.accelerate(text)
    yield "accelerate list", lambda: fastpost.accelerate([text])
    udf = fastpost.ner_udf
    for batch in ({"text": text}, {"text": [text, 5]}, {text: [text]}, {"text": [[text]]}, text, [text]):
        yield "ner_udf", lambda b=batch: udf(folder)(b)
    for option in ("column", "output", "backend", "aggregation_strategy", "gpu"):
        yield f"ner_udf {option}", lambda o=option: udf(folder, **{o: text})({"text": ["a"]})
    try:
        import pyarrow as pa

        from fastpost.integrations.tables import text_column
    except ImportError:
        return
    yield "tables", lambda: text_column(pa.table({whole: [1]}), "text")
    yield "tables column", lambda: text_column(pa.table({"a": [1]}), text)
    yield "tables type", lambda: text_column(pa.table({"text": [{whole: 1}]}), "text")
    yield "udf table", lambda: udf(folder, column=text)(pa.table({whole: [1]}))


def command_line(text, whole):
    from fastpost.cli import main

    os.chdir(FOLDER)
    shown = whole.replace("\0", " ")  # an argument of a program cannot hold one
    (FOLDER / "a.txt").write_text("Anna\n")
    (FOLDER / "long.txt").write_bytes((whole.replace("\n", " ") * 2).encode() + b"\n")
    (FOLDER / "bad.txt").write_bytes(MARK.encode() * 9000 + b"\xff\n")
    (FOLDER / "x.jsonl").write_text('{"' + MARK * 9000 + '": 1}\n')
    from bounds_walk import small_tokenizer
    from onnx_models import write_folder

    small_tokenizer().save(str(FOLDER / "tokenizer.json"))
    folder = str(write_folder(FOLDER / "model"))
    for command in ("ner", "view", "compare", "qa"):
        question = ["--question", "Who?"] if command == "qa" else []
        base = [command, "a.txt", "--model", folder, *question]
        for option in ("--out", "--column", "--format", "--split", "--on-error", "--id-column", "--keep-columns", "--redact",
                       "--threshold", "--scheme", "--ignore-label", "--aggregation-strategy", "--transitions", "--biases", "--device",
                       "--question", "--questions", "--title", "--model", "--score", "--top-k", "--stride"):  # fmt: skip
            yield f"{command} {option}", lambda b=base, o=option: main([*b, o, shown])
            yield f"{command} {option} and more", lambda b=base, o=option: main([*b, o, "{" + shown, "--overwrite"])
        for inputs in (
            ["long.txt"],
            ["bad.txt"],
            ["x.jsonl"],
            [shown],
            [shown, "a.txt"],
            ["x.jsonl", "--on-error", "skip"],
            ["long.txt", "--on-long-text", "error"],
            ["long.txt", "--on-long-text", "truncate"],
        ):
            more = [
                *question,
                *(
                    ["--out", "o.html", "--overwrite"]
                    if command in ("view", "compare")
                    else ["--out", "o.jsonl", "--overwrite"]
                ),
            ]
            yield f"{command} {inputs[0][:9]}", lambda c=command, i=inputs, m=more: main([c, *i, "--model", folder, *m])
    yield "no such command", lambda: main([shown])
    yield "no such option", lambda: main(["ner", "--" + shown])
    for option in ("--from", "--corpus", "--column", "--format", "--out", "--new-special-token", "--counts"):
        for command in (["count-words"], ["train-tokenizer", "--vocab-size", "300"]):
            base = ["--from", "tokenizer.json", "--corpus", "a.txt", "--out", "o", "--overwrite"]
            yield f"{command[0]} {option}", lambda c=command, b=base, o=option: main([*c, *b, o, shown])
    yield "merge-counts", lambda: main(["merge-counts", shown, "--out", "m"])
    yield "doctor", lambda: main(["doctor", shown])


def said(call):
    """All messages of a call: its error, or what a command prints to standard error; its warnings and logs."""
    out, err = io.StringIO(), io.StringIO()
    logs = logging.StreamHandler(err)
    root = logging.getLogger()
    root.addHandler(logs)
    heard = []
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stderr(err),
            contextlib.redirect_stdout(out),
        ):
            warnings.simplefilter("always")
            try:
                call()
            except Exception as error:  # every kind is looked at
                heard.append(str(error))
            except SystemExit:
                pass
        heard += [str(warning.message) for warning in warned]
    finally:
        root.removeHandler(logs)
    return [*heard, err.getvalue()] if len(err.getvalue().splitlines()) < 2 else [*heard, *err.getvalue().splitlines()]


def main(family):
    """Every call is given all spellings with FASTPOST_WALK=whole (`make parity`); otherwise calls that run models get two of five."""
    count = 0
    part = family in ("pipelines", "command line") and os.environ.get("FASTPOST_WALK") != "whole"
    for spelling, (kind, text) in enumerate(TEXTS.items()):
        for number, (name, call) in enumerate(calls(family, text)):
            if part and (number + spelling) % len(TEXTS) > 1:
                continue
            count += 1
            for line in said(call):
                if (shown := line.count(MARK)) > MOST:
                    print(f"{name} ({kind}): {shown} characters: {line[:100]!r}")
    print(f"{count} calls", file=sys.stderr)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main(sys.argv[1])
