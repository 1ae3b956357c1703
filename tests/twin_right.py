"""The plain twin of `EntityDecoder(compat="fastpost")`: one text at a time, written from the docstrings, without optimisation.

Labels are tuples (role, type); "O" is the role of labels in no entity. Legal sequences are those that the scheme's
writer writes for some entities: all of them over a few tokens are written out, and their neighbours are what is legal.
The best path and the probability of an entity are found over all pairs of labels in 64 bits.
"""

import functools
import itertools
import math
import re
from dataclasses import dataclass, field, replace

import numpy as np
import regex

from twin_units import (
    LETTER,
    PARTING,
    UNSPACED,
    addresses,
    one_run,
    pieces_of_one_thing,
    tidied,
    unit_edges,
    word_edges,
)

SHORTFALL = {(True, False): 3.0, (False, True): 3.25, (True, True): 6.75}
"""By how much a label's logit may be below one of its type with another place, where a path is searched: one that differs in
whether an entity begins, in whether it ends, in both."""
CLOSE = 1e-5  # values this close have no order that a test may depend on, unless they are equal by construction

LETTERS = {
    "IO": {"I": "I"},
    "IOB1": {"B": "B", "I": "I"},
    "IOB2": {"B": "B", "I": "I"},
    "IOE1": {"I": "I", "E": "E"},
    "IOE2": {"I": "I", "E": "E"},
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
}
SCHEMES = (*LETTERS, "plain")
ENDS_MARKED = ("BIOES", "BILOU", "BMES")
OUTSIDE = {"", "o", "out", "outside", "none", "nil", "null", "background", "_"}
SPECIAL = {
    *("-", "other", "x", "[pad]", "<pad>", "pad", "[cls]", "[sep]", "<s>", "</s>", "[unk]", "<unk>", "unk"),
    *("<start>", "<stop>", "<end>", "start", "stop", "<bos>", "<eos>", "<start_tag>", "<stop_tag>"),
}
ROLES = "OBIES"


# --- labels ---------------------------------------------------------------------------------------


def read_labels(names, scheme="auto"):
    """The scheme, and (role, type) of each label; ValueError if the labels fit none."""
    inside = [name for name in names if name.lower() not in OUTSIDE | SPECIAL]
    if scheme != "plain":
        for separator, suffix in (("-", False), ("_", False), ("-", True), ("_", True), (None, False)):
            split = [_split(name, separator, suffix) for name in inside]
            if not split or None in split or len({letter.isupper() for letter, _ in split}) > 1:
                continue
            used = {letter.upper() for letter, _ in split}
            if scheme == "auto" and (not used & {"B", "I"} or (separator is None and not _no_accident(used))):
                continue
            order = tuple(LETTERS) if scheme == "auto" else (scheme,)
            fitting = [known for known in order if used <= set(LETTERS[known])]
            if "IOB2" in fitting and "IOB1" in fitting:  # the second is taken if both are possible
                fitting.remove("IOB1")
                fitting.insert(fitting.index("IOB2") + 1, "IOB1")
            if "IOE2" in fitting and "IOE1" in fitting:
                fitting.remove("IOE1")
                fitting.insert(fitting.index("IOE2") + 1, "IOE1")
            spelling = [known for known in fitting if _spells_each(known, split)]
            if fitting and not spelling and scheme != "auto":
                raise ValueError(scheme)
            if fitting:
                known = (spelling or fitting)[0]
                tags = dict(zip(inside, split))
                return known, [
                    (LETTERS[known][tags[name][0].upper()], tags[name][1]) if name in tags else ("O", name)
                    for name in names
                ]
        if scheme != "auto" and inside:
            raise ValueError(scheme)
    return "plain", [("O" if name.lower() in OUTSIDE else "I", name) for name in names]


def _no_accident(letters):
    """Whether letters alone can write an entity of several tokens."""
    schemes = ({"B", "I", "E"}, {"B", "E"}, {"B", "I", "L"}, {"B", "M", "E"})
    return letters == {"B", "I"} or letters - {"S", "U"} in schemes


def _spells_each(scheme, split):
    """Whether an entity of each type can be written."""
    roles = {}
    for letter, kind in split:
        roles.setdefault(kind, set()).add(LETTERS[scheme][letter.upper()])
    return all(any(set(_roles(scheme, n, False, False)) <= own for n in (1, 2)) for own in roles.values())


def _split(name, separator, suffix):
    if separator is None:
        return (name, "_") if re.fullmatch("[A-Za-z]", name) else None
    pattern = rf"(?s)(.+){separator}([A-Za-z])" if suffix else rf"(?s)([A-Za-z]){separator}(.+)"
    found = re.fullmatch(pattern, name)
    return found and (found[2], found[1]) if suffix else found and (found[1], found[2])


def _roles(scheme, length, behind_same, before_same):
    """The roles of an entity of `length` tokens."""
    if scheme in ENDS_MARKED:
        return "S" if length == 1 else "B" + "I" * (length - 2) + "E"
    roles = ["I"] * length
    if scheme == "IOB2" or (scheme == "IOB1" and behind_same):
        roles[0] = "B"
    if scheme == "IOE2" or (scheme == "IOE1" and before_same):
        roles[-1] = "E"
    return "".join(roles)


@functools.cache
def legal(scheme):
    """Pairs of neighbours (`None`: the edge), roles that may open and that may close an entity, by neighbour."""
    pairs, opens, closes = set(), set(), set()
    kinds = (None, "a", "b")
    for count in range(1, 4):
        for entities in itertools.product(itertools.product(kinds, (1, 2, 3, 4)), repeat=count):
            if any(kind is None and length > 1 for kind, length in entities):
                continue
            types = [kind for kind, _ in entities]
            if scheme in ("IO", "plain") and any(a == b is not None for a, b in itertools.pairwise(types)):
                continue
            tags = [None]
            for at, (kind, length) in enumerate(entities):
                if kind is None:
                    tags.append(("O", "O"))
                    continue
                behind = at > 0 and types[at - 1] == kind
                before = at + 1 < count and types[at + 1] == kind
                roles = _roles(scheme, length, behind, before)
                opens.add((roles[0], behind))
                closes.add((roles[-1], before))
                tags.extend((role, kind) for role in roles)
            pairs.update(itertools.pairwise([*tags, None]))
    if scheme == "IOB1":  # written only after its own type, read as a label that opens anywhere
        opens.add(("B", False))
        pairs.update((last, ("B", "b")) for last in (None, ("O", "O"), ("B", "a"), ("I", "a")))
    if scheme == "IOE1":
        closes.add(("E", False))
        pairs.update((("E", "b"), following) for following in (None, ("O", "O"), ("I", "a"), ("E", "a")))
    pairs = {
        (last and last[0], following and following[0], bool(last and following and last[1] == following[1]))
        for last, following in pairs
    }
    return pairs, opens, closes


def allows(scheme, last, following):
    """Whether a label may follow another; `None` is the edge of the text."""
    pair = (last and last[0], following and following[0])
    if None in pair or "O" in pair:  # two names for "outside" are one role
        return any(pair == (a, b) for a, b, _ in legal(scheme)[0])
    return (*pair, last[1] == following[1]) in legal(scheme)[0]


def goes_on(last, following):
    """Whether two neighbours are in one entity, or in one stretch of the same name for "outside"."""
    if last[1] != following[1]:
        return False
    return (last[0] in "BI" and following[0] in "IE") or last[0] == following[0] == "O"


# --- windows --------------------------------------------------------------------------------------


MARK_ENDS = ("IOE1", "IOE2", "BIOES", "BILOU", "BMES")


@dataclass
class Token:
    start: int
    end: int
    word: int
    token_id: int
    index: int
    rows: list  # of (context, order of the window, logits)
    opens: bool = True

    @property
    def key(self):
        """The key by which tokens of overlapping windows are the same token; the start of a token may depend on its window."""
        return (self.end if self.start < self.end else -1), self.token_id


@dataclass
class Window:
    """One window, special tokens included; `words` and `ids` may be None."""

    logits: np.ndarray
    offsets: np.ndarray | None
    special: np.ndarray
    words: np.ndarray | None = None
    ids: np.ndarray | None = None


def log_softmax(row):
    row = np.asarray(row, np.float64)
    top = row.max()
    return row - top - np.log(np.exp(row - top).sum())


def tokens_of(window, text=None):
    out = []
    for place in np.flatnonzero(np.asarray(window.special) == 0).tolist():
        start, end = (-1, -1) if window.offsets is None else (int(x) for x in window.offsets[place])
        # A token after a literal special token, trimmed of a space that the text does not have.
        behind = place and window.offsets is not None and _follows(window.offsets[place - 1], start)
        if text is not None and start == end > 0 and behind and not text[start - 1].isspace():
            start -= 1
        word = -1 if window.words is None else int(window.words[place])
        token_id = -1 if window.ids is None else int(window.ids[place])
        out.append(Token(start, end, word, token_id, place, [np.asarray(window.logits[place], np.float64)]))
    return out


def _follows(before, start):
    """Whether a token ends one character before `start`, and covers something, as a special token in a text does."""
    return int(before[0]) < int(before[1]) == start - 1


def with_spaces(tokens, text, begins):
    """Tokens that cover something; one that is a space, trimmed off its offsets, covers it.

    One that is a space in front of a word where the text has none covers the first character of the word, if it begins an
    entity.
    """
    out, following = [], None
    for at, token in reversed([*enumerate(tokens)]):
        before = tokens[at - 1].end if at else 0
        if token.start < token.end:
            following = token.start
            out.insert(0, token)
            continue
        spaced = text is not None and following and before < following and text[following - 1].isspace()
        second = spaced and before <= token.start == following - 2 and text[token.start].isspace()
        if second or (spaced and token.start in (following - 1, following)):
            following -= 1
            out.insert(0, replace(token, start=following, end=following + 1))
        elif text is not None and out and token.start == out[0].start and before <= token.start:
            known = max(token.word, out[0].word) >= 0
            if (token.word == out[0].word if known else token.start == 0) and begins(token, out[0], known):
                out.insert(0, replace(token, end=token.start + 1))
    return out


def _chars(tokens):
    covering = [token for token in tokens if token.start < token.end]
    return min((t.start for t in covering), default=math.inf), max((t.end for t in covering), default=-math.inf)


def _begins(part):
    """Where a window begins: at the first of the spaces without width that lead to its first character, or alone are in it."""
    start = _chars(part)[0]
    spaces = len([*itertools.takewhile(lambda token: token.start == token.end, part)])
    near = start == math.inf or part[0].start <= start <= part[0].start + spaces + 1
    return part[0].start if spaces and near else start


def stitch(parts, merge):
    """The tokens of a text in one row, each with the logits that decide it."""
    place = lambda part: (_begins(part), -len(list(itertools.takewhile(lambda t: t.start <= _chars(part)[0], part))))  # noqa: E731
    parts = sorted((part for part in parts if part), key=place)
    if len(parts) < 2:
        return [replace(token, rows=token.rows[0]) for part in parts for token in part]
    first = min(_chars(part)[0] for part in parts)
    last = max(_chars(part)[1] for part in parts)
    text: list[Token] = []
    for number, part in enumerate(parts):
        start, end = _chars(part)
        for place, token in enumerate(part):
            left = place if start > first else math.inf
            right = len(part) - 1 - place if end < last else math.inf
            token.rows = [(min(left, right), -number, token.rows[0])]
        at = _shared(text, part)
        at = _shared_spaces(text, part) if at is None else at
        covered = _chars(text)[1]
        starts = [token.start for token in text if token.start < token.end]
        if at is None and starts and start < covered and start < starts[-1]:
            if end <= covered:
                continue
            middle = (start + covered) // 2
            stays = lambda token: token.start < token.end and (token.end <= middle or token.start < start)  # noqa: B023, E731
            while len(text) > 1 and not stays(text[-1]):
                text.pop()
            edge = text[-1].end
            part = list(itertools.dropwhile(lambda token: token.start < edge and token.end <= edge, part))  # noqa: B023
        at = len(text) if at is None else at
        for place, token in enumerate(part):
            if at + place < len(text):
                text[at + place].rows += token.rows
            else:
                index = text[0].index + len(text) if text else token.index
                text.append(replace(token, index=index))
    out = []
    for token in text:
        row = max(token.rows, key=lambda held: held[:2])[2]
        if merge == "average":
            row = np.mean([log_softmax(held[2]) for held in token.rows], axis=0)
        out.append(replace(token, rows=row))
    return out


def _shared(text, part):
    """Where the tokens of `part` lie in those of the text, as its end or inside it."""
    keys, wanted = [token.key for token in text], [token.key for token in part]
    for at in range(len(keys)):
        held = wanted[: len(keys) - at]
        if keys[at : at + len(held)] == held and any(end != -1 for end, _ in held):
            return at
    return None


def _shared_spaces(text, part):
    """The same where they share tokens of no width alone: those stand at one place, but for the first of a window."""
    tail = [*itertools.takewhile(lambda token: token.start == token.end, reversed(text))][::-1]
    if len(part) < 2 or not tail:
        return None
    first, second = part[:2]
    bare = second.start == second.end
    same = lambda held, token: held.key == token.key and held.start == held.end and token.start == token.end  # noqa: E731
    at = next((at for at, token in enumerate(tail) if token.start == second.start), 0) + len(text) - len(tail)
    if bare and text[at].start == second.start:
        pairs = at > 0 and same(text[at - 1], first) and same(text[at], second)
        fits = second.start > text[at - 1].start and text[at - 1].start - first.start in (0, 1)
        return at - 1 if pairs and fits else None
    # They share one: the last. It is no other space, or its neighbour shows that it is none.
    last = text[-1]
    near = first.start == last.start and second.start == last.start + bare
    fits = second.start >= last.start and (near or first.start == last.start - 1)
    return len(text) - 1 if same(last, first) and fits else None


# --- decoding -------------------------------------------------------------------------------------


class Undefined(Exception):  # noqa: N818 no error: such a draw is left out  # noqa: N818
    """The result depends on two values that differ only by rounding."""


@dataclass
class Twin:
    labels: list
    aggregation_strategy: str = "simple"
    ignore_labels: tuple = ("O",)
    scheme: str = "auto"
    decode: str = "viterbi"
    repair: str = "conlleval"
    transitions: np.ndarray | None = None
    start_transitions: np.ndarray | None = None
    end_transitions: np.ndarray | None = None
    biases: dict | None = None
    score: str = "mean"
    return_probs: bool = False
    threshold: object = 0.0
    words: str = "auto"
    snap: str | None = "auto"
    join: str | None = "pieces"
    trim: str | None = "whitespace"
    window_merge: str = "context"
    outside_bias: float = 0.0
    exact: bool = False
    """Whether the logits add up without rounding, so that ties are ties."""
    cut: tuple = field(default=(False, False), init=False)
    """Whether the text goes on before the tokens and behind them, where windows are decoded apart."""
    tags: list = field(init=False)

    def __post_init__(self):
        self.scheme, self.tags = read_labels(self.labels, self.scheme)
        kinds = dict.fromkeys((role == "O", kind) for role, kind in self.tags)
        self.kinds = [(kind, outside) for outside, kind in kinds]
        self.by_hand = self.transitions is not None or len({*self.tags}) < len(self.tags)
        if any(self.tags.count(tag) > 1 and tag[0] == "O" for tag in self.tags):
            # A name for "outside" that is given twice has two places.
            inner = [tag for tag in self.tags if tag[0] != "O"]
            self.by_hand = self.transitions is not None or len({*inner}) < len(inner)

    @property
    def lays_out(self):
        """Whether the row of a word of several tokens says where an entity begins and ends."""
        strategies = {"average", "max"} | ({"first"} if self.scheme in MARK_ENDS else set())
        return self.aggregation_strategy in strategies

    def weight(self, last, following):
        """The weight of a step between two label ids; `None` is the edge."""
        a = None if last is None else self.tags[last]
        b = None if following is None else self.tags[following]
        if not allows(self.scheme, a, b):
            return -math.inf
        given = [self.transitions, self.start_transitions, self.end_transitions]
        if any(x is not None for x in given):
            if last is None:
                return 0.0 if given[1] is None else float(np.float32(given[1][following]))
            if following is None:
                return 0.0 if given[2] is None else float(np.float32(given[2][last]))
            return 0.0 if given[0] is None else float(np.float32(given[0][last][following]))
        if self.biases is None or a is None or b is None:
            return 0.0
        name = {
            ("O", "O"): "background_stay", ("O", "B"): "background_to_start", ("O", "S"): "background_to_start",
            ("B", "I"): "inside_to_continue", ("I", "I"): "inside_to_continue",
            ("B", "E"): "inside_to_end", ("I", "E"): "inside_to_end",
            ("E", "O"): "end_to_background", ("S", "O"): "end_to_background",
        }.get((a[0], b[0]), "end_to_start")  # fmt: skip
        return float(np.float32(self.biases[name]))

    @functools.cached_property
    def weights(self):
        count = len(self.labels)
        steps = np.array([[self.weight(a, b) for b in range(count)] for a in range(count)])
        start = np.array([self.weight(None, b) for b in range(count)])
        end = np.array([self.weight(a, None) for a in range(count)])
        return steps, start, end

    def weights_at_cut(self):
        """The same, but that any label may stand at a cut, and none weighs anything there."""
        steps, start, end = self.weights
        return steps, np.zeros_like(start) if self.cut[0] else start, np.zeros_like(end) if self.cut[1] else end

    # --- the labels of the rows

    def best(self, values):
        """The index of the largest; ties to the smallest."""
        at = int(np.argmax(values))
        rivals = np.flatnonzero(values >= values[at] - CLOSE)
        if len(rivals) > 1 and not self.exact:
            raise Undefined
        return at

    def argmax(self, rows):
        return [self.best(row) for row in rows]

    @functools.cached_property
    def free(self):
        """Whether no step has a weight."""
        given = (self.transitions, self.start_transitions, self.end_transitions)
        return all(weights is None for weights in given) and not any((self.biases or {}).values())

    def searched(self, row):
        """The row that is searched: a label is no more than `SHORTFALL` below another of its type, unless it is barred."""
        row = np.array(row, float)
        if not self.free:
            return row
        out = row.copy()
        for at, (role, kind) in enumerate(self.tags):
            for value, (other, other_kind) in zip(row, self.tags):
                if "O" in (role, other) or kind != other_kind or not np.isfinite(row[at]):
                    continue
                differs = (role in "BS") != (other in "BS"), (role in "ES") != (other in "ES")
                out[at] = max(out[at], value - SHORTFALL.get(differs, math.inf))
        return out

    def stands_in(self, row, label):
        """Whether a label has another's weight: it stands for another one of its type."""
        gain = self.searched(row)[label] - row[label] if np.isfinite(row[label]) else 0.0
        if 0 < gain < CLOSE and not self.exact:
            raise Undefined
        return gain > 0

    def as_found(self, rows, labels):
        """The rows of the sequences that a path's probability is taken from."""
        return [self.searched(row) if self.stands_in(row, label) else row for row, label in zip(rows, labels)]

    def viterbi(self, rows):
        steps, start, end = self.weights_at_cut()
        labels = self.argmax(rows)
        if self.free and self.is_legal(labels):
            return labels
        rows = [self.searched(row) for row in rows]
        order = self._tie_order()
        score = start + rows[0]
        back = []
        for row in rows[1:]:
            through = score[:, None] + steps
            back.append([self._pick(through[:, label], order(label)) for label in range(len(self.labels))])
            score = through.max(axis=0) + row
        path = [self._pick(score + end, order(None))]
        if (score + end)[path[0]] == -math.inf:
            raise ValueError("no legal label")
        for choices in reversed(back):
            path.append(choices[path[-1]])
        return path[::-1]

    def _pick(self, values, order):
        best = max(values)
        if best == -math.inf:
            return 0
        rivals = [label for label in order if values[label] >= best - (0 if self.exact else CLOSE)]
        if len(rivals) > 1 and not self.exact:
            self.close = True
        return rivals[0]

    def _tie_order(self):
        """For each following label (`None`: the text's end) the labels before it, best liked first."""
        everything = range(len(self.labels))
        if self.by_hand or self.start_transitions is not None or self.end_transitions is not None:
            return lambda _: everything
        first_named = {}
        for role, kind in self.tags:
            first_named.setdefault((role == "O", kind), len(first_named))
        place = lambda label: (ROLES.index(self.tags[label][0]), self._lane(label))  # noqa: E731

        def order(following):
            def liked(label):
                if following is None:
                    return (1, *place(label))
                last, tag = self.tags[label], self.tags[following]
                only_same = last[1] == tag[1] and not allows(self.scheme, (last[0], "a"), (tag[0], "b"))
                return (0 if only_same and "O" not in (last[0], tag[0]) else 1, *place(label))

            return sorted(everything, key=liked)

        return functools.cache(order)

    def _lane(self, label):
        role, kind = self.tags[label]
        if role == "O":
            return [at for at, (other, _) in enumerate(self.tags) if other == "O"].index(label)
        return list(dict.fromkeys(kind for other, kind in self.tags if other != "O")).index(kind)

    def is_legal(self, labels):
        before, behind = ([] if cut else [None] for cut in self.cut)
        tags = [*before, *(self.tags[label] for label in labels), *behind]
        return all(allows(self.scheme, a, b) for a, b in itertools.pairwise(tags)) if labels else True

    # --- labels to runs

    def chunks(self, labels):
        """[first, last excluded, type, whether outside]."""
        tags = [self.tags[label] for label in labels]
        out = []
        for at, tag in enumerate(tags):
            joins = at > 0 and (
                goes_on(tags[at - 1], tag)
                or (
                    self.repair == "keep"
                    and "O" not in (tags[at - 1][0], tag[0])
                    and not allows(self.scheme, tags[at - 1], tag)
                )
            )
            if joins:
                out[-1][1] = at + 1
            else:
                out.append([at, at + 1, tag[1], tag[0] == "O"])
        if self.repair == "discard":
            _, opens, closes = legal(self.scheme)

            def well_formed(chunk):
                first, last, kind, outside = chunk
                behind = first > 0 and tags[first - 1] == (tags[first - 1][0], kind) and tags[first - 1][0] != "O"
                before = last < len(tags) and tags[last][1] == kind and tags[last][0] != "O"
                good_start = (first == 0 and self.cut[0]) or (tags[first][0], behind) in opens
                good_end = (last == len(tags) and self.cut[1]) or (tags[last - 1][0], before) in closes
                return outside or (good_start and good_end)

            out = [chunk for chunk in out if well_formed(chunk)]
        return out

    # --- words

    def words_of(self, tokens, text, has_ids):
        """Which source of words is used, the word number of each token, and the edges of the text's words if they are used."""
        used = self.words
        if used == "auto":
            used = "units" if text is not None else "word_ids" if has_ids else None
        edges = None
        if used in ("units", "unicode"):
            edges = set(unit_edges(text) if used == "units" else word_edges(text))
            seats = [self._seat(token, text, edges) for token in tokens]
            for last, token in itertools.pairwise(tokens):
                if self._dropped_between(last, token, text, edges):
                    edges -= set(range(last.end, token.start + 1))
            for token in tokens:
                edges -= self._dropped_within(token, text, edges)
        numbers = []
        for at, token in enumerate(tokens):
            last = tokens[at - 1] if at else None
            if last is None or used is None:
                same = False
            elif used in ("units", "unicode"):
                a, b = seats[at - 1], seats[at]
                same = a is not None and b is not None and not any(min(a, b) < edge <= max(a, b) for edge in edges)
            elif used == "word_ids":
                same = token.word >= 0 and token.word == last.word
            numbers.append(numbers[-1] if same else len(set(numbers)))
        if used == "units":
            whole = addresses(text, edges)
            numbers, parted = self._parted(tokens, numbers, text, addresses(text, set(unit_edges(text))))
            for start, end in whole:
                edges -= set(range(start + 1, end))
            edges |= parted
        return used, numbers, edges

    def _parted(self, tokens, numbers, text, whole):
        """The word numbers, and the new edges, where the two sides of a joint have two types."""
        words, edges = [[*run] for _, run in itertools.groupby(range(len(tokens)), key=lambda at: numbers[at])], set()

        def around(at):
            """The address around a token."""
            return next((text[a:b] for a, b in whole if a <= tokens[at].start < b), "")

        def joint(at):
            start = tokens[at].start
            inside = not regex.fullmatch(r"[-0-9.()\u2010\u2011]*", around(at))
            return tokens[at].end - start == 1 and start >= 0 and text[start] in PARTING and not inside

        out = []
        for word in words:
            sides = [[*run] for _, run in itertools.groupby(word, key=joint)]
            if sides and joint(sides[0][0]):  # a word that begins with a joint
                sides[:2] = [[*itertools.chain(*sides[:2])]]
            runs = [sides[0]]
            for number in range(1, len(sides), 2):
                left, between, right = sides[number - 1], sides[number], sides[number + 1 : number + 2]
                covered = text[max(tokens[left[0]].start, 0) : max(tokens[left[-1]].end, 0)]
                numeric = around(between[0]) != ""
                long = sum(not c.isspace() for c in covered) > 1
                differ, both = self._differ(tokens, left, right[0]) if right and long else (False, False)
                if differ:
                    if both or not numeric:  # a number is widened to all the same
                        edges |= {tokens[between[0]].start, tokens[between[-1]].end}
                    runs += [between, right[0]]
                else:
                    runs[-1] = [*runs[-1], *between, *itertools.chain(*right)]
            out += runs
        return [number for number, run in enumerate(out) for _ in run], edges

    def _differ(self, tokens, left, right):
        """Whether the tokens of both sides have two types, by the mean of their distributions; and whether both are in."""
        (a, outer), (b, other) = (self._type_of([tokens[at].rows for at in side]) for side in (left, right))
        both = not outer and not other
        if self.aggregation_strategy == "simple" and not both:
            return False, both
        return (a, outer) != (b, other), both

    def _type_of(self, rows):
        sums = {}
        with np.errstate(over="ignore"):
            lowered = np.exp(np.float64(-self.outside_bias))
        for row in rows:
            for p, (role, kind) in zip(np.exp(log_softmax(row)), self.tags):
                sums[(kind, role == "O")] = sums.get((kind, role == "O"), 0.0) + p * (lowered if role == "O" else 1.0)
        best = max(sums, key=sums.get)
        if sum(value >= sums[best] - CLOSE for value in sums.values()) > 1:
            raise Undefined
        return best

    @staticmethod
    def _seat(token, text, edges):
        """The character that decides which word a token belongs to."""
        if token.start == token.end:
            return token.start if 0 <= token.start < len(text) and token.start not in edges else None
        return next((at for at in range(token.start, token.end) if not text[at].isspace()), token.start)

    @staticmethod
    def _dropped_within(token, text, edges):
        """Edges around characters that no tokenizer keeps, in the middle of a word that one token covers."""
        gone = set()
        for found in regex.finditer(
            r"(?<=\S)[\p{Cc}\p{Cf}\uFFFD--\s]+(?=\S)", text[max(token.start, 0) : token.end], regex.V1
        ):
            first, behind = token.start + found.start(), token.start + found.end()
            whole = True
            for at in (first - 1, behind):
                start, end = max(e for e in edges if e <= at), min(e for e in edges if e > at)
                whole &= not UNSPACED.match(text[at]) and any(c.isalnum() for c in text[start:end])
            if whole:
                gone |= set(range(first, behind + 1))
        return gone

    @staticmethod
    def _dropped_between(last, token, text, edges):
        """Whether two tokens of one word id have characters of no token between them, in the middle of a word."""
        if last.word < 0 or last.word != token.word or last.start >= last.end or token.start >= token.end:
            return False
        if last.end >= token.start or any(c.isspace() or LETTER.match(c) for c in text[last.end : token.start]):
            return False
        ends = (last.end - 1, token.start)
        for at in ends:
            start, end = max(e for e in edges if e <= at), min(e for e in edges if e > at)
            if UNSPACED.match(text[at]) or not any(c.isalnum() for c in text[start:end]):
                return False
        return True

    @staticmethod
    def widen(edges, numbers, tokens, span):
        start, end, first, last = span
        if edges is not None:
            return max(e for e in edges if e <= start), min(e for e in edges if e >= end)
        for token, number in zip(tokens, numbers):
            if number in (numbers[first], numbers[last - 1]) and token.start < token.end:
                start, end = min(start, token.start), max(end, token.end)
        return start, end

    def snapped(self, spans, tokens, numbers, edges, text, grow):
        """Entities as dicts with start, end, first, last, kind, outside; widened if they `grow`, none over another."""
        out = []
        clusters = {found.start() for found in regex.finditer(r"\X", text or "")} | {len(text or "")}
        by_text = edges is not None

        def tidy(start, end):
            if self.trim is None or text is None:
                return start, end
            return tidied(text, start, max(start, end))

        for new in spans:
            new["had"] = (new["start"], new["end"])
            if grow and not new["outside"]:
                span = new["start"], new["end"], new["first"], new["last"]
                start, end = self.widen(edges, numbers, tokens, span)
                if text is not None and not by_text:  # marks that the tokenizer dropped
                    before, behind = numbers.index(numbers[new["first"]]) - 1, numbers.index(numbers[new["last"] - 1])
                    while behind < len(numbers) and numbers[behind] == numbers[new["last"] - 1]:
                        behind += 1
                    floor = tokens[before].end if before >= 0 else 0
                    ceiling = tokens[behind].start if behind < len(tokens) else len(text)
                    start = max(max(c for c in clusters if c <= start), min(floor, start))
                    end = min(min(c for c in clusters if c >= end), max(ceiling, end))
                new["start"], new["end"] = tidy(start, end)
            while out and new is not None:
                last = out[-1]
                if new["start"] >= last["end"]:
                    break
                if (new["kind"], new["outside"]) == (last["kind"], last["outside"]):
                    last["had"] = (last["had"][0], max(last["had"][1], new["had"][1]))
                    self._absorb(last, new)
                    new = None
                else:
                    shared = (new["start"], last["end"])
                    count = lambda had: min(had[1], shared[1]) - max(had[0], shared[0])  # noqa: E731, B023
                    more = count(last["had"]) >= count(new["had"])
                    if new["outside"] or (more and not last["outside"]):
                        new["start"], new["end"] = tidy(shared[1], new["end"])
                        if new["start"] >= new["end"]:
                            new = None
                    else:
                        last["start"], last["end"] = tidy(last["start"], shared[0])
                        if last["start"] >= last["end"]:
                            out.pop()
            if new is not None:
                out.append(new)
        return out

    def _absorb(self, last, new):
        last["start"], last["end"] = min(last["start"], new["start"]), max(last["end"], new["end"])
        last["first"], last["last"] = min(last["first"], new["first"]), max(last["last"], new["last"])
        last["pieces"] = last["pieces"] | new["pieces"]
        if self.return_probs and abs(new["score"] - last["score"]) < CLOSE and new["probs"] != last["probs"]:
            raise Undefined
        if new["score"] > last["score"]:
            last["score"], last["probs"] = new["score"], new["probs"]

    def joined(self, spans, text):
        """Pieces of one entity are joined; an outside stretch loses the characters over which others are joined."""
        if self.join is None or text is None:
            return spans
        inner = [span for span in spans if not span["outside"]]
        outer = [span for span in spans if span["outside"]]
        out, gaps = [], []
        for new in inner:
            last = out[-1] if out else None
            run = self.join == "run" and last and one_run(text, last["end"] - 1, new["start"])
            if (
                last is not None
                and last["kind"] == new["kind"]
                and new["start"] >= last["end"]
                and (run or pieces_of_one_thing(text, (last["start"], last["end"]), (new["start"], new["end"])))
            ):
                gaps.append((last["end"], new["start"]))
                self._absorb(last, new)
            else:
                out.append(new)
        if self.join == "run":
            ends = [span["end"] for span in out]
            for a, b in itertools.combinations(range(len(out)), 2):
                if out[a]["kind"] == out[b]["kind"] and one_run(text, ends[a] - 1, out[b]["start"]):
                    for at in range(a, b):
                        gaps.append((ends[at], out[at + 1]["start"]))
                        out[at]["end"] = max(ends[at], out[at + 1]["start"])
        free = [o for o in outer if not any(a <= o["start"] and o["end"] <= b for a, b in gaps)]
        return sorted(out + free, key=lambda span: span["start"]) if outer else out

    def whole(self, spans, tokens, used, numbers, edges, text):
        """Widened and joined; without the pieces of those below their threshold."""

        def widened(found):
            grow = self.snap is not None and used is not None
            shares = any(b["start"] < a["end"] for a, b in itertools.pairwise(found))
            if grow or shares:
                found = self.snapped(found, tokens, numbers, edges, text, grow)
            found = self.joined(found, text)
            if grow or shares or self.join is not None:
                for entity in found:
                    self._reach(entity, tokens, grow=True)
            return found

        return self.passing(spans, widened)

    def passing(self, spans, make):
        """The entities made from pieces, without those below their threshold, which never affect others."""
        while True:
            found = make([dict(span) for span in spans])
            low = [entity for entity in found if not self.passes(entity["score"], entity["kind"])]
            if not low:
                return found
            spans = [
                span
                for span in spans
                if self.passes(span["score"], span["kind"])
                or not any(
                    span["kind"] == entity["kind"]
                    and min(entity["pieces"]) <= min(span["pieces"]) <= max(entity["pieces"])
                    for entity in low
                )
            ]

    @staticmethod
    def _reach(entity, tokens, grow):
        inside = lambda token: token.start < entity["end"] and token.end > entity["start"]  # noqa: E731
        while grow and entity["first"] > 0 and inside(tokens[entity["first"] - 1]):
            entity["first"] -= 1
        while grow and entity["last"] < len(tokens) and inside(tokens[entity["last"]]):
            entity["last"] += 1
        while entity["last"] - entity["first"] > 1 and not inside(tokens[entity["first"]]):
            entity["first"] += 1
        while entity["last"] - entity["first"] > 1 and not inside(tokens[entity["last"] - 1]):
            entity["last"] -= 1

    # --- scores

    def path_probability(self, rows, first, last, kind):
        """The probability, over all sequences, that exactly these rows are an entity of this type."""
        total = self._sum(rows, lambda at, a, b: True, lambda at, label: True)

        def step(at, a, b):  # into row `at`
            on = a is not None and b is not None and goes_on(self.tags[a], self.tags[b])
            return on if first < at < last else not on if at in (first, last) else True

        inner = lambda at, label: not first <= at < last or self.tags[label] in self._members(kind)  # noqa: E731
        return math.exp(self._sum(rows, step, inner) - total) if total > -math.inf else 0.0

    def _members(self, kind):
        return {tag for tag in self.tags if tag[0] != "O" and tag[1] == kind}

    def _sum(self, rows, may_step, may_be):
        """The logarithm of the sum of the weights of all sequences that pass."""
        steps, start, end = self.weights_at_cut()
        count = range(len(self.labels))
        score = np.full(len(self.labels), -np.inf)
        for at, row in enumerate(rows):
            row = row - row.max()
            new = np.full(len(self.labels), -np.inf)
            for b in count:
                if not may_be(at, b):
                    continue
                into = [start[b]] if at == 0 else [score[a] + steps[a][b] for a in count if may_step(at, a, b)]
                new[b] = np.logaddexp.reduce([-np.inf, *into]) + row[b]
            score = new
        return np.logaddexp.reduce(score + end)

    def entity_score(self, rows, labels, items, first, last, kind, outside):
        if self.score == "path" and not outside:
            return self.path_probability(self.as_found(rows, labels), first, last, kind)
        values = []
        for at in range(first, last):
            probs = np.exp(log_softmax(rows[at]))
            role, own = self.tags[labels[at]]
            mixed = len(items[at]) > 1 and not outside and (self.aggregation_strategy == "average" or self.lays_out)
            mixed = mixed or self.stands_in(rows[at], labels[at])
            if own == kind and (role == "O") == outside and not mixed:
                values.append(probs[labels[at]])
            else:
                mine = [p for p, (r, k) in zip(probs, self.tags) if k == kind and r != "O" and not outside]
                values.append(min(1.0, sum(mine)))
        return {"first": values[0], "min": min(values), "max": max(values)}.get(self.score, float(np.mean(values)))

    def passes(self, score, name):
        least = self.threshold.get(name, 0.0) if isinstance(self.threshold, dict) else self.threshold
        if not self.has_thresholds:
            return True
        if least > 0 and abs(score - least) < CLOSE:
            raise Undefined
        return score >= least

    def ignored(self, name, outside):
        """Whether entities of this name are left out; "O" stands for what is outside, not for a type of that name."""
        if outside:
            return name in self.ignore_labels or "O" in self.ignore_labels
        return name != "O" and name in self.ignore_labels

    # --- a text

    def text(self, windows, text=None):
        """Entities as dicts, and the covered characters."""
        self.close = False
        self.has_thresholds = True
        parts = [tokens_of(window, text) for window in windows]
        has_offsets = bool(windows) and windows[0].offsets is not None
        has_ids = bool(windows) and windows[0].words is not None
        if self.window_merge not in ("transformers", "union") or len(parts) < 2:
            found = self._row(stitch(parts, self.window_merge), text, has_offsets, has_ids)
        else:
            alone = [[replace(token, rows=list(token.rows)) for token in part] for part in parts]
            self.has_thresholds = self.window_merge != "union"
            bounds = [_chars(part) for part in parts]
            found = []
            for part, (start, end) in zip(alone, bounds):
                self.cut = (start > min(a for a, _ in bounds), end < max(b for _, b in bounds))
                found += self._row(stitch([part], None), text, has_offsets, has_ids)
            self.cut = (False, False)
            if self.window_merge == "union" and self.aggregation_strategy != "none":
                whole = [[replace(token, rows=list(token.rows)) for token in part] for part in parts]
                found += self._row(stitch(whole, "context"), text, has_offsets, has_ids)
            self.has_thresholds = True
            if self.window_merge == "union":
                found = self._union(found, stitch(parts, "context"), text)
            else:
                tokens = [token for token in stitch(parts, "context") if token.start < token.end]
                found = [self._renumbered(entity, tokens) for entity in _keep_longest(found)]
        if self.close:
            raise Undefined
        covering = [t for part in parts for t in part if t.start < t.end]
        covered = (min(t.start for t in covering), max(t.end for t in covering)) if covering else (-1, -1)
        return found, covered

    def window(self, window, text, before, behind):
        """The entities of one window of a text that goes on before it or behind it."""
        self.close, self.has_thresholds, self.cut = False, True, (before, behind)
        found = self._row(stitch([tokens_of(window, text)], None), text, True, window.words is not None)
        self.cut = (False, False)
        if self.close:
            raise Undefined
        return found

    def _row(self, tokens, text, has_offsets, has_ids):
        text = text if has_offsets else None
        if has_offsets and self.aggregation_strategy != "none":
            tokens = with_spaces(tokens, text, self._begins)
        if not tokens:
            return []
        joins = self.aggregation_strategy in ("first", "average", "max")
        used, numbers, edges = None, list(range(len(tokens))), None
        if joins or (self.snap is not None and self.aggregation_strategy != "none"):
            used, numbers, edges = self.words_of(tokens, text, has_ids)
        items = [[at] for at in range(len(tokens))]
        if joins:
            items = [[at for at, _ in run] for _, run in itertools.groupby(enumerate(numbers), key=lambda x: x[1])]
        rows = [self._biased(self._item_row([tokens[at].rows for at in item])) for item in items]
        labels = self.argmax(rows) if self.decode == "argmax" else self.viterbi(rows)
        if self.aggregation_strategy == "none":
            return self._each(tokens, rows, labels)
        spans = []
        for first, last, kind, outside in self.chunks(labels):
            if self.ignored(kind, outside):
                continue
            span = {"first": items[first][0], "last": items[last - 1][-1] + 1, "kind": kind, "outside": outside}
            own = [t for t in tokens[span["first"] : span["last"]] if t.start < t.end]
            if has_offsets and not own:
                continue
            span["start"] = min((t.start for t in own), default=-1)
            span["end"] = max((t.end for t in own), default=-1)
            if self.trim is not None and text is not None:
                span["start"], span["end"] = tidied(text, span["start"], span["end"])
                if span["start"] >= span["end"]:
                    continue
                self._reach(span, tokens, grow=False)
            spans.append(span)
            # The path has the entity as it was found, with white space at its ends.
            span["chunk"] = (first, last)
        item_of = {at: number for number, item in enumerate(items) for at in item}
        for number, span in enumerate(spans):
            first, last = item_of[span["first"]], item_of[span["last"] - 1] + 1
            scored = span["chunk"] if self.score == "path" else (first, last)
            span["score"] = self.entity_score(rows, labels, items, *scored, span["kind"], span["outside"])
            span["probs"] = self._distribution(rows[first:last])
            span["pieces"] = {number}
        if has_offsets:
            spans = self.whole(spans, tokens, used, numbers, edges, text)
        else:
            spans = [span for span in spans if self.passes(span["score"], span["kind"])]
        return [self._entity(span, tokens, span["score"], span["probs"]) for span in spans]

    def _begins(self, token, following, known):
        """Whether it is labelled as an entity's, and if it is not known to be of one word with the next, that one goes on."""
        first, second = (self.tags[label] for label in self.argmax([token.rows, following.rows]))
        return first[0] != "O" and (known or (first[1] == second[1] and second[0] in ("I", "E")))

    def _place(self, span, tokens):
        """Sets the first and the last token of the characters of `span`."""
        covering = sorted((t.end, at) for at, t in enumerate(tokens))
        span["first"] = next((at for end, at in covering if end > span["start"]), covering[-1][1])
        span["last"] = span["first"] + 1
        self._reach(span, tokens, grow=True)

    def _renumbered(self, entity, tokens):
        """Numbers the entities by the tokens of one window that holds the whole text."""
        if self.aggregation_strategy == "none" or entity["start"] == entity["end"]:
            return entity
        span = {"start": entity["start"], "end": entity["end"], "kind": entity["name"], "outside": False}
        self._place(span, tokens)
        placed = self._entity(span, tokens, entity["score"], entity["probs"])
        return {**entity, "tokens": placed["tokens"], "words": placed["words"]}

    def _biased(self, row):
        lowered = np.array([self.outside_bias if role == "O" else 0.0 for role, _ in self.tags])
        return np.asarray(row, np.float64) - lowered

    def _union(self, found, tokens, text):
        """Each character goes to the longest of the entities that have it, one of each type."""
        outer = self.tags if self.aggregation_strategy == "none" else self.kinds
        outside = {
            name: (tag[0] == "O" if self.aggregation_strategy == "none" else tag[1])
            for name, tag in zip(
                self.labels if self.aggregation_strategy == "none" else [kind for kind, _ in self.kinds], outer
            )
        }
        order = self.labels if self.aggregation_strategy == "none" else [kind for kind, _ in self.kinds]
        spans = []
        for new in sorted(found, key=lambda e: (order.index(e["name"]), e["start"])):
            if new["start"] == new["end"]:
                continue
            new = {**new, "kind": new["name"], "outside": outside[new["name"]], "pieces": set(), "first": 0, "last": 1}
            if spans and spans[-1]["kind"] == new["kind"] and new["start"] < spans[-1]["end"]:
                self._absorb(spans[-1], new)
            else:
                spans.append(new)
        for number, span in enumerate(spans):
            span["pieces"] = {number}
        out = self.passing(spans, lambda spans: self._shared(spans, text))
        tokens = [token for token in tokens if token.start < token.end]
        for span in out:
            self._place(span, tokens)
        return [self._entity(span, tokens, span["score"], span["probs"]) for span in out]

    def _shared(self, spans, text):
        """Each character given to one entity, and pieces of one thing joined."""
        spans.sort(key=lambda e: (e["outside"], e["start"] - e["end"], -e["score"], e["start"]))
        for a, b in itertools.combinations(spans, 2):
            same = a["end"] - a["start"] == b["end"] - b["start"] and a["outside"] == b["outside"]
            if same and a["start"] < b["end"] and b["start"] < a["end"] and abs(a["score"] - b["score"]) < CLOSE:
                raise Undefined
        taken, out = set(), []
        for span in spans:
            free = [at for at in range(span["start"], span["end"]) if at not in taken]
            taken |= set(free)
            for _, run in itertools.groupby(enumerate(free), key=lambda pair: pair[1] - pair[0]):
                chars = [at for _, at in run]
                out.append({**span, "start": chars[0], "end": chars[-1] + 1})
        out.sort(key=lambda e: e["start"])
        if self.aggregation_strategy != "none" and text is not None:
            if self.trim is not None:
                for span in out:
                    span["start"], span["end"] = tidied(text, span["start"], span["end"])
                out = [span for span in out if span["start"] < span["end"]]
            out = self.joined(out, text)
        return out

    def _item_row(self, rows):
        if len(rows) == 1 or (self.aggregation_strategy == "first" and not self.lays_out):
            return rows[0]
        probs = np.exp([log_softmax(row) for row in rows])
        return self._word_row(probs)

    def _word_row(self, probs):
        """The type as the tokens' mean or the most certain one has it; where an entity begins and ends as the first and
        the last token say."""
        kinds = [(role == "O", kind) for role, kind in self.tags]
        of = lambda row, kind: sum(p for p, own in zip(row, kinds) if own == kind)  # noqa: E731
        if self.aggregation_strategy == "first":
            decides = probs[0]
        elif self.aggregation_strategy == "average":
            decides = probs.mean(axis=0)
        else:
            tops = [max(of(row, kind) for kind in set(kinds)) for row in probs]
            at = int(np.argmax(tops))
            if any(
                i != at and tops[i] >= tops[at] - CLOSE and not np.array_equal(probs[i], probs[at])
                for i in range(len(tops))
            ):
                raise Undefined
            decides = probs[at]
        fits = []
        for (role, _), kind in zip(self.tags, kinds):
            fit = 1.0
            for row, letters in ((probs[0], "BS"), (probs[-1], "ES")):
                whole = of(row, kind)
                part = sum(p for p, own, (r, _) in zip(row, kinds, self.tags) if own == kind and r in letters)
                share = min(part / whole, 1.0) if whole > 0 else 0.5
                fit *= 1.0 if role == "O" else share if role in letters else 1 - share
            fits.append(fit)
        out = []
        for fit, kind in zip(fits, kinds):
            whole = sum(other for other, own in zip(fits, kinds) if own == kind)
            out.append(of(decides, kind) * (fit / whole if whole > 0 else 1.0))
        if self.aggregation_strategy == "average":  # half of it as the first and last token say, half as all say
            out = [(placed + mean) / 2 for placed, mean in zip(out, decides)]
        with np.errstate(divide="ignore"):
            row = np.log(out)
        if np.sum(row >= row.max() - CLOSE) > 1:
            raise Undefined
        return row

    def _distribution(self, rows):
        mean = np.exp([log_softmax(row) for row in rows]).mean(axis=0)
        return [
            float(sum(p for p, (r, k) in zip(mean, self.tags) if k == kind and (r == "O") == outside))
            for kind, outside in self.kinds
        ]

    def _entity(self, span, tokens, score, probs):
        own = tokens[span["first"] : span["last"]]
        words = [token.word for token in own if token.word >= 0]
        return {
            "name": span["kind"], "start": span["start"], "end": span["end"], "score": score,
            "tokens": (own[0].index, own[-1].index + 1),
            "words": (min(words), max(words) + 1) if words else (-1, -1),
            "probs": probs if self.return_probs else None,
        }  # fmt: skip

    def marginal(self, rows, place, label):
        """The probability, over all sequences, that this row has this label."""
        total = self._sum(rows, lambda at, a, b: True, lambda at, label: True)
        having = self._sum(rows, lambda at, a, b: True, lambda at, other: at != place or other == label)
        return math.exp(having - total) if total > -math.inf else 0.0

    def _each(self, tokens, rows, labels):
        out = []
        for at, (token, row, label) in enumerate(zip(tokens, rows, labels)):
            probs = np.exp(log_softmax(row))
            name, outside = self.labels[label], self.tags[label][0] == "O"
            if self.ignored(name, outside):
                continue
            if self.score == "path":
                score = self.marginal(self.as_found(rows, labels), at, label)
            elif self.stands_in(row, label):
                score = min(
                    1.0, sum(p for p, tag in zip(probs, self.tags) if tag in self._members(self.tags[label][1]))
                )
            else:
                score = probs[label]
            if self.passes(score, name):
                span = {"first": at, "last": at + 1, "kind": name, "start": token.start, "end": token.end}
                out.append(self._entity(span, tokens, score, probs.tolist()))
        return out


def _keep_longest(entities):
    """The longer one of overlapping entities, by transformers' comparison."""
    out = []
    for new in sorted(entities, key=lambda entity: entity["start"]):
        last = out[-1] if out else None
        if last is None or not last["start"] <= new["start"] < last["end"]:
            out.append(new)
            continue
        lengths = [entity["end"] - entity["start"] for entity in (new, last)]
        if lengths[0] == lengths[1] and abs(new["score"] - last["score"]) < CLOSE and new != last:
            raise Undefined
        if lengths[0] > lengths[1] or (lengths[0] == lengths[1] and new["score"] > last["score"]):
            out[-1] = new
    return out
