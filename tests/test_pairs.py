"""`render(other=...)` shows each text twice, the first result above the second, with characters aligned."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastpost
from browser import in_browser, opened
from fastpost.entities import pairs
from fastpost.entities.marks import Span
from fastpost.pipelines.layout import lay_out, width_of
from test_render import HEBREW, OVERLAPPING, SENTENCE, at, contrast, covered, rgb, themed


class Lines(HTMLParser):
    """Both lines of each text of a fragment: their characters, the marked characters by kind, and their tags."""

    def __init__(self, fragment):
        super().__init__(convert_charrefs=True)
        self.stack, self.cells, self.heard, self.head = [], [], "", ""
        self.text = {"first": "", "second": ""}
        self.marked = {"first": {}, "second": {}}
        self.tags = {"first": [], "second": []}
        self.feed(fragment)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        if tag == "br":
            return
        kinds = (dict(attributes).get("class") or "").split()
        self.stack.append((tag, kinds))
        if "fp-cell" in kinds and "fp-names" not in kinds:
            self.cells.append({"first": "", "second": ""})
            self.line = "first"  # its tags stand above its text
        if "fp-tag" in kinds:
            self.tags[self.line].append("")

    def handle_endtag(self, tag):
        name, kinds = self.stack.pop()
        assert name == tag
        if kinds == ["fp-first"]:
            self.line = "second"

    def handle_data(self, data):
        kinds = [kind for _, kinds in self.stack for kind in kinds]
        if "fp-tag" in kinds:
            self.tags[self.line][-1] += data.replace("\xa0", " ")
        elif "fp-sr" in kinds:
            self.heard += data
        elif "fp-head" in kinds:
            self.head += data
        for line in ("first", "second"):
            if f"fp-{line}" in kinds:
                side = next((kind for kind in ("fp-both", "fp-only") if kind in kinds), "fp-own")
                if "fp-piece" in kinds:
                    at = len(self.text[line])
                    self.marked[line].update(dict.fromkeys(range(at, at + len(data)), side))
                self.text[line] += data
                self.cells[-1][line] += data


MAIL = "Write to jose.alvarez@example.org today."
CUT = [at(MAIL, "jose.alvarez", "EMAIL", 0.9), at(MAIL, "org", "EMAIL", 0.6)]
WHOLE = [at(MAIL, "jose.alvarez@example.org", "EMAIL", 0.9)]
NAMES = ("transformers", "fastpost")


def test_an_address_that_is_cut_stands_above_the_whole_one():
    """The page used to show `example [- EMAIL] .com [+ EMAIL]`, as if fastpost had found ".com"."""
    page = Lines(fastpost.render(MAIL, CUT, other=WHOLE, names=NAMES))
    assert page.text == {"first": MAIL, "second": MAIL}
    assert page.tags == {"first": ["EMAIL 0.900", "EMAIL 0.600"], "second": ["EMAIL 0.900"]}
    assert set(page.marked["first"]) == covered(CUT)
    assert set(page.marked["second"]) == covered(WHOLE)
    assert set(page.marked["first"].values()) == {"fp-only"}
    assert set(page.marked["second"].values()) == {"fp-own"}
    assert [cell["second"] for cell in page.cells] == ["Write ", "to ", "jose.alvarez@example.org ", "today."]
    assert not re.search("[-−+] ?EMAIL", page.head + str(page.tags))
    assert "0 entities in both, 2 only in transformers, 1 only in fastpost" in page.head
    assert page.heard == (
        "only in transformers: EMAIL jose.alvarez, EMAIL org; only in fastpost: EMAIL jose.alvarez@example.org. "
    )


def test_hatched_outlined_and_filled():
    first = [at(SENTENCE, "Sarah Johnson", score=0.9), at(SENTENCE, "Hugging Face", "ORG"), at(SENTENCE, "York")]
    second = [
        at(SENTENCE, "Sarah Johnson", score=0.8),
        at(SENTENCE, "Hugging Face", "PRODUCT"),
        at(SENTENCE, "New York City"),
        at(SENTENCE, "New York City"),
    ]
    fragment = fastpost.render(SENTENCE, first, other=second, names=NAMES)
    page = Lines(fragment)
    assert page.tags == {
        "first": ["PER 0.900", "ORG 0.750", "PER 0.750"],
        "second": ["PER 0.800", "PRODUCT 0.750", "PER 0.750", "PER 0.750"],
    }
    for line, entities in (("first", first), ("second", second)):
        assert set(page.marked[line]) == covered(entities)
        assert {page.marked[line][place] for place in covered(first[:1])} == {"fp-both"}
    assert {page.marked["first"][place] for place in covered(first[1:])} == {"fp-only"}
    assert {page.marked["second"][place] for place in covered(second[1:])} == {"fp-own"}
    for style, kind in re.findall(r'<mark class="fp-piece(?: (fp-both|fp-only))?[^"]*" style="([^"]*)"', fragment):
        assert ("repeating-linear-gradient" in kind) == (style == "fp-only")
    assert "1 entity in both, 2 only in transformers, 3 only in fastpost" in page.head


def test_an_entity_in_two_cells_has_an_edge_at_each_end_and_none_between():
    address = "subdomain.of.a.long.example-company.co.uk"
    fragment = fastpost.render(address, [at(address, address)], other=[], names=NAMES)
    kinds = re.findall('<mark class="fp-piece fp-only([^"]*)"', fragment)
    assert kinds == [" fp-open", " fp-close"]


def test_no_differences():
    fragment = fastpost.render(SENTENCE, OVERLAPPING, other=OVERLAPPING)
    assert "7 entities in both, 0 only in first, 0 only in second" in fragment
    assert set(Lines(fragment).marked["second"].values()) == {"fp-both"}
    marks = re.findall("<mark [^>]*>", fragment)
    assert marks
    assert not [mark for mark in marks if "repeating" in mark]


@given(st.text("ab \n漢\u0301\u05d0-" + "\U0001f469\u200d", max_size=80), st.data())
@settings(max_examples=150)
def test_any_text_stands_there_twice(text, data):
    found = []
    for _ in range(2):
        spans = []
        for _ in range(data.draw(st.integers(0, 5))):
            start = data.draw(st.integers(0, len(text)))
            end = data.draw(st.integers(start, len(text)))
            spans.append({"label": data.draw(st.sampled_from(["A", "B <"])), "start": start, "end": end})
        found.append(spans)
    page = Lines(fastpost.render([text, ""], [found[0], []], other=[found[1], []]))
    assert page.text == {"first": text, "second": text}
    for line, spans in zip(("first", "second"), found, strict=True):
        assert set(page.marked[line]) == covered(spans)
        assert len(page.tags[line]) == len(spans)
    assert all(cell["first"] == cell["second"] for cell in page.cells)


@pytest.mark.parametrize(
    ("text", "entity", "cells"),
    [
        ("Zoë lives in New York City now", "New York City", ["Zoë ", "lives ", "in ", "New York City ", "now"]),
        ("a\nb", "b", ["a\n", "b"]),
        ("", None, [""]),
        ("x" * 60, "x" * 30, ["x" * 24, "x" * 6, "x" * 24, "x" * 6]),
        ("e\u0301" * 20, None, ["e\u0301" * 12, "e\u0301" * 8]),
        ("x" + "e\u0301" * 20, None, ["x" + "e\u0301" * 12, "e\u0301" * 8]),
        ("לך John Smith הלך", None, ["לך ", "John Smith ", "הלך"]),
        ("12 34", "12 34", ["12 34"]),
        ("Ms Featherstonehaugh-Smythe, hi", "Featherstonehaugh-Smythe", ["Ms ", "Featherstonehaugh-Smythe, ", "hi"]),
        ("x" * 24 + ").\n", None, ["x" * 24 + ").\n"]),
        ("x" * 24 + ",y", None, ["x" * 24, ",y"]),
    ],
)
def test_where_a_text_is_cut(text, entity, cells):
    """A line breaks after white space, but not within an entity that fits, a letter and its accent, or words of the other direction."""
    spans = [] if entity is None else [Span(text.index(entity), text.index(entity) + len(entity), "A", None)]
    assert [text[start:end] for start, end in pairs._cells(text, spans)] == cells


def test_entities_that_touch_do_not_join_their_cells():
    spans = [Span(0, 5, "A", None), Span(5, 8, "A", None)]
    assert pairs._cells("Anna Bob", spans) == [(0, 5), (5, 8)]


def test_a_line_without_entities_has_no_room_for_tags():
    """An empty line would otherwise be as high as two lines and their tags."""
    text = "Dear Anna,\n\nno one\nis Bob"
    html = fastpost.render(["no one", text], [[], [at(text, "Anna")]], other=[[], [at(text, "Bob")]])
    kinds = re.findall(r'<span class="fp-cell([^"]*)"', html)
    bare, blank = " fp-bare", " fp-bare fp-blank"
    assert kinds == [f"{bare} fp-names", bare, bare, " fp-names", "", "", blank, bare, bare, "", ""]


def test_direction_is_that_of_the_text():
    assert 'class="fp-pair" dir="rtl"' in fastpost.render(HEBREW, [], other=[])
    assert 'class="fp-pair" dir="ltr"' in fastpost.render("12 abc " + HEBREW, [], other=[])


# --- tables ---------------------------------------------------------------------------------------

LONG = "x@" + "example" * 20 + ".org"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_fits_its_terminal(columns):
    rows = [
        (["text"], ["transformers"], ["fastpost"], ["rule"]),
        (["id 7"], ["EMAIL 'jose. alvarez'", "EMAIL 'org'"], [f"EMAIL {LONG!r}"], ["words", "snap"]),
        (["id 8"], ["-"], ["CITY '北京市朝阳区建国门外大街一号北京市朝阳区建国门外大街一号'"], ["long text"]),
    ]
    table = lay_out(rows, columns)
    assert all(width_of(line) <= columns for line in table.split("\n"))
    columns_of = [
        match.span() for match in re.finditer("-+", next(x for x in table.split("\n") if set(x) == {"-", " "}))
    ]
    assert len(columns_of) == 4
    last = "".join(line[columns_of[3][0] :].strip() for line in table.split("\n") if line.isascii())
    assert "".join(last.split()).startswith("rule")
    assert last.endswith(("words" + "snap", "long text", "longtext", "words" + "snap" + "text"))
    third = "".join(line[slice(*columns_of[2])].strip() for line in table.split("\n") if line.isascii())
    assert f"EMAIL{LONG!r}" in third.replace(" ", "")


def test_what_is_too_long_goes_on_in_its_own_column():
    rows = [(["a"], ["b"]), (["one two three four"], ["x"]), (["1"], ["abcdefghijkl"])]
    assert lay_out(rows, 20) == (
        "a          b\n---------  ---------\none two    x\nthree\nfour\n1          abcdefghi\n           jkl"
    )


# --- in a browser ---------------------------------------------------------------------------------

ALIGNED = """<script>
addEventListener("load", () => {
  const rows = [];
  for (const cell of document.querySelectorAll(".fp-cell:not(.fp-names)")) {
    const places = ["first", "second"].map((line) => {
      const walker = document.createTreeWalker(cell.querySelector(".fp-" + line), NodeFilter.SHOW_TEXT);
      const found = [];
      for (let node; (node = walker.nextNode()); )
        for (let at = 0; at < node.data.length; at++) {
          if (/\\s/.test(node.data[at])) continue;
          const range = document.createRange();
          range.setStart(node, at); range.setEnd(node, at + 1);
          const box = range.getBoundingClientRect();
          found.push([box.left, box.top]);
        }
      return found;
    });
    rows.push(places);
  }
  const tags = [...document.querySelectorAll(".fp-tag")].map((tag) => {
    const range = document.createRange(); range.selectNodeContents(tag);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.bottom / 8))).size;
  });
  document.title = JSON.stringify({rows, tags, wide: document.documentElement.scrollWidth - innerWidth});
});
</script>"""


@in_browser
@pytest.mark.parametrize("width", [280, 700])
def test_a_browser_shows_character_below_character(tmp_path, width):
    """On any width of page, no tag is on two lines and nothing is wider than the page."""
    import json
    import subprocess

    from browser import CHROMIUM

    texts = [
        MAIL,
        SENTENCE,
        HEBREW,
        "我叫王伟，住在北京。我的电话是718-555-0199，邮箱是wang.wei@example.com，谢谢你的来信。",
    ]
    first = [CUT, OVERLAPPING, [at(HEBREW, "שרה", "GIVEN_NAME")], []]
    second = [WHOLE, OVERLAPPING[3:], [at(HEBREW, "שרה לוי", "GIVEN_NAME")], [at(texts[3], "718-555-0199", "PHONE")]]
    page = themed(f'<div style="width:{width}px">{fastpost.render(texts, first, other=second)}</div>')
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", ALIGNED + "</body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, "--dump-dom", path.as_uri()], capture_output=True, timeout=180)
    found = json.loads(re.search("<title>(.*)</title>", done.stdout.decode(), re.DOTALL)[1])
    assert sum(len(above) for above, _ in found["rows"]) == sum(len(re.sub(r"\s", "", text)) for text in texts)
    for above, below in found["rows"]:
        for (left, top), (other_left, other_top) in zip(above, below, strict=True):
            assert left == pytest.approx(other_left, abs=0.5)
            assert other_top > top
    assert set(found["tags"]) == {1}
    assert found["wide"] <= 0


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_colours_both_results(tmp_path, theme):
    page = opened(tmp_path, themed(fastpost.render(MAIL, CUT, other=WHOLE), theme=theme), lines="second")
    (block,) = page["found"]
    assert block["text"] == MAIL
    coloured = {place for start, end, *_ in block["coloured"] for place in range(start, end)}
    assert coloured == covered(WHOLE)
    for _, _, ink, ground, *_ in block["coloured"]:
        assert contrast(rgb(ink), rgb(ground)) >= 4.5
    assert block["copied"] == MAIL


@in_browser
def test_what_a_reader_copies_is_the_text_once(tmp_path):
    """The copied text has the line breaks of the text: tags, cells and the line ends of a narrow page add and remove none."""
    texts = [MAIL, SENTENCE, HEBREW, "one line\nanother line, Anna\n\nthe last one", "  two  spaces   Anna "]
    first = [CUT, OVERLAPPING, [at(HEBREW, "שרה")], [], []]
    second = [WHOLE, OVERLAPPING[3:], [], [at(texts[3], "Anna")], []]
    narrow = f'<div style="width:280px">{fastpost.render(texts, first, other=second)}</div>'
    page = opened(tmp_path, themed(narrow), lines="second")
    assert [block["copied"] for block in page["found"]] == texts
