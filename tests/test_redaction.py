"""`redact` leaves nothing that was found, changes nothing else, and `restore` gives all of it back."""

import copy
import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastpost
from fastpost import Entities, EntityDecoder, redact

TEXT = "Anna Schmidt met Tom in Rome. Anna left."
ANNA, SCHMIDT, TOM, ROME, AGAIN = (0, 4, "PER"), (5, 12, "PER"), (17, 20, "PER"), (24, 28, "LOC"), (30, 34, "PER")
ALL = [ANNA, SCHMIDT, TOM, ROME, AGAIN]

characters = st.text("ab[]_1P {}\u00e9🎉\n", max_size=24)


@st.composite
def texts_with_spans(draw):
    """A text, and spans that overlap, nest, touch, repeat and have no characters."""
    text = draw(characters)
    place = st.integers(0, len(text))
    score = st.one_of(st.none(), st.floats(0, 1), st.just(float("nan")))
    one = st.tuples(place, place, st.sampled_from(["P", "P_1", "a", ""]), score)
    return text, [(min(a, b), max(a, b), label, score) for a, b, label, score in draw(st.lists(one, max_size=8))]


def kept(text, spans):
    covered = {at for start, end, *_ in spans for at in range(start, end)}
    return "".join(character for at, character in enumerate(text) if at not in covered)


@given(texts_with_spans())
def test_no_character_of_a_span_is_left_and_the_rest_is_as_it_was(case):
    text, spans = case
    assert redact(text, spans, "").text == kept(text, spans)
    redaction = redact(text, spans, "\0{label}\0")
    assert "".join(redaction.text.split("\0")[::2]) == kept(text, spans)
    at = 0
    for span in redaction.spans:
        assert redaction.text[span["start"] : span["end"]] == f"\0{span['label']}\0"
        assert span["original_start"] >= at
        at = span["original_end"]
    assert {at for s in redaction.spans for at in range(s["original_start"], s["original_end"])} == {
        at for start, end, *_ in spans for at in range(start, end)
    }


@given(
    st.lists(texts_with_spans(), min_size=1, max_size=3),
    st.sampled_from(["[{label}_{n}]", "{label}{n}", "{n}", "P_{n}", "[{n}"]),
)
def test_what_was_redacted_comes_back_or_is_refused(cases, template):
    texts, spans = [text for text, _ in cases], [spans for _, spans in cases]
    redaction = redact(texts, spans, template)
    try:
        restored = redaction.restore(redaction.texts)
    except ValueError:
        assert redaction.ambiguous
    else:
        assert restored == texts
    if template == "[{label}_{n}]":
        assert not redaction.ambiguous


@given(texts_with_spans(), st.sampled_from(["[{label}]", "P", "[", "a{label}"]))
def test_a_template_without_numbers_never_puts_back_another_word(case, template):
    redaction = redact(*case, template)
    try:
        restored = redaction.restore(redaction.text)
    except ValueError:
        assert redaction.ambiguous
    else:
        assert restored == case[0]


def test_numbers_count_the_words_of_a_label():
    redaction = redact(TEXT, ALL, "[{label}_{n}]")
    assert redaction.text == "[PER_1] [PER_2] met [PER_3] in [LOC_1]. [PER_1] left."
    assert redaction.mapping == {"[PER_1]": "Anna", "[PER_2]": "Schmidt", "[PER_3]": "Tom", "[LOC_1]": "Rome"}
    assert redaction.spans[2] == {
        "start": 20, "end": 27, "label": "PER", "score": None, "original_start": 17, "original_end": 20
    }  # fmt: skip
    assert redaction.ambiguous == {}


def test_the_same_word_has_the_same_number_in_all_texts():
    redaction = redact(["Tom", "Anna, Tom", ""], [[(0, 3, "PER")], [(6, 9, "PER"), (0, 4, "PER")], []], "<{label}{n}>")
    assert redaction.texts == ["<PER1>", "<PER2>, <PER1>", ""]
    assert redaction.restore(["<PER2> called <PER1>", "<PER3>"]) == ["Anna called Tom", "<PER3>"]
    with pytest.raises(AttributeError, match=r"holds 3 texts; take `texts`"):
        _ = redaction.text


def test_an_answer_gets_its_names_back():
    names = [f"name{number}" for number in range(12)]
    text = " ".join(names)
    starts = [text.index(f"{name} ") if f"{name} " in text else text.rindex(name) for name in names]
    redaction = redact(text, [(at, at + len(name), "PER") for at, name in zip(starts, names)], "PER_{n}")
    assert (
        redaction.restore("PER_1, PER_10 and PER_12; PER_123 is nobody") == "name0, name9 and name11; PER_123 is nobody"
    )
    closed = redact(text, [(at, at + len(name), "PER") for at, name in zip(starts, names)], "[PER_{n}]")
    assert closed.restore("[PER_10]0 [PER_1]0") == "name90 name00"


def test_placeholders_that_the_text_has_already_are_passed_over():
    redaction = redact("[PER_1] and [PER_12 wrote to Anna.", [(29, 33, "PER")], "[{label}_{n}]")
    assert redaction.text == "[PER_1] and [PER_12 wrote to [PER_2]."
    assert redaction.restore(redaction.text) == "[PER_1] and [PER_12 wrote to Anna."
    scored = redact("<0.50 1> Anna", [(9, 13, "PER", 0.5)], "<{score} {n}>")
    assert scored.text == "<0.50 1> <0.50 2>"
    assert redact(["<1>", "Anna"], [[], [(0, 4, "PER")]], "<{n}>").texts == ["<1>", "<2>"]


def test_originals_are_not_searched_for_placeholders():
    redaction = redact("ab cd", [(0, 2, "X"), (3, 5, "Y")], lambda entity: {"X": "cd", "Y": "<1>"}[entity["label"]])
    assert (redaction.text, redaction.mapping) == ("cd <1>", {"cd": "ab", "<1>": "cd"})
    assert redaction.restore("<1> cd") == "cd ab"


@pytest.mark.parametrize(
    ("text", "spans", "template", "other", "says"),
    [
        (TEXT, ALL, "[{label}]", "[PER]", "stands for 3 different words"),
        ("[PER] is Anna", [(9, 13, "PER")], "[{label}]", "[PER]", "has these characters in another place"),
        (
            "Anna2 and Tom",
            [(0, 4, "PER"), (10, 13, "PER")],
            "{label}{n}",
            "PER1",
            "has these characters in another place",
        ),
        (TEXT, [ANNA], "", "any", "left nothing where entities stood"),
    ],
)
def test_what_may_be_another_word_is_not_put_back(text, spans, template, other, says):
    redaction = redact(text, spans, template)
    with pytest.raises(ValueError, match=says):
        redaction.restore(other)
    assert redaction.restore("nothing") == "nothing" if template else redaction.mapping == {}
    assert set(redaction.ambiguous) & set(redaction.mapping) == set()
    assert redact(TEXT, ALL, "[{label}]").restore("to [LOC]") == "to Rome"


def test_the_longest_of_those_that_overlap_gives_the_label():
    text = "abcdefghij"
    assert redact(text, [(1, 4, "A", 0.5), (3, 7, "B", 0.1)]).text == "a[B]hij"
    assert redact(text, [(1, 4, "A", 0.5), (3, 6, "B", 0.9)]).text == "a[B]ghij"
    assert redact(text, [(1, 4, "A"), (3, 6, "B", 0.0)]).text == "a[B]ghij"
    assert redact(text, [(3, 6, "B", 0.9), (1, 4, "A", 0.9)]).text == "a[A]ghij"
    assert redact(text, [(1, 4, "A", float("nan")), (1, 4, "B", 0.1), (1, 4, "C", 0.1)]).text == "a[B]efghij"
    nested = redact(text, [(2, 3, "IN", 1.0), (1, 9, "OUT", 0.2), (5, 6, "IN", 1.0)], "{label}{n}")
    assert (nested.text, nested.mapping) == ("aOUT1j", {"OUT1": "bcdefghi"})
    chain = redact(text, [(0, 3, "A"), (2, 6, "B"), (5, 8, "C")])
    assert (chain.text, chain.mapping) == ("[B]ij", {"[B]": "abcdefgh"})


def test_those_that_touch_stay_apart_and_those_without_characters_have_no_placeholder():
    assert redact("abcd", [(2, 3, "A"), (0, 2, "A"), (3, 4, "B")]).text == "[A][A][B]"
    assert redact("abcd", [(2, 2, "A")]).text == "abcd"
    assert redact("abcd", [(1, 1, "A"), (0, 3, "B"), (3, 3, "A")]).text == "[B]d"
    assert redact("", []).text == redact("", [(0, 0, "A")]).text == ""
    assert redact([], []).texts == []


def test_templates():
    spans = [{"start": 0, "end": 4, "label": "{n}", "score": np.float32(0.97531)}]
    assert redact(TEXT, spans, "{{{label}|{score}|{n}|{n}}}").text.startswith("{{n}|0.98|1|1} Schmidt")
    assert redact(TEXT, [ANNA], "***").text.startswith("*** Schmidt")
    assert redact(TEXT, [ANNA], "\\1\\g<0>").text.startswith("\\1\\g<0> Schmidt")
    with pytest.raises(ValueError, match=r"`entities\[0\]` has no score; leave \{score\} out of `replace`"):
        redact(TEXT, [ANNA], "{score}")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("[{name}]", r"has \{name\} in it; the names are \{label\}, \{n\} and \{score\}"),
        ("[{}]", r"has \{\} in it; the names are"),
        ("[{0}]", r"has \{0\} in it"),
        ("[{label.__class__}]", r"has \{label.__class__\} in it"),
        ("[{label[0]}]", r"has \{label\[0\]\} in it"),
        ("[{label]", "in which a brace stands alone; .* written twice, {{ or }}"),
        ("{", "a brace stands alone"),
        ("}", "a brace stands alone"),
        ("{n:999999999}", "a name with a format; pass {n}, or a function"),
        ("{label!r}", "a name with a format"),
        ("{" + "x" * 500 + "}", r"has \{x{56}\.\.\. in it"),
        (
            "[{label}\ud83d]",
            r"`replace` is '\[\{label\}\\ud83d\]', which holds half a surrogate pair; pass text that has",
        ),
    ],
)
def test_bad_templates_are_refused_though_there_is_nothing_to_replace(template, says):
    with pytest.raises(ValueError, match=says) as caught:
        redact("nothing", [], template)
    assert len(str(caught.value)) < 250


def test_a_function_gets_the_entity():
    seen = []

    def stars(entity):
        seen.append(entity)
        return "*" * len(entity["word"])

    entity = {"start": 5, "end": 12, "entity_group": "PER", "score": 0.5, "word": "schmidt", "mine": 7}
    assert redact(TEXT, [ANNA, entity, (0, 6, "NAME", 0.4)], stars).text == "************ met Tom in Rome. Anna left."
    assert seen == [
        {"start": 0, "end": 12, "label": "PER", "entity_group": "PER", "score": 0.5, "word": "Anna Schmidt", "mine": 7, "n": 1}
    ]  # fmt: skip
    numbered = redact(TEXT, ALL, lambda entity: f"<{entity['label']}:{entity['n']}>")
    assert numbered.restore("<PER:3>, <LOC:1>") == "Tom, Rome"
    with pytest.raises(TypeError, match=r"`replace` returned a NoneType for `entities\[0\]`; it should return a str"):
        redact(TEXT, [ANNA], lambda entity: None)
    with pytest.raises(ZeroDivisionError):
        redact(TEXT, [ANNA], lambda entity: 1 / 0)
    with pytest.raises(TypeError, match="`replace` is an int; pass a template"):
        redact(TEXT, [ANNA], 5)


def test_entities_as_others_give_them():
    want = redact(TEXT, [ANNA, ROME]).text
    for entities in (
        [{"start": 0, "end": 4, "label": "PER", "text": "Anna", "score": 0.9}, {"start": 24, "end": 28, "label": "LOC"}],
        [{"start": 24, "end": 28, "entity_group": "LOC"}, {"start": np.int64(0), "end": 4, "entity": "PER"}],
        [{"start": 0, "end": 4, "entity_type": "PER", "score": 1}, (24, 28, "LOC", 0.5)],
        [[0, 4, "PER"], [24, 28, "LOC", None]],
        (span for span in (ANNA, ROME)),
        # spaCy counts tokens in `start`; Presidio has an object with `entity_type`.
        [SimpleNamespace(start=0, end=1, start_char=0, end_char=4, label=380, label_="PER"),
         SimpleNamespace(start=24, end=28, entity_type="LOC", score=0.8)],
        fastpost.TextEntities([{"start": 0, "end": 4, "label": "PER"}, ROME], (0, 40), 1, False),
        Entities.from_spans([[ANNA, ROME]], [TEXT]),
        Entities.from_spans([[ANNA, ROME]]),
        pickle.loads(pickle.dumps(Entities.from_spans([[ANNA, ROME]], [TEXT]))),
    ):  # fmt: skip
        assert redact(TEXT, entities).text == want
    many = Entities.from_spans([[ANNA], [], [(0, 1, "X", 0.25)]], [TEXT, "", "é"])
    assert redact([TEXT, "", "é"], many, "{label}{score}").texts == ["PER1.00" + TEXT[4:], "", "X0.25"]
    assert redact((TEXT,), [[ANNA]]).texts == [redact(TEXT, [ANNA]).text]


def decoded(**options):
    labels = ["O", "B-PER", "I-PER"]
    logits = np.full((1, 3, 3), -5, np.float32)
    logits[0, [0, 1, 2], [1, 2, 0]] = 5
    return EntityDecoder(labels, **options).decode(logits, texts=["Jo Do x"], offsets=[[(0, 2), (3, 5), (6, 7)]])


def test_entities_of_a_decoder():
    assert redact("Jo Do x", decoded()).text == "[PER] x"
    assert redact("Jo Do x", decoded(compat="transformers")).text == "[PER] x"
    assert redact("Jo Do x", decoded(aggregation_strategy="none")).text == "[B-PER] [I-PER] x"
    assert redact(["Jo Do x"], decoded(), "{label}").texts == ["PER x"]
    logits = np.zeros((1, 1, 2), np.float32)
    logits[0, 0, 1] = 5
    with pytest.raises(ValueError, match="`entities` has no offsets"):
        redact("Jo", EntityDecoder(["O", "PER"], compat="transformers").decode(logits))


@pytest.mark.parametrize(
    ("text", "entities", "error", "says"),
    [
        (TEXT, [(0, 41, "A")], ValueError, r"`entities\[0\]` covers characters 0 to 41, but its text has 40"),
        (TEXT, [ANNA, (5, 4, "A")], ValueError, r"`entities\[1\]` covers characters 5 to 4"),
        (TEXT, [(-1, 4, "A")], ValueError, "covers characters -1 to 4"),
        (TEXT, [{"start": None, "end": 4, "label": "A"}], ValueError, r"`entities\[0\]` has no `start`; only entities with"),
        (TEXT, [{"start": 0, "label": "A"}], ValueError, r"`entities\[0\]` has no `end`"),
        (TEXT, [(0, None, "A")], ValueError, r"`entities\[0\]` has no `end`"),
        (TEXT, [{"start": 0, "end": 4}], ValueError, r"`entities\[0\]` has no label; pass it as `label`"),
        (TEXT, [(0, 4, None)], ValueError, "has no label"),
        (TEXT, [(0, 4, 7)], TypeError, "a label of type int; labels are str"),
        (TEXT, [(0.0, 4, "A")], TypeError, r"`entities\[0\]` has a start of type float; pass an int"),
        (TEXT, [(0, True, "A")], TypeError, "an end of type bool|a end of type bool"),
        (TEXT, [(0, 4, "A", "high")], TypeError, "a score of type str; pass a number"),
        (TEXT, [[ANNA]], TypeError, r"`entities\[0\]` is of type list; pass a dict"),
        (TEXT, [[ANNA, ROME, TOM]], TypeError, r"`entities\[0\]` is of type list; pass a dict"),
        (TEXT, ["PER"], TypeError, r"`entities\[0\]` is of type str; pass a dict"),
        (TEXT, [slice(0, 4)], TypeError, r"`entities\[0\]` is of type slice"),
        (TEXT, {"start": 0}, TypeError, "`entities` is of type dict; pass a list of entities"),
        (TEXT, None, TypeError, "`entities` is of type NoneType"),
        ([TEXT], None, TypeError, "`entities` is of type NoneType; pass a list of entities for each text"),
        ([TEXT], [[], []], ValueError, "`entities` holds 2 lists for 1 text"),
        ([TEXT], [ANNA, TOM], ValueError, "`entities` is one list of 2 entities for a list of 1 text; pass a list with one list"),
        ([TEXT], [{"start": 0}] * 2, ValueError, "`entities` is one list of 2 entities for a list of 1 text"),
        (TEXT, [[], []], TypeError, r"`entities\[0\]` is of type list; .*; a list of lists goes with a list of texts"),
        ([TEXT], [ANNA], TypeError, r"`entities\[0\]\[0\]` is of type int"),
        ([TEXT, "a"], [[], [(0, 2, "A")]], ValueError, r"`entities\[1\]\[0\]` covers characters 0 to 2, but its text has 1"),
        ([TEXT, None], [[], []], TypeError, r"`text\[1\]` is of type NoneType; pass a str"),
        (b"Anna", [], TypeError, "`text` is of type bytes; pass a str, or a list of them"),
        (None, [], TypeError, "`text` is of type NoneType"),
        ("Anna", Entities.from_spans([[], []]), ValueError, "`entities` is of 2 texts, but `text` holds 1"),
        ("Anna", Entities.from_spans([[ANNA]], ["Tomm"]), ValueError, "was found in other texts: text 0 had 4 characters"),
        ("Ann", Entities.from_spans([[ANNA]]), ValueError, r"`entities\[0\]` covers characters 0 to 4, but its text has 3"),
        (["Anna"], [Entities.from_spans([[ANNA]])], TypeError, r"`entities\[0\]` is an Entities; pass one for all texts"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(text, entities, error, says):
    with pytest.raises(error, match=says) as caught:
        redact(text, entities)
    assert "Schmidt" not in str(caught.value)


def test_a_redaction_shows_no_text_and_can_be_kept():
    redaction = redact(TEXT, ALL, "[{label}_{n}]")
    assert repr(redaction) == "<Redaction: 5 placeholders in 1 text>"
    assert repr(redact([TEXT, ""], [ALL, []])) == "<Redaction: 5 placeholders in 2 texts>"
    for copied in (pickle.loads(pickle.dumps(redaction)), copy.deepcopy(redaction)):
        assert copied == redaction
        assert copied.restore(redaction.text) == TEXT
    assert json.loads(json.dumps(redaction.spans)) == redaction.spans
    assert "PER" in fastpost.render(redaction.text, redaction.spans)
    with pytest.raises(TypeError, match=r"`other_text\[0\]` is of type NoneType"):
        redaction.restore([None])
    with pytest.raises(TypeError, match="`other_text` is of type int"):
        redaction.restore(5)


@pytest.mark.parametrize("name", ["_texts", "_spans", "_originals", "_single"])
@pytest.mark.parametrize(
    "wrong",
    [None, 5, "x", [], {}, ("a", "b"), [5], True, {"<1>": [5]}, {"<1>": []}, ([{"start": 0}],), ([5],)],
    ids=str,
)
def test_a_pickle_of_a_redaction_that_was_tampered_with_is_refused_when_it_is_read(name, wrong):
    """It was an AttributeError wherever the redaction was used first."""
    redaction = redact(["Anna met Bo", "x"], [[(0, 4, "PER"), (9, 11, "PER")], []], "<{n}>")
    other = copy.copy(redaction)
    vars(other)[name] = wrong
    with pytest.raises(ValueError, match="this is no pickle of a Redaction") as raised:
        pickle.loads(pickle.dumps(other))
    assert "Anna" not in str(raised.value)
    assert raised.value.__context__ is None
    del vars(other)[name]
    with pytest.raises(ValueError, match="this is no pickle of a Redaction"):
        pickle.loads(pickle.dumps(other))


def test_thousands_of_words_are_put_back():
    text = " ".join(f"w{number}" for number in range(20_000))
    spans, at = [], 0
    for word in text.split():
        spans.append((at, at + len(word), "W"))
        at += len(word) + 1
    redaction = redact(text, spans, "[{label}_{n}]")
    assert len(redaction.mapping) == 20_000
    assert redaction.restore(redaction.text) == text


@given(
    st.lists(st.text("P_12 ", max_size=12), min_size=1, max_size=3),
    st.sets(st.sampled_from(["P", "P_1", "", "_", "1", "2_"]), min_size=1),
    st.sampled_from(["{label}_{n}", "{n}", "1{n}{label}", "{label}{label}{n}", "P{label}1{n}_{n}"]),
)
def test_numbers_that_are_taken_are_the_same_looked_up_at_once_or_one_by_one(texts, labels, replace):
    from fastpost.entities import redact as module

    spans = [
        [(at, at + 1, label) for at in range(len(text)) for label in sorted(labels)[at % 2 :: 2]] for text in texts
    ]
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for few in (0, 1, 1000):
            patch.setattr(module, "_FEW_LABELS", few)
            made.append(redact(texts, spans, replace).texts)
    assert made[0] == made[1] == made[2]


def test_a_label_of_its_own_for_each_entity_does_not_read_all_texts_for_each():
    class Counted(str):
        looked = 0

        def __contains__(self, other):
            Counted.looked += 1
            return super().__contains__(other)

    texts = [Counted(f"Anna L{n}_1") for n in range(100)]
    made = redact(texts, [[(0, 4, f"L{n}")] for n in range(100)], "{label}_{n}")
    assert made.texts == [f"L{n}_2 L{n}_1" for n in range(100)]
    assert Counted.looked <= 16 * len(texts)


def test_half_a_surrogate_pair_is_no_placeholder():
    """The result used to be text that cannot be written to a file."""
    with pytest.raises(ValueError, match=r"`entities\[0\]` has the label .*half a surrogate pair; pass") as raised:
        fastpost.redact("Anna", [(0, 4, "P\udc00")])
    assert raised.value.argument == "entities"
    with pytest.raises(ValueError, match=r"`replace` returned '\\ud83d' for `entities\[0\]`.*; it should") as raised:
        fastpost.redact("Anna", [(0, 4, "PER")], lambda _: "\ud83d")
    assert raised.value.argument == "replace"
    # A text may hold anything.
    assert fastpost.redact("\ud83dna", [(0, 2, "PER")], lambda entity: entity["word"] * 2).text == "\ud83dn\ud83dna"
