"""Tokenizers whose post-processor adds ordinary tokens, items that are not texts, vocabularies that are too small."""

import json
import warnings

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import fastpost

TEXTS = ["This is the first sentence.", "And a second one."] * 5
KINDS = ("wordpiece", "bytelevel", "metaspace")


def base(kind, single="[CLS] $A . [SEP]", ordinary=(".",), texts=TEXTS):
    special = ["[UNK]", "[CLS]", "[SEP]"]
    alphabet = []
    if kind == "wordpiece":
        made, decoder = Tokenizer(models.WordPiece(unk_token="[UNK]")), decoders.WordPiece()
        made.pre_tokenizer, trainer = pre_tokenizers.BertPreTokenizer(), trainers.WordPieceTrainer
    elif kind == "bytelevel":
        made, decoder = Tokenizer(models.BPE()), decoders.ByteLevel()
        made.pre_tokenizer, trainer = pre_tokenizers.ByteLevel(), trainers.BpeTrainer
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        made, decoder = Tokenizer(models.BPE(unk_token="[UNK]")), decoders.Metaspace()
        made.pre_tokenizer, trainer = pre_tokenizers.Metaspace(), trainers.BpeTrainer
    made.decoder = decoder
    made.train_from_iterator(
        texts, trainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    known = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]", *ordinary)]
    made.post_processor = processors.TemplateProcessing(single=single, special_tokens=known)
    return made


WAYS = {
    "train_new_from_iterator": lambda tokenizer, texts, size, **more: fastpost.train_new_from_iterator(tokenizer, texts, size, **more),
    "force": lambda tokenizer, texts, size, **more: fastpost.train_new_from_iterator(tokenizer, texts, size, force=True, **more),
    "WordCounts": lambda tokenizer, texts, size, **more: fastpost.WordCounts.from_corpus(tokenizer, texts).train(size, **more),
    "saved WordCounts": lambda tokenizer, texts, size, **more: saved(tokenizer, texts).train(size, **more),
}  # fmt: skip


def saved(tokenizer, texts):
    return fastpost.WordCounts.from_bytes(fastpost.WordCounts.from_corpus(tokenizer, texts).to_bytes(), tokenizer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("single", ["[CLS] $A . [SEP]", "[CLS]:0 $A:0 .:1 [SEP]:1"])
def test_an_ordinary_token_in_a_template(kind, way, single):
    texts = [text.replace("second", "zebra") + " xylophone" for text in TEXTS]
    made = WAYS[way](base(kind, single), texts, 320)
    encoding = made.encode("one")
    assert encoding.tokens[-2:] == [".", "[SEP]"]
    assert encoding.ids[-2:] == [made.token_to_id("."), made.token_to_id("[SEP]")]
    assert {"special_tokens"} <= json.loads(made.to_str())["post_processor"].keys()


@pytest.mark.parametrize("way", WAYS)
def test_an_ordinary_token_inside_a_sequence(way):
    tokenizer = base("bytelevel")
    inner = tokenizer.post_processor
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), inner])
    made = WAYS[way](tokenizer, TEXTS, 320)
    assert made.encode("one").ids[-2] == made.token_to_id(".")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["wordpiece", "metaspace"])
def test_an_ordinary_token_that_the_corpus_lacks(kind, way):
    texts = [text.replace(".", "") for text in TEXTS]
    with pytest.raises(
        ValueError, match=r"puts the token '\.' beside texts, which is not special.*add texts that hold it"
    ) as told:
        WAYS[way](base(kind), texts, 320)
    assert "new_special_tokens" not in str(told.value)  # it would split every full stop off
    made = WAYS[way](base(kind), [*texts, "a . b"], 320)
    assert made.encode("one").ids[-2] == made.token_to_id(".")


@pytest.mark.parametrize("way", ["train_new_from_iterator", "WordCounts"])
def test_a_token_of_a_template_by_another_name(way):
    tokenizer = base("wordpiece")
    made = WAYS[way](tokenizer, TEXTS, 320, special_tokens_map={"[SEP]": "</s>"})
    assert made.encode("one").tokens[-2:] == [".", "</s>"]


@pytest.mark.parametrize("way", ["train_new_from_iterator", "WordCounts"])
def test_the_rehearsal_still_refuses_what_no_corpus_can_mend(way):
    tokenizer = base("wordpiece")
    tokenizer.add_tokens(["[QUESTION]"])  # added, but not special: it does not outlive training
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [QUESTION] . [SEP]", special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[QUESTION]", ".", "[SEP]")]
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"needs the token '\[QUESTION\]'.*name it in `new_special_tokens`"):
        WAYS[way](tokenizer, TEXTS, 320)
    made = WAYS[way](tokenizer, TEXTS, 320, new_special_tokens=["[QUESTION]"])  # as the message says
    assert made.encode("one").tokens[-3:] == ["[QUESTION]", ".", "[SEP]"]


@pytest.mark.parametrize(("corpus", "place"), [
    (["a", None], "None as item 1"), (["a", "b", 3.5], "a float as item 2"), ([["a"], ["b", None]], "None in item 1"),
    ([["a", 7]], "an int in item 0"),
])  # fmt: skip
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_an_item_that_is_no_text(corpus, place, force, lazy):
    given = iter(corpus) if lazy else corpus
    with pytest.raises(TypeError, match=f"`corpus` holds {place}, counted from 0; pass an iterable of str"):
        fastpost.train_new_from_iterator(base("bytelevel"), given, 300, force=force)
    given = iter(corpus) if lazy else corpus
    with pytest.raises(TypeError, match=f"`corpus` holds {place}"):
        fastpost.WordCounts.from_corpus(base("bytelevel"), given, force=force)


def test_a_corpus_without_a_word_is_told():
    for corpus in ([], ["", ""]):
        with pytest.warns(UserWarning, match="the corpus holds no word"):
            fastpost.train_new_from_iterator(base("bytelevel"), corpus, 300)


@pytest.mark.parametrize("size", ["300", 300.0, -1, None])
def test_a_size_that_is_none_is_named(size):
    with pytest.raises((TypeError, ValueError), match="`vocab_size` is "):
        fastpost.train_new_from_iterator(base("bytelevel"), TEXTS, size)


def test_a_vocabulary_below_the_alphabet_is_told():
    with pytest.warns(UserWarning, match="`vocab_size` is 100 but the tokenizer has 259 tokens") as told:
        made = fastpost.train_new_from_iterator(base("bytelevel"), TEXTS, 100)
    assert made.get_vocab_size() == 259
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastpost.train_new_from_iterator(base("bytelevel"), TEXTS, 259)
        fastpost.train_new_from_iterator(base("wordpiece"), TEXTS, 320)
