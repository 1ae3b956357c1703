"""Gigabytes of text through one encoder: what its caches hold, and the memory of the process, must not grow.

The text is words that have hardly been met before, of four tokenizers' kinds in turn, so that every cache fills and starts anew.
Ends with 1 if the process grows by more than 64 MB after its first quarter.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import psutil

import fastpost

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from encoder_cases import tokenizer  # noqa: E402

KINDS = ("bert-uncased", "roberta", "xlmr", "llama2")
BLOCK, MARGIN = 8 << 20, 64 << 20
# Letters of one to three bytes, blanks in between: a word is new in most cases.
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz" + "éèüßñ" + "абвгд" + "北京大学中" + " " * 8))


def block(generator: np.random.Generator) -> list[str]:
    """About 8 MB of text, as documents of some 4,000 characters."""
    text = "".join(LETTERS[generator.integers(0, len(LETTERS), BLOCK * 4 // 5)])
    return [text[at : at + 4000] for at in range(0, len(text), 4000)]


def main() -> None:
    """Prints a line for each sixteenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0, help="gigabytes of text in all")
    total = int(parser.parse_args().gb * 1e9)
    encoders = [fastpost.Encoder(tokenizer(kind)) for kind in KINDS]
    process, generator = psutil.Process(), np.random.default_rng(5)
    done, step, began, settled, most = 0, 0, time.perf_counter(), 0, 0
    while done < total:
        texts = block(generator)
        size = sum(len(text.encode()) for text in texts)
        for encoder in encoders:
            encoder.encode(texts)
            done += size
        resident = process.memory_info().rss
        if done < total / 4:
            settled = max(settled, resident)
        most = max(most, resident)
        if done * 16 >= total * step:
            held = sum(encoder._loaded.core.remembered for encoder in encoders) / 2**20
            rate = done / 1e6 / (time.perf_counter() - began)
            print(
                f"{done / 1e9:6.2f} GB: {resident / 2**20:,.0f} MB, caches {held:.0f} MB, {rate:.0f} MB/s", flush=True
            )
            step += 1
    grown = most - settled
    print(f"after the first quarter the process grew by {max(grown, 0) / 2**20:.0f} MB (at most {MARGIN >> 20})")
    sys.exit(grown > MARGIN)


if __name__ == "__main__":
    main()
