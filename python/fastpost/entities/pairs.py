"""Two results of the same texts on a page: each text twice, the first result above, the second below, aligned.

A text is cut into cells at white space. A cell holds its characters twice, one above the other, and above and below
them the tags of the entities that begin in it. Cells stand side by side as words do and go to the next line as words
do, so that both lines break at the same place, and a tag, which is often wider than its word, moves both.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from fastpost._inputs.bounds import counted
from fastpost.entities.marks import (
    RIGHT,
    Span,
    choose_colors,
    direction_of,
    draw_ground,
    draw_heading,
    draw_key,
    draw_tag,
    escape_text,
    place_lanes,
    wrap_blocks,
)

__all__ = ["count_sides", "draw_pairs"]

Pair = tuple[list[Span], list[Span]]


def draw_pairs(
    texts: Sequence[str],
    first: Sequence[list[Span]],
    second: Sequence[list[Span]],
    names: tuple[str, str],
    *,
    title: str | None = None,
    captions: Sequence[str] | None = None,
    count: str | None = None,
) -> str:
    """The fragment for two results.

    Args:
        texts: the texts.
        first, second: the entities of each text in the two results.
        names: what these are called.
        title: what stands above all.
        captions: what stands above each text.
        count: the counts in words for all texts, if these are only some of them; default: the counts of these.
    """
    pairs = [_told_apart(*pair) for pair in zip(first, second, strict=True)]
    colors = choose_colors(span.label for pair in pairs for spans in pair for span in spans)
    if count is None:
        count = _say_sides(_count(pairs), names)
    head = draw_heading(title, escape_text(count), _keys(colors, names))
    blocks = [_block(text, pair, colors, names) for text, pair in zip(texts, pairs, strict=True)]
    return wrap_blocks(head, blocks, captions, colors)


def count_sides(
    first: Iterable[Sequence[tuple[int, int, str]]],
    second: Iterable[Sequence[tuple[int, int, str]]],
    names: tuple[str, str],
) -> str:
    """In words, how many entities both results have, and how many each has alone, as on a page that shows all texts.

    Args:
        first, second: start, end and label of the entities of each text.
        names: what the two results are called.
    """
    pairs = (
        _told_apart([Span(*one, None) for one in above], [Span(*one, None) for one in below])
        for above, below in zip(first, second, strict=True)
    )
    return _say_sides(_count(pairs), names)


def _told_apart(first: list[Span], second: list[Span]) -> Pair:
    """The entities of two results, each with its side: an entity is on both sides if place and label are the same."""
    shared = Counter(map(_key, first)) & Counter(map(_key, second))
    made: list[list[Span]] = []
    for spans, alone in ((first, "-"), (second, "+")):
        left = shared.copy()
        sided = []
        for span in spans:
            both = left[_key(span)] > 0
            left[_key(span)] -= both
            sided.append(Span(span.start, span.end, span.label, span.score, "=" if both else alone))
        made.append(sided)
    return made[0], made[1]


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label


def _count(pairs: Iterable[Pair]) -> Counter[str]:
    """Entities by side; an entity that both have counts once."""
    sides: Counter[str] = Counter()
    for first, second in pairs:
        sides.update(span.side for span in first)
        sides.update(span.side for span in second if span.side == "+")
    return sides


def _say_sides(sides: Counter[str], names: tuple[str, str]) -> str:
    entities = counted(sides["="], "entity", "entities")
    return f"{entities} in both, {sides['-']:,} only in {names[0]}, {sides['+']:,} only in {names[1]}"


def _keys(colors: dict[str, int], names: tuple[str, str]) -> Iterator[str]:
    """The meaning of the marks, then the labels; empty if there is no entity."""
    if not colors:
        return
    above, below = (f"<bdi>{escape_text(name)}</bdi>" for name in names)
    ink = "--s:currentColor;--t:transparent"
    yield draw_key("in both", ink, " fp-outline")
    yield draw_key(f"only in {above}", ink, " fp-hatch")
    yield draw_key(f"only in {below}", ink, " fp-fill")
    for label, color in sorted(colors.items()):
        yield draw_key(f"<bdi>{escape_text(label)}</bdi>", f"--t:var(--t{color});--s:var(--s{color})")


def _block(text: str, pair: Pair, colors: dict[str, int], names: tuple[str, str]) -> str:
    """Both lines of one text."""
    lines = [_Line(spans, colors) for spans in pair]
    name, other = map(escape_text, names)
    breaks = [found.end() for found in re.finditer("\n", text)]
    tagged = _tagged(breaks, [*pair[0], *pair[1]])
    parts = [
        f'<span class="fp-sr">{_spoken(text, pair, names)}</span>',
        f'<span class="fp-cell{_BARE * (0 not in tagged)} fp-names" aria-hidden="true"><span class="fp-tags"></span>'
        f'<span>{name}</span><span>{other}</span><span class="fp-tags"></span></span>',
    ]
    for start, end in _cells(text, [*pair[0], *pair[1]]):
        (above, first), (below, second) = (line.draw(text, start, end) for line in lines)
        bare = _BARE * (bisect_right(breaks, start) not in tagged)
        bare += " fp-blank" * bool(bare and text[start:end].isspace())
        parts.append(
            f'<span class="fp-cell{bare}"><span class="fp-tags" aria-hidden="true">{above}</span>'
            f'<span class="fp-first" aria-hidden="true">{first}</span><span class="fp-second">{second}</span>'
            f'<span class="fp-tags" aria-hidden="true">{below}</span></span>'
        )
        if text[end - 1 : end] == "\n":
            parts.append('<span class="fp-break"></span>')
    # A browser can't find the direction of the text from cells.
    side = {"L": "ltr", "R": "rtl"}[direction_of(text)]
    return f'<div class="fp-pair" dir="{side}">{"".join(parts)}</div>'


_BARE = " fp-bare"
"""A cell of a line without a tag, which needs no room for them."""


def _tagged(breaks: list[int], spans: Iterable[Span]) -> set[int]:
    """The lines of a text that entities of either side touch, by their numbers; `breaks` are the places behind line ends."""
    found: set[int] = set()
    for span in spans:
        found.update(range(bisect_right(breaks, span.start), bisect_right(breaks, max(span.start, span.end - 1)) + 1))
    return found


def _spoken(text: str, pair: Pair, names: tuple[str, str]) -> str:
    """What a screen reader says before a text: whose entities are whose."""
    said = []
    for spans, side, where in (
        (pair[0], "=", "in both"),
        (pair[0], "-", f"only in {names[0]}"),
        (pair[1], "+", f"only in {names[1]}"),
    ):
        found = [f"{span.label} {text[span.start : span.end]}" for span in spans if span.side == side]
        if found:
            said.append(f"{where}: {', '.join(found)}")
    return escape_text("; ".join(said) + ". " if said else "")


class _Line:
    """One of the two lines of a text; its cells are drawn in order."""

    def __init__(self, spans: list[Span], colors: dict[str, int]) -> None:
        ordered = sorted(spans, key=lambda span: (span.start, -span.end))
        self._spans = [
            (lane, span, colors[span.label]) for lane, span in zip(place_lanes(ordered), ordered, strict=True)
        ]
        self._next = 0
        self._open: list[tuple[int, Span, int]] = []

    def draw(self, text: str, start: int, end: int) -> tuple[str, str]:
        """The tags of the entities that begin in a cell, and its characters."""
        tags = []
        while self._next < len(self._spans):
            one = self._spans[self._next]
            if one[1].start >= end and end < len(text):  # an empty one may stand after all characters
                break
            tags.append(draw_tag(one[1], one[2]))
            self._open.append(one)
            self._next += 1
        marked = self._marked(text, start, end)
        self._open = [one for one in self._open if one[1].end > end]
        return "".join(tags), marked

    def _marked(self, text: str, start: int, end: int) -> str:
        """The characters of a cell, cut wherever an entity begins or ends."""
        edges = {edge for _, span, _ in self._open for edge in (span.start, span.end) if start < edge < end}
        pieces = []
        for at, until in pairwise(sorted({start, end, *edges})):
            over = [one for one in self._open if one[1].start <= at and one[1].end >= until]
            shown = escape_text(text[at:until])
            if over:
                _, top, color = min(over, key=lambda one: one[0])
                side = {"=": " fp-both", "-": " fp-only"}.get(top.side, "")
                side += " fp-open" * (top.start == at) + " fp-close" * (top.end == until)
                style = f"--s:var(--s{color});{draw_ground(over)}"
                shown = f'<mark class="fp-piece{side}" style="{style}">{shown}</mark>'
            pieces.append(shown)
        return "".join(pieces)


_WIDEST = 24
"""The most characters of a cell, so that two fit the screen of a telephone."""
_WORD = re.compile(r"\S+[^\S\n]*\n?|[^\S\n]+\n?|\n")


def _cells(text: str, spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Where a text is cut: after white space, but not in an entity that fits a cell, or a run against its direction."""
    spans = list(spans)
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    places = _places(spans)
    against = _AGAINST[direction_of(text)]
    cells: list[tuple[int, int]] = []
    turned = False
    for word in _WORD.finditer(text):
        start, end = word.span()
        before, turned = turned, any(unicodedata.bidirectional(char) in against for char in word[0])
        if cells and len(text[cells[-1][0] : end].rstrip()) <= _WIDEST and text[start - 1] != "\n":
            at = bisect_left(places, (start,)) - 1
            if (before and turned) or (at >= 0 and places[at][1] > start):
                cells[-1] = cells[-1][0], end
                continue
        cells.extend(_pieces(text, start, end, edges))
    return cells or [(0, 0)]


def _places(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Runs of characters that entities of either side cover, each of which overlaps the one before it."""
    places: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in spans):
        if places and start < places[-1][1]:
            places[-1] = places[-1][0], max(end, places[-1][1])
        else:
            places.append((start, end))
    return places


_AGAINST = {"L": RIGHT, "R": ("L",)}


def _pieces(text: str, start: int, end: int, edges: list[int]) -> Iterator[tuple[int, int]]:
    """A word, or the parts of one that is too long for a cell, such as a web address or a sentence in Chinese.

    A mark or two behind a word, such as a comma, stay with it: alone they would look like words of their own.
    """
    marks = _MARKS.search(text, start, end)
    last = end if marks is None else marks.start()
    while len(text[start:last].rstrip()) > _WIDEST:
        nearest = bisect_right(edges, start + _WIDEST) - 1
        cut = edges[nearest] if nearest >= 0 and edges[nearest] > start else start + _WIDEST
        while cut < end and _joined(text[cut - 1], text[cut]):
            cut += 1
        yield start, cut
        start = cut
    if start < end:
        yield start, end


_MARKS = re.compile(r"[^\w\s]{1,2}\s*\Z")
_ZERO_WIDTH_JOINER = "\u200d"


def _joined(before: str, after: str) -> bool:
    """Whether two characters are shown as one, so that a cut between them would change both."""
    return bool(unicodedata.combining(after)) or _ZERO_WIDTH_JOINER in (before, after) or after in "\ufe0e\ufe0f"
