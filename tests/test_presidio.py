"""The recogniser in Presidio's own engines, beside Presidio's own recognisers, without a language model to download."""

import json

import pytest

import fastpost
import pages

presidio_analyzer = pytest.importorskip("presidio_analyzer")
pytest.importorskip("presidio_anonymizer")
pytestmark = pytest.mark.neighbours

from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry  # noqa: E402
from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: E402
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer  # noqa: E402
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider  # noqa: E402
from presidio_anonymizer import AnonymizerEngine  # noqa: E402

from fastpost.integrations.presidio import LABEL_MAPPING, FastpostBatchAnalyzerEngine, FastpostRecognizer  # noqa: E402

TEXTS = [
    "My name is Anna Schmidt and I live in London; my card is 4111 1111 1111 1111.",
    "",
    "Nothing to see here.",
    "王伟 😀 wrote to Sarah Johnson in New York.",
]


@pytest.fixture(scope="module")
def recognizer(rampart_dir):
    return FastpostRecognizer(rampart_dir)


@pytest.fixture(scope="module")
def analyzer(recognizer):
    configuration = {"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "none"}]}
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(CreditCardRecognizer())
    registry.add_recognizer(recognizer)
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine(),
        supported_languages=["en"],
    )


def rows(results):
    return sorted((one.start, one.end, one.entity_type, one.score) for one in results)


def test_in_the_analyzer(analyzer, rampart_dir):
    found = {(one.entity_type, TEXTS[0][one.start : one.end]) for one in analyzer.analyze(TEXTS[0], "en")}
    assert {("PERSON", "Anna"), ("PERSON", "Schmidt"), ("LOCATION", "London")} <= found
    assert ("CREDIT_CARD", "4111 1111 1111 1111") in found


def test_results_are_those_of_the_pipeline(recognizer, rampart_dir):
    pipe = fastpost.pipeline(
        "ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", compat="fastpost"
    )
    for text in TEXTS:
        want = sorted(
            (row["start"], row["end"], recognizer.label_mapping[row["entity_group"]], row["score"])
            for row in pipe(text)
        )
        assert rows(recognizer.analyze(text)) == want
    assert json.dumps([one.to_dict() for one in recognizer.analyze(TEXTS[0])], default=str)


def test_through_the_anonymizer(analyzer):
    results = analyzer.analyze(TEXTS[0], "en")
    assert AnonymizerEngine().anonymize(TEXTS[0], results).text == (
        "My name is <PERSON> and I live in <LOCATION>; my card is <CREDIT_CARD>."
    )


def test_wanted_entities_only(analyzer, recognizer):
    assert {one.entity_type for one in analyzer.analyze(TEXTS[0], "en", entities=["PERSON"])} == {"PERSON"}
    assert recognizer.analyze(TEXTS[0], ["CREDIT_CARD"]) == []


def test_low_scores_are_left_out(rampart_dir, recognizer):
    scores = sorted(one.score for one in recognizer.analyze(TEXTS[0]))
    between = (scores[0] + scores[1]) / 2
    strict = FastpostRecognizer(rampart_dir, threshold=between)
    assert [one.score for one in strict.analyze(TEXTS[0])] == [
        one.score for one in recognizer.analyze(TEXTS[0]) if one.score >= between
    ]
    assert len(strict.analyze(TEXTS[0])) == len(scores) - 1


def test_the_decision_is_explained(analyzer):
    results = analyzer.analyze(TEXTS[0], "en", entities=["LOCATION"], return_decision_process=True)
    (city,) = [one for one in results if TEXTS[0][one.start : one.end] == "London"]
    assert city.analysis_explanation.recognizer == "FastpostRecognizer"
    assert "CITY" in city.analysis_explanation.textual_explanation
    assert city.analysis_explanation.original_score == city.score


def test_a_batch_is_what_single_texts_are(analyzer, recognizer):
    want = [rows(analyzer.analyze(text, "en")) for text in TEXTS]
    assert [rows(one) for one in recognizer.analyze_batch(TEXTS)] == [rows(recognizer.analyze(text)) for text in TEXTS]
    plain = BatchAnalyzerEngine(analyzer).analyze_iterator(TEXTS, "en")
    ours = FastpostBatchAnalyzerEngine(analyzer)
    for size in (1, 3, 100):
        got = ours.analyze_iterator(iter(TEXTS), "en", batch_size=size)
        assert [[one[:3] for one in rows(found)] for found in got] == [[one[:3] for one in found] for found in want]
        for found, single in zip(got, plain, strict=True):
            assert [one.score for one in found] == pytest.approx([one.score for one in single], abs=1e-4)
    assert ours.analyze_iterator([], "en") == []


def test_a_batch_is_read_at_once(analyzer, recognizer, monkeypatch):
    sizes = []
    read = recognizer._reader

    def counted(texts):
        sizes.append(len(texts))
        return read(texts)

    monkeypatch.setattr(recognizer, "_reader", counted)
    FastpostBatchAnalyzerEngine(analyzer).analyze_iterator([*TEXTS, *TEXTS, 7, True], "en")
    assert sizes == [len(TEXTS) + 2]
    analyzer.analyze(TEXTS[0], "en")
    assert sizes[1:] == [1]


def test_a_table(analyzer):
    table = {"name": ["Anna Schmidt", "Sarah Johnson"], "age": 41, "note": TEXTS[0]}
    (names, age, note) = FastpostBatchAnalyzerEngine(analyzer).analyze_dict(table, "en", keys_to_skip=["age"])
    assert [{one.entity_type for one in found} for found in names.recognizer_results] == [{"PERSON"}, {"PERSON"}]
    assert age.recognizer_results == []
    assert rows(note.recognizer_results) == rows(analyzer.analyze(TEXTS[0], "en"))


def test_long_texts_are_read_to_their_end(recognizer):
    text = " ".join(["The meeting went on and nothing much was said by anybody."] * 100) + " My name is Anna Schmidt."
    assert "Schmidt" in {text[one.start : one.end] for one in recognizer.analyze(text)}


def test_labels_map_to_the_users_names(rampart_dir):
    own = FastpostRecognizer(rampart_dir, label_mapping={"GIVEN_NAME": "FIRST", "CITY": None})
    found = {(one.entity_type, TEXTS[0][one.start : one.end]) for one in own.analyze(TEXTS[0])}
    assert {("FIRST", "Anna"), ("PERSON", "Schmidt")} <= found
    assert "London" not in {text for _, text in found}
    assert {"FIRST", "PERSON", "LOCATION", "PASSPORT"} <= set(own.supported_entities)
    few = FastpostRecognizer(rampart_dir, supported_entities=["PERSON"])
    assert {one.entity_type for one in few.analyze(TEXTS[0])} == {"PERSON"}
    assert few.get_supported_entities() == ["PERSON"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_mapping": {"NAME_OF_CAT": "PERSON"}}, "`label_mapping` names 'NAME_OF_CAT'"),
        ({"supported_entities": ["CRYPTO"]}, "`supported_entities` names 'CRYPTO'"),
        ({"aggregation_strategy": "best"}, "best"),
    ],
)
def test_wrong_arguments(rampart_dir, arguments, message):
    with pytest.raises(ValueError, match=message):
        FastpostRecognizer(rampart_dir, **arguments)


def test_a_ready_pipeline(rampart_dir, recognizer):
    pipe = fastpost.pipeline(
        "ner", rampart_dir, backend="onnxruntime", aggregation_strategy="average", compat="fastpost"
    )
    assert rows(FastpostRecognizer(pipe).analyze(TEXTS[0])) == rows(recognizer.analyze(TEXTS[0]))
    with pytest.raises(ValueError, match="`model` is a pipeline"):
        FastpostRecognizer(pipe, device=0)


def test_with_torch(rampart_torch_dir, recognizer):
    torch = FastpostRecognizer(str(rampart_torch_dir))
    for text in TEXTS:
        got, want = rows(torch.analyze(text)), rows(recognizer.analyze(text))
        assert [one[:3] for one in got] == [one[:3] for one in want]
        assert [one[3] for one in got] == pytest.approx([one[3] for one in want], abs=1e-3)


def test_a_threshold_for_each_label_is_own_modes(rampart_dir):
    """The thresholds used to be compared with a score, which failed at the first text."""
    by_label = FastpostRecognizer(rampart_dir, threshold={"SURNAME": 1.0})
    words = [TEXTS[0][one.start : one.end] for one in by_label.analyze(TEXTS[0])]
    assert "Anna" in words
    assert "Schmidt" not in words
    for threshold in (2, "x", None, True):
        with pytest.raises((ValueError, TypeError), match=r"`threshold` is .*; pass a number from 0 to 1"):
            FastpostRecognizer(rampart_dir, threshold=threshold)


def test_from_a_configuration_file(rampart_dir):
    """Presidio passes no own fields to a foreign class, so a subclass names the model."""

    class RampartRecognizer(FastpostRecognizer):
        def __init__(self, **kwargs):
            super().__init__(rampart_dir, **kwargs)

    recognizer = {
        "name": "RampartRecognizer",
        "type": "predefined",
        "supported_languages": [{"language": "en"}],
        "supported_entities": ["PERSON"],
    }
    configuration = {"supported_languages": ["en"], "recognizers": [recognizer]}
    registry = RecognizerRegistryProvider(registry_configuration=configuration).create_recognizer_registry()
    (made,) = [one for one in registry.recognizers if isinstance(one, FastpostRecognizer)]
    assert [TEXTS[0][one.start : one.end] for one in made.analyze(TEXTS[0])] == ["Anna", "Schmidt"]


def test_the_page(rampart_dir):
    pytest.importorskip("spacy")
    assert pages.check("neighbours.md", MODEL=str(rampart_dir)) == 5


def test_presidios_own_tables_are_in_ours():
    from pathlib import Path

    import yaml
    from presidio_analyzer.nlp_engine.ner_model_configuration import MODEL_TO_PRESIDIO_ENTITY_MAPPING

    tables = [MODEL_TO_PRESIDIO_ENTITY_MAPPING]
    for path in Path(presidio_analyzer.__file__).parent.glob("conf/*.yaml"):
        tables += list(_tables(yaml.safe_load(path.read_text(encoding="utf-8"))))
    for name in ("HuggingFaceNerRecognizer", "MedicalNERRecognizer"):
        kind = getattr(presidio_analyzer.predefined_recognizers, name, None)
        tables += [getattr(kind, "DEFAULT_LABEL_MAPPING", {})]
    chosen = {"EMAIL": "EMAIL_ADDRESS", "HOSPITAL": "ORGANIZATION"}
    assert len(tables) > 3
    for table in tables:
        assert {label: LABEL_MAPPING.get(label) for label in table} == {
            **table,
            **{k: chosen[k] for k in chosen if k in table},
        }


def _tables(value):
    """The label tables in a configuration."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "model_to_presidio_entity_mapping":
                yield item
            else:
                yield from _tables(item)
    elif isinstance(value, list):
        for item in value:
            yield from _tables(item)


def test_tokens_are_reported_by_their_type(rampart_dir):
    tokens = FastpostRecognizer(rampart_dir, aggregation_strategy="none")
    found = tokens.analyze(TEXTS[0])
    assert {"PERSON", "LOCATION"} <= {one.entity_type for one in found}
    assert not any(entity.startswith(("B-", "I-")) for entity in tokens.supported_entities)
    assert {one.entity_type for one in tokens.analyze(TEXTS[0], ["PERSON"])} == {"PERSON"}
    renamed = FastpostRecognizer(
        rampart_dir, aggregation_strategy="none", label_mapping={"CITY": "TOWN", "B-SURNAME": "FAMILY"}
    )
    assert {"TOWN", "FAMILY", "PERSON"} <= {one.entity_type for one in renamed.analyze(TEXTS[0])}
    with pytest.raises(ValueError, match="`label_mapping` names 'TOWN', but the model's labels are"):
        FastpostRecognizer(rampart_dir, aggregation_strategy="none", label_mapping={"TOWN": "CITY"})


def test_what_is_below_the_threshold_gives_back_what_it_took(rampart_dir):
    """In "KristjanAnnaann", the uncertain surname has more letters than the certain given name."""
    text, options = "My name is KristjanAnnaann of Mayelm", {"aggregation_strategy": "simple"}
    own = {"backend": "onnxruntime", "compat": "fastpost", **options}
    want = [
        (one["start"], one["end"], one["score"])
        for one in fastpost.pipeline("ner", rampart_dir, threshold=0.6, **own)(text)
    ]
    assert [text[start:end] for start, end, _ in want] == ["KristjanAnnaann", "Mayelm"]
    for recognizer in (
        FastpostRecognizer(rampart_dir, threshold=0.6, **options),
        FastpostRecognizer(fastpost.pipeline("ner", rampart_dir, **own), threshold=0.6),
        FastpostRecognizer(fastpost.pipeline("ner", rampart_dir, threshold=0.2, **own), threshold=0.6),
        FastpostRecognizer(fastpost.pipeline("ner", rampart_dir, threshold=0.6, **own), threshold=0.2),
        FastpostRecognizer(fastpost.pipeline("ner", rampart_dir, threshold={"EMAIL": 0.9}, **own), threshold=0.6),
    ):
        assert sorted((one.start, one.end, one.score) for one in recognizer.analyze(text)) == want
    high = fastpost.pipeline("ner", rampart_dir, threshold={"CITY": 0.9}, **own)
    found = FastpostRecognizer(high, threshold=0.6).analyze(text)
    assert [text[one.start : one.end] for one in found] == ["KristjanAnnaann"]
    plain = FastpostRecognizer(rampart_dir, threshold=0.6, compat="transformers", aggregation_strategy="simple")
    assert all(one.score >= 0.6 for one in plain.analyze(text))
