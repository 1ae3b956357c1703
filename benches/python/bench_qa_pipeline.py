"""The whole question-answering pipeline with a model that costs nothing, beside the one of transformers 4.57.

All 1,190 questions of XQuAD-en in batches of 32. Run it with transformers 4.57 on PYTHONPATH; on transformers 5,
which has no such pipeline, ours is checked against the plain twin and timed alone.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import warnings
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers.trainers import WordPieceTrainer

from harness import Row, duration, machine, pair, print_table, seconds

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import qa_twin  # noqa: E402
from qa_models import Peer, assert_all_same, lookup_model, ours, peer, windows  # noqa: E402

VOCABULARY, BATCH, GOAL = 30_000, 32, 0.4e-3
os.environ["TOKENIZERS_PARALLELISM"] = "true"  # transformers 4 would turn it off for the whole process, ours included
warnings.filterwarnings("ignore")


def questions() -> list[dict[str, str]]:
    """Fresh strings each time: Python caches a string's UTF-8."""
    data = json.loads((ROOT / "tests" / "data" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    return [
        {"question": qa["question"], "context": "".join([paragraph["context"], " "])[:-1]}
        for article in data
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def tokenizer(items: list[dict[str, str]]) -> transformers.PreTrainedTokenizerFast:
    """An uncased WordPiece tokenizer, as BERT's, trained on the texts themselves."""
    bert = tokenizers.BertWordPieceTokenizer(lowercase=True)._tokenizer
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    bert.train_from_iterator([text for item in items for text in item.values()], trainer)
    bert.post_processor = tokenizers.processors.BertProcessing(
        ("[SEP]", bert.token_to_id("[SEP]")), ("[CLS]", bert.token_to_id("[CLS]"))
    )
    names = {f"{token[1:-1].lower()}_token": token for token in special}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bert,
        model_max_length=512,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    )


def main() -> None:
    items = questions()
    words = tokenizer(items)
    model = lookup_model(len(words))
    mine = ours(model, words)
    count = len(items)

    fresh = [questions() for _ in range(20)]

    def answer() -> Any:
        return mine(fresh.pop(), batch_size=BATCH)

    got = answer()
    work = f"{count} questions of XQuAD-en, batch {BATCH}, a model that costs nothing"
    if Peer is None:
        part = items[::20]
        want = [qa_twin.v4(windows(model, words, **item), item["context"], words.cls_token_id) for item in part]
        assert_all_same(got[::20], want)
        print(
            f"transformers {transformers.__version__} has no question answering to compare with; "
            "run this with 4.57 on PYTHONPATH"
        )
        mine_alone = statistics.median(seconds(answer) for _ in range(7))
        print(f"{work}: {duration(mine_alone)}")
    else:
        their = peer(model, words)

        def asked() -> Any:
            return their(fresh.pop(), batch_size=BATCH)

        assert_all_same(got, asked())
        theirs, mine_alone = pair(asked, answer, 3, 3)
        goal = f"8x, {duration(GOAL)} a question"
        print_table(
            "Question-answering pipeline",
            [Row(work, f"transformers {transformers.__version__}", theirs, mine_alone, goal)],
            "qa-pipeline",
        )
        print(f"\ntransformers {transformers.__version__}: {theirs / count * 1e3:.3f} ms a question")
    print(f"fastpost: {mine_alone / count * 1e3:.3f} ms a question (goal: under {GOAL * 1e3} ms)")
    pool = sorted({text for item in items for text in item.values()})
    texts = [text + "" for text in pool]
    words.backend_tokenizer.no_truncation()  # the peer leaves its own there, which is of pairs
    words.backend_tokenizer.no_padding()
    alone = statistics.median(
        seconds(lambda: words.backend_tokenizer.encode_batch(texts, add_special_tokens=False)) for _ in range(5)
    )
    free = statistics.median(seconds(lambda: free_model(model, count)) for _ in range(5))
    print(
        f"of which encode_batch of the {len(pool)} different texts {duration(alone)}, the free model {duration(free)}"
    )


def free_model(model: Any, count: int) -> None:
    """The forward passes alone."""
    ids, mask = torch.zeros(BATCH, 200, dtype=torch.int64), torch.ones(BATCH, 200, dtype=torch.int64)
    with torch.no_grad():
        for _ in range(-(-count // BATCH)):
            model(ids, mask)


if __name__ == "__main__":
    print(machine())
    main()
