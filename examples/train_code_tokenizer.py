"""A tokenizer for Python code from one for English, as in the Hugging Face course.

A GPT-2-like tokenizer is trained on prose (docstrings of the standard library), then retrained on the
functions of the installed packages, which `ast` finds as code_search_net's authors did:

    python examples/train_code_tokenizer.py --megabytes 250 --vocab-size 52000 --out code-tokenizer
"""

from __future__ import annotations

import argparse
import ast
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import fastpost

sys.path.append(str(Path(__file__).resolve().parents[1] / "benches" / "python"))
from code_corpus import take

ADD_NUMBERS = '''def add_numbers(a, b):
    """Add the two numbers `a` and `b`."""
    return a + b'''

LINEAR_LAYER = """class LinearLayer():
    def __init__(self, input_size, output_size):
        self.weight = torch.randn(input_size, output_size)
        self.bias = torch.zeros(output_size)

    def __call__(self, x):
        return x @ self.weights + self.bias
    """


def prose() -> Iterator[str]:
    """The docstrings of the standard library, a paragraph a line: prose that knows no indentation."""
    for path in sorted(Path(ast.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield " ".join((ast.get_docstring(node) or "").split())


def gpt2_like(vocab_size: int = 8000) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with GPT-2's pieces, trained on prose."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    backend.add_special_tokens(["<|endoftext|>"])
    empty = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    return fastpost.train_new_from_iterator(empty, prose(), vocab_size)


def main() -> None:
    """Trains, compares, saves, reloads."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=float, default=250)
    options.add_argument("--vocab-size", type=int, default=52_000)
    options.add_argument("--out", default="code-tokenizer")
    args = options.parse_args()

    old = gpt2_like()
    start = time.perf_counter()
    functions = list(take(args.megabytes))
    print(f"{len(functions):,} functions, found in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    new = fastpost.train_new_from_iterator(old, functions, args.vocab_size)
    print(f"{len(new):,} tokens, trained in {time.perf_counter() - start:.1f} s")

    vocab = new.get_vocab()
    for token in ("ĊĠĠĠ", "ĊĠĠĠĠĠĠĠ", 'Ġ"""'):
        if token not in vocab:
            raise SystemExit(f"{token} is missing")
    print("new tokens:", new.tokenize(ADD_NUMBERS))
    for name, code in (("add_numbers", ADD_NUMBERS), ("LinearLayer", LINEAR_LAYER)):
        before, after = len(old.tokenize(code)), len(new.tokenize(code))
        print(f"{name}: {before} tokens before, {after} now")
        if after >= before:
            raise SystemExit(f"{name} takes no fewer tokens")

    new.save_pretrained(args.out)
    again = AutoTokenizer.from_pretrained(args.out)
    if again(LINEAR_LAYER)["input_ids"] != new(LINEAR_LAYER)["input_ids"]:
        raise SystemExit("the reloaded tokenizer gives other ids")
    print(f"saved to {args.out}; AutoTokenizer reads it back with the same ids")


if __name__ == "__main__":
    main()
