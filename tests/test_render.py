"""`render` colours what was found, shown by a real browser; the page is escaped, readable and accessible."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastpost
from browser import HOSTILE, in_browser, opened
from fastpost.entities import marks as _render
from test_columns import BARE, batch
from test_entities import TEXT

SENTENCE = 'Sarah Johnson works at Hugging Face in New York City.\nCall 217-555-0182 <b>now</b> & "here".'
HEBREW = "שרה לוי עובדת בחברת אינטל בחיפה מאז 2019."
ARABIC = "تعمل سارة الأحمد في شركة أرامكو في مدينة الظهران."
EMOJI = "👩‍👩‍👧 Familie Müller 🇩🇪 aus Mu\u0308nchen trifft 王小明 in 北京市。\r\n\tEnde"


def at(text, part, label="PER", score=0.75):
    start = text.index(part)
    return {"entity_group": label, "score": score, "word": part, "start": start, "end": start + len(part)}


OVERLAPPING = [
    at(SENTENCE, "Sarah Johnson"),
    at(SENTENCE, "Hugging Face", "ORG"),
    at(SENTENCE, "Face in New", "MISC", 0.3),
    at(SENTENCE, "New York City", "CITY"),
    at(SENTENCE, "York", "CITY"),
    at(SENTENCE, "217-555-0182", "PHONE", None),
    at(SENTENCE, "<b>now</b>", "<i>&\"'"),
]


class Page(HTMLParser):
    """The text of a fragment, its marked characters, its tags, and what only a screen reader says."""

    def __init__(self, fragment):
        super().__init__(convert_charrefs=True)
        self.stack, self.text, self.marked, self.tags, self.heard, self.seen = [], "", set(), [], [], []
        self.feed(fragment)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.stack.append((tag, attributes.get("class", "")))
        self.seen.append((tag, attributes))
        if "fp-tag" in attributes.get("class", ""):
            self.tags.append("")
        if attributes.get("class") == "fp-sr":
            self.heard.append("")

    def handle_endtag(self, tag):
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        classes = " ".join(kind for _, kind in self.stack)
        if "fp-tag" in classes:
            self.tags[-1] += data.replace("\xa0", " ")
        elif "fp-sr" in classes:
            self.heard[-1] += data
        elif "fp-text" in classes:
            if any(tag == "mark" for tag, _ in self.stack):
                self.marked |= set(range(len(self.text), len(self.text) + len(data)))
            self.text += data


def covered(entities):
    return {place for entity in entities for place in range(entity["start"], entity["end"])}


# --- without a browser ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        (SENTENCE, OVERLAPPING),
        (SENTENCE, []),
        ("", []),
        (HEBREW, [at(HEBREW, "שרה לוי"), at(HEBREW, "חיפה")]),
        (EMOJI, [at(EMOJI, "👩‍👩‍👧 Familie Müller"), at(EMOJI, "Mu\u0308nchen")]),
        ("ab", [at("ab", "ab"), at("ab", "ab", "X"), at("ab", "b")]),
        ("a b", [{"entity": "X", "start": 1, "end": 1}]),
    ],
)
def test_marks_are_the_spans(text, entities):
    page = Page(fastpost.render(text, entities))
    assert page.text == text
    assert page.marked == covered(entities)
    assert len(page.tags) == len(page.heard) == len(entities)


@given(st.text(max_size=30), st.data())
@settings(max_examples=300)
def test_any_text_and_any_spans(text, data):
    entities = []
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        entities.append({"label": data.draw(st.text(max_size=4)), "start": start, "end": end, "score": 0.5})
    fragment = fastpost.render(text, entities, title=text)
    fragment.encode()
    page = Page(fragment)
    assert len(page.text) == len(text)
    shown = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\t\n\r" else c for c in text).replace("\x7f", "␡")
    assert page.text == re.sub("[\ud800-\udfff]", "\ufffd", shown)
    assert page.marked == covered(entities)
    assert {tag for tag, _ in page.seen} <= {"div", "style", "mark", "span", "bdi", "b", "ul", "li"}


def test_everything_is_escaped():
    bad = "</div><script>alert(1)</script>\"'&"
    fragment = fastpost.render(bad, [{"entity": bad, "start": 0, "end": 5}], title=bad, other=[], names=(bad, bad))
    assert "<script" not in fragment
    assert bad not in fragment
    assert html.escape(bad) in fragment
    Page(fragment)


def test_tags_and_what_is_heard():
    page = Page(fastpost.render(SENTENCE, OVERLAPPING))
    assert page.tags == ["PER 0.750", "ORG 0.750", "MISC 0.300", "CITY 0.750", "CITY 0.750", "PHONE", "<i>&\"' 0.750"]
    assert page.heard == ["entity: "] * 7
    assert ("span", "characters 0 to 13, score 0.750000") in [(tag, a.get("title")) for tag, a in page.seen]


def test_captions():
    fragment = fastpost.render(["a", "b"], [[], []], captions=["text 3", "<b>"])
    captions = re.findall(
        '<div class="fp-caption"><bdi>(.*)</bdi></div><div class="fp-text" dir="auto">(.)</div>', fragment
    )
    assert captions == [("text 3", "a"), ("&lt;b&gt;", "b")]
    assert 'class="fp-caption"' not in fastpost.render(["a", "b"], [[], []])
    assert Page(fragment).text == "ab"


def test_numbers_as_transformers_gives_them():
    entity = {"entity_group": "PER", "start": np.int64(11), "end": np.int64(18), "score": np.float32(0.5)}
    assert Page(fastpost.render(TEXT, [entity])).marked == set(range(11, 18))


def test_entities_and_lists_of_texts():
    entities = batch()
    texts = ["", TEXT, TEXT, TEXT, ""]
    fragment = fastpost.render(texts, entities)
    assert fragment == fastpost.render(texts, entities.to_dicts())
    page = Page(fragment)
    assert page.text == "".join(texts)
    assert len(page.tags) == len(entities)


def test_a_label_has_one_colour():
    first = fastpost.render(SENTENCE, OVERLAPPING[:1])
    color = re.search(r"--s:var\(--s(\d+)\)", first)[1]
    assert set(re.findall(r"--s:var\(--s(\d+)\)", fastpost.render(HEBREW, [at(HEBREW, "שרה לוי")] * 2))) == {color}
    many = [at(SENTENCE, "Sarah", f"LABEL{number}") for number in range(12)]
    assert len(set(re.findall(r"--t(\d+):", fastpost.render(SENTENCE, many)))) == 12
    assert len(Page(fastpost.render(SENTENCE, [at(SENTENCE, "S", str(n)) for n in range(40)])).tags) == 40


def test_bars_of_entities_that_overlap_do_not_hide_each_other():
    fragment = fastpost.render("abcd", [at("abcd", "abc", "X"), at("abcd", "bcd", "Y"), at("abcd", "c", "Z")])
    marks = re.findall(r'<mark [^>]*style="([^"]*)">(\w)</mark>', fragment)
    assert [(letter, style.count("linear-gradient")) for style, letter in marks] == [
        ("a", 1), ("b", 2), ("c", 3), ("d", 1),
    ]  # fmt: skip
    lanes = [re.findall(r"100% - (\d)px", style) for style, _ in marks]
    assert lanes == [["0"], ["0", "4"], ["0", "4", "8"], ["4"]]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entities", "error", "says"),
    [
        (
            [{"entity": "A", "start": 0, "end": 9}],
            ValueError,
            "`entities[0]` covers characters 0 to 9, but its text has 3",
        ),
        ([{"entity": "A", "start": -1, "end": 2}], ValueError, "`entities[0]` covers characters -1 to 2"),
        ([{"entity": "A", "start": 2, "end": 1}], ValueError, "`entities[0]` covers characters 2 to 1"),
        ([{"entity": "A", "start": None, "end": None}], ValueError, "`entities[0]` has no `start`; only entities with"),
        (
            [{"start": 0, "end": 1}],
            ValueError,
            "`entities[0]` has no `entity_group`, `entity` or `label`; it has `start`, `end`",
        ),
        ([{"entity": "A", "start": 0.5, "end": 1}], TypeError, "`entities[0]` has the start 0.5; pass an int"),
        (["A"], TypeError, "`entities[0]` is of type str; pass dicts"),
    ],
)
def test_bad_entities(entities, error, says):
    with pytest.raises(error) as raised:
        fastpost.render("abc", entities)
    assert says in str(raised.value)
    with pytest.raises(error, match=r"`other\[0\]"):
        fastpost.render("abc", [], other=entities)
    with pytest.raises(error, match=r"`entities\[1\]\[0\]"):
        fastpost.render(["", "abc"], [[], entities])


def test_lists_that_do_not_fit():
    with pytest.raises(ValueError, match="`entities` holds 1 list for 2 texts"):
        fastpost.render(["a", "b"], [[]])
    with pytest.raises(ValueError, match="`entities` holds 5 lists for 1 text;"):
        fastpost.render("a", batch())
    place = {"start": 0, "end": 1, "label": "A"}
    with pytest.raises(ValueError, match="`entities` is one list of 2 entities for a list of 1 text"):
        fastpost.render(["a"], [place, place])
    with pytest.raises(TypeError, match=r"`text\[0\]` is of type dict; pass a str"):
        fastpost.render([place], "a")
    with pytest.raises(TypeError, match=r"`entities\[0\]` is of type list; .*goes with a list of texts"):
        fastpost.render("a", [[place]])
    with pytest.raises(ValueError, match="`captions` has 2 items for 1 text; pass one for each text"):
        fastpost.render("a", [], captions=["text 0", "text 1"])
    with pytest.raises(ValueError, match="`names` has 1 item"):
        fastpost.render("a", [], other=[], names=("one",))


# --- notebooks ------------------------------------------------------------------------------------


def test_a_notebook_shows_the_texts():
    entities = batch()
    page = Page(entities._repr_html_())
    assert page.text == TEXT * 3
    assert len(page.tags) == len(entities)


def test_a_notebook_shows_a_table_without_texts():
    for entities in (batch("simple", **BARE), batch("none", **BARE)):
        fragment = entities._repr_html_()
        assert fragment.count("<tr>") == len(entities) + 1
        Page(fragment)


def test_a_notebook_is_not_flooded():
    from test_entities import make, seed_arrays, seed_logits

    arrays = seed_arrays()
    many = make().decode(
        np.stack([seed_logits()] * 100),
        offsets=np.stack([arrays["offsets"]] * 100),
        special_tokens_mask=np.stack([arrays["special_tokens_mask"]] * 100),
        texts=[TEXT] * 100,
    )
    assert "100 texts, of which 10 are shown" in many._repr_html_()
    assert len(many._repr_html_()) < 20_000
    bare = make().decode(np.stack([seed_logits()] * 100))
    assert ", of which 50 are shown" in bare._repr_html_()


def test_a_notebook_shows_answers_as_a_table():
    words = ["Anna <b>", "\u202eBerlin\0", "x" * 5000, *"ab" * 30]
    text = " ".join(words)
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    offsets = np.stack([starts, starts + [len(word) for word in words]], axis=1)[None]
    scores = np.linspace(5, 0, len(words), dtype=np.float32)[None]
    for top_k, shown in ((3, 3), (60, 50)):
        decoder = fastpost.AnswerDecoder(top_k=top_k, max_answer_len=1, align_to_words=False)
        answers = decoder.decode(
            scores, scores, contexts=[text], offsets=offsets, sequence_ids=np.ones((1, len(words)), int)
        )
        assert len(answers) == top_k
        fragment = answers._repr_html_()
        Page(fragment)
        assert fragment.count("<tr>") == shown + 1
        assert f"<b>1 question</b> &middot; {top_k} answers" in fragment
        assert (", of which 50 are shown" in fragment) == (top_k > 50)
        assert "<bdi>Anna &lt;b&gt;</bdi>" in fragment
        assert "\0" not in fragment
        assert "x" * 501 not in fragment
        assert len(fragment) < 15_000


def test_render_stays_a_function(python):
    script = """
import sys
sys.path.insert(0, "tests")
from test_columns import batch
batch()._repr_html_()
import fastpost
print(callable(fastpost.render))
"""
    assert python(script) == "True\n"


# --- contrast -------------------------------------------------------------------------------------


def luminance(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted(luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def rgb(color):
    if color.startswith("#"):
        return [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [float(value) / 255 for value in re.findall(r"[\d.]+", color)[:3]]


@pytest.mark.parametrize("dark", [0, 1], ids=["light", "dark"])
def test_contrast_is_that_of_wcag_aa(dark):
    ink, paper, quiet, tag_ink = (pair[dark] for pair in (_render.INK, _render.PAPER, _render.QUIET, _render.TAG_INK))
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)
    texts = [(ink, paper), (quiet, paper)]
    bars = []
    for color in _render.PALETTE:
        tint, strong = color[2 * dark : 2 * dark + 2]
        texts += [(ink, tint), (tag_ink, strong)]
        bars += [(strong, paper), (strong, tint)]
    assert min(contrast(rgb(one), rgb(other)) for one, other in texts) >= 4.5
    assert min(contrast(rgb(one), rgb(other)) for one, other in bars) >= 3  # objects that are not texts


# --- in a browser ---------------------------------------------------------------------------------


def themed(*fragments, theme="light"):
    """A page with the fragments, whose author has chosen a light or dark scheme."""
    return f'<!doctype html><meta charset="utf-8"><body data-theme="{theme}">{"".join(fragments)}</body>'


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_colours_the_spans(tmp_path, theme):
    cases = [
        (SENTENCE, OVERLAPPING),
        (HEBREW, [at(HEBREW, "שרה לוי"), at(HEBREW, "אינטל", "ORG"), at(HEBREW, "חיפה", "CITY")]),
        (ARABIC, [at(ARABIC, "سارة الأحمد"), at(ARABIC, "لظهران", "CITY")]),
        (EMOJI, [at(EMOJI, "👩‍👩‍👧 Familie Müller"), at(EMOJI, "nchen", "CITY"), at(EMOJI, "王小明")]),
        ("no entity", []),
    ]
    page = opened(tmp_path, themed(*(fastpost.render(text, entities) for text, entities in cases), theme=theme))
    assert [block["text"] for block in page["found"]] == [text for text, _ in cases]
    for (text, entities), block in zip(cases, page["found"], strict=True):
        coloured = {place for start, end, *_ in block["coloured"] for place in range(start, end)}
        assert coloured == covered(entities), text
        assert all(width > 0 for *_, width in block["coloured"])
        assert block["hidden"] == [[1, 1]] * len(entities)
        # Tags are not selected; a browser may show a line break its own way.
        assert block["copied"].split() == block["text"].split()
        for _, ink, ground in block["tags"]:
            assert contrast(rgb(ink), rgb(ground)) >= 4.5
        for _, _, ink, ground, *_ in block["coloured"]:
            assert contrast(rgb(ink), rgb(ground)) >= 4.5
    assert contrast(rgb(page["ink"]), rgb(page["paper"])) >= 4.5
    assert (luminance(rgb(page["paper"])) < 0.1) == (theme == "dark")


@in_browser
def test_a_browser_reads_from_right_to_left(tmp_path):
    names = [at(HEBREW, "שרה לוי"), at(HEBREW, "אינטל", "ORG"), at(HEBREW, "חיפה", "CITY")]
    left = [at(SENTENCE, "Sarah"), at(SENTENCE, "Face"), at(SENTENCE, "York")]
    page = opened(tmp_path, themed(fastpost.render(HEBREW, names), fastpost.render(SENTENCE, left)))
    hebrew, english = ([place for *_, place, _ in block["coloured"]] for block in page["found"])
    assert hebrew == sorted(hebrew, reverse=True)
    assert english == sorted(english)


@in_browser
def test_nothing_runs_in_a_browser_and_nothing_is_fetched(tmp_path):
    entity = {"entity": HOSTILE, "start": 3, "end": len(HOSTILE) - 3, "score": 0.5}
    fragment = fastpost.render(
        [HOSTILE], [[entity]], other=[[]], names=(HOSTILE, HOSTILE), title=HOSTILE, captions=[HOSTILE]
    )
    page = opened(tmp_path, themed(fragment))
    assert (page["ran"], page["fetched"], page["asked"]) == ([], [], [])
    assert [block["text"] for block in page["found"]] == [HOSTILE]


@in_browser
def test_the_browser_would_run_and_fetch_what_is_not_escaped(tmp_path):
    page = opened(tmp_path, themed(HOSTILE, fastpost.render("", [])))
    assert {"script", "image", "svg"} <= set(page["ran"])
    assert any("leak.example/picture" in url for url in page["fetched"])
    assert any("leak.example/picture" in line for line in page["asked"])


@in_browser
def test_a_tag_stays_with_the_word_before_it(tmp_path):
    """On any width of page, each tag begins on the line on which its entity ends."""
    text = " ".join(f"word{number}" for number in range(60))
    entities = [at(text, f"word{number} ".strip(), "LABEL") for number in range(10, 60)]
    narrow = f'<div style="width:300px">{fastpost.render(text, entities)}</div>'
    (block,) = opened(tmp_path, themed(narrow))["found"]
    assert len(block["gaps"]) == 50
    assert max(map(abs, block["gaps"])) < 12


@in_browser
def test_the_tag_of_a_long_address_stays_with_its_last_letters(tmp_path):
    """On a phone, where an address fills a line, its tag used to be alone on the next line."""
    text = "Write to anna.mueller@example.com, or x to https://example.com/a/very/long/path/that/does/not/end#here now"
    words = ("anna.mueller@example.com", "https://example.com/a/very/long/path/that/does/not/end#here")
    entities = [at(text, word, "EMAIL", 0.98) for word in words]
    pages = [f'<div style="width:{width}px">{fastpost.render(text, entities)}</div>' for width in range(240, 340, 10)]
    found = opened(tmp_path, themed(*pages))["found"]
    assert [block["text"] for block in found] == [text] * len(pages)
    gaps = [gap for block in found for gap in block["gaps"]]
    assert len(gaps) == 2 * len(pages)
    assert max(map(abs, gaps)) < 12


@in_browser
def test_a_tag_stands_beside_its_entity_in_a_run_of_the_other_direction(tmp_path):
    """The tag used to be at the other end of the run, beside another word."""
    mixed = "שלום, email me at anna@example.com"
    english = "I met דנה שרה today, call 718-555-0199 "
    pages = [
        fastpost.render(mixed, [at(mixed, "anna@example.com")]),
        fastpost.render(english, [at(english, "שרה"), at(english, "718-555-0199")]),
    ]
    found = opened(tmp_path, themed(*pages))["found"]
    assert [len(block["apart"]) for block in found] == [1, 2]
    assert max(gap for block in found for gap in block["apart"]) < 12
    assert [block["copied"].strip() for block in found] == [mixed, english.strip()]


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("Anna", "Anna"),
        ("Anna Schmidt", "Schmidt"),
        ("anna.mueller@example.com", "mple.com"),
        ("عبدالرحمنالعبداللطيف", None),  # letters that are joined
        ("👩‍👩‍👧‍👦" * 3, None),
    ],
)
def test_what_stays_with_a_tag(word, kept):
    page = fastpost.render(f"I am {word}.", [at(f"I am {word}.", word, "EMAIL", 0.98)])
    found = re.findall('<span class="fp-keep"><mark[^>]*>([^<]*)</mark><span class="fp-tag"', page)
    assert found == ([] if kept is None else [kept])


def nested(depth):
    text = "x" * (2 * depth)
    return text, [{"start": n, "end": len(text) - n, "label": "A", "score": 0.5} for n in range(depth)]


def test_entities_in_each_other_have_bars_for_the_first_of_them_only():
    """Each piece used to repeat the bars of all: 2,000 nested entities made half a gigabyte."""
    small, large = (len(fastpost.render(*nested(depth))) for depth in (100, 400))
    assert large < 5 * small
    page = fastpost.render(*nested(14))
    assert max(piece.count("linear-gradient") for piece in page.split("<mark")) == 12
    assert page.count("fp-open") - page.count(".fp-open") == 14
    assert page.count('class="fp-tag"') == 14


def test_what_only_entities_without_a_bar_cover_is_marked():
    spans = [{"start": 0, "end": 2, "label": "A", "score": 0.5}] * 12 + [
        {"start": 1, "end": 4, "label": "B", "score": 0.5}
    ]
    assert ">cd</mark>" in fastpost.render("abcd", spans)
