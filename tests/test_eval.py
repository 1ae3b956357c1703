"""`make eval`: its measures by hand on small examples, and all of it on a slice with a real model."""

import itertools
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from eval import edges, gold, made, measures, peer, report, settings  # noqa: E402
from eval.tables import CHOOSE, REPORT, Evaluation, Subject  # noqa: E402


@pytest.mark.parametrize(
    ("name", "wanted", "found", "counted"),
    [
        # hits, gold, found, characters covered, characters, entities covered whole
        ("nothing", [], [], (0, 0, 0, 0, 0, 0)),
        ("right", [(0, 4, "PER")], [(0, 4, "PER")], (1, 1, 1, 4, 4, 1)),
        ("another label", [(0, 4, "PER")], [(0, 4, "LOC")], (0, 1, 1, 4, 4, 1)),
        ("one character short", [(0, 4, "PER")], [(0, 3, "PER")], (0, 1, 1, 3, 4, 0)),
        ("one too long", [(0, 4, "PER")], [(0, 6, "PER")], (0, 1, 1, 4, 4, 1)),
        ("two that cover one", [(0, 9, "PER")], [(0, 4, "PER"), (4, 9, "LOC")], (0, 1, 2, 9, 9, 1)),
        ("two with a gap", [(0, 9, "PER")], [(0, 4, "PER"), (5, 9, "PER")], (0, 1, 2, 8, 9, 0)),
        ("one found, one missed", [(0, 4, "PER"), (5, 9, "LOC")], [(5, 9, "LOC")], (1, 2, 1, 4, 8, 1)),
        ("in vain", [], [(1, 2, "PER")], (0, 0, 1, 0, 0, 0)),
        ("twice", [(0, 4, "PER")], [(0, 4, "PER"), (0, 4, "PER")], (1, 1, 1, 4, 4, 1)),
    ],
)
def test_counts_of_a_text(name, wanted, found, counted):
    assert measures.counts([wanted], [found]).tolist() == [list(counted)]


def test_measures_are_of_all_texts_together():
    table = measures.counts(
        [[(0, 4, "PER"), (5, 9, "LOC")], [], [(0, 2, "ORG")]],
        [[(0, 4, "PER")], [(3, 4, "PER")], [(0, 1, "ORG"), (1, 2, "ORG")]],
    )
    got = measures.measure(table)
    assert got == pytest.approx((2 * 1 / (3 + 4), 1 / 4, 1 / 3, 6 / 10, 2 / 3))
    assert all(math.isnan(value) for value in measures.measure(measures.counts([[]], [[]])))
    with pytest.raises(ValueError, match="`gold` has 1 texts but `found` 2"):
        measures.counts([[]], [[], []])


def test_the_bootstrap_draws_texts_in_pairs():
    one, none = [(0, 4, "PER")], [(0, 3, "PER")]
    better, worse = measures.counts([one, one], [one, none]), measures.counts([one, one], [none, none])
    # Both texts drawn twice, or each once: the F1 of the better is 1, 0.5 or 0, that of the worse 0.
    assert measures.paired(better, worse) == (0.5, 0.0, 1.0)
    assert measures.paired(worse, better) == (-0.5, -1.0, 0.0)
    assert measures.paired(better, better) == (0.0, 0.0, 0.0)
    assert measures.paired(better, worse, "whole") == (0.5, 0.0, 1.0)
    many, few = np.tile(better, (200, 1)), np.tile(worse, (200, 1))
    interval = measures.paired(many, few)
    # 400 texts, half of them better: the standard deviation of the share is 0.5 / sqrt(400).
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.005)
    assert interval.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.005)
    assert interval == measures.paired(many, few)
    assert interval != measures.paired(many, few, seed=1)
    with pytest.raises(ValueError, match="pass the same texts"):
        measures.paired(many, worse)


def test_a_template_knows_its_spans():
    text, spans = made.fill("{given}{s} mail: {email}, {town}, {state} {zip}.", random.Random(3))
    assert [label for _, _, label in spans] == ["GIVEN_NAME", "EMAIL", "CITY", "STATE", "ZIP_CODE"]
    words = [text[start:end] for start, end, _ in spans]
    assert text == f"{words[0]}{text[spans[0][1]]}s mail: {words[1]}, {words[2]}, {words[3]} {words[4]}."
    assert words[0] in made.GIVEN
    assert words[1].count("@") == 1


def test_made_texts_are_the_same_each_time_and_other_by_seed():
    first, again, other = made.personal(made.CHOOSE), made.personal(made.CHOOSE), made.personal(made.REPORT)
    assert first.texts == again.texts
    assert first.spans == again.spans
    assert len(set(first.texts) & set(other.texts)) < 8  # short texts without a slot that varies much
    assert first.chosen.all()
    assert not other.chosen.any()
    for text, spans in zip(first.texts, first.spans):
        assert all(text[start:end].strip() == text[start:end] != "" for start, end, _ in spans)
        assert all(end <= start for (_, end, _), (start, _, _) in itertools.pairwise(spans))


def test_edges_of_gold_in_units():
    texts = ["Anna's brother", "l'Italia", "Jeanne d'Arc", "Mr.Smith", "don't"]
    spans = [[(0, 4, "PER")], [(2, 8, "LOC")], [(0, 12, "PER")], [(3, 8, "PER")], [(0, 2, "PER")]]
    assert edges.count(texts, spans, cut=True) == (5, 1, 1)
    assert edges.count(texts, spans, cut=False) == (5, 4, 0)


def test_tables_in_pages_are_those_of_the_last_run():
    tables = json.loads(report.RESULTS.read_text(encoding="utf-8"))["tables"]
    shown = 0
    for page in report.PAGES:
        text = page.read_text(encoding="utf-8")
        assert report.shown(text, tables) == text, f"{page.name}: run `make eval`"
        shown += text.count("<!-- eval: end -->")
    assert shown >= 4


def test_a_page_takes_a_table():
    page = "a\n<!-- eval: main -->\nold\n<!-- eval: end -->\nb\n"
    new = report.table(("", "F1"), [["x", "1.0"]])
    assert report.shown(page, {"main": new}) == page.replace("old\n", "|  | F1 |\n| --- | --- |\n| x | 1.0 |\n")
    with pytest.raises(KeyError):
        report.shown(page, {})


def test_the_whole_of_it_on_a_slice(rampart_dir, tmp_path, monkeypatch):
    """Own mode is not worse than the live transformers on 20 texts of each seed."""
    from eval import models

    monkeypatch.setattr(models, "CACHE", tmp_path)
    parts = [made.personal(seed, 20) for seed in (made.CHOOSE, made.REPORT)]
    texts, spans = ([item for part in parts for item in getattr(part, name)] for name in ("texts", "spans"))
    subject = Subject("personal data", rampart_dir, gold.Gold("slice", texts, spans, np.arange(40) < 20))
    assert peer.differing(rampart_dir, subject.recorded, 40, 128) == dict.fromkeys(peer.STRATEGIES, 0)
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1
    again = models.record(rampart_dir, texts)
    assert all(np.array_equal(a, b) for a, b in zip(again.logits, subject.recorded.logits, strict=True))
    for part in (CHOOSE, REPORT):
        theirs = subject.measure(settings.TRANSFORMERS[subject.best(part)], part)
        ours, hidden = subject.measure(settings.OWN, part), subject.measure(settings.REDACTION, part)
        assert ours.f1 > theirs.f1
        assert ours.whole > theirs.whole
        assert hidden.whole >= ours.whole
    evaluation = Evaluation([subject])
    shown = dict(evaluation.tables(tmp_path / "no data"))
    assert list(shown) == ["main", "strategies", "options", "redaction"]
    assert evaluation.differing == 0
    assert evaluation.compared == 200
    assert all(f"`{name}`" in shown["strategies"] for name in peer.STRATEGIES)
