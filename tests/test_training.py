"""Training gives the tokenizer.json of transformers' own `train_new_from_iterator`, byte for byte."""

import copy
import gzip
import itertools
import json
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import fastpost
from fastpost._fastpost import Splitter, WordTable
from training_bases import (
    BPE_KINDS,
    SPECIAL,
    examples,
    fast,
    python_functions,
    random_unicode,
    tied_texts,
    untrained,
    xquad,
)


def written(tokenizer) -> str:
    return tokenizer.backend_tokenizer.to_str(pretty=True)


def settings_of(tokenizer, folder: Path) -> dict[str, str]:
    tokenizer.save_pretrained(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


def same(tokenizer, corpus, vocab_size, **options):
    """Trains both ways and compares; returns ours."""
    trainer_options = {key: value for key, value in options.items() if key != "force"}
    theirs = tokenizer.train_new_from_iterator(corpus, vocab_size, show_progress=False, **trainer_options)
    ours = fastpost.train_new_from_iterator(tokenizer, corpus, vocab_size, show_progress=False, **options)
    assert type(ours) is type(theirs)
    assert written(ours) == written(theirs)
    return ours


# ---- equality ----


@pytest.mark.parametrize("vocab_size", [300, 5000])
def test_python_functions(vocab_size):
    same(fast("gpt2"), python_functions(10), vocab_size)


@pytest.mark.parametrize("kind", BPE_KINDS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_xquad(kind, language):
    same(fast(kind), xquad(language), 1500)


@pytest.mark.parametrize("kind", BPE_KINDS)
def test_random_unicode(kind):
    same(fast(kind), random_unicode(), 900)


@pytest.mark.parametrize("name", ["gpt2", "roberta", "llama3", "metaspace"])
def test_all_files_of_a_saved_tokenizer(name, tmp_path):
    tokenizer = fast(name, model_max_length=77, padding_side="left")
    corpus = xquad("en")[:200]
    theirs = tokenizer.train_new_from_iterator(corpus, 500, new_special_tokens=["<new>"], show_progress=False)
    ours = fastpost.train_new_from_iterator(tokenizer, corpus, 500, new_special_tokens=["<new>"])
    assert settings_of(ours, tmp_path / "ours") == settings_of(theirs, tmp_path / "theirs")
    again = AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert again(corpus[0])["input_ids"] == theirs(corpus[0])["input_ids"]


OPTIONS = {
    "min_frequency": {"min_frequency": 20},
    "max_token_length": {"max_token_length": 1000},
    "limit_alphabet": {"limit_alphabet": 3000},
    "initial_alphabet": {"initial_alphabet": ["€", "ab", "汉"]},
    "prefix": {"continuing_subword_prefix": "##"},
    "suffix_empty": {"end_of_word_suffix": ""},
    "new_special_tokens": {"new_special_tokens": ["<a>", AddedToken("<b>", lstrip=True, single_word=True)]},
    "special_that_merges": {"new_special_tokens": ["th", "Ġthe", "e"]},
    "renamed": {"special_tokens_map": {"<s>": "<start>", "<unk>": "<?>"}},
    "tiny": {"vocab_size": 0},
}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "prefix"])
@pytest.mark.parametrize("kind", ["roberta", "qwen2", "metaspace"])
def test_options(kind, name):
    same(fast(kind), xquad("en")[:300], **{"vocab_size": 700, "force": True} | OPTIONS[name])


def test_lists_generators_and_single_texts():
    tokenizer, corpus = fast("gpt2"), list(xquad("en")[:300])
    batches = [corpus[i : i + 7] for i in range(0, len(corpus), 7)]
    want = written(tokenizer.train_new_from_iterator(corpus, 600, show_progress=False))
    for source in (
        corpus,
        batches,
        iter(corpus),
        (tuple(batch) for batch in batches),
        (iter(b) for b in batches),
    ):
        assert written(fastpost.train_new_from_iterator(tokenizer, source, 600)) == want


@pytest.mark.parametrize("kind", ["gpt2", "o200k", "metaspace", "bert-uncased"])
def test_threads_do_not_show(kind):
    corpus = [*xquad("en"), *xquad("zh"), *python_functions(3)]
    files = {written(fastpost.train_new_from_iterator(fast(kind), corpus, 1200, threads=n)) for n in (1, 2, 3, 8)}
    assert len(files) == 1


# ---- a Corpus: counted by the threads that read ----


def write_jsonl(path: Path, texts) -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"n": n, "text": text}) + "\n" for n, text in enumerate(texts))
    return path


@pytest.fixture(scope="module")
def mixed() -> list[str]:
    """Enough text for several blocks, so that threads share the work."""
    return [*xquad("en"), *xquad("zh"), *python_functions(3), "", "\u2028\r\n \0"]


@pytest.fixture(scope="module")
def mixed_files(mixed, tmp_path_factory) -> list[Path]:
    """The texts of `mixed` in three files, one of them compressed."""
    folder, third = tmp_path_factory.mktemp("mixed"), len(mixed) // 3
    return [
        write_jsonl(folder / "a.jsonl", mixed[:third]),
        write_jsonl(folder / "b.jsonl.gz", mixed[third : 2 * third]),
        write_jsonl(folder / "c.jsonl", mixed[2 * third :]),
    ]


@pytest.mark.parametrize("kind", ["gpt2", "metaspace", "bert-uncased"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_files_are_counted_as_their_texts_are(kind, threads, mixed, mixed_files):
    tokenizer = fast(kind)
    want = fastpost.WordCounts.from_corpus(tokenizer, mixed)
    for source in (mixed_files, str(mixed_files[0].parent / "*")):
        corpus = fastpost.Corpus(source, threads=threads)
        assert fastpost.WordCounts.from_corpus(tokenizer, corpus) == want
    assert fastpost.WordCounts.from_corpus(tokenizer, fastpost.Corpus(mixed_files), threads=threads) == want
    made = fastpost.train_new_from_iterator(tokenizer, corpus, 1200)
    assert written(made) == written(fastpost.train_new_from_iterator(tokenizer, mixed, 1200))


def test_files_give_the_tokenizer_of_transformers(mixed, mixed_files):
    theirs = fast("gpt2").train_new_from_iterator(mixed, 3000, show_progress=False)
    ours = fastpost.train_new_from_iterator(fast("gpt2"), fastpost.Corpus(mixed_files), 3000)
    assert written(ours) == written(theirs)


def test_every_other_source_of_a_corpus(mixed, mixed_files, tmp_path):
    """Arrow data and open files have one reader; a generator, and a list beside files, are Python strings."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": mixed})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=400)
    tokenizer = fast("gpt2")
    want = fastpost.WordCounts.from_corpus(tokenizer, mixed)
    one = write_jsonl(tmp_path / "all.jsonl", mixed)
    for make in (
        lambda: table,
        lambda: tmp_path / "t.parquet",
        lambda: one.open("rb"),
        lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(500)),
        lambda: [mixed_files[0], mixed_files[1].open("rb"), mixed_files[2]],
        lambda: (text for text in mixed),
        lambda: [mixed_files[0], mixed_files[1], lambda: mixed[len(mixed) // 3 * 2 :]],
    ):
        for threads in (1, 3):
            corpus = fastpost.Corpus(make(), format="jsonl" if "io" in type(make()).__module__ else None)
            assert fastpost.WordCounts.from_corpus(tokenizer, corpus, threads=threads) == want
            assert corpus.stats.texts == len(mixed)


def test_a_stream_is_counted_once_and_whole(mixed, tmp_path):
    """The sample of a pipe can't be read again, so it is kept; the second pass reports the fault."""
    path = write_jsonl(tmp_path / "x.jsonl", mixed)
    want = fastpost.WordCounts.from_corpus(fast("gpt2"), mixed)
    for force in (False, True):
        with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as process:
            corpus = fastpost.Corpus(process.stdout, format="jsonl")
            assert fastpost.WordCounts.from_corpus(fast("gpt2"), corpus, force=force) == want
        assert corpus.stats.texts == len(mixed)
        with pytest.raises(fastpost.CorpusError, match="used up"):
            fastpost.WordCounts.from_corpus(fast("gpt2"), corpus)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 700, 10**6])
def test_skipped_texts_are_not_counted(n, threads, mixed, mixed_files):
    corpus = fastpost.Corpus(mixed_files, threads=threads).skip(n)
    counts = fastpost.WordCounts.from_corpus(fast("gpt2"), corpus)
    assert counts == fastpost.WordCounts.from_corpus(fast("gpt2"), mixed[n:])
    assert (corpus.stats.texts, corpus.position) == (len(mixed[n:]), n + len(mixed[n:]))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_faults_are_those_of_a_loop(threads, mixed, tmp_path):
    """A fault near the end, after the sample; with `skip`, the rest is counted and `stats` says the same."""
    paths = [write_jsonl(tmp_path / f"{name}.jsonl", mixed) for name in "ab"]
    lines = paths[1].read_text(encoding="utf-8").splitlines(keepends=True)
    lines[-3], lines[-1] = '{"text": 5}\n', lines[-1][:-9]
    paths[1].write_text("".join(lines), encoding="utf-8")
    (tmp_path / "c.jsonl").touch()
    source = [*paths, tmp_path / "c.jsonl", tmp_path / "none.jsonl"]
    corpus = fastpost.Corpus(source[:2], threads=threads)
    with pytest.raises(fastpost.CorpusError) as error:
        fastpost.WordCounts.from_corpus(fast("gpt2"), corpus)
    assert (error.value.path, error.value.line) == (str(paths[1]), len(lines) - 2)
    with pytest.raises(FileNotFoundError) as missing:
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus([paths[0], source[3]], threads=threads))
    assert missing.value.filename == str(source[3])

    corpus = fastpost.Corpus(source, threads=threads, on_error="skip")
    texts = [text for batch in corpus for text in batch]
    looped = corpus.stats
    assert fastpost.WordCounts.from_corpus(fast("gpt2"), corpus) == fastpost.WordCounts.from_corpus(fast("gpt2"), texts)
    counted = corpus.stats
    for name in ("texts", "bytes", "skipped", "reasons", "empty_files", "bytes_read"):
        assert getattr(counted, name) == getattr(looped, name), name
    assert (counted.skipped, counted.empty_files, counted.batches) == (3, 1, 0)


def test_the_checks_and_the_progress_of_a_corpus(mixed_files, mixed, tmp_path):
    told = []

    def tell(stage, done, total):
        told.append((stage, done, total, corpus.stats.bytes_read))

    corpus = fastpost.Corpus(mixed_files)
    fastpost.WordCounts.from_corpus(fast("gpt2"), corpus, progress=tell)
    assert told[-1] == ("count", corpus.total_bytes, corpus.total_bytes, corpus.total_bytes)
    assert corpus.stats.bytes == sum(len(text.encode()) for text in mixed)
    told.clear()
    fastpost.WordCounts.from_corpus(fast("gpt2"), mixed, progress=lambda *now: told.append(now))
    assert told[-1] == ("count", corpus.stats.bytes, None)

    def stop(*_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fastpost.WordCounts.from_corpus(fast("gpt2"), corpus, progress=stop)
    long = write_jsonl(tmp_path / "long.jsonl", ["a" * 2000, "b" * 3000])
    with pytest.raises(ValueError, match="words of more than 512 bytes"):
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(long))
    with pytest.raises(ValueError, match="words of more than 512 bytes"), long.open("rb") as file:
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(file, format="jsonl"))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(fastpost.CorpusError, match="holds no text"):
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(tmp_path / "empty.jsonl"), force=True)


def test_files_do_not_become_strings(mixed_files, monkeypatch):
    """Texts after the sample stay in Rust; with `force=True` there is no sample, so all do."""

    def iterated(*_):
        raise AssertionError("a loop makes Python strings")

    monkeypatch.setattr(fastpost.Corpus, "_batches", iterated)
    assert len(fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(mixed_files), force=True))


def test_a_trained_tokenizer_copies_as_any_other():
    """transformers copies a backend that is passed to it; training avoids that copy."""
    made = fastpost.train_new_from_iterator(fast("gpt2"), ["one two two"] * 9, 300)
    other = copy.deepcopy(made)
    assert other.backend_tokenizer is not made.backend_tokenizer
    assert copy.deepcopy(made.backend_tokenizer) is not made.backend_tokenizer
    assert written(other) == written(made)


def test_a_tokenizer_of_the_tokenizers_library():
    trained = fastpost.train_new_from_iterator(untrained("gpt2"), xquad("en"), 500)
    theirs = fast("gpt2").train_new_from_iterator(xquad("en"), 501, show_progress=False)
    assert json.loads(trained.to_str())["model"]["merges"] == json.loads(written(theirs))["model"]["merges"]


@examples(1000)
@given(
    st.sampled_from(["gpt2", "roberta", "llama3", "o200k", "metaspace", "metaspace-never"]),
    st.lists(tied_texts, max_size=8),
    st.integers(0, 330),
    st.integers(0, 3),
)
def test_any_small_corpus(kind, corpus, vocab_size, min_frequency):
    """The core alone, beside a `tokenizers.Tokenizer`: transformers around it is the same each time."""
    from tokenizers.trainers import BpeTrainer

    alphabet = [] if kind.startswith("metaspace") else ALPHABET
    theirs = untrained(kind)
    options = {"special_tokens": list(SPECIAL), "min_frequency": min_frequency, "initial_alphabet": alphabet}
    theirs.train_from_iterator(corpus, BpeTrainer(vocab_size=vocab_size, show_progress=False, **options))
    want = json.loads(theirs.to_str())["model"]
    vocab, merges = core(kind, corpus, vocab_size=vocab_size, **options)
    assert vocab == list(want["vocab"])
    assert merges == [tuple(pair) for pair in want["merges"]]


ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def core(kind, corpus, **options):
    document = json.loads(untrained(kind).to_str())
    splitter = Splitter(json.dumps(document["normalizer"]), json.dumps(document["pre_tokenizer"]))
    return merged(WordTable.count(splitter, corpus, threads=1), splitter.byte_level, **options)


def merged(table, byte_level, **options):
    defaults = {"vocab_size": 1000, "min_frequency": 0, "special_tokens": [], "limit_alphabet": None}
    defaults |= {"initial_alphabet": [], "continuing_subword_prefix": None, "end_of_word_suffix": None}
    return table.train(byte_level=byte_level, **{**defaults, "max_token_length": None, **options})


# ---- the plain twin ----


def plain(words, vocab_size, min_frequency=0, prefix="", suffix="", longest=None, limit=None, faults=False):
    """`BpeTrainer` in plain Python. With `faults`, a negative count is read as a huge one, as in `BpeTrainer`."""
    count_of = {}
    for word, count in words.items():
        for c in word:
            count_of[c] = count_of.get(c, 0) + count
    kept = sorted(count_of, key=lambda c: (-count_of[c], c))[:limit]
    vocab = sorted(kept)
    marked = set()
    for word in words:
        for i, c in enumerate(word):
            if c in kept:
                marked.add((c, i > 0, i == len(word) - 1))
    name = {key: (prefix if key[1] else "") + key[0] + (suffix if key[2] else "") for key in sorted(marked)}
    vocab += [token for token in dict.fromkeys(name.values()) if token not in vocab]
    ids = {token: i for i, token in enumerate(vocab)}
    spelled, counts = [], []
    for word, count in words.items():
        places = [(c, i > 0, i == len(word) - 1) for i, c in enumerate(word) if c in kept]
        spelled.append([(ids[name[key]], 1) for key in places])
        counts.append(count)
    pairs, queue, merges = {}, [], []
    where = {}
    for i, word in enumerate(spelled):
        for (a, _), (b, _) in itertools.pairwise(word):
            pairs[a, b] = pairs.get((a, b), 0) + counts[i]
            where.setdefault((a, b), set()).add(i)

    def order(entry):
        return (-entry[0], entry[1])

    queue = [[pairs[pair], pair, found] for pair, found in where.items()]
    while len(vocab) < vocab_size and queue:
        queue.sort(key=order)
        count, pair, found = queue.pop(0)
        now = pairs[pair]
        if now < 0 and faults:
            now += 2**64
        if count != now:
            if now > 0:
                queue.append([now, pair, found])
            continue
        if count < min_frequency:
            break
        token = vocab[pair[0]] + vocab[pair[1]].removeprefix(prefix)
        if token not in ids:
            ids[token] = len(vocab)
            vocab.append(token)
        new, where = ids[token], {}
        merges.append(pair)
        for i in sorted(found):
            word, at = spelled[i], 0
            while at + 1 < len(word):
                if (word[at][0], word[at + 1][0]) == pair:
                    size = word[at][1] + word[at + 1][1]
                    for other, before in ((at - 1, True), (at + 2, False)):
                        if 0 <= other < len(word):
                            symbol, length = word[other]
                            old = (symbol, pair[0]) if before else (pair[1], symbol)
                            made = (symbol, new) if before else (new, symbol)
                            pairs[old] = pairs.get(old, 0) - counts[i]
                            if longest is None or length + size < longest:
                                pairs[made] = pairs.get(made, 0) + counts[i]
                                where.setdefault(made, set()).add(i)
                    word[at : at + 2] = [(new, size)]
                at += 1
        queue += [[pairs[key], key, found] for key, found in where.items() if pairs[key] > 0]
    last = {pair: i for i, pair in enumerate(merges)}
    merges = sorted(last, key=last.get)
    return vocab, [(vocab[a], vocab[b]) for a, b in merges]


@examples(300)
@given(
    st.dictionaries(st.text("abc#é", min_size=1, max_size=9), st.integers(1, 6), max_size=12),
    st.integers(0, 60),
    st.integers(0, 3),
    st.sampled_from(["", "##", "#"]),
    st.sampled_from(["", "</w>", "a"]),
    st.none() | st.integers(1, 8),
    st.none() | st.integers(0, 5),
)
def test_every_option_beside_the_plain_twin(words, vocab_size, min_frequency, prefix, suffix, longest, limit):
    want = plain(words, vocab_size, min_frequency, prefix, suffix, longest, limit)
    table = WordTable.from_items((word.encode(), count) for word, count in words.items())
    got = merged(
        table,
        False,
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        continuing_subword_prefix=prefix,
        end_of_word_suffix=suffix,
        max_token_length=longest,
        limit_alphabet=limit,
    )
    assert got == want


@examples(300)
@given(st.lists(st.text("ab ", max_size=14), max_size=8), st.integers(0, 40), st.integers(2, 9))
def test_max_token_length_beside_tokenizers(corpus, vocab_size, longest):
    """The results are equal, unless tokenizers read a negative count as a huge one: then the twin with `faults` equals it."""
    from tokenizers.trainers import BpeTrainer

    theirs = untrained("metaspace")
    trainer = BpeTrainer(vocab_size=vocab_size, max_token_length=longest, show_progress=False)
    theirs.train_from_iterator(corpus, trainer)
    model = json.loads(theirs.to_str())["model"]
    want = list(model["vocab"]), [tuple(pair) for pair in model["merges"]]
    got = core("metaspace", corpus, vocab_size=vocab_size, max_token_length=longest)
    if got != want:
        document = json.loads(untrained("metaspace").to_str())
        splitter = Splitter("null", json.dumps(document["pre_tokenizer"]))
        words = {word.decode(): count for word, count in WordTable.count(splitter, corpus).items()}
        assert got == plain(words, vocab_size, longest=longest)
        assert want == plain(words, vocab_size, longest=longest, faults=True)


# ---- where tokenizers changes from run to run or is wrong ----


@pytest.mark.parametrize("kind", ["bert-uncased", "bert-cased"])
def test_wordpiece_has_the_same_tokens_where_no_tie_decides(kind):
    """Prefixes of words, with counts for which no two pairs of letters tie; no two words share a letter."""
    corpus = []
    for index, word in enumerate(["walking", "Üborstv", "dumpf", "汉e", "zyx"]):
        corpus += [word[:end] for end in range(2, len(word) + 1) for _ in range(7**index % 11 + end)]
    tokenizer = fast(kind)
    theirs = tokenizer.train_new_from_iterator(corpus, 60, show_progress=False)
    ours = fastpost.train_new_from_iterator(tokenizer, corpus, 60)
    assert set(ours.get_vocab()) == set(theirs.get_vocab())
    mine, other = json.loads(written(ours)), json.loads(written(theirs))
    assert mine["model"].pop("vocab").keys() == other["model"].pop("vocab").keys()
    assert mine == other


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wordpiece_numbers_its_letters_in_order(language):
    ours = fastpost.train_new_from_iterator(fast("bert-uncased"), xquad(language), 4000)
    vocab = json.loads(written(ours))["model"]["vocab"]
    letters = [token for token in vocab if len(token) == 3 and token.startswith("##")]
    assert letters == sorted(letters)
    assert len(letters) > 20


def test_wordpiece_is_the_same_in_every_process(python):
    script = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import hashlib, fastpost, training_bases as b\n"
        "made = fastpost.train_new_from_iterator(b.fast('bert-uncased'), b.xquad('en'), 900, threads={})\n"
        "print(hashlib.sha256(made.backend_tokenizer.to_str().encode()).hexdigest())"
    )
    assert len({python(script.format(threads)) for threads in (1, 2)}) == 1


def test_limit_alphabet_keeps_the_smaller_character_at_ties():
    table = WordTable.from_items([(b"ab", 1), (b"cd", 1), (b"ef", 5)])
    for _ in range(5):
        assert merged(table, False, limit_alphabet=4, vocab_size=4)[0] == ["a", "b", "e", "f"]


def test_counts_beyond_two_to_the_31():
    """tokenizers sums the counts of pairs in 32 bits; three times 2^30 would be negative there."""
    table = WordTable.from_items([(b"ab", 2**30), (b"xab", 2**30), (b"yab", 2**30), (b"cd", 2**31 + 5), (b"ef", 2**40)])
    _, merges = merged(table, True, vocab_size=100)
    assert merges[:3] == [("e", "f"), ("a", "b"), ("c", "d")]


def test_ids_inside_a_sequence_of_post_processors():
    """Like Llama 3: transformers leaves the ids of a nested template as they were; here they are updated."""
    tokenizer = fast("llama3")
    inner = tokenizer.backend_tokenizer.post_processor
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), inner])
    same(tokenizer, xquad("en"), 700)  # nothing moved, so both are right
    names = {"<s>": "<new start>"}
    ours = fastpost.train_new_from_iterator(tokenizer, xquad("en"), 700, special_tokens_map=names)
    assert ours.convert_ids_to_tokens(ours("a")["input_ids"])[0] == "<new start>"


def test_difference_ids_inside_a_sequence_of_post_processors():
    """Special tokens come first in the new vocabulary; transformers keeps the old ids in a `Sequence`, we do not."""
    backend = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    backend.decoder = decoders.ByteLevel()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.add_special_tokens(["<s>"])
    template = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 2)])
    backend.post_processor = processors.Sequence([processors.ByteLevel(), template])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>")
    theirs = tokenizer.train_new_from_iterator(xquad("en"), 500, show_progress=False)
    ours = fastpost.train_new_from_iterator(tokenizer, xquad("en"), 500)
    assert ours.bos_token_id == theirs.bos_token_id == 0
    assert ours("a")["input_ids"][0] == 0
    stale = theirs("a")["input_ids"][0]
    assert stale == 2
    assert theirs.convert_ids_to_tokens(stale) != "<s>"
    with pytest.raises(ValueError, match="post-processor has id 2 for '<s>', the vocabulary 0"):
        fastpost.verify_tokenizer(theirs)
    without = [json.loads(written(tokenizer)) for tokenizer in (ours, theirs)]
    assert without[0].pop("post_processor") != without[1].pop("post_processor")
    assert without[0] == without[1]


# ---- counts apart from merges ----


def test_word_counts_of_several_sizes(tmp_path):
    tokenizer, corpus = fast("llama3"), xquad("en")
    counts = fastpost.WordCounts.from_corpus(tokenizer, corpus)
    for size in (400, 1000):
        assert written(counts.train(size)) == written(fastpost.train_new_from_iterator(tokenizer, corpus, size))
    counts.save(tmp_path / "a.words")
    again = fastpost.WordCounts.load(tmp_path / "a.words")
    assert again == counts
    assert again.items() == counts.items()
    assert (len(again), again.total) == (len(counts), counts.total)
    assert written(again.train(400)) == written(counts.train(400))
    again.save(tmp_path / "b.words")
    assert (tmp_path / "a.words").read_bytes() == (tmp_path / "b.words").read_bytes()


@pytest.mark.parametrize("kind", ["gpt2", "bert-uncased"])
def test_word_counts_travel_as_bytes(kind):
    """Counts without the vocabulary, and with it if they are pickled."""
    tokenizer, corpus = fast(kind), xquad("en")
    counts = fastpost.WordCounts.from_corpus(tokenizer, corpus)
    data = counts.to_bytes()
    assert data == fastpost.WordCounts.from_corpus(tokenizer, corpus, threads=1).to_bytes()
    for again in (fastpost.WordCounts.from_bytes(data, tokenizer), pickle.loads(pickle.dumps(counts))):
        assert again == counts
        assert written(again.train(400)) == written(counts.train(400))
    other = fast("bert-uncased" if kind == "gpt2" else "gpt2")
    with pytest.raises(ValueError, match="another normalizer or pre-tokenizer"):
        fastpost.WordCounts.from_bytes(data, other)
    with pytest.raises(ValueError, match="cut short"):
        fastpost.WordCounts.from_bytes(data[:-9], tokenizer)


def count_shard(shard: tuple[str, int, str]) -> str:
    kind, part, folder = shard
    path = os.path.join(folder, f"{part}.words")
    fastpost.WordCounts.from_corpus(fast(kind), xquad("en")[part::3], threads=1).save(path)
    return path


@pytest.mark.parametrize("kind", ["gpt2", "bert-uncased"])
def test_shards_counted_in_processes_of_their_own(kind, tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        paths = pool.map(count_shard, [(kind, part, str(tmp_path)) for part in range(3)])
    first, *others = map(fastpost.WordCounts.load, paths)
    for other in others:
        first.merge(other)
    assert written(first.train(800)) == written(fastpost.train_new_from_iterator(fast(kind), xquad("en"), 800))


def test_counts_of_other_rules_do_not_merge(tmp_path):
    one, other = (fastpost.WordCounts.from_corpus(fast(kind), ["a b"]) for kind in ("gpt2", "llama3"))
    with pytest.raises(ValueError, match="another normalizer or pre-tokenizer"):
        one.merge(other)
    one.save(tmp_path / "one")
    with pytest.raises(ValueError, match="another normalizer or pre-tokenizer"):
        fastpost.WordCounts.load(tmp_path / "one", tokenizer=fast("llama3"))
    assert fastpost.WordCounts.load(tmp_path / "one", tokenizer=fast("gpt2")) == one


def test_a_file_that_is_cut_short_changed_or_foreign(tmp_path):
    path = tmp_path / "x.words"
    counts = fastpost.WordCounts.from_corpus(untrained("gpt2"), ["some words, some twice"])
    counts.save(path)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="no file of word counts"):
            fastpost.WordCounts.load(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="no file of word counts"):
            fastpost.WordCounts.load(path)
    for foreign in (b"", b"{}", whole + b"\0", b"FPWORDS\x02" + whole[8:]):
        path.write_bytes(foreign)
        with pytest.raises(ValueError, match="no file of word counts"):
            fastpost.WordCounts.load(path)
    with pytest.raises(FileNotFoundError) as error:
        fastpost.WordCounts.load(tmp_path / "none")
    assert error.value.filename == str(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        counts.save(tmp_path / "no" / "folder")
    assert list(tmp_path.iterdir()) == [path]


# ---- checks, errors, the tail ----


def test_what_is_not_ours_goes_to_tokenizers_with_a_line_in_the_log(caplog):
    from small_tokenizers import unigram

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=unigram(), unk_token="[UNK]")
    with caplog.at_level(logging.WARNING, "fastpost"):
        ours = fastpost.train_new_from_iterator(tokenizer, xquad("en")[:100], 300, show_progress=False)
    theirs = tokenizer.train_new_from_iterator(xquad("en")[:100], 300, show_progress=False)
    assert ours.get_vocab().keys() == theirs.get_vocab().keys()  # its scores differ in the last digits from run to run
    (record,) = (record.getMessage() for record in caplog.records if record.name == "fastpost")
    assert record.endswith("is trained by the tokenizers library: its model Unigram is neither BPE nor WordPiece")


@pytest.mark.parametrize(
    "normalizer", [normalizers.StripAccents(), normalizers.Replace("ab", "x"), normalizers.BertNormalizer()], ids=str
)
def test_a_text_whose_first_character_goes_has_no_blank_at_its_start(normalizer):
    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.normalizer = normalizer
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    same(tokenizer, ["\u0301bcd efg"] * 5 + ["abbcd abx"] * 4 + ["bcd"] * 2, 60)


def test_no_pre_tokenizer_stops_before_the_run():
    tokenizer = fast("gpt2")
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    document["pre_tokenizer"] = None
    bare = PreTrainedTokenizerFast(tokenizer_object=type(tokenizer.backend_tokenizer).from_str(json.dumps(document)))
    with pytest.raises(ValueError, match="has no pre-tokenizer"):
        fastpost.train_new_from_iterator(bare, ["some text"], 300)
    theirs = bare.train_new_from_iterator(["some text", "more text"], 30, show_progress=False)
    assert written(fastpost.train_new_from_iterator(bare, ["some text", "more text"], 30, force=True)) == written(
        theirs
    )


def test_without_a_decoder_there_is_a_tokenizer_and_a_warning(caplog):
    """transformers trains such a tokenizer; the trained one lacks what it lacked before."""
    backend = fast("gpt2").backend_tokenizer
    document = json.loads(backend.to_str())
    document["decoder"] = None
    bare = PreTrainedTokenizerFast(tokenizer_object=type(backend).from_str(json.dumps(document)))
    texts = xquad("en")[:50]
    theirs = bare.train_new_from_iterator(texts, 400, show_progress=False)
    with caplog.at_level("WARNING", logger="fastpost"):
        ours = fastpost.train_new_from_iterator(bare, texts, 400)
    assert written(ours) == written(theirs)
    (warning,) = [record for record in caplog.records if "has no decoder" in record.message]
    assert "set its `decoder` to tokenizers.decoders.ByteLevel()" in warning.getMessage()
    with pytest.raises(ValueError, match="it splits by bytes and has no decoder; set its `decoder` to"):
        fastpost.verify_tokenizer(ours)


def test_parts_that_do_not_fit_stop_before_the_run():
    """The decoder gives no text back, which would show only after counting and merging; it is refused before a text is read."""
    backend = fast("gpt2").backend_tokenizer
    backend.decoder = decoders.WordPiece()
    wrong = PreTrainedTokenizerFast(tokenizer_object=backend)
    read = []

    def corpus():
        for text in xquad("en")[:50]:
            read.append(text)
            yield text

    with pytest.raises(ValueError, match=r"the tokenizer contradicts itself: .* comes back as"):
        fastpost.train_new_from_iterator(wrong, corpus(), 400)
    assert read == []
    secret = "a secret of mine " * 20
    with pytest.raises(ValueError, match=r"'a secret of mine .* comes back as") as told:
        fastpost.verify_tokenizer(wrong, [secret])
    assert secret[:80] not in str(told.value)
    assert fastpost.train_new_from_iterator(wrong, corpus(), 400, force=True).vocab_size == 400
    with pytest.raises(ValueError, match="the tokenizer contradicts itself"):
        fastpost.WordCounts.from_corpus(wrong, corpus()).train(400)


def test_a_corpus_that_is_one_word_stops_before_the_run():
    long = ["a" * 2000, "b" * 3000, "short words"]
    with pytest.raises(ValueError, match="words of more than 512 bytes"):
        fastpost.train_new_from_iterator(fast("gpt2"), long, 300)
    same(fast("gpt2"), long, 300, force=True)
    with pytest.raises(ValueError, match="words of more than 512 bytes"):
        fastpost.train_new_from_iterator(fast("metaspace-whole"), xquad("en"), 300)


def test_too_little_memory_stops_before_the_run(monkeypatch):
    monkeypatch.setattr(fastpost.tokenizers.counting, "memory_available", lambda: 1e6)
    with pytest.raises(ValueError, match="GB are free"):
        fastpost.train_new_from_iterator(fast("gpt2"), iter(xquad("en")), 300, length=10**9)
    assert len(fastpost.train_new_from_iterator(fast("gpt2"), xquad("en"), 300, length=10**9, force=True)) == 300


@pytest.mark.parametrize(
    ("corpus", "error", "match"),
    [
        ("one text", TypeError, "`corpus` is one text"),
        ([1], TypeError, "`corpus` holds an int as item 0"),
        ([["a", None]], TypeError, r"holds None (as item \d|in item \d)"),
        (["\ud800"], UnicodeEncodeError, "surrogates"),
        (5, TypeError, "not iterable"),
    ],
)
def test_a_corpus_that_is_none(corpus, error, match):
    with pytest.raises(error, match=match):
        fastpost.train_new_from_iterator(fast("gpt2"), corpus, 300, force=corpus != 5)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_the_corpus_comes_through(threads):
    def texts():
        yield from xquad("en")
        yield from python_functions(3)
        raise KeyError("from the corpus")

    with pytest.raises(KeyError, match="from the corpus"):
        fastpost.train_new_from_iterator(fast("gpt2"), texts(), 300, threads=threads)


def test_progress_is_told_and_may_stop_the_run(capsys):
    told = []
    fastpost.train_new_from_iterator(fast("gpt2"), xquad("en"), 900, progress=lambda *now: told.append(now))
    assert told[0][0] == "count"
    assert told[-1] == ("merge", 900, 900)
    fastpost.train_new_from_iterator(fast("gpt2"), xquad("en"), 900, progress=True)
    assert "merge: 100 %, 900 of 900 tokens" in capsys.readouterr().err

    def stop(stage, *_):
        if stage == "merge":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fastpost.train_new_from_iterator(fast("gpt2"), xquad("en"), 900, progress=stop)


def test_a_post_processor_without_its_token():
    tokenizer = fast("roberta")
    document = json.loads(tokenizer.backend_tokenizer.to_str())
    document["added_tokens"] = [token for token in document["added_tokens"] if token["content"] != "<s>"]
    backend = type(tokenizer.backend_tokenizer).from_str(json.dumps(document))
    with pytest.raises(ValueError, match="the post-processor needs the token '<s>'"):
        fastpost.train_new_from_iterator(PreTrainedTokenizerFast(tokenizer_object=backend), xquad("en"), 300)
    with pytest.raises(TypeError, match="pass a fast tokenizer"):
        fastpost.train_new_from_iterator("gpt2", xquad("en"), 300)


def test_verify_tokenizer():
    trained = fastpost.train_new_from_iterator(fast("roberta"), xquad("en"), 500)
    fastpost.verify_tokenizer(trained)
    fastpost.verify_tokenizer(trained.backend_tokenizer, xquad("zh")[:20])
    backend = trained.backend_tokenizer
    good = backend.post_processor
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 17))
    with pytest.raises(ValueError, match="post-processor has id 17 for '<s>', the vocabulary 0"):
        fastpost.verify_tokenizer(trained)
    backend.post_processor = good
    backend.normalizer = normalizers.Lowercase()
    fastpost.verify_tokenizer(trained, ["ABC"])
    backend.normalizer = None
    backend.model = models.BPE({"a": 0, "<s>": 1}, [])
    with pytest.raises(ValueError, match="contradicts itself"):
        fastpost.verify_tokenizer(trained)


# ---- the seed's own run ----


@pytest.mark.parametrize(
    ("megabytes", "vocab_size"), [(10, 8_000), pytest.param(250, 52_000, marks=pytest.mark.parity)]
)
def test_the_seed_s_run(megabytes, vocab_size, tmp_path):
    """Runs the example, in `make parity` at full size: it checks itself and prints its results."""
    root = Path(__file__).resolve().parent.parent
    script = root / "examples" / "train_code_tokenizer.py"
    command = [
        sys.executable,
        str(script),
        "--megabytes",
        str(megabytes),
        "--vocab-size",
        str(vocab_size),
        "--out",
        str(tmp_path / "code"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env={**os.environ})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ĊĠĠĠ" in done.stdout
    assert (tmp_path / "code" / "tokenizer.json").exists()


# ---- counts that are interrupted and gone on with ----


def interrupted(corpus, path, times: int):
    """Counts with an error some texts after each start, then without one to the end."""

    def stop(stage, *_):
        if path.exists() and path.stat().st_mtime_ns != before:
            raise InterruptedError

    stopped = 0
    for _ in range(times):
        before = path.stat().st_mtime_ns if path.exists() else 0
        try:
            fastpost.WordCounts.from_corpus(fast("gpt2"), corpus(), checkpoint=path, every=0, progress=stop)
        except InterruptedError:
            stopped += 1
    return stopped, fastpost.WordCounts.from_corpus(fast("gpt2"), corpus(), checkpoint=path, every=0)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_count_goes_on_from_its_checkpoint(threads, mixed, mixed_files, tmp_path):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"text": mixed})
    for name, make in {
        "files": lambda: fastpost.Corpus(mixed_files, threads=threads),
        "skipped": lambda: fastpost.Corpus(mixed_files, threads=threads).skip(100),
        "arrow": lambda: fastpost.Corpus([table.slice(0, 700), table.slice(700)], threads=threads),
        "strings": lambda: fastpost.Corpus(lambda: iter(mixed), threads=threads, batch_size=400),
        "list": lambda: mixed,
    }.items():
        want = fastpost.WordCounts.from_corpus(fast("gpt2"), mixed[100:] if name == "skipped" else mixed)
        stopped, counts = interrupted(make, tmp_path / name, 3)
        assert counts == want, name
        assert stopped > 1 or name in ("arrow", "list"), name
        assert (tmp_path / name).exists()


def test_a_checkpoint_of_something_else(mixed_files, tmp_path):
    path = tmp_path / "x"
    fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(mixed_files), checkpoint=path, every=0)
    for tokenizer, corpus, match in (
        (fast("llama3"), fastpost.Corpus(mixed_files), "begun with another tokenizer"),
        (fast("gpt2"), fastpost.Corpus(mixed_files[:2]), "begun with another corpus .its files have changed"),
        (fast("gpt2"), fastpost.Corpus(mixed_files, column="body"), "`column` was 'text' and is 'body'"),
        (fast("gpt2"), ["other"], "begun with another corpus"),
    ):
        with pytest.raises(ValueError, match=match):
            fastpost.WordCounts.from_corpus(tokenizer, corpus, checkpoint=path)
    fastpost.WordCounts.from_corpus(fast("gpt2"), ["some words"]).save(path)
    with pytest.raises(ValueError, match="holds finished word counts"):
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(mixed_files), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short"):
        fastpost.WordCounts.from_corpus(fast("gpt2"), fastpost.Corpus(mixed_files), checkpoint=path)
    with pytest.raises(ValueError, match="`every` is -1"):
        fastpost.WordCounts.from_corpus(fast("gpt2"), ["a"], checkpoint=tmp_path / "y", every=-1)


def test_the_texts_of_files_are_guessed_from_their_sizes(mixed, mixed_files, monkeypatch, tmp_path):
    """The memory estimate of a long run needs no `length`."""
    _, guessed = fastpost.Corpus(mixed_files, threads=3)._sample(100_000)
    assert guessed == len(mixed)  # all of it was looked at
    long = write_jsonl(tmp_path / "long.jsonl", (f"{n} text" for n in range(1_000_000)))
    for name in ("long.jsonl", "long.jsonl.gz"):
        write_jsonl(tmp_path / name, (f"{n} text" for n in range(1_000_000)))
        corpus = fastpost.Corpus(tmp_path / name)
        _, guessed = corpus._sample(100_000)
        assert 800_000 < guessed < 1_200_000, name
        assert 700_000 < corpus.skip(100_000)._sample(1000)[1] < 1_100_000
    assert fastpost.Corpus(lambda: iter(mixed))._sample(1000)[1] is None
    assert fastpost.Corpus.from_texts(mixed)._sample(1000)[1] is None

    monkeypatch.setattr(fastpost.tokenizers.counting, "memory_available", lambda: 5e6)
    small = write_jsonl(tmp_path / "small.jsonl", (f"{n} text" for n in range(20_000)))
    assert len(fastpost.train_new_from_iterator(fast("gpt2"), fastpost.Corpus(small), 300)) == 300
    with pytest.raises(ValueError, match="GB are free"):
        fastpost.train_new_from_iterator(fast("gpt2"), fastpost.Corpus(long), 300)
    assert len(fastpost.train_new_from_iterator(fast("gpt2"), fastpost.Corpus(long), 300, force=True)) == 300
