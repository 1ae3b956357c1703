"""Tokenizers and texts drawn at random: files that somebody could write by hand, and texts of all scripts and of none."""

import base64
from random import Random

from encoder_cases import LLAMA3, charsmap
from training_bases import REGEX

BLANKS = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\r", " \n", *"\u00a0\u2003\u3000\u2028\u2029\u0085\v\f\u1680\u200b\ufeff\u00ad\u2060"]  # fmt: skip
ODD = [
    *"\0\x01\x1b\x7f\x80\x9f\ufffd\ufffe\uffff\ue000\U0010ffff\U000e0041\u0378\u202e\u2066\u2069\u200d\u200c\ufe0f\u061c\u180e",
    *"İıẞßΣςσſǅŉﬁﷺﻻΩÅ\u212b\u2126\u1fb7ΐᲐა\U00010400\U00010428\U0001e900\U0001e922Ꭰꭰ\u0958\u09cb\u0bcb\u0dde\u0e33\u0eb3\u0f43",
    *"\u1100\u1161\u11a8가각ｶﾞが\u3099\u302e\u302a\u0345\u0301\u0323\u0327\u0308\u20d0\u0488\u093f\U0001d165\U0001d15e\u0344\u2adc",
    *"\u05b4\U00020000\U0002f800豈東々、。😀½²٣Ⅷ①५€£±…—’“¿«·~^`$+|▁ĠĊ_",
    "\u0915\u093c", "น้ำ", "ក្", "\u0f71\u0f72", "か\u3099", "\u0651\u064b", "👨‍👩‍👧", "👍🏽", "🇩🇪", "1️⃣", "##", "</w>", "<0x41>", "'LL", "'ſ",
    "\u2019s", "q\u0307\u0323", "\u1e9b\u0323", "ΑΣ",
]  # fmt: skip
_WORDS = (
    "the The Hello world a b ab abc aa aaa ba A AB été naïve Zoë Łódź straße Ελλάδα Москва ё עברית שָׁלוֹם العربية مُحَمَّد हिन्दी क्षि தமிழ் "
    "ქართული አማርኛ 한국어 日本語 中文 ไทย x don't I'M it's 10 123 1234 55555 3.14 1,000 a_b foo.bar https://x.y/z?q=1 #tag C++ -- ... !! ( ) [ ] "
    "{ } : ; , . - / \\ \" ' <s> </s> [CLS] [SEP] [MASK] <mask> <unk> [UNK] <pad> <|endoftext|> <s s> < > camelCase x² aB e\u0301te\u0301"
)
WORDS = _WORDS.split(" ")
EXPRESSIONS = [
    LLAMA3,
    LLAMA3.replace("{1,3}", ""),
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"\p{N}{1,3}",
    *(REGEX[name] for name in ("bloom", "chinese", "deepseek-rest")),
    r"\s+",
    r"[aeiou]",
]
BEHAVIOURS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def text(rng: Random, extra: list[str]) -> str:
    """A text, in which the strings of `extra` are frequent."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(["", *BLANKS])
    if kind < 0.07:
        return rng.choice(ODD + WORDS) * rng.randrange(1, 60)
    if kind < 0.09:
        return rng.randbytes(rng.randrange(40)).decode("latin-1")
    if kind < 0.10:
        return base64.b64encode(rng.randbytes(rng.randrange(60))).decode()
    count = min(int(rng.expovariate(1 / 7)) + 1, 80)
    return rng.choice(["", " "]).join(_piece(rng, extra) for _ in range(count))


def _piece(rng: Random, extra: list[str]) -> str:
    kind = rng.random()
    if extra and kind < 0.15:
        return rng.choice(extra)
    if kind < 0.45:
        return rng.choice(WORDS)
    if kind < 0.65:
        return rng.choice([" ", rng.choice(BLANKS)])
    if kind < 0.85:
        return rng.choice(ODD)
    if kind < 0.93:
        return _character(rng)
    return rng.choice("abcABC019 .,'-_")


def _character(rng: Random) -> str:
    code = rng.randrange(rng.choice([0x80, 0x3000, 0xD800, 0x20000, 0x110000]))
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"


def tokenizer(rng: Random) -> dict:
    """A tokenizer.json: one of a kind that is native, with parts of which some are not."""
    parts = rng.choice([_wordpiece, _byte_level, _byte_level, _char_bpe, _char_bpe, _unigram, _unigram])(rng)
    if rng.random() < 0.1:
        parts["normalizer"] = rng.choice([None, _strip(rng), {"type": "NFC"}, {"type": "NFKC"}, {"type": "Lowercase"}])
    if rng.random() < 0.1:
        parts["pre_tokenizer"] = rng.choice([None, _metaspace(rng), _bytes(rng), {"type": "Whitespace"}])
    vocab = parts["model"]["vocab"]
    ids = dict(vocab) if isinstance(vocab, dict) else {row[0]: number for number, row in enumerate(vocab)}
    added = _added(rng, ids)
    ids.update((token["content"], token["id"]) for token in added)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "decoder": None,
        "post_processor": _post_processor(rng, list(ids.items())),
        **parts,
    }


def _added(rng: Random, ids: dict[str, int]) -> list[dict]:
    strings = [*WORDS, *ODD, *BLANKS, *list(ids)[:5], "<s>x", "<s><s>", " <m>", "<m> ", "a b", "É", "HELLO", "<m>"]
    tokens = [
        {"id": ids.get(content, len(ids) + place), "content": content, **{flag: rng.random() < 0.3 for flag in FLAGS}}
        for place, content in enumerate(rng.choices(strings, k=rng.choice([0, 0, 1, 2, 4, 8])))
    ]
    if rng.random() < 0.2:  # what tokenizers makes of them is another matter
        tokens = [{**token, "id": rng.randrange(500)} for token in tokens]
    return tokens


def _strip(rng: Random) -> dict:
    return {"type": "Strip", "strip_left": rng.random() < 0.5, "strip_right": rng.random() < 0.5}


def _metaspace(rng: Random) -> dict:
    scheme = rng.choice(["always", "always", "first", "never"])
    return {
        "type": "Metaspace",
        "replacement": rng.choice("▁▁▁_"),
        "prepend_scheme": scheme,
        "split": rng.random() < 0.8,
    }


def _bytes(rng: Random) -> dict:
    return {
        "type": "ByteLevel",
        **{name: rng.random() < 0.5 for name in ("add_prefix_space", "trim_offsets", "use_regex")},
    }


def _split(rng: Random) -> dict:
    how = rng.choice(["Isolated", "Isolated", rng.choice(BEHAVIOURS)])
    pattern = {"Regex": rng.choice(EXPRESSIONS)} if rng.random() < 0.9 else {"String": rng.choice(" ae")}
    return {"type": "Split", "pattern": pattern, "behavior": how, "invert": rng.random() < 0.1}


def _post_processor(rng: Random, ids: list[tuple[str, int]]) -> dict | None:
    kind = rng.choice(["none", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence", "template", "template"])
    if kind == "none":
        return None
    if kind == "ByteLevel":
        return _bytes(rng)
    if kind == "Sequence":
        parts = [_post_processor(rng, ids) for _ in range(rng.randrange(3))]
        return {"type": "Sequence", "processors": [part for part in parts if part is not None]}
    if kind == "template":
        return _template(rng, ids)
    trims = {name: rng.random() < 0.5 for name in ("trim_offsets", "add_prefix_space")}
    marks = {"sep": list(rng.choice(ids)), "cls": list(rng.choice(ids))}
    return {"type": kind, **marks, **(trims if kind == "RobertaProcessing" else {})}


def _template(rng: Random, ids: list[tuple[str, int]]) -> dict:
    marks = {}
    for name in ("[A]", "[B]"):
        tokens = rng.choices(ids, k=rng.randrange(1, 3))
        marks[name] = {"id": name, "ids": [number for _, number in tokens], "tokens": [token for token, _ in tokens]}

    def around(texts):
        out = []
        for which in texts:
            out += [{"SpecialToken": {"id": rng.choice(list(marks)), "type_id": rng.randrange(3)}}] * rng.randrange(3)
            out.append({"Sequence": {"id": which, "type_id": rng.randrange(3)}})
        return out + [{"SpecialToken": {"id": "[B]", "type_id": rng.randrange(2)}}] * rng.randrange(3)

    pair = rng.choice(["AB", "AB", "AB", "BA"])
    return {"type": "TemplateProcessing", "single": around("A"), "pair": around(pair), "special_tokens": marks}


def _strings(rng: Random, count: int) -> list[str]:
    return [rng.choice(WORDS + ODD) if rng.random() < 0.8 else text(rng, []) for _ in range(count)]


def _pieces(rng: Random, count: int, prefix: str = "", start: str = "") -> list[str]:
    """Pieces of strings: those within one begin with `prefix`, those that start one with `start`, half the time."""
    out = []
    for string in filter(None, _strings(rng, count)):
        first = rng.randrange(len(string)) if rng.random() < 0.6 else 0
        piece = string[first : rng.randrange(first, len(string)) + 1]
        out.append((prefix if first else rng.choice([start, ""])) + piece.replace(" ", start or " "))
    return out


def _wordpiece(rng: Random) -> dict:
    prefix = rng.choice(["##", "##", "##", "", "@@", "#"])
    common = "abcdefghijklmnopqrstuvwxyz0123456789.,'!?-日本語中文"
    tokens = ["[UNK]", *_pieces(rng, 300, prefix), *common, *(prefix + c for c in common if rng.random() < 0.8)]
    step = rng.choice([1, 1, 1, 3])
    vocab = {token: number * step for number, token in enumerate(dict.fromkeys(tokens))}
    flags = {name: rng.random() < 0.8 for name in ("clean_text", "handle_chinese_chars", "lowercase")}
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix, "vocab": vocab}
    return {
        "normalizer": {"type": "BertNormalizer", **flags, "strip_accents": rng.choice([None, True, False])},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {**model, "max_input_chars_per_word": rng.choice([100, 100, 1, 3])},
    }


def _merges(rng: Random, words: list[list[str]], vocab: dict[str, int], count: int) -> list[list[str]]:
    """Merges as training finds them, of random pairs; what they make goes into `vocab`."""
    merges: list[list[str]] = []
    for _ in range(count):
        words = [word for word in words if len(word) > 1]
        if not words:
            break
        word = rng.choice(words)
        at = rng.randrange(len(word) - 1)
        pair = word[at : at + 2]
        merges.append(pair)
        vocab.setdefault("".join(pair), len(vocab))
        for word in words:
            at = 0
            while at + 1 < len(word):
                if word[at : at + 2] == pair:
                    word[at : at + 2] = ["".join(pair)]
                at += 1
    if rng.random() < 0.3:
        rng.shuffle(merges)
    return merges


def _bpe(rng: Random, vocab: dict[str, int], merges: list[list[str]], **options) -> dict:
    plain = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    return {"type": "BPE", **plain, "ignore_merges": rng.random() < 0.2, **options, "vocab": vocab, "merges": merges}


def byte_letters() -> list[str]:
    """The letter that stands for each byte."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]


def _byte_level(rng: Random) -> dict:
    letters = byte_letters()
    vocab = {letter: number for number, letter in enumerate(letters)}
    words = [
        [letters[byte] for byte in (rng.choice(["", " ", rng.choice(BLANKS)]) + string).encode()]
        for string in _strings(rng, 40)
    ]
    merges = _merges(rng, words, vocab, rng.choice([0, 5, 60, 150]))
    before = [rng.choice([_split, _split, _split, _bytes])(rng) for _ in range(rng.randrange(3))]
    if rng.random() < 0.2:
        before.append({"type": "Digits", "individual_digits": rng.random() < 0.5})
    last = _bytes(rng)
    if before:
        last["add_prefix_space"] = rng.random() < 0.2
    return {
        "normalizer": rng.choice([None, None, {"type": "NFC"}]),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*before, last]} if before else last,
        "model": _bpe(rng, vocab, merges, fuse_unk=False, byte_fallback=False),
    }


def _char_bpe(rng: Random) -> dict:
    fallback = rng.random() < 0.5
    unknown = rng.choice(["<unk>", "<unk>", "a", "▁", "é"])
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)} if fallback else {}
    words = [list(rng.choice(["▁", ""]) + string.replace(" ", "▁")) for string in _strings(rng, 60)]
    for token in [unknown, "▁", *(c for word in words for c in word if rng.random() < 0.9)]:
        vocab.setdefault(token, len(vocab))
    merges = _merges(rng, [word for word in words if vocab.keys() >= set(word)], vocab, rng.choice([0, 10, 60, 150]))
    if rng.random() < 0.8:
        merges = [pair for pair in merges if not (pair[1].startswith("▁") and not pair[0].endswith("▁"))]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    normalizer, pre_tokenizer = rng.choice(
        [
            (replace, None),
            ({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}, None),
            (replace, {**_split(rng), "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}),
            (None, {**_metaspace(rng), "replacement": "▁"}),
        ]
    )
    options = {"unk_token": unknown, "fuse_unk": rng.random() < 0.6, "byte_fallback": fallback}
    model = {**_bpe(rng, vocab, merges, **options), "ignore_merges": False}
    return {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "model": model}


def _folds(rng: Random) -> list[dict]:
    """Normalizers that ALBERT and XLNet have before a charsmap, in any order."""
    old, new = rng.choice(
        [("``", '"'), ("a", "bb"), ("ab", ""), ("\u0301", "x"), ("'s", "s'"), ("a b", "c"), ("aa", "a")]
    )
    kinds = ["NFKD", "NFD", "NFKC", "StripAccents", "StripAccents", "Lowercase", "Lowercase"]
    steps = [{"type": "Replace", "pattern": {"String": old}, "content": new}, *({"type": kind} for kind in kinds)]
    steps = rng.sample(steps, rng.randrange(1, 5))
    if rng.random() < 0.3:  # as RemBERT has it
        one_blank = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        steps.insert(rng.randrange(len(steps) + 1), one_blank)
    return steps


def _unigram(rng: Random) -> dict:
    tied = rng.random() < 0.3
    tokens = dict.fromkeys(["<unk>", "<s>", "</s>", *"▁abcdefgh0123.,", "▁▁", *_pieces(rng, 200, start="▁")])
    rows = [[token, float(rng.randrange(-3, 0)) if tied else -12 * rng.random()] for token in tokens if token]
    charsmaps = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()}
    one_blank = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": rng.choice([" ", " ", "▁"])}
    even = {"type": "Replace", "pattern": {"Regex": r"\s{2,}|[\n\r\t]"}, "content": " "}
    mapped = [charsmaps] if rng.random() < 0.6 else [even, {"type": "NFC"}]
    steps = [_strip(rng), _strip(rng), *mapped, _strip(rng), one_blank]
    steps = [step for step in steps if rng.random() < 0.4]
    folds = _folds(rng) if rng.random() < 0.3 else []
    steps = folds + steps
    space = _metaspace(rng)
    if rng.random() < 0.7:
        space = {**space, "prepend_scheme": "always", "split": True}
    split = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]}
    return {
        "normalizer": {"type": "Sequence", "normalizers": steps} if steps else None,
        "pre_tokenizer": rng.choice([space, split]),
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": rows},
    }
