"""Which entities differ between transformers' answer and fastpost's, and which rule makes the difference.

The model runs once. Its logits are decoded as transformers does, and then again for each rule, with one rule more of
`compat="fastpost"` each time: a rule has part in a difference if entities at its place change when it is switched on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastpost._inputs.bounds import counted
from fastpost._inputs.option import ABSENT
from fastpost._inputs.terminal import visible
from fastpost.entities.options import ENTITY_OPTIONS
from fastpost.exceptions import refuse
from fastpost.models.backends import packages_of
from fastpost.models.batches import Logits, Windows
from fastpost.pipelines.entities import Chunk, EntityTask, text_size
from fastpost.pipelines.layout import lay_out
from fastpost.pipelines.run import Told, shown, stream

RULES = {
    "long text": "transformers does not read what is longer than the model",
    "scheme": "labels are read under their scheme",
    "words": "words are units of the text, not told apart by spaces or the length of a token",
    "windows": "each token is decided by the window in which it has most context",
    "trim": "white space at the ends is left out",
    "snap": "entities are widened to whole words",
    "join": "pieces of one thing are one entity",
    "decode": "the best legal path, repair, weights of steps, a bias of what is outside",
    "score": "another score, and the threshold on it",
    "word": "the word is the text itself, not put together from tokens",
}
"""The rules that are switched on, in this order, on the way from transformers' answer to fastpost's."""

_PLAIN = {name: option.plain for name, option in ENTITY_OPTIONS.items() if option.plain is not ABSENT}
"""The options of the decoder that come closest to transformers."""

_OPTIONS_OF = {
    rule: tuple(name for name in _PLAIN if ENTITY_OPTIONS[name].rule == rule)
    for rule in RULES
    if any(ENTITY_OPTIONS[name].rule == rule for name in _PLAIN)
}
"""The options that each rule switches on, in the order of the rules."""


@dataclass(frozen=True)
class Difference:
    """Entities of one place in a text that are not the same in both modes."""

    text_index: int
    transformers: list[dict[str, Any]]
    """What `compat="transformers"` finds there."""
    fastpost: list[dict[str, Any]]
    """What `compat="fastpost"` finds there."""
    rules: list[str]
    """The rules that changed something there: keys of `RULES`. `word` stands alone, where nothing but the word differs."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `fastpost.compare` found; printed, it is a table.

    Attributes:
        texts: the texts.
        transformers, fastpost: the entities of each text in the two modes.
        differences: where they differ, in order.
    """

    texts: list[Any]
    transformers: list[list[dict[str, Any]]]
    fastpost: list[list[dict[str, Any]]]
    differences: list[Difference] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Comparison: {_places_of(self)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the first texts that differ, with the entities of both in colour."""
        from fastpost.entities.render import SHOWN_TEXTS

        return show_differences(self, most=SHOWN_TEXTS)

    @property
    def differing(self) -> list[int]:
        """The numbers of the texts that differ, in order."""
        return sorted({difference.text_index for difference in self.differences})

    @property
    def counts(self) -> dict[str, int]:
        """How many differences each rule has part in, in the order of the rules; rules without any are left out."""
        counted = Counter(rule for difference in self.differences for rule in difference.rules)
        return {rule: counted[rule] for rule in RULES if counted[rule]}

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a difference: `text_index`, `transformers`, `fastpost`, `rules`."""
        return [vars(difference) for difference in self.differences]

    def __len__(self) -> int:
        return len(self.differences)

    def __str__(self) -> str:
        """A table of the differences, 80 columns wide at most, and how many there are by rule."""
        return self.table()

    def table(self, columns: int = 80, names: Sequence[str] | None = None) -> str:
        """A table of the differences, and how many there are.

        Args:
            columns: how wide it may be; what is longer goes on below, in its own column.
            names: what the texts are called, a name for each; default: their numbers.
        """
        if not self.differences:
            return f"no difference in {counted(len(self.texts), 'text')}; {_sides(self)}"
        rows = [(["text"], ["transformers"], ["fastpost"], ["rule"])]
        for difference in self.differences:
            number = difference.text_index
            name = str(number) if names is None else visible(names[number]).replace("\n", r"\n")
            cells = (_items(entities) for entities in (difference.transformers, difference.fastpost))
            rows.append(([name], *cells, difference.rules))  # type: ignore[arg-type]
        return f"{lay_out(rows, columns)}\n\n{_places_of(self)}\n{_sides(self)}"


def show_differences(
    compared: Comparison, *, title: str | None = None, names: Sequence[str] | None = None, most: int | None = None
) -> str:
    """The texts that differ as one piece of HTML: each twice, with the entities of transformers above, of fastpost below.

    Args:
        compared: what `compare` found.
        title: what stands above.
        names: what the texts are called, a name for each; default: their numbers.
        most: texts to show at most. What is counted above them is counted in all.
    """
    from fastpost.entities.pairs import draw_pairs
    from fastpost.entities.render import read_spans

    differing = compared.differing
    shown = differing[:most]
    texts = [compared.texts[number] for number in shown]
    above = read_spans("transformers", [compared.transformers[number] for number in shown], texts)
    below = read_spans("fastpost", [compared.fastpost[number] for number in shown], texts)
    rules: dict[int, list[str]] = {}
    for difference in compared.differences:
        known = rules.setdefault(difference.text_index, [])
        known += [rule for rule in difference.rules if rule not in known]
    captions = [
        f"{f'text {number}' if names is None else names[number]}: {', '.join(rules[number])}" for number in shown
    ]
    if not compared.differences:
        count = f"no difference in {counted(len(compared.texts), 'text')}; {_sides(compared)}"
    else:
        more = f", shown {len(shown):,} of {len(differing):,}" if len(shown) < len(differing) else ""
        count = f"{_places_of(compared)}; {_sides(compared)}{more}"
    return draw_pairs(texts, above, below, _NAMES, title=title, captions=captions, count=count)


_NAMES = ("transformers", "fastpost")


def _places_of(compared: Comparison) -> str:
    """How many differences there are, in how many texts they are, and how many of them each rule has part in."""
    counts = ", ".join(f"{rule}: {count}" for rule, count in compared.counts.items())
    texts = counted(len(compared.texts), "text")
    texts = texts if len(compared.texts) == 1 else f"{len(compared.differing):,} of {texts}"
    places = f"{counted(len(compared), 'difference')} in {texts}"
    return f"{places}; {counts}" if counts else places


def _sides(compared: Comparison) -> str:
    """How many entities both have, and how many each has alone."""
    from fastpost.entities.pairs import count_sides

    above, below = (
        [[(entity["start"], entity["end"], _name(entity)) for entity in found] for found in side]
        for side in (compared.transformers, compared.fastpost)
    )
    return count_sides(above, below, _NAMES)


_SHOWN = 3
"""Entities of one place that a table shows; a word can be cut into as many as it has letters."""


def _items(entities: list[dict[str, Any]]) -> list[str]:
    """The entities of one side of one place, one a line."""
    items = [f"{_name(entity)} {entity['word']!r}" for entity in entities]
    if len(items) > _SHOWN:
        items[_SHOWN - 1 :] = [f"and {len(items) - _SHOWN + 1} more"]
    return items or ["-"]


def _name(entity: dict[str, Any]) -> str:
    return str(entity.get("entity_group", entity.get("entity")))


def compare(pipe: Any, texts: str | Iterable[str], *, progress: bool | Told = False, **options: Any) -> Comparison:
    """Finds which entities differ between `compat="transformers"` and `compat="fastpost"`, and which rule caused it.

    Args:
        pipe: a token-classification pipeline: fastpost's own, with torch or ONNX Runtime, or one of transformers.
        texts: a text, or several.
        progress: whether a bar shows how far it is; a function is called with texts and tokens after each batch
            instead.
        options: of a call of the pipeline: `aggregation_strategy`, `stride`, ..., and the options of
            `fastpost.EntityDecoder` for `compat="fastpost"`.

    Returns:
        The differences, which print as a table. Scores are not compared. Where transformers would cut a text, or
        fail as the tokenizer names no length, its entities are those of the first window.

    Raises:
        TypeError: if `pipe` is not a token-classification pipeline.
    """
    if not hasattr(pipe, "_comparison_job") and "transformers" in packages_of(pipe):
        from fastpost.pipelines.torch.registry import accelerate

        pipe = accelerate(pipe)
    if not hasattr(pipe, "_comparison_job"):
        raise refuse(
            TypeError,
            f"`pipe` is of type {type(pipe).__name__}; pass a token-classification pipeline, and the texts after it",
            argument="pipe",
        )
    listed = [texts] if isinstance(texts, str) else list(texts)
    job, reads_on = pipe._comparison_job(options)
    steps = _Steps(job.task, reads_on)
    results = list(stream(listed, steps, job.runner, job.batching, text_size, progress=shown(progress, "texts")))
    compared = Comparison(listed, [stages[0] for _, stages in results], [stages[-1] for _, stages in results])
    for text_index, (read, stages) in enumerate(results):
        compared.differences.extend(_differences(text_index, stages, read))
    return compared


@dataclass(frozen=True)
class _Steps:
    """A task whose result for a text is one list of entities for each step from transformers to fastpost.

    The list is preceded by the character at which transformers stops reading the text.
    """

    task: EntityTask
    reads_on: bool
    """Whether transformers, too, would read all windows of a text."""
    _tasks: list[EntityTask] = field(default_factory=list)

    def encode(self, items: list[Any], first: int) -> Windows[Chunk]:
        return self.task.encode(items, first)

    def decode(self, windows: Windows[Chunk], logits: Logits) -> Sequence[tuple[int, list[list[dict[str, Any]]]]]:
        if not self._tasks:
            self._tasks.extend(_tasks(self.task))
        stages = [self._first_windows(windows, logits)]
        stages += [task.decode(windows, logits) for task in self._tasks]
        return list(zip(self._read_until(windows), map(list, zip(*stages))))

    def _read_until(self, windows: Windows[Chunk]) -> list[int]:
        """For each text, the end of the last character that transformers reads."""
        chunk = windows.info
        if self.reads_on:
            return list(map(len, chunk.texts))
        first = np.diff(chunk.owners, prepend=-1) != 0
        read = np.repeat(first, windows.lengths) & (chunk.special == 0)
        ends = np.zeros(len(chunk.texts), np.int64)
        np.maximum.at(ends, np.repeat(chunk.owners, windows.lengths)[read], chunk.offsets[read, 1])
        return ends.tolist()

    def _first_windows(self, windows: Windows[Chunk], logits: Logits) -> Sequence[Any]:
        """The results of transformers: those of the first window of each text, unless it was told to read on."""
        chunk, texts = windows.info, len(windows.info.texts)
        if not self.reads_on:
            later = np.flatnonzero(np.diff(chunk.owners, prepend=-1) == 0)
            owners = chunk.owners.copy()
            owners[later] = texts + np.arange(len(later))
            more = [chunk.texts[text] for text in chunk.owners[later]]
            chunk = replace(chunk, owners=owners, texts=[*chunk.texts, *more])
        return self._tasks[0].decode(replace(windows, info=chunk), logits)[:texts]


def _tasks(right: EntityTask) -> Iterator[EntityTask]:
    """The decoders of all steps after the first, the last of which is `right`."""
    assert right.options is not None
    # Each task keeps the decoders it has made, so none may share that dict.
    yield replace(right, options=None, _decoders={})
    wanted = right.options
    options = {**wanted, **_PLAIN}
    yield replace(right, options=dict(options), _decoders={})
    for names in _OPTIONS_OF.values():
        for name in names:
            if name in wanted:
                options[name] = wanted[name]
            else:
                del options[name]
        yield replace(right, options=dict(options), _decoders={})


def _key(entity: dict[str, Any]) -> tuple[Any, ...]:
    return entity["start"], entity["end"], _name(entity)


def _differences(text_index: int, stages: list[list[dict[str, Any]]], read: int) -> Iterator[Difference]:
    """The places where the first and the last of `stages` differ, with the rules that changed something there.

    transformers reads nothing from character `read` on, which has part in the differences there, whatever rules change.
    """
    old, new = ({_key(entity): entity for entity in stage} for stage in (stages[0], stages[-1]))
    shared = {key for key in old.keys() & new.keys() if old[key]["word"] == new[key]["word"]}
    sides = ((0, old), (1, new))
    spans = [(key[0], key[1], side, key) for side, found in sides for key in found if key not in shared]
    for start, end, keys in _places(sorted(spans)):
        there = [{key for key in map(_key, stage) if key[0] < end and key[1] > start} for stage in stages]
        steps = zip(RULES, there, there[1:])
        rules = [rule for rule, before, after in steps if before != after or (rule == "long text" and start >= read)]
        before_all, after_all = ([found[key] for at, key in keys if at == side] for side, found in sides)
        yield Difference(text_index, before_all, after_all, rules or ["word"])


def _places(
    spans: list[tuple[int, int, int, tuple[Any, ...]]],
) -> Iterator[tuple[int, int, list[tuple[int, tuple[Any, ...]]]]]:
    """Runs of sorted spans that overlap: first and last character, excluded, and their sides and keys."""
    first, last = 0, -1
    keys: list[tuple[int, tuple[Any, ...]]] = []
    for start, end, side, key in spans:
        if keys and start >= last:
            yield first, last, keys
            first, last, keys = start, -1, []
        if not keys:
            first = start
        last = max(last, end)
        keys.append((side, key))
    if keys:
        yield first, last, keys
