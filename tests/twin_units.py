"""The plain twin of words, units and joins: what is one word of a text, and which pieces are one entity."""

import functools
import unicodedata

import regex

UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}ー]"
    r"(?<=[\p{Alphabetic}])"
)


@functools.lru_cache(maxsize=4096)
def word_edges(text):
    """The characters before which a unit of the text starts, and its end."""
    edges, at = {0, len(text)}, 0
    # `regex` cuts "l'eau" behind the apostrophe, as French wants it; a full stop joins letters by the same rules.
    # Nor does it see that a mark, a joiner or a soft hyphen between a letter and a full stop changes nothing: it is given
    # as one more letter.
    plain = ""
    dotted = text.replace("'", ".").replace("\u2019", ".")
    for c, following in zip(dotted, dotted[1:] + " "):
        last = plain[-1:]
        unseen = c in "\u200d\u00ad\ufeff" and following == "."
        mark = (unseen or unicodedata.category(c) in ("Mn", "Me")) and last.isalnum() and not UNSPACED.fullmatch(last)
        plain += ("0" if last.isdecimal() else "a") if mark else c
    for piece in regex.split(r"(?wV1)\b", plain):
        segment = text[at : at + len(piece)]
        edges.add(at)
        if segment and not any(c.isalnum() for c in segment):
            edges.update(at + found.end() for found in regex.finditer(r"\X", segment))
        else:
            for found in regex.finditer(r"\X", segment):
                if UNSPACED.match(found[0]):
                    edges.update((at + found.start(), at + found.end()))
        at += len(segment)
    clusters = {found.start() for found in regex.finditer(r"\X", text)} | {len(text)}
    return sorted(edges & clusters)


APOSTROPHES, COLONS, STOPS = "'\u2018\u2019\uff07", ":\ufe13\ufe55\uff1a", ".\u2024\ufe52\uff0e"
COMMAS = ",;\u060c\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
PARTING = STOPS + COMMAS + "_"
"""Joints at which a unit has two parts where the model gives them two types."""
LETTER = regex.compile(r"[[\p{Alphabetic}\p{N}]--\p{M}]", regex.V1)
IN_A_RUN = r"[\p{Alphabetic}\p{N}\p{Pc}\u202f]"


@functools.lru_cache(maxsize=4096)
def unit_edges(text):
    """`word_edges` and the edges at the joints at which words are cut."""
    edges = set(word_edges(text))
    for start, end in zip(sorted(edges), sorted(edges)[1:]):
        clusters = [(start + found.start(), found[0]) for found in regex.finditer(r"\X", text[start:end])]
        inner = [place for place, (_, cluster) in enumerate(clusters) if not regex.match(r"\p{Pc}", cluster)]
        if inner and any(c.isalnum() for c in text[start:end]):  # signs such as `_` at both ends are no part of a word
            edges |= {at for at, _ in (*clusters[: inner[0] + 1], *clusters[inner[-1] + 1 :])}
            clusters = clusters[inner[0] : inner[-1] + 1]
        seen = [(at, cluster) for at, cluster in clusters if not regex.match(r"[\p{M}\p{Cf}]", cluster)]
        base = "".join(cluster[0] for _, cluster in seen)
        elided = ""  # what stands before the joint before, if it is an apostrophe, and cut
        for place, (at, cluster) in enumerate(seen):
            left = regex.search(IN_A_RUN + "+$", base[:place])
            right = regex.match(IN_A_RUN + "+", base[place + 1 :])
            cut = left and right and _cut(base[place], left[0], seen[place - 1][1], right[0], elided)
            if cut:
                edges |= {at, at + len(cluster)}
            if not regex.match(IN_A_RUN, base[place]):
                elided = left[0] if cut and base[place] in APOSTROPHES else ""
    for sign in signs_between(text):
        edges |= {sign, sign + 1}
    return sorted(edges)


def _cut(joint, left, cluster, right, elided):
    close = lambda c: bool(regex.match(r"[\p{Script=Latin}\p{Script=Greek}&&\p{Alphabetic}]", c, regex.V1))  # noqa: E731
    digit = lambda c: bool(regex.match(r"[\p{N}--\p{Alphabetic}]", c, regex.V1))  # noqa: E731
    if joint in APOSTROPHES:
        if digit(left[-1]) and digit(right[0]):
            return False
        if len(left) == 1 and cluster in ("O", "D") and regex.match(r"[\p{Uppercase}\p{Lt}]\p{Lowercase}", right):
            return False
        return any(close(c) or digit(c) for c in (left[-1], right[0]))
    shouted = left == "S" and len(elided) > 1 and bool(regex.match(r"[\p{Uppercase}\p{Lt}]", elided[-1]))
    initial = len(left) == 1 and not (elided and (left.islower() or shouted))
    return joint in COLONS or (joint in STOPS and not initial and bool(regex.match(r"[\p{Uppercase}\p{Lt}]", right)))


def pieces_of_one_thing(text, last, new):
    """Whether two spans are joined by `join="pieces"`."""
    (start, end), (then, close) = last, new
    letter = lambda c: bool(LETTER.match(c))  # noqa: E731
    before = regex.sub(r"\p{M}+$", "", text[start:end])
    left, right = before != "" and letter(before[-1]), then < close and letter(text[then])
    if end == then:
        return left != right and any(map(letter, before))
    return left and right and then == end + 1 and text[end] in ".@_-+'&\u2019\u2018\uff07\u2010\u2011"


def one_run(text, first, last):
    """Whether nothing parts the characters from `first` to `last`, that one included."""
    return not any(c.isspace() or UNSPACED.match(c) for c in text[first : last + 1])


def tidied(text, start, end):
    """The span without white space at its ends, except for a space that carries a mark."""
    first, last = trimmed(text, start, end)
    clusters = {found.start() for found in regex.finditer(r"\X", text)} | {len(text)}
    if first < last and first not in clusters:
        first = max(start, first - 1)
    if first < last and last not in clusters:
        last = min(end, last + 1)
    return first, last


def trimmed(text, start, end):
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


NO_SPACES = r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}ー]"
SPACED = rf"(?:[[\p{{Alphabetic}}\p{{N}}]--{NO_SPACES}]|\p{{M}})"
BEGIN = rf"(?!\p{{M}}){SPACED}"
STOP = r"[.\uff0e]"
ADDRESS = regex.compile(
    rf"(?V1)(?:(?<!{SPACED})[oO][{APOSTROPHES}])?{BEGIN}(?:(?:{SPACED}|[_+-]|{STOP})*(?:{SPACED}|_))?[@\uff20]"
    rf"(?:{BEGIN}(?:(?:{SPACED}|-)*{SPACED})?(?:(?<!\p{{Lowercase}}){STOP}|{STOP}(?!\p{{Uppercase}})))+"
    rf"(?=\p{{Alphabetic}}){BEGIN}(?:{SPACED}|-)*{SPACED}"
)
"""An e-mail address: a name, `@`, labels with full stops between; see `fastpost_core::addresses`."""


WEB = regex.compile(
    rf"(?V1)(?<!{SPACED})(?:(?:[hH][tT][tT][pP][sS]?|[fF][tT][pP])://|[wW]ww\.|WWW\.){BEGIN}"
    rf"(?:(?:{SPACED}|[-_~:/?#@!$\&*+=%]|(?<!\p{{Lowercase}})\.|\.(?!\p{{Uppercase}}))*(?:{SPACED}|[-_~/#@$\&+=%]))?"
)
"""A web address: a scheme or `www.`, and what may follow."""


ALNUM = r"[\p{Alphabetic}\p{N}\p{M}]"
HYPHEN = r"[-\u2010\u2011]"
NUMBER = regex.compile(rf"(?V1)(?<![0-9]|{HYPHEN}|[0-9][.])[0-9]++(?:(?:{HYPHEN}|[.])[0-9]++)*+(?!{HYPHEN}+[0-9])")
"""A number in groups, if it has seven digits or more, and a hyphen or three groups."""
AREA = regex.compile(rf"(?V1)(?<!{ALNUM}|{HYPHEN})[0-9]*\([0-9]+\)$")
GOES_ON = rf"{ALNUM}|[.']\p{{N}}|_{ALNUM}"


def numbers(text):
    """The numbers in groups."""
    out = []
    for found in NUMBER.finditer(text):
        start, end = found.span()
        area = AREA.search(text[:start])
        start = area.start() if area else start
        number = text[start:end]
        groups = 1 + len(regex.findall(rf"{HYPHEN}|[.)]", number))
        enough = sum(map(str.isdigit, number)) >= 7 and (groups > 2 or regex.search(HYPHEN, number))
        behind, before = (
            regex.match(GOES_ON, text[end:]),
            regex.search(rf"(?:{ALNUM}|\p{{N}}[.']|{ALNUM}_)$", text[:start]),
        )
        if enough and not behind and not before:
            out.append((start, end))
    return out


def signs_between(text):
    """Commas and semicolons between a number in groups and another number."""
    near = regex.compile(rf"\p{{N}}[{COMMAS}]$"), regex.compile(rf"[{COMMAS}]\p{{N}}")
    spans = numbers(text)
    return {start - 1 for start, _ in spans if near[0].search(text[:start])} | {
        end for _, end in spans if near[1].match(text[end:])
    }


def addresses(text, edges):
    """The characters of the addresses and numbers in groups, widened to the units that they begin and end in."""
    out = []
    every = [*ADDRESS.finditer(text, overlapped=True), *WEB.finditer(text, overlapped=True)]
    for first, last in sorted([*(found.span() for found in every), *numbers(text)]):
        start, end = max(e for e in edges if e <= first), min(e for e in edges if e >= last)
        if out and start < out[-1][1]:
            start, end = min(out[-1][0], start), max(out.pop()[1], end)
        out.append((start, end))
    return out
