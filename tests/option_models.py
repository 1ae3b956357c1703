"""A small model and a text on which every option of own mode changes the result. Logits are looked up by token id."""

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from onnx_models import write_folder

KINDS = ("PER", "LOC")
LABELS = ("O", *(f"{letter}-{kind}" for kind in KINDS for letter in "BIES"))
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "Anna", " Sch", "##midt", " met", " Bob", "@", "x", ".", "io", ",", " 555",
         "-", "019", " in", " York")  # fmt: skip
TEXT = "Anna Schmidt met Bob@x.io, 555-019 in York Anna met Schmidt"
SEED = 7
"""Of the logits; one at which each option changes something."""


def small_tokenizer():
    """The tokens: pieces of words, each with the space before it."""
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[A-Za-z]+| ?[0-9]+|[^A-Za-z0-9]"), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(list(WORDS[:4]))
    return tokenizer


def logits_table(seed=SEED):
    """Logits by token id."""
    return np.random.default_rng(seed).normal(0, 2, (len(WORDS), len(LABELS))).astype(np.float32)


def write_option_folder(folder, seed=SEED):
    """The model as an ONNX folder."""
    import onnx
    from onnx import numpy_helper

    write_folder(folder, columns=len(LABELS), config={"id2label": {str(n): name for n, name in enumerate(LABELS)}})
    path = str(folder / "model.onnx")
    model = onnx.load(path)
    table = next(one for one in model.graph.initializer if one.name == "table")
    table.CopyFrom(numpy_helper.from_array(logits_table(seed), "table"))
    onnx.save(model, path)
    small_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
