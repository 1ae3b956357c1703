"""`render`: entities in the colours of their labels, as one piece of HTML for a notebook or a page."""

from __future__ import annotations

import html
import math
import operator
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fastpost._inputs import bounds as _bounds
from fastpost._inputs.bounds import listed, shown

__all__ = ["render"]

# Tint behind text and colour of bars and tags, on light and on dark. Text on them has a contrast of 4.5 or more (WCAG AA).
PALETTE = (
    ("#cce4fe", "#065da0", "#1a3f63", "#9cccff"),
    ("#c6edcd", "#046e30", "#1b4827", "#98daa5"),
    ("#ffd7cf", "#96372b", "#5e2c25", "#ffb1a3"),
    ("#e6dafe", "#674698", "#43335e", "#d1b9fe"),
    ("#ede2b5", "#6c5901", "#493c01", "#dbc77a"),
    ("#b3eef1", "#08686c", "#00464a", "#6fdbe1"),
    ("#ffd3e6", "#8e3665", "#5a2b43", "#f9add0"),
    ("#d8e9be", "#4c6500", "#344412", "#b8d38b"),
    ("#d9e0fe", "#4751a2", "#323964", "#b7c4fe"),
    ("#ffd9c0", "#8b4501", "#5b3111", "#fab688"),
    ("#b8efdf", "#026b58", "#02483b", "#7bddc4"),
    ("#f6d4f8", "#7e3d82", "#512e53", "#e9b1eb"),
)
INK = ("#1f2328", "#e6e9ee")
PAPER = ("#ffffff", "#16191f")
QUIET = ("#59636e", "#a3adb9")
TAG_INK = ("#ffffff", "#12151a")
RULE = ("#d5dae0", "#3a414b")


def _both(pair: Sequence[str]) -> str:
    return f"light-dark({pair[0]},{pair[1]})"


# A browser older than light-dark() keeps what stands before it, and has one colour for all marks.
STYLE = f"""
.fastpost{{color-scheme:light dark;color:{INK[0]};color:{_both(INK)};background:{PAPER[0]};background:{_both(PAPER)};
font:15px/1.5 system-ui,sans-serif;border-radius:8px;padding:12px 16px;margin:8px 0;text-align:start;overflow-wrap:anywhere}}
body[data-jp-theme-light="true"] .fastpost,.vscode-light .fastpost,[data-theme="light"] .fastpost{{color-scheme:light}}
body[data-jp-theme-light="false"] .fastpost,.vscode-dark .fastpost,[data-theme="dark"] .fastpost{{color-scheme:dark}}
.fastpost .fp-head{{color:{QUIET[0]};color:{_both(QUIET)};font-size:13px;margin:0 0 8px}}
.fastpost .fp-head b{{color:{INK[0]};color:{_both(INK)}}}
.fastpost ul{{display:inline;list-style:none;margin:0 0 0 12px;padding:0}}
.fastpost li{{display:inline-block;margin:0 12px 0 0}}
.fastpost .fp-key{{display:inline-block;width:12px;height:12px;border-radius:3px;margin-inline-end:5px;vertical-align:-1px;
background:var(--t);border-bottom:3px solid var(--s);box-sizing:border-box}}
.fastpost .fp-text{{white-space:pre-wrap;unicode-bidi:plaintext;line-height:2.2;margin:0}}
.fastpost .fp-text+div{{border-top:1px solid {RULE[0]};border-top-color:{_both(RULE)};margin-top:10px;padding-top:10px}}
.fastpost .fp-caption{{color:{QUIET[0]};color:{_both(QUIET)};font-size:12px}}
.fastpost mark{{color:inherit;background:none;padding:3px 0 5px;-webkit-box-decoration-break:clone;box-decoration-break:clone}}
.fastpost .fp-open{{border-start-start-radius:4px;border-end-start-radius:4px}}
.fastpost .fp-close{{border-start-end-radius:4px;border-end-end-radius:4px}}
.fastpost .fp-tag{{unicode-bidi:isolate;direction:ltr;white-space:normal;font:600 11px/1 system-ui,sans-serif;
font-variant-numeric:tabular-nums;letter-spacing:.02em;color:{TAG_INK[0]};color:{_both(TAG_INK)};background:var(--s);
border-radius:4px;padding:1px 5px;margin-inline:3px;vertical-align:1px;-webkit-user-select:none;user-select:none}}
.fastpost .fp-same{{color:{INK[0]};color:{_both(INK)};background:none;box-shadow:inset 0 0 0 1px var(--s)}}
.fastpost .fp-score{{font-weight:400}}
.fastpost .fp-sr{{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;
-webkit-user-select:none;user-select:none}}
.fastpost table{{border-collapse:collapse;font-size:14px;color:inherit}}
.fastpost th,.fastpost td{{padding:3px 12px 3px 0;text-align:start;background:none;color:inherit}}
.fastpost td.fp-number{{text-align:end;font-variant-numeric:tabular-nums}}
@supports not (color:light-dark(#000,#fff)){{.fastpost mark{{background:#fff1b8!important}}
.fastpost .fp-tag{{color:{INK[0]};background:none;box-shadow:inset 0 0 0 1px}}}}
@media (forced-colors:active){{.fastpost mark{{background:Mark!important;color:MarkText}}}}""".strip()


@dataclass(frozen=True)
class _Span:
    """One entity of one text. `side` says whose it is where two results are compared."""

    start: int
    end: int
    label: str
    score: float | None
    side: str = ""
    """"" of one result; "=" of both, "-" of the first only, "+" of the second only."""
    other_score: float | None = None


def render(
    text: str | Sequence[str],
    entities: Any,
    *,
    other: Any = None,
    names: tuple[str, str] = ("first", "second"),
    title: str | None = None,
    captions: Sequence[str] | None = None,
) -> str:
    """Texts with their entities in colour, as one piece of HTML that needs nothing else.

    Each entity has the colour of its label behind it, a bar of its own below it, so that entities that overlap can
    be told apart, and a tag with label and score after it. Tags are not selected with the text: what is copied is
    the text itself. Screen readers hear "entity", its text, label and score. The page is read right to left where the
    text is, and follows the reader's choice of light or dark.

    Args:
        text: the text, or a list of texts.
        entities: its entities, as transformers gives them: dicts with `start`, `end`, `entity_group` or `entity` (or
            `label`) and, if there is one, `score`; or an `Entities`. Of several texts, a list of such lists, or the
            `Entities` of all.
        other: a second result to compare with, in the same form. Then an entity that both have (same place, same
            label) is outlined, one that only `entities` has is hatched and its tag begins with a minus sign, and one that
            only `other` has begins with a plus sign.
        names: what the two results are called.
        title: what stands above.
        captions: what stands above each text, such as its number.

    Returns:
        HTML for a notebook (`IPython.display.HTML`) or to be written into a page. Everything in it is escaped.

    Raises:
        TypeError: if an entity is no dict or has a place that is no integer.
        ValueError: if an entity has no label or lies outside its text, or there are not as many lists or captions as
            texts.
    """
    texts = [text] if isinstance(text, str) else list(text)
    if captions is not None and len(captions) != len(texts):
        raise ValueError(f"`captions` has {len(captions)} items for {len(texts)} texts; pass one a text")
    for name, given in (("title", () if title is None else (title,)), ("captions", captions or ())):
        for one in given:
            if not isinstance(one, str):
                raise TypeError(f"`{name}` holds {_bounds.shown(one)}, a {type(one).__name__}; pass str")
    first = _spans("entities", entities, texts, isinstance(text, str))
    if other is None:
        return _page(texts, first, title, None, captions)
    second = _spans("other", other, texts, isinstance(text, str))
    if len(names) != 2:
        raise ValueError(f"`names` has {len(names)} items; pass two, one for each result")
    return _page(texts, [_compared(*pair) for pair in zip(first, second)], title, names, captions)


def _spans(name: str, entities: Any, texts: list[str], single: bool) -> list[list[_Span]]:
    """The entities of each text, checked."""
    lists = entities.to_dicts() if hasattr(entities, "to_dicts") else [entities] if single else list(entities)
    if len(lists) != len(texts):
        raise ValueError(f"`{name}` holds {len(lists)} lists for {len(texts)} texts; pass one list of entities a text")
    return [
        [
            _span(f"{name}[{index}]" if single else f"{name}[{number}][{index}]", entity, text)
            for index, entity in enumerate(found)
        ]
        for number, (found, text) in enumerate(zip(lists, texts))
    ]


def _span(name: str, entity: Any, text: str) -> _Span:
    if not isinstance(entity, Mapping):
        raise TypeError(f"`{name}` is of type {type(entity).__name__}; pass dicts as transformers gives them")
    label = next((entity[key] for key in ("entity_group", "entity", "label") if entity.get(key) is not None), None)
    if label is None:
        raise ValueError(f"`{name}` has no `entity_group`, `entity` or `label`; it has {listed(entity)}")
    places = []
    for key in ("start", "end"):
        value = entity.get(key)
        if value is None:
            raise ValueError(f"`{name}` has no `{key}`; only entities with offsets can be shown in their text")
        try:
            places.append(operator.index(value))
        except TypeError:
            raise TypeError(f"`{name}` has the {key} {shown(value)}; pass an int, in characters of the text") from None
    start, end = places
    if not 0 <= start <= end <= len(text):
        raise ValueError(
            f"`{name}` covers characters {start} to {end}, but its text has {len(text)}; pass the text it was found in"
        )
    score = entity.get("score")
    try:
        return _Span(start, end, str(label), None if score is None else float(score))
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` has the score {shown(score)}; pass a number") from None


def _compared(first: list[_Span], second: list[_Span]) -> list[_Span]:
    """The entities of two results, each with the side it is on."""
    left = Counter((span.start, span.end, span.label) for span in second)
    scores = {(span.start, span.end, span.label): span.score for span in second}
    made = []
    for span in first:
        key = (span.start, span.end, span.label)
        side = "=" if left[key] else "-"
        left[key] -= side == "="
        made.append(_Span(*key, span.score, side, scores.get(key)))
    for span in second:
        key = (span.start, span.end, span.label)
        if left[key] > 0:
            left[key] -= 1
            made.append(_Span(*key, span.score, "+"))
    return made


def _colors(labels: Iterable[str]) -> dict[str, int]:
    """A colour a label: the same one on every page, unless two labels of this page would share it."""
    chosen: dict[str, int] = {}
    for label in sorted(set(labels)):
        color = zlib.crc32(label.encode("utf-8", "replace")) % len(PALETTE)
        while color in chosen.values() and len(chosen) < len(PALETTE):
            color = (color + 1) % len(PALETTE)
        chosen[label] = color
    return chosen


def _page(
    texts: list[str],
    spans: list[list[_Span]],
    title: str | None,
    names: tuple[str, str] | None,
    captions: Sequence[str] | None,
) -> str:
    colors = _colors(span.label for found in spans for span in found)
    variables = "".join(
        f"--t{color}:{_both((tint, deep_tint))};--s{color}:{_both((strong, bright))};"
        for color, (tint, strong, deep_tint, bright) in enumerate(PALETTE)
        if color in colors.values()
    )
    above = (
        [""] * len(texts)
        if captions is None
        else [f'<div class="fp-caption"><bdi>{_escaped(caption)}</bdi></div>' for caption in captions]
    )
    blocks = [
        f'{caption}<div class="fp-text" dir="auto">{_marked(text, found, colors, names)}</div>'
        for caption, text, found in zip(above, texts, spans)
    ]
    head = _head([span for found in spans for span in found], colors, title, names)
    return (
        f'<div class="fastpost" style="{variables}"><style>{STYLE}</style>\n{head}\n' + "\n".join(blocks) + "\n</div>"
    )


def _head(spans: list[_Span], colors: dict[str, int], title: str | None, names: tuple[str, str] | None) -> str:
    """The title, how many there are, and what the colours mean."""
    count = f"{len(spans)} {'entity' if len(spans) == 1 else 'entities'}"
    if names is not None:
        sides = Counter(span.side for span in spans)
        count = (
            f"{sides['=']} in both, {sides['-']} only in {_escaped(names[0])} (&minus;), "
            f"{sides['+']} only in {_escaped(names[1])} (+)"
        )
    labels = Counter(span.label for span in spans)
    keys = "".join(
        f'<li><span class="fp-key" style="--t:var(--t{colors[label]});--s:var(--s{colors[label]})"></span>'
        f"<bdi>{_escaped(label)}</bdi> {number}</li>"
        for label, number in sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    )
    name = "" if title is None else f"<b><bdi>{_escaped(title)}</bdi></b> &middot; "
    return f'<div class="fp-head">{name}{count}' + (f"<ul>{keys}</ul>" if keys else "") + "</div>"


def _marked(text: str, spans: list[_Span], colors: dict[str, int], names: tuple[str, str] | None) -> str:
    """The text, cut wherever an entity begins or ends; each piece shows all entities that it is part of."""
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    lanes = _lanes(ordered)
    opening = {at: list(group) for at, group in groupby(ordered, key=lambda span: span.start)}
    closing: dict[int, list[_Span]] = {}
    for span in sorted(ordered, key=lambda span: span.end):
        closing.setdefault(span.end, []).append(span)
    lane_of = {id(span): lane for span, lane in zip(ordered, lanes)}
    cuts = sorted({0, len(text), *opening, *closing})
    pieces: list[str] = []
    open_now: list[_Span] = []
    for at, end in zip(cuts, [*cuts[1:], len(text)]):
        ended = [span for span in closing.get(at, []) if span.start < at]
        pieces += [_tag(span, colors[span.label]) for span in ended]
        open_now = [span for span in open_now if span.end > at]
        begun = opening.get(at, [])
        pieces += [f'<span class="fp-sr">{_spoken(span, names)}: </span>' for span in begun]
        pieces += [_tag(span, colors[span.label]) for span in begun if span.end == at]
        open_now += [span for span in begun if span.end > at]
        if at == end:
            continue
        shown = _escaped(text[at:end])
        if not open_now:
            pieces.append(shown)
            continue
        edges = [" fp-open"] * any(span.start == at for span in open_now)
        edges += [" fp-close"] * any(span.end == end for span in open_now)
        ground = _ground([(lane_of[id(span)], span, colors[span.label]) for span in open_now])
        pieces.append(f'<mark class="fp-piece{"".join(edges)}" style="{ground}">{shown}</mark>')
    return "".join(pieces)


def _lanes(spans: list[_Span]) -> list[int]:
    """For spans ordered by start, the first lane of bars that is free where each begins."""
    free_from: list[int] = []
    lanes = []
    for span in spans:
        lane = next((lane for lane, free in enumerate(free_from) if free <= span.start), len(free_from))
        free_from[lane : lane + 1] = [span.end]
        lanes.append(lane)
    return lanes


def _ground(covering: list[tuple[int, _Span, int]]) -> str:
    """What is behind a piece of text: a bar for each entity in its lane, and the tint of the first."""
    layers = [
        f"linear-gradient(var(--s{color}),var(--s{color})) 0 calc(100% - {4 * lane}px)/100% 3px no-repeat"
        for lane, _, color in covering
    ]
    _, span, color = min(covering, key=lambda item: item[0])
    if span.side == "-":
        layers.append(f"repeating-linear-gradient(135deg,var(--t{color}) 0 4px,transparent 4px 8px)")
    elif span.side == "=":
        layers.append("none")
    else:
        layers.append(f"var(--t{color})")
    deepest = max(lane for lane, _, _ in covering)
    room = f";padding-bottom:{5 + 4 * deepest}px" if deepest else ""
    return "background:" + ",".join(layers) + room


_SIGNS = {"": "", "=": "", "-": "&minus;&nbsp;", "+": "+&nbsp;"}


def _tag(span: _Span, color: int) -> str:
    score = ""
    if span.score is not None:
        score = f"{span.score:.3f}"
        both = span.other_score is not None and not math.isclose(span.score, span.other_score, abs_tol=0.0005)
        score = f'&nbsp;<span class="fp-score">{score}{f"&nbsp;/&nbsp;{span.other_score:.3f}" if both else ""}</span>'
    same = " fp-same" if span.side == "=" else ""
    hint = f"characters {span.start} to {span.end}" + ("" if span.score is None else f", score {span.score:.6f}")
    return (
        f'<span class="fp-tag{same}" style="--s:var(--s{color})" title="{hint}">'
        f"{_SIGNS[span.side]}<bdi>{_escaped(span.label)}</bdi>{score}</span>"
    )


def _spoken(span: _Span, names: tuple[str, str] | None) -> str:
    """What a screen reader says before an entity."""
    if names is None or span.side == "=":
        return "entity"
    return f"entity only in {_escaped(names[0] if span.side == '-' else names[1])}"


# Characters that HTML can't hold, each replaced by one that stands for it, so that places stay what they are.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}


def _escaped(text: str) -> str:
    """`text` as HTML; controls become their pictures, lone surrogates the replacement character."""
    whole = text.translate(_PICTURES)
    if not whole.isascii():
        whole = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in whole)
    return html.escape(whole).replace("\r", "&#13;")  # written as it is, it would become a line feed


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
        head, f"{len(rows)} entities", ("text", "label", "score", "word"), rows[:SHOWN_ROWS], len(rows)
    )


def notebook_table(head: str, what: str, names: Sequence[str], rows: Sequence[Sequence[Any]], count: int) -> str:
    """The first rows of `count` as a table: numbers are set right, texts are cut and keep their direction."""
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
        return f"<td><bdi>{_escaped(shown)}</bdi></td>"
    return (
        f'<td class="fp-number">{value:.4f}</td>' if isinstance(value, float) else f'<td class="fp-number">{value}</td>'
    )
