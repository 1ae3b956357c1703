"""Entities from the logits of a token-classification model: no torch, no transformers."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

import fastpost._fastpost as _fastpost
from fastpost._frozen import Settled
from fastpost._inputs import arrays as _arrays
from fastpost._inputs import masks as _masks
from fastpost._inputs.bounds import counted, shown, with_article
from fastpost._inputs.encodings import read_windows
from fastpost._inputs.labels import refuse_half_pair
from fastpost._inputs.probabilities import warn_of_rows
from fastpost._inputs.tokenizer import Tokens
from fastpost._warn import warn_caller
from fastpost.columns import printed_options
from fastpost.entities.options import ENTITY_OPTIONS, OPTIONS, STRATEGY, Strategy, own_copies, read_options, refuse_own
from fastpost.entities.result import Entities, _texts
from fastpost.exceptions import refuse
from fastpost.types import ArrayLike, Batch, Ints1d, Units

__all__ = ["OPTIONS", "EntityDecoder", "Strategy"]


class EntityDecoder(Settled):
    """Turns the logits of a token-classification model into entities, a batch at a time.

    Args:
        id2label: the model's label names, `model.config.id2label` or a list; as many as the logits have columns.
        aggregation_strategy: how tokens become entities, as in transformers. "none" makes each token an entity.
            "simple" joins neighbouring tokens of one type. "first", "average" and "max" do so with words, and label a
            word by its first token, by the mean of its probabilities, or by its most certain token: those say which
            type it has, and its first and its last token whether an entity begins or ends there. `None` is "average",
            over tokens where nothing tells words apart; with `compat="transformers"` it is "simple".
        compat: "fastpost" gives its own entities, of whole words. "transformers" gives what transformers'
            pipeline gives, entity by entity; it refuses the options from `scheme` on.
        ignore_labels: entities not to report: full label names for "none", names without prefix for the others. "O"
            stands for all names that mean "outside": `OUTSIDE`, `NONE`, `_` and the like, and not for a type that is
            called "O" (`B-O`), as it does with `compat="transformers"`. Any other name must be that of a label that
            entities can have, unless `compat` is "transformers".
        tokenizer: the model's tokenizer, a `tokenizers.Tokenizer` or a fast tokenizer of transformers. It tells
            how transformers splits words and prints them; for `compat="fastpost"` only `words="transformers"` needs it.
        threads: threads of a call; `None` is all cores, 1 is the calling thread. Results do not depend on it.
        scheme: how labels spell entities: "IO", "IOB1", "IOB2" ("BIO"), "IOE1", "IOE2", "BIOES" ("IOBES"), "BILOU"
            ("BILUO"), "BMES", "plain"; "auto" reads it off `id2label`. What was read is `decoder.scheme`. Entities of
            labels that are letters alone ("B", "I", "O") have the type "_", as in seqeval.
        decode: "viterbi", the most probable sequence of labels that the scheme allows; or "argmax", the most
            probable label of each token.
        repair: what "argmax" labels become that the scheme does not allow. "conlleval": a token that can't go on
            with the one before it begins an entity, and one that is cut short ends there. "discard": entities that
            do not begin and end as the scheme wants are left out. "keep": a token that may not follow the one before
            it goes on with that one's entity, under that one's type.
        transitions: (labels, labels) weights of the step from a label (row) to the next (column), a CRF's; added
            to the logits, on top of what the scheme allows. `start_transitions`, `end_transitions`: (labels,). They are
            1,000,000 at most; -inf, or -1e30 and less, bars a step.
        biases: the six weights that openai/privacy-filter has, as a dict, or the path of `viterbi_calibration.json`.
        score: how an entity is scored, over the tokens that the model gave this label, or over words where the strategy
            joins tokens; what `snap` and `join` add does not count. "mean", "min", "first", "max" of the probabilities
            of their labels; "path": the probability, among all sequences the scheme allows, that exactly these tokens
            are an entity of this type; for `aggregation_strategy="none"`, that the token has its label. An entity that
            was joined from several has the highest of their scores. Stretches outside, where they are reported, have
            the mean.
        return_probs: whether to give the distribution over labels of each entity, over the tokens of its score.
        threshold: entities with a lower score are left out, and give back what they took from others; a number, or a
            dict by label.
        words: what tells words apart. "auto": the units of the text, for every tokenizer, without a text the
            tokenizer's `word_ids`. Units are the words of UAX #29, each letter of Chinese, Japanese, Thai and their
            like alone, cut at apostrophes, colons and full stops where names end: `Anna|'|s`, `Anna|.|Berlin`, but
            `O'Brien`, `U.S`, `example.com`. What a tokenizer drops inside a word id, such as U+200B, parts no unit, and
            two types that the model gives to the sides of a full stop, `,` `;` or `_` part one (`10115,718-555-0199`).
            "unicode": the same words uncut. "word_ids": the tokenizer's. "transformers": its rules. A token belongs
            to the word of its first character.
        snap: "word" widens entities to whole words, and with units of the text to whole e-mail and web addresses and
            numbers in groups (`718-555-0199`); two of one type that then overlap become one, a word that two types
            share goes to the one with more of its characters. "auto" does so where something tells words apart. `None` never does.
        join: "pieces" makes one of two neighbours of one type with one of `. @ _ - + ' &` and letters or digits on
            both sides of it between them, or with nothing between them where one touches with a letter or digit and
            the other does not. "run", for redaction, of all in a stretch without white space (nor letters of scripts
            that put none between words), and what lies there between two of one type is covered whatever it is
            called. `None` joins nothing.
        trim: "whitespace" leaves out white space at both ends of an entity; `None` keeps it.
        window_merge: "context": each token is decided by the window in which it is farthest from a cut edge, ties to
            the earlier one. "average": by the mean of its windows' log-probabilities. "union": windows are decoded
            apart, and each character that is in an entity of some window is in one, the longest. "transformers":
            windows are decoded apart, and of entities that overlap the longer is kept.
        outside_bias: a number that is subtracted from the logits of "outside" before anything is decided: above 0, more
            entities are found. Scores are computed from the changed logits.
        units: units to give positions in beside characters: "utf8", "utf16", "graphemes".

    Raises:
        ValueError: if an option is unknown, `id2label` has gaps or fits no scheme.

    Exact ties of scores go to the smallest label id, between windows to the earlier one. Ties of whole sequences with
    "viterbi", from the last token back: going on with an entity, then outside, then by role (begin, inside, end,
    single), then the type named first; with `transitions`, the smallest label id. Scores are Python
    floats and offsets Python ints, unlike transformers', so `json.dumps` takes them.
    """

    def __init__(
        self,
        id2label: Mapping[int, str] | Mapping[str, str] | Sequence[str],
        *,
        aggregation_strategy: Strategy | None = None,
        compat: Literal["fastpost", "transformers"] = "fastpost",
        ignore_labels: Collection[str] = ("O",),
        tokenizer: Any = None,
        threads: int | None = None,
        scheme: str = "auto",
        decode: Literal["viterbi", "argmax"] = "viterbi",
        repair: Literal["conlleval", "discard", "keep"] = "conlleval",
        transitions: ArrayLike | None = None,
        start_transitions: ArrayLike | None = None,
        end_transitions: ArrayLike | None = None,
        biases: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        score: Literal["mean", "min", "first", "max", "path"] = "mean",
        return_probs: bool = False,
        threshold: float | Mapping[str, float] = 0.0,
        words: Literal["auto", "word_ids", "unicode", "transformers"] = "auto",
        snap: Literal["auto", "word"] | None = "auto",
        join: Literal["pieces", "run"] | None = "pieces",
        trim: Literal["whitespace"] | None = "whitespace",
        window_merge: Literal["context", "average", "union", "transformers"] = "context",
        units: Sequence[Units] = (),
        outside_bias: float = 0.0,
    ) -> None:
        # The signature is the list of options, which a test holds against `ENTITY_OPTIONS`: none is named again here.
        given = {name: value for name, value in locals().items() if name in ENTITY_OPTIONS}
        names = _label_names(id2label)
        if compat == "transformers":
            refuse_own(given)
        options = read_options(given, len(names))
        tokens = None if tokenizer is None else Tokens.of(tokenizer)
        # Only the needed parts of a tokenizer: not every tokenizer can be pickled.
        kept = {"ignore_labels": list(ignore_labels), "tokenizer": tokens, "threads": options["threads"]}
        self._arguments = {"id2label": names, **given, **own_copies(given, options, len(names)), **kept}
        self._columns = len(names)
        own_default = "simple" if compat == "transformers" else STRATEGY
        self.aggregation_strategy = own_default if aggregation_strategy is None else aggregation_strategy
        self.compat = compat
        self.threads = options["threads"]
        self._units: tuple[Units, ...] = options["units"]
        self._return_probs: bool = options["return_probs"]
        named = str(getattr(self.aggregation_strategy, "value", self.aggregation_strategy))
        marks_subwords, printed = (False, None) if tokens is None else (tokens.marks_subwords, tokens.table)
        if compat == "transformers":
            self._kernel = _fastpost.EntityKernel(names, named, ignore_labels, marks_subwords, printed)
        else:
            options["lenient"] = aggregation_strategy is None
            self._kernel = _fastpost.EntityKernel.right(names, named, options, marks_subwords, printed)
        self.labels = tuple(self._kernel.names)
        self.scheme = self._kernel.scheme
        self._settle()

    def report(self) -> dict[str, Any]:
        """Says what the decoder has read off its labels, and what has told words apart so far.

        `scheme`, `labels` (how they are written, and the types), and `words`: for each way in which the words of
        texts were told apart, why, and how many texts. Empty for `compat="transformers"`.
        """
        if self.compat == "transformers":
            return {}
        layout = self._kernel.layout
        if layout is None:
            written = "types alone" if self.scheme == "plain" else "letters alone"
        else:
            written = f"type{layout[0]}letter" if layout[1] else f"letter{layout[0]}type"
        used = {reason: count for reason, count in zip(_WORDS_USED, self._kernel.used) if count}
        return {"scheme": self.scheme, "labels": written, "types": list(self.labels), "words": used}

    def decode(
        self,
        logits: Batch,
        encodings: Any = None,
        texts: Sequence[str] | None = None,
        *,
        offsets: Batch | None = None,
        lengths: ArrayLike | None = None,
        special_tokens_mask: Batch | None = None,
        input_ids: Batch | None = None,
        word_ids: Batch | None = None,
        windows: ArrayLike | None = None,
        attention_mask: Batch | None = None,
    ) -> Entities:
        """Finds the entities of a batch of texts, from what an encoder or a tokenizer made of them, or from plain arrays.

        Each array argument is padded, laid end to end with `lengths`, or a list with one array, or one list, for
        each window, of whatever length. Arrays must not be written to during the call.

        Args:
            logits: (windows, tokens, labels), or (tokens, labels) end to end; float32, float16, bfloat16 or
                float64; a row holds finite values or -inf, at least one finite.
            encodings: what `fastpost.Encoder` made of the texts; or `tokenizers.Encoding` objects of the texts, whose
                windows are each one and what overflowed from it, or of the windows; or a `BatchEncoding`.
            texts: the texts themselves.
            offsets: (windows, tokens, 2) integers, the characters of the text each token covers, end excluded;
                `None` in place of a pair says that the token is not of the text.
            lengths: (windows,), how many tokens each window has; what follows is padding. Default: no padding.
            special_tokens_mask: (windows, tokens), not 0 for tokens to leave out: `[CLS]`, padding.
            input_ids: (windows, tokens), token ids; needed if the tokenizer prints `word`.
            word_ids: (windows, tokens), the word of each token as the tokenizer numbers them over the whole text, -1 or
                `None` for none.
            windows: (windows,), the text that each window belongs to; default: window i is text i.
            attention_mask: (windows, tokens), 0 for padding, at the end or, for tokenizers that pad on the left,
                in front; in place of `lengths`.

        Returns:
            The entities, ordered by text. `window_merge` says how the windows of a text become one; for
            `compat="transformers"` their entities are sorted by start, and of two that overlap the longer one is kept.

        Raises:
            TypeError: if an array has the wrong rank or type, a text is no `str`.
            ValueError: if arrays do not fit each other, an offset lies outside its text, a row has no most
                probable label, a token id is unknown. The message names the argument, both values and the cure.
        """
        values, kind = _arrays.logits("logits", logits, 2, self._columns)
        warn_of_rows("logits", values, kind)
        listed = None if texts is None else _texts(texts)
        if encodings is not None:
            given = {
                "offsets": offsets,
                "lengths": lengths,
                "special_tokens_mask": special_tokens_mask,
                "input_ids": input_ids,
                "word_ids": word_ids,
                "attention_mask": attention_mask,
            }
            doubled = [name for name, value in given.items() if value is not None]
            if doubled:
                raise refuse(
                    ValueError,
                    f"`encodings` and `{doubled[0]}` are both given; pass the one or the other",
                    argument="encodings",
                )
            count = len(values) if isinstance(values, list) or values.ndim == 3 else None
            read, made = read_windows(encodings, _arrays.vector("windows", windows), count)
            if listed is not None and made is not None and len(listed) != made:
                raise refuse(
                    ValueError,
                    f"`texts` has {counted(len(listed), 'item')} but `encodings` has {made}; pass one encoding per text, "
                    "or `windows`, the text index of each encoding",
                    argument="texts",
                )
            lie = read.as_it_lies
            words = None if self.compat == "transformers" else lie.word_ids
            return self._run(
                values, kind, listed, read.lengths, lie.offsets, lie.special_tokens_mask, lie.ids, read.texts, words
            )
        tokens = _arrays.vector("lengths", lengths)
        pairs, outside = _arrays.offsets(offsets, _arrays.BORROWED)
        special = _arrays.mask("special_tokens_mask", special_tokens_mask)
        if attention_mask is not None:
            tokens, padding = _masks.attention(attention_mask, "logits", values, tokens, 2)
            special = special if padding is None else _masks.without(special, padding, tokens)
        if outside is not None:
            special = _masks.without(special, outside, tokens)
        return self._run(
            values,
            kind,
            listed,
            tokens,
            pairs,
            special,
            _arrays.integers("input_ids", input_ids, kinds=_arrays.BORROWED),
            _arrays.vector("windows", windows),
            _arrays.integers("word_ids", word_ids, none=-1, kinds=_arrays.BORROWED),
        )

    def _run(
        self,
        values: Any,
        kind: str,
        texts: list[str] | None,
        lengths: Ints1d | None,
        offsets: Any,
        special: Any,
        ids: Any,
        windows: Ints1d | None,
        words: Any = None,
        order: Ints1d | None = None,
        check: bool = True,
    ) -> Entities:
        """Decodes arrays in the form that Rust wants; `order` has the numbers of the logits' windows."""
        leaves_out = _arrays.signed(special)
        table = self._kernel.decode(
            values, kind, lengths, offsets, leaves_out, ids, words, windows, texts, order, check, self.threads
        )
        if table.more is not None and table.more.lost is not None:
            _warn_lost(*table.more.lost)
        return Entities(table, self.labels, units=self._units, return_probs=self._return_probs)

    def __getstate__(self) -> dict[str, Any]:
        """The arguments it was made from; pickle and copy make it anew from them."""
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def __repr__(self) -> str:
        return printed_options(
            "EntityDecoder",
            counted(self._columns, "label"),
            {**self._arguments, "aggregation_strategy": self.aggregation_strategy},
            _DEFAULTS,
            ("aggregation_strategy", "compat"),
        )


def _warn_lost(count: int, text: int, window: int, token: int) -> None:
    """Warns of tokens of entities that have no place in their text."""
    warn_caller(
        f"token {token} of window {window} (text {text}) is labelled as an entity's but its offsets cover no character"
        + (f", and so {'is' if count == 2 else 'are'} {counted(count - 1, 'more token')}" if count > 1 else "")
        + "; their entities are shorter than they should be, or missing. Pass the tokenizer's own offsets, and "
        "`special_tokens_mask` if these are special tokens; `check_offsets` finds them"
    )


_DEFAULTS = {name: option.default for name, option in ENTITY_OPTIONS.items()}

_WORDS_USED = (
    "word_ids, as asked for",
    "word_ids: there is no text",
    "units of the text",
    "units of the text, some joined: the tokenizer drops characters inside a word",
    "unicode, as asked for",
    "transformers, as asked for",
    "none: there are neither texts with offsets nor word_ids",
)
"""In the order of `fastpost_core::entities::own::words::USED`."""


def _label_names(id2label: Mapping[Any, str] | Sequence[str], argument: str = "id2label") -> list[str]:
    """Label names by id; `argument` is the name of the caller's argument."""
    if isinstance(id2label, str) or not isinstance(id2label, (Mapping, Sequence)):
        kind = type(id2label).__name__
        raise refuse(
            TypeError,
            f"`{argument}` is {shown(id2label)}, {with_article(kind)}; pass a dict of id to name, or a list of names",
            argument=argument,
        )
    if not id2label:
        raise refuse(
            ValueError,
            f"`{argument}` is empty; pass the model's own, with one name for each column of the logits",
            argument=argument,
        )
    pairs = id2label.items() if isinstance(id2label, Mapping) else enumerate(id2label)
    by_id: dict[int, Any] = {}
    for label, name in pairs:
        if isinstance(label, bool) or not isinstance(label, (int, str, np.integer)) or not str(label).isdecimal():
            raise refuse(
                ValueError, f"`{argument}` has the id {shown(label)}; label ids are 0, 1, ...", argument=argument
            )
        if int(label) in by_id:
            raise refuse(ValueError, f"`{argument}` names id {int(label)} twice; name each id once", argument=argument)
        by_id[int(label)] = name
    for label, name in by_id.items():
        if not isinstance(name, str):
            raise refuse(
                TypeError,
                f"`{argument}[{label}]` is {shown(name)}, {with_article(type(name).__name__)}; label names are str",
                argument=argument,
            )
        refuse_half_pair(f"{argument}[{label}]", name)
    missing = sorted(set(range(len(by_id))) - by_id.keys())
    if missing:
        raise refuse(
            ValueError,
            f"`{argument}` has {counted(len(by_id), 'name')} but none for id {missing[0]}; name every id from 0 to {len(by_id) - 1}",
            argument=argument,
        )
    return [by_id[label] for label in range(len(by_id))]
