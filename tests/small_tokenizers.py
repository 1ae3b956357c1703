"""Small tokenizers of every family, trained on a few sentences.

`fast(kind, max_length)` gives a `PreTrainedTokenizerFast` with special tokens and a template post-processor.

`tokenizers` iterates over hash maps, so WordPiece, Unigram and BPE with a prefix or suffix get other tokens in each run.
Their trained forms are stored, so that a test means the same each time: `python tests/small_tokenizers.py` trains them
anew.
"""

import functools
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast

SENTENCES = (
    "My name is Sylvain and I work at Hugging Face in Brooklyn.",
    "Angela Merkel met Barack Obama in New York on 12 May 2014 at 9:30.",
    "Mr. O'Neil lives at 12-14 Baker Street, London; call 718-555-0199 or mail jo@example.org!",
    "Das Café an der Straße war schön. L'été, Zoë était à Montréal.",
    "在 北京 工作 的人 叫 李 小龙 。 東京 タワー",
    "\u0061\u0308 e\u0301 n\u0303 cafe\u0301 😀 👨 👩 🎉 ok",
    "Microsoft and Company do n't sell anti-virus, they 're re-selling it (50%).",
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def wordpiece(lowercase: bool, **decoder) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", **decoder)
    trainer = trainers.WordPieceTrainer(vocab_size=180, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def byte_level(add_prefix_space: bool, trim_offsets: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if trim_offsets:  # RoBERTa's post-processor: an offset starts after the space of its word
        ids = [(token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
        tokenizer.post_processor = processors.RobertaProcessing(*ids, add_prefix_space=add_prefix_space)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=list(SPECIAL), unk_token="[UNK]", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def byte_fallback() -> Tokenizer:
    """A tokenizer like Llama 2: BPE over characters with byte fallback and four decoders in a row."""
    draft = Tokenizer(models.BPE())
    draft.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    draft.train_from_iterator(SENTENCES[:4], trainers.BpeTrainer(vocab_size=150, show_progress=False))
    learnt = json.loads(draft.to_str())["model"]
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *learnt["vocab"]]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={name: i for i, name in enumerate(names)},
            merges=[tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learnt["merges"]],
            unk_token="[UNK]",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = draft.normalizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def metaspace_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="first")
    trainer = trainers.BpeTrainer(vocab_size=180, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def prefix_bpe() -> Tokenizer:
    """A BPE whose tokens inside a word begin with `##`, so transformers trusts their lengths."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    trainer = trainers.BpeTrainer(
        vocab_size=180, special_tokens=list(SPECIAL), continuing_subword_prefix="##", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def suffix_bpe() -> Tokenizer:
    """A tokenizer like XLM: `</w>` ends a word. Its decoder must be called for each entity."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=180, special_tokens=list(SPECIAL), end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def characters(decoder) -> Tokenizer:
    """One token a character, `|` for a space."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Replace(" ", "|")
    tokenizer.decoder = decoder
    trainer = trainers.BpeTrainer(vocab_size=20, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def words() -> Tokenizer:
    """Whole words, no decoder: transformers joins the tokens with spaces."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(vocab_size=60, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


RECIPES = {
    "wordpiece-cased": lambda: wordpiece(False),
    "wordpiece-uncased": lambda: wordpiece(True),
    "wordpiece-no-cleanup": lambda: wordpiece(True, cleanup=False),
    "byte-level": lambda: byte_level(False),
    "byte-level-prefix-space": lambda: byte_level(True),
    "roberta": lambda: byte_level(True, trim_offsets=True),
    "unigram": unigram,
    "metaspace-bpe": metaspace_bpe,
    "byte-fallback": byte_fallback,
    "prefix-bpe": prefix_bpe,
    "suffix-bpe": suffix_bpe,
    "ctc": lambda: characters(decoders.CTC(pad_token="[PAD]", word_delimiter_token="|")),
    "no-decoder": words,
}
KINDS = tuple(RECIPES)
USUAL = tuple(kind for kind in KINDS if kind not in {"suffix-bpe", "ctc", "no-decoder"})


UNSTEADY = ("wordpiece-cased", "wordpiece-uncased", "wordpiece-no-cleanup", "unigram", "prefix-bpe", "suffix-bpe")
KEPT = Path(__file__).parent / "data" / "small_tokenizers.json"


@functools.cache
def kept() -> dict[str, object]:
    """The stored tokenizers of the `UNSTEADY` kinds."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


@functools.cache
def trained(kind: str) -> str:
    """The tokenizer's JSON, the same in every run."""
    return json.dumps(kept()[kind]) if kind in UNSTEADY else train(kind)


def train(kind: str) -> str:
    tokenizer = RECIPES[kind]()
    if tokenizer.post_processor is None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
        )
    return tokenizer.to_str()


def fast(kind: str, max_length: int | None = 512, **kwargs) -> PreTrainedTokenizerFast:
    """A new transformers tokenizer; `max_length=None` leaves `model_max_length` at its huge default."""
    if max_length is not None:
        kwargs["model_max_length"] = max_length
    if kind in {"byte-level-prefix-space", "roberta"}:
        kwargs["add_prefix_space"] = True  # transformers 4 would otherwise write its own default into the tokenizer
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(trained(kind)),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        **kwargs,
    )


class SlowTokenizer(PreTrainedTokenizer):
    """A tokenizer in plain Python: words at spaces, longest known prefix first, as users still write them."""

    model_input_names = ("input_ids", "attention_mask")

    def __init__(self, vocab: dict[str, int], **kwargs):
        self.vocab = vocab
        self.names = {i: token for token, i in vocab.items()}
        super().__init__(
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
            **kwargs,
        )

    @classmethod
    def trained(cls, **kwargs) -> "SlowTokenizer":
        words = sorted({word for sentence in SENTENCES for word in sentence.split()})
        return cls({token: i for i, token in enumerate([*SPECIAL, *words])}, **kwargs)

    @property
    def vocab_size(self) -> int:
        return len(self.vocab)

    def get_vocab(self) -> dict[str, int]:
        return {**self.vocab, **self.added_tokens_encoder}

    def _tokenize(self, text: str, **kwargs) -> list[str]:
        return text.split()

    def _convert_token_to_id(self, token: str) -> int:
        return self.vocab.get(token, self.vocab["[UNK]"])

    def _convert_id_to_token(self, index: int) -> str:
        return self.names.get(index, "[UNK]")

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        return [self.cls_token_id, *token_ids_0, self.sep_token_id]

    def get_special_tokens_mask(self, token_ids_0, token_ids_1=None, already_has_special_tokens=False):
        if already_has_special_tokens:
            return [int(i in self.all_special_ids) for i in token_ids_0]
        return [1, *[0] * len(token_ids_0), 1]


if __name__ == "__main__":
    found = {kind: json.loads(train(kind)) for kind in UNSTEADY}
    KEPT.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
