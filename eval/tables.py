"""Decodes and counts, and makes the tables that show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eval import edges, gold, measures, models, peer, settings
from eval.gold import Gold
from eval.measures import Interval, Measures
from eval.report import MEASURES, change, five, gain, percent, table

ALL, CHOOSE, REPORT = "all", "choose", "report"


@dataclass
class Subject:
    """A model on gold texts, in windows of `length` tokens that overlap by `stride`."""

    name: str
    folder: Path
    gold: Gold
    length: int = 512
    stride: int = 128
    part: str = REPORT
    """The texts that tables are about."""
    _counted: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def recorded(self) -> models.Recorded:
        """The model's output; it runs once."""
        return models.record(self.folder, self.gold.texts, self.length, self.stride)

    def counts(self, options: dict[str, Any], part: str | None = None) -> np.ndarray:
        """The counts of each text of a part: "all", "choose" or "report"."""
        key = json.dumps(options, sort_keys=True)
        if key not in self._counted:
            found = [measures.spans(text) for text in self.recorded.found(**options)]
            self._counted[key] = measures.counts(self.gold.spans, found)
        part = part or self.part
        keep = {ALL: slice(None), CHOOSE: self.gold.chosen, REPORT: ~self.gold.chosen}[part]
        return self._counted[key][keep]

    def measure(self, options: dict[str, Any], part: str | None = None) -> Measures:
        """The measures of a part."""
        return measures.measure(self.counts(options, part))

    def paired(self, options: dict[str, Any], other: dict[str, Any], name: str, part: str | None = None) -> Interval:
        """By how much one setting beats the other."""
        return measures.paired(self.counts(options, part), self.counts(other, part), name)

    def best(self, part: str | None = None) -> str:
        """The strategy of transformers with the highest F1."""
        names = peer.strategies(self.recorded)
        return max(names, key=lambda name: self.measure(settings.TRANSFORMERS[name], part).f1)


class Evaluation:
    """Tables of subjects; those with `unknown` in their name count only for what is covered."""

    def __init__(self, subjects: list[Subject]) -> None:
        self.subjects = [subject for subject in subjects if not subject.name.startswith("unknown")]
        self.unknown = [subject for subject in subjects if subject.name.startswith("unknown")]
        self.compared = self.differing = 0

    def tables(self, data: Path) -> Iterator[tuple[str, str]]:
        """Names and tables, in the order in which they are made."""
        self._check()
        yield "main", self.main()
        yield "strategies", self.strategies()
        yield "options", self.options()
        yield "redaction", self.redaction()
        if data.exists():
            yield "documents", self.documents(data)
            yield "edges", _edges(data)

    def _check(self, sample: int = 40) -> None:
        """Holds our `compat="transformers"`, which stands for transformers here, against the live pipeline."""
        for subject in (*self.subjects, *self.unknown):
            differing = peer.differing(subject.folder, subject.recorded, sample, subject.stride)
            self.compared += sample * len(differing)
            self.differing += sum(differing.values())
        if self.differing:
            raise SystemExit(f"{self.differing} of {self.compared} texts are not as transformers' pipeline has them")

    def main(self) -> str:
        """The best strategy of transformers, own mode's default and its redaction."""
        rows = []
        for subject in self.subjects:
            rows.append(_beside(subject, subject.name, subject.part))
            if subject.name.startswith("wikigold"):
                rows.append(_beside(subject, f"{subject.name}, all of it", ALL))
        return table(("", "transformers, F1 / whole", "fastpost, F1", "whole", "for redaction, F1", "whole"), rows)

    def strategies(self) -> str:
        """All five strategies of both."""
        rows = []
        for subject in self.subjects:
            for name in settings.TRANSFORMERS:
                rows.append(
                    [subject.name, "transformers", f"`{name}`", *five(subject.measure(settings.TRANSFORMERS[name]))]
                )
            for name in settings.TRANSFORMERS:
                rows.append(
                    [subject.name, "fastpost", f"`{name}`", *five(subject.measure({"aggregation_strategy": name}))]
                )
        return table(("", "", "aggregation_strategy", *MEASURES), rows)

    def options(self) -> str:
        """The effect of each option, beside the default."""
        rows = [
            ["the default", *(f"{percent(now.f1)} / {percent(now.whole)}" for now in self._each(settings.OWN))],
        ]
        for name, options in settings.OPTIONS.items():
            cells = [
                " / ".join(change(subject.paired(options, settings.OWN, measure)) for measure in ("f1", "whole"))
                for subject in self.subjects
            ]
            rows.append([f"`{name}`", *cells])
        return table(("", *(subject.name for subject in self.subjects)), rows)

    def _each(self, options: dict[str, Any]) -> list[Measures]:
        return [subject.measure(options) for subject in self.subjects]

    def redaction(self) -> str:
        """Bias and other options beside the defaults of redaction, on the part for choosing and on the rest."""
        tried = {f"outside_bias={bias:g}": {"outside_bias": bias} for bias in settings.BIASES} | settings.REDACTIONS
        rows = []
        for name, options in tried.items():
            row = [f"`{name}`"]
            for subject in self.subjects:
                for part in (CHOOSE, REPORT):
                    now = subject.measure({**settings.REDACTION, **options}, part)
                    row.append(f"{percent(now.f1)} / {percent(now.characters)} / {percent(now.whole)}")
            row += [percent(s.measure({**settings.REDACTION, **options}, REPORT).characters) for s in self.unknown]
            rows.append(row)
        heads = [f"{subject.name}, {part}" for subject in self.subjects for part in (CHOOSE, REPORT)]
        return table(("", *heads, *(subject.name for subject in self.unknown)), rows)

    def documents(self, data: Path) -> str:
        """Windows of two lengths, put together in each way."""
        rows = []
        for whole in self.subjects:
            if not whole.name.startswith("wikigold"):
                continue
            for length, stride in settings.LENGTHS:
                made = gold.wikigold_documents(data)
                subject = Subject(whole.name, whole.folder, made, length, stride, part=ALL)
                best = subject.best()
                place = [whole.name, f"{length}"]
                rows.append([*place, f"transformers, `{best}`", *five(subject.measure(settings.TRANSFORMERS[best]))])
                for merge in settings.MERGES:
                    options = {"window_merge": merge}
                    rows.append([*place, f'`window_merge="{merge}"`', *five(subject.measure(options))])
        return table(("", "tokens a window", "", *MEASURES), rows)

    def details(self) -> dict[str, Any]:
        """The details that the tables leave out: every setting on every part."""
        tried = {
            **{f"transformers, {name}": options for name, options in settings.TRANSFORMERS.items()},
            "default": settings.OWN,
            "redaction": settings.REDACTION,
            **settings.OPTIONS,
        }
        return {
            "measures": {
                subject.name: {
                    part: {
                        name: dict(zip(Measures._fields, five(subject.measure(options, part))))
                        for name, options in tried.items()
                    }
                    for part in (CHOOSE, REPORT, ALL)
                }
                for subject in self.subjects
            }
        }


def _beside(subject: Subject, title: str, part: str) -> list[str]:
    """A row of `main`."""
    best = subject.best(part)
    base = settings.TRANSFORMERS[best]
    was = subject.measure(base, part)
    row = [title, f"`{best}`: {percent(was.f1)} / {percent(was.whole)}"]
    for options in (settings.OWN, settings.REDACTION):
        now = subject.measure(options, part)
        row += [gain(getattr(now, name), subject.paired(options, base, name, part)) for name in ("f1", "whole")]
    return row


def _edges(data: Path) -> str:
    rows = []
    for name, title in (("wikigold-test", "wikigold, English"), ("kind-wikinews-it", "KIND, Italian"),
                        ("europeana-fr", "Europeana, French (OCR)")):  # fmt: skip
        read = gold.read(data / f"{name}.jsonl")
        words, units = edges.count(*read, cut=False), edges.count(*read, cut=True)
        rows.append([title, *(f"{number:,}" for number in (units.entities, words.inside, units.inside, units.cut))])
    return table(("", "entities", "with an edge inside a word of UAX #29", "inside a unit", "with a cut inside"), rows)
