"""Untrained tokenizers of each family that the core trains, and texts that tell them apart."""

import functools
import json
import os
import random
import sys
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import PreTrainedTokenizerFast


def examples(count: int):
    """The number of examples: as given in `make test`, multiplied in `make parity` by its total over 1,000."""
    return settings(max_examples=max(1, count * int(os.environ.get("FASTPOST_PARITY_EXAMPLES", "1000")) // 1000))


ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benches" / "python"))

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+X"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*X"
)
REGEX = {
    "gpt2-split": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt2-short": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + TAIL,
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+",
    "tiktoken": CONTRACTIONS
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "qwen2": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + TAIL,
    "qwen3.5": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + TAIL,
    "o200k": CASED.replace("X", CONTRACTIONS + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL,
    "bloom": " ?[^(\\s|[.,!?…。，、।۔،])]+",
    "numbers": r"\p{N}{1,3}",
    "chinese": "[一-龥\u3040-ゟ゠-ヿ]+",
    "deepseek-rest": r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+[\r\n]*|" + TAIL,
    "tekken": CASED.replace("X", "") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL,
}


def split_then_bytes(name: str, behavior: str = "isolated", invert: bool = False, prefix: bool = False):
    """`Split(Regex)`, then `ByteLevel(use_regex=False)`."""
    split = pre_tokenizers.Split(Regex(REGEX[name]), behavior, invert)
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=False)
    return pre_tokenizers.Sequence([split, level])


def deepseek():
    """DeepSeek-V3's three expressions, with the line ends themselves in their classes, as its file has them."""
    expressions = [REGEX[name] for name in ("numbers", "chinese", "deepseek-rest")]
    expressions[2] = expressions[2].replace(r"\r\n", "\r\n")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*(pre_tokenizers.Split(Regex(one), "isolated") for one in expressions), level])


PRE_TOKENIZERS = {
    "gpt2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "roberta": lambda: pre_tokenizers.ByteLevel(add_prefix_space=True),
    **{name: functools.partial(split_then_bytes, name) for name in REGEX},
    "removed": lambda: split_then_bytes("cl100k", "removed", True),
    "split-prefix": lambda: split_then_bytes("llama3", prefix=True),
    "starcoder": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "digit-runs": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(False), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "deepseek": deepseek,
    "bert": pre_tokenizers.BertPreTokenizer,
    "metaspace": lambda: pre_tokenizers.Metaspace(prepend_scheme="always"),
    "metaspace-first": lambda: pre_tokenizers.Metaspace(prepend_scheme="first"),
    "metaspace-never": lambda: pre_tokenizers.Metaspace(prepend_scheme="never"),
    "metaspace-whole": lambda: pre_tokenizers.Metaspace(split=False),
    "metaspace-ascii": lambda: pre_tokenizers.Metaspace(replacement="_"),
}

NORMALIZERS = {
    "nfc": normalizers.NFC,
    "nfd": normalizers.NFD,
    "nfkc": normalizers.NFKC,
    "nfkd": normalizers.NFKD,
    "lowercase": normalizers.Lowercase,
    "strip-accents": normalizers.StripAccents,
    "bert-uncased": lambda: normalizers.BertNormalizer(lowercase=True),
    "bert-cased": lambda: normalizers.BertNormalizer(lowercase=False),
    "bert-accents": lambda: normalizers.BertNormalizer(lowercase=False, strip_accents=True, handle_chinese_chars=False),
    "bert-lower": lambda: normalizers.BertNormalizer(clean_text=False, lowercase=True, strip_accents=False),
    "llama2": lambda: normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    "sequence": lambda: normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
}


def untrained(kind: str) -> Tokenizer:
    """A tokenizer of a family, with neither vocabulary nor special tokens."""
    if kind.startswith("bert"):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=kind == "bert-uncased")
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = PRE_TOKENIZERS[kind]()
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.Metaspace() if kind.startswith("metaspace") else decoders.ByteLevel()
    return tokenizer


# Two of DeepSeek's three expressions leave whole texts as words by themselves.
BPE_KINDS = tuple(kind for kind in PRE_TOKENIZERS if kind not in ("bert", "metaspace-whole", "numbers", "chinese"))
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def fast(kind: str, **settings) -> PreTrainedTokenizerFast:
    """The transformers tokenizer of a family, with special tokens and a post-processor, untrained."""
    tokenizer = untrained(kind)
    if kind.startswith("bert"):
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        tokenizer.add_special_tokens(list(names.values()))
        ids = {name: tokenizer.token_to_id(token) for name, token in names.items()}
        tokenizer.post_processor = processors.BertProcessing((names["sep"], ids["sep"]), (names["cls"], ids["cls"]))
        tokens = {f"{name}_token": token for name, token in names.items()}
    elif kind == "gpt2":
        tokenizer.add_special_tokens(["<|endoftext|>"])
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        tokens = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    elif kind == "roberta":
        tokenizer.add_special_tokens([*SPECIAL[:4], AddedToken("<mask>", lstrip=True, normalized=False)])
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
        tokens |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    else:
        tokenizer.add_special_tokens(list(SPECIAL))
        tokenizer.add_tokens(["ordinary added token"])
        template = {"single": "<s> $A </s>", "pair": "<s> $A </s> $B:1 </s>:1"}
        tokenizer.post_processor = processors.TemplateProcessing(**template, special_tokens=[("<s>", 0), ("</s>", 2)])
        tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens, **settings)


# Characters that the patterns treat differently: letters and numbers that Rust classifies otherwise, spaces, joiners.
TRICKY = (
    "aZ0 '\"!/_-.\t\n\r\x0b\x0c\x00\x1c\x1f\x85\xa0\xad\xb2\xbc\xdf\xb5ªºÀé"
    "ſKÅ\u0130\u0131\u0149\ufb05Σσςǅǈʰՙאبपि๐ก็ไ汉\u3007\u3000々ゝー가힣"
    "\u0301\u0308\u0345\u0903\u20dd\u1abe\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\ufeff\ufffd"
    "Ⅷⅷↀ①⑴½٣०\u2150𝟘𐒠𝓐𝓪😀👩🏽‍🚀🇩🇪\U000e0100\U000e0061\U0010ffff\ue000▁_"
)
PIECES = (
    "'s",
    "'S",
    "'ſ",
    "'re",
    "'LL",
    "'vE",
    "'d",
    "'x",
    "  ",
    "\r\n",
    "\n\n",
    " \n ",
    "def f(self):\n    ",
    "12345",
    "HTTPServer",
    "e\u0301",
    "//\n",
    "\t\tx",
    " ▁",
    "<s>",
    "</s>",
    "don't",
    "I'M",
    "ǅa",
    "ʰA",
    "汉A字b",
)
texts = st.lists(
    st.one_of(st.sampled_from(TRICKY), st.sampled_from(PIECES), st.characters(exclude_categories=["Cs"])),
    max_size=24,
).map("".join)
# Few letters, so that nearly every pair ties with others.
tied_texts = st.text("ab ", max_size=12) | st.text("aaab\n '", max_size=20) | texts


@functools.cache
def xquad(language: str) -> tuple[str, ...]:
    """Paragraphs and questions of XQuAD."""
    data = json.loads((ROOT / "tests" / "data" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    paragraphs = [paragraph for article in data for paragraph in article["paragraphs"]]
    return tuple(text for one in paragraphs for text in (one["context"], *(qa["question"] for qa in one["qas"])))


@functools.cache
def python_functions(megabytes: float) -> tuple[str, ...]:
    """Functions from the source of installed packages, as in the bench."""
    from code_corpus import take

    return tuple(take(megabytes))


@functools.cache
def random_unicode(seed: int = 5, texts: int = 300) -> tuple[str, ...]:
    """Texts over all planes, half of their characters tricky ones."""
    dice = random.Random(seed)
    planes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    draw = [lambda: chr(dice.choice(planes)), lambda: dice.choice(TRICKY), lambda: dice.choice(PIECES)]
    draw += [lambda: chr(dice.randrange(0x3000)), lambda: dice.choice("abc ")]
    return tuple("".join(dice.choice(draw)() for _ in range(dice.randrange(80))) for _ in range(texts))
