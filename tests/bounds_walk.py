"""Calls every public function with hostile values for each argument in turn: `python bounds_walk.py FAMILY`.

Where each call makes a pipeline or runs one, a quarter of the values are given to each call, a different one to each, so that
every argument still gets every value somewhere; with FASTPOST_WALK=whole (`make parity`) each call gets all of them.

Runs in a process of its own under a memory limit. Each probe is written to standard error before it is made, so that
the last line tells what ended the process; what a probe raises that it may not is written to standard output.
"""

from __future__ import annotations

import faulthandler
import inspect
import math
import os
import pathlib
import resource
import sys
import tempfile
import warnings

import numpy as np
import tokenizers

import fastpost
from fastpost import _fastpost

ALLOWED = (TypeError, ValueError, OverflowError)
SECONDS = 20  # of one probe
NUMBERS = [
    0,
    -1,
    2,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    -(2**64),
    2**200_000,
    0.5,
    1e300,
    math.nan,
    math.inf,
    True,
]
OTHERS = [
    "x",
    "\ud800",
    "",
    b"x",
    None,
    [],
    (),
    {},
    [[]],
    [None],
    ["x"],
    [2**64],
    [-1],
    [[2**63 - 1]],
    [[[1, 2]]],
    object(),
    iter([]),
]
GIANTS = [
    np.empty((1 << 40, 0, 2), np.float32),
    np.empty((1 << 40, 0), np.int64),
]
"""Rows without a byte, for what reads arrays as such; `list(rows)` is a MemoryError of Python's own."""
ARRAYS = [
    np.empty((0, 1 << 40), np.float32),
    np.empty((0,), np.int64),
    np.int64(-1),
    np.float32(np.nan),
    np.full((1, 5), 2**63 - 1),
    np.full((1, 5, 2), -(2**63)),
    np.full((5,), 2**64 - 1, np.uint64),
    np.zeros((2, 2, 2, 2, 2)),
    np.array("x"),
    np.array([None, "x"], object),
    np.zeros(4, [("a", "i4")]),
    np.array(["2020-01-01"], "M8[D]"),
]
VALUES = [*NUMBERS, *OTHERS, *ARRAYS]

TEXT = "a b c d e"
OFFSETS = np.array([[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]])
IDS = {"O": 0, "B-x": 1, "I-x": 2}
NAMES = list(IDS)
LOGITS = np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32)
SCORES = np.array([[1, 5, 1, 1, 1]], np.float32)
SPANS = [[(0, 3, "x")]]
TAGS = [["O", "B-x", "I-x", "O", "O"]]
FOLDER = pathlib.Path(tempfile.mkdtemp())
(FOLDER / "text.txt").write_text("a b\nc d\n\ne\n" * 3)


def small_tokenizer() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(["a b c d e"] * 3, tokenizers.trainers.BpeTrainer(vocab_size=300, show_progress=False))
    return made


def decoded(**options):
    """Builds an `EntityDecoder` with these options, decodes, and calls every method of the result."""
    arguments = {"logits": LOGITS, "offsets": OFFSETS, "texts": [TEXT], "word_ids": np.arange(5)[None]}
    names = inspect.signature(fastpost.EntityDecoder.decode).parameters
    given = {name: options.pop(name) for name in list(options) if name in names}
    found = fastpost.EntityDecoder(options.pop("id2label", NAMES), **options).decode(**{**arguments, **given})
    return found.to_dicts(), found.to_json(), repr(found), found.words


def answered(**options):
    arguments = {"start_logits": SCORES, "end_logits": SCORES, "offsets": OFFSETS, "contexts": [TEXT],
                 "sequence_ids": np.ones((1, 5), np.int64), "word_ids": np.arange(5)[None]}  # fmt: skip
    names = inspect.signature(fastpost.AnswerDecoder.decode).parameters
    given = {name: options.pop(name) for name in list(options) if name in names}
    found = fastpost.AnswerDecoder(**options).decode(**{**arguments, **given})
    return found.to_dicts(), found.to_json(), repr(found)


def read(source=str(FOLDER / "text.txt"), **options):
    return [batch for batch, _ in zip(fastpost.Corpus(source, **options), range(5))]


def options_of(*functions):
    return [name for function in functions for name in inspect.signature(function).parameters if name != "self"]


def family(name):
    """(name of the function, the function, arguments that are right, names of the arguments to walk)."""
    entity, answer = fastpost.EntityDecoder, fastpost.AnswerDecoder
    tokens = {"encodings": OFFSETS, "label2id": IDS, "word_ids": [np.arange(5)]}
    if name == "entities":
        yield "EntityDecoder", decoded, {}, options_of(entity, entity.decode)
        yield (
            "EntityDecoder viterbi",
            decoded,
            {"decode": "viterbi", "transitions": np.zeros((3, 3))},
            options_of(entity),
        )
        same = {"compat": "transformers", "aggregation_strategy": "average"}
        yield "EntityDecoder transformers", decoded, same, options_of(entity.decode)
        spans = fastpost.Entities.from_spans
        yield "Entities.from_spans", spans, {"spans": SPANS, "texts": [TEXT]}, None
        found = fastpost.EntityDecoder(NAMES).decode(LOGITS, offsets=OFFSETS, texts=[TEXT])
        yield "Entities.spans", found.spans, {}, None
        yield "Entities.__getitem__", lambda index: found[index], {}, None
        yield "render", fastpost.render, {"text": TEXT, "entities": [{"start": 0, "end": 1, "label": "x"}]}, None
        yield "redact", fastpost.redact, {"text": TEXT, "entities": [{"start": 0, "end": 1, "label": "x"}]}, None
    elif name == "answers":
        yield "AnswerDecoder", answered, {}, options_of(answer, answer.decode)
        for dedupe in ("text", "overlap"):
            yield (
                f"AnswerDecoder {dedupe}",
                answered,
                {"dedupe": dedupe},
                ["top_k", "max_answer_len", "offsets", "word_ids"],
            )
        yield "AnswerDecoder transformers", answered, {"compat": "transformers"}, options_of(answer, answer.decode)
        squad = {"examples": [{"id": "1", "context": TEXT}], "predictions": (SCORES, SCORES),
                 "features": [{"example_id": "1", "offset_mapping": [(0, 1)] * 5}]}  # fmt: skip
        yield "postprocess_qa_predictions", fastpost.postprocess_qa_predictions, squad, None
        for bad in VALUES:
            for key in ("offset_mapping", "token_is_max_context"):
                feature = {"example_id": "1", "offset_mapping": [(0, 1)] * 5, key: bad}
                run = lambda feature=feature: fastpost.postprocess_qa_predictions(**{**squad, "features": [feature]})  # noqa: E731
                yield f"squad {key}", run, {}, []
    elif name == "alignment":
        yield "spans_to_labels", fastpost.spans_to_labels, {**tokens, "spans": SPANS, "texts": [TEXT]}, None
        yield "labels_to_spans", fastpost.labels_to_spans, {**tokens, "labels": [[0, 1, 2, 0, 0]]}, None
        for bad in VALUES:
            run = lambda bad=bad: fastpost.spans_to_labels(**tokens, spans=[[(0, bad, "x")]])  # noqa: E731
            yield "spans_to_labels span", run, {}, []
        yield "align_labels", fastpost.align_labels, {"word_labels": [[0, 1]], "word_ids": [[0, 0, 1]]}, None
        yield "align_tokens", fastpost.align_tokens, {"a": ["a", "b"], "b": ["ab"]}, None
        plan = {"offsets": OFFSETS, "max_length": 4, "stride": 1, "texts": [TEXT]}
        yield "plan_windows", fastpost.plan_windows, plan, None
        yield "plan_windows words", fastpost.plan_windows, {**plan, "texts": None, "word_ids": [np.arange(5)]}, None
        yield "check_offsets", fastpost.check_offsets, {"encoding": OFFSETS[0], "text": TEXT}, None
        yield (
            "Padding",
            fastpost.Padding,
            {
                "names": ("input_ids",),
                "token_id": 0,
                "left": False,
                "width": 8,
                "rows": 2,
                "first_position": 0,
                "even": False,
            },
            None,
        )
        yield "OffsetMap", fastpost.OffsetMap, {"text": TEXT}, None
        places = fastpost.OffsetMap("a\N{HUGGING FACE}é")
        yield "OffsetMap.length", places.length, {}, None
        yield "OffsetMap.convert", places.convert, {"positions": [0, 1], "source": "chars", "target": "utf8"}, None
        yield "OffsetMap.through", places.through, {"normalizer": "NFC"}, None
        yield "to_original", places.through("NFKC").to_original, {"spans": [[0, 1]]}, None
        yield "to_normalized", places.through("NFKC").to_normalized, {"spans": [[0, 1]]}, None
    elif name == "metrics":
        for public in fastpost.metrics.__all__:
            function = getattr(fastpost.metrics, public)
            if isinstance(function, type):
                continue
            takes = options_of(function)
            right = {"y_true": TAGS, "y_pred": TAGS, "seq": TAGS[0]}
            if public.startswith("squad"):
                right = {"predictions": {"1": "a"}, "references": {"1": ["a"]}}
            yield public, function, {key: value for key, value in right.items() if key in takes}, None
            if "id2label" in takes:
                ids = {"y_true": [[0, 1, 2]], "y_pred": [[0, 1, 0]], "id2label": NAMES}
                yield f"{public} of ids", function, ids, None
            if "y_true" in takes:
                for bad in VALUES:
                    spans = {"y_true": [[(0, bad, "x")]], "y_pred": SPANS}
                    yield f"{public} of spans", (lambda f=function, s=spans: f(**s)), {}, []
    elif name == "corpora":
        corpus = fastpost.Corpus
        yield "Corpus", read, {}, [name for name in options_of(corpus) if name != "source"]
        made = corpus(str(FOLDER / "text.txt"))
        yield "Corpus.skip", lambda n: list(made.skip(n)), {}, None
        yield "Corpus.from_texts", lambda texts, **o: list(corpus.from_texts(texts, **o)), {"texts": ["a"]}, ["texts"]
        yield "Corpus threads", read, {}, ["threads", "prefetch", "batch_bytes"]
    elif name == "training":
        small = small_tokenizer()
        right = {"tokenizer": small, "corpus": ["a b c d e"] * 9, "vocab_size": 260, "force": True}
        walked = [name for name in options_of(fastpost.train_new_from_iterator) if name != "kwargs"]
        walked += ["min_frequency", "limit_alphabet", "max_token_length", "initial_alphabet"]
        yield "train_new_from_iterator", fastpost.train_new_from_iterator, right, walked
        counts = fastpost.WordCounts.from_corpus(small, ["a b c d e"] * 9, force=True)
        yield "WordCounts", fastpost.WordCounts, {"tokenizer": small}, None
        yield "WordCounts.from_corpus", fastpost.WordCounts.from_corpus, {"tokenizer": small, "corpus": ["a"] * 9}, None
        yield "WordCounts.merge", counts.merge, {"other": counts}, None
        yield (
            "WordCounts.from_bytes",
            fastpost.WordCounts.from_bytes,
            {"data": counts.to_bytes(), "tokenizer": small},
            None,
        )
        yield "WordCounts.train", counts.train, {"vocab_size": 260, "force": True}, walked[2:]
        yield "verify_tokenizer", fastpost.verify_tokenizer, {"tokenizer": small}, None
    elif name == "encoder":
        small = small_tokenizer()
        encoder = fastpost.Encoder
        yield "Encoder", encoder, {"tokenizer": small}, None
        calls = [name for name in dir(encoder) if not name.startswith("_")]
        for call in calls:
            method = getattr(encoder(small), call)
            if callable(method):
                takes = options_of(method)
                yield f"Encoder.{call}", method, {takes[0]: ["a b"]} if takes else {}, takes
    elif name == "private":
        yield from private()
    elif name == "pipelines":
        yield from pipelines()
    elif name == "doors":
        yield from doors()
    else:
        raise SystemExit(f"no such family: {name}")


ENTITY_OPTIONS = [*inspect.signature(fastpost.EntityDecoder).parameters, "aggregation_strategy", "stride", "max_length",
                  "on_long_text", "batch_size", "num_workers"]  # fmt: skip
ENTITY_OPTIONS = [name for name in ENTITY_OPTIONS if name not in ("id2label", "aggregation_strategy", "tokenizer")]
ANSWER_OPTIONS = ["top_k", "doc_stride", "max_answer_len", "max_seq_len", "max_question_len", "handle_impossible_answer",
                  "align_to_words", "batch_size", "num_workers", "dedupe", "rank", "null_threshold"]  # fmt: skip


def pipelines():
    """Options of the torch and ONNX Runtime pipelines, at construction and at the call."""
    from onnx_models import write_folder
    from oracle import lookup_model
    from qa_models import lookup_model as answering
    from small_tokenizers import fast

    fast_tokenizer = fast("wordpiece-uncased", 512)
    text = {"inputs": "Anna Schmidt lives in Berlin."}
    asked = {"question": "Who lives?", "context": "Anna Schmidt lives in Berlin."}
    torch_model = {
        "model": lookup_model(["O", "B-x", "I-x"], len(fast_tokenizer)),
        "tokenizer": fast_tokenizer,
        "device": -1,
    }
    qa_model = {"model": answering(len(fast_tokenizer)), "tokenizer": fast_tokenizer, "device": -1}
    folder = write_folder(FOLDER / "onnx")
    runtime = fastpost.pipeline("ner", model=folder).__class__

    def made(kind, given, arguments):
        return lambda **options: kind(**given, **options)(**arguments)

    for mode in ({"compat": "fastpost"}, {"compat": "transformers", "aggregation_strategy": "simple"}):
        named = "own" if mode["compat"] == "fastpost" else "transformers"
        torch_pipe = fastpost.TokenClassificationPipeline(**torch_model, **mode)
        onnx_pipe = fastpost.pipeline("ner", model=folder, **mode)
        calls = [*ENTITY_OPTIONS, "is_split_into_words", "offset_mapping", "progress", "inputs"]
        yield f"torch ner call {named}", torch_pipe, {**mode, **text}, calls
        yield f"onnx ner call {named}", onnx_pipe, {**mode, **text}, calls
        yield f"torch ner {named}", made(fastpost.TokenClassificationPipeline, torch_model, text), mode, ENTITY_OPTIONS
        yield (
            f"onnx ner {named}",
            made(runtime, {"model": folder}, text),
            mode,
            [*ENTITY_OPTIONS, "delimiter"],
        )
        compat = {"compat": mode["compat"]}
        qa = fastpost.QuestionAnsweringPipeline(**qa_model, **compat)
        yield f"torch qa call {named}", qa, {**compat, **asked}, [*ANSWER_OPTIONS, *asked]
        yield f"torch qa {named}", made(fastpost.QuestionAnsweringPipeline, qa_model, asked), compat, ANSWER_OPTIONS


def doors():
    """The options of the recognisers and engines, which load a model of ONNX Runtime."""
    from fastpost.integrations.reader import EntityReader
    from onnx_models import write_folder

    folder = str(write_folder(FOLDER / "onnx"))
    options = [*ENTITY_OPTIONS, "gpu"]
    yield "EntityReader", lambda **given: EntityReader(folder, **given)(["Anna Schmidt"]), {}, options
    yield "ner_udf", lambda **given: fastpost.ner_udf(folder, **given)({"text": ["Anna Schmidt"]}), {}, [
        *ENTITY_OPTIONS, "column", "output", "score_type",
    ]  # fmt: skip
    try:
        from fastpost.presidio import FastpostRecognizer
    except ImportError:
        return
    asked = [*options, "threshold", "supported_entities", "label_mapping"]
    yield "presidio", lambda **given: FastpostRecognizer(folder, **given).analyze("Anna Schmidt", []), {}, asked


def private():
    """The functions of the Rust extension, called without the checks that Python makes before them."""
    longs, bytes_, floats = np.zeros(3, np.int64), np.zeros(3, np.uint8), np.zeros(3, np.float32)
    columns = [longs, longs, longs, longs, floats, longs]
    numbers = [0, 1, 5, 2**32, 2**62, 2**63 - 1]
    arrays = [
        np.array(value, np.int64)
        for value in ([], [-1], [7], [5, 5], [2**62], [2**63 - 1, 2], [-(2**63)] * 3, [1, 1, 1])
    ]
    spans = _fastpost.TokenSpans(np.zeros(6, np.int64), bytes_, None, np.array([3]), np.array([0]), None, 1)
    labels = _fastpost.LabelSet(NAMES, "auto")
    pairs = np.arange(6)
    for count in numbers:
        yield (
            "offset_faults",
            _fastpost.offset_faults,
            {"offsets": np.zeros(4, np.int64), "skip": bytes_, "chars": count},
            [],
        )
        yield (
            "answer kernel",
            lambda c=count: _fastpost.AnswerKernel(c, c, False, "no", c, False, "global", "span", None, c),
            {},
            [],
        )
        yield "entity_table", lambda c=count: everything(c, False, True, *columns, NAMES, None, None, None), {}, []
        yield "spans text_count", _fastpost.TokenSpans, {"offsets": pairs, "special": bytes_, "word_ids": None, "texts": None,
               "lengths": np.array([3]), "owners": np.array([0]), "text_count": count}, []  # fmt: skip
        yield (
            "plan sizes",
            lambda c=count: _fastpost.plan_windows(None, longs, bytes_, np.array([3]), None, c, 0, 0),
            {},
            [],
        )
        yield (
            "plan stride",
            lambda c=count: _fastpost.plan_windows(None, longs, bytes_, np.array([3]), None, 4, c, c),
            {},
            [],
        )
        yield "words", lambda c=count: table(c), {}, []
        yield "token table", lambda c=count: _fastpost.TokenTable([("a", c)], c, None, None), {}, []
    for array in arrays:
        yield "plan lengths", lambda a=array: _fastpost.plan_windows(None, longs, bytes_, a, None, 4, 1, 0), {}, []
        yield "plan texts", lambda a=array: _fastpost.plan_windows(pairs, None, bytes_, a, ["ab"], 4, 1, 0), {}, []
        yield "token lengths", lambda a=array: _fastpost.TokenSpans(pairs, bytes_, None, a, a, None, 1), {}, []
        yield (
            "token offsets",
            lambda a=array: _fastpost.TokenSpans(a, bytes_, a, np.array([3]), np.array([0]), ["a"], 1),
            {},
            [],
        )
        yield "to_spans", lambda a=array: spans.to_spans(a, labels, "conlleval", "all"), {}, []
        yield "offset_faults", lambda a=array: _fastpost.offset_faults(a, bytes_, 5), {}, []
        yield "convert", lambda a=array: _fastpost.OffsetTable("aé").convert(a, "chars", "utf8", "floor"), {}, []
        yield "then_aligned", lambda a=array: _fastpost.NormalTable("aé").then_aligned("aé", a, a), {}, []
        yield "to_original", lambda a=array: _fastpost.NormalTable("aé").then("NFD").to_original(a), {}, []
        yield "to_normalized", lambda a=array: _fastpost.NormalTable("aé").then("NFD").to_normalized(a), {}, []
        columns_of = (array, array, array, array, ["x"], 1)
        yield (
            "span pairs",
            lambda c=columns_of: [p := _fastpost.SpanPairs(c, c), p.counts(), p.kinds(), p.errors()],
            {},
            [],
        )
        yield "tag ids", lambda a=array: _fastpost.TagPairs.ids(a, a, NAMES, -100).spans("auto", False).counts(), {}, []
        filled = [array if column.dtype == np.int64 else floats for column in columns]
        yield "entity_table", lambda f=filled: everything(1, False, True, *f, NAMES, None, ["a"], None), {}, []
        more = (dict.fromkeys(("token_start", "token_end", "word_start", "word_end"), array), floats, array)
        yield "entity more", lambda m=more: everything(1, False, True, *columns, NAMES, None, ["a"], m), {}, []
        yield "answer_table", lambda a=array: answers(a), {}, []
        nbest = (["a"], False, 20, 30, 0.0, True, None)
        rows = [[(0, 1)] * 5]
        owners = [int(value) for value in array]
        yield (
            "nbest owners",
            lambda o=owners, r=rows, n=nbest: _fastpost.nbest(SCORES, SCORES, r, [None], o, *n),
            {},
            [],
        )
        yield "kernel vectors", lambda a=array: kernel_vectors(a), {}, []
    for spelled in ("bogus", "", "\N{HUGGING FACE}"):
        for at in (3, 6, 7):
            options = [1, 15, False, "no", 1, False, "global", "span", None, None]
            options[at] = spelled
            yield "answer names", lambda o=options: must_refuse(_fastpost.AnswerKernel, *o), {}, []
        yield "to_labels", lambda s=spelled: must_refuse(spans.to_labels, [[]], labels, s, "all", None), {}, []
        yield "repair", lambda s=spelled: must_refuse(spans.to_spans, longs, labels, s, "all"), {}, []
    yield "to_labels spans", lambda: must_refuse(spans.to_labels, [], labels, "strict", "all", None), {}, []
    yield (
        "nbest",
        lambda: _fastpost.nbest(SCORES, SCORES[:, :2], [[]], [None], [0], ["a"], False, 20, 30, 0.0, True, None),
        {},
        [],
    )
    yield "nbest sizes", lambda: _fastpost.nbest(SCORES, SCORES, [[(0, 2**62)] * 5], [None], [0], ["a"], True, 2**63 - 1, 2**63 - 1,
                                                 math.nan, True, 2**40), {}, []  # fmt: skip


def must_refuse(function, *arguments):
    try:
        function(*arguments)
    except ALLOWED:
        return
    raise AssertionError(f"{function} takes {arguments!r}")


def everything(*arguments):
    made = _fastpost.entity_table(*arguments)
    _fastpost.entity_json(made, False, [], True)
    _fastpost.entity_lists(made)
    _fastpost.entity_columns(made, [], True)
    made.spans("utf8")
    return made.words()


def table(count):
    made = _fastpost.entity_table(1, False, True, *[np.zeros(1, np.int64)] * 4, np.zeros(1, np.float32), np.zeros(1, np.int64),
                                  NAMES, None, ["ab"], None)  # fmt: skip
    _fastpost.entity_words(made, count, count)
    _fastpost.entity_words(made, 0, count)
    return _fastpost.entity_lines(made, count, None, None)


def answers(array):
    doubles, floats = array.astype(float), array.astype(np.float32)
    made = _fastpost.answer_table(
        False, True, array, array, array, array, array, doubles, floats, floats, doubles, ["a"] * len(array)
    )
    _fastpost.answer_json(made, False)
    _fastpost.answer_lists(made)
    return made.to_dicts()


def kernel_vectors(array):
    kernel = _fastpost.AnswerKernel(1, 15, False, "no", 1, False, "global", "span", None, None)
    ones = np.ones((1, 5), np.int64)
    bits = ("float32", "float32")
    for at in range(3):
        vectors = [None, None, None]
        vectors[at] = array
        try:
            kernel.decode(SCORES, SCORES, bits, [TEXT], OFFSETS, ones, None, None, None, None, *vectors)
        except ALLOWED:
            continue


READ_AS_ARRAYS = {"logits", "start_logits", "end_logits", "offsets", "sequence_ids", "word_ids", "input_ids", "attention_mask",
                  "special_tokens_mask", "transitions"}  # fmt: skip

PATHS = {"checkpoint", "source", "path", "output_dir", "biases", "tokenizer", "corpus"}
"""Arguments that may name a file, which is then not there."""


def probe(name, function, arguments, argument, value):
    arguments = dict(arguments) if argument is None else {**arguments, argument: value}
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        function(**arguments)
    except KeyError as error:  # as in transformers, whose names are those of an enum
        if argument != "aggregation_strategy" or "transformers" not in name:
            print(f"{name}({argument}={shown(value)}): KeyError: {error}")
    except ALLOWED as error:
        if len(str(error)) > 2000:
            print(f"{name}({argument}={shown(value)}): a message of {len(str(error))} characters")
    except (OSError, IndexError) as error:
        if argument not in (PATHS if isinstance(error, OSError) else {"index", "offset_mapping"}):
            print(f"{name}({argument}={shown(value)}): {type(error).__name__}: {error}")
    except BaseException as error:
        print(f"{name}({argument}={shown(value)}): {type(error).__name__}: {str(error)[:200]}")
    finally:
        faulthandler.cancel_dump_traceback_later()


def shown(value):
    try:
        text = repr(value) if not isinstance(value, np.ndarray) else f"array of {value.dtype}, {value.shape}"
    except ValueError:
        text = f"an int of {value.bit_length()} bits"
    return ascii(text)[1:81]


def main(name):
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    probes = 0
    shares = 4 if name in ("pipelines", "doors") and os.environ.get("FASTPOST_WALK") != "whole" else 1
    for call, (label, function, arguments, walked) in enumerate(family(name)):
        walked = options_of(function) if walked is None else walked
        pairs = [
            (argument, value)
            for argument in walked
            for number, value in enumerate(VALUES)
            if (number + call) % shares == 0
        ]
        if function in (decoded, answered):
            pairs += [(argument, value) for argument in walked if argument in READ_AS_ARRAYS for value in GIANTS]
        for argument, value in pairs or [(None, None)]:
            print(f"{label}({argument}={shown(value)})", file=sys.stderr)
            probe(label, function, arguments, argument, value)
            probes += 1
    print(f"{probes} probes", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
