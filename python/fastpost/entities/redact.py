"""Texts with what was found in them replaced, and the way back."""

from __future__ import annotations

import math
import operator
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, overload

import fastpost._fastpost as _fastpost
from fastpost._inputs.bounds import counted, with_article
from fastpost._inputs.labels import not_an_entity, refuse_half_pair, unequal_lists
from fastpost.entities.result import Entities
from fastpost.exceptions import refuse
from fastpost.types import RedactedSpan

__all__ = ["Redaction", "redact"]

Replace = Callable[[dict[str, Any]], str]

_FIELDS = ("label", "n", "score")


@dataclass(frozen=True, repr=False)
class Redaction:
    """Redacted texts, where their placeholders stand, and what stood there before. It can't be changed."""

    _texts: tuple[str, ...]
    _spans: tuple[list[RedactedSpan], ...]
    _originals: dict[str, list[str]] = field(compare=False)
    """The distinct words that each placeholder stands for."""
    _single: bool = field(compare=False)

    @property
    def texts(self) -> list[str]:
        """The redacted texts, a list of one for one text."""
        return list(self._texts)

    @property
    def spans(self) -> list[Any]:
        """The placeholders of the text in order, as dicts (`fastpost.types.RedactedSpan`); of several texts, a list of lists.

        `start` and `end` are in the redacted text, `label` and `score` are the entity's, `original_start` and
        `original_end` are in the original text. `fastpost.render(redaction.text, redaction.spans)` shows them.
        """
        copies = [[span.copy() for span in spans] for spans in self._spans]
        return copies[0] if self._single else copies

    @property
    def text(self) -> str:
        """The redacted text, if there is one."""
        if len(self._texts) != 1:
            raise AttributeError(f"this Redaction holds {counted(len(self._texts), 'text')}; take `texts`")
        return self._texts[0]

    @property
    def mapping(self) -> dict[str, str]:
        """What each placeholder stands for: the personal data itself, so keep it apart from the redacted texts.

        It has the placeholders that stand for one word only; the others are in `ambiguous`.
        """
        return {
            placeholder: words[0] for placeholder, words in self._originals.items() if placeholder not in self.ambiguous
        }

    @cached_property
    def ambiguous(self) -> dict[str, tuple[str, ...]]:
        """Placeholders that can't be put back, with all that they may stand for.

        A placeholder may stand for several words, as `[{label}]` does in a text with two names. It also may stand for
        itself, where the text has the same characters outside the entities.
        """
        several = {placeholder: tuple(words) for placeholder, words in self._originals.items() if len(words) > 1}
        for text, spans in zip(self._texts, self._spans):
            ours = {(span["start"], span["end"]) for span in spans}
            # Text that reads like a placeholder but is not one, or a placeholder that the text after it changes: PER_1
            # and 2.
            for start, end in ours ^ set(_occurrences(text, self._originals)):
                name = text[start:end]
                several[name] = (*dict.fromkeys((*several.get(name, self._originals[name]), name)),)
        return several

    @overload
    def restore(self, other_text: str) -> str: ...
    @overload
    def restore(self, other_text: list[str] | tuple[str, ...]) -> list[str]: ...
    def restore(self, other_text: str | list[str] | tuple[str, ...]) -> str | list[str]:
        """Puts the originals back in place of the placeholders of another text, or of a list of texts.

        The text may be any text that was made from the redacted one, such as the answer of a chat model. Where one
        placeholder begins with another, the longer one counts. Originals are not searched for placeholders. What looks
        like a placeholder, but is not one of this redaction, stays as it is.

        Raises:
            ValueError: if the text has a placeholder that is in `ambiguous`.
        """
        if isinstance(other_text, str):
            return self._restored(other_text, "other_text")
        _check_list("other_text", other_text)
        return [self._restored(text, f"other_text[{number}]") for number, text in enumerate(other_text)]

    def _restored(self, text: str, name: str) -> str:
        _check_text(name, text)
        if "" in self._originals:
            raise refuse(
                ValueError,
                "`replace` left nothing where entities stood, so they can't be put back; pass a template such as "
                "'[{label}_{n}]' to `redact`",
                argument="replace",
            )
        for start, end in _occurrences(text, self.ambiguous, in_numbers=True):
            raise refuse(ValueError, self._refusal(name, text[start:end]), argument=name)
        pieces, at = [], 0
        for start, end in _occurrences(text, self._originals):
            pieces += [text[at:start], self._originals[text[start:end]][0]]
            at = end
        return "".join([*pieces, text[at:]])

    def _refusal(self, name: str, placeholder: str) -> str:
        words = len(self._originals[placeholder])
        if words > 1:
            why = f"which stands for {words} different words; pass a template with {{n}} to `redact`"
        else:
            why = "but the redacted text has these characters in another place, too; pass another template to `redact`"
        return f"`{name}` has {_short(placeholder)}, {why}, such as '[{{label}}_{{n}}]'"

    def __setstate__(self, state: Any) -> None:
        try:
            texts, spans, originals, single = (state[f"_{name}"] for name in ("texts", "spans", "originals", "single"))
            held = (*texts, *originals, *(word for words in originals.values() for word in words))
            fits = all(originals[text[one["start"] : one["end"]]] for text, own in zip(texts, spans) for one in own)
            fits &= type(texts) is tuple and type(single) is bool and all(isinstance(one, str) for one in held)
        except (AttributeError, KeyError, TypeError):  # whose messages may show what was redacted
            fits = False
        if not fits or len(texts) != len(spans) or (single and len(texts) != 1):
            raise refuse(ValueError, "this is no pickle of a Redaction: its texts and placeholders do not fit")
        vars(self).update(_texts=texts, _spans=spans, _originals=originals, _single=single)

    def __repr__(self) -> str:
        count = sum(map(len, self._spans))
        return f"<Redaction: {counted(count, 'placeholder')} in {counted(len(self._texts), 'text')}>"


def redact(text: str | Sequence[str], entities: Any, replace: str | Replace = "[{label}]") -> Redaction:
    """Replaces each entity of a text, or of many texts, by a placeholder.

    >>> redaction = redact("Anna met Tom.", [(0, 4, "PER"), (9, 12, "PER")], "<{label}_{n}>")
    >>> redaction.text
    '<PER_1> met <PER_2>.'
    >>> redaction.restore("Dear <PER_2>,")
    'Dear Tom,'

    No character of an entity is left. Entities that overlap are replaced together, by one placeholder: it has the label
    of the longest entity; of entities that are equally long, that of the highest score; then that of the first.
    Entities that only touch have one placeholder each. An entity without characters has none. What lies outside stays
    as it is.

    Args:
        text: the text, or a list of texts.
        entities: its entities in any order: dicts with `start`, `end` and `label` (or `entity_group`, `entity`,
            `entity_type`) and perhaps `score`, as pipelines, GLiNER and displaCy give them; tuples (start, end, label)
            or (start, end, label, score); spans of spaCy; results of Presidio; or an `Entities`. Of several texts, a
            list of such lists, or the `Entities` of all.
        replace: a template, or a function. In a template, `{label}` is the entity's label, `{score}` its score with two
            decimals, and `{n}` the number of the word among the different words of its label, from 1. The same word has
            the same number in all texts of the call; a number is passed over if the texts already contain its
            placeholder. A brace is written twice, `{{`. A function gets the entity as a dict with `start`, `end`,
            `label`, `score`, `word`, `n` and what else the given dict has, and returns the placeholder.

    Raises:
        TypeError: if a text is not a `str`, an entity is in none of these forms, a place is not an integer, or the
            function returns anything but a `str`.
        ValueError: if an entity has no place, no label, or lies outside its text; if there are not as many lists as
            texts; if an `Entities` was made of other texts; if the template has another name in braces; if the
            template, a label, or what the function returns holds half a surrogate pair.
    """
    single = isinstance(text, str)
    if not single:
        _check_list("text", text)
    texts = [text] if isinstance(text, str) else list(text)
    for number, one in enumerate(texts):
        _check_text("text" if single else f"text[{number}]", one)
    found = _spans_of(entities, texts, single)
    placeholders = _Placeholders(replace, texts, {span.label for spans in found for span in spans})
    redacted, spans = [], []
    for one, its_spans in zip(texts, found):
        made, places = _replaced(one, its_spans, placeholders)
        redacted.append(made)
        spans.append(places)
    return Redaction(tuple(redacted), tuple(spans), placeholders.originals, single)


class _Span(NamedTuple):
    """An entity of a text."""

    start: int
    end: int
    label: str
    score: float | None
    name: str
    """Its name in errors."""
    given: Mapping[Any, Any] = {}
    """The dict that the caller gave for it."""


def _replaced(text: str, spans: list[_Span], placeholders: _Placeholders) -> tuple[str, list[RedactedSpan]]:
    pieces, places, at, length = [], [], 0, 0
    for span in _merged(spans):
        before = text[at : span.start]
        placeholder = placeholders.of(text, span)
        start = length + len(before)
        length = start + len(placeholder)
        pieces += [before, placeholder]
        places.append(
            RedactedSpan(
                start=start,
                end=length,
                label=span.label,
                score=span.score,
                original_start=span.start,
                original_end=span.end,
            )
        )
        at = span.end
    return "".join([*pieces, text[at:]]), places


def _merged(spans: list[_Span]) -> Iterator[_Span]:
    """The spans in order; those that overlap become one that covers them all."""
    together: list[_Span] = []
    end = 0
    for span in sorted((span for span in spans if span.start < span.end), key=operator.attrgetter("start")):
        if together and span.start >= end:
            yield _one_of(together, end)
            together = []
        together.append(span)
        end = max(end, span.end)
    if together:
        yield _one_of(together, end)


def _one_of(spans: list[_Span], end: int) -> _Span:
    """The span whose label counts, as wide as all of them; `sorted` and `max` keep to the order that was given."""
    if len(spans) == 1:
        return spans[0]

    def weight(span: _Span) -> tuple[int, float]:
        known = span.score is not None and not math.isnan(span.score)
        return span.end - span.start, span.score if known and span.score is not None else -math.inf

    return max(spans, key=weight)._replace(start=spans[0].start, end=end)


class _Placeholders:
    """The placeholders of entities.

    Attributes:
        originals: the distinct words that each placeholder stands for.
    """

    def __init__(self, replace: str | Replace, texts: list[str], labels: set[str]) -> None:
        if not isinstance(replace, str) and not callable(replace):
            kind = type(replace).__name__
            raise refuse(
                TypeError,
                f"`replace` is {with_article(kind)}; pass a template such as '[{{label}}]', or a function",
                argument="replace",
            )
        self._template = template(replace) if isinstance(replace, str) else None
        self._replace = replace
        self._texts = texts
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._labels = labels
        self._taken: dict[str, set[int]] = {}
        self.originals: dict[str, list[str]] = {}
        self._known: set[tuple[str, str]] = set()

    def of(self, text: str, span: _Span) -> str:
        """The placeholder of a span."""
        word = text[span.start : span.end]
        placeholder = self._made(word, span)
        if (placeholder, word) not in self._known:
            self._known.add((placeholder, word))
            self.originals.setdefault(placeholder, []).append(word)
        return placeholder

    def _made(self, word: str, span: _Span) -> str:
        if self._template is None:
            places = {"start": span.start, "end": span.end, "label": span.label, "score": span.score, "word": word}
            made = self._replace({**span.given, **places, "n": self._number(span.label, word)})  # type: ignore[operator]
            if not isinstance(made, str):
                raise refuse(
                    TypeError,
                    f"`replace` returned {with_article(type(made).__name__)} for `{span.name}`; it should return a str",
                    argument="replace",
                )
            if _half_pair(made) and not _half_pair(word):
                raise refuse(
                    ValueError,
                    f"`replace` returned {_short(made)} for `{span.name}`, which holds half a surrogate pair; it should return "
                    "text that has a form in UTF-8",
                    argument="replace",
                )
            return made
        pieces = []
        for literal, name in self._template:
            pieces.append(literal)
            if name == "label":
                pieces.append(span.label)
            elif name == "n":
                pieces.append(str(self._number(span.label, word)))
            elif name == "score":
                if span.score is None:
                    told = f"`{span.name}` has no score; leave {{score}} out of `replace`, or give it one"
                    raise refuse(ValueError, told, argument=span.name)
                pieces.append(f"{span.score:.2f}")
        return "".join(pieces)

    def _number(self, label: str, word: str) -> int:
        number = self._numbers.get((label, word))
        if number is None:
            number = self._last.get(label, 0) + 1
            taken = self._taken_of(label)
            while number in taken:
                number += 1
            self._numbers[label, word] = self._last[label] = number
        return number

    def _taken_of(self, label: str) -> set[int]:
        """The numbers in the texts at places where a placeholder of this label would have its own."""
        if label in self._taken or self._template is None:
            return self._taken.setdefault(label, set())
        if len(self._taken) >= _FEW_LABELS and "score" not in [name for _, name in self._template]:
            self._look_up_all()
            return self._taken.setdefault(label, set())
        before, literals = "", [""]
        for literal, name in self._template:
            before += re.escape(literal)
            literals[-1] += literal
            if name == "n":
                break
            if name == "score":
                before += r"-?[0-9]{1,20}\.[0-9]{2}"
                literals.append("")
            elif name == "label":
                before += re.escape(label)
                literals[-1] += label
        # Finding a string is a hundred times as fast as an expression, and texts with thousands of labels hold few of them.
        rarest = max(literals, key=len)
        texts = [text for text in self._texts if rarest in text]
        # A look ahead finds those that overlap, too. No counting comes to 18 digits.
        pattern = re.compile(f"(?={before}([0-9]{{1,18}}))")
        runs = {match[1] for text in texts for match in pattern.finditer(text)}
        # PER_1 is also in PER_12.
        self._taken[label] = {int(run[:length]) for run in runs for length in range(1, len(run) + 1)}
        return self._taken[label]

    def _look_up_all(self) -> None:
        """The same for all labels at once: the text before each digit is looked up, in each length that there is."""
        by_prefix: dict[str, set[int]] = {}
        for label in self._labels - self._taken.keys():
            prefix = ""
            for literal, name in self._template or ():
                prefix += literal
                if name == "n":
                    break
                prefix += label if name == "label" else ""
            self._taken[label] = by_prefix.setdefault(prefix, set())
        lengths = sorted(set(map(len, by_prefix)))
        for text in self._texts:
            for digit in _DIGIT.finditer(text):
                at = digit.start()
                for length in lengths:
                    taken = by_prefix.get(text[at - length : at]) if length <= at else None
                    if taken is not None:
                        run = _RUN.match(text, at)[0]  # type: ignore[index]  # it begins with the digit
                        taken.update(int(run[:count]) for count in range(1, len(run) + 1))


_FEW_LABELS = 16
"""Up to so many labels are looked up one by one, which is faster for each but slower for thousands."""
_DIGIT, _RUN = re.compile("[0-9]"), re.compile("[0-9]{1,18}")


@lru_cache
def template(text: str, argument: str = "`replace`") -> tuple[tuple[str, str | None], ...]:
    """The parts of a template: characters, and the name that follows them. `argument` is what errors call it.

    Raises:
        ValueError: if it has braces that are neither a name nor twins, or half a surrogate pair.
    """
    if _half_pair(text):
        told = f"{argument} is {_short(text)}, which holds half a surrogate pair; pass text that has a form in UTF-8"
        raise refuse(ValueError, told, argument=argument.strip("`"))
    cure = "the names are {label}, {n} and {score}, and a brace itself is written twice, {{ or }}"
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        told = f"{argument} is {_short(text)}, in which a brace stands alone; {cure}"
        raise refuse(ValueError, told, argument=argument.strip("`")) from error
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in _FIELDS:
            told = f"{argument} has {_short('{' + name + '}')[1:-1]} in it; {cure}"
            raise refuse(ValueError, told, argument=argument.strip("`"))
        if spec or conversion:
            what = f"{{{name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
            raise refuse(
                ValueError,
                f"{argument} has {_short(what)[1:-1]} in it, a name with a format; pass {{{name}}}, or a function that "
                "makes the placeholder",
                argument=argument.strip("`"),
            )
    return tuple((literal, name) for literal, name, _, _ in parts)


def _occurrences(text: str, placeholders: Mapping[str, Any], in_numbers: bool = False) -> Iterator[tuple[int, int]]:
    """Where placeholders stand in a text, from left to right, the longest at each place.

    PER_1 does not stand in PER_12, whether there is a placeholder PER_12 or not, unless `in_numbers`. A place is looked
    up once for each length that placeholders have, so thousands of them cost little more than one.
    """
    first = {placeholder[0] for placeholder in placeholders if placeholder}
    if not first:
        return
    lengths = sorted({len(placeholder) for placeholder in placeholders if placeholder}, reverse=True)
    at = 0
    for match in re.finditer(f"[{re.escape(''.join(sorted(first)))}]", text):
        start = match.start()
        if start < at:
            continue
        for length in lengths:
            end = start + length
            if end > len(text) or text[start:end] not in placeholders:
                continue
            if in_numbers or not (_in_number(text, start) or _in_number(text, end)):
                yield start, end
                at = end
                break


def _in_number(text: str, at: int) -> bool:
    """Whether both the character before and the one after are digits."""
    return 0 < at < len(text) and text[at - 1] in _DIGITS and text[at] in _DIGITS


_DIGITS = frozenset("0123456789")


def _spans_of(entities: Any, texts: list[str], single: bool) -> list[list[_Span]]:
    """The entities of each text, checked."""
    if isinstance(entities, Entities):
        return _of_columns(entities, texts)
    if single:
        return [_of_one("entities", entities, texts[0])]
    _check_list("entities", entities)
    lists = list(entities)
    if len(lists) != len(texts):
        raise unequal_lists("entities", lists, len(texts))
    return [_of_one(f"entities[{number}]", found, text) for number, (found, text) in enumerate(zip(lists, texts))]


def _of_columns(entities: Entities, texts: list[str]) -> list[list[_Span]]:
    if entities.text_count != len(texts):
        raise refuse(
            ValueError,
            f"`entities` is of {counted(entities.text_count, 'text')}, but `text` holds {len(texts)}; pass the texts they were found in",
            argument="entities",
        )
    if len(entities) and not _fastpost.entity_kind(entities._table)[1]:
        raise refuse(
            ValueError,
            "`entities` has no offsets, so nobody knows where they lie; pass `offsets` to the decoder",
            argument="entities",
        )
    known = _fastpost.entity_texts(entities._table)
    for number, (before, now) in enumerate(zip(known or (), texts)):
        if before != now:
            raise refuse(
                ValueError,
                f"`entities` was found in other texts: text {number} had {counted(len(before), 'character')}, `text` has "
                f"{len(now)} or others; pass the texts they were found in",
                argument="entities",
            )
    found: list[list[_Span]] = [[] for _ in texts]
    columns = (entities.text_index, entities.start, entities.end, entities.label_id, entities.score)
    for row, (index, start, end, label, score) in enumerate(zip(*(column.tolist() for column in columns))):
        name = f"entities[{row}]"
        _check_place(name, start, end, texts[index])
        found[index].append(_Span(start, end, entities.labels[label], score, name))
    return found


def _of_one(name: str, entities: Any, text: str) -> list[_Span]:
    if isinstance(entities, Entities):
        raise refuse(
            TypeError, f"`{name}` is an Entities; pass one for all texts, or `to_dicts()` of each", argument=name
        )
    if isinstance(entities, str | bytes | Mapping) or not isinstance(entities, Iterable):
        raise refuse(
            TypeError, f"`{name}` is of type {type(entities).__name__}; pass a list of entities", argument=name
        )
    return [_read(f"{name}[{number}]", entity, text) for number, entity in enumerate(entities)]


_START, _END = ("start_char", "start"), ("end_char", "end")
_LABEL = ("label", "entity_group", "entity", "entity_type")
_LABEL_OF_OBJECT = ("label_", "entity_type", "label")


def _read(name: str, entity: Any, text: str) -> _Span:
    given: Mapping[Any, Any] = {}
    if isinstance(entity, Mapping):
        given = entity
        start, end = entity.get("start"), entity.get("end")
        label = next((entity[key] for key in _LABEL if entity.get(key) is not None), None)
        score = entity.get("score")
    elif (
        isinstance(entity, tuple | list) and len(entity) in (3, 4) and not isinstance(entity[0], Mapping | tuple | list)
    ):
        start, end, label, score = (*entity, None)[:4]
    elif any(hasattr(entity, key) for key in _START) and not isinstance(entity, slice | range):
        start, end = (
            next((getattr(entity, key) for key in keys if hasattr(entity, key)), None) for keys in (_START, _END)
        )
        label = next((getattr(entity, key) for key in _LABEL_OF_OBJECT if getattr(entity, key, None) is not None), None)
        score = getattr(entity, "score", None)
    else:
        raise not_an_entity(name, entity, "a dict with `start`, `end` and `label`, or a tuple (start, end, label)")
    for key, value in (("start", start), ("end", end)):
        if value is None:
            raise refuse(
                ValueError, f"`{name}` has no `{key}`; only entities with offsets can be redacted", argument=name
            )
    start, end = _place(name, "start", start), _place(name, "end", end)
    if label is None:
        raise refuse(
            ValueError, f"`{name}` has no label; pass it as `label`, `entity_group` or `entity`", argument=name
        )
    if not isinstance(label, str):
        raise refuse(TypeError, f"`{name}` has a label of type {type(label).__name__}; labels are str", argument=name)
    refuse_half_pair(name, label)
    _check_place(name, start, end, text)
    try:
        number = None if score is None else float(score)
    except (TypeError, ValueError):
        raise refuse(
            TypeError, f"`{name}` has a score of type {type(score).__name__}; pass a number, or none", argument=name
        ) from None
    return _Span(start, end, label, number, name, given)


def _place(name: str, key: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise refuse(
            TypeError,
            f"`{name}` has a {key} of type {type(value).__name__}; pass an int, in characters of the text",
            argument=name,
        ) from None


def _check_place(name: str, start: int, end: int, text: str) -> None:
    if not 0 <= start <= end <= len(text):
        raise refuse(
            ValueError,
            f"`{name}` covers characters {start} to {end}, but its text has {len(text)}; pass the text it was found in, "
            "with 0 <= start <= end",
            argument=name,
        )


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise refuse(TypeError, f"`{name}` is of type {type(text).__name__}; pass a str", argument=name)


def _check_list(name: str, given: Any) -> None:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        cure = "a list of entities for each text" if name == "entities" else "a str, or a list of them"
        raise refuse(TypeError, f"`{name}` is of type {type(given).__name__}; pass {cure}", argument=name)


def _half_pair(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which has no UTF-8."""
    return any("\ud800" <= letter < "\ue000" for letter in text)


def _short(text: str) -> str:
    """`text` in quotes, cut to what an error may show."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
