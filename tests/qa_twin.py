"""The plain twins of the answer decoder: all pairs, sorted; and what the pipeline of transformers 4.57 does, in NumPy."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

QA = Path(__file__).parent / "data" / "qa"


@dataclass
class Window:
    """One window of a question, its tokens from CLS to padding."""

    start: np.ndarray
    end: np.ndarray
    offsets: np.ndarray
    sequence_ids: np.ndarray
    word_ids: np.ndarray
    input_ids: np.ndarray
    text: int = 0


def arguments(windows: list[Window]) -> dict:
    """Keyword arguments of `AnswerDecoder.decode`: a list with one array a window."""
    names = ("offsets", "sequence_ids", "word_ids", "input_ids")
    return {
        "start_logits": [w.start for w in windows],
        "end_logits": [w.end for w in windows],
        **{name: [getattr(w, name) for w in windows] for name in names},
        "windows": [w.text for w in windows],
    }


def recorded(language: str):
    """The recorded cases: (case, windows)."""
    arrays = dict(np.load(QA / f"{language}.npz"))
    ends = np.cumsum(arrays.pop("lengths"))
    logits = arrays.pop("logits")
    for line in gzip.decompress((QA / f"{language}.jsonl.gz").read_bytes()).decode().splitlines():
        case = json.loads(line)
        windows = []
        for number in case["windows"]:
            cut = slice(ends[number - 1] if number else 0, ends[number])
            values = {name: np.ascontiguousarray(array[cut], np.int32) for name, array in arrays.items()}
            windows.append(Window(np.ascontiguousarray(logits[cut, 0]), np.ascontiguousarray(logits[cut, 1]), **values))
        yield case, windows


def v4_candidates(start, end, desired, top_k, max_answer_len):
    """`select_starts_ends` of transformers 4.57 with ties in the order of the matrix and without its crash."""
    start = np.where(desired, start, -10000.0)[None]
    end = np.where(desired, end, -10000.0)[None]
    start = np.exp(start - start.max(axis=-1, keepdims=True))
    start = start / start.sum()
    end = np.exp(end - end.max(axis=-1, keepdims=True))
    end = end / end.sum()
    null = (start[0, 0] * end[0, 0]).item()
    start[0, 0] = end[0, 0] = 0.0
    outer = np.tril(np.triu(np.matmul(start[..., None], end[:, None])), max_answer_len - 1)[0]
    order = np.argsort(-outer.ravel(), kind="stable")[:top_k]
    firsts, lasts = np.unravel_index(order, outer.shape)
    keep = desired[firsts] & desired[lasts]
    return firsts[keep], lasts[keep], outer[firsts[keep], lasts[keep]], null


def v4(windows, context, cls_token_id, top_k=1, handle_impossible_answer=False, max_answer_len=15, align_to_words=True):
    """`QuestionAnsweringPipeline.postprocess` of transformers 4.57, for a tokenizer that pads on the right."""
    answers, least = {}, 1000000
    for w in windows:
        desired = (w.sequence_ids == 1) | (w.input_ids == cls_token_id)
        wanted = top_k * 2 + 10 if align_to_words else top_k
        firsts, lasts, scores, null = v4_candidates(w.start, w.end, desired, wanted, max_answer_len)
        least = min(least, null)
        for first, last, score in zip(firsts, lasts, scores, strict=True):
            start, end = w.offsets[first, 0], w.offsets[last, 1]
            if align_to_words and w.word_ids[first] >= 0 and w.word_ids[last] >= 0:
                context_token = w.sequence_ids == 1
                start = w.offsets[context_token & (w.word_ids == w.word_ids[first])][0, 0]
                end = w.offsets[context_token & (w.word_ids == w.word_ids[last])][-1, 1]
            text = context[start:end]
            if text.lower() in answers:
                answers[text.lower()]["score"] += score.item()
            else:
                answers[text.lower()] = {"score": score.item(), "start": int(start), "end": int(end), "answer": text}
    listed = list(answers.values())
    if handle_impossible_answer:
        listed.append({"score": least, "start": 0, "end": 0, "answer": ""})
    listed = sorted(listed, key=lambda a: a["score"], reverse=True)[:top_k]
    return listed[0] if len(listed) == 1 else listed


def spans(window: Window, max_answer_len: int, context_sequence: int = 1):
    """All legal spans of a window: first tokens, last tokens, sums of logits in float64."""
    legal = (window.sequence_ids == context_sequence) & (window.offsets[:, 0] != window.offsets[:, 1])
    start = np.where(legal, window.start.astype(np.float64), -np.inf)
    end = np.where(legal, window.end.astype(np.float64), -np.inf)
    firsts, lasts = np.triu_indices(len(start))
    near = lasts - firsts < max_answer_len
    firsts, lasts = firsts[near], lasts[near]
    sums = start[firsts] + end[lasts]
    finite = sums > -np.inf
    return firsts[finite], lasts[finite], sums[finite]


def log_sum(values) -> float:
    values = np.asarray(values, np.float64)
    top = values.max(initial=-np.inf)
    return top if top == -np.inf else top + np.log(np.exp(values - top).sum())


def right(windows, contexts, cls, top_k=1, max_answer_len=15, handle_impossible_answer=False, align_to_words=False,
          normalize="global", dedupe="span", null_threshold=None):  # fmt: skip
    """The right answers to one question: all pairs, sorted. `cls` is the CLS token of each window."""
    found, totals, nulls = [], [], []
    for number, (w, at) in enumerate(zip(windows, cls, strict=True)):
        firsts, lasts, sums = spans(w, max_answer_len)
        shift = 0.0
        if normalize == "window":
            legal = (w.sequence_ids == 1) & (w.offsets[:, 0] != w.offsets[:, 1])
            legal[at] = True
            shift = log_sum(w.start[legal]) + log_sum(w.end[legal])
        found.append((sums - shift, firsts, lasts, np.full(len(sums), number)))
        totals.append(log_sum(sums))
        nulls.append(float(w.start[at]) + float(w.end[at]) - shift)
    scores, firsts, lasts, numbers = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((numbers, lasts, firsts, -scores))
    null_allowed = handle_impossible_answer or null_threshold is not None
    spans_total, null = log_sum(totals), min(nulls)
    if normalize == "window":
        norm, null_score = 0.0, np.exp(null)
    else:
        null_score = np.exp(null - log_sum([spans_total, null]))
        norm = log_sum([spans_total, null]) if null_allowed else spans_total
    if not len(order):
        null_score = 1.0
    answers, seen = [], []
    for at in order:
        score, first, last = scores[at], firsts[at], lasts[at]
        w = windows[numbers[at]]
        start, end = w.offsets[first, 0], w.offsets[last, 1]
        if align_to_words and w.word_ids[first] >= 0:
            start = w.offsets[(w.sequence_ids == 1) & (w.word_ids == w.word_ids[first])][0, 0]
        if align_to_words and w.word_ids[last] >= 0:
            end = w.offsets[(w.sequence_ids == 1) & (w.word_ids == w.word_ids[last])][-1, 1]
        text = contexts[w.text][start:end]
        if dedupe == "overlap":
            new = all(t != w.text or end <= s or start >= e for t, s, e in seen)
            key = (w.text, start, end)
        else:
            key = text.lower() if dedupe == "text" else (w.text, start, end)
            new = key not in seen
        if new:
            seen.append(key)
            answers.append({"score": float(np.exp(score - norm)), "start": int(start), "end": int(end), "answer": text})
            if len(answers) == top_k:
                break
    nothing = {"score": float(null_score), "start": 0, "end": 0, "answer": ""}
    if null_threshold is not None:
        answers = ([nothing] if null_score > null_threshold else []) + answers
    elif null_allowed:
        place = sum(a["score"] >= null_score for a in answers)
        answers.insert(place, nothing)
    return answers[:top_k], float(null_score)


def random_window(rng: np.random.Generator, tokens: int, kind: str, context: str, begin: int = 0) -> Window:
    """A window with a question of a few tokens and `context` from token `begin` on; each token is one character."""
    question = int(rng.integers(0, max(1, min(12, tokens // 3))))
    specials = min(3, tokens)
    inside = max(0, tokens - question - specials)
    sequence = np.array([-1] + [0] * question + [-1] * (specials > 1) + [1] * inside + [-1] * (specials > 2), np.int8)[
        :tokens
    ]
    offsets = np.zeros((tokens, 2), np.int32)
    offsets[sequence == 1, 0] = begin + np.arange(inside)
    offsets[sequence == 1, 1] = begin + np.arange(inside) + 1
    words = np.full(tokens, -1, np.int32)
    words[sequence == 1] = (begin + np.arange(inside)) // 3
    ids = np.arange(tokens, dtype=np.int32) + 200
    ids[0] = 101
    start, end = rng.normal(0, 3, (2, tokens))
    if kind == "ties":
        start, end = rng.integers(-1, 2, (2, tokens)).astype(float)
    elif kind == "flat":
        start, end = np.zeros((2, tokens))
    elif kind == "sharp":
        start, end = start * 30, end * 30
    elif kind == "far":  # the best start and the best end are out of each other's reach
        start[sequence == 1], end[sequence == 1] = np.linspace(-300, 300, inside), np.linspace(300, -300, inside)
    elif kind == "barred":
        bar = rng.random((2, tokens)) < 0.6
        bar[:, 0] = False
        start, end = np.where(bar, -np.inf, [start, end])
    elif kind == "one":  # all masked but one
        keep = rng.integers(0, tokens)
        sequence = np.where(np.arange(tokens) == keep, sequence, np.where(sequence == 1, 0, sequence)).astype(np.int8)
        words = np.where(sequence == 1, words, -1).astype(np.int32)
    return Window(start.astype(np.float32), end.astype(np.float32), offsets, sequence, words, ids)


KINDS = ("normal", "normal", "ties", "flat", "sharp", "far", "barred", "one")
