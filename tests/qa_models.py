"""Question-answering models and pipelines for tests and benches: a free model, a small random one, the peer."""

import os
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import BertConfig, BertForQuestionAnswering
from transformers.modeling_outputs import QuestionAnsweringModelOutput

import fastpost
from qa_twin import Window
from small_tokenizers import RECIPES, byte_level

ROOT = Path(__file__).resolve().parent.parent
MINILM = ROOT.parent / "shared" / "models" / "minilm-xquad"
OLD = Path(os.environ.get("FASTPOST_OLD_TRANSFORMERS", ROOT / ".cache" / "transformers-4.57"))
"""Transformers 4.57, where `make test-old` puts it."""
Peer = getattr(transformers, "QuestionAnsweringPipeline", None)
"""transformers' own pipeline; `None` on transformers 5."""
RECIPES["roberta-base"] = lambda: byte_level(False, trim_offsets=True)  # as in that model: no space before a text
PLACES = 600
torch.set_num_threads(1)  # small models; more threads wait for each other longer than they compute


class LookupModel(BertForQuestionAnswering):
    """A model that costs no time: logits by token id, with a small term by position, so that no two scores are equal.

    Positions are counted without padding, so logits do not depend on padding.
    """

    table: torch.Tensor
    places: torch.Tensor
    calls: list[tuple[int, ...]]

    def forward(self, input_ids=None, attention_mask=None, **_):
        self.calls.append(tuple(input_ids.shape))
        logits = self.table[input_ids]
        if len(self.places):
            place = attention_mask.cumsum(1) % len(self.places)
            logits = logits + self.places[place]
        return QuestionAnsweringModelOutput(start_logits=logits[..., 0], end_logits=logits[..., 1])


# The pipeline checks the name of the model's class.
LookupModel.__name__ = "BertForQuestionAnswering"


def config(vocab_size: int, width: int = 2) -> BertConfig:
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=width,
        max_position_embeddings=512,
        initializer_range=1.0,
    )


def tiny_bert(vocab_size: int, seed: int = 0, width: int = 16) -> BertForQuestionAnswering:
    """A real `BertForQuestionAnswering` with random weights, as small as possible."""
    torch.manual_seed(seed)
    return BertForQuestionAnswering(config(vocab_size, width)).eval()


def lookup_model(vocab_size: int, seed: int = 0, scale: float = 2.0, places: int = PLACES) -> LookupModel:
    """The free model; `calls` holds the shape of each batch it saw."""
    rng = np.random.default_rng(seed)
    model = LookupModel(config(2)).eval()
    model.config.vocab_size = vocab_size
    model.table = torch.from_numpy(rng.normal(0, scale, (vocab_size, 2))).float()
    model.places = torch.from_numpy(rng.normal(0, scale / 2, (places, 2))).float()
    model.calls = []
    return model


def ours(model, tokenizer, **kwargs):
    return fastpost.QuestionAnsweringPipeline(model=model, tokenizer=tokenizer, device=-1, **kwargs)


def peer(model, tokenizer, **kwargs):
    return Peer(model=model, tokenizer=tokenizer, device=-1, **kwargs)


def encoded(tokenizer, question: str, context: str, max_length: int, stride: int):
    """The encoding of question and context as transformers makes it: one call of the tokenizer."""
    first, second = (context, question) if tokenizer.padding_side == "left" else (question, context)
    return tokenizer(
        first,
        second,
        truncation="only_first" if tokenizer.padding_side == "left" else "only_second",
        stride=stride,
        max_length=max_length,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )


def arrays(values) -> np.ndarray:
    return np.array([-1 if value is None else value for value in values])


def windows(model, tokenizer, question: str, context: str, max_length: int = 384, stride: int = 128) -> list[Window]:
    """Windows as transformers makes them, each run through the model alone; the input of the plain twin."""
    found = encoded(tokenizer, question, context, max_length, stride)
    result = []
    for number, ids in enumerate(found["input_ids"]):
        tensors = {
            name: torch.tensor(found[name][number])[None]
            for name in ("input_ids", "attention_mask", "token_type_ids")
            if name in tokenizer.model_input_names
        }
        with torch.no_grad():
            logits = model(**tensors)
        result.append(
            Window(
                logits.start_logits[0].numpy(),
                logits.end_logits[0].numpy(),
                np.array(found["offset_mapping"][number]),
                arrays(found.sequence_ids(number)),
                arrays(found.word_ids(number)),
                np.array(ids),
            )
        )
    return result


def rows(answers) -> list[dict]:
    """Answers to one question without those of probability 0, of which transformers takes some at random."""
    listed = [answers] if isinstance(answers, dict) else answers
    return [answer for answer in listed if answer["score"]]


def assert_same_answers(got, want, tolerance: float = 1e-6, context: str = "") -> None:
    """Asserts equal answers to one question: the same shape, places, texts and types; scores within `tolerance`."""
    note = f"\n{context}\n got {got}\nwant {want}"
    if not any(isinstance(listed, list) and len(rows(listed)) < len(listed) for listed in (got, want)):
        assert type(got) is type(want), note
    mine, theirs = rows(got), rows(want)
    assert len(mine) == len(theirs), note
    for answer, other in zip(mine, theirs, strict=True):
        assert list(answer) == list(other), note
        assert [type(value) for value in answer.values()] == [float, int, int, str], note
        assert [answer[key] for key in ("start", "end", "answer")] == [
            other[key] for key in ("start", "end", "answer")
        ], note
        assert abs(answer["score"] - other["score"]) <= tolerance, note


def assert_all_same(got, want, tolerance: float = 1e-6) -> None:
    """Asserts equal results of a list of questions."""
    assert isinstance(got, list)
    assert len(got) == len(want), f"{len(got)} results, expected {len(want)}"
    for number, (mine, theirs) in enumerate(zip(got, want, strict=True)):
        assert_same_answers(mine, theirs, tolerance, f"question {number}")
