"""The peer: the installed transformers' own token-classification pipeline, driven on given logits.

`preprocess`, `_forward`, `postprocess` and `__call__` are transformers' code; only the model's forward is
replaced, by a table or by a list of logits. What transformers itself leaves undefined (two labels closer than
rounding) is told by `undefined_winner`, from the numbers transformers computed.
"""

import copy
import warnings
from dataclasses import dataclass, field

import numpy as np
import torch
import transformers
from tokenizers import Encoding
from transformers import BertConfig, BertForTokenClassification, TokenClassificationPipeline
from transformers.modeling_outputs import TokenClassifierOutput

from small_tokenizers import fast

STRATEGIES = ("none", "simple", "first", "average", "max")
TRANSFORMERS = tuple(int(part) for part in transformers.__version__.split(".")[:2])
torch.set_num_threads(1)  # small models; more threads wait for each other longer than they compute
UNDEFINED = 1e-6  # two scores this close have no defined order, unless they are equal


def tiny_bert(labels, vocab_size: int = 512, seed: int = 0, width: int = 2, **config) -> BertForTokenClassification:
    """A real `BertForTokenClassification` with random weights, as small as possible."""
    torch.manual_seed(seed)
    config = BertConfig(
        **{
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "intermediate_size": width,
            "max_position_embeddings": 512,
            "initializer_range": 1.0,
            "id2label": dict(enumerate(labels)),
            "label2id": {name: i for i, name in enumerate(labels)},
            **config,
        }
    )
    return BertForTokenClassification(config).eval()


class LookupModel(BertForTokenClassification):
    """A model that costs no time: one row of logits for each token id, whatever its context."""

    table: torch.Tensor
    calls: list[tuple[int, ...]]

    def forward(self, input_ids=None, **_):
        self.calls.append(tuple(input_ids.shape))
        return TokenClassifierOutput(logits=self.table[input_ids])


# The pipeline checks the name of the model's class.
LookupModel.__name__ = "BertForTokenClassification"


def lookup_model(labels, vocab_size: int, seed: int = 0, scale: float = 3.0) -> LookupModel:
    """The free model, with random logits for each token id; `calls` holds the shape of each batch it saw."""
    model = LookupModel(tiny_bert(labels, vocab_size=2).config).eval()
    model.config.vocab_size = vocab_size
    model.table = torch.from_numpy(np.random.default_rng(seed).normal(0, scale, (vocab_size, len(labels)))).float()
    model.calls = []
    return model


def peer(model, tokenizer, **kwargs) -> TokenClassificationPipeline:
    """transformers' own pipeline on the CPU."""
    return TokenClassificationPipeline(model=model, tokenizer=tokenizer, device=-1, **kwargs)


@dataclass
class Window:
    """One window as transformers' `preprocess` made it, as arrays, and the `Encoding` it came from."""

    input_ids: np.ndarray
    offsets: np.ndarray
    special_tokens_mask: np.ndarray
    word_ids: np.ndarray  # -1 where the tokenizer says None
    encoding: Encoding


@dataclass
class Case:
    """Everything transformers knows about one text before it sees logits."""

    text: str
    windows: list[Window]
    words: list[str] | None = None
    delimiter: str = " "
    steps: list[dict] = field(default_factory=list, repr=False)


class Oracle:
    """transformers' pipeline around one tokenizer: `case` tokenizes, `entities` decodes logits."""

    def __init__(self, kind: str, max_length: int = 512):
        self.kind = kind
        self.pipe = peer(tiny_bert(["O"]), fast(kind, max_length))
        self.pipe.model.forward = self._forward
        self._logits = []
        self._overlapping = []
        merge = self.pipe.aggregate_overlapping_entities
        self.pipe.aggregate_overlapping_entities = lambda entities: merge(self._note(entities))

    def _forward(self, input_ids, **_):
        return TokenClassifierOutput(logits=torch.from_numpy(self._logits.pop(0))[None])

    def _note(self, entities):
        self._overlapping = [dict(entity) for entity in entities]
        return entities

    def case(self, text, *, stride=None, offset_mapping=None, delimiter=" ") -> Case:
        """`text` (a list of words: pre-split) through transformers' `preprocess`."""
        pre, _, _ = self.pipe._sanitize_parameters(
            aggregation_strategy="simple",
            stride=stride,
            is_split_into_words=isinstance(text, list),
            delimiter=delimiter,
            offset_mapping=None if offset_mapping is None else [offset_mapping],
        )
        steps = list(self.pipe.preprocess(text, **pre))
        # The same call that `preprocess` makes, for the encodings themselves.
        params = {**pre.get("tokenizer_params", {}), "is_split_into_words": isinstance(text, list)}
        encodings = self.pipe.tokenizer(text, truncation=True, return_tensors="pt", **params).encodings
        windows = [
            Window(
                input_ids=step["input_ids"][0].numpy(),
                offsets=np.array(torch.as_tensor(step["offset_mapping"][0]).tolist(), dtype=np.int64).reshape(-1, 2),
                special_tokens_mask=step["special_tokens_mask"][0].numpy(),
                word_ids=np.array([-1 if word is None else word for word in encoding.word_ids]),
                encoding=encoding,
            )
            for step, encoding in zip(steps, encodings, strict=True)
        ]
        if isinstance(text, list):
            return Case(delimiter.join(text), windows, text, delimiter, steps)
        return Case(text, windows, steps=steps)

    def entities(self, case: Case, logits, labels, aggregation_strategy="simple", ignore_labels=("O",)) -> list[dict]:
        """transformers' own `_forward` and `postprocess` on these logits, one array a window."""
        self._logits = [np.ascontiguousarray(rows) for rows in logits]
        self._overlapping = []
        self.pipe.model.config.id2label = dict(enumerate(labels))
        _, _, post = self.pipe._sanitize_parameters(
            aggregation_strategy=aggregation_strategy, ignore_labels=list(ignore_labels)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "fallback heuristic", RuntimeWarning of -inf - -inf
            # `gather_pre_entities` adds word starts to the offsets in place, so each run gets its own.
            outputs = [self.pipe.forward(copy.deepcopy(step)) for step in case.steps]
            return self.pipe.postprocess(outputs, **post)

    def undefined_winner(self, case: Case, logits, strategy: str) -> bool:
        """Whether the last `entities` call depended on two scores that differ only by rounding."""
        return any(
            self._close_in_window(case, window, rows, strategy)
            for window, rows in zip(case.windows, logits, strict=True)
        ) or _close_overlap(self._overlapping)

    def _close_in_window(self, case: Case, window: Window, logits, strategy: str) -> bool:
        scores = _softmax(logits)
        keep = window.special_tokens_mask == 0
        if any(_close(row, row) for row in scores[keep]):
            return True
        if strategy not in {"average", "max"}:
            return False
        close = _close_average if strategy == "average" else _close_max
        return any(close(scores[word], logits[word]) for word in self._words(case, window, scores))

    def _words(self, case: Case, window: Window, scores) -> list[list[int]]:
        """Tokens of each word, as transformers tells them apart."""
        offsets = window.offsets.copy()
        if case.words is not None:
            starts = [0]
            for word in case.words:
                starts.append(starts[-1] + len(word) + len(case.delimiter))
            offsets += np.where(window.word_ids < 0, 0, np.array(starts)[window.word_ids])[:, None]
        none = transformers.pipelines.token_classification.AggregationStrategy.NONE  # does not warn
        tokens = self.pipe.gather_pre_entities(
            case.text, window.input_ids, scores, torch.from_numpy(offsets), window.special_tokens_mask, none
        )
        words: list[list[int]] = []
        for token in tokens:
            if words and token["is_subword"]:
                words[-1].append(token["index"])
            else:
                words.append([token["index"]])
        return words


def _softmax(logits):
    """Softmax as transformers computes it."""
    shifted = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _close(values, sources) -> bool:
    """Whether the highest value has a rival within rounding that does not come from equal numbers."""
    best = values.argmax()
    rivals = [i for i in np.flatnonzero(values >= values[best] - UNDEFINED) if i != best]
    return any(not np.array_equal(sources[i], sources[best]) for i in rivals)


def _close_average(scores, _) -> bool:
    return _close(np.nanmean(scores, axis=0), scores.T)


def _close_max(scores, logits) -> bool:
    """Equal probabilities of different rows are equal by chance of rounding, unless both are 1."""
    best = scores.max(axis=-1)
    near = np.flatnonzero(best >= best.max() - UNDEFINED)
    if len({scores[i].argmax() for i in near}) == 1:
        return False
    rest = 1 - _softmax(logits[near].astype(np.float64)).max(axis=-1)
    return bool((rest > 1e-9).any()) and _close(best, scores)


def _close_overlap(entities) -> bool:
    """Whether two overlapping entities of equal length have scores too close for a defined order: the higher score wins."""
    entities = sorted(entities, key=lambda entity: entity["start"])
    for i, one in enumerate(entities):
        for other in entities[i + 1 :]:
            if other["start"] >= one["end"]:
                break
            same_length = one["end"] - one["start"] == other["end"] - other["start"]
            close = abs(one["score"] - other["score"]) <= UNDEFINED and not one["score"] == other["score"] == 1
            if same_length and close and {**one, "score": 0} != {**other, "score": 0}:
                return True
    return False


def assert_equal(got: list[dict], want: list[dict], tolerance: float = 1e-6, context: str = "") -> None:
    """Asserts equal dicts: keys, their order, values and types; scores within `tolerance`. `want` is from transformers."""
    note = f"\n{context}\n got {got}\nwant {want}"
    assert type(got) is list, f"{type(got)}{note}"
    assert len(got) == len(want), f"{len(got)} entities, transformers {len(want)}{note}"
    for ours, theirs in zip(got, want, strict=True):
        assert type(ours) is dict
        assert list(ours) == list(theirs), f"keys {list(ours)}, transformers {list(theirs)}{note}"
        for key, value in ours.items():
            if key == "score":
                assert type(value) is float, f"score is {type(value)}{note}"
                assert abs(value - theirs["score"]) <= tolerance, f"{ours}\nwant {theirs}{note}"
            else:
                kind = str if key in {"entity", "entity_group", "word"} else int
                assert value is None or type(value) is kind, f"{key} is {type(value)}{note}"
                assert value == theirs[key], f"{key}: {ours}\nwant {theirs}{note}"
