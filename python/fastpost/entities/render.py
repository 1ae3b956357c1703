"""`render`: entities in the colours of their labels, as one piece of HTML for a notebook or a page."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import counted, listed, shown, with_article
from fastpost._inputs.labels import not_an_entity, unequal_lists
from fastpost.entities.marks import (
    LANES,
    STYLE,
    Span,
    choose_colors,
    direction_of,
    draw_ground,
    draw_heading,
    draw_key,
    draw_tag,
    escape_text,
    is_long,
    place_lanes,
    wrap_blocks,
)
from fastpost.entities.pairs import draw_pairs
from fastpost.exceptions import refuse

__all__ = ["render"]


def render(
    text: str | Sequence[str],
    entities: Any,
    *,
    other: Any = None,
    names: tuple[str, str] = ("first", "second"),
    title: str | None = None,
    captions: Sequence[str] | None = None,
) -> str:
    """Draws texts with their entities in colour, as one piece of HTML that needs nothing else.

    Each entity has the colour of its label behind it, a bar of its own below it, so that entities that overlap can
    be told apart, and a tag with label and score after it. Tags are not selected with the text: what is copied is
    the text itself. Screen readers hear "entity", its text, label and score. The page is read right to left where the
    text is, and follows the reader's choice of light or dark.

    Args:
        text: the text, or a list of texts.
        entities: its entities, as transformers gives them: dicts with `start`, `end`, `entity_group` or `entity` (or
            `label`) and, if there is one, `score`; or an `Entities`. Of several texts, a list of such lists, or the
            `Entities` of all.
        other: a second result to compare with, in the same form. Each text then stands there twice, character below
            character: above with `entities`, below with `other`. An entity that both have (same place, same label) is
            outlined, one that only `entities` has is hatched, one that only `other` has is filled. What a reader copies
            is the text, once.
        names: what the two results are called.
        title: what stands above.
        captions: what stands above each text, such as its number.

    Returns:
        HTML for a notebook (`IPython.display.HTML`) or to be written into a page. Everything in it is escaped.

    Raises:
        TypeError: if an entity is not a dict or has a place that is not an integer.
        ValueError: if an entity has no label or lies outside its text, or there are not as many lists or captions as
            texts.
    """
    texts = [text] if isinstance(text, str) else list(text)
    for number, one in enumerate(texts):
        if not isinstance(one, str):
            told = f"`text[{number}]` is of type {type(one).__name__}; pass a str"
            raise refuse(TypeError, told, argument="text")
    if captions is not None and len(captions) != len(texts):
        raise refuse(
            ValueError,
            f"`captions` has {counted(len(captions), 'item')} for {counted(len(texts), 'text')}; pass one for each text",
            argument="captions",
        )
    for name, given in (("title", () if title is None else (title,)), ("captions", captions or ())):
        for one in given:
            if not isinstance(one, str):
                raise refuse(
                    TypeError,
                    f"`{name}` holds {_bounds.shown(one)}, {with_article(type(one).__name__)}; pass str",
                    argument=name,
                )
    first = read_spans("entities", entities, texts, isinstance(text, str))
    if other is None:
        return _page(texts, first, title, captions)
    second = read_spans("other", other, texts, isinstance(text, str))
    if len(names) != 2:
        raise refuse(
            ValueError, f"`names` has {counted(len(names), 'item')}; pass two, one for each result", argument="names"
        )
    return draw_pairs(texts, first, second, names, title=title, captions=captions)


def read_spans(name: str, entities: Any, texts: list[str], single: bool = False) -> list[list[Span]]:
    """The entities of each text, checked."""
    lists = entities.to_dicts() if hasattr(entities, "to_dicts") else [entities] if single else list(entities)
    if len(lists) != len(texts):
        raise unequal_lists(name, lists, len(texts))
    return [
        [
            _span(f"{name}[{index}]" if single else f"{name}[{number}][{index}]", entity, text)
            for index, entity in enumerate(found)
        ]
        for number, (found, text) in enumerate(zip(lists, texts))
    ]


def _span(name: str, entity: Any, text: str) -> Span:
    if not isinstance(entity, Mapping):
        raise not_an_entity(name, entity, "dicts as transformers gives them")
    label = next((entity[key] for key in ("entity_group", "entity", "label") if entity.get(key) is not None), None)
    if label is None:
        raise refuse(
            ValueError, f"`{name}` has no `entity_group`, `entity` or `label`; it has {listed(entity)}", argument=name
        )
    places = []
    for key in ("start", "end"):
        value = entity.get(key)
        if value is None:
            raise refuse(
                ValueError,
                f"`{name}` has no `{key}`; only entities with offsets can be shown in their text",
                argument=name,
            )
        try:
            places.append(operator.index(value))
        except TypeError:
            raise refuse(
                TypeError,
                f"`{name}` has the {key} {shown(value)}; pass an int, in characters of the text",
                argument=name,
            ) from None
    start, end = places
    if not 0 <= start <= end <= len(text):
        raise refuse(
            ValueError,
            f"`{name}` covers characters {start} to {end}, but its text has {len(text)}; pass the text it was found in",
            argument=name,
        )
    score = entity.get("score")
    try:
        return Span(start, end, str(label), None if score is None else float(score))
    except (TypeError, ValueError):
        raise refuse(TypeError, f"`{name}` has the score {shown(score)}; pass a number", argument=name) from None


def _page(texts: list[str], spans: list[list[Span]], title: str | None, captions: Sequence[str] | None) -> str:
    labels = Counter(span.label for found in spans for span in found)
    colors = choose_colors(labels)
    number = sum(labels.values())
    keys = (
        draw_key(f"<bdi>{escape_text(label)}</bdi> {count}", f"--t:var(--t{colors[label]});--s:var(--s{colors[label]})")
        for label, count in sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    )
    head = draw_heading(title, f"{number} {'entity' if number == 1 else 'entities'}", keys)
    blocks = [
        f'<div class="fp-text" dir="auto">{_marked(text, found, colors)}</div>' for text, found in zip(texts, spans)
    ]
    return wrap_blocks(head, blocks, captions, colors)


def _marked(text: str, spans: list[Span], colors: dict[str, int]) -> str:
    """The text, cut wherever an entity begins or ends; each piece shows all entities that it is part of."""
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    lanes = place_lanes(ordered)
    opening = {at: list(group) for at, group in groupby(ordered, key=lambda span: span.start)}
    closing: dict[int, list[Span]] = {}
    for span in sorted(ordered, key=lambda span: span.end):
        closing.setdefault(span.end, []).append(span)
    lane_of = {id(span): lane for span, lane in zip(ordered, lanes)}
    cuts = sorted({0, len(text), *opening, *closing})
    pieces: list[str] = []
    bars: dict[int, Span] = {}  # the open ones in the first lanes; the others get no bar
    more: dict[int, Span] = {}
    kept = False
    direction = direction_of(text)
    for at, end in zip(cuts, [*cuts[1:], len(text)]):
        ended = [span for span in closing.get(at, []) if span.start < at]
        if ended:
            pieces += [*(draw_tag(span, colors[span.label]) for span in ended), "</span>" * kept]
        for span in ended:
            lane = lane_of[id(span)]
            (bars if lane < LANES else more).pop(lane, None)
        begun = opening.get(at, [])
        pieces += ['<span class="fp-sr">entity: </span>' for _ in begun]
        pieces += [draw_tag(span, colors[span.label]) for span in begun if span.end == at]
        for span in begun:
            if span.end > at:
                lane = lane_of[id(span)]
                (bars if lane < LANES else more)[lane] = span
        if at == end:
            continue
        if not bars and not more:
            pieces.append(escape_text(text[at:end]))
            continue
        drawn = bars or {LANES: next(iter(more.values()))}
        ground = draw_ground([(lane, span, colors[span.label]) for lane, span in drawn.items()])
        ends = [span for span in closing.get(end, []) if span.start < end]
        cut = _tail(text, at, end) if ends and not any(is_long(span.label) for span in ends) else None
        kept = cut is not None
        edge = " fp-open" * any(span.end > at for span in begun)
        if cut is not None:
            if cut > at:
                pieces.append(f'<mark class="fp-piece{edge}" style="{ground}">{escape_text(text[at:cut])}</mark>')
                edge = ""
            # A tag has the direction of its entity; otherwise it would stand at the wrong end of words in another
            # direction.
            side = direction_of(text[end - 1 : at - 1 if at else None : -1] if not text.isascii() else "")
            turned = f" fp-{side.lower()}" if side != direction else ""
            pieces.append(f'<span class="fp-keep{turned}">')
        edge += " fp-close" * bool(ends)
        shown = escape_text(text[at if cut is None else cut : end])
        pieces.append(f'<mark class="fp-piece{edge}" style="{ground}">{shown}</mark>')
    return "".join(pieces)


_KEPT = 16
"""The most letters of a word that stay on the line of its tag on any screen; of a longer word, the last ones do."""


def _tail(text: str, start: int, end: int) -> int | None:
    """Where the last letters of `text[start:end]` begin, which stay on the line of the tag; None where no cut is safe."""
    cut = start + max(map(text[start:end].rfind, " \t\n\r\xa0"), default=-1) + 1
    if end - cut <= _KEPT:
        return cut
    # No cut may lie between letters that a browser joins, or between two characters that are one sign.
    places = range(end - _KEPT // 2, end - _KEPT, -1)
    return next((place for place in places if text[place - 1 : place + 1].isascii()), None)


SHOWN_TEXTS = 10
SHOWN_ROWS = 50
SHOWN_CHARACTERS = 50_000
SHOWN_LETTERS = 500


def notebook_view(dicts: Sequence[Sequence[Any]], texts: list[str] | None) -> str:
    """What a notebook shows of a result: its first texts in colour, or a table where there are no texts."""
    head = f"{len(dicts)} {'text' if len(dicts) == 1 else 'texts'}"
    if texts is None:
        return _table(dicts, head)
    shown = 0
    size = 0
    while shown < min(SHOWN_TEXTS, len(texts)) and (not shown or size + len(texts[shown]) <= SHOWN_CHARACTERS):
        size += len(texts[shown])
        shown += 1
    more = f", of which {shown} are shown" if shown < len(texts) else ""
    captions = [f"text {number}" for number in range(shown)] if len(texts) > 1 else None
    return render(texts[:shown], dicts[:shown], title=head + more, captions=captions)


def _table(dicts: Sequence[Sequence[Any]], head: str) -> str:
    rows = [
        (number, entity.get("entity_group", entity.get("entity")), entity["score"], entity["word"] or "")
        for number, found in enumerate(dicts)
        for entity in found
    ]
    return notebook_table(
        head, counted(len(rows), "entity", "entities"), ("text", "label", "score", "word"), rows[:SHOWN_ROWS], len(rows)
    )


def notebook_table(head: str, what: str, names: Sequence[str], rows: Sequence[Sequence[Any]], count: int) -> str:
    """The first rows of `count` as a table: numbers stand at the right, texts are cut and keep their direction."""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    more = f", of which {len(rows)} are shown" if len(rows) < count else ""
    columns = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        f'<div class="fastpost"><style>{STYLE}</style><div class="fp-head"><b>{head}</b> &middot; {what}{more}</div>'
        f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, str):
        shown = value if len(value) <= SHOWN_LETTERS else f"{value[:SHOWN_LETTERS]}\N{HORIZONTAL ELLIPSIS}"
        return f"<td><bdi>{escape_text(shown)}</bdi></td>"
    return (
        f'<td class="fp-number">{value:.4f}</td>' if isinstance(value, float) else f'<td class="fp-number">{value}</td>'
    )
