"""Writes the computed cases of `tests/cases`: `python tools/make_cases.py`. See README.md there.

No expected value comes from fastpost itself: transformers' own pipeline, and the plain twins of the tests, which are written
from the documentation alone and use other libraries (NumPy, regex, unicodedata, seqeval, spacy-alignments), say what is right.
"""

from __future__ import annotations

import itertools
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import regex  # noqa: E402
import spacy_alignments  # noqa: E402
from seqeval.metrics.sequence_labeling import get_entities  # noqa: E402
from seqeval.scheme import IOB2, IOBES, IOE2, Entities  # noqa: E402

import qa_twin  # noqa: E402
import test_right  # noqa: E402
from oracle import Oracle  # noqa: E402
from twin_right import Twin, Undefined, read_labels  # noqa: E402

TEXTS = [
    "My name is Sylvain and I work at Hugging Face in Brooklyn",
    "Anna's brother met O'Brien at 10:30, near St.Louis.",
    "mail jose.alvarez@example.org or call 718-555-0199 now",
    "東京都の山田さんはソニーで働く",
    "Zoe\u0308 et l'Église d’Orléans 🤗🇩🇪 2024",
    "a\r\nb  c\t d",
    "ราคา 100 บาท in Bangkok",
    "Müller-Lüdenscheidt GmbH & Co. KG",
]
LABELS = [
    ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-x", "I-x", "E-x", "S-x"],
    ["B-PER", "I-PER", "L-PER", "U-PER", "O"],
    ["O", "PER", "LOC", "date-time"],
    ["O", "I-PER", "I-LOC", "B-PER"],
    ["OUTSIDE", "PER_B", "PER_I"],
]


def numbers(values: Any) -> Any:
    """Nested lists of numbers, with null for -inf."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, (list, tuple)):
        return [numbers(value) for value in values]
    if isinstance(values, (float, np.floating)):
        return None if values == -np.inf else float(values)
    return int(values) if isinstance(values, np.integer) else values


def window(held: Any) -> dict[str, Any]:
    """One window of an entity case."""
    out = {"logits": numbers(held.logits), "offsets": numbers(held.offsets), "special": numbers(held.special)}
    if held.words is not None:
        out["word_ids"] = [None if word < 0 else int(word) for word in held.words]
    if held.ids is not None:
        out["ids"] = numbers(held.ids)
    return out


def own_entities(count: int) -> list[dict[str, Any]]:
    """Cases of own mode with any options, by the twin of the documentation."""
    cases: list[dict[str, Any]] = []
    seed = 0
    while len(cases) < count:
        seed += 1
        rng = np.random.default_rng(seed)
        text, labels = TEXTS[seed % len(TEXTS)], LABELS[seed % len(LABELS)]
        try:
            scheme = read_labels(labels)[0]
            options, exact = test_right.random_options(rng, labels, scheme, True)
        except ValueError:
            continue
        options["return_probs"] = False
        windows = test_right.windows_of(rng, text, labels, True)
        if len(windows[0].logits) > 24 or len(windows) > 3:
            continue
        if windows[0].words is None and options["words"] == "word_ids":
            continue
        try:
            found, covered = Twin(labels, exact=exact, **options).text(windows, text)
        except Undefined:
            continue
        if not found and len(cases) % 8:
            continue  # few without an entity
        defaults = Twin(labels)
        shown = {
            name: value
            for name, value in options.items()
            if name == "aggregation_strategy" or not np.array_equal(value, getattr(defaults, name))
        }
        cases.append(
            {
                "name": f"{options['aggregation_strategy']}, {scheme}, {len(windows)} windows, draw {seed}",
                "inputs": {"labels": labels, "text": text, "windows": [window(held) for held in windows]},
                "options": {"behaviour": "own", **{name: numbers(value) for name, value in shown.items()}},
                "expected": {
                    "entities": [
                        {
                            "start": entity["start"],
                            "end": entity["end"],
                            "label": entity["name"],
                            "score": round(float(entity["score"]), 6),
                            "tokens": numbers(entity["tokens"]),
                            "words": [None if word < 0 else int(word) for word in entity["words"]],
                        }
                        for entity in found
                    ],
                    "covered": numbers(covered),
                },
            }
        )
    return cases


def transformers_entities() -> list[dict[str, Any]]:
    """Cases of `compat="transformers"`, by the pipeline of the installed transformers."""
    cases = []
    seed = 0
    for kind in ("wordpiece-cased", "byte-level"):
        oracle = Oracle(kind, 16)
        tokenizer = oracle.pipe.tokenizer
        for strategy in ("none", "simple", "first", "average", "max"):
            for stride in (None, 4):
                for text in TEXTS[:3]:
                    seed += 1
                    labels = LABELS[0]
                    case = oracle.case(text, stride=stride)
                    rng = np.random.default_rng(seed)
                    logits = [
                        np.round(rng.normal(0, 3, (len(w.input_ids), len(labels))), 2).astype(np.float32)
                        for w in case.windows
                    ]
                    want = oracle.entities(case, logits, labels, strategy)
                    if oracle.undefined_winner(case, logits, strategy) or seed % 2:
                        continue
                    windows = [
                        {
                            "logits": [[round(float(value), 2) for value in row] for row in rows],
                            "offsets": numbers(w.offsets),
                            "special": numbers(w.special_tokens_mask),
                            "ids": numbers(w.input_ids),
                        }
                        for w, rows in zip(case.windows, logits, strict=True)
                    ]
                    inputs: dict[str, Any] = {"labels": labels, "text": case.text, "windows": windows}
                    if kind.startswith("wordpiece"):
                        used = sorted({int(token) for w in case.windows for token in w.input_ids})
                        inputs["vocabulary"] = {token: tokenizer.convert_ids_to_tokens(token) for token in used}
                        inputs["unknown"] = tokenizer.unk_token
                    key = "entity" if strategy == "none" else "entity_group"
                    entities = [
                        {
                            "start": int(entity["start"]),
                            "end": int(entity["end"]),
                            "label": entity[key],
                            "score": round(float(entity["score"]), 6),
                            **({"index": int(entity["index"])} if strategy == "none" else {}),
                        }
                        for entity in want
                    ]
                    cases.append(
                        {
                            "name": f"{strategy}, {kind}, {len(windows)} windows, draw {seed}",
                            "inputs": inputs,
                            "options": {"behaviour": "transformers", "aggregation_strategy": strategy},
                            "expected": {"entities": entities},
                        }
                    )
    return cases


def qa_window(held: qa_twin.Window) -> dict[str, Any]:
    """One window of an answer case."""
    return {
        "start": numbers(held.start),
        "end": numbers(held.end),
        "offsets": numbers(held.offsets),
        "sequence_ids": [None if row < 0 else int(row) for row in held.sequence_ids],
        "word_ids": [None if row < 0 else int(row) for row in held.word_ids],
        "ids": numbers(held.input_ids),
    }


def close(scores: list[float]) -> bool:
    """Whether two neighbours are so close that rounding may swap them."""
    return any(a != b and abs(a - b) < 1e-5 for a, b in itertools.pairwise(scores))


def answers(count: int) -> list[dict[str, Any]]:
    """Cases of both behaviours, by the searches over all pairs."""
    context = "The quick brown fox jumps over the lazy dog. the quick brown FOX"
    cases: list[dict[str, Any]] = []
    seed = 0
    while len(cases) < count:
        seed += 1
        rng = np.random.default_rng(seed)
        kind = qa_twin.KINDS[seed % len(qa_twin.KINDS)]
        windows = []
        for number in range(int(rng.integers(1, 4))):
            held = qa_twin.random_window(rng, int(rng.integers(6, 15)), kind, context, begin=5 * number)
            held.start, held.end = (np.round(row, 2).astype(np.float32) for row in (held.start, held.end))
            windows.append(held)
        transformers = seed % 3 == 0 and kind == "normal"
        options: dict[str, Any] = {
            "top_k": int(rng.choice([1, 1, 3, 5])),
            "max_answer_len": int(rng.choice([2, 5, 15])),
            "handle_impossible_answer": bool(rng.random() < 0.5),
            "align_to_words": bool(rng.random() < 0.4),
        }
        cls = [0 for _ in windows]
        if transformers:
            found = qa_twin.v4(windows, context, 101, **options)
            listed = [found] if isinstance(found, dict) else found
            expected: dict[str, Any] = {"answers": listed}
            if any(answer["score"] < 1e-9 for answer in listed):
                continue  # NumPy leaves the order of spans with probability 0 open
        else:
            options["normalize"] = str(rng.choice(["global", "global", "window"]))
            options["dedupe"] = str(rng.choice(["span", "span", "text", "overlap"]))
            if rng.random() < 0.3:
                options["null_threshold"] = float(rng.choice([0.0, 0.2, 0.7]))
            listed, null = qa_twin.right(windows, [context], cls, **options)
            expected = {"answers": listed, "null_score": round(null, 9)}
        if close([answer["score"] for answer in listed]):
            continue
        for answer in listed:
            answer["score"] = round(answer["score"], 9)
        cases.append(
            {
                "name": f"{kind}, {len(windows)} windows, draw {seed}",
                "inputs": {"context": context, "cls": 101, "windows": [qa_window(held) for held in windows]},
                "options": {"behaviour": "transformers" if transformers else "own", **options},
                "expected": expected,
            }
        )
    return cases


def labels() -> list[dict[str, Any]]:
    """How label names are read, by the twin; and the entities of sequences of them, by seqeval."""
    cases: list[dict[str, Any]] = []
    sets = [
        *LABELS,
        ["O", "B-PER", "I-PER"], ["O", "I-PER", "I-LOC"], ["O", "B_PER", "I_PER"], ["O", "PER-B", "PER-I"],
        ["O", "B-PER", "M-PER", "E-PER", "S-PER"], ["O", "I-PER", "E-PER"], ["B", "I", "O"],
        ["NONE", "B-date-time", "I-date-time"], ["LABEL_0", "LABEL_1"], ["PERSON", "EMAIL"],
        ["o", "b-per", "i-per"], ["O", "B-PER", "I-PER", "[PAD]"], ["O", "B-", "I-"], ["O", "B-Ω", "I-Ω"],
        ["O", "O", "B-PER", "I-PER"], ["O", "S-PER", "B-PER", "E-PER"],
    ]  # fmt: skip
    for names in sets:
        for scheme in ("auto", "plain", "IOB1", "BIOES"):
            if scheme not in ("auto", "plain") and names not in (LABELS[0], LABELS[1], ["O", "B-PER", "I-PER"]):
                continue
            if scheme == "plain" and "LABEL_0" not in names and names is not LABELS[3]:
                continue
            case = {
                "name": f"{' '.join(names)} as {scheme}",
                "inputs": {"labels": names},
                "options": {"scheme": scheme},
            }
            try:
                read, tags = read_labels(names, scheme)
            except ValueError:
                cases.append({**case, "expected": {"error": True}})
                continue
            kinds = list(dict.fromkeys(kind for _, kind in tags))
            cases.append({**case, "expected": {"scheme": read, "tags": [list(tag) for tag in tags], "types": kinds}})
    rng = np.random.default_rng(5)
    strict = {"IOB2": (IOB2, "BI"), "IOE2": (IOE2, "IE"), "BIOES": (IOBES, "BIES")}
    for scheme, (known, letters) in strict.items():
        names = ["O", *(f"{letter}-{kind}" for kind in ("PER", "LOC") for letter in letters)]
        for draw in range(5):
            tags = [str(tag) for tag in rng.choice(names, 9)]
            entities = Entities([tags], known).entities[0]
            spans = [[entity.start, entity.end, entity.tag] for entity in entities]
            cases.append(sequence(f"{scheme} strictly, draw {draw}", names, tags, scheme, "discard", spans))
            if scheme == "IOB2":
                spans = [[first, last + 1, kind] for kind, first, last in get_entities(tags)]
                cases.append(sequence(f"{scheme} as conlleval, draw {draw}", names, tags, scheme, "conlleval", spans))
    return cases


def sequence(
    name: str, names: list[str], tags: list[str], scheme: str, repair: str, spans: list[Any]
) -> dict[str, Any]:
    """A case of a sequence of labels, one a token."""
    inputs = {"labels": names, "sequence": tags}
    return {
        "name": name, "inputs": inputs, "options": {"scheme": scheme, "repair": repair}, "expected": {"entities": spans},
    }  # fmt: skip


def alignment() -> list[dict[str, Any]]:
    """Labels from spans by a plain writer, spans from labels as they were written, tokens by spacy-alignments."""
    cases: list[dict[str, Any]] = []
    rng = np.random.default_rng(11)
    roles = {
        "IO": "IIII",
        "IOB2": "BIIB",
        "IOE2": "IIEE",
        "BIOES": "BIES",
        "BILOU": "BILU",
        "BMES": "BMES",
        "plain": None,
    }  # fmt: skip  first, inner, last, only
    for scheme, letters in roles.items():
        names = ["O", "PER", "LOC"] if letters is None else [
            "O", *(f"{letter}-{kind}" for kind in ("PER", "LOC") for letter in dict.fromkeys(letters))
        ]  # fmt: skip
        for draw in range(3):
            offsets, at = [[0, 0]], 0
            for _ in range(8):
                at += int(rng.integers(0, 2))
                width = int(rng.integers(1, 4))
                offsets.append([at, at + width])
                at += width
            offsets.append([0, 0])
            want: list[str | None] = [None, *["O"] * 8, None]
            spans, token = [], 1
            while token < 9:
                length, kind = int(rng.integers(1, 4)), str(rng.choice(["PER", "LOC"]))
                last = min(token + length, 9) - 1
                spans.append([offsets[token][0], offsets[last][1], kind])
                for place in range(token, last + 1):
                    first_, last_ = place == token, place == last
                    letter = (
                        None
                        if letters is None
                        else letters[3 if first_ and last_ else 0 if first_ else 2 if last_ else 1]
                    )
                    want[place] = kind if letter is None else f"{letter}-{kind}"
                token = last + 2 + int(rng.integers(0, 2))
            inputs = {"labels": names, "offsets": offsets, "special": [1, *[0] * 8, 1]}
            options = {"scheme": scheme}
            for policy in ("strict", "expand", "contract"):
                cases.append(
                    {
                        "name": f"spans to labels, {scheme}, {policy}, draw {draw}",
                        "inputs": {**inputs, "spans": spans},
                        "options": {**options, "policy": policy},
                        "expected": {"labels": want},
                    }
                )
                if draw or scheme != "IOB2":
                    break
            cases.append(
                {
                    "name": f"labels to spans, {scheme}, draw {draw}",
                    "inputs": {**inputs, "sequence": want},
                    "options": {**options, "repair": "discard"},
                    "expected": {"spans": spans},
                }
            )
    pairs = [
        (["obama", "'", "s", "podcast"], ["obama", "'s", "podcast"]),
        (["New", "York", "City"], ["new", "##york", "city"]),
        (["don't"], ["do", "n't"]),
        (["Zoë", "naïve"], ["zoe", "na", "ive"]),
        (["ﬁn", "Ａ"], ["fi", "n", "a"]),
        (["東京", "都"], ["東", "京都"]),
        (["a", "", "b"], ["ab"]),
        ([], ["x"]),
        (["x", "y"], ["z"]),
        (["Ġhello", "Ġworld"], ["hello", "world"]),
        (["🤗", "ok"], ["🤗ok"]),
        (["İ", "ß"], ["i", "ss"]),
    ]
    for a, b in pairs:
        there, back = spacy_alignments.get_alignments(a, b)
        cases.append(
            {
                "name": f"tokens {' '.join(a)} | {' '.join(b)}",
                "inputs": {"a": a, "b": b},
                "options": {},
                "expected": {"a_to_b": there, "b_to_a": back},
            }
        )
    return cases


def edges(text: str, unit: str) -> list[int]:
    """The character at which each unit of `text` starts, and the end; a character of several units comes several times."""
    if unit == "chars":
        return list(range(len(text) + 1))
    if unit == "graphemes":
        return [found.start() for found in regex.finditer(r"\X", text)] + [len(text)]
    code, width = {"utf8": ("utf-8", 1), "utf16": ("utf-16-le", 2)}[unit]
    return [at for at, char in enumerate(text) for _ in range(len(char.encode(code)) // width)] + [len(text)]


def counterpart(text: str, position: int, source: str, target: str, outward: int | None) -> int | None:
    """A position in another unit; `outward` 0 takes it to the start of what it lies in, 1 to the end, `None` is refused."""
    starts, wanted = edges(text, source), edges(text, target)
    char = starts[position]
    if position and position < len(starts) - 1 and starts[position - 1] == char:
        if outward is None:
            return None
        char += outward
    if char not in wanted:
        if outward is None:
            return None
        later = [edge for edge in wanted if edge > char]
        char = later[0] if outward else max(edge for edge in wanted if edge < char)
    return wanted.index(char)


def offsets() -> list[dict[str, Any]]:
    """Positions by Python's codecs and regex' graphemes, normal forms by unicodedata."""
    texts = ["plain", "a\r\nb", "Zoe\u0308 🤗!", "👩\u200d🚀🇩🇪x", "각\u1100\u1161", "\U00010400é中", ""]
    units = ["chars", "utf8", "utf16", "graphemes"]
    cases: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        for source in units:
            target = units[(units.index(source) + 1 + number) % 4]
            if source == target:
                target = "chars" if source != "chars" else "utf8"
            for inside, outward in (("error", None), ("floor", 0), ("ceil", 1)):
                if inside != "error" and text.isascii():
                    continue
                positions = list(range(len(edges(text, source))))
                want = [counterpart(text, position, source, target, outward) for position in positions]
                good = [p for p, w in zip(positions, want, strict=True) if w is not None]
                name = f"{source} to {target}, {inside}: {text!a}"
                inputs = {"text": text, "positions": good, "refused": [p for p in positions if p not in good]}
                options = {"source": source, "target": target, "inside": inside}
                expected = {"positions": [w for w in want if w is not None]}
                if inside == "error" or number % 2 == units.index(source) % 2:
                    cases.append({"name": name, "inputs": inputs, "options": options, "expected": expected})
    for text in ["Zoë ﬁ Å", "가나다 ㍿", "ABC İıẞ", "e\u0301x\u0327 o\u0308"]:
        for form in ("NFC", "NFD", "NFKC", "NFKD", "lower"):
            whole = text.lower() if form == "lower" else unicodedata.normalize(form, text)
            # Pieces that no form joins with the text before them: a letter and its marks.
            pieces = regex.findall(r"\P{M}\p{M}*", text)
            made = [piece.lower() if form == "lower" else unicodedata.normalize(form, piece) for piece in pieces]
            assert "".join(made) == whole, (text, form)
            original, normal, spans = 0, 0, []
            for piece, new in zip(pieces, made, strict=True):
                spans.append([[normal, normal + len(new)], [original, original + len(piece)]])
                original, normal = original + len(piece), normal + len(new)
            cases.append(
                {
                    "name": f"{form} of {text!a}",
                    "inputs": {"text": text, "spans": [span for span, _ in spans]},
                    "options": {"form": form},
                    "expected": {"text": whole, "spans": [span for _, span in spans]},
                }
            )
    return cases


def write(name: str, tolerance: float, cases: list[dict[str, Any]]) -> None:
    """One line a case."""
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    path = TESTS / "cases" / f"{name}.json"
    path.write_text(f'{{\n "tolerance": {tolerance},\n "cases": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    write("entities", 2e-5, own_entities(56) + transformers_entities())
    write("answers", 1e-6, answers(56))
    write("labels", 0, labels())
    write("alignment", 0, alignment())
    write("offsets", 0, offsets())
