"""transformers' own pipeline on recorded logits: its tokenizer calls, words, joining; only the model is a look-up."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from eval.models import Recorded

STRATEGIES = ("none", "simple", "first", "average", "max")


def strategies(recorded: Recorded) -> tuple[str, ...]:
    """The strategies that transformers has for these texts: with "none" it reads no windows."""
    return STRATEGIES if len(recorded.windows) == len(recorded.texts) else STRATEGIES[1:]


def differing(folder: Path, recorded: Recorded, sample: int, stride: int) -> dict[str, int]:
    """By strategy, in how many of a sample of the texts fastpost finds other entities than the live pipeline.

    Entities are compared with their words, places and labels, and scores to 1e-5.
    """
    step = max(1, len(recorded.texts) // sample)
    texts = recorded.texts[::step]
    out = {}
    for strategy in strategies(recorded):
        ours = recorded.found(compat="transformers", aggregation_strategy=strategy)[::step]
        theirs = _live(folder, recorded, texts, strategy, stride)
        out[strategy] = sum(not _same(a, b) for a, b in zip(ours, theirs, strict=True))
    return out


def _live(folder: Path, recorded: Recorded, texts: list[str], strategy: str, stride: int) -> list[list[Any]]:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification, TokenClassificationPipeline
    from transformers.modeling_outputs import TokenClassifierOutput

    windows = recorded.windows
    windowed = len(windows) > len(recorded.texts)
    said = {tuple(window.ids): logits for window, logits in zip(windows, recorded.logits, strict=True)}
    names = {label: number for number, label in recorded.labels.items()}
    config = BertConfig(
        vocab_size=2, hidden_size=2, num_hidden_layers=1, num_attention_heads=1, intermediate_size=2,
        id2label=recorded.labels, label2id=names,
    )  # fmt: skip
    model = BertForTokenClassification(config).eval()

    def look_up(input_ids: Any, attention_mask: Any, **_: Any) -> Any:
        ids = input_ids[0][attention_mask[0] == 1].tolist()  # the last window of a text is padded
        logits = torch.zeros(1, input_ids.shape[1], len(names))
        logits[0, : len(ids)] = torch.from_numpy(said[tuple(ids)])
        return TokenClassifierOutput(logits=logits)

    model.forward = look_up
    most = max(len(window.ids) for window in windows)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = most if windowed else max(most, 512)
    given = {"stride": stride} if windowed else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = TokenClassificationPipeline(
            model=model, tokenizer=tokenizer, device=-1, aggregation_strategy=strategy, **given
        )
        return [pipe(text) for text in texts]


def _same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        {**a, "score": None} == {**b, "score": None} and abs(a["score"] - float(b["score"])) <= 1e-5
        for a, b in zip(ours, theirs)
    )
