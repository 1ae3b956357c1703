"""Results as Arrow, data frames, JSON and pickles, against the real libraries."""

import copy
import json
import multiprocessing
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

import fastpost
from fastpost import AnswerDecoder, Corpus, EntityDecoder, _fastpost
from fastpost.entities.result import _restored
from oracle import STRATEGIES
from test_entities import LABELS, TEXT, make, seed_arrays, seed_logits, seed_tokenizer

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
pd = pytest.importorskip("pandas")

ODD = ["", "plain", 'quo"te', "back\\slash", "new\nline\ttab\r", "\x00\x01\x1f\x7f", "🤗 é 中", "‮א", "\u2028", "<b>&"]
LONE = ["\ud800", "a\udfffb", "\ud83d\ude00", "\udc80🤗\ud800"]


def found(aggregation_strategy="simple", **changes):
    """The entities of one sentence, and of two texts without entities."""
    arrays = {**seed_arrays(), **changes.pop("arrays", {})}
    return make(aggregation_strategy=aggregation_strategy, tokenizer=changes.pop("tokenizer", None)).decode(
        seed_logits(), **arrays
    )


def batch(aggregation_strategy="average", tokenizer=True, texts=True, offsets=True, ids=True):
    """Five texts: some empty, one without an entity, the sentence twice, two windows of one text."""
    encodings = seed_arrays()
    empty = np.zeros((19, len(LABELS)), np.float32)
    empty[:, 0] = 9
    return make(aggregation_strategy=aggregation_strategy, tokenizer=seed_tokenizer() if tokenizer else None).decode(
        np.stack([seed_logits(), empty, seed_logits(), seed_logits()]),
        offsets=np.stack([encodings["offsets"]] * 4) if offsets else None,
        special_tokens_mask=np.stack([encodings["special_tokens_mask"]] * 4),
        input_ids=np.stack([encodings["input_ids"]] * 4) if ids else None,
        texts=["", TEXT, TEXT, TEXT, ""] if texts else None,
        windows=[1, 2, 3, 3],
    )


def of_words(words, labels=("A",), score=0.5):
    """Entities with the given words, all of text 0."""
    count = len(words)
    zeros = np.zeros(count, np.int64)
    places = np.arange(count)
    return _restored(
        1,
        False,
        True,
        zeros,
        places,
        places + 1,
        places % len(labels),
        np.full(count, score, np.float32),
        zeros - 1,
        list(labels),
        words,
    )


def rows_of(entities):
    """The rows that Arrow should give, made from the dicts."""
    rows = []
    for number, text in enumerate(entities.to_dicts()):
        for entity in text:
            label = entity.get("entity_group", entity.get("entity"))
            row = {"text_index": number, "start": entity["start"], "end": entity["end"], "label": label}
            row |= {"score": entity["score"], "word": entity["word"]}
            rows.append(row | ({"index": entity["index"]} if "index" in entity else {}))
    return rows


def nested_rows(entities):
    def record(entity):
        label = entity.get("entity_group", entity.get("entity"))
        return {"start": entity["start"], "end": entity["end"], "label": label, "score": entity["score"]}

    return [{"entities": [record(entity) for entity in text]} for text in entities.to_dicts()]


def bits(value):
    """Floats as their bits, so that equality is exact."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return [bits(item) for item in value] if isinstance(value, list) else value


def assert_json(result):
    want = json.loads(json.dumps(result.to_dicts()))
    assert bits(json.loads(result.to_json())) == bits(want)
    lines = result.to_json(lines=True)
    assert bits([json.loads(line) for line in lines.split(b"\n")[:-1]]) == bits(want)
    assert lines == b"" or lines.endswith(b"\n")


BARE = {"tokenizer": False, "texts": False, "offsets": False}
CASES = [(strategy, {}) for strategy in STRATEGIES]
CASES += [(strategy, {"tokenizer": False}) for strategy in STRATEGIES]
CASES += [(strategy, {"ids": False}) for strategy in ("none", "simple")]
CASES += [(strategy, BARE) for strategy in ("none", "simple")]


# --- Arrow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "missing"), CASES, ids=str)
def test_arrow_says_what_the_dicts_say(strategy, missing):
    entities = batch(strategy, **missing)
    assert entities.to_dicts()[2] == []
    assert len(entities)
    table = entities.to_arrow()
    table.validate(full=True)
    assert table.to_pylist() == rows_of(entities)
    assert table.column("word").to_pylist() == entities.words
    nested = entities.nested()
    nested.to_arrow().validate(full=True)
    assert nested.to_arrow().to_pylist() == nested_rows(entities)
    assert len(nested) == entities.text_count == nested.to_arrow().num_rows
    assert_json(entities)


def test_schema():
    label = pa.dictionary(pa.int32(), pa.string())
    names = [("text_index", pa.int64()), ("start", pa.int64()), ("end", pa.int64()), ("label", label),
             ("score", pa.float32()), ("word", pa.string())]  # fmt: skip
    assert pa.schema(batch("simple")) == pa.schema(names)
    assert pa.schema(batch("none")) == pa.schema([*names, ("index", pa.int64())])
    record = pa.struct([names[1], names[2], names[3], names[4]])
    assert pa.schema(batch("simple").nested()) == pa.schema([("entities", pa.list_(record))])


def test_every_way_in():
    entities = batch()
    rows = rows_of(entities)
    assert pa.table(entities).to_pylist() == rows
    assert pa.record_batch(entities).to_pylist() == rows
    assert pa.array(entities).to_pylist() == rows
    assert pa.chunked_array(entities).to_pylist() == rows
    assert pa.RecordBatchReader.from_stream(entities).read_all().to_pylist() == rows
    assert pl.DataFrame(entities).to_dicts() == rows
    assert pd.DataFrame.from_arrow(entities)["word"].tolist() == entities.words
    assert list(Corpus(entities, column="word")) == [entities.words]


def test_a_schema_that_is_asked_for():
    entities = batch()
    plain = [field.with_type(pa.string()) if field.name == "label" else field for field in pa.schema(entities)]
    table = pa.table(entities, schema=pa.schema(plain))
    assert table.schema.field("label").type == pa.string()
    assert table.to_pylist() == rows_of(entities)


def test_polars_and_pandas():
    entities = batch()
    frame = entities.to_polars()
    assert frame.to_dicts() == rows_of(entities)
    assert frame.group_by("label").len().height == 3
    assert entities.nested().to_polars().explode("entities").drop_nulls().unnest("entities")["label"].to_list() == [
        row["label"] for row in rows_of(entities)
    ]
    table = entities.to_pandas()
    assert table.to_dict("records") == rows_of(entities)
    assert isinstance(table["label"].dtype, pd.CategoricalDtype)
    assert str(table["start"].dtype) == "int64"
    assert entities.nested().to_pandas().to_dict("records") == nested_rows(entities)


def test_pandas_without_places():
    table = batch("simple", **BARE).to_pandas()
    assert table["start"].isna().all()
    assert table["end"].isna().all()
    assert str(table["start"].dtype) == "Int64"
    assert table["word"].isna().all()


def test_duckdb():
    duckdb = pytest.importorskip("duckdb")
    entities = batch()
    nested = entities.nested()  # noqa: F841  (DuckDB finds it by its name)
    counts = duckdb.sql("select label, count(*) from entities group by label order by label").fetchall()
    assert counts == [("LOC", 2), ("ORG", 2), ("PER", 2)]
    rows = duckdb.sql("select unnest(entities, recursive := true) from nested").fetchall()
    assert rows == [tuple(row[key] for key in ("start", "end", "label", "score")) for row in rows_of(entities)]


def test_parquet_and_back(tmp_path):
    import pyarrow.parquet as pq

    entities = batch()
    pq.write_table(entities.to_arrow(), tmp_path / "entities.parquet")
    assert pq.read_table(tmp_path / "entities.parquet").to_pylist() == rows_of(entities)
    pq.write_table(entities.nested().to_arrow(), tmp_path / "nested.parquet")
    assert pq.read_table(tmp_path / "nested.parquet").to_pylist() == nested_rows(entities)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_entities(strategy):
    logits = seed_logits()
    logits[:, 0] = 50
    entities = make(aggregation_strategy=strategy).decode(logits, **seed_arrays())
    assert entities.to_arrow().num_rows == entities.to_polars().height == len(entities.to_pandas()) == 0
    assert entities.to_arrow().schema == pa.schema(found(strategy))
    assert entities.nested().to_arrow().to_pylist() == [{"entities": []}]
    assert entities.to_json() == b"[[]]"
    assert entities.to_json(lines=True) == b"[]\n"
    assert repr(entities) == "<Entities: 0 in 1 text>"


def test_no_texts():
    entities = make().decode(np.zeros((0, 5, len(LABELS)), np.float32))
    assert entities.to_arrow().num_rows == entities.nested().to_arrow().num_rows == 0
    assert entities.to_json() == b"[]"
    assert entities.to_json(lines=True) == b""
    assert pickle.loads(pickle.dumps(entities)).to_dicts() == []


def test_no_offsets_are_nulls():
    table = batch("simple", **BARE).to_arrow()
    assert table["start"].null_count == table["end"].null_count == table["word"].null_count == table.num_rows > 6


def test_labels_of_one_name_are_one_category():
    labels = ["O", "B-X", "B-X", "B-Y", *LABELS[4:]]
    entities = make(labels, aggregation_strategy="none").decode(seed_logits(), **seed_arrays())
    table = entities.to_arrow()
    names = table.column("label").combine_chunks().dictionary.to_pylist()
    assert len(names) == len(set(names)) == len(labels) - 1
    assert table.to_pylist() == rows_of(entities)
    assert entities.to_pandas()["label"].tolist() == [row["label"] for row in rows_of(entities)]
    assert entities.to_polars()["label"].to_list() == [row["label"] for row in rows_of(entities)]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200)
def test_words_are_the_slices_of_their_texts(texts, random):
    """Any offsets, in any order, some past the end, some backwards, as a caller's tokenizer may give them."""
    rows = [
        (number, random.randint(-2, 60), random.randint(-2, 60))
        for number in range(len(texts))
        for _ in range(random.randint(0, 5))
    ]
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(3)]
    zeros = np.zeros(len(rows), np.int64)
    score = np.zeros(len(rows), np.float32)
    entities = _restored(len(texts), False, True, *columns, zeros, score, zeros, ["A"], None, texts)
    want = [texts[number][max(start, 0) : max(end, 0)] for number, start, end in rows]
    assert entities.words == entities.to_arrow()["word"].to_pylist() == want
    assert_json(entities)


# --- compat="fastpost" ----------------------------------------------------------------------------------


def right(aggregation_strategy="simple", **options):
    """The same entities with the additional columns of `compat="fastpost"`; the first text has a character of four bytes."""
    arrays = seed_arrays()
    emoji = "🤗" + TEXT[1:]
    decoder = EntityDecoder(
        LABELS, aggregation_strategy=aggregation_strategy, decode="argmax", snap=None, join=None, **options
    )
    return decoder.decode(
        np.stack([seed_logits()] * 2),
        offsets=np.stack([arrays["offsets"]] * 2),
        special_tokens_mask=np.stack([arrays["special_tokens_mask"]] * 2),
        texts=[emoji, TEXT],
    )


RIGHT = [
    {},
    {"return_probs": True},
    {"units": ("utf8", "utf16", "graphemes")},
    {"return_probs": True, "units": ("utf16",)},
]


@pytest.mark.parametrize("options", RIGHT, ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_of_compat_none(strategy, options):
    entities = right(strategy, **options)
    dicts = [entity for text in entities.to_dicts() for entity in text]
    assert_json(entities)
    table = entities.to_arrow()
    table.validate(full=True)
    rows = table.to_pylist()
    units = options.get("units", ())
    names = ["text_index", "start", "end", "label", "score", "word", *["index"] * (strategy == "none")]
    names += [f"{edge}_{unit}" for unit in units for edge in ("start", "end")]
    assert table.column_names == names + ["probs"] * ("return_probs" in options)
    assert list(entities.to_pandas().columns) == table.column_names
    assert entities.to_polars().height == len(rows) == len(dicts) >= 6
    for row, entity in zip(rows, dicts, strict=True):
        for name in set(names) - {"text_index", "label"}:
            assert row[name] == entity[name], name
        if "return_probs" in options:
            assert dict(zip(entities.labels, row["probs"], strict=True)) == entity["probs"]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(entities, protocol))
        assert again.to_dicts() == entities.to_dicts()
        assert again.to_json() == entities.to_json()
        assert again.to_arrow() == table
        assert again.covered.tolist() == entities.covered.tolist()
        assert again.token_start.tolist() == entities.token_start.tolist()
        assert again.word_end.tolist() == entities.word_end.tolist()
        assert (again.probs is None) == (entities.probs is None)


def test_a_damaged_pickle_of_own_entities_is_refused():
    function, columns = right(return_probs=True).__reduce__()
    more = columns[12]
    for place, value, says in [
        (0, {**more[0], "token_start": more[0]["token_start"][:1]}, "`token_start` has 1 rows"),
        (0, {name: column for name, column in more[0].items() if name != "word_end"}, "`word_end` has 0 rows"),
        (1, more[1][:3], "`probs` has 3 rows"),
        (2, more[2][:2], "`covered` has 2 rows"),
    ]:
        damaged = (*more[:place], value, *more[place + 1 :])
        with pytest.raises(ValueError, match=says):
            function(*columns[:12], damaged, *columns[13:])
    function, columns = right().__reduce__()
    with pytest.raises(ValueError, match="`probs` has no values for 6 entities"):
        function(*columns[:13], True, *columns[14:])
    with pytest.raises(ValueError, match="`start_utf8` has 1 rows but there are 6 entities"):
        _fastpost.entity_json(right()._table, False, [("utf8", np.zeros(1, np.int64), np.zeros(1, np.int64))], False)


# --- odd words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", [*ODD, None])
def test_odd_words(word):
    entities = of_words(["before", word, "after"], labels=['la"bel', "中"])
    assert entities.to_arrow()["word"].to_pylist() == ["before", word, "after"]
    assert entities.to_polars()["word"].to_list() == ["before", word, "after"]
    assert_json(entities)
    assert pickle.loads(pickle.dumps(entities)).words == ["before", word, "after"]


@given(st.lists(st.none() | st.text(st.characters(), max_size=8), max_size=6))
@settings(max_examples=300)
def test_any_words(words):
    entities = of_words(words)
    assert_json(entities)
    assert pickle.loads(pickle.dumps(entities)).words == words
    try:
        "".join(word or "" for word in words).encode()
    except UnicodeEncodeError:
        lone = [row for row, word in enumerate(words) if word and any("\ud800" <= c <= "\udfff" for c in word)]
        with pytest.raises(ValueError, match=rf"`word` of row {lone[0]} has a lone surrogate"):
            entities.to_arrow()
    else:
        assert entities.to_arrow()["word"].to_pylist() == words
    repr(entities).encode()  # can be printed


@pytest.mark.parametrize("word", LONE)
def test_lone_surrogates(word):
    """A tokenizer's own decoder can make lone surrogates; JSON has an escape for them, Arrow has none."""

    class Own:
        def decode_chain(self, tokens):
            return [word]

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    table = _fastpost.TokenTable([("[UNK]", 0), ("a", 1)], 0, None, lambda tokens: word)
    decoder = EntityDecoder(["O", "I-A"], compat="transformers")
    kernel = _fastpost.EntityKernel(["O", "I-A"], "simple", ("O",), False, table)
    logits = np.array([[[0, 5]]], np.float32)
    made = kernel.decode(
        logits, "float32", None, np.array([[[0, 1]]]), None, np.array([[1]]), None, None, ["a"], None, True, 1
    )
    entities = fastpost.Entities(made, decoder.labels)
    assert entities.words == [word]
    assert_json(entities)
    with pytest.raises(ValueError, match=r"`word` of row 0 has a lone surrogate.*to_json"):
        entities.to_arrow()
    with pytest.raises(ValueError, match="surrogates not allowed"):  # pandas keeps strings as Arrow does
        entities.to_pandas()


@given(st.floats(0, 1, width=32))
def test_scores_are_equal_to_the_bit(score):
    assert_json(of_words(["a"], score=score))


# --- absent libraries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "library", "cure"),
    [
        ("to_arrow", "pyarrow", "'fastpost[arrow]'"),
        ("to_polars", "polars", "polars"),
        ("to_pandas", "pandas", "pandas"),
    ],
)
def test_a_library_that_is_absent(monkeypatch, method, library, cure):
    monkeypatch.setitem(sys.modules, library, None)
    for result in (batch(), batch().nested(), answers()):
        with pytest.raises(ImportError) as raised:
            getattr(result, method)()
        assert str(raised.value) == f"`{method}()` needs {library}; pip install {cure}"
        assert raised.value.name == library


def test_arrow_without_pyarrow():
    script = """
import sys
sys.path.insert(0, "tests")
sys.modules["pyarrow"] = None
import polars
from test_entities import make, seed_arrays, seed_logits
entities = make().decode(seed_logits(), **seed_arrays())
print(polars.DataFrame(entities)["word"].to_list(), entities.to_pandas()["label"].tolist())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout == "['Sylvain', 'Hugging Face', 'Brooklyn'] ['PER', 'ORG', 'LOC']\n", done.stderr


# --- answers --------------------------------------------------------------------------------------


def answers(compat="fastpost", contexts=("a lone context", "", 'quo"te 🤗 ok'), **options):
    """Answers to three questions, the second of which has an empty context."""
    options = {"handle_impossible_answer": True, **options}
    start = np.linspace(-1, 3, 15, dtype=np.float32).reshape(3, 5)
    word_ids = np.array([[-1, 0, 0, 1, 2]] * 3)
    offsets = np.array([[[0, 0], [0, 0], [0, 2], [2, 6], [6, 9]]] * 3)
    offsets[1] = 0
    sequence = np.array([[-1, 0, 1, 1, 1]] * 3)
    questions = options.pop("questions", None)
    return AnswerDecoder(compat=compat, **options).decode(
        start, -start, contexts=list(contexts), offsets=offsets, sequence_ids=sequence, word_ids=word_ids,
        attention_mask=np.ones((3, 5), np.int64), questions=questions,
    )  # fmt: skip


ANSWERS = [
    {"top_k": 3},
    {"top_k": 1},
    {"top_k": 3, "compat": "transformers"},
    {"top_k": 1, "compat": "transformers"},
    {"top_k": 4, "questions": [0, 0, 1]},
    {"top_k": 2, "null_threshold": 0.1},
]


@pytest.mark.parametrize("options", ANSWERS, ids=str)
def test_answers(options):
    result = answers(**options)
    assert len(result)
    assert_json(result)
    table = result.to_arrow()
    table.validate(full=True)
    for name in ("question_index", "text_index", "start", "end", "score", "start_logit", "end_logit"):
        assert table[name].to_pylist() == getattr(result, name).tolist(), name
    assert table["answer"].to_pylist() == result.answers
    assert table["window"].to_pylist() == [None if window < 0 else window for window in result.window.tolist()]
    assert result.to_polars().equals(pl.from_arrow(table))
    frame = result.to_pandas()
    assert list(frame.columns) == table.column_names
    assert [None if pd.isna(window) else window for window in frame["window"]] == table["window"].to_pylist()
    assert frame["score"].tolist() == result.score.tolist()
    lists = [[] for _ in range(result.question_count)]
    for row in table.to_pylist():
        lists[row["question_index"]].append(
            {name: row[name] for name in ("text_index", "start", "end", "score", "answer")}
        )
    null_score = [None if np.isnan(score) else score for score in result.null_score.tolist()]
    want = [{"answers": found, "null_score": score} for found, score in zip(lists, null_score, strict=True)]
    assert result.nested().to_arrow().to_pylist() == want
    assert result.nested().to_pandas()["answers"].tolist() == lists
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(result, protocol))
        assert again.to_dicts() == result.to_dicts()
        assert again.to_arrow() == table
        assert again.null_score.tobytes() == result.null_score.tobytes()
    assert copy.copy(result) is copy.deepcopy(result) is result


def test_answers_print_as_a_table():
    text = repr(answers(top_k=3))
    assert text.startswith(
        f"<Answers: {len(answers(top_k=3))} to 3 questions>\n  question  start  end   score  answer\n"
    )
    assert '  o"te\n' in text


def test_answer_decoder_pickles():
    decoder = AnswerDecoder(top_k=3, max_answer_len=7, dedupe="overlap", null_threshold=0.2, threads=1)
    for again in [copy.copy(decoder), copy.deepcopy(decoder)] + [
        pickle.loads(pickle.dumps(decoder, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]:
        assert again.__getstate__() == decoder.__getstate__()
        assert repr(again) == repr(decoder)


# --- pickle and copy ------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "missing"), CASES, ids=str)
def test_entities_pickle(strategy, missing):
    entities = batch(strategy, **missing)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(entities, protocol))
        assert again.to_dicts() == entities.to_dicts()
        assert again.words == entities.words
        assert again.labels == entities.labels
        assert again.to_arrow() == entities.to_arrow()
        assert again.to_json() == entities.to_json()
        assert repr(again) == repr(entities)
        assert not again.start.flags.writeable
        assert pickle.loads(pickle.dumps(again, protocol)).to_dicts() == entities.to_dicts()
    assert copy.copy(entities) is copy.deepcopy(entities) is entities
    assert pickle.loads(pickle.dumps(entities.nested())).to_arrow() == entities.nested().to_arrow()


def test_a_pickle_does_not_carry_the_tokenizer():
    assert len(pickle.dumps(batch())) < 3000


def decoded(decoder):
    return decoder.decode(seed_logits(), **seed_arrays())


def counted(corpus):
    return sum(map(len, corpus))


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_across_processes(method, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\nthree")
    decoder = make(aggregation_strategy="first", tokenizer=seed_tokenizer())
    with multiprocessing.get_context(method).Pool(1) as pool:
        entities = pool.apply(decoded, (decoder,))
        assert pool.apply(counted, (Corpus(str(tmp_path)),)) == 3
    assert entities.to_dicts() == decoded(decoder).to_dicts()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entity_decoder_pickles(strategy, protocol):
    decoder = make(aggregation_strategy=strategy, tokenizer=seed_tokenizer(), threads=2, ignore_labels={"O", "LOC"})
    for again in (pickle.loads(pickle.dumps(decoder, protocol)), copy.copy(decoder), copy.deepcopy(decoder)):
        assert decoded(again).to_dicts() == decoded(decoder).to_dicts()
        assert repr(again) == repr(decoder)


def test_what_a_caller_changes_later_changes_no_decoder():
    """Such changes used to show in `repr`, in pickles and in copies."""
    names, weights, ignored, thresholds = {0: "O", 1: "B-P", 2: "I-P"}, np.zeros((3, 3), np.float32), ["O"], {"P": 0.5}
    decoder = fastpost.EntityDecoder(names, transitions=weights, ignore_labels=ignored, threshold=thresholds)
    before = repr(decoder)
    names[1], names[2], thresholds["P"] = "B-Q", "I-Q", 1.0
    weights[:], weights[:, 0] = -50, 50
    ignored.append("P")
    assert repr(decoder) == before
    logits = [np.array([[0, 3, 0], [0, 0, 3]], np.float32)]
    for again in (decoder, pickle.loads(pickle.dumps(decoder)), copy.copy(decoder), copy.deepcopy(decoder)):
        assert again.decode(logits, offsets=[[(0, 4), (5, 8)]], texts=["Anna Tom"]).words == ["Anna Tom"]
        assert again.labels == decoder.labels == ("O", "P")


def test_biases_of_a_file_travel_without_it(tmp_path):
    names = ("background_stay", "background_to_start", "inside_to_continue", "inside_to_end", "end_to_background")
    biases = dict.fromkeys([*names, "end_to_start"], 0.25)
    path = tmp_path / "viterbi_calibration.json"
    path.write_text(json.dumps(biases))
    labels = ["O", "B-P", "I-P", "E-P", "S-P"]
    decoders = [fastpost.EntityDecoder(labels, biases=given) for given in (path, biases)]
    path.unlink()
    biases["background_stay"] = 99.0
    for decoder in decoders:
        assert pickle.loads(pickle.dumps(decoder))._arguments["biases"] == dict.fromkeys(biases, 0.25)


def test_what_was_read_off_a_tokenizer_pickles():
    from fastpost._inputs.tokenizer import Tokens

    tokens = Tokens.of(seed_tokenizer())
    decoder = make(tokenizer=pickle.loads(pickle.dumps(tokens)))
    assert decoded(decoder).to_dicts() == decoded(make(tokenizer=seed_tokenizer())).to_dicts()


CHANGES = [
    (
        "text_count",
        lambda columns: columns.__setitem__(slice(0, 4), [2, False, True, np.array([1, 0, 0])]),
        "`text_index` holds 0 at row 1",
    ),
    ("text_index", lambda columns: columns.__setitem__(3, np.array([0, 0, 9])), "`text_index` holds 9 at row 2"),
    ("text_index", lambda columns: columns.__setitem__(3, np.array([-1, 0, 0])), "`text_index` holds -1 at row 0"),
    ("label_id", lambda columns: columns.__setitem__(6, np.array([0, 9, 0])), "`label_id` holds 9 at row 1"),
    ("start", lambda columns: columns.__setitem__(4, np.array([0])), "`start` has 1 rows but `text_index` has 3"),
    ("words", lambda columns: columns.__setitem__(10, ["a"]), "`words` has 1 rows but `text_index` has 3"),
    ("score", lambda columns: columns.__setitem__(7, np.zeros(2, np.float32)), "`score` has 2 rows"),
]


@pytest.mark.parametrize(
    ("name", "change", "says"), CHANGES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CHANGES)]
)
def test_a_damaged_pickle_is_refused(name, change, says):
    function, columns = of_words(["a", "b", "c"]).__reduce__()
    columns = list(columns)
    change(columns)
    with pytest.raises(ValueError, match=says.replace("[", r"\[")):
        function(*columns)


def test_a_damaged_pickle_of_answers_is_refused():
    function, columns = answers(top_k=2).__reduce__()
    for place, value, says in [
        (2, columns[2][::-1].copy(), "`question_index` holds"),
        (2, columns[2] + 9, "`question_index` holds"),
        (5, columns[5][:1], "`start` has 1 rows"),
        (11, ["a"], "`answers` has 1 rows"),
    ]:
        with pytest.raises(ValueError, match=says):
            function(*columns[:place], value, *columns[place + 1 :])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_corpus_pickles(tmp_path, protocol):
    (tmp_path / "a.txt").write_text("one\ntwo\nthree")
    for corpus in (
        Corpus(tmp_path / "a.txt", batch_size=2),
        Corpus.from_texts(["one", "two", "three"], batch_size=2),
        Corpus(pa.table({"text": ["one", "two", "three"]}), batch_size=2),
        Corpus(lambda_free, batch_size=2),
    ):
        corpus.skip(1)
        again = pickle.loads(pickle.dumps(corpus, protocol))
        assert list(again) == list(copy.copy(corpus)) == list(copy.deepcopy(corpus)) == [["two", "three"]]


def lambda_free():
    return iter(["one", "two", "three"])


def test_a_corpus_that_is_read_once_says_why_it_does_not_pickle(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    reader = pa.table({"text": ["one"]}).to_reader()
    with open(tmp_path / "a.txt", "rb") as file:
        for source, what in [
            ((text for text in ["one"]), "a generator"),
            (reader, "an Arrow record batch reader"),
            (file, f"the open file {tmp_path / 'a.txt'}"),
        ]:
            corpus = Corpus(source)
            for attempt in (pickle.dumps, copy.deepcopy):
                with pytest.raises(TypeError, match="the corpus reads") as raised:
                    attempt(corpus)
                assert str(raised.value).startswith(f"the corpus reads {what}, which can't be copied or sent")
                assert "Corpus(lambda: ...)" in str(raised.value)
            assert list(corpus) == [["one"]]  # the corpus can still be read


# --- repr -----------------------------------------------------------------------------------------


def test_repr_is_a_short_table():
    assert repr(found("simple", tokenizer=seed_tokenizer())) == (
        "<Entities: 3 in 1 text>\n"
        "  text  start  end  label   score  word\n"
        "     0     11   18    PER  0.9982  Sylvain\n"
        "     0     33   45    ORG  0.9796  Hugging Face\n"
        "     0     49   57    LOC  0.9932  Brooklyn"
    )


def test_repr_stays_short():
    text = repr(of_words(["x" * 100] * 1000))
    assert text.endswith("\n  ... and 991 more")
    assert len(text.splitlines()) == 12
    assert max(map(len, text.splitlines())) < 90
    assert "…" in text
    assert len(repr(of_words(["x"] * 10)).splitlines()) == 12


@pytest.mark.parametrize("word", ["a\nb", "a\r\tb", "\x1b[31mred", "\u2028", "\u202eback", "\ud800"])
def test_repr_stays_on_its_lines(word):
    text = repr(of_words([word]))
    assert len(text.splitlines()) == 3
    assert word not in text
    text.encode()


def test_repr_without_places_or_words():
    assert "  -    -" in repr(batch("simple", **BARE))


# --- spans of other models ------------------------------------------------------------------------

SPANS = [
    [
        {"start": 11, "end": 18, "text": "Sylvain", "label": "person", "score": 0.98},
        {"start": 49, "end": 57, "text": "Brooklyn", "label": "city", "score": 0.5},
    ],
    [],
    [(33, 45, "company"), (np.int64(41), np.int64(45), "company", np.float32(0.25))],
]


def test_from_spans():
    entities = fastpost.Entities.from_spans(SPANS, [TEXT, "", TEXT])
    assert entities.to_arrow().to_pylist() == rows_of(entities)
    assert [(e["entity_group"], e["word"]) for e in entities] == [
        ("person", "Sylvain"), ("city", "Brooklyn"), ("company", "Hugging Face"), ("company", "Face"),
    ]  # fmt: skip
    assert entities.score.tolist() == [np.float32(0.98), 0.5, 1, 0.25]
    assert entities.labels == ("person", "city", "company")
    assert entities.text_count == 3
    assert entities._repr_html_().count('class="fp-tag"') == 4
    assert_json(entities)
    assert pickle.loads(pickle.dumps(entities)).to_dicts() == entities.to_dicts()


def test_from_spans_without_texts():
    entities = fastpost.Entities.from_spans(SPANS, labels=["city", "company", "person"])
    assert entities.words == ["Sylvain", "Brooklyn", None, None]
    assert entities.labels == ("city", "company", "person")
    assert entities.to_dicts()[0][1]["entity_group"] == "city"
    assert fastpost.Entities.from_spans([]).to_dicts() == []


def test_spans_of_dicts_come_back():
    dicts = batch().to_dicts()
    again = fastpost.Entities.from_spans(dicts)
    assert again.to_dicts() == dicts
    assert again.to_json() == batch().to_json()


@pytest.mark.parametrize(
    ("span", "error", "says"),
    [
        ((0, 9, "A"), ValueError, "`spans[1][0]` covers characters 0 to 9, but its text has 3"),
        ((-1, 2, "A"), ValueError, "`spans[1][0]` covers characters -1 to 2"),
        ((2, 1, "A"), ValueError, "`spans[1][0]` covers characters 2 to 1"),
        ((0, 1), TypeError, "`spans[1][0]` is (0, 1); pass a dict, or a tuple"),
        ("abc", TypeError, "`spans[1][0]` is 'abc'"),
        ((0.5, 1, "A"), TypeError, "`spans[1][0]` has the place 0.5 to 1"),
        ((0, 1, 7), TypeError, "`spans[1][0]` has the label 7"),
        ({"start": 0, "label": "A"}, ValueError, "`spans[1][0]` has no `end`; it has `start`, `label`"),
        ({"start": 0, "end": 1}, ValueError, "`spans[1][0]` has no `label`"),
        ((0, 1, "B"), ValueError, "`spans[1][0]` has the label 'B', which is not among `labels`"),
    ],
)
def test_bad_spans(span, error, says):
    with pytest.raises(error) as raised:
        fastpost.Entities.from_spans([[], [span]], ["", "abc"], labels=["A"])
    assert says in str(raised.value)


def test_spans_that_do_not_fit():
    with pytest.raises(ValueError, match="`spans` is one list of 2 entities for a list of 1 text"):
        fastpost.Entities.from_spans([(0, 1, "A"), (0, 1, "B")], ["a"])
    with pytest.raises(ValueError, match="`spans` holds 1 list for 2 texts"):
        fastpost.Entities.from_spans([[]], ["a", "b"])
    with pytest.raises(TypeError, match="`texts` is one str"):
        fastpost.Entities.from_spans([[]], "a")
    with pytest.raises(ValueError, match="not valid Unicode"):
        fastpost.Entities.from_spans([[]], ["\ud800"])
