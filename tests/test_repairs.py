"""What transformers gets wrong and `compat="fastpost"` gets right: a test for each defect, with the smallest text that shows it.

In each, transformers itself and `compat="transformers"` show the defect and `compat="fastpost"` does not. The defects of
question answering are those of transformers 4.57, which `AnswerDecoder(compat="transformers")` repeats.
"""

import functools
import tracemalloc

import numpy as np
import pytest

import fastpost
from fastpost import AnswerDecoder, EntityDecoder
from oracle import Oracle, assert_equal, lookup_model, peer
from qa_twin import v4_candidates
from small_tokenizers import fast

BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
WORDS = "no-decoder"  # a tokenizer with one token a word, so that labels can be spelled out
oracle = functools.cache(Oracle)


def rows_of(window, text, labels, spelled):
    """Logits of one window: the tokens that start in each piece of `spelled` get its label, the others "O"."""
    rows = np.zeros((len(window.input_ids), len(labels)), np.float32)
    best = np.zeros(len(rows), int)
    at = 0
    for piece, label in spelled:
        at = text.index(piece, at)
        inside = (window.offsets[:, 0] >= at) & (window.offsets[:, 0] < at + len(piece))
        # Byte-level tokens begin at the space before their word.
        inside |= (window.offsets[:, 0] == at - 1) & (window.offsets[:, 1] > at)
        assert (inside & (window.special_tokens_mask == 0)).any(), piece
        best[inside & (window.special_tokens_mask == 0)] = labels.index(label)
    rows[np.arange(len(rows)), best] = 9
    return rows


def both(
    kind, text, labels, spelled, aggregation_strategy="simple", *, rows=None, stride=None, max_length=512, **options
):
    """What transformers and `compat="fastpost"` find, as (name, word) pairs; without aggregation by default."""
    options.setdefault("decode", "argmax")
    transformers = oracle(kind, max_length)
    case = transformers.case(text, stride=stride)
    if rows is None:
        rows = [rows_of(window, text, labels, spelled) for window in case.windows]
    theirs = transformers.entities(case, rows, labels, aggregation_strategy)
    encodings, windows = [window.encoding for window in case.windows], [0] * len(case.windows)
    drop_in = EntityDecoder(
        labels, aggregation_strategy=aggregation_strategy, compat="transformers", tokenizer=transformers.pipe.tokenizer
    )
    assert_equal(drop_in.decode(rows, encodings, [text], windows=windows).to_dicts()[0], theirs)
    right = EntityDecoder(labels, aggregation_strategy=aggregation_strategy, **options)
    ours = right.decode(rows, encodings, [text], windows=windows).to_dicts()[0]
    return [[(e["entity_group"], e["word"]) for e in found] for found in (theirs, ours)]


# --- schemes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "labels", "spelled", "theirs"),
    [
        (
            "BIOES",
            ["O", "B-PER", "I-PER", "E-PER", "S-PER"],
            [("Angela", "B-PER"), ("Merkel", "E-PER"), ("Barack", "S-PER")],
            [("PER", "Angela"), ("PER", "Merkel"), ("PER", "Barack")],
        ),
        (
            "BILOU",
            ["O", "B-PER", "I-PER", "L-PER", "U-PER"],
            [("Angela", "B-PER"), ("Merkel", "L-PER"), ("Barack", "U-PER")],
            [("PER", "Angela"), ("PER", "Merkel"), ("PER", "Barack")],
        ),
        (
            "BMES",
            ["O", "B-PER", "M-PER", "E-PER", "S-PER"],
            [("Angela", "B-PER"), ("Merkel", "E-PER"), ("Barack", "S-PER")],
            [("PER", "Angela"), ("PER", "Merkel"), ("PER", "Barack")],
        ),
        (
            "IOE2",
            ["O", "I-PER", "E-PER"],
            [("Angela", "I-PER"), ("Merkel", "E-PER"), ("Barack", "E-PER")],
            [("PER", "Angela"), ("PER", "Merkel"), ("PER", "Barack")],
        ),
    ],
)
def test_schemes_that_mark_the_end(scheme, labels, spelled, theirs):
    text = "Angela Merkel met Barack"
    assert EntityDecoder(labels).scheme == scheme
    assert both(WORDS, text, labels, spelled) == [theirs, [("PER", "Angela Merkel"), ("PER", "Barack")]]


def test_neighbours_that_end_at_their_mark():
    """transformers makes one entity of two adjacent single-token entities."""
    labels = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
    found = both(WORDS, "Angela Barack", labels, [("Angela", "S-PER"), ("Barack", "S-PER")])
    assert found == [[("PER", "Angela Barack")], [("PER", "Angela"), ("PER", "Barack")]]


def test_iob1():
    """A token that continues after another type's end is not lost; `I-` opens an entity, too."""
    labels = ["O", "I-PER", "B-PER"]
    spelled = [("Angela", "I-PER"), ("Merkel", "I-PER"), ("Barack", "B-PER")]
    for scheme in ("IOB1", "auto"):
        theirs, ours = both(WORDS, "Angela Merkel Barack", labels, spelled, scheme=scheme)
        assert theirs == ours == [("PER", "Angela Merkel"), ("PER", "Barack")]
    # IOB1 writes no `B-` here, but a name that a model begins with `B-` is not left out.
    spelled = [("Angela", "B-PER"), ("Merkel", "I-PER")]
    theirs, ours = both(WORDS, "Angela Merkel", labels, spelled, scheme="IOB1", repair="discard")
    assert theirs == ours == [("PER", "Angela Merkel")]


def test_underscore():
    found = both(WORDS, "Angela Merkel", ["O", "B_PER", "I_PER"], [("Angela", "B_PER"), ("Merkel", "I_PER")])
    assert found == [[("B_PER", "Angela"), ("I_PER", "Merkel")], [("PER", "Angela Merkel")]]


def test_suffix():
    found = both(WORDS, "Angela Merkel", ["O", "PER-B", "PER-I"], [("Angela", "PER-B"), ("Merkel", "PER-I")])
    assert found == [[("B", "Angela"), ("I", "Merkel")], [("PER", "Angela Merkel")]]


def test_plain_labels_lose_letters():
    found = both(WORDS, "Angela", ["O", "date-time"], [("Angela", "date-time")])
    assert found == [[("time", "Angela")], [("date-time", "Angela")]]


# --- words ----------------------------------------------------------------------------------------


def sees(kind, text, spelled, aggregation_strategy="first"):
    """What transformers and `compat="fastpost"` find with labels by words, as (name, characters without white space)."""
    theirs, ours = both(kind, text, BIO, spelled, aggregation_strategy)
    case = oracle(kind).case(text)
    found = oracle(kind).entities(case, [rows_of(case.windows[0], text, BIO, spelled)], BIO, aggregation_strategy)
    assert [e["entity_group"] for e in found] == [name for name, _ in theirs]
    shown = [(e["entity_group"], text[e["start"] : e["end"]].strip()) for e in found]
    return [entity for entity in shown if entity[1]], ours


@pytest.mark.parametrize("between", ["\n", "\t", "\u00a0", ",", "/"])
def test_words_end_at_more_than_a_space(between):
    text = f"Anna{between}London"
    theirs, ours = sees("byte-level", text, [("Anna", "B-PER"), ("London", "B-LOC")])
    assert theirs == [("PER", text)]
    assert ours == [("PER", "Anna"), ("LOC", "London")]


@pytest.mark.parametrize("between", [",", "-", "("])
def test_words_of_sentencepiece(between):
    text = f"Hi Anna{between}London"
    theirs, ours = sees("metaspace-bpe", text, [("Anna", "B-PER"), ("London", "B-LOC")])
    assert theirs == [("PER", f"Anna{between}London")]
    assert ours == [("PER", "Anna"), ("LOC", "London")]


@pytest.mark.parametrize("kind", ["byte-level", "metaspace-bpe"])
def test_chinese_is_not_one_word(kind):
    text = "in 北京工作"
    theirs, ours = sees(kind, text, [("北", "B-LOC"), ("京", "I-LOC")])
    assert {name for name, _ in theirs} == {"LOC"}
    assert "".join(word for _, word in theirs).endswith("工作")
    assert ours == [("LOC", "北京")]


def test_a_decomposed_accent_begins_no_new_word():
    """transformers takes a token that is shorter than its text for the continuation of a word."""
    labels = ["O", "PER"]
    text = "m E\u0301va"
    tokens = [(0, 1), (2, 4), (4, 5), (5, 6)]  # of "m", "e", "##v", "##a", by a normaliser that joins the accent
    logits = np.array([[9, 0], [0, 9], [0, 9], [0, 9]], np.float32)
    tokenizer = oracle("wordpiece-uncased").pipe.tokenizer
    ids = tokenizer.convert_tokens_to_ids(["m", "e", "##v", "##a"])
    assert tokenizer.unk_token_id not in ids
    arrays = {"offsets": np.array([tokens]), "input_ids": np.array([ids]), "texts": [text]}
    words = {"tokenizer": tokenizer, "aggregation_strategy": "first"}
    theirs = EntityDecoder(labels, compat="transformers", **words).decode(logits[None], **arrays).to_dicts()[0]
    ours = EntityDecoder(labels, **words).decode(logits[None], **arrays).to_dicts()[0]
    assert theirs == []
    assert [(e["entity_group"], e["word"]) for e in ours] == [("PER", "E\u0301va")]


# --- windows --------------------------------------------------------------------------------------


def test_the_longest_entity_wins_whatever_its_score():
    """Window 2 has "Obama" at its edge and is unsure; it says LOC there and for one word more."""
    text = "Angela Merkel met Barack Obama in New York"
    case = oracle(WORDS, 7).case(text, stride=2)
    assert [window.encoding.tokens[1:-1] for window in case.windows][1][:2] == ["Barack", "Obama"]
    says = {(0, 18): (1, 9.0), (0, 25): (2, 9.0), (1, 18): (0, 9.0), (1, 25): (3, 1.0), (1, 31): (4, 1.0), (1, 34): (4, 1.0),
            (1, 38): (4, 1.0)}  # fmt: skip
    rows = []
    for number, window in enumerate(case.windows):
        own = np.zeros((len(window.input_ids), len(BIO)), np.float32)
        for token, (start, _) in enumerate(window.offsets.tolist()):
            label, logit = says.get((number, start), (0, 9.0)) if not window.special_tokens_mask[token] else (0, 9.0)
            own[token, label] = logit
        rows.append(own)
    theirs, ours = both(WORDS, text, BIO, None, rows=rows, stride=2, max_length=7)
    assert theirs == [("LOC", "Obama in New York")]
    assert ours == [("PER", "Barack"), ("LOC", "Obama in New York")]


def test_text_past_the_length_of_the_model_is_not_dropped():
    tokenizer = fast("wordpiece-uncased", 16)
    model = lookup_model(BIO, len(tokenizer))
    text = "Angela Merkel met Barack Obama in New York on 12 May. " * 3
    dropped = peer(model, tokenizer, aggregation_strategy="simple")(text)
    seen = max(entity["end"] for entity in dropped)
    drop_in = fastpost.TokenClassificationPipeline(
        model=model, tokenizer=tokenizer, device=-1, aggregation_strategy="simple"
    )
    assert_equal(drop_in(text), dropped)
    assert seen < len(text) / 3
    right = drop_in(text, compat="fastpost")
    assert right.covered == (0, len(text.rstrip()))
    assert not right.truncated
    assert max(entity["end"] for entity in right) > 2 * len(text) / 3
    with pytest.raises(ValueError, match="has more than the 16 tokens"):
        drop_in(text, compat="fastpost", on_long_text="error")


# --- entities -------------------------------------------------------------------------------------


def test_word_is_the_text():
    theirs, ours = both("wordpiece-cased", "718-555-0199", BIO, [("718-555-0199", "I-PER")])
    assert (theirs, ours) == ([("PER", "718 - 555 - 0199")], [("PER", "718-555-0199")])


def test_illegal_sequences():
    """No label begins the entity, so its first word is lost; the best legal sequence has it."""
    text = "Angela Merkel"
    case = oracle(WORDS).case(text)
    rows = np.full((4, len(BIO)), -9, np.float32)
    rows[1, :2] = 1.0, 0.9  # O, B-PER
    rows[2, 2] = 9  # I-PER
    assert len(case.windows[0].input_ids) == 4
    theirs, ours = both(WORDS, text, BIO, None, rows=[rows], decode="viterbi")
    assert (theirs, ours) == ([("PER", "Merkel")], [("PER", "Angela Merkel")])


def test_an_entity_ends_inside_a_word():
    text = "Sylvainx lives"
    theirs, ours = both("wordpiece-cased", text, BIO, [("Sylva", "I-PER")], snap="word")
    ((name, word),) = theirs
    assert name == "PER"
    assert "Sylvainx".startswith(word)
    assert word != "Sylvainx"
    assert ours == [("PER", "Sylvainx")]


# --- question answering ---------------------------------------------------------------------------


def answers(compat, windows, contexts, owners=None, dtype=np.float32, **options):
    """Answers of a question of one token; each window is (spans of its context, start logits, end logits)."""
    given = {"cls_token_id": 101} if compat == "transformers" else {}
    return AnswerDecoder(compat=compat, **options).decode(
        [np.array([0, -90, -90, *start, -90], dtype) for _, start, _ in windows],
        [np.array([0, -90, -90, *end, -90], dtype) for _, _, end in windows],
        contexts=contexts,
        offsets=[np.array([(0, 0), (0, 3), (0, 0), *spans, (0, 0)]) for spans, _, _ in windows],
        sequence_ids=[np.array([-1, 0, -1, *[1] * len(spans), -1]) for spans, _, _ in windows],
        word_ids=[np.array([-1, 0, -1, *range(len(spans)), -1]) for spans, _, _ in windows],
        input_ids=[np.array([101, 7, 102, *[7] * len(spans), 102]) for spans, _, _ in windows],
        windows=owners,
        **given,
    )


ANNA = [(0, 4), (5, 9)]


def test_scores_of_equal_texts_are_added():
    windows = [(ANNA, [9, 9], [9, 9])] * 3
    merged = answers("transformers", windows, ["Anna anna"], [0, 0, 0], top_k=2, max_answer_len=1)
    assert merged.score[0] > 1
    apart = answers("fastpost", windows, ["Anna anna"], [0, 0, 0], top_k=4, max_answer_len=1)
    assert apart.score.sum() <= 1 + 1e-9
    assert sorted(apart.start.tolist()) == [0, 5]


def test_scores_of_different_windows_can_be_compared():
    """The second window is sure of nothing, but has a softmax of its own: its answer comes first."""
    unsure = ([(10, 14)], [1.0], [1.0])
    sure = (ANNA, [9.0, 8.5], [9.0, 8.5])
    text = "Anna Lena Hugo"
    theirs = answers("transformers", [sure, unsure], [text], [0, 0])
    ours = answers("fastpost", [sure, unsure], [text], [0, 0], max_answer_len=1)
    assert theirs.answers == ["Hugo"]
    assert ours.answers == ["Anna"]


def test_one_answer_is_a_dict_and_several_a_list():
    one = [(ANNA, [9, 0], [9, 0])]
    shapes = [type(answers("transformers", one, ["Anna anna"], top_k=k).to_dicts()[0]) for k in (1, 2)]
    assert shapes == [dict, list]
    assert {type(answers("fastpost", one, ["Anna anna"], top_k=k).to_dicts()[0]) for k in (1, 2)} == {list}


def test_half_precision_keeps_three_digits():
    windows = [(ANNA, [2.0, 1.0], [2.0, 1.0])]
    exact = answers("transformers", windows, ["Anna anna"]).score[0]
    half = answers("transformers", windows, ["Anna anna"], dtype=np.float16).score[0]
    assert 1e-5 < abs(half - exact) < 1e-2
    ours = [answers("fastpost", windows, ["Anna anna"], dtype=kind).score[0] for kind in (np.float16, np.float32)]
    assert ours[0] == ours[1]


def test_the_search_is_no_matrix():
    """transformers stores one value for each pair of tokens: 160 GB for the text that both modes read here."""
    tokens = 1024
    logits = np.random.default_rng(0).normal(size=(2, tokens)).astype(np.float32)
    tracemalloc.start()
    v4_candidates(*logits, np.ones(tokens, bool), 1, 15)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak >= 4 * tokens**2
    words = 200_000
    spans = [(5 * word, 5 * word + 4) for word in range(words)]
    start, end = np.full((2, words), -9.0)
    start[150_000] = end[150_001] = 9
    for compat in ("transformers", "fastpost"):
        found = answers(compat, [(spans, start, end)], ["word " * words], max_answer_len=2)
        assert (found.start.tolist(), found.end.tolist()) == ([750_000], [750_009])


def context_first(compat, tokens, start, end, **options):
    """Answers of a question behind its context, as tokenizers that pad on the left have it: (id, sequence, span) each."""
    ids, sequences, spans = zip(*tokens)
    return AnswerDecoder(compat=compat, context_sequence=0, **options).decode(
        [np.array(start, np.float32)],
        [np.array(end, np.float32)],
        contexts=["Anna Lena"],
        offsets=[np.array(spans)],
        sequence_ids=[np.array(sequences)],
        word_ids=[np.array([-1 if sequence < 0 else word for word, sequence in enumerate(sequences)])],
        input_ids=[np.array(ids)],
        cls_token_id=101,
    )


PADDED = [(0, -1, (0, 0)), (7, 0, (0, 4)), (8, 0, (5, 9)), (102, -1, (0, 0)), (9, 1, (0, 3)), (101, -1, (0, 0))]


def test_the_question_is_masked_with_left_padding():
    """The best span lies in the question; transformers gives what stands at that place of the context."""
    logits = [-9, 1, 2, -9, 9, -9]
    theirs = context_first("transformers", PADDED, logits, logits, max_answer_len=1)
    ours = context_first("fastpost", PADDED, logits, logits, max_answer_len=1)
    assert theirs.answers == ["Ann"]
    assert ours.answers == ["Lena"]


def test_cls_is_where_it_is():
    """CLS is the last token here. transformers masks token 0 and gives a null answer that was not allowed."""
    logits = [-9, 1, 2, -9, -9, 9]
    theirs = context_first("transformers", PADDED, logits, logits, max_answer_len=1)
    assert theirs.answers == [""]
    assert theirs.score[0] > 0.9
    ours = context_first("fastpost", PADDED, logits, logits, max_answer_len=1)
    assert ours.answers == ["Lena"]
    allowed = context_first("fastpost", PADDED, logits, logits, max_answer_len=1, handle_impossible_answer=True)
    assert allowed.answers == [""]
    assert allowed.score[0] > 0.9


def test_no_empty_answers():
    """If there are fewer spans than asked for, token 0 fills up the list: an answer without text and with score 0."""
    window = [([(0, 4)], [9], [9])]
    theirs = answers("transformers", window, ["Anna"], top_k=3, align_to_words=False)
    ours = answers("fastpost", window, ["Anna"], top_k=3, align_to_words=False)
    assert "" in theirs.answers
    assert ours.answers == ["Anna"]


def test_as_many_answers_as_pairs_of_tokens():
    """`argpartition` of transformers has no element that far out."""
    scores = np.zeros(25)
    with pytest.raises(ValueError, match="out of bounds"):
        np.argpartition(-scores, 25)
    for compat in ("transformers", "fastpost"):
        found = answers(compat, [([(0, 4)], [9], [9])], ["Anna"], top_k=25, align_to_words=False)
        assert found.answers[0] == "Anna"
