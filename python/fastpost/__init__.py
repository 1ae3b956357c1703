"""What happens around Hugging Face models before and after the forward pass, in Rust.

`import fastpost` imports nothing: each public name brings its module, and NumPy, when it is first used. torch,
transformers and onnxruntime are imported by the pipelines that run on them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastpost import metrics
    from fastpost import presidio as presidio
    from fastpost import ray as ray
    from fastpost import spacy as spacy
    from fastpost import spark as spark
    from fastpost._fastpost import VERSION as __version__
    from fastpost._render import render
    from fastpost._udf import ner_udf
    from fastpost._verify import verify_tokenizer
    from fastpost.align import align_labels, align_tokens, labels_to_spans, plan_windows, spans_to_labels
    from fastpost.answers import AnswerDecoder, Answers
    from fastpost.corpus import Corpus, CorpusStats, TextRecords
    from fastpost.encoding import Encoder, EncoderReport, Encodings
    from fastpost.entities import Entities, EntityDecoder, TextEntities
    from fastpost.exceptions import CorpusError
    from fastpost.offsets import OffsetMap, check_offsets
    from fastpost.pipelines.compare import Comparison, compare
    from fastpost.pipelines.install import accelerate, install, pipeline, uninstall
    from fastpost.pipelines.question_answering import QuestionAnsweringPipeline
    from fastpost.pipelines.token_classification import TokenClassificationPipeline
    from fastpost.redaction import Redaction, redact
    from fastpost.squad import postprocess_qa_predictions
    from fastpost.training import WordCounts, train_new_from_iterator

_HOMES = {
    "AnswerDecoder": "fastpost.answers",
    "Answers": "fastpost.answers",
    "Comparison": "fastpost.pipelines.compare",
    "Corpus": "fastpost.corpus",
    "CorpusError": "fastpost.exceptions",
    "CorpusStats": "fastpost.corpus",
    "TextRecords": "fastpost.corpus",
    "Encoder": "fastpost.encoding",
    "EncoderReport": "fastpost.encoding",
    "Encodings": "fastpost.encoding",
    "Entities": "fastpost.entities",
    "EntityDecoder": "fastpost.entities",
    "OffsetMap": "fastpost.offsets",
    "QuestionAnsweringPipeline": "fastpost.pipelines.question_answering",
    "Redaction": "fastpost.redaction",
    "TextEntities": "fastpost.entities",
    "TokenClassificationPipeline": "fastpost.pipelines.token_classification",
    "WordCounts": "fastpost.training",
    "accelerate": "fastpost.pipelines.install",
    "align_labels": "fastpost.align",
    "align_tokens": "fastpost.align",
    "check_offsets": "fastpost.offsets",
    "compare": "fastpost.pipelines.compare",
    "install": "fastpost.pipelines.install",
    "labels_to_spans": "fastpost.align",
    "ner_udf": "fastpost._udf",
    "pipeline": "fastpost.pipelines.install",
    "plan_windows": "fastpost.align",
    "postprocess_qa_predictions": "fastpost.squad",
    "redact": "fastpost.redaction",
    "spans_to_labels": "fastpost.align",
    "render": "fastpost._render",
    "train_new_from_iterator": "fastpost.training",
    "uninstall": "fastpost.pipelines.install",
    "verify_tokenizer": "fastpost._verify",
}

_MODULES = ("metrics", "presidio", "ray", "spacy", "spark")
"""Public modules, each imported when it is first used; all but `metrics` need the package they are named for."""

__all__ = [
    "AnswerDecoder",
    "Answers",
    "Comparison",
    "Corpus",
    "CorpusError",
    "CorpusStats",
    "Encoder",
    "EncoderReport",
    "Encodings",
    "Entities",
    "EntityDecoder",
    "OffsetMap",
    "QuestionAnsweringPipeline",
    "Redaction",
    "TextEntities",
    "TextRecords",
    "TokenClassificationPipeline",
    "WordCounts",
    "__version__",
    "accelerate",
    "align_labels",
    "align_tokens",
    "check_offsets",
    "compare",
    "install",
    "labels_to_spans",
    "metrics",
    "ner_udf",
    "pipeline",
    "plan_windows",
    "postprocess_qa_predictions",
    "redact",
    "render",
    "spans_to_labels",
    "train_new_from_iterator",
    "uninstall",
    "verify_tokenizer",
]


def __getattr__(name: str) -> object:
    """Imports the module of a public name when the name is first used."""
    if name == "__version__":
        from fastpost._fastpost import VERSION

        value: object = VERSION
    elif name in _MODULES:
        value = _module(name)
    elif name in _HOMES:
        value = _value(name)
    else:
        raise AttributeError(f"module 'fastpost' has no attribute {name!r}")
    globals()[name] = value
    return value


def _value(name: str) -> object:
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("transformers", "torch"):
            raise
        raise ImportError(f"fastpost.{name} needs {error.name}; pip install 'fastpost[transformers]'") from error


def _module(name: str) -> object:
    try:
        return importlib.import_module(f"fastpost.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise ImportError(f"fastpost.{name} needs {missing}; pip install 'fastpost[{name}]'") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
