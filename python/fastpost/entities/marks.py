"""The parts of a page with entities: colours, style, marks behind text, tags, escaped text."""

from __future__ import annotations

import heapq
import html
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "LANES",
    "RIGHT",
    "STYLE",
    "Span",
    "choose_colors",
    "direction_of",
    "draw_ground",
    "draw_heading",
    "draw_key",
    "draw_tag",
    "escape_text",
    "is_long",
    "place_lanes",
    "wrap_blocks",
]

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


# A browser older than light-dark() keeps the rule before it, and shows all marks in one colour. What stands below each
# other in a cell floats: a browser puts a line break around every other kind of block when it is copied.
STYLE = f"""
.fastpost{{color-scheme:light dark;color:{INK[0]};color:{_both(INK)};background:{PAPER[0]};background:{_both(PAPER)};
font:15px/1.5 system-ui,sans-serif;border-radius:8px;padding:12px 16px;margin:8px 0;text-align:start;overflow-wrap:anywhere}}
body[data-jp-theme-light="true"] .fastpost,.vscode-light .fastpost,[data-theme="light"] .fastpost{{color-scheme:light}}
body[data-jp-theme-light="false"] .fastpost,.vscode-dark .fastpost,[data-theme="dark"] .fastpost{{color-scheme:dark}}
.fastpost .fp-head{{color:{QUIET[0]};color:{_both(QUIET)};font-size:13px;margin:0 0 8px}}
.fastpost .fp-head b{{color:{INK[0]};color:{_both(INK)}}}
.fastpost ul{{list-style:none;margin:2px 0 0;padding:0}}
.fastpost li{{display:inline-block;margin:0 12px 0 0}}
.fastpost .fp-key{{display:inline-block;width:12px;height:12px;border-radius:3px;margin-inline-end:5px;vertical-align:-1px;
background:var(--t);border-bottom:3px solid var(--s);box-sizing:border-box}}
.fastpost .fp-text{{white-space:pre-wrap;unicode-bidi:plaintext;line-height:2.2;margin:0}}
.fastpost .fp-text+div,.fastpost .fp-pair+div{{border-top:1px solid {RULE[0]};border-top-color:{_both(RULE)};margin-top:10px;padding-top:10px}}
.fastpost .fp-caption{{color:{QUIET[0]};color:{_both(QUIET)};font-size:12px}}
.fastpost mark{{color:inherit;background:none;padding:3px 0 5px;-webkit-box-decoration-break:clone;box-decoration-break:clone}}
.fastpost .fp-open{{border-start-start-radius:4px;border-end-start-radius:4px}}
.fastpost .fp-close{{border-start-end-radius:4px;border-end-end-radius:4px}}
.fastpost .fp-tag{{unicode-bidi:isolate;direction:ltr;white-space:nowrap;overflow-wrap:normal;font:600 11px/1 system-ui,sans-serif;
font-variant-numeric:tabular-nums;letter-spacing:.02em;color:{TAG_INK[0]};color:{_both(TAG_INK)};background:var(--s);
border-radius:4px;padding:1px 5px;margin-inline:3px;vertical-align:1px;-webkit-user-select:none;user-select:none}}
.fastpost .fp-long{{white-space:normal;overflow-wrap:anywhere}}
.fastpost .fp-same{{color:{INK[0]};color:{_both(INK)};background:none;box-shadow:inset 0 0 0 1px var(--s)}}
.fastpost .fp-keep{{white-space:nowrap;overflow-wrap:normal}}
.fastpost .fp-l:after{{content:"\\200e"}}
.fastpost .fp-r:after{{content:"\\200f"}}
.fastpost mark.fp-both{{border:solid var(--s);border-width:1px 0}}
.fastpost .fp-pair{{line-height:1.9;margin:0}}
.fastpost .fp-cell{{display:inline-block;max-width:100%;vertical-align:top;white-space:pre-wrap;margin:2px 0 8px;unicode-bidi:isolate}}
.fastpost .fp-cell>span{{float:left;float:inline-start;clear:both;max-width:100%}}
.fastpost .fp-bare>.fp-tags,.fastpost .fp-blank>.fp-first{{display:none}}
.fastpost .fp-first,.fastpost .fp-names{{-webkit-user-select:none;user-select:none}}
.fastpost .fp-tags{{min-height:19px;font-size:11px;line-height:19px;overflow:hidden}}
.fastpost .fp-tags .fp-tag{{display:inline-block;margin-inline:0 4px;max-width:100%;box-sizing:border-box;overflow:hidden;
text-overflow:ellipsis;vertical-align:middle;line-height:14px;padding-block:0 1px}}
.fastpost .fp-break:after{{content:"\\A";white-space:pre}}
.fastpost .fp-outline{{border:1px solid var(--s)}}
.fastpost .fp-hatch{{background:repeating-linear-gradient(135deg,currentColor 0 1px,transparent 1px 4px);border:1px dashed}}
.fastpost .fp-fill{{background:currentColor;opacity:.35}}
.fastpost mark.fp-only{{border:dashed var(--s);border-width:1px 0}}
.fastpost .fp-pair mark:is(.fp-both,.fp-only){{box-shadow:inset var(--l,0) 0 var(--s),inset var(--r,0) 0 var(--s)}}
.fastpost .fp-pair[dir="ltr"] .fp-open,.fastpost .fp-pair[dir="rtl"] .fp-close{{--l:1px}}
.fastpost .fp-pair[dir="ltr"] .fp-close,.fastpost .fp-pair[dir="rtl"] .fp-open{{--r:-1px}}
.fastpost .fp-names{{color:{QUIET[0]};color:{_both(QUIET)};font-size:12px;margin-inline-end:10px}}
.fastpost .fp-names>span{{float:right;float:inline-end;min-height:19px;line-height:28.5px}}
.fastpost .fp-names>.fp-tags{{line-height:19px}}
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
class Span:
    """One entity of one text. `side` says whose it is where two results are compared."""

    start: int
    end: int
    label: str
    score: float | None
    side: str = ""
    """"" of one result; "=" of both, "-" of the first only, "+" of the second only."""


def choose_colors(labels: Iterable[str]) -> dict[str, int]:
    """A colour for each label: the same on every page, unless two labels of this page would share it."""
    chosen: dict[str, int] = {}
    for label in sorted(set(labels)):
        color = zlib.crc32(label.encode("utf-8", "replace")) % len(PALETTE)
        while color in chosen.values() and len(chosen) < len(PALETTE):
            color = (color + 1) % len(PALETTE)
        chosen[label] = color
    return chosen


def place_lanes(spans: list[Span]) -> list[int]:
    """For spans ordered by start, the first lane of bars that is free at the start of each."""
    taken: list[tuple[int, int]] = []
    free: list[int] = []
    lanes: list[int] = []
    count = 0
    for span in spans:
        while taken and taken[0][0] <= span.start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        lane = heapq.heappop(free) if free else count
        count = max(count, lane + 1)
        heapq.heappush(taken, (span.end, lane))
        lanes.append(lane)
    return lanes


LANES = 12
"""The most bars below each other: each piece of a text repeats them all, and no eye follows more."""


def draw_ground(covering: list[tuple[int, Span, int]]) -> str:
    """The background of a piece of text: bars of the entities in the first `LANES` lanes, and the tint of the first."""
    covering = heapq.nsmallest(LANES, covering, key=lambda item: item[0]) if len(covering) > LANES else covering
    layers = [
        f"linear-gradient(var(--s{color}),var(--s{color})) 0 calc(100% - {4 * lane}px)/100% 3px no-repeat"
        for lane, _, color in covering
    ]
    _, span, color = min(covering, key=lambda item: item[0])
    if span.side == "-":
        layers.append(f"repeating-linear-gradient(135deg,var(--t{color}) 0 5px,transparent 5px 9px)")
    elif span.side == "=":
        layers.append("none")
    else:
        layers.append(f"var(--t{color})")
    deepest = max(lane for lane, _, _ in covering)
    room = f";padding-bottom:{5 + 4 * deepest}px" if deepest else ""
    return "background:" + ",".join(layers) + room


_LONG = 30
"""Labels longer than this don't fit a line on a telephone; a shorter one is never broken."""


RIGHT = ("R", "AL")
"""Kinds of letters that are read from right to left."""


def direction_of(text: str) -> str:
    """The direction of a text, as a browser finds it: that of the first letter that has one."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind == "L" or kind in RIGHT:
            return "L" if kind == "L" else "R"
    return "L"


def is_long(label: str) -> bool:
    """Whether the tag of a label may be broken over lines."""
    return len(label) > _LONG


def draw_tag(span: Span, color: int, where: str = "") -> str:
    """The label and score of an entity; `where` says beside its place whose it is."""
    score = "" if span.score is None else f'&nbsp;<span class="fp-score">{span.score:.3f}</span>'
    same = " fp-same" if span.side == "=" else ""
    same += " fp-long" if is_long(span.label) else ""
    hint = f"characters {span.start} to {span.end}" + ("" if span.score is None else f", score {span.score:.6f}")
    return (
        f'<span class="fp-tag{same}" style="--s:var(--s{color})" title="{hint}{where}">'
        f"<bdi>{escape_text(span.label)}</bdi>{score}</span>"
    )


def draw_key(words: str, style: str = "", more: str = "") -> str:
    """One item of the legend: a swatch, and `words`, which are HTML."""
    return f'<li><span class="fp-key{more}" style="{style}"></span>{words}</li>'


def draw_heading(title: str | None, count: str, keys: Iterable[str]) -> str:
    """The title, how many there are, and what the marks mean."""
    name = "" if title is None else f"<b><bdi>{escape_text(title)}</bdi></b> &middot; "
    listed = "".join(keys)
    return f'<div class="fp-head">{name}{count}' + (f"<ul>{listed}</ul>" if listed else "") + "</div>"


def wrap_blocks(head: str, blocks: Sequence[str], captions: Sequence[str] | None, colors: dict[str, int]) -> str:
    """The fragment: its style, the heading, and a block for each text, below its caption."""
    variables = "".join(
        f"--t{color}:{_both((tint, deep_tint))};--s{color}:{_both((strong, bright))};"
        for color, (tint, strong, deep_tint, bright) in enumerate(PALETTE)
        if color in colors.values()
    )
    if captions is not None:
        above = (f'<div class="fp-caption"><bdi>{escape_text(caption)}</bdi></div>' for caption in captions)
        blocks = [f"{caption}{block}" for caption, block in zip(above, blocks)]
    return (
        f'<div class="fastpost" style="{variables}"><style>{STYLE}</style>\n{head}\n' + "\n".join(blocks) + "\n</div>"
    )


# Characters that HTML can't hold, each replaced by one that stands for it, so that places stay what they are.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}


def escape_text(text: str) -> str:
    """`text` as HTML; controls become their pictures, lone surrogates the replacement character."""
    whole = text.translate(_PICTURES)
    if not whole.isascii():
        whole = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in whole)
    return html.escape(whole).replace("\r", "&#13;")  # written as it is, it would become a line feed
